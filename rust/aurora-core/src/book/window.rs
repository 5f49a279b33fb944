//! The fast ladder: a dense window of ticks around the touch, a sorted map for everything far away.
//!
//! Levels of a real BTC book span millions of ticks, but most updates fall within a few thousand ticks of the
//! touch. There a level is one array slot and the best level is found through a two-tier bitmap; the rest, and
//! prices off the tick grid, live in a `BTreeMap`. The window is recentred with hysteresis when the touch
//! nears its edge, so a market that moves by thousands of ticks stays right, only slower for one update.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ladder;
use crate::event::Level;
use crate::instrument::Side;

const WINDOW: usize = 8192;
const WORDS: usize = WINDOW / 64;
const SUMMARY_WORDS: usize = WORDS / 64;
/// Slot of the best level after recentring: levels lie behind the touch, seldom before it.
const CENTRE: i64 = (WINDOW as i64 / 4) * 3;
/// The touch may wander this far from the lower edge before the window follows it.
const LOWER_MARGIN: i64 = WINDOW as i64 / 4;

/// Below it, all sizes of a window sum up within 63 bits.
const HUGE_SIZE: i64 = i64::MAX / WINDOW as i64;

/// One side in keys that grow towards the touch: the price for bids, its negative for asks.
#[derive(Debug, Clone)]
struct HalfLadder {
    tick: i64,
    /// Tick number of slot 0, in keys.
    base: i64,
    sizes: Vec<i64>,
    bits: [u64; WORDS],
    summary: [u64; SUMMARY_WORDS],
    /// Highest occupied slot, or -1.
    best_slot: i64,
    /// All sizes that ever stood in the window, or-ed: none was larger.
    size_bits: i64,
    window_count: usize,
    far: BTreeMap<i64, i64>,
    /// Highest key of `far`, kept so that a read of the best level never walks the map.
    far_best: Option<i64>,
}

impl HalfLadder {
    fn new(tick: i64) -> Self {
        HalfLadder {
            tick: tick.max(1),
            base: 0,
            sizes: vec![0; WINDOW],
            bits: [0; WORDS],
            summary: [0; SUMMARY_WORDS],
            best_slot: -1,
            size_bits: 0,
            window_count: 0,
            far: BTreeMap::new(),
            far_best: None,
        }
    }

    /// Forgets all levels, touching only the slots in use: snapshots of twenty levels may come by the thousand.
    fn clear(&mut self) {
        let mut slot = self.best_slot;
        while slot >= 0 {
            self.sizes[slot as usize] = 0;
            slot = self.slot_below(slot as usize);
        }
        self.bits = [0; WORDS];
        self.summary = [0; SUMMARY_WORDS];
        self.best_slot = -1;
        self.window_count = 0;
        self.far.clear();
        self.far_best = None;
    }

    /// Slot of a key, when it lies on the tick grid and within the window.
    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        let number = key.div_euclid(self.tick);
        let slot = number.wrapping_sub(self.base);
        ((slot as u64) < WINDOW as u64 && number * self.tick == key).then_some(slot as usize)
    }

    #[inline]
    fn key_of_slot(&self, slot: i64) -> i64 {
        (self.base + slot) * self.tick
    }

    #[inline]
    fn set(&mut self, key: i64, size: i64) -> i64 {
        match self.slot(key) {
            Some(slot) => self.set_slot(slot, size),
            None => self.set_far(key, size),
        }
    }

    #[inline]
    fn set_slot(&mut self, slot: usize, size: i64) -> i64 {
        let old = std::mem::replace(&mut self.sizes[slot], size);
        self.size_bits |= size;
        if size != 0 {
            if old == 0 {
                self.window_count += 1;
                self.bits[slot / 64] |= 1 << (slot % 64);
                self.summary[slot / 4096] |= 1 << ((slot / 64) % 64);
                if slot as i64 > self.best_slot {
                    self.best_slot = slot as i64;
                    self.follow_touch();
                }
            }
        } else if old != 0 {
            self.window_count -= 1;
            let word = slot / 64;
            self.bits[word] &= !(1 << (slot % 64));
            if self.bits[word] == 0 {
                self.summary[word / 64] &= !(1 << (word % 64));
            }
            if slot as i64 == self.best_slot {
                self.best_slot = self.highest_slot();
                self.follow_touch();
            }
        }
        old
    }

    fn set_far(&mut self, key: i64, size: i64) -> i64 {
        if size == 0 {
            let before = self.far.remove(&key);
            if before.is_some() && self.far_best == Some(key) {
                self.far_best = self.far.last_key_value().map(|(k, _)| *k);
            }
            return before.unwrap_or(0);
        }
        let before = self.far.insert(key, size);
        if self.far_best.is_none_or(|best| key > best) {
            self.far_best = Some(key);
            self.follow_touch();
        }
        before.unwrap_or(0)
    }

    /// Highest occupied slot by the bitmaps, or -1.
    fn highest_slot(&self) -> i64 {
        for (group, summary) in self.summary.iter().enumerate().rev() {
            if *summary != 0 {
                let word = group * 64 + 63 - summary.leading_zeros() as usize;
                return (word * 64 + 63 - self.bits[word].leading_zeros() as usize) as i64;
            }
        }
        -1
    }

    /// Highest occupied slot below `slot`, or -1.
    fn slot_below(&self, slot: usize) -> i64 {
        let word = slot / 64;
        let below = self.bits[word] & ((1u64 << (slot % 64)) - 1);
        if below != 0 {
            return (word * 64 + 63 - below.leading_zeros() as usize) as i64;
        }
        for word in (0..word).rev() {
            if self.bits[word] != 0 {
                return (word * 64 + 63 - self.bits[word].leading_zeros() as usize) as i64;
            }
        }
        -1
    }

    /// Moves the window when the best level has left it or come near its lower edge.
    #[inline]
    fn follow_touch(&mut self) {
        let best = match (self.best_slot >= 0, self.far_best) {
            (false, None) => return,
            (false, Some(far)) => far,
            (true, Some(far)) if far > self.key_of_slot(self.best_slot) => far,
            (true, _) => {
                if self.best_slot >= LOWER_MARGIN {
                    return;
                }
                self.key_of_slot(self.best_slot)
            }
        };
        // A best level off the tick grid, but inside the window, stays in the map: moving would not help.
        let number = best.div_euclid(self.tick);
        let slot = number - self.base;
        if slot < LOWER_MARGIN || slot >= WINDOW as i64 {
            self.recentre(number);
        }
    }

    #[cold]
    fn recentre(&mut self, best_number: i64) {
        let mut slot = self.best_slot;
        while slot >= 0 {
            let key = self.key_of_slot(slot);
            self.far.insert(key, self.sizes[slot as usize]);
            slot = self.slot_below(slot as usize);
        }
        self.sizes.fill(0);
        self.bits = [0; WORDS];
        self.summary = [0; SUMMARY_WORDS];
        self.best_slot = -1;
        self.window_count = 0;
        self.base = best_number - CENTRE;
        let lowest = self.base * self.tick;
        let inside: Vec<(i64, i64)> = self
            .far
            .range(lowest..)
            .map(|(key, size)| (*key, *size))
            .collect();
        for (key, size) in inside {
            if let Some(slot) = self.slot(key) {
                self.far.remove(&key);
                self.sizes[slot] = size;
                self.size_bits |= size;
                self.window_count += 1;
                self.bits[slot / 64] |= 1 << (slot % 64);
                self.summary[slot / 4096] |= 1 << ((slot / 64) % 64);
            }
        }
        self.best_slot = self.highest_slot();
        self.far_best = self.far.last_key_value().map(|(k, _)| *k);
    }

    #[inline]
    fn best(&self) -> Option<(i64, i64)> {
        let window = (self.best_slot >= 0).then(|| {
            (
                self.key_of_slot(self.best_slot),
                self.sizes[self.best_slot as usize],
            )
        });
        match (window, self.far_best) {
            (Some((key, size)), Some(far)) if far > key => {
                let _ = size;
                self.far.get(&far).map(|size| (far, *size))
            }
            (Some(best), _) => Some(best),
            (None, Some(far)) => self.far.get(&far).map(|size| (far, *size)),
            (None, None) => None,
        }
    }

    fn size_at(&self, key: i64) -> i64 {
        match self.slot(key) {
            Some(slot) => self.sizes[slot],
            None => self.far.get(&key).copied().unwrap_or(0),
        }
    }

    /// Sum of sizes at keys from `limit` up.
    fn depth_to(&self, limit: i64) -> i64 {
        let mut sum: i128 = self
            .far
            .range(limit..)
            .map(|(_, size)| i128::from(*size))
            .sum();
        if self.best_slot >= 0 {
            let lowest = limit.div_euclid(self.tick) + i64::from(limit.rem_euclid(self.tick) != 0);
            let from = lowest.saturating_sub(self.base).max(0) as usize;
            if let Some(sizes) = self.sizes.get(from..=self.best_slot as usize) {
                // Empty slots hold zero, so a plain sum needs no branch; it cannot overflow where no size is huge.
                sum += if self.size_bits < HUGE_SIZE {
                    i128::from(sizes.iter().fold(0i64, |sum, size| sum.wrapping_add(*size)))
                } else {
                    sizes.iter().map(|size| i128::from(*size)).sum()
                };
            }
        }
        i64::try_from(sum).unwrap_or(i64::MAX)
    }

    fn count(&self) -> usize {
        self.window_count + self.far.len()
    }

    /// Merges window and map in falling key order.
    fn visit(&self, visit: &mut dyn FnMut(i64, i64) -> bool) {
        let mut slot = self.best_slot;
        let mut far = self.far.iter().rev().peekable();
        loop {
            let window_key = (slot >= 0).then(|| self.key_of_slot(slot));
            let far_key = far.peek().map(|(key, _)| **key);
            let go_on = match (window_key, far_key) {
                (None, None) => return,
                (Some(key), other) if other.is_none_or(|o| key > o) => {
                    let size = self.sizes[slot as usize];
                    slot = self.slot_below(slot as usize);
                    visit(key, size)
                }
                _ => match far.next() {
                    Some((key, size)) => visit(*key, *size),
                    None => return,
                },
            };
            if !go_on {
                return;
            }
        }
    }
}

/// The fast ladder of one instrument.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Dump", into = "Dump")]
pub struct WindowLadder {
    bids: HalfLadder,
    asks: HalfLadder,
}

impl WindowLadder {
    /// An empty ladder whose window steps by `tick` price quanta; prices off that grid are kept, only slower.
    pub fn new(tick: i64) -> Self {
        WindowLadder {
            bids: HalfLadder::new(tick),
            asks: HalfLadder::new(tick),
        }
    }
}

impl PartialEq for WindowLadder {
    fn eq(&self, other: &Self) -> bool {
        [Side::Buy, Side::Sell]
            .into_iter()
            .all(|side| self.levels(side) == other.levels(side))
    }
}

impl Ladder for WindowLadder {
    #[inline]
    fn set(&mut self, side: Side, price: i64, size: i64) -> i64 {
        match side {
            Side::Buy => self.bids.set(price, size),
            Side::Sell => self.asks.set(-price, size),
        }
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.bids.best().map(|(price, size)| Level { price, size }),
            Side::Sell => self
                .asks
                .best()
                .map(|(key, size)| Level { price: -key, size }),
        }
    }

    fn size_at(&self, side: Side, price: i64) -> i64 {
        match side {
            Side::Buy => self.bids.size_at(price),
            Side::Sell => self.asks.size_at(-price),
        }
    }

    fn level_count(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.count(),
            Side::Sell => self.asks.count(),
        }
    }

    fn depth_to(&self, side: Side, limit: i64) -> i64 {
        match side {
            Side::Buy => self.bids.depth_to(limit),
            Side::Sell => self.asks.depth_to(limit.saturating_neg()),
        }
    }

    fn visit(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool) {
        match side {
            Side::Buy => self
                .bids
                .visit(&mut |price, size| visit(Level { price, size })),
            Side::Sell => self
                .asks
                .visit(&mut |key, size| visit(Level { price: -key, size })),
        }
    }
}

/// What a ladder is outside memory: its levels. The window is rebuilt around them.
#[derive(Serialize, Deserialize)]
struct Dump {
    tick: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl From<WindowLadder> for Dump {
    fn from(ladder: WindowLadder) -> Dump {
        Dump {
            tick: ladder.bids.tick,
            bids: ladder.levels(Side::Buy),
            asks: ladder.levels(Side::Sell),
        }
    }
}

impl From<Dump> for WindowLadder {
    fn from(dump: Dump) -> WindowLadder {
        let mut ladder = WindowLadder::new(dump.tick);
        for level in dump.bids {
            ladder.set(Side::Buy, level.price, level.size);
        }
        for level in dump.asks {
            ladder.set(Side::Sell, level.price, level.size);
        }
        ladder
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::book::SortedLadder;
    use proptest::prelude::*;

    fn agree(fast: &WindowLadder, reference: &SortedLadder) -> Result<(), TestCaseError> {
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(fast.best(side), reference.best(side));
            prop_assert_eq!(fast.level_count(side), reference.level_count(side));
            prop_assert_eq!(fast.levels(side), reference.levels(side));
            prop_assert_eq!(fast.top(side, 3), reference.top(side, 3));
            prop_assert_eq!(fast.depth(side, 5), reference.depth(side, 5));
            for level in reference.levels(side) {
                for limit in [level.price - 7, level.price, level.price + 1] {
                    let (ours, theirs) =
                        (fast.depth_to(side, limit), reference.depth_to(side, limit));
                    prop_assert_eq!(ours, theirs, "{:?} to {}", side, limit);
                }
            }
        }
        Ok(())
    }

    /// Updates around a centre that jumps by up to tens of thousands of ticks, on and off the tick grid.
    fn updates() -> impl Strategy<Value = Vec<(bool, i64, i64)>> {
        prop::collection::vec(
            (
                any::<bool>(),
                prop_oneof![
                    4 => -40i64..40,
                    2 => -9_000i64..9_000,
                    1 => -400_000i64..400_000,
                ],
                0i64..4,
            ),
            1..250,
        )
        .prop_flat_map(|rows| (Just(rows), prop::collection::vec(-30_000i64..30_000, 1..6)))
        .prop_map(|(rows, jumps)| {
            let chunk = rows.len() / jumps.len() + 1;
            rows.into_iter()
                .enumerate()
                .map(|(i, (bid, offset, size))| {
                    (
                        bid,
                        5_000_000 + jumps[i / chunk] * 10 + offset * 10 + i64::from(i % 17 == 0),
                        size,
                    )
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn window_and_sorted_ladder_agree(rows in updates()) {
            let mut fast = WindowLadder::new(10);
            let mut reference = SortedLadder::default();
            for (bid, price, size) in rows {
                let side = if bid { Side::Buy } else { Side::Sell };
                prop_assert_eq!(fast.set(side, price, size), reference.set(side, price, size));
                prop_assert_eq!(fast.best(side), reference.best(side));
                prop_assert_eq!(fast.size_at(side, price), reference.size_at(side, price));
            }
            prop_assert_eq!(fast.depth_to(Side::Buy, i64::MIN), reference.depth_to(Side::Buy, i64::MIN));
            agree(&fast, &reference)?;
            let bytes = postcard::to_allocvec(&fast).unwrap();
            let back: WindowLadder = postcard::from_bytes(&bytes).unwrap();
            agree(&back, &reference)?;
        }
    }
}
