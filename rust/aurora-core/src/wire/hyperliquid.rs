//! Hyperliquid frames: `l2Book`, each a whole book of up to twenty levels a side, and `trades`.
//!
//! Source: <https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions>. Books have no
//! ids: their time in ms stands for one. The first `trades` frame after a subscription repeats trades of before it.

use super::cursor::{text, Cursor, Raw};
use super::dialect::{frame_text, line_byte, missing, unknown_stream};
use super::{EventSink, FrameContext, TextLevel, WireError, WireEvent, WireLevels};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER};
use crate::instrument::Market;

/// Channels that exist and carry nothing this decoder reads.
const IGNORED: [&[u8]; 14] = [
    b"subscriptionResponse",
    b"pong",
    b"error",
    b"post",
    b"bbo",
    b"candle",
    b"allMids",
    b"allDexsAssetCtxs",
    b"notification",
    b"activeAssetCtx",
    b"activeSpotAssetCtx",
    b"activeAssetData",
    b"orderUpdates",
    b"clearinghouseState",
];
/// Beginnings of channels of accounts.
const IGNORED_BEGINNINGS: [&[u8]; 3] = [b"user", b"webData", b"twap"];

/// The text that a connection begins with.
pub(super) fn is_greeting(frame: &[u8]) -> bool {
    frame.trim_ascii() == b"Websocket connection established."
}

#[derive(Default)]
struct Fields<'a> {
    channel: Option<&'a [u8]>,
    symbol: Option<Raw<'a>>,
    time: Option<usize>,
    levels: Option<usize>,
    trades: Option<usize>,
    is_request: bool,
}

impl<'a> Fields<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Fields<'a>, WireError> {
        let mut fields = Fields::default();
        cursor.object(|key, cursor| {
            match key {
                b"channel" => fields.channel = Some(cursor.text()?),
                b"data" if cursor.peek() == Some(b'{') => cursor.object(|key, cursor| {
                    cursor.peek();
                    let at = cursor.at;
                    let value = cursor.value()?;
                    match (key, value) {
                        (b"coin", _) => fields.symbol = Some(value),
                        (b"time", _) => fields.time = Some(at),
                        (b"levels", Raw::Array(..)) => fields.levels = Some(at),
                        _ => {}
                    }
                    Ok(())
                })?,
                b"data" => {
                    if let Raw::Array(_, at) = cursor.value()? {
                        fields.trades = Some(at);
                    }
                }
                b"method" => {
                    fields.is_request = true;
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
    if is_greeting(frame_text(line, start)) {
        return Ok(false);
    }
    let mut cursor = Cursor::new(line, start);
    let fields = Fields::read(&mut cursor)?;
    cursor.end()?;
    let market = context.market.or(Some(Market::Hyperliquid));
    match fields.channel {
        Some(b"l2Book") => book(line, &fields, market, sink).map(|()| true),
        Some(b"trades") => {
            let at = fields.trades.ok_or_else(|| missing("data", line.len()))?;
            Cursor::new(line, at)
                .elements(|cursor| trade(line, cursor, market, sink))
                .map(|()| true)
        }
        Some(name)
            if IGNORED.contains(&name)
                || IGNORED_BEGINNINGS
                    .iter()
                    .any(|known| name.starts_with(known)) =>
        {
            Ok(false)
        }
        None if fields.is_request => Ok(false),
        other => Err(unknown_stream(other.unwrap_or(b"(none)"), start)),
    }
}

fn book(
    line: &[u8],
    fields: &Fields<'_>,
    market: Option<Market>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let end = line.len();
    let symbol = fields.symbol.and_then(text);
    let symbol = symbol.ok_or_else(|| missing("coin", end))?;
    let time = fields.time.ok_or_else(|| missing("time", end))?;
    let id = Cursor::new(line, time).unsigned()?;
    let ns = Cursor::new(line, time).milliseconds()?;
    let mut sides = [Vec::new(), Vec::new()];
    let mut count = 0;
    let at = fields.levels.ok_or_else(|| missing("levels", end))?;
    Cursor::new(line, at).elements(|cursor| {
        let Some(side) = sides.get_mut(count) else {
            return Err(cursor.fail("two sides"));
        };
        count += 1;
        cursor.elements(|cursor| {
            side.push(level(line, cursor)?);
            Ok(())
        })
    })?;
    if count < sides.len() {
        return Err(missing("levels", end));
    }
    sink.event(&WireEvent {
        kind: MessageKind::Snapshot,
        market,
        symbol: Some(symbol),
        stream: b"l2Book",
        sent_ns: Some(ns),
        exchange_ns: Some(ns),
        first_id: 0,
        last_id: id,
        previous_id: 0,
        flags: 0,
        levels: WireLevels::Rows {
            bids: &sides[0],
            asks: &sides[1],
        },
    })
}

/// One `{"px":...,"sz":...,"n":...}`.
fn level<'a>(line: &[u8], cursor: &mut Cursor<'a>) -> Result<TextLevel<'a>, WireError> {
    let (mut price, mut size) = (None, None);
    cursor.object(|key, cursor| {
        match key {
            b"px" => price = Some(cursor.number()?),
            b"sz" => size = Some(cursor.number()?),
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    let price = price.ok_or_else(|| missing("px", cursor.at))?;
    Ok(TextLevel {
        price,
        size: size.ok_or_else(|| missing("sz", cursor.at))?,
        byte: line_byte(line, price),
    })
}

fn trade<'a>(
    line: &[u8],
    cursor: &mut Cursor<'a>,
    market: Option<Market>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let mut symbol: Option<&'a [u8]> = None;
    let mut price: Option<&'a [u8]> = None;
    let mut size: Option<&'a [u8]> = None;
    let (mut ns, mut id, mut seller_takes) = (None, None, None);
    cursor.object(|key, cursor| {
        match key {
            b"coin" => symbol = Some(cursor.text()?),
            b"px" => price = Some(cursor.number()?),
            b"sz" => size = Some(cursor.number()?),
            b"time" => ns = Some(cursor.milliseconds()?),
            b"tid" => id = Some(cursor.unsigned()?),
            b"side" => {
                seller_takes = Some(cursor.read("A or B", |raw| match text(raw)? {
                    b"B" => Some(false),
                    b"A" => Some(true),
                    _ => None,
                })?);
            }
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    let need = |field| missing(field, cursor.at);
    let price = price.ok_or_else(|| need("px"))?;
    let id = id.ok_or_else(|| need("tid"))?;
    let row = TextLevel {
        price,
        size: size.ok_or_else(|| need("sz"))?,
        byte: line_byte(line, price),
    };
    sink.event(&WireEvent {
        kind: MessageKind::Trade,
        market,
        symbol: Some(symbol.ok_or_else(|| need("coin"))?),
        stream: b"trades",
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
#[path = "hyperliquid_tests.rs"]
mod tests;
