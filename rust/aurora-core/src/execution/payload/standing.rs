//! What depends on the market and the account of this moment: triggers, bands of market orders, fill-or-kill, the
//! number of orders, what there is to reduce, leverage brackets and margin.

use super::place::{AccountStanding, MarketStanding};
use super::{Payload, Place};
use crate::execution::reason::ReasonCode;
use crate::instrument::Side;
use crate::symbol_rules::{TimeInForce, WorkingType};
use crate::units::Money;

const ONE_E8: i128 = 100_000_000;

pub(super) fn check_market(payload: &Payload, place: &Place) -> Result<(), ReasonCode> {
    let Some(market) = &place.market else {
        return Ok(());
    };
    if payload.kind.is_conditional() {
        return triggers(payload, market);
    }
    let touch = market.touch.ok_or(ReasonCode::StaleBook)?;
    match (payload.price, payload.time_in_force) {
        (None, _) => {
            let reference = i128::from(market.reference().unwrap_or(0));
            let (rules, one) = (place.rules, ONE_E8);
            let outside = match payload.side {
                Side::Buy => {
                    i128::from(touch.ask) * one > reference * i128::from(rules.multiplier_up_e8)
                }
                Side::Sell => {
                    i128::from(touch.bid) * one < reference * i128::from(rules.multiplier_down_e8)
                }
            };
            if outside && market.reference().is_some() {
                return Err(ReasonCode::PercentPrice);
            }
        }
        (Some(limit), Some(TimeInForce::Fok))
            if takeable(payload.side, limit, market, place) < payload.size.unwrap_or(0) =>
        {
            return Err(ReasonCode::FillOrKill);
        }
        _ => {}
    }
    Ok(())
}

/// Stops fire when the price runs against the position they close, take-profits when it runs with it; a trailing
/// stop's activation is reached the way a take-profit fires.
fn triggers(payload: &Payload, market: &MarketStanding) -> Result<(), ReasonCode> {
    let working = match payload.working_type {
        WorkingType::ContractPrice => market.last,
        WorkingType::MarkPrice => market.mark,
    };
    let Some(working) = working else {
        return Ok(());
    };
    let with_the_position = payload.kind.is_take_profit();
    let fired = |level: i64, with_the_position: bool| match (payload.side, with_the_position) {
        (Side::Sell, false) | (Side::Buy, true) => working <= level,
        (Side::Buy, false) | (Side::Sell, true) => working >= level,
    };
    let reached = payload
        .trigger
        .is_some_and(|level| fired(level, with_the_position))
        || payload.activation.is_some_and(|level| fired(level, true));
    if reached {
        return Err(ReasonCode::WouldTrigger);
    }
    Ok(())
}

/// Size that the other side shows within a limit, in whole lots a level, our own orders included.
fn takeable(side: Side, limit: i64, market: &MarketStanding, place: &Place) -> i64 {
    let within = |price: i64| match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    };
    let levels = match side {
        Side::Buy => market.asks,
        Side::Sell => market.bids,
    };
    let mut sum = 0i64;
    for level in levels.iter().take_while(|level| within(level.price)) {
        let lots = level.size - level.size.rem_euclid(place.instrument.lot.max(1));
        sum = sum.saturating_add(lots);
    }
    for order in place.account.map_or(&[][..], |account| account.orders) {
        if order.side != side && within(order.price) {
            sum = sum.saturating_add(order.left);
        }
    }
    sum
}

pub(super) fn check_account(payload: &Payload, place: &Place) -> Result<(), ReasonCode> {
    let Some(account) = &place.account else {
        return Ok(());
    };
    let full = if payload.kind.is_conditional() {
        account.conditional_orders >= place.rules.max_conditional_orders
    } else {
        account.orders.len() >= place.rules.max_orders
    };
    if full {
        return Err(ReasonCode::OrderCount);
    }
    if payload.reduce_only && account.reducible(payload.position_side, payload.side) == 0 {
        return Err(ReasonCode::NothingToReduce);
    }
    // A conditional order reserves nothing: the venue asks for margin when it fires.
    if payload.kind.is_conditional() || payload.says_it_reduces() {
        return Ok(());
    }
    margin(payload, place, account)
}

fn margin(payload: &Payload, place: &Place, account: &AccountStanding) -> Result<(), ReasonCode> {
    let touch = place.market.and_then(|market| market.touch);
    let opposite = touch.map(|touch| match payload.side {
        Side::Buy => touch.ask,
        Side::Sell => touch.bid,
    });
    let price = payload.price.or(opposite).unwrap_or(0);
    let notional = place.instrument.notional(price, payload.size.unwrap_or(0));
    let reference = place.reference();
    let before = account.exposure(place.instrument, reference, None);
    let after = account.exposure(place.instrument, reference, Some((payload, notional)));
    // What does not add to the worst case needs nothing.
    if after <= before {
        return Ok(());
    }
    let largest = place.rules.largest_notional(account.leverage);
    if largest.is_some_and(|largest| after > largest) {
        return Err(ReasonCode::LeverageBracket);
    }
    let initial = account.other_initial + account.initial_margin(after);
    if account.equity - initial < Money::ZERO {
        return Err(ReasonCode::Margin);
    }
    Ok(())
}
