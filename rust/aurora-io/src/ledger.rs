//! The durable ledger: rows of [`LedgerStore`] in redb, one fsynced commit a batch.
//!
//! redb promises that a commit is there as a whole or not at all. Rows carry their own sequence and checksum
//! besides, and opening reads every one of them, so damage below is found before anything is sent.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;

use aurora_core::execution::{new_rows, ClientId, LedgerError, LedgerKind, LedgerRow, LedgerStore};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

/// Row bytes by sequence.
const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
/// Spec hash by client id, for intents.
const SPECS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("specs");

/// Pages kept in memory; rows are written once and seldom read, so more would only grow with the run.
const CACHE_BYTES: usize = 4 << 20;

/// A ledger in one file.
#[derive(Debug)]
pub struct RedbLedger {
    database: Database,
    path: String,
    next_sequence: u64,
}

impl RedbLedger {
    /// Opens or creates the ledger at `path` and verifies every row.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when the file cannot be created, read, written or locked, or is no ledger;
    /// [`LedgerError::Gap`], [`LedgerError::Checksum`], [`LedgerError::Malformed`] or [`LedgerError::Index`]
    /// name the first thing that is wrong with its rows.
    pub fn open(path: &Path) -> Result<RedbLedger, LedgerError> {
        let name = path.display().to_string();
        // Damage in the store's own pages can trip its assertions; to the caller it is an error like any other.
        let opened = catch_unwind(AssertUnwindSafe(|| -> Result<RedbLedger, LedgerError> {
            let mut database = Database::builder()
                .set_cache_size(CACHE_BYTES)
                .create(path)
                .map_err(|error| store_error(&name, error))?;
            // Also reads what our own rows do not reach, such as the allocator's pages: damage there would show
            // only when the store is closed, and as a panic.
            database
                .check_integrity()
                .map_err(|error| store_error(&name, error))?;
            let mut ledger = RedbLedger {
                database,
                path: name.clone(),
                next_sequence: 0,
            };
            ledger.create_tables()?;
            ledger.next_sequence = ledger.verify()?;
            Ok(ledger)
        }));
        opened.unwrap_or_else(|_| {
            Err(LedgerError::Store {
                path: path.display().to_string(),
                cause: "the file is damaged".to_string(),
            })
        })
    }

    /// Reads every row and the index; returns the number of rows.
    ///
    /// # Errors
    /// As [`RedbLedger::open`].
    pub fn verify(&self) -> Result<u64, LedgerError> {
        let read = self.database.begin_read().map_err(|e| self.error(e))?;
        let rows = read.open_table(ROWS).map_err(|e| self.error(e))?;
        let specs = read.open_table(SPECS).map_err(|e| self.error(e))?;
        let mut next = 0;
        let mut intents = 0u64;
        for entry in rows.iter().map_err(|e| self.error(e))? {
            let (key, value) = entry.map_err(|e| self.error(e))?;
            if key.value() != next {
                return Err(LedgerError::Gap {
                    expected: next,
                    got: key.value(),
                });
            }
            let row = LedgerRow::from_bytes(next, value.value())?;
            if row.kind == LedgerKind::Intent {
                intents += 1;
                let stored = specs
                    .get(row.client_id.as_bytes())
                    .map_err(|e| self.error(e))?;
                if stored.is_none_or(|hash| hash.value() != row.spec_hash) {
                    return Err(LedgerError::Index {
                        client_id: row.client_id.to_string(),
                    });
                }
            }
            next += 1;
        }
        let mut indexed = 0;
        for entry in specs.iter().map_err(|e| self.error(e))? {
            let (key, _) = entry.map_err(|e| self.error(e))?;
            indexed += 1;
            if indexed > intents {
                return Err(LedgerError::Index {
                    client_id: String::from_utf8_lossy(key.value()).into_owned(),
                });
            }
        }
        Ok(next)
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    fn create_tables(&self) -> Result<(), LedgerError> {
        let write = self.database.begin_write().map_err(|e| self.error(e))?;
        write.open_table(ROWS).map_err(|e| self.error(e))?;
        write.open_table(SPECS).map_err(|e| self.error(e))?;
        write.commit().map_err(|e| self.error(e))
    }

    fn error(&self, cause: impl std::fmt::Display) -> LedgerError {
        store_error(&self.path, cause)
    }
}

fn store_error(path: &str, cause: impl std::fmt::Display) -> LedgerError {
    LedgerError::Store {
        path: path.to_string(),
        cause: cause.to_string(),
    }
}

impl LedgerStore for RedbLedger {
    fn append_batch(&mut self, rows: &[LedgerRow]) -> Result<usize, LedgerError> {
        let fresh = new_rows(self, rows)?;
        let Some(last) = fresh.last() else {
            return Ok(0);
        };
        let mut write = self.database.begin_write().map_err(|e| self.error(e))?;
        write
            .set_durability(Durability::Immediate)
            .map_err(|e| self.error(e))?;
        {
            let mut table = write.open_table(ROWS).map_err(|e| self.error(e))?;
            let mut specs = write.open_table(SPECS).map_err(|e| self.error(e))?;
            for row in fresh {
                let bytes = row.to_bytes()?;
                table
                    .insert(row.sequence, bytes.as_slice())
                    .map_err(|e| self.error(e))?;
                if row.kind == LedgerKind::Intent {
                    specs
                        .insert(row.client_id.as_bytes(), row.spec_hash.as_slice())
                        .map_err(|e| self.error(e))?;
                }
            }
        }
        write.commit().map_err(|e| self.error(e))?;
        self.next_sequence = last.sequence + 1;
        Ok(fresh.len())
    }

    fn spec_hash(&self, client_id: &ClientId) -> Result<Option<[u8; 32]>, LedgerError> {
        let read = self.database.begin_read().map_err(|e| self.error(e))?;
        let specs = read.open_table(SPECS).map_err(|e| self.error(e))?;
        let found = specs.get(client_id.as_bytes()).map_err(|e| self.error(e))?;
        match found {
            None => Ok(None),
            Some(hash) => match hash.value().try_into() {
                Ok(hash) => Ok(Some(hash)),
                Err(_) => Err(LedgerError::Index {
                    client_id: client_id.to_string(),
                }),
            },
        }
    }

    fn rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, LedgerError> {
        let read = self.database.begin_read().map_err(|e| self.error(e))?;
        let table = read.open_table(ROWS).map_err(|e| self.error(e))?;
        let mut rows = Vec::new();
        for entry in table.range(from..).map_err(|e| self.error(e))?.take(limit) {
            let (key, value) = entry.map_err(|e| self.error(e))?;
            rows.push(LedgerRow::from_bytes(key.value(), value.value())?);
        }
        Ok(rows)
    }

    fn next_sequence(&self) -> u64 {
        self.next_sequence
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use aurora_core::execution::{LedgerWriter, Leg, MemoryLedger};
    use std::path::PathBuf;

    fn row(sequence: u64, kind: LedgerKind, trace: u64, spec: u8) -> LedgerRow {
        let mut row = LedgerRow {
            sequence,
            local_ns: 100 + sequence as i64,
            client_id: ClientId::new(trace, Leg::Entry, 0, 0),
            kind,
            spec_hash: [spec; 32],
            payload: vec![sequence as u8; 40],
            checksum: 0,
        };
        row.checksum = row.expected_checksum();
        row
    }

    fn rows(count: u64) -> Vec<LedgerRow> {
        let kind = |n| {
            if n % 2 == 0 {
                LedgerKind::Intent
            } else {
                LedgerKind::Report
            }
        };
        (0..count).map(|n| row(n, kind(n), n / 2, 7)).collect()
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.redb");
        (folder, path)
    }

    /// Puts raw bytes where a row belongs, past every check.
    fn write_raw(path: &Path, sequence: u64, bytes: Option<&[u8]>) {
        let database = Database::create(path).unwrap();
        let write = database.begin_write().unwrap();
        {
            let mut table = write.open_table(ROWS).unwrap();
            match bytes {
                Some(bytes) => drop(table.insert(sequence, bytes).unwrap()),
                None => drop(table.remove(sequence).unwrap()),
            }
        }
        write.commit().unwrap();
    }

    #[test]
    fn rows_survive_and_a_batch_may_be_sent_again() {
        let (_folder, path) = place();
        let rows = rows(10);
        {
            let mut ledger = RedbLedger::open(&path).unwrap();
            assert_eq!(ledger.append_batch(&rows[..6]), Ok(6));
            assert_eq!(ledger.append_batch(&rows[..6]), Ok(0));
        }
        let mut ledger = RedbLedger::open(&path).unwrap();
        assert_eq!(ledger.next_sequence(), 6);
        assert_eq!(ledger.append_batch(&rows[4..]), Ok(4));
        assert_eq!(ledger.rows(0, 100), Ok(rows.clone()));
        assert_eq!(ledger.rows(8, 1), Ok(rows[8..9].to_vec()));
        assert_eq!(ledger.spec_hash(&rows[2].client_id), Ok(Some([7; 32])));
        assert_eq!(
            ledger.spec_hash(&ClientId::new(99, Leg::Exit, 0, 0)),
            Ok(None)
        );
        let mut memory = MemoryLedger::default();
        memory.append_batch(&rows).unwrap();
        assert_eq!(
            LedgerWriter::resume(&ledger).unwrap(),
            LedgerWriter::resume(&memory).unwrap()
        );
    }

    #[test]
    fn the_rules_are_those_of_the_ledger_in_memory() {
        let (_folder, path) = place();
        let mut durable = RedbLedger::open(&path).unwrap();
        let mut memory = MemoryLedger::default();
        let batches = [
            rows(4),
            vec![row(1, LedgerKind::Report, 9, 7)],
            vec![row(6, LedgerKind::Report, 9, 7)],
            vec![row(4, LedgerKind::Intent, 0, 8)],
            vec![row(4, LedgerKind::Intent, 0, 7)],
            vec![
                row(4, LedgerKind::Intent, 9, 1),
                row(5, LedgerKind::Intent, 9, 1),
            ],
            vec![LedgerRow {
                checksum: 0,
                ..row(4, LedgerKind::Report, 0, 7)
            }],
            rows(6),
        ];
        for batch in &batches {
            assert_eq!(durable.append_batch(batch), memory.append_batch(batch));
            assert_eq!(durable.next_sequence(), memory.next_sequence());
            assert_eq!(durable.rows(0, 100), memory.rows(0, 100));
        }
    }

    #[test]
    fn opening_names_what_is_wrong() {
        let (_folder, path) = place();
        let rows = rows(5);
        RedbLedger::open(&path)
            .unwrap()
            .append_batch(&rows)
            .unwrap();
        let good = rows[3].to_bytes().unwrap();

        let mut flipped = good.clone();
        let middle = flipped.len() - 20;
        flipped[middle] ^= 1;
        write_raw(&path, 3, Some(&flipped));
        assert!(matches!(
            RedbLedger::open(&path),
            Err(LedgerError::Checksum { sequence: 3, .. })
        ));

        write_raw(&path, 3, Some(&good[..good.len() / 2]));
        assert!(matches!(
            RedbLedger::open(&path),
            Err(LedgerError::Malformed { sequence: 3, .. })
        ));

        write_raw(&path, 3, None);
        assert_eq!(
            RedbLedger::open(&path).err(),
            Some(LedgerError::Gap {
                expected: 3,
                got: 4
            })
        );

        write_raw(
            &path,
            3,
            Some(&row(3, LedgerKind::Intent, 77, 1).to_bytes().unwrap()),
        );
        assert!(matches!(
            RedbLedger::open(&path),
            Err(LedgerError::Index { .. })
        ));

        write_raw(&path, 3, Some(&good));
        assert_eq!(RedbLedger::open(&path).unwrap().rows(0, 9), Ok(rows));
    }

    /// A byte flipped anywhere in the file is either found, or nothing that anyone reads.
    #[test]
    fn a_flipped_byte_in_the_file_never_alters_a_row() {
        let (folder, path) = place();
        let rows = rows(40);
        RedbLedger::open(&path)
            .unwrap()
            .append_batch(&rows)
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        std::panic::set_hook(Box::new(|_| {}));
        let mut found = 0;
        for at in used.iter().step_by(used.len() / 60 + 1) {
            let mut damaged = bytes.clone();
            damaged[*at] ^= 0x40;
            let copy = folder.path().join("damaged.redb");
            std::fs::write(&copy, damaged).unwrap();
            match RedbLedger::open(&copy) {
                Ok(ledger) => assert_eq!(ledger.rows(0, 100), Ok(rows.clone()), "byte {at}"),
                Err(_) => found += 1,
            }
            std::fs::remove_file(&copy).unwrap();
        }
        drop(std::panic::take_hook());
        assert!(found > 0);
    }

    #[test]
    fn a_path_that_cannot_hold_a_ledger_is_a_clear_error() {
        let (folder, path) = place();
        let nowhere = folder.path().join("no/such/folder/ledger.redb");
        let error = RedbLedger::open(&nowhere).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
        assert!(matches!(
            RedbLedger::open(folder.path()),
            Err(LedgerError::Store { .. })
        ));
        std::fs::write(&path, b"not a ledger at all").unwrap();
        assert!(matches!(
            RedbLedger::open(&path),
            Err(LedgerError::Store { .. })
        ));
        std::fs::remove_file(&path).unwrap();
        let _open = RedbLedger::open(&path).unwrap();
        assert!(
            matches!(RedbLedger::open(&path), Err(LedgerError::Store { .. })),
            "one writer"
        );
    }
}
