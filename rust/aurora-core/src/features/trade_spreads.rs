//! What takers paid: effective spread, and its split into realised spread and price impact.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{MarketTrade, Undefined};
use crate::book::Quote;
use crate::math::fade;

/// Trades that may wait for their delayed mid at once.
pub const PENDING_CAPACITY: usize = 4_096;

/// Half-lives without a new term after which a fading mean is no longer a statement about now.
const GONE_HALF_LIVES: f64 = 64.0;

/// Effective spread 2·D·(P − M0), realised spread 2·D·(P − Mδ) and price impact 2·D·(Mδ − M0) as size-weighted,
/// exponentially fading means in basis points of M0 (Huang and Stoll 1996; D the aggressor's sign).
///
/// M0 is the mid just before the trade in order of arrival, Mδ the one last set at or before the trade's time + δ.
/// A trade enters the effective spread at once, the other two only when time has passed trade time + δ: nothing looks
/// ahead. For each such trade effective = realised + impact. A trade without M0 counts nowhere, one without Mδ only in
/// the effective spread. Up to 4,096 trades wait for their Mδ; beyond that the oldest is dropped and counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeSpreads {
    horizon_ns: i64,
    half_life_ns: f64,
    /// Bid plus ask in price quanta: twice the mid.
    mid_doubled: Option<i64>,
    pending: VecDeque<Pending>,
    effective: f64,
    effective_size: f64,
    effective_ns: i64,
    realised: f64,
    impact: f64,
    resolved_size: f64,
    resolved_ns: i64,
    counters: TradeSpreadCounters,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    due_ns: i64,
    trade: MarketTrade,
    mid_doubled: i64,
}

/// What became of the trades given to [`TradeSpreads`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeSpreadCounters {
    /// Trades whose delayed mid was found.
    pub resolved: u64,
    /// Trades that came while there was no touch.
    pub without_mid: u64,
    /// Trades for which there was no touch at trade time + δ.
    pub without_delayed_mid: u64,
    /// Trades dropped because too many were waiting.
    pub overflowed: u64,
}

impl TradeSpreads {
    /// Horizon δ and half-life of the means; both must be positive.
    pub fn new(horizon_ns: i64, half_life_ns: i64) -> Self {
        TradeSpreads {
            horizon_ns: horizon_ns.max(1),
            half_life_ns: half_life_ns.max(1) as f64,
            mid_doubled: None,
            pending: VecDeque::with_capacity(PENDING_CAPACITY),
            effective: 0.0,
            effective_size: 0.0,
            effective_ns: 0,
            realised: 0.0,
            impact: 0.0,
            resolved_size: 0.0,
            resolved_ns: 0,
            counters: TradeSpreadCounters::default(),
        }
    }

    /// The touch is `quote` from `local_ns` on.
    pub fn touch(&mut self, local_ns: i64, quote: Quote) {
        self.advance(local_ns);
        let sum = quote.bid.price.saturating_add(quote.ask.price);
        self.mid_doubled = (sum > 0).then_some(sum);
    }

    /// The touch is gone from `local_ns` on.
    pub fn interrupt(&mut self, local_ns: i64) {
        self.advance(local_ns);
        self.mid_doubled = None;
    }

    pub fn trade(&mut self, trade: MarketTrade) {
        self.advance(trade.local_ns);
        let Some(mid_doubled) = self.mid_doubled else {
            self.counters.without_mid += 1;
            return;
        };
        let size = trade.size as f64;
        let fade = self.fade(trade.local_ns, self.effective_ns);
        self.effective = self.effective * fade + size * effective_bps(&trade, mid_doubled);
        self.effective_size = self.effective_size * fade + size;
        self.effective_ns = trade.local_ns;
        if self.pending.len() == PENDING_CAPACITY {
            self.pending.pop_front();
            self.counters.overflowed += 1;
        }
        self.pending.push_back(Pending {
            due_ns: trade.local_ns.saturating_add(self.horizon_ns),
            trade,
            mid_doubled,
        });
    }

    fn fade(&self, now_ns: i64, then_ns: i64) -> f64 {
        let elapsed = now_ns.saturating_sub(then_ns).max(0) as f64;
        fade(elapsed, self.half_life_ns)
    }

    /// Resolves what was due before `now_ns`. An event at the due time itself may still set the mid of that time,
    /// so the moment must have passed; terms fade by their due time, so it does not matter when this is called.
    fn advance(&mut self, now_ns: i64) {
        while let Some(first) = self.pending.front().copied() {
            if first.due_ns >= now_ns {
                return;
            }
            self.pending.pop_front();
            let Some(delayed) = self.mid_doubled else {
                self.counters.without_delayed_mid += 1;
                continue;
            };
            let size = first.trade.size as f64;
            let fade = self.fade(first.due_ns, self.resolved_ns);
            let impact = first.trade.aggressor.sign() * delayed.saturating_sub(first.mid_doubled);
            let realised = signed_distance_doubled(&first.trade, delayed);
            let scale = size * basis_points(first.mid_doubled);
            self.realised = self.realised * fade + scale * realised as f64;
            self.impact = self.impact * fade + scale * impact as f64;
            self.resolved_size = self.resolved_size * fade + size;
            self.resolved_ns = first.due_ns;
            self.counters.resolved += 1;
        }
    }

    /// Mean effective spread in basis points.
    ///
    /// # Errors
    /// [`Undefined::NoTrades`] before the first trade with a mid and 64 half-lives after the last.
    pub fn effective_bps(&mut self, now_ns: i64) -> Result<f64, Undefined> {
        self.advance(now_ns);
        self.mean(
            self.effective,
            self.effective_size,
            now_ns,
            self.effective_ns,
        )
    }

    /// Mean realised spread in basis points: what the makers kept after δ.
    ///
    /// # Errors
    /// [`Undefined::NoTrades`] before a trade is resolved and 64 half-lives after the last was.
    pub fn realised_bps(&mut self, now_ns: i64) -> Result<f64, Undefined> {
        self.advance(now_ns);
        self.mean(self.realised, self.resolved_size, now_ns, self.resolved_ns)
    }

    /// Mean price impact in basis points: how far the mid followed the takers within δ.
    ///
    /// # Errors
    /// As [`TradeSpreads::realised_bps`].
    pub fn impact_bps(&mut self, now_ns: i64) -> Result<f64, Undefined> {
        self.advance(now_ns);
        self.mean(self.impact, self.resolved_size, now_ns, self.resolved_ns)
    }

    /// The common fading of a mean's numerator and denominator cancels: only the last term's age matters.
    fn mean(&self, sum: f64, size: f64, now_ns: i64, last_ns: i64) -> Result<f64, Undefined> {
        let gone = now_ns.saturating_sub(last_ns) as f64 > GONE_HALF_LIVES * self.half_life_ns;
        if size > 0.0 && !gone {
            Ok(sum / size)
        } else {
            Err(Undefined::NoTrades)
        }
    }

    pub fn counters(&self) -> TradeSpreadCounters {
        self.counters
    }
}

/// 2·D·(P − M) in price quanta: an integer, because twice the mid is one.
fn signed_distance_doubled(trade: &MarketTrade, mid_doubled: i64) -> i64 {
    let distance = trade.price.saturating_mul(2).saturating_sub(mid_doubled);
    trade.aggressor.sign().saturating_mul(distance)
}

/// Basis points of the mid in a price quantum.
fn basis_points(mid_doubled: i64) -> f64 {
    2e4 / mid_doubled as f64
}

/// Effective spread 2·D·(P − M0) of one trade in basis points of M0 = `mid_doubled` / 2.
fn effective_bps(trade: &MarketTrade, mid_doubled: i64) -> f64 {
    signed_distance_doubled(trade, mid_doubled) as f64 * basis_points(mid_doubled)
}

#[cfg(test)]
#[path = "trade_spreads_tests.rs"]
mod tests;
