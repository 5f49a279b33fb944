//! Cross margin: what an account must hold, and what happens when it does not.
//!
//! Equity is wallet plus unrealised profit at the mark price. Initial margin of a symbol is the larger exposure that
//! its position and open orders can reach on either side, over the leverage. When equity falls to the sum of
//! maintenance margins, all orders of the account expire, its positions are closed into the book, what the book does
//! not take is taken over at the mark price, a liquidation fee goes to the insurance fund as far as the wallet
//! reaches, and the fund makes good what is still missing. The exchange's reduction in steps, isolated margin and
//! auto-deleveraging are not modelled.

use super::client_order_id::ClientOrderId;
use super::error::VenueError;
use super::exchange::Venue;
use super::market::MarketState;
use super::order::{
    AccountId, AlgoStatus, ExpiryReason, NewOrder, OrderRow, OrderStatus, OrderType, PositionSide,
    SelfTradePrevention, TimeInForce,
};
use super::records::{Match, Records};
use super::stream::{AccountReason, CashKind};
use crate::execution::Liquidity;
use crate::instrument::Side;
use crate::units::{divide_half_even, Money};

/// An account's margin at the mark prices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Margin {
    pub unrealised: Money,
    /// Initial margin of positions and open orders.
    pub initial: Money,
    pub maintenance: Money,
}

/// An order that is not there yet, and what it would add.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prospect {
    pub symbol: usize,
    pub side: Side,
    pub position_side: PositionSide,
    pub notional: Money,
}

fn larger(a: Money, b: Money) -> Money {
    if a >= b {
        a
    } else {
        b
    }
}

/// Largest notional that position and orders of one account can reach in one symbol.
fn exposure(
    market: &MarketState,
    records: &Records,
    account: AccountId,
    prospect: Option<&Prospect>,
) -> Money {
    let symbol = market.symbol;
    let open = |side: Side, position_side: PositionSide| {
        let resting = market.side(side).iter().filter(|order| {
            order.account == account && order.position_side == position_side && !order.reduce_only
        });
        let mut sum = Money::ZERO;
        for order in resting {
            sum += records.notional(symbol, order.price, order.left);
        }
        let more = prospect.filter(|new| {
            (new.symbol, new.side, new.position_side) == (symbol, side, position_side)
        });
        sum + more.map_or(Money::ZERO, |new| new.notional)
    };
    let held = |position_side: PositionSide| {
        let size = records.accounts[account as usize]
            .holding(symbol, position_side)
            .size;
        let mark = market.mark.or(market.last_trade).unwrap_or(0);
        let notional = records.notional(symbol, mark, size.abs());
        Money(i128::from(size.signum()) * notional.0)
    };
    let one_way = {
        let position = held(PositionSide::Both);
        let up = (position + open(Side::Buy, PositionSide::Both)).abs();
        let down = (position - open(Side::Sell, PositionSide::Both)).abs();
        larger(up, down)
    };
    let long = held(PositionSide::Long) + open(Side::Buy, PositionSide::Long);
    let short = held(PositionSide::Short) - open(Side::Sell, PositionSide::Short);
    one_way + long + short.abs()
}

impl Venue {
    /// Margin of an account, with an order that is not there yet.
    pub(super) fn margin_with(&self, account: AccountId, prospect: Option<&Prospect>) -> Margin {
        let records = &self.records;
        let state = &records.accounts[account as usize];
        let mut margin = Margin::default();
        for market in &self.markets {
            let symbol = market.symbol;
            let exposure = exposure(market, records, account, prospect);
            let leverage = i128::from(state.leverage[symbol].max(1));
            margin.initial += Money(divide_half_even(exposure.0, leverage));
            let Some(mark) = market.mark.or(market.last_trade) else {
                continue;
            };
            for holding in &state.holdings[symbol] {
                if holding.size != 0 {
                    let notional = records.notional(symbol, mark, holding.size.abs());
                    margin.unrealised += holding.unrealised(notional);
                    margin.maintenance += records.symbols[symbol].rules.maintenance(notional);
                }
            }
        }
        margin
    }

    /// # Errors
    /// [`VenueError::ExceedsPositionLimit`] or [`VenueError::MarginNotSufficient`] for an order that the account
    /// cannot carry.
    pub(super) fn check_margin(
        &self,
        account: AccountId,
        order: &NewOrder,
        size: i64,
        price: i64,
    ) -> Result<(), VenueError> {
        if !self.records.settings.checks.margin || order.reduce_only || order.close_position {
            return Ok(());
        }
        let prospect = Prospect {
            symbol: order.symbol,
            side: order.side,
            position_side: order.position_side,
            notional: self.records.notional(order.symbol, price, size),
        };
        let state = &self.records.accounts[account as usize];
        let market = &self.markets[order.symbol];
        let before = exposure(market, &self.records, account, None);
        let after = exposure(market, &self.records, account, Some(&prospect));
        if after <= before {
            return Ok(());
        }
        let rules = &self.records.symbols[order.symbol].rules;
        let leverage = state.leverage[order.symbol];
        if rules
            .largest_notional(leverage)
            .is_some_and(|most| after > most)
        {
            return Err(VenueError::ExceedsPositionLimit);
        }
        let margin = self.margin_with(account, Some(&prospect));
        if state.wallet + margin.unrealised < margin.initial {
            return Err(VenueError::MarginNotSufficient);
        }
        Ok(())
    }

    /// Liquidates every account that has fallen to its maintenance margin.
    pub(super) fn check_liquidation(&mut self) {
        if !self.records.settings.checks.margin {
            return;
        }
        for account in 0..self.records.accounts.len() as AccountId {
            let state = &self.records.accounts[account as usize];
            if !state.has_position() {
                continue;
            }
            let wallet = state.wallet;
            let margin = self.margin_with(account, None);
            if margin.maintenance > Money::ZERO && wallet + margin.unrealised <= margin.maintenance
            {
                self.liquidate(account);
            }
        }
    }

    fn liquidate(&mut self, account: AccountId) {
        let expired = (OrderStatus::Expired, ExpiryReason::Liquidation);
        self.end_orders(account, None, expired, AlgoStatus::Expired);
        for symbol in 0..self.markets.len() {
            for position_side in PositionSide::ALL {
                self.close_for_liquidation(account, symbol, position_side);
            }
        }
        let wallet = self.records.accounts[account as usize].wallet;
        if wallet < Money::ZERO {
            let cover = CashKind::InsuranceCover;
            self.records.cash(account, cover, -wallet, None, None);
        }
        self.records
            .tell_account(account, AccountReason::InsuranceClear, None);
    }

    fn close_for_liquidation(
        &mut self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
    ) {
        let holding = *self.records.accounts[account as usize].holding(symbol, position_side);
        let Some(held) = Side::from_sign(holding.size) else {
            return;
        };
        let row = OrderRow {
            order_id: 0,
            account,
            symbol,
            client_id: ClientOrderId::made("autoclose-", self.records.last_order_id + 1),
            side: held.opposite(),
            position_side,
            kind: OrderType::Market,
            time_in_force: TimeInForce::Ioc,
            price: None,
            size: holding.size.abs(),
            executed: 0,
            quote: Money::ZERO,
            reduce_only: true,
            close_position: false,
            good_till_ns: None,
            self_trade_prevention: SelfTradePrevention::None,
            status: OrderStatus::New,
            expiry: ExpiryReason::None,
            algo_id: None,
            amendments: 0,
            created_ns: self.records.now_ns,
            updated_ns: self.records.now_ns,
        };
        let order_id = self.records.open(row);
        let row = OrderRow { order_id, ..row };
        let market = &mut self.markets[symbol];
        market.aggress(&mut self.records, &row, None, None);
        let mark = market.mark.or(market.last_trade);
        let left = self.records.orders.get(&order_id).map_or(0, OrderRow::left);
        if left > 0 {
            if let Some(price) = mark {
                let met = Match {
                    price,
                    size: left,
                    liquidity: Liquidity::Taker,
                    touch: market.book.touch(),
                    counter: None,
                    liquidation: true,
                };
                self.records.fill(order_id, met);
            }
        }
        let rate = self.records.symbols[symbol].rules.liquidation_fee_e8;
        let notional = self.records.notional(symbol, mark.unwrap_or(0), row.size);
        let wallet = self.records.accounts[account as usize].wallet;
        let fee = notional.times_rate(rate).0.min(wallet.0).max(0);
        let kind = CashKind::LiquidationFee;
        self.records
            .cash(account, kind, Money(-fee), Some(symbol), None);
    }
}
