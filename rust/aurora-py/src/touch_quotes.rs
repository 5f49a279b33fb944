//! Quotes at the touch through the simulated venue, as numpy columns.

use aurora_core::event::EventBlock;
use aurora_core::units::power_of_ten;
use aurora_core::venue::{self, QueueModel, TouchQuoteSettings};
use numpy::ToPyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{error, Kind};
use crate::market::{Instrument, MarketBlock};

/// A queue model by its name: `risk_averse`, `risk_averse_literal`, `log`, `log_of_total`, or with an exponent
/// `power:3`, `power_of_total:3`, `power_of_front:3`.
fn queue_model(py: Python<'_>, name: &str) -> PyResult<QueueModel> {
    let (model, exponent) = name.split_once(':').unwrap_or((name, ""));
    let exponent = exponent.parse::<f64>().ok();
    let exponent = exponent.filter(|n| n.is_finite() && *n > 0.0);
    match (model, exponent) {
        ("risk_averse", None) => Ok(QueueModel::RiskAverse),
        ("risk_averse_literal", None) => Ok(QueueModel::RiskAverseLiteral),
        ("log", None) => Ok(QueueModel::Log),
        ("log_of_total", None) => Ok(QueueModel::LogOfTotal),
        ("power", Some(n)) => Ok(QueueModel::Power(n)),
        ("power_of_total", Some(n)) => Ok(QueueModel::PowerOfTotal(n)),
        ("power_of_front", Some(n)) => Ok(QueueModel::PowerOfFront(n)),
        _ => Err(error(
            py,
            Kind::Config,
            format!("queue model {name:?} is not known here; known are risk_averse, risk_averse_literal, log, log_of_total, power:n, power_of_total:n, power_of_front:n"),
        )),
    }
}

/// Quotes both sides of the touch through the simulated venue and returns columns: of each quote `side` (1 buys, −1
/// sells), `price` in quanta, `sent_ns` (local time), `accepted_ns` and `filled_ns` (exchange times, −1 where the venue
/// refused it or did not fill it); of the venue's touch after each change `touch_ns` (exchange time), `bid` and `ask`
/// in quanta, zeros where there is none; `end_ns`, the last exchange time; and `price_scale`. A quote of one lot is filled whole.
#[pyfunction]
#[pyo3(signature = (instrument, blocks, *, every_ns, rest_ns, start_ns, order_latency_ns, response_latency_ns, queue))]
#[allow(clippy::too_many_arguments)]
pub fn quote_touch<'py>(
    py: Python<'py>,
    instrument: &Instrument,
    blocks: Vec<PyRef<'py, MarketBlock>>,
    every_ns: i64,
    rest_ns: i64,
    start_ns: i64,
    order_latency_ns: i64,
    response_latency_ns: i64,
    queue: &str,
) -> PyResult<Bound<'py, PyDict>> {
    for (name, got, least) in [
        ("every_ns", every_ns, 1),
        ("rest_ns", rest_ns, 0),
        ("order_latency_ns", order_latency_ns, 0),
        ("response_latency_ns", response_latency_ns, 0),
    ] {
        if got < least {
            let what = format!("{name} is {got}, expected {least} or more");
            return Err(error(py, Kind::Config, what));
        }
    }
    let settings = TouchQuoteSettings {
        every_ns,
        rest_ns,
        start_ns,
        order_latency_ns,
        response_latency_ns,
        queue: queue_model(py, queue)?,
        lots: 1,
    };
    let events: Vec<_> = blocks.iter().map(|b| b.content.events.clone()).collect();
    let instrument = &instrument.inner;
    let (quotes, touches, end_ns) = py.detach(|| {
        let mut local = EventBlock::default();
        for block in &events {
            for message in &block.messages {
                local.push_from(block, message);
            }
        }
        let exchange = venue::by_exchange_time(&local);
        let mut touches = [Vec::new(), Vec::new(), Vec::new()];
        let mut last = None;
        let quotes =
            venue::quote_touch(instrument, &local, &exchange, &settings, |at_ns, touch| {
                let best = touch.map_or((0, 0), |quote| (quote.bid.price, quote.ask.price));
                if last != Some(best) {
                    last = Some(best);
                    for (column, value) in touches.iter_mut().zip([at_ns, best.0, best.1]) {
                        column.push(value);
                    }
                }
            });
        let end_ns = exchange.messages.last().map_or(0, |last| last.exchange_ns);
        (quotes, touches, end_ns)
    });
    let dict = PyDict::new(py);
    let column = |of: fn(&venue::TouchQuote) -> i64| quotes.iter().map(of).collect::<Vec<i64>>();
    for (name, values) in [
        ("side", column(|quote| quote.side.sign())),
        ("price", column(|quote| quote.price)),
        ("sent_ns", column(|quote| quote.sent_ns)),
        ("accepted_ns", column(|q| q.accepted_ns.unwrap_or(-1))),
        ("filled_ns", column(|q| q.filled_ns.unwrap_or(-1))),
    ] {
        dict.set_item(name, values.to_pyarray(py))?;
    }
    for (name, values) in ["touch_ns", "bid", "ask"].into_iter().zip(&touches) {
        dict.set_item(name, values.to_pyarray(py))?;
    }
    dict.set_item("end_ns", end_ns)?;
    dict.set_item("price_scale", power_of_ten(instrument.price_exponent))?;
    Ok(dict)
}
