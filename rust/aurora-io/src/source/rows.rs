//! Level rows of one message, gathered from the rows of a table, their numbers as text.

use aurora_core::instrument::Side;
use aurora_core::units::DecimalError;
use aurora_core::wire::{EventSink, TextLevel, WireError, WireEvent, WireFault, WireLevels};

use super::decimal::append_plain_decimal;
use crate::CaptureError;

/// Rows that are gathered into one message at most; what follows becomes a further diff.
pub const MOST_ROWS: usize = 1 << 18;
/// Longest text of a number; what is longer fits no 64-bit quanta, or shows a float's noise.
const LONGEST_NUMBER: usize = 128;

/// Where a number stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub byte: usize,
}

impl Place {
    pub fn error(self, path: &str, fault: WireFault) -> CaptureError {
        CaptureError::Frame {
            path: path.to_owned(),
            line: self.line,
            cause: WireError {
                byte: self.byte,
                fault,
            },
        }
    }
}

#[derive(Clone, Copy)]
struct Row {
    /// Where price and size end in the text; the price begins where the row before it ends.
    price_end: usize,
    size_end: usize,
    place: Place,
}

#[derive(Default)]
struct HalfTable {
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Kept for its allocation alone.
    levels: Vec<TextLevel<'static>>,
}

impl HalfTable {
    fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
    }

    fn push(
        &mut self,
        price: &[u8],
        size: &[u8],
        least_decimals: usize,
        place: Place,
    ) -> Result<(), WireFault> {
        let start = self.text.len();
        let mut append = |text: &[u8], field: &'static str| {
            if text.len() > LONGEST_NUMBER {
                let cause = DecimalError::Malformed;
                return Err(WireFault::Decimal { field, cause });
            }
            append_plain_decimal(text, least_decimals, &mut self.text)
                .map(|()| self.text.len())
                .map_err(|cause: DecimalError| WireFault::Decimal { field, cause })
        };
        let ends =
            append(price, "price").and_then(|price_end| Ok((price_end, append(size, "size")?)));
        match ends {
            Ok((price_end, size_end)) => {
                self.rows.push(Row {
                    price_end,
                    size_end,
                    place,
                });
                Ok(())
            }
            Err(fault) => {
                self.text.truncate(start);
                Err(fault)
            }
        }
    }

    /// Fills `levels`; the byte of each is its number, `from` on, by which its place is found again.
    fn fill<'a>(&'a self, from: usize, levels: &mut Vec<TextLevel<'a>>) {
        let mut start = 0;
        for (number, row) in self.rows.iter().enumerate() {
            levels.push(TextLevel {
                price: &self.text[start..row.price_end],
                size: &self.text[row.price_end..row.size_end],
                byte: from + number,
            });
            start = row.size_end;
        }
    }
}

/// An empty vector with the allocation of another, whose elements borrowed from elsewhere.
fn emptied<'a>(mut levels: Vec<TextLevel<'_>>) -> Vec<TextLevel<'a>> {
    levels.clear();
    levels
        .into_iter()
        .map_while(|_| None::<TextLevel<'a>>)
        .collect()
}

/// The levels of the message at hand, bids and asks.
#[derive(Default)]
pub struct RowTable {
    bids: HalfTable,
    asks: HalfTable,
    least_decimals: usize,
}

impl RowTable {
    /// A table whose numbers get zeros up to `least_decimals`: sources that print no trailing zeros do not show
    /// in their first messages how fine later numbers will be.
    pub fn new(least_decimals: usize) -> RowTable {
        RowTable {
            least_decimals,
            ..RowTable::default()
        }
    }

    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    pub fn len(&self) -> usize {
        self.bids.rows.len() + self.asks.rows.len()
    }

    /// Appends a level; its numbers may be written with an exponent.
    ///
    /// # Errors
    /// [`WireFault::Decimal`] for a number that is none, or negative; the table is as before then.
    pub fn push(
        &mut self,
        side: Side,
        price: &[u8],
        size: &[u8],
        place: Place,
    ) -> Result<(), WireFault> {
        let half = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        half.push(price, size, self.least_decimals, place)
    }

    /// Hands the table to `sink` as the levels of an event.
    ///
    /// # Errors
    /// [`CaptureError::Frame`] with the place of the row that the sink refused.
    pub fn hand_over(
        &mut self,
        event: &WireEvent<'_>,
        path: &str,
        sink: &mut dyn EventSink,
    ) -> Result<(), CaptureError> {
        let mut bids = emptied(std::mem::take(&mut self.bids.levels));
        let mut asks = emptied(std::mem::take(&mut self.asks.levels));
        self.bids.fill(0, &mut bids);
        self.asks.fill(bids.len(), &mut asks);
        let answer = sink.event(&WireEvent {
            levels: WireLevels::Rows {
                bids: &bids,
                asks: &asks,
            },
            ..*event
        });
        let (bids, asks) = (emptied(bids), emptied(asks));
        self.bids.levels = bids;
        self.asks.levels = asks;
        answer.map_err(|cause| {
            let rows = self.bids.rows.iter().chain(&self.asks.rows);
            let place = rows.map(|row| row.place).nth(cause.byte);
            place
                .unwrap_or(Place { line: 0, byte: 0 })
                .error(path, cause.fault)
        })
    }
}

/// Ids for messages of sources that have none: the receive time in ns, or the next number where that is taken.
/// So they grow through the files of a stream, and a ticker is newer than every diff before it.
#[derive(Default)]
pub struct MessageIds {
    last: u64,
}

impl MessageIds {
    pub fn next(&mut self, local_ns: i64) -> u64 {
        self.last = (self.last + 1).max(u64::try_from(local_ns).unwrap_or(0));
        self.last
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
