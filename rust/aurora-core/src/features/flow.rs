//! Flow: what changed at the touch (OFI) and who traded (TFI).

use serde::{Deserialize, Serialize};

use crate::book::Quote;
use crate::math::fade;

/// Order flow imbalance of the best level (Cont, Kukanov, Stoikov 2014), summed since the last reading.
///
/// e = 1{Pb ≥ Pb'}·qb − 1{Pb ≤ Pb'}·qb' − 1{Pa ≤ Pa'}·qa + 1{Pa ≥ Pa'}·qa', primes being the touch before.
/// Sums are integers (size quanta), so no order of events can change them by rounding.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderFlowImbalance {
    last: Option<Quote>,
    sum: i64,
    defined: bool,
}

impl OrderFlowImbalance {
    #[inline]
    pub fn update(&mut self, quote: Quote) {
        if let Some(last) = self.last {
            // Selected, not branched upon: which way a touch moves cannot be predicted.
            let part = |counts: bool, size: i64| if counts { size } else { 0 };
            self.sum += part(quote.bid.price >= last.bid.price, quote.bid.size)
                - part(quote.bid.price <= last.bid.price, last.bid.size)
                - part(quote.ask.price <= last.ask.price, quote.ask.size)
                + part(quote.ask.price >= last.ask.price, last.ask.size);
            self.defined = true;
        }
        self.last = Some(quote);
    }

    /// The touch is gone: what comes next has no predecessor.
    pub fn interrupt(&mut self) {
        self.last = None;
        self.defined = false;
        self.sum = 0;
    }

    /// Sum since the last reading in size quanta; None until two touches were seen. Starts a new sum.
    #[inline]
    pub fn take(&mut self) -> Option<i64> {
        let sum = std::mem::take(&mut self.sum);
        self.defined.then_some(sum)
    }
}

/// Trade flow imbalance (Vbuy − Vsell) / (Vbuy + Vsell) of exponentially fading volumes, by aggressor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeFlowImbalance {
    half_life_ns: f64,
    buy: f64,
    sell: f64,
    last_ns: Option<i64>,
}

impl TradeFlowImbalance {
    pub fn new(half_life_ns: i64) -> Self {
        TradeFlowImbalance {
            half_life_ns: half_life_ns as f64,
            buy: 0.0,
            sell: 0.0,
            last_ns: None,
        }
    }

    #[inline]
    pub fn update(&mut self, local_ns: i64, size: f64, buyer_is_maker: bool) {
        if let Some(last) = self.last_ns {
            let fade = fade((local_ns - last) as f64, self.half_life_ns);
            self.buy *= fade;
            self.sell *= fade;
        }
        self.last_ns = Some(local_ns);
        let (buy, sell) = if buyer_is_maker {
            (0.0, size)
        } else {
            (size, 0.0)
        };
        self.buy += buy;
        self.sell += sell;
    }

    /// In [−1, 1]; None before the first trade. Fading alone does not change the ratio, but once the volumes
    /// have faded away (64 half-lives without a trade) there is no flow to speak of: None.
    #[inline]
    pub fn value(&self, now_ns: i64) -> Option<f64> {
        let last = self.last_ns?;
        let total = self.buy + self.sell;
        let gone = (now_ns - last) as f64 > 64.0 * self.half_life_ns;
        (total > 0.0 && !gone).then(|| (self.buy - self.sell) / total)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::event::Level;

    fn quote((bid, bid_size, ask, ask_size): (i64, i64, i64, i64)) -> Quote {
        Quote {
            bid: Level {
                price: bid,
                size: bid_size,
            },
            ask: Level {
                price: ask,
                size: ask_size,
            },
        }
    }

    #[test]
    fn order_flow_reference() {
        let quotes = [
            (100, 10, 101, 12),
            (100, 14, 101, 12),
            (100, 14, 101, 7),
            (101, 5, 102, 9),
            (100, 20, 102, 9),
            (100, 20, 101, 3),
        ];
        let mut kernel = OrderFlowImbalance::default();
        kernel.update(quote(quotes[0]));
        assert_eq!(kernel.take(), None);
        let mut steps = Vec::new();
        for row in &quotes[1..] {
            kernel.update(quote(*row));
            steps.push(kernel.take().unwrap());
        }
        assert_eq!(steps, [4, 5, 12, -5, -3]);
        kernel.interrupt();
        assert_eq!(kernel.take(), None);
    }

    #[test]
    fn trade_flow_reference() {
        let mut kernel = TradeFlowImbalance::new(1_000);
        assert_eq!(kernel.value(0), None);
        kernel.update(0, 60.0, false);
        kernel.update(0, 40.0, true);
        assert!((kernel.value(10).unwrap() - 0.2).abs() < 1e-12);
        // One half-life later the old volume counts half: (30 + 50 − 20) / 100.
        kernel.update(1_000, 50.0, false);
        assert!((kernel.value(1_000).unwrap() - 0.6).abs() < 1e-12);
        assert_eq!(kernel.value(1_000 + 65_000), None);
    }
}
