//! What every dialect's frames become: one event, its numbers still text of the frame.

use super::levels::bounded;
use super::{decode_levels, WireError, WireFault};
use crate::event::{
    EventBlock, Level, MessageFields, MessageKind, FLAG_EXCHANGE_TIME_ESTIMATED,
    FLAG_LOCAL_TIME_HELD,
};
use crate::instrument::{Instrument, Market};
use crate::units::parse_quanta;

/// An exchange time farther from the corrected local time than this is no time (one minute).
const FARTHEST_EXCHANGE_NS: u64 = 60_000_000_000;

/// One level as text, and the byte of its line where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLevel<'a> {
    pub price: &'a [u8],
    pub size: &'a [u8],
    pub byte: usize,
}

/// The levels of an event.
#[derive(Debug, Clone, Copy)]
pub enum WireLevels<'a> {
    /// JSON arrays of `["price","size",...]` with the byte each begins at: the hot path.
    Arrays {
        bids: (&'a [u8], usize),
        asks: (&'a [u8], usize),
    },
    /// Level by level. A ticker has one a side; a trade is one bid row.
    Rows {
        bids: &'a [TextLevel<'a>],
        asks: &'a [TextLevel<'a>],
    },
}

/// One event of a frame.
#[derive(Debug, Clone, Copy)]
pub struct WireEvent<'a> {
    pub kind: MessageKind,
    /// None where neither the frame nor what surrounds it tells: a bare REST snapshot.
    pub market: Option<Market>,
    pub symbol: Option<&'a [u8]>,
    /// Name of the stream, for counts: `depth@0ms`, `orderbook.200`, `snapshot`.
    pub stream: &'a [u8],
    /// When the venue sent it, ns: what clocks are compared by.
    pub sent_ns: Option<i64>,
    /// When it happened at the venue, ns.
    pub exchange_ns: Option<i64>,
    /// See [`Message`].
    pub first_id: u64,
    pub last_id: u64,
    pub previous_id: u64,
    pub flags: u8,
    pub levels: WireLevels<'a>,
}

/// Takes the events of a frame one by one.
pub trait EventSink {
    /// # Errors
    /// [`WireError`] when the event's numbers cannot be read; nothing of it is kept then.
    fn event(&mut self, event: &WireEvent<'_>) -> Result<(), WireError>;
}

impl<F: FnMut(&WireEvent<'_>) -> Result<(), WireError>> EventSink for F {
    fn event(&mut self, event: &WireEvent<'_>) -> Result<(), WireError> {
        self(event)
    }
}

fn read(level: &TextLevel<'_>, price_exponent: u8, size_exponent: u8) -> Result<Level, WireError> {
    let number = |text: &[u8], exponent: u8, field: &'static str| {
        bounded(parse_quanta(text, exponent), exponent).map_err(|cause| WireError {
            byte: level.byte,
            fault: WireFault::Decimal { field, cause },
        })
    };
    Ok(Level {
        price: number(level.price, price_exponent, "price")?,
        size: number(level.size, size_exponent, "size")?,
    })
}

impl WireEvent<'_> {
    /// Appends the event to the block of its instrument as received at `local_ns` (corrected).
    /// Answers whether its exchange time had to be set aside as no time at all.
    ///
    /// # Errors
    /// [`WireError`] for a number that is malformed or does not fit the quanta; the block is as before then.
    pub fn append_to(
        &self,
        block: &mut EventBlock,
        instrument: &Instrument,
        local_ns: i64,
        held: bool,
    ) -> Result<bool, WireError> {
        let (price_exponent, size_exponent) = (instrument.price_exponent, instrument.size_exponent);
        let levels_start = block.levels.len();
        let counts = match self.levels {
            WireLevels::Arrays { bids, asks } => {
                let mut side = |(array, at): (&[u8], usize)| {
                    decode_levels(array, at, price_exponent, size_exponent, &mut block.levels)
                };
                side(bids).and_then(|bids| Ok((bids, side(asks)?)))
            }
            WireLevels::Rows { bids, asks } => bids
                .iter()
                .chain(asks)
                .try_for_each(|row| {
                    block.levels.push(read(row, price_exponent, size_exponent)?);
                    Ok(())
                })
                .map(|()| (bids.len() as u32, asks.len() as u32)),
        };
        let (bids, asks) = match counts {
            Ok(counts) => counts,
            Err(error) => {
                block.levels.truncate(levels_start);
                return Err(error);
            }
        };
        let mut flags = self.flags;
        let mut set_aside = false;
        let exchange_ns = match self.exchange_ns {
            // One absurd stamp must not hold back everything that the venue matches after it.
            Some(ns) if ns.abs_diff(local_ns) <= FARTHEST_EXCHANGE_NS => ns,
            other => {
                flags |= FLAG_EXCHANGE_TIME_ESTIMATED;
                set_aside = other.is_some();
                local_ns
            }
        };
        if held {
            flags |= FLAG_LOCAL_TIME_HELD;
        }
        block.push(MessageFields {
            local_ns,
            exchange_ns,
            first_id: self.first_id,
            last_id: self.last_id,
            previous_id: self.previous_id,
            levels_start: levels_start as u32,
            bids,
            asks,
            kind: self.kind,
            flags,
        });
        Ok(set_aside)
    }
}
