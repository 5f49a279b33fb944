//! What can be wrong with a capture, with its place.

use aurora_core::wire::WireError;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum CaptureError {
    #[error("{path}: {cause}")]
    Open { path: String, cause: std::io::Error },
    #[error("{path}: {what}")]
    Format { path: String, what: String },
    #[error("{path}, after line {line}: {cause}; what came before was read")]
    Read {
        path: String,
        line: u64,
        cause: std::io::Error,
    },
    #[error("{path}, line {line}: {cause}")]
    Frame {
        path: String,
        line: u64,
        cause: WireError,
    },
    #[error("{path}, line {line}: {what}")]
    Content {
        path: String,
        line: u64,
        what: String,
    },
}
