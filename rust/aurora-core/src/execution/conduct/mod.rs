//! How the desk conducts itself: what keeps an entry from leaving although risk sized it and the venue would take it.
//!
//! Only entries ask. Cancels, questions and whatever protects or reduces a position pass every check here.

mod budget;
mod window;

use serde::{Deserialize, Serialize};

pub(super) use self::budget::Buckets;
pub use self::budget::{Budget, RequestBudgets, RequestWeights, TokenBucket, VenueUsage};
pub use self::window::{TradingWindow, WindowRules};
use super::gate::Touch;
use super::reason::ReasonCode;
use super::retry::{Backoff, RetryClass, TransportOutcome};

const WHOLE_E4: i128 = 10_000;

/// Requests without an answer in a row after which entries wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceRule {
    pub timeouts: u32,
    pub wait_ns: i64,
}

impl Default for SilenceRule {
    /// Two, then 30 s (SPEC §9).
    fn default() -> SilenceRule {
        SilenceRule {
            timeouts: 2,
            wait_ns: 30_000_000_000,
        }
    }
}

/// What entries are asked; none: not asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConductSettings {
    /// Farthest that an entry's limit may lie from the mid, in 1e-4 of the proposal's volatility.
    pub protection_e4: Option<i64>,
    /// Share of the displayed size that an entry may take, in 1e-4.
    pub depth_share_e4: Option<i64>,
    /// Largest offset between our clock and the venue's.
    pub clock_skew_ns: Option<i64>,
    pub silence: Option<SilenceRule>,
    /// How failed requests are repeated: an entry waits no longer than its latency budget.
    pub backoff: Option<Backoff>,
    pub window: Option<TradingWindow>,
    pub budgets: Option<RequestBudgets>,
}

impl ConductSettings {
    /// Everything that SPEC §9 asks, with its numbers; of the displayed size all may be taken.
    pub fn full() -> ConductSettings {
        ConductSettings {
            protection_e4: Some(20_000),
            depth_share_e4: Some(10_000),
            clock_skew_ns: Some(500_000_000),
            silence: Some(SilenceRule::default()),
            backoff: Some(Backoff::default()),
            window: Some(TradingWindow::default()),
            budgets: Some(RequestBudgets::default()),
        }
    }

    /// Whether `limit` lies too far from the middle of the touch for this volatility.
    pub(super) fn check_protection(
        &self,
        limit: i64,
        touch: Touch,
        volatility: Option<i64>,
    ) -> Result<(), ReasonCode> {
        let (Some(multiple_e4), Some(volatility)) = (self.protection_e4, volatility) else {
            return Ok(());
        };
        let twice_mid = i128::from(touch.bid) + i128::from(touch.ask);
        let twice_away = (2 * i128::from(limit) - twice_mid).abs();
        if twice_away * WHOLE_E4 > 2 * i128::from(multiple_e4) * i128::from(volatility) {
            return Err(ReasonCode::PriceProtection);
        }
        Ok(())
    }

    /// Whether `size` is more than the share of what is displayed.
    pub(super) fn check_depth(&self, size: i64, depth: Option<i64>) -> Result<(), ReasonCode> {
        let (Some(share_e4), Some(depth)) = (self.depth_share_e4, depth) else {
            return Ok(());
        };
        if i128::from(size) * WHOLE_E4 > i128::from(share_e4) * i128::from(depth) {
            return Err(ReasonCode::Depth);
        }
        Ok(())
    }
}

/// What the desk's breakers leave of an instrument's entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryMode {
    /// Why nothing may enter; none: something may.
    pub entering: Option<ReasonCode>,
    /// Why nothing may take, so that only what rests may enter.
    pub taking: Option<ReasonCode>,
}

impl EntryMode {
    fn check(&self, takes: bool) -> Result<(), ReasonCode> {
        match self.entering.or(self.taking.filter(|_| takes)) {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }
}

/// What a gateway has measured of its line to the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// The venue's clock less ours.
    ClockOffset { offset_ns: i64 },
    /// How a request ended.
    Request {
        outcome: TransportOutcome,
        /// How long the venue asks to wait.
        retry_after_ns: Option<i64>,
    },
    /// 95th percentile of the time from a tick to the request of its order.
    RequestTime { p95_ns: i64 },
    /// What the venue counts as used.
    Usage(VenueUsage),
}

/// The state of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Conduct {
    pub modes: Vec<EntryMode>,
    /// Volatility that came with the entry of each instrument's trade.
    pub volatilities: Vec<Option<i64>>,
    buckets: Option<Buckets>,
    offset_ns: i64,
    /// Requests in a row that were not answered, and that failed for a while.
    timeouts: u32,
    failures: u32,
    silent_until_ns: i64,
    /// When what failed may be asked again.
    wait_until_ns: i64,
    request_p95_ns: i64,
}

impl Conduct {
    pub fn new(settings: &ConductSettings, instruments: usize) -> Conduct {
        Conduct {
            modes: vec![EntryMode::default(); instruments],
            volatilities: vec![None; instruments],
            buckets: settings.budgets.as_ref().map(Buckets::new),
            offset_ns: 0,
            timeouts: 0,
            failures: 0,
            silent_until_ns: i64::MIN,
            wait_until_ns: i64::MIN,
            request_p95_ns: 0,
        }
    }

    pub fn hear(&mut self, settings: &ConductSettings, measure: &Measure, now_ns: i64) {
        match *measure {
            Measure::ClockOffset { offset_ns } => self.offset_ns = offset_ns,
            Measure::RequestTime { p95_ns } => self.request_p95_ns = p95_ns.max(0),
            Measure::Usage(usage) => {
                if let Some(buckets) = &mut self.buckets {
                    buckets.adopt(now_ns, &usage);
                }
            }
            Measure::Request {
                outcome,
                retry_after_ns,
            } => self.hear_of_request(settings, RetryClass::of(outcome), retry_after_ns, now_ns),
        }
    }

    fn hear_of_request(
        &mut self,
        settings: &ConductSettings,
        class: Option<RetryClass>,
        retry_after_ns: Option<i64>,
        now_ns: i64,
    ) {
        if class.is_some_and(RetryClass::is_unknown) {
            self.timeouts = self.timeouts.saturating_add(1);
            let rule = settings
                .silence
                .filter(|rule| self.timeouts >= rule.timeouts);
            if let Some(rule) = rule {
                let until_ns = now_ns.saturating_add(rule.wait_ns);
                self.silent_until_ns = self.silent_until_ns.max(until_ns);
            }
        } else {
            // Any answer proves the line.
            self.timeouts = 0;
        }
        let failed = class.is_some_and(|class| class.is_unknown() || class.may_retry());
        if !failed {
            self.failures = 0;
            self.wait_until_ns = i64::MIN;
            return;
        }
        if let Some(backoff) = &settings.backoff {
            let seed = now_ns.unsigned_abs();
            let wait_ns = backoff.wait_ns(self.failures, seed, retry_after_ns);
            let wait_ns = wait_ns.unwrap_or(backoff.largest_ns.max(retry_after_ns.unwrap_or(0)));
            let until_ns = now_ns.saturating_add(wait_ns);
            self.wait_until_ns = self.wait_until_ns.max(until_ns);
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether anything may enter now: breakers, clock, line.
    pub fn check_standing(
        &self,
        settings: &ConductSettings,
        instrument: usize,
        takes: bool,
        now_ns: i64,
    ) -> Result<(), ReasonCode> {
        self.modes[instrument].check(takes)?;
        let largest = settings.clock_skew_ns;
        if largest.is_some_and(|largest| self.offset_ns.saturating_abs() > largest) {
            return Err(ReasonCode::ClockSkew);
        }
        if settings.silence.is_some() && now_ns < self.silent_until_ns {
            return Err(ReasonCode::Latency);
        }
        Ok(())
    }

    /// Whether a request of now would leave within the latency budget, of which `elapsed_ns` are gone.
    pub fn check_latency(
        &self,
        settings: &ConductSettings,
        elapsed_ns: i64,
        budget_ns: i64,
        now_ns: i64,
    ) -> Result<(), ReasonCode> {
        let wait_ns = self.wait_until_ns.saturating_sub(now_ns).max(0);
        match &settings.backoff {
            Some(backoff)
                if !backoff.fits(wait_ns, elapsed_ns.max(0), self.request_p95_ns, budget_ns) =>
            {
                Err(ReasonCode::LatencyBudget)
            }
            _ => Ok(()),
        }
    }

    /// Whether an entry's request leaves the reserves untouched.
    pub fn check_budget(&self, now_ns: i64, cost: (i64, i64)) -> Result<(), ReasonCode> {
        match &self.buckets {
            Some(buckets) if !buckets.allows(now_ns, cost) => Err(ReasonCode::Budget),
            _ => Ok(()),
        }
    }

    /// Something has left.
    pub fn spend(&mut self, now_ns: i64, cost: (i64, i64)) {
        if let Some(buckets) = &mut self.buckets {
            buckets.spend(now_ns, cost);
        }
    }
}

#[cfg(test)]
mod tests;
