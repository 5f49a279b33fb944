//! What an exchange's `exchangeInfo` and leverage brackets say of one symbol.

use serde::{Deserialize, Serialize};

use super::order::{OrderType, TimeInForce};
use crate::instrument::Instrument;
use crate::units::Money;

/// A ratio of one, in 1e-8.
pub(super) const ONE_E8: i64 = 100_000_000;

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
