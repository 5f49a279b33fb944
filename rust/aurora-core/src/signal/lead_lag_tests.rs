#![allow(clippy::unwrap_used)]
use super::*;
use crate::signal::test_support::SplitMix;
use proptest::prelude::*;

const MS: i64 = 1_000_000;

fn settings() -> LeadLagSettings {
    LeadLagSettings {
        window_ns: 120_000 * MS,
        ..LeadLagSettings::default()
    }
}

type Quotes = Vec<(i64, f64)>;

/// Poisson quotes of two walks over `seconds`, the follower `lag_ms` behind with correlation `rho`.
fn walks(seed: u64, seconds: usize, lag_ms: usize, rho: f64, rate: f64) -> (Quotes, Quotes) {
    let mut random = SplitMix(seed);
    let shocks: Vec<f64> = (0..seconds * 1000 + lag_ms)
        .map(|_| random.normal())
        .collect();
    let own = (1.0 - rho * rho).sqrt();
    let (mut x, mut y) = (0.0, 0.0);
    let (mut leader, mut follower) = (vec![], vec![]);
    for t in 0..seconds * 1000 {
        x += 1e-5 * shocks[t + lag_ms];
        y += 1e-5 * (rho * shocks[t] + own * random.normal());
        let time = t as i64 * MS;
        if random.uniform() < rate / 1000.0 {
            leader.push((time, 100.0 * libm::exp(x)));
        }
        if random.uniform() < rate / 1000.0 {
            follower.push((time, 20.0 * libm::exp(y)));
        }
    }
    (leader, follower)
}

fn fit(settings: LeadLagSettings, quotes: &(Quotes, Quotes), now_ns: i64) -> Link {
    let mut estimator = LeadLagEstimator::new(settings).unwrap();
    for &(t, mid) in &quotes.0 {
        estimator.push_leader(t, mid).unwrap();
    }
    for &(t, mid) in &quotes.1 {
        estimator.push_follower(t, mid).unwrap();
    }
    estimator.refit(now_ns).unwrap()
}

#[test]
fn finds_a_planted_lag_in_asynchronous_quotes() {
    for (seed, lag) in [(1, 120), (2, 300), (3, 40)] {
        let link = fit(settings(), &walks(seed, 120, lag, 0.7, 30.0), 120_000 * MS);
        assert!(link.significant, "{link:?}");
        assert!(
            (link.lag_ns - lag as i64 * MS).abs() <= 15 * MS,
            "{lag} {link:?}"
        );
        assert!((link.correlation.unwrap() - 0.7).abs() < 0.12, "{link:?}");
        assert!(link.lead_lag_ratio.unwrap() > 3.0, "{link:?}");
    }
}

#[test]
fn a_negative_link_is_found_with_its_sign() {
    let link = fit(settings(), &walks(5, 120, 150, -0.6, 30.0), 120_000 * MS);
    assert!(
        link.significant && link.correlation.unwrap() < -0.4,
        "{link:?}"
    );
}

#[test]
fn finds_nothing_where_there_is_nothing() {
    for seed in 0..40 {
        let link = fit(
            settings(),
            &walks(100 + seed, 120, 0, 0.0, 20.0),
            120_000 * MS,
        );
        assert!(!link.significant, "seed {seed} {link:?}");
    }
}

#[test]
fn a_contemporaneous_or_reversed_link_is_not_a_lead() {
    for seed in 0..10 {
        let (x, y) = walks(200 + seed, 120, 0, 0.8, 30.0);
        let link = fit(settings(), &(x, y), 120_000 * MS);
        assert_eq!(link.verdict, LinkVerdict::NotLeading, "{link:?}");
        let (x, y) = walks(300 + seed, 120, 200, 0.8, 30.0);
        let link = fit(settings(), &(y, x), 120_000 * MS);
        assert_eq!(link.verdict, LinkVerdict::NotLeading, "{link:?}");
        assert!(link.lead_lag_ratio.unwrap() < 1.0);
    }
}

#[test]
fn one_coincidence_of_two_jumps_is_not_a_link() {
    for seed in 0..10 {
        let (mut x, mut y) = walks(400 + seed, 120, 0, 0.0, 20.0);
        for (quotes, at) in [(&mut x, 50_000 * MS), (&mut y, 50_150 * MS)] {
            quotes
                .iter_mut()
                .filter(|(t, _)| *t >= at)
                .for_each(|(_, mid)| *mid *= 1.05);
        }
        let link = fit(settings(), &(x, y), 120_000 * MS);
        assert!(
            link.correlation.unwrap().abs() > 0.3,
            "the jump should dominate {link:?}"
        );
        assert!(!link.significant, "{link:?}");
    }
}

#[test]
fn sparse_quotes_say_so() {
    let link = fit(settings(), &walks(1, 20, 120, 0.9, 3.0), 20_000 * MS);
    assert_eq!(link.verdict, LinkVerdict::TooFewChanges);
    assert_eq!((link.lag_ns, link.correlation, link.noise), (0, None, None));
}

#[test]
fn a_refit_sees_nothing_after_its_time_and_nothing_older_than_the_window() {
    let quotes = walks(9, 240, 120, 0.7, 30.0);
    let now = 150_000 * MS;
    let until = |quotes: &Quotes, from: i64| -> Quotes {
        quotes
            .iter()
            .copied()
            .filter(|&(t, _)| t <= now && t >= from)
            .collect()
    };
    let whole = fit(settings(), &quotes, now);
    assert_eq!(
        whole,
        fit(settings(), &(until(&quotes.0, 0), until(&quotes.1, 0)), now)
    );
    let from = 30_000 * MS;
    assert_eq!(
        whole,
        fit(
            settings(),
            &(until(&quotes.0, from), until(&quotes.1, from)),
            now
        )
    );
}

#[test]
fn unchanged_mids_are_ignored_and_the_last_of_an_instant_stands() {
    let mut one = LeadLagEstimator::new(settings()).unwrap();
    let mut two = one.clone();
    for (t, mid) in [(1, 10.0), (2, 11.0), (5, 12.0)] {
        one.push_leader(t, mid).unwrap();
    }
    for (t, mid) in [
        (1, 10.0),
        (2, 9.0),
        (2, 11.0),
        (3, 11.0),
        (5, 8.0),
        (5, 12.0),
        (6, 12.0),
    ] {
        two.push_leader(t, mid).unwrap();
    }
    assert_eq!(one, two);
    two.push_leader(6, 13.0).unwrap();
    two.push_leader(6, 12.0).unwrap();
    assert_eq!(one, two);
}

#[test]
fn bad_input_is_refused_and_leaves_the_state() {
    let mut estimator = LeadLagEstimator::new(settings()).unwrap();
    estimator.push_leader(10, 1.0).unwrap();
    estimator.refit(20).unwrap();
    let before = estimator.clone();
    for (t, mid) in [
        (9, 1.0),
        (11, f64::NAN),
        (11, f64::INFINITY),
        (11, 0.0),
        (i64::MAX, 1.0),
    ] {
        assert!(estimator.push_leader(t, mid).is_err());
    }
    assert!(estimator.refit(19).is_err());
    assert!(estimator.refit(i64::MAX).is_err());
    assert_eq!(estimator, before);
    let bad: [fn(&mut LeadLagSettings); 6] = [
        |s| s.window_ns = 0,
        |s| s.max_lag_ns = 15 * MS,
        |s| s.step_ns = -1,
        |s| s.significance = f64::NAN,
        |s| s.min_correlation = 1.5,
        |s| s.max_changes = 5,
    ];
    for change in bad {
        let mut settings = settings();
        change(&mut settings);
        assert!(LeadLagEstimator::new(settings).is_err());
    }
}

#[test]
fn memory_is_bounded() {
    let settings = LeadLagSettings {
        max_changes: 200,
        ..settings()
    };
    let mut estimator = LeadLagEstimator::new(settings).unwrap();
    for t in 0..5000 {
        estimator.push_leader(t, 1.0 + (t % 7) as f64).unwrap();
    }
    assert_eq!(estimator.leader.times.len(), 400);
    assert_eq!(estimator.refit(10_000).unwrap().n_leader, 200);
}

#[test]
fn a_plateau_has_its_middle() {
    let curve = [0.0, 0.1, 0.5, 0.5, 0.5, 0.1, -0.5];
    assert_eq!(run_around(&curve, largest(&curve), 0.0), (2, 4));
    assert_eq!(run_around(&[-0.2, -0.9, 0.8], 1, 0.2), (1, 1));
}

proptest! {
    #[test]
    fn noise_is_on_the_scale_of_one_over_root_n(seed in 0u64..1000) {
        let quotes = walks(seed, 40, 50, 0.5, 20.0);
        let link = fit(settings(), &quotes, 40_000 * MS);
        let (noise, n) = (link.noise.unwrap(), link.n_leader.max(link.n_follower) as f64);
        prop_assert!(noise > 0.5 / n.sqrt() && noise < 1.0, "{:?}", link);
    }
}
