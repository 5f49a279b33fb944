//! A history as text, line by line in true time.

use super::check::Violation;
use super::history::{History, LogEntry};

/// Everything that happened, and what is wrong with it. Times are seconds since the run began.
pub fn story(history: &History, found: &[Violation]) -> String {
    let start_ns = history.scenario.start_ns;
    let mut lines: Vec<(i64, u8, String)> = Vec::new();
    let truth = &history.truth;
    for (at_ns, fault) in &history.faults {
        lines.push((*at_ns, 0, format!("fault   {}", fault.name())));
    }
    for (from, until) in &history.outages {
        lines.push((
            *from,
            0,
            format!("outage  for {} ms", (until - from) / 1_000_000),
        ));
    }
    for row in &truth.opened_algos {
        let order = &row.order;
        let text = format!(
            "venue   conditional {} {} {:?} {} at {:?}, symbol {}",
            row.algo_id, order.client_id, order.side, row.size, row.trigger, order.symbol
        );
        lines.push((row.created_ns, 1, text));
    }
    for step in &truth.algo_steps {
        let text = format!(
            "venue   conditional {} {}",
            step.algo_id,
            step.status.name()
        );
        lines.push((step.exchange_ns, 2, text));
    }
    for row in &truth.opened {
        let text = format!(
            "venue   order {} {} {:?} {} at {:?} {}, symbol {}",
            row.order_id,
            row.client_id,
            row.side,
            row.size,
            row.price,
            row.time_in_force.name(),
            row.symbol
        );
        lines.push((row.created_ns, 3, text));
    }
    for step in &truth.steps {
        let (status, executed) = (step.status.name(), step.executed);
        let text = format!(
            "venue   order {} {status}, {executed} of {}",
            step.order_id, step.size
        );
        lines.push((step.exchange_ns, 4, text));
    }
    for trade in &truth.trades {
        let text = format!(
            "venue   trade {} of order {}: {:?} {} at {}, symbol {}",
            trade.trade_id, trade.order_id, trade.side, trade.size, trade.price, trade.symbol
        );
        lines.push((trade.exchange_ns, 4, text));
    }
    for row in &history.log {
        let said = match &row.entry {
            LogEntry::Order(order) => format!(
                "{} {} {}: {}, filled {}{}",
                order.spec.leg.name(),
                order.spec.client_id,
                order.event.name(),
                order.state.name(),
                order.cumulative,
                order
                    .rejection
                    .map_or(String::new(), |why| format!(", {}", why.name()))
            ),
            LogEntry::Fill(fill) => format!(
                "fill {} of {} {}: {:?} {} at {}",
                fill.trade_id,
                fill.leg.name(),
                fill.client_id,
                fill.side,
                fill.size,
                fill.price
            ),
            LogEntry::Diff(diff) => format!(
                "differs: {:?} {:?} {:?} {:?} {:?} {:?}",
                diff.client_id, diff.field, diff.local, diff.venue, diff.cause, diff.action
            ),
            LogEntry::Decision { trace, reason } => format!("trade {trace}: {reason}"),
            LogEntry::Account {
                instrument,
                position,
                reserved,
                cash,
            } => format!("symbol {instrument}: {position} held, {reserved} reserved, {cash} cash"),
            LogEntry::Failure(what) => format!("FAILURE {what}"),
        };
        lines.push((row.at_ns, 5, format!("life {}  {said}", row.life)));
    }
    for violation in found {
        let name = violation.invariant.name();
        lines.push((
            violation.at_ns,
            6,
            format!("VIOLATED {name}: {}", violation.what),
        ));
    }
    let calm = format!("calm    after {:?}", history.scenario);
    lines.push((history.scenario.calm_ns, 0, calm));
    lines.sort_by_key(|(at_ns, order, _)| (*at_ns, *order));
    let mut text = String::new();
    for (at_ns, _, line) in lines {
        let at = (at_ns - start_ns) as f64 * 1e-9;
        text.push_str(&format!("{at:>10.6}  {line}\n"));
    }
    text.push_str(&format!(
        "seed {}: {} events, {} violations\n",
        history.scenario.seed,
        history.events,
        found.len()
    ));
    text
}
