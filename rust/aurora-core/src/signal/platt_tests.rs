#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn reference() -> (Vec<f64>, Vec<bool>) {
    let scores = (0..10).map(|i| -2.0 + 0.5 * f64::from(i)).collect();
    let labels = "0010011011".chars().map(|c| c == '1').collect();
    (scores, labels)
}

#[test]
fn matches_the_smoothed_and_the_plain_reference() {
    let (scores, labels) = reference();
    let smoothed = PlattScaler::fit(&scores, &labels, true).unwrap();
    assert!((smoothed.a + 0.568869).abs() < 1e-6 && (smoothed.b - 0.142217).abs() < 1e-6);
    let plain = PlattScaler::fit(&scores, &labels, false).unwrap();
    // The converged maximum (gradient 0 to rounding); quant.md has .887685 and -.221735, a looser stop.
    assert!((plain.a + 0.8877410729591718).abs() < 1e-9, "{plain:?}");
    assert!((plain.b - 0.22193526823979298).abs() < 1e-9, "{plain:?}");
    let p = plain.probability(1.0).unwrap();
    assert!((p - 1.0 / (1.0 + libm::exp(-0.887741 + 0.221935))).abs() < 1e-6);
}

#[test]
fn a_fit_needs_both_outcomes_and_finite_scores() {
    assert!(PlattScaler::fit(&[], &[], true).is_err());
    for label in [false, true] {
        assert!(PlattScaler::fit(&[1.0, 2.0], &[label, label], true).is_err());
    }
    assert!(PlattScaler::fit(&[1.0, f64::NAN], &[false, true], true).is_err());
    assert!(PlattScaler::fit(&[1.0], &[false, true], true).is_err());
    let platt = Platt { a: -1.0, b: 0.0 };
    assert!(platt.probability(f64::INFINITY).is_err());
}

#[test]
fn separated_scores_fit_smoothed_only() {
    let (scores, labels) = ([-1.0, 0.0, 0.0, 2.0], [false, false, true, true]);
    assert!(PlattScaler::fit(&scores, &labels, false).is_err());
    let platt = PlattScaler::fit(&scores, &labels, true).unwrap();
    assert!(platt.a < 0.0);
}

#[test]
fn constant_scores_give_the_base_rate() {
    let labels = [true, false, false, false];
    let platt = PlattScaler::fit(&[5.0; 4], &labels, false).unwrap();
    assert!(
        (platt.probability(5.0).unwrap() - 0.25).abs() < 1e-9,
        "{platt:?}"
    );
}

proptest! {
    /// Units do not matter, and at the optimum the mean forecast is the mean target.
    #[test]
    fn scale_free_and_unbiased(
        data in prop::collection::vec((-3.0..3.0f64, any::<bool>()), 4..60),
        scale in 1e-6..1e6f64,
        shift in -5.0..5.0f64,
    ) {
        let (scores, labels): (Vec<f64>, Vec<bool>) = data.into_iter().unzip();
        let yes = labels.iter().filter(|&&l| l).count() as f64;
        let no = labels.len() as f64 - yes;
        prop_assume!(yes > 0.0 && no > 0.0);
        let platt = PlattScaler::fit(&scores, &labels, true).unwrap();
        let moved: Vec<f64> = scores.iter().map(|s| (s + shift) * scale).collect();
        let other = PlattScaler::fit(&moved, &labels, true).unwrap();
        let mut sum = 0.0;
        for (s, m) in scores.iter().zip(&moved) {
            let p = platt.probability(*s).unwrap();
            prop_assert!((p - other.probability(*m).unwrap()).abs() < 1e-6);
            sum += p;
        }
        let target = yes * (yes + 1.0) / (yes + 2.0) + no / (no + 2.0);
        prop_assert!((sum - target).abs() < 1e-6 * labels.len() as f64);
    }
}
