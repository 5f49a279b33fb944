//! Measures the Rust rooms on one capture and prints the figures as one JSON object.
//!
//! ```console
//! measure decode|book|market|desk CAPTURE [REPEATS]
//! ```
//!
//! What is compared is interleaved in one process, and every figure is the minimum over the repeats: whatever
//! else the machine does can only make a figure worse. Before anything is timed the ways that are compared are
//! checked to give the same result.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

use aurora_core::book::{Book, Ladder, Quote, SortedLadder, WindowLadder};
use aurora_core::desk::{Desk, DeskSettings};
use aurora_core::event::{EventBlock, Level, Message, MessageKind, FLAG_EXCHANGE_TIME_ESTIMATED};
use aurora_core::execution::{HardLimits, Proposal, Route};
use aurora_core::features::{FeatureSettings, MarketState};
use aurora_core::instrument::{Instrument, Side};
use aurora_core::units::{parse_quanta, Money};
use aurora_core::wire::{decode_levels, split_line, Frame, FrameKind};
use aurora_io::CaptureStream;
use flate2::read::MultiGzDecoder;

const LEAST_REPEATS: usize = 5;
/// Width of the slices that events are handed over in, as in a replay.
const SLICE_NS: i64 = 1_000_000_000;
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
    let fields: Vec<String> = figures
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    println!("{{{}}}", fields.join(", "));
}

type Figures = Vec<(&'static str, f64)>;

/// A capture of one instrument: its text unpacked, and its events.
struct Capture {
    text: Vec<u8>,
    instrument: Instrument,
    slices: Vec<(EventBlock, i64)>,
    messages: u64,
    level_rows: u64,
}

impl Capture {
    fn read(path: &str) -> Capture {
        let mut text = Vec::new();
        let mut file = File::open(path).expect("the capture opens");
        if path.ends_with(".gz") {
            MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
        } else {
            file.read_to_end(&mut text).unwrap();
        }
        let mut stream = CaptureStream::open(&[path.to_owned()]).unwrap();
        // Receive times as captured: what is measured does not depend on the clock's offset.
        let offset = stream.calibrations()[0].clock_offset_ns().unwrap_or(0);
        stream.start(offset, &[]).unwrap();
        let [instrument] = stream.instruments() else {
            panic!("measured on captures of one instrument");
        };
        let instrument = instrument.clone();
        let (first_ns, _) = stream.calibration_span_ns();
        let mut end_ns = ((first_ns - offset) / SLICE_NS + 1) * SLICE_NS;
        let mut slices = Vec::new();
        loop {
            let mut slice = stream.next_slice(end_ns, 0);
            assert!(slice.fault.is_none(), "{:?}", slice.fault);
            slices.push((slice.blocks.remove(0), end_ns));
            if slice.last {
                break;
            }
            end_ns += SLICE_NS;
        }
        Capture {
            text,
            instrument,
            messages: stream.messages,
            level_rows: slices.iter().map(|(b, _)| b.levels.len() as u64).sum(),
            slices,
        }
    }

    /// A new book with every event of the capture applied.
    fn book(&self) -> Book {
        let mut book = Book::new(self.instrument.id.market, self.instrument.tick);
        for (block, _) in &self.slices {
            for message in &block.messages {
                book.apply(block, message);
            }
        }
        book
    }
}

/// Nanoseconds of each way in every round, the ways taking turns; the minimum of each.
fn interleaved<const N: usize>(repeats: usize, ways: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..repeats {
        for (best, way) in least.iter_mut().zip(ways.iter_mut_each()) {
            let start = Instant::now();
            way();
            *best = best.min(start.elapsed().as_nanos() as f64);
        }
    }
    least
}
