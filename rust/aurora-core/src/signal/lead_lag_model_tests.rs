#![allow(clippy::unwrap_used)]
use super::*;
use crate::signal::test_support::SplitMix;
use crate::signal::LeadLagSettings;
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const GRID: i64 = 50 * MS;

fn settings() -> LeadLagModelSettings {
    LeadLagModelSettings {
        estimator: LeadLagSettings {
            window_ns: 120_000 * MS,
            ..LeadLagSettings::default()
        },
        ..LeadLagModelSettings::default()
    }
}

struct Market {
    t: Vec<i64>,
    leader: Vec<f64>,
    follower: Vec<f64>,
    own: [Vec<f64>; OWN_FEATURES],
}

/// A leader that jumps now and then; a follower at `beta` times the leader `delay` steps ago, with
/// noise of its own. Own features are noise too, sometimes missing.
fn market(seed: u64, steps: usize, beta: f64, delay: usize) -> Market {
    let mut random = SplitMix(seed);
    let (mut x, mut noise) = (vec![0.0; steps + delay], 0.0);
    for i in 1..steps + delay {
        let jump = if random.uniform() < 0.3 {
            2e-4 * random.normal()
        } else {
            0.0
        };
        x[i] = x[i - 1] + jump;
    }
    let mut market = Market {
        t: vec![],
        leader: vec![],
        follower: vec![],
        own: Default::default(),
    };
    for i in 0..steps {
        noise += if random.uniform() < 0.3 {
            7e-5 * random.normal()
        } else {
            0.0
        };
        market.t.push((i as i64 + 1) * GRID);
        market.leader.push(150.0 * libm::exp(x[i + delay]));
        market.follower.push(20.0 * libm::exp(beta * x[i] + noise));
        for column in &mut market.own {
            column.push(if random.uniform() < 0.1 {
                f64::NAN
            } else {
                random.normal()
            });
        }
    }
    market
}

fn own(market: &Market, from: usize, to: usize) -> [&[f64]; OWN_FEATURES] {
    [0, 1, 2, 3].map(|k| &market.own[k][from..to])
}

/// Quotes, refits and steps from row `from` to `to`, in pieces that end at `cuts` and at refits.
fn run(
    model: &mut LeadLagModel,
    m: &Market,
    from: usize,
    to: usize,
    cuts: &[usize],
) -> ModelColumns {
    let refit_every = 200;
    let mut ends: Vec<usize> = cuts
        .iter()
        .copied()
        .filter(|&c| c > from && c < to)
        .collect();
    ends.extend((from + 1..to).filter(|i| i % refit_every == 0));
    ends.push(to);
    ends.sort_unstable();
    ends.dedup();
    let (mut all, mut start) = (ModelColumns::default(), from);
    for end in ends {
        model
            .push_leader_quotes(&m.t[start..end], &m.leader[start..end])
            .unwrap();
        model
            .push_follower_quotes(&m.t[start..end], &m.follower[start..end])
            .unwrap();
        let (l, f) = (&m.leader[start..end], &m.follower[start..end]);
        append(
            &mut all,
            model
                .steps(&m.t[start..end], l, f, own(m, start, end))
                .unwrap(),
        );
        if end % refit_every == 0 {
            model.refit(m.t[end - 1]).unwrap();
        }
        start = end;
    }
    all
}

fn append(all: &mut ModelColumns, more: ModelColumns) {
    all.ready.extend(more.ready);
    all.reason.extend(more.reason);
    all.score.extend(more.score);
    all.predicted_bps.extend(more.predicted_bps);
    all.beta.extend(more.beta);
    all.beta_t.extend(more.beta_t);
    all.leader_return_bps.extend(more.leader_return_bps);
    all.horizon_ns.extend(more.horizon_ns);
}

/// Bytes, so that NaN equals NaN and -0 is not 0.
fn bytes(columns: &ModelColumns) -> Vec<u8> {
    postcard::to_allocvec(columns).unwrap()
}

#[test]
fn learns_a_planted_link() {
    for seed in 1..4 {
        let m = market(seed, 8000, 0.8, 3);
        let mut model = LeadLagModel::new(settings()).unwrap();
        let columns = run(&mut model, &m, 0, 8000, &[]);
        let link = model.link().unwrap();
        assert!(
            link.significant && (link.lag_ns - 3 * GRID).abs() <= 20 * MS,
            "{link:?}"
        );
        let last = columns.beta.len() - 1;
        assert_eq!(columns.horizon_ns[last], 3 * GRID);
        assert!(columns.ready[last]);
        let (beta, t) = (columns.beta[last], columns.beta_t[last]);
        assert!((beta - 0.8).abs() < 3.0 * beta / t, "beta {beta} t {t}");
        assert!(t > 10.0, "t {t}");

        let (mut hits, mut score_hits, mut count) = (0, 0, 0);
        for i in 0..last - 3 {
            let outcome = m.follower[i + 3] - m.follower[i];
            if columns.ready[i] && columns.leader_return_bps[i].abs() > 2.0 && outcome != 0.0 {
                count += 1;
                hits += usize::from((columns.predicted_bps[i] > 0.0) == (outcome > 0.0));
                score_hits += usize::from((columns.score[i] > 0.0) == (outcome > 0.0));
            }
        }
        assert!(count > 1000, "{count}");
        let (rate, score_rate) = (hits as f64 / count as f64, score_hits as f64 / count as f64);
        assert!(
            rate > 0.8 && score_rate > 0.8,
            "hit rates {rate} {score_rate}"
        );
    }
}

/// The leader's return with a decay is the sum of its steps, halved in weight per half-life of age.
#[test]
fn the_decay_weighs_recent_steps() {
    for half_life in [0.5, 2.0, 40.0] {
        let m = market(1, 3000, 0.8, 3);
        let mut model = LeadLagModel::new(LeadLagModelSettings {
            decay_half_life: Some(half_life),
            ..settings()
        })
        .unwrap();
        let columns = run(&mut model, &m, 0, 3000, &[]);
        let mut seen = 0;
        for i in 3..3000 {
            let got = columns.leader_return_bps[i];
            if got.is_nan() || columns.horizon_ns[i] != 3 * GRID {
                continue;
            }
            seen += 1;
            let want: f64 = (0..3)
                .map(|age: usize| {
                    let step = (m.leader[i - age] / m.leader[i - age - 1]).ln();
                    1e4 * step * 0.5f64.powf(age as f64 / half_life)
                })
                .sum();
            assert!((got - want).abs() < 1e-7, "{got} {want}");
        }
        assert!(seen > 500);
    }
    let refused = |half_life| {
        let decay_half_life = Some(half_life);
        LeadLagModel::new(LeadLagModelSettings {
            decay_half_life,
            ..settings()
        })
        .is_err()
    };
    assert!(refused(0.0) && refused(-1.0) && refused(f64::NAN));
}

#[test]
fn a_kalman_slope_learns_the_planted_link() {
    let m = market(3, 8000, 0.8, 3);
    let mut model = LeadLagModel::new(LeadLagModelSettings {
        slope: crate::signal::SlopeMethod::Kalman(crate::signal::KalmanSlopeSettings {
            process_variance: 1e-6,
            observation_variance: 1.0,
        }),
        ..settings()
    })
    .unwrap();
    let columns = run(&mut model, &m, 0, 8000, &[]);
    let last = columns.beta.len() - 1;
    assert!(columns.ready[last]);
    let (beta, t) = (columns.beta[last], columns.beta_t[last]);
    assert!(
        (beta - 0.8).abs() < 3.0 * beta / t && t > 10.0,
        "beta {beta} t {t}"
    );
    let state = postcard::to_allocvec(&model).unwrap();
    assert_eq!(postcard::from_bytes::<LeadLagModel>(&state).unwrap(), model);
}

#[test]
fn without_a_link_it_is_never_ready() {
    for seed in 50..60 {
        let m = market(seed, 6000, 0.0, 3);
        let mut model = LeadLagModel::new(settings()).unwrap();
        let columns = run(&mut model, &m, 0, 6000, &[]);
        assert!(
            !columns.ready.contains(&true),
            "seed {seed} {:?}",
            model.link()
        );
        assert!(columns.score.iter().all(|score| score.is_nan()));
    }
}

#[test]
fn every_reason_is_reached_in_order() {
    let m = market(1, 4000, 0.8, 3);
    let mut model = LeadLagModel::new(settings()).unwrap();
    let columns = run(&mut model, &m, 0, 2600, &[]);
    for reason in [
        Readiness::NoLink,
        Readiness::LinkNotSignificant,
        Readiness::BetaWarmingUp,
        Readiness::StandardiserWarmingUp,
        Readiness::LogisticWarmingUp,
        Readiness::Ready,
    ] {
        assert!(columns.reason.contains(&(reason as u8)), "{reason:?}");
    }
    let step = |model: &mut LeadLagModel, i: usize, leader: bool, follower: bool| {
        let mids = (
            leader.then_some(m.leader[i]),
            follower.then_some(m.follower[i]),
        );
        model.step(m.t[i], mids.0, mids.1, [None; 4]).unwrap()
    };
    let missing = step(&mut model, 2600, false, true);
    assert_eq!(
        (missing.reason, missing.score),
        (Readiness::LeaderMissing, None)
    );
    let blind = step(&mut model, 2601, true, false);
    assert_eq!(
        (blind.reason, blind.ready),
        (Readiness::FollowerMissing, false)
    );
    // One horizon after the missing leader.
    step(&mut model, 2602, true, true);
    assert_eq!(
        step(&mut model, 2603, true, true).reason,
        Readiness::LeaderMissing
    );
    assert!(step(&mut model, 2604, true, true).ready);
    // A skipped time: nothing spans it, and it heals after one horizon.
    for i in 2606..2609 {
        assert_eq!(
            step(&mut model, i, true, true).reason,
            Readiness::HistoryTooShort
        );
    }
    assert!(step(&mut model, 2609, true, true).ready);

    let short = LeadLagModelSettings {
        max_horizon_ns: 2 * GRID,
        ..settings()
    };
    let mut model = LeadLagModel::new(short).unwrap();
    let columns = run(&mut model, &m, 0, 2600, &[]);
    assert!(columns.reason.contains(&(Readiness::HorizonTooLong as u8)));
    assert!(!columns.ready.contains(&true));
}

#[test]
fn predictions_resolve_at_their_own_due_times_when_the_horizon_shrinks() {
    let m = market(2, 3000, 0.8, 4);
    let mut model = LeadLagModel::new(settings()).unwrap();
    run(&mut model, &m, 0, 2801, &[]);
    assert_eq!(model.pending.len(), 4);
    let mut link = *model.link().unwrap();
    link.lag_ns = 2 * GRID;
    model.link = Some(link);
    let step = |model: &mut LeadLagModel, i: usize| {
        model
            .step(m.t[i], Some(m.leader[i]), Some(m.follower[i]), [None; 4])
            .unwrap()
    };
    step(&mut model, 2801);
    let due: Vec<i64> = model
        .pending
        .iter()
        .map(|p| (p.due_ns - m.t[2801]) / GRID)
        .collect();
    assert_eq!(due, [1, 2, 2, 3]);
    let before = model.regression.updates();
    for i in 2802..2805 {
        step(&mut model, i);
    }
    assert!(model.regression.updates() >= before);
    assert_eq!(model.pending.len(), 2);
}

#[test]
fn a_missing_own_feature_counts_as_its_mean() {
    let m = market(1, 3000, 0.8, 3);
    let mut model = LeadLagModel::new(settings()).unwrap();
    run(&mut model, &m, 0, 2999, &[]);
    let mean = [1, 2, 3, 4].map(|k| Some(model.standardiser.moments(k).unwrap().0));
    let mut other = model.clone();
    let (t, l, f) = (m.t[2999], Some(m.leader[2999]), Some(m.follower[2999]));
    let missing = model.step(t, l, f, [None; 4]).unwrap().score.unwrap();
    let average = other.step(t, l, f, mean).unwrap().score.unwrap();
    assert!((missing - average).abs() < 1e-12);
}

#[test]
fn bad_input_is_refused_and_leaves_the_state() {
    let m = market(1, 3000, 0.8, 3);
    let mut model = LeadLagModel::new(settings()).unwrap();
    run(&mut model, &m, 0, 2900, &[]);
    let before = model.clone();
    let none = [None; OWN_FEATURES];
    assert!(model.step(m.t[2899], None, None, none).is_err());
    assert!(model.step(m.t[2900] + 1, None, None, none).is_err());
    assert!(model
        .step(m.t[2900], Some(f64::INFINITY), None, none)
        .is_err());
    assert!(model.step(m.t[2900], None, Some(-1.0), none).is_err());
    assert!(model
        .step(m.t[2900], None, None, [None, Some(f64::NAN), None, None])
        .is_err());
    let (t, mut leader) = (&m.t[2900..2903], m.leader[2900..2903].to_vec());
    leader[2] = 0.0;
    assert!(model
        .steps(t, &leader, &m.follower[2900..2903], own(&m, 2900, 2903))
        .is_err());
    assert!(model
        .steps(
            t,
            &leader[..2],
            &m.follower[2900..2903],
            own(&m, 2900, 2903)
        )
        .is_err());
    assert!(model.push_leader_quotes(&t[..1], &leader).is_err());
    assert_eq!(model, before);
    let bad: [fn(&mut LeadLagModelSettings); 5] = [
        |s| s.sample_ns = 0,
        |s| s.max_horizon_ns = GRID - 1,
        |s| s.min_updates = 0,
        |s| s.forgetting = 1.1,
        |s| s.estimator.window_ns = 0,
    ];
    for change in bad {
        let mut settings = settings();
        change(&mut settings);
        assert!(LeadLagModel::new(settings).is_err());
    }
}

#[test]
fn the_overlap_inflation_is_its_sum() {
    for h in 1..20usize {
        let terms = (1..h)
            .map(|k| (1.0 - k as f64 / h as f64).powi(2))
            .sum::<f64>();
        assert!((overlap_inflation(h) - (1.0 + 2.0 * terms)).abs() < 1e-12);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Batches and rows, in any split, with a snapshot on the way: the same bytes.
    #[test]
    fn splits_and_snapshots_change_nothing(
        seed in 0u64..1000,
        cuts in prop::collection::vec(0usize..3000, 0..40),
        stop in 1usize..2999,
    ) {
        let m = market(seed, 3000, 0.8, 3);
        let mut whole = LeadLagModel::new(settings()).unwrap();
        let want = run(&mut whole, &m, 0, 3000, &[]);
        prop_assert!(want.ready.contains(&true), "a split of silence shows little");

        let mut split = LeadLagModel::new(settings()).unwrap();
        let mut got = run(&mut split, &m, 0, stop, &cuts);
        let state = postcard::to_allocvec(&split).unwrap();
        let mut restored: LeadLagModel = postcard::from_bytes(&state).unwrap();
        prop_assert_eq!(&restored, &split);
        append(&mut got, run(&mut restored, &m, stop, 3000, &cuts));
        prop_assert_eq!(bytes(&got), bytes(&want));
        prop_assert_eq!(
            postcard::to_allocvec(&restored).unwrap(),
            postcard::to_allocvec(&whole).unwrap()
        );
    }

    /// Changing everything after a time changes nothing up to it.
    #[test]
    fn the_future_cannot_be_seen(seed in 0u64..1000, at in 2200usize..2900) {
        let m = market(seed, 3000, 0.8, 3);
        let mut changed = market(seed, 3000, 0.8, 3);
        changed.leader[at..].iter_mut().for_each(|mid| *mid *= 1.01);
        changed.follower[at..].iter_mut().for_each(|mid| *mid *= 0.97);
        // All quotes are there before the first step: only refit times may let them in.
        let play = |m: &Market| {
            let mut model = LeadLagModel::new(settings()).unwrap();
            model.push_leader_quotes(&m.t, &m.leader).unwrap();
            model.push_follower_quotes(&m.t, &m.follower).unwrap();
            let mut all = ModelColumns::default();
            for i in 0..at {
                let (l, f) = (&m.leader[i..=i], &m.follower[i..=i]);
                append(&mut all, model.steps(&m.t[i..=i], l, f, own(m, i, i + 1)).unwrap());
                if i % 200 == 199 {
                    model.refit(m.t[i]).unwrap();
                }
            }
            bytes(&all)
        };
        prop_assert_eq!(play(&m), play(&changed));
    }
}
