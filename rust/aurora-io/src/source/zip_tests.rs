#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::test_support::Folder;
use flate2::{write::DeflateEncoder, Compression};
use std::io::Write;

/// How a member is written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub deflate: bool,
    pub zip64: bool,
    pub descriptor: bool,
}

pub const ALL: [Written; 8] = {
    let mut all = [Written {
        deflate: false,
        zip64: false,
        descriptor: false,
    }; 8];
    let mut n = 0;
    while n < 8 {
        all[n] = Written {
            deflate: n & 1 > 0,
            zip64: n & 2 > 0,
            descriptor: n & 4 > 0,
        };
        n += 1;
    }
    all
};

/// A member as the ZIP application note (APPNOTE 6.3) lays it out.
pub fn member(name: &str, content: &[u8], how: Written) -> Vec<u8> {
    let packed = if how.deflate {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    } else {
        content.to_vec()
    };
    let mut crc = Crc::new();
    crc.update(content);
    let known = |size: usize| if how.descriptor { 0 } else { size };
    let (packed_size, size) = (known(packed.len()) as u64, known(content.len()) as u64);
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend(20u16.to_le_bytes());
    bytes.extend(if how.descriptor { 8u16 } else { 0 }.to_le_bytes());
    bytes.extend(if how.deflate { 8u16 } else { 0 }.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(if how.descriptor { 0 } else { crc.sum() }.to_le_bytes());
    let in_header = |size: u64| if how.zip64 { u32::MAX } else { size as u32 };
    bytes.extend(in_header(packed_size).to_le_bytes());
    bytes.extend(in_header(size).to_le_bytes());
    bytes.extend((name.len() as u16).to_le_bytes());
    // A field of another kind stands before the sizes.
    bytes.extend(if how.zip64 { 26u16 } else { 6 }.to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.extend([0x55, 0x54, 2, 0, 9, 9]);
    if how.zip64 {
        bytes.extend([1, 0, 16, 0]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(packed_size.to_le_bytes());
    }
    bytes.extend(&packed);
    if how.descriptor {
        bytes.extend(DESCRIPTOR_SIGNATURE);
        bytes.extend(crc.sum().to_le_bytes());
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
    }
    bytes
}

fn content() -> Vec<u8> {
    (0u32..60_000)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .collect()
}

/// What is read before the first error, and the error.
fn unpack(bytes: &[u8], length: usize) -> (Vec<u8>, Option<Error>) {
    let folder = Folder::new();
    let path = folder.write("a.npz", bytes);
    let mut file = ZipMember::open(&path, "data.npy").unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0; 4097]);
    while all.len() < length {
        let most = buffer.len().min(length - all.len());
        match file.read(&mut buffer[..most]) {
            Ok(0) => break,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) => return (all, Some(error)),
        }
    }
    let end = file.finish().err();
    (all, end)
}

#[test]
fn members_of_every_kind_are_read_and_checked() {
    let whole = content();
    for how in ALL {
        let mut bytes = member("data.npy", &whole, how);
        bytes.extend(b"PK\x01\x02 and so on");
        let (all, error) = unpack(&bytes, whole.len());
        assert!(error.is_none(), "{how:?} {error:?}");
        assert!(all == whole, "{how:?}");
    }
}

#[test]
fn members_in_front_are_passed_over() {
    let whole = content();
    for how in ALL {
        let other = Written {
            descriptor: false,
            ..how
        };
        let mut bytes = member("other.npy", &whole[..5000], other);
        bytes.extend(member("data.npy", &whole, how));
        assert!(unpack(&bytes, whole.len()).0 == whole, "{how:?}");
    }
}

#[test]
fn a_member_that_breaks_off_gives_what_it_has() {
    let whole = content();
    for how in ALL {
        let bytes = member("data.npy", &whole, how);
        let (all, error) = unpack(&bytes[..bytes.len() * 2 / 3], whole.len());
        assert_eq!(error.unwrap().kind(), ErrorKind::UnexpectedEof, "{how:?}");
        assert!(
            all.len() > whole.len() / 3 && whole.starts_with(&all),
            "{how:?}"
        );
    }
}

#[test]
fn damage_is_found() {
    let whole = content();
    for how in ALL {
        let mut bytes = member("data.npy", &whole, how);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        let (all, error) = unpack(&bytes, whole.len());
        assert_eq!(error.unwrap().kind(), ErrorKind::InvalidData, "{how:?}");
        assert!(all.len() > whole.len() / 4, "{how:?}");
    }
}

#[test]
fn content_beyond_what_was_asked_for_is_told() {
    let whole = content();
    for how in ALL {
        if how.descriptor && !how.deflate {
            // Nothing tells where it ends; the checksum does not fit.
            continue;
        }
        let bytes = member("data.npy", &whole, how);
        let (_, error) = unpack(&bytes, whole.len() - 1);
        assert!(error.unwrap().to_string().contains("more data"), "{how:?}");
    }
}

#[test]
fn archives_that_cannot_be_read() {
    let folder = Folder::new();
    let refuse = |bytes: &[u8]| {
        let path = folder.write("a.npz", bytes);
        ZipMember::open(&path, "data.npy")
            .err()
            .unwrap()
            .to_string()
    };
    let plain = ALL[0];
    let mut other = member("arr_0.npy", b"1234", plain);
    other.extend(b"PK\x01\x02");
    assert!(refuse(&other).contains("only [\"arr_0.npy\"]"));
    let cut = &other[..other.len() - 6];
    assert!(refuse(cut).contains("ends early"), "{}", refuse(cut));
    assert!(refuse(b"PK\x03\x04 12").contains("ends early"));
    let mut encrypted = member("data.npy", b"1234", plain);
    encrypted[6] |= 1;
    assert!(refuse(&encrypted).contains("encrypted"));
    let mut method = member("data.npy", b"1234", plain);
    method[8] = 12;
    assert!(refuse(&method).contains("method 12"));
    let mut hidden = member("other", b"1234", ALL[4]);
    hidden.extend(member("data.npy", b"1234", plain));
    assert!(refuse(&hidden).contains("does not tell"));
}
