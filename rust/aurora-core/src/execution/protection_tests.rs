#![allow(clippy::unwrap_used)]

use super::protection::Protection;
use super::*;
use crate::instrument::Side;
use num_bigint::BigInt;
use proptest::prelude::*;

fn touch(bid: i64) -> Touch {
    Touch { bid, ask: bid + 5 }
}

fn even(entry_fee_e8: i64, exit_fee_e8: i64) -> BreakEven {
    BreakEven {
        trigger: BreakEvenTrigger::FirstTarget,
        entry_fee_e8,
        exit_fee_e8,
        slippage: 0,
        funding: 0,
    }
}

#[test]
fn break_even_is_fee_true() {
    // E(1 + f_in)/(1 − f_out): 100 000 × 1.0002/0.9995 = 100 070.04; a short one's 100 000 × 0.9998/1.0005 = 99 930.03.
    let mut long = Protection::new(Side::Buy, 100, ExitPlan::default());
    long.enter(100_000, 7);
    assert_eq!(
        long.break_even_price(&even(20_000, 50_000), 1),
        Some(100_071)
    );
    assert_eq!(
        long.break_even_price(&even(20_000, 50_000), 10),
        Some(100_080)
    );
    let mut short = Protection::new(Side::Sell, 100, ExitPlan::default());
    short.enter(100_000, 7);
    assert_eq!(
        short.break_even_price(&even(20_000, 50_000), 1),
        Some(99_930)
    );
    let costly = BreakEven {
        slippage: 3,
        funding: 2,
        ..even(20_000, 50_000)
    };
    assert_eq!(long.break_even_price(&costly, 1), Some(100_076));
    assert_eq!(short.break_even_price(&costly, 1), Some(99_925));
}

#[test]
fn plans_that_cannot_be_are_named() {
    let target = |distance, share_e4| Some(Target { distance, share_e4 });
    let good = ExitPlan {
        targets: [target(10, 5_000), target(20, 5_000), None, None],
        break_even: Some(even(0, 0)),
        trailing: Some(Trailing::default()),
        true_range: 5,
    };
    assert_eq!(good.validate(1), Ok(()));
    let field = |plan: ExitPlan| plan.validate(1).unwrap_err().field;
    let with = |targets| {
        let mut plan = good;
        plan.targets = targets;
        plan
    };
    assert_eq!(
        field(with([target(0, 5_000), None, None, None])),
        "target distance"
    );
    assert_eq!(
        field(with([target(9, 0), None, None, None])),
        "target share"
    );
    let most = target(9, i64::MAX);
    assert_eq!(field(with([most, most, most, most])), "target shares");
    assert_eq!(
        field(ExitPlan {
            true_range: 0,
            ..good
        }),
        "true range"
    );
    assert_eq!(
        field(ExitPlan {
            break_even: Some(even(0, 20_000_000)),
            ..good
        }),
        "exit fee"
    );
    let trailing = |trailing| {
        let mut plan = good;
        plan.trailing = Some(trailing);
        plan
    };
    assert_eq!(
        field(trailing(Trailing {
            distance_range_e4: 0,
            ..Trailing::default()
        })),
        "trailing distance"
    );
    assert_eq!(
        field(trailing(Trailing {
            cap_e4: Some(0),
            ..Trailing::default()
        })),
        "trailing cap"
    );
}

/// Trailing stop and break-even once more, naively: whole history at hand, floats nowhere, one long position; a
/// short one is the same market mirrored.
fn naive_stops(entry: i64, distance: i64, plan: &ExitPlan, bids: &[i64], tick: i64) -> Vec<i64> {
    let initial = ((entry - distance) as f64 / tick as f64).ceil() as i64 * tick;
    let nearest = (entry - 1).div_euclid(tick) * tick;
    let mut stops = Vec::new();
    let (mut even, mut trail) = (None, None);
    for until in 0..bids.len() {
        let bid = bids[until];
        let best = *bids[..=until].iter().max().unwrap();
        let gained = best - entry;
        if let Some(rule) = plan.break_even {
            let due = match rule.trigger {
                BreakEvenTrigger::FirstTarget => false,
                BreakEvenTrigger::TrueRange { multiple_e4 } => {
                    gained * 10_000 >= multiple_e4 * plan.true_range
                }
                BreakEvenTrigger::Risk { multiple_e4 } => gained * 10_000 >= multiple_e4 * distance,
            };
            let level = (entry + tick - 1).div_euclid(tick) * tick;
            if due && even.is_none() && level < bid && bid - level >= tick {
                even = Some(level);
            }
        }
        if let Some(rule) = plan.trailing {
            if gained * 10_000 >= rule.arm_risk_e4 * distance {
                let mut behind = (rule.distance_range_e4 * plan.true_range + 9_999) / 10_000;
                if let Some(cap) = rule.cap_e4 {
                    behind = behind.min((cap * best + 9_999) / 10_000);
                }
                let step = ((rule.step_range_e4 * plan.true_range + 9_999) / 10_000).max(1);
                let level = (best - behind).div_euclid(tick) * tick;
                if trail.is_none_or(|known| level >= known + step)
                    && bid - level >= tick
                    && level > 0
                {
                    trail = Some(level);
                }
            }
        }
        let tightest = [Some(initial.min(nearest).max(tick)), even, trail];
        stops.push(tightest.into_iter().flatten().max().unwrap());
    }
    stops
}

fn plans() -> impl Strategy<Value = ExitPlan> {
    let trigger = prop_oneof![
        (1_000i64..30_000).prop_map(|multiple_e4| BreakEvenTrigger::TrueRange { multiple_e4 }),
        (1_000i64..30_000).prop_map(|multiple_e4| BreakEvenTrigger::Risk { multiple_e4 }),
    ];
    let trailing = (
        1_000i64..30_000,
        1_000i64..40_000,
        0i64..10_000,
        prop::option::of(1i64..500),
    )
        .prop_map(|(arm, far, step, cap_e4)| Trailing {
            arm_risk_e4: arm,
            distance_range_e4: far,
            step_range_e4: step,
            cap_e4,
            interval_ns: 0,
        });
    (
        prop::option::of(trigger),
        prop::option::of(trailing),
        1i64..60,
    )
        .prop_map(|(trigger, trailing, true_range)| ExitPlan {
            break_even: trigger.map(|trigger| BreakEven {
                trigger,
                ..even(0, 0)
            }),
            trailing,
            true_range,
            ..ExitPlan::default()
        })
}

proptest! {
    /// The stop of every moment against the naive one, long and mirrored short; it only ever tightens, and what
    /// is moved is never at or through the price at which the position could be closed.
    #[test]
    fn stops_follow_their_rules(
        plan in plans(),
        distance in 1i64..80,
        moves in prop::collection::vec(-15i64..18, 1..60),
        tick in 1i64..7,
    ) {
        let entry = 10_000;
        let mut bids = Vec::new();
        let mut bid = entry;
        for moved in moves {
            bid += moved;
            bids.push(bid);
        }
        let mut long = Protection::new(Side::Buy, distance, plan);
        long.enter(entry, 3);
        let mut known = long.stop(tick).unwrap().trigger;
        for (bid, expected) in bids.iter().zip(naive_stops(entry, distance, &plan, &bids, tick)) {
            long.quote(touch(*bid), tick);
            let stop = long.stop(tick).unwrap();
            prop_assert_eq!(stop.trigger, expected);
            prop_assert!(stop.trigger >= known, "looser than before");
            prop_assert!(stop.trigger == known || long.would_rest(stop.trigger, touch(*bid), tick));
            known = stop.trigger;
        }
        // Mirrored about a multiple of the tick; a share of the price has no mirror image.
        if plan.trailing.is_none_or(|trailing| trailing.cap_e4.is_none()) {
            let mirror = 20_000 * tick;
            let mut short = Protection::new(Side::Sell, distance, plan);
            short.enter(mirror - entry, 3);
            let mut long = Protection::new(Side::Buy, distance, plan);
            long.enter(entry, 3);
            for bid in &bids {
                long.quote(touch(*bid), tick);
                short.quote(Touch { bid: mirror - bid - 5, ask: mirror - bid }, tick);
                prop_assert_eq!(
                    short.stop(tick).unwrap().trigger,
                    mirror - long.stop(tick).unwrap().trigger
                );
            }
        }
    }

    /// A stop at break-even earns nothing less than its costs, and one price quantum earlier would: exactly.
    #[test]
    fn break_even_breaks_even(
        fills in prop::collection::vec((1_000i64..1_000_000, 1i64..100_000), 1..6),
        entry_fee in -20_000i64..100_000, exit_fee in -20_000i64..100_000,
        long in any::<bool>(),
    ) {
        let side = if long { Side::Buy } else { Side::Sell };
        let mut protection = Protection::new(side, 1, ExitPlan::default());
        let (mut paid, mut entered) = (BigInt::from(0), 0);
        for (price, size) in fills {
            protection.enter(price, size);
            paid += BigInt::from(price) * size;
            entered += size;
        }
        let price = protection.break_even_price(&even(entry_fee, exit_fee), 1).unwrap();
        // Profit × 1e8 in price quanta × size quanta, after both fees.
        let profit = |price: i64| {
            let one = BigInt::from(100_000_000);
            let left = BigInt::from(price) * entered;
            let gross = (&left - &paid) * side.sign() * &one;
            gross - &paid * entry_fee - left * exit_fee
        };
        prop_assert!(profit(price) >= BigInt::from(0));
        prop_assert!(profit(price - side.sign()) < BigInt::from(0));
    }

    /// The first stop against exact fractions: never wider than asked, on the grid, and on the losing side of
    /// the average entry.
    #[test]
    fn the_first_stop_is_never_wider_than_asked(
        fills in prop::collection::vec((1_000i64..100_000, 1i64..1_000), 1..6),
        distance in 1i64..500, tick in 1i64..20, long in any::<bool>(),
    ) {
        let side = if long { Side::Buy } else { Side::Sell };
        let mut protection = Protection::new(side, distance, ExitPlan::default());
        let (mut paid, mut entered) = (0i128, 0i128);
        for (price, size) in fills {
            protection.enter(price, size);
            paid += i128::from(price) * i128::from(size);
            entered += i128::from(size);
        }
        let stop = i128::from(protection.stop(tick).unwrap().trigger);
        let sign = i128::from(side.sign());
        prop_assert_eq!(stop % i128::from(tick), 0);
        let loss = sign * (paid - stop * entered);
        prop_assert!(loss > 0, "on the losing side");
        // Wider only where the grid leaves no price nearer the entry.
        let one_step_nearer = loss - i128::from(tick) * entered;
        prop_assert!(loss <= i128::from(distance) * entered || one_step_nearer <= 0);
    }
}

#[test]
fn a_stop_from_before_a_restart_holds_where_it_is_the_tighter_one() {
    for (side, tighter, wider) in [(Side::Buy, 950, 880), (Side::Sell, 1050, 1120)] {
        let mut known = Protection::new(side, 100, ExitPlan::default());
        known.enter(1000, 7);
        let initial = known.stop(5).unwrap().trigger;
        known.stood_at(wider, 5);
        assert_eq!(known.stop(5).unwrap().trigger, initial);
        // The wider one is not remembered either: more fills move the initial stop on.
        known.stood_at(initial, 5);
        known.stood_at(tighter, 5);
        assert_eq!(known.stop(5).unwrap().trigger, tighter);
        known.stood_at(wider, 5);
        assert_eq!(known.stop(5).unwrap().trigger, tighter);
    }
}
