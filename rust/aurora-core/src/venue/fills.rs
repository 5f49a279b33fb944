//! Reports of the venue: what happened, its fee, when it is known.

use serde::{Deserialize, Serialize};

use crate::book::Quote;
use crate::event::Level;
use crate::execution::{
    ClientId, Evidence, ExecutionReport, LastFill, Liquidity, OrderSpec, Rejection, ReportStatus,
    Touch,
};
use crate::instrument::Instrument;

/// Fee rates in 1e-8 of notional (2 bps = 20 000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueFees {
    pub maker_e8: i64,
    pub taker_e8: i64,
}

/// When something happens at the venue, and when its reports are known locally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub exchange_ns: i64,
    pub local_ns: i64,
}

/// What a fill needs to know beside the order.
pub(super) struct Matching<'a> {
    pub fees: VenueFees,
    pub trades: &'a mut u64,
    pub stamp: Stamp,
    pub out: &'a mut Vec<ExecutionReport>,
}

impl Matching<'_> {
    pub fn report(&mut self, spec: &OrderSpec, status: ReportStatus, cumulative: i64) {
        self.push(
            spec.client_id,
            status,
            cumulative,
            None,
            None,
            Evidence::VenueEvent,
        );
    }

    pub fn reject(&mut self, spec: &OrderSpec, rejection: Rejection) {
        let reason = Some(rejection);
        self.push(
            spec.client_id,
            ReportStatus::Rejected,
            0,
            None,
            reason,
            Evidence::VenueReply,
        );
    }

    pub fn push(
        &mut self,
        client_id: ClientId,
        status: ReportStatus,
        cumulative: i64,
        last: Option<LastFill>,
        rejection: Option<Rejection>,
        evidence: Evidence,
    ) {
        self.out.push(ExecutionReport {
            client_id,
            status,
            cumulative,
            last,
            rejection,
            evidence,
            exchange_ns: self.stamp.exchange_ns,
            local_ns: self.stamp.local_ns,
        });
    }

    /// One trade of ours; `filled` counts it already.
    pub fn fill(
        &mut self,
        market: (&Instrument, &mut i64, Option<Quote>),
        spec: &OrderSpec,
        level: Level,
        filled: i64,
        liquidity: Liquidity,
    ) {
        let (instrument, position, touch) = market;
        let rate = match liquidity {
            Liquidity::Maker => self.fees.maker_e8,
            Liquidity::Taker => self.fees.taker_e8,
        };
        *position += spec.side.sign() * level.size;
        *self.trades += 1;
        let last = LastFill {
            trade_id: *self.trades,
            price: level.price,
            size: level.size,
            fee: instrument
                .notional(level.price, level.size)
                .times_rate(rate),
            liquidity,
            touch: touch.and_then(|quote| Touch::new(quote.bid.price, quote.ask.price)),
        };
        let status = if filled >= spec.size {
            ReportStatus::Filled
        } else {
            ReportStatus::PartiallyFilled
        };
        self.push(
            spec.client_id,
            status,
            filled,
            Some(last),
            None,
            Evidence::VenueEvent,
        );
    }
}
