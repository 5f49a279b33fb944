//! The life of an order at the venue, as far as evidence tells it.
//!
//! What is known of an order only ever grows: the largest cumulative fill, the trade ids seen, whether it was
//! accepted, how it ended. The state is read off that knowledge, so any order of the same reports, with any
//! duplicates, ends in the same state.

use serde::{Deserialize, Serialize};

use super::client_id::ClientId;
use super::gate::Touch;
use super::router::{Order, OrderSpec};
use crate::units::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrderState {
    /// Sent or about to be; the venue has said nothing.
    PendingNew,
    Live,
    PartiallyFilled,
    /// A cancel was sent; fills may still come.
    CancelRequested,
    Filled,
    Cancelled,
    Rejected,
    Expired,
    /// The venue may or may not hold it; worst case until it answers.
    Unknown,
}

impl OrderState {
    pub const ALL: [OrderState; 9] = [
        OrderState::PendingNew,
        OrderState::Live,
        OrderState::PartiallyFilled,
        OrderState::CancelRequested,
        OrderState::Filled,
        OrderState::Cancelled,
        OrderState::Rejected,
        OrderState::Expired,
        OrderState::Unknown,
    ];

    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            OrderState::Filled | OrderState::Cancelled | OrderState::Rejected | OrderState::Expired
        )
    }

    pub fn name(self) -> &'static str {
        match self {
            OrderState::PendingNew => "pending_new",
            OrderState::Live => "live",
            OrderState::PartiallyFilled => "partially_filled",
            OrderState::CancelRequested => "cancel_requested",
            OrderState::Filled => "filled",
            OrderState::Cancelled => "cancelled",
            OrderState::Rejected => "rejected",
            OrderState::Expired => "expired",
            OrderState::Unknown => "unknown",
        }
    }
}

/// What a report says of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReportStatus {
    Accepted,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    /// The venue ended the rest: immediate-or-cancel, depth at its end, reduce-only cut.
    Expired,
    /// The venue found nothing to cancel.
    CancelRejected,
    /// No answer came.
    Unknown,
}

impl ReportStatus {
    pub const ALL: [ReportStatus; 8] = [
        ReportStatus::Accepted,
        ReportStatus::PartiallyFilled,
        ReportStatus::Filled,
        ReportStatus::Cancelled,
        ReportStatus::Rejected,
        ReportStatus::Expired,
        ReportStatus::CancelRejected,
        ReportStatus::Unknown,
    ];
}

/// Where the knowledge in a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// The venue's answer to a request.
    VenueReply,
    /// The venue's own event.
    VenueEvent,
    /// Our transport: it knows that no answer came, nothing more.
    Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Liquidity {
    Maker,
    Taker,
}

/// Why the venue refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rejection {
    /// The simulated venue has no synchronised book to match against.
    BookUnavailable,
    /// A post-only order would have taken.
    WouldCross,
    /// A stop is already through its trigger.
    WouldTrigger,
    /// Reduce-only, and there is no position to reduce.
    NothingToReduce,
    /// An open order bears the same client id.
    DuplicateId,
    /// No open order bears the client id of a cancel.
    UnknownOrder,
}

impl Rejection {
    pub fn name(self) -> &'static str {
        match self {
            Rejection::BookUnavailable => "book_unavailable",
            Rejection::WouldCross => "would_cross",
            Rejection::WouldTrigger => "would_trigger",
            Rejection::NothingToReduce => "nothing_to_reduce",
            Rejection::DuplicateId => "duplicate_id",
            Rejection::UnknownOrder => "unknown_order",
        }
    }
}

/// The trade a report tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFill {
    pub trade_id: u64,
    pub price: i64,
    pub size: i64,
    pub fee: Money,
    pub liquidity: Liquidity,
    /// Touch at the venue when it matched, where it told; for the cost split.
    pub touch: Option<Touch>,
}

/// What came back about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionReport {
    pub client_id: ClientId,
    pub status: ReportStatus,
    /// Size filled so far, this trade included.
    pub cumulative: i64,
    pub last: Option<LastFill>,
    pub rejection: Option<Rejection>,
    pub evidence: Evidence,
    pub exchange_ns: i64,
    pub local_ns: i64,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    pub before: OrderState,
    pub after: OrderState,
    /// The trade, when its id had not been seen.
    pub fill: Option<LastFill>,
}

/// One order and all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    order: Order,
    accepted: bool,
    cancel_requested: bool,
    unknown: bool,
    /// Filled, cancelled, rejected or expired, by venue evidence.
    ended: Option<OrderState>,
    /// Largest cumulative fill that the venue reported.
    cumulative: i64,
    /// Sum of unique trades.
    filled: i64,
    trade_ids: Vec<u64>,
}

impl OrderRecord {
    pub fn new(order: Order) -> OrderRecord {
        OrderRecord {
            order,
            accepted: false,
            cancel_requested: false,
            unknown: false,
            ended: None,
            cumulative: 0,
            filled: 0,
            trade_ids: Vec::new(),
        }
    }

    pub fn spec(&self) -> &OrderSpec {
        self.order.spec()
    }

    pub fn order(&self) -> &Order {
        &self.order
    }

    pub fn state(&self) -> OrderState {
        if let Some(ended) = self.ended {
            ended
        } else if self.unknown {
            OrderState::Unknown
        } else if self.cancel_requested {
            OrderState::CancelRequested
        } else if self.cumulative > 0 {
            OrderState::PartiallyFilled
        } else if self.accepted {
            OrderState::Live
        } else {
            OrderState::PendingNew
        }
    }

    /// Largest cumulative fill known.
    pub fn cumulative(&self) -> i64 {
        self.cumulative
    }

    /// Size that may still fill, at worst; zero once the venue has ended the order and told every trade.
    pub fn open_size(&self) -> i64 {
        let most = if self.state().is_terminal() {
            self.cumulative
        } else {
            self.spec().size
        };
        (most - self.filled).max(0)
    }

    /// Ended by venue evidence, and every trade it counts has been seen.
    pub fn is_complete(&self) -> bool {
        self.state().is_terminal() && self.filled >= self.cumulative
    }

    pub fn is_cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Notes that a cancel leaves; false when the order has ended or one was sent before.
    pub fn request_cancel(&mut self) -> bool {
        let first = !self.cancel_requested && !self.state().is_terminal();
        self.cancel_requested |= first;
        first
    }

    /// Takes one report: total over every state and report, monotone, idempotent.
    pub fn apply(&mut self, report: &ExecutionReport) -> Transition {
        let before = self.state();
        if report.evidence == Evidence::Transport {
            // Transport can only take certainty away.
            self.unknown |= report.status == ReportStatus::Unknown;
            return Transition {
                before,
                after: self.state(),
                fill: None,
            };
        }
        let fill = report
            .last
            .filter(|last| last.size > 0 && !self.trade_ids.contains(&last.trade_id));
        if let Some(last) = fill {
            self.trade_ids.push(last.trade_id);
            self.filled += last.size;
        }
        self.cumulative = self.cumulative.max(report.cumulative).max(self.filled);
        let ended = match report.status {
            ReportStatus::Cancelled => Some(OrderState::Cancelled),
            ReportStatus::Expired => Some(OrderState::Expired),
            ReportStatus::Rejected => Some(OrderState::Rejected),
            ReportStatus::Filled => Some(OrderState::Filled),
            _ => None,
        };
        match report.status {
            // "Nothing to cancel" of an order that we hold open: it has ended, and we have not heard how.
            ReportStatus::CancelRejected => self.unknown |= self.cancel_requested,
            ReportStatus::Unknown => self.unknown = true,
            _ => {
                self.unknown = false;
                self.accepted = true;
            }
        }
        if self.cumulative >= self.spec().size {
            self.ended = Some(OrderState::Filled);
        } else if let Some(ended) = ended {
            // Should a venue name two ends, the same one stands whatever came first.
            self.ended = Some(self.ended.map_or(ended, |known| known.min(ended)));
        }
        Transition {
            before,
            after: self.state(),
            fill,
        }
    }
}
