//! The book of one instrument: ladder, sequence rules, staleness, touch.
//!
//! Binance futures: drop diffs with `u < lastUpdateId`; the first applied one satisfies `U <= lastUpdateId <= u`, then
//! `pu` equals the previous `u`. Binance spot: drop `u <= lastUpdateId`; the first satisfies `U <= lastUpdateId + 1 <= u`,
//! then `U` equals the previous `u` + 1. Elsewhere ([`SequenceRule`]) snapshots are part of the stream: any of them
//! replaces the book, diffs follow by id, name the id before them, or cannot be checked. A discontinuity makes the
//! book stale until the next snapshot, the ladder then stays as it was when last synchronised; so does a checksum that
//! differs from the venue's, once its message is applied.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::checksum::{checksum, Decimals};
use super::{Ladder, WindowLadder};
use crate::event::{EventBlock, Level, Message, MessageKind};
use crate::instrument::{Market, SequenceRule, Side};

/// Why a book is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StaleReason {
    /// A diff did not continue the one before.
    Gap,
    /// The snapshot did not meet the diffs around it.
    SnapshotMismatch,
    /// The venue's checksum of its book differs from ours.
    Checksum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookState {
    AwaitingSnapshot,
    Synced,
    Stale(StaleReason),
    /// Read without a snapshot, on request: the ladder holds what diffs have shown so far and no more.
    Unsynchronised,
}

impl BookState {
    pub fn is_synced(self) -> bool {
        self == BookState::Synced
    }

    /// Whether the ladder may be read: synchronised, or unsynchronised on request.
    pub fn is_usable(self) -> bool {
        matches!(self, BookState::Synced | BookState::Unsynchronised)
    }

    /// 0 synced, 1 awaiting a snapshot, 2 stale after a gap, 3 stale after a snapshot that did not fit, 4 stale
    /// after a checksum that did not match, 5 unsynchronised on request.
    pub fn code(self) -> u8 {
        match self {
            BookState::Synced => 0,
            BookState::AwaitingSnapshot => 1,
            BookState::Stale(StaleReason::Gap) => 2,
            BookState::Stale(StaleReason::SnapshotMismatch) => 3,
            BookState::Stale(StaleReason::Checksum) => 4,
            BookState::Unsynchronised => 5,
        }
    }
}

/// Best bid and ask, sizes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub bid: Level,
    pub ask: Level,
}

/// What happened to a book so far; every count is of messages unless it says levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookCounters {
    pub diffs: u64,
    pub diffs_applied: u64,
    pub duplicates: u64,
    /// Level rows of applied diffs.
    pub level_updates: u64,
    /// Discontinuities, also those met while the book was stale or awaited a snapshot.
    pub gaps: u64,
    pub snapshots: u64,
    /// Id of the last snapshot that synchronised the book.
    pub snapshot_id: u64,
    /// Messages after which the book was crossed or locked.
    pub crossed: u64,
    /// Tickers whose update id the ladder also reached, and those of them that equal the ladder's touch.
    pub ticker_same_id: u64,
    pub ticker_equal: u64,
    /// Checksums the venue sent with a message, and those of them that our book gave too.
    pub checksums: u64,
    pub checksums_equal: u64,
}

impl BookCounters {
    /// Diffs dropped or never applied.
    pub fn diffs_stale(&self) -> u64 {
        self.diffs - self.diffs_applied
    }
}

/// What a message did to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Nothing that can be seen.
    None,
    /// Ladder or touch may have changed.
    Changed,
    /// The book lost its synchronisation.
    Lost,
}

/// Sees what diffs do to the ladder, level by level.
pub trait LevelObserver {
    /// `level` was set on `side`, where `before` had been its size.
    fn level(&mut self, side: Side, level: Level, before: i64);
}

struct Unobserved;

impl LevelObserver for Unobserved {
    #[inline]
    fn level(&mut self, _: Side, _: Level, _: i64) {}
}

/// Diffs kept for a coming snapshot; more than this and the oldest go (a snapshot is never that old).
const MAX_PENDING_DIFFS: usize = 50_000;
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

    fn continues(&self, block: &EventBlock, message: &Message, previous: u64) -> bool {
        match self.rule {
            SequenceRule::BinanceSpot | SequenceRule::Increment => {
                Some(block.first_id(message)) == previous.checked_add(1)
            }
            SequenceRule::BinanceFutures => block.previous_id(message) == previous,
            // A venue that sends no ids says 0.
            SequenceRule::Linked => {
                message.last_id() == 0 || block.previous_id(message) == previous
            }
            SequenceRule::Unchecked => true,
        }
    }

    /// Whether snapshots are answers to a request, to be met by diffs, instead of part of the stream.
    fn requests_snapshots(&self) -> bool {
        matches!(
            self.rule,
            SequenceRule::BinanceFutures | SequenceRule::BinanceSpot
        )
    }

    /// Whether a diff that does not continue the one before has been seen already. Where snapshots are part of the
    /// stream, it is one connection's and in order: a smaller id tells of a restart that was missed, not of the past.
    fn repeats(&self, message: &Message, received: u64) -> bool {
        if self.requests_snapshots() {
            message.last_id() <= received
        } else {
            message.last_id() == received
        }
    }

    fn older_than_snapshot(&self, message: &Message, snapshot_id: u64) -> bool {
        match self.rule {
            SequenceRule::BinanceFutures => message.last_id() < snapshot_id,
            _ => message.last_id() <= snapshot_id,
        }
    }

    fn brackets(&self, block: &EventBlock, message: &Message, snapshot_id: u64) -> bool {
        match self.rule {
            SequenceRule::BinanceFutures => {
                (block.first_id(message) <= snapshot_id && snapshot_id <= message.last_id())
                    || block.previous_id(message) == snapshot_id
            }
            _ => {
                block.first_id(message) <= snapshot_id.saturating_add(1)
                    && snapshot_id < message.last_id()
            }
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
            if !self.continues(block, message, received) {
                if self.repeats(message, received) {
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
                if self.older_than_snapshot(message, self.ladder_id) {
                    return Applied::None;
                }
                if !self.brackets(block, message, self.ladder_id) {
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
                self.apply_levels(block, message, observer);
                Applied::Changed
            }
            BookState::AwaitingSnapshot | BookState::Stale(_) => {
                if self.requests_snapshots() {
                    self.keep_pending(block, message, broken);
                }
                Applied::None
            }
        }
    }

    fn lose(&mut self, reason: StaleReason, block: &EventBlock, message: &Message) -> Applied {
        self.state = BookState::Stale(reason);
        self.awaiting_bracket = false;
        if self.requests_snapshots() {
            self.keep_pending(block, message, false);
        }
        Applied::Lost
    }

    fn keep_pending(&mut self, block: &EventBlock, message: &Message, broken: bool) {
        if self.pending.messages.len() >= MAX_PENDING_DIFFS {
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
        if !self.requests_snapshots() {
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
            .position(|diff| !self.older_than_snapshot(diff, snapshot_id));
        if let Some(first) = first {
            if !self.brackets(&pending, &pending.messages[first], snapshot_id) {
                // Diffs between snapshot and stream are missing; counted when they were, unless the stream began so.
                self.counters.gaps += u64::from(
                    first == 0 && !breaks[first] && self.state == BookState::AwaitingSnapshot,
                );
                self.state = BookState::Stale(StaleReason::SnapshotMismatch);
                self.pending = pending;
                self.pending_breaks = breaks;
                return Applied::None;
            }
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
