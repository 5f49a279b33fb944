//! The life of an order at the venue, as far as evidence tells it.
//!
//! What is known of an order only ever grows: the largest cumulative fill, the trade ids seen, the latest time at
//! which the venue held it, the latest reason for doubt, how it ended. The state is read off that knowledge, so
//! any order of the same events, with any duplicates, ends in the same state. `docs/order-states.md` shows the
//! whole table; a test generates it.

use serde::{Deserialize, Serialize};

use super::inquiry::Dealings;
use super::mutant::{planted, Mutant};
use super::report::{Evidence, ExecutionReport, LastFill, Rejection, ReportStatus};
use super::router::{Order, OrderSpec};

/// How long after the time that it bears a request may still arrive: later than that the venue refuses it
/// (`recvWindow`). Its time is never ahead of the venue's clock, see [`ABSENCE_GRACE_NS`].
pub const RECEIVE_WINDOW_NS: i64 = 1_500_000_000;
/// Longest that what a venue answers may lag behind what it holds.
const ANSWER_LAG_NS: i64 = 2_000_000_000;
/// Two answers of "no such order" that lie this far apart at the venue prove absence. The first comes from a question
/// that left after the order, so the order's request bears an earlier time than that answer: a receive window later it
/// can arrive no more, and a lag later the venue would have to show it. When we are told proves nothing: an answer may
/// come late, and our clock may be stepped.
///
/// This asks of a gateway that a request bears a time which the venue's clock has reached ([`super::VenueClock`]), that
/// none is sent again once the venue was asked about it, and that an answer without a time of its own counts as given
/// when its question left.
pub const ABSENCE_GRACE_NS: i64 = RECEIVE_WINDOW_NS + ANSWER_LAG_NS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrderState {
    /// The intent is written; whether it left is not known yet.
    PendingNew,
    /// It left; the venue has said nothing.
    Sent,
    /// The venue may or may not hold it; worst case until it answers.
    Unknown,
    Live,
    PartiallyFilled,
    /// A cancel was asked for; fills may still come.
    CancelRequested,
    Filled,
    Cancelled,
    Rejected,
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
    /// The venue has repeatedly said that it knows no such order.
    Absent,
}

impl OrderState {
    pub const ALL: [OrderState; 12] = [
        OrderState::PendingNew,
        OrderState::Sent,
        OrderState::Unknown,
        OrderState::Live,
        OrderState::PartiallyFilled,
        OrderState::CancelRequested,
        OrderState::Filled,
        OrderState::Cancelled,
        OrderState::Rejected,
        OrderState::Expired,
        OrderState::ExpiredInMatch,
        OrderState::Absent,
    ];

    /// Ended by venue evidence. `Absent` alone can be taken back: by a venue that finds the order after all.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            OrderState::Filled
                | OrderState::Cancelled
                | OrderState::Rejected
                | OrderState::Expired
                | OrderState::ExpiredInMatch
                | OrderState::Absent
        )
    }

    pub fn name(self) -> &'static str {
        match self {
            OrderState::PendingNew => "pending_new",
            OrderState::Sent => "sent",
            OrderState::Unknown => "unknown",
            OrderState::Live => "live",
            OrderState::PartiallyFilled => "partially_filled",
            OrderState::CancelRequested => "cancel_requested",
            OrderState::Filled => "filled",
            OrderState::Cancelled => "cancelled",
            OrderState::Rejected => "rejected",
            OrderState::Expired => "expired",
            OrderState::ExpiredInMatch => "expired_in_match",
            OrderState::Absent => "absent",
        }
    }
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
    /// Local time at which its intent was written.
    placed_ns: i64,
    sent: bool,
    /// A request about it went unanswered, or the venue itself does not know.
    unanswered: bool,
    cancel_requested: bool,
    /// Latest venue time at which it was held open.
    held_ns: Option<i64>,
    /// Latest venue time at which something spoke against its being held.
    doubted_ns: Option<i64>,
    /// Venue times after `held_ns` at which it was not found, ascending.
    not_found_ns: Vec<i64>,
    /// Cancelled, rejected or expired, by venue evidence.
    ended: Option<OrderState>,
    /// Latest venue time at which it was told to have ended.
    ended_ns: Option<i64>,
    /// Largest cumulative fill that the venue reported.
    cumulative: i64,
    /// Sum of unique trades.
    filled: i64,
    /// Trade ids seen, ascending.
    trade_ids: Vec<u64>,
    /// What we asked of the venue about it, and when.
    pub(super) dealings: Dealings,
}

impl OrderRecord {
    pub fn new(order: Order, placed_ns: i64) -> OrderRecord {
        OrderRecord {
            order,
            placed_ns,
            sent: false,
            unanswered: false,
            cancel_requested: false,
            held_ns: None,
            doubted_ns: None,
            not_found_ns: Vec::new(),
            ended: None,
            ended_ns: None,
            cumulative: 0,
            filled: 0,
            trade_ids: Vec::new(),
            dealings: Dealings::default(),
        }
    }

    pub fn spec(&self) -> &OrderSpec {
        self.order.spec()
    }

    pub fn order(&self) -> &Order {
        &self.order
    }

    pub fn placed_ns(&self) -> i64 {
        self.placed_ns
    }

    /// Latest venue time at which it was held open.
    pub fn held_ns(&self) -> Option<i64> {
        self.held_ns
    }

    /// Latest venue time at which it was told to have ended.
    pub fn ended_ns(&self) -> Option<i64> {
        self.ended_ns
    }

    pub fn state(&self) -> OrderState {
        if self.cumulative >= self.spec().size {
            return OrderState::Filled;
        }
        if let Some(ended) = self.ended {
            return ended;
        }
        if let (Some(first), Some(last)) = (self.not_found_ns.first(), self.not_found_ns.last()) {
            if last.saturating_sub(*first) >= ABSENCE_GRACE_NS {
                return OrderState::Absent;
            }
        }
        let existed = self.held_ns.is_some() || self.cumulative > 0;
        let doubted = self.doubted_ns.is_some() && self.doubted_ns >= self.held_ns;
        if doubted || (self.unanswered && !existed) {
            OrderState::Unknown
        } else if self.cancel_requested {
            OrderState::CancelRequested
        } else if self.cumulative > 0 {
            OrderState::PartiallyFilled
        } else if existed {
            OrderState::Live
        } else if self.sent {
            OrderState::Sent
        } else {
            OrderState::PendingNew
        }
    }

    /// Largest cumulative fill known.
    pub fn cumulative(&self) -> i64 {
        self.cumulative
    }

    /// Sum of the unique trades seen; less than [`OrderRecord::cumulative`] while a trade is missing.
    pub fn filled(&self) -> i64 {
        self.filled
    }

    pub fn has_trade(&self, trade_id: u64) -> bool {
        self.trade_ids.binary_search(&trade_id).is_ok()
    }

    /// Whether the venue has ever held it.
    pub fn existed(&self) -> bool {
        self.held_ns.is_some() || self.cumulative > 0
    }

    /// Size that may still fill, at worst; zero once the venue has ended the order and told every trade.
    pub fn open_size(&self) -> i64 {
        let released = planted(Mutant::EarlyRelease) && self.cancel_requested;
        let most = if self.state().is_terminal() || released {
            self.cumulative
        } else {
            self.spec().size.max(self.cumulative)
        };
        (most - self.filled).max(0)
    }

    /// Ended by venue evidence, and every trade it counts has been seen.
    pub fn is_complete(&self) -> bool {
        self.state().is_terminal() && self.filled >= self.cumulative
    }

    /// The venue has said, since it last held it, that it knows no such order.
    pub(super) fn is_missed(&self) -> bool {
        !self.not_found_ns.is_empty()
    }

    pub fn is_cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Notes that a cancel is wanted; false when the order has ended or one was asked for before.
    pub fn request_cancel(&mut self) -> bool {
        let first = !self.cancel_requested && !self.state().is_terminal();
        self.cancel_requested = true;
        first
    }

    /// Notes that a request has gone unanswered for too long.
    pub fn note_silence(&mut self) {
        self.unanswered = true;
        if planted(Mutant::TerminalTimeout) {
            self.ended = Some(OrderState::Rejected);
        }
    }

    /// Takes one report: total over every state and report, monotone, idempotent, and indifferent to order.
    pub fn apply(&mut self, report: &ExecutionReport) -> Transition {
        let before = self.state();
        let fill = if report.evidence == Evidence::Transport {
            self.sent |= report.status == ReportStatus::Sent;
            self.unanswered |= report.status == ReportStatus::Unknown;
            None
        } else {
            let fill = self.take_trade(report);
            self.take_status(report);
            fill
        };
        Transition {
            before,
            after: self.state(),
            fill,
        }
    }

    fn take_trade(&mut self, report: &ExecutionReport) -> Option<LastFill> {
        let last = report.last.filter(|last| last.size > 0)?;
        let found = self.trade_ids.binary_search(&last.trade_id);
        let place = match found {
            Ok(place) if planted(Mutant::DoubleApply) => place,
            _ => found.err()?,
        };
        self.trade_ids.insert(place, last.trade_id);
        self.filled = self.filled.saturating_add(last.size);
        Some(last)
    }

    fn take_status(&mut self, report: &ExecutionReport) {
        self.cumulative = self.cumulative.max(report.cumulative).max(self.filled);
        match report.status {
            ReportStatus::Accepted | ReportStatus::Triggered | ReportStatus::PartiallyFilled => {
                self.hold(report.exchange_ns);
            }
            ReportStatus::Filled => self.end(OrderState::Filled, report.exchange_ns),
            ReportStatus::Cancelled => self.end(OrderState::Cancelled, report.exchange_ns),
            ReportStatus::Expired => self.end(OrderState::Expired, report.exchange_ns),
            ReportStatus::ExpiredInMatch => {
                self.end(OrderState::ExpiredInMatch, report.exchange_ns)
            }
            // Ids are ours alone: what is open under this one is this order.
            ReportStatus::Rejected if report.rejection == Some(Rejection::DuplicateId) => {
                self.hold(report.exchange_ns);
            }
            ReportStatus::Rejected => self.end(OrderState::Rejected, report.exchange_ns),
            // Nothing to cancel: it has ended, and we have not heard how. For any other reason it may rest on.
            ReportStatus::CancelRejected => {
                if matches!(report.rejection, None | Some(Rejection::UnknownOrder)) {
                    self.doubt(report.exchange_ns);
                }
            }
            ReportStatus::Unknown => {
                self.unanswered = true;
                if planted(Mutant::LostAck) {
                    self.ended = Some(OrderState::Rejected);
                }
            }
            ReportStatus::Unrecognised(_) | ReportStatus::NotListed => {
                self.doubt(report.exchange_ns)
            }
            ReportStatus::NotFound => {
                self.doubt(report.exchange_ns);
                if self.held_ns.is_none_or(|held| held < report.exchange_ns) {
                    if let Err(place) = self.not_found_ns.binary_search(&report.exchange_ns) {
                        self.not_found_ns.insert(place, report.exchange_ns);
                    }
                }
            }
            ReportStatus::Sent => {}
        }
    }

    fn hold(&mut self, exchange_ns: i64) {
        self.held_ns = self.held_ns.max(Some(exchange_ns));
        self.not_found_ns.retain(|at| Some(*at) > self.held_ns);
    }

    fn doubt(&mut self, exchange_ns: i64) {
        self.doubted_ns = self.doubted_ns.max(Some(exchange_ns));
    }

    /// Should a venue name two ends, the same one stands whatever came first.
    fn end(&mut self, state: OrderState, exchange_ns: i64) {
        self.ended_ns = self.ended_ns.max(Some(exchange_ns));
        self.ended = Some(self.ended.map_or(state, |known| known.min(state)));
    }
}
