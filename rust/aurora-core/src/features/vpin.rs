//! Volume-synchronised probability of informed trading.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{MarketTrade, Undefined};
use crate::math::to_f64;

/// VPIN (Easley, López de Prado, O'Hara 2012): mean of |Vbuy − Vsell| / V over the last n full buckets of volume V.
///
/// Trades are signed by their aggressor flag and split across bucket edges, so that each bucket holds exactly V; the
/// bucket being filled does not count. A trade costs at most n steps, however many buckets it fills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpin {
    bucket_volume: i64,
    buckets: usize,
    /// Of all buckets together.
    volume: f64,
    /// |Vbuy − Vsell| of the last full buckets in size quanta, oldest first.
    imbalances: VecDeque<i64>,
    imbalance_sum: i128,
    /// The value, which only a bucket's end changes; None until enough are full.
    value: Option<f64>,
    /// Of the bucket being filled: its volume so far, and bought less sold.
    filled: i64,
    signed: i64,
}

impl Vpin {
    /// `bucket_volume` in size quanta; it and the number of `buckets` must be positive.
    pub fn new(bucket_volume: i64, buckets: usize) -> Self {
        let buckets = buckets.max(1);
        Vpin {
            bucket_volume: bucket_volume.max(1),
            buckets,
            volume: to_f64(i128::from(bucket_volume.max(1)) * buckets as i128),
            imbalances: VecDeque::with_capacity(buckets),
            imbalance_sum: 0,
            value: None,
            filled: 0,
            signed: 0,
        }
    }

    #[inline]
    pub fn update(&mut self, trade: MarketTrade) {
        let room = self.bucket_volume - self.filled;
        let size = trade.size.max(0);
        let sign = trade.aggressor.sign();
        if size < room {
            self.filled += size;
            self.signed += size * sign;
            return;
        }
        self.close((self.signed + room * sign).abs());
        let mut rest = size - room;
        if rest >= self.bucket_volume {
            // A bucket filled by this trade alone is wholly imbalanced; more of them than the ring holds change nothing.
            let alone = rest / self.bucket_volume;
            for _ in 0..alone.min(self.buckets as i64) {
                self.close(self.bucket_volume);
            }
            rest %= self.bucket_volume;
        }
        self.filled = rest;
        self.signed = rest * sign;
    }

    fn close(&mut self, imbalance: i64) {
        if self.imbalances.len() == self.buckets {
            let oldest = self.imbalances.pop_front().unwrap_or_default();
            self.imbalance_sum -= i128::from(oldest);
        }
        self.imbalances.push_back(imbalance);
        self.imbalance_sum += i128::from(imbalance);
        if self.imbalances.len() == self.buckets {
            self.value = Some(to_f64(self.imbalance_sum) / self.volume);
        }
    }

    /// In [0, 1].
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] until n buckets are full.
    #[inline]
    pub fn value(&self) -> Result<f64, Undefined> {
        self.value.ok_or(Undefined::WarmingUp)
    }
}

/// Share of a bar's volume taken to be bought, Φ(ΔP / σ): bulk volume classification (Easley, López de Prado,
/// O'Hara 2012), for data without an aggressor flag. `standard_deviation` is that of the bars' price changes.
///
/// # Errors
/// [`Undefined::Degenerate`] unless the standard deviation is positive and both numbers are finite.
pub fn bulk_buy_share(price_change: f64, standard_deviation: f64) -> Result<f64, Undefined> {
    let z = standardised(price_change, standard_deviation)?;
    Ok(0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2))
}

/// VPIN of equal-volume buckets by bulk volume classification: mean of |2·Φ(ΔP / σ) − 1| = erf(|ΔP| / (σ·√2)).
///
/// # Errors
/// [`Undefined::WarmingUp`] without a bucket; [`Undefined::Degenerate`] as [`bulk_buy_share`].
pub fn bulk_volume_vpin(price_changes: &[f64], standard_deviation: f64) -> Result<f64, Undefined> {
    if price_changes.is_empty() {
        return Err(Undefined::WarmingUp);
    }
    let mut sum = 0.0;
    for change in price_changes {
        // The error function itself: 2·Φ − 1 would lose the digits of small changes.
        let z = standardised(change.abs(), standard_deviation)?;
        sum += libm::erf(z * std::f64::consts::FRAC_1_SQRT_2);
    }
    Ok(sum / price_changes.len() as f64)
}

fn standardised(price_change: f64, standard_deviation: f64) -> Result<f64, Undefined> {
    let z = price_change / standard_deviation;
    if standard_deviation > 0.0 && standard_deviation.is_finite() && z.is_finite() {
        Ok(z)
    } else {
        Err(Undefined::Degenerate)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::instrument::Side;
    use proptest::prelude::*;

    fn trade(size: i64, aggressor: Side) -> MarketTrade {
        MarketTrade {
            local_ns: 0,
            price: 100,
            size,
            aggressor,
        }
    }

    #[test]
    fn reference_number() {
        let mut kernel = Vpin::new(100, 4);
        for bought in [60, 30, 50, 80] {
            assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
            kernel.update(trade(bought, Side::Buy));
            kernel.update(trade(100 - bought, Side::Sell));
        }
        assert!((kernel.value().unwrap() - 0.30).abs() < 1e-12);
        // The same flow as two prints a bucket edge runs through: 60 buys, then 40 + 70 sells, then 30 buys.
        let mut split = Vpin::new(100, 2);
        split.update(trade(60, Side::Buy));
        split.update(trade(110, Side::Sell));
        split.update(trade(30, Side::Buy));
        assert!((split.value().unwrap() - (0.2 + 0.4) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn one_huge_trade_is_arithmetic() {
        let mut kernel = Vpin::new(1, 50);
        kernel.update(trade(i64::MAX, Side::Sell));
        assert_eq!(kernel.value(), Ok(1.0));
        let mut kernel = Vpin::new(i64::MAX, 1);
        kernel.update(trade(i64::MAX, Side::Sell));
        kernel.update(trade(i64::MAX, Side::Buy));
        assert_eq!(kernel.value(), Ok(1.0));
    }

    #[test]
    fn bulk_volume_reference() {
        let value = bulk_volume_vpin(&[1.0, -2.0, 0.0, 0.5], 1.0).unwrap();
        assert!((value - 0.505_028_537_7).abs() < 5e-11);
        // Standard normal distribution function at 1.96 and its mirror.
        assert!((bulk_buy_share(1.96, 1.0).unwrap() - 0.975_002_104_851_779_5).abs() < 1e-12);
        assert!((bulk_buy_share(-3.92, 2.0).unwrap() - 0.024_997_895_148_220_43).abs() < 1e-12);
        assert_eq!(bulk_buy_share(0.0, 3.0), Ok(0.5));
        assert_eq!(bulk_volume_vpin(&[], 1.0), Err(Undefined::WarmingUp));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(bulk_volume_vpin(&[1.0], bad), Err(Undefined::Degenerate));
            assert_eq!(bulk_buy_share(1.0, bad), Err(Undefined::Degenerate));
        }
    }

    proptest! {
        /// Every size quantum on its own: bucket k is the quanta k·V .. (k + 1)·V of the whole flow.
        #[test]
        fn equals_quantum_by_quantum(
            trades in prop::collection::vec((1i64..120, any::<bool>()), 1..60),
            volume in 1i64..40,
            buckets in 1usize..8,
        ) {
            let mut kernel = Vpin::new(volume, buckets);
            let mut quanta = Vec::new();
            for (size, bought) in trades {
                let side = if bought { Side::Buy } else { Side::Sell };
                kernel.update(trade(size, side));
                quanta.extend(std::iter::repeat_n(side.sign(), size as usize));
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                kernel = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
                let full: Vec<i64> = quanta
                    .chunks_exact(volume as usize)
                    .map(|bucket| bucket.iter().sum::<i64>().abs())
                    .collect();
                if full.len() < buckets {
                    prop_assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
                } else {
                    let last = &full[full.len() - buckets..];
                    let mean = last.iter().map(|imbalance| *imbalance as f64 / volume as f64).sum::<f64>()
                        / buckets as f64;
                    prop_assert!((kernel.value().unwrap() - mean).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn bulk_volume_is_the_imbalance_of_the_shares(changes in prop::collection::vec(-4.0..4.0f64, 1..30)) {
            let mean = changes
                .iter()
                .map(|change| (2.0 * bulk_buy_share(*change, 1.5).unwrap() - 1.0).abs())
                .sum::<f64>()
                / changes.len() as f64;
            prop_assert!((bulk_volume_vpin(&changes, 1.5).unwrap() - mean).abs() < 1e-12);
        }
    }
}
