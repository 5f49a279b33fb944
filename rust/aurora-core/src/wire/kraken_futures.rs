//! Kraken futures frames (v1 feeds): `book_snapshot`, `book` and `trade`.
//!
//! Source: <https://docs.kraken.com/api/docs/futures-api/websocket/book> and `/trade`. A `book` frame changes one
//! level; `seq` grows by one a frame within a product's feed. Numbers are JSON numbers, small ones in exponent form,
//! and are rewritten as text. `trade_snapshot` repeats trades of before the subscription and is passed over.

use super::cursor::{text, Cursor, Raw};
use super::dialect::{line_byte, missing, unexpected, unknown_stream};
use super::number::{has_exponent, PlainDecimal};
use super::{EventSink, FrameContext, TextLevel, WireError, WireEvent, WireLevels};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE};
use crate::instrument::{Market, Side};

/// Feeds that exist and carry nothing this decoder reads.
const IGNORED: [&[u8]; 5] = [
    b"heartbeat",
    b"ticker",
    b"ticker_lite",
    b"trade_snapshot",
    b"challenge",
];

#[derive(Default)]
struct Fields<'a> {
    feed: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    side: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    sequence: Option<u64>,
    ns: Option<i64>,
    price: Option<&'a [u8]>,
    size: Option<&'a [u8]>,
    bids: Option<usize>,
    asks: Option<usize>,
    is_reply: bool,
}

impl<'a> Fields<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Fields<'a>, WireError> {
        let mut fields = Fields::default();
        let place = |raw: Raw<'a>| match raw {
            Raw::Array(_, at) => Some(at),
            _ => None,
        };
        cursor.object(|key, cursor| {
            match key {
                b"feed" => fields.feed = Some(cursor.text()?),
                b"product_id" => fields.symbol = Some(cursor.text()?),
                b"side" => fields.side = Some(cursor.value()?),
                b"type" => fields.kind = Some(cursor.value()?),
                b"seq" => fields.sequence = Some(cursor.unsigned()?),
                b"timestamp" | b"time" => fields.ns = Some(cursor.milliseconds()?),
                b"price" => fields.price = Some(cursor.number()?),
                b"qty" => fields.size = Some(cursor.number()?),
                b"bids" => fields.bids = Some(cursor.read("an array", place)?),
                b"asks" => fields.asks = Some(cursor.read("an array", place)?),
                b"event" => {
                    fields.is_reply = true;
                    cursor.pass()?;
                }
                _ => cursor.pass()?,
            }
            Ok(())
        })?;
        Ok(fields)
    }

    /// `buy` is the bid side of a book and the taker of a trade.
    fn side(&self, end: usize) -> Result<Side, WireError> {
        match self.side.and_then(text) {
            Some(b"buy") => Ok(Side::Buy),
            Some(b"sell") => Ok(Side::Sell),
            Some(_) => Err(unexpected("a side that is buy or sell", end)),
            None => Err(missing("side", end)),
        }
    }
}

/// Hands the events of a frame to `sink`; see [`super::Dialect::decode`].
pub(super) fn decode(
    line: &[u8],
    start: usize,
    context: FrameContext<'_>,
    sink: &mut dyn EventSink,
) -> Result<bool, WireError> {
    let mut cursor = Cursor::new(line, start);
    let fields = Fields::read(&mut cursor)?;
    cursor.end()?;
    if fields.is_reply {
        return Ok(false);
    }
    let end = line.len();
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    let mut first_id = 0;
    let mut flags = 0;
    let (kind, feed) = match fields.feed {
        Some(feed @ b"book_snapshot") => {
            let side =
                |at: Option<usize>, name| levels(line, at.ok_or_else(|| missing(name, end))?);
            bids = side(fields.bids, "bids")?;
            asks = side(fields.asks, "asks")?;
            (MessageKind::Snapshot, feed)
        }
        Some(feed @ (b"book" | b"trade")) => {
            let price = fields.price.ok_or_else(|| missing("price", end))?;
            let row = TextLevel {
                price,
                size: fields.size.ok_or_else(|| missing("qty", end))?,
                byte: line_byte(line, price),
            };
            first_id = fields.sequence.ok_or_else(|| missing("seq", end))?;
            match (feed, fields.side(end)?) {
                (b"book", Side::Sell) => asks.push(row),
                (b"book", Side::Buy) => bids.push(row),
                (_, taker) => {
                    bids.push(row);
                    if taker == Side::Sell {
                        flags |= FLAG_BUYER_IS_MAKER;
                    }
                    // A liquidation meets the book as any market order does; these others do not.
                    match fields.kind.and_then(text) {
                        Some(b"block" | b"assignment" | b"termination") => {
                            flags |= FLAG_NO_MARKET_TRADE;
                        }
                        Some(_) => {}
                        None => return Err(missing("type", end)),
                    }
                }
            }
            if feed == b"book" {
                (MessageKind::Diff, feed)
            } else {
                (MessageKind::Trade, feed)
            }
        }
        Some(feed) if IGNORED.contains(&feed) => return Ok(false),
        other => return Err(unknown_stream(other.unwrap_or(b"(none)"), start)),
    };
    let last_id = fields.sequence.ok_or_else(|| missing("seq", end))?;
    let plain = rewritten(bids.iter().chain(&asks))?;
    let mut plain = plain.iter();
    for row in bids.iter_mut().chain(&mut asks) {
        for number in [&mut row.price, &mut row.size] {
            if has_exponent(number) {
                *number = plain.next().map_or(&[][..], PlainDecimal::text);
            }
        }
    }
    sink.event(&WireEvent {
        kind,
        market: context.market.or(Some(Market::KrakenFutures)),
        symbol: Some(fields.symbol.ok_or_else(|| missing("product_id", end))?),
        stream: feed,
        sent_ns: fields.ns,
        exchange_ns: fields.ns,
        first_id,
        last_id,
        previous_id: 0,
        flags,
        levels: WireLevels::Rows {
            bids: &bids,
            asks: &asks,
        },
    })?;
    Ok(true)
}

/// The numbers of the rows that are written with an exponent, in order, without it.
fn rewritten<'a>(
    rows: impl Iterator<Item = &'a TextLevel<'a>>,
) -> Result<Vec<PlainDecimal>, WireError> {
    let mut plain = Vec::new();
    for row in rows {
        for number in [row.price, row.size] {
            if has_exponent(number) {
                let value = PlainDecimal::of(number);
                plain.push(value.ok_or_else(|| unexpected("a number", row.byte))?);
            }
        }
    }
    Ok(plain)
}

/// The levels of an array of `{"price":...,"qty":...}`.
fn levels(line: &[u8], at: usize) -> Result<Vec<TextLevel<'_>>, WireError> {
    let mut rows = Vec::new();
    Cursor::new(line, at).elements(|cursor| {
        let (mut price, mut size) = (None, None);
        cursor.object(|key, cursor| {
            match key {
                b"price" => price = Some(cursor.number()?),
                b"qty" => size = Some(cursor.number()?),
                _ => cursor.pass()?,
            }
            Ok(())
        })?;
        let price = price.ok_or_else(|| missing("price", cursor.at))?;
        rows.push(TextLevel {
            price,
            size: size.ok_or_else(|| missing("qty", cursor.at))?,
            byte: line_byte(line, price),
        });
        Ok(())
    })?;
    Ok(rows)
}

#[cfg(test)]
#[path = "kraken_futures_tests.rs"]
mod tests;
