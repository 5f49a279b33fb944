//! A ledger store whose medium is a vector of bytes and whose writes may fail, tear, or be the last thing a process
//! does.

use crate::execution::{ClientId, LedgerError, LedgerRow, LedgerStore, MemoryLedger};

/// What happens to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteFate {
    Done,
    /// Nothing was written.
    Failed,
    /// So many bytes of it were written.
    Torn(usize),
}

/// Frames of length, checksum and rows; a frame counts as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultyStore {
    medium: Vec<u8>,
    /// Bytes of whole frames; what lies beyond is a torn write.
    whole: usize,
    /// What the open handle has read and written.
    rows: MemoryLedger,
    pub fate: Option<WriteFate>,
}

const HEADER: usize = 8;

impl FaultyStore {
    /// Opens the medium as a new process does: whole frames are read, a torn one at the end is cut off.
    pub fn reopen(&mut self) -> Result<(), LedgerError> {
        self.rows = MemoryLedger::default();
        self.fate = None;
        let mut at = 0;
        while let Some(frame) = frame(&self.medium[at..]) {
            let rows: Vec<LedgerRow> = postcard::from_bytes(frame).map_err(|error| {
                let sequence = self.rows.next_sequence();
                let cause = error.to_string();
                LedgerError::Malformed { sequence, cause }
            })?;
            self.rows.append_batch(&rows)?;
            at += HEADER + frame.len();
        }
        self.whole = at;
        self.medium.truncate(at);
        Ok(())
    }

    /// Every row that a process would find.
    pub fn all_rows(&self) -> Vec<LedgerRow> {
        self.rows.rows(0, usize::MAX).unwrap_or_default()
    }
}

fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(bytes.get(4..HEADER)?.try_into().ok()?);
    let body = bytes.get(HEADER..HEADER + length)?;
    (crc32fast::hash(body) == checksum).then_some(body)
}

impl LedgerStore for FaultyStore {
    fn append_batch(&mut self, rows: &[LedgerRow]) -> Result<usize, LedgerError> {
        let fate = self.fate.take().unwrap_or(WriteFate::Done);
        let failed = |cause: &str| LedgerError::Store {
            path: "memory".to_string(),
            cause: cause.to_string(),
        };
        if fate == WriteFate::Failed {
            return Err(failed("no space left"));
        }
        let body = postcard::to_allocvec(rows).map_err(|error| failed(&error.to_string()))?;
        // What an earlier write has left behind is written over.
        self.medium.truncate(self.whole);
        let length = u32::try_from(body.len()).map_err(|error| failed(&error.to_string()))?;
        self.medium.extend(length.to_le_bytes());
        self.medium.extend(crc32fast::hash(&body).to_le_bytes());
        self.medium.extend(&body);
        if let WriteFate::Torn(kept) = fate {
            let written = HEADER + body.len();
            self.medium.truncate(self.whole + kept.min(written - 1));
            return Err(failed("write interrupted"));
        }
        let appended = self.rows.append_batch(rows);
        if appended.is_err() {
            self.medium.truncate(self.whole);
        }
        self.whole = self.medium.len();
        appended
    }

    fn spec_hash(&self, client_id: &ClientId) -> Result<Option<[u8; 32]>, LedgerError> {
        self.rows.spec_hash(client_id)
    }

    fn rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, LedgerError> {
        self.rows.rows(from, limit)
    }

    fn next_sequence(&self) -> u64 {
        self.rows.next_sequence()
    }
}
