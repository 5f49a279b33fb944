//! A capture read to its end, and what it holds.

use aurora_core::book::{Book, BookCounters, BookState, Ladder};
use aurora_core::event::{Level, MessageKind, FLAG_NO_MARKET_TRADE};
use aurora_core::instrument::{Instrument, Side};
use aurora_core::quality::{Quality, QualityMonitor};

use crate::{CaptureError, CaptureStream, Overrides};

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
    pub quality: Quality,
}

/// How a capture is looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InspectOptions {
    /// Count and pass over records that cannot be read.
    pub skip_bad_lines: bool,
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
    let mut stream = CaptureStream::open(paths, options.skip_bad_lines)?;
    let whole = |what: String| CaptureError::Format {
        path: paths.first().cloned().unwrap_or_default(),
        what,
    };
    // The stream's own clock: exchange times are believed or not as in a replay.
    let offset_ns = own_offset_ns(&stream);
    stream
        .start(offset_ns, &[Overrides::default()])
        .map_err(whole)?;
    let mut books: Vec<Book> = stream
        .instruments()
        .iter()
        .map(|i| {
            let book = if options.unsynchronised {
                Book::unsynchronised(i.id.market, i.tick)
            } else {
                Book::new(i.id.market, i.tick)
            };
            book.with_decimals(i.price_exponent, i.size_exponent)
        })
        .collect();
    let mut monitors: Vec<QualityMonitor> = stream
        .instruments()
        .iter()
        .map(|instrument| QualityMonitor::new(instrument, offset_ns))
        .collect();
    let mut trades = vec![TradeTotals::default(); books.len()];
    let fault = loop {
        let slice = stream.next_slice(i64::MAX, STEP);
        for (index, block) in slice.blocks.iter().enumerate() {
            for message in &block.messages {
                books[index].apply(block, message);
                monitors[index].observe(block, message, &books[index]);
                if message.kind == MessageKind::Trade {
                    let totals = &mut trades[index];
                    totals.trades += 1;
                    totals.excluded += u64::from(message.has(FLAG_NO_MARKET_TRADE));
                    totals.size += block
                        .bids(message)
                        .iter()
                        .map(|l| i128::from(l.size))
                        .sum::<i128>();
                }
            }
        }
        progress(stream.messages);
        if slice.last {
            break slice.fault;
        }
    };
    let mut reports = Vec::new();
    for (index, book) in books.iter().enumerate() {
        let instrument = stream.instruments()[index].clone();
        let ladder = book.ladder();
        let quality = monitors[index].quality(book);
        reports.push(SymbolReport {
            messages: quality.messages,
            by_stream: stream.by_stream[index].clone(),
            counters: *book.counters(),
            state: book.state(),
            final_update_id: book.update_id(),
            level_counts: (
                ladder.level_count(Side::Buy),
                ladder.level_count(Side::Sell),
            ),
            bids: ladder.top(Side::Buy, 5),
            asks: ladder.top(Side::Sell, 5),
            digest: ladder.digest(&instrument),
            trades: trades[index],
            first_ns: quality.first_ns,
            last_ns: quality.last_ns,
            clock_offset_ns: stream.calibrations()[index].clock_offset_ns(),
            ignored: stream.ignored,
            held: stream.held,
            bad_lines: stream.bad_lines,
            shown_bad_lines: stream.shown_bad_lines.clone(),
            quality,
            instrument,
        });
    }
    Ok((reports, fault))
}
