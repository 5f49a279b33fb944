use super::super::gate_tests::SECOND;
use super::super::order_tests::{record_in, report};
use super::super::report::{ExecutionReport, Rejection, ReportStatus};
use super::*;

/// Refused as unknown and held after that, the cancel came too early; refused for another reason, it has its time.
#[test]
fn a_cancel_that_came_too_early_is_repeated_soon() {
    let timeouts = Timeouts::default();
    let mut record = record_in(OrderState::CancelRequested);
    let id = record.spec().client_id;
    let at = |exchange_ns, status, rejection| ExecutionReport {
        exchange_ns,
        rejection,
        ..report(id, status, 0)
    };
    record.dealings.cancelled_ns = Some(10 * SECOND);
    let due_ms = |record: &OrderRecord| {
        let due_ns = record.next_inquiry_ns(&timeouts);
        due_ns.map(|due| (due - 10 * SECOND) / 1_000_000)
    };
    assert_eq!(due_ms(&record), Some(2_500));
    for (refused_ns, expected_ms) in [(20, 250), (30, 500)] {
        let unknown = Some(Rejection::UnknownOrder);
        record.apply(&at(refused_ns, ReportStatus::CancelRejected, unknown));
        record.note_refusal(refused_ns);
        assert_eq!(record.state(), OrderState::Unknown);
        record.apply(&at(refused_ns + 1, ReportStatus::Accepted, None));
        assert_eq!(due_ms(&record), Some(expected_ms));
    }
    for refused_ns in [31, 40] {
        let refused = Some(Rejection::Refused);
        record.apply(&at(refused_ns, ReportStatus::CancelRejected, refused));
        record.note_refusal(refused_ns);
        assert_eq!(due_ms(&record), Some(2_500), "held at 31, refused later");
    }
}

/// Never heard of: it is asked about early, then it is unknown, and a cancel is not repeated for it.
#[test]
fn an_order_never_heard_of_that_is_to_be_cancelled_is_asked_about() {
    let timeouts = Timeouts::default();
    let mut record = record_in(OrderState::PendingNew);
    record.request_cancel();
    record.dealings.cancelled_ns = Some(SECOND);
    assert_eq!(record.state(), OrderState::CancelRequested);
    let mut asked_ms = Vec::new();
    while record.state() == OrderState::CancelRequested {
        let due_ns = record.next_inquiry_ns(&timeouts).unwrap_or(i64::MAX);
        assert_eq!(record.inquire(due_ns - 1, &timeouts), Inquiry::Nothing);
        let asks = record.inquire(due_ns, &timeouts) == Inquiry::Ask;
        asked_ms.push((asks, (due_ns - record.placed_ns()) / 1_000_000));
    }
    let silence = (false, 2_500);
    assert_eq!(
        asked_ms,
        [(true, 1_000), (true, 1_250), (true, 1_750), silence]
    );
    assert_eq!(record.state(), OrderState::Unknown);
}
