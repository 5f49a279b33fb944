//! Decimal numbers as tables print them, brought to the plain form that quanta are read from; all as text.

use aurora_core::units::DecimalError;

/// Larger exponents of ten belong to no price or size.
const LARGEST_EXPONENT: i32 = 40;

/// Appends `digits[.digits][e[+-]digits]` as plain decimal text with at least `least_decimals` digits behind the
/// point. Exact: digits move, none is lost.
///
/// # Errors
/// [`DecimalError::Malformed`] for anything else, a sign among it; `plain` is as before then.
pub fn append_plain_decimal(
    text: &[u8],
    least_decimals: usize,
    plain: &mut Vec<u8>,
) -> Result<(), DecimalError> {
    let mantissa_end = memchr::memchr2(b'e', b'E', text).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mantissa_end);
    let exponent = match exponent.split_first() {
        None => 0,
        Some((_, digits)) => parse_exponent(digits)?,
    };
    let whole_end = memchr::memchr(b'.', mantissa).unwrap_or(mantissa.len());
    let (whole, fraction) = match mantissa.split_at(whole_end) {
        (whole, [b'.', fraction @ ..]) if !fraction.is_empty() => (whole, fraction),
        (whole, []) => (whole, &b""[..]),
        _ => return Err(DecimalError::Malformed),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(DecimalError::Malformed);
    }
    // Digits before the point once the exponent has moved it.
    let point = whole.len() as i32 + exponent;
    let digits = || whole.iter().chain(fraction).copied();
    let count = whole.len() + fraction.len();
    let leading = usize::try_from(point).unwrap_or(0);
    if leading == 0 {
        plain.push(b'0');
    } else {
        plain.extend(digits().chain(std::iter::repeat(b'0')).take(leading));
    }
    let behind = usize::try_from(-point).unwrap_or(0);
    let decimals = behind + count.saturating_sub(leading);
    if decimals.max(least_decimals) > 0 {
        plain.push(b'.');
        plain.extend(std::iter::repeat_n(b'0', behind));
        plain.extend(digits().skip(leading));
        plain.extend(std::iter::repeat_n(
            b'0',
            least_decimals.saturating_sub(decimals),
        ));
    }
    Ok(())
}

fn parse_exponent(text: &[u8]) -> Result<i32, DecimalError> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    if digits.is_empty() {
        return Err(DecimalError::Malformed);
    }
    let mut value = 0i32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(DecimalError::Malformed);
        }
        value = value * 10 + i32::from(digit - b'0');
        if value > LARGEST_EXPONENT {
            return Err(DecimalError::Malformed);
        }
    }
    Ok(sign * value)
}

/// An unsigned number in decimal digits.
pub fn parse_unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use aurora_core::units::parse_quanta;
    use proptest::prelude::*;

    fn plain(text: &str, least: usize) -> Result<String, DecimalError> {
        let mut out = Vec::new();
        append_plain_decimal(text.as_bytes(), least, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn numbers_become_plain() {
        for (text, least, expected) in [
            ("61659.7", 0, "61659.7"),
            ("61659.7", 3, "61659.700"),
            ("61659", 2, "61659.00"),
            ("18640", 0, "18640"),
            ("1e-05", 0, "0.00001"),
            ("1.25E-7", 0, "0.000000125"),
            ("12.5e-1", 0, "1.25"),
            ("123.456e2", 0, "12345.6"),
            ("123.456e3", 0, "123456"),
            ("1.5e+10", 0, "15000000000"),
            ("0", 0, "0"),
            ("0.0", 4, "0.0000"),
            ("1e-3", 8, "0.00100000"),
            ("0e0", 0, "0"),
        ] {
            assert_eq!(plain(text, least).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "-1",
            "-0",
            "+1",
            ".5",
            "1.",
            "1.e5",
            "e5",
            "1e",
            "1e-",
            "1e5.0",
            "1,5",
            "0x10",
            "NaN",
            "inf",
            " 1",
            "1 ",
            "1e41",
            "1e99999999999",
            "1.2.3",
            "1e5e5",
        ] {
            let mut out = b"kept".to_vec();
            let answer = append_plain_decimal(text.as_bytes(), 2, &mut out);
            assert_eq!(answer, Err(DecimalError::Malformed), "{text}");
            assert_eq!(out, b"kept");
        }
    }

    #[test]
    fn unsigned_numbers() {
        assert_eq!(parse_unsigned(b"18446744073709551615"), Some(u64::MAX));
        for text in [&b""[..], b"18446744073709551616", b"-1", b"1.0"] {
            assert_eq!(parse_unsigned(text), None);
        }
    }

    proptest! {
        /// Against the reader of quanta: moving the point by the exponent is scaling by a power of ten.
        #[test]
        fn the_exponent_scales(digits in 0i64..1_000_000_000, decimals in 0u8..6, exponent in -6i32..7) {
            let text = aurora_core::units::format_quanta(digits, decimals);
            let mut out = Vec::new();
            append_plain_decimal(format!("{text}e{exponent}").as_bytes(), 0, &mut out).unwrap();
            let expected = i128::from(digits) * 10i128.pow((12 - i32::from(decimals) + exponent) as u32);
            let read = aurora_core::units::format_decimal(expected, 12);
            let left = parse_quanta(&out, 2 + decimals + 4);
            let right = parse_quanta(read.as_bytes(), 2 + decimals + 4);
            prop_assert_eq!(left, right);
        }
    }
}
