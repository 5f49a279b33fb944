//! The spread implied by the bounce of trade prices.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Undefined;

/// Roll's (1984) effective spread 2·√(−cov(ΔP_t, ΔP_{t−1})) over the last n trades, the covariance with divisor
/// (pairs − 1).
///
/// Sums are integers, exact while a price change times n stays below 2^63, so the covariance's sign is exact and the
/// window does not drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollSpread {
    trades: usize,
    last_price: Option<i64>,
    /// The last trades − 1 price changes, oldest first.
    changes: VecDeque<i64>,
    /// Sums over pairs of neighbouring changes: earlier, later, product.
    earlier: i128,
    later: i128,
    product: i128,
}

impl RollSpread {
    /// `trades` is the window's length, at least 4: two pairs of changes.
    pub fn new(trades: usize) -> Self {
        let trades = trades.max(4);
        RollSpread {
            trades,
            last_price: None,
            changes: VecDeque::with_capacity(trades),
            earlier: 0,
            later: 0,
            product: 0,
        }
    }

    /// Takes the next trade's price in quanta.
    pub fn update(&mut self, price: i64) {
        let Some(last) = self.last_price.replace(price) else {
            return;
        };
        let change = price.saturating_sub(last);
        if self.changes.len() == self.trades - 1 {
            let oldest = self.changes.pop_front().unwrap_or_default();
            let next = self.changes.front().copied().unwrap_or_default();
            self.pair(oldest, next, -1);
        }
        if let Some(before) = self.changes.back().copied() {
            self.pair(before, change, 1);
        }
        self.changes.push_back(change);
    }

    fn pair(&mut self, earlier: i64, later: i64, sign: i128) {
        let (earlier, later) = (i128::from(earlier), i128::from(later));
        // Wrapping: prices beyond all sense give a senseless value until they have left, and no panic.
        self.earlier = self.earlier.wrapping_add(sign * earlier);
        self.later = self.later.wrapping_add(sign * later);
        self.product = self.product.wrapping_add(sign * (earlier * later));
    }

    /// In price quanta.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] before n trades; [`Undefined::Degenerate`] where the covariance is not negative.
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.changes.len() < self.trades - 1 {
            return Err(Undefined::WarmingUp);
        }
        let pairs = self.changes.len() as i128 - 1;
        let numerator = pairs
            .wrapping_mul(self.product)
            .wrapping_sub(self.earlier.wrapping_mul(self.later));
        if numerator >= 0 {
            return Err(Undefined::Degenerate);
        }
        let covariance = numerator as f64 / (pairs * (pairs - 1)) as f64;
        Ok(2.0 * (-covariance).sqrt())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reference_number() {
        // Prices 100.5, 99.5, 99.5, … in quanta of 0.1: the covariance is −0.4, so 1.2649111 is 12.649111 quanta.
        let prices = [1005, 995, 995, 1005, 995, 1005, 1005, 995];
        let mut kernel = RollSpread::new(8);
        for price in prices {
            assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
            kernel.update(price);
        }
        let exact = 2.0 * 0.4f64.sqrt();
        assert!((exact - 1.264_911_1).abs() < 1e-7);
        assert!((kernel.value().unwrap() / 10.0 - exact).abs() < 1e-12);
    }

    #[test]
    fn a_trend_or_a_standstill_has_no_spread() {
        for step in [0, 1, -3] {
            let mut kernel = RollSpread::new(10);
            for i in 0..30 {
                kernel.update(1_000 + step * i);
            }
            assert_eq!(kernel.value(), Err(Undefined::Degenerate));
        }
    }

    #[test]
    fn simulated_bounce_gives_the_spread_back() {
        // Efficient price still, trades at ±5 around it by a fixed linear congruential generator: spread 10.
        let mut kernel = RollSpread::new(20_000);
        let mut state = 12_345u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            kernel.update(1_000 + if state >> 63 == 0 { 5 } else { -5 });
        }
        assert!((kernel.value().unwrap() - 10.0).abs() < 0.2);
    }

    #[test]
    fn absurd_prices_pass_through() {
        let mut kernel = RollSpread::new(4);
        for price in [i64::MAX, 1, i64::MAX, 1, i64::MAX, 1] {
            kernel.update(price);
        }
        for price in [10, 11, 10, 11] {
            kernel.update(price);
        }
        // Changes 1, −1, 1: pairs (1, −1), (−1, 1), covariance −2.
        assert!((kernel.value().unwrap() - 2.0 * 2f64.sqrt()).abs() < 1e-12);
    }

    fn naive(prices: &[i64]) -> f64 {
        let changes: Vec<f64> = prices.windows(2).map(|p| (p[1] - p[0]) as f64).collect();
        let pairs = (changes.len() - 1) as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / pairs;
        let (before, after) = (&changes[..changes.len() - 1], &changes[1..]);
        let (mean_before, mean_after) = (mean(before), mean(after));
        before
            .iter()
            .zip(after)
            .map(|(x, y)| (x - mean_before) * (y - mean_after))
            .sum::<f64>()
            / (pairs - 1.0)
    }

    proptest! {
        #[test]
        fn equals_the_covariance_of_the_window(
            steps in prop::collection::vec(-50i64..=50, 1..80),
            trades in 4usize..12,
        ) {
            let mut kernel = RollSpread::new(trades);
            let mut prices = vec![1_000_000i64];
            kernel.update(1_000_000);
            for step in steps {
                let price = prices[prices.len() - 1] + step;
                prices.push(price);
                kernel.update(price);
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                kernel = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
                if prices.len() < trades {
                    prop_assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
                    continue;
                }
                let covariance = naive(&prices[prices.len() - trades..]);
                match kernel.value() {
                    Ok(spread) => prop_assert!((spread * spread / -4.0 - covariance).abs() < 1e-9),
                    Err(reason) => {
                        prop_assert_eq!(reason, Undefined::Degenerate);
                        prop_assert!(covariance > -1e-9);
                    }
                }
            }
        }
    }
}
