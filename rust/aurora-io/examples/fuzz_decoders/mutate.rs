//! Changes to bytes: some keep them well formed, some do not.

use crate::random::Random;

/// Longest input that grows by changes; longer ones are cut.
pub const LONGEST: usize = 1 << 20;

/// Text that tends to reach the corners of a reader.
pub const TOKENS: [&[u8]; 46] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"\\",
    b"\\\"",
    b"[[\"",
    b"\"]]",
    b"[]",
    b"{}",
    b"null",
    b"true",
    b"\"u\":1,",
    b"\"data\":{",
    b"\xff\x00",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-",
    b"-0",
    b"-1",
    b"0",
    b"1e-7",
    b"1E5",
    b"1e999999999",
    b"0E-10",
    b".",
    b"1.",
    b".5",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999999999",
    b"0.0000000000000000000000000000001",
    b"-9223372036854775808",
    b"4294967296",
    b"-2147483649",
    b"999999999999999999999999.999999999999999999999999",
    b"5e-324",
    b"1.7976931348623157e308",
];
/// Where the numbers among [`TOKENS`] begin.
const NUMBERS: usize = 22;
const OPENINGS: [&[u8]; 6] = [
    b"[",
    b"{\"data\":",
    b"{\"a\":[",
    b"{\"data\":[{\"levels\":",
    b"[[\"",
    b"{\"arg\":",
];
const CLOSINGS: [&[u8]; 5] = [b"]", b"}", b"]}", b"}]}", b"\"]]"];

/// A number at the end of what can be held, or any other.
pub fn number(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => random.of(&TOKENS[NUMBERS..]).to_vec(),
        1 => random.next().to_string().into_bytes(),
        2 => random.below(200).to_string().into_bytes(),
        // The end of 64 bits, at any number of decimals.
        _ => {
            let largest = i64::MAX - random.below(3) as i64;
            let mut digits = largest.to_string().into_bytes();
            digits.insert(1 + random.below(18), b'.');
            digits
        }
    }
}

/// Where a number stands in `bytes`, searched from a random place.
pub fn number_at(bytes: &[u8], random: &mut Random) -> Option<(usize, usize)> {
    let from = random.below(bytes.len());
    let begin = from + bytes.get(from..)?.iter().position(u8::is_ascii_digit)?;
    let rest = &bytes[begin..];
    let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let length = rest
        .iter()
        .position(|byte| !digit(byte))
        .unwrap_or(rest.len());
    Some((begin, begin + length))
}

/// A part of `bytes`, empty ones included.
pub fn part(bytes: &[u8], random: &mut Random) -> (usize, usize) {
    let (a, b) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    (a.min(b), a.max(b))
}

/// Makes one change, perhaps with a part of `other`.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(13) {
        0 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        2 => bytes.truncate(at),
        3 => {
            bytes.drain(..at);
        }
        4 => {
            let (from, to) = part(bytes, random);
            bytes.drain(from..to);
        }
        5 => {
            let (from, to) = part(bytes, random);
            let copy = bytes[from..to].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => {
            let (from, to) = part(other, random);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        7 => {
            let (from, to) = part(bytes, random);
            let (other_from, other_to) = part(other, random);
            bytes.splice(from..to, other[other_from..other_to].iter().copied());
        }
        8 => {
            let token = random.of(&TOKENS);
            bytes.splice(at..at, token.iter().copied());
        }
        // The kind of change that keeps a frame well formed.
        9 | 10 => {
            if let Some((from, to)) = number_at(bytes, random) {
                bytes.splice(from..to, number(random));
            }
        }
        11 => {
            let depth = 1 << random.below(15);
            bytes.splice(at..at, random.of(&OPENINGS).repeat(depth));
            if random.one_in(2) {
                let at = random.below(bytes.len() + 1);
                bytes.splice(at..at, random.of(&CLOSINGS).repeat(depth));
            }
        }
        _ => {
            let (from, to) = part(bytes, random);
            let times = 1 + random.below(50);
            let copies = bytes[from..to].repeat(times);
            bytes.splice(from..to, copies);
        }
    }
    bytes.truncate(LONGEST);
}
