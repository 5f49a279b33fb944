//! A position from fills, by average cost, exact to the last 1e-8.
//!
//! What a partial close rounds stays in the cost of what is left, so realised + open cost always adds up to the
//! cash that moved.

use serde::{Deserialize, Serialize};

use super::exact::{multiply_divide, scale};
use super::gate::Touch;
use crate::instrument::{Instrument, Side};
use crate::units::{Money, MONEY_EXPONENT};

/// Position of one instrument, or of one side of it in hedge mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Signed size quanta.
    pub size: i64,
    /// Signed notional paid for what is open: positive for a long position.
    pub open_cost: Money,
    /// Realised P&L before fees.
    pub realised: Money,
}

impl Position {
    /// Takes a fill; `notional` is its unsigned notional. The size must have been checked to fit.
    pub fn apply(&mut self, side: Side, size: i64, notional: Money) {
        let signed = side.sign() * size;
        let opens = self.size == 0 || self.size.signum() == signed.signum();
        if opens {
            self.size += signed;
            self.open_cost += signed_money(notional, side);
            return;
        }
        let held = self.size.abs();
        let closed = size.min(held);
        // The part of the fill that closes, and the part of the cost that it releases.
        let closing = share(notional, closed, size);
        let released = share(self.open_cost, closed, held);
        // A close of a long receives `closing`; of a short it pays it, and the cost is negative.
        self.realised += -signed_money(closing, side) - released;
        self.open_cost -= released;
        self.size += side.sign() * closed;
        if size > closed {
            self.size = side.sign() * (size - closed);
            self.open_cost = signed_money(notional - closing, side);
        }
    }

    /// Average entry price as money per unit of base, rounded half-even; none when flat.
    pub fn average_entry(&self, instrument: &Instrument) -> Option<Money> {
        if self.size == 0 {
            return None;
        }
        let units = 10i128.checked_pow(u32::from(instrument.size_exponent))?;
        let size = i128::from(self.size).abs();
        multiply_divide(self.open_cost.0.abs(), units, size).map(Money)
    }
}

pub(super) fn signed_money(amount: Money, side: Side) -> Money {
    match side {
        Side::Buy => amount,
        Side::Sell => -amount,
    }
}

/// `amount` × part / whole, half-even; all of it when part equals whole. A part is never more than its whole, so
/// it always fits.
fn share(amount: Money, part: i64, whole: i64) -> Money {
    if part == whole {
        return amount;
    }
    multiply_divide(amount.0, i128::from(part), i128::from(whole)).map_or(amount, Money)
}

/// Value of a signed position at the mid of a touch: one rounding, half-even. Zero for a value beyond 128 bits,
/// which no position that was filled can have.
pub fn value_at_mid(instrument: &Instrument, touch: Touch, size: i64) -> Money {
    let twice = i128::from(touch.bid) + i128::from(touch.ask);
    let decimals = i32::from(instrument.price_exponent) + i32::from(instrument.size_exponent);
    let exponent = i32::from(MONEY_EXPONENT) - decimals;
    // Twice the mid at half the scale: ×5 and one decimal more.
    scale(twice * 5, i128::from(size), exponent - 1).unwrap_or(Money::ZERO)
}
