//! One member of a zip archive, decompressed from front to back.
//!
//! Members are found by the headers in front of them, not by the directory at the end, so a file that breaks off is
//! read as far as it goes.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Seek};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::CaptureError;

/// How an archive with members begins.
pub const SIGNATURE: &[u8] = b"PK\x03\x04";
const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";
const ZIP64_FIELD: u16 = 1;
/// Sizes and checksum stand behind the data.
const FLAG_DESCRIPTOR: u16 = 8;
const FLAG_ENCRYPTED: u16 = 1;
const CHUNK: usize = 1 << 20;
/// Names of other members that are told, and how much of each.
const SHOWN_NAMES: usize = 8;
const SHOWN_CHARACTERS: usize = 60;

enum Packing {
    /// Bytes left; None where nothing tells.
    Stored(Option<u64>),
    Deflated(Decompress),
    Ended,
}

/// Reads a member's content.
pub struct ZipMember {
    input: BufReader<File>,
    packing: Packing,
    damage: Option<Error>,
    checksum: Crc,
    /// None: it stands behind the data.
    expected_checksum: Option<u32>,
}

struct LocalHeader {
    name: String,
    flags: u16,
    method: u16,
    checksum: u32,
    packed_size: u64,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) | u32::from(word(bytes, at + 2)) << 16
}

fn ends_early() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the file ends early")
}

fn read_vec(input: &mut impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    match input.read_exact(&mut bytes) {
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Err(ends_early()),
        other => other.map(|()| bytes),
    }
}

/// The next local header; None where the members end.
fn local_header(input: &mut impl Read) -> std::io::Result<Option<LocalHeader>> {
    let signature = read_vec(input, 4)?;
    if signature != SIGNATURE {
        return Ok(None);
    }
    let fixed = read_vec(input, 26)?;
    let name = read_vec(input, usize::from(word(&fixed, 22)))?;
    let extra = read_vec(input, usize::from(word(&fixed, 24)))?;
    let (packed, unpacked) = (long(&fixed, 14), long(&fixed, 18));
    let mut packed_size = u64::from(packed);
    let mut at = 0;
    while at + 4 <= extra.len() {
        let (id, length) = (word(&extra, at), usize::from(word(&extra, at + 2)));
        if id == ZIP64_FIELD && packed == u32::MAX {
            // The unpacked size comes first, if it is here at all.
            let at = at + 4 + if unpacked == u32::MAX { 8 } else { 0 };
            packed_size = u64::from(long(&extra, at)) | u64::from(long(&extra, at + 4)) << 32;
        }
        at += 4 + length;
    }
    Ok(Some(LocalHeader {
        name: String::from_utf8_lossy(&name).into_owned(),
        flags: word(&fixed, 2),
        method: word(&fixed, 4),
        checksum: long(&fixed, 10),
        packed_size,
    }))
}

impl ZipMember {
    /// Opens the member `name` of the archive at `path`.
    ///
    /// # Errors
    /// A file that cannot be read, or has no such member, or packs it in a way that is not read here.
    pub fn open(path: &str, name: &str) -> Result<ZipMember, CaptureError> {
        let format = |what: String| CaptureError::Format {
            path: path.to_owned(),
            what,
        };
        let broken = |cause: Error| CaptureError::Open {
            path: path.to_owned(),
            cause,
        };
        let mut input = BufReader::with_capacity(CHUNK, File::open(path).map_err(broken)?);
        let mut others = Vec::new();
        let header = loop {
            let Some(header) = local_header(&mut input).map_err(broken)? else {
                return Err(format(format!(
                    "no member {name:?} in this archive, only {others:?}"
                )));
            };
            if header.name == name {
                break header;
            }
            if others.len() < SHOWN_NAMES {
                others.push(
                    header
                        .name
                        .chars()
                        .take(SHOWN_CHARACTERS)
                        .collect::<String>(),
                );
            }
            if header.flags & FLAG_DESCRIPTOR != 0 {
                return Err(format(format!(
                    "no member {name:?} before one whose length its header does not tell: {others:?}"
                )));
            }
            let length = i64::try_from(header.packed_size)
                .map_err(|_| format("a member's length is no length".into()))?;
            input.seek_relative(length).map_err(broken)?;
            // Seeking beyond the end is no error by itself.
            let end = input.get_ref().metadata().map_err(broken)?.len();
            if input.stream_position().map_err(broken)? > end {
                return Err(broken(ends_early()));
            }
        };
        if header.flags & FLAG_ENCRYPTED != 0 {
            return Err(format(format!("{name:?} is encrypted")));
        }
        let described = header.flags & FLAG_DESCRIPTOR != 0;
        let packing = match header.method {
            0 => Packing::Stored((!described).then_some(header.packed_size)),
            8 => Packing::Deflated(Decompress::new(false)),
            other => {
                return Err(format(format!(
                    "{name:?} is packed by method {other}; store or deflate it"
                )))
            }
        };
        Ok(ZipMember {
            input,
            packing,
            damage: None,
            checksum: Crc::new(),
            expected_checksum: (!described).then_some(header.checksum),
        })
    }

    /// Takes note that all of the content has been read, and compares checksums.
    ///
    /// # Errors
    /// Content beyond what was read, or a checksum that differs.
    pub fn finish(&mut self) -> std::io::Result<()> {
        if let Packing::Stored(None) = self.packing {
            self.packing = Packing::Ended;
        }
        if self.read(&mut [0])? != 0 {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "more data than its header tells of",
            ));
        }
        let expected = match self.expected_checksum {
            Some(expected) => expected,
            None => {
                let mut first = read_vec(&mut self.input, 4)?;
                if first == DESCRIPTOR_SIGNATURE {
                    first = read_vec(&mut self.input, 4)?;
                }
                long(&first, 0)
            }
        };
        if expected == self.checksum.sum() {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::InvalidData,
                "the data does not match its checksum",
            ))
        }
    }

    fn inflate(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let Packing::Deflated(member) = &mut self.packing else {
                return Ok(0);
            };
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Err(ends_early());
            }
            let before = (member.total_in(), member.total_out());
            let result = member.decompress(available, buffer, FlushDecompress::None);
            let taken = (member.total_in() - before.0) as usize;
            let made = (member.total_out() - before.1) as usize;
            self.input.consume(taken);
            let stalled = taken == 0 && made == 0;
            match result {
                Ok(Status::StreamEnd) => {
                    self.packing = Packing::Ended;
                    return Ok(made);
                }
                Ok(_) if !stalled => {}
                _ => {
                    let damage = Error::new(ErrorKind::InvalidData, "the packed data is damaged");
                    if made == 0 {
                        return Err(damage);
                    }
                    // What was unpacked before the damage comes first.
                    self.damage = Some(damage);
                }
            }
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

impl Read for ZipMember {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let made = match &mut self.packing {
            Packing::Ended => 0,
            Packing::Deflated(_) => self.inflate(buffer)?,
            Packing::Stored(left) => {
                let most = left.map_or(buffer.len(), |left| {
                    usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()))
                });
                let made = self.input.read(&mut buffer[..most])?;
                if made == 0 && most > 0 {
                    return Err(ends_early());
                }
                if let Some(left) = left {
                    *left -= made as u64;
                }
                made
            }
        };
        self.checksum.update(&buffer[..made]);
        Ok(made)
    }
}

#[cfg(test)]
#[path = "zip_tests.rs"]
pub(super) mod tests;
