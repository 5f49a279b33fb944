//! What execution is told.

use serde::{Deserialize, Serialize};

use super::account::CashMovement;
use super::conduct::{EntryMode, Measure};
use super::entry_schedule::Schedule;
use super::exit_plan::ExitPlan;
use super::gate::Proposal;
use super::report::ExecutionReport;
use super::snapshot::VenueSnapshot;
use crate::symbol_rules::SymbolRules;

/// What execution takes; times never fall from one input to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The local touch changed; zero bid and ask: there is none.
    Quote {
        instrument: usize,
        local_ns: i64,
        bid: i64,
        ask: i64,
    },
    Report(ExecutionReport),
    /// Cash moved without a fill: funding, a fee in another asset, a transfer.
    Cash(CashMovement),
    /// Time passed: everything due until then fires, as of now.
    Clock {
        now_ns: i64,
    },
    /// A trade to make now, with a stop and a deadline.
    Proposal {
        now_ns: i64,
        proposal: Proposal,
    },
    /// The same with targets, break-even or a trailing stop.
    Bracket {
        now_ns: i64,
        proposal: Proposal,
        exits: ExitPlan,
    },
    /// The same, its entry worked over time by a schedule.
    Worked {
        now_ns: i64,
        proposal: Proposal,
        exits: ExitPlan,
        schedule: Schedule,
    },
    /// What the market has traded in an instrument since the last of these, in size quanta; only
    /// [`super::Execution::measures_volume`] makes it matter.
    Volume {
        instrument: usize,
        size: i64,
    },
    /// The venue's account, and the reports that came while it was fetched.
    Snapshot {
        snapshot: VenueSnapshot,
        buffered: Vec<ExecutionReport>,
    },
    /// The venue's stream is back: events may have been missed.
    Reconnected {
        local_ns: i64,
    },
    Operator {
        now_ns: i64,
        verb: Verb,
    },
    /// The venue's mark price and last trade, where known; zero: there is none.
    Mark {
        instrument: usize,
        local_ns: i64,
        mark: i64,
        last: i64,
    },
    /// The venue's rules of a symbol, at the start and when they have changed.
    Rules {
        instrument: usize,
        local_ns: i64,
        rules: Box<SymbolRules>,
    },
    /// What breakers leave of an instrument's entries, until told otherwise.
    Entries {
        instrument: usize,
        local_ns: i64,
        mode: EntryMode,
    },
    /// What the gateway has measured.
    Gateway {
        local_ns: i64,
        measure: Measure,
    },
}

/// What an operator may order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Refuse new trades, cancel what could open a position, flatten everything, cancel stops last.
    Kill,
    /// Allow new trades again.
    Resume,
    /// End what an instrument has now: cancel its entries, flatten, cancel stops last. Trades may follow. Of two sides
    /// that no trade holds, in hedge mode, one is flattened.
    Close { instrument: usize },
}
