//! Measures the simulated venue on one capture and prints the figures as one JSON object.
//!
//! ```console
//! measure_venue CAPTURE [REPEATS]
//! ```
//!
//! The venue is given every message of the capture, by exchange time as a venue meets them: idle, with one post-only
//! order a side that never fills, and with one a side at the touch, placed anew every second. A market event is a
//! level update applied to the book, a ticker or a trade.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;

use aurora_core::event::EventBlock;
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_core::venue::{
    Call, ClientOrderId, Decimal, NewOrder, QueueModel, Request, SymbolRules, TimeInForce, Venue,
    VenueFees, VenueSettings,
};

#[path = "shared/capture.rs"]
mod shared;
use shared::{interleaved, print, Capture, LEAST_REPEATS};

const SECOND_NS: i64 = 1_000_000_000;
/// Distance of an order that never fills, in ticks.
const FAR: i64 = 1_000;

#[derive(Clone, Copy, PartialEq)]
enum Orders {
    None,
    /// One a side, far from the touch.
    Far,
    /// One a side at the touch, cancelled and placed anew every second.
    Touch,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, repeats) = match arguments.as_slice() {
        [path] => (path, LEAST_REPEATS),
        [path, repeats] => (path, repeats.parse().expect("REPEATS is a number")),
        _ => panic!("usage: measure_venue CAPTURE [REPEATS]"),
    };
    let capture = Capture::read(path);
    let mut events = capture.whole();
    events.messages.sort_by_key(|message| message.exchange_ns);
    let rows: u64 = events
        .messages
        .iter()
        .map(|message| match message.kind {
            aurora_core::event::MessageKind::Diff | aurora_core::event::MessageKind::Snapshot => {
                u64::from(message.bids + message.asks)
            }
            _ => 1,
        })
        .sum();
    let mut fills = 0;
    let mut way = |orders: Orders, queue: QueueModel| {
        let (venue, count) = run(&capture, &events, orders, queue);
        black_box(&venue);
        fills = count.max(fills);
    };
    let (cautious, log) = (QueueModel::RiskAverse, QueueModel::Log);
    let cell = std::cell::RefCell::new(&mut way);
    let [idle, far, touch, estimated] = interleaved(
        repeats,
        [
            &mut || cell.borrow_mut()(Orders::None, cautious),
            &mut || cell.borrow_mut()(Orders::Far, cautious),
            &mut || cell.borrow_mut()(Orders::Touch, cautious),
            &mut || cell.borrow_mut()(Orders::Touch, log),
        ],
    );
    let messages = events.messages.len() as f64;
    let rows = rows as f64;
    print(&vec![
        ("messages", messages),
        ("market_events", rows),
        ("fills", fills as f64),
        ("idle_ns_per_event", idle / rows),
        ("resting_ns_per_event", far / rows),
        ("touch_ns_per_event", touch / rows),
        ("touch_log_queue_ns_per_event", estimated / rows),
        ("resting_million_events_per_s", rows / far * 1e3),
        ("touch_million_events_per_s", rows / touch * 1e3),
        ("touch_million_messages_per_s", messages / touch * 1e3),
    ]);
}

fn run(
    capture: &Capture,
    events: &EventBlock,
    orders: Orders,
    queue: QueueModel,
) -> (Venue, usize) {
    let fees = VenueFees {
        maker_e8: 20_000,
        taker_e8: 50_000,
    };
    let settings = VenueSettings {
        queue,
        budgets: None,
        ..VenueSettings::exchange(fees)
    };
    let instrument = capture.instrument.clone();
    let rules = SymbolRules::open(&instrument);
    let mut venue = Venue::new(settings, vec![(instrument, rules)]);
    venue.add_account(Money(10_000_000_000_000_000), 0);
    let mut due_ns = i64::MIN;
    let mut placed = 0;
    for message in &events.messages {
        let now_ns = message.exchange_ns;
        venue.on_market(0, events, message, now_ns);
        let wanted = match orders {
            Orders::None => false,
            Orders::Far => placed == 0,
            Orders::Touch => now_ns >= due_ns,
        };
        if wanted {
            if let Some(touch) = venue.book(0).touch() {
                due_ns = now_ns + SECOND_NS;
                placed += 1;
                let away = if orders == Orders::Far { FAR } else { 0 } * capture.instrument.tick;
                venue.handle(&Call::new(0, Request::CancelAll { symbol: 0 }), now_ns);
                let price = [touch.bid.price - away, touch.ask.price + away];
                for (side, price) in [Side::Buy, Side::Sell].into_iter().zip(price) {
                    let id = ClientOrderId::parse(&format!("{side:?}{placed}")).unwrap();
                    let px = Decimal::new(price, capture.instrument.price_exponent);
                    let qty = Decimal::new(
                        capture.instrument.lot * 10,
                        capture.instrument.size_exponent,
                    );
                    let order = NewOrder {
                        time_in_force: Some(TimeInForce::Gtx),
                        ..NewOrder::limit(0, id, side, px, qty)
                    };
                    venue.handle(&Call::new(0, Request::NewOrder(order)), now_ns);
                }
            }
        }
    }
    let fills = venue.truth().trades.len();
    (venue, fills)
}
