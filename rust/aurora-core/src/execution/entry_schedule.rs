//! The schedule by which the entry of a trade is worked over time, and what the ledger keeps of it. Sizes in lots.

use serde::{Deserialize, Serialize};

use super::child_orders::child_orders;
use super::exit_router::Ticket;
use super::gate::{ProposalError, Route};
use super::reason::ReasonCode;
use super::schedule::{due_share, participation, shown, MAX_SLICE_WEIGHTS};
use super::trade_plan::TradePlan;
use crate::instrument::{Instrument, Side};

/// Longest time that an entry may be worked over: a day, after which a volume curve begins again.
pub const LONGEST_SCHEDULE_NS: i64 = 86_400_000_000_000;
/// A participation of one.
const WHOLE_E4: i64 = 10_000;

/// How much of an entry is due when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// TWAP: the same share in every slice.
    TimeWeighted,
    /// VWAP: shares in proportion to the volume expected of each slice; see [`super::slice_weights`].
    VolumeWeighted { weights: [u32; MAX_SLICE_WEIGHTS] },
    /// POV: at most this share, in 1e-4, of what the market has traded since the decision.
    Participation { rate_e4: i64 },
    /// All of it at once, of which so many lots are shown at a time.
    Iceberg { display: i64 },
}

/// An entry in slices of time: as each begins, what is due and not filled yet leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub pace: Pace,
    /// Slices of equal length.
    pub slices: u32,
    /// From the decision to the end of the last slice: what has not been filled then is given up.
    pub over_ns: i64,
    /// Least and largest order, in lots.
    pub child_min: i64,
    pub child_max: i64,
}

impl Schedule {
    /// # Errors
    /// [`ProposalError`] naming the first impossible field.
    pub fn validate(&self, trace: u64) -> Result<(), ProposalError> {
        let within = |field, got: i64, least: i64, most: i64, expected| {
            if (least..=most).contains(&got) {
                return Ok(());
            }
            Err(ProposalError {
                trace,
                field,
                got,
                expected,
            })
        };
        let positive = |field, got| within(field, got, 1, i64::MAX, "more than zero");
        within(
            "schedule length",
            self.over_ns,
            1,
            LONGEST_SCHEDULE_NS,
            "more than zero and at most a day",
        )?;
        positive("slices", i64::from(self.slices))?;
        positive("least child", self.child_min)?;
        within(
            "largest child",
            self.child_max,
            self.child_min,
            i64::MAX,
            "the least or more",
        )?;
        match self.pace {
            Pace::TimeWeighted => Ok(()),
            Pace::VolumeWeighted { .. } => {
                let most = MAX_SLICE_WEIGHTS as i64;
                within("slices", i64::from(self.slices), 1, most, "at most 32")
            }
            Pace::Participation { rate_e4 } => {
                within("participation", rate_e4, 1, WHOLE_E4, "at most one")
            }
            Pace::Iceberg { display } => positive("display", display),
        }
    }

    /// The same with orders of at least the minimum notional at a price.
    pub(super) fn above_minimum(&self, instrument: &Instrument, price: i64) -> Schedule {
        let lot = instrument.notional(price, instrument.lot).0.max(1);
        let lots = instrument.min_notional.0.max(0);
        let lots = lots / lot + i128::from(lots % lot != 0);
        let child_min = self.child_min.max(i64::try_from(lots).unwrap_or(i64::MAX));
        Schedule {
            child_min,
            child_max: self.child_max.max(child_min),
            ..*self
        }
    }

    /// Whether so many lots can be cut into its orders.
    ///
    /// # Errors
    /// [`ReasonCode::BelowMinimum`].
    pub(super) fn admits(&self, lots: i64) -> Result<(), ReasonCode> {
        child_orders(lots, self.child_min, self.child_max).map(|_| ())
    }

    /// Nanoseconds from the decision to the beginning of a slice, the first being 0.
    pub fn begins_ns(&self, slice: u32) -> i64 {
        let slices = i128::from(self.slices.max(1));
        let passed = i128::from(self.over_ns) * i128::from(slice);
        i64::try_from((passed + slices - 1) / slices).unwrap_or(i64::MAX)
    }

    /// Slices that have begun so long after the decision.
    pub fn begun(&self, elapsed_ns: i64) -> u32 {
        let over = i128::from(self.over_ns.max(1));
        let passed = i128::from(elapsed_ns.max(0)) * i128::from(self.slices) / over;
        let most = self.slices.max(1);
        u32::try_from(passed + 1).map_or(most, |begun| begun.min(most))
    }

    /// Lots of `lots` that are due in all once so many slices have begun and the market has traded so much (in size
    /// quanta, as `lot` is).
    pub fn due(&self, lots: i64, begun: u32, traded: i64, lot: i64) -> i64 {
        match self.pace {
            Pace::TimeWeighted => due_share(lots, u64::from(begun), u64::from(self.slices)),
            Pace::VolumeWeighted { weights } => {
                let slices = &weights[..(self.slices as usize).min(MAX_SLICE_WEIGHTS)];
                let sum = |part: &[u32]| part.iter().copied().map(u64::from).sum::<u64>();
                match sum(slices) {
                    0 => due_share(lots, u64::from(begun), u64::from(self.slices)),
                    total => {
                        let passed = &slices[..(begun as usize).min(slices.len())];
                        due_share(lots, sum(passed), total)
                    }
                }
            }
            Pace::Participation { rate_e4 } => {
                let most = lots.saturating_mul(lot);
                participation(most, 0, traded, rate_e4) / lot.max(1)
            }
            Pace::Iceberg { .. } => lots,
        }
    }

    /// Lots of the order that leaves now, where `due` of the `left` are due; zero: none. Nothing is left behind that is
    /// too little for an order, as long as there is a way.
    pub fn child(&self, due: i64, left: i64) -> i64 {
        let due = due.min(left);
        if let Pace::Iceberg { display } = self.pace {
            let slice = shown(left, display.min(self.child_max), self.child_min);
            return if slice < self.child_min { 0 } else { slice };
        }
        let rest = left - due;
        let whole = if rest > 0 && rest < self.child_min {
            left - self.child_min
        } else {
            due
        };
        match child_orders(whole, self.child_min, self.child_max) {
            Ok(children) => children.lots().next().unwrap_or(0),
            // All is due and no cut of it is even: what fits leaves.
            Err(_) if due == left && left >= self.child_min => left.min(self.child_max),
            Err(_) => 0,
        }
    }
}

/// What is decided of a scheduled entry; prices and sizes in quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEntry {
    pub schedule: Schedule,
    pub side: Side,
    /// Rest at the own side of the touch, or take within the limit.
    pub route: Route,
    /// Size in all, whole lots.
    pub size: i64,
    pub lot: i64,
    pub begun_ns: i64,
    /// Worst price at which a slice takes.
    pub within: i64,
    /// Slippage cap beyond the far side of the touch.
    pub limit: i64,
    /// Price at which what is still to come was reserved.
    pub reserve_price: i64,
}

/// A trade whose entry is scheduled, as the ledger keeps it before the first of its orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTrade {
    pub ticket: Ticket,
    pub plan: TradePlan,
    pub entry: ScheduledEntry,
}

#[cfg(test)]
#[path = "entry_schedule_tests.rs"]
mod tests;
