//! Payloads and the worlds they are sent into, made at random on the filters of a captured `exchangeInfo` (Binance
//! USDⓈ-M, 2021-07-22; an excerpt of it where there are no captures). Tests and the router's benchmark share them.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use aurora_core::event::{EventBlock, Level, MessageFields, MessageKind};
use aurora_core::execution::{Payload, WorkingOrder};
use aurora_core::instrument::{Instrument, Market, Side};
use aurora_core::units::Money;
use aurora_core::venue::{
    Answer, Bracket, Call, ClientOrderId, Decimal, MarkSource, NewOrder, OrderType, PositionSide,
    Request, SelfTradePrevention, SymbolRules, TimeInForce, Venue, VenueError, VenueFees,
    VenueSettings, WorkingType,
};
use aurora_io::exchange_info;

mod payloads;

pub const SECOND: i64 = 1_000_000_000;
/// When the filters were captured.
pub const NOW: i64 = 1_626_992_740 * SECOND;

/// splitmix64 (Steele, Lea and Flood 2014).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both included.
    pub fn within(&mut self, least: i64, most: i64) -> i64 {
        let span = (i128::from(most) - i128::from(least) + 1).max(1);
        (i128::from(least) + i128::from(self.next()) % span) as i64
    }

    pub fn percent(&mut self, share: i64) -> bool {
        self.within(0, 99) < share
    }

    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.within(0, items.len() as i64 - 1) as usize]
    }

    pub fn side(&mut self) -> Side {
        self.of(&[Side::Buy, Side::Sell])
    }
}

pub fn symbols() -> (Vec<(Instrument, SymbolRules)>, &'static str) {
    let folder = std::env::var_os("AURORA_CAPTURES").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let excerpt = include_bytes!("../data/exchange_info_2021_07_22.json").to_vec();
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
pub fn finer(instrument: &mut Instrument, rules: &mut SymbolRules) {
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
pub fn brackets(first: i128) -> Vec<Bracket> {
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
pub struct Scene {
    pub instrument: Instrument,
    pub rules: SymbolRules,
    pub venue: Venue,
    pub hedge: bool,
    pub leverage: u32,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub mark_told: bool,
    pub last: Option<i64>,
    pub mid: i64,
    pub ids: u64,
}

impl Scene {
    pub fn new(draw: &mut Draw, symbols: &[(Instrument, SymbolRules)]) -> Scene {
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

    pub fn ask(&mut self, request: Request) -> Result<Answer, VenueError> {
        self.venue.handle(&Call::new(0, request), NOW).outcome
    }

    pub fn feed(&mut self, kind: MessageKind, bids: &[Level], asks: &[Level]) {
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

    pub fn prepare(&mut self, draw: &mut Draw) {
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

    pub fn place_resting(&mut self, draw: &mut Draw, lots: i64, spread: i64) {
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

    pub fn position_side(&self, held: Side) -> PositionSide {
        match (self.hedge, held) {
            (false, _) => PositionSide::Both,
            (true, Side::Buy) => PositionSide::Long,
            (true, Side::Sell) => PositionSide::Short,
        }
    }

    pub fn plain(&self, side: Side, kind: OrderType, size: i64) -> Payload {
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

    pub fn send(&mut self, payload: &Payload, id: u64) -> Result<Answer, VenueError> {
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

    pub fn working(&mut self) -> Vec<WorkingOrder> {
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
