use super::*;
use crate::wire::sample_frames::EVENTS;
use crate::wire::test_support::{expected, fault_with, missing, pairs, seen, Seen};
use crate::wire::Dialect::Bybit;

const FRAMES: &[&str] = EVENTS[1].1;

fn only(frame: &str) -> Seen {
    let events = seen(Bybit, frame).unwrap_or_default();
    assert_eq!(events.len(), 1, "{frame}");
    events[0].clone()
}

#[test]
fn a_snapshot_is_read_whole() {
    assert_eq!(
        only(FRAMES[0]),
        Seen {
            kind: MessageKind::Snapshot,
            market: Some(Market::BybitLinear),
            symbol: "BTCUSDT".into(),
            stream: "orderbook.200".into(),
            sent_ns: Some(1_786_310_818_129_000_000),
            exchange_ns: Some(1_786_310_818_027_000_000),
            ids: (0, 15_076_952, 0),
            flags: 0,
            bids: pairs(&[("65114.20", "6.054"), ("65114.10", "0.002")]),
            asks: pairs(&[("65114.30", "10.486"), ("65115.20", "0.002")]),
        }
    );
}

#[test]
fn a_delta_names_one_id() {
    let delta = only(FRAMES[1]);
    assert_eq!(
        (delta.kind, delta.ids),
        (MessageKind::Diff, (62_505_425, 62_505_425, 0))
    );
    assert_eq!(delta.bids, pairs(&[("65140.4", "0.875077")]));
    assert_eq!(
        delta.asks,
        pairs(&[("65154.6", "0.09948"), ("65239.1", "0")])
    );
}

#[test]
fn update_id_one_is_a_snapshot_whatever_its_type() {
    for kind in ["snapshot", "delta"] {
        let frame = format!(
            r#"{{"topic":"orderbook.50.BTCUSDT","type":"{kind}","ts":1,"data":{{"s":"BTCUSDT","b":[["1","2"]],"a":[],"u":1}}}}"#
        );
        let event = only(&frame);
        assert_eq!((event.kind, event.ids), (MessageKind::Snapshot, (0, 1, 0)));
        // Without a time of the engine the time of sending stands in.
        assert_eq!(event.exchange_ns, Some(1_000_000));
    }
}

#[test]
fn trades_tell_taker_and_block() {
    let events = seen(Bybit, FRAMES[2]).unwrap_or_default();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0],
        Seen {
            kind: MessageKind::Trade,
            market: Some(Market::BybitLinear),
            symbol: "BTCUSDT".into(),
            stream: "publicTrade".into(),
            sent_ns: Some(1_786_310_819_681_000_000),
            exchange_ns: Some(1_786_310_819_680_000_000),
            ids: (0, 0, 0),
            flags: FLAG_BUYER_IS_MAKER,
            bids: pairs(&[("65114.20", "0.004")]),
            asks: vec![],
        }
    );
    assert_eq!(events[1].flags, FLAG_NO_MARKET_TRADE);
    // Spot trades are numbered.
    assert_eq!(
        only(FRAMES[3]).ids,
        (2_280_000_001_739_247_417, 2_280_000_001_739_247_417, 0)
    );
}

#[test]
fn the_category_follows_from_the_symbol_where_nothing_else_tells() {
    for (symbol, market) in [
        (&b"BTCUSDT"[..], Market::BybitLinear),
        (b"BTCPERP", Market::BybitLinear),
        (b"BTC-26DEC25", Market::BybitLinear),
        (b"BTCUSDT-26DEC25", Market::BybitLinear),
        (b"BTCUSDC", Market::BybitLinear),
        (b"BTCUSD", Market::BybitInverse),
        (b"BTCUSDZ25", Market::BybitInverse),
        (b"ETHUSDH26", Market::BybitInverse),
        (b"BTCUSDA25", Market::BybitLinear),
        (b"", Market::BybitLinear),
    ] {
        assert_eq!(super::market(symbol), market);
    }
}

#[test]
fn missing_and_wrong_fields_are_named() {
    let book = FRAMES[1];
    for (part, other, fault) in [
        (r#""u":62505425,"#, "", missing("u")),
        (r#""u":62505425"#, r#""u":-5"#, missing("u")),
        (
            r#""u":62505425"#,
            r#""u":99999999999999999999"#,
            missing("u"),
        ),
        (r#","type":"delta""#, "", missing("type")),
        (
            r#""delta""#,
            r#""other""#,
            expected("a snapshot or a delta"),
        ),
        (r#""type":"delta""#, r#""type":7"#, expected("a string")),
        (r#""b":[["65140.4","0.875077"]],"#, "", missing("b")),
        (
            r#""a":[["65154.6","0.09948"],["65239.1","0"]]"#,
            r#""a":7"#,
            missing("a"),
        ),
        (
            r#""ts":1786310816618"#,
            r#""ts":"x""#,
            expected("a time in ms"),
        ),
        (
            r#""ts":1786310816618"#,
            r#""ts":9223372036854775807"#,
            expected("a time in ms"),
        ),
        (
            r#""cts":1786310816585"#,
            r#""cts":[]"#,
            expected("a time in ms"),
        ),
        (
            r#""topic":"orderbook.200.BTCUSDT""#,
            r#""topic":1"#,
            expected("a string"),
        ),
    ] {
        assert_eq!(
            fault_with(Bybit, book, part, other),
            fault,
            "{part} -> {other}"
        );
    }
    let trade = FRAMES[3];
    for (part, other, fault) in [
        (r#""s":"ETHUSDT","#, "", missing("s")),
        (r#""p":"1923.28","#, "", missing("p")),
        (r#""v":"0.04537","#, "", missing("v")),
        (r#""S":"Sell","#, "", missing("S")),
        (r#""Sell""#, r#""sell""#, expected("Buy or Sell")),
        (r#""S":"Sell""#, r#""S":1"#, expected("Buy or Sell")),
        (r#""p":"1923.28""#, r#""p":{}"#, expected("a number")),
        (r#"{"i""#, r#"5,{"i""#, expected("an object")),
        (r#""data":["#, r#""data":{},"more":["#, missing("data")),
    ] {
        assert_eq!(
            fault_with(Bybit, trade, part, other),
            fault,
            "{part} -> {other}"
        );
    }
}
