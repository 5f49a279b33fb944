//! Orders whose outcome is open: the venue is asked, with growing waits, and never sent the same order again. A
//! cancel without an answer may be repeated, since cancelling twice is cancelling once.

use serde::{Deserialize, Serialize};

use super::order::{OrderRecord, OrderState, ABSENCE_GRACE_NS};
use super::settings::Timeouts;

/// Added to a wait that the venue's clock has to see as well, which may run a little slower than ours.
const MARGIN_NS: i64 = 10_000_000;

/// What we asked of the venue about an order, in local time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dealings {
    /// The last cancel.
    pub cancelled_ns: Option<i64>,
    /// Venue time at which the last cancel was refused, and how many were.
    refused_ns: Option<i64>,
    refusals: u32,
    /// Since when something is in doubt.
    doubtful_ns: Option<i64>,
    /// The last question, and how many there were about this doubt.
    asked_ns: Option<i64>,
    questions: u32,
    /// When the first answer of "no such order" was noticed.
    missed_ns: Option<i64>,
}

/// What is to be done about an order now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inquiry {
    Nothing,
    Ask,
    CancelAgain,
}

impl OrderRecord {
    /// Unknown, or a trade is missing of what it is known to have filled.
    fn is_doubtful(&self) -> bool {
        let missing = self.filled() < self.cumulative();
        !self.is_complete() && (missing || self.state() == OrderState::Unknown)
    }

    /// When an answer of "no such order" would prove absence. None where that has been asked for.
    fn proof_ns(&self) -> Option<i64> {
        let missed = self.dealings.missed_ns?;
        let due = missed.saturating_add(ABSENCE_GRACE_NS + MARGIN_NS);
        let asked = self.dealings.asked_ns.is_some_and(|asked| asked >= due);
        (!asked).then_some(due)
    }

    /// Whether nothing has been heard of it, good or bad.
    fn is_awaited(&self) -> bool {
        let open = matches!(
            self.state(),
            OrderState::PendingNew | OrderState::Sent | OrderState::CancelRequested
        );
        open && !self.existed()
    }

    /// When the silence about it is too long.
    fn silence_ns(&self, timeouts: &Timeouts) -> i64 {
        self.placed_ns().saturating_add(timeouts.answer_ns)
    }

    /// When one of which nothing has been heard is asked about; a question may be lost, too.
    fn early_question_ns(&self, timeouts: &Timeouts) -> i64 {
        self.next_question_ns(timeouts)
            .unwrap_or_else(|| self.placed_ns().saturating_add(timeouts.question_after_ns))
    }

    /// When the next question follows the last.
    fn next_question_ns(&self, timeouts: &Timeouts) -> Option<i64> {
        let question = self.dealings.questions.saturating_sub(1);
        let asked = self.dealings.asked_ns?;
        Some(asked.saturating_add(timeouts.question_wait_ns(question)))
    }

    /// When the venue is to be asked, or asked to cancel, again.
    pub(super) fn next_inquiry_ns(&self, timeouts: &Timeouts) -> Option<i64> {
        if self.is_complete() {
            return None;
        }
        let dealings = &self.dealings;
        if let Some(since) = dealings.doubtful_ns {
            let regular = match self.next_question_ns(timeouts) {
                Some(due) => due,
                // A trade may only be late; an unknown order is asked about at once.
                None if self.state() == OrderState::Unknown => since,
                None => since.saturating_add(timeouts.question_first_ns),
            };
            let proof = self.proof_ns();
            return Some(proof.map_or(regular, |proof| regular.min(proof)));
        }
        let awaited = self.is_awaited();
        let silence = awaited.then(|| self.silence_ns(timeouts));
        let question = awaited.then(|| self.early_question_ns(timeouts));
        let cancel = self.next_cancel_ns(timeouts);
        silence.into_iter().chain(question).chain(cancel).min()
    }

    /// When an order that is to be cancelled, and is not, is to be cancelled again.
    fn next_cancel_ns(&self, timeouts: &Timeouts) -> Option<i64> {
        if self.state() != OrderState::CancelRequested {
            return None;
        }
        let dealings = &self.dealings;
        dealings.cancelled_ns.map(|at| {
            // Refused, and held after that: the cancel came too early, or the venue erred.
            let refused = dealings.refused_ns.is_some() && self.held_ns() > dealings.refused_ns;
            let wait_ns = if refused {
                timeouts.question_wait_ns(dealings.refusals.saturating_sub(1))
            } else {
                timeouts.answer_ns
            };
            at.saturating_add(wait_ns)
        })
    }

    /// Notes that a cancel was refused.
    pub(super) fn note_refusal(&mut self, exchange_ns: i64) {
        self.dealings.refused_ns = Some(exchange_ns);
        self.dealings.refusals = self.dealings.refusals.saturating_add(1);
    }

    /// Notes doubt and silence at `now_ns` and says what is due.
    pub(super) fn inquire(&mut self, now_ns: i64, timeouts: &Timeouts) -> Inquiry {
        let overdue = |due: Option<i64>| due.is_some_and(|due| due <= now_ns);
        let awaited = self.is_awaited();
        if awaited && self.silence_ns(timeouts) <= now_ns {
            self.note_silence();
        }
        if !self.is_doubtful() {
            if awaited {
                if self.early_question_ns(timeouts) <= now_ns {
                    return self.ask(now_ns);
                }
            } else {
                self.dealings = Dealings {
                    cancelled_ns: self.dealings.cancelled_ns,
                    refused_ns: self.dealings.refused_ns,
                    refusals: self.dealings.refusals,
                    ..Dealings::default()
                };
            }
            if overdue(self.next_cancel_ns(timeouts)) {
                self.dealings.cancelled_ns = Some(now_ns);
                self.dealings.refused_ns = None;
                return Inquiry::CancelAgain;
            }
            return Inquiry::Nothing;
        }
        self.dealings.doubtful_ns.get_or_insert(now_ns);
        if self.is_missed() {
            self.dealings.missed_ns.get_or_insert(now_ns);
        }
        if overdue(self.next_inquiry_ns(timeouts)) {
            return self.ask(now_ns);
        }
        Inquiry::Nothing
    }

    fn ask(&mut self, now_ns: i64) -> Inquiry {
        self.dealings.asked_ns = Some(now_ns);
        self.dealings.questions = self.dealings.questions.saturating_add(1);
        Inquiry::Ask
    }
}

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
