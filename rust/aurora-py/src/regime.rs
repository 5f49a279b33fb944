//! Change detectors. A batch that holds a bad value is refused as a whole.

use aurora_core::regime::{
    self, BayesianChangePointSettings, CusumSettings, DetectorError, Direction,
    LikelihoodRatioSettings, LikelihoodRatioValue, MeanLikelihoodRatio, PageHinkleySettings,
    VarianceLikelihoodRatio,
};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::errors::{error, Kind};
use crate::signal::slice;
use crate::state;

pub fn refused(py: Python<'_>, cause: &DetectorError) -> PyErr {
    match cause {
        DetectorError::Setting { .. } => error(py, Kind::Config, cause.to_string()),
        DetectorError::Input { .. } | DetectorError::Length { .. } | DetectorError::Fit { .. } => {
            error(py, Kind::Data, cause.to_string())
        }
    }
}

/// Runs a copy of the detector over all values and keeps it only if none was refused.
fn batch<D: Clone + Send, V: Send>(
    py: Python<'_>,
    detector: &mut D,
    values: &PyReadonlyArray1<'_, f64>,
    update: impl Fn(&mut D, f64) -> Result<V, DetectorError> + Sync,
) -> PyResult<Vec<V>> {
    let values = slice(py, values)?;
    let mut next = detector.clone();
    let out = py
        .detach(|| {
            values
                .iter()
                .map(|value| update(&mut next, *value))
                .collect::<Result<Vec<V>, DetectorError>>()
        })
        .map_err(|e| refused(py, &e))?;
    *detector = next;
    Ok(out)
}

/// Sets a column of a result.
fn column<'py, V, T: numpy::Element>(
    dict: &Bound<'py, PyDict>,
    name: &str,
    rows: &[V],
    value: impl Fn(&V) -> T,
) -> PyResult<()> {
    dict.set_item(name, PyArray1::from_iter(dict.py(), rows.iter().map(value)))
}

/// Page's test against the running mean. Meanings and defaults: `aurora.regime.PageHinkleySettings`.
#[pyclass(module = "aurora._core")]
pub struct PageHinkley {
    detector: regime::PageHinkley,
}

#[pymethods]
impl PageHinkley {
    #[new]
    #[pyo3(signature = (*, delta, threshold, fading, minimum_observations, direction))]
    fn new(
        py: Python<'_>,
        delta: f64,
        threshold: f64,
        fading: f64,
        minimum_observations: u64,
        direction: &str,
    ) -> PyResult<Self> {
        let direction = match direction {
            "up" => Direction::Up,
            "down" => Direction::Down,
            "both" => Direction::Both,
            other => {
                let message = format!("setting direction = {other}: must be up, down or both");
                return Err(error(py, Kind::Config, message));
            }
        };
        let detector = regime::PageHinkley::new(PageHinkleySettings {
            delta,
            threshold,
            fading,
            minimum_observations,
            direction,
        })
        .map_err(|e| refused(py, &e))?;
        Ok(Self { detector })
    }

    /// Columns increase, decrease, alarm (+1 risen, -1 fallen, 0 none), one row per value.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let rows = batch(py, &mut self.detector, &values, |d, x| d.update(x))?;
        let dict = PyDict::new(py);
        column(&dict, "increase", &rows, |row| row.increase)?;
        column(&dict, "decrease", &rows, |row| row.decrease)?;
        column(&dict, "alarm", &rows, |row| row.alarm)?;
        Ok(dict)
    }

    fn reset(&mut self) {
        self.detector.reset();
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, "PageHinkley", &self.detector)?,
        ))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.detector = state::from_bytes(py, "PageHinkley", data)?;
        Ok(())
    }
}

/// Two-sided tabular CUSUM. Meanings and defaults: `aurora.regime.CusumSettings`.
#[pyclass(module = "aurora._core")]
pub struct Cusum {
    detector: regime::Cusum,
}

#[pymethods]
impl Cusum {
    #[new]
    #[pyo3(signature = (*, allowance, threshold))]
    fn new(py: Python<'_>, allowance: f64, threshold: f64) -> PyResult<Self> {
        let detector = regime::Cusum::new(CusumSettings {
            allowance,
            threshold,
        })
        .map_err(|e| refused(py, &e))?;
        Ok(Self { detector })
    }

    /// Columns upper, lower, alarm (+1 risen, -1 fallen, 0 none), one row per value.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let rows = batch(py, &mut self.detector, &values, |d, x| d.update(x))?;
        let dict = PyDict::new(py);
        column(&dict, "upper", &rows, |row| row.upper)?;
        column(&dict, "lower", &rows, |row| row.lower)?;
        column(&dict, "alarm", &rows, |row| row.alarm)?;
        Ok(dict)
    }

    fn reset(&mut self) {
        self.detector.reset();
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, "Cusum", &self.detector)?,
        ))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.detector = state::from_bytes(py, "Cusum", data)?;
        Ok(())
    }
}

#[derive(Clone, Serialize, Deserialize)]
enum Ratio {
    Mean(MeanLikelihoodRatio),
    Variance(VarianceLikelihoodRatio),
}

impl Ratio {
    fn update(&mut self, x: f64) -> Result<LikelihoodRatioValue, DetectorError> {
        match self {
            Ratio::Mean(test) => test.update(x),
            Ratio::Variance(test) => test.update(x),
        }
    }
}

/// Generalised likelihood ratio over a window. Meanings and defaults: `aurora.regime.LikelihoodRatioSettings`.
#[pyclass(module = "aurora._core")]
pub struct LikelihoodRatio {
    detector: Ratio,
}

#[pymethods]
impl LikelihoodRatio {
    #[new]
    #[pyo3(signature = (*, of, mean, variance, window, minimum_segment, growth, threshold))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        of: &str,
        mean: f64,
        variance: f64,
        window: usize,
        minimum_segment: usize,
        growth: f64,
        threshold: f64,
    ) -> PyResult<Self> {
        let settings = LikelihoodRatioSettings {
            mean,
            variance,
            window,
            minimum_segment,
            growth,
            threshold,
        };
        let detector = match of {
            "mean" => MeanLikelihoodRatio::new(settings).map(Ratio::Mean),
            "variance" => VarianceLikelihoodRatio::new(settings).map(Ratio::Variance),
            other => {
                let message = format!("setting of = {other}: must be mean or variance");
                return Err(error(py, Kind::Config, message));
            }
        }
        .map_err(|e| refused(py, &e))?;
        Ok(Self { detector })
    }

    /// Columns statistic, segment, alarm (+1 risen, -1 fallen, 0 none), one row per value.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let rows = batch(py, &mut self.detector, &values, Ratio::update)?;
        let dict = PyDict::new(py);
        column(&dict, "statistic", &rows, |row| row.statistic)?;
        column(&dict, "segment", &rows, |row| row.segment as i64)?;
        column(&dict, "alarm", &rows, |row| row.alarm)?;
        Ok(dict)
    }

    fn reset(&mut self) {
        match &mut self.detector {
            Ratio::Mean(test) => test.reset(),
            Ratio::Variance(test) => test.reset(),
        }
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, "LikelihoodRatio", &self.detector)?,
        ))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.detector = state::from_bytes(py, "LikelihoodRatio", data)?;
        Ok(())
    }
}

/// Posterior of the present run's length. Meanings and defaults: `aurora.regime.ChangePointSettings`.
#[pyclass(module = "aurora._core")]
pub struct BayesianChangePoint {
    detector: regime::BayesianChangePoint,
}

#[pymethods]
impl BayesianChangePoint {
    #[new]
    #[pyo3(signature = (*, expected_run, prior_mean, prior_mean_weight, prior_shape, prior_scale, runs, least_mass,
        recent, threshold))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        expected_run: f64,
        prior_mean: f64,
        prior_mean_weight: f64,
        prior_shape: f64,
        prior_scale: f64,
        runs: usize,
        least_mass: f64,
        recent: u64,
        threshold: f64,
    ) -> PyResult<Self> {
        let detector = regime::BayesianChangePoint::new(BayesianChangePointSettings {
            expected_run,
            prior_mean,
            prior_mean_weight,
            prior_shape,
            prior_scale,
            runs,
            least_mass,
            recent,
            threshold,
        })
        .map_err(|e| refused(py, &e))?;
        Ok(Self { detector })
    }

    /// Columns run_length, recent_change, log_predictive, dropped_mass, alarm, one row per value.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let rows = batch(py, &mut self.detector, &values, |d, x| d.update(x))?;
        let dict = PyDict::new(py);
        column(&dict, "run_length", &rows, |row| row.run_length as i64)?;
        column(&dict, "recent_change", &rows, |row| row.recent_change)?;
        column(&dict, "log_predictive", &rows, |row| row.log_predictive)?;
        column(&dict, "dropped_mass", &rows, |row| row.dropped_mass)?;
        column(&dict, "alarm", &rows, |row| row.alarm)?;
        Ok(dict)
    }

    /// Run lengths kept, shortest first, and their probabilities.
    fn posterior<'py>(
        &self,
        py: Python<'py>,
    ) -> (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>) {
        let mut kept: Vec<(u64, f64)> = self.detector.posterior().collect();
        kept.reverse();
        (
            PyArray1::from_iter(py, kept.iter().map(|(length, _)| *length as i64)),
            PyArray1::from_iter(py, kept.iter().map(|(_, mass)| *mass)),
        )
    }

    /// Sum of the posterior mass dropped at every observation since the last reset.
    #[getter]
    fn total_dropped(&self) -> f64 {
        self.detector.total_dropped()
    }

    fn reset(&mut self) {
        self.detector.reset();
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, "BayesianChangePoint", &self.detector)?,
        ))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.detector = state::from_bytes(py, "BayesianChangePoint", data)?;
        Ok(())
    }
}
