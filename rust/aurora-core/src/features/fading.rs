//! Exponentially fading sums and the rates they give.

use serde::{Deserialize, Serialize};

use super::Undefined;
use crate::math::fade;

/// Seconds in a nanosecond.
const SECOND: f64 = 1e-9;

/// A sum whose parts fade by half in each half-life, and the time it was watched for, faded alike.
///
/// With parts a_i at times t_i and counting begun at t_0, the rate at t is
/// Σ a_i·2^(−(t − t_i)/h) ÷ ∫ 2^(−(t − s)/h) ds over [t_0, t]: what a steady stream of parts brings a second, also
/// while t − t_0 is short against h.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FadingRate {
    half_life_ns: i64,
    sum: f64,
    clock_ns: i64,
    /// When counting began; None while it is interrupted.
    started_ns: Option<i64>,
}

impl FadingRate {
    /// A half-life below one nanosecond counts as one.
    pub fn new(half_life_ns: i64) -> Self {
        FadingRate {
            half_life_ns: half_life_ns.max(1),
            sum: 0.0,
            clock_ns: 0,
            started_ns: None,
        }
    }

    fn fade(&self, from_ns: i64, now_ns: i64) -> f64 {
        if now_ns <= from_ns {
            return 1.0;
        }
        fade((now_ns - from_ns) as f64, self.half_life_ns as f64)
    }

    /// Begins to count, unless it has begun.
    pub fn start(&mut self, now_ns: i64) {
        if self.started_ns.is_none() {
            self.started_ns = Some(now_ns);
            self.clock_ns = now_ns;
        }
    }

    /// Whether parts count at present.
    pub fn is_counting(&self) -> bool {
        self.started_ns.is_some()
    }

    /// What would be counted cannot be seen any more: forgets everything until the next start.
    pub fn interrupt(&mut self) {
        *self = FadingRate::new(self.half_life_ns);
    }

    /// Adds a part; one that comes while nothing is counted is dropped.
    pub fn add(&mut self, now_ns: i64, amount: f64) {
        if self.started_ns.is_some() {
            self.sum = self.sum * self.fade(self.clock_ns, now_ns) + amount;
            self.clock_ns = self.clock_ns.max(now_ns);
        }
    }

    /// The faded sum.
    pub fn sum(&self, now_ns: i64) -> f64 {
        self.sum * self.fade(self.clock_ns, now_ns)
    }

    /// Parts per second; [`Undefined::WarmingUp`] until one half-life has been watched.
    pub fn rate(&self, now_ns: i64) -> Result<f64, Undefined> {
        let started = self.started_ns.ok_or(Undefined::NoTouch)?;
        if now_ns.saturating_sub(started) < self.half_life_ns {
            return Err(Undefined::WarmingUp);
        }
        let whole = self.half_life_ns as f64 * SECOND / std::f64::consts::LN_2;
        Ok(self.sum(now_ns) / (whole * (1.0 - self.fade(started, now_ns))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_stream_gives_its_rate() {
        let mut rate = FadingRate::new(2_000_000_000);
        rate.start(0);
        for ms in 1..=60_000i64 {
            rate.add(ms * 1_000_000 - 500_000, 3.0);
            if ms == 2_000 || ms == 60_000 {
                let value = rate.rate(ms * 1_000_000).unwrap();
                assert!((value / 3_000.0 - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn nothing_is_known_before_a_half_life_and_zero_after() {
        let mut rate = FadingRate::new(1_000);
        rate.add(5, 7.0);
        assert_eq!(rate.rate(10_000), Err(Undefined::NoTouch));
        rate.start(100);
        rate.start(900);
        assert_eq!(rate.rate(1_099), Err(Undefined::WarmingUp));
        assert_eq!(rate.rate(1_100), Ok(0.0));
        rate.add(1_200, 1.0);
        assert!((rate.sum(2_200) - 0.5).abs() < 1e-12);
        rate.interrupt();
        assert_eq!(rate.rate(1_200), Err(Undefined::NoTouch));
    }

    proptest! {
        #[test]
        fn rates_equal_the_plain_sum(
            parts in proptest::collection::vec((0i64..3_000_000_000, 0.0f64..50.0), 1..30),
            half_life in 500_000_000i64..5_000_000_000,
            start in 0i64..1_000_000_000,
        ) {
            let mut parts = parts;
            parts.sort_by_key(|(at, _)| *at);
            let mut rate = FadingRate::new(half_life);
            rate.start(start);
            for (at, amount) in &parts {
                rate.add(start + at, *amount);
            }
            let bytes = postcard::to_allocvec(&rate).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<FadingRate>(&bytes).unwrap(), &rate);
            let now = 10_000_000_000i64;
            let age = |at: i64| (now - at) as f64 / half_life as f64;
            let sum: f64 = parts.iter().map(|(at, a)| a * 0.5f64.powf(age(start + at))).sum();
            let seconds = half_life as f64 / 1e9 / 2f64.ln() * (1.0 - 0.5f64.powf(age(start)));
            prop_assert!((rate.sum(now) - sum).abs() < 1e-9);
            prop_assert!((rate.rate(now).unwrap() - sum / seconds).abs() < 1e-9);
        }
    }
}
