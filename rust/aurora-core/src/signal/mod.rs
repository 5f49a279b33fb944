//! Kernels behind the signal: lead-lag by Hayashi-Yoshida, cross beta by recursive least squares,
//! an online logistic score and its Platt calibration.
//!
//! Every kernel is a pure, sequential state machine: its output depends on the items it was given
//! and their order, never on how calls are split into batches. Transcendentals come from `libm`
//! and sums run left to right, so one input gives one set of bytes on every platform. A refused
//! input leaves the state as it was.

mod cross_rows;
mod cross_slope;
mod hayashi_yoshida;
mod hayashi_yoshida_window;
mod kalman_beta;
mod lead_lag;
mod lead_lag_model;
mod model_sample;
mod online_logistic;
mod platt;
mod recursive_least_squares;
mod settings;
mod standardiser;

#[cfg(test)]
pub(crate) mod test_support;

pub use cross_rows::{cross_rows, CrossRows, CrossSettings, Quotes};
pub use cross_slope::{KalmanSlopeSettings, SlopeMethod};
pub use hayashi_yoshida::{hayashi_yoshida, hayashi_yoshida_curve, HyEstimate};
pub use hayashi_yoshida_window::{HayashiYoshidaValue, HayashiYoshidaWindow};
pub use kalman_beta::{Innovation, KalmanBeta, KalmanBetaSettings};
pub use lead_lag::{LeadLagEstimator, Link, LinkVerdict};
pub use lead_lag_model::{LeadLagModel, OWN_FEATURES};
pub use model_sample::{ModelColumns, ModelSample, Readiness};
pub use online_logistic::{OnlineLogistic, LOGIT_LIMIT};
pub use platt::{Platt, PlattScaler};
pub use recursive_least_squares::RecursiveLeastSquares;
pub use settings::{LeadLagModelSettings, LeadLagSettings};
pub use standardiser::{Standardiser, Z_LIMIT};

use std::fmt::Display;

/// Why a kernel refused a setting, an input or a data set. Each variant says which parameter, the
/// value found and what is needed instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// A constructor was given a setting outside its domain.
    #[error("setting {parameter} = {value}: must be {needed}")]
    Setting {
        parameter: &'static str,
        value: String,
        needed: &'static str,
    },
    /// An observation is unusable; the state is unchanged.
    #[error("input {parameter} = {value}: must be {needed}")]
    Input {
        parameter: &'static str,
        value: String,
        needed: &'static str,
    },
    /// Two columns that belong together differ in length.
    #[error("input {parameter} has length {value}: must be {needed}")]
    Length {
        parameter: &'static str,
        value: usize,
        needed: usize,
    },
    /// The data set as a whole has no usable estimate.
    #[error("cannot fit: {parameter} = {value}, must be {needed}")]
    Fit {
        parameter: &'static str,
        value: String,
        needed: &'static str,
    },
}

/// Largest magnitude accepted for a real-valued input: its square still fits an f64 with room for
/// sums, so an absurd but finite value cannot turn a state into infinity.
pub const LARGEST_INPUT: f64 = 1e100;

/// Largest absolute time accepted, in nanoseconds (the year 2116): times plus lags and windows
/// stay inside i64.
pub const LARGEST_TIME_NS: i64 = i64::MAX / 2;

/// Largest duration accepted as a setting, in nanoseconds (73 years).
const LARGEST_DURATION_NS: i64 = i64::MAX / 4;

fn setting(parameter: &'static str, value: impl Display, needed: &'static str) -> KernelError {
    KernelError::Setting {
        parameter,
        value: value.to_string(),
        needed,
    }
}

fn input(parameter: &'static str, value: impl Display, needed: &'static str) -> KernelError {
    KernelError::Input {
        parameter,
        value: value.to_string(),
        needed,
    }
}

fn require(
    holds: bool,
    parameter: &'static str,
    value: impl Display,
    needed: &'static str,
) -> Result<(), KernelError> {
    if holds {
        Ok(())
    } else {
        Err(setting(parameter, value, needed))
    }
}

fn check_length(parameter: &'static str, value: usize, needed: usize) -> Result<(), KernelError> {
    if value == needed {
        Ok(())
    } else {
        Err(KernelError::Length {
            parameter,
            value,
            needed,
        })
    }
}

fn check_real(parameter: &'static str, value: f64) -> Result<(), KernelError> {
    // Written so that NaN fails too.
    if value.abs() <= LARGEST_INPUT {
        Ok(())
    } else {
        Err(input(
            parameter,
            value,
            "finite, at most 1e100 in magnitude",
        ))
    }
}

fn check_price(parameter: &'static str, value: f64) -> Result<(), KernelError> {
    if value > 0.0 && value <= LARGEST_INPUT {
        Ok(())
    } else {
        Err(input(parameter, value, "a price above 0, at most 1e100"))
    }
}

fn check_time(parameter: &'static str, value: i64) -> Result<(), KernelError> {
    if (-LARGEST_TIME_NS..=LARGEST_TIME_NS).contains(&value) {
        Ok(())
    } else {
        Err(input(
            parameter,
            value,
            "a time in nanoseconds between the years 1823 and 2116",
        ))
    }
}

fn check_duration(parameter: &'static str, value: i64) -> Result<(), KernelError> {
    require(
        value > 0 && value <= LARGEST_DURATION_NS,
        parameter,
        value,
        "above 0 and at most 73 years, in nanoseconds",
    )
}
