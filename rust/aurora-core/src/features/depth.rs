//! Depth of the ladder: imbalance weighted by distance, and sums within bands of basis points around the mid.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{imbalance, Undefined};
use crate::book::{Ladder, Quote};
use crate::instrument::Side;
use crate::math::exp2;

/// Most bands a [`DepthBands`] holds.
pub const MAX_DEPTH_BANDS: usize = 8;

/// (bid − ask) / (bid + ask) of two weighted sums of sizes.
fn ratio(bid: f64, ask: f64) -> Result<f64, Undefined> {
    let total = bid + ask;
    if total > 0.0 && total.is_finite() {
        Ok((bid - ask) / total)
    } else {
        Err(Undefined::Degenerate)
    }
}

/// Order book imbalance of the best `levels` of each side, a level at distance d ticks from the best of its own
/// side weighted by exp(−decay·d), in [−1, 1].
///
/// The weight goes by distance and not by level index (the usual form), since a level behind a hole is as far from
/// execution as its price says. A decay of 0 is the plain K-level imbalance. [`Undefined::NoTouch`] when a side is
/// empty.
pub fn distance_weighted_imbalance(
    ladder: &(impl Ladder + ?Sized),
    levels: usize,
    tick: i64,
    decay: f64,
) -> Result<f64, Undefined> {
    let bid = distance_weighted_depth(ladder, Side::Buy, levels, tick, decay)?;
    let ask = distance_weighted_depth(ladder, Side::Sell, levels, tick, decay)?;
    ratio(bid, ask)
}

fn distance_weighted_depth(
    ladder: &(impl Ladder + ?Sized),
    side: Side,
    levels: usize,
    tick: i64,
    decay: f64,
) -> Result<f64, Undefined> {
    let best = ladder.best(side).ok_or(Undefined::NoTouch)?.price;
    let halvings = decay * std::f64::consts::LOG2_E / tick as f64;
    let mut sum = 0.0;
    let mut seen = 0;
    if levels > 0 {
        ladder.visit(side, &mut |level| {
            let distance = level.price.abs_diff(best) as f64;
            sum += exp2(-halvings * distance) * level.size as f64;
            seen += 1;
            seen < levels
        });
    }
    Ok(sum)
}

/// Order book imbalance of sizes given best first, each weighted by `weight` of its level number, which counts
/// from 1: the form by level index, such as 1/k or exp(−λ(k − 1)).
pub fn index_weighted_imbalance(
    bid_sizes: &[i64],
    ask_sizes: &[i64],
    weight: impl Fn(usize) -> f64,
) -> Result<f64, Undefined> {
    let sum = |sizes: &[i64]| -> f64 {
        sizes
            .iter()
            .enumerate()
            .map(|(index, size)| weight(index + 1) * *size as f64)
            .sum()
    };
    ratio(sum(bid_sizes), sum(ask_sizes))
}

/// Widths that are no list of bands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DepthBandsError {
    #[error("{count} depth bands; there must be 1 to {MAX_DEPTH_BANDS}")]
    Count { count: usize },
    #[error("depth band of {width} bps after one of {previous}; widths must grow from above 0")]
    Order { previous: u32, width: u32 },
}

/// Bands around the mid, each of a whole number of basis points a side, narrowest first.
///
/// A level at price p belongs to the band of x basis points when |m − p| ≤ m·x/10 000 with m the mid: the edge is
/// inside. It is decided in integers, from twice the mid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthBands {
    widths: Vec<u32>,
}

impl Default for DepthBands {
    fn default() -> Self {
        DepthBands {
            widths: vec![5, 10, 25],
        }
    }
}

impl DepthBands {
    /// # Errors
    /// [`DepthBandsError`] unless there are 1 to [`MAX_DEPTH_BANDS`] widths that grow from above 0.
    pub fn new(widths: &[u32]) -> Result<Self, DepthBandsError> {
        if widths.is_empty() || widths.len() > MAX_DEPTH_BANDS {
            return Err(DepthBandsError::Count {
                count: widths.len(),
            });
        }
        let mut previous = 0;
        for &width in widths {
            if width <= previous {
                return Err(DepthBandsError::Order { previous, width });
            }
            previous = width;
        }
        Ok(DepthBands {
            widths: widths.to_vec(),
        })
    }

    /// Widths in basis points, narrowest first.
    pub fn widths(&self) -> &[u32] {
        &self.widths
    }

    /// Depth of every band around the mid of `touch`, on both sides.
    ///
    /// It sums what the ladder holds: where the capture's book ends inside a band, the sum is a lower bound.
    /// [`Undefined::NoTouch`] for a touch that is locked, crossed or not of positive price.
    pub fn measure(
        &self,
        ladder: &(impl Ladder + ?Sized),
        touch: Quote,
    ) -> Result<BandDepths, Undefined> {
        if touch.bid.price <= 0 || touch.bid.price >= touch.ask.price {
            return Err(Undefined::NoTouch);
        }
        Ok(BandDepths {
            bands: self.widths.len().min(MAX_DEPTH_BANDS),
            bid: self.depths(ladder, touch, Side::Buy),
            ask: self.depths(ladder, touch, Side::Sell),
        })
    }

    /// Last price inside the band on a side: the lowest bid or the highest ask.
    fn limit(touch: Quote, side: Side, width: u32) -> i64 {
        let twice_mid = i128::from(touch.bid.price) + i128::from(touch.ask.price);
        let width = i128::from(width);
        let limit = match side {
            // Rounded towards the mid on both sides: a price beyond the exact edge is outside.
            Side::Buy => -((twice_mid * (width - 10_000)).div_euclid(20_000)),
            Side::Sell => (twice_mid * (10_000 + width)).div_euclid(20_000),
        };
        limit.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    fn depths(
        &self,
        ladder: &(impl Ladder + ?Sized),
        touch: Quote,
        side: Side,
    ) -> [i64; MAX_DEPTH_BANDS] {
        let mut depths = [0; MAX_DEPTH_BANDS];
        for (depth, width) in depths.iter_mut().zip(&self.widths) {
            let within = ladder.depth_to(side, DepthBands::limit(touch, side, *width));
            // A ticker may be so far ahead of the ladder that old levels lie beyond the band on the other side.
            let far = DepthBands::limit(touch, side.opposite(), *width);
            let beyond = ladder.depth_to(side, far.saturating_add(side.sign()));
            *depth = within - beyond;
        }
        depths
    }
}

/// What [`DepthBands::measure`] found, by index of the band, in size quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandDepths {
    bands: usize,
    bid: [i64; MAX_DEPTH_BANDS],
    ask: [i64; MAX_DEPTH_BANDS],
}

impl BandDepths {
    /// Summed bid sizes within each band.
    pub fn bid(&self) -> &[i64] {
        &self.bid[..self.bands]
    }

    /// Summed ask sizes within each band.
    pub fn ask(&self) -> &[i64] {
        &self.ask[..self.bands]
    }

    /// Book pressure: imbalance (bid − ask) / (bid + ask) of the depth within a band, in [−1, 1].
    /// [`Undefined::Degenerate`] when the band holds no size at all, being narrower than the spread.
    pub fn pressure(&self, band: usize) -> Result<f64, Undefined> {
        match (self.bid().get(band), self.ask().get(band)) {
            (Some(bid), Some(ask)) => imbalance(*bid, *ask).ok_or(Undefined::Degenerate),
            _ => Err(Undefined::NotFitted),
        }
    }
}

#[cfg(test)]
#[path = "depth_tests.rs"]
mod tests;
