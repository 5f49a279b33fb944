//! Captures of cryptofeed: a JSON object a line, frames and REST answers as escaped text.
//!
//! Lines stand in order of time within a connection, not across connections: a converted capture has its REST answers
//! first, and one connection after the other. So the file is looked through once, and then read by one cursor a
//! connection, merged by receive time. Memory does not grow with the file.

use std::borrow::Cow;

use aurora_core::instrument::Market;
use aurora_core::wire::{Dialect, EventSink, FrameContext, WireError, WireFault};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::address::{depth_symbol, market_of};
use super::seconds::nanoseconds;
use super::Source;
use crate::lines::LineReader;
use crate::CaptureError;

/// First words of such a file.
pub const HEAD: &[u8] = b"{\"t\":\"header\"";
/// More connections than this are no capture of one recorder; each costs a reader.
const MOST_CONNECTIONS: usize = 64;
/// Bytes of the frames that all connections hold together, at the least a megabyte for each.
const HELD_FRAMES: usize = 64 << 20;
const LEAST_FRAME: usize = 1 << 20;
/// Longest name of a connection.
const LONGEST_NAME: usize = 1 << 10;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(borrow, default)]
    conn: Cow<'a, str>,
    #[serde(borrow, default)]
    ts: Option<&'a RawValue>,
    #[serde(borrow, default)]
    addr: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

/// Why a line is no line of such a capture.
fn fault(cause: &serde_json::Error) -> WireError {
    WireError {
        byte: cause.column().saturating_sub(1),
        fault: if cause.is_eof() {
            WireFault::EndsEarly
        } else {
            WireFault::Expected {
                expected: "an object with t, conn, ts and data",
            }
        },
    }
}

/// One connection, read on its own: its next frame stands ready.
struct Connection {
    name: String,
    lines: LineReader,
    market: Option<Market>,
    dialect: Option<Dialect>,
    /// Receive time of the frame at hand; None behind the last.
    time_ns: Option<i64>,
    frame: Vec<u8>,
    /// Longest frame that is read.
    longest_frame: usize,
    /// Symbol and market of a REST answer.
    answer: Option<(String, Option<Market>)>,
    /// The frame at hand is an answer that is not read.
    passed: bool,
    /// The last line that could be read was this connection's, so that what is wrong behind it is for it to tell.
    tells: bool,
}

impl Connection {
    /// One of the `connections` of a file.
    fn open(
        path: &str,
        name: String,
        tells: bool,
        connections: usize,
    ) -> Result<Connection, CaptureError> {
        Ok(Connection {
            name,
            lines: LineReader::open_one_of(path, connections)?,
            longest_frame: (HELD_FRAMES / connections).max(LEAST_FRAME),
            market: None,
            dialect: None,
            time_ns: None,
            frame: Vec::new(),
            answer: None,
            passed: false,
            tells,
        })
    }

    fn place(&self, cause: WireError) -> CaptureError {
        CaptureError::Frame {
            path: self.lines.path.clone(),
            line: self.lines.line,
            cause,
        }
    }

    /// Reads on to the connection's next frame.
    fn step(&mut self) -> Result<(), CaptureError> {
        self.time_ns = None;
        while let Some(range) = self.lines.next()? {
            let bytes = self.lines.bytes(range);
            if bytes.is_empty() {
                continue;
            }
            let line: Line<'_> = match serde_json::from_slice(bytes) {
                Ok(line) => line,
                // Nobody knows whose line it was.
                Err(cause) if self.tells => return Err(self.place(fault(&cause))),
                Err(_) => continue,
            };
            if line.conn != self.name.as_str() {
                // The file's head is no connection's: who told before it goes on.
                self.tells &= line.conn.is_empty();
                continue;
            }
            self.tells = true;
            if let Some(address) = &line.addr {
                self.market = market_of(address).or(self.market);
            }
            let answer = match line.t.as_ref() {
                "recv" => None,
                "http" => Some(line.url.as_deref().unwrap_or_default()),
                _ => continue,
            };
            let missing = |field| WireError {
                byte: bytes.len(),
                fault: WireFault::Missing { field },
            };
            let time = line.ts.map(|ts| nanoseconds(ts.get().as_bytes()));
            let (Some(Ok(time_ns)), Some(data)) = (time, &line.data) else {
                let field = if line.data.is_none() { "data" } else { "ts" };
                return Err(self.place(missing(field)));
            };
            self.answer = None;
            self.passed = false;
            if let Some(url) = answer {
                match depth_symbol(url) {
                    Some(symbol) => self.answer = Some((symbol.to_owned(), market_of(url))),
                    None => self.passed = true,
                }
            }
            self.frame.clear();
            if !self.passed {
                if data.len() > self.longest_frame {
                    let byte = 0;
                    let fault = WireFault::Expected {
                        expected: "a shorter frame: this many connections do not fit into memory",
                    };
                    return Err(self.place(WireError { byte, fault }));
                }
                self.frame.extend_from_slice(data.as_bytes());
            }
            self.time_ns = Some(time_ns);
            self.lines.release();
            return Ok(());
        }
        Ok(())
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, WireError> {
        if self.passed {
            return Ok(false);
        }
        let Some(dialect) = self.dialect.or_else(|| Dialect::detect(&self.frame)) else {
            return Err(WireError {
                byte: 0,
                fault: WireFault::Expected {
                    expected: "a frame of a venue that is known here",
                },
            });
        };
        self.dialect = Some(dialect);
        let context = match &self.answer {
            Some((symbol, market)) => FrameContext {
                market: *market,
                symbol: Some(symbol.as_bytes()),
            },
            None => FrameContext {
                market: self.market,
                symbol: None,
            },
        };
        dialect.decode(&self.frame, 0, context, sink)
    }
}

pub struct Cryptofeed {
    path: String,
    connections: Vec<Connection>,
    /// Connections that have to be read on before the next frame is chosen.
    due: Vec<usize>,
    current: usize,
    /// Where the file breaks off; told once all that stands before it was read.
    damage: Option<CaptureError>,
}

impl Cryptofeed {
    /// # Errors
    /// The file cannot be read, or has more connections than a recorder would open.
    pub fn open(path: &str) -> Result<Cryptofeed, CaptureError> {
        let mut names: Vec<String> = Vec::new();
        let mut lines = LineReader::open(path)?;
        // Lines that cannot be read are met again, and told, by the cursors.
        while let Ok(Some(range)) = lines.next() {
            let Ok(line) = serde_json::from_slice::<Line<'_>>(lines.bytes(range)) else {
                continue;
            };
            let frames = matches!(line.t.as_ref(), "recv" | "http");
            let format = |what: String| CaptureError::Format {
                path: path.to_owned(),
                what,
            };
            if frames && !names.iter().any(|name| *name == line.conn.as_ref()) {
                if line.conn.len() > LONGEST_NAME {
                    let length = line.conn.len();
                    return Err(format(format!("a connection's name of {length} bytes")));
                }
                names.push(line.conn.into_owned());
            }
            if names.len() > MOST_CONNECTIONS {
                return Err(format(format!(
                    "more than {MOST_CONNECTIONS} connections; split the capture by connection"
                )));
            }
        }
        if names.is_empty() {
            // One cursor, so that what is wrong with the file is told.
            names.push(String::new());
        }
        let count = names.len();
        let connections: Vec<Connection> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| Connection::open(path, name, index == 0, count))
            .collect::<Result<_, _>>()?;
        Ok(Cryptofeed {
            path: path.to_owned(),
            due: (0..connections.len()).collect(),
            connections,
            current: 0,
            damage: None,
        })
    }
}

impl Source for Cryptofeed {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        while let Some(index) = self.due.pop() {
            match self.connections[index].step() {
                Ok(()) => {}
                Err(error @ CaptureError::Frame { .. }) => {
                    self.due.push(index);
                    return Err(error);
                }
                // A file that breaks off does so for each of its cursors.
                Err(error) => self.damage = Some(error),
            }
        }
        let next = self
            .connections
            .iter()
            .enumerate()
            .filter_map(|(index, connection)| Some((connection.time_ns?, index)))
            .min();
        let Some((time_ns, index)) = next else {
            return self.damage.take().map_or(Ok(None), Err);
        };
        self.current = index;
        self.due.push(index);
        Ok(Some(time_ns))
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        let Some(connection) = self.connections.get_mut(self.current) else {
            return Ok(false);
        };
        let read = connection.events(sink);
        read.map_err(|cause| connection.place(cause))
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn line(&self) -> u64 {
        self.connections
            .get(self.current)
            .map_or(0, |connection| connection.lines.line)
    }
}
