//! Elementary functions for hot paths, from IEEE basic operations alone; and seeded numbers.

mod exp2;
mod log_ratio;
mod split_mix;
mod wide;

pub use exp2::{exp2, fade};
pub use log_ratio::log_ratio;
pub use split_mix::{split_mix, GAMMA};
pub use wide::to_f64;
