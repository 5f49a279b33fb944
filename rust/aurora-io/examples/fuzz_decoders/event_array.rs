//! Event arrays of hftbacktest, as `.npy` and within `.npz`, written so that every field can be wrong.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::mutate::{mutate, number};
use crate::random::Random;

const EVENT_SIZE: usize = 64;
const DTYPE: &str =
    "[('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
    ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')]";
/// Kinds and flags that mean something, with neighbours that do not.
const KINDS: [u64; 9] = [1, 1, 2, 3, 4, 4, 5, 10, 0];
const TIME: i64 = 1_723_161_256_298_000_000;

fn price(random: &mut Random) -> f64 {
    match random.below(12) {
        0 => f64::from_bits(random.next()),
        1 => [f64::NAN, f64::INFINITY, -1.0, -0.0, 5e-324, f64::MAX][random.below(6)],
        _ => 61_000.0 + random.below(1000) as f64 / 10.0,
    }
}

/// An array of some events; its header may tell of another number.
pub fn array(random: &mut Random) -> Vec<u8> {
    let count = random.below(40);
    let told = match random.below(12) {
        0 => String::from_utf8_lossy(&number(random)).into_owned(),
        1 => random.below(80).to_string(),
        _ => count.to_string(),
    };
    let mut header =
        format!("{{'descr': {DTYPE}, 'fortran_order': False, 'shape': ({told},), }}\n")
            .into_bytes();
    if random.one_in(12) {
        mutate(&mut header, DTYPE.as_bytes(), random);
    }
    let mut bytes = b"\x93NUMPY".to_vec();
    let version = [1, 1, 1, 1, 2, 3, 0, 9][random.below(8)];
    bytes.extend([version, 0]);
    let length = if random.one_in(20) {
        random.next() as usize
    } else {
        header.len()
    };
    match version {
        2 | 3 => bytes.extend((length as u32).to_le_bytes()),
        _ => bytes.extend((length as u16).to_le_bytes()),
    }
    bytes.extend(header);
    let mut local = TIME;
    for _ in 0..count {
        let kind = KINDS[random.below(KINDS.len())];
        let seen = [0b11u64, 0b11, 0b11, 0b01, 0b10][random.below(5)] << 30;
        let side = [1u64, 1, 2, 2, 0, 3][random.below(6)] << 28;
        local += [0, 0, 0, 1_000_000][random.below(4)];
        let time = if random.one_in(60) {
            random.next() as i64
        } else {
            local
        };
        bytes.extend((kind | seen | side).to_le_bytes());
        bytes.extend((time - time.signum() * 1_000).to_le_bytes());
        bytes.extend(time.to_le_bytes());
        bytes.extend(price(random).to_le_bytes());
        bytes.extend(price(random).to_le_bytes());
        bytes.extend([0; EVENT_SIZE - 40]);
    }
    if random.one_in(6) {
        let copy = bytes.clone();
        mutate(&mut bytes, &copy, random);
    }
    bytes
}

/// A length as its header tells it, now and then another.
fn told(length: usize, random: &mut Random) -> u32 {
    match random.below(40) {
        0 => random.next() as u32,
        1 => u32::MAX,
        2 => (length / 2) as u32,
        _ => length as u32,
    }
}

/// Stored, deflated, or packed in a way that is not read.
fn method(random: &mut Random) -> u16 {
    match random.below(40) {
        0 => 12,
        n if n % 3 == 0 => 0,
        _ => 8,
    }
}

/// One member, as the ZIP application note (APPNOTE 6.3) lays it out.
fn member(name: &str, content: &[u8], method: u16, random: &mut Random) -> Vec<u8> {
    let packed = if method == 8 {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        let _ = encoder.write_all(content);
        encoder.finish().unwrap_or_default()
    } else {
        content.to_vec()
    };
    let mut checksum = Crc::new();
    checksum.update(content);
    let described = random.one_in(4);
    let flags = if described { 8 } else { 0 } | u16::from(random.one_in(60));
    let (sum, packed_size, size) = if described {
        (0, 0, 0)
    } else {
        let (packed, content) = (told(packed.len(), random), told(content.len(), random));
        (checksum.sum(), packed, content)
    };
    let mut extra = Vec::new();
    if random.one_in(4) {
        extra.extend(1u16.to_le_bytes());
        extra.extend(16u16.to_le_bytes());
        extra.extend((size as u64).to_le_bytes());
        let long = if random.one_in(8) {
            random.next()
        } else {
            packed.len() as u64
        };
        extra.extend(long.to_le_bytes());
    }
    let mut bytes = b"PK\x03\x04\x14\x00".to_vec();
    bytes.extend(flags.to_le_bytes());
    bytes.extend(method.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(packed_size.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend((name.len() as u16).to_le_bytes());
    bytes.extend((extra.len() as u16).to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.extend(extra);
    bytes.extend(packed);
    if described {
        if random.one_in(2) {
            bytes.extend(b"PK\x07\x08");
        }
        bytes.extend(checksum.sum().to_le_bytes());
        bytes.extend([0; 8]);
    }
    bytes
}

/// An archive with the array among its members.
pub fn archive(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(3) {
        let method = method(random);
        bytes.extend(member("other.npy", b"some content", method, random));
    }
    let name = ["data.npy", "data.npy", "data.npy", "DATA.npy", ""][random.below(5)];
    let content = array(random);
    let method = method(random);
    bytes.extend(member(name, &content, method, random));
    bytes.extend(b"PK\x01\x02");
    if random.one_in(3) {
        let copy = bytes.clone();
        mutate(&mut bytes, &copy, random);
    }
    bytes
}

/// An archive of `megabytes` of one event, packed to a thousandth.
pub fn archive_bomb(megabytes: usize, random: &mut Random) -> Vec<u8> {
    let count = megabytes * (1 << 20) / EVENT_SIZE;
    let header = format!("{{'descr': {DTYPE}, 'fortran_order': False, 'shape': ({count},), }}\n");
    let mut content = b"\x93NUMPY\x01\x00".to_vec();
    content.extend((header.len() as u16).to_le_bytes());
    content.extend(header.as_bytes());
    let kind = KINDS[random.below(KINDS.len())];
    let mut event = (kind | 0b11 << 30 | 1 << 29).to_le_bytes().to_vec();
    event.extend(TIME.to_le_bytes());
    event.extend(TIME.to_le_bytes());
    event.extend([f64::MAX, 5e-324, 1.0][random.below(3)].to_le_bytes());
    event.extend([f64::MAX, 5e-324, 1.0][random.below(3)].to_le_bytes());
    event.resize(EVENT_SIZE, 0);
    content.extend(event.repeat(count));
    member("data.npy", &content, 8, random)
}
