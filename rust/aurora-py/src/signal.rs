//! Learning kernels: lead-lag, regression, logistic score, calibration.

use aurora_core::signal::{
    self, KalmanSlopeSettings, KernelError, LeadLagModelSettings, LeadLagSettings, Link,
    LinkVerdict, Readiness, SlopeMethod,
};
use numpy::{PyArray1, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::{error, Kind};
use crate::state;

pub fn kernel(py: Python<'_>, cause: &KernelError) -> PyErr {
    match cause {
        KernelError::Setting { .. } => error(py, Kind::Config, cause.to_string()),
        KernelError::Input { .. } | KernelError::Length { .. } | KernelError::Fit { .. } => {
            error(py, Kind::Data, cause.to_string())
        }
    }
}

pub fn slice<'a, T: numpy::Element>(
    py: Python<'_>,
    array: &'a PyReadonlyArray1<'_, T>,
) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|cause| {
        error(
            py,
            Kind::Data,
            format!("an input column is not contiguous: {cause}"),
        )
    })
}

fn verdict(verdict: LinkVerdict) -> &'static str {
    match verdict {
        LinkVerdict::Significant => "significant",
        LinkVerdict::TooFewChanges => "too_few_changes",
        LinkVerdict::NoVariation => "no_variation",
        LinkVerdict::WeakCorrelation => "weak_correlation",
        LinkVerdict::WithinNoise => "within_noise",
        LinkVerdict::NotLeading => "not_leading",
        LinkVerdict::UnstablePeak => "unstable_peak",
    }
}

fn link_dict<'py>(py: Python<'py>, link: &Link) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("lag_ns", link.lag_ns)?;
    dict.set_item("correlation", link.correlation)?;
    dict.set_item("lead_lag_ratio", link.lead_lag_ratio)?;
    dict.set_item("noise", link.noise)?;
    dict.set_item("significant", link.significant)?;
    dict.set_item("verdict", verdict(link.verdict))?;
    dict.set_item("n_leader", link.n_leader)?;
    dict.set_item("n_follower", link.n_follower)?;
    Ok(dict)
}

/// Why a sample of [`LeadLagModel`] has no prediction, by the code in its `reason` column.
#[pyfunction]
pub fn readiness_names() -> Vec<(u8, &'static str)> {
    [
        (Readiness::Ready, "ready"),
        (Readiness::NoLink, "no_link"),
        (Readiness::LinkNotSignificant, "link_not_significant"),
        (Readiness::HorizonTooLong, "horizon_too_long"),
        (Readiness::LeaderMissing, "leader_missing"),
        (Readiness::HistoryTooShort, "history_too_short"),
        (Readiness::FollowerMissing, "follower_missing"),
        (Readiness::BetaWarmingUp, "beta_warming_up"),
        (Readiness::StandardiserWarmingUp, "standardiser_warming_up"),
        (Readiness::LogisticWarmingUp, "logistic_warming_up"),
    ]
    .into_iter()
    .map(|(code, name)| (code as u8, name))
    .collect()
}

/// One follower of one leader: link by Hayashi-Yoshida, beta by recursive least squares or Kalman filter, online
/// logistic score.
#[pyclass(module = "aurora._core")]
pub struct LeadLagModel {
    model: signal::LeadLagModel,
}

const STATE: &str = "LeadLagModel";

#[pymethods]
impl LeadLagModel {
    /// Meanings and defaults: `aurora.engines.LeadLagSettings`.
    #[new]
    #[pyo3(signature = (*, sample_ns, window_ns, max_lag_ns, step_ns, min_changes, max_changes, significance,
        min_correlation, require_stable_peak, forgetting, min_updates, logistic_rate, logistic_l2, standardiser_half_life,
        standardiser_warm_up, max_horizon_ns, kalman=None, decay_half_life=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        sample_ns: i64,
        window_ns: i64,
        max_lag_ns: i64,
        step_ns: i64,
        min_changes: usize,
        max_changes: usize,
        significance: f64,
        min_correlation: f64,
        require_stable_peak: bool,
        forgetting: f64,
        min_updates: u64,
        logistic_rate: f64,
        logistic_l2: f64,
        standardiser_half_life: f64,
        standardiser_warm_up: u64,
        max_horizon_ns: i64,
        kalman: Option<(f64, f64)>,
        decay_half_life: Option<f64>,
    ) -> PyResult<LeadLagModel> {
        let slope = kalman.map_or(
            SlopeMethod::LeastSquares,
            |(process_variance, observation_variance)| {
                SlopeMethod::Kalman(KalmanSlopeSettings {
                    process_variance,
                    observation_variance,
                })
            },
        );
        let model = signal::LeadLagModel::new(LeadLagModelSettings {
            sample_ns,
            estimator: LeadLagSettings {
                window_ns,
                max_lag_ns,
                step_ns,
                min_changes,
                max_changes,
                significance,
                min_correlation,
                require_stable_peak,
            },
            forgetting,
            min_updates,
            logistic_rate,
            logistic_l2,
            standardiser_half_life,
            standardiser_warm_up,
            max_horizon_ns,
            slope,
            decay_half_life,
        })
        .map_err(|e| kernel(py, &e))?;
        Ok(LeadLagModel { model })
    }

    /// Mid changes of the leader: times (ns, rising) and prices.
    fn push_leader_quotes(
        &mut self,
        py: Python<'_>,
        local_ns: PyReadonlyArray1<'_, i64>,
        mids: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<()> {
        self.model
            .push_leader_quotes(slice(py, &local_ns)?, slice(py, &mids)?)
            .map_err(|e| kernel(py, &e))
    }

    /// Mid changes of the follower: times (ns, rising) and prices.
    fn push_follower_quotes(
        &mut self,
        py: Python<'_>,
        local_ns: PyReadonlyArray1<'_, i64>,
        mids: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<()> {
        self.model
            .push_follower_quotes(slice(py, &local_ns)?, slice(py, &mids)?)
            .map_err(|e| kernel(py, &e))
    }

    /// Estimates the link anew from quotes up to `now_ns`.
    fn refit<'py>(&mut self, py: Python<'py>, now_ns: i64) -> PyResult<Bound<'py, PyDict>> {
        let model = &mut self.model;
        let link = py
            .detach(|| model.refit(now_ns))
            .map_err(|e| kernel(py, &e))?;
        link_dict(py, &link)
    }

    /// The last link, or None before the first refit.
    #[getter]
    fn link<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.model
            .link()
            .map(|link| link_dict(py, link))
            .transpose()
    }

    /// Runs over grid samples in time order; NaN is missing. Columns: ready, reason, score, predicted_bps, beta,
    /// beta_t, leader_return_bps (NaN where undefined), horizon_ns (0 where undefined).
    #[allow(clippy::too_many_arguments)]
    fn steps<'py>(
        &mut self,
        py: Python<'py>,
        local_ns: PyReadonlyArray1<'_, i64>,
        leader_mid: PyReadonlyArray1<'_, f64>,
        follower_mid: PyReadonlyArray1<'_, f64>,
        own: [PyReadonlyArray1<'_, f64>; 4],
    ) -> PyResult<Bound<'py, PyDict>> {
        let own_slices = [
            slice(py, &own[0])?,
            slice(py, &own[1])?,
            slice(py, &own[2])?,
            slice(py, &own[3])?,
        ];
        let columns = self
            .model
            .steps(
                slice(py, &local_ns)?,
                slice(py, &leader_mid)?,
                slice(py, &follower_mid)?,
                own_slices,
            )
            .map_err(|e| kernel(py, &e))?;
        let dict = PyDict::new(py);
        dict.set_item("ready", columns.ready.to_pyarray(py))?;
        dict.set_item("reason", columns.reason.to_pyarray(py))?;
        dict.set_item("score", columns.score.to_pyarray(py))?;
        dict.set_item("predicted_bps", columns.predicted_bps.to_pyarray(py))?;
        dict.set_item("beta", columns.beta.to_pyarray(py))?;
        dict.set_item("beta_t", columns.beta_t.to_pyarray(py))?;
        dict.set_item(
            "leader_return_bps",
            columns.leader_return_bps.to_pyarray(py),
        )?;
        dict.set_item("horizon_ns", columns.horizon_ns.to_pyarray(py))?;
        Ok(dict)
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &state::to_bytes(py, STATE, &self.model)?))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.model = state::from_bytes(py, STATE, data)?;
        Ok(())
    }
}

/// Two float columns.
type ColumnPair<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// Hayashi-Yoshida covariance and correlation of two log-price series at each lag; positive lag: the first leads.
#[pyfunction]
pub fn hayashi_yoshida_curve<'py>(
    py: Python<'py>,
    tx: PyReadonlyArray1<'_, i64>,
    x: PyReadonlyArray1<'_, f64>,
    ty: PyReadonlyArray1<'_, i64>,
    y: PyReadonlyArray1<'_, f64>,
    lags_ns: PyReadonlyArray1<'_, i64>,
) -> PyResult<ColumnPair<'py>> {
    let columns = (
        slice(py, &tx)?,
        slice(py, &x)?,
        slice(py, &ty)?,
        slice(py, &y)?,
        slice(py, &lags_ns)?,
    );
    let curve = py
        .detach(|| {
            signal::hayashi_yoshida_curve(columns.0, columns.1, columns.2, columns.3, columns.4)
        })
        .map_err(|e| kernel(py, &e))?;
    let covariance = PyArray1::from_iter(py, curve.iter().map(|e| e.covariance));
    let correlation =
        PyArray1::from_iter(py, curve.iter().map(|e| e.correlation.unwrap_or(f64::NAN)));
    Ok((covariance, correlation))
}

/// Path of beta of a regression through the origin with forgetting, after each (x, y).
#[pyfunction]
pub fn recursive_least_squares<'py>(
    py: Python<'py>,
    x: PyReadonlyArray1<'_, f64>,
    y: PyReadonlyArray1<'_, f64>,
    forgetting: f64,
    initial_covariance: f64,
    maximum_covariance: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let mut kernel_state =
        signal::RecursiveLeastSquares::new(forgetting, initial_covariance, maximum_covariance)
            .map_err(|e| kernel(py, &e))?;
    let mut path = Vec::with_capacity(x.len()?);
    for (x, y) in slice(py, &x)?.iter().zip(slice(py, &y)?) {
        kernel_state.update(*x, *y).map_err(|e| kernel(py, &e))?;
        path.push(kernel_state.beta());
    }
    Ok(path.to_pyarray(py))
}

/// Platt's sigmoid p = 1 / (1 + exp(a·s + b)), fitted by Newton's method (Lin, Lin, Weng 2007).
#[pyfunction]
#[pyo3(signature = (scores, labels, smoothed=true))]
pub fn platt_fit(
    py: Python<'_>,
    scores: PyReadonlyArray1<'_, f64>,
    labels: PyReadonlyArray1<'_, bool>,
    smoothed: bool,
) -> PyResult<(f64, f64)> {
    let columns = (slice(py, &scores)?, slice(py, &labels)?);
    let platt = py
        .detach(|| signal::PlattScaler::fit(columns.0, columns.1, smoothed))
        .map_err(|e| kernel(py, &e))?;
    Ok((platt.a, platt.b))
}

/// Probabilities of a fitted sigmoid at the scores.
#[pyfunction]
pub fn platt_probability<'py>(
    py: Python<'py>,
    a: f64,
    b: f64,
    scores: PyReadonlyArray1<'_, f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let platt = signal::Platt { a, b };
    let mut out = Vec::with_capacity(scores.len()?);
    for score in slice(py, &scores)? {
        out.push(platt.probability(*score).map_err(|e| kernel(py, &e))?);
    }
    Ok(out.to_pyarray(py))
}
