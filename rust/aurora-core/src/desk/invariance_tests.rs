//! What must hold on any market with any proposals: slices, causality, snapshots, accounts, no orphan stop.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::test_market::{instrument, settings, Frames};
use super::*;
use crate::event::MessageKind;
use crate::execution::{
    value_at_mid, BreakEven, BreakEvenTrigger, ExitPlan, Leg, OrderState, Pace, Proposal, Route,
    Schedule, Target, Touch, Trailing, MAX_SLICE_WEIGHTS,
};
use crate::instrument::Side;
use crate::units::Money;

const INSTRUMENTS: usize = 2;
const END: i64 = 100_000_000_000;

/// One event of a random market: time since the last, exchange latency, what, price offset, size.
type Step = (i64, i64, u8, i64, i64);

#[derive(Debug, Clone)]
struct World {
    settings: DeskSettings,
    frames: Vec<Frames>,
    quotes: Vec<Vec<QuoteRow>>,
    proposals: Vec<Proposal>,
    /// Of the proposals, by their trace.
    plans: Vec<ExitPlan>,
}

fn frames(steps: &[Step]) -> Frames {
    let mut frames = Frames::default();
    let (mut at, mut mid) = (0, 1000);
    let full = |frames: &mut Frames, at, mid: i64| {
        let side = |sign: i64| (1..6).map(|n| (mid + sign * n, 3 + n)).collect::<Vec<_>>();
        frames.snapshot((at, at - 1), &side(-1), &side(1));
    };
    full(&mut frames, 0, mid);
    for (wait, latency, what, offset, size) in steps {
        at += wait;
        let times = (at, at - latency);
        match what {
            0..=2 => drop(frames.trade(
                times,
                mid + offset,
                *size + 1,
                if *offset < 0 { Side::Sell } else { Side::Buy },
            )),
            3..=4 => drop(frames.diff(times, &[(mid - offset.abs() - 1, *size)], &[])),
            5..=6 => drop(frames.diff(times, &[], &[(mid + offset.abs() + 1, *size)])),
            7 => drop(frames.ticker(
                times,
                (mid - 1 - offset.abs() % 2, *size + 1),
                (mid + 1, *size + 2),
            )),
            8 => {
                // The market moves: the whole book shifts by a diff, now and then through our price.
                let old = mid;
                mid += offset;
                let gone = |sign: i64| (1..6).map(move |n| (old + sign * n, 0));
                let mut bids: Vec<_> = gone(-1).collect();
                let mut asks: Vec<_> = gone(1).collect();
                bids.extend((1..6).map(|n| (mid - n, 2 + n + size)));
                asks.extend((1..6).map(|n| (mid + n, 2 + n + size)));
                frames.diff(times, &bids, &asks);
            }
            9 => drop(frames.gap(times)),
            _ => full(&mut frames, at, mid),
        }
    }
    // A book in the end, so that every trade can end.
    full(&mut frames, at + 50, mid);
    frames
}

/// Nothing beside the stop, or targets, break-even and trailing stop in every mixture.
fn plan() -> impl Strategy<Value = ExitPlan> {
    let target =
        (1i64..5, 2_000i64..5_000).prop_map(|(distance, share_e4)| Target { distance, share_e4 });
    let trigger = prop_oneof![
        Just(BreakEvenTrigger::FirstTarget),
        (5_000i64..20_000).prop_map(|multiple_e4| BreakEvenTrigger::TrueRange { multiple_e4 }),
        (5_000i64..20_000).prop_map(|multiple_e4| BreakEvenTrigger::Risk { multiple_e4 }),
    ];
    let even = trigger.prop_map(|trigger| BreakEven {
        trigger,
        entry_fee_e8: 20_000,
        exit_fee_e8: 50_000,
        slippage: 0,
        funding: 0,
    });
    let trailing =
        (5_000i64..15_000, 5_000i64..20_000, 0i64..20).prop_map(|(arm, far, wait)| Trailing {
            arm_risk_e4: arm,
            distance_range_e4: far,
            interval_ns: wait,
            ..Trailing::default()
        });
    let targets = prop::array::uniform2(prop::option::of(target));
    let full = (
        targets,
        prop::option::of(even),
        prop::option::of(trailing),
        1i64..4,
    )
        .prop_map(
            |([first, second], break_even, trailing, true_range)| ExitPlan {
                targets: [first, second, None, None],
                break_even,
                trailing,
                true_range,
            },
        );
    prop_oneof![1 => Just(ExitPlan::default()), 2 => full]
}

fn world(gaps: bool) -> impl Strategy<Value = World> {
    let last = if gaps { 11u8 } else { 9 };
    let step = (0i64..6, -12i64..20, 0..last, -4i64..5, 0i64..9);
    let market = prop::collection::vec(step, 5..90);
    let markets = prop::collection::vec(market, INSTRUMENTS);
    let proposal = (
        0i64..250,
        0..INSTRUMENTS,
        any::<bool>(),
        any::<bool>(),
        1i64..12,
        1i64..6,
        1i64..120,
        0i64..3,
        -2i64..3,
    );
    let proposals = prop::collection::vec(proposal, 0..14);
    let latencies = (0i64..15, 0i64..15, 0i64..60);
    let plans = prop::collection::vec(plan(), 14);
    let drawn = (markets, proposals, latencies, plans);
    drawn.prop_map(|(markets, proposals, (order, response, ttl), plans)| {
        let frames: Vec<Frames> = markets.iter().map(|steps| frames(steps)).collect();
        let quotes: Vec<_> = frames
            .iter()
            .map(|frames| frames.quotes(&instrument("A")))
            .collect();
        let mut proposals: Vec<Proposal> = proposals
            .into_iter()
            .enumerate()
            .map(
                |(trace, (at, index, buy, maker, size, stop, hold, cap, skew))| {
                    let touch = quotes[index].iter().rfind(|row| row.local_ns <= at);
                    let (bid, ask) = touch.map_or((0, 0), |row| (row.bid, row.ask));
                    Proposal {
                        trace: trace as u64,
                        instrument: index,
                        local_ns: at,
                        side: if buy { Side::Buy } else { Side::Sell },
                        size,
                        route: if maker { Route::Maker } else { Route::Taker },
                        bid: bid + skew,
                        ask: ask + skew,
                        stop_distance: stop,
                        deadline_ns: at + hold,
                        limit: cap,
                        take_within: None,
                        volatility: None,
                        depth: None,
                    }
                },
            )
            .collect();
        proposals.sort_by_key(|proposal| proposal.local_ns);
        World {
            settings: DeskSettings {
                order_latency_ns: order,
                response_latency_ns: response,
                entry_ttl_ns: ttl,
                ..settings()
            },
            frames,
            quotes,
            proposals,
            plans,
        }
    })
}

/// Half of the entries are worked over time.
fn schedule(proposal: &Proposal) -> Option<Schedule> {
    let mut weights = [0; MAX_SLICE_WEIGHTS];
    weights[..3].copy_from_slice(&[1, 3, 2]);
    Some(Schedule {
        pace: match proposal.trace % 8 {
            0 => Pace::TimeWeighted,
            1 => Pace::VolumeWeighted { weights },
            2 => Pace::Participation { rate_e4: 6_000 },
            3 => Pace::Iceberg { display: 2 },
            _ => return None,
        },
        slices: 3,
        over_ns: (proposal.deadline_ns - proposal.local_ns).max(3) * 2 / 3,
        child_min: 1,
        child_max: 5,
    })
}

#[derive(Debug, PartialEq)]
struct Run {
    records: DeskRecords,
    decisions: Vec<Decision>,
    account: AccountView,
    clean: bool,
}

/// Runs a world in slices that end at `cuts`; `restore` sends the desk through bytes at every boundary.
fn run(world: &World, cuts: &[i64], restore: bool) -> Run {
    let mut desk = Desk::new(world.settings, vec![instrument("A"), instrument("B")]).unwrap();
    let mut decisions = Vec::new();
    let mut records = DeskRecords::default();
    let mut from = 0;
    for until in cuts.iter().copied().chain([1_000, END]) {
        if until <= from {
            continue;
        }
        for index in 0..INSTRUMENTS {
            desk.add_block(index, &world.frames[index].slice(from, until))
                .unwrap();
            let rows = world.quotes[index]
                .iter()
                .filter(|row| (from..until).contains(&row.local_ns));
            desk.add_quotes(index, &rows.copied().collect::<Vec<_>>())
                .unwrap();
        }
        for proposal in world
            .proposals
            .iter()
            .filter(|p| from < p.local_ns && p.local_ns <= until)
        {
            desk.advance(proposal.local_ns).unwrap();
            let plan = world.plans[proposal.trace as usize];
            let decision = match schedule(proposal) {
                None => desk.propose_bracket(*proposal, plan),
                Some(schedule) => desk.propose_worked(*proposal, plan, schedule),
            };
            decisions.push(decision.unwrap());
            check(&desk);
        }
        desk.advance(until).unwrap();
        check(&desk);
        let drained = desk.drain_records();
        records.orders.extend(drained.orders);
        records.fills.extend(drained.fills);
        records.ledger.extend(drained.ledger);
        if restore {
            desk = Desk::restore(&desk.snapshot().unwrap()).unwrap();
        }
        from = until;
    }
    let account = desk.account();
    let clean = (0..INSTRUMENTS).all(|index| {
        desk.venue().open_orders(index).is_empty()
            && desk.venue().position(index) == account.instruments[index].position
            && account.instruments[index].position == 0
            && !account.instruments[index].trade_open
    });
    Run {
        records,
        decisions,
        account,
        clean,
    }
}

/// Invariants at any moment.
fn check(desk: &Desk) {
    let account = desk.account();
    for (index, view) in account.instruments.iter().enumerate() {
        let orders = desk.execution().orders(index);
        // Between the slices of a schedule, and before the first, a trade may have no order; it still reserves.
        let to_come = orders.is_empty() && view.reserved > Money::ZERO;
        assert_eq!(view.trade_open, !orders.is_empty() || to_come);
        if !view.trade_open {
            assert_eq!(view.position, 0);
            assert!(
                desk.venue().open_orders(index).is_empty(),
                "an orphan at the venue"
            );
        }
        let flattening = orders.iter().any(|order| {
            order.spec().leg == Leg::Exit
                || (order.spec().leg == Leg::Stop
                    && (order.cumulative() > 0
                        || order.state().is_terminal() && !order.is_cancel_requested()))
        });
        let working: Vec<_> = orders
            .iter()
            .filter(|o| o.spec().leg == Leg::Stop)
            .filter(|o| !o.state().is_terminal() && !o.is_cancel_requested())
            .collect();
        let targets = orders
            .iter()
            .filter(|o| o.spec().leg == Leg::Target && !o.is_complete());
        let targeted: i64 = targets.map(|o| o.open_size()).sum();
        if !flattening {
            assert!(targeted <= view.position.abs(), "targets only reduce");
            match desk.execution().protecting_stop(index) {
                None => assert_eq!(view.position, 0, "every unit has its stop"),
                Some((stop, rests)) => {
                    // One that is larger, since a target has filled, is replaced as soon as it rests.
                    assert!(
                        stop.open_size() >= view.position.abs(),
                        "every unit has its stop"
                    );
                    assert!(
                        !rests || stop.open_size() == view.position.abs(),
                        "to the unit"
                    );
                    assert!(
                        !rests || working.len() == 1,
                        "what it replaced is cancelled"
                    );
                }
            }
        }
        for order in orders {
            assert!(order.cumulative() <= order.spec().size);
            assert_eq!(order.spec().reduce_only, order.spec().leg != Leg::Entry);
        }
    }
}

/// Cash, fees and positions once more, from the fill rows alone.
fn check_account(world: &World, run: &Run) {
    let instrument = instrument("A");
    let mut cash = world.settings.start_cash;
    let mut fees = Money::ZERO;
    let mut positions = [0i64; INSTRUMENTS];
    let mut trades = std::collections::BTreeSet::new();
    for fill in &run.records.fills {
        assert!(
            trades.insert(fill.trade_id),
            "trade {} twice",
            fill.trade_id
        );
        cash -= Money(instrument.notional(fill.price, fill.size).0 * i128::from(fill.side.sign()))
            + fill.fee;
        fees += fill.fee;
        positions[fill.instrument] += fill.side.sign() * fill.size;
        assert_eq!(fill.position_after, positions[fill.instrument]);
        assert_eq!(fill.cash_after, cash);
    }
    assert_eq!((run.account.cash, run.account.fees), (cash, fees));
    let mut equity = cash;
    for (index, view) in run.account.instruments.iter().enumerate() {
        assert_eq!(view.position, positions[index]);
        let last = world.quotes[index]
            .iter()
            .rfind(|row| row.bid > 0 && row.ask > 0);
        if let Some(row) = last {
            equity += value_at_mid(
                &instrument,
                Touch {
                    bid: row.bid,
                    ask: row.ask,
                },
                view.position,
            );
        }
    }
    assert_eq!(run.account.equity, equity);
}

fn check_ledger(run: &Run) {
    for (sequence, row) in run.records.ledger.iter().enumerate() {
        row.verify().unwrap();
        assert_eq!(row.sequence, sequence as u64);
    }
    let times: Vec<i64> = run.records.orders.iter().map(|row| row.local_ns).collect();
    assert!(times.is_sorted());
    // What ends an order is the venue's word: its row has an exchange time.
    for row in &run.records.orders {
        assert_eq!(
            row.exchange_ns.is_none(),
            matches!(row.state, OrderState::PendingNew) && row.cumulative == 0
                || row.event == crate::execution::OrderEvent::CancelRequested
                || row.event == crate::execution::OrderEvent::Placed
        );
    }
}

/// Records and decisions up to `until`.
fn up_to(run: &Run, until: i64) -> (DeskRecords, Vec<Decision>) {
    let records = DeskRecords {
        orders: run
            .records
            .orders
            .iter()
            .filter(|row| row.local_ns <= until)
            .cloned()
            .collect(),
        fills: run
            .records
            .fills
            .iter()
            .filter(|row| row.local_ns <= until)
            .cloned()
            .collect(),
        ledger: run
            .records
            .ledger
            .iter()
            .filter(|row| row.local_ns <= until)
            .cloned()
            .collect(),
    };
    let decisions = run
        .decisions
        .iter()
        .filter(|d| d.local_ns <= until)
        .cloned()
        .collect();
    (records, decisions)
}

/// Alters what happens after `until` by both clocks: sizes, prices, exchange times, whole messages; later
/// quotes as well.
fn perturb(world: &World, until: i64, noise: &[(u8, i64)]) -> World {
    let mut other = world.clone();
    for index in 0..INSTRUMENTS {
        let old = &world.frames[index].block;
        let mut block = EventBlock::default();
        for (number, message) in old.messages.iter().enumerate() {
            let (what, amount) = noise[number % noise.len()];
            let free = message.local_ns > until && message.exchange_ns > until;
            if free && what == 0 {
                continue;
            }
            block.push_from(old, message);
            if free {
                if let Some(copy) = block.messages.last_mut() {
                    let start = copy.levels_start as usize;
                    match what {
                        1 => copy.exchange_ns = (copy.exchange_ns + amount).max(until + 1),
                        2 => {
                            for level in &mut block.levels[start..] {
                                level.size += amount.abs();
                            }
                        }
                        3 if copy.kind == MessageKind::Trade => block.levels[start].price += amount,
                        _ => {}
                    }
                }
            }
        }
        other.frames[index].block = block;
        for row in other.quotes[index]
            .iter_mut()
            .filter(|row| row.local_ns > until)
        {
            row.bid = (row.bid + noise[0].1).max(0);
        }
    }
    other
        .proposals
        .retain(|proposal| proposal.local_ns <= until);
    other
}

fn cuts(width: i64) -> Vec<i64> {
    (1..=(1_000 / width)).map(|n| n * width).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn slices_and_snapshots_change_nothing(
        world in world(true),
        mut drawn in prop::collection::vec(1i64..700, 0..12),
        width in 1i64..40,
    ) {
        let whole = run(&world, &[], false);
        check_account(&world, &whole);
        check_ledger(&whole);
        drawn.sort_unstable();
        prop_assert_eq!(&run(&world, &drawn, false), &whole);
        prop_assert_eq!(&run(&world, &cuts(width), false), &whole);
        prop_assert_eq!(&run(&world, &drawn, true), &whole);
    }

    #[test]
    fn nothing_after_t_by_both_clocks_changes_anything_up_to_t(
        world in world(true),
        until in 0i64..350,
        noise in prop::collection::vec((0u8..4, -5i64..6), 1..20),
    ) {
        let original = run(&world, &[], false);
        let perturbed = run(&perturb(&world, until, &noise), &[], false);
        prop_assert_eq!(up_to(&original, until), up_to(&perturbed, until));
    }

    /// With a book to the end every trade ends flat, and nothing rests at the venue.
    #[test]
    fn no_orphan_stop_is_left(world in world(false)) {
        let run = run(&world, &[], false);
        prop_assert!(run.clean);
        // What is worked over time may find nothing due.
        let worked: Vec<u64> = world.proposals.iter().filter(|p| schedule(p).is_some()).map(|p| p.trace).collect();
        let accepted = run.decisions.iter().filter(|d| d.reason.is_trade() && !worked.contains(&d.trace)).count();
        let entries = run.records.orders.iter().filter(|row| {
            let placed = row.event == crate::execution::OrderEvent::Placed;
            placed && row.spec.leg == Leg::Entry && row.spec.attempt == 0 && !worked.contains(&row.spec.trace)
        });
        prop_assert_eq!(entries.count(), accepted);
    }
}

/// The random worlds above are worth their name: they fill as maker and taker, stop out and exit.
#[test]
fn the_random_worlds_reach_every_leg() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let mut reasons = std::collections::BTreeSet::new();
    let mut slices = std::collections::BTreeSet::new();
    for _ in 0..150 {
        let world = world(true).new_tree(&mut runner).unwrap().current();
        let run = run(&world, &[], false);
        for fill in &run.records.fills {
            seen.insert((fill.leg, format!("{:?}", fill.liquidity)));
        }
        let rows = run.records.orders.iter();
        slices.extend(
            rows.filter(|row| row.spec.leg == Leg::Entry && row.spec.attempt > 1)
                .map(|row| row.spec.trace % 8)
                .filter(|kind| *kind < 4),
        );
        reasons.extend(run.decisions.iter().map(|decision| decision.reason.code()));
    }
    assert_eq!(
        slices.len(),
        4,
        "three slices of every schedule: {slices:?}"
    );
    let legs: Vec<_> = seen
        .iter()
        .map(|(leg, liquidity)| (leg.name(), liquidity.as_str()))
        .collect();
    assert_eq!(
        legs,
        [
            ("entry", "Maker"),
            ("entry", "Taker"),
            ("stop", "Taker"),
            ("exit", "Taker"),
            ("target", "Maker"),
            ("target", "Taker"),
        ]
    );
    for reason in [
        "trade.maker",
        "trade.taker",
        "deny.position_open",
        "deny.order_working",
        "deny.stale_book",
    ] {
        assert!(reasons.contains(reason), "{reason} not among {reasons:?}");
    }
}
