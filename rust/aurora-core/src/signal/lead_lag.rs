//! Which of two series leads, by how much, and whether that is more than chance.
//!
//! The lag is the place of the largest |Hayashi-Yoshida correlation| on a grid (Hoffmann, Rosenbaum
//! and Yoshida 2013); the lead-lag ratio is that of Huth and Abergel (2014). Positive lag: the
//! leader leads.

use super::hayashi_yoshida::{increments, realised_variance, CoverWalk};
use super::{check_price, check_time, input, KernelError, LeadLagSettings};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Depth of the run taken as the top of the peak, in noises: two neighbouring lags share the signal
/// and differ by about the square root of two noises.
const PEAK_DEPTH: f64 = 2.0;
/// The same, as a share of the peak's height; the smaller of the two counts.
const PEAK_SHARE: f64 = 0.1;

/// Why a link is significant, or the first test it failed.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkVerdict {
    Significant,
    /// A series has fewer than `min_changes` changes in the window.
    TooFewChanges,
    /// A series has no realised variance.
    NoVariation,
    /// The peak is below `min_correlation`.
    WeakCorrelation,
    /// The peak is not above `significance` times the noise.
    WithinNoise,
    /// Zero or negative lags are as good as the peak: the leader does not lead.
    NotLeading,
    /// The halves of the window do not both have this peak.
    UnstablePeak,
}

/// The estimated link. Where it could not be measured the options are `None` and `lag_ns` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Middle of the peak (ns): positive when the leader leads.
    pub lag_ns: i64,
    /// Signed correlation at the largest grid point.
    pub correlation: Option<f64>,
    /// Sum of squared correlations over positive lags over that over negative lags; above 1 the
    /// leader leads. `None` when the negative side is 0.
    pub lead_lag_ratio: Option<f64>,
    /// Standard size of the correlation where there is no link.
    pub noise: Option<f64>,
    /// Whether every test passed (`verdict` is `Significant`).
    pub significant: bool,
    pub verdict: LinkVerdict,
    /// Mid changes used, leader and follower.
    pub n_leader: usize,
    pub n_follower: usize,
}

/// Mid changes of one series: time (ns) and log mid, in two columns so that the walk over one lag
/// reads contiguous memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Changes {
    times: VecDeque<i64>,
    logs: VecDeque<f64>,
}

impl Changes {
    fn check(&self, t_ns: i64, mid: f64) -> Result<(), KernelError> {
        check_time("t_ns", t_ns)?;
        check_price("mid", mid)?;
        match self.times.back() {
            Some(&last) if t_ns < last => Err(input("t_ns", t_ns, "not before the last quote")),
            _ => Ok(()),
        }
    }

    fn push(&mut self, t_ns: i64, mid: f64, capacity: usize) {
        let log = libm::log(mid);
        if self.times.back() == Some(&t_ns) {
            // The last quote of an instant is the one that stood.
            self.times.pop_back();
            self.logs.pop_back();
        }
        if self.logs.back() != Some(&log) {
            self.times.push_back(t_ns);
            self.logs.push_back(log);
        }
        if self.times.len() > capacity {
            self.times.pop_front();
            self.logs.pop_front();
        }
    }

    fn drop_before(&mut self, start_ns: i64) {
        while self.times.front().is_some_and(|&time| time < start_ns) {
            self.times.pop_front();
            self.logs.pop_front();
        }
    }

    /// The latest `limit` changes at or before `now_ns`.
    fn until(&mut self, now_ns: i64, limit: usize) -> (&[i64], &[f64]) {
        let times: &[i64] = self.times.make_contiguous();
        let end = times.partition_point(|&time| time <= now_ns);
        let range = end.saturating_sub(limit)..end;
        let logs: &[f64] = self.logs.make_contiguous();
        (
            times.get(range.clone()).unwrap_or_default(),
            logs.get(range).unwrap_or_default(),
        )
    }
}

/// Rolling estimate of the lag between a leader and a follower from their mid changes.
///
/// Push every quote (unchanged mids are ignored), refit at times of your choice. A refit sees only
/// quotes at or before its time, and forgets what is older than the window; quotes pushed ahead of
/// it wait (up to twice `max_changes` are kept).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadLagEstimator {
    settings: LeadLagSettings,
    leader: Changes,
    follower: Changes,
    last_refit_ns: Option<i64>,
}

impl LeadLagEstimator {
    /// # Errors
    /// A setting outside its domain.
    pub fn new(settings: LeadLagSettings) -> Result<Self, KernelError> {
        settings.check()?;
        let (leader, follower) = (Changes::default(), Changes::default());
        Ok(Self {
            settings,
            leader,
            follower,
            last_refit_ns: None,
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &LeadLagSettings {
        &self.settings
    }

    /// Takes a leader mid at `t_ns`; of several at one time the last counts.
    ///
    /// # Errors
    /// Time runs backwards or is out of range, or `mid` is not a positive finite price: the state
    /// is unchanged.
    pub fn push_leader(&mut self, t_ns: i64, mid: f64) -> Result<(), KernelError> {
        self.leader.check(t_ns, mid)?;
        self.leader.push(t_ns, mid, 2 * self.settings.max_changes);
        Ok(())
    }

    /// Takes a follower mid; as [`Self::push_leader`].
    ///
    /// # Errors
    /// As [`Self::push_leader`].
    pub fn push_follower(&mut self, t_ns: i64, mid: f64) -> Result<(), KernelError> {
        self.follower.check(t_ns, mid)?;
        self.follower.push(t_ns, mid, 2 * self.settings.max_changes);
        Ok(())
    }

    /// Estimates the link from quotes in `[now_ns - window_ns, now_ns]`.
    ///
    /// **Peak.** The correlation is flat near its top (over about the spacing of the quotes; for
    /// mids sampled on one clock over ± one tick of it), so the grid point that noise happens to
    /// favour is a poor estimate of the lag: `lag_ns` is the middle of the run around it that is
    /// within two noises of it, at most a tenth of its height: where a pair is noisy at all lags, two
    /// noises would reach far down its slopes.
    ///
    /// **Noise** is the larger of two measures. (1) The root mean square correlation at lags at
    /// least `max_lag / 2` from the peak: far outside the hump of a real link, so it is what this
    /// pair shows by chance, and half the grid or more remains. When quotes are so sparse that the
    /// hump fills the grid it grows with the hump, and nothing is significant, as it should be.
    /// (2) `sqrt(sum dx^2 dy^2) / sqrt(RV_x RV_y)` over overlapping pairs at the peak: the standard
    /// error under independence with no assumption on the size of single moves. One coincidence of
    /// two jumps makes both it and the peak large, so their ratio stays near 1.
    ///
    /// **Stability.** Each half of the window (by count of leader changes) must on its own peak
    /// with the same sign, within `max(2 steps, d)` of `lag_ns`, where d, the resolution of the
    /// data, is the geometric mean of the two mean quote spacings, at most `max_lag / 4`.
    ///
    /// **Leading.** The whole run around the peak must lie at positive lags, so a contemporaneous
    /// link whose noise favours a small positive lag does not pass.
    ///
    /// Cost O(lags × (n + m)) at worst.
    ///
    /// # Errors
    /// `now_ns` is out of range or before the last refit.
    pub fn refit(&mut self, now_ns: i64) -> Result<Link, KernelError> {
        check_time("now_ns", now_ns)?;
        if self.last_refit_ns.is_some_and(|last| now_ns < last) {
            return Err(input("now_ns", now_ns, "not before the last refit"));
        }
        self.last_refit_ns = Some(now_ns);
        let start = now_ns - self.settings.window_ns;
        self.leader.drop_before(start);
        self.follower.drop_before(start);
        let limit = self.settings.max_changes;
        let leader = self.leader.until(now_ns, limit);
        let follower = self.follower.until(now_ns, limit);
        Ok(estimate(&self.settings, leader, follower))
    }
}

fn estimate(
    settings: &LeadLagSettings,
    (tx, x): (&[i64], &[f64]),
    (ty, y): (&[i64], &[f64]),
) -> Link {
    let mut link = Link {
        lag_ns: 0,
        correlation: None,
        lead_lag_ratio: None,
        noise: None,
        significant: false,
        verdict: LinkVerdict::TooFewChanges,
        n_leader: tx.len(),
        n_follower: ty.len(),
    };
    if tx.len().min(ty.len()) < settings.min_changes {
        return link;
    }
    let normaliser = (realised_variance(x) * realised_variance(y)).sqrt();
    if normaliser <= 0.0 {
        link.verdict = LinkVerdict::NoVariation;
        return link;
    }

    // One walk gives both halves; the whole is their sum. All three are in units of the whole.
    let dx = increments(x);
    let steps = settings.max_lag_ns / settings.step_ns;
    let lags: Vec<i64> = (-steps..=steps).map(|k| k * settings.step_ns).collect();
    let mut walk = CoverWalk::new(tx, ty);
    let (mut whole, mut early, mut late) = (vec![], vec![], vec![]);
    for &lag in &lags {
        let [first, second] = walk.overlap_sums(&dx, y, lag, dx.len() / 2);
        early.push(first / normaliser);
        late.push(second / normaliser);
        whole.push((first + second) / normaliser);
    }

    let top = largest(&whole);
    let peak = whole[top];
    let far = settings.max_lag_ns / 2;
    let beyond = lags
        .iter()
        .zip(&whole)
        .filter(|(&lag, _)| (lag - lags[top]).abs() >= far);
    let (sum, count) = beyond.fold((0.0, 0.0), |(sum, n), (_, rho)| (sum + rho * rho, n + 1.0));
    let elsewhere = f64::sqrt(sum / f64::max(count, 1.0));
    let noise = elsewhere.max(independent_error(tx, &dx, ty, y, lags[top]) / normaliser);

    let top_depth = |noises: f64, peak: f64| (PEAK_DEPTH * noises).min(PEAK_SHARE * peak.abs());
    let (low, high) = run_around(&whole, top, top_depth(noise, peak));
    let middle = |(low, high): (usize, usize)| (lags[low] + lags[high]) / 2;
    link.lag_ns = middle((low, high));
    link.correlation = Some(peak);
    link.noise = Some(noise);
    let energy = |side: &[f64]| side.iter().fold(0.0, |sum, rho| sum + rho * rho);
    let zero = whole.len() / 2;
    let behind = energy(&whole[..zero]);
    link.lead_lag_ratio = (behind > 0.0).then(|| energy(&whole[zero + 1..]) / behind);

    let resolution = (spacing(tx) * spacing(ty))
        .sqrt()
        .min(settings.max_lag_ns as f64 / 4.0);
    let tolerance = resolution.max(2.0 * settings.step_ns as f64);
    let agrees = |half: &[f64]| {
        let top = largest(half);
        // A half of the data has 1/sqrt(2) of the noise in units of the whole.
        let depth = top_depth(noise * std::f64::consts::FRAC_1_SQRT_2, half[top]);
        let run = run_around(half, top, depth);
        let distance = (middle(run) - link.lag_ns).abs() as f64;
        half[top] * peak > 0.0 && distance <= tolerance
    };
    link.verdict = if peak.abs() < settings.min_correlation {
        LinkVerdict::WeakCorrelation
    } else if peak.abs() <= settings.significance * noise {
        LinkVerdict::WithinNoise
    } else if lags[low] <= 0 {
        LinkVerdict::NotLeading
    } else if settings.require_stable_peak && !(agrees(&early) && agrees(&late)) {
        LinkVerdict::UnstablePeak
    } else {
        LinkVerdict::Significant
    };
    link.significant = link.verdict == LinkVerdict::Significant;
    link
}

/// Standard error of the covariance under independence: root of the sum of squared terms.
fn independent_error(tx: &[i64], dx: &[f64], ty: &[i64], y: &[f64], lag: i64) -> f64 {
    let squares: Vec<f64> = dx.iter().map(|d| d * d).collect();
    let mut total = 0.0;
    let cumulative: Vec<f64> = std::iter::once(0.0)
        .chain(increments(y).iter().map(|d| {
            total += d * d;
            total
        }))
        .collect();
    let [sum, _] = CoverWalk::new(tx, ty).overlap_sums(&squares, &cumulative, lag, dx.len());
    sum.max(0.0).sqrt()
}

/// Index of the first largest magnitude.
fn largest(curve: &[f64]) -> usize {
    let mut best = 0;
    for (i, rho) in curve.iter().enumerate() {
        if rho.abs() > curve[best].abs() {
            best = i;
        }
    }
    best
}

/// First and last index of the run around `top` of its sign and within `depth` of its magnitude.
fn run_around(curve: &[f64], top: usize, depth: f64) -> (usize, usize) {
    let peak = curve[top];
    let floor = peak.abs() - depth;
    let near = |rho: &f64| rho * peak >= 0.0 && rho.abs() >= floor;
    let below = curve[..top]
        .iter()
        .rev()
        .take_while(|rho| near(rho))
        .count();
    let above = curve[top + 1..].iter().take_while(|rho| near(rho)).count();
    (top - below, top + above)
}

/// Mean time between observations (ns).
fn spacing(times: &[i64]) -> f64 {
    match (times.first(), times.last()) {
        (Some(first), Some(last)) if times.len() > 1 => {
            (last - first) as f64 / (times.len() - 1) as f64
        }
        _ => 0.0,
    }
}

#[cfg(test)]
#[path = "lead_lag_tests.rs"]
mod tests;
