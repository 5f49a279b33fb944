//! Reports and cash movements: what they change in orders, positions and cash, and which trade hears of it.

use super::account::{AmountError, CashKind, CashMovement};
use super::client_id::{ClientId, Leg};
use super::exit_router::Ticket;
use super::ledger_row::LedgerKind;
use super::lifecycle::event_row;
use super::order::OrderRecord;
use super::reconcile::RecentFill;
use super::records::{FillRow, OrderEvent};
use super::report::{ExecutionReport, LastFill, Rejection, ReportStatus};
use super::router::OrderSpec;
use super::step::{Execution, ExecutionError, Output};
use super::trade::Trade;

/// Fills kept to tell what the position was at a snapshot's watermark; half of them go when they are too many.
const RECENT_FILLS: usize = 2048;

impl Execution {
    pub(super) fn take_cash(
        &mut self,
        movement: &CashMovement,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        if self.account.move_cash(movement)? {
            if movement.kind == CashKind::Transfer && movement.asset.is_none() {
                // What is paid in or out is no day's profit or loss.
                self.day_start_equity += movement.amount;
            }
            let row = self.ledger.note(
                LedgerKind::Cash,
                ClientId::NONE,
                movement.local_ns,
                movement,
            )?;
            out.push(Output::Ledger(row));
            out.push(Output::Cash(movement.clone()));
        }
        Ok(())
    }

    pub(super) fn take_report(
        &mut self,
        report: &ExecutionReport,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let id = report.client_id;
        let owner = self.owners.get(&id).copied();
        if let Some(index) = owner {
            let trade = self.trades[index].as_ref();
            if let Some(order) = trade.and_then(|trade| trade.order_index(&id)) {
                return self.take_own(index, order, report, out);
            }
        }
        if self.archive.get(&id).is_some() {
            return self.take_late(report, out);
        }
        out.push(Output::Ledger(self.ledger.report(report)?));
        self.stray_reports += 1;
        Ok(())
    }

    /// A trade in a report, if it is new, must be one that an account can hold.
    fn check_trade(
        &self,
        record: &OrderRecord,
        report: &ExecutionReport,
    ) -> Result<(), ExecutionError> {
        let spec = record.spec();
        let fresh = report.last.filter(|last| !record.has_trade(last.trade_id));
        if let Some(last) = fresh {
            if last.size > spec.size.saturating_sub(record.filled()) {
                return Err(ExecutionError::Amount(AmountError {
                    field: "fill of more than its order",
                    got: i128::from(last.size),
                }));
            }
            self.account.check_fill(
                spec.instrument,
                &self.instruments[spec.instrument],
                spec.holder(),
                spec.side,
                last.price,
                last.size,
                last.fee,
            )?;
        }
        Ok(())
    }

    /// A report about an order of the open trade of an instrument.
    fn take_own(
        &mut self,
        index: usize,
        order: usize,
        report: &ExecutionReport,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let Some(trade) = &self.trades[index] else {
            return Ok(());
        };
        self.check_trade(&trade.orders[order], report)?;
        out.push(Output::Ledger(self.ledger.report(report)?));
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        let record = &mut trade.orders[order];
        let was_complete = record.is_complete();
        let transition = record.apply(report);
        if report.status == ReportStatus::CancelRejected {
            record.note_refusal(report.exchange_ns);
        }
        let spec = *record.spec();
        let mut row = event_row(record, event_of(report.status), report.local_ns);
        row.exchange_ns = Some(report.exchange_ns);
        row.rejection = report.rejection;
        out.push(Output::Order(row));
        let ended = record.is_complete() && !was_complete;
        if ended {
            trade.note_end(order, report, report.local_ns);
        }
        let mut late_entry = false;
        if let Some(fill) = transition.fill {
            if spec.leg == Leg::Entry && spec.trace == trade.ticket.trace {
                trade.protection.enter(fill.price, fill.size);
                late_entry = trade.closing;
            }
            self.take_fill(&spec, &fill, report, out)?;
        }
        if ended && report.rejection == Some(Rejection::NothingToReduce) {
            // The venue's position is not ours.
            self.ask_for_account(report.local_ns, out);
        }
        if late_entry {
            // Flattening is under way and may have been sized without this fill.
            let (held, _) = self.held(index, spec.side);
            self.protect(index, held, report.local_ns, out)?;
        }
        self.manage(index, report.local_ns, out)
    }

    pub(super) fn note_recent(&mut self, fill: RecentFill) {
        if self.recent_fills.len() >= RECENT_FILLS {
            self.recent_fills.drain(..RECENT_FILLS / 2);
        }
        self.recent_fills.push(fill);
    }

    fn take_fill(
        &mut self,
        spec: &OrderSpec,
        fill: &LastFill,
        report: &ExecutionReport,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let (index, holder) = (spec.instrument, spec.holder());
        self.account.fill(
            index,
            &self.instruments[index],
            holder,
            spec.side,
            fill.price,
            fill.size,
            fill.fee,
        )?;
        self.note_recent(RecentFill {
            exchange_ns: report.exchange_ns,
            trade_id: fill.trade_id,
            instrument: index,
            holder,
            size: spec.side.sign() * fill.size,
        });
        out.push(Output::Fill(FillRow {
            local_ns: report.local_ns,
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
            position_after: self.account.net(index),
            cash_after: self.account.cash,
        }));
        Ok(())
    }

    /// A report about an order of a trade that is over. A duplicate tells nothing. A fill nobody had told of, or
    /// an order that lives after all, brings it back: into the instrument's open trade, or one that flattens.
    fn take_late(
        &mut self,
        report: &ExecutionReport,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let Some(known) = self.archive.get(&report.client_id) else {
            return Ok(());
        };
        self.check_trade(known, report)?;
        out.push(Output::Ledger(self.ledger.report(report)?));
        let mut record = known.clone();
        let transition = record.apply(report);
        if transition.fill.is_none() && record.is_complete() {
            self.stray_reports += 1;
            return Ok(());
        }
        let now_ns = report.local_ns;
        let spec = *record.spec();
        let index = spec.instrument;
        let mut row = event_row(&record, event_of(report.status), now_ns);
        row.exchange_ns = Some(report.exchange_ns);
        row.rejection = report.rejection;
        out.push(Output::Order(row));
        // Numbers of exits go on where the trade's own ended.
        let attempts = self.archive.attempts(spec.trace, Leg::Exit);
        self.archive.take(&spec.client_id);
        self.owners.insert(spec.client_id, index);
        let ticket = Ticket::of(&spec);
        let trade = self.trades[index].get_or_insert_with(|| {
            let mut rescue = Trade::rescue(ticket, now_ns);
            rescue.exits_made = attempts;
            rescue
        });
        trade.orders.push(record);
        if let Some(fill) = transition.fill {
            self.take_fill(&spec, &fill, report, out)?;
        }
        self.manage(index, now_ns, out)
    }
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
        ReportStatus::Sent => OrderEvent::Sent,
        ReportStatus::Triggered => OrderEvent::Triggered,
        ReportStatus::ExpiredInMatch => OrderEvent::ExpiredInMatch,
        ReportStatus::NotFound => OrderEvent::NotFound,
        ReportStatus::NotListed => OrderEvent::NotListed,
        ReportStatus::Unrecognised(_) => OrderEvent::Unrecognised,
    }
}
