//! Receive clock against exchange clock: how far apart, and whether that changes.

use serde::{Deserialize, Serialize};

use super::DeviationHistogram;

/// Width of the stretches whose fastest message stands for the clock.
const MINUTE_NS: i64 = 60_000_000_000;
/// A stretch with fewer messages says too little about the fastest way.
const MINIMUM_MESSAGES: u32 = 10;
/// Stretches before a drift is told.
const MINIMUM_MINUTES: u64 = 3;

/// Receive time less exchange time, as captured. Negative where the receive clock is behind by more than the way
/// takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Messages that carry an exchange time and were received in order.
    pub compared: u64,
    pub negative: u64,
    pub minimum_ns: i64,
    /// To 1/32 of its distance from the first message's.
    pub median_ns: i64,
    pub maximum_ns: i64,
}

/// The line through the fastest message of each minute.
///
/// Delays of the network only add, so the smallest latency of a minute is the clocks' difference plus the shortest
/// way, whatever the load; its trend is the drift of one clock against the other (Paxson 1998, *On calibrating
/// measurements of packet transit times*). A route that becomes longer looks the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockDrift {
    pub minutes: u64,
    /// Microseconds per second; positive: the receive clock runs faster.
    pub drift_ppm: f64,
    /// The line's end less its beginning, ns.
    pub total_ns: f64,
    /// Largest change of the smallest latency from one minute to the next, ns: a clock that was set.
    pub largest_step_ns: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Minute {
    index: i64,
    minimum_ns: i64,
    messages: u32,
}

/// Sums of a least-squares line in integers, so that no order of additions can change it by rounding. Minutes count
/// from the first, latencies in µs from that of the first minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    origin: Option<(i64, i64)>,
    n: u64,
    t: i128,
    y: i128,
    tt: i128,
    ty: i128,
    last_minute: i64,
    last_minimum_ns: i64,
    largest_step_ns: i64,
}

impl Line {
    fn add(&mut self, minute: Minute) {
        if minute.messages < MINIMUM_MESSAGES {
            return;
        }
        let (first_minute, first_ns) =
            *self.origin.get_or_insert((minute.index, minute.minimum_ns));
        let t = i128::from(minute.index) - i128::from(first_minute);
        let y = (i128::from(minute.minimum_ns) - i128::from(first_ns)) / 1_000;
        if self.n > 0 {
            let step = minute.minimum_ns.saturating_sub(self.last_minimum_ns);
            self.largest_step_ns = self.largest_step_ns.max(step.saturating_abs());
        }
        self.n += 1;
        self.t += t;
        self.y += y;
        self.tt += t * t;
        self.ty += t * y;
        self.last_minute = minute.index;
        self.last_minimum_ns = minute.minimum_ns;
    }

    fn drift(&self) -> Option<ClockDrift> {
        let (first_minute, _) = self.origin?;
        let n = i128::from(self.n);
        let spread = n * self.tt - self.t * self.t;
        if self.n < MINIMUM_MINUTES || spread <= 0 {
            return None;
        }
        // µs per minute.
        let slope = (n * self.ty - self.t * self.y) as f64 / spread as f64;
        Some(ClockDrift {
            minutes: self.n,
            drift_ppm: slope / 60.0,
            total_ns: slope * (self.last_minute - first_minute) as f64 * 1_000.0,
            largest_step_ns: self.largest_step_ns,
        })
    }
}

/// Latencies of one stream of messages, in order of receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMonitor {
    negative: u64,
    minimum_ns: i64,
    maximum_ns: i64,
    histogram: DeviationHistogram,
    minute: Option<Minute>,
    line: Line,
}

impl ClockMonitor {
    /// Takes a message's receive time and exchange time, both as captured.
    pub fn observe(&mut self, received_ns: i64, exchange_ns: i64) {
        let latency_ns = received_ns.saturating_sub(exchange_ns);
        if self.histogram.count() == 0 {
            self.minimum_ns = latency_ns;
            self.maximum_ns = latency_ns;
        }
        self.minimum_ns = self.minimum_ns.min(latency_ns);
        self.maximum_ns = self.maximum_ns.max(latency_ns);
        self.negative += u64::from(latency_ns < 0);
        self.histogram.add(latency_ns);
        let index = received_ns.div_euclid(MINUTE_NS);
        match &mut self.minute {
            Some(minute) if minute.index == index => {
                minute.minimum_ns = minute.minimum_ns.min(latency_ns);
                minute.messages = minute.messages.saturating_add(1);
            }
            current => {
                let next = Minute {
                    index,
                    minimum_ns: latency_ns,
                    messages: 1,
                };
                if let Some(ended) = current.replace(next) {
                    self.line.add(ended);
                }
            }
        }
    }

    /// None while no message could be compared.
    pub fn latency(&self) -> Option<Latency> {
        Some(Latency {
            compared: self.histogram.count(),
            negative: self.negative,
            minimum_ns: self.minimum_ns,
            median_ns: self
                .histogram
                .median()?
                .clamp(self.minimum_ns, self.maximum_ns),
            maximum_ns: self.maximum_ns,
        })
    }

    /// None with fewer than three minutes of ten messages and more.
    pub fn drift(&self) -> Option<ClockDrift> {
        let mut line = self.line.clone();
        if let Some(minute) = self.minute {
            line.add(minute);
        }
        line.drift()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Messages every second; the fastest of each minute takes exactly `base + drift`.
    fn drifting(ppm: f64, minutes: i64, step: impl Fn(i64) -> i64) -> ClockMonitor {
        let mut clock = ClockMonitor::default();
        for second in 0..minutes * 60 {
            let exchange = 1_700_000_040_000_000_000 + second * 1_000_000_000;
            let jitter = (second * 7919 % 13) * 3_000_000;
            let drift = (ppm * second as f64 * 1_000.0) as i64;
            clock.observe(
                exchange - 1_270_000_000 + jitter + drift + step(second),
                exchange,
            );
        }
        clock
    }

    #[test]
    fn a_planted_drift_is_found() {
        for ppm in [-250.0, -20.0, 0.0, 4.0, 100.0] {
            let drift = drifting(ppm, 20, |_| 0).drift().unwrap();
            assert!(
                (drift.drift_ppm - ppm).abs() < 0.5 + ppm.abs() / 100.0,
                "{ppm} {drift:?}"
            );
            let total = ppm * 19.0 * 60_000.0;
            assert!((drift.total_ns - total).abs() < 600_000.0 + total.abs() / 100.0);
        }
    }

    #[test]
    fn a_clock_that_was_set_shows_as_a_step() {
        let steady = drifting(0.0, 10, |_| 0).drift().unwrap();
        assert_eq!(steady.largest_step_ns, 0);
        let set = drifting(
            0.0,
            10,
            |second| if second >= 320 { -400_000_000 } else { 0 },
        );
        let step = set.drift().unwrap().largest_step_ns;
        assert_eq!(step, 400_000_000);
    }

    #[test]
    fn a_short_stream_has_no_drift() {
        assert_eq!(drifting(50.0, 2, |_| 0).drift(), None);
        assert_eq!(ClockMonitor::default().latency(), None);
    }

    #[test]
    fn negative_latencies_are_counted_as_captured() {
        let mut clock = ClockMonitor::default();
        for latency in [-5, 0, 3, -1, 9] {
            clock.observe(1_000 + latency, 1_000);
        }
        let latency = clock.latency().unwrap();
        assert_eq!((latency.compared, latency.negative), (5, 2));
        assert_eq!((latency.minimum_ns, latency.maximum_ns), (-5, 9));
    }
}
