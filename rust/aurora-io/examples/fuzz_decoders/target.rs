//! What is fuzzed: inputs by chance, and what reading one must hold to.

use std::path::Path;

use crate::random::Random;

pub const MEGABYTE: usize = 1 << 20;

/// An input: one frame, or files with their names.
pub struct Case {
    pub files: Vec<(String, Vec<u8>)>,
    /// Bytes of the files once unpacked: reading takes no more steps than these.
    pub unpacked: usize,
    /// Most bytes of the Rust heap that reading it may take.
    pub bound: usize,
    /// A small file that unpacks to a large one: what the process holds is measured too.
    pub bomb: bool,
    /// Receive times that a container held before it was damaged: what is read begins as these do.
    pub times: Option<Vec<i64>>,
}

impl Case {
    pub fn of_files(files: Vec<(String, Vec<u8>)>, bound: usize) -> Case {
        Case {
            unpacked: files.iter().map(|(_, bytes)| bytes.len()).sum(),
            files,
            bound,
            bomb: false,
            times: None,
        }
    }
}

/// What a case gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    pub events: u64,
    pub levels: u64,
    pub refused: bool,
}

pub trait Target {
    fn name(&self) -> &str;

    /// Draws a case; the same generator draws the same case.
    fn draw(&self, random: &mut Random) -> Case;

    /// Reads a case whose files were written to `folder`; panics where it is not read as it should be.
    fn run(&self, case: &Case, folder: &Path, random: &mut Random) -> Outcome;

    /// Whether `run` reads files, rather than the bytes of the first.
    fn needs_files(&self) -> bool {
        true
    }
}
