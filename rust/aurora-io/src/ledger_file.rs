//! The file below the ledger: how it is opened to write and to read, and what its header is believed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};

use redb::backends::FileBackend;
use redb::{BackendError, Database, DatabaseError, StorageBackend};
use twox_hash::XxHash3_128;

/// Pages kept in memory; rows are written once and seldom read, so more would only grow with the run.
const CACHE_BYTES: usize = 4 << 20;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may trip over damage in the store's own pages, where redb asserts; that is an error like any other then.
pub(crate) fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    GUARDED.set(outer);
    result.map_err(|_| "the file is damaged".to_string())
}

/// Opens the file for writing.
pub(crate) fn open_file(path: &Path) -> Result<FileBackend, String> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path);
    let file = file.map_err(|e| e.to_string())?;
    // A new ledger gets its name when it is whole, so this one has been cut.
    if file.metadata().map_err(|e| e.to_string())?.len() == 0 {
        return Err("the file is empty, so it is no ledger".to_string());
    }
    FileBackend::new(file).map_err(|e| e.to_string())
}

/// Makes a new file under another name, fills it, and gives it its name for good; nothing where there is one already.
pub(crate) fn create_file(
    path: &Path,
    fill: impl FnOnce(FileBackend) -> Result<(), String>,
) -> Result<(), String> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new{}", std::process::id()));
    let fresh = PathBuf::from(name);
    let text = |error: io::Error| error.to_string();
    let made = || -> Result<(), String> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&fresh).map_err(text)?;
        fill(FileBackend::new(file).map_err(|e| e.to_string())?)?;
        File::open(&fresh)
            .and_then(|file| file.sync_all())
            .map_err(text)?;
        // A second name does not take the place of a file that another process has just made.
        match std::fs::hard_link(&fresh, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => std::fs::rename(&fresh, path).map_err(text)?,
            Ok(()) => {}
        }
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        sync_folder(folder.unwrap_or(Path::new("."))).map_err(text)
    };
    let made = made();
    let _ = std::fs::remove_file(&fresh);
    made
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens the store on a backend and verifies its pages.
pub(crate) fn open_database(backend: impl StorageBackend) -> Result<Database, String> {
    let opened = guarded(|| -> Result<Database, DatabaseError> {
        let mut database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(Header { backend })?;
        // Also reads what our own rows do not reach, such as the allocator's pages: damage there would show
        // only when the store is closed, and as a panic.
        database.check_integrity()?;
        Ok(database)
    });
    opened?.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => "another process has it open".to_string(),
        other => other.to_string(),
    })
}

const GOD_BYTE: usize = 9;
const PRIMARY_BIT: u8 = 1;
const TWO_PHASE_BIT: u8 = 4;
const SLOTS: [usize; 2] = [64, 192];
const SLOT_BYTES: usize = 128;
const SLOT_CHECKSUM: usize = 112;
const TRANSACTION_ID: usize = 104;

/// Shows the header so that the newer of two whole commits counts.
///
/// redb trusts the bit that says which of its two slots is the commit, and one flipped bit would silently be the commit
/// before. A slot that is whole and newer than the one named by the bit is either the commit that counts, or one whose
/// second phase did not get to the disk: not acknowledged, and welcome if all its pages are there. Without the mark of a
/// two-phase commit redb chooses so by itself: the newer slot where its pages verify, and the other one otherwise.
#[derive(Debug)]
struct Header<B> {
    backend: B,
}

impl<B: StorageBackend> StorageBackend for Header<B> {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)?;
        let end = SLOTS[1] + SLOT_BYTES;
        if offset == 0 && out.len() >= end && newer_slot_is_whole(out) {
            out[GOD_BYTE] &= !TWO_PHASE_BIT;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}

/// Whether both slots verify and the one that does not count is the newer.
fn newer_slot_is_whole(header: &[u8]) -> bool {
    let primary = usize::from(header[GOD_BYTE] & PRIMARY_BIT);
    let ids =
        [primary, primary ^ 1].map(|slot| transaction_id(&header[SLOTS[slot]..][..SLOT_BYTES]));
    matches!(ids, [Some(named), Some(other)] if other > named)
}

/// Transaction of a slot that verifies.
fn transaction_id(slot: &[u8]) -> Option<u64> {
    let stored: [u8; 16] = slot[SLOT_CHECKSUM..].try_into().ok()?;
    let id: [u8; 8] = slot[TRANSACTION_ID..SLOT_CHECKSUM].try_into().ok()?;
    let whole = XxHash3_128::oneshot(&slot[..SLOT_CHECKSUM]) == u128::from_le_bytes(stored);
    whole.then(|| u64::from_le_bytes(id))
}

const PAGE: u64 = 4096;

/// A file that is only read: what the store writes to mend itself stays in memory. Nobody may write meanwhile.
#[derive(Debug)]
pub(crate) struct Untouched {
    file: FileBackend,
    changed: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    len: u64,
    /// Pages by number; they count instead of the file's.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Untouched {
    pub fn open(path: &Path) -> Result<Untouched, String> {
        let file = File::open(path).map_err(|e| e.to_string())?;
        let metadata = file.metadata().map_err(|e| e.to_string())?;
        if !metadata.is_file() {
            return Err("no file".to_string());
        }
        let changed = Changes {
            len: metadata.len(),
            pages: BTreeMap::new(),
        };
        Ok(Untouched {
            file: FileBackend::new(file).map_err(|e| e.to_string())?,
            changed: Mutex::new(changed),
        })
    }

    fn changes(&self) -> io::Result<std::sync::MutexGuard<'_, Changes>> {
        self.changed
            .lock()
            .map_err(|_| io::Error::other("a reader of the file broke off"))
    }

    fn page(&self, changes: &Changes, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = changes.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE as usize];
        let start = number * PAGE;
        let length = PAGE.min(self.file.len()?.saturating_sub(start)) as usize;
        self.file.read(start, &mut page[..length])?;
        Ok(page)
    }
}

/// Parts of pages that a range of bytes covers: page, first byte in it, length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + length as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let within = at % PAGE;
        let part = (PAGE - within).min(end - at);
        let number = at / PAGE;
        at += part;
        (part > 0).then_some((number, within as usize, part as usize))
    })
}

impl StorageBackend for Untouched {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes()?.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changes = self.changes()?;
        if offset.saturating_add(out.len() as u64) > changes.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        for (number, start, length) in parts(offset, out.len()) {
            let page = self.page(&changes, number)?;
            out[done..done + length].copy_from_slice(&page[start..start + length]);
            done += length;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.changes()?.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changes = self.changes()?;
        let mut done = 0;
        for (number, start, length) in parts(offset, data.len()) {
            let mut page = self.page(&changes, number)?;
            page[start..start + length].copy_from_slice(&data[done..done + length]);
            changes.pages.insert(number, page);
            done += length;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    /// Readers beside each other are welcome.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
