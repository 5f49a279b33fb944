//! The whole stack under one seed: a desk's process - execution, ledger, reconciliation, a gateway - against
//! [`crate::venue::Venue`] through a line and a store that fail in every way they can. One process, virtual time.
//!
//! A run leaves a [`History`]; [`check`] reads it and nothing else. The same seed is the same run, everywhere.

mod check;
mod clock;
mod desk;
mod fault;
mod gateway;
#[cfg(test)]
mod gateway_tests;
mod guards;
mod happening;
mod history;
mod line;
mod market;
mod process;
mod random;
mod replica;
mod scenario;
mod soak;
mod store;
mod story;
mod talk;
mod trouble;
mod words;
mod world;

pub use check::{check, Invariant, Violation};
pub use desk::{Beginning, Desk, Standing, Stepped, Stop};
pub use fault::Fault;
pub use guards::Guards;
pub use history::{History, LogEntry, LogRow};
pub use scenario::{Scenario, CONVERGENCE_NS};
pub use soak::{FaultCount, Soak};
pub use story::story;

/// Lives through one seed.
pub fn run(seed: u64) -> History {
    world::World::new(Scenario::new(seed), None).run()
}

/// Lives through one seed with a real process, whose lives and writes end as they do: no other process is killed, and no
/// write fails by the dice.
pub fn run_with(seed: u64, desk: Box<dyn Desk>) -> History {
    let mut scenario = Scenario::new(seed);
    for fault in [Fault::ProcessKilled, Fault::StoreFailed, Fault::StoreTorn] {
        scenario.rates[fault as usize] = 0;
    }
    world::World::new(scenario, Some(desk)).run()
}

#[cfg(test)]
mod tests;
