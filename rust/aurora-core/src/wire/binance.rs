//! Binance frames: USDⓈ-M, COIN-M and spot, combined-stream or bare, and REST depth snapshots.
//!
//! The market is recognised from the frame itself: futures diffs carry `pu`, futures tickers and trades `T` and
//! (trades) `X`; COIN-M frames carry `ps`, or `st` 2 since both futures markets share payloads; a spot frame
//! has none of these. COIN-M symbols contain `USD_`, which settles trades.

use super::cursor::{text, unsigned, Cursor, Raw};
use super::dialect::{array, line_byte, missing, unknown_stream};
use super::{EventSink, FrameContext, TextLevel, WireError, WireEvent, WireFault, WireLevels};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE};
use crate::instrument::Market;

/// What a frame turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    Event(MessageKind),
    /// A stream we know and do not read (candles, mark price, ...), or a reply to a subscription.
    Ignored,
}

/// One frame, its fields still text of the line.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub kind: FrameKind,
    /// None for a bare REST snapshot that names no symbol.
    pub market: Option<Market>,
    pub symbol: Option<&'a [u8]>,
    /// Stream name behind the symbol, such as `depth@0ms`; `snapshot` for REST answers.
    pub stream: &'a [u8],
    /// Event time `E` in ms.
    pub event_ms: Option<i64>,
    /// Transaction time `T` in ms.
    pub transaction_ms: Option<i64>,
    pub first_id: u64,
    pub last_id: u64,
    pub previous_id: u64,
    pub flags: u8,
    /// Arrays of levels with the byte they begin at (depth); None otherwise.
    pub bids: Option<(&'a [u8], usize)>,
    pub asks: Option<(&'a [u8], usize)>,
    /// Ticker: bid price, bid size, ask price, ask size. Trade: price and size in the first two.
    pub prices: [&'a [u8]; 4],
}

#[derive(Default)]
struct Fields<'a> {
    stream: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    event_ms: Option<u64>,
    transaction_ms: Option<u64>,
    pair: bool,
    market_code: Option<u64>,
    first_id: Option<u64>,
    last_id: Option<u64>,
    previous_id: Option<u64>,
    trade_id: Option<u64>,
    price: Option<&'a [u8]>,
    size: Option<&'a [u8]>,
    trade_type: Option<&'a [u8]>,
    buyer_is_maker: Option<bool>,
    best_match: bool,
    bid: Option<Raw<'a>>,
    ask: Option<Raw<'a>>,
    bid_size: Option<Raw<'a>>,
    ask_size: Option<Raw<'a>>,
    snapshot_id: Option<u64>,
    bids: Option<Raw<'a>>,
    asks: Option<Raw<'a>>,
    is_reply: bool,
    /// Within `data`: it is entered once, however deep a hostile frame nests it.
    inside: bool,
}

impl<'a> Fields<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), WireError> {
        if !cursor.take(b'{') {
            return Err(cursor.fail("an object"));
        }
        if cursor.take(b'}') {
            return Ok(());
        }
        loop {
            let key = cursor.string()?;
            if !cursor.take(b':') {
                return Err(cursor.fail("a colon"));
            }
            if key == b"data" && !self.inside && cursor.peek() == Some(b'{') {
                self.inside = true;
                self.read(cursor)?;
                self.inside = false;
            } else {
                let at = cursor.at;
                let value = cursor.value()?;
                self.set(key, value).map_err(|expected| WireError {
                    byte: at,
                    fault: WireFault::Expected { expected },
                })?;
            }
            if cursor.take(b'}') {
                return Ok(());
            }
            if !cursor.take(b',') {
                return Err(cursor.fail("a comma or the end of an object"));
            }
        }
    }

    fn set(&mut self, key: &[u8], value: Raw<'a>) -> Result<(), &'static str> {
        let id = || unsigned(value).map(Some).ok_or("an unsigned number");
        let string = || text(value).map(Some).ok_or("a string");
        match key {
            b"stream" => self.stream = string()?,
            b"e" => self.event = string()?,
            b"s" | b"symbol" => self.symbol = string()?,
            b"E" => self.event_ms = id()?,
            b"T" => self.transaction_ms = id()?,
            b"ps" | b"pair" => self.pair = true,
            b"st" => self.market_code = id()?,
            b"U" => self.first_id = id()?,
            b"u" => self.last_id = id()?,
            b"pu" => self.previous_id = id()?,
            b"t" => self.trade_id = unsigned(value),
            b"p" => self.price = text(value),
            b"q" => self.size = text(value),
            b"X" => self.trade_type = text(value),
            b"m" => {
                self.buyer_is_maker = match value {
                    Raw::Word(b"true") => Some(true),
                    Raw::Word(b"false") => Some(false),
                    _ => None,
                }
            }
            b"M" => self.best_match = true,
            b"b" => self.bid = Some(value),
            b"a" => self.ask = Some(value),
            b"B" => self.bid_size = Some(value),
            b"A" => self.ask_size = Some(value),
            b"lastUpdateId" => self.snapshot_id = id()?,
            b"bids" => self.bids = Some(value),
            b"asks" => self.asks = Some(value),
            b"result" | b"id" => self.is_reply = true,
            _ => {}
        }
        Ok(())
    }

    fn market(&self, symbol: &[u8], futures: bool) -> Market {
        let coin = match self.market_code {
            Some(2) => true,
            Some(_) => false,
            None => self.pair || memchr::memmem::find(symbol, b"USD_").is_some(),
        };
        match (futures || self.market_code.is_some(), coin) {
            (_, true) => Market::BinanceCoinm,
            (true, false) => Market::BinanceUsdm,
            (false, false) => Market::BinanceSpot,
        }
    }
}

/// Whether a stream carries the best levels alone, whole in each message: `depth5`, `depth10`, `depth20`.
fn is_partial_depth(kind_name: &[u8]) -> bool {
    kind_name
        .strip_prefix(b"depth")
        .is_some_and(|levels| !levels.is_empty() && levels.iter().all(u8::is_ascii_digit))
}

/// Streams that exist and carry nothing this decoder reads.
const IGNORED: [&[u8]; 13] = [
    b"kline",
    b"continuousKline",
    b"indexPriceKline",
    b"markPriceKline",
    b"markPrice",
    b"indexPrice",
    b"miniTicker",
    b"ticker",
    b"forceOrder",
    b"compositeIndex",
    b"contractInfo",
    b"assetIndex",
    b"rpiDepth",
];

impl<'a> Frame<'a> {
    /// Reads the frame that begins at byte `start` of `line`. Levels and prices stay text until their
    /// instrument's quanta are known.
    ///
    /// # Errors
    /// [`WireError`] with the byte where reading stopped.
    pub fn parse(line: &'a [u8], start: usize) -> Result<Frame<'a>, WireError> {
        let mut cursor = Cursor::new(line, start);
        let mut fields = Fields::default();
        fields.read(&mut cursor)?;
        if cursor.peek().is_some() {
            return Err(cursor.fail("the end of the line"));
        }
        let end = line.len();
        let stream = match fields.stream {
            Some(name) => match memchr::memchr(b'@', name) {
                Some(at) => &name[at + 1..],
                None => name,
            },
            None => &b""[..],
        };
        let kind_name = &stream[..memchr::memchr(b'@', stream).unwrap_or(stream.len())];
        let mut frame = Frame {
            kind: FrameKind::Ignored,
            market: None,
            symbol: fields.symbol,
            stream,
            event_ms: fields.event_ms.and_then(|v| i64::try_from(v).ok()),
            transaction_ms: fields.transaction_ms.and_then(|v| i64::try_from(v).ok()),
            first_id: 0,
            last_id: 0,
            previous_id: 0,
            flags: 0,
            bids: None,
            asks: None,
            prices: [&b""[..]; 4],
        };
        if let Some(snapshot_id) = fields.snapshot_id {
            if fields.event.is_none() {
                frame.kind = FrameKind::Event(MessageKind::Snapshot);
                if !is_partial_depth(kind_name) {
                    frame.stream = b"snapshot";
                }
                frame.last_id = snapshot_id;
                frame.bids = Some(array(fields.bids, "bids", end)?);
                frame.asks = Some(array(fields.asks, "asks", end)?);
                frame.market = fields
                    .symbol
                    .map(|symbol| fields.market(symbol, fields.transaction_ms.is_some()));
                return Ok(frame);
            }
        }
        match (fields.event, kind_name) {
            (Some(b"depthUpdate"), _) => {
                let symbol = fields.symbol.ok_or_else(|| missing("s", end))?;
                frame.kind = FrameKind::Event(MessageKind::Diff);
                frame.market = Some(fields.market(symbol, fields.previous_id.is_some()));
                frame.first_id = fields.first_id.ok_or_else(|| missing("U", end))?;
                frame.last_id = fields.last_id.ok_or_else(|| missing("u", end))?;
                frame.previous_id = fields.previous_id.unwrap_or(0);
                frame.bids = Some(array(fields.bid, "b", end)?);
                frame.asks = Some(array(fields.ask, "a", end)?);
                if is_partial_depth(kind_name) {
                    frame.kind = FrameKind::Event(MessageKind::Snapshot);
                    (frame.first_id, frame.previous_id) = (0, 0);
                }
                if frame.stream.is_empty() {
                    frame.stream = b"depth";
                }
            }
            (Some(b"bookTicker"), _) | (None, b"bookTicker") => {
                let symbol = fields.symbol.ok_or_else(|| missing("s", end))?;
                let field = |raw: Option<Raw<'a>>, name| {
                    raw.and_then(text).ok_or_else(|| missing(name, end))
                };
                frame.kind = FrameKind::Event(MessageKind::Ticker);
                frame.market = Some(fields.market(symbol, fields.event.is_some()));
                frame.last_id = fields.last_id.ok_or_else(|| missing("u", end))?;
                frame.prices = [
                    field(fields.bid, "b")?,
                    field(fields.bid_size, "B")?,
                    field(fields.ask, "a")?,
                    field(fields.ask_size, "A")?,
                ];
                frame.stream = b"bookTicker";
            }
            (Some(b"trade"), _) => {
                let symbol = fields.symbol.ok_or_else(|| missing("s", end))?;
                frame.kind = FrameKind::Event(MessageKind::Trade);
                frame.market = Some(fields.market(symbol, fields.trade_type.is_some()));
                frame.last_id = fields.trade_id.ok_or_else(|| missing("t", end))?;
                frame.first_id = frame.last_id;
                frame.prices[0] = fields.price.ok_or_else(|| missing("p", end))?;
                frame.prices[1] = fields.size.ok_or_else(|| missing("q", end))?;
                if fields.buyer_is_maker.ok_or_else(|| missing("m", end))? {
                    frame.flags |= FLAG_BUYER_IS_MAKER;
                }
                if fields.trade_type.is_some_and(|x| x != b"MARKET") {
                    frame.flags |= FLAG_NO_MARKET_TRADE;
                }
                frame.stream = b"trade";
            }
            (Some(b"aggTrade"), _) => {
                let symbol = fields.symbol.ok_or_else(|| missing("s", end))?;
                frame.kind = FrameKind::Event(MessageKind::Trade);
                // Neither market flags its aggregates, but only spot still sends the unused `M`.
                frame.market = Some(fields.market(symbol, !fields.best_match));
                frame.last_id = fields
                    .ask
                    .and_then(unsigned)
                    .ok_or_else(|| missing("a", end))?;
                frame.first_id = frame.last_id;
                frame.prices[0] = fields.price.ok_or_else(|| missing("p", end))?;
                frame.prices[1] = fields.size.ok_or_else(|| missing("q", end))?;
                if fields.buyer_is_maker.ok_or_else(|| missing("m", end))? {
                    frame.flags |= FLAG_BUYER_IS_MAKER;
                }
                frame.stream = b"aggTrade";
            }
            (_, name) if IGNORED.iter().any(|known| name.starts_with(known)) => {}
            _ if fields.is_reply && fields.stream.is_none() => frame.stream = b"reply",
            (event, _) => {
                let name = fields.stream.or(event).unwrap_or(b"(none)");
                return Err(unknown_stream(name, start));
            }
        }
        Ok(frame)
    }
}

/// Hands the event of a frame to `sink`; see [`super::Dialect::decode`].
pub(super) fn decode(
    line: &[u8],
    start: usize,
    context: FrameContext<'_>,
    sink: &mut dyn EventSink,
) -> Result<bool, WireError> {
    let frame = Frame::parse(line, start)?;
    let FrameKind::Event(kind) = frame.kind else {
        return Ok(false);
    };
    let row = |at: usize| TextLevel {
        price: frame.prices[at],
        size: frame.prices[at + 1],
        byte: line_byte(line, frame.prices[at]),
    };
    let (first, second);
    let levels = match (kind, frame.bids, frame.asks) {
        (_, Some(bids), Some(asks)) => WireLevels::Arrays { bids, asks },
        (MessageKind::Trade, ..) => {
            first = [row(0)];
            WireLevels::Rows {
                bids: &first,
                asks: &[],
            }
        }
        _ => {
            first = [row(0)];
            second = [row(2)];
            WireLevels::Rows {
                bids: &first,
                asks: &second,
            }
        }
    };
    let ns = |ms: Option<i64>| ms.and_then(|ms| ms.checked_mul(1_000_000));
    let (sent_ns, happened_ns) = (ns(frame.event_ms), ns(frame.transaction_ms));
    sink.event(&WireEvent {
        kind,
        market: context.market.or(frame.market),
        symbol: frame.symbol.or(context.symbol),
        stream: frame.stream,
        sent_ns: sent_ns.or(happened_ns),
        exchange_ns: happened_ns.or(sent_ns),
        first_id: frame.first_id,
        last_id: frame.last_id,
        previous_id: frame.previous_id,
        flags: frame.flags,
        levels,
    })?;
    Ok(true)
}

#[cfg(test)]
#[path = "binance_tests.rs"]
mod tests;
