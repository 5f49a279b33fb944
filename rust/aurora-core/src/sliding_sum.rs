//! Sums over the last n values that never subtract.
//!
//! Adding what enters and subtracting what leaves lets rounding errors pile up: one large value leaves an error
//! behind that outweighs the small ones after it. Here values only ever meet by addition. The cells of one ring are
//! of two kinds: before the position the values themselves, from it on the sums of the older values up to the end
//! of the ring (a queue made of two stacks, in one array). When the ring is full of new values they become such
//! sums, once in n steps, so that a step costs O(1) amortised.

use serde::{Deserialize, Serialize};

/// Sum of the last `capacity` values pushed. The relative error of a sum of values of one sign is at most
/// `capacity` roundings, whatever came before; integers below 2^53 are exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlidingSum {
    cells: Vec<f64>,
    position: usize,
    /// Sum of the cells before the position.
    fresh: f64,
}

impl SlidingSum {
    /// An empty window; a capacity of 0 is taken as 1.
    pub fn new(capacity: usize) -> Self {
        SlidingSum {
            cells: vec![0.0; capacity.max(1)],
            position: 0,
            fresh: 0.0,
        }
    }

    /// Number of values the window holds.
    pub fn capacity(&self) -> usize {
        self.cells.len()
    }

    /// Takes a value; the oldest of a full window leaves.
    pub fn push(&mut self, value: f64) {
        if self.position == self.cells.len() {
            let mut sum = 0.0;
            for cell in self.cells.iter_mut().rev() {
                sum += *cell;
                *cell = sum;
            }
            self.position = 0;
            self.fresh = 0.0;
        }
        self.cells[self.position] = value;
        self.position += 1;
        self.fresh += value;
    }

    /// The same as `times` pushes of `value`, to the bit, at the cost of at most three windows of them.
    pub fn push_many(&mut self, value: f64, times: u64) {
        let window = self.cells.len() as u64;
        // After two windows of one value the state only repeats, with the period of a window.
        let needed = if times > 3 * window {
            2 * window + times % window
        } else {
            times
        };
        for _ in 0..needed {
            self.push(value);
        }
    }

    /// Adds to the newest value; the first value of an empty window.
    pub fn add_to_newest(&mut self, value: f64) {
        if self.position == 0 {
            self.push(value);
        } else {
            self.cells[self.position - 1] += value;
            self.fresh += value;
        }
    }

    /// Sum of the values in the window, 0 when it is empty.
    pub fn sum(&self) -> f64 {
        self.cells.get(self.position).copied().unwrap_or(0.0) + self.fresh
    }

    /// Empties the window.
    pub fn clear(&mut self) {
        self.cells.fill(0.0);
        self.position = 0;
        self.fresh = 0.0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_giant_leaves_nothing_behind() {
        let mut window = SlidingSum::new(4);
        for value in [1e18, 1.0, 2.0, 3.0, 4.0] {
            window.push(value);
        }
        // Adding and subtracting would answer 0 here.
        assert_eq!(window.sum(), 10.0);
        window.add_to_newest(0.5);
        assert_eq!(window.sum(), 10.5);
        window.clear();
        assert_eq!(window, SlidingSum::new(4));
    }

    proptest! {
        #[test]
        fn many_pushes_at_once_are_the_same_state(
            before in prop::collection::vec(0.0..1.0f64, 0..20), capacity in 1usize..9,
            value in 0.0..1.0f64, times in 0u64..60,
        ) {
            let mut window = SlidingSum::new(capacity);
            before.iter().for_each(|value| window.push(*value));
            let mut one_by_one = window.clone();
            (0..times).for_each(|_| one_by_one.push(value));
            window.push_many(value, times);
            prop_assert_eq!(window, one_by_one);
        }

        #[test]
        fn equals_the_sum_of_the_last_values(
            values in prop::collection::vec((-30i32..30, 0.0..1.0f64, 0.0..1.0f64), 0..120),
            capacity in 1usize..20,
        ) {
            let mut window = SlidingSum::new(capacity);
            let mut all: Vec<f64> = Vec::new();
            for (exponent, mantissa, extra) in values {
                let value = mantissa * 10f64.powi(exponent);
                window.push(value);
                window.add_to_newest(extra);
                all.push(value + extra);
                let plain: f64 = all.iter().rev().take(capacity).sum();
                prop_assert!((window.sum() - plain).abs() <= 1e-13 * plain);
                let bytes = postcard::to_allocvec(&window).unwrap();
                prop_assert_eq!(&postcard::from_bytes::<SlidingSum>(&bytes).unwrap(), &window);
            }
        }
    }
}
