//! What was told to close, by a close of its symbol or the kill switch: nothing of it opens or waits for a target any more,
//! and it is flat in time.

use std::collections::BTreeMap;

use super::exposure::{Usable, QUIET_NS};
use super::orders::stored_ns;
use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::{ClientId, LedgerKind, Leg, Order, ScheduledTrade, Verb};
use crate::sim::history::History;
use crate::sim::scenario::CONVERGENCE_NS;

/// What a row of the ledger means to a symbol.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// A trade is worked from here on.
    Begins {
        trace: u64,
    },
    /// Something that may open it, or wait for a price to take profit.
    Leaves {
        trace: u64,
        id: ClientId,
        leg: Leg,
    },
    Closed,
}

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let usable = Usable::new(history);
    for symbol in 0..history.instruments.len() {
        let deeds = deeds(history, symbol);
        nothing_follows(history, &deeds, found);
        for (number, (sequence, deed)) in deeds.iter().enumerate() {
            if matches!(deed, Deed::Closed) {
                let mut later = deeds[number..].iter();
                let next = later.find(|(_, deed)| {
                    matches!(
                        deed,
                        Deed::Begins { .. }
                            | Deed::Leaves {
                                leg: Leg::Entry,
                                ..
                            }
                    )
                });
                let next_ns = next.map(|(sequence, _)| stored_ns(history, *sequence));
                let told_ns = stored_ns(history, *sequence);
                is_flat_in_time(history, truth, &usable, symbol, (told_ns, next_ns), found);
            }
        }
    }
}

/// In the order of the ledger, with the rows' numbers.
fn deeds(history: &History, symbol: usize) -> Vec<(u64, Deed)> {
    let mut deeds = Vec::new();
    for row in &history.ledger {
        let deed = match row.kind {
            LedgerKind::Intent => row.decode::<Order>().ok().and_then(|order| {
                let (spec, id) = (*order.spec(), order.client_id());
                let (trace, leg) = (spec.trace, spec.leg);
                let counts = spec.instrument == symbol && matches!(leg, Leg::Entry | Leg::Target);
                counts.then_some(Deed::Leaves { trace, id, leg })
            }),
            LedgerKind::Schedule => row.decode::<ScheduledTrade>().ok().and_then(|trade| {
                let trace = trade.ticket.trace;
                (trade.ticket.instrument == symbol).then_some(Deed::Begins { trace })
            }),
            LedgerKind::Operator => row.decode::<Verb>().ok().and_then(|verb| {
                let all = verb == Verb::Kill;
                (all || verb == Verb::Close { instrument: symbol }).then_some(Deed::Closed)
            }),
            _ => None,
        };
        deeds.extend(deed.map(|deed| (row.sequence, deed)));
    }
    deeds
}

/// No entry and no target of a trade that began before leaves after.
fn nothing_follows(history: &History, deeds: &[(u64, Deed)], found: &mut Vec<Violation>) {
    // By trace: whether it has been told to close.
    let mut closed: BTreeMap<u64, bool> = BTreeMap::new();
    for (sequence, deed) in deeds {
        match deed {
            Deed::Begins { trace } => {
                closed.entry(*trace).or_default();
            }
            Deed::Leaves { trace, id, leg } => {
                if *closed.entry(*trace).or_default() {
                    let leg = leg.name();
                    let what = format!("{id} ({leg}) leaves though its trade was told to close");
                    let at_ns = stored_ns(history, *sequence);
                    violate(found, Invariant::Closed, at_ns, what);
                }
            }
            Deed::Closed => closed.values_mut().for_each(|closed| *closed = true),
        }
    }
}

/// The position is gone, or a later trade has begun, within a quiet second; where faults strike, when in the calm
/// everything has become known and the way to the venue is made once more.
fn is_flat_in_time(
    history: &History,
    truth: &Truth,
    usable: &Usable,
    symbol: usize,
    (told_ns, next_ns): (i64, Option<i64>),
    found: &mut Vec<Violation>,
) {
    let scenario = &history.scenario;
    let due_ns = if usable.is_quiet(told_ns, told_ns + QUIET_NS) {
        told_ns + QUIET_NS
    } else {
        told_ns.max(scenario.calm_ns) + CONVERGENCE_NS + QUIET_NS
    };
    if due_ns > scenario.end_ns || next_ns.is_some_and(|next| next <= due_ns) {
        return;
    }
    // What an entry on its way fills after the rest had gone begins a time of its own.
    let (mut held, mut since_ns) = (0, told_ns);
    let trades = truth.trades.iter().filter(|trade| trade.symbol == symbol);
    for trade in trades.take_while(|trade| trade.exchange_ns <= due_ns) {
        if held == 0 {
            since_ns = told_ns.max(trade.exchange_ns);
        }
        held += trade.side.sign() * trade.size;
    }
    if held != 0 && since_ns <= due_ns - QUIET_NS {
        let what = format!("symbol {symbol} was told to close and still holds {held}");
        violate(found, Invariant::Closed, due_ns, what);
    }
}
