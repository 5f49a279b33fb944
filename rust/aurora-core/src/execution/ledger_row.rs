//! One row of the ledger, and what can be wrong with it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::client_id::ClientId;
#[allow(unused_imports)] // named by the documentation of the payloads
use super::{
    account::CashMovement, entry_schedule::ScheduledTrade, input::Verb, report::ExecutionReport,
    router::Order, snapshot::PositionCorrection, trade_plan::TradePlan,
};

/// How rows and payloads are laid out; raised with every change that makes older ones unreadable. A restart never
/// guesses what a row of another format might say.
pub const LEDGER_FORMAT: u64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum LedgerKind {
    /// An order about to leave; the payload is the [`Order`].
    Intent,
    /// A cancel about to leave; no payload.
    Cancel,
    /// What came back; the payload is the [`ExecutionReport`].
    Report,
    /// How the trade of the entry just written is to be protected and to end; the payload is the [`TradePlan`].
    Trade,
    /// Cash that moved without a fill; the payload is the [`CashMovement`].
    Cash,
    /// A difference of positions that was booked; the payload is the [`PositionCorrection`].
    Correction,
    /// An operator's order; the payload is the [`Verb`].
    Operator,
    /// A UTC day began; the payload is the equity at its start and the time of its end.
    Day,
    /// A trade whose entry is worked by a schedule, before the first of its orders; the payload is the
    /// [`ScheduledTrade`].
    Schedule,
}

impl LedgerKind {
    pub fn name(self) -> &'static str {
        match self {
            LedgerKind::Intent => "intent",
            LedgerKind::Cancel => "cancel",
            LedgerKind::Report => "report",
            LedgerKind::Trade => "trade",
            LedgerKind::Cash => "cash",
            LedgerKind::Correction => "correction",
            LedgerKind::Operator => "operator",
            LedgerKind::Day => "day",
            LedgerKind::Schedule => "schedule",
        }
    }
}

/// What is wrong with a ledger or with a row for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    #[error("ledger row {got} does not follow: expected {expected}")]
    Gap { expected: u64, got: u64 },
    #[error("ledger row {sequence} already holds something else")]
    Conflict { sequence: u64 },
    #[error("ledger row {sequence}: checksum {got:016x}, expected {expected:016x}")]
    Checksum {
        sequence: u64,
        expected: u64,
        got: u64,
    },
    #[error("ledger row {sequence} is no ledger row: {cause}")]
    Malformed { sequence: u64, cause: String },
    #[error("order {client_id} is in the ledger with another spec")]
    SpecConflict { client_id: ClientId },
    #[error("order {client_id} has an intent in the ledger already; row {sequence} repeats it")]
    IntentRepeated { client_id: ClientId, sequence: u64 },
    #[error(
        "the ledger is of format {found}, this Aurora reads {expected}: open it with the version that wrote it, or \
         begin a new one and let the venue's account be adopted"
    )]
    Format { expected: u64, found: u64 },
    #[error("ledger index of order {client_id} disagrees with its rows")]
    Index { client_id: String },
    #[error("ledger store {path}: {cause}")]
    Store { path: String, cause: String },
    #[error("a ledger payload could not be written: {cause}")]
    Encode { cause: String },
}

/// One row; its sequence starts at 0 and has no gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub sequence: u64,
    pub local_ns: i64,
    /// [`ClientId::NONE`] for what concerns no order.
    pub client_id: ClientId,
    pub kind: LedgerKind,
    pub spec_hash: [u8; 32],
    /// Postcard bytes; see [`LedgerKind`].
    pub payload: Vec<u8>,
    /// First 8 bytes, little-endian, of SHA-256 over all fields above.
    pub checksum: u64,
}

impl LedgerRow {
    /// The checksum that the fields call for.
    pub fn expected_checksum(&self) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(self.sequence.to_le_bytes());
        hasher.update(self.local_ns.to_le_bytes());
        hasher.update(self.client_id.as_bytes());
        hasher.update([self.kind as u8]);
        hasher.update(self.spec_hash);
        hasher.update((self.payload.len() as u64).to_le_bytes());
        hasher.update(&self.payload);
        let hash = hasher.finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(first)
    }

    /// # Errors
    /// [`LedgerError::Checksum`].
    pub fn verify(&self) -> Result<(), LedgerError> {
        let expected = self.expected_checksum();
        if expected == self.checksum {
            return Ok(());
        }
        Err(LedgerError::Checksum {
            sequence: self.sequence,
            expected,
            got: self.checksum,
        })
    }

    /// Reads the payload as what the kind says it is.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, LedgerError> {
        postcard::from_bytes(&self.payload).map_err(|error| LedgerError::Malformed {
            sequence: self.sequence,
            cause: error.to_string(),
        })
    }

    /// # Errors
    /// [`LedgerError::Encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, LedgerError> {
        encode(self)
    }

    /// Reads a row off the front of bytes where one begins whose checksum is right; and what is left of them.
    pub fn take_from_bytes(bytes: &[u8]) -> Option<(LedgerRow, &[u8])> {
        let (row, rest) = postcard::take_from_bytes::<LedgerRow>(bytes).ok()?;
        row.verify().ok()?;
        Some((row, rest))
    }

    /// Reads a stored row and checks it; `sequence` is where it was found.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`], [`LedgerError::Gap`] or [`LedgerError::Checksum`].
    pub fn from_bytes(sequence: u64, bytes: &[u8]) -> Result<LedgerRow, LedgerError> {
        let row: LedgerRow =
            postcard::from_bytes(bytes).map_err(|error| LedgerError::Malformed {
                sequence,
                cause: error.to_string(),
            })?;
        row.verify().map_err(|error| match error {
            LedgerError::Checksum { expected, got, .. } => LedgerError::Checksum {
                sequence,
                expected,
                got,
            },
            other => other,
        })?;
        if row.sequence != sequence {
            return Err(LedgerError::Gap {
                expected: sequence,
                got: row.sequence,
            });
        }
        Ok(row)
    }
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, LedgerError> {
    postcard::to_allocvec(value).map_err(|error| LedgerError::Encode {
        cause: error.to_string(),
    })
}
