//! Orders of one symbol against its recorded book, and against each other.

use super::depth::{displayed_behind, take, takeable, within};
use super::market::{MarketState, Resting};
use super::order::{ExpiryReason, OrderRow, OrderStatus, SelfTradePrevention, TimeInForce};
use super::queue::QueuePosition;
use super::records::{Match, Records};
use super::settings::{CrossingFill, ThroughFill};
use crate::event::Level;
use crate::execution::Liquidity;
use crate::instrument::Side;

/// A match of a resting order at its own price.
fn maker(market: &MarketState, price: i64, size: i64) -> Match {
    Match {
        price,
        size,
        liquidity: Liquidity::Maker,
        touch: market.book.touch(),
        counter: None,
        liquidation: false,
    }
}

impl MarketState {
    /// Size of `wanted` that a resting order may trade: whole lots, and no more than it may reduce.
    fn tradable(&self, records: &Records, side: Side, order: &Resting, wanted: i64) -> i64 {
        let mut size = wanted.min(order.left);
        if order.reduce_only {
            let (account, position_side) = (order.account, order.position_side);
            size = size.min(records.reducible(account, self.symbol, position_side, side));
        }
        (size - size.rem_euclid(self.lot)).max(0)
    }

    /// The recorded book has changed: an opposite side at or through our price fills us, and queues learn what their
    /// levels show.
    pub fn book_changed(&mut self, records: &mut Records) {
        let Some(touch) = self.book.touch() else {
            return;
        };
        let now_ns = records.now_ns;
        let mut ended = false;
        for side in [Side::Buy, Side::Sell] {
            let opposite = match side {
                Side::Buy => touch.ask.price,
                Side::Sell => touch.bid.price,
            };
            for index in 0..self.side(side).len() {
                let order = self.side(side)[index];
                if now_ns >= order.arrived_ns && within(opposite, order.price, side) {
                    let size = self.crossing(records, side, &order);
                    if size > 0 {
                        let met = maker(self, order.price, size);
                        records.fill(order.order_id, met);
                        self.side_mut(side)[index].left -= size;
                    }
                }
                let shown = displayed_behind(&self.book, touch, side, order.price);
                let model = self.model;
                let order = &mut self.side_mut(side)[index];
                order.queue.shows(model, shown, now_ns);
                ended |= order.left == 0;
            }
        }
        if ended {
            self.drop_ended();
        }
    }

    /// Size of a resting order that the opposite side of the book meets.
    fn crossing(&mut self, records: &Records, side: Side, order: &Resting) -> i64 {
        let size = self.tradable(records, side, order, order.left);
        match records.settings.crossing {
            CrossingFill::Whole => size,
            CrossingFill::Displayed => {
                self.matches.clear();
                take(
                    &self.book,
                    &mut self.taken,
                    side,
                    size,
                    Some(order.price),
                    None,
                    self.lot,
                    &mut self.matches,
                );
                self.matches.iter().map(|level| level.size).sum()
            }
        }
    }

    /// A trade of the recorded market. At our price it eats the queue first. Beyond our price its aggressor would
    /// have met us before anyone it did meet.
    pub fn market_trade(&mut self, records: &mut Records, trade: Level, aggressor: Side) {
        let now_ns = records.now_ns;
        let side = aggressor.opposite();
        let mut own: i64 = 0;
        let mut ended = false;
        for index in 0..self.side(side).len() {
            let order = &mut self.side_mut(side)[index];
            if !within(trade.price, order.price, side) {
                break;
            }
            if order.arrived_ns > now_ns {
                continue;
            }
            let reached = if trade.price == order.price {
                order.queue.trade(trade.size, now_ns).saturating_sub(own)
            } else {
                order.queue.clear();
                match records.settings.through {
                    ThroughFill::TradeSize => trade.size.saturating_sub(own),
                    ThroughFill::Whole => i64::MAX,
                }
            };
            let order = *order;
            let size = self.tradable(records, side, &order, reached);
            if size > 0 {
                own += size;
                let met = maker(self, order.price, size);
                records.fill(order.order_id, met);
                let order = &mut self.side_mut(side)[index];
                order.left -= size;
                ended |= order.left == 0;
            }
        }
        if ended {
            self.drop_ended();
        }
        self.last_trade = Some(trade.price);
    }

    /// Lets an order take down to `limit`; prices better than `bound` have just been traded away.
    pub fn aggress(
        &mut self,
        records: &mut Records,
        order: &OrderRow,
        limit: Option<i64>,
        bound: Option<i64>,
    ) {
        let mut left = order.left();
        if order.reduce_only {
            let (account, position_side) = (order.account, order.position_side);
            left = left.min(records.reducible(account, self.symbol, position_side, order.side));
        }
        if records.settings.meet_own_orders {
            self.meet_orders(records, order, limit, bound, &mut left);
        }
        self.take_book(records, order, limit, bound, left);
    }

    /// Takes displayed levels; returns what is left of `size`.
    fn take_book(
        &mut self,
        records: &mut Records,
        order: &OrderRow,
        limit: Option<i64>,
        bound: Option<i64>,
        size: i64,
    ) -> i64 {
        self.matches.clear();
        take(
            &self.book,
            &mut self.taken,
            order.side,
            size,
            limit,
            bound,
            self.lot,
            &mut self.matches,
        );
        let mut left = size;
        let touch = self.book.touch();
        for level in &self.matches {
            left -= level.size;
            let met = Match {
                price: level.price,
                size: level.size,
                liquidity: Liquidity::Taker,
                touch,
                counter: None,
                liquidation: false,
            };
            records.fill(order.order_id, met);
        }
        left
    }

    /// Walks the venue's own resting orders that an order reaches, each behind what the book shows ahead of it.
    fn meet_orders(
        &mut self,
        records: &mut Records,
        order: &OrderRow,
        limit: Option<i64>,
        bound: Option<i64>,
        left: &mut i64,
    ) {
        let opposite = order.side.opposite();
        while let Some(met) = self.side(opposite).first().copied() {
            if *left <= 0 || limit.is_some_and(|limit| !within(met.price, limit, order.side)) {
                return;
            }
            let better = Some(met.price - order.side.sign());
            *left = self.take_book(records, order, better, bound, *left);
            let taken = self.taken.at(opposite, met.price);
            let ahead = (met.queue.front() - taken).clamp(0, *left);
            let at = Some(met.price);
            let not_taken = self.take_book(records, order, at, bound, ahead);
            *left -= ahead - not_taken;
            if *left <= 0 {
                return;
            }
            if met.account == order.account && prevents(order) {
                let (status, reason) = (
                    OrderStatus::ExpiredInMatch,
                    ExpiryReason::SelfTradePrevention,
                );
                let mode = order.self_trade_prevention;
                if mode != SelfTradePrevention::ExpireTaker {
                    self.remove(opposite, met.order_id);
                    records.end(met.order_id, status, reason);
                }
                if mode != SelfTradePrevention::ExpireMaker {
                    let reason = match order.time_in_force {
                        TimeInForce::Ioc => ExpiryReason::ImmediateOrCancelSelfTrade,
                        _ => reason,
                    };
                    records.end(order.order_id, status, reason);
                    *left = 0;
                }
                continue;
            }
            let size = self.tradable(records, opposite, &met, *left);
            if size == 0 {
                // A reduce-only order with nothing to reduce, or less than a lot between them.
                if met.reduce_only {
                    self.remove(opposite, met.order_id);
                    records.end(met.order_id, OrderStatus::Expired, ExpiryReason::ReduceOnly);
                    continue;
                }
                return;
            }
            self.trade_between(records, order, &met, size);
            *left -= size;
        }
    }

    fn trade_between(&mut self, records: &mut Records, order: &OrderRow, met: &Resting, size: i64) {
        records.last_trade_id += 1;
        let trade_id = records.last_trade_id;
        let resting = Match {
            counter: Some((trade_id, order.order_id)),
            ..maker(self, met.price, size)
        };
        records.fill(met.order_id, resting);
        let taking = Match {
            counter: Some((trade_id, met.order_id)),
            liquidity: Liquidity::Taker,
            ..resting
        };
        records.fill(order.order_id, taking);
        if let Some(first) = self.side_mut(order.side.opposite()).first_mut() {
            first.left -= size;
        }
        self.drop_ended();
    }

    /// Size that an order could fill at once: what the book shows and the orders of others.
    pub fn fillable(&self, records: &Records, order: &OrderRow) -> i64 {
        let mut sum = takeable(&self.book, &self.taken, order.side, order.price, self.lot);
        if records.settings.meet_own_orders {
            for met in self.side(order.side.opposite()) {
                let reached = order
                    .price
                    .is_none_or(|limit| within(met.price, limit, order.side));
                if reached {
                    sum = sum.saturating_add(met.left);
                }
            }
        }
        sum
    }

    /// Rests what is left of an order.
    pub fn rest_order(&mut self, records: &Records, order_id: u64) {
        let Some(order) = records.orders.get(&order_id) else {
            return;
        };
        let Some(price) = order.price.filter(|_| order.status.is_open()) else {
            return;
        };
        let shown = super::depth::displayed(&self.book, order.side, price);
        let resting = Resting {
            order_id,
            account: order.account,
            position_side: order.position_side,
            price,
            left: order.left(),
            reduce_only: order.reduce_only,
            arrived_ns: records.now_ns,
            queue: QueuePosition::join(self.model, shown, self.unit),
        };
        self.rest(order.side, resting);
    }
}

/// Whether self-trade prevention works on an order: its mode is set and it is neither post-only nor fill-or-kill.
fn prevents(order: &OrderRow) -> bool {
    order.self_trade_prevention != SelfTradePrevention::None
        && matches!(
            order.time_in_force,
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Gtd
        )
}
