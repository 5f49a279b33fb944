//! Measures the simulated venue on one capture and prints the figures as one JSON object.
//!
//! ```console
//! measure_venue orders CAPTURE [REPEATS]
//! measure_venue maker CAPTURE [REPEATS]
//! ```
//!
//! `orders`: the venue is given every message of the capture, by exchange time as a venue meets them: idle, with one post-only
//! order a side that never fills, and with one a side at the touch, placed anew every second. A market event is a
//! level update applied to the book, a ticker or a trade.
//!
//! `maker`: a client with a book of its own and a latency of a millisecond each way cancels and requotes one order a side
//! at the touch every 100 ms; with and without the tickers of the capture, which other simulators leave out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;

use aurora_core::event::{EventBlock, MessageKind};
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_core::venue::{
    by_exchange_time, quote_touch, Call, ClientOrderId, Decimal, NewOrder, QueueModel, Request,
    SymbolRules, TimeInForce, TouchQuote, TouchQuoteSettings, Venue, VenueFees, VenueSettings,
};

#[path = "shared/capture.rs"]
mod shared;
use shared::{interleaved, print, Capture, Figures, LEAST_REPEATS};

const SECOND_NS: i64 = 1_000_000_000;
const REQUOTE_NS: i64 = 100_000_000;
const MAKER_LATENCY_NS: i64 = 1_000_000;
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
    let usage = "usage: measure_venue orders|maker CAPTURE [REPEATS]";
    let (what, path, repeats) = match arguments.as_slice() {
        [what, path] => (what, path, LEAST_REPEATS),
        [what, path, repeats] => (what, path, repeats.parse().expect("REPEATS is a number")),
        _ => panic!("{usage}"),
    };
    let capture = Capture::read(path);
    let figures = match what.as_str() {
        "orders" => orders(&capture, repeats),
        "maker" => maker(&capture, repeats),
        _ => panic!("{usage}"),
    };
    print(&figures);
}

/// Level updates, tickers and trades.
fn market_events(events: &EventBlock) -> f64 {
    let rows = |kind, levels: u32| match kind {
        MessageKind::Diff | MessageKind::Snapshot => u64::from(levels),
        MessageKind::Ticker | MessageKind::Trade => 1,
    };
    let of = events.messages.iter();
    of.map(|message| rows(message.kind, message.bids + message.asks))
        .sum::<u64>() as f64
}

fn maker(capture: &Capture, repeats: usize) -> Figures {
    let local = capture.whole();
    let mut bare = local.clone();
    bare.messages
        .retain(|message| message.kind != MessageKind::Ticker);
    let settings = TouchQuoteSettings {
        every_ns: REQUOTE_NS,
        rest_ns: REQUOTE_NS,
        start_ns: i64::MIN,
        order_latency_ns: MAKER_LATENCY_NS,
        response_latency_ns: MAKER_LATENCY_NS,
        queue: QueueModel::RiskAverse,
        lots: 1,
    };
    let instrument = &capture.instrument;
    let (happened, bare_happened) = (by_exchange_time(&local), by_exchange_time(&bare));
    let with = || quote_touch(instrument, &local, &happened, &settings, |_, _| {});
    let without = || quote_touch(instrument, &bare, &bare_happened, &settings, |_, _| {});
    let [all, trades_and_depth] = interleaved(
        repeats,
        [&mut || drop(black_box(with())), &mut || {
            drop(black_box(without()))
        }],
    );
    let count = |quotes: &[TouchQuote], which: fn(&TouchQuote) -> bool| {
        quotes.iter().filter(|quote| which(quote)).count() as f64
    };
    let quotes = without();
    vec![
        ("market_events", market_events(&bare)),
        ("quotes", quotes.len() as f64),
        (
            "refused",
            count(&quotes, |quote| quote.accepted_ns.is_none()),
        ),
        ("fills", count(&quotes, |quote| quote.filled > 0)),
        ("ns", trades_and_depth),
        ("ns_per_event", trades_and_depth / market_events(&bare)),
        ("tickers_market_events", market_events(&local)),
        ("tickers_ns", all),
        ("tickers_ns_per_event", all / market_events(&local)),
    ]
}

fn orders(capture: &Capture, repeats: usize) -> Figures {
    let mut events = capture.whole();
    events.messages.sort_by_key(|message| message.exchange_ns);
    let rows = market_events(&events);
    let mut fills = 0;
    let mut way = |orders: Orders, queue: QueueModel| {
        let (venue, count) = run(capture, &events, orders, queue);
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
    vec![
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
    ]
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
