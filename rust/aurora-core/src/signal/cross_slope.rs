//! The slope of a follower's returns on its leader's, by one of two estimators behind one face.

use super::{
    require, KalmanBeta, KalmanBetaSettings, KernelError, LeadLagModelSettings,
    RecursiveLeastSquares,
};
use serde::{Deserialize, Serialize};

/// P0 and cap of least squares, on returns in bps: the prior (beta 0) weighs as much as one
/// observation of a thousandth of a bps, that is nothing.
const INITIAL_COVARIANCE: f64 = 1e6;

/// How the slope wanders, for [`SlopeMethod::Kalman`]. The variances are in the units of a return
/// in bps; only their ratio moves beta, since the error is rescaled by what is observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KalmanSlopeSettings {
    /// Q >= 0: variance that beta gains from one pair to the next.
    pub process_variance: f64,
    /// R > 0: variance of the follower's return about its prediction (bps squared).
    pub observation_variance: f64,
}

/// Which estimator is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum SlopeMethod {
    /// Recursive least squares with forgetting.
    #[default]
    LeastSquares,
    /// A random walk followed by a scalar Kalman filter, begun at 0 with variance 1.
    Kalman(KalmanSlopeSettings),
}

/// A Kalman slope and how large its forecast errors really are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ScaledKalman {
    filter: KalmanBeta,
    forgetting: f64,
    /// Weighted sum of squared innovations over their variance under the model, and of weights.
    squared_sum: f64,
    weight_sum: f64,
}

/// The slope in force: least squares with forgetting, or a random walk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum CrossSlope {
    LeastSquares(RecursiveLeastSquares),
    Kalman(ScaledKalman),
}

impl CrossSlope {
    pub(super) fn new(settings: &LeadLagModelSettings) -> Result<Self, KernelError> {
        let forgetting = settings.forgetting;
        let least_squares =
            RecursiveLeastSquares::new(forgetting, INITIAL_COVARIANCE, INITIAL_COVARIANCE)?;
        match settings.slope {
            SlopeMethod::LeastSquares => Ok(Self::LeastSquares(least_squares)),
            SlopeMethod::Kalman(kalman) => {
                let filter = KalmanBeta::new(KalmanBetaSettings {
                    process_variance: kalman.process_variance,
                    observation_variance: kalman.observation_variance,
                    initial_beta: 0.0,
                    initial_variance: 1.0,
                    maximum_variance: INITIAL_COVARIANCE,
                })?;
                require(
                    kalman.process_variance <= 1.0,
                    "process_variance",
                    kalman.process_variance,
                    "at most 1",
                )?;
                Ok(Self::Kalman(ScaledKalman {
                    filter,
                    forgetting,
                    squared_sum: 0.0,
                    weight_sum: 0.0,
                }))
            }
        }
    }

    /// Learns from one pair; a leader that stood still teaches neither estimator.
    pub(super) fn update(&mut self, x: f64, y: f64) -> Result<(), KernelError> {
        match self {
            Self::LeastSquares(slope) => slope.update(x, y).map(|_| ()),
            Self::Kalman(_) if x == 0.0 => Ok(()),
            Self::Kalman(slope) => {
                let told = slope.filter.update(x, y)?;
                let normalised = told.error / told.variance * told.error;
                slope.squared_sum = slope.forgetting * slope.squared_sum + normalised;
                slope.weight_sum = slope.forgetting * slope.weight_sum + 1.0;
                Ok(())
            }
        }
    }

    pub(super) fn beta(&self) -> f64 {
        match self {
            Self::LeastSquares(slope) => slope.beta(),
            Self::Kalman(slope) => slope.filter.beta(),
        }
    }

    /// Pairs used.
    pub(super) fn updates(&self) -> u64 {
        match self {
            Self::LeastSquares(slope) => slope.updates(),
            Self::Kalman(slope) => slope.filter.updates(),
        }
    }

    /// Beta over its standard error. Of the Kalman filter the error is `sqrt(P v)`, v the weighted
    /// mean of squared innovations over their variance: were R exact, v would be 1 (covariance
    /// scaling, Bar-Shalom, Li and Kirubarajan 2001, *Estimation with Applications to Tracking and
    /// Navigation*, ch. 5.4). `None` with fewer than two pairs or without any error.
    pub(super) fn t_statistic(&self) -> Option<f64> {
        match self {
            Self::LeastSquares(slope) => slope.t_statistic(),
            Self::Kalman(slope) => {
                if slope.filter.updates() < 2 {
                    return None;
                }
                let scale = slope.squared_sum / slope.weight_sum;
                let statistic = slope.filter.beta() / (slope.filter.variance() * scale).sqrt();
                statistic.is_finite().then_some(statistic)
            }
        }
    }
}

#[cfg(test)]
#[path = "cross_slope_tests.rs"]
mod tests;
