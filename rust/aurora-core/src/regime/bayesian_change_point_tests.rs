#![allow(clippy::unwrap_used)]
use super::*;
use crate::regime::test_support::SplitMix;
use proptest::prelude::*;

fn settings() -> BayesianChangePointSettings {
    BayesianChangePointSettings {
        expected_run: 100.0,
        prior_mean: 0.0,
        prior_mean_weight: 1.0,
        prior_shape: 1.0,
        prior_scale: 1.0,
        runs: 1000,
        least_mass: 0.0,
        recent: 5,
        threshold: 0.5,
    }
}

/// Every run length of the whole history, nothing dropped: P(r = m) after each observation and the log predictive.
///
/// Written from batch posteriors (Murphy 2007, *Conjugate Bayesian analysis of the Gaussian distribution*, 3.3), not
/// from recursions: a run of length m has seen exactly the last m observations.
fn untruncated(given: &BayesianChangePointSettings, xs: &[f64]) -> Vec<(Vec<f64>, f64)> {
    let hazard = 1.0 / given.expected_run;
    let mut posterior = vec![1.0];
    let mut out = Vec::new();
    for (t, x) in xs.iter().enumerate() {
        let densities: Vec<f64> = (0..=t)
            .map(|length| {
                let seen = &xs[t - length..t];
                let m = length as f64;
                let mean = if length > 0 {
                    seen.iter().sum::<f64>() / m
                } else {
                    0.0
                };
                let squares: f64 = seen.iter().map(|v| (v - mean).powi(2)).sum();
                let kappa = given.prior_mean_weight + m;
                let centre = (given.prior_mean_weight * given.prior_mean + m * mean) / kappa;
                let alpha = given.prior_shape + m / 2.0;
                let beta = given.prior_scale
                    + squares / 2.0
                    + given.prior_mean_weight * m * (mean - given.prior_mean).powi(2)
                        / (2.0 * kappa);
                let scale2 = beta * (kappa + 1.0) / (alpha * kappa);
                let freedom = 2.0 * alpha;
                let z = (x - centre).powi(2) / scale2;
                let log = libm::lgamma((freedom + 1.0) / 2.0)
                    - libm::lgamma(freedom / 2.0)
                    - 0.5 * (freedom * std::f64::consts::PI * scale2).ln()
                    - (freedom + 1.0) / 2.0 * (1.0 + z / freedom).ln();
                log.exp()
            })
            .collect();
        let joint: Vec<f64> = posterior
            .iter()
            .zip(&densities)
            .map(|(p, d)| p * d)
            .collect();
        let evidence: f64 = joint.iter().sum();
        posterior = vec![hazard];
        posterior.extend(joint.iter().map(|j| j / evidence * (1.0 - hazard)));
        out.push((posterior.clone(), evidence.ln()));
    }
    out
}

/// quant.md, section 4.
#[test]
fn most_probable_run_lengths_of_the_reference() {
    let xs = [0.1, -0.2, 0.05, 0.15, -0.1, 0.0, 3.1, 2.9, 3.05, 3.0];
    let mut detector = BayesianChangePoint::new(settings()).unwrap();
    let found: Vec<u64> = xs
        .iter()
        .map(|x| detector.update(*x).unwrap().run_length)
        .collect();
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 2, 3, 4]);
}

#[test]
fn a_recent_change_is_one_within_the_span_and_alarms_once() {
    let given = BayesianChangePointSettings {
        recent: 3,
        ..settings()
    };
    let mut detector = BayesianChangePoint::new(given).unwrap();
    let mut random = SplitMix(5);
    let mut alarms = Vec::new();
    let mut probabilities = Vec::new();
    for i in 0..120 {
        let shift = if i >= 60 { 8.0 } else { 0.0 };
        let value = detector.update(random.normal() + shift).unwrap();
        probabilities.push(value.recent_change);
        if value.alarm {
            alarms.push(i);
        }
    }
    // Not from the start, where every run is short; with the change; and no more once it lies further back.
    assert!(
        probabilities[..60].iter().all(|p| *p < 0.3),
        "{probabilities:?}"
    );
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!((60..63).contains(&alarms[0]));
    assert!(probabilities[70] < 0.2);
}

#[test]
fn an_alarm_is_rearmed_below_half_the_threshold() {
    let mut random = SplitMix(21);
    let xs: Vec<f64> = (0..4000)
        .map(|i| random.normal() + if (i / 40) % 2 == 1 { 1.5 } else { 0.0 })
        .collect();
    for threshold in [0.2, 0.5] {
        let given = BayesianChangePointSettings {
            threshold,
            ..settings()
        };
        let mut detector = BayesianChangePoint::new(given).unwrap();
        let (mut armed, mut alarms, mut kept_quiet) = (true, 0, 0);
        for x in &xs {
            let value = detector.update(*x).unwrap();
            let above = value.recent_change > threshold;
            assert_eq!(value.alarm, armed && above);
            kept_quiet += u32::from(above && !armed);
            alarms += u32::from(value.alarm);
            if value.alarm {
                armed = false;
            } else if value.recent_change < threshold / 2.0 {
                armed = true;
            }
        }
        assert!(alarms > 10 && kept_quiet > 10, "{alarms} {kept_quiet}");
    }
}

/// Greatest errors of P(run length) (total variation), P(recent change) and the log predictive over four planted runs,
/// and the mass stated as dropped.
fn errors_of_dropping(given: BayesianChangePointSettings) -> (f64, f64, f64, f64) {
    let mut detector = BayesianChangePoint::new(given).unwrap();
    let mut random = SplitMix(9);
    let xs: Vec<f64> = (0..600)
        .map(|i| random.normal() + if (i / 150) % 2 == 1 { 4.0 } else { 0.0 })
        .collect();
    let (mut variation, mut recent, mut predictive, mut stated) = (0.0f64, 0.0f64, 0.0f64, 0.0);
    for (n, (posterior, log)) in untruncated(&given, &xs).iter().enumerate() {
        let value = detector.update(xs[n]).unwrap();
        stated += value.dropped_mass;
        let kept: Vec<(u64, f64)> = detector.posterior().collect();
        assert!(kept.len() <= given.runs);
        assert!((kept.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-12);
        let common: f64 = kept
            .iter()
            .map(|(m, p)| p.min(posterior[*m as usize]))
            .sum();
        variation = variation.max(1.0 - common);
        predictive = predictive.max((value.log_predictive - log).abs());
        if n > 5 {
            recent = recent.max((posterior[..6].iter().sum::<f64>() - value.recent_change).abs());
        }
    }
    assert!((detector.total_dropped() - stated).abs() < 1e-12);
    (variation, recent, predictive, stated)
}

#[test]
fn what_is_dropped_is_stated_and_bounds_what_changes() {
    let small = BayesianChangePointSettings {
        runs: 200,
        least_mass: 1e-6,
        ..settings()
    };
    let (variation, recent, predictive, stated) = errors_of_dropping(small);
    assert!(
        0.0 < variation && variation <= stated && stated < 1e-3,
        "{variation} {stated}"
    );
    assert!(recent < 1e-4 && predictive < 1e-4, "{recent} {predictive}");
    // A cap far below the runs that matter costs, and says so.
    let capped = BayesianChangePointSettings { runs: 50, ..small };
    let (variation, recent, _, stated) = errors_of_dropping(capped);
    assert!(variation <= stated && stated > 0.1, "{variation} {stated}");
    assert!(recent <= stated);
}

#[test]
fn an_extreme_observation_leaves_a_proper_posterior() {
    let mut detector = BayesianChangePoint::new(settings()).unwrap();
    for i in 0..300 {
        detector.update(f64::from(i % 3) * 1e-3).unwrap();
    }
    for x in [1e60, -1e60, 0.0, 1e30, 1e-300] {
        let value = detector.update(x).unwrap();
        let total: f64 = detector.posterior().map(|(_, p)| p).sum();
        assert!(
            (total - 1.0).abs() < 1e-12 && value.log_predictive.is_finite(),
            "{x}: {value:?}"
        );
    }
}

#[test]
fn bad_inputs_are_refused_and_leave_the_state() {
    let mut detector = BayesianChangePoint::new(settings()).unwrap();
    detector.update(1.0).unwrap();
    let before = detector.clone();
    for x in [f64::NAN, f64::INFINITY, -2e60] {
        assert!(detector.update(x).is_err());
        assert_eq!(detector, before);
    }
    detector.reset();
    assert_eq!(detector, BayesianChangePoint::new(settings()).unwrap());
    let s = settings();
    for bad in [
        BayesianChangePointSettings {
            expected_run: 1.0,
            ..s
        },
        BayesianChangePointSettings {
            expected_run: f64::NAN,
            ..s
        },
        BayesianChangePointSettings {
            prior_mean: f64::INFINITY,
            ..s
        },
        BayesianChangePointSettings {
            prior_mean_weight: 0.0,
            ..s
        },
        BayesianChangePointSettings {
            prior_shape: -1.0,
            ..s
        },
        BayesianChangePointSettings {
            prior_scale: 0.0,
            ..s
        },
        BayesianChangePointSettings { runs: 9, ..s },
        BayesianChangePointSettings { runs: 100_001, ..s },
        BayesianChangePointSettings {
            least_mass: 0.01,
            ..s
        },
        BayesianChangePointSettings {
            least_mass: -1e-9,
            ..s
        },
        BayesianChangePointSettings { recent: 0, ..s },
        BayesianChangePointSettings {
            threshold: 1.0,
            ..s
        },
        BayesianChangePointSettings {
            threshold: 0.0,
            ..s
        },
    ] {
        assert!(BayesianChangePoint::new(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    /// With nothing to drop it is the definition; its state survives bytes at any point.
    #[test]
    fn equals_the_untruncated_posterior(
        xs in prop::collection::vec(-4.0..4.0f64, 1..60),
        expected_run in 2.0..500.0f64,
        prior_mean in -1.0..1.0f64,
        prior_mean_weight in 0.1..5.0f64,
        prior_shape in 0.2..30.0f64,
        prior_scale in 0.1..10.0f64,
    ) {
        let given = BayesianChangePointSettings {
            expected_run, prior_mean, prior_mean_weight, prior_shape, prior_scale, ..settings()
        };
        let mut detector = BayesianChangePoint::new(given).unwrap();
        for (t, (posterior, log_predictive)) in untruncated(&given, &xs).iter().enumerate() {
            let bytes = postcard::to_allocvec(&detector).unwrap();
            detector = postcard::from_bytes(&bytes).unwrap();
            let value = detector.update(xs[t]).unwrap();
            prop_assert!((value.log_predictive - log_predictive).abs() < 1e-9);
            for (length, mass) in detector.posterior() {
                prop_assert!((mass - posterior[length as usize]).abs() < 1e-9);
            }
            let last = t + 1;
            let recent: f64 = posterior.iter().take(6).enumerate().filter(|(m, _)| *m < last).map(|(_, p)| p).sum();
            prop_assert!((value.recent_change - recent).abs() < 1e-9);
            prop_assert_eq!(value.dropped_mass, 0.0);
        }
    }
}
