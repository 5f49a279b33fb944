#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::event_row::{BUY_EVENT, SELL_EVENT};
use crate::source::open;
use crate::source::test_support::{read, refused, Folder, Read as Found};
use crate::source::zip::tests::{member, ALL};

const BOTH: u64 = 0b11 << 30;
const EXCHANGE: u64 = 1 << 31;
const T: i64 = 1_723_161_256_298_000_000;

type Event = (u64, i64, i64, f64, f64);

fn array(events: &[Event]) -> Vec<u8> {
    let header = format!(
        "{{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
         ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, 'shape': ({},), }}\n",
        events.len()
    );
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for (flags, exchange, local, price, size) in events {
        bytes.extend(flags.to_le_bytes());
        bytes.extend(exchange.to_le_bytes());
        bytes.extend(local.to_le_bytes());
        bytes.extend(price.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend([0; 24]);
    }
    bytes
}

fn read_events(events: &[Event]) -> Found {
    let folder = Folder::new();
    let path = folder.write("btcusdt_20240808.npy", array(events));
    read(&mut *open(&path).unwrap())
}

fn texts(found: &Found) -> Vec<String> {
    let text = |e: &crate::source::test_support::Seen| {
        let (bids, asks) = (&e.bids, &e.asks);
        let (bids, asks) = (bids.replace(".00000000", ""), asks.replace(".00000000", ""));
        format!(
            "{} {:?} {} {} [{bids}] [{asks}]",
            e.line, e.kind, e.stream, e.flags
        )
    };
    found.events.iter().map(text).collect()
}

fn day() -> Vec<Event> {
    vec![
        (BOTH | BUY_EVENT | DEPTH_CLEAR_EVENT, T, T + 5, 90.0, 0.0),
        (BOTH | BUY_EVENT | DEPTH_SNAPSHOT_EVENT, T, T + 5, 99.0, 1.0),
        (
            BOTH | SELL_EVENT | DEPTH_CLEAR_EVENT,
            T,
            T + 5,
            f64::NAN,
            0.0,
        ),
        (
            BOTH | SELL_EVENT | DEPTH_SNAPSHOT_EVENT,
            T,
            T + 5,
            101.0,
            2.0,
        ),
        // Seen by the exchange alone: within a message, and of other content.
        (BOTH | BUY_EVENT | DEPTH_EVENT, T + 1, T + 6, 98.0, 1.0),
        (EXCHANGE | SELL_EVENT | DEPTH_EVENT, T + 2, T + 9, 7.0, 7.0),
        (
            LOCAL_EVENT | SELL_EVENT | DEPTH_EVENT,
            T + 1,
            T + 6,
            102.0,
            3.0,
        ),
        (BOTH | SELL_EVENT | DEPTH_EVENT, T + 2, T + 6, 103.0, 0.0),
        (BOTH | SELL_EVENT | TRADE_EVENT, T + 2, T + 6, 99.0, 1.0),
        (BOTH | BUY_EVENT | TRADE_EVENT, T + 2, T + 6, 101.0, 1.0),
        (BOTH | TRADE_EVENT, T + 2, T + 6, 101.0, 2.0),
        (BOTH | 101, T + 2, T + 6, 5.0, 0.0),
        (BOTH | BUY_EVENT | DEPTH_BBO_EVENT, T + 3, T + 7, 99.0, 5.0),
        (
            BOTH | SELL_EVENT | DEPTH_BBO_EVENT,
            T + 4,
            T + 8,
            100.0,
            6.0,
        ),
        (BOTH | BUY_EVENT | DEPTH_BBO_EVENT, T + 4, T + 8, 98.0, 1.0),
        (BOTH | DEPTH_CLEAR_EVENT, T + 5, T + 9, 0.0, 0.0),
    ]
}

#[test]
fn events_of_one_moment_and_kind_are_one_message() {
    let found = read_events(&day());
    assert_eq!(found.faults, [""; 0]);
    assert_eq!(
        texts(&found),
        [
            "1 Snapshot depth_snapshot 0 [99x1] [101x2]",
            "5 Diff depth 0 [98x1] [102x3]",
            "8 Diff depth 0 [] [103x0]",
            "9 Trade trade 2 [99x1] []",
            "10 Trade trade 0 [101x1] []",
            "11 Trade trade 16 [101x2] []",
            // A best bid alone is no touch yet.
            "14 Ticker depth_bbo 0 [98x1] [100x6]",
            "16 Snapshot depth_snapshot 0 [] []",
        ]
    );
    assert_eq!(found.ignored, 2);
    let first = &found.events[0];
    assert_eq!(first.key, "hftbacktest:BTCUSDT");
    assert_eq!((first.local_ns, first.exchange_ns), (T + 5, Some(T)));
    let ids: Vec<u64> = found.events.iter().map(|e| e.ids.1).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    assert_eq!(ids[0], (T + 5) as u64);
}

#[test]
fn archives_of_every_kind_read_alike() {
    let folder = Folder::new();
    let expected = read_events(&day()).events;
    for how in ALL {
        let path = folder.write(
            "btcusdt_20240808.npz",
            member("data.npy", &array(&day()), how),
        );
        let found = read(&mut *open(&path).unwrap());
        assert_eq!(found.faults, [""; 0], "{how:?}");
        assert_eq!(found.events, expected, "{how:?}");
    }
}

fn prices(n: usize) -> Vec<Event> {
    (0..n as i64)
        .map(|n| {
            (
                BOTH | BUY_EVENT | DEPTH_EVENT,
                T + n,
                T + n,
                n as f64 / 8.0,
                1.0,
            )
        })
        .collect()
}

#[test]
fn an_archive_that_breaks_off_keeps_what_came_before() {
    let folder = Folder::new();
    let events = prices(10_000);
    let whole = read_events(&events).events;
    for how in ALL {
        let bytes = member("data.npy", &array(&events), how);
        let path = folder.write("btcusdt.npz", &bytes[..bytes.len() / 2]);
        let found = read(&mut *open(&path).unwrap());
        assert_eq!(found.faults.len(), 1, "{how:?}");
        let said = format!("after line {}: the file ends early", found.events.len() + 1);
        assert!(
            found.faults[0].contains(&said),
            "{how:?} {:?}",
            found.faults
        );
        assert!(found.events.len() > 2_000, "{how:?} {}", found.events.len());
        assert!(whole.starts_with(&found.events), "{how:?}");
    }
}

#[test]
fn a_checksum_that_does_not_fit_is_told_at_the_end() {
    let folder = Folder::new();
    let mut bytes = member("data.npy", &array(&prices(5_000)), ALL[0]);
    let end = bytes.len();
    bytes[end - 10_000] ^= 1;
    let found = read(&mut *open(&folder.write("a.npz", &bytes)).unwrap());
    assert!(found.faults[0].contains("after line 5000: the data does not match its checksum"));
}

#[test]
fn an_array_shorter_than_its_header_says() {
    let folder = Folder::new();
    let bytes = array(&prices(100));
    for cut in [64, 70] {
        let path = folder.write("btcusdt.npy", &bytes[..bytes.len() - cut]);
        let found = read(&mut *open(&path).unwrap());
        let left = 100 - usize::div_ceil(cut, 64);
        assert!(
            found.faults[0].contains(&format!("after line {left}: the array ends early")),
            "{:?}",
            found.faults
        );
        assert_eq!(found.events.len(), left - 1);
    }
}

#[test]
fn damage_is_told_with_its_row_and_costs_one_message() {
    let good = (BOTH | BUY_EVENT | DEPTH_EVENT, T, T, 1.0, 1.0);
    let depth = BOTH | BUY_EVENT | DEPTH_EVENT;
    for (bad, says) in [
        (
            (depth, T, T + 1, f64::NAN, 1.0),
            "field \"price\" is not a decimal number at byte 24",
        ),
        ((depth, T, T + 1, -1.0, 1.0), "field \"price\""),
        (
            (depth, T, T + 1, 1.0, f64::INFINITY),
            "field \"size\" is not a decimal number at byte 32",
        ),
        ((depth, T, T + 1, 1.0, -2.0), "field \"size\""),
        (
            (BOTH | DEPTH_EVENT, T, T + 1, 1.0, 1.0),
            "the side of a level",
        ),
        (
            (depth | SELL_EVENT, T, T + 1, 1.0, 1.0),
            "the side of a level",
        ),
        ((BOTH | BUY_EVENT | 10, T, T + 1, 1.0, 1.0), "single orders"),
        ((depth, 0, 0, 1.0, 1.0), "a local time"),
    ] {
        let last = (good.0, T + 2, T + 2, 2.0, 2.0);
        let found = read_events(&[good, bad, last]);
        assert_eq!(found.faults.len(), 1, "{bad:?}");
        let fault = &found.faults[0];
        assert!(
            fault.contains(", line 2: ") && fault.contains(says),
            "{fault}"
        );
        assert_eq!(found.events.len(), 2, "{bad:?}");
        assert_eq!(found.events[1].line, 3);
    }
}

#[test]
fn a_level_that_quanta_cannot_hold_is_told_with_its_row() {
    let folder = Folder::new();
    let path = folder.write("btcusdt.npy", array(&day()[..4]));
    for (level, line) in [(0, 2), (1, 4)] {
        let says = refused(&mut *open(&path).unwrap(), level);
        assert!(
            says.contains(&format!(", line {line}: expected less at byte 24")),
            "{says}"
        );
    }
}

#[test]
fn names_give_the_symbol() {
    let folder = Folder::new();
    for (name, symbol) in [
        ("ethusdt.npz", "ETHUSDT"),
        ("1000pepeusdt_20240808.x.npz", "1000PEPEUSDT"),
    ] {
        let path = folder.write(name, member("data.npy", &array(&day()), ALL[0]));
        assert_eq!(
            read(&mut *open(&path).unwrap()).events[0].key,
            format!("hftbacktest:{symbol}")
        );
    }
    for name in ["_day.npz", "btc-usdt.npz", ".npz"] {
        let path = folder.write(name, member("data.npy", &array(&day()), ALL[0]));
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("begin with the symbol"), "{error}");
    }
}

#[test]
fn other_arrays_say_what_is_expected() {
    let folder = Folder::new();
    let text = String::from_utf8_lossy(&array(&[])[10..]).replace("qty", "size");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    for path in [
        folder.write("btcusdt.npy", &bytes),
        folder.write("btcusdt.npz", member("data.npy", &bytes, ALL[1])),
    ] {
        let error = open(&path).err().unwrap().to_string();
        assert!(
            error.contains("('size','<f8')") && error.contains("hftbacktest's events are"),
            "{error}"
        );
    }
}
