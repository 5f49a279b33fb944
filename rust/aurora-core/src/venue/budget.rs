//! Request weight per address and order counts per account: 429, then 418.
//!
//! Windows are fixed and begin at whole multiples of their length. Whoever goes on after a 429 is banned: the n-th
//! ban lasts `2^(n−1)` times the first, at most three days.

use serde::{Deserialize, Serialize};

use super::error::VenueError;

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE_NS: i64 = 60 * SECOND_NS;
const LONGEST_BAN_NS: i64 = 3 * 24 * 60 * MINUTE_NS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLimits {
    /// Request weight a minute.
    pub weight_1m: u32,
    pub orders_10s: u32,
    pub orders_1m: u32,
    /// Requests answered with 429 within one minute before the ban.
    pub refusals_before_ban: u32,
    pub first_ban_ns: i64,
}

impl Default for BudgetLimits {
    fn default() -> BudgetLimits {
        BudgetLimits {
            weight_1m: 2400,
            orders_10s: 300,
            orders_1m: 1200,
            refusals_before_ban: 10,
            first_ban_ns: 2 * MINUTE_NS,
        }
    }
}

/// A count that starts anew with each window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    index: i64,
    count: u32,
}

impl Window {
    fn at(&mut self, now_ns: i64, length_ns: i64) -> &mut u32 {
        let index = now_ns.div_euclid(length_ns);
        if index != self.index {
            *self = Window { index, count: 0 };
        }
        &mut self.count
    }
}

/// What an answer's headers say of the budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub weight_1m: u32,
    pub orders_10s: u32,
    pub orders_1m: u32,
}

/// What one client has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    weight: Window,
    refusals: Window,
    orders_10s: Window,
    orders_1m: Window,
    banned_until_ns: Option<i64>,
    bans: u32,
}

impl Budget {
    /// Counts a request; refuses it with how long to wait.
    ///
    /// # Errors
    /// [`VenueError::TooManyRequests`] or [`VenueError::Banned`], with nanoseconds until it makes sense to return.
    pub fn request(
        &mut self,
        limits: &BudgetLimits,
        weight: u32,
        now_ns: i64,
    ) -> Result<(), (VenueError, i64)> {
        if let Some(until_ns) = self.banned_until_ns {
            if now_ns < until_ns {
                return Err((VenueError::Banned, until_ns - now_ns));
            }
            self.banned_until_ns = None;
        }
        let used = self.weight.at(now_ns, MINUTE_NS);
        *used = used.saturating_add(weight);
        if *used <= limits.weight_1m {
            return Ok(());
        }
        let refusals = self.refusals.at(now_ns, MINUTE_NS);
        *refusals += 1;
        if *refusals > limits.refusals_before_ban {
            let ban_ns = limits
                .first_ban_ns
                .saturating_mul(1 << self.bans.min(20))
                .min(LONGEST_BAN_NS);
            self.bans += 1;
            self.banned_until_ns = Some(now_ns + ban_ns);
            return Err((VenueError::Banned, ban_ns));
        }
        let left_ns = MINUTE_NS - now_ns.rem_euclid(MINUTE_NS);
        Err((VenueError::TooManyRequests, left_ns))
    }

    /// Counts new orders.
    ///
    /// # Errors
    /// [`VenueError::TooManyOrders`], with nanoseconds until the window that is full ends.
    pub fn orders(
        &mut self,
        limits: &BudgetLimits,
        count: u32,
        now_ns: i64,
    ) -> Result<(), (VenueError, i64)> {
        let windows = [
            (&mut self.orders_10s, 10 * SECOND_NS, limits.orders_10s),
            (&mut self.orders_1m, MINUTE_NS, limits.orders_1m),
        ];
        for (window, length_ns, limit) in windows {
            let used = window.at(now_ns, length_ns);
            if used.saturating_add(count) > limit {
                let left_ns = length_ns - now_ns.rem_euclid(length_ns);
                return Err((VenueError::TooManyOrders, left_ns));
            }
        }
        *self.orders_10s.at(now_ns, 10 * SECOND_NS) += count;
        *self.orders_1m.at(now_ns, MINUTE_NS) += count;
        Ok(())
    }

    pub fn usage(&mut self, now_ns: i64) -> Usage {
        Usage {
            weight_1m: *self.weight.at(now_ns, MINUTE_NS),
            orders_10s: *self.orders_10s.at(now_ns, 10 * SECOND_NS),
            orders_1m: *self.orders_1m.at(now_ns, MINUTE_NS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BudgetLimits = BudgetLimits {
        weight_1m: 10,
        orders_10s: 3,
        orders_1m: 5,
        refusals_before_ban: 2,
        first_ban_ns: 2 * MINUTE_NS,
    };

    #[test]
    fn weight_is_refused_then_banned_and_each_ban_lasts_twice_as_long() {
        let mut budget = Budget::default();
        let second = |n: i64| n * SECOND_NS;
        assert_eq!(budget.request(&LIMITS, 10, second(1)), Ok(()));
        for _ in 0..2 {
            assert_eq!(
                budget.request(&LIMITS, 1, second(20)),
                Err((VenueError::TooManyRequests, second(40)))
            );
        }
        let banned = Err((VenueError::Banned, second(120)));
        assert_eq!(budget.request(&LIMITS, 1, second(20)), banned);
        assert_eq!(
            budget.request(&LIMITS, 1, second(139)),
            Err((VenueError::Banned, second(1)))
        );
        assert_eq!(budget.request(&LIMITS, 10, second(140)), Ok(()));
        for _ in 0..2 {
            assert!(budget.request(&LIMITS, 1, second(150)).is_err());
        }
        assert_eq!(
            budget.request(&LIMITS, 1, second(150)),
            Err((VenueError::Banned, second(240)))
        );
    }

    #[test]
    fn a_new_minute_is_a_new_budget() {
        let mut budget = Budget::default();
        assert_eq!(budget.request(&LIMITS, 10, 59 * SECOND_NS), Ok(()));
        assert_eq!(budget.request(&LIMITS, 10, 60 * SECOND_NS), Ok(()));
        assert_eq!(budget.usage(60 * SECOND_NS).weight_1m, 10);
    }

    #[test]
    fn orders_are_counted_in_two_windows() {
        let mut budget = Budget::default();
        assert_eq!(budget.orders(&LIMITS, 3, 0), Ok(()));
        assert_eq!(
            budget.orders(&LIMITS, 1, 4 * SECOND_NS),
            Err((VenueError::TooManyOrders, 6 * SECOND_NS))
        );
        assert_eq!(budget.orders(&LIMITS, 2, 10 * SECOND_NS), Ok(()));
        assert_eq!(
            budget.orders(&LIMITS, 1, 20 * SECOND_NS),
            Err((VenueError::TooManyOrders, 40 * SECOND_NS))
        );
        // A refused order counts in neither window.
        assert_eq!(budget.usage(20 * SECOND_NS).orders_1m, 5);
        assert_eq!(budget.usage(20 * SECOND_NS).orders_10s, 0);
    }
}
