//! Trades against changes of the book.

use serde::{Deserialize, Serialize};

use super::{FadingRate, Undefined};

/// Half-lives without a book update after which nothing of the denominator is left.
const FADED_HALF_LIVES: i64 = 64;

/// Trade-to-book ratio: number of trades / number of book updates, and traded size / changed size, all fading
/// exponentially at one half-life (quant.md §1; the inverse of the order-to-trade ratio of exchanges' rule books).
///
/// A trade is one trade message; a book update is one level whose size changed, by |after − before|. The caller
/// decides which levels it gives, the whole book or those near the touch. Both counts run only while the book can be
/// seen. Without trades the ratio is a true zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeToBookRatio {
    half_life_ns: i64,
    trades: FadingRate,
    traded: FadingRate,
    updates: FadingRate,
    changed: FadingRate,
    last_update_ns: Option<i64>,
}

impl TradeToBookRatio {
    pub fn new(half_life_ns: i64) -> Self {
        let rate = FadingRate::new(half_life_ns);
        TradeToBookRatio {
            half_life_ns: half_life_ns.max(1),
            trades: rate.clone(),
            traded: rate.clone(),
            updates: rate.clone(),
            changed: rate,
            last_update_ns: None,
        }
    }

    /// The book can be seen from now on; no effect when it already could.
    pub fn start(&mut self, now_ns: i64) {
        for rate in [
            &mut self.trades,
            &mut self.traded,
            &mut self.updates,
            &mut self.changed,
        ] {
            rate.start(now_ns);
        }
    }

    /// The book is gone: forgets everything until the next start.
    pub fn interrupt(&mut self) {
        *self = TradeToBookRatio::new(self.half_life_ns);
    }

    /// Takes a trade of `size` quanta.
    pub fn trade(&mut self, now_ns: i64, size: i64) {
        self.trades.add(now_ns, 1.0);
        self.traded.add(now_ns, size as f64);
    }

    /// Takes a level update; one that leaves the size as it was is none, nor is one while the book cannot be seen.
    pub fn update(&mut self, now_ns: i64, before: i64, after: i64) {
        if before != after && self.updates.is_counting() {
            self.updates.add(now_ns, 1.0);
            self.changed.add(now_ns, before.abs_diff(after) as f64);
            self.last_update_ns = Some(now_ns);
        }
    }

    fn ratio(&self, now_ns: i64, above: &FadingRate, below: &FadingRate) -> Result<f64, Undefined> {
        let last = self.last_update_ns.ok_or(Undefined::WarmingUp)?;
        let denominator = below.sum(now_ns);
        let lasting = self.half_life_ns.saturating_mul(FADED_HALF_LIVES);
        if denominator > 0.0 && now_ns.saturating_sub(last) <= lasting {
            Ok(above.sum(now_ns) / denominator)
        } else {
            Err(Undefined::Degenerate)
        }
    }

    /// Trades per book update: [`Undefined::WarmingUp`] before the first update, [`Undefined::Degenerate`] once all
    /// updates have faded away (64 half-lives).
    pub fn count_ratio(&self, now_ns: i64) -> Result<f64, Undefined> {
        self.ratio(now_ns, &self.trades, &self.updates)
    }

    /// Traded size per changed size, undefined as the ratio of counts is.
    pub fn volume_ratio(&self, now_ns: i64) -> Result<f64, Undefined> {
        self.ratio(now_ns, &self.traded, &self.changed)
    }

    /// Book updates in the denominator of [`Self::count_ratio`], faded.
    pub fn book_updates(&self, now_ns: i64) -> f64 {
        self.updates.sum(now_ns)
    }

    /// Changed size quanta in the denominator of [`Self::volume_ratio`], faded.
    pub fn changed_size(&self, now_ns: i64) -> f64 {
        self.changed.sum(now_ns)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_trades_on_ten_updates() {
        let mut kernel = TradeToBookRatio::new(1_000);
        kernel.trade(0, 9); // not seen: the book is not there yet
        kernel.update(0, 4, 9);
        kernel.start(0);
        assert_eq!(kernel.count_ratio(0), Err(Undefined::WarmingUp));
        for number in 0..10 {
            kernel.update(5, 100, 100 - number - 1);
            kernel.update(5, 7, 7);
        }
        assert_eq!(kernel.count_ratio(5), Ok(0.0));
        for _ in 0..3 {
            kernel.trade(5, 11);
        }
        assert!((kernel.count_ratio(900).unwrap() - 0.3).abs() < 1e-12);
        assert!((kernel.volume_ratio(900).unwrap() - 33.0 / 55.0).abs() < 1e-12);
        assert!((kernel.book_updates(1_005) - 5.0).abs() < 1e-12);
        assert!((kernel.changed_size(1_005) - 27.5).abs() < 1e-12);
        assert!(kernel.count_ratio(64_005).is_ok());
        assert_eq!(kernel.count_ratio(64_006), Err(Undefined::Degenerate));
        kernel.interrupt();
        assert_eq!(kernel.volume_ratio(900), Err(Undefined::WarmingUp));
    }

    proptest! {
        #[test]
        fn ratios_equal_plain_sums(
            events in proptest::collection::vec((0i64..2_000, any::<bool>(), 0i64..30, 0i64..30), 1..40),
        ) {
            let mut events = events;
            events.sort_by_key(|event| event.0);
            let mut kernel = TradeToBookRatio::new(500);
            kernel.start(0);
            let (mut count, mut volume) = ([0.0; 2], [0.0; 2]);
            for (at, is_trade, before, after) in &events {
                let weight = 0.5f64.powf((3_000 - at) as f64 / 500.0);
                if *is_trade {
                    kernel.trade(*at, *before);
                    count[0] += weight;
                    volume[0] += weight * *before as f64;
                } else {
                    kernel.update(*at, *before, *after);
                    if before != after {
                        count[1] += weight;
                        volume[1] += weight * (before - after).abs() as f64;
                    }
                }
            }
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            let copy: TradeToBookRatio = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&copy, &kernel);
            if count[1] > 0.0 {
                let value = copy.count_ratio(3_000).unwrap();
                prop_assert!((value - count[0] / count[1]).abs() < 1e-9);
                let value = copy.volume_ratio(3_000).unwrap();
                prop_assert!((value - volume[0] / volume[1]).abs() < 1e-9);
            } else {
                prop_assert_eq!(copy.count_ratio(3_000), Err(Undefined::WarmingUp));
            }
        }
    }
}
