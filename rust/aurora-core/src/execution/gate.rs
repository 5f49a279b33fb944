//! The gate: hard limits on the current account, reserve included. It alone makes an [`Intent`].

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::exact::notional;
use super::reason::ReasonCode;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

/// How an entry is to reach the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Route {
    /// Post-only limit at the own side of the touch.
    Maker,
    /// Immediate-or-cancel limit at the far side of the touch, within the slippage cap.
    Taker,
}

/// Best prices in price quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    pub bid: i64,
    pub ask: i64,
}

impl Touch {
    /// None unless both sides are quoted. A locked or crossed touch is still one: the router judges it.
    pub fn new(bid: i64, ask: i64) -> Option<Touch> {
        (bid > 0 && ask > 0).then_some(Touch { bid, ask })
    }
}

/// A sized trade that risk proposes; prices and sizes in quanta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub trace: u64,
    pub instrument: usize,
    /// Local time of the signal.
    pub local_ns: i64,
    pub side: Side,
    pub size: i64,
    pub route: Route,
    /// Touch that the decision saw.
    pub bid: i64,
    pub ask: i64,
    /// Distance of the protective stop from the fill price, > 0.
    pub stop_distance: i64,
    /// Time exit.
    pub deadline_ns: i64,
    /// Slippage cap beyond the far side of the touch, >= 0.
    pub limit: i64,
    /// Worst price at which taking would clear the net edge, for what a resting entry leaves; none: it is never
    /// taken.
    pub take_within: Option<i64>,
    /// One standard deviation of the price over the trade's horizon, where known.
    pub volatility: Option<i64>,
    /// Displayed size that taking could meet up to the limit, where known.
    pub depth: Option<i64>,
}

/// A proposal that no policy could have meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("proposal {trace}: {field} is {got}, expected {expected}")]
pub struct ProposalError {
    pub trace: u64,
    pub field: &'static str,
    pub got: i64,
    pub expected: &'static str,
}

impl Proposal {
    /// # Errors
    /// [`ProposalError`] naming the first impossible field.
    pub fn validate(&self) -> Result<(), ProposalError> {
        let error = |field, got, expected| ProposalError {
            trace: self.trace,
            field,
            got,
            expected,
        };
        if self.size < 0 {
            return Err(error("size", self.size, "zero or more"));
        }
        if self.stop_distance <= 0 {
            return Err(error("stop_distance", self.stop_distance, "more than zero"));
        }
        if self.limit < 0 {
            return Err(error("limit", self.limit, "zero or more"));
        }
        if let Some(price) = self.take_within.filter(|price| *price <= 0) {
            return Err(error("take_within", price, "more than zero"));
        }
        for (field, known) in [("volatility", self.volatility), ("depth", self.depth)] {
            if let Some(got) = known.filter(|got| *got < 0) {
                return Err(error(field, got, "zero or more"));
            }
        }
        Ok(())
    }

    /// Price at which the entry is worst for the account: the most it may pay, or what it quotes.
    fn worst_price(&self) -> i64 {
        match (self.side, self.route) {
            (Side::Buy, Route::Taker) => self.ask.saturating_add(self.limit),
            (Side::Buy, Route::Maker) => self.bid,
            // A short's notional is what it could cost to buy back: valued at the ask.
            (Side::Sell, _) => self.ask,
        }
    }
}

/// Limits that no proposal may break; they come from the risk policy as money of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardLimits {
    /// Largest notional of position and working entries of one instrument.
    pub max_symbol_notional: Money,
    /// Largest sum of those over all instruments.
    pub max_gross_notional: Money,
    /// Equity lost since 00:00 UTC at which no new trade is made.
    pub max_day_loss: Money,
}

/// A trade that keeps its instrument busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    Position,
    Orders,
}

/// What the gate reads of the account; working entries count as if filled at their limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    pub busy: Option<Busy>,
    pub symbol_notional: Money,
    pub gross_notional: Money,
    pub equity: Money,
    pub day_start_equity: Money,
}

/// A trade within every hard limit. Only [`Gate::check`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    proposal: Proposal,
}

impl Intent {
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }
}

/// Holds the limits and checks proposals against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    limits: HardLimits,
    latency_budget_ns: i64,
}

impl Gate {
    pub fn new(limits: HardLimits, latency_budget_ns: i64) -> Gate {
        Gate {
            limits,
            latency_budget_ns,
        }
    }

    pub fn limits(&self) -> &HardLimits {
        &self.limits
    }

    /// An intent, or the one reason against it: what the instrument is, then whether the signal is still
    /// current, then the state of the account, then its limits.
    ///
    /// # Errors
    /// The [`ReasonCode`] of the denial.
    pub fn check(
        &self,
        proposal: &Proposal,
        instrument: &Instrument,
        touch: Option<Touch>,
        account: &Exposure,
        now_ns: i64,
    ) -> Result<Intent, ReasonCode> {
        if instrument.id.is_inverse() {
            return Err(ReasonCode::InverseContract);
        }
        let age_ns = now_ns.saturating_sub(proposal.local_ns);
        if age_ns > self.latency_budget_ns || proposal.deadline_ns <= now_ns {
            return Err(ReasonCode::Expired);
        }
        if touch.is_none() || Touch::new(proposal.bid, proposal.ask).is_none() {
            return Err(ReasonCode::StaleBook);
        }
        match account.busy {
            Some(Busy::Position) => return Err(ReasonCode::PositionOpen),
            Some(Busy::Orders) => return Err(ReasonCode::OrderWorking),
            None => {}
        }
        self.check_limits(proposal.worst_price(), proposal.size, instrument, account)?;
        Ok(Intent {
            proposal: *proposal,
        })
    }

    /// Whether the account's limits allow `size` more at `price`.
    ///
    /// # Errors
    /// The [`ReasonCode`] of the denial.
    pub fn check_limits(
        &self,
        price: i64,
        size: i64,
        instrument: &Instrument,
        account: &Exposure,
    ) -> Result<(), ReasonCode> {
        if account.day_start_equity - account.equity >= self.limits.max_day_loss {
            return Err(ReasonCode::DayLoss);
        }
        // What no number can hold is beyond every limit.
        let Some(notional) = notional(instrument, price, size) else {
            return Err(ReasonCode::SymbolExposure);
        };
        if account.symbol_notional + notional > self.limits.max_symbol_notional {
            return Err(ReasonCode::SymbolExposure);
        }
        if account.gross_notional + notional > self.limits.max_gross_notional {
            return Err(ReasonCode::GrossExposure);
        }
        Ok(())
    }
}
