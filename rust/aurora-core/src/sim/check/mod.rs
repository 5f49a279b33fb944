//! The history checker: it reads the venue's truth, the ledger and the exported log, and knows nothing of how the desk
//! works inside.

mod books;
mod closed;
mod convergence;
mod evidence;
mod exposure;
mod orders;
mod scheduled;
mod terms;
mod truth;

use serde::{Deserialize, Serialize};

use self::truth::Truth;
use super::history::History;

macro_rules! invariants {
    ($($variant:ident => $name:literal, $doc:literal;)*) => {
        /// Something that must hold in every history.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Invariant {
            $(#[doc = $doc] $variant,)*
        }

        impl Invariant {
            /// Every one, in the order of the table.
            pub const ALL: &'static [Invariant] = &[$(Invariant::$variant,)*];

            /// Its name in `soak.json` and on the docs page.
            pub fn name(self) -> &'static str {
                match self {
                    $(Invariant::$variant => $name,)*
                }
            }

            /// One line for people.
            pub fn doc(self) -> &'static str {
                match self {
                    $(Invariant::$variant => $doc,)*
                }
            }
        }
    };
}

invariants! {
    NoFailure => "no_failure", "The process takes every input, starts from every ledger, and never stands still.";
    IntentBeforeOrder => "intent_before_order", "Every order at the venue has an intent of the same spec, durable before it came to be.";
    OneOrderPerIntent => "one_order_per_intent", "An intent becomes at most one order, and of a decision's entries one is open at a time.";
    NoMoreThanDecided => "no_more_than_decided", "Entries of a decision never fill more than was decided, and by a schedule none leaves before its time.";
    FillIsATrade => "fill_is_a_trade", "Every fill that was booked is one of the venue's trades, and booked once.";
    EndHasEvidence => "end_has_evidence", "No order is taken to have ended while the venue holds it, or before it holds it.";
    ReserveCovers => "reserve_covers", "What is reserved covers what entries may still add to the position, at worst.";
    Protected => "protected", "A position is never without resting stops for all of it for longer than stated.";
    NoOrphanExit => "no_orphan_exit", "No reducing order outlives its position for longer than stated.";
    Converged => "converged", "Five seconds after the faults have stopped everything is known, and in the end all is flat.";
    BooksEqual => "books_equal", "Position and cash are the venue's.";
    LedgerWhole => "ledger_whole", "The ledger has no gap and no damage, keeps what it acknowledged, and adds up to the venue's books.";
    NothingInvented => "nothing_invented", "Nothing is booked that no trade explains: nobody else trades here.";
    TakenWithin => "taken_within", "What is taken after an entry that rested is never taken beyond where the net edge clears.";
    OneExit => "one_exit", "Of a position no two exits at the market are under way at once.";
    Closed => "closed", "Of what was told to close no entry and no target leaves any more, and it is flat in time.";
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    /// True time.
    pub at_ns: i64,
    pub what: String,
}

/// Everything that is wrong with a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let truth = Truth::new(history, &mut found);
    orders::check(history, &truth, &mut found);
    evidence::check(history, &truth, &mut found);
    exposure::check(history, &truth, &mut found);
    convergence::check(history, &truth, &mut found);
    books::check(history, &truth, &mut found);
    terms::check(history, &mut found);
    closed::check(history, &truth, &mut found);
    found.sort_by_key(|violation| violation.at_ns);
    found
}

fn violate(found: &mut Vec<Violation>, invariant: Invariant, at_ns: i64, what: String) {
    found.push(Violation {
        invariant,
        at_ns,
        what,
    });
}
