//! Kyle's lambda: how far the mid moves per unit of signed volume.

use serde::{Deserialize, Serialize};

use super::market::HOLE_NS;
use super::{MarketTrade, Undefined};
use crate::book::Quote;

/// Slope of the ordinary least squares line, with intercept, of mid changes on signed volumes (Kyle 1985), over the
/// last n intervals of the clock grid.
///
/// An interval [k·d, (k + 1)·d) holds the sum of its trades' signed sizes and the mid prevailing at its end less
/// the mid prevailing at its start. Quiet intervals are observations like others, (0, 0). An interval without a touch
/// at either end, or whose touch was lost in between, is no observation but takes its place in the window. Behind a
/// silence of more than [`HOLE_NS`] the window begins again. The open interval never counts, so the value changes
/// only on the grid. Sums are integers, and the line is fitted anew whenever an interval closes: nothing drifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KyleLambda {
    interval_ns: i64,
    minimum_intervals: usize,
    /// By interval number modulo the ring's length; None where the interval is no observation.
    ring: Vec<Option<Observation>>,
    /// Number of the open interval.
    open: Option<i64>,
    signed_volume: i128,
    /// Bid plus ask (twice the mid) in price quanta at the open interval's start and now.
    opening: Option<i64>,
    mid_doubled: Option<i64>,
    last_event_ns: i64,
    slope: Result<f64, Undefined>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Observation {
    signed_volume: i128,
    mid_change_doubled: i64,
}

impl KyleLambda {
    /// `interval_ns` and `intervals` must be positive; a slope needs at least three of `minimum_intervals`.
    pub fn new(interval_ns: i64, intervals: usize, minimum_intervals: usize) -> Self {
        KyleLambda {
            interval_ns: interval_ns.max(1),
            minimum_intervals: minimum_intervals.max(3),
            ring: vec![None; intervals.max(1)],
            open: None,
            signed_volume: 0,
            opening: None,
            mid_doubled: None,
            last_event_ns: i64::MIN,
            slope: Err(Undefined::WarmingUp),
        }
    }

    /// The touch is `quote` from `local_ns` on.
    pub fn touch(&mut self, local_ns: i64, quote: Quote) {
        self.event(local_ns);
        self.mid_doubled = Some(quote.bid.price.saturating_add(quote.ask.price));
    }

    /// The touch is gone: the open interval is no observation.
    pub fn interrupt(&mut self, local_ns: i64) {
        self.event(local_ns);
        self.mid_doubled = None;
        self.opening = None;
    }

    pub fn trade(&mut self, trade: MarketTrade) {
        self.event(trade.local_ns);
        self.signed_volume += i128::from(trade.signed_size());
    }

    /// Price quanta per size quantum: times 10^(size exponent − price exponent) it is quote currency per base unit.
    ///
    /// Events of the open interval do not count, and reading changes no later value.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] below the minimum of observations, [`Undefined::Degenerate`] where all signed volumes
    /// are equal.
    pub fn value(&mut self, now_ns: i64) -> Result<f64, Undefined> {
        if self.silent(now_ns) {
            return Err(Undefined::WarmingUp);
        }
        self.advance(now_ns);
        self.slope
    }

    fn silent(&self, now_ns: i64) -> bool {
        self.open.is_some() && now_ns.saturating_sub(self.last_event_ns) > HOLE_NS
    }

    fn event(&mut self, local_ns: i64) {
        if self.silent(local_ns) {
            *self = KyleLambda::new(self.interval_ns, self.ring.len(), self.minimum_intervals);
        }
        self.advance(local_ns);
        self.last_event_ns = self.last_event_ns.max(local_ns);
    }

    fn advance(&mut self, now_ns: i64) {
        let number = now_ns.div_euclid(self.interval_ns);
        let open = *self.open.get_or_insert(number);
        if number <= open {
            return;
        }
        let change = |from: Option<i64>, to: Option<i64>| Some(to?.saturating_sub(from?));
        let closed = change(self.opening, self.mid_doubled).map(|change| Observation {
            signed_volume: self.signed_volume,
            mid_change_doubled: change,
        });
        let quiet = self.mid_doubled.map(|_| Observation {
            signed_volume: 0,
            mid_change_doubled: 0,
        });
        let length = self.ring.len() as i64;
        for interval in open.max(number.saturating_sub(length))..number {
            let observation = if interval == open { closed } else { quiet };
            self.ring[interval.rem_euclid(length) as usize] = observation;
        }
        self.open = Some(number);
        self.opening = self.mid_doubled;
        self.signed_volume = 0;
        self.slope = self.fit(number);
    }

    /// The line through the intervals before `number`, oldest first, centred before squaring.
    fn fit(&self, number: i64) -> Result<f64, Undefined> {
        let start = number.rem_euclid(self.ring.len() as i64) as usize;
        let points = || {
            let (newer, older) = self.ring.split_at(start);
            older.iter().chain(newer).flatten()
        };
        let count = points().count();
        if count < self.minimum_intervals {
            return Err(Undefined::WarmingUp);
        }
        let (mut volumes, mut changes) = (0i128, 0i128);
        for point in points() {
            volumes += point.signed_volume;
            changes += i128::from(point.mid_change_doubled);
        }
        let first = points().next().map(|point| point.signed_volume);
        if points().all(|point| Some(point.signed_volume) == first) {
            return Err(Undefined::Degenerate);
        }
        let mean_volume = volumes as f64 / count as f64;
        let mean_change = changes as f64 / count as f64;
        let (mut cross, mut square) = (0.0, 0.0);
        for point in points() {
            let volume = point.signed_volume as f64 - mean_volume;
            cross += volume * (point.mid_change_doubled as f64 - mean_change);
            square += volume * volume;
        }
        Ok(cross / square / 2.0)
    }
}

#[cfg(test)]
#[path = "kyle_lambda_tests.rs"]
mod tests;
