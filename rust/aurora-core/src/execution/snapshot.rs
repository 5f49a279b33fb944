//! An account as its venue tells it at one moment, and how a difference from ours is named.

use serde::{Deserialize, Serialize};

use super::client_id::ClientId;
use super::order::OrderState;
use super::report::{LastFill, ReportStatus, VenueWord};
use crate::instrument::Side;
use crate::units::Money;

/// An order as the venue lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueOrder {
    /// None when it cannot be one of ours; see `name`.
    pub client_id: Option<ClientId>,
    /// The id as the venue has it.
    pub name: VenueWord,
    pub instrument: usize,
    pub status: ReportStatus,
    pub cumulative: i64,
    pub reduce_only: bool,
}

/// A trade of ours as the venue lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueTrade {
    pub client_id: ClientId,
    pub fill: LastFill,
    pub exchange_ns: i64,
}

/// A position as the venue lists it; what is not listed is flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenuePosition {
    pub instrument: usize,
    /// Side in hedge mode; either in one-way mode.
    pub holder: Side,
    /// Signed.
    pub size: i64,
    /// Average entry price, where told.
    pub entry_price: Option<i64>,
}

/// The venue's account at one moment, in no particular order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueSnapshot {
    /// The watermark: what happened at the venue up to here is in it, nothing later is.
    pub exchange_ns: i64,
    /// Local time at which it was asked for: orders of later than this may be missing.
    pub asked_ns: i64,
    pub local_ns: i64,
    /// Every open order, conditional ones included.
    pub open_orders: Vec<VenueOrder>,
    /// Orders that ended lately, as far as the history tells.
    pub closed_orders: Vec<VenueOrder>,
    /// Our trades since the last snapshot or longer.
    pub trades: Vec<VenueTrade>,
    pub positions: Vec<VenuePosition>,
    /// Wallet balance in the settlement currency, where told.
    pub wallet: Option<Money>,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DiffField {
    State,
    /// Size filled of an order.
    Filled,
    Position,
    Wallet,
}

/// Why it differs, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DiffCause {
    /// An event of the venue did not reach us.
    MissedEvent,
    /// The venue counts a fill whose trade we have not seen.
    MissingTrade,
    /// The venue does not list an order that we hold open.
    NotListed,
    /// The venue lists as open what it told to have ended, or what this account does not know: an orphan.
    Orphan,
    /// Somebody else's order.
    Foreign,
    /// Nothing that we know explains it: a liquidation, a trade by hand, a lost record.
    Unexplained,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DiffAction {
    /// Our record now says what the venue says.
    Applied,
    /// The venue is asked about the order.
    Inquire,
    Cancel,
    /// It may be old: taken over if a later snapshot says the same.
    Confirm,
    /// A correction was booked.
    Adopted,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiffValue {
    State(OrderState),
    Status(ReportStatus),
    /// Size quanta, or 1e-8 of money.
    Amount(i128),
    Missing,
}

/// One difference between our books and the venue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffRow {
    /// Watermark of the snapshot.
    pub exchange_ns: i64,
    pub instrument: Option<usize>,
    pub client_id: Option<ClientId>,
    pub field: DiffField,
    pub local: DiffValue,
    pub venue: DiffValue,
    pub cause: DiffCause,
    pub action: DiffAction,
}

/// A difference of positions that nothing explains, booked as a fill of no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionCorrection {
    /// A pure function of what was compared.
    pub id: u64,
    pub instrument: usize,
    pub holder: Side,
    /// Signed change.
    pub size: i64,
    pub price: i64,
    pub exchange_ns: i64,
    pub local_ns: i64,
}
