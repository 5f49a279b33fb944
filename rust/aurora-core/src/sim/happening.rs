//! What happens in the simulation, and in which order.

use super::fault::Fault;
use super::gateway::Outcome;
use crate::execution::Verb;
use crate::symbol_rules::SymbolRules;
use crate::venue::{Call, UserEvent};

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Market(usize),
    Quote {
        symbol: usize,
        bid: i64,
        ask: i64,
        /// Traded since the quote before.
        traded: i64,
    },
    /// A request reaches the venue.
    Arrive {
        life: u32,
        request: u64,
        call: Call,
    },
    /// What comes back for it.
    Return {
        life: u32,
        request: u64,
        outcome: Outcome,
    },
    /// An event of the user stream reaches the process.
    Event {
        life: u32,
        connection: u32,
        event: UserEvent,
        garbled: bool,
    },
    StreamUp,
    Restart,
    Begin(Fault),
    End(Fault),
    Propose,
    /// The gateway asks for the venue's rules.
    Poll,
    /// And hears them.
    Rules {
        life: u32,
        symbol: usize,
        rules: Box<SymbolRules>,
    },
    Operator(Verb),
}

#[derive(Debug, Clone)]
pub(super) struct Due {
    pub at_ns: i64,
    pub number: u64,
    pub what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at_ns, self.number).cmp(&(other.at_ns, other.number))
    }
}
