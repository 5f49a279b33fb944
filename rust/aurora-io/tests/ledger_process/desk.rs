//! The world's end of the pipes: starts the process, feeds it, kills it, and remembers what it acknowledged.

use std::cell::RefCell;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use aurora_core::execution::{Command, Input, LedgerRow, LedgerStore, Output};
use aurora_core::sim::{Beginning, Desk, Stepped, Stop};
use aurora_io::RedbLedger;

use crate::frames::{receive, send, Order, Sent, Told, ORDER, SENT, TOLD};

/// One write in so many is the last of a life, and one start in so many ends before its first word.
const WRITES: u64 = 10;
const STARTS: u64 = 12;

/// What was met and what was wrong.
#[derive(Debug, Default)]
pub struct Tally {
    pub kills: u64,
    /// Killed while starting.
    pub starting: u64,
    /// Killed at a write of which nothing was found.
    pub before: u64,
    /// Killed at a write that was found whole, though nobody had been told.
    pub within: u64,
    /// Killed after the write had been acknowledged.
    pub after: u64,
    pub writes: u64,
    pub requests: u64,
    pub violations: Vec<String>,
}

#[derive(Debug)]
struct Life {
    process: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

#[derive(Debug)]
pub struct ProcessDesk {
    path: PathBuf,
    /// The command that starts the process, to which its own arguments are added.
    launcher: Vec<String>,
    life: Option<Life>,
    dice: u64,
    kills: bool,
    /// Times that starts and writes usually take.
    start_time: Duration,
    write_time: Duration,
    acknowledged: Vec<LedgerRow>,
    /// Rows that were given to the store and not acknowledged.
    in_flight: Vec<LedgerRow>,
    tally: Rc<RefCell<Tally>>,
}

impl ProcessDesk {
    pub fn new(path: &Path, launcher: Vec<String>, tally: &Rc<RefCell<Tally>>) -> ProcessDesk {
        ProcessDesk {
            path: path.to_path_buf(),
            launcher,
            life: None,
            dice: 0,
            kills: false,
            start_time: Duration::from_millis(20),
            write_time: Duration::from_millis(2),
            acknowledged: Vec::new(),
            in_flight: Vec::new(),
            tally: Rc::clone(tally),
        }
    }

    pub fn killing(self, seed: u64) -> ProcessDesk {
        ProcessDesk {
            dice: seed,
            kills: true,
            ..self
        }
    }

    /// A number below a limit (the generator of Knuth's MMIX, high bits).
    fn below(&mut self, limit: u64) -> u64 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % limit
    }

    fn violate(&self, what: String) {
        self.tally.borrow_mut().violations.push(what);
    }

    /// At a random moment of something that usually takes so long: mostly within it, sometimes before or after.
    fn kill(&mut self, usual: Duration) {
        let share = [0, self.below(100), self.below(100), self.below(300)][self.below(4) as usize];
        let delay = usual * share as u32 / 100;
        let begin = Instant::now();
        while begin.elapsed() < delay {
            std::hint::spin_loop();
        }
        if let Some(life) = &mut self.life {
            life.process.kill().unwrap();
            life.process.wait().unwrap();
        }
        self.tally.borrow_mut().kills += 1;
    }

    fn broke_off(&mut self, when: &str) -> Stop {
        let status = self.life.take().map(|mut life| life.process.wait());
        Stop::Failed(format!("the process ended by itself {when}: {status:?}"))
    }

    /// Rows that a new life has found: all that were acknowledged, and of what was being written all or nothing.
    fn compare(&mut self, found: &[LedgerRow]) {
        let known = self.acknowledged.len();
        if found.get(..known) != Some(self.acknowledged.as_slice()) {
            let what = format!("{known} rows were acknowledged, {} are left", found.len());
            return self.violate(what);
        }
        let more = &found[known..];
        if !self.in_flight.is_empty() {
            let mut tally = self.tally.borrow_mut();
            if more.is_empty() {
                tally.before += 1;
            } else {
                tally.within += 1;
            }
        }
        if !more.is_empty() && more != self.in_flight.as_slice() {
            self.violate(format!("of {:?} there are {more:?}", self.in_flight));
        }
        self.acknowledged = found.to_vec();
        self.in_flight.clear();
    }

    /// What a life that was killed while starting has still said: it may have written rows of its own.
    fn last_words(&mut self) {
        let Some(mut life) = self.life.take() else {
            return;
        };
        if let Some(told) = receive::<Told>(&mut life.words, TOLD) {
            self.compare(&told.found.unwrap_or_default());
            self.take(&told.stepped);
            // Its requests left and are taken to be lost on the way.
            if receive::<Sent>(&mut life.words, SENT).is_some() {
                self.acknowledged.append(&mut self.in_flight);
            }
        }
    }

    fn take(&mut self, stepped: &Stepped) {
        let rows = stepped.outputs.iter().filter_map(|output| match output {
            Output::Ledger(row) => Some(row.clone()),
            _ => None,
        });
        self.in_flight = rows.collect();
    }
}

impl Desk for ProcessDesk {
    fn start(
        &mut self,
        beginning: &Beginning,
        may_die: bool,
    ) -> Result<(Stepped, Vec<LedgerRow>), Stop> {
        let failed = |error: std::io::Error| Stop::Failed(error.to_string());
        let begin = Instant::now();
        let mut process = std::process::Command::new(&self.launcher[0])
            .args(&self.launcher[1..])
            .arg("--child")
            .arg(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(mut orders), Some(words)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Stop::Failed("no pipes".to_string()));
        };
        let order = Order::Start(beginning.clone());
        let told = send(&mut orders, ORDER, &order);
        self.life = Some(Life {
            process,
            orders,
            words: BufReader::new(words),
        });
        if self.kills && may_die && self.below(STARTS) == 0 {
            self.kill(self.start_time);
            self.tally.borrow_mut().starting += 1;
            self.last_words();
            return Err(Stop::Died);
        }
        told.map_err(failed)?;
        let words = self.life.as_mut().map(|life| &mut life.words);
        let Some(told) = words.and_then(|words| receive::<Told>(words, TOLD)) else {
            return Err(self.broke_off("at its start"));
        };
        self.start_time = (self.start_time * 3 + begin.elapsed()) / 4;
        let found = told.found.unwrap_or_default();
        self.compare(&found);
        self.take(&told.stepped);
        Ok((told.stepped, found))
    }

    fn step(&mut self, input: &Input) -> Result<Stepped, Stop> {
        let Some(life) = &mut self.life else {
            return Err(Stop::Died);
        };
        let order = Order::Step(input.clone());
        let told = send(&mut life.orders, ORDER, &order).ok();
        let told = told.and_then(|()| receive::<Told>(&mut life.words, TOLD));
        let Some(told) = told else {
            return Err(self.broke_off("at a step"));
        };
        self.take(&told.stepped);
        Ok(told.stepped)
    }

    fn write(&mut self, may_die: bool) -> Result<(u64, Vec<Command>), Stop> {
        let begin = Instant::now();
        let writes = !self.in_flight.is_empty();
        let doomed = self.kills && may_die && writes && self.below(WRITES) == 0;
        if doomed {
            self.kill(self.write_time);
        }
        let Some(life) = &mut self.life else {
            return Err(Stop::Died);
        };
        let sent = receive::<Sent>(&mut life.words, SENT);
        if doomed {
            self.life = None;
        }
        // What was in the pipe has left: the process wrote it before it died.
        let sent = match sent {
            Some(sent) => sent,
            None if doomed => return Err(Stop::Died),
            None => return Err(self.broke_off("at a write")),
        };
        self.acknowledged.append(&mut self.in_flight);
        let known = self.acknowledged.len() as u64;
        if sent.next != known {
            self.violate(format!("row {} is said to be next, not {known}", sent.next));
        }
        if writes && !doomed {
            self.write_time = (self.write_time * 15 + begin.elapsed()) / 16;
        }
        let mut tally = self.tally.borrow_mut();
        tally.writes += u64::from(writes);
        tally.after += u64::from(doomed);
        tally.requests += sent.commands.len() as u64;
        Ok((sent.next, sent.commands))
    }

    fn rows(&mut self) -> Result<Vec<LedgerRow>, String> {
        if let Some(mut life) = self.life.take() {
            drop(life.orders);
            let status = life.process.wait().map_err(|error| error.to_string())?;
            if !status.success() {
                return Err(format!("the process ended with {status}"));
            }
        }
        let ledger = RedbLedger::open(&self.path).map_err(|error| error.to_string())?;
        let rows = ledger
            .rows(0, usize::MAX)
            .map_err(|error| error.to_string())?;
        self.compare(&rows);
        Ok(rows)
    }
}
