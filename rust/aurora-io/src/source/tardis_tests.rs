#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::open;
use crate::source::test_support::{read, refused, Folder, Read, Seen};
use flate2::{write::GzEncoder, Compression};
use proptest::prelude::*;
use std::io::Write;

const BOOK: &str = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n";
const TRADES: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
const QUOTES: &str =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
const T: i64 = 1_585_699_200_000_000;

fn read_named(name: &str, content: impl AsRef<[u8]>) -> Read {
    let folder = Folder::new();
    let path = folder.write(name, content);
    read(&mut *open(&path).unwrap())
}

fn read_text(content: &str) -> Read {
    read_named("file.csv", content)
}

/// A row of the incremental book at `us` behind the start.
fn row(symbol: &str, us: i64, snapshot: bool, side: &str, price: &str, amount: &str) -> String {
    let (exchange, local) = (T + us - 50, T + us);
    format!("deribit,{symbol},{exchange},{local},{snapshot},{side},{price},{amount}\n")
}

fn kinds(events: &[Seen]) -> Vec<MessageKind> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn rows_of_one_moment_are_one_message() {
    use MessageKind::{Diff, Snapshot};
    let content = [
        BOOK.to_owned(),
        row("A", 0, true, "ask", "6421.5", "18640"),
        row("A", 0, true, "bid", "6421", "1e-05"),
        row("A", 0, true, "ask", "6422", "1190"),
        // The snapshot goes on at another time.
        row("A", 1, true, "bid", "6420.5", "7"),
        row("A", 5, false, "bid", "6421", "0"),
        row("B", 5, false, "bid", "1", "2"),
        row("A", 5, false, "bid", "6421", "3"),
        row("A", 9, true, "bid", "6400", "1"),
    ]
    .concat();
    let found = read_text(&content);
    assert_eq!(found.faults, [""; 0]);
    assert_eq!(
        kinds(&found.events),
        [Snapshot, Diff, Diff, Diff, Diff, Snapshot]
    );
    let first = &found.events[0];
    assert_eq!(first.key, "tardis:deribit.A");
    assert_eq!(first.stream, "incremental_book_L2");
    assert_eq!(first.local_ns, T * 1000);
    assert_eq!(first.exchange_ns, Some((T - 50) * 1000));
    assert_eq!(first.bids, "6421.00000000x0.00001000");
    assert_eq!(
        first.asks,
        "6421.50000000x18640.00000000 6422.00000000x1190.00000000"
    );
    let keys: Vec<&str> = found.events.iter().map(|e| e.key.as_str()).collect();
    assert_eq!(
        keys[2..5],
        ["tardis:deribit.A", "tardis:deribit.B", "tardis:deribit.A"]
    );
    let lines: Vec<u64> = found.events.iter().map(|e| e.line).collect();
    assert_eq!(lines, [2, 5, 6, 7, 8, 9]);
    let ids: Vec<u64> = found.events.iter().map(|e| e.ids.1).collect();
    assert!(
        ids.is_sorted() && ids.windows(2).all(|pair| pair[0] < pair[1]),
        "{ids:?}"
    );
}

#[test]
fn trades_of_either_side_and_of_none() {
    let mut content = TRADES.replace('\n', "\r\n");
    for (us, side) in [(0, "buy"), (0, "sell"), (3, "unknown")] {
        let local = T + us;
        content +=
            &format!("\r\n\"bitmex\",\"XBTUSD\",{local},{local},\"a,b\",{side},8531.5,2152\r\n");
    }
    let found = read_text(&content);
    assert_eq!(found.faults, [""; 0]);
    let flags: Vec<u8> = found.events.iter().map(|e| e.flags).collect();
    assert_eq!(flags, [0, FLAG_BUYER_IS_MAKER, FLAG_AGGRESSOR_UNKNOWN]);
    assert_eq!(found.events[0].key, "tardis:bitmex.XBTUSD");
    assert_eq!(found.events[2].bids, "8531.50000000x2152.00000000");
    assert_eq!(found.events[2].asks, "");
    assert_eq!(found.events[1].line, 5);
}

#[test]
fn quotes_overlay_every_diff_before_them() {
    let content = format!(
        "{QUOTES}a,B,{T},{T},3,101,100,2\na,B,{T},{T},,,100,2\na,B,{T},{T},4,101.5,100,2\n"
    );
    let found = read_text(&content);
    assert_eq!((found.faults.len(), found.ignored), (0, 1));
    assert_eq!(kinds(&found.events), [MessageKind::Ticker; 2]);
    assert_eq!(found.events[0].bids, "100.00000000x2.00000000");
    assert_eq!(found.events[1].asks, "101.50000000x4.00000000");
    assert!(found.events[1].ids.1 > found.events[0].ids.1);
    assert!(found.events[0].ids.1 >= T as u64 * 1000);
}

#[test]
fn snapshots_of_any_depth() {
    let content = format!(
        "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,\
         asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n\
         x,Y,{T},{T},2,20,1,10,3,30,0.5,5\nx,Y,{T},{T},2,20,1,10,,,,\n"
    );
    let found = read_text(&content);
    assert_eq!(found.faults, [""; 0]);
    assert_eq!(kinds(&found.events), [MessageKind::Snapshot; 2]);
    assert_eq!(found.events[0].stream, "book_snapshot_2");
    assert_eq!(
        found.events[0].bids,
        "1.00000000x10.00000000 0.50000000x5.00000000"
    );
    assert_eq!(found.events[1].asks, "2.00000000x20.00000000");
}

#[test]
fn gzip_and_columns_in_another_order() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let text = format!(
        "exchange,symbol,timestamp,local_timestamp,amount,price,side,id,more\nx,Y,{T},{T},5,7,buy,id,z\n"
    );
    packed.write_all(text.as_bytes()).unwrap();
    let found = read_named("trades.csv.gz", packed.finish().unwrap());
    assert_eq!(found.events[0].bids, "7.00000000x5.00000000");
}

/// Each kind of damage: what the message says of it and where; every other message is read.
#[test]
fn damage_is_told_with_its_line_and_costs_one_message() {
    let good = [
        row("A", 0, true, "bid", "1", "1"),
        row("A", 5, false, "bid", "2", "1"),
        row("A", 5, false, "ask", "3", "1"),
        row("A", 9, false, "bid", "1", "4"),
    ];
    let cases = [
        (
            row("A", 5, false, "bid", "-2", "1"),
            "field \"price\" is not a decimal number",
            2,
        ),
        (
            row("A", 5, false, "bid", "", "1"),
            "field \"price\" is not a decimal number",
            2,
        ),
        (row("A", 5, false, "bid", "2", "1,5"), "as many fields", 4),
        (
            row("A", 5, false, "bid", "2", "NaN"),
            "field \"size\" is not a decimal number",
            2,
        ),
        (row("A", 5, false, "buy", "2", "1"), "bid or ask", 2),
        (
            row("A", 5, false, "bid", "2", "1").replace("false", "no"),
            "true or false",
            4,
        ),
        (row("", 5, false, "bid", "2", "1"), "expected a name", 4),
        (
            row("A", 5, false, "bid", "2", "1").replace("15856", "16x6"),
            "a time in µs",
            4,
        ),
        ("\"A\n".to_owned(), "a closing quote", 4),
    ];
    for (bad, says, messages) in cases {
        // Between the two rows of the second message.
        let content = [BOOK, &good[0], &good[1], &bad, &good[2], &good[3]].concat();
        let found = read_text(&content);
        assert_eq!(found.faults.len(), 1, "{bad} {:?}", found.faults);
        let fault = &found.faults[0];
        assert!(
            fault.contains(says) && fault.contains(", line 4: "),
            "{fault}"
        );
        let last = found.events.last().unwrap();
        assert_eq!(last.bids, "1.00000000x4.00000000", "{bad}");
        // A row that names its message spoils it; one that does not leaves both parts of it.
        assert_eq!(found.events.len(), messages, "{bad}");
    }
}

#[test]
fn times_in_another_unit_are_refused() {
    for time in ["1585699200000", "1585699200000000000", ""] {
        let found = read_text(&format!("{TRADES}x,Y,{T},{time},id,buy,1,1\n"));
        assert!(
            found.faults[0].contains("a time in µs"),
            "{:?}",
            found.faults
        );
    }
}

#[test]
fn a_file_that_breaks_off_keeps_what_came_before() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(BOOK.as_bytes()).unwrap();
    for us in 0..50_000 {
        let price = (us * 7919 % 99_991).to_string();
        packed
            .write_all(row("A", us, us == 0, "bid", &price, "1").as_bytes())
            .unwrap();
    }
    let bytes = packed.finish().unwrap();
    let found = read_named("book.csv.gz", &bytes[..bytes.len() * 2 / 3]);
    assert!(found.events.len() > 10_000);
    assert_eq!(found.faults.len(), 1);
    assert!(found.faults[0].contains("ends early"), "{:?}", found.faults);
}

#[test]
fn a_level_that_quanta_cannot_hold_is_told_with_its_row() {
    let folder = Folder::new();
    let rows = [
        BOOK.to_owned(),
        row("A", 0, true, "ask", "3", "1"),
        row("A", 0, true, "bid", "2", "1"),
        row("A", 0, true, "bid", "1", "1"),
    ];
    let path = folder.write("book.csv", rows.concat());
    for (level, line) in [(0, 3), (1, 4), (2, 2)] {
        let says = refused(&mut *open(&path).unwrap(), level);
        assert!(
            says.contains(&format!(", line {line}: expected less at byte ")),
            "{says}"
        );
    }
}

#[test]
fn tables_that_are_not_read() {
    let folder = Folder::new();
    for (name, content, says) in [
        (
            "a.csv",
            "exchange,symbol,timestamp,local_timestamp,funding_rate\n",
            "this Tardis table",
        ),
        ("x_liquidations_y.csv", TRADES, "this Tardis table"),
        ("b.csv", &BOOK.replace("side,", ""), "no column \"side\""),
        (
            "c.csv",
            "exchange,symbol,timestamp,id,side,price,amount\n",
            "\"local_timestamp\"",
        ),
    ] {
        let error = open(&folder.write(name, content))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(says) && error.contains(name), "{error}");
    }
}

proptest! {
    /// Whatever rows there are, each comes out once, on its side, in order; messages end where times change.
    #[test]
    fn every_row_comes_out_once(
        rows in prop::collection::vec((0i64..3, any::<bool>(), any::<bool>(), 0u32..5000, 0u32..5000), 1..60)
    ) {
        let mut content = BOOK.to_owned();
        let mut us = 0;
        let mut expected: Vec<(i64, bool, Vec<String>, Vec<String>)> = Vec::new();
        for (step, snapshot, buy, price, size) in rows {
            us += step;
            let side = if buy { "bid" } else { "ask" };
            content += &row("A", us, snapshot, side, &price.to_string(), &size.to_string());
            if expected.last().is_none_or(|last| (last.0, last.1) != (us, snapshot)) {
                expected.push((us, snapshot, Vec::new(), Vec::new()));
            }
            let level = format!("{price}.00000000x{size}.00000000");
            let last = expected.last_mut().unwrap();
            if buy { last.2.push(level) } else { last.3.push(level) }
        }
        let found = read_text(&content);
        prop_assert!(found.faults.is_empty());
        prop_assert_eq!(found.events.len(), expected.len());
        let mut before = false;
        for (event, (us, snapshot, bids, asks)) in found.events.iter().zip(expected) {
            prop_assert_eq!(event.local_ns, (T + us) * 1000);
            prop_assert_eq!(&event.bids, &bids.join(" "));
            prop_assert_eq!(&event.asks, &asks.join(" "));
            prop_assert_eq!(event.kind == MessageKind::Snapshot, snapshot && !before);
            before = snapshot;
        }
    }
}
