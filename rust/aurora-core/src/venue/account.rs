//! One account at the venue: wallet, holdings, exact to the quantum.

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::order::PositionSide;
use crate::instrument::Side;
use crate::units::{divide_half_even, Money};

/// A position and what was paid for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Signed size in quanta: positive is long.
    pub size: i64,
    /// Notional at which the open size was entered, never negative. The average entry price is this over the size.
    pub cost: Money,
}

/// `amount × part ÷ whole`, half-even; the whole amount for the whole.
fn share(amount: Money, part: i64, whole: i64) -> Money {
    if part == whole {
        return amount;
    }
    Money(divide_half_even(
        amount.0 * i128::from(part),
        i128::from(whole),
    ))
}

impl Holding {
    /// Adds a trade of `size` for `notional`; returns what it realised. Closing takes its share of the cost, so what a
    /// position realises from flat to flat is exactly what its sells brought less what its buys cost.
    pub fn trade(&mut self, side: Side, size: i64, notional: Money) -> Money {
        let sign = self.size.signum();
        let held = self.size.abs();
        if sign == 0 || sign == side.sign() {
            self.size += side.sign() * size;
            self.cost += notional;
            return Money::ZERO;
        }
        let closed = size.min(held);
        let exit = share(notional, closed, size);
        let entry = share(self.cost, closed, held);
        let realised = match side {
            Side::Sell => exit - entry,
            Side::Buy => entry - exit,
        };
        self.cost = if size > held {
            notional - exit
        } else {
            self.cost - entry
        };
        self.size += side.sign() * size;
        realised
    }

    /// Profit if the position were closed for `notional`.
    pub fn unrealised(&self, notional: Money) -> Money {
        match self.size.signum() {
            1 => notional - self.cost,
            -1 => self.cost - notional,
            _ => Money::ZERO,
        }
    }

    /// Size that an order on `side` may take off this position.
    pub fn reducible(&self, side: Side) -> i64 {
        (-side.sign()).saturating_mul(self.size).max(0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub wallet: Money,
    pub hedge_mode: bool,
    /// For each symbol: one-way, long and short holding.
    pub holdings: Vec<[Holding; 3]>,
    /// Chosen leverage of each symbol.
    pub leverage: Vec<u32>,
    /// Number of the last event of the user-data stream.
    pub events: u64,
    pub budget: Budget,
}

impl Account {
    pub fn new(symbols: usize, leverage: u32) -> Account {
        Account {
            wallet: Money::ZERO,
            hedge_mode: false,
            holdings: vec![[Holding::default(); 3]; symbols],
            leverage: vec![leverage; symbols],
            events: 0,
            budget: Budget::default(),
        }
    }

    pub fn holding(&self, symbol: usize, side: PositionSide) -> &Holding {
        &self.holdings[symbol][side as usize]
    }

    pub fn has_position(&self) -> bool {
        let mut all = self.holdings.iter().flatten();
        all.any(|holding| holding.size != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn closing_takes_its_share_and_a_flip_opens_with_the_rest() {
        let mut holding = Holding::default();
        assert_eq!(holding.trade(Side::Buy, 3, Money(300)), Money::ZERO);
        assert_eq!(holding.trade(Side::Sell, 1, Money(110)), Money(10));
        assert_eq!((holding.size, holding.cost), (2, Money(200)));
        // Sells 5 at 90: 2 close at a loss of 20, 3 open short at 270.
        assert_eq!(holding.trade(Side::Sell, 5, Money(450)), Money(-20));
        assert_eq!((holding.size, holding.cost), (-3, Money(270)));
        assert_eq!(holding.unrealised(Money(240)), Money(30));
        assert_eq!(
            (holding.reducible(Side::Buy), holding.reducible(Side::Sell)),
            (3, 0)
        );
    }

    proptest! {
        /// Cash in and out is the only truth: what was realised and what is still in the position add up to it.
        #[test]
        fn realised_and_cost_are_the_cash_that_moved(
            trades in prop::collection::vec((any::<bool>(), 1i64..1_000_000, 1i64..1_000_000_000), 1..60),
        ) {
            let mut holding = Holding::default();
            let mut cash = Money::ZERO;
            let mut realised = Money::ZERO;
            for (buys, size, notional) in trades {
                let side = if buys { Side::Buy } else { Side::Sell };
                realised += holding.trade(side, size, Money(notional.into()));
                cash.0 -= i128::from(side.sign()) * i128::from(notional);
                let inside = i128::from(holding.size.signum()) * holding.cost.0;
                prop_assert_eq!(cash.0, realised.0 - inside);
                prop_assert!(holding.cost.0 >= 0);
            }
        }
    }
}
