//! What the process believed of orders and fills, beside what was so.

use std::collections::{BTreeMap, BTreeSet};

use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::{OrderEventRow, OrderState};
use crate::sim::history::{History, LogEntry};

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let trades: BTreeMap<u64, _> = truth.trades.iter().map(|row| (row.trade_id, row)).collect();
    let mut booked = BTreeSet::new();
    for row in &history.log {
        match &row.entry {
            LogEntry::Order(order) => check_state(order, row.at_ns, truth, found),
            LogEntry::Fill(fill) => {
                let known = trades.get(&fill.trade_id).is_some_and(|trade| {
                    (trade.symbol, trade.side, trade.price, trade.size, trade.fee)
                        == (fill.instrument, fill.side, fill.price, fill.size, fill.fee)
                        && trade.client_id.to_string() == fill.client_id.as_str()
                });
                if !known {
                    let what = format!("no such trade: {fill:?}");
                    violate(found, Invariant::FillIsATrade, row.at_ns, what);
                }
                // What a killed process booked and did not store may be booked again in its next life.
                if !booked.insert((row.life, fill.trade_id)) {
                    let what =
                        format!("trade {} of {} booked again", fill.trade_id, fill.client_id);
                    violate(found, Invariant::FillIsATrade, row.at_ns, what);
                }
            }
            _ => {}
        }
    }
}

fn check_state(row: &OrderEventRow, at_ns: i64, truth: &Truth, found: &mut Vec<Violation>) {
    let id = row.spec.client_id;
    let life = truth.lives.get(&id);
    let standing = life.and_then(|life| life.at(at_ns));
    let executed = standing.map_or(0, |standing| standing.executed);
    let mut wrong = |why: &str| {
        let what = format!(
            "{id} ({}) taken for {} of {}: {why}",
            row.spec.leg.name(),
            row.state.name(),
            row.cumulative
        );
        violate(found, Invariant::EndHasEvidence, at_ns, what);
    };
    if row.cumulative > executed {
        wrong(&format!("the venue has executed {executed}"));
    }
    match row.state {
        OrderState::Filled
        | OrderState::Cancelled
        | OrderState::Expired
        | OrderState::ExpiredInMatch => match standing {
            None => wrong("the venue does not have it"),
            Some(standing) if standing.open => wrong("the venue holds it"),
            Some(_) => {}
        },
        OrderState::Rejected if life.is_some() => wrong("the venue took it"),
        OrderState::Absent => {
            if standing.is_none() && life.is_some() {
                wrong("the venue took it later");
            } else if standing.is_some_and(|standing| standing.open) {
                wrong("the venue holds it");
            } else if executed > row.cumulative {
                wrong(&format!("the venue has executed {executed}"));
            }
        }
        _ => {}
    }
}
