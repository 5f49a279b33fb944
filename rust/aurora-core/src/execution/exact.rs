//! Products and quotients beyond 128 bits, rounded once, half-even: what exact money at any balance needs.

use crate::instrument::Instrument;
use crate::units::{Money, MONEY_EXPONENT};

/// Amounts that a single fill or movement may have; a hundred million of them still add up within 128 bits.
pub const LARGEST_AMOUNT: Money = Money(10i128.pow(30));

/// The 256-bit product as (high, low).
fn wide_product(a: u128, b: u128) -> (u128, u128) {
    const HALF: u128 = (1 << 64) - 1;
    let (a_high, a_low) = (a >> 64, a & HALF);
    let (b_high, b_low) = (b >> 64, b & HALF);
    let low = a_low * b_low;
    let cross = a_high * b_low + (low >> 64);
    let middle = a_low * b_high + (cross & HALF);
    let high = a_high * b_high + (cross >> 64) + (middle >> 64);
    (high, (middle << 64) | (low & HALF))
}

/// (quotient, remainder) of a 256-bit number by a divisor above its high half.
fn wide_quotient(high: u128, low: u128, divisor: u128) -> (u128, u128) {
    if high == 0 {
        return (low / divisor, low % divisor);
    }
    let (mut remainder, mut quotient) = (high, 0u128);
    for bit in (0..128).rev() {
        let carried = remainder >> 127 == 1;
        remainder = (remainder << 1) | ((low >> bit) & 1);
        if carried || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1 << bit;
        }
    }
    (quotient, remainder)
}

/// a × b / c rounded half-even; none when c is not positive or the result does not fit.
pub fn multiply_divide(a: i128, b: i128, c: i128) -> Option<i128> {
    if c <= 0 {
        return None;
    }
    let divisor = c.unsigned_abs();
    let (high, low) = wide_product(a.unsigned_abs(), b.unsigned_abs());
    if high >= divisor {
        return None;
    }
    let (quotient, remainder) = wide_quotient(high, low, divisor);
    // Half-even is the same on both sides of zero, so the sign can wait.
    let rest = divisor - remainder;
    let up = remainder > rest || (remainder == rest && quotient & 1 == 1);
    let magnitude = i128::try_from(quotient.checked_add(u128::from(up))?).ok()?;
    Some(if (a < 0) == (b < 0) {
        magnitude
    } else {
        -magnitude
    })
}

/// `amount` × `factor` × 10^`exponent`, rounded once, half-even; none when it does not fit.
pub fn scale(amount: i128, factor: i128, exponent: i32) -> Option<Money> {
    let power = 10i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        multiply_divide(amount, factor, 1)?
            .checked_mul(power)
            .map(Money)
    } else {
        multiply_divide(amount, factor, power).map(Money)
    }
}

/// Notional of `size` quanta at `price` quanta; none beyond [`LARGEST_AMOUNT`].
pub fn notional(instrument: &Instrument, price: i64, size: i64) -> Option<Money> {
    let decimals = i32::from(instrument.price_exponent) + i32::from(instrument.size_exponent);
    let exponent = i32::from(MONEY_EXPONENT) - decimals;
    scale(i128::from(price), i128::from(size), exponent)
        .filter(|amount| amount.abs() <= LARGEST_AMOUNT)
}

/// Funding that a position of signed `size` receives at `mark` for a rate in 1e-8; negative when it pays. Longs
/// pay while the rate is positive. Rounded once.
pub fn funding_payment(
    instrument: &Instrument,
    size: i64,
    mark: i64,
    rate_e8: i64,
) -> Option<Money> {
    let decimals = i32::from(instrument.price_exponent) + i32::from(instrument.size_exponent);
    let value = i128::from(size) * i128::from(mark);
    scale(
        value,
        -i128::from(rate_e8),
        i32::from(MONEY_EXPONENT) - decimals - 8,
    )
}
