//! Reads a file record by record as the slice engine does, and checks what holds of every source.

use std::path::Path;

use aurora_core::event::EventBlock;
use aurora_core::wire::{level_texts, WireEvent, WireLevels};
use aurora_io::{open_source, CaptureError};

use crate::frames::instrument;
use crate::random::Random;
use crate::target::{Case, Outcome};

/// Longest message that tells of an error, the file's name not counted.
const LONGEST_MESSAGE: usize = 4096;

/// Checks that an error says where and does not say too much.
pub fn check_error(error: &CaptureError) {
    if let CaptureError::Frame { line, .. } | CaptureError::Content { line, .. } = error {
        assert!(*line > 0, "no line: {error}");
    }
    let text = error.to_string();
    assert!(
        text.len() < LONGEST_MESSAGE,
        "a message of {} bytes",
        text.len()
    );
}

/// Reads the file at `path` to its end; records that cannot be read are passed over.
pub fn read_source(case: &Case, path: &Path, random: &mut Random) -> Outcome {
    let mut outcome = Outcome::default();
    let path = path.to_string_lossy();
    let mut source = match open_source(&path) {
        Ok(source) => source,
        Err(error) => {
            check_error(&error);
            outcome.refused = true;
            return outcome;
        }
    };
    let instrument = instrument(random);
    let mut block = EventBlock::default();
    let mut times = Vec::new();
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(
            steps <= 2 * case.unpacked + 1000,
            "more records than the file has bytes"
        );
        let answer = source.advance().and_then(|time| match time {
            None => Ok(false),
            Some(local_ns) => {
                if case.times.is_some() {
                    times.push(local_ns);
                }
                source
                    .events(&mut |event: &WireEvent<'_>| {
                        outcome.events += 1;
                        block.clear();
                        match event.levels {
                            WireLevels::Arrays { bids, asks } => {
                                let texts = level_texts(bids.0).chain(level_texts(asks.0));
                                assert!(texts.count() <= case.unpacked);
                            }
                            WireLevels::Rows { bids, asks } => {
                                let mut rows = bids.iter().chain(asks);
                                assert!(
                                    rows.all(|row| !row.price.is_empty() || !row.size.is_empty())
                                );
                            }
                        }
                        let appended = event.append_to(&mut block, &instrument, local_ns, false);
                        outcome.levels += block.levels.len() as u64;
                        appended.map(|_| ())
                    })
                    .map(|_| true)
            }
        });
        match answer {
            Ok(true) => assert!(source.line() > 0, "a record without a line"),
            Ok(false) => break,
            Err(error) => {
                outcome.refused = true;
                check_error(&error);
                if !matches!(error, CaptureError::Frame { .. }) {
                    break;
                }
            }
        }
    }
    if let Some(before) = &case.times {
        let common = times.len().min(before.len());
        // A cut may leave a part of a line behind, whose time is short of digits and refused, or whole.
        assert!(
            times[..common] == before[..common] && times.len() <= before.len() + 1,
            "other records than were packed"
        );
    }
    outcome
}
