//! Frames of the venues' dialects: decoded, appended to blocks and applied to books.

use std::path::Path;

use aurora_core::book::{Book, Ladder};
use aurora_core::event::EventBlock;
use aurora_core::instrument::{Instrument, InstrumentId, Market, Side};
use aurora_core::units::Money;
use aurora_core::wire::{level_texts, Dialect, FrameContext, WireEvent, WireLevels};

use crate::mutate::mutate;
use crate::random::Random;
use crate::sample_frames::{CONTROL, EVENTS};
use crate::target::{Case, Outcome, Target, MEGABYTE};

/// Steps of a case at most: changes after which the frame still has to give events, and changes after those.
const STEPS: usize = 5;
/// A level of a block and its place in the book, with what growing vectors leave unused, for each byte of a frame.
const HEAP_PER_BYTE: usize = 64;

/// Frames of a dialect, or of all.
fn samples(dialect: Option<Dialect>) -> Vec<Vec<u8>> {
    EVENTS
        .into_iter()
        .chain(CONTROL)
        .filter(|(name, _)| dialect.is_none_or(|dialect| dialect.name() == *name))
        .flat_map(|(_, frames)| frames.iter().map(|frame| frame.as_bytes().to_vec()))
        .collect()
}

pub struct Frames {
    dialect: Dialect,
    own: Vec<Vec<u8>>,
    all: Vec<Vec<u8>>,
}

impl Frames {
    pub fn new(dialect: Dialect) -> Frames {
        Frames {
            dialect,
            own: samples(Some(dialect)),
            all: samples(None),
        }
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let others = if random.one_in(4) {
            &self.all
        } else {
            &self.own
        };
        let other = others[random.below(others.len())].clone();
        mutate(input, &other, random);
    }

    fn gives_events(&self, input: &[u8]) -> bool {
        let mut events = false;
        let context = FrameContext::default();
        let read = self
            .dialect
            .decode(input, 0, context, &mut |_: &WireEvent<'_>| {
                events = true;
                Ok(())
            });
        events && matches!(read, Ok(true))
    }
}

/// An instrument of a market at random, with decimals from few to many.
pub fn instrument(random: &mut Random) -> Instrument {
    // Few decimals leave room for numbers near the end of 64 bits.
    let few = [2, 19][random.below(2)];
    Instrument {
        id: InstrumentId {
            market: Market::ALL[random.below(Market::ALL.len())],
            symbol: "FUZZ".to_owned(),
        },
        price_exponent: random.below(few) as u8,
        size_exponent: random.below(few) as u8,
        tick: [1, 10, 5, 100_000_000][random.below(4)],
        lot: 1,
        min_notional: Money(0),
    }
}

fn book_of(instrument: &Instrument, random: &mut Random) -> Book {
    let (market, tick) = (instrument.id.market, instrument.tick);
    let book = if random.one_in(4) {
        Book::unsynchronised(market, tick)
    } else {
        Book::new(market, tick)
    };
    book.with_decimals(instrument.price_exponent, instrument.size_exponent)
}

/// Checks what holds of every book.
pub fn check_book(book: &Book) {
    let ladder = book.ladder();
    for side in [Side::Buy, Side::Sell] {
        let best = ladder.top(side, 3);
        assert!(best.iter().all(|level| level.size > 0), "an empty level");
        let ordered = |pair: &[aurora_core::event::Level]| {
            (pair[0].price > pair[1].price) == (side == Side::Buy)
        };
        assert!(best.windows(2).all(ordered), "levels out of order");
    }
    let counters = book.counters();
    assert!(counters.checksums_equal <= counters.checksums);
    assert!(counters.diffs_applied <= counters.diffs);
}

impl Target for Frames {
    fn name(&self) -> &str {
        self.dialect.name()
    }

    fn needs_files(&self) -> bool {
        false
    }

    /// Frames that still give events lead further than noise, so a case begins with a walk among such. Samples
    /// before it bring the book to where it means something.
    fn draw(&self, random: &mut Random) -> Case {
        let mut input = self.own[random.below(self.own.len())].clone();
        for _ in 0..random.below(STEPS) {
            let mut changed = input.clone();
            self.change(&mut changed, random);
            if changed.len() < 4096 && self.gives_events(&changed) {
                input = changed;
            }
        }
        for _ in 0..random.below(STEPS) {
            self.change(&mut input, random);
        }
        let mut files: Vec<(String, Vec<u8>)> = (0..random.below(4))
            .map(|_| self.own[random.below(self.own.len())].clone())
            .chain([input])
            .map(|frame| ("frame.json".to_owned(), frame))
            .collect();
        let last = random.below(files.len());
        files.rotate_left(last);
        let bytes: usize = files.iter().map(|(_, frame)| frame.len()).sum();
        Case::of_files(files, MEGABYTE + HEAP_PER_BYTE * bytes)
    }

    /// Decodes the frames into blocks of one instrument and applies these to one book, as a stream would.
    fn run(&self, case: &Case, _: &Path, random: &mut Random) -> Outcome {
        let instrument = instrument(random);
        let mut book = book_of(&instrument, random);
        let context = FrameContext {
            market: Some(instrument.id.market).filter(|_| random.one_in(2)),
            symbol: None,
        };
        let mut outcome = Outcome::default();
        for (_, input) in &case.files {
            let start = if random.one_in(16) {
                random.below(input.len() + 2)
            } else {
                0
            };
            let one = self.read_one(input, start, context, &instrument, &mut book);
            outcome.events += one.events;
            outcome.levels += one.levels;
            outcome.refused |= one.refused;
        }
        outcome
    }
}

impl Frames {
    fn read_one(
        &self,
        input: &[u8],
        start: usize,
        context: FrameContext<'_>,
        instrument: &Instrument,
        book: &mut Book,
    ) -> Outcome {
        let _ = Dialect::detect(input);
        let mut block = EventBlock::default();
        let mut outcome = Outcome::default();
        let read = self
            .dialect
            .decode(input, start, context, &mut |event: &WireEvent<'_>| {
                outcome.events += 1;
                if let WireLevels::Arrays { bids, asks } = event.levels {
                    let texts = level_texts(bids.0).chain(level_texts(asks.0));
                    assert!(texts.count() <= input.len());
                }
                let before = (block.messages.len(), block.levels.len());
                let appended =
                    event.append_to(&mut block, instrument, 1_700_000_000_000_000_000, false);
                if appended.is_err() {
                    assert_eq!((block.messages.len(), block.levels.len()), before);
                }
                appended.map(|_| ())
            });
        if let Err(error) = &read {
            assert!(error.byte <= input.len() + 2, "a byte behind the frame");
        }
        assert!(
            block.levels.len() <= input.len() && block.messages.len() <= input.len(),
            "more levels than bytes"
        );
        for message in &block.messages {
            book.apply(&block, message);
        }
        check_book(book);
        outcome.levels = block.levels.len() as u64;
        outcome.refused = read.is_err();
        outcome
    }
}
