//! Cross-asset beta that wanders: the slope of y on x as a random walk, by a scalar Kalman filter.

use super::{check_real, input, require, KernelError};
use serde::{Deserialize, Serialize};

/// Settings of [`KalmanBeta`]; variances in the squared units of beta or of y.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KalmanBetaSettings {
    /// Q >= 0: variance that beta gains from one pair to the next.
    pub process_variance: f64,
    /// R > 0: variance of y about `beta x`.
    pub observation_variance: f64,
    /// Beta before the first pair.
    pub initial_beta: f64,
    /// P0 > 0: its variance.
    pub initial_variance: f64,
    /// Cap on P, at least P0: while x stays 0 nothing is learnt and P would grow without bound.
    pub maximum_variance: f64,
}

/// What one pair told: the one-step-ahead forecast error and its variance under the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Innovation {
    /// `y - beta x` with the beta before the pair.
    pub error: f64,
    /// `S = x^2 P + R`.
    pub variance: f64,
}

/// Random-walk beta: `beta_t = beta_{t-1} + w`, `y_t = beta_t x_t + v`, `w ~ N(0, Q)`, `v ~ N(0, R)`.
///
/// For each pair first the prediction `P += Q` (at most the cap), then the update with
/// `S = x^2 P + R`, `gain = P x / S`, `beta += gain (y - beta x)` and the Joseph form
/// `P = (1 - gain x)^2 P + gain^2 R`, which cannot turn negative (Harvey 1989, *Forecasting,
/// Structural Time Series Models and the Kalman Filter*, ch. 3). A pair with `x = 0` predicts only:
/// beta stays and grows less certain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KalmanBeta {
    settings: KalmanBetaSettings,
    beta: f64,
    /// P: variance of beta.
    variance: f64,
    log_likelihood: f64,
    updates: u64,
}

impl KalmanBeta {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: KalmanBetaSettings) -> Result<Self, KernelError> {
        let most = super::LARGEST_INPUT;
        let positive = |name, value: f64| {
            require(
                value > 0.0 && value <= most,
                name,
                value,
                "above 0, at most 1e100",
            )
        };
        require(
            settings.process_variance >= 0.0 && settings.process_variance <= most,
            "process_variance",
            settings.process_variance,
            "at least 0, at most 1e100",
        )?;
        positive("observation_variance", settings.observation_variance)?;
        positive("initial_variance", settings.initial_variance)?;
        require(
            settings.initial_beta.abs() <= most,
            "initial_beta",
            settings.initial_beta,
            "finite, at most 1e100 in magnitude",
        )?;
        require(
            settings.maximum_variance >= settings.initial_variance
                && settings.maximum_variance <= most,
            "maximum_variance",
            settings.maximum_variance,
            "at least initial_variance, at most 1e100",
        )?;
        Ok(Self {
            settings,
            beta: settings.initial_beta,
            variance: settings.initial_variance,
            log_likelihood: 0.0,
            updates: 0,
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &KalmanBetaSettings {
        &self.settings
    }

    /// Predicts, then learns from one pair.
    ///
    /// # Errors
    /// `x` or `y` is not finite or above 1e100, or the forecast leaves the range of f64: the state
    /// is unchanged.
    pub fn update(&mut self, x: f64, y: f64) -> Result<Innovation, KernelError> {
        check_real("x", x)?;
        check_real("y", y)?;
        let noise = self.settings.observation_variance;
        let predicted =
            (self.variance + self.settings.process_variance).min(self.settings.maximum_variance);
        let error = y - self.beta * x;
        let variance = x * x * predicted + noise;
        let gain = predicted * x / variance;
        let kept = 1.0 - gain * x;
        let beta = self.beta + gain * error;
        let after = kept * kept * predicted + gain * gain * noise;
        let log_likelihood = self.log_likelihood
            - 0.5 * (libm::log(2.0 * std::f64::consts::PI * variance) + error / variance * error);
        if !(beta.is_finite() && after.is_finite() && log_likelihood.is_finite()) {
            return Err(input(
                "x",
                x,
                "of a magnitude that keeps the forecast inside the range of f64",
            ));
        }
        self.beta = beta;
        self.variance = after;
        self.log_likelihood = log_likelihood;
        self.updates += 1;
        Ok(Innovation { error, variance })
    }

    /// Beta after the last pair.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// P, the variance of beta after the last pair; its root is the standard error under the model.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Gaussian log likelihood of all pairs so far, constants included: what Q and R are fitted by.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Number of pairs taken.
    pub fn updates(&self) -> u64 {
        self.updates
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const X: [f64; 8] = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.0];
    const Y: [f64; 8] = [0.9, 2.2, -1.2, 0.4, 2.7, -1.8, 1.7, 0.1];
    const SETTINGS: KalmanBetaSettings = KalmanBetaSettings {
        process_variance: 0.01,
        observation_variance: 0.04,
        initial_beta: 0.0,
        initial_variance: 1.0,
        maximum_variance: 1e6,
    };

    /// quant.md §2.
    #[test]
    fn follows_the_reference_path() {
        let mut kernel = KalmanBeta::new(SETTINGS).unwrap();
        let want = [
            0.865714, 1.059935, 1.103884, 1.066344, 0.921611, 0.909055, 1.014625, 1.014625,
        ];
        for ((&x, y), want) in X.iter().zip(Y).zip(want) {
            kernel.update(x, y).unwrap();
            assert!(
                (kernel.beta() - want).abs() < 5e-7,
                "{} {want}",
                kernel.beta()
            );
        }
        assert!((kernel.variance() - 0.018368).abs() < 5e-7);
        assert!((kernel.log_likelihood() + 1.58481250).abs() < 5e-9);
        assert_eq!(kernel.updates(), 8);
    }

    #[test]
    fn variance_stops_at_its_cap() {
        let settings = KalmanBetaSettings {
            maximum_variance: 1.5,
            ..SETTINGS
        };
        let mut kernel = KalmanBeta::new(settings).unwrap();
        for _ in 0..49 {
            kernel.update(0.0, 0.3).unwrap();
        }
        assert!((kernel.variance() - 1.49).abs() < 1e-12);
        for _ in 0..100 {
            kernel.update(0.0, 0.3).unwrap();
        }
        assert_eq!(kernel.variance(), 1.5);
        assert_eq!(kernel.beta(), 0.0);
    }

    #[test]
    fn bad_settings_and_inputs_are_refused() {
        let with = |change: fn(&mut KalmanBetaSettings)| {
            let mut settings = SETTINGS;
            change(&mut settings);
            KalmanBeta::new(settings)
        };
        assert!(with(|s| s.process_variance = -1.0).is_err());
        assert!(with(|s| s.process_variance = f64::NAN).is_err());
        assert!(with(|s| s.observation_variance = 0.0).is_err());
        assert!(with(|s| s.initial_beta = f64::INFINITY).is_err());
        assert!(with(|s| s.initial_variance = 0.0).is_err());
        assert!(with(|s| s.maximum_variance = 0.5).is_err());
        let mut kernel = KalmanBeta::new(SETTINGS).unwrap();
        let before = kernel.clone();
        for (x, y) in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (1e200, 1.0)] {
            assert!(kernel.update(x, y).is_err());
            assert_eq!(kernel, before);
        }
        // Finite, but its likelihood is not.
        assert!(kernel.update(0.0, 1e100).is_ok());
    }

    /// Solves `matrix z = right` by Gaussian elimination with pivoting; also log of the determinant.
    fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> (Vec<f64>, f64) {
        let n = right.len();
        let mut log_determinant = 0.0;
        for i in 0..n {
            let pivot = (i..n)
                .max_by(|&a, &b| matrix[a][i].abs().total_cmp(&matrix[b][i].abs()))
                .unwrap();
            matrix.swap(i, pivot);
            right.swap(i, pivot);
            log_determinant += matrix[i][i].abs().ln();
            for row in i + 1..n {
                let factor = matrix[row][i] / matrix[i][i];
                let above = matrix[i].clone();
                for (cell, above) in matrix[row].iter_mut().zip(above) {
                    *cell -= factor * above;
                }
                right[row] -= factor * right[i];
            }
        }
        let mut z = vec![0.0; n];
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| matrix[i][j] * z[j]).sum();
            z[i] = (right[i] - known) / matrix[i][i];
        }
        (z, log_determinant)
    }

    proptest! {
        /// The filter is the conditional law of the last beta given all y, and its likelihood that of
        /// one Gaussian vector: `cov(y_s, y_t) = x_s x_t (P0 + Q min(s, t)) + R 1{s = t}`.
        #[test]
        fn equals_the_joint_gaussian(
            pairs in prop::collection::vec((-3.0..3.0f64, -3.0..3.0f64), 1..12),
            q in 0.0..0.5f64, r in 0.05..2.0f64, b0 in -1.0..1.0f64, p0 in 0.1..3.0f64,
        ) {
            let mut kernel = KalmanBeta::new(KalmanBetaSettings {
                process_variance: q,
                observation_variance: r,
                initial_beta: b0,
                initial_variance: p0,
                maximum_variance: 1e6,
            }).unwrap();
            for &(x, y) in &pairs {
                kernel.update(x, y).unwrap();
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                prop_assert_eq!(&postcard::from_bytes::<KalmanBeta>(&bytes).unwrap(), &kernel);
            }
            let n = pairs.len();
            let walk = |s: usize, t: usize| p0 + q * (s.min(t) + 1) as f64;
            let joint: Vec<Vec<f64>> = (0..n)
                .map(|s| (0..n).map(|t| {
                    pairs[s].0 * pairs[t].0 * walk(s, t) + if s == t { r } else { 0.0 }
                }).collect())
                .collect();
            let centred: Vec<f64> = pairs.iter().map(|(x, y)| y - b0 * x).collect();
            let with_last: Vec<f64> = (0..n).map(|s| pairs[s].0 * walk(s, n - 1)).collect();
            let (weights, log_determinant) = solve(joint.clone(), centred.clone());
            let (gains, _) = solve(joint, with_last.clone());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let beta = b0 + dot(&with_last, &weights);
            let variance = walk(n - 1, n - 1) - dot(&with_last, &gains);
            let likelihood = -0.5 * (n as f64 * (2.0 * std::f64::consts::PI).ln()
                + log_determinant + dot(&centred, &weights));
            prop_assert!((kernel.beta() - beta).abs() < 1e-8);
            prop_assert!((kernel.variance() - variance).abs() < 1e-8);
            prop_assert!((kernel.log_likelihood() - likelihood).abs() < 1e-8 * likelihood.abs().max(1.0));
        }
    }
}
