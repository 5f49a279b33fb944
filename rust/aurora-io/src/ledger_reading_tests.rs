//! Reading a ledger that is whole, in use, left by a killed process, or damaged: the file stays as it is.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::RedbLedger;
use aurora_core::execution::{LedgerKind, LedgerStore, LedgerWriter, Leg};

fn rows(count: u64) -> Vec<LedgerRow> {
    let mut writer = LedgerWriter::default();
    (0..count)
        .map(|number| {
            let id = ClientId::new(number, Leg::Entry, 0, 0);
            let payload = vec![number as u8; (number * 13 % 300) as usize];
            let local_ns = if number % 3 == 0 {
                -1
            } else {
                1 << (number % 60)
            };
            writer
                .note(LedgerKind::Operator, id, local_ns, &payload)
                .unwrap()
        })
        .collect()
}

/// The bytes of a ledger of rows, closed or as a killed process leaves it.
fn ledger(path: &Path, rows: &[LedgerRow], closed: bool) -> Vec<u8> {
    let mut ledger = RedbLedger::open(path).unwrap();
    for batch in rows.chunks(7) {
        ledger.append_batch(batch).unwrap();
    }
    if closed {
        drop(ledger);
        return std::fs::read(path).unwrap();
    }
    std::fs::read(path).unwrap()
}

#[test]
fn a_whole_ledger_is_read_and_left_alone_even_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let written = rows(100);
    for closed in [true, false] {
        let path = folder.path().join(format!("{closed}.redb"));
        let bytes = ledger(&path, &written, closed);
        let copy = folder.path().join("copy.redb");
        std::fs::write(&copy, &bytes).unwrap();
        for _ in 0..2 {
            let reading = read_ledger(&copy).unwrap();
            assert_eq!(reading.rows, written);
            assert_eq!((reading.damage.as_ref(), reading.searched), (None, 0));
            assert_eq!((reading.whole_until(), reading.missing.len()), (100, 0));
            assert_eq!(std::fs::read(&copy).unwrap(), bytes);
        }
    }
}

#[test]
fn a_ledger_in_use_and_what_is_no_ledger_are_clear_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let cause = |path: &Path| read_ledger(path).unwrap_err().to_string();
    let open = RedbLedger::open(&path).unwrap();
    assert!(cause(&path).contains("another process has it open"));
    let second = RedbLedger::open(&path).unwrap_err();
    assert!(second.to_string().contains("another process has it open"));
    drop(open);
    assert_eq!(read_ledger(&path).unwrap().rows, []);
    assert!(cause(&folder.path().join("none")).contains("No such file"));
    assert!(cause(folder.path()).contains("no file"));
    let other = folder.path().join("other");
    std::fs::write(&other, "").unwrap();
    assert!(cause(&other).contains("empty"));
    std::fs::write(&other, "never a ledger").unwrap();
    assert!(cause(&other).contains("no ledger"));
}

#[test]
fn of_a_damaged_ledger_every_whole_row_is_read_and_the_rest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let written = rows(150);
    let bytes = ledger(&path, &written, true);
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let (mut damaged, mut lost) = (0, 0);
    for at in used.iter().step_by(used.len() / 150) {
        let mut flipped = bytes.clone();
        flipped[*at] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        let reading = read_ledger(&path).unwrap();
        let gone: u64 = reading
            .missing
            .iter()
            .map(|gap| gap.end() - gap.start() + 1)
            .sum();
        assert!(
            reading.rows.iter().all(|row| written.contains(row)),
            "byte {at}"
        );
        let last = reading.rows.last().map_or(0, |row| row.sequence + 1);
        assert_eq!(reading.rows.len() as u64 + gone, last, "byte {at}");
        // One byte is at most one row.
        assert!(
            reading.rows.len() + 1 >= written.len(),
            "byte {at}: {}",
            reading.rows.len()
        );
        if reading.rows.len() < written.len() {
            assert!(reading.damage.is_some(), "byte {at}");
            lost += 1;
        }
        damaged += u32::from(reading.damage.is_some());
        assert_eq!(std::fs::read(&path).unwrap(), flipped);
    }
    assert!(
        damaged > 50 && lost > 20,
        "{damaged} damaged, {lost} with a lost row"
    );
    // Without its header and half of its bytes.
    let mut torn = bytes.clone();
    torn[..4096].fill(0xAA);
    torn.truncate(bytes.len() / 2);
    std::fs::write(&path, &torn).unwrap();
    if let Ok(reading) = read_ledger(&path) {
        assert!(reading.damage.is_some() && reading.searched > 0);
        assert!(reading.rows.iter().all(|row| written.contains(row)));
    }
}

#[test]
fn rows_in_the_table_behind_a_wrong_one_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let written = rows(20);
    drop(ledger(&path, &written, true));
    {
        let database = Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(ROWS).unwrap().remove(4).unwrap();
        write
            .open_table(ROWS)
            .unwrap()
            .insert(9, b"nothing".as_slice())
            .unwrap();
        write.commit().unwrap();
    }
    let reading = read_ledger(&path).unwrap();
    let gap = LedgerError::Gap {
        expected: 4,
        got: 5,
    };
    assert_eq!(reading.damage, Some(gap));
    assert_eq!(
        reading.whole_until(),
        reading.missing.first().map_or(20, |gap| *gap.start())
    );
    assert!(reading.rows.len() >= 18);
}
