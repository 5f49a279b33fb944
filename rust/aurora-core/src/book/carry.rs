//! A book as messages, so that reading can begin in mid-stream.

use super::{Book, Ladder, Quote};
use crate::event::{EventBlock, Level, MessageFields, MessageKind, FLAG_BOOK_CARRIED};
use crate::instrument::Side;

impl Book {
    /// Messages that bring a new book to where this one stands: a snapshot of the ladder (for a book that is not
    /// synchronised, the diffs it keeps for a coming one), and the last ticker.
    ///
    /// All of them carry [`FLAG_BOOK_CARRIED`] and the given times. The snapshot's id is that of the last diff
    /// applied, so what follows is met by the sequence rule of any market.
    pub fn carried(&self, local_ns: i64, exchange_ns: i64) -> EventBlock {
        let mut block = EventBlock::default();
        let blank = MessageFields {
            local_ns,
            exchange_ns,
            first_id: 0,
            last_id: self.update_id(),
            previous_id: 0,
            levels_start: 0,
            bids: 0,
            asks: 0,
            kind: MessageKind::Snapshot,
            flags: FLAG_BOOK_CARRIED,
        };
        if self.state().is_synced() {
            let ladder = self.ladder();
            append(
                &mut block,
                blank,
                &ladder.levels(Side::Buy),
                &ladder.levels(Side::Sell),
            );
        } else {
            let pending = self.pending();
            for diff in &pending.messages {
                let carried = MessageFields {
                    local_ns,
                    exchange_ns,
                    flags: diff.flags | FLAG_BOOK_CARRIED,
                    ..pending.fields(diff)
                };
                append(&mut block, carried, pending.bids(diff), pending.asks(diff));
            }
        }
        if let Some((id, Quote { bid, ask })) = self.last_ticker() {
            let ticker = MessageFields {
                kind: MessageKind::Ticker,
                last_id: id,
                ..blank
            };
            append(&mut block, ticker, &[bid], &[ask]);
        }
        block
    }
}

fn append(block: &mut EventBlock, message: MessageFields, bids: &[Level], asks: &[Level]) {
    block.push(MessageFields {
        levels_start: block.levels.len() as u32,
        bids: bids.len() as u32,
        asks: asks.len() as u32,
        ..message
    });
    block.levels.extend_from_slice(bids);
    block.levels.extend_from_slice(asks);
}

#[cfg(test)]
#[path = "carry_tests.rs"]
mod tests;
