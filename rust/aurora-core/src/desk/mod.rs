//! The desk of a replay: execution joined to the simulated venue under one clock.
//!
//! # Clocks
//! The desk's clock is local time. A command sent at `t` reaches the venue at exchange time
//! `t + order_latency`, but never before an event that the desk had already seen: where clocks disagree, an
//! order cannot meet what caused it. A market message is matched at venue time
//! `max(exchange time, local time − response_latency)`, and what happens at venue time `v` is known locally at
//! `v + response_latency`, which is the larger of match time + response latency and the local time of the
//! event that caused it. So nothing that arrives after `t` by both clocks can change anything up to `t`, and
//! how the input was cut into slices cannot change anything at all.
//!
//! Messages that arrive later than `response_latency` after they happened are matched when they arrive; orders
//! that reached the venue after them do not meet them. With a response latency of at least the feed's latency
//! there are none of these, and matching is in pure exchange order.
//!
//! # Order of events at one instant of the desk's clock
//! Proposals; arriving market messages and quotes; the venue (market before commands); reports; timers.

mod clock;
mod feed;
mod settings;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use self::feed::Feed;
pub use self::settings::{DeskError, DeskSettings};
use crate::event::EventBlock;
use crate::execution::{
    AccountView, Command, Decision, EntryMode, Execution, ExecutionReport, ExecutionSettings,
    ExitPlan, FillRow, Input, LedgerRow, OrderEventRow, Output, PositionMode, Proposal, Schedule,
    Timeouts, Verb,
};
pub use crate::features::QuoteRow;
use crate::instrument::Instrument;
use crate::units::Money;
use crate::venue::{SimulatedVenue, VenueFees};

/// What happened since the last drain, each table in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskRecords {
    pub orders: Vec<OrderEventRow>,
    pub fills: Vec<FillRow>,
    pub ledger: Vec<LedgerRow>,
}

/// A market message on its way to the venue: venue time, instrument, sequence.
type Waiting = (i64, usize, u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Desk {
    settings: DeskSettings,
    feeds: Vec<Feed>,
    venue: SimulatedVenue,
    execution: Execution,
    /// Messages that arrived before the venue's cursor may reach them.
    waiting: BTreeSet<Waiting>,
    /// Commands with their time at the venue, which never falls.
    commands: VecDeque<(i64, Command)>,
    /// Reports with rising local time.
    reports: VecDeque<ExecutionReport>,
    /// Latest exchange time that the desk has seen.
    seen_exchange_ns: i64,
    clock_ns: i64,
    records: DeskRecords,
    #[serde(skip)]
    fresh_reports: Vec<ExecutionReport>,
    #[serde(skip)]
    outputs: Vec<Output>,
}

/// Version of [`Desk::snapshot`]'s bytes.
const SNAPSHOT_VERSION: u8 = 3;

impl Desk {
    /// # Errors
    /// [`DeskError::Setting`] for a setting that makes no sense.
    pub fn new(settings: DeskSettings, instruments: Vec<Instrument>) -> Result<Desk, DeskError> {
        settings.validate()?;
        for instrument in &instruments {
            for (field, got) in [("tick", instrument.tick), ("lot", instrument.lot)] {
                if got <= 0 {
                    return Err(DeskError::Setting {
                        field,
                        got,
                        expected: "more than zero",
                    });
                }
            }
        }
        let fees = VenueFees {
            maker_e8: settings.maker_fee_e8,
            taker_e8: settings.taker_fee_e8,
        };
        let round_trip_ns = settings
            .order_latency_ns
            .saturating_add(settings.response_latency_ns);
        let execution = ExecutionSettings {
            start_cash: settings.start_cash,
            position_mode: PositionMode::OneWay,
            entry_ttl_ns: settings.entry_ttl_ns,
            maker_first: settings.maker_first,
            latency_budget_ns: settings.latency_budget_ns,
            limits: settings.limits,
            timeouts: Timeouts::default().behind(round_trip_ns),
            wallet_tolerance: Money::ZERO,
            leverage: settings.leverage,
            conduct: settings.conduct,
        };
        Ok(Desk {
            feeds: instruments.iter().map(|_| Feed::new()).collect(),
            venue: SimulatedVenue::new(&instruments, fees),
            execution: Execution::new(execution, instruments),
            waiting: BTreeSet::new(),
            commands: VecDeque::new(),
            reports: VecDeque::new(),
            seen_exchange_ns: i64::MIN,
            clock_ns: i64::MIN,
            records: DeskRecords::default(),
            fresh_reports: Vec::new(),
            outputs: Vec::new(),
            settings,
        })
    }

    pub fn settings(&self) -> &DeskSettings {
        &self.settings
    }

    pub fn instruments(&self) -> &[Instrument] {
        self.execution.instruments()
    }

    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    pub fn venue(&self) -> &SimulatedVenue {
        &self.venue
    }

    /// Everything before this local time has been processed.
    pub fn clock_ns(&self) -> i64 {
        self.clock_ns
    }

    /// Adds market messages of one instrument in local order; nothing is matched before its time.
    ///
    /// # Errors
    /// [`DeskError`] when a local time falls behind its predecessor or the clock; nothing is added then.
    pub fn add_block(&mut self, instrument: usize, block: &EventBlock) -> Result<(), DeskError> {
        self.known(instrument)?;
        let feed = &self.feeds[instrument];
        let times = block.messages.iter().map(|message| message.local_ns);
        in_order(instrument, feed.last_local_ns(), self.clock_ns, times)?;
        let levels = feed.level_count() + block.levels.len();
        if u32::try_from(levels).is_err() {
            return Err(DeskError::TooManyLevels { instrument, levels });
        }
        let waiting = self.waiting.iter().filter(|(_, of, _)| *of == instrument);
        let oldest = waiting.map(|(_, _, sequence)| *sequence).min();
        self.feeds[instrument].add(block, oldest);
        Ok(())
    }

    /// Adds changes of the local touch of one instrument: they mark positions and check prices.
    ///
    /// # Errors
    /// As [`Desk::add_block`].
    pub fn add_quotes(&mut self, instrument: usize, rows: &[QuoteRow]) -> Result<(), DeskError> {
        self.known(instrument)?;
        let feed = &self.feeds[instrument];
        let times = rows.iter().map(|row| row.local_ns);
        in_order(instrument, feed.last_quote_ns(), self.clock_ns, times)?;
        self.feeds[instrument].add_quotes(rows);
        Ok(())
    }

    fn known(&self, instrument: usize) -> Result<(), DeskError> {
        if instrument < self.feeds.len() {
            return Ok(());
        }
        Err(DeskError::Instrument {
            got: instrument,
            count: self.feeds.len(),
        })
    }

    /// Processes everything with desk time strictly before `until_ns`.
    ///
    /// # Errors
    /// [`DeskError::Execution`].
    pub fn advance(&mut self, until_ns: i64) -> Result<(), DeskError> {
        if until_ns > self.clock_ns {
            self.run(until_ns - 1)?;
            self.clock_ns = until_ns;
        }
        Ok(())
    }

    /// Decides a proposal at its local time, after everything before that time and before anything of it: what
    /// arrives at that very instant was not known to the signal either, and may lie in the next slice. A proposal
    /// from before the clock is decided now, and has expired if it is older than the latency budget.
    ///
    /// # Errors
    /// [`DeskError::Execution`] for an impossible proposal.
    pub fn propose(&mut self, proposal: Proposal) -> Result<Decision, DeskError> {
        self.propose_bracket(proposal, ExitPlan::default())
    }

    /// The same with targets, break-even or a trailing stop.
    ///
    /// # Errors
    /// [`DeskError::Execution`] for an impossible proposal or plan.
    pub fn propose_bracket(
        &mut self,
        proposal: Proposal,
        exits: ExitPlan,
    ) -> Result<Decision, DeskError> {
        let trace = proposal.trace;
        let made = self.decide(&proposal, |now_ns| Input::Bracket {
            now_ns,
            proposal,
            exits,
        })?;
        made.ok_or(DeskError::Undecided { trace })
    }

    /// The same, its entry worked over time.
    ///
    /// # Errors
    /// [`DeskError::Execution`] for an impossible proposal, plan or schedule.
    pub fn propose_worked(
        &mut self,
        proposal: Proposal,
        exits: ExitPlan,
        schedule: Schedule,
    ) -> Result<Decision, DeskError> {
        let trace = proposal.trace;
        let made = self.decide(&proposal, |now_ns| Input::Worked {
            now_ns,
            proposal,
            exits,
            schedule,
        })?;
        made.ok_or(DeskError::Undecided { trace })
    }

    fn decide(
        &mut self,
        proposal: &Proposal,
        input: impl FnOnce(i64) -> Input,
    ) -> Result<Option<Decision>, DeskError> {
        self.advance(proposal.local_ns)?;
        let now_ns = self.clock_ns.max(proposal.local_ns);
        // What was traded until now is nothing to a schedule that begins now.
        self.tell_volumes(now_ns)?;
        self.step(input(now_ns), now_ns)
    }

    /// What an instrument has traded on average in `span_ns` since its first event, in size quanta; none before then.
    ///
    /// # Errors
    /// [`DeskError::Instrument`].
    pub fn average_volume(
        &self,
        instrument: usize,
        span_ns: i64,
    ) -> Result<Option<i64>, DeskError> {
        self.known(instrument)?;
        Ok(self.feeds[instrument].average_volume(span_ns, self.clock_ns))
    }

    /// Carries out an operator's order at the clock.
    ///
    /// # Errors
    /// [`DeskError::Execution`].
    pub fn operate(&mut self, verb: Verb) -> Result<(), DeskError> {
        let now_ns = self.clock_ns;
        self.step(Input::Operator { now_ns, verb }, now_ns)?;
        Ok(())
    }

    /// Tells what breakers leave of an instrument's entries from the clock on.
    ///
    /// # Errors
    /// [`DeskError::Execution`] for an instrument that is none.
    pub fn restrict(&mut self, instrument: usize, mode: EntryMode) -> Result<(), DeskError> {
        let local_ns = self.clock_ns;
        let input = Input::Entries {
            instrument,
            local_ns,
            mode,
        };
        self.step(input, local_ns)?;
        Ok(())
    }

    /// The account at the clock.
    pub fn account(&self) -> AccountView {
        self.execution.view()
    }

    /// Hands over the records since the last call.
    pub fn drain_records(&mut self) -> DeskRecords {
        std::mem::take(&mut self.records)
    }

    /// The last advance of a run. Open positions stay open, marked.
    ///
    /// # Errors
    /// [`DeskError::Execution`].
    pub fn finish(&mut self, end_ns: i64) -> Result<(), DeskError> {
        self.advance(end_ns)
    }

    /// The whole state as versioned bytes.
    ///
    /// # Errors
    /// [`DeskError::Snapshot`].
    pub fn snapshot(&self) -> Result<Vec<u8>, DeskError> {
        postcard::to_extend(self, vec![SNAPSHOT_VERSION]).map_err(snapshot_error)
    }

    /// The desk of [`Desk::snapshot`]; it goes on byte-identically.
    ///
    /// # Errors
    /// [`DeskError::Snapshot`] for bytes of another version or none of ours.
    pub fn restore(bytes: &[u8]) -> Result<Desk, DeskError> {
        match bytes {
            [SNAPSHOT_VERSION, state @ ..] => postcard::from_bytes(state).map_err(snapshot_error),
            _ => Err(DeskError::Snapshot {
                cause: format!("version {:?}, expected {SNAPSHOT_VERSION}", bytes.first()),
            }),
        }
    }
}

fn snapshot_error(error: postcard::Error) -> DeskError {
    DeskError::Snapshot {
        cause: error.to_string(),
    }
}

/// Times must not fall, neither among themselves nor behind what was added or processed before.
fn in_order(
    instrument: usize,
    last: Option<i64>,
    clock_ns: i64,
    times: impl Iterator<Item = i64>,
) -> Result<(), DeskError> {
    let mut last = last.map_or(clock_ns, |last| last.max(clock_ns));
    for got in times {
        if got < last {
            return Err(DeskError::Order {
                instrument,
                last,
                got,
            });
        }
        last = got;
    }
    Ok(())
}

#[cfg(test)]
mod invariance_tests;
#[cfg(test)]
pub(crate) mod test_market;
#[cfg(test)]
mod tests;
