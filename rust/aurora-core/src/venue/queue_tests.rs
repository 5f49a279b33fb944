#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn certain(displayed: i64) -> QueuePosition {
    QueuePosition::join(QueueModel::RiskAverse, displayed, 1)
}

fn estimate(queue: &QueuePosition) -> f64 {
    match queue {
        QueuePosition::Estimated { front, .. } => *front,
        QueuePosition::Certain { front, .. } => *front as f64,
    }
}

/// Front 30 in a level of 100; a trade of 5, then the level shows 80: 15 were cancelled. The published results of
/// each model (Rigtorp 2013 as hftbacktest computes them).
#[test]
fn the_known_example_of_every_model() {
    let n1 = 30.0 - 5.0;
    for (model, expected) in [
        (QueueModel::RiskAverse, n1),
        (QueueModel::RiskAverseLiteral, n1),
        (QueueModel::Power(1.0), 21.25),
        (QueueModel::Log, 18.560_081_22),
    ] {
        let mut queue = QueuePosition::join(model, 100, 1);
        if let QueuePosition::Estimated { front, .. } = &mut queue {
            *front = 30.0;
        } else {
            queue.shows(model, 30, 0);
            // What was capped before must not absorb the trade.
            assert_eq!(queue.trade(0, 1), 0);
        }
        assert_eq!(queue.trade(5, 1), 0);
        queue.shows(model, 80, 2);
        assert!(
            (estimate(&queue) - expected).abs() < 1e-8,
            "{model:?} {}",
            estimate(&queue)
        );
    }
}

#[test]
fn probabilities_lie_between_none_and_all_and_grow_with_the_back() {
    let models = [
        QueueModel::Power(0.5),
        QueueModel::Power(3.0),
        QueueModel::PowerOfTotal(2.0),
        QueueModel::PowerOfFront(2.0),
        QueueModel::Log,
        QueueModel::LogOfTotal,
    ];
    for model in models {
        assert_eq!(model.behind(0.0, 0.0), 1.0);
        assert_eq!(model.behind(-3.0, -1.0), 1.0);
        assert_eq!(
            model.behind(0.0, 7.0),
            1.0,
            "at the front all cancels are behind"
        );
        assert_eq!(model.behind(7.0, 0.0), 0.0, "at the back none is");
        let mut last = 0.0;
        for back in 1..50 {
            let behind = model.behind(10.0, f64::from(back));
            assert!((0.0..=1.0).contains(&behind) && behind >= last, "{model:?}");
            last = behind;
        }
    }
    // One quarter of the size stands ahead.
    assert!((QueueModel::PowerOfTotal(2.0).behind(1.0, 3.0) - 9.0 / 16.0).abs() < 1e-12);
    assert!((QueueModel::PowerOfFront(2.0).behind(1.0, 3.0) - 15.0 / 16.0).abs() < 1e-12);
    assert!((QueueModel::LogOfTotal.behind(1.0, 3.0) - 4f64.ln() / 5f64.ln()).abs() < 1e-12);
}

#[test]
fn a_print_behind_its_own_depth_update_is_not_counted_twice() {
    let mut queue = certain(10);
    queue.shows(QueueModel::RiskAverse, 6, 20);
    assert_eq!(queue.trade(4, 19), 0);
    assert_eq!(queue.front(), 6);
    // A later trade is a new one.
    assert_eq!(queue.trade(8, 21), 2);
    // Taken literally, the same print counts again.
    let mut literal = QueuePosition::join(QueueModel::RiskAverseLiteral, 10, 1);
    literal.shows(QueueModel::RiskAverseLiteral, 6, 20);
    assert_eq!(literal.trade(4, 19), 0);
    assert_eq!(literal.front(), 2);
}

proptest! {
    /// Written the long way: every unit ahead of us is one entry of a list, trades pop it.
    #[test]
    fn agrees_with_a_queue_of_single_units(
        joined in 0i64..30,
        script in prop::collection::vec((any::<bool>(), 0i64..40), 0..40),
    ) {
        let mut queue = certain(joined);
        let mut ahead = vec![(); joined as usize];
        for (step, (is_trade, amount)) in script.into_iter().enumerate() {
            if is_trade {
                let mut reached = 0;
                for _ in 0..amount {
                    if ahead.pop().is_none() {
                        reached += 1;
                    }
                }
                prop_assert_eq!(queue.trade(amount, step as i64), reached);
            } else {
                ahead.truncate(amount as usize);
                queue.shows(QueueModel::RiskAverse, amount, step as i64);
            }
            prop_assert_eq!(queue.front(), ahead.len() as i64);
        }
    }

    /// The recursion of quant.md §1, with the clamps it asks for, in plain variables and another order of terms.
    #[test]
    fn estimates_follow_the_published_recursion(
        joined in 0i64..200,
        script in prop::collection::vec((any::<bool>(), 0i64..250), 0..60),
        which in 0usize..5,
    ) {
        let model = [
            QueueModel::Power(1.0),
            QueueModel::Power(3.0),
            QueueModel::PowerOfTotal(2.0),
            QueueModel::PowerOfFront(3.0),
            QueueModel::Log,
        ][which];
        let share = |front: f64, back: f64| -> f64 {
            if front <= 0.0 && back <= 0.0 {
                return 1.0;
            }
            match which {
                0 => back / (front + back),
                1 => back.powi(3) / (back.powi(3) + front.powi(3)),
                2 => (back / (back + front)).powi(2),
                3 => 1.0 - (front / (back + front)).powi(3),
                _ => back.ln_1p() / (back.ln_1p() + front.ln_1p()),
            }
        };
        let mut queue = QueuePosition::join(model, joined, 1);
        let (mut front, mut previous, mut traded) = (joined as f64, joined, 0i64);
        for (is_trade, amount) in script {
            if is_trade {
                let reached = queue.trade(amount, 0);
                prop_assert_eq!(reached, (amount as f64 - front).max(0.0) as i64);
                front = (front - amount as f64).max(0.0);
                traded += amount;
            } else {
                queue.shows(model, amount, 0);
                if amount != previous {
                    let change = (previous - amount - traded) as f64;
                    if change >= 0.0 {
                        let back = (previous as f64 - front).max(0.0);
                        let p = share(front, back);
                        let spill = back - p * change;
                        front = front - (1.0 - p) * change + if spill < 0.0 { spill } else { 0.0 };
                    }
                    front = front.min(amount as f64).max(0.0);
                    (previous, traded) = (amount, 0);
                }
            }
            // Both sum in another order, so the last digits may differ, and with them a floor.
            prop_assume!((front - front.round()).abs() > 1e-7 || (estimate(&queue) - front).abs() == 0.0);
            prop_assert!((estimate(&queue) - front).abs() <= 1e-9 * (1.0 + front));
        }
    }
}
