//! Why a signal ended as it did: one table, and every signal ends in exactly one of its codes.

use serde::{Deserialize, Serialize};

macro_rules! reason_codes {
    ($($variant:ident => $code:literal, $doc:literal;)*) => {
        /// How a signal ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ReasonCode {
            $(#[doc = $doc] $variant,)*
        }

        impl ReasonCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$variant,)*];

            /// The code as it stands in records and reports.
            pub fn code(self) -> &'static str {
                match self {
                    $(ReasonCode::$variant => $code,)*
                }
            }

            /// One line for people.
            pub fn doc(self) -> &'static str {
                match self {
                    $(ReasonCode::$variant => $doc,)*
                }
            }
        }
    };
}

reason_codes! {
    TradeMaker => "trade.maker", "Accepted and routed as a post-only limit order.";
    TradeTaker => "trade.taker", "Accepted and routed as an immediate-or-cancel limit order.";
    NoCalibration => "deny.no_calibration", "No calibrated probability is available yet.";
    LowConfidence => "deny.low_confidence", "The calibrated probability is below the confidence gate.";
    NetEdge => "deny.net_edge", "The expected edge less all costs is below the minimum.";
    BenefitCost => "deny.benefit_cost", "The expected edge is too small a multiple of its cost.";
    PositionOpen => "deny.position_open", "The instrument already holds a position of an open trade.";
    OrderWorking => "deny.order_working", "Orders of an earlier trade in the instrument are not all ended.";
    DayLoss => "deny.day_loss", "The loss since 00:00 UTC has reached the daily limit.";
    SymbolExposure => "deny.symbol_exposure", "The instrument's notional, reserve included, would exceed its limit.";
    GrossExposure => "deny.gross_exposure", "The account's gross notional, reserve included, would exceed its limit.";
    RiskBudget => "deny.risk_budget", "Risk sized the trade to zero.";
    BelowMinimum => "deny.below_minimum", "After the floor to lots the order is below one lot or the minimum notional.";
    StaleBook => "deny.stale_book", "The book has no valid touch.";
    InverseContract => "deny.inverse_contract", "The contract settles in its base coin, which the account cannot value.";
    WideSpread => "deny.wide_spread", "The spread is wider than the maximum.";
    WouldCross => "deny.would_cross", "A post-only price would cross, and the touch leaves no price that does not.";
    KillSwitch => "deny.kill_switch", "The kill switch is on: everything is flattened and nothing is opened.";
    Expired => "deny.expired", "The signal is older than its latency budget, or its deadline has passed.";
    PositionLimit => "deny.position_limit", "The position would exceed its share of equity.";
    SectorExposure => "deny.sector_exposure", "The sector's notional would exceed its limit.";
    NetExposure => "deny.net_exposure", "The account's net notional would leave its band.";
    Leverage => "deny.leverage", "The account's gross notional would exceed its leverage.";
    OpenRisk => "deny.open_risk", "The losses at all stops would exceed what is left of the day's loss budget.";
    NotionalShare => "deny.notional_share", "The instrument's share of the last seven days' notional would exceed its cap.";
    Turnover => "deny.turnover", "The day's turnover would exceed its limit.";
    ScaleIn => "deny.scale_in", "The entry adds to a position and its intent does not allow it.";
    Flip => "deny.flip", "The entry turns a position round and its intent does not allow it.";
    SymbolDayStop => "deny.symbol_day_stop", "The instrument lost its share of the day's equity and cools down.";
    TailTrade => "deny.tail_trade", "The trade's expected shortfall exceeds its limit, or is undefined.";
    TailPortfolio => "deny.tail_portfolio", "The portfolio's expected shortfall exceeds what is left of the day's loss budget.";
    Kelly => "deny.kelly", "The Kelly fraction after costs is zero: no edge at this confidence.";
    Expectancy => "deny.expectancy", "The expectancy of recent trades is below zero with confidence; shadow trades may lift this.";
    VolatilityHalt => "deny.volatility_halt", "The universe's volatility index is above its halt level.";
    Defence => "deny.defence", "Realised volatility is extreme: entries are maker orders only.";
    CalibrationLost => "deny.calibration_lost", "The live monitor no longer finds the probabilities calibrated.";
    Latency => "deny.latency", "Latency trouble: entries wait until it is over.";
    Reconciliation => "deny.reconciliation", "Local state and the venue's differ: entries wait until they are reconciled.";
    SafeMode => "deny.safe_mode", "Safe mode: entries are maker orders only.";
    NotApproved => "deny.not_approved", "No engine that voted may vote in this regime.";
    NoSkill => "deny.no_skill", "No engine that voted has shown skill yet; the vote is resolved and scored all the same.";
    WarmingUp => "deny.warming_up", "The consensus has too short a past to tell what stands out.";
    Consensus => "deny.consensus", "The weighted votes do not stand out from their own noise.";
    VolatilityGate => "deny.volatility_gate", "The average true range is far above its median.";
    Regime => "deny.regime", "The regime allows no entry.";
    OrderTerms => "deny.order_terms", "The order's type, time in force, flags or numbers contradict each other, or the symbol does not take them.";
    PositionSide => "deny.position_side", "The order's position side does not fit the account's position mode.";
    NotTrading => "deny.not_trading", "The symbol does not trade: only what reduces is taken.";
    PriceRange => "deny.price_range", "No price within the symbol's limits and steps is as passive as the one asked for.";
    PercentPrice => "deny.percent_price", "The price lies outside the band around the mark price.";
    FillOrKill => "deny.fill_or_kill", "The book does not show enough within the limit to fill all of it.";
    OrderCount => "deny.order_count", "The symbol's largest number of open or conditional orders is reached.";
    NothingToReduce => "deny.nothing_to_reduce", "A reduce-only order finds no position to reduce.";
    WouldTrigger => "deny.would_trigger", "The working price is at or through the trigger already.";
    LeverageBracket => "deny.leverage_bracket", "Position and orders would exceed the largest notional at the chosen leverage.";
    Margin => "deny.margin", "Equity does not cover the initial margin with what working orders reserve.";
    PriceProtection => "deny.price_protection", "The entry's limit lies too many standard deviations from the mid.";
    Depth => "deny.depth", "The book shows too little within the limit for the size.";
    ClockSkew => "deny.clock_skew", "Our clock and the venue's are too far apart.";
    LatencyBudget => "deny.latency_budget", "The request would leave later than the signal's latency budget allows.";
    TradingWindow => "deny.trading_window", "Too many entries work at once for this time of the day, or the entry is too small for it.";
    Budget => "deny.budget", "The request would use what is kept in reserve for cancels and protective orders.";
}

impl ReasonCode {
    /// Whether the signal became an order.
    pub fn is_trade(self) -> bool {
        matches!(self, ReasonCode::TradeMaker | ReasonCode::TradeTaker)
    }

    /// The reason with this code text.
    pub fn parse(code: &str) -> Option<ReasonCode> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.code() == code)
    }
}

impl std::fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for reason in ReasonCode::ALL {
            assert_eq!(ReasonCode::parse(reason.code()), Some(*reason));
            assert_eq!(reason.is_trade(), reason.code().starts_with("trade."));
            assert!(reason.doc().ends_with('.'));
        }
        assert_eq!(ReasonCode::parse("deny.nothing"), None);
    }
}
