//! Execution: proposals, reports, quotes and time in; commands and records out. One step, no I/O, no clock.
//!
//! `gate` checks hard limits and alone makes an intent, `router` alone makes an order, `order` keeps what the
//! venue has told of one, `account` the cash and positions, `ledger` what was intended before it left; `step` takes
//! the inputs and `lifecycle` walks a trade from its entry to the last cancelled stop.

mod account;
mod archive;
mod child_orders;
mod client_id;
mod conduct;
mod control;
mod entry_course;
mod entry_follow_up;
mod entry_schedule;
mod exact;
mod exit_plan;
mod exit_router;
mod gate;
mod input;
mod inquiry;
mod ledger;
mod ledger_entry;
mod ledger_row;
mod lifecycle;
mod maker_first;
mod mutant;
mod order;
mod payload;
mod places;
mod position;
mod protection;
mod reason;
mod reconcile;
mod reconcile_account;
mod reconcile_orders;
mod records;
mod recovery;
mod report;
mod reports;
mod retry;
mod router;
mod schedule;
mod schedule_choice;
mod scheduled_course;
mod scheduled_entry;
mod settings;
mod snapshot;
mod step;
mod trade;
mod trade_entry;
mod trade_plan;
mod venue_clock;
mod venue_score;
mod view;

pub use account::{Account, AmountError, CashKind, CashMovement, PositionMode};
pub use child_orders::{child_orders, ChildOrders};
pub use client_id::{ClientId, Leg};
pub use conduct::{
    Budget, ConductSettings, EntryMode, Measure, RequestBudgets, RequestWeights, SilenceRule,
    TokenBucket, TradingWindow, VenueUsage, WindowRules,
};
pub use entry_schedule::{Pace, Schedule, ScheduledEntry, ScheduledTrade, LONGEST_SCHEDULE_NS};
pub use exact::{funding_payment, multiply_divide, LARGEST_AMOUNT};
pub use exit_plan::{
    BreakEven, BreakEvenTrigger, ExitPlan, Target, Trailing, MAX_TARGETS, WHOLE_E4,
};
pub use exit_router::{route_exit, route_stop, route_target, StopPrice, Ticket};
pub use gate::{Busy, Exposure, Gate, HardLimits, Intent, Proposal, ProposalError, Route, Touch};
pub use input::{Input, Verb};
pub use ledger::{new_rows, Admission, LedgerStore, LedgerWriter, MemoryLedger};
pub use ledger_entry::{side_name, LedgerEntry};
pub use ledger_row::{LedgerError, LedgerKind, LedgerRow, LEDGER_FORMAT};
pub use maker_first::{EntryPlan, MakerFirst};
#[cfg(any(test, feature = "mutants"))]
pub use mutant::plant;
pub use mutant::Mutant;
pub use order::{OrderRecord, OrderState, Transition, ABSENCE_GRACE_NS, RECEIVE_WINDOW_NS};
pub use payload::{
    check_payload, AccountStanding, MarketStanding, Payload, Place, Repair, RepairField,
    RepairReason, WorkingOrder,
};
pub use position::{value_at_mid, Position};
pub use reason::ReasonCode;
pub use reconcile::{
    reconcile, Correction, LocalBooks, RecentFill, Reconciliation, Suspect, Suspicion,
    CONFIRMATION_NS,
};
pub use records::{AccountView, Decision, FillRow, InstrumentView, OrderEvent, OrderEventRow};
pub use report::{
    Evidence, ExecutionReport, LastFill, Liquidity, Rejection, ReportStatus, VenueWord,
};
pub use retry::{Backoff, RetryClass, TransportOutcome};
pub use router::{
    floor_lot, route_entry, route_entry_at, Order, OrderKind, OrderSpec, TimeInForce,
};
pub use schedule::{
    due_share, participation, shown, slice_weights, time_weighted, volume_curve, volume_weighted,
    CURVE_SLOTS, MAX_SLICE_WEIGHTS,
};
pub use schedule_choice::{choose_schedule, ChoiceRules, EntrySituation, ScheduleChoice};
pub use settings::{ExecutionSettings, Timeouts};
pub use snapshot::{
    DiffAction, DiffCause, DiffField, DiffRow, DiffValue, PositionCorrection, VenueOrder,
    VenuePosition, VenueSnapshot, VenueTrade,
};
pub use step::{Command, Execution, ExecutionError, Output};
pub use trade_plan::TradePlan;
pub use venue_clock::VenueClock;
pub use venue_score::{best_venue, venue_score, VenueQuality};

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod bracket_tests;
#[cfg(test)]
mod close_tests;
#[cfg(test)]
mod conduct_step_tests;
#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod ledger_format_tests;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod naive_link;
#[cfg(test)]
mod naive_truth;
#[cfg(test)]
mod naive_venue;
#[cfg(test)]
mod order_history_tests;
#[cfg(test)]
mod order_table_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod position_tests;
#[cfg(test)]
mod protection_tests;
#[cfg(test)]
mod reconcile_tests;
#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod step_tests;
