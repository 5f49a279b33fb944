//! What the lead-lag model says at a grid time, as a row and as columns.

use serde::{Deserialize, Serialize};

/// Whether a sample may be traded on, or the first reason why not.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    Ready = 0,
    /// No refit yet.
    NoLink = 1,
    LinkNotSignificant = 2,
    /// The link's lag is above `max_horizon_ns`.
    HorizonTooLong = 3,
    /// No leader mid now or one horizon ago.
    LeaderMissing = 4,
    /// Fewer unbroken grid times than the horizon needs (start, or after a skipped time).
    HistoryTooShort = 5,
    FollowerMissing = 6,
    /// The regression has fewer than `min_updates` updates.
    BetaWarmingUp = 7,
    StandardiserWarmingUp = 8,
    /// The logistic has fewer than `min_updates` updates.
    LogisticWarmingUp = 9,
}

/// What the model says at one grid time. Values that do not exist yet are `None`; values may exist
/// before the model is `ready`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSample {
    /// `reason` is `Ready`.
    pub ready: bool,
    pub reason: Readiness,
    /// Logit of the follower being higher one horizon from now; uncalibrated.
    pub score: Option<f64>,
    /// `beta * leader_return_bps`: expected follower return over the horizon.
    pub predicted_bps: Option<f64>,
    pub beta: Option<f64>,
    /// t-statistic of beta, widened for overlapping samples.
    pub beta_t: Option<f64>,
    /// Leader's log return over the last horizon, in bps.
    pub leader_return_bps: Option<f64>,
    /// The link's lag rounded up to a multiple of `sample_ns`.
    pub horizon_ns: Option<i64>,
}

/// [`ModelSample`]s as columns of one length; NaN (0 in `horizon_ns`) stands for `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelColumns {
    pub ready: Vec<bool>,
    /// [`Readiness`] as its number.
    pub reason: Vec<u8>,
    pub score: Vec<f64>,
    pub predicted_bps: Vec<f64>,
    pub beta: Vec<f64>,
    pub beta_t: Vec<f64>,
    pub leader_return_bps: Vec<f64>,
    pub horizon_ns: Vec<i64>,
}

impl ModelColumns {
    /// Appends one row.
    pub fn push(&mut self, sample: &ModelSample) {
        let real = |value: Option<f64>| value.unwrap_or(f64::NAN);
        self.ready.push(sample.ready);
        self.reason.push(sample.reason as u8);
        self.score.push(real(sample.score));
        self.predicted_bps.push(real(sample.predicted_bps));
        self.beta.push(real(sample.beta));
        self.beta_t.push(real(sample.beta_t));
        self.leader_return_bps.push(real(sample.leader_return_bps));
        self.horizon_ns.push(sample.horizon_ns.unwrap_or(0));
    }
}
