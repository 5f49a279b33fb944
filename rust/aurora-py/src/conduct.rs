//! The desk's conduct as plain numbers.

use aurora_core::execution::{
    Backoff, Budget, ConductSettings, RequestBudgets, RequestWeights, SilenceRule, TradingWindow,
    WindowRules,
};
use aurora_core::units::Money;
use pyo3::prelude::*;

/// Entries at once and least notional.
type Hours = (usize, i128);
/// Limit, window and reserve.
type Limit = (i64, i64, i64);

/// Settings of entries' conduct, from a dict; times in ns, shares and multiples in 1e-4, money in quanta of 1e-8.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Conduct {
    protection_e4: Option<i64>,
    depth_share_e4: Option<i64>,
    clock_skew_ns: Option<i64>,
    /// Timeouts in a row, wait.
    silence: Option<(u32, i64)>,
    /// First and largest wait, jitter in 1e-4, tries.
    backoff: Option<(i64, i64, i64, u32)>,
    /// From, until; entries and least notional in priority hours and off peak.
    window: Option<(i64, i64, Hours, Hours)>,
    /// Limit, window and reserve of weight, of orders in ten seconds and of orders in a minute.
    budgets: Option<[Limit; 3]>,
}

impl Conduct {
    pub fn settings(self) -> ConductSettings {
        let rules = |(entries, least): Hours| WindowRules {
            entries,
            least_notional: Money(least),
        };
        let budget = |(limit, window_ns, reserve): Limit| Budget {
            limit,
            window_ns,
            reserve,
        };
        ConductSettings {
            protection_e4: self.protection_e4,
            depth_share_e4: self.depth_share_e4,
            clock_skew_ns: self.clock_skew_ns,
            silence: self
                .silence
                .map(|(timeouts, wait_ns)| SilenceRule { timeouts, wait_ns }),
            backoff: self
                .backoff
                .map(|(first_ns, largest_ns, jitter_e4, tries)| Backoff {
                    first_ns,
                    largest_ns,
                    jitter_e4,
                    tries,
                }),
            window: self
                .window
                .map(|(from_ns, until_ns, priority, off_peak)| TradingWindow {
                    from_ns,
                    until_ns,
                    priority: rules(priority),
                    off_peak: rules(off_peak),
                }),
            budgets: self
                .budgets
                .map(|[weight, orders_10s, orders_1m]| RequestBudgets {
                    weight: budget(weight),
                    orders_10s: budget(orders_10s),
                    orders_1m: budget(orders_1m),
                    weights: RequestWeights::default(),
                }),
        }
    }
}
