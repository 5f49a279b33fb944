//! Requests that only ask.

use super::error::VenueError;
use super::exchange::Venue;
use super::order::{AccountId, AlgoRow, OrderRow, PositionSide};
use super::request::{AccountSnapshot, Answer, OrderKey, PositionRow, Request};
use super::stream::TradeRow;

impl Request {
    /// The symbol a request names.
    pub fn symbol(&self) -> Option<usize> {
        match self {
            Request::NewOrder(order) | Request::NewAlgo(order) => Some(order.symbol),
            Request::Modify { symbol, .. }
            | Request::Cancel { symbol, .. }
            | Request::CancelAll { symbol }
            | Request::Countdown { symbol, .. }
            | Request::Query { symbol, .. }
            | Request::AllOrders { symbol, .. }
            | Request::Trades { symbol, .. }
            | Request::CancelAllAlgos { symbol }
            | Request::SetLeverage { symbol, .. } => Some(*symbol),
            Request::OpenOrders { symbol } | Request::OpenAlgos { symbol } => *symbol,
            Request::Batch(_)
            | Request::CancelAlgo { .. }
            | Request::QueryAlgo { .. }
            | Request::Time
            | Request::Account
            | Request::SetPositionMode { .. } => None,
        }
    }
}

impl Venue {
    /// The answer to a question that changes nothing.
    pub fn query(&self, account: AccountId, request: &Request) -> Result<Answer, VenueError> {
        match request {
            Request::Query { symbol, order } => self
                .find_order(account, *order)
                .filter(|order| order.symbol == *symbol)
                .map(Answer::Order)
                .ok_or(VenueError::NoSuchOrder),
            Request::QueryAlgo { order } => self
                .find_algo(account, *order)
                .map(Answer::Algo)
                .ok_or(VenueError::NoSuchOrder),
            Request::OpenOrders { symbol } => {
                Ok(Answer::Orders(self.open_orders(account, *symbol)))
            }
            Request::OpenAlgos { symbol } => Ok(Answer::Algos(self.open_algos(account, *symbol))),
            Request::AllOrders {
                symbol,
                from_order_id,
                limit,
            } => {
                let orders = self.records.orders.range(*from_order_id..);
                let own = orders
                    .map(|(_, order)| *order)
                    .filter(|order| order.account == account && order.symbol == *symbol);
                Ok(Answer::Orders(own.take(*limit).collect()))
            }
            Request::Trades {
                symbol,
                from_trade_id,
                limit,
            } => Ok(Answer::Trades(self.trades(
                account,
                *symbol,
                *from_trade_id,
                *limit,
            ))),
            Request::Time => Ok(Answer::Done),
            Request::Account => Ok(Answer::Account(self.account_snapshot(account))),
            _ => Err(VenueError::InvalidParameter),
        }
    }

    pub(super) fn find_order(&self, account: AccountId, key: OrderKey) -> Option<OrderRow> {
        let order_id = match key {
            OrderKey::Id(order_id) => order_id,
            OrderKey::Client(client_id) => self.records.order_of_client(account, client_id)?,
        };
        let order = self.records.orders.get(&order_id).copied();
        order.filter(|order| order.account == account)
    }

    pub(super) fn find_algo(&self, account: AccountId, key: OrderKey) -> Option<AlgoRow> {
        let algo_id = match key {
            OrderKey::Id(algo_id) => algo_id,
            OrderKey::Client(client_id) => self.records.algo_of_client(account, client_id)?,
        };
        let algo = self.algo(algo_id).ok();
        algo.filter(|algo| algo.account == account)
    }

    pub(super) fn algo(&self, algo_id: u64) -> Result<AlgoRow, VenueError> {
        let mut algo = self
            .records
            .algos
            .get(&algo_id)
            .copied()
            .ok_or(VenueError::NoSuchOrder)?;
        // The state between firing and the order is in the market, not in the books.
        let market = &self.markets[algo.order.symbol];
        let waiting = market.conditional.iter().find(|it| it.algo_id == algo_id);
        if waiting.is_some_and(|order| order.fired.is_some()) {
            algo.status = super::order::AlgoStatus::Triggering;
        }
        Ok(algo)
    }

    /// Orders of an account that are open, by id.
    pub fn open_orders(&self, account: AccountId, symbol: Option<usize>) -> Vec<OrderRow> {
        let markets = self.markets.iter();
        let mut orders: Vec<OrderRow> = markets
            .filter(|market| symbol.is_none_or(|symbol| symbol == market.symbol))
            .flat_map(|market| market.bids.iter().chain(&market.asks))
            .filter(|order| order.account == account)
            .filter_map(|order| self.records.orders.get(&order.order_id).copied())
            .collect();
        orders.sort_unstable_by_key(|order| order.order_id);
        orders
    }

    /// Conditional orders of an account that have not become orders, by id.
    pub fn open_algos(&self, account: AccountId, symbol: Option<usize>) -> Vec<AlgoRow> {
        let markets = self.markets.iter();
        let mut algos: Vec<AlgoRow> = markets
            .filter(|market| symbol.is_none_or(|symbol| symbol == market.symbol))
            .flat_map(|market| &market.conditional)
            .filter(|order| order.account == account)
            .filter_map(|order| self.algo(order.algo_id).ok())
            .collect();
        algos.sort_unstable_by_key(|algo| algo.algo_id);
        algos
    }

    fn trades(
        &self,
        account: AccountId,
        symbol: usize,
        from_trade_id: u64,
        limit: usize,
    ) -> Vec<TradeRow> {
        let trades = &self.records.truth.trades;
        let first = trades.partition_point(|trade| trade.trade_id < from_trade_id);
        trades[first..]
            .iter()
            .filter(|trade| trade.account == account && trade.symbol == symbol)
            .take(limit)
            .copied()
            .collect()
    }

    /// An account as it stands now.
    pub fn account_snapshot(&self, account: AccountId) -> AccountSnapshot {
        let state = &self.records.accounts[account as usize];
        let mut positions = Vec::new();
        for (symbol, holdings) in state.holdings.iter().enumerate() {
            for position_side in PositionSide::ALL {
                let holding = holdings[position_side as usize];
                if holding.size == 0 {
                    continue;
                }
                let mark = self.mark(symbol).unwrap_or(0);
                let notional = self.records.notional(symbol, mark, holding.size.abs());
                positions.push(PositionRow {
                    symbol,
                    position_side,
                    holding,
                    unrealised: holding.unrealised(notional),
                });
            }
        }
        AccountSnapshot {
            exchange_ns: self.records.now_ns,
            wallet: state.wallet,
            margin: self.margin_with(account, None),
            hedge_mode: state.hedge_mode,
            positions,
            last_event: state.events,
        }
    }
}
