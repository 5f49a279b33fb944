//! The venue of a replay: one account, the desk's orders in, execution reports out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client_order_id::ClientOrderId;
use super::decimal::Decimal;
use super::error::VenueError;
use super::exchange::Venue;
use super::order::{
    AlgoStatus, NewOrder, OrderStatus, OrderType, PositionSide, SelfTradePrevention,
    TimeInForce as VenueTimeInForce, WorkingType,
};
use super::request::OrderKey;
use super::rules::SymbolRules;
use super::settings::{VenueFees, VenueSettings};
use super::stream::{ExecutionType, TradeRow, UserEvent, UserEventKind};
use crate::book::Book;
use crate::event::{EventBlock, Message};
use crate::execution::{
    ClientId, Evidence, ExecutionReport, LastFill, Order, OrderKind, OrderSpec, Rejection,
    ReportStatus, TimeInForce, Touch,
};
use crate::instrument::Instrument;
use crate::units::Money;

/// The account of the desk.
const ACCOUNT: u32 = 0;

/// When something happens at the venue, and when its reports are known locally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub exchange_ns: i64,
    pub local_ns: i64,
}

/// A [`Venue`] of one account that speaks in execution reports; see the module for its rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimulatedVenue {
    venue: Venue,
    /// Specs of orders that have not ended.
    open: BTreeMap<ClientId, OrderSpec>,
}

impl SimulatedVenue {
    pub fn new(instruments: &[Instrument], fees: VenueFees) -> SimulatedVenue {
        SimulatedVenue::with_settings(instruments, VenueSettings::replay(fees))
    }

    /// A venue of one account without deposit; rules are those of [`SymbolRules::open`].
    pub fn with_settings(instruments: &[Instrument], settings: VenueSettings) -> SimulatedVenue {
        let symbols = instruments
            .iter()
            .map(|instrument| (instrument.clone(), SymbolRules::open(instrument)));
        let mut venue = Venue::new(settings, symbols.collect());
        venue.add_account(Money::ZERO, i64::MIN);
        SimulatedVenue {
            venue,
            open: BTreeMap::new(),
        }
    }

    pub fn book(&self, instrument: usize) -> &Book {
        self.venue.book(instrument)
    }

    /// Position as the venue holds it.
    pub fn position(&self, instrument: usize) -> i64 {
        self.venue.position(ACCOUNT, instrument, PositionSide::Both)
    }

    /// Orders, then stops, that have not ended.
    pub fn open_orders(&self, instrument: usize) -> Vec<OrderSpec> {
        let orders = self.venue.open_orders(ACCOUNT, Some(instrument));
        let algos = self.venue.open_algos(ACCOUNT, Some(instrument));
        let ids = orders.iter().map(|order| order.client_id);
        ids.chain(algos.iter().map(|algo| algo.order.client_id))
            .filter_map(|id| self.open.get(&desk_id(id)?).copied())
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
        self.venue
            .on_market(instrument, block, message, stamp.exchange_ns);
        if self.venue.has_events() {
            self.report(stamp, out);
        }
    }

    /// Takes an order that arrives.
    pub fn place(&mut self, order: &Order, stamp: Stamp, out: &mut Vec<ExecutionReport>) {
        let spec = *order.spec();
        self.venue.at(stamp.exchange_ns);
        let known = self.open.contains_key(&spec.client_id);
        let placed = if known {
            Err(VenueError::DuplicateClientOrderId)
        } else {
            self.send(&spec)
        };
        if placed.is_ok() {
            self.open.insert(spec.client_id, spec);
        }
        if let Err(error) = placed {
            let reply = Evidence::VenueReply;
            let refused = bare(spec.client_id, ReportStatus::Rejected, 0, reply, stamp);
            out.push(ExecutionReport {
                rejection: Some(rejection(error)),
                ..refused
            });
        }
        self.report(stamp, out);
    }

    fn send(&mut self, spec: &OrderSpec) -> Result<u64, VenueError> {
        let order = payload(spec, self.venue.instrument(spec.instrument))
            .ok_or(VenueError::InvalidClientOrderId)?;
        if order.kind.is_conditional() {
            self.venue.place_conditional(ACCOUNT, &order)
        } else {
            self.venue.place(ACCOUNT, &order)
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
        self.venue.at(stamp.exchange_ns);
        let key = ClientOrderId::parse(client_id.as_str()).map(OrderKey::Client);
        let order = key.and_then(|key| {
            let order = self.venue.open_order(ACCOUNT, Some(instrument), key);
            order.ok()
        });
        let algo = key.and_then(|key| self.venue.find_algo(ACCOUNT, key));
        let algo = algo.filter(|algo| algo.status.is_open() && algo.order.symbol == instrument);
        if let Some(order) = order {
            // It is open, so this cannot fail.
            let _ = self.venue.cancel_order(&order);
        } else if let Some(algo) = algo {
            // Also one that has fired and waits for a book.
            self.venue.drop_conditional(&algo);
        } else {
            let status = ReportStatus::CancelRejected;
            let reply = bare(client_id, status, 0, Evidence::VenueReply, stamp);
            out.push(ExecutionReport {
                rejection: Some(Rejection::UnknownOrder),
                ..reply
            });
        }
        self.report(stamp, out);
    }

    /// Turns the venue's events into reports.
    fn report(&mut self, stamp: Stamp, out: &mut Vec<ExecutionReport>) {
        let open = &mut self.open;
        for event in self.venue.drain_events() {
            let Some(report) = report_of(&event, stamp) else {
                continue;
            };
            let ended = matches!(
                report.status,
                ReportStatus::Filled | ReportStatus::Cancelled | ReportStatus::Expired
            );
            if ended {
                open.remove(&report.client_id);
            }
            out.push(report);
        }
    }
}

/// The desk's name for an order; none for a name that no desk gives.
fn desk_id(id: ClientOrderId) -> Option<ClientId> {
    ClientId::parse(&id.to_string())
}

fn bare(
    client_id: ClientId,
    status: ReportStatus,
    cumulative: i64,
    evidence: Evidence,
    stamp: Stamp,
) -> ExecutionReport {
    ExecutionReport {
        client_id,
        status,
        cumulative,
        last: None,
        rejection: None,
        evidence,
        exchange_ns: stamp.exchange_ns,
        local_ns: stamp.local_ns,
    }
}

fn last_fill(trade: &TradeRow) -> LastFill {
    LastFill {
        trade_id: trade.trade_id,
        price: trade.price,
        size: trade.size,
        fee: trade.fee,
        liquidity: trade.liquidity,
        touch: trade
            .touch
            .and_then(|quote| Touch::new(quote.bid.price, quote.ask.price)),
    }
}

/// What an event says to the desk. A stop is one order to it, before and after its trigger.
fn report_of(event: &UserEvent, stamp: Stamp) -> Option<ExecutionReport> {
    let (reply, told) = (Evidence::VenueReply, Evidence::VenueEvent);
    match &event.kind {
        UserEventKind::Order {
            order,
            execution,
            trade,
        } => {
            let client_id = desk_id(order.client_id)?;
            let (status, evidence) = match execution {
                ExecutionType::New if order.algo_id.is_some() => return None,
                ExecutionType::New => (ReportStatus::Accepted, reply),
                ExecutionType::Trade | ExecutionType::Calculated => {
                    if order.status == OrderStatus::Filled {
                        (ReportStatus::Filled, told)
                    } else {
                        (ReportStatus::PartiallyFilled, told)
                    }
                }
                ExecutionType::Expired => (ReportStatus::Expired, told),
                ExecutionType::Canceled => (ReportStatus::Cancelled, reply),
                ExecutionType::Amendment => return None,
            };
            let report = bare(client_id, status, order.executed, evidence, stamp);
            Some(ExecutionReport {
                last: trade.as_ref().map(last_fill),
                ..report
            })
        }
        UserEventKind::Algo(algo) => {
            let client_id = desk_id(algo.order.client_id)?;
            let (status, evidence) = match algo.status {
                AlgoStatus::New => (ReportStatus::Accepted, reply),
                AlgoStatus::Canceled => (ReportStatus::Cancelled, reply),
                AlgoStatus::Expired | AlgoStatus::Rejected => (ReportStatus::Expired, told),
                _ => return None,
            };
            Some(bare(client_id, status, 0, evidence, stamp))
        }
        _ => None,
    }
}

/// The desk's order as a payload of the venue.
pub(crate) fn payload(spec: &OrderSpec, instrument: &Instrument) -> Option<NewOrder> {
    let price = |quanta: i64| Decimal::new(quanta, instrument.price_exponent);
    let kind = match spec.kind {
        OrderKind::Limit => OrderType::Limit,
        OrderKind::Market => OrderType::Market,
        OrderKind::StopMarket => OrderType::StopMarket,
    };
    let time_in_force = match spec.time_in_force {
        TimeInForce::GoodTilCancelled => VenueTimeInForce::Gtc,
        TimeInForce::ImmediateOrCancel => VenueTimeInForce::Ioc,
        TimeInForce::PostOnly => VenueTimeInForce::Gtx,
    };
    Some(NewOrder {
        symbol: spec.instrument,
        client_id: ClientOrderId::parse(spec.client_id.as_str())?,
        side: spec.side,
        position_side: PositionSide::Both,
        kind,
        time_in_force: kind.has_price().then_some(time_in_force),
        quantity: Some(Decimal::new(spec.size, instrument.size_exponent)),
        price: spec.price.filter(|_| kind.has_price()).map(price),
        trigger: spec.trigger.filter(|_| kind.is_conditional()).map(price),
        working_type: WorkingType::ContractPrice,
        price_protect: false,
        callback_bps: None,
        activation: None,
        reduce_only: spec.reduce_only,
        close_position: false,
        good_till_ns: None,
        self_trade_prevention: SelfTradePrevention::ExpireMaker,
    })
}

/// The refusals that a desk's order can meet here. Its numbers come from the router, which knows the instrument, and
/// filters are off: nothing else is refused but for want of a book.
fn rejection(error: VenueError) -> Rejection {
    match error {
        VenueError::PostOnlyRejected => Rejection::WouldCross,
        VenueError::WouldTrigger => Rejection::WouldTrigger,
        VenueError::ReduceOnlyRejected => Rejection::NothingToReduce,
        VenueError::DuplicateClientOrderId => Rejection::DuplicateId,
        VenueError::CancelRejected | VenueError::NoSuchOrder => Rejection::UnknownOrder,
        _ => Rejection::BookUnavailable,
    }
}

#[cfg(test)]
#[path = "simulated_tests.rs"]
mod tests;
