//! What the kernels of the catalogue are set to.

use serde::{Deserialize, Serialize};

use super::{IntegratedWeights, MicropriceTable, MAX_LEVELS};

/// Levels a side of the multi-level flows: the catalogue has a column for each.
pub const FLOW_LEVELS: usize = 5;

/// Settings of the kernels in [`super::KernelSet`]; times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelSettings {
    /// Decay of weights in the weighted imbalance, per tick of distance from the best price.
    pub imbalance_decay: f64,
    /// Fitted adjustments of the microprice; undefined without.
    pub microprice: Option<MicropriceTable>,
    /// Fitted weights of the integrated flow; undefined without.
    pub integrated_weights: Option<IntegratedWeights>,
    /// Half-life of all fading rates.
    pub rate_half_life_ns: i64,
    /// How long a trade may explain a decrease of its level.
    pub attribution_ns: i64,
    /// Window of the windowed trade flow.
    pub trade_window_ns: i64,
    /// Volume of a VPIN bucket in size quanta; None: fifty times the mean of the first hundred trades.
    pub vpin_bucket: Option<i64>,
    pub vpin_buckets: usize,
    pub kyle_interval_ns: i64,
    pub kyle_intervals: usize,
    pub kyle_minimum_intervals: usize,
    /// Trades in the Roll window.
    pub roll_trades: usize,
    /// After how long a trade's realised spread is measured, and how its mean fades.
    pub spread_horizon_ns: i64,
    pub spread_half_life_ns: i64,
    /// Clock grid and window of the windowed volatilities.
    pub volatility_step_ns: i64,
    pub volatility_samples: usize,
    pub volatility_minimum_samples: usize,
    /// Mid changes in the two-scale window, its subgrids, and the changes before it is defined.
    pub two_scale_changes: usize,
    pub two_scale_subgrids: usize,
    pub two_scale_minimum_changes: usize,
    pub mid_half_life_ns: i64,
}

impl Default for KernelSettings {
    fn default() -> Self {
        KernelSettings {
            imbalance_decay: 0.5,
            microprice: None,
            integrated_weights: None,
            rate_half_life_ns: 10_000_000_000,
            attribution_ns: 1_000_000_000,
            trade_window_ns: 10_000_000_000,
            vpin_bucket: None,
            vpin_buckets: 50,
            kyle_interval_ns: 1_000_000_000,
            kyle_intervals: 300,
            kyle_minimum_intervals: 30,
            roll_trades: 100,
            spread_horizon_ns: 5_000_000_000,
            spread_half_life_ns: 60_000_000_000,
            volatility_step_ns: 1_000_000_000,
            volatility_samples: 300,
            volatility_minimum_samples: 30,
            two_scale_changes: 1024,
            two_scale_subgrids: 32,
            two_scale_minimum_changes: 256,
            mid_half_life_ns: 1_000_000_000,
        }
    }
}

impl KernelSettings {
    /// Names and values of what must be positive.
    pub(super) fn positives(&self) -> [(&'static str, i64); 17] {
        [
            ("rate_half_life_ns", self.rate_half_life_ns),
            ("attribution_ns", self.attribution_ns),
            ("trade_window_ns", self.trade_window_ns),
            ("vpin_bucket", self.vpin_bucket.unwrap_or(1)),
            ("vpin_buckets", self.vpin_buckets as i64),
            ("kyle_interval_ns", self.kyle_interval_ns),
            ("kyle_intervals", self.kyle_intervals as i64),
            ("kyle_minimum_intervals", self.kyle_minimum_intervals as i64),
            ("roll_trades", self.roll_trades as i64),
            ("spread_horizon_ns", self.spread_horizon_ns),
            ("spread_half_life_ns", self.spread_half_life_ns),
            ("volatility_step_ns", self.volatility_step_ns),
            ("volatility_samples", self.volatility_samples as i64),
            (
                "volatility_minimum_samples",
                self.volatility_minimum_samples as i64,
            ),
            ("two_scale_changes", self.two_scale_changes as i64),
            ("two_scale_subgrids", self.two_scale_subgrids as i64),
            ("mid_half_life_ns", self.mid_half_life_ns),
        ]
    }
}

const _: () = assert!(FLOW_LEVELS <= MAX_LEVELS);
