//! Realised volatility from mid changes.

use serde::{Deserialize, Serialize};

use crate::math::{fade, log_ratio};

/// Exponentially weighted variance rate of log mid returns.
///
/// On each mid change r over dt: S ← S·2^(−dt/h) + r², T ← T·2^(−dt/h) + weight of dt, where a second's weight is
/// integrated over the interval; the rate is S/T per second. Mids, not trades: bid-ask bounce is no volatility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealisedVolatility {
    half_life_s: f64,
    minimum_changes: u32,
    squares: f64,
    seconds: f64,
    changes: u32,
    last: Option<(i64, f64)>,
    clock_ns: i64,
}

impl RealisedVolatility {
    pub fn new(half_life_ns: i64, minimum_changes: u32) -> Self {
        RealisedVolatility {
            half_life_s: half_life_ns as f64 * 1e-9,
            minimum_changes,
            squares: 0.0,
            seconds: 0.0,
            changes: 0,
            last: None,
            clock_ns: 0,
        }
    }

    /// Sums faded and lengthened to `now_ns`.
    fn faded(&self, now_ns: i64) -> (f64, f64) {
        if now_ns == self.clock_ns {
            return (self.squares, self.seconds);
        }
        let dt = (now_ns - self.clock_ns) as f64 * 1e-9;
        let fade = fade(dt, self.half_life_s);
        let weight = self.half_life_s / std::f64::consts::LN_2 * (1.0 - fade);
        (self.squares * fade, self.seconds * fade + weight)
    }

    #[inline]
    pub fn update(&mut self, now_ns: i64, mid: f64) {
        match self.last {
            None => {
                if self.changes == 0 {
                    self.clock_ns = now_ns;
                }
            }
            Some((_, last)) if last == mid => return,
            Some((_, last)) => {
                let change = log_ratio(mid, last);
                let (squares, seconds) = self.faded(now_ns);
                self.squares = squares + change * change;
                self.seconds = seconds;
                self.clock_ns = now_ns;
                self.changes = self.changes.saturating_add(1);
            }
        }
        self.last = Some((now_ns, mid));
    }

    /// The mid is gone: the next one is no return from the last.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    /// Volatility in basis points per square-root second; None before enough changes.
    #[inline]
    pub fn value(&self, now_ns: i64) -> Option<f64> {
        if self.changes < self.minimum_changes {
            return None;
        }
        let (squares, seconds) = self.faded(now_ns);
        (seconds > 0.0).then(|| (squares / seconds).sqrt() * 1e4)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_long_half_life_gives_the_plain_mean() {
        // Reference returns of the realised-variance example, one a second: sum of squares 8.5e-6 over 5 s.
        let returns = [0.001, -0.002, 0.0015, 0.0005, -0.001];
        let mut kernel = RealisedVolatility::new(1_000_000_000_000_000, 5);
        let mut log_mid = 4.6f64;
        kernel.update(0, log_mid.exp());
        for (i, r) in returns.iter().enumerate() {
            assert_eq!(kernel.value(i as i64), None);
            log_mid += r;
            kernel.update((i as i64 + 1) * 1_000_000_000, log_mid.exp());
        }
        let expected = (8.5e-6f64 / 5.0).sqrt() * 1e4;
        assert!((kernel.value(5_000_000_000).unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn volatility_fades_in_silence_and_matches_a_plain_sum() {
        let mut kernel = RealisedVolatility::new(2_000_000_000, 1);
        kernel.update(0, 100.0);
        kernel.update(1_000_000_000, 100.1);
        kernel.update(3_000_000_000, 100.0);
        let now = 7.0f64;
        let fade = |age: f64| 2f64.powf(-age / 2.0);
        let squares = (100.1f64 / 100.0).ln().powi(2) * (fade(now - 1.0) + fade(now - 3.0));
        let seconds = 2.0 / 2f64.ln() * (1.0 - fade(now));
        let expected = (squares / seconds).sqrt() * 1e4;
        assert!((kernel.value(7_000_000_000).unwrap() - expected).abs() < 1e-9);
    }
}
