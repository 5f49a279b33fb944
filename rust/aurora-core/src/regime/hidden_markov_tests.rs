#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn two_states() -> HiddenMarkovParts {
    HiddenMarkovParts {
        start: vec![0.5, 0.5],
        transition: vec![0.95, 0.05, 0.10, 0.90],
        means: vec![0.0, 0.0],
        variances: vec![1.0, 9.0],
    }
}

/// quant.md, section 4.
#[test]
fn normal_reference_numbers() {
    let model = HiddenMarkovModel::new(two_states()).unwrap();
    let mut filter = HiddenMarkovFilter::new(model);
    for (x, want) in [
        (0.1, 0.749166),
        (-0.3, 0.889728),
        (2.8, 0.354071),
        (-4.0, 0.001636),
        (0.2, 0.249546),
    ] {
        let found = filter.update(&[x]).unwrap();
        assert!((found[0] - want).abs() < 5e-7, "{x}: {found:?}");
        assert!((found[0] + found[1] - 1.0).abs() < 1e-15);
    }
    assert!((filter.log_likelihood() + 11.693_526_008_3).abs() < 5e-11);
    assert_eq!(filter.observations(), 5);
}

/// The toy of three symptoms (quant.md, section 4).
#[test]
fn categorical_reference_numbers() {
    let emissions = [[0.5f64, 0.4, 0.1], [0.1, 0.3, 0.6]];
    let logs: Vec<f64> = (0..3)
        .flat_map(|o| [emissions[0][o].ln(), emissions[1][o].ln()])
        .collect();
    let (filtered, log_likelihood) =
        hidden_markov_filter(&[0.6, 0.4], &[0.7, 0.3, 0.4, 0.6], &logs).unwrap();
    assert!((log_likelihood.exp() - 0.03628).abs() < 1e-12);
    assert_eq!(filtered.len(), 6);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_the_state() {
    let mut filter = HiddenMarkovFilter::new(HiddenMarkovModel::new(two_states()).unwrap());
    filter.update(&[0.5]).unwrap();
    let before = filter.clone();
    for bad in [
        &[f64::NAN][..],
        &[f64::INFINITY],
        &[1.1e60],
        &[],
        &[1.0, 2.0],
    ] {
        assert!(filter.update(bad).is_err());
        assert_eq!(filter, before);
    }
    // Far out is unlikely, not impossible.
    assert!(filter.update(&[1e50]).is_ok());
    assert_eq!(filter.probabilities(), [0.0, 1.0]);
    filter.reset();
    assert_eq!(filter, HiddenMarkovFilter::new(filter.model().clone()));
    let never = [0.0, f64::NEG_INFINITY];
    assert!(hidden_markov_filter(&[0.0, 1.0], &[1.0, 0.0, 0.0, 1.0], &never).is_err());
    assert!(hidden_markov_filter(&[0.5, 0.5], &[1.0, 0.0, 0.0, 1.0], &[0.0, f64::NAN]).is_err());
    assert!(hidden_markov_filter(&[0.5, 0.5], &[1.0, 0.0, 0.0, 1.0], &[0.0; 3]).is_err());
}

#[test]
fn a_state_that_cannot_be_does_not_drown_the_others() {
    // The first state's density is 1e600 times the second's, but it cannot be.
    let (filtered, log) =
        hidden_markov_filter(&[0.0, 1.0], &[1.0, 0.0, 0.0, 1.0], &[0.0, -1400.0]).unwrap();
    assert_eq!(filtered, [0.0, 1.0]);
    assert_eq!(log, -1400.0);
}

#[test]
fn bad_models_are_refused() {
    let good = two_states();
    let bad = [
        HiddenMarkovParts {
            start: vec![0.5, 0.4],
            ..good.clone()
        },
        HiddenMarkovParts {
            start: vec![1.5, -0.5],
            ..good.clone()
        },
        HiddenMarkovParts {
            start: vec![],
            ..good.clone()
        },
        HiddenMarkovParts {
            start: vec![f64::NAN, 0.5],
            ..good.clone()
        },
        HiddenMarkovParts {
            transition: vec![0.9, 0.05, 0.1, 0.9],
            ..good.clone()
        },
        HiddenMarkovParts {
            transition: vec![1.0],
            ..good.clone()
        },
        HiddenMarkovParts {
            means: vec![],
            ..good.clone()
        },
        HiddenMarkovParts {
            means: vec![0.0; 3],
            ..good.clone()
        },
        HiddenMarkovParts {
            means: vec![0.0, f64::NAN],
            ..good.clone()
        },
        HiddenMarkovParts {
            variances: vec![1.0, 0.0],
            ..good.clone()
        },
        HiddenMarkovParts {
            variances: vec![1.0],
            ..good.clone()
        },
    ];
    for parts in bad {
        assert!(HiddenMarkovModel::new(parts.clone()).is_err(), "{parts:?}");
    }
    // Nor do damaged bytes make one.
    let mut parts = good;
    parts.transition[0] = 0.5;
    let bytes = postcard::to_allocvec(&parts).unwrap();
    assert!(postcard::from_bytes::<HiddenMarkovModel>(&bytes).is_err());
}

prop_compose! {
    fn chains()(
        states in 1usize..4,
    )(
        start in prop::collection::vec(0.05..1.0f64, states),
        transition in prop::collection::vec(0.05..1.0f64, states * states),
        means in prop::collection::vec(-2.0..2.0f64, states * 2),
        variances in prop::collection::vec(0.2..4.0f64, states * 2),
        observations in prop::collection::vec(-4.0..4.0f64, 2..14),
    ) -> (HiddenMarkovParts, Vec<f64>) {
        let states = start.len();
        let norm = |row: &[f64]| -> Vec<f64> {
            let total: f64 = row.iter().sum();
            row.iter().map(|p| p / total).collect()
        };
        let transition = transition.chunks(states).flat_map(norm).collect();
        let observations = observations[..observations.len() / 2 * 2].to_vec();
        (HiddenMarkovParts { start: norm(&start), transition, means, variances }, observations)
    }
}

proptest! {
    /// Every path of states written out: P(last state | observations) and the likelihood, at each time.
    #[test]
    fn equals_the_sum_over_all_paths((parts, observations) in chains()) {
        let states = parts.start.len();
        let density = |x: &[f64], state: usize| -> f64 {
            (0..2).map(|d| {
                let (m, v) = (parts.means[state * 2 + d], parts.variances[state * 2 + d]);
                (-(x[d] - m).powi(2) / (2.0 * v)).exp() / (2.0 * std::f64::consts::PI * v).sqrt()
            }).product()
        };
        let mut filter = HiddenMarkovFilter::new(HiddenMarkovModel::new(parts.clone()).unwrap());
        let rows: Vec<&[f64]> = observations.chunks_exact(2).collect();
        for t in 1..=rows.len() {
            let bytes = postcard::to_allocvec(&filter).unwrap();
            filter = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(postcard::to_allocvec(&filter).unwrap(), bytes);
            let found = filter.update(rows[t - 1]).unwrap().to_vec();
            let mut by_last = vec![0.0; states];
            for code in 0..states.pow(t as u32) {
                let path: Vec<usize> = (0..t).map(|s| code / states.pow(s as u32) % states).collect();
                let mut p = parts.start[path[0]] * density(rows[0], path[0]);
                for s in 1..t {
                    p *= parts.transition[path[s - 1] * states + path[s]] * density(rows[s], path[s]);
                }
                by_last[path[t - 1]] += p;
            }
            let total: f64 = by_last.iter().sum();
            for (found, want) in found.iter().zip(&by_last) {
                prop_assert!((found - want / total).abs() < 1e-12);
            }
            prop_assert!((filter.log_likelihood() - total.ln()).abs() < 1e-9);
        }
    }
}
