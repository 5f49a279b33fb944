//! A ledger as it lies on disk, read without changing the file: every row that is whole, and what is wrong.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use aurora_core::execution::{ClientId, LedgerError, LedgerRow};
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::ledger::{check_tables, store_error, ROWS};
use crate::ledger_file::{guarded, open_database, Untouched};

/// What a ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerReading {
    /// Whole rows by sequence; without damage all of them.
    pub rows: Vec<LedgerRow>,
    /// The first thing that is wrong.
    pub damage: Option<LedgerError>,
    /// Rows that are missing before the last whole one. What came after that one, a damaged file cannot tell.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Rows that only a search of the bytes of a damaged file has found; the last of them may never have been
    /// acknowledged.
    pub searched: u64,
}

impl LedgerReading {
    /// Rows from the first on without a gap.
    pub fn whole_until(&self) -> u64 {
        let first = self.missing.first().map(|range| *range.start());
        first.unwrap_or(self.rows.last().map_or(0, |row| row.sequence + 1))
    }
}

/// Reads a ledger that no process has open. The file is not written to, not even to finish what a killed process left
/// undone; rows of a damaged one are looked for in its bytes, where a checksum proves each.
///
/// # Errors
/// [`LedgerError::Store`] when the file cannot be read, is in use, or holds nothing of a ledger.
pub fn read_ledger(path: &Path) -> Result<LedgerReading, LedgerError> {
    let name = path.display().to_string();
    let error = |cause: String| store_error(&name, cause);
    let length = std::fs::metadata(path)
        .map_err(|e| error(e.to_string()))?
        .len();
    let backend = Untouched::open(path).map_err(error)?;
    if length == 0 {
        return Err(error("the file is empty, so it is no ledger".to_string()));
    }
    let mut rows = BTreeMap::new();
    let mut take = |row: LedgerRow| {
        rows.insert(row.sequence, row);
    };
    let damage = match open_database(backend) {
        Err(cause) if cause == "another process has it open" => return Err(error(cause)),
        Err(cause) => Some(error(cause)),
        Ok(database) => {
            let checked = guarded(|| check_tables(&name, &database, &mut take));
            let damage = match checked {
                Ok(checked) => checked.err(),
                Err(cause) => Some(error(cause)),
            };
            if damage.is_some() {
                // Rows behind the one that is wrong.
                let _ = guarded(|| lenient(&database, &mut take));
            }
            let _ = guarded(move || drop(database));
            damage
        }
    };
    let stored = rows.len() as u64;
    if damage.is_some() {
        let bytes = std::fs::read(path).map_err(|e| error(e.to_string()))?;
        search(&bytes, |row| {
            rows.entry(row.sequence).or_insert(row);
        });
        if rows.is_empty() && !bytes.starts_with(b"redb") {
            return Err(error(
                "it is no ledger, or nothing of it is left".to_string(),
            ));
        }
    }
    let mut missing = Vec::new();
    let mut next = 0;
    for sequence in rows.keys() {
        if *sequence > next {
            missing.push(next..=*sequence - 1);
        }
        next = sequence + 1;
    }
    Ok(LedgerReading {
        searched: rows.len() as u64 - stored,
        rows: rows.into_values().collect(),
        damage,
        missing,
    })
}

fn lenient(database: &Database, take: &mut impl FnMut(LedgerRow)) -> Option<()> {
    let read = database.begin_read().ok()?;
    let table = read.open_table(ROWS).ok()?;
    for entry in table.iter().ok()? {
        let (key, value) = entry.ok()?;
        if let Ok(row) = LedgerRow::from_bytes(key.value(), value.value()) {
            take(row);
        }
    }
    Some(())
}

/// Bytes of a client id, which no other part of a row looks like.
const ID_BYTES: usize = 32;
/// A row begins with two variable-length integers, its sequence and its time.
const MOST_BEFORE_ID: usize = 20;

/// Finds rows anywhere in bytes: where a client id stands, and what begins before it and ends in the right checksum.
fn search(bytes: &[u8], mut take: impl FnMut(LedgerRow)) {
    let is_id = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    let mut run = 0;
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        run = if is_id(*byte) { run + 1 } else { 0 };
        if run < ID_BYTES {
            continue;
        }
        let id = at + 1 - ID_BYTES;
        let known = std::str::from_utf8(&bytes[id..=at])
            .ok()
            .and_then(ClientId::parse);
        if known.is_none() {
            continue;
        }
        let earliest = id.saturating_sub(MOST_BEFORE_ID).max(from);
        for start in earliest..id.saturating_sub(1) {
            let Some((row, end)) = row_at(bytes, start) else {
                continue;
            };
            take(row);
            from = end;
            break;
        }
    }
}

fn row_at(bytes: &[u8], start: usize) -> Option<(LedgerRow, usize)> {
    let (row, rest) = LedgerRow::take_from_bytes(bytes.get(start..)?)?;
    Some((row, bytes.len() - rest.len()))
}

#[cfg(test)]
#[path = "ledger_reading_tests.rs"]
mod tests;
