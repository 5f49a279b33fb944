//! Log returns of prices that are near each other.

/// ln(to / from) of two positive numbers. Relative error below 2^-51.
///
/// Near 1 the ratio's logarithm is 2·artanh((to − from) / (to + from)): the difference is exact there, so no digit of a
/// small return is lost, and the series is short (Abramowitz and Stegun 4.1.27).
#[inline]
pub fn log_ratio(to: f64, from: f64) -> f64 {
    let (difference, sum) = (to - from, to + from);
    if difference.abs() * 128.0 > sum || !sum.is_finite() {
        return if difference.abs() * 3.0 <= sum {
            libm::log1p(difference / from)
        } else {
            libm::log(to / from)
        };
    }
    let s = difference / sum;
    let square = s * s;
    let tail = square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square / 9.0)));
    2.0 * (s + s * tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references() {
        assert_eq!(log_ratio(5.0, 5.0), 0.0);
        assert_eq!(log_ratio(2.0, 1.0), std::f64::consts::LN_2);
        // 30 digits by decimal arithmetic: ln(1.001) and ln(60000.1 / 60000).
        assert!((log_ratio(1001.0, 1000.0) / 9.995_003_330_835_332e-4 - 1.0).abs() < 4e-16);
        assert!(log_ratio(1.0, 0.0).is_infinite());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn equals_the_logarithm_of_one_and_a_difference(
            from in 1e-6..1e9f64, shift in prop_oneof![-0.9..0.9f64, -1e-2..1e-2f64, -1e-7..1e-7f64],
        ) {
            let to = from * (1.0 + shift);
            // Beyond a factor of two the difference is rounded, and its logarithm less exact than the ratio's.
            let exact = if (0.5..=2.0).contains(&(to / from)) {
                libm::log1p((to - from) / from)
            } else {
                libm::log(to / from)
            };
            prop_assert!((log_ratio(to, from) - exact).abs() <= 6e-16 * exact.abs(), "{to} {from}");
            if (to - from).abs() * 128.0 <= to + from {
                prop_assert_eq!(log_ratio(from, to), -log_ratio(to, from));
            }
        }
    }
}
