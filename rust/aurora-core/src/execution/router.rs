//! The router: from an intent to the exact payload that leaves. It and the router of exits alone make an
//! [`Order`].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::client_id::{ClientId, Leg};
use super::gate::{Intent, Route, Touch};
use super::payload::{check_payload, note, Payload, Place};
use super::reason::ReasonCode;
use crate::instrument::{Instrument, Side};
use crate::symbol_rules::SymbolRules;

pub(super) use super::payload::{ceil_to, floor_to};
pub use super::payload::{Repair, RepairField, RepairReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderKind {
    Limit,
    Market,
    StopMarket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeInForce {
    GoodTilCancelled,
    ImmediateOrCancel,
    /// Rests or is refused, never takes.
    PostOnly,
}

/// The exact payload of an order, in quanta of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSpec {
    pub client_id: ClientId,
    pub trace: u64,
    pub instrument: usize,
    pub leg: Leg,
    pub leg_number: u32,
    pub attempt: u32,
    pub side: Side,
    pub kind: OrderKind,
    pub time_in_force: TimeInForce,
    /// Limit price; none for market and stop-market orders.
    pub price: Option<i64>,
    /// Trigger price of a stop.
    pub trigger: Option<i64>,
    pub size: i64,
    pub reduce_only: bool,
}

impl OrderSpec {
    /// Kind and time in force as one name, in the order log and in listings.
    pub fn order_type(&self) -> &'static str {
        match (self.kind, self.time_in_force) {
            (OrderKind::Limit, TimeInForce::PostOnly) => "limit_post_only",
            (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => "limit_ioc",
            (OrderKind::Limit, TimeInForce::GoodTilCancelled) => "limit",
            (OrderKind::Market, _) => "market",
            (OrderKind::StopMarket, _) => "stop_market",
        }
    }

    /// Side of the position that the order opens or reduces.
    pub fn holder(&self) -> Side {
        if self.reduce_only {
            self.side.opposite()
        } else {
            self.side
        }
    }

    /// SHA-256 over the material fields in a fixed little-endian layout: what "same spec" means in the ledger.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.client_id.as_bytes());
        hasher.update(self.trace.to_le_bytes());
        hasher.update((self.instrument as u64).to_le_bytes());
        hasher.update([
            self.leg as u8,
            self.side as u8,
            self.kind as u8,
            self.time_in_force as u8,
            u8::from(self.reduce_only),
        ]);
        // Quanta of a price are positive, so zero says "none".
        hasher.update(self.price.unwrap_or(0).to_le_bytes());
        hasher.update(self.trigger.unwrap_or(0).to_le_bytes());
        hasher.update(self.size.to_le_bytes());
        hasher.finalize().into()
    }
}

/// A checked order. Only the routers make one; a gateway takes nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    spec: OrderSpec,
    repairs: Vec<Repair>,
}

impl Order {
    /// For the routers and for the repetition of what they made.
    pub(super) fn checked(spec: OrderSpec, repairs: Vec<Repair>) -> Order {
        Order { spec, repairs }
    }

    pub fn spec(&self) -> &OrderSpec {
        &self.spec
    }

    pub fn client_id(&self) -> ClientId {
        self.spec.client_id
    }

    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }
}

/// Largest multiple of the lot not above `size`.
pub fn floor_lot(size: i64, instrument: &Instrument) -> i64 {
    floor_to(size, instrument.lot)
}

/// Routes an intent's entry by what the instrument alone says; `touch` is the current local one.
///
/// # Errors
/// The [`ReasonCode`] of [`route_entry_at`].
pub fn route_entry(
    intent: &Intent,
    instrument: &Instrument,
    touch: Touch,
) -> Result<Order, ReasonCode> {
    let rules = SymbolRules::of(instrument);
    route_entry_at(intent, &Place::bare(instrument, &rules, Some(touch)))
}

/// Routes an intent's entry to a place.
///
/// Maker: the own side of the touch that the decision saw, rounded away from the market, moved back to the
/// current own side where it would cross. Taker: the far side plus the slippage cap, rounded inside the cap.
///
/// # Errors
/// The one [`ReasonCode`] that the payload's check has against it.
pub fn route_entry_at(intent: &Intent, place: &Place) -> Result<Order, ReasonCode> {
    let proposal = intent.proposal();
    let side = proposal.side;
    let (asked, time_in_force) = match (proposal.route, side) {
        (Route::Maker, Side::Buy) => (proposal.bid, TimeInForce::PostOnly),
        (Route::Maker, Side::Sell) => (proposal.ask, TimeInForce::PostOnly),
        (Route::Taker, Side::Buy) => {
            let cap = proposal.ask.saturating_add(proposal.limit);
            (cap, TimeInForce::ImmediateOrCancel)
        }
        (Route::Taker, Side::Sell) => {
            let cap = proposal.bid.saturating_sub(proposal.limit);
            (cap, TimeInForce::ImmediateOrCancel)
        }
    };
    let spec = OrderSpec {
        client_id: ClientId::new(proposal.trace, Leg::Entry, 0, 0),
        trace: proposal.trace,
        instrument: proposal.instrument,
        leg: Leg::Entry,
        leg_number: 0,
        attempt: 0,
        side,
        kind: OrderKind::Limit,
        time_in_force,
        price: Some(asked),
        trigger: None,
        size: proposal.size,
        reduce_only: false,
    };
    checked_entry(spec, place, Vec::new())
}

/// The same as [`checked`] of an entry, which has to leave room for its stop: no more than one stop can cover, and no
/// less than one may be.
pub(super) fn checked_entry(
    mut spec: OrderSpec,
    place: &Place,
    mut repairs: Vec<Repair>,
) -> Result<Order, ReasonCode> {
    let most = place.rules.market_max_size;
    if spec.size > most {
        let reason = RepairReason::MaximumSize;
        note(&mut repairs, RepairField::Size, spec.size, most, reason);
        spec.size = most;
    }
    let order = checked(spec, place, repairs)?;
    if order.spec().size < place.rules.market_min_size {
        return Err(ReasonCode::BelowMinimum);
    }
    Ok(order)
}

/// The order of a specification as the check of its payload leaves it.
pub(super) fn checked(
    spec: OrderSpec,
    place: &Place,
    mut repairs: Vec<Repair>,
) -> Result<Order, ReasonCode> {
    let payload = check_payload(&Payload::of(&spec, place.mode), place, &mut repairs)?;
    let spec = OrderSpec {
        price: payload.price,
        trigger: payload.trigger,
        size: payload.size.unwrap_or(spec.size),
        ..spec
    };
    Ok(Order::checked(spec, repairs))
}
