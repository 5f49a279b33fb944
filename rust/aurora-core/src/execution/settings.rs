//! What execution is told at its start.

use serde::{Deserialize, Serialize};

use super::account::PositionMode;
use super::conduct::ConductSettings;
use super::gate::HardLimits;
use super::maker_first::MakerFirst;
use crate::units::Money;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// An order without any answer for this long is asked about: what an answer proves counts from the first.
    pub question_after_ns: i64,
    /// A request without any answer for this long has an unknown outcome.
    pub answer_ns: i64,
    /// A position whose stop is not known to rest for this long is closed at the market.
    pub naked_ns: i64,
    /// First wait between two questions about the same order; doubles up to the largest.
    pub question_first_ns: i64,
    pub question_largest_ns: i64,
    /// Time from one comparison with the venue's account to the next; none: the venue is never asked for it,
    /// as in a replay, where nothing is lost.
    pub reconcile_every_ns: Option<i64>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            question_after_ns: 1_000_000_000,
            answer_ns: 2_500_000_000,
            naked_ns: 5_000_000_000,
            question_first_ns: 250_000_000,
            question_largest_ns: 1_000_000_000,
            reconcile_every_ns: None,
        }
    }
}

impl Timeouts {
    /// The same, granted that every answer takes `round_trip_ns` longer.
    pub fn behind(self, round_trip_ns: i64) -> Timeouts {
        Timeouts {
            question_after_ns: self.question_after_ns.saturating_add(round_trip_ns),
            answer_ns: self.answer_ns.saturating_add(round_trip_ns),
            naked_ns: self.naked_ns.saturating_add(round_trip_ns),
            question_first_ns: self.question_first_ns.saturating_add(round_trip_ns),
            question_largest_ns: self.question_largest_ns.saturating_add(round_trip_ns),
            ..self
        }
    }

    /// Wait after the question of this number, the first being 0.
    pub fn question_wait_ns(&self, question: u32) -> i64 {
        let factor = 1i64 << question.min(16);
        self.question_first_ns
            .saturating_mul(factor)
            .min(self.question_largest_ns)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionSettings {
    pub start_cash: Money,
    pub position_mode: PositionMode,
    /// How long a post-only entry may rest.
    pub entry_ttl_ns: i64,
    /// When a post-only entry gives way to another order; none: it rests until it expires.
    pub maker_first: Option<MakerFirst>,
    /// Oldest signal that still becomes an order.
    pub latency_budget_ns: i64,
    pub limits: HardLimits,
    pub timeouts: Timeouts,
    /// Differences of the wallet up to this are rounding.
    pub wallet_tolerance: Money,
    /// Leverage chosen at the venue's account; none: there is no such account, and margin is not checked.
    pub leverage: Option<u32>,
    /// What entries are asked beside risk and the venue's rules.
    pub conduct: ConductSettings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_slow_line_every_answer_is_granted_its_way() {
        let near = Timeouts {
            reconcile_every_ns: Some(7),
            ..Timeouts::default()
        };
        let far = near.behind(1_000);
        let waits = |timeouts: &Timeouts| {
            [
                timeouts.question_after_ns,
                timeouts.answer_ns,
                timeouts.naked_ns,
                timeouts.question_first_ns,
                timeouts.question_largest_ns,
            ]
        };
        assert_eq!(waits(&far), waits(&near).map(|wait| wait + 1_000));
        assert_eq!(far.reconcile_every_ns, Some(7));
    }

    #[test]
    fn questions_wait_longer_and_longer_up_to_a_limit() {
        let timeouts = Timeouts::default();
        let waits = [0, 1, 2, 3, 60].map(|question| timeouts.question_wait_ns(question));
        let milliseconds = waits.map(|wait| wait / 1_000_000);
        assert_eq!(milliseconds, [250, 500, 1000, 1000, 1000]);
    }
}
