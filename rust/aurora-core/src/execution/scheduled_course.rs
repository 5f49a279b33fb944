//! How a scheduled entry goes on: which slice has begun, what is due, and what of it is still to come.
//!
//! Each slice is tried once: an order that did not fill is not sent again before the next slice begins, which carries
//! its rest. After an order that filled whole the next one leaves at once, as far as more is due.

use serde::{Deserialize, Serialize};

use super::entry_course::{own_side, EntryWish};
use super::entry_schedule::{Pace, ScheduledEntry};
use super::gate::{Route, Touch};
use super::order::{OrderRecord, OrderState};
use super::router::{OrderSpec, TimeInForce};
use crate::instrument::Side;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScheduledCourse {
    entry: ScheduledEntry,
    /// Entries made.
    pub made: u32,
    /// Slices that had begun when it was last looked at.
    begun: u32,
    /// A slice has begun, or an order has filled whole, and what is due has not been seen to since.
    ready: bool,
    /// What the market has traded since the decision, size quanta.
    traded: i64,
    /// Nothing follows any more.
    over: bool,
    reserve_price: i64,
}

impl ScheduledCourse {
    pub fn new(entry: ScheduledEntry) -> ScheduledCourse {
        ScheduledCourse {
            entry,
            made: 0,
            begun: 0,
            ready: false,
            traded: 0,
            over: false,
            reserve_price: entry.reserve_price,
        }
    }

    /// Price at which what is to come is reserved: the worst of the decision's and of the orders made since.
    pub fn reserve_price(&self) -> i64 {
        self.reserve_price
    }

    /// Whether the market's volume matters.
    pub fn measures(&self) -> bool {
        !self.over && matches!(self.entry.schedule.pace, Pace::Participation { .. })
    }

    /// The market has traded.
    pub fn trade(&mut self, size: i64) {
        self.traded = self.traded.saturating_add(size.max(0));
    }

    pub fn placed(&mut self, spec: &OrderSpec) {
        self.made = self.made.max(spec.attempt.saturating_add(1));
        self.reserve_price = self.reserve_price.max(spec.price.unwrap_or(0));
    }

    pub fn ended(&mut self, entry: &OrderRecord) {
        self.ready |= entry.state() == OrderState::Filled;
    }

    pub fn give_up(&mut self) {
        self.over = true;
    }

    /// Size that may still leave beyond what entries have filled or may fill, `committed`.
    pub fn coming(&self, committed: i64) -> i64 {
        let left = self.entry.size.saturating_sub(committed);
        let least = self.entry.schedule.child_min.saturating_mul(self.entry.lot);
        if self.over || left < least {
            0
        } else {
            left
        }
    }

    /// When the next slice begins.
    pub fn next_due_ns(&self) -> Option<i64> {
        let schedule = &self.entry.schedule;
        (self.begun < schedule.slices).then(|| {
            self.entry
                .begun_ns
                .saturating_add(schedule.begins_ns(self.begun))
        })
    }

    pub fn wish<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a OrderRecord>,
        touch: Option<Touch>,
        now_ns: i64,
    ) -> EntryWish {
        let begun = self
            .entry
            .schedule
            .begun(now_ns.saturating_sub(self.entry.begun_ns));
        if begun > self.begun {
            self.begun = begun;
            self.ready = true;
        }
        let (mut filled, mut open) = (0i64, None);
        for entry in entries {
            filled = filled.saturating_add(entry.cumulative());
            if !entry.is_complete() {
                if open.is_some() {
                    return EntryWish::Nothing;
                }
                open = Some(entry);
            }
        }
        match open {
            Some(entry) => self.watch(entry, filled, touch),
            None => self.follow(filled, touch),
        }
    }

    /// Lots of the order that would leave now.
    fn child(&self, filled: i64) -> i64 {
        let ScheduledEntry {
            schedule,
            size,
            lot,
            ..
        } = &self.entry;
        let lot = (*lot).max(1);
        let lots_of = |size: i64| size.max(0) / lot;
        let due = schedule.due(lots_of(*size), self.begun, self.traded, lot);
        let due = lots_of(due.saturating_mul(lot).saturating_sub(filled));
        schedule.child(due, lots_of(size.saturating_sub(filled)))
    }

    /// Whether the order that rests is to give way to the slice that has begun.
    fn watch(&mut self, entry: &OrderRecord, filled: i64, touch: Option<Touch>) -> EntryWish {
        let spec = entry.spec();
        let rests = spec.time_in_force == TimeInForce::PostOnly
            && matches!(
                entry.state(),
                OrderState::Live | OrderState::PartiallyFilled
            );
        if !rests || !self.ready || entry.is_cancel_requested() {
            return EntryWish::Nothing;
        }
        let at_touch = touch.is_some_and(|touch| spec.price == Some(own_side(touch, spec.side)));
        let more = match self.entry.schedule.pace {
            Pace::Iceberg { .. } => false,
            _ => self.child(filled).saturating_mul(self.entry.lot) > entry.open_size(),
        };
        if at_touch && !more && !self.over {
            // A new place in the queue would be a worse one.
            self.ready = false;
            return EntryWish::Nothing;
        }
        EntryWish::Cancel
    }

    /// The order that leaves while none is open.
    fn follow(&mut self, filled: i64, touch: Option<Touch>) -> EntryWish {
        let ready = std::mem::take(&mut self.ready);
        let placed = (ready && !self.over)
            .then(|| {
                let (time_in_force, price) = self.price(touch?)?;
                let lots = self.child(filled);
                let size = lots.saturating_mul(self.entry.lot);
                (lots > 0).then_some(EntryWish::Place(time_in_force, price, size))
            })
            .flatten();
        // The last slice has been seen to, and nothing of it is open.
        self.over |= placed.is_none() && self.begun >= self.entry.schedule.slices;
        placed.unwrap_or(EntryWish::Nothing)
    }

    /// How a slice meets the market; none where it would have to take beyond its worst price.
    fn price(&self, touch: Touch) -> Option<(TimeInForce, i64)> {
        let ScheduledEntry {
            side,
            route,
            within,
            limit,
            ..
        } = self.entry;
        match (route, side) {
            (Route::Maker, _) => Some((TimeInForce::PostOnly, own_side(touch, side))),
            (Route::Taker, Side::Buy) => (touch.ask <= within).then(|| {
                let price = touch.ask.saturating_add(limit).min(within);
                (TimeInForce::ImmediateOrCancel, price)
            }),
            (Route::Taker, Side::Sell) => (touch.bid >= within).then(|| {
                let price = touch.bid.saturating_sub(limit).max(within);
                (TimeInForce::ImmediateOrCancel, price)
            }),
        }
    }
}

#[cfg(test)]
#[path = "scheduled_course_tests.rs"]
mod tests;
