//! Money: margin, funding, liquidation.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::test_bench::*;
use super::*;
use crate::instrument::Side::{Buy, Sell};
use crate::units::Money;

/// Filters off, margin on; the mark is told. Deep book of 100.0 to 100.1.
fn bench() -> Bench {
    let settings = VenueSettings {
        mark: MarkSource::Told,
        checks: Checks {
            filters: false,
            margin: true,
        },
        budgets: None,
        ..VenueSettings::exchange(FEES)
    };
    let mut bench = Bench::with(settings, rules());
    bench.snapshot(&[(1000, 2_000_000)], &[(1001, 2_000_000)]);
    bench.venue.on_mark(0, 1000, 2);
    bench.now_ns = 2;
    bench
}

#[test]
fn funding_is_paid_at_each_timestamp_that_a_position_crosses() {
    let mut bench = bench();
    bench.venue.add_account(dollars(10_000), 0);
    let hour = 3_600_000_000_000;
    let schedule = FundingSchedule {
        next_ns: 8 * hour,
        interval_ns: 8 * hour,
        rate_e8: 10_000,
    };
    bench.venue.set_funding(0, schedule);
    bench.hold(Buy, 10_000);
    bench.order_of(1, market("short", Sell, 4_000)).unwrap();
    let before = [0, 1].map(|account| bench.venue.wallet(account));
    bench.venue.advance(8 * hour - 1);
    assert_eq!(before, [0, 1].map(|account| bench.venue.wallet(account)));
    bench.venue.on_mark(0, 1100, 8 * hour - 1);
    bench.venue.take_events();
    bench.venue.advance(17 * hour);
    // 0.01 % of 10 × 110 and of 4 × 110, twice; longs pay, shorts receive.
    let paid = [0, 1].map(|account| bench.venue.wallet(account) - before[account as usize]);
    assert_eq!(paid, [Money(-2 * 11_000_000), Money(2 * 4_400_000)]);
    let times: Vec<_> = bench
        .venue
        .take_events()
        .iter()
        .filter(|event| {
            matches!(
                event.kind,
                UserEventKind::Account {
                    reason: AccountReason::FundingFee,
                    ..
                }
            )
        })
        .map(|event| event.exchange_ns / hour)
        .collect();
    assert_eq!(times, [8, 8, 16, 16]);
    bench.assert_conserved();
}

#[test]
fn margin_counts_the_larger_side_of_position_and_orders() {
    let mut bench = bench();
    let initial = |bench: &Bench| bench.venue.account_snapshot(0).margin.initial;
    // 100 × 100 dollars of bids at 20 ×.
    bench.order(limit("b", Buy, 1000, 100_000)).unwrap();
    assert_eq!(initial(&bench), dollars(500));
    // Offers of 60 do not add to it, offers of 140 do.
    bench.order(limit("s", Sell, 1010, 60_000)).unwrap();
    assert_eq!(initial(&bench), dollars(500));
    bench.order(limit("t", Sell, 1010, 80_000)).unwrap();
    assert_eq!(initial(&bench), Money(dollars(14_140).0 / 20));
    // Leverage can be raised, and lowered only as far as the wallet reaches.
    let leverage = |leverage| Request::SetLeverage {
        symbol: 0,
        leverage,
    };
    bench.send(leverage(50)).unwrap();
    assert_eq!(initial(&bench), Money(dollars(14_140).0 / 50));
    assert_eq!(
        bench.send(leverage(1)),
        Err(VenueError::MarginNotSufficient)
    );
    assert_eq!(initial(&bench), Money(dollars(14_140).0 / 50));
}

#[test]
fn orders_that_reduce_need_no_margin() {
    let mut bench = bench();
    bench.hold(Buy, 1_900_000);
    // 190 000 at 20 × leave next to nothing for more.
    assert_eq!(
        bench.order(limit("more", Buy, 1000, 200_000)),
        Err(VenueError::MarginNotSufficient)
    );
    assert!(bench.order(limit("less", Sell, 1001, 1_900_000)).is_ok());
    assert!(bench
        .order(reducing(market("close", Sell, 1_000_000)))
        .is_ok());
}

#[test]
fn an_account_at_its_maintenance_margin_is_liquidated_into_the_book() {
    let mut bench = bench();
    // 1 000 × 100.1: a loss of 9 per unit leaves 10 000 − 50.05 − 9 000.
    bench.hold(Buy, 1_000_000);
    bench.order(limit("rest", Buy, 990, 1_000)).unwrap();
    bench
        .algo(NewOrder::stop_market(0, id("stop"), Sell, px(900), qty(1)))
        .unwrap();
    let wallet = dollars(10_000) - Money(5_005_000_000);
    assert_eq!(bench.venue.wallet(0), wallet);
    // Maintenance of 90 600 is 0.5 % less 50: 403. Equity at 90.6 is wallet − 9 500 = 449.95.
    bench.venue.on_mark(0, 906, 10);
    assert_eq!(bench.position(), 1_000_000);
    // At 90.5: 402.5 against 349.95. The book takes 600 at 90.5, the rest is taken over at the mark.
    bench.now_ns = 20;
    bench.book(&[(1000, 0), (905, 600_000)], &[]);
    bench.venue.take_events();
    bench.venue.on_mark(0, 905, 30);
    assert_eq!(bench.position(), 0);
    assert!(bench.venue.open_orders(0, None).is_empty());
    assert_eq!(bench.row(2).expiry, ExpiryReason::Liquidation);
    assert_eq!(bench.algo_row(1).status, AlgoStatus::Expired);
    let sold: Vec<_> = bench.fills()[1..].to_vec();
    assert_eq!(sold, [(905, 600_000, true), (905, 400_000, true)]);
    let last = bench.venue.truth().trades.last().unwrap().client_id;
    assert!(last.is_reserved());
    let calculated = bench.venue.take_events().iter().any(|event| {
        matches!(
            event.kind,
            UserEventKind::Order {
                execution: ExecutionType::Calculated,
                ..
            }
        )
    });
    assert!(calculated);
    // 349.95 less 45.25 of fees; the fee of 1.2 % takes what is left and no more.
    assert_eq!(
        bench.venue.received(Counterparty::Insurance),
        Money(30_470_000_000)
    );
    assert_eq!(bench.venue.wallet(0), Money::ZERO);
    bench.assert_conserved();
}

#[test]
fn the_insurance_fund_covers_what_a_wallet_cannot() {
    let mut bench = bench();
    bench.hold(Sell, 1_000_000);
    bench.now_ns = 20;
    bench.book(&[], &[(1001, 0), (1200, 2_000_000)]);
    bench.venue.on_mark(0, 1200, 30);
    assert_eq!(bench.position(), 0);
    assert_eq!(bench.venue.wallet(0), Money::ZERO);
    // Sold at 100, bought back at 120: 20 000 lost, fees of 50 and 60, and 10 000 were there.
    assert_eq!(
        bench.venue.received(Counterparty::Insurance),
        -dollars(10_110)
    );
    bench.assert_conserved();
}

#[test]
fn rounding_happens_once_a_fee_and_conservation_is_exact_at_any_size() {
    let mut bench = bench();
    bench
        .venue
        .add_account(Money(i128::from(i64::MAX) * 1_000_000_000), 0);
    for (n, size) in [1, 7, 333, 1_999_991].into_iter().enumerate() {
        let side = if n % 2 == 0 { Buy } else { Sell };
        bench
            .order_of(1, market(&format!("m{n}"), side, size))
            .unwrap();
        bench.assert_conserved();
    }
}

#[test]
fn a_liquidation_that_the_book_takes_and_the_wallet_bears_is_no_more_than_that() {
    let mut bench = bench();
    bench.hold(Buy, 1_000_000);
    bench.now_ns = 20;
    bench.book(&[(1000, 0), (905, 1_000_000)], &[]);
    bench.venue.take_events();
    bench.venue.on_mark(0, 905, 30);
    assert_eq!(bench.position(), 0);
    assert_eq!(bench.fills()[1..], [(905, 1_000_000, true)]);
    let covered = |row: &&CashRow| row.kind == CashKind::InsuranceCover;
    assert_eq!(bench.venue.truth().cash.iter().filter(covered).count(), 0);
    let calculated = |event: &UserEvent| {
        matches!(
            event.kind,
            UserEventKind::Order {
                execution: ExecutionType::Calculated,
                ..
            }
        )
    };
    assert!(!bench.venue.take_events().iter().any(calculated));
    bench.assert_conserved();
}
