//! Brackets, the kill switch and open outcomes, step by step against a naive venue.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::gate_tests::{limits, proposal, SECOND};
use super::naive_link::{Fate, World};
use super::*;
use crate::instrument::Side;
use crate::units::Money;

pub(super) const START: Money = Money(1_000_000_000_000);
pub(super) fn settings(reconciles: bool) -> ExecutionSettings {
    ExecutionSettings {
        start_cash: START,
        position_mode: PositionMode::OneWay,
        entry_ttl_ns: 5 * SECOND,
        maker_first: None,
        latency_budget_ns: SECOND,
        limits: limits(1000),
        timeouts: Timeouts {
            reconcile_every_ns: reconciles.then_some(2 * SECOND),
            ..Timeouts::default()
        },
        wallet_tolerance: Money::ZERO,
        leverage: None,
        conduct: ConductSettings::default(),
    }
}

pub(super) fn plan(shares: &[(i64, i64)]) -> ExitPlan {
    let mut plan = ExitPlan {
        true_range: 20,
        ..ExitPlan::default()
    };
    for (target, (distance, share_e4)) in plan.targets.iter_mut().zip(shares) {
        *target = Some(Target {
            distance: *distance,
            share_e4: *share_e4,
        });
    }
    plan
}

pub(super) fn propose(world: &mut World, trace: u64, side: Side, route: Route, exits: ExitPlan) {
    let proposal = wanted(world, trace, side, route);
    world.step(Input::Bracket {
        now_ns: world.now_ns,
        proposal,
        exits,
    });
}

/// A proposal of now, at the touch of now.
pub(super) fn wanted(world: &World, trace: u64, side: Side, route: Route) -> Proposal {
    let touch = world.touch();
    Proposal {
        local_ns: world.now_ns,
        deadline_ns: world.now_ns + 30 * SECOND,
        bid: touch.bid,
        ask: touch.ask,
        take_within: Some(match side {
            Side::Buy => touch.ask + 10,
            Side::Sell => touch.bid - 10,
        }),
        ..proposal(trace, side, route)
    }
}

pub(super) fn held(world: &World) -> i64 {
    world.execution.account().net(0)
}

pub(super) fn is_open(world: &World) -> bool {
    world.execution.view().instruments[0].trade_open
}

/// Entry filled at 1000 and everything settled.
fn opened(plan: ExitPlan) -> World {
    let mut world = World::new(settings(false), SECOND);
    propose(&mut world, 1, Side::Buy, Route::Maker, plan);
    world.settle();
    let entry = world.venue.open(Leg::Entry)[0];
    let reports = world.venue.fill(entry, 100, world.now_ns, 1000);
    world.reports.extend(reports);
    world.settle();
    world
}

fn sizes(world: &World, leg: Leg) -> Vec<(i64, i64)> {
    let open = world.venue.open(leg);
    let mut rows: Vec<_> = open
        .iter()
        .map(|id| &world.venue.orders[id])
        .map(|order| {
            let price = order.spec.trigger.or(order.spec.price).unwrap();
            (price, order.left())
        })
        .collect();
    rows.sort_unstable();
    rows
}

fn fill_target(world: &mut World, price: i64, size: i64) {
    let targets = world.venue.open(Leg::Target);
    let id = targets
        .iter()
        .find(|id| world.venue.orders[id].spec.price == Some(price))
        .unwrap();
    let reports = world.venue.fill(*id, size, world.now_ns, price);
    world.reports.extend(reports);
    world.settle();
}

#[test]
fn targets_add_up_and_the_stop_shrinks_with_every_fill() {
    // 30 %, 30 %, 40 % of 100 in lots of 2.
    let mut world = opened(plan(&[(20, 3_000), (40, 3_000), (60, 4_000)]));
    assert_eq!(
        sizes(&world, Leg::Target),
        [(1020, 30), (1040, 30), (1060, 40)]
    );
    assert_eq!(sizes(&world, Leg::Stop), [(980, 100)]);
    fill_target(&mut world, 1020, 10);
    assert_eq!(sizes(&world, Leg::Stop), [(980, 90)]);
    fill_target(&mut world, 1020, 20);
    fill_target(&mut world, 1040, 30);
    assert_eq!(sizes(&world, Leg::Stop), [(980, 40)]);
    fill_target(&mut world, 1060, 40);
    assert_eq!(
        (world.venue.position, held(&world), is_open(&world)),
        (0, 0, false)
    );
    assert_eq!(sizes(&world, Leg::Stop), []);
    assert_eq!(world.execution.account().cash.0, START.0 + world.venue.cash);
}

#[test]
fn a_partial_entry_has_its_targets_and_the_rest_follows_when_it_ends() {
    let mut world = World::new(settings(false), SECOND);
    propose(
        &mut world,
        1,
        Side::Sell,
        Route::Maker,
        plan(&[(20, 5_000), (40, 5_000)]),
    );
    world.settle();
    let entry = world.venue.open(Leg::Entry)[0];
    // Half of 10 is 5: two lots, and the three that remain.
    for (size, stop) in [(10, 10), (6, 16), (4, 20)] {
        let reports = world.venue.fill(entry, size, world.now_ns, 1005);
        world.reports.extend(reports);
        world.settle();
        assert_eq!(sizes(&world, Leg::Stop), [(1025, stop)]);
        assert_eq!(sizes(&world, Leg::Target), [(965, 6), (985, 4)]);
    }
    world.run_until(6 * SECOND);
    assert_eq!(world.venue.open(Leg::Entry), []);
    assert_eq!(
        sizes(&world, Leg::Target),
        [(965, 4), (965, 6), (985, 4), (985, 6)]
    );
}

#[test]
fn a_target_that_fills_ends_the_entry() {
    let mut world = World::new(settings(false), SECOND);
    propose(
        &mut world,
        1,
        Side::Buy,
        Route::Maker,
        plan(&[(20, 10_000)]),
    );
    world.settle();
    let entry = world.venue.open(Leg::Entry)[0];
    let reports = world.venue.fill(entry, 40, world.now_ns, 1000);
    world.reports.extend(reports);
    world.settle();
    fill_target(&mut world, 1020, 40);
    assert_eq!(world.venue.open(Leg::Entry), []);
    assert!(!is_open(&world));
}

#[test]
fn a_stop_that_triggers_while_a_target_fills_leaves_nothing() {
    let mut world = opened(plan(&[(20, 5_000)]));
    let stop = world.venue.open(Leg::Stop)[0];
    let target = world.venue.open(Leg::Target)[0];
    let mut reports = world.venue.fill(target, 50, world.now_ns, 1020);
    reports.extend(world.venue.trigger(stop, world.now_ns));
    // Told the other way round.
    reports.reverse();
    world.reports.extend(reports);
    world.settle();
    assert_eq!((world.venue.position, held(&world)), (0, 0));
    world.run_until(10 * SECOND);
    assert!(!is_open(&world));
    assert!(world.venue.orders.values().all(|order| order.end.is_some()));
    assert_eq!(world.execution.account().cash.0, START.0 + world.venue.cash);
}

#[test]
fn break_even_moves_once_and_the_trailing_stop_only_forward() {
    let mut with = plan(&[]);
    with.break_even = Some(BreakEven {
        trigger: BreakEvenTrigger::Risk {
            multiple_e4: 10_000,
        },
        entry_fee_e8: 20_000,
        exit_fee_e8: 50_000,
        slippage: 0,
        funding: 0,
    });
    with.trailing = Some(Trailing::default());
    let mut world = opened(with);
    assert_eq!(sizes(&world, Leg::Stop), [(980, 100)]);
    let mut stop_at = |moved: i64, wait: i64| {
        world.now_ns += wait;
        world.quote(moved);
        world.settle();
        sizes(&world, Leg::Stop)
    };
    // 1015: less than one stop distance of 20. 1020: break-even at 1000 × 1.0002/0.9995 = 1000.7, up to 1005.
    assert_eq!(stop_at(3, SECOND), [(980, 100)]);
    assert_eq!(stop_at(1, SECOND), [(1005, 100)]);
    // 1030 arms the trailing stop: 1030 − 2 × 20 = 990 is no tighter. 1060 − 40 = 1020.
    assert_eq!(stop_at(2, SECOND), [(1005, 100)]);
    assert_eq!(stop_at(6, SECOND), [(1020, 100)]);
    // A step of less than half a range is not worth it; down again changes nothing.
    assert_eq!(stop_at(1, SECOND), [(1020, 100)]);
    assert_eq!(stop_at(-5, SECOND), [(1020, 100)]);
    // Within the interval nothing is amended, however far the price went; the timer does it afterwards.
    assert_eq!(stop_at(10, SECOND), [(1050, 100)]);
    assert_eq!(stop_at(10, SECOND / 2), [(1050, 100)]);
    world.run_until(world.now_ns + SECOND);
    assert_eq!(sizes(&world, Leg::Stop), [(1100, 100)]);
}

#[test]
fn the_first_target_moves_the_stop_to_break_even() {
    let mut with = plan(&[(20, 5_000)]);
    with.break_even = Some(BreakEven {
        trigger: BreakEvenTrigger::FirstTarget,
        entry_fee_e8: 0,
        exit_fee_e8: 0,
        slippage: 0,
        funding: 0,
    });
    let mut world = opened(with);
    world.quote(4);
    world.settle();
    assert_eq!(sizes(&world, Leg::Stop), [(980, 100)]);
    fill_target(&mut world, 1020, 30);
    assert_eq!(sizes(&world, Leg::Stop), [(980, 70)]);
    fill_target(&mut world, 1020, 20);
    assert_eq!(sizes(&world, Leg::Stop), [(1000, 50)]);
}

#[test]
fn the_kill_switch_flattens_first_and_cancels_stops_last() {
    let mut world = opened(plan(&[(20, 5_000)]));
    world.step(Input::Operator {
        now_ns: world.now_ns,
        verb: Verb::Kill,
    });
    let legs: Vec<_> = world
        .commands
        .iter()
        .map(|command| match command {
            Command::Place(order) => ("place", order.spec().leg),
            Command::Cancel { client_id, .. } => ("cancel", world.venue.orders[client_id].spec.leg),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(legs, [("cancel", Leg::Target), ("place", Leg::Exit)]);
    while world.venue.position != 0 {
        assert_eq!(world.venue.protected(), 100, "protected until flat");
        world.send(0, Fate::Arrives);
    }
    world.settle();
    assert!(!is_open(&world));
    assert!(world.venue.orders.values().all(|order| order.end.is_some()));
    // Nothing new until it is lifted.
    propose(&mut world, 2, Side::Buy, Route::Taker, plan(&[]));
    assert_eq!(world.commands, []);
    world.step(Input::Operator {
        now_ns: world.now_ns,
        verb: Verb::Resume,
    });
    propose(&mut world, 3, Side::Buy, Route::Taker, plan(&[]));
    assert_eq!(world.commands.len(), 1);
}

#[test]
fn a_position_that_nobody_planned_blocks_entries_and_is_closed_by_the_kill_switch() {
    let mut world = World::new(settings(true), SECOND);
    world.venue.position = -40;
    world.step(Input::Reconnected { local_ns: SECOND });
    world.settle();
    assert_eq!(held(&world), 0, "one snapshot is no proof");
    world.run_until(5 * SECOND);
    assert_eq!(held(&world), -40);
    propose(&mut world, 1, Side::Buy, Route::Taker, plan(&[]));
    assert_eq!((is_open(&world), world.commands.len()), (false, 0));
    let (now_ns, verb) = (world.now_ns, Verb::Kill);
    world.step(Input::Operator { now_ns, verb });
    world.settle();
    assert_eq!((held(&world), world.venue.position), (0, 0));
    assert!(!is_open(&world));
}

#[test]
fn a_kill_denies_with_its_own_reason() {
    let mut execution = World::new(settings(false), SECOND).execution;
    let mut out = Vec::new();
    let verb = Verb::Kill;
    let now_ns = SECOND;
    execution
        .step(Input::Operator { now_ns, verb }, &mut out)
        .unwrap();
    let proposal = proposal(1, Side::Buy, Route::Taker);
    execution
        .step(Input::Proposal { now_ns, proposal }, &mut out)
        .unwrap();
    let Some(Output::Decision(decision)) = out.last() else {
        panic!("no decision");
    };
    assert_eq!(decision.reason, ReasonCode::KillSwitch);
}

#[test]
fn an_order_that_never_arrived_is_asked_about_and_never_sent_again() {
    let mut world = World::new(settings(false), SECOND);
    propose(&mut world, 1, Side::Buy, Route::Maker, plan(&[]));
    world.send(0, Fate::Lost);
    let asked_ns = world.execution.next_timer().unwrap();
    assert_eq!(asked_ns, SECOND + Timeouts::default().question_after_ns);
    world.wait_until(asked_ns);
    assert!(matches!(world.commands[..], [Command::Query { .. }]));
    assert_eq!(
        world.execution.orders(0)[0].state(),
        OrderState::PendingNew,
        "an early question is no doubt yet"
    );
    // Questions are lost as well: it is asked about again, and silence makes the order unknown.
    let silent_ns = SECOND + Timeouts::default().answer_ns;
    let mut waits = Vec::new();
    while world.now_ns < silent_ns {
        if !world.commands.is_empty() {
            assert!(matches!(world.commands[..], [Command::Query { .. }]));
            world.send(0, Fate::Lost);
        }
        let due_ns = world.execution.next_timer().unwrap();
        waits.push((due_ns - world.now_ns) / 1_000_000);
        world.wait_until(due_ns);
    }
    assert_eq!(waits, [250, 500, 750]);
    assert_eq!(world.execution.orders(0)[0].state(), OrderState::Unknown);
    // What it could cost stays reserved until the venue's answers have proved that it is not there.
    let reserved = world.execution.view().instruments[0].reserved;
    assert_eq!(reserved, Money(1_000_000_000));
    world.run_until(silent_ns + ABSENCE_GRACE_NS - 1);
    assert_eq!(world.execution.view().instruments[0].reserved, reserved);
    world.run_until(silent_ns + 5 * SECOND);
    assert!(!is_open(&world));
    assert_eq!(world.venue.orders.len(), 0);
    // It had only been late: it lives after all, is cancelled, and what it filled meanwhile is closed.
    let order = super::order_tests::order();
    let now_ns = world.now_ns;
    let mut reports = world.venue.place(&order, now_ns, 1000);
    reports.extend(world.venue.fill(order.client_id(), 40, now_ns, 1000));
    world.reports.extend(reports);
    world.run_until(now_ns + SECOND);
    assert_eq!((world.venue.position, held(&world)), (0, 0));
    assert!(!is_open(&world));
    assert!(world.venue.orders.values().all(|order| order.end.is_some()));
}

#[test]
fn a_lost_cancel_is_repeated_until_it_is_answered() {
    let mut world = World::new(settings(false), SECOND);
    propose(&mut world, 1, Side::Buy, Route::Maker, plan(&[]));
    world.settle();
    world.wait_until(6 * SECOND);
    for _ in 0..3 {
        assert!(matches!(world.commands[..], [Command::Cancel { .. }]));
        world.send(0, Fate::Lost);
        let due = world.execution.next_timer().unwrap();
        world.wait_until(due);
    }
    world.settle();
    assert!(!is_open(&world));
    // Cancelled, and the answer lost: the next one finds nothing, and the question tells.
    let mut world = World::new(settings(false), SECOND);
    propose(&mut world, 1, Side::Buy, Route::Maker, plan(&[]));
    world.settle();
    world.wait_until(6 * SECOND);
    world.send(0, Fate::Arrives);
    world.receive(0, Fate::Lost);
    world.run_until(12 * SECOND);
    assert!(!is_open(&world));
}

#[test]
fn a_position_whose_stop_is_in_doubt_for_too_long_is_closed() {
    let mut world = World::new(settings(false), SECOND);
    propose(&mut world, 1, Side::Buy, Route::Taker, plan(&[]));
    world.send(0, Fate::Arrives);
    while !world.reports.is_empty() {
        world.receive(0, Fate::Arrives);
    }
    assert_eq!(held(&world), 100);
    // The stop and every question about it are lost.
    while held(&world) != 0 {
        while let Some(command) = world.commands.first() {
            let exit = matches!(command, Command::Place(order) if order.spec().leg == Leg::Exit);
            let fate = if exit { Fate::Arrives } else { Fate::Lost };
            world.send(0, fate);
        }
        while !world.reports.is_empty() {
            world.receive(0, Fate::Arrives);
        }
        if held(&world) != 0 {
            world.wait_until(world.execution.next_timer().unwrap());
        }
    }
    assert_eq!(world.now_ns, SECOND + Timeouts::default().naked_ns);
    world.run_until(20 * SECOND);
    assert!(!is_open(&world));
}
