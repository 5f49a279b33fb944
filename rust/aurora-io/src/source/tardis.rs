//! Tardis CSV: `incremental_book_L2`, `book_snapshot_N`, `trades` and `quotes`, told apart by their headers.
//!
//! Times are µs. Rows of the incremental book that share exchange, symbol, both times and `is_snapshot` are one
//! message. A snapshot begins where `is_snapshot` turns true; rows marked so that follow at another time continue
//! it. Trade ids are texts of each venue's own making and are not kept.
//! <https://docs.tardis.dev/downloadable-csv-files/data-types>

use std::collections::BTreeSet;

use aurora_core::event::{MessageKind, FLAG_AGGRESSOR_UNKNOWN, FLAG_BUYER_IS_MAKER};
use aurora_core::instrument::{Market, Side};
use aurora_core::wire::{EventSink, WireEvent, WireLevels};

use super::csv::{CsvRows, Header};
use super::decimal::parse_unsigned;
use super::rows::{MessageIds, RowTable, MOST_ROWS};
use super::Source;
use crate::CaptureError;

/// Decimals that quanta leave room for, since Tardis prints no trailing zeros.
pub(super) const LEAST_DECIMALS: usize = 8;
/// Digits of a time in µs from 2001 to 2286.
const TIME_DIGITS: usize = 16;

/// Longest name of an exchange or a symbol.
const LONGEST_NAME: usize = 128;
/// Most symbols of a file that wait for the end of a snapshot at a time.
const MOST_SNAPSHOTS: usize = 1 << 16;

/// Columns of price and amount.
type Pair = (usize, usize);

enum Table {
    IncrementalBook {
        is_snapshot: usize,
        side: usize,
        level: Pair,
    },
    BookSnapshot {
        bids: Vec<Pair>,
        asks: Vec<Pair>,
    },
    Trades {
        side: usize,
        level: Pair,
    },
    Quotes {
        bid: Pair,
        ask: Pair,
    },
}

impl Table {
    fn of(path: &str, header: &Header) -> Result<(Table, String), CaptureError> {
        let level = || Ok((header.column("price")?, header.column("amount")?));
        let levels = |side: &str| {
            (0..)
                .map_while(|n| {
                    Some((
                        header.find(&format!("{side}[{n}].price"))?,
                        header.find(&format!("{side}[{n}].amount"))?,
                    ))
                })
                .collect::<Vec<Pair>>()
        };
        let found = if let Some(is_snapshot) = header.find("is_snapshot") {
            let side = header.column("side")?;
            let table = Table::IncrementalBook {
                is_snapshot,
                side,
                level: level()?,
            };
            (table, "incremental_book_L2".to_owned())
        } else if header.find("bids[0].price").is_some() {
            let (bids, asks) = (levels("bids"), levels("asks"));
            let stream = format!("book_snapshot_{}", bids.len().max(asks.len()));
            (Table::BookSnapshot { bids, asks }, stream)
        } else if header.find("bid_price").is_some() {
            let bid = (header.column("bid_price")?, header.column("bid_amount")?);
            let ask = (header.column("ask_price")?, header.column("ask_amount")?);
            (Table::Quotes { bid, ask }, "quotes".to_owned())
        } else if let (Some(side), Some(_), false) = (
            header.find("side"),
            header.find("id"),
            is_liquidations(path),
        ) {
            let table = Table::Trades {
                side,
                level: level()?,
            };
            (table, "trades".to_owned())
        } else {
            return Err(CaptureError::Format {
                path: path.to_owned(),
                what: "this Tardis table is not read; give incremental_book_L2, book_snapshot_N, trades or quotes"
                    .into(),
            });
        };
        Ok(found)
    }
}

/// Liquidations have the columns of trades; only the file's name tells.
fn is_liquidations(path: &str) -> bool {
    let name = std::path::Path::new(path).file_name();
    name.is_some_and(|name| name.to_string_lossy().contains("liquidations"))
}

/// What the rows of a message share.
#[derive(Default)]
struct Key {
    /// `exchange.SYMBOL`.
    symbol: Vec<u8>,
    exchange_length: usize,
    exchange_ns: i64,
    local_ns: i64,
    is_snapshot: bool,
}

pub struct TardisSource {
    rows: CsvRows,
    table: Table,
    stream: String,
    /// Columns of exchange, symbol, timestamp and local_timestamp.
    columns: [usize; 4],
    key: Key,
    levels: RowTable,
    kind: MessageKind,
    flags: u8,
    /// The message at hand cannot be used.
    fault: Option<CaptureError>,
    line: u64,
    ids: MessageIds,
    /// Symbols whose last row belonged to a snapshot.
    in_snapshot: BTreeSet<Vec<u8>>,
}

impl TardisSource {
    /// # Errors
    /// A file that cannot be read, or whose header is of no table known here.
    pub fn open(path: &str) -> Result<TardisSource, CaptureError> {
        let (rows, header) = CsvRows::open_with_header(path)?;
        let (table, stream) = Table::of(path, &header)?;
        Ok(TardisSource {
            columns: [
                header.column("exchange")?,
                header.column("symbol")?,
                header.column("timestamp")?,
                header.column("local_timestamp")?,
            ],
            rows,
            table,
            stream,
            key: Key::default(),
            levels: RowTable::new(LEAST_DECIMALS),
            kind: MessageKind::Diff,
            flags: 0,
            fault: None,
            line: 0,
            ids: MessageIds::default(),
            in_snapshot: BTreeSet::new(),
        })
    }

    fn time(&self, column: usize) -> Result<i64, CaptureError> {
        let text = self.rows.field(column);
        parse_unsigned(text)
            .filter(|_| text.len() == TIME_DIGITS)
            .and_then(|us| i64::try_from(us).ok()?.checked_mul(1_000))
            .ok_or_else(|| self.rows.expected(column, "a time in µs"))
    }

    fn is_snapshot(&self) -> Result<bool, CaptureError> {
        let Table::IncrementalBook { is_snapshot, .. } = self.table else {
            return Ok(false);
        };
        let text = self.rows.field(is_snapshot);
        if text.eq_ignore_ascii_case(b"true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case(b"false") {
            Ok(false)
        } else {
            Err(self.rows.expected(is_snapshot, "true or false"))
        }
    }

    /// Makes the row at hand the first of a message.
    fn begin(&mut self) -> Result<(), CaptureError> {
        let [exchange, symbol, timestamp, local_timestamp] = self.columns;
        let exchange_ns = self.time(timestamp)?;
        let local_ns = self.time(local_timestamp)?;
        let is_snapshot = self.is_snapshot()?;
        for column in [exchange, symbol] {
            if !(1..=LONGEST_NAME).contains(&self.rows.field(column).len()) {
                return Err(self.rows.expected(column, "a name"));
            }
        }
        let key = &mut self.key;
        key.exchange_ns = exchange_ns;
        key.local_ns = local_ns;
        key.is_snapshot = is_snapshot;
        key.symbol.clear();
        key.symbol.extend_from_slice(self.rows.field(exchange));
        key.exchange_length = key.symbol.len();
        key.symbol.push(b'.');
        key.symbol.extend_from_slice(self.rows.field(symbol));
        self.levels.clear();
        self.flags = 0;
        self.fault = None;
        self.line = self.rows.line();
        Ok(())
    }

    /// Whether the row at hand belongs to the message that was begun.
    fn continues(&self) -> Result<bool, CaptureError> {
        let [exchange, symbol, timestamp, local_timestamp] = self.columns;
        let key = &self.key;
        let (own_exchange, own_symbol) = key.symbol.split_at(key.exchange_length);
        Ok(self.time(local_timestamp)? == key.local_ns
            && self.time(timestamp)? == key.exchange_ns
            && self.is_snapshot()? == key.is_snapshot
            && self.rows.field(symbol) == &own_symbol[1..]
            && self.rows.field(exchange) == own_exchange
            && self.levels.len() < MOST_ROWS)
    }

    fn take(&mut self, side: Side, (price, amount): Pair) -> Result<(), CaptureError> {
        let rows = &self.rows;
        let place = rows.place(price);
        self.levels
            .push(side, rows.field(price), rows.field(amount), place)
            .map_err(|fault| place.error(rows.path(), fault))
    }

    /// Takes the levels of the row at hand.
    fn take_row(&mut self) -> Result<(), CaptureError> {
        match &self.table {
            Table::IncrementalBook { side, level, .. } => {
                let level = *level;
                let side = match self.rows.field(*side) {
                    b"bid" => Side::Buy,
                    b"ask" => Side::Sell,
                    _ => return Err(self.rows.expected(*side, "bid or ask")),
                };
                self.take(side, level)
            }
            Table::BookSnapshot { bids, asks } => {
                let rows = &self.rows;
                for (side, columns) in [(Side::Buy, bids), (Side::Sell, asks)] {
                    for (price, amount) in columns {
                        // A book with fewer levels leaves cells empty.
                        if rows.field(*price).is_empty() {
                            continue;
                        }
                        let place = rows.place(*price);
                        self.levels
                            .push(side, rows.field(*price), rows.field(*amount), place)
                            .map_err(|fault| place.error(rows.path(), fault))?;
                    }
                }
                Ok(())
            }
            Table::Trades { side, level } => {
                let level = *level;
                self.flags = match self.rows.field(*side) {
                    b"buy" => 0,
                    b"sell" => FLAG_BUYER_IS_MAKER,
                    b"unknown" => FLAG_AGGRESSOR_UNKNOWN,
                    _ => return Err(self.rows.expected(*side, "buy, sell or unknown")),
                };
                self.take(Side::Buy, level)
            }
            Table::Quotes { bid, ask } => {
                let (bid, ask) = (*bid, *ask);
                // A book without a side leaves both its cells empty; one empty cell is damage.
                let empty = |(price, amount): Pair| {
                    self.rows.field(price).is_empty() && self.rows.field(amount).is_empty()
                };
                if empty(bid) || empty(ask) {
                    return Ok(());
                }
                self.take(Side::Buy, bid)?;
                self.take(Side::Sell, ask)
            }
        }
    }

    /// Reads the further rows of a message of the incremental book.
    fn take_further_rows(&mut self) -> Result<(), CaptureError> {
        loop {
            let read = match self.rows.advance() {
                Ok(true) => self.continues(),
                Ok(false) => return Ok(()),
                Err(error @ CaptureError::Frame { .. }) => Err(error),
                // The message may have had more rows than those before the damage.
                Err(error) => return Err(error),
            };
            match read {
                Ok(true) => {
                    let taken = self.take_row();
                    self.fault = self.fault.take().or(taken.err());
                }
                Ok(false) => {
                    self.rows.hand_back();
                    return Ok(());
                }
                Err(error) => {
                    self.rows.fail_later(error);
                    return Ok(());
                }
            }
        }
    }

    /// What the message is, given what the rows before it were.
    fn classify(&mut self) -> Result<(), CaptureError> {
        self.kind = match self.table {
            Table::BookSnapshot { .. } => MessageKind::Snapshot,
            Table::Trades { .. } => MessageKind::Trade,
            Table::Quotes { .. } => MessageKind::Ticker,
            Table::IncrementalBook { .. } => {
                let symbol = &self.key.symbol;
                let known = self.in_snapshot.contains(symbol);
                match (self.key.is_snapshot, known) {
                    (true, false) => {
                        if self.in_snapshot.len() == MOST_SNAPSHOTS {
                            return Err(CaptureError::Content {
                                path: self.rows.path().to_owned(),
                                line: self.line,
                                what: format!(
                                    "snapshots of more than {MOST_SNAPSHOTS} symbols at once"
                                ),
                            });
                        }
                        self.in_snapshot.insert(symbol.clone());
                        MessageKind::Snapshot
                    }
                    (false, true) => {
                        self.in_snapshot.remove(symbol);
                        MessageKind::Diff
                    }
                    _ => MessageKind::Diff,
                }
            }
        };
        Ok(())
    }
}

impl Source for TardisSource {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        if !self.rows.advance()? {
            return Ok(None);
        }
        self.begin()?;
        let taken = self.take_row();
        self.fault = taken.err();
        if matches!(self.table, Table::IncrementalBook { .. }) {
            self.take_further_rows()?;
        }
        self.classify()?;
        Ok(Some(self.key.local_ns))
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.kind == MessageKind::Ticker && self.levels.len() == 0 {
            return Ok(false);
        }
        let id = self.ids.next(self.key.local_ns);
        let event = WireEvent {
            kind: self.kind,
            market: Some(Market::Tardis),
            symbol: Some(&self.key.symbol),
            stream: self.stream.as_bytes(),
            sent_ns: Some(self.key.exchange_ns),
            exchange_ns: Some(self.key.exchange_ns),
            first_id: id,
            last_id: id,
            previous_id: 0,
            flags: self.flags,
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
#[path = "tardis_tests.rs"]
mod tests;
