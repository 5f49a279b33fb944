#![allow(clippy::unwrap_used)]

use super::gate_tests::{instrument, limits, proposal, SECOND};
use super::*;
use crate::instrument::Side;
use crate::units::Money;
use proptest::prelude::*;

fn order() -> Order {
    let account = Exposure {
        busy: None,
        symbol_notional: Money::ZERO,
        gross_notional: Money::ZERO,
        equity: Money::ZERO,
        day_start_equity: Money::ZERO,
    };
    let touch = Touch {
        bid: 1000,
        ask: 1005,
    };
    let intent = Gate::new(limits(1000), SECOND)
        .check(
            &proposal(1, Side::Buy, Route::Maker),
            &instrument("A"),
            Some(touch),
            &account,
            SECOND,
        )
        .unwrap();
    route_entry(&intent, &instrument("A"), touch).unwrap()
}

pub(crate) fn report(
    client_id: ClientId,
    status: ReportStatus,
    cumulative: i64,
) -> ExecutionReport {
    ExecutionReport {
        client_id,
        status,
        cumulative,
        last: None,
        rejection: None,
        evidence: Evidence::VenueEvent,
        exchange_ns: 5,
        local_ns: 6,
    }
}

pub(crate) fn trade(
    client_id: ClientId,
    trade_id: u64,
    price: i64,
    size: i64,
    cumulative: i64,
) -> ExecutionReport {
    ExecutionReport {
        last: Some(LastFill {
            trade_id,
            price,
            size,
            fee: Money(1),
            liquidity: Liquidity::Maker,
            touch: None,
        }),
        ..report(client_id, ReportStatus::PartiallyFilled, cumulative)
    }
}

/// One record in every state.
fn record_in(state: OrderState) -> OrderRecord {
    let order = order();
    let id = order.client_id();
    let mut record = OrderRecord::new(order);
    match state {
        OrderState::PendingNew => {}
        OrderState::Live => drop(record.apply(&report(id, ReportStatus::Accepted, 0))),
        OrderState::PartiallyFilled => drop(record.apply(&trade(id, 1, 1000, 40, 40))),
        OrderState::CancelRequested => drop(record.request_cancel()),
        OrderState::Filled => drop(record.apply(&trade(id, 1, 1000, 100, 100))),
        OrderState::Cancelled => drop(record.apply(&report(id, ReportStatus::Cancelled, 0))),
        OrderState::Rejected => drop(record.apply(&report(id, ReportStatus::Rejected, 0))),
        OrderState::Expired => drop(record.apply(&report(id, ReportStatus::Expired, 0))),
        OrderState::Unknown => {
            let silent = ExecutionReport {
                evidence: Evidence::Transport,
                ..report(id, ReportStatus::Unknown, 0)
            };
            record.apply(&silent);
        }
    }
    assert_eq!(record.state(), state);
    record
}

#[test]
fn every_state_takes_every_report() {
    for state in OrderState::ALL {
        for status in ReportStatus::ALL {
            for evidence in [
                Evidence::VenueReply,
                Evidence::VenueEvent,
                Evidence::Transport,
            ] {
                let mut record = record_in(state);
                let id = record.spec().client_id;
                let cumulative = record.cumulative();
                let row = ExecutionReport {
                    evidence,
                    ..report(id, status, cumulative)
                };
                let transition = record.apply(&row);
                assert_eq!(transition.before, state);
                assert_eq!(transition.after, record.state());
                assert!(record.cumulative() >= cumulative);
                if state.is_terminal() {
                    assert!(record.state().is_terminal(), "{state:?} + {status:?}");
                }
                if evidence == Evidence::Transport && !state.is_terminal() {
                    assert!(
                        !record.state().is_terminal(),
                        "only the venue ends an order"
                    );
                }
                let again = record.clone();
                record.apply(&row);
                assert_eq!(record, again, "a duplicate changes nothing");
            }
        }
    }
}

#[test]
fn unknown_keeps_the_worst_case_until_the_venue_answers() {
    let mut record = record_in(OrderState::Unknown);
    assert_eq!(record.open_size(), 100);
    let id = record.spec().client_id;
    record.apply(&trade(id, 1, 1000, 40, 40));
    assert_eq!(
        (record.state(), record.open_size()),
        (OrderState::PartiallyFilled, 60)
    );
    record.apply(&report(id, ReportStatus::Cancelled, 60));
    assert_eq!(record.state(), OrderState::Cancelled);
    assert!(!record.is_complete(), "20 were filled and not told yet");
    assert_eq!(record.open_size(), 20);
    assert!(record.apply(&trade(id, 2, 1000, 20, 60)).fill.is_some());
    assert!(record.is_complete());
    assert_eq!(record.open_size(), 0);
}

#[test]
fn a_refused_cancel_of_an_open_order_is_unknown() {
    let mut record = record_in(OrderState::CancelRequested);
    let id = record.spec().client_id;
    record.apply(&report(id, ReportStatus::CancelRejected, 0));
    assert_eq!(record.state(), OrderState::Unknown);
    record.apply(&trade(id, 1, 1000, 100, 100));
    assert_eq!(record.state(), OrderState::Filled);
    assert!(!record.request_cancel());
}

proptest! {
    /// Any order of the same venue reports, with any duplicates, ends in the same state with the same fills.
    #[test]
    fn order_and_duplicates_of_reports_do_not_matter(
        sizes in prop::collection::vec(1i64..30, 0..6),
        end in 0usize..3,
        shuffled in any::<prop::sample::Index>(),
        order_keys in prop::collection::vec(any::<u32>(), 20),
    ) {
        let fresh = OrderRecord::new(order());
        let id = fresh.spec().client_id;
        let mut reports = vec![report(id, ReportStatus::Accepted, 0)];
        let mut cumulative = 0;
        for (index, size) in sizes.iter().enumerate() {
            let size = (*size).min(100 - cumulative);
            if size > 0 {
                cumulative += size;
                reports.push(trade(id, index as u64, 1000, size, cumulative));
            }
        }
        match end {
            0 => reports.push(report(id, ReportStatus::Cancelled, cumulative)),
            1 => reports.push(report(id, ReportStatus::Expired, cumulative)),
            _ => {}
        }
        let mut straight = fresh.clone();
        let mut filled = 0;
        for row in &reports {
            filled += straight.apply(row).fill.map_or(0, |fill| fill.size);
        }
        prop_assert_eq!(filled, cumulative);
        let mut mixed = reports.clone();
        mixed.push(*shuffled.get(&reports));
        mixed.push(*shuffled.get(&reports));
        let mut keyed: Vec<_> = mixed.into_iter().zip(order_keys).collect();
        keyed.sort_by_key(|(_, key)| *key);
        let mut other = fresh;
        let mut refilled = 0;
        for (row, _) in &keyed {
            refilled += other.apply(row).fill.map_or(0, |fill| fill.size);
        }
        prop_assert_eq!(refilled, filled);
        prop_assert_eq!(other.state(), straight.state());
        prop_assert_eq!(other.cumulative(), straight.cumulative());
        prop_assert_eq!(other.is_complete(), straight.is_complete());
    }
}
