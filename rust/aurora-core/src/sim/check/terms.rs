//! What left at all: how far an entry takes, and how many exits a position has.

use std::collections::BTreeMap;

use super::orders::intents;
use super::{violate, Invariant, Violation};
use crate::execution::{ClientId, LedgerKind, Leg, OrderEvent, TimeInForce, TradePlan};
use crate::instrument::Side;
use crate::sim::history::{History, LogEntry};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    taken_within(history, found);
    one_exit(history, found);
}

/// An entry that takes what a resting one left bears a limit at which the net edge was said to clear.
fn taken_within(history: &History, found: &mut Vec<Violation>) {
    let intents = intents(history);
    let mut plans: BTreeMap<u64, TradePlan> = BTreeMap::new();
    for row in &history.ledger {
        let intent = intents.get(&row.client_id);
        if let (LedgerKind::Trade, Some(intent)) = (row.kind, intent) {
            plans.extend(row.decode().ok().map(|plan| (intent.spec.trace, plan)));
        }
    }
    for intent in intents.values() {
        let spec = &intent.spec;
        let plan = plans.get(&spec.trace).and_then(|plan| plan.entry);
        let takes = spec.time_in_force == TimeInForce::ImmediateOrCancel;
        let (true, Some(plan), Some(price)) = (takes && spec.leg == Leg::Entry, plan, spec.price)
        else {
            continue;
        };
        let within = plan.take_within.is_some_and(|within| match spec.side {
            Side::Buy => price <= within,
            Side::Sell => price >= within,
        });
        if !within {
            let (id, may) = (spec.client_id, plan.take_within);
            let what = format!("{id} takes up to {price}, allowed {may:?}");
            violate(found, Invariant::TakenWithin, intent.stored_ns, what);
        }
    }
}

/// What a life knows of its exits: the next one is made when the one before has ended.
fn one_exit(history: &History, found: &mut Vec<Violation>) {
    let mut live: BTreeMap<(u32, usize, ClientId), bool> = BTreeMap::new();
    for row in &history.log {
        let LogEntry::Order(order) = &row.entry else {
            continue;
        };
        let spec = &order.spec;
        if spec.leg != Leg::Exit {
            continue;
        }
        let (life, instrument) = (row.life, spec.instrument);
        let mut others = live.iter().filter(|((of, at, id), open)| {
            (*of, *at) == (life, instrument) && *id != spec.client_id && **open
        });
        let placed = order.event == OrderEvent::Placed;
        if let (true, Some(((_, _, other), _))) = (placed, others.next_back()) {
            let what = format!("{} leaves while {other} may fill", spec.client_id);
            violate(found, Invariant::OneExit, row.at_ns, what);
        }
        let key = (life, instrument, spec.client_id);
        live.insert(key, !order.state.is_terminal());
    }
}
