//! Binance books from streams with losses, repeats and snapshots of any age, held against the market itself.
//!
//! The market is made first: the size at every price after every update id. Diffs and snapshots tell of it as the venue
//! would; what a synchronised book shows must be the market as it was at the book's id, whatever arrived and when.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{EventBlock, Level, MessageFields, MessageKind};
use crate::instrument::{Market, Side};

const ASK: i64 = 1_000;

/// Bids after each update id, the first being id `FIRST_ID`.
type History = Vec<BTreeMap<i64, i64>>;

const FIRST_ID: u64 = 1_000;

fn history(changes: &[(i64, i64)]) -> History {
    let mut bids = BTreeMap::from([(1, 1)]);
    let mut history = vec![bids.clone()];
    for (price, size) in changes {
        if *size == 0 {
            bids.remove(price);
        } else {
            bids.insert(*price, *size);
        }
        history.push(bids.clone());
    }
    history
}

/// What arrives.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    /// The next diff, of so many ids.
    Diff(u64),
    /// The next diff, of so many ids, lost on the way.
    Lost(u64),
    /// The diff before, once more.
    Again,
    /// A snapshot of the market so many ids ago (or, negative, ahead of the stream).
    Snapshot(i64),
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = prop_oneof![
        12 => (1..4u64).prop_map(Arrival::Diff),
        1 => (1..4u64).prop_map(Arrival::Lost),
        1 => Just(Arrival::Again),
        3 => (-6..12i64).prop_map(Arrival::Snapshot),
    ];
    prop::collection::vec(arrival, 0..60)
}

struct Stream {
    market: Market,
    history: History,
    /// Last id told by a diff.
    id: u64,
    /// The diff that arrived last.
    last_diff: Option<MessageFields>,
    diff_levels: Vec<Level>,
    block: EventBlock,
}

impl Stream {
    fn at(&self, id: u64) -> &BTreeMap<i64, i64> {
        &self.history[(id - FIRST_ID) as usize]
    }

    fn newest(&self) -> u64 {
        FIRST_ID + self.history.len() as u64 - 1
    }

    fn add(&mut self, fields: MessageFields, levels: &[Level]) {
        let levels_start = self.block.levels.len() as u32;
        self.block.levels.extend_from_slice(levels);
        self.block.push(MessageFields {
            levels_start,
            ..fields
        });
    }

    fn fields(kind: MessageKind, ids: (u64, u64, u64), bids: usize, asks: usize) -> MessageFields {
        MessageFields {
            local_ns: 0,
            exchange_ns: 0,
            first_id: ids.0,
            last_id: ids.1,
            previous_id: ids.2,
            levels_start: 0,
            bids: bids as u32,
            asks: asks as u32,
            kind,
            flags: 0,
        }
    }

    /// The diff of the next ids; false where the market has ended.
    fn diff(&mut self, count: u64, arrives: bool) -> bool {
        let (before, after) = (self.id, (self.id + count).min(self.newest()));
        if before == after {
            return false;
        }
        let (old, new) = (self.at(before).clone(), self.at(after).clone());
        // A diff names every price its ids touched, with its size at the end.
        let mut prices: Vec<i64> = (before + 1..=after)
            .flat_map(|id| {
                let (from, to) = (self.at(id - 1), self.at(id));
                let changed = |p: &&i64| from.get(p) != to.get(p);
                from.keys()
                    .chain(to.keys())
                    .filter(changed)
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect();
        prices.sort_unstable();
        prices.dedup();
        assert!(old == new || !prices.is_empty());
        let levels: Vec<Level> = prices
            .iter()
            .map(|price| Level {
                price: *price,
                size: new.get(price).copied().unwrap_or(0),
            })
            .collect();
        let previous = if self.market == Market::BinanceSpot {
            0
        } else {
            before
        };
        let fields = Stream::fields(
            MessageKind::Diff,
            (before + 1, after, previous),
            levels.len(),
            0,
        );
        self.id = after;
        if arrives {
            self.add(fields, &levels);
            self.last_diff = Some(fields);
            self.diff_levels = levels;
        }
        arrives
    }

    fn snapshot(&mut self, id: u64) {
        let mut levels: Vec<Level> = self
            .at(id)
            .iter()
            .rev()
            .map(|(price, size)| Level {
                price: *price,
                size: *size,
            })
            .collect();
        let bids = levels.len();
        levels.push(Level {
            price: ASK,
            size: 1,
        });
        self.add(
            Stream::fields(MessageKind::Snapshot, (0, id, 0), bids, 1),
            &levels,
        );
    }
}

fn shown(book: &Book) -> BTreeMap<i64, i64> {
    let levels = book.ladder().levels(Side::Buy);
    levels
        .iter()
        .map(|level| (level.price, level.size))
        .collect()
}

fn market() -> impl Strategy<Value = Market> {
    prop_oneof![
        Just(Market::BinanceUsdm),
        Just(Market::BinanceCoinm),
        Just(Market::BinanceSpot)
    ]
}

fn begin(market: Market, changes: &[(i64, i64)]) -> Stream {
    Stream {
        market,
        history: history(changes),
        id: FIRST_ID,
        last_diff: None,
        diff_levels: Vec::new(),
        block: EventBlock::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_synchronised_book_is_the_market_at_its_id(
        market in market(),
        changes in prop::collection::vec((1..20i64, 0..4i64), 0..120),
        arrivals in arrivals(),
        unsynchronised in any::<bool>(),
    ) {
        let mut stream = begin(market, &changes);
        let mut book = if unsynchronised { Book::unsynchronised(market, 1) } else { Book::new(market, 1) };
        // Id of the last diff before the first that is missing since the last snapshot that can serve.
        let mut lost_up_to = FIRST_ID;
        for arrival in arrivals {
            let (before, was) = (book.update_id(), book.state());
            let came = match arrival {
                Arrival::Diff(count) => stream.diff(count, true),
                Arrival::Lost(count) => {
                    let from = stream.id;
                    stream.diff(count, false);
                    if stream.id > from {
                        lost_up_to = stream.id;
                    }
                    false
                }
                Arrival::Again => match stream.last_diff {
                    Some(fields) => {
                        let levels = stream.diff_levels.clone();
                        stream.add(fields, &levels);
                        true
                    }
                    None => false,
                },
                Arrival::Snapshot(age) => {
                    let id = stream.id.saturating_add_signed(-age).clamp(FIRST_ID, stream.newest());
                    stream.snapshot(id);
                    true
                }
            };
            if !came {
                continue;
            }
            let message = *stream.block.messages.last().unwrap();
            book.apply(&stream.block, &message);
            if book.state().is_synced() {
                prop_assert_eq!(&shown(&book), stream.at(book.update_id()));
                if was.is_synced() {
                    prop_assert!(book.update_id() >= before, "never back in time");
                }
            }
            // A snapshot that is as new as everything lost synchronises, wherever the book stood.
            if message.kind == MessageKind::Snapshot && message.last_id() >= lost_up_to {
                prop_assert!(book.state().is_synced(), "{:?} at {}", book.state(), message.last_id());
                // With the diffs that had come.
                let told = stream.last_diff.map_or(0, |diff| diff.last_id);
                let stood = if was.is_synced() { before } else { 0 };
                prop_assert_eq!(book.update_id(), message.last_id().max(told).max(stood));
            }
            if unsynchronised && was == BookState::Unsynchronised && !book.state().is_synced() {
                let lost = matches!(book.state(), BookState::Stale(StaleReason::Gap));
                prop_assert!(book.state() == BookState::Unsynchronised || lost);
            }
        }
    }
}

/// A snapshot, then one of the past, one of the present and one ahead of the stream; each while all is well.
#[test]
fn snapshots_in_mid_stream_replace_the_book_unless_they_are_of_the_past() {
    for market in [Market::BinanceUsdm, Market::BinanceSpot] {
        let changes: Vec<(i64, i64)> = (1..=12).map(|n| (n, n)).collect();
        let mut stream = begin(market, &changes);
        let mut book = Book::new(market, 1);
        let step = |book: &mut Book, stream: &mut Stream, snapshot: Option<u64>| {
            match snapshot {
                Some(id) => stream.snapshot(id),
                None => assert!(stream.diff(2, true)),
            }
            let message = *stream.block.messages.last().unwrap();
            (book.apply(&stream.block, &message), book.update_id())
        };
        let script = [
            (None, Applied::None, 0),
            (Some(1_001), Applied::Changed, 1_002),
            (None, Applied::Changed, 1_004),
            (Some(1_002), Applied::None, 1_004), // of the past
            (None, Applied::Changed, 1_006),
            (Some(1_006), Applied::Changed, 1_006), // of the present
            (None, Applied::Changed, 1_008),
            (Some(1_010), Applied::Changed, 1_010), // ahead of the stream
            (Some(1_009), Applied::None, 1_010),
            (
                None,
                if market == Market::BinanceSpot {
                    Applied::None
                } else {
                    Applied::Changed
                },
                1_010,
            ),
            (None, Applied::Changed, 1_012),
        ];
        for (nth, (snapshot, did, at)) in script.into_iter().enumerate() {
            assert_eq!(
                step(&mut book, &mut stream, snapshot),
                (did, at),
                "{market:?}, step {nth}"
            );
            if book.state().is_synced() {
                assert_eq!(&shown(&book), stream.at(at), "{market:?}, step {nth}");
            }
        }
        assert_eq!((book.counters().gaps, book.counters().snapshots), (0, 5));
    }
}
