//! Average true range of bars.

use serde::{Deserialize, Serialize};

use super::{Bar, Undefined};

/// Wilder's (1978) average true range: TR = max(high − low, |high − close'|, |low − close'|) with the close before;
/// the mean of the first n, beginning at the second bar, then (ATR'·(n − 1) + TR) / n.
///
/// Every bar given counts, forward-filled ones (whose range is zero) included: leave out what should not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AverageTrueRange {
    length: u32,
    last_close: Option<f64>,
    /// True ranges in the seed so far.
    seeded: u32,
    /// Sum of the seed while it grows, then the average.
    value: f64,
}

impl Default for AverageTrueRange {
    /// Wilder's 14 bars.
    fn default() -> Self {
        AverageTrueRange::new(14)
    }
}

impl AverageTrueRange {
    /// `length` must be positive.
    pub fn new(length: u32) -> Self {
        AverageTrueRange {
            length: length.max(1),
            last_close: None,
            seeded: 0,
            value: 0.0,
        }
    }

    /// Takes the next bar's prices in quanta.
    pub fn update(&mut self, bar: &Bar) {
        self.update_prices(bar.high as f64, bar.low as f64, bar.close as f64);
    }

    /// The same for prices in any unit.
    pub fn update_prices(&mut self, high: f64, low: f64, close: f64) {
        let Some(before) = self.last_close.replace(close) else {
            return;
        };
        let true_range = (high - low)
            .max((high - before).abs())
            .max((low - before).abs());
        let n = f64::from(self.length);
        if self.seeded < self.length {
            self.seeded += 1;
            self.value += true_range;
            if self.seeded == self.length {
                self.value /= n;
            }
        } else {
            self.value = (self.value * (n - 1.0) + true_range) / n;
        }
    }

    /// In the prices' unit.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] until n true ranges, n + 1 bars, are known.
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.seeded < self.length {
            return Err(Undefined::WarmingUp);
        }
        Ok(self.value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::features::{BarBuilder, BarRule, MarketTrade};
    use crate::instrument::Side;
    use proptest::prelude::*;

    #[test]
    fn reference_numbers() {
        let mut kernel = AverageTrueRange::default();
        for i in 0..60 {
            let t = f64::from(i);
            let close = 100.0 + 3.0 * (t / 5.0).sin() + 0.1 * t;
            let high = close + 1.0 + 0.2 * t.cos();
            let low = close - 1.0 - 0.1 * t.sin();
            kernel.update_prices(high, low, close);
            if i < 14 {
                assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
            }
            if i == 14 {
                assert!((kernel.value().unwrap() - 2.015_967_368).abs() < 5e-10);
            }
        }
        assert!((kernel.value().unwrap() - 2.009_489_659).abs() < 5e-10);
    }

    #[test]
    fn bars_give_their_prices() {
        let mut builder = BarBuilder::new(BarRule::Volume(2), 2, 3).unwrap();
        let mut bars = Vec::new();
        for (i, price) in [100, 104, 110, 108, 90, 95].into_iter().enumerate() {
            let trade = MarketTrade {
                local_ns: i as i64,
                price,
                size: 1,
                aggressor: Side::Buy,
            };
            builder.update(trade, &mut bars);
        }
        let mut kernel = AverageTrueRange::new(2);
        for bar in &bars {
            kernel.update(bar);
        }
        // Ranges: max(2, |110 − 104|) = 6 and max(5, |90 − 108|) = 18.
        assert_eq!(kernel.value(), Ok(12.0));
    }

    proptest! {
        /// The recursion written out: the seed's weight is (1 − 1/n)^k, the j-th latest range's (1 − 1/n)^j / n.
        #[test]
        fn equals_the_weighted_sum(
            rows in prop::collection::vec((0.0..5.0f64, 0.0..5.0f64, 90.0..110.0f64), 1..80),
            length in 1u32..20,
        ) {
            let mut kernel = AverageTrueRange::new(length);
            for (up, down, close) in &rows {
                kernel.update_prices(close + up, close - down, *close);
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                kernel = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
            }
            let ranges: Vec<f64> = rows
                .windows(2)
                .map(|w| (w[1].2 + w[1].0).max(w[0].2) - (w[1].2 - w[1].1).min(w[0].2))
                .collect();
            let n = length as usize;
            if ranges.len() < n {
                prop_assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
            } else {
                let keep = 1.0 - 1.0 / n as f64;
                let seed = ranges[..n].iter().sum::<f64>() / n as f64;
                let later = &ranges[n..];
                let expected = seed * keep.powi(later.len() as i32)
                    + later
                        .iter()
                        .rev()
                        .enumerate()
                        .map(|(j, range)| keep.powi(j as i32) * range / n as f64)
                        .sum::<f64>();
                prop_assert!((kernel.value().unwrap() - expected).abs() < 1e-9);
            }
        }
    }
}
