#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::{Ladder, Quote, SortedLadder};
use crate::event::Level;
use proptest::prelude::*;

type Sides = (Vec<(i64, i64)>, Vec<(i64, i64)>);

fn ladder((bids, asks): &Sides) -> SortedLadder {
    let mut ladder = SortedLadder::default();
    for (price, size) in bids {
        ladder.set(Side::Buy, *price, *size);
    }
    for (price, size) in asks {
        ladder.set(Side::Sell, *price, *size);
    }
    ladder
}

fn top(sides: &Sides, levels: usize) -> TopLevels {
    TopLevels::of(&ladder(sides), levels)
}

#[test]
fn level_one_gives_the_order_flow_reference() {
    let quotes = [
        (100, 10, 101, 12),
        (100, 14, 101, 12),
        (100, 14, 101, 7),
        (101, 5, 102, 9),
        (100, 20, 102, 9),
        (100, 20, 101, 3),
    ];
    let mut kernel = MultiLevelFlow::new(2);
    let mut steps = Vec::new();
    for (bid, bid_size, ask, ask_size) in quotes {
        // A second level that never changes relative to the first.
        let sides = (
            vec![(bid, bid_size), (bid - 1, 50)],
            vec![(ask, ask_size), (ask + 1, 50)],
        );
        kernel.update(&top(&sides, 2));
        steps.push(kernel.take().flows()[0]);
    }
    assert_eq!(
        steps,
        [
            Err(Undefined::WarmingUp),
            Ok(4),
            Ok(5),
            Ok(12),
            Ok(-5),
            Ok(-3)
        ]
    );
}

#[test]
fn depth_is_averaged_over_levels_and_books() {
    let mut kernel = MultiLevelFlow::new(2);
    kernel.update(&top(
        &(vec![(100, 10), (99, 20)], vec![(101, 30), (102, 40)]),
        2,
    ));
    kernel.update(&top(
        &(vec![(100, 14), (99, 20)], vec![(101, 30), (102, 36)]),
        2,
    ));
    kernel.update(&top(
        &(vec![(100, 14), (99, 60)], vec![(101, 30), (102, 36)]),
        2,
    ));
    let reading = kernel.take();
    assert_eq!(reading.flows(), [Ok(4), Ok(44)]);
    let depth = (100.0 + 100.0 + 140.0) / 3.0 / 4.0;
    assert!((reading.average_depth().unwrap() - depth).abs() < 1e-12);
    let scaled = reading.scaled().unwrap();
    assert!((scaled[0] - 4.0 / depth).abs() < 1e-12);
    assert!((scaled[1] - 44.0 / depth).abs() < 1e-12);
    assert_eq!(scaled[2..], [0.0; 8]);
    // Nothing changed since: no flow, and the depth that stands.
    let quiet = kernel.take();
    assert_eq!(quiet.flows(), [Ok(0), Ok(0)]);
    assert_eq!(quiet.average_depth(), Some(35.0));
}

#[test]
fn a_missing_level_interrupts_itself_alone() {
    let mut kernel = MultiLevelFlow::new(2);
    assert_eq!(kernel.take().flows(), [Err(Undefined::NoTouch); 2]);
    let two = (vec![(100, 10), (99, 20)], vec![(101, 10), (102, 20)]);
    kernel.update(&top(&two, 2));
    kernel.update(&top(&(vec![(100, 13), (99, 20)], vec![(101, 10)]), 2));
    let reading = kernel.take();
    assert_eq!(reading.flows(), [Ok(3), Err(Undefined::NoTouch)]);
    assert_eq!(reading.scaled(), Err(Undefined::NoTouch));
    kernel.update(&top(&two, 2));
    assert_eq!(kernel.take().flows(), [Ok(-3), Err(Undefined::WarmingUp)]);
    kernel.update(&top(&two, 2));
    assert_eq!(kernel.take().flows(), [Ok(0), Ok(0)]);
    kernel.interrupt();
    assert_eq!(kernel.take().flows(), [Err(Undefined::NoTouch); 2]);
    kernel.update(&top(&two, 2));
    assert_eq!(kernel.take().flows(), [Err(Undefined::WarmingUp); 2]);
}

/// Levels of a side as the definition has them: the book sorted, best first.
fn sorted(sides: &Sides, index: usize) -> Option<((i64, i64), (i64, i64))> {
    let book = ladder(sides);
    let at = |side| {
        book.levels(side)
            .get(index)
            .map(|l: &Level| (l.price, l.size))
    };
    Some((at(Side::Buy)?, at(Side::Sell)?))
}

fn naive_step(before: ((i64, i64), (i64, i64)), after: ((i64, i64), (i64, i64))) -> i64 {
    let (((pb0, qb0), (pa0, qa0)), ((pb, qb), (pa, qa))) = (before, after);
    let bid = match pb.cmp(&pb0) {
        std::cmp::Ordering::Greater => qb,
        std::cmp::Ordering::Equal => qb - qb0,
        std::cmp::Ordering::Less => -qb0,
    };
    let ask = match pa.cmp(&pa0) {
        std::cmp::Ordering::Less => qa,
        std::cmp::Ordering::Equal => qa - qa0,
        std::cmp::Ordering::Greater => -qa0,
    };
    bid - ask
}

fn books() -> impl Strategy<Value = Vec<Sides>> {
    let side = |low: i64| proptest::collection::vec((low..low + 6, 1i64..20), 0..6);
    proptest::collection::vec((side(94), side(101)), 1..30)
}

proptest! {
    #[test]
    fn sums_equal_a_plain_walk(books in books(), every in 1usize..6, levels in 1usize..6) {
        let mut kernel = MultiLevelFlow::new(levels);
        let mut level_one = OrderFlowImbalance::default();
        // (sum, books since it began) of each level.
        let mut sums: Vec<Option<(i64, usize)>> = vec![None; levels];
        for (number, book) in books.iter().enumerate() {
            let levels_now = top(book, levels);
            kernel.update(&levels_now);
            match levels_now.pair(0) {
                Some(quote) => level_one.update(quote),
                None => level_one.interrupt(),
            }
            for (index, sum) in sums.iter_mut().enumerate() {
                let after = sorted(book, index);
                let before = number.checked_sub(1).and_then(|n| sorted(&books[n], index));
                *sum = match (before, after, *sum) {
                    (_, None, _) => None,
                    (Some(before), Some(after), Some((sum, seen))) => {
                        Some((sum + naive_step(before, after), seen + 1))
                    }
                    (_, Some(_), _) => Some((0, 1)),
                };
            }
            if number % every == 0 {
                let reading = kernel.take();
                let first = level_one.take();
                prop_assert_eq!(reading.flows()[0].ok(), first);
                for (flow, sum) in reading.flows().iter().zip(&mut sums) {
                    let expected = match *sum {
                        None => Err(Undefined::NoTouch),
                        Some((_, 1)) => Err(Undefined::WarmingUp),
                        Some((total, _)) => Ok(total),
                    };
                    prop_assert_eq!(*flow, expected);
                    if let Some((total, _)) = sum {
                        *total = 0;
                    }
                }
            }
        }
    }

    #[test]
    fn state_survives_as_bytes(books in books(), cut in 0usize..30) {
        let mut kernel = MultiLevelFlow::new(3);
        let cut = cut.min(books.len());
        books[..cut].iter().for_each(|book| kernel.update(&top(book, 3)));
        let bytes = postcard::to_allocvec(&kernel).unwrap();
        let mut copy: MultiLevelFlow = postcard::from_bytes(&bytes).unwrap();
        for book in &books[cut..] {
            kernel.update(&top(book, 3));
            copy.update(&top(book, 3));
        }
        prop_assert_eq!(&copy, &kernel);
        prop_assert_eq!(copy.take(), kernel.take());
    }
}

#[test]
fn a_ticker_overlay_changes_level_one_only_by_its_own_flow() {
    let sides = (vec![(100, 10), (99, 20)], vec![(101, 10), (102, 20)]);
    let book = ladder(&sides);
    let touch = Quote {
        bid: Level {
            price: 100,
            size: 15,
        },
        ask: Level {
            price: 101,
            size: 10,
        },
    };
    let mut kernel = MultiLevelFlow::new(2);
    kernel.update(&TopLevels::of(&book, 2));
    kernel.update(&TopLevels::behind(&book, 2, touch));
    assert_eq!(kernel.take().flows(), [Ok(5), Ok(0)]);
}
