//! Logs of Bitstamp's streams: receive time in ms (or µs, or ns), what it is, and its JSON.
//!
//! `order_book` holds the best levels and replaces the book. Orders that rested before the log began are unknown, so
//! `order_created`, `order_changed` and `order_deleted` cannot rebuild a book, and are passed over.

use aurora_core::event::{MessageKind, FLAG_AGGRESSOR_UNKNOWN, FLAG_BUYER_IS_MAKER};
use aurora_core::instrument::Market;
use aurora_core::units::{divide_half_even, format_decimal};
use aurora_core::wire::{
    split_line, EventSink, TextLevel, WireError, WireEvent, WireFault, WireLevels,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Source;
use crate::lines::LineReader;
use crate::CaptureError;

const KINDS: [&str; 5] = [
    "order_book",
    "trade",
    "order_created",
    "order_changed",
    "order_deleted",
];
/// The pair of a log whose name holds none.
const USUAL_PAIR: &str = "BTCUSD";
const QUOTES: [&str; 6] = ["USDT", "USDC", "USD", "EUR", "GBP", "BTC"];

/// Whether a line begins as such a log does.
pub fn is_line(line: &[u8]) -> bool {
    split(line).is_some()
}

/// Receive time in ns, kind and JSON of a line.
fn split(line: &[u8]) -> Option<(i64, &str, usize)> {
    let time = split_line(line).ok()?;
    let rest = &line[time.json_start..];
    let length = memchr::memchr(b' ', rest)?;
    let kind = KINDS
        .into_iter()
        .find(|known| known.as_bytes() == &rest[..length])?;
    Some((time.local_ns, kind, time.json_start + length + 1))
}

/// Pair in the name of a file, such as `2015-05-01-ETHEUR.log`.
fn pair_of(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split(|c: char| !c.is_ascii_alphabetic())
        .map(str::to_ascii_uppercase)
        .find(|word| {
            QUOTES
                .iter()
                .any(|quote| word.len() >= quote.len() + 3 && word.ends_with(quote))
        })
        .unwrap_or_else(|| USUAL_PAIR.to_owned())
}

#[derive(Deserialize)]
struct OrderBook<'a> {
    #[serde(borrow)]
    bids: &'a RawValue,
    #[serde(borrow)]
    asks: &'a RawValue,
    /// µs; logs of today have it.
    #[serde(borrow, default)]
    microtimestamp: Option<&'a str>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    amount: &'a RawValue,
    id: u64,
    /// 0: the taker bought, 1: sold; logs of today have it.
    #[serde(default, rename = "type")]
    side: Option<u8>,
    #[serde(borrow, default)]
    microtimestamp: Option<&'a str>,
}

pub struct Bitstamp {
    lines: LineReader,
    range: (usize, usize),
    symbol: String,
    /// Number of the last book: they carry no ids.
    books: u64,
}

impl Bitstamp {
    pub fn new(lines: LineReader) -> Bitstamp {
        Bitstamp {
            symbol: pair_of(&lines.path),
            lines,
            range: (0, 0),
            books: 0,
        }
    }

    fn place(&self, byte: usize, fault: WireFault) -> CaptureError {
        CaptureError::Frame {
            path: self.lines.path.clone(),
            line: self.lines.line,
            cause: WireError { byte, fault },
        }
    }
}

fn malformed(start: usize, cause: &serde_json::Error) -> WireError {
    WireError {
        byte: start + cause.column().saturating_sub(1),
        fault: if cause.is_eof() {
            WireFault::EndsEarly
        } else {
            WireFault::Expected {
                expected: "a book or a trade of Bitstamp",
            }
        },
    }
}

fn sent(micros: Option<&str>) -> Option<i64> {
    micros?.parse::<i64>().ok()?.checked_mul(1_000)
}

/// Decimals of Bitstamp's prices and amounts; trades of older logs were printed from doubles, with 17 digits.
const DECIMALS: usize = 8;

/// Text of a number, written plainly, rounded to the decimals it can have had.
fn plain(raw: &RawValue) -> Option<Vec<u8>> {
    let text = raw.get().trim_matches('"').as_bytes();
    let mut plain = Vec::new();
    super::decimal::append_plain_decimal(text, 0, &mut plain).ok()?;
    let point = plain.iter().position(|byte| *byte == b'.');
    let Some(point) = point.filter(|point| plain.len() > point + 1 + DECIMALS) else {
        return Some(plain);
    };
    let extra = u32::try_from(plain.len() - point - 1 - DECIMALS).ok()?;
    let digits = plain
        .iter()
        .filter(|byte| **byte != b'.')
        .try_fold(0i128, |value, byte| {
            value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))
        })?;
    let rounded = divide_half_even(digits, 10i128.checked_pow(extra)?);
    Some(format_decimal(rounded, DECIMALS as u8).into_bytes())
}

fn order_book(
    line: &[u8],
    start: usize,
    symbol: &str,
    number: u64,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let book: OrderBook<'_> =
        serde_json::from_slice(&line[start..]).map_err(|cause| malformed(start, &cause))?;
    let side = |raw: &'_ RawValue| {
        let at = (raw.get().as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
        if raw.get().starts_with('[') {
            Ok(at)
        } else {
            Err(WireError {
                byte: at,
                fault: WireFault::Expected {
                    expected: "an array of levels",
                },
            })
        }
    };
    let sent_ns = sent(book.microtimestamp);
    sink.event(&WireEvent {
        kind: MessageKind::Snapshot,
        market: Some(Market::Bitstamp),
        symbol: Some(symbol.as_bytes()),
        stream: b"order_book",
        sent_ns,
        exchange_ns: sent_ns,
        first_id: 0,
        last_id: number,
        previous_id: 0,
        flags: 0,
        levels: WireLevels::Arrays {
            bids: (book.bids.get().as_bytes(), side(book.bids)?),
            asks: (book.asks.get().as_bytes(), side(book.asks)?),
        },
    })
}

fn trade(
    line: &[u8],
    start: usize,
    symbol: &str,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let trade: Trade<'_> =
        serde_json::from_slice(&line[start..]).map_err(|cause| malformed(start, &cause))?;
    let number = |raw, field| {
        plain(raw).ok_or(WireError {
            byte: start,
            fault: WireFault::Missing { field },
        })
    };
    let (price, size) = (
        number(trade.price, "price")?,
        number(trade.amount, "amount")?,
    );
    let row = [TextLevel {
        price: &price,
        size: &size,
        byte: start,
    }];
    let sent_ns = sent(trade.microtimestamp);
    sink.event(&WireEvent {
        kind: MessageKind::Trade,
        market: Some(Market::Bitstamp),
        symbol: Some(symbol.as_bytes()),
        stream: b"trade",
        sent_ns,
        exchange_ns: sent_ns,
        first_id: trade.id,
        last_id: trade.id,
        previous_id: 0,
        flags: match trade.side {
            Some(0) => 0,
            Some(1) => FLAG_BUYER_IS_MAKER,
            _ => FLAG_AGGRESSOR_UNKNOWN,
        },
        levels: WireLevels::Rows {
            bids: &row,
            asks: &[],
        },
    })
}

impl Source for Bitstamp {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        while let Some(range) = self.lines.next()? {
            let line = self.lines.bytes(range);
            if line.is_empty() {
                continue;
            }
            let Some((local_ns, ..)) = split(line) else {
                return Err(self.place(
                    0,
                    WireFault::Expected {
                        expected: "a receive time in ms, µs or ns, a kind of event and its JSON",
                    },
                ));
            };
            self.range = range;
            return Ok(Some(local_ns));
        }
        Ok(None)
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        let line = self.lines.bytes(self.range);
        let Some((_, kind, start)) = split(line) else {
            return Ok(false);
        };
        let read = match kind {
            "order_book" => {
                self.books += 1;
                order_book(line, start, &self.symbol, self.books, sink)
            }
            "trade" => trade(line, start, &self.symbol, sink),
            _ => return Ok(false),
        };
        match read {
            Ok(()) => Ok(true),
            Err(cause) => Err(CaptureError::Frame {
                path: self.lines.path.clone(),
                line: self.lines.line,
                cause,
            }),
        }
    }

    fn path(&self) -> &str {
        &self.lines.path
    }

    fn line(&self) -> u64 {
        self.lines.line
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn number(text: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        plain(&raw).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn doubles_are_what_they_were_printed_from() {
        assert_eq!(number("1.7885566900000001").unwrap(), "1.78855669");
        assert_eq!(number("236.61000000000001").unwrap(), "236.61");
        assert_eq!(number("9.9999999999999995e-07").unwrap(), "0.000001");
        assert_eq!(number("9.2e-06").unwrap(), "0.0000092");
        assert_eq!(number("\"0.21144331\"").unwrap(), "0.21144331");
        assert_eq!(number("true"), None);
        assert_eq!(number("-1"), None);
    }

    #[test]
    fn lines_are_told_from_others() {
        assert!(is_line(b"1430438404645 trade {\"price\": 1}"));
        assert!(!is_line(b"1430438404645 {\"e\":\"trade\"}"));
        assert!(!is_line(b"1430438404 trade {}"));
        // Recorders of today count finer.
        for time in ["1430438404645", "1430438404645000", "1430438404645000000"] {
            let line = format!("{time} trade {{}}");
            let (ns, kind, start) = split(line.as_bytes()).unwrap();
            assert_eq!((ns, kind), (1_430_438_404_645_000_000, "trade"));
            assert_eq!(&line[start..], "{}");
        }
        assert_eq!(pair_of("/data/2015-05-01.log.xz"), "BTCUSD");
        assert_eq!(pair_of("/data/ETHEUR-2020.log"), "ETHEUR");
    }
}
