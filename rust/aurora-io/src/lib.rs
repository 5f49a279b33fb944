//! The only Rust of Aurora that touches disk: capture files in, the durable ledger out.
#![forbid(unsafe_code)]

mod calibration;
mod capture;
mod error;
mod exchange_info;
#[cfg(test)]
mod fineness_tests;
mod gzip;
mod head;
mod inspect;
mod inspector;
mod lanes;
mod ledger;
#[cfg(test)]
mod ledger_fault_tests;
mod ledger_file;
mod ledger_reading;
mod lines;
mod source;
mod streams;
#[cfg(test)]
mod streams_tests;
mod synchronise;
mod touches;
mod unpack;

pub use calibration::{Calibration, Overrides};
pub use capture::{CaptureStream, ReadOptions, SliceEvents};
pub use error::CaptureError;
pub use exchange_info::{exchange_info, ExchangeInfoError};
pub use inspect::{inspect, InspectOptions, SymbolReport, TradeTotals};
pub use inspector::Inspector;
pub use ledger::RedbLedger;
pub use ledger_reading::{read_ledger, LedgerReading};
pub use source::{open as open_source, Source};
pub use synchronise::Synchroniser;
pub use touches::{read_touches, SymbolTouches};
