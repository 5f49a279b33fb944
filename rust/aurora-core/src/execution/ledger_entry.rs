//! What a row of the ledger says, read and in words.

use super::account::CashMovement;
use super::entry_schedule::{Pace, ScheduledTrade};
use super::input::Verb;
use super::ledger_row::{LedgerError, LedgerKind, LedgerRow};
use super::report::ExecutionReport;
use super::router::Order;
use super::snapshot::PositionCorrection;
use super::trade_plan::TradePlan;
use crate::instrument::Side;
use crate::units::Money;

/// The payload of a row; see [`LedgerKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerEntry {
    Intent(Order),
    Cancel,
    Report(ExecutionReport),
    Trade(TradePlan),
    Cash(CashMovement),
    Correction(PositionCorrection),
    Operator(Verb),
    Day { equity: Money, next_day_ns: i64 },
    Schedule(Box<ScheduledTrade>),
}

impl LedgerRow {
    /// # Errors
    /// [`LedgerError::Malformed`].
    pub fn entry(&self) -> Result<LedgerEntry, LedgerError> {
        Ok(match self.kind {
            LedgerKind::Intent => LedgerEntry::Intent(self.decode()?),
            LedgerKind::Cancel => LedgerEntry::Cancel,
            LedgerKind::Report => LedgerEntry::Report(self.decode()?),
            LedgerKind::Trade => LedgerEntry::Trade(self.decode()?),
            LedgerKind::Cash => LedgerEntry::Cash(self.decode()?),
            LedgerKind::Correction => LedgerEntry::Correction(self.decode()?),
            LedgerKind::Operator => LedgerEntry::Operator(self.decode()?),
            LedgerKind::Day => {
                let (equity, next_day_ns) = self.decode()?;
                LedgerEntry::Day {
                    equity,
                    next_day_ns,
                }
            }
            LedgerKind::Schedule => LedgerEntry::Schedule(Box::new(self.decode()?)),
        })
    }
}

/// Buy or sell, long or short, in words.
pub fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Kill => "kill",
            Verb::Resume => "resume",
            Verb::Close { .. } => "close",
        }
    }
}

impl LedgerEntry {
    /// One line; prices and sizes are quanta of the symbol, money is in units of the settlement currency.
    pub fn words(&self) -> String {
        match self {
            LedgerEntry::Intent(order) => {
                let spec = order.spec();
                let mut words = format!(
                    "{} of trade {}: {} {} {}, symbol {}",
                    spec.leg.name(),
                    spec.trace,
                    side_name(spec.side),
                    spec.size,
                    spec.order_type(),
                    spec.instrument
                );
                if let Some(price) = spec.price {
                    words += &format!(" at {price}");
                }
                if let Some(trigger) = spec.trigger {
                    words += &format!(" from {trigger} on");
                }
                if spec.reduce_only {
                    words += ", reduce only";
                }
                words
            }
            LedgerEntry::Cancel => "cancel".to_string(),
            LedgerEntry::Report(report) => {
                let (status, evidence) = (report.status.name(), report.evidence.name());
                let mut words = format!("{status}, filled {}, by {evidence}", report.cumulative);
                if let Some(last) = &report.last {
                    words += &format!(
                        "; trade {}: {} at {} as {}, fee {}",
                        last.trade_id,
                        last.size,
                        last.price,
                        last.liquidity.name(),
                        last.fee
                    );
                }
                if let Some(rejection) = report.rejection {
                    words += &format!("; {}", rejection.name());
                }
                words
            }
            LedgerEntry::Trade(plan) => plan_words(plan),
            LedgerEntry::Cash(movement) => {
                let asset = movement.asset.as_deref().unwrap_or("settlement currency");
                let (kind, amount) = (movement.kind.name(), movement.amount);
                format!("{kind} {amount} {asset}, transaction {}", movement.id)
            }
            LedgerEntry::Correction(correction) => format!(
                "position taken over from the venue: {} {} at {}, symbol {}",
                side_name(correction.holder),
                correction.size,
                correction.price,
                correction.instrument
            ),
            LedgerEntry::Operator(Verb::Close { instrument }) => {
                format!("operator: close, symbol {instrument}")
            }
            LedgerEntry::Operator(verb) => format!("operator: {}", verb.name()),
            LedgerEntry::Day { equity, .. } => format!("a UTC day begins with equity {equity}"),
            LedgerEntry::Schedule(trade) => {
                let (entry, ticket) = (&trade.entry, &trade.ticket);
                let schedule = &entry.schedule;
                let pace = match schedule.pace {
                    Pace::TimeWeighted => "in equal parts".to_string(),
                    Pace::VolumeWeighted { .. } => "by the volume expected".to_string(),
                    Pace::Participation { rate_e4 } => {
                        format!("at {} % of the volume", rate_e4 as f64 / 100.0)
                    }
                    Pace::Iceberg { display } => format!("showing {display} lots"),
                };
                format!(
                    "entry of trade {}: {} {} {pace}, {} slices in {} s, symbol {}; {}",
                    ticket.trace,
                    side_name(ticket.side),
                    entry.size,
                    schedule.slices,
                    schedule.over_ns as f64 / 1e9,
                    ticket.instrument,
                    plan_words(&trade.plan)
                )
            }
        }
    }
}

fn plan_words(plan: &TradePlan) -> String {
    let exits = &plan.exits;
    let mut words = format!("plan: stop {} away", plan.stop_distance);
    for target in exits.targets.iter().flatten() {
        let share = target.share_e4 as f64 / 100.0;
        words += &format!(", target {} away for {share} %", target.distance);
    }
    if exits.break_even.is_some() {
        words += ", break-even";
    }
    if exits.trailing.is_some() {
        words += ", trailing stop";
    }
    words
}
