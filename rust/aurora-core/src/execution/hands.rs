//! Execution with the outputs of the last step at hand.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::gate_tests::{instrument, limits, SECOND};
use super::order_tests::{report, trade};
use super::*;
use crate::units::Money;

pub(super) const START: Money = Money(1_000_000_000_000);
pub(super) const TTL: i64 = 5 * SECOND;

pub(super) fn settings() -> ExecutionSettings {
    ExecutionSettings {
        start_cash: START,
        position_mode: PositionMode::OneWay,
        entry_ttl_ns: TTL,
        maker_first: None,
        latency_budget_ns: SECOND,
        limits: limits(1000),
        timeouts: Timeouts::default(),
        wallet_tolerance: Money::ZERO,
        leverage: None,
        conduct: ConductSettings::default(),
    }
}

/// Execution with the commands, rows and fills of the last step at hand.
pub(super) struct Hands {
    pub execution: Execution,
    pub out: Vec<Output>,
    pub now_ns: i64,
    pub trade_id: u64,
}

impl Hands {
    pub fn new() -> Hands {
        Hands::of(settings())
    }

    pub fn of(settings: ExecutionSettings) -> Hands {
        let mut hands = Hands {
            execution: Execution::new(settings, vec![instrument("A"), instrument("B")]),
            out: Vec::new(),
            now_ns: SECOND,
            trade_id: 0,
        };
        for instrument in 0..2 {
            hands.step(Input::Quote {
                instrument,
                local_ns: SECOND,
                bid: 1000,
                ask: 1005,
            });
        }
        hands
    }

    /// One step; the state takes a trip through bytes before it.
    pub fn step(&mut self, input: Input) {
        let bytes = postcard::to_allocvec(&self.execution).unwrap();
        let restored: Execution = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(restored, self.execution);
        self.execution = restored;
        self.out.clear();
        self.execution.step(input, &mut self.out).unwrap();
        self.check_rows();
    }

    /// Ledger rows are sealed and stand before the command they allow.
    pub fn check_rows(&self) {
        let mut stored = Vec::new();
        for output in &self.out {
            match output {
                Output::Ledger(row) => {
                    row.verify().unwrap();
                    stored.push((row.kind, row.client_id));
                }
                Output::Command(Command::Place(order)) => {
                    assert!(stored.contains(&(LedgerKind::Intent, order.client_id())));
                }
                Output::Command(Command::Cancel { client_id, .. }) => {
                    assert!(stored.contains(&(LedgerKind::Cancel, *client_id)));
                }
                _ => {}
            }
        }
    }

    pub fn propose(&mut self, proposal: Proposal) -> Decision {
        self.step(Input::Proposal {
            now_ns: self.now_ns,
            proposal,
        });
        match &self.out[0] {
            Output::Decision(decision) => decision.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn placed(&self) -> Vec<OrderSpec> {
        let placed = self.out.iter().filter_map(|output| match output {
            Output::Command(Command::Place(order)) => Some(*order.spec()),
            _ => None,
        });
        placed.collect()
    }

    pub fn queried(&self) -> usize {
        let asks = |output: &&Output| matches!(output, Output::Command(Command::Query { .. }));
        self.out.iter().filter(asks).count()
    }

    pub fn cancelled(&self) -> Vec<ClientId> {
        let cancelled = self.out.iter().filter_map(|output| match output {
            Output::Command(Command::Cancel { client_id, .. }) => Some(*client_id),
            _ => None,
        });
        cancelled.collect()
    }

    pub fn status(&mut self, id: ClientId, status: ReportStatus, cumulative: i64) {
        let row = ExecutionReport {
            local_ns: self.now_ns,
            ..report(id, status, cumulative)
        };
        self.step(Input::Report(row));
    }

    pub fn fill(&mut self, id: ClientId, price: i64, size: i64, cumulative: i64) {
        self.trade_id += 1;
        let row = ExecutionReport {
            local_ns: self.now_ns,
            ..trade(id, self.trade_id, price, size, cumulative)
        };
        self.step(Input::Report(row));
    }

    pub fn clock(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.step(Input::Clock { now_ns });
    }

    pub fn position(&self) -> i64 {
        self.execution.account().net(0)
    }

    pub fn open(&self) -> bool {
        self.execution.view().instruments[0].trade_open
    }
}
