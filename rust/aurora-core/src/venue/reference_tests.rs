//! The venue against a second one, slow and plain: every quantum of size is an entry of a list, every step looks at
//! everything. Written from the rules of `docs/venue.md`, sharing nothing with the venue but the words of its inputs.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::test_bench::*;
use super::*;
use crate::instrument::Side::{self, Buy, Sell};
use crate::units::Money;

#[derive(Debug, Clone, Copy)]
enum Step {
    Depth {
        bid: bool,
        offset: i64,
        size: i64,
    },
    Trade {
        sell: bool,
        offset: i64,
        size: i64,
    },
    Order {
        account: u32,
        sell: bool,
        offset: i64,
        size: i64,
        kind: u8,
        mode: u8,
    },
    Cancel {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), 0i64..6, 0i64..9).prop_map(|(bid, offset, size)| Step::Depth { bid, offset, size }),
        3 => (any::<bool>(), -4i64..5, 1i64..9).prop_map(|(sell, offset, size)| Step::Trade { sell, offset, size }),
        4 => (0u32..2, any::<bool>(), -3i64..5, 1i64..12, 0u8..6, 0u8..4).prop_map(
            |(account, sell, offset, size, kind, mode)| Step::Order { account, sell, offset, size, kind, mode }
        ),
        1 => (0usize..20).prop_map(|which| Step::Cancel { which }),
    ]
}

const MODES: [SelfTradePrevention; 4] = [
    SelfTradePrevention::None,
    SelfTradePrevention::ExpireTaker,
    SelfTradePrevention::ExpireMaker,
    SelfTradePrevention::ExpireBoth,
];

/// GTC, IOC, FOK, GTX, market, GTC again.
const KINDS: [Option<TimeInForce>; 6] = [
    Some(TimeInForce::Gtc),
    Some(TimeInForce::Ioc),
    Some(TimeInForce::Fok),
    Some(TimeInForce::Gtx),
    None,
    Some(TimeInForce::Gtc),
];

struct PlainOrder {
    account: u32,
    side: Side,
    /// A market order reaches any price.
    price: i64,
    left: i64,
    filled: i64,
    resting: bool,
    ended_in_match: bool,
    ahead: Vec<()>,
}

/// A fill of one order: price, size, took.
type Fill = (usize, i64, i64, bool);

#[derive(Default)]
struct Plain {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// Taken from a level, and what it showed then.
    taken: BTreeMap<(Side, i64), (i64, i64)>,
    orders: Vec<PlainOrder>,
    fills: Vec<Fill>,
}

impl Plain {
    fn levels(&self, side: Side) -> &BTreeMap<i64, i64> {
        match side {
            Buy => &self.bids,
            Sell => &self.asks,
        }
    }

    fn has_book(&self) -> bool {
        !self.bids.is_empty() && !self.asks.is_empty()
    }

    fn shown(&self, side: Side, price: i64) -> i64 {
        self.levels(side).get(&price).copied().unwrap_or(0)
    }

    fn free(&self, side: Side, price: i64) -> i64 {
        self.shown(side, price) - self.taken.get(&(side, price)).map_or(0, |taken| taken.0)
    }

    fn take_one(&mut self, side: Side, price: i64) {
        let shown = self.shown(side, price);
        self.taken.entry((side, price)).or_insert((0, shown)).0 += 1;
    }

    /// Displayed prices of `side` that a taker with this limit reaches, best first.
    fn reached(&self, side: Side, limit: i64) -> Vec<i64> {
        let prices = self.levels(side).keys().copied();
        match side {
            Sell => prices.filter(|price| *price <= limit).collect(),
            Buy => prices.rev().filter(|price| *price >= limit).collect(),
        }
    }

    /// Resting orders of `side`, best price first, then oldest.
    fn queue(&self, side: Side) -> Vec<usize> {
        let mut queue: Vec<usize> = (0..self.orders.len())
            .filter(|n| self.orders[*n].resting && self.orders[*n].side == side)
            .collect();
        queue.sort_by_key(|n| (-side.sign() * self.orders[*n].price, *n));
        queue
    }

    fn fill_one(&mut self, order: usize, price: i64, took: bool) {
        let row = &mut self.orders[order];
        row.left -= 1;
        row.filled += 1;
        row.resting &= row.left > 0;
        self.fills.push((order, price, 1, took));
    }

    fn depth(&mut self, side: Side, price: i64, size: i64) {
        let levels = match side {
            Buy => &mut self.bids,
            Sell => &mut self.asks,
        };
        if size == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, size);
        }
        if !self.has_book() {
            return;
        }
        let (bids, asks) = (self.bids.clone(), self.asks.clone());
        self.taken.retain(|(side, price), (_, shown)| {
            let levels = if *side == Buy { &bids } else { &asks };
            levels.get(price) == Some(shown)
        });
        for side in [Buy, Sell] {
            for order in self.queue(side) {
                let price = self.orders[order].price;
                for level in self.reached(side.opposite(), price) {
                    while self.orders[order].left > 0 && self.free(side.opposite(), level) > 0 {
                        self.take_one(side.opposite(), level);
                        self.fill_one(order, price, false);
                    }
                }
                let shown = self.shown(side, price);
                self.orders[order].ahead.truncate(shown as usize);
            }
        }
    }

    fn trade(&mut self, price: i64, size: i64, aggressor: Side) {
        let mut spent = 0;
        for order in self.queue(aggressor.opposite()) {
            let row = &mut self.orders[order];
            let own = row.price;
            let beyond = aggressor.sign() * (price - own);
            if beyond < 0 {
                continue;
            }
            if beyond > 0 {
                row.ahead.clear();
            }
            let mut reached = 0;
            for _ in 0..size {
                if row.ahead.pop().is_none() {
                    reached += 1;
                }
            }
            let unspent = reached - spent;
            for _ in 0..unspent {
                if self.orders[order].left > 0 {
                    self.fill_one(order, own, false);
                    spent += 1;
                }
            }
        }
    }

    /// Places an order; None when it is refused.
    fn order(
        &mut self,
        new: PlainOrder,
        kind: Option<TimeInForce>,
        mode: SelfTradePrevention,
    ) -> Option<usize> {
        let other = new.side.opposite();
        if !self.has_book() {
            return None;
        }
        let best_own = self.queue(other).first().map(|n| self.orders[*n].price);
        let within = |price: i64| new.side.sign() * (new.price - price) >= 0;
        let displayed = *self.reached(other, new.side.sign() * i64::MAX).first()?;
        if kind == Some(TimeInForce::Gtx) && (within(displayed) || best_own.is_some_and(within)) {
            return None;
        }
        if kind == Some(TimeInForce::Fok) {
            let shown: i64 = self
                .reached(other, new.price)
                .iter()
                .map(|price| self.free(other, *price).max(0))
                .sum();
            let queue = self.queue(other);
            let own: i64 = queue
                .iter()
                .map(|n| &self.orders[*n])
                .filter(|o| within(o.price))
                .map(|o| o.left)
                .sum();
            if shown + own < new.left {
                return None;
            }
        }
        let prevents = mode != SelfTradePrevention::None && kind != Some(TimeInForce::Fok);
        let (account, limit) = (new.account, new.price);
        let number = self.orders.len();
        let side = new.side;
        self.orders.push(new);
        while kind != Some(TimeInForce::Gtx) && self.orders[number].left > 0 {
            let level = self
                .reached(other, limit)
                .into_iter()
                .find(|price| self.free(other, *price) > 0);
            let queue = self.queue(other);
            let met = queue
                .into_iter()
                .find(|n| side.sign() * (limit - self.orders[*n].price) >= 0);
            let own_first = match (level, met) {
                (None, None) => break,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some(level), Some(met)) => {
                    let better = side.sign() * (self.orders[met].price - level);
                    let taken = self.taken.get(&(other, level)).map_or(0, |taken| taken.0);
                    better < 0 || (better == 0 && self.orders[met].ahead.len() as i64 <= taken)
                }
            };
            match (own_first, level, met) {
                (true, _, Some(met)) if self.orders[met].account == account && prevents => {
                    if mode != SelfTradePrevention::ExpireTaker {
                        self.orders[met].resting = false;
                        self.orders[met].ended_in_match = true;
                    }
                    if mode != SelfTradePrevention::ExpireMaker {
                        self.orders[number].ended_in_match = true;
                        return Some(number);
                    }
                }
                (true, _, Some(met)) => {
                    let price = self.orders[met].price;
                    self.fill_one(met, price, false);
                    self.fill_one(number, price, true);
                }
                (_, Some(level), _) => {
                    self.take_one(other, level);
                    self.fill_one(number, level, true);
                }
                _ => break,
            }
        }
        if matches!(kind, Some(TimeInForce::Gtc | TimeInForce::Gtx)) && self.orders[number].left > 0
        {
            self.orders[number].resting = true;
            self.orders[number].ahead = vec![(); self.shown(side, limit) as usize];
        }
        Some(number)
    }
}

/// Neighbouring fills of one order at one price count as one.
fn joined(fills: &[Fill]) -> BTreeMap<(usize, i64, bool), i64> {
    let mut sums = BTreeMap::new();
    for (order, price, size, took) in fills {
        *sums.entry((*order, *price, *took)).or_insert(0) += size;
    }
    sums
}

/// Both venues on one script; compared after every step.
fn run(steps: &[Step], reload: bool) {
    let mut bench = Bench::free();
    bench.venue.add_account(dollars(500), 0);
    let mut plain = Plain::default();
    for (side, price, size) in [
        (Buy, 1000, 20),
        (Buy, 999, 30),
        (Sell, 1001, 10),
        (Sell, 1002, 40),
    ] {
        plain.depth(side, price, size);
    }
    // Venue id of each plain order; ids count accepted orders from one.
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Depth { bid, offset, size } => {
                let (side, price) = if bid {
                    (Buy, 1001 - offset)
                } else {
                    (Sell, 1000 + offset)
                };
                if bid {
                    bench.book(&[(price, size)], &[]);
                } else {
                    bench.asks(&[(price, size)]);
                }
                plain.depth(side, price, size);
            }
            Step::Trade { sell, offset, size } => {
                let aggressor = if sell { Sell } else { Buy };
                bench.trade(1000 + offset, size, aggressor);
                plain.trade(1000 + offset, size, aggressor);
            }
            Step::Order {
                account,
                sell,
                offset,
                size,
                kind,
                mode,
            } => {
                let side = if sell { Sell } else { Buy };
                let price = if sell { 1001 - offset } else { 1000 + offset };
                let (tif, mode) = (KINDS[usize::from(kind)], MODES[usize::from(mode)]);
                let name = format!("o{number}");
                let order = match tif {
                    Some(tif) => with_tif(limit(&name, side, price, size), tif),
                    None => market(&name, side, size),
                };
                let order = NewOrder {
                    self_trade_prevention: mode,
                    ..order
                };
                let accepted = bench
                    .order_of(account, order)
                    .ok()
                    .map(|row| row.order_id as usize - 1);
                let new = PlainOrder {
                    account,
                    side,
                    price: if tif.is_none() {
                        side.sign() * 1_000_000
                    } else {
                        price
                    },
                    left: size,
                    filled: 0,
                    resting: false,
                    ended_in_match: false,
                    ahead: Vec::new(),
                };
                assert_eq!(accepted, plain.order(new, tif, mode), "{order:?}");
            }
            Step::Cancel { which } => {
                let open: Vec<usize> = (0..plain.orders.len())
                    .filter(|n| plain.orders[*n].resting)
                    .collect();
                if open.is_empty() {
                    continue;
                }
                let order = open[which % open.len()];
                plain.orders[order].resting = false;
                let key = OrderKey::Id(order as u64 + 1);
                let request = Request::Cancel {
                    symbol: 0,
                    order: key,
                };
                assert!(bench
                    .ask(plain.orders[order].account, request)
                    .outcome
                    .is_ok());
            }
        }
        if reload {
            let bytes = postcard::to_allocvec(&bench.venue).unwrap();
            bench.venue = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(postcard::to_allocvec(&bench.venue).unwrap(), bytes);
        }
        compare(&bench, &plain, number);
    }
    bench.assert_conserved();
    check_truth(&bench);
}

fn compare(bench: &Bench, plain: &Plain, number: usize) {
    let trades = &bench.venue.truth().trades;
    let fills: Vec<Fill> = trades
        .iter()
        .map(|trade| {
            let took = trade.liquidity == crate::execution::Liquidity::Taker;
            (trade.order_id as usize - 1, trade.price, trade.size, took)
        })
        .collect();
    assert_eq!(joined(&fills), joined(&plain.fills), "step {number}");
    for (n, order) in plain.orders.iter().enumerate() {
        let row = bench.row(n as u64 + 1);
        assert_eq!(
            (row.executed, row.status.is_open()),
            (order.filled, order.resting),
            "order {n}, step {number}"
        );
        assert_eq!(
            row.status == OrderStatus::ExpiredInMatch,
            order.ended_in_match,
            "order {n}, step {number}"
        );
    }
    for account in 0..2 {
        let mut size = 0;
        let mut cash = Money::ZERO;
        for (order, price, filled, took) in &plain.fills {
            let order = &plain.orders[*order];
            if order.account != account {
                continue;
            }
            size += order.side.sign() * filled;
            cash.0 -= i128::from(order.side.sign() * filled * price) * 10_000;
            // Fees of single quanta are exact at these rates: no rounding hides in them.
            cash.0 -= i128::from(price * filled) * if *took { 5 } else { 2 };
        }
        let snapshot = bench.venue.account_snapshot(account);
        let inside: i128 = snapshot
            .positions
            .iter()
            .map(|position| i128::from(position.holding.size.signum()) * position.holding.cost.0)
            .sum();
        let deposit = if account == 0 {
            dollars(10_000)
        } else {
            dollars(500)
        };
        assert_eq!(bench.venue.position(account, 0, PositionSide::Both), size);
        assert_eq!(
            snapshot.wallet.0 - inside,
            deposit.0 + cash.0,
            "cash of {account}, step {number}"
        );
    }
}

/// The log alone tells a consistent story: sizes add up, nothing follows an end, times do not fall.
fn check_truth(bench: &Bench) {
    let truth = bench.venue.truth();
    let mut last: BTreeMap<u64, OrderStep> = BTreeMap::new();
    for step in &truth.steps {
        if let Some(before) = last.insert(step.order_id, *step) {
            assert!(before.status.is_open() && before.executed <= step.executed);
            assert!(before.exchange_ns <= step.exchange_ns);
        }
        let traded: i64 = truth
            .trades
            .iter()
            .filter(|trade| {
                trade.order_id == step.order_id && trade.exchange_ns <= step.exchange_ns
            })
            .map(|trade| trade.size)
            .sum();
        assert!(step.executed <= traded);
    }
    for (order_id, step) in last {
        let traded = truth
            .trades
            .iter()
            .filter(|trade| trade.order_id == order_id);
        assert_eq!(step.executed, traded.map(|trade| trade.size).sum::<i64>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn fills_positions_and_cash_are_those_of_a_plain_venue(steps in prop::collection::vec(step(), 0..60)) {
        run(&steps, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_venue_read_back_from_bytes_goes_on_the_same(steps in prop::collection::vec(step(), 0..40)) {
        run(&steps, true);
    }
}
