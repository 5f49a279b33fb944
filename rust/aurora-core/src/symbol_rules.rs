//! What an exchange's `exchangeInfo` and leverage brackets say of one symbol, and the words its orders are made of:
//! the venue enforces them, the router keeps to them.

use serde::{Deserialize, Serialize};

use crate::instrument::Instrument;
use crate::units::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderType {
    Limit,
    Market,
    /// Limit order at a trigger.
    Stop,
    StopMarket,
    TakeProfit,
    TakeProfitMarket,
    TrailingStopMarket,
}

impl OrderType {
    pub const ALL: [OrderType; 7] = [
        OrderType::Limit,
        OrderType::Market,
        OrderType::Stop,
        OrderType::StopMarket,
        OrderType::TakeProfit,
        OrderType::TakeProfitMarket,
        OrderType::TrailingStopMarket,
    ];

    /// Name in the exchange's payloads.
    pub fn name(self) -> &'static str {
        match self {
            OrderType::Limit => "LIMIT",
            OrderType::Market => "MARKET",
            OrderType::Stop => "STOP",
            OrderType::StopMarket => "STOP_MARKET",
            OrderType::TakeProfit => "TAKE_PROFIT",
            OrderType::TakeProfitMarket => "TAKE_PROFIT_MARKET",
            OrderType::TrailingStopMarket => "TRAILING_STOP_MARKET",
        }
    }

    /// Waits for a trigger; belongs to the endpoints of conditional orders.
    pub fn is_conditional(self) -> bool {
        !matches!(self, OrderType::Limit | OrderType::Market)
    }

    /// Bears a limit price, now or once triggered.
    pub fn has_price(self) -> bool {
        matches!(
            self,
            OrderType::Limit | OrderType::Stop | OrderType::TakeProfit
        )
    }

    pub fn is_take_profit(self) -> bool {
        matches!(self, OrderType::TakeProfit | OrderType::TakeProfitMarket)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeInForce {
    Gtc,
    Ioc,
    Fok,
    /// Post only.
    Gtx,
    Gtd,
}

impl TimeInForce {
    pub const ALL: [TimeInForce; 5] = [
        TimeInForce::Gtc,
        TimeInForce::Ioc,
        TimeInForce::Fok,
        TimeInForce::Gtx,
        TimeInForce::Gtd,
    ];

    pub fn name(self) -> &'static str {
        match self {
            TimeInForce::Gtc => "GTC",
            TimeInForce::Ioc => "IOC",
            TimeInForce::Fok => "FOK",
            TimeInForce::Gtx => "GTX",
            TimeInForce::Gtd => "GTD",
        }
    }
}

/// Which price a trigger watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkingType {
    /// The last trade; the exchange's default.
    ContractPrice,
    MarkPrice,
}

/// Which position an order works on: `Both` in one-way mode, the others in hedge mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PositionSide {
    Both,
    Long,
    Short,
}

impl PositionSide {
    pub const ALL: [PositionSide; 3] =
        [PositionSide::Both, PositionSide::Long, PositionSide::Short];
}

/// One step of the leverage brackets. Maintenance margin is `notional × rate − amount`, the amount making it
/// continuous from one step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bracket {
    /// Notional up to which the step holds.
    pub notional_cap: Money,
    /// Highest leverage that may be chosen with such a notional.
    pub leverage: u32,
    pub maintenance_rate_e8: i64,
    pub maintenance_amount: Money,
}

/// Filters and limits of a symbol; prices and sizes in quanta of its instrument, ratios in 1e-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolRules {
    /// Most digits after the point that a payload's price and quantity may have.
    pub price_precision: u8,
    pub quantity_precision: u8,
    pub min_price: i64,
    pub max_price: i64,
    pub tick: i64,
    pub min_size: i64,
    pub max_size: i64,
    pub step: i64,
    pub market_min_size: i64,
    pub market_max_size: i64,
    pub market_step: i64,
    pub max_orders: usize,
    pub max_conditional_orders: usize,
    pub min_notional: Money,
    /// PERCENT_PRICE: lowest sell and highest buy price as multiples of the mark price.
    pub multiplier_down_e8: i64,
    pub multiplier_up_e8: i64,
    /// Largest |mark − last| ÷ mark at which a protected trigger still fires.
    pub trigger_protect_e8: i64,
    /// How far from the mark price a market order may take.
    pub market_take_bound_e8: i64,
    pub liquidation_fee_e8: i64,
    pub order_types: Vec<OrderType>,
    pub time_in_force: Vec<TimeInForce>,
    /// The status is TRADING.
    pub is_trading: bool,
    /// Rising caps; none at all means no limit and no maintenance margin.
    pub brackets: Vec<Bracket>,
}

impl SymbolRules {
    /// Rules that refuse nothing but what cannot be matched at all.
    pub fn open(instrument: &Instrument) -> SymbolRules {
        SymbolRules {
            price_precision: instrument.price_exponent,
            quantity_precision: instrument.size_exponent,
            min_price: 0,
            max_price: i64::MAX,
            tick: instrument.tick.max(1),
            min_size: 0,
            max_size: i64::MAX,
            step: instrument.lot.max(1),
            market_min_size: 0,
            market_max_size: i64::MAX,
            market_step: instrument.lot.max(1),
            max_orders: usize::MAX,
            max_conditional_orders: usize::MAX,
            min_notional: Money::ZERO,
            multiplier_down_e8: 0,
            multiplier_up_e8: i64::MAX,
            trigger_protect_e8: i64::MAX,
            market_take_bound_e8: i64::MAX,
            liquidation_fee_e8: 0,
            order_types: OrderType::ALL.to_vec(),
            time_in_force: TimeInForce::ALL.to_vec(),
            is_trading: true,
            brackets: Vec::new(),
        }
    }

    /// The same with the steps and the minimum notional that an instrument itself names.
    pub fn of(instrument: &Instrument) -> SymbolRules {
        SymbolRules {
            min_notional: instrument.min_notional,
            ..SymbolRules::open(instrument)
        }
    }

    /// The bracket of a notional: the first whose cap it does not exceed, else the last.
    pub fn bracket(&self, notional: Money) -> Option<&Bracket> {
        self.brackets
            .iter()
            .find(|bracket| notional <= bracket.notional_cap)
            .or(self.brackets.last())
    }

    /// Margin below which a position of this notional is liquidated.
    pub fn maintenance(&self, notional: Money) -> Money {
        self.bracket(notional).map_or(Money::ZERO, |bracket| {
            let margin = notional.times_rate(bracket.maintenance_rate_e8);
            Money((margin - bracket.maintenance_amount).0.max(0))
        })
    }

    /// Largest notional of a position at this leverage; None where nothing limits it.
    pub fn largest_notional(&self, leverage: u32) -> Option<Money> {
        if self.brackets.is_empty() {
            return None;
        }
        let caps = self
            .brackets
            .iter()
            .filter(|bracket| bracket.leverage >= leverage)
            .map(|bracket| bracket.notional_cap);
        Some(caps.max().unwrap_or(Money::ZERO))
    }

    /// Highest leverage of any bracket.
    pub fn largest_leverage(&self) -> u32 {
        let leverages = self.brackets.iter().map(|bracket| bracket.leverage);
        leverages.max().unwrap_or(125)
    }
}
