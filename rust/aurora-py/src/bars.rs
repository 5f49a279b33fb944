//! Bars of trades, and their columns as an Arrow stream.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, UInt64Array,
};
use arrow_schema::{ArrowError, Field, Schema};
use aurora_core::features::{Bar, BarBuilder, BarRule, MarketTrade};
use aurora_core::units::Money;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use serde::{Deserialize, Serialize};

use crate::errors::{error, Kind};
use crate::market::{Instrument, MarketBlock};
use crate::{arrow, state};

/// Digits of the largest Arrow decimal of 128 bits.
const DECIMAL_DIGITS: u8 = 38;

/// A bar, and when it was known that it is one: a filled bar only with the next trade.
struct KnownBar {
    known_ns: i64,
    bar: Bar,
}

#[derive(Serialize, Deserialize)]
struct BarState {
    builder: BarBuilder,
    /// Decimals of price × size.
    decimals: u8,
    /// Local time of the first event of any kind.
    observed_ns: Option<i64>,
    /// End of the last block.
    until_ns: i64,
}

impl BarState {
    fn process(&mut self, block: &MarketBlock) -> Vec<KnownBar> {
        let events = &block.content.events;
        let mut closed = Vec::new();
        let mut bars = Vec::new();
        if let Some(first) = events.messages.first() {
            self.observed_ns.get_or_insert(first.local_ns);
            self.builder.start(first.local_ns);
        }
        for message in &events.messages {
            if let Some(trade) = MarketTrade::read(events, message) {
                self.builder.update(trade, &mut closed);
                bars.extend(closed.drain(..).map(|bar| KnownBar {
                    known_ns: if bar.filled {
                        trade.local_ns
                    } else {
                        bar.end_ns
                    },
                    bar,
                }));
            }
        }
        self.until_ns = block.content.end_ns;
        self.builder.advance(self.until_ns, &mut closed);
        bars.extend(closed.into_iter().map(|bar| KnownBar {
            known_ns: bar.end_ns,
            bar,
        }));
        bars
    }

    fn finish(&mut self) -> Vec<KnownBar> {
        self.observed_ns = None;
        self.builder
            .finish()
            .map(|bar| KnownBar {
                known_ns: self.until_ns,
                bar,
            })
            .into_iter()
            .collect()
    }
}

/// Bars of one instrument, for `polars.DataFrame(block)`: one batch, no Python object per bar.
///
/// `start_ns, end_ns, known_ns, first_ns, last_ns` in local nanoseconds, `open, high, low, close` in price quanta,
/// `volume, buy_volume` in size quanta, `notional` the exact sum of price × size as a decimal, `trades, filled,
/// complete`.
#[pyclass(frozen, module = "aurora._core")]
pub struct BarBlock {
    batch: RecordBatch,
}

#[pymethods]
impl BarBlock {
    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        arrow::batch_capsule(py, self.batch.clone())
    }
}

/// Builds bars of one instrument's market trades.
#[pyclass(module = "aurora._core")]
pub struct BarCore {
    state: BarState,
}

const STATE: &str = "BarCore";

#[pymethods]
impl BarCore {
    /// `rule` is "time" (threshold in nanoseconds), "volume" (size quanta) or "dollar" (money quanta of 1e-8).
    #[new]
    fn new(
        py: Python<'_>,
        instrument: &Instrument,
        rule: &str,
        threshold: i128,
    ) -> PyResult<BarCore> {
        let usage = |what: String| error(py, Kind::Usage, what);
        let small = |threshold: i128| {
            i64::try_from(threshold)
                .map_err(|_| usage(format!("a {rule} bar of {threshold} is out of range")))
        };
        let built = match rule {
            "time" => BarRule::Time(small(threshold)?),
            "volume" => BarRule::Volume(small(threshold)?),
            "dollar" if instrument.inner.id.is_inverse() => {
                return Err(usage(format!(
                    "{}: the size of an inverse contract is money already; ask for volume bars",
                    instrument.inner.id
                )))
            }
            "dollar" => BarRule::Dollar(Money(threshold)),
            other => {
                return Err(usage(format!(
                    "the bar rule is {other:?}; it must be time, volume or dollar"
                )))
            }
        };
        let (price, size) = (
            instrument.inner.price_exponent,
            instrument.inner.size_exponent,
        );
        let builder =
            BarBuilder::new(built, price, size).map_err(|cause| usage(cause.to_string()))?;
        Ok(BarCore {
            state: BarState {
                builder,
                decimals: price.saturating_add(size),
                observed_ns: None,
                until_ns: i64::MIN,
            },
        })
    }

    /// Takes the next block of the instrument; answers with the bars that are known at its end.
    fn process(&mut self, py: Python<'_>, block: &MarketBlock) -> PyResult<BarBlock> {
        let state = &mut self.state;
        // Handing the GIL over costs more than a small block.
        let bars = if block.content.events.messages.len() > 500 {
            py.detach(|| state.process(block))
        } else {
            state.process(block)
        };
        self.columns(py, &bars)
    }

    /// Ends the stream: the bar left open, not complete, if there is one. What follows begins a new stream.
    fn finish(&mut self, py: Python<'_>) -> PyResult<BarBlock> {
        let bars = self.state.finish();
        self.columns(py, &bars)
    }

    /// Local time of the first event of any kind: the market is observed from there. None before it.
    #[getter]
    fn observed_ns(&self) -> Option<i64> {
        self.state.observed_ns
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &state::to_bytes(py, STATE, &self.state)?))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.state = state::from_bytes(py, STATE, data)?;
        Ok(())
    }
}

impl BarCore {
    fn columns(&self, py: Python<'_>, bars: &[KnownBar]) -> PyResult<BarBlock> {
        record_batch(bars, self.state.decimals)
            .map(|batch| BarBlock { batch })
            .map_err(|cause| error(py, Kind::Data, format!("bars cannot be exported: {cause}")))
    }
}

fn record_batch(bars: &[KnownBar], decimals: u8) -> Result<RecordBatch, ArrowError> {
    let scale = i8::try_from(decimals).unwrap_or(i8::MAX);
    let notional = Decimal128Array::from_iter_values(bars.iter().map(|row| row.bar.turnover))
        .with_precision_and_scale(DECIMAL_DIGITS, scale)?;
    // The builder's sum saturates, and no sum that has can pass for a decimal of that many digits.
    notional.validate_decimal_precision(DECIMAL_DIGITS)?;
    let times = |pick: fn(&KnownBar) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(bars.iter().map(pick)))
    };
    let maybe = |pick: fn(&Bar) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(bars.iter().map(|row| pick(&row.bar))))
    };
    let flags = |pick: fn(&Bar) -> bool| -> ArrayRef {
        let values: Vec<bool> = bars.iter().map(|row| pick(&row.bar)).collect();
        Arc::new(BooleanArray::from(values))
    };
    let trades = UInt64Array::from_iter_values(bars.iter().map(|row| row.bar.trades));
    let columns: [(&str, ArrayRef); 15] = [
        ("start_ns", times(|row| row.bar.start_ns)),
        ("end_ns", times(|row| row.bar.end_ns)),
        ("known_ns", times(|row| row.known_ns)),
        ("first_ns", maybe(|bar| bar.first_ns)),
        ("last_ns", maybe(|bar| bar.last_ns)),
        ("open", times(|row| row.bar.open)),
        ("high", times(|row| row.bar.high)),
        ("low", times(|row| row.bar.low)),
        ("close", times(|row| row.bar.close)),
        ("volume", sizes(bars, |bar| bar.volume)?),
        ("buy_volume", sizes(bars, |bar| bar.buy_volume)?),
        ("notional", Arc::new(notional)),
        ("trades", Arc::new(trades)),
        ("filled", flags(|bar| bar.filled)),
        ("complete", flags(|bar| bar.complete)),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            let nullable = matches!(*name, "first_ns" | "last_ns");
            Field::new(*name, column.data_type().clone(), nullable)
        })
        .collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Sums of sizes as 64-bit quanta.
fn sizes(bars: &[KnownBar], pick: fn(&Bar) -> i128) -> Result<ArrayRef, ArrowError> {
    let values = bars
        .iter()
        .map(|row| {
            i64::try_from(pick(&row.bar)).map_err(|_| {
                ArrowError::ComputeError(format!(
                    "the volume {} of the bar at {} ns is beyond 64-bit quanta; ask for shorter bars",
                    pick(&row.bar),
                    row.bar.start_ns
                ))
            })
        })
        .collect::<Result<Vec<i64>, ArrowError>>()?;
    Ok(Arc::new(Int64Array::from(values)))
}
