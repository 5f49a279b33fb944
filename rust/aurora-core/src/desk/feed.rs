//! Market messages and quotes of one instrument, waiting for the desk's clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::event::{EventBlock, Message, MessageKind, FLAG_NO_MARKET_TRADE};
use crate::features::QuoteRow;

/// Processed messages kept in front of the buffer before it is compacted.
const COMPACT_AT: usize = 4096;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Feed {
    block: EventBlock,
    /// Sequence of the first message in `block`.
    base: u64,
    /// Index in `block` of the next message to arrive locally.
    next: usize,
    /// Venue time of the last depth message that arrived: none after it may be matched before it.
    last_depth_ns: i64,
    /// Local time of the last message added.
    last_local_ns: Option<i64>,
    last_quote_ns: Option<i64>,
    /// Local time of the first message that arrived, and what has been traded since.
    first_local_ns: Option<i64>,
    traded: i64,
    /// Of that, what execution has not been told.
    untold: i64,
    pub quotes: VecDeque<QuoteRow>,
}

impl Feed {
    pub fn new() -> Feed {
        Feed {
            last_depth_ns: i64::MIN,
            ..Feed::default()
        }
    }

    /// Appends messages; `oldest_waiting` is the sequence of the oldest arrived message still to be matched.
    pub fn add(&mut self, block: &EventBlock, oldest_waiting: Option<u64>) {
        let keep_from =
            oldest_waiting.map_or(self.next, |sequence| (sequence - self.base) as usize);
        if keep_from == self.block.messages.len() {
            self.block.clear();
            self.drop_front(keep_from);
        } else if keep_from >= COMPACT_AT && keep_from * 2 >= self.block.messages.len() {
            let mut kept = EventBlock::default();
            kept.extend_from(&self.block, keep_from..self.block.messages.len());
            self.block = kept;
            self.drop_front(keep_from);
        }
        self.block.extend_from(block, 0..block.messages.len());
        if let Some(last) = block.messages.last() {
            self.last_local_ns = Some(last.local_ns);
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.base += count as u64;
        self.next -= count;
    }

    pub fn last_local_ns(&self) -> Option<i64> {
        self.last_local_ns
    }

    pub fn level_count(&self) -> usize {
        self.block.levels.len()
    }

    pub fn add_quotes(&mut self, rows: &[QuoteRow]) {
        self.quotes.extend(rows);
        if let Some(last) = rows.last() {
            self.last_quote_ns = Some(last.local_ns);
        }
    }

    pub fn last_quote_ns(&self) -> Option<i64> {
        self.last_quote_ns
    }

    /// Local time of the next message to arrive.
    #[inline]
    pub fn next_local_ns(&self) -> Option<i64> {
        self.block
            .messages
            .get(self.next)
            .map(|message| message.local_ns)
    }

    /// Lets the next message arrive: its sequence and its time at the venue, which is its exchange time, or
    /// the time at which the venue's cursor stands when it arrives later than that, and for depth never before
    /// the depth message that arrived before it.
    #[inline]
    pub fn arrive(&mut self, response_latency_ns: i64) -> (u64, i64) {
        let message = &self.block.messages[self.next];
        let mut venue_ns = message
            .exchange_ns
            .max(message.local_ns.saturating_sub(response_latency_ns));
        if matches!(message.kind, MessageKind::Diff | MessageKind::Snapshot) {
            venue_ns = venue_ns.max(self.last_depth_ns);
            self.last_depth_ns = venue_ns;
        } else if message.kind == MessageKind::Trade && !message.has(FLAG_NO_MARKET_TRADE) {
            let size: i64 = self.block.bids(message).iter().map(|one| one.size).sum();
            self.traded = self.traded.saturating_add(size);
            self.untold = self.untold.saturating_add(size);
        }
        if self.first_local_ns.is_none() {
            self.first_local_ns = Some(message.local_ns);
        }
        let sequence = self.base + self.next as u64;
        self.next += 1;
        (sequence, venue_ns)
    }

    /// Size traded by messages that have arrived since the last call.
    pub fn take_untold(&mut self) -> i64 {
        std::mem::take(&mut self.untold)
    }

    /// What is traded on average in `span_ns`, by all that arrived before `now_ns`; none before time has passed.
    pub fn average_volume(&self, span_ns: i64, now_ns: i64) -> Option<i64> {
        let passed_ns = now_ns.checked_sub(self.first_local_ns?)?;
        if passed_ns <= 0 {
            return None;
        }
        let volume = i128::from(self.traded) * i128::from(span_ns.max(0)) / i128::from(passed_ns);
        i64::try_from(volume).ok()
    }

    #[inline]
    pub fn message(&self, sequence: u64) -> (&EventBlock, Message) {
        let index = (sequence - self.base) as usize;
        (&self.block, self.block.messages[index])
    }
}
