//! Streaming feature kernels: constant memory, one pass, a value at t depends on events received before t.

mod average_true_range;
mod bars;
mod cancel_rate;
mod catalogue;
mod clock_returns;
mod dense;
mod depth;
mod ewma_mid;
mod fading;
mod fit;
mod flow;
mod imbalance;
mod integrated_flow;
mod kernel_settings;
mod kernels;
mod kyle_lambda;
mod level_changes;
mod market;
mod market_trade;
mod microprice;
mod microprice_fit;
mod multi_level_flow;
mod outlier_prints;
mod queue_intensities;
mod roll_spread;
mod spread;
mod top_levels;
mod trade_flow_window;
mod trade_rates;
mod trade_spreads;
mod trade_to_book;
mod two_scale_volatility;
mod undefined;
mod volatility;
mod vpin;
mod window_volatility;

pub use average_true_range::AverageTrueRange;
pub use bars::{Bar, BarBuilder, BarRule, BarRuleError, SHORTEST_TIME_BAR_NS};
pub use cancel_rate::CancelRate;
pub use catalogue::{Feature, FeatureInfo, Group, FEATURES};
pub use clock_returns::ClockReturns;
pub use depth::{
    distance_weighted_imbalance, index_weighted_imbalance, BandDepths, DepthBands, DepthBandsError,
    MAX_DEPTH_BANDS,
};
pub use ewma_mid::{EwmaForm, EwmaMid};
pub use fading::FadingRate;
pub use fit::FeatureFit;
pub use flow::{OrderFlowImbalance, TradeFlowImbalance};
pub use imbalance::{imbalance, weighted_mid};
pub use integrated_flow::{
    integrated_order_flow, FirstComponent, IntegratedFit, IntegratedWeights, IntegratedWeightsError,
};
pub use kernel_settings::{KernelSettings, FLOW_LEVELS};
pub use kernels::KernelSet;
pub use kyle_lambda::KyleLambda;
pub use level_changes::{LevelChange, LevelFlow, TradeAttribution, MAX_TRADED_PRICES};
pub use market::{
    CaptureOptions, FeatureColumns, FeatureSettings, MarketState, QuoteRow, Sampling, SettingsError,
};
pub use market_trade::MarketTrade;
pub use microprice::{
    MicropriceBuckets, MicropriceTable, MicropriceTableError, MAX_MICROPRICE_STATES,
};
pub use microprice_fit::{stoikov_adjustments, MicropriceFit, MicropriceFitError};
pub use multi_level_flow::{MultiLevelFlow, MultiLevelReading};
pub use outlier_prints::{OutlierPrints, PrintJudgement, RobustLocation};
pub use queue_intensities::QueueIntensities;
pub use roll_spread::RollSpread;
pub use spread::{quoted_spread, quoted_spread_ticks};
pub use top_levels::{TopLevels, MAX_LEVELS};
pub use trade_flow_window::TradeFlowWindow;
pub use trade_rates::TradeRates;
pub use trade_spreads::{TradeSpreadCounters, TradeSpreads};
pub use trade_to_book::TradeToBookRatio;
pub use two_scale_volatility::TwoScaleVolatility;
pub use undefined::{cell, Undefined};
pub use volatility::RealisedVolatility;
pub use vpin::{bulk_buy_share, bulk_volume_vpin, Vpin};
pub use window_volatility::{
    BipowerVariationWindow, RealisedVarianceWindow, WindowVolatility, WindowVolatilitySettings,
};
