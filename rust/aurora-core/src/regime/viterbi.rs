//! The likeliest path of hidden states, offline.

use super::error::DetectorError;
use super::hidden_markov::hidden_markov_filter;

/// The likeliest path of states given all observations, by ln p(x | state), T rows of K, and its log-probability
/// (Viterbi 1967). It looks ahead: for labelling the past, never for a decision. Of equals the lower state is taken.
///
/// # Errors
/// Lengths or probabilities that do not fit, no observation, a NaN, or observations that no path allows.
pub fn viterbi(
    start: &[f64],
    transition: &[f64],
    log_densities: &[f64],
) -> Result<(Vec<usize>, f64), DetectorError> {
    // The filter refuses lengths and probabilities that do not fit, and what has no path.
    hidden_markov_filter(start, transition, log_densities)?;
    let states = start.len();
    let log_transition: Vec<f64> = transition.iter().map(|p| libm::log(*p)).collect();
    let mut best: Vec<f64> = start.iter().map(|p| libm::log(*p)).collect();
    let mut came_from: Vec<usize> = Vec::with_capacity(log_densities.len());
    for (n, row) in log_densities.chunks_exact(states).enumerate() {
        if n > 0 {
            let mut next = vec![f64::NEG_INFINITY; states];
            for (to, next) in next.iter_mut().enumerate() {
                let mut source = 0;
                for from in 0..states {
                    let value = best[from] + log_transition[from * states + to];
                    if value > *next {
                        (*next, source) = (value, from);
                    }
                }
                came_from.push(source);
            }
            best = next;
        }
        for (best, log) in best.iter_mut().zip(row) {
            *best += log;
        }
    }
    let greatest = best.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut state = best
        .iter()
        .position(|value| *value == greatest)
        .unwrap_or(0);
    let mut path = vec![state];
    for sources in came_from.chunks_exact(states).rev() {
        state = sources[state];
        path.push(state);
    }
    path.truncate(log_densities.len() / states);
    path.reverse();
    Ok((path, greatest))
}
