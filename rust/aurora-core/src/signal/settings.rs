//! Settings of the lead-lag estimator and of the model on top of it.

use super::{check_duration, require, KernelError, SlopeMethod};
use serde::{Deserialize, Serialize};

/// Settings of [`LeadLagEstimator`](super::LeadLagEstimator).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadLagSettings {
    /// Quotes older than this before a refit are dropped (ns).
    pub window_ns: i64,
    /// The grid of lags spans ± this (ns); a multiple of `step_ns`.
    pub max_lag_ns: i64,
    /// Grid step (ns).
    pub step_ns: i64,
    /// Mid changes that each series needs inside the window; at least 10.
    pub min_changes: usize,
    /// At most this many latest mid changes of each series are used: bounds memory and refit time.
    pub max_changes: usize,
    /// The peak must exceed this many times the noise.
    pub significance: f64,
    /// The peak must reach this correlation in magnitude, in \[0, 1\].
    pub min_correlation: f64,
    /// Each half of the window must show the same peak on its own.
    pub require_stable_peak: bool,
}

impl Default for LeadLagSettings {
    fn default() -> Self {
        Self {
            window_ns: 300_000_000_000,
            max_lag_ns: 1_000_000_000,
            step_ns: 10_000_000,
            min_changes: 200,
            max_changes: 20_000,
            significance: 6.0,
            min_correlation: 0.05,
            require_stable_peak: true,
        }
    }
}

impl LeadLagSettings {
    pub(super) fn check(&self) -> Result<(), KernelError> {
        check_duration("window_ns", self.window_ns)?;
        check_duration("max_lag_ns", self.max_lag_ns)?;
        check_duration("step_ns", self.step_ns)?;
        let (max_lag, step) = (self.max_lag_ns, self.step_ns);
        let on_grid = max_lag % step == 0 && (4..=10_000).contains(&(max_lag / step));
        require(
            on_grid,
            "max_lag_ns",
            max_lag,
            "4 to 10,000 whole steps of step_ns",
        )?;
        require(
            self.min_changes >= 10,
            "min_changes",
            self.min_changes,
            "at least 10",
        )?;
        let enough = self.max_changes >= self.min_changes && self.max_changes <= 1_000_000;
        let needed = "at least min_changes, at most 1,000,000";
        require(enough, "max_changes", self.max_changes, needed)?;
        let significance = self.significance;
        let positive = significance > 0.0 && significance.is_finite();
        require(positive, "significance", significance, "above 0")?;
        let fraction = (0.0..=1.0).contains(&self.min_correlation);
        require(
            fraction,
            "min_correlation",
            self.min_correlation,
            "in [0, 1]",
        )
    }
}

/// Settings of [`LeadLagModel`](super::LeadLagModel).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadLagModelSettings {
    /// Step of the grid on which the model samples mids (ns).
    pub sample_ns: i64,
    pub estimator: LeadLagSettings,
    /// Forgetting of the regression, in (0, 1], per leader return other than 0.
    pub forgetting: f64,
    /// Updates that the regression, and then the logistic, need before the model is ready.
    pub min_updates: u64,
    pub logistic_rate: f64,
    pub logistic_l2: f64,
    /// Half-life of the standardiser, in samples.
    pub standardiser_half_life: f64,
    /// Samples before the standardiser is used.
    pub standardiser_warm_up: u64,
    /// Longest horizon served (ns), at least one sample: bounds the history.
    pub max_horizon_ns: i64,
    /// How the slope is estimated.
    pub slope: SlopeMethod,
    /// Age (samples) at which a step of the leader has lost half of its weight; `None`: none does.
    pub decay_half_life: Option<f64>,
}

impl Default for LeadLagModelSettings {
    fn default() -> Self {
        Self {
            sample_ns: 50_000_000,
            estimator: LeadLagSettings::default(),
            forgetting: 0.999,
            min_updates: 50,
            logistic_rate: 0.01,
            logistic_l2: 1e-4,
            standardiser_half_life: 2000.0,
            standardiser_warm_up: 100,
            max_horizon_ns: 1_000_000_000,
            slope: SlopeMethod::LeastSquares,
            decay_half_life: None,
        }
    }
}
