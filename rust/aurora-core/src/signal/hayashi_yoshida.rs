//! Hayashi-Yoshida covariance of two series observed at different times, at any lag.
//!
//! Hayashi and Yoshida (2005), *On covariance estimation of non-synchronously observed diffusion
//! processes*, Bernoulli 11(2). The lagged form is that of Hoffmann, Rosenbaum and Yoshida (2013).

use super::{check_length, check_real, check_time, input, KernelError};
use serde::{Deserialize, Serialize};

/// Hayashi-Yoshida estimate at one lag.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HyEstimate {
    /// Sum of products of increments over all overlapping pairs of intervals (log price squared).
    pub covariance: f64,
    /// `covariance / sqrt(RV_x * RV_y)` with the realised variances of the whole series; `None`
    /// when either series has no variation. It may exceed 1 in magnitude in small samples.
    pub correlation: Option<f64>,
}

/// Covariance and correlation of `x` and `y`, with `y` shifted back in time by `lag_ns`.
///
/// `tx`, `ty`: strictly increasing observation times in nanoseconds; `x`, `y`: log prices at those
/// times, of the same lengths. Increments live on the half-open intervals (t\[i\], t\[i+1\]] and a
/// pair counts when its intervals share more than an end point. A positive lag means that X leads.
/// A series of fewer than two observations has no increments: covariance 0, correlation `None`.
///
/// Cost O(n + m).
///
/// # Errors
/// Lengths differ, times do not increase strictly, a value is not finite, or a time or lag is out
/// of range.
pub fn hayashi_yoshida(
    tx: &[i64],
    x: &[f64],
    ty: &[i64],
    y: &[f64],
    lag_ns: i64,
) -> Result<HyEstimate, KernelError> {
    let curve = hayashi_yoshida_curve(tx, x, ty, y, &[lag_ns])?;
    Ok(curve.first().copied().unwrap_or(HyEstimate {
        covariance: 0.0,
        correlation: None,
    }))
}

/// [`hayashi_yoshida`] at each of `lags_ns`, in the order given (fastest when they ascend).
///
/// # Errors
/// As [`hayashi_yoshida`].
pub fn hayashi_yoshida_curve(
    tx: &[i64],
    x: &[f64],
    ty: &[i64],
    y: &[f64],
    lags_ns: &[i64],
) -> Result<Vec<HyEstimate>, KernelError> {
    check_series("tx", tx, "x", x)?;
    check_series("ty", ty, "y", y)?;
    for &lag in lags_ns {
        check_time("lag_ns", lag)?;
    }
    let normaliser = (realised_variance(x) * realised_variance(y)).sqrt();
    let dx = increments(x);
    let mut walk = CoverWalk::new(tx, ty);
    Ok(lags_ns
        .iter()
        .map(|&lag| {
            let [covariance, _] = walk.overlap_sums(&dx, y, lag, dx.len());
            let correlation = (normaliser > 0.0).then(|| covariance / normaliser);
            HyEstimate {
                covariance,
                correlation,
            }
        })
        .collect())
}

/// Differences of neighbouring values.
pub(super) fn increments(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Sum of squared increments, left to right.
pub(super) fn realised_variance(values: &[f64]) -> f64 {
    values.windows(2).fold(0.0, |sum, pair| {
        sum + (pair[1] - pair[0]) * (pair[1] - pair[0])
    })
}

/// The walk that finds, for each interval of X, the run of Y intervals it overlaps.
///
/// The run is an interval of indices, so the sum over it telescopes: it is the value of Y at the
/// right cover less its value at the left cover. One position per X time is kept between lags;
/// with ascending lags it only moves forward, by the few Y times that one step of lag passes.
/// Whatever the clustering of the times, one lag costs at most O(n + m).
pub(super) struct CoverWalk<'a> {
    tx: &'a [i64],
    ty: &'a [i64],
    /// Lower bound on the number of Y times at or before `tx[i] + lag`.
    cursors: Vec<usize>,
    last_lag: i64,
}

impl<'a> CoverWalk<'a> {
    /// Times must increase strictly and, with any lag used, stay inside i64.
    pub(super) fn new(tx: &'a [i64], ty: &'a [i64]) -> Self {
        Self {
            tx,
            ty,
            cursors: vec![0; tx.len()],
            last_lag: i64::MIN,
        }
    }

    /// Sum over overlapping pairs (i, j) of `weights[i] * (cumulative[j+1] - cumulative[j])`, the
    /// intervals i below `split` and the rest apart.
    ///
    /// `weights` has one entry per X interval, `cumulative` one per Y time. Increments of X and
    /// log prices of Y give the covariance; their squares give its variance under independence.
    pub(super) fn overlap_sums(
        &mut self,
        weights: &[f64],
        cumulative: &[f64],
        lag: i64,
        split: usize,
    ) -> [f64; 2] {
        if self.tx.len() < 2 || self.ty.len() < 2 {
            return [0.0; 2];
        }
        if lag < self.last_lag {
            self.cursors.fill(0);
        }
        self.last_lag = lag;
        let last = self.ty.len() - 1;
        let mut sums = [0.0; 2];
        let mut passed = 0;
        let mut left_value = 0.0;
        for (i, (&start, cursor)) in self.tx.iter().zip(self.cursors.iter_mut()).enumerate() {
            let time = start + lag;
            passed = passed.max(*cursor);
            while passed <= last && self.ty[passed] <= time {
                passed += 1;
            }
            *cursor = passed;
            let left = passed.saturating_sub(1);
            // A Y time exactly on the boundary closes one interval and opens the next.
            let right = if passed > 0 && self.ty[left] == time {
                left
            } else {
                passed.min(last)
            };
            if i > 0 {
                let half = usize::from(i > split);
                sums[half] += weights[i - 1] * (cumulative[right] - left_value);
            }
            left_value = cumulative[left];
        }
        sums
    }
}

fn check_series(
    times_name: &'static str,
    times: &[i64],
    values_name: &'static str,
    values: &[f64],
) -> Result<(), KernelError> {
    check_length(values_name, values.len(), times.len())?;
    for &value in values {
        check_real(values_name, value)?;
    }
    for &end in times.first().iter().chain(times.last().iter()) {
        check_time(times_name, *end)?;
    }
    match times.windows(2).find(|pair| pair[1] <= pair[0]) {
        Some(pair) => Err(input(times_name, pair[1], "after the time before it")),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "hayashi_yoshida_tests.rs"]
mod tests;
