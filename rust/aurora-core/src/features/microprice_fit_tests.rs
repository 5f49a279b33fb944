#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Level;
use crate::features::Undefined;
use proptest::prelude::*;

fn touch((bid, bid_size, ask, ask_size): (i64, i64, i64, i64)) -> Quote {
    Quote {
        bid: Level {
            price: bid,
            size: bid_size,
        },
        ask: Level {
            price: ask,
            size: ask_size,
        },
    }
}

/// Touches of a book whose mid tends to follow its imbalance, from any stream of random bytes.
fn walk(steps: &[u8], tick: i64) -> Vec<Quote> {
    let mut bid = 1_000 * tick;
    let mut quotes = Vec::new();
    for pair in steps.windows(2) {
        let (bid_size, ask_size) = (i64::from(pair[0] % 8) + 1, i64::from(pair[0] / 32) + 1);
        let spread = 1 + i64::from(pair[1] % 7 == 0);
        quotes.push(touch((bid, bid_size, bid + spread * tick, ask_size)));
        if pair[1] % 3 == 0 {
            bid += tick * (bid_size - ask_size).signum();
        } else if pair[1] % 11 == 0 {
            bid += tick * (i64::from(pair[1] % 5) - 2);
        }
    }
    quotes
}

#[test]
fn reference_chain_of_two_states() {
    let adjustments = stoikov_adjustments(
        &[0.6, 0.2, 0.2, 0.6],
        &[0.05, 0.15, 0.15, 0.05],
        &[0.05 * 0.5 - 0.15 * 0.5, 0.15 * 0.5 - 0.05 * 0.5],
    )
    .unwrap();
    assert!((adjustments[0] + 1.0 / 14.0).abs() < 1e-12);
    assert!((adjustments[1] - 1.0 / 14.0).abs() < 1e-12);
    assert!((adjustments[1] - 0.071_428_6).abs() < 1e-7);
    // Without memory of the mid's moves, the first term is all there is.
    let first = stoikov_adjustments(&[0.6, 0.2, 0.2, 0.6], &[0.0; 4], &[-0.05, 0.05]).unwrap();
    assert!((first[1] - 0.083_333_333_333_333_3).abs() < 1e-12);
}

#[test]
fn chains_without_a_finite_adjustment_are_refused() {
    assert_eq!(
        stoikov_adjustments(&[1.0, 0.0, 0.0, 1.0], &[0.0; 4], &[0.0; 2]),
        Err(MicropriceFitError::MidNeverMoves)
    );
    // Each state always returns to itself with a move its own way: a trend for ever.
    let trend = stoikov_adjustments(&[0.0; 4], &[1.0, 0.0, 0.0, 1.0], &[-0.5, 0.5]);
    assert!(matches!(
        trend,
        Err(MicropriceFitError::NotConverged { last_term, .. }) if last_term == 0.5
    ));
}

#[test]
fn too_little_is_not_fitted() {
    let buckets = MicropriceBuckets::new(3, 1).unwrap();
    let mut fit = MicropriceFit::new(buckets, 1);
    assert!(matches!(
        fit.fit(1),
        Err(MicropriceFitError::TooFewData {
            transitions: 0,
            moves: 0,
            ..
        })
    ));
    for row in [(100, 9, 101, 1), (100, 1, 101, 9), (101, 1, 102, 9)] {
        fit.update(touch(row));
    }
    assert_eq!((fit.transitions(), fit.moves()), (2, 1));
    assert!(matches!(
        fit.fit(5),
        Err(MicropriceFitError::TooFewData {
            transitions: 2,
            moves: 1,
            minimum_visits: 5
        })
    ));
    assert!(fit.fit(2).is_ok());
}

#[test]
fn interruptions_and_unusable_touches_have_no_transition() {
    let buckets = MicropriceBuckets::new(3, 1).unwrap();
    let mut fit = MicropriceFit::new(buckets, 1);
    fit.update(touch((100, 9, 101, 1)));
    fit.interrupt();
    fit.update(touch((110, 9, 111, 1)));
    fit.update(touch((110, 9, 110, 1)));
    fit.update(touch((120, 9, 121, 1)));
    fit.update(touch((120, 0, 121, 0)));
    fit.update(touch((130, 9, 131, 1)));
    assert_eq!(fit.transitions(), 0);
}

#[test]
fn states_hardly_seen_stay_unfitted() {
    let mut fit = MicropriceFit::new(MicropriceBuckets::new(3, 4).unwrap(), 1);
    let steps: Vec<u8> = (0..4_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for quote in walk(&steps, 1) {
        fit.update(quote);
    }
    let table = fit.fit(20).unwrap();
    // Spreads of three ticks and more never occurred.
    assert_eq!(table.adjustment(1, 9, 4), Err(Undefined::NotFitted));
    assert!(table.adjustment(9, 1, 1).unwrap() > 0.0);
}

#[test]
fn the_tick_only_sets_the_unit() {
    let steps: Vec<u8> = (0..3_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect();
    let fit = |tick| {
        let mut fit = MicropriceFit::new(MicropriceBuckets::new(5, 2).unwrap(), tick);
        walk(&steps, tick)
            .into_iter()
            .for_each(|quote| fit.update(quote));
        fit.fit(1).unwrap()
    };
    for (one, five) in fit(1).adjustments().iter().zip(fit(5).adjustments()) {
        assert!((one.unwrap() - five.unwrap()).abs() < 1e-12);
    }
}

/// The definition spelled out: mirror all touches, count probabilities in maps, add expectation on expectation.
fn naive(quotes: &[Quote], imbalance: i64, spreads: i64) -> Option<Vec<f64>> {
    let n = (imbalance * spreads) as usize;
    let state = |q: &Quote| {
        let share = q.bid.size as f64 / (q.bid.size + q.ask.size) as f64;
        let scaled = share * imbalance as f64;
        let nearest = scaled.round();
        let bucket = if (scaled - nearest).abs() > 1e-9 {
            scaled.floor()
        } else if share > 0.5 {
            nearest - 1.0
        } else {
            nearest
        };
        let spread = (q.ask.price - q.bid.price).min(spreads) - 1;
        spread as usize * imbalance as usize + bucket as usize
    };
    let mirrored = |s: usize| {
        let row = s / imbalance as usize;
        row * imbalance as usize + imbalance as usize - 1 - s % imbalance as usize
    };
    let mut transitions = Vec::new();
    for pair in quotes.windows(2) {
        let ticks = (pair[1].bid.price + pair[1].ask.price - pair[0].bid.price - pair[0].ask.price)
            as f64
            / 2.0;
        let (from, to) = (state(&pair[0]), state(&pair[1]));
        transitions.push((from, to, ticks));
        transitions.push((mirrored(from), mirrored(to), -ticks));
    }
    // Value iteration on g = E[move until and with the first mid move] + g of where that move ends.
    let mut first = vec![0.0; n];
    let mut value = vec![0.0; n];
    let visits = |x| transitions.iter().filter(|t| t.0 == x).count() as f64;
    let mut chain = vec![vec![(0.0, 0.0, 0.0); n]; n];
    for (from, to, ticks) in &transitions {
        let cell = &mut chain[*from][*to];
        if *ticks == 0.0 {
            cell.0 += 1.0 / visits(*from);
        } else {
            cell.1 += 1.0 / visits(*from);
            cell.2 += ticks / visits(*from);
        }
    }
    // The solution of first = RK + Q·first by plain repetition, then of each further term.
    let absorb = |start: &[f64]| {
        let mut x = start.to_vec();
        for _ in 0..20_000 {
            x = (0..n)
                .map(|s| start[s] + (0..n).map(|y| chain[s][y].0 * x[y]).sum::<f64>())
                .collect();
        }
        x
    };
    let expected: Vec<f64> = (0..n).map(|x| chain[x].iter().map(|c| c.2).sum()).collect();
    first.copy_from_slice(&absorb(&expected));
    let mut term = first;
    for _ in 0..400 {
        for x in 0..n {
            value[x] += term[x];
        }
        let landed: Vec<f64> = (0..n)
            .map(|x| (0..n).map(|y| chain[x][y].1 * term[y]).sum())
            .collect();
        term = absorb(&landed);
        if term.iter().all(|t| t.abs() < 1e-14) {
            return Some(value);
        }
    }
    None
}

#[test]
fn the_fit_equals_the_definition_spelled_out() {
    let steps: Vec<u8> = (0..1_500u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 12) as u8)
        .collect();
    let quotes = walk(&steps, 1);
    let mut fit = MicropriceFit::new(MicropriceBuckets::new(5, 2).unwrap(), 1);
    quotes.iter().for_each(|quote| fit.update(*quote));
    let expected = naive(&quotes, 5, 2).unwrap();
    let table = fit.fit(1).unwrap();
    for (got, expected) in table.adjustments().iter().zip(expected) {
        assert!((got.unwrap() - expected).abs() < 1e-10);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 8, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn adjustments_are_antisymmetric(steps in proptest::collection::vec(any::<u8>(), 300..900)) {
        let quotes = walk(&steps, 1);
        let buckets = MicropriceBuckets::new(5, 2).unwrap();
        let mut fit = MicropriceFit::new(buckets, 1);
        let mut mirrored = MicropriceFit::new(buckets, 1);
        for q in &quotes {
            fit.update(*q);
            // Prices reflected about a level: bids become asks.
            mirrored.update(touch((
                2_000 - q.ask.price,
                q.ask.size,
                2_000 - q.bid.price,
                q.bid.size,
            )));
        }
        let fits = (fit.fit(1), mirrored.fit(1));
        prop_assume!(fits.0.is_ok() || fits.1.is_ok());
        let (table, other) = (fits.0.unwrap(), fits.1.unwrap());
        prop_assert_eq!(&table, &other);
        for bid in 0..12 {
            for ask in 0..12 {
                if bid + ask == 0 {
                    continue;
                }
                for spread in 1..4 {
                    match table.adjustment(bid, ask, spread) {
                        Ok(value) => {
                            prop_assert_eq!(table.adjustment(ask, bid, spread), Ok(-value));
                        }
                        Err(reason) => {
                            prop_assert_eq!(table.adjustment(ask, bid, spread), Err(reason));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn state_survives_as_bytes(steps in proptest::collection::vec(any::<u8>(), 50..200)) {
        let quotes = walk(&steps, 1);
        let mut fit = MicropriceFit::new(MicropriceBuckets::new(5, 2).unwrap(), 1);
        let (head, tail) = quotes.split_at(quotes.len() / 2);
        head.iter().for_each(|quote| fit.update(*quote));
        let bytes = postcard::to_allocvec(&fit).unwrap();
        let mut copy: MicropriceFit = postcard::from_bytes(&bytes).unwrap();
        for quote in tail {
            fit.update(*quote);
            copy.update(*quote);
        }
        prop_assert_eq!(&copy, &fit);
        prop_assert_eq!(copy.fit(1), fit.fit(1));
    }
}
