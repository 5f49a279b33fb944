//! The durable ledger on a medium that fails: what was acknowledged is there, or what is wrong is named.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use aurora_core::execution::{ClientId, LedgerError, LedgerKind, LedgerRow, LedgerStore, Leg};
use redb::StorageBackend;

use crate::RedbLedger;

#[derive(Debug, Clone)]
enum Operation {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
    /// All rows below were acknowledged.
    Acknowledged(u64),
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    operations: Vec<Operation>,
    /// Operations that still succeed; none: all of them.
    left: Option<u64>,
}

/// A file in memory that keeps what was done to it and can refuse to do more.
#[derive(Debug, Clone, Default)]
struct Medium(Arc<Mutex<State>>);

impl Medium {
    fn of(bytes: Vec<u8>) -> Medium {
        let medium = Medium::default();
        medium.state().bytes = bytes;
        medium
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<RedbLedger, LedgerError> {
        let medium = self.clone();
        RedbLedger::open_at("memory", move || Ok(medium.clone()))
    }

    fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }
}

impl State {
    /// Whether an operation is done at all.
    fn allowed(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

fn write_to(bytes: &mut [u8], offset: u64, data: &[u8]) {
    let start = offset as usize;
    bytes[start..start + data.len()].copy_from_slice(data);
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let start = offset as usize;
        let part = state.bytes.get(start..start + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.allowed()?;
        state.bytes.resize(len as usize, 0);
        state.operations.push(Operation::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.allowed()?;
        state.operations.push(Operation::Sync);
        Ok(())
    }

    /// A refused write leaves the half of it behind.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let refused = state.allowed();
        let written = if refused.is_ok() {
            data
        } else {
            &data[..data.len() / 2]
        };
        write_to(&mut state.bytes, offset, written);
        state
            .operations
            .push(Operation::Write(offset, written.to_vec()));
        refused
    }
}

fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Batches of one to five rows of many lengths.
fn batches(count: u64) -> Vec<Vec<LedgerRow>> {
    let mut seed = 7;
    let mut sequence = 0u64;
    (0..count)
        .map(|_| {
            (0..=next(&mut seed) % 5)
                .map(|_| {
                    let is_intent = sequence.is_multiple_of(2);
                    let mut row = LedgerRow {
                        sequence,
                        local_ns: 1_700_000_000_000_000_000 + sequence as i64,
                        client_id: ClientId::new(sequence / 2, Leg::Entry, 0, 0),
                        kind: if is_intent {
                            LedgerKind::Intent
                        } else {
                            LedgerKind::Report
                        },
                        spec_hash: [sequence as u8; 32],
                        payload: vec![sequence as u8; next(&mut seed) as usize % 400],
                        checksum: 0,
                    };
                    row.checksum = row.expected_checksum();
                    sequence += 1;
                    row
                })
                .collect()
        })
        .collect()
}

/// A ledger of so many batches, still open, and its rows.
fn written(count: u64) -> (Medium, RedbLedger, Vec<LedgerRow>) {
    let medium = Medium::default();
    let mut ledger = medium.open().unwrap();
    medium.state().operations.push(Operation::Acknowledged(0));
    let mut rows = Vec::new();
    for batch in batches(count) {
        ledger.append_batch(&batch).unwrap();
        rows.extend(batch);
        let next = ledger.next_sequence();
        medium
            .state()
            .operations
            .push(Operation::Acknowledged(next));
    }
    (medium, ledger, rows)
}

/// Everything, or an error: never silently less.
fn all_or_named(bytes: Vec<u8>, rows: &[LedgerRow], what: &str) -> bool {
    match Medium::of(bytes).open() {
        Ok(ledger) => {
            let found = ledger.rows(0, usize::MAX).unwrap();
            assert!(
                found == rows,
                "{what}: {} of {} rows",
                found.len(),
                rows.len()
            );
            assert_eq!(ledger.next_sequence(), rows.len() as u64, "{what}");
            true
        }
        Err(error) => {
            assert!(error.to_string().len() > 10, "{what}: {error}");
            false
        }
    }
}

/// What a power cut may leave: all up to the last sync, and any of the 512-byte sectors written since.
fn image(operations: &[Operation], seed: &mut u64) -> Vec<u8> {
    let synced = operations
        .iter()
        .rposition(|one| matches!(one, Operation::Sync));
    let synced = synced.map_or(0, |at| at + 1);
    let mut bytes = Vec::new();
    for operation in &operations[..synced] {
        match operation {
            Operation::Write(offset, data) => write_to(&mut bytes, *offset, data),
            Operation::Length(len) => bytes.resize(*len as usize, 0),
            _ => {}
        }
    }
    // All, none, or a share of what came after.
    let share = [0, 100, 50, 10, 90][next(seed) as usize % 5];
    for operation in &operations[synced..] {
        match operation {
            Operation::Write(offset, data) => {
                for (number, sector) in data.chunks(512).enumerate() {
                    let at = offset + 512 * number as u64;
                    let fits = at as usize + sector.len() <= bytes.len();
                    if fits && next(seed) % 100 < share {
                        write_to(&mut bytes, at, sector);
                    }
                }
            }
            Operation::Length(len) if next(seed) % 100 < share => bytes.resize(*len as usize, 0),
            _ => {}
        }
    }
    bytes
}

#[test]
fn a_power_cut_at_any_write_loses_nothing_acknowledged() {
    let (medium, ledger, rows) = written(30);
    drop(ledger);
    let operations = std::mem::take(&mut medium.state().operations);
    let ends: BTreeSet<u64> = operations
        .iter()
        .filter_map(|one| match one {
            Operation::Acknowledged(next) => Some(*next),
            _ => None,
        })
        .collect();
    let mut seed = 11;
    let (mut opened, mut further) = (0, 0);
    for cut in 1..operations.len() {
        for _ in 0..4 {
            let before = &operations[..cut];
            let acknowledged = before.iter().rev().find_map(|one| match one {
                Operation::Acknowledged(next) => Some(*next),
                _ => None,
            });
            let bytes = image(before, &mut seed);
            let length = bytes.len();
            let ledger = match (Medium::of(bytes).open(), acknowledged) {
                (Ok(ledger), _) => ledger,
                // The file was never finished, and nobody was told that it was.
                (Err(_), None) => continue,
                (Err(error), Some(_)) => panic!("cut {cut}, {length} bytes: {error}"),
            };
            let found = ledger.rows(0, usize::MAX).unwrap();
            let count = found.len() as u64;
            assert!(
                count >= acknowledged.unwrap_or(0),
                "cut {cut}: {count} rows"
            );
            assert!(
                count == 0 || ends.contains(&count),
                "cut {cut}: part of a batch"
            );
            assert_eq!(found, rows[..found.len()], "cut {cut}");
            opened += 1;
            further += u64::from(count > acknowledged.unwrap_or(0));
        }
    }
    assert!(
        opened > 500 && further > 0,
        "{opened} opened, {further} with more"
    );
}

#[test]
fn pages_of_two_commits_mixed_at_will_are_whole_or_named() {
    let (medium, mut ledger, mut rows) = written(20);
    let mut seed = 5;
    for batch in batches(26).split_off(20) {
        let old = medium.bytes();
        let kept = rows.len();
        ledger.append_batch(&batch).unwrap();
        rows.extend(batch);
        let new = medium.bytes();
        for _ in 0..12 {
            let mut mixed = new.clone();
            let pages = old.chunks(4096).zip(mixed.chunks_mut(4096));
            for (number, (stale, page)) in pages.enumerate() {
                // The header's page is the new one: with the old one this would be the older state, whole.
                if number > 0 && next(&mut seed).is_multiple_of(2) {
                    page.copy_from_slice(stale);
                }
            }
            all_or_named(mixed, &rows, "stale pages");
            let mut mixed = new.clone();
            mixed[..4096].copy_from_slice(&old[..4096]);
            let found = Medium::of(mixed)
                .open()
                .map(|ledger| ledger.next_sequence());
            assert!(found.is_err() || found == Ok(kept as u64), "{found:?}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_named_or_harmless() {
    let (medium, ledger, rows) = written(25);
    let killed = medium.bytes();
    drop(ledger);
    let closed = medium.bytes();
    for (name, bytes) in [("killed", killed), ("closed", closed)] {
        let mut named = 0;
        let mut flip = |at: usize, bit: u32| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let what = format!("{name}: bit {bit} of byte {at}");
            named += u64::from(!all_or_named(damaged, &rows, &what));
        };
        for at in 0..320 {
            (0..8).for_each(|bit| flip(at, bit));
        }
        let used: Vec<usize> = (320..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for (number, at) in used.iter().step_by(used.len() / 400 + 1).enumerate() {
            flip(*at, number as u32 % 8);
        }
        assert!(named > 100, "{name}: {named}");
    }
}

#[test]
fn a_file_cut_short_or_grown_is_named_or_harmless() {
    let (medium, ledger, rows) = written(25);
    let killed = medium.bytes();
    drop(ledger);
    let closed = medium.bytes();
    for (name, bytes) in [("killed", killed), ("closed", closed)] {
        let length = bytes.len();
        let mut lengths: Vec<usize> = (1..length).step_by(length / 90 + 1).collect();
        lengths.extend((4096..length).step_by(4096 * (length / 4096 / 90 + 1)));
        lengths.extend([length - 1, length + 1, length + 4096, 2 * length]);
        for length in lengths {
            let mut cut = bytes.clone();
            cut.resize(length, 0);
            all_or_named(cut, &rows, &format!("{name}, {length} bytes"));
        }
    }
}

#[test]
fn a_refused_write_may_be_tried_again_on_the_same_handle_and_on_a_new_one() {
    let all = batches(14);
    let (first, rest) = all.split_at(8);
    let mut refusals = 0;
    for anew in [false, true] {
        for allowed in 0..400 {
            let medium = Medium::default();
            let mut ledger = medium.open().unwrap();
            for batch in first {
                ledger.append_batch(batch).unwrap();
            }
            medium.state().left = Some(allowed);
            let mut rows: Vec<LedgerRow> = first.concat();
            let mut refused = false;
            for batch in rest {
                if let Err(error) = ledger.append_batch(batch) {
                    assert!(matches!(error, LedgerError::Store { .. }), "{error}");
                    // Still full: refused again, and no harm done.
                    let again = ledger.append_batch(batch);
                    assert!(
                        again.is_err() || medium.state().left != Some(0),
                        "{again:?}"
                    );
                    refused = true;
                    refusals += 1;
                    medium.state().left = None;
                    if anew {
                        drop(ledger);
                        ledger = medium.open().unwrap();
                        assert!(ledger.next_sequence() >= rows.len() as u64);
                    }
                    ledger.append_batch(batch).unwrap();
                }
                rows.extend(batch.iter().cloned());
                assert_eq!(ledger.rows(0, usize::MAX), Ok(rows.clone()), "{allowed}");
            }
            assert_eq!(ledger.verify(), Ok(rows.len() as u64));
            // What the disk holds is what a new process finds.
            let copy = medium.bytes();
            assert!(all_or_named(copy, &rows, "after a retry"));
            if !refused {
                break;
            }
        }
    }
    assert!(refusals > 40, "{refusals}");
}
