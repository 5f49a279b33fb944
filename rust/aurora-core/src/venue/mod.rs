//! The simulated venue: matches orders against the captured book at exchange time.
//!
//! [`Venue`] is the exchange: requests and market events in, replies and numbered user events out, with the filters,
//! codes and order semantics of Binance USDⓈ-M futures. [`VenueLink`] puts latency between it and a client.
//! [`SimulatedVenue`] is the same matching for a replay's desk, which asks and hears in its own words.
//!
//! The rules of matching, each the cautious one unless the settings say otherwise:
//! - **Queue**: everything displayed at our price when we arrive is ahead of us. Trades at our price by the
//!   opposite aggressor eat it, and their excess fills us. Where other shrinking of the level was standing is the
//!   [`QueueModel`]'s matter.
//! - **Through**: a trade beyond our price would have met us first: its whole size fills us, nobody is ahead.
//! - **Crossing**: an opposite side displayed at or through our price fills us up to what it displays.
//! - **Taking**: an aggressive order walks touch and ladder in whole lots to its limit; the venue ends the rest.
//!   What was taken from a displayed level is gone until that level changes. A triggered stop gets nothing
//!   better than the trade that triggered it.
//! - **Time**: an order meets only events that happened at the exchange at or after its own arrival there.
//! - **Touch**: a bookTicker newer than the ladder stands for everything at its price and better.
//! - **No book**: without a synchronised book orders that need one are refused, triggered stops wait, and trades
//!   still fill what rests.
//!
//! Own fills do not change the recorded book: nobody reacts to us, so sizes must stay small against depth.
//! Prints without a ticker or depth update do not thin the displayed levels that a taker walks.

mod account;
mod admission;
mod budget;
mod checks;
mod client_order_id;
mod commands;
mod conditional;
mod decimal;
mod depth;
mod error;
mod exchange;
mod latency;
mod link;
mod margin;
mod market;
mod matching;
mod order;
mod queries;
mod queue;
mod records;
mod request;
mod rules;
mod settings;
mod simulated;
mod stream;
mod touch_quotes;

pub use account::Holding;
pub use budget::{Budget, BudgetLimits, Usage};
pub use client_order_id::ClientOrderId;
pub use decimal::Decimal;
pub use error::VenueError;
pub use exchange::Venue;
pub use latency::{Latency, LatencyRow};
pub use link::{Delivery, LinkLatency, VenueLink};
pub use margin::Margin;
pub use market::FundingSchedule;
pub use order::{
    AccountId, AlgoRow, AlgoStatus, ExpiryReason, NewOrder, OrderRow, OrderStatus, OrderType,
    PositionSide, SelfTradePrevention, TimeInForce, WorkingType,
};
pub use queue::QueueModel;
pub use request::{
    AccountSnapshot, Answer, Call, OrderKey, PositionRow, Reply, Request, RECEIVE_WINDOW_NS,
};
pub use rules::{Bracket, SymbolRules};
pub use settings::{
    Checks, CrossingFill, ImmediateRefusal, MarkSource, ThroughFill, VenueFees, VenueSettings,
};
pub(crate) use simulated::payload;
pub use simulated::{SimulatedVenue, Stamp};
pub use stream::{
    AccountReason, AlgoStep, CashKind, CashRow, Counterparty, ExecutionType, OrderStep, TradeRow,
    TruthLog, UserEvent, UserEventKind,
};
pub use touch_quotes::{by_exchange_time, quote_touch, TouchQuote, TouchQuoteSettings};

#[cfg(test)]
mod conditional_tests;
#[cfg(test)]
mod margin_tests;
#[cfg(test)]
mod orders_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod refusals_tests;
#[cfg(test)]
pub(crate) mod test_bench;
