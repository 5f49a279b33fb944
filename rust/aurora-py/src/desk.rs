//! The desk of a replay and its durable ledger.

use aurora_core::desk::{Desk, DeskError, DeskSettings};
use aurora_core::execution::{
    ConductSettings, EntryMode, HardLimits, LedgerError, LedgerRow, LedgerStore, Liquidity,
    MakerFirst, OrderEventRow, Proposal, ReasonCode, Route, Verb,
};
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_io::RedbLedger;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::conduct::Conduct;
use crate::errors::{error, Kind};
use crate::exits::ExitPlan;
use crate::features::FeatureBlock;
use crate::market::{Instrument, MarketBlock};
use crate::schedules::Schedule;

fn desk_error(py: Python<'_>, cause: &DeskError) -> PyErr {
    let kind = match cause {
        DeskError::Setting { .. } => Kind::Config,
        DeskError::Snapshot { .. } => Kind::Recovery,
        _ => Kind::Data,
    };
    error(py, kind, cause.to_string())
}

fn ledger_error(py: Python<'_>, cause: &LedgerError) -> PyErr {
    error(py, Kind::Output, cause.to_string())
}

/// Every reason code with its one-line meaning, in the order of the table.
#[pyfunction]
pub fn reason_codes() -> Vec<(&'static str, &'static str)> {
    ReasonCode::ALL
        .iter()
        .map(|reason| (reason.code(), reason.doc()))
        .collect()
}

/// A row of the order log, as a dict.
#[derive(IntoPyObject)]
struct OrderRow {
    local_ns: i64,
    client_id: String,
    trace: u64,
    instrument: usize,
    leg: &'static str,
    event: &'static str,
    side: i64,
    order_type: &'static str,
    price: Option<i64>,
    trigger: Option<i64>,
    size: i64,
    cumulative: i64,
    detail: String,
}

/// A unique fill, as a dict.
#[derive(IntoPyObject)]
struct FillRow {
    trade_id: u64,
    client_id: String,
    trace: u64,
    instrument: usize,
    leg: &'static str,
    side: i64,
    price: i64,
    size: i64,
    fee: i128,
    liquidity: &'static str,
    exchange_ns: i64,
    local_ns: i64,
    bid: i64,
    ask: i64,
}

fn order_row(row: OrderEventRow) -> OrderRow {
    let spec = &row.spec;
    let mut detail: Vec<String> = row
        .repairs
        .iter()
        .map(|r| {
            format!(
                "{} {} -> {}: {}",
                r.field.name(),
                r.before,
                r.after,
                r.reason.name()
            )
        })
        .collect();
    detail.extend(row.rejection.map(|r| r.name().to_owned()));
    OrderRow {
        local_ns: row.local_ns,
        client_id: spec.client_id.to_string(),
        trace: spec.trace,
        instrument: spec.instrument,
        leg: spec.leg.name(),
        event: row.event.name(),
        side: spec.side.sign(),
        order_type: spec.order_type(),
        price: spec.price,
        trigger: spec.trigger,
        size: spec.size,
        cumulative: row.cumulative,
        detail: detail.join("; "),
    }
}

/// Execution and simulated venue of one account under one clock.
#[pyclass(module = "aurora._core")]
pub struct DeskCore {
    desk: Desk,
}

#[pymethods]
impl DeskCore {
    /// Money in quanta of 1e-8, fees in 1e-8 of notional, times in ns.
    #[new]
    #[pyo3(signature = (instruments, *, start_cash, order_latency_ns, response_latency_ns, maker_fee_e8, taker_fee_e8,
        entry_ttl_ns, latency_budget_ns, max_symbol_notional, max_gross_notional, max_day_loss,
        maker_first=None, leverage=None, conduct=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        instruments: Vec<Py<Instrument>>,
        start_cash: i128,
        order_latency_ns: i64,
        response_latency_ns: i64,
        maker_fee_e8: i64,
        taker_fee_e8: i64,
        entry_ttl_ns: i64,
        latency_budget_ns: i64,
        max_symbol_notional: i128,
        max_gross_notional: i128,
        max_day_loss: i128,
        maker_first: Option<(u32, i64, i64, i64)>,
        leverage: Option<u32>,
        conduct: Option<Conduct>,
    ) -> PyResult<DeskCore> {
        let settings = DeskSettings {
            start_cash: Money(start_cash),
            order_latency_ns,
            response_latency_ns,
            maker_fee_e8,
            taker_fee_e8,
            entry_ttl_ns,
            latency_budget_ns,
            limits: HardLimits {
                max_symbol_notional: Money(max_symbol_notional),
                max_gross_notional: Money(max_gross_notional),
                max_day_loss: Money(max_day_loss),
            },
            maker_first: maker_first.map(|(refusals, drift_e8, low_fill_ns, low_fill_e4)| {
                MakerFirst {
                    refusals,
                    drift_e8,
                    low_fill_ns,
                    low_fill_e4,
                }
            }),
            leverage,
            conduct: conduct.map_or_else(ConductSettings::default, |conduct| conduct.settings()),
        };
        let instruments = instruments.iter().map(|i| i.get().inner.clone()).collect();
        let desk = Desk::new(settings, instruments).map_err(|e| desk_error(py, &e))?;
        Ok(DeskCore { desk })
    }

    /// Adds a slice of one instrument: its events for the venue, its touch changes for the desk.
    fn add(
        &mut self,
        py: Python<'_>,
        instrument: usize,
        block: &MarketBlock,
        features: &FeatureBlock,
    ) -> PyResult<()> {
        let desk = &mut self.desk;
        desk.add_block(instrument, &block.content.events)
            .and_then(|()| desk.add_quotes(instrument, &features.content.columns.quotes))
            .map_err(|e| desk_error(py, &e))
    }

    /// Processes everything before `until_ns`.
    fn advance(&mut self, py: Python<'_>, until_ns: i64) -> PyResult<()> {
        let desk = &mut self.desk;
        py.detach(|| desk.advance(until_ns))
            .map_err(|e| desk_error(py, &e))
    }

    /// Decides a sized trade at its local time: (reason, client id, price, size, repairs).
    #[pyo3(signature = (*, trace, instrument, local_ns, side, size, route, bid, ask, stop_distance, deadline_ns, limit,
        take_within=None, volatility=None, depth=None, exits=None, schedule=None))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn propose(
        &mut self,
        py: Python<'_>,
        trace: u64,
        instrument: usize,
        local_ns: i64,
        side: i64,
        size: i64,
        route: &str,
        bid: i64,
        ask: i64,
        stop_distance: i64,
        deadline_ns: i64,
        limit: i64,
        take_within: Option<i64>,
        volatility: Option<i64>,
        depth: Option<i64>,
        exits: Option<&ExitPlan>,
        schedule: Option<&Schedule>,
    ) -> PyResult<(&'static str, Option<String>, Option<i64>, i64, Vec<String>)> {
        let wrong = |what: String| error(py, Kind::Config, what);
        let proposal = Proposal {
            trace,
            instrument,
            local_ns,
            side: Side::from_sign(side)
                .ok_or_else(|| wrong("a proposal needs side +1 or -1".into()))?,
            size,
            route: match route {
                "maker" => Route::Maker,
                "taker" => Route::Taker,
                other => return Err(wrong(format!("unknown route {other:?}"))),
            },
            bid,
            ask,
            stop_distance,
            deadline_ns,
            limit,
            take_within,
            volatility,
            depth,
        };
        let exits = exits.map(|e| e.inner).unwrap_or_default();
        let decision = match schedule {
            None => self.desk.propose_bracket(proposal, exits),
            Some(schedule) => self.desk.propose_worked(proposal, exits, schedule.inner),
        };
        let decision = decision.map_err(|e| desk_error(py, &e))?;
        let repairs = decision
            .repairs
            .iter()
            .map(|r| {
                format!(
                    "{} {} -> {}: {}",
                    r.field.name(),
                    r.before,
                    r.after,
                    r.reason.name()
                )
            })
            .collect();
        Ok((
            decision.reason.code(),
            decision.client_id.map(|id| id.to_string()),
            decision.price,
            decision.size,
            repairs,
        ))
    }

    /// What an instrument has traded on average in `span_ns` since its first event, size quanta; None before then.
    fn average_volume(
        &self,
        py: Python<'_>,
        instrument: usize,
        span_ns: i64,
    ) -> PyResult<Option<i64>> {
        self.desk
            .average_volume(instrument, span_ns)
            .map_err(|e| desk_error(py, &e))
    }

    /// The kill switch at the clock: no new trade, cancel entries and targets, flatten, cancel stops last.
    fn kill(&mut self, py: Python<'_>) -> PyResult<()> {
        self.desk
            .operate(Verb::Kill)
            .map_err(|e| desk_error(py, &e))
    }

    /// Lifts the kill switch.
    fn resume(&mut self, py: Python<'_>) -> PyResult<()> {
        self.desk
            .operate(Verb::Resume)
            .map_err(|e| desk_error(py, &e))
    }

    /// Ends what an instrument has at the clock: cancel entries and targets, flatten, cancel stops last. Others go on,
    /// and trades may follow.
    fn close(&mut self, py: Python<'_>, instrument: usize) -> PyResult<()> {
        self.desk
            .operate(Verb::Close { instrument })
            .map_err(|e| desk_error(py, &e))
    }

    /// What breakers leave of an instrument's entries from the clock on: reason codes against any entry, and against
    /// one that takes.
    #[pyo3(signature = (instrument, *, entering=None, taking=None))]
    fn restrict(
        &mut self,
        py: Python<'_>,
        instrument: usize,
        entering: Option<&str>,
        taking: Option<&str>,
    ) -> PyResult<()> {
        let reason = |code: Option<&str>| match code.map(|code| (code, ReasonCode::parse(code))) {
            None => Ok(None),
            Some((_, Some(reason))) if !reason.is_trade() => Ok(Some(reason)),
            Some((code, _)) => Err(error(
                py,
                Kind::Config,
                format!("{code:?} is no reason to refuse"),
            )),
        };
        let mode = EntryMode {
            entering: reason(entering)?,
            taking: reason(taking)?,
        };
        self.desk
            .restrict(instrument, mode)
            .map_err(|e| desk_error(py, &e))
    }

    /// The account at the clock: cash, equity, day_start_equity, realised, fees, funding (money quanta) and, per
    /// instrument, (position, twice the mid it is marked at or None, a trade is open, reserved notional).
    fn account<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let view = self.desk.account();
        let dict = PyDict::new(py);
        dict.set_item("cash", view.cash.0)?;
        dict.set_item("equity", view.equity.0)?;
        dict.set_item("day_start_equity", view.day_start_equity.0)?;
        dict.set_item("realised", view.realised.0)?;
        dict.set_item("fees", view.fees.0)?;
        dict.set_item("funding", view.funding.0)?;
        let instruments: Vec<(i64, Option<i64>, bool, i128)> = view
            .instruments
            .iter()
            .map(|i| (i.position, i.twice_mark, i.trade_open, i.reserved.0))
            .collect();
        dict.set_item("instruments", instruments)?;
        Ok(dict)
    }

    /// Hands over the records since the last call: order events, fills, ledger rows.
    #[allow(clippy::type_complexity)]
    fn drain<'py>(
        &mut self,
        py: Python<'py>,
    ) -> PyResult<(Vec<OrderRow>, Vec<FillRow>, Vec<Bound<'py, PyBytes>>)> {
        let records = self.desk.drain_records();
        let orders = records.orders.into_iter().map(order_row).collect();
        let fills = records
            .fills
            .into_iter()
            .map(|f| {
                let liquidity = match f.liquidity {
                    Liquidity::Maker => "maker",
                    Liquidity::Taker => "taker",
                };
                FillRow {
                    trade_id: f.trade_id,
                    client_id: f.client_id.to_string(),
                    trace: f.trace,
                    instrument: f.instrument,
                    leg: f.leg.name(),
                    side: f.side.sign(),
                    price: f.price,
                    size: f.size,
                    fee: f.fee.0,
                    liquidity,
                    exchange_ns: f.exchange_ns,
                    local_ns: f.local_ns,
                    bid: f.touch.map_or(0, |t| t.bid),
                    ask: f.touch.map_or(0, |t| t.ask),
                }
            })
            .collect();
        let ledger = records
            .ledger
            .iter()
            .map(|row| {
                let bytes = row.to_bytes().map_err(|e| ledger_error(py, &e))?;
                let mut tagged = row.sequence.to_le_bytes().to_vec();
                tagged.extend_from_slice(&bytes);
                Ok(PyBytes::new(py, &tagged))
            })
            .collect::<PyResult<_>>()?;
        Ok((orders, fills, ledger))
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.desk.snapshot().map_err(|e| desk_error(py, &e))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn restore(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.desk = Desk::restore(data).map_err(|e| desk_error(py, &e))?;
        Ok(())
    }
}

/// The durable ledger: orders intended and what became of them, contiguous, with a checksum per row.
#[pyclass(module = "aurora._core")]
pub struct DurableLedger {
    store: RedbLedger,
}

#[pymethods]
impl DurableLedger {
    /// Opens or creates the store and checks all of it.
    #[new]
    fn new(py: Python<'_>, path: &str) -> PyResult<DurableLedger> {
        let store =
            RedbLedger::open(std::path::Path::new(path)).map_err(|e| ledger_error(py, &e))?;
        Ok(DurableLedger { store })
    }

    /// Makes rows of `DeskCore.drain` durable in one commit. Rows that are there already are left alone; another
    /// row at a sequence, or another order under a client id, is refused.
    fn append_batch(&mut self, py: Python<'_>, rows: Vec<Vec<u8>>) -> PyResult<()> {
        let rows: Vec<LedgerRow> = rows
            .iter()
            .map(|row| {
                let (sequence, bytes) = row
                    .split_first_chunk::<8>()
                    .ok_or_else(|| error(py, Kind::Output, "a ledger row is too short".into()))?;
                LedgerRow::from_bytes(u64::from_le_bytes(*sequence), bytes)
                    .map_err(|e| ledger_error(py, &e))
            })
            .collect::<PyResult<_>>()?;
        let store = &mut self.store;
        py.detach(|| store.append_batch(&rows))
            .map_err(|e| ledger_error(py, &e))?;
        Ok(())
    }

    /// Checks every row; answers with how many there are.
    fn verify(&self, py: Python<'_>) -> PyResult<u64> {
        self.store.verify().map_err(|e| ledger_error(py, &e))
    }

    /// (sequence, local_ns, client id, kind) of every row, in order.
    fn rows(&self, py: Python<'_>) -> PyResult<Vec<(u64, i64, String, &'static str)>> {
        let rows = self
            .store
            .rows(0, usize::MAX)
            .map_err(|e| ledger_error(py, &e))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (
                    row.sequence,
                    row.local_ns,
                    row.client_id.to_string(),
                    row.kind.name(),
                )
            })
            .collect())
    }
}
