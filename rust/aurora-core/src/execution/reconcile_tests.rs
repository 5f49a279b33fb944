//! Reconciliation against a venue of plain lists: what is lost is found, nothing is booked twice.

#![allow(clippy::unwrap_used)]

use super::gate_tests::{proposal, SECOND};
use super::hands::Hands;
use super::naive_truth::{order, Books, Happening, Truth, ORDERS, START};
use super::order_tests::{report, trade};
use super::*;
use crate::instrument::Side;
use crate::units::Money;
use proptest::prelude::*;

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = (0..ORDERS, 0u8..8, 1i64..60, any::<bool>()).prop_map(|(trace, kind, size, lost)| {
        Happening {
            trace,
            kind,
            size,
            lost,
        }
    });
    prop::collection::vec(one, 0..25)
}

/// Books that have seen what was not lost, in a drawn order.
fn books(truth: &Truth, keys: &[u32]) -> Books {
    let mut seen: Vec<_> = truth
        .reports
        .iter()
        .filter(|(_, lost)| !lost)
        .map(|(row, _)| *row)
        .zip(keys.iter().cycle())
        .collect();
    seen.sort_by_key(|(_, key)| **key);
    let mut books = Books::new();
    for (row, _) in seen {
        books.take(&row);
    }
    books
}

/// Applying once, twice, and applying what a second comparison finds: all the same.
fn check_once(before: &Books, snapshot: &VenueSnapshot, buffered: &[ExecutionReport]) -> Books {
    let result = before.reconcile(snapshot, buffered);
    assert_eq!(result, before.reconcile(snapshot, buffered), "pure");
    let mut once = before.clone();
    once.correct(&result);
    let mut twice = once.clone();
    twice.correct(&result);
    assert_eq!(twice.account, once.account);
    assert_eq!(twice.orders, once.orders);
    let again = once.reconcile(snapshot, buffered);
    assert_eq!(again.corrections, [], "nothing is left to correct");
    assert_eq!(again.commands, []);
    assert_eq!(again.suspicions, result.suspicions);
    once
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever was lost and however it was mixed: one snapshot, and orders and positions are the venue's, and so is
    /// the wallet of a flat account.
    #[test]
    fn a_snapshot_brings_everything_back(
        happenings in happenings(),
        keys in prop::collection::vec(any::<u32>(), 25),
        buffered in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let truth = Truth::new(&happenings);
        let before = books(&truth, &keys);
        let all: Vec<_> = truth.reports.iter().map(|(row, _)| *row).collect();
        let buffered: Vec<_> = if all.is_empty() {
            Vec::new()
        } else {
            buffered.iter().map(|index| *index.get(&all)).collect()
        };
        let first = truth.snapshot(truth.end_ns);
        let after = check_once(&before, &first, &buffered);
        let later = VenueSnapshot {
            exchange_ns: first.exchange_ns + CONFIRMATION_NS,
            ..first.clone()
        };
        let end = check_once(&after, &later, &[]);
        for (trace, record) in after.orders.iter().enumerate() {
            let mut plain = OrderRecord::new(order(trace as u64), 0);
            for row in truth.until(truth.end_ns).filter(|row| row.client_id == record.spec().client_id) {
                plain.apply(row);
            }
            prop_assert_eq!(record.filled(), plain.filled());
            if plain.existed() {
                prop_assert_eq!(record.state(), plain.state());
            }
        }
        for index in 0..2 {
            let listed = first.positions.iter().find(|p| p.instrument == index).map_or(0, |p| p.size);
            prop_assert_eq!(after.account.net(index), listed);
        }
        // Where our order of fills had realised another split, the wallets agree again when all is flat; no cash is
        // invented meanwhile.
        if first.positions.is_empty() {
            prop_assert_eq!(Some(end.account.wallet()), first.wallet);
        }
        prop_assert_eq!(end.account.other, Money::ZERO);
    }

    /// A snapshot of earlier takes nothing back: neither a fill nor an end.
    #[test]
    fn an_old_snapshot_takes_nothing_back(happenings in happenings(), share in 0i64..10) {
        let quiet: Vec<_> = happenings.iter().map(|one| Happening { lost: false, ..*one }).collect();
        let truth = Truth::new(&quiet);
        let before = books(&truth, &[0]);
        let span = truth.end_ns - 10 * SECOND;
        let old = truth.snapshot(10 * SECOND + span * share / 10);
        let after = check_once(&before, &old, &[]);
        prop_assert_eq!(&after.account, &before.account);
        for (record, known) in after.orders.iter().zip(&before.orders) {
            prop_assert_eq!(record.filled(), known.filled());
            if known.existed() {
                prop_assert_eq!(record.state(), known.state());
            }
        }
        let result = before.reconcile(&old, &[]);
        prop_assert_eq!(result.commands, []);
        let rows: Vec<_> = result.rows.iter().filter(|row| row.cause != DiffCause::NotListed).collect();
        prop_assert!(rows.is_empty(), "{rows:?}");
    }

    /// Lists have no order, and reports in the buffer may come twice.
    #[test]
    fn the_order_of_lists_does_not_matter(
        happenings in happenings(),
        keys in prop::collection::vec(any::<u32>(), 25),
    ) {
        let truth = Truth::new(&happenings);
        let before = books(&truth, &keys);
        let snapshot = truth.snapshot(truth.end_ns);
        let mut mixed = snapshot.clone();
        mixed.open_orders.reverse();
        mixed.closed_orders.reverse();
        mixed.trades.rotate_left(snapshot.trades.len() / 2);
        mixed.positions.reverse();
        let buffered: Vec<_> = truth.reports.iter().map(|(row, _)| *row).collect();
        let mut other: Vec<_> = buffered.iter().rev().copied().collect();
        other.extend(buffered.iter().copied());
        prop_assert_eq!(before.reconcile(&snapshot, &buffered), before.reconcile(&mixed, &other));
    }
}

#[test]
fn every_lost_fill_is_a_row_and_an_unlisted_order_is_asked_about() {
    let lost = |trace, kind, size| Happening {
        trace,
        kind,
        size,
        lost: true,
    };
    let truth = Truth::new(&[
        Happening {
            lost: false,
            ..lost(0, 0, 0)
        },
        lost(0, 0, 30),
        lost(0, 0, 20),
        lost(2, 0, 0),
    ]);
    let mut books = books(&truth, &[0]);
    let result = books.reconcile(&truth.snapshot(truth.end_ns), &[]);
    let rows: Vec<_> = result
        .rows
        .iter()
        .filter(|row| row.client_id == Some(order(0).client_id()))
        .map(|row| (row.field, row.local, row.venue, row.cause, row.action))
        .collect();
    let amount = DiffValue::Amount;
    let missed = (DiffCause::MissedEvent, DiffAction::Applied);
    assert_eq!(
        rows,
        [
            (DiffField::Filled, amount(0), amount(30), missed.0, missed.1),
            (
                DiffField::Filled,
                amount(30),
                amount(50),
                missed.0,
                missed.1
            ),
        ]
    );
    // Orders 1 and 3 never reached the venue: asked about, and only time proves it.
    let unlisted = result
        .rows
        .iter()
        .filter(|row| (row.cause, row.action) == (DiffCause::NotListed, DiffAction::Inquire));
    assert_eq!(unlisted.count(), 2);
    books.correct(&result);
    assert_eq!(books.orders[1].state(), OrderState::Unknown);
    let later = VenueSnapshot {
        exchange_ns: truth.end_ns + ABSENCE_GRACE_NS,
        ..truth.snapshot(truth.end_ns)
    };
    books.correct(&books.reconcile(&later, &[]));
    assert_eq!(books.orders[1].state(), OrderState::Absent);
    assert_eq!(books.orders[0].state(), OrderState::PartiallyFilled);
}

#[test]
fn a_fill_without_its_trade_is_asked_for_and_nothing_is_booked() {
    let truth = Truth::new(&[
        Happening {
            trace: 0,
            kind: 0,
            size: 0,
            lost: false,
        },
        Happening {
            trace: 0,
            kind: 0,
            size: 30,
            lost: true,
        },
    ]);
    let books = books(&truth, &[0]);
    let mut snapshot = truth.snapshot(truth.end_ns);
    snapshot.trades.clear();
    let after = check_once(&books, &snapshot, &[]);
    assert_eq!(
        (after.orders[0].cumulative(), after.orders[0].filled()),
        (30, 0)
    );
    assert_eq!(after.account, books.account);
    let rows = books.reconcile(&snapshot, &[]).rows;
    assert!(rows
        .iter()
        .any(|row| row.field == DiffField::Position && row.action == DiffAction::Inquire));
}

#[test]
fn an_unexplained_position_is_taken_over_when_a_later_snapshot_repeats_it() {
    let liquidated = |at_ns| VenueSnapshot {
        exchange_ns: at_ns,
        local_ns: at_ns,
        positions: vec![VenuePosition {
            instrument: 1,
            holder: Side::Buy,
            size: -70,
            entry_price: Some(1010),
        }],
        wallet: Some(START - Money(5)),
        ..VenueSnapshot::default()
    };
    let mut books = Books::new();
    books.orders.clear();
    let first = check_once(&books, &liquidated(SECOND), &[]);
    assert_eq!(first.account, books.account, "one snapshot is no proof");
    let soon = check_once(&first, &liquidated(SECOND + CONFIRMATION_NS - 1), &[]);
    assert_eq!(soon.account, books.account);
    books = check_once(&soon, &liquidated(SECOND + CONFIRMATION_NS), &[]);
    assert_eq!(books.account.net(1), -70);
    assert_eq!(
        books.account.position(1, Side::Buy).open_cost,
        -books.instruments[1].notional(1010, 70)
    );
    // The wallet follows by the same rule.
    books = check_once(&books, &liquidated(5 * SECOND), &[]);
    books = check_once(&books, &liquidated(5 * SECOND + CONFIRMATION_NS), &[]);
    assert_eq!(books.account.wallet(), START - Money(5));
    assert_eq!(books.account.other, -Money(5));
    assert_eq!(books.reconcile(&liquidated(9 * SECOND), &[]).rows, []);
}

#[test]
fn orphans_are_swept_once_and_stops_outlive_the_position() {
    let mut books = Books::new();
    let ours = order(0).client_id();
    books.take(&ExecutionReport {
        exchange_ns: SECOND,
        ..report(ours, ReportStatus::Cancelled, 0)
    });
    books.orders.truncate(1);
    let orphan = |client_id, name: &str, reduce_only| VenueOrder {
        client_id,
        name: VenueWord::new(name),
        instrument: 0,
        status: ReportStatus::Accepted,
        cumulative: 0,
        reduce_only,
    };
    let stranger = ClientId::new(99, Leg::Stop, 0, 0);
    let mut snapshot = VenueSnapshot {
        exchange_ns: 2 * SECOND,
        open_orders: vec![
            orphan(Some(ours), "", false),
            orphan(Some(stranger), "", true),
            orphan(None, "web_1", false),
        ],
        positions: vec![VenuePosition {
            instrument: 0,
            holder: Side::Buy,
            size: 10,
            entry_price: None,
        }],
        ..VenueSnapshot::default()
    };
    let result = books.reconcile(&snapshot, &[]);
    let cancelled = |result: &Reconciliation| {
        let ids = result.commands.iter().map(|command| match command {
            Command::Cancel { client_id, .. } => Some(*client_id),
            _ => None,
        });
        ids.collect::<Vec<_>>()
    };
    assert_eq!(cancelled(&result), [Some(ours)]);
    assert!(result
        .rows
        .iter()
        .any(|row| (row.cause, row.action) == (DiffCause::Foreign, DiffAction::None)));
    let mut after = check_once(&books, &snapshot, &[]);
    snapshot.positions.clear();
    assert_eq!(
        cancelled(&after.reconcile(&snapshot, &[])),
        [Some(stranger)]
    );
    // Told to have ended after the snapshot: no orphan.
    after.take(&ExecutionReport {
        exchange_ns: 3 * SECOND,
        ..report(ours, ReportStatus::Cancelled, 0)
    });
    after.swept.clear();
    assert_eq!(
        cancelled(&after.reconcile(&snapshot, &[])),
        [Some(stranger)]
    );
}

/// Two trades of one instant that we booked in the other order: our cost is another, and no cash is missing.
#[test]
fn trades_of_one_instant_have_an_order_too() {
    let (buyer, seller) = (order(0).client_id(), order(1).client_id());
    let told = |id, trade_id, price, size, cumulative, exchange_ns| ExecutionReport {
        exchange_ns,
        ..trade(id, trade_id, price, size, cumulative)
    };
    let first = told(buyer, 1, 1000, 40, 40, SECOND);
    let second = told(buyer, 2, 1050, 40, 80, 2 * SECOND);
    let third = told(seller, 3, 1100, 20, 20, 2 * SECOND);
    let booked = |reports: &[ExecutionReport]| {
        let mut books = Books::new();
        books.orders.truncate(2);
        reports.iter().for_each(|report| books.take(report));
        books
    };
    let right = booked(&[first, second, third]);
    let wrong = booked(&[first, third, second]);
    assert_ne!(right.account.wallet(), wrong.account.wallet());
    let open = |id, cumulative| VenueOrder {
        client_id: Some(id),
        name: VenueWord::new(""),
        instrument: 0,
        status: ReportStatus::PartiallyFilled,
        cumulative,
        reduce_only: false,
    };
    let snapshot = |at_ns| VenueSnapshot {
        exchange_ns: at_ns,
        local_ns: at_ns,
        open_orders: vec![open(buyer, 80), open(seller, 20)],
        positions: vec![VenuePosition {
            instrument: 0,
            holder: Side::Buy,
            size: 60,
            entry_price: Some(1025),
        }],
        wallet: Some(right.account.wallet()),
        ..VenueSnapshot::default()
    };
    for (books, agrees) in [(&right, true), (&wrong, false)] {
        let after = check_once(books, &snapshot(10 * SECOND), &[]);
        let after = check_once(&after, &snapshot(10 * SECOND + CONFIRMATION_NS), &[]);
        assert_eq!(after.account.other, Money::ZERO, "cash is invented");
        let wallet = after.account.wallet();
        assert_eq!(wallet == right.account.wallet(), agrees);
    }
    // What a snapshot tells of is booked in the venue's order.
    let told = |report: &ExecutionReport| VenueTrade {
        client_id: report.client_id,
        fill: report.last.unwrap(),
        exchange_ns: report.exchange_ns,
    };
    for trades in [[&second, &third], [&third, &second]] {
        let snapshot = VenueSnapshot {
            trades: trades.map(told).to_vec(),
            ..snapshot(10 * SECOND)
        };
        let after = check_once(&booked(&[first]), &snapshot, &[]);
        assert_eq!(after.account.wallet(), right.account.wallet());
    }
}

/// What was placed when the account was asked for, or later, cannot be missed in it; nor what has ended.
#[test]
fn only_what_was_placed_before_the_account_was_asked_for_is_missed_in_it() {
    let mut books = Books::new();
    let placed_ns = books.orders[0].placed_ns();
    let ended = books.orders[1].spec().client_id;
    books.take(&report(ended, ReportStatus::Cancelled, 0));
    for (asked_ns, missed) in [(placed_ns, 0), (placed_ns + 1, ORDERS as usize - 1)] {
        let snapshot = VenueSnapshot {
            exchange_ns: SECOND,
            asked_ns,
            local_ns: SECOND,
            ..VenueSnapshot::default()
        };
        let rows = books.reconcile(&snapshot, &[]).rows;
        let unlisted = rows.iter().filter(|row| row.cause == DiffCause::NotListed);
        assert_eq!(unlisted.count(), missed);
    }
}

/// A trade that is missing since before the snapshot is told of, as one that the snapshot shows to be missing.
#[test]
fn a_trade_that_was_missing_before_is_told_of_again() {
    let mut books = Books::new();
    books.orders.truncate(1);
    let id = books.orders[0].spec().client_id;
    books.take(&report(id, ReportStatus::PartiallyFilled, 30));
    let snapshot = VenueSnapshot {
        exchange_ns: SECOND,
        local_ns: SECOND,
        open_orders: vec![VenueOrder {
            client_id: Some(id),
            name: VenueWord::new(""),
            instrument: 0,
            status: ReportStatus::PartiallyFilled,
            cumulative: 30,
            reduce_only: false,
        }],
        positions: vec![VenuePosition {
            instrument: 0,
            holder: Side::Buy,
            size: 30,
            entry_price: Some(1000),
        }],
        ..VenueSnapshot::default()
    };
    let rows = books.reconcile(&snapshot, &[]).rows;
    let missing =
        |row: &&DiffRow| (row.field, row.cause) == (DiffField::Filled, DiffCause::MissingTrade);
    assert_eq!(rows.iter().filter(missing).count(), 1);
}

/// A conditional order that triggers is for a moment in neither list. That no list has it is doubt, however often; an
/// ordinary order that no list has twice, far enough apart, is not there.
#[test]
fn a_stop_that_no_list_has_is_asked_about_and_never_taken_for_absent() {
    let mut hands = Hands::new();
    let entry = hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = entry.client_id.unwrap();
    hands.fill(entry, 1000, 40, 40);
    let stop = hands.placed()[0].client_id;
    hands.status(stop, ReportStatus::Accepted, 0);
    let state = |hands: &Hands, id| {
        let mut orders = hands.execution.orders(0).iter();
        orders
            .find(|order| order.spec().client_id == id)
            .unwrap()
            .state()
    };
    for (number, now_ns) in [2 * SECOND, 2 * SECOND + 2 * ABSENCE_GRACE_NS]
        .into_iter()
        .enumerate()
    {
        hands.now_ns = now_ns;
        let snapshot = VenueSnapshot {
            exchange_ns: now_ns,
            asked_ns: now_ns,
            local_ns: now_ns,
            positions: vec![VenuePosition {
                instrument: 0,
                holder: Side::Buy,
                size: 40,
                entry_price: Some(1000),
            }],
            ..VenueSnapshot::default()
        };
        hands.step(Input::Snapshot {
            snapshot,
            buffered: Vec::new(),
        });
        assert_eq!(state(&hands, stop), OrderState::Unknown);
        let ordinary = [OrderState::Unknown, OrderState::Absent][number];
        assert_eq!(state(&hands, entry), ordinary);
        let asks = |output: &Output| matches!(output, Output::Command(Command::Query { client_id, .. }) if *client_id == stop);
        assert!(hands.out.iter().any(asks));
    }
    assert!(hands.position() == 40 && hands.open());

    // Asked about by its id it is either found to have ended, or not there twice.
    let mut ended = Hands {
        execution: hands.execution.clone(),
        out: Vec::new(),
        ..hands
    };
    ended.status(stop, ReportStatus::Cancelled, 0);
    assert_eq!(state(&ended, stop), OrderState::Cancelled);
    for (after_ns, found) in [
        (SECOND, OrderState::Unknown),
        (SECOND + ABSENCE_GRACE_NS, OrderState::Absent),
    ] {
        let exchange_ns = hands.now_ns + after_ns;
        hands.step(Input::Report(ExecutionReport {
            evidence: Evidence::Query,
            exchange_ns,
            local_ns: exchange_ns,
            ..report(stop, ReportStatus::NotFound, 0)
        }));
        assert_eq!(state(&hands, stop), found);
    }
}
