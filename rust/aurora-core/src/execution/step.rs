//! The one sans-I/O step of execution.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::account::{Account, AmountError, CashMovement};
use super::archive::Archive;
use super::client_id::ClientId;
use super::conduct::Conduct;
use super::entry_schedule::Schedule;
use super::exit_plan::ExitPlan;
use super::exit_router::Ticket;
use super::gate::{Gate, Intent, Proposal, ProposalError, Route};
use super::input::Input;
use super::ledger::LedgerWriter;
use super::ledger_row::{LedgerError, LedgerKind, LedgerRow};
use super::order::OrderRecord;
use super::places::References;
use super::reason::ReasonCode;
use super::reconcile::{RecentFill, Suspicion};
use super::records::{Decision, FillRow, OrderEventRow};
use super::router::{route_entry_at, Order};
use super::settings::ExecutionSettings;
use super::snapshot::DiffRow;
use super::trade::{is_confirmed, Trade};
use super::trade_plan::TradePlan;
use crate::instrument::Instrument;
use crate::symbol_rules::SymbolRules;
use crate::units::Money;

const DAY_NS: i64 = 86_400_000_000_000;

/// What leaves for the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    Place(Order),
    Cancel {
        instrument: usize,
        client_id: ClientId,
    },
    /// Ask about the order by its client id, among conditional orders too, and for its trades.
    Query {
        instrument: usize,
        client_id: ClientId,
    },
    /// Fetch the whole account; wanted at this local time, and what was placed later is not to be missed in it.
    Snapshot {
        asked_ns: i64,
    },
}

/// What a step produced, in order: a ledger row stands before the command that it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    Ledger(LedgerRow),
    Command(Command),
    Order(OrderEventRow),
    Fill(FillRow),
    /// A movement of cash that had not been seen.
    Cash(CashMovement),
    Decision(Decision),
    /// A difference that a reconciliation found.
    Diff(DiffRow),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecutionError {
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Amount(#[from] AmountError),
    #[error("instrument {got} is not among the {count} of this account")]
    Instrument { got: usize, count: usize },
}

/// Orders, positions and cash of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    pub(super) settings: ExecutionSettings,
    pub(super) instruments: Vec<Instrument>,
    pub(super) gate: Gate,
    pub(super) account: Account,
    pub(super) trades: Vec<Option<Trade>>,
    /// Instrument of every order of an open trade.
    pub(super) owners: BTreeMap<ClientId, usize>,
    pub(super) ledger: LedgerWriter,
    pub(super) day_start_equity: Money,
    /// Start of the next UTC day; none before the first proposal, when equity is still the starting cash.
    pub(super) next_day_ns: Option<i64>,
    pub(super) archive: Archive,
    /// Reports that told nothing of any order that is known.
    pub(super) stray_reports: u64,
    pub(super) killed: bool,
    /// The latest fills, in the order they came.
    pub(super) recent_fills: Vec<RecentFill>,
    pub(super) suspicions: Vec<Suspicion>,
    /// Orphans for which a cancel has been sent.
    pub(super) swept: BTreeSet<ClientId>,
    /// When the venue's account is to be fetched next.
    pub(super) snapshot_due_ns: Option<i64>,
    /// No snapshot has come since the start or since events may have been missed.
    pub(super) unreconciled: bool,
    /// The ledger is being lived through again: nothing is decided, nothing leaves.
    pub(super) recovering: bool,
    /// Rules of each symbol, as far as known.
    pub(super) rules: Vec<SymbolRules>,
    pub(super) references: Vec<References>,
    pub(super) conduct: Conduct,
}

impl Execution {
    pub fn new(settings: ExecutionSettings, instruments: Vec<Instrument>) -> Execution {
        let count = instruments.len();
        Execution {
            gate: Gate::new(settings.limits, settings.latency_budget_ns),
            account: Account::new(settings.start_cash, count, settings.position_mode),
            trades: vec![None; count],
            owners: BTreeMap::new(),
            ledger: LedgerWriter::default(),
            day_start_equity: settings.start_cash,
            next_day_ns: None,
            archive: Archive::default(),
            stray_reports: 0,
            killed: false,
            recent_fills: Vec::new(),
            suspicions: Vec::new(),
            swept: BTreeSet::new(),
            snapshot_due_ns: None,
            unreconciled: false,
            recovering: false,
            rules: instruments.iter().map(SymbolRules::of).collect(),
            references: vec![References::default(); count],
            conduct: Conduct::new(&settings.conduct, count),
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

    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// Whether every single touch of an instrument matters, because a stop or a resting entry follows it.
    pub fn follows(&self, instrument: usize) -> bool {
        let trade = self.trades.get(instrument).and_then(Option::as_ref);
        trade.is_some_and(|trade| {
            let chases = trade.course.is_some_and(|one| one.chases()) && trade.entry_open();
            (trade.protection.plan().follows_price() || chases) && !trade.closing
        })
    }

    /// Every order of the open trade of an instrument.
    pub fn orders(&self, instrument: usize) -> &[OrderRecord] {
        match &self.trades[instrument] {
            Some(trade) => &trade.orders,
            None => &[],
        }
    }

    /// The stop that protects the open trade of an instrument, and whether it is known to rest at the venue.
    /// Others that have not ended are being replaced by it.
    pub fn protecting_stop(&self, instrument: usize) -> Option<(&OrderRecord, bool)> {
        let trade = self.trades.get(instrument)?.as_ref()?;
        let stop = trade.current_stop()?;
        Some((stop, is_confirmed(stop)))
    }

    /// When something is due next without any input.
    pub fn next_timer(&self) -> Option<i64> {
        let trades = self.trades.iter().enumerate().filter_map(|(index, trade)| {
            let trade = trade.as_ref()?;
            let (held, _) = self.held(index, trade.side());
            trade.next_timer(held, &self.settings.timeouts)
        });
        let accounts = self.next_day_ns.into_iter().chain(self.snapshot_due_ns);
        trades.chain(accounts).min()
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
                local_ns,
                bid,
                ask,
            } => {
                self.known(instrument)?;
                self.account.quote(instrument, bid, ask);
                if self.follows(instrument) {
                    self.manage(instrument, local_ns, out)?;
                }
                Ok(())
            }
            Input::Report(report) => self.take_report(&report, out),
            Input::Cash(movement) => self.take_cash(&movement, out),
            Input::Clock { now_ns } => self.fire_timers(now_ns, out),
            Input::Proposal { now_ns, proposal } => {
                self.decide(&proposal, &ExitPlan::default(), None, now_ns, out)
            }
            Input::Bracket {
                now_ns,
                proposal,
                exits,
            } => {
                exits.validate(proposal.trace)?;
                self.decide(&proposal, &exits, None, now_ns, out)
            }
            Input::Worked {
                now_ns,
                proposal,
                exits,
                schedule,
            } => {
                exits.validate(proposal.trace)?;
                schedule.validate(proposal.trace)?;
                self.decide(&proposal, &exits, Some(schedule), now_ns, out)
            }
            Input::Volume { instrument, size } => {
                self.known(instrument)?;
                self.take_volume(instrument, size);
                Ok(())
            }
            Input::Snapshot { snapshot, buffered } => self.reconcile(&snapshot, &buffered, out),
            Input::Reconnected { local_ns } => {
                self.unreconciled = self.settings.timeouts.reconcile_every_ns.is_some();
                self.ask_for_account(local_ns, out);
                Ok(())
            }
            Input::Operator { now_ns, verb } => self.obey(verb, now_ns, out),
            Input::Mark {
                instrument,
                mark,
                last,
                ..
            } => {
                self.known(instrument)?;
                let known = |price: i64| (price > 0).then_some(price);
                let (mark, last) = (known(mark), known(last));
                self.references[instrument] = References { mark, last };
                Ok(())
            }
            Input::Rules {
                instrument, rules, ..
            } => {
                self.known(instrument)?;
                self.rules[instrument] = *rules;
                Ok(())
            }
            Input::Entries {
                instrument, mode, ..
            } => {
                self.known(instrument)?;
                self.conduct.modes[instrument] = mode;
                Ok(())
            }
            Input::Gateway { local_ns, measure } => {
                let settings = &self.settings.conduct;
                self.conduct.hear(settings, &measure, local_ns);
                Ok(())
            }
        }
    }

    pub(super) fn known(&self, instrument: usize) -> Result<(), ExecutionError> {
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
            let equity = self.account.equity(&self.instruments);
            self.begin_day(equity, next_day(now_ns), now_ns, out)?;
        }
        if self.snapshot_due_ns.is_some_and(|due| due <= now_ns) {
            self.ask_for_account(now_ns, out);
        }
        for index in 0..self.trades.len() {
            let Some(trade) = &mut self.trades[index] else {
                continue;
            };
            trade.closing |= trade.deadline_ns <= now_ns;
            self.manage(index, now_ns, out)?;
        }
        Ok(())
    }

    fn decide(
        &mut self,
        proposal: &Proposal,
        exits: &ExitPlan,
        schedule: Option<Schedule>,
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
        let schedule = schedule.map(|one| one.above_minimum(instrument, proposal.bid));
        let allowed = if self.killed {
            Err(ReasonCode::KillSwitch)
        } else if self.unreconciled {
            Err(ReasonCode::Reconciliation)
        } else {
            let takes = proposal.route == Route::Taker;
            self.may_enter(index, takes, now_ns).and_then(|()| {
                self.gate
                    .check(proposal, instrument, touch, &exposure, now_ns)
            })
        };
        let routed = allowed.and_then(|intent| {
            let order =
                self.at_entry_place(index, now_ns, |place| route_entry_at(&intent, place))?;
            let lots = order.spec().size / self.instruments[index].lot.max(1);
            schedule.map_or(Ok(()), |schedule| schedule.admits(lots))?;
            self.check_conduct(&order, Some(proposal), now_ns)?;
            Ok((intent, order))
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
                self.conduct.volatilities[index] = proposal.volatility;
                match schedule {
                    None => self.open(&intent, *exits, order, now_ns, out)?,
                    Some(schedule) => {
                        let whole = order.spec();
                        self.open_scheduled(&intent, *exits, schedule, whole, now_ns, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        intent: &Intent,
        exits: ExitPlan,
        order: Order,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let index = order.spec().instrument;
        let plan = TradePlan::new(intent, exits, now_ns, &self.settings);
        let ticket = Ticket::of(order.spec());
        if let Some(record) = self.place(order, Some(&plan), now_ns, out)? {
            self.trades[index] = Some(Trade::new(ticket, &plan, record, now_ns));
            self.manage(index, now_ns, out)?;
        }
        Ok(())
    }

    /// Writes down with which equity a UTC day began.
    pub(super) fn begin_day(
        &mut self,
        equity: Money,
        next_day_ns: i64,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let day = (equity, next_day_ns);
        let row = self
            .ledger
            .note(LedgerKind::Day, ClientId::NONE, now_ns, &day)?;
        out.push(Output::Ledger(row));
        self.day_start_equity = equity;
        self.next_day_ns = Some(next_day_ns);
        Ok(())
    }
}

pub(super) fn next_day(now_ns: i64) -> i64 {
    (now_ns.div_euclid(DAY_NS) + 1).saturating_mul(DAY_NS)
}
