//! Where a payload is to go: its symbol's rules, what the market shows, what the account holds.

use super::Payload;
use crate::event::Level;
use crate::execution::account::PositionMode;
use crate::execution::gate::Touch;
use crate::instrument::{Instrument, Side};
use crate::symbol_rules::{PositionSide, SymbolRules};
use crate::units::{divide_half_even, Money};

/// What the market shows of the instrument.
#[derive(Debug, Clone, Copy, Default)]
pub struct MarketStanding<'a> {
    pub touch: Option<Touch>,
    /// Displayed levels, best first; only fill-or-kill orders read them.
    pub bids: &'a [Level],
    pub asks: &'a [Level],
    /// Mark price; where there is none the last trade stands for it.
    pub mark: Option<i64>,
    pub last: Option<i64>,
}

impl MarketStanding<'_> {
    /// Price that bands and notionals are measured at.
    pub fn reference(&self) -> Option<i64> {
        self.mark.or(self.last)
    }
}

/// An order of the account in this instrument that rests, or that left and is unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkingOrder {
    pub side: Side,
    pub position_side: PositionSide,
    pub price: i64,
    pub left: i64,
    /// Only reduces, by its own word or by its side in hedge mode: reserves no margin.
    pub reduces: bool,
}

/// What the account holds and has reserved.
#[derive(Debug, Clone, Copy)]
pub struct AccountStanding<'a> {
    /// Signed size of the one-way, the long and the short position, in the order of [`PositionSide`].
    pub positions: [i64; 3],
    /// Limit orders, those that are unanswered included: what they could come to hold is reserved.
    pub orders: &'a [WorkingOrder],
    /// Conditional orders that wait.
    pub conditional_orders: usize,
    /// Wallet and unrealised profit.
    pub equity: Money,
    /// Initial margin of all other instruments.
    pub other_initial: Money,
    /// Leverage chosen for this instrument.
    pub leverage: u32,
}

impl AccountStanding<'_> {
    /// What an order on this side may take off the position it names.
    pub(super) fn reducible(&self, position_side: PositionSide, side: Side) -> i64 {
        let held = self.positions[position_side as usize];
        match side {
            Side::Buy => held.min(0).saturating_neg(),
            Side::Sell => held.max(0),
        }
    }

    /// Largest notional that positions at the reference price and working orders at theirs can reach, with another
    /// order: of a one-way position the larger of both directions, of a hedged pair their sum.
    pub fn exposure(
        &self,
        instrument: &Instrument,
        reference: Option<i64>,
        more: Option<(&Payload, Money)>,
    ) -> Money {
        let reference = reference.unwrap_or(0);
        let reach = |position_side: PositionSide, side: Side| {
            let held = self.positions[position_side as usize];
            let notional = instrument.notional(reference, held.saturating_abs());
            let along = (held > 0) == (side == Side::Buy);
            let mut reached = if along {
                notional
            } else {
                Money::ZERO - notional
            };
            for order in self.orders {
                if (order.position_side, order.side) == (position_side, side) && !order.reduces {
                    reached += instrument.notional(order.price, order.left);
                }
            }
            if let Some((payload, notional)) = more {
                if (payload.position_side, payload.side) == (position_side, side) {
                    reached += notional;
                }
            }
            reached.abs()
        };
        let up = reach(PositionSide::Both, Side::Buy);
        let down = reach(PositionSide::Both, Side::Sell);
        let one_way = Money(up.0.max(down.0));
        one_way + reach(PositionSide::Long, Side::Buy) + reach(PositionSide::Short, Side::Sell)
    }

    /// Initial margin of an exposure in this instrument, half-even.
    pub fn initial_margin(&self, exposure: Money) -> Money {
        Money(divide_half_even(
            exposure.0,
            i128::from(self.leverage.max(1)),
        ))
    }
}

/// Everything a payload is checked against. What is not known is not checked: a replay has no account to ask.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub instrument: &'a Instrument,
    pub rules: &'a SymbolRules,
    pub mode: PositionMode,
    pub now_ns: i64,
    pub market: Option<MarketStanding<'a>>,
    pub account: Option<AccountStanding<'a>>,
}

impl<'a> Place<'a> {
    /// Rules and touch alone, in one-way mode.
    pub fn bare(
        instrument: &'a Instrument,
        rules: &'a SymbolRules,
        touch: Option<Touch>,
    ) -> Place<'a> {
        Place {
            instrument,
            rules,
            mode: PositionMode::OneWay,
            now_ns: 0,
            market: touch.map(|touch| MarketStanding {
                touch: Some(touch),
                ..MarketStanding::default()
            }),
            account: None,
        }
    }

    pub(super) fn reference(&self) -> Option<i64> {
        self.market.and_then(|market| market.reference())
    }
}
