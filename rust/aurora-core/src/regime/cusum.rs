//! Two-sided tabular CUSUM: has the mean moved away from a known one?

use super::error::{check_real, require, require_positive, require_real, DetectorError};
use serde::{Deserialize, Serialize};

/// Settings of [`Cusum`], in standard deviations of a standardised input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CusumSettings {
    /// k, at least 0: half the shift to be found soonest.
    pub allowance: f64,
    /// h: the test alarms above it. Choose it from a wanted run length between false alarms.
    pub threshold: f64,
}

/// What one observation told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CusumValue {
    pub upper: f64,
    pub lower: f64,
    /// +1: the mean has risen, -1: it has fallen, 0: no alarm.
    pub alarm: i8,
}

/// Page's (1954) cumulative sums, tabular form (Montgomery, *Statistical Quality Control*, ch. 9):
/// `upper = max(0, upper + x - k)`, `lower = max(0, lower - x - k)`, an alarm when either exceeds h. The input has mean
/// 0 and standard deviation 1 while nothing has changed. The observation after an alarm begins anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    settings: CusumSettings,
    upper: f64,
    lower: f64,
    alarmed: bool,
}

impl Cusum {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: CusumSettings) -> Result<Self, DetectorError> {
        require_real("allowance", settings.allowance)?;
        require(
            settings.allowance >= 0.0,
            "allowance",
            settings.allowance,
            "at least 0",
        )?;
        require_positive("threshold", settings.threshold)?;
        Ok(Self {
            settings,
            upper: 0.0,
            lower: 0.0,
            alarmed: false,
        })
    }

    /// Forgets every observation.
    pub fn reset(&mut self) {
        self.upper = 0.0;
        self.lower = 0.0;
        self.alarmed = false;
    }

    /// Takes one observation.
    ///
    /// # Errors
    /// It is not finite or above 1e60 in magnitude.
    pub fn update(&mut self, x: f64) -> Result<CusumValue, DetectorError> {
        check_real("x", x)?;
        if self.alarmed {
            self.reset();
        }
        let CusumSettings {
            allowance,
            threshold,
        } = self.settings;
        self.upper = (self.upper + x - allowance).max(0.0);
        self.lower = (self.lower - x - allowance).max(0.0);
        // One sum rises and the other falls, so both cannot cross at once.
        let alarm = i8::from(self.upper > threshold) - i8::from(self.lower > threshold);
        self.alarmed = alarm != 0;
        Ok(CusumValue {
            upper: self.upper,
            lower: self.lower,
            alarm,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::regime::test_support::SplitMix;
    use proptest::prelude::*;

    fn cusum(allowance: f64, threshold: f64) -> Cusum {
        Cusum::new(CusumSettings {
            allowance,
            threshold,
        })
        .unwrap()
    }

    /// Mean number of observations to an alarm and its standard error, over `runs`.
    fn run_length(threshold: f64, shift: f64, runs: u32, seed: u64) -> (f64, f64) {
        let mut random = SplitMix(seed);
        let mut test = cusum(0.5, threshold);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..runs {
            let mut n = 1.0;
            while test.update(random.normal() + shift).unwrap().alarm == 0 {
                n += 1.0;
            }
            sum += n;
            squares += n * n;
        }
        let count = f64::from(runs);
        let mean = sum / count;
        (mean, ((squares / count - mean * mean) / count).sqrt())
    }

    /// Montgomery's tables (quant.md, section 4), rounded to three digits, within three standard errors of 4,000 runs.
    #[test]
    fn average_run_lengths_are_those_of_the_tables() {
        for (threshold, shift, want, rounding) in [
            (4.0, 0.0, 168.0, 0.5),
            (5.0, 0.0, 465.0, 0.5),
            (4.0, 1.0, 8.38, 0.005),
            (5.0, 1.0, 10.4, 0.05),
        ] {
            let (mean, error) = run_length(threshold, shift, 4000, 11);
            assert!(
                (mean - want).abs() < 3.0 * error + rounding,
                "h {threshold} shift {shift}: {mean} ± {error}, not {want}"
            );
        }
    }

    #[test]
    fn alarms_above_the_threshold_only_and_says_which_way() {
        let mut test = cusum(0.5, 2.0);
        assert_eq!(test.update(2.5).unwrap().alarm, 0, "2.0 is not above 2.0");
        let value = test.update(0.75).unwrap();
        assert_eq!((value.upper, value.lower, value.alarm), (2.25, 0.0, 1));
        assert_eq!(
            test.update(-3.0).unwrap().alarm,
            -1,
            "begun anew, then down"
        );
        let value = test.update(0.5).unwrap();
        assert_eq!((value.upper, value.lower, value.alarm), (0.0, 0.0, 0));
    }

    #[test]
    fn bad_inputs_are_refused_and_leave_the_state() {
        let mut test = cusum(0.5, 4.0);
        test.update(2.0).unwrap();
        let before = test.clone();
        for x in [f64::NAN, f64::INFINITY, -2e100] {
            assert!(test.update(x).is_err());
            assert_eq!(test, before);
        }
        for (allowance, threshold) in [
            (-0.1, 4.0),
            (f64::NAN, 4.0),
            (0.5, 0.0),
            (0.5, f64::INFINITY),
        ] {
            assert!(Cusum::new(CusumSettings {
                allowance,
                threshold
            })
            .is_err());
        }
    }

    proptest! {
        /// Without a reset, the upper sum is the greatest sum of the last m terms, m = 0 included.
        #[test]
        fn equals_the_greatest_suffix_sum(xs in prop::collection::vec(-3.0..3.0f64, 1..60), k in 0.0..1.0f64) {
            let mut test = cusum(k, 1e9);
            for n in 0..xs.len() {
                let bytes = postcard::to_allocvec(&test).unwrap();
                test = postcard::from_bytes(&bytes).unwrap();
                let value = test.update(xs[n]).unwrap();
                let greatest = |sign: f64| {
                    (0..=n + 1)
                        .map(|m| xs[m..=n].iter().map(|x| sign * x - k).sum::<f64>())
                        .fold(f64::NEG_INFINITY, f64::max)
                };
                prop_assert!((value.upper - greatest(1.0)).abs() < 1e-9);
                prop_assert!((value.lower - greatest(-1.0)).abs() < 1e-9);
            }
        }
    }
}
