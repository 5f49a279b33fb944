//! How a trade is to end beside its stop and its deadline.

use aurora_core::execution::{self, BreakEven, BreakEvenTrigger, Target, Trailing, MAX_TARGETS};
use pyo3::prelude::*;

use crate::errors::{error, Kind};

/// Targets, break-even and trailing stop of one trade.
#[pyclass(module = "aurora._core", frozen)]
pub struct ExitPlan {
    pub(crate) inner: execution::ExitPlan,
}

#[pymethods]
impl ExitPlan {
    /// Targets are (distance in price quanta, share in 1e-4 of what was entered); multiples are in 1e-4, fee rates
    /// in 1e-8, distances in price quanta. Break-even: "first_target", "true_range" or "risk". No
    /// `trail_arm_risk_e4`: no trailing stop.
    #[new]
    #[pyo3(signature = (*, targets=Vec::new(), true_range=0, break_even=None, break_even_multiple_e4=10_000,
        entry_fee_e8=0, exit_fee_e8=0, slippage=0, funding=0, trail_arm_risk_e4=None,
        trail_distance_range_e4=20_000, trail_step_range_e4=5_000, trail_cap_e4=None,
        trail_interval_ns=1_000_000_000))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        targets: Vec<(i64, i64)>,
        true_range: i64,
        break_even: Option<&str>,
        break_even_multiple_e4: i64,
        entry_fee_e8: i64,
        exit_fee_e8: i64,
        slippage: i64,
        funding: i64,
        trail_arm_risk_e4: Option<i64>,
        trail_distance_range_e4: i64,
        trail_step_range_e4: i64,
        trail_cap_e4: Option<i64>,
        trail_interval_ns: i64,
    ) -> PyResult<ExitPlan> {
        let wrong = |what: String| error(py, Kind::Config, what);
        if targets.len() > MAX_TARGETS {
            let count = targets.len();
            return Err(wrong(format!("{count} targets, at most {MAX_TARGETS}")));
        }
        let mut inner = execution::ExitPlan {
            true_range,
            ..execution::ExitPlan::default()
        };
        for (place, (distance, share_e4)) in inner.targets.iter_mut().zip(targets) {
            *place = Some(Target { distance, share_e4 });
        }
        let multiple_e4 = break_even_multiple_e4;
        let trigger = match break_even {
            None => None,
            Some("first_target") => Some(BreakEvenTrigger::FirstTarget),
            Some("true_range") => Some(BreakEvenTrigger::TrueRange { multiple_e4 }),
            Some("risk") => Some(BreakEvenTrigger::Risk { multiple_e4 }),
            Some(other) => return Err(wrong(format!("unknown break-even trigger {other:?}"))),
        };
        inner.break_even = trigger.map(|trigger| BreakEven {
            trigger,
            entry_fee_e8,
            exit_fee_e8,
            slippage,
            funding,
        });
        inner.trailing = trail_arm_risk_e4.map(|arm_risk_e4| Trailing {
            arm_risk_e4,
            distance_range_e4: trail_distance_range_e4,
            step_range_e4: trail_step_range_e4,
            cap_e4: trail_cap_e4,
            interval_ns: trail_interval_ns,
        });
        inner.validate(0).map_err(|e| wrong(e.to_string()))?;
        Ok(ExitPlan { inner })
    }
}
