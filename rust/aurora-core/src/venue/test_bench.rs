//! A venue with one small market, driven by hand in tests.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::desk::test_market::{instrument, Frames};
use crate::event::EventBlock;
use crate::instrument::Side;
use crate::units::Money;

pub(crate) const FEES: VenueFees = VenueFees {
    maker_e8: 20_000,
    taker_e8: 50_000,
};

/// Dollars as money.
pub(crate) fn dollars(amount: i128) -> Money {
    Money(amount * 100_000_000)
}

pub(crate) fn id(text: &str) -> ClientOrderId {
    ClientOrderId::parse(text).unwrap()
}

/// A price in quanta of 0.1 as a payload writes it.
pub(crate) fn px(quanta: i64) -> Decimal {
    Decimal::new(quanta, 1)
}

/// A size in quanta of 0.001.
pub(crate) fn qty(quanta: i64) -> Decimal {
    Decimal::new(quanta, 3)
}

/// Rules in the manner of the exchange's for a symbol at 100.0: tick 0.1, step 0.001, notional from 5.
pub(crate) fn rules() -> SymbolRules {
    SymbolRules {
        price_precision: 2,
        quantity_precision: 3,
        min_price: 10,
        max_price: 100_000,
        tick: 1,
        min_size: 2,
        max_size: 1_000_000,
        step: 2,
        market_min_size: 2,
        market_max_size: 500_000,
        market_step: 2,
        max_orders: 4,
        max_conditional_orders: 3,
        min_notional: dollars(5),
        multiplier_down_e8: 85_000_000,
        multiplier_up_e8: 115_000_000,
        trigger_protect_e8: 5_000_000,
        market_take_bound_e8: 5_000_000,
        liquidation_fee_e8: 1_200_000,
        order_types: OrderType::ALL.to_vec(),
        time_in_force: TimeInForce::ALL.to_vec(),
        is_trading: true,
        brackets: super::rules::tests::brackets(),
    }
}

/// One symbol, one account with 10 000 dollars; every step is one nanosecond unless said otherwise.
pub(crate) struct Bench {
    pub venue: Venue,
    pub now_ns: i64,
    frames: Frames,
}

impl Bench {
    pub fn with(settings: VenueSettings, rules: SymbolRules) -> Bench {
        let mut venue = Venue::new(settings, vec![(instrument("A"), rules)]);
        venue.add_account(dollars(10_000), 0);
        Bench {
            venue,
            now_ns: 0,
            frames: Frames::default(),
        }
    }

    /// Everything on; the book is 100.0 × 0.020, 99.9 × 0.030 against 100.1 × 0.010, 100.2 × 0.040.
    pub fn new() -> Bench {
        let mut bench = Bench::with(VenueSettings::exchange(FEES), rules());
        bench.snapshot(&[(1000, 20), (999, 30)], &[(1001, 10), (1002, 40)]);
        bench
    }

    /// The same market with filters, margin and budgets off: sizes of single quanta.
    pub fn free() -> Bench {
        let settings = VenueSettings {
            checks: Checks {
                filters: false,
                margin: false,
            },
            budgets: None,
            ..VenueSettings::exchange(FEES)
        };
        let mut bench = Bench::with(settings, SymbolRules::open(&instrument("A")));
        bench.snapshot(&[(1000, 20), (999, 30)], &[(1001, 10), (1002, 40)]);
        bench
    }

    fn feed(&mut self, push: impl FnOnce(&mut Frames, (i64, i64))) {
        self.now_ns += 1;
        self.frames.block = EventBlock::default();
        push(&mut self.frames, (self.now_ns, self.now_ns));
        let block = std::mem::take(&mut self.frames.block);
        self.venue
            .on_market(0, &block, &block.messages[0], self.now_ns);
    }

    pub fn snapshot(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        self.feed(|frames, at| {
            frames.snapshot(at, bids, asks);
        });
    }

    pub fn asks(&mut self, levels: &[(i64, i64)]) {
        self.feed(|frames, at| {
            frames.diff(at, &[], levels);
        });
    }

    /// Both sides in one message.
    pub fn book(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        self.feed(|frames, at| {
            frames.diff(at, bids, asks);
        });
    }

    pub fn gap(&mut self) {
        self.feed(|frames, at| {
            frames.gap(at);
        });
    }

    pub fn trade(&mut self, price: i64, size: i64, aggressor: Side) {
        self.feed(|frames, at| {
            frames.trade(at, price, size, aggressor);
        });
    }

    pub fn ask(&mut self, account: AccountId, request: Request) -> Reply {
        self.now_ns += 1;
        self.venue.handle(&Call::new(account, request), self.now_ns)
    }

    pub fn send(&mut self, request: Request) -> Result<Answer, VenueError> {
        self.ask(0, request).outcome
    }

    /// Sends an order; its row, or the refusal.
    pub fn order(&mut self, order: NewOrder) -> Result<OrderRow, VenueError> {
        self.order_of(0, order)
    }

    pub fn order_of(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<OrderRow, VenueError> {
        match self.ask(account, Request::NewOrder(order)).outcome? {
            Answer::Order(row) => Ok(row),
            other => panic!("{other:?}"),
        }
    }

    /// Sends a conditional order; its id, or the refusal.
    pub fn algo(&mut self, order: NewOrder) -> Result<u64, VenueError> {
        match self.send(Request::NewAlgo(order))? {
            Answer::Algo(row) => Ok(row.algo_id),
            other => panic!("{other:?}"),
        }
    }

    pub fn row(&self, order_id: u64) -> OrderRow {
        let found = self.venue.find_order(0, OrderKey::Id(order_id));
        found
            .or_else(|| self.venue.find_order(1, OrderKey::Id(order_id)))
            .unwrap()
    }

    pub fn algo_row(&self, algo_id: u64) -> AlgoRow {
        self.venue.find_algo(0, OrderKey::Id(algo_id)).unwrap()
    }

    pub fn position(&self) -> i64 {
        self.venue.position(0, 0, PositionSide::Both)
    }

    /// Price, size and whether it took, of every trade of account 0 so far.
    pub fn fills(&self) -> Vec<(i64, i64, bool)> {
        let own = self.venue.truth().trades.iter().filter(|t| t.account == 0);
        own.map(|t| {
            let took = t.liquidity == crate::execution::Liquidity::Taker;
            (t.price, t.size, took)
        })
        .collect()
    }

    /// Buys or sells at the market without any rule in the way, to set up a position.
    pub fn hold(&mut self, side: Side, size: i64) {
        let row = self.order(market(&format!("hold{}", self.now_ns), side, size));
        assert_eq!(row.unwrap().status, OrderStatus::Filled);
    }

    /// Nothing is made and nothing is lost: all wallets and all that counterparties received are nothing together, and
    /// every wallet is its cash rows.
    pub fn assert_conserved(&self) {
        let accounts = self.venue.records.accounts.len() as AccountId;
        let mut sum = Money::ZERO;
        for account in 0..accounts {
            sum += self.venue.wallet(account);
            let rows = self.venue.truth().cash.iter();
            let own = rows.filter(|row| row.account == account);
            let total = own.fold(Money::ZERO, |total, row| total + row.amount);
            assert_eq!(total, self.venue.wallet(account));
        }
        for counterparty in [
            Counterparty::Market,
            Counterparty::Fees,
            Counterparty::Insurance,
            Counterparty::Outside,
        ] {
            sum += self.venue.received(counterparty);
        }
        assert_eq!(sum, Money::ZERO);
    }
}

pub(crate) fn limit(name: &str, side: Side, price: i64, size: i64) -> NewOrder {
    NewOrder::limit(0, id(name), side, px(price), qty(size))
}

pub(crate) fn with_tif(order: NewOrder, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        time_in_force: Some(time_in_force),
        ..order
    }
}

pub(crate) fn market(name: &str, side: Side, size: i64) -> NewOrder {
    NewOrder::market(0, id(name), side, qty(size))
}

pub(crate) fn reducing(order: NewOrder) -> NewOrder {
    NewOrder {
        reduce_only: true,
        ..order
    }
}
