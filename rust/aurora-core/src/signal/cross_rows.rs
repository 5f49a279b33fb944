//! What two instruments have in common as time goes: covariance, correlation and betas of their mids, in rows.

use super::{HayashiYoshidaWindow, KalmanBeta, KalmanBetaSettings, KernelError};

const BASIS_POINTS: f64 = 1e4;
/// Beta is unknown at the beginning, within some units; while the leader stands still it grows no more uncertain
/// than this.
const INITIAL_VARIANCE: f64 = 1.0;
const MAXIMUM_VARIANCE: f64 = 100.0;

/// One instrument's mids in order of time; NaN where there is none from that time on.
#[derive(Clone, Copy, Debug)]
pub struct Quotes<'a> {
    times: &'a [i64],
    mids: &'a [f64],
    next: usize,
    /// Log mid that stands, basis points.
    standing: Option<f64>,
}

impl<'a> Quotes<'a> {
    /// # Errors
    /// The columns differ in length.
    pub fn new(times: &'a [i64], mids: &'a [f64]) -> Result<Self, KernelError> {
        super::check_length("mid", mids.len(), times.len())?;
        Ok(Quotes {
            times,
            mids,
            next: 0,
            standing: None,
        })
    }

    fn due(&self, before_ns: i64) -> Option<(i64, f64)> {
        let time = *self.times.get(self.next)?;
        let mid = *self.mids.get(self.next)?;
        (time < before_ns).then_some((time, mid))
    }

    fn take(&mut self, mid: f64) {
        self.next += 1;
        self.standing = (mid > 0.0).then(|| libm::log(mid) * BASIS_POINTS);
    }
}

/// Settings of [`cross_rows`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossSettings {
    /// Window of [`HayashiYoshidaWindow`].
    pub bucket_ns: i64,
    pub buckets: usize,
    /// Variances of [`KalmanBeta`]: what beta gains from row to row, and Y's about `beta x`, squared basis points.
    pub process_variance: f64,
    pub observation_variance: f64,
}

/// One row for each time asked for; NaN where undefined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossRows {
    /// Hayashi-Yoshida covariance over the window, squared basis points.
    pub covariance: Vec<f64>,
    pub correlation: Vec<f64>,
    /// Slope of Y on X by the same sums.
    pub beta: Vec<f64>,
    /// Random-walk slope from the returns between rows, and its standard error.
    pub kalman_beta: Vec<f64>,
    pub kalman_error: Vec<f64>,
}

fn feed(
    window: &mut HayashiYoshidaWindow,
    x: &mut Quotes<'_>,
    y: &mut Quotes<'_>,
    before_ns: i64,
) -> Result<(), KernelError> {
    loop {
        let (first, of_y) = match (x.due(before_ns), y.due(before_ns)) {
            (Some(a), Some(b)) if b.0 < a.0 => (b, true),
            (Some(a), _) => (a, false),
            (None, Some(b)) => (b, true),
            (None, None) => return Ok(()),
        };
        let (time, mid) = first;
        match (of_y, mid.is_nan()) {
            (false, false) => window.push_x(time, mid)?,
            (false, true) => window.interrupt_x(time)?,
            (true, false) => window.push_y(time, mid)?,
            (true, true) => window.interrupt_y(time)?,
        }
        if of_y {
            y.take(mid);
        } else {
            x.take(mid);
        }
    }
}

/// Covariance, correlation and betas at the times of `grid`, which do not decrease; each row knows quotes before it.
///
/// # Errors
/// A setting outside its domain, times that run backwards, or a mid that is neither a positive price nor NaN.
pub fn cross_rows(
    mut x: Quotes<'_>,
    mut y: Quotes<'_>,
    grid: &[i64],
    settings: &CrossSettings,
) -> Result<CrossRows, KernelError> {
    let mut window = HayashiYoshidaWindow::new(settings.bucket_ns, settings.buckets)?;
    let mut kalman = KalmanBeta::new(KalmanBetaSettings {
        process_variance: settings.process_variance,
        observation_variance: settings.observation_variance,
        initial_beta: 0.0,
        initial_variance: INITIAL_VARIANCE,
        maximum_variance: MAXIMUM_VARIANCE,
    })?;
    let mut rows = CrossRows::default();
    let mut before: Option<(f64, f64)> = None;
    for &now in grid {
        feed(&mut window, &mut x, &mut y, now)?;
        let value = window.value(now)?;
        rows.covariance
            .push(value.covariance * BASIS_POINTS * BASIS_POINTS);
        rows.correlation.push(value.correlation.unwrap_or(f64::NAN));
        rows.beta.push(value.beta.unwrap_or(f64::NAN));
        let standing = x.standing.zip(y.standing);
        if let (Some((x0, y0)), Some((x1, y1))) = (before, standing) {
            kalman.update(x1 - x0, y1 - y0)?;
        }
        before = standing;
        let known = kalman.updates() > 0;
        let cell = |value: f64| if known { value } else { f64::NAN };
        rows.kalman_beta.push(cell(kalman.beta()));
        rows.kalman_error.push(cell(kalman.variance().sqrt()));
    }
    Ok(rows)
}
