//! Fixed pieces of work for the regression gate (`python -m bench.instructions`): what one process executes
//! here depends on nothing but the code, so that callgrind counts the same on every machine.
//!
//! ```console
//! instructions list        the subcommands, one a line
//! instructions NAME        that piece of work, once, on frames that a small generator makes
//! ```
//!
//! Making the frames is counted too: compare changes of a count, not counts with each other.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write;
use std::hint::black_box;

use aurora_core::book::Book;
use aurora_core::desk::{Desk, DeskSettings};
use aurora_core::event::{
    EventBlock, Level, Message, MessageFields, MessageKind, FLAG_BUYER_IS_MAKER,
};
use aurora_core::execution::{ConductSettings, HardLimits, MakerFirst, Proposal, Route};
use aurora_core::features::{FeatureSettings, MarketState};
use aurora_core::instrument::{Instrument, InstrumentId, Market, Side};
use aurora_core::units::{format_quanta, Money};
use aurora_core::wire::{decode_levels, split_line, Frame, FrameKind};

const STEP_NS: i64 = 10_000_000;
const START_NS: i64 = 1_735_689_600_000_000_000;
/// Messages handed to a stage at once.
const BLOCK: usize = 100;

const WORK: [(&str, fn()); 4] = [
    ("decode", decode),
    ("book", book),
    ("market", market),
    ("desk", desk),
];

fn main() {
    let name = std::env::args()
        .nth(1)
        .expect("usage: instructions list|NAME");
    if name == "list" {
        for (name, _) in WORK {
            println!("{name}");
        }
        return;
    }
    let (_, work) = WORK
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a name that `instructions list` prints");
    work();
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit as u64) as i64
    }
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::BinanceUsdm,
            symbol: "TESTUSDT".to_owned(),
        },
        price_exponent: 2,
        size_exponent: 3,
        tick: 10,
        lot: 1,
        min_notional: Money(500_000_000),
    }
}

/// A market of one instrument: a snapshot, then diffs of up to 40 levels with tickers and trades between them.
/// Distances from the touch fall off as in real diffs: most within the window, some far out.
fn events(messages: usize) -> EventBlock {
    let mut random = Random(7);
    let mut block = EventBlock::default();
    let mut bid = 600_000; // ticks
    let mut id = 1000;
    let tick = instrument().tick;
    for index in 0..messages {
        let kind = match (index, random.below(10)) {
            (0, _) => MessageKind::Snapshot,
            (_, 0..=4) => MessageKind::Diff,
            (_, 5..=7) => MessageKind::Ticker,
            _ => MessageKind::Trade,
        };
        let previous = id;
        let levels_start = block.levels.len() as u32;
        let level = |ticks: i64, size: i64| Level {
            price: ticks * tick,
            size,
        };
        let (mut bids, mut asks, mut flags) = (1, 1, 0);
        match kind {
            MessageKind::Snapshot | MessageKind::Diff => {
                let whole = kind == MessageKind::Snapshot;
                let moved = if whole { 0 } else { random.below(3) - 1 };
                bids = if whole { 500 } else { 1 + random.below(20) };
                asks = if whole { 500 } else { 1 + random.below(20) };
                // The touch moves through this level: deleted on its side, absent on the other.
                let gone = if moved > 0 { bid + 1 } else { bid };
                bid += moved;
                for (count, side) in [(bids, -1), (asks, 1)] {
                    let touch = if side < 0 { bid } else { bid + 1 };
                    if moved != 0 {
                        block.levels.push(level(gone, 0));
                    }
                    for nth in 0..count {
                        let distance = match (whole, nth, random.below(16)) {
                            (_, 0, _) => 0,
                            (true, _, _) => nth * 3,
                            (_, _, 0..=3) => random.below(20),
                            (_, _, 4..=13) => random.below(3000),
                            _ => random.below(300_000),
                        };
                        let deleted = distance > 0 && random.below(3) == 0;
                        let size = if deleted { 0 } else { 1 + random.below(9000) };
                        block.levels.push(level(touch + side * distance, size));
                    }
                }
                bids += i64::from(moved != 0);
                asks += i64::from(moved != 0);
                id += if whole {
                    0
                } else {
                    1 + random.below(50) as u64
                };
            }
            MessageKind::Ticker => {
                block.levels.push(level(bid, 1 + random.below(9000)));
                block.levels.push(level(bid + 1, 1 + random.below(9000)));
            }
            MessageKind::Trade => {
                let sold = random.below(2) == 0;
                block
                    .levels
                    .push(level(bid + i64::from(!sold), 1 + random.below(500)));
                asks = 0;
                flags = if sold { FLAG_BUYER_IS_MAKER } else { 0 };
            }
        }
        let local_ns = START_NS + index as i64 * STEP_NS;
        block.push(MessageFields {
            local_ns,
            exchange_ns: local_ns - 2_000_000,
            first_id: previous + 1,
            last_id: id,
            previous_id: previous,
            levels_start,
            bids: bids as u32,
            asks: asks as u32,
            kind,
            flags,
        });
    }
    block
}

fn blocks(messages: usize) -> Vec<EventBlock> {
    let whole = events(messages);
    whole
        .messages
        .chunks(BLOCK)
        .map(|chunk| {
            let mut block = EventBlock::default();
            for message in chunk {
                block.push_from(&whole, message);
            }
            block
        })
        .collect()
}

fn end_of(block: &EventBlock) -> i64 {
    block.messages.last().unwrap().local_ns + 1
}

/// A diff as Binance sends it behind a receive time.
fn line(block: &EventBlock, message: &Message, text: &mut String) {
    let instrument = instrument();
    text.clear();
    let ms = message.exchange_ns / 1_000_000;
    let (local_ns, first, last, previous) = (
        message.local_ns,
        block.first_id(message),
        message.last_id(),
        block.previous_id(message),
    );
    write!(
        text,
        r#"{local_ns} {{"stream":"testusdt@depth@0ms","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"TESTUSDT","U":{first},"u":{last},"pu":{previous}"#
    )
    .unwrap();
    for (name, levels) in [("b", block.bids(message)), ("a", block.asks(message))] {
        write!(text, r#","{name}":["#).unwrap();
        for (index, level) in levels.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let price = format_quanta(level.price, instrument.price_exponent);
            let size = format_quanta(level.size, instrument.size_exponent);
            write!(text, r#"{comma}["{price}","{size}"]"#).unwrap();
        }
        text.push(']');
    }
    text.push_str("}}");
}

/// Each line many times, so that making it weighs little.
fn decode() {
    let block = events(2000);
    let instrument = instrument();
    let mut text = String::new();
    let mut levels = Vec::new();
    let diffs = |m: &&Message| m.kind == MessageKind::Diff;
    for message in block.messages.iter().filter(diffs) {
        line(&block, message, &mut text);
        for _ in 0..20 {
            levels.clear();
            let line = black_box(text.as_bytes());
            let time = split_line(line).unwrap();
            let frame = Frame::parse(line, time.json_start).unwrap();
            assert_eq!(frame.kind, FrameKind::Event(MessageKind::Diff));
            for (array, at) in [frame.bids, frame.asks].into_iter().flatten() {
                decode_levels(
                    array,
                    at,
                    instrument.price_exponent,
                    instrument.size_exponent,
                    &mut levels,
                )
                .unwrap();
            }
            black_box(&levels);
        }
        assert_eq!(levels.len() as u32, message.bids + message.asks);
    }
}

fn book() {
    let events = events(20_000);
    for _ in 0..5 {
        let mut book = Book::new(Market::BinanceUsdm, instrument().tick);
        for message in &events.messages {
            book.apply(&events, message);
            black_box(book.touch());
        }
        assert!(book.state().is_synced() && book.counters().crossed == 0);
    }
}

fn market() {
    let blocks = blocks(20_000);
    for _ in 0..5 {
        let mut state = MarketState::new(instrument(), FeatureSettings::default()).unwrap();
        for block in &blocks {
            black_box(state.process(block, end_of(block), false));
        }
        assert!(state.events() > 100_000);
    }
}

/// Execution and simulated venue, a resting entry proposed with every block.
fn desk() {
    let blocks = blocks(20_000);
    let mut state = MarketState::new(instrument(), FeatureSettings::default()).unwrap();
    let mut desk = Desk::new(desk_settings(), vec![instrument()]).unwrap();
    let mut fills = 0;
    for (index, block) in blocks.iter().enumerate() {
        let end_ns = end_of(block);
        let features = state.process(block, end_ns, false);
        desk.add_block(0, block).unwrap();
        desk.add_quotes(0, &features.quotes).unwrap();
        desk.advance(end_ns).unwrap();
        if let Some(quote) = desk.venue().book(0).touch() {
            let proposal = Proposal {
                trace: index as u64,
                instrument: 0,
                local_ns: end_ns,
                side: if index.is_multiple_of(2) {
                    Side::Buy
                } else {
                    Side::Sell
                },
                size: 100,
                route: Route::Maker,
                bid: quote.bid.price,
                ask: quote.ask.price,
                stop_distance: 500,
                deadline_ns: end_ns + 500_000_000,
                limit: 100,
                take_within: None,
                volatility: None,
                depth: None,
            };
            black_box(desk.propose(proposal).unwrap());
        }
        fills += desk.drain_records().fills.len();
    }
    assert!(
        fills > 50,
        "{fills} fills: the venue has to match something"
    );
}

fn desk_settings() -> DeskSettings {
    let much = Money(1_000_000_000_000_000_000);
    DeskSettings {
        start_cash: much,
        order_latency_ns: 5_000_000,
        response_latency_ns: 5_000_000,
        maker_fee_e8: 20_000,
        taker_fee_e8: 50_000,
        entry_ttl_ns: 500_000_000,
        latency_budget_ns: 500_000_000,
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
