//! Page-Hinkley test: has the mean moved away from the running mean?

use super::error::{check_real, require, require_positive, require_real, DetectorError};
use serde::{Deserialize, Serialize};

/// Which shifts of the mean a test looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    Up,
    Down,
    Both,
}

/// Settings of [`PageHinkley`]; `delta` and `threshold` in the unit of the input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkleySettings {
    /// Drift of the mean that is tolerated per observation, at least 0.
    pub delta: f64,
    /// The test alarms above it.
    pub threshold: f64,
    /// What a sum keeps from one observation to the next, in (0, 1].
    pub fading: f64,
    /// Observations before the test may alarm, the current one included; at least 1.
    pub minimum_observations: u64,
    pub direction: Direction,
}

/// What one observation told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkleyValue {
    /// Rise of the upward sum above its minimum.
    pub increase: f64,
    /// Fall of the downward sum below its maximum.
    pub decrease: f64,
    /// +1: the mean has risen, -1: it has fallen, 0: no alarm.
    pub alarm: i8,
}

/// Page's (1954) test against the running mean, as in river's `PageHinkley`:
/// `mean_n = mean + (x - mean) / n` with the current x, `U = fading U + (x - mean_n - delta)`,
/// `D = fading D + (x - mean_n + delta)`; an alarm when `U - min U` or `max D - D` exceeds the threshold.
///
/// Only the sums fade, neither the mean nor the extremes. The observation after an alarm begins anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    observations: u64,
    mean: f64,
    upward: f64,
    downward: f64,
    least_upward: f64,
    greatest_downward: f64,
    alarmed: bool,
}

impl PageHinkley {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: PageHinkleySettings) -> Result<Self, DetectorError> {
        require_real("delta", settings.delta)?;
        require(settings.delta >= 0.0, "delta", settings.delta, "at least 0")?;
        require_positive("threshold", settings.threshold)?;
        require(
            settings.fading > 0.0 && settings.fading <= 1.0,
            "fading",
            settings.fading,
            "in (0, 1]",
        )?;
        require(
            settings.minimum_observations >= 1,
            "minimum_observations",
            settings.minimum_observations,
            "at least 1",
        )?;
        Ok(Self {
            settings,
            observations: 0,
            mean: 0.0,
            upward: 0.0,
            downward: 0.0,
            least_upward: 0.0,
            greatest_downward: 0.0,
            alarmed: false,
        })
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.observations = 0;
        self.mean = 0.0;
        self.upward = 0.0;
        self.downward = 0.0;
        self.alarmed = false;
    }

    /// Takes one observation.
    ///
    /// # Errors
    /// It is not finite or above 1e60 in magnitude.
    pub fn update(&mut self, x: f64) -> Result<PageHinkleyValue, DetectorError> {
        check_real("x", x)?;
        if self.alarmed {
            self.reset();
        }
        let settings = self.settings;
        self.observations += 1;
        self.mean += (x - self.mean) / self.observations as f64;
        let deviation = x - self.mean;
        self.upward = settings.fading * self.upward + deviation - settings.delta;
        self.downward = settings.fading * self.downward + deviation + settings.delta;
        if self.observations == 1 {
            self.least_upward = self.upward;
            self.greatest_downward = self.downward;
        } else {
            self.least_upward = self.least_upward.min(self.upward);
            self.greatest_downward = self.greatest_downward.max(self.downward);
        }
        let increase = self.upward - self.least_upward;
        let decrease = self.greatest_downward - self.downward;
        let ready = self.observations >= settings.minimum_observations;
        let up = settings.direction != Direction::Down && increase > settings.threshold;
        let down = settings.direction != Direction::Up && decrease > settings.threshold;
        let alarm = match (ready, up, down) {
            (true, true, _) => 1,
            (true, false, true) => -1,
            _ => 0,
        };
        self.alarmed = alarm != 0;
        Ok(PageHinkleyValue {
            increase,
            decrease,
            alarm,
        })
    }

    /// Observations since the last reset.
    pub fn observations(&self) -> u64 {
        self.observations
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn settings(threshold: f64) -> PageHinkleySettings {
        PageHinkleySettings {
            delta: 0.005,
            threshold,
            fading: 0.9999,
            minimum_observations: 30,
            direction: Direction::Both,
        }
    }

    fn step_alarm(threshold: f64) -> Option<usize> {
        let mut test = PageHinkley::new(settings(threshold)).unwrap();
        (0..200).find(|i| test.update(f64::from(*i >= 100)).unwrap().alarm != 0)
    }

    /// quant.md, section 4.
    #[test]
    fn a_step_of_one_is_found_at_the_reference_index() {
        assert_eq!(step_alarm(5.0), Some(105));
        assert_eq!(step_alarm(10.0), Some(110));
    }

    #[test]
    fn directions_see_their_own_shift() {
        for (direction, rise, want) in [
            (Direction::Up, 1.0, Some(1)),
            (Direction::Up, -1.0, None),
            (Direction::Down, -1.0, Some(-1)),
            (Direction::Down, 1.0, None),
            (Direction::Both, 1.0, Some(1)),
            (Direction::Both, -1.0, Some(-1)),
        ] {
            let given = PageHinkleySettings {
                direction,
                ..settings(5.0)
            };
            let mut test = PageHinkley::new(given).unwrap();
            let found = (0..150)
                .map(|i| if i < 100 { 0.0 } else { rise })
                .map(|x| test.update(x).unwrap().alarm)
                .find(|alarm| *alarm != 0);
            assert_eq!(found, want, "{direction:?} {rise}");
        }
    }

    #[test]
    fn an_alarm_needs_more_than_the_threshold_and_enough_observations() {
        // 0, 0, 3 without drift or fading: the mean is 1 and the rise 2.
        let given = PageHinkleySettings {
            delta: 0.0,
            threshold: 2.0,
            fading: 1.0,
            minimum_observations: 3,
            direction: Direction::Both,
        };
        let third = |given| {
            let mut test = PageHinkley::new(given).unwrap();
            test.update(0.0).unwrap();
            test.update(0.0).unwrap();
            test.update(3.0).unwrap()
        };
        assert_eq!(third(given).increase, 2.0);
        assert_eq!(third(given).alarm, 0);
        let lower = PageHinkleySettings {
            threshold: 1.999,
            ..given
        };
        assert_eq!(third(lower).alarm, 1);
        let later = PageHinkleySettings {
            minimum_observations: 4,
            ..lower
        };
        assert_eq!(third(later).alarm, 0);
    }

    #[test]
    fn after_an_alarm_it_is_as_new() {
        let mut test = PageHinkley::new(settings(5.0)).unwrap();
        while test
            .update(f64::from(test.observations() >= 100))
            .unwrap()
            .alarm
            == 0
        {}
        let mut new = PageHinkley::new(settings(5.0)).unwrap();
        for i in 0..300 {
            let x = f64::from(i % 7) + f64::from(i / 150);
            assert_eq!(test.update(x).unwrap(), new.update(x).unwrap());
        }
    }

    #[test]
    fn bad_inputs_are_refused_and_leave_the_state() {
        let mut test = PageHinkley::new(settings(5.0)).unwrap();
        test.update(1.0).unwrap();
        let before = test.clone();
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.1e60] {
            assert!(test.update(x).is_err());
            assert_eq!(test, before);
        }
        for bad in [
            PageHinkleySettings {
                delta: -0.1,
                ..settings(5.0)
            },
            PageHinkleySettings {
                delta: f64::NAN,
                ..settings(5.0)
            },
            PageHinkleySettings {
                threshold: 0.0,
                ..settings(5.0)
            },
            PageHinkleySettings {
                threshold: f64::INFINITY,
                ..settings(5.0)
            },
            PageHinkleySettings {
                fading: 0.0,
                ..settings(5.0)
            },
            PageHinkleySettings {
                fading: 1.01,
                ..settings(5.0)
            },
            PageHinkleySettings {
                minimum_observations: 0,
                ..settings(5.0)
            },
        ] {
            assert!(PageHinkley::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// The definition over the whole history: mean of all, sums with explicit fading weights.
        #[test]
        fn equals_the_full_history(
            xs in prop::collection::vec(-5.0..5.0f64, 1..60),
            fading in 0.5..=1.0f64,
            delta in 0.0..0.5f64,
        ) {
            let given = PageHinkleySettings { delta, fading, threshold: 1e9, ..settings(1.0) };
            let mut test = PageHinkley::new(given).unwrap();
            let deviations: Vec<f64> = (0..xs.len())
                .map(|i| xs[i] - xs[..=i].iter().sum::<f64>() / (i + 1) as f64)
                .collect();
            let sum = |n: usize, drift: f64| -> f64 {
                (0..=n).map(|i| fading.powi((n - i) as i32) * (deviations[i] + drift)).sum()
            };
            for (n, x) in xs.iter().enumerate() {
                let bytes = postcard::to_allocvec(&test).unwrap();
                test = postcard::from_bytes(&bytes).unwrap();
                let value = test.update(*x).unwrap();
                let least = (0..=n).map(|i| sum(i, -delta)).fold(f64::INFINITY, f64::min);
                let greatest = (0..=n).map(|i| sum(i, delta)).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((value.increase - (sum(n, -delta) - least)).abs() < 1e-9);
                prop_assert!((value.decrease - (greatest - sum(n, delta))).abs() < 1e-9);
            }
        }
    }
}
