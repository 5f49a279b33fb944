//! Bars of trades: by time, by volume, by money.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::market::HOLE_NS;
use super::MarketTrade;
use crate::instrument::Side;
use crate::units::{divide_half_even, power_of_ten, Money, MONEY_EXPONENT};

/// Shortest time bar (100 ms): shorter ones would make a spell of silence millions of bars.
pub const SHORTEST_TIME_BAR_NS: i64 = 100_000_000;

/// When a bar is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarRule {
    /// Nanoseconds; bars begin at multiples of it since the epoch, so a day's begins at midnight UTC.
    Time(i64),
    /// Traded size quanta.
    Volume(i64),
    /// Traded notional.
    Dollar(Money),
}

/// A rule no bar can be built by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a {rule} bar of {value} is too small; the least is {minimum}")]
pub struct BarRuleError {
    pub rule: &'static str,
    pub value: i128,
    pub minimum: i128,
}

/// One bar. Prices and sizes are the instrument's quanta, sums are exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Time bars: start of the interval. Others: time of the first trade.
    pub start_ns: i64,
    /// Time bars: end of the interval, not in it. Others: time of the last trade, in it.
    pub end_ns: i64,
    /// Receive times of the first and the last trade; None in a forward-filled bar.
    pub first_ns: Option<i64>,
    pub last_ns: Option<i64>,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i128,
    /// Volume of buying aggressors.
    pub buy_volume: i128,
    /// Sum of price quanta × size quanta.
    pub turnover: i128,
    /// The turnover as money, rounded once, half-even. Meaningful for linear contracts and spot.
    pub notional: Money,
    pub trades: u64,
    /// Without a trade: flat at the close before, zero volume.
    pub filled: bool,
    /// False for the bar left open at the end, and for a time bar whose interval began before observation did.
    pub complete: bool,
}

impl Bar {
    /// Volume-weighted average price in price quanta; None without a trade.
    pub fn vwap(&self) -> Option<f64> {
        (self.volume > 0).then(|| self.turnover as f64 / self.volume as f64)
    }
}

/// Builds bars from trades in order of arrival.
///
/// Time bars close when their end has passed. Intervals without a trade are forward-filled where the silence between
/// the trades around them is shorter than [`HOLE_NS`], and are holes otherwise; which of the two is known only
/// when the next trade comes, so filled bars come with it and no bar depends on how time was cut. Volume and money bars
/// close with the trade that reaches the threshold and belong to it whole: half a print has no time or count of its
/// own, and would make two bars of one event. So such a bar may exceed its threshold, and the next begins at zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarBuilder {
    rule: BarRule,
    decimals: u8,
    observed_ns: Option<i64>,
    open: Option<Bar>,
    /// The last closed time bar that holds trades: its end, last trade's time and close.
    before: Option<(i64, i64, i64)>,
}

impl BarBuilder {
    /// The exponents are the instrument's.
    ///
    /// # Errors
    /// [`BarRuleError`] unless the threshold is positive, and of a time rule at least 100 ms.
    pub fn new(rule: BarRule, price_exponent: u8, size_exponent: u8) -> Result<Self, BarRuleError> {
        let (name, value, minimum) = match rule {
            BarRule::Time(ns) => ("time", i128::from(ns), i128::from(SHORTEST_TIME_BAR_NS)),
            BarRule::Volume(size) => ("volume", i128::from(size), 1),
            BarRule::Dollar(amount) => ("dollar", amount.0, 1),
        };
        if value < minimum {
            return Err(BarRuleError {
                rule: name,
                value,
                minimum,
            });
        }
        Ok(BarBuilder {
            rule,
            decimals: price_exponent.saturating_add(size_exponent),
            observed_ns: None,
            open: None,
            before: None,
        })
    }

    /// The market is observed from `local_ns` on: to be called with the first event of any kind. Only the first call
    /// counts; without one observation begins at the first trade.
    pub fn start(&mut self, local_ns: i64) {
        self.observed_ns.get_or_insert(local_ns);
    }

    /// Takes a trade; bars it closes are appended to `closed`. Local times must not decrease.
    pub fn update(&mut self, trade: MarketTrade, closed: &mut Vec<Bar>) {
        self.start(trade.local_ns);
        self.advance(trade.local_ns, closed);
        if self.open.is_none() {
            let bar = match self.rule {
                BarRule::Time(ns) => {
                    let start_ns = interval_start(trade.local_ns, ns);
                    self.fill(trade.local_ns, start_ns, ns, closed);
                    self.empty_bar(start_ns, start_ns.saturating_add(ns), trade.price)
                }
                _ => self.empty_bar(trade.local_ns, trade.local_ns, trade.price),
            };
            self.open = Some(bar);
        }
        if let Some(bar) = &mut self.open {
            add(bar, &trade);
        }
        let full = match (self.rule, &self.open) {
            (BarRule::Volume(size), Some(bar)) => bar.volume >= i128::from(size),
            (BarRule::Dollar(amount), Some(bar)) => money(bar.turnover, self.decimals) >= amount,
            _ => false,
        };
        if full {
            self.close(closed);
        }
    }

    /// Closes a time bar whose end is not after `now_ns`: all events before `now_ns` are known.
    pub fn advance(&mut self, now_ns: i64, closed: &mut Vec<Bar>) {
        if let (BarRule::Time(_), Some(bar)) = (self.rule, &self.open) {
            if bar.end_ns <= now_ns {
                self.close(closed);
            }
        }
    }

    /// The open bar as it stands, marked incomplete.
    pub fn open_bar(&self) -> Option<Bar> {
        self.open.clone().map(|bar| Bar {
            notional: money(bar.turnover, self.decimals),
            complete: false,
            ..bar
        })
    }

    /// Ends the stream: the bar left open, marked incomplete. What follows begins a new stream.
    pub fn finish(&mut self) -> Option<Bar> {
        let bar = self.open_bar();
        self.open = None;
        self.before = None;
        self.observed_ns = None;
        bar
    }

    fn close(&mut self, closed: &mut Vec<Bar>) {
        let Some(mut bar) = self.open.take() else {
            return;
        };
        bar.notional = money(bar.turnover, self.decimals);
        self.before = bar.last_ns.map(|last| (bar.end_ns, last, bar.close));
        closed.push(bar);
    }

    /// Flat bars for the empty intervals between the last closed bar and the one that begins at `until_ns`.
    fn fill(&self, trade_ns: i64, until_ns: i64, step_ns: i64, closed: &mut Vec<Bar>) {
        let Some((mut start_ns, last_ns, price)) = self.before else {
            return;
        };
        if trade_ns.saturating_sub(last_ns) >= HOLE_NS {
            return;
        }
        while start_ns < until_ns {
            let end_ns = start_ns.saturating_add(step_ns);
            closed.push(Bar {
                filled: true,
                ..self.empty_bar(start_ns, end_ns, price)
            });
            start_ns = end_ns;
        }
    }

    fn empty_bar(&self, start_ns: i64, end_ns: i64, price: i64) -> Bar {
        let cut_off = matches!(self.rule, BarRule::Time(_))
            && self.observed_ns.is_some_and(|from| from > start_ns);
        Bar {
            start_ns,
            end_ns,
            first_ns: None,
            last_ns: None,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            buy_volume: 0,
            turnover: 0,
            notional: Money::ZERO,
            trades: 0,
            filled: false,
            complete: !cut_off,
        }
    }
}

/// Start of the grid interval of `step_ns` that holds `local_ns`.
fn interval_start(local_ns: i64, step_ns: i64) -> i64 {
    local_ns.saturating_sub(local_ns.rem_euclid(step_ns))
}

fn add(bar: &mut Bar, trade: &MarketTrade) {
    let size = i128::from(trade.size);
    bar.first_ns.get_or_insert(trade.local_ns);
    bar.last_ns = Some(trade.local_ns);
    bar.end_ns = bar.end_ns.max(trade.local_ns);
    bar.high = bar.high.max(trade.price);
    bar.low = bar.low.min(trade.price);
    bar.close = trade.price;
    bar.volume += size;
    if trade.aggressor == Side::Buy {
        bar.buy_volume += size;
    }
    bar.turnover = bar.turnover.saturating_add(i128::from(trade.price) * size);
    bar.trades += 1;
}

/// Price quanta × size quanta as money; `decimals` is the sum of their exponents.
fn money(turnover: i128, decimals: u8) -> Money {
    if decimals <= MONEY_EXPONENT {
        Money(turnover.saturating_mul(i128::from(power_of_ten(MONEY_EXPONENT - decimals))))
    } else {
        let divisor = 10i128.saturating_pow(u32::from(decimals - MONEY_EXPONENT));
        Money(divide_half_even(turnover, divisor))
    }
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
