//! Captures that no recorder wrote: what the fuzz driver found, or would have. All must end, soon, in little memory,
//! with an error that says where.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use aurora_core::event::EventBlock;
use aurora_io::{
    inspect, open_source, CaptureError, CaptureStream, InspectOptions, Overrides, ReadOptions,
};

const TIME: u64 = 1_723_161_256_298_000_000;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn ticker(time: u64, symbol: &str, bid: &str) -> String {
    format!(
        r#"{time} {{"stream":"x@bookTicker","data":{{"e":"bookTicker","u":1,"s":"{symbol}","b":"{bid}","B":"1.5","a":"2.5","A":"1.0","T":{ms},"E":{ms}}}}}"#,
        ms = time / 1_000_000
    ) + "\n"
}

fn depth(time: u64, stream: &str, levels: usize) -> String {
    let ms = time / 1_000_000;
    let bids = vec![r#"["1.5","1.0"]"#; levels].join(",");
    format!(
        r#"{time} {{"stream":"btcusdt@{stream}","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[{bids}],"a":[]}}}}"#
    ) + "\n"
}

fn bare_snapshot(time: u64) -> String {
    format!(r#"{time} {{"lastUpdateId":10,"bids":[["1.50","1.000"]],"asks":[["1.51","2.000"]]}}"#)
        + "\n"
}

fn opening_error(path: &str) -> CaptureError {
    match CaptureStream::open(&[path.to_owned()], ReadOptions::default()) {
        Err(error) => error,
        Ok(_) => unreachable!("it was opened"),
    }
}

/// Reads to the end or the fault.
fn read(path: &str) -> (CaptureStream, Vec<EventBlock>, Option<CaptureError>) {
    let mut stream = CaptureStream::open(&[path.to_owned()], ReadOptions::default()).unwrap();
    stream.start(0, &[Overrides::default()]).unwrap();
    let slice = stream.next_slice(i64::MAX, 0);
    assert!(slice.last);
    (stream, slice.blocks, slice.fault)
}

#[test]
fn a_broken_line_behind_a_lone_snapshot_is_named() {
    let folder = Folder::new();
    for (broken, says) in [
        (
            "no time at all\n",
            "line 2: the line does not begin with a receive time",
        ),
        (
            "1723161256298000001 {\"e\":\"depthUpdate\"\n",
            "line 2: the JSON text ends early",
        ),
        (
            "1723161256298000001 {\"stream\":\"x@new\",\"data\":{}}\n",
            "line 2: unknown stream",
        ),
    ] {
        let path = folder.write("a.txt", bare_snapshot(TIME) + broken);
        let error = opening_error(&path).to_string();
        assert!(error.contains(says), "{error}");
    }
    let alone = folder.write("b.txt", bare_snapshot(TIME));
    let error = opening_error(&alone).to_string();
    assert!(error.contains("no market events"), "{error}");
}

#[test]
fn snapshots_without_a_symbol_fix_the_decimals_of_the_only_one() {
    let folder = Folder::new();
    let lines = bare_snapshot(TIME) + &ticker(TIME + 1_000_000, "BTCUSDT", "1.5");
    let (stream, blocks, fault) = read(&folder.write("a.txt", lines));
    assert!(fault.is_none());
    let instrument = &stream.instruments()[0];
    assert_eq!(
        (instrument.price_exponent, instrument.size_exponent),
        (2, 3)
    );
    assert_eq!(blocks[0].messages.len(), 2);
}

#[test]
fn a_receive_time_at_the_end_of_time_ends_the_stream() {
    let folder = Folder::new();
    let path = folder.write("a.txt", ticker(i64::MAX as u64, "BTCUSDT", "1.5"));
    let mut stream = CaptureStream::open(&[path], ReadOptions::default()).unwrap();
    stream.start(0, &[Overrides::default()]).unwrap();
    let slice = stream.next_slice(i64::MAX, 0);
    assert!(slice.last);
    let fault = slice.fault.unwrap().to_string();
    assert!(
        fault.contains("line 1: received after the year 2116"),
        "{fault}"
    );
}

#[test]
fn more_symbols_than_a_capture_has_are_refused() {
    let folder = Folder::new();
    let lines: String = (0..5000u64)
        .map(|n| ticker(TIME + n, &format!("S{n}USDT"), "1.5"))
        .collect();
    let path = folder.write("a.txt", lines);
    let options = InspectOptions::default();
    let (reports, fault) = inspect(&[path], options, &mut |_| {}).unwrap();
    assert_eq!(reports.len(), 4096);
    assert!(fault
        .unwrap()
        .to_string()
        .contains("line 4097: first message of S4096USDT"));
    let long = folder.write("b.txt", ticker(TIME, &"A".repeat(100_000), "1.5"));
    let error = opening_error(&long).to_string();
    assert!(
        error.contains("line 1: expected a symbol of at most 128 bytes"),
        "{error}"
    );
}

#[test]
fn names_that_never_end_are_counted_and_told_in_short() {
    let folder = Folder::new();
    // Of names that tell of a depth one alone would be read.
    let lines: String = (0..500u64)
        .map(|n| depth(TIME + n, &format!("depthX{n}"), 1))
        .collect();
    let (stream, _, fault) = read(&folder.write("a.txt", lines));
    assert!(fault.is_none());
    let counts = &stream.by_stream[0];
    assert_eq!(counts.len(), 65);
    assert_eq!(counts[64], ("further streams".to_owned(), 436));
    let name = "n".repeat(1 << 20);
    let unknown = format!("{TIME} {{\"stream\":\"x@{name}\",\"data\":{{}}}}\n");
    let error = opening_error(&folder.write("b.txt", unknown)).to_string();
    assert!(
        error.contains("unknown stream") && error.len() < 1000,
        "{}",
        error.len()
    );
}

#[test]
fn slices_with_a_limit_are_cut_by_their_levels_too() {
    let folder = Folder::new();
    let lines: String = (0..30u64)
        .map(|n| depth(TIME + n, "depth", 100_000))
        .collect();
    let path = folder.write("a.txt", lines);
    let mut stream = CaptureStream::open(&[path], ReadOptions::default()).unwrap();
    stream.start(0, &[Overrides::default()]).unwrap();
    let mut sizes = Vec::new();
    loop {
        let slice = stream.next_slice(i64::MAX, 1000);
        sizes.push(slice.blocks[0].levels.len());
        if slice.last {
            break;
        }
    }
    assert_eq!(sizes, [1_100_000, 1_100_000, 800_000]);
}

#[test]
fn tables_of_too_many_columns_are_refused() {
    let folder = Folder::new();
    let columns: String = (0..5000)
        .map(|n| format!(",bids[{n}].price,bids[{n}].amount"))
        .collect();
    let header = format!("exchange,symbol,timestamp,local_timestamp{columns}\n");
    let error = opening_error(&folder.write("a.csv", header)).to_string();
    assert!(
        error.contains("line 1: expected no more than 4096 fields"),
        "{error}"
    );
}

#[test]
fn a_number_longer_than_any_is_refused_in_its_place() {
    let folder = Folder::new();
    let table = format!(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
         bitmex,XBTUSD,1583020803145000,1583020803307160,1,sell,{}8531.5,2152\n",
        "0".repeat(1000)
    );
    let error = opening_error(&folder.write("a.csv", table)).to_string();
    assert!(
        error.contains("line 2: field \"price\" is not a decimal number at byte 55"),
        "{error}"
    );
}

#[test]
fn a_day_beyond_64_bits_is_no_day_of_a_lobster_file() {
    let folder = Folder::new();
    let row = "34200.004241176,1,16113575,18,5853300,1\n";
    let path = folder.write("AAPL_9999-06-21_34200000_57600000_message_1.csv", row);
    let error = opening_error(&path).to_string();
    assert!(
        error.contains("keeps symbol and day in its name"),
        "{error}"
    );
}

#[test]
fn a_line_that_never_ends_is_refused_and_let_go() {
    let folder = Folder::new();
    let mut content = ticker(TIME, "BTCUSDT", "1.5").into_bytes();
    content.resize(70 << 20, b' ');
    let path = folder.write(
        "a.txt.zst",
        zstd::stream::encode_all(&content[..], 1).unwrap(),
    );
    let (stream, blocks, fault) = read(&path);
    assert_eq!((stream.messages, blocks[0].messages.len()), (1, 1));
    let fault = fault.unwrap().to_string();
    assert!(fault.contains("line 2: the line is longer than"), "{fault}");
}

/// Connections of cryptofeed hold a frame each, so the more there are the shorter these may be.
#[test]
fn frames_of_many_connections_fit_into_memory() {
    let folder = Folder::new();
    let capture = |connections: usize| {
        let mut lines = String::from("{\"t\":\"header\",\"format\":2}\n");
        for n in 0..connections {
            let levels = if n == 0 { 100_000 } else { 1 };
            let frame = depth(TIME, "depth", levels);
            let data = frame[20..].trim_end().replace('"', "\\\"");
            lines += &format!(
                "{{\"t\":\"recv\",\"conn\":\"c{n}\",\"ts\":1723161256.298,\"data\":\"{data}\"}}\n"
            );
        }
        folder.write("a.jsonl", lines)
    };
    let (_, blocks, fault) = read(&capture(8));
    assert!(fault.is_none());
    assert_eq!(blocks[0].levels.len(), 100_007);
    let path = capture(64);
    let mut source = open_source(&path).unwrap();
    let faults: Vec<String> = std::iter::from_fn(|| match source.advance() {
        Ok(None) => None,
        Ok(Some(_)) => Some(String::new()),
        Err(error) => Some(error.to_string()),
    })
    .filter(|text| !text.is_empty())
    .collect();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("line 2: expected a shorter frame"),
        "{}",
        faults[0]
    );
}
