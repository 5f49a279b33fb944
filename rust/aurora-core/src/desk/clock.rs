//! The desk's clock: what happens next, and until when.

use super::{Desk, DeskError, QuoteRow};
use crate::execution::{
    ClientId, Command, Decision, Evidence, ExecutionReport, Input, Output, ReportStatus,
};
use crate::venue::{SimulatedVenue, Stamp};

impl Desk {
    fn local_ns(&self, venue_ns: i64) -> i64 {
        venue_ns.saturating_add(self.settings.response_latency_ns)
    }

    /// Desk time of the next command at the venue, report or timer.
    fn next_interrupt(&self) -> i64 {
        let command = self
            .commands
            .front()
            .map(|(venue_ns, _)| self.local_ns(*venue_ns));
        let report = self.reports.front().map(|report| report.local_ns);
        let timer = self.execution.next_timer();
        // Where a stop follows the price, every touch is something that happens.
        let feeds = self.feeds.iter().enumerate();
        let quote = feeds
            .filter(|(index, _)| self.execution.follows(*index))
            .filter_map(|(_, feed)| feed.quotes.front().map(|row| row.local_ns))
            .min();
        [command, report, timer, quote]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(i64::MAX)
    }

    /// Feed with the earliest next message, the lower index first.
    #[inline]
    fn next_arrival(&self) -> Option<(i64, usize)> {
        let mut best: Option<(i64, usize)> = None;
        for (index, feed) in self.feeds.iter().enumerate() {
            if let Some(local_ns) = feed.next_local_ns() {
                if best.is_none_or(|(earliest, _)| local_ns < earliest) {
                    best = Some((local_ns, index));
                }
            }
        }
        best
    }

    /// Processes everything with desk time up to and including `bound_ns`.
    pub(super) fn run(&mut self, bound_ns: i64) -> Result<(), DeskError> {
        loop {
            let interrupt_ns = self.next_interrupt();
            // Market messages precede everything else of the same instant.
            if self.run_market(bound_ns.min(interrupt_ns)) {
                continue;
            }
            // A report of the last message may be due at this very instant.
            let now_ns = self.next_interrupt();
            if now_ns > bound_ns || now_ns == i64::MAX {
                break;
            }
            self.interrupt(now_ns)?;
        }
        self.sync_quotes(bound_ns)
    }

    /// Market messages up to `until_ns`, or until one of them causes a report due before that: true then.
    fn run_market(&mut self, until_ns: i64) -> bool {
        let response_ns = self.settings.response_latency_ns;
        loop {
            let arrival = self
                .next_arrival()
                .filter(|(local_ns, _)| *local_ns <= until_ns);
            let matched = self
                .waiting
                .first()
                .copied()
                .filter(|(venue_ns, _, _)| self.local_ns(*venue_ns) <= until_ns);
            let next = match (arrival, matched) {
                (None, None) => return false,
                (Some((local_ns, index)), matched)
                    if matched
                        .is_none_or(|(venue_ns, _, _)| local_ns <= self.local_ns(venue_ns)) =>
                {
                    let feed = &mut self.feeds[index];
                    let (sequence, venue_ns) = feed.arrive(response_ns);
                    let exchange_ns = feed.message(sequence).1.exchange_ns;
                    self.seen_exchange_ns = self.seen_exchange_ns.max(exchange_ns);
                    let item = (venue_ns, index, sequence);
                    let due = venue_ns.saturating_add(response_ns) <= local_ns;
                    if !due || matched.is_some_and(|first| first < item) {
                        self.waiting.insert(item);
                        continue;
                    }
                    item
                }
                (_, Some(first)) => {
                    self.waiting.pop_first();
                    first
                }
                (Some(_), None) => return false,
            };
            let (venue_ns, index, sequence) = next;
            let (block, message) = self.feeds[index].message(sequence);
            let stamp = Stamp {
                exchange_ns: message.exchange_ns,
                local_ns: venue_ns.saturating_add(response_ns),
            };
            self.venue
                .market(index, block, &message, stamp, &mut self.fresh_reports);
            if !self.fresh_reports.is_empty() {
                self.reports.extend(self.fresh_reports.drain(..));
                // What the report causes may be due before the next message.
                if self
                    .reports
                    .front()
                    .is_some_and(|report| report.local_ns < until_ns)
                {
                    return true;
                }
            }
        }
    }

    /// Handles the one thing that is next at `now_ns`: a command at the venue, a report, then timers.
    fn interrupt(&mut self, now_ns: i64) -> Result<(), DeskError> {
        self.sync_quotes(now_ns)?;
        self.tell_volumes(now_ns)?;
        let arrived = self
            .commands
            .front()
            .is_some_and(|(venue_ns, _)| self.local_ns(*venue_ns) <= now_ns);
        if arrived {
            if let Some((venue_ns, command)) = self.commands.pop_front() {
                let stamp = Stamp {
                    exchange_ns: venue_ns,
                    local_ns: self.local_ns(venue_ns),
                };
                let out = &mut self.fresh_reports;
                match command {
                    Command::Place(order) => self.venue.place(&order, stamp, out),
                    Command::Cancel {
                        instrument,
                        client_id,
                    } => self.venue.cancel(instrument, client_id, stamp, out),
                    Command::Query {
                        instrument,
                        client_id,
                    } => out.push(answer(&self.venue, instrument, client_id, stamp)),
                    // Nothing is ever lost between this desk and its venue.
                    Command::Snapshot { .. } => {}
                }
                self.reports.extend(self.fresh_reports.drain(..));
            }
            return Ok(());
        }
        let input = match self.reports.pop_front() {
            Some(report) if report.local_ns <= now_ns => Input::Report(report),
            Some(later) => {
                self.reports.push_front(later);
                Input::Clock { now_ns }
            }
            None => Input::Clock { now_ns },
        };
        self.step(input, now_ns)?;
        Ok(())
    }

    fn sync_quotes(&mut self, until_ns: i64) -> Result<(), DeskError> {
        for instrument in 0..self.feeds.len() {
            let follows = self.execution.follows(instrument);
            let quotes = &mut self.feeds[instrument].quotes;
            let count = quotes.partition_point(|row| row.local_ns <= until_ns);
            if follows {
                let rows: Vec<QuoteRow> = quotes.drain(..count).collect();
                for row in rows {
                    self.quote(instrument, row)?;
                }
                continue;
            }
            // The last valid touch stays the mark even when the touch itself is gone.
            let mut valid = None;
            let mut last = None;
            for row in quotes.drain(..count) {
                if row.bid > 0 && row.ask > 0 {
                    valid = Some(row);
                }
                last = Some(row);
            }
            for row in valid.into_iter().chain(last) {
                self.quote(instrument, row)?;
            }
        }
        Ok(())
    }

    /// Tells execution what the market has traded since last time, where that matters.
    pub(super) fn tell_volumes(&mut self, now_ns: i64) -> Result<(), DeskError> {
        for instrument in 0..self.feeds.len() {
            let size = self.feeds[instrument].take_untold();
            if size > 0 && self.execution.measures_volume(instrument) {
                self.step(Input::Volume { instrument, size }, now_ns)?;
            }
        }
        Ok(())
    }

    fn quote(&mut self, instrument: usize, row: QuoteRow) -> Result<(), DeskError> {
        let input = Input::Quote {
            instrument,
            local_ns: row.local_ns,
            bid: row.bid,
            ask: row.ask,
        };
        self.step(input, row.local_ns)?;
        Ok(())
    }

    /// One step of execution at `now_ns`: records are kept, commands leave for the venue.
    pub(super) fn step(
        &mut self,
        input: Input,
        now_ns: i64,
    ) -> Result<Option<Decision>, DeskError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let result = self.execution.step(input, &mut outputs);
        let mut decision = None;
        for output in outputs.drain(..) {
            match output {
                Output::Ledger(row) => self.records.ledger.push(row),
                Output::Order(row) => self.records.orders.push(row),
                Output::Fill(row) => self.records.fills.push(row),
                Output::Decision(made) => decision = Some(made),
                // Only a live account is told of cash besides fills, or compared with its venue.
                Output::Cash(_) | Output::Diff(_) => {}
                Output::Command(command) => {
                    let sent = now_ns.saturating_add(self.settings.order_latency_ns);
                    self.commands
                        .push_back((sent.max(self.seen_exchange_ns), command));
                }
            }
        }
        self.outputs = outputs;
        result?;
        Ok(decision)
    }
}

/// What the venue says when asked about an order. Its end has been reported before, and outweighs the answer.
fn answer(
    venue: &SimulatedVenue,
    instrument: usize,
    client_id: ClientId,
    stamp: Stamp,
) -> ExecutionReport {
    let open = venue.open_orders(instrument);
    let found = open.iter().any(|spec| spec.client_id == client_id);
    ExecutionReport {
        client_id,
        status: if found {
            ReportStatus::Accepted
        } else {
            ReportStatus::NotFound
        },
        cumulative: 0,
        last: None,
        rejection: None,
        evidence: Evidence::Query,
        exchange_ns: stamp.exchange_ns,
        local_ns: stamp.local_ns,
    }
}
