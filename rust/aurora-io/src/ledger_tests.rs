//! The durable ledger beside the one in memory, and damage to its rows.

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
fn a_ledger_of_another_format_is_refused_and_left_as_it_is() {
    let (_folder, path) = place();
    RedbLedger::open(&path).unwrap();
    for found in [None, Some(LEDGER_FORMAT + 1)] {
        let database = Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        match found {
            Some(found) => drop(write.open_table(META).unwrap().insert(FORMAT, found)),
            None => drop(write.delete_table(META).unwrap()),
        }
        write.commit().unwrap();
        drop(database);
        let expected = Some(LedgerError::Format {
            expected: LEDGER_FORMAT,
            found: found.unwrap_or(0),
        });
        for _ in 0..2 {
            assert_eq!(RedbLedger::open(&path).err(), expected);
        }
        assert_eq!(crate::read_ledger(&path).unwrap().damage, expected);
    }
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

/// A new ledger has its name only when it is whole, so an empty file is one that was cut.
#[test]
fn a_ledger_that_was_emptied_is_not_a_new_one() {
    let (folder, path) = place();
    drop(RedbLedger::open(&path).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::write(&path, b"").unwrap();
    let error = RedbLedger::open(&path).unwrap_err();
    assert!(error.to_string().contains("empty"), "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}
