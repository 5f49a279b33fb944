#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::instrument::Market;

/// A stream by the rule of its market: diffs around one snapshot, tickers now and then, one id lost where `lost` says.
fn stream(market: Market, steps: &[(i64, i64, bool)], lost: Option<usize>) -> EventBlock {
    let mut block = EventBlock::default();
    for (id, (n, (price, size, ticker))) in (10..).zip(steps.iter().enumerate()) {
        let level = |price, size| Level { price, size };
        let base = MessageFields {
            local_ns: n as i64,
            exchange_ns: n as i64,
            first_id: id + 1,
            last_id: id + 1,
            previous_id: id,
            levels_start: 0,
            bids: 0,
            asks: 0,
            kind: MessageKind::Diff,
            flags: 0,
        };
        let snapshot_at = if market == Market::BybitLinear { 0 } else { 3 };
        if n == snapshot_at {
            let snapshot = MessageFields {
                kind: MessageKind::Snapshot,
                last_id: if n == 0 { id } else { id - 1 },
                ..base
            };
            append(
                &mut block,
                snapshot,
                &[level(90, 5), level(80, 5)],
                &[level(110, 5)],
            );
        }
        if *ticker {
            let ahead = MessageFields {
                kind: MessageKind::Ticker,
                last_id: id + 2,
                ..base
            };
            append(&mut block, ahead, &[level(99, 1)], &[level(101, 1)]);
        }
        if lost != Some(n) {
            append(
                &mut block,
                base,
                &[level(70 + price, *size)],
                &[level(100 + price, *size)],
            );
        }
    }
    block
}

proptest! {
    /// Oracle: the book that read everything. One that begins with the carried messages stands where it stands,
    /// there and after every message that follows.
    #[test]
    fn a_book_that_begins_in_mid_stream_is_the_book(
        market in prop::sample::select(vec![Market::BinanceUsdm, Market::BinanceSpot, Market::BybitLinear]),
        steps in prop::collection::vec((0i64..29, 0i64..4, any::<bool>()), 6..40),
        at in 0usize..40,
        lost in prop::option::of(0usize..40),
    ) {
        let block = stream(market, &steps, lost);
        let at = at.min(block.messages.len());
        let mut whole = Book::new(market, 1);
        for message in &block.messages[..at] {
            whole.apply(&block, message);
        }
        let opening = whole.carried(7, 6);
        let mut begun = Book::new(market, 1);
        for message in &opening.messages {
            prop_assert!(message.has(FLAG_BOOK_CARRIED));
            prop_assert_eq!((message.local_ns, message.exchange_ns), (7, 6));
            begun.apply(&opening, message);
        }
        let sees = |book: &Book| {
            let sides = [Side::Buy, Side::Sell].map(|side| book.ladder().levels(side));
            (book.touch(), book.state().is_synced().then_some((sides, book.update_id())))
        };
        prop_assert_eq!(sees(&whole), sees(&begun));
        for message in &block.messages[at..] {
            whole.apply(&block, message);
            begun.apply(&block, message);
            prop_assert_eq!(sees(&whole), sees(&begun));
        }
    }
}
