//! Comma-separated rows of one file, one behind the other, each with its place.

use aurora_core::wire::WireFault;

use super::rows::Place;
use crate::lines::LineReader;
use crate::CaptureError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A row with more fields is of no table that is read here (a thousand levels a side are as many).
const MOST_FIELDS: usize = 4096;

/// Rows of a table. Fields may stand in quotes, as long as they hold no line break; blank lines are passed over.
pub struct CsvRows {
    lines: LineReader,
    range: (usize, usize),
    /// Begin and end of each field in the line.
    fields: Vec<(usize, usize)>,
    /// Fields of every row.
    width: usize,
    handed_back: bool,
    /// A fault met behind the row that was handed back.
    later: Option<CaptureError>,
}

impl CsvRows {
    /// A table without a header; its first row gives the number of fields.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(path: &str) -> Result<CsvRows, CaptureError> {
        Ok(CsvRows {
            lines: LineReader::open(path)?,
            range: (0, 0),
            fields: Vec::new(),
            width: 0,
            handed_back: false,
            later: None,
        })
    }

    /// A table with a header, and the names of its columns.
    ///
    /// # Errors
    /// A file that cannot be opened, or without a first row.
    pub fn open_with_header(path: &str) -> Result<(CsvRows, Header), CaptureError> {
        let mut rows = CsvRows::open(path)?;
        rows.advance()?;
        let header = Header {
            path: path.to_owned(),
            names: (0..rows.width)
                .map(|n| String::from_utf8_lossy(rows.field(n)).into_owned())
                .collect(),
        };
        Ok((rows, header))
    }

    /// Moves to the next row, or to the one that was handed back; false at the end of the file.
    ///
    /// # Errors
    /// A row that is no row of this table ([`CaptureError::Frame`]; the next call goes on behind it), or a file
    /// that breaks off.
    pub fn advance(&mut self) -> Result<bool, CaptureError> {
        if let Some(error) = self.later.take() {
            return Err(error);
        }
        if std::mem::take(&mut self.handed_back) {
            return Ok(true);
        }
        while let Some(range) = self.lines.next()? {
            self.range = range;
            if !self.lines.bytes(range).is_empty() {
                self.split()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row at hand belongs to the next message: `advance` will give it again.
    pub fn hand_back(&mut self) {
        self.handed_back = true;
    }

    /// The error will be the answer of the next `advance`.
    pub fn fail_later(&mut self, error: CaptureError) {
        self.later = Some(error);
    }

    fn split(&mut self) -> Result<(), CaptureError> {
        self.fields.clear();
        let line = self.lines.bytes(self.range);
        let mut at = 0;
        if self.width == 0 && line.starts_with(BYTE_ORDER_MARK) {
            at = BYTE_ORDER_MARK.len();
        }
        let mut fault = None;
        loop {
            let rest = &line[at..];
            let (start, end, next) = if rest.first() == Some(&b'"') {
                match memchr::memchr(b'"', &rest[1..]) {
                    Some(length) => (at + 1, at + 1 + length, at + length + 2),
                    None => {
                        fault = Some((line.len(), "a closing quote"));
                        break;
                    }
                }
            } else {
                let end = at + memchr::memchr(b',', rest).unwrap_or(rest.len());
                (at, end, end)
            };
            if self.fields.len() == MOST_FIELDS {
                fault = Some((at, "no more than 4096 fields"));
                break;
            }
            self.fields.push((start, end));
            match line.get(next) {
                None => break,
                Some(b',') => at = next + 1,
                Some(_) => {
                    fault = Some((next, "a comma"));
                    break;
                }
            }
        }
        if self.width == 0 {
            self.width = self.fields.len();
        }
        if fault.is_none() && self.fields.len() != self.width {
            fault = Some((line.len(), "as many fields as the first row has"));
        }
        match fault {
            None => Ok(()),
            Some((byte, expected)) => {
                let place = Place {
                    line: self.lines.line,
                    byte,
                };
                Err(place.error(&self.lines.path, WireFault::Expected { expected }))
            }
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Text of a field of the row at hand, without quotes.
    pub fn field(&self, column: usize) -> &[u8] {
        match self.fields.get(column) {
            Some(range) => &self.lines.bytes(self.range)[range.0..range.1],
            None => b"",
        }
    }

    pub fn place(&self, column: usize) -> Place {
        Place {
            line: self.lines.line,
            byte: self.fields.get(column).map_or(0, |range| range.0),
        }
    }

    /// The error for a field that is not what it should be.
    pub fn expected(&self, column: usize, expected: &'static str) -> CaptureError {
        self.place(column)
            .error(&self.lines.path, WireFault::Expected { expected })
    }

    pub fn path(&self) -> &str {
        &self.lines.path
    }

    pub fn line(&self) -> u64 {
        self.lines.line
    }
}

/// Names of a table's columns.
pub struct Header {
    path: String,
    names: Vec<String>,
}

impl Header {
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// # Errors
    /// [`CaptureError::Format`] naming the column that is missing.
    pub fn column(&self, name: &str) -> Result<usize, CaptureError> {
        self.find(name).ok_or_else(|| CaptureError::Format {
            path: self.path.clone(),
            what: format!("the table has no column {name:?}"),
        })
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
