#![allow(clippy::unwrap_used)]

use super::*;
use crate::signal::test_support::SplitMix;
use proptest::prelude::*;

/// The textbook: average the realised variances of the K subgrids X_k, X_{k+K}, ..., then correct and adjust.
/// Also the scale of what is subtracted, to which rounding is proportional.
fn textbook(x: &[f64], subgrids: usize) -> (f64, f64) {
    let realised = |path: &[f64]| -> f64 { path.windows(2).map(|p| (p[1] - p[0]).powi(2)).sum() };
    let n = (x.len() - 1) as f64;
    let (mut average, mut returns) = (0.0, 0.0);
    for k in 0..subgrids {
        let grid: Vec<f64> = x.iter().skip(k).step_by(subgrids).copied().collect();
        average += realised(&grid) / subgrids as f64;
        returns += (grid.len() - 1) as f64 / subgrids as f64;
    }
    let ratio = returns / n;
    let noise = ratio * realised(x);
    ((average - noise) / (1.0 - ratio), average + noise)
}

/// quant.md §1, row RV: per-step volatility 2e-4, noise 5e-4, n 23400; true 9.36e-4, raw RV 1.27e-2, TSRV 8.5e-4.
fn simulate(seed: u64, subgrids: usize) -> (f64, f64) {
    let mut random = SplitMix(seed);
    let mut kernel = TwoScaleVolatility::new(23_400, subgrids, 23_400);
    let (mut efficient, mut observed) = (4.6, Vec::new());
    for i in 0..=23_400i64 {
        let log = efficient + 5e-4 * random.normal();
        kernel.update(i * 1_000_000_000, log.exp());
        observed.push(log);
        efficient += 2e-4 * random.normal();
    }
    let got = kernel.integrated_variance().unwrap();
    // Logs of exponentials carry errors of 1e-16 · 4.6 each.
    let (want, scale) = textbook(&observed, subgrids);
    assert!((got - want).abs() < 1e-9 * scale, "{got} {want}");
    let value = kernel.value(23_400_000_000_000).unwrap();
    assert!((value - (got / 23_400.0).sqrt() * 1e4).abs() < 1e-12);
    (got, kernel.realised_variance())
}

#[test]
fn noise_simulation() {
    let runs: Vec<(f64, f64)> = (1..=20).map(|seed| simulate(seed, 100)).collect();
    let truth = 23_400.0 * 4e-8;
    for (two_scale, raw) in &runs {
        assert!((raw - 1.27e-2).abs() < 5e-4, "raw {raw}");
        assert!((two_scale - truth).abs() < 2.5e-4, "two-scale {two_scale}");
    }
    let mean = runs.iter().map(|(v, _)| v).sum::<f64>() / 20.0;
    let spread = runs.iter().map(|(v, _)| (v - mean).powi(2)).sum::<f64>() / 19.0;
    let error = (spread / 20.0).sqrt();
    assert!((mean - truth).abs() < 3.0 * error, "{mean} ± {error}");
    assert!(
        error < 0.05 * truth,
        "the check above must mean something: {error}"
    );
}

#[test]
fn undefined_says_why() {
    let mut kernel = TwoScaleVolatility::new(8, 2, 0);
    for i in 0..4 {
        assert_eq!(kernel.value(100), Err(Undefined::WarmingUp));
        kernel.update(7, 100.0 + f64::from(i));
        kernel.update(8, 100.0 + f64::from(i));
    }
    kernel.update(7, 104.0);
    assert_eq!(kernel.changes(), 4);
    assert_eq!(kernel.value(7), Err(Undefined::Degenerate));
    assert!(kernel.value(8).is_ok());
    // A price that only bounces has no variance beyond its noise: the estimate is negative.
    let mut bounce = TwoScaleVolatility::new(8, 2, 0);
    for i in 0..9 {
        bounce.update(i, if i % 2 == 0 { 100.0 } else { 101.0 });
    }
    assert!(bounce.integrated_variance().unwrap() < 0.0);
    assert_eq!(bounce.value(9), Err(Undefined::Degenerate));
    bounce.update(10, f64::NAN);
    assert_eq!(bounce.changes(), 0);
    assert_eq!(bounce.value(11), Err(Undefined::WarmingUp));
}

proptest! {
    #[test]
    fn equals_the_textbook_on_the_window(
        mids in prop::collection::vec(prop_oneof![30 => 99.0..101.0f64, 1 => Just(0.0), 1 => 1.0..1e4f64], 1..200),
        subgrids in 2usize..6,
        more in 0usize..20,
    ) {
        let window = 2 * subgrids + more;
        let mut kernel = TwoScaleVolatility::new(window, subgrids, 0);
        let mut logs: Vec<(i64, f64)> = Vec::new();
        let mut before = 0.0;
        for (i, mid) in mids.into_iter().enumerate() {
            let now = i as i64 * 250_000_000;
            kernel.update(now, mid);
            if mid == 0.0 {
                logs.clear();
            } else if logs.is_empty() || mid != before {
                logs.push((now, libm::log(mid)));
                before = mid;
            }
            let bytes = postcard::to_allocvec(&kernel).unwrap();
            let back: TwoScaleVolatility = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&back, &kernel);
            kernel = back;

            let tail = &logs[logs.len().saturating_sub(window + 1)..];
            if tail.len() < 2 * subgrids + 1 {
                prop_assert_eq!(kernel.value(now + 1), Err(Undefined::WarmingUp));
                continue;
            }
            let x: Vec<f64> = tail.iter().map(|(_, log)| *log).collect();
            let (want, scale) = textbook(&x, subgrids);
            let got = kernel.integrated_variance().unwrap();
            prop_assert!((got - want).abs() <= 1e-11 * scale, "{got} {want}");
            if got > 0.0 {
                let seconds = (now + 5 - tail[0].0) as f64 * 1e-9;
                let value = kernel.value(now + 5).unwrap();
                prop_assert!((value - (got / seconds).sqrt() * 1e4).abs() <= 1e-11 * value);
            }
        }
    }
}
