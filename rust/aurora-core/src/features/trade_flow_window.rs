//! Trade flow imbalance over a window of clock time.

use serde::{Deserialize, Serialize};

use super::{MarketTrade, Undefined};
use crate::instrument::Side;

/// Sub-buckets a window is cut into.
pub const WINDOW_BUCKETS: i64 = 64;

/// Trade flow imbalance (Vbuy − Vsell) / (Vbuy + Vsell) of the trades of a clock window, by aggressor.
///
/// The window is cut into 64 sub-buckets of width w = ⌈window / 64⌉ that lie on the time grid (multiples of w since
/// the epoch), so memory is constant. At `now`, the trades with ⌈now / w⌉·w − 64·w ≤ local time ≤ `now` count: where
/// `now` is a multiple of w exactly those of [now − 64·w, now], elsewhere the window begins less than w later.
/// Volumes are integers, so no order of trades can change them by rounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeFlowWindow {
    width_ns: i64,
    /// By bucket number modulo the ring's length: one slot more than the window, for a trade at `now` itself.
    slots: Vec<Slot>,
    last_ns: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    bucket: i64,
    buy: i128,
    sell: i128,
}

impl TradeFlowWindow {
    /// `window_ns` must be positive.
    pub fn new(window_ns: i64) -> Self {
        let window_ns = window_ns.max(1);
        TradeFlowWindow {
            width_ns: window_ns / WINDOW_BUCKETS + i64::from(window_ns % WINDOW_BUCKETS != 0),
            slots: vec![Slot::default(); WINDOW_BUCKETS as usize + 1],
            last_ns: i64::MIN,
        }
    }

    /// Local times must not decrease.
    pub fn update(&mut self, trade: MarketTrade) {
        self.last_ns = self.last_ns.max(trade.local_ns);
        let bucket = self.last_ns.div_euclid(self.width_ns);
        let length = self.slots.len() as i64;
        let slot = &mut self.slots[bucket.rem_euclid(length) as usize];
        if slot.bucket != bucket {
            *slot = Slot {
                bucket,
                ..Slot::default()
            };
        }
        match trade.aggressor {
            Side::Buy => slot.buy += i128::from(trade.size),
            Side::Sell => slot.sell += i128::from(trade.size),
        }
    }

    /// In [−1, 1]. `now_ns` must not lie before the last trade.
    ///
    /// # Errors
    /// [`Undefined::NoTrades`] without a trade in the window.
    pub fn value(&self, now_ns: i64) -> Result<f64, Undefined> {
        let now_ns = now_ns.max(self.last_ns);
        let floor = now_ns.div_euclid(self.width_ns);
        let end = floor.saturating_add(i64::from(now_ns.rem_euclid(self.width_ns) != 0));
        let first = end.saturating_sub(WINDOW_BUCKETS);
        let (mut buy, mut sell) = (0, 0);
        for slot in self.slots.iter().filter(|slot| slot.bucket >= first) {
            buy += slot.buy;
            sell += slot.sell;
        }
        if buy + sell == 0 {
            return Err(Undefined::NoTrades);
        }
        Ok((buy - sell) as f64 / (buy + sell) as f64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn trade(local_ns: i64, size: i64, aggressor: Side) -> MarketTrade {
        MarketTrade {
            local_ns,
            price: 100,
            size,
            aggressor,
        }
    }

    #[test]
    fn reference_number() {
        let mut kernel = TradeFlowWindow::new(6_400);
        assert_eq!(kernel.value(0), Err(Undefined::NoTrades));
        kernel.update(trade(0, 60, Side::Buy));
        kernel.update(trade(10, 40, Side::Sell));
        assert_eq!(kernel.value(20), Ok(0.2));
    }

    #[test]
    fn the_window_is_closed_on_the_grid_and_starts_late_off_it() {
        let mut kernel = TradeFlowWindow::new(6_400);
        kernel.update(trade(100, 3, Side::Buy));
        kernel.update(trade(6_500, 1, Side::Sell));
        assert_eq!(kernel.value(6_500), Ok(0.5));
        assert_eq!(kernel.value(6_501), Ok(-1.0));
        assert_eq!(kernel.value(12_900), Ok(-1.0));
        assert_eq!(kernel.value(12_901), Err(Undefined::NoTrades));
    }

    #[test]
    fn absurd_clocks_do_no_harm() {
        let mut kernel = TradeFlowWindow::new(1);
        kernel.update(trade(i64::MIN, i64::MAX, Side::Buy));
        kernel.update(trade(i64::MAX, i64::MAX, Side::Sell));
        kernel.update(trade(i64::MAX, i64::MAX, Side::Sell));
        assert_eq!(kernel.value(i64::MAX), Ok(-1.0));
    }

    proptest! {
        #[test]
        fn equals_a_filter_over_all_trades(
            steps in prop::collection::vec((0i64..400, 1i64..1_000, any::<bool>()), 1..200),
            window in 1i64..3_000,
            start in -5_000i64..5_000,
            wait in 0i64..500,
        ) {
            let mut kernel = TradeFlowWindow::new(window);
            let width = (window as f64 / 64.0).ceil() as i64;
            let mut now = start;
            let mut all = Vec::new();
            for (step, size, bought) in steps {
                now += step;
                let side = if bought { Side::Buy } else { Side::Sell };
                kernel.update(trade(now, size, side));
                all.push((now, size, side.sign()));
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                kernel = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
                let at = now + wait;
                let mut grid = at;
                while grid % width != 0 {
                    grid += 1;
                }
                let inside: Vec<_> = all.iter().filter(|row| row.0 >= grid - 64 * width).collect();
                let total: i64 = inside.iter().map(|row| row.1).sum();
                let signed: i64 = inside.iter().map(|row| row.1 * row.2).sum();
                let expected = if total == 0 {
                    Err(Undefined::NoTrades)
                } else {
                    Ok(signed as f64 / total as f64)
                };
                prop_assert_eq!(kernel.value(at), expected);
            }
        }
    }
}
