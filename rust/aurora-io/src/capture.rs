//! Capture files of one stream as slices of decoded events.

use aurora_core::event::EventBlock;
use aurora_core::instrument::{Instrument, Market};
use aurora_core::wire::WireEvent;

use crate::calibration::{Calibration, Overrides, CALIBRATION_MESSAGES};
use crate::head::{Head, LONGEST_NAME};
use crate::lanes::{Lanes, Next};
use crate::streams::Chosen;
use crate::CaptureError;

/// Bad lines that are kept as text; all are counted.
const SHOWN_BAD_LINES: usize = 20;
/// Slices without an end end here (2116), so nothing may be received later.
const END_OF_TIME_NS: i64 = 1 << 62;
/// So many lines in a row received before an earlier line: that line's receive time was wrong.
const MOST_HELD_IN_A_ROW: u64 = 1_000;

/// Most streams of a symbol that are counted by name; what comes under further names is counted together.
const MOST_STREAMS: usize = 64;
const FURTHER_STREAMS: &str = "further streams";
/// Levels after which a slice with a limit is cut short (16 MB of them).
const CUT_LEVELS: usize = 1 << 20;
/// Most levels of any slice (1 GB of them): a block tells their places in 32 bits.
const MOST_LEVELS: usize = 1 << 26;

/// How capture files are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Records that cannot be read are counted and passed over instead of ending the stream.
    pub skip_bad_lines: bool,
    /// Market of raw frames that do not name theirs.
    pub market: Option<Market>,
}

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
    options: ReadOptions,
    head: Head,
    instruments: Vec<Instrument>,
    /// By file, by instrument: of streams that tell the same, the one that is read.
    chosen: Vec<Vec<Chosen>>,
    /// By instrument: events of the slice at hand, where they can grow.
    growing: Vec<EventBlock>,
    offset_ns: i64,
    lanes: Lanes,
    /// The record that was read but not yet taken, its corrected local time, and whether it was held at its
    /// predecessor's.
    ahead: Option<(Next, i64, bool)>,
    last_local_ns: i64,
    finished: bool,
    pub messages: u64,
    pub by_stream: Vec<Vec<(String, u64)>>,
    /// Records of streams that are known and not read, and events of streams that tell what another tells better.
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
    /// Opens files that together are one stream and calibrates on the first messages.
    ///
    /// # Errors
    /// A file that is missing, unreadable or no capture; a fault within the calibration is only met when reading.
    pub fn open(paths: &[String], options: ReadOptions) -> Result<CaptureStream, CaptureError> {
        let head = Head::read(paths, options.skip_bad_lines, options.market)?;
        Ok(CaptureStream {
            paths: paths.to_vec(),
            options,
            instruments: Vec::new(),
            chosen: Vec::new(),
            growing: Vec::new(),
            offset_ns: 0,
            lanes: Lanes::new(paths, &head.kinds, options.market),
            head,
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
        })
    }

    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    pub fn calibrations(&self) -> &[Calibration] {
        &self.head.calibrations
    }

    /// Receive time (not corrected) of the first line and of the last calibration message.
    pub fn calibration_span_ns(&self) -> (i64, i64) {
        (self.head.first_ns, self.head.calibrated_ns)
    }

    /// Whether nothing tells the market of the instruments, and it is taken for what is usual.
    pub fn assumes_market(&self) -> bool {
        self.head.assumes_market
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
            .head
            .calibrations
            .iter()
            .enumerate()
            .map(|(i, c)| c.instrument(overrides.get(i).unwrap_or(&Overrides::default())))
            .collect::<Result<_, _>>()?;
        self.growing = vec![EventBlock::default(); self.instruments.len()];
        self.offset_ns = offset_ns;
        self.chosen.clone_from(&self.head.chosen);
        self.lanes = Lanes::new(&self.paths, &self.head.kinds, self.options.market);
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
                Ok(Some((next, local_ns, held))) => {
                    let full = self.messages - before >= limit || levels >= CUT_LEVELS;
                    if local_ns >= end_ns || (limit > 0 && full) {
                        break;
                    }
                    self.ahead = None;
                    match self.decode(next, local_ns, held, &mut levels) {
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
        let over = self.options.skip_bad_lines && matches!(error, CaptureError::Frame { .. });
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

    /// The next record, read if need be: its corrected local time, and whether it was held.
    fn peek(&mut self) -> Result<Option<(Next, i64, bool)>, CaptureError> {
        if self.ahead.is_some() || self.finished {
            return Ok(self.ahead);
        }
        let Some(next) = self.lanes.peek()? else {
            self.finished = true;
            return Ok(None);
        };
        let mut local_ns = next.received_ns.saturating_sub(self.offset_ns);
        if local_ns >= END_OF_TIME_NS {
            let what = "received after the year 2116; mend the time".to_owned();
            return Err(self.lanes.content(next, what));
        }
        let held = local_ns < self.last_local_ns;
        if held {
            local_ns = self.last_local_ns;
            self.held += 1;
            self.held_in_a_row += 1;
            if self.held_in_a_row > MOST_HELD_IN_A_ROW {
                let what = format!(
                    "{MOST_HELD_IN_A_ROW} lines before it were received earlier than a line ahead of them: a receive \
                     time there is wrong"
                );
                return Err(self.lanes.content(next, what));
            }
        } else {
            self.held_in_a_row = 0;
        }
        self.ahead = Some((next, local_ns, held));
        Ok(self.ahead)
    }

    fn decode(
        &mut self,
        next: Next,
        local_ns: i64,
        held: bool,
        levels: &mut usize,
    ) -> Result<(), CaptureError> {
        let Some(source) = self.lanes.take(next) else {
            return Ok(());
        };
        self.last_local_ns = local_ns;
        let (instruments, blocks) = (&self.instruments, &mut self.growing);
        let chosen = &mut self.chosen[next.file];
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
            if !chosen[index].takes(event) {
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
            let what = format!("more than {MOST_LEVELS} levels in one slice; make slices narrower");
            return Err(self.lanes.content(next, what));
        }
        if !read {
            self.ignored += 1;
        }
        let Some(nowhere) = nowhere else {
            return Ok(());
        };
        let what = match nowhere {
            Some(name) => format!(
                "first message of {name}, which was not among the first {CALIBRATION_MESSAGES} that the capture is \
                 calibrated on; keep each symbol in files of its own"
            ),
            None => "a snapshot without a symbol in a file of several symbols; keep each symbol in files of its own".into(),
        };
        Err(self.lanes.content(next, what))
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
