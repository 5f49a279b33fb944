//! Cash, fees, funding and positions of one account, from unique fills and unique movements of cash.
//!
//! Cash follows the perpetual convention of this project: a fill moves cash by −signed notional − fee, so equity
//! is cash plus position × mark.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::exact::{notional, LARGEST_AMOUNT};
use super::gate::Touch;
use super::position::{signed_money, value_at_mid, Position};
use super::snapshot::PositionCorrection;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

/// How the venue nets positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PositionMode {
    /// One signed position an instrument.
    #[default]
    OneWay,
    /// A long and a short position of an instrument stand side by side.
    Hedge,
}

/// Why cash moved without a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CashKind {
    /// A fee that no fill carried, such as one paid in another asset.
    Fee,
    Funding,
    /// Paid in or out: no profit, no loss.
    Transfer,
    /// Anything else the venue booked: insurance, rebates, a difference found when reconciling.
    Other,
}

impl CashKind {
    pub fn name(self) -> &'static str {
        match self {
            CashKind::Fee => "fee",
            CashKind::Funding => "funding",
            CashKind::Transfer => "transfer",
            CashKind::Other => "other",
        }
    }
}

/// A movement of cash; the venue's transaction id makes it unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashMovement {
    pub id: u64,
    pub kind: CashKind,
    /// None: the settlement currency of the account.
    pub asset: Option<String>,
    /// Positive when received; quanta of 1e-8 of the asset.
    pub amount: Money,
    pub local_ns: i64,
}

/// A fill or movement that no venue can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field} does not fit an account: {got}")]
pub struct AmountError {
    pub field: &'static str,
    pub got: i128,
}

/// Cash, fees and positions of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    mode: PositionMode,
    pub start_cash: Money,
    pub cash: Money,
    /// Fees paid in the settlement currency.
    pub fees: Money,
    /// Funding paid, negative when more was received.
    pub funding: Money,
    /// Paid in less paid out.
    pub transfers: Money,
    /// Other income.
    pub other: Money,
    /// What moved in other assets, by asset.
    pub elsewhere: BTreeMap<String, Money>,
    /// By instrument: the net position, or long and short.
    legs: Vec<[Position; 2]>,
    /// Movements seen, ascending.
    movement_ids: Vec<u64>,
    /// Current local touch of each instrument; none while its book is not valid.
    pub touches: Vec<Option<Touch>>,
    /// Last valid touch: what positions are marked at.
    pub marks: Vec<Option<Touch>>,
}

impl Account {
    pub fn new(start_cash: Money, instruments: usize, mode: PositionMode) -> Account {
        Account {
            mode,
            start_cash,
            cash: start_cash,
            fees: Money::ZERO,
            funding: Money::ZERO,
            transfers: Money::ZERO,
            other: Money::ZERO,
            elsewhere: BTreeMap::new(),
            legs: vec![[Position::default(); 2]; instruments],
            movement_ids: Vec::new(),
            touches: vec![None; instruments],
            marks: vec![None; instruments],
        }
    }

    pub fn mode(&self) -> PositionMode {
        self.mode
    }

    pub fn quote(&mut self, instrument: usize, bid: i64, ask: i64) {
        let touch = Touch::new(bid, ask);
        self.touches[instrument] = touch;
        if touch.is_some() {
            self.marks[instrument] = touch;
        }
    }

    fn leg_number(&self, holder: Side) -> usize {
        match (self.mode, holder) {
            (PositionMode::OneWay, _) | (PositionMode::Hedge, Side::Buy) => 0,
            (PositionMode::Hedge, Side::Sell) => 1,
        }
    }

    /// The position that a trade on side `holder` has: the net one, or in hedge mode that side's.
    pub fn position(&self, index: usize, holder: Side) -> &Position {
        &self.legs[index][self.leg_number(holder)]
    }

    /// Net signed size.
    pub fn net(&self, index: usize) -> i64 {
        let [first, second] = &self.legs[index];
        first.size.saturating_add(second.size)
    }

    /// Both positions of an instrument; the second is always flat in one-way mode.
    pub fn legs(&self, index: usize) -> &[Position; 2] {
        &self.legs[index]
    }

    /// Takes a unique fill of `side`; `holder` is the side of the position it belongs to (hedge mode).
    ///
    /// # Errors
    /// [`AmountError`] when price, size or fee cannot be; nothing has changed then.
    #[allow(clippy::too_many_arguments)]
    pub fn fill(
        &mut self,
        index: usize,
        instrument: &Instrument,
        holder: Side,
        side: Side,
        price: i64,
        size: i64,
        fee: Money,
    ) -> Result<(), AmountError> {
        let amount = self.check_fill(index, instrument, holder, side, price, size, fee)?;
        self.cash -= signed_money(amount, side) + fee;
        self.fees += fee;
        let leg = self.leg_number(holder);
        self.legs[index][leg].apply(side, size, amount);
        Ok(())
    }

    /// The notional of a fill that can be.
    ///
    /// # Errors
    /// [`AmountError`].
    #[allow(clippy::too_many_arguments)]
    pub fn check_fill(
        &self,
        index: usize,
        instrument: &Instrument,
        holder: Side,
        side: Side,
        price: i64,
        size: i64,
        fee: Money,
    ) -> Result<Money, AmountError> {
        let error = |field, got| AmountError { field, got };
        if price <= 0 {
            return Err(error("fill price", i128::from(price)));
        }
        let held = self.position(index, holder).size;
        let after = held.checked_add(side.sign().saturating_mul(size));
        if size <= 0 || after.is_none_or(|after| after == i64::MIN) {
            return Err(error("fill size", i128::from(size)));
        }
        check_amount("fee", fee)?;
        notional(instrument, price, size).ok_or(error("fill price", i128::from(price)))
    }

    /// Takes a movement of cash; false when its id was seen before.
    ///
    /// # Errors
    /// [`AmountError`]; nothing has changed then.
    pub fn move_cash(&mut self, movement: &CashMovement) -> Result<bool, AmountError> {
        check_amount("movement", movement.amount)?;
        let Err(place) = self.movement_ids.binary_search(&movement.id) else {
            return Ok(false);
        };
        self.movement_ids.insert(place, movement.id);
        if let Some(asset) = &movement.asset {
            *self.elsewhere.entry(asset.clone()).or_default() += movement.amount;
            return Ok(true);
        }
        self.cash += movement.amount;
        match movement.kind {
            CashKind::Fee => self.fees -= movement.amount,
            CashKind::Funding => self.funding -= movement.amount,
            CashKind::Transfer => self.transfers += movement.amount,
            CashKind::Other => self.other += movement.amount,
        }
        Ok(true)
    }

    /// Books a difference that nothing explains, as a fill without fee; false when its id was seen before.
    ///
    /// # Errors
    /// As [`Account::fill`].
    pub fn correct(
        &mut self,
        instrument: &Instrument,
        correction: &PositionCorrection,
    ) -> Result<bool, AmountError> {
        let Err(place) = self.movement_ids.binary_search(&correction.id) else {
            return Ok(false);
        };
        let side = Side::from_sign(correction.size).ok_or(AmountError {
            field: "correction",
            got: 0,
        })?;
        self.fill(
            correction.instrument,
            instrument,
            correction.holder,
            side,
            correction.price,
            correction.size.saturating_abs(),
            Money::ZERO,
        )?;
        self.movement_ids.insert(place, correction.id);
        Ok(true)
    }

    /// Signed value of an instrument's positions at its mark; at their cost while it has none.
    pub fn position_value(&self, index: usize, instrument: &Instrument) -> Money {
        let mut value = Money::ZERO;
        for position in &self.legs[index] {
            value += match self.marks[index] {
                _ if position.size == 0 => Money::ZERO,
                Some(touch) => value_at_mid(instrument, touch, position.size),
                None => position.open_cost,
            };
        }
        value
    }

    /// Sum of the absolute values of an instrument's positions: what its exposure is.
    pub fn exposure(&self, index: usize, instrument: &Instrument) -> Money {
        let mut value = Money::ZERO;
        for position in &self.legs[index] {
            value += match self.marks[index] {
                _ if position.size == 0 => Money::ZERO,
                Some(touch) => value_at_mid(instrument, touch, position.size).abs(),
                None => position.open_cost.abs(),
            };
        }
        value
    }

    /// Value less cost of what is open.
    pub fn unrealised(&self, index: usize, instrument: &Instrument) -> Money {
        let mut cost = Money::ZERO;
        for position in &self.legs[index] {
            cost += position.open_cost;
        }
        self.position_value(index, instrument) - cost
    }

    pub fn equity(&self, instruments: &[Instrument]) -> Money {
        let mut equity = self.cash;
        for (index, instrument) in instruments.iter().enumerate() {
            equity += self.position_value(index, instrument);
        }
        equity
    }

    /// Realised P&L before fees, over all instruments.
    pub fn realised(&self) -> Money {
        let mut sum = Money::ZERO;
        for position in self.legs.iter().flatten() {
            sum += position.realised;
        }
        sum
    }

    /// The venue's wallet balance: cash without what open positions cost.
    pub fn wallet(&self) -> Money {
        let mut wallet = self.cash;
        for position in self.legs.iter().flatten() {
            wallet += position.open_cost;
        }
        wallet
    }
}

fn check_amount(field: &'static str, amount: Money) -> Result<(), AmountError> {
    if (-LARGEST_AMOUNT..=LARGEST_AMOUNT).contains(&amount) {
        return Ok(());
    }
    Err(AmountError {
        field,
        got: amount.0,
    })
}
