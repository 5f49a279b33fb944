//! What of the recorded book can still be matched: the ladder overlaid by the touch, less what we took.

use serde::{Deserialize, Serialize};

use crate::book::{Book, Ladder, Quote};
use crate::event::Level;
use crate::instrument::Side;

/// Size taken from a displayed level, valid while that level shows the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    side: Side,
    price: i64,
    displayed: i64,
    taken: i64,
}

/// Amounts taken from displayed levels of one book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TakenLevels {
    rows: Vec<Taken>,
}

impl TakenLevels {
    /// Forgets levels that have changed; to be called after every change of the book.
    pub fn refresh(&mut self, book: &Book) {
        // While there is no touch nothing can be compared, and nothing can be taken either.
        if !self.rows.is_empty() && book.touch().is_some() {
            self.rows
                .retain(|row| displayed(book, row.side, row.price) == row.displayed);
        }
    }

    /// Size taken from a displayed level.
    pub fn at(&self, side: Side, price: i64) -> i64 {
        self.rows
            .iter()
            .find(|row| row.side == side && row.price == price)
            .map_or(0, |row| row.taken)
    }

    fn add(&mut self, side: Side, level: Level, size: i64) {
        let known = self
            .rows
            .iter_mut()
            .find(|row| row.side == side && row.price == level.price);
        match known {
            Some(row) => row.taken += size,
            None => self.rows.push(Taken {
                side,
                price: level.price,
                displayed: level.size,
                taken: size,
            }),
        }
    }
}

/// Whether `price` lies at `limit` or on the better side of it, for someone who takes from `side`'s opposite:
/// a buyer takes at or below its limit, a seller at or above.
pub(super) fn within(price: i64, limit: i64, taker: Side) -> bool {
    match taker {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// Size displayed at a price by the touch and, behind it, the ladder; zero while the book is not valid.
pub(super) fn displayed(book: &Book, side: Side, price: i64) -> i64 {
    book.touch()
        .map_or(0, |touch| displayed_behind(book, touch, side, price))
}

/// The same for the touch that the book has.
#[inline]
pub(super) fn displayed_behind(book: &Book, touch: Quote, side: Side, price: i64) -> i64 {
    let best = match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    };
    if price == best.price {
        best.size
    } else if within(price, best.price, side) {
        // Behind the best level: a bid below it, an ask above it.
        book.ladder().size_at(side, price)
    } else {
        0
    }
}

/// Walks what a taker can match, best level first, down to `limit`; levels better than `bound` are gone.
/// Appends what is taken, in whole lots, and remembers it.
#[allow(clippy::too_many_arguments)]
pub(super) fn take(
    book: &Book,
    taken: &mut TakenLevels,
    taker: Side,
    size: i64,
    limit: Option<i64>,
    bound: Option<i64>,
    lot: i64,
    matches: &mut Vec<Level>,
) {
    let Some(touch) = book.touch() else {
        return;
    };
    let side = taker.opposite();
    let best = match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    };
    let mut left = size;
    let mut visit = |level: Level| {
        if limit.is_some_and(|limit| !within(level.price, limit, taker)) {
            return false;
        }
        if bound.is_some_and(|bound| level.price != bound && within(level.price, bound, taker)) {
            return true;
        }
        let available = (level.size - taken.at(side, level.price)).min(left);
        let lots = available - available.rem_euclid(lot.max(1));
        if lots > 0 {
            taken.add(side, level, lots);
            matches.push(Level {
                price: level.price,
                size: lots,
            });
            left -= lots;
        }
        left > 0
    };
    if size <= 0 || !visit(best) {
        return;
    }
    book.ladder().visit(side, &mut |level| {
        // The touch stands for everything at its price and better.
        if within(level.price, best.price, taker) {
            return true;
        }
        visit(level)
    });
}

/// Size that a taker could match down to `limit`, in whole lots a level.
pub(super) fn takeable(
    book: &Book,
    taken: &TakenLevels,
    taker: Side,
    limit: Option<i64>,
    lot: i64,
) -> i64 {
    let Some(touch) = book.touch() else {
        return 0;
    };
    let side = taker.opposite();
    let best = match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    };
    let mut sum: i64 = 0;
    let mut visit = |level: Level| {
        if limit.is_some_and(|limit| !within(level.price, limit, taker)) {
            return false;
        }
        let available = (level.size - taken.at(side, level.price)).max(0);
        sum = sum.saturating_add(available - available.rem_euclid(lot.max(1)));
        true
    };
    if visit(best) {
        book.ladder().visit(side, &mut |level| {
            within(level.price, best.price, taker) || visit(level)
        });
    }
    sum
}
