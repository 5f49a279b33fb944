//! What was told to close: nothing of it opens or waits for a price any more, and it is flat in time.

use std::collections::BTreeSet;

use super::exposure::{Usable, FAULTY_NS, QUIET_NS};
use super::orders::{intents, stored_ns};
use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::{LedgerKind, LedgerRow, Leg, Order, ScheduledTrade, Verb};
use crate::sim::history::History;

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let usable = Usable::new(history);
    for (number, row) in history.ledger.iter().enumerate() {
        if row.kind != LedgerKind::Operator {
            continue;
        }
        let Ok(Verb::Close { instrument }) = row.decode::<Verb>() else {
            continue;
        };
        let (before, after) = history.ledger.split_at(number);
        nothing_follows(history, instrument, before, after, found);
        is_flat_in_time(history, truth, &usable, instrument, row.sequence, found);
    }
}

/// No entry and no target of a trade that began before leaves after.
fn nothing_follows(
    history: &History,
    instrument: usize,
    before: &[LedgerRow],
    after: &[LedgerRow],
    found: &mut Vec<Violation>,
) {
    let mut closed = BTreeSet::new();
    for row in before {
        match row.kind {
            LedgerKind::Intent => {
                let spec = row.decode::<Order>().map(|order| *order.spec());
                closed.extend(
                    spec.ok()
                        .filter(|s| s.instrument == instrument)
                        .map(|s| s.trace),
                );
            }
            LedgerKind::Schedule => {
                let ticket = row.decode::<ScheduledTrade>().map(|trade| trade.ticket);
                closed.extend(
                    ticket
                        .ok()
                        .filter(|t| t.instrument == instrument)
                        .map(|t| t.trace),
                );
            }
            _ => {}
        }
    }
    for row in after.iter().filter(|row| row.kind == LedgerKind::Intent) {
        let Ok(order) = row.decode::<Order>() else {
            continue;
        };
        let spec = order.spec();
        if closed.contains(&spec.trace) && matches!(spec.leg, Leg::Entry | Leg::Target) {
            let (id, leg) = (spec.client_id, spec.leg.name());
            let what = format!("{id} ({leg}) leaves though its trade was told to close");
            violate(
                found,
                Invariant::Closed,
                stored_ns(history, row.sequence),
                what,
            );
        }
    }
}

/// The position is gone in the time that the venue and the line need, unless a later trade has begun by then.
fn is_flat_in_time(
    history: &History,
    truth: &Truth,
    usable: &Usable,
    instrument: usize,
    sequence: u64,
    found: &mut Vec<Violation>,
) {
    let told_ns = stored_ns(history, sequence);
    let end_ns = history.scenario.end_ns;
    if told_ns >= end_ns {
        return;
    }
    let due_ns = if usable.is_quiet(told_ns, told_ns + QUIET_NS) {
        told_ns + QUIET_NS
    } else {
        let lost_ns = (end_ns - told_ns) - usable.between(told_ns, end_ns);
        told_ns + FAULTY_NS + lost_ns
    };
    let due_ns = due_ns.min(end_ns);
    let begun = intents(history).values().any(|intent| {
        let spec = &intent.spec;
        (spec.leg, spec.instrument) == (Leg::Entry, instrument)
            && (told_ns..=due_ns).contains(&intent.stored_ns)
    });
    let held = truth.position(instrument, due_ns);
    if held != 0 && !begun {
        let what = format!("symbol {instrument} was told to close and still holds {held}");
        violate(found, Invariant::Closed, due_ns, what);
    }
}
