#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Level;
use crate::instrument::Side;
use proptest::prelude::*;

fn quote(bid: i64, ask: i64) -> Quote {
    let level = |price| Level { price, size: 1 };
    Quote {
        bid: level(bid),
        ask: level(ask),
    }
}

fn trade(local_ns: i64, price: i64, signed_size: i64) -> MarketTrade {
    MarketTrade {
        local_ns,
        price,
        size: signed_size.abs(),
        aggressor: Side::from_sign(signed_size).unwrap(),
    }
}

#[test]
fn reference_numbers() {
    // Price 100.06, mid 100.00, mid after δ 100.03, a buy, in quanta of 0.01: 0.12 / 0.06 / 0.06 of 100.
    let mut kernel = TradeSpreads::new(5_000, 1_000_000);
    assert_eq!(kernel.effective_bps(0), Err(Undefined::NoTrades));
    kernel.touch(0, quote(9_995, 10_005));
    kernel.trade(trade(10, 10_006, 7));
    assert!((kernel.effective_bps(10).unwrap() - 12.0).abs() < 1e-12);
    kernel.touch(20, quote(9_998, 10_008));
    assert_eq!(kernel.realised_bps(5_010), Err(Undefined::NoTrades));
    assert!((kernel.realised_bps(5_011).unwrap() - 6.0).abs() < 1e-12);
    assert!((kernel.impact_bps(5_011).unwrap() - 6.0).abs() < 1e-12);
    assert_eq!(kernel.counters().resolved, 1);
}

#[test]
fn the_delayed_mid_is_the_last_one_at_or_before_its_time() {
    let delayed = |touch_ns: i64| {
        let mut kernel = TradeSpreads::new(100, 1_000_000);
        kernel.touch(0, quote(999, 1_001));
        kernel.trade(trade(50, 1_001, 1));
        kernel.touch(touch_ns, quote(1_009, 1_011));
        kernel.impact_bps(1_000).unwrap()
    };
    assert!((delayed(150) - 200.0).abs() < 1e-12);
    assert_eq!(delayed(151), 0.0);
    // Two touches at the due time: the later one prevails.
    let mut kernel = TradeSpreads::new(100, 1_000_000);
    kernel.touch(0, quote(999, 1_001));
    kernel.trade(trade(50, 1_001, 1));
    kernel.touch(150, quote(1_009, 1_011));
    kernel.touch(150, quote(1_019, 1_021));
    assert!((kernel.impact_bps(1_000).unwrap() - 400.0).abs() < 1e-12);
}

#[test]
fn a_trade_uses_the_mid_before_it_not_after() {
    let mut kernel = TradeSpreads::new(100, 1_000);
    kernel.touch(0, quote(999, 1_001));
    kernel.trade(trade(50, 1_001, 1));
    kernel.touch(50, quote(1_001, 1_003));
    assert!((kernel.effective_bps(50).unwrap() - 20.0).abs() < 1e-12);
    // Faded away.
    assert!(kernel.effective_bps(50 + 64_000).is_ok());
    assert_eq!(kernel.effective_bps(50 + 64_001), Err(Undefined::NoTrades));
}

#[test]
fn missing_mids_are_counted() {
    let mut kernel = TradeSpreads::new(100, 1_000);
    kernel.trade(trade(0, 1_000, 1));
    kernel.touch(10, quote(999, 1_001));
    kernel.trade(trade(20, 1_001, 1));
    kernel.interrupt(60);
    kernel.touch(121, quote(999, 1_001));
    assert_eq!(kernel.realised_bps(500), Err(Undefined::NoTrades));
    assert!(kernel.effective_bps(500).is_ok());
    let expected = TradeSpreadCounters {
        resolved: 0,
        without_mid: 1,
        without_delayed_mid: 1,
        overflowed: 0,
    };
    assert_eq!(kernel.counters(), expected);
}

#[test]
fn the_oldest_waiting_trade_makes_room() {
    let mut kernel = TradeSpreads::new(1_000_000, 1_000_000_000);
    kernel.touch(0, quote(999, 1_001));
    // The first three would have a realised spread of their own.
    for i in 0..3 {
        kernel.trade(trade(i, 2_000, 1));
    }
    for i in 0..PENDING_CAPACITY as i64 {
        kernel.trade(trade(10 + i, 1_001, 1));
    }
    assert_eq!(kernel.counters().overflowed, 3);
    let bytes = postcard::to_allocvec(&kernel).unwrap();
    let mut kernel: TradeSpreads = postcard::from_bytes(&bytes).unwrap();
    assert!((kernel.realised_bps(2_000_000).unwrap() - 20.0).abs() < 1e-9);
    assert_eq!(kernel.counters().resolved, PENDING_CAPACITY as u64);
}

#[test]
fn absurd_input_does_no_harm() {
    let mut kernel = TradeSpreads::new(i64::MAX, 1);
    kernel.touch(i64::MIN, quote(i64::MAX, i64::MAX));
    kernel.trade(trade(0, i64::MAX, -i64::MAX));
    kernel.touch(i64::MAX, quote(-5, -3));
    assert!(kernel.effective_bps(0).unwrap().is_finite());
    kernel.trade(trade(i64::MAX, 1, 1));
    assert_eq!(kernel.counters().without_mid, 1);
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Touch(i64, i64),
    Lost,
    Trade(i64, i64),
}

/// Mid of the last book event among `events`, None without one or where the touch was lost.
fn mid_of(events: &[(i64, Event)]) -> Option<f64> {
    let book = events
        .iter()
        .rfind(|(_, event)| !matches!(event, Event::Trade(..)))?;
    match book.1 {
        Event::Touch(bid, ask) => Some((bid + ask) as f64 / 2.0),
        _ => None,
    }
}

/// Effective, realised and impact from the whole history: weights size · 2^(−age / half-life).
fn naive(events: &[(i64, Event)], horizon: i64, half_life: f64, now: i64) -> [Option<f64>; 3] {
    let mut sums = [(0.0, 0.0); 3];
    for (i, (at, event)) in events.iter().enumerate() {
        let Event::Trade(price, signed) = *event else {
            continue;
        };
        let Some(before) = mid_of(&events[..i]) else {
            continue;
        };
        let (sign, price) = (signed.signum() as f64, price as f64);
        let weight = signed.abs() as f64 * 2f64.powf(-((now - at) as f64) / half_life);
        let mut add = |k: usize, value: f64| {
            sums[k].0 += weight * 2.0 * sign * value / before * 1e4;
            sums[k].1 += weight;
        };
        add(0, price - before);
        if at + horizon >= now {
            continue;
        }
        let known = events.partition_point(|(time, _)| *time <= at + horizon);
        if let Some(after) = mid_of(&events[..known]) {
            add(1, price - after);
            add(2, after - before);
        }
    }
    sums.map(|(sum, weight)| (weight > 0.0).then(|| sum / weight))
}

proptest! {
    #[test]
    fn equals_the_join_over_the_whole_history(
        steps in prop::collection::vec((0i64..30, 0u8..10, -20i64..20, any::<bool>()), 1..120),
        horizon in 1i64..100,
    ) {
        let half_life = 400;
        let mut kernel = TradeSpreads::new(horizon, half_life);
        let mut unread = kernel.clone();
        let mut events = Vec::new();
        let mut now = -500;
        for (step, kind, number, read) in steps {
            now += step;
            let event = match kind {
                0 => Event::Lost,
                1..=4 => Event::Touch(10_000 + number, 10_001 + number + number.abs() % 4),
                _ => Event::Trade(10_000 + number, if number % 7 == 0 { -1 } else { number % 7 }),
            };
            events.push((now, event));
            for kernel in [&mut kernel, &mut unread] {
                match event {
                    Event::Touch(bid, ask) => kernel.touch(now, quote(bid, ask)),
                    Event::Lost => kernel.interrupt(now),
                    Event::Trade(price, signed) => kernel.trade(trade(now, price, signed)),
                }
            }
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            kernel = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
            if read {
                let values = [
                    kernel.effective_bps(now),
                    kernel.realised_bps(now),
                    kernel.impact_bps(now),
                ];
                for (value, expected) in values.into_iter().zip(naive(&events, horizon, half_life as f64, now)) {
                    match expected {
                        Some(expected) => {
                            prop_assert!((value.unwrap() - expected).abs() < 1e-9 * (1.0 + expected.abs()));
                        }
                        None => prop_assert_eq!(value, Err(Undefined::NoTrades)),
                    }
                }
            }
        }
        kernel.effective_bps(now).ok();
        unread.effective_bps(now).ok();
        prop_assert_eq!(kernel, unread);
    }

    /// The three parts of one trade: effective = realised + impact.
    #[test]
    fn the_parts_of_a_trade_add_up(
        mid in 1_000i64..100_000,
        spread in 1i64..50,
        later in -40i64..40,
        away in -60i64..60,
        bought in any::<bool>(),
    ) {
        let mut kernel = TradeSpreads::new(10, 1_000);
        kernel.touch(0, quote(mid, mid + spread));
        kernel.trade(trade(1, mid + away, if bought { 3 } else { -3 }));
        kernel.touch(5, quote(mid + later, mid + later + spread));
        let whole = kernel.effective_bps(100).unwrap();
        let parts = kernel.realised_bps(100).unwrap() + kernel.impact_bps(100).unwrap();
        prop_assert!((whole - parts).abs() < 1e-9);
    }
}
