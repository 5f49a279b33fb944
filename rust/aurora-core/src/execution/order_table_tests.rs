//! The table of states and events, generated; `docs/order-states.md` must hold exactly this.

use std::fmt::Write;

use super::order_tests::{record_in, report, trade};
use super::*;

/// Every event that can meet an order, with what the page calls it.
fn events() -> Vec<(&'static str, ExecutionReport)> {
    let id = record_in(OrderState::PendingNew).spec().client_id;
    // Later than anything that led into the state.
    let later = |row: ExecutionReport, nanoseconds| ExecutionReport {
        exchange_ns: 10 * ABSENCE_GRACE_NS + nanoseconds,
        ..row
    };
    let said = |status| later(report(id, status, 0), 0);
    let transport = |status| ExecutionReport {
        evidence: Evidence::Transport,
        ..said(status)
    };
    vec![
        ("transport: sent", transport(ReportStatus::Sent)),
        ("transport: no answer", transport(ReportStatus::Unknown)),
        ("accepted", said(ReportStatus::Accepted)),
        ("triggered", said(ReportStatus::Triggered)),
        ("a trade of 40", later(trade(id, 7, 1000, 40, 40), 0)),
        ("trades up to 100", later(trade(id, 8, 1000, 100, 100), 0)),
        ("cancelled", said(ReportStatus::Cancelled)),
        (
            "cancel refused: no such order",
            ExecutionReport {
                rejection: Some(Rejection::UnknownOrder),
                ..said(ReportStatus::CancelRejected)
            },
        ),
        ("rejected", said(ReportStatus::Rejected)),
        (
            "rejected: duplicate id",
            ExecutionReport {
                rejection: Some(Rejection::DuplicateId),
                ..said(ReportStatus::Rejected)
            },
        ),
        ("expired", said(ReportStatus::Expired)),
        ("expired in match", said(ReportStatus::ExpiredInMatch)),
        ("outcome unknown", said(ReportStatus::Unknown)),
        (
            "unrecognised word",
            said(ReportStatus::of_venue("SOMETHING_NEW")),
        ),
        ("not listed, conditional", said(ReportStatus::NotListed)),
        ("not found", said(ReportStatus::NotFound)),
    ]
}

fn page() -> String {
    let mut page = String::from(
        "# Order states\n\n\
         The state of an order is read off what is known of it, and knowledge only grows: any order of the same\n\
         events, with any duplicates, ends in the same state. Each row is an event that comes later than all\n\
         before it, each column a state in which it finds an order of size 100 (`partially_filled` holds 40,\n\
         `cancel_requested` was accepted before, `unknown` got no answer); `.` stays as it is.\n\
         A test generates this page from `rust/aurora-core/src/execution/order.rs`.\n\n",
    );
    let _ = write!(page, "| event |");
    for state in OrderState::ALL {
        let _ = write!(page, " {} |", state.name());
    }
    let _ = writeln!(page, "\n|---|{}", "---|".repeat(OrderState::ALL.len()));
    let mut row = |name: &str, after: &dyn Fn(OrderState) -> OrderState| {
        let _ = write!(page, "| {name} |");
        for state in OrderState::ALL {
            let after = after(state);
            let shown = if after == state { "." } else { after.name() };
            let _ = write!(page, " {shown} |");
        }
        let _ = writeln!(page);
    };
    row("we want it cancelled", &|state| {
        let mut record = record_in(state);
        record.request_cancel();
        record.state()
    });
    for (name, event) in events() {
        row(name, &|state| record_in(state).apply(&event).after);
    }
    let mut second = events()
        .pop()
        .map_or_else(Vec::new, |(_, event)| vec![event]);
    second.extend(second.clone().into_iter().map(|event| ExecutionReport {
        exchange_ns: event.exchange_ns + ABSENCE_GRACE_NS,
        ..event
    }));
    let grace = ABSENCE_GRACE_NS as f64 / 1e9;
    row(&format!("not found, again after {grace} s"), &|state| {
        let mut record = record_in(state);
        for event in &second {
            record.apply(event);
        }
        record.state()
    });
    page.push_str(
        "\nUntil an order has ended, all of it that has not filled stays reserved. It is complete when it has ended\n\
         and every trade that its cumulative fill counts has been seen. `absent` is the one end that later\n\
         evidence takes back.\n",
    );
    page
}

#[test]
fn the_page_of_order_states_is_this_table() {
    let written = include_str!("../../../../docs/order-states.md");
    let generated = page();
    assert!(
        written == generated,
        "docs/order-states.md should read:\n{generated}"
    );
}
