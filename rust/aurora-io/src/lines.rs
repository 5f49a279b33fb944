//! Lines of one capture file, plain, gzip, zstd or xz, in constant memory.

use std::fs::File;
use std::io::{BufReader, Read};

use memchr::memchr;

use crate::gzip::GzipReader;
use crate::unpack::Unpacked;
use crate::CaptureError;

const CHUNK: usize = 1 << 20;
/// A longer line is no capture line (a snapshot of 5,000 levels a side is a quarter of a megabyte).
const LONGEST_LINE: usize = 64 << 20;

enum Source {
    Plain(File),
    Gzip(GzipReader),
    Unpacked(Unpacked),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Source::Plain(file) => file.read(buffer),
            Source::Gzip(decoder) => decoder.read(buffer),
            Source::Unpacked(decoder) => decoder.read(buffer),
        }
    }
}

pub struct LineReader {
    pub path: String,
    /// Number of the line that `next` gave last, from 1.
    pub line: u64,
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    exhausted: bool,
}

impl LineReader {
    /// # Errors
    /// A file that is missing, empty or cannot be read.
    pub fn open(path: &str) -> Result<LineReader, CaptureError> {
        LineReader::open_one_of(path, 1)
    }

    /// Opens a file that `readers` cursors go through at the same time: their decoders share the memory.
    ///
    /// # Errors
    /// A file that is missing, empty or cannot be read.
    pub fn open_one_of(path: &str, readers: usize) -> Result<LineReader, CaptureError> {
        let fail = |cause| CaptureError::Open {
            path: path.to_owned(),
            cause,
        };
        let mut file = File::open(path).map_err(fail)?;
        let mut magic = [0u8; 6];
        let mut known = 0;
        while known < magic.len() {
            match file.read(&mut magic[known..]).map_err(fail)? {
                0 => break,
                n => known += n,
            }
        }
        let format = |what: &str| CaptureError::Format {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let file = File::open(path).map_err(fail)?;
        let source = match &magic[..known] {
            [] => return Err(format("the file is empty")),
            [0x1f, 0x8b, ..] => {
                Source::Gzip(GzipReader::new(BufReader::with_capacity(CHUNK, file)))
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let input = BufReader::with_capacity(CHUNK, file);
                Source::Unpacked(Unpacked::zstd(input, readers).map_err(fail)?)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => {
                let input = BufReader::with_capacity(CHUNK, file);
                Source::Unpacked(Unpacked::xz(input, readers).map_err(fail)?)
            }
            _ => Source::Plain(file),
        };
        Ok(LineReader {
            path: path.to_owned(),
            line: 0,
            source,
            buffer: vec![0; 2 * CHUNK],
            start: 0,
            filled: 0,
            exhausted: false,
        })
    }

    /// Range of the next line in the buffer (without its end), or None at the end of the file.
    ///
    /// # Errors
    /// [`CaptureError::Read`] when the file ends within a gzip member or cannot be read.
    pub fn next(&mut self) -> Result<Option<(usize, usize)>, CaptureError> {
        let mut searched = self.start;
        loop {
            if let Some(offset) = memchr(b'\n', &self.buffer[searched..self.filled]) {
                let begin = self.start;
                let mut end = searched + offset;
                self.start = end + 1;
                if end > begin && self.buffer[end - 1] == b'\r' {
                    end -= 1;
                }
                self.line += 1;
                return Ok(Some((begin, end)));
            }
            if self.exhausted {
                if self.start == self.filled {
                    return Ok(None);
                }
                let range = (self.start, self.filled);
                self.start = self.filled;
                self.line += 1;
                return Ok(Some(range));
            }
            searched = self.fill(self.filled)?;
        }
    }

    /// Reads more behind `searched`; answers where the unsearched bytes now begin.
    fn fill(&mut self, searched: usize) -> Result<usize, CaptureError> {
        let kept = self.filled - self.start;
        let searched = searched - self.start;
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.start = 0;
            self.filled = kept;
        }
        if self.filled > LONGEST_LINE {
            self.buffer = Vec::new();
            (self.start, self.filled, self.exhausted) = (0, 0, true);
            return Err(CaptureError::Content {
                path: self.path.clone(),
                line: self.line + 1,
                what: format!(
                    "the line is longer than {LONGEST_LINE} bytes: this is no capture of lines"
                ),
            });
        }
        if self.buffer.len() - self.filled < CHUNK {
            let longer = (self.buffer.len() * 2).min(LONGEST_LINE + 2 * CHUNK);
            self.buffer.resize(longer, 0);
        }
        // No more than a chunk at a time, so that little stands behind a long line.
        let end = self.buffer.len().min(self.filled + CHUNK);
        match self.source.read(&mut self.buffer[self.filled..end]) {
            Ok(0) => self.exhausted = true,
            Ok(n) => self.filled += n,
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
            Err(cause) => {
                return Err(CaptureError::Read {
                    path: self.path.clone(),
                    line: self.line,
                    cause,
                })
            }
        }
        Ok(searched)
    }

    /// Gives back what a long line took; the line at hand is gone then.
    pub fn release(&mut self) {
        if self.buffer.len() > 2 * CHUNK {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
            self.buffer.truncate(self.filled.max(2 * CHUNK));
            self.buffer.shrink_to_fit();
        }
    }

    pub fn bytes(&self, (begin, end): (usize, usize)) -> &[u8] {
        &self.buffer[begin..end]
    }
}
