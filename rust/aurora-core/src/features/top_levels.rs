//! The best levels of both sides in fixed arrays: what multi-level kernels look at after each change of the book.

use serde::{Deserialize, Serialize};

use crate::book::{Ladder, Quote};
use crate::event::Level;
use crate::instrument::Side;

/// Most levels a side that multi-level kernels take.
pub const MAX_LEVELS: usize = 10;

const NO_LEVEL: Level = Level { price: 0, size: 0 };

/// The best levels of both sides, at most [`MAX_LEVELS`] each, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopLevels {
    /// Levels a side that were asked for.
    wanted: usize,
    bids: [Level; MAX_LEVELS],
    asks: [Level; MAX_LEVELS],
    bid_count: usize,
    ask_count: usize,
}

/// Whether a price is at least as good as another on its side.
pub(super) fn at_or_better(side: Side, price: i64, than: i64) -> bool {
    match side {
        Side::Buy => price >= than,
        Side::Sell => price <= than,
    }
}

fn gather(
    ladder: &(impl Ladder + ?Sized),
    side: Side,
    wanted: usize,
    first: Option<Level>,
) -> ([Level; MAX_LEVELS], usize) {
    let mut levels = [NO_LEVEL; MAX_LEVELS];
    let mut count = 0;
    if let Some(first) = first {
        levels[0] = first;
        count = 1;
    }
    if count < wanted {
        ladder.visit(side, &mut |level| {
            if first.is_none_or(|first| !at_or_better(side, level.price, first.price)) {
                levels[count] = level;
                count += 1;
            }
            count < wanted
        });
    }
    (levels, count)
}

impl TopLevels {
    /// The ladder's best `levels` (1 to [`MAX_LEVELS`]) a side.
    pub fn of(ladder: &(impl Ladder + ?Sized), levels: usize) -> Self {
        TopLevels::gather(ladder, levels, None)
    }

    /// The same with `touch` as level 1, as a ticker ahead of the ladder gives it. What the ladder still holds at or
    /// before the touch's prices is older than the touch and left out.
    pub fn behind(ladder: &(impl Ladder + ?Sized), levels: usize, touch: Quote) -> Self {
        TopLevels::gather(ladder, levels, Some(touch))
    }

    fn gather(ladder: &(impl Ladder + ?Sized), levels: usize, touch: Option<Quote>) -> Self {
        let wanted = levels.clamp(1, MAX_LEVELS);
        let (bids, bid_count) = gather(ladder, Side::Buy, wanted, touch.map(|touch| touch.bid));
        let (asks, ask_count) = gather(ladder, Side::Sell, wanted, touch.map(|touch| touch.ask));
        TopLevels {
            wanted,
            bids,
            asks,
            bid_count,
            ask_count,
        }
    }

    /// Levels of a side, best first; fewer than asked for where the side has no more.
    pub fn side(&self, side: Side) -> &[Level] {
        match side {
            Side::Buy => &self.bids[..self.bid_count.min(MAX_LEVELS)],
            Side::Sell => &self.asks[..self.ask_count.min(MAX_LEVELS)],
        }
    }

    /// Levels that both sides have.
    pub fn common(&self) -> usize {
        self.bid_count.min(self.ask_count).min(MAX_LEVELS)
    }

    /// Bid and ask of level `index`, counted from 0.
    pub fn pair(&self, index: usize) -> Option<Quote> {
        Some(Quote {
            bid: *self.side(Side::Buy).get(index)?,
            ask: *self.side(Side::Sell).get(index)?,
        })
    }

    /// Whether a price lies among these levels: at or before the last of them on its side, or anywhere on a side
    /// that has fewer than asked for.
    pub fn reaches(&self, side: Side, price: i64) -> bool {
        let levels = self.side(side);
        match levels.last() {
            Some(last) if levels.len() >= self.wanted => at_or_better(side, price, last.price),
            _ => true,
        }
    }

    /// Sum of all sizes shown, both sides, in size quanta.
    pub fn displayed(&self) -> i64 {
        let sizes = self.side(Side::Buy).iter().chain(self.side(Side::Sell));
        sizes.fold(0i64, |sum, level| sum.saturating_add(level.size))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::book::SortedLadder;

    fn level(price: i64, size: i64) -> Level {
        Level { price, size }
    }

    fn ladder() -> SortedLadder {
        let mut ladder = SortedLadder::default();
        for (price, size) in [(100, 1), (99, 2), (97, 3), (90, 4)] {
            ladder.set(Side::Buy, price, size);
        }
        for (price, size) in [(101, 5), (103, 6)] {
            ladder.set(Side::Sell, price, size);
        }
        ladder
    }

    #[test]
    fn levels_of_a_ladder() {
        let top = TopLevels::of(&ladder(), 3);
        assert_eq!(
            top.side(Side::Buy),
            [level(100, 1), level(99, 2), level(97, 3)]
        );
        assert_eq!(top.side(Side::Sell), [level(101, 5), level(103, 6)]);
        assert_eq!((top.common(), top.displayed()), (2, 17));
        assert_eq!(top.pair(1).unwrap().ask, level(103, 6));
        assert_eq!(top.pair(2), None);
        assert!(top.reaches(Side::Buy, 97) && !top.reaches(Side::Buy, 96));
        // The ask side shows all it has, so every price would be among its best three.
        assert!(top.reaches(Side::Sell, 1_000));
        let bytes = postcard::to_allocvec(&top).unwrap();
        assert_eq!(postcard::from_bytes::<TopLevels>(&bytes).unwrap(), top);
    }

    #[test]
    fn a_newer_touch_comes_first() {
        let touch = Quote {
            bid: level(99, 20),
            ask: level(100, 7),
        };
        let top = TopLevels::behind(&ladder(), 3, touch);
        assert_eq!(
            top.side(Side::Buy),
            [level(99, 20), level(97, 3), level(90, 4)]
        );
        assert_eq!(
            top.side(Side::Sell),
            [level(100, 7), level(101, 5), level(103, 6)]
        );
        assert_eq!(TopLevels::behind(&ladder(), 1, touch).pair(0), Some(touch));
        assert_eq!(TopLevels::behind(&ladder(), 1, touch).pair(1), None);
    }
}
