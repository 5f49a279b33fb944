//! What [absence](crate::execution::ABSENCE_GRACE_NS) asks of a gateway.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::gateway::{Gateway, Outcome, Wants};
use super::market::instrument;
use super::scenario::{MILLISECOND, SECOND};
use crate::execution::{
    ClientId, Command, Input, LedgerKind, Leg, Order, Rejection, ReportStatus, RECEIVE_WINDOW_NS,
};
use crate::venue::{Call, Reply, Request, Usage, VenueError};

/// What the venue's clock shows where the steady one shows zero.
const VENUE_NS: i64 = 1_700_000_000 * SECOND;
/// How long a venue that refuses wants to be left alone.
const WAIT_NS: i64 = 250 * MILLISECOND;
/// What the clock that may be stepped shows: anything.
const LOCAL_NS: i64 = 77 * SECOND;

/// An order of the kind that a simulated run makes.
fn entry() -> Order {
    let intents = (0..20).flat_map(|seed| super::run(seed).ledger);
    let mut orders = intents
        .filter(|row| row.kind == LedgerKind::Intent)
        .map(|row| row.decode::<Order>().unwrap());
    orders
        .find(|order| order.spec().leg == Leg::Entry && order.spec().instrument == 0)
        .unwrap()
}

struct Bench {
    gateway: Gateway,
    wants: Wants,
    order: Order,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            gateway: Gateway::new(vec![instrument(0)], false, false),
            wants: Wants::default(),
            order: entry(),
        }
    }

    /// What leaves when the desk commands this.
    fn command(&mut self, steady_ns: i64, command: Command) -> Vec<(u64, Call)> {
        self.gateway.set_steady(steady_ns);
        self.gateway.command(command, &mut self.wants);
        std::mem::take(&mut self.wants.calls)
    }

    fn place(&mut self, steady_ns: i64) -> Vec<(u64, Call)> {
        self.command(steady_ns, Command::Place(self.order.clone()))
    }

    fn ask(&mut self, steady_ns: i64, client_id: ClientId) -> Vec<(u64, Call)> {
        let instrument = 0;
        let question = Command::Query {
            instrument,
            client_id,
        };
        self.command(steady_ns, question)
    }

    /// What leaves when the venue refuses a request at a moment of its clock, and the news comes later.
    fn refuse(
        &mut self,
        steady_ns: i64,
        request: u64,
        refused_ns: i64,
        error: VenueError,
    ) -> Vec<(u64, Call)> {
        let reply = Reply {
            exchange_ns: refused_ns,
            usage: Usage::default(),
            retry_after_ns: Some(WAIT_NS),
            outcome: Err(error),
        };
        self.gateway.set_steady(steady_ns);
        let outcome = Outcome::Reply(Box::new(reply));
        self.gateway
            .outcome(request, outcome, LOCAL_NS, &mut self.wants);
        std::mem::take(&mut self.wants.calls)
    }

    fn look(&mut self, steady_ns: i64) -> Vec<(u64, Call)> {
        self.command(steady_ns, Command::Snapshot { asked_ns: 0 })
    }

    fn wake(&mut self, steady_ns: i64) -> Vec<(u64, Call)> {
        self.gateway.set_steady(steady_ns);
        self.gateway.wake(LOCAL_NS, &mut self.wants);
        std::mem::take(&mut self.wants.calls)
    }

    /// The venue's clock is known, `late_ns` after it was told; the snapshot that asked for it is under way.
    fn synchronise(&mut self, late_ns: i64) {
        let asked = self.look(0);
        let error = VenueError::InvalidParameter;
        self.refuse(late_ns, asked[0].0, VENUE_NS, error);
        self.wants.calls.clear();
    }

    fn is_refused(&self) -> bool {
        self.wants.inputs.iter().any(|input| match input {
            Input::Report(report) => {
                report.status == ReportStatus::Rejected
                    && report.rejection == Some(Rejection::Refused)
            }
            _ => false,
        })
    }
}

fn placed(calls: &[(u64, Call)]) -> Vec<&(u64, Call)> {
    let orders = calls
        .iter()
        .filter(|(_, call)| matches!(call.request, Request::NewOrder(_) | Request::NewAlgo(_)));
    orders.collect()
}

#[test]
fn everything_waits_until_the_venue_has_told_its_time_and_then_leaves_in_order() {
    let mut bench = Bench::new();
    let first = bench.place(0);
    assert!(matches!(
        first[..],
        [(
            _,
            Call {
                request: Request::Time,
                timestamp_ns: None,
                ..
            }
        )]
    ));
    assert!(bench.look(0).is_empty(), "it is asked for once");
    // No answer: it is asked for again.
    let due_ns = bench.gateway.next_timer().unwrap();
    assert_eq!(due_ns, 500 * MILLISECOND);
    assert!(bench.wake(due_ns - 1).is_empty());
    let again = bench.wake(due_ns);
    assert!(matches!(again[0].1.request, Request::Time));
    let reply = VenueError::InvalidParameter;
    let left = bench.refuse(due_ns + 20 * MILLISECOND, again[0].0, VENUE_NS, reply);
    // The order first, bearing no more than what was told, then the account that it must not be missed in.
    assert_eq!(placed(&left[..1]).len(), 1);
    assert_eq!(left[0].1.timestamp_ns, Some(VENUE_NS));
    assert_eq!(left[0].1.receive_window_ns, RECEIVE_WINDOW_NS);
    assert!(left.len() > 5 && placed(&left).len() == 1);
    assert!(!bench.is_refused());
    assert_eq!(bench.gateway.next_timer(), None);
}

/// The first answer of all may be a ban: it tells the time, and nothing leaves into it.
#[test]
fn a_ban_that_tells_the_time_is_kept_to() {
    let mut bench = Bench::new();
    let first = bench.place(0);
    let left = bench.refuse(MILLISECOND, first[0].0, VENUE_NS, VenueError::Banned);
    assert!(left.is_empty());
    assert_eq!(placed(&bench.wake(WAIT_NS + 2 * MILLISECOND)).len(), 1);
}

/// However late the venue's answers come, and whatever our own clock shows, no request is ahead of the venue's clock.
#[test]
fn no_request_bears_a_time_that_the_venue_has_not_reached() {
    let mut bench = Bench::new();
    bench.synchronise(300 * MILLISECOND);
    let behind_ms = |bench: &mut Bench, steady_ns: i64| {
        let left = bench.place(steady_ns);
        // The venue's clock showed this when the steady one showed zero; what drift takes off is below a millisecond.
        let behind_ns = VENUE_NS + steady_ns - left[0].1.timestamp_ns.unwrap();
        assert!(behind_ns >= 0);
        behind_ns / MILLISECOND
    };
    assert_eq!(behind_ms(&mut bench, SECOND), 300);
    // A prompter answer tells more, a lazier one takes nothing away.
    for (turn, late_ms, expected_ms) in [(2, 40, 40), (3, 600, 40), (4, 10, 10)] {
        let asked_ns = turn * SECOND;
        let asked = bench.look(asked_ns);
        let heard_ns = asked_ns + late_ms * MILLISECOND;
        let error = VenueError::CancelRejected;
        bench.refuse(heard_ns, asked[0].0, VENUE_NS + asked_ns, error);
        let later_ns = asked_ns + 700 * MILLISECOND;
        assert_eq!(behind_ms(&mut bench, later_ns), expected_ms);
    }
}

/// One answer bore a time that had not come: requests are refused as of the future, and that puts it right.
#[test]
fn a_time_that_was_wrong_is_put_right() {
    let mut bench = Bench::new();
    let asked = bench.look(0);
    let wrong_ns = VENUE_NS + 3_600 * SECOND;
    bench.refuse(0, asked[0].0, wrong_ns, VenueError::Banned);
    bench.wake(WAIT_NS);
    let left = bench.place(SECOND);
    assert!(left[0].1.timestamp_ns.unwrap() > VENUE_NS + 3_600 * SECOND);
    let error = VenueError::InvalidTimestamp;
    let again = bench.refuse(SECOND, left[0].0, VENUE_NS + SECOND, error);
    assert_eq!(again[0].1.timestamp_ns, Some(VENUE_NS + SECOND));
}

/// Wanted while the venue is not to be bothered, and asked about before it could leave: it never does.
#[test]
fn an_order_that_was_held_back_and_asked_about_never_leaves() {
    for asks in [false, true] {
        let mut bench = Bench::new();
        bench.synchronise(0);
        let other = bench.look(SECOND);
        bench.refuse(SECOND, other[0].0, VENUE_NS + SECOND, VenueError::Banned);
        assert!(bench.place(SECOND).is_empty());
        if asks {
            let id = bench.order.client_id();
            assert!(bench.ask(SECOND, id).is_empty());
        }
        let left = bench.wake(SECOND + 2 * WAIT_NS);
        assert_eq!(placed(&left).is_empty(), asks);
        assert_eq!(bench.is_refused(), asks);
    }
}

#[test]
fn an_order_is_sent_again_only_while_the_venue_was_not_asked_about_it() {
    for error in [VenueError::InvalidTimestamp, VenueError::TooManyRequests] {
        for (asks, snapshot) in [(false, false), (true, false), (false, true)] {
            let mut bench = Bench::new();
            bench.synchronise(0);
            let left = bench.place(SECOND);
            let id = bench.order.client_id();
            if asks {
                bench.ask(SECOND, id);
            }
            if snapshot {
                bench.look(SECOND);
            }
            let heard_ns = SECOND + 200 * MILLISECOND;
            let mut again = bench.refuse(heard_ns, left[0].0, VENUE_NS + heard_ns, error);
            if error == VenueError::TooManyRequests {
                assert!(placed(&again).is_empty());
                again = bench.wake(bench.gateway.next_timer().unwrap());
            }
            let sent = !placed(&again).is_empty();
            assert_eq!(sent, !asks && !snapshot, "{error:?} {asks} {snapshot}");
            assert_eq!(bench.is_refused(), !sent, "one or the other");
        }
    }
}

/// The wait that the venue asks for counts from when it asked, not from when that was heard.
#[test]
fn a_ban_ends_when_the_venue_ends_it() {
    let mut bench = Bench::new();
    bench.synchronise(0);
    let left = bench.place(SECOND);
    let heard_ns = SECOND + 100 * MILLISECOND;
    bench.refuse(heard_ns, left[0].0, VENUE_NS + SECOND, VenueError::Banned);
    let due_ns = bench.gateway.next_timer().unwrap();
    assert!((SECOND + WAIT_NS..SECOND + WAIT_NS + MILLISECOND).contains(&due_ns));
}
