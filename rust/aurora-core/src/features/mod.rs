//! Streaming feature kernels: constant memory, one pass, a value at t depends on events received before t.

mod flow;
mod imbalance;
mod market;
mod undefined;
mod volatility;

pub use flow::{OrderFlowImbalance, TradeFlowImbalance};
pub use imbalance::{imbalance, weighted_mid};
pub use market::{FeatureColumns, FeatureSettings, MarketState, QuoteRow, SettingsError};
pub use undefined::{cell, Undefined};
pub use volatility::RealisedVolatility;
