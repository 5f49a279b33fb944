//! What goes through the pipes between the process under test and the world.

use std::io::{self, Read, Write};

use aurora_core::execution::{Command, Input, LedgerRow};
use aurora_core::sim::{Beginning, Stepped};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// To the process: one is made at a time, and at once written.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)]
pub enum Order {
    Start(Beginning),
    Step(Input),
}

/// From the process, before its rows are durable: what a log would have.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// At the start of a life, every row that was found.
    pub found: Option<Vec<LedgerRow>>,
    pub stepped: Stepped,
}

/// From the process, when its rows are durable: the sequence of the next row, and requests for the venue.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sent {
    pub next: u64,
    pub commands: Vec<Command>,
}

pub const ORDER: &[u8; 4] = b"TAKE";
pub const TOLD: &[u8; 4] = b"TELL";
pub const SENT: &[u8; 4] = b"SEND";

/// One frame in one write.
pub fn send<T: Serialize>(pipe: &mut impl Write, tag: &[u8; 4], value: &T) -> io::Result<()> {
    let body = postcard::to_allocvec(value).map_err(io::Error::other)?;
    let mut frame = tag.to_vec();
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(body);
    pipe.write_all(&frame)
}

/// The next frame, whole; none where the other end has gone before it was.
pub fn receive<T: DeserializeOwned>(pipe: &mut impl Read, tag: &[u8; 4]) -> Option<T> {
    let mut head = [0; 8];
    pipe.read_exact(&mut head).ok()?;
    assert_eq!(&head[..4], tag, "another frame was due");
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let mut body = vec![0; length as usize];
    pipe.read_exact(&mut body).ok()?;
    Some(postcard::from_bytes(&body).unwrap())
}
