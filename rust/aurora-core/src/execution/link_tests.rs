//! Random lives of the step against a naive venue behind a bad link.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::bracket_tests::{held, is_open, plan, propose, settings, wanted, START};
use super::gate_tests::SECOND;
use super::naive_link::{Fate, Worked, World};
use super::naive_venue::NaiveOrder;
use super::*;
use crate::instrument::Side;
use proptest::prelude::*;

/// Long enough for every doubt to be settled once the link works.
const CONVERGED_NS: i64 = 5 * SECOND;

/// One thing that happens in a random life.
#[derive(Debug, Clone, Copy)]
struct Event {
    kind: u8,
    pick: usize,
    fate: u8,
    amount: i64,
}

fn fate(drawn: u8) -> Fate {
    match drawn {
        0 => Fate::Lost,
        1 => Fate::Twice,
        2 => Fate::Overtaken,
        _ => Fate::Arrives,
    }
}

/// An entry worked over time; everything about it comes from the event.
fn work(world: &mut World, trace: u64, side: Side, route: Route, exits: ExitPlan, event: &Event) {
    let weights = [event.amount as u32, 0, 3, 1, 7].map(|weight| weight + u32::from(event.fate));
    let mut all = [0; MAX_SLICE_WEIGHTS];
    all[..5].copy_from_slice(&weights);
    let schedule = Schedule {
        pace: match event.pick % 4 {
            0 => Pace::TimeWeighted,
            1 => Pace::VolumeWeighted { weights: all },
            2 => Pace::Participation {
                rate_e4: event.amount * 500,
            },
            _ => Pace::Iceberg {
                display: event.amount * 10,
            },
        },
        slices: 1 + u32::from(event.fate) % 5,
        over_ns: event.amount * SECOND / 8,
        child_min: 1 + event.pick as i64 * 3,
        child_max: 40 + event.pick as i64 * 30,
    };
    let proposal = Proposal {
        size: 1_004,
        ..wanted(world, trace, side, route)
    };
    let worked = Worked {
        schedule,
        size: proposal.size,
        begun_ns: world.now_ns,
        traded: 0,
    };
    world.worked.insert(trace, worked);
    world.step(Input::Worked {
        now_ns: world.now_ns,
        proposal,
        exits,
        schedule,
    });
}

fn happen(world: &mut World, event: &Event, trace: &mut u64) {
    let pick = |ids: &[ClientId]| ids.get(event.pick % ids.len().max(1)).copied();
    let now_ns = world.now_ns;
    match event.kind {
        0..=4 => world.send(0, fate(event.fate)),
        5..=10 => world.receive(
            if event.fate == 3 { event.pick } else { 0 },
            fate(event.fate),
        ),
        11..=13 => {
            if let Some(id) = pick(&world.venue.open(Leg::Entry)) {
                let tenth = world.venue.orders[&id].spec.size / 20 * 2;
                let size = (event.amount * 2).max(tenth * (event.amount % 4));
                let reports = world.venue.fill(id, size, now_ns, 1000);
                world.reports.extend(reports);
            }
        }
        14 => {
            if let Some(id) = pick(&world.venue.open(Leg::Stop)) {
                let reports = world.venue.trigger(id, now_ns);
                world.reports.extend(reports);
            }
        }
        15..=16 => {
            if let Some(id) = pick(&world.venue.open(Leg::Target)) {
                let price = world.venue.orders[&id].spec.price.unwrap();
                let reports = world.venue.fill(id, event.amount * 2, now_ns, price);
                world.reports.extend(reports);
            }
        }
        17..=19 => world.quote(event.amount - 8),
        20..=22 => world.wait_until(now_ns + event.amount * SECOND / 20),
        23 => {
            if let Some(due) = world.execution.next_timer() {
                world.wait_until(due);
            }
        }
        27 if event.fate > 7 => world.venue.crosses = !world.venue.crosses,
        24 => world.step(Input::Reconnected { local_ns: now_ns }),
        25 if world.snapshot_asked => world.fetch(),
        26 if event.fate == 0 => world.step(Input::Operator {
            now_ns,
            verb: Verb::Kill,
        }),
        26 if event.fate == 1 => world.step(Input::Operator {
            now_ns,
            verb: Verb::Close { instrument: 0 },
        }),
        29..=30 => world.trade(event.amount * 100),
        31 => {
            // A link that works for a while, and a market that trades.
            world.trade(event.amount * 40);
            world.run_until(now_ns + event.amount * SECOND / 16);
        }
        _ => {
            *trace += 1;
            let side = if event.pick.is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            };
            let route = if event.amount % 2 == 0 {
                Route::Maker
            } else {
                Route::Taker
            };
            let mut exits = plan(&[(20, 3_000), (40, 5_000)][..event.pick % 3]);
            if event.amount % 3 == 0 {
                exits.trailing = Some(Trailing {
                    interval_ns: SECOND / 4,
                    ..Trailing::default()
                });
            }
            if event.fate.is_multiple_of(2) {
                work(world, *trace, side, route, exits, event);
            } else {
                propose(world, *trace, side, route, exits);
            }
        }
    }
}

/// What holds at every moment, whatever the link does.
fn check(world: &World) {
    let orders = world.execution.orders(0);
    let working = |leg| {
        let open = orders
            .iter()
            .filter(move |order| order.spec().leg == leg && !order.is_complete());
        open.map(OrderRecord::open_size).sum::<i64>()
    };
    let closing = orders.iter().any(|order| {
        order.spec().leg == Leg::Exit || (order.spec().leg == Leg::Stop && order.cumulative() > 0)
    });
    let held = held(world).abs();
    if !closing {
        assert!(
            working(Leg::Target) <= held,
            "targets of {} over a position of {held}",
            working(Leg::Target)
        );
    }
    for order in orders {
        let spec = order.spec();
        assert_eq!(spec.reduce_only, spec.leg != Leg::Entry);
        // Nothing is believed that did not happen, and nothing is released that may still fill.
        let truth = world.venue.orders.get(&spec.client_id);
        let filled = truth.map_or(0, |order| order.filled);
        assert!(order.filled() <= filled && order.cumulative() <= filled);
        let left = truth.map_or(0, NaiveOrder::left);
        if order.state() != OrderState::Absent {
            assert!(
                order.filled() + order.open_size() >= filled.min(spec.size),
                "reserve released early"
            );
            assert!(left == 0 || order.open_size() >= left);
        }
        if spec.leg == Leg::Entry {
            let made = orders.iter().map(OrderRecord::spec);
            let first = made
                .filter(|other| (other.leg, other.trace) == (Leg::Entry, spec.trace))
                .map(|other| other.size)
                .max();
            let worked = world.worked.get(&spec.trace);
            let first = worked.map(|worked| worked.due(world.now_ns)).or(first);
            let same = |other: &&OrderRecord| {
                (other.spec().leg, other.spec().trace) == (Leg::Entry, spec.trace)
            };
            let entries: Vec<_> = orders.iter().filter(same).collect();
            let open = entries.iter().filter(|entry| !entry.is_complete()).count();
            let may: i64 = entries.iter().map(|e| e.filled() + e.open_size()).sum();
            // One proven absent may come back to life; nothing else makes two.
            let revived = entries.iter().any(|entry| entry.is_missed());
            assert!(open <= 1 || revived, "{open} entries of one trade");
            assert!(
                Some(may) <= first || revived,
                "entries of {may} in all: {entries:#?}"
            );
        }
        let end = truth.and_then(|order| order.end);
        if order.state().is_terminal() && order.state() != OrderState::Absent {
            let rejected = truth.is_none();
            assert!(end.is_some() || rejected, "ended without evidence");
        }
    }
}

fn live(events: &[Event], reconciles: bool) -> World {
    let settings = ExecutionSettings {
        maker_first: Some(MakerFirst {
            low_fill_ns: SECOND,
            ..MakerFirst::default()
        }),
        ..settings(reconciles)
    };
    let mut world = World::new(settings, SECOND);
    let mut trace = 0;
    begin(&mut world, events);
    for event in events {
        happen(&mut world, event, &mut trace);
        check(&world);
    }
    world
}

/// The first trade of a life, in half of them one that is worked over time.
fn begin(world: &mut World, events: &[Event]) {
    let exits = plan(&[(20, 5_000)]);
    match events.first() {
        Some(event) if events.len().is_multiple_of(2) => {
            let route = if event.kind % 2 == 0 {
                Route::Maker
            } else {
                Route::Taker
            };
            work(world, 0, Side::Buy, route, exits, event);
        }
        _ => propose(world, 0, Side::Buy, Route::Maker, exits),
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event =
        (0u8..34, 0usize..12, 0u8..12, 1i64..17).prop_map(|(kind, pick, fate, amount)| Event {
            kind,
            pick,
            fate,
            amount,
        });
    prop::collection::vec(event, 0..120)
}

/// Faults have stopped: what must hold soon, and in the end.
fn check_end(mut world: World) {
    let calm_ns = world.now_ns;
    world.step(Input::Reconnected { local_ns: calm_ns });
    world.run_until(calm_ns + CONVERGED_NS);
    assert_eq!(held(&world), world.venue.position, "positions agree");
    assert_eq!(world.execution.account().cash.0, START.0 + world.venue.cash);
    if world.venue.position != 0 {
        assert!(
            world.venue.protected() >= world.venue.position.abs(),
            "protected in full"
        );
    }
    world.run_until(calm_ns + 60 * SECOND);
    assert_eq!((held(&world), world.venue.position), (0, 0), "flat");
    assert!(!is_open(&world));
    let open: Vec<_> = world
        .venue
        .orders
        .values()
        .filter(|order| order.end.is_none())
        .collect();
    assert!(open.is_empty(), "orphans {open:?}");
    assert_eq!(world.execution.account().cash.0, START.0 + world.venue.cash);
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, ..ProptestConfig::with_cases(500) })]

    /// Lost, repeated, reordered; partial fills, triggers, kills, late orders: no order is sent twice, nothing
    /// ends without evidence, no reserve is released early, and once the link works everything is protected
    /// within seconds and flat after the deadline, with nothing left behind.
    #[test]
    fn a_bad_link_loses_no_order(events in events()) {
        check_end(live(&events, true));
    }

    /// On a link that works a stop never leaves before its successor rests: as long as nothing flattens, what was
    /// once protected stays so, at the venue and at every moment.
    #[test]
    fn what_is_protected_stays_protected(events in events()) {
        let mut world = World::new(settings(false), SECOND);
        let mut plan = plan(&[(20, 3_000), (40, 5_000)]);
        plan.trailing = Some(Trailing { interval_ns: 0, ..Trailing::default() });
        propose(&mut world, 0, Side::Buy, Route::Maker, plan);
        let mut trace = 0;
        let mut protected = 0;
        for event in events {
            let calm = matches!(event.kind, 0..=13 | 15..=19);
            // A fill that we cannot know of yet may meet the cancel of a stop that was too large: only that much is
            // without a stop, and for as long as a report needs.
            let mut targets = world.venue.orders.values().filter(|o| o.spec.leg == Leg::Target);
            let shrunk = targets.any(|target| target.filled > 0);
            if !calm || (shrunk && matches!(event.kind, 11..=13)) {
                continue;
            }
            happen(&mut world, &Event { fate: 9, ..event }, &mut trace);
            let position = world.venue.position.abs();
            protected = world.venue.protected().min(position).max(protected.min(position));
            prop_assert_eq!(world.venue.protected().min(position), protected);
            check(&world);
        }
    }

    /// A crash at any point, and a new life from the ledger alone: every book is what it was, nothing leaves twice,
    /// and all ends as well.
    #[test]
    fn a_restart_in_the_middle_sends_nothing_twice(events in events(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(events.len() + 1);
        let mut world = live(&events[..cut], true);
        let before = world.execution.clone();
        let known: Vec<ClientId> = world.ledger.iter().map(|row| row.client_id).collect();
        world.restart();
        let after = &world.execution;
        prop_assert_eq!(after.account().cash, before.account().cash);
        prop_assert_eq!(after.account().legs(0), before.account().legs(0));
        prop_assert_eq!(after.is_killed(), before.is_killed());
        for old in before.orders(0) {
            let new = after.orders(0).iter().find(|new| new.spec() == old.spec());
            // A trade that only waited for its next slice is over, and its orders are put away.
            let new = new.or(after.archive.get(&old.spec().client_id).filter(|_| old.is_complete()));
            let new = new.ok_or_else(|| TestCaseError::fail("an order is forgotten"))?;
            prop_assert_eq!((new.cumulative(), new.filled()), (old.cumulative(), old.filled()));
            prop_assert!(new.open_size() == old.open_size());
        }
        for command in &world.commands {
            if let Command::Place(order) = command {
                prop_assert!(!known.contains(&order.client_id()), "sent again");
            }
        }
        let mut trace = 1_000;
        for event in &events[cut..] {
            happen(&mut world, event, &mut trace);
            check(&world);
        }
        check_end(world);
    }
}

/// The random lives are worth their name.
#[test]
fn random_lives_reach_what_they_are_to_test() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    let mut count = |what: String| *seen.entry(what).or_insert(0) += 1;
    for _ in 0..400 {
        let events = events().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(settings(true), SECOND);
        let mut trace = 0;
        begin(&mut world, &events);
        for event in &events {
            happen(&mut world, event, &mut trace);
            for order in world.execution.orders(0) {
                count(order.state().name().to_string());
            }
            let stops = world.venue.open(Leg::Stop).len();
            count(format!("{} stops", stops.min(3)));
            for command in &world.commands {
                if let Command::Query { .. } = command {
                    count("query".to_string());
                }
            }
        }
        for row in &world.rows {
            count(format!("{:?} {:?}", row.cause, row.action));
        }
        for order in world.venue.orders.values().filter(|order| order.filled > 0) {
            count(format!("filled {}", order.spec.leg.name()));
        }
        let attempts = world.venue.orders.values().map(|order| order.spec.attempt);
        count(format!("attempt {}", attempts.max().unwrap_or(0).min(4)));
        for (trace, worked) in &world.worked {
            let name = match worked.schedule.pace {
                Pace::TimeWeighted => "equal parts",
                Pace::VolumeWeighted { .. } => "parts by volume",
                Pace::Participation { .. } => "a rate",
                Pace::Iceberg { .. } => "an iceberg",
            };
            let slices = world.venue.orders.values();
            let slices =
                slices.filter(|order| (order.spec.leg, order.spec.trace) == (Leg::Entry, *trace));
            count(format!(
                "{} slices of {name}",
                slices.filter(|order| order.filled > 0).count().min(3)
            ));
        }
    }
    for what in [
        "pending_new",
        "unknown",
        "live",
        "partially_filled",
        "cancel_requested",
        "filled",
        "cancelled",
        "rejected",
        "expired",
        "absent",
        "0 stops",
        "1 stops",
        "2 stops",
        "3 stops",
        "query",
        "filled entry",
        "filled stop",
        "filled target",
        "filled exit",
        "attempt 4",
        "MissedEvent Applied",
        "NotListed Inquire",
        "3 slices of equal parts",
        "3 slices of parts by volume",
        "3 slices of a rate",
        "3 slices of an iceberg",
    ] {
        assert!(seen.contains_key(what), "{what} among {seen:#?}");
    }
}
