//! Books that corrections are applied to, and a venue of plain lists to compare them with.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::gate_tests::{instrument, limits, proposal, SECOND};
use super::order_tests::{report, trade};
use super::*;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

pub(super) const START: Money = Money(1_000_000_000_000);
pub(super) const ORDERS: u64 = 4;

pub(super) fn order(trace: u64) -> Order {
    let side = if trace.is_multiple_of(2) {
        Side::Buy
    } else {
        Side::Sell
    };
    let account = Exposure {
        busy: None,
        symbol_notional: Money::ZERO,
        gross_notional: Money::ZERO,
        equity: Money::ZERO,
        day_start_equity: Money::ZERO,
    };
    let touch = Touch {
        bid: 1000,
        ask: 1005,
    };
    let intent = Gate::new(limits(1000), SECOND)
        .check(
            &Proposal {
                instrument: (trace / 2 % 2) as usize,
                ..proposal(trace, side, Route::Maker)
            },
            &instrument("A"),
            Some(touch),
            &account,
            SECOND,
        )
        .unwrap();
    route_entry(&intent, &instrument("A"), touch).unwrap()
}

/// Books that corrections are applied to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Books {
    pub instruments: Vec<Instrument>,
    pub account: Account,
    pub orders: Vec<OrderRecord>,
    pub recent: Vec<RecentFill>,
    pub suspicions: Vec<Suspicion>,
    pub swept: BTreeSet<ClientId>,
}

impl Books {
    pub fn new() -> Books {
        Books {
            instruments: vec![instrument("A"), instrument("B")],
            account: Account::new(START, 2, PositionMode::OneWay),
            orders: (0..ORDERS)
                .map(|trace| OrderRecord::new(order(trace), 0))
                .collect(),
            recent: Vec::new(),
            suspicions: Vec::new(),
            swept: BTreeSet::new(),
        }
    }

    pub fn take(&mut self, report: &ExecutionReport) {
        let found = self
            .orders
            .iter_mut()
            .find(|record| record.spec().client_id == report.client_id);
        let Some(record) = found else {
            return;
        };
        let spec = *record.spec();
        if let Some(fill) = record.apply(report).fill {
            let (price, size, fee) = (fill.price, fill.size, fill.fee);
            self.account
                .fill(
                    spec.instrument,
                    &self.instruments[spec.instrument],
                    spec.holder(),
                    spec.side,
                    price,
                    size,
                    fee,
                )
                .unwrap();
            self.recent.push(RecentFill {
                exchange_ns: report.exchange_ns,
                trade_id: fill.trade_id,
                instrument: spec.instrument,
                holder: spec.holder(),
                size: spec.side.sign() * size,
            });
        }
    }

    pub fn reconcile(
        &self,
        snapshot: &VenueSnapshot,
        buffered: &[ExecutionReport],
    ) -> Reconciliation {
        let local = LocalBooks {
            instruments: &self.instruments,
            account: &self.account,
            orders: self.orders.iter().collect(),
            recent_fills: &self.recent,
            suspicions: &self.suspicions,
            swept: &self.swept,
            wallet_tolerance: Money::ZERO,
        };
        reconcile(&local, snapshot, buffered)
    }

    pub fn correct(&mut self, result: &Reconciliation) {
        for correction in &result.corrections {
            match correction {
                Correction::Report(report) => self.take(report),
                Correction::Position(correction) => {
                    let instrument = &self.instruments[correction.instrument];
                    if self.account.correct(instrument, correction).unwrap() {
                        self.recent.push(RecentFill::of(correction));
                    }
                }
                Correction::Cash(movement) => {
                    self.account.move_cash(movement).unwrap();
                }
            }
        }
        for command in &result.commands {
            if let Command::Cancel { client_id, .. } = command {
                self.swept.insert(*client_id);
            }
        }
        self.suspicions.clone_from(&result.suspicions);
    }
}

/// What happens at the venue to one order at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Happening {
    pub trace: u64,
    pub kind: u8,
    pub size: i64,
    /// Whether our stream lost it.
    pub lost: bool,
}

/// The venue as plain lists: (time, order, what).
pub(super) struct Truth {
    pub reports: Vec<(ExecutionReport, bool)>,
    pub end_ns: i64,
}

impl Truth {
    pub fn new(happenings: &[Happening]) -> Truth {
        let mut reports: Vec<(ExecutionReport, bool)> = Vec::new();
        let mut filled = [0i64; ORDERS as usize];
        let mut known = [false; ORDERS as usize];
        let mut ended = [false; ORDERS as usize];
        let mut now_ns = 10 * SECOND;
        for (number, one) in happenings.iter().enumerate() {
            let index = one.trace as usize;
            if ended[index] {
                continue;
            }
            now_ns += SECOND / 10;
            let id = order(one.trace).client_id();
            let mut row = if !known[index] {
                known[index] = true;
                report(id, ReportStatus::Accepted, 0)
            } else if one.kind < 6 {
                let size = one.size.min(100 - filled[index]);
                filled[index] += size;
                let price = 1000 + 5 * (number as i64 % 7);
                let mut row = trade(id, number as u64, price, size, filled[index]);
                if filled[index] == 100 {
                    row.status = ReportStatus::Filled;
                    ended[index] = true;
                }
                row
            } else {
                ended[index] = true;
                let status = [ReportStatus::Cancelled, ReportStatus::Expired][number % 2];
                report(id, status, filled[index])
            };
            row.exchange_ns = now_ns;
            row.local_ns = now_ns;
            reports.push((row, one.lost));
        }
        Truth {
            reports,
            end_ns: now_ns,
        }
    }

    pub fn until(&self, until_ns: i64) -> impl Iterator<Item = &ExecutionReport> {
        self.reports
            .iter()
            .map(|(row, _)| row)
            .filter(move |row| row.exchange_ns <= until_ns)
    }

    /// Naive snapshot of everything up to a time.
    pub fn snapshot(&self, until_ns: i64) -> VenueSnapshot {
        let mut snapshot = VenueSnapshot {
            exchange_ns: until_ns,
            asked_ns: until_ns,
            local_ns: until_ns + 5,
            ..VenueSnapshot::default()
        };
        let mut wallet = Account::new(START, 2, PositionMode::OneWay);
        let mut positions = [0i64; 2];
        for trace in 0..ORDERS {
            let spec = *order(trace).spec();
            let mine: Vec<_> = self
                .until(until_ns)
                .filter(|row| row.client_id == spec.client_id)
                .collect();
            let Some(last) = mine.last() else {
                continue;
            };
            let listed = VenueOrder {
                client_id: Some(spec.client_id),
                name: VenueWord::new(spec.client_id.as_str()),
                instrument: spec.instrument,
                status: last.status,
                cumulative: mine.iter().map(|row| row.cumulative).max().unwrap(),
                reduce_only: false,
            };
            let open = matches!(
                last.status,
                ReportStatus::Accepted | ReportStatus::PartiallyFilled
            );
            if open {
                snapshot.open_orders.push(listed);
            } else {
                snapshot.closed_orders.push(listed);
            }
        }
        // Realised P&L depends on the order of fills, so the wallet follows the venue's.
        for row in self.until(until_ns) {
            let Some(fill) = row.last else {
                continue;
            };
            let spec = (0..ORDERS)
                .map(|trace| *order(trace).spec())
                .find(|spec| spec.client_id == row.client_id)
                .unwrap();
            snapshot.trades.push(VenueTrade {
                client_id: row.client_id,
                fill,
                exchange_ns: row.exchange_ns,
            });
            positions[spec.instrument] += spec.side.sign() * fill.size;
            wallet
                .fill(
                    spec.instrument,
                    &instrument("A"),
                    spec.side,
                    spec.side,
                    fill.price,
                    fill.size,
                    fill.fee,
                )
                .unwrap();
        }
        for (instrument, size) in positions.into_iter().enumerate() {
            if size != 0 {
                snapshot.positions.push(VenuePosition {
                    instrument,
                    holder: Side::Buy,
                    size,
                    entry_price: None,
                });
            }
        }
        snapshot.wallet = Some(wallet.wallet());
        snapshot
    }
}
