//! The one map from Rust errors to Python's tree under `aurora.errors.AuroraError`.

use aurora_core::features::SettingsError;
use aurora_io::CaptureError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// A class of `aurora.errors`.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Usage,
    Data,
    Config,
    Recovery,
    Output,
    Ledger,
}

impl Kind {
    fn class_name(self) -> &'static str {
        match self {
            Kind::Usage => "UsageError",
            Kind::Data => "DataError",
            Kind::Config => "ConfigError",
            Kind::Recovery => "RecoveryError",
            Kind::Output => "OutputError",
            Kind::Ledger => "LedgerError",
        }
    }
}

/// An exception of that class; if `aurora.errors` cannot be imported, that import error instead.
pub fn error(py: Python<'_>, kind: Kind, message: String) -> PyErr {
    let class = py
        .import("aurora.errors")
        .and_then(|module| module.getattr(kind.class_name()))
        .and_then(|class| class.cast_into::<PyType>().map_err(PyErr::from));
    match class {
        Ok(class) => PyErr::from_type(class, message),
        Err(import_error) => import_error,
    }
}

pub fn capture(py: Python<'_>, cause: &CaptureError) -> PyErr {
    match cause {
        CaptureError::Open { .. }
        | CaptureError::Format { .. }
        | CaptureError::Read { .. }
        | CaptureError::Frame { .. }
        | CaptureError::Content { .. } => error(py, Kind::Data, cause.to_string()),
    }
}

pub fn settings(py: Python<'_>, cause: &SettingsError) -> PyErr {
    error(py, Kind::Config, cause.to_string())
}
