//! The venue's rules in the step: entries keep to them, exits as far as they leave nothing naked.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::gate_tests::{instrument, proposal, SECOND};
use super::hands::{settings, Hands};
use super::*;
use crate::instrument::Side;
use crate::symbol_rules::{Bracket, OrderType, SymbolRules};
use crate::units::Money;

fn rules() -> SymbolRules {
    SymbolRules::of(&instrument("A"))
}

fn tell(hands: &mut Hands, instrument: usize, rules: SymbolRules) {
    hands.step(Input::Rules {
        instrument,
        local_ns: hands.now_ns,
        rules: Box::new(rules),
    });
    assert!(hands.out.is_empty());
}

fn reason(hands: &mut Hands, trace: u64, route: Route) -> ReasonCode {
    hands.propose(proposal(trace, Side::Buy, route)).reason
}

#[test]
fn entries_keep_to_the_rules_of_now() {
    let mut hands = Hands::new();
    let told = |change: fn(&mut SymbolRules)| {
        let mut rules = rules();
        change(&mut rules);
        rules
    };
    for (trace, change, said) in [
        (
            1,
            told(|rules| rules.is_trading = false),
            ReasonCode::NotTrading,
        ),
        (
            2,
            told(|rules| rules.min_notional = Money(1_100_000_000)),
            ReasonCode::BelowMinimum,
        ),
        (
            3,
            told(|rules| rules.min_price = 2_000),
            ReasonCode::PriceRange,
        ),
        // Too small for a stop of its own.
        (
            4,
            told(|rules| rules.market_min_size = 102),
            ReasonCode::BelowMinimum,
        ),
        (
            5,
            told(|rules| rules.order_types = vec![OrderType::Market]),
            ReasonCode::OrderTerms,
        ),
    ] {
        tell(&mut hands, 0, change);
        assert_eq!(reason(&mut hands, trace, Route::Maker), said);
    }
    // Repairs: a coarser price step, and no more than one stop may cover.
    let coarse = SymbolRules {
        tick: 30,
        market_max_size: 60,
        ..rules()
    };
    tell(&mut hands, 0, coarse);
    assert_eq!(reason(&mut hands, 6, Route::Maker), ReasonCode::TradeMaker);
    let entry = hands.placed()[0];
    assert_eq!((entry.price, entry.size), (Some(990), 60));
    // Rules of the other instrument are its own.
    assert_eq!(
        hands.execution.rules(1),
        Some(&SymbolRules::of(&instrument("B")))
    );
    let mut out = Vec::new();
    let unknown = Input::Rules {
        instrument: 2,
        local_ns: SECOND,
        rules: Box::new(rules()),
    };
    assert!(hands.execution.step(unknown, &mut out).is_err());
    let unknown = Input::Mark {
        instrument: 2,
        local_ns: SECOND,
        mark: 1,
        last: 1,
    };
    assert!(hands.execution.step(unknown, &mut out).is_err());
    let unknown = Input::Entries {
        instrument: 2,
        local_ns: SECOND,
        mode: EntryMode::default(),
    };
    assert!(hands.execution.step(unknown, &mut out).is_err());
}

#[test]
fn bands_are_measured_at_the_mark() {
    let mut hands = Hands::new();
    tell(
        &mut hands,
        0,
        SymbolRules {
            multiplier_up_e8: 101_000_000,
            multiplier_down_e8: 99_000_000,
            ..rules()
        },
    );
    for (trace, mark, last, price) in [
        (1, 0, 0, Some(1_000)),
        // 1 % above 960 is 969.6; a buy is never moved up.
        (2, 960, 1_000, Some(965)),
        (3, 0, 960, Some(965)),
        (4, 1_000, 960, Some(1_000)),
    ] {
        hands.step(Input::Mark {
            instrument: 0,
            local_ns: SECOND,
            mark,
            last,
        });
        let decision = hands.propose(proposal(trace, Side::Buy, Route::Maker));
        assert_eq!(
            (decision.reason, decision.price),
            (ReasonCode::TradeMaker, price)
        );
        hands.status(decision.client_id.unwrap(), ReportStatus::Rejected, 0);
        assert!(!hands.open());
    }
}

fn margined(leverage: u32, cash: i128) -> Hands {
    Hands::of(ExecutionSettings {
        leverage: Some(leverage),
        start_cash: Money(cash),
        ..settings()
    })
}

#[test]
fn margin_counts_what_is_held_and_what_is_unanswered() {
    // Ten units of notional at leverage two want five; equity is the start's cash.
    let mut poor = margined(2, 499_999_999);
    assert_eq!(reason(&mut poor, 1, Route::Maker), ReasonCode::Margin);
    let mut enough = margined(2, 500_000_000);
    assert_eq!(reason(&mut enough, 1, Route::Maker), ReasonCode::TradeMaker);
    // Unanswered, it is reserved: the other instrument finds nothing left.
    let other = |trace| Proposal {
        instrument: 1,
        ..proposal(trace, Side::Buy, Route::Maker)
    };
    assert_eq!(enough.propose(other(2)).reason, ReasonCode::Margin);
    let mut both = margined(2, 1_000_000_000);
    assert_eq!(reason(&mut both, 1, Route::Maker), ReasonCode::TradeMaker);
    let entry = both.placed()[0];
    // What is held is valued at the mid of 1002.5, or at the mark where that is known.
    both.fill(entry.client_id, 1000, 100, 100);
    assert_eq!(both.propose(other(2)).reason, ReasonCode::TradeMaker);
    let mut marked = margined(2, 1_000_000_000);
    reason(&mut marked, 1, Route::Maker);
    let entry = marked.placed()[0];
    marked.fill(entry.client_id, 1000, 100, 100);
    marked.step(Input::Mark {
        instrument: 0,
        local_ns: SECOND,
        mark: 1_010,
        last: 0,
    });
    assert_eq!(marked.propose(other(2)).reason, ReasonCode::Margin);
    // Brackets.
    let mut small = margined(5, 1_000_000_000);
    let bracket = |units: i128, leverage| Bracket {
        notional_cap: Money(units * 100_000_000),
        leverage,
        maintenance_rate_e8: 0,
        maintenance_amount: Money::ZERO,
    };
    let brackets = vec![bracket(9, 5), bracket(1_000, 2)];
    tell(
        &mut small,
        0,
        SymbolRules {
            brackets,
            ..rules()
        },
    );
    assert_eq!(
        reason(&mut small, 1, Route::Maker),
        ReasonCode::LeverageBracket
    );
    // Without an account none of it is known.
    let mut replay = Hands::of(ExecutionSettings {
        start_cash: Money(1_000_000),
        ..settings()
    });
    assert_eq!(reason(&mut replay, 1, Route::Maker), ReasonCode::TradeMaker);
}

#[test]
fn a_stop_takes_the_step_of_now_and_leaves_whatever_the_rules_say() {
    let coarse = SymbolRules { tick: 7, ..rules() };
    let mut hands = Hands::new();
    let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
    tell(&mut hands, 0, coarse);
    hands.fill(decision.client_id.unwrap(), 1000, 100, 100);
    // 980 is 140 steps of seven; one step more would be 987.
    assert_eq!(hands.placed()[0].trigger, Some(980));
    let wide = SymbolRules {
        tick: 300,
        ..rules()
    };
    let mut hands = Hands::new();
    let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
    tell(&mut hands, 0, wide);
    hands.fill(decision.client_id.unwrap(), 1000, 100, 100);
    assert_eq!(hands.placed()[0].trigger, Some(900), "below the entry");
    for change in [
        (|rules| rules.order_types = vec![OrderType::Limit]) as fn(&mut SymbolRules),
        |rules| rules.is_trading = false,
        |rules| rules.market_min_size = 1_000,
        |rules| rules.market_step = 1_000,
        |rules| rules.market_max_size = 0,
        |rules| rules.market_step = i64::MAX,
        |rules| rules.min_price = 5_000,
        |rules| rules.max_price = 10,
        |rules| rules.quantity_precision = 0,
        |rules| (rules.tick, rules.step, rules.market_step) = (0, -4, i64::MIN),
    ] {
        let mut refusing = rules();
        change(&mut refusing);
        let mut hands = Hands::new();
        let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
        tell(&mut hands, 0, refusing);
        hands.fill(decision.client_id.unwrap(), 1000, 100, 100);
        let stop = hands.placed()[0];
        assert_eq!((stop.leg, stop.size), (Leg::Stop, 100));
        hands.status(stop.client_id, ReportStatus::Accepted, 0);
        assert_eq!(hands.placed(), [], "once");
        // So does the exit.
        hands.clock(60 * SECOND);
        let exit = hands.placed()[0];
        assert_eq!((exit.leg, exit.size), (Leg::Exit, 100));
    }
}

/// A position larger than one stop may be: protected as far as that goes, and closed in pieces when it lasts.
#[test]
fn what_one_stop_cannot_cover_is_closed() {
    let mut hands = Hands::new();
    let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
    let limited = SymbolRules {
        market_max_size: 60,
        ..rules()
    };
    tell(&mut hands, 0, limited);
    hands.fill(decision.client_id.unwrap(), 1000, 100, 100);
    let stop = hands.placed()[0];
    assert_eq!(stop.size, 60);
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    assert_eq!(hands.placed(), [], "one stop, not one after another");
    hands.clock(7 * SECOND);
    let first = hands.placed()[0];
    assert_eq!((first.leg, first.size), (Leg::Exit, 60));
    hands.fill(first.client_id, 990, 60, 60);
    let second = hands.placed()[0];
    assert_eq!((second.leg, second.size), (Leg::Exit, 40));
    hands.fill(second.client_id, 990, 40, 40);
    assert_eq!(hands.position(), 0);
}

/// The ledger tells no rules: a life that begins without them, or with others, is the same life, and its orders leave by
/// what it knows.
#[test]
fn a_restart_needs_no_rules_and_uses_those_it_is_given() {
    let coarse = SymbolRules {
        tick: 30,
        step: 4,
        market_step: 4,
        ..rules()
    };
    let mut hands = Hands::of(ExecutionSettings {
        maker_first: Some(MakerFirst::default()),
        ..settings()
    });
    let mut rows = Vec::new();
    let mut keep = |hands: &Hands| {
        rows.extend(hands.out.iter().filter_map(|output| match output {
            Output::Ledger(row) => Some(row.clone()),
            _ => None,
        }));
    };
    tell(&mut hands, 0, coarse.clone());
    let decision = hands.propose(proposal(1, Side::Buy, Route::Maker));
    keep(&hands);
    assert_eq!(decision.price, Some(990));
    hands.fill(decision.client_id.unwrap(), 990, 60, 60);
    keep(&hands);
    let stop = hands.placed()[0];
    assert_eq!(
        stop.trigger,
        Some(960),
        "970 is no step; above it only 990 is"
    );
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    keep(&hands);
    let mut ledger = MemoryLedger::default();
    ledger.append_batch(&rows).unwrap();
    let settings = ExecutionSettings {
        maker_first: Some(MakerFirst::default()),
        ..settings()
    };
    let instruments = hands.execution.instruments().to_vec();
    let mut out = Vec::new();
    let without =
        Execution::recover(settings, instruments.clone(), &ledger, SECOND, &mut out).unwrap();
    let told = vec![coarse.clone()];
    let with =
        Execution::recover_with(settings, instruments, told, &ledger, SECOND, &mut out).unwrap();
    assert_eq!(without.rules(0), Some(&rules()));
    assert_eq!(with.rules(0), Some(&coarse));
    for again in [&without, &with] {
        assert_eq!(again.account().cash, hands.execution.account().cash);
        assert_eq!(again.account().net(0), 60);
        assert_eq!(again.orders(0).len(), 2);
        let (protects, rests) = again.protecting_stop(0).unwrap();
        assert_eq!((protects.spec(), rests), (&stop, true));
    }
    assert!(!out
        .iter()
        .any(|o| matches!(o, Output::Command(Command::Place(_)))));
    // The next fill's stop: by the rules given, or by the instrument's own until they are told.
    let fill = ExecutionReport {
        local_ns: SECOND,
        ..super::order_tests::trade(decision.client_id.unwrap(), 2, 990, 40, 100)
    };
    for (mut again, trigger) in [(with, 960), (without, 970)] {
        out.clear();
        again.step(Input::Report(fill), &mut out).unwrap();
        let placed = out.iter().find_map(|output| match output {
            Output::Command(Command::Place(order)) => Some(*order.spec()),
            _ => None,
        });
        let placed = placed.unwrap();
        assert_eq!(
            (placed.leg, placed.size, placed.trigger),
            (Leg::Stop, 100, Some(trigger))
        );
    }
}
