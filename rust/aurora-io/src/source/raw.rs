//! Raw captures: each line a receive time, one space, and a frame as the venue sent it.

use aurora_core::wire::{split_line, Dialect, EventSink, FrameContext, WireError, WireFault};

use super::Source;
use crate::lines::LineReader;
use crate::CaptureError;

pub struct RawSource {
    lines: LineReader,
    range: (usize, usize),
    json_start: usize,
    /// Known from the first frame that shows it.
    dialect: Option<Dialect>,
}

impl RawSource {
    pub fn new(lines: LineReader) -> RawSource {
        RawSource {
            lines,
            range: (0, 0),
            json_start: 0,
            dialect: None,
        }
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
        dialect
            .decode(line, self.json_start, FrameContext::default(), sink)
            .map_err(|cause| self.place(cause))
    }

    fn path(&self) -> &str {
        &self.lines.path
    }

    fn line(&self) -> u64 {
        self.lines.line
    }
}
