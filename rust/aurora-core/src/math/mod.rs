//! Elementary functions for hot paths, from IEEE basic operations alone.

mod exp2;
mod log_ratio;
mod wide;

pub use exp2::{exp2, fade};
pub use log_ratio::log_ratio;
pub use wide::to_f64;
