//! Planted bugs, to show that the simulator's checker sees them. None is in a build without the feature `mutants`
//! other than this crate's own tests.

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A trade told twice is applied twice.
    DoubleApply,
    /// Silence is taken for a refusal.
    TerminalTimeout,
    /// An answer that the outcome is unknown is taken for a refusal.
    LostAck,
    /// The stop of a trade that is over is left at the venue.
    OrphanStop,
    /// A stop is never enlarged for fills that came after it.
    NakedFill,
    /// The first snapshot that differs is believed.
    StaleSnapshot,
    /// An entry without an answer is sent again under another id.
    NewIdResend,
    /// A cancel gives back the reserve before the venue has answered.
    EarlyRelease,
    /// A trade that was told to close goes on after a restart.
    ForgottenClose,
    /// A close of one symbol is written down, and nothing is done.
    IdleClose,
}

impl Mutant {
    pub const ALL: [Mutant; 10] = [
        Mutant::DoubleApply,
        Mutant::TerminalTimeout,
        Mutant::LostAck,
        Mutant::OrphanStop,
        Mutant::NakedFill,
        Mutant::StaleSnapshot,
        Mutant::NewIdResend,
        Mutant::EarlyRelease,
        Mutant::ForgottenClose,
        Mutant::IdleClose,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Mutant::DoubleApply => "double_apply",
            Mutant::TerminalTimeout => "terminal_timeout",
            Mutant::LostAck => "lost_ack",
            Mutant::OrphanStop => "orphan_stop",
            Mutant::NakedFill => "naked_fill",
            Mutant::StaleSnapshot => "stale_snapshot",
            Mutant::NewIdResend => "new_id_resend",
            Mutant::EarlyRelease => "early_release",
            Mutant::ForgottenClose => "forgotten_close",
            Mutant::IdleClose => "idle_close",
        }
    }

    pub fn parse(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

#[cfg(any(test, feature = "mutants"))]
mod planting {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Plants a bug in everything that this thread executes from now on; none takes it out.
    pub fn plant(mutant: Option<Mutant>) {
        PLANTED.set(mutant);
    }

    pub(in crate::execution) fn planted(mutant: Mutant) -> bool {
        PLANTED.get() == Some(mutant)
    }
}

#[cfg(any(test, feature = "mutants"))]
pub use planting::plant;
#[cfg(any(test, feature = "mutants"))]
pub(super) use planting::planted;

/// There is none in this build.
#[cfg(not(any(test, feature = "mutants")))]
#[inline(always)]
pub(super) const fn planted(_mutant: Mutant) -> bool {
    false
}
