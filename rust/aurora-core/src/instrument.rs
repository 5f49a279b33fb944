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
    BybitLinear,
    BybitInverse,
    BybitSpot,
    /// All of OKX: the instrument id tells spot, swap and futures apart.
    Okx,
    KrakenFutures,
    Bitstamp,
    Hyperliquid,
    /// Tardis files name the exchange in every row; symbols are `exchange.SYMBOL`.
    Tardis,
    Lobster,
    /// Files of hftbacktest do not name their market.
    Hftbacktest,
}

/// What makes a diff the successor of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SequenceRule {
    /// `pu` equals the previous `u`; a REST snapshot is bracketed by `U <= id <= u`.
    BinanceFutures,
    /// `U` equals the previous `u` + 1; a REST snapshot is bracketed by `U <= id + 1 <= u`.
    BinanceSpot,
    /// The id grows by one; snapshots come in the stream and replace the book.
    Increment,
    /// The previous id is named; snapshots come in the stream and replace the book.
    Linked,
    /// The source has no ids: nothing can be checked, snapshots replace the book.
    Unchecked,
}

impl Market {
    pub const ALL: [Market; 13] = [
        Market::BinanceUsdm,
        Market::BinanceCoinm,
        Market::BinanceSpot,
        Market::BybitLinear,
        Market::BybitInverse,
        Market::BybitSpot,
        Market::Okx,
        Market::KrakenFutures,
        Market::Bitstamp,
        Market::Hyperliquid,
        Market::Tardis,
        Market::Lobster,
        Market::Hftbacktest,
    ];

    /// Name in instrument keys.
    pub fn name(self) -> &'static str {
        match self {
            Market::BinanceUsdm => "binance_usdm",
            Market::BinanceCoinm => "binance_coinm",
            Market::BinanceSpot => "binance_spot",
            Market::BybitLinear => "bybit_linear",
            Market::BybitInverse => "bybit_inverse",
            Market::BybitSpot => "bybit_spot",
            Market::Okx => "okx",
            Market::KrakenFutures => "kraken_futures",
            Market::Bitstamp => "bitstamp",
            Market::Hyperliquid => "hyperliquid",
            Market::Tardis => "tardis",
            Market::Lobster => "lobster",
            Market::Hftbacktest => "hftbacktest",
        }
    }

    /// The market of a name in instrument keys.
    pub fn of_name(name: &str) -> Option<Market> {
        Market::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether its numbers come with as many decimals as they ever have. Elsewhere trailing zeros are left out, so
    /// the numbers seen so far do not tell how fine later ones are.
    pub fn prints_trailing_zeros(self) -> bool {
        matches!(
            self,
            Market::BinanceUsdm | Market::BinanceCoinm | Market::BinanceSpot | Market::Lobster
        )
    }

    pub fn sequence_rule(self) -> SequenceRule {
        match self {
            Market::BinanceUsdm | Market::BinanceCoinm => SequenceRule::BinanceFutures,
            Market::BinanceSpot => SequenceRule::BinanceSpot,
            Market::BybitLinear | Market::BybitInverse | Market::BybitSpot => {
                SequenceRule::Increment
            }
            Market::KrakenFutures => SequenceRule::Increment,
            Market::Okx => SequenceRule::Linked,
            Market::Bitstamp
            | Market::Hyperliquid
            | Market::Tardis
            | Market::Lobster
            | Market::Hftbacktest => SequenceRule::Unchecked,
        }
    }
}

/// Identity of an instrument: market and the venue's own symbol. Displayed as `binance_usdm:BTCUSDT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstrumentId {
    pub market: Market,
    pub symbol: String,
}

impl InstrumentId {
    /// Inverse contracts settle in the coin: their P&L is not linear in price.
    pub fn is_inverse(&self) -> bool {
        match self.market {
            Market::BinanceCoinm | Market::BybitInverse => true,
            Market::Okx => self.symbol.contains("-USD-"),
            Market::KrakenFutures => {
                self.symbol.starts_with("PI_") || self.symbol.starts_with("FI_")
            }
            _ => false,
        }
    }
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
