//! Imbalance of resting sizes and the mid it weighs.

/// Order book imbalance (bid − ask) / (bid + ask) in [−1, 1] of two summed sizes, None when both are zero
/// (Gould and Bonart 2016 call the one-level form queue imbalance).
pub fn imbalance(bid_size: i64, ask_size: i64) -> Option<f64> {
    let total = bid_size as f64 + ask_size as f64;
    (total > 0.0).then(|| (bid_size as f64 - ask_size as f64) / total)
}

/// Weighted mid I·ask + (1 − I)·bid with I = bid size / (bid size + ask size), in the prices' unit.
pub fn weighted_mid(bid: f64, bid_size: i64, ask: f64, ask_size: i64) -> Option<f64> {
    let total = bid_size as f64 + ask_size as f64;
    (total > 0.0).then(|| {
        let share = bid_size as f64 / total;
        share * ask + (1.0 - share) * bid
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reference_numbers() {
        assert!((imbalance(10, 5).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert!((imbalance(60, 40).unwrap() - 0.2).abs() < 1e-12);
        assert!(
            (weighted_mid(100.0, 10, 101.0, 5).unwrap() - 100.666_666_666_666_67).abs() < 1e-12
        );
        assert_eq!(imbalance(0, 0), None);
        assert_eq!(weighted_mid(1.0, 0, 2.0, 0), None);
    }
}
