//! Orders of one instrument against its recorded book.

use serde::{Deserialize, Serialize};

use super::depth::{displayed, take, within, TakenLevels};
use super::fills::Matching;
use super::queue::QueuePosition;
use crate::book::Book;
use crate::event::Level;
use crate::execution::{Liquidity, OrderKind, OrderSpec, Rejection, ReportStatus, TimeInForce};
use crate::instrument::{Instrument, Side};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resting {
    pub spec: OrderSpec,
    pub price: i64,
    pub filled: i64,
    pub arrived_ns: i64,
    pub queue: QueuePosition,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub spec: OrderSpec,
    pub trigger: i64,
    pub arrived_ns: i64,
    /// Price of the trade that triggered it while there was no book to execute against.
    pub waiting: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InstrumentVenue {
    pub instrument: Instrument,
    pub book: Book,
    pub resting: Vec<Resting>,
    pub stops: Vec<Stop>,
    pub taken: TakenLevels,
    pub position: i64,
    pub last_trade: Option<i64>,
}

impl InstrumentVenue {
    /// Size that a reduce-only order on `side` may take off the position.
    fn reducible(&self, side: Side) -> i64 {
        (-side.sign() * self.position).max(0)
    }

    pub fn refuse(&self, spec: &OrderSpec) -> Option<Rejection> {
        let same = |open: &OrderSpec| open.client_id == spec.client_id;
        if self.resting.iter().any(|order| same(&order.spec))
            || self.stops.iter().any(|stop| same(&stop.spec))
        {
            return Some(Rejection::DuplicateId);
        }
        if spec.reduce_only && self.reducible(spec.side) == 0 {
            return Some(Rejection::NothingToReduce);
        }
        if spec.kind == OrderKind::StopMarket {
            // A stop needs no book to rest.
            let through = match (self.last_trade, spec.trigger) {
                (Some(last), Some(trigger)) => triggers(last, trigger, spec.side),
                _ => false,
            };
            return through.then_some(Rejection::WouldTrigger);
        }
        let Some(touch) = self.book.touch() else {
            return Some(Rejection::BookUnavailable);
        };
        let opposite = match spec.side {
            Side::Buy => touch.ask.price,
            Side::Sell => touch.bid.price,
        };
        let crosses = spec
            .price
            .is_some_and(|price| within(opposite, price, spec.side));
        (spec.time_in_force == TimeInForce::PostOnly && crosses).then_some(Rejection::WouldCross)
    }

    pub fn admit(&mut self, spec: OrderSpec, matching: &mut Matching, matches: &mut Vec<Level>) {
        let arrived_ns = matching.stamp.exchange_ns;
        match (spec.kind, spec.trigger, spec.price) {
            (OrderKind::StopMarket, Some(trigger), _) => self.stops.push(Stop {
                spec,
                trigger,
                arrived_ns,
                waiting: None,
            }),
            (OrderKind::Limit, _, Some(price))
                if spec.time_in_force != TimeInForce::ImmediateOrCancel =>
            {
                let filled = if spec.time_in_force == TimeInForce::PostOnly {
                    0
                } else {
                    self.aggress(&spec, None, matching, matches)
                };
                if filled < spec.size {
                    self.resting.push(Resting {
                        spec,
                        price,
                        filled,
                        arrived_ns,
                        queue: QueuePosition::join(displayed(&self.book, spec.side, price)),
                    });
                }
            }
            _ => {
                self.execute(&spec, None, matching, matches);
            }
        }
    }

    /// Executes at once what the book gives; the venue ends the rest.
    fn execute(
        &mut self,
        spec: &OrderSpec,
        bound: Option<i64>,
        matching: &mut Matching,
        matches: &mut Vec<Level>,
    ) {
        let filled = self.aggress(spec, bound, matching, matches);
        if filled < spec.size {
            matching.report(spec, ReportStatus::Expired, filled);
        }
    }

    /// Takes from the book; returns the size filled.
    fn aggress(
        &mut self,
        spec: &OrderSpec,
        bound: Option<i64>,
        matching: &mut Matching,
        matches: &mut Vec<Level>,
    ) -> i64 {
        let size = if spec.reduce_only {
            spec.size.min(self.reducible(spec.side))
        } else {
            spec.size
        };
        matches.clear();
        let lot = self.instrument.lot;
        take(
            &self.book,
            &mut self.taken,
            spec.side,
            size,
            spec.price,
            bound,
            lot,
            matches,
        );
        let mut filled = 0;
        let touch = self.book.touch();
        for level in matches.iter() {
            filled += level.size;
            let market = (&self.instrument, &mut self.position, touch);
            matching.fill(market, spec, *level, filled, Liquidity::Taker);
        }
        filled
    }

    /// The recorded book has changed: queues are capped, an opposite side at or through our price fills us up
    /// to what it shows, and triggered stops that waited for a book execute.
    pub fn book_changed(&mut self, matching: &mut Matching, matches: &mut Vec<Level>) {
        let now_ns = matching.stamp.exchange_ns;
        let lot = self.instrument.lot;
        let Some(touch) = self.book.touch() else {
            return;
        };
        let mut ended = false;
        for order in &mut self.resting {
            let opposite = match order.spec.side {
                Side::Buy => touch.ask.price,
                Side::Sell => touch.bid.price,
            };
            if now_ns >= order.arrived_ns && within(opposite, order.price, order.spec.side) {
                matches.clear();
                let left = order.spec.size - order.filled;
                let limit = Some(order.price);
                take(
                    &self.book,
                    &mut self.taken,
                    order.spec.side,
                    left,
                    limit,
                    None,
                    lot,
                    matches,
                );
                let crossing: i64 = matches.iter().map(|level| level.size).sum();
                if crossing > 0 {
                    order.filled += crossing;
                    let market = (&self.instrument, &mut self.position, Some(touch));
                    let level = Level {
                        price: order.price,
                        size: crossing,
                    };
                    matching.fill(market, &order.spec, level, order.filled, Liquidity::Maker);
                }
            }
            order
                .queue
                .cap(displayed(&self.book, order.spec.side, order.price), now_ns);
            ended |= order.filled >= order.spec.size;
        }
        if ended {
            self.resting.retain(|order| order.filled < order.spec.size);
        }
        self.run_stops(matching, matches);
    }

    /// A market trade. At our price it eats the queue first. Beyond our price its aggressor would have met us
    /// before anyone it did meet, so all of its size comes to us first.
    pub fn trade(
        &mut self,
        trade: Level,
        aggressor: Side,
        matching: &mut Matching,
        matches: &mut Vec<Level>,
    ) {
        let now_ns = matching.stamp.exchange_ns;
        let lot = self.instrument.lot.max(1);
        let touch = self.book.touch();
        let mut own = 0;
        let mut ended = false;
        for order in &mut self.resting {
            if order.spec.side == aggressor || order.arrived_ns > now_ns {
                continue;
            }
            let reached = if trade.price == order.price {
                order.queue.trade(trade.size, now_ns)
            } else if within(trade.price, order.price, order.spec.side) {
                order.queue.clear();
                trade.size
            } else {
                continue;
            };
            let size = (reached - own).min(order.spec.size - order.filled);
            let size = size - size.rem_euclid(lot);
            if size > 0 {
                own += size;
                order.filled += size;
                ended |= order.filled >= order.spec.size;
                let market = (&self.instrument, &mut self.position, touch);
                let level = Level {
                    price: order.price,
                    size,
                };
                matching.fill(market, &order.spec, level, order.filled, Liquidity::Maker);
            }
        }
        if ended {
            self.resting.retain(|order| order.filled < order.spec.size);
        }
        self.last_trade = Some(trade.price);
        let mut triggered = false;
        for stop in &mut self.stops {
            if stop.waiting.is_none()
                && stop.arrived_ns <= now_ns
                && triggers(trade.price, stop.trigger, stop.spec.side)
            {
                stop.waiting = Some(trade.price);
                triggered = true;
            }
        }
        if triggered {
            self.run_stops(matching, matches);
        }
    }

    /// Executes triggered stops, oldest first, once there is a book. Levels better than the trade that
    /// triggered one have just been traded away, even if the recorded depth still shows them.
    fn run_stops(&mut self, matching: &mut Matching, matches: &mut Vec<Level>) {
        if self.book.touch().is_none() {
            return;
        }
        while let Some(index) = self.stops.iter().position(|stop| stop.waiting.is_some()) {
            let stop = self.stops.remove(index);
            self.execute(&stop.spec, stop.waiting, matching, matches);
        }
    }
}

/// Whether a trade at `price` triggers a stop: a sell stop at or below its trigger, a buy stop at or above.
fn triggers(price: i64, trigger: i64, side: Side) -> bool {
    match side {
        Side::Sell => price <= trigger,
        Side::Buy => price >= trigger,
    }
}
