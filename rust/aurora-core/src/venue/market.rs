//! One symbol of the venue: the recorded book and the orders that rest against it.

use serde::{Deserialize, Serialize};

use super::conditional::Conditional;
use super::depth::{within, TakenLevels};
use super::order::{AccountId, ExpiryReason, OrderStatus, PositionSide};
use super::queue::{QueueModel, QueuePosition};
use super::records::Records;
use crate::book::Book;
use crate::event::Level;
use crate::instrument::{Instrument, Side};
use crate::units::power_of_ten;

/// An order in the queue of its price, with what every market event needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Resting {
    pub order_id: u64,
    pub account: AccountId,
    pub position_side: PositionSide,
    pub price: i64,
    pub left: i64,
    pub reduce_only: bool,
    pub arrived_ns: i64,
    pub queue: QueuePosition,
}

/// When positions of a symbol pay each other, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingSchedule {
    /// Next funding timestamp.
    pub next_ns: i64,
    /// Time from one to the next, more than zero.
    pub interval_ns: i64,
    /// Rate in 1e-8 of notional at the mark price; longs pay when it is positive.
    pub rate_e8: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MarketState {
    pub symbol: usize,
    pub lot: i64,
    /// Size quanta of one base unit.
    pub unit: i64,
    pub model: QueueModel,
    pub book: Book,
    /// Best price first, then oldest first.
    pub bids: Vec<Resting>,
    pub asks: Vec<Resting>,
    /// Oldest first.
    pub conditional: Vec<Conditional>,
    pub taken: TakenLevels,
    pub last_trade: Option<i64>,
    pub mark: Option<i64>,
    pub funding: Option<FundingSchedule>,
    /// Accounts whose orders go at a time unless they say so again.
    pub countdowns: Vec<(AccountId, i64)>,
    #[serde(skip)]
    pub matches: Vec<Level>,
}

impl MarketState {
    pub fn new(symbol: usize, instrument: &Instrument, model: QueueModel) -> MarketState {
        MarketState {
            symbol,
            lot: instrument.lot.max(1),
            unit: power_of_ten(instrument.size_exponent),
            model,
            book: Book::new(instrument.id.market, instrument.tick)
                .with_decimals(instrument.price_exponent, instrument.size_exponent),
            bids: Vec::new(),
            asks: Vec::new(),
            conditional: Vec::new(),
            taken: TakenLevels::default(),
            last_trade: None,
            mark: None,
            funding: None,
            countdowns: Vec::new(),
            matches: Vec::new(),
        }
    }

    pub fn side(&self, side: Side) -> &Vec<Resting> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub fn side_mut(&mut self, side: Side) -> &mut Vec<Resting> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    pub fn is_idle(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty() && self.conditional.is_empty()
    }

    /// Best displayed price on `side`.
    pub fn best(&self, side: Side) -> Option<i64> {
        self.book.touch().map(|touch| match side {
            Side::Buy => touch.bid.price,
            Side::Sell => touch.ask.price,
        })
    }

    /// Marks at the middle of the touch, downwards; returns whether that has moved.
    #[inline]
    pub fn mark_mid(&mut self) -> bool {
        let Some(touch) = self.book.touch() else {
            return false;
        };
        // Half the sum without overflow.
        let (bid, ask) = (touch.bid.price, touch.ask.price);
        let mid = Some((bid & ask) + ((bid ^ ask) >> 1));
        let moved = mid != self.mark;
        self.mark = mid;
        moved
    }

    /// Whether a limit order would meet the market, or an order of the venue where those count.
    pub fn crosses(&self, side: Side, price: i64, own_orders: bool) -> bool {
        let opposite = side.opposite();
        let displayed = self.best(opposite);
        let own = self.side(opposite).first().filter(|_| own_orders);
        [displayed, own.map(|order| order.price)]
            .into_iter()
            .flatten()
            .any(|met| within(met, price, side))
    }

    /// Puts an order behind everything of its price.
    pub fn rest(&mut self, side: Side, order: Resting) {
        let queue = self.side_mut(side);
        let at = queue.partition_point(|earlier| within(order.price, earlier.price, side));
        queue.insert(at, order);
    }

    /// Takes an order out of its queue.
    pub fn remove(&mut self, side: Side, order_id: u64) {
        self.side_mut(side)
            .retain(|order| order.order_id != order_id);
    }

    /// Drops what has been filled or ended.
    pub fn drop_ended(&mut self) {
        self.bids.retain(|order| order.left > 0);
        self.asks.retain(|order| order.left > 0);
    }

    /// Cuts reduce-only orders to the position, the first in priority keeping theirs; those left with nothing expire.
    pub fn sweep_reduce_only(&mut self, records: &mut Records) {
        for side in [Side::Buy, Side::Sell] {
            for index in 0..self.side(side).len() {
                let queue = self.side(side);
                let order = queue[index];
                if !order.reduce_only || order.left == 0 {
                    continue;
                }
                let earlier: i64 = queue[..index]
                    .iter()
                    .filter(|other| {
                        other.reduce_only
                            && other.account == order.account
                            && other.position_side == order.position_side
                    })
                    .map(|other| other.left)
                    .sum();
                let held = records.reducible(order.account, self.symbol, order.position_side, side);
                let allowed = (held - earlier).clamp(0, order.left);
                if allowed < order.left {
                    self.side_mut(side)[index].left = allowed;
                    if allowed == 0 {
                        let expired = OrderStatus::Expired;
                        records.end(order.order_id, expired, ExpiryReason::ReduceOnly);
                    } else {
                        records.amend(order.order_id, allowed, None);
                    }
                }
            }
        }
        self.drop_ended();
    }
}
