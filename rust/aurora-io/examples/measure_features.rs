//! Measures the feature kernels and the book under load, beside what `measure` does.
//!
//! ```console
//! measure_features market|kernels|symbols|memory CAPTURE [REPEATS]
//! measure_features rows CAPTURE FOLDER
//! ```
//!
//! `rows` writes the touches and trades that `kernels` goes over as little-endian columns, for a peer to go over too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::path::Path;

use aurora_core::book::{Book, Quote};
use aurora_core::features::{
    imbalance, weighted_mid, EwmaForm, EwmaMid, Feature, FeatureSettings, MarketState, MarketTrade,
    OrderFlowImbalance, RealisedVolatility, RollSpread, TradeFlowImbalance, Vpin, FEATURES,
};
use aurora_core::instrument::Side;

#[path = "shared/capture.rs"]
mod shared;
use shared::{interleaved, print, Capture, Figures, LEAST_REPEATS};

/// With the eight fixed columns, the core kernels: twelve in all.
const CORE: [Feature; 4] = [
    Feature::ObiWeighted,
    Feature::Vpin,
    Feature::TradeRate,
    Feature::EwmaMid,
];
const SYMBOLS: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: measure_features market|kernels|symbols|memory CAPTURE [REPEATS], or rows CAPTURE FOLDER";
    let (what, path, third) = match arguments.as_slice() {
        [what, path] => (what.as_str(), path, None),
        [what, path, third] => (what.as_str(), path, Some(third.as_str())),
        _ => panic!("{usage}"),
    };
    let capture = Capture::read(path);
    if what == "rows" {
        Rows::of(&capture).write(Path::new(third.expect(usage)));
        return;
    }
    let repeats = third.map_or(LEAST_REPEATS, |n| n.parse().expect("REPEATS is a number"));
    print(&match what {
        "market" => market(&capture, repeats),
        "kernels" => kernels(&Rows::of(&capture), repeats),
        "symbols" => symbols(&capture, repeats),
        "memory" => memory(&capture),
        _ => panic!("{usage}"),
    });
}

fn run(capture: &Capture, extra: &[Feature]) -> u64 {
    let settings = FeatureSettings {
        extra: extra.to_vec(),
        ..FeatureSettings::default()
    };
    let mut state = MarketState::new(capture.instrument.clone(), settings).unwrap();
    let last = capture.slices.len() - 1;
    for (index, (block, end_ns)) in capture.slices.iter().enumerate() {
        black_box(state.process(block, *end_ns, index == last));
    }
    state.events()
}

/// Decoded events to book and rows every 50 ms: the fixed columns, the twelve core kernels, all kernels.
fn market(capture: &Capture, repeats: usize) -> Figures {
    let all: Vec<Feature> = FEATURES.iter().map(|info| info.feature).collect();
    let events = run(capture, &[]) as f64;
    let [fixed, core, everything] = interleaved(
        repeats,
        [
            &mut || {
                run(capture, &[]);
            },
            &mut || {
                run(capture, &CORE);
            },
            &mut || {
                run(capture, &all);
            },
        ],
    );
    vec![
        ("events", events),
        ("level_rows", capture.level_rows as f64),
        ("fixed_ns_per_event", fixed / events),
        ("core_ns_per_event", core / events),
        ("all_ns_per_event", everything / events),
        ("all_events_per_s", events / everything * 1e9),
    ]
}

/// Touch changes and trades of a capture as columns.
#[derive(Default)]
struct Rows {
    time_ns: Vec<i64>,
    quotes: Vec<Quote>,
    mids: Vec<f64>,
    trades: Vec<MarketTrade>,
}

impl Rows {
    fn of(capture: &Capture) -> Rows {
        let mut rows = Rows::default();
        let mut book = Book::new(capture.instrument.id.market, capture.instrument.tick);
        let mut touch = None;
        for (block, _) in &capture.slices {
            for message in &block.messages {
                if let Some(trade) = MarketTrade::read(block, message) {
                    rows.trades.push(trade);
                }
                book.apply(block, message);
                if book.touch() != touch {
                    touch = book.touch();
                    if let Some(quote) = touch {
                        rows.time_ns.push(message.local_ns);
                        rows.quotes.push(quote);
                        rows.mids.push(
                            (capture.instrument.price_to_f64(quote.bid.price)
                                + capture.instrument.price_to_f64(quote.ask.price))
                                / 2.0,
                        );
                    }
                }
            }
        }
        rows
    }

    fn write(&self, folder: &Path) {
        let column = |name: &str, values: Vec<[u8; 8]>| {
            std::fs::write(folder.join(name), values.concat()).unwrap();
        };
        let quotes = |pick: fn(&Quote) -> i64| {
            self.quotes
                .iter()
                .map(|quote| pick(quote).to_le_bytes())
                .collect()
        };
        let trades = |pick: fn(&MarketTrade) -> i64| {
            self.trades
                .iter()
                .map(|trade| pick(trade).to_le_bytes())
                .collect()
        };
        column(
            "time_ns.i8",
            self.time_ns.iter().map(|t| t.to_le_bytes()).collect(),
        );
        column(
            "mid.f8",
            self.mids.iter().map(|m| m.to_le_bytes()).collect(),
        );
        column("bid.i8", quotes(|q| q.bid.price));
        column("bid_size.i8", quotes(|q| q.bid.size));
        column("ask.i8", quotes(|q| q.ask.price));
        column("ask_size.i8", quotes(|q| q.ask.size));
        column("trade_ns.i8", trades(|t| t.local_ns));
        column("price.i8", trades(|t| t.price));
        column("size.i8", trades(|t| t.size));
        column("sign.i8", trades(|t| t.signed_size().signum()));
    }
}

/// Each kernel over all its rows, a value after each.
fn kernels(rows: &Rows, repeats: usize) -> Figures {
    let (touches, trades) = (rows.quotes.len(), rows.trades.len());
    let mut out = vec![0.0; touches.max(trades)];
    let mut figures: Figures = vec![("touches", touches as f64), ("trades", trades as f64)];
    let mut time = |name: &'static str, count: usize, work: &mut dyn FnMut(&mut [f64])| {
        let [spent] = interleaved(
            repeats,
            [&mut || {
                work(&mut out);
                black_box(&out);
            }],
        );
        figures.push((name, spent / count as f64));
    };
    time("imbalance", touches, &mut |out| {
        for (out, quote) in out.iter_mut().zip(&rows.quotes) {
            *out = imbalance(quote.bid.size, quote.ask.size).unwrap_or(f64::NAN);
        }
    });
    time("weighted_mid", touches, &mut |out| {
        for (out, quote) in out.iter_mut().zip(&rows.quotes) {
            let (bid, ask) = (quote.bid.price as f64, quote.ask.price as f64);
            *out = weighted_mid(bid, quote.bid.size, ask, quote.ask.size).unwrap_or(f64::NAN);
        }
    });
    time("order_flow", touches, &mut |out| {
        let mut kernel = OrderFlowImbalance::default();
        for (out, quote) in out.iter_mut().zip(&rows.quotes) {
            kernel.update(*quote);
            *out = kernel.take().unwrap_or(0) as f64;
        }
    });
    time("volatility", touches, &mut |out| {
        let mut kernel = RealisedVolatility::new(60_000_000_000, 1);
        for (at, out) in out.iter_mut().enumerate().take(touches) {
            kernel.update(rows.time_ns[at], rows.mids[at]);
            *out = kernel.value(rows.time_ns[at]).unwrap_or(f64::NAN);
        }
    });
    time("ewma", touches, &mut |out| {
        let mut kernel = EwmaMid::new(1_000_000_000, EwmaForm::Recursion);
        for (at, out) in out.iter_mut().enumerate().take(touches) {
            kernel.update(rows.time_ns[at], rows.mids[at]);
            *out = kernel.value().unwrap_or(f64::NAN);
        }
    });
    time("trade_flow", trades, &mut |out| {
        let mut kernel = TradeFlowImbalance::new(1_000_000_000);
        for (out, trade) in out.iter_mut().zip(&rows.trades) {
            kernel.update(
                trade.local_ns,
                trade.size as f64,
                trade.aggressor == Side::Sell,
            );
            *out = kernel.value(trade.local_ns).unwrap_or(f64::NAN);
        }
    });
    time("vpin", trades, &mut |out| {
        let mut kernel = Vpin::new(1_000, 50);
        for (out, trade) in out.iter_mut().zip(&rows.trades) {
            kernel.update(*trade);
            *out = kernel.value().unwrap_or(f64::NAN);
        }
    });
    time("roll", trades, &mut |out| {
        let mut kernel = RollSpread::new(100);
        for (out, trade) in out.iter_mut().zip(&rows.trades) {
            kernel.update(trade.price);
            *out = kernel.value().unwrap_or(f64::NAN);
        }
    });
    figures
}

/// One book, and ten whose messages come in turns: what the caches lose.
fn symbols(capture: &Capture, repeats: usize) -> Figures {
    let events = capture.whole();
    let tick = capture.instrument.tick;
    let market = capture.instrument.id.market;
    let levels = capture.book().counters().level_updates as f64;
    let [one, ten] = interleaved(
        repeats,
        [
            &mut || {
                let mut book = Book::new(market, tick);
                for message in &events.messages {
                    book.apply(&events, message);
                    black_box(book.touch());
                }
            },
            &mut || {
                let mut books: Vec<Book> = (0..SYMBOLS).map(|_| Book::new(market, tick)).collect();
                for message in &events.messages {
                    for book in &mut books {
                        book.apply(&events, message);
                        black_box(book.touch());
                    }
                }
            },
        ],
    );
    vec![
        ("one_ns_per_level", one / levels),
        ("ten_ns_per_level", ten / levels / SYMBOLS as f64),
    ]
}

/// Bytes that decoded events take in memory, unused room included, by level row.
fn memory(capture: &Capture) -> Figures {
    let held: usize = capture
        .slices
        .iter()
        .map(|(block, _)| block.heap_bytes())
        .sum();
    vec![
        ("level_rows", capture.level_rows as f64),
        ("bytes", held as f64),
        ("bytes_per_row", held as f64 / capture.level_rows as f64),
    ]
}
