//! Numbers whose decimals grow in mid-file, of every venue that leaves out trailing zeros.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use aurora_core::units::format_quanta;
use proptest::prelude::*;

use crate::calibration::FINENESS_MESSAGES;
use crate::{CaptureStream, Overrides, ReadOptions};

const START_MS: u64 = 1_700_000_000_000;

/// Whole steps of `10^-decimals` as venues print them that leave out trailing zeros.
fn text(steps: u64, decimals: u8) -> String {
    let scale = 10u64.pow(u32::from(decimals));
    let whole = steps / scale;
    let digits = format!("{:0width$}", steps % scale, width = usize::from(decimals));
    match digits.trim_end_matches('0') {
        "" => whole.to_string(),
        fraction if decimals > 0 => format!("{whole}.{fraction}"),
        _ => whole.to_string(),
    }
}

/// A trade, or a change of the best bid, as the venue writes it.
fn frame(venue: &str, n: u64, trade: bool, price: &str, size: &str) -> String {
    let ms = START_MS + n;
    match (venue, trade) {
        ("okx", true) => format!(
            r#"{{"arg":{{"channel":"trades","instId":"X-USDT"}},"data":[{{"instId":"X-USDT","tradeId":"{n}","px":"{price}","sz":"{size}","side":"sell","ts":"{ms}"}}]}}"#
        ),
        ("okx", false) => format!(
            r#"{{"arg":{{"channel":"books","instId":"X-USDT"}},"action":"update","data":[{{"asks":[],"bids":[["{price}","{size}","0","1"]],"ts":"{ms}","checksum":0,"prevSeqId":{n},"seqId":{n}}}]}}"#
        ),
        ("bybit", true) => format!(
            r#"{{"topic":"publicTrade.XUSDT","type":"snapshot","ts":{ms},"data":[{{"T":{ms},"s":"XUSDT","S":"Sell","v":"{size}","p":"{price}","i":"{n}"}}]}}"#
        ),
        ("bybit", false) => format!(
            r#"{{"topic":"orderbook.200.XUSDT","ts":{ms},"type":"delta","data":{{"s":"XUSDT","b":[["{price}","{size}"]],"a":[],"u":{},"seq":1}}}}"#,
            n + 2
        ),
        ("kraken_futures", true) => format!(
            r#"{{"feed":"trade","product_id":"PF_XUSD","uid":"u","side":"sell","type":"fill","seq":{n},"time":{ms},"qty":{size},"price":{price}}}"#
        ),
        ("kraken_futures", false) => format!(
            r#"{{"feed":"book","product_id":"PF_XUSD","side":"buy","seq":{n},"price":{price},"qty":{size},"timestamp":{ms}}}"#
        ),
        ("hyperliquid", true) => format!(
            r#"{{"channel":"trades","data":[{{"coin":"X","hash":"0x0","px":"{price}","side":"B","sz":"{size}","tid":{n},"time":{ms},"users":["0x1","0x2"]}}]}}"#
        ),
        _ => format!(
            r#"{{"channel":"l2Book","data":{{"coin":"X","levels":[[{{"n":1,"px":"{price}","sz":"{size}"}}],[]],"time":{ms}}}}}"#
        ),
    }
}

/// A file of a table source: its name and head, and a row.
fn row(n: u64, trade: bool, price: &str, size: &str) -> String {
    let us = (START_MS + n) * 1000;
    let side = if trade { "sell" } else { "buy" };
    format!("deribit,X,{us},{us},{n},{side},{price},{size}\n")
}

/// The numbers of a file: steps of the first decimals, then, from some message on, of finer ones.
#[derive(Debug, Clone)]
struct Growing {
    decimals: (u8, u8),
    more: (u8, u8),
    grows_at: u64,
    /// Price and size of a few messages, in the finest steps.
    fine: Vec<(u64, u64)>,
}

fn growing() -> impl Strategy<Value = Growing> {
    let fine = prop::collection::vec((1..5_000_000_u64, 1..5_000_000_u64), 1..20);
    let places = prop_oneof![
        2_000..FINENESS_MESSAGES,
        FINENESS_MESSAGES..FINENESS_MESSAGES + 500
    ];
    ((0..=6u8, 0..=6u8), (0..=3u8, 0..=3u8), places, fine).prop_map(
        |(decimals, more, grows_at, fine)| Growing {
            decimals,
            more,
            grows_at,
            fine,
        },
    )
}

impl Growing {
    /// (trade, price, size) of every message.
    fn numbers(&self) -> Vec<(bool, String, String)> {
        let (price, size) = self.decimals;
        let mut numbers: Vec<(bool, String, String)> = (0..self.grows_at)
            .map(|n| {
                (
                    n % 2 == 0,
                    text(10_001 + n % 7, price),
                    text(101 + n % 3, size),
                )
            })
            .collect();
        for (n, (p, s)) in self.fine.iter().enumerate() {
            let price = text(*p, price + self.more.0);
            numbers.push((n % 3 == 0, price, text(*s, size + self.more.1)));
        }
        numbers
    }
}

/// Reads a file; the numbers as plain text, tick and lot.
fn read(name: &str, content: &str) -> (Vec<(String, String)>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut stream =
        CaptureStream::open(&[path.to_str().unwrap().to_owned()], ReadOptions::default()).unwrap();
    stream.start(0, &[Overrides::default()]).unwrap();
    let slice = stream.next_slice(i64::MAX, 0);
    assert!(slice.fault.is_none(), "{:?}", slice.fault);
    let instrument = &stream.instruments()[0];
    let price = |quanta| format_quanta(quanta, instrument.price_exponent);
    let size = |quanta| format_quanta(quanta, instrument.size_exponent);
    let levels = slice.blocks[0].levels.iter();
    let levels = levels.map(|l| (price(l.price), size(l.size))).collect();
    (levels, price(instrument.tick), size(instrument.lot))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn decimals_that_grow_are_read_and_change_no_tick(growing in growing()) {
        let numbers = growing.numbers();
        let expected: Vec<(String, String)> = numbers.iter().map(|(_, p, s)| (p.clone(), s.clone())).collect();
        // Neighbouring numbers of trades were seen: a step is one of the last decimal.
        let steps = (text(1, growing.decimals.0), text(1, growing.decimals.1));
        for venue in ["okx", "bybit", "kraken_futures", "hyperliquid"] {
            let mut content = String::new();
            for (n, (trade, price, size)) in (0u64..).zip(&numbers) {
                writeln!(content, "{}000000 {}", START_MS + n, frame(venue, n, *trade, price, size)).unwrap();
            }
            let (levels, tick, lot) = read("capture.txt", &content);
            prop_assert_eq!(&levels, &expected, "{}", venue);
            prop_assert_eq!((tick, lot), steps.clone(), "{}", venue);
        }
        let mut content = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n".to_owned();
        for (n, (trade, price, size)) in (0u64..).zip(&numbers) {
            content += &row(n, *trade, price, size);
        }
        let (levels, tick, lot) = read("capture.csv", &content);
        prop_assert_eq!(levels, expected);
        prop_assert_eq!((tick, lot), steps);
    }
}

#[test]
fn an_override_of_the_tick_holds_for_quanta_finer_than_its_own() {
    let mut content = String::new();
    for n in 0..10 {
        let frame = frame("okx", n, true, "0.12345678", "3");
        writeln!(content, "{}000000 {frame}", START_MS + n).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.txt");
    std::fs::write(&path, content).unwrap();
    let mut stream =
        CaptureStream::open(&[path.to_str().unwrap().to_owned()], ReadOptions::default()).unwrap();
    let given = Overrides {
        tick_e8: Some(250),
        ..Overrides::default()
    };
    stream.start(0, &[given]).unwrap();
    let instrument = &stream.instruments()[0];
    assert!(instrument.price_exponent > 8);
    assert_eq!(
        format_quanta(instrument.tick, instrument.price_exponent),
        "0.0000025"
    );
}

#[test]
fn where_even_the_spare_does_not_suffice_the_error_names_the_line() {
    let mut content = String::new();
    for n in 0..FINENESS_MESSAGES + 1 {
        let price = if n == FINENESS_MESSAGES {
            "1.123456789"
        } else {
            "1.5"
        };
        let frame = frame("okx", n, true, price, "3");
        writeln!(content, "{}000000 {frame}", START_MS + n).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.txt");
    std::fs::write(&path, content).unwrap();
    let mut stream =
        CaptureStream::open(&[path.to_str().unwrap().to_owned()], ReadOptions::default()).unwrap();
    stream.start(0, &[Overrides::default()]).unwrap();
    let fault = stream.next_slice(i64::MAX, 0).fault.unwrap().to_string();
    assert!(
        fault.contains("10001") && fault.contains("finer than 10^-4"),
        "{fault}"
    );
}
