//! The trading window: how many entries may work at once, and how small one may be, by the time of the UTC day.

use serde::{Deserialize, Serialize};

use crate::units::Money;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// What holds in one part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRules {
    /// Entries of the account that may work at once.
    pub entries: usize,
    /// Least notional of an entry.
    pub least_notional: Money,
}

/// Two parts of the UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradingWindow {
    /// Priority hours, from and until (excluded), since 00:00 UTC; until before from: over midnight.
    pub from_ns: i64,
    pub until_ns: i64,
    pub priority: WindowRules,
    pub off_peak: WindowRules,
}

impl Default for TradingWindow {
    /// 10:00-16:00 UTC six entries of at least 25, else two of at least 50 (SPEC §9).
    fn default() -> TradingWindow {
        let rules = |entries, units: i128| WindowRules {
            entries,
            least_notional: Money(units * 100_000_000),
        };
        TradingWindow {
            from_ns: 10 * HOUR_NS,
            until_ns: 16 * HOUR_NS,
            priority: rules(6, 25),
            off_peak: rules(2, 50),
        }
    }
}

impl TradingWindow {
    /// What holds at a time in nanoseconds since the epoch.
    pub fn rules(&self, at_ns: i64) -> &WindowRules {
        let time = at_ns.rem_euclid(DAY_NS);
        let inside = if self.from_ns <= self.until_ns {
            (self.from_ns..self.until_ns).contains(&time)
        } else {
            time >= self.from_ns || time < self.until_ns
        };
        if inside {
            &self.priority
        } else {
            &self.off_peak
        }
    }
}
