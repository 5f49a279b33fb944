//! How a venue behaves.

use serde::{Deserialize, Serialize};

use super::budget::BudgetLimits;
use super::queue::QueueModel;

/// Fee rates in 1e-8 of notional (2 bps = 20 000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueFees {
    pub maker_e8: i64,
    pub taker_e8: i64,
}

/// How much of a resting order a trade beyond its price fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThroughFill {
    /// The size of that trade and no more.
    TradeSize,
    /// All of it: whoever pays more has first emptied our level (hftbacktest).
    Whole,
}

/// How much of a resting order an opposite side displayed at or through its price fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrossingFill {
    /// What is displayed, once.
    Displayed,
    /// All of it (hftbacktest).
    Whole,
}

/// What happens to a post-only order that would take and a fill-or-kill that cannot fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImmediateRefusal {
    /// Refused with a code; no order comes to be.
    Refused,
    /// Accepted, then expired: what the exchange did before, and its test network still does.
    AcceptedThenExpired,
}

/// Where the mark price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkSource {
    /// Told by [`super::Venue::on_mark`].
    Told,
    /// Middle of the touch, rounded down to a quantum.
    Mid,
}

/// Which of the exchange's refusals are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Symbol filters: steps, limits, notional, price bands, number of orders.
    pub filters: bool,
    /// Initial margin and position limit of new orders, and liquidation.
    pub margin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VenueSettings {
    pub fees: VenueFees,
    pub queue: QueueModel,
    pub through: ThroughFill,
    pub crossing: CrossingFill,
    pub immediate: ImmediateRefusal,
    pub mark: MarkSource,
    pub checks: Checks,
    /// Request-weight and order-count limits; none means unlimited.
    pub budgets: Option<BudgetLimits>,
    /// Orders of the venue's accounts meet each other, not only the recorded market.
    pub meet_own_orders: bool,
    /// Resting reduce-only orders beyond the position are cut or expired as soon as it shrinks.
    pub sweep_reduce_only: bool,
    /// Ended orders, trades and cash movements are kept for queries and for a checker.
    pub keep_history: bool,
}

impl VenueSettings {
    /// Everything the exchange does.
    pub fn exchange(fees: VenueFees) -> VenueSettings {
        VenueSettings {
            fees,
            queue: QueueModel::RiskAverse,
            through: ThroughFill::TradeSize,
            crossing: CrossingFill::Displayed,
            immediate: ImmediateRefusal::Refused,
            mark: MarkSource::Mid,
            checks: Checks {
                filters: true,
                margin: true,
            },
            budgets: Some(BudgetLimits::default()),
            meet_own_orders: true,
            sweep_reduce_only: true,
            keep_history: true,
        }
    }

    /// A replay's venue: matching alone. The desk holds limits and filters of its own, one account trades, and
    /// what has ended is forgotten.
    pub fn replay(fees: VenueFees) -> VenueSettings {
        VenueSettings {
            checks: Checks {
                filters: false,
                margin: false,
            },
            budgets: None,
            meet_own_orders: false,
            sweep_reduce_only: false,
            keep_history: false,
            ..VenueSettings::exchange(fees)
        }
    }
}
