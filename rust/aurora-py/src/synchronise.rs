//! Events for readers that know no update ids.

use std::sync::Arc;

use aurora_io::Synchroniser;
use pyo3::prelude::*;

use crate::market::{BlockContent, Instrument, MarketBlock};

/// Follows one instrument's book and keeps of its events those that a reader without update ids may apply.
///
/// Diffs that the book did not take are dropped; a snapshot that synchronised it becomes the whole book as it is
/// then.
#[pyclass(module = "aurora._core")]
pub struct BookSynchroniser {
    synchroniser: Synchroniser,
}

#[pymethods]
impl BookSynchroniser {
    #[new]
    fn new(instrument: &Instrument) -> BookSynchroniser {
        BookSynchroniser {
            synchroniser: Synchroniser::new(&instrument.inner),
        }
    }

    /// Diffs that came, whether or not the book took them.
    #[getter]
    fn diffs(&self) -> u64 {
        self.synchroniser.diffs()
    }

    /// Takes the next block of the instrument.
    fn process(&mut self, py: Python<'_>, block: &MarketBlock) -> MarketBlock {
        let content = &block.content;
        let synchroniser = &mut self.synchroniser;
        let events = py.detach(|| synchroniser.process(&content.events));
        MarketBlock {
            content: BlockContent {
                events: Arc::new(events),
                end_ns: content.end_ns,
                last: content.last,
                fault: content.fault.clone(),
                bad_lines: content.bad_lines.clone(),
            },
        }
    }
}
