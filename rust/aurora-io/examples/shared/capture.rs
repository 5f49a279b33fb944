//! What the measuring programs share: a capture read whole, and timing that takes turns.

// Each program uses what it needs.
#![allow(dead_code)]

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use aurora_core::book::Book;
use aurora_core::event::EventBlock;
use aurora_core::instrument::Instrument;
use aurora_io::{CaptureStream, ReadOptions};
use flate2::read::MultiGzDecoder;

pub const LEAST_REPEATS: usize = 5;
/// Width of the slices that events are handed over in, as in a replay.
pub const SLICE_NS: i64 = 1_000_000_000;

pub type Figures = Vec<(&'static str, f64)>;

/// Figures as one JSON object on stdout.
pub fn print(figures: &Figures) {
    let fields: Vec<String> = figures
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    println!("{{{}}}", fields.join(", "));
}

/// A capture of one instrument: its text unpacked, and its events.
pub struct Capture {
    pub text: Vec<u8>,
    pub instrument: Instrument,
    pub offset_ns: i64,
    /// Events of each slice with the slice's end.
    pub slices: Vec<(EventBlock, i64)>,
    pub messages: u64,
    pub level_rows: u64,
}

impl Capture {
    pub fn read(path: &str) -> Capture {
        let mut text = Vec::new();
        let mut file = File::open(path).expect("the capture opens");
        if path.ends_with(".gz") {
            MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
        } else {
            file.read_to_end(&mut text).unwrap();
        }
        let mut stream = CaptureStream::open(&[path.to_owned()], ReadOptions::default()).unwrap();
        let offset_ns = stream.calibrations()[0].clock_offset_ns().unwrap_or(0);
        stream.start(offset_ns, &[]).unwrap();
        let [instrument] = stream.instruments() else {
            panic!("measured on captures of one instrument");
        };
        let instrument = instrument.clone();
        let (first_ns, _) = stream.calibration_span_ns();
        let mut end_ns = ((first_ns - offset_ns) / SLICE_NS + 1) * SLICE_NS;
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
            offset_ns,
            messages: stream.messages,
            level_rows: slices.iter().map(|(b, _)| b.levels.len() as u64).sum(),
            slices,
        }
    }

    /// Every event in one block.
    pub fn whole(&self) -> EventBlock {
        let mut whole = EventBlock::default();
        for (block, _) in &self.slices {
            for message in &block.messages {
                whole.push_from(block, message);
            }
        }
        whole
    }

    /// A new book with every event of the capture applied.
    pub fn book(&self) -> Book {
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
pub fn interleaved<const N: usize>(repeats: usize, mut ways: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..repeats {
        for (best, way) in least.iter_mut().zip(ways.iter_mut()) {
            let start = Instant::now();
            way();
            *best = best.min(start.elapsed().as_nanos() as f64);
        }
    }
    least
}
