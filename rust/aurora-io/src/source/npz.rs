//! Event arrays of hftbacktest: `.npz` with a member `data.npy`, or plain `.npy`.
//!
//! Each row is an event; flags in `ev` say what it is, on which side, and who sees it. Only rows for the local side
//! are read: what the strategy saw, in the order of `local_ts`. Consecutive rows of one kind with the same two
//! times are one message; `DEPTH_CLEAR` and `DEPTH_SNAPSHOT` rows together are a snapshot, which replaces the whole
//! book. (hftbacktest itself clears each side only as far as the price in the clear event, so levels farther out
//! stay in its book.) Prices and sizes are floats: each is read as the shortest decimal that gives the same float,
//! which is what was printed if it had at most 15 digits. The symbol is what the file's name begins with.

use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Read};

use aurora_core::event::{MessageKind, FLAG_AGGRESSOR_UNKNOWN, FLAG_BUYER_IS_MAKER};
use aurora_core::instrument::{Market, Side};
use aurora_core::wire::{EventSink, WireEvent, WireFault, WireLevels};

use super::event_row::{
    append_shortest, Row, DEPTH_BBO_EVENT, DEPTH_CLEAR_EVENT, DEPTH_EVENT, DEPTH_SNAPSHOT_EVENT,
    LOCAL_EVENT, ORDER_EVENTS, PRICE_BYTE, SIZE_BYTE, TRADE_EVENT,
};
use super::npy::{read_event_header, EVENT_SIZE};
use super::rows::{MessageIds, Place, RowTable, MOST_ROWS};
use super::zip::ZipMember;
use super::Source;
use crate::CaptureError;

const MEMBER: &str = "data.npy";
/// Events read at a time.
const EVENTS_AT_ONCE: usize = 4096;
/// Decimals that quanta leave room for, since floats show no trailing zeros.
const LEAST_DECIMALS: usize = 8;
enum Input {
    Plain(BufReader<File>),
    Member(Box<ZipMember>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Input::Plain(file) => file.read(buffer),
            Input::Member(member) => member.read(buffer),
        }
    }
}

/// What a row becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Diff,
    Snapshot,
    Ticker,
    Trade,
    /// Kinds that converters define for themselves.
    Ignored,
}

pub struct NpzSource {
    path: String,
    symbol: String,
    input: Input,
    /// Events that the array's header tells of.
    count: u64,
    /// Events taken from the buffer.
    taken: u64,
    /// All events were read, and the archive's checksum was compared.
    finished: bool,
    buffer: Vec<u8>,
    at: usize,
    ahead: Option<Row>,
    first: Row,
    group: Group,
    levels: RowTable,
    /// Best bid and ask as last told, since each comes in a row of its own.
    best: [Option<Row>; 2],
    text: Vec<u8>,
    fault: Option<CaptureError>,
    line: u64,
    ids: MessageIds,
}

impl NpzSource {
    /// # Errors
    /// An archive without an array of events, or that cannot be read.
    pub fn open_npz(path: &str) -> Result<NpzSource, CaptureError> {
        NpzSource::new(
            path,
            Input::Member(Box::new(ZipMember::open(path, MEMBER)?)),
        )
    }

    /// # Errors
    /// A file that cannot be read, or is no array of events.
    pub fn open_npy(path: &str) -> Result<NpzSource, CaptureError> {
        let file = File::open(path).map_err(|cause| CaptureError::Open {
            path: path.to_owned(),
            cause,
        })?;
        NpzSource::new(path, Input::Plain(BufReader::new(file)))
    }

    fn new(path: &str, mut input: Input) -> Result<NpzSource, CaptureError> {
        let format = |what: String| CaptureError::Format {
            path: path.to_owned(),
            what,
        };
        let symbol = symbol_of(path).ok_or_else(|| {
            format("events do not name their market; let the file's name begin with the symbol, as in btcusdt_20240808.npz".into())
        })?;
        let count = read_event_header(&mut input).map_err(|cause| match cause.kind() {
            ErrorKind::InvalidData => format(cause.to_string()),
            ErrorKind::UnexpectedEof => format("the file ends early".into()),
            _ => CaptureError::Open {
                path: path.to_owned(),
                cause,
            },
        })?;
        Ok(NpzSource {
            path: path.to_owned(),
            symbol,
            input,
            count,
            taken: 0,
            finished: false,
            buffer: Vec::with_capacity(EVENTS_AT_ONCE * EVENT_SIZE),
            at: 0,
            ahead: None,
            first: Row::of(&[0; EVENT_SIZE]),
            group: Group::Ignored,
            levels: RowTable::new(LEAST_DECIMALS),
            best: [None; 2],
            text: Vec::new(),
            fault: None,
            line: 0,
            ids: MessageIds::default(),
        })
    }

    /// Place in the row that was read last.
    fn place(&self, byte: usize) -> Place {
        Place {
            line: self.taken,
            byte,
        }
    }

    /// The next row of any kind.
    fn next_row(&mut self) -> std::io::Result<Option<Row>> {
        if self.taken == self.count {
            if let Input::Member(member) = &mut self.input {
                if !std::mem::replace(&mut self.finished, true) {
                    member.finish()?;
                }
            }
            return Ok(None);
        }
        if self.at == self.buffer.len() {
            let left = usize::try_from(self.count - self.taken).unwrap_or(EVENTS_AT_ONCE);
            let wanted = left.min(EVENTS_AT_ONCE) * EVENT_SIZE;
            self.buffer.resize(wanted, 0);
            self.at = 0;
            let mut filled = 0;
            while filled < wanted {
                match self.input.read(&mut self.buffer[filled..]) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                    // Whole rows before the damage come first; reading on meets it again.
                    Err(_) if filled >= EVENT_SIZE => break,
                    Err(cause) => {
                        self.buffer.clear();
                        return Err(cause);
                    }
                }
            }
            self.buffer.truncate(filled / EVENT_SIZE * EVENT_SIZE);
            if self.buffer.is_empty() {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the array ends early"));
            }
        }
        let row = Row::of(&self.buffer[self.at..self.at + EVENT_SIZE]);
        self.at += EVENT_SIZE;
        self.taken += 1;
        Ok(Some(row))
    }

    /// The next row that the local side sees.
    fn next_local(&mut self) -> Result<Option<Row>, CaptureError> {
        loop {
            let row = self.next_row().map_err(|cause| CaptureError::Read {
                path: self.path.clone(),
                line: self.taken,
                cause,
            })?;
            if row.is_none_or(|row| row.flags & LOCAL_EVENT != 0) {
                return Ok(row);
            }
        }
    }

    fn group_of(&self, row: &Row) -> Result<Group, WireFault> {
        Ok(match row.kind() {
            DEPTH_EVENT => Group::Diff,
            TRADE_EVENT => Group::Trade,
            DEPTH_CLEAR_EVENT | DEPTH_SNAPSHOT_EVENT => Group::Snapshot,
            DEPTH_BBO_EVENT => Group::Ticker,
            kind if ORDER_EVENTS.contains(&kind) => {
                return Err(WireFault::Expected {
                    expected:
                        "events of price levels (these are of single orders, which are not read)",
                })
            }
            _ => Group::Ignored,
        })
    }

    /// Takes what a row of the current group holds.
    fn take(&mut self, row: &Row) -> Result<(), CaptureError> {
        let expected = |expected| WireFault::Expected { expected };
        let taken = match (self.group, row.kind(), row.side()) {
            (Group::Ignored, ..) | (_, DEPTH_CLEAR_EVENT, _) => Ok(()),
            (Group::Trade, ..) => self.push(Side::Buy, row, self.taken),
            (_, _, None) => {
                let place = self.place(0);
                return Err(place.error(&self.path, expected("the side of a level")));
            }
            (Group::Ticker, _, Some(side)) => {
                self.best[usize::from(side == Side::Sell)] = Some(*row);
                Ok(())
            }
            (_, _, Some(side)) => self.push(side, row, self.taken),
        };
        taken.map_err(|fault| {
            let of_size = matches!(fault, WireFault::Decimal { field: "size", .. });
            let byte = if of_size { SIZE_BYTE } else { PRICE_BYTE };
            self.place(byte).error(&self.path, fault)
        })
    }

    fn push(&mut self, side: Side, row: &Row, line: u64) -> Result<(), WireFault> {
        self.text.clear();
        let price_end =
            append_shortest(row.price, &mut self.text).map_err(|cause| WireFault::Decimal {
                field: "price",
                cause,
            })?;
        append_shortest(row.size, &mut self.text).map_err(|cause| WireFault::Decimal {
            field: "size",
            cause,
        })?;
        let (price, size) = self.text.split_at(price_end);
        let place = Place {
            line,
            byte: PRICE_BYTE,
        };
        self.levels.push(side, price, size, place)
    }

    fn continues(&self, row: &Row) -> bool {
        !matches!(self.group, Group::Trade | Group::Ignored)
            && row.local_ns == self.first.local_ns
            && row.exchange_ns == self.first.exchange_ns
            && self.group_of(row) == Ok(self.group)
            && self.levels.len() < MOST_ROWS
    }
}

/// Letters and digits that the file's name begins with, in capitals.
fn symbol_of(path: &str) -> Option<String> {
    let name = std::path::Path::new(path).file_name()?.to_str()?;
    let symbol = name.split(['_', '.']).next()?;
    (!symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then(|| symbol.to_ascii_uppercase())
}

impl Source for NpzSource {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        let first = match self.ahead.take() {
            Some(row) => row,
            None => match self.next_local()? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        self.first = first;
        self.line = self.taken;
        self.levels.clear();
        self.fault = None;
        match self.group_of(&first) {
            Ok(group) => self.group = group,
            Err(fault) => return Err(self.place(0).error(&self.path, fault)),
        }
        if first.local_ns <= 0 {
            let fault = WireFault::Expected {
                expected: "a local time (rows of an initial snapshot have none; give the events it belongs before)",
            };
            return Err(self.place(16).error(&self.path, fault));
        }
        let mut row = first;
        loop {
            let taken = self.take(&row);
            self.fault = self.fault.take().or(taken.err());
            if matches!(self.group, Group::Trade | Group::Ignored) {
                break;
            }
            match self.next_local()? {
                Some(next) if self.continues(&next) => row = next,
                next => {
                    self.ahead = next;
                    break;
                }
            }
        }
        Ok(Some(first.local_ns))
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut flags = 0;
        let (kind, stream) = match self.group {
            Group::Ignored => return Ok(false),
            Group::Diff => (MessageKind::Diff, &b"depth"[..]),
            Group::Snapshot => (MessageKind::Snapshot, &b"depth_snapshot"[..]),
            Group::Trade => {
                flags = match self.first.side() {
                    Some(Side::Buy) => 0,
                    Some(Side::Sell) => FLAG_BUYER_IS_MAKER,
                    None => FLAG_AGGRESSOR_UNKNOWN,
                };
                (MessageKind::Trade, &b"trade"[..])
            }
            Group::Ticker => {
                let [Some(bid), Some(ask)] = self.best else {
                    return Ok(false);
                };
                for (side, row) in [(Side::Buy, bid), (Side::Sell, ask)] {
                    let place = Place {
                        line: self.line,
                        byte: PRICE_BYTE,
                    };
                    self.push(side, &row, self.line)
                        .map_err(|fault| place.error(&self.path, fault))?;
                }
                (MessageKind::Ticker, &b"depth_bbo"[..])
            }
        };
        let id = self.ids.next(self.first.local_ns);
        let event = WireEvent {
            kind,
            market: Some(Market::Hftbacktest),
            symbol: Some(self.symbol.as_bytes()),
            stream,
            sent_ns: Some(self.first.exchange_ns),
            exchange_ns: Some(self.first.exchange_ns),
            first_id: id,
            last_id: id,
            previous_id: 0,
            flags,
            levels: WireLevels::Rows {
                bids: &[],
                asks: &[],
            },
        };
        self.levels.hand_over(&event, &self.path, sink)?;
        Ok(true)
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn line(&self) -> u64 {
        self.line
    }
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
