//! What every ladder answers, and the simple one that serves as reference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::Level;
use crate::instrument::{Instrument, Side};
use crate::units::format_quanta;

/// Aggregated price levels of both sides. Sizes are absolute; a size of zero removes the level.
pub trait Ladder {
    /// Sets the size at a price; answers the size that stood there before.
    fn set(&mut self, side: Side, price: i64, size: i64) -> i64;
    fn clear(&mut self);
    /// Best bid (highest) or best ask (lowest).
    fn best(&self, side: Side) -> Option<Level>;
    /// Size at a price, zero when there is no level.
    fn size_at(&self, side: Side, price: i64) -> i64;
    fn level_count(&self, side: Side) -> usize;
    /// Calls `visit` from the best level on, until it answers false.
    fn visit(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool);

    /// The best `n` levels of a side.
    fn top(&self, side: Side, n: usize) -> Vec<Level> {
        let mut levels = Vec::with_capacity(n);
        if n > 0 {
            self.visit(side, &mut |level| {
                levels.push(level);
                levels.len() < n
            });
        }
        levels
    }

    /// All levels of a side, best first.
    fn levels(&self, side: Side) -> Vec<Level> {
        self.top(side, self.level_count(side))
    }

    /// Sum of sizes over the best `n` levels.
    fn depth(&self, side: Side, n: usize) -> i64 {
        let mut sum = 0;
        let mut seen = 0;
        if n > 0 {
            self.visit(side, &mut |level| {
                sum += level.size;
                seen += 1;
                seen < n
            });
        }
        sum
    }

    /// Sum of sizes at `limit` and better, `i64::MAX` where it is more.
    fn depth_to(&self, side: Side, limit: i64) -> i64 {
        let mut sum: i64 = 0;
        self.visit(side, &mut |level| {
            let inside = match side {
                Side::Buy => level.price >= limit,
                Side::Sell => level.price <= limit,
            };
            if inside {
                sum = sum.saturating_add(level.size);
            }
            inside
        });
        sum
    }

    /// SHA-256 of the book as lines `b,PRICE,SIZE` (best first), then `a,PRICE,SIZE`: plain decimals without
    /// trailing zeros, joined by newlines.
    fn digest(&self, instrument: &Instrument) -> String {
        let mut lines = Vec::new();
        for (name, side) in [("b", Side::Buy), ("a", Side::Sell)] {
            for level in self.levels(side) {
                lines.push(format!(
                    "{name},{},{}",
                    format_quanta(level.price, instrument.price_exponent),
                    format_quanta(level.size, instrument.size_exponent)
                ));
            }
        }
        let hash = Sha256::digest(lines.join("\n").as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reference ladder: one sorted map a side. Slow and obviously right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortedLadder {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl SortedLadder {
    fn side(&self, side: Side) -> &BTreeMap<i64, i64> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

fn level((price, size): (&i64, &i64)) -> Level {
    Level {
        price: *price,
        size: *size,
    }
}

impl Ladder for SortedLadder {
    fn set(&mut self, side: Side, price: i64, size: i64) -> i64 {
        let map = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let before = if size == 0 {
            map.remove(&price)
        } else {
            map.insert(price, size)
        };
        before.unwrap_or(0)
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    fn best(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.bids.last_key_value().map(level),
            Side::Sell => self.asks.first_key_value().map(level),
        }
    }

    fn size_at(&self, side: Side, price: i64) -> i64 {
        self.side(side).get(&price).copied().unwrap_or(0)
    }

    fn level_count(&self, side: Side) -> usize {
        self.side(side).len()
    }

    fn visit(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool) {
        match side {
            Side::Buy => self.bids.iter().rev().map(level).all(visit),
            Side::Sell => self.asks.iter().map(level).all(visit),
        };
    }
}
