//! Events of a frame with their texts, for the tests of the dialects.

use super::{level_texts, Dialect, FrameContext, WireError, WireEvent, WireFault, WireLevels};
use crate::event::MessageKind;
use crate::instrument::Market;

/// An event that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub kind: MessageKind,
    pub market: Option<Market>,
    pub symbol: String,
    pub stream: String,
    pub sent_ns: Option<i64>,
    pub exchange_ns: Option<i64>,
    /// First, last and previous.
    pub ids: (u64, u64, u64),
    pub flags: u8,
    pub bids: Vec<(String, String)>,
    pub asks: Vec<(String, String)>,
}

fn string(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// What a frame gives.
pub fn seen(dialect: Dialect, frame: &str) -> Result<Vec<Seen>, WireError> {
    let mut events = Vec::new();
    dialect.decode(
        frame.as_bytes(),
        0,
        FrameContext::default(),
        &mut |event: &WireEvent<'_>| {
            let pair = |(price, size): (&[u8], &[u8])| (string(price), string(size));
            let (bids, asks) = match event.levels {
                WireLevels::Arrays { bids, asks } => (
                    level_texts(bids.0).map(pair).collect(),
                    level_texts(asks.0).map(pair).collect(),
                ),
                WireLevels::Rows { bids, asks } => (
                    bids.iter().map(|row| pair((row.price, row.size))).collect(),
                    asks.iter().map(|row| pair((row.price, row.size))).collect(),
                ),
            };
            events.push(Seen {
                kind: event.kind,
                market: event.market,
                symbol: event.symbol.map(string).unwrap_or_default(),
                stream: string(event.stream),
                sent_ns: event.sent_ns,
                exchange_ns: event.exchange_ns,
                ids: (event.first_id, event.last_id, event.previous_id),
                flags: event.flags,
                bids,
                asks,
            });
            Ok(())
        },
    )?;
    Ok(events)
}

/// Levels as pairs of strings.
pub fn pairs(levels: &[(&str, &str)]) -> Vec<(String, String)> {
    levels
        .iter()
        .map(|(price, size)| ((*price).to_owned(), (*size).to_owned()))
        .collect()
}

/// Replaces a part of `frame` that must be there, and answers the fault of the result.
pub fn fault_with(dialect: Dialect, frame: &str, part: &str, other: &str) -> Option<WireFault> {
    assert!(frame.contains(part), "{part} in {frame}");
    seen(dialect, &frame.replace(part, other))
        .err()
        .map(|error| error.fault)
}

pub fn missing(field: &'static str) -> Option<WireFault> {
    Some(WireFault::Missing { field })
}

pub fn expected(expected: &'static str) -> Option<WireFault> {
    Some(WireFault::Expected { expected })
}
