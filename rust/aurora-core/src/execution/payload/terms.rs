//! Type, time in force, flags and position side: whether they say one thing, and one that the symbol takes.

use super::repair::{note, Repair, RepairField, RepairReason};
use super::{Payload, Place};
use crate::execution::account::PositionMode;
use crate::execution::reason::ReasonCode;
use crate::instrument::Side;
use crate::symbol_rules::{OrderType, PositionSide, TimeInForce};

const SECOND_NS: i64 = 1_000_000_000;
/// A good-till date lies more than this ahead (`spec/venue.md` §1.5).
const LEAST_GOOD_TILL_NS: i64 = 600 * SECOND_NS;
/// Callback rates of trailing stops in 1e-4: 0.1 % to 10 %.
const CALLBACKS: std::ops::RangeInclusive<i64> = 10..=1_000;

pub(super) fn check(
    payload: &mut Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<(), ReasonCode> {
    let hedge = place.mode == PositionMode::Hedge;
    if hedge == (payload.position_side == PositionSide::Both) {
        return Err(ReasonCode::PositionSide);
    }
    drop_redundant(payload, hedge, repairs)?;
    if !place.rules.is_trading && !payload.says_it_reduces() {
        return Err(ReasonCode::NotTrading);
    }
    if !place.rules.order_types.contains(&payload.kind) || !is_complete(payload) {
        return Err(ReasonCode::OrderTerms);
    }
    let time_in_force = payload.time_in_force.unwrap_or(TimeInForce::Gtc);
    if !place.rules.time_in_force.contains(&time_in_force) {
        return Err(ReasonCode::OrderTerms);
    }
    good_till(payload, time_in_force, place.now_ns, repairs)
}

/// Takes out what the venue refuses beside what already says it.
fn drop_redundant(
    payload: &mut Payload,
    hedge: bool,
    repairs: &mut Vec<Repair>,
) -> Result<(), ReasonCode> {
    let reason = RepairReason::Redundant;
    if payload.close_position {
        let market = matches!(
            payload.kind,
            OrderType::StopMarket | OrderType::TakeProfitMarket
        );
        if !market {
            return Err(ReasonCode::OrderTerms);
        }
        if let Some(before) = payload.size.take() {
            // Also a size of zero has to go, and going is a change.
            repairs.push(Repair {
                field: RepairField::Size,
                before,
                after: 0,
                reason,
            });
        }
    }
    if payload.reduce_only && (hedge || payload.close_position) {
        let closes = match payload.position_side {
            PositionSide::Both => true,
            PositionSide::Long => payload.side == Side::Sell,
            PositionSide::Short => payload.side == Side::Buy,
        };
        if !closes && !payload.close_position {
            return Err(ReasonCode::OrderTerms);
        }
        payload.reduce_only = false;
        note(repairs, RepairField::ReduceOnly, 1, 0, reason);
    }
    if !payload.kind.has_price() && payload.time_in_force.take().is_some() {
        note(repairs, RepairField::TimeInForce, 1, 0, reason);
    }
    Ok(())
}

/// Whether the payload has what its type needs, and nothing that it does not know.
fn is_complete(payload: &Payload) -> bool {
    let kind = payload.kind;
    let trails = kind == OrderType::TrailingStopMarket;
    let callback = payload.callback_bps;
    payload.price.is_some() == kind.has_price()
        && payload.time_in_force.is_some() == kind.has_price()
        && payload.trigger.is_some() == (kind.is_conditional() && !trails)
        && callback.is_some() == trails
        && callback.is_none_or(|rate| CALLBACKS.contains(&rate))
        && (payload.activation.is_none() || trails)
        && payload.size.is_some() != payload.close_position
}

fn good_till(
    payload: &mut Payload,
    time_in_force: TimeInForce,
    now_ns: i64,
    repairs: &mut Vec<Repair>,
) -> Result<(), ReasonCode> {
    match (time_in_force, payload.good_till_ns) {
        (TimeInForce::Gtd, Some(asked)) => {
            let whole = asked - asked.rem_euclid(SECOND_NS);
            if whole <= now_ns.saturating_add(LEAST_GOOD_TILL_NS) {
                return Err(ReasonCode::OrderTerms);
            }
            let reason = RepairReason::WholeSecond;
            note(repairs, RepairField::GoodTill, asked, whole, reason);
            payload.good_till_ns = Some(whole);
            Ok(())
        }
        (TimeInForce::Gtd, None) | (_, Some(_)) => Err(ReasonCode::OrderTerms),
        (_, None) => Ok(()),
    }
}
