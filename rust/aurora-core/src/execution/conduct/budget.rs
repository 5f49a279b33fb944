//! What may be asked of the venue in a window of time: token buckets on request weight and order counts, with a share
//! that only cancels and protective orders may use.

use serde::{Deserialize, Serialize};

use crate::execution::step::Command;

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE_NS: i64 = 60 * SECOND_NS;

/// A limit of the venue on what may be used within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Most that the venue allows in any window, at least 2.
    pub limit: i64,
    pub window_ns: i64,
    /// What entries leave to cancels and to orders that protect.
    pub reserve: i64,
}

/// Holds half of a limit at once and gains the other half in a window: no window of the venue, wherever it begins, then
/// sees more than the limit. Protective orders pass an empty bucket and leave it in debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBucket {
    budget: Budget,
    /// Tokens × window, so that a nanosecond's gain is whole.
    level: i128,
    at_ns: i64,
}

impl TokenBucket {
    /// Full.
    pub fn new(budget: Budget) -> TokenBucket {
        let mut bucket = TokenBucket {
            budget,
            level: 0,
            at_ns: i64::MIN,
        };
        bucket.level = bucket.most();
        bucket
    }

    fn window(&self) -> i128 {
        i128::from(self.budget.window_ns.max(1))
    }

    /// Tokens gained in a window.
    fn gain(&self) -> i128 {
        i128::from(self.budget.limit.max(0) / 2)
    }

    fn most(&self) -> i128 {
        (i128::from(self.budget.limit.max(0)) - self.gain()) * self.window()
    }

    fn level_at(&self, now_ns: i64) -> i128 {
        let passed = i128::from(now_ns) - i128::from(self.at_ns);
        (self.level + passed.max(0) * self.gain()).min(self.most())
    }

    fn advance(&mut self, now_ns: i64) {
        self.level = self.level_at(now_ns);
        self.at_ns = self.at_ns.max(now_ns);
    }

    /// Whether `tokens` may be used without touching the reserve.
    pub fn allows(&self, now_ns: i64, tokens: i64) -> bool {
        let needed = i128::from(tokens) + i128::from(self.budget.reserve);
        self.level_at(now_ns) >= needed * self.window()
    }

    /// Uses tokens, whether there are any or not; a debt is at most one bucket.
    pub fn spend(&mut self, now_ns: i64, tokens: i64) {
        self.advance(now_ns);
        self.level = (self.level - i128::from(tokens) * self.window()).max(-self.most());
    }

    /// The venue counts `used` in its window of now: no more is left than that leaves. What it has not seen yet stays
    /// used.
    pub fn adopt(&mut self, now_ns: i64, used: i64) {
        self.advance(now_ns);
        let left = i128::from(self.budget.limit) - i128::from(used);
        self.level = self.level.min(left * self.window()).max(-self.most());
    }

    /// Whole tokens left, negative in debt.
    pub fn left(&self, now_ns: i64) -> i64 {
        let tokens = self.level_at(now_ns).div_euclid(self.window());
        i64::try_from(tokens).unwrap_or(i64::MAX)
    }
}

/// Request weight of what a gateway sends for each command (`spec/venue.md` §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestWeights {
    pub place: i64,
    pub cancel: i64,
    /// About one order: the order, the conditional order of its name, its trades.
    pub query: i64,
    /// The account, and for each instrument its orders and trades.
    pub snapshot: i64,
    pub snapshot_instrument: i64,
}

impl Default for RequestWeights {
    fn default() -> RequestWeights {
        RequestWeights {
            place: 0,
            cancel: 1,
            query: 7,
            snapshot: 5,
            snapshot_instrument: 12,
        }
    }
}

/// The venue's three limits on requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestBudgets {
    pub weight: Budget,
    pub orders_10s: Budget,
    pub orders_1m: Budget,
    pub weights: RequestWeights,
}

impl Default for RequestBudgets {
    /// Weight 2 400 a minute, 300 orders in ten seconds and 1 200 in a minute (`spec/venue.md` §1.2), a fifth of each
    /// kept in reserve.
    fn default() -> RequestBudgets {
        let budget = |limit, window_ns| Budget {
            limit,
            window_ns,
            reserve: limit / 5,
        };
        RequestBudgets {
            weight: budget(2_400, MINUTE_NS),
            orders_10s: budget(300, 10 * SECOND_NS),
            orders_1m: budget(1_200, MINUTE_NS),
            weights: RequestWeights::default(),
        }
    }
}

impl RequestBudgets {
    /// Weight and number of orders of a command.
    pub fn cost(&self, command: &Command, instruments: usize) -> (i64, i64) {
        let weights = &self.weights;
        match command {
            Command::Place(_) => (weights.place, 1),
            Command::Cancel { .. } => (weights.cancel, 0),
            Command::Query { .. } => (weights.query, 0),
            Command::Snapshot { .. } => {
                let all = weights
                    .snapshot_instrument
                    .saturating_mul(instruments as i64);
                (weights.snapshot.saturating_add(all), 0)
            }
        }
    }
}

/// What a venue says has been used, as far as it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueUsage {
    pub weight_1m: Option<i64>,
    pub orders_10s: Option<i64>,
    pub orders_1m: Option<i64>,
}

/// The buckets of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::execution) struct Buckets {
    weight: TokenBucket,
    orders_10s: TokenBucket,
    orders_1m: TokenBucket,
}

impl Buckets {
    pub fn new(budgets: &RequestBudgets) -> Buckets {
        Buckets {
            weight: TokenBucket::new(budgets.weight),
            orders_10s: TokenBucket::new(budgets.orders_10s),
            orders_1m: TokenBucket::new(budgets.orders_1m),
        }
    }

    pub fn allows(&self, now_ns: i64, (weight, orders): (i64, i64)) -> bool {
        self.weight.allows(now_ns, weight)
            && self.orders_10s.allows(now_ns, orders)
            && self.orders_1m.allows(now_ns, orders)
    }

    pub fn spend(&mut self, now_ns: i64, (weight, orders): (i64, i64)) {
        self.weight.spend(now_ns, weight);
        self.orders_10s.spend(now_ns, orders);
        self.orders_1m.spend(now_ns, orders);
    }

    pub fn adopt(&mut self, now_ns: i64, usage: &VenueUsage) {
        for (bucket, used) in [
            (&mut self.weight, usage.weight_1m),
            (&mut self.orders_10s, usage.orders_10s),
            (&mut self.orders_1m, usage.orders_1m),
        ] {
            if let Some(used) = used {
                bucket.adopt(now_ns, used);
            }
        }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
