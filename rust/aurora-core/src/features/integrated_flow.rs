//! Integrated order flow imbalance: the first principal component of depth-scaled multi-level flow
//! (Cont, Cucuringu and Zhang 2023, Quantitative Finance 23(10)).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::dense::symmetric_eigen;
use super::{MultiLevelReading, Undefined, MAX_LEVELS};

/// Eigenvalues closer than this, against the first, have no first vector of their own.
const SMALLEST_GAP: f64 = 1e-9;

/// Why there are no weights.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum IntegratedWeightsError {
    #[error("{count} weights; there must be 1 to {MAX_LEVELS}")]
    Count { count: usize },
    #[error("weight {index} is {value}; it must be finite")]
    NotFinite { index: usize, value: f64 },
    #[error("all weights are zero")]
    AllZero,
    #[error("{rows} rows of flow; the fit needs {minimum}")]
    TooFewRows { rows: u64, minimum: u64 },
    #[error("the flow has no single first component: eigenvalues {first} and {second}")]
    NotUnique { first: f64, second: f64 },
}

/// Weights of the levels, best first, with absolute values that sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegratedWeights {
    weights: Vec<f64>,
}

impl IntegratedWeights {
    /// Weights in the proportions given.
    ///
    /// # Errors
    /// [`IntegratedWeightsError`] unless there are 1 to [`MAX_LEVELS`] finite ones, not all zero.
    pub fn new(weights: &[f64]) -> Result<Self, IntegratedWeightsError> {
        if weights.is_empty() || weights.len() > MAX_LEVELS {
            return Err(IntegratedWeightsError::Count {
                count: weights.len(),
            });
        }
        for (index, value) in weights.iter().enumerate() {
            if !value.is_finite() {
                return Err(IntegratedWeightsError::NotFinite {
                    index,
                    value: *value,
                });
            }
        }
        let norm: f64 = weights.iter().map(|weight| weight.abs()).sum();
        if norm <= 0.0 || !norm.is_finite() {
            return Err(IntegratedWeightsError::AllZero);
        }
        Ok(IntegratedWeights {
            weights: weights.iter().map(|weight| weight / norm).collect(),
        })
    }

    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// Σ w_m · OFI_m / average depth over the interval of a reading: a number of average levels.
/// [`Undefined::NotFitted`] without weights, or with weights for another number of levels.
pub fn integrated_order_flow(
    weights: Option<&IntegratedWeights>,
    reading: &MultiLevelReading,
) -> Result<f64, Undefined> {
    let weights = weights.ok_or(Undefined::NotFitted)?.weights();
    if weights.len() != reading.flows().len() {
        return Err(Undefined::NotFitted);
    }
    let scaled = reading.scaled()?;
    Ok(weights.iter().zip(scaled).map(|(w, x)| w * x).sum())
}

/// Weights as the data give them.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstComponent {
    pub weights: IntegratedWeights,
    /// Share of the total variance that the component explains, in (0, 1].
    pub explained: f64,
}

/// Streaming covariance of scaled multi-level flow (Welford co-moments), one row a reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegratedFit {
    levels: usize,
    rows: u64,
    means: Vec<f64>,
    /// Σ (x − mean)(y − mean), levels × levels.
    comoments: Vec<f64>,
}

impl IntegratedFit {
    /// A fit of `levels` levels, held to 1 to [`MAX_LEVELS`].
    pub fn new(levels: usize) -> Self {
        let levels = levels.clamp(1, MAX_LEVELS);
        IntegratedFit {
            levels,
            rows: 0,
            means: vec![0.0; levels],
            comoments: vec![0.0; levels * levels],
        }
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes a reading; one that is not defined on all levels is no row.
    pub fn update(&mut self, reading: &MultiLevelReading) {
        if reading.flows().len() == self.levels {
            if let Ok(scaled) = reading.scaled() {
                self.update_row(&scaled[..self.levels]);
            }
        }
    }

    /// Takes the scaled flows of the levels, best first; rows of another length or not finite are no rows.
    pub fn update_row(&mut self, row: &[f64]) {
        if row.len() != self.levels || row.iter().any(|value| !value.is_finite()) {
            return;
        }
        self.rows += 1;
        let rows = self.rows as f64;
        let mut deltas = [0.0; MAX_LEVELS];
        for ((delta, value), mean) in deltas.iter_mut().zip(row).zip(&mut self.means) {
            *delta = value - *mean;
            *mean += *delta / rows;
        }
        let share = (rows - 1.0) / rows;
        for i in 0..self.levels {
            for j in 0..self.levels {
                self.comoments[i * self.levels + j] += deltas[i] * deltas[j] * share;
            }
        }
    }

    /// Covariance of the rows (divisor n − 1), levels × levels by rows; None before two rows.
    pub fn covariance(&self) -> Option<Vec<f64>> {
        let divisor = self.rows.checked_sub(1).filter(|n| *n > 0)? as f64;
        Some(self.comoments.iter().map(|value| value / divisor).collect())
    }

    /// First principal vector of the covariance, its sum made positive, divided by its l1 norm.
    ///
    /// # Errors
    /// [`IntegratedWeightsError`] below `minimum_rows` rows (at least two), or when no component stands out: no
    /// variance, or two first eigenvalues that are equal.
    pub fn fit(&self, minimum_rows: u64) -> Result<FirstComponent, IntegratedWeightsError> {
        let minimum = minimum_rows.max(2);
        let covariance = self.covariance().filter(|_| self.rows >= minimum).ok_or(
            IntegratedWeightsError::TooFewRows {
                rows: self.rows,
                minimum,
            },
        )?;
        let n = self.levels;
        let (values, vectors) = symmetric_eigen(&covariance, n);
        let first = (0..n).fold(0, |best, i| if values[i] > values[best] { i } else { best });
        let second = (0..n)
            .filter(|i| *i != first)
            .fold(0.0, |most: f64, i| most.max(values[i]));
        let gap = values[first] - second;
        if gap.is_nan() || gap <= SMALLEST_GAP * values[first].abs() {
            return Err(IntegratedWeightsError::NotUnique {
                first: values[first],
                second,
            });
        }
        let mut vector: Vec<f64> = (0..n).map(|row| vectors[row * n + first]).collect();
        if vector.iter().sum::<f64>() < 0.0 {
            vector.iter_mut().for_each(|value| *value = -*value);
        }
        let total: f64 = (0..n).map(|i| covariance[i * n + i]).sum();
        Ok(FirstComponent {
            weights: IntegratedWeights::new(&vector)?,
            explained: values[first] / total,
        })
    }
}

#[cfg(test)]
#[path = "integrated_flow_tests.rs"]
mod tests;
