//! The spread implied by the bounce of trade prices.

use serde::{Deserialize, Serialize};

use super::Undefined;
use crate::math::to_f64;

/// Roll's (1984) effective spread 2·√(−cov(ΔP_t, ΔP_{t−1})) over the last n trades, the covariance with divisor
/// (pairs − 1).
///
/// Sums are integers, so the covariance's sign is exact and the window does not drift while a price times n stays
/// below 2^63. Sums of changes need no keeping: they are differences of two prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollSpread {
    /// The last prices in a ring, `place` being where the oldest is once it is full.
    prices: Vec<i64>,
    place: usize,
    trades: usize,
    /// The two last prices and, of a full window, the three oldest.
    newest: [i64; 2],
    oldest: [i64; 3],
    /// Sum of products of neighbouring changes.
    product: i128,
}

impl RollSpread {
    /// `trades` is the window's length, at least 4: two pairs of changes.
    pub fn new(trades: usize) -> Self {
        let trades = trades.max(4);
        RollSpread {
            prices: Vec::with_capacity(trades),
            place: 0,
            trades,
            newest: [0; 2],
            oldest: [0; 3],
            product: 0,
        }
    }

    fn wrapped(&self, place: usize) -> usize {
        if place < self.trades {
            place
        } else {
            place - self.trades
        }
    }

    /// Takes the next trade's price in quanta.
    #[inline]
    pub fn update(&mut self, price: i64) {
        let [before, last] = self.newest;
        self.newest = [last, price];
        // Wrapping: prices beyond all sense give a senseless value until they have left, and no panic.
        if self.prices.len() >= 2 {
            self.product = self.product.wrapping_add(product(before, last, price));
        }
        if self.prices.len() < self.trades {
            self.prices.push(price);
            if self.prices.len() == self.trades {
                if let [first, second, third, ..] = self.prices[..] {
                    self.oldest = [first, second, third];
                }
            }
            return;
        }
        let [first, second, third] = self.oldest;
        self.product = self.product.wrapping_sub(product(first, second, third));
        if let Some(oldest) = self.prices.get_mut(self.place) {
            *oldest = price;
        }
        self.place = self.wrapped(self.place + 1);
        let third_oldest = self.wrapped(self.place + 2);
        self.oldest = [
            second,
            third,
            self.prices.get(third_oldest).copied().unwrap_or_default(),
        ];
    }

    /// In price quanta.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] before n trades; [`Undefined::Degenerate`] where the covariance is not negative.
    #[inline]
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.prices.len() < self.trades {
            return Err(Undefined::WarmingUp);
        }
        let pairs = self.trades as i64 - 2;
        let earlier = change(self.oldest[0], self.newest[0]);
        let later = change(self.oldest[1], self.newest[1]);
        let numerator = i128::from(pairs)
            .wrapping_mul(self.product)
            .wrapping_sub(i128::from(earlier) * i128::from(later));
        if numerator >= 0 {
            return Err(Undefined::Degenerate);
        }
        let covariance = to_f64(numerator) / (pairs * (pairs - 1)) as f64;
        Ok(2.0 * (-covariance).sqrt())
    }
}

fn change(from: i64, to: i64) -> i64 {
    to.wrapping_sub(from)
}

/// Of the changes between three prices.
fn product(first: i64, second: i64, third: i64) -> i128 {
    i128::from(change(first, second)) * i128::from(change(second, third))
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
