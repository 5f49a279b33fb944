//! Exponentially weighted moving average of the mid at irregular times.

use serde::{Deserialize, Serialize};

use super::Undefined;
use crate::math::fade;

/// Which average; the two differ while little has been seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EwmaForm {
    /// y ← y + α·(x − y), beginning at the first x: the recursion (pandas `adjust=False`). The first observation
    /// keeps the weight of all that came before it.
    #[default]
    Recursion,
    /// Σ w·x / Σ w with w = 2^(−age / half-life): the weighted mean (pandas `adjust=True`, its default, the only form
    /// it has for irregular times).
    WeightedMean,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Average {
    time_ns: i64,
    mean: f64,
    /// Σ w (weighted mean only).
    weight: f64,
}

/// Exponentially weighted moving average with α = 1 − 2^(−dt / half-life), dt being the time since the observation
/// before.
///
/// Of several observations at one time the last counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EwmaMid {
    half_life_ns: f64,
    form: EwmaForm,
    /// As it was before the newest observation time.
    before: Average,
    newest: Average,
    /// Observation times seen: none, one, more.
    seen: Seen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Seen {
    None,
    One,
    More,
}

const NOTHING: Average = Average {
    time_ns: i64::MIN,
    mean: 0.0,
    weight: 0.0,
};

impl EwmaMid {
    /// `half_life_ns` below 1 is taken as 1.
    pub fn new(half_life_ns: i64, form: EwmaForm) -> Self {
        EwmaMid {
            half_life_ns: half_life_ns.max(1) as f64,
            form,
            before: NOTHING,
            newest: NOTHING,
            seen: Seen::None,
        }
    }

    /// Takes an observation; what is not finite is left out. A time before the newest counts as the newest.
    pub fn update(&mut self, now_ns: i64, mid: f64) {
        if !mid.is_finite() {
            return;
        }
        let later = now_ns > self.newest.time_ns;
        match self.seen {
            Seen::None => self.seen = Seen::One,
            Seen::One | Seen::More if later => {
                self.before = self.newest;
                self.seen = Seen::More;
            }
            Seen::One | Seen::More => {}
        }
        let time_ns = self.newest.time_ns.max(now_ns);
        if self.seen == Seen::One {
            self.newest = Average {
                time_ns,
                mean: mid,
                weight: 1.0,
            };
            return;
        }
        let before = self.before;
        let age_ns = time_ns.saturating_sub(before.time_ns) as f64;
        let fade = fade(age_ns, self.half_life_ns);
        let (kept, weight) = match self.form {
            EwmaForm::Recursion => (fade, 1.0),
            EwmaForm::WeightedMean => {
                let weight = before.weight * fade + 1.0;
                (1.0 - 1.0 / weight, weight)
            }
        };
        self.newest = Average {
            time_ns,
            // Not before.mean + α·(mid − before.mean), whose three steps each wait for the one before.
            mean: kept * before.mean + (1.0 - kept) * mid,
            weight,
        };
    }

    /// The average, in the unit of the mids.
    ///
    /// # Errors
    /// Warming up before the first observation.
    pub fn value(&self) -> Result<f64, Undefined> {
        match self.seen {
            Seen::None => Err(Undefined::WarmingUp),
            Seen::One | Seen::More => Ok(self.newest.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn path(form: EwmaForm, times: [i64; 4]) -> Vec<f64> {
        let mut kernel = EwmaMid::new(SECOND, form);
        assert_eq!(kernel.value(), Err(Undefined::WarmingUp));
        times
            .iter()
            .zip([1.0, 2.0, 3.0, 4.0])
            .map(|(time, x)| {
                kernel.update(*time, x);
                kernel.value().unwrap()
            })
            .collect()
    }

    fn close(got: Vec<f64>, want: [f64; 4], tolerance: f64) {
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < tolerance, "{got} {want}");
        }
    }

    #[test]
    fn reference_at_one_half_life_apart() {
        // α = 0.5: both forms of pandas.
        let times = [0, SECOND, 2 * SECOND, 3 * SECOND];
        close(
            path(EwmaForm::Recursion, times),
            [1.0, 1.5, 2.25, 3.125],
            1e-12,
        );
        let mean = [1.0, 5.0 / 3.0, 2.428571, 3.266667];
        close(path(EwmaForm::WeightedMean, times), mean, 5e-7);
    }

    #[test]
    fn reference_at_irregular_times() {
        let times = [0, SECOND, 3 * SECOND, 3 * SECOND + SECOND / 2];
        let mean = [1.0, 1.6666667, 2.6363636, 3.3277675];
        close(path(EwmaForm::WeightedMean, times), mean, 5e-8);
        // By hand: 1.5; 1.5 + 0.75·1.5; 2.625 + (1 − 2^−½)·1.375.
        let recursion = [1.0, 1.5, 2.625, 2.625 + (1.0 - 0.5f64.sqrt()) * 1.375];
        close(path(EwmaForm::Recursion, times), recursion, 1e-12);
    }

    proptest! {
        #[test]
        fn equals_the_explicit_weights(
            rows in prop::collection::vec((0i64..5, 50.0..150.0f64), 1..60), half_life in 1i64..20,
        ) {
            for form in [EwmaForm::Recursion, EwmaForm::WeightedMean] {
                let mut kernel = EwmaMid::new(half_life, form);
                let (mut now, mut seen): (i64, Vec<(i64, f64)>) = (0, Vec::new());
                for &(gap, mid) in &rows {
                    now += gap;
                    kernel.update(now, mid);
                    kernel.update(now, f64::NAN);
                    let bytes = postcard::to_allocvec(&kernel).unwrap();
                    kernel = postcard::from_bytes(&bytes).unwrap();
                    seen.retain(|(time, _)| *time != now);
                    seen.push((now, mid));
                    let weight = |time: i64| 2f64.powf(-((now - time) as f64) / half_life as f64);
                    let (mut sum, mut total) = (0.0, 0.0);
                    for (i, &(time, mid)) in seen.iter().enumerate() {
                        let share = match form {
                            EwmaForm::WeightedMean => weight(time),
                            // What the next observation leaves of an observation's α; the first has α = 1.
                            EwmaForm::Recursion if i == 0 => weight(time),
                            EwmaForm::Recursion => weight(time) - weight(seen[i - 1].0),
                        };
                        sum += share * mid;
                        total += share;
                    }
                    prop_assert!((kernel.value().unwrap() - sum / total).abs() < 1e-9);
                }
            }
        }
    }
}
