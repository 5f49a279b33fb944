//! How often and how much is traded, and by whom more often.

use serde::{Deserialize, Serialize};

use super::{MarketTrade, Undefined};
use crate::instrument::Side;
use crate::math::fade;

/// Half-lives without a trade after which there is no imbalance to speak of.
const GONE_HALF_LIVES: f64 = 64.0;

/// Exponentially fading rates of trades and volume per second, and the imbalance of trade counts by aggressor.
///
/// A rate is Σ weight · amount / ∫ weight dt, the weight of age a being 2^(−a / half-life) and the integral running
/// from the start of observation: not biased low while young. Silence is an observation; rates fall through it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeRates {
    half_life_ns: f64,
    started_ns: Option<i64>,
    last_ns: i64,
    buys: f64,
    sells: f64,
    volume: f64,
}

impl TradeRates {
    /// `half_life_ns` must be positive.
    pub fn new(half_life_ns: i64) -> Self {
        TradeRates {
            half_life_ns: half_life_ns.max(1) as f64,
            started_ns: None,
            last_ns: 0,
            buys: 0.0,
            sells: 0.0,
            volume: 0.0,
        }
    }

    /// The market is observed from `local_ns` on: to be called with the first event of any kind. Only the first call
    /// counts; without one observation begins at the first trade, which makes young rates a little high.
    pub fn start(&mut self, local_ns: i64) {
        if self.started_ns.is_none() {
            self.started_ns = Some(local_ns);
            self.last_ns = local_ns;
        }
    }

    pub fn trade(&mut self, trade: MarketTrade) {
        self.start(trade.local_ns);
        let fade = self.fade(trade.local_ns);
        self.buys *= fade;
        self.sells *= fade;
        self.volume = self.volume * fade + trade.size as f64;
        match trade.aggressor {
            Side::Buy => self.buys += 1.0,
            Side::Sell => self.sells += 1.0,
        }
        self.last_ns = self.last_ns.max(trade.local_ns);
    }

    fn fade(&self, now_ns: i64) -> f64 {
        let elapsed = now_ns.saturating_sub(self.last_ns).max(0) as f64;
        fade(elapsed, self.half_life_ns)
    }

    fn rate(&self, sum: f64, now_ns: i64) -> Result<f64, Undefined> {
        let started_ns = self.started_ns.ok_or(Undefined::WarmingUp)?;
        let observed = now_ns.saturating_sub(started_ns) as f64;
        if observed < self.half_life_ns {
            return Err(Undefined::WarmingUp);
        }
        let weight = 1.0 - fade(observed, self.half_life_ns);
        let seconds = self.half_life_ns * 1e-9 / std::f64::consts::LN_2 * weight;
        Ok(sum * self.fade(now_ns) / seconds)
    }

    /// Trades per second.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] until the market has been observed for a half-life.
    pub fn count_rate(&self, now_ns: i64) -> Result<f64, Undefined> {
        self.rate(self.buys + self.sells, now_ns)
    }

    /// Size quanta per second.
    ///
    /// # Errors
    /// As [`TradeRates::count_rate`].
    pub fn volume_rate(&self, now_ns: i64) -> Result<f64, Undefined> {
        self.rate(self.volume, now_ns)
    }

    /// (Nbuy − Nsell) / (Nbuy + Nsell) of fading trade counts, in [−1, 1].
    ///
    /// # Errors
    /// [`Undefined::NoTrades`] before the first trade and 64 half-lives after the last.
    pub fn count_imbalance(&self, now_ns: i64) -> Result<f64, Undefined> {
        let total = self.buys + self.sells;
        let silence = now_ns.saturating_sub(self.last_ns) as f64;
        if total > 0.0 && silence <= GONE_HALF_LIVES * self.half_life_ns {
            Ok((self.buys - self.sells) / total)
        } else {
            Err(Undefined::NoTrades)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn trade(local_ns: i64, size: i64, aggressor: Side) -> MarketTrade {
        MarketTrade {
            local_ns,
            price: 100,
            size,
            aggressor,
        }
    }

    #[test]
    fn a_steady_flow_has_its_own_rate_young_and_old() {
        // Four trades a second of seven quanta each, three of them buys.
        let mut kernel = TradeRates::new(10 * SECOND);
        assert_eq!(kernel.count_rate(0), Err(Undefined::WarmingUp));
        kernel.start(0);
        for i in 0..4_000i64 {
            let side = if i % 4 == 0 { Side::Sell } else { Side::Buy };
            kernel.trade(trade(i * SECOND / 4 + SECOND / 8, 7, side));
            let now = (i + 1) * SECOND / 4;
            if now < 10 * SECOND {
                assert_eq!(kernel.count_rate(now), Err(Undefined::WarmingUp));
            } else {
                assert!((kernel.count_rate(now).unwrap() - 4.0).abs() < 1e-3);
                assert!((kernel.volume_rate(now).unwrap() - 28.0).abs() < 1e-2);
            }
        }
        assert!((kernel.count_imbalance(1_000 * SECOND).unwrap() - 0.5).abs() < 0.02);
        // Ten half-lives of silence leave a thousandth of the rate, and then no imbalance.
        let rate = kernel.count_rate(1_100 * SECOND).unwrap();
        assert!((rate - 4.0 / 1_024.0).abs() < 1e-5);
        assert_eq!(
            kernel.count_imbalance(1_641 * SECOND),
            Err(Undefined::NoTrades)
        );
        assert!(kernel.count_rate(1_641 * SECOND).unwrap() < 1e-15);
    }

    #[test]
    fn a_market_without_trades_has_a_rate_of_zero_and_no_imbalance() {
        let mut kernel = TradeRates::new(SECOND);
        kernel.start(5 * SECOND);
        assert_eq!(kernel.count_rate(6 * SECOND), Ok(0.0));
        assert_eq!(kernel.volume_rate(6 * SECOND), Ok(0.0));
        assert_eq!(kernel.count_imbalance(6 * SECOND), Err(Undefined::NoTrades));
    }

    proptest! {
        #[test]
        fn equals_weighted_sums_over_all_trades(
            steps in prop::collection::vec((0i64..2_000, 1i64..500, any::<bool>()), 1..100),
            half_life in 500i64..5_000,
            lead in 0i64..1_000,
            wait in 0i64..3_000,
        ) {
            let mut kernel = TradeRates::new(half_life);
            let start = 1_000_000;
            let mut now = start + lead;
            kernel.start(start);
            let mut all = Vec::new();
            for (step, size, bought) in steps {
                now += step;
                let side = if bought { Side::Buy } else { Side::Sell };
                kernel.trade(trade(now, size, side));
                all.push((now, size as f64, side.sign() as f64));
                let bytes = postcard::to_allocvec(&kernel).unwrap();
                kernel = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
                let at = now + wait;
                let weight = |time: i64| 2f64.powf(-((at - time) as f64) / half_life as f64);
                let sum = |term: &dyn Fn(&(i64, f64, f64)) -> f64| {
                    all.iter().map(|row| weight(row.0) * term(row)).sum::<f64>()
                };
                let (count, volume, signed) = (sum(&|_| 1.0), sum(&|row| row.1), sum(&|row| row.2));
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
                prop_assert!(close(kernel.count_imbalance(at).unwrap(), signed / count));
                if at - start < half_life {
                    prop_assert_eq!(kernel.count_rate(at), Err(Undefined::WarmingUp));
                    continue;
                }
                // ∫ 2^(−a/h) da from 0 to the observed time, in seconds.
                let seconds = half_life as f64 * 1e-9 / 2f64.ln() * (1.0 - weight(start));
                prop_assert!(close(kernel.count_rate(at).unwrap(), count / seconds));
                prop_assert!(close(kernel.volume_rate(at).unwrap(), volume / seconds));
            }
        }
    }
}
