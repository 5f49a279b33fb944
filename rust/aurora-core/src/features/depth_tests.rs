#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::{SortedLadder, WindowLadder};
use crate::event::Level;
use proptest::prelude::*;

fn ladder(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> SortedLadder {
    let mut ladder = SortedLadder::default();
    for (price, size) in bids {
        ladder.set(Side::Buy, *price, *size);
    }
    for (price, size) in asks {
        ladder.set(Side::Sell, *price, *size);
    }
    ladder
}

fn touch(bid: i64, ask: i64) -> Quote {
    Quote {
        bid: Level {
            price: bid,
            size: 1,
        },
        ask: Level {
            price: ask,
            size: 1,
        },
    }
}

#[test]
fn reference_numbers_by_index() {
    let (bids, asks) = ([10, 20, 30], [5, 25, 10]);
    let harmonic = index_weighted_imbalance(&bids, &asks, |k| 1.0 / k as f64).unwrap();
    assert!((harmonic - 0.180_327_868_9).abs() < 1e-10);
    assert!((harmonic - 11.0 / 61.0).abs() < 1e-12);
    let flat = index_weighted_imbalance(&bids, &asks, |_| 1.0).unwrap();
    assert!((flat - 0.2).abs() < 1e-12);
    assert_eq!(
        index_weighted_imbalance(&[], &[], |_| 1.0),
        Err(Undefined::Degenerate)
    );
}

#[test]
fn distance_sees_holes_that_the_index_does_not() {
    let dense = ladder(
        &[(100, 10), (99, 20), (98, 30)],
        &[(101, 5), (102, 25), (103, 10)],
    );
    let value = distance_weighted_imbalance(&dense, 3, 1, 0.5).unwrap();
    let by_index = index_weighted_imbalance(&[10, 20, 30], &[5, 25, 10], |k| {
        (-0.5 * (k as f64 - 1.0)).exp()
    });
    assert!((value - by_index.unwrap()).abs() < 1e-12);
    let plain = distance_weighted_imbalance(&dense, 3, 1, 0.0).unwrap();
    assert!((plain - 0.2).abs() < 1e-12);

    let holed = ladder(&[(100, 10), (90, 20)], &[(101, 10), (102, 20)]);
    let (near, far) = ((-0.5f64).exp() * 20.0, (-5.0f64).exp() * 20.0);
    let expected = (far - near) / (20.0 + far + near);
    let value = distance_weighted_imbalance(&holed, 5, 1, 0.5).unwrap();
    assert!((value - expected).abs() < 1e-12);
}

#[test]
fn levels_beyond_the_band_on_the_other_side_are_outside() {
    // A ticker at 10_000 | 10_002 is ahead of the ladder: mid 10_001, 5 bps are 5.0005 either way.
    let old = ladder(
        &[
            (10_007, 1),
            (10_006, 2),
            (10_000, 4),
            (9_996, 8),
            (9_995, 16),
        ],
        &[
            (9_994, 1),
            (9_995, 2),
            (9_996, 4),
            (10_006, 8),
            (10_007, 16),
        ],
    );
    let depths = DepthBands::new(&[5])
        .unwrap()
        .measure(&old, touch(10_000, 10_002))
        .unwrap();
    assert_eq!(depths.bid(), [2 + 4 + 8]);
    assert_eq!(depths.ask(), [4 + 8]);
}

#[test]
fn an_empty_side_has_no_imbalance() {
    let one_sided = ladder(&[(100, 10)], &[]);
    assert_eq!(
        distance_weighted_imbalance(&one_sided, 3, 1, 0.5),
        Err(Undefined::NoTouch)
    );
    let both = ladder(&[(100, 10)], &[(101, 10)]);
    for (levels, decay) in [(0, 0.5), (1, f64::NAN)] {
        assert_eq!(
            distance_weighted_imbalance(&both, levels, 1, decay),
            Err(Undefined::Degenerate)
        );
    }
}

#[test]
fn band_edges_are_inside() {
    // Mid 100 000 exactly: 5 bps are 50 quanta, 10 bps 100.
    let book = ladder(
        &[(99_999, 1), (99_950, 2), (99_949, 4), (99_900, 8)],
        &[(100_001, 16), (100_050, 32), (100_051, 64), (100_101, 128)],
    );
    let bands = DepthBands::new(&[5, 10, 25]).unwrap();
    let depths = bands.measure(&book, touch(99_999, 100_001)).unwrap();
    assert_eq!(depths.bid(), [3, 15, 15]);
    assert_eq!(depths.ask(), [48, 112, 240]);
    assert!((depths.pressure(0).unwrap() - (3.0 - 48.0) / 51.0).abs() < 1e-12);
    assert_eq!(depths.pressure(3), Err(Undefined::NotFitted));
    assert_eq!(bands, DepthBands::default());
}

#[test]
fn a_band_within_the_spread_is_empty() {
    let book = ladder(&[(900, 7)], &[(1_100, 7)]);
    let depths = DepthBands::default()
        .measure(&book, touch(900, 1_100))
        .unwrap();
    assert_eq!((depths.bid(), depths.ask()), (&[0; 3][..], &[0; 3][..]));
    assert_eq!(depths.pressure(0), Err(Undefined::Degenerate));
    for bad in [touch(100, 100), touch(101, 100), touch(0, 5)] {
        assert_eq!(
            DepthBands::default().measure(&book, bad),
            Err(Undefined::NoTouch)
        );
    }
}

#[test]
fn widths_that_do_not_grow_are_refused() {
    assert_eq!(
        DepthBands::new(&[]),
        Err(DepthBandsError::Count { count: 0 })
    );
    assert_eq!(
        DepthBands::new(&[1; 9]),
        Err(DepthBandsError::Count { count: 9 })
    );
    assert_eq!(
        DepthBands::new(&[0]),
        Err(DepthBandsError::Order {
            previous: 0,
            width: 0
        })
    );
    assert_eq!(
        DepthBands::new(&[5, 5]),
        Err(DepthBandsError::Order {
            previous: 5,
            width: 5
        })
    );
    let bands = DepthBands::new(&[1, 20_000]).unwrap();
    let bytes = postcard::to_allocvec(&bands).unwrap();
    assert_eq!(postcard::from_bytes::<DepthBands>(&bytes).unwrap(), bands);
}

proptest! {
    #[test]
    fn one_walk_gives_what_a_scan_of_every_level_gives(
        bids in proptest::collection::vec((1i64..5_000, 1i64..50), 1..40),
        asks in proptest::collection::vec((1i64..5_000, 1i64..50), 1..40),
        widths in proptest::collection::btree_set(1u32..12_000, 1..MAX_DEPTH_BANDS),
        decay in 0.0f64..2.0,
        levels in 1usize..12,
        tick in 1i64..4,
    ) {
        let centre = 5_000;
        let bids: Vec<_> = bids.iter().map(|(d, size)| (centre - d, *size)).collect();
        let asks: Vec<_> = asks.iter().map(|(d, size)| (centre + d, *size)).collect();
        let book = ladder(&bids, &asks);
        let mut fast = WindowLadder::new(tick);
        for side in [Side::Buy, Side::Sell] {
            for level in book.levels(side) {
                fast.set(side, level.price, level.size);
            }
        }
        let (best_bid, best_ask) = (
            book.best(Side::Buy).unwrap().price,
            book.best(Side::Sell).unwrap().price,
        );
        let widths: Vec<u32> = widths.into_iter().collect();
        let bands = DepthBands::new(&widths).unwrap();
        let depths = bands.measure(&fast, touch(best_bid, best_ask)).unwrap();
        let twice_mid = i128::from(best_bid + best_ask);
        for (index, width) in widths.iter().enumerate() {
            let sum = |side| -> i64 {
                book.levels(side)
                    .iter()
                    .filter(|level| {
                        (2 * i128::from(level.price) - twice_mid).abs() * 10_000
                            <= twice_mid * i128::from(*width)
                    })
                    .map(|level| level.size)
                    .sum()
            };
            prop_assert_eq!(depths.bid()[index], sum(Side::Buy));
            prop_assert_eq!(depths.ask()[index], sum(Side::Sell));
        }

        let weighted = |side, best: i64| -> f64 {
            book.levels(side)
                .iter()
                .take(levels)
                .map(|level| {
                    let distance = (level.price - best).abs() as f64 / tick as f64;
                    level.size as f64 * (-decay * distance).exp()
                })
                .sum()
        };
        let (bid, ask) = (weighted(Side::Buy, best_bid), weighted(Side::Sell, best_ask));
        let value = distance_weighted_imbalance(&fast, levels, tick, decay).unwrap();
        prop_assert!((value - (bid - ask) / (bid + ask)).abs() < 1e-12);
    }
}
