//! OKX v5 public frames: order book channels and trades.
//!
//! Source: <https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel>. A book message
//! names the id before its own (`prevSeqId`, −1 in snapshots); without changes for a while both are the same; after
//! maintenance `seqId` may be smaller than `prevSeqId`. Captures from before these fields have a CRC32 of the book in
//! every message instead; it travels as [`WireEvent::first_id`], 0 standing for none.

use super::cursor::{signed, text, Cursor, Raw};
use super::dialect::{array, frame_text, line_byte, missing, unexpected, unknown_stream};
use super::{EventSink, FrameContext, TextLevel, WireError, WireEvent, WireLevels};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER};
use crate::instrument::Market;

/// Channels that carry a snapshot and then changes.
const BOOKS: [&[u8]; 3] = [b"books", b"books-l2-tbt", b"books50-l2-tbt"];
/// The channel whose every message is a whole book.
const BOOKS_OF_FIVE: &[u8] = b"books5";
const TRADES: [&[u8]; 2] = [b"trades", b"trades-all"];

/// Beginnings of channels that exist and carry nothing this decoder reads.
const IGNORED: [&[u8]; 22] = [
    b"bbo-tbt",
    b"books-",
    b"tickers",
    b"candle",
    b"mark-price",
    b"index-",
    b"funding-rate",
    b"open-interest",
    b"price-limit",
    b"estimated-price",
    b"opt-summary",
    b"option-trades",
    b"liquidation-orders",
    b"adl-warning",
    b"instruments",
    b"status",
    b"economic-calendar",
    b"call-auction-details",
    b"block-",
    b"public-block-trades",
    b"public-struc-block-trades",
    b"sprd-",
];

/// Heartbeats are bare words instead of JSON.
pub(super) fn is_heartbeat(frame: &[u8]) -> bool {
    matches!(frame.trim_ascii(), b"ping" | b"pong")
}

#[derive(Default)]
struct Fields<'a> {
    channel: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    action: Option<&'a [u8]>,
    rows: Option<usize>,
    is_reply: bool,
}

impl<'a> Fields<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Fields<'a>, WireError> {
        let mut fields = Fields::default();
        cursor.object(|key, cursor| {
            match key {
                b"arg" if cursor.peek() == Some(b'{') => cursor.object(|key, cursor| {
                    match key {
                        b"channel" => fields.channel = Some(cursor.text()?),
                        b"instId" => fields.symbol = Some(cursor.text()?),
                        _ => cursor.pass()?,
                    }
                    Ok(())
                })?,
                b"action" => fields.action = Some(cursor.text()?),
                b"data" => {
                    if let Raw::Array(_, at) = cursor.value()? {
                        fields.rows = Some(at);
                    }
                }
                b"event" | b"op" => {
                    fields.is_reply = true;
                    cursor.pass()?;
                }
                _ => cursor.pass()?,
            }
            Ok(())
        })?;
        Ok(fields)
    }
}

/// Hands the events of a frame to `sink`; see [`super::Dialect::decode`].
pub(super) fn decode(
    line: &[u8],
    start: usize,
    context: FrameContext<'_>,
    sink: &mut dyn EventSink,
) -> Result<bool, WireError> {
    if is_heartbeat(frame_text(line, start)) {
        return Ok(false);
    }
    let mut cursor = Cursor::new(line, start);
    let fields = Fields::read(&mut cursor)?;
    cursor.end()?;
    if fields.is_reply {
        return Ok(false);
    }
    let Some(channel) = fields.channel else {
        return Err(unknown_stream(b"(none)", start));
    };
    let end = line.len();
    let rows = || fields.rows.ok_or_else(|| missing("data", end));
    if BOOKS.contains(&channel) || channel == BOOKS_OF_FIVE {
        let kind = match fields.action {
            Some(b"snapshot") => MessageKind::Snapshot,
            None if channel == BOOKS_OF_FIVE => MessageKind::Snapshot,
            Some(b"update") if channel != BOOKS_OF_FIVE => MessageKind::Diff,
            Some(other) => {
                let byte = line_byte(line, other);
                return Err(unexpected("a snapshot or an update", byte));
            }
            None => return Err(missing("action", end)),
        };
        let symbol = fields.symbol.ok_or_else(|| missing("instId", end))?;
        Cursor::new(line, rows()?)
            .elements(|cursor| book(cursor, kind, channel, symbol, context.market, sink))?;
        return Ok(true);
    }
    if TRADES.contains(&channel) {
        Cursor::new(line, rows()?)
            .elements(|cursor| trade(line, cursor, channel, fields.symbol, context.market, sink))?;
        return Ok(true);
    }
    if IGNORED.iter().any(|known| channel.starts_with(known)) {
        return Ok(false);
    }
    Err(unknown_stream(channel, start))
}

/// The checksum as the venue's signed or unsigned 32 bits.
fn checksum(raw: Raw<'_>) -> Option<u32> {
    let value = signed(raw)?;
    u32::try_from(value)
        .ok()
        .or_else(|| i32::try_from(value).ok().map(|value| value as u32))
}

fn book<'a>(
    cursor: &mut Cursor<'a>,
    kind: MessageKind,
    channel: &[u8],
    symbol: &[u8],
    market: Option<Market>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let (mut bids, mut asks): (Option<Raw<'a>>, Option<Raw<'a>>) = (None, None);
    let (mut checksum_sent, mut id, mut previous, mut ns) = (0, 0, 0, None);
    // Before any id is -1; no id at all is 0.
    let sequence = |raw: Raw<'_>| signed(raw).map(|id| id.max(0).unsigned_abs());
    cursor.object(|key, cursor| {
        match key {
            b"bids" => bids = Some(cursor.value()?),
            b"asks" => asks = Some(cursor.value()?),
            b"ts" => ns = Some(cursor.milliseconds()?),
            b"checksum" => checksum_sent = cursor.read("a checksum of 32 bits", checksum)?,
            b"seqId" => id = cursor.read("a whole number", sequence)?,
            b"prevSeqId" => previous = cursor.read("a whole number", sequence)?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    sink.event(&WireEvent {
        kind,
        market: market.or(Some(Market::Okx)),
        symbol: Some(symbol),
        stream: channel,
        sent_ns: ns,
        exchange_ns: ns,
        first_id: u64::from(checksum_sent),
        last_id: id,
        previous_id: previous,
        flags: 0,
        levels: WireLevels::Arrays {
            bids: array(bids, "bids", cursor.at)?,
            asks: array(asks, "asks", cursor.at)?,
        },
    })
}

fn trade<'a>(
    line: &[u8],
    cursor: &mut Cursor<'a>,
    channel: &[u8],
    symbol: Option<&[u8]>,
    market: Option<Market>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let mut own_symbol: Option<&'a [u8]> = None;
    let (mut price, mut size): (Option<&'a [u8]>, Option<&'a [u8]>) = (None, None);
    let (mut ns, mut id, mut seller_takes) = (None, None, None);
    cursor.object(|key, cursor| {
        match key {
            b"instId" => own_symbol = Some(cursor.text()?),
            b"px" => price = Some(cursor.number()?),
            b"sz" => size = Some(cursor.number()?),
            b"ts" => ns = Some(cursor.milliseconds()?),
            b"tradeId" => id = Some(cursor.unsigned()?),
            b"side" => {
                seller_takes = Some(cursor.read("buy or sell", |raw| match text(raw)? {
                    b"buy" => Some(false),
                    b"sell" => Some(true),
                    _ => None,
                })?);
            }
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    let need = |field| missing(field, cursor.at);
    let price = price.ok_or_else(|| need("px"))?;
    let id = id.ok_or_else(|| need("tradeId"))?;
    let row = TextLevel {
        price,
        size: size.ok_or_else(|| need("sz"))?,
        byte: line_byte(line, price),
    };
    sink.event(&WireEvent {
        kind: MessageKind::Trade,
        market: market.or(Some(Market::Okx)),
        symbol: Some(own_symbol.or(symbol).ok_or_else(|| need("instId"))?),
        stream: channel,
        sent_ns: ns,
        exchange_ns: ns,
        first_id: id,
        last_id: id,
        previous_id: 0,
        flags: if seller_takes.ok_or_else(|| need("side"))? {
            FLAG_BUYER_IS_MAKER
        } else {
            0
        },
        levels: WireLevels::Rows {
            bids: &[row],
            asks: &[],
        },
    })
}

#[cfg(test)]
#[path = "okx_tests.rs"]
mod tests;
