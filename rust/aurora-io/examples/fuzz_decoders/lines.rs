//! Changes to text files that know of lines, cells and packing.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::Compression;

use crate::mutate::{mutate, number, number_at, part, LONGEST, TOKENS};
use crate::random::Random;

/// Bytes put in a row into one line: numbers, brackets, separators, levels, whole lines.
const PATTERNS: [&[u8]; 12] = [
    b"0",
    b"9",
    b"[",
    b"{\"a\":",
    b",",
    b"\"",
    b"[\"1\",\"1\"],",
    b" ",
    b"a",
    b"\n",
    b"#\n",
    b"\\u0000",
];

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Replaces a cell between commas.
fn change_cell(line: &mut Vec<u8>, random: &mut Random) {
    let commas: Vec<usize> = std::iter::once(0)
        .chain(
            (0..line.len())
                .filter(|at| line[*at] == b',')
                .map(|at| at + 1),
        )
        .collect();
    let begin = commas[random.below(commas.len())];
    let rest = &line[begin..];
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b',' | b'\r' | b'\n'))
        .unwrap_or(rest.len());
    let cell = match random.below(5) {
        0 => Vec::new(),
        1 => random.of(&TOKENS).to_vec(),
        2 => [b"\"", &rest[..end], b"\""].concat(),
        _ => number(random),
    };
    line.splice(begin..begin + end, cell);
}

/// Makes one change that leaves most lines as they are.
pub fn change_lines(text: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let mut lines = split(text);
    if lines.is_empty() {
        text.extend_from_slice(other);
        return;
    }
    let at = random.below(lines.len());
    let second = random.below(lines.len());
    match random.below(12) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(second, lines[at].clone()),
        2 => lines.swap(at, second),
        3 => {
            let others = split(other);
            if !others.is_empty() {
                lines.insert(at, others[random.below(others.len())].clone());
            }
        }
        4 => mutate(&mut lines[at], other, random),
        5 | 6 => {
            if let Some((from, to)) = number_at(&lines[at], random) {
                lines[at].splice(from..to, number(random));
            }
        }
        7 | 8 => change_cell(&mut lines[at], random),
        9 => {
            let token = random.of(&TOKENS);
            let place = random.below(lines[at].len() + 1);
            lines[at].splice(place..place, token.iter().copied());
        }
        10 => {
            // The ends of lines, or none between two.
            let ends: [&[u8]; 4] = [b"\r\n", b"\n\n", b"", b"\r"];
            let end = random.of(&ends);
            let keep = lines[at].strip_suffix(b"\n").unwrap_or(&lines[at]).to_vec();
            lines[at] = [&keep, end].concat();
        }
        _ => {
            let (from, to) = part(&lines[at], random);
            let times = 1 + random.below(200);
            let copies = lines[at][from..to].repeat(times);
            lines[at].splice(from..to, copies);
        }
    }
    *text = lines.concat();
    text.truncate(LONGEST);
}

/// Packs as one of the containers does.
pub fn pack(content: &[u8], random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let _ = encoder.write_all(content);
            encoder.finish().unwrap_or_default()
        }
        1 => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            let _ = encoder.write_all(content);
            encoder.finish().unwrap_or_default()
        }
        _ => pack_zstd(content),
    }
}

/// The container that packs what repeats itself fastest.
pub fn pack_zstd(content: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(content, 1).unwrap_or_default()
}

/// `text` with the first number in it replaced.
fn numbered(text: &[u8], number: usize) -> Vec<u8> {
    let begin = text.iter().position(u8::is_ascii_digit);
    let begin = begin.unwrap_or(text.len());
    let length = text[begin..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    [
        &text[..begin],
        number.to_string().as_bytes(),
        &text[begin + length..],
    ]
    .concat()
}

/// `text` with many megabytes more of the same.
pub fn inflate(text: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines = split(text);
    if lines.is_empty() {
        return Vec::new();
    }
    let megabytes = [1, 4, 20, 70, 140][random.below(5)];
    let size = megabytes << 20;
    let at = random.below(lines.len());
    let line = lines[at].clone();
    match random.below(5) {
        // One part of a line, over and over.
        0 | 1 => {
            let pattern = if random.one_in(3) {
                let (from, to) = part(&line, random);
                line[from..to].to_vec()
            } else {
                random.of(&PATTERNS).to_vec()
            };
            let pattern = if pattern.is_empty() {
                b"0".to_vec()
            } else {
                pattern
            };
            let place = random.below(line.len() + 1);
            let copies = pattern.repeat(size / pattern.len());
            lines[at].splice(place..place, copies);
        }
        // The same lines again.
        2 => {
            let body = lines[at..].concat();
            lines.push(body.repeat(size / body.len().max(1)));
        }
        // One line, a number in it counting up: other symbols, streams, connections, orders.
        3 => {
            let place = random.below(line.len());
            let (before, behind) = line.split_at(place);
            let count = (size / line.len().max(1)).min(300_000);
            for n in 0..count {
                lines.push([before, &numbered(behind, n)].concat());
            }
        }
        // A part of a line, a number in it counting up: columns, keys.
        _ => {
            let (from, to) = part(&line, random);
            let repeated = &line[from..to];
            let count = (size / repeated.len().max(1)).min(300_000);
            let many: Vec<u8> = (0..count).flat_map(|n| numbered(repeated, n)).collect();
            lines[at].splice(from..to, many);
        }
    }
    lines.concat()
}
