//! The step's side of a scheduled entry: how its trade begins, and what is reserved for what is still to come.

use super::entry_schedule::{Schedule, ScheduledEntry, ScheduledTrade};
use super::exit_plan::ExitPlan;
use super::exit_router::Ticket;
use super::gate::{Exposure, Intent, Route};
use super::ledger_row::{LedgerKind, LedgerRow};
use super::router::OrderSpec;
use super::step::{next_day, Execution, ExecutionError, Output};
use super::trade::Trade;
use super::trade_plan::TradePlan;
use crate::instrument::Side;

impl Execution {
    /// Opens a trade without an order: slices follow by the schedule, the first as soon as something is due. `whole` is
    /// what one order for all of it would have been.
    pub(super) fn open_scheduled(
        &mut self,
        intent: &Intent,
        exits: ExitPlan,
        schedule: Schedule,
        whole: &OrderSpec,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let id = whole.client_id;
        if self.owners.contains_key(&id) || self.archive.get(&id).is_some() {
            return Ok(());
        }
        let proposal = intent.proposal();
        let (far, sign) = match whole.side {
            Side::Buy => (proposal.ask, 1),
            Side::Sell => (proposal.bid, -1),
        };
        let capped = far.saturating_add(sign * proposal.limit);
        let lot = self.instruments[whole.instrument].lot;
        let trade = ScheduledTrade {
            ticket: Ticket::of(whole),
            plan: TradePlan {
                entry: None,
                entry_expires_ns: Some(now_ns.saturating_add(schedule.over_ns)),
                ..TradePlan::new(intent, exits, now_ns, &self.settings)
            },
            entry: ScheduledEntry {
                schedule,
                side: whole.side,
                route: proposal.route,
                size: whole.size,
                lot,
                begun_ns: now_ns,
                within: proposal.take_within.unwrap_or(capped),
                limit: proposal.limit,
                reserve_price: match (whole.side, proposal.route) {
                    (Side::Buy, Route::Taker) => proposal.take_within.unwrap_or(capped),
                    (Side::Buy, Route::Maker) => proposal.bid,
                    (Side::Sell, _) => proposal.ask,
                },
            },
        };
        let row = self.ledger.note(LedgerKind::Schedule, id, now_ns, &trade)?;
        out.push(Output::Ledger(row));
        self.trades[whole.instrument] = Some(Trade::scheduled(&trade, now_ns));
        self.manage(whole.instrument, now_ns, out)
    }

    /// The row of a scheduled trade, which stands before the intents of its slices.
    pub(super) fn relive_schedule(
        &mut self,
        row: &LedgerRow,
        out: &mut Vec<Output>,
    ) -> Result<(), ExecutionError> {
        let trade = row.decode::<ScheduledTrade>()?;
        let index = trade.ticket.instrument;
        self.known(index)?;
        self.bury(index, row.local_ns);
        self.trades[index] = Some(Trade::scheduled(&trade, row.local_ns));
        self.next_day_ns.get_or_insert(next_day(row.local_ns));
        let written =
            self.ledger
                .note(LedgerKind::Schedule, row.client_id, row.local_ns, &trade)?;
        out.push(Output::Ledger(written));
        Ok(())
    }

    /// Whether the market's volume matters to the open trade of an instrument: it is worked at a rate of it.
    pub fn measures_volume(&self, instrument: usize) -> bool {
        let trade = self.trades.get(instrument).and_then(Option::as_ref);
        let course = trade.and_then(|trade| trade.course.as_ref()?.scheduled());
        course.is_some_and(|course| course.measures())
    }

    /// The market has traded so much since last time.
    pub(super) fn take_volume(&mut self, instrument: usize, size: i64) {
        let trade = self.trades[instrument].as_mut();
        if let Some(course) = trade.and_then(|trade| trade.course.as_mut()?.scheduled_mut()) {
            course.trade(size);
        }
    }

    /// What the account is exposed to without what the schedule of an instrument is still to bring.
    pub(super) fn exposure_before_slice(&self, index: usize) -> Exposure {
        let mut exposure = self.exposure(index);
        if let Some(trade) = &self.trades[index] {
            let coming = trade.reserved_to_come(&self.instruments[index]);
            exposure.symbol_notional -= coming;
            exposure.gross_notional -= coming;
        }
        exposure
    }
}
