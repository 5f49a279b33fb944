//! Orders of several instruments against their recorded books.

use serde::{Deserialize, Serialize};

use super::depth::TakenLevels;
use super::fills::{Matching, Stamp, VenueFees};
use super::instrument::InstrumentVenue;
use crate::book::{Applied, Book};
use crate::event::{
    EventBlock, Level, Message, MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE,
};
use crate::execution::{
    ClientId, Evidence, ExecutionReport, Order, OrderSpec, Rejection, ReportStatus,
};
use crate::instrument::{Instrument, Side};

/// A venue with one account; see the module for its rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimulatedVenue {
    fees: VenueFees,
    markets: Vec<InstrumentVenue>,
    trades: u64,
    #[serde(skip)]
    matches: Vec<Level>,
}

impl SimulatedVenue {
    pub fn new(instruments: &[Instrument], fees: VenueFees) -> SimulatedVenue {
        let markets = instruments.iter().map(|instrument| InstrumentVenue {
            instrument: instrument.clone(),
            book: Book::new(instrument.id.market, instrument.tick)
                .with_decimals(instrument.price_exponent, instrument.size_exponent),
            resting: Vec::new(),
            stops: Vec::new(),
            taken: TakenLevels::default(),
            position: 0,
            last_trade: None,
        });
        SimulatedVenue {
            fees,
            markets: markets.collect(),
            trades: 0,
            matches: Vec::new(),
        }
    }

    pub fn book(&self, instrument: usize) -> &Book {
        &self.markets[instrument].book
    }

    /// Position as the venue holds it.
    pub fn position(&self, instrument: usize) -> i64 {
        self.markets[instrument].position
    }

    /// Orders and stops that have not ended.
    pub fn open_orders(&self, instrument: usize) -> Vec<OrderSpec> {
        let market = &self.markets[instrument];
        let resting = market.resting.iter().map(|order| order.spec);
        resting
            .chain(market.stops.iter().map(|stop| stop.spec))
            .collect()
    }

    /// Takes one market message of `block`.
    pub fn market(
        &mut self,
        instrument: usize,
        block: &EventBlock,
        message: &Message,
        stamp: Stamp,
        out: &mut Vec<ExecutionReport>,
    ) {
        let market = &mut self.markets[instrument];
        let mut matching = Matching {
            fees: self.fees,
            trades: &mut self.trades,
            stamp,
            out,
        };
        if message.kind == MessageKind::Trade {
            if message.has(FLAG_NO_MARKET_TRADE) {
                return;
            }
            if let Some(trade) = block.bids(message).first() {
                let aggressor = if message.has(FLAG_BUYER_IS_MAKER) {
                    Side::Sell
                } else {
                    Side::Buy
                };
                market.trade(*trade, aggressor, &mut matching, &mut self.matches);
            }
            return;
        }
        if market.book.apply(block, message) == Applied::Changed {
            market.taken.refresh(&market.book);
            if !market.resting.is_empty() || !market.stops.is_empty() {
                market.book_changed(&mut matching, &mut self.matches);
            }
        }
    }

    /// Takes an order that arrives.
    pub fn place(&mut self, order: &Order, stamp: Stamp, out: &mut Vec<ExecutionReport>) {
        let spec = *order.spec();
        let market = &mut self.markets[spec.instrument];
        let mut matching = Matching {
            fees: self.fees,
            trades: &mut self.trades,
            stamp,
            out,
        };
        match market.refuse(&spec) {
            Some(rejection) => matching.reject(&spec, rejection),
            None => {
                matching.push(
                    spec.client_id,
                    ReportStatus::Accepted,
                    0,
                    None,
                    None,
                    Evidence::VenueReply,
                );
                market.admit(spec, &mut matching, &mut self.matches);
            }
        }
    }

    /// Takes a cancel that arrives.
    pub fn cancel(
        &mut self,
        instrument: usize,
        client_id: ClientId,
        stamp: Stamp,
        out: &mut Vec<ExecutionReport>,
    ) {
        let market = &mut self.markets[instrument];
        let mut matching = Matching {
            fees: self.fees,
            trades: &mut self.trades,
            stamp,
            out,
        };
        let resting = market
            .resting
            .iter()
            .position(|order| order.spec.client_id == client_id);
        let stop = market
            .stops
            .iter()
            .position(|stop| stop.spec.client_id == client_id);
        let (status, cumulative, rejection) = if let Some(index) = resting {
            (
                ReportStatus::Cancelled,
                market.resting.remove(index).filled,
                None,
            )
        } else if let Some(index) = stop {
            market.stops.remove(index);
            (ReportStatus::Cancelled, 0, None)
        } else {
            (
                ReportStatus::CancelRejected,
                0,
                Some(Rejection::UnknownOrder),
            )
        };
        matching.push(
            client_id,
            status,
            cumulative,
            None,
            rejection,
            Evidence::VenueReply,
        );
    }
}
