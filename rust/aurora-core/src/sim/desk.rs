//! A process outside the world: execution and its ledger somewhere else, with a life that can really end.

use serde::{Deserialize, Serialize};

use crate::execution::{Command, Execution, ExecutionSettings, Input, LedgerRow, Output};
use crate::instrument::Instrument;
use crate::symbol_rules::SymbolRules;
use crate::units::Money;

/// What a life begins with, beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    pub settings: ExecutionSettings,
    pub instruments: Vec<Instrument>,
    /// What is known of the venue's rules.
    pub rules: Vec<SymbolRules>,
    pub now_ns: i64,
}

/// What the world sees of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub next_timer: Option<i64>,
    /// Position, reserved and cash by instrument.
    pub accounts: Vec<(i64, Money, Money)>,
}

impl Standing {
    pub fn of(execution: &Execution, instruments: usize) -> Standing {
        Standing {
            next_timer: execution.next_timer(),
            accounts: (0..instruments)
                .map(|one| execution.exported(one))
                .collect(),
        }
    }
}

/// What came of an input; the commands are told when its rows are durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    pub outputs: Vec<Output>,
    /// Why the input was not taken.
    pub failure: Option<String>,
    pub standing: Standing,
}

/// Why a process does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It was killed.
    Died,
    /// It has done what it must not do.
    Failed(String),
}

/// The process as the world deals with it: each start and each step is followed by one [`Desk::write`].
pub trait Desk: std::fmt::Debug {
    /// A new life, from the ledger; answers with every row of it.
    ///
    /// # Errors
    /// [`Stop`]; killed only where it `may_die`.
    fn start(
        &mut self,
        beginning: &Beginning,
        may_die: bool,
    ) -> Result<(Stepped, Vec<LedgerRow>), Stop>;

    /// # Errors
    /// [`Stop`].
    fn step(&mut self, input: &Input) -> Result<Stepped, Stop>;

    /// Waits until what was written is durable; answers with the sequence of the next row and with what left then.
    ///
    /// # Errors
    /// [`Stop`]; killed only where it `may_die`.
    fn write(&mut self, may_die: bool) -> Result<(u64, Vec<Command>), Stop>;

    /// Every row of the ledger, after the last life.
    ///
    /// # Errors
    /// What is wrong with the ledger.
    fn rows(&mut self) -> Result<Vec<LedgerRow>, String>;
}

/// Where the execution of a life is.
#[derive(Debug)]
pub(super) enum Hands {
    Here(Box<Execution>),
    Elsewhere(Standing),
}

impl Hands {
    pub fn next_timer(&self) -> Option<i64> {
        match self {
            Hands::Here(execution) => execution.next_timer(),
            Hands::Elsewhere(standing) => standing.next_timer,
        }
    }

    pub fn exported(&self, instrument: usize) -> (i64, Money, Money) {
        match self {
            Hands::Here(execution) => execution.exported(instrument),
            Hands::Elsewhere(standing) => {
                let none = (0, Money::ZERO, Money::ZERO);
                standing.accounts.get(instrument).copied().unwrap_or(none)
            }
        }
    }
}
