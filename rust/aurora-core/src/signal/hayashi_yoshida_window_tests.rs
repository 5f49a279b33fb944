#![allow(clippy::unwrap_used)]
use super::*;
use crate::signal::hayashi_yoshida;
use proptest::prelude::*;

const TX: [i64; 4] = [0, 1, 3, 6];
const X: [f64; 4] = [0.0, 0.01, 0.03, 0.02];
const TY: [i64; 5] = [0, 2, 3, 5, 6];
const Y: [f64; 5] = [0.0, 0.02, 0.01, 0.03, 0.025];

/// quant.md §2, toy.
#[test]
fn toy_reference() {
    for y_first in [false, true] {
        let mut window = HayashiYoshidaWindow::new(1_000, 3).unwrap();
        for t in 0..=6 {
            let at = |times: &[i64], logs: &[f64]| {
                let i = times.iter().position(|time| *time == t)?;
                Some(100.0 * logs[i].exp())
            };
            for of_y in [y_first, !y_first] {
                match (of_y, at(&TX, &X), at(&TY, &Y)) {
                    (false, Some(mid), _) => window.push_x(t, mid).unwrap(),
                    (true, _, Some(mid)) => window.push_y(t, mid).unwrap(),
                    _ => {}
                }
            }
        }
        let value = window.value(7).unwrap();
        assert!((value.covariance - 2.5e-4).abs() < 1e-15, "{value:?}");
        assert!((value.correlation.unwrap() - 1.0 / 8.88_f64.sqrt()).abs() < 1e-11);
        assert!((value.correlation.unwrap() - 0.3355780270).abs() < 1e-9);
        // RV of X: 1e-4 + 4e-4 + 1e-4.
        assert!((value.beta.unwrap() - 2.5e-4 / 6e-4).abs() < 1e-11);
        assert_eq!((value.changes_x, value.changes_y), (3, 4));
    }
}

#[test]
fn a_value_knows_what_came_before_it_and_buckets_leave_whole() {
    let mut window = HayashiYoshidaWindow::new(10, 2).unwrap();
    window.push_x(0, 1.0).unwrap();
    window.push_y(0, 1.0).unwrap();
    window.push_x(4, 2.0).unwrap();
    window.push_y(4, 2.0).unwrap();
    assert_eq!(window.value(4).unwrap().changes_x, 0);
    let two = std::f64::consts::LN_2 * std::f64::consts::LN_2;
    let close = |got: f64| (got - two).abs() < 1e-15;
    let value = window.value(5).unwrap();
    assert!(close(value.covariance) && close(value.variance_x) && close(value.variance_y));
    // Buckets [0, 10) and [10, 20): at 20 both are there in full, at 21 the first has left.
    assert!(close(window.value(20).unwrap().covariance));
    let gone = window.value(21).unwrap();
    assert_eq!(
        (gone.covariance, gone.changes_x, gone.changes_y),
        (0.0, 0, 0)
    );
    assert_eq!((gone.correlation, gone.beta), (None, None));
    // Beginning anew after a loss.
    window.interrupt_x(30).unwrap();
    window.push_x(31, 8.0).unwrap();
    window.push_y(32, 4.0).unwrap();
    window.push_x(33, 16.0).unwrap();
    let value = window.value(34).unwrap();
    assert_eq!((value.changes_x, value.changes_y), (1, 1));
    assert!(
        close(value.covariance) && close(value.variance_x),
        "{value:?}"
    );
}

#[test]
fn bad_inputs_are_refused() {
    assert!(HayashiYoshidaWindow::new(0, 3).is_err());
    assert!(HayashiYoshidaWindow::new(1, 0).is_err());
    assert!(HayashiYoshidaWindow::new(1, 100_001).is_err());
    let mut window = HayashiYoshidaWindow::new(10, 2).unwrap();
    window.push_x(5, 1.0).unwrap();
    let before = window.clone();
    assert!(window.push_y(4, 1.0).is_err());
    assert!(window.push_y(6, 0.0).is_err());
    assert!(window.push_x(6, f64::NAN).is_err());
    assert!(window.push_x(i64::MAX, 1.0).is_err());
    assert!(window.value(4).is_err());
    assert!(window.interrupt_y(4).is_err());
    assert_eq!(window, before);
}

/// Changes of one series known before `now`: the last quote of each time, without unchanged ones.
fn changes(quotes: &[(bool, i64, f64)], of_y: bool, now: i64) -> Vec<(i64, f64)> {
    let mut points: Vec<(i64, f64)> = Vec::new();
    for &(side, time, mid) in quotes {
        if side != of_y || time >= now {
            continue;
        }
        points.retain(|(t, _)| *t != time);
        points.push((time, libm::log(mid)));
    }
    points.dedup_by(|next, before| next.1 == before.1);
    points
}

fn quotes() -> impl Strategy<Value = Vec<(bool, i64, f64)>> {
    let mid = prop_oneof![3 => 99.0..101.0f64, 1 => Just(100.0)];
    prop::collection::vec((any::<bool>(), 0i64..6, mid), 1..90).prop_map(|rows| {
        let mut now = -40;
        rows.into_iter()
            .map(|(of_y, gap, mid)| {
                now += gap;
                (of_y, now, mid)
            })
            .collect()
    })
}

fn push(window: &mut HayashiYoshidaWindow, (of_y, time, mid): (bool, i64, f64)) {
    if of_y {
        window.push_y(time, mid).unwrap();
    } else {
        window.push_x(time, mid).unwrap();
    }
}

proptest! {
    #[test]
    fn equals_the_definition(rows in quotes(), bucket in 1i64..30, buckets in 1usize..6) {
        let mut window = HayashiYoshidaWindow::new(bucket, buckets).unwrap();
        for (i, &row) in rows.iter().enumerate() {
            push(&mut window, row);
            let bytes = postcard::to_allocvec(&window).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<HayashiYoshidaWindow>(&bytes).unwrap(), &window);
            if i % 3 != 0 {
                continue;
            }
            let now = row.1;
            let value = window.value(now).unwrap();
            let (x, y) = (changes(&rows[..=i], false, now), changes(&rows[..=i], true, now));
            let oldest = (now - 1).div_euclid(bucket) - buckets as i64;
            let inside = |end: i64| end.div_euclid(bucket) > oldest;
            let variance = |points: &[(i64, f64)]| points.windows(2).filter(|p| inside(p[1].0))
                .fold((0.0, 0), |(sum, n), p| (sum + (p[1].1 - p[0].1).powi(2), n + 1));
            let (mut covariance, mut scale) = (0.0, 0.0);
            for a in x.windows(2) {
                for b in y.windows(2) {
                    let overlap = a[0].0.max(b[0].0) < a[1].0.min(b[1].0);
                    if overlap && inside(a[1].0.max(b[1].0)) {
                        let term = (a[1].1 - a[0].1) * (b[1].1 - b[0].1);
                        covariance += term;
                        scale += f64::abs(term);
                    }
                }
            }
            let ((vx, nx), (vy, ny)) = (variance(&x), variance(&y));
            prop_assert!((value.covariance - covariance).abs() <= 1e-11 * scale + 1e-16);
            prop_assert!((value.variance_x - vx).abs() <= 1e-11 * vx, "{} {vx}", value.variance_x);
            prop_assert!((value.variance_y - vy).abs() <= 1e-11 * vy);
            prop_assert_eq!((value.changes_x, value.changes_y), (nx, ny));
            prop_assert_eq!(value.correlation.is_some(), vx > 0.0 && vy > 0.0);
        }
    }

    /// A window that holds all is the plain estimator at lag 0, and readings change nothing.
    #[test]
    fn equals_the_batch_estimator_however_it_is_read(rows in quotes(), reads in any::<u64>()) {
        let mut window = HayashiYoshidaWindow::new(7, 1_000).unwrap();
        let mut read = window.clone();
        for (i, &row) in rows.iter().enumerate() {
            push(&mut window, row);
            push(&mut read, row);
            if reads >> (i % 64) & 1 == 1 {
                read.value(row.1).unwrap();
            }
        }
        let now = rows[rows.len() - 1].1 + 1;
        let value = window.value(now).unwrap();
        prop_assert_eq!(value, read.value(now).unwrap());
        let (tx, x): (Vec<i64>, Vec<f64>) = changes(&rows, false, now).into_iter().unzip();
        let (ty, y): (Vec<i64>, Vec<f64>) = changes(&rows, true, now).into_iter().unzip();
        let batch = hayashi_yoshida(&tx, &x, &ty, &y, 0).unwrap();
        prop_assert!((value.covariance - batch.covariance).abs() < 1e-15 * 90.0);
        match (value.correlation, batch.correlation) {
            (Some(got), Some(want)) => prop_assert!((got - want).abs() < 1e-9),
            (got, want) => prop_assert_eq!(got, want),
        }
    }
}
