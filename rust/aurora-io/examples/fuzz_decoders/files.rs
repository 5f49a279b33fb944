//! Text files of every source, and event arrays: changed by lines, cells and bytes, packed, inflated.

use std::path::Path;

use crate::event_array::{archive, archive_bomb, array};
use crate::lines::{change_lines, inflate, pack, pack_zstd};
use crate::mutate::mutate;
use crate::random::Random;
use crate::reading::read_source;
use crate::samples::Files;
use crate::target::{Case, Outcome, Target, MEGABYTE};

/// One case in so many is a bomb: they take a thousand times as long.
pub const BOMBS: usize = 3000;
/// What any source may hold on the Rust heap while it reads a bomb: a line of 64 MB in a buffer that doubles, what the
/// line becomes, and the line a format is recognised by.
pub const BOMB_BOUND: usize = 448 * MEGABYTE;

/// Draws files: a sample, some changes.
pub fn changed(samples: &[Files], random: &mut Random) -> Files {
    let mut files = samples[random.below(samples.len())].clone();
    for _ in 0..random.below(6) {
        let at = random.below(files.len());
        let others = &samples[random.below(samples.len())];
        let other = &others[random.below(others.len())].1;
        let (name, bytes) = &mut files[at];
        match random.below(12) {
            0..=8 => change_lines(bytes, other, random),
            9 | 10 => mutate(bytes, other, random),
            _ if random.one_in(4) => {
                let mut changed = name.clone().into_bytes();
                mutate(&mut changed, b"2012-06-21_message_", random);
                changed.retain(|byte| byte.is_ascii_graphic() && *byte != b'/');
                changed.truncate(120);
                if changed.iter().any(u8::is_ascii_alphanumeric) {
                    *name = String::from_utf8_lossy(&changed).into_owned();
                }
            }
            _ => {}
        }
    }
    files
}

/// The files of a bomb, and what they unpack to.
pub fn bomb(samples: &[Files], random: &mut Random) -> (Files, usize) {
    let mut files = samples[random.below(samples.len())].clone();
    let at = random.below(files.len());
    let inflated = inflate(&files[at].1, random);
    let unpacked = inflated.len();
    files[at].1 = pack_zstd(&inflated);
    (files, unpacked)
}

/// One text source.
pub struct TextFiles {
    pub name: &'static str,
    pub samples: Vec<Files>,
    pub bound: usize,
}

impl Target for TextFiles {
    fn name(&self) -> &str {
        self.name
    }

    fn draw(&self, random: &mut Random) -> Case {
        if random.one_in(BOMBS) {
            let (files, unpacked) = bomb(&self.samples, random);
            return Case {
                unpacked,
                bomb: true,
                ..Case::of_files(files, BOMB_BOUND)
            };
        }
        let mut case = Case::of_files(changed(&self.samples, random), self.bound);
        if random.one_in(16) {
            for (_, bytes) in &mut case.files {
                *bytes = pack(bytes, random);
            }
        }
        case
    }

    fn run(&self, case: &Case, folder: &Path, random: &mut Random) -> Outcome {
        read_source(case, &folder.join(&case.files[0].0), random)
    }
}

/// Event arrays, alone or in archives.
pub struct EventArrays {
    pub archived: bool,
}

impl Target for EventArrays {
    fn name(&self) -> &str {
        if self.archived {
            "npz"
        } else {
            "npy"
        }
    }

    fn draw(&self, random: &mut Random) -> Case {
        if self.archived && random.one_in(BOMBS) {
            let megabytes = [4, 40, 120][random.below(3)];
            let bytes = archive_bomb(megabytes, random);
            let files = vec![("btcusdt_20240808.npz".to_owned(), bytes)];
            return Case {
                unpacked: (megabytes + 1) * MEGABYTE,
                bomb: true,
                ..Case::of_files(files, BOMB_BOUND)
            };
        }
        let bytes = if self.archived {
            archive(random)
        } else {
            array(random)
        };
        let files = vec![(format!("btcusdt_20240808.{}", self.name()), bytes)];
        let mut case = Case::of_files(files, 8 * MEGABYTE);
        // Small archives unpack to more than they are.
        case.unpacked += 64 * MEGABYTE;
        case
    }

    fn run(&self, case: &Case, folder: &Path, random: &mut Random) -> Outcome {
        read_source(case, &folder.join(&case.files[0].0), random)
    }
}
