//! The dialects of venues' own frames, and how to tell them apart.

use super::cursor::{text, Cursor, Raw};
use super::{binance, bybit, hyperliquid, kraken_futures, okx};
use super::{EventSink, WireError, WireFault};
use crate::instrument::Market;

/// What surrounds a frame and is not in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameContext<'a> {
    /// Market of the connection the frame came by, or of the address that answered.
    pub market: Option<Market>,
    /// Symbol that a REST answer was asked for.
    pub symbol: Option<&'a [u8]>,
}

/// How a venue writes its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Binance,
    /// Bybit v5 public streams.
    Bybit,
    /// OKX v5 public channels.
    Okx,
    KrakenFutures,
    Hyperliquid,
}

/// What of a frame's outermost keys tells its dialect.
#[derive(Debug, Default)]
struct Signs<'a> {
    stream: bool,
    event_name: bool,
    snapshot_id: bool,
    id: bool,
    result: bool,
    topic: bool,
    success: bool,
    connection: bool,
    arg: bool,
    operation: bool,
    /// Subscriptions that are asked for: OKX names them in objects, Bybit in strings.
    args: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    feed: bool,
    products: bool,
    version: bool,
    message: bool,
    channel: bool,
    kind: bool,
    method: bool,
    subscription: bool,
}

impl<'a> Signs<'a> {
    /// What a frame shows up to its end, or to where it breaks off.
    fn of(frame: &'a [u8]) -> Signs<'a> {
        let mut signs = Signs::default();
        let _ = Cursor::new(frame, 0).object(|key, cursor| {
            match key {
                b"stream" => signs.stream = true,
                b"e" => signs.event_name = true,
                b"lastUpdateId" => signs.snapshot_id = true,
                b"id" => signs.id = true,
                b"result" | b"error" => signs.result = true,
                b"topic" => signs.topic = true,
                b"success" | b"ret_msg" => signs.success = true,
                b"conn_id" => signs.connection = true,
                b"arg" => signs.arg = true,
                b"op" => signs.operation = true,
                b"feed" => signs.feed = true,
                b"product_ids" => signs.products = true,
                b"version" => signs.version = true,
                b"message" => signs.message = true,
                b"channel" => signs.channel = true,
                b"type" => signs.kind = true,
                b"method" => signs.method = true,
                b"subscription" => signs.subscription = true,
                _ => {}
            }
            match (key, cursor.value()?) {
                (b"args", Raw::Array(array, _)) => signs.args = Some(array),
                (b"event", value) => signs.event = text(value),
                _ => {}
            }
            Ok(())
        });
        signs
    }

    fn dialect(&self) -> Option<Dialect> {
        if self.stream || self.event_name || self.snapshot_id {
            return Some(Dialect::Binance);
        }
        if self.topic || self.connection || (self.success && !self.method) {
            return Some(Dialect::Bybit);
        }
        if self.feed || self.products {
            return Some(Dialect::KrakenFutures);
        }
        if let Some(event) = self.event {
            let kraken = matches!(event, b"info" | b"alert") || self.version || self.message;
            return Some(if kraken {
                Dialect::KrakenFutures
            } else {
                Dialect::Okx
            });
        }
        if self.arg {
            return Some(Dialect::Okx);
        }
        if let Some(args) = self.args.filter(|_| self.operation) {
            let named_by_object = memchr::memmem::find(args, b"\"channel\"").is_some();
            return Some(if named_by_object {
                Dialect::Okx
            } else {
                Dialect::Bybit
            });
        }
        if (self.channel && !self.kind) || self.subscription {
            return Some(Dialect::Hyperliquid);
        }
        // A request by number, or the reply to it.
        (self.id && (self.result || self.method)).then_some(Dialect::Binance)
    }
}

impl Dialect {
    pub const ALL: [Dialect; 5] = [
        Dialect::Binance,
        Dialect::Bybit,
        Dialect::Okx,
        Dialect::KrakenFutures,
        Dialect::Hyperliquid,
    ];

    /// Name in messages and settings.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Binance => "binance",
            Dialect::Bybit => "bybit",
            Dialect::Okx => "okx",
            Dialect::KrakenFutures => "kraken_futures",
            Dialect::Hyperliquid => "hyperliquid",
        }
    }

    /// The dialect of a name.
    pub fn of_name(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|d| d.name() == name)
    }

    /// The dialect of a frame, None when it is of no dialect known here. A venue's replies and heartbeats are of its
    /// dialect too.
    pub fn detect(frame: &[u8]) -> Option<Dialect> {
        if let Some(dialect) = Signs::of(frame).dialect() {
            return Some(dialect);
        }
        if okx::is_heartbeat(frame) {
            return Some(Dialect::Okx);
        }
        if hyperliquid::is_greeting(frame) {
            return Some(Dialect::Hyperliquid);
        }
        let has = |name: &[u8]| memchr::memmem::find(frame, name).is_some();
        (has(b"\"stream\"") || has(b"\"e\"") || has(b"\"lastUpdateId\""))
            .then_some(Dialect::Binance)
    }

    /// Hands the events of the frame that begins at byte `start` of `line` to `sink`. Answers false for a frame
    /// that is known and carries nothing that is read: a reply, candles, a heartbeat.
    ///
    /// # Errors
    /// [`WireError`] with the byte where reading stopped; events before it have been handed over.
    pub fn decode(
        self,
        line: &[u8],
        start: usize,
        context: FrameContext<'_>,
        sink: &mut dyn EventSink,
    ) -> Result<bool, WireError> {
        match self {
            Dialect::Binance => binance::decode(line, start, context, sink),
            Dialect::Bybit => bybit::decode(line, start, context, sink),
            Dialect::Okx => okx::decode(line, start, context, sink),
            Dialect::KrakenFutures => kraken_futures::decode(line, start, context, sink),
            Dialect::Hyperliquid => hyperliquid::decode(line, start, context, sink),
        }
    }
}

/// How much of a name is told.
const LONGEST_SHOWN: usize = 128;

/// The error for a frame whose stream no dialect knows.
pub(super) fn unknown_stream(name: &[u8], byte: usize) -> WireError {
    WireError {
        byte,
        fault: WireFault::UnknownStream {
            name: String::from_utf8_lossy(&name[..name.len().min(LONGEST_SHOWN)]).into_owned(),
        },
    }
}

/// The error for a field that is not there.
pub(super) fn missing(field: &'static str, byte: usize) -> WireError {
    WireError {
        byte,
        fault: WireFault::Missing { field },
    }
}

/// The error for a value that is something else than `expected`.
pub(super) fn unexpected(expected: &'static str, byte: usize) -> WireError {
    WireError {
        byte,
        fault: WireFault::Expected { expected },
    }
}

/// Where a part of a line begins in it.
pub(super) fn line_byte(line: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize)
}

/// The array that `raw` is, and where it begins.
pub(super) fn array<'a>(
    raw: Option<Raw<'a>>,
    field: &'static str,
    byte: usize,
) -> Result<(&'a [u8], usize), WireError> {
    match raw {
        Some(Raw::Array(text, at)) => Ok((text, at)),
        _ => Err(missing(field, byte)),
    }
}

/// The part of a frame behind what surrounds it: what the line ends with.
pub(super) fn frame_text(line: &[u8], start: usize) -> &[u8] {
    line.get(start..).unwrap_or_default().trim_ascii()
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
