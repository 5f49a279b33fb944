//! Files as records: what a format calls a record, when it was received, and the events in it.
//!
//! A format is recognised once, from the first bytes of its file, and then read by its own [`Source`].

mod address;
mod binance_csv;
mod bitstamp;
mod cryptofeed;
mod cryptofeed_text;
mod csv;
mod decimal;
mod event_row;
mod lobster;
mod lobster_orders;
mod npy;
mod npz;
mod raw;
mod rows;
mod seconds;
mod tables;
mod tardis;
#[cfg(test)]
mod test_support;
mod zip;

use aurora_core::instrument::Market;
use aurora_core::wire::EventSink;

use crate::lines::LineReader;
use crate::CaptureError;

/// A capture file read record by record, in constant memory.
pub trait Source: Send + Sync {
    /// Moves to the next record: its receive time as captured (ns), or None at the end of the file.
    ///
    /// # Errors
    /// A record whose time cannot be read, or a file that breaks off. After [`CaptureError::Frame`] the next call
    /// goes on behind the record.
    fn advance(&mut self) -> Result<Option<i64>, CaptureError>;

    /// Hands the events of the current record to `sink`; false when the record is known and carries none.
    ///
    /// # Errors
    /// [`CaptureError::Frame`] with the record's place; events before the broken one have been handed over.
    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError>;

    fn path(&self) -> &str;

    /// Number of the current record's line (or row), from 1.
    fn line(&self) -> u64;

    /// Whether the market of its instruments is taken for what is usual, because nothing tells it.
    fn assumes_market(&self) -> bool {
        false
    }
}

/// Opens a file by its format.
///
/// # Errors
/// A file that is missing, unreadable, empty, or of no format known here.
pub fn open(path: &str) -> Result<Box<dyn Source>, CaptureError> {
    open_as(path, None)
}

/// The same for raw frames of a given market, where they do not name theirs.
///
/// # Errors
/// A file that is missing, unreadable, empty, or of no format known here.
pub fn open_as(path: &str, market: Option<Market>) -> Result<Box<dyn Source>, CaptureError> {
    if let Some(source) = tables::open_arrays(path)? {
        return Ok(source);
    }
    let (first, head) = first_lines(path)?;
    if let Some(source) = tables::open(path, &first)? {
        return Ok(source);
    }
    if head.starts_with(cryptofeed::HEAD) {
        return Ok(Box::new(cryptofeed::Cryptofeed::open(path)?));
    }
    let lines = LineReader::open(path)?;
    Ok(if head.starts_with(cryptofeed_text::HEAD) {
        Box::new(cryptofeed_text::CryptofeedText::new(lines))
    } else if bitstamp::is_line(&head) {
        Box::new(bitstamp::Bitstamp::new(lines))
    } else {
        Box::new(raw::RawSource::open(lines, &head, market)?)
    })
}

/// The first line that is not empty, and the first that is no comment either; empty where there is none.
fn first_lines(path: &str) -> Result<(Vec<u8>, Vec<u8>), CaptureError> {
    let mut lines = LineReader::open(path)?;
    let mut first = Vec::new();
    // A file that is damaged so early is for its reader to complain of.
    while let Ok(Some(range)) = lines.next() {
        let line = lines.bytes(range);
        if line.is_empty() {
            continue;
        }
        if first.is_empty() {
            first = line.to_vec();
        }
        if line[0] != b'#' {
            return Ok((first, line.to_vec()));
        }
    }
    Ok((first, Vec::new()))
}
