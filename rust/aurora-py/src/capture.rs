//! Captures: streams cut into slices, and reports on whole files.

use std::sync::Arc;

use aurora_core::instrument::Market;
use aurora_core::units::{format_decimal, format_quanta, Money};
use aurora_io::{inspect, InspectOptions, Overrides, ReadOptions, SymbolReport};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::errors::{self, error, Kind};
use crate::features::state_name;
use crate::market::{BlockContent, Instrument, MarketBlock};
use crate::quality::quality_dict;

/// How files are read, from Python's arguments: the market is named as in instrument keys.
pub fn read_options(
    py: Python<'_>,
    skip_bad_lines: bool,
    market: Option<&str>,
) -> PyResult<ReadOptions> {
    let market = market
        .map(|name| {
            Market::of_name(name).ok_or_else(|| {
                let known = Market::ALL.map(Market::name).join(", ");
                error(
                    py,
                    Kind::Config,
                    format!("market {name:?} is not known here; known are {known}"),
                )
            })
        })
        .transpose()?;
    Ok(ReadOptions {
        skip_bad_lines,
        market,
    })
}

/// Capture files of one stream, in time order, read as one and cut into slices.
#[pyclass(module = "aurora._core")]
pub struct CaptureStream {
    stream: aurora_io::CaptureStream,
}

#[pymethods]
impl CaptureStream {
    #[new]
    #[pyo3(signature = (paths, *, skip_bad_lines=false, market=None))]
    fn new(
        py: Python<'_>,
        paths: Vec<String>,
        skip_bad_lines: bool,
        market: Option<&str>,
    ) -> PyResult<CaptureStream> {
        let options = read_options(py, skip_bad_lines, market)?;
        let stream =
            aurora_io::CaptureStream::open(&paths, options).map_err(|e| errors::capture(py, &e))?;
        Ok(CaptureStream { stream })
    }

    /// (instrument key, messages, clock offset in ns or None) of each instrument in the calibration messages.
    fn calibrations(&self) -> Vec<(String, u64, Option<i64>)> {
        self.stream
            .calibrations()
            .iter()
            .map(|c| (c.id.to_string(), c.messages, c.clock_offset_ns()))
            .collect()
    }

    /// Receive times, as captured, of the first line and of the last calibration message.
    fn calibration_span_ns(&self) -> (i64, i64) {
        self.stream.calibration_span_ns()
    }

    /// Freezes filters and clock and begins to read. `overrides` gives, for each calibration in order, tick and lot
    /// in 1e-8 units and the minimum notional in money quanta, or None where the data decides.
    fn start(
        &mut self,
        py: Python<'_>,
        offset_ns: i64,
        overrides: Vec<(Option<i64>, Option<i64>, Option<i128>)>,
    ) -> PyResult<()> {
        let overrides: Vec<Overrides> = overrides
            .into_iter()
            .map(|(tick_e8, lot_e8, min_notional)| Overrides {
                tick_e8,
                lot_e8,
                min_notional: min_notional.map(Money),
            })
            .collect();
        self.stream
            .start(offset_ns, &overrides)
            .map_err(|what| error(py, Kind::Config, what))
    }

    /// (records passed over because they could not be read, the first of them as text).
    fn bad_lines(&self) -> (u64, Vec<String>) {
        (self.stream.bad_lines, self.stream.shown_bad_lines.clone())
    }

    fn instruments(&self) -> Vec<Instrument> {
        self.stream
            .instruments()
            .iter()
            .map(|inner| Instrument {
                inner: inner.clone(),
            })
            .collect()
    }

    /// What was counted line by line since the start: names of streams by instrument, and lines of the whole stream.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stream = &self.stream;
        let dict = PyDict::new(py);
        let by_stream = PyDict::new(py);
        for (instrument, counts) in stream.instruments().iter().zip(&stream.by_stream) {
            by_stream.set_item(instrument.id.to_string(), names(py, counts)?)?;
        }
        dict.set_item("by_stream", by_stream)?;
        dict.set_item("bad_lines", stream.bad_lines)?;
        dict.set_item("shown_bad_lines", &stream.shown_bad_lines)?;
        dict.set_item("ignored", stream.ignored)?;
        dict.set_item("receive_time_held", stream.held)?;
        Ok(dict)
    }

    /// One block per instrument with the events before `end_ns`; with a `limit`, reading stops after so many messages
    /// and the next call goes on there.
    #[pyo3(signature = (end_ns, limit=0))]
    fn next_slice(&mut self, py: Python<'_>, end_ns: i64, limit: u64) -> Vec<MarketBlock> {
        let stream = &mut self.stream;
        let slice = py.detach(|| stream.next_slice(end_ns, limit));
        let fault = slice.fault.map(|f| f.to_string());
        let bad_lines = if slice.last {
            (stream.bad_lines, stream.shown_bad_lines.clone())
        } else {
            (0, Vec::new())
        };
        let end_ns = if slice.last {
            slice.last_line_ns.saturating_add(1)
        } else {
            end_ns
        };
        slice
            .blocks
            .into_iter()
            .map(|events| MarketBlock {
                content: BlockContent {
                    events: Arc::new(events),
                    end_ns,
                    last: slice.last,
                    fault: fault.clone(),
                    bad_lines: bad_lines.clone(),
                },
            })
            .collect()
    }
}

fn levels(report: &SymbolReport, bids: bool) -> Vec<(String, String)> {
    let rows = if bids { &report.bids } else { &report.asks };
    rows.iter()
        .map(|level| {
            (
                format_quanta(level.price, report.instrument.price_exponent),
                format_quanta(level.size, report.instrument.size_exponent),
            )
        })
        .collect()
}

fn names<'py>(py: Python<'py>, counts: &[(String, u64)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, count) in counts {
        dict.set_item(name, count)?;
    }
    Ok(dict)
}

/// A report on one instrument by name.
pub fn report_dict<'py>(py: Python<'py>, report: &SymbolReport) -> PyResult<Bound<'py, PyDict>> {
    let instrument = &report.instrument;
    let counters = &report.counters;
    let dict = PyDict::new(py);
    dict.set_item("instrument", instrument.id.to_string())?;
    dict.set_item("state", state_name(report.state))?;
    dict.set_item("messages", report.messages)?;
    dict.set_item("by_stream", names(py, &report.by_stream)?)?;
    dict.set_item("snapshot_id", counters.snapshot_id)?;
    dict.set_item("snapshots", counters.snapshots)?;
    dict.set_item("depth_stale", counters.diffs_stale())?;
    dict.set_item("depth_applied", counters.diffs_applied)?;
    dict.set_item("duplicates", counters.duplicates)?;
    dict.set_item("level_updates", counters.level_updates)?;
    dict.set_item("gaps", counters.gaps)?;
    dict.set_item("crossed", counters.crossed)?;
    dict.set_item("ticker_same_id", counters.ticker_same_id)?;
    dict.set_item("ticker_equal", counters.ticker_equal)?;
    dict.set_item("final_update_id", report.final_update_id)?;
    dict.set_item("checksums", counters.checksums)?;
    dict.set_item("checksums_equal", counters.checksums_equal)?;
    dict.set_item("quality", quality_dict(py, &report.quality, instrument)?)?;
    dict.set_item("bad_lines", report.bad_lines)?;
    dict.set_item("shown_bad_lines", &report.shown_bad_lines)?;
    dict.set_item("market_assumed", report.market_assumed)?;
    dict.set_item("ignored", report.ignored)?;
    dict.set_item("receive_time_held", report.held)?;
    dict.set_item("levels", vec![report.level_counts.0, report.level_counts.1])?;
    dict.set_item("bids", levels(report, true))?;
    dict.set_item("asks", levels(report, false))?;
    dict.set_item("trades", report.trades.trades)?;
    dict.set_item("trades_excluded", report.trades.excluded)?;
    let size = format_decimal(report.trades.size, instrument.size_exponent);
    dict.set_item("trade_qty", size)?;
    dict.set_item("digest", &report.digest)?;
    dict.set_item("first_ts", report.first_ns)?;
    dict.set_item("last_ts", report.last_ns)?;
    dict.set_item("clock_offset_ns", report.clock_offset_ns)?;
    dict.set_item(
        "tick_size",
        format_quanta(instrument.tick, instrument.price_exponent),
    )?;
    dict.set_item(
        "lot_size",
        format_quanta(instrument.lot, instrument.size_exponent),
    )?;
    Ok(dict)
}

/// Reads a stream to its end: (one dict per instrument, fault or None). `progress` is called with message counts.
#[pyfunction]
#[pyo3(signature = (paths, progress=None, *, skip_bad_lines=false, unsynchronised=false, market=None))]
pub fn inspect_capture<'py>(
    py: Python<'py>,
    paths: Vec<String>,
    progress: Option<Py<PyAny>>,
    skip_bad_lines: bool,
    unsynchronised: bool,
    market: Option<&str>,
) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
    let options = InspectOptions {
        read: read_options(py, skip_bad_lines, market)?,
        unsynchronised,
    };
    let mut interrupted: Option<PyErr> = None;
    let result = py.detach(|| {
        inspect(&paths, options, &mut |messages| {
            if interrupted.is_some() {
                return;
            }
            if let Some(callback) = &progress {
                interrupted = Python::attach(|py| {
                    py.check_signals()
                        .and_then(|()| callback.call1(py, (messages,)).map(|_| ()))
                        .err()
                });
            }
        })
    });
    if let Some(interrupted) = interrupted {
        return Err(interrupted);
    }
    let (reports, fault) = result.map_err(|e| errors::capture(py, &e))?;
    let list = PyList::empty(py);
    for report in &reports {
        list.append(report_dict(py, report)?)?;
    }
    Ok((list, fault.map(|f| f.to_string())))
}
