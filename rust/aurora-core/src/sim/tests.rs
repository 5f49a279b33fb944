//! The simulator in the suite: a thousand seeds hold, every fault is met, and every planted bug is found.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use super::store::{FaultyStore, WriteFate};
use super::*;
use crate::execution::{
    plant, ClientId, LedgerKind, LedgerStore, LedgerWriter, Leg, MemoryLedger, Mutant, Order,
    OrderEvent, Pace, ReasonCode, ScheduledTrade, TimeInForce, TradePlan, Verb,
};
use crate::instrument::Side;

const SEEDS: u64 = 1_000;

#[test]
fn a_thousand_seeds_hold_and_meet_every_fault() {
    let mut soak = Soak::new();
    for seed in 0..SEEDS {
        let found = soak.seed(seed);
        assert!(found.is_empty(), "make soak REPLAY={seed}: {:?}", found[0]);
    }
    for (fault, count) in &soak.faults {
        assert!(
            count.seeds * 100 >= SEEDS,
            "{fault} in {} seeds",
            count.seeds
        );
    }
}

#[test]
fn every_planted_bug_is_found_within_a_thousand_seeds() {
    for mutant in Mutant::ALL {
        plant(Some(mutant));
        let found = (0..SEEDS).any(|seed| !check(&run(seed)).is_empty());
        plant(None);
        assert!(found, "{}", mutant.name());
        assert_eq!(Mutant::parse(mutant.name()), Some(mutant));
    }
}

/// An entry that rested is followed by another that rests and by one that takes, under faults too.
#[test]
fn entries_are_followed_in_many_seeds() {
    let (mut quoted, mut taken) = (0, 0);
    for seed in 0..100 {
        let history = run(seed);
        let intents = history
            .ledger
            .iter()
            .filter(|row| row.kind == LedgerKind::Intent);
        let specs = intents.map(|row| *row.decode::<Order>().unwrap().spec());
        let follow: Vec<_> = specs
            .filter(|spec| spec.leg == Leg::Entry && spec.attempt > 0)
            .map(|spec| spec.time_in_force)
            .collect();
        quoted += usize::from(follow.contains(&TimeInForce::PostOnly));
        taken += usize::from(follow.contains(&TimeInForce::ImmediateOrCancel));
    }
    assert!(
        quoted >= 10 && taken >= 10,
        "{quoted} quoted, {taken} taken"
    );
}

/// The guards are met: each refuses in some seed, rules that have changed are known before the venue refuses, and with all
/// of that nothing is naked.
#[test]
fn every_guard_refuses_in_some_seed() {
    let mut met: BTreeMap<ReasonCode, u64> = BTreeMap::new();
    for seed in 0..300 {
        let history = run(seed);
        for row in &history.log {
            if let LogEntry::Decision { reason, .. } = &row.entry {
                *met.entry(*reason).or_default() += 1;
            }
        }
    }
    for reason in [
        ReasonCode::PriceProtection,
        ReasonCode::Depth,
        ReasonCode::ClockSkew,
        ReasonCode::Latency,
        ReasonCode::LatencyBudget,
        ReasonCode::TradingWindow,
        ReasonCode::Budget,
        ReasonCode::VolatilityHalt,
        ReasonCode::SafeMode,
        ReasonCode::NotTrading,
        ReasonCode::BelowMinimum,
    ] {
        assert!(met.contains_key(&reason), "{reason}: {met:?}");
    }
}

/// Every kind of schedule runs through three slices or more in many seeds that have faults.
#[test]
fn entries_are_worked_over_time_in_many_seeds() {
    let mut worked = [0; 4];
    for seed in 0..300 {
        let history = run(seed);
        let mut slices: BTreeMap<u64, usize> = BTreeMap::new();
        let mut paces = BTreeMap::new();
        for row in &history.ledger {
            match row.kind {
                LedgerKind::Schedule => {
                    let trade = row.decode::<ScheduledTrade>().unwrap();
                    let pace = match trade.entry.schedule.pace {
                        Pace::TimeWeighted => 0,
                        Pace::VolumeWeighted { .. } => 1,
                        Pace::Participation { .. } => 2,
                        Pace::Iceberg { .. } => 3,
                    };
                    paces.insert(trade.ticket.trace, pace);
                }
                LedgerKind::Intent => {
                    let spec = *row.decode::<Order>().unwrap().spec();
                    if spec.leg == Leg::Entry {
                        *slices.entry(spec.trace).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        let mut met = [false; 4];
        for (trace, pace) in paces {
            met[pace] |=
                slices.get(&trace).is_some_and(|slices| *slices > 2) && !history.faults.is_empty();
        }
        for (count, met) in worked.iter_mut().zip(met) {
            *count += usize::from(met);
        }
    }
    assert!(
        worked.iter().all(|seeds| *seeds >= 30),
        "seeds with three slices: {worked:?}"
    );
}

/// What is told to close is held at the venue in many seeds, with faults about and without.
#[test]
fn trades_are_told_to_close_in_many_seeds() {
    let mut met = [0; 2];
    for seed in 0..500 {
        let history = run(seed);
        let truth = &history.truth;
        let closed = history.ledger.iter().any(|row| {
            let Ok(Verb::Close { instrument }) = row.decode::<Verb>() else {
                return false;
            };
            row.kind == LedgerKind::Operator && {
                let stored = history.stored.iter().find(|(_, next)| *next > row.sequence);
                let traded = truth.trades.iter().filter(|trade| {
                    trade.symbol == instrument
                        && stored.is_some_and(|(at_ns, _)| trade.exchange_ns <= *at_ns)
                });
                traded.map(|t| t.side.sign() * t.size).sum::<i64>() != 0
            }
        });
        let calm = history.scenario.rates.iter().all(|rate| *rate == 0);
        met[usize::from(calm)] += usize::from(closed);
    }
    assert!(met.iter().all(|seeds| *seeds >= 5), "{met:?}");
}

/// Histories whose ledger is made to say, somewhere, that the symbol of its first order was told to close.
#[test]
fn what_goes_on_though_it_was_told_to_close_is_seen() {
    let (mut follows, mut held) = (0, 0);
    for seed in 0..100 {
        let good = run(seed);
        let Some(first) = good
            .ledger
            .iter()
            .position(|row| row.kind == LedgerKind::Intent)
        else {
            continue;
        };
        let instrument = good.ledger[first]
            .decode::<Order>()
            .unwrap()
            .spec()
            .instrument;
        for number in (first + 1..good.ledger.len()).take(20) {
            let mut told = good.clone();
            let row = &mut told.ledger[number];
            row.kind = LedgerKind::Operator;
            row.payload = postcard::to_allocvec(&Verb::Close { instrument }).unwrap();
            let found = check(&told);
            let mut said = found
                .iter()
                .filter(|one| one.invariant == Invariant::Closed);
            let Some(one) = said.next() else { continue };
            follows += usize::from(one.what.contains("leaves though"));
            held += usize::from(one.what.contains("still holds"));
            break;
        }
    }
    assert!(
        follows >= 5 && held >= 1,
        "{follows} follow, {held} are held"
    );
}

#[test]
fn a_seed_is_one_history() {
    for seed in 0..20 {
        let (left, right) = (run(seed), run(seed));
        assert_eq!(left.log, right.log);
        assert_eq!(left.ledger, right.ledger);
        assert_eq!(left.truth, right.truth);
        assert_eq!(story(&left, &[]), story(&right, &[]));
    }
}

/// A checker that cannot fail proves nothing: a good history, damaged in one place.
#[test]
fn damage_to_a_history_is_seen() {
    let seed = (0..100).find(|seed| {
        let history = run(*seed);
        history.truth.trades.len() > 4 && check(&history).is_empty()
    });
    let good = run(seed.unwrap());
    let kinds = |history: &History| -> Vec<Invariant> {
        check(history)
            .into_iter()
            .map(|one| one.invariant)
            .collect()
    };
    let mut lost = good.clone();
    lost.ledger.remove(3);
    assert!(kinds(&lost).contains(&Invariant::LedgerWhole));
    let mut altered = good.clone();
    altered.ledger[2].local_ns += 1;
    assert!(kinds(&altered).contains(&Invariant::LedgerWhole));
    let mut more = good.clone();
    more.truth.trades.pop();
    assert!(kinds(&more).contains(&Invariant::FillIsATrade));
    assert!(kinds(&more).contains(&Invariant::BooksEqual));
    let mut late = good.clone();
    for (at_ns, _) in &mut late.stored {
        *at_ns += 1_000_000_000;
    }
    assert!(kinds(&late).contains(&Invariant::IntentBeforeOrder));
    let mut twice = good.clone();
    let again = twice.truth.opened[0];
    twice.truth.opened.push(again);
    assert!(kinds(&twice).contains(&Invariant::OneOrderPerIntent));
    let mut hasty = good.clone();
    let exit = hasty.log.iter().position(|row| {
        matches!(&row.entry, LogEntry::Order(order)
            if order.event == OrderEvent::Placed && order.spec.leg == Leg::Exit)
    });
    let mut second = hasty.log[exit.unwrap()].clone();
    if let LogEntry::Order(order) = &mut second.entry {
        order.spec.client_id = ClientId::new(9_999, Leg::Exit, 0, 0);
    }
    hasty.log.insert(exit.unwrap() + 1, second);
    assert!(kinds(&hasty).contains(&Invariant::OneExit));
    let mut overfilled = good.clone();
    for step in &mut overfilled.truth.steps {
        step.executed *= 3;
    }
    assert!(kinds(&overfilled).contains(&Invariant::NoMoreThanDecided));
    let mut broke = good;
    let last = broke.log.last().unwrap().clone();
    broke.log.push(LogRow {
        entry: LogEntry::Failure("no".to_string()),
        ..last
    });
    assert!(kinds(&broke).contains(&Invariant::NoFailure));
}

/// The price up to which taking clears, moved in the ledger to where nothing could have been taken.
#[test]
fn an_entry_that_takes_beyond_its_edge_is_seen() {
    let mut seen = [0; 2];
    for seed in 0..100 {
        let history = run(seed);
        let (mut followed, mut sliced) = (history.clone(), history);
        for row in &mut followed.ledger {
            if row.kind != LedgerKind::Trade {
                continue;
            }
            let mut plan: TradePlan = row.decode().unwrap();
            if let Some(entry) = &mut plan.entry {
                entry.take_within = None;
                row.payload = postcard::to_allocvec(&plan).unwrap();
            }
        }
        for row in &mut sliced.ledger {
            if row.kind == LedgerKind::Schedule {
                let mut trade: ScheduledTrade = row.decode().unwrap();
                trade.entry.within = match trade.entry.side {
                    Side::Buy => 1,
                    Side::Sell => i64::MAX,
                };
                row.payload = postcard::to_allocvec(&trade).unwrap();
            }
        }
        for (count, history) in seen.iter_mut().zip([followed, sliced]) {
            let found = check(&history);
            let beyond = |one: &Violation| one.invariant == Invariant::TakenWithin;
            *count += usize::from(found.iter().any(beyond));
        }
    }
    assert!(seen.iter().all(|seeds| *seeds >= 5), "{seen:?}");
}

#[test]
fn a_store_keeps_what_it_acknowledged_whatever_a_write_meets() {
    let mut writer = LedgerWriter::default();
    let mut store = FaultyStore::default();
    let mut kept = MemoryLedger::default();
    for number in 0..200i64 {
        let rows = [writer
            .note(LedgerKind::Operator, ClientId::NONE, number, &number)
            .unwrap()];
        for torn in 0..number % 4 {
            store.fate = Some(WriteFate::Torn((number * 7 + torn) as usize % 150));
            assert!(store.append_batch(&rows).is_err());
            if number % 3 == 0 {
                store.reopen().unwrap();
                assert_eq!(store.all_rows(), kept.rows(0, usize::MAX).unwrap());
            }
        }
        store.append_batch(&rows).unwrap();
        kept.append_batch(&rows).unwrap();
    }
    store.reopen().unwrap();
    assert_eq!(store.all_rows(), kept.rows(0, usize::MAX).unwrap());
}
