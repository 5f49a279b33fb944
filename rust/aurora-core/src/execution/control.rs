//! Reconciliation and the operator's orders, carried out.

use super::client_id::ClientId;
use super::exit_router::Ticket;
use super::input::Verb;
use super::ledger_row::LedgerKind;
use super::mutant::{planted, Mutant};
use super::reconcile::{
    reconcile, Correction, LocalBooks, RecentFill, Reconciliation, CONFIRMATION_NS,
};
use super::report::ExecutionReport;
use super::snapshot::{PositionCorrection, VenueSnapshot};
use super::step::{Command, Execution, ExecutionError, Output};
use super::trade::Trade;
use crate::instrument::Side;

impl Execution {
    /// Our books beside a snapshot, compared; nothing changes.
    pub fn compare(
        &self,
        snapshot: &VenueSnapshot,
        buffered: &[ExecutionReport],
    ) -> Reconciliation {
        let open = self.trades.iter().flatten().flat_map(|trade| &trade.orders);
        let local = LocalBooks {
            instruments: &self.instruments,
            account: &self.account,
            orders: open.chain(self.archive.orders()).collect(),
            recent_fills: &self.recent_fills,
            suspicions: &self.suspicions,
            swept: &self.swept,
            wallet_tolerance: self.settings.wallet_tolerance,
        };
        reconcile(&local, snapshot, buffered)
    }

    pub(super) fn reconcile(
        &mut self,
        snapshot: &VenueSnapshot,
        buffered: &[ExecutionReport],
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let orders = snapshot.open_orders.iter().chain(&snapshot.closed_orders);
        let listed = orders.map(|order| order.instrument);
        let positions = snapshot
            .positions
            .iter()
            .map(|position| position.instrument);
        for instrument in listed.chain(positions) {
            self.known(instrument)?;
        }
        let result = self.compare(snapshot, buffered);
        out.extend(result.rows.into_iter().map(Output::Diff));
        for correction in &result.corrections {
            match correction {
                Correction::Report(report) => self.take_report(report, out)?,
                Correction::Cash(movement) => self.take_cash(movement, out)?,
                Correction::Position(correction) => {
                    self.take_correction(correction, out)?;
                    self.manage(correction.instrument, snapshot.local_ns, out)?;
                }
            }
        }
        for command in result.commands {
            if let Command::Cancel { client_id, .. } = &command {
                self.swept.insert(*client_id);
                let row = self.ledger.cancel(*client_id, snapshot.local_ns);
                out.push(Output::Ledger(row));
            }
            self.send(command, snapshot.local_ns, out);
        }
        if self.killed {
            self.flatten_all(snapshot.local_ns, out)?;
        }
        self.unreconciled = false;
        self.suspicions = result.suspicions;
        let regular = self.settings.timeouts.reconcile_every_ns;
        let again = regular.map(|every| {
            if self.suspicions.is_empty() {
                every
            } else {
                every.min(CONFIRMATION_NS)
            }
        });
        self.snapshot_due_ns = again.map(|wait| snapshot.local_ns.saturating_add(wait.max(1)));
        Ok(())
    }

    /// Books a difference of positions, once.
    pub(super) fn take_correction(
        &mut self,
        correction: &PositionCorrection,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let instrument = &self.instruments[correction.instrument];
        if self.account.correct(instrument, correction)? {
            let row = self.ledger.note(
                LedgerKind::Correction,
                ClientId::NONE,
                correction.local_ns,
                correction,
            )?;
            out.push(Output::Ledger(row));
            self.note_recent(RecentFill::of(correction));
        }
        Ok(())
    }

    /// Asks for the venue's account, and again should no answer come.
    pub(super) fn ask_for_account(&mut self, now_ns: i64, out: &mut Vec<Output>) {
        if self.settings.timeouts.reconcile_every_ns.is_none() {
            return;
        }
        let wait = self.settings.timeouts.answer_ns.max(1);
        self.snapshot_due_ns = Some(now_ns.saturating_add(wait));
        self.send(Command::Snapshot { asked_ns: now_ns }, now_ns, out);
    }

    pub(super) fn obey(
        &mut self,
        verb: Verb,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        if let Verb::Close { instrument } = verb {
            self.known(instrument)?;
        }
        let row = self
            .ledger
            .note(LedgerKind::Operator, ClientId::NONE, now_ns, &verb)?;
        out.push(Output::Ledger(row));
        match verb {
            Verb::Kill => {
                self.killed = true;
                self.flatten_all(now_ns, out)
            }
            Verb::Resume => {
                self.killed = false;
                Ok(())
            }
            Verb::Close { .. } if planted(Mutant::IdleClose) => Ok(()),
            Verb::Close { instrument } => self.flatten(instrument, now_ns, out),
        }
    }

    /// Closes every trade, and every position that has none.
    fn flatten_all(&mut self, now_ns: i64, out: &mut Vec<Output>) -> Result<(), ExecutionError> {
        (0..self.trades.len()).try_for_each(|index| self.flatten(index, now_ns, out))
    }

    /// Closes a trade, or the position of an instrument that has none.
    fn flatten(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let forgotten = self.recovering && planted(Mutant::ForgottenClose);
        if let Some(trade) = self.trades[index].as_mut().filter(|_| !forgotten) {
            trade.closing = true;
        }
        self.rescue(index, now_ns);
        self.manage(index, now_ns, out)
    }

    /// Gives a position without a trade one that flattens it.
    fn rescue(&mut self, index: usize, now_ns: i64) {
        if self.recovering || self.trades[index].is_some() {
            return;
        }
        for side in [Side::Buy, Side::Sell] {
            let (held, turned) = self.held(index, side);
            if held == 0 || turned {
                continue;
            }
            let ticket = Ticket {
                // No signal has this trace: it stands for the position itself, at this time.
                trace: (now_ns as u64) ^ ((index as u64 + 1) << 56) ^ side as u64,
                instrument: index,
                side,
            };
            self.trades[index] = Some(Trade::rescue(ticket, now_ns));
            return;
        }
    }
}
