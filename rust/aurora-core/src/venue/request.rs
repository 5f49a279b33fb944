//! What a client asks, and what it is answered.

use serde::{Deserialize, Serialize};

use super::account::Holding;
use super::budget::Usage;
use super::client_order_id::ClientOrderId;
use super::decimal::Decimal;
use super::error::VenueError;
use super::margin::Margin;
use super::order::{AccountId, AlgoRow, NewOrder, OrderRow, PositionSide};
use super::stream::TradeRow;
use crate::instrument::Side;
use crate::units::Money;

/// How an order is named in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKey {
    Id(u64),
    /// The latest order of that client id.
    Client(ClientOrderId),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// POST order.
    NewOrder(NewOrder),
    /// POST batchOrders, at most five.
    Batch(Vec<NewOrder>),
    /// PUT order: both numbers are mandatory.
    Modify {
        symbol: usize,
        order: OrderKey,
        side: Side,
        quantity: Decimal,
        price: Decimal,
    },
    /// DELETE order.
    Cancel { symbol: usize, order: OrderKey },
    /// DELETE allOpenOrders.
    CancelAll { symbol: usize },
    /// POST countdownCancelAll: all orders of the symbol go after this time unless asked again; zero stops it.
    Countdown { symbol: usize, countdown_ns: i64 },
    /// GET order.
    Query { symbol: usize, order: OrderKey },
    /// GET openOrders.
    OpenOrders { symbol: Option<usize> },
    /// GET allOrders, rising ids.
    AllOrders {
        symbol: usize,
        from_order_id: u64,
        limit: usize,
    },
    /// GET userTrades, rising ids.
    Trades {
        symbol: usize,
        from_trade_id: u64,
        limit: usize,
    },
    /// POST algoOrder.
    NewAlgo(NewOrder),
    /// DELETE algoOrder.
    CancelAlgo { order: OrderKey },
    /// DELETE algoOpenOrders.
    CancelAllAlgos { symbol: usize },
    /// GET algoOrder.
    QueryAlgo { order: OrderKey },
    /// GET openAlgoOrders.
    OpenAlgos { symbol: Option<usize> },
    /// GET time: the reply bears it.
    Time,
    /// GET account and positionRisk.
    Account,
    /// POST leverage.
    SetLeverage { symbol: usize, leverage: u32 },
    /// POST positionSide/dual.
    SetPositionMode { hedge_mode: bool },
}

impl Request {
    /// Request weight of the address.
    pub fn weight(&self) -> u32 {
        match self {
            Request::NewOrder(_) | Request::NewAlgo(_) | Request::Modify { .. } => 0,
            Request::Batch(_)
            | Request::AllOrders { .. }
            | Request::Trades { .. }
            | Request::Account => 5,
            Request::Countdown { .. } => 10,
            Request::OpenOrders { symbol: None } | Request::OpenAlgos { symbol: None } => 40,
            _ => 1,
        }
    }

    /// Orders it counts as.
    pub fn orders(&self) -> u32 {
        match self {
            Request::NewOrder(_) | Request::NewAlgo(_) | Request::Modify { .. } => 1,
            Request::Batch(orders) => u32::try_from(orders.len()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }
}

/// A request as it reaches the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub account: AccountId,
    /// The request's own timestamp by the client's clock; none is not checked.
    pub timestamp_ns: Option<i64>,
    pub receive_window_ns: i64,
    pub request: Request,
}

/// The exchange's default `recvWindow`.
pub const RECEIVE_WINDOW_NS: i64 = 5_000_000_000;

impl Call {
    pub fn new(account: AccountId, request: Request) -> Call {
        Call {
            account,
            timestamp_ns: None,
            receive_window_ns: RECEIVE_WINDOW_NS,
            request,
        }
    }
}

/// A position as the account query shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRow {
    pub symbol: usize,
    pub position_side: PositionSide,
    pub holding: Holding,
    pub unrealised: Money,
}

/// An account at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSnapshot {
    pub exchange_ns: i64,
    pub wallet: Money,
    pub margin: Margin,
    pub hedge_mode: bool,
    /// Positions that are not flat, by symbol and side.
    pub positions: Vec<PositionRow>,
    /// Number of the last stream event that is in this snapshot. The exchange has nothing like it: it is for checkers.
    pub last_event: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Order(OrderRow),
    Orders(Vec<OrderRow>),
    Batch(Vec<Result<OrderRow, VenueError>>),
    Algo(AlgoRow),
    Algos(Vec<AlgoRow>),
    Trades(Vec<TradeRow>),
    Account(AccountSnapshot),
    /// `{"code": 200}`.
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub exchange_ns: i64,
    pub usage: Usage,
    /// With 429 and 418: how long to wait.
    pub retry_after_ns: Option<i64>,
    pub outcome: Result<Answer, VenueError>,
}

impl Reply {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        match &self.outcome {
            Ok(_) => 200,
            Err(error) => error.status(),
        }
    }
}
