//! Blocks as Arrow tables and back: the ground of the catalogue.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt32Type, UInt64Type, UInt8Type};
use arrow_array::{
    Array, ArrayRef, Int64Array, LargeListArray, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchIterator,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use aurora_core::event::{EventBlock, Level, Message, MessageFields, MessageKind};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{error, Kind};

const STREAM: &std::ffi::CStr = c"arrow_array_stream";
const KINDS: [MessageKind; 4] = [
    MessageKind::Diff,
    MessageKind::Snapshot,
    MessageKind::Ticker,
    MessageKind::Trade,
];

fn ints<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// One row per message, levels as lists: bids, then asks.
fn record_batch(events: &EventBlock) -> Result<RecordBatch, ArrowError> {
    let messages = &events.messages;
    let mut offsets = Vec::with_capacity(messages.len() + 1);
    let mut prices = Vec::with_capacity(events.levels.len());
    let mut sizes = Vec::with_capacity(events.levels.len());
    offsets.push(0i64);
    for message in messages {
        for level in events.bids(message).iter().chain(events.asks(message)) {
            prices.push(level.price);
            sizes.push(level.size);
        }
        offsets.push(prices.len() as i64);
    }
    let item = Arc::new(Field::new("item", DataType::Int64, false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let lists = |values: Vec<i64>| -> Result<ArrayRef, ArrowError> {
        let values = Arc::new(Int64Array::new(ScalarBuffer::from(values), None));
        let list = LargeListArray::try_new(Arc::clone(&item), offsets.clone(), values, None)?;
        Ok(Arc::new(list))
    };
    let columns = [
        (
            "local_ns",
            ints::<Int64Type>(messages.iter().map(|m| m.local_ns)),
        ),
        (
            "exchange_ns",
            ints::<Int64Type>(messages.iter().map(|m| m.exchange_ns)),
        ),
        (
            "kind",
            ints::<UInt8Type>(messages.iter().map(|m| m.kind as u8)),
        ),
        ("flags", ints::<UInt8Type>(messages.iter().map(|m| m.flags))),
        (
            "first_id",
            ints::<UInt64Type>(messages.iter().map(|m| events.first_id(m))),
        ),
        (
            "last_id",
            ints::<UInt64Type>(messages.iter().map(|m| m.last_id())),
        ),
        (
            "previous_id",
            ints::<UInt64Type>(messages.iter().map(|m| events.previous_id(m))),
        ),
        ("bids", ints::<UInt32Type>(messages.iter().map(|m| m.bids))),
        ("price", lists(prices)?),
        ("size", lists(sizes)?),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), false))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// The Arrow PyCapsule of a stream with one batch.
pub fn stream_capsule<'py>(
    py: Python<'py>,
    events: &Arc<EventBlock>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let batch = py.detach(|| record_batch(events)).map_err(|cause| {
        error(
            py,
            Kind::Data,
            format!("events cannot be exported: {cause}"),
        )
    })?;
    let schema = batch.schema();
    let reader = RecordBatchIterator::new([Ok(batch)], schema);
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, String> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| format!("column {name} is missing"))?;
    if column.null_count() > 0 {
        return Err(format!("column {name} holds nulls"));
    }
    Ok(column)
}

fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], String> {
    let column = column(batch, name)?;
    let array = column
        .as_any()
        .downcast_ref::<PrimitiveArray<T>>()
        .ok_or_else(|| wrong_type(name, &T::DATA_TYPE.to_string(), column.data_type()))?;
    Ok(array.values())
}

fn wrong_type(name: &str, expected: &str, found: &DataType) -> String {
    format!("column {name} is {found}, expected {expected}")
}

/// A column of lists of integers, whichever width its offsets have.
struct Lists<'a> {
    name: &'a str,
    offsets: Offsets<'a>,
    values: &'a [i64],
}

enum Offsets<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
}

impl<'a> Lists<'a> {
    fn of(batch: &'a RecordBatch, name: &'a str) -> Result<Lists<'a>, String> {
        let column = column(batch, name)?;
        let wrong = || wrong_type(name, "a list of Int64", column.data_type());
        let any = column.as_any();
        let (offsets, values) = if let Some(list) = any.downcast_ref::<LargeListArray>() {
            (Offsets::Large(list.value_offsets()), list.values())
        } else if let Some(list) = any.downcast_ref::<ListArray>() {
            (Offsets::Small(list.value_offsets()), list.values())
        } else {
            return Err(wrong());
        };
        let values: &Int64Array = values.as_any().downcast_ref().ok_or_else(wrong)?;
        if values.null_count() > 0 {
            return Err(format!("column {name} holds nulls in its lists"));
        }
        Ok(Lists {
            name,
            offsets,
            values: values.values(),
        })
    }

    fn row(&self, row: usize) -> Result<&'a [i64], String> {
        let range: Option<Range<usize>> = match self.offsets {
            Offsets::Small(o) => (usize::try_from(o[row]).ok())
                .zip(usize::try_from(o[row + 1]).ok())
                .map(|(start, end)| start..end),
            Offsets::Large(o) => (usize::try_from(o[row]).ok())
                .zip(usize::try_from(o[row + 1]).ok())
                .map(|(start, end)| start..end),
        };
        range
            .and_then(|range| self.values.get(range))
            .ok_or_else(|| {
                format!(
                    "column {} has offsets beyond its values in row {row}",
                    self.name
                )
            })
    }
}

fn level(price: i64, size: i64) -> Result<Level, String> {
    if price < 0 || size < 0 {
        let name = if price < 0 { "price" } else { "size" };
        return Err(format!("column {name} is negative"));
    }
    Ok(Level { price, size })
}

/// Appends a batch of level rows.
///
/// # Errors
/// A sentence that names the column.
fn append_levels(levels: &mut Vec<Level>, batch: &RecordBatch) -> Result<(), String> {
    let price = numbers::<Int64Type>(batch, "price")?;
    let size = numbers::<Int64Type>(batch, "size")?;
    levels.reserve(price.len());
    for (&price, &size) in price.iter().zip(size) {
        levels.push(level(price, size)?);
    }
    Ok(())
}

/// Where the levels of messages come from.
enum LevelSource<'a> {
    Lists(Lists<'a>, Lists<'a>),
    /// The block holds them already; the column says how many belong to each message.
    Counts(&'a [u32]),
}

/// Appends a batch of messages to a block. `taken`: level rows that belong to messages before; None where levels come
/// as lists.
///
/// # Errors
/// A sentence that names the column.
fn append(
    events: &mut EventBlock,
    batch: &RecordBatch,
    taken: &mut Option<usize>,
) -> Result<(), String> {
    let local_ns = numbers::<Int64Type>(batch, "local_ns")?;
    let exchange_ns = numbers::<Int64Type>(batch, "exchange_ns")?;
    let kind = numbers::<UInt8Type>(batch, "kind")?;
    let flags = numbers::<UInt8Type>(batch, "flags")?;
    let first_id = numbers::<UInt64Type>(batch, "first_id")?;
    let last_id = numbers::<UInt64Type>(batch, "last_id")?;
    let previous_id = numbers::<UInt64Type>(batch, "previous_id")?;
    let bids = numbers::<UInt32Type>(batch, "bids")?;
    let source = if taken.is_some() {
        LevelSource::Counts(numbers::<UInt32Type>(batch, "levels")?)
    } else {
        LevelSource::Lists(Lists::of(batch, "price")?, Lists::of(batch, "size")?)
    };
    events.messages.reserve(batch.num_rows());
    let mut previous_ns = events.messages.last().map_or(i64::MIN, |m| m.local_ns);
    for row in 0..batch.num_rows() {
        let start = taken.unwrap_or(events.levels.len());
        let count = match &source {
            LevelSource::Counts(counts) => counts[row] as usize,
            LevelSource::Lists(price, size) => {
                let (prices, sizes) = (price.row(row)?, size.row(row)?);
                if sizes.len() != prices.len() {
                    let (n, m) = (sizes.len(), prices.len());
                    return Err(format!(
                        "column size has {n} levels in row {row}, column price {m}"
                    ));
                }
                for (&price, &size) in prices.iter().zip(sizes) {
                    events.levels.push(level(price, size)?);
                }
                prices.len()
            }
        };
        let end = start + count;
        if end > events.levels.len() {
            return Err(format!(
                "column levels counts more rows than there are, in row {row}"
            ));
        }
        if u32::try_from(end).is_err() {
            return Err("column price has more levels than one block holds".into());
        }
        if let Some(taken) = taken {
            *taken = end;
        }
        let kind = *KINDS.get(kind[row] as usize).ok_or_else(|| {
            format!(
                "column kind is {} in row {row}, known are 0 to 3",
                kind[row]
            )
        })?;
        if bids[row] as usize > count {
            return Err(format!(
                "column bids is {} in row {row} of {count} levels",
                bids[row]
            ));
        }
        if local_ns[row] < previous_ns {
            return Err(format!("column local_ns runs backwards in row {row}"));
        }
        previous_ns = local_ns[row];
        events.push(MessageFields {
            local_ns: local_ns[row],
            exchange_ns: exchange_ns[row],
            first_id: first_id[row],
            last_id: last_id[row],
            previous_id: previous_id[row],
            levels_start: start as u32,
            bids: bids[row],
            asks: count as u32 - bids[row],
            kind,
            flags: flags[row],
        });
    }
    Ok(())
}

fn refuse(py: Python<'_>, what: String) -> PyErr {
    error(
        py,
        Kind::Data,
        format!("not a table of market messages: {what}"),
    )
}

fn reader(py: Python<'_>, table: &Bound<'_, PyAny>) -> PyResult<ArrowArrayStreamReader> {
    let capsule = table
        .getattr("__arrow_c_stream__")
        .map_err(|_| refuse(py, format!("{} exports no Arrow stream", table.get_type())))?
        .call0()?
        .cast_into::<PyCapsule>()
        .map_err(PyErr::from)?;
    let pointer = capsule.pointer_checked(Some(STREAM))?;
    // SAFETY: a capsule of that name holds an ArrowArrayStream by the Arrow PyCapsule interface; the reader moves it out
    // and leaves it marked as released, which the capsule's destructor respects.
    unsafe { ArrowArrayStreamReader::from_raw(pointer.as_ptr().cast()) }
        .map_err(|cause| refuse(py, cause.to_string()))
}

/// Reads messages, and their levels where those are a table of their own, from anything that exports Arrow streams.
pub fn read_tables(
    py: Python<'_>,
    messages: &Bound<'_, PyAny>,
    levels: Option<&Bound<'_, PyAny>>,
) -> PyResult<EventBlock> {
    let messages = reader(py, messages)?;
    let levels = levels.map(|levels| reader(py, levels)).transpose()?;
    py.detach(|| {
        let mut events = EventBlock::default();
        let mut taken = levels.is_some().then_some(0);
        for batch in levels.into_iter().flatten() {
            append_levels(
                &mut events.levels,
                &batch.map_err(|cause| cause.to_string())?,
            )?;
        }
        for batch in messages {
            let batch = batch.map_err(|cause| cause.to_string())?;
            append(&mut events, &batch, &mut taken)?;
        }
        if taken.is_some_and(|taken| taken < events.levels.len()) {
            return Err("column levels counts fewer rows than there are".to_owned());
        }
        events.shrink_to_fit();
        Ok(events)
    })
    .map_err(|what| refuse(py, what))
}

/// The events of blocks that follow each other with `start_ns <= local time < end_ns`.
pub fn gather(blocks: &[Arc<EventBlock>], start_ns: i64, end_ns: i64) -> Arc<EventBlock> {
    let within = |block: &EventBlock| {
        let start = block.messages.partition_point(|m| m.local_ns < start_ns);
        let end = block.messages.partition_point(|m| m.local_ns < end_ns);
        start..end.max(start)
    };
    if let [only] = blocks {
        if within(only) == (0..only.messages.len()) {
            return Arc::clone(only);
        }
    }
    let chosen: Vec<Range<usize>> = blocks.iter().map(|b| within(b)).collect();
    let parts = || blocks.iter().zip(&chosen);
    let rows = |m: &Message| m.bids as usize + m.asks as usize;
    let levels = |(b, chosen): (&Arc<EventBlock>, &Range<usize>)| -> usize {
        b.messages[chosen.clone()].iter().map(rows).sum()
    };
    let messages = chosen.iter().map(ExactSizeIterator::len).sum();
    let mut events = EventBlock::with_capacity(messages, parts().map(levels).sum());
    for (block, chosen) in parts() {
        events.extend_from(block, chosen.clone());
    }
    Arc::new(events)
}
