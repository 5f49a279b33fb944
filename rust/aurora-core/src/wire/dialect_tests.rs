#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::Book;
use crate::event::EventBlock;
use crate::instrument::{Instrument, InstrumentId};
use crate::units::Money;
use crate::wire::sample_frames::{CONTROL, EVENTS};
use crate::wire::WireEvent;
use proptest::prelude::*;

fn samples(table: [(&'static str, &'static [&'static str]); 5]) -> Vec<(Dialect, &'static str)> {
    table
        .into_iter()
        .flat_map(|(name, frames)| {
            frames
                .iter()
                .map(move |frame| (Dialect::of_name(name).unwrap(), *frame))
        })
        .collect()
}

fn instrument(market: Market) -> Instrument {
    Instrument {
        id: InstrumentId {
            market,
            symbol: "X".to_owned(),
        },
        price_exponent: 9,
        size_exponent: 8,
        tick: 100_000_000,
        lot: 1,
        min_notional: Money(0),
    }
}

/// Reads a frame to the end: events, levels, book.
fn read(dialect: Dialect, line: &[u8]) -> Result<(bool, usize), WireError> {
    let mut block = EventBlock::default();
    let mut events = 0;
    let read = dialect.decode(
        line,
        0,
        FrameContext::default(),
        &mut |event: &WireEvent<'_>| {
            events += 1;
            let instrument = instrument(event.market.unwrap_or(Market::BinanceUsdm));
            event.append_to(&mut block, &instrument, 1, false)?;
            Ok(())
        },
    );
    assert!(block.levels.len() <= line.len());
    for market in Market::ALL {
        let mut book = Book::new(market, 100_000_000).with_decimals(9, 8);
        for message in &block.messages {
            book.apply(&block, message);
        }
    }
    read.map(|read| (read, events))
}

#[test]
fn every_sample_is_of_its_own_dialect_alone() {
    for (dialect, frame) in samples(EVENTS).into_iter().chain(samples(CONTROL)) {
        assert_eq!(Dialect::detect(frame.as_bytes()), Some(dialect), "{frame}");
    }
}

#[test]
fn detection_does_not_depend_on_the_order_of_keys() {
    for (frame, dialect) in [
        (
            r#"{"data":{"s":"X","u":2},"type":"delta","topic":"orderbook.50.X"}"#,
            Dialect::Bybit,
        ),
        (
            r#"{"data":[],"action":"update","arg":{"channel":"books","instId":"X"}}"#,
            Dialect::Okx,
        ),
        (
            r#"{"data":{"e":"depthUpdate"},"stream":"x@depth"}"#,
            Dialect::Binance,
        ),
        (r#"{"data":{"e":"depthUpdate"}}"#, Dialect::Binance),
        (
            r#"{"price":1,"seq":2,"feed":"book"}"#,
            Dialect::KrakenFutures,
        ),
        (
            r#"{"data":{"coin":"BTC"},"channel":"l2Book"}"#,
            Dialect::Hyperliquid,
        ),
    ] {
        assert_eq!(Dialect::detect(frame.as_bytes()), Some(dialect), "{frame}");
    }
}

#[test]
fn frames_of_other_venues_are_of_no_dialect() {
    for frame in [
        "",
        "{}",
        "[]",
        r#"{"channel":"book","type":"update","data":[]}"#, // Kraken spot
        r#"{"type":"l2update","product_id":"BTC-USD","changes":[]}"#, // Coinbase
        r#"{"method":"subscribe","result":{"channel":"book"},"success":true}"#, // Kraken spot
    ] {
        assert_eq!(Dialect::detect(frame.as_bytes()), None, "{frame}");
    }
}

#[test]
fn names_are_read_back() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::of_name(dialect.name()), Some(dialect));
    }
    assert_eq!(Dialect::of_name("nobody"), None);
}

#[test]
fn events_are_read_and_control_frames_passed_over() {
    for (dialect, frame) in samples(EVENTS) {
        let (read, events) = read(dialect, frame.as_bytes()).unwrap();
        assert!(read && events > 0, "{frame}");
    }
    for (dialect, frame) in samples(CONTROL) {
        assert_eq!(read(dialect, frame.as_bytes()), Ok((false, 0)), "{frame}");
    }
}

#[test]
fn a_frame_cut_at_any_byte_is_an_error_without_events() {
    for (dialect, frame) in samples(EVENTS).into_iter().chain(samples(CONTROL)) {
        for cut in 0..frame.len() {
            let mut events = 0;
            let cut = &frame.as_bytes()[..cut];
            let read = dialect.decode(cut, 0, FrameContext::default(), &mut |_: &WireEvent<'_>| {
                events += 1;
                Ok(())
            });
            assert!(
                read.is_err() && events == 0,
                "{}",
                String::from_utf8_lossy(cut)
            );
        }
    }
}

#[test]
fn something_behind_a_frame_is_an_error() {
    for (dialect, frame) in samples(EVENTS).into_iter().chain(samples(CONTROL)) {
        let line = format!("{frame} {{");
        assert!(read(dialect, line.as_bytes()).is_err(), "{line}");
        let line = format!("{frame} \r");
        assert!(read(dialect, line.as_bytes()).is_ok(), "{line}");
    }
}

#[test]
fn streams_that_nobody_knows_are_refused() {
    for (dialect, frame, name) in [
        (
            Dialect::Bybit,
            r#"{"topic":"mystery.BTCUSDT","data":{}}"#,
            "mystery.BTCUSDT",
        ),
        (
            Dialect::Bybit,
            r#"{"topic":"orderbook.50","data":{}}"#,
            "orderbook.50",
        ),
        (
            Dialect::Okx,
            r#"{"arg":{"channel":"mystery"},"data":[]}"#,
            "mystery",
        ),
        (Dialect::KrakenFutures, r#"{"feed":"mystery"}"#, "mystery"),
        (
            Dialect::Hyperliquid,
            r#"{"channel":"mystery","data":{}}"#,
            "mystery",
        ),
        (Dialect::Bybit, "{}", "(none)"),
        (Dialect::Okx, "{}", "(none)"),
        (Dialect::KrakenFutures, "{}", "(none)"),
        (Dialect::Hyperliquid, "{}", "(none)"),
    ] {
        let error = read(dialect, frame.as_bytes()).unwrap_err();
        assert_eq!(
            error.fault,
            WireFault::UnknownStream { name: name.into() },
            "{frame}"
        );
    }
}

#[test]
fn the_connection_names_the_market_where_it_is_known() {
    for (dialect, frame) in samples(EVENTS) {
        let context = FrameContext {
            market: Some(Market::Tardis),
            symbol: None,
        };
        let read = dialect.decode(frame.as_bytes(), 0, context, &mut |event: &WireEvent<
            '_,
        >| {
            assert_eq!(event.market, Some(Market::Tardis));
            Ok(())
        });
        assert_eq!(read, Ok(true));
    }
}

#[test]
fn a_refused_number_leaves_the_block_as_it_was() {
    let frame = r#"{"topic":"orderbook.50.X","type":"delta","ts":1,"data":{"s":"X","b":[["1","2"],["1","x"]],"a":[],"u":2}}"#;
    let mut block = EventBlock::default();
    let read = Dialect::Bybit.decode(
        frame.as_bytes(),
        0,
        FrameContext::default(),
        &mut |event: &WireEvent<'_>| {
            event
                .append_to(&mut block, &instrument(Market::BybitLinear), 1, false)
                .map(|_| ())
        },
    );
    assert_eq!(read.unwrap_err().byte, frame.find("\"x\"").unwrap());
    assert_eq!(block, EventBlock::default());
}

/// A stack that a frame's nesting could fill would end the process.
#[test]
fn nesting_is_bounded() {
    let deep = 200_000;
    for dialect in Dialect::ALL {
        for (open, close) in [
            (r#"{"data":"#, "}"),
            ("[", "]"),
            (r#"{"arg":"#, "}"),
            (r#"{"data":[{"data":"#, "}]}"),
        ] {
            let whole = format!("{}1{}", open.repeat(deep), close.repeat(deep));
            let _ = Dialect::detect(whole.as_bytes());
            assert!(read(dialect, whole.as_bytes()).is_err());
            assert!(read(dialect, open.repeat(deep).as_bytes()).is_err());
        }
    }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<Vec<u8>> = samples(EVENTS)
        .into_iter()
        .chain(samples(CONTROL))
        .map(|(_, frame)| frame.as_bytes().to_vec())
        .collect();
    prop::sample::select(frames)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes_are_read_or_refused(dialect in dialects(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Dialect::detect(&bytes);
        let _ = read(dialect, &bytes);
    }

    /// Text of the characters that JSON is made of gets deeper into the readers than bytes do.
    #[test]
    fn any_json_like_text_is_read_or_refused(
        dialect in dialects(),
        text in r#"[\[\]{}":,0-9eE.+\-\\ a-c]{0,120}"#,
        frame in frames(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = frame;
        let at = at.index(bytes.len());
        bytes.splice(at..at, text.into_bytes());
        let _ = read(dialect, &bytes);
    }

    /// Changed bytes, cut and doubled parts of good frames, by the frame's own dialect and by every other.
    #[test]
    fn mutated_frames_are_read_or_refused(
        dialect in dialects(),
        frame in frames(),
        other in frames(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        kind in 0u8..4,
    ) {
        let mut bytes = frame;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let (from, to) = (from.min(to), from.max(to));
        match kind {
            0 => { bytes.drain(from..to); }
            1 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(from..from, part);
            }
            2 => {
                let part = other.get(from..to).unwrap_or_default().to_vec();
                bytes.splice(to..to, part);
            }
            _ => {}
        }
        let _ = Dialect::detect(&bytes);
        let _ = read(dialect, &bytes);
    }
}
