use super::*;
use crate::event::EventBlock;
use crate::wire::sample_frames::EVENTS;
use crate::wire::test_support::{expected, fault_with, missing, pairs, seen, Seen};
use crate::wire::Dialect::KrakenFutures;

const FRAMES: &[&str] = EVENTS[3].1;

fn only(frame: &str) -> Seen {
    let events = seen(KrakenFutures, frame).unwrap_or_default();
    assert_eq!(events.len(), 1, "{frame}");
    events[0].clone()
}

#[test]
fn a_snapshot_is_read_whole() {
    assert_eq!(
        only(FRAMES[0]),
        Seen {
            kind: MessageKind::Snapshot,
            market: Some(Market::KrakenFutures),
            symbol: "PI_XBTUSD".into(),
            stream: "book_snapshot".into(),
            sent_ns: Some(1_612_269_825_817_000_000),
            exchange_ns: Some(1_612_269_825_817_000_000),
            ids: (0, 326_072_249, 0),
            flags: 0,
            bids: pairs(&[("34892.5", "6385"), ("34892", "100000")]),
            asks: pairs(&[("34911.5", "20598"), ("34912", "2300")]),
        }
    );
}

#[test]
fn a_change_is_of_one_level() {
    let sell = only(FRAMES[1]);
    assert_eq!(
        (sell.kind, sell.ids),
        (MessageKind::Diff, (326_094_134, 326_094_134, 0))
    );
    assert_eq!((sell.bids, sell.asks), (vec![], pairs(&[("34981", "0")])));
    let buy = only(FRAMES[2]);
    assert_eq!(
        (buy.bids, buy.asks),
        (pairs(&[("0.000009875", "10000000")]), vec![])
    );
}

#[test]
fn trades_tell_taker_and_kind() {
    let trade = only(FRAMES[3]);
    assert_eq!(
        (trade.kind, trade.ids, trade.flags),
        (
            MessageKind::Trade,
            (653_355, 653_355, 0),
            FLAG_BUYER_IS_MAKER
        )
    );
    assert_eq!(trade.bids, pairs(&[("34969.5", "15000")]));
    assert_eq!(trade.exchange_ns, Some(1_612_266_317_519_000_000));
    for (kind, flags) in [
        ("fill", 0),
        ("liquidation", 0),
        ("block", FLAG_NO_MARKET_TRADE),
        ("assignment", FLAG_NO_MARKET_TRADE),
        ("termination", FLAG_NO_MARKET_TRADE),
    ] {
        let frame = FRAMES[3].replace("fill", kind).replace("sell", "buy");
        assert_eq!(only(&frame).flags, flags, "{kind}");
    }
}

#[test]
fn numbers_with_exponents_become_exact_quanta() {
    let instrument = crate::instrument::Instrument {
        id: crate::instrument::InstrumentId {
            market: Market::KrakenFutures,
            symbol: "PF_SHIBUSD".into(),
        },
        price_exponent: 9,
        size_exponent: 0,
        tick: 1,
        lot: 1,
        min_notional: crate::units::Money(0),
    };
    let mut block = EventBlock::default();
    let read = super::decode(
        FRAMES[2].as_bytes(),
        0,
        FrameContext::default(),
        &mut |event: &WireEvent<'_>| {
            event
                .append_to(&mut block, &instrument, 1, false)
                .map(|_| ())
        },
    );
    assert_eq!(read, Ok(true));
    assert_eq!(
        block.levels,
        [crate::event::Level {
            price: 9_875,
            size: 10_000_000
        }]
    );
}

#[test]
fn missing_and_wrong_fields_are_named() {
    for (frame, part, other, fault) in [
        (0, r#""seq":326072249,"#, "", missing("seq")),
        (0, r#""product_id":"PI_XBTUSD","#, "", missing("product_id")),
        (0, r#""bids":"#, r#""bid":"#, missing("bids")),
        (0, r#""asks":"#, r#""ask":"#, missing("asks")),
        (
            0,
            r#""bids":["#,
            r#""bids":{},"more":["#,
            expected("an array"),
        ),
        (0, r#""price":34892,"#, "", missing("price")),
        (0, r#","qty":6385"#, "", missing("qty")),
        (0, r#""qty":1E5"#, r#""qty":1E500"#, expected("a number")),
        (0, r#""qty":1E5"#, r#""qty":{}"#, expected("a number")),
        (1, r#""side":"sell","#, "", missing("side")),
        (
            1,
            r#""sell""#,
            r#""Sell""#,
            expected("a side that is buy or sell"),
        ),
        (1, r#""seq":326094134,"#, "", missing("seq")),
        (
            1,
            r#""seq":326094134"#,
            r#""seq":1.5"#,
            expected("an unsigned number"),
        ),
        (1, r#""price":34981,"#, "", missing("price")),
        (1, r#""qty":0,"#, "", missing("qty")),
        (
            1,
            r#""timestamp":1612269953629"#,
            r#""timestamp":"x""#,
            expected("a time in ms"),
        ),
        (3, r#""type":"fill","#, "", missing("type")),
        (3, r#""type":"fill""#, r#""type":5"#, missing("type")),
        (
            3,
            r#""product_id":"PI_XBTUSD""#,
            r#""product_id":5"#,
            expected("a string"),
        ),
    ] {
        assert_eq!(
            fault_with(KrakenFutures, FRAMES[frame], part, other),
            fault,
            "{part} -> {other}"
        );
    }
}
