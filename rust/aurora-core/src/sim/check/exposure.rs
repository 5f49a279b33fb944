//! Positions over time: protected, covered by what was reserved, and no exit left over.

use super::orders::intents;
use super::truth::Truth;
use super::{violate, Invariant, Violation};
use crate::execution::Leg;
use crate::instrument::Side;
use crate::sim::fault::Fault;
use crate::sim::history::{History, LogEntry};
use crate::sim::scenario::SECOND;
use crate::units::Money;

/// Longest that a position may be without stops for all of it, and a reducing order rest without a position or an
/// entry, while no fault has struck for [`AFTERMATH_NS`]: the way of the news home and of the answer back, and a second
/// try.
pub const QUIET_NS: i64 = SECOND;
/// The same with faults about, counting time in which the process was up and could reach the venue: five seconds until
/// a position is given up, and then an exit that is lost three times, each time five seconds until that is proven.
pub const FAULTY_NS: i64 = 20 * SECOND;
/// For so long a fault may have consequences.
pub const AFTERMATH_NS: i64 = 6 * SECOND;

/// One moment of one symbol.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Trade {
        signed: i64,
    },
    /// Size resting as stops against a position of this side.
    Stops {
        holder: Side,
        change: i64,
    },
    Exits {
        change: i64,
    },
    Entry {
        side: Side,
        price: i64,
        change: i64,
    },
    Account {
        position: i64,
        reserved: Money,
    },
    /// A life of the process is over.
    Death,
}

#[derive(Debug, Default)]
struct State {
    position: i64,
    /// By holder: long, short.
    stops: [i64; 2],
    exits: i64,
    entries: i64,
    entry: Option<(Side, i64)>,
    left: [i64; 2],
    account: Option<(i64, Money)>,
}

/// Time between two instants that was no outage.
pub(super) struct Usable<'a> {
    /// Apart and in order.
    outages: Vec<(i64, i64)>,
    history: &'a History,
}

impl Usable<'_> {
    pub fn new(history: &History) -> Usable<'_> {
        let mut sorted = history.outages.clone();
        sorted.sort_unstable();
        let mut outages: Vec<(i64, i64)> = Vec::new();
        for (from, until) in sorted {
            match outages.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => outages.push((from, until)),
            }
        }
        Usable { outages, history }
    }

    /// Whether something that began and ended at these times may be a consequence of a fault.
    pub fn is_quiet(&self, from_ns: i64, until_ns: i64) -> bool {
        let faults = &self.history.faults;
        let since_ns = from_ns - AFTERMATH_NS;
        let first = faults.partition_point(|(at_ns, _)| *at_ns < since_ns);
        let mut near = faults[first..]
            .iter()
            .take_while(|(at_ns, _)| *at_ns <= until_ns);
        let by_themselves = [Fault::AckAfterFill, Fault::AckBeforeFill];
        let struck = near.any(|(_, fault)| !by_themselves.contains(fault));
        // What lasts a while goes on striking until it is over.
        let mut outages = self.outages.iter();
        let out = outages.any(|(from, until)| *from <= until_ns && *until >= since_ns);
        !struck && !out
    }

    fn between(&self, from: i64, until: i64) -> i64 {
        let lost: i64 = self
            .outages
            .iter()
            .map(|(start, end)| (until.min(*end) - from.max(*start)).max(0))
            .sum();
        until - from - lost
    }
}

pub(super) fn check(history: &History, truth: &Truth, found: &mut Vec<Violation>) {
    let usable = Usable::new(history);
    for symbol in 0..history.instruments.len() {
        let moments = moments(history, truth, symbol);
        let mut state = State::default();
        let (mut naked, mut orphan) = (None, None);
        let end_ns = history.scenario.end_ns;
        for (number, (at_ns, moment)) in moments.iter().enumerate() {
            state.take(moment);
            let next_ns = moments.get(number + 1).map_or(end_ns, |next| next.0);
            if next_ns == *at_ns && number + 1 < moments.len() {
                continue;
            }
            if let Some(what) = state.uncovered(history, symbol) {
                violate(found, Invariant::ReserveCovers, *at_ns, what);
            }
            let holder = usize::from(state.position < 0);
            let bare = state.position.abs() > state.stops[holder];
            let what = || {
                let stops = state.stops[holder];
                format!(
                    "symbol {symbol} holds {} with stops for {stops}",
                    state.position
                )
            };
            let rule = Invariant::Protected;
            watch(
                &usable,
                found,
                &mut naked,
                (*at_ns, next_ns),
                bare,
                rule,
                what,
            );
            let over = state.position == 0 && state.entries == 0 && state.exits > 0;
            let what = || format!("symbol {symbol} is flat with exits of {}", state.exits);
            let rule = Invariant::NoOrphanExit;
            watch(
                &usable,
                found,
                &mut orphan,
                (*at_ns, next_ns),
                over,
                rule,
                what,
            );
        }
        if state.exits > 0 || state.entries > 0 {
            let what = format!("symbol {symbol} ends with orders of {} open", state.exits);
            violate(found, Invariant::NoOrphanExit, end_ns, what);
        }
    }
}

/// Lets a condition last and complains once when it lasts too long.
fn watch(
    usable: &Usable,
    found: &mut Vec<Violation>,
    since: &mut Option<(i64, bool)>,
    (at_ns, next_ns): (i64, i64),
    holds: bool,
    invariant: Invariant,
    what: impl Fn() -> String,
) {
    if !holds {
        *since = None;
        return;
    }
    let (from_ns, told) = since.get_or_insert((at_ns, false));
    let lasted_ns = usable.between(*from_ns, next_ns);
    let longest_ns = if usable.is_quiet(*from_ns, next_ns) {
        QUIET_NS
    } else {
        FAULTY_NS
    };
    if lasted_ns > longest_ns && !*told {
        *told = true;
        let text = format!("{} since {from_ns}, {lasted_ns} ns", what());
        violate(found, invariant, at_ns, text);
    }
}

impl State {
    fn take(&mut self, moment: &Moment) {
        match *moment {
            Moment::Trade { signed } => self.position += signed,
            Moment::Stops { holder, change } => self.stops[holder as usize] += change,
            Moment::Exits { change } => self.exits += change,
            Moment::Entry {
                side,
                price,
                change,
            } => {
                self.entry = Some((side, price));
                self.entries += change;
                self.left[side as usize] += change;
            }
            Moment::Account { position, reserved } => self.account = Some((position, reserved)),
            Moment::Death => self.account = None,
        }
    }

    /// What the venue may still add to the position that the process knows, beyond what it has reserved.
    fn uncovered(&self, history: &History, symbol: usize) -> Option<String> {
        let (side, price) = self.entry?;
        let (known, reserved) = self.account?;
        let sign = side.sign();
        let more = sign * (self.position - known) + self.left[side as usize];
        let worst = history.instruments[symbol].notional(price, more.max(0));
        (reserved < worst).then(|| {
            format!("symbol {symbol}: entries may add {more} at {price}, reserved is {reserved}")
        })
    }
}

fn moments(history: &History, truth: &Truth, symbol: usize) -> Vec<(i64, Moment)> {
    let intents = intents(history);
    let mut moments = Vec::new();
    for (id, life) in truth.lives.iter().filter(|(_, life)| life.symbol == symbol) {
        let entry = intents
            .get(id)
            .is_some_and(|row| row.spec.leg == Leg::Entry);
        let price = life.price.unwrap_or(0);
        let (mut left, mut stop) = (0, 0);
        for standing in &life.standings {
            let change = standing.left - left;
            left = standing.left;
            let at_ns = standing.at_ns;
            if entry {
                let side = life.side;
                moments.push((
                    at_ns,
                    Moment::Entry {
                        side,
                        price,
                        change,
                    },
                ));
            } else {
                moments.push((at_ns, Moment::Exits { change }));
            }
            if standing.stop != stop {
                let change = standing.stop - stop;
                stop = standing.stop;
                let holder = life.side.opposite();
                moments.push((at_ns, Moment::Stops { holder, change }));
            }
        }
    }
    let trades = truth.trades.iter().filter(|trade| trade.symbol == symbol);
    moments.extend(trades.map(|trade| {
        let signed = trade.side.sign() * trade.size;
        (trade.exchange_ns, Moment::Trade { signed })
    }));
    let mut life = 0;
    for row in &history.log {
        if row.life != life {
            life = row.life;
            moments.push((row.at_ns, Moment::Death));
        }
        if let LogEntry::Account {
            instrument,
            position,
            reserved,
            ..
        } = row.entry
        {
            if instrument == symbol {
                moments.push((row.at_ns, Moment::Account { position, reserved }));
            }
        }
    }
    moments.sort_by_key(|(at_ns, _)| *at_ns);
    moments
}
