#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Level, MessageFields, FLAG_BUYER_IS_MAKER};
use crate::features::FEATURES;
use crate::instrument::{InstrumentId, Market};
use crate::units::Money;
use proptest::prelude::*;

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::BinanceUsdm,
            symbol: "TESTUSDT".into(),
        },
        price_exponent: 2,
        size_exponent: 3,
        tick: 1,
        lot: 1,
        min_notional: Money::ZERO,
    }
}

fn settings() -> FeatureSettings {
    FeatureSettings {
        sample_ns: 100,
        ..FeatureSettings::default()
    }
}

/// Every feature of the catalogue, with windows so short that they fill.
fn everything(sampling: Sampling) -> FeatureSettings {
    FeatureSettings {
        sampling,
        extra: FEATURES.iter().map(|info| info.feature).collect(),
        kernels: KernelSettings {
            rate_half_life_ns: 300,
            attribution_ns: 500,
            trade_window_ns: 640,
            vpin_bucket: Some(5),
            vpin_buckets: 3,
            kyle_interval_ns: 200,
            kyle_intervals: 8,
            kyle_minimum_intervals: 3,
            roll_trades: 4,
            spread_horizon_ns: 150,
            spread_half_life_ns: 1_000,
            volatility_step_ns: 50,
            volatility_samples: 20,
            volatility_minimum_samples: 2,
            two_scale_changes: 8,
            two_scale_subgrids: 2,
            two_scale_minimum_changes: 4,
            mid_half_life_ns: 400,
            ..KernelSettings::default()
        },
        ..settings()
    }
}

const SAMPLINGS: [Sampling; 3] = [Sampling::Grid, Sampling::Touch, Sampling::Trade];

fn push(
    block: &mut EventBlock,
    local_ns: i64,
    kind: MessageKind,
    ids: (u64, u64, u64),
    bids: &[(i64, i64)],
    asks: &[(i64, i64)],
) {
    let level = |(price, size): &(i64, i64)| Level {
        price: *price,
        size: *size,
    };
    let levels_start = block.levels.len() as u32;
    block.levels.extend(bids.iter().map(level));
    block.levels.extend(asks.iter().map(level));
    block.push(MessageFields {
        local_ns,
        exchange_ns: local_ns - 5,
        first_id: ids.0,
        last_id: ids.1,
        previous_id: ids.2,
        levels_start,
        bids: bids.len() as u32,
        asks: asks.len() as u32,
        kind,
        flags: 0,
    });
}

/// A synced book with diffs, tickers and trades at the given times.
fn script(times: &[i64]) -> EventBlock {
    let mut block = EventBlock::default();
    push(
        &mut block,
        0,
        MessageKind::Diff,
        (1, 5, 0),
        &[(100, 5)],
        &[],
    );
    push(
        &mut block,
        10,
        MessageKind::Snapshot,
        (0, 4, 0),
        &[(99, 7), (98, 3), (96, 2), (95, 1), (94, 6)],
        &[(102, 4), (103, 9), (104, 1), (106, 5), (107, 2)],
    );
    let mut id = 5;
    for (i, t) in times.iter().enumerate() {
        let wave = (i as i64 * 7) % 5;
        match i % 4 {
            0 | 1 => {
                push(
                    &mut block,
                    *t,
                    MessageKind::Diff,
                    (id + 1, id + 2, id),
                    &[(100, 5 + wave), (97, wave)],
                    &[(102, 4 + wave)],
                );
                id += 2;
            }
            2 => push(
                &mut block,
                *t,
                MessageKind::Ticker,
                (0, id + 1, 0),
                &[(100, 8 + wave)],
                &[(101 + wave % 2, 6)],
            ),
            _ => push(
                &mut block,
                *t,
                MessageKind::Trade,
                (9, 9, 0),
                &[(101, 2 + wave)],
                &[],
            ),
        }
    }
    block
}

fn join(parts: Vec<FeatureColumns>) -> FeatureColumns {
    let mut all = FeatureColumns::default();
    for p in parts {
        all.local_ns.extend(p.local_ns);
        all.bid.extend(p.bid);
        all.ask.extend(p.ask);
        all.book_state.extend(p.book_state);
        all.feature_hash.extend(p.feature_hash);
        all.extra_columns.resize(p.extra_columns.len(), Vec::new());
        for (all, column) in all.extra_columns.iter_mut().zip(p.extra_columns) {
            all.extend(column);
        }
        all.quotes.extend(p.quotes);
    }
    all
}

/// The joined columns that tell any two runs apart.
type Key = (
    Vec<i64>,
    Vec<i64>,
    Vec<i64>,
    Vec<u8>,
    Vec<u64>,
    Vec<QuoteRow>,
    Vec<Vec<u64>>,
);

fn key(c: &FeatureColumns) -> Key {
    (
        c.local_ns.clone(),
        c.bid.clone(),
        c.ask.clone(),
        c.book_state.clone(),
        c.feature_hash.clone(),
        c.quotes.clone(),
        c.extra_columns
            .iter()
            .map(|column| column.iter().map(|value| value.to_bits()).collect())
            .collect(),
    )
}

#[test]
fn every_feature_has_values_once_its_windows_are_full() {
    let times: Vec<i64> = (1..400).map(|i| 10 + i * 37).collect();
    let block = script(&times);
    let mut market = MarketState::new(instrument(), everything(Sampling::Grid)).unwrap();
    let rows = market.process(&block, 15_000, true);
    for (feature, column) in rows.extra.iter().zip(&rows.extra_columns) {
        assert_eq!(column.len(), rows.local_ns.len());
        let values = column.iter().filter(|v| !v.is_nan()).count();
        match feature {
            // Fitted ones have nothing to go by; bars are a minute long here, and this is 15 µs; the script's sizes
            // keep the book imbalanced one way, so trades do not bounce.
            Feature::Microprice | Feature::IntegratedOfi => {
                assert!(column.iter().all(|v| matches!(
                    Undefined::of(*v),
                    Some(Undefined::NotFitted | Undefined::NoTouch)
                )));
            }
            Feature::AverageTrueRange | Feature::RollSpread | Feature::TwoScaleVolatility => {}
            // The spread of two per cent leaves nothing within basis points of the mid.
            Feature::BookPressure5 | Feature::BookPressure10 | Feature::BookPressure25 => {}
            _ => assert!(values > 0, "{} has no value", feature.name()),
        }
    }
}

#[test]
fn a_row_knows_only_what_came_before_it() {
    let block = script(&[150, 200, 260]);
    let mut market = MarketState::new(instrument(), settings()).unwrap();
    let rows = market.process(&block, 400, false);
    assert_eq!(rows.local_ns, [100, 200, 300, 400]);
    // At 100 the snapshot and the buffered diff are in; the diff at exactly 200 is not in the row of 200.
    assert_eq!(rows.bid_size[0], 5);
    assert_eq!(rows.bid_size[1], 5);
    assert_eq!(rows.bid_size[2], 12);
    assert!((rows.mid[0] - 1.01).abs() < 1e-12);
    assert!((rows.spread_bps[0] - 0.02 / 1.01 * 1e4).abs() < 1e-9);
    assert!(rows.tfi[0].is_nan());
}

#[test]
fn quiet_hours_are_holes() {
    let hole = HOLE_NS + 1_000;
    let mut settings = settings();
    settings.sample_ns = HOLE_NS / 4;
    let mut market = MarketState::new(instrument(), settings.clone()).unwrap();
    let whole = market.process(&script(&[20, 3 * hole]), 3 * hole + 1, true);
    assert_eq!(whole.local_ns.len(), 4);
    assert!(whole.local_ns.iter().all(|t| *t <= 20 + HOLE_NS));
}

#[test]
fn an_event_on_the_grid_that_ends_a_hole_is_not_known_at_its_own_time() {
    let step = HOLE_NS / 4;
    let end = 12 * step;
    let settings = FeatureSettings {
        sample_ns: step,
        ..settings()
    };
    let mut market = MarketState::new(instrument(), settings).unwrap();
    let last = end + step + 20;
    let rows = market.process(&script(&[20, end, end + 1, last]), last + 1, true);
    let behind: Vec<i64> = rows.local_ns.into_iter().filter(|t| *t >= end).collect();
    assert_eq!(behind, [end + step]);
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        gaps in prop::collection::vec(1i64..240, 1..60),
        width in 1i64..400,
        restart in 0usize..30,
        sampling in 0usize..3,
    ) {
        let settings = || everything(SAMPLINGS[sampling]);
        let times: Vec<i64> = gaps.iter().scan(10, |t, g| { *t += g; Some(*t) }).collect();
        let block = script(&times);
        let end = times[times.len() - 1];
        let mut whole = MarketState::new(instrument(), settings()).unwrap();
        let expected = whole.process(&block, end + 1, true);
        let mut cut = MarketState::new(instrument(), settings()).unwrap();
        let mut parts = Vec::new();
        let mut from = 0;
        let mut slice = 0usize;
        while from <= end {
            let to = from + width;
            let mut part = EventBlock::default();
            for m in block.messages.iter().filter(|m| m.local_ns >= from && m.local_ns < to) {
                part.push_from(&block, m);
            }
            parts.push(cut.process(&part, if to > end { end + 1 } else { to }, to > end));
            if slice == restart {
                let bytes = postcard::to_allocvec(&cut).unwrap();
                cut = postcard::from_bytes(&bytes).unwrap();
            }
            slice += 1;
            from = to;
        }
        let joined = join(parts);
        prop_assert_eq!(key(&joined), key(&expected));
        prop_assert_eq!(cut.events(), whole.events());
    }

    /// Whatever happens from t on, rows up to t stay the same to the bit.
    #[test]
    fn nothing_looks_ahead(
        gaps in prop::collection::vec(1i64..240, 3..60),
        cut in 0usize..60,
        extra in 0i64..50,
        sampling in 0usize..3,
    ) {
        let settings = || everything(SAMPLINGS[sampling]);
        // A row of an event stands at its time and knows it; a grid row does not.
        let last = i64::from(sampling == 0);
        let times: Vec<i64> = gaps.iter().scan(10, |t, g| { *t += g; Some(*t) }).collect();
        let t = times[cut % times.len()];
        let block = script(&times);
        let mut changed = EventBlock::default();
        for m in &block.messages {
            let mut m2 = *m;
            if m.local_ns >= t {
                m2.local_ns += extra;
                m2.flags ^= FLAG_BUYER_IS_MAKER;
            }
            changed.push_from(&block, &m2);
        }
        let rows = |b: &EventBlock| {
            let mut market = MarketState::new(instrument(), settings()).unwrap();
            let c = market.process(b, b.messages.last().map_or(0, |m| m.local_ns) + 1, true);
            c.local_ns.iter().zip(&c.feature_hash).filter(|(g, _)| **g < t + last).map(|(g, h)| (*g, *h)).collect::<Vec<_>>()
        };
        prop_assert_eq!(rows(&block), rows(&changed));
    }
}
