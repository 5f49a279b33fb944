//! The process's clock: it may be stepped, and what it shows never falls.

#[derive(Debug, Clone)]
pub(super) struct Clock {
    offset_ns: i64,
    shown_ns: i64,
}

impl Clock {
    pub fn new(start_ns: i64) -> Clock {
        Clock {
            offset_ns: 0,
            shown_ns: start_ns,
        }
    }

    /// Steps the clock; returns for how long it will stand still.
    pub fn step(&mut self, by_ns: i64) -> i64 {
        self.offset_ns += by_ns;
        (-by_ns).max(0)
    }

    /// Local time at a true time.
    pub fn local_ns(&mut self, true_ns: i64) -> i64 {
        self.shown_ns = self.shown_ns.max(true_ns + self.offset_ns);
        self.shown_ns
    }

    /// True time at which the clock will show a local time; the past where it shows that already.
    pub fn true_ns(&self, local_ns: i64) -> i64 {
        if local_ns <= self.shown_ns {
            return i64::MIN;
        }
        local_ns - self.offset_ns
    }
}
