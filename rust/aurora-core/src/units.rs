//! Exact numbers: decimals as integer quanta, money as 1e-8 quanta in i128.
//!
//! A price or size is an `i64` count of `10^-exponent`; the exponent belongs to the instrument.
//! Text becomes quanta and quanta become text without ever passing through a float.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Decimal digits of a [`Money`] quantum.
pub const MONEY_EXPONENT: u8 = 8;
/// Largest exponent an instrument may use; 10^18 is the largest power of ten in an `i64`.
pub const MAX_EXPONENT: u8 = 18;

/// Why a decimal text is not a quantity of quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    Malformed,
    #[error("finer than 10^-{exponent}")]
    TooFine { exponent: u8 },
    #[error("too large for 64-bit quanta of 10^-{exponent}")]
    TooLarge { exponent: u8 },
}

/// 10^n for n <= 18.
pub const fn power_of_ten(n: u8) -> i64 {
    let mut value = 1i64;
    let mut i = 0;
    while i < n && i < MAX_EXPONENT {
        value *= 10;
        i += 1;
    }
    value
}

const POWERS: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut i = 0;
    while i < 19 {
        table[i] = power_of_ten(i as u8);
        i += 1;
    }
    table
};

/// Parses plain decimal text (`-?digits[.digits]`) into quanta of `10^-exponent`, exactly.
///
/// # Errors
/// [`DecimalError`] when the text is no plain decimal, finer than the exponent (other than by zeros),
/// or does not fit an `i64`.
pub fn parse_quanta(text: &[u8], exponent: u8) -> Result<i64, DecimalError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut position = 0;
    while position < digits.len() {
        let digit = digits[position].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i64::from(digit)))
            .ok_or(DecimalError::TooLarge { exponent })?;
        position += 1;
    }
    if position == 0 {
        return Err(DecimalError::Malformed);
    }
    let mut decimals: u8 = 0;
    if position < digits.len() {
        if digits[position] != b'.' {
            return Err(DecimalError::Malformed);
        }
        position += 1;
        let fraction_start = position;
        while position < digits.len() {
            let digit = digits[position].wrapping_sub(b'0');
            if digit > 9 {
                return Err(DecimalError::Malformed);
            }
            if decimals < exponent {
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(i64::from(digit)))
                    .ok_or(DecimalError::TooLarge { exponent })?;
                decimals += 1;
            } else if digit != 0 {
                return Err(DecimalError::TooFine { exponent });
            }
            position += 1;
        }
        if position == fraction_start {
            return Err(DecimalError::Malformed);
        }
    }
    if decimals < exponent {
        let scale = POWERS
            .get(usize::from(exponent - decimals))
            .ok_or(DecimalError::TooLarge { exponent })?;
        value = value
            .checked_mul(*scale)
            .ok_or(DecimalError::TooLarge { exponent })?;
    }
    Ok(if negative { -value } else { value })
}

/// Digits after the point of plain decimal text: (printed, without trailing zeros).
pub fn printed_decimals(text: &[u8]) -> (u8, u8) {
    let Some(point) = text.iter().position(|b| *b == b'.') else {
        return (0, 0);
    };
    let fraction = &text[point + 1..];
    let significant = fraction
        .iter()
        .rposition(|b| *b != b'0')
        .map_or(0, |last| last + 1);
    let clip = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    (clip(fraction.len()), clip(significant))
}

/// Plain decimal text of quanta, without trailing zeros.
pub fn format_quanta(value: i64, exponent: u8) -> String {
    format_decimal(i128::from(value), exponent)
}

/// The same for sums beyond 64 bits.
pub fn format_decimal(value: i128, exponent: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    let scale = 10u128.pow(u32::from(exponent));
    let (whole, fraction) = (magnitude / scale, magnitude % scale);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:0width$}", width = usize::from(exponent));
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// An amount of the settlement currency in quanta of 1e-8.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Money(pub i128);

impl Money {
    pub const ZERO: Money = Money(0);

    /// Price quanta × size quanta as money; half-even where the product is finer than 1e-8.
    pub fn notional(price: i64, size: i64, price_exponent: u8, size_exponent: u8) -> Money {
        let product = i128::from(price) * i128::from(size);
        let decimals = price_exponent + size_exponent;
        if decimals <= MONEY_EXPONENT {
            Money(product * 10i128.pow(u32::from(MONEY_EXPONENT - decimals)))
        } else {
            Money(divide_half_even(
                product,
                10i128.pow(u32::from(decimals - MONEY_EXPONENT)),
            ))
        }
    }

    /// This amount × `rate`, the rate in 1e-8 (5 bps = 50 000), rounded once, half-even.
    pub fn times_rate(self, rate_e8: i64) -> Money {
        Money(divide_half_even(self.0 * i128::from(rate_e8), 100_000_000))
    }

    /// Absolute amount.
    pub fn abs(self) -> Money {
        Money(self.0.abs())
    }

    /// As a float, for statistics only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e8
    }
}

impl std::ops::Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl std::ops::Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl std::ops::Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(-self.0)
    }
}

impl std::ops::AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.0 += other.0;
    }
}

impl std::ops::SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        self.0 -= other.0;
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_decimal(self.0, MONEY_EXPONENT))
    }
}

/// Integer division rounded to nearest, ties to even. `divisor` must be positive.
pub fn divide_half_even(value: i128, divisor: i128) -> i128 {
    let quotient = value.div_euclid(divisor);
    let twice = value.rem_euclid(divisor) * 2;
    match twice.cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_becomes_exact_quanta() {
        assert_eq!(parse_quanta(b"61800.20", 1), Ok(618_002));
        assert_eq!(parse_quanta(b"0.00000637", 8), Ok(637));
        assert_eq!(parse_quanta(b"-1.5", 3), Ok(-1500));
        assert_eq!(parse_quanta(b"7", 2), Ok(700));
    }

    #[test]
    fn bad_decimals_are_refused_with_the_cause() {
        for bad in [
            &b""[..],
            b".5",
            b"1.",
            b"1e5",
            b"1,0",
            b"--1",
            b"+1",
            b" 1",
            b"1.2.3",
        ] {
            assert_eq!(
                parse_quanta(bad, 4),
                Err(DecimalError::Malformed),
                "{bad:?}"
            );
        }
        assert_eq!(
            parse_quanta(b"0.001", 2),
            Err(DecimalError::TooFine { exponent: 2 })
        );
        assert_eq!(
            parse_quanta(b"99999999999999", 8),
            Err(DecimalError::TooLarge { exponent: 8 })
        );
    }

    #[test]
    fn ties_round_to_even() {
        assert_eq!(divide_half_even(5, 10), 0);
        assert_eq!(divide_half_even(15, 10), 2);
        assert_eq!(divide_half_even(-5, 10), 0);
        assert_eq!(divide_half_even(-15, 10), -2);
        assert_eq!(divide_half_even(-16, 10), -2);
        assert_eq!(divide_half_even(26, 10), 3);
    }

    #[test]
    fn decimals_are_counted() {
        assert_eq!(printed_decimals(b"437.91552000"), (8, 5));
        assert_eq!(printed_decimals(b"12"), (0, 0));
        assert_eq!(printed_decimals(b"1.000"), (3, 0));
    }

    #[test]
    fn money_is_exact() {
        // 61800.2 × 0.006 = 370.8012
        assert_eq!(Money::notional(618_002, 6, 1, 3), Money(37_080_120_000));
        assert_eq!(Money(37_080_120_000).times_rate(50_000), Money(18_540_060));
        assert_eq!(Money(-150_000_000).to_string(), "-1.5");
    }

    proptest! {
        #[test]
        fn text_and_quanta_are_inverse(value in any::<i64>(), exponent in 0u8..=8) {
            prop_assume!(value != i64::MIN);
            let text = format_quanta(value, exponent);
            prop_assert_eq!(parse_quanta(text.as_bytes(), exponent), Ok(value));
        }
    }
}
