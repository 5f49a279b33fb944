//! One trade of one instrument: its entry, its stop, its targets, its exits, and when each of them is due.

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::entry_course::EntryCourse;
use super::exit_plan::{ExitPlan, MAX_TARGETS, WHOLE_E4};
use super::exit_router::Ticket;
use super::maker_first::MakerFirstCourse;
use super::mutant::{planted, Mutant};
use super::order::{OrderRecord, OrderState};
use super::protection::Protection;
use super::report::{ExecutionReport, Rejection};
use super::router::floor_lot;
use super::settings::Timeouts;
use super::trade_plan::TradePlan;
use crate::instrument::{Instrument, Side};

/// Wait before an exit that ended without flattening is sent again; doubles up to the largest.
const EXIT_RETRY_FIRST_NS: i64 = 250_000_000;
const EXIT_RETRY_LARGEST_NS: i64 = 2_000_000_000;
/// Refused stops in a row after which a position that no other stop protects is closed at the market, and refused
/// orders after which a target is given up.
const MOST_FAILURES: u32 = 3;
/// A stop refused longer ago than this before the next one is not in a row with it.
const FORGOTTEN_NS: i64 = 10_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trade {
    pub ticket: Ticket,
    pub protection: Protection,
    /// As they were made. Orders of an older trade that came back to life are among them.
    pub orders: Vec<OrderRecord>,
    pub deadline_ns: i64,
    /// When a working entry is cancelled; none for an entry that cannot rest.
    pub entry_expires_ns: Option<i64>,
    /// How the entry goes on, where it is not over with its first order.
    pub course: Option<EntryCourse>,
    /// The trade is being flattened: deadline, a stop that filled, protection that failed, an operator's order.
    pub closing: bool,
    pub stops_made: u32,
    stop_failures: u32,
    stop_failed_ns: i64,
    stop_ready_ns: i64,
    /// When the stop was last replaced.
    pub amended_ns: i64,
    pub targets_made: [u32; MAX_TARGETS],
    target_failures: [u32; MAX_TARGETS],
    target_ready_ns: [i64; MAX_TARGETS],
    pub exits_made: u32,
    /// No exit before this time: backoff after one that did not flatten.
    pub exit_ready_ns: i64,
    /// Since when less rests than is held.
    naked_since_ns: Option<i64>,
    /// When everything due was last seen to.
    pub managed_ns: i64,
}

impl Trade {
    pub fn new(ticket: Ticket, plan: &TradePlan, entry: OrderRecord, now_ns: i64) -> Trade {
        let course = |rules| MakerFirstCourse::new(rules, entry.spec(), now_ns);
        let course = plan.entry.map(course).map(EntryCourse::MakerFirst);
        Trade {
            course,
            orders: vec![entry],
            deadline_ns: plan.deadline_ns,
            entry_expires_ns: plan.entry_expires_ns,
            closing: false,
            protection: Protection::new(ticket.side, plan.stop_distance, plan.exits),
            ..Trade::rescue(ticket, now_ns)
        }
    }

    /// A trade without an entry, which only flattens: for a position whose own trade is over or never was.
    pub fn rescue(ticket: Ticket, now_ns: i64) -> Trade {
        Trade {
            ticket,
            protection: Protection::new(ticket.side, 0, ExitPlan::default()),
            orders: Vec::new(),
            deadline_ns: now_ns,
            entry_expires_ns: None,
            course: None,
            closing: true,
            stops_made: 0,
            stop_failures: 0,
            stop_failed_ns: i64::MIN,
            stop_ready_ns: i64::MIN,
            amended_ns: i64::MIN,
            targets_made: [0; MAX_TARGETS],
            target_failures: [0; MAX_TARGETS],
            target_ready_ns: [i64::MIN; MAX_TARGETS],
            exits_made: 0,
            exit_ready_ns: i64::MIN,
            naked_since_ns: None,
            managed_ns: now_ns,
        }
    }

    /// Side of the trade's position.
    pub fn side(&self) -> Side {
        self.ticket.side
    }

    pub fn order_index(&self, client_id: &ClientId) -> Option<usize> {
        self.orders
            .iter()
            .position(|order| order.spec().client_id == *client_id)
    }

    /// Whether an order belongs to this trade, not to one before it.
    pub fn owns(&self, order: &OrderRecord) -> bool {
        order.spec().trace == self.ticket.trace
    }

    pub fn legs(&self, leg: Leg) -> impl Iterator<Item = &OrderRecord> {
        self.orders
            .iter()
            .filter(move |order| order.spec().leg == leg && self.owns(order))
    }

    pub fn exit_open(&self) -> bool {
        self.legs(Leg::Exit).any(|order| !order.is_complete())
    }

    /// An exit that the venue may or may not hold.
    pub fn exit_in_doubt(&self) -> bool {
        self.legs(Leg::Exit)
            .any(|order| order.state() == OrderState::Unknown)
    }

    pub fn all_complete(&self) -> bool {
        let left = |order: &OrderRecord| {
            planted(Mutant::OrphanStop) && order.spec().leg == Leg::Stop && self.owns(order)
        };
        self.orders
            .iter()
            .all(|order| order.is_complete() || left(order))
    }

    /// The stop that is to protect: the latest that has neither ended nor been cancelled. Earlier ones are being
    /// replaced by it.
    pub fn current_stop(&self) -> Option<&OrderRecord> {
        self.legs(Leg::Stop).filter(|stop| is_working(stop)).last()
    }

    /// Size that stops known to rest would take off the position.
    fn resting(&self) -> i64 {
        let confirmed = self.legs(Leg::Stop).filter(|stop| is_confirmed(stop));
        confirmed.map(OrderRecord::open_size).max().unwrap_or(0)
    }

    /// A stop has filled: the trade is over.
    pub fn stop_spent(&self) -> bool {
        self.legs(Leg::Stop).any(|stop| stop.cumulative() > 0)
    }

    pub fn target_filled(&self) -> bool {
        self.legs(Leg::Target).any(|target| target.cumulative() > 0)
    }

    /// Follows an order again that the ledger tells of.
    pub fn relive(&mut self, record: OrderRecord, tick: i64) {
        let spec = *record.spec();
        self.orders.push(record);
        if spec.trace != self.ticket.trace {
            return;
        }
        let made = spec.attempt + 1;
        match spec.leg {
            Leg::Entry => {
                if let Some(course) = &mut self.course {
                    course.placed(&spec);
                }
            }
            Leg::Stop => {
                self.stops_made = self.stops_made.max(made);
                if let Some(placed) = self.orders.last() {
                    self.amended_ns = placed.placed_ns();
                }
                if let Some(trigger) = spec.trigger {
                    self.protection.stood_at(trigger, tick);
                }
            }
            Leg::Target => {
                if let Some(count) = self.targets_made.get_mut(spec.leg_number as usize) {
                    *count = (*count).max(made);
                }
            }
            Leg::Exit => {
                self.exits_made = self.exits_made.max(made);
                self.closing = true;
            }
        }
    }

    /// Takes the end of an order into account, of which `report` told.
    pub fn note_end(&mut self, order: usize, report: &ExecutionReport, now_ns: i64) {
        let record = &self.orders[order];
        if !self.owns(record) {
            return;
        }
        let unasked = record.cumulative() == 0 && !record.is_cancel_requested();
        let (leg, number) = (record.spec().leg, record.spec().leg_number as usize);
        match leg {
            Leg::Entry => {
                if let Some(course) = &mut self.course {
                    course.ended(record, report, now_ns);
                }
            }
            Leg::Stop if unasked => {
                if self.stop_failed_ns.saturating_add(FORGOTTEN_NS) < now_ns {
                    self.stop_failures = 0;
                }
                self.stop_failures += 1;
                self.stop_failed_ns = now_ns;
                // Through its trigger already: what it was to do is due now.
                self.closing |= report.rejection == Some(Rejection::WouldTrigger);
                self.stop_ready_ns = now_ns.saturating_add(retry_wait_ns(self.stop_failures, 2));
            }
            Leg::Target if unasked && number < MAX_TARGETS => {
                self.target_failures[number] += 1;
                let wait = retry_wait_ns(self.target_failures[number], 1);
                self.target_ready_ns[number] = now_ns.saturating_add(wait);
            }
            // One that never arrived was not refused, and proving that took long enough.
            Leg::Exit if !matches!(record.state(), OrderState::Filled | OrderState::Absent) => {
                let wait = retry_wait_ns(self.exits_made, 1);
                self.exit_ready_ns = now_ns.saturating_add(wait);
            }
            _ => {}
        }
    }

    /// Notes whether a position has had too little resting for it, and closes the trade when that lasts.
    pub fn watch_protection(&mut self, held: i64, now_ns: i64, timeouts: &Timeouts) {
        if self.closing || held <= self.resting() {
            self.naked_since_ns = None;
            return;
        }
        let since = *self.naked_since_ns.get_or_insert(now_ns);
        let latest = self.legs(Leg::Stop).last();
        let trying = latest.is_some_and(|stop| is_working(stop) && !is_confirmed(stop));
        let refused = self.stop_failures >= MOST_FAILURES && since < now_ns && !trying;
        self.closing |= refused || since.saturating_add(timeouts.naked_ns) <= now_ns;
    }

    /// Whether a stop of this size and trigger is to replace what there is.
    pub fn wants_stop(&self, held: i64, trigger: i64, rests: bool, now_ns: i64) -> bool {
        if self.stop_ready_ns > now_ns {
            return false;
        }
        let Some(current) = self.current_stop() else {
            return true;
        };
        let open = current.open_size();
        if held > open {
            return !planted(Mutant::NakedFill);
        }
        let known = current.spec().trigger.unwrap_or(trigger);
        let tighter = self.side().sign() * (trigger.saturating_sub(known)) > 0;
        // While flattening the stops that are there only have to be enough.
        !self.closing
            && is_confirmed(current)
            && (held < open || (tighter && rests && self.amendable_ns() <= now_ns))
    }

    fn amendable_ns(&self) -> i64 {
        let trailing = self.protection.plan().trailing;
        let interval = trailing.map_or(0, |trailing| trailing.interval_ns);
        self.amended_ns.saturating_add(interval)
    }

    /// Size of each target of what was entered: whole lots that add up exactly.
    pub fn target_sizes(&self, instrument: &Instrument) -> [i64; MAX_TARGETS] {
        let mut sizes = [0; MAX_TARGETS];
        let (mut share, mut before) = (0i128, 0);
        for (size, target) in sizes.iter_mut().zip(&self.protection.plan().targets) {
            let Some(target) = target else {
                continue;
            };
            share += i128::from(target.share_e4);
            let part = i128::from(self.protection.entered()) * share / i128::from(WHOLE_E4);
            let until = floor_lot(i64::try_from(part).unwrap_or(0), instrument);
            *size = until - before;
            before = until;
        }
        sizes
    }

    /// Whether the first target has filled all of its share.
    pub fn first_target_done(&self, instrument: &Instrument) -> bool {
        let size = self.target_sizes(instrument)[0];
        let first = self
            .legs(Leg::Target)
            .filter(|target| target.spec().leg_number == 0);
        size > 0 && first.map(OrderRecord::filled).sum::<i64>() >= size
    }

    /// Size that target `number` still lacks of `size`, and that may be sent for now.
    pub fn target_need(&self, number: usize, size: i64, now_ns: i64) -> i64 {
        let mut done = 0;
        let mut first = true;
        for order in self.legs(Leg::Target) {
            if order.spec().leg_number as usize == number {
                done += order.filled() + order.open_size();
                first = false;
            }
        }
        // Topped up once, when the entry has ended: a target is no protection, and orders are not free.
        let due = first || (!self.entry_open() && self.to_come() == 0);
        let given_up = self.target_failures[number] >= MOST_FAILURES;
        if due && !given_up && self.target_ready_ns[number] <= now_ns {
            (size - done).max(0)
        } else {
            0
        }
    }

    /// Size that targets may still take off the position.
    pub fn targeted(&self) -> i64 {
        let open = self.legs(Leg::Target).filter(|order| !order.is_complete());
        open.map(OrderRecord::open_size).sum()
    }

    /// Whether the position needs an exit that nothing has been sent for.
    pub fn wants_exit(&self, held: i64) -> bool {
        self.closing && held > 0 && !self.exit_open()
    }

    /// The next time at which something is due of itself; `held` is what the position has in whole lots.
    pub fn next_timer(&self, held: i64, timeouts: &Timeouts) -> Option<i64> {
        let mut next: Option<i64> = None;
        let mut at = |due: i64| next = Some(next.map_or(due, |known| known.min(due)));
        if self.closing {
            if self.wants_exit(held) {
                at(self.exit_ready_ns);
            }
        } else {
            at(self.deadline_ns);
            if self.legs(Leg::Entry).any(is_working) || self.to_come() > 0 {
                if let Some(expires) = self.entry_expires_ns {
                    at(expires);
                }
                let course = self.course.as_ref().and_then(EntryCourse::next_due_ns);
                if let Some(due) = course.filter(|due| *due > self.managed_ns) {
                    at(due);
                }
            }
            if let Some(since) = self.naked_since_ns {
                at(since.saturating_add(timeouts.naked_ns));
            }
            if held > 0 && self.current_stop().is_none() {
                at(self.stop_ready_ns);
            }
        }
        for order in &self.orders {
            if let Some(due) = order.next_inquiry_ns(timeouts) {
                at(due);
            }
        }
        // What was put off until then; what is past has been tried.
        let retries = self.target_ready_ns.into_iter();
        for due in retries.chain([self.amendable_ns()]) {
            if due > self.managed_ns && !self.closing {
                at(due);
            }
        }
        if self.stop_ready_ns > self.managed_ns {
            at(self.stop_ready_ns);
        }
        next
    }
}

/// Neither ended nor asked to end.
pub(super) fn is_working(order: &OrderRecord) -> bool {
    !order.state().is_terminal() && !order.is_cancel_requested()
}

/// Known to rest at the venue.
pub(super) fn is_confirmed(order: &OrderRecord) -> bool {
    !order.is_cancel_requested()
        && matches!(
            order.state(),
            OrderState::Live | OrderState::PartiallyFilled
        )
}

/// No wait before the failure numbered `free`; from there on it doubles.
fn retry_wait_ns(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(doublings) => (EXIT_RETRY_FIRST_NS << doublings.min(8)).min(EXIT_RETRY_LARGEST_NS),
    }
}
