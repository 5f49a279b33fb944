//! Best prices and trades of whole captures as numpy columns.

use aurora_core::units::power_of_ten;
use aurora_io::{InspectOptions, SymbolTouches};
use numpy::ToPyArray;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::capture::read_options;
use crate::errors;

fn symbol_dict<'py>(py: Python<'py>, touches: &SymbolTouches) -> PyResult<Bound<'py, PyDict>> {
    let instrument = &touches.instrument;
    let dict = PyDict::new(py);
    dict.set_item("instrument", instrument.id.to_string())?;
    dict.set_item("symbol", &instrument.id.symbol)?;
    dict.set_item("price_scale", power_of_ten(instrument.price_exponent))?;
    dict.set_item("size_scale", power_of_ten(instrument.size_exponent))?;
    dict.set_item("clock_offset_ns", touches.clock_offset_ns)?;
    for (name, column) in [
        ("touch_ns", &touches.touch_ns),
        ("bid", &touches.bid),
        ("ask", &touches.ask),
        ("trade_ns", &touches.trade_ns),
        ("trade_price", &touches.trade_price),
        ("trade_size", &touches.trade_size),
    ] {
        dict.set_item(name, column.to_pyarray(py))?;
    }
    dict.set_item("trade_id", touches.trade_id.to_pyarray(py))?;
    Ok(dict)
}

/// Reads a stream to its end: (one dict of columns per instrument, fault or None). Prices and sizes are quanta, times
/// exchange times in ns; zeros where there is no usable touch.
#[pyfunction]
#[pyo3(signature = (paths, *, skip_bad_lines=false, unsynchronised=false, market=None))]
pub fn read_touches<'py>(
    py: Python<'py>,
    paths: Vec<String>,
    skip_bad_lines: bool,
    unsynchronised: bool,
    market: Option<&str>,
) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
    let options = InspectOptions {
        read: read_options(py, skip_bad_lines, market)?,
        unsynchronised,
    };
    let (symbols, fault) = py
        .detach(|| aurora_io::read_touches(&paths, options))
        .map_err(|e| errors::capture(py, &e))?;
    let list = PyList::empty(py);
    for touches in &symbols {
        list.append(symbol_dict(py, touches)?)?;
    }
    Ok((list, fault.map(|f| f.to_string())))
}
