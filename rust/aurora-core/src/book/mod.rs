//! The order book: an L2 ladder in integer quanta, its sequence rules, and the touch.

mod carry;
mod checksum;
mod ladder;
mod queries;
mod sequence;
mod state;
mod sync;
#[cfg(test)]
mod truth_tests;
mod window;

pub use ladder::{Ladder, SortedLadder};
pub use queries::{
    cost_to_fill, depth_to_price, depth_within, level_at, top_into, Depth, FillCost,
};
pub use state::{Applied, BookCounters, BookState, LevelObserver, Quote, StaleReason};
pub use sync::Book;
pub use window::WindowLadder;
