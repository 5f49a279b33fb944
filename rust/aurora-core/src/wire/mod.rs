//! Venue frames as text in, messages out; no floats on the way.

mod binance;
mod bybit;
mod cursor;
mod dialect;
mod event;
mod hyperliquid;
mod kraken_futures;
mod levels;
mod line;
mod number;
mod okx;
#[cfg(test)]
pub(crate) mod sample_frames;
mod streams;
#[cfg(test)]
mod test_support;

pub use binance::{Frame, FrameKind};
pub use dialect::{Dialect, FrameContext};
pub use event::{EventSink, TextLevel, WireEvent, WireLevels};
pub use levels::{decode_levels, level_texts};
pub use line::{split_line, LineTime};
pub use streams::stream_rank;

use thiserror::Error;

use crate::units::DecimalError;

/// Why a frame could not be read, and at which byte of the line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault} at byte {byte}")]
pub struct WireError {
    pub byte: usize,
    pub fault: WireFault,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireFault {
    #[error("the line does not begin with a receive time in ns, µs or ms")]
    ReceiveTime,
    #[error("the JSON text ends early")]
    EndsEarly,
    #[error("expected {expected}")]
    Expected { expected: &'static str },
    #[error("field {field:?} is missing")]
    Missing { field: &'static str },
    #[error("unknown stream {name:?}")]
    UnknownStream { name: String },
    #[error("field {field:?} is {cause}")]
    Decimal {
        field: &'static str,
        cause: DecimalError,
    },
}
