//! What a trade needs next: stops for its fills, an exit at its end, cancels, and then nothing.

use super::client_id::Leg;
use super::ledger::{Admission, LedgerWriter};
use super::order::{OrderRecord, OrderState};
use super::records::{OrderEvent, OrderEventRow};
use super::router::{floor_lot, route_exit, route_stop, Order};
use super::step::{Command, Execution, ExecutionError, Output};

impl Execution {
    /// Writes the intent, then lets the order leave; None when the ledger knows that it left before.
    pub(super) fn place(
        &mut self,
        order: Order,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<Option<OrderRecord>, ExecutionError> {
        let Admission::New(row) = self.ledger.admit(&order, now_ns)? else {
            return Ok(None);
        };
        out.push(Output::Ledger(row));
        self.owners
            .insert(order.client_id(), order.spec().instrument);
        out.push(Output::Order(OrderEventRow {
            local_ns: now_ns,
            exchange_ns: None,
            event: OrderEvent::Placed,
            state: OrderState::PendingNew,
            spec: *order.spec(),
            cumulative: 0,
            rejection: None,
            repairs: order.repairs().to_vec(),
        }));
        out.push(Output::Command(Command::Place(order.clone())));
        Ok(Some(OrderRecord::new(order)))
    }

    /// Rests a stop for what no stop covers yet.
    pub(super) fn protect(
        &mut self,
        index: usize,
        fill_price: i64,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        let held = self.account.positions[index].size.saturating_abs();
        let uncovered = floor_lot(held - trade.protected(), &self.instruments[index]);
        let stop = route_stop(
            &trade.intent,
            &self.instruments[index],
            fill_price,
            uncovered,
            trade.stops_made,
        );
        let Some(stop) = stop else {
            return Ok(());
        };
        trade.stops_made += 1;
        let record = self.place(stop, now_ns, out)?;
        if let (Some(record), Some(trade)) = (record, &mut self.trades[index]) {
            trade.orders.push(record);
        }
        Ok(())
    }

    /// Does whatever the trade needs next: cancel the entry, flatten, sweep the stops, end.
    pub(super) fn manage(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let position = self.account.positions[index].size;
        let instrument = &self.instruments[index];
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        trade.closing |= trade.stop_spent();
        let entry_due = trade.entry_expires_ns.is_some_and(|due| due <= now_ns);
        if trade.closing || entry_due {
            cancel(&mut trade.orders[0], &mut self.ledger, now_ns, out);
        }
        if trade.wants_exit(position, instrument) && trade.exit_ready_ns <= now_ns {
            let exit = route_exit(&trade.intent, instrument, position, trade.exits_made);
            trade.exits_made += 1;
            trade.exit_ready_ns = now_ns;
            if let Some(exit) = exit {
                let record = self.place(exit, now_ns, out)?;
                if let (Some(record), Some(trade)) = (record, &mut self.trades[index]) {
                    trade.orders.push(record);
                }
            }
            return Ok(());
        }
        // Flatten first, stops last: a stop goes only when nothing can open or reduce the position any more.
        if position != 0 || trade.entry_open() || trade.exit_open() {
            return Ok(());
        }
        for order in trade
            .orders
            .iter_mut()
            .filter(|order| order.spec().leg == Leg::Stop)
        {
            cancel(order, &mut self.ledger, now_ns, out);
        }
        if trade.all_complete() {
            for order in &trade.orders {
                self.owners.remove(&order.spec().client_id);
            }
            self.trades[index] = None;
        }
        Ok(())
    }
}

/// Sends a cancel once, unless the order has ended.
fn cancel(record: &mut OrderRecord, ledger: &mut LedgerWriter, now_ns: i64, out: &mut Vec<Output>) {
    if !record.request_cancel() {
        return;
    }
    let spec = *record.spec();
    out.push(Output::Ledger(ledger.cancel(spec.client_id, now_ns)));
    out.push(Output::Order(OrderEventRow {
        local_ns: now_ns,
        exchange_ns: None,
        event: OrderEvent::CancelRequested,
        state: record.state(),
        spec,
        cumulative: record.cumulative(),
        rejection: None,
        repairs: Vec::new(),
    }));
    out.push(Output::Command(Command::Cancel {
        instrument: spec.instrument,
        client_id: spec.client_id,
    }));
}
