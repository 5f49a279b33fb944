#![allow(clippy::unwrap_used)]

use super::*;
use crate::desk::test_market::{instrument, Frames};
use crate::event::EventBlock;

const MS: i64 = 1_000_000;

fn settings() -> TouchQuoteSettings {
    TouchQuoteSettings {
        every_ns: 100 * MS,
        rest_ns: 250 * MS,
        start_ns: 50 * MS,
        order_latency_ns: 5 * MS,
        response_latency_ns: 3 * MS,
        queue: QueueModel::RiskAverse,
        lots: 2,
    }
}

/// Messages at (local, exchange) milliseconds.
fn at(local: i64, exchange: i64) -> (i64, i64) {
    (local * MS, exchange * MS)
}

fn run(block: &EventBlock, settings: &TouchQuoteSettings) -> (Vec<TouchQuote>, usize) {
    let mut touches = 0;
    let instrument = instrument("A");
    let happened = by_exchange_time(block);
    let quotes = quote_touch(&instrument, block, &happened, settings, |_, touch| {
        touches += usize::from(touch.is_some());
    });
    (quotes, touches)
}

#[test]
fn quotes_stand_at_the_touch_and_fill_behind_what_is_shown() {
    let mut frames = Frames::default();
    frames.snapshot(
        at(4, 0),
        &[(1000, 20), (999, 30)],
        &[(1001, 10), (1002, 40)],
    );
    // 20 were shown ahead of the bid: one is left of this trade.
    frames.trade(at(70, 66), 1000, 21, Side::Sell);
    frames.trade(at(90, 80), 1000, 1, Side::Sell);
    frames.trade(at(400, 398), 1001, 1, Side::Buy);
    let (quotes, touches) = run(&frames.block, &settings());
    assert_eq!(touches, 4);
    let sent: Vec<i64> = quotes.iter().map(|quote| quote.sent_ns / MS).collect();
    assert_eq!(sent, [50, 50, 150, 150, 250, 250, 350, 350]);
    let sides: Vec<(Side, i64)> = quotes
        .iter()
        .map(|quote| (quote.side, quote.price))
        .collect();
    assert_eq!(sides[..2], [(Side::Buy, 1000), (Side::Sell, 1001)]);
    assert!(quotes
        .iter()
        .all(|quote| { quote.accepted_ns == Some(quote.sent_ns + 5 * MS) }));
    assert_eq!((quotes[0].filled, quotes[0].filled_ns), (2, Some(80 * MS)));
    assert!(quotes[1..].iter().all(|quote| quote.filled == 0));
}

#[test]
fn what_has_rested_long_enough_is_taken_away_before_it_can_fill() {
    let mut frames = Frames::default();
    frames.snapshot(at(4, 0), &[(1000, 20)], &[(1001, 10)]);
    // The bids of 50 and 150 ms are cancelled at 350 and 450 ms and gone 5 ms later; the cancel of 350 arrives at 355.
    frames.trade(at(354, 354), 1000, 22, Side::Sell);
    frames.trade(at(356, 356), 1000, 22, Side::Sell);
    frames.trade(at(420, 420), 1000, 1, Side::Buy);
    let (quotes, _) = run(&frames.block, &settings());
    let filled: Vec<Option<i64>> = quotes
        .iter()
        .filter(|quote| quote.side == Side::Buy)
        .map(|quote| quote.filled_ns.map(|ns| ns / MS))
        .collect();
    // All are behind the same 20; the trade's two lots go to the oldest, those of the next to the next of them.
    assert_eq!(filled[0], Some(354));
    assert_eq!(filled[1], Some(356));
    let late = TouchQuoteSettings {
        rest_ns: 240 * MS,
        every_ns: 290 * MS,
        ..settings()
    };
    // Sent at 50, cancelled at 340, gone at 345.
    let (quotes, _) = run(&frames.block, &late);
    assert_eq!(quotes[0].filled, 0);
}

#[test]
fn a_quote_that_would_take_on_arrival_is_refused() {
    let mut frames = Frames::default();
    frames.snapshot(at(4, 0), &[(1000, 20)], &[(1001, 10)]);
    // At 52 ms the market falls; the client hears of it at 60 and its bid arrives at 55.
    frames.diff(at(60, 52), &[(1000, 0), (998, 5)], &[(999, 7)]);
    frames.trade(at(99, 99), 999, 1, Side::Buy);
    let (quotes, _) = run(&frames.block, &settings());
    assert_eq!(quotes.len(), 2);
    assert_eq!(quotes[0].accepted_ns, None);
    assert_eq!(quotes[1].accepted_ns, Some(55 * MS));
}

#[test]
fn an_empty_market_is_not_quoted() {
    let block = EventBlock::default();
    assert_eq!(run(&block, &settings()), (Vec::new(), 0));
}
