use super::*;
use crate::wire::sample_frames::{EVENTS, OKX_SNAPSHOT, OKX_UPDATES};
use crate::wire::test_support::{expected, fault_with, missing, pairs, seen, Seen};
use crate::wire::Dialect::Okx;

const FRAMES: &[&str] = EVENTS[2].1;

fn only(frame: &str) -> Seen {
    let events = seen(Okx, frame).unwrap_or_default();
    assert_eq!(events.len(), 1, "{frame}");
    events[0].clone()
}

#[test]
fn the_checksum_travels_as_first_id() {
    let snapshot = only(OKX_SNAPSHOT);
    assert_eq!(snapshot.kind, MessageKind::Snapshot);
    assert_eq!(snapshot.ids, (555_605_283, 0, 0));
    assert_eq!((snapshot.bids.len(), snapshot.asks.len()), (28, 28));
    assert_eq!(snapshot.bids[0], ("5.14".into(), "251".into()));
    let update = only(OKX_UPDATES[1]);
    assert_eq!(update.kind, MessageKind::Diff);
    // -1199621822 as 32 unsigned bits.
    assert_eq!(update.ids, (3_095_345_474, 0, 0));
    assert_eq!(
        update,
        Seen {
            kind: MessageKind::Diff,
            market: Some(Market::Okx),
            symbol: "UNI-USD-SWAP".into(),
            stream: "books".into(),
            sent_ns: Some(1_652_459_225_576_000_000),
            exchange_ns: Some(1_652_459_225_576_000_000),
            ids: (3_095_345_474, 0, 0),
            flags: 0,
            bids: pairs(&[
                ("5.14", "350"),
                ("5.137", "146"),
                ("5.131", "406"),
                ("5.12", "150")
            ]),
            asks: pairs(&[
                ("5.153", "228"),
                ("5.155", "644"),
                ("5.157", "88"),
                ("5.16", "157")
            ]),
        }
    );
}

#[test]
fn messages_name_the_id_before_theirs() {
    assert_eq!(only(FRAMES[3]).ids, (0, 123_456, 0));
    let update = only(FRAMES[4]);
    assert_eq!(
        (update.kind, update.ids),
        (MessageKind::Diff, (0, 123_457, 123_456))
    );
    assert_eq!(update.stream, "books-l2-tbt");
}

#[test]
fn five_levels_are_a_whole_book_each() {
    let book = only(FRAMES[5]);
    assert_eq!(
        (book.kind, book.ids),
        (MessageKind::Snapshot, (0, 123_460, 0))
    );
}

#[test]
fn trades_tell_the_taker() {
    assert_eq!(
        only(FRAMES[6]),
        Seen {
            kind: MessageKind::Trade,
            market: Some(Market::Okx),
            symbol: "BTC-USD-220527".into(),
            stream: "trades".into(),
            sent_ns: Some(1_652_459_199_958_000_000),
            exchange_ns: Some(1_652_459_199_958_000_000),
            ids: (7849, 7849, 0),
            flags: FLAG_BUYER_IS_MAKER,
            bids: pairs(&[("30218.8", "1")]),
            asks: vec![],
        }
    );
    let bought = FRAMES[6]
        .replace("sell", "buy")
        .replace("trades", "trades-all");
    assert_eq!(only(&bought).flags, 0);
    assert_eq!(only(&bought).stream, "trades-all");
}

#[test]
fn missing_and_wrong_fields_are_named() {
    let book = FRAMES[4];
    for (part, other, fault) in [
        (r#""action":"update","#, "", missing("action")),
        (
            r#""update""#,
            r#""other""#,
            expected("a snapshot or an update"),
        ),
        (r#","instId":"BTC-USDT""#, "", missing("instId")),
        (r#""asks":[],"#, "", missing("asks")),
        (
            r#""bids":[["8476.97","12","0","1"]],"#,
            r#""bids":{},"#,
            missing("bids"),
        ),
        (
            r#""ts":"1597026383185""#,
            r#""ts":"soon""#,
            expected("a time in ms"),
        ),
        (
            r#""checksum":0"#,
            r#""checksum":4294967296"#,
            expected("a checksum of 32 bits"),
        ),
        (
            r#""checksum":0"#,
            r#""checksum":-2147483649"#,
            expected("a checksum of 32 bits"),
        ),
        (
            r#""seqId":123457"#,
            r#""seqId":1.5"#,
            expected("a whole number"),
        ),
        (
            r#""prevSeqId":123456"#,
            r#""prevSeqId":null"#,
            expected("a whole number"),
        ),
        (r#""data":["#, r#""data":7,"more":["#, missing("data")),
        (r#"[{"asks""#, r#"[3,{"asks""#, expected("an object")),
    ] {
        assert_eq!(
            fault_with(Okx, book, part, other),
            fault,
            "{part} -> {other}"
        );
    }
    assert_eq!(
        fault_with(Okx, FRAMES[5], r#","data""#, r#","action":"update","data""#),
        expected("a snapshot or an update")
    );
    let trade = FRAMES[6];
    for (part, other, fault) in [
        (r#""tradeId":"7849","#, "", missing("tradeId")),
        (
            r#""tradeId":"7849""#,
            r#""tradeId":"x""#,
            expected("an unsigned number"),
        ),
        (r#""px":"30218.8","#, "", missing("px")),
        (r#""sz":"1","#, "", missing("sz")),
        (r#""side":"sell","#, "", missing("side")),
        (r#""sell""#, r#""Sell""#, expected("buy or sell")),
    ] {
        assert_eq!(
            fault_with(Okx, trade, part, other),
            fault,
            "{part} -> {other}"
        );
    }
}

#[test]
fn checksums_are_taken_with_either_sign() {
    for (text, value) in [
        (&b"0"[..], Some(0)),
        (b"-1", Some(u32::MAX)),
        (b"4294967295", Some(u32::MAX)),
        (b"-2147483648", Some(1 << 31)),
        (b"2147483648", Some(1 << 31)),
        (b"4294967296", None),
        (b"-2147483649", None),
        (b"", None),
        (b"-", None),
        (b"--1", None),
    ] {
        assert_eq!(checksum(Raw::Word(text)), value);
    }
}
