//! The step, a naive venue, and a link between them that loses, repeats and reorders.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use super::naive_venue::NaiveVenue;
use super::*;

/// What the link does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Behind the one that comes after it.
    Overtaken,
}

/// Execution, the venue, and the link between them.
pub(crate) struct World {
    pub execution: Execution,
    pub venue: NaiveVenue,
    pub now_ns: i64,
    pub commands: Vec<Command>,
    pub reports: Vec<ExecutionReport>,
    pub snapshot_asked: bool,
    pub rows: Vec<DiffRow>,
    pub ledger: Vec<LedgerRow>,
    /// What was asked for by trace, where it is worked over time.
    pub worked: BTreeMap<u64, Worked>,
    out: Vec<Output>,
    touch: Touch,
}

/// An entry that is worked over time, as its plain reference needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worked {
    pub schedule: Schedule,
    pub size: i64,
    pub begun_ns: i64,
    /// Traded by the market since.
    pub traded: i64,
}

impl Worked {
    /// Size due in all at a time, by counting; lots of two quanta.
    pub fn due(&self, now_ns: i64) -> i64 {
        let Schedule {
            pace,
            slices,
            over_ns,
            ..
        } = self.schedule;
        let lots = i128::from(self.size / 2);
        let begun = |slice: &u32| {
            let passed = i128::from(now_ns - self.begun_ns) * i128::from(slices);
            i128::from(*slice) * i128::from(over_ns) <= passed
        };
        let begun = (0..slices).filter(begun).count();
        let due = match pace {
            Pace::TimeWeighted => lots * begun as i128 / i128::from(slices),
            Pace::VolumeWeighted { weights } => {
                let sum = |count: usize| {
                    weights
                        .iter()
                        .take(count)
                        .map(|one| i128::from(*one))
                        .sum::<i128>()
                };
                lots * sum(begun) / sum(slices as usize)
            }
            Pace::Participation { rate_e4 } => {
                let share = i128::from(self.traded) * i128::from(rate_e4) / 10_000;
                (share / 2).min(lots)
            }
            Pace::Iceberg { .. } => lots,
        };
        2 * due as i64
    }
}

impl World {
    pub fn new(settings: ExecutionSettings, start_ns: i64) -> World {
        let instruments = vec![super::gate_tests::instrument("A")];
        let touch = Touch {
            bid: 1000,
            ask: 1005,
        };
        let mut world = World {
            execution: Execution::new(settings, instruments),
            venue: NaiveVenue::default(),
            now_ns: start_ns,
            commands: Vec::new(),
            reports: Vec::new(),
            snapshot_asked: false,
            rows: Vec::new(),
            ledger: Vec::new(),
            worked: BTreeMap::new(),
            out: Vec::new(),
            touch,
        };
        world.quote(0);
        world
    }

    pub fn step(&mut self, input: Input) {
        self.execution.step(input, &mut self.out).unwrap();
        self.take_outputs();
    }

    /// The process dies with what is on its way; a new one reads the ledger.
    pub fn restart(&mut self) {
        self.commands.clear();
        self.reports.clear();
        let mut store = MemoryLedger::default();
        store.append_batch(&self.ledger).unwrap();
        let settings = self.execution.settings;
        let instruments = self.execution.instruments().to_vec();
        let out = &mut self.out;
        self.execution =
            Execution::recover(settings, instruments, &store, self.now_ns, out).unwrap();
        self.take_outputs();
        self.quote(0);
        self.step(Input::Reconnected {
            local_ns: self.now_ns,
        });
    }

    fn take_outputs(&mut self) {
        for output in std::mem::take(&mut self.out) {
            match output {
                Output::Command(Command::Snapshot { .. }) => self.snapshot_asked = true,
                Output::Command(command) => self.commands.push(command),
                Output::Ledger(row) => self.ledger.push(row),
                Output::Diff(row) => self.rows.push(row),
                _ => {}
            }
        }
        // Whatever is due has been done: nothing may be due in the past for ever.
        if let Some(due) = self.execution.next_timer() {
            if due <= self.now_ns {
                let mut again = self.execution.clone();
                let mut out = Vec::new();
                let now_ns = self.now_ns;
                again.step(Input::Clock { now_ns }, &mut out).unwrap();
                let next = again.next_timer();
                assert!(
                    next.is_none_or(|next| next > now_ns),
                    "a timer that never passes: {next:?} at {now_ns}"
                );
            }
        }
    }

    pub fn quote(&mut self, moved: i64) {
        let bid = (self.touch.bid + 5 * moved).clamp(500, 1500);
        self.touch = Touch { bid, ask: bid + 5 };
        self.step(Input::Quote {
            instrument: 0,
            local_ns: self.now_ns,
            bid,
            ask: bid + 5,
        });
    }

    /// The market trades.
    pub fn trade(&mut self, size: i64) {
        for worked in self.worked.values_mut() {
            worked.traded += size;
        }
        self.step(Input::Volume {
            instrument: 0,
            size,
        });
    }

    pub fn touch(&self) -> Touch {
        self.touch
    }

    /// Lets a report come home, now.
    pub fn hear(&mut self, report: ExecutionReport) {
        self.step(Input::Report(ExecutionReport {
            local_ns: self.now_ns,
            ..report
        }));
    }

    /// The command at `place` meets the venue, or its fate.
    pub fn send(&mut self, place: usize, fate: Fate) {
        if self.commands.is_empty() {
            return;
        }
        let command = self.commands.remove(place % self.commands.len());
        match fate {
            Fate::Lost => return,
            // Late, behind all the others.
            Fate::Overtaken => return self.commands.push(command),
            Fate::Arrives | Fate::Twice => {}
        }
        let (now_ns, bid) = (self.now_ns, self.touch.bid);
        let said = match command {
            Command::Place(order) => self.venue.place(&order, now_ns, bid),
            Command::Cancel { client_id, .. } => self.venue.cancel(client_id, now_ns),
            Command::Query { client_id, .. } => self.venue.query(client_id, now_ns),
            Command::Snapshot { .. } => Vec::new(),
        };
        self.reports.extend(said);
    }

    /// The report at `place` comes home, or meets its fate.
    pub fn receive(&mut self, place: usize, fate: Fate) {
        if self.reports.is_empty() {
            return;
        }
        let report = self.reports.remove(place % self.reports.len());
        match fate {
            Fate::Lost => {}
            Fate::Overtaken => self.reports.push(report),
            Fate::Arrives => self.hear(report),
            Fate::Twice => {
                self.hear(report);
                self.hear(report);
            }
        }
    }

    pub fn fetch(&mut self) {
        self.snapshot_asked = false;
        let snapshot = self.venue.snapshot(self.now_ns);
        let buffered = Vec::new();
        self.step(Input::Snapshot { snapshot, buffered });
    }

    pub fn wait_until(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
        let now_ns = self.now_ns;
        self.step(Input::Clock { now_ns });
    }

    /// A link that works: everything arrives in order and is answered at once.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.commands.is_empty() {
                self.send(0, Fate::Arrives);
            } else if !self.reports.is_empty() {
                self.receive(0, Fate::Arrives);
            } else if self.snapshot_asked {
                self.fetch();
            } else {
                return;
            }
        }
        panic!("never settles");
    }

    /// Runs until `end_ns` with a link that works.
    pub fn run_until(&mut self, end_ns: i64) {
        self.settle();
        for _ in 0..100_000 {
            match self.execution.next_timer() {
                Some(due) if due <= end_ns => {
                    self.wait_until(due);
                    self.settle();
                }
                _ => {
                    self.wait_until(end_ns);
                    self.settle();
                    return;
                }
            }
        }
        panic!("never ends");
    }
}
