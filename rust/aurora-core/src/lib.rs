//! The pure core of Aurora: nothing in here knows Python, files, clocks or ambient randomness.
//! Time is an argument, prices and sizes are integers, and every error is a value with fields.
#![forbid(unsafe_code)]

pub mod book;
pub mod desk;
pub mod event;
pub mod execution;
pub mod features;
pub mod instrument;
pub mod math;
pub mod quality;
pub mod regime;
pub mod signal;
pub mod sim;
pub mod sliding_sum;
pub mod symbol_rules;
pub mod units;
pub mod venue;
pub mod wire;
