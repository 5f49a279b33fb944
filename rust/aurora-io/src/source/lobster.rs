//! LOBSTER: a file of order events (`..._message_N.csv`) and, beside it, the book of N levels after each of them
//! (`..._orderbook_N.csv`). <https://lobsterdata.com/info/DataStructure.php>
//!
//! Each event gives its row of the book as a snapshot, after the trade it may be. Without the book's file only
//! increments can be told: each level is then the sum of the orders that were seen to be submitted, so the book
//! holds nothing that rested before the file began and is to be read unsynchronised.
//!
//! Times are seconds after midnight in New York on the day in the file's name. The file does not say how far that
//! is from UTC, so it is taken as UTC: all times lie four or five hours before the true ones.

use std::path::Path;

use aurora_core::event::{
    MessageKind, FLAG_AGGRESSOR_UNKNOWN, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE,
};
use aurora_core::instrument::{Market, Side};
use aurora_core::units::parse_quanta;
use aurora_core::wire::{EventSink, WireEvent, WireFault, WireLevels};

use super::csv::CsvRows;
use super::decimal::parse_unsigned;
use super::lobster_orders::{OrderChange, RestingOrders};
use super::rows::{MessageIds, RowTable};
use super::Source;
use crate::CaptureError;

/// Columns of an event: time, type, order id, size, price, direction.
const MESSAGE_WIDTH: usize = 6;
const TIME: usize = 0;
const KIND: usize = 1;
const ORDER: usize = 2;
const SIZE: usize = 3;
const PRICE: usize = 4;
const DIRECTION: usize = 5;
/// Columns of a level: ask price, ask size, bid price, bid size.
const LEVEL_WIDTH: usize = 4;
const DAY_NS: i64 = 86_400_000_000_000;
/// Years whose days can be told in ns of 64 bits.
const YEARS: std::ops::Range<i64> = 1970..2262;
/// Most orders that rest at a time; each is held until it goes.
const MOST_ORDERS: usize = 1 << 22;
/// Prices where a side has no further level, with and without sign.
const NO_LEVEL: [&[u8]; 2] = [b"9999999999", b"-9999999999"];
/// Prices are ten-thousandths of a dollar.
const PRICE_DECIMALS: usize = 4;

/// Whether a line can be a row of either file: whole numbers alone, but for a time in front.
pub fn is_row(line: &[u8]) -> bool {
    let whole = |field: &[u8]| {
        let digits = field.strip_prefix(b"-").unwrap_or(field);
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    let mut fields = line.split(|byte| *byte == b',');
    let width = fields.clone().count();
    if width == MESSAGE_WIDTH {
        let time = fields.next().unwrap_or_default();
        return parse_quanta(time, 9).is_ok_and(|ns| ns >= 0) && fields.all(whole);
    }
    width.is_multiple_of(LEVEL_WIDTH) && fields.all(whole)
}

/// Symbol and day (ns since 1970) of `AAPL_2012-06-21_..._message_10.csv`.
fn parse_name(name: &str) -> Option<(String, i64)> {
    let (symbol, rest) = name.split_once('_')?;
    let (date, _) = rest.split_once('_')?;
    let mut parts = date.split('-');
    let mut part = |digits: usize| {
        let text = parts.next()?;
        (text.len() == digits).then_some(())?;
        i64::try_from(parse_unsigned(text.as_bytes())?).ok()
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if symbol.is_empty()
        || parts.next().is_some()
        || !(1..=length).contains(&day)
        || !YEARS.contains(&year)
    {
        return None;
    }
    // Days of a calendar whose year begins in March (Hinnant, chrono-compatible low-level date algorithms).
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some((symbol.to_owned(), days * DAY_NS))
}

/// What an event shows beside the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// Stream and flags of a trade.
    Trade(&'static [u8], u8),
    Halt,
}

pub struct LobsterSource {
    messages: CsvRows,
    /// The file of books; None: increments from orders.
    books: Option<CsvRows>,
    orders: RestingOrders,
    symbol: String,
    midnight_ns: i64,
    local_ns: i64,
    levels: RowTable,
    price: Vec<u8>,
    ids: MessageIds,
}

impl LobsterSource {
    /// # Errors
    /// A file that cannot be read, is not named as LOBSTER names files, or holds books instead of events.
    pub fn open(path: &str) -> Result<LobsterSource, CaptureError> {
        let format = |what: String| CaptureError::Format {
            path: path.to_owned(),
            what,
        };
        let file = Path::new(path);
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        if name.contains("_orderbook_") {
            return Err(format(format!(
                "a LOBSTER file of books, which has no times; give {} instead, this one will be found beside it",
                name.replace("_orderbook_", "_message_")
            )));
        }
        let (symbol, midnight_ns) = parse_name(name)
            .filter(|_| name.contains("_message_"))
            .ok_or_else(|| {
                format("a LOBSTER file keeps symbol and day in its name; name it as in AAPL_2012-06-21_34200000_57600000_message_10.csv".into())
            })?;
        let messages = CsvRows::open(path)?;
        let companion = file.with_file_name(name.replace("_message_", "_orderbook_"));
        let books = match companion.to_str() {
            Some(companion) if Path::new(companion).exists() => Some(CsvRows::open(companion)?),
            _ => None,
        };
        Ok(LobsterSource {
            messages,
            books,
            orders: RestingOrders::default(),
            symbol,
            midnight_ns,
            local_ns: 0,
            levels: RowTable::default(),
            price: Vec::new(),
            ids: MessageIds::default(),
        })
    }

    fn time(&self) -> Result<i64, CaptureError> {
        let rows = &self.messages;
        parse_quanta(rows.field(TIME), 9)
            .ok()
            .filter(|ns| (0..=DAY_NS).contains(ns))
            .map(|ns| self.midnight_ns + ns)
            .ok_or_else(|| rows.expected(TIME, "seconds after midnight"))
    }

    /// Moves the books on with the events, so that they stay level.
    fn advance_books(&mut self) -> Result<(), CaptureError> {
        let Some(books) = &mut self.books else {
            return Ok(());
        };
        if !books.advance()? {
            return Err(CaptureError::Content {
                path: books.path().to_owned(),
                line: books.line() + 1,
                what: "the books end before the events".into(),
            });
        }
        Ok(())
    }

    fn shown(&self) -> Result<Shown, CaptureError> {
        let rows = &self.messages;
        // The direction is that of the resting order.
        let aggressor = match rows.field(DIRECTION) {
            b"1" => FLAG_BUYER_IS_MAKER,
            b"-1" => 0,
            _ => return Err(rows.expected(DIRECTION, "direction 1 or -1")),
        };
        match rows.field(KIND) {
            b"1" | b"2" | b"3" => Ok(Shown::Nothing),
            b"4" => Ok(Shown::Trade(b"trade", aggressor)),
            b"5" => Ok(Shown::Trade(b"hidden", aggressor)),
            b"6" => Ok(Shown::Trade(
                b"cross",
                FLAG_AGGRESSOR_UNKNOWN | FLAG_NO_MARKET_TRADE,
            )),
            b"7" => Ok(Shown::Halt),
            _ => Err(rows.expected(KIND, "an event type from 1 to 7")),
        }
    }

    fn hand_over(
        &mut self,
        kind: MessageKind,
        stream: &[u8],
        flags: u8,
        sink: &mut dyn EventSink,
    ) -> Result<(), CaptureError> {
        let id = self.ids.next(self.local_ns);
        let event = WireEvent {
            kind,
            market: Some(Market::Lobster),
            symbol: Some(self.symbol.as_bytes()),
            stream,
            sent_ns: Some(self.local_ns),
            exchange_ns: Some(self.local_ns),
            first_id: id,
            last_id: id,
            previous_id: 0,
            flags,
            levels: WireLevels::Rows {
                bids: &[],
                asks: &[],
            },
        };
        let path = match (&self.books, kind) {
            (Some(books), MessageKind::Snapshot) => books.path(),
            _ => self.messages.path(),
        };
        self.levels.hand_over(&event, path, sink)
    }

    fn trade(
        &mut self,
        stream: &[u8],
        flags: u8,
        sink: &mut dyn EventSink,
    ) -> Result<(), CaptureError> {
        self.levels.clear();
        push(
            &mut self.levels,
            &mut self.price,
            &self.messages,
            Side::Buy,
            (PRICE, SIZE),
        )?;
        self.hand_over(MessageKind::Trade, stream, flags, sink)
    }

    /// The row of the book after the event.
    fn snapshot(&mut self, sink: &mut dyn EventSink) -> Result<(), CaptureError> {
        self.levels.clear();
        if let Some(books) = &self.books {
            if !books.width().is_multiple_of(LEVEL_WIDTH) {
                return Err(books.expected(0, "four columns a level"));
            }
            for column in (0..books.width()).step_by(LEVEL_WIDTH) {
                for (side, price) in [(Side::Sell, column), (Side::Buy, column + 2)] {
                    if !NO_LEVEL.contains(&books.field(price)) {
                        let cells = (price, price + 1);
                        push(&mut self.levels, &mut self.price, books, side, cells)?;
                    }
                }
            }
        }
        self.hand_over(MessageKind::Snapshot, b"orderbook", 0, sink)
    }

    /// The level that the event changed, as far as its orders are known; false when it changed none.
    fn increment(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        let rows = &self.messages;
        let number = |column: usize, expected| {
            parse_unsigned(rows.field(column))
                .and_then(|number| i64::try_from(number).ok())
                .ok_or_else(|| rows.expected(column, expected))
        };
        let size = number(SIZE, "a size")?;
        let price = number(PRICE, "a price")?;
        let order = number(ORDER, "an order id")?;
        let side = match rows.field(DIRECTION) {
            b"1" => Side::Buy,
            _ => Side::Sell,
        };
        let change = match rows.field(KIND) {
            b"1" => OrderChange::Submitted { side, price, size },
            b"3" => OrderChange::Deleted,
            // Cancelled in part, or executed.
            _ => OrderChange::Reduced { size },
        };
        let Some(level) = self.orders.apply(order, change) else {
            return Ok(false);
        };
        if self.orders.len() > MOST_ORDERS {
            return Err(CaptureError::Content {
                path: rows.path().to_owned(),
                line: rows.line(),
                what: format!(
                    "more than {MOST_ORDERS} orders rest; give the file of books beside it"
                ),
            });
        }
        let place = rows.place(PRICE);
        self.levels.clear();
        self.price.clear();
        append_price(level.price.to_string().as_bytes(), &mut self.price);
        let size = level.size.to_string();
        self.levels
            .push(level.side, &self.price, size.as_bytes(), place)
            .map_err(|fault| place.error(rows.path(), fault))?;
        self.hand_over(MessageKind::Diff, b"order", 0, sink)?;
        Ok(true)
    }
}

/// Whole ten-thousandths as a decimal.
fn append_price(digits: &[u8], price: &mut Vec<u8>) {
    let whole = digits.len().saturating_sub(PRICE_DECIMALS);
    price.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    price.push(b'.');
    let missing = PRICE_DECIMALS.saturating_sub(digits.len());
    price.extend(std::iter::repeat_n(b'0', missing));
    price.extend_from_slice(&digits[whole..]);
}

fn push(
    levels: &mut RowTable,
    text: &mut Vec<u8>,
    rows: &CsvRows,
    side: Side,
    (price, size): (usize, usize),
) -> Result<(), CaptureError> {
    if parse_unsigned(rows.field(price)).is_none() {
        return Err(rows.expected(price, "a price in ten-thousandths"));
    }
    text.clear();
    append_price(rows.field(price), text);
    let place = rows.place(price);
    levels
        .push(side, text, rows.field(size), place)
        .map_err(|fault: WireFault| place.error(rows.path(), fault))
}

impl Source for LobsterSource {
    fn advance(&mut self) -> Result<Option<i64>, CaptureError> {
        let read = match self.messages.advance() {
            Ok(true) if self.messages.width() != MESSAGE_WIDTH => {
                Err(self.messages.expected(0, "six columns"))
            }
            Ok(true) => self.time(),
            Ok(false) => {
                if let Some(books) = &mut self.books {
                    if books.advance()? {
                        return Err(CaptureError::Content {
                            path: books.path().to_owned(),
                            line: books.line(),
                            what: "a book behind the last event".into(),
                        });
                    }
                }
                return Ok(None);
            }
            Err(error @ CaptureError::Frame { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        // Before any error of the event is told: the next call goes on behind both rows.
        self.advance_books()?;
        self.local_ns = read?;
        Ok(Some(self.local_ns))
    }

    fn events(&mut self, sink: &mut dyn EventSink) -> Result<bool, CaptureError> {
        let shown = self.shown()?;
        if shown == Shown::Halt {
            return Ok(false);
        }
        let traded = match shown {
            Shown::Trade(stream, flags) => {
                self.trade(stream, flags, sink)?;
                true
            }
            _ => false,
        };
        if self.books.is_some() {
            self.snapshot(sink)?;
            return Ok(true);
        }
        let visible = !matches!(shown, Shown::Trade(b"hidden" | b"cross", _));
        Ok((visible && self.increment(sink)?) || traded)
    }

    fn path(&self) -> &str {
        self.messages.path()
    }

    fn line(&self) -> u64 {
        self.messages.line()
    }
}

#[cfg(test)]
#[path = "lobster_tests.rs"]
mod tests;
