//! Realised and bipower volatility over a window of clock samples of the mid.

use serde::{Deserialize, Serialize};

use super::{ClockReturns, Undefined};
use crate::sliding_sum::SlidingSum;

/// Realised variance: the sum of squared log returns in a window (Andersen, Bollerslev, Diebold, Labys 2003).
///
/// A missing return holds its place in the window and counts nowhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealisedVarianceWindow {
    squares: SlidingSum,
    count: SlidingSum,
}

impl RealisedVarianceWindow {
    /// A window of `samples` returns.
    pub fn new(samples: usize) -> Self {
        RealisedVarianceWindow {
            squares: SlidingSum::new(samples),
            count: SlidingSum::new(samples),
        }
    }

    /// Takes a return `times` times.
    pub fn push(&mut self, log_return: Option<f64>, times: u64) {
        self.squares
            .push_many(log_return.map_or(0.0, |r| r * r), times);
        self.count
            .push_many(f64::from(u8::from(log_return.is_some())), times);
    }

    /// Σ r², in squared log price.
    pub fn variance(&self) -> f64 {
        self.squares.sum()
    }

    /// Returns in the window.
    pub fn count(&self) -> f64 {
        self.count.sum()
    }
}

/// Bipower variation: (π/2)·Σ |r_i|·|r_{i−1}|, which a single jump does not move (Barndorff-Nielsen, Shephard 2004).
///
/// Of n returns there are n − 1 pairs. [`Self::variation`] is the plain sum, biased down by (n − 1)/n; the mean over
/// pairs, (π/2)·Σ/(n − 1), is the small-sample form (n/(n − 1) of the sum; Huang, Tauchen 2005) that volatility uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BipowerVariationWindow {
    products: SlidingSum,
    pairs: SlidingSum,
    last: Option<f64>,
}

impl BipowerVariationWindow {
    /// A window of the `samples` − 1 pairs of `samples` returns.
    pub fn new(samples: usize) -> Self {
        let pairs = samples.saturating_sub(1);
        BipowerVariationWindow {
            products: SlidingSum::new(pairs),
            pairs: SlidingSum::new(pairs),
            last: None,
        }
    }

    /// Takes a return `times` times.
    pub fn push(&mut self, log_return: Option<f64>, times: u64) {
        // The first pairs with its predecessor, the others with themselves.
        for (before, times) in [
            (self.last, times.min(1)),
            (log_return, times.saturating_sub(1)),
        ] {
            let product = log_return.zip(before).map(|(a, b)| a.abs() * b.abs());
            self.products.push_many(product.unwrap_or(0.0), times);
            self.pairs
                .push_many(f64::from(u8::from(product.is_some())), times);
        }
        if times > 0 {
            self.last = log_return;
        }
    }

    /// (π/2)·Σ |r_i|·|r_{i−1}|, in squared log price.
    pub fn variation(&self) -> f64 {
        std::f64::consts::FRAC_PI_2 * self.products.sum()
    }

    /// Pairs of neighbouring returns in the window.
    pub fn pairs(&self) -> f64 {
        self.pairs.sum()
    }
}

/// Settings of [`WindowVolatility`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowVolatilitySettings {
    /// Distance of samples in nanoseconds.
    pub step_ns: i64,
    /// Returns in the window; at least 2.
    pub samples: usize,
    /// Returns needed before a value is defined (pairs of them for bipower volatility: one fewer); at least 2.
    pub minimum_samples: usize,
}

impl Default for WindowVolatilitySettings {
    fn default() -> Self {
        WindowVolatilitySettings {
            step_ns: 1_000_000_000,
            samples: 300,
            minimum_samples: 30,
        }
    }
}

/// Realised and bipower volatility of the mid over the same clock samples, both in basis points per square-root
/// second. Mids, not trades: bid-ask bounce is no volatility.
///
/// Call [`Self::update`] at every change of the mid and [`Self::advance`] before a reading; how often either is
/// called between events changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowVolatility {
    clock: ClockReturns,
    realised: RealisedVarianceWindow,
    bipower: BipowerVariationWindow,
    minimum: usize,
}

impl WindowVolatility {
    /// Settings below their least values are taken as those (step 1 ns, two samples).
    pub fn new(settings: WindowVolatilitySettings) -> Self {
        let samples = settings.samples.max(2);
        WindowVolatility {
            clock: ClockReturns::new(settings.step_ns),
            realised: RealisedVarianceWindow::new(samples),
            bipower: BipowerVariationWindow::new(samples),
            minimum: settings.minimum_samples.clamp(2, samples),
        }
    }

    /// Takes all samples due up to `now_ns` (inclusive), which know events before `now_ns` alone.
    pub fn advance(&mut self, now_ns: i64) {
        let (realised, bipower) = (&mut self.realised, &mut self.bipower);
        self.clock.advance(now_ns, |log_return, times| {
            realised.push(log_return, times);
            bipower.push(log_return, times);
        });
    }

    /// The mid from `now_ns` on.
    pub fn update(&mut self, now_ns: i64, mid: f64) {
        self.advance(now_ns);
        self.clock.set(now_ns, Some(mid));
    }

    /// There is no mid from `now_ns` on: samples are missing until the next one.
    pub fn interrupt(&mut self, now_ns: i64) {
        self.advance(now_ns);
        self.clock.set(now_ns, None);
    }

    /// Square root of mean r² per second, as of the last [`Self::advance`].
    ///
    /// # Errors
    /// Warming up below the minimum of returns.
    pub fn realised_volatility(&self) -> Result<f64, Undefined> {
        let count = self.realised.count();
        self.rate(self.realised.variance(), count, self.minimum)
    }

    /// Square root of the small-sample bipower mean per second, as of the last [`Self::advance`].
    ///
    /// # Errors
    /// Warming up below the minimum of pairs.
    pub fn bipower_volatility(&self) -> Result<f64, Undefined> {
        let pairs = self.bipower.pairs();
        self.rate(self.bipower.variation(), pairs, self.minimum - 1)
    }

    fn rate(&self, variance: f64, count: f64, minimum: usize) -> Result<f64, Undefined> {
        if count < minimum as f64 {
            return Err(Undefined::WarmingUp);
        }
        Ok((variance / (count * self.clock.step_s())).sqrt() * 1e4)
    }

    /// The sums themselves: Σ r².
    pub fn realised(&self) -> &RealisedVarianceWindow {
        &self.realised
    }

    /// The sums themselves: (π/2)·Σ |r_i|·|r_{i−1}|.
    pub fn bipower(&self) -> &BipowerVariationWindow {
        &self.bipower
    }
}

#[cfg(test)]
#[path = "window_volatility_tests.rs"]
mod tests;
