//! Execution: proposals, reports, quotes and time in; commands and records out. One step, no I/O, no clock.
//!
//! `gate` checks hard limits and alone makes an intent, `router` alone makes an order, `order` keeps what the
//! venue has told of one, `position` the account, `ledger` what was intended before it left; `step` takes
//! the inputs and `lifecycle` walks a trade from its entry to the last cancelled stop.

mod client_id;
mod gate;
mod ledger;
mod lifecycle;
mod order;
mod position;
mod reason;
mod records;
mod router;
mod step;
mod trade;
mod view;

pub use client_id::{ClientId, Leg};
pub use gate::{Busy, Exposure, Gate, HardLimits, Intent, Proposal, ProposalError, Route, Touch};
pub use ledger::{
    new_rows, Admission, LedgerError, LedgerKind, LedgerRow, LedgerStore, LedgerWriter,
    MemoryLedger,
};
pub use order::{
    Evidence, ExecutionReport, LastFill, Liquidity, OrderRecord, OrderState, Rejection,
    ReportStatus, Transition,
};
pub use position::{value_at_mid, Account, Position};
pub use reason::ReasonCode;
pub use records::{AccountView, Decision, FillRow, InstrumentView, OrderEvent, OrderEventRow};
pub use router::{
    floor_lot, route_entry, route_exit, route_stop, Order, OrderKind, OrderSpec, Repair,
    RepairField, RepairReason, TimeInForce,
};
pub use step::{Command, Execution, ExecutionError, ExecutionSettings, Input, Output};

#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod position_tests;
#[cfg(test)]
mod step_tests;
