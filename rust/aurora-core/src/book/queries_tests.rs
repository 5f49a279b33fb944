#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::book::{SortedLadder, WindowLadder};
use proptest::prelude::*;

fn level(price: i64, size: i64) -> Level {
    Level { price, size }
}

/// Bids 100×10, 99×20, 97×30; asks 101×5, 103×25, 104×10.
fn by_hand(ladder: &mut impl Ladder) {
    for (price, size) in [(100, 10), (99, 20), (97, 30)] {
        ladder.set(Side::Buy, price, size);
    }
    for (price, size) in [(101, 5), (103, 25), (104, 10)] {
        ladder.set(Side::Sell, price, size);
    }
}

fn answers_by_hand(ladder: &impl Ladder) {
    assert_eq!(level_at(ladder, Side::Buy, 99), Some(level(99, 20)));
    assert_eq!(level_at(ladder, Side::Buy, 98), None);
    assert_eq!(level_at(ladder, Side::Sell, 99), None);

    let mut two = [level(0, 0); 2];
    assert_eq!(top_into(ladder, Side::Sell, &mut two), 2);
    assert_eq!(two, [level(101, 5), level(103, 25)]);
    let mut five = [level(-1, -1); 5];
    assert_eq!(top_into(ladder, Side::Buy, &mut five), 3);
    assert_eq!(five[2..4], [level(97, 30), level(-1, -1)]);
    assert_eq!(top_into(ladder, Side::Buy, &mut []), 0);

    let cost = cost_to_fill(ladder, Side::Buy, 20);
    assert_eq!(
        cost,
        FillCost {
            filled: 20,
            remaining: 0,
            notional: 5 * 101 + 15 * 103,
            worst_price: Some(103),
            levels: 2
        }
    );
    assert_eq!(cost.average_price(), Some(102.5));
    let thin = cost_to_fill(ladder, Side::Sell, 61);
    assert_eq!(
        (thin.filled, thin.remaining, thin.worst_price),
        (60, 1, Some(97))
    );
    assert!(!thin.is_complete() && cost.is_complete());
    assert_eq!(cost_to_fill(ladder, Side::Sell, 60).remaining, 0);
    assert_eq!(cost_to_fill(ladder, Side::Buy, 0), FillCost::default());
    assert_eq!(cost_to_fill(ladder, Side::Buy, -3), FillCost::default());
    assert_eq!(FillCost::default().average_price(), None);

    // Mid 100.5. 99 is 149.2537313... basis points below it; 103 is 248.756218905... above.
    let within = |side, bps| depth_within(ladder, side, bps).unwrap().size;
    assert_eq!(within(Side::Buy, 0.0), 0);
    assert_eq!(within(Side::Buy, 50.0), 10);
    assert_eq!(within(Side::Buy, 149.253_731), 10);
    assert_eq!(within(Side::Buy, 149.253_732), 30);
    assert_eq!(within(Side::Sell, 248.756_219), 30);
    assert_eq!(within(Side::Sell, 248.756_218), 5);
    assert_eq!(
        depth_within(ladder, Side::Buy, 1e6).unwrap().notional,
        1000 + 1980 + 2910
    );
    for bps in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(depth_within(ladder, Side::Buy, bps), None);
    }
    assert_eq!(depth_to_price(ladder, Side::Sell, 103).levels, 2);
    assert_eq!(depth_to_price(ladder, Side::Buy, 98).size, 30);
}

#[test]
fn a_book_by_hand() {
    let mut sorted = SortedLadder::default();
    by_hand(&mut sorted);
    answers_by_hand(&sorted);
    let mut window = WindowLadder::new(1);
    by_hand(&mut window);
    answers_by_hand(&window);
    // A one-sided book has no mid, but a side to take.
    window.set(Side::Buy, 100, 0);
    for price in [99, 97] {
        window.set(Side::Buy, price, 0);
    }
    assert_eq!(depth_within(&window, Side::Sell, 10.0), None);
    assert_eq!(cost_to_fill(&window, Side::Sell, 1).remaining, 1);
    assert_eq!(cost_to_fill(&window, Side::Sell, 1).worst_price, None);
}

#[test]
fn the_boundary_belongs_to_the_depth_and_sums_do_not_overflow() {
    let mut book = WindowLadder::new(1);
    book.set(Side::Buy, 9_999, i64::MAX);
    book.set(Side::Buy, 9_990, i64::MAX);
    book.set(Side::Sell, 10_001, 1);
    // Mid 10,000: 9,999 is exactly one basis point below, 9,990 ten.
    assert_eq!(depth_within(&book, Side::Buy, 1.0).unwrap().levels, 1);
    let both = depth_within(&book, Side::Buy, 10.0).unwrap();
    assert_eq!(both.size, 2 * i128::from(i64::MAX));
    assert_eq!(depth_within(&book, Side::Buy, 9.999_999).unwrap().levels, 1);
    let cost = cost_to_fill(&book, Side::Sell, i64::MAX);
    assert_eq!(cost.notional, 9_999 * i128::from(i64::MAX));
}

fn updates() -> impl Strategy<Value = Vec<(bool, i64, i64)>> {
    let offset = prop_oneof![4 => -30i64..30, 1 => -9_000i64..9_000];
    prop::collection::vec((any::<bool>(), offset, 0i64..50), 0..150)
}

proptest! {
    /// Everything from plain sorted maps: levels as a list, sums by hand, distances as fractions.
    #[test]
    fn both_ladders_equal_sorted_maps(
        rows in updates(), wanted in 0i64..2_000, bps in 0u32..3_000, n in 0usize..25,
        price in -40i64..40,
    ) {
        let mut window = WindowLadder::new(5);
        let mut sorted = SortedLadder::default();
        let mut maps = [BTreeMap::new(), BTreeMap::new()];
        for (bid, offset, size) in rows {
            let price = 100_000 + 5 * offset + i64::from(offset % 7 == 0);
            let side = if bid { Side::Buy } else { Side::Sell };
            window.set(side, price, size);
            sorted.set(side, price, size);
            maps[usize::from(bid)].insert(price, size);
        }
        let levels = |side: Side| -> Vec<(i64, i64)> {
            let map = &maps[usize::from(side == Side::Buy)];
            let mut rows: Vec<_> = map.iter().filter(|(_, s)| **s > 0).map(|(p, s)| (*p, *s)).collect();
            if side == Side::Buy {
                rows.reverse();
            }
            rows
        };
        for side in [Side::Buy, Side::Sell] {
            let (own, other) = (levels(side), levels(side.opposite()));
            // A size of units one by one.
            let units: Vec<i64> = other.iter()
                .flat_map(|(price, size)| std::iter::repeat_n(*price, *size as usize)).collect();
            let taken = &units[..units.len().min(wanted as usize)];
            let cost = FillCost {
                filled: taken.len() as i64,
                remaining: wanted - taken.len() as i64,
                notional: taken.iter().map(|p| i128::from(*p)).sum(),
                worst_price: taken.last().copied(),
                levels: taken.chunk_by(|a, b| a == b).count(),
            };
            let mid = own.first().zip(other.first()).map(|(a, b)| (a.0 + b.0) as f64 / 2.0);
            // Odd thousandths, so that no float distance is near the bound.
            let bound = f64::from(bps) + 0.123;
            let depth = mid.map(|mid| {
                let inside: Vec<_> = own.iter()
                    .take_while(|(p, _)| {
                        let out = if side == Side::Buy { mid - *p as f64 } else { *p as f64 - mid };
                        out / mid * 1e4 <= bound
                    })
                    .collect();
                Depth {
                    size: inside.iter().map(|(_, s)| i128::from(*s)).sum(),
                    notional: inside.iter().map(|(p, s)| i128::from(*p) * i128::from(*s)).sum(),
                    levels: inside.len(),
                }
            });
            let at = 100_000 + 5 * price;
            let there = own.iter().find(|(p, _)| *p == at).map(|(p, s)| level(*p, *s));
            let limit = own.iter().filter(|(p, _)| if side == Side::Buy { *p >= at } else { *p <= at });
            let best: Vec<Level> = own.iter().take(n).map(|(p, s)| level(*p, *s)).collect();
            for ladder in [&window as &dyn Ladder, &sorted] {
                prop_assert_eq!(cost_to_fill(ladder, side, wanted), cost);
                prop_assert_eq!(depth_within(ladder, side, bound), depth);
                prop_assert_eq!(level_at(ladder, side, at), there);
                prop_assert_eq!(depth_to_price(ladder, side, at).levels, limit.clone().count());
                let mut buffer = vec![level(0, 0); n];
                let count = top_into(ladder, side, &mut buffer);
                prop_assert_eq!(&buffer[..count], &best[..]);
            }
        }
    }
}
