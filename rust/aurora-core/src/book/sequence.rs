//! Sequence rules: which diff follows which, and which one meets a snapshot.
//!
//! Binance futures: drop diffs with `u < lastUpdateId`; the first applied one satisfies `U <= lastUpdateId <= u`, then
//! `pu` equals the previous `u`. Binance spot: drop `u <= lastUpdateId`; the first satisfies `U <= lastUpdateId + 1 <= u`,
//! then `U` equals the previous `u` + 1. Elsewhere snapshots are part of the stream: any of them replaces the book,
//! diffs follow by id, name the id before them, or cannot be checked.

use crate::event::{EventBlock, Message};
use crate::instrument::SequenceRule;

impl SequenceRule {
    /// Whether a diff follows the one whose last id is `previous`.
    #[inline]
    pub(super) fn continues(self, block: &EventBlock, diff: &Message, previous: u64) -> bool {
        match self {
            SequenceRule::BinanceSpot | SequenceRule::Increment => {
                Some(block.first_id(diff)) == previous.checked_add(1)
            }
            SequenceRule::BinanceFutures => block.previous_id(diff) == previous,
            // A venue that sends no ids says 0.
            SequenceRule::Linked => diff.last_id() == 0 || block.previous_id(diff) == previous,
            SequenceRule::Unchecked => true,
        }
    }

    /// Whether snapshots are answers to a request, to be met by diffs, instead of part of the stream.
    pub(super) fn requests_snapshots(self) -> bool {
        matches!(
            self,
            SequenceRule::BinanceFutures | SequenceRule::BinanceSpot
        )
    }

    /// Whether a diff that does not continue the one before has been seen already. Where snapshots are part of the
    /// stream, it is one connection's and in order: a smaller id tells of a restart that was missed, not of the past.
    pub(super) fn repeats(self, diff: &Message, received: u64) -> bool {
        if self.requests_snapshots() {
            diff.last_id() <= received
        } else {
            diff.last_id() == received
        }
    }

    pub(super) fn older_than_snapshot(self, diff: &Message, snapshot_id: u64) -> bool {
        match self {
            SequenceRule::BinanceFutures => diff.last_id() < snapshot_id,
            _ => diff.last_id() <= snapshot_id,
        }
    }

    /// Whether a diff is the first to be applied to a requested snapshot.
    pub(super) fn brackets(self, block: &EventBlock, diff: &Message, snapshot_id: u64) -> bool {
        let (first_id, last_id) = (block.first_id(diff), diff.last_id());
        match self {
            SequenceRule::BinanceFutures => {
                (first_id <= snapshot_id && snapshot_id <= last_id)
                    || block.previous_id(diff) == snapshot_id
            }
            _ => first_id <= snapshot_id.saturating_add(1) && snapshot_id < last_id,
        }
    }
}
