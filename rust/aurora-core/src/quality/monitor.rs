//! One pass over the messages of an instrument that counts whatever may be wrong with them.

use serde::{Deserialize, Serialize};

use super::{ClockDrift, ClockMonitor, Latency, TickMonitor, TickSizes};
use crate::book::{Book, BookCounters, BookState, Quote};
use crate::event::{
    EventBlock, Message, MessageKind, FLAG_EXCHANGE_TIME_ESTIMATED, FLAG_LOCAL_TIME_HELD,
    FLAG_NO_MARKET_TRADE,
};
use crate::features::{MarketTrade, OutlierPrints};
use crate::instrument::{Instrument, Market, SequenceRule};

/// Fed with each message after the book has taken it; see [`Quality`] for what it measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityMonitor {
    /// Added to corrected times to have them as captured.
    clock_offset_ns: i64,
    /// Snapshots are answers to a request: their delay is no latency of the stream.
    requested_snapshots: bool,
    /// A book after every order event tells as much as the changes do.
    book_per_event: bool,
    messages: u64,
    tickers: u64,
    trades: u64,
    no_market_trades: u64,
    late: u64,
    exchange_time_estimated: u64,
    first_ns: i64,
    last_ns: i64,
    state: BookState,
    was_synchronised: bool,
    awaiting_ns: i64,
    stale_ns: i64,
    unsynchronised_ns: i64,
    longest_pause_ns: i64,
    first_outlier_ns: Option<i64>,
    unconfirmed_prints: u64,
    clock: ClockMonitor,
    prints: OutlierPrints,
    ticks: TickMonitor,
}

/// What a capture of one instrument is worth. Times are receive times as captured, ns; prices are quanta.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    pub state: BookState,
    pub counters: BookCounters,
    pub messages: u64,
    pub tickers: u64,
    pub trades: u64,
    pub first_ns: i64,
    pub last_ns: i64,
    /// Messages whose receive time lay before that of the message ahead and was held there.
    pub late: u64,
    /// Messages without an exchange time of their own, or with one that cannot be true.
    pub exchange_time_estimated: u64,
    /// Time before the first synchronisation, after it without one, and read without one on request.
    pub awaiting_ns: i64,
    pub stale_ns: i64,
    pub unsynchronised_ns: i64,
    pub longest_pause_ns: i64,
    /// Books came whole and never as changes: what happened between them is not known.
    pub snapshot_only: bool,
    /// The book was synchronised at least once.
    pub was_synchronised: bool,
    /// None where no message can be compared.
    pub latency: Option<Latency>,
    /// None in less than three minutes of messages that can be compared.
    pub drift: Option<ClockDrift>,
    /// Trades that the exchange flagged as no market trades.
    pub no_market_trades: u64,
    /// Trades compared with those before them, the outliers among them, and when the first of these came.
    pub judged_prints: u64,
    pub outlier_prints: u64,
    pub first_outlier_ns: Option<i64>,
    /// Outliers that the book does not bear out: no usable touch, or the price lies more than 50 basis points outside
    /// it. The others are moves of the market.
    pub unconfirmed_prints: u64,
    pub ticks: TickSizes,
}

impl Quality {
    /// Level updates applied to the book, tickers and trades.
    pub fn events(&self) -> u64 {
        self.counters.level_updates + self.tickers + self.trades
    }
}

/// Farther outside the touch than this, a print is not of that book.
const CONFIRMED_BPS: i128 = 50;

fn is_near(touch: &Quote, price: i64) -> bool {
    let outside = (touch.bid.price - price).max(price - touch.ask.price);
    i128::from(outside) * 10_000 <= CONFIRMED_BPS * i128::from(touch.bid.price)
}

impl QualityMonitor {
    /// `clock_offset_ns`: what was taken off the receive times of the messages to come.
    pub fn new(instrument: &Instrument, clock_offset_ns: i64) -> QualityMonitor {
        QualityMonitor {
            clock_offset_ns,
            requested_snapshots: matches!(
                instrument.id.market.sequence_rule(),
                SequenceRule::BinanceFutures | SequenceRule::BinanceSpot
            ),
            book_per_event: instrument.id.market == Market::Lobster,
            messages: 0,
            tickers: 0,
            trades: 0,
            no_market_trades: 0,
            late: 0,
            exchange_time_estimated: 0,
            first_ns: 0,
            last_ns: 0,
            state: BookState::AwaitingSnapshot,
            was_synchronised: false,
            awaiting_ns: 0,
            stale_ns: 0,
            unsynchronised_ns: 0,
            longest_pause_ns: 0,
            first_outlier_ns: None,
            unconfirmed_prints: 0,
            clock: ClockMonitor::default(),
            prints: OutlierPrints::default(),
            ticks: TickMonitor::new(instrument.tick),
        }
    }

    /// Takes a message of `block` and the book as it stands after it.
    pub fn observe(&mut self, block: &EventBlock, message: &Message, book: &Book) {
        self.pass_time(message.local_ns);
        self.state = book.state();
        self.was_synchronised |= self.state.is_synced();
        self.messages += 1;
        let received_ns = message.local_ns.saturating_add(self.clock_offset_ns);
        let late = message.has(FLAG_LOCAL_TIME_HELD);
        let estimated = message.has(FLAG_EXCHANGE_TIME_ESTIMATED);
        self.late += u64::from(late);
        self.exchange_time_estimated += u64::from(estimated);
        let requested = self.requested_snapshots && message.kind == MessageKind::Snapshot;
        if !late && !estimated && !requested {
            self.clock.observe(received_ns, message.exchange_ns);
        }
        if message.kind == MessageKind::Trade {
            self.observe_trade(block, message, received_ns, book);
            return;
        }
        self.tickers += u64::from(message.kind == MessageKind::Ticker);
        if let Some(touch) = book.touch() {
            self.ticks
                .touch(received_ns, touch.bid.price, touch.ask.price);
        }
    }

    /// The time since the message before belongs to the state which that one left behind.
    fn pass_time(&mut self, local_ns: i64) {
        if self.messages == 0 {
            self.first_ns = local_ns;
        } else {
            let passed_ns = local_ns.saturating_sub(self.last_ns);
            self.longest_pause_ns = self.longest_pause_ns.max(passed_ns);
            let time = match self.state {
                BookState::Synced => None,
                BookState::Unsynchronised => Some(&mut self.unsynchronised_ns),
                BookState::AwaitingSnapshot | BookState::Stale(_) if self.was_synchronised => {
                    Some(&mut self.stale_ns)
                }
                BookState::AwaitingSnapshot | BookState::Stale(_) => Some(&mut self.awaiting_ns),
            };
            if let Some(time) = time {
                *time = time.saturating_add(passed_ns);
            }
        }
        self.last_ns = local_ns;
    }

    fn observe_trade(
        &mut self,
        block: &EventBlock,
        message: &Message,
        received_ns: i64,
        book: &Book,
    ) {
        self.trades += 1;
        if message.has(FLAG_NO_MARKET_TRADE) {
            self.no_market_trades += 1;
            return;
        }
        let Some(trade) = MarketTrade::read(block, message) else {
            return;
        };
        self.ticks.trade(received_ns, trade.price);
        if self.prints.is_outlier(trade) == Ok(true) {
            self.first_outlier_ns.get_or_insert(received_ns);
            let confirmed = book
                .touch()
                .is_some_and(|touch| is_near(&touch, trade.price));
            self.unconfirmed_prints += u64::from(!confirmed);
        }
    }

    /// Everything measured so far; `book` is the one that was observed.
    pub fn quality(&self, book: &Book) -> Quality {
        let counters = *book.counters();
        let captured = |local_ns: i64| {
            if self.messages == 0 {
                0
            } else {
                local_ns.saturating_add(self.clock_offset_ns)
            }
        };
        Quality {
            state: book.state(),
            counters,
            messages: self.messages,
            tickers: self.tickers,
            trades: self.trades,
            first_ns: captured(self.first_ns),
            last_ns: captured(self.last_ns),
            late: self.late,
            exchange_time_estimated: self.exchange_time_estimated,
            awaiting_ns: self.awaiting_ns,
            stale_ns: self.stale_ns,
            unsynchronised_ns: self.unsynchronised_ns,
            longest_pause_ns: self.longest_pause_ns,
            was_synchronised: self.was_synchronised,
            snapshot_only: counters.snapshots > 0 && counters.diffs == 0 && !self.book_per_event,
            latency: self.clock.latency(),
            drift: self.clock.drift(),
            no_market_trades: self.no_market_trades,
            judged_prints: self.prints.judged(),
            outlier_prints: self.prints.outliers(),
            first_outlier_ns: self.first_outlier_ns,
            unconfirmed_prints: self.unconfirmed_prints,
            ticks: self.ticks.sizes(),
        }
    }
}

#[cfg(test)]
#[path = "monitor_tests.rs"]
mod tests;
