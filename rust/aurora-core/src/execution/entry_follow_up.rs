//! The step's side of [`super::maker_first`]: cancels the entry that gives way and lets the next one leave.

use super::client_id::Leg;
use super::maker_first::{follow_up, EntryWish};
use super::payload::note;
use super::router::{checked_entry, RepairField, RepairReason, TimeInForce};
use super::step::{Execution, ExecutionError, Output};
use crate::instrument::Side;

impl Execution {
    /// Sees to an entry that is to rest: whether it gives way, and what follows it.
    pub(super) fn go_on_with_entry(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let over = self.killed || self.unreconciled;
        let touch = self.account.touches[index];
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        let expired = trade.entry_expires_ns.is_some_and(|due| due <= now_ns);
        let over = over
            || expired
            || trade.closing
            || trade.deadline_ns <= now_ns
            || trade.target_filled();
        let Some(mut course) = trade.course else {
            return Ok(());
        };
        let Some(touch) = touch.filter(|_| !over) else {
            course.give_up();
            trade.course = Some(course);
            return Ok(());
        };
        let wish = course.wish(trade.legs(Leg::Entry), touch, now_ns);
        trade.course = Some(course);
        let Some(number) = trade.last_entry() else {
            return Ok(());
        };
        let (time_in_force, price, size) = match wish {
            EntryWish::Nothing => return Ok(()),
            EntryWish::Cancel => {
                self.cancel(index, number, now_ns, out);
                return Ok(());
            }
            EntryWish::Place(time_in_force, price, size) => (time_in_force, price, size),
        };
        let last = *trade.orders[number].spec();
        let spec = follow_up(&last, course.made, time_in_force, price, size);
        let mut repairs = Vec::new();
        for (field, before, after) in [
            (RepairField::Price, last.price.unwrap_or(price), price),
            (RepairField::Size, last.size, size),
        ] {
            note(&mut repairs, field, before, after, RepairReason::FollowUp);
        }
        let instrument = &self.instruments[index];
        let worst = match spec.side {
            Side::Buy => price,
            Side::Sell => touch.ask,
        };
        let exposure = self.exposure(index);
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
