//! Rates at which the queues at the best quotes grow, are cancelled and are taken.

use serde::{Deserialize, Serialize};

use super::top_levels::at_or_better;
use super::{FadingRate, LevelFlow, Undefined};
use crate::instrument::Side;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Queue {
    arrivals: FadingRate,
    cancels: FadingRate,
    takes: FadingRate,
}

impl Queue {
    fn new(half_life_ns: i64) -> Self {
        let rate = FadingRate::new(half_life_ns);
        Queue {
            arrivals: rate.clone(),
            cancels: rate.clone(),
            takes: rate,
        }
    }

    fn rates(&mut self) -> [&mut FadingRate; 3] {
        [&mut self.arrivals, &mut self.cancels, &mut self.takes]
    }
}

/// Exponentially fading intensities of the best queue of each side, in size quanta per second: arrivals, cancels and
/// takes (the limit order, cancellation and market order rates of Cont, Stoikov and Talreja 2010, measured in size).
///
/// What counts is decided by the best price of the side before the message:
/// - arrival: size added at that price, or at a better one, which thereby becomes the best queue;
/// - cancel: a decrease at that price that trades do not explain (see [`super::TradeAttribution`]);
/// - take: size of trades at that price or a better one, as the trades themselves say. Trades at worse prices swept
///   deeper queues.
///
/// Only updates count. A level that stops being the best because a better one appears is not cancelled, and a level
/// that becomes the best because the one before it is gone does not arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueIntensities {
    half_life_ns: i64,
    bid: Queue,
    ask: Queue,
}

impl QueueIntensities {
    pub fn new(half_life_ns: i64) -> Self {
        QueueIntensities {
            half_life_ns,
            bid: Queue::new(half_life_ns),
            ask: Queue::new(half_life_ns),
        }
    }

    /// The book can be seen from now on; no effect when it already could.
    pub fn start(&mut self, now_ns: i64) {
        for queue in [&mut self.bid, &mut self.ask] {
            queue
                .rates()
                .into_iter()
                .for_each(|rate| rate.start(now_ns));
        }
    }

    /// The book is gone: forgets everything until the next start.
    pub fn interrupt(&mut self) {
        *self = QueueIntensities::new(self.half_life_ns);
    }

    fn queue(&self, side: Side) -> &Queue {
        match side {
            Side::Buy => &self.bid,
            Side::Sell => &self.ask,
        }
    }

    fn queue_mut(&mut self, side: Side) -> &mut Queue {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }

    /// Takes a level's flow; `best` is the best price of its side before the message, None when the side was empty.
    pub fn update(&mut self, now_ns: i64, flow: &LevelFlow, best: Option<i64>) {
        if !best.is_none_or(|best| at_or_better(flow.side, flow.price, best)) {
            return;
        }
        let queue = self.queue_mut(flow.side);
        if flow.added > 0 {
            queue.arrivals.add(now_ns, flow.added as f64);
        }
        if flow.cancelled > 0 {
            queue.cancels.add(now_ns, flow.cancelled as f64);
        }
    }

    /// Takes a trade against orders that rested on `resting`; `best` is the best price of that side as known.
    pub fn trade(&mut self, now_ns: i64, resting: Side, price: i64, size: i64, best: Option<i64>) {
        if best.is_none_or(|best| at_or_better(resting, price, best)) {
            self.queue_mut(resting).takes.add(now_ns, size as f64);
        }
    }

    /// Size quanta per second that join the best queue of a side.
    pub fn arrival_rate(&self, side: Side, now_ns: i64) -> Result<f64, Undefined> {
        self.queue(side).arrivals.rate(now_ns)
    }

    /// Size quanta per second that leave the best queue of a side without a trade.
    pub fn cancel_rate(&self, side: Side, now_ns: i64) -> Result<f64, Undefined> {
        self.queue(side).cancels.rate(now_ns)
    }

    /// Size quanta per second that trades take from the best queue of a side.
    pub fn take_rate(&self, side: Side, now_ns: i64) -> Result<f64, Undefined> {
        self.queue(side).takes.rate(now_ns)
    }
}

#[cfg(test)]
#[path = "queue_intensities_tests.rs"]
mod tests;
