//! What features there are beside the fixed columns: names, units, sources.

use serde::{Deserialize, Serialize};

/// What drives a feature; features of one group share their kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Read from touch and ladder when a row is written.
    Book,
    /// Changes of the best levels.
    LevelFlow,
    /// Sizes of levels before and after each update.
    LevelChanges,
    Trades,
    /// Mid changes.
    Volatility,
    /// Bars of trades.
    Bars,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Book => "book",
            Group::LevelFlow => "level_flow",
            Group::LevelChanges => "level_changes",
            Group::Trades => "trades",
            Group::Volatility => "volatility",
            Group::Bars => "bars",
        }
    }
}

/// One line of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct FeatureInfo {
    pub feature: Feature,
    pub name: &'static str,
    pub unit: &'static str,
    pub group: Group,
    /// Definition and source.
    pub about: &'static str,
}

macro_rules! features {
    ($($feature:ident $name:literal $unit:literal $group:ident $about:literal;)*) => {
        /// A feature that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Feature {
            $(#[doc = $about] $feature,)*
        }

        /// All features that can be asked for, in the order of their columns.
        pub const FEATURES: &[FeatureInfo] = &[
            $(FeatureInfo {
                feature: Feature::$feature,
                name: $name,
                unit: $unit,
                group: Group::$group,
                about: $about,
            },)*
        ];
    };
}

features! {
    ObiWeighted "obi_weighted" "-1..1" Book
        "order book imbalance over depth_levels levels, weighted exp(-imbalance_decay * ticks from the best price)";
    QuotedSpread "quoted_spread" "quote currency" Book
        "best ask - best bid";
    SpreadTicks "spread_ticks" "ticks" Book
        "best ask - best bid in ticks of the instrument";
    DepthBid5 "depth_bid_5bps" "base currency" Book
        "bid size within 5 basis points of the mid, edges included";
    DepthAsk5 "depth_ask_5bps" "base currency" Book
        "ask size within 5 basis points of the mid, edges included";
    BookPressure5 "book_pressure_5bps" "-1..1" Book
        "(bid - ask) / (bid + ask) of the sizes within 5 basis points of the mid";
    DepthBid10 "depth_bid_10bps" "base currency" Book
        "bid size within 10 basis points of the mid, edges included";
    DepthAsk10 "depth_ask_10bps" "base currency" Book
        "ask size within 10 basis points of the mid, edges included";
    BookPressure10 "book_pressure_10bps" "-1..1" Book
        "(bid - ask) / (bid + ask) of the sizes within 10 basis points of the mid";
    DepthBid25 "depth_bid_25bps" "base currency" Book
        "bid size within 25 basis points of the mid, edges included";
    DepthAsk25 "depth_ask_25bps" "base currency" Book
        "ask size within 25 basis points of the mid, edges included";
    BookPressure25 "book_pressure_25bps" "-1..1" Book
        "(bid - ask) / (bid + ask) of the sizes within 25 basis points of the mid";
    Microprice "microprice" "quote currency" Book
        "mid + fitted adjustment by imbalance and spread (Stoikov 2018); needs a table, see `aurora features fit`";
    MultiLevelOfi1 "mlofi_1" "base currency" LevelFlow
        "order flow imbalance of level 1 since the previous row (Xu, Gould, Howison 2019); equals ofi";
    MultiLevelOfi2 "mlofi_2" "base currency" LevelFlow
        "order flow imbalance of level 2 since the previous row (Xu, Gould, Howison 2019)";
    MultiLevelOfi3 "mlofi_3" "base currency" LevelFlow
        "order flow imbalance of level 3 since the previous row (Xu, Gould, Howison 2019)";
    MultiLevelOfi4 "mlofi_4" "base currency" LevelFlow
        "order flow imbalance of level 4 since the previous row (Xu, Gould, Howison 2019)";
    MultiLevelOfi5 "mlofi_5" "base currency" LevelFlow
        "order flow imbalance of level 5 since the previous row (Xu, Gould, Howison 2019)";
    IntegratedOfi "integrated_ofi" "depths" LevelFlow
        "first principal component of the five levels' flows over their average depth (Cont, Cucuringu, Zhang 2023); needs weights, see `aurora features fit`";
    CancelRate "cancel_rate" "base currency per second" LevelChanges
        "size cancelled at the best depth_levels levels: decreases that trades at their price do not explain, fading";
    CancelShare "cancel_share" "per second" LevelChanges
        "cancel_rate over the size displayed at those levels";
    TradeToBook "trade_to_book_ratio" "ratio" LevelChanges
        "trades / level updates, both fading at rate_half_life";
    TradeToBookVolume "trade_to_book_volume_ratio" "ratio" LevelChanges
        "traded size / changed size of levels, both fading at rate_half_life";
    QueueArrivalBid "queue_arrival_rate_bid" "base currency per second" LevelChanges
        "size added to the best bid, fading (Cont, Stoikov, Talreja 2010)";
    QueueArrivalAsk "queue_arrival_rate_ask" "base currency per second" LevelChanges
        "size added to the best ask, fading (Cont, Stoikov, Talreja 2010)";
    QueueCancelBid "queue_cancel_rate_bid" "base currency per second" LevelChanges
        "size cancelled at the best bid, fading";
    QueueCancelAsk "queue_cancel_rate_ask" "base currency per second" LevelChanges
        "size cancelled at the best ask, fading";
    QueueTakeBid "queue_take_rate_bid" "base currency per second" LevelChanges
        "size that trades took from the best bid, fading";
    QueueTakeAsk "queue_take_rate_ask" "base currency per second" LevelChanges
        "size that trades took from the best ask, fading";
    TfiWindow "tfi_window" "-1..1" Trades
        "(buys - sells) / (buys + sells) of the trades of the last trade_window, by aggressor";
    Vpin "vpin" "0..1" Trades
        "mean |buys - sells| / volume of the last vpin_buckets equal-volume buckets (Easley, Lopez de Prado, O'Hara 2012)";
    KyleLambda "kyle_lambda" "quote currency per base unit" Trades
        "slope of mid changes on signed volume over clock intervals (Kyle 1985)";
    RollSpread "roll_spread" "quote currency" Trades
        "2 sqrt(-cov) of neighbouring trade price changes (Roll 1984)";
    EffectiveSpread "effective_spread_bps" "basis points" Trades
        "2 D (price - mid before the trade) / mid, size-weighted and fading (Huang, Stoll 1996)";
    RealisedSpread "realised_spread_bps" "basis points" Trades
        "2 D (price - mid after spread_horizon) / mid, size-weighted and fading (Huang, Stoll 1996)";
    PriceImpact "price_impact_bps" "basis points" Trades
        "effective less realised spread of the same trades: 2 D (mid after - mid before) / mid";
    TradeRate "trade_rate" "per second" Trades
        "market trades, fading";
    TradeVolumeRate "trade_volume_rate" "base currency per second" Trades
        "traded size, fading";
    TradeCountImbalance "trade_count_imbalance" "-1..1" Trades
        "(buys - sells) / (buys + sells) by number of trades, fading";
    RealisedVolatilityWindow "realised_volatility_window" "basis points per square-root second" Volatility
        "root mean square of log mid returns on a clock grid (Andersen, Bollerslev, Diebold, Labys 2003)";
    BipowerVolatility "bipower_volatility" "basis points per square-root second" Volatility
        "the same from products of neighbouring absolute returns, which a jump does not move (Barndorff-Nielsen, Shephard 2004)";
    TwoScaleVolatility "two_scale_volatility" "basis points per square-root second" Volatility
        "two-scale realised volatility of the last mid changes (Zhang, Mykland, Ait-Sahalia 2005)";
    EwmaMid "ewma_mid" "quote currency" Volatility
        "exponentially weighted mid, recursion with alpha = 1 - 2^(-dt / half-life)";
    AverageTrueRange "atr_14" "quote currency" Bars
        "average true range of the last 14 one-minute bars of trades (Wilder 1978)";
}

impl Feature {
    pub fn info(self) -> &'static FeatureInfo {
        // The table and the enum come from one list, in one order.
        &FEATURES[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.info().name
    }

    pub fn of_name(name: &str) -> Option<Feature> {
        FEATURES
            .iter()
            .find(|info| info.name == name)
            .map(|info| info.feature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for (index, info) in FEATURES.iter().enumerate() {
            assert_eq!(info.feature as usize, index);
            assert_eq!(Feature::of_name(info.name), Some(info.feature));
            assert_eq!(info.feature.info().name, info.name);
        }
        assert_eq!(Feature::of_name("mid"), None);
    }
}
