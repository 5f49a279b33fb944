//! What an instrument has is told to end, and nothing else is.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::bracket_tests::plan;
use super::gate_tests::{proposal, SECOND};
use super::hands::{settings, Hands};
use super::*;
use crate::instrument::Side;

const CLOSE: Verb = Verb::Close { instrument: 0 };

fn close(hands: &mut Hands) {
    let now_ns = hands.now_ns;
    hands.step(Input::Operator {
        now_ns,
        verb: CLOSE,
    });
}

/// A maker entry of 100 of which 40 have filled, with a stop that rests.
fn part_filled(hands: &mut Hands) -> (ClientId, ClientId) {
    let entry = hands.propose(proposal(1, Side::Buy, Route::Maker));
    let entry = entry.client_id.unwrap();
    hands.status(entry, ReportStatus::Accepted, 0);
    hands.fill(entry, 1000, 40, 40);
    let stop = hands.placed()[0].client_id;
    hands.status(stop, ReportStatus::Accepted, 0);
    (entry, stop)
}

#[test]
fn entry_then_position_then_stop_and_trades_may_follow() {
    let mut hands = Hands::new();
    let (entry, stop) = part_filled(&mut hands);
    close(&mut hands);
    assert_eq!(hands.cancelled(), [entry]);
    let exit = hands.placed()[0];
    assert_eq!(
        (exit.leg, exit.kind, exit.side, exit.size, exit.reduce_only),
        (Leg::Exit, OrderKind::Market, Side::Sell, 40, true)
    );
    close(&mut hands);
    assert_eq!((hands.placed().len(), hands.cancelled().len()), (0, 0));

    // What fills on the way of the cancel goes the same way.
    hands.fill(entry, 1000, 10, 50);
    hands.status(entry, ReportStatus::Cancelled, 50);
    hands.fill(exit.client_id, 1000, 40, 40);
    let rest = hands.placed()[0];
    assert_eq!((rest.leg, rest.size), (Leg::Exit, 10));
    assert_eq!(
        hands.cancelled(),
        [],
        "the stop stays while anything is held"
    );
    hands.fill(rest.client_id, 1000, 10, 10);
    let stops = hands.cancelled();
    assert!(stops.contains(&stop));
    for id in stops {
        hands.status(id, ReportStatus::Cancelled, 0);
    }
    assert!(!hands.open() && hands.position() == 0);
    let next = hands.propose(proposal(2, Side::Sell, Route::Taker));
    assert_eq!(next.reason, ReasonCode::TradeTaker);
}

#[test]
fn other_instruments_go_on_and_nothing_is_closed_where_nothing_is() {
    let mut hands = Hands::new();
    part_filled(&mut hands);
    let now_ns = hands.now_ns;
    hands.step(Input::Operator {
        now_ns,
        verb: Verb::Close { instrument: 1 },
    });
    assert!(
        matches!(&hands.out[..], [Output::Ledger(row)] if row.kind == LedgerKind::Operator),
        "{:?}",
        hands.out
    );
    assert_eq!((hands.position(), hands.open()), (40, true));
    let before = hands.execution.clone();
    let verb = Verb::Close { instrument: 2 };
    let refused = hands
        .execution
        .step(Input::Operator { now_ns, verb }, &mut Vec::new());
    assert_eq!(
        refused,
        Err(ExecutionError::Instrument { got: 2, count: 2 })
    );
    assert_eq!(hands.execution, before);
}

/// The ledger remembers: what fills after a restart is closed as well, and the kill switch was lifted meanwhile.
#[test]
fn a_restart_goes_on_closing() {
    for orders in [&[CLOSE][..], &[Verb::Kill, Verb::Resume]] {
        let mut hands = Hands::new();
        let mut store = MemoryLedger::default();
        let entry = hands.propose(proposal(1, Side::Buy, Route::Maker));
        let entry = entry.client_id.unwrap();
        append(&mut store, &hands);
        hands.status(entry, ReportStatus::Accepted, 0);
        append(&mut store, &hands);
        let mut cancelled = Vec::new();
        for verb in orders {
            let (now_ns, verb) = (hands.now_ns, *verb);
            hands.step(Input::Operator { now_ns, verb });
            append(&mut store, &hands);
            cancelled.extend(hands.cancelled());
            assert_eq!(hands.placed(), []);
        }
        assert_eq!(cancelled, [entry]);
        let instruments = hands.execution.instruments().to_vec();
        let mut out = Vec::new();
        let again = Execution::recover(settings(), instruments, &store, 2 * SECOND, &mut out);
        hands.execution = again.unwrap();
        hands.now_ns = 2 * SECOND;
        hands.fill(entry, 1000, 40, 40);
        let exits: Vec<_> = hands.placed().iter().map(|o| (o.leg, o.size)).collect();
        assert_eq!(exits, [(Leg::Stop, 40), (Leg::Exit, 40)], "{orders:?}");
    }
}

#[test]
fn targets_go_before_the_exit_and_none_follows() {
    let mut hands = Hands::new();
    let now_ns = hands.now_ns;
    hands.step(Input::Bracket {
        now_ns,
        proposal: proposal(1, Side::Buy, Route::Taker),
        exits: plan(&[(20, 3_000), (40, 7_000)]),
    });
    let entry = hands.placed()[0].client_id;
    hands.fill(entry, 1005, 60, 60);
    let placed = hands.placed();
    let of = |leg| placed.iter().filter(move |order| order.leg == leg);
    let targets: Vec<_> = of(Leg::Target).map(|order| order.client_id).collect();
    assert_eq!((targets.len(), of(Leg::Stop).count()), (2, 1));
    close(&mut hands);
    let mut cancelled = hands.cancelled();
    cancelled.retain(|id| targets.contains(id));
    assert_eq!(cancelled.len(), 2);
    assert_eq!(hands.placed().len(), 1);
    hands.fill(entry, 1005, 40, 100);
    assert!(hands.placed().iter().all(|order| order.leg != Leg::Target));
}

fn append(store: &mut MemoryLedger, hands: &Hands) {
    let rows = hands.out.iter().filter_map(|output| match output {
        Output::Ledger(row) => Some(row.clone()),
        _ => None,
    });
    store.append_batch(&rows.collect::<Vec<_>>()).unwrap();
}

/// Rows of earlier versions are read as they were, and this one is a word of its own.
#[test]
fn its_ledger_row_is_laid_out_for_good() {
    let bytes = |verb: &Verb| postcard::to_allocvec(verb).unwrap();
    assert_eq!(bytes(&Verb::Kill), [0]);
    assert_eq!(bytes(&Verb::Resume), [1]);
    assert_eq!(bytes(&Verb::Close { instrument: 7 }), [2, 7]);
    let words = LedgerEntry::Operator(Verb::Close { instrument: 7 }).words();
    assert_eq!(words, "operator: close, symbol 7");
}
