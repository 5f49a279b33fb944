//! A real process, killed at random ledger writes, restarted and reconciled; and whether anything was lost or doubled.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aurora_core::sim::{check, run_with};

use crate::desk::{ProcessDesk, Tally};

/// Violations that are told of one by one.
const MOST_TOLD: usize = 10;

/// Kills at least so many times, over as many seeds as that takes, and tells; returns the number of violations.
pub fn kill(kills: u64, first_seed: u64, folder: &Path, launcher: &[String]) -> usize {
    let begin = Instant::now();
    let mut told = begin;
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut seed = first_seed;
    let mut violations = 0;
    while tally.borrow().kills < kills {
        let path = folder.join(format!("seed{seed}.redb"));
        let desk = ProcessDesk::new(&path, launcher.to_vec(), &tally).killing(seed);
        let history = run_with(seed, Box::new(desk));
        let mut found = std::mem::take(&mut tally.borrow_mut().violations);
        found.extend(
            check(&history)
                .into_iter()
                .map(|one| format!("{}: {}", one.invariant.name(), one.what)),
        );
        for what in found.iter().take(MOST_TOLD.saturating_sub(violations)) {
            println!("seed {seed}: {what}");
        }
        violations += found.len();
        if found.is_empty() {
            let _ = std::fs::remove_file(&path);
        } else {
            println!("seed {seed}: the ledger is {}", path.display());
        }
        seed += 1;
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            let done = tally.borrow().kills;
            println!(
                "{done} of {kills} kills, {} seeds, {violations} violations",
                seed - first_seed
            );
        }
    }
    let tally = tally.borrow();
    println!(
        "{} seeds from {first_seed}, {} ledger writes acknowledged, {} requests, {:.0} s",
        seed - first_seed,
        tally.writes,
        tally.requests,
        begin.elapsed().as_secs_f64()
    );
    println!(
        "killed while starting {}; at a write: nothing of it found {}, found whole and unacknowledged {}, acknowledged {}",
        tally.starting, tally.before, tally.within, tally.after
    );
    println!("{} kills, {violations} violations", tally.kills);
    violations
}
