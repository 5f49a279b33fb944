//! After the calm: what is known, and what is left.

use std::collections::BTreeMap;

use super::orders::intents;
use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::{ClientId, OrderEventRow};
use crate::sim::history::{History, LogEntry};
use crate::sim::scenario::{CONVERGENCE_NS, SECOND};

/// What happened at the venue this long ago must be known; the way home takes its time even on a good line.
const NEWS_NS: i64 = SECOND;

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let at_ns = history.scenario.calm_ns + CONVERGENCE_NS;
    check_orders(history, truth, at_ns, found);
    check_orders(history, truth, history.scenario.end_ns, found);
    for symbol in 0..history.instruments.len() {
        let held = truth.position(symbol, history.scenario.end_ns);
        if held != 0 {
            let what = format!("symbol {symbol} still holds {held}");
            violate(found, Invariant::Converged, history.scenario.end_ns, what);
        }
    }
}

/// Every order is known to be open, or to have ended as it did.
fn check_orders(history: &History, truth: &Truth, at_ns: i64, found: &mut Vec<Violation>) {
    let mut believed: BTreeMap<ClientId, &OrderEventRow> = BTreeMap::new();
    let until = history.log.partition_point(|row| row.at_ns <= at_ns);
    for row in &history.log[..until] {
        if let LogEntry::Order(order) = &row.entry {
            believed.insert(order.spec.client_id, order);
        }
    }
    let news_ns = at_ns - NEWS_NS;
    for (id, intent) in intents(history) {
        if intent.stored_ns > news_ns {
            continue;
        }
        let leg = intent.spec.leg.name();
        let life = truth.lives.get(&id);
        let standing = life.and_then(|life| life.at(at_ns));
        let is_news = standing.is_some_and(|standing| standing.at_ns > news_ns);
        let Some(row) = believed.get(&id) else {
            let what = format!("{id} ({leg}) was forgotten");
            violate(found, Invariant::Converged, at_ns, what);
            continue;
        };
        let state = row.state;
        let wrong = match standing {
            _ if is_news => None,
            None if !state.is_terminal() => Some("never came to be".to_string()),
            Some(standing) if standing.open && state.is_terminal() => Some("is open".to_string()),
            Some(standing) if !standing.open && !state.is_terminal() => {
                Some("has ended".to_string())
            }
            Some(standing) if standing.executed != row.cumulative => {
                Some(format!("has filled {}", standing.executed))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let (name, cumulative) = (state.name(), row.cumulative);
            let what = format!("{id} ({leg}) {wrong}, and is taken for {name} of {cumulative}");
            violate(found, Invariant::Converged, at_ns, what);
        }
    }
}
