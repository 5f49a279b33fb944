//! The checksum that OKX sends of its book.
//!
//! CRC32 of the best 25 levels a side as `bid:size:ask:size:...`, bids and asks by turns; where one side has fewer, the
//! other's rest follows. Prices and sizes are the texts the venue prints, which never end in zeros behind the point:
//! in the capture that the golden tests read none of 16,528 do, so quanta give the same text back. Source:
//! <https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel>, "Checksum".

use serde::{Deserialize, Serialize};

use super::Ladder;
use crate::event::Level;
use crate::instrument::Side;

/// Levels a side that the checksum covers.
const LEVELS: usize = 25;
/// Longest number: 19 digits and a point, or `0.` and 18 digits.
const LONGEST_NUMBER: usize = 20;
const LONGEST_TEXT: usize = 2 * LEVELS * 2 * (LONGEST_NUMBER + 1);

/// Decimals of an instrument's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decimals {
    pub price_exponent: u8,
    pub size_exponent: u8,
}

struct Text {
    bytes: [u8; LONGEST_TEXT],
    length: usize,
}

impl Text {
    /// Appends a byte; what does not fit is left out, and the sums then differ.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// Appends `value` quanta of `10^-exponent` without trailing zeros, and a colon.
    fn number(&mut self, value: i64, exponent: u8) {
        let mut value = value.unsigned_abs();
        let mut decimals = usize::from(exponent);
        while decimals > 0 && value.is_multiple_of(10) {
            value /= 10;
            decimals -= 1;
        }
        // Digits from the last one on; a number below one has a zero before its point.
        let mut digits = [b'0'; LONGEST_NUMBER];
        let mut count = 0;
        while value > 0 || count <= decimals {
            if let Some(digit) = digits.get_mut(count) {
                *digit = b'0' + (value % 10) as u8;
            }
            value /= 10;
            count += 1;
        }
        for index in (0..count.min(LONGEST_NUMBER)).rev() {
            self.push(digits[index]);
            if index == decimals && decimals > 0 {
                self.push(b'.');
            }
        }
        self.push(b':');
    }
}

/// The best levels of a side, and how many there are.
fn best(ladder: &impl Ladder, side: Side) -> ([Level; LEVELS], usize) {
    let mut levels = [Level { price: 0, size: 0 }; LEVELS];
    let mut count = 0;
    ladder.visit(side, &mut |level| {
        levels[count] = level;
        count += 1;
        count < LEVELS
    });
    (levels, count)
}

/// CRC32 of the best levels of `ladder` in the venue's text.
pub(super) fn checksum(ladder: &impl Ladder, decimals: Decimals) -> u32 {
    let mut text = Text {
        bytes: [0; LONGEST_TEXT],
        length: 0,
    };
    let sides = [best(ladder, Side::Buy), best(ladder, Side::Sell)];
    for nth in 0..LEVELS {
        for (levels, count) in &sides {
            if nth < *count {
                text.number(levels[nth].price, decimals.price_exponent);
                text.number(levels[nth].size, decimals.size_exponent);
            }
        }
    }
    // No colon stands behind the last number.
    crc32fast::hash(&text.bytes[..text.length.saturating_sub(1)])
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
