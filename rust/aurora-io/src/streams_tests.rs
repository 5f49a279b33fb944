//! Files that hold several streams of one thing, and files that hold one thing of several.
#![allow(clippy::unwrap_used)]

use aurora_core::event::{EventBlock, MessageKind};
use aurora_core::instrument::Market;
use proptest::prelude::*;

use crate::{CaptureError, CaptureStream, Overrides, ReadOptions};

const START_NS: i64 = 1_700_000_000_000_000_000;

/// A frame and the stream it is of.
type Named = (&'static str, String);

fn okx(n: u64) -> Vec<Named> {
    let ms = START_NS / 1_000_000 + n as i64;
    let book = |channel: &'static str, action: &str, id: u64| {
        let frame = format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"X-USDT"}},{action}"data":[{{"asks":[["11","1","0","1"]],"bids":[["10","{}","0","1"]],"ts":"{ms}","checksum":0,"prevSeqId":{},"seqId":{id}}}]}}"#,
            n % 7 + 1,
            id.saturating_sub(1),
        );
        (channel, frame)
    };
    let trade = |channel: &'static str| {
        let frame = format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"X-USDT"}},"data":[{{"instId":"X-USDT","tradeId":"{n}","px":"10","sz":"{}","side":"sell","ts":"{ms}"}}]}}"#,
            n + 1
        );
        (channel, frame)
    };
    let action = if n == 0 {
        r#""action":"snapshot","#
    } else {
        r#""action":"update","#
    };
    vec![
        book("books5", "", 900 + n),
        book("books", action, 10 + n),
        book("bbo-tbt", "", 700 + n),
        trade("trades"),
        trade("trades-all"),
    ]
}

fn bybit(n: u64) -> Vec<Named> {
    let ms = START_NS / 1_000_000 + n as i64;
    let kind = if n == 0 { "snapshot" } else { "delta" };
    let book = |name: &'static str, first: u64| {
        let frame = format!(
            r#"{{"topic":"{name}.XUSDT","ts":{ms},"type":"{kind}","data":{{"s":"XUSDT","b":[["10","{}"]],"a":[["11","1"]],"u":{},"seq":1}}}}"#,
            n % 7 + 1,
            first + n
        );
        (name, frame)
    };
    let trade = format!(
        r#"{{"topic":"publicTrade.XUSDT","type":"snapshot","ts":{ms},"data":[{{"T":{ms},"s":"XUSDT","S":"Sell","v":"{}","p":"10","L":"MinusTick","i":"a"}}]}}"#,
        n + 1
    );
    vec![
        book("orderbook.1", 5_000),
        book("orderbook.50", 800),
        ("publicTrade", trade),
        book("orderbook.200", 70),
        book("orderbook.500", 600),
    ]
}

fn binance(n: u64) -> Vec<Named> {
    let (ms, id) = (START_NS / 1_000_000 + n as i64, 100 + n);
    let depth = |name: &'static str| {
        let frame = format!(
            r#"{{"stream":"xusdt@{name}","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"XUSDT","U":{id},"u":{id},"pu":{},"b":[["10.0","{}.0"]],"a":[["11.0","1.0"]]}}}}"#,
            id - 1,
            n % 7 + 1
        );
        (name, frame)
    };
    let trade = |name: &'static str, id: &str| {
        let frame = format!(
            r#"{{"stream":"xusdt@{name}","data":{{"e":"{name}","E":{ms},"T":{ms},"s":"XUSDT","{id}":{n},"p":"10.0","q":"1.0","X":"MARKET","m":true}}}}"#
        );
        (name, frame)
    };
    let snapshot =
        r#"{"lastUpdateId":100,"E":1,"T":1,"bids":[["10.0","5.0"]],"asks":[["11.0","5.0"]]}"#;
    let mut frames = vec![
        depth("depth20@100ms"),
        depth("depth@500ms"),
        trade("aggTrade", "a"),
        trade("trade", "t"),
        depth("depth@100ms"),
    ];
    if n == 1 {
        frames.push(("snapshot", snapshot.to_owned()));
    }
    frames
}

/// Reads files whose lines are given; the events, and how many were ignored.
fn read_files(
    files: &[String],
    market: Option<Market>,
) -> Result<(CaptureStream, EventBlock), CaptureError> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (n, content) in files.iter().enumerate() {
        let name = if content.starts_with("exchange,") {
            "csv"
        } else {
            "txt"
        };
        let path = folder.path().join(format!("{n}.{name}"));
        std::fs::write(&path, content).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
    }
    let options = ReadOptions {
        market,
        ..ReadOptions::default()
    };
    let mut stream = CaptureStream::open(&paths, options)?;
    stream.start(0, &[Overrides::default()]).unwrap();
    let mut slice = stream.next_slice(i64::MAX, 0);
    match slice.fault {
        Some(fault) => Err(fault),
        None => Ok((stream, slice.blocks.swap_remove(0))),
    }
}

fn lines(frames: &[(i64, &Named)]) -> String {
    let line = |(n, (_, frame)): &(i64, &Named)| format!("{} {frame}\n", START_NS + n);
    frames.iter().map(line).collect()
}

#[test]
fn of_streams_that_tell_the_same_one_is_read() {
    type Frames = fn(u64) -> Vec<Named>;
    let venues: [(Frames, &[&str]); 3] = [
        (okx, &["books", "trades-all"]),
        (bybit, &["orderbook.500", "publicTrade"]),
        (binance, &["depth@100ms", "trade", "snapshot"]),
    ];
    for (frames, read) in venues {
        let all: Vec<Named> = (0..40).flat_map(frames).collect();
        let all: Vec<(i64, &Named)> = (0..).zip(&all).collect();
        let wanted: Vec<(i64, &Named)> = all
            .iter()
            .filter(|(_, f)| read.contains(&f.0))
            .copied()
            .collect();
        let (stream, events) = read_files(&[lines(&all)], None).unwrap();
        let (_, expected) = read_files(&[lines(&wanted)], None).unwrap();
        assert_eq!(events, expected);
        assert_eq!(stream.ignored as usize, all.len() - wanted.len());
        assert_eq!(stream.messages as usize, wanted.len());
        // What is left is read where the best is not there.
        let rest: Vec<(i64, &Named)> = all
            .iter()
            .filter(|(_, f)| !read.contains(&f.0))
            .copied()
            .collect();
        let (_, events) = read_files(&[lines(&rest)], None).unwrap();
        assert!(events.messages.iter().any(|m| m.kind != MessageKind::Trade));
    }
}

/// A file in which the deep stream is missing is read by what it has: the choice is each file's own.
#[test]
fn every_file_has_its_own_best_stream() {
    let all: Vec<Named> = (0..40).flat_map(okx).collect();
    let all: Vec<(i64, &Named)> = (0..).zip(&all).collect();
    let (first, second) = all.split_at(100);
    let shallow: Vec<(i64, &Named)> = second
        .iter()
        .filter(|(_, f)| f.0 == "books5")
        .copied()
        .collect();
    let (_, events) = read_files(&[lines(first), lines(&shallow)], None).unwrap();
    let books = |kind| events.messages.iter().filter(|m| m.kind == kind).count();
    assert_eq!(
        (books(MessageKind::Snapshot), books(MessageKind::Diff)),
        (1 + 20, 19)
    );
}

fn bybit_market(frames: &[Named], market: Option<Market>) -> Result<(Market, bool), String> {
    let frames: Vec<(i64, &Named)> = (0..).zip(frames).collect();
    let (stream, _) = read_files(&[lines(&frames)], market).map_err(|fault| fault.to_string())?;
    assert_eq!(stream.instruments().len(), 1);
    Ok((stream.instruments()[0].id.market, stream.assumes_market()))
}

#[test]
fn trades_of_bybit_tell_spot_from_contracts_and_else_nothing_does() {
    let contracts: Vec<Named> = (0..5).flat_map(bybit).collect();
    let spot: Vec<Named> = contracts
        .iter()
        .map(|(name, frame)| (*name, frame.replace(r#""L":"MinusTick","#, "")))
        .collect();
    let books: Vec<Named> = contracts
        .iter()
        .filter(|f| f.0 == "orderbook.200")
        .cloned()
        .collect();
    let spot_market = Some(Market::BybitSpot);
    assert_eq!(
        bybit_market(&contracts, None),
        Ok((Market::BybitLinear, false))
    );
    assert_eq!(bybit_market(&spot, None), Ok((Market::BybitSpot, false)));
    assert_eq!(bybit_market(&books, None), Ok((Market::BybitLinear, true)));
    assert_eq!(
        bybit_market(&books, spot_market),
        Ok((Market::BybitSpot, false))
    );
    let fault = bybit_market(&contracts, spot_market).unwrap_err();
    assert!(fault.contains("tick direction"), "{fault}");
}

/// (microseconds, id, is a trade) of rows; the rows of each file in order of time.
fn tardis(rows: &[(i64, u64, bool)]) -> [String; 2] {
    let us = START_NS / 1_000;
    let mut books =
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n".to_owned();
    let mut trades = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n".to_owned();
    for (at, id, is_trade) in rows {
        let time = us + at;
        if *is_trade {
            trades += &format!("deribit,X,{time},{time},{id},sell,10.5,{id}\n");
        } else {
            books += &format!("deribit,X,{time},{time},false,bid,10.5,{id}\n");
        }
    }
    [books, trades]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Books and trades of one symbol in files of their own, in several pieces and any order of the two.
    #[test]
    fn files_of_different_things_are_merged_by_receive_time(
        steps in prop::collection::vec((0..3i64, any::<bool>()), 2..40),
        cut in 0..40usize,
        trades_first in any::<bool>(),
    ) {
        let mut at = 0;
        let rows: Vec<(i64, u64, bool)> = steps
            .iter()
            .zip(1..)
            .map(|((step, is_trade), id)| {
                at += step;
                (at, id, *is_trade)
            })
            .collect();
        prop_assume!(rows.iter().any(|r| r.2) && rows.iter().any(|r| !r.2));
        let [books, trades] = tardis(&rows);
        let mut files = vec![books.clone(), trades.clone()];
        let later = cut.min(rows.len());
        if rows[later..].iter().any(|r| r.2) && rows[..later].iter().any(|r| r.2) {
            // Trades in two files.
            files = vec![books, tardis(&rows[..later])[1].clone(), tardis(&rows[later..])[1].clone()];
        }
        if trades_first {
            files.rotate_left(1);
        }
        let (_, events) = read_files(&files, None).unwrap();
        // Books before trades of the same time; rows of one time and file are one message.
        let mut expected: Vec<(i64, bool, u64)> = rows.iter().map(|(at, id, trade)| (*at, *trade, *id)).collect();
        expected.sort_by_key(|(at, trade, _)| (*at, *trade));
        let mut read = Vec::new();
        for message in &events.messages {
            let at = (message.local_ns - START_NS) / 1_000;
            let trade = message.kind == MessageKind::Trade;
            for level in events.bids(message) {
                read.push((at, trade, (level.size / 10i64.pow(8)) as u64));
            }
        }
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn files_of_the_same_thing_must_follow_each_other() {
    let [_, trades] = tardis(&[(0, 1, true), (5, 2, true)]);
    let [_, overlapping] = tardis(&[(3, 3, true)]);
    let fault = read_files(&[trades, overlapping], None)
        .err()
        .unwrap()
        .to_string();
    assert!(
        fault.contains("begins before the previous file ended"),
        "{fault}"
    );
}
