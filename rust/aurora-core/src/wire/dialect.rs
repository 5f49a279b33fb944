//! The dialects of venues' own frames, and how to tell them apart.

use super::{binance, EventSink, WireError, WireFault};
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
}

impl Dialect {
    /// The dialect of a frame, None when it is of no dialect known here.
    pub fn detect(frame: &[u8]) -> Option<Dialect> {
        let has = |name: &[u8]| memchr::memmem::find(frame, name).is_some();
        if has(b"\"stream\"") || has(b"\"e\"") || has(b"\"lastUpdateId\"") {
            return Some(Dialect::Binance);
        }
        None
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
        }
    }
}

/// The error for a frame whose stream no dialect knows.
pub(super) fn unknown_stream(name: &[u8], byte: usize) -> WireError {
    WireError {
        byte,
        fault: WireFault::UnknownStream {
            name: String::from_utf8_lossy(name).into_owned(),
        },
    }
}
