//! The process of the simulation: its steps, its ledger, its death and its next life.

use super::clock::Steady;
use super::desk::{Beginning, Hands, Stop};
use super::fault::Fault;
use super::gateway::Gateway;
use super::happening::Happening;
use super::history::{LogEntry, LogRow};
use super::market::rules;
use super::scenario::{MILLISECOND, SECOND};
use super::world::{World, START_CASH};
use crate::execution::{
    Command, Execution, ExecutionSettings, HardLimits, Input, LedgerKind, LedgerRow, LedgerStore,
    MakerFirst, Order, Output, PositionMode, Timeouts,
};
use crate::symbol_rules::SymbolRules;
use crate::units::Money;

/// The process: everything here dies with it.
#[derive(Debug)]
pub(super) struct Process {
    pub hands: Hands,
    pub gateway: Gateway,
    pub steady: Steady,
    /// Rows that the store has not taken yet, and what has to wait for them.
    pub unwritten: Vec<LedgerRow>,
    pub unsent: Vec<Command>,
    /// When a refused write is tried again.
    pub retry_ns: Option<i64>,
    /// Last account line per instrument.
    pub exported: Vec<(i64, Money, Money)>,
}

impl Process {
    /// A command waits for its rows. Questions that wait already are not asked twice, however long a full disk lasts.
    fn queue(&mut self, command: Command) {
        match command {
            Command::Snapshot { .. } => {
                let is_other = |one: &Command| !matches!(one, Command::Snapshot { .. });
                self.unsent.retain(is_other);
            }
            Command::Query { .. } if self.unsent.contains(&command) => return,
            _ => {}
        }
        self.unsent.push(command);
    }
}

impl World {
    /// One step of the process; its rows are written before its commands leave.
    pub fn step(&mut self, input: Input) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let hands = self.process.as_mut().map(|process| &mut process.hands);
        let failure = match (hands, &mut self.desk) {
            (Some(Hands::Here(execution)), _) => execution
                .step(input, &mut outputs)
                .err()
                .map(|error| error.to_string()),
            (Some(Hands::Elsewhere(standing)), Some(desk)) => match desk.step(&input) {
                Ok(stepped) => {
                    outputs.extend(stepped.outputs);
                    *standing = stepped.standing;
                    stepped.failure
                }
                Err(stop) => {
                    self.outputs = outputs;
                    return self.stopped(stop);
                }
            },
            _ => return,
        };
        if let Some(error) = failure {
            self.log(LogEntry::Failure(error));
        }
        self.take_outputs(&mut outputs);
        self.outputs = outputs;
        self.export();
        self.flush();
    }

    fn take_outputs(&mut self, outputs: &mut Vec<Output>) {
        for output in outputs.drain(..) {
            let entry = match output {
                Output::Ledger(row) => {
                    if let Some(process) = &mut self.process {
                        process.unwritten.push(row);
                    }
                    continue;
                }
                Output::Command(command) => {
                    if let Some(process) = &mut self.process {
                        process.queue(command);
                    }
                    continue;
                }
                Output::Order(row) => LogEntry::Order(row),
                Output::Fill(row) => LogEntry::Fill(row),
                Output::Diff(row) => LogEntry::Diff(row),
                Output::Decision(decision) => LogEntry::Decision {
                    trace: decision.trace,
                    reason: decision.reason,
                },
                Output::Cash(_) => continue,
            };
            self.log(entry);
        }
    }

    pub fn log(&mut self, entry: LogEntry) {
        self.history.log.push(LogRow {
            at_ns: self.now_ns,
            life: self.life,
            entry,
        });
    }

    /// Writes down the account where it has changed.
    fn export(&mut self) {
        for instrument in 0..self.instruments.len() {
            let Some(process) = &mut self.process else {
                return;
            };
            let line = process.hands.exported(instrument);
            if process.exported[instrument] == line {
                continue;
            }
            process.exported[instrument] = line;
            let (position, reserved, cash) = line;
            self.log(LogEntry::Account {
                instrument,
                position,
                reserved,
                cash,
            });
        }
    }

    /// Writes what has not been written; then what waited for it leaves. The write may be the last of this life.
    pub(super) fn flush(&mut self) {
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(desk) = &mut self.desk {
            let written = desk.write(self.now_ns < self.scenario.calm_ns);
            process.unwritten.clear();
            return match written {
                Ok((next, commands)) => {
                    self.history.stored.push((self.now_ns, next));
                    self.send(commands);
                }
                Err(stop) => self.stopped(stop),
            };
        }
        if process.retry_ns.is_some() || (process.unwritten.is_empty() && process.unsent.is_empty())
        {
            return;
        }
        let mut killed = false;
        if !process.unwritten.is_empty() {
            let plan = self.trouble.write(&mut self.history.faults, self.now_ns);
            self.store.fate = plan.fate;
            killed = plan.killed;
            match self.store.append_batch(&process.unwritten) {
                Ok(_) => {
                    process.unwritten.clear();
                    let stored = (self.now_ns, self.store.next_sequence());
                    self.history.stored.push(stored);
                }
                Err(_) => process.retry_ns = Some(self.now_ns + plan.retry_ns),
            }
        }
        if killed {
            let downtime_ns = self.trouble.between(50 * MILLISECOND, 2 * SECOND);
            return self.die(downtime_ns);
        }
        let waits = self
            .process
            .as_ref()
            .is_none_or(|process| process.retry_ns.is_some());
        if waits {
            return;
        }
        let commands = match &mut self.process {
            Some(process) => std::mem::take(&mut process.unsent),
            None => return,
        };
        self.send(commands);
    }

    fn send(&mut self, commands: Vec<Command>) {
        for command in commands {
            self.with_gateway(|gateway, _, wants| gateway.command(command, wants));
        }
    }

    /// A real process has ended.
    fn stopped(&mut self, stop: Stop) {
        match stop {
            Stop::Died => {
                self.history
                    .faults
                    .push((self.now_ns, Fault::ProcessKilled));
                let downtime_ns = self.trouble.between(10 * MILLISECOND, SECOND / 2);
                self.die(downtime_ns);
            }
            Stop::Failed(error) => {
                self.process = None;
                self.log(LogEntry::Failure(error));
            }
        }
    }

    fn die(&mut self, downtime_ns: i64) {
        self.process = None;
        self.life += 1;
        let until_ns = (self.now_ns + downtime_ns).min(self.scenario.calm_ns.max(self.now_ns));
        self.history.outages.push((self.now_ns, until_ns));
        self.happen(until_ns, Happening::Restart);
    }

    /// A new process: the ledger is read, the stream subscribed, the account fetched.
    pub(super) fn restart(&mut self) {
        let settings = ExecutionSettings {
            start_cash: START_CASH,
            position_mode: PositionMode::OneWay,
            entry_ttl_ns: 1_500 * MILLISECOND,
            maker_first: Some(MakerFirst {
                low_fill_ns: 700 * MILLISECOND,
                ..MakerFirst::default()
            }),
            latency_budget_ns: 500 * MILLISECOND,
            limits: HardLimits {
                max_symbol_notional: Money(i128::MAX / 4),
                max_gross_notional: Money(i128::MAX / 4),
                max_day_loss: START_CASH,
            },
            timeouts: Timeouts {
                reconcile_every_ns: Some(2 * SECOND),
                ..Timeouts::default()
            },
            wallet_tolerance: Money(100),
            leverage: self.scenario.guards.leverage,
            conduct: self.scenario.guards.conduct,
        };
        let now_ns = self.clock.local_ns(self.now_ns);
        // A list from before the run: what has changed since is told when it was asked for.
        let known = if self.scenario.guards.told {
            rules
        } else {
            SymbolRules::of
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        let beginning = Beginning {
            settings,
            instruments: self.instruments.clone(),
            rules: self.instruments.iter().map(known).collect(),
            now_ns,
        };
        let started = match &mut self.desk {
            None => self.start_here(beginning, &mut outputs),
            Some(desk) => {
                let may_die = self.now_ns < self.scenario.calm_ns;
                desk.start(&beginning, may_die).map(|(stepped, rows)| {
                    outputs.extend(stepped.outputs);
                    (Hands::Elsewhere(stepped.standing), rows)
                })
            }
        };
        let (hands, rows) = match started {
            Ok(started) => started,
            Err(stop) => {
                self.outputs = outputs;
                return self.stopped(stop);
            }
        };
        let mut gateway = Gateway::new(
            self.instruments.clone(),
            self.scenario.buffers,
            self.scenario.guards.told,
        );
        for row in rows {
            if row.kind == LedgerKind::Intent {
                if let Ok(order) = row.decode::<Order>() {
                    gateway.learn(order.spec());
                }
            }
        }
        self.process = Some(Process {
            hands,
            gateway,
            steady: Steady::new(self.scenario.seed, self.life, self.now_ns),
            unwritten: Vec::new(),
            unsent: Vec::new(),
            retry_ns: None,
            exported: vec![(0, Money(-1), Money(-1)); self.instruments.len()],
        });
        self.take_outputs(&mut outputs);
        self.outputs = outputs;
        self.export();
        self.flush();
        if !self.trouble.is_cut() {
            self.stream_up();
        }
    }

    fn start_here(
        &mut self,
        beginning: Beginning,
        outputs: &mut Vec<Output>,
    ) -> Result<(Hands, Vec<LedgerRow>), Stop> {
        let Beginning {
            settings,
            instruments,
            rules,
            now_ns,
        } = beginning;
        let started = self.store.reopen().map_err(|error| error.to_string());
        let started = started.and_then(|()| {
            Execution::recover_with(settings, instruments, rules, &self.store, now_ns, outputs)
                .map_err(|error| error.to_string())
        });
        let failed = |error| Stop::Failed(format!("no start: {error}"));
        let execution = started.map_err(failed)?;
        Ok((Hands::Here(Box::new(execution)), self.store.all_rows()))
    }

    /// The user stream is there again: whatever was on the old one is gone.
    pub(super) fn stream_up(&mut self) {
        self.connection += 1;
        let local_ns = self.clock.local_ns(self.now_ns);
        for symbol in 0..self.instruments.len() {
            let (bid, ask) = self.markets[symbol].touch();
            self.take(Happening::Quote {
                symbol,
                bid,
                ask,
                traded: 0,
            });
        }
        self.step(Input::Reconnected { local_ns });
    }
}
