#![allow(clippy::unwrap_used)]
use super::*;
use crate::regime::test_support::SplitMix;
use crate::regime::viterbi;
use proptest::prelude::*;

fn settings(states: usize) -> HiddenMarkovFitSettings {
    HiddenMarkovFitSettings {
        states,
        iterations: 500,
        tolerance: 1e-8,
        variance_share: 1e-6,
    }
}

/// A calm and a wild state that stay 98 % and 95 % of the time.
fn series(count: usize, seed: u64) -> Vec<f64> {
    let mut random = SplitMix(seed);
    let mut wild = false;
    (0..count)
        .map(|_| {
            let leave = if wild { 0.05 } else { 0.02 };
            if random.uniform() < leave {
                wild = !wild;
            }
            random.normal() * if wild { 3.0 } else { 1.0 } + if wild { -0.5 } else { 0.1 }
        })
        .collect()
}

#[test]
fn finds_the_planted_model_with_the_calm_state_first() {
    let fit = fit_hidden_markov(&series(20_000, 3), 1, settings(2), None).unwrap();
    let parts = fit.model.parts();
    assert!(fit.converged);
    // Some 14,000 and 6,000 observations: standard errors near 0.01 and 0.04 of the means, 1 % and 2 % of the
    // variances, 0.002 and 0.004 of the probabilities; bounds of about four of them, states being known imperfectly.
    assert!(
        (parts.means[0] - 0.1).abs() < 0.05 && (parts.means[1] + 0.5).abs() < 0.2,
        "{parts:?}"
    );
    assert!((parts.variances[0] - 1.0).abs() < 0.06 && (parts.variances[1] - 9.0).abs() < 0.9);
    assert!((parts.transition[0] - 0.98).abs() < 0.008, "{parts:?}");
    assert!((parts.transition[3] - 0.95).abs() < 0.016, "{parts:?}");
}

#[test]
fn likelihood_never_falls() {
    for states in 1..4 {
        let fit = fit_hidden_markov(&series(400, 8), 1, settings(states), None).unwrap();
        for pair in fit.log_likelihoods.windows(2) {
            assert!(pair[1] >= pair[0] - 1e-8, "{pair:?}");
        }
    }
}

#[test]
fn one_state_is_mean_and_variance() {
    let xs = series(200, 4);
    let fit = fit_hidden_markov(&xs, 1, settings(1), None).unwrap();
    let mean = xs.iter().sum::<f64>() / 200.0;
    let variance = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 200.0;
    assert!((fit.model.parts().means[0] - mean).abs() < 1e-12);
    assert!((fit.model.parts().variances[0] - variance).abs() < 1e-10);
}

#[test]
fn a_given_model_is_where_the_climb_begins() {
    let xs = series(300, 5);
    let initial = HiddenMarkovModel::new(HiddenMarkovParts {
        start: vec![0.5, 0.5],
        transition: vec![0.9, 0.1, 0.1, 0.9],
        means: vec![0.0, 0.0],
        variances: vec![8.0, 1.0],
    })
    .unwrap();
    let one = HiddenMarkovFitSettings {
        iterations: 1,
        ..settings(2)
    };
    let fit = fit_hidden_markov(&xs, 1, one, Some(&initial)).unwrap();
    let before = expectation(&initial, &xs).unwrap().log_likelihood;
    assert_eq!(fit.log_likelihoods[0], before);
    assert_eq!(fit.log_likelihoods.len(), 2);
    assert!(!fit.converged);
    // The calm one comes first, whatever it was called.
    let variances = &fit.model.parts().variances;
    assert!(variances[0] < variances[1]);
    assert_eq!(expectation(&fit.model, &xs).unwrap().log_likelihood, {
        let filter = expectation(&fit.model, &xs).unwrap();
        filter.log_likelihood
    });
    let sorted = expectation(&fit.model, &xs).unwrap().log_likelihood;
    assert!(
        (sorted - fit.log_likelihoods[1]).abs() < 1e-9,
        "sorting changes no likelihood"
    );
}

#[test]
fn degenerate_series_are_refused() {
    let flat = vec![1.0; 100];
    assert!(fit_hidden_markov(&flat, 1, settings(2), None).is_err());
    let xs = series(19, 1);
    assert!(fit_hidden_markov(&xs, 1, settings(2), None).is_err());
    assert!(fit_hidden_markov(&series(20, 1), 1, settings(2), None).is_ok());
    let mut bad = series(100, 1);
    bad[50] = f64::NAN;
    assert!(fit_hidden_markov(&bad, 1, settings(2), None).is_err());
    assert!(fit_hidden_markov(&series(101, 1), 2, settings(2), None).is_err());
    for wrong in [
        HiddenMarkovFitSettings {
            states: 0,
            ..settings(2)
        },
        HiddenMarkovFitSettings {
            states: 65,
            ..settings(2)
        },
        HiddenMarkovFitSettings {
            iterations: 0,
            ..settings(2)
        },
        HiddenMarkovFitSettings {
            tolerance: 0.0,
            ..settings(2)
        },
        HiddenMarkovFitSettings {
            variance_share: 1.0,
            ..settings(2)
        },
    ] {
        assert!(fit_hidden_markov(&series(700, 1), 1, wrong, None).is_err());
    }
    // Many equal values beside others: a state may hold them, at the least variance.
    let mut stuck = series(200, 2);
    stuck[60..120].fill(0.25);
    let fit = fit_hidden_markov(&stuck, 1, settings(2), None).unwrap();
    assert!(fit.log_likelihoods.iter().all(|l| l.is_finite()));
}

/// The toy of three symptoms (quant.md, section 4).
#[test]
fn viterbi_reference_numbers() {
    let emissions = [[0.5f64, 0.4, 0.1], [0.1, 0.3, 0.6]];
    let logs: Vec<f64> = (0..3)
        .flat_map(|o| [emissions[0][o].ln(), emissions[1][o].ln()])
        .collect();
    let (path, log) = viterbi(&[0.6, 0.4], &[0.7, 0.3, 0.4, 0.6], &logs).unwrap();
    assert_eq!(path, [0, 0, 1]);
    assert!((log.exp() - 0.01512).abs() < 1e-12);
    assert_eq!(
        viterbi(&[0.6, 0.4], &[0.7, 0.3, 0.4, 0.6], &[])
            .unwrap()
            .0
            .len(),
        0
    );
}

proptest! {
    /// Smoothed probabilities and expected moves against the sum over all paths; Viterbi against the greatest.
    #[test]
    fn expectation_and_viterbi_equal_all_paths(
        xs in prop::collection::vec(-3.0..3.0f64, 2..8),
        stay in prop::collection::vec(0.1..0.9f64, 2),
        first in 0.1..0.9f64,
        variances in prop::collection::vec(0.3..5.0f64, 2),
    ) {
        let parts = HiddenMarkovParts {
            start: vec![first, 1.0 - first],
            transition: vec![stay[0], 1.0 - stay[0], 1.0 - stay[1], stay[1]],
            means: vec![-0.4, 0.6],
            variances,
        };
        let model = HiddenMarkovModel::new(parts.clone()).unwrap();
        let density = |x: f64, s: usize| {
            (-(x - parts.means[s]).powi(2) / (2.0 * parts.variances[s])).exp()
                / (2.0 * std::f64::consts::PI * parts.variances[s]).sqrt()
        };
        let count = xs.len();
        let (mut total, mut smoothed, mut moves) = (0.0, vec![0.0; count * 2], [0.0; 4]);
        let mut best = (0.0, vec![]);
        for code in 0..1usize << count {
            let path: Vec<usize> = (0..count).map(|t| code >> t & 1).collect();
            let mut p = parts.start[path[0]] * density(xs[0], path[0]);
            for t in 1..count {
                p *= parts.transition[path[t - 1] * 2 + path[t]] * density(xs[t], path[t]);
            }
            total += p;
            for t in 0..count {
                smoothed[t * 2 + path[t]] += p;
                if t > 0 {
                    moves[path[t - 1] * 2 + path[t]] += p;
                }
            }
            if p > best.0 {
                best = (p, path);
            }
        }
        let found = expectation(&model, &xs).unwrap();
        prop_assert!((found.log_likelihood - f64::ln(total)).abs() < 1e-9);
        for (found, want) in found.smoothed.iter().zip(&smoothed) {
            prop_assert!((found - want / total).abs() < 1e-9);
        }
        for (found, want) in found.moves.iter().zip(&moves) {
            prop_assert!((found - want / total).abs() < 1e-9);
        }
        let mut logs = vec![0.0; count * 2];
        for (x, out) in xs.iter().zip(logs.chunks_exact_mut(2)) {
            model.log_densities(&[*x], out);
        }
        let (path, log) = viterbi(&parts.start, &parts.transition, &logs).unwrap();
        prop_assert_eq!(path, best.1);
        prop_assert!((log - f64::ln(best.0)).abs() < 1e-9);
    }
}
