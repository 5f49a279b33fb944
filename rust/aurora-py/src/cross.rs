//! What two instruments have in common as time goes: covariance, correlation and betas of their mids on a grid.

use aurora_core::signal::{cross_rows, CrossSettings, Quotes};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::signal::{kernel, slice};

/// Columns of a pair at the times of `grid_ns`, each knowing quotes before it: `covariance` (squared basis points),
/// `correlation` and `beta` of Y on X by Hayashi-Yoshida over a window of `buckets` of `bucket_ns`, and `kalman_beta`
/// with its standard error `kalman_error` from returns (basis points) between grid times. NaN where undefined.
///
/// Mids are NaN from where there is none; times do not decrease.
#[pyfunction]
#[pyo3(signature = (x_ns, x_mid, y_ns, y_mid, grid_ns, *, bucket_ns, buckets, process_variance, observation_variance))]
#[allow(clippy::too_many_arguments)]
pub fn cross_columns<'py>(
    py: Python<'py>,
    x_ns: PyReadonlyArray1<'_, i64>,
    x_mid: PyReadonlyArray1<'_, f64>,
    y_ns: PyReadonlyArray1<'_, i64>,
    y_mid: PyReadonlyArray1<'_, f64>,
    grid_ns: PyReadonlyArray1<'_, i64>,
    bucket_ns: i64,
    buckets: usize,
    process_variance: f64,
    observation_variance: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = CrossSettings {
        bucket_ns,
        buckets,
        process_variance,
        observation_variance,
    };
    let x = Quotes::new(slice(py, &x_ns)?, slice(py, &x_mid)?).map_err(|e| kernel(py, &e))?;
    let y = Quotes::new(slice(py, &y_ns)?, slice(py, &y_mid)?).map_err(|e| kernel(py, &e))?;
    let grid = slice(py, &grid_ns)?;
    let columns = py
        .detach(|| cross_rows(x, y, grid, &settings))
        .map_err(|e| kernel(py, &e))?;
    let dict = PyDict::new(py);
    for (name, column) in [
        ("covariance", columns.covariance),
        ("correlation", columns.correlation),
        ("beta", columns.beta),
        ("kalman_beta", columns.kalman_beta),
        ("kalman_error", columns.kalman_error),
    ] {
        dict.set_item(name, PyArray1::from_vec(py, column))?;
    }
    Ok(dict)
}
