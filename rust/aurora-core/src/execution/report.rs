//! What comes back about an order: the venue's words, where they come from, and the trades they tell of.

use serde::{Deserialize, Serialize};

use super::client_id::ClientId;
use super::gate::Touch;
use crate::units::Money;

/// A status word of the venue that we do not know, kept as it came (up to 24 ASCII bytes of it).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VenueWord([u8; 24]);

impl VenueWord {
    /// What does not print becomes `?`, what does not fit is cut.
    pub fn new(text: &str) -> VenueWord {
        let mut word = VenueWord::default();
        for (kept, byte) in word.0.iter_mut().zip(text.bytes()) {
            *kept = if byte.is_ascii_graphic() { byte } else { b'?' };
        }
        word
    }

    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl std::fmt::Debug for VenueWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a report says of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReportStatus {
    /// The venue holds it: NEW.
    Accepted,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    /// The venue ended the rest: immediate-or-cancel, depth at its end, reduce-only cut.
    Expired,
    /// The venue did not cancel; the rejection says why.
    CancelRejected,
    /// No answer came, or the venue answered that it does not know the outcome.
    Unknown,
    /// The request has left this machine; only our transport says so.
    Sent,
    /// A conditional order has become an ordinary one.
    Triggered,
    /// Self-trade prevention ended the rest.
    ExpiredInMatch,
    /// Asked about the order, the venue knows none of this id: not proof by itself (-2013 right after a submit).
    NotFound,
    /// A word that this version does not know: evidence that something happened, never an end.
    Unrecognised(VenueWord),
    /// No list of the account has this conditional order: it may just have left the list of those, and the ordinary
    /// order that it became is not in a list that lags. Doubt, and no proof however often.
    NotListed,
}

impl ReportStatus {
    /// One of each kind.
    pub const ALL: [ReportStatus; 14] = [
        ReportStatus::Sent,
        ReportStatus::Accepted,
        ReportStatus::Triggered,
        ReportStatus::PartiallyFilled,
        ReportStatus::Filled,
        ReportStatus::Cancelled,
        ReportStatus::Rejected,
        ReportStatus::Expired,
        ReportStatus::ExpiredInMatch,
        ReportStatus::CancelRejected,
        ReportStatus::NotFound,
        ReportStatus::NotListed,
        ReportStatus::Unknown,
        ReportStatus::Unrecognised(VenueWord([0; 24])),
    ];

    /// Its name in listings; a word that is not known stands for itself.
    pub fn name(&self) -> &str {
        match self {
            ReportStatus::Accepted => "accepted",
            ReportStatus::PartiallyFilled => "partially_filled",
            ReportStatus::Filled => "filled",
            ReportStatus::Cancelled => "cancelled",
            ReportStatus::Rejected => "rejected",
            ReportStatus::Expired => "expired",
            ReportStatus::CancelRejected => "cancel_rejected",
            ReportStatus::Unknown => "unknown",
            ReportStatus::Sent => "sent",
            ReportStatus::Triggered => "triggered",
            ReportStatus::ExpiredInMatch => "expired_in_match",
            ReportStatus::NotFound => "not_found",
            ReportStatus::NotListed => "not_listed",
            ReportStatus::Unrecognised(word) => word.as_str(),
        }
    }

    /// Reads a status of Binance USDⓈ-M orders and conditional orders; a new one becomes `Unrecognised`.
    pub fn of_venue(text: &str) -> ReportStatus {
        match text {
            "NEW" | "TRIGGERING" => ReportStatus::Accepted,
            "PARTIALLY_FILLED" => ReportStatus::PartiallyFilled,
            "FILLED" => ReportStatus::Filled,
            "CANCELED" => ReportStatus::Cancelled,
            "REJECTED" => ReportStatus::Rejected,
            "EXPIRED" => ReportStatus::Expired,
            "EXPIRED_IN_MATCH" => ReportStatus::ExpiredInMatch,
            // The ordinary order that it became tells how it ends.
            "TRIGGERED" | "FINISHED" => ReportStatus::Triggered,
            other => ReportStatus::Unrecognised(VenueWord::new(other)),
        }
    }
}

/// Where the knowledge in a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// The venue's answer to a request.
    VenueReply,
    /// The venue's own event.
    VenueEvent,
    /// Our transport: it knows that a request left or that no answer came, nothing more.
    Transport,
    /// The venue's answer to a question about the order, or its account snapshot. `exchange_ns` is the earliest
    /// venue time at which it was given, not the time of the order's last change.
    Query,
}

impl Evidence {
    pub const ALL: [Evidence; 4] = [
        Evidence::VenueReply,
        Evidence::VenueEvent,
        Evidence::Transport,
        Evidence::Query,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Evidence::VenueReply => "venue_reply",
            Evidence::VenueEvent => "venue_event",
            Evidence::Transport => "transport",
            Evidence::Query => "query",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Liquidity {
    Maker,
    Taker,
}

impl Liquidity {
    pub fn name(self) -> &'static str {
        match self {
            Liquidity::Maker => "maker",
            Liquidity::Taker => "taker",
        }
    }
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
    /// Anything else: a filter, margin, a budget, the symbol's status.
    Refused,
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
            Rejection::Refused => "refused",
        }
    }
}

/// The trade a report tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFill {
    pub trade_id: u64,
    pub price: i64,
    pub size: i64,
    /// Fee in the settlement currency; a fee in another asset comes as a cash movement of its own.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_venue_are_read_or_kept() {
        assert_eq!(ReportStatus::of_venue("NEW"), ReportStatus::Accepted);
        assert_eq!(
            ReportStatus::of_venue("EXPIRED_IN_MATCH"),
            ReportStatus::ExpiredInMatch
        );
        let odd = ReportStatus::of_venue("PENDING\u{e9}_SOMETHING_QUITE_LONG");
        assert!(
            matches!(odd, ReportStatus::Unrecognised(word) if word.as_str() == "PENDING??_SOMETHING_QUIT")
        );
        assert_eq!(VenueWord::new("").as_str(), "");
    }
}
