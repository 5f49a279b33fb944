//! Bayesian online change-point detection: how long has the present run lasted?

use super::error::{check_real, require, require_positive, require_real, DetectorError};
use super::student;
use serde::{Deserialize, Serialize};

/// Most run lengths that may be kept.
const LARGEST_RUNS: usize = 100_000;

/// Share of the threshold that the probability of a recent change must fall below before another alarm.
const REARMED: f64 = 0.5;

/// A run with less is dropped whatever the settings: it could not be scaled up again without leaving the range of f64.
const NEGLIGIBLE_MASS: f64 = 1e-250;

/// Settings of [`BayesianChangePoint`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BayesianChangePointSettings {
    /// Expected observations between changes, above 1: the hazard is its inverse.
    pub expected_run: f64,
    /// mu0: mean of a new run, before any observation.
    pub prior_mean: f64,
    /// kappa0: observations that the prior mean is worth.
    pub prior_mean_weight: f64,
    /// alpha0 of the variance: half the observations that the prior variance is worth.
    pub prior_shape: f64,
    /// beta0 of the variance, whose prior mean is beta0 / (alpha0 - 1) for alpha0 > 1.
    pub prior_scale: f64,
    /// Most run lengths kept, at least 10: memory and time per observation.
    pub runs: usize,
    /// A run length with less posterior mass than this is dropped; at least 0, below the hazard.
    pub least_mass: f64,
    /// A change is recent while it lies at most this many observations back; at least 1.
    pub recent: u64,
    /// The detector alarms when the probability of a recent change rises above this, in (0, 1).
    pub threshold: f64,
}

/// What one observation told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangePointValue {
    /// Most probable number of observations in the present run, the current one included (the longest of equals).
    pub run_length: u64,
    /// P(run length <= recent), the run begun with the first observation left out: that one began with no change.
    pub recent_change: f64,
    /// ln p(x | observations before).
    pub log_predictive: f64,
    /// Posterior mass dropped at this observation; the rest was scaled up to 1.
    pub dropped_mass: f64,
    /// `recent_change` has risen above the threshold, for the first time since it was below half of it.
    pub alarm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    length: u64,
    mass: f64,
    mean: f64,
    /// beta of the inverse gamma.
    scale: f64,
    /// Of the last observation under this run.
    log_predictive: f64,
}

/// Adams and MacKay (2007), *Bayesian online changepoint detection*, for normal observations with unknown mean and
/// variance (normal-inverse-gamma prior, Student predictive) and a constant hazard `1 / expected_run`.
///
/// Kept are at most `runs` run lengths: after each observation those below `least_mass` are dropped, then the lightest
/// while there are too many; the run of length 0, whose mass always is the hazard, stays. What was dropped is stated.
/// With a constant hazard P(run length 0) says nothing, so the alarm is on P(run length <= recent). It is told once: the
/// next needs that probability to have been below half the threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BayesianChangePoint {
    settings: BayesianChangePointSettings,
    /// Longest first.
    runs: Vec<Run>,
    observations: u64,
    total_dropped: f64,
    armed: bool,
}

impl BayesianChangePoint {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: BayesianChangePointSettings) -> Result<Self, DetectorError> {
        require(
            settings.expected_run > 1.0 && settings.expected_run <= 1e12,
            "expected_run",
            settings.expected_run,
            "above 1, at most 1e12",
        )?;
        require_real("prior_mean", settings.prior_mean)?;
        require_positive("prior_mean_weight", settings.prior_mean_weight)?;
        require_positive("prior_shape", settings.prior_shape)?;
        require_positive("prior_scale", settings.prior_scale)?;
        require(
            (10..=LARGEST_RUNS).contains(&settings.runs),
            "runs",
            settings.runs,
            "10 to 100,000",
        )?;
        require(
            settings.least_mass >= 0.0 && settings.least_mass < 1.0 / settings.expected_run,
            "least_mass",
            settings.least_mass,
            "at least 0, below 1 / expected_run",
        )?;
        require(
            settings.recent >= 1,
            "recent",
            settings.recent,
            "at least 1",
        )?;
        require(
            settings.threshold > 0.0 && settings.threshold < 1.0,
            "threshold",
            settings.threshold,
            "in (0, 1)",
        )?;
        let mut new = Self {
            settings,
            runs: Vec::with_capacity(settings.runs + 1),
            observations: 0,
            total_dropped: 0.0,
            armed: true,
        };
        new.reset();
        Ok(new)
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.runs.clear();
        self.runs.push(self.begun(1.0));
        self.observations = 0;
        self.total_dropped = 0.0;
        self.armed = true;
    }

    fn begun(&self, mass: f64) -> Run {
        Run {
            length: 0,
            mass,
            mean: self.settings.prior_mean,
            scale: self.settings.prior_scale,
            log_predictive: 0.0,
        }
    }

    /// Takes one observation; O(run lengths kept).
    ///
    /// # Errors
    /// It is not finite or above 1e60 in magnitude.
    pub fn update(&mut self, x: f64) -> Result<ChangePointValue, DetectorError> {
        check_real("x", x)?;
        let settings = self.settings;
        let hazard = 1.0 / settings.expected_run;
        self.observations += 1;

        let mut greatest = f64::NEG_INFINITY;
        for run in &mut self.runs {
            run.log_predictive = log_predictive(&settings, run, x);
            greatest = greatest.max(run.log_predictive);
        }
        let mut evidence = 0.0;
        for run in &mut self.runs {
            run.mass *= libm::exp(run.log_predictive - greatest);
            evidence += run.mass;
            learn(&settings, run, x);
        }
        for run in &mut self.runs {
            run.mass *= (1.0 - hazard) / evidence;
        }
        self.runs.push(self.begun(hazard));
        let dropped_mass = self.drop_light();
        self.total_dropped += dropped_mass;

        let (mut run_length, mut most, mut recent_change) = (0, 0.0, 0.0);
        for run in &self.runs {
            if run.mass > most {
                (run_length, most) = (run.length, run.mass);
            }
            if run.length <= settings.recent && run.length < self.observations {
                recent_change += run.mass;
            }
        }
        let alarm = self.armed && recent_change > settings.threshold;
        // One change is told once: a probability that hovers about the threshold is no series of changes.
        self.armed = !alarm && (self.armed || recent_change < REARMED * settings.threshold);
        Ok(ChangePointValue {
            run_length,
            recent_change,
            log_predictive: libm::log(evidence) + greatest,
            dropped_mass,
            alarm,
        })
    }

    /// Drops what weighs too little and returns its mass.
    fn drop_light(&mut self) -> f64 {
        let least = self.settings.least_mass.max(NEGLIGIBLE_MASS);
        let mut dropped = 0.0;
        self.runs.retain(|run| {
            let stays = run.length == 0 || run.mass >= least;
            if !stays {
                dropped += run.mass;
            }
            stays
        });
        while self.runs.len() > self.settings.runs {
            let mut lightest = (0, f64::INFINITY);
            for (at, run) in self.runs.iter().enumerate() {
                if run.length > 0 && run.mass < lightest.1 {
                    lightest = (at, run.mass);
                }
            }
            dropped += self.runs.remove(lightest.0).mass;
        }
        let total: f64 = self.runs.iter().map(|run| run.mass).sum();
        for run in &mut self.runs {
            run.mass /= total;
        }
        dropped
    }

    /// Run lengths kept, longest first, with their posterior probability.
    pub fn posterior(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.runs.iter().map(|run| (run.length, run.mass))
    }

    /// Observations since the last reset.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Sum of the mass dropped at every observation since the last reset.
    pub fn total_dropped(&self) -> f64 {
        self.total_dropped
    }
}

/// Student's t with `2 alpha` degrees of freedom about the mean, squared scale `beta (kappa + 1) / (alpha kappa)`.
fn log_predictive(settings: &BayesianChangePointSettings, run: &Run, x: f64) -> f64 {
    let kappa = settings.prior_mean_weight + run.length as f64;
    let alpha = settings.prior_shape + 0.5 * run.length as f64;
    let spread = 2.0 * run.scale * (kappa + 1.0) / kappa;
    student::log_density(alpha, spread, x - run.mean)
}

/// Takes x into the run.
fn learn(settings: &BayesianChangePointSettings, run: &mut Run, x: f64) {
    let kappa = settings.prior_mean_weight + run.length as f64;
    let deviation = x - run.mean;
    run.length += 1;
    run.mean += deviation / (kappa + 1.0);
    run.scale += 0.5 * kappa / (kappa + 1.0) * deviation * deviation;
}

#[cfg(test)]
#[path = "bayesian_change_point_tests.rs"]
mod tests;
