//! The simulated venue: matches orders against the captured book at exchange time.
//!
//! Its rules, each the cautious one:
//! - **Queue**: everything displayed at our price when we arrive is ahead of us. Trades at our price by the
//!   opposite aggressor eat it, and their excess fills us. Other shrinking of the level only caps the queue.
//! - **Through**: a trade beyond our price would have met us first: its whole size fills us, nobody is ahead.
//! - **Crossing**: an opposite side displayed at or through our price fills us up to what it displays.
//! - **Taking**: an aggressive order walks touch and ladder in whole lots to its limit; the venue ends the rest.
//!   What was taken from a displayed level is gone until that level changes. A triggered stop gets nothing
//!   better than the trade that triggered it.
//! - **Time**: an order meets only events that happened at the exchange at or after its own arrival there.
//! - **Touch**: a bookTicker newer than the ladder stands for everything at its price and better.
//! - **No book**: without a synchronised book orders that need one are refused, triggered stops wait, and trades
//!   still fill what rests.
//!
//! Own fills do not change the recorded book: nobody reacts to us, so sizes must stay small against depth.
//! Prints without a ticker or depth update do not thin the displayed levels that a taker walks.

mod depth;
mod fills;
mod instrument;
mod matching;
mod queue;

pub use fills::{Stamp, VenueFees};
pub use matching::SimulatedVenue;

#[cfg(test)]
mod matching_tests;
