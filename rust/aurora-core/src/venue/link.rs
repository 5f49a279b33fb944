//! A venue at the other end of a line: requests arrive late, so do replies, events and market data.
//!
//! The caller gives requests by local time and market messages by exchange time, and takes what has arrived by local
//! time. Each direction is one connection, so nothing on it overtakes what was sent before. At one instant of the
//! exchange's clock the market comes before requests.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::exchange::Venue;
use super::latency::Latency;
use super::request::{Call, Reply};
use super::stream::UserEvent;
use crate::event::{EventBlock, Message};

/// Latency of each direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLatency {
    pub orders: Latency,
    pub responses: Latency,
    /// Market data; none takes the local time that the recording has.
    pub feed: Option<Latency>,
}

/// What arrives at the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    Reply { request: u64, reply: Reply },
    Event(UserEvent),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VenueLink {
    venue: Venue,
    latency: LinkLatency,
    requests: VecDeque<(i64, u64, Call)>,
    deliveries: VecDeque<(i64, Delivery)>,
    last_request: u64,
    last_feed_ns: i64,
}

impl VenueLink {
    pub fn new(venue: Venue, latency: LinkLatency) -> VenueLink {
        VenueLink {
            venue,
            latency,
            requests: VecDeque::new(),
            deliveries: VecDeque::new(),
            last_request: 0,
            last_feed_ns: i64::MIN,
        }
    }

    pub fn venue(&self) -> &Venue {
        &self.venue
    }

    /// Sends a request at local time; returns the number that its reply will bear.
    pub fn send(&mut self, call: Call, local_ns: i64) -> u64 {
        let due_ns = local_ns.saturating_add(self.latency.orders.next(local_ns));
        let last_ns = self
            .requests
            .back()
            .map_or(i64::MIN, |(due_ns, _, _)| *due_ns);
        self.last_request += 1;
        self.requests
            .push_back((due_ns.max(last_ns), self.last_request, call));
        self.last_request
    }

    /// Lets a market message happen at its exchange time, after the requests that reached the venue before it.
    /// Returns the local time at which the client hears of it.
    pub fn on_market(&mut self, symbol: usize, block: &EventBlock, message: &Message) -> i64 {
        let now_ns = message.exchange_ns;
        self.run(now_ns.saturating_sub(1));
        self.venue.on_market(symbol, block, message, now_ns);
        self.deliver(now_ns, None);
        let local_ns = match &mut self.latency.feed {
            None => message.local_ns,
            Some(latency) => now_ns.saturating_add(latency.next(now_ns)),
        };
        self.last_feed_ns = self.last_feed_ns.max(local_ns);
        self.last_feed_ns
    }

    /// Handles everything due at the venue up to and including this exchange time.
    pub fn run(&mut self, until_ns: i64) {
        while let Some((due_ns, _, _)) = self.requests.front() {
            if *due_ns > until_ns {
                break;
            }
            if let Some((due_ns, request, call)) = self.requests.pop_front() {
                let reply = self.venue.handle(&call, due_ns);
                self.deliver(due_ns, Some(Delivery::Reply { request, reply }));
            }
        }
        self.venue.advance(until_ns);
        self.deliver(until_ns, None);
    }

    fn deliver(&mut self, exchange_ns: i64, reply: Option<Delivery>) {
        if reply.is_none() && !self.venue.has_events() {
            return;
        }
        let arrives = exchange_ns.saturating_add(self.latency.responses.next(exchange_ns));
        let last_ns = self
            .deliveries
            .back()
            .map_or(i64::MIN, |(due_ns, _)| *due_ns);
        let due_ns = arrives.max(last_ns);
        self.deliveries.extend(reply.map(|reply| (due_ns, reply)));
        for event in self.venue.drain_events() {
            self.deliveries.push_back((due_ns, Delivery::Event(event)));
        }
    }

    /// Takes what has arrived up to and including this local time, with the time of each arrival.
    pub fn receive(&mut self, until_ns: i64) -> Vec<(i64, Delivery)> {
        let arrived = self
            .deliveries
            .partition_point(|(due_ns, _)| *due_ns <= until_ns);
        self.deliveries.drain(..arrived).collect()
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
