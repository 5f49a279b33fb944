//! Position and cash from unique fills, exact to the last 1e-8.
//!
//! Cash follows the perpetual convention of this project: a fill moves cash by −signed notional − fee, so equity
//! is cash plus position × mark. Realised P&L is by average cost; what a partial close rounds stays in the cost
//! of what is left, so realised + open cost always adds up to the cash that moved.

use serde::{Deserialize, Serialize};

use super::gate::Touch;
use crate::instrument::{Instrument, Side};
use crate::units::{divide_half_even, Money, MONEY_EXPONENT};

/// Position of one instrument.
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
    /// Takes a fill; `notional` is its unsigned notional.
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
        let scale = 10i128.pow(u32::from(instrument.size_exponent));
        let size = i128::from(self.size.abs());
        Some(Money(divide_half_even(
            self.open_cost.0.abs() * scale,
            size,
        )))
    }
}

fn signed_money(amount: Money, side: Side) -> Money {
    match side {
        Side::Buy => amount,
        Side::Sell => -amount,
    }
}

/// `amount` × part / whole, half-even; all of it when part equals whole.
fn share(amount: Money, part: i64, whole: i64) -> Money {
    if part == whole {
        return amount;
    }
    Money(divide_half_even(
        amount.0 * i128::from(part),
        i128::from(whole),
    ))
}

/// Value of a signed position at the mid of a touch: one rounding, half-even.
pub fn value_at_mid(instrument: &Instrument, touch: Touch, size: i64) -> Money {
    let twice = (i128::from(touch.bid) + i128::from(touch.ask)) * i128::from(size);
    let decimals = instrument.price_exponent + instrument.size_exponent;
    if decimals <= MONEY_EXPONENT {
        let scale = 10i128.pow(u32::from(MONEY_EXPONENT - decimals));
        Money(divide_half_even(twice * scale, 2))
    } else {
        let scale = 10i128.pow(u32::from(decimals - MONEY_EXPONENT));
        Money(divide_half_even(twice, 2 * scale))
    }
}

/// Cash, fees and positions of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub start_cash: Money,
    pub cash: Money,
    pub fees: Money,
    pub funding: Money,
    pub positions: Vec<Position>,
    /// Current local touch of each instrument; none while its book is not valid.
    pub touches: Vec<Option<Touch>>,
    /// Last valid touch: what positions are marked at.
    pub marks: Vec<Option<Touch>>,
}

impl Account {
    pub fn new(start_cash: Money, instruments: usize) -> Account {
        Account {
            start_cash,
            cash: start_cash,
            fees: Money::ZERO,
            funding: Money::ZERO,
            positions: vec![Position::default(); instruments],
            touches: vec![None; instruments],
            marks: vec![None; instruments],
        }
    }

    pub fn quote(&mut self, instrument: usize, bid: i64, ask: i64) {
        let touch = Touch::new(bid, ask);
        self.touches[instrument] = touch;
        if touch.is_some() {
            self.marks[instrument] = touch;
        }
    }

    /// Takes a unique fill.
    pub fn fill(
        &mut self,
        index: usize,
        instrument: &Instrument,
        side: Side,
        price: i64,
        size: i64,
        fee: Money,
    ) {
        let notional = instrument.notional(price, size);
        self.cash -= signed_money(notional, side) + fee;
        self.fees += fee;
        self.positions[index].apply(side, size, notional);
    }

    /// Signed value of a position at its mark; at its cost while it has none.
    pub fn position_value(&self, index: usize, instrument: &Instrument) -> Money {
        let position = &self.positions[index];
        match self.marks[index] {
            _ if position.size == 0 => Money::ZERO,
            Some(touch) => value_at_mid(instrument, touch, position.size),
            None => position.open_cost,
        }
    }

    pub fn equity(&self, instruments: &[Instrument]) -> Money {
        let mut equity = self.cash;
        for (index, instrument) in instruments.iter().enumerate() {
            equity += self.position_value(index, instrument);
        }
        equity
    }

    /// Realised P&L before fees, over all instruments.
    pub fn realised(&self) -> Money {
        let mut sum = Money::ZERO;
        for position in &self.positions {
            sum += position.realised;
        }
        sum
    }
}
