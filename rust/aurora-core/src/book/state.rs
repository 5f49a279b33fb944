//! What a book tells of itself: its state, its touch, its counts, and what a message did to it.

use serde::{Deserialize, Serialize};

use crate::event::Level;
use crate::instrument::Side;

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

pub(super) struct Unobserved;

impl LevelObserver for Unobserved {
    #[inline]
    fn level(&mut self, _: Side, _: Level, _: i64) {}
}
