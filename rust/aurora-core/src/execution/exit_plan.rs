//! How a trade is to end beside its stop and its deadline: targets, break-even, trailing stop.
//!
//! Multiples are in 1e-4 (1.5 = 15 000), distances in price quanta.

use serde::{Deserialize, Serialize};

use super::gate::ProposalError;

pub const MAX_TARGETS: usize = 4;
/// One, in the unit of multiples and shares.
pub const WHOLE_E4: i64 = 10_000;

/// Takes profit on a share of what was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// From the average entry, in the trade's favour; > 0.
    pub distance: i64,
    /// Share of what was entered, > 0; all shares together at most one.
    pub share_e4: i64,
}

/// When the stop moves to break-even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakEvenTrigger {
    /// The first target has filled.
    FirstTarget,
    /// The price went so many average true ranges in favour.
    TrueRange { multiple_e4: i64 },
    /// The price went so many stop distances in favour.
    Risk { multiple_e4: i64 },
}

/// Moves the stop, once, to where the trade costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakEven {
    pub trigger: BreakEvenTrigger,
    /// Fee rates of entry and exit in 1e-8 of notional.
    pub entry_fee_e8: i64,
    pub exit_fee_e8: i64,
    /// Slippage expected of the stop, and funding paid, per unit in price quanta.
    pub slippage: i64,
    pub funding: i64,
}

/// Follows the best price that the position could have been closed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailing {
    /// Arms when the price went so many stop distances in favour.
    pub arm_risk_e4: i64,
    /// Behind the best price, in average true ranges.
    pub distance_range_e4: i64,
    /// Smallest move worth an amendment, in average true ranges.
    pub step_range_e4: i64,
    /// Largest distance as a share of the best price.
    pub cap_e4: Option<i64>,
    /// Least time between two amendments.
    pub interval_ns: i64,
}

impl Default for Trailing {
    fn default() -> Trailing {
        Trailing {
            arm_risk_e4: 15_000,
            distance_range_e4: 20_000,
            step_range_e4: 5_000,
            cap_e4: None,
            interval_ns: 1_000_000_000,
        }
    }
}

/// Exits beside stop and deadline; the default has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitPlan {
    pub targets: [Option<Target>; MAX_TARGETS],
    pub break_even: Option<BreakEven>,
    pub trailing: Option<Trailing>,
    /// Average true range when the trade was decided, in price quanta.
    pub true_range: i64,
}

impl ExitPlan {
    /// Whether the stop may move with the price.
    pub fn follows_price(&self) -> bool {
        self.break_even.is_some() || self.trailing.is_some()
    }

    /// # Errors
    /// [`ProposalError`] naming the first impossible field.
    pub fn validate(&self, trace: u64) -> Result<(), ProposalError> {
        let at_least = |field, got: i64, least: i64, expected| {
            if got >= least {
                return Ok(());
            }
            Err(ProposalError {
                trace,
                field,
                got,
                expected,
            })
        };
        let positive = |field, got| at_least(field, got, 1, "more than zero");
        let mut shares = 0i64;
        for target in self.targets.iter().flatten() {
            positive("target distance", target.distance)?;
            positive("target share", target.share_e4)?;
            shares = shares.saturating_add(target.share_e4);
        }
        at_least("target shares", WHOLE_E4 - shares, 0, "at most one in all")?;
        let mut needs_range = false;
        if let Some(even) = &self.break_even {
            match even.trigger {
                BreakEvenTrigger::FirstTarget => {}
                BreakEvenTrigger::TrueRange { multiple_e4 } => {
                    positive("break-even multiple", multiple_e4)?;
                    needs_range = true;
                }
                BreakEvenTrigger::Risk { multiple_e4 } => {
                    positive("break-even multiple", multiple_e4)?;
                }
            }
            for (field, rate) in [
                ("entry fee", even.entry_fee_e8),
                ("exit fee", even.exit_fee_e8),
            ] {
                if rate.saturating_abs() > 10_000_000 {
                    return Err(ProposalError {
                        trace,
                        field,
                        got: rate,
                        expected: "at most ten per cent",
                    });
                }
            }
            at_least("slippage", even.slippage, 0, "zero or more")?;
        }
        if let Some(trailing) = &self.trailing {
            positive("trailing arm", trailing.arm_risk_e4)?;
            positive("trailing distance", trailing.distance_range_e4)?;
            at_least("trailing step", trailing.step_range_e4, 0, "zero or more")?;
            at_least("trailing interval", trailing.interval_ns, 0, "zero or more")?;
            if let Some(cap) = trailing.cap_e4 {
                positive("trailing cap", cap)?;
            }
            needs_range = true;
        }
        if needs_range {
            positive("true range", self.true_range)?;
        }
        Ok(())
    }
}
