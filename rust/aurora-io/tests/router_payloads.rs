//! The check of payloads against the venue's own enforcement: the same generated payload goes to both, on the filters
//! of a captured `exchangeInfo` (Binance USDⓈ-M, 2021-07-22; an excerpt of it where there are no captures).
//!
//! What the venue refuses must be refused or repaired before, and what was repaired must be accepted; what the venue
//! accepts must not be refused. Both sides are written independently: nothing of `venue::checks` is used by the check.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;

use aurora_core::event::{EventBlock, Level, MessageFields, MessageKind};
use aurora_core::execution::{
    check_payload, route_entry_at, AccountStanding, Exposure, Gate, HardLimits, MarketStanding,
    Payload, Place, PositionMode, Proposal, Route, Touch, WorkingOrder,
};
use aurora_core::instrument::{Instrument, Market, Side};
use aurora_core::units::Money;
use aurora_core::venue::{
    Answer, Bracket, Call, ClientOrderId, Decimal, MarkSource, NewOrder, OrderType, PositionSide,
    Request, SelfTradePrevention, SymbolRules, TimeInForce, Venue, VenueError, VenueFees,
    VenueSettings, WorkingType,
};
use aurora_io::exchange_info;

const PAYLOADS: u64 = 40_000;
const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_626_992_740 * SECOND;

/// splitmix64 (Steele, Lea and Flood 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both included.
    fn within(&mut self, least: i64, most: i64) -> i64 {
        let span = (i128::from(most) - i128::from(least) + 1).max(1);
        (i128::from(least) + i128::from(self.next()) % span) as i64
    }

    fn percent(&mut self, share: i64) -> bool {
        self.within(0, 99) < share
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.within(0, items.len() as i64 - 1) as usize]
    }

    fn side(&mut self) -> Side {
        self.of(&[Side::Buy, Side::Sell])
    }
}

fn symbols() -> (Vec<(Instrument, SymbolRules)>, &'static str) {
    let folder = std::env::var_os("AURORA_CAPTURES").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let excerpt = include_bytes!("data/exchange_info_2021_07_22.json").to_vec();
    let (text, source) =
        match std::fs::File::open(folder.join("cryptofeed/BINANCE_FUTURES.jsonl.zst")) {
            Err(_) => (excerpt, "excerpt"),
            Ok(file) => {
                let text = zstd::decode_all(file).unwrap();
                let line = text
                    .split(|byte| *byte == b'\n')
                    .find(|line| memchr::memmem::find(line, b"fapi/v1/exchangeInfo").is_some())
                    .unwrap();
                let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                (
                    line["data"].as_str().unwrap().as_bytes().to_vec(),
                    "capture",
                )
            }
        };
    (exchange_info(&text, Market::BinanceUsdm).unwrap(), source)
}

/// The same symbol in quanta ten times as fine, so that a payload can have more digits than the symbol allows.
fn finer(instrument: &mut Instrument, rules: &mut SymbolRules) {
    instrument.price_exponent += 1;
    instrument.size_exponent += 1;
    for value in [&mut instrument.tick, &mut instrument.lot] {
        *value *= 10;
    }
    for value in [
        &mut rules.min_price,
        &mut rules.max_price,
        &mut rules.tick,
        &mut rules.min_size,
        &mut rules.max_size,
        &mut rules.step,
        &mut rules.market_min_size,
        &mut rules.market_max_size,
        &mut rules.market_step,
    ] {
        *value *= 10;
    }
}

/// Steps in the manner of the exchange's, from `first` dollars on.
fn brackets(first: i128) -> Vec<Bracket> {
    [(1, 125), (5, 50), (20, 20), (100, 5)]
        .map(|(multiple, leverage)| Bracket {
            notional_cap: Money(first * multiple * 100_000_000),
            leverage,
            maintenance_rate_e8: 400_000,
            maintenance_amount: Money::ZERO,
        })
        .to_vec()
}

/// A venue of one symbol with an account in some state, and what can be known of both from outside.
struct Scene {
    instrument: Instrument,
    rules: SymbolRules,
    venue: Venue,
    hedge: bool,
    leverage: u32,
    bids: Vec<Level>,
    asks: Vec<Level>,
    mark_told: bool,
    last: Option<i64>,
    mid: i64,
    ids: u64,
}

impl Scene {
    fn new(draw: &mut Draw, symbols: &[(Instrument, SymbolRules)]) -> Scene {
        let (mut instrument, mut rules) =
            symbols[draw.within(0, symbols.len() as i64 - 1) as usize].clone();
        if draw.percent(50) {
            finer(&mut instrument, &mut rules);
        }
        if draw.percent(30) {
            // As later answers have it.
            rules.time_in_force = TimeInForce::ALL.to_vec();
        }
        if draw.percent(40) {
            rules.brackets = brackets(draw.of(&[200, 5_000, 50_000]));
        }
        // A coarser step of market orders: in the captures both are equal.
        if draw.percent(20) {
            rules.market_step *= 10;
            rules.market_min_size *= 10;
        }
        let settings = VenueSettings {
            budgets: None,
            mark: draw.of(&[MarkSource::Mid, MarkSource::Told]),
            ..VenueSettings::exchange(VenueFees {
                maker_e8: 20_000,
                taker_e8: 50_000,
            })
        };
        let mut venue = Venue::new(settings, vec![(instrument.clone(), rules.clone())]);
        let deposit = draw.of(&[20, 500, 10_000, 10_000_000]);
        venue.add_account(Money(deposit * 100_000_000), NOW);
        let times = draw.within(2, 20);
        let raw = (rules.min_price.max(rules.tick) * times).min(rules.max_price / 2);
        let mid = raw - (raw - rules.min_price).rem_euclid(rules.tick);
        let mut scene = Scene {
            leverage: rules.largest_leverage().min(20),
            instrument,
            rules,
            venue,
            hedge: false,
            bids: Vec::new(),
            asks: Vec::new(),
            mark_told: settings.mark == MarkSource::Mid,
            last: None,
            mid,
            ids: 0,
        };
        scene.prepare(draw);
        scene
    }

    fn ask(&mut self, request: Request) -> Result<Answer, VenueError> {
        self.venue.handle(&Call::new(0, request), NOW).outcome
    }

    fn feed(&mut self, kind: MessageKind, bids: &[Level], asks: &[Level]) {
        self.ids += 10;
        let mut block = EventBlock::default();
        block.levels = [bids, asks].concat();
        block.push(MessageFields {
            local_ns: NOW,
            exchange_ns: NOW,
            first_id: 0,
            last_id: self.ids,
            previous_id: 0,
            levels_start: 0,
            bids: bids.len() as u32,
            asks: asks.len() as u32,
            kind,
            flags: 0,
        });
        self.venue.on_market(0, &block, &block.messages[0], NOW);
    }

    fn prepare(&mut self, draw: &mut Draw) {
        let leverage = draw.of(&[1, 5, 20, 50]);
        if self
            .ask(Request::SetLeverage {
                symbol: 0,
                leverage,
            })
            .is_ok()
        {
            self.leverage = leverage;
        }
        if draw.percent(40) {
            let mode = Request::SetPositionMode { hedge_mode: true };
            self.hedge = self.ask(mode).is_ok();
        }
        if draw.percent(2) {
            // No book, no price.
            return;
        }
        let (tick, spread) = (self.rules.tick, draw.within(1, 6));
        // Enough on the first level for a position worth several times the smallest order.
        let unit = self.instrument.notional(self.mid, self.rules.step).0.max(1);
        let lots = i64::try_from(self.rules.min_notional.0 / unit + 2).unwrap();
        let steps = self.rules.step * 10;
        let book = |best: i64, down: i64, odd: i64| -> Vec<Level> {
            let level = |index: i64| Level {
                price: best + down * index * tick,
                size: steps * lots * (2 * index + 2) + odd * self.rules.step,
            };
            (0..4).map(level).filter(|level| level.price > 0).collect()
        };
        let (best_bid, best_ask) = (self.mid, self.mid + spread * tick);
        let first = (book(best_bid, -1, 0), book(best_ask, 1, 0));
        (self.bids, self.asks) = (book(best_bid, -1, 1), book(best_ask, 1, 1));
        self.feed(MessageKind::Snapshot, &first.0, &first.1);
        if draw.percent(80) {
            let price = self.mid + draw.within(0, spread) * tick;
            let size = self.rules.step;
            self.feed(MessageKind::Trade, &[Level { price, size }], &[]);
            self.last = Some(price);
        }
        if draw.percent(60) {
            let size = self.rules.step * lots * draw.within(1, 8);
            let held = draw.side();
            let payload = Payload {
                position_side: self.position_side(held),
                ..self.plain(held, OrderType::Market, size)
            };
            let _ = self.send(&payload, 1_000);
        }
        self.place_resting(draw, lots, spread);
        let (bids, asks) = (self.bids.clone(), self.asks.clone());
        self.feed(MessageKind::Snapshot, &bids, &asks);
        if !self.mark_told && draw.percent(80) {
            let percent = if draw.percent(10) {
                draw.within(80, 125)
            } else {
                draw.within(98, 102)
            };
            self.venue.on_mark(0, self.mid / 100 * percent + 1, NOW);
            self.mark_told = true;
        }
    }

    fn place_resting(&mut self, draw: &mut Draw, lots: i64, spread: i64) {
        let full = draw.percent(1);
        let count = if full {
            self.rules.max_orders as i64 + 5
        } else {
            draw.within(0, 3)
        };
        for number in 0..count {
            let side = draw.side();
            // Some inside the spread; where the number is the matter, none meets another.
            let away = draw.within(if full { 1 } else { 1 - spread }, 3);
            let price = match side {
                Side::Buy => self.mid - away * self.rules.tick,
                Side::Sell => self.mid + (spread + away) * self.rules.tick,
            };
            let held = if !full && draw.percent(25) {
                side.opposite()
            } else {
                side
            };
            let payload = Payload {
                price: Some(price),
                time_in_force: Some(TimeInForce::Gtx),
                position_side: self.position_side(held),
                reduce_only: !self.hedge && held != side,
                ..self.plain(
                    side,
                    OrderType::Limit,
                    self.rules.step * (lots + number % 5),
                )
            };
            let _ = self.send(&payload, number as u64);
        }
        let count = match draw.within(0, 19) {
            0 => self.rules.max_conditional_orders as i64,
            _ => draw.within(0, 2),
        };
        for number in 0..count {
            let payload = Payload {
                trigger: Some(self.mid + (20 + number) * self.rules.tick),
                position_side: self.position_side(Side::Buy),
                ..self.plain(
                    Side::Buy,
                    OrderType::StopMarket,
                    self.rules.market_step * lots * 2,
                )
            };
            let _ = self.send(&payload, 500 + number as u64);
        }
    }

    fn position_side(&self, held: Side) -> PositionSide {
        match (self.hedge, held) {
            (false, _) => PositionSide::Both,
            (true, Side::Buy) => PositionSide::Long,
            (true, Side::Sell) => PositionSide::Short,
        }
    }

    fn plain(&self, side: Side, kind: OrderType, size: i64) -> Payload {
        Payload {
            side,
            position_side: PositionSide::Both,
            kind,
            time_in_force: None,
            size: Some(size),
            price: None,
            trigger: None,
            working_type: WorkingType::ContractPrice,
            callback_bps: None,
            activation: None,
            reduce_only: false,
            close_position: false,
            good_till_ns: None,
        }
    }

    fn send(&mut self, payload: &Payload, id: u64) -> Result<Answer, VenueError> {
        let price = |quanta| Decimal::new(quanta, self.instrument.price_exponent);
        let size = |quanta| Decimal::new(quanta, self.instrument.size_exponent);
        let order = NewOrder {
            symbol: 0,
            client_id: ClientOrderId::parse(&format!("o{id}")).unwrap(),
            side: payload.side,
            position_side: payload.position_side,
            kind: payload.kind,
            time_in_force: payload.time_in_force,
            quantity: payload.size.map(size),
            price: payload.price.map(price),
            trigger: payload.trigger.map(price),
            working_type: payload.working_type,
            price_protect: false,
            callback_bps: payload.callback_bps,
            activation: payload.activation.map(price),
            reduce_only: payload.reduce_only,
            close_position: payload.close_position,
            good_till_ns: payload.good_till_ns,
            self_trade_prevention: SelfTradePrevention::ExpireMaker,
        };
        self.ask(if order.kind.is_conditional() {
            Request::NewAlgo(order)
        } else {
            Request::NewOrder(order)
        })
    }

    /// A payload that is mostly sound, each part of it sometimes not.
    fn payload(&self, draw: &mut Draw) -> Payload {
        let rules = &self.rules;
        let (side, kind) = (draw.side(), draw.of(&OrderType::ALL));
        let kind = if draw.percent(40) {
            OrderType::Limit
        } else {
            kind
        };
        let held = if draw.percent(35) {
            side.opposite()
        } else {
            side
        };
        let price = self.price(draw, side);
        let trails = kind == OrderType::TrailingStopMarket;
        let waits = kind.is_conditional() && !trails;
        let position_side = if draw.percent(3) {
            draw.of(&PositionSide::ALL)
        } else {
            self.position_side(held)
        };
        let close_position = draw.percent(if waits && !kind.has_price() { 25 } else { 1 });
        let reduce_only = if self.hedge { 4 } else { 25 };
        let mut payload = Payload {
            position_side,
            size: (!close_position || draw.percent(10)).then(|| self.size(draw, price)),
            price: kind.has_price().then_some(price),
            time_in_force: kind.has_price().then(|| draw.of(&TimeInForce::ALL)),
            trigger: waits.then(|| self.trigger(draw, kind, side)),
            working_type: draw.of(&[WorkingType::ContractPrice, WorkingType::MarkPrice]),
            callback_bps: trails.then(|| draw.of(&[9, 10, 100, 1_000, 1_001])),
            activation: (trails && draw.percent(50))
                .then(|| self.trigger(draw, OrderType::TakeProfitMarket, side)),
            reduce_only: draw.percent(reduce_only),
            close_position,
            ..self.plain(side, kind, rules.step)
        };
        if payload.time_in_force == Some(TimeInForce::Gtd) {
            let ahead = draw.of(&[590, 600, 601, 602, 3_600]) * SECOND;
            payload.good_till_ns = Some(NOW + ahead + draw.within(0, 1) * 1_234);
        }
        match draw.within(0, 99) {
            0 => payload.time_in_force = None,
            1 => payload.time_in_force = Some(draw.of(&TimeInForce::ALL)),
            2 => payload.price = None,
            3 => payload.price = Some(price),
            4 => payload.trigger = None,
            5 => payload.trigger = Some(price),
            6 => payload.callback_bps = Some(100),
            7 => payload.activation = Some(price),
            8 => payload.good_till_ns = Some(NOW + 7_200 * SECOND),
            9 => payload.size = None,
            _ => {}
        }
        payload
    }

    fn price(&self, draw: &mut Draw, side: Side) -> i64 {
        let (rules, mid) = (&self.rules, self.mid);
        let near = mid + draw.within(-8, 8) * rules.tick;
        match draw.within(0, 19) {
            0 => near + draw.within(1, rules.tick.max(2) - 1),
            1 => mid / 100 * draw.within(70, 130) / rules.tick * rules.tick,
            2 => rules.min_price + draw.within(-2, 2) * rules.tick,
            3 => rules.max_price + draw.within(-2, 2) * rules.tick,
            4 => draw.within(-1, 1),
            5 => draw.within(1, rules.max_price),
            6 => mid + side.sign() * draw.within(0, 40) * rules.tick + draw.within(-5, 5),
            _ => near,
        }
    }

    fn trigger(&self, draw: &mut Draw, kind: OrderType, side: Side) -> i64 {
        // A stop that buys waits above, a take-profit that buys below.
        let above = (side == Side::Buy) != kind.is_take_profit();
        let sound = self.mid + if above { 1 } else { -1 } * draw.within(8, 60) * self.rules.tick;
        if draw.percent(70) {
            sound.max(self.rules.min_price)
        } else {
            self.price(draw, side)
        }
    }

    fn size(&self, draw: &mut Draw, price: i64) -> i64 {
        let rules = &self.rules;
        let unit = self.instrument.notional(price.max(1), rules.step).0.max(1);
        let enough = i64::try_from((rules.min_notional.0 / unit + 1).min(1_000_000_000)).unwrap();
        let sound = rules.min_size.max(rules.market_min_size)
            + rules.market_step * enough.saturating_mul(draw.within(1, 4));
        match draw.within(0, 19) {
            0 => draw.within(-1, 1),
            1 => sound + draw.within(1, rules.step.max(2) - 1),
            2 => rules.max_size + draw.within(-2, 2) * rules.step,
            3 => rules.market_max_size + draw.within(-2, 2) * rules.market_step,
            4 => rules.min_size,
            5 => rules.step * enough + draw.within(-2, 2) * rules.step,
            6 => rules.min_size - 1,
            7 => sound
                .saturating_mul(draw.of(&[20, 500, 10_000]))
                .min(rules.max_size * 2),
            _ => sound,
        }
    }

    fn working(&mut self) -> Vec<WorkingOrder> {
        let Ok(Answer::Orders(rows)) = self.ask(Request::OpenOrders { symbol: Some(0) }) else {
            panic!("no orders");
        };
        let order = |row: &aurora_core::venue::OrderRow| WorkingOrder {
            side: row.side,
            position_side: row.position_side,
            price: row.price.unwrap(),
            left: row.left(),
            reduces: row.reduce_only,
        };
        rows.iter().map(order).collect()
    }
}

#[derive(Default)]
struct Counts {
    refused_by_both: u64,
    repaired: u64,
    leaked: u64,
    accepted: u64,
    repaired_though_sound: u64,
    repaired_then_refused: u64,
    refused_wrongly: u64,
    codes: BTreeMap<i32, (u64, u64)>,
    reasons: BTreeMap<&'static str, u64>,
    repairs: BTreeMap<(&'static str, &'static str), u64>,
    accepted_kinds: BTreeMap<(&'static str, &'static str, bool), u64>,
}

#[test]
fn what_the_venue_refuses_is_refused_or_repaired_before_and_nothing_else_is() {
    let (symbols, source) = symbols();
    let mut draw = Draw(7);
    let mut counts = Counts::default();
    for number in 0..PAYLOADS {
        one(number, &mut draw, &symbols, &mut counts);
    }
    let c = &counts;
    let refused = c.refused_by_both + c.repaired + c.leaked;
    println!("{PAYLOADS} payloads, {} symbols ({source})", symbols.len());
    println!(
        "venue refuses {refused}: refused before {}, repaired and accepted {}, leaked {}",
        c.refused_by_both, c.repaired, c.leaked
    );
    println!(
        "venue accepts {}: refused wrongly {}, repaired though sound {}",
        c.accepted, c.refused_wrongly, c.repaired_though_sound
    );
    println!("code: (all, leaked) {:?}", c.codes);
    println!("reasons {:?}", c.reasons);
    println!("repairs {:?}", c.repairs);
    println!("accepted {:?}", c.accepted_kinds);
    assert!(refused > 10_000 && c.accepted > 5_000);
    assert_eq!(c.refused_wrongly, 0);
    assert_eq!(c.repaired_then_refused, 0);
    assert!(c.leaked * 100 <= refused, "{} of {refused}", c.leaked);
    for code in [
        -1001, -1102, -1106, -1111, -1115, -1130, -2019, -2021, -2022, -2025, -2027, -4002, -4003,
        -4004, -4005, -4013, -4014, -4016, -4023, -4024, -4045, -4061, -4062, -4131, -4137, -4140,
        -4164, -4183, -4184, -5021, -5022, -5040,
    ] {
        assert!(c.codes.contains_key(&code), "{code} was never reached");
    }
}

fn one(number: u64, draw: &mut Draw, symbols: &[(Instrument, SymbolRules)], counts: &mut Counts) {
    let mut scene = Scene::new(draw, symbols);
    let payload = scene.payload(draw);
    let working = scene.working();
    let Ok(Answer::Algos(algos)) = scene.ask(Request::OpenAlgos { symbol: Some(0) }) else {
        panic!("no conditional orders");
    };
    let Ok(Answer::Account(snapshot)) = scene.ask(Request::Account) else {
        panic!("no account");
    };
    let account = AccountStanding {
        positions: PositionSide::ALL.map(|side| scene.venue.position(0, 0, side)),
        orders: &working,
        conditional_orders: algos.len(),
        equity: snapshot.wallet + snapshot.margin.unrealised,
        other_initial: Money::ZERO,
        leverage: scene.leverage,
    };
    let touch = match (scene.bids.first(), scene.asks.first()) {
        (Some(bid), Some(ask)) => Touch::new(bid.price, ask.price),
        _ => None,
    };
    let market = MarketStanding {
        touch,
        bids: &scene.bids,
        asks: &scene.asks,
        mark: scene.venue.mark(0).filter(|_| scene.mark_told),
        last: scene.last,
    };
    let exposure = account.exposure(&scene.instrument, market.reference(), None);
    assert_eq!(account.initial_margin(exposure), snapshot.margin.initial);
    let place = Place {
        instrument: &scene.instrument,
        rules: &scene.rules,
        mode: if scene.hedge {
            PositionMode::Hedge
        } else {
            PositionMode::OneWay
        },
        now_ns: NOW,
        market: Some(market),
        account: Some(account),
    };
    let mut repairs = Vec::new();
    let checked = check_payload(&payload, &place, &mut repairs);
    // What has passed once passes again, unchanged.
    if let Ok(checked) = &checked {
        let mut more = Vec::new();
        assert_eq!(check_payload(checked, &place, &mut more), Ok(*checked));
        assert_eq!(more, []);
        assert_eq!(repairs.is_empty(), *checked == payload);
    }
    let venue = scene.venue.clone();
    let raw = scene.send(&payload, 9_000).err();
    scene.venue = venue;
    let again = checked.map(|checked| scene.send(&checked, 9_001).err());
    if let Ok(Some(error)) = again {
        if counts.leaked < 20 {
            println!("leak {number}: {error} {payload:?} {repairs:?}");
        }
    }
    match (raw, again) {
        (Some(error), outcome) => {
            let leaked = matches!(outcome, Ok(Some(_)));
            let row = counts.codes.entry(error.code()).or_default();
            row.0 += 1;
            row.1 += u64::from(leaked);
            match outcome {
                Err(reason) => {
                    counts.refused_by_both += 1;
                    *counts.reasons.entry(reason.code()).or_default() += 1;
                }
                Ok(None) => counts.repaired += 1,
                Ok(Some(_)) => counts.leaked += 1,
            }
            counts.repaired_then_refused += u64::from(leaked && !repairs.is_empty());
        }
        (None, Err(reason)) => {
            println!("wrongly {number}: {reason} {payload:?}");
            counts.accepted += 1;
            counts.refused_wrongly += 1;
        }
        (None, Ok(outcome)) => {
            counts.accepted += 1;
            counts.repaired_though_sound += u64::from(!repairs.is_empty());
            counts.repaired_then_refused += u64::from(outcome.is_some());
            let terms = payload.time_in_force.map_or("-", TimeInForce::name);
            let key = (payload.kind.name(), terms, scene.hedge);
            *counts.accepted_kinds.entry(key).or_default() += 1;
        }
    }
    for repair in &repairs {
        let key = (repair.field.name(), repair.reason.name());
        *counts.repairs.entry(key).or_default() += 1;
    }
}

/// A proposal through gate and router, on every symbol: what leaves is accepted as it is.
#[test]
fn every_entry_that_the_router_lets_out_is_accepted() {
    let (symbols, _) = symbols();
    let mut draw = Draw(11);
    let gate = Gate::new(
        HardLimits {
            max_symbol_notional: Money(i128::MAX / 4),
            max_gross_notional: Money(i128::MAX / 4),
            max_day_loss: Money(i128::MAX / 4),
        },
        SECOND,
    );
    let exposure = Exposure {
        busy: None,
        symbol_notional: Money::ZERO,
        gross_notional: Money::ZERO,
        equity: Money::ZERO,
        day_start_equity: Money::ZERO,
    };
    let (mut sent, mut denied) = (0, BTreeMap::<&'static str, u64>::new());
    let mut least_ns = u128::MAX;
    for trace in 0..4_000 {
        let mut scene = Scene::new(&mut draw, &symbols);
        let (Some(bid), Some(ask)) = (scene.bids.first(), scene.asks.first()) else {
            continue;
        };
        let touch = Touch::new(bid.price, ask.price).unwrap();
        let moved = draw.within(-3, 3) * scene.rules.tick + draw.within(-1, 1);
        let proposal = Proposal {
            trace,
            instrument: 0,
            local_ns: NOW,
            side: draw.side(),
            size: scene.size(&mut draw, scene.mid).max(0),
            route: draw.of(&[Route::Maker, Route::Taker]),
            bid: touch.bid + moved,
            ask: touch.ask + moved,
            stop_distance: 1,
            deadline_ns: NOW + SECOND,
            limit: draw.within(0, scene.mid / 3),
            take_within: None,
        };
        let Ok(intent) = gate.check(&proposal, &scene.instrument, Some(touch), &exposure, NOW)
        else {
            continue;
        };
        let working = scene.working();
        let Ok(Answer::Account(snapshot)) = scene.ask(Request::Account) else {
            panic!("no account");
        };
        let mode = if scene.hedge {
            PositionMode::Hedge
        } else {
            PositionMode::OneWay
        };
        let place = Place {
            instrument: &scene.instrument,
            rules: &scene.rules,
            mode,
            now_ns: NOW,
            market: Some(MarketStanding {
                touch: Some(touch),
                bids: &scene.bids,
                asks: &scene.asks,
                mark: scene.venue.mark(0).filter(|_| scene.mark_told),
                last: scene.last,
            }),
            account: Some(AccountStanding {
                positions: PositionSide::ALL.map(|side| scene.venue.position(0, 0, side)),
                orders: &working,
                conditional_orders: 0,
                equity: snapshot.wallet + snapshot.margin.unrealised,
                other_initial: Money::ZERO,
                leverage: scene.leverage,
            }),
        };
        let start = std::time::Instant::now();
        let routed = route_entry_at(&intent, &place);
        least_ns = least_ns.min(start.elapsed().as_nanos());
        match routed {
            Ok(order) => {
                let payload = Payload::of(order.spec(), mode);
                let outcome = scene.send(&payload, 9_000);
                assert_eq!(outcome.err(), None, "{trace} {payload:?}");
                sent += 1;
            }
            Err(reason) => *denied.entry(reason.code()).or_default() += 1,
        }
    }
    println!("{sent} entries sent and accepted, denied {denied:?}; fastest {least_ns} ns an order");
    assert!(sent > 1_000);
}
