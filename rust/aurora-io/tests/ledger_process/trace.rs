//! The order of system calls: the ledger's file is synced before a request is written to the pipe.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;

use aurora_core::execution::{ClientId, Command as Request};
use aurora_core::sim::{check, run_with};

use crate::desk::{ProcessDesk, Tally};
use crate::frames::{Sent, SENT, TOLD};

/// Name of the traced files, behind the seed.
const LEDGER: &str = "traced.redb";
const SEEDS: std::ops::Range<u64> = 3..9;

/// What a trace shows.
#[derive(Debug, Default)]
struct Shown {
    placed: u64,
    cancelled: u64,
    violations: Vec<String>,
}

/// Runs one seed below strace and reads what it wrote down.
///
/// # Errors
/// Why there is no trace.
pub fn trace(folder: &Path, launcher: &[String]) -> Result<Vec<String>, String> {
    let out = folder.join("trace.txt");
    let mut traced: Vec<String> = ["strace", "-y", "-xx", "-s", "1000000", "-o"]
        .map(str::to_string)
        .to_vec();
    traced.push(out.display().to_string());
    traced.extend(["-e", "trace=write,pwrite64,fsync,fdatasync"].map(str::to_string));
    let works = Command::new("strace")
        .args(&traced[1..])
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !works.as_ref().is_ok_and(|status| status.success()) {
        return Err(format!("strace is not there or may not trace: {works:?}"));
    }
    traced.extend_from_slice(launcher);
    let mut found = Vec::new();
    let mut shown = Shown::default();
    let mut text = String::new();
    for seed in SEEDS {
        let tally = Rc::new(RefCell::new(Tally::default()));
        let path = folder.join(format!("{seed}{LEDGER}"));
        let desk = ProcessDesk::new(&path, traced.clone(), &tally);
        let history = run_with(seed, Box::new(desk));
        found.extend(check(&history).into_iter().map(|one| one.what));
        found.append(&mut tally.borrow_mut().violations);
        text = std::fs::read_to_string(&out).map_err(|error| error.to_string())?;
        read(&text, &mut shown);
    }
    println!(
        "traced: {} orders and {} cancels written to the pipe, each after the sync of its row",
        shown.placed, shown.cancelled
    );
    found.append(&mut shown.violations);
    if shown.placed < 40 || shown.cancelled < 10 {
        found.push("the trace shows too few requests".to_string());
    }
    // A reading that finds nothing whatever it reads proves nothing.
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("sync("))
        .collect();
    let mut wrong = Shown::default();
    read(&without.join("\n"), &mut wrong);
    if wrong.violations.is_empty() {
        found.push("a trace without syncs is not objected to".to_string());
    }
    Ok(found)
}

fn read(text: &str, shown: &mut Shown) {
    // Names of files are written in hexadecimal, too.
    let name: String = LEDGER
        .bytes()
        .map(|byte| format!("\\x{byte:02x}"))
        .collect();
    let mut unsynced: Vec<Vec<u8>> = Vec::new();
    let mut durable: HashSet<ClientId> = HashSet::new();
    let mut syncs = 0;
    for line in text.lines() {
        let on_ledger = line.contains(&name);
        if line.starts_with("pwrite64(") && on_ledger {
            unsynced.push(bytes(line));
        } else if line.contains("sync(") && on_ledger && line.trim_end().ends_with("= 0") {
            syncs += 1;
            for written in unsynced.drain(..) {
                durable.extend(written.windows(32).filter_map(|window| {
                    std::str::from_utf8(window).ok().and_then(ClientId::parse)
                }));
            }
        } else if line.starts_with("write(") {
            let frame = bytes(line);
            if frame.starts_with(TOLD) {
                syncs = 0;
            }
            if !frame.starts_with(SENT) {
                continue;
            }
            let sent: Sent = postcard::from_bytes(&frame[8..]).unwrap();
            if !sent.commands.is_empty() && !unsynced.is_empty() {
                let what = format!("{:?} left before a sync", sent.commands);
                shown.violations.push(what);
            }
            for command in &sent.commands {
                match command {
                    Request::Place(order) => {
                        shown.placed += 1;
                        if syncs == 0 || !durable.contains(&order.client_id()) {
                            let what = format!("{} left before its row", order.client_id());
                            shown.violations.push(what);
                        }
                    }
                    Request::Cancel { client_id, .. } => {
                        shown.cancelled += 1;
                        if syncs == 0 {
                            let what = format!("the cancel of {client_id} left before its row");
                            shown.violations.push(what);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The string of a call, written as hexadecimal escapes.
fn bytes(line: &str) -> Vec<u8> {
    let Some((_, rest)) = line.split_once(", \"") else {
        return Vec::new();
    };
    let text = rest.split('"').next().unwrap_or_default();
    text.split("\\x")
        .filter_map(|digits| u8::from_str_radix(digits, 16).ok())
        .collect()
}
