//! The venue's clock, as far as its answers tell it: what a gateway signs requests by.

use serde::{Deserialize, Serialize};

/// Most by which a steady clock runs faster than the venue's, in millionths: what a time server may slew it by.
const LARGEST_DRIFT_E6: i64 = 500;

/// A time that the venue's clock has reached for certain, whatever its answers were late by.
///
/// An answer that bears a time was given at that time and heard later, so the venue's clock has gone on since, at
/// least as far as ours less the drift. The answer that promises most stands. Ours is a steady one: never stepped, as
/// the clock of a machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueClock {
    /// A time that the venue told, and when it was heard by the steady clock.
    told: Option<(i64, i64)>,
}

impl VenueClock {
    /// None before the first answer.
    pub fn reached_ns(&self, steady_ns: i64) -> Option<i64> {
        let (exchange_ns, heard_ns) = self.told?;
        let since_ns = steady_ns.saturating_sub(heard_ns).max(0);
        // In two parts, so that no span overflows; rounded against us.
        let drift_ns = (since_ns / 1_000_000 + 1).saturating_mul(LARGEST_DRIFT_E6);
        let gone_ns = since_ns.saturating_sub(drift_ns).max(0);
        Some(exchange_ns.saturating_add(gone_ns))
    }

    /// An answer told the venue's time.
    pub fn hear(&mut self, exchange_ns: i64, steady_ns: i64) {
        let reached_ns = self.reached_ns(steady_ns);
        if reached_ns.is_none_or(|reached| exchange_ns > reached) {
            self.told = Some((exchange_ns, steady_ns));
        }
    }

    /// The venue refused a request as one of its future: an earlier answer was wrong, and this one stands.
    pub fn correct(&mut self, exchange_ns: i64, steady_ns: i64) {
        self.told = Some((exchange_ns, steady_ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_wrong_answer_is_taken_back_by_a_refusal_alone() {
        let mut clock = VenueClock::default();
        assert_eq!(clock.reached_ns(5), None);
        clock.hear(100 * SECOND, SECOND);
        clock.hear(90 * SECOND, 2 * SECOND);
        assert_eq!(
            clock.reached_ns(2 * SECOND),
            Some(100 * SECOND + SECOND - 500_500)
        );
        clock.correct(91 * SECOND, 2 * SECOND);
        assert_eq!(clock.reached_ns(2 * SECOND), Some(91 * SECOND));
    }

    proptest! {
        /// However late answers come and however the clocks drift, it is never ahead; and a prompt answer is worth it.
        #[test]
        fn it_is_never_ahead_of_the_venue(
            answers in prop::collection::vec((0i64..3 * SECOND, 0i64..3_600 * SECOND), 1..20),
            drift_e6 in -LARGEST_DRIFT_E6..=LARGEST_DRIFT_E6,
            later_ns in 0i64..100_000 * SECOND,
        ) {
            let venue_ns = |true_ns: i64| 1_700_000_000 * SECOND + true_ns;
            let steady_ns = |true_ns: i64| true_ns + true_ns / 1_000_000 * drift_e6;
            let mut clock = VenueClock::default();
            let mut now_ns = 0;
            for (late_ns, wait_ns) in answers {
                let told_ns = venue_ns(now_ns);
                now_ns += late_ns;
                clock.hear(told_ns, steady_ns(now_ns));
                let reached_ns = clock.reached_ns(steady_ns(now_ns)).unwrap_or(i64::MAX);
                prop_assert!(reached_ns <= venue_ns(now_ns));
                prop_assert!(reached_ns >= told_ns, "this answer alone says more");
                now_ns += wait_ns;
            }
            now_ns += later_ns;
            let reached_ns = clock.reached_ns(steady_ns(now_ns)).unwrap_or(i64::MAX);
            prop_assert!(reached_ns <= venue_ns(now_ns));
        }
    }
}
