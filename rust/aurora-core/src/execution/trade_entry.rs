//! The entries of a trade: which are open, what may follow, what is reserved for them.

use super::client_id::Leg;
use super::entry_course::EntryCourse;
use super::entry_schedule::ScheduledTrade;
use super::order::OrderRecord;
use super::protection::Protection;
use super::scheduled_course::ScheduledCourse;
use super::trade::Trade;
use crate::instrument::Instrument;
use crate::units::Money;

impl Trade {
    /// A trade whose entries are still to come, by a schedule.
    pub fn scheduled(trade: &ScheduledTrade, now_ns: i64) -> Trade {
        let (ticket, plan) = (trade.ticket, &trade.plan);
        let course = ScheduledCourse::new(trade.entry);
        let mut made = Trade::rescue(ticket, now_ns);
        made.course = Some(EntryCourse::Scheduled(course));
        made.deadline_ns = plan.deadline_ns;
        made.entry_expires_ns = plan.entry_expires_ns;
        made.closing = false;
        made.protection = Protection::new(ticket.side, plan.stop_distance, plan.exits);
        made
    }

    /// Anything that could still open a position, of whichever trade.
    pub fn entry_open(&self) -> bool {
        self.orders
            .iter()
            .any(|order| order.spec().leg == Leg::Entry && !order.is_complete())
    }

    /// Place of the entry made last.
    pub fn last_entry(&self) -> Option<usize> {
        let entry = |order: &OrderRecord| order.spec().leg == Leg::Entry && self.owns(order);
        self.orders.iter().rposition(entry)
    }

    pub fn is_scheduled(&self) -> bool {
        let course = self.course.as_ref();
        course.is_some_and(|course| course.scheduled().is_some())
    }

    /// Size that a schedule is still to bring, beyond what entries have filled or may fill.
    pub fn to_come(&self) -> i64 {
        let scheduled = self.course.as_ref().and_then(EntryCourse::scheduled);
        scheduled.map_or(0, |course| {
            let committed = |entry: &OrderRecord| entry.filled().saturating_add(entry.open_size());
            course.coming(self.legs(Leg::Entry).map(committed).sum())
        })
    }

    /// Whether the last entry may have been followed by another: nothing tells that it was not.
    pub fn entry_may_follow(&self) -> bool {
        self.course.is_some() && self.protection.entered() == 0 && !self.closing
    }

    /// Notional of what a schedule is still to bring.
    pub fn reserved_to_come(&self, instrument: &Instrument) -> Money {
        let scheduled = self.course.as_ref().and_then(EntryCourse::scheduled);
        scheduled.map_or(Money::ZERO, |course| {
            instrument.notional(course.reserve_price(), self.to_come())
        })
    }

    /// Notional of entries that may still fill, at their limit prices, and of those still to come.
    pub fn reserved(&self, instrument: &Instrument) -> Money {
        let mut sum = self.reserved_to_come(instrument);
        for order in self.orders.iter().filter(|o| o.spec().leg == Leg::Entry) {
            let price = order.spec().price.unwrap_or(0);
            sum += instrument.notional(price, order.open_size());
        }
        sum
    }
}
