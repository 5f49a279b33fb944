//! Tick sizes that change: prices finer than the tick in use, or a grid that has become coarser.

use serde::{Deserialize, Serialize};

/// Changes of best prices over which a coarser grid is looked for.
const WINDOW: u32 = 500;
/// Windows in a row that must show it: a coarse grid by chance does not last.
const SUSTAINED: u32 = 2;

/// What touch and trades showed about the tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickSizes {
    /// Prices at the touch or of trades that are no multiple of the tick, each counted when it comes up.
    pub off_grid: u64,
    /// Receive time of the first of them, and the greatest common divisor of all of them and the tick, in quanta.
    pub finer: Option<(i64, i64)>,
    /// Receive time of the beginning of, and common divisor in quanta of, the first windows in a row whose best prices
    /// all lie on a grid coarser than the tick.
    pub coarser: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    windows: u32,
    since_ns: i64,
    divisor: i64,
}

/// Judges best prices and trade prices against the tick in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickMonitor {
    tick: i64,
    bid: i64,
    ask: i64,
    traded: i64,
    sizes: TickSizes,
    window_prices: u32,
    window_divisor: i64,
    window_since_ns: i64,
    run: Run,
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.saturating_abs()
}

impl TickMonitor {
    /// `tick` in price quanta.
    pub fn new(tick: i64) -> TickMonitor {
        TickMonitor {
            tick: tick.max(1),
            bid: 0,
            ask: 0,
            traded: 0,
            sizes: TickSizes::default(),
            window_prices: 0,
            window_divisor: 0,
            window_since_ns: 0,
            run: Run {
                windows: 0,
                since_ns: 0,
                divisor: 0,
            },
        }
    }

    pub fn sizes(&self) -> TickSizes {
        self.sizes
    }

    /// Takes the best prices after a message; prices as before cost a comparison.
    pub fn touch(&mut self, received_ns: i64, bid: i64, ask: i64) {
        if bid != self.bid {
            self.bid = bid;
            self.check_grid(received_ns, bid);
            self.check_window(received_ns, bid);
        }
        if ask != self.ask {
            self.ask = ask;
            self.check_grid(received_ns, ask);
            self.check_window(received_ns, ask);
        }
    }

    /// Takes the price of a market trade.
    pub fn trade(&mut self, received_ns: i64, price: i64) {
        if price != self.traded {
            self.traded = price;
            self.check_grid(received_ns, price);
        }
    }

    fn check_grid(&mut self, received_ns: i64, price: i64) {
        if price % self.tick == 0 {
            return;
        }
        self.sizes.off_grid += 1;
        let (since_ns, divisor) = self.sizes.finer.unwrap_or((received_ns, self.tick));
        self.sizes.finer = Some((since_ns, greatest_common_divisor(divisor, price)));
    }

    fn check_window(&mut self, received_ns: i64, price: i64) {
        if self.window_prices == 0 {
            self.window_divisor = 0;
            self.window_since_ns = received_ns;
        }
        // A divisor that has come down to the tick stays there: most prices end here.
        if self.window_prices == 0 || self.window_divisor > self.tick {
            self.window_divisor = greatest_common_divisor(self.window_divisor, price);
        }
        self.window_prices += 1;
        if self.window_prices < WINDOW {
            return;
        }
        self.window_prices = 0;
        if self.window_divisor <= self.tick || self.window_divisor % self.tick != 0 {
            self.run.windows = 0;
            return;
        }
        if self.run.windows == 0 {
            self.run.since_ns = self.window_since_ns;
            self.run.divisor = 0;
        }
        self.run.divisor = greatest_common_divisor(self.run.divisor, self.window_divisor);
        self.run.windows = self.run.windows.saturating_add(1);
        if self.run.divisor <= self.tick {
            self.run.windows = 0;
        } else if self.run.windows >= SUSTAINED && self.sizes.coarser.is_none() {
            self.sizes.coarser = Some((self.run.since_ns, self.run.divisor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk of the touch by `step` quanta: each time bid and ask both change.
    fn walk(monitor: &mut TickMonitor, from_ns: i64, count: i64, step: i64) {
        for i in 0..count {
            let bid = 60_000 + step * ((i * 7) % 23 - 11);
            monitor.touch(from_ns + i, bid, bid + step * (1 + i % 3));
        }
    }

    #[test]
    fn a_market_on_its_grid_says_nothing() {
        let mut monitor = TickMonitor::new(10);
        walk(&mut monitor, 0, 3_000, 10);
        assert_eq!(monitor.sizes(), TickSizes::default());
    }

    #[test]
    fn finer_prices_are_counted_with_their_grid() {
        let mut monitor = TickMonitor::new(10);
        walk(&mut monitor, 0, 100, 10);
        monitor.touch(200, 60_004, 60_010);
        monitor.touch(201, 60_004, 60_020);
        monitor.trade(202, 60_006);
        monitor.trade(203, 60_006);
        let sizes = monitor.sizes();
        assert_eq!((sizes.off_grid, sizes.finer), (2, Some((200, 2))));
    }

    #[test]
    fn a_coarser_grid_is_told_when_it_lasts() {
        let mut monitor = TickMonitor::new(1);
        walk(&mut monitor, 0, 1_000, 1);
        walk(&mut monitor, 10_000, 300, 10);
        assert_eq!(monitor.sizes().coarser, None, "it may be chance so far");
        walk(&mut monitor, 20_000, 2_000, 10);
        let (since_ns, divisor) = monitor.sizes().coarser.unwrap_or_default();
        assert_eq!(divisor, 10);
        assert!((10_000..21_000).contains(&since_ns), "{since_ns}");
        assert_eq!(monitor.sizes().off_grid, 0);
    }

    #[test]
    fn a_coarse_stretch_that_ends_is_none() {
        let mut monitor = TickMonitor::new(1);
        for round in 0..20 {
            walk(&mut monitor, round * 10_000, 300, 10);
            walk(&mut monitor, round * 10_000 + 5_000, 300, 1);
        }
        assert_eq!(monitor.sizes().coarser, None);
    }
}
