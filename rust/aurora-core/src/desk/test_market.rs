//! Small markets for tests: frames of one USDⓈ-M instrument with ids that follow, and the desk around them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::{Book, Ladder};
use crate::event::{Level, MessageFields, MessageKind, FLAG_BUYER_IS_MAKER};
use crate::execution::{ConductSettings, HardLimits, MakerFirst, Proposal, Route};
use crate::instrument::{InstrumentId, Market, Side};
use crate::units::Money;

pub(crate) fn instrument(symbol: &str) -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Market::BinanceUsdm,
            symbol: symbol.to_string(),
        },
        price_exponent: 1,
        size_exponent: 3,
        tick: 1,
        lot: 1,
        min_notional: Money::ZERO,
    }
}

/// Frames of one instrument, in the order they arrive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    pub block: EventBlock,
    last_id: u64,
}

impl Frames {
    fn push(
        &mut self,
        kind: MessageKind,
        flags: u8,
        times: (i64, i64),
        ids: (u64, u64, u64),
        bids: &[(i64, i64)],
        asks: &[(i64, i64)],
    ) {
        let start = self.block.levels.len() as u32;
        for (price, size) in bids.iter().chain(asks) {
            self.block.levels.push(Level {
                price: *price,
                size: *size,
            });
        }
        self.block.push(MessageFields {
            local_ns: times.0,
            exchange_ns: times.1,
            first_id: ids.0,
            last_id: ids.1,
            previous_id: ids.2,
            levels_start: start,
            bids: bids.len() as u32,
            asks: asks.len() as u32,
            kind,
            flags,
        });
    }

    /// `times` are (local, exchange).
    pub fn snapshot(
        &mut self,
        times: (i64, i64),
        bids: &[(i64, i64)],
        asks: &[(i64, i64)],
    ) -> &mut Self {
        self.last_id += 10;
        let id = self.last_id;
        self.push(MessageKind::Snapshot, 0, times, (0, id, 0), bids, asks);
        self
    }

    pub fn diff(
        &mut self,
        times: (i64, i64),
        bids: &[(i64, i64)],
        asks: &[(i64, i64)],
    ) -> &mut Self {
        let previous = self.last_id;
        self.last_id += 10;
        let ids = (previous + 1, self.last_id, previous);
        self.push(MessageKind::Diff, 0, times, ids, bids, asks);
        self
    }

    /// A diff whose predecessor is missing.
    pub fn gap(&mut self, times: (i64, i64)) -> &mut Self {
        self.last_id += 10;
        self.diff(times, &[], &[])
    }

    pub fn ticker(&mut self, times: (i64, i64), bid: (i64, i64), ask: (i64, i64)) -> &mut Self {
        let id = self.last_id + 1;
        self.push(MessageKind::Ticker, 0, times, (0, id, 0), &[bid], &[ask]);
        self
    }

    /// A trade in which the aggressor bought or sold.
    pub fn trade(
        &mut self,
        times: (i64, i64),
        price: i64,
        size: i64,
        aggressor: Side,
    ) -> &mut Self {
        let flags = if aggressor == Side::Sell {
            FLAG_BUYER_IS_MAKER
        } else {
            0
        };
        self.push(
            MessageKind::Trade,
            flags,
            times,
            (0, 1, 0),
            &[(price, size)],
            &[],
        );
        self
    }

    /// The frames with local time in [from, until).
    pub fn slice(&self, from: i64, until: i64) -> EventBlock {
        let mut slice = EventBlock::default();
        for message in &self.block.messages {
            if (from..until).contains(&message.local_ns) {
                slice.push_from(&self.block, message);
            }
        }
        slice
    }

    /// Touch changes as seen in local order.
    pub fn quotes(&self, instrument: &Instrument) -> Vec<QuoteRow> {
        let mut book = Book::new(instrument.id.market, instrument.tick);
        let mut rows: Vec<QuoteRow> = Vec::new();
        for message in &self.block.messages {
            book.apply(&self.block, message);
            let (bid, ask) = book
                .touch()
                .map_or((0, 0), |quote| (quote.bid.price, quote.ask.price));
            if rows.last().map(|row| (row.bid, row.ask)) != Some((bid, ask)) {
                rows.push(QuoteRow {
                    local_ns: message.local_ns,
                    bid,
                    ask,
                });
            }
        }
        rows
    }
}

pub(crate) fn settings() -> DeskSettings {
    let much = Money(1_000_000_000_000_000);
    DeskSettings {
        start_cash: much,
        order_latency_ns: 5,
        response_latency_ns: 3,
        maker_fee_e8: 20_000,
        taker_fee_e8: 50_000,
        entry_ttl_ns: 1000,
        latency_budget_ns: 100,
        limits: HardLimits {
            max_symbol_notional: much,
            max_gross_notional: much,
            max_day_loss: much,
        },
        maker_first: Some(MakerFirst::default()),
        leverage: None,
        conduct: ConductSettings::default(),
    }
}

pub(crate) fn proposal(
    trace: u64,
    local_ns: i64,
    side: Side,
    route: Route,
    touch: (i64, i64),
) -> Proposal {
    Proposal {
        trace,
        instrument: 0,
        local_ns,
        side,
        size: 10,
        route,
        bid: touch.0,
        ask: touch.1,
        stop_distance: 50,
        deadline_ns: local_ns + 5000,
        limit: 2,
        take_within: None,
        volatility: None,
        depth: None,
    }
}

/// A desk of one instrument with all of its input added.
pub(crate) fn desk_with(settings: DeskSettings, frames: &Frames) -> Desk {
    let mut desk = Desk::new(settings, vec![instrument("A")]).unwrap();
    desk.add_block(0, &frames.block).unwrap();
    desk.add_quotes(0, &frames.quotes(&instrument("A")))
        .unwrap();
    desk
}

/// Levels of a book, to compare with what a test expects.
pub(crate) fn best(desk: &Desk, side: Side) -> Option<i64> {
    desk.venue()
        .book(0)
        .ladder()
        .best(side)
        .map(|level| level.price)
}
