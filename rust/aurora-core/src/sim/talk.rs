//! A question that takes several requests: about one order, or about the whole account.

use super::words::{algo_status_of, bare, desk_id, last_fill, status_of};
use crate::execution::{
    ClientId, Evidence, ExecutionReport, ReportStatus, VenueOrder, VenuePosition, VenueSnapshot,
    VenueTrade, VenueWord,
};
use crate::instrument::{Instrument, Side};
use crate::units::{divide_half_even, power_of_ten};
use crate::venue::{
    AlgoRow, Answer, ClientOrderId, OrderKey, OrderRow, Reply, Request, TradeRow, VenueError,
};

/// One request of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Order,
    Algo,
    Trades(usize),
    Account,
    OpenOrders(usize),
    OpenAlgos(usize),
    AllOrders(usize),
}

#[derive(Debug, Clone)]
enum Subject {
    Order {
        instrument: usize,
        id: ClientId,
        conditional: bool,
    },
    Account {
        symbols: usize,
        asked_ns: i64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Conversation {
    subject: Subject,
    /// Parts without an answer.
    missing: Vec<Part>,
    answers: Vec<(Part, Answer)>,
    not_found: usize,
    failed: bool,
    /// Earliest time at the venue of any answer.
    exchange_ns: i64,
}

impl Conversation {
    fn new(subject: Subject, missing: Vec<Part>) -> Conversation {
        Conversation {
            subject,
            missing,
            answers: Vec::new(),
            not_found: 0,
            failed: false,
            exchange_ns: i64::MAX,
        }
    }

    /// About one order, which may have become an ordinary one.
    pub fn about(instrument: usize, id: ClientId, conditional: bool) -> Conversation {
        let subject = Subject::Order {
            instrument,
            id,
            conditional,
        };
        let mut parts = vec![Part::Order, Part::Trades(instrument)];
        if conditional {
            parts.push(Part::Algo);
        }
        Conversation::new(subject, parts)
    }

    pub fn of_account(symbols: usize, asked_ns: i64) -> Conversation {
        let mut parts = vec![Part::Account];
        for symbol in 0..symbols {
            parts.extend([
                Part::OpenOrders(symbol),
                Part::OpenAlgos(symbol),
                Part::AllOrders(symbol),
                Part::Trades(symbol),
            ]);
        }
        Conversation::new(Subject::Account { symbols, asked_ns }, parts)
    }

    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.missing.iter().copied()
    }

    pub fn request(&self, part: Part) -> Option<Request> {
        let order = match &self.subject {
            Subject::Order { id, .. } => ClientOrderId::parse(id.as_str()).map(OrderKey::Client),
            Subject::Account { .. } => None,
        };
        Some(match part {
            Part::Order => match self.subject {
                Subject::Order { instrument, .. } => Request::Query {
                    symbol: instrument,
                    order: order?,
                },
                Subject::Account { .. } => return None,
            },
            Part::Algo => Request::QueryAlgo { order: order? },
            Part::Trades(symbol) => Request::Trades {
                symbol,
                from_trade_id: 0,
                limit: 1_000,
            },
            Part::Account => Request::Account,
            Part::OpenOrders(symbol) => Request::OpenOrders {
                symbol: Some(symbol),
            },
            Part::OpenAlgos(symbol) => Request::OpenAlgos {
                symbol: Some(symbol),
            },
            Part::AllOrders(symbol) => Request::AllOrders {
                symbol,
                from_order_id: 0,
                limit: 1_000,
            },
        })
    }

    pub fn hear(&mut self, part: Part, reply: &Reply) {
        self.missing.retain(|missing| *missing != part);
        self.exchange_ns = self.exchange_ns.min(reply.exchange_ns);
        match &reply.outcome {
            Ok(answer) => self.answers.push((part, answer.clone())),
            Err(VenueError::NoSuchOrder) => self.not_found += 1,
            Err(_) => self.failed = true,
        }
    }

    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    fn trades(&self) -> impl Iterator<Item = &TradeRow> {
        self.answers.iter().flat_map(|(_, answer)| match answer {
            Answer::Trades(trades) => trades.as_slice(),
            _ => &[],
        })
    }

    /// What the answers say of the order that was asked about.
    pub fn reports(&self, local_ns: i64) -> Vec<ExecutionReport> {
        let Subject::Order {
            id, conditional, ..
        } = self.subject
        else {
            return Vec::new();
        };
        let query = Evidence::Query;
        let of_order = |trade: &&TradeRow| desk_id(trade.client_id) == Some(id);
        let mut reports: Vec<ExecutionReport> = self
            .trades()
            .filter(of_order)
            .map(|trade| ExecutionReport {
                last: Some(last_fill(trade)),
                ..bare(
                    id,
                    ReportStatus::PartiallyFilled,
                    0,
                    query,
                    (trade.exchange_ns, local_ns),
                )
            })
            .collect();
        if self.failed {
            return reports;
        }
        let times = (self.exchange_ns, local_ns);
        let order = self.answers.iter().find_map(|(_, answer)| match answer {
            Answer::Order(row) => Some(*row),
            _ => None,
        });
        let algo = self.answers.iter().find_map(|(_, answer)| match answer {
            Answer::Algo(row) => Some(*row),
            _ => None,
        });
        let said = match (order, algo) {
            (Some(row), _) => Some((status_of(row.status), row.executed)),
            (None, Some(algo)) => algo_status_of(algo.status).map(|status| (status, 0)),
            (None, None) => {
                let asked = 1 + usize::from(conditional);
                (self.not_found >= asked).then_some((ReportStatus::NotFound, 0))
            }
        };
        reports.extend(said.map(|(status, cumulative)| bare(id, status, cumulative, query, times)));
        reports
    }

    /// The account, if every part of it was answered.
    pub fn snapshot(&self, local_ns: i64, instruments: &[Instrument]) -> Option<VenueSnapshot> {
        let Subject::Account { asked_ns, symbols } = self.subject else {
            return None;
        };
        if self.failed || self.not_found > 0 || self.answers.len() != 1 + 4 * symbols {
            return None;
        }
        let mut snapshot = VenueSnapshot {
            exchange_ns: self.exchange_ns,
            asked_ns,
            local_ns,
            ..VenueSnapshot::default()
        };
        for (part, answer) in &self.answers {
            match answer {
                Answer::Account(account) => {
                    snapshot.wallet = Some(account.wallet);
                    for row in &account.positions {
                        let side = Side::from_sign(row.holding.size)?;
                        let instrument = instruments.get(row.symbol)?;
                        snapshot.positions.push(VenuePosition {
                            instrument: row.symbol,
                            holder: side,
                            size: row.holding.size,
                            entry_price: entry_price(&row.holding, instrument),
                        });
                    }
                }
                Answer::Orders(rows) => {
                    let all = matches!(part, Part::AllOrders(_));
                    let open = rows.iter().filter(|row| !all || !row.status.is_open());
                    let listed = open.map(listed_order);
                    if all {
                        snapshot.closed_orders.extend(listed);
                    } else {
                        snapshot.open_orders.extend(listed);
                    }
                }
                Answer::Algos(rows) => snapshot.open_orders.extend(rows.iter().map(listed_algo)),
                Answer::Trades(rows) => {
                    snapshot.trades.extend(rows.iter().filter_map(|trade| {
                        Some(VenueTrade {
                            client_id: desk_id(trade.client_id)?,
                            fill: last_fill(trade),
                            exchange_ns: trade.exchange_ns,
                        })
                    }));
                }
                _ => {}
            }
        }
        // Open when all orders were listed, and not among the open ones: it ended in between, or they were listed first.
        let open = self.answers.iter().flat_map(|(part, answer)| match answer {
            Answer::Orders(rows) if matches!(part, Part::AllOrders(_)) => rows.as_slice(),
            _ => &[],
        });
        for row in open.filter(|row| row.status.is_open()).map(listed_order) {
            let known = snapshot.open_orders.iter().map(|order| order.client_id);
            if !known.into_iter().any(|id| id == row.client_id) {
                snapshot.open_orders.push(row);
            }
        }
        Some(snapshot)
    }
}

/// Cost over size, in price quanta, rounded half-even.
fn entry_price(holding: &crate::venue::Holding, instrument: &Instrument) -> Option<i64> {
    let decimals = instrument.price_exponent + instrument.size_exponent;
    let scale = i128::from(power_of_ten(8u8.checked_sub(decimals)?));
    let size = i128::from(holding.size.abs()) * scale;
    i64::try_from(divide_half_even(holding.cost.0, size)).ok()
}

fn listed_order(row: &OrderRow) -> VenueOrder {
    VenueOrder {
        client_id: desk_id(row.client_id),
        name: VenueWord::default(),
        instrument: row.symbol,
        status: status_of(row.status),
        cumulative: row.executed,
        reduce_only: row.reduce_only,
    }
}

fn listed_algo(row: &AlgoRow) -> VenueOrder {
    VenueOrder {
        client_id: desk_id(row.order.client_id),
        name: VenueWord::default(),
        instrument: row.order.symbol,
        status: ReportStatus::Accepted,
        cumulative: 0,
        reduce_only: row.order.reduce_only,
    }
}
