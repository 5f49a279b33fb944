//! Capture files of one stream as slices of decoded events.

use aurora_core::event::{
    EventBlock, Level, Message, MessageKind, FLAG_EXCHANGE_TIME_ESTIMATED, FLAG_LOCAL_TIME_HELD,
};
use aurora_core::instrument::{Instrument, InstrumentId, Market};
use aurora_core::units::{parse_quanta, DecimalError};
use aurora_core::wire::{decode_levels, split_line, Frame, FrameKind, WireError, WireFault};

use crate::calibration::{Calibration, Overrides, CALIBRATION_MESSAGES};
use crate::lines::LineReader;
use crate::CaptureError;

/// An exchange time farther from the corrected local time than this is no time (one minute).
const FARTHEST_EXCHANGE_NS: u64 = 60_000_000_000;
/// Within a file, receive times do not pause for longer than this (one day).
const LONGEST_PAUSE_NS: i64 = 86_400_000_000_000;
/// So many lines in a row received before an earlier line: that line's receive time was wrong.
const MOST_HELD_IN_A_ROW: u64 = 1_000;

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
    calibration_end_ns: i64,
    first_local_ns: i64,
    instruments: Vec<Instrument>,
    offset_ns: i64,
    next_path: usize,
    lines: Option<LineReader>,
    /// A line read but not yet taken, because it belongs to a later slice.
    ahead: Option<(i64, usize, usize, usize)>,
    last_local_ns: i64,
    finished: bool,
    /// Last block handed out: time shared with `info`.
    pub messages: u64,
    pub by_stream: Vec<Vec<(String, u64)>>,
    /// Lines of streams that are known and not read.
    pub ignored: u64,
    /// Lines received earlier than the line before them, and held at its time.
    pub held: u64,
    held_in_a_row: u64,
    /// Messages whose exchange time lay too far from their local time to be true.
    pub exchange_time_estimated: u64,
}

impl CaptureStream {
    /// Opens files that together are one stream and calibrates on the first messages.
    ///
    /// # Errors
    /// A file that is missing, unreadable or no capture; a fault within the calibration is only met when reading.
    pub fn open(paths: &[String]) -> Result<CaptureStream, CaptureError> {
        let mut stream = CaptureStream {
            paths: paths.to_vec(),
            calibrations: Vec::new(),
            calibration_end_ns: 0,
            first_local_ns: 0,
            instruments: Vec::new(),
            offset_ns: 0,
            next_path: 0,
            lines: None,
            ahead: None,
            last_local_ns: i64::MIN,
            finished: false,
            messages: 0,
            by_stream: Vec::new(),
            ignored: 0,
            held: 0,
            held_in_a_row: 0,
            exchange_time_estimated: 0,
        };
        // A missing second file should not be found out after an hour of reading the first.
        for path in &stream.paths[1.min(stream.paths.len())..] {
            LineReader::open(path)?;
        }
        stream.calibrate()?;
        Ok(stream)
    }

    fn calibrate(&mut self) -> Result<(), CaptureError> {
        let mut messages = 0;
        let mut first = true;
        let mut bare_snapshots: Vec<Vec<u8>> = Vec::new();
        'files: for path in self.paths.clone() {
            let mut lines = LineReader::open(&path)?;
            loop {
                // A fault here will be met again, with its place, when the stream is read.
                let range = match lines.next() {
                    Ok(Some(range)) => range,
                    Ok(None) => break,
                    Err(error) if first => return Err(error),
                    Err(_) => break 'files,
                };
                let line = lines.bytes(range);
                if line.is_empty() || line[0] == b'#' {
                    continue;
                }
                let parsed = split_line(line)
                    .and_then(|time| Ok((time, Frame::parse(line, time.json_start)?)));
                let (time, frame) = match parsed {
                    Ok(parsed) => parsed,
                    Err(cause) if first => {
                        return Err(CaptureError::Frame {
                            path,
                            line: lines.line,
                            cause,
                        })
                    }
                    Err(_) => break 'files,
                };
                if first {
                    self.first_local_ns = time.local_ns;
                    first = false;
                }
                let FrameKind::Event(kind) = frame.kind else {
                    continue;
                };
                self.calibration_end_ns = time.local_ns;
                match (frame.market, frame.symbol) {
                    (Some(market), Some(symbol)) => {
                        let index = self.calibration_of(market, symbol);
                        self.calibrations[index].see(&frame, kind, time.local_ns);
                    }
                    _ => bare_snapshots.push(line.to_vec()),
                }
                messages += 1;
                if messages >= CALIBRATION_MESSAGES {
                    break 'files;
                }
            }
        }
        if let [only] = self.calibrations.as_mut_slice() {
            for line in &bare_snapshots {
                if let Ok(frame) =
                    split_line(line).and_then(|time| Frame::parse(line, time.json_start))
                {
                    only.see(&frame, MessageKind::Snapshot, 0);
                }
            }
        }
        if self.calibrations.is_empty() {
            return Err(CaptureError::Format {
                path: self.paths.first().cloned().unwrap_or_default(),
                what: "no market events in its first lines; is this a Binance raw capture?".into(),
            });
        }
        Ok(())
    }

    fn calibration_of(&mut self, market: Market, symbol: &[u8]) -> usize {
        let found = self
            .calibrations
            .iter()
            .position(|c| c.id.market == market && c.id.symbol.as_bytes() == symbol);
        found.unwrap_or_else(|| {
            self.calibrations.push(Calibration::new(InstrumentId {
                market,
                symbol: String::from_utf8_lossy(symbol).into_owned(),
            }));
            self.calibrations.len() - 1
        })
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
        self.offset_ns = offset_ns;
        self.next_path = 0;
        self.lines = None;
        self.ahead = None;
        self.last_local_ns = i64::MIN;
        self.finished = false;
        self.messages = 0;
        self.by_stream = vec![Vec::new(); self.instruments.len()];
        self.ignored = 0;
        self.held = 0;
        self.held_in_a_row = 0;
        self.exchange_time_estimated = 0;
        Ok(())
    }

    /// Events with local time before `end_ns`, at most `limit` messages (0: no limit; then the slice may be cut
    /// short and `last` only tells of the true end).
    pub fn next_slice(&mut self, end_ns: i64, limit: u64) -> SliceEvents {
        let mut slice = SliceEvents {
            blocks: vec![EventBlock::default(); self.instruments.len()],
            ..SliceEvents::default()
        };
        let before = self.messages;
        loop {
            match self.peek() {
                Ok(None) => {
                    slice.last = true;
                    break;
                }
                Ok(Some((local_ns, begin, end, json_start))) => {
                    if local_ns >= end_ns || (limit > 0 && self.messages - before >= limit) {
                        break;
                    }
                    self.ahead = None;
                    if let Err(error) =
                        self.decode(local_ns, (begin, end), json_start, &mut slice.blocks)
                    {
                        return self.broken(slice, error);
                    }
                }
                Err(error) => return self.broken(slice, error),
            }
        }
        slice.last_line_ns = self.last_local_ns;
        slice
    }

    fn broken(&mut self, mut slice: SliceEvents, error: CaptureError) -> SliceEvents {
        self.finished = true;
        slice.last = true;
        slice.last_line_ns = self.last_local_ns;
        slice.fault = Some(error);
        slice
    }

    /// Corrected local time and place of the next line, read if need be.
    fn peek(&mut self) -> Result<Option<(i64, usize, usize, usize)>, CaptureError> {
        if let Some(ahead) = self.ahead {
            return Ok(Some(ahead));
        }
        while !self.finished {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                None => {
                    let Some(path) = self.paths.get(self.next_path) else {
                        self.finished = true;
                        break;
                    };
                    self.next_path += 1;
                    self.lines.insert(LineReader::open(path)?)
                }
            };
            let Some((begin, end)) = lines.next()? else {
                self.lines = None;
                continue;
            };
            let line = lines.bytes((begin, end));
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let time = split_line(line).map_err(|cause| CaptureError::Frame {
                path: lines.path.clone(),
                line: lines.line,
                cause,
            })?;
            let mut local_ns = time.local_ns - self.offset_ns;
            if local_ns < self.last_local_ns {
                if lines.line <= 2 && self.next_path > 1 {
                    return Err(CaptureError::Content {
                        path: lines.path.clone(),
                        line: lines.line,
                        what: "begins before the previous file ended; give the files of a symbol in time order".into(),
                    });
                }
                local_ns = self.last_local_ns;
                self.held += 1;
                self.held_in_a_row += 1;
                if self.held_in_a_row > MOST_HELD_IN_A_ROW {
                    return Err(CaptureError::Content {
                        path: lines.path.clone(),
                        line: lines.line,
                        what: format!(
                            "{MOST_HELD_IN_A_ROW} lines before it were received earlier than a line ahead of them: a \
                             receive time there is wrong"
                        ),
                    });
                }
            } else {
                let ahead = local_ns.saturating_sub(self.last_local_ns);
                if self.last_local_ns != i64::MIN && lines.line > 2 && ahead > LONGEST_PAUSE_NS {
                    return Err(CaptureError::Content {
                        path: lines.path.clone(),
                        line: lines.line,
                        what: "received more than a day after the line before it; cut the file there, or mend the time"
                            .into(),
                    });
                }
                self.held_in_a_row = 0;
            }
            self.ahead = Some((local_ns, begin, end, time.json_start));
            return Ok(self.ahead);
        }
        Ok(None)
    }

    fn decode(
        &mut self,
        local_ns: i64,
        range: (usize, usize),
        json_start: usize,
        blocks: &mut [EventBlock],
    ) -> Result<(), CaptureError> {
        let Some(lines) = &self.lines else {
            return Ok(());
        };
        let line = lines.bytes(range);
        let place = |cause: WireError| CaptureError::Frame {
            path: lines.path.clone(),
            line: lines.line,
            cause,
        };
        let frame = Frame::parse(line, json_start).map_err(place)?;
        let held = local_ns == self.last_local_ns
            && split_line(line).is_ok_and(|t| t.local_ns - self.offset_ns < local_ns);
        self.last_local_ns = local_ns;
        let FrameKind::Event(kind) = frame.kind else {
            self.ignored += 1;
            return Ok(());
        };
        let index = match (frame.market, frame.symbol) {
            (Some(market), Some(symbol)) => self
                .instruments
                .iter()
                .position(|i| i.id.symbol.as_bytes() == symbol && i.id.market == market),
            // A bare snapshot belongs to the one instrument of its files.
            _ if self.instruments.len() == 1 => Some(0),
            _ => {
                return Err(CaptureError::Content {
                    path: lines.path.clone(),
                    line: lines.line,
                    what: "a snapshot without a symbol in a file of several symbols; keep each symbol in files of its own"
                        .into(),
                })
            }
        };
        let Some(index) = index else {
            let name = String::from_utf8_lossy(frame.symbol.unwrap_or_default());
            return Err(CaptureError::Content {
                path: lines.path.clone(),
                line: lines.line,
                what: format!(
                    "first message of {name}, which was not among the first {CALIBRATION_MESSAGES} that the capture is \
                     calibrated on; keep each symbol in files of its own"
                ),
            });
        };
        let instrument = &self.instruments[index];
        let (pe, se) = (instrument.price_exponent, instrument.size_exponent);
        let block = &mut blocks[index];
        let levels_start = block.levels.len();
        let decimal = |text: &[u8], exponent: u8, field: &'static str| {
            parse_quanta(text, exponent)
                .and_then(|v| {
                    if v < 0 {
                        Err(DecimalError::Malformed)
                    } else {
                        Ok(v)
                    }
                })
                .map_err(|cause| {
                    place(WireError {
                        byte: json_start,
                        fault: WireFault::Decimal { field, cause },
                    })
                })
        };
        let (bids, asks) = match kind {
            MessageKind::Diff | MessageKind::Snapshot => {
                let mut counts = [0u32; 2];
                for (count, array) in counts.iter_mut().zip([frame.bids, frame.asks]) {
                    if let Some((array, at)) = array {
                        match decode_levels(array, at, pe, se, &mut block.levels) {
                            Ok(n) => *count = n,
                            Err(cause) => {
                                block.levels.truncate(levels_start);
                                return Err(place(cause));
                            }
                        }
                    }
                }
                (counts[0], counts[1])
            }
            MessageKind::Ticker => {
                let bid = Level {
                    price: decimal(frame.prices[0], pe, "b")?,
                    size: decimal(frame.prices[1], se, "B")?,
                };
                let ask = Level {
                    price: decimal(frame.prices[2], pe, "a")?,
                    size: decimal(frame.prices[3], se, "A")?,
                };
                block.levels.extend([bid, ask]);
                (1, 1)
            }
            MessageKind::Trade => {
                block.levels.push(Level {
                    price: decimal(frame.prices[0], pe, "p")?,
                    size: decimal(frame.prices[1], se, "q")?,
                });
                (1, 0)
            }
        };
        let mut flags = frame.flags;
        let sent_ns = frame
            .transaction_ms
            .or(frame.event_ms)
            .and_then(|ms| ms.checked_mul(1_000_000));
        let exchange_ns = match sent_ns {
            // One absurd stamp must not hold back everything that the venue matches after it.
            Some(ns) if ns.abs_diff(local_ns) <= FARTHEST_EXCHANGE_NS => ns,
            _ => {
                flags |= FLAG_EXCHANGE_TIME_ESTIMATED;
                self.exchange_time_estimated += u64::from(sent_ns.is_some());
                local_ns
            }
        };
        if held {
            flags |= FLAG_LOCAL_TIME_HELD;
        }
        block.messages.push(Message {
            local_ns,
            exchange_ns,
            first_id: frame.first_id,
            last_id: frame.last_id,
            previous_id: frame.previous_id,
            levels_start: levels_start as u32,
            bids,
            asks,
            kind,
            flags,
        });
        self.messages += 1;
        let counts = &mut self.by_stream[index];
        match counts
            .iter_mut()
            .find(|(name, _)| name.as_bytes() == frame.stream)
        {
            Some((_, n)) => *n += 1,
            None => counts.push((String::from_utf8_lossy(frame.stream).into_owned(), 1)),
        }
        Ok(())
    }
}
