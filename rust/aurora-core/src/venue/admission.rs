//! From a payload to an order in the books: the exchange's checks in their order, then matching.

use super::checks::{Checked, Context};
use super::conditional::{fires, Conditional, Fired, Trailing};
use super::error::VenueError;
use super::exchange::Venue;
use super::order::{
    AccountId, AlgoRow, AlgoStatus, ExpiryReason, NewOrder, OrderRow, OrderStatus, OrderType,
    TimeInForce,
};
use super::rules::{above, below, ONE_E8};
use super::settings::ImmediateRefusal;
use super::stream::UserEventKind;
use crate::instrument::Side;
use crate::units::Money;

impl Venue {
    fn check(&self, account: AccountId, order: &NewOrder) -> Result<Checked, VenueError> {
        let Some(symbol) = self.records.symbols.get(order.symbol) else {
            return Err(VenueError::InvalidSymbol);
        };
        let market = &self.markets[order.symbol];
        let context = Context {
            instrument: &symbol.instrument,
            rules: &symbol.rules,
            hedge_mode: self.records.accounts[account as usize].hedge_mode,
            mark: market.mark.or(market.last_trade),
            now_ns: self.records.now_ns,
            filters: self.records.settings.checks.filters,
        };
        context.check(order)
    }

    /// A reduce-only order needs something to reduce.
    fn check_reduces(&self, account: AccountId, order: &NewOrder) -> Result<(), VenueError> {
        let reducible =
            self.records
                .reducible(account, order.symbol, order.position_side, order.side);
        // In hedge mode the side that closes always reduces, whether it says so or not.
        if order.reduce_only && reducible == 0 {
            return Err(VenueError::ReduceOnlyRejected);
        }
        Ok(())
    }

    /// Places a limit or market order.
    ///
    /// # Errors
    /// The exchange's refusal; nothing has happened then.
    pub(super) fn place(
        &mut self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<u64, VenueError> {
        if order.kind.is_conditional() {
            return Err(VenueError::UseConditionalEndpoint);
        }
        let checked = self.check(account, order)?;
        let open = |id: u64| {
            let row = self.records.orders.get(&id);
            row.is_some_and(|row| row.status.is_open())
        };
        if self
            .records
            .order_of_client(account, order.client_id)
            .is_some_and(open)
        {
            return Err(VenueError::DuplicateClientOrderId);
        }
        self.check_order_count(account, order)?;
        self.check_reduces(account, order)?;
        let row = self.row(account, order, &checked, None);
        self.check_matching(&row)?;
        let price = row
            .price
            .or_else(|| self.markets[row.symbol].best(row.side.opposite()));
        self.check_margin(account, order, row.size, price.unwrap_or(0))?;
        Ok(self.admit(row, None))
    }

    fn check_order_count(&self, account: AccountId, order: &NewOrder) -> Result<(), VenueError> {
        if !self.records.settings.checks.filters {
            return Ok(());
        }
        let rules = &self.records.symbols[order.symbol].rules;
        let market = &self.markets[order.symbol];
        if order.kind.is_conditional() {
            let open = market
                .conditional
                .iter()
                .filter(|conditional| conditional.account == account);
            if open.count() >= rules.max_conditional_orders {
                return Err(VenueError::TooManyConditionalOrders);
            }
            return Ok(());
        }
        let resting = market.bids.iter().chain(&market.asks);
        let open = resting.filter(|resting| resting.account == account);
        if open.count() >= rules.max_orders {
            return Err(VenueError::TooManyOpenOrders);
        }
        Ok(())
    }

    /// What depends on the book: without one nothing can be matched; a post-only order must not cross, a fill-or-kill
    /// must fill, and a market order must not start outside the price band.
    fn check_matching(&self, row: &OrderRow) -> Result<(), VenueError> {
        let market = &self.markets[row.symbol];
        let opposite = market.best(row.side.opposite());
        let Some(opposite) = opposite else {
            return Err(VenueError::NoBook);
        };
        let refused = self.records.settings.immediate == ImmediateRefusal::Refused;
        let own_orders = self.records.settings.meet_own_orders;
        match (row.price, row.time_in_force) {
            (Some(price), TimeInForce::Gtx)
                if refused && market.crosses(row.side, price, own_orders) =>
            {
                return Err(VenueError::PostOnlyRejected);
            }
            (Some(_), TimeInForce::Fok)
                if refused && market.fillable(&self.records, row) < row.size =>
            {
                return Err(VenueError::FillOrKillRejected);
            }
            (None, _) if self.records.settings.checks.filters => {
                let rules = &self.records.symbols[row.symbol].rules;
                let mark = market.mark.unwrap_or(opposite);
                let outside = match row.side {
                    Side::Buy => above(opposite, mark, rules.multiplier_up_e8),
                    Side::Sell => below(opposite, mark, rules.multiplier_down_e8),
                };
                if outside {
                    return Err(VenueError::MarketPriceOutsideBand);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn row(
        &self,
        account: AccountId,
        order: &NewOrder,
        checked: &Checked,
        algo_id: Option<u64>,
    ) -> OrderRow {
        let kind = if order.kind.has_price() {
            OrderType::Limit
        } else {
            OrderType::Market
        };
        // In hedge mode an order on the closing side of its position can only reduce it.
        let closes = order.position_side != super::order::PositionSide::Both
            && (order.position_side == super::order::PositionSide::Long)
                == (order.side == Side::Sell);
        OrderRow {
            order_id: 0,
            account,
            symbol: order.symbol,
            client_id: order.client_id,
            side: order.side,
            position_side: order.position_side,
            kind,
            time_in_force: checked.time_in_force,
            price: checked.price,
            size: checked.size,
            executed: 0,
            quote: Money::ZERO,
            reduce_only: order.reduce_only || order.close_position || closes,
            close_position: order.close_position,
            good_till_ns: checked.good_till_ns,
            self_trade_prevention: order.self_trade_prevention,
            status: OrderStatus::New,
            expiry: ExpiryReason::None,
            algo_id,
            amendments: 0,
            created_ns: self.records.now_ns,
            updated_ns: self.records.now_ns,
        }
    }

    /// How far a market order may take.
    fn market_limit(&self, row: &OrderRow) -> Option<i64> {
        let bound_e8 = self.records.symbols[row.symbol].rules.market_take_bound_e8;
        let mark = self.markets[row.symbol].mark?;
        if !self.records.settings.checks.filters || bound_e8 == i64::MAX {
            return None;
        }
        let ratio = i128::from(ONE_E8) + i128::from(row.side.sign()) * i128::from(bound_e8);
        let scaled = i128::from(mark) * ratio;
        // Inside the bound: a buy downwards, a sell upwards.
        let one = i128::from(ONE_E8);
        let limit = match row.side {
            Side::Buy => scaled.div_euclid(one),
            Side::Sell => -(-scaled).div_euclid(one),
        };
        i64::try_from(limit).ok()
    }

    /// Opens a checked order and matches it; levels better than `bound` are gone.
    pub(super) fn admit(&mut self, row: OrderRow, bound: Option<i64>) -> u64 {
        let order_id = self.records.open(row);
        let row = OrderRow { order_id, ..row };
        let limit = row.price.or_else(|| self.market_limit(&row));
        let own_orders = self.records.settings.meet_own_orders;
        let market = &mut self.markets[row.symbol];
        let fails = match (row.time_in_force, row.price) {
            (TimeInForce::Gtx, Some(price)) => market.crosses(row.side, price, own_orders),
            (TimeInForce::Fok, _) => market.fillable(&self.records, &row) < row.size,
            _ => false,
        };
        if !fails && row.time_in_force != TimeInForce::Gtx {
            market.aggress(&mut self.records, &row, limit, bound);
        }
        let rests = row.price.is_some()
            && !fails
            && !matches!(row.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        if rests {
            market.rest_order(&self.records, order_id);
            if let Some(until_ns) = row.good_till_ns {
                self.timer_ns = self.timer_ns.min(until_ns);
            }
        } else {
            let cut = row.reduce_only
                && self
                    .records
                    .reducible(row.account, row.symbol, row.position_side, row.side)
                    == 0;
            let reason = match (cut, row.kind, row.time_in_force) {
                (_, _, TimeInForce::Gtx) => ExpiryReason::None,
                (true, _, _) => ExpiryReason::ReduceOnly,
                (_, OrderType::Market, _) => ExpiryReason::MarketUnfilled,
                _ => ExpiryReason::ImmediateOrCancel,
            };
            self.records.end(order_id, OrderStatus::Expired, reason);
        }
        self.after_trades(row.symbol, rests && row.reduce_only);
        order_id
    }

    /// Places a conditional order.
    ///
    /// # Errors
    /// The exchange's refusal; nothing has happened then.
    pub(super) fn place_conditional(
        &mut self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<u64, VenueError> {
        if !order.kind.is_conditional() {
            return Err(VenueError::InvalidOrderType);
        }
        let checked = self.check(account, order)?;
        let open = |id: u64| {
            let row = self.records.algos.get(&id);
            row.is_some_and(|row| row.status.is_open())
        };
        if self
            .records
            .algo_of_client(account, order.client_id)
            .is_some_and(open)
        {
            return Err(VenueError::DuplicateClientOrderId);
        }
        self.check_order_count(account, order)?;
        self.check_reduces(account, order)?;
        let market = &self.markets[order.symbol];
        let working = market.working_price(order.working_type);
        if let (Some(price), Some(trigger)) = (working, checked.trigger) {
            if fires(order.kind, order.side, price, trigger) {
                return Err(VenueError::WouldTrigger);
            }
        }
        if let (Some(price), Some(activation)) = (working, checked.activation) {
            let reached = match order.side {
                Side::Sell => price >= activation,
                Side::Buy => price <= activation,
            };
            if reached {
                return Err(VenueError::WouldTrigger);
            }
        }
        let now_ns = self.records.now_ns;
        let algo_id = self.records.open_algo(AlgoRow {
            algo_id: 0,
            account,
            order: *order,
            size: checked.size,
            price: checked.price,
            trigger: checked.trigger.or(checked.activation),
            status: AlgoStatus::New,
            order_id: None,
            created_ns: now_ns,
            updated_ns: now_ns,
        });
        let trailing = order.callback_bps.map(|callback_bps| Trailing {
            callback_bps,
            activation: checked.activation,
            extreme: None,
        });
        self.markets[order.symbol].conditional.push(Conditional {
            algo_id,
            account,
            side: order.side,
            kind: order.kind,
            working_type: order.working_type,
            price_protect: order.price_protect,
            trigger: checked.trigger,
            trailing,
            arrived_ns: now_ns,
            fired: None,
        });
        Ok(algo_id)
    }

    /// Places what conditional orders of a symbol that have fired become, oldest first, once there is a book.
    pub(super) fn run_fired(&mut self, symbol: usize) {
        while let Some((order, fired)) = self.markets[symbol].next_fired() {
            self.trigger(order.algo_id, fired);
        }
    }

    fn trigger(&mut self, algo_id: u64, fired: Fired) {
        let Some(algo) = self.records.algos.get(&algo_id).copied() else {
            return;
        };
        let (account, order) = (algo.account, algo.order);
        let held = self
            .records
            .reducible(account, order.symbol, order.position_side, order.side);
        if order.close_position && held == 0 {
            self.records.set_algo(algo_id, AlgoStatus::Expired, None);
            return;
        }
        let checked = Checked {
            size: if order.close_position {
                held
            } else {
                algo.size
            },
            price: algo.price,
            trigger: algo.trigger,
            activation: None,
            time_in_force: order.time_in_force.unwrap_or(TimeInForce::Gtc),
            good_till_ns: order.good_till_ns,
        };
        let row = self.row(account, &order, &checked, Some(algo_id));
        let price = row
            .price
            .or_else(|| self.markets[row.symbol].best(row.side.opposite()));
        let refused = self
            .check_reduces(account, &order)
            .and_then(|()| self.check_matching(&row))
            .and_then(|()| self.check_margin(account, &order, row.size, price.unwrap_or(0)));
        if let Err(error) = refused {
            let kind = UserEventKind::TriggerRejected {
                symbol: order.symbol,
                algo_id,
                error,
            };
            self.records.emit(account, kind);
            self.records.set_algo(algo_id, AlgoStatus::Rejected, None);
            return;
        }
        // The order's id is the next one: its owner hears of it before the order's own events.
        let order_id = self.records.last_order_id + 1;
        self.records
            .set_algo(algo_id, AlgoStatus::Triggered, Some(order_id));
        self.admit(row, fired.bound);
    }
}
