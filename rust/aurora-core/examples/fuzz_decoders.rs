//! Fuzz driver for the decoders: frames of every dialect are mutated, decoded, appended and applied to books, and
//! nothing may panic, overflow the stack or hold more levels than the frame has bytes.
//!
//! ```console
//! cargo run --release --example fuzz_decoders -- --seconds 600 --seed 1 [--decoder okx]
//! ```
//!
//! Prints the cases per decoder as JSON. A panic ends the run with the seed, the case and its input as hex:
//! the same seed meets it again at the same case.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/wire/sample_frames.rs"]
mod sample_frames;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aurora_core::book::{Book, Ladder};
use aurora_core::event::EventBlock;
use aurora_core::instrument::{Instrument, InstrumentId, Market, Side};
use aurora_core::units::Money;
use aurora_core::wire::{level_texts, Dialect, FrameContext, WireEvent, WireLevels};
use sample_frames::{CONTROL, EVENTS};

/// Cases between two looks at the clock.
const BATCH: u64 = 500;
/// Mutated frames that become seeds of their own.
const CORPUS: usize = 512;
/// Longest input; longer ones are cut.
const LONGEST: usize = 1 << 20;
/// A small stack: recursion that a frame controls shows at once.
const STACK: usize = 256 * 1024;

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

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Text that tends to reach the corners of a reader.
const TOKENS: [&[u8]; 38] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"\\",
    b"\\\"",
    b"[[\"",
    b"\"]]",
    b"[]",
    b"{}",
    b"null",
    b"true",
    b"-",
    b"-0",
    b"-1",
    b"0",
    b"1e-7",
    b"1E5",
    b"1e999999999",
    b"0E-10",
    b".",
    b"1.",
    b".5",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999999999",
    b"0.0000000000000000000000000000001",
    b"-9223372036854775808",
    b"4294967296",
    b"-2147483649",
    b"\"u\":1,",
    b"\"data\":{",
    b"\xff\x00",
];
const OPENINGS: [&[u8]; 6] = [
    b"[",
    b"{\"data\":",
    b"{\"a\":[",
    b"{\"data\":[{\"levels\":",
    b"[[\"",
    b"{\"arg\":",
];
const CLOSINGS: [&[u8]; 5] = [b"]", b"}", b"]}", b"}]}", b"\"]]"];

/// Where a number stands in `bytes`, searched from a random place.
fn number_at(bytes: &[u8], random: &mut Random) -> Option<(usize, usize)> {
    let from = random.below(bytes.len());
    let begin = from + bytes.get(from..)?.iter().position(u8::is_ascii_digit)?;
    let rest = &bytes[begin..];
    let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let length = rest
        .iter()
        .position(|byte| !digit(byte))
        .unwrap_or(rest.len());
    Some((begin, begin + length))
}

fn range(bytes: &[u8], random: &mut Random) -> (usize, usize) {
    let (a, b) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    (a.min(b), a.max(b))
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(13) {
        0 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        2 => bytes.truncate(at),
        3 => {
            bytes.drain(..at);
        }
        4 => {
            let (from, to) = range(bytes, random);
            bytes.drain(from..to);
        }
        5 => {
            let (from, to) = range(bytes, random);
            let part = bytes[from..to].to_vec();
            bytes.splice(at..at, part);
        }
        6 => {
            let (from, to) = range(other, random);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        7 => {
            let (from, to) = range(bytes, random);
            let (other_from, other_to) = range(other, random);
            bytes.splice(from..to, other[other_from..other_to].iter().copied());
        }
        8 => {
            let token = random.of(&TOKENS);
            bytes.splice(at..at, token.iter().copied());
        }
        // The kind of change that keeps a frame well formed.
        9 | 10 => {
            if let Some((from, to)) = number_at(bytes, random) {
                let number = match random.below(4) {
                    0 => random.of(&TOKENS[15..35]).to_vec(),
                    1 => random.next().to_string().into_bytes(),
                    2 => random.below(200).to_string().into_bytes(),
                    // The end of 64 bits, at any number of decimals.
                    _ => {
                        let largest = i64::MAX - random.below(3) as i64;
                        let mut digits = largest.to_string().into_bytes();
                        digits.insert(1 + random.below(18), b'.');
                        digits
                    }
                };
                bytes.splice(from..to, number);
            }
        }
        11 => {
            let depth = 1 << random.below(15);
            let opening = random.of(&OPENINGS).repeat(depth);
            bytes.splice(at..at, opening);
            if random.below(2) == 0 {
                let closing = random.of(&CLOSINGS).repeat(depth);
                let at = random.below(bytes.len() + 1);
                bytes.splice(at..at, closing);
            }
        }
        _ => {
            let (from, to) = range(bytes, random);
            let times = 1 + random.below(50);
            let part = bytes[from..to].repeat(times);
            bytes.splice(from..to, part);
        }
    }
    bytes.truncate(LONGEST);
}

/// One decoder with the books its events go to.
struct Target {
    dialect: Dialect,
    corpus: Vec<Vec<u8>>,
    samples: usize,
    cases: u64,
    events: u64,
    levels: u64,
    refused: u64,
    books: Vec<(Instrument, Book)>,
}

fn instrument(market: Market, price_exponent: u8, size_exponent: u8) -> Instrument {
    Instrument {
        id: InstrumentId {
            market,
            symbol: "FUZZ".to_owned(),
        },
        price_exponent,
        size_exponent,
        tick: 1,
        lot: 1,
        min_notional: Money(0),
    }
}

impl Target {
    fn new(dialect: Dialect) -> Target {
        let frames = |table: [(&str, &[&str]); 5]| -> Vec<Vec<u8>> {
            let of = table
                .into_iter()
                .filter(|(name, _)| *name == dialect.name());
            of.flat_map(|(_, frames)| frames.iter().map(|frame| frame.as_bytes().to_vec()))
                .collect()
        };
        let mut corpus = frames(EVENTS);
        corpus.extend(frames(CONTROL));
        Target {
            dialect,
            samples: corpus.len(),
            corpus,
            cases: 0,
            events: 0,
            levels: 0,
            refused: 0,
            books: Vec::new(),
        }
    }

    /// Fresh books of every market, with decimals from few to many.
    fn renew_books(&mut self, random: &mut Random) {
        self.books = Market::ALL
            .into_iter()
            .map(|market| {
                // Few decimals leave room for numbers near the end of 64 bits.
                let few = [2, 19][random.below(2)];
                let (price, size) = (random.below(few) as u8, random.below(few) as u8);
                let mut instrument = instrument(market, price, size);
                instrument.tick = [1, 10, 5, 100_000_000][random.below(4)];
                let book = if random.below(4) == 0 {
                    Book::unsynchronised(market, instrument.tick)
                } else {
                    Book::new(market, instrument.tick)
                };
                let book = book.with_decimals(instrument.price_exponent, instrument.size_exponent);
                (instrument, book)
            })
            .collect();
    }

    /// Decodes one input and drives what it gives through a book of a market at random.
    fn run(&mut self, input: &[u8], random: &mut Random) {
        let _ = Dialect::detect(input);
        let start = if random.below(8) == 0 {
            random.below(input.len() + 2)
        } else {
            0
        };
        let mut block = EventBlock::default();
        let at = random.below(self.books.len());
        let (instrument, book) = &mut self.books[at];
        let context = FrameContext {
            market: Some(instrument.id.market).filter(|_| random.below(2) == 0),
            symbol: None,
        };
        let mut events = 0;
        let read = self
            .dialect
            .decode(input, start, context, &mut |event: &WireEvent<'_>| {
                events += 1;
                if let WireLevels::Arrays { bids, asks } = event.levels {
                    let texts = level_texts(bids.0).chain(level_texts(asks.0));
                    assert!(texts.count() <= input.len());
                }
                let (messages, levels) = (block.messages.len(), block.levels.len());
                let appended =
                    event.append_to(&mut block, instrument, 1_700_000_000_000_000_000, false);
                if appended.is_err() {
                    assert_eq!(
                        (block.messages.len(), block.levels.len()),
                        (messages, levels)
                    );
                }
                appended.map(|_| ())
            });
        assert!(
            block.levels.len() <= input.len() && block.messages.len() <= input.len(),
            "more levels than bytes"
        );
        for message in &block.messages {
            book.apply(&block, message);
        }
        let ladder = book.ladder();
        for side in [Side::Buy, Side::Sell] {
            let best = ladder.top(side, 3);
            assert!(best.iter().all(|level| level.size > 0), "an empty level");
            assert!(
                best.windows(2)
                    .all(|pair| (pair[0].price > pair[1].price) == (side == Side::Buy)),
                "levels out of order"
            );
        }
        let counters = book.counters();
        assert!(counters.checksums_equal <= counters.checksums);
        assert!(counters.diffs_applied <= counters.diffs);
        self.cases += 1;
        self.events += events;
        self.levels += block.levels.len() as u64;
        self.refused += u64::from(read.is_err());
        // Frames that still give events lead further than noise.
        if matches!(read, Ok(true)) && events > 0 && input.len() < 4096 {
            if self.corpus.len() < CORPUS {
                self.corpus.push(input.to_vec());
            } else {
                let at = self.samples + random.below(CORPUS - self.samples);
                self.corpus[at] = input.to_vec();
            }
        }
    }

    fn input(&self, others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let from =
            |corpus: &[Vec<u8>], random: &mut Random| corpus[random.below(corpus.len())].clone();
        // Half of the cases begin with a sample, half with what samples have become.
        let known = if random.below(2) == 0 {
            self.samples
        } else {
            self.corpus.len()
        };
        let mut input = from(&self.corpus[..known], random);
        for _ in 0..random.below(6) {
            let other = if random.below(4) == 0 {
                from(others, random)
            } else {
                from(&self.corpus, random)
            };
            mutate(&mut input, &other, random);
        }
        input
    }
}

struct Arguments {
    seconds: u64,
    seed: u64,
    decoder: Option<Dialect>,
}

fn arguments() -> Option<Arguments> {
    let mut found = Arguments {
        seconds: 60,
        seed: 1,
        decoder: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next()?;
        match name.as_str() {
            "--seconds" => found.seconds = value.parse().ok()?,
            "--seed" => found.seed = value.parse().ok()?,
            "--decoder" => found.decoder = Some(Dialect::of_name(&value)?),
            _ => return None,
        }
    }
    Some(found)
}

fn fuzz(arguments: &Arguments) -> bool {
    let others: Vec<Vec<u8>> = EVENTS
        .into_iter()
        .chain(CONTROL)
        .flat_map(|(_, frames)| frames.iter().map(|frame| frame.as_bytes().to_vec()))
        .collect();
    // Every decoder has its own generator, so that a seed gives the same cases with and without the others.
    let mut targets: Vec<(Target, Random)> = Dialect::ALL
        .into_iter()
        .enumerate()
        .filter(|(_, dialect)| arguments.decoder.is_none_or(|only| only == *dialect))
        .map(|(nth, dialect)| {
            let seed = arguments
                .seed
                .wrapping_mul(1_000_003)
                .wrapping_add(nth as u64);
            (Target::new(dialect), Random(seed))
        })
        .collect();
    let begin = Instant::now();
    let end = Duration::from_secs(arguments.seconds);
    while begin.elapsed() < end {
        for (target, random) in &mut targets {
            target.renew_books(random);
            for _ in 0..BATCH {
                let input = target.input(&others, random);
                let run = catch_unwind(AssertUnwindSafe(|| target.run(&input, random)));
                if run.is_err() {
                    let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
                    eprintln!(
                        "decoder {} failed: seed {}, case {}, input {hex}",
                        target.dialect.name(),
                        arguments.seed,
                        target.cases
                    );
                    return false;
                }
            }
        }
    }
    let counts: Vec<String> = targets
        .iter()
        .map(|(target, _)| {
            format!(
                "\"{}\": {{\"cases\": {}, \"events\": {}, \"levels\": {}, \"refused\": {}}}",
                target.dialect.name(),
                target.cases,
                target.events,
                target.levels,
                target.refused
            )
        })
        .collect();
    println!(
        "{{\"seed\": {}, \"seconds\": {}, \"decoders\": {{{}}}}}",
        arguments.seed,
        begin.elapsed().as_secs(),
        counts.join(", ")
    );
    true
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: fuzz_decoders [--seconds N] [--seed N] [--decoder NAME]");
        return ExitCode::from(2);
    };
    let fuzzing = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || fuzz(&arguments))
        .expect("a thread");
    if fuzzing.join().unwrap_or(false) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
