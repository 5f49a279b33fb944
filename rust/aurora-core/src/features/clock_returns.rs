//! Log returns of the mid on a clock grid: the samples behind window volatilities.

use serde::{Deserialize, Serialize};

/// Samples the standing mid at multiples of a step and answers with the log returns between neighbouring samples.
///
/// A sample at grid time g knows mids set before g (previous-tick sampling), as a feature row does. Where there is
/// no mid at either end there is no return: the interval is reported as None, so that the clock goes on. What
/// happens between two samples, an interruption included, does not matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockReturns {
    step_ns: i64,
    next_ns: Option<i64>,
    mid: Option<f64>,
    /// Mid of the last sample.
    sampled: Option<f64>,
}

impl ClockReturns {
    /// A grid of multiples of `step_ns`; steps below 1 ns are taken as 1 ns.
    pub fn new(step_ns: i64) -> Self {
        ClockReturns {
            step_ns: step_ns.max(1),
            next_ns: None,
            mid: None,
            sampled: None,
        }
    }

    /// Distance of samples in seconds.
    pub fn step_s(&self) -> f64 {
        self.step_ns as f64 * 1e-9
    }

    /// Takes all samples at grid times up to `now_ns` (inclusive) and hands their returns to `take`, oldest first,
    /// each with how often it follows itself: a silence of any length is two calls.
    pub fn advance(&mut self, now_ns: i64, mut take: impl FnMut(Option<f64>, u64)) {
        let Some(next) = self.next_ns else {
            return;
        };
        if now_ns < next {
            return;
        }
        let more = now_ns.saturating_sub(next) / self.step_ns;
        // The logarithm of the ratio: a difference of logarithms would lose the last digits of a move by a tick.
        let both = self.mid.zip(self.sampled);
        take(both.map(|(now, before)| libm::log(now / before)), 1);
        if more > 0 {
            // The mid stood still since: a return of exactly zero, where there is a mid.
            take(self.mid.map(|_| 0.0), more.unsigned_abs());
        }
        self.sampled = self.mid;
        let steps = more.saturating_add(1);
        self.next_ns = Some(next.saturating_add(steps.saturating_mul(self.step_ns)));
    }

    /// Sets the mid from `now_ns` on; call [`Self::advance`] up to then first. None, and any mid that is no positive
    /// finite number, means that there is no mid.
    pub fn set(&mut self, now_ns: i64, mid: Option<f64>) {
        self.mid = mid.filter(|mid| *mid > 0.0 && mid.is_finite());
        if self.next_ns.is_none() && self.mid.is_some() {
            let step = self.step_ns;
            self.next_ns = Some(
                now_ns
                    .div_euclid(step)
                    .saturating_add(1)
                    .saturating_mul(step),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(clock: &mut ClockReturns, now_ns: i64) -> Vec<(Option<f64>, u64)> {
        let mut taken = Vec::new();
        clock.advance(now_ns, |r, times| taken.push((r, times)));
        taken
    }

    #[test]
    fn samples_know_what_came_before_them() {
        let mut clock = ClockReturns::new(10);
        assert!(returns(&mut clock, 1_000).is_empty());
        clock.set(3, Some(1.0));
        assert!(returns(&mut clock, 9).is_empty());
        // The first sample has no predecessor.
        assert_eq!(returns(&mut clock, 10), [(None, 1)]);
        // Set at the grid time itself, so known at the next one only.
        clock.set(10, Some(std::f64::consts::E));
        assert!(returns(&mut clock, 10).is_empty());
        assert_eq!(returns(&mut clock, 20), [(Some(1.0), 1)]);
        assert_eq!(returns(&mut clock, 45), [(Some(0.0), 1), (Some(0.0), 1)]);
        clock.set(45, None);
        assert_eq!(returns(&mut clock, 60), [(None, 1), (None, 1)]);
        clock.set(61, Some(1.0));
        assert_eq!(returns(&mut clock, 80), [(None, 1), (Some(0.0), 1)]);
    }

    #[test]
    fn what_happens_between_samples_does_not_matter() {
        let mut clock = ClockReturns::new(10);
        clock.set(5, Some(1.0));
        assert_eq!(returns(&mut clock, 10), [(None, 1)]);
        clock.set(12, None);
        clock.set(13, Some(f64::NAN));
        clock.set(15, Some(std::f64::consts::E));
        assert_eq!(returns(&mut clock, 20), [(Some(1.0), 1)]);
    }

    #[test]
    fn absurd_silence_is_two_calls_and_keeps_the_grid() {
        let mut clock = ClockReturns::new(10);
        clock.set(5, Some(2.0));
        let taken = returns(&mut clock, 1_000_000_000_000);
        assert_eq!(taken, [(None, 1), (Some(0.0), 99_999_999_999)]);
        assert!(returns(&mut clock, 1_000_000_000_009).is_empty());
        assert_eq!(returns(&mut clock, 1_000_000_000_010), [(Some(0.0), 1)]);
        clock.advance(i64::MAX, |_, _| ());
        clock.advance(i64::MAX, |_, _| ());
    }
}
