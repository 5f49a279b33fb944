//! Questions to a ladder: how much is there, what does a size cost, what stands at a price.
//!
//! Everything is exact: prices and sizes are quanta, sums of their products are i128. `side` is the side of the book
//! (`Side::Buy`: bids), but for [`cost_to_fill`], where it is the side of the order. All answer from the ladder alone,
//! whatever state its book is in: ask [`super::Book::state`] first.

use super::Ladder;
use crate::event::Level;
use crate::instrument::Side;

/// Basis points are resolved to this part of one.
const PARTS_OF_A_BASIS_POINT: f64 = 1e6;
const PARTS_OF_ONE: i128 = 10_000_000_000;

/// What rests on one side within some distance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Sum of sizes, in size quanta.
    pub size: i128,
    /// Sum of price · size, in price quanta times size quanta.
    pub notional: i128,
    pub levels: usize,
}

/// What a marketable order of some size would meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FillCost {
    /// Size quanta filled.
    pub filled: i64,
    /// Size quanta for which the book is too thin.
    pub remaining: i64,
    /// Sum of price · size over the fills, in price quanta times size quanta.
    pub notional: i128,
    /// Price of the last level touched, in price quanta; None when nothing fills.
    pub worst_price: Option<i64>,
    /// Levels touched.
    pub levels: usize,
}

impl FillCost {
    /// Whether the book holds the whole size.
    pub fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// Mean price in price quanta, for statistics only; None when nothing fills.
    pub fn average_price(&self) -> Option<f64> {
        (self.filled > 0).then(|| self.notional as f64 / self.filled as f64)
    }
}

/// The level at a price, None where nothing rests.
pub fn level_at(ladder: &(impl Ladder + ?Sized), side: Side, price: i64) -> Option<Level> {
    match ladder.size_at(side, price) {
        0 => None,
        size => Some(Level { price, size }),
    }
}

/// Writes the best levels of a side into `buffer`, best first, and answers how many there are. Nothing is allocated.
pub fn top_into(ladder: &(impl Ladder + ?Sized), side: Side, buffer: &mut [Level]) -> usize {
    let mut count = 0;
    if !buffer.is_empty() {
        ladder.visit(side, &mut |level| {
            buffer[count] = level;
            count += 1;
            count < buffer.len()
        });
    }
    count
}

/// What rests on a side at `limit` or better.
pub fn depth_to_price(ladder: &(impl Ladder + ?Sized), side: Side, limit: i64) -> Depth {
    depth_while(ladder, side, |price| match side {
        Side::Buy => price >= limit,
        Side::Sell => price <= limit,
    })
}

/// What rests on a side within `basis_points` of the mid, the boundary included; None when a side is empty or
/// `basis_points` is no number from 0 to 1e6.
///
/// The mid is that of the ladder's own best levels. Basis points count to one part in a million, so that no rounding
/// of prices decides about a level.
pub fn depth_within(
    ladder: &(impl Ladder + ?Sized),
    side: Side,
    basis_points: f64,
) -> Option<Depth> {
    if !(0.0..=1e6).contains(&basis_points) {
        return None;
    }
    let parts = (basis_points * PARTS_OF_A_BASIS_POINT).round() as i128;
    let sum =
        i128::from(ladder.best(Side::Buy)?.price) + i128::from(ladder.best(Side::Sell)?.price);
    // Twice the distance to the mid, |2p − (b + a)|, against its bound, both times PARTS_OF_ONE.
    Some(depth_while(ladder, side, |price| {
        let beyond = match side {
            Side::Buy => sum - 2 * i128::from(price),
            Side::Sell => 2 * i128::from(price) - sum,
        };
        beyond * PARTS_OF_ONE <= sum.abs() * parts
    }))
}

fn depth_while(ladder: &(impl Ladder + ?Sized), side: Side, inside: impl Fn(i64) -> bool) -> Depth {
    let mut depth = Depth::default();
    ladder.visit(side, &mut |level| {
        if !inside(level.price) {
            return false;
        }
        depth.size += i128::from(level.size);
        depth.notional += i128::from(level.price) * i128::from(level.size);
        depth.levels += 1;
        true
    });
    depth
}

/// What an order of `size` quanta would take from the book: a buy takes asks, a sell takes bids. A size of 0 or less
/// takes nothing and leaves nothing.
pub fn cost_to_fill(ladder: &(impl Ladder + ?Sized), order_side: Side, size: i64) -> FillCost {
    let mut cost = FillCost {
        remaining: size.max(0),
        ..FillCost::default()
    };
    if cost.remaining == 0 {
        return cost;
    }
    ladder.visit(order_side.opposite(), &mut |level| {
        let taken = level.size.min(cost.remaining);
        cost.filled += taken;
        cost.remaining -= taken;
        cost.notional += i128::from(level.price) * i128::from(taken);
        cost.worst_price = Some(level.price);
        cost.levels += 1;
        cost.remaining > 0
    });
    cost
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
