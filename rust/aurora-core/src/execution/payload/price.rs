//! Prices: PRICE_FILTER, PERCENT_PRICE and, for post-only orders, the own side of the touch.

use super::repair::{note, round_passive, Repair, RepairField, RepairReason};
use super::{Payload, Place};
use crate::execution::gate::Touch;
use crate::execution::reason::ReasonCode;
use crate::instrument::Side;
use crate::symbol_rules::{OrderType, SymbolRules, TimeInForce};
use crate::units::power_of_ten;

const ONE_E8: i128 = 100_000_000;

pub(super) fn check(
    payload: &mut Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<(), ReasonCode> {
    let side = payload.side;
    for (field, value) in [
        (RepairField::Trigger, &mut payload.trigger),
        (RepairField::Activation, &mut payload.activation),
    ] {
        if let Some(asked) = *value {
            let rounded = round_passive(asked, side, place.rules.min_price, place.rules.tick);
            note(repairs, field, asked, rounded, RepairReason::Tick);
            within_range(rounded, place)?;
            *value = Some(rounded);
        }
    }
    if let Some(asked) = payload.price {
        let ranged = ranged(asked, side, place.rules, repairs);
        let banded = banded(ranged, payload, place, repairs)?;
        let resting = resting(banded, payload, place, repairs)?;
        within_range(resting, place)?;
        payload.price = Some(resting);
    }
    Ok(())
}

/// On the price step, and brought inside the limit that it overshoots on its aggressive side.
fn ranged(asked: i64, side: Side, rules: &SymbolRules, repairs: &mut Vec<Repair>) -> i64 {
    let rounded = round_passive(asked, side, rules.min_price, rules.tick);
    note(
        repairs,
        RepairField::Price,
        asked,
        rounded,
        RepairReason::Tick,
    );
    let limited = match side {
        Side::Buy if rounded > rules.max_price => {
            round_passive(rules.max_price, side, rules.min_price, rules.tick)
        }
        Side::Sell => rounded.max(rules.min_price),
        Side::Buy => rounded,
    };
    let reason = RepairReason::PriceRange;
    note(repairs, RepairField::Price, rounded, limited, reason);
    limited
}

fn within_range(price: i64, place: &Place) -> Result<(), ReasonCode> {
    let rules = place.rules;
    let precise = match place
        .instrument
        .price_exponent
        .checked_sub(rules.price_precision)
    {
        Some(digits) => price % power_of_ten(digits) == 0,
        None => true,
    };
    if price <= 0 || price < rules.min_price || price > rules.max_price || !precise {
        return Err(ReasonCode::PriceRange);
    }
    Ok(())
}

/// Inside PERCENT_PRICE: measured from the trigger where the order waits for one, else from the mark price.
fn banded(
    price: i64,
    payload: &Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<i64, ReasonCode> {
    let Some(reference) = payload.trigger.or(place.reference()) else {
        return Ok(price);
    };
    let side = payload.side;
    let reference = i128::from(reference);
    let edge = match side {
        Side::Buy => (reference * i128::from(place.rules.multiplier_up_e8)).div_euclid(ONE_E8),
        Side::Sell => -(-reference * i128::from(place.rules.multiplier_down_e8)).div_euclid(ONE_E8),
    };
    let beyond = match side {
        Side::Buy => i128::from(price) > edge,
        Side::Sell => i128::from(price) < edge,
    };
    if !beyond {
        return Ok(price);
    }
    let edge = i64::try_from(edge).map_err(|_| ReasonCode::PercentPrice)?;
    let moved = round_passive(edge, side, place.rules.min_price, place.rules.tick);
    // No price that the filter allows lies inside the band.
    if moved < place.rules.min_price || moved > place.rules.max_price {
        return Err(ReasonCode::PercentPrice);
    }
    let reason = RepairReason::PercentPrice;
    note(repairs, RepairField::Price, price, moved, reason);
    Ok(moved)
}

/// A post-only price that would take, by the touch or by an order of our own, goes back to the own side of the touch.
fn resting(
    price: i64,
    payload: &Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<i64, ReasonCode> {
    // One that waits for a trigger meets the book of then.
    let post_only =
        payload.kind == OrderType::Limit && payload.time_in_force == Some(TimeInForce::Gtx);
    let touch = place.market.and_then(|market| market.touch);
    let Some(touch) = touch.filter(|_| post_only) else {
        return Ok(price);
    };
    if !crosses(price, payload.side, touch, place) {
        return Ok(price);
    }
    let own = match payload.side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    };
    let moved = round_passive(own, payload.side, place.rules.min_price, place.rules.tick);
    if crosses(moved, payload.side, touch, place) {
        return Err(ReasonCode::WouldCross);
    }
    let reason = RepairReason::WouldCross;
    note(repairs, RepairField::Price, price, moved, reason);
    Ok(moved)
}

fn crosses(price: i64, side: Side, touch: Touch, place: &Place) -> bool {
    let own = place.account.map_or(&[][..], |account| account.orders);
    let mut opposite = own.iter().filter(|order| order.side != side);
    match side {
        Side::Buy => price >= touch.ask || opposite.any(|order| price >= order.price),
        Side::Sell => price <= touch.bid || opposite.any(|order| price <= order.price),
    }
}
