//! Predictive density of a normal with unknown mean and variance: Student's t in its conjugate form.

/// From here on the asymptotic series of the gamma ratio is exact to f64.
const SERIES_FROM: f64 = 25.0;

/// `ln Gamma(a + 1/2) - ln Gamma(a)` for a > 0.
///
/// For large a both terms are huge and nearly equal, so there it is the asymptotic series
/// `ln(a)/2 - 1/(8a) + 1/(192 a^3) - 1/(640 a^5) + 17/(14336 a^7)` (Tricomi and Erdélyi 1951).
fn half_gamma_ratio(a: f64) -> f64 {
    if a < SERIES_FROM {
        return libm::lgamma(a + 0.5) - libm::lgamma(a);
    }
    let inverse = 1.0 / a;
    let square = inverse * inverse;
    let series =
        -0.125 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * 17.0 / 14336.0));
    0.5 * libm::log(a) + inverse * series
}

/// Log density at a `deviation` from the centre of Student's t with `2 alpha` degrees of freedom and squared scale
/// `spread / (2 alpha)`.
pub(super) fn log_density(alpha: f64, spread: f64, deviation: f64) -> f64 {
    half_gamma_ratio(alpha)
        - 0.5 * libm::log(std::f64::consts::PI * spread)
        - (alpha + 0.5) * libm::log1p(deviation * deviation / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cauchy_and_five_degrees_of_freedom() {
        // alpha 1/2 is Cauchy: 1 / (pi (1 + x^2)).
        let cauchy = log_density(0.5, 1.0, 2.0);
        assert!((cauchy + (5.0 * std::f64::consts::PI).ln()).abs() < 1e-14);
        // t5 at 1: 8 / (3 pi sqrt 5) (1 + 1/5)^-3.
        let five = log_density(2.5, 5.0, 1.0);
        let want = (8.0 / (3.0 * std::f64::consts::PI * 5f64.sqrt())).ln() - 3.0 * 1.2f64.ln();
        assert!((five - want).abs() < 1e-14);
    }

    #[test]
    fn the_series_meets_the_gamma_functions() {
        for a in [25.0, 30.5, 60.0, 171.0] {
            let direct = libm::lgamma(a + 0.5) - libm::lgamma(a);
            assert!((half_gamma_ratio(a) - direct).abs() < 1e-12, "{a}");
        }
        // Duplicating steps: ratio(a) + ratio(a + 1/2) = ln a, for any a.
        for a in [0.3, 1.0, 24.6, 24.9, 25.0, 300.0, 1e6] {
            let both = half_gamma_ratio(a) + half_gamma_ratio(a + 0.5);
            assert!((both - f64::ln(a)).abs() < 2e-13, "{a}");
        }
    }
}
