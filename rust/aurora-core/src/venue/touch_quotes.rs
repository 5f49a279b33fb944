//! A client that quotes both sides of the touch: what market making at its plainest meets at this venue.
//!
//! At each instant of a grid of local time it takes away what has rested long enough and places one post-only order a
//! side at the best prices that it knows. It hears the market at the local times of the recording and the venue after
//! the response latency; its requests reach the venue after the order latency.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::client_order_id::ClientOrderId;
use super::decimal::Decimal;
use super::exchange::Venue;
use super::latency::Latency;
use super::link::{Delivery, LinkLatency, VenueLink};
use super::order::{NewOrder, OrderStatus, TimeInForce};
use super::queue::QueueModel;
use super::request::{Call, OrderKey, Request};
use super::rules::SymbolRules;
use super::settings::{VenueFees, VenueSettings};
use super::stream::UserEventKind;
use crate::book::{Book, Quote};
use crate::event::EventBlock;
use crate::instrument::{Instrument, Side};
use crate::units::Money;

const ACCOUNT: u32 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TouchQuoteSettings {
    /// From one pair of quotes to the next, more than zero.
    pub every_ns: i64,
    /// From the placing of a quote to the sending of its cancel.
    pub rest_ns: i64,
    /// Before this local time nothing is quoted.
    pub start_ns: i64,
    pub order_latency_ns: i64,
    pub response_latency_ns: i64,
    pub queue: QueueModel,
    /// Lots of one quote.
    pub lots: i64,
}

/// One quote, from its sending to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchQuote {
    pub side: Side,
    pub price: i64,
    /// Local time of sending.
    pub sent_ns: i64,
    /// When the venue accepted it; none: it would have taken and was refused, or the market ended first.
    pub accepted_ns: Option<i64>,
    /// Exchange time at which its last lot was filled.
    pub filled_ns: Option<i64>,
    /// Size filled.
    pub filled: i64,
}

/// A quote that the client believes to rest.
#[derive(Debug, Clone, Copy)]
struct Live {
    id: ClientOrderId,
    until_ns: i64,
}

/// Runs the client over one capture and returns its quotes in the order of sending.
///
/// `local` holds the messages in the order in which they were received, `exchange` the same in the order in which they
/// happened (see [`by_exchange_time`]). `on_touch` is told the venue's touch after every message, at its exchange time.
pub fn quote_touch(
    instrument: &Instrument,
    local: &EventBlock,
    exchange: &EventBlock,
    settings: &TouchQuoteSettings,
    mut on_touch: impl FnMut(i64, Option<Quote>),
) -> Vec<TouchQuote> {
    let fees = VenueFees {
        maker_e8: 0,
        taker_e8: 0,
    };
    let venue_settings = VenueSettings {
        queue: settings.queue,
        keep_history: true,
        ..VenueSettings::replay(fees)
    };
    let rules = SymbolRules::open(instrument);
    let mut venue = Venue::new(venue_settings, vec![(instrument.clone(), rules)]);
    venue.add_account(Money::ZERO, i64::MIN);
    let latency = LinkLatency {
        orders: Latency::constant(settings.order_latency_ns),
        responses: Latency::constant(settings.response_latency_ns),
        feed: None,
    };
    let mut link = VenueLink::new(venue, latency);
    let mut book = Book::new(instrument.id.market, instrument.tick);
    let mut quotes: Vec<TouchQuote> = Vec::new();
    let mut live: VecDeque<Live> = VecDeque::new();
    let mut heard = local.messages.iter().peekable();
    let mut happening = exchange.messages.iter().peekable();
    let (first_ns, last_ns) = match (local.messages.first(), local.messages.last()) {
        (Some(first), Some(last)) => (first.local_ns, last.local_ns),
        _ => return quotes,
    };
    let every_ns = settings.every_ns.max(1);
    let mut now_ns = first_ns.max(settings.start_ns);
    while now_ns <= last_ns {
        while let Some(message) = happening.next_if(|message| message.exchange_ns <= now_ns) {
            link.on_market(0, exchange, message);
            on_touch(message.exchange_ns, link.venue().book(0).touch());
        }
        while let Some(message) = heard.next_if(|message| message.local_ns <= now_ns) {
            book.apply(local, message);
        }
        for (_, delivery) in link.receive(now_ns) {
            if let Delivery::Event(event) = delivery {
                if let UserEventKind::Order { order, .. } = event.kind {
                    if order.status == OrderStatus::Filled {
                        live.retain(|quote| quote.id != order.client_id);
                    }
                }
            }
        }
        while live.front().is_some_and(|quote| quote.until_ns <= now_ns) {
            if let Some(quote) = live.pop_front() {
                let order = OrderKey::Client(quote.id);
                let cancel = Request::Cancel { symbol: 0, order };
                link.send(Call::new(ACCOUNT, cancel), now_ns);
            }
        }
        if let Some(touch) = book.touch() {
            let until_ns = now_ns.saturating_add(settings.rest_ns);
            for (side, price) in [(Side::Buy, touch.bid.price), (Side::Sell, touch.ask.price)] {
                let Some(id) = ClientOrderId::parse(&quotes.len().to_string()) else {
                    continue;
                };
                let order = post_only(instrument, id, side, price, settings.lots);
                link.send(Call::new(ACCOUNT, Request::NewOrder(order)), now_ns);
                live.push_back(Live { id, until_ns });
                quotes.push(TouchQuote {
                    side,
                    price,
                    sent_ns: now_ns,
                    accepted_ns: None,
                    filled_ns: None,
                    filled: 0,
                });
            }
        }
        now_ns = now_ns.saturating_add(every_ns);
    }
    for message in happening {
        link.on_market(0, exchange, message);
        on_touch(message.exchange_ns, link.venue().book(0).touch());
    }
    tell_ends(link.venue(), &mut quotes);
    quotes
}

fn post_only(
    instrument: &Instrument,
    id: ClientOrderId,
    side: Side,
    price: i64,
    lots: i64,
) -> NewOrder {
    let price = Decimal::new(price, instrument.price_exponent);
    let size = Decimal::new(
        instrument.lot.saturating_mul(lots),
        instrument.size_exponent,
    );
    NewOrder {
        time_in_force: Some(TimeInForce::Gtx),
        ..NewOrder::limit(0, id, side, price, size)
    }
}

/// Writes what the venue knows of the quotes beside them. Client ids are their numbers.
fn tell_ends(venue: &Venue, quotes: &mut [TouchQuote]) {
    let number = |id: ClientOrderId| id.to_string().parse::<usize>().ok();
    let truth = venue.truth();
    for row in &truth.opened {
        let quote = number(row.client_id).and_then(|number| quotes.get_mut(number));
        if let Some(quote) = quote {
            quote.accepted_ns = Some(row.created_ns);
        }
    }
    for trade in &truth.trades {
        let quote = number(trade.client_id).and_then(|number| quotes.get_mut(number));
        if let Some(quote) = quote {
            quote.filled += trade.size;
            quote.filled_ns = Some(trade.exchange_ns);
        }
    }
}

/// The events in the order in which they happened; of one instant, in the order received.
pub fn by_exchange_time(local: &EventBlock) -> EventBlock {
    let mut events = local.clone();
    events.messages.sort_by_key(|message| message.exchange_ns);
    events
}

#[cfg(test)]
#[path = "touch_quotes_tests.rs"]
mod tests;
