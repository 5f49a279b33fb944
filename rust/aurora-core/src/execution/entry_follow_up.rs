//! The step's side of [`super::entry_course`]: cancels the entry that gives way and lets the next one leave.

use super::client_id::Leg;
use super::entry_course::{entry_spec, EntryWish};
use super::payload::note;
use super::router::{checked_entry, RepairField, RepairReason, TimeInForce};
use super::step::{Execution, ExecutionError, Output};
use crate::instrument::Side;

impl Execution {
    /// Sees to an entry that goes on: whether it gives way, and what follows it.
    pub(super) fn go_on_with_entry(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let stopped = self.killed || self.unreconciled;
        let touch = self.account.touches[index];
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        let Some(mut course) = trade.course else {
            return Ok(());
        };
        // What was entered is gone, and neither stop nor target took it: somebody else did.
        let emptied = trade.protection.entered() > 0
            && self.account.position(index, trade.side()).size == 0
            && course.scheduled().is_some();
        let over = stopped
            || emptied
            || trade.entry_expires_ns.is_some_and(|due| due <= now_ns)
            || trade.closing
            || trade.deadline_ns <= now_ns
            || trade.target_filled();
        if over {
            course.give_up();
        }
        let wish = if over && course.chases() {
            EntryWish::Nothing
        } else {
            course.wish(trade.legs(Leg::Entry), touch, now_ns)
        };
        trade.course = Some(course);
        let last = trade.last_entry();
        let (time_in_force, price, size) = match wish {
            EntryWish::Nothing => return Ok(()),
            EntryWish::Cancel => {
                if let Some(number) = last {
                    self.cancel(index, number, now_ns, out);
                }
                return Ok(());
            }
            EntryWish::Place(time_in_force, price, size) => (time_in_force, price, size),
        };
        let Some(touch) = touch else {
            return Ok(());
        };
        let spec = entry_spec(&trade.ticket, course.made(), time_in_force, price, size);
        // What it follows: the order before it, or the whole that it is a slice of.
        let last = last.map(|number| trade.orders[number].spec());
        let whole = course.scheduled().map(|_| trade.to_come());
        let before = last.map_or((price, size), |last| {
            (last.price.unwrap_or(price), last.size)
        });
        let mut repairs = Vec::new();
        for (field, before, after) in [
            (RepairField::Price, before.0, price),
            (RepairField::Size, whole.unwrap_or(before.1), size),
        ] {
            note(&mut repairs, field, before, after, RepairReason::FollowUp);
        }
        let instrument = &self.instruments[index];
        let worst = match spec.side {
            Side::Buy => price,
            Side::Sell => touch.ask,
        };
        let exposure = self.exposure_before_slice(index);
        let allowed = self.gate.check_limits(worst, size, instrument, &exposure);
        let takes = time_in_force == TimeInForce::ImmediateOrCancel;
        let allowed = allowed.and_then(|()| self.may_enter(index, takes, now_ns));
        let routed = allowed.and_then(|()| {
            self.at_entry_place(index, now_ns, |place| checked_entry(spec, place, repairs))
        });
        let asked = routed.and_then(|order| {
            self.check_conduct(&order, None, now_ns)?;
            Ok(order)
        });
        let order = asked.ok();
        if let (Some(order), Some(trade)) = (&order, &mut self.trades[index]) {
            course.placed(order.spec());
            trade.course = Some(course);
        }
        self.place_for(index, order, now_ns, out)
    }
}
