//! What is wrong with captured data, counted while it streams: constant memory, a few nanoseconds per message.
//!
//! The monitor measures; letters and sentences are made of its numbers in `aurora.capture.quality`.

mod clock;
mod histogram;
mod monitor;
mod tick;

pub use clock::{ClockDrift, ClockMonitor, Latency};
pub use histogram::DeviationHistogram;
pub use monitor::{Quality, QualityMonitor};
pub use tick::{TickMonitor, TickSizes};
