#![allow(clippy::unwrap_used)]

use super::gate_tests::{instrument, limits, proposal, SECOND};
use super::*;
use crate::instrument::Side;
use crate::units::Money;

pub(crate) fn order() -> Order {
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
        local_ns: 10 * SECOND,
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

fn transport(client_id: ClientId, status: ReportStatus) -> ExecutionReport {
    ExecutionReport {
        evidence: Evidence::Transport,
        ..report(client_id, status, 0)
    }
}

fn not_found(client_id: ClientId, exchange_ns: i64) -> ExecutionReport {
    ExecutionReport {
        evidence: Evidence::Query,
        exchange_ns,
        ..report(client_id, ReportStatus::NotFound, 0)
    }
}

/// An answer may be told late, and our clock may be stepped while the order is under way.
#[test]
fn what_our_own_clock_shows_proves_no_absence() {
    for told_ns in [0, SECOND, SECOND + 10 * ABSENCE_GRACE_NS, i64::MAX] {
        let mut record = record_in(OrderState::Unknown);
        let id = record.spec().client_id;
        let told = |exchange_ns| ExecutionReport {
            local_ns: told_ns,
            ..not_found(id, exchange_ns)
        };
        record.apply(&told(6));
        record.apply(&told(5 + ABSENCE_GRACE_NS));
        assert_eq!(record.state(), OrderState::Unknown, "it may still arrive");
        record.apply(&told(6 + ABSENCE_GRACE_NS));
        assert_eq!(record.state(), OrderState::Absent);
    }
}

/// One record in every state.
pub(crate) fn record_in(state: OrderState) -> OrderRecord {
    let order = order();
    let id = order.client_id();
    let mut record = OrderRecord::new(order, SECOND);
    let said = |status| report(id, status, 0);
    match state {
        OrderState::PendingNew => {}
        OrderState::Sent => drop(record.apply(&transport(id, ReportStatus::Sent))),
        OrderState::Unknown => drop(record.apply(&transport(id, ReportStatus::Unknown))),
        OrderState::Live => drop(record.apply(&said(ReportStatus::Accepted))),
        OrderState::PartiallyFilled => drop(record.apply(&trade(id, 1, 1000, 40, 40))),
        OrderState::CancelRequested => {
            record.apply(&said(ReportStatus::Accepted));
            record.request_cancel();
        }
        OrderState::Filled => drop(record.apply(&trade(id, 1, 1000, 100, 100))),
        OrderState::Cancelled => drop(record.apply(&said(ReportStatus::Cancelled))),
        OrderState::Rejected => drop(record.apply(&said(ReportStatus::Rejected))),
        OrderState::Expired => drop(record.apply(&said(ReportStatus::Expired))),
        OrderState::ExpiredInMatch => drop(record.apply(&said(ReportStatus::ExpiredInMatch))),
        OrderState::Absent => {
            record.apply(&not_found(id, 6));
            record.apply(&not_found(id, 6 + ABSENCE_GRACE_NS));
        }
    }
    assert_eq!(record.state(), state);
    record
}

#[test]
fn every_state_takes_every_report() {
    for state in OrderState::ALL {
        for status in ReportStatus::ALL {
            for evidence in Evidence::ALL {
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
                if state.is_terminal() && state != OrderState::Absent {
                    assert!(record.state().is_terminal(), "{state:?} + {status:?}");
                }
                if evidence == Evidence::Transport && !state.is_terminal() {
                    assert!(
                        !record.state().is_terminal(),
                        "only the venue ends an order"
                    );
                }
                if !record.state().is_terminal() {
                    assert_eq!(
                        record.open_size() + record.filled(),
                        100,
                        "the worst case stays reserved"
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

#[test]
fn doubt_yields_only_to_what_the_venue_said_later() {
    let mut record = record_in(OrderState::Live);
    let id = record.spec().client_id;
    let at = |exchange_ns, status| ExecutionReport {
        exchange_ns,
        ..report(id, status, 0)
    };
    let odd = ReportStatus::of_venue("PENDING_SOMETHING");
    record.apply(&at(20, odd));
    assert_eq!(record.state(), OrderState::Unknown);
    record.apply(&at(19, ReportStatus::Accepted));
    assert_eq!(record.state(), OrderState::Unknown, "an older event");
    record.apply(&at(21, ReportStatus::Accepted));
    assert_eq!(record.state(), OrderState::Live);
}

#[test]
fn absence_needs_time_and_is_taken_back_by_evidence() {
    let mut record = record_in(OrderState::Unknown);
    let id = record.spec().client_id;
    record.apply(&not_found(id, 100));
    record.apply(&not_found(id, 100));
    assert_eq!(record.state(), OrderState::Unknown, "one answer, twice");
    record.apply(&not_found(id, 99 + ABSENCE_GRACE_NS));
    assert_eq!(record.state(), OrderState::Unknown);
    record.apply(&not_found(id, 100 + ABSENCE_GRACE_NS));
    assert_eq!(record.state(), OrderState::Absent);
    assert_eq!((record.is_complete(), record.open_size()), (true, 0));
    // Found after all.
    record.apply(&ExecutionReport {
        exchange_ns: 200 + ABSENCE_GRACE_NS,
        ..report(id, ReportStatus::Accepted, 0)
    });
    assert_eq!(
        (record.state(), record.open_size()),
        (OrderState::Live, 100)
    );
}

#[test]
fn a_duplicate_id_is_proof_that_the_order_exists() {
    let mut record = record_in(OrderState::Unknown);
    let id = record.spec().client_id;
    record.apply(&ExecutionReport {
        rejection: Some(Rejection::DuplicateId),
        ..report(id, ReportStatus::Rejected, 0)
    });
    assert_eq!(record.state(), OrderState::Live);
}
