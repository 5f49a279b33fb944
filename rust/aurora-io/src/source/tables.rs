//! Market data as tables: which of them a file is.

use std::fs::File;
use std::io::Read;

use super::binance_csv::BinanceCsvSource;
use super::lobster::{self, LobsterSource};
use super::npz::NpzSource;
use super::tardis::TardisSource;
use super::{npy, zip, Source};
use crate::CaptureError;

/// Opens a file of arrays; None for every other file, also one that cannot be read.
///
/// # Errors
/// An array of something else than events.
pub fn open_arrays(path: &str) -> Result<Option<Box<dyn Source>>, CaptureError> {
    Ok(match &magic(path) {
        start if start.starts_with(zip::SIGNATURE) => Some(Box::new(NpzSource::open_npz(path)?)),
        start if start.starts_with(npy::SIGNATURE) => Some(Box::new(NpzSource::open_npy(path)?)),
        _ => None,
    })
}

/// Opens a file whose first line that is not empty is that of a table of a known kind; None for every other file.
///
/// # Errors
/// A table that lacks what its kind needs.
pub fn open(path: &str, line: &[u8]) -> Result<Option<Box<dyn Source>>, CaptureError> {
    let begins = |name: &[u8]| {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        // Headers may be quoted.
        let mut bytes = line.iter().filter(|byte| **byte != b'"');
        name.iter().all(|expected| bytes.next() == Some(expected))
    };
    Ok(if begins(b"exchange,symbol,timestamp,") {
        Some(Box::new(TardisSource::open(path)?))
    } else if begins(b"symbol,timestamp,") {
        Some(Box::new(BinanceCsvSource::open(path)?))
    } else if lobster::is_row(line) {
        Some(Box::new(LobsterSource::open(path)?))
    } else {
        None
    })
}

fn magic(path: &str) -> [u8; 6] {
    let mut start = [0; 6];
    // A file that cannot be read is for the next reader to complain of.
    if let Ok(mut file) = File::open(path) {
        let _ = file.read(&mut start);
    }
    start
}
