//! The check of a payload: one pass over exactly what is to leave, against its symbol's rules, the market and the
//! account. It passes, is repaired - every change with field, before, after and reason - or is refused with one
//! reason.
//!
//! A repair never makes an order more aggressive or larger than asked: prices move away from the market, sizes
//! down, and a flag goes only where it says what the rest of the payload says already. What contradicts itself is
//! refused.

mod amount;
mod place;
mod price;
mod repair;
mod standing;
mod terms;

use serde::{Deserialize, Serialize};

use super::account::PositionMode;
use super::reason::ReasonCode;
use super::router::{self, OrderKind, OrderSpec};
use crate::instrument::Side;
use crate::symbol_rules::{OrderType, PositionSide, TimeInForce, WorkingType};

pub use place::{AccountStanding, MarketStanding, Place, WorkingOrder};
pub(super) use repair::{ceil_to, floor_to, note, round_passive};
pub use repair::{Repair, RepairField, RepairReason};

/// An order as the venue is to read it, in quanta of its instrument. Names of orders are not its matter: they
/// are made by one function and guarded by the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    pub side: Side,
    /// `Both` in one-way mode, the position's side in hedge mode.
    pub position_side: PositionSide,
    pub kind: OrderType,
    /// Only with a limit price.
    pub time_in_force: Option<TimeInForce>,
    /// None with `close_position`.
    pub size: Option<i64>,
    pub price: Option<i64>,
    pub trigger: Option<i64>,
    pub working_type: WorkingType,
    /// Retracement that fires a trailing stop, in 1e-4.
    pub callback_bps: Option<i64>,
    /// Price from which a trailing stop follows.
    pub activation: Option<i64>,
    pub reduce_only: bool,
    pub close_position: bool,
    /// End of a good-till-date order.
    pub good_till_ns: Option<i64>,
}

impl Payload {
    /// What an order of ours says at a venue in this mode. In hedge mode the position's side says what
    /// `reduce_only` says in one-way mode.
    pub fn of(spec: &OrderSpec, mode: PositionMode) -> Payload {
        let kind = match spec.kind {
            OrderKind::Limit => OrderType::Limit,
            OrderKind::Market => OrderType::Market,
            OrderKind::StopMarket => OrderType::StopMarket,
        };
        let time_in_force = match spec.time_in_force {
            router::TimeInForce::GoodTilCancelled => TimeInForce::Gtc,
            router::TimeInForce::ImmediateOrCancel => TimeInForce::Ioc,
            router::TimeInForce::PostOnly => TimeInForce::Gtx,
        };
        let position_side = match (mode, spec.holder()) {
            (PositionMode::OneWay, _) => PositionSide::Both,
            (PositionMode::Hedge, Side::Buy) => PositionSide::Long,
            (PositionMode::Hedge, Side::Sell) => PositionSide::Short,
        };
        Payload {
            side: spec.side,
            position_side,
            kind,
            time_in_force: kind.has_price().then_some(time_in_force),
            size: Some(spec.size),
            price: spec.price,
            trigger: spec.trigger,
            working_type: WorkingType::ContractPrice,
            callback_bps: None,
            activation: None,
            reduce_only: spec.reduce_only && mode == PositionMode::OneWay,
            close_position: false,
            good_till_ns: None,
        }
    }

    /// Exempt from what guards openings: it says of itself that it only reduces.
    fn says_it_reduces(&self) -> bool {
        self.reduce_only || self.close_position
    }
}

/// Checks a payload where it is to go; changes are appended to `repairs`.
///
/// # Errors
/// The one [`ReasonCode`] against it.
pub fn check_payload(
    asked: &Payload,
    place: &Place,
    repairs: &mut Vec<Repair>,
) -> Result<Payload, ReasonCode> {
    let mut payload = *asked;
    terms::check(&mut payload, place, repairs)?;
    price::check(&mut payload, place, repairs)?;
    amount::check(&mut payload, place, repairs)?;
    standing::check_market(&payload, place)?;
    standing::check_account(&payload, place)?;
    Ok(payload)
}

#[cfg(test)]
mod tests;
