//! Packed captures whose containers are damaged: cut, changed, joined, inflated, asking for too much memory.

use std::io::{Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;

use crate::files::{BOMBS, BOMB_BOUND};
use crate::mutate::mutate;
use crate::random::Random;
use crate::reading::read_source;
use crate::samples::book_capture;
use crate::target::{Case, Outcome, Target, MEGABYTE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Gzip,
    Zstd,
    Xz,
}

impl Container {
    pub const ALL: [Container; 3] = [Container::Gzip, Container::Zstd, Container::Xz];

    fn pack(self, content: &[u8], level: usize) -> Vec<u8> {
        match self {
            Container::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level as u32 % 10));
                let _ = encoder.write_all(content);
                encoder.finish().unwrap_or_default()
            }
            Container::Zstd => {
                zstd::stream::encode_all(content, level as i32 % 6).unwrap_or_default()
            }
            Container::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), level as u32 % 2);
                let _ = encoder.write_all(content);
                encoder.finish().unwrap_or_default()
            }
        }
    }

    /// The longest line that `bytes` unpack to, up to where the library finds damage.
    fn longest_line(self, bytes: &[u8]) -> usize {
        let mut unpacked: Box<dyn Read + '_> = match self {
            Container::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            Container::Zstd => match zstd::stream::read::Decoder::new(bytes) {
                Ok(decoder) => Box::new(decoder),
                Err(_) => return 0,
            },
            Container::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(bytes)),
        };
        let (mut longest, mut line, mut chunk) = (0, 0, [0; 4096]);
        while let Ok(read @ 1..) = unpacked.read(&mut chunk) {
            for byte in &chunk[..read] {
                line = if *byte == b'\n' { 0 } else { line + 1 };
                longest = longest.max(line);
            }
        }
        longest
    }

    /// What may stand beside a member and holds nothing.
    fn filling(self, random: &mut Random) -> Vec<u8> {
        match (self, random.below(3)) {
            (Container::Gzip, 0) => self.pack(b"", 1),
            (Container::Zstd, 1) => b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip".to_vec(),
            _ => vec![0; 4 * random.below(9)],
        }
    }
}

/// What is packed, the receive times of its lines, and how it was packed at every level.
pub struct Packed {
    container: Container,
    times: Vec<i64>,
    by_level: Vec<Vec<u8>>,
    /// What may come behind: a line in each container.
    others: Vec<Vec<u8>>,
}

impl Packed {
    pub fn new(container: Container) -> Packed {
        let text = book_capture(60);
        let times = text
            .lines()
            .filter_map(|line| line.split(' ').next()?.parse().ok())
            .collect();
        let by_level = (0..3)
            .map(|level| {
                // Two members, the first of them of most lines.
                let (first, second) = text.as_bytes().split_at(text.len() * 3 / 4);
                [container.pack(first, level), container.pack(second, level)].concat()
            })
            .collect();
        Packed {
            container,
            times,
            by_level,
            others: Container::ALL
                .iter()
                .map(|other| other.pack(b"1 {}\n", 1))
                .collect(),
        }
    }

    fn bomb(&self, random: &mut Random) -> Case {
        let line = [&b"0"[..], b"\n", b"#\n", b"1723161256298000000 {}\n"][random.below(4)];
        let size = [8, 80, 256][random.below(3)] * MEGABYTE;
        let mut bytes = self.container.pack(&line.repeat(size / line.len()), 1);
        if random.one_in(4) {
            let copy = bytes.clone();
            mutate(&mut bytes, &copy, random);
        }
        Case {
            unpacked: 40 * size,
            bomb: true,
            ..Case::of_files(vec![("capture.txt".to_owned(), bytes)], BOMB_BOUND)
        }
    }
}

impl Target for Packed {
    fn name(&self) -> &str {
        match self.container {
            Container::Gzip => "gzip",
            Container::Zstd => "zstd",
            Container::Xz => "xz",
        }
    }

    fn draw(&self, random: &mut Random) -> Case {
        if random.one_in(BOMBS) {
            return self.bomb(random);
        }
        let mut bytes = self.by_level[random.below(self.by_level.len())].clone();
        let mut whole = true;
        match random.below(8) {
            0 => bytes.truncate(random.below(bytes.len() + 1)),
            1 => {
                bytes.extend(self.container.filling(random));
                let other = &self.others[random.below(self.others.len())];
                bytes.extend(&other[..random.below(other.len() + 1)]);
            }
            2 => bytes.extend(self.container.filling(random)),
            // Headers and footers, where lengths and checksums stand.
            3 | 4 => {
                whole = false;
                for _ in 0..1 + random.below(3) {
                    let near = random.below(40.min(bytes.len()));
                    let at = if random.one_in(2) {
                        near
                    } else {
                        bytes.len() - 1 - near
                    };
                    bytes[at] = [0, 0xff, random.next() as u8][random.below(3)];
                }
            }
            5 => {
                whole = false;
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            _ => {
                whole = false;
                let copy = bytes.clone();
                for _ in 0..1 + random.below(3) {
                    mutate(&mut bytes, &copy, random);
                }
            }
        }
        // A changed length may make one long line, which a reader may hold: as unpacked, and as it
        // grows to that.
        let longest = if whole {
            0
        } else {
            self.container.longest_line(&bytes)
        };
        let bound = 16 * MEGABYTE + 3 * longest;
        let mut case = Case::of_files(vec![("capture.txt".to_owned(), bytes)], bound);
        // A changed length or distance may unpack to much, and is still small.
        case.unpacked += 64 * MEGABYTE;
        case.times = whole.then(|| self.times.clone());
        case
    }

    fn run(&self, case: &Case, folder: &Path, random: &mut Random) -> Outcome {
        read_source(case, &folder.join(&case.files[0].0), random)
    }
}
