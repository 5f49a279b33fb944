//! Measures the router's check of payloads and prints the figures as one JSON object.
//!
//! ```console
//! measure_router [REPEATS]
//! ```
//!
//! Payloads are made at random on the filters of a captured `exchangeInfo`, each with a world of its own: book,
//! position, working orders, margin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::time::Instant;

use aurora_core::execution::{
    check_payload, AccountStanding, MarketStanding, Payload, Place, PositionMode, Repair, Touch,
    WorkingOrder,
};
use aurora_core::instrument::Instrument;
use aurora_core::units::Money;
use aurora_core::venue::{Answer, PositionSide, Request, SymbolRules};

#[path = "../tests/scenes/mod.rs"]
mod scenes;
#[path = "shared/capture.rs"]
mod shared;
use scenes::{symbols, Draw, Scene, NOW};
use shared::{interleaved, print, Figures, LEAST_REPEATS};

const PAYLOADS: usize = 4_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let repeats = match arguments.as_slice() {
        [] => LEAST_REPEATS,
        [repeats] => repeats.parse().expect("REPEATS is a number"),
        _ => panic!("usage: measure_router [REPEATS]"),
    };
    assert!(
        repeats >= LEAST_REPEATS,
        "take at least {LEAST_REPEATS} repeats"
    );
    print(&router(repeats));
}

/// A payload and all that its check is told.
struct Case {
    scene: Scene,
    payload: Payload,
    working: Vec<WorkingOrder>,
    positions: [i64; 3],
    conditional: usize,
    equity: Money,
    mark: Option<i64>,
}

fn case(draw: &mut Draw, symbols: &[(Instrument, SymbolRules)]) -> Case {
    let mut scene = Scene::new(draw, symbols);
    let payload = scene.payload(draw);
    let working = scene.working();
    let Ok(Answer::Algos(algos)) = scene.ask(Request::OpenAlgos { symbol: Some(0) }) else {
        panic!("no conditional orders");
    };
    let Ok(Answer::Account(snapshot)) = scene.ask(Request::Account) else {
        panic!("no account");
    };
    Case {
        payload,
        working,
        positions: PositionSide::ALL.map(|side| scene.venue.position(0, 0, side)),
        conditional: algos.len(),
        equity: snapshot.wallet + snapshot.margin.unrealised,
        mark: scene.venue.mark(0).filter(|_| scene.mark_told),
        scene,
    }
}

impl Case {
    fn place(&self) -> Place<'_> {
        let scene = &self.scene;
        let touch = match (scene.bids.first(), scene.asks.first()) {
            (Some(bid), Some(ask)) => Touch::new(bid.price, ask.price),
            _ => None,
        };
        Place {
            instrument: &scene.instrument,
            rules: &scene.rules,
            mode: if scene.hedge {
                PositionMode::Hedge
            } else {
                PositionMode::OneWay
            },
            now_ns: NOW,
            market: Some(MarketStanding {
                touch,
                bids: &scene.bids,
                asks: &scene.asks,
                mark: self.mark,
                last: scene.last,
            }),
            account: Some(AccountStanding {
                positions: self.positions,
                orders: &self.working,
                conditional_orders: self.conditional,
                equity: self.equity,
                other_initial: Money::ZERO,
                leverage: scene.leverage,
            }),
        }
    }
}

fn router(repeats: usize) -> Figures {
    let (symbols, _) = symbols();
    let mut draw = Draw(7);
    let cases: Vec<Case> = (0..PAYLOADS).map(|_| case(&mut draw, &symbols)).collect();
    let places: Vec<Place> = cases.iter().map(Case::place).collect();
    let mut repairs: Vec<Repair> = Vec::new();
    let (mut passed, mut repaired) = (0.0, 0.0);
    let (mut sound, mut refused) = (Vec::new(), Vec::new());
    for (case, place) in cases.iter().zip(&places) {
        repairs.clear();
        if check_payload(&case.payload, place, &mut repairs).is_ok() {
            passed += 1.0;
            repaired += f64::from(u8::from(!repairs.is_empty()));
            sound.push((&case.payload, place));
        } else {
            refused.push((&case.payload, place));
        }
    }
    let orders: f64 = cases.iter().map(|case| case.working.len() as f64).sum();
    let cell = std::cell::RefCell::new(repairs);
    let check = |payload: &Payload, place: &Place| {
        let mut repairs = cell.borrow_mut();
        repairs.clear();
        black_box(check_payload(payload, place, &mut repairs)).is_ok()
    };
    let [all, passing, refusing] = interleaved(
        repeats,
        [
            &mut || {
                for (case, place) in cases.iter().zip(&places) {
                    check(&case.payload, place);
                }
            },
            &mut || {
                for (payload, place) in &sound {
                    check(payload, place);
                }
            },
            &mut || {
                for (payload, place) in &refused {
                    check(payload, place);
                }
            },
        ],
    );
    // The slowest one, undisturbed.
    let mut worst: f64 = 0.0;
    for (case, place) in cases.iter().zip(&places) {
        let mut best = f64::INFINITY;
        for _ in 0..repeats {
            let start = Instant::now();
            check(&case.payload, place);
            best = best.min(start.elapsed().as_nanos() as f64);
        }
        worst = worst.max(best);
    }
    vec![
        ("payloads", PAYLOADS as f64),
        ("symbols", symbols.len() as f64),
        ("passed", passed),
        ("repaired", repaired),
        ("working_orders_each", orders / PAYLOADS as f64),
        ("ns_per_order", all / PAYLOADS as f64),
        ("ns_per_passed", passing / passed),
        ("ns_per_refused", refusing / refused.len().max(1) as f64),
        ("slowest_ns", worst),
    ]
}
