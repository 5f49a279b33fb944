//! What a failed request means and when it may be asked again: by HTTP status and the venue's number, never by a
//! client library's exception.

use serde::{Deserialize, Serialize};

use crate::math::split_mix;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransportOutcome {
    /// No answer within the time allowed.
    TimedOut,
    /// The connection broke.
    Reset,
    /// An answer; `code` is the number in its body, where there is one.
    Answered { status: u16, code: Option<i32> },
}

/// What a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetryClass {
    /// Too many requests or orders: wait as long as the venue says.
    RateLimit,
    /// No answer, or one that does not say what came of it: unknown.
    Timeout,
    /// The connection broke in between: unknown as well.
    Reset,
    /// Refused for what it says: asking again changes nothing.
    Invalid,
    /// Refused for its timestamp: measure the clock's offset, then ask once more. Says nothing of whether an order
    /// exists.
    ClockSkew,
    /// Failed at the venue, certainly without effect.
    Server,
}

impl RetryClass {
    /// The class of a failure; none for success. `spec/venue.md` §1.2 and §1.4. A 5xx without a number is taken as
    /// unknown: its texts differ between "unknown" and "failed", and only the first may be assumed.
    pub fn of(outcome: TransportOutcome) -> Option<RetryClass> {
        let (status, code) = match outcome {
            TransportOutcome::TimedOut => return Some(RetryClass::Timeout),
            TransportOutcome::Reset => return Some(RetryClass::Reset),
            TransportOutcome::Answered { status, code } => (status, code),
        };
        if (200..300).contains(&status) && code.is_none_or(|code| code >= 0) {
            return None;
        }
        if matches!(status, 418 | 429) {
            return Some(RetryClass::RateLimit);
        }
        Some(match code {
            Some(-1003 | -1015) => RetryClass::RateLimit,
            Some(-1000 | -1006 | -1007) => RetryClass::Timeout,
            Some(-1021 | -5028) => RetryClass::ClockSkew,
            Some(-1001 | -1008) => RetryClass::Server,
            None if status == 408 || status >= 500 => RetryClass::Timeout,
            // A number we do not know with a status that says "our fault": no proof that nothing happened.
            Some(_) if status >= 500 => RetryClass::Timeout,
            _ => RetryClass::Invalid,
        })
    }

    /// Whether the request may have had its effect: nothing is sent again before that is known.
    pub fn is_unknown(self) -> bool {
        matches!(self, RetryClass::Timeout | RetryClass::Reset)
    }

    /// Whether the same request may be sent again after a wait.
    pub fn may_retry(self) -> bool {
        matches!(
            self,
            RetryClass::RateLimit | RetryClass::ClockSkew | RetryClass::Server
        )
    }
}

/// Jittered exponential backoff: `first × 2^k` up to `largest`, then ± `jitter_e4`, for a number of tries. The jitter
/// is a function of seed and try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    pub first_ns: i64,
    pub largest_ns: i64,
    /// Largest deviation in 1e-4 of the wait.
    pub jitter_e4: i64,
    /// Tries in all, the first included.
    pub tries: u32,
}

impl Default for Backoff {
    /// 250 ms × 2 up to 2 s, ± 20 %, five tries (SPEC §9).
    fn default() -> Backoff {
        Backoff {
            first_ns: 250_000_000,
            largest_ns: 2_000_000_000,
            jitter_e4: 2_000,
            tries: 5,
        }
    }
}

impl Backoff {
    /// Wait after the failed try of this number, the first being 0; none when no try is left. A venue that says how
    /// long to wait is given at least that.
    pub fn wait_ns(&self, failed_try: u32, seed: u64, retry_after_ns: Option<i64>) -> Option<i64> {
        if failed_try.saturating_add(1) >= self.tries {
            return None;
        }
        let plain = self
            .first_ns
            .saturating_mul(1i64 << failed_try.min(32))
            .min(self.largest_ns);
        let span = 2 * self.jitter_e4.max(0) + 1;
        let drawn = split_mix(seed ^ split_mix(u64::from(failed_try))) % span.unsigned_abs();
        let deviation = i128::from(drawn) - i128::from(self.jitter_e4.max(0));
        let wait = i128::from(plain) + i128::from(plain) * deviation / 10_000;
        let wait = i64::try_from(wait).unwrap_or(plain);
        Some(wait.max(retry_after_ns.unwrap_or(0)))
    }

    /// Whether an entry's latency budget still holds the wait: protective orders do not ask.
    pub fn fits(&self, wait_ns: i64, elapsed_ns: i64, request_p95_ns: i64, budget_ns: i64) -> bool {
        elapsed_ns
            .saturating_add(wait_ns)
            .saturating_add(request_p95_ns)
            <= budget_ns
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn number_and_status_decide() {
        use RetryClass::*;
        let answered = |status, code| RetryClass::of(TransportOutcome::Answered { status, code });
        // Statuses and numbers of spec/venue.md §1.2, §1.4 and §5.
        for (status, code, class) in [
            (429, Some(-1003), Some(RateLimit)),
            (418, None, Some(RateLimit)),
            (400, Some(-1015), Some(RateLimit)),
            (503, Some(-1000), Some(Timeout)),
            (408, Some(-1007), Some(Timeout)),
            (500, Some(-1006), Some(Timeout)),
            (504, None, Some(Timeout)),
            (502, None, Some(Timeout)),
            (503, Some(-1008), Some(Server)),
            (503, Some(-1001), Some(Server)),
            (400, Some(-1021), Some(ClockSkew)),
            (400, Some(-5028), Some(ClockSkew)),
            (400, Some(-4164), Some(Invalid)),
            (401, Some(-2015), Some(Invalid)),
            (403, None, Some(Invalid)),
            (400, Some(-2013), Some(Invalid)),
            (200, None, None),
            (200, Some(200), None),
            // An item of a batch bears its number inside a success.
            (200, Some(-2019), Some(Invalid)),
        ] {
            assert_eq!(answered(status, code), class, "{status} {code:?}");
        }
        assert!(RetryClass::of(TransportOutcome::TimedOut)
            .unwrap()
            .is_unknown());
        assert!(RetryClass::of(TransportOutcome::Reset)
            .unwrap()
            .is_unknown());
        for class in [RateLimit, Timeout, Reset, Invalid, ClockSkew, Server] {
            assert!(!(class.is_unknown() && class.may_retry()), "{class:?}");
        }
    }

    #[test]
    fn waits_double_to_the_cap_within_their_jitter_and_end() {
        let backoff = Backoff::default();
        let plain = [250i64, 500, 1_000, 2_000].map(|ms| ms * 1_000_000);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2_000u64 {
            for (failed, plain) in plain.iter().enumerate() {
                let wait = backoff.wait_ns(failed as u32, seed, None).unwrap();
                assert!(wait >= plain * 8 / 10 && wait <= plain * 12 / 10);
                assert_eq!(backoff.wait_ns(failed as u32, seed, None), Some(wait));
                if failed == 0 {
                    seen.insert(wait);
                }
            }
            assert_eq!(backoff.wait_ns(4, seed, None), None);
        }
        // Both ends of ± 20 % are nearly reached, and seeds differ.
        assert!(seen.len() > 1_000, "{}", seen.len());
        assert!(*seen.first().unwrap() < 202_000_000 && *seen.last().unwrap() > 298_000_000);
        let told = Some(7_000_000_000);
        assert_eq!(backoff.wait_ns(0, 1, told), told);
    }

    #[test]
    fn an_entry_does_not_wait_beyond_its_budget() {
        let backoff = Backoff::default();
        let ms = |ms: i64| ms * 1_000_000;
        assert!(backoff.fits(ms(250), ms(200), ms(50), ms(500)));
        assert!(!backoff.fits(ms(250), ms(201), ms(50), ms(500)));
    }
}
