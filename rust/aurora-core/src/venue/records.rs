//! The venue's books: orders, accounts, trades and cash. Everything that changes them goes through here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account::{Account, Holding};
use super::client_order_id::ClientOrderId;
use super::order::{
    AccountId, AlgoRow, AlgoStatus, ExpiryReason, OrderRow, OrderStatus, PositionSide,
};
use super::rules::SymbolRules;
use super::settings::VenueSettings;
use super::stream::{
    AccountReason, AlgoStep, CashKind, CashRow, Counterparty, ExecutionType, OrderStep, TradeRow,
    TruthLog, UserEvent, UserEventKind,
};
use crate::book::Quote;
use crate::execution::Liquidity;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Symbol {
    pub instrument: Instrument,
    pub rules: SymbolRules,
}

/// A match, before it is booked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    pub price: i64,
    pub size: i64,
    pub liquidity: Liquidity,
    pub touch: Option<Quote>,
    /// Trade id and order on the other side, when that one is the venue's own.
    pub counter: Option<(u64, u64)>,
    pub liquidation: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Records {
    pub settings: VenueSettings,
    pub symbols: Vec<Symbol>,
    pub accounts: Vec<Account>,
    pub orders: BTreeMap<u64, OrderRow>,
    pub algos: BTreeMap<u64, AlgoRow>,
    /// Latest order of each client id, open or not.
    by_client: BTreeMap<(AccountId, ClientOrderId), u64>,
    algo_by_client: BTreeMap<(AccountId, ClientOrderId), u64>,
    pub last_order_id: u64,
    pub last_algo_id: u64,
    pub last_trade_id: u64,
    /// Events not handed out yet.
    pub events: Vec<UserEvent>,
    pub truth: TruthLog,
    /// What each counterparty has received.
    pub received: [Money; 4],
    /// Time of the event in hand.
    pub now_ns: i64,
    /// A holding has changed since this was last cleared.
    pub traded: bool,
}

impl Records {
    pub fn new(settings: VenueSettings, symbols: Vec<Symbol>) -> Records {
        Records {
            settings,
            symbols,
            accounts: Vec::new(),
            orders: BTreeMap::new(),
            algos: BTreeMap::new(),
            by_client: BTreeMap::new(),
            algo_by_client: BTreeMap::new(),
            last_order_id: 0,
            last_algo_id: 0,
            last_trade_id: 0,
            events: Vec::new(),
            truth: TruthLog::default(),
            received: [Money::ZERO; 4],
            now_ns: i64::MIN,
            traded: false,
        }
    }

    pub fn instrument(&self, symbol: usize) -> &Instrument {
        &self.symbols[symbol].instrument
    }

    pub fn notional(&self, symbol: usize, price: i64, size: i64) -> Money {
        self.symbols[symbol].instrument.notional(price, size)
    }

    pub fn order_of_client(&self, account: AccountId, client_id: ClientOrderId) -> Option<u64> {
        self.by_client.get(&(account, client_id)).copied()
    }

    pub fn algo_of_client(&self, account: AccountId, client_id: ClientOrderId) -> Option<u64> {
        self.algo_by_client.get(&(account, client_id)).copied()
    }

    pub fn emit(&mut self, account: AccountId, kind: UserEventKind) {
        let number = &mut self.accounts[account as usize].events;
        *number += 1;
        self.events.push(UserEvent {
            account,
            number: *number,
            exchange_ns: self.now_ns,
            kind,
        });
    }

    /// Size that an order may take off its account's position.
    pub fn reducible(
        &self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
        side: Side,
    ) -> i64 {
        self.accounts[account as usize]
            .holding(symbol, position_side)
            .reducible(side)
    }

    /// Moves cash to an account and writes both ends.
    pub fn cash(
        &mut self,
        account: AccountId,
        kind: CashKind,
        amount: Money,
        symbol: Option<usize>,
        trade_id: Option<u64>,
    ) {
        if amount == Money::ZERO {
            return;
        }
        self.accounts[account as usize].wallet += amount;
        self.received[kind.counterparty() as usize] -= amount;
        if self.settings.keep_history {
            self.truth.cash.push(CashRow {
                account,
                kind,
                amount,
                symbol,
                trade_id,
                exchange_ns: self.now_ns,
            });
        }
    }

    pub fn received(&self, counterparty: Counterparty) -> Money {
        self.received[counterparty as usize]
    }

    /// Tells the account of its wallet and, if named, of one position.
    pub fn tell_account(
        &mut self,
        account: AccountId,
        reason: AccountReason,
        position: Option<(usize, PositionSide)>,
    ) {
        let state = &self.accounts[account as usize];
        let kind = UserEventKind::Account {
            reason,
            wallet: state.wallet,
            position: position.map(|(symbol, side)| (symbol, side, *state.holding(symbol, side))),
        };
        self.emit(account, kind);
    }

    fn step(&mut self, order: &OrderRow, execution: ExecutionType) {
        if self.settings.keep_history {
            self.truth.steps.push(OrderStep {
                order_id: order.order_id,
                execution,
                status: order.status,
                size: order.size,
                executed: order.executed,
                expiry: order.expiry,
                exchange_ns: self.now_ns,
            });
        }
    }

    /// Writes down a new order and tells its account; the row's id is set here.
    pub fn open(&mut self, mut order: OrderRow) -> u64 {
        self.last_order_id += 1;
        order.order_id = self.last_order_id;
        let key = (order.account, order.client_id);
        self.by_client.insert(key, order.order_id);
        self.orders.insert(order.order_id, order);
        if self.settings.keep_history {
            self.truth.opened.push(order);
        }
        self.update(order.order_id, ExecutionType::New, None);
        order.order_id
    }

    /// Tells an order's account what it is now.
    pub fn update(&mut self, order_id: u64, execution: ExecutionType, trade: Option<TradeRow>) {
        let now_ns = self.now_ns;
        let Some(order) = self.orders.get_mut(&order_id) else {
            return;
        };
        order.updated_ns = now_ns;
        let order = *order;
        self.step(&order, execution);
        let kind = UserEventKind::Order {
            order,
            execution,
            trade,
        };
        self.emit(order.account, kind);
    }

    /// Cuts an open order to `left`, or grows it, and perhaps moves its price.
    pub fn amend(&mut self, order_id: u64, left: i64, price: Option<i64>) {
        if let Some(order) = self.orders.get_mut(&order_id) {
            order.size = order.executed + left;
            order.price = price.or(order.price);
            self.update(order_id, ExecutionType::Amendment, None);
        }
    }

    /// Books one match of an order; returns whether the order is still open.
    pub fn fill(&mut self, order_id: u64, met: Match) -> bool {
        let Some(order) = self.orders.get_mut(&order_id) else {
            return false;
        };
        let instrument = &self.symbols[order.symbol].instrument;
        let notional = instrument.notional(met.price, met.size);
        order.executed += met.size;
        order.quote += notional;
        order.status = if order.executed >= order.size {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        let order = *order;
        let rate = match met.liquidity {
            Liquidity::Maker => self.settings.fees.maker_e8,
            Liquidity::Taker => self.settings.fees.taker_e8,
        };
        let fee = notional.times_rate(rate);
        let trade_id = met.counter.map_or_else(
            || {
                self.last_trade_id += 1;
                self.last_trade_id
            },
            |(trade_id, _)| trade_id,
        );
        let realised = self
            .holding_mut(&order)
            .trade(order.side, met.size, notional);
        self.traded = true;
        let symbol = Some(order.symbol);
        let (account, id) = (order.account, Some(trade_id));
        self.cash(account, CashKind::RealisedProfit, realised, symbol, id);
        self.cash(account, CashKind::Fee, -fee, symbol, id);
        let trade = TradeRow {
            trade_id,
            order_id,
            account,
            symbol: order.symbol,
            client_id: order.client_id,
            side: order.side,
            position_side: order.position_side,
            price: met.price,
            size: met.size,
            fee,
            realised,
            liquidity: met.liquidity,
            touch: met.touch,
            counter_order: met.counter.map(|(_, order)| order),
            exchange_ns: self.now_ns,
        };
        if self.settings.keep_history {
            self.truth.trades.push(trade);
        }
        // The order in which the exchange was seen to send them, with equal times.
        self.emit(account, UserEventKind::TradeLite(trade));
        let position = Some((order.symbol, order.position_side));
        self.tell_account(account, AccountReason::Order, position);
        let execution = if met.liquidation {
            ExecutionType::Calculated
        } else {
            ExecutionType::Trade
        };
        self.update(order_id, execution, Some(trade));
        if !order.status.is_open() {
            self.closed(&order);
        }
        order.status.is_open()
    }

    fn holding_mut(&mut self, order: &OrderRow) -> &mut Holding {
        let account = &mut self.accounts[order.account as usize];
        &mut account.holdings[order.symbol][order.position_side as usize]
    }

    /// Ends an open order otherwise than by fills.
    pub fn end(&mut self, order_id: u64, status: OrderStatus, expiry: ExpiryReason) {
        let Some(order) = self.orders.get_mut(&order_id) else {
            return;
        };
        if !order.status.is_open() {
            return;
        }
        order.status = status;
        order.expiry = expiry;
        let order = *order;
        let execution = match status {
            OrderStatus::Canceled => ExecutionType::Canceled,
            _ => ExecutionType::Expired,
        };
        self.update(order_id, execution, None);
        self.closed(&order);
    }

    fn closed(&mut self, order: &OrderRow) {
        if let Some(algo_id) = order.algo_id {
            self.set_algo(algo_id, AlgoStatus::Finished, None);
        }
        if !self.settings.keep_history {
            self.orders.remove(&order.order_id);
            let key = (order.account, order.client_id);
            if self.by_client.get(&key) == Some(&order.order_id) {
                self.by_client.remove(&key);
            }
        }
    }

    /// Writes down a new conditional order; the row's id is set here.
    pub fn open_algo(&mut self, mut algo: AlgoRow) -> u64 {
        self.last_algo_id += 1;
        algo.algo_id = self.last_algo_id;
        let key = (algo.account, algo.order.client_id);
        self.algo_by_client.insert(key, algo.algo_id);
        self.algos.insert(algo.algo_id, algo);
        if self.settings.keep_history {
            self.truth.opened_algos.push(algo);
        }
        self.set_algo(algo.algo_id, AlgoStatus::New, None);
        algo.algo_id
    }

    /// Sets a conditional order's state and tells its account.
    pub fn set_algo(&mut self, algo_id: u64, status: AlgoStatus, order_id: Option<u64>) {
        let now_ns = self.now_ns;
        let Some(algo) = self.algos.get_mut(&algo_id) else {
            return;
        };
        algo.status = status;
        algo.order_id = order_id.or(algo.order_id);
        algo.updated_ns = now_ns;
        let algo = *algo;
        if self.settings.keep_history {
            self.truth.algo_steps.push(AlgoStep {
                algo_id,
                status,
                order_id: algo.order_id,
                exchange_ns: now_ns,
            });
        }
        self.emit(algo.account, UserEventKind::Algo(algo));
        if !self.settings.keep_history && !status.is_open() && status != AlgoStatus::Triggered {
            self.algos.remove(&algo_id);
            let key = (algo.account, algo.order.client_id);
            if self.algo_by_client.get(&key) == Some(&algo_id) {
                self.algo_by_client.remove(&key);
            }
        }
    }
}
