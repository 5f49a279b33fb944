//! The Market side: events in, feature rows out.

use std::sync::Arc;

use aurora_core::book::{BookState, StaleReason};
use aurora_core::features::{
    self, CaptureOptions, Feature, FeatureColumns, FeatureSettings, KernelSettings, MarketState,
    Sampling, FEATURES,
};
use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyType};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::market::{Instrument, MarketBlock};
use crate::{arrow, quality, state};

#[derive(Serialize, Deserialize)]
pub struct FeatureContent {
    pub columns: Arc<FeatureColumns>,
    pub end_ns: i64,
    pub last: bool,
}

/// Sampled features of one instrument in one slice, and the touch changes between them.
///
/// Columns come as numpy copies by attribute (NaN where undefined), or all together through the Arrow C stream
/// interface without copying: `polars.DataFrame(block)` (null where undefined).
#[pyclass(frozen, module = "aurora._core")]
pub struct FeatureBlock {
    pub content: FeatureContent,
}

const BLOCK: &str = "FeatureBlock";

macro_rules! columns {
    ($($name:ident: $kind:ty),* $(,)?) => {
        #[pymethods]
        impl FeatureBlock {
            $(
                #[getter]
                fn $name<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<$kind>> {
                    self.content.columns.$name.to_pyarray(py)
                }
            )*

            /// Names of the columns that were asked for beside the fixed ones.
            #[getter]
            fn extra(&self) -> Vec<&'static str> {
                self.content.columns.extra.iter().map(|feature| feature.name()).collect()
            }

            /// A column that was asked for, by name: NaN where undefined.
            fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
                let columns = &self.content.columns;
                match columns.extra.iter().position(|feature| feature.name() == name) {
                    Some(at) => Ok(columns.extra_columns[at].to_pyarray(py)),
                    None => Err(errors::error(py, errors::Kind::Usage, format!("no column {name:?} was asked for"))),
                }
            }

            /// Why values of a float column are undefined: 0 where there is a value, else the code of a reason, see
            /// `undefined_reasons`.
            fn reasons<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<u8>>> {
                let columns = &self.content.columns;
                let values: &[f64] = match name {
                    "mid" => &columns.mid,
                    "spread_bps" => &columns.spread_bps,
                    "obi_1" => &columns.obi_1,
                    "obi_k" => &columns.obi_k,
                    "weighted_mid" => &columns.weighted_mid,
                    "ofi" => &columns.ofi,
                    "tfi" => &columns.tfi,
                    "realised_volatility" => &columns.realised_volatility,
                    _ => match columns.extra.iter().position(|feature| feature.name() == name) {
                        Some(at) => &columns.extra_columns[at],
                        None => {
                            return Err(errors::error(py, errors::Kind::Usage, format!("no float column {name:?}")))
                        }
                    },
                };
                Ok(PyArray1::from_iter(
                    py,
                    values.iter().map(|value| features::Undefined::of(*value).map_or(0, |reason| reason as u8)),
                ))
            }

            #[getter]
            fn end_ns(&self) -> i64 {
                self.content.end_ns
            }

            #[getter]
            fn last(&self) -> bool {
                self.content.last
            }

            /// Changes of the best prices: local_ns, bid, ask (quanta; zeros where there is no usable touch).
            #[getter]
            fn quotes<'py>(
                &self,
                py: Python<'py>,
            ) -> (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>) {
                let rows = &self.content.columns.quotes;
                let pick = |f: fn(&features::QuoteRow) -> i64| PyArray1::from_iter(py, rows.iter().map(f));
                (pick(|r| r.local_ns), pick(|r| r.bid), pick(|r| r.ask))
            }

            /// Level updates applied to the book, tickers and trades in this block.
            #[getter]
            fn event_count(&self) -> u64 {
                self.content.columns.events
            }

            #[getter]
            fn quote_count(&self) -> usize {
                self.content.columns.quotes.len()
            }

            fn __len__(&self) -> usize {
                self.content.columns.local_ns.len()
            }

            #[pyo3(signature = (requested_schema=None))]
            fn __arrow_c_stream__<'py>(
                &self,
                py: Python<'py>,
                requested_schema: Option<Bound<'py, PyAny>>,
            ) -> PyResult<Bound<'py, PyCapsule>> {
                let _ = requested_schema;
                arrow::stream_capsule(py, &self.content.columns)
            }

            fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
                Ok(PyBytes::new(py, &state::to_bytes(py, BLOCK, &self.content)?))
            }

            #[classmethod]
            fn from_bytes(cls: &Bound<'_, PyType>, data: &[u8]) -> PyResult<FeatureBlock> {
                Ok(FeatureBlock { content: state::from_bytes(cls.py(), BLOCK, data)? })
            }

            fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
                let py = slf.py();
                Ok((py.get_type::<FeatureBlock>().getattr("from_bytes")?, (slf.get().to_bytes(py)?,)))
            }
        }
    };
}

columns! {
    local_ns: i64,
    book_state: u8,
    bid: i64,
    ask: i64,
    bid_size: i64,
    ask_size: i64,
    mid: f64,
    spread_bps: f64,
    obi_1: f64,
    obi_k: f64,
    weighted_mid: f64,
    ofi: f64,
    tfi: f64,
    realised_volatility: f64,
    feature_hash: u64,
}

/// Book and kernels of one instrument.
#[pyclass(module = "aurora._core")]
pub struct MarketCore {
    state: MarketState,
}

const STATE: &str = "MarketCore";

pub fn state_name(state: BookState) -> &'static str {
    match state {
        BookState::Synced => "synced",
        BookState::AwaitingSnapshot => "awaiting_snapshot",
        BookState::Stale(StaleReason::Gap) => "stale_gap",
        BookState::Stale(StaleReason::SnapshotMismatch) => "stale_snapshot_mismatch",
        BookState::Stale(StaleReason::Checksum) => "stale_checksum",
        BookState::Unsynchronised => "unsynchronised",
    }
}

#[pymethods]
impl MarketCore {
    /// Times in nanoseconds; see `aurora.features.FeatureSettings` for meanings and defaults. `clock_offset_ns` is
    /// what was taken off receive times, so that quality can tell them as captured.
    #[new]
    #[pyo3(signature = (instrument, *, sample_ns, depth_levels, trade_flow_half_life_ns, volatility_half_life_ns, volatility_minimum_changes, sampling="grid", extra=None, kernels=None, clock_offset_ns=0, unsynchronised=false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        instrument: &Instrument,
        sample_ns: i64,
        depth_levels: usize,
        trade_flow_half_life_ns: i64,
        volatility_half_life_ns: i64,
        volatility_minimum_changes: u32,
        sampling: &str,
        extra: Option<Vec<String>>,
        kernels: Option<&str>,
        clock_offset_ns: i64,
        unsynchronised: bool,
    ) -> PyResult<MarketCore> {
        let config = |what: String| errors::error(py, errors::Kind::Config, what);
        let sampling = match sampling {
            "grid" => Sampling::Grid,
            "touch" => Sampling::Touch,
            "trade" => Sampling::Trade,
            other => {
                return Err(config(format!(
                    "sampling is {other:?}; it must be grid, touch or trade"
                )))
            }
        };
        let extra = extra
            .unwrap_or_default()
            .iter()
            .map(|name| {
                Feature::of_name(name).ok_or_else(|| {
                    errors::error(
                        py,
                        errors::Kind::Usage,
                        format!("unknown feature {name:?}; see `aurora features list`"),
                    )
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let kernels = match kernels {
            Some(text) => serde_json::from_str(text)
                .map_err(|cause| config(format!("kernel settings: {cause}")))?,
            None => KernelSettings::default(),
        };
        let settings = FeatureSettings {
            sampling,
            extra,
            kernels,
            sample_ns,
            depth_levels,
            trade_flow_half_life_ns,
            volatility_half_life_ns,
            volatility_minimum_changes,
        };
        let options = CaptureOptions {
            clock_offset_ns,
            unsynchronised,
        };
        let state = MarketState::with_options(instrument.inner.clone(), settings, options)
            .map_err(|e| errors::settings(py, &e))?;
        Ok(MarketCore { state })
    }

    /// Takes the next block of the instrument; answers with its feature rows.
    fn process(&mut self, py: Python<'_>, block: &MarketBlock) -> FeatureBlock {
        let content = &block.content;
        let state = &mut self.state;
        let mut run = || state.process(&content.events, content.end_ns, content.last);
        // Handing the GIL over costs more than a small block.
        let columns = if content.events.messages.len() > 500 {
            py.detach(run)
        } else {
            run()
        };
        FeatureBlock {
            content: FeatureContent {
                columns: Arc::new(columns),
                end_ns: content.end_ns,
                last: content.last,
            },
        }
    }

    /// What is wrong with the data so far; `aurora.capture.QualityReport` reads it.
    fn quality<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        quality::quality_dict(py, &self.state.quality(), self.state.instrument())
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &state::to_bytes(py, STATE, &self.state)?))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.state = state::from_bytes(py, STATE, data)?;
        Ok(())
    }
}

/// (name, unit, group, definition and source) of every feature that can be asked for.
#[pyfunction]
pub fn feature_catalogue() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    FEATURES
        .iter()
        .map(|info| (info.name, info.unit, info.group.name(), info.about))
        .collect()
}

/// (code, name) of every reason for an undefined value.
#[pyfunction]
pub fn undefined_reasons() -> Vec<(u8, &'static str)> {
    features::Undefined::ALL
        .into_iter()
        .map(|reason| (reason as u8, reason.name()))
        .collect()
}
