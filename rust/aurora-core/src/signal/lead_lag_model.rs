//! One follower of one leader: the online link, the cross beta and a logistic score on one grid.

use super::cross_slope::CrossSlope;
use super::{
    check_duration, check_length, check_price, check_real, check_time, input, require, KernelError,
    LeadLagEstimator, LeadLagModelSettings, Link, ModelColumns, ModelSample, OnlineLogistic,
    Readiness, Standardiser,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Features of the follower itself beside the leader's prediction.
pub const OWN_FEATURES: usize = 4;
const FEATURES: usize = OWN_FEATURES + 1;

const BPS: f64 = 1e4;

/// A prediction whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    due_ns: i64,
    leader_return_bps: f64,
    follower_log: f64,
    /// Standardised features, once the standardiser is warm.
    features: Option<[f64; FEATURES]>,
}

/// Learns online how a follower answers a leader, and scores what is to come.
///
/// Feed quotes and call [`Self::refit`] for the link; call [`Self::step`] at every multiple of
/// `sample_ns`. A step at t uses the link of the last refit, so refit with times at or before t.
///
/// With H the horizon, one step (1) resolves predictions due: `y = ln mF(t) / mF(t0)` teaches the
/// regression (`y` on the leader's return `x`, both in bps) and, when y is not 0, the logistic
/// (features at t0, label y > 0); (2) with a significant link takes `x = ln mL(t) / mL(t - H)`,
/// or with a decay the sum of its steps, each halved in weight per `decay_half_life` of age (what
/// the leader did long ago the follower has answered already), predicts `beta x`, and scores the standardised `[beta x, own...]`; (3) notes the prediction, due
/// at t + H. A new link changes H for new predictions; old ones keep their due times.
///
/// Each layer learns only once the one below is warm: the standardiser after `min_updates` of the
/// regression (else it would learn the scale of a beta still settling), the logistic after
/// `standardiser_warm_up`. A missing own feature counts as its mean (0 once standardised).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadLagModel {
    settings: LeadLagModelSettings,
    estimator: LeadLagEstimator,
    link: Option<Link>,
    last_ns: Option<i64>,
    /// Leader's log mids at unbroken grid times, the last one at `last_ns`.
    leader_logs: VecDeque<Option<f64>>,
    /// Sorted by due time, then by age.
    pending: VecDeque<Pending>,
    regression: CrossSlope,
    standardiser: Standardiser,
    logistic: OnlineLogistic,
}

impl LeadLagModel {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: LeadLagModelSettings) -> Result<Self, KernelError> {
        check_duration("sample_ns", settings.sample_ns)?;
        check_duration("max_horizon_ns", settings.max_horizon_ns)?;
        let samples = settings.max_horizon_ns / settings.sample_ns;
        let needed = "1 to 100,000 samples of sample_ns";
        let bounded = (1..=100_000).contains(&samples);
        require(bounded, "max_horizon_ns", settings.max_horizon_ns, needed)?;
        require(
            settings.min_updates >= 2,
            "min_updates",
            settings.min_updates,
            "at least 2",
        )?;
        let estimator = LeadLagEstimator::new(settings.estimator.clone())?;
        if let Some(half_life) = settings.decay_half_life {
            let positive = half_life > 0.0 && half_life <= 1e9;
            require(
                positive,
                "decay_half_life",
                half_life,
                "above 0, at most 1e9 samples",
            )?;
        }
        let regression = CrossSlope::new(&settings)?;
        let (half_life, warm_up) = (
            settings.standardiser_half_life,
            settings.standardiser_warm_up,
        );
        let standardiser = Standardiser::new(FEATURES, half_life, warm_up)?;
        let logistic = OnlineLogistic::new(FEATURES, settings.logistic_rate, settings.logistic_l2)?;
        Ok(Self {
            settings,
            estimator,
            link: None,
            last_ns: None,
            leader_logs: VecDeque::new(),
            pending: VecDeque::new(),
            regression,
            standardiser,
            logistic,
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &LeadLagModelSettings {
        &self.settings
    }

    /// The link of the last refit.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Takes leader quotes: times (ns, not decreasing) and mids; a NaN mid is missing and skipped.
    ///
    /// # Errors
    /// Lengths differ, time runs backwards, or a mid is infinite or not positive: quotes before
    /// the bad one have been taken.
    pub fn push_leader_quotes(&mut self, t_ns: &[i64], mids: &[f64]) -> Result<(), KernelError> {
        check_length("mids", mids.len(), t_ns.len())?;
        let mut quotes = t_ns.iter().zip(mids).filter(|(_, mid)| !mid.is_nan());
        quotes.try_for_each(|(&t, &mid)| self.estimator.push_leader(t, mid))
    }

    /// Takes follower quotes; as [`Self::push_leader_quotes`].
    ///
    /// # Errors
    /// As [`Self::push_leader_quotes`].
    pub fn push_follower_quotes(&mut self, t_ns: &[i64], mids: &[f64]) -> Result<(), KernelError> {
        check_length("mids", mids.len(), t_ns.len())?;
        let mut quotes = t_ns.iter().zip(mids).filter(|(_, mid)| !mid.is_nan());
        quotes.try_for_each(|(&t, &mid)| self.estimator.push_follower(t, mid))
    }

    /// Re-estimates the link from quotes at or before `now_ns`; later steps use it.
    ///
    /// # Errors
    /// As [`LeadLagEstimator::refit`]; the link is unchanged.
    pub fn refit(&mut self, now_ns: i64) -> Result<Link, KernelError> {
        let link = self.estimator.refit(now_ns)?;
        self.link = Some(link);
        Ok(link)
    }

    /// One grid time: learns from what fell due and scores what is to come.
    ///
    /// `t_ns`: a multiple of `sample_ns` after the last one; mids and `own` features (any units)
    /// are those known at `t_ns`, `None` when missing. If grid times were skipped, returns that
    /// span the hole do not exist: history and open predictions are dropped.
    ///
    /// # Errors
    /// `t_ns` is off the grid or not after the last, a mid is not a positive finite price, or an
    /// own feature is not finite or above 1e100: the state is unchanged.
    pub fn step(
        &mut self,
        t_ns: i64,
        leader_mid: Option<f64>,
        follower_mid: Option<f64>,
        own: [Option<f64>; OWN_FEATURES],
    ) -> Result<ModelSample, KernelError> {
        self.check_step(self.last_ns, t_ns, leader_mid, follower_mid, own)?;
        if self
            .last_ns
            .is_some_and(|last| t_ns - last != self.settings.sample_ns)
        {
            self.leader_logs.clear();
            self.pending.clear();
        }
        self.last_ns = Some(t_ns);
        let capacity = (self.settings.max_horizon_ns / self.settings.sample_ns) as usize + 1;
        if self.leader_logs.len() == capacity {
            self.leader_logs.pop_front();
        }
        self.leader_logs.push_back(leader_mid.map(libm::log));
        let follower_log = follower_mid.map(libm::log);
        self.resolve(t_ns, follower_log)?;
        self.predict(t_ns, follower_log, own)
    }

    /// [`Self::step`] for each row; equal to calling it row by row.
    ///
    /// All slices have one length. NaN in a mid or a feature stands for missing.
    ///
    /// # Errors
    /// As [`Self::step`], for any row, or lengths differ: the state is unchanged.
    pub fn steps(
        &mut self,
        t_ns: &[i64],
        leader: &[f64],
        follower: &[f64],
        own: [&[f64]; OWN_FEATURES],
    ) -> Result<ModelColumns, KernelError> {
        check_length("leader", leader.len(), t_ns.len())?;
        check_length("follower", follower.len(), t_ns.len())?;
        own.iter()
            .try_for_each(|column| check_length("own", column.len(), t_ns.len()))?;
        let known = |value: f64| (!value.is_nan()).then_some(value);
        let row = |i: usize| {
            (
                t_ns[i],
                known(leader[i]),
                known(follower[i]),
                own.map(|column| known(column[i])),
            )
        };
        let mut last = self.last_ns;
        for i in 0..t_ns.len() {
            let (t, leader, follower, own) = row(i);
            self.check_step(last, t, leader, follower, own)?;
            last = Some(t);
        }
        let mut columns = ModelColumns::default();
        for i in 0..t_ns.len() {
            let (t, leader, follower, own) = row(i);
            columns.push(&self.step(t, leader, follower, own)?);
        }
        Ok(columns)
    }

    fn check_step(
        &self,
        last_ns: Option<i64>,
        t_ns: i64,
        leader_mid: Option<f64>,
        follower_mid: Option<f64>,
        own: [Option<f64>; OWN_FEATURES],
    ) -> Result<(), KernelError> {
        check_time("t_ns", t_ns)?;
        if t_ns % self.settings.sample_ns != 0 {
            return Err(input("t_ns", t_ns, "a multiple of sample_ns"));
        }
        if last_ns.is_some_and(|last| t_ns <= last) {
            return Err(input("t_ns", t_ns, "after the last step"));
        }
        leader_mid.map_or(Ok(()), |mid| check_price("leader_mid", mid))?;
        follower_mid.map_or(Ok(()), |mid| check_price("follower_mid", mid))?;
        own.iter()
            .flatten()
            .try_for_each(|&value| check_real("own", value))
    }

    /// Learns from predictions due now; one due while the follower's mid is missing is dropped.
    fn resolve(&mut self, t_ns: i64, follower_log: Option<f64>) -> Result<(), KernelError> {
        while self
            .pending
            .front()
            .is_some_and(|pending| pending.due_ns <= t_ns)
        {
            let (Some(pending), Some(log)) = (self.pending.pop_front(), follower_log) else {
                continue;
            };
            let follower_return = (log - pending.follower_log) * BPS;
            self.regression
                .update(pending.leader_return_bps, follower_return)?;
            if let Some(features) = pending.features.filter(|_| follower_return != 0.0) {
                self.logistic.update(&features, follower_return > 0.0)?;
            }
        }
        Ok(())
    }

    fn predict(
        &mut self,
        t_ns: i64,
        follower_log: Option<f64>,
        own: [Option<f64>; OWN_FEATURES],
    ) -> Result<ModelSample, KernelError> {
        let learnt = self.regression.updates() > 0;
        let mut sample = ModelSample {
            ready: false,
            reason: Readiness::NoLink,
            score: None,
            predicted_bps: None,
            beta: learnt.then(|| self.regression.beta()),
            beta_t: None,
            leader_return_bps: None,
            horizon_ns: None,
        };
        let horizon = match self.horizon() {
            Ok(horizon) => horizon,
            Err(reason) => return Ok(ModelSample { reason, ..sample }),
        };
        sample.horizon_ns = Some(horizon as i64 * self.settings.sample_ns);
        let widening = overlap_inflation(horizon).sqrt();
        sample.beta_t = self.regression.t_statistic().map(|t| t / widening);
        let leader_return = match self.leader_return(horizon) {
            Ok(leader_return) => leader_return,
            Err(reason) => return Ok(ModelSample { reason, ..sample }),
        };
        sample.leader_return_bps = Some(leader_return);
        sample.predicted_bps = sample.beta.map(|beta| beta * leader_return);

        let mut features = None;
        if self.regression.updates() >= self.settings.min_updates {
            let [first, second, third, fourth] = own;
            let row = [sample.predicted_bps, first, second, third, fourth];
            if self.standardiser.is_warm() {
                let mut standardised = [0.0; FEATURES];
                self.standardiser.standardise(&row, &mut standardised)?;
                sample.score = Some(self.logistic.logit(&standardised)?);
                features = Some(standardised);
            }
            self.standardiser.update(&row)?;
        }
        sample.reason = self.readiness(follower_log.is_some(), features.is_some());
        sample.ready = sample.reason == Readiness::Ready;
        if let Some(follower_log) = follower_log {
            let due_ns = t_ns + horizon as i64 * self.settings.sample_ns;
            // Usually the end; earlier only after the horizon has shrunk.
            let place = self
                .pending
                .partition_point(|pending| pending.due_ns <= due_ns);
            let leader_return_bps = leader_return;
            self.pending.insert(
                place,
                Pending {
                    due_ns,
                    leader_return_bps,
                    follower_log,
                    features,
                },
            );
        }
        Ok(sample)
    }

    /// The horizon in samples.
    fn horizon(&self) -> Result<usize, Readiness> {
        let link = self.link.ok_or(Readiness::NoLink)?;
        if !link.significant {
            return Err(Readiness::LinkNotSignificant);
        }
        let sample = self.settings.sample_ns;
        // Rounded up: a horizon shorter than the lag would end before the follower has moved.
        let samples = ((link.lag_ns + sample - 1) / sample).max(1);
        if samples > self.settings.max_horizon_ns / sample {
            return Err(Readiness::HorizonTooLong);
        }
        Ok(samples as usize)
    }

    /// The leader's log return over the last `horizon` samples, in bps; with a decay, its recent
    /// steps count for more, and a step whose ends are not both known makes it missing.
    fn leader_return(&self, horizon: usize) -> Result<f64, Readiness> {
        let now = self
            .leader_logs
            .back()
            .copied()
            .flatten()
            .ok_or(Readiness::LeaderMissing)?;
        let place = self.leader_logs.len().checked_sub(horizon + 1);
        let then = place
            .and_then(|i| self.leader_logs.get(i))
            .ok_or(Readiness::HistoryTooShort)?;
        let then = then.ok_or(Readiness::LeaderMissing)?;
        let Some(half_life) = self.settings.decay_half_life else {
            return Ok((now - then) * BPS);
        };
        let fading = libm::exp2(-1.0 / half_life);
        let (mut sum, mut weight, mut later) = (0.0, 1.0, now);
        for log in self.leader_logs.iter().rev().skip(1).take(horizon) {
            let log = log.ok_or(Readiness::LeaderMissing)?;
            sum += weight * (later - log);
            weight *= fading;
            later = log;
        }
        Ok(sum * BPS)
    }

    fn readiness(&self, has_follower: bool, has_features: bool) -> Readiness {
        if !has_follower {
            Readiness::FollowerMissing
        } else if self.regression.updates() < self.settings.min_updates {
            Readiness::BetaWarmingUp
        } else if !has_features {
            Readiness::StandardiserWarmingUp
        } else if self.logistic.updates() < self.settings.min_updates {
            Readiness::LogisticWarmingUp
        } else {
            Readiness::Ready
        }
    }
}

/// By how much overlapping returns of `h` samples inflate the variance of a slope.
///
/// `x` and the error are both sums of h independent terms, with autocorrelation `1 - k / h`; their
/// product has its square, so the factor is `1 + 2 sum_{k<h} (1 - k/h)^2` (Hansen and Hodrick 1980,
/// here in closed form: `(2 h^2 + 1) / (3 h)`).
fn overlap_inflation(h: usize) -> f64 {
    let h = h.max(1) as f64;
    (2.0 * h * h + 1.0) / (3.0 * h)
}

#[cfg(test)]
#[path = "lead_lag_model_tests.rs"]
mod tests;
