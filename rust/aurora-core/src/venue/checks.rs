//! What the exchange checks of a new order before its state matters: parameters, then filters.

use super::decimal::Decimal;
use super::error::VenueError;
use super::order::{NewOrder, OrderType, PositionSide, TimeInForce};
use super::rules::{above, below, SymbolRules};
use crate::instrument::{Instrument, Side};

const SECOND_NS: i64 = 1_000_000_000;
/// A good-till date has to lie further ahead than this.
const LEAST_GOOD_TILL_NS: i64 = 600 * SECOND_NS;
/// Callback rates of trailing stops, in 1e-4.
const CALLBACKS: std::ops::RangeInclusive<i64> = 10..=1_000;

/// What the numbers of a payload are in quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    /// Zero with `closePosition`.
    pub size: i64,
    pub price: Option<i64>,
    pub trigger: Option<i64>,
    pub activation: Option<i64>,
    pub time_in_force: TimeInForce,
    /// Whole seconds, as the exchange keeps it.
    pub good_till_ns: Option<i64>,
}

/// What a check needs to know beside the payload.
pub(super) struct Context<'a> {
    pub instrument: &'a Instrument,
    pub rules: &'a SymbolRules,
    pub hedge_mode: bool,
    pub mark: Option<i64>,
    pub now_ns: i64,
    /// Whether filters are in force.
    pub filters: bool,
}

impl Context<'_> {
    /// # Errors
    /// The first thing the exchange would object to.
    pub fn check(&self, order: &NewOrder) -> Result<Checked, VenueError> {
        let (time_in_force, good_till_ns) = self.terms(order)?;
        let size = self.size(order)?;
        let price = match (order.kind.has_price(), order.price) {
            (true, Some(price)) => Some(self.price(price)?),
            (true, None) => return Err(VenueError::MandatoryMissing),
            (false, Some(_)) => return Err(VenueError::NotRequired),
            (false, None) => None,
        };
        let (trigger, activation) = self.triggers(order)?;
        if self.filters {
            if let Some(price) = price {
                self.bands(order.side, price, trigger)?;
            }
            self.notional(order, size, price.or(trigger).or(self.mark))?;
        }
        Ok(Checked {
            size,
            price,
            trigger,
            activation,
            time_in_force,
            good_till_ns,
        })
    }

    /// Type, time in force, position side and flags.
    fn terms(&self, order: &NewOrder) -> Result<(TimeInForce, Option<i64>), VenueError> {
        let rules = self.rules;
        let reduces = order.reduce_only || order.close_position;
        if !rules.is_trading && !reduces {
            return Err(VenueError::SymbolNotTrading);
        }
        if !rules.order_types.contains(&order.kind) {
            return Err(VenueError::InvalidOrderType);
        }
        let time_in_force = match (order.kind.has_price(), order.time_in_force) {
            (true, None) => return Err(VenueError::MandatoryMissing),
            (false, Some(_)) => return Err(VenueError::NotRequired),
            (_, given) => given.unwrap_or(TimeInForce::Gtc),
        };
        if !rules.time_in_force.contains(&time_in_force) {
            return Err(VenueError::InvalidTimeInForce);
        }
        let good_till_ns = match (time_in_force, order.good_till_ns) {
            (TimeInForce::Gtd, None) => return Err(VenueError::MandatoryMissing),
            (TimeInForce::Gtd, Some(until_ns)) => {
                let until_ns = until_ns - until_ns.rem_euclid(SECOND_NS);
                if until_ns <= self.now_ns.saturating_add(LEAST_GOOD_TILL_NS) {
                    return Err(VenueError::InvalidGoodTillDate);
                }
                Some(until_ns)
            }
            (_, Some(_)) => return Err(VenueError::NotRequired),
            (_, None) => None,
        };
        if self.hedge_mode == (order.position_side == PositionSide::Both) {
            return Err(VenueError::PositionSideMismatch);
        }
        if self.hedge_mode && order.reduce_only {
            return Err(VenueError::NotRequired);
        }
        if order.close_position {
            if !matches!(
                order.kind,
                OrderType::StopMarket | OrderType::TakeProfitMarket
            ) {
                return Err(VenueError::NotRequired);
            }
            if order.reduce_only {
                return Err(VenueError::ReduceOnlyConflict);
            }
        }
        if order.client_id.is_reserved() {
            return Err(VenueError::InvalidClientOrderId);
        }
        Ok((time_in_force, good_till_ns))
    }

    fn size(&self, order: &NewOrder) -> Result<i64, VenueError> {
        let quantity = match (order.close_position, order.quantity) {
            (true, Some(_)) => return Err(VenueError::QuantityWithClosePosition),
            (true, None) => return Ok(0),
            (false, None) => return Err(VenueError::MandatoryMissing),
            (false, Some(quantity)) => quantity,
        };
        if quantity.mantissa <= 0 {
            return Err(VenueError::QuantityNotPositive);
        }
        let rules = self.rules;
        if self.filters && quantity.trimmed().exponent > rules.quantity_precision {
            return Err(VenueError::BadPrecision);
        }
        let quanta = quantity.quanta(self.instrument.size_exponent)?;
        // Within the precision and yet finer than a quantum: no step is.
        let size = quanta.ok_or(VenueError::QuantityNotOnStep)?;
        if self.filters {
            let (least, most, step) = if order.kind.has_price() {
                (rules.min_size, rules.max_size, rules.step)
            } else {
                (
                    rules.market_min_size,
                    rules.market_max_size,
                    rules.market_step,
                )
            };
            if size < least {
                return Err(VenueError::QuantityBelowMinimum);
            }
            if size > most {
                return Err(VenueError::QuantityAboveMaximum);
            }
            if (size - least).rem_euclid(step.max(1)) != 0 {
                return Err(VenueError::QuantityNotOnStep);
            }
        }
        Ok(size)
    }

    /// A price or trigger: precision, limits, tick.
    fn price(&self, price: Decimal) -> Result<i64, VenueError> {
        let rules = self.rules;
        if price.mantissa <= 0 {
            return Err(VenueError::PriceBelowMinimum);
        }
        if self.filters && price.trimmed().exponent > rules.price_precision {
            return Err(VenueError::BadPrecision);
        }
        let quanta = price.quanta(self.instrument.price_exponent)?;
        let quanta = quanta.ok_or(VenueError::PriceNotOnTick)?;
        if self.filters {
            if quanta < rules.min_price {
                return Err(VenueError::PriceBelowMinimum);
            }
            if quanta > rules.max_price {
                return Err(VenueError::PriceAboveMaximum);
            }
            if (quanta - rules.min_price).rem_euclid(rules.tick.max(1)) != 0 {
                return Err(VenueError::PriceNotOnTick);
            }
        }
        Ok(quanta)
    }

    fn triggers(&self, order: &NewOrder) -> Result<(Option<i64>, Option<i64>), VenueError> {
        if order.kind == OrderType::TrailingStopMarket {
            if order.trigger.is_some() {
                return Err(VenueError::NotRequired);
            }
            let callback = order.callback_bps.ok_or(VenueError::MandatoryMissing)?;
            if !CALLBACKS.contains(&callback) {
                return Err(VenueError::InvalidParameter);
            }
            let activation = order.activation.map(|price| self.price(price));
            return Ok((None, activation.transpose()?));
        }
        if order.callback_bps.is_some() || order.activation.is_some() {
            return Err(VenueError::NotRequired);
        }
        match (order.kind.is_conditional(), order.trigger) {
            (true, Some(trigger)) => Ok((Some(self.price(trigger)?), None)),
            (true, None) => Err(VenueError::MandatoryMissing),
            (false, Some(_)) => Err(VenueError::NotRequired),
            (false, None) => Ok((None, None)),
        }
    }

    /// PERCENT_PRICE, against the trigger for a limit order that waits for one, else against the mark price.
    fn bands(&self, side: Side, price: i64, trigger: Option<i64>) -> Result<(), VenueError> {
        let rules = self.rules;
        let Some(reference) = trigger.or(self.mark) else {
            return Ok(());
        };
        let waits = trigger.is_some();
        if side == Side::Buy && above(price, reference, rules.multiplier_up_e8) {
            return Err(if waits {
                VenueError::PriceAboveStopBand
            } else {
                VenueError::PriceAboveBand
            });
        }
        if side == Side::Sell && below(price, reference, rules.multiplier_down_e8) {
            return Err(if waits {
                VenueError::PriceBelowStopBand
            } else {
                VenueError::PriceBelowBand
            });
        }
        Ok(())
    }

    fn notional(&self, order: &NewOrder, size: i64, price: Option<i64>) -> Result<(), VenueError> {
        if order.reduce_only || order.close_position {
            return Ok(());
        }
        match price {
            Some(price) if self.instrument.notional(price, size) < self.rules.min_notional => {
                Err(VenueError::MinNotional)
            }
            _ => Ok(()),
        }
    }
}
