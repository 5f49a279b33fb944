//! The venue's side: what became of every order, and when.

use std::collections::BTreeMap;

use super::{violate, Invariant, Violation};
use crate::execution::ClientId;
use crate::instrument::Side;
use crate::sim::history::History;
use crate::venue::{AlgoStatus, TradeRow};

/// How an order stood from a time on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub at_ns: i64,
    pub open: bool,
    /// Size that may still trade.
    pub left: i64,
    pub executed: i64,
    /// Size of it that rests as a conditional order.
    pub stop: i64,
}

/// Everything that bore one client id: an order, or a conditional order and what it became.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub symbol: usize,
    pub side: Side,
    pub reduce_only: bool,
    pub size: i64,
    pub price: Option<i64>,
    pub trigger: Option<i64>,
    /// Times at which a client made one; a triggered order is none of these.
    pub opened_ns: Vec<i64>,
    pub standings: Vec<Standing>,
}

impl Life {
    /// How it stood at a time; none before it came to be.
    pub fn at(&self, at_ns: i64) -> Option<&Standing> {
        let until = self.standings.partition_point(|one| one.at_ns <= at_ns);
        self.standings[..until].last()
    }

    pub fn last(&self) -> Option<&Standing> {
        self.standings.last()
    }
}

#[derive(Debug)]
pub(super) struct Truth<'a> {
    pub lives: BTreeMap<ClientId, Life>,
    pub trades: &'a [TradeRow],
}

/// A change of an order, with its place in time: conditional steps come before ordinary ones of the same instant.
enum Change {
    Algo {
        status: AlgoStatus,
        size: i64,
    },
    Order {
        open: bool,
        left: i64,
        executed: i64,
    },
}

impl<'a> Truth<'a> {
    pub fn new(history: &'a History, found: &mut Vec<Violation>) -> Truth<'a> {
        let truth = &history.truth;
        let mut lives: BTreeMap<ClientId, Life> = BTreeMap::new();
        let mut id_of_order = BTreeMap::new();
        let mut id_of_algo = BTreeMap::new();
        let mut strange = |at_ns, name: String| {
            let what = format!("{name} is no order of this desk");
            violate(found, Invariant::IntentBeforeOrder, at_ns, what);
        };
        for row in &truth.opened_algos {
            let Some(id) = ClientId::parse(&row.order.client_id.to_string()) else {
                strange(row.created_ns, row.order.client_id.to_string());
                continue;
            };
            id_of_algo.insert(row.algo_id, (id, row.size));
            let life = lives.entry(id).or_insert(Life {
                symbol: row.order.symbol,
                side: row.order.side,
                reduce_only: row.order.reduce_only,
                size: row.size,
                price: row.price,
                trigger: row.trigger,
                opened_ns: Vec::new(),
                standings: Vec::new(),
            });
            life.opened_ns.push(row.created_ns);
        }
        for row in &truth.opened {
            let Some(id) = ClientId::parse(&row.client_id.to_string()) else {
                strange(row.created_ns, row.client_id.to_string());
                continue;
            };
            id_of_order.insert(row.order_id, id);
            let life = lives.entry(id).or_insert(Life {
                symbol: row.symbol,
                side: row.side,
                reduce_only: row.reduce_only,
                size: row.size,
                price: row.price,
                trigger: None,
                opened_ns: Vec::new(),
                standings: Vec::new(),
            });
            if row.algo_id.is_none() {
                life.opened_ns.push(row.created_ns);
            }
        }
        let algos = truth.algo_steps.iter().filter_map(|step| {
            let (id, size) = *id_of_algo.get(&step.algo_id)?;
            let status = step.status;
            Some((step.exchange_ns, id, Change::Algo { status, size }))
        });
        let orders = truth.steps.iter().filter_map(|step| {
            let id = *id_of_order.get(&step.order_id)?;
            let open = step.status.is_open();
            let change = Change::Order {
                open,
                left: if open { step.size - step.executed } else { 0 },
                executed: step.executed,
            };
            Some((step.exchange_ns, id, change))
        });
        let mut changes: Vec<_> = algos.chain(orders).collect();
        changes.sort_by_key(|(at_ns, _, _)| *at_ns);
        for (at_ns, id, change) in changes {
            let Some(life) = lives.get_mut(&id) else {
                continue;
            };
            let executed = life.last().map_or(0, |last| last.executed);
            let standing = match change {
                Change::Algo { status, size } => match status {
                    AlgoStatus::New | AlgoStatus::Triggering => Standing {
                        at_ns,
                        open: true,
                        left: size,
                        executed,
                        stop: size,
                    },
                    AlgoStatus::Triggered => Standing {
                        at_ns,
                        open: true,
                        left: size,
                        executed,
                        stop: 0,
                    },
                    AlgoStatus::Finished => continue,
                    AlgoStatus::Canceled | AlgoStatus::Expired | AlgoStatus::Rejected => Standing {
                        at_ns,
                        open: false,
                        left: 0,
                        executed,
                        stop: 0,
                    },
                },
                Change::Order {
                    open,
                    left,
                    executed,
                } => Standing {
                    at_ns,
                    open,
                    left,
                    executed,
                    stop: 0,
                },
            };
            life.standings.push(standing);
        }
        Truth {
            lives,
            trades: &truth.trades,
        }
    }

    /// Signed size at the venue at a time.
    pub fn position(&self, symbol: usize, at_ns: i64) -> i64 {
        let until = self.trades.partition_point(|row| row.exchange_ns <= at_ns);
        let trades = self.trades[..until].iter();
        trades
            .filter(|row| row.symbol == symbol)
            .map(|row| row.side.sign() * row.size)
            .sum()
    }
}
