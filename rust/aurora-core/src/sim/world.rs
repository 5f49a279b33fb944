//! The simulation: one process, one venue, a faulty line between them, one virtual clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::Clock;
use super::desk::Desk;
use super::gateway::{Gateway, Wants, ACCOUNT};
use super::guards::POLL_NS;
use super::happening::{Due, Happening};
use super::history::{History, LogEntry};
use super::market::{instrument, rules, Market};
use super::process::Process;
use super::random::Random;
use super::scenario::{Scenario, MILLISECOND};
use super::store::FaultyStore;
use super::trouble::Trouble;
use crate::execution::{Input, Output, Verb};
use crate::instrument::Instrument;
use crate::units::Money;
use crate::venue::{UserEvent, Venue, VenueFees, VenueSettings};

pub(super) const START_CASH: Money = Money(1_000_000 * 100_000_000);
/// Steps after which a run is taken to stand still.
const MOST_EVENTS: u64 = 200_000;

#[derive(Debug)]
pub(super) struct World {
    pub scenario: Scenario,
    pub instruments: Vec<Instrument>,
    pub now_ns: i64,
    queue: BinaryHeap<Reverse<Due>>,
    numbers: u64,
    pub venue: Venue,
    pub markets: Vec<Market>,
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
    /// Of what the guards read.
    pub caution: Random,
    /// Dice of schedules alone.
    pub paces: Random,
    pub traces: u64,
    pub outputs: Vec<Output>,
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
            caution: Random::new(scenario.seed, 9),
            paces: Random::new(scenario.seed, 4),
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
        if world.scenario.guards.told {
            world.happen(start_ns + POLL_NS / 2, Happening::Poll);
        }
        for (at_ns, fault) in world.trouble.episodes(&world.scenario) {
            world.happen(at_ns, Happening::Begin(fault));
        }
        if let Some((kill_ns, resume_ns)) = world.scenario.kill_ns {
            world.happen(kill_ns, Happening::Operator(Verb::Kill));
            world.happen(resume_ns, Happening::Operator(Verb::Resume));
        }
        for (at_ns, instrument) in world.scenario.closes.clone() {
            world.happen(at_ns, Happening::Operator(Verb::Close { instrument }));
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

    pub fn take(&mut self, what: Happening) {
        match what {
            Happening::Market(symbol) => self.move_market(symbol),
            Happening::Quote {
                symbol,
                bid,
                ask,
                traded,
            } => {
                let local_ns = self.clock.local_ns(self.now_ns);
                if traded > 0 {
                    self.step(Input::Volume {
                        instrument: symbol,
                        size: traded,
                    });
                }
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
            Happening::Poll => self.poll(),
            Happening::Rules {
                life,
                symbol,
                rules,
            } => {
                if life == self.life {
                    let local_ns = self.clock.local_ns(self.now_ns);
                    self.step(Input::Rules {
                        instrument: symbol,
                        local_ns,
                        rules,
                    });
                }
            }
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
        let traded = market.take_traded();
        self.send_events();
        let arrives_ns = now_ns + self.scenario.latency_ns;
        if !self.trouble.is_cut() {
            let quote = Happening::Quote {
                symbol,
                bid,
                ask,
                traded,
            };
            self.happen(arrives_ns, quote);
        }
        let every_ns = self.scenario.market_every_ns;
        self.happen(now_ns + every_ns, Happening::Market(symbol));
    }

    /// When the process wants to be woken.
    fn next_timer(&self) -> Option<i64> {
        let process = self.process.as_ref()?;
        let step = process.hands.next_timer();
        let step_ns = step.map(|due| self.clock.true_ns(due));
        let gateway = process.gateway.next_timer();
        let gateway_ns = gateway.map(|due| process.steady.true_ns(due));
        let timers = [step_ns, gateway_ns, process.retry_ns];
        timers.into_iter().flatten().min()
    }

    fn tick(&mut self) {
        let retry = self.process.as_ref().and_then(|process| process.retry_ns);
        if retry.is_some_and(|due| due <= self.now_ns) {
            if let Some(process) = &mut self.process {
                process.retry_ns = None;
            }
            self.flush();
        }
        self.with_gateway(|gateway, now_ns, wants| gateway.wake(now_ns, wants));
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
            Some(process) => {
                let steady_ns = process.steady.steady_ns(self.now_ns);
                process.gateway.set_steady(steady_ns);
                act(&mut process.gateway, local_ns, &mut wants);
            }
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
