//! Platt scaling: a logistic map from scores to probabilities, fitted by Newton's method.
//!
//! Platt (1999), *Probabilistic outputs for support vector machines*; the fit is that of Lin, Lin
//! and Weng (2007), *A note on Platt's probabilistic outputs*, Machine Learning 68.

use super::{check_length, check_real, input, KernelError};
use serde::{Deserialize, Serialize};

const MAX_ITERATIONS: usize = 100;
const SMALLEST_STEP: f64 = 1e-10;
/// Keeps the Hessian invertible (Lin, Lin and Weng).
const RIDGE: f64 = 1e-12;

/// A fitted map `p = 1 / (1 + exp(a s + b))`: `a` is negative when higher scores mean yes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Minus the slope of the logit.
    pub a: f64,
    /// Minus the intercept of the logit.
    pub b: f64,
}

impl Platt {
    /// Probability of yes at this score, in \[0, 1\].
    ///
    /// # Errors
    /// The score is not finite or above 1e100.
    pub fn probability(&self, score: f64) -> Result<f64, KernelError> {
        check_real("score", score)?;
        Ok(logistic(self.a * score + self.b))
    }
}

/// Fits [`Platt`] maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlattScaler;

impl PlattScaler {
    /// Fits on `scores` and their outcomes `labels` (same length, both outcomes present).
    ///
    /// `smoothed` uses Platt's targets `(N+ + 1) / (N+ + 2)` and `1 / (N- + 2)`, which keep the fit
    /// finite when the scores separate the classes; otherwise the targets are 1 and 0 (plain
    /// maximum likelihood). The two differ a lot at small n.
    ///
    /// # Errors
    /// Lengths differ, a score is not finite, only one outcome (or none) is present, the unsmoothed
    /// fit is asked for scores that separate the outcomes (no finite maximum), or Newton's method
    /// does not converge.
    pub fn fit(scores: &[f64], labels: &[bool], smoothed: bool) -> Result<Platt, KernelError> {
        check_length("labels", labels.len(), scores.len())?;
        scores
            .iter()
            .try_for_each(|&score| check_real("scores", score))?;
        let yes = labels.iter().filter(|&&label| label).count() as f64;
        let no = labels.len() as f64 - yes;
        if yes == 0.0 || no == 0.0 {
            let found = format!("{yes} yes and {no} no");
            return Err(unfit("labels", found, "at least one of each outcome"));
        }
        if !smoothed && separates(scores, labels) {
            let needed = "scores whose ranges overlap, or smoothed targets";
            return Err(unfit("scores", "separated by outcome".to_owned(), needed));
        }
        let (high, low) = if smoothed {
            ((yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
        } else {
            (1.0, 0.0)
        };

        // Newton on centred, scaled scores: the convergence test then means the same in any units.
        let (centre, scale) = location(scores);
        let points: Vec<(f64, f64)> = scores
            .iter()
            .zip(labels)
            .map(|(&score, &label)| ((score - centre) / scale, if label { high } else { low }))
            .collect();
        let (a, b) = newton(&points, libm::log((no + 1.0) / (yes + 1.0)))?;
        let platt = Platt {
            a: a / scale,
            b: b - a * centre / scale,
        };
        if platt.a.is_finite() && platt.b.is_finite() {
            Ok(platt)
        } else {
            Err(input(
                "scores",
                scale,
                "spread widely enough for a finite slope",
            ))
        }
    }
}

/// Minimises the cross entropy over (a, b) from (0, `b`).
fn newton(points: &[(f64, f64)], mut b: f64) -> Result<(f64, f64), KernelError> {
    let tolerance = 1e-11 * points.len() as f64;
    let mut a = 0.0;
    let mut value = objective(points, a, b);
    let mut slope = f64::INFINITY;
    for _ in 0..MAX_ITERATIONS {
        let (mut haa, mut hbb, mut hab, mut ga, mut gb) = (RIDGE, RIDGE, 0.0, 0.0, 0.0);
        for &(s, target) in points {
            let p = logistic(a * s + b);
            let curvature = p * (1.0 - p);
            haa += s * s * curvature;
            hbb += curvature;
            hab += s * curvature;
            ga += s * (target - p);
            gb += target - p;
        }
        slope = f64::max(ga.abs(), gb.abs());
        if slope < tolerance {
            return Ok((a, b));
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = (
            -(hbb * ga - hab * gb) / determinant,
            -(haa * gb - hab * ga) / determinant,
        );
        let descent = ga * da + gb * db;
        if -descent < 1e-12 * (1.0 + value) {
            // The objective no longer resolves the step, and the last Newton step is the best one.
            return Ok((a + da, b + db));
        }
        let mut step = 1.0;
        loop {
            let (next_a, next_b) = (a + step * da, b + step * db);
            let next = objective(points, next_a, next_b);
            if next < value + 1e-4 * step * descent {
                (a, b, value) = (next_a, next_b, next);
                break;
            }
            step /= 2.0;
            if step < SMALLEST_STEP {
                // At the optimum rounding hides any further descent; elsewhere this is a failure.
                return if slope < 1e-6 * points.len() as f64 {
                    Ok((a, b))
                } else {
                    Err(unfit(
                        "gradient",
                        slope.to_string(),
                        "small where the line search ends",
                    ))
                };
            }
        }
    }
    Err(unfit(
        "gradient",
        slope.to_string(),
        "below 1e-11 per score within 100 iterations",
    ))
}

/// Cross entropy in the form that does not overflow.
fn objective(points: &[(f64, f64)], a: f64, b: f64) -> f64 {
    points.iter().fold(0.0, |sum, &(s, target)| {
        let f = a * s + b;
        let term = if f >= 0.0 {
            target * f + libm::log1p(libm::exp(-f))
        } else {
            (target - 1.0) * f + libm::log1p(libm::exp(f))
        };
        sum + term
    })
}

/// `1 / (1 + exp(f))` without overflow.
fn logistic(f: f64) -> f64 {
    if f >= 0.0 {
        let e = libm::exp(-f);
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + libm::exp(f))
    }
}

/// Mean and population deviation (1 when all scores are equal).
fn location(scores: &[f64]) -> (f64, f64) {
    let n = scores.len() as f64;
    let mean = scores.iter().fold(0.0, |sum, s| sum + s / n);
    let variance = scores
        .iter()
        .fold(0.0, |sum, s| sum + (s - mean) * (s - mean))
        / n;
    let deviation = variance.sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

/// Whether a threshold splits the outcomes, touching allowed: then the likelihood has no maximum.
fn separates(scores: &[f64], labels: &[bool]) -> bool {
    let range = |wanted: bool| {
        scores
            .iter()
            .zip(labels)
            .filter(|&(_, &label)| label == wanted)
            .fold(
                (f64::INFINITY, f64::NEG_INFINITY),
                |(low, high), (&s, _)| (low.min(s), high.max(s)),
            )
    };
    let ((yes_low, yes_high), (no_low, no_high)) = (range(true), range(false));
    let constant = yes_low.min(no_low) == yes_high.max(no_high);
    !constant && (no_high <= yes_low || yes_high <= no_low)
}

fn unfit(parameter: &'static str, value: String, needed: &'static str) -> KernelError {
    KernelError::Fit {
        parameter,
        value,
        needed,
    }
}

#[cfg(test)]
#[path = "platt_tests.rs"]
mod tests;
