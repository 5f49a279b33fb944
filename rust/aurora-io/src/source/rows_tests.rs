#![allow(clippy::unwrap_used)]

use super::*;
use aurora_core::event::MessageKind;
use aurora_core::instrument::Market;

fn event() -> WireEvent<'static> {
    WireEvent {
        kind: MessageKind::Diff,
        market: Some(Market::Tardis),
        symbol: Some(b"a.B"),
        stream: b"s",
        sent_ns: None,
        exchange_ns: None,
        first_id: 1,
        last_id: 1,
        previous_id: 0,
        flags: 0,
        levels: WireLevels::Rows {
            bids: &[],
            asks: &[],
        },
    }
}

fn place(line: u64) -> Place {
    Place { line, byte: 7 }
}

fn texts(table: &mut RowTable) -> Vec<(String, String)> {
    let mut found = Vec::new();
    table
        .hand_over(&event(), "file", &mut |event: &WireEvent<'_>| {
            let WireLevels::Rows { bids, asks } = event.levels else {
                return Ok(());
            };
            for level in bids.iter().chain(asks) {
                found.push((
                    String::from_utf8(level.price.to_vec()).unwrap(),
                    String::from_utf8(level.size.to_vec()).unwrap(),
                ));
            }
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn levels_come_back_by_side_in_order() {
    let mut table = RowTable::new(2);
    for round in 0..3 {
        table.clear();
        assert_eq!(table.len(), 0);
        table.push(Side::Sell, b"3", b"1e1", place(1)).unwrap();
        table.push(Side::Buy, b"1.5", b"2", place(2)).unwrap();
        table.push(Side::Buy, b"1", b"0", place(3)).unwrap();
        assert_eq!(table.len(), 3);
        let pair = |price: &str, size: &str| (price.to_owned(), size.to_owned());
        let expected = [
            pair("1.50", "2.00"),
            pair("1.00", "0.00"),
            pair("3.00", "10.00"),
        ];
        assert_eq!(texts(&mut table), expected, "round {round}");
    }
}

#[test]
fn a_number_that_is_none_leaves_the_table_as_it_was() {
    let mut table = RowTable::default();
    table.push(Side::Buy, b"1", b"2", place(1)).unwrap();
    for (price, size, field) in [(&b"x"[..], &b"1"[..], "price"), (b"1", b"-1", "size")] {
        let fault = table.push(Side::Buy, price, size, place(2)).unwrap_err();
        let cause = DecimalError::Malformed;
        assert_eq!(fault, WireFault::Decimal { field, cause });
    }
    table.push(Side::Buy, b"3", b"4", place(3)).unwrap();
    let expected = [("1", "2"), ("3", "4")].map(|(p, s)| (p.to_owned(), s.to_owned()));
    assert_eq!(texts(&mut table), expected);
}

#[test]
fn a_refused_level_is_told_with_its_own_place() {
    let mut table = RowTable::default();
    table.push(Side::Sell, b"3", b"1", place(30)).unwrap();
    table.push(Side::Buy, b"1", b"1", place(10)).unwrap();
    table.push(Side::Buy, b"2", b"1", place(20)).unwrap();
    for (number, line) in [(0, 10), (1, 20), (2, 30)] {
        let answer = table.hand_over(&event(), "file", &mut |_: &WireEvent<'_>| {
            Err(WireError {
                byte: number,
                fault: WireFault::EndsEarly,
            })
        });
        let says = format!("file, line {line}: the JSON text ends early at byte 7");
        assert_eq!(answer.unwrap_err().to_string(), says);
    }
}

#[test]
fn ids_are_receive_times_that_grow() {
    let mut ids = MessageIds::default();
    let given = [100, 100, 100, 101, 500, -3].map(|ns| ids.next(ns));
    assert_eq!(given, [100, 101, 102, 103, 500, 501]);
}
