//! Prints far off the market, for a capture's quality grade.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::market::HOLE_NS;
use super::{MarketTrade, Undefined};

/// Scale that makes the median absolute deviation of a normal sample its standard deviation (Iglewicz, Hoaglin 1993).
const CONSISTENCY: f64 = 0.6745;

/// Tells prints that lie off the last w trade prices: an outlier has a robust z = 0.6745·(x − median) / MAD beyond
/// ±3.5 (Iglewicz and Hoaglin 1993) *and* lies at least a minimum distance from the median.
///
/// The distance is what keeps quiet markets clean, where the MAD is a tick or zero; where the MAD is zero z has no
/// value and the distance alone decides. A print is judged by the w before it and then joins them, outlier or not:
/// after a lasting jump the window follows within w / 2 prints. Behind a silence of more than [`HOLE_NS`] it begins
/// again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlierPrints {
    width: usize,
    cut: f64,
    minimum_distance_bps: u32,
    /// The window's prices in order of arrival and in order of size.
    arrived: VecDeque<i64>,
    sorted: Vec<i64>,
    last_ns: i64,
    judged: u64,
    outliers: u64,
}

/// What is said of one print.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrintJudgement {
    /// None where the median absolute deviation is zero.
    pub robust_z: Option<f64>,
    /// Absolute distance from the median in basis points of it.
    pub distance_bps: f64,
    pub outlier: bool,
}

impl Default for OutlierPrints {
    /// 101 prices, cut at 3.5, at least 50 bps.
    fn default() -> Self {
        OutlierPrints::new(101, 3.5, 50)
    }
}

impl OutlierPrints {
    /// `width` must be odd and at least 3, `cut` positive.
    pub fn new(width: usize, cut: f64, minimum_distance_bps: u32) -> Self {
        let width = width.max(3) | 1;
        OutlierPrints {
            width,
            cut,
            minimum_distance_bps,
            arrived: VecDeque::with_capacity(width),
            sorted: Vec::with_capacity(width),
            last_ns: i64::MIN,
            judged: 0,
            outliers: 0,
        }
    }

    /// Judges a print by the window before it, then takes it in.
    ///
    /// # Errors
    /// [`Undefined::WarmingUp`] while the window is not full.
    pub fn judge(&mut self, trade: MarketTrade) -> Result<PrintJudgement, Undefined> {
        self.forget_before_hole(trade.local_ns);
        let judgement = self.compare(trade.price);
        self.count(trade.price, judgement.map(|found| found.outlier));
        judgement.ok_or(Undefined::WarmingUp)
    }

    /// The verdict of [`OutlierPrints::judge`] alone, which most prints reach without a deviation: they are near.
    pub fn is_outlier(&mut self, trade: MarketTrade) -> Result<bool, Undefined> {
        self.forget_before_hole(trade.local_ns);
        let far = match self.sorted.get(self.width / 2) {
            Some(&median) if self.sorted.len() == self.width => {
                Some(self.is_far(trade.price, 2 * i128::from(median)))
            }
            _ => None,
        };
        let outlier = match far {
            Some(true) => self.compare(trade.price).map(|found| found.outlier),
            other => other,
        };
        self.count(trade.price, outlier);
        outlier.ok_or(Undefined::WarmingUp)
    }

    fn forget_before_hole(&mut self, local_ns: i64) {
        if local_ns.saturating_sub(self.last_ns) > HOLE_NS {
            self.arrived.clear();
            self.sorted.clear();
        }
        self.last_ns = local_ns;
    }

    fn is_far(&self, price: i64, median_doubled: i128) -> bool {
        let distance = (2 * i128::from(price) - median_doubled).abs();
        distance > 0 && distance * 10_000 >= i128::from(self.minimum_distance_bps) * median_doubled
    }

    /// Counts the verdict on a print, if there was one, and takes the print in.
    fn count(&mut self, price: i64, outlier: Option<bool>) {
        self.take_in(price);
        if let Some(outlier) = outlier {
            self.judged += 1;
            self.outliers += u64::from(outlier);
        }
    }

    fn compare(&self, price: i64) -> Option<PrintJudgement> {
        if self.sorted.len() < self.width {
            return None;
        }
        let location = RobustLocation::of(&self.sorted)?;
        let distance = (2 * i128::from(price) - location.median_doubled).abs();
        let far = self.is_far(price, location.median_doubled);
        let robust_z = location.z(price);
        Some(PrintJudgement {
            robust_z,
            distance_bps: distance as f64 / location.median_doubled as f64 * 1e4,
            outlier: far && robust_z.is_none_or(|z| z.abs() > self.cut),
        })
    }

    fn take_in(&mut self, price: i64) {
        if self.arrived.len() == self.width {
            if let Some(oldest) = self.arrived.pop_front() {
                let place = self.sorted.partition_point(|other| *other < oldest);
                self.sorted.remove(place);
            }
        }
        self.arrived.push_back(price);
        let place = self.sorted.partition_point(|other| *other < price);
        self.sorted.insert(place, price);
    }

    /// Prints judged so far: the denominator of the outlier share.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// Outliers among them.
    pub fn outliers(&self) -> u64 {
        self.outliers
    }
}

/// Median and median absolute deviation (MAD) of a sample, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RobustLocation {
    /// Twice the median: an even sample's median lies between two integers.
    pub median_doubled: i128,
    /// Four times the MAD, for the same reason.
    pub deviation_quadrupled: i128,
}

impl RobustLocation {
    /// Of values in ascending order; None of none.
    pub fn of(sorted: &[i64]) -> Option<RobustLocation> {
        let count = sorted.len();
        let last = count.checked_sub(1)?;
        let (lower, upper) = (last / 2, count / 2);
        let median_doubled = i128::from(sorted[lower]) + i128::from(sorted[upper]);
        let deviation = |i: usize| (2 * i128::from(sorted[i]) - median_doubled).abs();
        // Deviations rise on both sides of the median: merge them outwards up to the middle one.
        let (mut left, mut right) = (Some(lower), lower + 1);
        let mut deviation_quadrupled = 0;
        for rank in 0..=upper {
            let nearest = match left {
                Some(i) if right > last || deviation(i) <= deviation(right) => {
                    left = i.checked_sub(1);
                    deviation(i)
                }
                _ => {
                    right += 1;
                    deviation(right - 1)
                }
            };
            if rank == lower {
                deviation_quadrupled += nearest;
            }
            if rank == upper {
                deviation_quadrupled += nearest;
            }
        }
        Some(RobustLocation {
            median_doubled,
            deviation_quadrupled,
        })
    }

    /// Robust z of a value, 0.6745·(x − median) / MAD; None where the MAD is zero.
    pub fn z(&self, value: i64) -> Option<f64> {
        let distance_doubled = 2 * i128::from(value) - self.median_doubled;
        (self.deviation_quadrupled > 0)
            .then(|| CONSISTENCY * 2.0 * distance_doubled as f64 / self.deviation_quadrupled as f64)
    }
}

#[cfg(test)]
#[path = "outlier_prints_tests.rs"]
mod tests;
