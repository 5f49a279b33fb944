//! Reconciliation: our books and a snapshot of the venue's in, corrections, commands and differences out.
//!
//! A pure function. Corrections are ordinary inputs of the step - reports, a movement of cash, a change of
//! position - and as idempotent as those, so a reconciliation applied twice is one applied once. A snapshot may
//! be older than it claims; therefore absence counts as one piece of evidence only (`order.rs`), and a difference
//! of position or wallet that nothing explains is taken over when a later snapshot repeats it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::account::{Account, CashMovement};
use super::client_id::ClientId;
use super::order::OrderRecord;
use super::report::{Evidence, ExecutionReport, ReportStatus};
use super::snapshot::{
    DiffAction, DiffCause, DiffField, DiffRow, DiffValue, PositionCorrection, VenueSnapshot,
};
use super::step::Command;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

/// A later snapshot confirms a difference when it is at least this much later; no snapshot is older than it claims
/// by more than this.
pub const CONFIRMATION_NS: i64 = 2_000_000_000;

/// A fill that we know of, to tell what our position was at a watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentFill {
    pub exchange_ns: i64,
    /// Ids ascend: they tell what came first of what happened at once. Zero for a correction.
    pub trade_id: u64,
    pub instrument: usize,
    pub holder: Side,
    /// Signed.
    pub size: i64,
}

impl RecentFill {
    /// A correction of a position counts as a fill.
    pub fn of(correction: &PositionCorrection) -> RecentFill {
        RecentFill {
            exchange_ns: correction.exchange_ns,
            trade_id: 0,
            instrument: correction.instrument,
            holder: correction.holder,
            size: correction.size,
        }
    }

    /// Where it stands in the order in which things happened at the venue.
    pub(super) fn moment(&self) -> (i64, u64) {
        (self.exchange_ns, self.trade_id)
    }
}

/// What an unexplained difference is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Suspect {
    Position { instrument: usize, holder: Side },
    Wallet,
}

/// A difference that one snapshot has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    pub suspect: Suspect,
    pub difference: i128,
    /// Watermark of the snapshot that showed it first.
    pub since_ns: i64,
}

/// Our side of the comparison.
#[derive(Debug, Clone)]
pub struct LocalBooks<'a> {
    pub instruments: &'a [Instrument],
    pub account: &'a Account,
    /// Open orders and those that ended lately.
    pub orders: Vec<&'a OrderRecord>,
    /// The latest fills; all that happened at the venue after any watermark that may still come.
    pub recent_fills: &'a [RecentFill],
    pub suspicions: &'a [Suspicion],
    /// Orphans for which a cancel has been sent.
    pub swept: &'a BTreeSet<ClientId>,
    /// Differences of the wallet up to this are rounding.
    pub wallet_tolerance: Money,
}

/// An input that brings our books to what the venue says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Correction {
    Report(ExecutionReport),
    Position(PositionCorrection),
    Cash(CashMovement),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// To be applied in this order.
    pub corrections: Vec<Correction>,
    pub commands: Vec<Command>,
    pub rows: Vec<DiffRow>,
    /// Differences to be confirmed; they replace the ones before.
    pub suspicions: Vec<Suspicion>,
}

/// Compares. `buffered` are reports that came while the snapshot was under way.
pub fn reconcile(
    local: &LocalBooks,
    snapshot: &VenueSnapshot,
    buffered: &[ExecutionReport],
) -> Reconciliation {
    let mut work = Work {
        local,
        snapshot,
        orders: local
            .orders
            .iter()
            .map(|record| (record.spec().client_id, (*record).clone()))
            .collect(),
        account: local.account.clone(),
        lately: Vec::new(),
        result: Reconciliation::default(),
    };
    work.note_late_fills();
    work.apply_buffered(buffered);
    work.apply_trades();
    work.compare_listed();
    work.compare_unlisted();
    work.compare_positions();
    work.compare_wallet();
    work.result
}

pub(super) struct Work<'a> {
    pub(super) local: &'a LocalBooks<'a>,
    pub(super) snapshot: &'a VenueSnapshot,
    pub(super) orders: BTreeMap<ClientId, OrderRecord>,
    /// Our account with every fill that has come to light.
    pub(super) account: Account,
    /// Fills that the snapshot may or may not hold: it takes time, and may be older than it claims.
    pub(super) lately: Vec<RecentFill>,
    pub(super) result: Reconciliation,
}

impl Work<'_> {
    /// Earliest time of which the snapshot may be.
    fn earliest_ns(&self) -> i64 {
        self.snapshot.exchange_ns.saturating_sub(CONFIRMATION_NS)
    }

    fn note_late_fills(&mut self) {
        let earliest_ns = self.earliest_ns();
        let recent = self.local.recent_fills.iter();
        self.lately
            .extend(recent.filter(|fill| fill.exchange_ns > earliest_ns));
    }

    /// Applies a report to our copy; a correction if it changes anything. True then.
    pub(super) fn apply(&mut self, report: &ExecutionReport) -> bool {
        let Some(record) = self.orders.get_mut(&report.client_id) else {
            return false;
        };
        let before = record.clone();
        let room = before.spec().size.saturating_sub(before.filled());
        let transition = record.apply(report);
        if *record == before {
            return false;
        }
        let spec = *record.spec();
        if let Some(fill) = transition.fill {
            let instrument = self.local.instruments.get(spec.instrument);
            let booked = instrument.filter(|_| fill.size <= room).map(|instrument| {
                self.account.fill(
                    spec.instrument,
                    instrument,
                    spec.holder(),
                    spec.side,
                    fill.price,
                    fill.size,
                    fill.fee,
                )
            });
            if !matches!(booked, Some(Ok(()))) {
                // A trade that cannot be is no evidence.
                *record = before;
                return false;
            }
            if report.exchange_ns > self.earliest_ns() {
                self.lately.push(RecentFill {
                    exchange_ns: report.exchange_ns,
                    trade_id: fill.trade_id,
                    instrument: spec.instrument,
                    holder: spec.holder(),
                    size: spec.side.sign() * fill.size,
                });
            }
        }
        self.result.corrections.push(Correction::Report(*report));
        true
    }

    pub(super) fn said(
        &self,
        client_id: ClientId,
        status: ReportStatus,
        cumulative: i64,
        exchange_ns: i64,
    ) -> ExecutionReport {
        ExecutionReport {
            client_id,
            status,
            cumulative,
            last: None,
            rejection: None,
            evidence: Evidence::Query,
            exchange_ns,
            local_ns: self.snapshot.local_ns,
        }
    }

    pub(super) fn row(
        &mut self,
        client_id: Option<ClientId>,
        instrument: Option<usize>,
        (field, local, venue): (DiffField, DiffValue, DiffValue),
        (cause, action): (DiffCause, DiffAction),
    ) {
        let of_order = client_id.and_then(|id| self.orders.get(&id));
        self.result.rows.push(DiffRow {
            exchange_ns: self.snapshot.exchange_ns,
            instrument: instrument.or(of_order.map(|record| record.spec().instrument)),
            client_id,
            field,
            local,
            venue,
            cause,
            action,
        });
    }
}
