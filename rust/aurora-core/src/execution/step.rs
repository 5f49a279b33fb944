//! The one sans-I/O step of execution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::client_id::{ClientId, Leg};
use super::gate::{Gate, HardLimits, Intent, Proposal, ProposalError, Route};
use super::ledger::{LedgerError, LedgerRow, LedgerWriter};
use super::order::{ExecutionReport, OrderRecord, OrderState, ReportStatus};
use super::position::Account;
use super::reason::ReasonCode;
use super::records::{Decision, FillRow, OrderEvent, OrderEventRow};
use super::router::{route_entry, Order};
use super::trade::Trade;
use crate::instrument::Instrument;
use crate::units::Money;

const DAY_NS: i64 = 86_400_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionSettings {
    pub start_cash: Money,
    /// How long a post-only entry may rest.
    pub entry_ttl_ns: i64,
    /// Oldest signal that still becomes an order.
    pub latency_budget_ns: i64,
    pub limits: HardLimits,
}

/// What execution takes; times never fall from one input to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The local touch changed; zero bid and ask: there is none.
    Quote {
        instrument: usize,
        local_ns: i64,
        bid: i64,
        ask: i64,
    },
    Report(ExecutionReport),
    /// Time passed: everything due until then fires, as of now.
    Clock {
        now_ns: i64,
    },
    /// A trade to make now.
    Proposal {
        now_ns: i64,
        proposal: Proposal,
    },
}

/// What leaves for the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    Place(Order),
    Cancel {
        instrument: usize,
        client_id: ClientId,
    },
}

/// What a step produced, in order: a ledger row stands before the command that it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    Ledger(LedgerRow),
    Command(Command),
    Order(OrderEventRow),
    Fill(FillRow),
    Decision(Decision),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecutionError {
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("instrument {got} is not among the {count} of this account")]
    Instrument { got: usize, count: usize },
}

/// Orders, positions and cash of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    settings: ExecutionSettings,
    pub(super) instruments: Vec<Instrument>,
    gate: Gate,
    pub(super) account: Account,
    pub(super) trades: Vec<Option<Trade>>,
    /// Instrument of every order of an open trade.
    pub(super) owners: BTreeMap<ClientId, usize>,
    pub(super) ledger: LedgerWriter,
    pub(super) day_start_equity: Money,
    /// Start of the next UTC day; none before the first proposal, when equity is still the starting cash.
    next_day_ns: Option<i64>,
    /// Reports about orders of no open trade: duplicates that came after the end.
    stray_reports: u64,
}

impl Execution {
    pub fn new(settings: ExecutionSettings, instruments: Vec<Instrument>) -> Execution {
        let count = instruments.len();
        Execution {
            gate: Gate::new(settings.limits, settings.latency_budget_ns),
            account: Account::new(settings.start_cash, count),
            trades: vec![None; count],
            owners: BTreeMap::new(),
            ledger: LedgerWriter::default(),
            day_start_equity: settings.start_cash,
            next_day_ns: None,
            stray_reports: 0,
            settings,
            instruments,
        }
    }

    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    pub fn stray_reports(&self) -> u64 {
        self.stray_reports
    }

    /// Every order of the open trade of an instrument.
    pub fn orders(&self, instrument: usize) -> &[OrderRecord] {
        match &self.trades[instrument] {
            Some(trade) => &trade.orders,
            None => &[],
        }
    }

    /// When something is due next without any input.
    pub fn next_timer(&self) -> Option<i64> {
        let trades = self.trades.iter().enumerate().filter_map(|(index, trade)| {
            let position = self.account.positions[index].size;
            trade
                .as_ref()?
                .next_timer(position, &self.instruments[index])
        });
        trades.chain(self.next_day_ns).min()
    }

    /// Takes one input.
    ///
    /// # Errors
    /// [`ExecutionError`] for an input that makes no sense; nothing has changed then, except that of a
    /// ledger refusal the rows before it stand.
    pub fn step(&mut self, input: Input, out: &mut Vec<Output>) -> Result<(), ExecutionError> {
        match input {
            Input::Quote {
                instrument,
                bid,
                ask,
                ..
            } => {
                self.known(instrument)?;
                self.account.quote(instrument, bid, ask);
                Ok(())
            }
            Input::Report(report) => self.take_report(&report, out),
            Input::Clock { now_ns } => self.fire_timers(now_ns, out),
            Input::Proposal { now_ns, proposal } => self.decide(&proposal, now_ns, out),
        }
    }

    fn known(&self, instrument: usize) -> Result<(), ExecutionError> {
        if instrument < self.instruments.len() {
            return Ok(());
        }
        Err(ExecutionError::Instrument {
            got: instrument,
            count: self.instruments.len(),
        })
    }

    fn fire_timers(&mut self, now_ns: i64, out: &mut Vec<Output>) -> Result<(), ExecutionError> {
        if self.next_day_ns.is_some_and(|day| day <= now_ns) {
            self.day_start_equity = self.account.equity(&self.instruments);
            self.next_day_ns = Some(next_day(now_ns));
        }
        for index in 0..self.trades.len() {
            let Some(trade) = &mut self.trades[index] else {
                continue;
            };
            trade.closing |= trade.intent.proposal().deadline_ns <= now_ns;
            self.manage(index, now_ns, out)?;
        }
        Ok(())
    }

    fn decide(
        &mut self,
        proposal: &Proposal,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        proposal.validate()?;
        self.known(proposal.instrument)?;
        if self.next_day_ns.is_none() {
            self.next_day_ns = Some(next_day(now_ns));
        }
        let index = proposal.instrument;
        let exposure = self.exposure(index);
        let touch = self.account.touches[index];
        let instrument = &self.instruments[index];
        let routed = self
            .gate
            .check(proposal, instrument, touch, &exposure, now_ns)
            .and_then(|intent| {
                let touch = touch.ok_or(ReasonCode::StaleBook)?;
                Ok((intent, route_entry(&intent, instrument, touch)?))
            });
        let mut decision = Decision {
            trace: proposal.trace,
            local_ns: now_ns,
            reason: match proposal.route {
                Route::Maker => ReasonCode::TradeMaker,
                Route::Taker => ReasonCode::TradeTaker,
            },
            client_id: None,
            price: None,
            size: 0,
            repairs: Vec::new(),
        };
        match routed {
            Err(reason) => {
                decision.reason = reason;
                out.push(Output::Decision(decision));
            }
            Ok((intent, order)) => {
                decision.client_id = Some(order.client_id());
                decision.price = order.spec().price;
                decision.size = order.spec().size;
                decision.repairs = order.repairs().to_vec();
                out.push(Output::Decision(decision));
                self.open(intent, order, now_ns, out)?;
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        intent: Intent,
        order: Order,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let index = order.spec().instrument;
        if let Some(record) = self.place(order, now_ns, out)? {
            let trade = Trade::new(intent, record, now_ns, self.settings.entry_ttl_ns);
            self.trades[index] = Some(trade);
        }
        Ok(())
    }

    fn take_report(
        &mut self,
        report: &ExecutionReport,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        out.push(Output::Ledger(self.ledger.report(report)?));
        let found = self
            .owners
            .get(&report.client_id)
            .copied()
            .and_then(|index| {
                let trade = self.trades[index].as_mut()?;
                let order = trade.order_index(&report.client_id)?;
                Some((index, trade, order))
            });
        let Some((index, trade, order)) = found else {
            self.stray_reports += 1;
            return Ok(());
        };
        let now_ns = report.local_ns;
        let record = &mut trade.orders[order];
        let was_complete = record.is_complete();
        let transition = record.apply(report);
        let spec = *record.spec();
        let ended = record.is_complete() && !was_complete;
        out.push(Output::Order(OrderEventRow {
            local_ns: now_ns,
            exchange_ns: Some(report.exchange_ns),
            event: event_of(report.status),
            state: transition.after,
            spec,
            cumulative: record.cumulative(),
            rejection: report.rejection,
            repairs: Vec::new(),
        }));
        let flattened = ended && spec.leg == Leg::Exit && transition.after == OrderState::Filled;
        if ended && spec.leg == Leg::Exit && !flattened {
            trade.back_off(now_ns);
        }
        if let Some(fill) = transition.fill {
            let instrument = &self.instruments[index];
            self.account.fill(
                index, instrument, spec.side, fill.price, fill.size, fill.fee,
            );
            out.push(Output::Fill(FillRow {
                local_ns: now_ns,
                exchange_ns: report.exchange_ns,
                instrument: index,
                trace: spec.trace,
                client_id: spec.client_id,
                leg: spec.leg,
                trade_id: fill.trade_id,
                side: spec.side,
                price: fill.price,
                size: fill.size,
                fee: fill.fee,
                liquidity: fill.liquidity,
                touch: fill.touch,
                position_after: self.account.positions[index].size,
                cash_after: self.account.cash,
            }));
            if spec.leg == Leg::Entry {
                self.protect(index, fill.price, now_ns, out)?;
            }
        }
        self.manage(index, now_ns, out)
    }
}

fn next_day(now_ns: i64) -> i64 {
    (now_ns.div_euclid(DAY_NS) + 1).saturating_mul(DAY_NS)
}

fn event_of(status: ReportStatus) -> OrderEvent {
    match status {
        ReportStatus::Accepted => OrderEvent::Accepted,
        ReportStatus::PartiallyFilled => OrderEvent::PartiallyFilled,
        ReportStatus::Filled => OrderEvent::Filled,
        ReportStatus::Cancelled => OrderEvent::Cancelled,
        ReportStatus::Rejected => OrderEvent::Rejected,
        ReportStatus::Expired => OrderEvent::Expired,
        ReportStatus::CancelRejected => OrderEvent::CancelRejected,
        ReportStatus::Unknown => OrderEvent::Unknown,
    }
}
