#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn settings(threshold: f64) -> LikelihoodRatioSettings {
    LikelihoodRatioSettings {
        mean: 0.0,
        variance: 1.0,
        window: 100,
        minimum_segment: 1,
        growth: 1.0,
        threshold,
    }
}

/// quant.md, section 4.
#[test]
fn mean_reference_number() {
    let xs = [0.1, -0.2, 0.05, 0.15, -0.1, 0.0, 1.1, 0.9, 1.05, 1.0];
    let mut test = MeanLikelihoodRatio::new(settings(2.05)).unwrap();
    let mut last = NOTHING;
    for x in xs {
        assert_eq!(last.alarm, 0);
        last = test.update(x).unwrap();
    }
    assert!((last.statistic - 2.050_312_5).abs() < 1e-12);
    // The change is after the sixth of ten.
    assert_eq!((last.segment, last.alarm), (4, 1));
}

#[test]
fn mean_and_variance_before_are_settings() {
    let given = LikelihoodRatioSettings {
        mean: 3.0,
        variance: 4.0,
        ..settings(9.0)
    };
    let mut test = MeanLikelihoodRatio::new(given).unwrap();
    test.update(3.0).unwrap();
    let value = test.update(-3.0).unwrap();
    assert_eq!((value.statistic, value.segment), (36.0 / 8.0, 1));
    assert_eq!(value.alarm, 0);
    let value = test.update(-6.0).unwrap();
    // -15 over two: 225 / (2 * 4 * 2) = 14.06 above the single 81 / 8.
    assert_eq!(
        (value.statistic, value.segment, value.alarm),
        (225.0 / 16.0, 2, -1)
    );
    // As new after the alarm: three values would have 12^2 / 24.
    assert_eq!(test.update(6.0).unwrap().statistic, 9.0 / 8.0);
}

#[test]
fn an_alarm_needs_more_than_the_threshold() {
    for (threshold, want) in [(2.0, 0), (1.999, 1)] {
        let mut test = MeanLikelihoodRatio::new(settings(threshold)).unwrap();
        let value = test.update(2.0).unwrap();
        assert_eq!((value.statistic, value.alarm), (2.0, want));
    }
}

#[test]
fn variance_rise_and_fall_have_their_sign_and_place() {
    for (before, after, want) in [(1.0, 5.0, 1), (5.0, 1.0, -1)] {
        let given = LikelihoodRatioSettings {
            minimum_segment: 5,
            ..settings(20.0)
        };
        let mut test = VarianceLikelihoodRatio::new(given).unwrap();
        let mut found = None;
        for i in 0..60 {
            let size = if i < 40 { before } else { after };
            let value = test.update(if i % 2 == 0 { size } else { -size }).unwrap();
            if value.alarm != 0 {
                found = Some((i + 1 - value.segment, value.alarm));
                break;
            }
        }
        // Sizes being constant, the ratio is greatest at the planted place; 20 nats need five after it at least.
        assert_eq!(found, Some((40, want)));
    }
}

#[test]
fn constant_series_have_finite_statistics() {
    let given = LikelihoodRatioSettings {
        minimum_segment: 2,
        ..settings(1e6)
    };
    let mut test = VarianceLikelihoodRatio::new(given).unwrap();
    for _ in 0..10 {
        assert_eq!(test.update(0.0).unwrap(), NOTHING);
    }
    test.update(1.0).unwrap();
    let value = test.update(1.0).unwrap();
    assert!(value.statistic.is_finite() && value.statistic > 50.0);
    assert_eq!(value.segment, 2);
}

#[test]
fn bad_inputs_are_refused_and_leave_the_state() {
    let given = LikelihoodRatioSettings {
        minimum_segment: 2,
        ..settings(5.0)
    };
    let mut mean = MeanLikelihoodRatio::new(given).unwrap();
    let mut variance = VarianceLikelihoodRatio::new(given).unwrap();
    mean.update(1.0).unwrap();
    variance.update(1.0).unwrap();
    let before = (mean.clone(), variance.clone());
    for x in [f64::NAN, f64::NEG_INFINITY, 2e100] {
        assert!(mean.update(x).is_err());
        assert!(variance.update(x).is_err());
        assert_eq!((mean.clone(), variance.clone()), before);
    }
    for bad in [
        LikelihoodRatioSettings {
            mean: f64::NAN,
            ..given
        },
        LikelihoodRatioSettings {
            variance: 0.0,
            ..given
        },
        LikelihoodRatioSettings {
            threshold: 0.0,
            ..given
        },
        LikelihoodRatioSettings {
            minimum_segment: 0,
            ..given
        },
        LikelihoodRatioSettings { window: 3, ..given },
        LikelihoodRatioSettings {
            window: 100_001,
            ..given
        },
        LikelihoodRatioSettings {
            growth: 0.99,
            ..given
        },
        LikelihoodRatioSettings {
            growth: f64::NAN,
            ..given
        },
    ] {
        assert!(MeanLikelihoodRatio::new(bad).is_err(), "{bad:?}");
        assert!(VarianceLikelihoodRatio::new(bad).is_err(), "{bad:?}");
    }
    let one = LikelihoodRatioSettings {
        minimum_segment: 1,
        ..given
    };
    assert!(VarianceLikelihoodRatio::new(one).is_err());
    let tight = LikelihoodRatioSettings { window: 4, ..given };
    assert!(VarianceLikelihoodRatio::new(tight).is_ok());
}

proptest! {
    /// Every time of change over the window, by the definition.
    #[test]
    fn equal_the_definition_over_the_window(
        xs in prop::collection::vec(-3.0..3.0f64, 1..50),
        window in 6usize..40,
        least in 2usize..4,
    ) {
        let given = LikelihoodRatioSettings { mean: 0.3, variance: 1.7, window, minimum_segment: least, ..settings(1e9) };
        let mut mean = MeanLikelihoodRatio::new(given).unwrap();
        let mut variance = VarianceLikelihoodRatio::new(given).unwrap();
        for n in 1..=xs.len() {
            let bytes = postcard::to_allocvec(&(&mean, &variance)).unwrap();
            (mean, variance) = postcard::from_bytes(&bytes).unwrap();
            let (by_mean, by_variance) = (mean.update(xs[n - 1]).unwrap(), variance.update(xs[n - 1]).unwrap());
            let seen = &xs[n.saturating_sub(window)..n];
            let mut want_mean = 0.0f64;
            let mut want_variance = f64::NEG_INFINITY;
            for k in 0..seen.len() {
                let (early, late) = seen.split_at(k);
                if late.len() >= least {
                    let s: f64 = late.iter().map(|x| x - 0.3).sum();
                    want_mean = want_mean.max(s * s / (2.0 * 1.7 * late.len() as f64));
                }
                if late.len() >= least && early.len() >= least {
                    let term = |part: &[f64]| {
                        let m = part.len() as f64;
                        m * (part.iter().map(|x| (x - 0.3).powi(2)).sum::<f64>() / m).ln()
                    };
                    want_variance = want_variance.max(0.5 * (term(seen) - term(early) - term(late)));
                }
            }
            prop_assert!((by_mean.statistic - want_mean).abs() < 1e-9);
            let want_variance = if want_variance.is_finite() { want_variance } else { 0.0 };
            prop_assert!((by_variance.statistic - want_variance).abs() < 1e-7);
        }
    }

    /// The grid tries some of the times, so it can only miss.
    #[test]
    fn the_grid_never_exceeds_the_full_search(xs in prop::collection::vec(-3.0..3.0f64, 1..80)) {
        let full = LikelihoodRatioSettings { minimum_segment: 2, ..settings(1e9) };
        let grid = LikelihoodRatioSettings { growth: 1.5, ..full };
        let mut all = MeanLikelihoodRatio::new(full).unwrap();
        let mut some = MeanLikelihoodRatio::new(grid).unwrap();
        for x in xs {
            let (all, some) = (all.update(x).unwrap(), some.update(x).unwrap());
            prop_assert!(some.statistic <= all.statistic);
            // 2, 3, 4, 6, 9, 13, 19, 28, 42, 63
            prop_assert!([0, 2, 3, 4, 6, 9, 13, 19, 28, 42, 63].contains(&some.segment));
        }
    }
}
