//! The process under test: execution and its durable ledger, rows on disk before requests leave.

use std::fs::File;
use std::io::{BufReader, Write};
use std::os::fd::AsFd;
use std::path::Path;

use aurora_core::execution::{Execution, LedgerRow, LedgerStore, Output};
use aurora_core::sim::{Standing, Stepped};
use aurora_io::RedbLedger;

use crate::frames::{receive, send, Order, Sent, Told, ORDER, SENT, TOLD};

type Failure = Box<dyn std::error::Error>;

/// Lives on the ledger at `path` until nobody gives orders any more.
pub fn live(path: &Path) -> Result<(), Failure> {
    let mut orders = BufReader::new(std::io::stdin().lock());
    // Without the buffer of the standard output, so that a frame is one write.
    let mut pipe = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut ledger = RedbLedger::open(path)?;
    let Some(Order::Start(beginning)) = receive(&mut orders, ORDER) else {
        return Ok(());
    };
    let count = beginning.instruments.len();
    let mut outputs = Vec::new();
    let mut execution = Execution::recover_with(
        beginning.settings,
        beginning.instruments,
        beginning.rules,
        &ledger,
        beginning.now_ns,
        &mut outputs,
    )?;
    let mut found = Some(ledger.rows(0, usize::MAX)?);
    let mut failure = None;
    loop {
        let mut rows: Vec<LedgerRow> = Vec::new();
        let mut commands = Vec::new();
        let mut records = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Command(command) => commands.push(command),
                other => {
                    if let Output::Ledger(row) = &other {
                        rows.push(row.clone());
                    }
                    records.push(other);
                }
            }
        }
        let stepped = Stepped {
            outputs: records,
            failure: failure.take(),
            standing: Standing::of(&execution, count),
        };
        let found = found.take();
        send(&mut pipe, TOLD, &Told { found, stepped })?;
        ledger.append_batch(&rows)?;
        let next = ledger.next_sequence();
        send(&mut pipe, SENT, &Sent { next, commands })?;
        pipe.flush()?;
        let Some(Order::Step(input)) = receive(&mut orders, ORDER) else {
            return Ok(());
        };
        let step = execution.step(input, &mut outputs);
        failure = step.err().map(|error| error.to_string());
    }
}
