//! Every refusal and every repair once, by hand; the proof against the venue is in `aurora-io`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Level;
use crate::execution::gate::Touch;
use crate::instrument::{Instrument, InstrumentId, Market};
use crate::symbol_rules::{Bracket, SymbolRules};
use crate::units::Money;

const SECOND: i64 = 1_000_000_000;

fn dollars(amount: i128) -> Money {
    Money(amount * 100_000_000)
}

/// Prices in 0.1 and sizes in 0.001.
fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::BinanceUsdm,
            symbol: "A".to_owned(),
        },
        price_exponent: 1,
        size_exponent: 3,
        tick: 5,
        lot: 2,
        min_notional: dollars(5),
    }
}

/// Ticks of 0.5 from 1.0 to 1 000.0, steps of 0.002 from 0.002 to 10.0 (5.0 at the market), 5 dollars, ± 15 %.
fn rules(instrument: &Instrument) -> SymbolRules {
    SymbolRules {
        min_price: 10,
        max_price: 10_000,
        tick: 5,
        min_size: 2,
        max_size: 10_000,
        step: 2,
        market_min_size: 4,
        market_max_size: 5_000,
        market_step: 4,
        max_orders: 2,
        max_conditional_orders: 1,
        multiplier_down_e8: 85_000_000,
        multiplier_up_e8: 115_000_000,
        brackets: vec![Bracket {
            notional_cap: dollars(900),
            leverage: 20,
            maintenance_rate_e8: 0,
            maintenance_amount: Money::ZERO,
        }],
        ..SymbolRules::of(instrument)
    }
}

fn limit(side: Side, price: i64, size: i64) -> Payload {
    Payload {
        side,
        position_side: PositionSide::Both,
        kind: OrderType::Limit,
        time_in_force: Some(TimeInForce::Gtc),
        size: Some(size),
        price: Some(price),
        trigger: None,
        working_type: WorkingType::ContractPrice,
        callback_bps: None,
        activation: None,
        reduce_only: false,
        close_position: false,
        good_till_ns: None,
    }
}

fn market(side: Side, size: i64) -> Payload {
    Payload {
        kind: OrderType::Market,
        time_in_force: None,
        price: None,
        ..limit(side, 0, size)
    }
}

fn stop(side: Side, trigger: i64, size: i64) -> Payload {
    Payload {
        kind: OrderType::StopMarket,
        trigger: Some(trigger),
        ..market(side, size)
    }
}

type Changes = Vec<(&'static str, i64, i64, &'static str)>;

struct World {
    mode: PositionMode,
    position: i64,
    orders: Vec<WorkingOrder>,
    conditional: usize,
    equity: Money,
    trading: bool,
}

impl Default for World {
    fn default() -> World {
        World {
            mode: PositionMode::OneWay,
            position: 0,
            orders: Vec::new(),
            conditional: 0,
            equity: dollars(1_000),
            trading: true,
        }
    }
}

impl World {
    /// Book 99.5 × 0.020 against 100.5 × 0.011 and 101.0 × 0.020; mark 100.0, last 100.5.
    fn check(&self, payload: &Payload) -> Result<(Payload, Changes), ReasonCode> {
        let instrument = instrument();
        let rules = SymbolRules {
            is_trading: self.trading,
            ..rules(&instrument)
        };
        let level = |price, size| Level { price, size };
        let (bids, asks) = ([level(995, 20)], [level(1_005, 11), level(1_010, 20)]);
        let mut positions = [0; 3];
        positions[usize::from(self.mode == PositionMode::Hedge)] = self.position;
        let place = Place {
            instrument: &instrument,
            rules: &rules,
            mode: self.mode,
            now_ns: SECOND / 2,
            market: Some(MarketStanding {
                touch: Touch::new(995, 1_005),
                bids: &bids,
                asks: &asks,
                mark: Some(1_000),
                last: Some(1_005),
            }),
            account: Some(AccountStanding {
                positions,
                orders: &self.orders,
                conditional_orders: self.conditional,
                equity: self.equity,
                other_initial: dollars(10),
                leverage: 10,
            }),
        };
        let mut repairs = Vec::new();
        let checked = check_payload(payload, &place, &mut repairs)?;
        let rows = repairs.iter().map(|repair| {
            let Repair { before, after, .. } = *repair;
            (repair.field.name(), before, after, repair.reason.name())
        });
        Ok((checked, rows.collect()))
    }

    fn refusal(&self, payload: &Payload) -> Option<ReasonCode> {
        self.check(payload).err()
    }

    fn changes(&self, payload: &Payload) -> Changes {
        self.check(payload).unwrap().1
    }
}

fn working(side: Side, price: i64, left: i64) -> WorkingOrder {
    WorkingOrder {
        side,
        position_side: PositionSide::Both,
        price,
        left,
        reduces: false,
    }
}

#[test]
fn numbers_are_repaired_away_from_the_market_and_downwards() {
    let world = World::default();
    let (buy, sell) = (Side::Buy, Side::Sell);
    let post_only = |payload: Payload| Payload {
        time_in_force: Some(TimeInForce::Gtx),
        ..payload
    };
    for (payload, changes) in [
        (limit(buy, 990, 100), vec![]),
        (limit(buy, 994, 100), vec![("price", 994, 990, "tick")]),
        (
            limit(sell, 1_001, 100),
            vec![("price", 1_001, 1_005, "tick")],
        ),
        (limit(buy, 990, 101), vec![("size", 101, 100, "lot")]),
        (
            limit(buy, 1_200, 100),
            vec![("price", 1_200, 1_150, "percent_price")],
        ),
        (
            limit(sell, 5, 100),
            vec![
                ("price", 5, 10, "price_range"),
                ("price", 10, 850, "percent_price"),
            ],
        ),
        (
            post_only(limit(buy, 1_005, 100)),
            vec![("price", 1_005, 995, "would_cross")],
        ),
        (market(buy, 103), vec![("size", 103, 100, "lot")]),
        (
            stop(buy, 1_021, 104),
            vec![("trigger", 1_021, 1_020, "tick")],
        ),
        (
            stop(buy, 1_020, 9_000),
            vec![("size", 9_000, 5_000, "maximum_size")],
        ),
    ] {
        assert_eq!(world.changes(&payload), changes, "{payload:?}");
    }
    // An order of our own inside the spread is a market too; behind the touch there is room.
    let own = World {
        orders: vec![working(sell, 1_000, 2)],
        ..World::default()
    };
    let changes = own.changes(&post_only(limit(buy, 1_000, 100)));
    assert_eq!(changes, [("price", 1_000, 995, "would_cross")]);
    let locked = World {
        orders: vec![working(sell, 995, 2)],
        ..World::default()
    };
    let refusal = locked.refusal(&post_only(limit(buy, 1_000, 100)));
    assert_eq!(refusal, Some(ReasonCode::WouldCross));
}

#[test]
fn what_another_field_says_is_dropped() {
    let world = World::default();
    let close = Payload {
        close_position: true,
        reduce_only: true,
        ..stop(Side::Sell, 980, 100)
    };
    let (checked, changes) = world.check(&close).unwrap();
    assert_eq!((checked.size, checked.reduce_only), (None, false));
    let redundant = |field, before| (field, before, 0, "redundant");
    assert_eq!(
        changes,
        [redundant("size", 100), redundant("reduce_only", 1)]
    );
    let named = Payload {
        time_in_force: Some(TimeInForce::Gtc),
        ..market(Side::Buy, 104)
    };
    assert_eq!(world.changes(&named), [redundant("time_in_force", 1)]);
    let hedged = World {
        mode: PositionMode::Hedge,
        position: 100,
        ..World::default()
    };
    let closing = Payload {
        position_side: PositionSide::Long,
        reduce_only: true,
        ..limit(Side::Sell, 1_010, 100)
    };
    assert_eq!(hedged.changes(&closing), [redundant("reduce_only", 1)]);
    let opening = Payload {
        side: Side::Buy,
        price: Some(990),
        ..closing
    };
    assert_eq!(hedged.refusal(&opening), Some(ReasonCode::OrderTerms));
    let dated = |good_till_ns| Payload {
        time_in_force: Some(TimeInForce::Gtd),
        good_till_ns: Some(good_till_ns),
        ..limit(Side::Buy, 990, 100)
    };
    let changes = world.changes(&dated(601 * SECOND + 7));
    let whole = 601 * SECOND;
    assert_eq!(changes, [("good_till", whole + 7, whole, "whole_second")]);
    assert_eq!(
        world.refusal(&dated(600 * SECOND + 7)),
        Some(ReasonCode::OrderTerms)
    );
}

#[test]
fn every_refusal_by_its_reason() {
    use ReasonCode::{
        BelowMinimum, FillOrKill, LeverageBracket, NotTrading, NothingToReduce, OrderCount,
        OrderTerms, PriceRange, WouldTrigger,
    };
    let (buy, sell) = (Side::Buy, Side::Sell);
    let world = World::default();
    let reducing = |payload| Payload {
        reduce_only: true,
        ..payload
    };
    let all_or_none = |payload| Payload {
        time_in_force: Some(TimeInForce::Fok),
        ..payload
    };
    let long = Payload {
        position_side: PositionSide::Long,
        ..limit(buy, 990, 100)
    };
    let bare = Payload {
        price: None,
        ..limit(buy, 990, 100)
    };
    let trailing = |callback_bps| Payload {
        kind: OrderType::TrailingStopMarket,
        callback_bps: Some(callback_bps),
        ..market(sell, 104)
    };
    for (payload, reason) in [
        (long, Some(ReasonCode::PositionSide)),
        (bare, Some(OrderTerms)),
        (trailing(9), Some(OrderTerms)),
        (trailing(10), None),
        (limit(buy, 9, 100), Some(PriceRange)),
        (limit(sell, 10_001, 100), Some(PriceRange)),
        (limit(buy, 990, 1), Some(BelowMinimum)),
        (limit(buy, 990, 50), Some(BelowMinimum)),
        (limit(buy, 990, 52), None),
        (market(buy, 46), Some(BelowMinimum)),
        (market(buy, 52), None),
        (reducing(limit(buy, 990, 100)), Some(NothingToReduce)),
        (stop(buy, 1_005, 104), Some(WouldTrigger)),
        (stop(sell, 1_005, 104), Some(WouldTrigger)),
        (stop(sell, 1_000, 104), None),
        // 0.010 at 100.5 in whole lots, 0.020 more at 101.0.
        (all_or_none(limit(buy, 1_010, 52)), Some(FillOrKill)),
        // 900 dollars are the cap at this leverage.
        (limit(buy, 1_000, 9_002), Some(LeverageBracket)),
        (limit(buy, 1_000, 9_000), None),
    ] {
        assert_eq!(world.refusal(&payload), reason, "{payload:?}");
    }
    let held = World {
        position: -4,
        ..World::default()
    };
    assert_eq!(held.refusal(&reducing(limit(buy, 990, 2))), None);
    assert_eq!(
        held.refusal(&reducing(limit(sell, 1_010, 100))),
        Some(NothingToReduce)
    );
    let closed = World {
        trading: false,
        position: -4,
        ..World::default()
    };
    assert_eq!(closed.refusal(&limit(buy, 990, 100)), Some(NotTrading));
    assert_eq!(closed.refusal(&reducing(limit(buy, 990, 4))), None);
    let full = World {
        orders: vec![working(buy, 900, 2); 2],
        conditional: 1,
        ..World::default()
    };
    assert_eq!(full.refusal(&limit(buy, 990, 100)), Some(OrderCount));
    assert_eq!(full.refusal(&stop(buy, 1_020, 104)), Some(OrderCount));
}

#[test]
fn margin_counts_what_working_orders_reserve() {
    // 10 dollars elsewhere; a position of 100 and an order of 99 dollars on the same side, over ten.
    let world = |equity| World {
        position: 1_000,
        orders: vec![working(Side::Buy, 990, 1_000)],
        equity: Money(equity),
        ..World::default()
    };
    // With 100 more: 10 + 29.9.
    let enough = 3_990_000_000;
    let buy = limit(Side::Buy, 1_000, 1_000);
    assert_eq!(world(enough).refusal(&buy), None);
    assert_eq!(world(enough - 1).refusal(&buy), Some(ReasonCode::Margin));
    // Against the position: the other direction's worst case does not grow.
    let sell = limit(Side::Sell, 1_010, 1_000);
    assert_eq!(world(0).refusal(&sell), None);
    let other = Payload {
        reduce_only: true,
        ..limit(Side::Sell, 1_010, 9_000)
    };
    assert_eq!(world(0).refusal(&other), None);
}
