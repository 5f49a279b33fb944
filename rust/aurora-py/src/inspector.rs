//! What blocks of one instrument hold.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::capture::report_dict;
use crate::market::{BlockContent, Instrument, MarketBlock};

/// Book and counts of one instrument, from blocks pushed in order.
#[pyclass(module = "aurora._core")]
pub struct MarketInspector {
    inspector: aurora_io::Inspector,
}

#[pymethods]
impl MarketInspector {
    /// `clock_offset_ns` is what was taken off receive times, so that quality can tell them as
    /// captured; `unsynchronised` reads the book without waiting for a snapshot.
    #[new]
    #[pyo3(signature = (instrument, *, clock_offset_ns=0, unsynchronised=false))]
    fn new(instrument: &Instrument, clock_offset_ns: i64, unsynchronised: bool) -> MarketInspector {
        MarketInspector {
            inspector: aurora_io::Inspector::new(
                instrument.inner.clone(),
                clock_offset_ns,
                unsynchronised,
            ),
        }
    }

    fn push(&mut self, py: Python<'_>, block: &MarketBlock) {
        let inspector = &mut self.inspector;
        py.detach(|| inspector.push(&block.content.events));
    }

    /// Whether the book is synchronised.
    #[getter]
    fn synced(&self) -> bool {
        self.inspector.book().state().is_synced()
    }

    /// The counts so far, as `inspect_capture` gives them; what only the stream knows is zero or empty.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report_dict(py, &self.inspector.report())
    }

    /// Messages at `local_ns` that bring a new book to where this one stands.
    fn carried(&self, local_ns: i64) -> MarketBlock {
        MarketBlock {
            content: BlockContent {
                events: Arc::new(self.inspector.carried(local_ns)),
                end_ns: local_ns.saturating_add(1),
                last: false,
                fault: None,
                bad_lines: Default::default(),
            },
        }
    }
}
