//! Measures execution's step on one capture and prints the figures as one JSON object.
//!
//! ```console
//! measure_execution CAPTURE [REPEATS]
//! ```
//!
//! It lives through the capture once - every change of the touch, trades of all kinds beside a simulated venue - and
//! writes down what execution was told; then it tells the same to a new execution under the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use aurora_core::book::Quote;
use aurora_core::execution::{
    BreakEven, BreakEvenTrigger, Command, ConductSettings, Execution, ExecutionReport,
    ExecutionSettings, ExitPlan, HardLimits, Input, MakerFirst, Output, PositionMode, Proposal,
    Route, Target, Timeouts, Trailing,
};
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_core::venue::{SimulatedVenue, Stamp, VenueFees};

#[path = "shared/capture.rs"]
mod shared;
use shared::{print, Capture, Figures, LEAST_REPEATS};

const MILLISECOND_NS: i64 = 1_000_000;
/// Each way between desk and venue.
const LATENCY_NS: i64 = 5 * MILLISECOND_NS;
/// From one proposal to the next; the gate refuses those that find the instrument busy.
const PROPOSE_NS: i64 = 100 * MILLISECOND_NS;
/// From a proposal to its time exit.
const DEADLINE_NS: i64 = 1_500 * MILLISECOND_NS;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, repeats) = match arguments.as_slice() {
        [path] => (path, LEAST_REPEATS),
        [path, repeats] => (path, repeats.parse().expect("REPEATS is a number")),
        _ => panic!("usage: measure_execution CAPTURE [REPEATS]"),
    };
    assert!(
        repeats >= LEAST_REPEATS,
        "take at least {LEAST_REPEATS} repeats"
    );
    print(&step(&Capture::read(path), repeats));
}

fn settings() -> ExecutionSettings {
    let much = Money(1_000_000_000_000_000_000);
    ExecutionSettings {
        start_cash: much,
        position_mode: PositionMode::OneWay,
        entry_ttl_ns: 500 * MILLISECOND_NS,
        maker_first: Some(MakerFirst::default()),
        latency_budget_ns: 1_000 * MILLISECOND_NS,
        limits: HardLimits {
            max_symbol_notional: much,
            max_gross_notional: much,
            max_day_loss: much,
        },
        timeouts: Timeouts::default().behind(2 * LATENCY_NS),
        wallet_tolerance: Money::ZERO,
        leverage: None,
        conduct: ConductSettings::default(),
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
        take_within: None,
        volatility: None,
        depth: None,
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
