//! Feature columns as an Arrow stream that shares their memory.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type, UInt64Type, UInt8Type};
use arrow_array::{ArrayRef, PrimitiveArray, RecordBatch, RecordBatchIterator};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use aurora_core::features::FeatureColumns;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{error, Kind};

fn column<T: ArrowPrimitiveType>(
    owner: &Arc<FeatureColumns>,
    values: &[T::Native],
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let bytes = std::mem::size_of_val(values);
    let pointer = NonNull::from(values).cast::<u8>();
    // SAFETY: the pointer covers `bytes` initialised bytes of a column that `owner` keeps alive and never changes.
    let buffer = unsafe { Buffer::from_custom_allocation(pointer, bytes, Arc::clone(owner) as _) };
    Arc::new(PrimitiveArray::<T>::new(
        ScalarBuffer::new(buffer, 0, values.len()),
        nulls,
    ))
}

fn nullable(owner: &Arc<FeatureColumns>, values: &[f64]) -> ArrayRef {
    let mut valid = BooleanBufferBuilder::new(values.len());
    values.iter().for_each(|v| valid.append(!v.is_nan()));
    column::<Float64Type>(owner, values, Some(NullBuffer::new(valid.finish())))
}

/// Quanta columns are zero where there is no touch; as a table they are null there.
fn nullable_quanta(owner: &Arc<FeatureColumns>, values: &[i64]) -> ArrayRef {
    let mut valid = BooleanBufferBuilder::new(values.len());
    values.iter().for_each(|v| valid.append(*v != 0));
    column::<Int64Type>(owner, values, Some(NullBuffer::new(valid.finish())))
}

/// All sampled columns as one record batch; float columns are null where undefined.
pub fn record_batch(columns: &Arc<FeatureColumns>) -> Result<RecordBatch, ArrowError> {
    let c = columns;
    let arrays: [(&str, DataType, bool, ArrayRef); 15] = [
        (
            "local_ns",
            DataType::Int64,
            false,
            column::<Int64Type>(c, &c.local_ns, None),
        ),
        (
            "book_state",
            DataType::UInt8,
            false,
            column::<UInt8Type>(c, &c.book_state, None),
        ),
        ("bid", DataType::Int64, true, nullable_quanta(c, &c.bid)),
        ("ask", DataType::Int64, true, nullable_quanta(c, &c.ask)),
        (
            "bid_size",
            DataType::Int64,
            true,
            nullable_quanta(c, &c.bid_size),
        ),
        (
            "ask_size",
            DataType::Int64,
            true,
            nullable_quanta(c, &c.ask_size),
        ),
        ("mid", DataType::Float64, true, nullable(c, &c.mid)),
        (
            "spread_bps",
            DataType::Float64,
            true,
            nullable(c, &c.spread_bps),
        ),
        ("obi_1", DataType::Float64, true, nullable(c, &c.obi_1)),
        ("obi_k", DataType::Float64, true, nullable(c, &c.obi_k)),
        (
            "weighted_mid",
            DataType::Float64,
            true,
            nullable(c, &c.weighted_mid),
        ),
        ("ofi", DataType::Float64, true, nullable(c, &c.ofi)),
        ("tfi", DataType::Float64, true, nullable(c, &c.tfi)),
        (
            "realised_volatility",
            DataType::Float64,
            true,
            nullable(c, &c.realised_volatility),
        ),
        (
            "feature_hash",
            DataType::UInt64,
            false,
            column::<UInt64Type>(c, &c.feature_hash, None),
        ),
    ];
    let mut fields: Vec<Field> = arrays
        .iter()
        .map(|(name, kind, null, _)| Field::new(*name, kind.clone(), *null))
        .collect();
    let mut arrays: Vec<ArrayRef> = arrays.into_iter().map(|(_, _, _, array)| array).collect();
    for (feature, values) in c.extra.iter().zip(&c.extra_columns) {
        fields.push(Field::new(feature.name(), DataType::Float64, true));
        arrays.push(nullable(c, values));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// The Arrow PyCapsule of a stream with one batch of feature columns.
pub fn stream_capsule<'py>(
    py: Python<'py>,
    columns: &Arc<FeatureColumns>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let fail = |cause: ArrowError| {
        error(
            py,
            Kind::Data,
            format!("features cannot be exported: {cause}"),
        )
    };
    batch_capsule(py, record_batch(columns).map_err(fail)?)
}

/// The Arrow PyCapsule of a stream with this batch.
pub fn batch_capsule<'py>(py: Python<'py>, batch: RecordBatch) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = batch.schema();
    let reader = RecordBatchIterator::new([Ok(batch)], schema);
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}
