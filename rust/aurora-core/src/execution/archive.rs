//! Orders of trades that are over, kept for a day: a late report finds its order, and a duplicate is known as one.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::order::OrderRecord;

const KEPT_NS: i64 = 86_400_000_000_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Archive {
    orders: BTreeMap<ClientId, OrderRecord>,
    /// Local time of archiving, in order.
    queue: VecDeque<(i64, ClientId)>,
}

impl Archive {
    pub fn put(&mut self, record: OrderRecord, now_ns: i64) {
        while let Some((at, id)) = self.queue.front().copied() {
            if at.saturating_add(KEPT_NS) >= now_ns {
                break;
            }
            self.queue.pop_front();
            self.orders.remove(&id);
        }
        let id = record.spec().client_id;
        self.queue.push_back((now_ns, id));
        self.orders.insert(id, record);
    }

    pub fn get(&self, id: &ClientId) -> Option<&OrderRecord> {
        self.orders.get(id)
    }

    pub fn take(&mut self, id: &ClientId) -> Option<OrderRecord> {
        let record = self.orders.remove(id)?;
        self.queue.retain(|(_, kept)| kept != id);
        Some(record)
    }

    /// How many attempts of a leg's first number a trade has made, as far as they are kept.
    pub fn attempts(&self, trace: u64, leg: Leg) -> u32 {
        let mine = self.orders.values().map(OrderRecord::spec);
        let attempts = mine.filter(|spec| spec.trace == trace && spec.leg == leg);
        attempts.map(|spec| spec.attempt + 1).max().unwrap_or(0)
    }

    pub fn orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.orders.values()
    }
}

#[cfg(test)]
mod tests {
    use super::super::order_tests::order;
    use super::*;

    #[test]
    fn attempts_are_those_of_the_trade_and_the_leg() {
        let mut archive = Archive::default();
        assert_eq!(archive.attempts(1, Leg::Entry), 0);
        archive.put(OrderRecord::new(order(), 1), 1);
        assert_eq!(archive.attempts(1, Leg::Entry), 1);
        assert_eq!(archive.attempts(1, Leg::Exit), 0);
        assert_eq!(archive.attempts(2, Leg::Entry), 0);
    }
}
