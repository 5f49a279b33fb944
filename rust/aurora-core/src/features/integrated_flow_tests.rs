#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::{Ladder, SortedLadder};
use crate::features::{MultiLevelFlow, TopLevels};
use crate::instrument::Side;
use proptest::prelude::*;

fn fitted(rows: &[Vec<f64>]) -> IntegratedFit {
    let mut fit = IntegratedFit::new(rows[0].len());
    rows.iter().for_each(|row| fit.update_row(row));
    fit
}

#[test]
fn equal_perfectly_correlated_levels_weigh_the_same() {
    for levels in 1..=MAX_LEVELS {
        let rows: Vec<Vec<f64>> = [0.3, -1.0, 2.5, 0.0, 4.0]
            .iter()
            .map(|value| vec![*value; levels])
            .collect();
        let component = fitted(&rows).fit(2).unwrap();
        for weight in component.weights.weights() {
            assert!((weight - 1.0 / levels as f64).abs() < 1e-12);
        }
        assert!((component.explained - 1.0).abs() < 1e-12);
    }
}

#[test]
fn weights_follow_scale_and_sign() {
    // Levels are multiples 3, 1, −2 of one series: so is the first vector.
    let rows: Vec<Vec<f64>> = [1.0, -0.5, 2.0, 0.25]
        .iter()
        .map(|x| vec![3.0 * x, *x, -2.0 * x])
        .collect();
    let component = fitted(&rows).fit(4).unwrap();
    for (weight, expected) in component
        .weights
        .weights()
        .iter()
        .zip([0.5, 1.0 / 6.0, -1.0 / 3.0])
    {
        assert!((weight - expected).abs() < 1e-12);
    }
}

#[test]
fn a_two_level_covariance_has_its_closed_form() {
    // Covariance [[2, 1], [1, 2]] · 2/3 from four points on the diagonals: eigenvalues 3:1, first vector (1, 1).
    let a = 3f64.sqrt();
    let rows = [vec![a, a], vec![-a, -a], vec![1.0, -1.0], vec![-1.0, 1.0]];
    let component = fitted(&rows).fit(4).unwrap();
    assert!((component.weights.weights()[0] - 0.5).abs() < 1e-12);
    assert!((component.explained - 0.75).abs() < 1e-12);
}

#[test]
fn without_a_first_component_there_are_no_weights() {
    let rows = [
        vec![1.0, 0.0],
        vec![-1.0, 0.0],
        vec![0.0, 1.0],
        vec![0.0, -1.0],
    ];
    assert!(matches!(
        fitted(&rows).fit(2),
        Err(IntegratedWeightsError::NotUnique { .. })
    ));
    assert!(matches!(
        fitted(&[vec![1.0, 2.0], vec![1.0, 2.0]]).fit(2),
        Err(IntegratedWeightsError::NotUnique { first, .. }) if first == 0.0
    ));
    assert_eq!(
        fitted(&rows).fit(5),
        Err(IntegratedWeightsError::TooFewRows {
            rows: 4,
            minimum: 5
        })
    );
    let mut fit = IntegratedFit::new(2);
    fit.update_row(&[f64::NAN, 1.0]);
    fit.update_row(&[1.0]);
    assert_eq!((fit.rows(), fit.covariance()), (0, None));
    for bad in [&[][..], &[0.0, 0.0], &[f64::NAN], &[1.0; 11]] {
        assert!(IntegratedWeights::new(bad).is_err());
    }
}

#[test]
fn the_feature_is_a_weighted_sum_of_scaled_flows() {
    let book = |bid: i64, second: i64| {
        let mut ladder = SortedLadder::default();
        ladder.set(Side::Buy, 100, bid);
        ladder.set(Side::Buy, 99, second);
        ladder.set(Side::Sell, 101, 10);
        ladder.set(Side::Sell, 102, 10);
        TopLevels::of(&ladder, 2)
    };
    let mut kernel = MultiLevelFlow::new(2);
    let weights = IntegratedWeights::new(&[3.0, 1.0]).unwrap();
    kernel.update(&book(10, 10));
    let early = kernel.take();
    assert_eq!(
        integrated_order_flow(Some(&weights), &early),
        Err(Undefined::WarmingUp)
    );
    kernel.update(&book(16, 4));
    let reading = kernel.take();
    // Flows 6 and −6, mean level 10.
    let value = integrated_order_flow(Some(&weights), &reading).unwrap();
    assert!((value - (0.75 * 0.6 - 0.25 * 0.6)).abs() < 1e-12);
    assert_eq!(
        integrated_order_flow(None, &reading),
        Err(Undefined::NotFitted)
    );
    let three = IntegratedWeights::new(&[1.0; 3]).unwrap();
    assert_eq!(
        integrated_order_flow(Some(&three), &reading),
        Err(Undefined::NotFitted)
    );
    let mut fit = IntegratedFit::new(2);
    fit.update(&early);
    fit.update(&reading);
    assert_eq!(fit.rows(), 1);
    let bytes = postcard::to_allocvec(&weights).unwrap();
    assert_eq!(
        postcard::from_bytes::<IntegratedWeights>(&bytes).unwrap(),
        weights
    );
}

proptest! {
    #[test]
    fn the_vector_maximises_variance(
        rows in proptest::collection::vec(proptest::collection::vec(-3.0f64..3.0, 4), 5..40),
        other in proptest::collection::vec(-1.0f64..1.0, 4),
        offset in -1e6f64..1e6,
    ) {
        let shifted: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| row.iter().map(|x| x + offset).collect())
            .collect();
        let fit = fitted(&shifted);
        // Two passes over the rows, against co-moments in one.
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..4).map(|i| rows.iter().map(|r| r[i]).sum::<f64>() / n).collect();
        let covariance = fit.covariance().unwrap();
        for i in 0..4 {
            for j in 0..4 {
                let plain: f64 = rows.iter().map(|r| (r[i] - mean[i]) * (r[j] - mean[j])).sum();
                prop_assert!((covariance[i * 4 + j] - plain / (n - 1.0)).abs() < 1e-8);
            }
        }
        let Ok(component) = fit.fit(2) else { return Ok(()); };
        let weights = component.weights.weights();
        prop_assert!((weights.iter().map(|w| w.abs()).sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(weights.iter().sum::<f64>() >= -1e-12);
        let variance = |vector: &[f64]| -> f64 {
            let mut sum = 0.0;
            for i in 0..4 {
                for j in 0..4 {
                    sum += vector[i] * covariance[i * 4 + j] * vector[j];
                }
            }
            sum / vector.iter().map(|v| v * v).sum::<f64>()
        };
        prop_assume!(other.iter().any(|v| v.abs() > 1e-3));
        prop_assert!(variance(weights) >= variance(&other) - 1e-9);
    }

    #[test]
    fn state_survives_as_bytes(
        rows in proptest::collection::vec(proptest::collection::vec(-3.0f64..3.0, 3), 4..20),
    ) {
        let (head, tail) = rows.split_at(rows.len() / 2);
        let mut fit = fitted(head);
        let bytes = postcard::to_allocvec(&fit).unwrap();
        let mut copy: IntegratedFit = postcard::from_bytes(&bytes).unwrap();
        for row in tail {
            fit.update_row(row);
            copy.update_row(row);
        }
        prop_assert_eq!(&copy, &fit);
        prop_assert_eq!(copy.fit(2), fit.fit(2));
    }
}
