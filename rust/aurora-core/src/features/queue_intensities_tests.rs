#![allow(clippy::unwrap_used)]

use super::*;
use crate::features::{LevelChange, TradeAttribution};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn flow(side: Side, price: i64, before: i64, after: i64) -> LevelFlow {
    TradeAttribution::new(SECOND).split(
        0,
        LevelChange {
            side,
            price,
            before,
            after,
        },
    )
}

/// What a size that just came counts when one half-life of a second has been watched.
fn per_second(size: f64) -> f64 {
    size * 2.0 * 2f64.ln()
}

fn close(value: Result<f64, Undefined>, size: f64) -> bool {
    (value.unwrap() - per_second(size)).abs() < 1e-9
}

#[test]
fn a_change_of_best_price_is_no_flow_of_the_old_queue() {
    let mut kernel = QueueIntensities::new(SECOND);
    kernel.start(0);
    // Best bid 100 with 50; 101 appears with 5, goes again, then 100 shrinks to 40.
    kernel.update(SECOND, &flow(Side::Buy, 101, 0, 5), Some(100));
    assert!(close(kernel.arrival_rate(Side::Buy, SECOND), 5.0));
    assert!(close(kernel.cancel_rate(Side::Buy, SECOND), 0.0));
    kernel.update(SECOND, &flow(Side::Buy, 100, 50, 40), Some(101));
    assert!(close(kernel.cancel_rate(Side::Buy, SECOND), 0.0));
    kernel.update(SECOND, &flow(Side::Buy, 101, 5, 0), Some(101));
    assert!(close(kernel.cancel_rate(Side::Buy, SECOND), 5.0));
    kernel.update(SECOND, &flow(Side::Buy, 100, 50, 40), Some(100));
    assert!(close(kernel.cancel_rate(Side::Buy, SECOND), 15.0));
    assert!(close(kernel.arrival_rate(Side::Buy, SECOND), 5.0));
    assert!(close(kernel.arrival_rate(Side::Sell, SECOND), 0.0));
}

#[test]
fn takes_come_from_trades_at_the_best_price() {
    let mut kernel = QueueIntensities::new(SECOND);
    kernel.trade(0, Side::Sell, 101, 9, Some(101)); // before the start
    kernel.start(0);
    assert_eq!(
        kernel.take_rate(Side::Sell, SECOND - 1),
        Err(Undefined::WarmingUp)
    );
    kernel.trade(SECOND, Side::Sell, 101, 3, Some(101));
    kernel.trade(SECOND, Side::Sell, 102, 100, Some(101));
    kernel.trade(SECOND, Side::Sell, 100, 2, Some(101));
    kernel.trade(SECOND, Side::Sell, 500, 1, None);
    assert!(close(kernel.take_rate(Side::Sell, SECOND), 6.0));
    assert!(close(kernel.take_rate(Side::Buy, SECOND), 0.0));
    kernel.interrupt();
    assert_eq!(
        kernel.take_rate(Side::Sell, SECOND),
        Err(Undefined::NoTouch)
    );
}

proptest! {
    #[test]
    fn rates_equal_plain_sums(
        events in proptest::collection::vec(
            (0i64..4_000, any::<bool>(), any::<bool>(), 96i64..105, 0i64..20, 0i64..20),
            0..60,
        ),
    ) {
        let half_life = 1_000_000_000;
        let mut kernel = QueueIntensities::new(half_life);
        kernel.start(0);
        let mut events = events;
        events.sort_by_key(|event| event.0);
        let now = 5_000 * 1_000_000;
        let mut sums = [[0.0; 3]; 2];
        for (ms, is_trade, is_bid, price, first, second) in &events {
            let at = ms * 1_000_000;
            let (side, best) = if *is_bid { (Side::Buy, 100) } else { (Side::Sell, 101) };
            let counts = if *is_bid { *price >= 100 } else { *price <= 101 };
            let weight = 0.5f64.powf((now - at) as f64 / half_life as f64);
            let sums = &mut sums[usize::from(*is_bid)];
            if *is_trade {
                kernel.trade(at, side, *price, *first, Some(best));
                if counts {
                    sums[2] += weight * *first as f64;
                }
            } else {
                kernel.update(at, &flow(side, *price, *first, *second), Some(best));
                if counts {
                    sums[0] += weight * (second - first).max(0) as f64;
                    sums[1] += weight * (first - second).max(0) as f64;
                }
            }
        }
        let bytes = postcard::to_allocvec(&kernel).unwrap();
        let copy: QueueIntensities = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&copy, &kernel);
        let seconds = 1.0 / 2f64.ln() * (1.0 - 0.5f64.powi(5));
        for (side, sums) in [(Side::Sell, sums[0]), (Side::Buy, sums[1])] {
            let rates = [
                copy.arrival_rate(side, now).unwrap(),
                copy.cancel_rate(side, now).unwrap(),
                copy.take_rate(side, now).unwrap(),
            ];
            for (rate, sum) in rates.into_iter().zip(sums) {
                prop_assert!((rate - sum / seconds).abs() < 1e-9);
            }
        }
    }
}
