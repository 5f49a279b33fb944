//! Exact comparisons with the ratios of a symbol's rules.

pub use crate::symbol_rules::{Bracket, SymbolRules};

/// A ratio of one, in 1e-8.
pub(super) const ONE_E8: i64 = 100_000_000;

/// Whether `price` is above `reference × ratio`, exactly.
pub(super) fn above(price: i64, reference: i64, ratio_e8: i64) -> bool {
    i128::from(price) * i128::from(ONE_E8) > i128::from(reference) * i128::from(ratio_e8)
}

/// Whether `price` is below `reference × ratio`, exactly.
pub(super) fn below(price: i64, reference: i64, ratio_e8: i64) -> bool {
    i128::from(price) * i128::from(ONE_E8) < i128::from(reference) * i128::from(ratio_e8)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::units::Money;

    /// Three steps in the manner of the exchange's: amounts make the maintenance margin continuous.
    pub(crate) fn brackets() -> Vec<Bracket> {
        let step = |cap: i128, leverage, rate, amount: i128| Bracket {
            notional_cap: Money(cap * 100_000_000),
            leverage,
            maintenance_rate_e8: rate,
            maintenance_amount: Money(amount * 100_000_000),
        };
        vec![
            step(50_000, 125, 400_000, 0),
            step(250_000, 100, 500_000, 50),
            step(1_000_000, 50, 1_000_000, 1_300),
        ]
    }

    #[test]
    fn maintenance_margin_is_continuous_over_the_brackets() {
        let instrument = crate::desk::test_market::instrument("A");
        let rules = SymbolRules {
            brackets: brackets(),
            ..SymbolRules::open(&instrument)
        };
        let dollars = |amount: i128| Money(amount * 100_000_000);
        // 0.4 % of 50 000; 0.5 % of 250 000 less 50; 1 % of 1 000 000 less 1 300.
        assert_eq!(rules.maintenance(dollars(50_000)), dollars(200));
        assert_eq!(rules.maintenance(dollars(250_000)), dollars(1_200));
        assert_eq!(rules.maintenance(dollars(1_000_000)), dollars(8_700));
        for pair in rules.brackets.windows(2) {
            let cap = pair[0].notional_cap;
            let jump = rules.maintenance(Money(cap.0 + 1)) - rules.maintenance(cap);
            assert!(jump.abs() <= Money(1), "{jump}");
        }
        assert_eq!(rules.largest_notional(60), Some(dollars(250_000)));
        assert_eq!(rules.largest_notional(126), Some(Money::ZERO));
        assert_eq!(SymbolRules::open(&instrument).largest_notional(1), None);
    }
}
