//! How long a message is on its way.

use serde::{Deserialize, Serialize};

use crate::math::split_mix;

/// One measured round trip: sent, matched, answered. All nanoseconds; the middle one by the exchange's clock, corrected
/// to the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyRow {
    pub sent_ns: i64,
    pub exchange_ns: i64,
    pub answered_ns: i64,
}

/// A latency model. None depends on anything but its state and the time of sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Latency {
    Constant {
        ns: i64,
    },
    /// Interpolated linearly between measured points (time of sending, latency); the ends go on as they are. Made by
    /// [`Latency::of_orders`] and [`Latency::of_responses`].
    Recorded {
        points: Vec<(i64, i64)>,
    },
    /// `least_ns` plus an exponential of mean `mean_extra_ns`, at most `most_ns`; the n-th message of a seed always
    /// takes the same time.
    Jitter {
        seed: u64,
        least_ns: i64,
        mean_extra_ns: i64,
        most_ns: i64,
        sent: u64,
    },
}

impl Latency {
    pub fn constant(ns: i64) -> Latency {
        Latency::Constant { ns }
    }

    pub fn jitter(seed: u64, least_ns: i64, mean_extra_ns: i64, most_ns: i64) -> Latency {
        Latency::Jitter {
            seed,
            least_ns,
            mean_extra_ns,
            most_ns,
            sent: 0,
        }
    }

    /// Client to venue, by the time of sending.
    pub fn of_orders(rows: &[LatencyRow]) -> Latency {
        let point = |row: &LatencyRow| (row.sent_ns, row.exchange_ns - row.sent_ns);
        Latency::recorded(rows.iter().map(point).collect())
    }

    /// Venue to client, by the time at the venue.
    pub fn of_responses(rows: &[LatencyRow]) -> Latency {
        let point = |row: &LatencyRow| (row.exchange_ns, row.answered_ns - row.exchange_ns);
        Latency::recorded(rows.iter().map(point).collect())
    }

    fn recorded(mut points: Vec<(i64, i64)>) -> Latency {
        points.sort_by_key(|(at_ns, _)| *at_ns);
        points.dedup_by_key(|(at_ns, _)| *at_ns);
        Latency::Recorded { points }
    }

    /// Latency of the next message, sent at `now_ns`; never negative.
    pub fn next(&mut self, now_ns: i64) -> i64 {
        match self {
            Latency::Constant { ns } => (*ns).max(0),
            Latency::Recorded { points } => interpolate(points, now_ns).max(0),
            Latency::Jitter {
                seed,
                least_ns,
                mean_extra_ns,
                most_ns,
                sent,
            } => {
                let random = split_mix(split_mix(*seed).wrapping_add(*sent));
                *sent += 1;
                // 53 bits in (0, 1].
                let uniform = ((random >> 11) + 1) as f64 / (1u64 << 53) as f64;
                let extra = -libm::log(uniform) * *mean_extra_ns as f64;
                least_ns.saturating_add(extra as i64).min(*most_ns).max(0)
            }
        }
    }
}

fn interpolate(points: &[(i64, i64)], now_ns: i64) -> i64 {
    let after = points.partition_point(|(at_ns, _)| *at_ns <= now_ns);
    let before = after.checked_sub(1).and_then(|index| points.get(index));
    match (before, points.get(after)) {
        (Some((t0, l0)), Some((t1, l1))) => {
            let (elapsed, span) = (i128::from(now_ns - t0), i128::from(t1 - t0));
            let change = i128::from(l1 - l0) * elapsed;
            l0 + change.div_euclid(span) as i64
        }
        (Some((_, latency)), None) | (None, Some((_, latency))) => *latency,
        (None, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_latency_is_interpolated_and_held_at_the_ends() {
        let row = |sent_ns, exchange_ns, answered_ns| LatencyRow {
            sent_ns,
            exchange_ns,
            answered_ns,
        };
        let rows = [row(1000, 1100, 1150), row(2000, 2300, 2310)];
        let mut orders = Latency::of_orders(&rows);
        let got = [0, 1000, 1500, 1750, 2000, 9000].map(|at| orders.next(at));
        assert_eq!(got, [100, 100, 200, 250, 300, 300]);
        let mut responses = Latency::of_responses(&rows);
        assert_eq!(
            [1100, 1700, 2300].map(|at| responses.next(at)),
            [50, 30, 10]
        );
    }

    #[test]
    fn jitter_is_a_function_of_seed_and_number_with_the_stated_mean() {
        let draw = |seed| {
            let mut latency = Latency::jitter(seed, 1_000_000, 500_000, i64::MAX);
            (0..20_000).map(|_| latency.next(0)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let sample = draw(7);
        assert!(sample.iter().all(|ns| *ns >= 1_000_000));
        let mean = sample.iter().sum::<i64>() as f64 / sample.len() as f64;
        // The standard error of the mean is 500 000 ÷ √20 000, about 3 500.
        assert!((mean - 1_500_000.0).abs() < 3.0 * 3_536.0, "{mean}");
        let mut capped = Latency::jitter(1, 100, 1_000, 150);
        assert!((0..100).all(|_| (100..=150).contains(&capped.next(0))));
    }
}
