//! The book of one instrument: ladder, sequence rules, staleness, touch.
//!
//! Messages are taken by the sequence rule of their market ([`super::sequence`]). A discontinuity makes the book stale
//! until the next snapshot, the ladder then stays as it was when last synchronised; so does a checksum that differs from
//! the venue's, once its message is applied. A requested snapshot that is older than a synchronised book is ignored.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::checksum::{checksum, Decimals};
use super::state::{
    Applied, BookCounters, BookState, LevelObserver, Quote, StaleReason, Unobserved,
};
use super::{Ladder, WindowLadder};
use crate::event::{EventBlock, Message, MessageKind};
use crate::instrument::{Market, SequenceRule, Side};

/// Diffs kept for a coming snapshot; more than this and the oldest go (a snapshot is never that old).
const MAX_PENDING_DIFFS: usize = 50_000;
/// Levels of them (16 MB).
const MAX_PENDING_LEVELS: usize = 1 << 20;
/// Tickers ahead of the ladder kept for the same-id check.
const MAX_TICKERS_AHEAD: usize = 65_536;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Book {
    rule: SequenceRule,
    /// Where the venue's messages carry checksums: what its texts are made with.
    checked: Option<Decimals>,
    ladder: WindowLadder,
    state: BookState,
    counters: BookCounters,
    /// `u` of the last diff applied, or the snapshot id before the first.
    ladder_id: u64,
    /// The next diff must bracket the snapshot instead of following a diff.
    awaiting_bracket: bool,
    /// `u` of the last diff received, applied or not.
    received_id: Option<u64>,
    pending: EventBlock,
    /// For each pending diff: it did not continue the one before it.
    pending_breaks: Vec<bool>,
    ticker: Option<(u64, Quote)>,
    tickers_ahead: VecDeque<(u64, Quote)>,
}

impl Book {
    pub fn new(market: Market, tick: i64) -> Book {
        Book {
            rule: market.sequence_rule(),
            checked: None,
            ladder: WindowLadder::new(tick),
            state: BookState::AwaitingSnapshot,
            counters: BookCounters::default(),
            ladder_id: 0,
            awaiting_bracket: false,
            received_id: None,
            pending: EventBlock::default(),
            pending_breaks: Vec::new(),
            ticker: None,
            tickers_ahead: VecDeque::new(),
        }
    }

    /// A book that is read although no snapshot came: levels appear as diffs show them.
    pub fn unsynchronised(market: Market, tick: i64) -> Book {
        Book {
            state: BookState::Unsynchronised,
            ..Book::new(market, tick)
        }
    }

    /// The same book, which verifies the checksums of its market's messages, where there are any: they are of
    /// decimal texts.
    #[must_use]
    pub fn with_decimals(self, price_exponent: u8, size_exponent: u8) -> Book {
        // Only linked streams (OKX) carry checksums, in `first_id`.
        let checked = (self.rule == SequenceRule::Linked).then_some(Decimals {
            price_exponent,
            size_exponent,
        });
        Book { checked, ..self }
    }

    pub fn ladder(&self) -> &WindowLadder {
        &self.ladder
    }

    pub fn state(&self) -> BookState {
        self.state
    }

    pub fn counters(&self) -> &BookCounters {
        &self.counters
    }

    /// Update id that the ladder stands at.
    pub fn update_id(&self) -> u64 {
        self.ladder_id
    }

    /// Diffs kept for a coming snapshot while the book is not synchronised.
    pub fn pending(&self) -> &EventBlock {
        &self.pending
    }

    /// The last ticker and its update id, whether or not it overlays the ladder.
    pub fn last_ticker(&self) -> Option<(u64, Quote)> {
        self.ticker
    }

    /// The touch: the ladder's best levels, overlaid by a ticker whose id is beyond the ladder's.
    /// None while the book is not synchronised or has an empty side.
    pub fn touch(&self) -> Option<Quote> {
        if !self.state.is_usable() {
            return None;
        }
        if let Some((id, quote)) = self.ticker {
            if id > self.ladder_id {
                return Some(quote);
            }
        }
        self.ladder_touch()
    }

    fn ladder_touch(&self) -> Option<Quote> {
        Some(Quote {
            bid: self.ladder.best(Side::Buy)?,
            ask: self.ladder.best(Side::Sell)?,
        })
    }

    /// Takes one message of `block`.
    pub fn apply(&mut self, block: &EventBlock, message: &Message) -> Applied {
        self.apply_observed(block, message, &mut Unobserved)
    }

    /// The same, telling `observer` of every level that a diff of a synchronised book changes.
    #[inline]
    pub fn apply_observed(
        &mut self,
        block: &EventBlock,
        message: &Message,
        observer: &mut impl LevelObserver,
    ) -> Applied {
        match message.kind {
            MessageKind::Diff => self.apply_diff(block, message, observer),
            MessageKind::Snapshot => self.apply_snapshot(block, message),
            MessageKind::Ticker => self.apply_ticker(block, message),
            MessageKind::Trade => Applied::None,
        }
    }

    fn apply_diff(
        &mut self,
        block: &EventBlock,
        message: &Message,
        observer: &mut impl LevelObserver,
    ) -> Applied {
        self.counters.diffs += 1;
        let mut broken = false;
        if let Some(received) = self.received_id {
            if !self.rule.continues(block, message, received) {
                if self.rule.repeats(message, received) {
                    self.counters.duplicates += 1;
                    return Applied::None;
                }
                broken = true;
                self.counters.gaps += 1;
            }
        }
        self.received_id = Some(message.last_id());
        match self.state {
            BookState::Synced if self.awaiting_bracket => {
                if self.rule.older_than_snapshot(message, self.ladder_id) {
                    return Applied::None;
                }
                if !self.rule.brackets(block, message, self.ladder_id) {
                    // A discontinuity to the diff before it has been counted already.
                    self.counters.gaps += u64::from(!broken);
                    return self.lose(StaleReason::SnapshotMismatch, block, message);
                }
                self.awaiting_bracket = false;
                self.apply_levels(block, message, observer);
                Applied::Changed
            }
            BookState::Synced if broken => self.lose(StaleReason::Gap, block, message),
            BookState::Synced => {
                self.apply_levels(block, message, observer);
                self.verify(block, message)
            }
            BookState::Unsynchronised => {
                if self.rule.requests_snapshots() {
                    // One may come yet, and then these diffs belong behind it.
                    self.keep_pending(block, message, broken);
                }
                self.apply_levels(block, message, observer);
                Applied::Changed
            }
            BookState::AwaitingSnapshot | BookState::Stale(_) => {
                if self.rule.requests_snapshots() {
                    self.keep_pending(block, message, broken);
                }
                Applied::None
            }
        }
    }

    fn lose(&mut self, reason: StaleReason, block: &EventBlock, message: &Message) -> Applied {
        self.state = BookState::Stale(reason);
        self.awaiting_bracket = false;
        if self.rule.requests_snapshots() {
            self.keep_pending(block, message, false);
        }
        Applied::Lost
    }

    fn keep_pending(&mut self, block: &EventBlock, message: &Message, broken: bool) {
        if self.pending.messages.len() >= MAX_PENDING_DIFFS
            || (self.pending.levels.len() >= MAX_PENDING_LEVELS && self.pending.messages.len() > 1)
        {
            let mut kept = EventBlock::default();
            let half = self.pending.messages.len() / 2;
            for old in &self.pending.messages[half..] {
                kept.push_from(&self.pending, old);
            }
            self.pending_breaks.drain(..half);
            self.pending = kept;
        }
        self.pending.push_from(block, message);
        self.pending_breaks.push(broken);
    }

    #[inline]
    fn apply_levels(
        &mut self,
        block: &EventBlock,
        message: &Message,
        observer: &mut impl LevelObserver,
    ) {
        for level in block.bids(message) {
            let before = self.ladder.set(Side::Buy, level.price, level.size);
            observer.level(Side::Buy, *level, before);
        }
        for level in block.asks(message) {
            let before = self.ladder.set(Side::Sell, level.price, level.size);
            observer.level(Side::Sell, *level, before);
        }
        self.counters.diffs_applied += 1;
        self.counters.level_updates += u64::from(message.bids) + u64::from(message.asks);
        self.ladder_id = message.last_id();
        let touch = self.ladder_touch();
        while let Some((id, quote)) = self.tickers_ahead.front().copied() {
            if id > self.ladder_id {
                break;
            }
            self.tickers_ahead.pop_front();
            if id == self.ladder_id {
                self.counters.ticker_same_id += 1;
                self.counters.ticker_equal += u64::from(touch == Some(quote));
            }
        }
        if touch.is_some_and(|quote| quote.bid.price >= quote.ask.price) {
            self.counters.crossed += 1;
        }
    }

    fn apply_snapshot(&mut self, block: &EventBlock, message: &Message) -> Applied {
        self.counters.snapshots += 1;
        let snapshot_id = message.last_id();
        if !self.rule.requests_snapshots() {
            self.replace(block, message);
            self.received_id = Some(snapshot_id);
            self.note_crossed();
            return self.verify(block, message);
        }
        if self.state.is_synced() && snapshot_id < self.ladder_id {
            // Older than a book that is right: applying it would throw away diffs we no longer hold.
            return Applied::None;
        }
        let pending = std::mem::take(&mut self.pending);
        let breaks = std::mem::take(&mut self.pending_breaks);
        let first = pending
            .messages
            .iter()
            .position(|diff| !self.rule.older_than_snapshot(diff, snapshot_id));
        if let Some(first) = first {
            if !self
                .rule
                .brackets(&pending, &pending.messages[first], snapshot_id)
            {
                // Diffs between snapshot and stream are missing; counted when they were, unless the stream began so.
                self.counters.gaps += u64::from(
                    first == 0 && !breaks[first] && self.state == BookState::AwaitingSnapshot,
                );
                if self.state != BookState::Unsynchronised {
                    self.state = BookState::Stale(StaleReason::SnapshotMismatch);
                }
                self.pending = pending;
                self.pending_breaks = breaks;
                return Applied::None;
            }
        }
        if self.state == BookState::Unsynchronised {
            // Applied as they came; they are applied once more, and counted once.
            let again = &pending.messages[first.unwrap_or(pending.messages.len())..];
            self.counters.diffs_applied -= again.len() as u64;
            let rows = again.iter().map(|m| u64::from(m.bids) + u64::from(m.asks));
            self.counters.level_updates -= rows.sum::<u64>();
        }
        self.replace(block, message);
        self.awaiting_bracket = first.is_none();
        if let Some(first) = first {
            for (index, diff) in pending.messages.iter().enumerate().skip(first) {
                if index > first && breaks[index] {
                    self.state = BookState::Stale(StaleReason::Gap);
                    for (rest, broken) in pending.messages[index..].iter().zip(&breaks[index..]) {
                        self.pending.push_from(&pending, rest);
                        self.pending_breaks.push(*broken);
                    }
                    return Applied::Lost;
                }
                self.apply_levels(&pending, diff, &mut Unobserved);
            }
        }
        Applied::Changed
    }

    /// Compares the ladder with the checksum that came with the message just applied, if any.
    #[inline]
    fn verify(&mut self, block: &EventBlock, message: &Message) -> Applied {
        let Some(decimals) = self.checked.filter(|_| block.first_id(message) != 0) else {
            return Applied::Changed;
        };
        self.counters.checksums += 1;
        if u64::from(checksum(&self.ladder, decimals)) == block.first_id(message) {
            self.counters.checksums_equal += 1;
            return Applied::Changed;
        }
        self.state = BookState::Stale(StaleReason::Checksum);
        Applied::Lost
    }

    /// The ladder becomes the snapshot.
    fn replace(&mut self, block: &EventBlock, message: &Message) {
        self.ladder.clear();
        for level in block.bids(message) {
            self.ladder.set(Side::Buy, level.price, level.size);
        }
        for level in block.asks(message) {
            self.ladder.set(Side::Sell, level.price, level.size);
        }
        self.ladder_id = message.last_id();
        self.counters.snapshot_id = message.last_id();
        self.state = BookState::Synced;
    }

    fn note_crossed(&mut self) {
        let touch = self.ladder_touch();
        self.counters.crossed +=
            u64::from(touch.is_some_and(|quote| quote.bid.price >= quote.ask.price));
    }

    fn apply_ticker(&mut self, block: &EventBlock, message: &Message) -> Applied {
        let (Some(bid), Some(ask)) = (block.bids(message).first(), block.asks(message).first())
        else {
            return Applied::None;
        };
        let quote = Quote {
            bid: *bid,
            ask: *ask,
        };
        let id = message.last_id();
        if self.ticker.is_some_and(|(last, _)| id < last) {
            return Applied::None;
        }
        self.ticker = Some((id, quote));
        if !self.state.is_usable() {
            return Applied::None;
        }
        if id == self.ladder_id {
            self.counters.ticker_same_id += 1;
            self.counters.ticker_equal += u64::from(self.ladder_touch() == Some(quote));
        } else if id > self.ladder_id {
            if self.tickers_ahead.len() >= MAX_TICKERS_AHEAD {
                self.tickers_ahead.pop_front();
            }
            self.tickers_ahead.push_back((id, quote));
            return Applied::Changed;
        }
        Applied::None
    }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
