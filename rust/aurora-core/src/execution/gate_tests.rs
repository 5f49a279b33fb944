#![allow(clippy::unwrap_used)]

use super::*;
use crate::instrument::{Instrument, InstrumentId, Market, Side};
use crate::units::Money;
use proptest::prelude::*;

pub(crate) const SECOND: i64 = 1_000_000_000;

/// Prices in 0.1, sizes in 0.001, tick 0.5, lot 0.002, minimum notional 5.
pub(crate) fn instrument(symbol: &str) -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::BinanceUsdm,
            symbol: symbol.to_string(),
        },
        price_exponent: 1,
        size_exponent: 3,
        tick: 5,
        lot: 2,
        min_notional: Money(5_0000_0000),
    }
}

pub(crate) fn limits(units: i128) -> HardLimits {
    HardLimits {
        max_symbol_notional: Money(units * 100_000_000),
        max_gross_notional: Money(2 * units * 100_000_000),
        max_day_loss: Money(units * 1_000_000),
    }
}

pub(crate) fn proposal(trace: u64, side: Side, route: Route) -> Proposal {
    Proposal {
        trace,
        instrument: 0,
        local_ns: SECOND,
        side,
        size: 100,
        route,
        bid: 1000,
        ask: 1005,
        stop_distance: 20,
        deadline_ns: 60 * SECOND,
        limit: 7,
        take_within: None,
        volatility: None,
        depth: None,
    }
}

const FLAT: Exposure = Exposure {
    busy: None,
    symbol_notional: Money::ZERO,
    gross_notional: Money::ZERO,
    equity: Money(1_000_000_000_000),
    day_start_equity: Money(1_000_000_000_000),
};

const TOUCH: Option<Touch> = Some(Touch {
    bid: 1000,
    ask: 1005,
});

fn check(proposal: &Proposal, account: &Exposure) -> Result<Intent, ReasonCode> {
    Gate::new(limits(1000), SECOND).check(proposal, &instrument("A"), TOUCH, account, SECOND)
}

fn intent(proposal: &Proposal) -> Intent {
    check(proposal, &FLAT).unwrap()
}

#[test]
fn every_limit_has_its_reason() {
    let good = proposal(1, Side::Buy, Route::Taker);
    assert_eq!(*check(&good, &FLAT).unwrap().proposal(), good);
    let denied = |account: Exposure| check(&good, &account).unwrap_err();
    assert_eq!(
        denied(Exposure {
            busy: Some(Busy::Position),
            ..FLAT
        }),
        ReasonCode::PositionOpen
    );
    assert_eq!(
        denied(Exposure {
            busy: Some(Busy::Orders),
            ..FLAT
        }),
        ReasonCode::OrderWorking
    );
    let lost = FLAT.day_start_equity - Money(10 * 100_000_000);
    assert_eq!(
        denied(Exposure {
            equity: lost,
            ..FLAT
        }),
        ReasonCode::DayLoss
    );
    let nearly = lost + Money(1);
    assert!(check(
        &good,
        &Exposure {
            equity: nearly,
            ..FLAT
        }
    )
    .is_ok());

    let gate = Gate::new(limits(1000), SECOND);
    let at = |p: &Proposal, touch, now| gate.check(p, &instrument("A"), touch, &FLAT, now);
    assert_eq!(at(&good, None, SECOND), Err(ReasonCode::StaleBook));
    assert_eq!(
        at(&Proposal { bid: 0, ..good }, TOUCH, SECOND),
        Err(ReasonCode::StaleBook)
    );
    assert!(at(&good, TOUCH, 2 * SECOND).is_ok());
    assert_eq!(at(&good, TOUCH, 2 * SECOND + 1), Err(ReasonCode::Expired));
    assert_eq!(
        at(
            &Proposal {
                deadline_ns: SECOND,
                ..good
            },
            TOUCH,
            SECOND
        ),
        Err(ReasonCode::Expired)
    );

    let mut inverse = instrument("A");
    inverse.id.market = Market::BinanceCoinm;
    assert_eq!(
        gate.check(&good, &inverse, TOUCH, &FLAT, SECOND),
        Err(ReasonCode::InverseContract)
    );
}

#[test]
fn exposure_counts_the_worst_price_and_is_exact_at_the_limit() {
    // 0.1 × (100.5 + 0.7) = 10.12 at worst.
    let buy = proposal(1, Side::Buy, Route::Taker);
    let room = |used: i128| Exposure {
        symbol_notional: Money(100_000_000_000 - used),
        ..FLAT
    };
    assert!(check(&buy, &room(1_012_000_000)).is_ok());
    assert_eq!(
        check(&buy, &room(1_011_999_999)),
        Err(ReasonCode::SymbolExposure)
    );
    let gross = Exposure {
        gross_notional: Money(200_000_000_000 - 1_011_999_999),
        ..FLAT
    };
    assert_eq!(check(&buy, &gross), Err(ReasonCode::GrossExposure));
}

#[test]
fn impossible_proposals_are_errors_not_reasons() {
    let good = proposal(9, Side::Buy, Route::Maker);
    for (bad, field) in [
        (Proposal { size: -1, ..good }, "size"),
        (
            Proposal {
                stop_distance: 0,
                ..good
            },
            "stop_distance",
        ),
        (Proposal { limit: -1, ..good }, "limit"),
    ] {
        assert_eq!(bad.validate().unwrap_err().field, field);
    }
}

#[test]
fn maker_rests_at_the_own_side_and_every_repair_is_a_row() {
    let odd = Proposal {
        bid: 1003,
        ask: 1009,
        size: 101,
        ..proposal(1, Side::Buy, Route::Maker)
    };
    let touch = Touch {
        bid: 1003,
        ask: 1009,
    };
    let order = route_entry(&intent(&odd), &instrument("A"), touch).unwrap();
    let spec = order.spec();
    assert_eq!(
        (spec.price, spec.size, spec.time_in_force),
        (Some(1000), 100, TimeInForce::PostOnly)
    );
    assert_eq!(
        order.repairs(),
        [
            Repair {
                field: RepairField::Price,
                before: 1003,
                after: 1000,
                reason: RepairReason::Tick
            },
            Repair {
                field: RepairField::Size,
                before: 101,
                after: 100,
                reason: RepairReason::Lot
            },
        ]
    );
    let sell = Proposal {
        side: Side::Sell,
        ..odd
    };
    let order = route_entry(&intent(&sell), &instrument("A"), touch).unwrap();
    assert_eq!(order.spec().price, Some(1010));
}

#[test]
fn post_only_moves_back_to_the_touch_or_is_denied() {
    let buy = proposal(1, Side::Buy, Route::Maker);
    let fell = Touch { bid: 990, ask: 995 };
    let order = route_entry(&intent(&buy), &instrument("A"), fell).unwrap();
    assert_eq!(order.spec().price, Some(990));
    assert_eq!(
        order.repairs(),
        [Repair {
            field: RepairField::Price,
            before: 1000,
            after: 990,
            reason: RepairReason::WouldCross
        }]
    );
    let locked = Touch { bid: 995, ask: 995 };
    assert_eq!(
        route_entry(&intent(&buy), &instrument("A"), locked),
        Err(ReasonCode::WouldCross)
    );
}

#[test]
fn taker_limit_is_rounded_inside_the_cap() {
    let touch = Touch {
        bid: 1000,
        ask: 1005,
    };
    let price = |side| {
        let order = route_entry(
            &intent(&proposal(1, side, Route::Taker)),
            &instrument("A"),
            touch,
        )
        .unwrap();
        assert_eq!(order.spec().time_in_force, TimeInForce::ImmediateOrCancel);
        order.spec().price
    };
    assert_eq!(price(Side::Buy), Some(1010));
    assert_eq!(price(Side::Sell), Some(995));
}

#[test]
fn what_no_number_can_hold_is_beyond_every_limit() {
    let mut coarse = instrument("A");
    (coarse.price_exponent, coarse.size_exponent) = (0, 0);
    let absurd = Proposal {
        size: i64::MAX,
        bid: i64::MAX - 9,
        ask: i64::MAX - 8,
        ..proposal(1, Side::Buy, Route::Taker)
    };
    let gate = Gate::new(limits(1000), SECOND);
    assert_eq!(
        gate.check(&absurd, &coarse, TOUCH, &FLAT, SECOND),
        Err(ReasonCode::SymbolExposure)
    );
}

#[test]
fn below_one_lot_or_the_minimum_notional_is_denied_and_reducing_orders_are_exempt() {
    let touch = Touch {
        bid: 1000,
        ask: 1005,
    };
    for size in [0, 1, 48] {
        let small = Proposal {
            size,
            ..proposal(1, Side::Buy, Route::Maker)
        };
        assert_eq!(
            route_entry(&intent(&small), &instrument("A"), touch),
            Err(ReasonCode::BelowMinimum),
            "{size}"
        );
    }
    let enough = Proposal {
        size: 50,
        ..proposal(1, Side::Buy, Route::Maker)
    };
    assert!(route_entry(&intent(&enough), &instrument("A"), touch).is_ok());
    let ticket = Ticket {
        trace: 1,
        instrument: 0,
        side: Side::Buy,
    };
    let price = StopPrice {
        asked: 980,
        trigger: 980,
        reason: RepairReason::Tick,
    };
    let instrument = instrument("A");
    let rules = crate::symbol_rules::SymbolRules::of(&instrument);
    let place = Place::bare(&instrument, &rules, None);
    let size = |order: Option<Order>| order.map(|order| order.spec().size);
    assert_eq!(size(route_stop(&ticket, &place, price, 3, 0)), Some(2));
    // A trigger between two ticks is rounded as a price of its side is, and that is what leaves.
    for (side, asked, leaves) in [(Side::Buy, 992, 995), (Side::Sell, 1013, 1010)] {
        let between = StopPrice {
            asked,
            trigger: asked,
            ..price
        };
        let ticket = Ticket { side, ..ticket };
        let stop = route_stop(&ticket, &place, between, 2, 0).unwrap();
        assert_eq!(stop.spec().trigger, Some(leaves), "{side:?}");
    }
    assert_eq!(size(route_target(&ticket, &place, 1010, 2, 0, 0)), Some(2));
    assert_eq!(size(route_exit(&ticket, &place, 2, 0)), Some(2));
    assert_eq!(route_exit(&ticket, &place, 1, 0), None);
    assert_eq!(route_exit(&ticket, &place, 0, 0), None);
    assert_eq!(route_target(&ticket, &place, -10, 2, 0, 0), None);
}

proptest! {
    /// Whatever is proposed, what leaves is on the grid, within the cap, never crosses when post-only, and no
    /// larger than proposed.
    #[test]
    fn every_payload_keeps_the_filters(
        bid in 500i64..1500, spread in 0i64..40, drift in -60i64..60, moved in 0i64..40,
        size in 0i64..1000, cap in 0i64..50, buy in any::<bool>(), maker in any::<bool>(),
    ) {
        let side = if buy { Side::Buy } else { Side::Sell };
        let route = if maker { Route::Maker } else { Route::Taker };
        let p = Proposal { bid, ask: bid + spread, size, limit: cap, ..proposal(1, side, route) };
        let touch = Touch { bid: bid + drift, ask: bid + drift + moved };
        let instrument = instrument("A");
        if let Ok(order) = route_entry(&intent(&p), &instrument, touch) {
            let spec = order.spec();
            let price = spec.price.unwrap();
            prop_assert_eq!(price % instrument.tick, 0);
            prop_assert_eq!(spec.size % instrument.lot, 0);
            prop_assert!(spec.size <= size);
            prop_assert!(instrument.notional(price, spec.size) >= instrument.min_notional);
            match (route, side) {
                (Route::Maker, Side::Buy) => prop_assert!(price < touch.ask),
                (Route::Maker, Side::Sell) => prop_assert!(price > touch.bid),
                (Route::Taker, Side::Buy) => prop_assert!(price <= p.ask + cap),
                (Route::Taker, Side::Sell) => prop_assert!(price >= p.bid - cap),
            }
            let last = order.repairs().iter().rev().find(|r| r.field == RepairField::Price);
            if let Some(repair) = last {
                prop_assert_eq!(repair.after, price);
            }
        }
    }
}
