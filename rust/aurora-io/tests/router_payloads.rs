//! The check of payloads against the venue's own enforcement: the same generated payload goes to both, on the filters
//! of a captured `exchangeInfo` (Binance USDⓈ-M, 2021-07-22; an excerpt of it where there are no captures).
//!
//! What the venue refuses must be refused or repaired before, and what was repaired must be accepted; what the venue
//! accepts must not be refused. Both sides are written independently: nothing of `venue::checks` is used by the check.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;

use aurora_core::execution::{
    check_payload, route_entry_at, AccountStanding, Exposure, Gate, HardLimits, MarketStanding,
    Payload, Place, PositionMode, Proposal, Route, Touch,
};
use aurora_core::instrument::Instrument;
use aurora_core::units::Money;
use aurora_core::venue::{Answer, PositionSide, Request, SymbolRules, TimeInForce};

mod scenes;
use scenes::{symbols, Draw, Scene, NOW, SECOND};

const PAYLOADS: u64 = 40_000;

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
            volatility: None,
            depth: None,
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
