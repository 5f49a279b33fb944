//! What follows a resting entry, step by step; random lives are in `link_tests`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::execution::client_id::Leg;
use crate::execution::gate::Gate;
use crate::execution::gate_tests::{limits, proposal, SECOND};
use crate::execution::hands::Hands;
use crate::execution::order_tests::report;
use crate::execution::{
    ClientId, ExecutionReport, Input, MemoryLedger, Output, Proposal, ReportStatus, Verb,
};
use crate::execution::{Execution, LedgerRow, LedgerStore};

/// Best bid and ask of 100,000 ticks: 3 basis points are 30 of them.
const BID: i64 = 100_000;
const ASK: i64 = 100_005;

struct Entering {
    hands: Hands,
    ledger: Vec<LedgerRow>,
}

impl Entering {
    fn new(side: Side, take_within: Option<i64>) -> Entering {
        let mut hands = Hands::new();
        hands.execution.settings.maker_first = Some(MakerFirst::default());
        hands.execution.settings.entry_ttl_ns = 300 * SECOND;
        hands.execution.settings.limits = limits(10_000);
        hands.execution.gate = Gate::new(limits(10_000), SECOND);
        let mut entering = Entering {
            hands,
            ledger: Vec::new(),
        };
        entering.quote(BID, ASK);
        let proposal = Proposal {
            bid: BID,
            ask: ASK,
            take_within,
            deadline_ns: 500 * SECOND,
            ..proposal(1, side, Route::Maker)
        };
        entering.step(Input::Proposal {
            now_ns: entering.hands.now_ns,
            proposal,
        });
        assert_eq!(entering.hands.placed().len(), 1);
        entering
    }

    fn step(&mut self, input: Input) {
        self.hands.step(input);
        let rows = self.hands.out.iter().filter_map(|output| match output {
            Output::Ledger(row) => Some(row.clone()),
            _ => None,
        });
        self.ledger.extend(rows);
    }

    fn quote(&mut self, bid: i64, ask: i64) {
        self.step(Input::Quote {
            instrument: 0,
            local_ns: self.hands.now_ns,
            bid,
            ask,
        });
    }

    fn report(&mut self, report: ExecutionReport) {
        self.step(Input::Report(ExecutionReport {
            local_ns: self.hands.now_ns,
            ..report
        }));
    }

    fn accept(&mut self, id: ClientId) {
        self.report(report(id, ReportStatus::Accepted, 0));
    }

    fn refuse(&mut self, id: ClientId) {
        self.report(ExecutionReport {
            rejection: Some(Rejection::WouldCross),
            ..report(id, ReportStatus::Rejected, 0)
        });
    }

    fn fill(&mut self, id: ClientId, price: i64, size: i64, cumulative: i64) {
        self.hands.trade_id += 1;
        let trade = crate::execution::order_tests::trade;
        self.report(trade(id, self.hands.trade_id, price, size, cumulative));
    }

    /// The venue holds the stop that the last step placed.
    fn protect(&mut self) {
        let placed = self.hands.placed();
        let stop = placed.iter().find(|order| order.leg == Leg::Stop).unwrap();
        self.accept(stop.client_id);
    }

    /// The one entry that the last step placed.
    fn placed(&self) -> OrderSpec {
        let placed = self.hands.placed();
        let entries: Vec<_> = placed.iter().filter(|o| o.leg == Leg::Entry).collect();
        assert_eq!(entries.len(), 1, "{placed:?}");
        *entries[0]
    }

    fn nothing_placed(&self) -> bool {
        self.hands
            .placed()
            .iter()
            .all(|order| order.leg != Leg::Entry)
    }
}

fn entry(attempt: u32) -> ClientId {
    ClientId::new(1, Leg::Entry, 0, attempt)
}

#[test]
fn the_first_refusal_rests_again_and_the_second_takes() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 3));
    entering.quote(BID + 5, ASK + 5);
    entering.quote(BID - 5, ASK - 5);
    entering.refuse(entry(0));
    let again = entering.placed();
    assert_eq!(again.client_id, entry(1));
    assert_eq!(again.time_in_force, TimeInForce::PostOnly);
    assert_eq!((again.price, again.size), (Some(BID - 5), 100));
    entering.refuse(entry(1));
    let taking = entering.placed();
    assert_eq!(taking.client_id, entry(2));
    assert_eq!(taking.time_in_force, TimeInForce::ImmediateOrCancel);
    // The far side and the slippage cap of 7, rounded inside; the net edge would allow three more.
    assert_eq!((taking.price, taking.size), (Some(ASK), 100));
    assert!(!taking.reduce_only);
    entering.report(report(entry(2), ReportStatus::Expired, 0));
    assert!(entering.nothing_placed());
    assert!(!entering.hands.open(), "taken once, and that was all");
}

#[test]
fn what_no_longer_clears_is_not_taken() {
    for within in [None, Some(ASK - 1)] {
        let mut entering = Entering::new(Side::Buy, within);
        entering.refuse(entry(0));
        entering.placed();
        entering.refuse(entry(1));
        assert!(entering.nothing_placed() && !entering.hands.open());
    }
    let mut entering = Entering::new(Side::Sell, Some(BID + 1));
    entering.refuse(entry(0));
    entering.refuse(entry(1));
    assert!(entering.nothing_placed());
}

#[test]
fn an_entry_left_behind_is_cancelled_proven_and_only_the_rest_taken() {
    for (side, far, near) in [(Side::Buy, 35, 30), (Side::Sell, -35, -30)] {
        let mut entering = Entering::new(side, Some(BID + 40 * side.sign()));
        entering.accept(entry(0));
        entering.quote(BID + near, ASK + near);
        assert!(
            entering.hands.cancelled().is_empty(),
            "three basis points are not more"
        );
        entering.quote(BID + far, ASK + far);
        assert_eq!(entering.hands.cancelled(), [entry(0)]);
        assert!(entering.nothing_placed(), "not before the cancel is proven");
        let price = if side == Side::Buy { BID } else { ASK };
        entering.fill(entry(0), price, 40, 40);
        assert!(entering.nothing_placed());
        entering.report(report(entry(0), ReportStatus::Cancelled, 40));
        let taking = entering.placed();
        assert_eq!(taking.time_in_force, TimeInForce::ImmediateOrCancel);
        assert_eq!(taking.size, 60);
        let limit = taking.price.unwrap();
        assert!(
            side.sign() * (BID + 40 * side.sign() - limit) >= 0,
            "within the net edge"
        );
    }
}

#[test]
fn an_entry_that_fills_after_all_is_followed_by_nothing() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 100));
    entering.accept(entry(0));
    entering.quote(BID + 40, ASK + 40);
    assert_eq!(entering.hands.cancelled(), [entry(0)]);
    entering.fill(entry(0), BID, 100, 100);
    assert!(entering.nothing_placed());
    entering.report(report(entry(0), ReportStatus::CancelRejected, 0));
    assert!(entering.nothing_placed());
}

#[test]
fn a_fill_that_is_still_to_be_told_holds_everything_up() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 100));
    entering.accept(entry(0));
    entering.quote(BID + 40, ASK + 40);
    entering.report(report(entry(0), ReportStatus::Cancelled, 40));
    assert!(
        entering.nothing_placed(),
        "forty were filled, and nobody said at what price"
    );
    entering.fill(entry(0), BID, 40, 40);
    assert_eq!(entering.placed().size, 60);
}

#[test]
fn hardly_filled_it_moves_to_the_touch_once() {
    let mut entering = Entering::new(Side::Buy, None);
    entering.accept(entry(0));
    entering.quote(BID + 10, ASK + 10);
    entering.fill(entry(0), BID, 39, 39);
    entering.protect();
    let due = entering.hands.execution.next_timer().unwrap();
    assert_eq!(due, 61 * SECOND);
    entering.hands.now_ns = due;
    entering.step(Input::Clock { now_ns: due });
    assert_eq!(entering.hands.cancelled(), [entry(0)]);
    entering.report(report(entry(0), ReportStatus::Cancelled, 39));
    let again = entering.placed();
    // 61 are left, and lots are of ten.
    assert_eq!((again.price, again.size), (Some(BID + 10), 60));
    assert_eq!(again.time_in_force, TimeInForce::PostOnly);
    entering.accept(entry(1));
    entering.hands.now_ns = 130 * SECOND;
    entering.step(Input::Clock {
        now_ns: 130 * SECOND,
    });
    assert!(entering.hands.cancelled().is_empty(), "once");
}

#[test]
fn hardly_filled_at_the_touch_it_is_given_up_and_well_filled_it_stays() {
    for (filled, cancelled) in [(39, 1), (40, 0)] {
        let mut entering = Entering::new(Side::Sell, None);
        entering.accept(entry(0));
        entering.fill(entry(0), ASK, filled, filled);
        entering.protect();
        entering.hands.now_ns = 61 * SECOND;
        entering.step(Input::Clock {
            now_ns: 61 * SECOND,
        });
        assert_eq!(entering.hands.cancelled().len(), cancelled);
        if cancelled == 1 {
            entering.report(report(entry(0), ReportStatus::Cancelled, filled));
            assert!(entering.nothing_placed());
        }
    }
}

#[test]
fn nothing_follows_under_the_kill_switch_without_a_touch_or_for_another_refusal() {
    let mut killed = Entering::new(Side::Buy, Some(ASK + 100));
    killed.step(Input::Operator {
        now_ns: killed.hands.now_ns,
        verb: Verb::Kill,
    });
    killed.refuse(entry(0));
    assert!(killed.nothing_placed());
    let mut blind = Entering::new(Side::Buy, Some(ASK + 100));
    blind.quote(0, 0);
    blind.refuse(entry(0));
    assert!(blind.nothing_placed());
    let mut filtered = Entering::new(Side::Buy, Some(ASK + 100));
    filtered.report(ExecutionReport {
        rejection: Some(Rejection::Refused),
        ..report(entry(0), ReportStatus::Rejected, 0)
    });
    assert!(filtered.nothing_placed() && !filtered.hands.open());
}

/// The ledger alone brings back every entry of a trade, wherever the process died, and sends none of them again.
#[test]
fn a_restart_knows_every_entry_and_adds_none() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 100));
    entering.refuse(entry(0));
    entering.accept(entry(1));
    entering.quote(BID + 40, ASK + 40);
    entering.fill(entry(1), BID, 30, 30);
    entering.report(report(entry(1), ReportStatus::Cancelled, 30));
    assert_eq!(entering.placed().size, 70);
    let settings = entering.hands.execution.settings;
    for rows in 1..=entering.ledger.len() {
        let mut store = MemoryLedger::default();
        store.append_batch(&entering.ledger[..rows]).unwrap();
        let instruments = entering.hands.execution.instruments().to_vec();
        let mut out = Vec::new();
        let now_ns = entering.hands.now_ns;
        let again = Execution::recover(settings, instruments, &store, now_ns, &mut out).unwrap();
        let entries = |output: &&Output| match output {
            Output::Command(crate::execution::Command::Place(order)) => {
                order.spec().leg == Leg::Entry
            }
            _ => false,
        };
        assert_eq!(out.iter().filter(entries).count(), 0, "after {rows} rows");
        if rows == entering.ledger.len() {
            assert_eq!(again.account().net(0), 30);
            let known: Vec<_> = again.orders(0).iter().map(|o| o.spec().client_id).collect();
            for attempt in 0..3 {
                assert!(known.contains(&entry(attempt)), "{attempt} of {known:?}");
            }
        }
    }
}

/// A fill that is told after two trades have ended is flattened once, by the process before a crash or by the one
/// after it.
#[test]
fn a_restart_after_a_late_fill_does_not_flatten_twice() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 100));
    entering.accept(entry(0));
    entering.hands.now_ns = 301 * SECOND;
    entering.step(Input::Clock {
        now_ns: 301 * SECOND,
    });
    assert_eq!(entering.hands.cancelled(), [entry(0)]);
    entering.report(report(entry(0), ReportStatus::Cancelled, 0));
    assert!(!entering.hands.open());
    let second = Proposal {
        bid: BID,
        ask: ASK,
        local_ns: 301 * SECOND,
        deadline_ns: 500 * SECOND,
        ..proposal(2, Side::Buy, Route::Maker)
    };
    entering.step(Input::Proposal {
        now_ns: 301 * SECOND,
        proposal: second,
    });
    let other = entering.placed().client_id;
    entering.report(ExecutionReport {
        rejection: Some(Rejection::Refused),
        ..report(other, ReportStatus::Rejected, 0)
    });
    assert!(!entering.hands.open());
    entering.fill(entry(0), BID, 40, 40);
    let exits = entering.hands.placed();
    assert_eq!(
        (exits.len(), exits[0].leg, exits[0].trace),
        (1, Leg::Exit, 1)
    );
    let mut store = MemoryLedger::default();
    store.append_batch(&entering.ledger).unwrap();
    let instruments = entering.hands.execution.instruments().to_vec();
    let mut out = Vec::new();
    let settings = entering.hands.execution.settings;
    let now_ns = entering.hands.now_ns;
    let again = Execution::recover(settings, instruments, &store, now_ns, &mut out).unwrap();
    let sent = |output: &&Output| {
        matches!(
            output,
            Output::Command(
                crate::execution::Command::Place(_) | crate::execution::Command::Cancel { .. }
            )
        )
    };
    assert_eq!(out.iter().filter(sent).count(), 0, "{out:?}");
    let known: Vec<_> = again.orders(0).iter().map(|o| o.spec().client_id).collect();
    assert_eq!(known, [entry(0), exits[0].client_id]);
    assert_eq!(again.account().net(0), 40);
}

/// What was made again for a low fill is not made again after a restart.
#[test]
fn a_restart_remembers_that_an_entry_was_renewed() {
    let mut entering = Entering::new(Side::Buy, None);
    entering.accept(entry(0));
    entering.quote(BID + 10, ASK + 10);
    entering.hands.now_ns = 61 * SECOND;
    entering.step(Input::Clock {
        now_ns: 61 * SECOND,
    });
    entering.report(report(entry(0), ReportStatus::Cancelled, 0));
    entering.accept(entry(1));
    let mut store = MemoryLedger::default();
    store.append_batch(&entering.ledger).unwrap();
    let instruments = entering.hands.execution.instruments().to_vec();
    let settings = entering.hands.execution.settings;
    let mut out = Vec::new();
    let mut again =
        Execution::recover(settings, instruments, &store, 70 * SECOND, &mut out).unwrap();
    let quote = Input::Quote {
        instrument: 0,
        local_ns: 70 * SECOND,
        bid: BID + 15,
        ask: ASK + 15,
    };
    again.step(quote, &mut out).unwrap();
    let cancels = |output: &&Output| {
        matches!(
            output,
            Output::Command(crate::execution::Command::Cancel { .. })
        )
    };
    assert_eq!(out.iter().filter(cancels).count(), 0);
}

#[test]
fn a_post_only_order_that_expires_was_refused() {
    let mut entering = Entering::new(Side::Sell, Some(BID - 100));
    entering.accept(entry(0));
    entering.report(report(entry(0), ReportStatus::Expired, 0));
    assert_eq!(entering.placed().time_in_force, TimeInForce::PostOnly);
    entering.report(report(entry(1), ReportStatus::Expired, 0));
    assert_eq!(
        entering.placed().time_in_force,
        TimeInForce::ImmediateOrCancel
    );
}

#[test]
fn a_wider_spread_is_paid_at_the_exit_too() {
    // Five wide at the decision; fifteen wide now cost five more at the exit.
    for (within, takes) in [(ASK + 5, true), (ASK + 4, false)] {
        let mut entering = Entering::new(Side::Buy, Some(within));
        entering.quote(ASK - 15, ASK);
        entering.refuse(entry(0));
        entering.refuse(entry(1));
        assert_eq!(!entering.nothing_placed(), takes);
    }
}

#[test]
fn nothing_follows_at_the_deadline() {
    let mut entering = Entering::new(Side::Buy, Some(ASK + 100));
    entering.hands.execution.trades[0]
        .as_mut()
        .unwrap()
        .deadline_ns = 2 * SECOND;
    entering.hands.now_ns = 2 * SECOND;
    entering.refuse(entry(0));
    assert!(entering.nothing_placed());
}

#[test]
fn an_entry_that_ends_as_it_was_asked_to_was_not_refused() {
    let mut entering = Entering::new(Side::Buy, None);
    entering.accept(entry(0));
    entering.quote(BID + 100, ASK + 100);
    assert_eq!(entering.hands.cancelled(), [entry(0)]);
    // Some venues call a cancelled order expired: nothing to take, and no reason to rest again.
    entering.report(report(entry(0), ReportStatus::Expired, 0));
    assert!(entering.nothing_placed());
}
