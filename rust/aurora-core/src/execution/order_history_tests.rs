//! Any order of one set of events, with any duplicates, ends in one state.

#![allow(clippy::unwrap_used)]

use super::gate_tests::SECOND;
use super::order_tests::{order, report, trade};
use super::*;
use proptest::prelude::*;

/// One event of a history: a report, or our wish to cancel.
#[derive(Debug, Clone, Copy)]
enum Event {
    Report(ExecutionReport),
    Cancel,
}

fn replay(events: &[Event]) -> (OrderRecord, i64) {
    let mut record = OrderRecord::new(order(), SECOND);
    let mut filled = 0;
    for event in events {
        match event {
            Event::Report(report) => {
                filled += record.apply(report).fill.map_or(0, |fill| fill.size);
            }
            Event::Cancel => drop(record.request_cancel()),
        }
    }
    (record, filled)
}

/// The state once more, naively: from the whole set of events at once, without a word about their order.
fn naive_state(events: &[Event]) -> OrderState {
    let reports: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Report(report) => Some(report),
            Event::Cancel => None,
        })
        .collect();
    let venue: Vec<_> = reports
        .iter()
        .filter(|r| r.evidence != Evidence::Transport)
        .collect();
    let trades: std::collections::BTreeMap<u64, i64> = venue
        .iter()
        .filter_map(|r| r.last.map(|l| (l.trade_id, l.size)))
        .collect();
    let told = venue.iter().map(|r| r.cumulative).max().unwrap_or(0);
    let cumulative = told.max(trades.values().sum());
    let any = |status: ReportStatus| venue.iter().any(|r| r.status == status);
    let twice = |r: &ExecutionReport| {
        r.status == ReportStatus::Rejected && r.rejection == Some(Rejection::DuplicateId)
    };
    if cumulative >= 100 || any(ReportStatus::Filled) {
        return OrderState::Filled;
    }
    if any(ReportStatus::Cancelled) {
        return OrderState::Cancelled;
    }
    if venue
        .iter()
        .any(|r| r.status == ReportStatus::Rejected && !twice(r))
    {
        return OrderState::Rejected;
    }
    if any(ReportStatus::Expired) {
        return OrderState::Expired;
    }
    if any(ReportStatus::ExpiredInMatch) {
        return OrderState::ExpiredInMatch;
    }
    let held = venue
        .iter()
        .filter(|r| {
            matches!(
                r.status,
                ReportStatus::Accepted | ReportStatus::Triggered | ReportStatus::PartiallyFilled
            ) || twice(r)
        })
        .map(|r| r.exchange_ns)
        .max();
    let missing: Vec<i64> = venue
        .iter()
        .filter(|r| r.status == ReportStatus::NotFound)
        .map(|r| r.exchange_ns)
        .filter(|at| held.is_none_or(|held| *at > held))
        .collect();
    if let (Some(first), Some(last)) = (missing.iter().min(), missing.iter().max()) {
        if last - first >= ABSENCE_GRACE_NS {
            return OrderState::Absent;
        }
    }
    let doubted = venue.iter().any(|r| {
        let speaks_against = match r.status {
            ReportStatus::NotFound | ReportStatus::NotListed | ReportStatus::Unrecognised(_) => {
                true
            }
            ReportStatus::CancelRejected => {
                matches!(r.rejection, None | Some(Rejection::UnknownOrder))
            }
            _ => false,
        };
        speaks_against && held.is_none_or(|held| r.exchange_ns >= held)
    });
    let existed = held.is_some() || cumulative > 0;
    let unanswered = reports.iter().any(|r| r.status == ReportStatus::Unknown);
    let sent = reports
        .iter()
        .any(|r| r.status == ReportStatus::Sent && r.evidence == Evidence::Transport);
    match () {
        () if doubted || (unanswered && !existed) => OrderState::Unknown,
        () if events.iter().any(|event| matches!(event, Event::Cancel)) => {
            OrderState::CancelRequested
        }
        () if cumulative > 0 => OrderState::PartiallyFilled,
        () if existed => OrderState::Live,
        () if sent => OrderState::Sent,
        () => OrderState::PendingNew,
    }
}

fn event() -> impl Strategy<Value = Event> {
    let rejection = prop::option::of(prop::sample::select(vec![
        Rejection::DuplicateId,
        Rejection::UnknownOrder,
        Rejection::WouldCross,
    ]));
    let report = (
        prop::sample::select(ReportStatus::ALL.to_vec()),
        prop::sample::select(Evidence::ALL.to_vec()),
        0i64..8,
        // The size belongs to the trade id: one trade is told alike however often.
        prop::option::of(0u64..5),
        0i64..90,
        rejection,
        // Our own clock, whatever it shows.
        any::<i64>(),
    )
        .prop_map(
            |(status, evidence, tick, trade_id, told, rejection, local_ns)| {
                let id = order().client_id();
                let last = trade_id.and_then(|trade_id| {
                    let size = [11, 7, 30, 2, 23][trade_id as usize];
                    trade(id, trade_id, 1000, size, 0).last
                });
                Event::Report(ExecutionReport {
                    status,
                    evidence,
                    last,
                    rejection,
                    cumulative: told,
                    exchange_ns: tick * ABSENCE_GRACE_NS / 4,
                    local_ns,
                    ..report(id, status, 0)
                })
            },
        );
    prop_oneof![9 => report, 1 => Just(Event::Cancel)]
}

/// Few ends, so that the states before them are reached.
fn quiet_event() -> impl Strategy<Value = Event> {
    event().prop_filter("an end", |event| match event {
        Event::Cancel => true,
        Event::Report(report) => !matches!(
            report.status,
            ReportStatus::Filled
                | ReportStatus::Cancelled
                | ReportStatus::Rejected
                | ReportStatus::Expired
                | ReportStatus::ExpiredInMatch
        ),
    })
}

fn check_permutation(events: &[Event], keys: &[u32], again: &[prop::sample::Index]) {
    let (straight, filled) = replay(events);
    let mut mixed: Vec<_> = events.to_vec();
    if !events.is_empty() {
        mixed.extend(again.iter().map(|index| *index.get(events)));
    }
    let mut keyed: Vec<_> = mixed.into_iter().zip(keys.iter().cycle()).collect();
    keyed.sort_by_key(|(_, key)| **key);
    let mixed: Vec<_> = keyed.into_iter().map(|(event, _)| event).collect();
    let (other, refilled) = replay(&mixed);
    assert_eq!(other, straight, "all that is known, not only the state");
    assert_eq!(refilled, filled);
    assert_eq!(straight.state(), naive_state(events));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any order of one set of events, with any duplicates, ends in one state: the one that a naive reading of
    /// the whole set gives.
    #[test]
    fn order_and_duplicates_of_events_do_not_matter(
        events in prop_oneof![
            prop::collection::vec(event(), 0..14),
            prop::collection::vec(quiet_event(), 0..14),
        ],
        keys in prop::collection::vec(any::<u32>(), 30),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        check_permutation(&events, &keys, &again);
    }
}

/// The random histories are worth their name: every state is where some of them end.
#[test]
fn random_histories_reach_every_state() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4000 {
        let histories = prop::collection::vec(quiet_event(), 0..6);
        let quiet = histories.new_tree(&mut runner).unwrap().current();
        seen.insert(replay(&quiet).0.state());
        let any = prop::collection::vec(event(), 0..6);
        seen.insert(
            replay(&any.new_tree(&mut runner).unwrap().current())
                .0
                .state(),
        );
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), OrderState::ALL);
}
