//! Why a detector refuses.

use std::fmt::Display;

/// Largest magnitude accepted of an observation: its square, summed over any window, still fits an f64.
pub const LARGEST_INPUT: f64 = 1e60;

/// Smallest positive setting accepted: squares of the largest input divided by it stay finite.
const SMALLEST_POSITIVE: f64 = 1e-60;

/// Why a kernel of this room refused a setting, an observation or a data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
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
    /// A column or matrix has the wrong number of values.
    #[error("input {parameter} has {value} values: must have {needed}")]
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

pub(super) fn require(
    holds: bool,
    parameter: &'static str,
    value: impl Display,
    needed: &'static str,
) -> Result<(), DetectorError> {
    if holds {
        return Ok(());
    }
    Err(DetectorError::Setting {
        parameter,
        value: value.to_string(),
        needed,
    })
}

/// A setting that must be above 0 and finite.
pub(super) fn require_positive(parameter: &'static str, value: f64) -> Result<(), DetectorError> {
    require(
        (SMALLEST_POSITIVE..=LARGEST_INPUT).contains(&value),
        parameter,
        value,
        "above 0: 1e-60 to 1e60",
    )
}

/// A setting that must be finite.
pub(super) fn require_real(parameter: &'static str, value: f64) -> Result<(), DetectorError> {
    require(
        value.abs() <= LARGEST_INPUT,
        parameter,
        value,
        "finite, at most 1e60 in magnitude",
    )
}

pub(super) fn input(
    parameter: &'static str,
    value: impl Display,
    needed: &'static str,
) -> DetectorError {
    DetectorError::Input {
        parameter,
        value: value.to_string(),
        needed,
    }
}

pub(super) fn check_real(parameter: &'static str, value: f64) -> Result<(), DetectorError> {
    // Written so that NaN fails too.
    if value.abs() <= LARGEST_INPUT {
        return Ok(());
    }
    Err(input(parameter, value, "finite, at most 1e60 in magnitude"))
}

pub(super) fn check_length(
    parameter: &'static str,
    value: usize,
    needed: usize,
) -> Result<(), DetectorError> {
    if value == needed {
        return Ok(());
    }
    Err(DetectorError::Length {
        parameter,
        value,
        needed,
    })
}
