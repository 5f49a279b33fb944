//! Instruments and blocks of market events as Python sees them.

use std::sync::Arc;

use aurora_core::event::{EventBlock, Level, Message};
use aurora_core::instrument;
use aurora_core::units::{format_quanta, power_of_ten};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyType};
use serde::{Deserialize, Serialize};

use crate::state;

/// An instrument with its quanta and order filters.
#[pyclass(frozen, module = "aurora._core", skip_from_py_object)]
#[derive(Clone)]
pub struct Instrument {
    pub inner: instrument::Instrument,
}

#[pymethods]
impl Instrument {
    /// Key such as `binance_usdm:BTCUSDT`.
    #[getter]
    fn key(&self) -> String {
        self.inner.id.to_string()
    }

    #[getter]
    fn market(&self) -> &'static str {
        self.inner.id.market.name()
    }

    #[getter]
    fn symbol(&self) -> &str {
        &self.inner.id.symbol
    }

    #[getter]
    fn price_exponent(&self) -> u8 {
        self.inner.price_exponent
    }

    #[getter]
    fn size_exponent(&self) -> u8 {
        self.inner.size_exponent
    }

    #[getter]
    fn tick(&self) -> i64 {
        self.inner.tick
    }

    #[getter]
    fn lot(&self) -> i64 {
        self.inner.lot
    }

    #[getter]
    fn min_notional(&self) -> i128 {
        self.inner.min_notional.0
    }

    #[getter]
    fn is_inverse(&self) -> bool {
        self.inner.id.is_inverse()
    }

    #[getter]
    fn price_scale(&self) -> i64 {
        power_of_ten(self.inner.price_exponent)
    }

    #[getter]
    fn size_scale(&self) -> i64 {
        power_of_ten(self.inner.size_exponent)
    }

    fn format_price(&self, quanta: i64) -> String {
        format_quanta(quanta, self.inner.price_exponent)
    }

    fn format_size(&self, quanta: i64) -> String {
        format_quanta(quanta, self.inner.size_exponent)
    }

    fn __repr__(&self) -> String {
        format!(
            "Instrument({}, tick {}, lot {})",
            self.inner.id,
            self.format_price(self.inner.tick),
            self.format_size(self.inner.lot)
        )
    }
}

#[derive(Serialize, Deserialize)]
pub struct BlockContent {
    pub events: Arc<EventBlock>,
    pub end_ns: i64,
    pub last: bool,
    pub fault: Option<String>,
    /// Records of the whole stream passed over because they could not be read, and the first of them as text; in
    /// the last block only.
    pub bad_lines: (u64, Vec<String>),
}

/// Decoded events of one instrument in one slice. Crosses process borders as plain bytes.
#[pyclass(frozen, module = "aurora._core")]
pub struct MarketBlock {
    pub content: BlockContent,
}

const BLOCK: &str = "MarketBlock";

#[pymethods]
impl MarketBlock {
    /// End of the slice, of the stream in its last block; local nanoseconds, events lie before it.
    #[getter]
    fn end_ns(&self) -> i64 {
        self.content.end_ns
    }

    /// Nothing follows from this instrument's stream.
    #[getter]
    fn last(&self) -> bool {
        self.content.last
    }

    /// Why reading stopped behind this block's events, with file and line.
    #[getter]
    fn fault(&self) -> Option<&str> {
        self.content.fault.as_deref()
    }

    /// (records of the whole stream passed over because they could not be read, the first of them as text); told by
    /// the last block.
    #[getter]
    fn bad_lines(&self) -> (u64, Vec<String>) {
        self.content.bad_lines.clone()
    }

    /// Local time of the last event; None in an empty block.
    #[getter]
    fn last_event_ns(&self) -> Option<i64> {
        self.content.events.messages.last().map(|m| m.local_ns)
    }

    /// Local time of the first event; None in an empty block.
    #[getter]
    fn first_event_ns(&self) -> Option<i64> {
        self.content.events.messages.first().map(|m| m.local_ns)
    }

    fn __len__(&self) -> usize {
        self.content.events.messages.len()
    }

    /// The events as numpy columns. One entry a message: `kind` (0 diff, 1 snapshot, 2 ticker, 3 trade), `flags`,
    /// `local_ns`, `exchange_ns`, `first_id`, `last_id`, `previous_id`. One entry a level, message by message, bids
    /// first: `level_message` (its message's number in this block), `level_side` (1 bid, -1 ask; a trade is one
    /// bid), `level_price` and `level_size` (quanta).
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let events = &self.content.events;
        let messages = &events.messages;
        let dict = PyDict::new(py);
        macro_rules! message_column {
            ($name:literal, $field:expr) => {
                dict.set_item($name, PyArray1::from_iter(py, messages.iter().map($field)))?;
            };
        }
        message_column!("kind", |m: &Message| m.kind as u8);
        message_column!("flags", |m: &Message| m.flags);
        message_column!("local_ns", |m: &Message| m.local_ns);
        message_column!("exchange_ns", |m: &Message| m.exchange_ns);
        message_column!("first_id", |m: &Message| m.first_id);
        message_column!("last_id", |m: &Message| m.last_id);
        message_column!("previous_id", |m: &Message| m.previous_id);
        let levels = || {
            messages.iter().zip(0i64..).flat_map(|(message, number)| {
                let side = move |side: i8| move |level: &Level| (number, side, *level);
                let bids = events.bids(message).iter().map(side(1));
                bids.chain(events.asks(message).iter().map(side(-1)))
            })
        };
        dict.set_item(
            "level_message",
            PyArray1::from_iter(py, levels().map(|row| row.0)),
        )?;
        dict.set_item(
            "level_side",
            PyArray1::from_iter(py, levels().map(|row| row.1)),
        )?;
        dict.set_item(
            "level_price",
            PyArray1::from_iter(py, levels().map(|row| row.2.price)),
        )?;
        dict.set_item(
            "level_size",
            PyArray1::from_iter(py, levels().map(|row| row.2.size)),
        )?;
        Ok(dict)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            &state::to_bytes(py, BLOCK, &self.content)?,
        ))
    }

    #[classmethod]
    fn from_bytes(cls: &Bound<'_, PyType>, data: &[u8]) -> PyResult<MarketBlock> {
        Ok(MarketBlock {
            content: state::from_bytes(cls.py(), BLOCK, data)?,
        })
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let py = slf.py();
        Ok((
            py.get_type::<MarketBlock>().getattr("from_bytes")?,
            (slf.get().to_bytes(py)?,),
        ))
    }
}
