//! The router: from an intent to the exact payload that leaves. It and the router of exits alone make an
//! [`Order`].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::client_id::{ClientId, Leg};
use super::gate::{Intent, Route, Touch};
use super::reason::ReasonCode;
use crate::instrument::{Instrument, Side};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepairField {
    Price,
    Trigger,
    Size,
}

impl RepairField {
    pub fn name(self) -> &'static str {
        match self {
            RepairField::Price => "price",
            RepairField::Trigger => "trigger",
            RepairField::Size => "size",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepairReason {
    /// Rounded to the price step.
    Tick,
    /// Floored to the size step.
    Lot,
    /// A post-only price moved back to the own side of the current touch.
    WouldCross,
    /// A trigger moved one step away from the fill price.
    TriggerSide,
}

impl RepairReason {
    pub fn name(self) -> &'static str {
        match self {
            RepairReason::Tick => "tick",
            RepairReason::Lot => "lot",
            RepairReason::WouldCross => "would_cross",
            RepairReason::TriggerSide => "trigger_side",
        }
    }
}

/// One change of a payload before it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub field: RepairField,
    pub before: i64,
    pub after: i64,
    pub reason: RepairReason,
}

/// A checked order. Only the routers make one; a gateway takes nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    spec: OrderSpec,
    repairs: Vec<Repair>,
}

impl Order {
    /// For the routers alone: what they hand in has passed every check.
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

pub(super) fn floor_to(value: i64, step: i64) -> i64 {
    let step = step.max(1);
    value.div_euclid(step) * step
}

pub(super) fn ceil_to(value: i64, step: i64) -> i64 {
    let step = step.max(1);
    value.saturating_add(step - 1).div_euclid(step) * step
}

/// Largest multiple of the lot not above `size`.
pub fn floor_lot(size: i64, instrument: &Instrument) -> i64 {
    floor_to(size, instrument.lot)
}

/// Rounds to the tick so that the order is never better for the market than asked: a buy down, a sell up.
pub(super) fn round_passive(price: i64, side: Side, tick: i64) -> i64 {
    match side {
        Side::Buy => floor_to(price, tick),
        Side::Sell => ceil_to(price, tick),
    }
}

pub(super) fn note(
    repairs: &mut Vec<Repair>,
    field: RepairField,
    before: i64,
    after: i64,
    reason: RepairReason,
) {
    if before != after {
        repairs.push(Repair {
            field,
            before,
            after,
            reason,
        });
    }
}

/// Routes an intent's entry; `touch` is the current local one.
///
/// Maker: the own side of the touch that the decision saw, rounded away from the market, moved back to the
/// current own side where it would cross. Taker: the far side plus the slippage cap, rounded inside the cap.
///
/// # Errors
/// [`ReasonCode::WouldCross`], [`ReasonCode::BelowMinimum`] or [`ReasonCode::StaleBook`].
pub fn route_entry(
    intent: &Intent,
    instrument: &Instrument,
    touch: Touch,
) -> Result<Order, ReasonCode> {
    let proposal = intent.proposal();
    let side = proposal.side;
    let mut repairs = Vec::new();
    let (price, time_in_force) = match proposal.route {
        Route::Maker => {
            let asked = match side {
                Side::Buy => proposal.bid,
                Side::Sell => proposal.ask,
            };
            let mut price = round_passive(asked, side, instrument.tick);
            note(
                &mut repairs,
                RepairField::Price,
                asked,
                price,
                RepairReason::Tick,
            );
            if crosses(price, side, touch) {
                let own = match side {
                    Side::Buy => touch.bid,
                    Side::Sell => touch.ask,
                };
                let moved = round_passive(own, side, instrument.tick);
                if crosses(moved, side, touch) {
                    return Err(ReasonCode::WouldCross);
                }
                note(
                    &mut repairs,
                    RepairField::Price,
                    price,
                    moved,
                    RepairReason::WouldCross,
                );
                price = moved;
            }
            (price, TimeInForce::PostOnly)
        }
        Route::Taker => {
            let cap = match side {
                Side::Buy => proposal.ask.saturating_add(proposal.limit),
                Side::Sell => proposal.bid.saturating_sub(proposal.limit),
            };
            let price = round_passive(cap, side, instrument.tick);
            note(
                &mut repairs,
                RepairField::Price,
                cap,
                price,
                RepairReason::Tick,
            );
            (price, TimeInForce::ImmediateOrCancel)
        }
    };
    if price <= 0 {
        return Err(ReasonCode::StaleBook);
    }
    let size = floor_lot(proposal.size, instrument);
    note(
        &mut repairs,
        RepairField::Size,
        proposal.size,
        size,
        RepairReason::Lot,
    );
    if size <= 0 || instrument.notional(price, size) < instrument.min_notional {
        return Err(ReasonCode::BelowMinimum);
    }
    Ok(Order {
        spec: OrderSpec {
            client_id: ClientId::new(proposal.trace, Leg::Entry, 0, 0),
            trace: proposal.trace,
            instrument: proposal.instrument,
            leg: Leg::Entry,
            leg_number: 0,
            attempt: 0,
            side,
            kind: OrderKind::Limit,
            time_in_force,
            price: Some(price),
            trigger: None,
            size,
            reduce_only: false,
        },
        repairs,
    })
}

fn crosses(price: i64, side: Side, touch: Touch) -> bool {
    match side {
        Side::Buy => price >= touch.ask,
        Side::Sell => price <= touch.bid,
    }
}
