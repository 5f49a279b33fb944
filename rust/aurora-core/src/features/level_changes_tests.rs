#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn change(side: Side, price: i64, before: i64, after: i64) -> LevelChange {
    LevelChange {
        side,
        price,
        before,
        after,
    }
}

fn parts(flow: LevelFlow) -> (i64, i64, i64) {
    (flow.added, flow.taken, flow.cancelled)
}

#[test]
fn trades_explain_decreases_at_their_price_and_side() {
    let mut kernel = TradeAttribution::new(100);
    kernel.trade(0, Side::Buy, 50, 5);
    assert_eq!(
        parts(kernel.split(1, change(Side::Buy, 51, 9, 4))),
        (0, 0, 5)
    );
    assert_eq!(
        parts(kernel.split(1, change(Side::Sell, 50, 9, 4))),
        (0, 0, 5)
    );
    assert_eq!(
        parts(kernel.split(1, change(Side::Buy, 50, 100, 130))),
        (30, 0, 0)
    );
    assert_eq!(
        parts(kernel.split(2, change(Side::Buy, 50, 130, 127))),
        (0, 3, 0)
    );
    assert_eq!(
        parts(kernel.split(3, change(Side::Buy, 50, 127, 107))),
        (0, 2, 18)
    );
    assert_eq!(
        parts(kernel.split(4, change(Side::Buy, 50, 107, 0))),
        (0, 0, 107)
    );
    assert_eq!(
        parts(kernel.split(4, change(Side::Buy, 50, 0, 0))),
        (0, 0, 0)
    );
}

#[test]
fn trades_wait_up_to_the_horizon_after_the_last_at_their_price() {
    let mut kernel = TradeAttribution::new(100);
    kernel.trade(0, Side::Buy, 50, 5);
    kernel.trade(0, Side::Buy, 49, 5);
    kernel.trade(60, Side::Buy, 50, 1);
    assert_eq!(
        parts(kernel.split(101, change(Side::Buy, 49, 5, 0))),
        (0, 0, 5)
    );
    assert_eq!(
        parts(kernel.split(160, change(Side::Buy, 50, 9, 5))),
        (0, 4, 0)
    );
    assert_eq!(
        parts(kernel.split(161, change(Side::Buy, 50, 5, 4))),
        (0, 0, 1)
    );
    kernel.trade(161, Side::Buy, 50, 5);
    kernel.interrupt();
    assert_eq!(
        parts(kernel.split(162, change(Side::Buy, 50, 4, 3))),
        (0, 0, 1)
    );
}

#[test]
fn the_oldest_price_makes_room() {
    let mut kernel = TradeAttribution::new(i64::MAX);
    for price in 0..=MAX_TRADED_PRICES as i64 {
        kernel.trade(price, Side::Sell, price, 1);
    }
    assert_eq!(kernel.traded.len(), MAX_TRADED_PRICES);
    assert_eq!(
        parts(kernel.split(99, change(Side::Sell, 0, 1, 0))),
        (0, 0, 1)
    );
    assert_eq!(
        parts(kernel.split(99, change(Side::Sell, 1, 1, 0))),
        (0, 1, 0)
    );
}

proptest! {
    /// Against a list of single trades that is searched in full.
    #[test]
    fn attribution_equals_a_plain_list(
        events in proptest::collection::vec(
            (0i64..40, any::<bool>(), any::<bool>(), 0i64..6, 0i64..20, 0i64..20),
            1..120,
        ),
    ) {
        let horizon = 100;
        let mut kernel = TradeAttribution::new(horizon);
        let mut open: Vec<(Side, i64, i64, i64)> = Vec::new(); // side, price, time, size left
        let mut now = 0;
        for (wait, is_trade, is_bid, price, first, second) in events {
            now += wait;
            let side = if is_bid { Side::Buy } else { Side::Sell };
            // A trade is open while the last one at its price is within the horizon of each moment since.
            let last: Vec<(Side, i64, i64)> = open.iter().map(|t| (t.0, t.1, t.2)).collect();
            open.retain(|t| {
                last.iter().any(|l| l.0 == t.0 && l.1 == t.1 && now - l.2 <= horizon)
            });
            if is_trade {
                kernel.trade(now, side, price, first);
                open.push((side, price, now, first));
            } else {
                let flow = kernel.split(now, change(side, price, first, second));
                prop_assert_eq!(first + flow.added - flow.taken - flow.cancelled, second);
                let waiting: i64 = open
                    .iter()
                    .filter(|t| t.0 == side && t.1 == price)
                    .map(|t| t.3)
                    .sum();
                let decrease = (first - second).max(0);
                prop_assert_eq!(flow.taken, waiting.min(decrease));
                prop_assert_eq!(flow.added, (second - first).max(0));
                let mut left = flow.taken;
                for trade in open.iter_mut().filter(|t| t.0 == side && t.1 == price) {
                    let used = trade.3.min(left);
                    trade.3 -= used;
                    left -= used;
                }
                if decrease > 0 && flow.taken == waiting {
                    open.retain(|t| t.0 != side || t.1 != price);
                }
            }
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            kernel = postcard::from_bytes(&bytes).unwrap();
        }
    }
}
