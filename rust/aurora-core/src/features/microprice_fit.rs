//! Fits the microprice table from touches as they stream by.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::dense::solve;
use super::{MicropriceBuckets, MicropriceTable};
use crate::book::Quote;

/// Terms of the series Σ Bⁱ·G1 that are summed before giving up.
const MAX_TERMS: usize = 100_000;
/// The series has converged when a term is this small against the first.
const TOLERANCE: f64 = 1e-13;
/// Pivots of 1 − Q at most this large mean that a group of states never sees the mid move.
const SMALLEST_PIVOT: f64 = 1e-12;

/// Why no table was fitted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MicropriceFitError {
    #[error(
        "{transitions} transitions, {moves} of them with a mid move: no state with a mid move was left {minimum_visits} times"
    )]
    TooFewData {
        transitions: u64,
        moves: u64,
        minimum_visits: u64,
    },
    #[error("some states are never left by a move of the mid")]
    MidNeverMoves,
    #[error(
        "the series of adjustments does not converge: term {terms} is still {last_term} ticks"
    )]
    NotConverged { terms: usize, last_term: f64 },
}

/// The adjustments g* = Σ Bⁱ·G1, i from 0, with G1 = (1 − Q)⁻¹·R·K and B = (1 − Q)⁻¹·T (Stoikov 2018).
///
/// `stay` is Q and `moved` is T, n×n by rows: the probability to come from state x to y without, or with, a move of
/// the mid. `expected_move` is R·K: the expected move of the mid in the next step from x, none counting zero. The
/// answer is in its unit. The series is summed because B has the eigenvalue 1, so that 1 − B has no inverse; on
/// symmetrised data G1 is orthogonal to the stationary law of B and the terms vanish.
///
/// # Errors
/// [`MicropriceFitError::MidNeverMoves`] when 1 − Q is singular, [`MicropriceFitError::NotConverged`] when the terms
/// do not vanish.
pub fn stoikov_adjustments(
    stay: &[f64],
    moved: &[f64],
    expected_move: &[f64],
) -> Result<Vec<f64>, MicropriceFitError> {
    let n = expected_move.len();
    let mut matrix: Vec<f64> = stay.iter().map(|q| -q).collect();
    let mut right = Vec::with_capacity(n * (n + 1));
    for row in 0..n {
        matrix[row * n + row] += 1.0;
        right.push(expected_move[row]);
        right.extend_from_slice(&moved[row * n..(row + 1) * n]);
    }
    solve(&mut matrix, &mut right, n + 1, SMALLEST_PIVOT)
        .ok_or(MicropriceFitError::MidNeverMoves)?;
    let mut term: Vec<f64> = right.chunks_exact(n + 1).map(|row| row[0]).collect();
    let mut sum = vec![0.0; n];
    let largest = |term: &[f64]| {
        term.iter()
            .fold(0.0f64, |most, value| most.max(value.abs()))
    };
    let enough = TOLERANCE * largest(&term);
    for _ in 0..MAX_TERMS {
        for (sum, value) in sum.iter_mut().zip(&term) {
            *sum += value;
        }
        if largest(&term) <= enough {
            return Ok(sum);
        }
        term = right
            .chunks_exact(n + 1)
            .map(|row| row[1..].iter().zip(&term).map(|(b, value)| b * value).sum())
            .collect();
    }
    Err(MicropriceFitError::NotConverged {
        terms: MAX_TERMS,
        last_term: largest(&term),
    })
}

/// Counts transitions between states of the touch, with and without a move of the mid.
///
/// A sample follows the one before it, by whatever clock the caller samples; moves are counted in half price quanta,
/// exactly. Every observation also counts mirrored, bid and ask exchanged, when the table is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MicropriceFit {
    buckets: MicropriceBuckets,
    tick: i64,
    /// Transitions from state x to y without a move of the mid, at x·n + y.
    stay: Vec<u64>,
    /// Transitions with a move.
    moved: Vec<u64>,
    /// Sum of moves out of each state, in half price quanta.
    move_sums: Vec<i64>,
    /// State and twice the mid of the last sample.
    last: Option<(usize, i64)>,
}

impl MicropriceFit {
    pub fn new(buckets: MicropriceBuckets, tick: i64) -> Self {
        let states = buckets.states();
        MicropriceFit {
            buckets,
            tick: tick.max(1),
            stay: vec![0; states * states],
            moved: vec![0; states * states],
            move_sums: vec![0; states],
            last: None,
        }
    }

    /// Takes a touch in quanta. One that is locked, crossed or without sizes interrupts.
    pub fn update(&mut self, touch: Quote) {
        let spread = touch.ask.price.saturating_sub(touch.bid.price);
        let state = self
            .buckets
            .state(touch.bid.size, touch.ask.size, spread / self.tick)
            .filter(|_| spread > 0);
        let Some(state) = state else {
            self.interrupt();
            return;
        };
        let twice_mid = touch.bid.price.saturating_add(touch.ask.price);
        if let Some((from, before)) = self.last {
            let at = from * self.buckets.states() + state;
            if twice_mid == before {
                self.stay[at] += 1;
            } else {
                self.moved[at] += 1;
                let sum = &mut self.move_sums[from];
                *sum = sum.saturating_add(twice_mid.saturating_sub(before));
            }
        }
        self.last = Some((state, twice_mid));
    }

    /// The touch is gone: the next sample has no predecessor.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    /// Transitions counted so far.
    pub fn transitions(&self) -> u64 {
        self.stay.iter().sum::<u64>() + self.moves()
    }

    /// Those of them with a move of the mid.
    pub fn moves(&self) -> u64 {
        self.moved.iter().sum()
    }

    /// The table of adjustments in ticks.
    ///
    /// States left fewer than `minimum_visits` times, mirrored visits included, get no adjustment; to the other
    /// states they are ends of the chain where nothing more is expected to happen.
    ///
    /// # Errors
    /// [`MicropriceFitError`] when too little was seen or the chain has no finite adjustment.
    pub fn fit(&self, minimum_visits: u64) -> Result<MicropriceTable, MicropriceFitError> {
        let n = self.buckets.states();
        let mirror = |state| self.buckets.mirror(state);
        let both = |counts: &[u64], x: usize, y: usize| {
            counts[x * n + y] + counts[mirror(x) * n + mirror(y)]
        };
        let visits = |x: usize| -> u64 {
            (0..n)
                .map(|y| both(&self.stay, x, y) + both(&self.moved, x, y))
                .sum()
        };
        let fitted: Vec<bool> = (0..n).map(|x| visits(x) >= minimum_visits.max(1)).collect();
        let (mut stay, mut moved) = (vec![0.0; n * n], vec![0.0; n * n]);
        let mut expected_move = vec![0.0; n];
        let mut fitted_moves = 0;
        for x in (0..n).filter(|x| fitted[*x]) {
            let visits = visits(x) as f64;
            for y in 0..n {
                stay[x * n + y] = both(&self.stay, x, y) as f64 / visits;
                moved[x * n + y] = both(&self.moved, x, y) as f64 / visits;
                fitted_moves += both(&self.moved, x, y);
            }
            // Mirrored moves have the opposite sign; half quanta become ticks.
            let sum = i128::from(self.move_sums[x]) - i128::from(self.move_sums[mirror(x)]);
            expected_move[x] = sum as f64 / visits / (2.0 * self.tick as f64);
        }
        if fitted_moves == 0 {
            return Err(MicropriceFitError::TooFewData {
                transitions: self.transitions(),
                moves: self.moves(),
                minimum_visits,
            });
        }
        let raw = stoikov_adjustments(&stay, &moved, &expected_move)?;
        // Antisymmetric but for rounding; made so exactly, so that a mirrored touch has the mirrored microprice.
        let adjustments = (0..n)
            .map(|x| fitted[x].then(|| (raw[x] - raw[mirror(x)]) / 2.0))
            .collect();
        Ok(MicropriceTable::from_fit(self.buckets, adjustments))
    }
}

#[cfg(test)]
#[path = "microprice_fit_tests.rs"]
mod tests;
