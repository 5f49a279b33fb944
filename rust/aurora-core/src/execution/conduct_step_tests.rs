//! Conduct in the step: in which order entries are asked, and that nothing else is asked at all.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::gate_tests::{proposal, SECOND};
use super::hands::{settings, Hands};
use super::*;
use crate::instrument::Side;
use crate::units::Money;

const MS: i64 = SECOND / 1_000;

fn units(count: i128) -> Money {
    Money(count * 100_000_000)
}

/// Everything on, with numbers that fit the trades of the tests: ten units of notional each.
fn strict() -> ConductSettings {
    let rules = |entries, least| WindowRules {
        entries,
        least_notional: units(least),
    };
    let budget = |limit, reserve| Budget {
        limit,
        window_ns: 60 * SECOND,
        reserve,
    };
    ConductSettings {
        window: Some(TradingWindow {
            from_ns: 0,
            until_ns: 20 * SECOND,
            priority: rules(1, 10),
            off_peak: rules(0, 0),
        }),
        budgets: Some(RequestBudgets {
            weight: budget(100, 10),
            orders_10s: budget(100, 10),
            orders_1m: budget(20, 4),
            weights: RequestWeights::default(),
        }),
        ..ConductSettings::full()
    }
}

fn hands(conduct: ConductSettings) -> Hands {
    Hands::of(ExecutionSettings {
        conduct,
        ..settings()
    })
}

fn gateway(hands: &mut Hands, measure: Measure) {
    let local_ns = hands.now_ns;
    hands.step(Input::Gateway { local_ns, measure });
    assert!(hands.out.is_empty());
}

fn silence() -> Measure {
    Measure::Request {
        outcome: TransportOutcome::TimedOut,
        retry_after_ns: None,
    }
}

fn entries(hands: &mut Hands, entering: Option<ReasonCode>, taking: Option<ReasonCode>) {
    for instrument in 0..2 {
        hands.step(Input::Entries {
            instrument,
            local_ns: hands.now_ns,
            mode: EntryMode { entering, taking },
        });
    }
}

/// All trouble at once.
fn besiege(hands: &mut Hands) {
    entries(hands, Some(ReasonCode::VolatilityHalt), None);
    gateway(
        hands,
        Measure::ClockOffset {
            offset_ns: 3 * SECOND,
        },
    );
    gateway(hands, silence());
    gateway(hands, silence());
    let p95_ns = 60 * SECOND;
    gateway(hands, Measure::RequestTime { p95_ns });
    let usage = VenueUsage {
        weight_1m: Some(1_000),
        orders_10s: Some(1_000),
        orders_1m: Some(1_000),
    };
    gateway(hands, Measure::Usage(usage));
}

/// Everything is against an entry; one after another is taken away, and the next one tells its reason.
#[test]
fn reasons_come_in_the_documented_order() {
    let mut hands = hands(strict());
    besiege(&mut hands);
    hands.step(Input::Operator {
        now_ns: SECOND,
        verb: Verb::Kill,
    });
    let mut asked = Proposal {
        volatility: Some(1),
        depth: Some(1),
        limit: 500,
        local_ns: 0,
        ..proposal(1, Side::Buy, Route::Taker)
    };
    hands.now_ns = SECOND + 1;
    let said = |hands: &mut Hands, asked: &Proposal| hands.propose(*asked).reason;
    assert_eq!(said(&mut hands, &asked), ReasonCode::KillSwitch);
    hands.step(Input::Operator {
        now_ns: hands.now_ns,
        verb: Verb::Resume,
    });
    assert_eq!(said(&mut hands, &asked), ReasonCode::VolatilityHalt);
    entries(&mut hands, None, Some(ReasonCode::SafeMode));
    assert_eq!(said(&mut hands, &asked), ReasonCode::SafeMode);
    entries(&mut hands, None, None);
    assert_eq!(said(&mut hands, &asked), ReasonCode::ClockSkew);
    gateway(&mut hands, Measure::ClockOffset { offset_ns: 0 });
    assert_eq!(said(&mut hands, &asked), ReasonCode::Latency);
    hands.now_ns = 31 * SECOND + 2;
    assert_eq!(said(&mut hands, &asked), ReasonCode::Expired);
    asked.local_ns = hands.now_ns;
    asked.size = 1;
    assert_eq!(said(&mut hands, &asked), ReasonCode::BelowMinimum);
    asked.size = 100;
    assert_eq!(said(&mut hands, &asked), ReasonCode::LatencyBudget);
    gateway(&mut hands, Measure::RequestTime { p95_ns: 0 });
    assert_eq!(said(&mut hands, &asked), ReasonCode::PriceProtection);
    asked.limit = 0;
    asked.volatility = Some(2);
    assert_eq!(said(&mut hands, &asked), ReasonCode::Depth);
    asked.depth = Some(100);
    assert_eq!(said(&mut hands, &asked), ReasonCode::TradingWindow);
    // The next day's window; the venue counts 16 of 20.
    let day = 86_400 * SECOND;
    hands.now_ns = day;
    let usage = VenueUsage {
        orders_1m: Some(16),
        ..VenueUsage::default()
    };
    gateway(&mut hands, Measure::Usage(usage));
    asked.local_ns = day;
    asked.deadline_ns = day + SECOND;
    assert_eq!(said(&mut hands, &asked), ReasonCode::Budget);
    // Six seconds later one order more is to be had.
    hands.now_ns = day + 6 * SECOND;
    asked.local_ns = hands.now_ns;
    asked.deadline_ns = day + 60 * SECOND;
    assert_eq!(said(&mut hands, &asked), ReasonCode::TradeTaker);
}

/// Stops, exits, targets, cancels and questions leave whatever keeps entries back.
#[test]
fn nothing_that_protects_is_ever_asked() {
    let mut hands = hands(strict());
    let mut exits = ExitPlan::default();
    exits.targets[0] = Some(Target {
        distance: 30,
        share_e4: 5_000,
    });
    hands.step(Input::Bracket {
        now_ns: SECOND,
        proposal: proposal(1, Side::Buy, Route::Maker),
        exits,
    });
    let entry = hands.placed()[0];
    hands.status(entry.client_id, ReportStatus::Accepted, 0);
    besiege(&mut hands);
    let other = Proposal {
        instrument: 1,
        ..proposal(2, Side::Buy, Route::Maker)
    };
    assert_eq!(hands.propose(other).reason, ReasonCode::VolatilityHalt);
    hands.fill(entry.client_id, 1000, 40, 40);
    let made: Vec<Leg> = hands.placed().iter().map(|spec| spec.leg).collect();
    assert_eq!(made, [Leg::Stop, Leg::Target]);
    let stop = hands.placed()[0];
    hands.status(stop.client_id, ReportStatus::Accepted, 0);
    // A partial fill more: the stop is replaced, the one before is cancelled.
    hands.fill(entry.client_id, 1000, 20, 60);
    let wider = hands.placed()[0];
    assert_eq!((wider.leg, wider.size), (Leg::Stop, 60));
    hands.status(wider.client_id, ReportStatus::Accepted, 0);
    assert_eq!(hands.cancelled(), [stop.client_id]);
    // The entry's time is up, and nobody has answered the target.
    let (mut questions, mut over) = (0, false);
    for _ in 0..20 {
        let due = hands.execution.next_timer().unwrap();
        hands.clock(due);
        questions += hands.queried();
        over |= hands.cancelled().contains(&entry.client_id);
    }
    assert!(questions > 0 && over && hands.now_ns < 60 * SECOND);
    hands.status(stop.client_id, ReportStatus::Cancelled, 0);
    hands.status(entry.client_id, ReportStatus::Cancelled, 60);
    hands.clock(60 * SECOND);
    let exit = hands.placed()[0];
    assert_eq!((exit.leg, exit.size), (Leg::Exit, 60));
    hands.fill(exit.client_id, 1000, 60, 60);
    assert!(hands.cancelled().contains(&wider.client_id));
    assert_eq!(hands.position(), 0);
}

#[test]
fn a_window_counts_entries_that_may_still_fill() {
    let mut hands = hands(strict());
    let first = hands.propose(proposal(1, Side::Buy, Route::Maker));
    assert_eq!(first.reason, ReasonCode::TradeMaker);
    let entry = hands.placed()[0];
    let other = |trace, size| Proposal {
        instrument: 1,
        size,
        ..proposal(trace, Side::Sell, Route::Maker)
    };
    let refused = ReasonCode::TradingWindow;
    assert_eq!(hands.propose(other(2, 100)).reason, refused);
    hands.fill(entry.client_id, 1000, 100, 100);
    // The position stays, the entry is over. Ten units at 100.5 are 0.099504...: 0.098 are too few.
    assert_eq!(hands.propose(other(3, 98)).reason, refused);
    assert_eq!(hands.propose(other(4, 100)).reason, ReasonCode::TradeMaker);
}

fn maker_first(conduct: ConductSettings) -> (Hands, OrderSpec) {
    let mut hands = Hands::of(ExecutionSettings {
        conduct,
        maker_first: Some(MakerFirst::default()),
        ..settings()
    });
    let asked = Proposal {
        take_within: Some(1_050),
        volatility: Some(4),
        ..proposal(1, Side::Buy, Route::Maker)
    };
    assert_eq!(hands.propose(asked).reason, ReasonCode::TradeMaker);
    let entry = hands.placed()[0];
    hands.status(entry.client_id, ReportStatus::Accepted, 0);
    (hands, entry)
}

/// The touch leaves the entry behind: it is cancelled, and what follows its end is returned.
fn drift(hands: &mut Hands, entry: &OrderSpec, ask: i64) -> Vec<OrderSpec> {
    hands.step(Input::Quote {
        instrument: 0,
        local_ns: hands.now_ns,
        bid: ask - 5,
        ask,
    });
    assert_eq!(hands.cancelled(), [entry.client_id]);
    hands.status(entry.client_id, ReportStatus::Cancelled, 0);
    hands.placed()
}

#[test]
fn a_breaker_that_trips_while_an_entry_rests_stops_what_would_follow() {
    let (mut hands, entry) = maker_first(ConductSettings::default());
    let taken = drift(&mut hands, &entry, 1_010);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].time_in_force, TimeInForce::ImmediateOrCancel);
    let (safe, halt) = (ReasonCode::SafeMode, ReasonCode::VolatilityHalt);
    for (entering, taking) in [(None, Some(safe)), (Some(halt), None)] {
        let (mut hands, entry) = maker_first(ConductSettings::default());
        entries(&mut hands, entering, taking);
        assert_eq!(drift(&mut hands, &entry, 1_010), []);
        assert!(!hands.open());
    }
    // Makers only: a refused entry may rest again, and is not taken when it is refused again.
    let (mut hands, entry) = maker_first(ConductSettings::default());
    entries(&mut hands, None, Some(safe));
    let refuse = |hands: &mut Hands, spec: &OrderSpec| {
        let row = super::order_tests::report(spec.client_id, ReportStatus::Rejected, 0);
        hands.step(Input::Report(ExecutionReport {
            rejection: Some(Rejection::WouldCross),
            local_ns: hands.now_ns,
            ..row
        }));
    };
    refuse(&mut hands, &entry);
    let again = hands.placed()[0];
    assert_eq!(again.time_in_force, TimeInForce::PostOnly);
    refuse(&mut hands, &again);
    assert_eq!(hands.placed(), []);
    assert!(!hands.open());
}

#[test]
fn what_follows_an_entry_is_asked_as_entries_are() {
    let full = ConductSettings {
        window: None,
        ..ConductSettings::full()
    };
    let (mut hands, entry) = maker_first(full);
    assert_eq!(drift(&mut hands, &entry, 1_010).len(), 1);
    let measures = [
        Measure::ClockOffset { offset_ns: SECOND },
        Measure::RequestTime { p95_ns: 2 * SECOND },
        Measure::Usage(VenueUsage {
            orders_10s: Some(299),
            ..VenueUsage::default()
        }),
    ];
    for measure in measures {
        let (mut hands, entry) = maker_first(full);
        gateway(&mut hands, measure);
        assert_eq!(drift(&mut hands, &entry, 1_010), [], "{measure:?}");
    }
    let (mut hands, entry) = maker_first(full);
    gateway(&mut hands, silence());
    gateway(&mut hands, silence());
    assert_eq!(drift(&mut hands, &entry, 1_010), []);
    // Two deviations of four from the mid of a wide touch: not where it would have to take.
    let (mut hands, entry) = maker_first(full);
    hands.step(Input::Quote {
        instrument: 0,
        local_ns: hands.now_ns,
        bid: 1_005,
        ask: 1_035,
    });
    hands.status(entry.client_id, ReportStatus::Cancelled, 0);
    assert_eq!(hands.placed(), []);
}

/// A life that sent much begins again: what the ledger tells to have left has been used.
#[test]
fn a_restart_knows_what_left() {
    let budget = |limit, reserve| Budget {
        limit,
        window_ns: 60 * SECOND,
        reserve,
    };
    let conduct = ConductSettings {
        budgets: Some(RequestBudgets {
            weight: budget(1_000, 0),
            orders_10s: budget(1_000, 0),
            orders_1m: budget(6, 1),
            weights: RequestWeights::default(),
        }),
        ..ConductSettings::default()
    };
    let settings = ExecutionSettings {
        conduct,
        ..settings()
    };
    let mut hands = Hands::of(settings);
    let mut ledger = MemoryLedger::default();
    let mut keep = |hands: &Hands| {
        let rows = hands.out.iter().filter_map(|output| match output {
            Output::Ledger(row) => Some(row.clone()),
            _ => None,
        });
        ledger.append_batch(&rows.collect::<Vec<_>>()).unwrap();
    };
    hands.propose(proposal(1, Side::Buy, Route::Taker));
    keep(&hands);
    let entry = hands.placed()[0];
    hands.fill(entry.client_id, 1000, 100, 100);
    keep(&hands);
    let instruments = hands.execution.instruments().to_vec();
    let mut out = Vec::new();
    let now_ns = SECOND + MS;
    let mut again = Execution::recover(settings, instruments, &ledger, now_ns, &mut out).unwrap();
    again
        .step(
            Input::Quote {
                instrument: 1,
                local_ns: now_ns,
                bid: 1000,
                ask: 1005,
            },
            &mut out,
        )
        .unwrap();
    out.clear();
    // Entry and stop have left, of three at once; the third is the reserve.
    let other = Proposal {
        instrument: 1,
        ..proposal(2, Side::Sell, Route::Taker)
    };
    for execution in [&mut hands.execution, &mut again] {
        let proposal = other;
        out.clear();
        execution
            .step(Input::Proposal { now_ns, proposal }, &mut out)
            .unwrap();
        match &out[0] {
            Output::Decision(decision) => assert_eq!(decision.reason, ReasonCode::Budget),
            other => panic!("{other:?}"),
        }
    }
}
