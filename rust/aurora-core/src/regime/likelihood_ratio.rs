//! Generalised likelihood ratio tests over a window: when did the mean, or the variance, change, and how surely?

use std::collections::VecDeque;

use super::error::{check_real, require, require_positive, require_real, DetectorError};
use serde::{Deserialize, Serialize};

/// A stretch's variance is taken as at least this share of the window's: a constant stretch then has a large ratio, not
/// an infinite one.
const VARIANCE_SHARE: f64 = 1e-9;

/// Largest window accepted.
const LARGEST_WINDOW: usize = 100_000;

/// Settings of [`MeanLikelihoodRatio`] and [`VarianceLikelihoodRatio`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodRatioSettings {
    /// Mean before the change, known; for the variance, before and after.
    pub mean: f64,
    /// Variance before the change, known. The variance test estimates it and does not read this.
    pub variance: f64,
    /// Latest observations kept: changes further back are not found.
    pub window: usize,
    /// Fewest observations of a stretch, at least 1 (mean) or 2 (variance).
    pub minimum_segment: usize,
    /// Each tried length after the change is this many times the one before, at least by one observation; 1 tries
    /// all. Above 1 is the geometric grid of Lai (1995, *JRSS B* 57) with O(log window) tried lengths.
    pub growth: f64,
    /// The test alarms above it, in nats.
    pub threshold: f64,
}

/// What one observation told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodRatioValue {
    /// Greatest log-likelihood ratio over the tried times of change, nats; 0 while none can be tried.
    pub statistic: f64,
    /// Observations since the change that has it (the fewest of equals); 0 while none can be tried.
    pub segment: usize,
    /// +1: mean or variance rose, -1: fell, 0: no alarm.
    pub alarm: i8,
}

const NOTHING: LikelihoodRatioValue = LikelihoodRatioValue {
    statistic: 0.0,
    segment: 0,
    alarm: 0,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Window {
    settings: LikelihoodRatioSettings,
    /// Deviations from the known mean, oldest first.
    deviations: VecDeque<f64>,
    alarmed: bool,
}

impl Window {
    fn new(settings: LikelihoodRatioSettings, least: usize) -> Result<Self, DetectorError> {
        require_real("mean", settings.mean)?;
        require_positive("variance", settings.variance)?;
        require_positive("threshold", settings.threshold)?;
        require(
            settings.minimum_segment >= least,
            "minimum_segment",
            settings.minimum_segment,
            "at least 1, and 2 for the variance",
        )?;
        require(
            settings.window <= LARGEST_WINDOW && settings.window / 2 >= settings.minimum_segment,
            "window",
            settings.window,
            "at least two of minimum_segment, at most 100,000",
        )?;
        require(
            settings.growth >= 1.0 && settings.growth <= 10.0,
            "growth",
            settings.growth,
            "in [1, 10]",
        )?;
        Ok(Self {
            settings,
            deviations: VecDeque::with_capacity(settings.window),
            alarmed: false,
        })
    }

    fn reset(&mut self) {
        self.deviations.clear();
        self.alarmed = false;
    }

    fn push(&mut self, x: f64) -> Result<(), DetectorError> {
        check_real("x", x)?;
        if self.alarmed {
            self.reset();
        }
        if self.deviations.len() >= self.settings.window {
            self.deviations.pop_front();
        }
        self.deviations.push_back(x - self.settings.mean);
        Ok(())
    }

    /// The length to try after `segment`.
    fn next_length(&self, segment: usize) -> usize {
        (segment + 1).max((segment as f64 * self.settings.growth) as usize)
    }

    fn judged(&mut self, statistic: f64, segment: usize, rose: bool) -> LikelihoodRatioValue {
        self.alarmed = statistic > self.settings.threshold;
        LikelihoodRatioValue {
            statistic,
            segment,
            alarm: match (self.alarmed, rose) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => -1,
            },
        }
    }
}

/// Change of the mean away from a known one, at known variance: the greatest over k of
/// `(x_{k+1} + ... + x_n - (n-k) mean)^2 / (2 variance (n-k))` within the window (Basseville and Nikiforov 1993,
/// *Detection of Abrupt Changes*, 2.4). The observation after an alarm begins anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanLikelihoodRatio {
    window: Window,
}

impl MeanLikelihoodRatio {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: LikelihoodRatioSettings) -> Result<Self, DetectorError> {
        Ok(Self {
            window: Window::new(settings, 1)?,
        })
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.window.reset();
    }

    /// Takes one observation; O(window) additions.
    ///
    /// # Errors
    /// It is not finite or above 1e60 in magnitude.
    pub fn update(&mut self, x: f64) -> Result<LikelihoodRatioValue, DetectorError> {
        self.window.push(x)?;
        let mut tried = self.window.settings.minimum_segment;
        let (mut sum, mut segment) = (0.0, 0);
        let mut best = (f64::NEG_INFINITY, 0, false);
        for deviation in self.window.deviations.iter().rev() {
            segment += 1;
            sum += deviation;
            if segment == tried {
                let ratio = sum * sum / segment as f64;
                if ratio > best.0 {
                    best = (ratio, segment, sum > 0.0);
                }
                tried = self.window.next_length(segment);
            }
        }
        if best.1 == 0 {
            return Ok(NOTHING);
        }
        let statistic = best.0 / (2.0 * self.window.settings.variance);
        Ok(self.window.judged(statistic, best.1, best.2))
    }
}

/// Change of the variance about a known mean, from one unknown value to another: the greatest over k of
/// `(n ln v0 - k ln v1 - (n-k) ln v2) / 2`, with v0, v1, v2 the mean squared deviations of the whole window, of its
/// first k and of its last n-k observations (Chen and Gupta 1997, *JASA* 92). The observation after an alarm begins
/// anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VarianceLikelihoodRatio {
    window: Window,
}

impl VarianceLikelihoodRatio {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: LikelihoodRatioSettings) -> Result<Self, DetectorError> {
        Ok(Self {
            window: Window::new(settings, 2)?,
        })
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.window.reset();
    }

    /// Takes one observation; O(window) additions and two logarithms per tried time of change.
    ///
    /// # Errors
    /// It is not finite or above 1e60 in magnitude.
    pub fn update(&mut self, x: f64) -> Result<LikelihoodRatioValue, DetectorError> {
        self.window.push(x)?;
        let least = self.window.settings.minimum_segment;
        let n = self.window.deviations.len();
        let total: f64 = self.window.deviations.iter().map(|d| d * d).sum();
        if n < 2 * least || total <= 0.0 {
            return Ok(NOTHING);
        }
        let mut tried = least;
        let (mut sum, mut segment) = (0.0, 0);
        let mut best = (f64::NEG_INFINITY, 0, false);
        for deviation in self.window.deviations.iter().rev().take(n - least) {
            segment += 1;
            sum += deviation * deviation;
            if segment == tried {
                let earlier = (n - segment) as f64;
                let later = segment as f64;
                // As shares of the window's variance, so that ln v0 drops out.
                let before = ((total - sum) / total * n as f64 / earlier).max(VARIANCE_SHARE);
                let after = (sum / total * n as f64 / later).max(VARIANCE_SHARE);
                let ratio = -0.5 * (earlier * libm::log(before) + later * libm::log(after));
                if ratio > best.0 {
                    best = (ratio, segment, after > before);
                }
                tried = self.window.next_length(segment);
            }
        }
        Ok(self.window.judged(best.0, best.1, best.2))
    }
}

#[cfg(test)]
#[path = "likelihood_ratio_tests.rs"]
mod tests;
