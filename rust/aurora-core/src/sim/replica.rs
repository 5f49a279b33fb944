//! A replica of the venue that lags: it answers questions about the account with what was true a while ago.

use std::collections::VecDeque;

use super::random::Random;
use super::scenario::MILLISECOND;
use crate::venue::{AccountSnapshot, AlgoRow, Answer, OrderRow, Request, Venue};

/// Oldest that an answer may be; less than what proves absence or confirms a difference.
pub(super) const STALEST_NS: i64 = 1_800 * MILLISECOND;
/// Longest time with one lag.
const LONGEST_LAG_NS: i64 = 2_000 * MILLISECOND;

/// The account at an earlier time.
#[derive(Debug, Clone)]
struct Past {
    at_ns: i64,
    account: AccountSnapshot,
    orders: Vec<OrderRow>,
    algos: Vec<AlgoRow>,
    trades: usize,
}

#[derive(Debug)]
pub(super) struct Replica {
    past: VecDeque<Past>,
    /// Positions are told by another service, which does not lag: they show what the orders and trades hide still.
    positions_lead: bool,
    /// How old every answer is until when; otherwise each is of another age.
    lag: Option<(i64, i64)>,
}

impl Replica {
    pub fn new(positions_lead: bool) -> Replica {
        Replica {
            past: VecDeque::new(),
            positions_lead,
            lag: None,
        }
    }

    /// Remembers the account as it is now.
    pub fn remember(&mut self, venue: &Venue, account: u32, now_ns: i64) {
        let is_too_old = |past: &Past| past.at_ns <= now_ns - STALEST_NS;
        while self.past.get(1).is_some_and(is_too_old) {
            self.past.pop_front();
        }
        self.past.push_back(Past {
            at_ns: now_ns,
            account: venue.account_snapshot(account),
            orders: venue.open_orders(account, None),
            algos: venue.open_algos(account, None),
            trades: venue.truth().trades.len(),
        });
    }

    /// Whether it is asked at all.
    pub fn answers(&self, request: &Request) -> bool {
        match request {
            Request::Account => !self.positions_lead,
            Request::OpenOrders { .. }
            | Request::OpenAlgos { .. }
            | Request::AllOrders { .. }
            | Request::Trades { .. } => true,
            _ => false,
        }
    }

    /// How old the answer to a question of now is. Where positions lead, a lag lasts, so that what belongs together is
    /// hidden together; otherwise the parts of a snapshot contradict each other.
    fn age_ns(&mut self, random: &mut Random, now_ns: i64) -> i64 {
        if let Some((_, age_ns)) = self.lag.filter(|(until_ns, _)| now_ns < *until_ns) {
            return age_ns;
        }
        let age_ns = random.between(100 * MILLISECOND, STALEST_NS);
        if self.positions_lead {
            let lasts_ns = random.between(100 * MILLISECOND, LONGEST_LAG_NS);
            self.lag = Some((now_ns + lasts_ns, age_ns));
        }
        age_ns
    }

    /// Its answer of `account`, if it was there already at the time that it is behind.
    pub fn answer(
        &mut self,
        request: &Request,
        venue: &Venue,
        random: &mut Random,
        (account, now_ns): (u32, i64),
    ) -> Option<Answer> {
        let as_of_ns = now_ns - self.age_ns(random, now_ns);
        let past = self.past.iter().rev().find(|past| past.at_ns <= as_of_ns)?;
        Some(match request {
            Request::Account => Answer::Account(past.account.clone()),
            Request::OpenOrders { symbol } => {
                let of = past.orders.iter().filter(|row| Some(row.symbol) == *symbol);
                Answer::Orders(of.copied().collect())
            }
            Request::OpenAlgos { symbol } => {
                let of = past.algos.iter();
                let of = of.filter(|row| Some(row.order.symbol) == *symbol);
                Answer::Algos(of.copied().collect())
            }
            Request::AllOrders { symbol, .. } => {
                let Ok(Answer::Orders(rows)) = venue.query(account, request) else {
                    return None;
                };
                let ended = rows.into_iter();
                let ended =
                    ended.filter(|row| !row.status.is_open() && row.updated_ns <= past.at_ns);
                let open = past.orders.iter().filter(|row| row.symbol == *symbol);
                Answer::Orders(ended.chain(open.copied()).collect())
            }
            Request::Trades { symbol, .. } => {
                let trades = venue.truth().trades.iter().take(past.trades);
                let of = trades.filter(|row| row.symbol == *symbol);
                Answer::Trades(of.copied().collect())
            }
            _ => return None,
        })
    }
}
