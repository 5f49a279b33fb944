//! Everything that can go wrong between the desk, its ledger and the venue.

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($variant:ident => $name:literal, $doc:literal;)*) => {
        /// One kind of trouble.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $doc] $variant,)*
        }

        impl Fault {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant,)*];

            /// Its name in `soak.json` and on the docs page.
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$variant => $name,)*
                }
            }

            /// One line for people.
            pub fn doc(self) -> &'static str {
                match self {
                    $(Fault::$variant => $doc,)*
                }
            }
        }
    };
}

faults! {
    Drop => "drop", "An event of the user stream never arrives.";
    Delay => "delay", "A request, a reply or an event is late by up to three seconds.";
    Duplicate => "duplicate", "An event of the user stream arrives twice.";
    Reorder => "reorder", "An event of the user stream overtakes the one before it.";
    AckBeforeFill => "ack_before_fill", "A fill happened at once, and the reply arrives before the event of it.";
    AckAfterFill => "ack_after_fill", "The event of a fill arrives before the reply to its order.";
    AckLost => "ack_lost", "The venue carried a request out and answered that it does not know (503, -1007).";
    TimeoutLive => "timeout_live", "The venue carried a request out and nothing comes back.";
    TimeoutAbsent => "timeout_absent", "A request never reaches the venue and nothing comes back.";
    Disconnect => "disconnect", "Nothing passes in either direction; the socket tells, and events are missed.";
    SilentStream => "silent_stream", "The user stream is silent without a word; events are missed.";
    StaleSnapshot => "stale_snapshot", "Answers about the account are older than they claim, by up to 1.8 seconds.";
    CancelRejected => "cancel_rejected", "A cancel is refused with -2011 although the order rests on.";
    NotFoundThenFound => "not_found_then_found", "A question is answered with -2013 although the order exists, up to 1.8 seconds after it was made.";
    RateLimited => "rate_limited", "Requests are refused with 429 for a while.";
    Banned => "banned", "Requests are refused with 418 for a while.";
    FilterChange => "filter_change", "The venue changes tick, minimum notional or trading status for a while.";
    ClockStep => "clock_step", "The local clock jumps, forwards or backwards.";
    UnknownWord => "unknown_word", "An event bears a status that this version does not know.";
    ProcessKilled => "process_killed", "The process dies at a ledger write, before or after it, and starts again.";
    StoreFailed => "store_failed", "The ledger store refuses a write: disk full.";
    StoreTorn => "store_torn", "A ledger write gets as far as some of its bytes.";
}

impl Fault {
    pub const COUNT: usize = Fault::ALL.len();
}
