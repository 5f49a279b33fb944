//! The layout of what lies on disk: a change of it must not go unnoticed, since a restart reads what another version
//! may have written.

#![allow(clippy::unwrap_used)]

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::account::{CashKind, CashMovement};
use super::exit_plan::{BreakEven, BreakEvenTrigger, ExitPlan, Target, Trailing};
use super::exit_router::Ticket;
use super::ledger_row::LEDGER_FORMAT;
use super::maker_first::{EntryPlan, MakerFirst};
use super::order_tests::{order, report, trade};
use super::snapshot::PositionCorrection;
use super::trade_plan::TradePlan;
use super::*;
use crate::instrument::Side;
use crate::units::Money;

/// Digest of one payload of each kind in the format of [`LEDGER_FORMAT`]. Where it differs, payloads are laid out
/// anew: raise the format, then put the new digest here.
const LAYOUT: (u64, &str) = (1, "38bb6e147980191c");

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap()
}

fn plan() -> TradePlan {
    TradePlan {
        stop_distance: 300,
        deadline_ns: 400,
        entry_expires_ns: Some(500),
        entry: Some(EntryPlan {
            rules: MakerFirst::default(),
            take_within: Some(600),
            limit: 7,
            spread: 8,
            latency_budget_ns: 900,
        }),
        exits: ExitPlan {
            targets: [
                Some(Target {
                    distance: 10,
                    share_e4: 5_000,
                }),
                None,
                None,
                None,
            ],
            break_even: Some(BreakEven {
                trigger: BreakEvenTrigger::Risk { multiple_e4: 11 },
                entry_fee_e8: 12,
                exit_fee_e8: 13,
                slippage: 14,
                funding: 15,
            }),
            trailing: Some(Trailing {
                cap_e4: Some(16),
                ..Trailing::default()
            }),
            true_range: 17,
        },
    }
}

#[test]
fn payloads_are_laid_out_as_their_format_says() {
    let id = order().client_id();
    let refused = ExecutionReport {
        rejection: Some(Rejection::WouldCross),
        ..report(id, ReportStatus::Rejected, 0)
    };
    let cash = CashMovement {
        id: 18,
        kind: CashKind::Other,
        asset: Some("BNB".to_string()),
        amount: Money(-19),
        local_ns: 20,
    };
    let correction = PositionCorrection {
        id: 21,
        instrument: 1,
        holder: Side::Sell,
        size: -22,
        price: 23,
        exchange_ns: 24,
        local_ns: 25,
    };
    let scheduled = ScheduledTrade {
        ticket: Ticket::of(order().spec()),
        plan: plan(),
        entry: ScheduledEntry {
            schedule: Schedule {
                pace: Pace::Iceberg { display: 33 },
                slices: 34,
                over_ns: 35,
                child_min: 36,
                child_max: 37,
            },
            side: Side::Buy,
            route: Route::Taker,
            size: 38,
            lot: 39,
            begun_ns: 40,
            within: 41,
            limit: 42,
            reserve_price: 43,
        },
    };
    let row = LedgerWriter::default().cancel(id, 26);
    let payloads = [
        bytes(&row),
        bytes(&order()),
        bytes(&trade(id, 27, 28, 29, 30)),
        bytes(&refused),
        bytes(&plan()),
        bytes(&cash),
        bytes(&correction),
        bytes(&Verb::Resume),
        bytes(&scheduled),
        bytes(&(Money(31), 32i64)),
    ];
    let digest = Sha256::digest(payloads.concat());
    let digest: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!((LEDGER_FORMAT, digest.as_str()), LAYOUT);
}

/// What `aurora ledger` prints and what people filter by.
#[test]
fn names_of_rows_and_of_evidence_stay() {
    let kinds = [
        (LedgerKind::Intent, "intent"),
        (LedgerKind::Cancel, "cancel"),
        (LedgerKind::Report, "report"),
        (LedgerKind::Trade, "trade"),
        (LedgerKind::Cash, "cash"),
        (LedgerKind::Correction, "correction"),
        (LedgerKind::Operator, "operator"),
        (LedgerKind::Day, "day"),
        (LedgerKind::Schedule, "schedule"),
    ];
    for (kind, name) in kinds {
        assert_eq!(kind.name(), name);
    }
    let names = Evidence::ALL.map(Evidence::name);
    assert_eq!(names, ["venue_reply", "venue_event", "transport", "query"]);
}
