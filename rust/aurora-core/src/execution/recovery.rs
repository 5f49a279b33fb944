//! A restart: the ledger is lived through again, and what it leaves open is followed from there.
//!
//! Every row that brings something about is fed to the code that wrote it, which writes it again; a row that comes
//! out otherwise is an error. Nothing is decided meanwhile and nothing leaves.

use super::account::CashMovement;
use super::client_id::{ClientId, Leg};
use super::exit_router::Ticket;
use super::input::Verb;
use super::ledger::{Admission, LedgerStore};
use super::ledger_row::{LedgerError, LedgerKind, LedgerRow};
use super::order::{OrderRecord, OrderState};
use super::report::ExecutionReport;
use super::router::Order;
use super::settings::ExecutionSettings;
use super::snapshot::PositionCorrection;
use super::step::{next_day, Command, Execution, ExecutionError, Output};
use super::trade::Trade;
use super::trade_plan::TradePlan;
use crate::instrument::Instrument;
use crate::symbol_rules::SymbolRules;
use crate::units::Money;

/// Rows read at once.
const ROWS: usize = 1024;

impl Execution {
    /// The execution whose life a ledger tells, as of `now_ns`: cash, positions, every order and every trade with
    /// its plan. What may have left is asked about and not sent again; what is due is in `out`. No trade is opened
    /// before the venue's account has been compared.
    ///
    /// What the ledger does not tell is lost, and has to be told again: touches, the venue's rules, what breakers leave
    /// open, what a gateway measured; and for good: volatilities of open trades, the best price a trailing stop had seen (the stop itself does
    /// not fall back), and waits between retries.
    ///
    /// # Errors
    /// [`ExecutionError`] for a ledger that cannot be read, or that this account cannot have written.
    pub fn recover<S: LedgerStore>(
        settings: ExecutionSettings,
        instruments: Vec<Instrument>,
        store: &S,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<Execution, ExecutionError> {
        let rules = instruments.iter().map(SymbolRules::of).collect();
        Execution::recover_with(settings, instruments, rules, store, now_ns, out)
    }

    /// The same where the venue's rules are known: what is due after the restart leaves by them. The ledger does not
    /// tell them, and what a life before knew of them decides nothing that the ledger tells.
    ///
    /// # Errors
    /// As [`Execution::recover`].
    pub fn recover_with<S: LedgerStore>(
        settings: ExecutionSettings,
        instruments: Vec<Instrument>,
        rules: Vec<SymbolRules>,
        store: &S,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<Execution, ExecutionError> {
        let mut execution = Execution::new(settings, instruments).with_rules(rules);
        execution.recovering = true;
        let mut written = Vec::new();
        while execution.ledger.next_sequence() < store.next_sequence() {
            let rows = store.rows(execution.ledger.next_sequence(), ROWS)?;
            if rows.is_empty() {
                return Err(ExecutionError::Ledger(LedgerError::Gap {
                    expected: execution.ledger.next_sequence(),
                    got: store.next_sequence(),
                }));
            }
            for row in &rows {
                written.clear();
                execution.relive(row, &mut written)?;
                let again = written.iter().filter_map(|output| match output {
                    Output::Ledger(row) => Some(row),
                    _ => None,
                });
                if !again.eq([row]) {
                    return Err(conflict(row));
                }
            }
        }
        execution.recovering = false;
        execution.unreconciled = settings.timeouts.reconcile_every_ns.is_some();
        for index in 0..execution.trades.len() {
            if let Some(trade) = &mut execution.trades[index] {
                // A schedule is not taken up again: what its trade holds stays protected by its plan.
                if let Some(course) = trade.course.as_mut().filter(|one| !one.chases()) {
                    course.give_up();
                }
                for record in &mut trade.orders {
                    if record.state() == OrderState::PendingNew {
                        record.note_silence();
                    }
                }
            }
            execution.manage(index, now_ns, out)?;
        }
        Ok(execution)
    }

    /// Ends the trades that only wait for an entry that may follow, where this row is none: it would be the next one.
    /// Between two slices of a schedule other rows may stand; it has ended when its time is up, or when the row is
    /// another trade's.
    fn end_what_nothing_followed(&mut self, row: &LedgerRow) -> Result<(), ExecutionError> {
        let follows = match row.kind {
            LedgerKind::Intent => Some(*row.decode::<Order>()?.spec()),
            _ => None,
        };
        for index in 0..self.trades.len() {
            let Some(trade) = self.trades[index].as_mut() else {
                continue;
            };
            let followed = if trade.is_scheduled() {
                let expires_ns = trade.entry_expires_ns.unwrap_or(i64::MAX);
                let replaced = follows.is_some_and(|spec| {
                    spec.instrument == index && spec.trace != trade.ticket.trace
                });
                row.local_ns < expires_ns && !replaced
            } else {
                follows.is_some_and(|spec| {
                    let of = (spec.leg, spec.trace, spec.instrument);
                    of == (Leg::Entry, trade.ticket.trace, index)
                })
            };
            if followed || trade.course.is_none() || !trade.all_complete() {
                continue;
            }
            let side = trade.side();
            let (held, _) = self.held(index, side);
            if let Some(trade) = self.trades[index].as_mut().filter(|_| held == 0) {
                trade.course = None;
                self.end_if_over(index, held, row.local_ns);
            }
        }
        Ok(())
    }

    fn relive(&mut self, row: &LedgerRow, out: &mut Vec<Output>) -> Result<(), ExecutionError> {
        self.end_what_nothing_followed(row)?;
        match row.kind {
            LedgerKind::Intent => self.relive_intent(row, out),
            LedgerKind::Trade => self.relive_trade(row, out),
            LedgerKind::Schedule => self.relive_schedule(row, out),
            LedgerKind::Cancel => {
                self.relive_cancel(row);
                let command = Command::Cancel {
                    instrument: 0,
                    client_id: row.client_id,
                };
                self.count(&command, row.local_ns);
                out.push(Output::Ledger(
                    self.ledger.cancel(row.client_id, row.local_ns),
                ));
                Ok(())
            }
            LedgerKind::Report => self.take_report(&row.decode::<ExecutionReport>()?, out),
            LedgerKind::Cash => self.take_cash(&row.decode::<CashMovement>()?, out),
            LedgerKind::Correction => {
                let correction = row.decode::<PositionCorrection>()?;
                self.known(correction.instrument)?;
                self.take_correction(&correction, out)?;
                self.manage(correction.instrument, row.local_ns, out)
            }
            LedgerKind::Operator => self.obey(row.decode::<Verb>()?, row.local_ns, out),
            LedgerKind::Day => {
                let (equity, next_day_ns) = row.decode::<(Money, i64)>()?;
                self.begin_day(equity, next_day_ns, row.local_ns, out)
            }
        }
    }

    fn relive_intent(
        &mut self,
        row: &LedgerRow,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let order = row.decode::<Order>()?;
        let spec = *order.spec();
        self.known(spec.instrument)?;
        let Admission::New(written) = self.ledger.admit(&order, row.local_ns)? else {
            return Err(conflict(row));
        };
        out.push(Output::Ledger(written));
        let tick = self.tick(spec.instrument);
        self.owners.insert(spec.client_id, spec.instrument);
        let trade = self.trades[spec.instrument]
            .get_or_insert_with(|| Trade::rescue(Ticket::of(&spec), row.local_ns));
        trade.relive(OrderRecord::new(order.clone(), row.local_ns), tick);
        // What an earlier life has used of the venue's limits is used.
        self.count(&Command::Place(order), row.local_ns);
        Ok(())
    }

    /// The row of a trade follows that of its entry.
    fn relive_trade(
        &mut self,
        row: &LedgerRow,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let plan = row.decode::<TradePlan>()?;
        let index = self.owners.get(&row.client_id).copied();
        let entry = index.and_then(|index| self.trades[index].as_mut()?.orders.pop());
        let (Some(index), Some(entry)) = (index, entry) else {
            return Err(conflict(row));
        };
        let ticket = Ticket::of(entry.spec());
        self.trades[index] = Some(Trade::new(ticket, &plan, entry, row.local_ns));
        self.next_day_ns.get_or_insert(next_day(row.local_ns));
        let written = self
            .ledger
            .note(LedgerKind::Trade, row.client_id, row.local_ns, &plan)?;
        out.push(Output::Ledger(written));
        Ok(())
    }

    fn relive_cancel(&mut self, row: &LedgerRow) {
        let id: ClientId = row.client_id;
        let owner = self.owners.get(&id).copied();
        let trade = owner.and_then(|index| self.trades[index].as_mut());
        let Some(trade) = trade else {
            self.swept.insert(id);
            return;
        };
        if let Some(number) = trade.order_index(&id) {
            let record = &mut trade.orders[number];
            record.request_cancel();
            record.dealings.cancelled_ns = Some(row.local_ns);
        }
    }
}

fn conflict(row: &LedgerRow) -> ExecutionError {
    ExecutionError::Ledger(LedgerError::Conflict {
        sequence: row.sequence,
    })
}
