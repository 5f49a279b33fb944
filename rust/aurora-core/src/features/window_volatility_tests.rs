#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// quant.md §1, row RV.
const RETURNS: [f64; 5] = [0.001, -0.002, 0.0015, 0.0005, -0.001];
const SECOND: i64 = 1_000_000_000;

#[test]
fn reference_returns() {
    let mut realised = RealisedVarianceWindow::new(5);
    let mut bipower = BipowerVariationWindow::new(5);
    for r in [0.5, -0.25].into_iter().chain(RETURNS) {
        realised.push(Some(r), 1);
        bipower.push(Some(r), 1);
    }
    assert!((realised.variance() - 8.5e-6).abs() < 1e-18);
    assert!((realised.variance().sqrt() - 0.0029154759).abs() < 1e-10);
    assert!((bipower.variation() - 9.8174770e-6).abs() < 1e-13);
    assert!((bipower.variation() - std::f64::consts::FRAC_PI_2 * 6.25e-6).abs() < 1e-18);
    assert_eq!((realised.count(), bipower.pairs()), (5.0, 4.0));
}

#[test]
fn reference_mids_one_a_second() {
    let mut kernel = WindowVolatility::new(WindowVolatilitySettings {
        step_ns: SECOND,
        samples: 5,
        minimum_samples: 5,
    });
    let mut log_mid = 4.6f64;
    kernel.update(SECOND / 2, log_mid.exp());
    for (i, r) in RETURNS.iter().enumerate() {
        let now = (i as i64 + 1) * SECOND;
        kernel.advance(now);
        assert_eq!(kernel.realised_volatility(), Err(Undefined::WarmingUp));
        assert_eq!(kernel.bipower_volatility(), Err(Undefined::WarmingUp));
        log_mid += r;
        kernel.update(now + SECOND / 2, log_mid.exp());
    }
    kernel.advance(6 * SECOND);
    let realised = (8.5e-6f64 / 5.0).sqrt() * 1e4;
    let bipower = (9.817477042468103e-6f64 / 4.0).sqrt() * 1e4;
    assert!((kernel.realised_volatility().unwrap() - realised).abs() < 1e-9);
    assert!((kernel.bipower_volatility().unwrap() - bipower).abs() < 1e-9);
    // A jump moves the realised volatility of two windows of nothing, and not the bipower one.
    kernel.advance(30 * SECOND);
    assert_eq!(kernel.realised_volatility(), Ok(0.0));
    kernel.update(30 * SECOND + 1, 2.0 * log_mid.exp());
    kernel.advance(33 * SECOND);
    assert!(kernel.realised_volatility().unwrap() > 3_000.0);
    assert_eq!(kernel.bipower_volatility(), Ok(0.0));
}

#[derive(Debug, Clone)]
struct Change {
    gap_ns: i64,
    mid: Option<f64>,
    reads: u8,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let gap = prop_oneof![8 => 0i64..25, 1 => 25i64..200, 1 => Just(1_500i64)];
    let mid = prop_oneof![9 => (90.0..110.0f64).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(
        (gap, mid, 0u8..3).prop_map(|(gap_ns, mid, reads)| Change { gap_ns, mid, reads }),
        1..120,
    )
}

/// The definition from all changes: mids before each grid time, returns between neighbouring ones, the last of them.
fn naive(path: &[(i64, Option<f64>)], now: i64, step: i64, samples: usize) -> [f64; 4] {
    let begin = path.iter().find(|(_, mid)| mid.is_some()).map(|(t, _)| *t);
    let Some(begin) = begin else {
        return [0.0; 4];
    };
    let mut grid = (begin.div_euclid(step) + 1) * step;
    let mut mids: Vec<Option<f64>> = Vec::new();
    while grid <= now {
        let standing = path.iter().rev().find(|(t, _)| *t < grid);
        mids.push(standing.and_then(|(_, mid)| *mid));
        grid += step;
    }
    let returns: Vec<Option<f64>> = mids
        .windows(2)
        .map(|pair| Some((pair[1]? / pair[0]?).ln()))
        .collect();
    let window = &returns[returns.len().saturating_sub(samples)..];
    let present: Vec<f64> = window.iter().flatten().copied().collect();
    let pairs: Vec<f64> = window
        .windows(2)
        .filter_map(|pair| Some((pair[0]? * pair[1]?).abs()))
        .collect();
    [
        present.iter().map(|r| r * r).sum(),
        present.len() as f64,
        std::f64::consts::FRAC_PI_2 * pairs.iter().sum::<f64>(),
        pairs.len() as f64,
    ]
}

proptest! {
    #[test]
    fn equals_the_definition_however_it_is_driven(
        path in changes(), step in 3i64..40, samples in 2usize..12, start in -500i64..500,
    ) {
        let settings = WindowVolatilitySettings { step_ns: step, samples, minimum_samples: 2 };
        let mut kernel = WindowVolatility::new(settings);
        let mut often = kernel.clone();
        let (mut now, mut seen) = (start, Vec::new());
        for change in path {
            now += change.gap_ns;
            for part in 1..=i64::from(change.reads) {
                // Readings on the way there, at any time, change nothing.
                often.advance(now - change.gap_ns + change.gap_ns * part / 3);
            }
            for kernel in [&mut kernel, &mut often] {
                match change.mid {
                    Some(mid) => kernel.update(now, mid),
                    None => kernel.interrupt(now),
                }
            }
            prop_assert_eq!(&kernel, &often);
            seen.push((now, change.mid));
            let bytes = postcard::to_allocvec(&often).unwrap();
            often = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&kernel, &often);

            let expected = naive(&seen, now, step, samples);
            let got = [
                kernel.realised().variance(), kernel.realised().count(),
                kernel.bipower().variation(), kernel.bipower().pairs(),
            ];
            for (got, expected) in got.iter().zip(expected) {
                prop_assert!((got - expected).abs() <= 1e-11 * expected, "{got} {expected}");
            }
            prop_assert_eq!(kernel.realised_volatility().is_ok(), expected[1] >= 2.0);
            prop_assert_eq!(kernel.bipower_volatility().is_ok(), expected[3] >= 1.0);
        }
    }
}
