//! The order book: an L2 ladder in integer quanta, its sequence rules, and the touch.

mod ladder;
mod sync;
mod window;

pub use ladder::{Ladder, SortedLadder};
pub use sync::{Applied, Book, BookCounters, BookState, Quote, StaleReason};
pub use window::WindowLadder;
