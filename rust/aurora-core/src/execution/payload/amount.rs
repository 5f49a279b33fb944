//! Sizes: LOT_SIZE, MARKET_LOT_SIZE and MIN_NOTIONAL.

use super::repair::{note, round_passive, Repair, RepairField, RepairReason};
use super::{Payload, Place};
use crate::execution::reason::ReasonCode;
use crate::instrument::Side;
use crate::units::power_of_ten;

pub(super) fn check(
    payload: &mut Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<(), ReasonCode> {
    let Some(asked) = payload.size else {
        // The venue itself fills in what `close_position` closes.
        return Ok(());
    };
    let rules = place.rules;
    let (least, most, step) = if payload.kind.has_price() {
        (rules.min_size, rules.max_size, rules.step)
    } else {
        (
            rules.market_min_size,
            rules.market_max_size,
            rules.market_step,
        )
    };
    let field = RepairField::Size;
    let limited = asked.min(most);
    note(repairs, field, asked, limited, RepairReason::MaximumSize);
    // Steps are counted from the smallest size, and a size rounds down whatever the side.
    let size = round_passive(limited, Side::Buy, least, step);
    note(repairs, field, limited, size, RepairReason::Lot);
    if size <= 0 || size < least {
        return Err(ReasonCode::BelowMinimum);
    }
    let finer = place
        .instrument
        .size_exponent
        .checked_sub(rules.quantity_precision);
    if finer.is_some_and(|digits| size % power_of_ten(digits) != 0) {
        return Err(ReasonCode::OrderTerms);
    }
    payload.size = Some(size);
    // A market order is worth its size at the mark price, one that waits at its trigger.
    let price = payload.price.or(payload.trigger).or(place.reference());
    let small = |price: i64| place.instrument.notional(price, size) < place.rules.min_notional;
    if !payload.says_it_reduces() && price.is_some_and(small) {
        return Err(ReasonCode::BelowMinimum);
    }
    Ok(())
}
