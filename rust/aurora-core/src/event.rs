//! Market events in memory: a table of messages and one of level rows.
//!
//! A depth message of a busy symbol averages tens of levels, so what all levels share (clocks, ids, kind)
//! is stored once per message, and a level is its price and size alone (16 bytes).

use serde::{Deserialize, Serialize};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum MessageKind {
    /// Changes of levels: absolute sizes, zero deletes.
    Diff,
    /// The whole book.
    Snapshot,
    /// Best bid and ask: one bid level, one ask level.
    Ticker,
    /// One trade: one bid level holds its price and size; the aggressor is in `flags`.
    Trade,
}

/// No exchange time was sent; `exchange_ns` is the corrected local time.
pub const FLAG_EXCHANGE_TIME_ESTIMATED: u8 = 1;
/// Trade: the buyer rested, so the aggressor sold.
pub const FLAG_BUYER_IS_MAKER: u8 = 2;
/// Trade: flagged by the exchange as no market trade; kept out of trade features.
pub const FLAG_NO_MARKET_TRADE: u8 = 4;
/// The receive time ran backwards here and was held at its predecessor's.
pub const FLAG_LOCAL_TIME_HELD: u8 = 8;

/// Trade: the source does not tell who was the aggressor; kept out of signed flow.
pub const FLAG_AGGRESSOR_UNKNOWN: u8 = 16;
/// No message of the venue: what a reading that begins in mid-stream must know of the book before it.
pub const FLAG_BOOK_CARRIED: u8 = 32;

/// One price level: price and size in the instrument's quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub price: i64,
    pub size: i64,
}

/// One message; its levels are `bids` rows from `levels_start`, then `asks` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Receive time, corrected by the frozen clock offset.
    pub local_ns: i64,
    /// Exchange time (`T`, else `E`, else estimated).
    pub exchange_ns: i64,
    /// First update id `U` (depth), CRC32 of the book where OKX sent one, trade id, or 0.
    pub first_id: u64,
    /// Last update id `u`, snapshot id, or trade id.
    pub last_id: u64,
    /// Previous update id `pu` of futures diffs, 0 elsewhere.
    pub previous_id: u64,
    pub levels_start: u32,
    pub bids: u32,
    pub asks: u32,
    pub kind: MessageKind,
    pub flags: u8,
}

impl Message {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Messages of one instrument in arrival order, with their levels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBlock {
    pub messages: Vec<Message>,
    pub levels: Vec<Level>,
}

impl EventBlock {
    pub fn bids(&self, message: &Message) -> &[Level] {
        let start = message.levels_start as usize;
        &self.levels[start..start + message.bids as usize]
    }

    pub fn asks(&self, message: &Message) -> &[Level] {
        let start = message.levels_start as usize + message.bids as usize;
        &self.levels[start..start + message.asks as usize]
    }

    /// Appends `message` with its levels copied from another block.
    pub fn push_from(&mut self, other: &EventBlock, message: &Message) {
        let mut copy = *message;
        copy.levels_start = self.levels.len() as u32;
        self.levels.extend_from_slice(other.bids(message));
        self.levels.extend_from_slice(other.asks(message));
        self.messages.push(copy);
    }

    pub fn clear(&mut self) {
        self.messages.clear();
        self.levels.clear();
    }
}
