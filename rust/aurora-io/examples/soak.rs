//! Runs the simulator over many seeds, or replays one: `make soak SEEDS=n [FROM=k] [MUTANT=name]`.
//!
//! Prints progress, writes the sums to a file and ends with `n seeds, v violations`; exit status 1 where there is any.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aurora_core::execution::Mutant;
use aurora_core::sim::{check, run, story, Soak};

/// Failing seeds that are told of one by one.
const MOST_TOLD: u64 = 10;

struct Orders {
    seeds: u64,
    from: u64,
    mutant: Option<Mutant>,
    replay: Option<u64>,
    out: String,
}

fn orders() -> Result<Orders, String> {
    let mut orders = Orders {
        seeds: 1_000,
        from: 0,
        mutant: None,
        replay: None,
        out: "soak.json".to_string(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{word} {value}: no number"))
        };
        match word.as_str() {
            "--seeds" => orders.seeds = number()?,
            "--from" => orders.from = number()?,
            "--replay" => orders.replay = Some(number()?),
            "--out" => orders.out = value,
            "--mutant" => {
                let names: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
                let unknown = format!("no mutant {value}; there are {}", names.join(", "));
                orders.mutant = Some(Mutant::parse(&value).ok_or(unknown)?);
            }
            _ => return Err(format!("what is {word}?")),
        }
    }
    Ok(orders)
}

#[cfg(feature = "mutants")]
fn plant(mutant: Option<Mutant>) -> Result<(), String> {
    aurora_core::execution::plant(mutant);
    Ok(())
}

#[cfg(not(feature = "mutants"))]
fn plant(mutant: Option<Mutant>) -> Result<(), String> {
    match mutant {
        None => Ok(()),
        Some(mutant) => Err(format!(
            "{} needs a build with the feature `mutants`",
            mutant.name()
        )),
    }
}

fn replay(seed: u64) -> u64 {
    let history = run(seed);
    let found = check(&history);
    let _ = std::io::stdout().write_all(story(&history, &found).as_bytes());
    found.len() as u64
}

fn soak(orders: &Orders) -> Result<u64, String> {
    let mut sums = Soak::new();
    let mut failing = 0;
    let start = Instant::now();
    let mut told = start;
    for seed in orders.from..orders.from.saturating_add(orders.seeds) {
        let found = sums.seed(seed);
        if let Some(first) = found.first() {
            failing += 1;
            if failing <= MOST_TOLD {
                let mutant = orders
                    .mutant
                    .map_or(String::new(), |mutant| format!(" MUTANT={}", mutant.name()));
                println!("seed {seed}: {}: {}", first.invariant.name(), first.what);
                println!("  make soak REPLAY={seed}{mutant}");
            }
        }
        if told.elapsed() >= Duration::from_secs(5) {
            told = Instant::now();
            let rate = sums.seeds as f64 * 60.0 / start.elapsed().as_secs_f64();
            println!(
                "{} of {} seeds, {rate:.0} a minute, {failing} failing",
                sums.seeds, orders.seeds
            );
        }
    }
    let text = serde_json::to_string_pretty(&sums).map_err(|error| error.to_string())?;
    std::fs::write(&orders.out, text + "\n").map_err(|error| format!("{}: {error}", orders.out))?;
    let rate = sums.seeds as f64 * 60.0 / start.elapsed().as_secs_f64();
    println!(
        "{} events, {rate:.0} seeds a minute, {}",
        sums.events, orders.out
    );
    println!(
        "{} seeds, {} violations",
        sums.seeds,
        sums.violation_count()
    );
    Ok(sums.violation_count())
}

fn main() -> ExitCode {
    let result = orders().and_then(|orders| {
        plant(orders.mutant)?;
        match orders.replay {
            Some(seed) => Ok(replay(seed)),
            None => soak(&orders),
        }
    });
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}
