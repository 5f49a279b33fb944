//! What is traded, where, and in which quanta.

use serde::{Deserialize, Serialize};

use crate::units::Money;

/// The side of a book, an order or a position change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// +1 for buy, −1 for sell.
    pub fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Side of a vote or position: positive is buy, negative sell, zero none.
    pub fn from_sign(sign: i64) -> Option<Side> {
        match sign.signum() {
            1 => Some(Side::Buy),
            -1 => Some(Side::Sell),
            _ => None,
        }
    }
}

/// A market of a venue; its frames differ, and so do its sequence rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Market {
    BinanceUsdm,
    BinanceCoinm,
    BinanceSpot,
}

impl Market {
    /// Name in instrument keys.
    pub fn name(self) -> &'static str {
        match self {
            Market::BinanceUsdm => "binance_usdm",
            Market::BinanceCoinm => "binance_coinm",
            Market::BinanceSpot => "binance_spot",
        }
    }

    /// Inverse contracts settle in the coin: their P&L is not linear in price.
    pub fn is_inverse(self) -> bool {
        matches!(self, Market::BinanceCoinm)
    }
}

/// Identity of an instrument: market and the venue's own symbol. Displayed as `binance_usdm:BTCUSDT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstrumentId {
    pub market: Market,
    pub symbol: String,
}

impl std::fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.market.name(), self.symbol)
    }
}

/// An instrument with its quanta and order filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    pub id: InstrumentId,
    /// A price quantum is 10^-price_exponent of the quote currency.
    pub price_exponent: u8,
    /// A size quantum is 10^-size_exponent of the base currency (contracts on COIN-M).
    pub size_exponent: u8,
    /// Price step of orders, in price quanta.
    pub tick: i64,
    /// Size step of orders, in size quanta.
    pub lot: i64,
    /// Smallest notional of an order that opens a position.
    pub min_notional: Money,
}

impl Instrument {
    /// Notional of `size` quanta at `price` quanta.
    pub fn notional(&self, price: i64, size: i64) -> Money {
        Money::notional(price, size, self.price_exponent, self.size_exponent)
    }

    /// A price as a float in quote currency, for statistics only.
    pub fn price_to_f64(&self, price: i64) -> f64 {
        price as f64 / crate::units::power_of_ten(self.price_exponent) as f64
    }

    /// A size as a float in base currency, for statistics only.
    pub fn size_to_f64(&self, size: i64) -> f64 {
        size as f64 / crate::units::power_of_ten(self.size_exponent) as f64
    }
}
