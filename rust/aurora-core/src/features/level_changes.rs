//! Why a price level changed: added, taken by trades or cancelled, as far as an aggregated book tells.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::instrument::Side;

/// Prices remembered with trades that no decrease has explained yet.
pub const MAX_TRADED_PRICES: usize = 32;

/// A level's size before and after an update, in quanta; zero where there is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    pub side: Side,
    pub price: i64,
    pub before: i64,
    pub after: i64,
}

/// A [`LevelChange`] by cause, in size quanta: after = before + added − taken − cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelFlow {
    pub side: Side,
    pub price: i64,
    pub added: i64,
    pub taken: i64,
    pub cancelled: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Traded {
    side: Side,
    price: i64,
    size: i64,
    local_ns: i64,
}

/// Splits decreases of levels into what trades took and what was cancelled.
///
/// A decrease at a price is explained by trades at that price seen before it, up to their size; the rest of the
/// decrease is a cancel. An increase is an addition and explains nothing. A trade's size that no decrease has used
/// waits for a later one, for at most the horizon after the last trade at its price, and while its price is among
/// the last [`MAX_TRADED_PRICES`] traded.
///
/// Additions and cancels are lower bounds: within one update they are netted against each other and against trades
/// that were refilled. A decrease that is received before its own trade counts as a cancel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeAttribution {
    horizon_ns: i64,
    /// Oldest trade first.
    traded: VecDeque<Traded>,
}

impl TradeAttribution {
    pub fn new(horizon_ns: i64) -> Self {
        TradeAttribution {
            horizon_ns,
            traded: VecDeque::with_capacity(MAX_TRADED_PRICES),
        }
    }

    fn forget_old(&mut self, now_ns: i64) {
        while let Some(oldest) = self.traded.front() {
            if now_ns.saturating_sub(oldest.local_ns) <= self.horizon_ns {
                break;
            }
            self.traded.pop_front();
        }
    }

    fn position(&self, side: Side, price: i64) -> Option<usize> {
        self.traded
            .iter()
            .position(|traded| traded.price == price && traded.side == side)
    }

    /// A trade of `size` against orders that rested on `resting`: bids when the buyer is the maker.
    pub fn trade(&mut self, now_ns: i64, resting: Side, price: i64, size: i64) {
        self.forget_old(now_ns);
        let waiting = self
            .position(resting, price)
            .and_then(|at| self.traded.remove(at))
            .map_or(0, |traded| traded.size);
        if self.traded.len() >= MAX_TRADED_PRICES {
            self.traded.pop_front();
        }
        self.traded.push_back(Traded {
            side: resting,
            price,
            size: waiting.saturating_add(size),
            local_ns: now_ns,
        });
    }

    /// Splits a change by cause.
    pub fn split(&mut self, now_ns: i64, change: LevelChange) -> LevelFlow {
        let mut flow = LevelFlow {
            side: change.side,
            price: change.price,
            added: 0,
            taken: 0,
            cancelled: 0,
        };
        let decrease = change.before.saturating_sub(change.after);
        if decrease <= 0 {
            flow.added = decrease.saturating_neg();
            return flow;
        }
        if !self.traded.is_empty() {
            self.forget_old(now_ns);
            if let Some(at) = self.position(change.side, change.price) {
                flow.taken = self.traded[at].size.clamp(0, decrease);
                self.traded[at].size -= flow.taken;
                if self.traded[at].size <= 0 {
                    self.traded.remove(at);
                }
            }
        }
        flow.cancelled = decrease - flow.taken;
        flow
    }

    /// The book is gone: trades so far explain nothing that is seen later.
    pub fn interrupt(&mut self) {
        self.traded.clear();
    }
}

#[cfg(test)]
#[path = "level_changes_tests.rs"]
mod tests;
