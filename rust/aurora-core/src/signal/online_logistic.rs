//! Online logistic regression by stochastic gradient descent with an L2 penalty.

use super::{check_length, check_real, input, require, KernelError};
use serde::{Deserialize, Serialize};

/// Logits are clipped to this magnitude: beyond it the probability is 0 or 1 to f64 precision.
pub const LOGIT_LIMIT: f64 = 35.0;

/// `P(y = 1) = 1 / (1 + exp(-(w . x + b)))`, learnt one sample at a time.
///
/// The step is that of river's `LogisticRegression(SGD(rate), l2=l2, intercept_lr=rate)`:
/// `g = p - y`, `b -= rate g`, `w -= rate (g x + l2 w)`; the intercept is not penalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineLogistic {
    rate: f64,
    l2: f64,
    weights: Vec<f64>,
    intercept: f64,
    updates: u64,
}

impl OnlineLogistic {
    /// `features` at least 1; `rate` > 0; `l2` >= 0 with `rate * l2 < 1` (else the penalty
    /// oscillates).
    ///
    /// # Errors
    /// A setting outside its domain.
    pub fn new(features: usize, rate: f64, l2: f64) -> Result<Self, KernelError> {
        require(features > 0, "features", features, "at least 1")?;
        require(
            rate > 0.0 && rate.is_finite(),
            "rate",
            rate,
            "above 0 and finite",
        )?;
        require(
            l2 >= 0.0 && rate * l2 < 1.0,
            "l2",
            l2,
            "at least 0, with rate * l2 below 1",
        )?;
        Ok(Self {
            rate,
            l2,
            weights: vec![0.0; features],
            intercept: 0.0,
            updates: 0,
        })
    }

    /// `w . x + b`, clipped to ±[`LOGIT_LIMIT`].
    ///
    /// # Errors
    /// Wrong length, or a value not finite or above 1e100.
    pub fn logit(&self, x: &[f64]) -> Result<f64, KernelError> {
        check_length("x", x.len(), self.weights.len())?;
        x.iter().try_for_each(|&value| check_real("x", value))?;
        let sum = self
            .weights
            .iter()
            .zip(x)
            .fold(self.intercept, |sum, (w, x)| sum + w * x);
        if sum.is_nan() {
            return Err(input(
                "x",
                sum,
                "such that w . x does not overflow both ways",
            ));
        }
        Ok(sum.clamp(-LOGIT_LIMIT, LOGIT_LIMIT))
    }

    /// Probability that the label is true.
    ///
    /// # Errors
    /// As [`Self::logit`].
    pub fn probability(&self, x: &[f64]) -> Result<f64, KernelError> {
        Ok(1.0 / (1.0 + libm::exp(-self.logit(x)?)))
    }

    /// Learns from one sample.
    ///
    /// # Errors
    /// As [`Self::logit`], or the step leaves the range of f64: the state is unchanged.
    pub fn update(&mut self, x: &[f64], label: bool) -> Result<(), KernelError> {
        let gradient = self.probability(x)? - if label { 1.0 } else { 0.0 };
        let step = |w: f64, x: f64| w - self.rate * (gradient * x + self.l2 * w);
        let intercept = self.intercept - self.rate * gradient;
        let finite = self
            .weights
            .iter()
            .zip(x)
            .all(|(&w, &x)| step(w, x).is_finite());
        if !finite || !intercept.is_finite() {
            return Err(input("x", "too large", "such that the weights stay finite"));
        }
        let (rate, l2) = (self.rate, self.l2);
        for (w, &x) in self.weights.iter_mut().zip(x) {
            *w -= rate * (gradient * x + l2 * *w);
        }
        self.intercept = intercept;
        self.updates += 1;
        Ok(())
    }

    /// Weights, one per feature.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Intercept.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Samples learnt from.
    pub fn updates(&self) -> u64 {
        self.updates
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signal::test_support::SplitMix;

    #[test]
    fn matches_river() {
        let mut logistic = OnlineLogistic::new(1, 0.1, 0.0).unwrap();
        for label in [false, true, false] {
            logistic.update(&[1.0], label).unwrap();
        }
        assert!((logistic.weights()[0] + 0.0476269770).abs() < 1e-10);
        assert!((logistic.intercept() + 0.0476269770).abs() < 1e-10);
    }

    #[test]
    fn penalty_shrinks_the_weights_but_not_the_intercept() {
        let mut logistic = OnlineLogistic::new(1, 0.1, 0.5).unwrap();
        logistic.update(&[1.0], true).unwrap();
        let (w, b) = (logistic.weights()[0], logistic.intercept());
        logistic.update(&[0.0], true).unwrap();
        assert!((logistic.weights()[0] - w * 0.95).abs() < 1e-15);
        assert!(logistic.intercept() > b);
    }

    #[test]
    fn recovers_a_planted_slope() {
        let mut random = SplitMix(3);
        let mut logistic = OnlineLogistic::new(2, 0.02, 0.0).unwrap();
        for _ in 0..40_000 {
            let x = [random.normal(), random.normal()];
            let p = 1.0 / (1.0 + libm::exp(-(1.5 * x[0] - 0.3)));
            logistic.update(&x, random.uniform() < p).unwrap();
        }
        assert!(
            (logistic.weights()[0] - 1.5).abs() < 0.3,
            "{:?}",
            logistic.weights()
        );
        assert!(logistic.weights()[1].abs() < 0.2);
        assert!((logistic.intercept() + 0.3).abs() < 0.2);
    }

    #[test]
    fn logit_is_clipped_and_bad_inputs_are_refused() {
        let mut logistic = OnlineLogistic::new(2, 0.1, 0.0).unwrap();
        logistic.update(&[1e6, -1e6], true).unwrap();
        assert_eq!(logistic.logit(&[1e90, 0.0]).unwrap(), LOGIT_LIMIT);
        let before = logistic.clone();
        assert!(logistic.update(&[f64::NAN, 0.0], true).is_err());
        assert!(logistic.update(&[f64::NEG_INFINITY, 0.0], true).is_err());
        assert!(logistic.update(&[1.0], true).is_err());
        assert_eq!(logistic, before);
        assert!(OnlineLogistic::new(0, 0.1, 0.0).is_err());
        assert!(OnlineLogistic::new(1, f64::NAN, 0.0).is_err());
        assert!(OnlineLogistic::new(1, 0.1, 11.0).is_err());
    }
}
