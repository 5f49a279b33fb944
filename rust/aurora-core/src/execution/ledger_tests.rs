#![allow(clippy::unwrap_used)]

use super::order_tests::report;
use super::*;

fn rows() -> Vec<LedgerRow> {
    let mut writer = LedgerWriter::default();
    let id = ClientId::new(1, Leg::Entry, 0, 0);
    let mut rows = vec![writer
        .report(&report(id, ReportStatus::Accepted, 0))
        .unwrap()];
    rows.push(writer.cancel(id, 7));
    rows.push(
        writer
            .report(&report(id, ReportStatus::Cancelled, 0))
            .unwrap(),
    );
    rows
}

fn sealed(mut row: LedgerRow) -> LedgerRow {
    row.checksum = row.expected_checksum();
    row
}

fn intent(sequence: u64, spec: u8) -> LedgerRow {
    sealed(LedgerRow {
        sequence,
        local_ns: 1,
        client_id: ClientId::new(7, Leg::Entry, 0, 0),
        kind: LedgerKind::Intent,
        spec_hash: [spec; 32],
        payload: vec![1, 2],
        checksum: 0,
    })
}

#[test]
fn appending_again_is_a_no_op_and_altering_is_refused() {
    let rows = rows();
    let mut ledger = MemoryLedger::default();
    assert_eq!(ledger.append_batch(&rows[..2]), Ok(2));
    assert_eq!(ledger.append_batch(&rows), Ok(1));
    assert_eq!(ledger.append_batch(&rows), Ok(0));
    assert_eq!(ledger.rows(1, 9), Ok(rows[1..].to_vec()));
    let other = sealed(LedgerRow {
        local_ns: 99,
        ..rows[1].clone()
    });
    assert_eq!(
        ledger.append(&other),
        Err(LedgerError::Conflict { sequence: 1 })
    );
    let ahead = sealed(LedgerRow {
        sequence: 9,
        ..rows[1].clone()
    });
    assert_eq!(
        ledger.append(&ahead),
        Err(LedgerError::Gap {
            expected: 3,
            got: 9
        })
    );
    let torn = [intent(3, 1), intent(5, 2)];
    assert_eq!(
        ledger.append_batch(&torn),
        Err(LedgerError::Gap {
            expected: 4,
            got: 5
        })
    );
    assert_eq!(ledger.next_sequence(), 3, "all of a batch or none");
}

#[test]
fn one_spec_for_one_client_id() {
    let mut ledger = MemoryLedger::default();
    ledger.append(&intent(0, 1)).unwrap();
    let client_id = intent(0, 1).client_id;
    assert_eq!(ledger.spec_hash(&client_id), Ok(Some([1; 32])));
    assert_eq!(
        ledger.append(&intent(1, 2)),
        Err(LedgerError::SpecConflict { client_id })
    );
    assert_eq!(
        ledger.append(&intent(1, 1)),
        Err(LedgerError::IntentRepeated {
            client_id,
            sequence: 1
        })
    );
}

#[test]
fn a_damaged_row_is_named() {
    let row = intent(0, 1);
    for flip in 0..row.to_bytes().unwrap().len() {
        let mut bytes = row.to_bytes().unwrap();
        bytes[flip] ^= 0x10;
        assert!(LedgerRow::from_bytes(0, &bytes).is_err(), "byte {flip}");
    }
    assert_eq!(
        LedgerRow::from_bytes(4, &row.to_bytes().unwrap()),
        Err(LedgerError::Gap {
            expected: 4,
            got: 0
        })
    );
    let unsealed = LedgerRow { checksum: 1, ..row };
    assert!(matches!(
        MemoryLedger::default().append(&unsealed),
        Err(LedgerError::Checksum {
            sequence: 0,
            got: 1,
            ..
        })
    ));
}

#[test]
fn a_writer_resumes_where_the_store_ends() {
    let mut ledger = MemoryLedger::default();
    ledger.append(&intent(0, 1)).unwrap();
    let writer = LedgerWriter::resume(&ledger).unwrap();
    assert_eq!(writer.next_sequence(), 1);
    let bytes = postcard::to_allocvec(&ledger).unwrap();
    assert_eq!(
        postcard::from_bytes::<MemoryLedger>(&bytes).unwrap(),
        ledger
    );
}
