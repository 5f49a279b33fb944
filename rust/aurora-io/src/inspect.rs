//! A capture read to its end, and what it holds.

use aurora_core::book::{BookCounters, BookState};
use aurora_core::event::Level;
use aurora_core::instrument::Instrument;
use aurora_core::quality::Quality;

use crate::{CaptureError, CaptureStream, Inspector, Overrides, ReadOptions};

/// Messages read between two calls of `progress`.
const STEP: u64 = 20_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TradeTotals {
    pub trades: u64,
    /// Sum of sizes in size quanta.
    pub size: i128,
    /// Trades that the exchange flagged as no market trades.
    pub excluded: u64,
}

/// What a stream holds of one instrument.
#[derive(Debug, Clone)]
pub struct SymbolReport {
    pub instrument: Instrument,
    pub messages: u64,
    pub by_stream: Vec<(String, u64)>,
    pub counters: BookCounters,
    pub state: BookState,
    pub final_update_id: u64,
    pub level_counts: (usize, usize),
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub digest: String,
    pub trades: TradeTotals,
    /// Receive times as captured, ns.
    pub first_ns: i64,
    pub last_ns: i64,
    pub clock_offset_ns: Option<i64>,
    /// Of the whole stream: lines of streams that are not read, and lines received before the one ahead of them.
    pub ignored: u64,
    pub held: u64,
    pub bad_lines: u64,
    pub shown_bad_lines: Vec<String>,
    /// Nothing tells the market of the instrument; it is taken for what is usual.
    pub market_assumed: bool,
    pub quality: Quality,
}

/// How a capture is looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InspectOptions {
    pub read: ReadOptions,
    /// Read books without waiting for a snapshot.
    pub unsynchronised: bool,
}

/// The lower median of the offsets that the stream's instruments showed; 0 where none did.
pub(crate) fn own_offset_ns(stream: &CaptureStream) -> i64 {
    let mut offsets: Vec<i64> = stream
        .calibrations()
        .iter()
        .filter_map(|calibration| calibration.clock_offset_ns())
        .collect();
    offsets.sort_unstable();
    let middle = offsets.len().saturating_sub(1) / 2;
    offsets.get(middle).copied().unwrap_or(0)
}

/// Reads a stream to its end or its fault. `progress` is called now and then with the messages read so far.
///
/// # Errors
/// A file that cannot be opened. A fault inside is answered beside what was read before it.
pub fn inspect(
    paths: &[String],
    options: InspectOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<(Vec<SymbolReport>, Option<CaptureError>), CaptureError> {
    let mut stream = CaptureStream::open(paths, options.read)?;
    let whole = |what: String| CaptureError::Format {
        path: paths.first().cloned().unwrap_or_default(),
        what,
    };
    // The stream's own clock: exchange times are believed or not as in a replay.
    let offset_ns = own_offset_ns(&stream);
    stream
        .start(offset_ns, &[Overrides::default()])
        .map_err(whole)?;
    let mut inspectors: Vec<Inspector> = stream
        .instruments()
        .iter()
        .map(|i| Inspector::new(i.clone(), offset_ns, options.unsynchronised))
        .collect();
    let fault = loop {
        let slice = stream.next_slice(i64::MAX, STEP);
        for (inspector, block) in inspectors.iter_mut().zip(&slice.blocks) {
            inspector.push(block);
        }
        progress(stream.messages);
        if slice.last {
            break slice.fault;
        }
    };
    let reports = inspectors
        .iter()
        .enumerate()
        .map(|(index, inspector)| SymbolReport {
            by_stream: stream.by_stream[index].clone(),
            clock_offset_ns: stream.calibrations()[index].clock_offset_ns(),
            ignored: stream.ignored,
            held: stream.held,
            bad_lines: stream.bad_lines,
            shown_bad_lines: stream.shown_bad_lines.clone(),
            market_assumed: stream.assumes_market(),
            ..inspector.report()
        })
        .collect();
    Ok((reports, fault))
}
