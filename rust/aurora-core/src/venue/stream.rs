//! What the venue tells an account unasked, and what it writes down for itself.

use serde::{Deserialize, Serialize};

use super::account::Holding;
use super::client_order_id::ClientOrderId;
use super::error::VenueError;
use super::order::{
    AccountId, AlgoRow, AlgoStatus, ExpiryReason, OrderRow, OrderStatus, PositionSide,
};
use crate::book::Quote;
use crate::execution::Liquidity;
use crate::instrument::Side;
use crate::units::Money;

/// One side of a trade. Two orders of the venue that meet each other have one trade id and a row each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeRow {
    pub trade_id: u64,
    pub order_id: u64,
    pub account: AccountId,
    pub symbol: usize,
    pub client_id: ClientOrderId,
    pub side: Side,
    pub position_side: PositionSide,
    pub price: i64,
    pub size: i64,
    pub fee: Money,
    pub realised: Money,
    pub liquidity: Liquidity,
    /// Touch of the recorded book at the match, where it had one.
    pub touch: Option<Quote>,
    /// The other order, when it is one of the venue's.
    pub counter_order: Option<u64>,
    pub exchange_ns: i64,
}

/// What happened to an order; the exchange's `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExecutionType {
    New,
    Canceled,
    /// A fill of a liquidation.
    Calculated,
    Expired,
    Trade,
    Amendment,
}

/// Why an account changed; the exchange's `m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccountReason {
    Deposit,
    Order,
    FundingFee,
    InsuranceClear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEventKind {
    /// ORDER_TRADE_UPDATE.
    Order {
        order: OrderRow,
        execution: ExecutionType,
        trade: Option<TradeRow>,
    },
    /// TRADE_LITE.
    TradeLite(TradeRow),
    /// ACCOUNT_UPDATE: what has changed, nothing else.
    Account {
        reason: AccountReason,
        wallet: Money,
        position: Option<(usize, PositionSide, Holding)>,
    },
    /// ALGO_UPDATE.
    Algo(AlgoRow),
    /// CONDITIONAL_ORDER_TRIGGER_REJECT.
    TriggerRejected {
        symbol: usize,
        algo_id: u64,
        error: VenueError,
    },
    /// ACCOUNT_CONFIG_UPDATE.
    Leverage { symbol: usize, leverage: u32 },
    /// ACCOUNT_CONFIG_UPDATE.
    PositionMode { hedge_mode: bool },
}

/// An event of one account's stream; numbers rise by one from 1, so a receiver's gap shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEvent {
    pub account: AccountId,
    pub number: u64,
    pub exchange_ns: i64,
    pub kind: UserEventKind,
}

/// Who stands at the other end of a cash movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Counterparty {
    /// The recorded market: profits, losses and funding.
    Market,
    /// The venue: trading fees.
    Fees,
    /// The insurance fund: liquidation fees in, uncovered losses out.
    Insurance,
    /// The outside world.
    Outside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CashKind {
    Deposit,
    RealisedProfit,
    Fee,
    Funding,
    LiquidationFee,
    InsuranceCover,
}

impl CashKind {
    pub fn counterparty(self) -> Counterparty {
        match self {
            CashKind::Deposit => Counterparty::Outside,
            CashKind::RealisedProfit | CashKind::Funding => Counterparty::Market,
            CashKind::Fee => Counterparty::Fees,
            CashKind::LiquidationFee | CashKind::InsuranceCover => Counterparty::Insurance,
        }
    }
}

/// One movement of cash, to the account; its counterparty has the same amount less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashRow {
    pub account: AccountId,
    pub kind: CashKind,
    pub amount: Money,
    pub symbol: Option<usize>,
    pub trade_id: Option<u64>,
    pub exchange_ns: i64,
}

/// One step in the life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStep {
    pub order_id: u64,
    pub execution: ExecutionType,
    pub status: OrderStatus,
    pub size: i64,
    pub executed: i64,
    pub expiry: ExpiryReason,
    pub exchange_ns: i64,
}

/// One step in the life of a conditional order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgoStep {
    pub algo_id: u64,
    pub status: AlgoStatus,
    pub order_id: Option<u64>,
    pub exchange_ns: i64,
}

/// Everything that has happened at the venue, in order. Only a venue that keeps its history fills it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthLog {
    /// Orders as they came to be; their steps tell the rest.
    pub opened: Vec<OrderRow>,
    /// Conditional orders as they came to be.
    pub opened_algos: Vec<AlgoRow>,
    pub steps: Vec<OrderStep>,
    pub algo_steps: Vec<AlgoStep>,
    pub trades: Vec<TradeRow>,
    pub cash: Vec<CashRow>,
}
