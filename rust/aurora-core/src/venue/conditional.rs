//! Conditional orders: what each waits for, and when it fires.

use serde::{Deserialize, Serialize};

use super::market::MarketState;
use super::order::{AccountId, OrderType, WorkingType};
use super::rules::ONE_E8;
use crate::instrument::Side;

/// Ten thousand, the unit of a callback rate.
const ONE_E4: i128 = 10_000;

/// How a trailing stop follows the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailing {
    pub callback_bps: i64,
    /// Price that has to be reached first.
    pub activation: Option<i64>,
    /// Best price since the activation, for the side it protects.
    pub extreme: Option<i64>,
}

impl Trailing {
    /// Takes a price; returns whether it has come back far enough.
    fn follow(&mut self, price: i64, side: Side) -> bool {
        if let Some(activation) = self.activation {
            let reached = match side {
                Side::Sell => price >= activation,
                Side::Buy => price <= activation,
            };
            if !reached {
                return false;
            }
            self.activation = None;
        }
        let extreme = match (self.extreme, side) {
            (None, _) => price,
            (Some(extreme), Side::Sell) => extreme.max(price),
            (Some(extreme), Side::Buy) => extreme.min(price),
        };
        self.extreme = Some(extreme);
        let (price, extreme) = (i128::from(price), i128::from(extreme));
        let callback = i128::from(self.callback_bps);
        match side {
            Side::Sell => price * ONE_E4 <= extreme * (ONE_E4 - callback),
            Side::Buy => price * ONE_E4 >= extreme * (ONE_E4 + callback),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Conditional {
    pub algo_id: u64,
    pub account: AccountId,
    pub side: Side,
    pub kind: OrderType,
    pub working_type: WorkingType,
    pub price_protect: bool,
    /// None for a trailing stop.
    pub trigger: Option<i64>,
    pub trailing: Option<Trailing>,
    pub arrived_ns: i64,
    pub fired: Option<Fired>,
}

/// It has fired, and waits for a book to execute against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fired {
    /// The trade that fired it: levels better than it have just been traded away, even if the recorded depth still
    /// shows them.
    pub bound: Option<i64>,
}

/// Whether a price fires a trigger: stops when it runs against the position, take-profits when it runs with it.
pub(super) fn fires(kind: OrderType, side: Side, price: i64, trigger: i64) -> bool {
    let upwards = (side == Side::Buy) != kind.is_take_profit();
    if upwards {
        price >= trigger
    } else {
        price <= trigger
    }
}

impl MarketState {
    /// The price that a trigger of this kind watches.
    pub fn working_price(&self, working_type: WorkingType) -> Option<i64> {
        match working_type {
            WorkingType::ContractPrice => self.last_trade,
            WorkingType::MarkPrice => self.mark,
        }
    }

    /// Mark and last price are further apart than protected triggers allow.
    fn is_apart(&self, protect_e8: i64) -> bool {
        let (Some(mark), Some(last)) = (self.mark, self.last_trade) else {
            return false;
        };
        let apart = i128::from((mark - last).abs()) * i128::from(ONE_E8);
        apart > i128::from(mark) * i128::from(protect_e8)
    }

    /// A price has come: notes what fires; returns whether anything did.
    pub fn watch(
        &mut self,
        working_type: WorkingType,
        price: i64,
        now_ns: i64,
        protect_e8: i64,
    ) -> bool {
        if self.conditional.is_empty() {
            return false;
        }
        let apart = self.is_apart(protect_e8);
        let mut any = false;
        for order in &mut self.conditional {
            if order.working_type != working_type
                || order.fired.is_some()
                || order.arrived_ns > now_ns
            {
                continue;
            }
            let hit = match (&mut order.trailing, order.trigger) {
                (Some(trailing), _) => trailing.follow(price, order.side),
                (None, Some(trigger)) => fires(order.kind, order.side, price, trigger),
                (None, None) => false,
            };
            if hit && !(order.price_protect && apart) {
                let bound = match working_type {
                    WorkingType::ContractPrice => Some(price),
                    WorkingType::MarkPrice => None,
                };
                order.fired = Some(Fired { bound });
                any = true;
            }
        }
        any
    }

    /// The oldest order that has fired, once there is a book.
    pub fn next_fired(&mut self) -> Option<(Conditional, Fired)> {
        let index = self
            .conditional
            .iter()
            .position(|order| order.fired.is_some())?;
        self.book.touch()?;
        let order = self.conditional.remove(index);
        order.fired.map(|fired| (order, fired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_fire_against_the_position_and_take_profits_with_it() {
        use OrderType::{StopMarket, TakeProfitMarket};
        for (kind, side, below, at, above) in [
            (StopMarket, Side::Buy, false, true, true),
            (StopMarket, Side::Sell, true, true, false),
            (TakeProfitMarket, Side::Buy, true, true, false),
            (TakeProfitMarket, Side::Sell, false, true, true),
        ] {
            let got = [99, 100, 101].map(|price| fires(kind, side, price, 100));
            assert_eq!(got, [below, at, above], "{kind:?} {side:?}");
        }
    }

    #[test]
    fn a_trailing_stop_follows_the_extreme_from_its_activation_on() {
        let mut trailing = Trailing {
            callback_bps: 100,
            activation: Some(10_100),
            extreme: None,
        };
        // Falls by a percent before it is active: nothing.
        for price in [10_000, 9_900, 10_099] {
            assert!(!trailing.follow(price, Side::Sell));
        }
        assert!(!trailing.follow(10_100, Side::Sell));
        assert!(!trailing.follow(10_200, Side::Sell));
        assert!(
            !trailing.follow(10_099, Side::Sell),
            "10 098 is one percent below"
        );
        assert!(trailing.follow(10_098, Side::Sell));
        let mut short = Trailing {
            callback_bps: 10,
            activation: None,
            extreme: None,
        };
        assert!(!short.follow(1_000_000, Side::Buy));
        assert!(!short.follow(990_000, Side::Buy));
        assert!(!short.follow(990_989, Side::Buy));
        assert!(short.follow(990_990, Side::Buy));
    }
}
