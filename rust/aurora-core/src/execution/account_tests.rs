#![allow(clippy::unwrap_used)]

use super::gate_tests::instrument;
use super::*;
use crate::instrument::Side;
use crate::units::Money;
use proptest::prelude::*;

fn units(amount: i128) -> Money {
    Money(amount * 100_000_000)
}

fn movement(id: u64, kind: CashKind, amount: i128) -> CashMovement {
    CashMovement {
        id,
        kind,
        asset: None,
        amount: units(amount),
        local_ns: 1,
    }
}

#[test]
fn a_lost_touch_keeps_its_mark() {
    let mut account = Account::new(units(1000), 1, PositionMode::OneWay);
    account.quote(0, 1000, 1005);
    account.quote(0, 0, 0);
    assert_eq!(account.touches[0], None);
    assert_eq!(account.marks[0], Touch::new(1000, 1005));
}

#[test]
fn unrealised_is_value_less_cost() {
    let any = instrument("A");
    let mut account = Account::new(units(1000), 1, PositionMode::OneWay);
    account
        .fill(0, &any, Side::Sell, Side::Sell, 1000, 100, Money(7))
        .unwrap();
    assert_eq!(account.unrealised(0, &any), Money::ZERO, "no mark yet");
    account.quote(0, 990, 1000);
    // Short 0.1 from 100, marked at 99.5.
    assert_eq!(account.unrealised(0, &any), Money(5_000_000));
    assert_eq!(
        account.equity(std::slice::from_ref(&any)),
        units(1000) + Money(5_000_000 - 7)
    );
}

#[test]
fn exposure_is_what_every_side_is_worth() {
    let any = instrument("A");
    let mut account = Account::new(units(1000), 2, PositionMode::Hedge);
    assert_eq!(account.exposure(0, &any), Money::ZERO);
    for (side, size) in [(Side::Sell, 100), (Side::Buy, 40)] {
        account
            .fill(0, &any, side, side, 1000, size, Money::ZERO)
            .unwrap();
    }
    // 0.1 and 0.04 at 100: what they cost, while there is no mark.
    assert_eq!(account.exposure(0, &any), units(14));
    account.quote(0, 990, 1000);
    assert_eq!(account.exposure(0, &any), Money(1_393_000_000));
    assert_eq!(account.exposure(1, &any), Money::ZERO);
    account
        .fill(0, &any, Side::Sell, Side::Buy, 1000, 100, Money::ZERO)
        .unwrap();
    assert_eq!(account.exposure(0, &any), Money(398_000_000));
}

#[test]
fn movements_count_once_and_where_they_belong() {
    let mut account = Account::new(units(1000), 0, PositionMode::OneWay);
    for _ in 0..2 {
        for (id, kind, amount) in [
            (9, CashKind::Funding, -3),
            (2, CashKind::Fee, -2),
            (5, CashKind::Transfer, 100),
            (7, CashKind::Other, 1),
        ] {
            account.move_cash(&movement(id, kind, amount)).unwrap();
        }
    }
    assert_eq!(
        (account.cash, account.funding, account.fees),
        (units(1096), units(3), units(2))
    );
    assert_eq!((account.transfers, account.other), (units(100), units(1)));
    // A fee in another asset moves no cash of ours.
    let coin = CashMovement {
        asset: Some("BNB".to_string()),
        ..movement(11, CashKind::Fee, -1)
    };
    assert_eq!(account.move_cash(&coin), Ok(true));
    assert_eq!(account.move_cash(&coin), Ok(false));
    assert_eq!(account.cash, units(1096));
    assert_eq!(account.elsewhere.get("BNB"), Some(&units(-1)));
    let absurd = movement(12, CashKind::Other, 1 << 100);
    assert!(account.move_cash(&absurd).is_err());
}

#[test]
fn a_fill_that_cannot_be_changes_nothing() {
    let any = instrument("A");
    let mut account = Account::new(units(1), 1, PositionMode::OneWay);
    account
        .fill(0, &any, Side::Buy, Side::Buy, 1, i64::MAX - 5, Money::ZERO)
        .unwrap();
    let before = account.clone();
    for (price, size, fee) in [
        (0, 1, 0),
        (-5, 1, 0),
        (1, 0, 0),
        (1, -1, 0),
        (1, 6, 0),
        (1, i64::MAX, 0),
        (i64::MAX, 5, 1 << 101),
    ] {
        let result = account.fill(0, &any, Side::Buy, Side::Buy, price, size, Money(fee));
        assert!(result.is_err(), "{price} {size} {fee}");
        assert_eq!(account, before);
    }
    let mut coarse = instrument("A");
    (coarse.price_exponent, coarse.size_exponent) = (0, 0);
    let mut account = Account::new(units(1), 1, PositionMode::OneWay);
    let result = account.fill(
        0,
        &coarse,
        Side::Buy,
        Side::Buy,
        i64::MAX,
        i64::MAX,
        Money::ZERO,
    );
    assert_eq!(result.unwrap_err().field, "fill price");
}

proptest! {
    /// In hedge mode each side is a one-way account of its own; together they move the same cash.
    #[test]
    fn hedge_mode_is_two_positions(
        fills in prop::collection::vec((any::<bool>(), any::<bool>(), 1i64..5000, 1i64..900), 0..40),
    ) {
        let any = instrument("A");
        let mut hedge = Account::new(units(50), 1, PositionMode::Hedge);
        let mut net = Account::new(units(50), 1, PositionMode::OneWay);
        let mut sides = [Account::new(Money::ZERO, 1, PositionMode::OneWay), Account::new(Money::ZERO, 1, PositionMode::OneWay)];
        for (long, buy, price, size) in fills {
            let side = if buy { Side::Buy } else { Side::Sell };
            let holder = if long { Side::Buy } else { Side::Sell };
            hedge.fill(0, &any, holder, side, price, size, Money(3)).unwrap();
            net.fill(0, &any, holder, side, price, size, Money(3)).unwrap();
            sides[usize::from(!long)].fill(0, &any, side, side, price, size, Money(3)).unwrap();
        }
        hedge.quote(0, 2000, 2010);
        net.quote(0, 2000, 2010);
        for (leg, side) in hedge.legs(0).iter().zip(&sides) {
            prop_assert_eq!(leg, side.position(0, Side::Buy));
        }
        prop_assert_eq!(hedge.net(0), net.net(0));
        prop_assert_eq!((hedge.cash, hedge.fees), (net.cash, net.fees));
        prop_assert_eq!(hedge.equity(std::slice::from_ref(&any)), net.equity(std::slice::from_ref(&any)));
        prop_assert!(hedge.exposure(0, &any) >= net.exposure(0, &any));
        let total = |account: &Account| account.wallet() + account.unrealised(0, &any);
        prop_assert_eq!(total(&hedge), total(&net));
    }
}
