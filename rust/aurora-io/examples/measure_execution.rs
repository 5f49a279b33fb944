//! Measures execution and prints the figures as one JSON object.
//!
//! ```console
//! measure_execution step CAPTURE [REPEATS]
//! measure_execution router [REPEATS]
//! ```
//!
//! `step` lives through a capture once - every change of the touch, trades of all kinds beside a simulated venue - and
//! writes down what execution was told; then it tells the same to a new execution under the clock. `router` checks
//! payloads made at random on the filters of a captured `exchangeInfo`, each in a world of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use aurora_core::book::Quote;
use aurora_core::execution::{
    check_payload, AccountStanding, BreakEven, BreakEvenTrigger, Command, Execution,
    ExecutionReport, ExecutionSettings, ExitPlan, HardLimits, Input, MarketStanding, Output,
    Payload, Place, PositionMode, Proposal, Repair, Route, Target, Timeouts, Touch, Trailing,
    WorkingOrder,
};
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_core::venue::{Answer, PositionSide, Request, SimulatedVenue, Stamp, VenueFees};

#[path = "../tests/scenes/mod.rs"]
mod scenes;
#[path = "shared/capture.rs"]
mod shared;
use scenes::{symbols, Draw, Scene, NOW};
use shared::{interleaved, print, Capture, Figures, LEAST_REPEATS};

const MILLISECOND_NS: i64 = 1_000_000;
/// Each way between desk and venue.
const LATENCY_NS: i64 = 5 * MILLISECOND_NS;
/// From one proposal to the next; the gate refuses those that find the instrument busy.
const PROPOSE_NS: i64 = 100 * MILLISECOND_NS;
/// From a proposal to its time exit.
const DEADLINE_NS: i64 = 1_500 * MILLISECOND_NS;
const PAYLOADS: usize = 4_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let usage = "usage: measure_execution step CAPTURE [REPEATS] | router [REPEATS]";
    let (path, repeats) = match words.as_slice() {
        ["step", path, rest @ ..] => (Some(*path), rest),
        ["router", rest @ ..] => (None, rest),
        _ => panic!("{usage}"),
    };
    let repeats = match repeats {
        [] => LEAST_REPEATS,
        [repeats] => repeats.parse().expect("REPEATS is a number"),
        _ => panic!("{usage}"),
    };
    assert!(
        repeats >= LEAST_REPEATS,
        "take at least {LEAST_REPEATS} repeats"
    );
    let figures = match path {
        Some(path) => step(&Capture::read(path), repeats),
        None => router(repeats),
    };
    print(&figures);
}

fn settings() -> ExecutionSettings {
    let much = Money(1_000_000_000_000_000_000);
    ExecutionSettings {
        start_cash: much,
        position_mode: PositionMode::OneWay,
        entry_ttl_ns: 500 * MILLISECOND_NS,
        latency_budget_ns: 1_000 * MILLISECOND_NS,
        limits: HardLimits {
            max_symbol_notional: much,
            max_gross_notional: much,
            max_day_loss: much,
        },
        timeouts: Timeouts::default().behind(2 * LATENCY_NS),
        wallet_tolerance: Money::ZERO,
    }
}

/// Execution beside a simulated venue at a constant latency; what it was told is kept.
struct Life {
    execution: Execution,
    venue: SimulatedVenue,
    commands: VecDeque<(i64, Command)>,
    reports: VecDeque<ExecutionReport>,
    fresh: Vec<ExecutionReport>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Life {
    fn step(&mut self, now_ns: i64, input: Input) {
        self.inputs.push(input.clone());
        self.execution.step(input, &mut self.outputs).unwrap();
        for output in self.outputs.drain(..) {
            if let Output::Command(command) = output {
                self.commands.push_back((now_ns + LATENCY_NS, command));
            }
        }
    }

    /// Commands that reach the venue, reports that arrive and timers, in order of time, up to `until_ns`.
    fn run(&mut self, until_ns: i64) {
        loop {
            let command = self.commands.front().map(|(due_ns, _)| *due_ns);
            let report = self.reports.front().map(|report| report.local_ns);
            let timer = self.execution.next_timer();
            let next = [command, report, timer].into_iter().flatten().min();
            let Some(now_ns) = next.filter(|now_ns| *now_ns <= until_ns) else {
                return;
            };
            if command == next {
                let stamp = stamp(now_ns);
                match self.commands.pop_front() {
                    Some((_, Command::Place(order))) => {
                        self.venue.place(&order, stamp, &mut self.fresh);
                    }
                    Some((
                        _,
                        Command::Cancel {
                            instrument,
                            client_id,
                        },
                    )) => self
                        .venue
                        .cancel(instrument, client_id, stamp, &mut self.fresh),
                    // Nothing is lost here, so nothing is asked.
                    _ => {}
                }
                self.reports.extend(self.fresh.drain(..));
            } else if report == next {
                let report = self.reports.pop_front().unwrap();
                self.step(now_ns, Input::Report(report));
            } else {
                self.step(now_ns, Input::Clock { now_ns });
            }
        }
    }
}

fn stamp(exchange_ns: i64) -> Stamp {
    Stamp {
        exchange_ns,
        local_ns: exchange_ns + LATENCY_NS,
    }
}

/// Every change of the touch, a proposal every tenth of a second, and all that follows from them.
fn lived(capture: &Capture) -> Life {
    let instruments = vec![capture.instrument.clone()];
    let fees = VenueFees {
        maker_e8: 20_000,
        taker_e8: 50_000,
    };
    let mut life = Life {
        venue: SimulatedVenue::new(&instruments, fees),
        execution: Execution::new(settings(), instruments),
        commands: VecDeque::new(),
        reports: VecDeque::new(),
        fresh: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    let events = capture.whole();
    let mut told: Option<Quote> = None;
    let mut due_ns = events.messages[0].local_ns;
    let mut trace = 0;
    for message in &events.messages {
        let now_ns = message.local_ns;
        life.run(now_ns);
        life.venue
            .market(0, &events, message, stamp(now_ns), &mut life.fresh);
        life.reports.extend(life.fresh.drain(..));
        let touch = life.venue.book(0).touch();
        if touch != told {
            told = touch;
            let (bid, ask) = touch.map_or((0, 0), |quote| (quote.bid.price, quote.ask.price));
            let quote = Input::Quote {
                instrument: 0,
                local_ns: now_ns,
                bid,
                ask,
            };
            life.step(now_ns, quote);
        }
        if let (Some(quote), true) = (touch, now_ns >= due_ns) {
            due_ns = now_ns + PROPOSE_NS;
            trace += 1;
            let (proposal, exits) = proposal(capture, trace, now_ns, quote);
            life.step(
                now_ns,
                Input::Bracket {
                    now_ns,
                    proposal,
                    exits,
                },
            );
        }
    }
    life
}

/// Sides, routes and exits take turns: a bare stop, targets with break-even, a trailing stop.
fn proposal(capture: &Capture, trace: u64, local_ns: i64, quote: Quote) -> (Proposal, ExitPlan) {
    let tick = capture.instrument.tick;
    let proposal = Proposal {
        trace,
        instrument: 0,
        local_ns,
        side: [Side::Buy, Side::Sell][(trace % 2) as usize],
        size: capture.instrument.lot * 100,
        route: [Route::Taker, Route::Maker][(trace / 2 % 2) as usize],
        bid: quote.bid.price,
        ask: quote.ask.price,
        stop_distance: tick * 100,
        deadline_ns: local_ns + DEADLINE_NS,
        limit: tick * 10,
    };
    let mut exits = ExitPlan {
        true_range: tick * 50,
        ..ExitPlan::default()
    };
    if trace % 3 == 1 {
        for (target, distance) in exits.targets.iter_mut().zip([20, 60]) {
            *target = Some(Target {
                distance: distance * tick,
                share_e4: 5_000,
            });
        }
        exits.break_even = Some(BreakEven {
            trigger: BreakEvenTrigger::FirstTarget,
            entry_fee_e8: 20_000,
            exit_fee_e8: 50_000,
            slippage: tick,
            funding: 0,
        });
    }
    if trace % 3 == 2 {
        exits.trailing = Some(Trailing {
            arm_risk_e4: 1_000,
            interval_ns: 100 * MILLISECOND_NS,
            ..Trailing::default()
        });
    }
    (proposal, exits)
}

fn step(capture: &Capture, repeats: usize) -> Figures {
    let life = lived(capture);
    let inputs = life.inputs;
    let mut outputs = Vec::new();
    let mut whole = f64::INFINITY;
    let mut least = vec![f64::INFINITY; inputs.len()];
    for _ in 0..repeats {
        // As the desk has it: after every step it asks when something is due.
        let mut execution = Execution::new(settings(), vec![capture.instrument.clone()]);
        let stream = inputs.clone();
        let start = Instant::now();
        for input in stream {
            execution.step(input, &mut outputs).unwrap();
            black_box((execution.next_timer(), &outputs));
            outputs.clear();
        }
        whole = whole.min(start.elapsed().as_nanos() as f64);
        assert_eq!(
            execution, life.execution,
            "the same inputs, the same account"
        );
        let mut execution = Execution::new(settings(), vec![capture.instrument.clone()]);
        for (input, best) in inputs.clone().into_iter().zip(&mut least) {
            let start = Instant::now();
            execution.step(input, &mut outputs).unwrap();
            black_box(execution.next_timer());
            *best = best.min(start.elapsed().as_nanos() as f64);
            black_box(&outputs);
            outputs.clear();
        }
    }
    let of = |kind: fn(&Input) -> bool| {
        let own = inputs
            .iter()
            .zip(&least)
            .filter(|(input, _)| kind(input))
            .map(|(_, ns)| *ns);
        let count = own.clone().count() as f64;
        (count, own.sum::<f64>() / count.max(1.0))
    };
    let quotes = of(|input| matches!(input, Input::Quote { .. }));
    let reports = of(|input| matches!(input, Input::Report(_)));
    let fills = of(|input| matches!(input, Input::Report(report) if report.last.is_some()));
    let clocks = of(|input| matches!(input, Input::Clock { .. }));
    let proposals = of(|input| matches!(input, Input::Bracket { .. }));
    let others = of(|input| !matches!(input, Input::Quote { .. }));
    vec![
        ("events", inputs.len() as f64),
        ("ns_per_event", whole / inputs.len() as f64),
        ("quotes", quotes.0),
        ("ns_per_quote", quotes.1),
        ("reports", reports.0),
        ("ns_per_report", reports.1),
        ("fills", fills.0),
        ("ns_per_fill", fills.1),
        ("timers", clocks.0),
        ("ns_per_timer", clocks.1),
        ("proposals", proposals.0),
        ("ns_per_proposal", proposals.1),
        ("events_beside_quotes", others.0),
        ("ns_per_event_beside_quotes", others.1),
    ]
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

fn case(
    draw: &mut Draw,
    symbols: &[(
        aurora_core::instrument::Instrument,
        aurora_core::venue::SymbolRules,
    )],
) -> Case {
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
