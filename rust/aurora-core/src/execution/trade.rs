//! One trade of one instrument: its entry, its stops, its exits, and when each of them is due.

use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Leg};
use super::gate::Intent;
use super::order::{OrderRecord, OrderState};
use super::router::{floor_lot, TimeInForce};
use crate::instrument::Instrument;
use crate::units::Money;

/// Wait before an exit that ended without flattening is sent again; doubles up to the largest.
const EXIT_RETRY_FIRST_NS: i64 = 250_000_000;
const EXIT_RETRY_LARGEST_NS: i64 = 2_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trade {
    pub intent: Intent,
    /// Entry first, then stops and exits as they were made.
    pub orders: Vec<OrderRecord>,
    /// When a working entry is cancelled; none for an entry that cannot rest.
    pub entry_expires_ns: Option<i64>,
    /// The trade is being flattened: deadline, a stop that filled, or protection that failed.
    pub closing: bool,
    pub stops_made: u32,
    pub exits_made: u32,
    /// No exit before this time: backoff after one that did not flatten.
    pub exit_ready_ns: i64,
}

impl Trade {
    pub fn new(intent: Intent, entry: OrderRecord, now_ns: i64, entry_ttl_ns: i64) -> Trade {
        let rests = entry.spec().time_in_force == TimeInForce::PostOnly;
        Trade {
            intent,
            orders: vec![entry],
            entry_expires_ns: rests.then_some(now_ns.saturating_add(entry_ttl_ns)),
            closing: false,
            stops_made: 0,
            exits_made: 0,
            exit_ready_ns: i64::MIN,
        }
    }

    pub fn order_index(&self, client_id: &ClientId) -> Option<usize> {
        self.orders
            .iter()
            .position(|order| order.spec().client_id == *client_id)
    }

    pub fn legs(&self, leg: Leg) -> impl Iterator<Item = &OrderRecord> {
        self.orders
            .iter()
            .filter(move |order| order.spec().leg == leg)
    }

    fn any_open(&self, leg: Leg) -> bool {
        self.legs(leg).any(|order| !order.is_complete())
    }

    pub fn entry_open(&self) -> bool {
        self.any_open(Leg::Entry)
    }

    pub fn exit_open(&self) -> bool {
        self.any_open(Leg::Exit)
    }

    pub fn all_complete(&self) -> bool {
        self.orders.iter().all(OrderRecord::is_complete)
    }

    /// Size that resting stops may still take off the position.
    pub fn protected(&self) -> i64 {
        self.legs(Leg::Stop).map(OrderRecord::open_size).sum()
    }

    /// A stop has filled, or ended without our asking: the trade is over, protection is used up or missing.
    pub fn stop_spent(&self) -> bool {
        self.legs(Leg::Stop).any(|stop| {
            stop.cumulative() > 0
                || matches!(stop.state(), OrderState::Rejected | OrderState::Expired)
                || (stop.state() == OrderState::Cancelled && !stop.is_cancel_requested())
        })
    }

    /// When an exit that has just ended may be followed by another.
    pub fn back_off(&mut self, now_ns: i64) {
        let doublings = self.exits_made.saturating_sub(1).min(8);
        let wait = (EXIT_RETRY_FIRST_NS << doublings).min(EXIT_RETRY_LARGEST_NS);
        self.exit_ready_ns = now_ns.saturating_add(wait);
    }

    /// Whether the position needs an exit that nothing has been sent for.
    pub fn wants_exit(&self, position: i64, instrument: &Instrument) -> bool {
        self.closing && floor_lot(position.saturating_abs(), instrument) > 0 && !self.exit_open()
    }

    /// The next time at which something is due of itself.
    pub fn next_timer(&self, position: i64, instrument: &Instrument) -> Option<i64> {
        if self.closing {
            return self
                .wants_exit(position, instrument)
                .then_some(self.exit_ready_ns);
        }
        let deadline = self.intent.proposal().deadline_ns;
        let entry = &self.orders[0];
        match self.entry_expires_ns {
            Some(expires) if !entry.state().is_terminal() && !entry.is_cancel_requested() => {
                Some(expires.min(deadline))
            }
            _ => Some(deadline),
        }
    }

    /// Notional of the entry that may still fill, at its limit price.
    pub fn reserved(&self, instrument: &Instrument) -> Money {
        let mut sum = Money::ZERO;
        for entry in self.legs(Leg::Entry) {
            let price = entry.spec().price.unwrap_or(0);
            sum += instrument.notional(price, entry.open_size());
        }
        sum
    }
}
