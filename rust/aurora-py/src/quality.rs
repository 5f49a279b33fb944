//! Measures of data quality as a dict; `aurora.capture.QualityReport` gives them types and a grade.

use aurora_core::instrument::Instrument;
use aurora_core::quality::Quality;
use aurora_core::units::format_quanta;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::features::state_name;

pub fn quality_dict<'py>(
    py: Python<'py>,
    quality: &Quality,
    instrument: &Instrument,
) -> PyResult<Bound<'py, PyDict>> {
    let counters = &quality.counters;
    let dict = PyDict::new(py);
    dict.set_item("state", state_name(quality.state))?;
    dict.set_item("messages", quality.messages)?;
    dict.set_item("events", quality.events())?;
    dict.set_item("tickers", quality.tickers)?;
    dict.set_item("trades", quality.trades)?;
    dict.set_item("first_ns", quality.first_ns)?;
    dict.set_item("last_ns", quality.last_ns)?;
    dict.set_item("diffs", counters.diffs)?;
    dict.set_item("depth_applied", counters.diffs_applied)?;
    dict.set_item("depth_stale", counters.diffs_stale())?;
    dict.set_item("snapshots", counters.snapshots)?;
    dict.set_item("snapshot_id", counters.snapshot_id)?;
    dict.set_item("snapshot_only", quality.snapshot_only)?;
    dict.set_item("was_synchronised", quality.was_synchronised)?;
    dict.set_item("gaps", counters.gaps)?;
    dict.set_item("duplicates", counters.duplicates)?;
    dict.set_item("crossed", counters.crossed)?;
    dict.set_item("ticker_same_id", counters.ticker_same_id)?;
    dict.set_item("ticker_equal", counters.ticker_equal)?;
    dict.set_item("checksums", counters.checksums)?;
    dict.set_item("checksums_equal", counters.checksums_equal)?;
    dict.set_item("awaiting_ns", quality.awaiting_ns)?;
    dict.set_item("stale_ns", quality.stale_ns)?;
    dict.set_item("unsynchronised_ns", quality.unsynchronised_ns)?;
    dict.set_item("longest_pause_ns", quality.longest_pause_ns)?;
    dict.set_item("late", quality.late)?;
    dict.set_item("exchange_time_estimated", quality.exchange_time_estimated)?;
    let latency = quality.latency.as_ref();
    dict.set_item("latency_compared", latency.map_or(0, |l| l.compared))?;
    dict.set_item("latency_negative", latency.map_or(0, |l| l.negative))?;
    dict.set_item("latency_minimum_ns", latency.map(|l| l.minimum_ns))?;
    dict.set_item("latency_median_ns", latency.map(|l| l.median_ns))?;
    dict.set_item("latency_maximum_ns", latency.map(|l| l.maximum_ns))?;
    let drift = quality.drift.as_ref();
    dict.set_item("clock_minutes", drift.map_or(0, |d| d.minutes))?;
    dict.set_item("clock_drift_ppm", drift.map(|d| d.drift_ppm))?;
    dict.set_item("clock_drift_ns", drift.map(|d| d.total_ns))?;
    dict.set_item("clock_step_ns", drift.map(|d| d.largest_step_ns))?;
    dict.set_item("no_market_trades", quality.no_market_trades)?;
    dict.set_item("judged_prints", quality.judged_prints)?;
    dict.set_item("outlier_prints", quality.outlier_prints)?;
    dict.set_item("unconfirmed_prints", quality.unconfirmed_prints)?;
    dict.set_item("first_outlier_ns", quality.first_outlier_ns)?;
    let price = |quanta: i64| format_quanta(quanta, instrument.price_exponent);
    let (finer, coarser) = (quality.ticks.finer, quality.ticks.coarser);
    dict.set_item("tick_size", price(instrument.tick))?;
    dict.set_item("off_tick_prices", quality.ticks.off_grid)?;
    dict.set_item("finer_tick_size", finer.map(|(_, tick)| price(tick)))?;
    dict.set_item("finer_tick_since_ns", finer.map(|(since, _)| since))?;
    dict.set_item("coarser_tick_size", coarser.map(|(_, tick)| price(tick)))?;
    dict.set_item("coarser_tick_since_ns", coarser.map(|(since, _)| since))?;
    Ok(dict)
}
