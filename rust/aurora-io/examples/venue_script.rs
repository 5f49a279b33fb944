//! One fixed script of orders through the simulated venue, for a comparison of fills with another simulator.
//!
//! ```console
//! venue_script script CAPTURE [mixed] > orders.csv
//! venue_script fills CAPTURE orders.csv QUEUE FILLS LATENCY_NS [tickers] > fills.csv
//! ```
//!
//! The script has, every half second from the tenth on, a bid and an ask: post-only at the touch, one tick behind it, or
//! immediate through it, in turns; what rests is cancelled just before the next pair. Its times are by the exchange's clock, so
//! nothing depends on how either side corrects the local one. Sizes are one lot, or mixed: then fills have parts. QUEUE is `risk_averse`, `risk_averse_literal`, `power3`
//! or `log`; FILLS is `cautious` or `whole`. Tickers are left out unless asked for: the other side has none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aurora_core::book::Book;
use aurora_core::event::{EventBlock, MessageKind};
use aurora_core::instrument::Side;
use aurora_core::units::Money;
use aurora_core::venue::{
    Call, Checks, ClientOrderId, CrossingFill, Decimal, ImmediateRefusal, Latency, LinkLatency,
    NewOrder, OrderKey, QueueModel, Request, SelfTradePrevention, SymbolRules, ThroughFill,
    TimeInForce, Venue, VenueFees, VenueLink, VenueSettings,
};

#[path = "shared/capture.rs"]
mod shared;
use shared::Capture;

const STEP_NS: i64 = 500_000_000;
const WARM_UP_NS: i64 = 10_000_000_000;
/// Script times lie half a millisecond off the exchange's, which has whole ones.
const OFF_NS: i64 = 500_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["script", capture, rest @ ..] => {
            let capture = Capture::read(capture);
            let mixed = rest.contains(&"mixed");
            script(&capture, &by_exchange(&capture, false), mixed);
        }
        ["fills", capture, orders, queue, fills, latency, rest @ ..] => {
            let capture = Capture::read(capture);
            let events = by_exchange(&capture, rest.contains(&"tickers"));
            let orders = std::fs::read_to_string(orders).unwrap();
            let settings = settings(queue, fills);
            run(
                &capture,
                &events,
                &orders,
                settings,
                latency.parse().unwrap(),
            );
        }
        _ => panic!("usage: venue_script script|fills CAPTURE ..."),
    }
}

/// Depth and trades in the order in which they happened.
fn by_exchange(capture: &Capture, tickers: bool) -> EventBlock {
    let mut events = capture.whole();
    events
        .messages
        .retain(|message| tickers || message.kind != MessageKind::Ticker);
    events.messages.sort_by_key(|message| message.exchange_ns);
    events
}

fn settings(queue: &str, fills: &str) -> VenueSettings {
    let fees = VenueFees {
        maker_e8: 20_000,
        taker_e8: 50_000,
    };
    let queue = match queue {
        "risk_averse" => QueueModel::RiskAverse,
        "risk_averse_literal" => QueueModel::RiskAverseLiteral,
        "power3" => QueueModel::Power(3.0),
        "log" => QueueModel::Log,
        other => panic!("no queue model {other:?}"),
    };
    let (through, crossing) = match fills {
        "cautious" => (ThroughFill::TradeSize, CrossingFill::Displayed),
        "whole" => (ThroughFill::Whole, CrossingFill::Whole),
        other => panic!("no fill rule {other:?}"),
    };
    VenueSettings {
        queue,
        through,
        crossing,
        immediate: ImmediateRefusal::AcceptedThenExpired,
        budgets: None,
        checks: Checks {
            filters: false,
            margin: false,
        },
        meet_own_orders: false,
        sweep_reduce_only: false,
        ..VenueSettings::exchange(fees)
    }
}

/// Rows `time_ns,do,id,side,price,size,time_in_force`, price in ticks and size in lots.
fn script(capture: &Capture, events: &EventBlock, mixed: bool) {
    println!("time_ns,do,id,side,price,size,time_in_force");
    let tick = capture.instrument.tick;
    let mut book = Book::new(capture.instrument.id.market, tick);
    let start_ns = events.messages[0].exchange_ns;
    let mut due_ns = start_ns - start_ns.rem_euclid(STEP_NS) + WARM_UP_NS + OFF_NS;
    let mut id = 0;
    for message in &events.messages {
        while message.exchange_ns > due_ns {
            let Some(touch) = book.touch() else { break };
            if id > 0 {
                for open in [id - 1, id] {
                    println!("{},cancel,{open},,,,", due_ns - 10_000_000);
                }
            }
            let turn = (id / 2) % 6;
            for (side, best) in [(Side::Buy, touch.bid.price), (Side::Sell, touch.ask.price)] {
                id += 1;
                let (away, tif) = match turn {
                    0 | 1 | 3 => (0, "GTX"),
                    2 | 4 => (1, "GTC"),
                    _ => (-3, "IOC"),
                };
                let price = best / tick - side.sign() * away;
                let size = if mixed { [1, 10, 100][id % 3] } else { 1 };
                println!("{due_ns},submit,{id},{side:?},{price},{size},{tif}");
            }
            due_ns += STEP_NS;
        }
        book.apply(events, message);
    }
}

fn run(
    capture: &Capture,
    events: &EventBlock,
    orders: &str,
    settings: VenueSettings,
    latency_ns: i64,
) {
    let instrument = capture.instrument.clone();
    let rules = SymbolRules::open(&instrument);
    let mut venue = Venue::new(settings, vec![(instrument, rules)]);
    venue.add_account(Money(0), 0);
    let latency = LinkLatency {
        orders: Latency::constant(latency_ns),
        responses: Latency::constant(latency_ns),
        feed: None,
    };
    let mut link = VenueLink::new(venue, latency);
    let mut rows = orders.lines().skip(1).peekable();
    for message in &events.messages {
        while let Some(row) = rows.peek() {
            let cells: Vec<&str> = row.split(',').collect();
            let time_ns: i64 = cells[0].parse().unwrap();
            if time_ns >= message.exchange_ns {
                break;
            }
            link.send(Call::new(0, request(capture, &cells)), time_ns);
            rows.next();
        }
        link.on_market(0, events, message);
    }
    println!("id,exchange_ns,price,size,taker");
    for trade in &link.venue().truth().trades {
        let taker = trade.liquidity == aurora_core::execution::Liquidity::Taker;
        println!(
            "{},{},{},{},{}",
            trade.client_id,
            trade.exchange_ns,
            trade.price / capture.instrument.tick,
            trade.size / capture.instrument.lot,
            u8::from(taker)
        );
    }
}

fn request(capture: &Capture, cells: &[&str]) -> Request {
    let id = ClientOrderId::parse(cells[2]).unwrap();
    if cells[1] == "cancel" {
        return Request::Cancel {
            symbol: 0,
            order: OrderKey::Client(id),
        };
    }
    let side = if cells[3] == "Buy" {
        Side::Buy
    } else {
        Side::Sell
    };
    let steps = |cell: &str| cell.parse::<i64>().unwrap();
    let instrument = &capture.instrument;
    let price = Decimal::new(steps(cells[4]) * instrument.tick, instrument.price_exponent);
    let size = Decimal::new(steps(cells[5]) * instrument.lot, instrument.size_exponent);
    let time_in_force = TimeInForce::ALL
        .into_iter()
        .find(|it| it.name() == cells[6])
        .unwrap();
    Request::NewOrder(NewOrder {
        time_in_force: Some(time_in_force),
        self_trade_prevention: SelfTradePrevention::None,
        ..NewOrder::limit(0, id, side, price, size)
    })
}
