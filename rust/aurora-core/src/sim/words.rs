//! The venue's words as execution reports.

use super::gateway::Outcome;
use crate::execution::{
    ClientId, Evidence, ExecutionReport, Input, LastFill, Measure, Rejection, ReportStatus, Touch,
    TransportOutcome,
};
use crate::venue::{
    AlgoStatus, ClientOrderId, ExecutionType, OrderStatus, TradeRow, UserEvent, UserEventKind,
    VenueError,
};

/// The desk's name for an order; none for a name that no desk gives.
pub(super) fn desk_id(id: ClientOrderId) -> Option<ClientId> {
    ClientId::parse(&id.to_string())
}

pub(super) fn bare(
    client_id: ClientId,
    status: ReportStatus,
    cumulative: i64,
    evidence: Evidence,
    (exchange_ns, local_ns): (i64, i64),
) -> ExecutionReport {
    ExecutionReport {
        client_id,
        status,
        cumulative,
        last: None,
        rejection: None,
        evidence,
        exchange_ns,
        local_ns,
    }
}

pub(super) fn last_fill(trade: &TradeRow) -> LastFill {
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

pub(super) fn status_of(status: OrderStatus) -> ReportStatus {
    ReportStatus::of_venue(status.name())
}

/// What a conditional order's state says of it; none where the order it became has to tell.
pub(super) fn algo_status_of(status: AlgoStatus) -> Option<ReportStatus> {
    match status {
        AlgoStatus::New | AlgoStatus::Triggering => Some(ReportStatus::Accepted),
        AlgoStatus::Canceled => Some(ReportStatus::Cancelled),
        AlgoStatus::Expired | AlgoStatus::Rejected => Some(ReportStatus::Expired),
        AlgoStatus::Triggered | AlgoStatus::Finished => None,
    }
}

pub(super) fn rejection(error: VenueError) -> Rejection {
    match error {
        VenueError::NoBook => Rejection::BookUnavailable,
        VenueError::PostOnlyRejected => Rejection::WouldCross,
        VenueError::WouldTrigger => Rejection::WouldTrigger,
        VenueError::ReduceOnlyRejected => Rejection::NothingToReduce,
        VenueError::DuplicateClientOrderId => Rejection::DuplicateId,
        VenueError::CancelRejected | VenueError::NoSuchOrder => Rejection::UnknownOrder,
        _ => Rejection::Refused,
    }
}

/// What an event of the user stream says about an order.
pub(super) fn report_of(event: &UserEvent, local_ns: i64) -> Option<ExecutionReport> {
    let times = (event.exchange_ns, local_ns);
    let told = Evidence::VenueEvent;
    match &event.kind {
        UserEventKind::Order {
            order,
            execution,
            trade,
        } => {
            let client_id = desk_id(order.client_id)?;
            let status = match execution {
                ExecutionType::Amendment => return None,
                ExecutionType::New if order.algo_id.is_some() => ReportStatus::Triggered,
                ExecutionType::New => ReportStatus::Accepted,
                _ => status_of(order.status),
            };
            let report = bare(client_id, status, order.executed, told, times);
            Some(ExecutionReport {
                last: trade.as_ref().map(last_fill),
                ..report
            })
        }
        UserEventKind::Algo(algo) => {
            let client_id = desk_id(algo.order.client_id)?;
            let status = match algo.status {
                AlgoStatus::Finished => return None,
                AlgoStatus::Triggered => ReportStatus::Triggered,
                other => algo_status_of(other)?,
            };
            Some(bare(client_id, status, 0, told, times))
        }
        _ => None,
    }
}

/// What the end of a request tells of the line: how it ended, and the venue's clock less ours.
pub(super) fn measured(outcome: &Outcome, now_ns: i64) -> impl Iterator<Item = Input> {
    let answered = |status, code| TransportOutcome::Answered { status, code };
    let (ended, exchange_ns, retry_after_ns) = match outcome {
        Outcome::Unknown { .. } => (answered(503, Some(-1007)), None, None),
        Outcome::Reply(reply) => {
            let ended = match &reply.outcome {
                Ok(_) => answered(200, None),
                Err(VenueError::TooManyRequests | VenueError::TooManyOrders) => {
                    answered(429, Some(-1003))
                }
                Err(VenueError::Banned) => answered(418, Some(-1003)),
                Err(VenueError::InvalidTimestamp) => answered(400, Some(-1021)),
                Err(_) => answered(400, Some(-2010)),
            };
            (ended, Some(reply.exchange_ns), reply.retry_after_ns)
        }
    };
    let request = Measure::Request {
        outcome: ended,
        retry_after_ns,
    };
    let offset = exchange_ns.map(|exchange_ns| Measure::ClockOffset {
        offset_ns: exchange_ns.saturating_sub(now_ns),
    });
    [Some(request), offset]
        .into_iter()
        .flatten()
        .map(move |measure| Input::Gateway {
            local_ns: now_ns,
            measure,
        })
}
