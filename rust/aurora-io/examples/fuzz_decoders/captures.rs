//! The slice engine: whole captures of every format, calibrated, cut into slices, booked and inspected.

use std::path::Path;

use aurora_core::instrument::Market;
use aurora_io::{
    inspect, CaptureError, CaptureStream, InspectOptions, Inspector, Overrides, ReadOptions,
};

use crate::event_array::archive;
use crate::files::{bomb, changed, BOMBS, BOMB_BOUND};
use crate::frames::check_book;
use crate::lines::pack;
use crate::random::Random;
use crate::reading::check_error;
use crate::samples::{self, Files};
use crate::target::{Case, Outcome, Target, MEGABYTE};

/// Slices cut by time; then what is left comes as one.
const MOST_SLICES: usize = 200;

pub struct Captures {
    samples: Vec<Vec<Files>>,
}

impl Captures {
    pub fn new() -> Captures {
        Captures {
            samples: vec![
                samples::raw(),
                samples::raw(),
                samples::cryptofeed(),
                samples::cryptofeed_text(),
                samples::tardis(),
                samples::binance_csv(),
                samples::lobster(),
                samples::bitstamp(),
            ],
        }
    }
}

/// Cuts the stream into slices by chance, and answers what went through; None where it cannot be started.
fn slices(stream: &mut CaptureStream, random: &mut Random, offset_ns: i64) -> Option<Outcome> {
    stream.start(offset_ns, &[Overrides::default()]).ok()?;
    let mut inspectors: Vec<Inspector> = stream
        .instruments()
        .iter()
        .map(|one| Inspector::new(one.clone(), offset_ns, random.one_in(4)))
        .collect();
    let mut outcome = Outcome::default();
    let mut end_ns = stream.calibration_span_ns().0.saturating_sub(offset_ns);
    let by_time = random.one_in(2);
    let width = 1 << random.below(40);
    let mut cut = 0;
    loop {
        cut += 1;
        end_ns = if by_time && cut < MOST_SLICES {
            end_ns.saturating_add(width)
        } else {
            i64::MAX
        };
        let limit = random.below(50) as u64;
        let slice = stream.next_slice(end_ns, limit);
        for (inspector, block) in inspectors.iter_mut().zip(&slice.blocks) {
            outcome.events += block.messages.len() as u64;
            outcome.levels += block.levels.len() as u64;
            inspector.push(block);
        }
        if slice.last {
            if let Some(fault) = &slice.fault {
                check_error(fault);
                outcome.refused = true;
            }
            break;
        }
        assert!(slice.fault.is_none(), "a fault before the end");
    }
    assert_eq!(outcome.events, stream.messages);
    for inspector in &inspectors {
        check_book(inspector.book());
        let report = inspector.report();
        assert!(report.messages <= outcome.events);
    }
    Some(outcome)
}

impl Target for Captures {
    fn name(&self) -> &str {
        "captures"
    }

    fn draw(&self, random: &mut Random) -> Case {
        if random.one_in(BOMBS) {
            let samples = &self.samples[random.below(self.samples.len())];
            let (files, unpacked) = bomb(samples, random);
            return Case {
                unpacked,
                bomb: true,
                ..Case::of_files(files, 2 * BOMB_BOUND)
            };
        }
        let mut files = Files::new();
        for _ in 0..1 + random.below(8) / 7 {
            let samples = &self.samples[random.below(self.samples.len())];
            let mut more = if random.one_in(12) {
                vec![("btcusdt.npz".to_owned(), archive(random))]
            } else {
                changed(samples, random)
            };
            if random.one_in(16) {
                for (_, bytes) in &mut more {
                    *bytes = pack(bytes, random);
                }
            }
            // The second of two files of one name would replace the first.
            if files.iter().all(|(name, _)| *name != more[0].0) {
                files.extend(more);
            }
        }
        Case::of_files(files, 256 * MEGABYTE)
    }

    fn run(&self, case: &Case, folder: &Path, random: &mut Random) -> Outcome {
        let paths: Vec<String> = case
            .files
            .iter()
            .filter(|(name, _)| !name.contains("_orderbook_"))
            .map(|(name, _)| folder.join(name).to_string_lossy().into_owned())
            .collect();
        let skip_bad_lines = random.one_in(2);
        let read = ReadOptions {
            skip_bad_lines,
            market: random.one_in(8).then_some(Market::BybitSpot),
        };
        let options = InspectOptions {
            read,
            unsynchronised: random.one_in(4),
        };
        let mut outcome = Outcome::default();
        let opened = CaptureStream::open(&paths, read);
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(error) => {
                check_error(&error);
                outcome.refused = true;
                return outcome;
            }
        };
        let offset_ns = match random.below(8) {
            0 => random.next() as i64,
            1 => stream.calibrations()[0].clock_offset_ns().unwrap_or(0),
            _ => 0,
        };
        if let Some(first) = slices(&mut stream, random, offset_ns) {
            outcome = first;
            if !case.bomb {
                let ignored = stream.ignored;
                let again = slices(&mut stream, random, offset_ns);
                assert_eq!(
                    again.map(|o| (o.events, o.levels)),
                    Some((first.events, first.levels))
                );
                assert_eq!(ignored, stream.ignored, "other slices read other records");
            }
        }
        match inspect(&paths, options, &mut |_| {}) {
            Ok((_, fault)) => {
                if let Some(fault) = &fault {
                    check_error(fault);
                    assert!(
                        !skip_bad_lines || !matches!(fault, CaptureError::Frame { .. }),
                        "a bad line that was to be passed over"
                    );
                }
            }
            Err(error) => check_error(&error),
        }
        outcome
    }
}
