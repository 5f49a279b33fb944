//! What the process of a seed is told and asked beyond the bare minimum: the venue's rules, its line's measures, the
//! desk's conduct. Drawn by dice of their own.

use serde::{Deserialize, Serialize};

use super::happening::Happening;
use super::random::Random;
use super::scenario::SECOND;
use super::world::World;
use crate::execution::{
    Backoff, Budget, ConductSettings, EntryMode, Input, ReasonCode, RequestBudgets, SilenceRule,
    TradingWindow,
};

/// Time between two questions for the venue's rules.
pub(super) const POLL_NS: i64 = SECOND;
const HOUR_NS: i64 = 3_600 * SECOND;

/// Guards of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// The gateway asks for the venue's rules and tells what it measures; marks are told.
    pub told: bool,
    /// Breakers close entries, or taking, for a while.
    pub breakers: bool,
    pub leverage: Option<u32>,
    pub conduct: ConductSettings,
}

impl Guards {
    pub fn new(seed: u64) -> Guards {
        let mut dice = Random::new(seed, 8);
        let told = dice.chance_e4(5_000);
        let share_e4 = [0, 3_000, 7_000][dice.between(0, 2) as usize];
        let mut on = || dice.chance_e4(share_e4);
        let (breakers, margin) = (on(), on());
        let (protected, deep, skewed, silent, patient) = (on(), on(), on(), on(), on());
        let (windowed, budgeted) = (on(), on());
        // The run goes over noon or midnight.
        let window = TradingWindow {
            from_ns: 12 * HOUR_NS,
            until_ns: 24 * HOUR_NS,
            ..TradingWindow::default()
        };
        let mut budget = |low, high, window_ns| {
            let limit = dice.between(low, high);
            Budget {
                limit,
                window_ns,
                reserve: limit / 5,
            }
        };
        let budgets = RequestBudgets {
            weight: budget(100, 2_400, 60 * SECOND),
            orders_10s: budget(10, 60, 10 * SECOND),
            orders_1m: budget(30, 200, 60 * SECOND),
            ..RequestBudgets::default()
        };
        Guards {
            told,
            breakers,
            leverage: margin.then_some(20),
            conduct: ConductSettings {
                protection_e4: protected.then_some(20_000),
                depth_share_e4: deep.then_some(10_000),
                clock_skew_ns: skewed.then_some(SECOND / 2),
                silence: silent.then_some(SilenceRule {
                    wait_ns: 3 * SECOND,
                    ..SilenceRule::default()
                }),
                backoff: patient.then(Backoff::default),
                window: windowed.then_some(window),
                budgets: budgeted.then_some(budgets),
            },
        }
    }
}

impl World {
    /// Breakers trip and are lifted.
    pub(super) fn trip(&mut self, symbol: usize, local_ns: i64) {
        if !self.scenario.guards.breakers || !self.caution.chance_e4(4_000) {
            return;
        }
        let mode = match self.caution.between(0, 3) {
            0 => EntryMode {
                entering: Some(ReasonCode::VolatilityHalt),
                taking: None,
            },
            1 => EntryMode {
                entering: None,
                taking: Some(ReasonCode::SafeMode),
            },
            _ => EntryMode::default(),
        };
        self.step(Input::Entries {
            instrument: symbol,
            local_ns,
            mode,
        });
    }

    /// The gateway asks for the rules and the mark prices; they come when they come.
    pub(super) fn poll(&mut self) {
        self.happen(self.now_ns + POLL_NS, Happening::Poll);
        if self.process.is_none() || self.trouble.is_cut() {
            return;
        }
        let life = self.life;
        let late_ns = self.caution.between(0, POLL_NS);
        for symbol in 0..self.instruments.len() {
            let rules = Box::new(self.venue.rules(symbol).clone());
            let what = Happening::Rules {
                life,
                symbol,
                rules,
            };
            self.happen(self.now_ns + 2 * self.scenario.latency_ns + late_ns, what);
            let local_ns = self.clock.local_ns(self.now_ns);
            let mark = self.venue.mark(symbol).unwrap_or(0);
            self.step(Input::Mark {
                instrument: symbol,
                local_ns,
                mark,
                last: 0,
            });
        }
    }
}
