//! Gzip that gives every byte it could decode before damage, in however many members a file has.
//!
//! The usual readers drop what one call has decoded when the same call meets damage; here it is handed over first and
//! the damage is told by the next call.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// Window bits of gzip.
const WINDOW_BITS: u8 = 15;

pub struct GzipReader {
    input: BufReader<File>,
    member: Option<Decompress>,
    damage: Option<Error>,
}

impl GzipReader {
    pub fn new(input: BufReader<File>) -> GzipReader {
        GzipReader {
            input,
            member: None,
            damage: None,
        }
    }
}

impl Read for GzipReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return match self.member {
                    None => Ok(0),
                    Some(_) => Err(Error::new(
                        ErrorKind::UnexpectedEof,
                        "the gzip data ends early",
                    )),
                };
            }
            if self.member.is_none() && available[0] == 0 {
                // Padding behind the last member.
                self.input.consume(1);
                continue;
            }
            let member = self
                .member
                .get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS));
            let (taken, made) = (member.total_in(), member.total_out());
            let result = member.decompress(available, buffer, FlushDecompress::None);
            let taken = (member.total_in() - taken) as usize;
            let made = (member.total_out() - made) as usize;
            let stalled = taken == 0 && made == 0;
            self.input.consume(taken);
            match result {
                Ok(Status::StreamEnd) => self.member = None,
                Ok(_) if stalled => {
                    return Err(Error::new(
                        ErrorKind::InvalidData,
                        "the gzip data is damaged",
                    ));
                }
                Ok(_) => {}
                Err(cause) => {
                    let damage = Error::new(
                        ErrorKind::InvalidData,
                        format!("the gzip data is damaged ({cause})"),
                    );
                    if made == 0 {
                        return Err(damage);
                    }
                    self.damage = Some(damage);
                }
            }
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use flate2::{write::GzEncoder, Compression};
    use std::io::Write;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8]) -> (Vec<u8>, Option<Error>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut reader = GzipReader::new(BufReader::with_capacity(997, file));
        let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    /// Lines that compress, but not to nothing.
    fn text(lines: u64) -> Vec<u8> {
        (0..lines)
            .flat_map(|n| format!("{n} {:x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes())
            .collect()
    }

    #[test]
    fn members_and_padding_are_read_through() {
        let (first, second) = (text(3000), text(500));
        let mut bytes = packed(&first);
        bytes.extend(packed(&second));
        bytes.extend([0; 100]);
        let (all, error) = unpack(&bytes);
        assert!(error.is_none());
        assert_eq!(all, [first, second].concat());
    }

    #[test]
    fn what_stands_before_a_cut_or_damage_is_kept() {
        let whole = text(20_000);
        let bytes = packed(&whole);
        let cut = bytes.len() * 2 / 3;
        let (kept, error) = unpack(&bytes[..cut]);
        assert_eq!(error.unwrap().kind(), ErrorKind::UnexpectedEof);
        assert!(kept.len() > whole.len() / 2 && whole.starts_with(&kept));
        let mut damaged = bytes.clone();
        damaged[cut..cut + 200].fill(0xA5);
        let (kept, error) = unpack(&damaged);
        assert_eq!(error.unwrap().kind(), ErrorKind::InvalidData);
        assert!(kept.len() > whole.len() / 2);
    }
}
