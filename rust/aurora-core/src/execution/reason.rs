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
    Expired => "deny.expired", "The signal is older than its latency budget, or its deadline has passed.";
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
