//! Events for readers that know no update ids: what the synchronised book was made of, and nothing else.

use aurora_core::book::{Applied, Book, Ladder};
use aurora_core::event::{EventBlock, MessageFields, MessageKind};
use aurora_core::instrument::{Instrument, Side};

/// Follows the book of one instrument and keeps of its events those that a reader may apply as they come.
///
/// Diffs are kept where the book took them. A snapshot that synchronised the book becomes the whole book as it is
/// then, with the diffs that had waited for it; any other is dropped. Trades and tickers stay.
pub struct Synchroniser {
    book: Book,
    last_diff_exchange_ns: i64,
}

impl Synchroniser {
    pub fn new(instrument: &Instrument) -> Synchroniser {
        Synchroniser {
            book: Book::new(instrument.id.market, instrument.tick),
            last_diff_exchange_ns: i64::MIN,
        }
    }

    /// Diffs that came, whether or not the book took them.
    pub fn diffs(&self) -> u64 {
        self.book.counters().diffs
    }

    pub fn process(&mut self, events: &EventBlock) -> EventBlock {
        let mut kept = EventBlock::default();
        for message in &events.messages {
            let diffs_before = self.book.counters().diffs_applied;
            let applied = self.book.apply(events, message);
            let took_diffs = self.book.counters().diffs_applied > diffs_before;
            match message.kind {
                MessageKind::Trade | MessageKind::Ticker => kept.push_from(events, message),
                MessageKind::Diff => {
                    self.last_diff_exchange_ns = message.exchange_ns;
                    if took_diffs {
                        kept.push_from(events, message);
                    }
                }
                MessageKind::Snapshot if applied == Applied::Changed => {
                    // It holds what the diffs told, so it is not older than they are.
                    let exchange_ns = if took_diffs {
                        message.exchange_ns.max(self.last_diff_exchange_ns)
                    } else {
                        message.exchange_ns
                    };
                    let snapshot = MessageFields {
                        exchange_ns,
                        ..events.fields(message)
                    };
                    self.push_book(&mut kept, snapshot);
                }
                MessageKind::Snapshot => {}
            }
        }
        kept
    }

    fn push_book(&self, kept: &mut EventBlock, snapshot: MessageFields) {
        let ladder = self.book.ladder();
        let (bids, asks) = (ladder.levels(Side::Buy), ladder.levels(Side::Sell));
        kept.push(MessageFields {
            levels_start: kept.levels.len() as u32,
            bids: bids.len() as u32,
            asks: asks.len() as u32,
            ..snapshot
        });
        kept.levels.extend(bids);
        kept.levels.extend(asks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aurora_core::event::Level;
    use aurora_core::instrument::{InstrumentId, Market};
    use aurora_core::units::Money;
    use std::collections::BTreeMap;

    fn instrument(market: Market) -> Instrument {
        Instrument {
            id: InstrumentId {
                market,
                symbol: "BTCUSDT".into(),
            },
            price_exponent: 0,
            size_exponent: 0,
            tick: 1,
            lot: 1,
            min_notional: Money::ZERO,
        }
    }

    fn push(
        block: &mut EventBlock,
        kind: MessageKind,
        ids: (u64, u64, u64),
        exchange_ns: i64,
        bids: &[(i64, i64)],
    ) {
        block.push(MessageFields {
            local_ns: 100 + block.messages.len() as i64,
            exchange_ns,
            first_id: ids.0,
            last_id: ids.1,
            previous_id: ids.2,
            levels_start: block.levels.len() as u32,
            bids: bids.len() as u32,
            asks: 0,
            kind,
            flags: 0,
        });
        let levels = bids.iter().map(|(price, size)| Level {
            price: *price,
            size: *size,
        });
        block.levels.extend(levels);
    }

    /// The book of a reader that applies everything as it comes.
    fn followed(blocks: &[EventBlock]) -> Vec<(i64, i64)> {
        let mut bids = BTreeMap::new();
        for block in blocks {
            for message in &block.messages {
                match message.kind {
                    MessageKind::Snapshot => bids.clear(),
                    MessageKind::Diff => {}
                    _ => continue,
                }
                for level in block.bids(message) {
                    bids.insert(level.price, level.size);
                }
            }
        }
        bids.retain(|_, size| *size > 0);
        bids.into_iter().collect()
    }

    #[test]
    fn diffs_that_waited_become_part_of_the_snapshot() {
        let mut block = EventBlock::default();
        push(&mut block, MessageKind::Diff, (1, 5, 0), 10, &[(50, 9)]);
        push(&mut block, MessageKind::Trade, (0, 7, 0), 11, &[(51, 1)]);
        push(
            &mut block,
            MessageKind::Diff,
            (6, 12, 5),
            20,
            &[(51, 2), (49, 0)],
        );
        push(
            &mut block,
            MessageKind::Snapshot,
            (0, 8, 0),
            15,
            &[(50, 1), (49, 4)],
        );
        push(&mut block, MessageKind::Diff, (13, 14, 12), 30, &[(50, 0)]);
        // A gap: nothing more may be applied.
        push(&mut block, MessageKind::Diff, (20, 21, 19), 40, &[(50, 7)]);
        push(&mut block, MessageKind::Diff, (22, 23, 21), 50, &[(51, 0)]);
        let mut synchroniser = Synchroniser::new(&instrument(Market::BinanceUsdm));
        let kept = synchroniser.process(&block);
        let kinds: Vec<_> = kept.messages.iter().map(|m| (m.kind, m.local_ns)).collect();
        assert_eq!(
            kinds,
            [
                (MessageKind::Trade, 101),
                (MessageKind::Snapshot, 103),
                (MessageKind::Diff, 104)
            ]
        );
        assert_eq!(kept.messages[1].exchange_ns, 20);
        let level = |price, size| Level { price, size };
        assert_eq!(kept.bids(&kept.messages[1]), [level(51, 2), level(50, 1)]);
        assert_eq!(followed(&[kept]), [(51, 2)]);

        // The next snapshot that fits brings everything back, in a block of its own.
        let mut later = EventBlock::default();
        push(
            &mut later,
            MessageKind::Snapshot,
            (0, 22, 0),
            60,
            &[(50, 8), (51, 3)],
        );
        push(&mut later, MessageKind::Diff, (24, 25, 23), 70, &[(40, 1)]);
        let kept = synchroniser.process(&later);
        // The diff up to 23 had waited, and took 51 away.
        assert_eq!(followed(&[kept]), [(40, 1), (50, 8)]);
        assert_eq!(synchroniser.diffs(), 6);
    }

    #[test]
    fn a_source_without_ids_passes_unchanged() {
        let mut block = EventBlock::default();
        push(
            &mut block,
            MessageKind::Snapshot,
            (1, 1, 0),
            10,
            &[(51, 1), (50, 2)],
        );
        push(&mut block, MessageKind::Ticker, (2, 2, 0), 11, &[(51, 1)]);
        push(&mut block, MessageKind::Diff, (3, 3, 0), 12, &[(50, 0)]);
        push(&mut block, MessageKind::Snapshot, (4, 4, 0), 13, &[(48, 1)]);
        let mut synchroniser = Synchroniser::new(&instrument(Market::Hftbacktest));
        assert_eq!(synchroniser.process(&block), block);
    }

    #[test]
    fn an_old_snapshot_is_dropped() {
        let mut block = EventBlock::default();
        push(&mut block, MessageKind::Snapshot, (0, 8, 0), 10, &[(50, 1)]);
        push(&mut block, MessageKind::Diff, (7, 12, 5), 20, &[(51, 2)]);
        push(&mut block, MessageKind::Snapshot, (0, 9, 0), 30, &[(10, 1)]);
        let kept = Synchroniser::new(&instrument(Market::BinanceUsdm)).process(&block);
        assert_eq!(followed(&[kept]), [(50, 1), (51, 2)]);
    }
}
