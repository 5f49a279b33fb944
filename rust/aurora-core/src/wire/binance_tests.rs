#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Level;
use crate::wire::decode_levels;
use proptest::prelude::*;

fn parse(line: &str) -> Result<Frame<'_>, WireError> {
    Frame::parse(line.as_bytes(), 0)
}

const USDM_DIFF: &str = r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":10,"u":20,"pu":9,"b":[["58710.20","0.014"],["61496.50","0.000"]],"a":[]}}"#;

#[test]
fn a_futures_diff_is_read_whole() {
    let frame = parse(USDM_DIFF).unwrap();
    assert_eq!(frame.kind, FrameKind::Event(MessageKind::Diff));
    assert_eq!(frame.market, Some(Market::BinanceUsdm));
    assert_eq!(frame.stream, b"depth@0ms");
    assert_eq!(
        (frame.first_id, frame.last_id, frame.previous_id),
        (10, 20, 9)
    );
    assert_eq!(
        (frame.event_ms, frame.transaction_ms),
        (Some(1723161256299), Some(1723161256298))
    );
    let mut levels = Vec::new();
    let (bids, at) = frame.bids.unwrap();
    assert_eq!(decode_levels(bids, at, 2, 3, &mut levels), Ok(2));
    assert_eq!(
        levels[0],
        Level {
            price: 5_871_020,
            size: 14
        }
    );
    assert_eq!(
        levels[1],
        Level {
            price: 6_149_650,
            size: 0
        }
    );
    let (asks, at) = frame.asks.unwrap();
    assert_eq!(decode_levels(asks, at, 2, 3, &mut levels), Ok(0));
}

#[test]
fn the_market_is_recognised_from_the_frame() {
    let cases = [
        (
            r#"{"stream":"x@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}"#,
            Market::BinanceSpot,
        ),
        (
            r#"{"stream":"x@bookTicker","data":{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1","T":5,"E":6}}"#,
            Market::BinanceUsdm,
        ),
        (
            r#"{"stream":"x@bookTicker","data":{"u":1,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"1","B":"1","a":"2","A":"1","T":5,"E":6}}"#,
            Market::BinanceCoinm,
        ),
        (
            r#"{"stream":"x@bookTicker","data":{"u":1,"e":"bookTicker","s":"BTCUSDT","ps":"BTCUSDT","st":1,"b":"1","B":"1","a":"2","A":"1","T":5,"E":6}}"#,
            Market::BinanceUsdm,
        ),
        (
            r#"{"stream":"x@trade","data":{"e":"trade","E":6,"T":5,"s":"BTCUSD_PERP","t":7,"p":"1","q":"4","X":"MARKET","m":false}}"#,
            Market::BinanceCoinm,
        ),
        (
            r#"{"stream":"x@trade","data":{"e":"trade","E":6,"T":5,"s":"BTCUSDT","t":7,"p":"1","q":"4","X":"MARKET","m":true}}"#,
            Market::BinanceUsdm,
        ),
        (
            r#"{"stream":"x@trade","data":{"e":"trade","E":6,"T":5,"s":"BTCUSDT","t":7,"p":"1","q":"4","m":true,"M":true}}"#,
            Market::BinanceSpot,
        ),
        (
            r#"{"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":6,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}"#,
            Market::BinanceSpot,
        ),
    ];
    for (line, market) in cases {
        assert_eq!(parse(line).unwrap().market, Some(market), "{line}");
    }
}

#[test]
fn trades_carry_their_flags() {
    let frame = parse(r#"{"stream":"x@trade","data":{"e":"trade","E":6,"T":5,"s":"B","t":7,"p":"1.5","q":"4","X":"INSURANCE_FUND","m":true}}"#).unwrap();
    assert_eq!(frame.flags, FLAG_BUYER_IS_MAKER | FLAG_NO_MARKET_TRADE);
    assert_eq!((frame.prices[0], frame.prices[1]), (&b"1.5"[..], &b"4"[..]));
}

#[test]
fn bare_snapshots_name_no_market() {
    let frame =
        parse(r#"{"lastUpdateId":5,"E":1,"T":2,"bids":[["1.0","2"]],"asks":[["1.1","2"]]}"#)
            .unwrap();
    assert_eq!(
        (frame.kind, frame.market, frame.last_id),
        (FrameKind::Event(MessageKind::Snapshot), None, 5)
    );
    let named = parse(r#"{"lastUpdateId":5,"E":1,"T":2,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[],"asks":[]}"#).unwrap();
    assert_eq!(named.market, Some(Market::BinanceCoinm));
}

#[test]
fn known_streams_that_are_not_read_are_ignored_and_others_refused() {
    assert_eq!(
        parse(r#"{"stream":"x@kline_1m","data":{"e":"kline","s":"X","k":{"t":[1,2,{"a":"}"}]}}}"#)
            .unwrap()
            .kind,
        FrameKind::Ignored
    );
    assert_eq!(
        parse(r#"{"result":null,"id":3}"#).unwrap().kind,
        FrameKind::Ignored
    );
    let error =
        parse(r#"{"stream":"btcusdt@mystery","data":{"e":"mystery","s":"X"}}"#).unwrap_err();
    assert_eq!(
        error.fault,
        WireFault::UnknownStream {
            name: "btcusdt@mystery".into()
        }
    );
}

#[test]
fn spaces_and_other_key_orders_do_not_matter() {
    let line = r#"{ "data": {"a": [ ["2.0", "1"] ], "b": [["1.0","3"] , ["0.9","1"]], "pu": 9, "u": 20, "U": 10, "s": "BTCUSDT", "E": 4, "e": "depthUpdate"}, "stream": "btcusdt@depth" }"#;
    let frame = parse(line).unwrap();
    let mut levels = Vec::new();
    let (bids, at) = frame.bids.unwrap();
    assert_eq!(decode_levels(bids, at, 1, 0, &mut levels), Ok(2));
    let (asks, at) = frame.asks.unwrap();
    assert_eq!(decode_levels(asks, at, 1, 0, &mut levels), Ok(1));
    assert_eq!(levels[2], Level { price: 20, size: 1 });
}

proptest! {
    /// Cutting a line anywhere is an error, never a panic and never a frame.
    #[test]
    fn a_cut_line_is_an_error(cut in 1usize..USDM_DIFF.len()) {
        prop_assert!(parse(&USDM_DIFF[..cut]).is_err());
    }

    /// Any change of any byte is read, ignored or refused, and never panics.
    #[test]
    fn changed_bytes_never_panic(at in 0usize..USDM_DIFF.len(), byte in any::<u8>()) {
        let mut bytes = USDM_DIFF.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(frame) = Frame::parse(&bytes, 0) {
            for (array, at) in [frame.bids, frame.asks].into_iter().flatten() {
                let _ = decode_levels(array, at, 2, 3, &mut Vec::new());
            }
        }
    }
}
