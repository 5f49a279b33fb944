//! What was decided of an entry: never is more of it filled, and none of it leaves before its time.

use std::collections::BTreeMap;

use super::orders::Entry;
use super::{violate, Invariant, Violation};
use crate::execution::{LedgerKind, Pace, ScheduledEntry, ScheduledTrade};
use crate::sim::history::History;

/// The entries that are worked over time, by trace, as the ledger has them.
pub(super) fn schedules(history: &History) -> BTreeMap<u64, ScheduledEntry> {
    let rows = history.ledger.iter();
    let rows = rows.filter(|row| row.kind == LedgerKind::Schedule);
    rows.filter_map(|row| row.decode::<ScheduledTrade>().ok())
        .map(|trade| (trade.ticket.trace, trade.entry))
        .collect()
}

/// The entries of one decision, in the order of their attempts.
pub(super) fn no_more_than_decided(
    trace: u64,
    made: &[Entry],
    schedule: Option<&ScheduledEntry>,
    found: &mut Vec<Violation>,
) {
    let first = made.first().map_or(0, |(intent, _)| intent.spec.size);
    let decided = schedule.map_or(first, |entry| entry.size);
    let mut filled = 0;
    for (intent, life) in made {
        let at_ns = life.opened_ns.first().copied().unwrap_or(0);
        let asked = filled + intent.spec.size;
        let due = schedule.map_or(decided, |entry| due(entry, intent.local_ns));
        if asked > due.min(decided) {
            let id = intent.spec.client_id;
            let what = format!("{id} makes {asked} of trade {trace}, {decided} decided, {due} due");
            violate(found, Invariant::NoMoreThanDecided, at_ns, what);
        }
        filled += life.last().map_or(0, |last| last.executed);
        if filled > decided {
            let what = format!("trade {trace} filled {filled} of {decided} decided");
            violate(found, Invariant::NoMoreThanDecided, at_ns, what);
        }
    }
}

/// Most that may have left by a local time: shares of the slices that have begun. What the market had traded is not
/// told here, so that a rate of it is bound by the whole alone.
fn due(entry: &ScheduledEntry, local_ns: i64) -> i64 {
    let slices = i128::from(entry.schedule.slices);
    let passed = i128::from(local_ns - entry.begun_ns) * slices;
    let over = i128::from(entry.schedule.over_ns);
    let has_begun = |slice: &i128| slice * over <= passed;
    let begun = (0..slices).take_while(has_begun).count();
    let weights: Vec<i128> = match entry.schedule.pace {
        Pace::TimeWeighted => vec![1; slices as usize],
        Pace::VolumeWeighted { weights } => {
            let weights = weights.iter().take(slices as usize);
            weights.map(|weight| i128::from(*weight)).collect()
        }
        Pace::Participation { .. } | Pace::Iceberg { .. } => return entry.size,
    };
    let total: i128 = weights.iter().sum();
    let (share, total) = match total {
        0 => (begun as i128, slices),
        _ => (weights.iter().take(begun).sum(), total),
    };
    let lots = i128::from(entry.size / entry.lot);
    (lots * share / total) as i64 * entry.lot
}
