//! Orders that were seen to be submitted, and the levels they make.

use std::collections::HashMap;

use aurora_core::instrument::Side;

/// What an event does to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderChange {
    Submitted {
        side: Side,
        price: i64,
        size: i64,
    },
    /// Cancelled in part, or executed.
    Reduced {
        size: i64,
    },
    Deleted,
}

/// A level after a change: the sum of the orders known at its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLevel {
    pub side: Side,
    pub price: i64,
    pub size: i64,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    side: Side,
    price: i64,
    size: i64,
}

/// Orders that rest. Those that rested before the first event are unknown, and so is their part of each level:
/// when they go, what is known stays as it is.
#[derive(Debug, Default)]
pub struct RestingOrders {
    orders: HashMap<i64, Order>,
    levels: HashMap<(Side, i64), i64>,
}

impl RestingOrders {
    /// Orders that rest.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// The level that changed, None when the order is not known.
    pub fn apply(&mut self, id: i64, change: OrderChange) -> Option<OrderLevel> {
        let (side, price, by) = match change {
            OrderChange::Submitted { side, price, size } => {
                // An id that is used again begins anew.
                let _ = self.apply(id, OrderChange::Deleted);
                self.orders.insert(id, Order { side, price, size });
                (side, price, size)
            }
            OrderChange::Reduced { size } => {
                let order = self.orders.get_mut(&id)?;
                let by = size.min(order.size);
                order.size -= by;
                let (side, price) = (order.side, order.price);
                if order.size == 0 {
                    self.orders.remove(&id);
                }
                (side, price, -by)
            }
            OrderChange::Deleted => {
                let order = self.orders.remove(&id)?;
                (order.side, order.price, -order.size)
            }
        };
        let level = self.levels.entry((side, price)).or_insert(0);
        *level = level.saturating_add(by);
        let size = *level;
        if size == 0 {
            self.levels.remove(&(side, price));
        }
        Some(OrderLevel { side, price, size })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn submitted(side: Side, price: i64, size: i64) -> OrderChange {
        OrderChange::Submitted { side, price, size }
    }

    #[test]
    fn levels_are_sums_of_known_orders() {
        let mut orders = RestingOrders::default();
        let size = |level: Option<OrderLevel>| level.map(|level| level.size);
        assert_eq!(
            size(orders.apply(1, submitted(Side::Buy, 100, 18))),
            Some(18)
        );
        assert_eq!(
            size(orders.apply(2, submitted(Side::Buy, 100, 5))),
            Some(23)
        );
        assert_eq!(
            size(orders.apply(3, submitted(Side::Sell, 100, 7))),
            Some(7)
        );
        assert_eq!(
            size(orders.apply(1, OrderChange::Reduced { size: 8 })),
            Some(15)
        );
        // An order from before the file began.
        assert_eq!(orders.apply(99, OrderChange::Deleted), None);
        assert_eq!(orders.apply(99, OrderChange::Reduced { size: 3 }), None);
        assert_eq!(size(orders.apply(1, OrderChange::Deleted)), Some(5));
        assert_eq!(
            size(orders.apply(2, OrderChange::Reduced { size: 9 })),
            Some(0)
        );
        assert_eq!(orders.apply(2, OrderChange::Deleted), None);
        assert_eq!(orders.levels.len(), 1);
    }

    proptest! {
        /// Against the sum taken anew over a plain list of orders.
        #[test]
        fn any_course_of_events(events in prop::collection::vec((0i64..8, 0u8..3, any::<bool>(), 0i64..3, 1i64..50), 0..200)) {
            let mut orders = RestingOrders::default();
            let mut list: Vec<(i64, Side, i64, i64)> = Vec::new();
            for (id, kind, buy, price, size) in events {
                let side = if buy { Side::Buy } else { Side::Sell };
                let known = list.iter().position(|order| order.0 == id);
                let (change, at) = match kind {
                    0 => {
                        list.retain(|order| order.0 != id);
                        list.push((id, side, price, size));
                        (submitted(side, price, size), Some((side, price)))
                    }
                    1 => {
                        let at = known.map(|n| (list[n].1, list[n].2));
                        if let Some(n) = known {
                            list[n].3 = (list[n].3 - size).max(0);
                        }
                        list.retain(|order| order.3 > 0);
                        (OrderChange::Reduced { size }, at)
                    }
                    _ => {
                        let at = known.map(|n| (list[n].1, list[n].2));
                        list.retain(|order| order.0 != id);
                        (OrderChange::Deleted, at)
                    }
                };
                let expected = at.map(|(side, price)| OrderLevel {
                    side,
                    price,
                    size: list.iter().filter(|o| o.1 == side && o.2 == price).map(|o| o.3).sum(),
                });
                prop_assert_eq!(orders.apply(id, change), expected);
            }
        }
    }
}
