//! Our place in the queue of a price level, risk-averse.
//!
//! `front` is the displayed size ahead of us. Trades at our price eat it, and what they have left fills us.
//! A level that shrinks otherwise is assumed to shrink behind us, so it only caps the front. (Rigtorp 2013; the
//! same rule is `RiskAdverseQueueModel` in hftbacktest.)
//!
//! A depth update may arrive before the print of the trade that caused it. The cap then already contains that
//! trade; such a print (older than the update that capped) first uses up what the cap took away, instead of
//! moving us forward twice.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QueuePosition {
    front: i64,
    /// What caps have taken off the front, and the exchange time of the last of them.
    capped: i64,
    capped_ns: i64,
}

impl QueuePosition {
    pub fn join(displayed: i64) -> QueuePosition {
        QueuePosition {
            front: displayed.max(0),
            capped: 0,
            capped_ns: i64::MIN,
        }
    }

    /// The level shows `displayed` now.
    pub fn cap(&mut self, displayed: i64, exchange_ns: i64) {
        if displayed < self.front {
            self.capped += self.front - displayed;
            self.front = displayed;
            self.capped_ns = self.capped_ns.max(exchange_ns);
        }
    }

    /// A trade of `size` at our price; returns what of it reaches us.
    pub fn trade(&mut self, size: i64, exchange_ns: i64) -> i64 {
        let mut left = size;
        if exchange_ns <= self.capped_ns {
            let known = left.min(self.capped);
            self.capped -= known;
            left -= known;
        } else {
            self.capped = 0;
        }
        let ahead = left.min(self.front);
        self.front -= ahead;
        left - ahead
    }

    /// The market traded through our price: nobody stands ahead any more.
    pub fn clear(&mut self) {
        self.front = 0;
        self.capped = 0;
    }

    #[cfg(test)]
    pub fn front(&self) -> i64 {
        self.front
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_known_example_of_the_risk_averse_model() {
        // front 30, level 100; a trade of 5, then the level shows 80: 15 were cancelled behind us.
        let mut queue = QueuePosition::join(30);
        assert_eq!(queue.trade(5, 1), 0);
        queue.cap(80, 2);
        assert_eq!(queue.front(), 25);
    }

    #[test]
    fn a_print_behind_its_own_depth_update_is_not_counted_twice() {
        let mut queue = QueuePosition::join(10);
        queue.cap(6, 20);
        assert_eq!(queue.trade(4, 19), 0);
        assert_eq!(queue.front(), 6);
        // A later trade is a new one.
        assert_eq!(queue.trade(8, 21), 2);
    }

    proptest! {
        /// Written the long way: every unit ahead of us is one entry of a list, trades pop it.
        #[test]
        fn agrees_with_a_queue_of_single_units(
            joined in 0i64..30,
            script in prop::collection::vec((any::<bool>(), 0i64..40), 0..40),
        ) {
            let mut queue = QueuePosition::join(joined);
            let mut ahead = vec![(); joined as usize];
            for (step, (is_trade, amount)) in script.into_iter().enumerate() {
                if is_trade {
                    let mut reached = 0;
                    for _ in 0..amount {
                        if ahead.pop().is_none() {
                            reached += 1;
                        }
                    }
                    prop_assert_eq!(queue.trade(amount, step as i64), reached);
                } else {
                    ahead.truncate(amount as usize);
                    queue.cap(amount, step as i64);
                }
                prop_assert_eq!(queue.front(), ahead.len() as i64);
            }
        }
    }
}
