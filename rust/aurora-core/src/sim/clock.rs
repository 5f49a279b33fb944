//! The process's clocks. The one may be stepped, and what it shows never falls; the other is never stepped and drifts.

use super::random::Random;

#[derive(Debug, Clone)]
pub(super) struct Clock {
    offset_ns: i64,
    shown_ns: i64,
}

impl Clock {
    pub fn new(start_ns: i64) -> Clock {
        Clock {
            offset_ns: 0,
            shown_ns: start_ns,
        }
    }

    /// Steps the clock; returns for how long it will stand still.
    pub fn step(&mut self, by_ns: i64) -> i64 {
        self.offset_ns += by_ns;
        (-by_ns).max(0)
    }

    /// Local time at a true time.
    pub fn local_ns(&mut self, true_ns: i64) -> i64 {
        self.shown_ns = self.shown_ns.max(true_ns + self.offset_ns);
        self.shown_ns
    }

    /// True time at which the clock will show a local time; the past where it shows that already.
    pub fn true_ns(&self, local_ns: i64) -> i64 {
        if local_ns <= self.shown_ns {
            return i64::MIN;
        }
        local_ns - self.offset_ns
    }
}

/// Farthest that the steady clock drifts, in millionths: less than gateways allow for.
const FARTHEST_DRIFT_E6: i64 = 400;

/// The steady clock of one life: it begins anywhere and runs a little faster or slower than the venue's.
#[derive(Debug, Clone)]
pub(super) struct Steady {
    born_ns: i64,
    drift_e6: i64,
}

impl Steady {
    pub fn new(seed: u64, life: u32, born_ns: i64) -> Steady {
        let mut random = Random::new(seed, 1_000 + u64::from(life));
        Steady {
            born_ns,
            drift_e6: random.between(-FARTHEST_DRIFT_E6, FARTHEST_DRIFT_E6),
        }
    }

    pub fn steady_ns(&self, true_ns: i64) -> i64 {
        let since_ns = true_ns - self.born_ns;
        since_ns + since_ns * self.drift_e6 / 1_000_000
    }

    /// First true time at which the clock shows a steady one.
    pub fn true_ns(&self, steady_ns: i64) -> i64 {
        let mut true_ns = self.born_ns + steady_ns * 1_000_000 / (1_000_000 + self.drift_e6);
        while self.steady_ns(true_ns) < steady_ns {
            true_ns += 1;
        }
        true_ns
    }
}
