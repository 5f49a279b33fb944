//! What a trade needs next: a stop for its fills, targets, an exit at its end, cancels, answers, and then nothing.

use super::client_id::{ClientId, Leg};
use super::exit_router::{route_exit, route_stop, route_target};
use super::inquiry::Inquiry;
use super::ledger::Admission;
use super::ledger_row::LedgerKind;
use super::mutant::{planted, Mutant};
use super::order::{OrderRecord, OrderState};
use super::records::{OrderEvent, OrderEventRow};
use super::router::{floor_lot, Order, OrderSpec};
use super::step::{Command, Execution, ExecutionError, Output};
use super::trade::{is_confirmed, is_working};
use super::trade_plan::TradePlan;
use crate::instrument::Side;

impl Execution {
    /// Writes the intent, then lets the order leave. None when it is known here already. An order that only the
    /// ledger knows left in an earlier life: it is followed and asked about, never sent again.
    pub(super) fn place(
        &mut self,
        order: Order,
        plan: Option<&TradePlan>,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<Option<OrderRecord>, ExecutionError> {
        let id = order.client_id();
        let admission = self.ledger.admit(&order, now_ns)?;
        if admission == Admission::Known
            && (self.owners.contains_key(&id) || self.archive.get(&id).is_some())
        {
            return Ok(None);
        }
        self.owners.insert(id, order.spec().instrument);
        let mut record = OrderRecord::new(order.clone(), now_ns);
        match admission {
            Admission::New(row) => {
                out.push(Output::Ledger(row));
                if let Some(plan) = plan {
                    let row = self.ledger.note(LedgerKind::Trade, id, now_ns, plan)?;
                    out.push(Output::Ledger(row));
                }
                let mut row = event_row(&record, OrderEvent::Placed, now_ns);
                row.repairs = order.repairs().to_vec();
                out.push(Output::Order(row));
                self.send(Command::Place(order), now_ns, out);
            }
            Admission::Known => {
                record.note_silence();
                let row = event_row(&record, OrderEvent::Unknown, now_ns);
                out.push(Output::Order(row));
            }
        }
        Ok(Some(record))
    }

    pub(super) fn place_for(
        &mut self,
        index: usize,
        order: Option<Order>,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        if let Some(order) = order {
            let record = self.place(order, None, now_ns, out)?;
            if let (Some(record), Some(trade)) = (record, &mut self.trades[index]) {
                trade.orders.push(record);
            }
        }
        Ok(())
    }

    /// Whole lots that the trade's position holds on its own side, and whether it holds any on the other.
    pub(super) fn held(&self, index: usize, side: Side) -> (i64, bool) {
        let size = self.account.position(index, side).size;
        let lots = floor_lot(size.saturating_abs(), &self.instruments[index]);
        (lots, lots > 0 && Side::from_sign(size) != Some(side))
    }

    /// Does whatever the trade needs next, as of `now_ns`.
    pub(super) fn manage(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let tick = self.tick(index);
        let Some(trade) = &self.trades[index] else {
            return Ok(());
        };
        let side = trade.side();
        let (held, turned) = self.held(index, side);
        if self.recovering {
            self.end_if_over(index, held, now_ns);
            return Ok(());
        }
        let Some(trade) = &mut self.trades[index] else {
            return Ok(());
        };
        let touch = self.account.touches[index];
        if trade.protection.plan().follows_price() && held > 0 {
            if trade.first_target_done(&self.instruments[index]) {
                trade.protection.target_filled();
            }
            if let Some(touch) = touch {
                trade.protection.quote(touch, tick);
            }
        }
        // A position that no fill of the entry explains has no plan to follow.
        let planless = held > 0 && (turned || trade.protection.entered() == 0);
        trade.closing |= self.killed || trade.stop_spent() || planless;
        trade.watch_protection(held, now_ns, &self.settings.timeouts);
        trade.managed_ns = trade.managed_ns.max(now_ns);
        let closing = trade.closing;
        if !closing || trade.exit_in_doubt() {
            // An exit that may never have left flattens nothing.
            self.protect(index, held, now_ns, out)?;
        }
        if !closing {
            self.set_targets(index, held, now_ns, out)?;
        }
        self.cancel_what_is_over(index, held, now_ns, out);
        let wants_exit = self.trades[index]
            .as_ref()
            .is_some_and(|trade| trade.wants_exit(held) && trade.exit_ready_ns <= now_ns);
        if wants_exit {
            self.exit(index, now_ns, out)?;
        }
        self.go_on_with_entry(index, now_ns, out)?;
        self.inquire(index, now_ns, out);
        if planted(Mutant::NewIdResend) {
            self.resend(index, now_ns, out)?;
        }
        self.end_if_over(index, held, now_ns);
        Ok(())
    }

    /// The planted bug of that name.
    fn resend(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let entry = self.trades[index].as_ref().and_then(|trade| {
            let unanswered = |order: &&OrderRecord| order.state() == OrderState::Unknown;
            trade.legs(Leg::Entry).last().filter(unanswered)
        });
        let Some(spec) = entry.map(|entry| *entry.spec()) else {
            return Ok(());
        };
        let attempt = spec.attempt + 1;
        let client_id = ClientId::new(spec.trace, spec.leg, spec.leg_number, attempt);
        let again = OrderSpec {
            client_id,
            attempt,
            ..spec
        };
        self.place_for(index, Some(Order::checked(again, Vec::new())), now_ns, out)
    }

    /// Lets a stop rest for all of the position, where the tightest of its rules wants it. The one before is
    /// cancelled when this one is known to rest, so that the position is never without.
    pub(super) fn protect(
        &mut self,
        index: usize,
        held: i64,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let (tick, size) = (self.tick(index), self.protectable(index, held));
        let Some(trade) = self.trades[index].as_ref().filter(|_| !self.recovering) else {
            return Ok(());
        };
        let Some(price) = trade.protection.stop(tick) else {
            return Ok(());
        };
        let rests = self.account.touches[index]
            .is_some_and(|touch| trade.protection.would_rest(price.trigger, touch, tick));
        if held <= 0 || !trade.wants_stop(size, price.trigger, rests, now_ns) {
            return Ok(());
        }
        let place = self.exit_place(index);
        let stop = route_stop(&trade.ticket, &place, price, size, trade.stops_made);
        if let Some(trade) = &mut self.trades[index] {
            trade.stops_made += 1;
            trade.amended_ns = now_ns;
        }
        self.place_for(index, stop, now_ns, out)
    }

    /// Rests targets for what was entered; together they never exceed the position.
    fn set_targets(
        &mut self,
        index: usize,
        held: i64,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let instrument = &self.instruments[index];
        let Some(trade) = &self.trades[index] else {
            return Ok(());
        };
        let Some(entry) = trade.protection.entry() else {
            return Ok(());
        };
        let targets = trade.protection.plan().targets;
        if held <= 0 || targets.iter().all(Option::is_none) {
            return Ok(());
        }
        let sizes = trade.target_sizes(instrument);
        for (number, target) in targets.into_iter().enumerate() {
            let (Some(target), Some(trade)) = (target, &mut self.trades[index]) else {
                continue;
            };
            let need = trade.target_need(number, sizes[number], now_ns);
            if need <= 0 || trade.targeted().saturating_add(need) > held {
                continue;
            }
            let distance = trade.side().sign() * target.distance;
            let price = entry.saturating_add(distance);
            let attempt = trade.targets_made[number];
            trade.targets_made[number] += 1;
            let (ticket, place) = (trade.ticket, self.exit_place(index));
            let order = route_target(&ticket, &place, price, need, number as u32, attempt);
            self.place_for(index, order, now_ns, out)?;
        }
        Ok(())
    }

    fn exit(
        &mut self,
        index: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let Some(trade) = &self.trades[index] else {
            return Ok(());
        };
        let position = self.account.position(index, trade.side()).size;
        let place = self.exit_place(index);
        let exit = route_exit(&trade.ticket, &place, position, trade.exits_made);
        if let Some(trade) = &mut self.trades[index] {
            trade.exits_made += 1;
            trade.exit_ready_ns = now_ns;
        }
        self.place_for(index, exit, now_ns, out)
    }

    /// Cancels in this order: what may still open, what is being replaced, targets, and - when nothing can open
    /// or reduce the position any more - stops last.
    fn cancel_what_is_over(&mut self, index: usize, held: i64, now_ns: i64, out: &mut Vec<Output>) {
        let Some(trade) = &self.trades[index] else {
            return;
        };
        let expired = trade.entry_expires_ns.is_some_and(|due| due <= now_ns);
        let entry_over = trade.closing || expired || trade.target_filled();
        let current = trade.current_stop();
        let replaced = current.filter(|stop| is_confirmed(stop));
        let replaced = replaced.map(|stop| stop.spec().client_id);
        let flat = held == 0 && !trade.exit_open();
        let exits_over = flat && !trade.entry_open();
        let working = trade.legs(Leg::Target).filter(|order| is_working(order));
        let mut excess = working.map(OrderRecord::open_size).sum::<i64>() - held;
        let mut over = Vec::new();
        for (number, order) in trade.orders.iter().enumerate().rev() {
            if !is_working(order) {
                continue;
            }
            let foreign = !trade.owns(order);
            let gone = match order.spec().leg {
                Leg::Entry => entry_over || foreign,
                Leg::Stop => {
                    exits_over && !planted(Mutant::OrphanStop)
                        || foreign
                        || replaced.is_some_and(|id| id != order.spec().client_id)
                }
                Leg::Target if trade.closing || exits_over || foreign => true,
                Leg::Target => {
                    // The position shrank behind our back: the farthest target goes first.
                    let gone = excess > 0;
                    if gone {
                        excess -= order.open_size();
                    }
                    gone
                }
                Leg::Exit => foreign,
            };
            if gone {
                over.push((order.spec().leg, number));
            }
        }
        over.sort_by_key(|(leg, number)| (cancel_rank(*leg), *number));
        for (_, number) in over {
            self.cancel(index, number, now_ns, out);
        }
    }

    /// Sends a cancel once, unless the order has ended.
    pub(super) fn cancel(
        &mut self,
        index: usize,
        number: usize,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) {
        let Some(trade) = &mut self.trades[index] else {
            return;
        };
        let record = &mut trade.orders[number];
        if record.request_cancel() {
            record.dealings.cancelled_ns = Some(now_ns);
            let row = event_row(record, OrderEvent::CancelRequested, now_ns);
            self.send_cancel(row, out);
        }
    }

    pub(super) fn send_cancel(&mut self, row: OrderEventRow, out: &mut Vec<Output>) {
        let now_ns = row.local_ns;
        let command = Command::Cancel {
            instrument: row.spec.instrument,
            client_id: row.spec.client_id,
        };
        let ledger = self.ledger.cancel(row.spec.client_id, now_ns);
        out.push(Output::Ledger(ledger));
        out.push(Output::Order(row));
        self.send(command, now_ns, out);
    }

    /// Asks about what is unknown and repeats cancels that nobody answered.
    fn inquire(&mut self, index: usize, now_ns: i64, out: &mut Vec<Output>) {
        let count = self.trades[index].as_ref().map_or(0, |t| t.orders.len());
        for number in 0..count {
            let Some(trade) = &mut self.trades[index] else {
                return;
            };
            let record = &mut trade.orders[number];
            let before = record.state();
            let inquiry = record.inquire(now_ns, &self.settings.timeouts);
            if record.state() != before {
                let row = event_row(record, OrderEvent::Unknown, now_ns);
                out.push(Output::Order(row));
            }
            match inquiry {
                Inquiry::Nothing => {}
                Inquiry::Ask => {
                    let command = Command::Query {
                        instrument: index,
                        client_id: record.spec().client_id,
                    };
                    self.send(command, now_ns, out);
                }
                Inquiry::CancelAgain => {
                    let row = event_row(record, OrderEvent::CancelRequested, now_ns);
                    self.send_cancel(row, out);
                }
            }
        }
    }

    pub(super) fn end_if_over(&mut self, index: usize, held: i64, now_ns: i64) {
        let recovering = self.recovering;
        let over = self.trades[index].as_ref().is_some_and(|trade| {
            // The ledger does not tell why an entry was cancelled: another may follow it in the rows to come.
            let follows = if recovering {
                trade.entry_may_follow()
            } else {
                trade.to_come() > 0
            };
            held == 0 && trade.all_complete() && !follows
        });
        if over {
            self.bury(index, now_ns);
        }
    }

    /// Puts the trade of an instrument away, with all its orders.
    pub(super) fn bury(&mut self, index: usize, now_ns: i64) {
        if let Some(trade) = self.trades[index].take() {
            for order in trade.orders {
                self.owners.remove(&order.spec().client_id);
                self.archive.put(order, now_ns);
            }
        }
    }
}

fn cancel_rank(leg: Leg) -> u8 {
    match leg {
        Leg::Entry => 0,
        Leg::Target => 1,
        Leg::Exit => 2,
        Leg::Stop => 3,
    }
}

pub(super) fn event_row(record: &OrderRecord, event: OrderEvent, now_ns: i64) -> OrderEventRow {
    OrderEventRow {
        local_ns: now_ns,
        exchange_ns: None,
        event,
        state: record.state(),
        spec: *record.spec(),
        cumulative: record.cumulative(),
        rejection: None,
        repairs: Vec::new(),
    }
}
