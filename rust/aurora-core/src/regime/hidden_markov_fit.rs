//! Fitting of hidden Markov models, offline: everything in here looks at the whole series.

use super::error::{check_length, require, require_positive, DetectorError};
use super::hidden_markov::{advance, HiddenMarkovModel, HiddenMarkovParts, LARGEST_STATES};

/// Observations that each state needs on average.
const OBSERVATIONS_PER_STATE: usize = 10;
/// P(same state) of a model to begin with.
const INITIAL_STAY: f64 = 0.9;
/// Observations on each side over which a local spread is taken, to begin with.
const SPREAD_REACH: usize = 5;

/// Settings of [`fit_hidden_markov`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HiddenMarkovFitSettings {
    /// K, from 1 to 64.
    pub states: usize,
    /// Largest number of iterations.
    pub iterations: usize,
    /// The fit has converged when the log-likelihood rises by less than this, nats.
    pub tolerance: f64,
    /// A state's variance is at least this share of the whole series' one, per dimension: no state may sink into a
    /// few equal observations.
    pub variance_share: f64,
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenMarkovFit {
    /// States sorted by variance, the calmest first, so that a number means the same state in every fit.
    pub model: HiddenMarkovModel,
    /// Log-likelihood of the model before each iteration, and of the fitted one last.
    pub log_likelihoods: Vec<f64>,
    /// The rise fell below the tolerance before the iterations ran out.
    pub converged: bool,
}

/// Maximum likelihood by expectation and maximisation (Baum and Welch; Rabiner 1989, *Proc. IEEE* 77), from `initial`
/// or, without one, from two models of the data's own: states by local spread and states by value; the likelier stays.
/// `observations` are T rows of `dimension` values.
///
/// # Errors
/// A setting outside its domain, a value that is not finite, fewer than ten observations per state, or a dimension
/// that does not vary.
pub fn fit_hidden_markov(
    observations: &[f64],
    dimension: usize,
    settings: HiddenMarkovFitSettings,
    initial: Option<&HiddenMarkovModel>,
) -> Result<HiddenMarkovFit, DetectorError> {
    let states = settings.states;
    require(
        (1..=LARGEST_STATES).contains(&states),
        "states",
        states,
        "1 to 64",
    )?;
    require(
        settings.iterations >= 1,
        "iterations",
        settings.iterations,
        "at least 1",
    )?;
    require_positive("tolerance", settings.tolerance)?;
    require(
        settings.variance_share > 0.0 && settings.variance_share < 1.0,
        "variance_share",
        settings.variance_share,
        "in (0, 1)",
    )?;
    require(dimension >= 1, "dimension", dimension, "at least 1")?;
    let count = observations.len() / dimension;
    check_length("observations", observations.len(), count * dimension)?;
    for value in observations {
        super::error::check_real("observations", *value)?;
    }
    if count < OBSERVATIONS_PER_STATE * states {
        return Err(DetectorError::Fit {
            parameter: "observations",
            value: count.to_string(),
            needed: "at least ten per state",
        });
    }
    let floors = variance_floors(observations, dimension, settings.variance_share)?;
    let beginnings = match initial {
        Some(model) => {
            check_length("initial states", model.states(), states)?;
            check_length("initial dimension", model.dimension(), dimension)?;
            vec![model.clone()]
        }
        None => vec![
            grouped(
                &local_spread(observations, dimension),
                observations,
                dimension,
                states,
                &floors,
            )?,
            grouped(
                &observations
                    .iter()
                    .step_by(dimension)
                    .copied()
                    .collect::<Vec<_>>(),
                observations,
                dimension,
                states,
                &floors,
            )?,
        ],
    };
    let mut best: Option<HiddenMarkovFit> = None;
    for model in beginnings {
        let fit = climb(model, observations, &floors, settings)?;
        let likelier = best
            .as_ref()
            .is_none_or(|b| fit.log_likelihoods.last() > b.log_likelihoods.last());
        if likelier {
            best = Some(fit);
        }
    }
    let mut fit = best.ok_or(DetectorError::Fit {
        parameter: "states",
        value: states.to_string(),
        needed: "with a model to begin with",
    })?;
    fit.model = sorted_by_variance(&fit.model)?;
    Ok(fit)
}

/// Least variance of each dimension.
fn variance_floors(
    observations: &[f64],
    dimension: usize,
    share: f64,
) -> Result<Vec<f64>, DetectorError> {
    let all = vec![1.0; observations.len() / dimension];
    let (_, variances) = moments(observations, dimension, &all);
    for variance in &variances {
        if *variance * share < 1e-60 {
            return Err(DetectorError::Fit {
                parameter: "variance",
                value: variance.to_string(),
                needed: "above 0 in every dimension",
            });
        }
    }
    Ok(variances.iter().map(|v| v * share).collect())
}

/// Weighted mean and variance of each dimension.
fn moments(observations: &[f64], dimension: usize, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = weights.iter().sum();
    let average = |about: &[f64], power: i32| -> Vec<f64> {
        let mut sums = vec![0.0; dimension];
        for (row, weight) in observations.chunks_exact(dimension).zip(weights) {
            for ((sum, x), about) in sums.iter_mut().zip(row).zip(about) {
                *sum += weight * (x - about).powi(power);
            }
        }
        sums.iter().map(|sum| sum / total).collect()
    };
    let means = average(&vec![0.0; dimension], 1);
    let variances = average(&means, 2);
    (means, variances)
}

/// Mean squared distance from the mean of the series around each observation, dimensions made equal.
fn local_spread(observations: &[f64], dimension: usize) -> Vec<f64> {
    let count = observations.len() / dimension;
    let (means, variances) = moments(observations, dimension, &vec![1.0; count]);
    let distances: Vec<f64> = observations
        .chunks_exact(dimension)
        .map(|row| {
            row.iter()
                .zip(&means)
                .zip(&variances)
                .map(|((x, m), v)| (x - m) * (x - m) / v)
                .sum()
        })
        .collect();
    (0..count)
        .map(|at| {
            let near =
                &distances[at.saturating_sub(SPREAD_REACH)..(at + SPREAD_REACH + 1).min(count)];
            near.iter().sum::<f64>() / near.len() as f64
        })
        .collect()
}

/// A model whose states are equal shares of the observations in the order of `keys`.
fn grouped(
    keys: &[f64],
    observations: &[f64],
    dimension: usize,
    states: usize,
    floors: &[f64],
) -> Result<HiddenMarkovModel, DetectorError> {
    let count = keys.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| keys[*a].total_cmp(&keys[*b]).then(a.cmp(b)));
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for state in 0..states {
        let mut weights = vec![0.0; count];
        for at in &order[state * count / states..(state + 1) * count / states] {
            weights[*at] = 1.0;
        }
        let (mean, variance) = moments(observations, dimension, &weights);
        means.extend(mean);
        variances.extend(variance.iter().zip(floors).map(|(v, floor)| v.max(*floor)));
    }
    let others = (1.0 - INITIAL_STAY) / (states.max(2) - 1) as f64;
    let mut transition = vec![others; states * states];
    for state in 0..states {
        transition[state * states + state] = if states == 1 { 1.0 } else { INITIAL_STAY };
    }
    HiddenMarkovModel::new(HiddenMarkovParts {
        start: vec![1.0 / states as f64; states],
        transition,
        means,
        variances,
    })
}

/// What the data say about the states under a model.
struct Expectation {
    log_likelihood: f64,
    /// P(state | all observations), T rows of K.
    smoothed: Vec<f64>,
    /// Expected number of moves from state to state.
    moves: Vec<f64>,
}

/// Forward and backward pass, scaled.
fn expectation(
    model: &HiddenMarkovModel,
    observations: &[f64],
) -> Result<Expectation, DetectorError> {
    let states = model.states();
    let HiddenMarkovParts {
        start, transition, ..
    } = model.parts();
    let rows = observations.chunks_exact(model.dimension());
    let mut logs = vec![0.0; rows.len() * states];
    for (row, out) in rows.zip(logs.chunks_exact_mut(states)) {
        model.log_densities(row, out);
    }
    let (filtered, log_likelihood) =
        super::hidden_markov::hidden_markov_filter(start, transition, &logs)?;
    let count = logs.len() / states;
    let mut smoothed = filtered.clone();
    let mut moves = vec![0.0; states * states];
    let mut predicted = vec![0.0; states];
    for t in (0..count.saturating_sub(1)).rev() {
        let now = &filtered[t * states..(t + 1) * states];
        advance(transition, now, &mut predicted);
        // P(next | all) / P(next | past): how much the future favours each next state (Kim 1994).
        let favour: Vec<f64> = smoothed[(t + 1) * states..(t + 2) * states]
            .iter()
            .zip(&predicted)
            .map(|(s, p)| if *p > 0.0 { s / p } else { 0.0 })
            .collect();
        for i in 0..states {
            let mut total = 0.0;
            for j in 0..states {
                let joint = now[i] * transition[i * states + j] * favour[j];
                moves[i * states + j] += joint;
                total += joint;
            }
            smoothed[t * states + i] = total;
        }
    }
    Ok(Expectation {
        log_likelihood,
        smoothed,
        moves,
    })
}

/// The likeliest model under the expectation.
fn maximisation(
    model: &HiddenMarkovModel,
    observations: &[f64],
    floors: &[f64],
    found: &Expectation,
) -> Result<HiddenMarkovModel, DetectorError> {
    let states = model.states();
    let dimension = model.dimension();
    let mut parts = model.parts().clone();
    parts.start = normalised(&found.smoothed[..states]).unwrap_or(parts.start);
    for state in 0..states {
        let row = state * states..(state + 1) * states;
        if let Some(probabilities) = normalised(&found.moves[row.clone()]) {
            parts.transition[row].copy_from_slice(&probabilities);
        }
        let weights: Vec<f64> = found
            .smoothed
            .iter()
            .skip(state)
            .step_by(states)
            .copied()
            .collect();
        // A state that no observation belongs to keeps its place.
        if weights.iter().sum::<f64>() > 1e-9 {
            let (mean, variance) = moments(observations, dimension, &weights);
            let place = state * dimension..(state + 1) * dimension;
            parts.means[place.clone()].copy_from_slice(&mean);
            let floored: Vec<f64> = variance
                .iter()
                .zip(floors)
                .map(|(v, f)| v.max(*f))
                .collect();
            parts.variances[place].copy_from_slice(&floored);
        }
    }
    HiddenMarkovModel::new(parts)
}

fn normalised(weights: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = weights.iter().sum();
    (total > 1e-9).then(|| weights.iter().map(|w| w / total).collect())
}

fn climb(
    mut model: HiddenMarkovModel,
    observations: &[f64],
    floors: &[f64],
    settings: HiddenMarkovFitSettings,
) -> Result<HiddenMarkovFit, DetectorError> {
    let mut found = expectation(&model, observations)?;
    let mut log_likelihoods = vec![found.log_likelihood];
    let mut converged = false;
    for _ in 0..settings.iterations {
        model = maximisation(&model, observations, floors, &found)?;
        let before = found.log_likelihood;
        found = expectation(&model, observations)?;
        log_likelihoods.push(found.log_likelihood);
        if found.log_likelihood - before < settings.tolerance {
            converged = true;
            break;
        }
    }
    Ok(HiddenMarkovFit {
        model,
        log_likelihoods,
        converged,
    })
}

/// The same model with its states in order of their variance.
fn sorted_by_variance(model: &HiddenMarkovModel) -> Result<HiddenMarkovModel, DetectorError> {
    let states = model.states();
    let dimension = model.dimension();
    let parts = model.parts();
    let sizes: Vec<f64> = parts
        .variances
        .chunks_exact(dimension)
        .map(|row| row.iter().map(|v| libm::log(*v)).sum())
        .collect();
    let mut order: Vec<usize> = (0..states).collect();
    order.sort_by(|a, b| sizes[*a].total_cmp(&sizes[*b]).then(a.cmp(b)));
    let rows = |values: &[f64], width: usize| -> Vec<f64> {
        order
            .iter()
            .flat_map(|state| values[state * width..(state + 1) * width].to_vec())
            .collect()
    };
    let by_row = rows(&parts.transition, states);
    let transition = by_row
        .chunks_exact(states)
        .flat_map(|row| order.iter().map(|state| row[*state]))
        .collect();
    HiddenMarkovModel::new(HiddenMarkovParts {
        start: rows(&parts.start, 1),
        transition,
        means: rows(&parts.means, dimension),
        variances: rows(&parts.variances, dimension),
    })
}

#[cfg(test)]
#[path = "hidden_markov_fit_tests.rs"]
mod tests;
