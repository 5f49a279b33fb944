//! The durable ledger: rows of [`LedgerStore`] in redb, one commit a batch, on disk when the call returns.
//!
//! A commit is written in two phases: the pages, then - when those are on disk - the one byte that makes them count. So
//! a batch is there as a whole or not at all, and pages of a finished commit that do not verify are damage, never taken
//! for a commit that did not finish. Rows carry their own sequence and checksum besides, and opening reads all of them.

use std::path::Path;

use aurora_core::execution::{
    new_rows, ClientId, LedgerError, LedgerKind, LedgerRow, LedgerStore, LEDGER_FORMAT,
};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};

use crate::ledger_file::{create_file, guarded, open_database, open_file};

/// Row bytes by sequence.
pub(crate) const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
/// [`LEDGER_FORMAT`] under [`FORMAT`].
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";
/// Spec hash by client id, for intents.
pub(crate) const SPECS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("specs");

type Opener = Box<dyn Fn() -> Result<Database, String> + Send + Sync>;

/// A ledger in one file.
pub struct RedbLedger {
    /// None after a write was refused and until the file has been opened again.
    database: Option<Database>,
    opener: Opener,
    path: String,
    next_sequence: u64,
    /// The store takes nothing more on this handle once a write was refused.
    refused: bool,
}

impl std::fmt::Debug for RedbLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbLedger")
            .field("path", &self.path)
            .field("next_sequence", &self.next_sequence)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl RedbLedger {
    /// Opens or creates the ledger at `path` and verifies every row.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when the file cannot be created, read, written or locked, or is no ledger;
    /// [`LedgerError::Format`] when another version of Aurora wrote it; [`LedgerError::Gap`],
    /// [`LedgerError::Checksum`], [`LedgerError::Malformed`] or [`LedgerError::Index`] name the first thing that is
    /// wrong with its rows.
    pub fn open(path: &Path) -> Result<RedbLedger, LedgerError> {
        let file = path.to_path_buf();
        let name = path.display().to_string();
        let fill = |backend| {
            let database = open_database(backend)?;
            create_tables(&database).map_err(|cause| cause.to_string())
        };
        let made = guarded(|| create_file(path, fill)).unwrap_or_else(Err);
        made.map_err(|cause| store_error(&name, cause))?;
        RedbLedger::open_at(&name, move || open_file(&file))
    }

    /// The same on what a caller opens, once now and again after a refused write.
    pub(crate) fn open_at<B: StorageBackend>(
        name: &str,
        backend: impl Fn() -> Result<B, String> + Send + Sync + 'static,
    ) -> Result<RedbLedger, LedgerError> {
        let opener: Opener = Box::new(move || open_database(backend()?));
        let mut ledger = RedbLedger {
            database: None,
            opener,
            path: name.to_string(),
            next_sequence: 0,
            refused: false,
        };
        ledger.reopen()?;
        Ok(ledger)
    }

    /// Opens the file, again where a write was refused, and reads all of it.
    fn reopen(&mut self) -> Result<(), LedgerError> {
        self.close();
        let name = self.path.clone();
        let database = (self.opener)().map_err(|cause| store_error(&name, cause))?;
        let opened = guarded(|| {
            create_tables(&database).map_err(|cause| store_error(&name, cause))?;
            check_tables(&name, &database, &mut |_| {})
        });
        let opened = opened.unwrap_or_else(|cause| Err(store_error(&name, cause)));
        // Closing a store that is damaged may trip over it, too.
        self.database = Some(database);
        let rows = match opened {
            Ok(rows) if rows >= self.next_sequence => rows,
            Ok(rows) => {
                let expected = self.next_sequence;
                self.close();
                return Err(LedgerError::Gap {
                    expected,
                    got: rows,
                });
            }
            Err(error) => {
                self.close();
                return Err(error);
            }
        };
        if self.refused && rows > self.next_sequence {
            self.withdraw()?;
        } else {
            self.next_sequence = rows;
        }
        self.refused = false;
        Ok(())
    }

    /// Takes out what a refused write has left behind: it reads well, but perhaps only from the system's memory, which
    /// forgets what it could not write. Sent again, it is written again.
    fn withdraw(&self) -> Result<(), LedgerError> {
        let unacknowledged = self.rows(self.next_sequence, usize::MAX)?;
        let mut write = self.database()?.begin_write().map_err(|e| self.error(e))?;
        write.set_two_phase_commit(true);
        {
            let mut table = write.open_table(ROWS).map_err(|e| self.error(e))?;
            let mut specs = write.open_table(SPECS).map_err(|e| self.error(e))?;
            for row in unacknowledged {
                table.remove(row.sequence).map_err(|e| self.error(e))?;
                if row.kind == LedgerKind::Intent {
                    specs
                        .remove(row.client_id.as_bytes())
                        .map_err(|e| self.error(e))?;
                }
            }
        }
        write.commit().map_err(|e| self.error(e))
    }

    fn close(&mut self) {
        let database = self.database.take();
        // What could not be written is refused here once more; the next opening says what is there.
        let _ = guarded(move || drop(database));
    }

    /// Reads every row and the index; returns the number of rows.
    ///
    /// # Errors
    /// As [`RedbLedger::open`].
    pub fn verify(&self) -> Result<u64, LedgerError> {
        check_tables(&self.path, self.database()?, &mut |_| {})
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    fn database(&self) -> Result<&Database, LedgerError> {
        let closed = || self.error("closed after a write that was refused");
        self.database.as_ref().ok_or_else(closed)
    }

    fn error(&self, cause: impl std::fmt::Display) -> LedgerError {
        store_error(&self.path, cause)
    }

    fn write(&self, rows: &[LedgerRow]) -> Result<(), LedgerError> {
        let mut write = self.database()?.begin_write().map_err(|e| self.error(e))?;
        write.set_two_phase_commit(true);
        write
            .set_durability(Durability::Immediate)
            .map_err(|e| self.error(e))?;
        {
            let mut table = write.open_table(ROWS).map_err(|e| self.error(e))?;
            let mut specs = write.open_table(SPECS).map_err(|e| self.error(e))?;
            for row in rows {
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
        write.commit().map_err(|e| self.error(e))
    }
}

pub(crate) fn store_error(path: &str, cause: impl std::fmt::Display) -> LedgerError {
    LedgerError::Store {
        path: path.to_string(),
        cause: cause.to_string(),
    }
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let read = database.begin_read()?;
    if read.open_table(ROWS).is_ok() && read.open_table(SPECS).is_ok() {
        return Ok(());
    }
    drop(read);
    let mut write = database.begin_write()?;
    write.set_two_phase_commit(true);
    write.open_table(ROWS)?;
    write.open_table(SPECS)?;
    write.open_table(META)?.insert(FORMAT, LEDGER_FORMAT)?;
    Ok(write.commit()?)
}

/// The format that a ledger was written in; zero before there was such a number.
fn format(database: &impl ReadableDatabase) -> Result<u64, redb::Error> {
    let read = database.begin_read()?;
    let meta = match read.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
        meta => meta?,
    };
    Ok(meta.get(FORMAT)?.map_or(0, |number| number.value()))
}

/// Reads rows and index up to the first thing that is wrong; returns the number of rows.
pub(crate) fn check_tables(
    path: &str,
    database: &impl ReadableDatabase,
    visit: &mut dyn FnMut(LedgerRow),
) -> Result<u64, LedgerError> {
    let error = |cause: &dyn std::fmt::Display| store_error(path, cause);
    let found = format(database).map_err(|e| error(&e))?;
    if found != LEDGER_FORMAT {
        let expected = LEDGER_FORMAT;
        return Err(LedgerError::Format { expected, found });
    }
    let read = database.begin_read().map_err(|e| error(&e))?;
    let rows = read.open_table(ROWS).map_err(|e| error(&e))?;
    let specs = read.open_table(SPECS).map_err(|e| error(&e))?;
    let mut next = 0;
    let mut intents = 0u64;
    for entry in rows.iter().map_err(|e| error(&e))? {
        let (key, value) = entry.map_err(|e| error(&e))?;
        if key.value() != next {
            return Err(LedgerError::Gap {
                expected: next,
                got: key.value(),
            });
        }
        let row = LedgerRow::from_bytes(next, value.value())?;
        if row.kind == LedgerKind::Intent {
            intents += 1;
            let stored = specs.get(row.client_id.as_bytes()).map_err(|e| error(&e))?;
            if stored.is_none_or(|hash| hash.value() != row.spec_hash) {
                return Err(LedgerError::Index {
                    client_id: row.client_id.to_string(),
                });
            }
        }
        visit(row);
        next += 1;
    }
    let mut indexed = 0;
    for entry in specs.iter().map_err(|e| error(&e))? {
        let (key, _) = entry.map_err(|e| error(&e))?;
        indexed += 1;
        if indexed > intents {
            return Err(LedgerError::Index {
                client_id: String::from_utf8_lossy(key.value()).into_owned(),
            });
        }
    }
    Ok(next)
}

impl LedgerStore for RedbLedger {
    /// As the trait says. After a refused write - a full disk - the same rows may be sent again, here or after opening
    /// the file anew; whether the refused ones got there is found out, not guessed.
    fn append_batch(&mut self, rows: &[LedgerRow]) -> Result<usize, LedgerError> {
        if self.refused {
            self.reopen()?;
        }
        let fresh = new_rows(self, rows)?;
        let Some(last) = fresh.last() else {
            return Ok(0);
        };
        let written = guarded(|| self.write(fresh));
        let written = written.unwrap_or_else(|cause| Err(self.error(cause)));
        if let Err(error) = written {
            self.refused = true;
            return Err(error);
        }
        self.next_sequence = last.sequence + 1;
        Ok(fresh.len())
    }

    fn spec_hash(&self, client_id: &ClientId) -> Result<Option<[u8; 32]>, LedgerError> {
        let read = self.database()?.begin_read().map_err(|e| self.error(e))?;
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
        let read = self.database()?.begin_read().map_err(|e| self.error(e))?;
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

impl Drop for RedbLedger {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
