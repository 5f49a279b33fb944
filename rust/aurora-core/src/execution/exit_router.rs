//! The router of exits: stops, targets and market orders that reduce one trade's position. All of them are
//! reduce-only, which also exempts them from the minimum notional; in hedge mode a gateway says the same by
//! closing side and position side.

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::payload::{note, Place};
use super::router::{
    checked, Order, OrderKind, OrderSpec, Repair, RepairField, RepairReason, TimeInForce,
};
use crate::instrument::Side;
use crate::symbol_rules::SymbolRules;

/// Whose exits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub trace: u64,
    pub instrument: usize,
    /// Side of the position.
    pub side: Side,
}

impl Ticket {
    /// The ticket of the trade that an order belongs to.
    pub fn of(spec: &OrderSpec) -> Ticket {
        Ticket {
            trace: spec.trace,
            instrument: spec.instrument,
            side: spec.holder(),
        }
    }
}

/// A trigger and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPrice {
    /// Before rounding.
    pub asked: i64,
    pub trigger: i64,
    pub reason: RepairReason,
}

struct Shape {
    leg: Leg,
    leg_number: u32,
    attempt: u32,
    kind: OrderKind,
    time_in_force: TimeInForce,
    price: Option<i64>,
    trigger: Option<i64>,
}

fn reducing(
    ticket: &Ticket,
    side: Side,
    size: i64,
    place: &Place,
    shape: Shape,
    repairs: Vec<Repair>,
) -> Option<Order> {
    let client_id = ClientId::new(ticket.trace, shape.leg, shape.leg_number, shape.attempt);
    let spec = OrderSpec {
        client_id,
        trace: ticket.trace,
        instrument: ticket.instrument,
        leg: shape.leg,
        leg_number: shape.leg_number,
        attempt: shape.attempt,
        side,
        kind: shape.kind,
        time_in_force: shape.time_in_force,
        price: shape.price,
        trigger: shape.trigger,
        size,
        reduce_only: true,
    };
    if let Ok(order) = checked(spec, place, repairs.clone()) {
        return Some(order);
    }
    // The rules that we know may be old, and what protects is not kept back by them: the venue has the word. One that
    // it refuses is made again, or the position goes out at the market.
    let rules = SymbolRules::of(place.instrument);
    let bare = Place::bare(place.instrument, &rules, None);
    checked(spec, &bare, repairs).ok()
}

/// A stop-market order for `size` of the position. None when that is less than one lot.
pub fn route_stop(
    ticket: &Ticket,
    place: &Place,
    price: StopPrice,
    size: i64,
    attempt: u32,
) -> Option<Order> {
    let mut repairs = Vec::new();
    note(
        &mut repairs,
        RepairField::Trigger,
        price.asked,
        price.trigger,
        price.reason,
    );
    let shape = Shape {
        leg: Leg::Stop,
        leg_number: 0,
        attempt,
        kind: OrderKind::StopMarket,
        time_in_force: TimeInForce::GoodTilCancelled,
        price: None,
        trigger: Some(price.trigger),
    };
    let side = ticket.side.opposite();
    reducing(ticket, side, size, place, shape, repairs)
}

/// A limit order that takes profit at `price`, rounded away from the entry by the check. None below one lot or without a
/// positive price.
pub fn route_target(
    ticket: &Ticket,
    place: &Place,
    price: i64,
    size: i64,
    number: u32,
    attempt: u32,
) -> Option<Order> {
    let side = ticket.side.opposite();
    let shape = Shape {
        leg: Leg::Target,
        leg_number: number,
        attempt,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::GoodTilCancelled,
        price: Some(price),
        trigger: None,
    };
    reducing(ticket, side, size, place, shape, Vec::new())
}

/// A market order against `position` (signed). None when less than one lot is held.
pub fn route_exit(ticket: &Ticket, place: &Place, position: i64, attempt: u32) -> Option<Order> {
    let side = Side::from_sign(position)?.opposite();
    let shape = Shape {
        leg: Leg::Exit,
        leg_number: 0,
        attempt,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::ImmediateOrCancel,
        price: None,
        trigger: None,
    };
    let held = position.saturating_abs();
    reducing(ticket, side, held, place, shape, Vec::new())
}
