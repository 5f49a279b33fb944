//! Exponentially weighted standardisation of a row of features, some of which may be missing.

use super::{check_length, check_real, require, KernelError};
use serde::{Deserialize, Serialize};

/// Standardised values are clipped to this magnitude, so that one wild feature value cannot throw
/// the gradient of a learner.
pub const Z_LIMIT: f64 = 10.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    weight: f64,
    mean: f64,
    squares: f64,
    count: u64,
}

/// Mean and variance of each feature with weights that halve every `half_life` samples.
///
/// The weights are normalised (pandas `ewm(adjust=True)`), so early values are those of plain
/// averages: `W = d W + 1`, `mean += (x - mean) / W`, `S = d S + (x - mean_old)(x - mean_new)`,
/// variance `S / W`, `d = 2^(-1 / half_life)` (West 1979, weighted Welford).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    decay: f64,
    warm_up: u64,
    rows: u64,
    moments: Vec<Moments>,
}

impl Standardiser {
    /// `features`: row length, at least 1; `half_life` in samples, above 0; `warm_up`: samples a
    /// feature needs before it is used, at least 2.
    ///
    /// # Errors
    /// A setting outside its domain.
    pub fn new(features: usize, half_life: f64, warm_up: u64) -> Result<Self, KernelError> {
        require(features > 0, "features", features, "at least 1")?;
        require(
            half_life > 0.0 && half_life.is_finite(),
            "half_life",
            half_life,
            "above 0, in samples",
        )?;
        require(warm_up >= 2, "warm_up", warm_up, "at least 2 samples")?;
        Ok(Self {
            decay: libm::exp(-std::f64::consts::LN_2 / half_life),
            warm_up,
            rows: 0,
            moments: vec![Moments::default(); features],
        })
    }

    /// Learns from one row; a missing value leaves its feature's moments as they are.
    ///
    /// # Errors
    /// Wrong length, or a value not finite or above 1e100: the state is unchanged.
    pub fn update(&mut self, row: &[Option<f64>]) -> Result<(), KernelError> {
        self.check(row)?;
        self.rows += 1;
        for (moments, value) in self.moments.iter_mut().zip(row) {
            let Some(value) = *value else { continue };
            let before = value - moments.mean;
            moments.weight = self.decay * moments.weight + 1.0;
            moments.mean += before / moments.weight;
            moments.squares = self.decay * moments.squares + before * (value - moments.mean);
            moments.count += 1;
        }
        Ok(())
    }

    /// Writes `(x - mean) / deviation`, clipped to ±[`Z_LIMIT`], with the moments learnt so far.
    ///
    /// Written as 0, the mean, when there is nothing to say: a missing value, a feature seen fewer
    /// than `warm_up` times, or one that never varied.
    ///
    /// # Errors
    /// Wrong length, or a value not finite or above 1e100.
    pub fn standardise(&self, row: &[Option<f64>], out: &mut [f64]) -> Result<(), KernelError> {
        self.check(row)?;
        check_length("out", out.len(), self.moments.len())?;
        for ((moments, value), z) in self.moments.iter().zip(row).zip(out) {
            *z = match *value {
                Some(value) if moments.count >= self.warm_up && moments.squares > 0.0 => {
                    let deviation = (moments.squares / moments.weight).sqrt();
                    ((value - moments.mean) / deviation).clamp(-Z_LIMIT, Z_LIMIT)
                }
                _ => 0.0,
            };
        }
        Ok(())
    }

    /// Whether `warm_up` rows have been seen (single features may still be missing).
    pub fn is_warm(&self) -> bool {
        self.rows >= self.warm_up
    }

    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Weighted mean and (population) variance of one feature; `None` before its first value.
    pub fn moments(&self, feature: usize) -> Option<(f64, f64)> {
        let moments = self.moments.get(feature)?;
        (moments.count > 0).then(|| (moments.mean, moments.squares / moments.weight))
    }

    fn check(&self, row: &[Option<f64>]) -> Result<(), KernelError> {
        check_length("row", row.len(), self.moments.len())?;
        row.iter()
            .flatten()
            .try_for_each(|&value| check_real("row", value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn mean_is_the_adjusted_exponential_average() {
        // pandas ewm(adjust=True) with alpha 0.5 is a half-life of one sample.
        let mut standardiser = Standardiser::new(1, 1.0, 2).unwrap();
        let want = [1.0, 1.666667, 2.428571, 3.266667];
        for (value, want) in [1.0, 2.0, 3.0, 4.0].into_iter().zip(want) {
            standardiser.update(&[Some(value)]).unwrap();
            assert!((standardiser.moments(0).unwrap().0 - want).abs() < 1e-6);
        }
    }

    #[test]
    fn variance_is_the_weighted_one() {
        let values = [3.0, -1.0, 4.0, 1.5, 9.0];
        let mut standardiser = Standardiser::new(1, 3.0, 2).unwrap();
        for value in values {
            standardiser.update(&[Some(value)]).unwrap();
        }
        let weights: Vec<f64> = (0..5)
            .map(|i| 2f64.powf(-(4.0 - f64::from(i)) / 3.0))
            .collect();
        let total: f64 = weights.iter().sum();
        let mean: f64 = weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / total;
        let variance: f64 = weights
            .iter()
            .zip(values)
            .map(|(w, v)| w * (v - mean).powi(2))
            .sum::<f64>()
            / total;
        let (got_mean, got_variance) = standardiser.moments(0).unwrap();
        assert!((got_mean - mean).abs() < 1e-12 && (got_variance - variance).abs() < 1e-12);
    }

    #[test]
    fn missing_cold_and_constant_features_are_zero_and_wild_ones_clipped() {
        let mut standardiser = Standardiser::new(3, 100.0, 4).unwrap();
        let mut out = [f64::NAN; 3];
        for i in 0..4 {
            standardiser
                .update(&[Some(f64::from(i)), Some(7.0), None])
                .unwrap();
            standardiser
                .standardise(&[Some(1.0), Some(1.0), Some(1.0)], &mut out)
                .unwrap();
            assert_eq!(out[2], 0.0);
            assert_eq!(standardiser.is_warm(), i == 3);
        }
        standardiser
            .standardise(&[Some(1e90), Some(8.0), None], &mut out)
            .unwrap();
        assert_eq!(out, [Z_LIMIT, 0.0, 0.0]);
    }

    #[test]
    fn bad_rows_are_refused_whole() {
        let mut standardiser = Standardiser::new(2, 10.0, 2).unwrap();
        standardiser.update(&[Some(1.0), Some(2.0)]).unwrap();
        let before = standardiser.clone();
        assert!(standardiser.update(&[Some(1.0), Some(f64::NAN)]).is_err());
        assert!(standardiser.update(&[Some(f64::INFINITY), None]).is_err());
        assert!(standardiser.update(&[Some(1.0)]).is_err());
        assert_eq!(standardiser, before);
        assert!(Standardiser::new(0, 1.0, 2).is_err());
        assert!(Standardiser::new(1, 0.0, 2).is_err());
        assert!(Standardiser::new(1, 1.0, 1).is_err());
    }
}
