//! Capture files of one stream as slices of decoded events.

use aurora_core::event::{EventBlock, MessageKind};
use aurora_core::instrument::{Instrument, InstrumentId, Market};
use aurora_core::wire::{WireError, WireEvent, WireFault, AGGREGATE_TRADES};

use crate::calibration::{Calibration, Overrides, CALIBRATION_MESSAGES};
use crate::source::{self, Source};
use crate::CaptureError;

/// Messages of a file of several symbols that are searched for symbols that come late.
const LATE_SYMBOL_MESSAGES: u64 = 50_000;
/// Bad lines that are kept as text; all are counted.
const SHOWN_BAD_LINES: usize = 20;
/// Within a file, receive times do not pause for longer than this (one day).
const LONGEST_PAUSE_NS: i64 = 86_400_000_000_000;
/// Slices without an end end here (2116), so nothing may be received later.
const END_OF_TIME_NS: i64 = 1 << 62;
/// So many lines in a row received before an earlier line: that line's receive time was wrong.
const MOST_HELD_IN_A_ROW: u64 = 1_000;

/// Most symbols of a stream, and longest name of one or of a stream of it.
const MOST_INSTRUMENTS: usize = 4096;
const LONGEST_NAME: usize = 128;
/// Most streams of a symbol that are counted by name; what comes under further names is counted together.
const MOST_STREAMS: usize = 64;
const FURTHER_STREAMS: &str = "further streams";
/// Levels after which a slice with a limit is cut short (16 MB of them).
const CUT_LEVELS: usize = 1 << 20;
/// Most levels of any slice (1 GB of them): a block tells their places in 32 bits.
const MOST_LEVELS: usize = 1 << 26;

/// Events of one slice, one block per instrument of the stream.
#[derive(Debug, Default)]
pub struct SliceEvents {
    pub blocks: Vec<EventBlock>,
    /// Nothing follows: the stream ended, or broke at `fault`.
    pub last: bool,
    /// Local time of the last line that was read, whatever it held.
    pub last_line_ns: i64,
    /// Why reading stopped, after the last good message.
    pub fault: Option<CaptureError>,
}

/// Files of one stream in time order, read as one; calibrated on its first messages.
pub struct CaptureStream {
    paths: Vec<String>,
    calibrations: Vec<Calibration>,
    /// By calibration: single trades were seen, so aggregated ones would count twice.
    single_trades: Vec<bool>,
    calibration_end_ns: i64,
    first_local_ns: i64,
    instruments: Vec<Instrument>,
    /// By instrument: events of the slice at hand, where they can grow.
    growing: Vec<EventBlock>,
    offset_ns: i64,
    skip_bad_lines: bool,
    next_path: usize,
    source: Option<Box<dyn Source>>,
    /// Corrected local time of a record that was read but not yet taken, and whether it was held at its predecessor's.
    ahead: Option<(i64, bool)>,
    last_local_ns: i64,
    finished: bool,
    pub messages: u64,
    pub by_stream: Vec<Vec<(String, u64)>>,
    /// Records of streams that are known and not read.
    pub ignored: u64,
    /// Records received earlier than the one before them, and held at its time.
    pub held: u64,
    held_in_a_row: u64,
    /// Messages whose exchange time lay too far from their local time to be true.
    pub exchange_time_estimated: u64,
    /// Records that could not be read and were passed over by choice, and the first of them as text.
    pub bad_lines: u64,
    pub shown_bad_lines: Vec<String>,
}

impl CaptureStream {
    /// Opens files that together are one stream and calibrates on the first messages. With `skip_bad_lines`, records
    /// that cannot be read are counted and passed over instead of ending the stream.
    ///
    /// # Errors
    /// A file that is missing, unreadable or no capture; a fault within the calibration is only met when reading.
    pub fn open(paths: &[String], skip_bad_lines: bool) -> Result<CaptureStream, CaptureError> {
        let mut stream = CaptureStream {
            paths: paths.to_vec(),
            calibrations: Vec::new(),
            single_trades: Vec::new(),
            calibration_end_ns: 0,
            first_local_ns: 0,
            instruments: Vec::new(),
            growing: Vec::new(),
            offset_ns: 0,
            skip_bad_lines,
            next_path: 0,
            source: None,
            ahead: None,
            last_local_ns: i64::MIN,
            finished: false,
            messages: 0,
            by_stream: Vec::new(),
            ignored: 0,
            held: 0,
            held_in_a_row: 0,
            exchange_time_estimated: 0,
            bad_lines: 0,
            shown_bad_lines: Vec::new(),
        };
        stream.calibrate()?;
        Ok(stream)
    }

    /// The first messages fix instruments and clock; the first messages of every further file are looked at for
    /// numbers that need more decimals, because tick sizes change between sessions.
    fn calibrate(&mut self) -> Result<(), CaptureError> {
        // What bare snapshots show, until their instrument is known.
        let mut bare = Calibration::new(InstrumentId {
            market: Market::BinanceUsdm,
            symbol: String::new(),
        });
        let mut fault = None;
        let mut seen = 0;
        let mut first = true;
        for (index, path) in self.paths.clone().iter().enumerate() {
            let mut source = source::open(path)?;
            let mut in_file = 0;
            loop {
                // A fault here will be met again, with its place, when the stream is read.
                let local_ns = match source.advance() {
                    Ok(Some(local_ns)) => local_ns,
                    Ok(None) => break,
                    Err(CaptureError::Frame { .. }) if self.skip_bad_lines => continue,
                    Err(error) if first => return Err(error),
                    Err(error) => {
                        fault = fault.or(Some(error));
                        break;
                    }
                };
                let clock = seen < CALIBRATION_MESSAGES;
                let mut events = 0;
                let read = source.events(&mut |event: &WireEvent<'_>| {
                    events += 1;
                    match (event.market, event.symbol) {
                        (Some(market), Some(symbol)) => {
                            let known = self.position(market, symbol);
                            // Instruments are what the first file shows.
                            if known.is_some() || index == 0 {
                                let at = match known {
                                    Some(at) => at,
                                    None => self.meet(market, symbol)?,
                                };
                                self.single_trades[at] |= event.kind == MessageKind::Trade
                                    && event.stream != AGGREGATE_TRADES;
                                if clock || self.calibrations[at].messages == 0 {
                                    self.calibrations[at].see(event, local_ns);
                                } else if index > 0 {
                                    self.calibrations[at].see_numbers(event);
                                }
                            }
                        }
                        _ => bare.see_numbers(event),
                    }
                    Ok(())
                });
                match read {
                    Ok(_) => {}
                    Err(CaptureError::Frame { .. }) if self.skip_bad_lines => continue,
                    Err(error) if first => return Err(error),
                    Err(error) => {
                        fault = fault.or(Some(error));
                        break;
                    }
                }
                if first {
                    self.first_local_ns = local_ns;
                    first = false;
                }
                if events == 0 {
                    continue;
                }
                if clock {
                    self.calibration_end_ns = local_ns;
                }
                seen += events;
                in_file += events;
                let late = if index == 0 && self.calibrations.len() > 1 {
                    LATE_SYMBOL_MESSAGES
                } else {
                    CALIBRATION_MESSAGES
                };
                if in_file >= late {
                    break;
                }
            }
        }
        if let [only] = self.calibrations.as_mut_slice() {
            only.see_numbers_of(&bare);
        }
        if self.calibrations.is_empty() {
            // What cannot be read ahead of the first event has hidden it.
            return Err(fault.unwrap_or_else(|| CaptureError::Format {
                path: self.paths.first().cloned().unwrap_or_default(),
                what: "no market events in its first lines; is this a capture?".into(),
            }));
        }
        Ok(())
    }

    fn position(&self, market: Market, symbol: &[u8]) -> Option<usize> {
        self.calibrations
            .iter()
            .position(|c| c.id.symbol.as_bytes() == symbol && c.id.market == market)
    }

    /// # Errors
    /// A name that is no symbol's, or more symbols than a capture has.
    fn meet(&mut self, market: Market, symbol: &[u8]) -> Result<usize, WireError> {
        let refused = |expected| WireError {
            byte: 0,
            fault: WireFault::Expected { expected },
        };
        if symbol.len() > LONGEST_NAME {
            return Err(refused("a symbol of at most 128 bytes"));
        }
        if self.calibrations.len() == MOST_INSTRUMENTS {
            return Err(refused("no more than 4096 symbols in one file"));
        }
        self.calibrations.push(Calibration::new(InstrumentId {
            market,
            symbol: String::from_utf8_lossy(symbol).into_owned(),
        }));
        self.single_trades.push(false);
        Ok(self.calibrations.len() - 1)
    }

    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    pub fn calibrations(&self) -> &[Calibration] {
        &self.calibrations
    }

    /// Receive time (not corrected) of the first line and of the last calibration message.
    pub fn calibration_span_ns(&self) -> (i64, i64) {
        (self.first_local_ns, self.calibration_end_ns)
    }

    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Freezes filters and clock: local times become receive time − `offset_ns`. Reading begins at the start.
    ///
    /// # Errors
    /// A sentence, when an override does not fit.
    pub fn start(&mut self, offset_ns: i64, overrides: &[Overrides]) -> Result<(), String> {
        self.instruments = self
            .calibrations
            .iter()
            .enumerate()
            .map(|(i, c)| c.instrument(overrides.get(i).unwrap_or(&Overrides::default())))
            .collect::<Result<_, _>>()?;
        self.growing = vec![EventBlock::default(); self.instruments.len()];
        self.offset_ns = offset_ns;
        self.next_path = 0;
        self.source = None;
        self.ahead = None;
        self.last_local_ns = i64::MIN;
        self.finished = false;
        self.messages = 0;
        self.by_stream = vec![Vec::new(); self.instruments.len()];
        self.ignored = 0;
        self.held = 0;
        self.held_in_a_row = 0;
        self.exchange_time_estimated = 0;
        self.bad_lines = 0;
        self.shown_bad_lines.clear();
        Ok(())
    }

    /// Events with local time before `end_ns`, at most `limit` messages (0: no limit; then the slice may be cut
    /// short and `last` only tells of the true end).
    pub fn next_slice(&mut self, end_ns: i64, limit: u64) -> SliceEvents {
        let mut slice = SliceEvents::default();
        let before = self.messages;
        let mut levels = 0;
        loop {
            match self.peek() {
                Ok(None) => {
                    slice.last = true;
                    break;
                }
                Ok(Some((local_ns, held))) => {
                    let full = self.messages - before >= limit || levels >= CUT_LEVELS;
                    if local_ns >= end_ns || (limit > 0 && full) {
                        break;
                    }
                    self.ahead = None;
                    match self.decode(local_ns, held, &mut levels) {
                        Err(error) if !self.passes_over(&error) => {
                            return self.broken(slice, error);
                        }
                        _ => {}
                    }
                }
                Err(error) if self.passes_over(&error) => {}
                Err(error) => return self.broken(slice, error),
            }
        }
        slice.last_line_ns = self.last_local_ns;
        slice.blocks = self.growing.iter_mut().map(EventBlock::take).collect();
        slice
    }

    /// Counts a bad record when such are to be passed over.
    fn passes_over(&mut self, error: &CaptureError) -> bool {
        let over = self.skip_bad_lines && matches!(error, CaptureError::Frame { .. });
        if over {
            self.bad_lines += 1;
            if self.shown_bad_lines.len() < SHOWN_BAD_LINES {
                self.shown_bad_lines.push(error.to_string());
            }
        }
        over
    }

    fn broken(&mut self, mut slice: SliceEvents, error: CaptureError) -> SliceEvents {
        self.finished = true;
        slice.last = true;
        slice.last_line_ns = self.last_local_ns;
        slice.blocks = self.growing.iter_mut().map(EventBlock::take).collect();
        slice.fault = Some(error);
        slice
    }

    /// Corrected local time of the next record, read if need be, and whether it was held.
    fn peek(&mut self) -> Result<Option<(i64, bool)>, CaptureError> {
        if let Some(ahead) = self.ahead {
            return Ok(Some(ahead));
        }
        while !self.finished {
            let (source, begun) = match &mut self.source {
                Some(source) => (source, true),
                None => {
                    let Some(path) = self.paths.get(self.next_path) else {
                        self.finished = true;
                        break;
                    };
                    self.next_path += 1;
                    (self.source.insert(source::open(path)?), false)
                }
            };
            let Some(received_ns) = source.advance()? else {
                self.source = None;
                continue;
            };
            let content = |what: String| CaptureError::Content {
                path: source.path().to_owned(),
                line: source.line(),
                what,
            };
            let mut local_ns = received_ns.saturating_sub(self.offset_ns);
            if local_ns >= END_OF_TIME_NS {
                return Err(content(
                    "received after the year 2116; mend the time".into(),
                ));
            }
            let held = local_ns < self.last_local_ns;
            if held {
                if !begun && self.next_path > 1 {
                    return Err(content(
                        "begins before the previous file ended; give the files of a symbol in time order".into(),
                    ));
                }
                local_ns = self.last_local_ns;
                self.held += 1;
                self.held_in_a_row += 1;
                if self.held_in_a_row > MOST_HELD_IN_A_ROW {
                    return Err(content(format!(
                        "{MOST_HELD_IN_A_ROW} lines before it were received earlier than a line ahead of them: a \
                         receive time there is wrong"
                    )));
                }
            } else {
                let ahead = local_ns.saturating_sub(self.last_local_ns);
                if self.last_local_ns != i64::MIN && begun && ahead > LONGEST_PAUSE_NS {
                    return Err(content(
                        "received more than a day after the line before it; cut the file there, or mend the time".into(),
                    ));
                }
                self.held_in_a_row = 0;
            }
            self.ahead = Some((local_ns, held));
            return Ok(self.ahead);
        }
        Ok(None)
    }

    fn decode(
        &mut self,
        local_ns: i64,
        held: bool,
        levels: &mut usize,
    ) -> Result<(), CaptureError> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        self.last_local_ns = local_ns;
        let (instruments, blocks) = (&self.instruments, &mut self.growing);
        let single_trades = &self.single_trades;
        let (messages, by_stream) = (&mut self.messages, &mut self.by_stream);
        let (ignored, estimated) = (&mut self.ignored, &mut self.exchange_time_estimated);
        let mut nowhere = None;
        let read = source.events(&mut |event: &WireEvent<'_>| {
            let index = match (event.market, event.symbol) {
                (Some(market), Some(symbol)) => instruments
                    .iter()
                    .position(|i| i.id.symbol.as_bytes() == symbol && i.id.market == market),
                // A bare snapshot belongs to the one instrument of its files.
                _ if instruments.len() == 1 => Some(0),
                _ => None,
            };
            let Some(index) = index else {
                nowhere = Some(event.symbol.map(|symbol| {
                    let shown = &symbol[..symbol.len().min(LONGEST_NAME)];
                    String::from_utf8_lossy(shown).into_owned()
                }));
                return Ok(());
            };
            if event.stream == AGGREGATE_TRADES && single_trades[index] {
                *ignored += 1;
                return Ok(());
            }
            let block = &mut blocks[index];
            let before = block.levels.len();
            let set_aside = event.append_to(block, &instruments[index], local_ns, held)?;
            *levels += block.levels.len() - before;
            *estimated += u64::from(set_aside);
            *messages += 1;
            let counts = &mut by_stream[index];
            match counts
                .iter_mut()
                .find(|(name, _)| name.as_bytes() == event.stream)
            {
                Some((_, n)) => *n += 1,
                None => count_new_stream(counts, event.stream),
            }
            Ok(())
        })?;
        if *levels > MOST_LEVELS {
            return Err(CaptureError::Content {
                path: source.path().to_owned(),
                line: source.line(),
                what: format!("more than {MOST_LEVELS} levels in one slice; make slices narrower"),
            });
        }
        if !read {
            self.ignored += 1;
        }
        let Some(nowhere) = nowhere else {
            return Ok(());
        };
        Err(CaptureError::Content {
            path: source.path().to_owned(),
            line: source.line(),
            what: match nowhere {
                Some(name) => format!(
                    "first message of {name}, which was not among the first {CALIBRATION_MESSAGES} that the capture \
                     is calibrated on; keep each symbol in files of its own"
                ),
                None => "a snapshot without a symbol in a file of several symbols; keep each symbol in files of its own"
                    .into(),
            },
        })
    }
}

/// Counts the first event of a stream that has not been counted so far.
#[cold]
fn count_new_stream(counts: &mut Vec<(String, u64)>, stream: &[u8]) {
    if counts.len() < MOST_STREAMS && stream.len() <= LONGEST_NAME {
        counts.push((String::from_utf8_lossy(stream).into_owned(), 1));
        return;
    }
    match counts.iter_mut().find(|(name, _)| name == FURTHER_STREAMS) {
        Some((_, n)) => *n += 1,
        None => counts.push((FURTHER_STREAMS.to_owned(), 1)),
    }
}
