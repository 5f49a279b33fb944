//! What was changed of a payload before it left, and the rounding that such changes use.

use serde::{Deserialize, Serialize};

use crate::instrument::Side;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepairField {
    Price,
    Trigger,
    Size,
    /// One where the payload named a time in force, zero where it names none.
    TimeInForce,
    /// One for yes, zero for no.
    ReduceOnly,
    /// Price from which a trailing stop follows.
    Activation,
    /// End of life in nanoseconds since the epoch.
    GoodTill,
}

impl RepairField {
    pub fn name(self) -> &'static str {
        match self {
            RepairField::Price => "price",
            RepairField::Trigger => "trigger",
            RepairField::Size => "size",
            RepairField::TimeInForce => "time_in_force",
            RepairField::ReduceOnly => "reduce_only",
            RepairField::Activation => "activation",
            RepairField::GoodTill => "good_till",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepairReason {
    /// Rounded to the price step.
    Tick,
    /// Floored to the size step.
    Lot,
    /// A post-only price moved back to the own side of the current touch.
    WouldCross,
    /// A trigger moved one step away from the fill price.
    TriggerSide,
    /// A price beyond PRICE_FILTER on its aggressive side moved to the limit.
    PriceRange,
    /// A price beyond PERCENT_PRICE moved to the band's edge.
    PercentPrice,
    /// Cut to the largest size of an order.
    MaximumSize,
    /// The type, the mode or another field says it already.
    Redundant,
    /// Floored to whole seconds.
    WholeSecond,
    /// An entry made again where the market is now, for what the one before left.
    FollowUp,
}

impl RepairReason {
    pub fn name(self) -> &'static str {
        match self {
            RepairReason::Tick => "tick",
            RepairReason::Lot => "lot",
            RepairReason::WouldCross => "would_cross",
            RepairReason::TriggerSide => "trigger_side",
            RepairReason::PriceRange => "price_range",
            RepairReason::PercentPrice => "percent_price",
            RepairReason::MaximumSize => "maximum_size",
            RepairReason::Redundant => "redundant",
            RepairReason::WholeSecond => "whole_second",
            RepairReason::FollowUp => "follow_up",
        }
    }
}

/// One change of a payload before it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub field: RepairField,
    pub before: i64,
    pub after: i64,
    pub reason: RepairReason,
}

pub(in crate::execution) fn note(
    repairs: &mut Vec<Repair>,
    field: RepairField,
    before: i64,
    after: i64,
    reason: RepairReason,
) {
    if before != after {
        repairs.push(Repair {
            field,
            before,
            after,
            reason,
        });
    }
}

pub(in crate::execution) fn floor_to(value: i64, step: i64) -> i64 {
    let step = step.max(1);
    value.div_euclid(step) * step
}

pub(in crate::execution) fn ceil_to(value: i64, step: i64) -> i64 {
    let step = step.max(1);
    value.saturating_add(step - 1).div_euclid(step) * step
}

/// Rounds to `least` plus whole steps so that the order is never better for the market than asked: a buy down, a
/// sell up.
pub(in crate::execution) fn round_passive(value: i64, side: Side, least: i64, step: i64) -> i64 {
    let offset = value.saturating_sub(least);
    let rounded = match side {
        Side::Buy => floor_to(offset, step),
        Side::Sell => ceil_to(offset, step),
    };
    rounded.saturating_add(least)
}
