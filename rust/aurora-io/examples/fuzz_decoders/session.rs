//! Runs the cases of one decoder, watches time and memory, and tells what came of it.

use std::fmt::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::memory;
use crate::random::Random;
use crate::target::{Case, Outcome, Target, MEGABYTE};

/// A case that takes longer runs on for ever, as far as anyone can tell.
const LONGEST_CASE: Duration = Duration::from_secs(120);
/// Seconds between two lines of progress.
const PROGRESS: u64 = 20;
/// What decompressors written in C may hold beside the Rust heap: the window of zstd or the dictionary of xz.
const RESIDENT_BEYOND_HEAP: usize = 288 * MEGABYTE;
/// Failures after which a decoder is given up.
const MOST_FAILURES: u64 = 10;

/// The case that runs now: what the watching thread looks at.
struct Running {
    /// Milliseconds since the session began; `u64::MAX` between cases.
    begun: AtomicU64,
    case: AtomicU64,
}

/// What is told of a decoder in the end.
pub struct Row {
    pub decoder: String,
    pub cases: u64,
    pub seconds: f64,
    pub outcome: Outcome,
    pub refused: u64,
    pub peak: usize,
    pub bombs: u64,
    pub bomb_peak: usize,
    pub bomb_resident: usize,
    pub slowest: Duration,
    pub failures: u64,
}

pub struct Session<'a> {
    target: &'a dyn Target,
    arguments: &'a Arguments,
    folder: PathBuf,
    begin: Instant,
    row: Row,
}

/// Memory where there is such, else a folder on disk.
fn working_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    parent.join(format!("aurora-fuzz-{}", std::process::id()))
}

impl Session<'_> {
    pub fn new<'a>(target: &'a dyn Target, arguments: &'a Arguments) -> Session<'a> {
        Session {
            target,
            arguments,
            folder: working_folder(),
            begin: Instant::now(),
            row: Row {
                decoder: target.name().to_owned(),
                cases: 0,
                seconds: 0.0,
                outcome: Outcome::default(),
                refused: 0,
                peak: 0,
                bombs: 0,
                bomb_peak: 0,
                bomb_resident: 0,
                slowest: Duration::ZERO,
                failures: 0,
            },
        }
    }

    pub fn row(self) -> Row {
        self.row
    }

    /// Ends the process when a case takes too long.
    fn watch(&self) -> Arc<Running> {
        let running = Arc::new(Running {
            begun: AtomicU64::new(u64::MAX),
            case: AtomicU64::new(0),
        });
        let (begin, watched) = (self.begin, Arc::downgrade(&running));
        let (name, seed) = (self.target.name().to_owned(), self.arguments.seed);
        std::thread::spawn(move || {
            while let Some(running) = watched.upgrade() {
                let begun = running.begun.load(Relaxed);
                let now = begin.elapsed().as_millis() as u64;
                if begun != u64::MAX && now.saturating_sub(begun) > LONGEST_CASE.as_millis() as u64
                {
                    let case = running.case.load(Relaxed);
                    eprintln!("{name} runs on: --decoder {name} --seed {seed} --case {case}");
                    std::process::exit(1);
                }
                drop(running);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        running
    }

    pub fn run(&mut self) {
        std::fs::create_dir_all(&self.folder).expect("a folder to work in");
        let running = self.watch();
        let end = Duration::from_secs(self.arguments.seconds);
        let mut told = 0;
        match self.arguments.case {
            Some(case) => self.run_case(case, &running),
            None => {
                while self.row.cases < self.arguments.cases
                    && self.begin.elapsed() < end
                    && self.row.failures < MOST_FAILURES
                {
                    self.run_case(self.row.cases, &running);
                    let seconds = self.begin.elapsed().as_secs();
                    if seconds >= told + PROGRESS {
                        told = seconds;
                        eprintln!(
                            "{}: {} cases in {seconds} s, {} refused, {} failed, peak {} MB",
                            self.row.decoder,
                            self.row.cases,
                            self.row.refused,
                            self.row.failures,
                            self.row.peak.div_ceil(MEGABYTE)
                        );
                    }
                }
            }
        }
        self.row.seconds = self.begin.elapsed().as_secs_f64();
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    fn write(&self, case: &Case) {
        for (name, bytes) in &case.files {
            std::fs::write(self.folder.join(name), bytes).expect("a file to read");
            if let (Some(keep), Some(_)) = (&self.arguments.keep, self.arguments.case) {
                std::fs::create_dir_all(keep).expect("a folder to keep the case in");
                std::fs::write(keep.join(name), bytes).expect("a file to keep");
            }
        }
    }

    fn run_case(&mut self, number: u64, running: &Running) {
        let name = self.target.name();
        let mut random = Random::of_case(self.arguments.seed, name, number);
        let case = self.target.draw(&mut random);
        let files = self.target.needs_files() || self.arguments.keep.is_some();
        if files {
            self.write(&case);
        }
        let resident = case.bomb.then(|| {
            memory::forget_resident_peak();
            memory::resident_peak().unwrap_or(0)
        });
        running.case.store(number, Relaxed);
        running
            .begun
            .store(self.begin.elapsed().as_millis() as u64, Relaxed);
        let started = Instant::now();
        let held = memory::begin();
        let run = catch_unwind(AssertUnwindSafe(|| {
            self.target.run(&case, &self.folder, &mut random)
        }));
        let peak = memory::peak_since(held);
        let took = started.elapsed();
        running.begun.store(u64::MAX, Relaxed);
        let row = &mut self.row;
        row.cases += 1;
        row.slowest = row.slowest.max(took);
        let mut wrong = String::new();
        match run {
            Ok(outcome) => {
                row.outcome.events += outcome.events;
                row.outcome.levels += outcome.levels;
                row.refused += u64::from(outcome.refused);
            }
            Err(_) => wrong.push_str(" panicked;"),
        }
        if peak > case.bound {
            let _ = write!(wrong, " took {} of {} bytes of heap;", peak, case.bound);
        }
        if let Some(before) = resident {
            let beyond = memory::resident_peak().unwrap_or(0).saturating_sub(before);
            row.bombs += 1;
            row.bomb_peak = row.bomb_peak.max(peak);
            row.bomb_resident = row.bomb_resident.max(beyond);
            if beyond > case.bound + RESIDENT_BEYOND_HEAP {
                let _ = write!(wrong, " held {beyond} bytes;");
            }
        } else {
            row.peak = row.peak.max(peak);
        }
        if self.arguments.case.is_some() {
            let sizes: Vec<String> = case
                .files
                .iter()
                .map(|(name, bytes)| format!("{name} ({} bytes)", bytes.len()))
                .collect();
            eprintln!(
                "{}: {took:?}, heap {peak} of {} bytes, {} bytes unpacked",
                sizes.join(", "),
                case.bound,
                case.unpacked
            );
        }
        if !wrong.is_empty() {
            row.failures += 1;
            eprintln!(
                "{name}{wrong} --decoder {name} --seed {} --case {number}",
                self.arguments.seed
            );
        }
        if files {
            for (name, _) in &case.files {
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
    }
}

fn megabytes(bytes: usize) -> f64 {
    (bytes as f64 / MEGABYTE as f64 * 10.0).round() / 10.0
}

/// The rows as a table, or as one JSON object.
pub fn table(rows: &[Row], arguments: &Arguments) -> String {
    let mut text = String::new();
    if arguments.json {
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                format!(
                    "\"{}\": {{\"cases\": {}, \"seconds\": {:.1}, \"events\": {}, \"levels\": {}, \"refused\": {}, \
                     \"peak_heap_mb\": {}, \"bombs\": {}, \"bomb_peak_heap_mb\": {}, \"bomb_peak_resident_mb\": {}, \
                     \"slowest_ms\": {}, \"failures\": {}}}",
                    row.decoder,
                    row.cases,
                    row.seconds,
                    row.outcome.events,
                    row.outcome.levels,
                    row.refused,
                    megabytes(row.peak),
                    row.bombs,
                    megabytes(row.bomb_peak),
                    megabytes(row.bomb_resident),
                    row.slowest.as_millis(),
                    row.failures
                )
            })
            .collect();
        let _ = writeln!(
            text,
            "{{\"seed\": {}, \"decoders\": {{{}}}}}",
            arguments.seed,
            rows.join(", ")
        );
        return text;
    }
    let _ = writeln!(
        text,
        "{:<16}{:>10}{:>9}{:>12}{:>9}{:>12}{:>8}{:>12}{:>16}{:>12}{:>10}",
        "decoder",
        "cases",
        "seconds",
        "events",
        "refused",
        "peak MB",
        "bombs",
        "bomb MB",
        "bomb process MB",
        "slowest ms",
        "failures"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<16}{:>10}{:>9.0}{:>12}{:>9}{:>12}{:>8}{:>12}{:>16}{:>12}{:>10}",
            row.decoder,
            row.cases,
            row.seconds,
            row.outcome.events,
            row.refused,
            megabytes(row.peak),
            row.bombs,
            megabytes(row.bomb_peak),
            megabytes(row.bomb_resident),
            row.slowest.as_millis(),
            row.failures
        );
    }
    text
}
