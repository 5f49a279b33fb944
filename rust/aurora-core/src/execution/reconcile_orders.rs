//! Reconciliation of orders: what the venue lists, what it does not, and what nobody manages any more.

use std::collections::BTreeSet;

use super::client_id::ClientId;
use super::order::{OrderRecord, OrderState};
use super::reconcile::Work;
use super::report::{ExecutionReport, ReportStatus};
use super::snapshot::{DiffAction, DiffCause, DiffField, DiffValue, VenueOrder};
use super::step::Command;

impl Work<'_> {
    pub(super) fn apply_buffered(&mut self, buffered: &[ExecutionReport]) {
        let mut ordered: Vec<&ExecutionReport> = buffered.iter().collect();
        ordered.sort_by_key(|report| {
            let trade = report.last.map(|last| last.trade_id);
            (
                report.exchange_ns,
                report.local_ns,
                report.client_id,
                trade,
                report.cumulative,
            )
        });
        for report in ordered {
            self.apply(report);
        }
    }

    pub(super) fn apply_trades(&mut self) {
        let mut trades = self.snapshot.trades.clone();
        trades.sort_by_key(|trade| (trade.exchange_ns, trade.fill.trade_id, trade.client_id));
        for trade in trades {
            let before = self.orders.get(&trade.client_id).map(OrderRecord::filled);
            let report = ExecutionReport {
                last: Some(trade.fill),
                ..self.said(
                    trade.client_id,
                    ReportStatus::PartiallyFilled,
                    0,
                    trade.exchange_ns,
                )
            };
            let known = self
                .orders
                .get(&trade.client_id)
                .is_some_and(|record| record.has_trade(trade.fill.trade_id));
            if !known && self.apply(&report) {
                let local = DiffValue::Amount(i128::from(before.unwrap_or(0)));
                let after = self.orders.get(&trade.client_id).map(OrderRecord::filled);
                let venue = DiffValue::Amount(i128::from(after.unwrap_or(0)));
                self.row(
                    Some(trade.client_id),
                    None,
                    (DiffField::Filled, local, venue),
                    (DiffCause::MissedEvent, DiffAction::Applied),
                );
            }
        }
    }

    /// Orders that the venue lists, as open or as ended.
    pub(super) fn compare_listed(&mut self) {
        let open = self.snapshot.open_orders.iter().map(|order| (order, true));
        let closed = self
            .snapshot
            .closed_orders
            .iter()
            .map(|order| (order, false));
        let mut listed: Vec<(VenueOrder, bool)> =
            open.chain(closed).map(|(o, open)| (*o, open)).collect();
        listed.sort_by_key(|(order, open)| (order.client_id, order.name, !open, order.cumulative));
        for (order, open) in listed {
            let known = order
                .client_id
                .and_then(|id| self.orders.get(&id))
                .map(|record| (record.spec().client_id, record.state(), record.ended_ns()));
            match (known, open) {
                (Some((id, state, ended_ns)), true)
                    if state.is_terminal() && state != OrderState::Absent =>
                {
                    // Ended after the snapshot: nothing is wrong.
                    if ended_ns.is_none_or(|ended| ended < self.snapshot.exchange_ns) {
                        self.sweep(id, &order);
                    }
                }
                (Some((id, state, _)), _) => self.compare_order(id, state, &order),
                (None, true) => match order.client_id {
                    Some(id) => self.sweep(id, &order),
                    None => self.row(
                        None,
                        Some(order.instrument),
                        (
                            DiffField::State,
                            DiffValue::Missing,
                            DiffValue::Status(order.status),
                        ),
                        (DiffCause::Foreign, DiffAction::None),
                    ),
                },
                (None, false) => {}
            }
        }
    }

    fn compare_order(&mut self, id: ClientId, before: OrderState, order: &VenueOrder) {
        let filled = self.orders.get(&id).map_or(0, OrderRecord::cumulative);
        let report = self.said(
            id,
            order.status,
            order.cumulative,
            self.snapshot.exchange_ns,
        );
        self.apply(&report);
        let Some(record) = self.orders.get(&id) else {
            return;
        };
        let (after, cumulative) = (record.state(), record.cumulative());
        let missing = record.filled() < cumulative;
        if after != before {
            let values = (
                DiffField::State,
                DiffValue::State(before),
                DiffValue::Status(order.status),
            );
            self.row(
                Some(id),
                None,
                values,
                (DiffCause::MissedEvent, DiffAction::Applied),
            );
        }
        if cumulative > filled || missing {
            let cause = if missing {
                (DiffCause::MissingTrade, DiffAction::Inquire)
            } else {
                (DiffCause::MissedEvent, DiffAction::Applied)
            };
            let amount = |size: i64| DiffValue::Amount(i128::from(size));
            self.row(
                Some(id),
                None,
                (DiffField::Filled, amount(filled), amount(order.cumulative)),
                cause,
            );
        }
    }

    /// An order that nobody here manages any more. What reduces a position that is still there stays until it
    /// is flat: a stop without a master is better than none.
    fn sweep(&mut self, id: ClientId, order: &VenueOrder) {
        let held = self
            .snapshot
            .positions
            .iter()
            .any(|position| position.instrument == order.instrument && position.size != 0);
        let action = if order.reduce_only && held || self.local.swept.contains(&id) {
            DiffAction::None
        } else {
            DiffAction::Cancel
        };
        let local = self.orders.get(&id).map(OrderRecord::state);
        self.row(
            Some(id),
            Some(order.instrument),
            (
                DiffField::State,
                local.map_or(DiffValue::Missing, DiffValue::State),
                DiffValue::Status(order.status),
            ),
            (DiffCause::Orphan, action),
        );
        if action == DiffAction::Cancel {
            self.result.commands.push(Command::Cancel {
                instrument: order.instrument,
                client_id: id,
            });
        }
    }

    /// Orders that we hold open and the venue does not list.
    pub(super) fn compare_unlisted(&mut self) {
        let listed: BTreeSet<ClientId> = self
            .snapshot
            .open_orders
            .iter()
            .chain(&self.snapshot.closed_orders)
            .filter_map(|order| order.client_id)
            .collect();
        let missing: Vec<(ClientId, OrderState, ReportStatus)> = self
            .orders
            .values()
            .filter(|record| {
                let newer = record
                    .held_ns()
                    .is_some_and(|held| held > self.snapshot.exchange_ns);
                !record.state().is_terminal()
                    && record.placed_ns() < self.snapshot.asked_ns
                    && !newer
            })
            .filter(|record| !listed.contains(&record.spec().client_id))
            .map(|record| {
                let spec = record.spec();
                let status = if spec.trigger.is_some() {
                    ReportStatus::NotListed
                } else {
                    ReportStatus::NotFound
                };
                (spec.client_id, record.state(), status)
            })
            .collect();
        for (id, before, status) in missing {
            let report = self.said(id, status, 0, self.snapshot.exchange_ns);
            self.apply(&report);
            self.row(
                Some(id),
                None,
                (
                    DiffField::State,
                    DiffValue::State(before),
                    DiffValue::Missing,
                ),
                (DiffCause::NotListed, DiffAction::Inquire),
            );
        }
    }
}
