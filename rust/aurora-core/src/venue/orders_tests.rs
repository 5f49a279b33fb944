//! Order semantics, one rule a test.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::test_bench::*;
use super::*;
use crate::instrument::Side::{Buy, Sell};
use crate::units::Money;

/// The stream since the last call, as short words.
fn heard(bench: &mut Bench) -> Vec<String> {
    let events = bench.venue.take_events();
    let word = |event: &UserEvent| match &event.kind {
        UserEventKind::Order {
            order, execution, ..
        } => format!(
            "{} {execution:?} {} {}/{} er{}",
            order.client_id,
            order.status.name(),
            order.executed,
            order.size,
            order.expiry.code()
        ),
        UserEventKind::TradeLite(trade) => format!("lite {}x{}", trade.price, trade.size),
        UserEventKind::Account { reason, .. } => format!("account {reason:?}"),
        UserEventKind::Algo(algo) => {
            format!("algo {} {}", algo.order.client_id, algo.status.name())
        }
        other => format!("{other:?}"),
    };
    events.iter().map(word).collect()
}

#[test]
fn a_taker_walks_the_book_and_the_stream_is_numbered() {
    let mut bench = Bench::free();
    let row = bench.order(limit("a", Buy, 1002, 15)).unwrap();
    assert_eq!((row.status, row.executed), (OrderStatus::Filled, 15));
    // 10 × 100.1 × 0.001 and 5 × 100.2 × 0.001.
    assert_eq!(row.quote, Money(100_100_000 + 50_100_000));
    assert_eq!(bench.fills(), [(1001, 10, true), (1002, 5, true)]);
    let events = bench.venue.take_events();
    let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=7).collect::<Vec<_>>());
    assert_eq!(bench.venue.account_snapshot(0).last_event, 7);
    // Fees are 5 bps of each notional, and the wallet has paid them.
    assert_eq!(
        bench.venue.received(Counterparty::Fees),
        Money(50_050 + 25_050)
    );
    assert_eq!(bench.venue.wallet(0), dollars(10_000) - Money(75_100));
    bench.assert_conserved();
}

#[test]
fn each_fill_is_told_in_the_order_of_the_exchange() {
    let mut bench = Bench::free();
    bench.order(limit("a", Sell, 1001, 4)).unwrap();
    heard(&mut bench);
    bench.trade(1001, 12, Buy);
    let expected = [
        "lite 1001x2",
        "account Order",
        "a Trade PARTIALLY_FILLED 2/4 er0",
    ];
    assert_eq!(heard(&mut bench), expected);
}

#[test]
fn immediate_or_cancel_ends_its_rest_and_market_orders_end_theirs() {
    let mut bench = Bench::free();
    let ioc = with_tif(limit("i", Buy, 1001, 15), TimeInForce::Ioc);
    let row = bench.order(ioc).unwrap();
    assert_eq!(
        (row.status, row.executed, row.expiry.code()),
        (OrderStatus::Expired, 10, 2)
    );
    let row = bench.order(market("m", Buy, 100)).unwrap();
    assert_eq!(
        (row.status, row.executed, row.expiry.code()),
        (OrderStatus::Expired, 40, 9)
    );
    assert!(bench.venue.open_orders(0, None).is_empty());
}

#[test]
fn a_market_order_takes_no_further_than_its_bound() {
    let mut bench = Bench::new();
    // The mark is 100.0 and the bound 5 %: 105.0 is the last price.
    bench.asks(&[(1001, 10), (1002, 40), (1050, 20), (1051, 500)]);
    let row = bench.order(market("m", Buy, 100)).unwrap();
    assert_eq!(
        (row.executed, row.expiry),
        (70, ExpiryReason::MarketUnfilled)
    );
    assert_eq!(bench.fills().last(), Some(&(1050, 20, true)));
}

#[test]
fn fill_or_kill_fills_at_once_or_not_at_all() {
    let mut bench = Bench::free();
    let fok = |name: &str, size| with_tif(limit(name, Buy, 1002, size), TimeInForce::Fok);
    assert_eq!(
        bench.order(fok("a", 51)),
        Err(VenueError::FillOrKillRejected)
    );
    assert_eq!(
        bench.order(fok("b", 50)).unwrap().status,
        OrderStatus::Filled
    );
}

#[test]
fn post_only_rests_or_is_refused_and_the_older_way_expires_it() {
    let mut bench = Bench::free();
    let gtx = |name: &str, price| with_tif(limit(name, Buy, price, 5), TimeInForce::Gtx);
    assert_eq!(
        bench.order(gtx("a", 1001)),
        Err(VenueError::PostOnlyRejected)
    );
    assert_eq!(
        bench.order(gtx("b", 1000)).unwrap().status,
        OrderStatus::New
    );
    // It may not meet the venue's own orders either.
    bench.order(limit("ask", Sell, 1001, 5)).unwrap();
    bench.asks(&[(1001, 0)]);
    assert_eq!(
        bench.order(gtx("c", 1001)),
        Err(VenueError::PostOnlyRejected)
    );
    let settings = VenueSettings {
        immediate: ImmediateRefusal::AcceptedThenExpired,
        ..*Bench::free().venue.settings()
    };
    let mut old = Bench::with(
        settings,
        SymbolRules::open(Bench::free().venue.instrument(0)),
    );
    old.snapshot(&[(1000, 20)], &[(1001, 10)]);
    for order in [
        gtx("x", 1001),
        with_tif(limit("y", Buy, 1001, 11), TimeInForce::Fok),
    ] {
        let row = old.order(order).unwrap();
        assert_eq!((row.status, row.executed), (OrderStatus::Expired, 0));
    }
}

#[test]
fn good_till_date_ends_at_its_second() {
    let mut bench = Bench::free();
    let second = 1_000_000_000;
    let order = NewOrder {
        good_till_ns: Some(700 * second + 5),
        ..with_tif(limit("g", Buy, 990, 5), TimeInForce::Gtd)
    };
    let row = bench.order(order).unwrap();
    assert_eq!(row.good_till_ns, Some(700 * second));
    bench.venue.advance(700 * second - 1);
    assert!(bench.row(row.order_id).status.is_open());
    bench.venue.advance(900 * second);
    let row = bench.row(row.order_id);
    assert_eq!(
        (row.status, row.updated_ns),
        (OrderStatus::Expired, 700 * second)
    );
    assert!(bench.venue.open_orders(0, None).is_empty());
}

#[test]
fn a_countdown_cancels_unless_it_is_asked_again() {
    let mut bench = Bench::free();
    let countdown = |countdown_ns| Request::Countdown {
        symbol: 0,
        countdown_ns,
    };
    bench.order(limit("a", Buy, 990, 5)).unwrap();
    bench.send(countdown(1000)).unwrap();
    bench.now_ns = 500;
    bench.send(countdown(1000)).unwrap();
    bench.venue.advance(1500);
    assert_eq!(bench.venue.open_orders(0, None).len(), 1);
    bench.venue.advance(1501);
    assert_eq!(bench.row(1).status, OrderStatus::Canceled);
    bench.now_ns = 2000;
    bench.order(limit("b", Buy, 990, 5)).unwrap();
    bench.send(countdown(1000)).unwrap();
    bench.send(countdown(0)).unwrap();
    bench.venue.advance(i64::MAX - 1);
    assert!(bench.row(2).status.is_open());
}

/// Own sell of 5 at 100.1 behind the 10 displayed; then an own buy of `size` up to 100.2.
fn self_trade(mode: SelfTradePrevention, size: i64) -> (Bench, OrderRow, OrderRow) {
    let mut bench = Bench::free();
    bench.order(limit("maker", Sell, 1001, 5)).unwrap();
    let taker = NewOrder {
        self_trade_prevention: mode,
        ..limit("taker", Buy, 1002, size)
    };
    bench.order(taker).unwrap();
    let (maker, taker) = (bench.row(1), bench.row(2));
    (bench, maker, taker)
}

#[test]
fn self_trade_prevention_follows_the_takers_mode() {
    use OrderStatus::{ExpiredInMatch, Filled, New};
    use SelfTradePrevention as Mode;
    // (mode, maker's end, taker's end, taker's fill): 10 stand before the maker, 40 behind it.
    for (mode, maker_end, taker_end, taken) in [
        (Mode::ExpireMaker, ExpiredInMatch, Filled, 12),
        (Mode::ExpireTaker, New, ExpiredInMatch, 10),
        (Mode::ExpireBoth, ExpiredInMatch, ExpiredInMatch, 10),
        (Mode::None, OrderStatus::PartiallyFilled, Filled, 12),
    ] {
        let (bench, maker, taker) = self_trade(mode, 12);
        assert_eq!(
            (maker.status, taker.status),
            (maker_end, taker_end),
            "{mode:?}"
        );
        assert_eq!(taker.executed, taken);
        let reason = |row: &OrderRow| row.expiry == ExpiryReason::SelfTradePrevention;
        assert_eq!(reason(&maker), maker_end == ExpiredInMatch);
        assert_eq!(reason(&taker), taker_end == ExpiredInMatch);
        bench.assert_conserved();
    }
    // What only takes the displayed size ahead of the maker never meets it.
    let (_, maker, taker) = self_trade(Mode::ExpireBoth, 10);
    assert_eq!((maker.status, taker.status), (New, Filled));
    // An immediate order tells of it with its own reason.
    let mut bench = Bench::free();
    bench.order(limit("maker", Sell, 1001, 5)).unwrap();
    let taker = NewOrder {
        self_trade_prevention: Mode::ExpireTaker,
        ..with_tif(limit("taker", Buy, 1002, 12), TimeInForce::Ioc)
    };
    assert_eq!(bench.order(taker).unwrap().expiry.code(), 3);
}

#[test]
fn orders_of_two_accounts_trade_with_each_other() {
    let mut bench = Bench::free();
    bench.venue.add_account(dollars(10_000), 0);
    bench.asks(&[(1001, 0)]);
    bench.order_of(1, limit("ask", Sell, 1001, 5)).unwrap();
    let row = bench.order(limit("bid", Buy, 1002, 7)).unwrap();
    assert_eq!(row.executed, 7);
    let trades = &bench.venue.truth().trades;
    assert_eq!(trades[0].trade_id, trades[1].trade_id);
    assert_eq!(
        (trades[0].counter_order, trades[1].counter_order),
        (Some(2), Some(1))
    );
    assert_eq!(trades[2].counter_order, None);
    assert_eq!(bench.venue.position(1, 0, PositionSide::Both), -5);
    bench.assert_conserved();
}

#[test]
fn reduce_only_orders_shrink_and_expire_with_the_position() {
    let mut bench = Bench::free();
    bench.asks(&[(1001, 1000)]);
    bench.hold(Buy, 10);
    let resting = |name: &str, price, size| reducing(limit(name, Sell, price, size));
    bench.order(resting("far", 1010, 8)).unwrap();
    heard(&mut bench);
    // The nearer price comes first: 6 of it leave 4 for the other.
    bench.order(resting("near", 1005, 6)).unwrap();
    assert!(heard(&mut bench).contains(&"far Amendment NEW 0/4 er0".to_owned()));
    // Closing 7 leaves 3 for the nearer and nothing for the other.
    bench.order(reducing(market("m", Sell, 7))).unwrap();
    let words = heard(&mut bench);
    assert!(
        words.contains(&"near Amendment NEW 0/3 er0".to_owned()),
        "{words:?}"
    );
    assert!(
        words.contains(&"far Expired EXPIRED 0/4 er4".to_owned()),
        "{words:?}"
    );
    bench.trade(1006, 50, Buy);
    assert_eq!(bench.position(), 0);
    assert_eq!(
        bench.order(resting("none", 1010, 1)),
        Err(VenueError::ReduceOnlyRejected)
    );
    // A market order beyond the position is cut to it.
    bench.hold(Buy, 4);
    let row = bench.order(reducing(market("cut", Sell, 9))).unwrap();
    assert_eq!(
        (row.executed, row.status, row.expiry.code()),
        (4, OrderStatus::Expired, 4)
    );
    assert_eq!(bench.position(), 0);
    bench.assert_conserved();
}

#[test]
fn hedge_mode_holds_both_sides_and_closing_orders_cannot_open() {
    let mut bench = Bench::free();
    bench.book(&[(1000, 500)], &[(1001, 500)]);
    bench
        .send(Request::SetPositionMode { hedge_mode: true })
        .unwrap();
    let on = |side, order| NewOrder {
        position_side: side,
        ..order
    };
    bench
        .order(on(PositionSide::Long, market("l", Buy, 10)))
        .unwrap();
    bench
        .order(on(PositionSide::Short, market("s", Sell, 4)))
        .unwrap();
    let held = |bench: &Bench, side| bench.venue.position(0, 0, side);
    assert_eq!(
        (
            held(&bench, PositionSide::Long),
            held(&bench, PositionSide::Short)
        ),
        (10, -4)
    );
    let row = bench
        .order(on(PositionSide::Short, market("c", Buy, 9)))
        .unwrap();
    assert_eq!((row.executed, held(&bench, PositionSide::Short)), (4, 0));
    assert_eq!(held(&bench, PositionSide::Long), 10);
    bench.assert_conserved();
}

#[test]
fn a_modified_order_goes_to_the_end_of_its_queue() {
    let mut bench = Bench::free();
    bench.order(limit("a", Buy, 1000, 5)).unwrap();
    bench.trade(1000, 20, Sell);
    let modify = |size, price| Request::Modify {
        symbol: 0,
        order: OrderKey::Client(id("a")),
        side: Buy,
        quantity: qty(size),
        price: px(price),
    };
    // It stood at the front; now the displayed 20 are ahead again.
    bench.send(modify(6, 1000)).unwrap();
    bench.trade(1000, 21, Sell);
    assert_eq!(bench.row(1).executed, 1);
    assert_eq!((bench.row(1).size, bench.row(1).amendments), (6, 1));
    // A size that is already filled cancels it.
    bench.send(modify(1, 1000)).unwrap();
    assert_eq!(bench.row(1).status, OrderStatus::Canceled);
    // A post-only order that would cross by its new price is cancelled, any other one takes.
    bench
        .order(with_tif(limit("a", Buy, 999, 5), TimeInForce::Gtx))
        .unwrap();
    bench.send(modify(5, 1001)).unwrap();
    assert_eq!(bench.row(2).status, OrderStatus::Canceled);
    bench.order(limit("a", Buy, 999, 15)).unwrap();
    bench.send(modify(15, 1001)).unwrap();
    assert_eq!(
        (bench.row(3).executed, bench.row(3).price),
        (10, Some(1001))
    );
}

#[test]
fn client_ids_are_unique_among_open_orders_only() {
    let mut bench = Bench::free();
    let cancel = Request::Cancel {
        symbol: 0,
        order: OrderKey::Client(id("a")),
    };
    bench.order(limit("a", Buy, 990, 5)).unwrap();
    bench.send(cancel.clone()).unwrap();
    let again = bench.order(limit("a", Buy, 990, 6)).unwrap();
    let query = Request::Query {
        symbol: 0,
        order: OrderKey::Client(id("a")),
    };
    assert_eq!(bench.send(query), Ok(Answer::Order(again)));
    assert!(bench.send(cancel.clone()).is_ok());
    assert_eq!(bench.send(cancel), Err(VenueError::CancelRejected));
}

#[test]
fn queries_tell_what_happened() {
    let mut bench = Bench::free();
    bench.venue.add_account(dollars(1), 0);
    bench.order(limit("a", Buy, 1001, 3)).unwrap();
    bench.order_of(1, limit("b", Buy, 1001, 3)).unwrap();
    bench.order(limit("c", Buy, 990, 3)).unwrap();
    let Ok(Answer::Orders(open)) = bench.send(Request::OpenOrders { symbol: Some(0) }) else {
        panic!()
    };
    assert_eq!(open.iter().map(|row| row.order_id).collect::<Vec<_>>(), [3]);
    let all = Request::AllOrders {
        symbol: 0,
        from_order_id: 0,
        limit: 10,
    };
    let Ok(Answer::Orders(all)) = bench.send(all) else {
        panic!()
    };
    assert_eq!(
        all.iter().map(|row| row.order_id).collect::<Vec<_>>(),
        [1, 3]
    );
    let trades = |from_trade_id| Request::Trades {
        symbol: 0,
        from_trade_id,
        limit: 10,
    };
    let Ok(Answer::Trades(rows)) = bench.send(trades(0)) else {
        panic!()
    };
    assert_eq!(
        rows.iter()
            .map(|row| (row.trade_id, row.size))
            .collect::<Vec<_>>(),
        [(1, 3)]
    );
    assert_eq!(bench.send(trades(2)), Ok(Answer::Trades(vec![])));
    let Ok(Answer::Account(account)) = bench.send(Request::Account) else {
        panic!()
    };
    assert_eq!(
        (account.positions.len(), account.positions[0].holding.size),
        (1, 3)
    );
    // 3 × (100.0 − 100.1) × 0.001 at the mark of 100.0: the touch is 100.0 to 100.1.
    assert_eq!(account.margin.unrealised, Money(-30_000));
    // A batch answers for each of its orders.
    let batch = Request::Batch(vec![limit("x", Buy, 990, 1), limit("c", Buy, 990, 1)]);
    let Ok(Answer::Batch(rows)) = bench.send(batch) else {
        panic!()
    };
    assert_eq!(rows[1], Err(VenueError::DuplicateClientOrderId));
    assert!(rows[0].is_ok());
    bench.send(Request::CancelAll { symbol: 0 }).unwrap();
    assert!(bench.venue.open_orders(0, None).is_empty());
}

#[test]
fn a_batch_holds_one_to_five_orders() {
    let mut bench = Bench::free();
    let batch = |count: i64| {
        let order = |n: i64| limit(&format!("b{count}x{n}"), Buy, 900 + n, 1);
        Request::Batch((0..count).map(order).collect())
    };
    for (count, taken) in [(0, false), (1, true), (5, true), (6, false)] {
        assert_eq!(bench.send(batch(count)).is_ok(), taken, "{count}");
    }
    assert_eq!(bench.venue.open_orders(0, None).len(), 6);
}

#[test]
fn trades_are_listed_from_an_id_on() {
    let mut bench = Bench::free();
    bench.asks(&[(1001, 1_000)]);
    for _ in 0..7 {
        bench.hold(Buy, 1);
    }
    for from_trade_id in 0..9 {
        let request = Request::Trades {
            symbol: 0,
            from_trade_id,
            limit: 3,
        };
        let Ok(Answer::Trades(rows)) = bench.send(request) else {
            panic!()
        };
        let ids: Vec<u64> = rows.iter().map(|row| row.trade_id).collect();
        let expected: Vec<u64> = (from_trade_id.max(1)..8).take(3).collect();
        assert_eq!(ids, expected);
    }
}

#[test]
fn a_market_order_takes_within_the_bound_around_the_mark() {
    // Five per cent of the mark at 100.0: from 95.0 to 105.0.
    for (side, inside, outside) in [(Buy, 1050, 1051), (Sell, 950, 949)] {
        for (price, filled) in [(inside, 4), (outside, 0)] {
            let mut bench = Bench::with(
                VenueSettings {
                    mark: MarkSource::Told,
                    budgets: None,
                    ..VenueSettings::exchange(FEES)
                },
                rules(),
            );
            let (bid, ask) = match side {
                Buy => (940, price),
                Sell => (price, 1060),
            };
            bench.snapshot(&[(bid, 1_000)], &[(ask, 1_000)]);
            bench.venue.on_mark(0, 1000, bench.now_ns);
            let taken = bench.order(market("m", side, 400));
            let executed = taken.as_ref().map_or(0, |row| row.executed);
            assert_eq!(executed, filled * 100, "{side:?} at {price}: {taken:?}");
        }
    }
}

#[test]
fn an_order_that_the_position_still_covers_is_left_alone() {
    let mut bench = Bench::free();
    bench.asks(&[(1001, 1_000)]);
    bench.hold(Buy, 10);
    bench.order(reducing(limit("r", Sell, 1010, 4))).unwrap();
    heard(&mut bench);
    bench.order(reducing(market("m", Sell, 3))).unwrap();
    bench.order(reducing(market("n", Sell, 3))).unwrap();
    let words = heard(&mut bench);
    assert!(
        words.iter().all(|word| !word.starts_with("r ")),
        "{words:?}"
    );
}
