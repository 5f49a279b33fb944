#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Level;
use crate::instrument::Side;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn quote(mid_doubled: i64) -> Quote {
    let level = |price| Level { price, size: 1 };
    Quote {
        bid: level(mid_doubled / 2 - 5),
        ask: level(mid_doubled - (mid_doubled / 2 - 5)),
    }
}

fn trade(local_ns: i64, signed_size: i64) -> MarketTrade {
    MarketTrade {
        local_ns,
        price: 100,
        size: signed_size.abs(),
        aggressor: Side::from_sign(signed_size).unwrap(),
    }
}

/// One observation a second: a trade and a change of the mid, in price quanta of 0.01.
fn feed(kernel: &mut KyleLambda, rows: &[(i64, i64)], start_s: i64) -> i64 {
    let mut mid = 20_000;
    kernel.touch(start_s * SECOND - 1, quote(mid));
    for (i, (signed, change)) in rows.iter().enumerate() {
        let at = (start_s + i as i64) * SECOND;
        kernel.trade(trade(at, *signed));
        mid += 2 * change;
        kernel.touch(at + SECOND / 2, quote(mid));
    }
    (start_s + rows.len() as i64) * SECOND
}

const REFERENCE: [(i64, i64); 6] = [(5, 11), (-3, -5), (2, 3), (-4, -9), (6, 10), (-1, -4)];

#[test]
fn reference_number() {
    let mut kernel = KyleLambda::new(SECOND, 300, 6);
    let end = feed(&mut kernel, &REFERENCE, 10);
    // The last interval is still open just before its end.
    assert_eq!(kernel.value(end - 1), Err(Undefined::WarmingUp));
    let slope = kernel.value(end).unwrap() / 100.0;
    assert!((slope - 0.019_692_9).abs() < 5e-8, "{slope}");
}

#[test]
fn the_window_forgets() {
    let mut kernel = KyleLambda::new(SECOND, 6, 6);
    feed(&mut kernel, &[(50, -40), (-30, 70), (20, 20)], 100);
    let end = feed(&mut kernel, &REFERENCE, 200);
    assert!((kernel.value(end).unwrap() / 100.0 - 0.019_692_9).abs() < 5e-8);
}

#[test]
fn equal_volumes_have_no_slope_and_a_lost_touch_no_observation() {
    let mut kernel = KyleLambda::new(SECOND, 10, 3);
    let end = feed(&mut kernel, &[(5, 1), (5, 2), (5, 3)], 10);
    assert_eq!(kernel.value(end), Err(Undefined::Degenerate));
    // A touch lost and found within an interval voids it, and so does the next without an opening mid.
    let mut kernel = KyleLambda::new(SECOND, 10, 3);
    let end = feed(&mut kernel, &[(5, 1), (6, 2)], 10);
    kernel.trade(trade(end, 9));
    kernel.interrupt(end + 1);
    kernel.touch(end + 2, quote(20_000));
    assert_eq!(kernel.value(end + SECOND), Err(Undefined::WarmingUp));
    kernel.trade(trade(end + SECOND, 7));
    assert!(kernel.value(end + 2 * SECOND).is_ok());
}

#[test]
fn a_hole_starts_the_window_again() {
    let mut kernel = KyleLambda::new(SECOND, 10_000, 3);
    let end = feed(&mut kernel, &REFERENCE, 10);
    let last = end - SECOND / 2;
    assert!(kernel.value(last + HOLE_NS).is_ok());
    assert_eq!(kernel.value(last + HOLE_NS + 1), Err(Undefined::WarmingUp));
    let mut fresh = KyleLambda::new(SECOND, 10_000, 3);
    let start = (last + HOLE_NS) / SECOND + 100;
    let end = feed(&mut kernel, &REFERENCE, start);
    feed(&mut fresh, &REFERENCE, start);
    assert_eq!(kernel.value(end), fresh.value(end));
    assert_eq!(kernel, fresh);
}

#[test]
fn absurd_clocks_do_no_harm() {
    let mut kernel = KyleLambda::new(1, 3, 3);
    kernel.touch(i64::MIN, quote(20));
    kernel.trade(trade(0, i64::MAX));
    kernel.touch(i64::MAX, quote(40));
    kernel.trade(trade(0, 1));
    assert_eq!(kernel.value(i64::MAX), Err(Undefined::WarmingUp));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Touch(i64),
    Lost,
    Trade(i64),
}

/// Everything anew from the list of events: prevailing mids by a search, sums by a filter.
fn naive(
    events: &[(i64, Event)],
    interval: i64,
    length: i64,
    minimum: usize,
    now: i64,
) -> Option<(f64, f64)> {
    let mid_before = |time: i64| {
        events
            .iter()
            .rfind(|(at, event)| *at < time && !matches!(event, Event::Trade(_)))
            .and_then(|(_, event)| match event {
                Event::Touch(mid) => Some(*mid as f64 / 2.0),
                _ => None,
            })
    };
    let mut points = Vec::new();
    let last = now.div_euclid(interval);
    for number in last - length..last {
        let (start, end) = (number * interval, (number + 1) * interval);
        let inside: Vec<_> = events
            .iter()
            .filter(|(at, _)| (start..end).contains(at))
            .collect();
        if inside.iter().any(|(_, event)| matches!(event, Event::Lost)) {
            continue;
        }
        if let (Some(from), Some(to)) = (mid_before(start), mid_before(end)) {
            let signed: i64 = inside
                .iter()
                .map(|(_, event)| {
                    if let Event::Trade(size) = event {
                        *size
                    } else {
                        0
                    }
                })
                .sum();
            points.push((signed as f64, to - from));
        }
    }
    if points.len() < minimum {
        return None;
    }
    let count = points.len() as f64;
    let (x, y): (f64, f64) = points
        .iter()
        .fold((0.0, 0.0), |a, p| (a.0 + p.0, a.1 + p.1));
    let covariance = points
        .iter()
        .map(|p| (p.0 - x / count) * (p.1 - y / count))
        .sum::<f64>();
    let variance = points
        .iter()
        .map(|p| (p.0 - x / count).powi(2))
        .sum::<f64>();
    Some((covariance, variance))
}

proptest! {
    #[test]
    fn equals_least_squares_over_the_whole_history(
        steps in prop::collection::vec((0i64..400, 0u8..8, -50i64..50, any::<bool>()), 1..120),
        interval in 20i64..200,
        length in 3usize..15,
    ) {
        let mut kernel = KyleLambda::new(interval, length, 3);
        // Reads nowhere but at the end: reading must change nothing.
        let mut unread = kernel.clone();
        let mut events = Vec::new();
        let mut now = -1_000;
        for (step, kind, number, read) in steps {
            now += step;
            let event = match kind {
                0 => Event::Lost,
                1..=4 => Event::Touch(2_000 + number),
                _ => Event::Trade(if number == 0 { 1 } else { number }),
            };
            events.push((now, event));
            for kernel in [&mut kernel, &mut unread] {
                match event {
                    Event::Lost => kernel.interrupt(now),
                    Event::Touch(mid) => kernel.touch(now, quote(mid)),
                    Event::Trade(size) => kernel.trade(trade(now, size)),
                }
            }
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            kernel = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
            if read {
                match (kernel.value(now), naive(&events, interval, length as i64, 3, now)) {
                    (value, None) => prop_assert_eq!(value, Err(Undefined::WarmingUp)),
                    (Ok(slope), Some((covariance, variance))) => {
                        let expected = covariance / variance;
                        prop_assert!((slope - expected).abs() < 1e-9 * (1.0 + expected.abs()));
                    }
                    (value, Some((_, variance))) => {
                        prop_assert_eq!(value, Err(Undefined::Degenerate));
                        prop_assert!(variance < 1e-9);
                    }
                }
            }
        }
        kernel.value(now).ok();
        unread.value(now).ok();
        prop_assert_eq!(kernel, unread);
    }
}
