//! Many seeds: what was met, and what was found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{check, Invariant, Violation};
use super::fault::Fault;
use super::history::History;
use super::run;

/// How often a fault was met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// Seeds that met it at all.
    pub seeds: u64,
    pub count: u64,
}

/// Sums over seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    pub seeds: u64,
    pub events: u64,
    pub faults: BTreeMap<String, FaultCount>,
    pub violations: BTreeMap<String, u64>,
}

impl Soak {
    /// With a line for every kind of fault and every invariant.
    pub fn new() -> Soak {
        let faults = Fault::ALL.iter().map(|fault| fault.name().to_string());
        let invariants = Invariant::ALL.iter().map(|one| one.name().to_string());
        Soak {
            seeds: 0,
            events: 0,
            faults: faults.map(|name| (name, FaultCount::default())).collect(),
            violations: invariants.map(|name| (name, 0)).collect(),
        }
    }

    /// Lives through one seed and adds it; returns what is wrong with it.
    pub fn seed(&mut self, seed: u64) -> Vec<Violation> {
        let history = run(seed);
        let found = check(&history);
        self.add(&history, &found);
        found
    }

    pub fn add(&mut self, history: &History, found: &[Violation]) {
        self.seeds += 1;
        self.events += history.events;
        let mut counts: BTreeMap<Fault, u64> = BTreeMap::new();
        for (_, fault) in &history.faults {
            *counts.entry(*fault).or_default() += 1;
        }
        for (fault, count) in counts {
            let sum = self.faults.entry(fault.name().to_string()).or_default();
            sum.seeds += 1;
            sum.count += count;
        }
        for violation in found {
            let name = violation.invariant.name().to_string();
            *self.violations.entry(name).or_default() += 1;
        }
    }

    /// All violations.
    pub fn violation_count(&self) -> u64 {
        self.violations.values().sum()
    }
}
