#![allow(clippy::unwrap_used)]

use super::test_market::{best, desk_with, instrument, proposal, settings, Frames};
use super::*;
use crate::execution::{Leg, Liquidity, OrderEvent, ReasonCode, Rejection, Route};
use crate::instrument::{Market, Side};
use crate::units::Money;

const MAKER_BUY: (Side, Route) = (Side::Buy, Route::Maker);
const TAKER_BUY: (Side, Route) = (Side::Buy, Route::Taker);

fn book(frames: &mut Frames) -> &mut Frames {
    frames.snapshot(
        (0, 0),
        &[(1000, 20), (999, 30), (950, 100)],
        &[(1001, 5), (1002, 4), (1010, 100)],
    )
}

fn buy(desk: &mut Desk, at: i64, (side, route): (Side, Route)) -> Decision {
    desk.propose(proposal(1, at, side, route, (1000, 1001)))
        .unwrap()
}

fn events(records: &DeskRecords) -> Vec<(i64, OrderEvent)> {
    records
        .orders
        .iter()
        .map(|row| (row.local_ns, row.event))
        .collect()
}

#[test]
fn latencies_are_exact_and_a_taker_walks_the_book_within_its_cap() {
    let mut frames = Frames::default();
    book(&mut frames);
    let mut desk = desk_with(settings(), &frames);
    let decision = buy(&mut desk, 100, TAKER_BUY);
    assert_eq!(
        (decision.reason, decision.price),
        (ReasonCode::TradeTaker, Some(1003))
    );
    desk.advance(108).unwrap();
    assert_eq!(events(&desk.drain_records()), [(100, OrderEvent::Placed)]);
    desk.advance(109).unwrap();
    let records = desk.drain_records();
    let got: Vec<_> = records
        .fills
        .iter()
        .map(|f| (f.local_ns, f.exchange_ns, f.price, f.size, f.fee))
        .collect();
    // Taker fee of 5 bps on 0.005 × 100.1 = 0.5005 and 0.004 × 100.2 = 0.4008.
    assert_eq!(
        got,
        [
            (108, 105, 1001, 5, Money(25_025)),
            (108, 105, 1002, 4, Money(20_040))
        ]
    );
    let entry: Vec<_> = records
        .orders
        .iter()
        .filter(|row| row.spec.kind == crate::execution::OrderKind::Limit)
        .collect();
    assert_eq!(
        entry.last().map(|row| (row.event, row.cumulative)),
        Some((OrderEvent::Expired, 9))
    );
    assert!(records
        .fills
        .iter()
        .all(|fill| fill.liquidity == Liquidity::Taker));
    // A stop for what is filled is on its way after either fill, and rests at the venue after the order latency;
    // the second one, from the average entry, replaces the first once it is known to rest.
    let open = |desk: &Desk| {
        let orders = desk.venue().open_orders(0);
        orders
            .iter()
            .map(|o| (o.trigger, o.size))
            .collect::<Vec<_>>()
    };
    desk.advance(117).unwrap();
    assert_eq!(open(&desk), [(Some(951), 5), (Some(952), 9)]);
    desk.advance(130).unwrap();
    assert_eq!(open(&desk), [(Some(952), 9)]);
}

#[test]
fn a_maker_waits_behind_the_displayed_queue() {
    let mut frames = Frames::default();
    book(&mut frames)
        .trade((200, 200), 1000, 15, Side::Sell)
        .trade((201, 201), 1000, 9, Side::Sell)
        .trade((202, 202), 1000, 50, Side::Buy)
        .trade((203, 203), 1000, 50, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, MAKER_BUY);
    desk.advance(1000).unwrap();
    let records = desk.drain_records();
    let got: Vec<_> = records
        .fills
        .iter()
        .map(|f| (f.exchange_ns, f.local_ns, f.price, f.size, f.liquidity))
        .collect();
    // 20 ahead: 15 + 5 of 9 eat it, 4 reach us; a buying aggressor never does; the rest comes from the last one.
    assert_eq!(
        got,
        [
            (201, 204, 1000, 4, Liquidity::Maker),
            (203, 206, 1000, 6, Liquidity::Maker)
        ]
    );
}

#[test]
fn an_order_does_not_meet_what_happened_before_it_arrived() {
    // The trade happens at 104, is heard at 300; the order arrives at 105.
    let mut frames = Frames::default();
    book(&mut frames).trade((300, 104), 999, 50, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, MAKER_BUY);
    desk.advance(1000).unwrap();
    assert!(desk.drain_records().fills.is_empty());
    // One nanosecond later it is met, and known when the message arrives.
    let mut frames = Frames::default();
    book(&mut frames).trade((300, 105), 999, 50, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, MAKER_BUY);
    desk.advance(1000).unwrap();
    let fills = desk.drain_records().fills;
    assert_eq!(
        fills
            .iter()
            .map(|f| (f.exchange_ns, f.local_ns, f.size))
            .collect::<Vec<_>>(),
        [(105, 300, 10)]
    );
}

#[test]
fn an_order_never_meets_the_event_that_caused_it_when_clocks_disagree() {
    // Heard at 100, happened at 150 by the exchange's clock: an order of 101 would arrive at 106.
    for (happened, filled) in [(150, 0), (151, 10)] {
        let mut frames = Frames::default();
        book(&mut frames)
            .trade((100, 150), 999, 50, Side::Sell)
            .trade((120, happened), 999, 50, Side::Sell);
        let mut desk = desk_with(settings(), &frames);
        buy(&mut desk, 101, MAKER_BUY);
        desk.advance(1000).unwrap();
        let records = desk.drain_records();
        // The first trade is market before command at 150; a second one at 150 precedes the command as well.
        assert_eq!(
            records.fills.iter().map(|f| f.size).sum::<i64>(),
            filled,
            "{happened}"
        );
        let accepted = records
            .orders
            .iter()
            .find(|row| row.event == OrderEvent::Accepted)
            .unwrap();
        assert_eq!((accepted.exchange_ns, accepted.local_ns), (Some(150), 153));
    }
}

#[test]
fn depth_keeps_its_arrival_order_whatever_its_clocks_say() {
    // The second diff claims an earlier exchange time than the first; applied the other way round it would gap.
    let mut frames = Frames::default();
    book(&mut frames)
        .diff((50, 90), &[(1000, 7)], &[])
        .diff((51, 40), &[(1000, 8)], &[])
        .ticker((52, 52), (1000, 8), (1001, 5));
    let mut desk = desk_with(settings(), &frames);
    desk.advance(200).unwrap();
    assert!(desk.venue().book(0).state().is_synced());
    assert_eq!(desk.venue().book(0).counters().gaps, 0);
    assert_eq!(best(&desk, Side::Buy), Some(1000));
}

#[test]
fn timers_fire_at_their_instant_even_in_silence() {
    let mut frames = Frames::default();
    book(&mut frames);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, MAKER_BUY);
    desk.advance(1_000_000).unwrap();
    assert_eq!(
        events(&desk.drain_records()),
        [
            (100, OrderEvent::Placed),
            (108, OrderEvent::Accepted),
            (1100, OrderEvent::CancelRequested),
            (1108, OrderEvent::Cancelled),
        ]
    );
    assert!(!desk.account().instruments[0].trade_open);
    assert!(desk.venue().open_orders(0).is_empty());
}

#[test]
fn a_deadline_flattens_first_and_cancels_the_stop_last() {
    let mut frames = Frames::default();
    book(&mut frames);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, TAKER_BUY);
    desk.advance(20_000).unwrap();
    let records = desk.drain_records();
    let after: Vec<_> = events(&records)
        .into_iter()
        .filter(|(at, _)| *at >= 5100)
        .collect();
    assert_eq!(after[0], (5100, OrderEvent::Placed));
    assert_eq!(after.last(), Some(&(5116, OrderEvent::Cancelled)));
    assert!(after.contains(&(5108, OrderEvent::CancelRequested)));
    let account = desk.account();
    assert_eq!(
        (
            account.instruments[0].position,
            account.instruments[0].trade_open
        ),
        (0, false)
    );
    assert!(desk.venue().open_orders(0).is_empty());
    // Bought 5 at 100.1 and 4 at 100.2, sold 9 at 100.0.
    assert_eq!(account.realised, Money(-50_000 - 80_000));
    assert_eq!(
        account.cash,
        settings().start_cash + account.realised - account.fees
    );
    assert_eq!(account.equity, account.cash);
}

#[test]
fn a_stop_triggers_on_the_last_trade_and_skips_levels_that_were_traded_away() {
    let mut frames = Frames::default();
    book(&mut frames).trade((500, 500), 951, 3, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    let mut p = proposal(1, 100, Side::Buy, Route::Taker, (1000, 1001));
    p.limit = 0;
    desk.propose(p).unwrap();
    desk.advance(5000).unwrap();
    let fills = desk.drain_records().fills;
    // Bids at 1000 and 999 are still displayed, but a seller has just got 951.
    let got: Vec<_> = fills
        .iter()
        .map(|f| (f.leg.name(), f.price, f.size, f.exchange_ns))
        .collect();
    assert_eq!(got, [("entry", 1001, 5, 105), ("stop", 950, 5, 500)]);
    assert!(!desk.account().instruments[0].trade_open);
    assert!(desk.venue().open_orders(0).is_empty());
}

#[test]
fn post_only_that_would_cross_on_arrival_is_rejected() {
    let mut frames = Frames::default();
    book(&mut frames).diff((102, 102), &[], &[(1000, 1), (1001, 0)]);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, MAKER_BUY);
    desk.advance(1000).unwrap();
    let records = desk.drain_records();
    assert_eq!(
        records.orders.last().map(|row| (row.event, row.rejection)),
        Some((OrderEvent::Rejected, Some(Rejection::WouldCross)))
    );
    assert!(!desk.account().instruments[0].trade_open);
}

#[test]
fn without_a_book_orders_are_refused_and_exits_try_until_it_is_back() {
    let mut frames = Frames::default();
    book(&mut frames).gap((4000, 4000)).snapshot(
        (7_000_000_000, 7_000_000_000),
        &[(1000, 20)],
        &[(1001, 5)],
    );
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, TAKER_BUY);
    desk.advance(6_000_000_000).unwrap();
    let records = desk.drain_records();
    let refused = records
        .orders
        .iter()
        .filter(|row| row.rejection == Some(Rejection::BookUnavailable))
        .count();
    assert!(refused > 3, "{refused}");
    assert_eq!(desk.account().instruments[0].position, 9);
    let stale = desk
        .propose(proposal(
            2,
            6_000_000_000,
            Side::Buy,
            Route::Taker,
            (1000, 1001),
        ))
        .unwrap();
    assert_eq!(stale.reason, ReasonCode::StaleBook);
    desk.finish(20_000_000_000).unwrap();
    let account = desk.account();
    assert_eq!(
        (
            account.instruments[0].position,
            account.instruments[0].trade_open
        ),
        (0, false)
    );
}

#[test]
fn reasons_that_depend_on_the_clock_and_the_account() {
    let mut frames = Frames::default();
    book(&mut frames);
    let mut desk = desk_with(settings(), &frames);
    desk.advance(1000).unwrap();
    assert_eq!(
        buy(&mut desk, 900, MAKER_BUY).reason,
        ReasonCode::TradeMaker,
        "within the latency budget"
    );
    let mut desk = desk_with(settings(), &frames);
    desk.advance(1001).unwrap();
    assert_eq!(buy(&mut desk, 900, MAKER_BUY).reason, ReasonCode::Expired);
    assert_eq!(
        buy(&mut desk, 1001, MAKER_BUY).reason,
        ReasonCode::TradeMaker
    );
    assert_eq!(
        buy(&mut desk, 1001, MAKER_BUY).reason,
        ReasonCode::OrderWorking
    );

    let mut coin = instrument("A");
    coin.id.market = Market::BinanceCoinm;
    let mut desk = Desk::new(settings(), vec![coin]).unwrap();
    assert_eq!(
        buy(&mut desk, 1, MAKER_BUY).reason,
        ReasonCode::InverseContract
    );
}

#[test]
fn equity_is_marked_at_the_last_local_mid() {
    let mut frames = Frames::default();
    book(&mut frames).diff((600, 600), &[], &[(1001, 0), (1002, 0)]);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, TAKER_BUY);
    desk.advance(600).unwrap();
    let before = desk.account();
    assert_eq!(before.instruments[0].twice_mark, Some(2001));
    // 0.009 × 100.05 = 0.90045.
    assert_eq!(before.equity - before.cash, Money(90_045_000));
    desk.advance(601).unwrap();
    assert_eq!(desk.account().instruments[0].twice_mark, Some(2010));
}

#[test]
fn what_was_taken_from_a_level_is_gone_until_the_level_changes() {
    let deep = |frames: &mut Frames| {
        frames.snapshot((0, 0), &[(1000, 20)], &[(1001, 5)]);
    };
    for (changed, second) in [(false, 0), (true, 6)] {
        let mut frames = Frames::default();
        deep(&mut frames);
        if changed {
            frames.diff((130, 130), &[], &[(1001, 6)]);
        }
        let mut desk = desk_with(settings(), &frames);
        let mut p = proposal(1, 100, Side::Buy, Route::Taker, (1000, 1001));
        p.deadline_ns = 120;
        desk.propose(p).unwrap();
        let mut again = proposal(2, 200, Side::Buy, Route::Taker, (1000, 1001));
        again.limit = 0;
        desk.propose(again).unwrap();
        desk.advance(400).unwrap();
        let fills = desk.drain_records().fills;
        let of = |trace| {
            fills
                .iter()
                .filter(|f| f.trace == trace && f.side == Side::Buy)
                .map(|f| f.size)
                .sum::<i64>()
        };
        assert_eq!((of(1), of(2)), (5, second));
    }
}

#[test]
fn messages_of_one_venue_time_are_matched_as_they_arrived() {
    // The first diff happens at 20 by the exchange, heard early; the second one, heard at 23, must wait for it.
    let mut frames = Frames::default();
    book(&mut frames)
        .diff((10, 20), &[(1000, 7)], &[])
        .diff((23, 15), &[(1000, 8)], &[]);
    let mut desk = desk_with(settings(), &frames);
    desk.advance(23).unwrap();
    assert_eq!(desk.venue().book(0).counters().diffs_applied, 0);
    desk.advance(24).unwrap();
    assert_eq!(desk.venue().book(0).counters().diffs_applied, 2);
    assert_eq!(desk.venue().book(0).counters().gaps, 0);
}

#[test]
fn an_exit_that_meets_a_stop_on_its_way_finds_nothing_to_reduce() {
    let mut frames = Frames::default();
    book(&mut frames).trade((5104, 5104), 952, 1, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    buy(&mut desk, 100, TAKER_BUY);
    desk.finish(20_000).unwrap();
    let records = desk.drain_records();
    let sold: Vec<_> = records.fills[2..]
        .iter()
        .map(|f| (f.leg.name(), f.price, f.size, f.exchange_ns))
        .collect();
    assert_eq!(sold, [("stop", 950, 9, 5104)]);
    let exit = records.orders.iter().rfind(|row| row.spec.leg == Leg::Exit);
    assert_eq!(
        exit.and_then(|row| row.rejection),
        Some(Rejection::NothingToReduce)
    );
    assert_eq!(desk.venue().position(0), 0);
    assert!(desk.venue().open_orders(0).is_empty());
    assert!(!desk.account().instruments[0].trade_open);
}

#[test]
fn the_day_starts_with_the_marks_of_midnight_whatever_the_slice() {
    let day = 86_400_000_000_000;
    let quote = |local_ns, bid| QuoteRow {
        local_ns,
        bid,
        ask: bid + 1,
    };
    let mut frames = Frames::default();
    book(&mut frames);
    let mut desk = Desk::new(settings(), vec![instrument("A")]).unwrap();
    desk.add_block(0, &frames.block).unwrap();
    desk.add_quotes(0, &[quote(0, 1000), quote(day, 1100), quote(day + 1, 1200)])
        .unwrap();
    let mut p = proposal(1, 100, Side::Buy, Route::Taker, (1000, 1001));
    p.deadline_ns = 3 * day;
    desk.propose(p).unwrap();
    desk.advance(day + 1000).unwrap();
    let account = desk.account();
    // 0.009 × 110.05 at midnight, 0.009 × 120.05 now.
    assert_eq!(account.day_start_equity - account.cash, Money(99_045_000));
    assert_eq!(account.equity - account.cash, Money(108_045_000));
}

#[test]
fn impossible_settings_times_and_snapshots_are_errors() {
    let bad = DeskSettings {
        order_latency_ns: -1,
        ..settings()
    };
    assert!(matches!(
        Desk::new(bad, vec![]),
        Err(DeskError::Setting {
            field: "order_latency_ns",
            ..
        })
    ));
    let mut zero = instrument("A");
    zero.lot = 0;
    assert!(matches!(
        Desk::new(settings(), vec![zero]),
        Err(DeskError::Setting { field: "lot", .. })
    ));
    let mut frames = Frames::default();
    book(&mut frames).trade((10, 10), 1000, 1, Side::Sell);
    let mut desk = desk_with(settings(), &frames);
    desk.advance(50).unwrap();
    let mut late = Frames::default();
    late.trade((49, 49), 1000, 1, Side::Sell);
    assert_eq!(
        desk.add_block(0, &late.block),
        Err(DeskError::Order {
            instrument: 0,
            last: 50,
            got: 49
        })
    );
    assert_eq!(
        desk.add_block(1, &late.block),
        Err(DeskError::Instrument { got: 1, count: 1 })
    );
    let row = QuoteRow {
        local_ns: 3,
        bid: 1,
        ask: 2,
    };
    assert!(desk.add_quotes(0, &[row]).is_err());
    assert!(matches!(
        Desk::restore(&[]),
        Err(DeskError::Snapshot { .. })
    ));
    assert!(matches!(
        Desk::restore(&[1, 1, 2]),
        Err(DeskError::Snapshot { .. })
    ));
    assert!(matches!(
        Desk::restore(&[2, 1, 2]),
        Err(DeskError::Snapshot { .. })
    ));
}
