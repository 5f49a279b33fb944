//! State as versioned bytes: a format version, a name, then the postcard form of the value.

use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::errors::{error, Kind};

/// Raised with every change of what a state holds; older bytes are then refused instead of misread.
const VERSION: u8 = 2;

pub fn to_bytes<T: Serialize>(py: Python<'_>, name: &str, value: &T) -> PyResult<Vec<u8>> {
    let mut bytes = vec![VERSION, name.len() as u8];
    bytes.extend_from_slice(name.as_bytes());
    postcard::to_extend(value, bytes).map_err(|cause| {
        error(
            py,
            Kind::Recovery,
            format!("the state of {name} cannot be written: {cause}"),
        )
    })
}

pub fn from_bytes<T: DeserializeOwned>(py: Python<'_>, name: &str, bytes: &[u8]) -> PyResult<T> {
    let body = bytes
        .strip_prefix(&[VERSION, name.len() as u8])
        .and_then(|rest| rest.strip_prefix(name.as_bytes()));
    let Some(body) = body else {
        return Err(error(
            py,
            Kind::Recovery,
            format!("these bytes are no {name} state of this version of Aurora"),
        ));
    };
    postcard::from_bytes(body).map_err(|cause| {
        error(
            py,
            Kind::Recovery,
            format!("the state of {name} is damaged: {cause}"),
        )
    })
}
