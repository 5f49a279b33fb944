#![allow(clippy::unwrap_used)]
use super::*;
use crate::signal::test_support::SplitMix;
use proptest::prelude::*;

const TX: [i64; 4] = [0, 1, 3, 6];
const X: [f64; 4] = [0.0, 0.01, 0.03, 0.02];
const TY: [i64; 5] = [0, 2, 3, 5, 6];
const Y: [f64; 5] = [0.0, 0.02, 0.01, 0.03, 0.025];

/// The definition, term by term; also the sum of magnitudes, the natural scale of rounding.
fn naive(tx: &[i64], x: &[f64], ty: &[i64], y: &[f64], lag: i64) -> (f64, f64) {
    let (mut sum, mut magnitude) = (0.0, 0.0);
    for i in 1..tx.len() {
        for j in 1..ty.len() {
            let (start, end) = (ty[j - 1] - lag, ty[j] - lag);
            if start.max(tx[i - 1]) < end.min(tx[i]) {
                let term = (x[i] - x[i - 1]) * (y[j] - y[j - 1]);
                sum += term;
                magnitude += term.abs();
            }
        }
    }
    (sum, magnitude)
}

#[test]
fn toy_reference() {
    let estimate = hayashi_yoshida(&TX, &X, &TY, &Y, 0).unwrap();
    assert!((estimate.covariance - 2.5e-4).abs() < 1e-16, "{estimate:?}");
    // 1 / sqrt(8.88) in closed form; quant.md prints .3355780270, right to 9 places.
    assert!((estimate.correlation.unwrap() - 1.0 / 8.88_f64.sqrt()).abs() < 1e-12);
    assert!((estimate.correlation.unwrap() - 0.3355780270).abs() < 1e-9);
}

#[test]
fn positive_lag_means_that_x_leads() {
    let shifted: Vec<i64> = TX.iter().map(|t| t + 100).collect();
    let estimate = hayashi_yoshida(&TX, &X, &shifted, &X, 100).unwrap();
    assert!((estimate.correlation.unwrap() - 1.0).abs() < 1e-12);
    let apart = hayashi_yoshida(&TX, &X, &shifted, &X, -100).unwrap();
    assert_eq!(apart.covariance, 0.0);
}

#[test]
fn nothing_to_measure_is_none_and_bad_series_are_refused() {
    let empty = hayashi_yoshida(&[], &[], &TY, &Y, 0).unwrap();
    assert_eq!(
        empty,
        HyEstimate {
            covariance: 0.0,
            correlation: None
        }
    );
    assert_eq!(
        hayashi_yoshida(&[1], &[0.0], &TY, &Y, 0)
            .unwrap()
            .correlation,
        None
    );
    assert_eq!(
        hayashi_yoshida(&TX, &[1.0; 4], &TY, &Y, 0)
            .unwrap()
            .correlation,
        None
    );
    assert!(hayashi_yoshida(&TX, &X[..3], &TY, &Y, 0).is_err());
    assert!(hayashi_yoshida(&[0, 1, 1, 2], &X, &TY, &Y, 0).is_err());
    assert!(hayashi_yoshida(&TX, &[0.0, f64::NAN, 0.0, 0.0], &TY, &Y, 0).is_err());
    assert!(hayashi_yoshida(&TX, &X, &TY, &Y, i64::MAX).is_err());
    assert!(hayashi_yoshida(&[i64::MIN, 0, 1, 2], &X, &TY, &Y, 0).is_err());
}

/// Random times inside the walk, at most one observation per step.
fn sample(random: &mut SplitMix, steps: usize, count: usize) -> Vec<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < count {
        chosen.insert((random.next() % steps as u64) as usize);
    }
    chosen.into_iter().collect()
}

/// quant.md §2: 200k-step walk, correlation 0.8, Y lags X by 50 steps, 8,000 and 6,000 random
/// observations; the reference run found argmax 50, correlation 0.785 and 0.357 at lag 0,
/// lead-lag ratio 14.8.
#[test]
fn recovers_a_planted_lag() {
    let peaks: Vec<i64> = (1..=6).map(planted_peak).collect();
    // Quotes are 25 and 33 steps apart, so single argmaxes scatter by some steps.
    assert!(peaks.iter().all(|lag| (lag - 50).abs() <= 8), "{peaks:?}");
    let mean = peaks.iter().sum::<i64>() as f64 / 6.0;
    assert!((mean - 50.0).abs() < 3.0, "{peaks:?}");
}

fn planted_peak(seed: u64) -> i64 {
    let (steps, lag) = (200_000, 50);
    let mut random = SplitMix(seed);
    let (mut x, mut y) = (vec![0.0; steps + lag], vec![0.0; steps + lag]);
    let shocks: Vec<f64> = (0..steps + lag).map(|_| random.normal()).collect();
    for t in 1..steps + lag {
        x[t] = x[t - 1] + shocks[t];
        let common = if t >= lag {
            shocks[t - lag]
        } else {
            random.normal()
        };
        y[t] = y[t - 1] + 0.8 * common + 0.6 * random.normal();
    }
    let at = |times: &[usize], values: &[f64]| -> (Vec<i64>, Vec<f64>) {
        times.iter().map(|&t| (t as i64, values[t])).unzip()
    };
    let (tx, x) = at(&sample(&mut random, steps, 8000), &x);
    let (ty, y) = at(&sample(&mut random, steps, 6000), &y);
    let lags: Vec<i64> = (-200..=200).collect();
    let curve = hayashi_yoshida_curve(&tx, &x, &ty, &y, &lags).unwrap();
    let rho: Vec<f64> = curve.iter().map(|e| e.correlation.unwrap()).collect();
    let peak = (0..rho.len())
        .max_by(|&i, &j| rho[i].abs().total_cmp(&rho[j].abs()))
        .unwrap();
    assert!((rho[peak] - 0.785).abs() < 0.06, "rho {}", rho[peak]);
    assert!((rho[200] - 0.357).abs() < 0.15, "rho(0) {}", rho[200]);
    let squares = |range: std::ops::Range<usize>| rho[range].iter().map(|r| r * r).sum::<f64>();
    let ratio = squares(201..401) / squares(0..200);
    assert!(ratio > 5.0 && ratio < 50.0, "lead-lag ratio {ratio}");
    lags[peak]
}

fn series() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    prop::collection::vec((1i64..8, -0.01..0.01f64), 0..60).prop_flat_map(|gaps| {
        (-20i64..20).prop_map(move |start| {
            let (mut time, mut value) = (start, 0.0);
            gaps.iter()
                .map(|&(gap, change)| {
                    time += gap;
                    value += change;
                    (time, value)
                })
                .unzip()
        })
    })
}

proptest! {
    #[test]
    fn equals_the_double_loop(
        (tx, x) in series(),
        (ty, y) in series(),
        lags in prop::collection::vec(-60i64..60, 1..20),
    ) {
        // Lags in any order: a descending one must restart the walk.
        let curve = hayashi_yoshida_curve(&tx, &x, &ty, &y, &lags).unwrap();
        for (estimate, &lag) in curve.iter().zip(&lags) {
            let (want, magnitude) = naive(&tx, &x, &ty, &y, lag);
            prop_assert!((estimate.covariance - want).abs() <= 1e-12 * magnitude + 1e-16);
            prop_assert_eq!(*estimate, hayashi_yoshida(&tx, &x, &ty, &y, lag).unwrap());
        }
    }

    /// Exchanging the series and the sign of the lag is the same estimate.
    #[test]
    fn antisymmetric_in_the_lag((tx, x) in series(), (ty, y) in series(), lag in -60i64..60) {
        let forward = hayashi_yoshida(&tx, &x, &ty, &y, lag).unwrap().covariance;
        let back = hayashi_yoshida(&ty, &y, &tx, &x, -lag).unwrap().covariance;
        let scale = naive(&tx, &x, &ty, &y, lag).1;
        prop_assert!((forward - back).abs() <= 1e-12 * scale + 1e-16);
    }

    #[test]
    fn halves_add_up_to_the_intervals_on_either_side_of_the_split(
        (tx, x) in series(), (ty, y) in series(), lag in -60i64..60, split in 0usize..60,
    ) {
        let dx = increments(&x);
        let [first, second] = CoverWalk::new(&tx, &ty).overlap_sums(&dx, &y, lag, split);
        let cut = split.min(dx.len());
        let head = naive(&tx[..tx.len().min(cut + 1)], &x[..x.len().min(cut + 1)], &ty, &y, lag);
        let tail = naive(&tx[cut..], &x[cut..], &ty, &y, lag);
        prop_assert!((first - head.0).abs() <= 1e-12 * head.1 + 1e-16);
        prop_assert!((second - tail.0).abs() <= 1e-12 * tail.1 + 1e-16);
    }
}
