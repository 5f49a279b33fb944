//! Hayashi-Yoshida covariance, correlation and beta of two live series over a sliding window, in
//! constant memory.
//!
//! The sum over overlapping intervals (see [`super::hayashi_yoshida`]) can be taken as the
//! observations come: when an interval of X ends, it is multiplied with all of Y's increments that
//! ended after it began, which is what Y has moved since the last Y time at or before its begin; and
//! the other way round. Each overlapping pair is so counted once, when its later interval ends.

use super::{check_price, check_time, input, require, KernelError};
use crate::sliding_sum::SlidingSum;
use serde::{Deserialize, Serialize};

/// What the window holds. Where a quotient has no value it is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HayashiYoshidaValue {
    /// Hayashi-Yoshida covariance (log price squared).
    pub covariance: f64,
    /// Realised variances (log price squared).
    pub variance_x: f64,
    pub variance_y: f64,
    /// `covariance / sqrt(variance_x variance_y)`; it may exceed 1 in magnitude in small samples.
    pub correlation: Option<f64>,
    /// Slope of Y on X: `covariance / variance_x`. Bid-ask bounce of X draws it towards 0.
    pub beta: Option<f64>,
    /// Increments in the window.
    pub changes_x: u64,
    pub changes_y: u64,
}

/// Log mid at a time.
type Point = (i64, f64);

/// One series: its changes are points where the log mid differs from the point before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Series {
    /// Newest quote: of several at one time the last counts, so it becomes a change only when time
    /// has passed on.
    waiting: Option<Point>,
    /// Newest change.
    last: Option<Point>,
    /// The other series' log mid at its last change at or before this one's last change; None before
    /// both have begun.
    other_then: Option<f64>,
    squares: SlidingSum,
    changes: SlidingSum,
}

impl Series {
    fn new(buckets: usize) -> Self {
        Self {
            waiting: None,
            last: None,
            other_then: None,
            squares: SlidingSum::new(buckets),
            changes: SlidingSum::new(buckets),
        }
    }

    fn forget(&mut self) {
        self.waiting = None;
        self.last = None;
        self.other_then = None;
    }
}

/// Covariance of two series X and Y over about the last `buckets * bucket_ns` of time.
///
/// The window is made of whole buckets of the clock, the current one included, and a term belongs to
/// the bucket in which it is completed: a squared increment when its interval ends, a product when
/// the later of its two intervals ends. A value at `now` knows quotes before `now` only.
///
/// Both series are pushed in one order of time. Cost O(1) amortised a quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HayashiYoshidaWindow {
    bucket_ns: i64,
    /// Number of the newest bucket.
    bucket: Option<i64>,
    now_ns: Option<i64>,
    x: Series,
    y: Series,
    products: SlidingSum,
}

impl HayashiYoshidaWindow {
    /// `bucket_ns` above 0; `buckets` from 1 to 100,000.
    ///
    /// # Errors
    /// A setting outside its domain.
    pub fn new(bucket_ns: i64, buckets: usize) -> Result<Self, KernelError> {
        super::check_duration("bucket_ns", bucket_ns)?;
        require(
            (1..=100_000).contains(&buckets),
            "buckets",
            buckets,
            "from 1 to 100000",
        )?;
        Ok(Self {
            bucket_ns,
            bucket: None,
            now_ns: None,
            x: Series::new(buckets),
            y: Series::new(buckets),
            products: SlidingSum::new(buckets),
        })
    }

    /// Takes a mid of X at `t_ns`; an unchanged one is no observation.
    ///
    /// # Errors
    /// Time runs backwards (over both series and the readings) or is out of range, or `mid` is not a
    /// positive finite price: the state is unchanged.
    pub fn push_x(&mut self, t_ns: i64, mid: f64) -> Result<(), KernelError> {
        check_price("mid", mid)?;
        self.pass_to(t_ns)?;
        self.x.waiting = Some((t_ns, libm::log(mid)));
        Ok(())
    }

    /// Takes a mid of Y; as [`Self::push_x`].
    ///
    /// # Errors
    /// As [`Self::push_x`].
    pub fn push_y(&mut self, t_ns: i64, mid: f64) -> Result<(), KernelError> {
        check_price("mid", mid)?;
        self.pass_to(t_ns)?;
        self.y.waiting = Some((t_ns, libm::log(mid)));
        Ok(())
    }

    /// The estimate from what was completed before `now_ns`. Readings change no later value.
    ///
    /// # Errors
    /// `now_ns` is out of range or before the newest quote or reading.
    pub fn value(&mut self, now_ns: i64) -> Result<HayashiYoshidaValue, KernelError> {
        self.pass_to(now_ns)?;
        self.roll((now_ns - 1).div_euclid(self.bucket_ns));
        let covariance = self.products.sum();
        let (variance_x, variance_y) = (self.x.squares.sum(), self.y.squares.sum());
        let quotient = |of: f64| (of > 0.0).then(|| covariance / of);
        Ok(HayashiYoshidaValue {
            covariance,
            variance_x,
            variance_y,
            correlation: quotient((variance_x * variance_y).sqrt()),
            beta: quotient(variance_x),
            changes_x: self.x.changes.sum() as u64,
            changes_y: self.y.changes.sum() as u64,
        })
    }

    /// X was lost at `now_ns`: its next mid begins anew and is no increment from the last. The window
    /// keeps its terms; what Y's current interval has in common with X before the loss is left out.
    ///
    /// # Errors
    /// `now_ns` is out of range or before the newest quote or reading.
    pub fn interrupt_x(&mut self, now_ns: i64) -> Result<(), KernelError> {
        self.pass_to(now_ns)?;
        self.x.forget();
        self.y.other_then = None;
        Ok(())
    }

    /// Y was lost; as [`Self::interrupt_x`].
    ///
    /// # Errors
    /// As [`Self::interrupt_x`].
    pub fn interrupt_y(&mut self, now_ns: i64) -> Result<(), KernelError> {
        self.pass_to(now_ns)?;
        self.y.forget();
        self.x.other_then = None;
        Ok(())
    }

    /// Completes what waits for a time before `now_ns`.
    fn pass_to(&mut self, now_ns: i64) -> Result<(), KernelError> {
        check_time("t_ns", now_ns)?;
        if self.now_ns.is_some_and(|now| now_ns < now) {
            return Err(input(
                "t_ns",
                now_ns,
                "not before the newest quote or reading",
            ));
        }
        self.now_ns = Some(now_ns);
        let due = |series: &mut Series| series.waiting.take_if(|(time, _)| *time < now_ns);
        match (due(&mut self.x), due(&mut self.y)) {
            (Some(x), Some(y)) if y.0 < x.0 => {
                self.complete(y, true);
                self.complete(x, false);
            }
            (x, y) => {
                if let Some(x) = x {
                    self.complete(x, false);
                }
                if let Some(y) = y {
                    self.complete(y, true);
                }
            }
        }
        Ok(())
    }

    /// Takes a change of X, or with `of_y` of Y, whose time is not before any change taken.
    fn complete(&mut self, (time, log): Point, of_y: bool) {
        let series = if of_y { &self.y } else { &self.x };
        if series.last.is_some_and(|(_, last)| last == log) {
            return;
        }
        self.roll(time.div_euclid(self.bucket_ns));
        let (series, other) = if of_y {
            (&mut self.y, &mut self.x)
        } else {
            (&mut self.x, &mut self.y)
        };
        if let Some((_, last)) = series.last {
            let change = log - last;
            series.squares.add_to_newest(change * change);
            series.changes.add_to_newest(1.0);
            if let Some(((_, now), then)) = other.last.zip(series.other_then) {
                self.products.add_to_newest(change * (now - then));
            }
        }
        series.last = Some((time, log));
        series.other_then = other.last.map(|(_, log)| log);
        match other.last {
            // Two changes at one time: the other's next interval begins here, too.
            Some((at, _)) if at == time => other.other_then = Some(log),
            // The other began before this series: its interval reaches back to this first value.
            Some(_) if other.other_then.is_none() => other.other_then = Some(log),
            _ => {}
        }
    }

    fn roll(&mut self, bucket: i64) {
        let steps = match self.bucket {
            None => 1,
            Some(newest) if bucket > newest => newest.abs_diff(bucket),
            Some(_) => return,
        };
        self.bucket = Some(bucket);
        for sum in [
            &mut self.products,
            &mut self.x.squares,
            &mut self.x.changes,
            &mut self.y.squares,
            &mut self.y.changes,
        ] {
            sum.push_many(0.0, steps);
        }
    }
}

#[cfg(test)]
#[path = "hayashi_yoshida_window_tests.rs"]
mod tests;
