//! The ledger: what was intended and what came back, in one contiguous, checksummed sequence.
//!
//! The row of an intent is written before its order leaves. The same client id with the same spec is then a
//! no-op, and with another spec an error, so a replay or a restart can neither double nor alter an order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client_id::ClientId;
use super::ledger_row::{encode, LedgerError, LedgerKind, LedgerRow};
use super::report::ExecutionReport;
use super::router::Order;

/// A store of ledger rows.
pub trait LedgerStore {
    /// Appends rows in one step: all of them or none. Rows that the store already holds, equal in every byte,
    /// are passed over, so a batch may safely be sent again. Returns how many were new.
    ///
    /// # Errors
    /// [`LedgerError`] when a row has a wrong checksum, leaves a gap, differs from the one stored at its
    /// sequence, or is a second intent of a client id.
    fn append_batch(&mut self, rows: &[LedgerRow]) -> Result<usize, LedgerError>;

    /// Spec hash of the intent with this client id.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    fn spec_hash(&self, client_id: &ClientId) -> Result<Option<[u8; 32]>, LedgerError>;

    /// Up to `limit` rows from sequence `from` on.
    ///
    /// # Errors
    /// [`LedgerError`] when the store cannot be read or a row is damaged.
    fn rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, LedgerError>;

    /// Sequence of the next row.
    fn next_sequence(&self) -> u64;

    /// # Errors
    /// As [`LedgerStore::append_batch`].
    fn append(&mut self, row: &LedgerRow) -> Result<usize, LedgerError> {
        self.append_batch(std::slice::from_ref(row))
    }
}

/// Checks a batch against a store and returns the rows that are new: the rules that every store shares.
///
/// # Errors
/// As [`LedgerStore::append_batch`].
pub fn new_rows<'a, S: LedgerStore + ?Sized>(
    store: &S,
    rows: &'a [LedgerRow],
) -> Result<&'a [LedgerRow], LedgerError> {
    let next = store.next_sequence();
    let mut expected = None;
    let mut first_new = rows.len();
    let mut intents: BTreeMap<ClientId, ()> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        row.verify()?;
        let must_be = expected.unwrap_or(row.sequence.min(next));
        if row.sequence != must_be {
            return Err(LedgerError::Gap {
                expected: must_be,
                got: row.sequence,
            });
        }
        expected = Some(row.sequence + 1);
        if row.sequence < next {
            if store.rows(row.sequence, 1)?.first() != Some(row) {
                return Err(LedgerError::Conflict {
                    sequence: row.sequence,
                });
            }
            continue;
        }
        first_new = first_new.min(index);
        if row.kind == LedgerKind::Intent {
            let client_id = row.client_id;
            match store.spec_hash(&client_id)? {
                Some(known) if known != row.spec_hash => {
                    return Err(LedgerError::SpecConflict { client_id });
                }
                Some(_) => {
                    return Err(LedgerError::IntentRepeated {
                        client_id,
                        sequence: row.sequence,
                    });
                }
                None => {}
            }
            if intents.insert(client_id, ()).is_some() {
                return Err(LedgerError::IntentRepeated {
                    client_id,
                    sequence: row.sequence,
                });
            }
        }
    }
    Ok(&rows[first_new..])
}

/// A ledger in memory: replay's store, part of the state that rolls back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLedger {
    rows: Vec<LedgerRow>,
    specs: BTreeMap<ClientId, [u8; 32]>,
}

impl LedgerStore for MemoryLedger {
    fn append_batch(&mut self, rows: &[LedgerRow]) -> Result<usize, LedgerError> {
        let fresh = new_rows(self, rows)?;
        for row in fresh {
            if row.kind == LedgerKind::Intent {
                self.specs.insert(row.client_id, row.spec_hash);
            }
            self.rows.push(row.clone());
        }
        Ok(fresh.len())
    }

    fn spec_hash(&self, client_id: &ClientId) -> Result<Option<[u8; 32]>, LedgerError> {
        Ok(self.specs.get(client_id).copied())
    }

    fn rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, LedgerError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.rows.iter().skip(from).take(limit).cloned().collect())
    }

    fn next_sequence(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// What the ledger says to an order that wants to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Its intent row; the order may leave once the row is stored.
    New(LedgerRow),
    /// The ledger holds the same order: nothing leaves.
    Known,
}

/// Writes the rows of one execution: gives out sequence numbers and knows every spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerWriter {
    next_sequence: u64,
    specs: BTreeMap<ClientId, [u8; 32]>,
}

impl LedgerWriter {
    /// A writer that goes on where a store ends.
    ///
    /// # Errors
    /// [`LedgerError`] when the store cannot be read.
    pub fn resume<S: LedgerStore>(store: &S) -> Result<LedgerWriter, LedgerError> {
        let mut writer = LedgerWriter::default();
        while writer.next_sequence < store.next_sequence() {
            let rows = store.rows(writer.next_sequence, 1024)?;
            let Some(last) = rows.last() else {
                return Err(LedgerError::Gap {
                    expected: writer.next_sequence,
                    got: store.next_sequence(),
                });
            };
            writer.next_sequence = last.sequence + 1;
            for row in rows.iter().filter(|row| row.kind == LedgerKind::Intent) {
                writer.specs.insert(row.client_id, row.spec_hash);
            }
        }
        Ok(writer)
    }

    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Admits an order: its row, or the knowledge that the very same order left before.
    ///
    /// # Errors
    /// [`LedgerError::SpecConflict`] when another order left under its id.
    pub fn admit(&mut self, order: &Order, local_ns: i64) -> Result<Admission, LedgerError> {
        let client_id = order.client_id();
        let spec_hash = order.spec().hash();
        match self.specs.get(&client_id) {
            Some(known) if *known == spec_hash => return Ok(Admission::Known),
            Some(_) => return Err(LedgerError::SpecConflict { client_id }),
            None => {}
        }
        let payload = encode(order)?;
        self.specs.insert(client_id, spec_hash);
        Ok(Admission::New(self.row(
            local_ns,
            client_id,
            LedgerKind::Intent,
            spec_hash,
            payload,
        )))
    }

    /// The row of a cancel about to leave.
    pub fn cancel(&mut self, client_id: ClientId, local_ns: i64) -> LedgerRow {
        let spec_hash = self.known_spec(&client_id);
        self.row(
            local_ns,
            client_id,
            LedgerKind::Cancel,
            spec_hash,
            Vec::new(),
        )
    }

    /// The row of a report that came back.
    ///
    /// # Errors
    /// [`LedgerError::Encode`].
    pub fn report(&mut self, report: &ExecutionReport) -> Result<LedgerRow, LedgerError> {
        let payload = encode(report)?;
        let spec_hash = self.known_spec(&report.client_id);
        Ok(self.row(
            report.local_ns,
            report.client_id,
            LedgerKind::Report,
            spec_hash,
            payload,
        ))
    }

    /// The row of anything else that has to survive a restart.
    ///
    /// # Errors
    /// [`LedgerError::Encode`].
    pub fn note<T: Serialize>(
        &mut self,
        kind: LedgerKind,
        client_id: ClientId,
        local_ns: i64,
        payload: &T,
    ) -> Result<LedgerRow, LedgerError> {
        let payload = encode(payload)?;
        let spec_hash = self.known_spec(&client_id);
        Ok(self.row(local_ns, client_id, kind, spec_hash, payload))
    }

    fn known_spec(&self, client_id: &ClientId) -> [u8; 32] {
        self.specs.get(client_id).copied().unwrap_or([0; 32])
    }

    fn row(
        &mut self,
        local_ns: i64,
        client_id: ClientId,
        kind: LedgerKind,
        spec_hash: [u8; 32],
        payload: Vec<u8>,
    ) -> LedgerRow {
        let mut row = LedgerRow {
            sequence: self.next_sequence,
            local_ns,
            client_id,
            kind,
            spec_hash,
            payload,
            checksum: 0,
        };
        row.checksum = row.expected_checksum();
        self.next_sequence += 1;
        row
    }
}
