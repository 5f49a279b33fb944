//! Volatility of a price seen through noise, from tick-level mid changes.

use serde::{Deserialize, Serialize};

use super::Undefined;
use crate::sliding_sum::SlidingSum;

/// Two-scale realised volatility (Zhang, Mykland, Aït-Sahalia 2005, *A tale of two time scales*, JASA 100).
///
/// Of the n + 1 log mids X_0..X_n after the last n changes, on K interleaved subgrids:
///
/// - average over the subgrids: A = (1/K)·Σ_{i=K..n} (X_i − X_{i−K})², n̄ = (n − K + 1)/K returns a subgrid;
/// - all: R = Σ_{i=1..n} (X_i − X_{i−1})², which is mostly noise: it estimates 2n times the noise variance;
/// - TSRV = (A − (n̄/n)·R) / (1 − n̄/n), the division being the paper's small-sample adjustment.
///
/// O(1) amortised a change. With the default window and subgrids an instrument's state is about 32 kB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoScaleVolatility {
    subgrids: usize,
    minimum_changes: usize,
    /// Ring of the last n + 1 observations.
    log_mids: Vec<f64>,
    times_ns: Vec<i64>,
    /// Observations since the last interruption, counted up to n + 1.
    seen: usize,
    /// Cell of the next observation.
    head: usize,
    last_mid: f64,
    /// (X_i − X_{i−1})² over n changes and (X_i − X_{i−K})² over n − K + 1.
    single_lag: SlidingSum,
    subgrid_lag: SlidingSum,
}

impl TwoScaleVolatility {
    /// `changes` n in the window (default 1024), `subgrids` K (default 32), and the changes needed before a value
    /// is defined. Taken into range: K ≥ 2, n ≥ 2K, 2K ≤ minimum ≤ n.
    pub fn new(changes: usize, subgrids: usize, minimum_changes: usize) -> Self {
        let subgrids = subgrids.max(2);
        let changes = changes.max(2 * subgrids);
        TwoScaleVolatility {
            subgrids,
            minimum_changes: minimum_changes.clamp(2 * subgrids, changes),
            log_mids: vec![0.0; changes + 1],
            times_ns: vec![0; changes + 1],
            seen: 0,
            head: 0,
            last_mid: 0.0,
            single_lag: SlidingSum::new(changes),
            subgrid_lag: SlidingSum::new(changes - subgrids + 1),
        }
    }

    /// A mid at `now_ns`; one equal to the last is no change. One that is no positive finite number interrupts.
    pub fn update(&mut self, now_ns: i64, mid: f64) {
        if !(mid > 0.0 && mid.is_finite()) {
            self.interrupt();
            return;
        }
        if self.seen > 0 && mid == self.last_mid {
            return;
        }
        let log = libm::log(mid);
        let cells = self.log_mids.len();
        for (lag, sum) in [
            (1, &mut self.single_lag),
            (self.subgrids, &mut self.subgrid_lag),
        ] {
            if self.seen >= lag {
                let change = log - self.log_mids[(self.head + cells - lag) % cells];
                sum.push(change * change);
            }
        }
        self.log_mids[self.head] = log;
        self.times_ns[self.head] = now_ns;
        self.head = (self.head + 1) % cells;
        self.seen = (self.seen + 1).min(cells);
        self.last_mid = mid;
    }

    /// The feed was lost: the window begins anew. A book that is crossed for a moment is no such loss: the next mid
    /// is one more change, as the estimator does not ask how far apart its observations are.
    pub fn interrupt(&mut self) {
        self.seen = 0;
        self.head = 0;
        self.single_lag.clear();
        self.subgrid_lag.clear();
    }

    /// Changes in the window.
    pub fn changes(&self) -> usize {
        self.seen.saturating_sub(1)
    }

    /// TSRV of the window in squared log price; it may be negative, as the paper's is.
    ///
    /// # Errors
    /// Warming up below the minimum of changes.
    pub fn integrated_variance(&self) -> Result<f64, Undefined> {
        let changes = self.changes();
        if changes < self.minimum_changes {
            return Err(Undefined::WarmingUp);
        }
        let subgrids = self.subgrids as f64;
        // n̄ / n
        let ratio = (changes + 1 - self.subgrids) as f64 / subgrids / changes as f64;
        let average = self.subgrid_lag.sum() / subgrids;
        Ok((average - ratio * self.single_lag.sum()) / (1.0 - ratio))
    }

    /// Σ (X_i − X_{i−1})² over the window, noise included.
    pub fn realised_variance(&self) -> f64 {
        self.single_lag.sum()
    }

    /// Volatility in basis points per square-root second: integrated variance over the time from the window's first
    /// observation to `now_ns` (nothing moved since the last change).
    ///
    /// # Errors
    /// Warming up below the minimum of changes; degenerate where the estimate is negative or no time has passed.
    pub fn value(&self, now_ns: i64) -> Result<f64, Undefined> {
        let variance = self.integrated_variance()?;
        let cells = self.times_ns.len();
        let first_ns = self.times_ns[(self.head + cells - self.seen) % cells];
        let seconds = now_ns.saturating_sub(first_ns) as f64 * 1e-9;
        if variance < 0.0 || seconds <= 0.0 {
            return Err(Undefined::Degenerate);
        }
        Ok((variance / seconds).sqrt() * 1e4)
    }
}

impl Default for TwoScaleVolatility {
    /// The last 1024 changes on 32 subgrids, defined from 256 changes on.
    fn default() -> Self {
        TwoScaleVolatility::new(1024, 32, 256)
    }
}

#[cfg(test)]
#[path = "two_scale_volatility_tests.rs"]
mod tests;
