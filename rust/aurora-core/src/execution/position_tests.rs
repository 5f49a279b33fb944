#![allow(clippy::unwrap_used)]

use super::gate_tests::instrument;
use super::*;
use crate::instrument::Side;
use crate::units::Money;
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
fn a_lost_touch_keeps_its_mark() {
    let mut account = Account::new(units(1000), 1);
    account.quote(0, 1000, 1005);
    account.quote(0, 0, 0);
    assert_eq!(account.touches[0], None);
    assert_eq!(account.marks[0], Touch::new(1000, 1005));
}

proptest! {
    /// To the last unit: cash = start − Σ signed notional − Σ fees; position = Σ fills; and the same cash from
    /// the other side, start + realised − open cost − fees. Exponents where every notional is rounded.
    #[test]
    fn accounting_identity(
        fills in prop::collection::vec((any::<bool>(), 1i64..100_000_000, 1i64..1_000_000, -50i128..5000), 0..60),
    ) {
        let mut fine = instrument("A");
        fine.price_exponent = 7;
        fine.size_exponent = 6;
        let start = units(10_000);
        let mut account = Account::new(start, 1);
        let (mut cash, mut size, mut fees) = (start, 0i64, Money::ZERO);
        for (buy, price, quantity, fee) in fills {
            let side = if buy { Side::Buy } else { Side::Sell };
            account.fill(0, &fine, side, price, quantity, Money(fee));
            cash -= Money(fine.notional(price, quantity).0 * i128::from(side.sign())) + Money(fee);
            size += side.sign() * quantity;
            fees += Money(fee);
            prop_assert_eq!(account.cash, cash);
            prop_assert_eq!(account.fees, fees);
            prop_assert_eq!(account.positions[0].size, size);
            let open = account.positions[0].open_cost;
            prop_assert_eq!(account.cash, start + account.realised() - open - fees);
            prop_assert_eq!(open.0.signum() as i64 * size.signum() >= 0, true);
            if size == 0 {
                prop_assert_eq!(open, Money::ZERO);
            }
        }
    }
}
