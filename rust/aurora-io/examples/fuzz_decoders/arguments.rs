//! What the command line says.

use std::path::PathBuf;

pub const USAGE: &str = "usage: fuzz_decoders [--decoder NAME]... [--seed N] [--seconds N] [--cases N] [--json]
       fuzz_decoders --decoder NAME --seed N --case N [--keep FOLDER]

Each decoder runs until it has taken its seconds (60) or its cases (no end), whichever comes first.";

#[derive(Debug, Clone)]
pub struct Arguments {
    /// None named: all.
    pub decoders: Vec<String>,
    pub seed: u64,
    pub seconds: u64,
    pub cases: u64,
    /// The one case to run again.
    pub case: Option<u64>,
    /// Where the files of that case are left.
    pub keep: Option<PathBuf>,
    pub json: bool,
}

impl Arguments {
    /// None where the command line is not understood.
    pub fn of_command_line() -> Option<Arguments> {
        let mut found = Arguments {
            decoders: Vec::new(),
            seed: 1,
            seconds: 60,
            cases: u64::MAX,
            case: None,
            keep: None,
            json: false,
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            if name == "--json" {
                found.json = true;
                continue;
            }
            let value = given.next()?;
            match name.as_str() {
                "--decoder" => found.decoders.push(value),
                "--seed" => found.seed = value.parse().ok()?,
                "--seconds" => found.seconds = value.parse().ok()?,
                "--cases" => found.cases = value.parse().ok()?,
                "--case" => found.case = Some(value.parse().ok()?),
                "--keep" => found.keep = Some(value.into()),
                _ => return None,
            }
        }
        (found.case.is_none() || found.decoders.len() == 1).then_some(found)
    }
}
