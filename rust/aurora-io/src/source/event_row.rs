//! One row of hftbacktest's event arrays (`hftbacktest/src/types.rs`, <https://github.com/nkaz001/hftbacktest>).

use std::io::Write;

use aurora_core::instrument::Side;
use aurora_core::units::DecimalError;

pub const DEPTH_EVENT: u64 = 1;
pub const TRADE_EVENT: u64 = 2;
pub const DEPTH_CLEAR_EVENT: u64 = 3;
pub const DEPTH_SNAPSHOT_EVENT: u64 = 4;
pub const DEPTH_BBO_EVENT: u64 = 5;
/// Orders added, cancelled, modified and filled.
pub const ORDER_EVENTS: std::ops::RangeInclusive<u64> = 10..=13;
pub const KIND_MASK: u64 = 0xff;
pub const LOCAL_EVENT: u64 = 1 << 30;
pub const BUY_EVENT: u64 = 1 << 29;
pub const SELL_EVENT: u64 = 1 << 28;
/// Where price and size stand in an event.
pub const PRICE_BYTE: usize = 24;
pub const SIZE_BYTE: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub flags: u64,
    pub exchange_ns: i64,
    pub local_ns: i64,
    pub price: f64,
    pub size: f64,
}

impl Row {
    pub fn of(bytes: &[u8]) -> Row {
        let field = |at: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&bytes[at..at + 8]);
            field
        };
        Row {
            flags: u64::from_le_bytes(field(0)),
            exchange_ns: i64::from_le_bytes(field(8)),
            local_ns: i64::from_le_bytes(field(16)),
            price: f64::from_le_bytes(field(PRICE_BYTE)),
            size: f64::from_le_bytes(field(SIZE_BYTE)),
        }
    }

    pub fn kind(&self) -> u64 {
        self.flags & KIND_MASK
    }

    /// Side of a level, or of the aggressor; None where both or neither are said.
    pub fn side(&self) -> Option<Side> {
        match (self.flags & BUY_EVENT != 0, self.flags & SELL_EVENT != 0) {
            (true, false) => Some(Side::Buy),
            (false, true) => Some(Side::Sell),
            _ => None,
        }
    }
}

/// Appends the shortest decimal that gives the same float; answers where it ends.
pub fn append_shortest(value: f64, text: &mut Vec<u8>) -> Result<usize, DecimalError> {
    if !value.is_finite() || value < 0.0 {
        return Err(DecimalError::Malformed);
    }
    // abs: a negative zero is no sign of anything.
    write!(text, "{}", value.abs()).map_err(|_| DecimalError::Malformed)?;
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_that_are_no_prices() {
        let mut text = Vec::new();
        for value in [f64::NAN, f64::INFINITY, -1.0, f64::NEG_INFINITY] {
            assert_eq!(
                append_shortest(value, &mut text),
                Err(DecimalError::Malformed)
            );
        }
        assert_eq!(append_shortest(-0.0, &mut text), Ok(1));
        assert_eq!(text, b"0");
    }

    proptest! {
        /// What was printed with up to 15 digits and read as a float comes back as it was printed.
        #[test]
        fn floats_come_back_as_they_were_printed(digits in 0i64..999_999_999_999_999, decimals in 0u8..9) {
            let text = aurora_core::units::format_quanta(digits, decimals);
            let mut found = Vec::new();
            append_shortest(text.parse().unwrap(), &mut found).unwrap();
            prop_assert_eq!(String::from_utf8(found).unwrap(), text);
        }
    }
}
