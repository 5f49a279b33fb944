//! Client order ids: pure functions of the decision, so that a replay or a restart names the same order alike.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which part of a trade an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Leg {
    Entry,
    /// Protective stop; every revision is an attempt.
    Stop,
    /// Flattening at the deadline, after a stop, or when protection failed.
    Exit,
    /// Takes profit; its number is that of the target.
    Target,
}

impl Leg {
    pub fn name(self) -> &'static str {
        match self {
            Leg::Entry => "entry",
            Leg::Stop => "stop",
            Leg::Exit => "exit",
            Leg::Target => "target",
        }
    }
}

/// Characters of an id; venues take up to 36.
const LENGTH: usize = 32;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A client order id: 32 lower-case alphanumerics, the first one a letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId([u8; LENGTH]);

impl ClientId {
    /// Stands where there is no order.
    pub const NONE: ClientId = ClientId([b'a'; LENGTH]);

    /// The id of one attempt at one leg: 155 bits of SHA-256 over (trace, leg, leg number, attempt).
    pub fn new(trace: u64, leg: Leg, leg_number: u32, attempt: u32) -> ClientId {
        let mut hasher = Sha256::new();
        hasher.update(trace.to_le_bytes());
        hasher.update([leg as u8]);
        hasher.update(leg_number.to_le_bytes());
        hasher.update(attempt.to_le_bytes());
        let hash = hasher.finalize();
        let mut text = [b'a'; LENGTH];
        for (position, character) in text.iter_mut().enumerate().skip(1) {
            let bit = (position - 1) * 5;
            let pair = u16::from_be_bytes([hash[bit / 8], hash[bit / 8 + 1]]);
            *character = ALPHABET[usize::from(pair >> (11 - bit % 8)) & 31];
        }
        ClientId(text)
    }

    /// Reads an id back from text; None when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<ClientId> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let known = bytes.iter().all(|b| ALPHABET.contains(b));
        (known && bytes[0].is_ascii_lowercase()).then_some(ClientId(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        // Only ASCII is ever written; bytes from a damaged snapshot read as an id that nobody has.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_stable_distinct_and_venue_safe() {
        let mut seen = BTreeSet::new();
        for trace in 0..20u64 {
            for leg in [Leg::Entry, Leg::Stop, Leg::Exit, Leg::Target] {
                for number in 0..4 {
                    for attempt in 0..4 {
                        let id = ClientId::new(trace, leg, number, attempt);
                        assert_eq!(id, ClientId::new(trace, leg, number, attempt));
                        assert_eq!(ClientId::parse(id.as_str()), Some(id));
                        assert!(id.as_str().len() <= 32);
                        assert!(id.as_str().bytes().all(|b| b.is_ascii_alphanumeric()));
                        assert!(id.as_str().as_bytes()[0].is_ascii_alphabetic());
                        assert!(seen.insert(id));
                    }
                }
            }
        }
        // Written down once: a change of the recipe would orphan every order at a venue.
        assert_eq!(
            ClientId::new(1, Leg::Entry, 0, 0).as_str(),
            "a6djhr2wl5zhovqptzr25l362rxc574j"
        );
        assert_eq!(ClientId::parse("not ours"), None);
    }

    #[test]
    fn every_character_carries_five_bits_of_the_hash() {
        use sha2::{Digest, Sha256};
        let mut input = 7u64.to_le_bytes().to_vec();
        input.push(1);
        input.extend(2u32.to_le_bytes());
        input.extend(3u32.to_le_bytes());
        let hash = Sha256::digest(&input);
        let bits: Vec<u8> = hash
            .iter()
            .flat_map(|b| (0..8).rev().map(move |i| (b >> i) & 1))
            .collect();
        let expected: String = bits
            .chunks(5)
            .take(31)
            .map(|five| {
                ALPHABET[five.iter().fold(0usize, |n, bit| n * 2 + usize::from(*bit))] as char
            })
            .collect();
        assert_eq!(
            ClientId::new(7, Leg::Stop, 2, 3).as_str(),
            format!("a{expected}")
        );
    }
}
