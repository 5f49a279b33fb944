//! Market events in memory: a table of messages and one of level rows.
//!
//! A depth message of a busy symbol averages tens of levels, so what all levels share (clocks, ids, kind)
//! is stored once per message, and a level is its price and size alone (16 bytes). Of the three ids a message carries
//! two lie close to the third, or are small; they are stored as 32 bits, and whole beside the table where they do not
//! fit, so nothing is lost.

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// One message with everything it carries, as sources write it and as it is serialised; see [`EventBlock::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFields {
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

/// One message in a block; its levels are `bids` rows from `levels_start`, then `asks` rows.
///
/// It belongs to its block: [`EventBlock::push_from`] and [`EventBlock::extend_from`] carry it to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Receive time, corrected by the frozen clock offset.
    pub local_ns: i64,
    /// Exchange time (`T`, else `E`, else estimated).
    pub exchange_ns: i64,
    last_id: u64,
    first_id: u32,
    previous_id: u32,
    pub levels_start: u32,
    pub bids: u32,
    pub asks: u32,
    pub kind: MessageKind,
    pub flags: u8,
    /// How `first_id` (low two bits) and `previous_id` (the two above) are stored.
    id_forms: u8,
}

/// An id is this far below `last_id`.
const BELOW_LAST: u8 = 0;
/// An id is the number itself.
const WHOLE: u8 = 1;
/// An id stands at this index of the block's `wide_ids`.
const WIDE: u8 = 2;
const PREVIOUS_ID_SHIFT: u8 = 2;

impl Message {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Last update id `u`, snapshot id, or trade id.
    #[inline]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    fn level_rows(&self) -> Range<usize> {
        let start = self.levels_start as usize;
        start..start + self.bids as usize + self.asks as usize
    }

    fn has_wide_ids(&self) -> bool {
        self.id_forms & (WIDE | WIDE << PREVIOUS_ID_SHIFT) != 0
    }
}

/// Room that an emptied block keeps at most: copying so much is cheap, growing anew is not.
const MOST_KEPT_BYTES: usize = 1 << 20;

/// Messages of one instrument in arrival order, with their levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventBlock {
    pub messages: Vec<Message>,
    pub levels: Vec<Level>,
    /// Ids of messages that are neither near their last id nor below 2³².
    wide_ids: Vec<u64>,
}

impl EventBlock {
    /// Room for so many messages and level rows, and no more.
    pub fn with_capacity(messages: usize, levels: usize) -> EventBlock {
        EventBlock {
            messages: Vec::with_capacity(messages),
            levels: Vec::with_capacity(levels),
            wide_ids: Vec::new(),
        }
    }

    #[inline]
    pub fn bids(&self, message: &Message) -> &[Level] {
        let start = message.levels_start as usize;
        &self.levels[start..start + message.bids as usize]
    }

    #[inline]
    pub fn asks(&self, message: &Message) -> &[Level] {
        let start = message.levels_start as usize + message.bids as usize;
        &self.levels[start..start + message.asks as usize]
    }

    /// First update id `U` (depth), CRC32 of the book where OKX sent one, trade id, or 0.
    #[inline]
    pub fn first_id(&self, message: &Message) -> u64 {
        self.id(message, message.id_forms & 3, message.first_id)
    }

    /// Previous update id `pu` of futures diffs, 0 elsewhere.
    #[inline]
    pub fn previous_id(&self, message: &Message) -> u64 {
        let form = message.id_forms >> PREVIOUS_ID_SHIFT;
        self.id(message, form, message.previous_id)
    }

    #[inline]
    fn id(&self, message: &Message, form: u8, stored: u32) -> u64 {
        match form {
            BELOW_LAST => message.last_id.wrapping_sub(u64::from(stored)),
            WHOLE => u64::from(stored),
            // Present by construction: only `pack` writes this form.
            _ => self.wide_ids.get(stored as usize).copied().unwrap_or(0),
        }
    }

    fn pack(&mut self, id: u64, last_id: u64) -> (u8, u32) {
        if let Ok(below) = u32::try_from(last_id.wrapping_sub(id)) {
            return (BELOW_LAST, below);
        }
        if let Ok(whole) = u32::try_from(id) {
            return (WHOLE, whole);
        }
        self.wide_ids.push(id);
        (WIDE, (self.wide_ids.len() - 1) as u32)
    }

    /// Everything that a message of this block carries.
    pub fn fields(&self, message: &Message) -> MessageFields {
        MessageFields {
            local_ns: message.local_ns,
            exchange_ns: message.exchange_ns,
            first_id: self.first_id(message),
            last_id: message.last_id,
            previous_id: self.previous_id(message),
            levels_start: message.levels_start,
            bids: message.bids,
            asks: message.asks,
            kind: message.kind,
            flags: message.flags,
        }
    }

    /// Appends a message whose levels are rows of this block.
    #[inline]
    pub fn push(&mut self, fields: MessageFields) {
        let (first_form, first_id) = self.pack(fields.first_id, fields.last_id);
        let (previous_form, previous_id) = self.pack(fields.previous_id, fields.last_id);
        self.messages.push(Message {
            local_ns: fields.local_ns,
            exchange_ns: fields.exchange_ns,
            last_id: fields.last_id,
            first_id,
            previous_id,
            levels_start: fields.levels_start,
            bids: fields.bids,
            asks: fields.asks,
            kind: fields.kind,
            flags: fields.flags,
            id_forms: first_form | previous_form << PREVIOUS_ID_SHIFT,
        });
    }

    /// Appends a message of another block with its levels.
    pub fn push_from(&mut self, other: &EventBlock, message: &Message) {
        let levels_start = self.levels.len() as u32;
        self.levels
            .extend_from_slice(&other.levels[message.level_rows()]);
        self.push_moved(other, message, levels_start);
    }

    /// Appends a message of another block whose levels are here already.
    fn push_moved(&mut self, other: &EventBlock, message: &Message, levels_start: u32) {
        if message.has_wide_ids() {
            self.push(MessageFields {
                levels_start,
                ..other.fields(message)
            });
        } else {
            self.messages.push(Message {
                levels_start,
                ..*message
            });
        }
    }

    /// Appends messages of another block with their levels.
    pub fn extend_from(&mut self, other: &EventBlock, messages: Range<usize>) {
        let messages = &other.messages[messages];
        let Some(first) = messages.first().map(|m| m.levels_start as usize) else {
            return;
        };
        // Blocks hold the levels of their messages one after the other, unless somebody built one by hand.
        let mut next = first;
        let in_a_row = messages.iter().all(|message| {
            let rows = message.level_rows();
            let follows = rows.start == next;
            next = rows.end;
            follows
        });
        if !in_a_row {
            for message in messages {
                self.push_from(other, message);
            }
            return;
        }
        let base = self.levels.len() as u32;
        self.levels.extend_from_slice(&other.levels[first..next]);
        self.messages.reserve(messages.len());
        for message in messages {
            self.push_moved(other, message, message.levels_start - first as u32 + base);
        }
    }

    pub fn clear(&mut self) {
        self.messages.clear();
        self.levels.clear();
        self.wide_ids.clear();
    }

    /// The events in a block that has no room unused; what is left behind is empty and may keep its room.
    pub fn take(&mut self) -> EventBlock {
        if self.heap_bytes() <= MOST_KEPT_BYTES {
            let taken = self.clone();
            self.clear();
            return taken;
        }
        let mut taken = std::mem::take(self);
        taken.shrink_to_fit();
        taken
    }

    /// Gives back the room that is not used.
    pub fn shrink_to_fit(&mut self) {
        self.messages.shrink_to_fit();
        self.levels.shrink_to_fit();
        self.wide_ids.shrink_to_fit();
    }

    /// Bytes of the heap that the block holds, unused room included.
    pub fn heap_bytes(&self) -> usize {
        self.messages.capacity() * size_of::<Message>()
            + self.levels.capacity() * size_of::<Level>()
            + self.wide_ids.capacity() * size_of::<u64>()
    }
}

/// What blocks are as bytes: whole messages, whatever their layout in memory.
impl Serialize for EventBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut block = serializer.serialize_struct("EventBlock", 2)?;
        block.serialize_field("messages", &Whole(self))?;
        block.serialize_field("levels", &self.levels)?;
        block.end()
    }
}

/// The messages of a block, serialised as a sequence of [`MessageFields`].
struct Whole<'a>(&'a EventBlock);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Whole(block) = self;
        serializer.collect_seq(block.messages.iter().map(|message| block.fields(message)))
    }
}

impl<'de> Deserialize<'de> for EventBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EventBlock, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "EventBlock")]
        struct Parts {
            messages: Vec<MessageFields>,
            levels: Vec<Level>,
        }
        let Parts { messages, levels } = Parts::deserialize(deserializer)?;
        let mut block = EventBlock::with_capacity(messages.len(), 0);
        block.levels = levels;
        for fields in messages {
            block.push(fields);
        }
        block.shrink_to_fit();
        Ok(block)
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
