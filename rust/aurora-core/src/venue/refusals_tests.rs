//! Every refusal of the table is reached, each by the request that the exchange refuses with that number.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use super::test_bench::*;
use super::*;
use crate::instrument::Side::{Buy, Sell};
use crate::units::Money;

/// A limit buy that nothing is wrong with, 100 quanta at 100.0.
fn good() -> NewOrder {
    limit("good", Buy, 1000, 100)
}

fn stop(name: &str) -> NewOrder {
    NewOrder::stop_market(0, id(name), Sell, px(900), qty(100))
}

/// Refusals of single new orders on the standing bench.
fn order_refusals() -> Vec<(VenueError, NewOrder)> {
    use VenueError::*;
    let quantity = |mantissa, exponent| NewOrder {
        quantity: Some(Decimal::new(mantissa, exponent)),
        ..good()
    };
    let price = |mantissa, exponent| NewOrder {
        price: Some(Decimal::new(mantissa, exponent)),
        ..good()
    };
    let sell_at = |quanta| limit("good", Sell, quanta, 100);
    vec![
        (
            InvalidSymbol,
            NewOrder {
                symbol: 1,
                ..good()
            },
        ),
        (UseConditionalEndpoint, stop("s")),
        (
            MandatoryMissing,
            NewOrder {
                price: None,
                ..good()
            },
        ),
        (
            MandatoryMissing,
            NewOrder {
                quantity: None,
                ..good()
            },
        ),
        (
            MandatoryMissing,
            NewOrder {
                time_in_force: None,
                ..good()
            },
        ),
        (MandatoryMissing, with_tif(good(), TimeInForce::Gtd)),
        (
            NotRequired,
            NewOrder {
                price: Some(px(1000)),
                ..market("m", Buy, 100)
            },
        ),
        (
            NotRequired,
            NewOrder {
                trigger: Some(px(1000)),
                ..good()
            },
        ),
        (
            NotRequired,
            NewOrder {
                good_till_ns: Some(i64::MAX),
                ..good()
            },
        ),
        (
            InvalidGoodTillDate,
            NewOrder {
                good_till_ns: Some(600_000_000_000),
                ..with_tif(good(), TimeInForce::Gtd)
            },
        ),
        (
            PositionSideMismatch,
            NewOrder {
                position_side: PositionSide::Long,
                ..good()
            },
        ),
        (
            InvalidClientOrderId,
            NewOrder {
                client_id: id("autoclose-1"),
                ..good()
            },
        ),
        (QuantityNotPositive, quantity(0, 0)),
        (QuantityNotPositive, quantity(-1, 0)),
        (BadPrecision, quantity(1001, 4)),
        (BadPrecision, price(100_001, 3)),
        (QuantityBelowMinimum, quantity(1, 3)),
        (QuantityAboveMaximum, quantity(1_000_002, 3)),
        // A market order has limits of its own.
        (QuantityAboveMaximum, market("m", Buy, 500_002)),
        (QuantityNotOnStep, quantity(101, 3)),
        (InvalidMessage, quantity(i64::MAX, 0)),
        (PriceBelowMinimum, price(9, 1)),
        (PriceBelowMinimum, price(0, 0)),
        (PriceAboveMaximum, price(100_001, 1)),
        // Two decimals are within the precision, and no multiple of the tick of 0.1.
        (PriceNotOnTick, price(10_005, 2)),
        // 15 % around the mark of 100.0: a buy above it, a sell below it.
        (PriceAboveBand, price(1151, 1)),
        (PriceBelowBand, sell_at(849)),
        // 48 × 0.1 is 4.8 dollars; the market order is valued at the mark.
        (MinNotional, limit("good", Buy, 1000, 48)),
        (MinNotional, market("m", Buy, 48)),
        (ReduceOnlyRejected, reducing(good())),
        (
            PostOnlyRejected,
            with_tif(limit("good", Buy, 1001, 100), TimeInForce::Gtx),
        ),
        (
            FillOrKillRejected,
            with_tif(limit("good", Buy, 1001, 100), TimeInForce::Fok),
        ),
    ]
}

/// Refusals of single conditional orders on the standing bench, after a trade at 100.0.
fn algo_refusals() -> Vec<(VenueError, NewOrder)> {
    use VenueError::*;
    let trail = |callback_bps, activation: Option<i64>| NewOrder {
        kind: OrderType::TrailingStopMarket,
        trigger: None,
        callback_bps,
        activation: activation.map(px),
        ..stop("t")
    };
    let stop_limit = |side, trigger, price| NewOrder {
        kind: OrderType::Stop,
        time_in_force: Some(TimeInForce::Gtc),
        side,
        trigger: Some(px(trigger)),
        price: Some(px(price)),
        ..stop("l")
    };
    vec![
        (InvalidOrderType, good()),
        (
            MandatoryMissing,
            NewOrder {
                trigger: None,
                ..stop("s")
            },
        ),
        (MandatoryMissing, trail(None, None)),
        (InvalidParameter, trail(Some(9), None)),
        (InvalidParameter, trail(Some(1_001), None)),
        (
            NotRequired,
            NewOrder {
                callback_bps: Some(100),
                ..stop("s")
            },
        ),
        (
            NotRequired,
            NewOrder {
                close_position: true,
                quantity: None,
                ..trail(Some(100), None)
            },
        ),
        (
            QuantityWithClosePosition,
            NewOrder {
                close_position: true,
                ..stop("s")
            },
        ),
        (
            ReduceOnlyConflict,
            NewOrder {
                close_position: true,
                reduce_only: true,
                quantity: None,
                ..stop("s")
            },
        ),
        (
            WouldTrigger,
            NewOrder {
                trigger: Some(px(1000)),
                ..stop("s")
            },
        ),
        (
            WouldTrigger,
            NewOrder {
                side: Buy,
                trigger: Some(px(1000)),
                ..stop("s")
            },
        ),
        (
            WouldTrigger,
            NewOrder {
                kind: OrderType::TakeProfitMarket,
                trigger: Some(px(999)),
                ..stop("s")
            },
        ),
        // The mark is 100.05, which is 1000 in quanta.
        (
            WouldTrigger,
            NewOrder {
                working_type: WorkingType::MarkPrice,
                trigger: Some(px(1000)),
                ..stop("s")
            },
        ),
        // A trailing sell is activated above the price.
        (WouldTrigger, trail(Some(100), Some(1000))),
        (PriceAboveStopBand, stop_limit(Buy, 1100, 1266)),
        (PriceBelowStopBand, stop_limit(Sell, 900, 764)),
        (ReduceOnlyRejected, reducing(stop("s"))),
    ]
}

fn key(name: &str) -> OrderKey {
    OrderKey::Client(id(name))
}

/// Refusals that need a state or another request.
fn other_refusals(reached: &mut BTreeSet<VenueError>) {
    let mut expect = |error: VenueError, got: Result<Answer, VenueError>| {
        assert_eq!(got, Err(error));
        reached.insert(error);
    };
    use VenueError::*;
    let cancel = |name| Request::Cancel {
        symbol: 0,
        order: key(name),
    };
    let mut bench = Bench::new();
    bench.trade(1000, 1, Sell);
    expect(CancelRejected, bench.send(cancel("nobody")));
    expect(
        NoSuchOrder,
        bench.send(Request::Query {
            symbol: 0,
            order: key("nobody"),
        }),
    );
    expect(
        InvalidSymbol,
        bench.send(Request::Query {
            symbol: 7,
            order: key("nobody"),
        }),
    );
    let unknown = Call::new(9, Request::Account);
    expect(InvalidParameter, bench.venue.handle(&unknown, 50).outcome);
    bench.order(limit("rest", Buy, 990, 100)).unwrap();
    expect(
        DuplicateClientOrderId,
        bench.send(Request::NewOrder(limit("rest", Buy, 990, 100))),
    );
    let modify = |quantity, price, side| Request::Modify {
        symbol: 0,
        order: key("rest"),
        side,
        quantity: qty(quantity),
        price: px(price),
    };
    expect(NothingToAmend, bench.send(modify(100, 990, Buy)));
    expect(InvalidParameter, bench.send(modify(110, 990, Sell)));
    bench.venue.records.orders.get_mut(&1).unwrap().amendments = 10_000;
    expect(TooManyAmendments, bench.send(modify(102, 990, Buy)));
    let dual = |hedge_mode| Request::SetPositionMode { hedge_mode };
    expect(NoNeedToChangePositionMode, bench.send(dual(false)));
    expect(OpenOrdersInTheWay, bench.send(dual(true)));
    for name in ["b", "c", "d"] {
        bench.order(limit(name, Buy, 990, 100)).unwrap();
    }
    expect(
        TooManyOpenOrders,
        bench.send(Request::NewOrder(limit("e", Buy, 990, 100))),
    );
    for name in ["s1", "s2", "s3"] {
        bench.algo(stop(name)).unwrap();
    }
    expect(
        TooManyConditionalOrders,
        bench.send(Request::NewAlgo(stop("s4"))),
    );
    expect(
        DuplicateClientOrderId,
        bench.send(Request::NewAlgo(stop("s3"))),
    );
    let leverage = |leverage| Request::SetLeverage {
        symbol: 0,
        leverage,
    };
    expect(InvalidLeverage, bench.send(leverage(126)));
    expect(InvalidLeverage, bench.send(leverage(0)));

    // At 100 × leverage a position may have 250 000 of notional.
    let mut bench = Bench::new();
    bench.venue.add_account(dollars(10_000_000), 0);
    bench.ask(1, leverage(100)).outcome.unwrap();
    let large = limit("large", Buy, 1000, 1_000_000);
    assert!(bench
        .order_of(1, limit("fits", Buy, 1000, 1_000_000))
        .is_ok());
    for n in 0..2 {
        let name = format!("more{n}");
        let order = NewOrder {
            client_id: id(&name),
            ..large
        };
        let got = bench.ask(1, Request::NewOrder(order)).outcome;
        if n == 0 {
            assert!(got.is_ok());
        } else {
            expect(ExceedsPositionLimit, got);
        }
    }

    // 1 000 × 100 dollars at 20 × are 5 000 of margin: twice is all of the wallet.
    let mut bench = Bench::new();
    for name in ["first", "second"] {
        bench.order(limit(name, Buy, 1000, 1_000_000)).unwrap();
    }
    expect(MarginNotSufficient, bench.send(Request::NewOrder(good())));

    // A position stands in the way of another mode.
    let mut bench = Bench::new();
    bench.asks(&[(1001, 1000)]);
    bench.hold(Buy, 100);
    expect(PositionInTheWay, bench.send(dual(true)));

    // Best ask 20 % above the mark of 100.0: the market order may not start there.
    let settings = VenueSettings {
        mark: MarkSource::Told,
        ..VenueSettings::exchange(FEES)
    };
    let mut bench = Bench::with(settings, rules());
    bench.snapshot(&[(1000, 20)], &[(1200, 1000)]);
    bench.venue.on_mark(0, 1000, 5);
    bench.now_ns = 5;
    expect(
        MarketPriceOutsideBand,
        bench.send(Request::NewOrder(market("m", Buy, 100))),
    );

    // Fired without a book to execute against.
    let mut bench = Bench::new();
    bench.trade(1000, 1, Sell);
    bench.algo(stop("s")).unwrap();
    bench.gap();
    bench.trade(900, 1, Sell);
    expect(
        AlreadyTriggering,
        bench.send(Request::CancelAlgo { order: key("s") }),
    );
    expect(NoBook, bench.send(Request::NewOrder(good())));

    let closed = SymbolRules {
        is_trading: false,
        ..rules()
    };
    let mut bench = Bench::with(VenueSettings::exchange(FEES), closed);
    expect(SymbolNotTrading, bench.send(Request::NewOrder(good())));
    let poor = SymbolRules {
        time_in_force: vec![TimeInForce::Gtc],
        ..rules()
    };
    let mut bench = Bench::with(VenueSettings::exchange(FEES), poor);
    let ioc = with_tif(good(), TimeInForce::Ioc);
    expect(InvalidTimeInForce, bench.send(Request::NewOrder(ioc)));

    let mut bench = Bench::new();
    let stamped = |timestamp_ns| Call {
        timestamp_ns: Some(timestamp_ns),
        ..Call::new(0, Request::Account)
    };
    let second = 1_000_000_000;
    let now_ns = 100 * second;
    for (offset_ns, fine) in [
        (second, true),
        (second + 1, false),
        (-5 * second, true),
        (-5 * second - 1, false),
    ] {
        let got = bench
            .venue
            .handle(&stamped(now_ns + offset_ns), now_ns)
            .outcome;
        if fine {
            assert!(got.is_ok());
        } else {
            expect(InvalidTimestamp, got);
        }
    }

    let limits = BudgetLimits {
        weight_1m: 5,
        orders_10s: 1,
        refusals_before_ban: 1,
        ..BudgetLimits::default()
    };
    let settings = VenueSettings {
        budgets: Some(limits),
        ..VenueSettings::exchange(FEES)
    };
    let mut bench = Bench::with(settings, rules());
    bench.snapshot(&[(1000, 20)], &[(1001, 10)]);
    bench.order(limit("one", Buy, 990, 100)).unwrap();
    let reply = bench.ask(0, Request::NewOrder(limit("two", Buy, 990, 100)));
    assert_eq!((reply.status(), reply.usage.orders_10s), (429, 1));
    assert!(reply.retry_after_ns.is_some());
    expect(TooManyOrders, reply.outcome);
    assert!(bench.send(Request::Account).is_ok());
    let reply = bench.ask(0, Request::Account);
    assert_eq!(reply.status(), 429);
    expect(TooManyRequests, reply.outcome);
    let reply = bench.ask(0, Request::Account);
    assert_eq!(reply.status(), 418);
    expect(Banned, reply.outcome);
}

#[test]
fn every_refusal_is_reached_by_what_the_exchange_refuses() {
    let mut reached = BTreeSet::new();
    for (error, order) in order_refusals() {
        let mut bench = Bench::new();
        bench.trade(1000, 1, Sell);
        bench.venue.take_events();
        assert_eq!(bench.order(order), Err(error), "{order:?}");
        // A refusal leaves nothing behind: no row, no event.
        assert!(bench.venue.truth().steps.is_empty() && !bench.venue.has_events());
        reached.insert(error);
    }
    for (error, order) in algo_refusals() {
        let mut bench = Bench::new();
        bench.trade(1000, 1, Sell);
        bench.venue.take_events();
        assert_eq!(bench.algo(order), Err(error), "{order:?}");
        assert!(bench.venue.truth().algo_steps.is_empty() && !bench.venue.has_events());
        reached.insert(error);
    }
    other_refusals(&mut reached);
    let all: BTreeSet<_> = VenueError::ALL.iter().copied().collect();
    let missing: Vec<_> = all.difference(&reached).collect();
    assert!(missing.is_empty(), "not reached: {missing:?}");
}

#[test]
fn the_order_that_nothing_is_wrong_with_is_accepted_in_every_form() {
    let mut bench = Bench::new();
    bench.trade(1000, 1, Sell);
    assert_eq!(bench.order(good()).unwrap().status, OrderStatus::New);
    // Trailing zeros are no decimals.
    let written = NewOrder {
        client_id: id("zeros"),
        price: Some(Decimal::new(100_000_000, 6)),
        quantity: Some(Decimal::new(1_000, 4)),
        ..good()
    };
    assert_eq!(bench.order(written).unwrap().size, 100);
    bench.algo(stop("s")).unwrap();
    // Reduce-only orders may be smaller than the notional: 20 × 0.1 is 2 dollars.
    bench.asks(&[(1001, 1000)]);
    bench.hold(Buy, 100);
    let small = reducing(limit("small", Sell, 1010, 20));
    assert_eq!(bench.order(small).unwrap().size, 20);
    assert_eq!(Money::ZERO, bench.venue.received(Counterparty::Insurance));
}

#[test]
fn hedge_mode_wants_a_side_and_no_reduce_only() {
    let mut bench = Bench::new();
    bench
        .send(Request::SetPositionMode { hedge_mode: true })
        .unwrap();
    let long = NewOrder {
        position_side: PositionSide::Long,
        ..good()
    };
    assert_eq!(bench.order(good()), Err(VenueError::PositionSideMismatch));
    assert_eq!(bench.order(reducing(long)), Err(VenueError::NotRequired));
    assert!(bench.order(long).is_ok());
}

#[test]
fn codes_and_states_carry_the_exchange_numbers() {
    for (error, code, status) in [
        (VenueError::BadPrecision, -1111, 400),
        (VenueError::InvalidMessage, -1013, 400),
        (VenueError::MinNotional, -4164, 400),
        (VenueError::WouldTrigger, -2021, 400),
        (VenueError::ReduceOnlyRejected, -2022, 400),
        (VenueError::PostOnlyRejected, -5022, 400),
        (VenueError::QuantityNotPositive, -4003, 400),
        (VenueError::TooManyRequests, -1003, 429),
        (VenueError::Banned, -1003, 418),
        (VenueError::NoBook, -1001, 503),
    ] {
        assert_eq!((error.code(), error.status()), (code, status));
    }
}
