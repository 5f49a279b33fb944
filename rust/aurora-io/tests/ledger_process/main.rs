//! The durable ledger below a real process: killed at random writes (`make kills`), its system calls traced, its disk
//! full and read-only. This binary starts itself as that process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod child;
mod desk;
mod disk;
mod frames;
mod kills;
mod trace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Kills in the suite.
const FEW: u64 = 30;

fn value<T: std::str::FromStr>(words: &[String], name: &str) -> Option<T> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1)?.parse().ok()
}

/// One test of the suite: passed, or what is wrong, or why it could not be.
fn passes(name: &str, result: Result<Vec<String>, String>) -> bool {
    match result {
        Err(reason) => println!("test {name} ... ignored, {}", reason.trim()),
        Ok(found) if found.is_empty() => println!("test {name} ... ok"),
        Ok(found) => {
            found.iter().take(10).for_each(|what| println!("{what}"));
            println!("test {name} ... FAILED");
            return false;
        }
    }
    true
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let as_process = |name| value::<PathBuf>(&words, name);
    let run = |result: Result<(), Box<dyn std::error::Error>>| match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    };
    if let Some(path) = as_process("--child") {
        return run(child::live(&path));
    }
    if let Some(path) = as_process("--fill") {
        return run(disk::fill(&path, false));
    }
    if let Some(path) = as_process("--fill-anew") {
        return run(disk::fill(&path, true));
    }
    if let Some(path) = as_process("--open") {
        disk::open(&path);
        return ExitCode::SUCCESS;
    }
    if words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let launcher = vec![std::env::current_exe().unwrap().display().to_string()];
    // Not in memory: a sync is to reach a disk.
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let seed = value(&words, "--seed").unwrap_or(1);
    if let Some(kills) = value(&words, "--kills") {
        let violations = kills::kill(kills, seed, folder.path(), &launcher);
        if violations > 0 {
            println!("kept: {}", folder.keep().display());
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let folder = folder.path();
    let killed = match kills::kill(FEW, seed, folder, &launcher) {
        0 => Vec::new(),
        count => vec![format!("{count} violations")],
    };
    let results = [
        passes("killed_at_random_writes", Ok(killed)),
        passes("synced_before_sent", trace::trace(folder, &launcher)),
        passes("full_disk", disk::full(folder, &launcher)),
        passes("read_only_disk", disk::read_only(folder, &launcher)),
    ];
    if results.contains(&false) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
