//! Hidden Markov model with normal emissions, and its filter: which state is the market in, given the past alone?

use super::error::{check_length, check_real, input, require, DetectorError, LARGEST_INPUT};
use serde::{Deserialize, Serialize};

/// Most hidden states.
pub const LARGEST_STATES: usize = 64;

/// How far probabilities may be from summing to 1.
const SUM_TOLERANCE: f64 = 1e-9;

/// The numbers of a model. Matrices are row-major.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HiddenMarkovParts {
    /// P(state) at the first observation; K values.
    pub start: Vec<f64>,
    /// P(next state | state), K rows of K.
    pub transition: Vec<f64>,
    /// Mean of each state, K rows of D.
    pub means: Vec<f64>,
    /// Variance of each state along each dimension, K rows of D.
    pub variances: Vec<f64>,
}

/// Normal emissions of D independent dimensions in each of K states; every probability checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HiddenMarkovParts", into = "HiddenMarkovParts")]
pub struct HiddenMarkovModel {
    parts: HiddenMarkovParts,
    /// Of each state: `-(D ln 2 pi + sum ln variance) / 2`.
    log_norms: Vec<f64>,
}

impl TryFrom<HiddenMarkovParts> for HiddenMarkovModel {
    type Error = DetectorError;

    fn try_from(parts: HiddenMarkovParts) -> Result<Self, DetectorError> {
        HiddenMarkovModel::new(parts)
    }
}

impl From<HiddenMarkovModel> for HiddenMarkovParts {
    fn from(model: HiddenMarkovModel) -> HiddenMarkovParts {
        model.parts
    }
}

pub(super) fn check_chain(start: &[f64], transition: &[f64]) -> Result<(), DetectorError> {
    let states = start.len();
    require(
        (1..=LARGEST_STATES).contains(&states),
        "states",
        states,
        "1 to 64",
    )?;
    check_length("transition", transition.len(), states * states)?;
    let rows = std::iter::once(("start", start)).chain(
        transition
            .chunks_exact(states)
            .map(|row| ("transition", row)),
    );
    for (name, row) in rows {
        let proper = row.iter().all(|p| (0.0..=1.0).contains(p));
        let sum: f64 = row.iter().sum();
        require(
            proper && (sum - 1.0).abs() <= SUM_TOLERANCE,
            name,
            format!("{row:?}"),
            "probabilities that sum to 1",
        )?;
    }
    Ok(())
}

impl HiddenMarkovModel {
    /// # Errors
    /// Lengths that do not fit, probabilities that do not sum to 1, a mean that is not finite or a variance that is
    /// not above 0.
    pub fn new(parts: HiddenMarkovParts) -> Result<Self, DetectorError> {
        check_chain(&parts.start, &parts.transition)?;
        let states = parts.start.len();
        let dimension = parts.means.len() / states;
        require(
            dimension >= 1,
            "means",
            parts.means.len(),
            "at least one per state",
        )?;
        check_length("means", parts.means.len(), dimension * states)?;
        check_length("variances", parts.variances.len(), dimension * states)?;
        for mean in &parts.means {
            check_real("means", *mean)?;
        }
        for variance in &parts.variances {
            super::error::require_positive("variances", *variance)?;
        }
        let log_norms = parts
            .variances
            .chunks_exact(dimension)
            .map(|row| {
                -0.5 * row
                    .iter()
                    .map(|v| libm::log(2.0 * std::f64::consts::PI * v))
                    .sum::<f64>()
            })
            .collect();
        Ok(Self { parts, log_norms })
    }

    /// Number of hidden states.
    pub fn states(&self) -> usize {
        self.parts.start.len()
    }

    /// Number of values in an observation.
    pub fn dimension(&self) -> usize {
        self.parts.means.len() / self.states()
    }

    pub fn parts(&self) -> &HiddenMarkovParts {
        &self.parts
    }

    /// Writes ln p(x | state) of each state into `out`.
    pub(super) fn log_densities(&self, x: &[f64], out: &mut [f64]) {
        let dimension = self.dimension();
        let means = self.parts.means.chunks_exact(dimension);
        let variances = self.parts.variances.chunks_exact(dimension);
        for (((out, norm), means), variances) in out
            .iter_mut()
            .zip(&self.log_norms)
            .zip(means)
            .zip(variances)
        {
            let mut distance = 0.0;
            for ((x, mean), variance) in x.iter().zip(means).zip(variances) {
                distance += (x - mean) * (x - mean) / variance;
            }
            *out = norm - 0.5 * distance;
        }
    }

    pub(super) fn check_observation(&self, x: &[f64]) -> Result<(), DetectorError> {
        check_length("observation", x.len(), self.dimension())?;
        x.iter()
            .try_for_each(|value| check_real("observation", *value))
    }
}

/// Turns P(state | before) in `probabilities` into P(state | before, x) and returns ln p(x | before); None, with
/// `probabilities` spoilt, where the model holds x for impossible.
pub(super) fn weigh(probabilities: &mut [f64], log_densities: &[f64]) -> Option<f64> {
    // A state that cannot be must not set the scale: its density may dwarf all others.
    let greatest = probabilities
        .iter()
        .zip(log_densities)
        .filter(|(p, _)| **p > 0.0)
        .map(|(p, log)| libm::log(*p) + log)
        .fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return None;
    }
    let mut total = 0.0;
    for (p, log) in probabilities.iter_mut().zip(log_densities) {
        if *p > 0.0 {
            *p = libm::exp(libm::log(*p) + log - greatest);
        }
        total += *p;
    }
    for p in probabilities.iter_mut() {
        *p /= total;
    }
    Some(libm::log(total) + greatest)
}

/// P(next state) from P(state).
pub(super) fn advance(transition: &[f64], from: &[f64], to: &mut [f64]) {
    to.fill(0.0);
    for (p, row) in from.iter().zip(transition.chunks_exact(to.len())) {
        for (to, a) in to.iter_mut().zip(row) {
            *to += p * a;
        }
    }
}

/// Filters observations of any kind, given by ln p(x | state), T rows of K: P(state | observations up to it) in rows
/// alike, and the log-likelihood of all (Hamilton 1989, *Econometrica* 57).
///
/// # Errors
/// Lengths or probabilities that do not fit, a NaN or positive infinity, or an observation that no state allows.
pub fn hidden_markov_filter(
    start: &[f64],
    transition: &[f64],
    log_densities: &[f64],
) -> Result<(Vec<f64>, f64), DetectorError> {
    check_chain(start, transition)?;
    let states = start.len();
    let rows = log_densities.len() / states;
    check_length("log_densities", log_densities.len(), rows * states)?;
    if let Some(bad) = log_densities
        .iter()
        .find(|v| v.is_nan() || **v > LARGEST_INPUT)
    {
        return Err(input("log_densities", bad, "at most 1e60, and not NaN"));
    }
    let mut filtered = Vec::with_capacity(log_densities.len());
    let mut log_likelihood = 0.0;
    let mut now = start.to_vec();
    let mut next = start.to_vec();
    for (n, row) in log_densities.chunks_exact(states).enumerate() {
        if n > 0 {
            advance(transition, &now, &mut next);
            now.copy_from_slice(&next);
        }
        log_likelihood += weigh(&mut now, row).ok_or_else(|| {
            input(
                "log_densities",
                n,
                "of an observation that some state allows",
            )
        })?;
        filtered.extend_from_slice(&now);
    }
    Ok((filtered, log_likelihood))
}

/// The filter online: P(state | observations so far), O(K^2) per observation.
///
/// Never smoothed: no observation changes what was said before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FilterState")]
pub struct HiddenMarkovFilter {
    model: HiddenMarkovModel,
    probabilities: Vec<f64>,
    observations: u64,
    log_likelihood: f64,
}

#[derive(Deserialize)]
struct FilterState {
    model: HiddenMarkovModel,
    probabilities: Vec<f64>,
    observations: u64,
    log_likelihood: f64,
}

impl TryFrom<FilterState> for HiddenMarkovFilter {
    type Error = DetectorError;

    fn try_from(state: FilterState) -> Result<Self, DetectorError> {
        check_length(
            "probabilities",
            state.probabilities.len(),
            state.model.states(),
        )?;
        Ok(Self {
            model: state.model,
            probabilities: state.probabilities,
            observations: state.observations,
            log_likelihood: state.log_likelihood,
        })
    }
}

impl HiddenMarkovFilter {
    pub fn new(model: HiddenMarkovModel) -> Self {
        Self {
            probabilities: model.parts.start.clone(),
            model,
            observations: 0,
            log_likelihood: 0.0,
        }
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.probabilities.copy_from_slice(&self.model.parts.start);
        self.observations = 0;
        self.log_likelihood = 0.0;
    }

    /// Takes one observation of D values and returns P(state | observations so far).
    ///
    /// # Errors
    /// Another number of values, a value that is not finite or above 1e60 in magnitude, or an observation that the
    /// model holds for impossible; the state is unchanged.
    pub fn update(&mut self, x: &[f64]) -> Result<&[f64], DetectorError> {
        self.model.check_observation(x)?;
        let states = self.model.states();
        let (mut logs, mut next) = ([0.0; LARGEST_STATES], [0.0; LARGEST_STATES]);
        let (logs, next) = (&mut logs[..states], &mut next[..states]);
        self.model.log_densities(x, logs);
        if self.observations == 0 {
            next.copy_from_slice(&self.probabilities);
        } else {
            advance(&self.model.parts.transition, &self.probabilities, next);
        }
        let log = weigh(next, logs)
            .ok_or_else(|| input("observation", format!("{x:?}"), "possible in some state"))?;
        self.probabilities.copy_from_slice(next);
        self.log_likelihood += log;
        self.observations += 1;
        Ok(&self.probabilities)
    }

    pub fn model(&self) -> &HiddenMarkovModel {
        &self.model
    }

    /// P(state | observations so far); before the first, P(state) at it.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Log-likelihood of the observations so far.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Observations since the last reset.
    pub fn observations(&self) -> u64 {
        self.observations
    }
}

#[cfg(test)]
#[path = "hidden_markov_tests.rs"]
mod tests;
