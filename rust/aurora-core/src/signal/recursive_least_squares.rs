//! Scalar recursive least squares with forgetting: the slope of y on x, without intercept.

use super::{check_real, input, require, KernelError};
use serde::{Deserialize, Serialize};

/// Exponentially weighted least squares of `y = beta * x + e`, one pair at a time.
///
/// Recursion (Haykin, *Adaptive Filter Theory*, ch. 10; with forgetting 1 it is ordinary least
/// squares, as statsmodels `RecursiveLS`):
/// `gain = P x / (lambda + x^2 P)`, `beta += gain (y - beta x)`, `P = P / (lambda + x^2 P)`.
///
/// A pair with `x = 0` says nothing about the slope and is skipped: it neither forgets nor counts.
/// P is capped, because forgetting without news makes it grow without bound (wind-up).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecursiveLeastSquares {
    forgetting: f64,
    maximum_covariance: f64,
    beta: f64,
    /// P: inverse of the weighted sum of x^2 (plus the prior).
    covariance: f64,
    updates: u64,
    /// J: weighted sum of squared residuals at the current beta.
    residual_sum: f64,
    /// W: sum of weights.
    weight_sum: f64,
    /// Q: sum of squared weights times x^2.
    squared_weight_sum: f64,
}

impl RecursiveLeastSquares {
    /// `forgetting` lambda in (0, 1]; `initial_covariance` P0 > 0 (large: no prior opinion, in units
    /// of 1 / x^2); `maximum_covariance` at least P0.
    ///
    /// # Errors
    /// A setting outside its domain.
    pub fn new(
        forgetting: f64,
        initial_covariance: f64,
        maximum_covariance: f64,
    ) -> Result<Self, KernelError> {
        require(
            forgetting > 0.0 && forgetting <= 1.0,
            "forgetting",
            forgetting,
            "in (0, 1]",
        )?;
        require(
            initial_covariance > 0.0 && initial_covariance <= super::LARGEST_INPUT,
            "initial_covariance",
            initial_covariance,
            "above 0, at most 1e100",
        )?;
        require(
            maximum_covariance >= initial_covariance && maximum_covariance <= super::LARGEST_INPUT,
            "maximum_covariance",
            maximum_covariance,
            "at least initial_covariance, at most 1e100",
        )?;
        Ok(Self {
            forgetting,
            maximum_covariance,
            beta: 0.0,
            covariance: initial_covariance,
            updates: 0,
            residual_sum: 0.0,
            weight_sum: 0.0,
            squared_weight_sum: 0.0,
        })
    }

    /// Learns from one pair; returns whether it was used (`x != 0`).
    ///
    /// # Errors
    /// `x` or `y` is not finite or above 1e100, or their ratio leaves the range of f64: the state
    /// is unchanged.
    pub fn update(&mut self, x: f64, y: f64) -> Result<bool, KernelError> {
        check_real("x", x)?;
        check_real("y", y)?;
        if x == 0.0 {
            return Ok(false);
        }
        let lambda = self.forgetting;
        let denominator = lambda + x * x * self.covariance;
        let before = y - self.beta * x;
        let beta = self.beta + self.covariance * x / denominator * before;
        let covariance = (self.covariance / denominator).min(self.maximum_covariance);
        // The product of the residuals before and after is exactly the growth of the minimum.
        let residual_sum = lambda * self.residual_sum + before * (y - beta * x);
        let squared_weight_sum = lambda * lambda * self.squared_weight_sum + x * x;
        let usable = beta.is_finite() && residual_sum.is_finite() && squared_weight_sum.is_finite();
        if !usable || covariance <= 0.0 {
            return Err(input(
                "x",
                x,
                "of a magnitude that keeps y / x inside the range of f64",
            ));
        }
        self.beta = beta;
        self.covariance = covariance;
        self.residual_sum = residual_sum.max(0.0);
        self.weight_sum = lambda * self.weight_sum + 1.0;
        self.squared_weight_sum = squared_weight_sum;
        self.updates += 1;
        Ok(true)
    }

    /// The slope; 0 before the first update.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// P, the inverse of the weighted sum of x^2.
    pub fn covariance(&self) -> f64 {
        self.covariance
    }

    /// Number of pairs used (those with `x != 0`).
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Standard error of beta, for uncorrelated errors of equal variance:
    /// `sqrt(s2 Q) P`, where `s2 = J / (W - Q P)` is the unbiased residual variance, J the weighted
    /// sum of squared residuals, W the sum of weights and `Q = sum w^2 x^2`.
    ///
    /// It is the variance of the weighted estimator `sum w x y / sum w x^2`; with lambda 1 it is the
    /// textbook `sqrt(J / (n - 1) / sum x^2)`. `None` with fewer than two updates or while P is at
    /// its cap, where P no longer measures the data. Overlapping samples have correlated errors:
    /// the caller must widen it (as `LeadLagModel` does).
    pub fn standard_error(&self) -> Option<f64> {
        let freedom = self.weight_sum - self.squared_weight_sum * self.covariance;
        if self.updates < 2 || self.covariance >= self.maximum_covariance || freedom <= 0.0 {
            return None;
        }
        let variance = self.residual_sum / freedom;
        let error = (variance * self.squared_weight_sum).sqrt() * self.covariance;
        error.is_finite().then_some(error)
    }

    /// `beta / standard_error`; `None` where the standard error is, or is 0.
    pub fn t_statistic(&self) -> Option<f64> {
        let statistic = self.beta / self.standard_error()?;
        statistic.is_finite().then_some(statistic)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const X: [f64; 8] = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.0];
    const Y: [f64; 8] = [0.9, 2.2, -1.2, 0.4, 2.7, -1.8, 1.7, 0.1];

    fn path(forgetting: f64) -> (Vec<f64>, RecursiveLeastSquares) {
        let mut rls = RecursiveLeastSquares::new(forgetting, 1e6, 1e6).unwrap();
        let betas = X
            .iter()
            .zip(Y)
            .map(|(&x, y)| {
                rls.update(x, y).unwrap();
                rls.beta()
            })
            .collect();
        (betas, rls)
    }

    #[test]
    fn follows_the_reference_path_without_forgetting() {
        let want = [
            0.9, 1.06, 1.083333, 1.072, 0.970492, 0.955844, 0.974419, 0.974419,
        ];
        for (got, want) in path(1.0).0.iter().zip(want) {
            assert!((got - want).abs() < 2e-6, "{got} {want}");
        }
    }

    #[test]
    fn ends_at_the_weighted_least_squares_slope() {
        assert!((path(0.9).0[7] - 0.969702).abs() < 1e-6);
    }

    #[test]
    fn standard_error_is_the_textbook_one_without_forgetting() {
        let (_, rls) = path(1.0);
        let sxx: f64 = X.iter().map(|x| x * x).sum();
        let beta: f64 = X.iter().zip(Y).map(|(x, y)| x * y).sum::<f64>() / sxx;
        // The zero at the end is skipped, so seven pairs.
        let rss: f64 = X[..7]
            .iter()
            .zip(Y)
            .map(|(x, y)| (y - beta * x).powi(2))
            .sum();
        let want = (rss / 6.0 / sxx).sqrt();
        assert!((rls.standard_error().unwrap() - want).abs() < 1e-6);
        assert!((rls.t_statistic().unwrap() - beta / want).abs() < 1e-3);
    }

    #[test]
    fn standard_error_with_forgetting_matches_the_explicit_weights() {
        let (_, rls) = path(0.9);
        let weights: Vec<f64> = (0..7).map(|i| 0.9_f64.powi(6 - i)).collect();
        let sum = |f: &dyn Fn(usize) -> f64| (0..7).map(f).sum::<f64>();
        let p = 1.0 / sum(&|i| weights[i] * X[i] * X[i]);
        let beta = p * sum(&|i| weights[i] * X[i] * Y[i]);
        let q = sum(&|i| (weights[i] * X[i]).powi(2));
        let j = sum(&|i| weights[i] * (Y[i] - beta * X[i]).powi(2));
        let want = (j / (sum(&|i| weights[i]) - q * p) * q).sqrt() * p;
        assert!((rls.standard_error().unwrap() - want).abs() < 1e-6);
    }

    #[test]
    fn covariance_never_exceeds_its_cap_and_zeros_change_nothing() {
        let mut rls = RecursiveLeastSquares::new(0.5, 10.0, 10.0).unwrap();
        for _ in 0..200 {
            rls.update(1e-9, 1e-9).unwrap();
        }
        assert_eq!(rls.covariance(), 10.0);
        assert_eq!(rls.standard_error(), None);
        let before = rls.clone();
        assert!(!rls.update(0.0, 5.0).unwrap());
        assert_eq!(rls, before);
    }

    #[test]
    fn bad_inputs_are_refused_and_leave_the_state() {
        let (_, mut rls) = path(0.9);
        let before = rls.clone();
        for (x, y) in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (1e200, 1.0)] {
            assert!(rls.update(x, y).is_err());
            assert_eq!(rls, before);
        }
        assert!(RecursiveLeastSquares::new(0.0, 1.0, 1.0).is_err());
        assert!(RecursiveLeastSquares::new(f64::NAN, 1.0, 1.0).is_err());
        assert!(RecursiveLeastSquares::new(1.0, -1.0, 1.0).is_err());
        assert!(RecursiveLeastSquares::new(1.0, 2.0, 1.0).is_err());
    }
}
