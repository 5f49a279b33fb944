//! What left at all: how far an entry takes, and how many exits a position has.

use std::collections::BTreeMap;

use super::orders::intents;
use super::{violate, Invariant, Violation};
use crate::execution::{
    ClientId, LedgerKind, Leg, OrderEvent, ScheduledTrade, TimeInForce, TradePlan,
};
use crate::instrument::Side;
use crate::sim::history::{History, LogEntry};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    taken_within(history, found);
    one_exit(history, found);
}

/// An entry that takes what a resting one left, or a slice, bears a limit at which the net edge was said to clear.
fn taken_within(history: &History, found: &mut Vec<Violation>) {
    let intents = intents(history);
    // By trace: none where no price was said to clear.
    let mut bounds: BTreeMap<u64, Option<i64>> = BTreeMap::new();
    for row in &history.ledger {
        let intent = intents.get(&row.client_id);
        match (row.kind, intent) {
            (LedgerKind::Trade, Some(intent)) => {
                let entry = row.decode::<TradePlan>().ok().and_then(|plan| plan.entry);
                bounds.extend(entry.map(|entry| (intent.spec.trace, entry.take_within)));
            }
            (LedgerKind::Schedule, _) => {
                let trade = row.decode::<ScheduledTrade>().ok();
                let bound = trade.map(|trade| (trade.ticket.trace, Some(trade.entry.within)));
                bounds.extend(bound);
            }
            _ => {}
        }
    }
    for intent in intents.values() {
        let spec = &intent.spec;
        let bound = bounds.get(&spec.trace).copied();
        let takes = spec.time_in_force == TimeInForce::ImmediateOrCancel;
        let (true, Some(may), Some(price)) = (takes && spec.leg == Leg::Entry, bound, spec.price)
        else {
            continue;
        };
        let within = may.is_some_and(|within| match spec.side {
            Side::Buy => price <= within,
            Side::Sell => price >= within,
        });
        if !within {
            let id = spec.client_id;
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
