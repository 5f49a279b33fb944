//! Fuzz driver for everything that reads what others wrote: frames of every dialect, files of every source, their
//! containers, and the slice engine over whole captures. Nothing may panic, run on, overflow the stack, or take more
//! memory than the bound that stands with each decoder.
//!
//! ```console
//! cargo run --profile fuzz -p aurora-io --example fuzz_decoders -- --seconds 600 --cases 1000000 --seed 1
//! cargo run --profile fuzz -p aurora-io --example fuzz_decoders -- --decoder tardis --seed 1 --case 4711
//! ```
//!
//! Every case is drawn from the seed, the decoder's name and its number alone, so a failure that is printed with
//! these three is met again by naming them; `--keep FOLDER` leaves its files there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod captures;
mod containers;
mod event_array;
mod files;
mod frames;
mod lines;
mod memory;
mod mutate;
mod random;
mod reading;
#[path = "../../../aurora-core/src/wire/sample_frames.rs"]
mod sample_frames;
mod samples;
mod session;
mod target;

use std::process::ExitCode;

use aurora_core::wire::Dialect;

use arguments::Arguments;
use captures::Captures;
use containers::{Container, Packed};
use files::{EventArrays, TextFiles};
use frames::Frames;
use session::{table, Session};
use target::{Target, MEGABYTE};

#[global_allocator]
static HEAP: memory::Counting = memory::Counting;

/// A small stack: recursion that an input controls shows at once.
const STACK: usize = 512 * 1024;

fn targets() -> Vec<Box<dyn Target>> {
    let text = |name, samples, megabytes: usize| -> Box<dyn Target> {
        Box::new(TextFiles {
            name,
            samples,
            bound: megabytes * MEGABYTE,
        })
    };
    let mut all: Vec<Box<dyn Target>> = Dialect::ALL
        .into_iter()
        .map(|dialect| -> Box<dyn Target> { Box::new(Frames::new(dialect)) })
        .collect();
    all.push(text("raw", samples::raw(), 16));
    // A reader for each connection, at most 64.
    all.push(text("cryptofeed", samples::cryptofeed(), 256));
    all.push(text("cryptofeed_text", samples::cryptofeed_text(), 16));
    all.push(text("bitstamp", samples::bitstamp(), 16));
    all.push(text("tardis", samples::tardis(), 16));
    all.push(text("binance_csv", samples::binance_csv(), 16));
    all.push(text("lobster", samples::lobster(), 16));
    for archived in [false, true] {
        all.push(Box::new(EventArrays { archived }));
    }
    for container in Container::ALL {
        all.push(Box::new(Packed::new(container)));
    }
    all.push(Box::new(Captures::new()));
    all
}

fn fuzz(arguments: &Arguments) -> bool {
    let chosen: Vec<Box<dyn Target>> = targets()
        .into_iter()
        .filter(|target| {
            arguments.decoders.is_empty()
                || arguments.decoders.iter().any(|name| name == target.name())
        })
        .collect();
    if chosen.is_empty() {
        let names: Vec<String> = targets().iter().map(|t| t.name().to_owned()).collect();
        eprintln!("no such decoder; there are: {}", names.join(", "));
        return false;
    }
    let mut rows = Vec::new();
    for target in chosen {
        let mut session = Session::new(&*target, arguments);
        session.run();
        rows.push(session.row());
    }
    let failed = rows.iter().any(|row| row.failures > 0);
    print!("{}", table(&rows, arguments));
    !failed
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::of_command_line() else {
        eprintln!("{}", arguments::USAGE);
        return ExitCode::from(2);
    };
    let fuzzing = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || fuzz(&arguments))
        .expect("a thread");
    if fuzzing.join().unwrap_or(false) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
