//! Order-book files of Binance's historical data (`T_DEPTH`): one level a row.
//!
//! Rows that share symbol, time, ids and `update_type` are one message: `snap` rows a snapshot, `set` rows a diff.
//! The files hold no receive time; the exchange's (ms) stands for it.

use aurora_core::event::MessageKind;
use aurora_core::instrument::{Market, Side};
use aurora_core::wire::{EventSink, WireEvent, WireLevels};

use super::csv::CsvRows;
use super::decimal::parse_unsigned;
use super::rows::{RowTable, MOST_ROWS};
use super::Source;
use crate::CaptureError;

const LONGEST_SYMBOL: usize = 128;

struct Columns {
    symbol: usize,
    timestamp: usize,
    first_id: usize,
    last_id: usize,
    side: usize,
    update_type: usize,
    price: usize,
    size: usize,
    previous_id: usize,
}

/// What the rows of a message share.
#[derive(Default, PartialEq, Eq)]
struct Key {
    symbol: Vec<u8>,
    exchange_ns: i64,
    first_id: u64,
    last_id: u64,
    previous_id: u64,
    is_snapshot: bool,
}

pub struct BinanceCsvSource {
    rows: CsvRows,
    columns: Columns,
    key: Key,
    /// Key of the row at hand.
    row: Key,
    levels: RowTable,
    /// The message at hand cannot be used.
    fault: Option<CaptureError>,
    line: u64,
}

impl BinanceCsvSource {
    /// # Errors
    /// A file that cannot be read, or lacks a column.
    pub fn open(path: &str) -> Result<BinanceCsvSource, CaptureError> {
        let (rows, header) = CsvRows::open_with_header(path)?;
        Ok(BinanceCsvSource {
            columns: Columns {
                symbol: header.column("symbol")?,
                timestamp: header.column("timestamp")?,
                first_id: header.column("first_update_id")?,
                last_id: header.column("last_update_id")?,
                side: header.column("side")?,
                update_type: header.column("update_type")?,
                price: header.column("price")?,
                size: header.column("qty")?,
                previous_id: header.column("pu")?,
            },
            rows,
            key: Key::default(),
            row: Key::default(),
            levels: RowTable::default(),
            fault: None,
            line: 0,
        })
    }

    fn read_key(&mut self) -> Result<(), CaptureError> {
        let (rows, columns) = (&self.rows, &self.columns);
        let id = |column: usize| {
            parse_unsigned(rows.field(column)).ok_or_else(|| rows.expected(column, "an update id"))
        };
        let is_snapshot = match rows.field(columns.update_type) {
            b"snap" => true,
            b"set" => false,
            _ => return Err(rows.expected(columns.update_type, "snap or set")),
        };
        if !(1..=LONGEST_SYMBOL).contains(&rows.field(columns.symbol).len()) {
            return Err(rows.expected(columns.symbol, "a symbol"));
        }
        let key = &mut self.row;
        key.exchange_ns = parse_unsigned(rows.field(columns.timestamp))
            .and_then(|ms| i64::try_from(ms).ok()?.checked_mul(1_000_000))
            .ok_or_else(|| rows.expected(columns.timestamp, "a time in ms"))?;
        key.first_id = id(columns.first_id)?;
        key.last_id = id(columns.last_id)?;
        // Snapshots follow nothing: -1.
        key.previous_id = if is_snapshot {
            0
        } else {
            id(columns.previous_id)?
        };
        key.is_snapshot = is_snapshot;
        key.symbol.clear();
        key.symbol.extend_from_slice(rows.field(columns.symbol));
        Ok(())
    }

    fn take_row(&mut self) -> Result<(), CaptureError> {
        let (rows, columns) = (&self.rows, &self.columns);
        let side = match rows.field(columns.side) {
            b"b" => Side::Buy,
            b"a" => Side::Sell,
            _ => return Err(rows.expected(columns.side, "b or a")),
        };
        let place = rows.place(columns.price);
        let (price, size) = (rows.field(columns.price), rows.field(columns.size));
        self.levels
            .push(side, price, size, place)
            .map_err(|fault| place.error(rows.path(), fault))
    }
}

impl Source for BinanceCsvSource {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        if !self.rows.advance()? {
            return Ok(None);
        }
        self.read_key()?;
        std::mem::swap(&mut self.key, &mut self.row);
        self.levels.clear();
        self.line = self.rows.line();
        self.fault = self.take_row().err();
        loop {
            let read = match self.rows.advance() {
                Ok(true) => self.read_key(),
                Ok(false) => break,
                Err(error @ CaptureError::Frame { .. }) => Err(error),
                // The message may have had more rows than those before the damage.
                Err(error) => return Err(error),
            };
            match read {
                Ok(()) if self.row == self.key => {
                    if self.levels.len() >= MOST_ROWS {
                        let what = format!("more than {MOST_ROWS} rows of one update");
                        return Err(CaptureError::Content {
                            path: self.rows.path().to_owned(),
                            line: self.rows.line(),
                            what,
                        });
                    }
                    let taken = self.take_row();
                    self.fault = self.fault.take().or(taken.err());
                }
                Ok(()) => {
                    self.rows.hand_back();
                    break;
                }
                Err(error) => {
                    self.rows.fail_later(error);
                    break;
                }
            }
        }
        Ok(Some(self.key.exchange_ns))
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let key = &self.key;
        let coin_margined = memchr::memmem::find(&key.symbol, b"USD_").is_some();
        let event = WireEvent {
            kind: if key.is_snapshot {
                MessageKind::Snapshot
            } else {
                MessageKind::Diff
            },
            market: Some(if coin_margined {
                Market::BinanceCoinm
            } else {
                Market::BinanceUsdm
            }),
            symbol: Some(&key.symbol),
            stream: if key.is_snapshot { b"snap" } else { b"set" },
            sent_ns: Some(key.exchange_ns),
            exchange_ns: Some(key.exchange_ns),
            first_id: key.first_id,
            last_id: key.last_id,
            previous_id: key.previous_id,
            flags: 0,
            levels: WireLevels::Rows {
                bids: &[],
                asks: &[],
            },
        };
        self.levels.hand_over(&event, self.rows.path(), sink)?;
        Ok(true)
    }

    fn path(&self) -> &str {
        self.rows.path()
    }

    fn line(&self) -> u64 {
        self.line
    }
}

#[cfg(test)]
#[path = "binance_csv_tests.rs"]
mod tests;
