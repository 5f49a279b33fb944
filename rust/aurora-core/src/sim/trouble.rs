//! The dice of all faults, and the state of those that last a while. Nothing of it outlasts the calm.

use super::fault::Fault;
use super::random::Random;
use super::replica::{Replica, STALEST_NS};
use super::scenario::{Scenario, MILLISECOND, SECOND};
use super::store::WriteFate;
use crate::venue::{Answer, ClientOrderId, Reply, Request, Venue};

/// What a ledger write is to meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct WritePlan {
    pub fate: Option<WriteFate>,
    pub killed: bool,
    pub retry_ns: i64,
}

#[derive(Debug)]
pub(super) struct Trouble {
    random: Random,
    rates: Vec<i64>,
    calm_ns: i64,
    cut: u32,
    silent: u32,
    /// Requests are refused with this until then.
    pub limited: Option<(Fault, i64)>,
    replica: Replica,
    /// Orders that were filled on arrival and of which neither reply nor fill has come home.
    pub prompt: Vec<ClientOrderId>,
    pub last_event_ns: i64,
}

impl Trouble {
    pub fn new(scenario: &Scenario) -> Trouble {
        Trouble {
            random: Random::new(scenario.seed, 3),
            rates: scenario.rates.clone(),
            calm_ns: scenario.calm_ns,
            cut: 0,
            silent: 0,
            limited: None,
            replica: Replica::new(scenario.seed.is_multiple_of(2)),
            prompt: Vec::new(),
            last_event_ns: i64::MIN,
        }
    }

    /// When the faults that last a while begin.
    pub fn episodes(&mut self, scenario: &Scenario) -> Vec<(i64, Fault)> {
        let lasting = [
            Fault::Disconnect,
            Fault::SilentStream,
            Fault::RateLimited,
            Fault::Banned,
            Fault::FilterChange,
            Fault::ClockStep,
        ];
        let mut episodes = Vec::new();
        for fault in lasting {
            for _ in 0..scenario.rate(fault) {
                let last_ns = scenario.calm_ns - 100 * MILLISECOND;
                let at_ns = self.random.between(scenario.start_ns + SECOND, last_ns);
                episodes.push((at_ns, fault));
            }
        }
        episodes
    }

    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.random.between(low, high)
    }

    /// Whether a fault strikes now.
    pub fn strikes(&mut self, fault: Fault, now_ns: i64) -> bool {
        let rate = self.rates.get(fault as usize).copied().unwrap_or(0);
        now_ns < self.calm_ns && self.random.chance_e4(rate)
    }

    /// How late something may still be that would arrive at `due_ns`.
    pub fn late_ns(&mut self, due_ns: i64) -> i64 {
        let late_ns = self.random.between(300 * MILLISECOND, 3 * SECOND);
        (due_ns + late_ns).min(self.calm_ns.max(due_ns))
    }

    /// End of an episode that begins now.
    pub fn end_ns(&mut self, now_ns: i64, longest_ns: i64) -> i64 {
        let lasts_ns = self.random.between(100 * MILLISECOND, longest_ns);
        (now_ns + lasts_ns).min(self.calm_ns)
    }

    pub fn cut(&mut self, on: bool) {
        self.cut = if on {
            self.cut + 1
        } else {
            self.cut.saturating_sub(1)
        };
    }

    pub fn silence(&mut self, on: bool) {
        self.silent = if on {
            self.silent + 1
        } else {
            self.silent.saturating_sub(1)
        };
    }

    pub fn is_cut(&self) -> bool {
        self.cut > 0
    }

    pub fn is_silent(&self) -> bool {
        self.silent > 0
    }

    pub fn write(&mut self, faults: &mut Vec<(i64, Fault)>, now_ns: i64) -> WritePlan {
        let mut plan = WritePlan {
            fate: None,
            killed: false,
            retry_ns: 50 * MILLISECOND,
        };
        if self.strikes(Fault::ProcessKilled, now_ns) {
            faults.push((now_ns, Fault::ProcessKilled));
            plan.killed = true;
            match self.random.between(0, 2) {
                0 => plan.fate = Some(WriteFate::Failed),
                1 => plan.fate = Some(self.torn(faults, now_ns)),
                _ => {}
            }
        } else if self.strikes(Fault::StoreFailed, now_ns) {
            faults.push((now_ns, Fault::StoreFailed));
            plan.fate = Some(WriteFate::Failed);
        } else if self.strikes(Fault::StoreTorn, now_ns) {
            plan.fate = Some(self.torn(faults, now_ns));
        }
        plan
    }

    fn torn(&mut self, faults: &mut Vec<(i64, Fault)>, now_ns: i64) -> WriteFate {
        faults.push((now_ns, Fault::StoreTorn));
        WriteFate::Torn(self.random.between(0, 600) as usize)
    }

    /// Remembers the account, for answers that are older than they claim.
    pub fn remember(&mut self, venue: &Venue, account: u32, now_ns: i64) {
        if self.rates[Fault::StaleSnapshot as usize] == 0 || now_ns >= self.calm_ns {
            return;
        }
        self.replica.remember(venue, account, now_ns);
    }

    /// What the account's questions are answered with by a replica that lags.
    pub fn stale_answer(
        &mut self,
        request: &Request,
        venue: &Venue,
        (account, now_ns): (u32, i64),
    ) -> Option<Answer> {
        if !self.replica.answers(request) || !self.strikes(Fault::StaleSnapshot, now_ns) {
            return None;
        }
        self.replica
            .answer(request, venue, &mut self.random, (account, now_ns))
    }

    /// Whether the venue denies an order that it has: only while that is young.
    pub fn denies(&mut self, request: &Request, reply: &Reply, now_ns: i64) -> bool {
        let created_ns = match (request, &reply.outcome) {
            (Request::Query { .. }, Ok(Answer::Order(row))) => row.created_ns,
            (Request::QueryAlgo { .. }, Ok(Answer::Algo(row))) => row.created_ns,
            _ => return false,
        };
        now_ns - created_ns <= STALEST_NS && self.strikes(Fault::NotFoundThenFound, now_ns)
    }
}
