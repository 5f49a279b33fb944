//! Instruments and blocks of market events as Python sees them.

use std::sync::Arc;

use aurora_core::event::{EventBlock, Level, Message, MessageFields, MessageKind};
use aurora_core::instrument;
use aurora_core::units::{format_quanta, power_of_ten, Money};
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyType};
use serde::{Deserialize, Serialize};

use crate::errors::{error, Kind};
use crate::{catalogue, state};

/// An instrument with its quanta and order filters.
#[pyclass(frozen, module = "aurora._core", skip_from_py_object)]
#[derive(Clone)]
pub struct Instrument {
    pub inner: instrument::Instrument,
}

#[pymethods]
impl Instrument {
    /// An instrument by its facts: `tick` and `lot` in quanta, `min_notional` in money quanta.
    #[new]
    #[pyo3(signature = (market, symbol, *, price_exponent, size_exponent, tick, lot, min_notional))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        market: &str,
        symbol: String,
        price_exponent: u8,
        size_exponent: u8,
        tick: i64,
        lot: i64,
        min_notional: i128,
    ) -> PyResult<Instrument> {
        let wrong = |what: String| {
            error(
                py,
                Kind::Data,
                format!("instrument {market}:{symbol}: {what}"),
            )
        };
        let known = instrument::Market::of_name(market)
            .ok_or_else(|| wrong("its market is not known here".into()))?;
        if price_exponent > MOST_DECIMALS || size_exponent > MOST_DECIMALS {
            return Err(wrong(format!("more than {MOST_DECIMALS} decimals")));
        }
        if tick <= 0 || lot <= 0 || min_notional < 0 {
            return Err(wrong(
                "tick and lot must be positive, the minimum notional not negative".into(),
            ));
        }
        Ok(Instrument {
            inner: instrument::Instrument {
                id: instrument::InstrumentId {
                    market: known,
                    symbol,
                },
                price_exponent,
                size_exponent,
                tick,
                lot,
                min_notional: Money(min_notional),
            },
        })
    }

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

/// Powers of ten up to here fit 64 bits.
const MOST_DECIMALS: u8 = 18;

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

fn column<T: Element + Clone>(columns: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    let Some(values) = columns.get_item(name)? else {
        return Err(PyValueError::new_err(format!(
            "the column {name} is missing"
        )));
    };
    let array = values.cast_into::<PyArray1<T>>().map_err(|_| {
        PyValueError::new_err(format!("the column {name} is of another type or shape"))
    })?;
    Ok(array.readonly().as_array().to_vec())
}

fn events_of(columns: &Bound<'_, PyDict>) -> PyResult<EventBlock> {
    let kinds: Vec<u8> = column(columns, "kind")?;
    let flags: Vec<u8> = column(columns, "flags")?;
    let local_ns: Vec<i64> = column(columns, "local_ns")?;
    let exchange_ns: Vec<i64> = column(columns, "exchange_ns")?;
    let first_id: Vec<u64> = column(columns, "first_id")?;
    let last_id: Vec<u64> = column(columns, "last_id")?;
    let previous_id: Vec<u64> = column(columns, "previous_id")?;
    let owner: Vec<i64> = column(columns, "level_message")?;
    let side: Vec<i8> = column(columns, "level_side")?;
    let price: Vec<i64> = column(columns, "level_price")?;
    let size: Vec<i64> = column(columns, "level_size")?;
    let messages = kinds.len();
    let lengths = [
        flags.len(),
        local_ns.len(),
        exchange_ns.len(),
        first_id.len(),
        last_id.len(),
        previous_id.len(),
    ];
    let level_lengths = [side.len(), price.len(), size.len()];
    if lengths.iter().any(|n| *n != messages) || level_lengths.iter().any(|n| *n != owner.len()) {
        return Err(PyValueError::new_err("columns differ in length"));
    }
    if u32::try_from(owner.len()).is_err() {
        return Err(PyValueError::new_err(
            "a block holds at most 2^32 - 1 levels",
        ));
    }
    let mut events = EventBlock::with_capacity(messages, owner.len());
    let levels = price.iter().zip(&size);
    events.levels.extend(levels.map(|(price, size)| Level {
        price: *price,
        size: *size,
    }));
    let mut next = 0usize;
    for (index, number) in (0..messages).zip(0i64..) {
        let mut message = MessageFields {
            local_ns: local_ns[index],
            exchange_ns: exchange_ns[index],
            first_id: first_id[index],
            last_id: last_id[index],
            previous_id: previous_id[index],
            levels_start: next as u32,
            bids: 0,
            asks: 0,
            kind: match kinds[index] {
                0 => MessageKind::Diff,
                1 => MessageKind::Snapshot,
                2 => MessageKind::Ticker,
                3 => MessageKind::Trade,
                other => {
                    return Err(PyValueError::new_err(format!(
                        "message {index} is of no known kind: {other}"
                    )))
                }
            },
            flags: flags[index],
        };
        while next < owner.len() && owner[next] == number {
            match side[next] {
                1 if message.asks == 0 => message.bids += 1,
                -1 => message.asks += 1,
                _ => break,
            }
            next += 1;
        }
        events.push(message);
    }
    if next < owner.len() {
        return Err(PyValueError::new_err(format!(
            "level {next} is out of order: levels follow their messages, bids (1) before asks (-1)"
        )));
    }
    Ok(events)
}

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

    /// Level rows of all messages.
    #[getter]
    fn level_count(&self) -> usize {
        self.content.events.levels.len()
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
        message_column!("first_id", |m: &Message| events.first_id(m));
        message_column!("last_id", |m: &Message| m.last_id());
        message_column!("previous_id", |m: &Message| events.previous_id(m));
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

    /// One row per message, levels as lists: see `from_arrow`.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        catalogue::stream_capsule(py, &self.content.events)
    }

    /// The block of a table of messages: anything with `__arrow_c_stream__`, in the columns that a block exports.
    /// Columns beside them are passed over. With `levels`, a second table holds columns `price` and `size` with one row
    /// per level, in the order of the messages, whose column `levels` says how many are theirs.
    ///
    /// Raises:
    ///     DataError: a column is missing, of another type, or holds what no message can; it is named.
    #[staticmethod]
    #[pyo3(signature = (table, *, levels=None, end_ns, last=false, fault=None))]
    fn from_arrow(
        py: Python<'_>,
        table: &Bound<'_, PyAny>,
        levels: Option<&Bound<'_, PyAny>>,
        end_ns: i64,
        last: bool,
        fault: Option<String>,
    ) -> PyResult<MarketBlock> {
        let events = Arc::new(catalogue::read_tables(py, table, levels)?);
        Ok(MarketBlock {
            content: BlockContent {
                events,
                end_ns,
                last,
                fault,
                bad_lines: (0, Vec::new()),
            },
        })
    }

    /// The events of blocks that follow each other within `[start_ns, end_ns)`, as one block.
    #[staticmethod]
    #[pyo3(signature = (blocks, start_ns, end_ns, *, last=false, fault=None, bad_lines=None))]
    fn gather(
        py: Python<'_>,
        blocks: Vec<Bound<'_, MarketBlock>>,
        start_ns: i64,
        end_ns: i64,
        last: bool,
        fault: Option<String>,
        bad_lines: Option<(u64, Vec<String>)>,
    ) -> MarketBlock {
        let all: Vec<Arc<EventBlock>> = blocks
            .iter()
            .map(|b| Arc::clone(&b.get().content.events))
            .collect();
        let events = py.detach(|| catalogue::gather(&all, start_ns, end_ns));
        MarketBlock {
            content: BlockContent {
                events,
                end_ns,
                last,
                fault,
                bad_lines: bad_lines.unwrap_or_default(),
            },
        }
    }

    /// The inverse of :meth:`columns`: a block of events that were made, not read.
    ///
    /// Raises:
    ///     ValueError: a column is missing, of another type or length, or levels are not in their messages' order.
    #[staticmethod]
    #[pyo3(signature = (columns, *, end_ns, last, fault=None))]
    fn from_columns(
        columns: &Bound<'_, PyDict>,
        end_ns: i64,
        last: bool,
        fault: Option<String>,
    ) -> PyResult<MarketBlock> {
        Ok(MarketBlock {
            content: BlockContent {
                events: Arc::new(events_of(columns)?),
                end_ns,
                last,
                fault,
                bad_lines: (0, Vec::new()),
            },
        })
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
