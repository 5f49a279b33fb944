//! What a run leaves behind: the venue's truth, the ledger, and the log that the process exported. The checker reads
//! this and nothing else.

use super::fault::Fault;
use super::scenario::Scenario;
use crate::execution::{DiffRow, FillRow, LedgerRow, OrderEventRow, ReasonCode};
use crate::instrument::Instrument;
use crate::units::Money;
use crate::venue::TruthLog;

/// One line of the exported log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    Order(OrderEventRow),
    Fill(FillRow),
    Diff(DiffRow),
    Decision {
        trace: u64,
        reason: ReasonCode,
    },
    /// Written when it has changed, and at the start of each life.
    Account {
        instrument: usize,
        position: i64,
        reserved: Money,
        cash: Money,
    },
    /// The process could not take an input, or could not start.
    Failure(String),
}

/// True time, which the process does not know, and in which of its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub at_ns: i64,
    pub life: u32,
    pub entry: LogEntry,
}

/// Everything that a run leaves behind.
#[derive(Debug, Clone)]
pub struct History {
    pub scenario: Scenario,
    pub instruments: Vec<Instrument>,
    pub start_cash: Money,
    pub log: Vec<LogRow>,
    /// Rows of the ledger at the end.
    pub ledger: Vec<LedgerRow>,
    /// True time at which the store had taken all rows below a sequence.
    pub stored: Vec<(i64, u64)>,
    pub truth: TruthLog,
    /// Times at which the process was down, cut off, blocked or its clock stood still.
    pub outages: Vec<(i64, i64)>,
    pub faults: Vec<(i64, Fault)>,
    pub events: u64,
}
