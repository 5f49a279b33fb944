//! Exponentially weighted moving average of the mid at irregular times.

use serde::{Deserialize, Serialize};

use super::Undefined;
use crate::math::exp2;

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

/// Exponentially weighted moving average with α = 1 − 2^(−dt / half-life), dt being the time since the observation
/// before.
///
/// Of several observations at one time the last counts.
// Plain fields, not structs that are moved as a whole: a wide load of what narrow stores have just written waits for
// all of them, and then the fading, which needs the times alone, would wait for the mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EwmaMid {
    /// 1 / half-life: a division in each update would be most of its time.
    half_lives_per_ns: f64,
    form: EwmaForm,
    newest_ns: i64,
    mean: f64,
    /// Σ w (1 in the recursion); 0 before the first observation.
    weight: f64,
    /// The mean of the observations before the newest time, and what it keeps of the whole now.
    mean_before: f64,
    kept: f64,
}

impl EwmaMid {
    /// `half_life_ns` below 1 is taken as 1.
    pub fn new(half_life_ns: i64, form: EwmaForm) -> Self {
        EwmaMid {
            half_lives_per_ns: 1.0 / half_life_ns.max(1) as f64,
            form,
            newest_ns: i64::MIN,
            mean: 0.0,
            weight: 0.0,
            mean_before: 0.0,
            kept: 0.0,
        }
    }

    /// Takes an observation; what is not finite is left out. A time before the newest counts as the newest.
    #[inline]
    pub fn update(&mut self, now_ns: i64, mid: f64) {
        if !mid.is_finite() {
            return;
        }
        if self.weight == 0.0 {
            (self.newest_ns, self.weight) = (now_ns, 1.0);
        } else if now_ns > self.newest_ns {
            let age_ns = now_ns.saturating_sub(self.newest_ns) as f64;
            let fade = exp2(-age_ns * self.half_lives_per_ns);
            self.newest_ns = now_ns;
            self.mean_before = self.mean;
            self.kept = match self.form {
                EwmaForm::Recursion => fade,
                EwmaForm::WeightedMean => {
                    self.weight = self.weight * fade + 1.0;
                    1.0 - 1.0 / self.weight
                }
            };
        }
        // Not mean_before + α·(mid − mean_before), whose three steps each wait for the one before.
        self.mean = self.kept * self.mean_before + (1.0 - self.kept) * mid;
    }

    /// The average, in the unit of the mids.
    ///
    /// # Errors
    /// Warming up before the first observation.
    #[inline]
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.weight == 0.0 {
            return Err(Undefined::WarmingUp);
        }
        Ok(self.mean)
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
