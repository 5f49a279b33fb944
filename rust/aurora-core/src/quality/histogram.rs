//! Quantiles of latencies in constant memory.

use serde::{Deserialize, Serialize};

/// Buckets per doubling: a deviation is known to 1/32 of itself.
const SUB_BUCKETS: usize = 32;
const SUB_BUCKET_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Deviations from 2^37 µs (38 hours) on share the last bucket.
const LARGEST_US: u64 = (1 << 37) - 1;
const BUCKETS: usize = 32 * SUB_BUCKETS + SUB_BUCKETS;
const NS_PER_US: i64 = 1_000;

/// Counts of values by their distance from the first one, in buckets of rising width (as HdrHistogram does, Tene
/// 2012): to the microsecond below 64 µs, to 1/32 of the distance above. What is counted does not depend on order
/// but for the first value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Dump", into = "Dump")]
pub struct DeviationHistogram {
    anchor_ns: Option<i64>,
    below: Vec<u64>,
    above: Vec<u64>,
    count: u64,
}

impl Default for DeviationHistogram {
    fn default() -> Self {
        DeviationHistogram {
            anchor_ns: None,
            below: vec![0; BUCKETS],
            above: vec![0; BUCKETS],
            count: 0,
        }
    }
}

fn bucket(magnitude_us: u64) -> usize {
    let magnitude = magnitude_us.min(LARGEST_US);
    let bits = u64::BITS - magnitude.leading_zeros();
    let shift = bits.saturating_sub(SUB_BUCKET_BITS + 1);
    shift as usize * SUB_BUCKETS + (magnitude >> shift) as usize
}

/// Middle of a bucket in µs.
fn middle(index: usize) -> i64 {
    if index < 2 * SUB_BUCKETS {
        return index as i64;
    }
    let shift = index / SUB_BUCKETS - 1;
    let lowest = ((index - shift * SUB_BUCKETS) as i64) << shift;
    lowest + (1i64 << shift) / 2
}

impl DeviationHistogram {
    pub fn add(&mut self, value_ns: i64) {
        let anchor = *self.anchor_ns.get_or_insert(value_ns);
        let deviation_us = value_ns.saturating_sub(anchor) / NS_PER_US;
        let side = if deviation_us < 0 {
            &mut self.below
        } else {
            &mut self.above
        };
        if let Some(count) = side.get_mut(bucket(deviation_us.unsigned_abs())) {
            *count += 1;
        }
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value that has `count / 2` (rounded down) values below it, up to the width of its bucket; None without
    /// values.
    pub fn median(&self) -> Option<i64> {
        let anchor = self.anchor_ns?;
        let mut rank = self.count / 2;
        let below = self
            .below
            .iter()
            .enumerate()
            .rev()
            .map(|(i, n)| (-middle(i), n));
        let above = self.above.iter().enumerate().map(|(i, n)| (middle(i), n));
        for (deviation_us, count) in below.chain(above) {
            if rank < *count {
                return Some(anchor.saturating_add(deviation_us.saturating_mul(NS_PER_US)));
            }
            rank -= count;
        }
        None
    }
}

/// What a histogram is outside memory: the buckets that are not empty.
#[derive(Serialize, Deserialize)]
struct Dump {
    anchor_ns: Option<i64>,
    below: Vec<(u16, u64)>,
    above: Vec<(u16, u64)>,
}

impl From<DeviationHistogram> for Dump {
    fn from(histogram: DeviationHistogram) -> Dump {
        let filled = |side: &[u64]| {
            side.iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(index, count)| (index as u16, *count))
                .collect()
        };
        Dump {
            anchor_ns: histogram.anchor_ns,
            below: filled(&histogram.below),
            above: filled(&histogram.above),
        }
    }
}

impl From<Dump> for DeviationHistogram {
    fn from(dump: Dump) -> DeviationHistogram {
        let mut histogram = DeviationHistogram {
            anchor_ns: dump.anchor_ns,
            ..DeviationHistogram::default()
        };
        for (side, rows) in [
            (&mut histogram.below, dump.below),
            (&mut histogram.above, dump.above),
        ] {
            for (index, count) in rows {
                if let Some(slot) = side.get_mut(usize::from(index)) {
                    *slot += count;
                    histogram.count += count;
                }
            }
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_one_another_and_hold_their_middle() {
        let mut last = 0;
        for magnitude in (0..100_000u64).chain((17..63).map(|power| 1 << power)) {
            let index = bucket(magnitude);
            assert!(index >= last && index < BUCKETS);
            last = index;
            if magnitude <= LARGEST_US {
                let error = (middle(index) - magnitude as i64).unsigned_abs();
                assert!(error * 32 <= magnitude, "{magnitude}: {error}");
                assert_eq!(bucket(middle(index) as u64), index);
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_values(
            anchor in -2_000_000_000i64..2_000_000_000,
            rest in prop::collection::vec(-300_000_000i64..300_000_000, 0..200),
        ) {
            let mut values = vec![anchor];
            values.extend(rest.iter().map(|d| anchor + d));
            let mut histogram = DeviationHistogram::default();
            for value in &values {
                histogram.add(*value);
            }
            let bytes = postcard::to_allocvec(&histogram).unwrap();
            let back: DeviationHistogram = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&back, &histogram);
            values.sort_unstable();
            let exact = values[values.len() / 2];
            let error = (histogram.median().unwrap() - exact).abs();
            prop_assert!(error <= 1_000 + (exact - anchor).abs() / 32, "{} {}", error, exact);
        }
    }
}
