//! The older captures of cryptofeed: text lines `ts: frame`, `url -> ts: answer` and `address <-> ts`, in order of time.

use aurora_core::wire::{Dialect, EventSink, FrameContext, WireError, WireFault};

use super::address::{depth_symbol, market_of};
use super::seconds::nanoseconds;
use super::Source;
use crate::lines::LineReader;
use crate::CaptureError;

/// First words of such a file.
pub const HEAD: &[u8] = b"configuration: {";

pub struct CryptofeedText {
    lines: LineReader,
    range: (usize, usize),
    frame_start: usize,
    /// Symbol and market of a REST answer, where the current line is one.
    answer: Option<(String, Option<aurora_core::instrument::Market>)>,
    /// The current line is an answer that is not read.
    passed: bool,
    market: Option<aurora_core::instrument::Market>,
    dialect: Option<Dialect>,
}

impl CryptofeedText {
    pub fn new(lines: LineReader) -> CryptofeedText {
        CryptofeedText {
            lines,
            range: (0, 0),
            frame_start: 0,
            answer: None,
            passed: false,
            market: None,
            dialect: None,
        }
    }

    fn place(&self, byte: usize, fault: WireFault) -> CaptureError {
        CaptureError::Frame {
            path: self.lines.path.clone(),
            line: self.lines.line,
            cause: WireError { byte, fault },
        }
    }

    /// Takes the time that begins at byte `start` and ends with a colon.
    fn time(&mut self, range: (usize, usize), start: usize) -> Result<i64, CaptureError> {
        let line = self.lines.bytes(range);
        let end = memchr::memmem::find(&line[start..], b": ").map(|at| start + at);
        let time = end.and_then(|end| nanoseconds(&line[start..end]).ok());
        match (time, end) {
            (Some(time), Some(end)) => {
                self.frame_start = end + 2;
                self.range = range;
                Ok(time)
            }
            _ => Err(self.place(
                start,
                WireFault::Expected {
                    expected: "a receive time in seconds, a colon and a frame",
                },
            )),
        }
    }
}

impl Source for CryptofeedText {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        while let Some(range) = self.lines.next()? {
            let line = self.lines.bytes(range);
            if line.is_empty() || line.starts_with(b"configuration:") {
                continue;
            }
            if let Some(at) = memchr::memmem::find(line, b" <-> ") {
                if line.starts_with(b"ws") {
                    self.market = market_of(&String::from_utf8_lossy(&line[..at]));
                    continue;
                }
            }
            self.answer = None;
            self.passed = false;
            let mut start = 0;
            if line.starts_with(b"http") {
                let Some(at) = memchr::memmem::find(line, b" -> ") else {
                    return Err(self.place(
                        0,
                        WireFault::Expected {
                            expected: "an arrow behind an address",
                        },
                    ));
                };
                let url = String::from_utf8_lossy(&line[..at]).into_owned();
                start = at + 4;
                match depth_symbol(&url) {
                    Some(symbol) => self.answer = Some((symbol.to_owned(), market_of(&url))),
                    None => self.passed = true,
                }
            }
            return self.time(range, start).map(Some);
        }
        Ok(None)
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        if self.passed {
            return Ok(false);
        }
        let line = self.lines.bytes(self.range);
        let frame = &line[self.frame_start..];
        let Some(dialect) = self.dialect.or_else(|| Dialect::detect(frame)) else {
            return Err(self.place(
                self.frame_start,
                WireFault::Expected {
                    expected: "a frame of a venue that is known here",
                },
            ));
        };
        let context = match &self.answer {
            Some((symbol, market)) => FrameContext {
                market: market.or(self.market),
                symbol: Some(symbol.as_bytes()),
            },
            None => FrameContext {
                market: self.market,
                symbol: None,
            },
        };
        let read = dialect
            .decode(line, self.frame_start, context, sink)
            .map_err(|cause| CaptureError::Frame {
                path: self.lines.path.clone(),
                line: self.lines.line,
                cause,
            });
        self.dialect = Some(dialect);
        read
    }

    fn path(&self) -> &str {
        &self.lines.path
    }

    fn line(&self) -> u64 {
        self.lines.line
    }
}
