//! The simulation: one process, one venue, a faulty line between them, one virtual clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::Clock;
use super::desk::{Beginning, Desk, Hands, Stop};
use super::fault::Fault;
use super::gateway::{Gateway, Outcome, Wants, ACCOUNT};
use super::history::{History, LogEntry, LogRow};
use super::market::{instrument, rules, Market};
use super::random::Random;
use super::scenario::{Scenario, MILLISECOND, SECOND};
use super::store::FaultyStore;
use super::trouble::Trouble;
use crate::execution::{
    Command, Execution, ExecutionSettings, HardLimits, Input, LedgerKind, LedgerRow, LedgerStore,
    MakerFirst, Order, Output, PositionMode, Timeouts, Verb,
};
use crate::instrument::Instrument;
use crate::units::Money;
use crate::venue::{Call, UserEvent, Venue, VenueFees, VenueSettings};

const START_CASH: Money = Money(1_000_000 * 100_000_000);
/// Steps after which a run is taken to stand still.
const MOST_EVENTS: u64 = 200_000;

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Market(usize),
    Quote {
        symbol: usize,
        bid: i64,
        ask: i64,
    },
    /// A request reaches the venue.
    Arrive {
        life: u32,
        request: u64,
        call: Call,
    },
    /// What comes back for it.
    Return {
        life: u32,
        request: u64,
        outcome: Outcome,
    },
    /// An event of the user stream reaches the process.
    Event {
        life: u32,
        connection: u32,
        event: UserEvent,
        garbled: bool,
    },
    StreamUp,
    Restart,
    Begin(Fault),
    End(Fault),
    Propose,
    Operator(Verb),
}

#[derive(Debug, Clone)]
struct Due {
    at_ns: i64,
    number: u64,
    what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at_ns, self.number).cmp(&(other.at_ns, other.number))
    }
}

/// The process: everything here dies with it.
#[derive(Debug)]
pub(super) struct Process {
    pub hands: Hands,
    pub gateway: Gateway,
    /// Rows that the store has not taken yet, and what has to wait for them.
    pub unwritten: Vec<LedgerRow>,
    pub unsent: Vec<Command>,
    /// When a refused write is tried again.
    pub retry_ns: Option<i64>,
    /// Last account line per instrument.
    pub exported: Vec<(i64, Money, Money)>,
}

#[derive(Debug)]
pub(super) struct World {
    pub scenario: Scenario,
    pub instruments: Vec<Instrument>,
    pub now_ns: i64,
    queue: BinaryHeap<Reverse<Due>>,
    numbers: u64,
    pub venue: Venue,
    markets: Vec<Market>,
    pub trouble: Trouble,
    pub clock: Clock,
    pub store: FaultyStore,
    pub process: Option<Process>,
    /// The process, where it is a real one.
    pub desk: Option<Box<dyn Desk>>,
    pub life: u32,
    pub connection: u32,
    pub history: History,
    pub desires: Random,
    pub traces: u64,
    outputs: Vec<Output>,
}

impl World {
    pub fn new(scenario: Scenario, desk: Option<Box<dyn Desk>>) -> World {
        let instruments: Vec<Instrument> = (0..scenario.symbols).map(instrument).collect();
        let fees = VenueFees {
            maker_e8: 20_000,
            taker_e8: 50_000,
        };
        let settings = VenueSettings {
            budgets: None,
            ..VenueSettings::exchange(fees)
        };
        let symbols = instruments.iter().map(|one| (one.clone(), rules(one)));
        let mut venue = Venue::new(settings, symbols.collect());
        let start_ns = scenario.start_ns;
        venue.add_account(START_CASH, start_ns);
        let history = History {
            scenario: scenario.clone(),
            instruments: instruments.clone(),
            start_cash: START_CASH,
            log: Vec::with_capacity(1024),
            ledger: Vec::new(),
            stored: Vec::new(),
            truth: venue.truth().clone(),
            outages: Vec::new(),
            faults: Vec::new(),
            events: 0,
        };
        let mut world = World {
            markets: (0..scenario.symbols)
                .map(|symbol| Market::new(&scenario, symbol))
                .collect(),
            trouble: Trouble::new(&scenario),
            clock: Clock::new(start_ns),
            store: FaultyStore::default(),
            process: None,
            desk,
            life: 0,
            connection: 0,
            history,
            desires: Random::new(scenario.seed, 2),
            traces: 0,
            outputs: Vec::new(),
            queue: BinaryHeap::new(),
            numbers: 0,
            now_ns: start_ns,
            venue,
            instruments,
            scenario,
        };
        for symbol in 0..world.instruments.len() {
            world.happen(start_ns, Happening::Market(symbol));
        }
        world.happen(start_ns + MILLISECOND, Happening::Restart);
        world.happen(start_ns + 200 * MILLISECOND, Happening::Propose);
        for (at_ns, fault) in world.trouble.episodes(&world.scenario) {
            world.happen(at_ns, Happening::Begin(fault));
        }
        if let Some((kill_ns, resume_ns)) = world.scenario.kill_ns {
            world.happen(kill_ns, Happening::Operator(Verb::Kill));
            world.happen(resume_ns, Happening::Operator(Verb::Resume));
        }
        world
    }

    pub fn happen(&mut self, at_ns: i64, what: Happening) {
        self.numbers += 1;
        self.queue.push(Reverse(Due {
            at_ns: at_ns.max(self.now_ns),
            number: self.numbers,
            what,
        }));
    }

    /// Runs to the end.
    pub fn run(mut self) -> History {
        let end_ns = self.scenario.end_ns;
        while self.history.events < MOST_EVENTS {
            self.history.events += 1;
            let next_ns = self.queue.peek().map_or(i64::MAX, |due| due.0.at_ns);
            let timer_ns = self.next_timer().unwrap_or(i64::MAX).max(self.now_ns);
            if next_ns.min(timer_ns) > end_ns {
                break;
            }
            if timer_ns <= next_ns {
                self.now_ns = timer_ns;
                self.tick();
            } else if let Some(Reverse(due)) = self.queue.pop() {
                self.now_ns = due.at_ns;
                self.take(due.what);
            }
        }
        if self.history.events >= MOST_EVENTS {
            self.log(LogEntry::Failure("the run stands still".to_string()));
        }
        self.history.truth = self.venue.truth().clone();
        self.history.ledger = match &mut self.desk {
            None => self.store.all_rows(),
            Some(desk) => match desk.rows() {
                Ok(rows) => rows,
                Err(error) => {
                    self.log(LogEntry::Failure(error));
                    Vec::new()
                }
            },
        };
        self.history
    }

    fn take(&mut self, what: Happening) {
        match what {
            Happening::Market(symbol) => self.move_market(symbol),
            Happening::Quote { symbol, bid, ask } => {
                let local_ns = self.clock.local_ns(self.now_ns);
                self.step(Input::Quote {
                    instrument: symbol,
                    local_ns,
                    bid,
                    ask,
                });
            }
            Happening::Arrive {
                life,
                request,
                call,
            } => self.arrive(life, request, &call),
            Happening::Return {
                life,
                request,
                outcome,
            } => {
                if life == self.life {
                    self.note_reply_of(&outcome);
                    self.with_gateway(|gateway, now_ns, wants| {
                        gateway.outcome(request, outcome, now_ns, wants);
                    });
                }
            }
            Happening::Event {
                life,
                connection,
                event,
                garbled,
            } => {
                if (life, connection) == (self.life, self.connection) {
                    self.note_order_of(&event);
                    self.with_gateway(|gateway, now_ns, wants| {
                        gateway.event(&event, garbled, now_ns, wants);
                    });
                }
            }
            Happening::StreamUp => self.stream_up(),
            Happening::Restart => self.restart(),
            Happening::Begin(fault) => self.begin(fault),
            Happening::End(fault) => self.end(fault),
            Happening::Propose => self.propose(),
            Happening::Operator(verb) => {
                let now_ns = self.clock.local_ns(self.now_ns);
                self.step(Input::Operator { now_ns, verb });
            }
        }
    }

    fn move_market(&mut self, symbol: usize) {
        let now_ns = self.now_ns;
        let venue = &mut self.venue;
        let market = &mut self.markets[symbol];
        market.step(now_ns, |block, message| {
            venue.on_market(symbol, block, message, now_ns);
        });
        let (bid, ask) = market.touch();
        self.send_events();
        let arrives_ns = now_ns + self.scenario.latency_ns;
        if !self.trouble.is_cut() {
            self.happen(arrives_ns, Happening::Quote { symbol, bid, ask });
        }
        let every_ns = self.scenario.market_every_ns;
        self.happen(now_ns + every_ns, Happening::Market(symbol));
    }

    /// When the process wants to be woken.
    fn next_timer(&self) -> Option<i64> {
        let process = self.process.as_ref()?;
        let timers = [process.hands.next_timer(), process.gateway.next_timer()];
        let local = timers.into_iter().flatten().min();
        let due_ns = local.map(|due| self.clock.true_ns(due));
        due_ns.into_iter().chain(process.retry_ns).min()
    }

    fn tick(&mut self) {
        let retry = self.process.as_ref().and_then(|process| process.retry_ns);
        if retry.is_some_and(|due| due <= self.now_ns) {
            if let Some(process) = &mut self.process {
                process.retry_ns = None;
            }
            self.flush();
        }
        self.with_gateway(|gateway, now_ns, wants| gateway.clock(now_ns, wants));
        let now_ns = self.clock.local_ns(self.now_ns);
        let due = self.process.as_ref().and_then(|p| p.hands.next_timer());
        if due.is_some_and(|due| due <= now_ns) {
            self.step(Input::Clock { now_ns });
        }
    }

    /// Lets the gateway do something, and then what it wants done.
    pub fn with_gateway(&mut self, act: impl FnOnce(&mut Gateway, i64, &mut Wants)) {
        let local_ns = self.clock.local_ns(self.now_ns);
        let mut wants = Wants::default();
        match &mut self.process {
            Some(process) => act(&mut process.gateway, local_ns, &mut wants),
            None => return,
        }
        for (request, call) in wants.calls {
            self.transmit(request, call);
        }
        let life = self.life;
        for input in wants.inputs {
            if life == self.life {
                self.step(input);
            }
        }
    }

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
                        process.unsent.push(command);
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
    fn flush(&mut self) {
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
            self.with_gateway(|gateway, now_ns, wants| gateway.command(command, now_ns, wants));
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
    fn restart(&mut self) {
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
        };
        let now_ns = self.clock.local_ns(self.now_ns);
        let mut outputs = std::mem::take(&mut self.outputs);
        let beginning = Beginning {
            settings,
            instruments: self.instruments.clone(),
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
        let mut gateway = Gateway::new(self.instruments.clone(), self.scenario.buffers);
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
            now_ns,
        } = beginning;
        let started = self.store.reopen().map_err(|error| error.to_string());
        let started = started.and_then(|()| {
            Execution::recover(settings, instruments, &self.store, now_ns, outputs)
                .map_err(|error| error.to_string())
        });
        let failed = |error| Stop::Failed(format!("no start: {error}"));
        let execution = started.map_err(failed)?;
        Ok((Hands::Here(Box::new(execution)), self.store.all_rows()))
    }

    /// The user stream is there again: whatever was on the old one is gone.
    fn stream_up(&mut self) {
        self.connection += 1;
        let local_ns = self.clock.local_ns(self.now_ns);
        for symbol in 0..self.instruments.len() {
            let (bid, ask) = self.markets[symbol].touch();
            self.take(Happening::Quote { symbol, bid, ask });
        }
        self.step(Input::Reconnected { local_ns });
    }

    /// Everything of the desk's account that the venue has to tell.
    pub fn drain_events(&mut self) -> Vec<UserEvent> {
        let mut events = self.venue.take_events();
        events.retain(|event| event.account == ACCOUNT);
        events
    }

    pub fn touch(&self, symbol: usize) -> (i64, i64) {
        self.markets[symbol].touch()
    }
}
