//! A venue of one instrument as plain lists, for tests of the step.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::instrument::Side;
use crate::units::Money;

#[derive(Debug, Clone)]
pub(crate) struct NaiveOrder {
    pub spec: OrderSpec,
    pub filled: i64,
    pub end: Option<ReportStatus>,
    pub trades: Vec<(LastFill, i64)>,
}

impl NaiveOrder {
    pub fn left(&self) -> i64 {
        if self.end.is_some() {
            0
        } else {
            self.spec.size - self.filled
        }
    }
}

/// One instrument, one-way mode.
#[derive(Debug, Clone, Default)]
pub(crate) struct NaiveVenue {
    /// Post-only orders are refused for now.
    pub crosses: bool,
    pub orders: BTreeMap<ClientId, NaiveOrder>,
    pub position: i64,
    /// Σ −signed notional − fees: what cash has moved.
    pub cash: i128,
    trades: u64,
    now_ns: i64,
}

impl NaiveVenue {
    fn say(&self, id: ClientId, status: ReportStatus, evidence: Evidence) -> ExecutionReport {
        ExecutionReport {
            client_id: id,
            status,
            cumulative: self.orders.get(&id).map_or(0, |order| order.filled),
            last: None,
            rejection: None,
            evidence,
            exchange_ns: self.now_ns,
            local_ns: 0,
        }
    }

    fn reducible(&self, side: Side) -> i64 {
        (-side.sign() * self.position).max(0)
    }

    /// Every happening has a time of its own.
    fn tick(&mut self, now_ns: i64) {
        self.now_ns = (self.now_ns + 1).max(now_ns);
    }

    pub fn place(&mut self, order: &Order, now_ns: i64, price: i64) -> Vec<ExecutionReport> {
        self.tick(now_ns);
        let spec = *order.spec();
        let id = spec.client_id;
        assert!(!self.orders.contains_key(&id), "{id} was sent twice");
        if spec.time_in_force == TimeInForce::PostOnly && self.crosses {
            return vec![ExecutionReport {
                rejection: Some(Rejection::WouldCross),
                ..self.say(id, ReportStatus::Rejected, Evidence::VenueReply)
            }];
        }
        if spec.reduce_only && self.reducible(spec.side) == 0 {
            return vec![ExecutionReport {
                rejection: Some(Rejection::NothingToReduce),
                ..self.say(id, ReportStatus::Rejected, Evidence::VenueReply)
            }];
        }
        self.orders.insert(
            id,
            NaiveOrder {
                spec,
                filled: 0,
                end: None,
                trades: Vec::new(),
            },
        );
        let mut out = vec![self.say(id, ReportStatus::Accepted, Evidence::VenueReply)];
        if spec.time_in_force == TimeInForce::ImmediateOrCancel {
            let price = spec.price.unwrap_or(price);
            out.extend(self.fill(id, spec.size, now_ns, price));
            out.extend(self.end(id, ReportStatus::Expired));
        }
        out
    }

    fn end(&mut self, id: ClientId, status: ReportStatus) -> Option<ExecutionReport> {
        let order = self.orders.get_mut(&id)?;
        if order.end.is_some() {
            return None;
        }
        order.end = Some(status);
        self.now_ns += 1;
        Some(self.say(id, status, Evidence::VenueEvent))
    }

    /// Fills up to `size` of an open order, whatever the market; what a reducing order cannot reduce is cut.
    pub fn fill(
        &mut self,
        id: ClientId,
        size: i64,
        now_ns: i64,
        price: i64,
    ) -> Vec<ExecutionReport> {
        self.tick(now_ns);
        let Some(order) = self.orders.get(&id).filter(|order| order.end.is_none()) else {
            return Vec::new();
        };
        let spec = order.spec;
        let most = if spec.reduce_only {
            self.reducible(spec.side)
        } else {
            i64::MAX
        };
        let size = size.min(order.left()).min(most);
        let mut out = Vec::new();
        if size > 0 {
            self.trades += 1;
            let last = LastFill {
                trade_id: self.trades,
                price,
                size,
                fee: Money(3),
                liquidity: Liquidity::Taker,
                touch: None,
            };
            self.position += spec.side.sign() * size;
            let notional = super::gate_tests::instrument("A").notional(price, size).0;
            self.cash -= notional * i128::from(spec.side.sign()) + 3;
            let order = self.orders.get_mut(&id).unwrap();
            order.filled += size;
            order.trades.push((last, self.now_ns));
            let done = order.filled == spec.size;
            if done {
                order.end = Some(ReportStatus::Filled);
            }
            let status = if done {
                ReportStatus::Filled
            } else {
                ReportStatus::PartiallyFilled
            };
            out.push(ExecutionReport {
                last: Some(last),
                ..self.say(id, status, Evidence::VenueEvent)
            });
        }
        let left = self.orders[&id].left();
        if spec.reduce_only && left > 0 && self.reducible(spec.side) == 0 && size < left {
            out.extend(self.end(id, ReportStatus::Expired));
        }
        out
    }

    /// A stop that triggers takes all it can at once.
    pub fn trigger(&mut self, id: ClientId, now_ns: i64) -> Vec<ExecutionReport> {
        let Some(order) = self.orders.get(&id) else {
            return Vec::new();
        };
        let (size, price) = (order.left(), order.spec.trigger.unwrap_or(1));
        let mut out = self.fill(id, size, now_ns, price);
        out.extend(self.end(id, ReportStatus::Expired));
        out
    }

    pub fn cancel(&mut self, id: ClientId, now_ns: i64) -> Vec<ExecutionReport> {
        self.tick(now_ns);
        match self.end(id, ReportStatus::Cancelled) {
            Some(report) => vec![report],
            None => vec![ExecutionReport {
                rejection: Some(Rejection::UnknownOrder),
                cumulative: 0,
                ..self.say(id, ReportStatus::CancelRejected, Evidence::VenueReply)
            }],
        }
    }

    pub fn query(&mut self, id: ClientId, now_ns: i64) -> Vec<ExecutionReport> {
        self.tick(now_ns);
        let Some(order) = self.orders.get(&id) else {
            return vec![self.say(id, ReportStatus::NotFound, Evidence::Query)];
        };
        let trades = order.trades.iter().map(|(last, at)| ExecutionReport {
            last: Some(*last),
            cumulative: 0,
            exchange_ns: *at,
            ..self.say(id, ReportStatus::PartiallyFilled, Evidence::Query)
        });
        let mut out: Vec<_> = trades.collect();
        let status = order.end.unwrap_or(ReportStatus::Accepted);
        out.push(self.say(id, status, Evidence::Query));
        out
    }

    pub fn snapshot(&mut self, now_ns: i64) -> VenueSnapshot {
        self.tick(now_ns);
        let mut snapshot = VenueSnapshot {
            exchange_ns: self.now_ns,
            asked_ns: now_ns,
            local_ns: now_ns,
            ..VenueSnapshot::default()
        };
        for (id, order) in &self.orders {
            let listed = VenueOrder {
                client_id: Some(*id),
                name: VenueWord::default(),
                instrument: order.spec.instrument,
                status: order.end.unwrap_or(ReportStatus::Accepted),
                cumulative: order.filled,
                reduce_only: order.spec.reduce_only,
            };
            if order.end.is_some() {
                snapshot.closed_orders.push(listed);
            } else {
                snapshot.open_orders.push(listed);
            }
            let trades = order.trades.iter().map(|(fill, at)| VenueTrade {
                client_id: *id,
                fill: *fill,
                exchange_ns: *at,
            });
            snapshot.trades.extend(trades);
        }
        if self.position != 0 {
            snapshot.positions.push(VenuePosition {
                instrument: 0,
                holder: Side::Buy,
                size: self.position,
                entry_price: None,
            });
        }
        snapshot
    }

    pub fn open(&self, leg: Leg) -> Vec<ClientId> {
        let open = self
            .orders
            .iter()
            .filter(|(_, order)| order.end.is_none() && order.spec.leg == leg);
        open.map(|(id, _)| *id).collect()
    }

    /// Most that one stop at the venue would take off the position.
    pub fn protected(&self) -> i64 {
        let stops = self.orders.values().filter(|order| {
            order.end.is_none()
                && order.spec.leg == Leg::Stop
                && order.spec.side.sign() == -self.position.signum()
        });
        stops.map(NaiveOrder::left).max().unwrap_or(0)
    }
}
