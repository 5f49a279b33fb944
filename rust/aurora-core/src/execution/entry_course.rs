//! How the entry of a trade goes on after its first order: maker first, or by a schedule.
//!
//! Either way there are never two entries at once: an order leaves when the one before it is proven to have ended, and
//! for no more than is left of the size that was decided.

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::exit_router::Ticket;
use super::gate::Touch;
use super::maker_first::MakerFirstCourse;
use super::order::OrderRecord;
use super::report::ExecutionReport;
use super::router::{OrderKind, OrderSpec, TimeInForce};
use super::scheduled_course::ScheduledCourse;
use crate::instrument::Side;

/// What an entry asks for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryWish {
    Nothing,
    /// The entry is to be cancelled.
    Cancel,
    /// No entry is open, and this is to leave: time in force, limit price, size.
    Place(TimeInForce, i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EntryCourse {
    MakerFirst(MakerFirstCourse),
    Scheduled(ScheduledCourse),
}

impl EntryCourse {
    /// Entries made.
    pub fn made(&self) -> u32 {
        match self {
            EntryCourse::MakerFirst(course) => course.made,
            EntryCourse::Scheduled(course) => course.made,
        }
    }

    /// Another entry has left.
    pub fn placed(&mut self, spec: &OrderSpec) {
        match self {
            EntryCourse::MakerFirst(course) => course.placed(spec),
            EntryCourse::Scheduled(course) => course.placed(spec),
        }
    }

    /// An entry has ended, of which `report` told.
    pub fn ended(&mut self, entry: &OrderRecord, report: &ExecutionReport, now_ns: i64) {
        match self {
            EntryCourse::MakerFirst(course) => course.ended(entry, report, now_ns),
            EntryCourse::Scheduled(course) => course.ended(entry),
        }
    }

    /// Nothing follows any more.
    pub fn give_up(&mut self) {
        match self {
            EntryCourse::MakerFirst(course) => course.give_up(),
            EntryCourse::Scheduled(course) => course.give_up(),
        }
    }

    /// What the entry asks for; `entries` are all that the trade has made. An entry that rests is not looked at without
    /// a touch.
    pub fn wish<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a OrderRecord>,
        touch: Option<Touch>,
        now_ns: i64,
    ) -> EntryWish {
        match (self, touch) {
            (EntryCourse::MakerFirst(course), Some(touch)) => course.wish(entries, touch, now_ns),
            (EntryCourse::MakerFirst(course), None) => {
                course.give_up();
                EntryWish::Nothing
            }
            (EntryCourse::Scheduled(course), touch) => course.wish(entries, touch, now_ns),
        }
    }

    /// When it is to be looked at next; none: at its next touch or report.
    pub fn next_due_ns(&self) -> Option<i64> {
        match self {
            EntryCourse::MakerFirst(course) => course.low_fill_due_ns(),
            EntryCourse::Scheduled(course) => course.next_due_ns(),
        }
    }

    /// Whether every touch matters while an entry is open.
    pub fn chases(&self) -> bool {
        matches!(self, EntryCourse::MakerFirst(_))
    }

    pub fn scheduled(&self) -> Option<&ScheduledCourse> {
        match self {
            EntryCourse::MakerFirst(_) => None,
            EntryCourse::Scheduled(course) => Some(course),
        }
    }

    pub fn scheduled_mut(&mut self) -> Option<&mut ScheduledCourse> {
        match self {
            EntryCourse::MakerFirst(_) => None,
            EntryCourse::Scheduled(course) => Some(course),
        }
    }
}

pub(super) fn own_side(touch: Touch, side: Side) -> i64 {
    match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    }
}

/// The specification of an entry of this attempt.
pub(super) fn entry_spec(
    ticket: &Ticket,
    attempt: u32,
    time_in_force: TimeInForce,
    price: i64,
    size: i64,
) -> OrderSpec {
    OrderSpec {
        client_id: ClientId::new(ticket.trace, Leg::Entry, 0, attempt),
        trace: ticket.trace,
        instrument: ticket.instrument,
        leg: Leg::Entry,
        leg_number: 0,
        attempt,
        side: ticket.side,
        kind: OrderKind::Limit,
        time_in_force,
        price: Some(price),
        trigger: None,
        size,
        reduce_only: false,
    }
}
