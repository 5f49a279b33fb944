//! Requests that change something.

use super::checks::Context;
use super::error::VenueError;
use super::exchange::Venue;
use super::order::{
    AccountId, AlgoRow, AlgoStatus, ExpiryReason, NewOrder, OrderRow, OrderStatus, OrderType,
    TimeInForce,
};
use super::request::{Answer, OrderKey, Request};
use super::stream::{UserEvent, UserEventKind};
use crate::instrument::Side;

/// Orders in one batch.
const LARGEST_BATCH: usize = 5;
/// Amendments of one order.
const MOST_AMENDMENTS: u32 = 10_000;

impl Venue {
    pub(super) fn command(
        &mut self,
        account: AccountId,
        request: &Request,
    ) -> Result<Answer, VenueError> {
        match request {
            Request::NewOrder(order) => self.new_order(account, order).map(Answer::Order),
            Request::Batch(orders) => {
                if orders.is_empty() || orders.len() > LARGEST_BATCH {
                    return Err(VenueError::InvalidParameter);
                }
                let placed = orders.iter().map(|order| self.new_order(account, order));
                Ok(Answer::Batch(placed.collect()))
            }
            Request::Modify {
                order,
                side,
                quantity,
                price,
                ..
            } => {
                let order = self.open_order(account, request.symbol(), *order)?;
                let asked = NewOrder {
                    quantity: Some(*quantity),
                    price: Some(*price),
                    ..payload(&order, *side)
                };
                self.modify(&order, &asked).map(Answer::Order)
            }
            Request::Cancel { order, .. } => {
                let order = self.open_order(account, request.symbol(), *order)?;
                self.cancel_order(&order).map(Answer::Order)
            }
            Request::CancelAll { symbol } => {
                let canceled = (OrderStatus::Canceled, ExpiryReason::None);
                self.end_plain_orders(account, Some(*symbol), canceled);
                Ok(Answer::Done)
            }
            Request::Countdown {
                symbol,
                countdown_ns,
            } => {
                let countdowns = &mut self.markets[*symbol].countdowns;
                countdowns.retain(|(of, _)| *of != account);
                if *countdown_ns > 0 {
                    let at_ns = self.records.now_ns.saturating_add(*countdown_ns);
                    countdowns.push((account, at_ns));
                    self.timer_ns = self.timer_ns.min(at_ns);
                }
                Ok(Answer::Done)
            }
            Request::NewAlgo(order) => {
                let algo_id = self.place_conditional(account, order)?;
                self.algo(algo_id).map(Answer::Algo)
            }
            Request::CancelAlgo { order } => {
                let algo = self.find_algo(account, *order);
                let algo = algo.filter(|algo| algo.status.is_open());
                let algo = algo.ok_or(VenueError::CancelRejected)?;
                if algo.status == AlgoStatus::Triggering {
                    return Err(VenueError::AlreadyTriggering);
                }
                self.drop_conditional(&algo);
                Ok(Answer::Done)
            }
            Request::CancelAllAlgos { symbol } => {
                self.end_algos(account, Some(*symbol), AlgoStatus::Canceled);
                Ok(Answer::Done)
            }
            Request::SetLeverage { symbol, leverage } => {
                self.set_leverage(account, *symbol, *leverage)
            }
            Request::SetPositionMode { hedge_mode } => self.set_position_mode(account, *hedge_mode),
            _ => Err(VenueError::InvalidParameter),
        }
    }

    /// Cancels a conditional order that has not become an order.
    pub(super) fn drop_conditional(&mut self, algo: &AlgoRow) {
        let conditional = &mut self.markets[algo.order.symbol].conditional;
        conditional.retain(|order| order.algo_id != algo.algo_id);
        self.records
            .set_algo(algo.algo_id, AlgoStatus::Canceled, None);
    }

    fn new_order(&mut self, account: AccountId, order: &NewOrder) -> Result<OrderRow, VenueError> {
        let order_id = self.place(account, order)?;
        self.current(order_id).ok_or(VenueError::NoSuchOrder)
    }

    /// An order as it is now; one that has ended and is forgotten, as its last event tells.
    fn current(&self, order_id: u64) -> Option<OrderRow> {
        let told = |event: &UserEvent| match event.kind {
            UserEventKind::Order { order, .. } if order.order_id == order_id => Some(order),
            _ => None,
        };
        let kept = self.records.orders.get(&order_id).copied();
        kept.or_else(|| self.records.events.iter().rev().find_map(told))
    }

    pub(super) fn open_order(
        &self,
        account: AccountId,
        symbol: Option<usize>,
        key: OrderKey,
    ) -> Result<OrderRow, VenueError> {
        self.find_order(account, key)
            .filter(|order| order.status.is_open() && Some(order.symbol) == symbol)
            .ok_or(VenueError::CancelRejected)
    }

    pub(super) fn cancel_order(&mut self, order: &OrderRow) -> Result<OrderRow, VenueError> {
        self.markets[order.symbol].remove(order.side, order.order_id);
        let canceled = OrderStatus::Canceled;
        self.records
            .end(order.order_id, canceled, ExpiryReason::None);
        Ok(OrderRow {
            status: canceled,
            updated_ns: self.records.now_ns,
            ..*order
        })
    }

    /// Replaces size and price of a resting order, which goes to the end of its new queue.
    fn modify(&mut self, order: &OrderRow, asked: &NewOrder) -> Result<OrderRow, VenueError> {
        if order.kind != OrderType::Limit || asked.side != order.side {
            return Err(VenueError::InvalidParameter);
        }
        if order.amendments >= MOST_AMENDMENTS {
            return Err(VenueError::TooManyAmendments);
        }
        let symbol = &self.records.symbols[order.symbol];
        let market = &self.markets[order.symbol];
        let context = Context {
            instrument: &symbol.instrument,
            rules: &symbol.rules,
            hedge_mode: self.records.accounts[order.account as usize].hedge_mode,
            mark: market.mark.or(market.last_trade),
            now_ns: self.records.now_ns,
            filters: self.records.settings.checks.filters,
        };
        let checked = context.check(asked)?;
        let price = checked.price.ok_or(VenueError::MandatoryMissing)?;
        if (checked.size, checked.price) == (order.size, order.price) {
            return Err(VenueError::NothingToAmend);
        }
        let own_orders = self.records.settings.meet_own_orders;
        let crosses = market.crosses(order.side, price, own_orders);
        if checked.size <= order.executed || (order.time_in_force == TimeInForce::Gtx && crosses) {
            return self.cancel_order(order);
        }
        let left = checked.size - order.executed;
        if !order.reduce_only {
            // What it already reserves stands beside the new size here, which errs to the safe side.
            let more = (checked.size - order.size).max(0);
            self.check_margin(order.account, asked, more, price)?;
        }
        self.markets[order.symbol].remove(order.side, order.order_id);
        if let Some(row) = self.records.orders.get_mut(&order.order_id) {
            row.amendments += 1;
        }
        self.records.amend(order.order_id, left, Some(price));
        let row = self.records.orders.get(&order.order_id).copied();
        let row = row.ok_or(VenueError::NoSuchOrder)?;
        let market = &mut self.markets[order.symbol];
        if crosses {
            market.aggress(&mut self.records, &row, Some(price), None);
        }
        market.rest_order(&self.records, order.order_id);
        self.after_trades(order.symbol, row.reduce_only);
        self.current(order.order_id).ok_or(VenueError::NoSuchOrder)
    }

    fn end_plain_orders(
        &mut self,
        account: AccountId,
        symbol: Option<usize>,
        (status, reason): (OrderStatus, ExpiryReason),
    ) {
        for market in &mut self.markets {
            if symbol.is_some_and(|symbol| symbol != market.symbol) {
                continue;
            }
            for side in [Side::Buy, Side::Sell] {
                for order in market.side(side) {
                    if order.account == account {
                        self.records.end(order.order_id, status, reason);
                    }
                }
                let others = market.side_mut(side);
                others.retain(|order| order.account != account);
            }
        }
    }

    fn end_algos(&mut self, account: AccountId, symbol: Option<usize>, status: AlgoStatus) {
        for market in &mut self.markets {
            if symbol.is_some_and(|symbol| symbol != market.symbol) {
                continue;
            }
            for order in &market.conditional {
                if order.account == account {
                    self.records.set_algo(order.algo_id, status, None);
                }
            }
            market.conditional.retain(|order| order.account != account);
        }
    }

    /// Ends all orders of an account, conditional ones included.
    pub(super) fn end_orders(
        &mut self,
        account: AccountId,
        symbol: Option<usize>,
        end: (OrderStatus, ExpiryReason),
        algo_status: AlgoStatus,
    ) {
        self.end_plain_orders(account, symbol, end);
        self.end_algos(account, symbol, algo_status);
    }

    fn set_leverage(
        &mut self,
        account: AccountId,
        symbol: usize,
        leverage: u32,
    ) -> Result<Answer, VenueError> {
        let largest = self.records.symbols[symbol].rules.largest_leverage();
        if leverage == 0 || leverage > largest {
            return Err(VenueError::InvalidLeverage);
        }
        let state = &mut self.records.accounts[account as usize];
        let before = std::mem::replace(&mut state.leverage[symbol], leverage);
        let margin = self.margin_with(account, None);
        let state = &mut self.records.accounts[account as usize];
        if leverage < before && state.wallet + margin.unrealised < margin.initial {
            state.leverage[symbol] = before;
            return Err(VenueError::MarginNotSufficient);
        }
        let kind = UserEventKind::Leverage { symbol, leverage };
        self.records.emit(account, kind);
        Ok(Answer::Done)
    }

    fn set_position_mode(
        &mut self,
        account: AccountId,
        hedge_mode: bool,
    ) -> Result<Answer, VenueError> {
        let state = &self.records.accounts[account as usize];
        if state.hedge_mode == hedge_mode {
            return Err(VenueError::NoNeedToChangePositionMode);
        }
        let open = self.markets.iter().any(|market| {
            let resting = market.bids.iter().chain(&market.asks);
            let mut accounts = resting
                .map(|order| order.account)
                .chain(market.conditional.iter().map(|order| order.account));
            accounts.any(|of| of == account)
        });
        if open {
            return Err(VenueError::OpenOrdersInTheWay);
        }
        if state.has_position() {
            return Err(VenueError::PositionInTheWay);
        }
        self.records.accounts[account as usize].hedge_mode = hedge_mode;
        let kind = UserEventKind::PositionMode { hedge_mode };
        self.records.emit(account, kind);
        Ok(Answer::Done)
    }
}

/// What an order in the books would be as a new one.
fn payload(order: &OrderRow, side: Side) -> NewOrder {
    let zero = super::decimal::Decimal::new(0, 0);
    NewOrder {
        side,
        position_side: order.position_side,
        time_in_force: Some(order.time_in_force).filter(|it| *it != TimeInForce::Gtd),
        // Its own date was checked when it came.
        good_till_ns: None,
        reduce_only: order.reduce_only && order.position_side == super::order::PositionSide::Both,
        self_trade_prevention: order.self_trade_prevention,
        ..NewOrder::limit(order.symbol, order.client_id, side, zero, zero)
    }
}
