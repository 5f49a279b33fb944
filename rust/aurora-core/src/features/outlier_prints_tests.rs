#![allow(clippy::unwrap_used)]

use super::*;
use crate::instrument::Side;
use proptest::prelude::*;

fn trade(local_ns: i64, price: i64) -> MarketTrade {
    MarketTrade {
        local_ns,
        price,
        size: 1,
        aggressor: Side::Buy,
    }
}

#[test]
fn reference_numbers() {
    // (2.1, 2.3, 1.9, 2, 2.2, 9) in tenths.
    let location = RobustLocation::of(&[19, 20, 21, 22, 23, 90]).unwrap();
    assert_eq!(location.median_doubled, 43);
    assert_eq!(
        location.deviation_quadrupled, 6,
        "a MAD of 0.15 is 1.5 tenths"
    );
    assert!((location.z(90).unwrap() - 30.802_167).abs() < 5e-7);
    assert_eq!(RobustLocation::of(&[]), None);
    assert_eq!(RobustLocation::of(&[7, 7, 7, 9]).unwrap().z(9), None);
}

#[test]
fn a_quiet_market_is_clean_and_a_far_print_is_not() {
    let mut kernel = OutlierPrints::default();
    for i in 0..101 {
        assert_eq!(kernel.judge(trade(i, 100_000)), Err(Undefined::WarmingUp));
    }
    // A MAD of zero: the distance alone decides, 50 bps included.
    let near = kernel.judge(trade(200, 100_499)).unwrap();
    assert_eq!((near.robust_z, near.outlier), (None, false));
    assert!((near.distance_bps - 49.9).abs() < 1e-9);
    assert!(kernel.judge(trade(201, 100_500)).unwrap().outlier);
    assert!(kernel.judge(trade(202, 99_500)).unwrap().outlier);
    assert!(!kernel.judge(trade(203, 100_000)).unwrap().outlier);
    assert_eq!((kernel.judged(), kernel.outliers()), (4, 2));
    // A MAD of one tick: z is beyond the cut well before the distance is.
    let mut kernel = OutlierPrints::default();
    for i in 0..101 {
        kernel.judge(trade(i, 100_000 + i % 3)).ok();
    }
    let judgement = kernel.judge(trade(200, 100_020)).unwrap();
    assert!(judgement.robust_z.unwrap() > 3.5);
    assert!(!judgement.outlier);
}

#[test]
fn a_wide_market_needs_more_than_the_distance() {
    let mut kernel = OutlierPrints::default();
    for i in 0..101 {
        kernel
            .judge(trade(i, 100_000 + 100 * (i % 21) - 1_000))
            .ok();
    }
    // 150 bps away, but the MAD is about 500 quanta: z about 2.
    let judgement = kernel.judge(trade(200, 101_500)).unwrap();
    assert!(judgement.distance_bps >= 50.0 && judgement.robust_z.unwrap() < 3.5);
    assert!(!judgement.outlier);
    assert!(kernel.judge(trade(201, 110_000)).unwrap().outlier);
}

#[test]
fn a_lasting_jump_is_believed_after_half_a_window_and_a_hole_forgets() {
    let mut kernel = OutlierPrints::default();
    for i in 0..101 {
        kernel.judge(trade(i, 100_000)).ok();
    }
    for i in 0..200 {
        kernel.judge(trade(200 + i, 120_000)).unwrap();
    }
    assert_eq!(kernel.outliers(), 51);
    assert!(kernel.judge(trade(400 + HOLE_NS, 100)).is_err());
}

/// Median by full sorting.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0
}

proptest! {
    #[test]
    fn location_equals_full_sorting(
        mut values in prop::collection::vec(-1_000i64..1_000, 1..40),
        x in -2_000i64..2_000,
    ) {
        values.sort_unstable();
        let floats: Vec<f64> = values.iter().map(|v| *v as f64).collect();
        let centre = median(&floats);
        let deviation = median(&floats.iter().map(|v| (v - centre).abs()).collect::<Vec<_>>());
        let location = RobustLocation::of(&values).unwrap();
        prop_assert_eq!(location.median_doubled as f64 / 2.0, centre);
        prop_assert_eq!(location.deviation_quadrupled as f64 / 4.0, deviation);
        match location.z(x) {
            Some(z) => prop_assert!((z - 0.6745 * (x as f64 - centre) / deviation).abs() < 1e-9),
            None => prop_assert_eq!(deviation, 0.0),
        }
    }

    #[test]
    fn judgements_equal_a_window_cut_from_the_history(
        prices in prop::collection::vec(prop_oneof![9 => 10_000i64..10_040, 1 => 9_000i64..11_000], 1..80),
        width in 1usize..12,
    ) {
        let width = 2 * width + 1;
        let mut kernel = OutlierPrints::new(width, 3.5, 50);
        for (i, price) in prices.iter().enumerate() {
            let mut short = kernel.clone();
            let verdict = short.is_outlier(trade(i as i64, *price));
            let judgement = kernel.judge(trade(i as i64, *price));
            prop_assert_eq!(verdict, judgement.map(|found| found.outlier));
            prop_assert_eq!(&short, &kernel);
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            kernel = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&kernel).unwrap(), &bytes);
            if i < width {
                prop_assert_eq!(judgement, Err(Undefined::WarmingUp));
                continue;
            }
            let window: Vec<f64> = prices[i - width..i].iter().map(|p| *p as f64).collect();
            let centre = median(&window);
            let deviation = median(&window.iter().map(|p| (p - centre).abs()).collect::<Vec<_>>());
            let away = *price as f64 - centre;
            let far = away.abs() >= 0.005 * centre;
            let extreme = deviation == 0.0 || (0.6745 * away / deviation).abs() > 3.5;
            prop_assert_eq!(judgement.unwrap().outlier, far && extreme);
        }
    }
}
