//! Hidden Markov models: the online filter, and what is for fitting and labels.

use aurora_core::regime::{self, HiddenMarkovFitSettings, HiddenMarkovModel, HiddenMarkovParts};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods, ToPyArray,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::{error, Kind};
use crate::regime::refused;
use crate::signal::slice;
use crate::state;

/// A matrix's values, row by row.
fn matrix<'a>(py: Python<'_>, array: &'a PyReadonlyArray2<'_, f64>) -> PyResult<&'a [f64]> {
    if !array.is_c_contiguous() {
        let message = "an input matrix is not contiguous row by row".to_owned();
        return Err(error(py, Kind::Data, message));
    }
    array.as_slice().map_err(|cause| {
        error(
            py,
            Kind::Data,
            format!("an input matrix is not contiguous: {cause}"),
        )
    })
}

/// `values` as a matrix of that many columns.
fn rows<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    columns: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let count = values.len() / columns.max(1);
    values.into_pyarray(py).reshape([count, columns])
}

fn model(
    py: Python<'_>,
    start: &PyReadonlyArray1<'_, f64>,
    transition: &PyReadonlyArray2<'_, f64>,
    means: &PyReadonlyArray2<'_, f64>,
    variances: &PyReadonlyArray2<'_, f64>,
) -> PyResult<HiddenMarkovModel> {
    HiddenMarkovModel::new(HiddenMarkovParts {
        start: slice(py, start)?.to_vec(),
        transition: matrix(py, transition)?.to_vec(),
        means: matrix(py, means)?.to_vec(),
        variances: matrix(py, variances)?.to_vec(),
    })
    .map_err(|e| refused(py, &e))
}

/// The online filter of a hidden Markov model with normal emissions; never smoothed.
#[pyclass(module = "aurora._core")]
pub struct HiddenMarkovFilter {
    filter: regime::HiddenMarkovFilter,
}

#[pymethods]
impl HiddenMarkovFilter {
    /// Of K states and D dimensions: start (K), transition (K, K), means and variances (K, D).
    #[new]
    fn new(
        py: Python<'_>,
        start: PyReadonlyArray1<'_, f64>,
        transition: PyReadonlyArray2<'_, f64>,
        means: PyReadonlyArray2<'_, f64>,
        variances: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Self> {
        let model = model(py, &start, &transition, &means, &variances)?;
        Ok(Self {
            filter: regime::HiddenMarkovFilter::new(model),
        })
    }

    /// P(state | observations up to the row), one row of K per observation of D values.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        observations: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let mut next = self.filter.clone();
        let states = next.model().states();
        let width = observations.shape()[1];
        let mut out = Vec::with_capacity(observations.shape()[0] * states);
        if width != next.model().dimension() {
            let needed = next.model().dimension();
            let message = format!("an observation has {width} values: must have {needed}");
            return Err(error(py, Kind::Data, message));
        }
        for row in matrix(py, &observations)?.chunks_exact(width) {
            out.extend_from_slice(next.update(row).map_err(|e| refused(py, &e))?);
        }
        self.filter = next;
        rows(py, out, states)
    }

    /// P(state | observations so far).
    #[getter]
    fn probabilities<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.filter.probabilities().to_pyarray(py)
    }

    /// Log-likelihood of the observations so far, nats.
    #[getter]
    fn log_likelihood(&self) -> f64 {
        self.filter.log_likelihood()
    }

    fn reset(&mut self) {
        self.filter.reset();
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, "HiddenMarkovFilter", &self.filter)?,
        ))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.filter = state::from_bytes(py, "HiddenMarkovFilter", data)?;
        Ok(())
    }
}

/// A model's start, transition, means and variances as arrays.
type ModelArrays<'py> = (
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray2<'py, f64>,
    PyReadonlyArray2<'py, f64>,
    PyReadonlyArray2<'py, f64>,
);

/// Maximum likelihood by expectation and maximisation, offline; states sorted by variance, the calmest first. Keys:
/// start, transition, means, variances, log_likelihoods (one per iteration, the fitted model's last), converged.
#[pyfunction]
#[pyo3(signature = (observations, *, states, iterations, tolerance, variance_share, initial=None))]
pub fn fit_hidden_markov<'py>(
    py: Python<'py>,
    observations: PyReadonlyArray2<'py, f64>,
    states: usize,
    iterations: usize,
    tolerance: f64,
    variance_share: f64,
    initial: Option<ModelArrays<'py>>,
) -> PyResult<Bound<'py, PyDict>> {
    let dimension = observations.shape()[1];
    let values = matrix(py, &observations)?;
    let initial = initial
        .map(|(start, transition, means, variances)| {
            model(py, &start, &transition, &means, &variances)
        })
        .transpose()?;
    let settings = HiddenMarkovFitSettings {
        states,
        iterations,
        tolerance,
        variance_share,
    };
    let fit = py
        .detach(|| regime::fit_hidden_markov(values, dimension, settings, initial.as_ref()))
        .map_err(|e| refused(py, &e))?;
    let parts = fit.model.parts().clone();
    let dict = PyDict::new(py);
    dict.set_item("start", parts.start.into_pyarray(py))?;
    dict.set_item("transition", rows(py, parts.transition, states)?)?;
    dict.set_item("means", rows(py, parts.means, dimension)?)?;
    dict.set_item("variances", rows(py, parts.variances, dimension)?)?;
    dict.set_item("log_likelihoods", fit.log_likelihoods.into_pyarray(py))?;
    dict.set_item("converged", fit.converged)?;
    Ok(dict)
}

/// Filter over emissions of any kind, given by ln p(x | state), one row per observation: filtered probabilities and
/// the log-likelihood of all.
#[pyfunction]
pub fn hidden_markov_filter<'py>(
    py: Python<'py>,
    start: PyReadonlyArray1<'py, f64>,
    transition: PyReadonlyArray2<'py, f64>,
    log_densities: PyReadonlyArray2<'py, f64>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64)> {
    let (filtered, log_likelihood) = regime::hidden_markov_filter(
        slice(py, &start)?,
        matrix(py, &transition)?,
        matrix(py, &log_densities)?,
    )
    .map_err(|e| refused(py, &e))?;
    Ok((rows(py, filtered, start.len())?, log_likelihood))
}

/// Likeliest path of states given all observations, and its log-probability. Looks ahead: for labels, not decisions.
#[pyfunction]
pub fn hidden_markov_path<'py>(
    py: Python<'py>,
    start: PyReadonlyArray1<'py, f64>,
    transition: PyReadonlyArray2<'py, f64>,
    log_densities: PyReadonlyArray2<'py, f64>,
) -> PyResult<(Bound<'py, PyArray1<i64>>, f64)> {
    let (path, log_probability) = regime::viterbi(
        slice(py, &start)?,
        matrix(py, &transition)?,
        matrix(py, &log_densities)?,
    )
    .map_err(|e| refused(py, &e))?;
    let path = PyArray1::from_iter(py, path.iter().map(|state| *state as i64));
    Ok((path, log_probability))
}
