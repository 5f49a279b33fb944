//! A scheduled entry step by step; random lives are in `link_tests`.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::execution::gate_tests::{proposal, SECOND};
use crate::execution::hands::Hands;
use crate::execution::order_tests::report;
use crate::execution::*;
use crate::instrument::Side;
use crate::units::Money;

/// The touch of [`Hands`].
const BID: i64 = 1000;
const ASK: i64 = 1005;
/// 502 lots of two quanta.
const SIZE: i64 = 1004;
/// When the decision falls.
const BEGUN: i64 = SECOND;

const EVEN: Schedule = Schedule {
    pace: Pace::TimeWeighted,
    slices: 4,
    over_ns: 40 * SECOND,
    child_min: 1,
    child_max: 1_000,
};

struct Working {
    hands: Hands,
    ledger: Vec<LedgerRow>,
}

impl Working {
    /// A long position to be worked by a schedule.
    fn new(route: Route, schedule: Schedule) -> Working {
        let mut working = Working {
            hands: Hands::new(),
            ledger: Vec::new(),
        };
        working.propose(1, route, schedule);
        working
    }

    fn propose(&mut self, trace: u64, route: Route, schedule: Schedule) {
        let now_ns = self.hands.now_ns;
        self.step(Input::Worked {
            now_ns,
            proposal: Proposal {
                local_ns: now_ns,
                size: SIZE,
                deadline_ns: now_ns + 500 * SECOND,
                ..proposal(trace, Side::Buy, route)
            },
            exits: ExitPlan::default(),
            schedule,
        });
    }

    fn decision(&self) -> Decision {
        let found = self.hands.out.iter().find_map(|output| match output {
            Output::Decision(decision) => Some(decision.clone()),
            _ => None,
        });
        found.unwrap()
    }

    fn step(&mut self, input: Input) {
        self.hands.step(input);
        let rows = self.hands.out.iter().filter_map(|output| match output {
            Output::Ledger(row) => Some(row.clone()),
            _ => None,
        });
        self.ledger.extend(rows);
    }

    fn report(&mut self, report: ExecutionReport) {
        self.step(Input::Report(ExecutionReport {
            local_ns: self.hands.now_ns,
            ..report
        }));
    }

    fn status(&mut self, attempt: u32, status: ReportStatus, cumulative: i64) {
        self.report(report(entry(attempt), status, cumulative));
    }

    fn fill(&mut self, attempt: u32, size: i64, cumulative: i64) {
        self.hands.trade_id += 1;
        let id = entry(attempt);
        let trade = super::super::order_tests::trade;
        self.report(trade(id, self.hands.trade_id, BID, size, cumulative));
        let placed = self.hands.placed();
        for stop in placed.iter().filter(|order| order.leg == Leg::Stop) {
            let out = std::mem::take(&mut self.hands.out);
            self.report(report(stop.client_id, ReportStatus::Accepted, 0));
            self.hands.out.splice(0..0, out);
        }
    }

    fn clock(&mut self, now_ns: i64) {
        self.hands.now_ns = now_ns;
        self.step(Input::Clock { now_ns });
    }

    fn entries(&self) -> Vec<OrderSpec> {
        let mut placed = self.hands.placed();
        placed.retain(|order| order.leg == Leg::Entry);
        placed
    }

    /// Attempt, size and price of the one entry that the last step placed.
    fn placed(&self) -> (u32, i64, i64) {
        let placed = self.entries();
        assert_eq!(placed.len(), 1, "{placed:?}");
        let spec = placed[0];
        assert_eq!((spec.trace, spec.client_id), (1, entry(spec.attempt)));
        (spec.attempt, spec.size, spec.price.unwrap())
    }

    /// Entries for which the last step sent a cancel.
    fn cancelled(&self) -> Vec<ClientId> {
        let mut cancelled = self.hands.cancelled();
        cancelled.retain(|id| (0..9).any(|attempt| entry(attempt) == *id));
        cancelled
    }

    fn nothing(&self) -> bool {
        self.entries().is_empty()
    }

    fn reserved(&self) -> Money {
        self.hands.execution.view().instruments[0].reserved
    }
}

fn entry(attempt: u32) -> ClientId {
    ClientId::new(1, Leg::Entry, 0, attempt)
}

/// Notional of 0.001 units at 0.1: 1e-4 of money.
fn notional(price: i64, size: i64) -> Money {
    Money(i128::from(price * size) * 10_000)
}

#[test]
fn equal_parts_that_take_leave_one_after_the_other_and_late_ones_catch_up() {
    let mut working = Working::new(Route::Taker, EVEN);
    let decision = working.decision();
    assert_eq!(decision.reason, ReasonCode::TradeTaker);
    assert_eq!((decision.client_id, decision.size), (Some(entry(0)), SIZE));
    // 125, 251, 376 and 502 lots are due; five of the seven that the cap allows lie on the tick.
    assert_eq!(working.placed(), (0, 250, ASK + 5));
    assert_eq!(
        working.entries()[0].time_in_force,
        TimeInForce::ImmediateOrCancel
    );
    working.fill(0, 250, 250);
    assert!(working.nothing(), "125 lots were due");
    assert_eq!(
        working.hands.execution.next_timer(),
        Some(BEGUN + 10 * SECOND)
    );
    working.clock(BEGUN + 10 * SECOND - 1);
    assert!(working.nothing());
    working.clock(BEGUN + 10 * SECOND);
    assert_eq!(working.placed(), (1, 252, ASK + 5));
    working.fill(1, 100, 100);
    working.status(1, ReportStatus::Expired, 100);
    assert!(working.nothing(), "a slice is tried once");
    working.clock(BEGUN + 20 * SECOND);
    assert_eq!(working.placed(), (2, 402, ASK + 5), "376 lots less 175");
    working.status(2, ReportStatus::Expired, 0);
    // Its time has passed: what is due is due now.
    working.clock(BEGUN + 33 * SECOND);
    assert_eq!(working.placed(), (3, 654, ASK + 5));
    working.fill(3, 654, 654);
    assert!(working.nothing() && working.hands.position() == SIZE);
    let (stop, rests) = working.hands.execution.protecting_stop(0).unwrap();
    assert_eq!((stop.spec().size, rests), (SIZE, true));
    assert_eq!(working.reserved(), Money::ZERO);
}

#[test]
fn a_slice_that_rests_gives_way_when_the_next_begins_and_its_end_is_proven() {
    let mut working = Working::new(Route::Maker, EVEN);
    assert_eq!(working.placed(), (0, 250, BID));
    working.status(0, ReportStatus::Accepted, 0);
    working.fill(0, 4, 4);
    working.clock(BEGUN + 10 * SECOND);
    assert_eq!(working.cancelled(), [entry(0)]);
    assert!(working.nothing(), "not before the cancel is proven");
    working.fill(0, 2, 6);
    assert!(working.nothing());
    working.status(0, ReportStatus::Cancelled, 8);
    assert!(
        working.nothing(),
        "two were filled, and nobody said at what price"
    );
    working.fill(0, 2, 8);
    assert_eq!(working.placed(), (1, 494, BID), "251 lots less four");
    let repairs: Vec<_> = working
        .hands
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Order(row) if row.event == OrderEvent::Placed && row.spec.leg == Leg::Entry => {
                Some(row.repairs.clone())
            }
            _ => None,
        })
        .collect();
    let size = repairs[0]
        .iter()
        .find(|repair| repair.field == RepairField::Size)
        .unwrap();
    assert_eq!((size.before, size.after), (996, 494));
    assert_eq!(size.reason, RepairReason::FollowUp);
    // Refused: nothing before the next slice.
    working.report(ExecutionReport {
        rejection: Some(Rejection::WouldCross),
        ..report(entry(1), ReportStatus::Rejected, 0)
    });
    assert!(working.nothing());
    working.clock(BEGUN + 20 * SECOND);
    assert_eq!(working.placed().1, 744);
    // The last slice rests until the schedule is over.
    working.status(2, ReportStatus::Accepted, 0);
    working.clock(BEGUN + 30 * SECOND);
    assert_eq!(working.cancelled(), [entry(2)]);
    working.status(2, ReportStatus::Cancelled, 0);
    assert_eq!(working.placed(), (3, 996, BID));
    working.status(3, ReportStatus::Accepted, 0);
    working.clock(BEGUN + 40 * SECOND);
    assert_eq!(working.cancelled(), [entry(3)]);
    working.status(3, ReportStatus::Cancelled, 0);
    assert!(working.nothing());
    assert_eq!(working.reserved(), Money::ZERO);
    assert_eq!(working.hands.position(), 8);
}

#[test]
fn a_rate_of_the_volume_waits_for_the_volume() {
    let rate = Schedule {
        pace: Pace::Participation { rate_e4: 1_000 },
        ..EVEN
    };
    let mut working = Working::new(Route::Taker, rate);
    assert_eq!(working.decision().reason, ReasonCode::TradeTaker);
    assert!(working.nothing() && working.hands.open());
    assert!(working.hands.execution.measures_volume(0));
    assert!(!working.hands.execution.measures_volume(1));
    working.step(Input::Volume {
        instrument: 0,
        size: 1_059,
    });
    assert!(working.nothing(), "not before the next slice");
    working.clock(BEGUN + 10 * SECOND);
    assert_eq!(
        working.placed(),
        (0, 104, ASK + 5),
        "52 lots are at most ten per cent of 1 059"
    );
    working.fill(0, 104, 104);
    assert!(working.nothing());
    working.step(Input::Volume {
        instrument: 1,
        size: 1_000,
    });
    working.clock(BEGUN + 20 * SECOND);
    assert!(working.nothing(), "another market's volume");
    working.step(Input::Volume {
        instrument: 0,
        size: 100_000,
    });
    working.clock(BEGUN + 30 * SECOND);
    assert_eq!(working.placed(), (1, 900, ASK + 5));
}

#[test]
fn an_iceberg_shows_a_part_at_a_time() {
    let iceberg = Schedule {
        pace: Pace::Iceberg { display: 200 },
        ..EVEN
    };
    let mut working = Working::new(Route::Maker, iceberg);
    assert_eq!(working.placed(), (0, 400, BID));
    working.status(0, ReportStatus::Accepted, 0);
    working.fill(0, 400, 400);
    assert_eq!(working.placed(), (1, 400, BID), "at once");
    working.status(1, ReportStatus::Accepted, 0);
    working.clock(BEGUN + 10 * SECOND);
    assert!(working.cancelled().is_empty(), "it stands at the touch");
    working.step(Input::Quote {
        instrument: 0,
        local_ns: working.hands.now_ns,
        bid: BID + 10,
        ask: ASK + 10,
    });
    working.clock(BEGUN + 20 * SECOND);
    assert_eq!(working.cancelled(), [entry(1)], "left behind");
    working.fill(1, 10, 10);
    working.status(1, ReportStatus::Cancelled, 10);
    assert_eq!(working.placed(), (2, 400, BID + 10));
    working.fill(2, 400, 400);
    assert_eq!(working.placed(), (3, 194, BID + 10));
    working.fill(3, 194, 194);
    assert!(working.nothing() && working.hands.position() == SIZE);
}

#[test]
fn what_is_still_to_come_is_reserved_and_counts_against_others() {
    let mut working = Working::new(Route::Maker, EVEN);
    assert_eq!(working.reserved(), notional(BID, SIZE));
    working.status(0, ReportStatus::Accepted, 0);
    working.fill(0, 250, 250);
    assert_eq!(working.reserved(), notional(BID, 754));
    // The first slice at 100.5 at most; what is to come as if it came there.
    let taking = Working::new(Route::Taker, EVEN);
    assert_eq!(
        taking.reserved(),
        notional(ASK + 5, 250) + notional(ASK + 7, 754)
    );
    let mut tight = Working::new(Route::Maker, EVEN);
    let whole = notional(ASK, SIZE);
    let limits = HardLimits {
        max_symbol_notional: whole + whole,
        max_gross_notional: whole + Money(whole.0 / 2),
        max_day_loss: whole,
    };
    tight.hands.execution.gate = Gate::new(limits, SECOND);
    let other = Proposal {
        instrument: 1,
        size: SIZE,
        ..proposal(2, Side::Buy, Route::Maker)
    };
    tight.step(Input::Proposal {
        now_ns: SECOND,
        proposal: other,
    });
    assert_eq!(tight.decision().reason, ReasonCode::GrossExposure);
    // A slice is not in its own way.
    tight.clock(BEGUN + 10 * SECOND);
    tight.status(0, ReportStatus::Cancelled, 0);
    assert_eq!(tight.placed().1, 502);
}

#[test]
fn no_slice_takes_beyond_its_worst_price() {
    let mut working = Working::new(Route::Taker, EVEN);
    working.status(0, ReportStatus::Expired, 0);
    let now_ns = working.hands.now_ns;
    working.step(Input::Quote {
        instrument: 0,
        local_ns: now_ns,
        bid: BID + 10,
        ask: ASK + 10,
    });
    working.clock(BEGUN + 10 * SECOND);
    assert!(working.nothing(), "the decision's ask and a cap of seven");
    working.step(Input::Quote {
        instrument: 0,
        local_ns: now_ns,
        bid: BID + 5,
        ask: ASK + 5,
    });
    assert!(working.nothing(), "tried");
    working.clock(BEGUN + 20 * SECOND);
    assert_eq!(working.placed(), (1, 752, ASK + 5));
}

#[test]
fn nothing_follows_a_kill_an_account_in_doubt_or_what_somebody_else_closed() {
    for verb in [Verb::Kill, Verb::Close { instrument: 0 }] {
        let mut ended = Working::new(Route::Taker, EVEN);
        ended.fill(0, 250, 250);
        ended.step(Input::Operator {
            now_ns: BEGUN,
            verb,
        });
        assert_eq!(ended.reserved(), Money::ZERO);
        ended.clock(BEGUN + 10 * SECOND);
        assert!(ended.nothing(), "{verb:?}");
    }
    let mut doubted = Working::new(Route::Taker, EVEN);
    doubted.fill(0, 250, 250);
    doubted.hands.execution.settings.timeouts.reconcile_every_ns = Some(SECOND);
    doubted.step(Input::Reconnected { local_ns: BEGUN });
    doubted.clock(BEGUN + 10 * SECOND);
    assert!(doubted.nothing());
    doubted.hands.execution.unreconciled = false;
    doubted.clock(BEGUN + 20 * SECOND);
    assert!(doubted.nothing(), "given up for good");
    let mut flat = Working::new(Route::Taker, EVEN);
    flat.fill(0, 250, 250);
    let (stop, _) = flat.hands.execution.protecting_stop(0).unwrap();
    let id = stop.spec().client_id;
    flat.report(crate::execution::order_tests::trade(id, 99, 980, 250, 250));
    assert!(
        !flat.hands.open(),
        "the stop ends the trade, slices and all"
    );
    assert_eq!(flat.reserved(), Money::ZERO);
}

#[test]
fn what_no_order_can_be_cut_of_is_refused() {
    let large = Schedule {
        child_min: 503,
        ..EVEN
    };
    let working = Working::new(Route::Maker, large);
    assert_eq!(working.decision().reason, ReasonCode::BelowMinimum);
    assert!(!working.hands.open() && working.ledger.is_empty());
}

/// Wherever the process dies: no slice is sent again and none follows, books are the same, and what is held keeps its
/// plan.
#[test]
fn a_restart_follows_with_nothing_and_keeps_what_is_held_protected() {
    let mut working = Working::new(Route::Maker, EVEN);
    working.status(0, ReportStatus::Accepted, 0);
    working.fill(0, 4, 4);
    working.clock(BEGUN + 10 * SECOND);
    working.status(0, ReportStatus::Cancelled, 4);
    working.status(1, ReportStatus::Accepted, 0);
    working.fill(1, 20, 20);
    let settings = working.hands.execution.settings;
    for rows in 1..=working.ledger.len() {
        let mut store = MemoryLedger::default();
        store.append_batch(&working.ledger[..rows]).unwrap();
        let instruments = working.hands.execution.instruments().to_vec();
        let mut out = Vec::new();
        let now_ns = working.hands.now_ns;
        let mut again =
            Execution::recover(settings, instruments, &store, now_ns, &mut out).unwrap();
        for at in [now_ns, now_ns + 10 * SECOND, now_ns + 25 * SECOND] {
            again
                .step(
                    Input::Quote {
                        instrument: 0,
                        local_ns: at,
                        bid: BID,
                        ask: ASK,
                    },
                    &mut out,
                )
                .unwrap();
            again.step(Input::Clock { now_ns: at }, &mut out).unwrap();
        }
        let placed = out.iter().filter_map(|output| match output {
            Output::Command(Command::Place(order)) => Some(*order.spec()),
            _ => None,
        });
        let placed: Vec<_> = placed.collect();
        assert!(
            placed.iter().all(|order| order.leg != Leg::Entry),
            "after {rows} rows: {placed:?}"
        );
        let held = again.account().net(0);
        assert_eq!(
            again.view().instruments[0].reserved,
            again
                .orders(0)
                .iter()
                .map(|order| {
                    let open = if order.spec().leg == Leg::Entry {
                        order.open_size()
                    } else {
                        0
                    };
                    notional(BID, open)
                })
                .fold(Money::ZERO, |sum, one| sum + one),
            "after {rows} rows"
        );
        if rows == working.ledger.len() {
            assert_eq!(held, 24);
            let (stop, _) = again.protecting_stop(0).unwrap();
            assert_eq!((stop.spec().size, stop.spec().trigger), (24, Some(980)));
        }
    }
    // A ledger that ends with the schedule tells of a trade that never was.
    assert_eq!(working.ledger[0].kind, LedgerKind::Schedule);
    let mut store = MemoryLedger::default();
    store.append_batch(&working.ledger[..1]).unwrap();
    let instruments = working.hands.execution.instruments().to_vec();
    let again = Execution::recover(settings, instruments, &store, SECOND, &mut Vec::new()).unwrap();
    assert!(!again.view().instruments[0].trade_open);
    assert!(working.ledger[0]
        .entry()
        .unwrap()
        .words()
        .contains("in equal parts, 4 slices in 40 s"));
}
