//! Intents and orders: one of each, and the intent first.

use std::collections::BTreeMap;

use super::scheduled::{no_more_than_decided, schedules};
use super::truth::{Life, Truth};
use super::{violate, Invariant, Violation};
use crate::execution::{ClientId, LedgerKind, Leg, Order, OrderSpec, TimeInForce};
use crate::sim::history::{History, LogEntry};

/// An intent and the true time from which on it was durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct IntentRow {
    pub spec: OrderSpec,
    pub stored_ns: i64,
    /// Local time at which it was written.
    pub local_ns: i64,
}

/// An entry's intent and what became of it at the venue.
pub(super) type Entry<'a> = (&'a IntentRow, &'a Life);

/// Every intent of the ledger.
pub(super) fn intents(history: &History) -> BTreeMap<ClientId, IntentRow> {
    let mut intents = BTreeMap::new();
    for row in history
        .ledger
        .iter()
        .filter(|row| row.kind == LedgerKind::Intent)
    {
        let Ok(order) = row.decode::<Order>() else {
            continue;
        };
        let spec = *order.spec();
        let intent = IntentRow {
            spec,
            stored_ns: stored_ns(history, row.sequence),
            local_ns: row.local_ns,
        };
        intents.insert(row.client_id, intent);
    }
    intents
}

/// True time from which on a row was durable.
pub(super) fn stored_ns(history: &History, sequence: u64) -> i64 {
    let until = history
        .stored
        .partition_point(|(_, next)| *next <= sequence);
    history
        .stored
        .get(until)
        .map_or(i64::MAX, |(at_ns, _)| *at_ns)
}

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    for row in &history.log {
        if let LogEntry::Failure(what) = &row.entry {
            violate(found, Invariant::NoFailure, row.at_ns, what.clone());
        }
    }
    let intents = intents(history);
    let schedules = schedules(history);
    let mut entries: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
    for (id, life) in &truth.lives {
        let at_ns = life.opened_ns.first().copied().unwrap_or(0);
        let Some(intent) = intents.get(id) else {
            let what = format!("{id} is at the venue without an intent");
            violate(found, Invariant::IntentBeforeOrder, at_ns, what);
            continue;
        };
        if intent.stored_ns > at_ns {
            let what = format!("{id} came to be before its intent was durable");
            violate(found, Invariant::IntentBeforeOrder, at_ns, what);
        }
        let spec = &intent.spec;
        let same = (spec.instrument, spec.side, spec.size, spec.reduce_only)
            == (life.symbol, life.side, life.size, life.reduce_only)
            && (spec.price, spec.trigger) == (life.price, life.trigger);
        if !same {
            let what = format!("{id} is {life:?}, intended {spec:?}");
            violate(found, Invariant::IntentBeforeOrder, at_ns, what);
        }
        if life.opened_ns.len() > 1 {
            let what = format!("{id} came to be {} times", life.opened_ns.len());
            violate(found, Invariant::OneOrderPerIntent, at_ns, what);
        }
        if spec.leg == Leg::Entry {
            entries.entry(spec.trace).or_default().push((intent, life));
        }
    }
    for (trace, mut made) in entries {
        made.sort_by_key(|(intent, _)| intent.spec.attempt);
        let schedule = schedules.get(&trace);
        one_at_a_time(&made, schedule.is_some(), found);
        no_more_than_decided(trace, &made, schedule, found);
    }
}

/// Entries of one decision, in the order of their attempts: each comes to be when the one before it has ended; without a
/// schedule for no more than that one left, and one at most that takes.
fn one_at_a_time(made: &[Entry], scheduled: bool, found: &mut Vec<Violation>) {
    let takes = |one: &&Entry| one.0.spec.time_in_force == TimeInForce::ImmediateOrCancel;
    let taking = made.iter().filter(takes).nth(1);
    if let Some((intent, life)) = taking.filter(|_| !scheduled) {
        let at_ns = life.opened_ns.first().copied().unwrap_or(0);
        let what = format!("trade {} taken twice", intent.spec.trace);
        violate(found, Invariant::OneOrderPerIntent, at_ns, what);
    }
    for pair in made.windows(2) {
        let ((before, older), (intent, life)) = (pair[0], pair[1]);
        let (before, spec) = (&before.spec, &intent.spec);
        let at_ns = life.opened_ns.first().copied().unwrap_or(0);
        let trace = spec.trace;
        let (id, other) = (spec.client_id, before.client_id);
        let standing = older.at(at_ns);
        let over = standing.is_some_and(|standing| !standing.open);
        let executed = older.last().map_or(0, |last| last.executed);
        if !over {
            let what = format!("trade {trace} entered by {id} while {other} was open");
            violate(found, Invariant::OneOrderPerIntent, at_ns, what);
        }
        if !scheduled && spec.size > before.size - executed {
            let what = format!("trade {trace} entered by {id} for more than {other} left");
            violate(found, Invariant::OneOrderPerIntent, at_ns, what);
        }
    }
}
