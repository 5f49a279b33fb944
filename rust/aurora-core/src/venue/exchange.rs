//! The venue itself: time, market events and requests in; replies and user events out.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::budget::Usage;
use super::error::VenueError;
use super::market::{FundingSchedule, MarketState};
use super::order::{AccountId, AlgoStatus, ExpiryReason, OrderStatus, PositionSide, WorkingType};
use super::records::{Records, Symbol};
use super::request::{Answer, Call, Reply, Request};
use super::rules::SymbolRules;
use super::settings::{MarkSource, VenueSettings};
use super::stream::{AccountReason, CashKind, Counterparty, TruthLog, UserEvent};
use crate::book::{Applied, Book};
use crate::event::{EventBlock, Message, MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE};
use crate::instrument::{Instrument, Side};
use crate::units::Money;

/// A request may be stamped this far ahead of the venue's clock.
const TIMESTAMP_AHEAD_NS: i64 = 1_000_000_000;
/// Leverage of a new account, as the exchange sets it.
const DEFAULT_LEVERAGE: u32 = 20;

/// A simulated exchange for linear futures: several symbols, several accounts, one clock that the caller moves.
///
/// Everything is a pure function of what it was told and when. State survives serialisation exactly.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Venue {
    pub(super) records: Records,
    pub(super) markets: Vec<MarketState>,
    /// When something is due by itself: funding, good-till dates, countdowns.
    pub(super) timer_ns: i64,
}

impl Venue {
    /// A venue without accounts.
    pub fn new(settings: VenueSettings, symbols: Vec<(Instrument, SymbolRules)>) -> Venue {
        let markets = symbols
            .iter()
            .enumerate()
            .map(|(symbol, (instrument, _))| MarketState::new(symbol, instrument, settings.queue))
            .collect();
        let symbols = symbols
            .into_iter()
            .map(|(instrument, rules)| Symbol { instrument, rules })
            .collect();
        Venue {
            records: Records::new(settings, symbols),
            markets,
            timer_ns: i64::MAX,
        }
    }

    /// Opens an account in one-way mode with a deposit.
    pub fn add_account(&mut self, deposit: Money, now_ns: i64) -> AccountId {
        self.records.now_ns = now_ns;
        let id = self.records.accounts.len() as AccountId;
        let largest = self.records.symbols.iter();
        let leverage = largest
            .map(|symbol| symbol.rules.largest_leverage().min(DEFAULT_LEVERAGE))
            .collect();
        let mut account = Account::new(self.markets.len(), DEFAULT_LEVERAGE);
        account.leverage = leverage;
        self.records.accounts.push(account);
        self.records
            .cash(id, CashKind::Deposit, deposit, None, None);
        id
    }

    pub fn settings(&self) -> &VenueSettings {
        &self.records.settings
    }

    pub fn instrument(&self, symbol: usize) -> &Instrument {
        self.records.instrument(symbol)
    }

    pub fn rules(&self, symbol: usize) -> &SymbolRules {
        &self.records.symbols[symbol].rules
    }

    /// Other rules from now on; open orders stay as they are.
    pub fn set_rules(&mut self, symbol: usize, rules: SymbolRules) {
        self.records.symbols[symbol].rules = rules;
    }

    pub fn book(&self, symbol: usize) -> &Book {
        &self.markets[symbol].book
    }

    /// The mark price, where there is one.
    pub fn mark(&self, symbol: usize) -> Option<i64> {
        let market = &self.markets[symbol];
        market.mark.or(market.last_trade)
    }

    /// Signed size of a position.
    pub fn position(&self, account: AccountId, symbol: usize, side: PositionSide) -> i64 {
        self.records.accounts[account as usize]
            .holding(symbol, side)
            .size
    }

    pub fn wallet(&self, account: AccountId) -> Money {
        self.records.accounts[account as usize].wallet
    }

    /// What a counterparty has received; together with all wallets it is nothing.
    pub fn received(&self, counterparty: Counterparty) -> Money {
        self.records.received(counterparty)
    }

    /// User events since they were last taken, oldest first.
    pub fn take_events(&mut self) -> Vec<UserEvent> {
        std::mem::take(&mut self.records.events)
    }

    /// The same without giving up the buffer.
    pub fn drain_events(&mut self) -> impl Iterator<Item = UserEvent> + '_ {
        self.records.events.drain(..)
    }

    pub fn has_events(&self) -> bool {
        !self.records.events.is_empty()
    }

    /// Everything that has happened, for an independent checker.
    pub fn truth(&self) -> &TruthLog {
        &self.records.truth
    }

    /// Takes one message of the recorded market, at its time.
    pub fn on_market(&mut self, symbol: usize, block: &EventBlock, message: &Message, now_ns: i64) {
        self.at(now_ns);
        let records = &mut self.records;
        let market = &mut self.markets[symbol];
        if message.kind == MessageKind::Trade {
            if message.has(FLAG_NO_MARKET_TRADE) {
                return;
            }
            let Some(trade) = block.bids(message).first().copied() else {
                return;
            };
            let aggressor = if message.has(FLAG_BUYER_IS_MAKER) {
                Side::Sell
            } else {
                Side::Buy
            };
            market.market_trade(records, trade, aggressor);
            let protect = records.symbols[symbol].rules.trigger_protect_e8;
            let fired = market.watch(WorkingType::ContractPrice, trade.price, now_ns, protect);
            if records.traded {
                self.after_trades(symbol, false);
            }
            if fired {
                self.run_fired(symbol);
            }
            return;
        }
        if market.book.apply(block, message) != Applied::Changed {
            return;
        }
        market.taken.refresh(&market.book);
        let marked = records.settings.mark == MarkSource::Mid && market.mark_mid();
        if !market.is_idle() {
            market.book_changed(records);
            if marked {
                self.watch_mark(symbol);
            }
            if self.records.traded {
                self.after_trades(symbol, false);
            }
            self.run_fired(symbol);
        }
        if marked {
            self.check_liquidation();
        }
    }

    /// Takes a mark price.
    pub fn on_mark(&mut self, symbol: usize, price: i64, now_ns: i64) {
        self.at(now_ns);
        if self.records.settings.mark == MarkSource::Told {
            self.markets[symbol].mark = Some(price);
            self.watch_mark(symbol);
            self.run_fired(symbol);
            self.check_liquidation();
        }
    }

    fn watch_mark(&mut self, symbol: usize) {
        let market = &mut self.markets[symbol];
        if let Some(mark) = market.mark {
            let protect = self.records.symbols[symbol].rules.trigger_protect_e8;
            market.watch(WorkingType::MarkPrice, mark, self.records.now_ns, protect);
        }
    }

    /// Sets when and at which rate the positions of a symbol pay funding from now on.
    pub fn set_funding(&mut self, symbol: usize, schedule: FundingSchedule) {
        self.markets[symbol].funding = Some(schedule).filter(|it| it.interval_ns > 0);
        self.set_timer();
    }

    /// What is due by itself up to and including `now_ns` happens, each at its own time. Every other input calls it.
    pub fn advance(&mut self, now_ns: i64) {
        while self.timer_ns <= now_ns {
            self.records.now_ns = self.timer_ns;
            let due_ns = self.timer_ns;
            for symbol in 0..self.markets.len() {
                self.pay_funding(symbol, due_ns);
                self.end_due_orders(symbol, due_ns);
            }
            self.set_timer();
        }
    }

    /// Moves the clock to an input's time, what is due before it included.
    pub(super) fn at(&mut self, now_ns: i64) {
        self.advance(now_ns);
        self.records.now_ns = now_ns;
    }

    fn set_timer(&mut self) {
        let mut next = i64::MAX;
        for market in &self.markets {
            let funding = market.funding.map(|schedule| schedule.next_ns);
            let countdowns = market.countdowns.iter().map(|(_, at_ns)| *at_ns);
            let resting = market.bids.iter().chain(&market.asks);
            let good_till = resting.filter_map(|order| {
                let row = self.records.orders.get(&order.order_id);
                row.and_then(|row| row.good_till_ns)
            });
            let earliest = funding.into_iter().chain(countdowns).chain(good_till).min();
            next = next.min(earliest.unwrap_or(i64::MAX));
        }
        self.timer_ns = next;
    }

    fn pay_funding(&mut self, symbol: usize, due_ns: i64) {
        let market = &mut self.markets[symbol];
        let Some(schedule) = market.funding.as_mut().filter(|it| it.next_ns <= due_ns) else {
            return;
        };
        schedule.next_ns = schedule.next_ns.saturating_add(schedule.interval_ns);
        let rate_e8 = schedule.rate_e8;
        let Some(mark) = market.mark.or(market.last_trade) else {
            return;
        };
        for account in 0..self.records.accounts.len() as AccountId {
            for side in PositionSide::ALL {
                let size = self.position(account, symbol, side);
                if size == 0 {
                    continue;
                }
                let payment = self
                    .records
                    .notional(symbol, mark, size)
                    .times_rate(rate_e8);
                let records = &mut self.records;
                records.cash(account, CashKind::Funding, -payment, Some(symbol), None);
                records.tell_account(account, AccountReason::FundingFee, Some((symbol, side)));
            }
        }
        self.check_liquidation();
    }

    fn end_due_orders(&mut self, symbol: usize, due_ns: i64) {
        let mut counted: Vec<AccountId> = Vec::new();
        self.markets[symbol].countdowns.retain(|(account, at_ns)| {
            if *at_ns <= due_ns {
                counted.push(*account);
            }
            *at_ns > due_ns
        });
        for account in counted {
            let canceled = (OrderStatus::Canceled, ExpiryReason::None);
            self.end_orders(account, Some(symbol), canceled, AlgoStatus::Canceled);
        }
        let records = &self.records;
        let market = &self.markets[symbol];
        let due: Vec<(Side, u64)> = [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| market.side(side).iter().map(move |order| (side, order)))
            .filter(|(_, order)| {
                let row = records.orders.get(&order.order_id);
                let until_ns = row.and_then(|row| row.good_till_ns);
                until_ns.is_some_and(|until_ns| until_ns <= due_ns)
            })
            .map(|(side, order)| (side, order.order_id))
            .collect();
        for (side, order_id) in due {
            self.markets[symbol].remove(side, order_id);
            self.records
                .end(order_id, OrderStatus::Expired, ExpiryReason::None);
        }
    }

    /// What every trade may cause: reduce-only orders shrink with their position, and margin is checked.
    pub(super) fn after_trades(&mut self, symbol: usize, sweep: bool) {
        let traded = std::mem::take(&mut self.records.traded);
        if (traded || sweep) && self.records.settings.sweep_reduce_only {
            self.markets[symbol].sweep_reduce_only(&mut self.records);
        }
        if traded {
            self.check_liquidation();
        }
    }

    /// Answers a request that reaches the venue now.
    pub fn handle(&mut self, call: &Call, now_ns: i64) -> Reply {
        self.at(now_ns);
        let mut retry_after_ns = None;
        let mut usage = Usage::default();
        let allowed = self.allowed(call, now_ns);
        if let Some(account) = self.records.accounts.get_mut(call.account as usize) {
            usage = account.budget.usage(now_ns);
        }
        let outcome = match allowed {
            Ok(()) => self.answer(call.account, &call.request),
            Err((error, wait_ns)) => {
                retry_after_ns = wait_ns;
                Err(error)
            }
        };
        Reply {
            exchange_ns: now_ns,
            usage,
            retry_after_ns,
            outcome,
        }
    }

    /// What is refused before the request is read: no such account, budgets, its timestamp.
    fn allowed(&mut self, call: &Call, now_ns: i64) -> Result<(), (VenueError, Option<i64>)> {
        let budgets = self.records.settings.budgets;
        let Some(account) = self.records.accounts.get_mut(call.account as usize) else {
            return Err((VenueError::InvalidParameter, None));
        };
        let wait = |(error, wait_ns): (VenueError, i64)| (error, Some(wait_ns));
        if let Some(limits) = &budgets {
            let weight = call.request.weight();
            let budget = &mut account.budget;
            budget.request(limits, weight, now_ns).map_err(wait)?;
        }
        if let Some(timestamp_ns) = call.timestamp_ns {
            let ahead = timestamp_ns > now_ns.saturating_add(TIMESTAMP_AHEAD_NS);
            if ahead || now_ns.saturating_sub(timestamp_ns) > call.receive_window_ns {
                return Err((VenueError::InvalidTimestamp, None));
            }
        }
        let orders = call.request.orders();
        if let Some(limits) = budgets.filter(|_| orders > 0) {
            account
                .budget
                .orders(&limits, orders, now_ns)
                .map_err(wait)?;
        }
        Ok(())
    }

    fn answer(&mut self, account: AccountId, request: &Request) -> Result<Answer, VenueError> {
        let symbols = self.markets.len();
        if request.symbol().is_some_and(|symbol| symbol >= symbols) {
            return Err(VenueError::InvalidSymbol);
        }
        match request {
            Request::NewOrder(_)
            | Request::Batch(_)
            | Request::Modify { .. }
            | Request::Cancel { .. }
            | Request::CancelAll { .. }
            | Request::Countdown { .. }
            | Request::NewAlgo(_)
            | Request::CancelAlgo { .. }
            | Request::CancelAllAlgos { .. }
            | Request::SetLeverage { .. }
            | Request::SetPositionMode { .. } => self.command(account, request),
            _ => self.query(account, request),
        }
    }
}
