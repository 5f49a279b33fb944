#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::desk::test_market::{instrument, Frames};
use crate::instrument::Side::{Buy, Sell};
use crate::venue::test_bench::{dollars, limit, FEES};
use crate::venue::{
    Answer, Checks, OrderStatus, Request, SymbolRules, UserEventKind, VenueSettings,
};

fn link(orders: Latency, responses: Latency) -> VenueLink {
    let settings = VenueSettings {
        checks: Checks {
            filters: false,
            margin: false,
        },
        ..VenueSettings::exchange(FEES)
    };
    let symbol = instrument("A");
    let rules = SymbolRules::open(&symbol);
    let mut venue = Venue::new(settings, vec![(symbol, rules)]);
    venue.add_account(dollars(1000), 0);
    let latency = LinkLatency {
        orders,
        responses,
        feed: None,
    };
    VenueLink::new(venue, latency)
}

/// Book at 0, then sells of 5 at 100.0 at 104, 105 and 106; heard ten later.
fn market() -> Frames {
    let mut frames = Frames::default();
    frames.snapshot((10, 0), &[(1000, 1)], &[(1001, 10)]);
    for at in [104, 105, 106] {
        frames.trade((at + 10, at), 1000, 5, Sell);
    }
    frames
}

#[test]
fn an_order_meets_the_market_after_its_latency_and_is_answered_after_the_other() {
    let mut link = link(Latency::constant(5), Latency::constant(3));
    let frames = market();
    let request = link.send(
        Call::new(0, Request::NewOrder(limit("a", Buy, 1000, 8))),
        100,
    );
    let mut heard = Vec::new();
    for message in &frames.block.messages {
        heard.push(link.on_market(0, &frames.block, message));
    }
    assert_eq!(heard, [10, 114, 115, 116]);
    assert!(link.receive(107).is_empty());
    // It arrives at 105 after the trade of that instant, so only the last one counts: one ahead, four for us.
    let arrived = link.receive(i64::MAX);
    let times: Vec<i64> = arrived.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [108, 108, 109, 109, 109]);
    let Delivery::Reply { request: of, reply } = &arrived[0].1 else {
        panic!("the reply comes first")
    };
    assert_eq!((*of, reply.exchange_ns), (request, 105));
    let Ok(Answer::Order(row)) = &reply.outcome else {
        panic!()
    };
    assert_eq!(row.status, OrderStatus::New);
    let Delivery::Event(last) = &arrived[4].1 else {
        panic!()
    };
    let UserEventKind::Order { order, .. } = last.kind else {
        panic!()
    };
    assert_eq!(order.executed, 4);
}

#[test]
fn nothing_overtakes_on_one_connection() {
    let jitter = || Latency::jitter(3, 0, 1000, 5000);
    let mut link = link(jitter(), jitter());
    let frames = market();
    link.on_market(0, &frames.block, &frames.block.messages[0]);
    for n in 0..200 {
        let call = Call::new(0, Request::NewOrder(limit(&format!("a{n}"), Buy, 900, 1)));
        assert_eq!(link.send(call, 10 * n), n as u64 + 1);
    }
    link.run(1_000_000);
    let arrived = link.receive(i64::MAX);
    let replies: Vec<u64> = arrived
        .iter()
        .filter_map(|(_, delivery)| match delivery {
            Delivery::Reply { request, .. } => Some(*request),
            Delivery::Event(_) => None,
        })
        .collect();
    assert_eq!(replies, (1..=200).collect::<Vec<_>>());
    assert!(arrived.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let events: Vec<u64> = arrived
        .iter()
        .filter_map(|(_, delivery)| match delivery {
            Delivery::Event(event) => Some(event.number),
            Delivery::Reply { .. } => None,
        })
        .collect();
    assert_eq!(events, (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_feed_of_its_own_latency_replaces_the_recorded_one() {
    let mut link = link(Latency::constant(5), Latency::constant(3));
    link.latency.feed = Some(Latency::constant(40));
    let frames = market();
    let heard: Vec<i64> = frames
        .block
        .messages
        .iter()
        .map(|message| link.on_market(0, &frames.block, message))
        .collect();
    assert_eq!(heard, [40, 144, 145, 146]);
}
