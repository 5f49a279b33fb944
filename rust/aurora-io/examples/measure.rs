//! Measures the Rust rooms on one capture and prints the figures as one JSON object.
//!
//! ```console
//! measure decode|book|market|desk CAPTURE [REPEATS]
//! ```
//!
//! What is compared is interleaved in one process, and every figure is the minimum over the repeats: whatever
//! else the machine does can only make a figure worse. Before anything is timed the ways that are compared are
//! checked to give the same result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::time::Instant;

use aurora_core::book::{Book, Ladder, Quote, SortedLadder, WindowLadder};
use aurora_core::desk::{Desk, DeskSettings};
use aurora_core::event::{
    EventBlock, Level, Message, MessageFields, MessageKind, FLAG_EXCHANGE_TIME_ESTIMATED,
};
use aurora_core::execution::{ConductSettings, HardLimits, MakerFirst, Proposal, Route};
use aurora_core::features::{FeatureSettings, MarketState};
use aurora_core::instrument::{Instrument, Side};
use aurora_core::units::{parse_quanta, Money};
use aurora_core::wire::{decode_levels, split_line, Frame, FrameKind};
use aurora_io::{CaptureStream, ReadOptions};

#[path = "shared/capture.rs"]
mod shared;
use shared::{interleaved, print, Capture, Figures, LEAST_REPEATS, SLICE_NS};

/// Messages decoded into one block before it is used anew: its levels stay in the second-level cache.
const DECODED_AT_ONCE: usize = 512;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (what, path, repeats) = match arguments.as_slice() {
        [what, path] => (what.as_str(), path, LEAST_REPEATS),
        [what, path, repeats] => (
            what.as_str(),
            path,
            repeats.parse().expect("REPEATS is a number"),
        ),
        _ => panic!("usage: measure decode|book|market|desk CAPTURE [REPEATS]"),
    };
    assert!(
        repeats >= LEAST_REPEATS,
        "take at least {LEAST_REPEATS} repeats"
    );
    let capture = Capture::read(path);
    let figures = match what {
        "decode" => decode(&capture, repeats),
        "book" => book(&capture, repeats),
        "market" => market(&capture, repeats),
        "desk" => desk(&capture, repeats),
        _ => panic!("there is no figure {what:?}: decode, book, market or desk"),
    };
    print(&figures);
}

/// Decodes one line behind the events of `block`, as `CaptureStream` does.
fn decode_line(line: &[u8], instrument: &Instrument, offset_ns: i64, block: &mut EventBlock) {
    let time = split_line(line).unwrap();
    let frame = Frame::parse(line, time.json_start).unwrap();
    let FrameKind::Event(kind) = frame.kind else {
        return;
    };
    let (price_exponent, size_exponent) = (instrument.price_exponent, instrument.size_exponent);
    let levels_start = block.levels.len();
    let level = |at: usize| Level {
        price: parse_quanta(frame.prices[at], price_exponent).unwrap(),
        size: parse_quanta(frame.prices[at + 1], size_exponent).unwrap(),
    };
    let (bids, asks) = match kind {
        MessageKind::Diff | MessageKind::Snapshot => {
            let mut read = |array: Option<(&[u8], usize)>| match array {
                Some((array, at)) => {
                    decode_levels(array, at, price_exponent, size_exponent, &mut block.levels)
                        .unwrap()
                }
                None => 0,
            };
            (read(frame.bids), read(frame.asks))
        }
        MessageKind::Ticker => {
            block.levels.extend([level(0), level(2)]);
            (1, 1)
        }
        MessageKind::Trade => {
            block.levels.push(level(0));
            (1, 0)
        }
    };
    let local_ns = time.local_ns - offset_ns;
    let sent_ms = frame.transaction_ms.or(frame.event_ms);
    block.push(MessageFields {
        local_ns,
        exchange_ns: sent_ms.map_or(local_ns, |ms| ms * 1_000_000),
        first_id: frame.first_id,
        last_id: frame.last_id,
        previous_id: frame.previous_id,
        levels_start: levels_start as u32,
        bids,
        asks,
        kind,
        flags: frame.flags
            | if sent_ms.is_none() {
                FLAG_EXCHANGE_TIME_ESTIMATED
            } else {
                0
            },
    });
}

/// Decodes a text, block by block; a block never leaves the cache before `take` has seen it.
fn decode_text(capture: &Capture, text: &[u8], mut take: impl FnMut(&EventBlock)) {
    let mut block = EventBlock::default();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text) {
        let line = &text[start..end];
        decode_line(line, &capture.instrument, capture.offset_ns, &mut block);
        start = end + 1;
        if block.messages.len() == DECODED_AT_ONCE {
            take(&block);
            block.clear();
        }
    }
    take(&block);
}

/// Lines of the depth frames: snapshot and diffs.
fn depth_lines(text: &[u8]) -> Vec<u8> {
    let depth = |line: &&[u8]| {
        [&b"depthUpdate"[..], b"lastUpdateId"]
            .iter()
            .any(|name| memchr::memmem::find(line, name).is_some())
    };
    text.split_inclusive(|byte| *byte == b'\n')
        .filter(depth)
        .flatten()
        .copied()
        .collect()
}

/// Plain bytes in memory to events; depth frames alone on to the book; a plain file in the page cache through `CaptureStream`.
fn decode(capture: &Capture, repeats: usize) -> Figures {
    let mut events = EventBlock::default();
    decode_text(capture, &capture.text, |block| {
        for message in &block.messages {
            events.push_from(block, message);
        }
    });
    assert_eq!(events, capture.whole(), "both ways decode the same");

    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("capture.txt");
    std::fs::write(&plain, &capture.text).unwrap();
    let plain = [plain.to_str().unwrap().to_owned()];

    let depth = depth_lines(&capture.text);
    let depth_messages = |m: &&Message| matches!(m.kind, MessageKind::Diff | MessageKind::Snapshot);
    let depth_rows: u32 = events
        .messages
        .iter()
        .filter(depth_messages)
        .map(|m| m.bids + m.asks)
        .sum();
    let market = capture.instrument.id.market;
    let [decoded, booked, streamed] = interleaved(
        repeats,
        [
            &mut || {
                decode_text(capture, &capture.text, |block| {
                    black_box(block);
                });
            },
            &mut || {
                let mut book = Book::new(market, capture.instrument.tick);
                decode_text(capture, &depth, |block| {
                    for message in &block.messages {
                        book.apply(block, message);
                        black_box(book.touch());
                    }
                });
            },
            &mut || {
                let mut stream = CaptureStream::open(&plain, ReadOptions::default()).unwrap();
                stream.start(0, &[]).unwrap();
                while !black_box(stream.next_slice(i64::MAX, 1000)).last {}
            },
        ],
    );
    let bytes = capture.text.len() as f64;
    vec![
        ("bytes", bytes),
        ("messages", capture.messages as f64),
        ("level_rows", capture.level_rows as f64),
        ("depth_bytes", depth.len() as f64),
        (
            "depth_messages",
            events.messages.iter().filter(depth_messages).count() as f64,
        ),
        ("depth_rows", f64::from(depth_rows)),
        ("mb_per_s", bytes / decoded * 1e3),
        ("ns_per_message", decoded / capture.messages as f64),
        ("ns_per_level", decoded / capture.level_rows as f64),
        ("depth_to_book_mb_per_s", depth.len() as f64 / booked * 1e3),
        ("depth_to_book_ns_per_level", booked / f64::from(depth_rows)),
        ("file_mb_per_s", bytes / streamed * 1e3),
    ]
}

/// The snapshot and the diffs that a book applies, in order: what a bare ladder has to be told.
fn applied(capture: &Capture, events: &EventBlock) -> Vec<Message> {
    let counters = *capture.book().counters();
    assert_eq!(
        (counters.snapshots, counters.gaps),
        (1, 0),
        "one snapshot, no gap"
    );
    let depth = |kind| {
        let of_kind = move |m: &&Message| m.kind == kind;
        events.messages.iter().filter(of_kind).copied()
    };
    let diffs = depth(MessageKind::Diff);
    let skipped = counters.diffs_stale() as usize;
    depth(MessageKind::Snapshot)
        .chain(diffs.skip(skipped))
        .collect()
}

/// Applies depth messages and reads the touch after each, which is what every book must do.
fn drive(ladder: &mut impl Ladder, events: &EventBlock, messages: &[Message]) {
    for message in messages {
        for level in events.bids(message) {
            ladder.set(Side::Buy, level.price, level.size);
        }
        for level in events.asks(message) {
            ladder.set(Side::Sell, level.price, level.size);
        }
        black_box((ladder.best(Side::Buy), ladder.best(Side::Sell)));
    }
}

/// Decoded events to book and touch. The ladders alone are given the applied messages and nothing else.
fn book(capture: &Capture, repeats: usize) -> Figures {
    let events = capture.whole();
    let messages = applied(capture, &events);
    let tick = capture.instrument.tick;
    let levels = capture.book().counters().level_updates as f64;

    let digest = capture.book().ladder().digest(&capture.instrument);
    let mut sorted = SortedLadder::default();
    let mut window = WindowLadder::new(tick);
    drive(&mut sorted, &events, &messages);
    drive(&mut window, &events, &messages);
    assert_eq!(sorted.digest(&capture.instrument), digest);
    assert_eq!(window.digest(&capture.instrument), digest);

    let [whole, window, sorted, top] = interleaved(
        repeats,
        [
            &mut || {
                let mut book = Book::new(capture.instrument.id.market, tick);
                for message in &events.messages {
                    book.apply(&events, message);
                    black_box(book.touch());
                }
            },
            &mut || drive(&mut WindowLadder::new(tick), &events, &messages),
            &mut || drive(&mut SortedLadder::default(), &events, &messages),
            &mut || {
                for _ in 0..1000 {
                    black_box(window.top(Side::Buy, 20));
                }
            },
        ],
    );
    vec![
        ("level_updates", levels),
        ("messages", events.messages.len() as f64),
        ("ns_per_level", whole / levels),
        ("ladder_ns_per_level", window / levels),
        ("sorted_ladder_ns_per_level", sorted / levels),
        ("top_20_ns", top / 1000.0),
    ]
}

/// What a replay does with a slice of events before any engine sees it.
fn market_state(capture: &Capture) -> MarketState {
    MarketState::new(capture.instrument.clone(), FeatureSettings::default()).unwrap()
}

/// Decoded events to book, kernels and sampled rows.
fn market(capture: &Capture, repeats: usize) -> Figures {
    let mut events = 0;
    let last = capture.slices.len() - 1;
    let [whole] = interleaved(
        repeats,
        [&mut || {
            let mut state = market_state(capture);
            for (index, (block, end_ns)) in capture.slices.iter().enumerate() {
                black_box(state.process(block, *end_ns, index == last));
            }
            events = state.events();
        }],
    );
    vec![
        ("events", events as f64),
        ("ns_per_event", whole / events as f64),
    ]
}

/// The desk with its venue: no order, then one entry proposed each second. The features are not in the figure.
fn desk(capture: &Capture, repeats: usize) -> Figures {
    let mut state = market_state(capture);
    let last = capture.slices.len() - 1;
    let features: Vec<_> = capture
        .slices
        .iter()
        .enumerate()
        .map(|(index, (block, end_ns))| state.process(block, *end_ns, index == last))
        .collect();
    let events = state.events() as f64;
    let mut fills = 0;
    let mut run = |trading: bool| {
        let mut desk = Desk::new(desk_settings(), vec![capture.instrument.clone()]).unwrap();
        let mut touch: Option<Quote> = None;
        fills = 0;
        for (index, (block, end_ns)) in capture.slices.iter().enumerate() {
            desk.add_block(0, block).unwrap();
            desk.add_quotes(0, &features[index].quotes).unwrap();
            if let (true, Some(quote)) = (trading, touch) {
                let begin_ns = end_ns - SLICE_NS;
                desk.propose(proposal(capture, index as u64, begin_ns, quote))
                    .unwrap();
            }
            desk.advance(*end_ns).unwrap();
            touch = desk.venue().book(0).touch();
            fills += desk.drain_records().fills.len();
        }
    };
    run(true);
    let mut idle = f64::INFINITY;
    let mut trading = f64::INFINITY;
    for _ in 0..repeats {
        for (best, trades) in [(&mut idle, false), (&mut trading, true)] {
            let start = Instant::now();
            run(trades);
            *best = best.min(start.elapsed().as_nanos() as f64);
        }
    }
    vec![
        ("events", events),
        ("fills", fills as f64),
        ("idle_ns_per_event", idle / events),
        ("trading_ns_per_event", trading / events),
    ]
}

fn desk_settings() -> DeskSettings {
    let much = Money(1_000_000_000_000_000_000);
    DeskSettings {
        start_cash: much,
        order_latency_ns: 5_000_000,
        response_latency_ns: 5_000_000,
        maker_fee_e8: 20_000,
        taker_fee_e8: 50_000,
        entry_ttl_ns: SLICE_NS,
        latency_budget_ns: SLICE_NS,
        limits: HardLimits {
            max_symbol_notional: much,
            max_gross_notional: much,
            max_day_loss: much,
        },
        maker_first: Some(MakerFirst::default()),
        leverage: None,
        conduct: ConductSettings::default(),
    }
}

/// A resting entry at the touch, on alternating sides, closed after a second.
fn proposal(capture: &Capture, trace: u64, local_ns: i64, quote: Quote) -> Proposal {
    Proposal {
        trace,
        instrument: 0,
        local_ns,
        side: if trace.is_multiple_of(2) {
            Side::Buy
        } else {
            Side::Sell
        },
        size: capture.instrument.lot * 100,
        route: Route::Maker,
        bid: quote.bid.price,
        ask: quote.ask.price,
        stop_distance: capture.instrument.tick * 1000,
        deadline_ns: local_ns + SLICE_NS,
        limit: capture.instrument.tick * 10,
        take_within: None,
        volatility: None,
        depth: None,
    }
}
