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
    let history = super::run(0);
    let intents = history
        .ledger
        .iter()
        .filter(|row| row.kind == LedgerKind::Intent);
    let mut orders = intents.map(|row| row.decode::<Order>().unwrap());
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
        self.gateway.command(command, LOCAL_NS, &mut self.wants);
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

    /// The venue's clock is known, `late_ns` after it was told.
    fn synchronise(&mut self, late_ns: i64) {
        let asked = self.command(0, Command::Snapshot);
        self.refuse(late_ns, asked[0].0, VENUE_NS, VenueError::InvalidTimestamp);
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
fn an_order_waits_until_the_venue_has_told_its_time() {
    let mut bench = Bench::new();
    assert!(bench.place(0).is_empty());
    let stranger = ClientId::new(99, Leg::Entry, 0, 0);
    let asked = bench.ask(0, stranger);
    assert_eq!(
        asked[0].1.timestamp_ns,
        Some(LOCAL_NS),
        "a question may be refused"
    );
    let late_ns = 20 * MILLISECOND;
    let error = VenueError::InvalidTimestamp;
    let left = bench.refuse(late_ns, asked[0].0, VENUE_NS, error);
    let orders = placed(&left);
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].1.timestamp_ns, Some(VENUE_NS));
    assert_eq!(orders[0].1.receive_window_ns, RECEIVE_WINDOW_NS);
}

/// However late the venue's answers come, and whatever our own clock shows, no request is ahead of the venue's clock.
#[test]
fn no_order_bears_a_time_that_the_venue_has_not_reached() {
    let mut bench = Bench::new();
    bench.synchronise(300 * MILLISECOND);
    let ahead_ns = |bench: &mut Bench, steady_ns: i64| {
        let left = bench.place(steady_ns);
        // The venue's clock showed this when the steady one showed zero.
        left[0].1.timestamp_ns.unwrap() - (VENUE_NS + steady_ns)
    };
    assert_eq!(ahead_ns(&mut bench, SECOND), -300 * MILLISECOND);
    // A later answer tells more, a lazier one no less.
    for (told_late_ns, expected_ns) in [(40, -40), (2_000, -40), (10, -10)] {
        let asked = bench.command(SECOND, Command::Snapshot);
        let heard_ns = SECOND + told_late_ns * MILLISECOND;
        let error = VenueError::CancelRejected;
        bench.refuse(heard_ns, asked[0].0, VENUE_NS + SECOND, error);
        let ahead = ahead_ns(&mut bench, 4 * SECOND);
        assert_eq!(ahead, expected_ns * MILLISECOND);
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
                bench.command(SECOND, Command::Snapshot);
            }
            let heard_ns = SECOND + 200 * MILLISECOND;
            let mut again = bench.refuse(heard_ns, left[0].0, VENUE_NS + heard_ns, error);
            if error == VenueError::TooManyRequests {
                assert!(placed(&again).is_empty());
                let due_ns = bench.gateway.next_timer().unwrap();
                assert_eq!(due_ns, heard_ns + WAIT_NS);
                bench.gateway.set_steady(due_ns);
                bench.gateway.clock(LOCAL_NS, &mut bench.wants);
                again = std::mem::take(&mut bench.wants.calls);
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
    let due_ns = SECOND + WAIT_NS;
    assert_eq!(bench.gateway.next_timer(), Some(due_ns));
}
