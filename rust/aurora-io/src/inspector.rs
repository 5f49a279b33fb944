//! What blocks of one instrument hold, counted as they pass.

use aurora_core::book::{Book, Ladder};
use aurora_core::event::{EventBlock, MessageKind, FLAG_NO_MARKET_TRADE};
use aurora_core::instrument::{Instrument, Side};
use aurora_core::quality::QualityMonitor;

use crate::inspect::{SymbolReport, TradeTotals};

/// Book, quality and counts of one instrument; blocks are pushed in order.
#[derive(Debug, Clone)]
pub struct Inspector {
    instrument: Instrument,
    book: Book,
    quality: QualityMonitor,
    trades: TradeTotals,
    /// Latest exchange time so far.
    exchange_ns: i64,
}

impl Inspector {
    /// `clock_offset_ns`: what was taken off the receive times of the blocks. `unsynchronised`: the book is read
    /// without waiting for a snapshot.
    pub fn new(instrument: Instrument, clock_offset_ns: i64, unsynchronised: bool) -> Inspector {
        let (market, tick) = (instrument.id.market, instrument.tick);
        let book = if unsynchronised {
            Book::unsynchronised(market, tick)
        } else {
            Book::new(market, tick)
        };
        Inspector {
            book: book.with_decimals(instrument.price_exponent, instrument.size_exponent),
            quality: QualityMonitor::new(&instrument, clock_offset_ns),
            instrument,
            trades: TradeTotals::default(),
            exchange_ns: i64::MIN,
        }
    }

    pub fn book(&self) -> &Book {
        &self.book
    }

    pub fn push(&mut self, block: &EventBlock) {
        for message in &block.messages {
            self.book.apply(block, message);
            self.quality.observe(block, message, &self.book);
            if message.kind == MessageKind::Trade {
                self.trades.trades += 1;
                self.trades.excluded += u64::from(message.has(FLAG_NO_MARKET_TRADE));
                self.trades.size += block
                    .bids(message)
                    .iter()
                    .map(|l| i128::from(l.size))
                    .sum::<i128>();
            }
            self.exchange_ns = self.exchange_ns.max(message.exchange_ns);
        }
    }

    /// Messages that bring a new book to where this one stands; see [`Book::carried`].
    pub fn carried(&self, local_ns: i64) -> EventBlock {
        self.book.carried(local_ns, self.exchange_ns.min(local_ns))
    }

    /// The counts so far; what only the stream knows (names, lines, clock) is left empty.
    pub fn report(&self) -> SymbolReport {
        let ladder = self.book.ladder();
        let quality = self.quality.quality(&self.book);
        SymbolReport {
            messages: quality.messages,
            by_stream: Vec::new(),
            counters: *self.book.counters(),
            state: self.book.state(),
            final_update_id: self.book.update_id(),
            level_counts: (
                ladder.level_count(Side::Buy),
                ladder.level_count(Side::Sell),
            ),
            bids: ladder.top(Side::Buy, 5),
            asks: ladder.top(Side::Sell, 5),
            digest: ladder.digest(&self.instrument),
            trades: self.trades,
            first_ns: quality.first_ns,
            last_ns: quality.last_ns,
            clock_offset_ns: None,
            ignored: 0,
            held: 0,
            bad_lines: 0,
            shown_bad_lines: Vec::new(),
            market_assumed: false,
            quality,
            instrument: self.instrument.clone(),
        }
    }
}
