#![allow(clippy::unwrap_used, clippy::panic)]

use super::gate_tests::{proposal, SECOND};
use super::hands::{Hands, START, TTL};
use super::order_tests::{report, trade};
use super::*;
use crate::instrument::Side;
use crate::units::Money;

#[test]
fn a_maker_trade_from_entry_to_the_last_cancelled_stop() {
    let mut hands = Hands::new();
    let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
    assert_eq!(decision.reason, ReasonCode::TradeMaker);
    let entry = hands.placed()[0];
    assert_eq!(Some(entry.client_id), decision.client_id);
    assert_eq!(
        hands.execution.view().instruments[0].reserved,
        Money(1_000_000_000)
    );
    hands.status(entry.client_id, ReportStatus::Accepted, 0);

    // Partial fills: always one stop for all that is held; the one before goes when its successor rests.
    hands.fill(entry.client_id, 1000, 40, 40);
    let first = hands.placed()[0];
    assert_eq!(
        (first.kind, first.trigger, first.size),
        (OrderKind::StopMarket, Some(980), 40)
    );
    assert!(first.reduce_only && first.side == Side::Sell);
    hands.status(first.client_id, ReportStatus::Accepted, 0);
    hands.fill(entry.client_id, 1000, 20, 60);
    let second = hands.placed()[0];
    assert_eq!((second.size, second.attempt), (60, 1));
    assert_ne!(first.client_id, second.client_id);
    assert_eq!(hands.cancelled(), [], "never without a stop");
    hands.status(second.client_id, ReportStatus::Accepted, 0);
    assert_eq!(hands.cancelled(), [first.client_id]);
    hands.status(first.client_id, ReportStatus::Cancelled, 0);
    assert_eq!(
        hands.execution.view().instruments[0].reserved,
        Money(400_000_000)
    );

    // The entry's time is up at its very instant; a fill on the way of the cancel gets its stop.
    assert_eq!(hands.execution.next_timer(), Some(SECOND + TTL));
    hands.clock(SECOND + TTL);
    assert_eq!(hands.cancelled(), [entry.client_id]);
    hands.fill(entry.client_id, 1000, 10, 70);
    let third = hands.placed()[0];
    assert_eq!(third.size, 70);
    hands.status(entry.client_id, ReportStatus::Cancelled, 70);
    assert_eq!(hands.execution.view().instruments[0].reserved, Money::ZERO);
    hands.status(third.client_id, ReportStatus::Accepted, 0);
    hands.status(second.client_id, ReportStatus::Cancelled, 0);

    // Deadline: one reduce-only market order for all of it, the stops stay.
    assert_eq!(hands.execution.next_timer(), Some(60 * SECOND));
    hands.clock(60 * SECOND);
    let exit = hands.placed()[0];
    assert_eq!(
        (exit.kind, exit.side, exit.size, exit.reduce_only),
        (OrderKind::Market, Side::Sell, 70, true)
    );
    assert_eq!(hands.cancelled(), []);
    hands.fill(exit.client_id, 1010, 50, 50);
    assert_eq!(hands.cancelled(), []);
    hands.status(exit.client_id, ReportStatus::Expired, 50);

    // What remains is tried again after the backoff, as the next attempt.
    let retry = 60 * SECOND + 250_000_000;
    assert_eq!(hands.execution.next_timer(), Some(retry));
    hands.clock(retry);
    let again = hands.placed()[0];
    assert_eq!((again.size, again.attempt), (20, 1));
    hands.fill(again.client_id, 1010, 20, 20);
    assert_eq!(hands.position(), 0);
    assert_eq!(hands.cancelled(), [third.client_id]);
    assert!(hands.open());
    hands.status(third.client_id, ReportStatus::Cancelled, 0);
    assert!(!hands.open());
    // 70 bought at 100, sold at 101: +0.07, less five fees of one unit.
    assert_eq!(hands.execution.account().cash, START + Money(7_000_000 - 5));
    assert_eq!(hands.execution.account().realised(), Money(7_000_000));
    // A duplicate of something long over changes nothing.
    hands.trade_id -= 2;
    hands.fill(exit.client_id, 1010, 50, 50);
    assert_eq!((hands.position(), hands.execution.stray_reports()), (0, 1));
    // The instrument is free again, and only now.
    let next = hands.propose(Proposal {
        local_ns: retry,
        deadline_ns: retry + SECOND,
        ..proposal(2, Side::Sell, Route::Taker)
    });
    assert_eq!(next.reason, ReasonCode::TradeTaker);
}

#[test]
fn one_trade_at_a_time_and_other_instruments_are_free() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Taker));
    let entry = hands.placed()[0];
    assert_eq!(
        hands.propose(proposal(2, Side::Buy, Route::Taker)).reason,
        ReasonCode::OrderWorking
    );
    hands.fill(entry.client_id, 1005, 100, 100);
    assert_eq!(
        hands.propose(proposal(3, Side::Buy, Route::Taker)).reason,
        ReasonCode::PositionOpen
    );
    let other = Proposal {
        instrument: 1,
        ..proposal(4, Side::Buy, Route::Taker)
    };
    assert_eq!(hands.propose(other).reason, ReasonCode::TradeTaker);
    let nowhere = Proposal {
        instrument: 2,
        ..other
    };
    let error = hands.execution.step(
        Input::Proposal {
            now_ns: SECOND,
            proposal: nowhere,
        },
        &mut hands.out,
    );
    assert_eq!(error, Err(ExecutionError::Instrument { got: 2, count: 2 }));
}

#[test]
fn an_entry_that_never_fills_ends_quietly() {
    for end in [ReportStatus::Rejected, ReportStatus::Expired] {
        let mut hands = Hands::new();
        hands.propose(proposal(1, Side::Buy, Route::Maker));
        let entry = hands.placed()[0];
        hands.status(entry.client_id, end, 0);
        assert!(!hands.open());
        assert_eq!(hands.execution.account().cash, START);
    }
}

#[test]
fn a_stop_that_fills_ends_the_whole_trade() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1000, 40, 40);
    let first = hands.placed()[0];
    hands.status(first.client_id, ReportStatus::Accepted, 0);
    hands.fill(entry.client_id, 1000, 20, 60);
    let second = hands.placed()[0];
    hands.fill(first.client_id, 980, 40, 40);
    assert_eq!(hands.cancelled(), [entry.client_id]);
    let exit = hands.placed()[0];
    assert_eq!((exit.leg, exit.size), (Leg::Exit, 20));
    // The second stop fires before the exit arrives: reduce-only cuts it and leaves the exit nothing.
    hands.fill(second.client_id, 980, 20, 20);
    hands.status(second.client_id, ReportStatus::Expired, 20);
    hands.status(exit.client_id, ReportStatus::Rejected, 0);
    assert_eq!(hands.position(), 0);
    assert!(hands.open(), "the entry's cancel is not confirmed");
    hands.status(entry.client_id, ReportStatus::Cancelled, 60);
    assert!(!hands.open());
}

#[test]
fn an_entry_filled_while_flattening_gets_stop_and_exit_of_its_own() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1000, 40, 40);
    let stop = hands.placed()[0];
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    // An unusually long time to live: the deadline finds the entry working.
    hands.clock(60 * SECOND);
    assert_eq!(hands.cancelled(), [entry.client_id]);
    let exit = hands.placed()[0];
    hands.fill(exit.client_id, 1000, 40, 40);
    assert_eq!(hands.position(), 0);
    assert_eq!(
        hands.cancelled(),
        [],
        "the entry may still fill, so the stop stays"
    );
    // 30 more on the way of the cancel; the old stop of 40 covers them, an exit takes them off.
    hands.fill(entry.client_id, 1000, 30, 70);
    let late: Vec<_> = hands.placed();
    assert_eq!(late.len(), 1);
    assert_eq!(
        (late[0].leg, late[0].size, late[0].attempt),
        (Leg::Exit, 30, 1)
    );
    // And 30 more: beyond what the old stop covers.
    hands.fill(entry.client_id, 1000, 30, 100);
    let more = hands.placed();
    assert_eq!((more.len(), more[0].leg, more[0].size), (1, Leg::Stop, 60));
    hands.status(more[0].client_id, ReportStatus::Accepted, 0);
    assert_eq!(hands.cancelled(), [stop.client_id]);
    hands.status(stop.client_id, ReportStatus::Cancelled, 0);
    hands.fill(late[0].client_id, 1000, 30, 30);
    let last = hands.placed()[0];
    assert_eq!((last.leg, last.size), (Leg::Exit, 30));
    hands.fill(last.client_id, 1000, 30, 30);
    assert_eq!(hands.cancelled(), [more[0].client_id]);
    hands.status(more[0].client_id, ReportStatus::Cancelled, 0);
    assert!(!hands.open());
}

#[test]
fn a_refused_stop_is_tried_again_and_then_the_position_is_closed() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Sell, Route::Taker));
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1000, 100, 100);
    let mut stop = hands.placed()[0];
    assert_eq!(stop.trigger, Some(1020));
    for (attempt, wait) in [(1, 0), (2, 250_000_000)] {
        hands.status(stop.client_id, ReportStatus::Rejected, 0);
        if wait > 0 {
            assert_eq!(hands.placed(), []);
            hands.clock(SECOND + wait);
        }
        stop = hands.placed()[0];
        assert_eq!(
            (stop.leg, stop.attempt, stop.size),
            (Leg::Stop, attempt, 100)
        );
    }
    hands.status(stop.client_id, ReportStatus::Rejected, 0);
    let exit = hands.placed()[0];
    assert_eq!(
        (exit.leg, exit.side, exit.size),
        (Leg::Exit, Side::Buy, 100)
    );
}

#[test]
fn a_stop_through_its_trigger_closes_at_once() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Sell, Route::Taker));
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1000, 100, 100);
    let stop = hands.placed()[0];
    let through = ExecutionReport {
        rejection: Some(Rejection::WouldTrigger),
        local_ns: hands.now_ns,
        ..report(stop.client_id, ReportStatus::Rejected, 0)
    };
    hands.step(Input::Report(through));
    assert_eq!(hands.placed()[0].leg, Leg::Exit);
}

#[test]
fn exits_back_off_and_never_stop_trying() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Taker));
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1005, 100, 100);
    let stop = hands.placed()[0];
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    hands.clock(60 * SECOND);
    let mut waits = Vec::new();
    for attempt in 0..6 {
        let exit = hands.placed()[0];
        assert_eq!(exit.attempt, attempt);
        hands.status(exit.client_id, ReportStatus::Rejected, 0);
        let due = hands.execution.next_timer().unwrap();
        waits.push((due - hands.now_ns) / 1_000_000);
        hands.clock(due);
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 2000, 2000]);
}

#[test]
fn the_day_starts_at_midnight_with_the_equity_of_that_instant() {
    let day = 86_400 * SECOND;
    let mut hands = Hands::new();
    hands.propose(Proposal {
        deadline_ns: 3 * day,
        ..proposal(1, Side::Buy, Route::Taker)
    });
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1005, 100, 100);
    let stop = hands.placed()[0];
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    hands.step(Input::Quote {
        instrument: 0,
        local_ns: day - 1,
        bid: 1100,
        ask: 1105,
    });
    assert_eq!(hands.execution.view().day_start_equity, START);
    assert_eq!(hands.execution.next_timer(), Some(day));
    hands.clock(day);
    // 0.1 × (110.25 − 100.5) = 0.975, less one unit of fee.
    assert_eq!(
        hands.execution.view().day_start_equity,
        START + Money(97_500_000 - 1)
    );
    assert_eq!(hands.execution.next_timer(), Some(2 * day));
    // From there a fall of 10 stops new trades of the other instrument.
    hands.now_ns = day;
    let other = Proposal {
        instrument: 1,
        local_ns: day,
        deadline_ns: 2 * day,
        ..proposal(2, Side::Buy, Route::Taker)
    };
    hands.step(Input::Quote {
        instrument: 0,
        local_ns: day,
        bid: 100,
        ask: 105,
    });
    assert_eq!(hands.propose(other).reason, ReasonCode::DayLoss);
}

#[test]
fn the_same_decision_twice_sends_one_order_and_an_altered_one_is_refused() {
    let mut hands = Hands::new();
    let first = proposal(1, Side::Buy, Route::Maker);
    hands.propose(first);
    let entry = hands.placed()[0];
    hands.status(entry.client_id, ReportStatus::Rejected, 0);
    assert!(!hands.open());
    let again = hands.propose(first);
    assert_eq!(again.client_id, Some(entry.client_id));
    assert_eq!(hands.placed(), []);
    assert!(!hands.open());
    let altered = Proposal { size: 50, ..first };
    let result = hands.execution.step(
        Input::Proposal {
            now_ns: SECOND,
            proposal: altered,
        },
        &mut hands.out,
    );
    assert_eq!(
        result,
        Err(ExecutionError::Ledger(LedgerError::SpecConflict {
            client_id: entry.client_id
        }))
    );
}

#[test]
fn an_unanswered_entry_keeps_its_reserve() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = hands.placed()[0];
    let reserved = hands.execution.view().instruments[0].reserved;
    let silent = ExecutionReport {
        evidence: Evidence::Transport,
        local_ns: 2 * SECOND,
        ..report(entry.client_id, ReportStatus::Unknown, 0)
    };
    hands.step(Input::Report(silent));
    assert_eq!(hands.execution.orders(0)[0].state(), OrderState::Unknown);
    assert_eq!(hands.execution.view().instruments[0].reserved, reserved);
    assert_eq!(
        hands.propose(proposal(2, Side::Buy, Route::Maker)).reason,
        ReasonCode::OrderWorking
    );
}

#[test]
fn a_fill_of_more_than_its_order_is_refused_and_changes_nothing() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = ClientId::new(1, Leg::Entry, 0, 0);
    let size = hands.execution.orders(0)[0].spec().size;
    hands.status(entry, ReportStatus::Accepted, 0);
    let before = hands.execution.clone();
    for (size, price) in [(size + 1, 1000), (size, 0)] {
        let mut out = Vec::new();
        let report = trade(entry, 1, price, size, size);
        let refused = hands.execution.step(Input::Report(report), &mut out);
        assert!(
            matches!(refused, Err(ExecutionError::Amount(_))),
            "{refused:?}"
        );
        assert!(out.is_empty());
        assert_eq!(hands.execution, before);
    }
}

#[test]
fn reports_of_orders_that_nobody_knows_are_counted_and_kept() {
    let mut hands = Hands::new();
    for count in 1..4 {
        let stranger = ClientId::new(99, Leg::Entry, 0, count);
        hands.status(stranger, ReportStatus::Accepted, 0);
        assert!(matches!(hands.out[..], [Output::Ledger(_)]));
        assert_eq!(hands.execution.stray_reports(), u64::from(count));
    }
}

#[test]
fn a_trade_that_is_missing_is_asked_for() {
    let mut hands = Hands::new();
    hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = ClientId::new(1, Leg::Entry, 0, 0);
    assert!(!hands.execution.orders(0)[0].existed());
    hands.status(entry, ReportStatus::Accepted, 0);
    assert!(hands.execution.orders(0)[0].existed());
    hands.status(entry, ReportStatus::PartiallyFilled, 2);
    hands.now_ns += Timeouts::default().question_first_ns;
    hands.step(Input::Clock {
        now_ns: hands.now_ns,
    });
    assert_eq!(hands.queried(), 1);
}
