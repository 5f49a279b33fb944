//! Where a trade's stop belongs: the tightest of the initial stop, break-even and the trailing stop.
//!
//! Every one is monotone in favour of the position, and none is ever at or through the price at which the
//! position could be closed right now. Definitions: SPEC §9, `spec/quant.md` §9 (7 and 8).

use serde::{Deserialize, Serialize};

use super::exit_plan::{BreakEven, BreakEvenTrigger, ExitPlan, Trailing, WHOLE_E4};
use super::exit_router::StopPrice;
use super::gate::Touch;
use super::router::{ceil_to, floor_to, RepairReason};
use crate::instrument::Side;

const RATE_ONE: i128 = 100_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    side: Side,
    stop_distance: i64,
    plan: ExitPlan,
    /// Σ price × size and Σ size of the entry's fills.
    paid: i128,
    entered: i64,
    /// Best price at which the position could have been closed: a bid for a long one, an ask for a short one.
    best: Option<i64>,
    break_even_armed: bool,
    /// Set once.
    break_even: Option<i64>,
    trailing: Option<i64>,
}

impl Protection {
    pub fn new(side: Side, stop_distance: i64, plan: ExitPlan) -> Protection {
        Protection {
            side,
            stop_distance,
            plan,
            paid: 0,
            entered: 0,
            best: None,
            break_even_armed: false,
            break_even: None,
            trailing: None,
        }
    }

    pub fn plan(&self) -> &ExitPlan {
        &self.plan
    }

    /// Size that entries have filled.
    pub fn entered(&self) -> i64 {
        self.entered
    }

    /// Takes a fill of the entry.
    pub fn enter(&mut self, price: i64, size: i64) {
        let notional = i128::from(price).saturating_mul(i128::from(size));
        self.paid = self.paid.saturating_add(notional);
        self.entered = self.entered.saturating_add(size);
    }

    /// Average entry rounded to a price quantum in the position's disfavour; none before the first fill.
    pub fn entry(&self) -> Option<i64> {
        let size = i128::from(self.entered);
        if size <= 0 {
            return None;
        }
        let average = match self.side {
            Side::Buy => -((-self.paid).div_euclid(size)),
            Side::Sell => self.paid.div_euclid(size),
        };
        i64::try_from(average).ok()
    }

    /// The first target has filled.
    pub fn target_filled(&mut self) {
        self.break_even_armed |= self
            .plan
            .break_even
            .is_some_and(|even| even.trigger == BreakEvenTrigger::FirstTarget);
    }

    /// Takes the current touch: moves break-even and the trailing stop where they are due.
    pub fn quote(&mut self, touch: Touch, tick: i64) {
        let Some(entry) = self.entry() else {
            return;
        };
        let now = closing_price(touch, self.side);
        let best = self.best.map_or(now, |best| better(best, now, self.side));
        self.best = Some(best);
        let gained = i128::from(best - entry) * i128::from(self.side.sign());
        if let Some(even) = self.plan.break_even {
            self.move_to_break_even(&even, gained, touch, tick);
        }
        if let Some(trailing) = self.plan.trailing {
            self.trail(&trailing, best, gained, touch, tick);
        }
    }

    fn move_to_break_even(&mut self, even: &BreakEven, gained: i128, touch: Touch, tick: i64) {
        let reached = |multiple: i64, unit: i64| {
            gained * i128::from(WHOLE_E4) >= i128::from(multiple) * i128::from(unit)
        };
        self.break_even_armed |= match even.trigger {
            BreakEvenTrigger::FirstTarget => false,
            BreakEvenTrigger::TrueRange { multiple_e4 } => {
                reached(multiple_e4, self.plan.true_range)
            }
            BreakEvenTrigger::Risk { multiple_e4 } => reached(multiple_e4, self.stop_distance),
        };
        if !self.break_even_armed || self.break_even.is_some() {
            return;
        }
        self.break_even = self
            .break_even_price(even, tick)
            .filter(|price| rests(*price, touch, self.side, tick));
    }

    /// Where closing at a stop pays entry and exit fees, slippage and funding: a long one's
    /// E(1 + f_in)/(1 − f_out) + slip + funding rounded up, a short one's mirrored and rounded down.
    pub fn break_even_price(&self, even: &BreakEven, tick: i64) -> Option<i64> {
        let sign = i128::from(self.side.sign());
        let top = self
            .paid
            .checked_mul(RATE_ONE + sign * i128::from(even.entry_fee_e8))?;
        let bottom = i128::from(self.entered) * (RATE_ONE - sign * i128::from(even.exit_fee_e8));
        if bottom <= 0 {
            return None;
        }
        let costs = even.slippage.checked_add(even.funding)?;
        match self.side {
            Side::Buy => {
                let price = i64::try_from(-((-top).div_euclid(bottom))).ok()?;
                Some(ceil_to(price.checked_add(costs)?, tick))
            }
            Side::Sell => {
                let price = i64::try_from(top.div_euclid(bottom)).ok()?;
                Some(floor_to(price.checked_sub(costs)?, tick)).filter(|price| *price > 0)
            }
        }
    }

    fn trail(&mut self, trailing: &Trailing, best: i64, gained: i128, touch: Touch, tick: i64) {
        let arm = i128::from(trailing.arm_risk_e4) * i128::from(self.stop_distance);
        if gained * i128::from(WHOLE_E4) < arm {
            return;
        }
        let share = |amount: i64, of: i64| {
            let product = i128::from(amount) * i128::from(of);
            // Rounded up: never nearer to the market than asked.
            i64::try_from(-((-product).div_euclid(i128::from(WHOLE_E4)))).unwrap_or(i64::MAX)
        };
        let mut distance = share(trailing.distance_range_e4, self.plan.true_range);
        if let Some(cap) = trailing.cap_e4 {
            distance = distance.min(share(cap, best));
        }
        let step = share(trailing.step_range_e4, self.plan.true_range).max(1);
        let level = match self.side {
            Side::Buy => floor_to(best.saturating_sub(distance), tick),
            Side::Sell => ceil_to(best.saturating_add(distance), tick),
        };
        let sign = self.side.sign();
        let worth = self
            .trailing
            .is_none_or(|known| sign * (level.saturating_sub(known)) >= step);
        if worth && level > 0 && rests(level, touch, self.side, tick) {
            self.trailing = Some(level);
        }
    }

    /// The stop of the fills alone: never wider than asked, at least one price step from the average entry.
    fn initial(&self, entry: i64, tick: i64) -> StopPrice {
        let (asked, rounded, trigger) = match self.side {
            Side::Buy => {
                let asked = entry.saturating_sub(self.stop_distance);
                let rounded = ceil_to(asked, tick);
                let nearest = floor_to(entry.saturating_sub(1), tick);
                (asked, rounded, rounded.min(nearest).max(tick.max(1)))
            }
            Side::Sell => {
                let asked = entry.saturating_add(self.stop_distance);
                let rounded = floor_to(asked, tick);
                let nearest = ceil_to(entry.saturating_add(1), tick);
                (asked, rounded, rounded.max(nearest))
            }
        };
        let reason = if trigger == rounded {
            RepairReason::Tick
        } else {
            RepairReason::TriggerSide
        };
        StopPrice {
            asked,
            trigger,
            reason,
        }
    }

    /// The effective stop: the tightest of all. None before the first fill, or without a stop distance.
    pub fn stop(&self, tick: i64) -> Option<StopPrice> {
        if self.stop_distance <= 0 {
            return None;
        }
        let initial = self.initial(self.entry()?, tick);
        let moved = self.break_even.into_iter().chain(self.trailing);
        let tightest = moved.fold(initial.trigger, |known, level| {
            better(known, level, self.side)
        });
        if tightest == initial.trigger {
            return Some(initial);
        }
        Some(StopPrice {
            asked: tightest,
            trigger: tightest,
            reason: RepairReason::Tick,
        })
    }

    /// A stop stood here before a restart: the effective stop never falls behind it again.
    pub fn stood_at(&mut self, trigger: i64, tick: i64) {
        let initial = self.stop(tick).map(|stop| stop.trigger);
        if initial.is_some_and(|initial| better(initial, trigger, self.side) != initial) {
            let known = self.trailing.unwrap_or(trigger);
            self.trailing = Some(better(known, trigger, self.side));
        }
    }

    /// Whether a stop at `trigger` would rest now.
    pub fn would_rest(&self, trigger: i64, touch: Touch, tick: i64) -> bool {
        rests(trigger, touch, self.side, tick)
    }
}

/// The price at which a position on `side` could be closed.
fn closing_price(touch: Touch, side: Side) -> i64 {
    match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    }
}

/// The better of two prices for a position on `side`: the higher for a long one.
fn better(left: i64, right: i64, side: Side) -> i64 {
    match side {
        Side::Buy => left.max(right),
        Side::Sell => left.min(right),
    }
}

/// At least one price step on the safe side of where the position could be closed.
fn rests(trigger: i64, touch: Touch, side: Side, tick: i64) -> bool {
    let gap = tick.max(1);
    match side {
        Side::Buy => trigger <= touch.bid.saturating_sub(gap),
        Side::Sell => trigger >= touch.ask.saturating_add(gap),
    }
}
