//! Fits of the features that need one.

use aurora_core::features::{self, MicropriceBuckets};
use pyo3::prelude::*;

use crate::errors::{error, Kind};
use crate::market::{Instrument, MarketBlock};

/// Gathers what the microprice table and the weights of the integrated flow are fitted from.
#[pyclass(module = "aurora._core")]
pub struct FeatureFit {
    fit: features::FeatureFit,
}

#[pymethods]
impl FeatureFit {
    /// `imbalance_buckets` × `spread_buckets` states of the touch; flows are read every `sample_ns`.
    #[new]
    #[pyo3(signature = (instrument, *, imbalance_buckets=9, spread_buckets=2, sample_ns=100_000_000))]
    fn new(
        py: Python<'_>,
        instrument: &Instrument,
        imbalance_buckets: usize,
        spread_buckets: usize,
        sample_ns: i64,
    ) -> PyResult<FeatureFit> {
        let buckets = MicropriceBuckets::new(imbalance_buckets, spread_buckets)
            .map_err(|cause| error(py, Kind::Usage, cause.to_string()))?;
        Ok(FeatureFit {
            fit: features::FeatureFit::new(&instrument.inner, buckets, sample_ns),
        })
    }

    /// Takes the next block of the instrument.
    fn process(&mut self, py: Python<'_>, block: &MarketBlock) {
        let fit = &mut self.fit;
        py.detach(|| fit.process(&block.content.events));
    }

    /// (transitions between touches, those of them that moved the mid).
    fn transitions(&self) -> (u64, u64) {
        self.fit.transitions()
    }

    /// Rows of level flows so far.
    fn rows(&self) -> u64 {
        self.fit.rows()
    }

    /// The microprice table as JSON; states left fewer than `minimum_visits` times get no adjustment.
    #[pyo3(signature = (minimum_visits=50))]
    fn microprice(&self, py: Python<'_>, minimum_visits: u64) -> PyResult<String> {
        let table = self
            .fit
            .microprice(minimum_visits)
            .map_err(|cause| error(py, Kind::Data, format!("microprice: {cause}")))?;
        serde_json::to_string(&table).map_err(|cause| error(py, Kind::Data, cause.to_string()))
    }

    /// The weights of the integrated flow as JSON, and the share of variance that they explain.
    #[pyo3(signature = (minimum_rows=100))]
    fn integrated_ofi(&self, py: Python<'_>, minimum_rows: u64) -> PyResult<(String, f64)> {
        let component = self
            .fit
            .integrated(minimum_rows)
            .map_err(|cause| error(py, Kind::Data, format!("integrated_ofi: {cause}")))?;
        let text = serde_json::to_string(&component.weights)
            .map_err(|cause| error(py, Kind::Data, cause.to_string()))?;
        Ok((text, component.explained))
    }
}
