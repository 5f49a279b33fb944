//! Raw captures: each line a receive time, one space, and a frame as the venue sent it.

use aurora_core::instrument::Market;
use aurora_core::wire::{split_line, Dialect, EventSink, FrameContext, WireError, WireFault};

use super::Source;
use crate::lines::LineReader;
use crate::CaptureError;

/// Lines in which a trade that tells Bybit's spot from its contracts is looked for.
const CATEGORY_LINES: u64 = 5_000;

pub struct RawSource {
    lines: LineReader,
    range: (usize, usize),
    json_start: usize,
    /// Known from the first frame that shows it.
    dialect: Option<Dialect>,
    market: Option<Market>,
    assumes_market: bool,
}

impl RawSource {
    /// `head`: the first line; `market`: that of the frames, where they do not name it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(
        lines: LineReader,
        head: &[u8],
        market: Option<Market>,
    ) -> Result<RawSource, CaptureError> {
        let mut source = RawSource {
            lines,
            range: (0, 0),
            json_start: 0,
            dialect: None,
            market,
            assumes_market: false,
        };
        let venue = split_line(head)
            .ok()
            .and_then(|time| Dialect::detect(&head[time.json_start..]));
        if market.is_none() && venue.is_none_or(|venue| venue == Dialect::Bybit) {
            let mut lines = LineReader::open(&source.lines.path)?;
            let category = bybit_category(&mut lines);
            source.assumes_market = category == Category::Unknown;
            source.market = (category == Category::Spot).then_some(Market::BybitSpot);
        }
        Ok(source)
    }

    fn place(&self, cause: WireError) -> CaptureError {
        CaptureError::Frame {
            path: self.lines.path.clone(),
            line: self.lines.line,
            cause,
        }
    }
}

impl Source for RawSource {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        while let Some(range) = self.lines.next()? {
            let line = self.lines.bytes(range);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let time = split_line(line).map_err(|cause| self.place(cause))?;
            self.range = range;
            self.json_start = time.json_start;
            return Ok(Some(time.local_ns));
        }
        Ok(None)
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        let line = self.lines.bytes(self.range);
        let dialect = match self.dialect {
            Some(dialect) => dialect,
            None => {
                let Some(found) = Dialect::detect(&line[self.json_start..]) else {
                    return Err(self.place(WireError {
                        byte: self.json_start,
                        fault: WireFault::Expected {
                            expected: "a frame of a venue that is known here",
                        },
                    }));
                };
                self.dialect = Some(found);
                found
            }
        };
        let context = FrameContext {
            market: self.market,
            symbol: None,
        };
        dialect
            .decode(line, self.json_start, context, sink)
            .map_err(|cause| self.place(cause))
    }

    fn path(&self) -> &str {
        &self.lines.path
    }

    fn line(&self) -> u64 {
        self.lines.line
    }

    fn assumes_market(&self) -> bool {
        self.assumes_market
    }
}

/// What the frames of a file say of their category at Bybit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    /// Not Bybit, or contracts, whose symbols tell more.
    Other,
    Spot,
    /// Frames of Bybit without a trade among the first.
    Unknown,
}

/// The first trade tells: those of contracts have a tick direction. A connection is of one category.
fn bybit_category(lines: &mut LineReader) -> Category {
    let mut category = Category::Other;
    let mut frames = 0;
    // What cannot be read is met again when the file is.
    while let Ok(Some(range)) = lines.next() {
        let line = lines.bytes(range);
        let Ok(time) = split_line(line) else { continue };
        let frame = &line[time.json_start..];
        if category == Category::Other {
            match Dialect::detect(frame) {
                Some(Dialect::Bybit) => category = Category::Unknown,
                Some(_) => return Category::Other,
                None => {}
            }
        }
        let has = |text: &[u8]| memchr::memmem::find(frame, text).is_some();
        if category == Category::Unknown && has(b"\"publicTrade.") && has(b"\"S\":") {
            return if has(b"\"L\":") {
                Category::Other
            } else {
                Category::Spot
            };
        }
        frames += 1;
        if frames >= CATEGORY_LINES {
            break;
        }
    }
    category
}
