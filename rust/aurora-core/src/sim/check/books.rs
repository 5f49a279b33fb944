//! Money and size: the process's, the ledger's and the venue's.

use std::collections::BTreeSet;

use super::orders::intents;
use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::{ExecutionReport, LedgerKind};
use crate::instrument::Side;
use crate::sim::history::{History, LogEntry};
use crate::units::Money;

/// Positions by symbol, and cash, by the convention that a fill moves cash by its signed notional and its fee.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Books {
    positions: Vec<i64>,
    cash: Money,
}

impl Books {
    fn new(history: &History) -> Books {
        Books {
            positions: vec![0; history.instruments.len()],
            cash: history.start_cash,
        }
    }

    fn fill(&mut self, history: &History, symbol: usize, side: Side, fill: (i64, i64, Money)) {
        let (price, size, fee) = fill;
        let notional = history.instruments[symbol].notional(price, size);
        self.positions[symbol] += side.sign() * size;
        self.cash -= fee;
        match side {
            Side::Buy => self.cash -= notional,
            Side::Sell => self.cash += notional,
        }
    }
}

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let end_ns = history.scenario.end_ns;
    let mut theirs = Books::new(history);
    for trade in truth.trades {
        let fill = (trade.price, trade.size, trade.fee);
        theirs.fill(history, trade.symbol, trade.side, fill);
    }
    let mut ours = Books::new(history);
    for row in &history.log {
        if let LogEntry::Account {
            instrument,
            position,
            cash,
            ..
        } = row.entry
        {
            ours.positions[instrument] = position;
            ours.cash = cash;
        }
    }
    if ours != theirs {
        let what = format!("ours {ours:?}, the venue's {theirs:?}");
        violate(found, Invariant::BooksEqual, end_ns, what);
    }
    let from_ledger = check_ledger(history, found);
    if from_ledger != theirs {
        let what = format!("the ledger's {from_ledger:?}, the venue's {theirs:?}");
        violate(found, Invariant::LedgerWhole, end_ns, what);
    }
}

/// The rows one by one, and the books that they add up to.
fn check_ledger(history: &History, found: &mut Vec<Violation>) -> Books {
    let end_ns = history.scenario.end_ns;
    let mut books = Books::new(history);
    let mut seen = BTreeSet::new();
    let intents = intents(history);
    let acknowledged = history.stored.last().map_or(0, |(_, next)| *next);
    if (history.ledger.len() as u64) < acknowledged {
        let what = format!("{} rows of {acknowledged} are left", history.ledger.len());
        violate(found, Invariant::LedgerWhole, end_ns, what);
    }
    for (expected, row) in history.ledger.iter().enumerate() {
        if row.sequence != expected as u64 || row.verify().is_err() {
            let what = format!("row {expected} is {row:?}");
            violate(found, Invariant::LedgerWhole, end_ns, what);
        }
        match row.kind {
            LedgerKind::Cash | LedgerKind::Correction => {
                let what = format!("{:?} at local time {}", row.kind, row.local_ns);
                violate(found, Invariant::NothingInvented, end_ns, what);
            }
            LedgerKind::Report => {
                let Ok(report) = row.decode::<ExecutionReport>() else {
                    let what = format!("row {expected} is no report");
                    violate(found, Invariant::LedgerWhole, end_ns, what);
                    continue;
                };
                let intent = intents.get(&report.client_id);
                if let (Some(intent), Some(last)) = (intent, report.last) {
                    if seen.insert((report.client_id, last.trade_id)) {
                        let spec = &intent.spec;
                        let fill = (last.price, last.size, last.fee);
                        books.fill(history, spec.instrument, spec.side, fill);
                    }
                }
            }
            _ => {}
        }
    }
    books
}
