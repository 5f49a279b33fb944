use super::*;
use proptest::prelude::*;

fn budget(limit: i64, window_ns: i64, reserve: i64) -> Budget {
    Budget {
        limit,
        window_ns,
        reserve,
    }
}

#[test]
fn a_bucket_by_hand() {
    // Five at once and five more in a thousand nanoseconds, two of them not for entries.
    let mut bucket = TokenBucket::new(budget(10, 1_000, 2));
    assert_eq!(bucket.left(0), 5);
    assert!(bucket.allows(0, 3) && !bucket.allows(0, 4));
    bucket.spend(0, 3);
    assert!(bucket.allows(0, 0) && !bucket.allows(0, 1));
    assert!(!bucket.allows(199, 1) && bucket.allows(200, 1));
    // What protects goes into debt, at most one bucket.
    bucket.spend(200, 4);
    assert_eq!(bucket.left(200), -1);
    bucket.spend(200, 100);
    assert_eq!(bucket.left(200), -5);
    assert_eq!(bucket.left(2_199), 4);
    assert_eq!(bucket.left(2_200), 5);
    assert_eq!(bucket.left(i64::MAX), 5);
    // A clock that falls back gives nothing, and nothing is given twice.
    bucket.spend(2_200, 5);
    assert_eq!(bucket.left(1_000), 0);
    bucket.spend(1_000, 0);
    assert_eq!(bucket.left(2_400), 1);
}

#[test]
fn what_the_venue_counts_only_takes_away() {
    let mut bucket = TokenBucket::new(budget(10, 1_000, 0));
    bucket.adopt(0, 4);
    assert_eq!(bucket.left(0), 5, "half of the limit is left to others");
    bucket.adopt(0, 7);
    assert_eq!(bucket.left(0), 3);
    bucket.adopt(0, 0);
    assert_eq!(bucket.left(0), 3, "our own may be under way");
    bucket.adopt(0, 40);
    assert_eq!(bucket.left(0), -5);
}

#[test]
fn commands_cost_what_the_venue_charges() {
    let budgets = RequestBudgets::default();
    let snapshot = Command::Snapshot { asked_ns: 1 };
    assert_eq!(budgets.cost(&snapshot, 3), (5 + 3 * 12, 0));
    let client_id = crate::execution::ClientId::NONE;
    let cancel = Command::Cancel {
        instrument: 0,
        client_id,
    };
    let query = Command::Query {
        instrument: 0,
        client_id,
    };
    assert_eq!(budgets.cost(&cancel, 3), (1, 0));
    assert_eq!(budgets.cost(&query, 3), (7, 0));
    assert_eq!(
        (
            budgets.weight.limit,
            budgets.orders_10s.limit,
            budgets.orders_1m.limit
        ),
        (2_400, 300, 1_200)
    );
}

/// Nanosecond by nanosecond, in whole numbers of 1/window of a token.
struct Naive {
    limit: i64,
    window: i64,
    level: i64,
    now: i64,
}

impl Naive {
    fn most(&self) -> i64 {
        (self.limit - self.limit / 2) * self.window
    }

    fn wait(&mut self, now: i64) {
        while self.now < now {
            self.now += 1;
            self.level = (self.level + self.limit / 2).min(self.most());
        }
    }
}

proptest! {
    #[test]
    fn a_bucket_is_what_counting_every_nanosecond_gives(
        limit in 2i64..40,
        window in 1i64..60,
        reserve in 0i64..10,
        acts in prop::collection::vec((0i64..50, 0i64..12, 0u8..4), 1..60),
    ) {
        let mut bucket = TokenBucket::new(budget(limit, window, reserve));
        let mut naive = Naive { limit, window, level: 0, now: 0 };
        naive.level = naive.most();
        let mut now = 0;
        for (wait, tokens, act) in acts {
            now += wait;
            naive.wait(now);
            prop_assert_eq!(bucket.left(now), naive.level.div_euclid(window));
            let allowed = naive.level >= (tokens + reserve) * window;
            prop_assert_eq!(bucket.allows(now, tokens), allowed);
            match act {
                0 => {
                    bucket.adopt(now, tokens);
                    naive.level = naive.level.min((limit - tokens) * window).max(-naive.most());
                }
                // Only where it is allowed, and regardless.
                1 | 2 if allowed => {
                    bucket.spend(now, tokens);
                    naive.level -= tokens * window;
                }
                3 => {
                    bucket.spend(now, tokens);
                    naive.level = (naive.level - tokens * window).max(-naive.most());
                }
                _ => {}
            }
        }
    }

    /// Wherever the venue's window begins: what was allowed in it is within its limit.
    #[test]
    fn no_window_sees_more_than_the_limit(
        limit in 2i64..40,
        window in 1i64..60,
        acts in prop::collection::vec((0i64..20, 1i64..4), 1..80),
    ) {
        let mut bucket = TokenBucket::new(budget(limit, window, 0));
        let (mut now, mut sent) = (0, Vec::new());
        for (wait, tokens) in acts {
            now += wait;
            if bucket.allows(now, tokens) {
                bucket.spend(now, tokens);
                sent.push((now, tokens));
            }
        }
        for (from, _) in &sent {
            let inside = sent.iter().filter(|(at, _)| (*from..from + window).contains(at));
            prop_assert!(inside.map(|(_, tokens)| tokens).sum::<i64>() <= limit);
        }
    }
}
