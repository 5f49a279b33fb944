//! What a seed stands for: how long, how bad, how fast.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::guards::Guards;
use super::random::Random;

pub(super) const MILLISECOND: i64 = 1_000_000;
pub(super) const SECOND: i64 = 1_000 * MILLISECOND;
/// Start of every simulated run; some lie across midnight UTC.
const START_NS: i64 = 1_700_006_400 * SECOND;
/// After the faults have stopped everything known at the venue must be known here within this time.
pub const CONVERGENCE_NS: i64 = 5 * SECOND;

/// One simulated run, drawn from its seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    pub seed: u64,
    pub start_ns: i64,
    /// Faults and proposals stop here.
    pub calm_ns: i64,
    pub end_ns: i64,
    pub symbols: usize,
    /// How often each fault happens: of ten thousand messages or writes, or how many times in the run for those that
    /// last a while.
    pub rates: Vec<i64>,
    /// Least time each way between process and venue.
    pub latency_ns: i64,
    pub jitter_ns: i64,
    /// Time between two moves of the market.
    pub market_every_ns: i64,
    /// Largest move in ticks.
    pub volatility: i64,
    /// Mean time between two proposals.
    pub proposal_every_ns: i64,
    /// The reports that came during a snapshot are handed over with it a second time.
    pub buffers: bool,
    /// Times at which an operator kills and resumes.
    pub kill_ns: Option<(i64, i64)>,
    /// Times at which what a symbol has is told to end.
    pub closes: Vec<(i64, usize)>,
    pub guards: Guards,
}

impl Scenario {
    pub fn new(seed: u64) -> Scenario {
        let mut random = Random::new(seed, 1);
        let day = if random.chance_e4(2_000) {
            86_400
        } else {
            43_200
        };
        let start_ns = START_NS + (day - 6) * SECOND + random.between(0, SECOND);
        let trouble_ns = random.between(9 * SECOND, 16 * SECOND);
        let calm_ns = start_ns + trouble_ns;
        // Each seed has its own selection: few faults at once show what many would hide.
        let share_e4 = [0, 1_500, 3_000, 6_000, 10_000][random.between(0, 4) as usize];
        let rates = Fault::ALL
            .iter()
            .map(|fault| {
                let on = random.chance_e4(share_e4);
                let rate = match fault {
                    Fault::Disconnect
                    | Fault::SilentStream
                    | Fault::RateLimited
                    | Fault::Banned
                    | Fault::FilterChange
                    | Fault::ClockStep => random.between(1, 2),
                    Fault::ProcessKilled => random.between(20, 250),
                    Fault::StoreFailed | Fault::StoreTorn => random.between(50, 400),
                    Fault::NotFoundThenFound => random.between(3_000, 9_000),
                    Fault::CancelRejected => random.between(500, 5_000),
                    Fault::StaleSnapshot => random.between(4_000, 9_900),
                    // These happen by themselves.
                    Fault::AckBeforeFill | Fault::AckAfterFill => 0,
                    _ => random.between(50, 1_000),
                };
                if on {
                    rate
                } else {
                    0
                }
            })
            .collect();
        let kill_ns = random.chance_e4(1_500).then(|| {
            let at_ns = start_ns + random.between(2 * SECOND, trouble_ns);
            (at_ns, at_ns + random.between(SECOND, 4 * SECOND))
        });
        let symbols = random.between(1, 2) as usize;
        Scenario {
            seed,
            start_ns,
            calm_ns,
            end_ns: calm_ns + 24 * SECOND,
            symbols,
            closes: closes(seed, start_ns, calm_ns, symbols),
            rates,
            latency_ns: random.between(MILLISECOND, 30 * MILLISECOND),
            jitter_ns: random.between(0, 60 * MILLISECOND),
            market_every_ns: random.between(40, 160) * MILLISECOND,
            volatility: random.between(1, 7),
            proposal_every_ns: random.between(200, 1_500) * MILLISECOND,
            buffers: random.chance_e4(3_000),
            kill_ns,
            guards: Guards::new(seed),
        }
    }

    /// Rate of a fault; zero where it does not happen.
    pub fn rate(&self, fault: Fault) -> i64 {
        self.rates.get(fault as usize).copied().unwrap_or(0)
    }
}

/// In a third of the seeds a symbol or more is closed, some of it in the calm.
fn closes(seed: u64, start_ns: i64, calm_ns: i64, symbols: usize) -> Vec<(i64, usize)> {
    let mut random = Random::new(seed, 5);
    if !random.chance_e4(3_300) {
        return Vec::new();
    }
    let times = random.between(1, 4);
    (0..times)
        .map(|_| {
            let at_ns = random.between(start_ns + SECOND, calm_ns + 3 * SECOND);
            (at_ns, random.between(0, symbols as i64 - 1) as usize)
        })
        .collect()
}
