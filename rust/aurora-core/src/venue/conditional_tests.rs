//! Conditional orders, from placing to what they become.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::test_bench::*;
use super::*;
use crate::instrument::Side::{Buy, Sell};

/// A free venue that holds 10 long, bought at 100.1, with a last trade at 100.0 and a deep book.
fn holding() -> Bench {
    let mut bench = Bench::free();
    bench.asks(&[(1001, 100)]);
    bench.hold(Buy, 10);
    bench.trade(1000, 1, Sell);
    bench
}

fn stop(name: &str, trigger: i64, size: i64) -> NewOrder {
    NewOrder {
        reduce_only: true,
        ..NewOrder::stop_market(0, id(name), Sell, px(trigger), qty(size))
    }
}

fn of_kind(kind: OrderType, order: NewOrder) -> NewOrder {
    NewOrder { kind, ..order }
}

#[test]
fn a_stop_becomes_a_market_order_of_its_own_at_the_trade_that_reaches_it() {
    let mut bench = holding();
    let algo = bench.algo(stop("s", 999, 10)).unwrap();
    assert_eq!(bench.venue.open_algos(0, Some(0)).len(), 1);
    assert!(bench.venue.open_orders(0, None).is_empty());
    bench.trade(1000, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::New);
    bench.trade(999, 1, Sell);
    let row = bench.algo_row(algo);
    assert_eq!((row.status, row.order_id), (AlgoStatus::Finished, Some(2)));
    let order = bench.row(2);
    assert_eq!(
        (order.status, order.algo_id, order.kind),
        (OrderStatus::Filled, Some(algo), OrderType::Market)
    );
    // The bid of 100.0 has just been traded away: nothing better than the trade.
    assert_eq!(bench.fills().last(), Some(&(999, 10, true)));
    let statuses: Vec<_> = bench
        .venue
        .truth()
        .algo_steps
        .iter()
        .map(|step| step.status)
        .collect();
    assert_eq!(
        statuses,
        [AlgoStatus::New, AlgoStatus::Triggered, AlgoStatus::Finished]
    );
    bench.assert_conserved();
}

#[test]
fn mark_price_triggers_ignore_trades_and_contract_price_triggers_the_mark() {
    let settings = VenueSettings {
        mark: MarkSource::Told,
        ..*Bench::free().venue.settings()
    };
    let rules = SymbolRules::open(Bench::free().venue.instrument(0));
    let mut bench = Bench::with(settings, rules);
    bench.snapshot(&[(1000, 100)], &[(1001, 100)]);
    bench.venue.on_mark(0, 1000, 5);
    bench.now_ns = 5;
    bench.hold(Buy, 10);
    let on_mark = NewOrder {
        working_type: WorkingType::MarkPrice,
        ..stop("mark", 990, 4)
    };
    let mark = bench.algo(on_mark).unwrap();
    let last = bench.algo(stop("last", 980, 4)).unwrap();
    bench.trade(985, 1, Sell);
    assert_eq!(bench.algo_row(mark).status, AlgoStatus::New);
    bench.venue.on_mark(0, 970, 50);
    assert_eq!(bench.algo_row(mark).status, AlgoStatus::Finished);
    assert_eq!(bench.algo_row(last).status, AlgoStatus::New);
}

#[test]
fn a_stop_limit_rests_at_its_price_and_a_take_profit_waits_for_profit() {
    let mut bench = holding();
    let limit_stop = NewOrder {
        time_in_force: Some(TimeInForce::Gtc),
        price: Some(px(1005)),
        ..of_kind(OrderType::Stop, stop("sl", 998, 5))
    };
    let stop_limit = bench.algo(limit_stop).unwrap();
    let profit = bench
        .algo(of_kind(OrderType::TakeProfitMarket, stop("tp", 1004, 5)))
        .unwrap();
    bench.trade(998, 1, Sell);
    let order = bench.algo_row(stop_limit).order_id.unwrap();
    let row = bench.row(order);
    assert_eq!((row.status, row.price), (OrderStatus::New, Some(1005)));
    assert_eq!(bench.algo_row(stop_limit).status, AlgoStatus::Triggered);
    assert_eq!(bench.algo_row(profit).status, AlgoStatus::New);
    bench.trade(1004, 1, Buy);
    assert_eq!(bench.algo_row(profit).status, AlgoStatus::Finished);
    // The resting one is met by a trade beyond it, and its algorithm ends with it.
    bench.trade(1006, 50, Buy);
    assert_eq!(bench.algo_row(stop_limit).status, AlgoStatus::Finished);
    assert_eq!(bench.position(), 0);
}

#[test]
fn a_trailing_stop_follows_and_fires() {
    let mut bench = holding();
    let trailing = NewOrder {
        kind: OrderType::TrailingStopMarket,
        trigger: None,
        callback_bps: Some(100),
        activation: Some(px(1010)),
        ..stop("t", 0, 10)
    };
    let algo = bench.algo(trailing).unwrap();
    for price in [990, 1009, 1010, 1100, 1090] {
        bench.trade(price, 1, Buy);
        assert_eq!(bench.algo_row(algo).status, AlgoStatus::New, "{price}");
    }
    // One percent below 110.0 is 108.9.
    bench.trade(1089, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Finished);
    assert_eq!(bench.position(), 0);
}

#[test]
fn close_position_takes_whatever_is_held_and_ends_quietly_when_nothing_is() {
    let close = |name: &str| NewOrder {
        reduce_only: false,
        close_position: true,
        quantity: None,
        ..stop(name, 999, 0)
    };
    let mut bench = holding();
    let algo = bench.algo(close("c")).unwrap();
    bench.hold(Buy, 7);
    bench.trade(999, 1, Sell);
    assert_eq!((bench.position(), bench.row(3).size), (0, 17));
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Finished);
    bench.trade(1000, 1, Buy);
    let algo = bench.algo(close("d")).unwrap();
    bench.trade(999, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Expired);
}

#[test]
fn what_is_refused_at_the_trigger_is_told_with_its_code() {
    let mut bench = holding();
    let algo = bench.algo(stop("s", 999, 10)).unwrap();
    bench.order(reducing(market("m", Sell, 10))).unwrap();
    bench.venue.take_events();
    bench.trade(999, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Rejected);
    let events = bench.venue.take_events();
    assert_eq!(
        events[0].kind,
        UserEventKind::TriggerRejected {
            symbol: 0,
            algo_id: algo,
            error: VenueError::ReduceOnlyRejected
        }
    );
}

#[test]
fn price_protection_holds_a_trigger_back_while_mark_and_last_are_apart() {
    let mut bench = Bench::new();
    bench.book(&[(1000, 1000), (940, 1000)], &[(1001, 1000)]);
    bench.hold(Buy, 100);
    bench.trade(1000, 1, Sell);
    let protected = NewOrder {
        price_protect: true,
        ..stop("p", 960, 50)
    };
    let guarded = bench.algo(protected).unwrap();
    let plain = bench.algo(stop("q", 960, 50)).unwrap();
    // The mark stays at 100.0, the last trade is 5.1 % below: more than the symbol's 5 %.
    bench.trade(949, 1, Sell);
    assert_eq!(bench.algo_row(guarded).status, AlgoStatus::New);
    assert_eq!(bench.algo_row(plain).status, AlgoStatus::Finished);
    bench.trade(951, 1, Sell);
    assert_eq!(bench.algo_row(guarded).status, AlgoStatus::Finished);
}

#[test]
fn without_a_book_a_fired_stop_waits_and_can_no_longer_be_cancelled() {
    let mut bench = holding();
    let algo = bench.algo(stop("s", 999, 10)).unwrap();
    bench.gap();
    bench.trade(998, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Triggering);
    bench.trade(1005, 1, Sell);
    bench.snapshot(&[(1000, 4), (997, 50)], &[(1001, 10)]);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Finished);
    // Nothing better than the trade that fired it.
    assert_eq!(bench.fills().last(), Some(&(997, 10, true)));
}

#[test]
fn cancels_work_on_conditional_orders_one_by_one_and_all() {
    let mut bench = holding();
    for name in ["a", "b", "c"] {
        bench.algo(stop(name, 990, 5)).unwrap();
    }
    let cancel = |key| Request::CancelAlgo { order: key };
    bench.send(cancel(OrderKey::Client(id("b")))).unwrap();
    assert_eq!(
        bench.send(cancel(OrderKey::Id(2))),
        Err(VenueError::CancelRejected)
    );
    // An ordinary query does not find them.
    let query = Request::Query {
        symbol: 0,
        order: OrderKey::Client(id("a")),
    };
    assert_eq!(bench.send(query), Err(VenueError::NoSuchOrder));
    let Ok(Answer::Algos(open)) = bench.send(Request::OpenAlgos { symbol: None }) else {
        panic!()
    };
    assert_eq!(
        open.iter().map(|row| row.algo_id).collect::<Vec<_>>(),
        [1, 3]
    );
    bench.send(Request::CancelAllAlgos { symbol: 0 }).unwrap();
    assert!(bench.venue.open_algos(0, None).is_empty());
    bench.trade(980, 1, Sell);
    assert_eq!(bench.position(), 10);
}

#[test]
fn a_stop_is_there_for_the_trade_of_its_own_nanosecond() {
    let mut bench = holding();
    let algo = bench.algo(stop("s", 999, 10)).unwrap();
    // The next message bears the time at which the order came.
    bench.now_ns -= 1;
    bench.trade(999, 1, Sell);
    assert_eq!(bench.algo_row(algo).status, AlgoStatus::Finished);
}

#[test]
fn the_name_of_an_order_that_has_ended_may_be_used_again() {
    for keep_history in [true, false] {
        let settings = VenueSettings {
            keep_history,
            budgets: None,
            ..VenueSettings::exchange(FEES)
        };
        let mut bench = Bench::with(settings, rules());
        bench.snapshot(&[(1000, 1_000)], &[(1001, 1_000)]);
        bench.hold(Buy, 400);
        bench.trade(1000, 2, Sell);
        let cancel = |name: &str| Request::CancelAlgo {
            order: OrderKey::Client(id(name)),
        };
        for _ in 0..3 {
            bench.algo(stop("again", 990, 400)).unwrap();
            bench.send(cancel("again")).unwrap();
        }
        bench.algo(stop("again", 990, 400)).unwrap();
        assert_eq!(bench.venue.open_algos(0, Some(0)).len(), 1);
        assert!(bench.send(cancel("again")).is_ok());
    }
}
