#![allow(clippy::unwrap_used)]
use super::*;
use crate::signal::test_support::SplitMix;
use proptest::prelude::*;

const X: [f64; 8] = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.0];
const Y: [f64; 8] = [0.9, 2.2, -1.2, 0.4, 2.7, -1.8, 1.7, 0.1];

fn kalman(process_variance: f64, observation_variance: f64, forgetting: f64) -> CrossSlope {
    CrossSlope::new(&LeadLagModelSettings {
        forgetting,
        slope: SlopeMethod::Kalman(KalmanSlopeSettings {
            process_variance,
            observation_variance,
        }),
        ..LeadLagModelSettings::default()
    })
    .unwrap()
}

/// quant.md §2, Kalman Q=.01 R=.04 P0=1 b0=0.
#[test]
fn the_kalman_slope_follows_the_reference_path() {
    let mut slope = kalman(0.01, 0.04, 1.0);
    let want = [
        0.865714, 1.059935, 1.103884, 1.066344, 0.921611, 0.909055, 1.014625, 1.014625,
    ];
    for ((&x, y), want) in X.iter().zip(Y).zip(want) {
        slope.update(x, y).unwrap();
        assert!((slope.beta() - want).abs() < 5e-7);
    }
    assert_eq!(
        slope.updates(),
        7,
        "a leader that stands still teaches nothing"
    );
}

/// A wandering slope is followed by the Kalman filter more closely than by a long memory.
#[test]
fn the_kalman_slope_follows_a_turn() {
    let mut random = SplitMix(7);
    let mut walking = kalman(1e-3, 1.0, 0.999);
    let mut standing = CrossSlope::new(&LeadLagModelSettings::default()).unwrap();
    for n in 0..4000 {
        let truth = if n < 3000 { 0.8 } else { -0.4 };
        let x = 2.0 * random.normal();
        let y = truth * x + random.normal();
        walking.update(x, y).unwrap();
        standing.update(x, y).unwrap();
    }
    assert!((walking.beta() + 0.4).abs() < 0.15, "{}", walking.beta());
    assert!((standing.beta() + 0.4).abs() > 0.3, "{}", standing.beta());
}

#[test]
fn without_errors_there_is_no_statistic() {
    let mut slope = kalman(0.0, 1.0, 1.0);
    assert_eq!(slope.t_statistic(), None);
    slope.update(1.0, 0.0).unwrap();
    slope.update(1.0, 0.0).unwrap();
    assert_eq!(slope.t_statistic(), None);
}

#[test]
fn settings_outside_their_domain_are_refused() {
    for (q, r) in [(-1.0, 1.0), (f64::NAN, 1.0), (2.0, 1.0), (0.1, 0.0)] {
        let settings = LeadLagModelSettings {
            slope: SlopeMethod::Kalman(KalmanSlopeSettings {
                process_variance: q,
                observation_variance: r,
            }),
            ..LeadLagModelSettings::default()
        };
        assert!(CrossSlope::new(&settings).is_err(), "{q} {r}");
    }
}

proptest! {
    /// With Q = 0 and a flat prior it is least squares; its t does not depend on R.
    #[test]
    fn the_statistic_measures_noise_by_itself(seed in 0u64..200, r in 0.1..50.0f64) {
        let mut random = SplitMix(seed);
        let (mut one, mut other) = (kalman(0.0, 1.0, 1.0), kalman(0.0, r, 1.0));
        let mut plain = CrossSlope::new(&LeadLagModelSettings {
            forgetting: 1.0,
            ..LeadLagModelSettings::default()
        }).unwrap();
        for _ in 0..2000 {
            let x = 3.0 * random.normal();
            let y = 0.5 * x + 2.0 * random.normal();
            for slope in [&mut one, &mut other, &mut plain] {
                slope.update(x, y).unwrap();
            }
        }
        let t = plain.t_statistic().unwrap();
        for slope in [&one, &other] {
            prop_assert!((slope.beta() - plain.beta()).abs() < 2e-2);
            prop_assert!((slope.t_statistic().unwrap() / t - 1.0).abs() < 0.03);
        }
        let bytes = postcard::to_allocvec(&one).unwrap();
        prop_assert_eq!(postcard::from_bytes::<CrossSlope>(&bytes).unwrap(), one);
    }
}
