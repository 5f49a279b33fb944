//! The simulator's dice: the same numbers for the same seed everywhere.

use crate::math::{split_mix, GAMMA};

#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The dice of one purpose under a seed; dice of other purposes do not disturb them.
    pub fn new(seed: u64, purpose: u64) -> Random {
        let mut random = Random {
            state: seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ purpose.rotate_left(32),
        };
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        let number = split_mix(self.state);
        self.state = self.state.wrapping_add(GAMMA);
        number
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0).unsigned_abs() + 1;
        let drawn = (u128::from(self.next()) * u128::from(span)) >> 64;
        low.saturating_add(drawn as i64)
    }

    /// True so many times in ten thousand.
    pub fn chance_e4(&mut self, rate_e4: i64) -> bool {
        rate_e4 > 0 && self.between(1, 10_000) <= rate_e4
    }
}
