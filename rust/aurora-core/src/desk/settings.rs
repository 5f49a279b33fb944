//! What a desk is told at its start, and what it may answer.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::execution::{ConductSettings, ExecutionError, HardLimits, MakerFirst};
use crate::units::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskSettings {
    pub start_cash: Money,
    pub order_latency_ns: i64,
    pub response_latency_ns: i64,
    pub maker_fee_e8: i64,
    pub taker_fee_e8: i64,
    pub entry_ttl_ns: i64,
    pub latency_budget_ns: i64,
    pub limits: HardLimits,
    /// When a resting entry gives way; none: it rests until it expires.
    pub maker_first: Option<MakerFirst>,
    /// As in [`ExecutionSettings::leverage`](crate::execution::ExecutionSettings::leverage).
    pub leverage: Option<u32>,
    pub conduct: ConductSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeskError {
    #[error("setting {field} is {got}, expected {expected}")]
    Setting {
        field: &'static str,
        got: i64,
        expected: &'static str,
    },
    #[error("instrument {got} is not among the {count} of this desk")]
    Instrument { got: usize, count: usize },
    #[error("instrument {instrument}: local time {got} falls behind {last}")]
    Order {
        instrument: usize,
        last: i64,
        got: i64,
    },
    #[error("instrument {instrument}: {levels} levels wait at once, more than can be addressed")]
    TooManyLevels { instrument: usize, levels: usize },
    #[error("proposal {trace} got no decision")]
    Undecided { trace: u64 },
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    #[error("desk snapshot: {cause}")]
    Snapshot { cause: String },
}

impl DeskSettings {
    /// # Errors
    /// [`DeskError::Setting`] naming the first that makes no sense.
    pub fn validate(&self) -> Result<(), DeskError> {
        for (field, got) in [
            ("order_latency_ns", self.order_latency_ns),
            ("response_latency_ns", self.response_latency_ns),
            ("entry_ttl_ns", self.entry_ttl_ns),
            ("latency_budget_ns", self.latency_budget_ns),
        ] {
            if got < 0 {
                return Err(DeskError::Setting {
                    field,
                    got,
                    expected: "zero or more",
                });
            }
        }
        Ok(())
    }
}
