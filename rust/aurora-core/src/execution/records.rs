//! Rows that execution leaves behind: what was decided, what happened to orders, what was filled.

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::gate::Touch;
use super::order::OrderState;
use super::reason::ReasonCode;
use super::report::{Liquidity, Rejection};
use super::router::{OrderSpec, Repair};
use crate::instrument::Side;
use crate::units::Money;

/// How a proposal ended; final at decision time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub trace: u64,
    pub local_ns: i64,
    pub reason: ReasonCode,
    /// Set when an order was made.
    pub client_id: Option<ClientId>,
    /// Limit price of the order.
    pub price: Option<i64>,
    /// Size of the order, zero when denied.
    pub size: i64,
    pub repairs: Vec<Repair>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderEvent {
    Placed,
    CancelRequested,
    Accepted,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    Expired,
    CancelRejected,
    Unknown,
    Sent,
    Triggered,
    ExpiredInMatch,
    NotFound,
    Unrecognised,
    NotListed,
}

impl OrderEvent {
    pub fn name(self) -> &'static str {
        match self {
            OrderEvent::Placed => "placed",
            OrderEvent::CancelRequested => "cancel_requested",
            OrderEvent::Accepted => "accepted",
            OrderEvent::PartiallyFilled => "partially_filled",
            OrderEvent::Filled => "filled",
            OrderEvent::Cancelled => "cancelled",
            OrderEvent::Rejected => "rejected",
            OrderEvent::Expired => "expired",
            OrderEvent::CancelRejected => "cancel_rejected",
            OrderEvent::Unknown => "unknown",
            OrderEvent::Sent => "sent",
            OrderEvent::Triggered => "triggered",
            OrderEvent::ExpiredInMatch => "expired_in_match",
            OrderEvent::NotFound => "not_found",
            OrderEvent::NotListed => "not_listed",
            OrderEvent::Unrecognised => "unrecognised",
        }
    }
}

/// One event in the life of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEventRow {
    pub local_ns: i64,
    /// Exchange time of a report; none for what we did ourselves.
    pub exchange_ns: Option<i64>,
    pub event: OrderEvent,
    /// State after the event.
    pub state: OrderState,
    pub spec: OrderSpec,
    pub cumulative: i64,
    pub rejection: Option<Rejection>,
    /// Changes of the payload, on the row of its placing.
    pub repairs: Vec<Repair>,
}

/// One unique fill, with the account after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillRow {
    pub local_ns: i64,
    pub exchange_ns: i64,
    pub instrument: usize,
    pub trace: u64,
    pub client_id: ClientId,
    pub leg: Leg,
    pub trade_id: u64,
    pub side: Side,
    pub price: i64,
    pub size: i64,
    pub fee: Money,
    pub liquidity: Liquidity,
    /// Touch at the venue when it matched.
    pub touch: Option<Touch>,
    pub position_after: i64,
    pub cash_after: Money,
}

/// The account as seen between events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub cash: Money,
    /// Cash plus positions at their marks.
    pub equity: Money,
    pub day_start_equity: Money,
    /// Realised P&L before fees.
    pub realised: Money,
    pub fees: Money,
    pub funding: Money,
    pub instruments: Vec<InstrumentView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentView {
    /// Signed size quanta.
    pub position: i64,
    /// Money per unit of base; of the long position where hedge mode holds both.
    pub average_entry: Option<Money>,
    /// Bid + ask of the last valid local touch: twice the mid, exact.
    pub twice_mark: Option<i64>,
    /// Signed value of the position at its mark.
    pub value: Money,
    /// Realised P&L before fees.
    pub realised: Money,
    /// Value less what is open cost.
    pub unrealised: Money,
    /// A trade is open: a position, or orders that have not all ended.
    pub trade_open: bool,
    /// Worst-case notional of entries still working.
    pub reserved: Money,
}
