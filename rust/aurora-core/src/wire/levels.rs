//! JSON arrays of price levels: the hot path of every dialect that writes `["price","size",...]`.

use memchr::memchr;

use super::number::{has_exponent, PlainDecimal};
use super::{WireError, WireFault};
use crate::event::Level;
use crate::units::{parse_quanta, power_of_ten, DecimalError};

/// Most quanta that a number may be: the eighteen digits that are read without checks. Beyond, sums and differences
/// of prices leave 64 bits.
const MOST_QUANTA: i64 = power_of_ten(18) - 1;

/// `value` where a price or size may be that.
pub(super) fn bounded(value: Result<i64, DecimalError>, exponent: u8) -> Result<i64, DecimalError> {
    match value {
        Ok(0..=MOST_QUANTA) => value,
        Ok(..=-1) => Err(DecimalError::Malformed),
        Ok(_) => Err(DecimalError::TooLarge { exponent }),
        Err(_) => value,
    }
}

/// Appends the levels of a JSON array of `["price","size",...]`; `at` is where it stands in its line. Numbers may be
/// bare, and numbers or strings behind the size are passed over. Returns how many levels were appended.
///
/// # Errors
/// [`WireError`] where a pair is malformed or does not fit the quanta.
pub fn decode_levels(
    array: &[u8],
    at: usize,
    price_exponent: u8,
    size_exponent: u8,
    levels: &mut Vec<Level>,
) -> Result<u32, WireError> {
    let before = levels.len();
    let fail = |position: usize, expected| WireError {
        byte: at + position,
        fault: WireFault::Expected { expected },
    };
    let skip = |mut position: usize| {
        while let Some(b' ' | b'\t') = array.get(position) {
            position += 1;
        }
        position
    };
    let mut position = skip(1);
    if array.get(position) == Some(&b']') {
        return Ok(0);
    }
    loop {
        position = skip(position);
        if array.get(position) != Some(&b'[') {
            return Err(fail(position, "a price level"));
        }
        position = skip(position + 1);
        let (price, next) = decimal(array, position, price_exponent)
            .map_err(|cause| cause.into_error("price", at))?;
        position = skip(next);
        if array.get(position) != Some(&b',') {
            return Err(fail(position, "a comma between price and size"));
        }
        position = skip(position + 1);
        let (size, next) = decimal(array, position, size_exponent)
            .map_err(|cause| cause.into_error("size", at))?;
        position = skip(next);
        if array.get(position) == Some(&b',') {
            position =
                behind_size(array, position).map_err(|at| fail(at, "a price level's end"))?;
        }
        if array.get(position) != Some(&b']') {
            return Err(fail(position, "the end of a price level"));
        }
        levels.push(Level { price, size });
        position = skip(position + 1);
        match array.get(position) {
            Some(b',') => position += 1,
            Some(b']') => return Ok((levels.len() - before) as u32),
            _ => return Err(fail(position, "a comma or the end of the levels")),
        }
    }
}

/// Where the elements behind a level's price and size end: OKX counts orders there, and older Binance spot frames
/// put an empty array. The error is where something else stands.
#[cold]
fn behind_size(array: &[u8], mut position: usize) -> Result<usize, usize> {
    let skip = |mut position: usize| {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = array.get(position) {
            position += 1;
        }
        position
    };
    while array.get(position) == Some(&b',') {
        position = skip(position + 1);
        position = match array.get(position) {
            Some(b'"') => {
                // Such strings are numbers; one with an escape is no such string.
                let end = array
                    .get(position + 1..)
                    .and_then(|rest| memchr(b'"', rest));
                match end {
                    Some(end)
                        if memchr(b'\\', &array[position + 1..position + 1 + end]).is_none() =>
                    {
                        position + end + 2
                    }
                    _ => return Err(position),
                }
            }
            Some(b'[') if array.get(position + 1) == Some(&b']') => position + 2,
            Some(b'-' | b'0'..=b'9') => {
                let digits =
                    |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let rest = &array[position..];
                position
                    + rest
                        .iter()
                        .position(|byte| !digits(byte))
                        .unwrap_or(rest.len())
            }
            _ => return Err(position),
        };
        position = skip(position);
    }
    Ok(position)
}

/// Price and size texts of a JSON array of levels, as far as it is well formed; whatever else a level holds is
/// passed over.
pub fn level_texts(array: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    array.split(|byte| *byte == b'[').filter_map(|level| {
        let mut texts = level
            .split(|byte| matches!(byte, b',' | b']'))
            .map(unquoted);
        let price = texts.next().filter(|text| !text.is_empty())?;
        Some((price, texts.next()?))
    })
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

struct DecimalFault {
    position: usize,
    cause: DecimalError,
}

impl DecimalFault {
    fn into_error(self, field: &'static str, at: usize) -> WireError {
        WireError {
            byte: at + self.position,
            fault: WireFault::Decimal {
                field,
                cause: self.cause,
            },
        }
    }
}

/// Reads `"digits[.digits]"` or a bare JSON number at `position`; the usual case, quotes, printed decimals equal to
/// the exponent and no more than 18 digits, takes one pass without checked arithmetic.
#[inline]
fn decimal(array: &[u8], position: usize, exponent: u8) -> Result<(i64, usize), DecimalFault> {
    let malformed = DecimalFault {
        position,
        cause: DecimalError::Malformed,
    };
    if array.get(position) != Some(&b'"') {
        return bare_decimal(array, position, exponent);
    }
    let start = position + 1;
    let mut at = start;
    let mut value: i64 = 0;
    let mut point = usize::MAX;
    loop {
        let Some(byte) = array.get(at) else {
            return Err(malformed);
        };
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        } else if *byte == b'.' && point == usize::MAX && at > start {
            point = at;
        } else if *byte == b'"' {
            break;
        } else {
            return Err(malformed);
        }
        at += 1;
    }
    let length = at - start;
    let decimals = if point == usize::MAX {
        0
    } else {
        at - point - 1
    };
    if length <= 18 && length > 0 && (point == usize::MAX || decimals > 0) {
        if decimals == usize::from(exponent) {
            return Ok((value, at + 1));
        }
        let absent = usize::from(exponent).saturating_sub(decimals);
        if decimals < usize::from(exponent) && length + absent <= 18 {
            // No more than eighteen digits in all: the product fits.
            let scale = power_of_ten(absent as u8);
            return Ok((value.wrapping_mul(scale), at + 1));
        }
    }
    match checked_decimal(&array[start..at], exponent) {
        Ok(value) => Ok((value, at + 1)),
        Err(cause) => Err(DecimalFault { position, cause }),
    }
}

#[inline]
fn checked_decimal(text: &[u8], exponent: u8) -> Result<i64, DecimalError> {
    bounded(parse_quanta(text, exponent), exponent)
}

/// Reads a JSON number without quotes, exponent form included.
#[cold]
fn bare_decimal(array: &[u8], position: usize, exponent: u8) -> Result<(i64, usize), DecimalFault> {
    let rest = array.get(position..).unwrap_or_default();
    let digit = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    let length = rest
        .iter()
        .position(|byte| !digit(byte))
        .unwrap_or(rest.len());
    let text = &rest[..length];
    let value = if has_exponent(text) {
        match PlainDecimal::of(text) {
            Some(plain) => checked_decimal(plain.text(), exponent),
            None => Err(DecimalError::Malformed),
        }
    } else {
        checked_decimal(text, exponent)
    };
    match value {
        Ok(value) => Ok((value, position + length)),
        Err(cause) => Err(DecimalFault { position, cause }),
    }
}

#[cfg(test)]
#[path = "levels_tests.rs"]
mod tests;
