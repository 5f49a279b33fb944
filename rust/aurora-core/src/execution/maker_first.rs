//! Maker first: what follows a post-only entry that the venue refuses, the market leaves behind, or hardly fills.
//!
//! Never are there two entries at once: the next one leaves when the one before is proven to have ended, and for no
//! more than that one left of the size. What is taken is taken once, where the net edge still clears at its cost.
//! Rules: SPEC §9.

use serde::{Deserialize, Serialize};

use super::entry_course::{own_side, EntryWish};
use super::gate::{Intent, Route, Touch};
use super::order::{OrderRecord, OrderState};
use super::report::{ExecutionReport, Rejection};
use super::router::{OrderSpec, TimeInForce};
use crate::instrument::Side;

const RATE_ONE: i128 = 100_000_000;
const WHOLE_E4: i128 = 10_000;

/// When a resting entry gives way to another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerFirst {
    /// Post-only refusals after which what is left is taken.
    pub refusals: u32,
    /// How far, in 1e-8 of its price, the own side of the touch may leave the order behind.
    pub drift_e8: i64,
    /// From this age of the entry on less than the share filled is too little.
    pub low_fill_ns: i64,
    /// Share of the size, in 1e-4.
    pub low_fill_e4: i64,
}

impl Default for MakerFirst {
    fn default() -> MakerFirst {
        MakerFirst {
            refusals: 2,
            drift_e8: 30_000,
            low_fill_ns: 60_000_000_000,
            low_fill_e4: 4_000,
        }
    }
}

/// What the ledger keeps of it beside the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPlan {
    pub rules: MakerFirst,
    /// Worst price at which taking clears the net edge; none: nothing is taken.
    pub take_within: Option<i64>,
    /// Slippage cap beyond the far side of the touch.
    pub limit: i64,
    /// Spread of the touch that the decision saw.
    pub spread: i64,
    /// Longest time from an end to the order that follows it.
    pub latency_budget_ns: i64,
}

impl EntryPlan {
    pub(super) fn new(
        rules: Option<MakerFirst>,
        intent: &Intent,
        latency_budget_ns: i64,
    ) -> Option<EntryPlan> {
        let proposal = intent.proposal();
        let rules = rules.filter(|_| proposal.route == Route::Maker)?;
        Some(EntryPlan {
            rules,
            take_within: proposal.take_within,
            limit: proposal.limit,
            spread: proposal.ask.saturating_sub(proposal.bid),
            latency_budget_ns,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FollowUp {
    /// Rest again at the own side of the touch.
    Quote,
    /// Take what is left.
    Take,
}

/// How an entry that rests goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MakerFirstCourse {
    plan: EntryPlan,
    side: Side,
    /// Size that was decided.
    size: i64,
    begun_ns: i64,
    /// Entries made.
    pub made: u32,
    refusals: u32,
    /// What follows the order that works, or that has ended at the time given.
    next: Option<FollowUp>,
    ended_ns: Option<i64>,
    /// Made again for a low fill.
    renewed: bool,
    taken: bool,
}

impl MakerFirstCourse {
    pub fn new(plan: EntryPlan, entry: &OrderSpec, now_ns: i64) -> MakerFirstCourse {
        MakerFirstCourse {
            plan,
            side: entry.side,
            size: entry.size,
            begun_ns: now_ns,
            made: 1,
            refusals: 0,
            next: None,
            ended_ns: None,
            renewed: false,
            taken: false,
        }
    }

    /// Another entry has left.
    pub fn placed(&mut self, spec: &OrderSpec) {
        self.made = self.made.max(spec.attempt + 1);
        let takes = spec.time_in_force == TimeInForce::ImmediateOrCancel;
        self.taken |= takes;
        // Every other one that rests follows a refusal.
        self.renewed |= !takes && spec.attempt > self.refusals;
        self.next = None;
        self.ended_ns = None;
    }

    /// An entry has ended, of which `report` told.
    pub fn ended(&mut self, entry: &OrderRecord, report: &ExecutionReport, now_ns: i64) {
        // Some venues take a post-only order that would cross and let it expire.
        let refused = match entry.state() {
            OrderState::Rejected => report.rejection == Some(Rejection::WouldCross),
            OrderState::Expired => {
                !entry.is_cancel_requested() && entry.spec().time_in_force == TimeInForce::PostOnly
            }
            _ => false,
        };
        let refused = refused && entry.cumulative() == 0;
        if refused {
            self.refusals += 1;
            self.next = Some(if self.refusals < self.plan.rules.refusals {
                FollowUp::Quote
            } else {
                FollowUp::Take
            });
        } else if entry.state() != OrderState::Cancelled {
            // Filled, expired, proven absent: nothing of ours asked for that.
            self.next = None;
        }
        self.ended_ns = Some(now_ns);
    }

    /// Nothing follows any more.
    pub fn give_up(&mut self) {
        self.next = None;
    }

    /// When the entry that rests is too old for a low fill; none once that has been seen to.
    pub fn low_fill_due_ns(&self) -> Option<i64> {
        (!self.renewed && !self.taken)
            .then(|| self.begun_ns.saturating_add(self.plan.rules.low_fill_ns))
    }

    /// What the entry asks for; `entries` are all that the trade has made.
    pub fn wish<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a OrderRecord>,
        touch: Touch,
        now_ns: i64,
    ) -> EntryWish {
        let (mut filled, mut last) = (0i64, None);
        for entry in entries {
            filled = filled.saturating_add(entry.cumulative());
            if !entry.is_complete() && last.is_some_and(|last: &OrderRecord| !last.is_complete()) {
                return EntryWish::Nothing;
            }
            last = Some(entry);
        }
        match last {
            Some(entry) if !entry.is_complete() => self.watch(entry, filled, touch, now_ns),
            Some(_) => self.follow(self.size.saturating_sub(filled), touch, now_ns),
            None => EntryWish::Nothing,
        }
    }

    /// Whether the entry that rests is to give way.
    fn watch(&mut self, entry: &OrderRecord, filled: i64, touch: Touch, now_ns: i64) -> EntryWish {
        let spec = entry.spec();
        let rests = matches!(
            entry.state(),
            OrderState::Live | OrderState::PartiallyFilled
        );
        let Some(price) = spec.price.filter(|_| rests && !entry.is_cancel_requested()) else {
            return EntryWish::Nothing;
        };
        if spec.time_in_force != TimeInForce::PostOnly {
            return EntryWish::Nothing;
        }
        let own = own_side(touch, self.side);
        let behind = i128::from(own.saturating_sub(price)) * i128::from(self.side.sign());
        if behind * RATE_ONE > i128::from(self.plan.rules.drift_e8) * i128::from(price) {
            self.next = Some(FollowUp::Take);
            return EntryWish::Cancel;
        }
        let late = self.low_fill_due_ns().is_some_and(|due| due <= now_ns);
        let share = i128::from(self.plan.rules.low_fill_e4) * i128::from(self.size);
        if late && i128::from(filled) * WHOLE_E4 < share {
            self.renewed = true;
            // At the touch already, a new place in the queue would be a worse one.
            self.next = (own != price).then_some(FollowUp::Quote);
            return EntryWish::Cancel;
        }
        EntryWish::Nothing
    }

    /// The order that follows one that has ended.
    fn follow(&mut self, left: i64, touch: Touch, now_ns: i64) -> EntryWish {
        let Some(next) = self.next.take().filter(|_| !self.taken && left > 0) else {
            return EntryWish::Nothing;
        };
        let ended_ns = self.ended_ns.unwrap_or(i64::MIN);
        if now_ns > ended_ns.saturating_add(self.plan.latency_budget_ns) {
            return EntryWish::Nothing;
        }
        match next {
            FollowUp::Quote => {
                EntryWish::Place(TimeInForce::PostOnly, own_side(touch, self.side), left)
            }
            FollowUp::Take => match self.taking_price(touch) {
                Some(price) => EntryWish::Place(TimeInForce::ImmediateOrCancel, price, left),
                None => EntryWish::Nothing,
            },
        }
    }

    /// Limit of an order that takes now; none where the net edge does not clear at the far side of the touch.
    fn taking_price(&self, touch: Touch) -> Option<i64> {
        // The exit crosses the spread too: what it has widened since the decision is paid there.
        let wider = touch
            .ask
            .saturating_sub(touch.bid)
            .saturating_sub(self.plan.spread);
        let dearer = wider.max(0).saturating_add(1) / 2;
        let within = self.plan.take_within?;
        let within = within.saturating_sub(self.side.sign() * dearer);
        match self.side {
            Side::Buy => {
                (touch.ask <= within).then(|| touch.ask.saturating_add(self.plan.limit).min(within))
            }
            Side::Sell => {
                (touch.bid >= within).then(|| touch.bid.saturating_sub(self.plan.limit).max(within))
            }
        }
    }
}

#[cfg(test)]
#[path = "maker_first_tests.rs"]
mod tests;
