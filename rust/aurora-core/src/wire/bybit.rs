//! Bybit v5 public frames: order books of any depth and trades.
//!
//! Source: <https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook> and `/trade`. A snapshot opens a book
//! and may come again at any time; update id 1 is a snapshot too, sent after a restart of the service, whatever its
//! type says. Otherwise `u` grows by one a message. The frames do not name their category (linear, inverse, spot):
//! that is known from the connection alone, and taken from the symbol where it is not. Only trades tell spot from
//! contracts: those have a tick direction `L` ("unique field for Perps & futures").

use super::cursor::{text, unsigned, Cursor, Raw};
use super::dialect::{array, line_byte, missing, unexpected, unknown_stream};
use super::{EventSink, FrameContext, TextLevel, WireError, WireEvent, WireLevels};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE};
use crate::instrument::Market;

/// Update id of the snapshot after a restart of the venue's service.
const RESTART_ID: u64 = 1;

/// Topics that exist and carry nothing this decoder reads; a topic is one of them up to its first point.
const IGNORED: [&[u8]; 12] = [
    b"tickers",
    b"kline",
    b"liquidation",
    b"allLiquidation",
    b"insurance",
    b"priceLimit",
    b"adlAlert",
    b"tickers_lt",
    b"kline_lt",
    b"lt",
    b"system",
    b"liquidationSummary",
];

#[derive(Default)]
struct Fields<'a> {
    topic: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    sent_ns: Option<i64>,
    /// When the matching engine made the book, ns.
    engine_ns: Option<i64>,
    symbol: Option<Raw<'a>>,
    bids: Option<Raw<'a>>,
    asks: Option<Raw<'a>>,
    update_id: Option<Raw<'a>>,
    /// Where an array of data begins: trades.
    rows: Option<usize>,
    is_reply: bool,
}

impl<'a> Fields<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Fields<'a>, WireError> {
        let mut fields = Fields::default();
        cursor.object(|key, cursor| {
            match key {
                b"topic" => fields.topic = Some(cursor.text()?),
                b"type" => fields.kind = Some(cursor.text()?),
                b"ts" => fields.sent_ns = Some(cursor.milliseconds()?),
                b"cts" => fields.engine_ns = Some(cursor.milliseconds()?),
                b"data" if cursor.peek() == Some(b'{') => cursor.object(|key, cursor| {
                    let value = Some(cursor.value()?);
                    match key {
                        b"s" => fields.symbol = value,
                        b"b" => fields.bids = value,
                        b"a" => fields.asks = value,
                        b"u" => fields.update_id = value,
                        _ => {}
                    }
                    Ok(())
                })?,
                b"data" => {
                    if let Raw::Array(_, at) = cursor.value()? {
                        fields.rows = Some(at);
                    }
                }
                b"success" | b"ret_msg" | b"conn_id" | b"op" => {
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

/// Category of a symbol: inverse contracts are quoted in USD (`BTCUSD`, dated `BTCUSDZ25`), linear ones in a stable
/// coin (`BTCUSDT`, `BTCPERP`, `BTC-26DEC25`).
fn market(symbol: &[u8]) -> Market {
    let pair = match symbol {
        [pair @ .., month, tens, units]
            if b"FGHJKMNQUVXZ".contains(month)
                && tens.is_ascii_digit()
                && units.is_ascii_digit() =>
        {
            pair
        }
        _ => symbol,
    };
    if pair.ends_with(b"USD") {
        Market::BybitInverse
    } else {
        Market::BybitLinear
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
    let Some(topic) = fields.topic else {
        if fields.is_reply {
            return Ok(false);
        }
        return Err(unknown_stream(b"(none)", start));
    };
    let mut parts = topic.splitn(3, |byte| *byte == b'.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(b"orderbook"), Some(b"rpi"), _) => Ok(false),
        (Some(b"orderbook"), Some(_), Some(symbol)) => {
            let stream = &topic[..topic.len() - symbol.len() - 1];
            book(line, &fields, stream, symbol, context, sink).map(|()| true)
        }
        (Some(b"publicTrade"), Some(_), _) => {
            let at = fields.rows.ok_or_else(|| missing("data", line.len()))?;
            trades(line, at, fields.sent_ns, context, sink).map(|()| true)
        }
        (Some(name), ..) if IGNORED.contains(&name) => Ok(false),
        _ => Err(unknown_stream(topic, start)),
    }
}

fn book(
    line: &[u8],
    fields: &Fields<'_>,
    stream: &[u8],
    symbol: &[u8],
    context: FrameContext<'_>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    let end = line.len();
    let symbol = fields.symbol.and_then(text).unwrap_or(symbol);
    let id = fields
        .update_id
        .and_then(unsigned)
        .ok_or_else(|| missing("u", end))?;
    let kind = match fields.kind {
        Some(b"snapshot") => MessageKind::Snapshot,
        Some(b"delta") if id == RESTART_ID => MessageKind::Snapshot,
        Some(b"delta") => MessageKind::Diff,
        Some(other) => {
            let byte = line_byte(line, other);
            return Err(unexpected("a snapshot or a delta", byte));
        }
        None => return Err(missing("type", end)),
    };
    let snapshot = kind == MessageKind::Snapshot;
    sink.event(&WireEvent {
        kind,
        market: context.market.or(Some(market(symbol))),
        symbol: Some(symbol),
        stream,
        sent_ns: fields.sent_ns,
        exchange_ns: fields.engine_ns.or(fields.sent_ns),
        first_id: if snapshot { 0 } else { id },
        last_id: id,
        previous_id: 0,
        flags: 0,
        levels: WireLevels::Arrays {
            bids: array(fields.bids, "b", end)?,
            asks: array(fields.asks, "a", end)?,
        },
    })
}

fn trades(
    line: &[u8],
    at: usize,
    sent_ns: Option<i64>,
    context: FrameContext<'_>,
    sink: &mut dyn EventSink,
) -> Result<(), WireError> {
    Cursor::new(line, at).elements(|cursor| {
        let (mut symbol, mut price, mut size) = (None, None, None);
        let (mut happened_ns, mut seller_takes, mut id) = (None, None, 0);
        let (mut flags, mut of_contract) = (0, false);
        cursor.object(|key, cursor| {
            match key {
                b"L" => {
                    of_contract = true;
                    cursor.pass()?;
                }
                b"s" => symbol = Some(cursor.text()?),
                b"p" => price = Some(cursor.number()?),
                b"v" => size = Some(cursor.number()?),
                b"T" => happened_ns = Some(cursor.milliseconds()?),
                b"S" => {
                    seller_takes = Some(cursor.read("Buy or Sell", |raw| match text(raw)? {
                        b"Buy" => Some(false),
                        b"Sell" => Some(true),
                        _ => None,
                    })?);
                }
                // Spot numbers its trades; contracts have identifiers that are no numbers.
                b"i" => id = unsigned(cursor.value()?).unwrap_or(0),
                b"BT" => {
                    if cursor.value()? == Raw::Word(b"true") {
                        flags |= FLAG_NO_MARKET_TRADE;
                    }
                }
                _ => cursor.pass()?,
            }
            Ok(())
        })?;
        let need = |field| missing(field, cursor.at);
        let symbol = symbol.ok_or_else(|| need("s"))?;
        if of_contract && context.market == Some(Market::BybitSpot) {
            return Err(unexpected(
                "a trade of spot, but one with a tick direction is of a contract",
                at,
            ));
        }
        let price = price.ok_or_else(|| need("p"))?;
        if seller_takes.ok_or_else(|| need("S"))? {
            flags |= FLAG_BUYER_IS_MAKER;
        }
        let row = TextLevel {
            price,
            size: size.ok_or_else(|| need("v"))?,
            byte: line_byte(line, price),
        };
        sink.event(&WireEvent {
            kind: MessageKind::Trade,
            market: context.market.or(Some(if of_contract {
                market(symbol)
            } else {
                Market::BybitSpot
            })),
            symbol: Some(symbol),
            stream: b"publicTrade",
            sent_ns: sent_ns.or(happened_ns),
            exchange_ns: happened_ns.or(sent_ns),
            first_id: id,
            last_id: id,
            previous_id: 0,
            flags,
            levels: WireLevels::Rows {
                bids: &[row],
                asks: &[],
            },
        })
    })
}

#[cfg(test)]
#[path = "bybit_tests.rs"]
mod tests;
