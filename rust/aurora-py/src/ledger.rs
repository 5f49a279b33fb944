//! A durable ledger as it lies on disk, for those who look into it.

use aurora_core::execution::{side_name, ClientId, LedgerEntry, LedgerRow, Verb};
use aurora_core::units::Money;
use pyo3::prelude::*;

use crate::errors::{error, Kind};

/// A row as a dict: what every row has, what it says in words, and the fields of its payload.
#[derive(IntoPyObject, Default)]
pub struct RowDict {
    sequence: u64,
    local_ns: i64,
    kind: &'static str,
    client_id: Option<String>,
    words: String,
    trace: Option<u64>,
    symbol: Option<usize>,
    leg: Option<&'static str>,
    side: Option<&'static str>,
    order_type: Option<&'static str>,
    price: Option<i64>,
    trigger: Option<i64>,
    size: Option<i64>,
    reduce_only: Option<bool>,
    status: Option<String>,
    cumulative: Option<i64>,
    rejection: Option<&'static str>,
    evidence: Option<&'static str>,
    trade_id: Option<u64>,
    last_price: Option<i64>,
    last_size: Option<i64>,
    liquidity: Option<&'static str>,
    fee: Option<i128>,
    exchange_ns: Option<i64>,
    stop_distance: Option<i64>,
    deadline_ns: Option<i64>,
    amount: Option<i128>,
}

/// Numbers of a ledger, and what is wrong with it.
#[derive(IntoPyObject)]
pub struct Condition {
    rows: u64,
    orders: u64,
    whole_until: u64,
    damage: Option<String>,
    missing: Vec<(u64, u64)>,
    searched: u64,
}

fn row_dict(row: &LedgerRow) -> RowDict {
    let base = RowDict {
        sequence: row.sequence,
        local_ns: row.local_ns,
        kind: row.kind.name(),
        client_id: (row.client_id != ClientId::NONE).then(|| row.client_id.to_string()),
        ..RowDict::default()
    };
    let entry = match row.entry() {
        Ok(entry) => entry,
        // Whole by its checksum, and written by another version.
        Err(cause) => {
            return RowDict {
                words: cause.to_string(),
                ..base
            }
        }
    };
    let words = entry.words();
    let base = RowDict { words, ..base };
    let money = |money: Money| Some(money.0);
    match entry {
        LedgerEntry::Intent(order) => {
            let spec = order.spec();
            RowDict {
                trace: Some(spec.trace),
                symbol: Some(spec.instrument),
                leg: Some(spec.leg.name()),
                side: Some(side_name(spec.side)),
                order_type: Some(spec.order_type()),
                price: spec.price,
                trigger: spec.trigger,
                size: Some(spec.size),
                reduce_only: Some(spec.reduce_only),
                ..base
            }
        }
        LedgerEntry::Report(report) => RowDict {
            status: Some(report.status.name().to_string()),
            cumulative: Some(report.cumulative),
            rejection: report.rejection.map(|one| one.name()),
            evidence: Some(report.evidence.name()),
            trade_id: report.last.map(|last| last.trade_id),
            last_price: report.last.map(|last| last.price),
            last_size: report.last.map(|last| last.size),
            liquidity: report.last.map(|last| last.liquidity.name()),
            fee: report.last.and_then(|last| money(last.fee)),
            exchange_ns: Some(report.exchange_ns),
            ..base
        },
        LedgerEntry::Trade(plan) => RowDict {
            stop_distance: Some(plan.stop_distance),
            deadline_ns: Some(plan.deadline_ns),
            ..base
        },
        LedgerEntry::Schedule(trade) => RowDict {
            trace: Some(trade.ticket.trace),
            symbol: Some(trade.ticket.instrument),
            side: Some(side_name(trade.ticket.side)),
            size: Some(trade.entry.size),
            stop_distance: Some(trade.plan.stop_distance),
            deadline_ns: Some(trade.plan.deadline_ns),
            ..base
        },
        LedgerEntry::Cash(movement) => RowDict {
            amount: money(movement.amount),
            ..base
        },
        LedgerEntry::Correction(correction) => RowDict {
            symbol: Some(correction.instrument),
            side: Some(side_name(correction.holder)),
            price: Some(correction.price),
            size: Some(correction.size),
            exchange_ns: Some(correction.exchange_ns),
            ..base
        },
        LedgerEntry::Day { equity, .. } => RowDict {
            amount: money(equity),
            ..base
        },
        LedgerEntry::Operator(Verb::Close { instrument }) => RowDict {
            symbol: Some(instrument),
            ..base
        },
        LedgerEntry::Cancel | LedgerEntry::Operator(_) => base,
    }
}

/// Every whole row of a ledger file and the condition of it; the file is not changed. Prices and sizes are quanta of
/// the symbol, money is in 1e-8, times are in ns.
#[pyfunction]
pub fn read_ledger(py: Python<'_>, path: &str) -> PyResult<(Vec<RowDict>, Condition)> {
    let reading = py
        .detach(|| aurora_io::read_ledger(std::path::Path::new(path)))
        .map_err(|cause| {
            let text = cause.to_string();
            let in_use = text.ends_with("another process has it open");
            let kind = if in_use { Kind::Ledger } else { Kind::Data };
            error(py, kind, text)
        })?;
    let rows = reading.rows.iter().map(row_dict).collect();
    let intents = reading
        .rows
        .iter()
        .filter(|row| row.kind.name() == "intent");
    let condition = Condition {
        rows: reading.rows.len() as u64,
        orders: intents.count() as u64,
        whole_until: reading.whole_until(),
        damage: reading.damage.as_ref().map(ToString::to_string),
        missing: reading
            .missing
            .iter()
            .map(|gap| (*gap.start(), *gap.end()))
            .collect(),
        searched: reading.searched,
    };
    Ok((rows, condition))
}
