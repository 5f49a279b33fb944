#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Level, MessageFields};
use crate::instrument::{Instrument, InstrumentId};
use crate::units::Money;
use crate::wire::sample_frames::{OKX_SNAPSHOT, OKX_UPDATES};
use crate::wire::{Dialect, FrameContext, WireEvent};

/// Messages as short as a test can say them.
#[derive(Default)]
struct Stream {
    block: EventBlock,
}

impl Stream {
    fn add(&mut self, kind: MessageKind, ids: (u64, u64, u64), bid: (i64, i64)) -> usize {
        let levels_start = self.block.levels.len() as u32;
        self.block.levels.push(Level {
            price: bid.0,
            size: bid.1,
        });
        self.block.levels.push(Level {
            price: 1_000,
            size: 1,
        });
        self.block.push(MessageFields {
            local_ns: 0,
            exchange_ns: 0,
            first_id: ids.0,
            last_id: ids.1,
            previous_id: ids.2,
            levels_start,
            bids: 1,
            asks: 1,
            kind,
            flags: 0,
        });
        self.block.messages.len() - 1
    }
}

/// Kind; first, last and previous id; price and size of the bid.
type Short = (MessageKind, (u64, u64, u64), (i64, i64));

/// Applies messages to a book of `market`; what each did.
fn apply(market: Market, messages: &[Short]) -> (Book, Vec<Applied>) {
    let mut book = Book::new(market, 1).with_decimals(0, 0);
    let mut stream = Stream::default();
    let mut applied = Vec::new();
    for (kind, ids, bid) in messages {
        let at = stream.add(*kind, *ids, *bid);
        let message = stream.block.messages[at];
        applied.push(book.apply(&stream.block, &message));
    }
    (book, applied)
}

fn bid(book: &Book) -> Option<(i64, i64)> {
    book.ladder()
        .best(Side::Buy)
        .map(|level| (level.price, level.size))
}

const SNAPSHOT: MessageKind = MessageKind::Snapshot;
const DIFF: MessageKind = MessageKind::Diff;
const GAP: BookState = BookState::Stale(StaleReason::Gap);

#[test]
fn ids_that_grow_by_one_are_followed_and_a_gap_ends_it() {
    for market in [
        Market::BybitLinear,
        Market::BybitSpot,
        Market::KrakenFutures,
    ] {
        let (book, applied) = apply(
            market,
            &[
                (DIFF, (9, 9, 0), (500, 9)),
                (SNAPSHOT, (0, 10, 0), (500, 1)),
                (DIFF, (11, 11, 0), (500, 2)),
                (DIFF, (11, 11, 0), (500, 3)), // again
                (DIFF, (13, 13, 0), (500, 4)),
                (DIFF, (14, 14, 0), (500, 5)),
            ],
        );
        assert_eq!(
            applied,
            [
                Applied::None,
                Applied::Changed,
                Applied::Changed,
                Applied::None,
                Applied::Lost,
                Applied::None
            ]
        );
        assert_eq!((book.state(), bid(&book)), (GAP, Some((500, 2))));
        assert_eq!((book.counters().gaps, book.counters().duplicates), (1, 1));
        assert_eq!((book.touch(), book.update_id()), (None, 11));
    }
}

#[test]
fn the_next_snapshot_heals_at_any_id() {
    for (market, id) in [
        (Market::BybitLinear, 20),
        (Market::BybitLinear, 1),
        (Market::KrakenFutures, 3),
    ] {
        let (book, _) = apply(
            market,
            &[
                (SNAPSHOT, (0, 10, 0), (500, 1)),
                (DIFF, (13, 13, 0), (500, 4)),
                (SNAPSHOT, (0, id, 0), (400, 7)),
                (DIFF, (id + 1, id + 1, 0), (401, 8)),
            ],
        );
        assert_eq!(
            (book.state(), bid(&book)),
            (BookState::Synced, Some((401, 8)))
        );
        assert_eq!(book.ladder().level_count(Side::Buy), 2, "nothing of before");
        assert_eq!((book.counters().gaps, book.counters().snapshots), (1, 2));
    }
}

/// A snapshot while all is well replaces the book too, whether its id grows or starts over (Bybit's `u` = 1).
#[test]
fn a_snapshot_replaces_a_synchronised_book() {
    for id in [11, 10, 1] {
        let (book, applied) = apply(
            Market::BybitLinear,
            &[
                (SNAPSHOT, (0, 10, 0), (500, 1)),
                (SNAPSHOT, (0, id, 0), (400, 7)),
                (DIFF, (id + 1, id + 1, 0), (400, 8)),
            ],
        );
        assert_eq!(applied, [Applied::Changed; 3]);
        assert_eq!(bid(&book), Some((400, 8)));
        assert_eq!(book.counters().gaps, 0);
    }
}

/// After a restart whose snapshot was lost, ids are small: that is no past to be passed over.
#[test]
fn smaller_ids_without_a_snapshot_are_a_gap() {
    for (market, ids) in [(Market::BybitLinear, (2, 2, 0)), (Market::Okx, (0, 2, 1))] {
        let (book, applied) = apply(
            market,
            &[(SNAPSHOT, (0, 10, 0), (500, 1)), (DIFF, ids, (500, 2))],
        );
        assert_eq!(applied[1], Applied::Lost);
        assert_eq!((book.state(), bid(&book)), (GAP, Some((500, 1))));
    }
}

#[test]
fn linked_messages_follow_the_id_they_name() {
    let (book, applied) = apply(
        Market::Okx,
        &[
            (SNAPSHOT, (0, 10, 0), (500, 1)),
            (DIFF, (0, 15, 10), (500, 2)),
            (DIFF, (0, 15, 15), (500, 2)), // a heartbeat
            (DIFF, (0, 3, 15), (500, 3)),  // ids start over after maintenance
            (DIFF, (0, 7, 3), (500, 4)),
            (DIFF, (0, 9, 8), (500, 5)),
            (DIFF, (0, 12, 9), (500, 6)),
        ],
    );
    assert_eq!(applied[..5], [Applied::Changed; 5]);
    assert_eq!(applied[5..], [Applied::Lost, Applied::None]);
    assert_eq!((book.state(), bid(&book)), (GAP, Some((500, 4))));
    assert_eq!(book.counters().gaps, 1);
}

#[test]
fn linked_messages_without_ids_cannot_be_checked() {
    let (book, _) = apply(
        Market::Okx,
        &[
            (SNAPSHOT, (0, 0, 0), (500, 1)),
            (DIFF, (0, 0, 0), (500, 2)),
            (DIFF, (0, 0, 0), (500, 3)),
        ],
    );
    assert_eq!(
        (book.state(), bid(&book)),
        (BookState::Synced, Some((500, 3)))
    );
    assert_eq!((book.counters().gaps, book.counters().checksums), (0, 0));
}

#[test]
fn books_that_are_snapshots_only_never_go_stale() {
    let (book, _) = apply(
        Market::Hyperliquid,
        &[
            (SNAPSHOT, (0, 100, 0), (500, 1)),
            (SNAPSHOT, (0, 90, 0), (501, 1)),
            (SNAPSHOT, (0, 300, 0), (499, 1)),
        ],
    );
    assert_eq!(
        (book.state(), bid(&book)),
        (BookState::Synced, Some((499, 1)))
    );
    assert_eq!((book.counters().gaps, book.update_id()), (0, 300));
}

#[test]
fn the_largest_ids_do_not_overflow() {
    for market in Market::ALL {
        let ids = (u64::MAX, u64::MAX, u64::MAX);
        let (book, _) = apply(
            market,
            &[
                (DIFF, ids, (1, 1)),
                (SNAPSHOT, ids, (1, 1)),
                (DIFF, ids, (1, 1)),
                (DIFF, (0, 0, 0), (1, 1)),
            ],
        );
        assert_eq!(book.counters().snapshots, 1);
    }
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::Okx,
            symbol: "UNI-USD-SWAP".to_owned(),
        },
        price_exponent: 3,
        size_exponent: 0,
        tick: 1,
        lot: 1,
        min_notional: Money(0),
    }
}

fn block(frames: &[&str]) -> EventBlock {
    let mut block = EventBlock::default();
    for frame in frames {
        Dialect::Okx
            .decode(
                frame.as_bytes(),
                0,
                FrameContext::default(),
                &mut |event: &WireEvent<'_>| {
                    event
                        .append_to(&mut block, &instrument(), 1, false)
                        .map(|_| ())
                },
            )
            .unwrap();
    }
    block
}

fn replay(mut book: Book, block: &EventBlock) -> (Book, Vec<Applied>) {
    let applied = block
        .messages
        .iter()
        .map(|message| book.apply(block, message))
        .collect();
    (book, applied)
}

/// The venue's own checksums (2022-05-13) of a snapshot and two updates.
#[test]
fn checksums_of_the_venue_are_met() {
    let block = block(&[OKX_SNAPSHOT, OKX_UPDATES[0], OKX_UPDATES[1]]);
    let (book, applied) = replay(Book::new(Market::Okx, 1).with_decimals(3, 0), &block);
    assert_eq!(applied, [Applied::Changed; 3]);
    assert_eq!(
        (book.counters().checksums, book.counters().checksums_equal),
        (3, 3)
    );
    assert_eq!(book.state(), BookState::Synced);
}

#[test]
fn a_checksum_that_differs_makes_the_book_stale_until_the_next_snapshot() {
    let wrong = OKX_UPDATES[0].replace(r#"["5.14","427","0","4"]"#, r#"["5.14","428","0","4"]"#);
    let block = block(&[
        OKX_SNAPSHOT,
        &wrong,
        OKX_UPDATES[1],
        OKX_SNAPSHOT,
        OKX_UPDATES[0],
    ]);
    let book = Book::new(Market::Okx, 1).with_decimals(3, 0);
    let (lost, applied) = replay(book.clone(), &{
        let mut first = EventBlock::default();
        first.extend_from(&block, 0..3);
        first
    });
    assert_eq!(applied, [Applied::Changed, Applied::Lost, Applied::None]);
    assert_eq!(lost.state(), BookState::Stale(StaleReason::Checksum));
    assert_eq!(lost.touch(), None);
    assert_eq!(
        (lost.counters().checksums, lost.counters().checksums_equal),
        (2, 1)
    );
    let (healed, applied) = replay(book, &block);
    assert_eq!(applied[3..], [Applied::Changed, Applied::Changed]);
    assert_eq!(healed.state(), BookState::Synced);
    assert_eq!(
        (
            healed.counters().checksums,
            healed.counters().checksums_equal
        ),
        (4, 3)
    );
}

#[test]
fn a_snapshot_whose_own_checksum_differs_does_not_synchronise() {
    let wrong = OKX_SNAPSHOT.replace("555605283", "555605284");
    let (book, applied) = replay(
        Book::new(Market::Okx, 1).with_decimals(3, 0),
        &block(&[&wrong]),
    );
    assert_eq!(applied, [Applied::Lost]);
    assert_eq!(book.state(), BookState::Stale(StaleReason::Checksum));
}

/// Without decimals there is no text to sum, and a book read without its snapshot has no sum to compare.
#[test]
fn what_cannot_be_compared_is_not_counted() {
    let all = block(&[OKX_SNAPSHOT, OKX_UPDATES[0]]);
    let (book, _) = replay(Book::new(Market::Okx, 1), &all);
    assert_eq!(
        (book.counters().checksums, book.state()),
        (0, BookState::Synced)
    );
    let diffs = block(&[OKX_UPDATES[0], OKX_UPDATES[1]]);
    let (book, _) = replay(
        Book::unsynchronised(Market::Okx, 1).with_decimals(3, 0),
        &diffs,
    );
    assert_eq!(
        (book.counters().checksums, book.state()),
        (0, BookState::Unsynchronised)
    );
    // First ids of other venues are no checksums.
    let (book, _) = replay(Book::new(Market::BybitLinear, 1).with_decimals(3, 0), &all);
    assert_eq!(book.counters().checksums, 0);
}

#[test]
fn a_book_survives_its_bytes() {
    let all = block(&[OKX_SNAPSHOT, OKX_UPDATES[0], OKX_UPDATES[1]]);
    let mut book = Book::new(Market::Okx, 1).with_decimals(3, 0);
    book.apply(&all, &all.messages[0]);
    let bytes = postcard::to_allocvec(&book).unwrap();
    let mut again: Book = postcard::from_bytes(&bytes).unwrap();
    for message in &all.messages[1..] {
        book.apply(&all, message);
        again.apply(&all, message);
    }
    assert_eq!(again.counters(), book.counters());
    assert_eq!(again.counters().checksums_equal, 3);
    assert_eq!(
        postcard::to_allocvec(&again).unwrap(),
        postcard::to_allocvec(&book).unwrap()
    );
}

/// A stream that no snapshot ever meets is read in constant memory.
#[test]
fn what_waits_for_a_snapshot_is_bounded_in_levels_too() {
    for mut book in [
        Book::new(Market::BinanceUsdm, 1),
        Book::unsynchronised(Market::BinanceUsdm, 1),
    ] {
        let mut block = EventBlock::default();
        for price in 1..=100_000 {
            block.levels.push(Level { price, size: 1 });
        }
        for id in 1..60 {
            block.push(MessageFields {
                local_ns: 0,
                exchange_ns: 0,
                first_id: id,
                last_id: id,
                previous_id: id - 1,
                levels_start: 0,
                bids: 100_000,
                asks: 0,
                kind: MessageKind::Diff,
                flags: 0,
            });
            let message = *block.messages.last().unwrap();
            book.apply(&block, &message);
            assert!(book.pending().levels.len() <= MAX_PENDING_LEVELS + 100_000);
        }
        // The newest are what is kept.
        let kept = &book.pending().messages;
        assert!(kept.len() >= 5, "{}", kept.len());
        assert_eq!(kept.last().unwrap().last_id(), 59);
    }
}
