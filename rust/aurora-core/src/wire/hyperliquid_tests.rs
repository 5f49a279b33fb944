use super::*;
use crate::wire::sample_frames::EVENTS;
use crate::wire::test_support::{expected, fault_with, missing, pairs, seen, Seen};
use crate::wire::Dialect::Hyperliquid;

const FRAMES: &[&str] = EVENTS[4].1;

#[test]
fn a_book_is_a_snapshot_whose_id_is_its_time() {
    let events = seen(Hyperliquid, FRAMES[0]);
    assert_eq!(
        events,
        Ok(vec![Seen {
            kind: MessageKind::Snapshot,
            market: Some(Market::Hyperliquid),
            symbol: "BTC".into(),
            stream: "l2Book".into(),
            sent_ns: Some(1_737_918_843_542_000_000),
            exchange_ns: Some(1_737_918_843_542_000_000),
            ids: (0, 1_737_918_843_542, 0),
            flags: 0,
            bids: pairs(&[("105055.0", "3.03622"), ("105054.0", "0.1428")]),
            asks: pairs(&[("105056.0", "6.34472")]),
        }])
    );
}

#[test]
fn trades_tell_the_taker() {
    let events = seen(Hyperliquid, FRAMES[1]).unwrap_or_default();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0],
        Seen {
            kind: MessageKind::Trade,
            market: Some(Market::Hyperliquid),
            symbol: "BTC".into(),
            stream: "trades".into(),
            sent_ns: Some(1_737_918_853_204_000_000),
            exchange_ns: Some(1_737_918_853_204_000_000),
            ids: (754_186_699_313_231, 754_186_699_313_231, 0),
            flags: 0,
            bids: pairs(&[("105056.0", "0.01853")]),
            asks: vec![],
        }
    );
    assert_eq!(events[1].flags, FLAG_BUYER_IS_MAKER);
}

#[test]
fn missing_and_wrong_fields_are_named() {
    for (frame, part, other, fault) in [
        (0, r#""coin":"BTC","#, "", missing("coin")),
        (0, r#""coin":"BTC""#, r#""coin":5"#, missing("coin")),
        (0, r#","time":1737918843542"#, "", missing("time")),
        (
            0,
            r#""time":1737918843542"#,
            r#""time":"x""#,
            expected("an unsigned number"),
        ),
        (
            0,
            r#""time":1737918843542"#,
            r#""time":9223372036854775807"#,
            expected("a time in ms"),
        ),
        (0, r#""levels":"#, r#""level":"#, missing("levels")),
        (0, r#"]],"time""#, r#"],[]],"time""#, expected("two sides")),
        (
            0,
            r#",[{"n":13,"px":"105056.0","sz":"6.34472"}]"#,
            "",
            missing("levels"),
        ),
        (0, r#""px":"105056.0","#, "", missing("px")),
        (0, r#","sz":"6.34472""#, "", missing("sz")),
        (0, r#"{"n":13"#, r#"7,{"n":13"#, expected("an object")),
        (0, r#"{"coin":"#, r#"[],"more":{"coin":"#, missing("coin")),
        (1, r#""tid":754186699313231,"#, "", missing("tid")),
        (
            1,
            r#""tid":754186699313231"#,
            r#""tid":-1"#,
            expected("an unsigned number"),
        ),
        (1, r#""side":"B","#, "", missing("side")),
        (1, r#""side":"B""#, r#""side":"C""#, expected("A or B")),
        (1, r#""coin":"BTC","hash":"0x84f7","#, "", missing("coin")),
        (1, r#""px":"105056.0","#, "", missing("px")),
        (1, r#""sz":"0.01853","#, "", missing("sz")),
        (1, r#""data":["#, r#""data":{},"more":["#, missing("data")),
    ] {
        assert_eq!(
            fault_with(Hyperliquid, FRAMES[frame], part, other),
            fault,
            "{part} -> {other}"
        );
    }
}
