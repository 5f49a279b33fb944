//! Orders as the venue takes and holds them.

use serde::{Deserialize, Serialize};

use super::client_order_id::ClientOrderId;
use super::decimal::Decimal;
use crate::instrument::Side;
use crate::units::Money;

pub use crate::symbol_rules::{OrderType, PositionSide, TimeInForce, WorkingType};

/// Index of an account at the venue.
pub type AccountId = u32;

/// What happens when an order would meet one of its own account. The taker's mode decides; it works on GTC, IOC
/// and GTD orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SelfTradePrevention {
    None,
    ExpireTaker,
    ExpireMaker,
    ExpireBoth,
}

/// A new order as its payload asks for it; nothing is checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Index of the instrument at the venue.
    pub symbol: usize,
    pub client_id: ClientOrderId,
    pub side: Side,
    pub position_side: PositionSide,
    pub kind: OrderType,
    pub time_in_force: Option<TimeInForce>,
    pub quantity: Option<Decimal>,
    pub price: Option<Decimal>,
    pub trigger: Option<Decimal>,
    pub working_type: WorkingType,
    /// A trigger does not fire while mark and last price are further apart than the symbol's protection.
    pub price_protect: bool,
    /// Trailing stop: retracement that triggers, in 1e-4 (10 to 1 000, which is 0.1 % to 10 %).
    pub callback_bps: Option<i64>,
    /// Trailing stop: the working price has to reach this before the extreme is followed.
    pub activation: Option<Decimal>,
    pub reduce_only: bool,
    pub close_position: bool,
    /// GTD: end of the order's life, nanoseconds since the epoch.
    pub good_till_ns: Option<i64>,
    pub self_trade_prevention: SelfTradePrevention,
}

impl NewOrder {
    /// A good-till-cancelled limit order; the other fields as the exchange's defaults have them.
    pub fn limit(
        symbol: usize,
        client_id: ClientOrderId,
        side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> NewOrder {
        NewOrder {
            symbol,
            client_id,
            side,
            position_side: PositionSide::Both,
            kind: OrderType::Limit,
            time_in_force: Some(TimeInForce::Gtc),
            quantity: Some(quantity),
            price: Some(price),
            trigger: None,
            working_type: WorkingType::ContractPrice,
            price_protect: false,
            callback_bps: None,
            activation: None,
            reduce_only: false,
            close_position: false,
            good_till_ns: None,
            self_trade_prevention: SelfTradePrevention::ExpireMaker,
        }
    }

    pub fn market(
        symbol: usize,
        client_id: ClientOrderId,
        side: Side,
        quantity: Decimal,
    ) -> NewOrder {
        NewOrder {
            kind: OrderType::Market,
            time_in_force: None,
            price: None,
            ..NewOrder::limit(symbol, client_id, side, quantity, quantity)
        }
    }

    /// A market order at a trigger.
    pub fn stop_market(
        symbol: usize,
        client_id: ClientOrderId,
        side: Side,
        trigger: Decimal,
        quantity: Decimal,
    ) -> NewOrder {
        NewOrder {
            kind: OrderType::StopMarket,
            trigger: Some(trigger),
            ..NewOrder::market(symbol, client_id, side, quantity)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderStatus {
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
}

impl OrderStatus {
    pub fn is_open(self) -> bool {
        matches!(self, OrderStatus::New | OrderStatus::PartiallyFilled)
    }

    pub fn name(self) -> &'static str {
        match self {
            OrderStatus::New => "NEW",
            OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
            OrderStatus::Filled => "FILLED",
            OrderStatus::Canceled => "CANCELED",
            OrderStatus::Expired => "EXPIRED",
            OrderStatus::ExpiredInMatch => "EXPIRED_IN_MATCH",
        }
    }
}

/// Why an order ended otherwise than by fills or a cancel; the exchange's `er`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExpiryReason {
    None,
    SelfTradePrevention,
    ImmediateOrCancel,
    ImmediateOrCancelSelfTrade,
    /// Knocked out by a reduce-only order of higher priority, or it would open a position.
    ReduceOnly,
    Liquidation,
    /// A market order that the book could not fill.
    MarketUnfilled,
}

impl ExpiryReason {
    pub fn code(self) -> u8 {
        match self {
            ExpiryReason::None => 0,
            ExpiryReason::SelfTradePrevention => 1,
            ExpiryReason::ImmediateOrCancel => 2,
            ExpiryReason::ImmediateOrCancelSelfTrade => 3,
            ExpiryReason::ReduceOnly => 4,
            ExpiryReason::Liquidation => 5,
            ExpiryReason::MarketUnfilled => 9,
        }
    }
}

/// An order in the venue's books, in quanta of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    pub order_id: u64,
    pub account: AccountId,
    pub symbol: usize,
    pub client_id: ClientOrderId,
    pub side: Side,
    pub position_side: PositionSide,
    /// `Limit` or `Market`: a triggered order bears the type it has become.
    pub kind: OrderType,
    pub time_in_force: TimeInForce,
    pub price: Option<i64>,
    pub size: i64,
    pub executed: i64,
    /// Notional of what was executed.
    pub quote: Money,
    pub reduce_only: bool,
    pub close_position: bool,
    pub good_till_ns: Option<i64>,
    pub self_trade_prevention: SelfTradePrevention,
    pub status: OrderStatus,
    pub expiry: ExpiryReason,
    /// The conditional order that this one came from.
    pub algo_id: Option<u64>,
    pub amendments: u32,
    pub created_ns: i64,
    pub updated_ns: i64,
}

impl OrderRow {
    pub fn left(&self) -> i64 {
        self.size - self.executed
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlgoStatus {
    New,
    /// Triggered while there was no book to execute against.
    Triggering,
    /// The order it becomes has been placed.
    Triggered,
    /// That order has ended.
    Finished,
    Canceled,
    Expired,
    /// The order it would have become was refused.
    Rejected,
}

impl AlgoStatus {
    pub fn is_open(self) -> bool {
        matches!(self, AlgoStatus::New | AlgoStatus::Triggering)
    }

    pub fn name(self) -> &'static str {
        match self {
            AlgoStatus::New => "NEW",
            AlgoStatus::Triggering => "TRIGGERING",
            AlgoStatus::Triggered => "TRIGGERED",
            AlgoStatus::Finished => "FINISHED",
            AlgoStatus::Canceled => "CANCELED",
            AlgoStatus::Expired => "EXPIRED",
            AlgoStatus::Rejected => "REJECTED",
        }
    }
}

/// A conditional order in the venue's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgoRow {
    pub algo_id: u64,
    pub account: AccountId,
    pub order: NewOrder,
    pub size: i64,
    pub price: Option<i64>,
    /// The trigger; of a trailing stop, where it stands now.
    pub trigger: Option<i64>,
    pub status: AlgoStatus,
    /// The order it became.
    pub order_id: Option<u64>,
    pub created_ns: i64,
    pub updated_ns: i64,
}
