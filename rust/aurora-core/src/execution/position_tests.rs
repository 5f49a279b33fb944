#![allow(clippy::unwrap_used)]

use super::exact::{notional, scale};
use super::gate_tests::instrument;
use super::*;
use crate::instrument::Side;
use crate::units::Money;
use num_bigint::BigInt;
use proptest::prelude::*;

fn units(amount: i128) -> Money {
    Money(amount * 100_000_000)
}

#[test]
fn average_cost_partial_close_and_flip() {
    let mut position = Position::default();
    position.apply(Side::Buy, 1000, units(100));
    position.apply(Side::Buy, 1000, units(110));
    assert_eq!(position.average_entry(&instrument("A")), Some(units(105)));
    position.apply(Side::Sell, 1000, units(120));
    assert_eq!((position.size, position.realised), (1000, units(15)));
    // Sells 3 at 90: one closes at −15, two open a short at 90.
    position.apply(Side::Sell, 3000, units(270));
    assert_eq!((position.size, position.realised), (-2000, units(0)));
    assert_eq!(position.open_cost, units(-180));
    assert_eq!(position.average_entry(&instrument("A")), Some(units(90)));
    position.apply(Side::Buy, 2000, units(160));
    assert_eq!(
        (position.size, position.realised, position.open_cost),
        (0, units(20), Money::ZERO)
    );
    assert_eq!(position.average_entry(&instrument("A")), None);
}

#[test]
fn the_mid_between_two_quanta_rounds_once_half_even() {
    let mut fine = instrument("A");
    fine.price_exponent = 4;
    fine.size_exponent = 4;
    // Mid 1.5 quanta × 1 = 1.5e-8 → 2e-8; 2.5e-8 → 2e-8.
    let value = |bid, ask| value_at_mid(&fine, Touch { bid, ask }, 1);
    assert_eq!(value(1, 2), Money(2));
    assert_eq!(value(2, 3), Money(2));
    assert_eq!(value_at_mid(&fine, Touch { bid: 1, ask: 2 }, -1), Money(-2));
    assert_eq!(
        value_at_mid(
            &instrument("A"),
            Touch {
                bid: 1000,
                ask: 1005
            },
            -1000
        ),
        Money(-10_025_000_000)
    );
}

#[test]
fn funding_is_paid_by_longs_while_the_rate_is_positive() {
    // 0.1 × 100.5 × 0.01 % = 0.001005; SPEC: position sign × notional × rate.
    let pay = |size, rate| funding_payment(&instrument("A"), size, 1005, rate).unwrap();
    assert_eq!(pay(100, 10_000), Money(-100_500));
    assert_eq!(pay(-100, 10_000), Money(100_500));
    assert_eq!(pay(100, -10_000), Money(100_500));
    assert_eq!(pay(0, 10_000), Money::ZERO);
}

/// a / b rounded half-even, by another way than the implementation: twice the remainder against the divisor.
fn rounded(a: &BigInt, b: &BigInt) -> BigInt {
    let (zero, one) = (BigInt::from(0), BigInt::from(1));
    // Floor division.
    let mut quotient = a / b;
    if (a % b) < zero {
        quotient -= &one;
    }
    let twice = (a - &quotient * b) * 2;
    let odd = (&quotient % 2) != zero;
    if twice > *b || (twice == *b && odd) {
        quotient += one;
    }
    quotient
}

/// An exact fraction with a positive denominator.
#[derive(Debug, Clone, PartialEq)]
struct Fraction {
    top: BigInt,
    bottom: BigInt,
}

impl Fraction {
    fn new(top: BigInt, bottom: BigInt) -> Fraction {
        Fraction { top, bottom }
    }

    fn zero() -> Fraction {
        Fraction::new(BigInt::from(0), BigInt::from(1))
    }

    fn plus(&self, other: &Fraction) -> Fraction {
        Fraction::new(
            &self.top * &other.bottom + &other.top * &self.bottom,
            &self.bottom * &other.bottom,
        )
    }

    fn times(&self, top: i64, bottom: i64) -> Fraction {
        Fraction::new(&self.top * top, &self.bottom * bottom)
    }

    /// |self − money| <= tolerance, in quanta of 1e-8.
    fn is_within(&self, money: Money, tolerance: i128, decimals: u32) -> bool {
        let unit = &self.bottom * BigInt::from(10).pow(decimals);
        let difference = &self.top - BigInt::from(money.0) * &unit;
        let most = BigInt::from(tolerance) * &unit;
        -&most <= difference && difference <= most
    }
}

/// Average cost in exact fractions, without any rounding; amounts in quanta of 1e-8 / 10^decimals.
struct ExactPosition {
    size: i64,
    cost: Fraction,
    realised: Fraction,
}

impl ExactPosition {
    fn fill(&mut self, side: Side, size: i64, price: i64) {
        let amount = |size: i64| {
            let quanta = BigInt::from(price) * BigInt::from(size) * BigInt::from(10).pow(8);
            Fraction::new(quanta, BigInt::from(1))
        };
        let mut left = size;
        if self.size.signum() == -side.sign() {
            let held = self.size.abs();
            let closed = left.min(held);
            let released = self.cost.times(-closed, held);
            let proceeds = amount(-side.sign() * closed);
            self.realised = self.realised.plus(&proceeds).plus(&released);
            self.cost = self.cost.times(held - closed, held);
            if closed == held {
                self.cost = Fraction::zero();
            }
            self.size += side.sign() * closed;
            left -= closed;
        }
        self.cost = self.cost.plus(&amount(side.sign() * left));
        self.size += side.sign() * left;
    }
}

fn filled(account: &mut Account, instrument: &crate::instrument::Instrument, fill: &Fill) {
    let side = if fill.0 { Side::Buy } else { Side::Sell };
    account
        .fill(0, instrument, side, side, fill.1, fill.2, Money(fill.3))
        .unwrap();
}

/// Bought or sold, price, size, fee.
type Fill = (bool, i64, i64, i128);

fn fills() -> impl Strategy<Value = (u8, u8, i128, Vec<Fill>)> {
    // Balances, prices and sizes of every magnitude.
    let magnitude = |bits: std::ops::Range<u32>| {
        (bits, any::<i64>()).prop_map(|(bits, n)| (n & ((1i64 << bits) - 1)).max(1))
    };
    let fill = (
        any::<bool>(),
        magnitude(1..36),
        magnitude(1..36),
        -50i128..5_000_000,
    );
    (
        0u8..=9,
        0u8..=9,
        -(1i128 << 110)..(1i128 << 110),
        prop::collection::vec(fill, 0..25),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// To the last unit, at any balance: cash = start − Σ rounded signed notional − Σ fees; position = Σ fills;
    /// the same cash from the other side, start + realised − open cost − fees; and realised and cost stay within
    /// what the roundings allow of average cost in exact fractions - equal to it where nothing is rounded.
    #[test]
    fn accounting_is_exact((price_exponent, size_exponent, start, fills) in fills()) {
        let mut any = instrument("A");
        any.price_exponent = price_exponent;
        any.size_exponent = size_exponent;
        let decimals = u32::from(price_exponent + size_exponent);
        let mut account = Account::new(Money(start), 1, PositionMode::OneWay);
        let mut cash = BigInt::from(start);
        let mut fees = 0;
        let mut exact = ExactPosition { size: 0, cost: Fraction::zero(), realised: Fraction::zero() };
        for (count, fill) in fills.iter().enumerate() {
            filled(&mut account, &any, fill);
            let side = if fill.0 { Side::Buy } else { Side::Sell };
            let product = BigInt::from(fill.1) * BigInt::from(fill.2) * BigInt::from(10).pow(8);
            let amount = rounded(&product, &BigInt::from(10).pow(decimals));
            cash -= amount * side.sign() + fill.3;
            fees += fill.3;
            exact.fill(side, fill.2, fill.1);
            let position = *account.position(0, Side::Buy);
            prop_assert_eq!(BigInt::from(account.cash.0), cash.clone());
            prop_assert_eq!(account.fees, Money(fees));
            prop_assert_eq!(position.size, exact.size);
            prop_assert_eq!(
                account.cash,
                Money(start) + account.realised() - position.open_cost - account.fees
            );
            prop_assert_eq!(account.wallet(), Money(start) + account.realised() - account.fees);
            // A fill rounds at most three times, by half a quantum each, and what it rounds off the cost may be
            // released later.
            let tolerance = 2 * (count as i128 + 1);
            prop_assert!(exact.realised.is_within(position.realised, tolerance, decimals));
            prop_assert!(exact.cost.is_within(position.open_cost, tolerance, decimals));
            if position.size == 0 {
                prop_assert_eq!(position.open_cost, Money::ZERO);
                if decimals <= 8 {
                    prop_assert!(exact.realised.is_within(position.realised, 0, decimals), "flat: nothing is rounded");
                }
            } else {
                let top = BigInt::from(position.open_cost.0.abs()) * BigInt::from(10).pow(size_exponent.into());
                let average = rounded(&top, &BigInt::from(position.size.abs()));
                prop_assert_eq!(BigInt::from(position.average_entry(&any).unwrap().0), average);
            }
        }
    }

    /// In whatever order the same fills come, position, cash and fees are the same, and so is all that is earned
    /// once they are flat.
    #[test]
    fn the_order_of_fills_moves_no_cash(
        (price_exponent, size_exponent, start, fills) in fills(),
        keys in prop::collection::vec(any::<u32>(), 25),
    ) {
        let mut any = instrument("A");
        any.price_exponent = price_exponent;
        any.size_exponent = size_exponent;
        let account = Account::new(Money(start), 1, PositionMode::OneWay);
        let (mut straight, mut mixed) = (account.clone(), account);
        for fill in &fills {
            filled(&mut straight, &any, fill);
        }
        let mut keyed: Vec<_> = fills.iter().zip(keys).collect();
        keyed.sort_by_key(|(_, key)| *key);
        for (fill, _) in keyed {
            filled(&mut mixed, &any, fill);
        }
        prop_assert_eq!(mixed.cash, straight.cash);
        prop_assert_eq!(mixed.fees, straight.fees);
        prop_assert_eq!(mixed.net(0), straight.net(0));
        let total = |account: &Account| account.realised() - account.position(0, Side::Buy).open_cost;
        prop_assert_eq!(total(&mixed), total(&straight));
    }

    /// Products and quotients against whole numbers of any length.
    #[test]
    fn multiply_divide_rounds_once(
        (a, b, c) in (any::<i128>(), any::<i128>(), 1..i128::MAX),
        shifts in (0u32..127, 0u32..127, 0u32..127),
    ) {
        let (a, b, c) = (a >> shifts.0, b >> shifts.1, (c >> shifts.2).max(1));
        let expected = rounded(&(BigInt::from(a) * BigInt::from(b)), &BigInt::from(c));
        match multiply_divide(a, b, c) {
            Some(got) => prop_assert_eq!(BigInt::from(got), expected),
            None => prop_assert!(i128::try_from(expected).is_err()),
        }
        prop_assert_eq!(multiply_divide(a, b, -c), None);
        prop_assert_eq!(multiply_divide(a, b, 0), None);
    }

    /// One rounding for the value at the mid, the notional and funding, whatever the exponents.
    #[test]
    fn values_round_once(
        price in 1i64..=i64::MAX, spread in 0i64..1000, size in any::<i64>(), rate in -75_000_000i64..75_000_000,
        price_exponent in 0u8..=18, size_exponent in 0u8..=18,
    ) {
        let mut any = instrument("A");
        any.price_exponent = price_exponent;
        any.size_exponent = size_exponent;
        let power = |n: u8| BigInt::from(10).pow(n.into());
        let ask = price.saturating_add(spread);
        let product = |price: BigInt| price * BigInt::from(size) * power(8);
        let scale = power(price_exponent) * power(size_exponent);
        let expected = rounded(&product(BigInt::from(price) + BigInt::from(ask)), &(&scale * 2));
        let got = value_at_mid(&any, Touch { bid: price, ask }, size);
        if i128::try_from(&expected).is_ok() {
            prop_assert_eq!(BigInt::from(got.0), expected);
        } else {
            prop_assert_eq!(got, Money::ZERO);
        }
        let expected = rounded(&product(BigInt::from(price)), &scale);
        let largest = BigInt::from(LARGEST_AMOUNT.0);
        match notional(&any, price, size) {
            Some(got) => prop_assert_eq!(BigInt::from(got.0), expected),
            None => prop_assert!(expected > largest || expected < -largest),
        }
        let expected = rounded(&(product(BigInt::from(price)) * -rate), &(&scale * power(8)));
        match funding_payment(&any, size, price, rate) {
            Some(got) => prop_assert_eq!(BigInt::from(got.0), expected),
            None => prop_assert!(i128::try_from(expected).is_err()),
        }
    }
}

#[test]
fn scaling_refuses_what_does_not_fit() {
    assert_eq!(scale(i128::MAX, 2, 0), None);
    assert_eq!(scale(1, 1, 39), None);
    assert_eq!(scale(25, 1, -1), Some(Money(2)));
    assert_eq!(scale(-35, 1, -1), Some(Money(-4)));
}
