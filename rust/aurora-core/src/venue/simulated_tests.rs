//! The venue against a second, naive one: single units in lists, a plain map of levels.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::desk::test_market::{instrument, Frames};
use crate::event::{MessageKind, FLAG_BUYER_IS_MAKER};
use crate::execution::{
    route_entry, ExecutionReport, Exposure, Gate, HardLimits, Order, Proposal, ReportStatus, Route,
    Touch,
};
use crate::instrument::Side;
use crate::units::Money;
use crate::venue::{SimulatedVenue, Stamp, VenueFees};

const FEES: VenueFees = VenueFees {
    maker_e8: 20_000,
    taker_e8: 50_000,
};

fn post_only_buy(price: i64, size: i64) -> Order {
    let much = Money(1 << 100);
    let limits = HardLimits {
        max_symbol_notional: much,
        max_gross_notional: much,
        max_day_loss: much,
    };
    let account = Exposure {
        busy: None,
        symbol_notional: Money::ZERO,
        gross_notional: Money::ZERO,
        equity: Money::ZERO,
        day_start_equity: Money::ZERO,
    };
    let proposal = Proposal {
        trace: 1,
        instrument: 0,
        local_ns: 0,
        side: Side::Buy,
        size,
        route: Route::Maker,
        bid: price,
        ask: price + 1,
        stop_distance: 5,
        deadline_ns: i64::MAX,
        limit: 0,
        take_within: None,
        volatility: None,
        depth: None,
    };
    let touch = Touch {
        bid: price,
        ask: price + 1,
    };
    let intent = Gate::new(limits, 0)
        .check(&proposal, &instrument("A"), Some(touch), &account, 0)
        .unwrap();
    route_entry(&intent, &instrument("A"), touch).unwrap()
}

/// One resting buy at 1000, unit by unit. Times rise, so no print is older than a depth update.
struct Naive {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    ahead: Vec<()>,
    left: Vec<()>,
    /// What we took of an ask level, and the size it showed then.
    taken: BTreeMap<i64, (i64, i64)>,
}

impl Naive {
    fn trade(&mut self, price: i64, size: i64, seller_aggressive: bool) {
        if !seller_aggressive || price > 1000 {
            return;
        }
        if price < 1000 {
            self.ahead.clear();
        }
        for _ in 0..size {
            if self.ahead.pop().is_none() {
                self.left.pop();
            }
        }
    }

    fn depth(&mut self) {
        let asks = &self.asks;
        self.taken
            .retain(|price, (_, shown)| asks.get(price) == Some(shown));
        for (price, size) in self.asks.range(..=1000) {
            let entry = self.taken.entry(*price).or_insert((0, *size));
            while entry.0 < *size && self.left.pop().is_some() {
                entry.0 += 1;
            }
        }
        let shown = self.bids.get(&1000).copied().unwrap_or(0);
        self.ahead.truncate(shown as usize);
    }
}

fn run(steps: &[(u8, i64, i64)], size: i64) -> (i64, i64) {
    let mut frames = Frames::default();
    frames.snapshot((0, 0), &[(1000, 6), (999, 4)], &[(1001, 3), (1002, 5)]);
    for (number, (what, offset, amount)) in steps.iter().enumerate() {
        let times = (number as i64 + 2, number as i64 + 2);
        match what {
            0 | 1 => drop(frames.trade(times, 1000 + offset.min(&1), amount + 1, Side::Sell)),
            2 => drop(frames.trade(times, 1000 + offset, amount + 1, Side::Buy)),
            3 | 4 => drop(frames.diff(times, &[(1000 - offset.abs(), *amount)], &[])),
            _ => drop(frames.diff(times, &[], &[(1001 + offset, *amount)])),
        }
    }
    let mut venue = SimulatedVenue::new(&[instrument("A")], FEES);
    let mut naive = Naive {
        bids: BTreeMap::new(),
        asks: BTreeMap::new(),
        ahead: Vec::new(),
        left: vec![(); size as usize],
        taken: BTreeMap::new(),
    };
    let mut reports: Vec<ExecutionReport> = Vec::new();
    for (number, message) in frames.block.messages.iter().enumerate() {
        let stamp = Stamp {
            exchange_ns: message.exchange_ns,
            local_ns: message.local_ns,
        };
        venue.market(0, &frames.block, message, stamp, &mut reports);
        if message.kind == MessageKind::Trade {
            let level = frames.block.bids(message)[0];
            naive.trade(level.price, level.size, message.has(FLAG_BUYER_IS_MAKER));
        } else {
            for (levels, map) in [
                (frames.block.bids(message), &mut naive.bids),
                (frames.block.asks(message), &mut naive.asks),
            ] {
                for level in levels {
                    map.insert(level.price, level.size);
                    if level.size == 0 {
                        map.remove(&level.price);
                    }
                }
            }
            // A side without levels is no book: the venue does nothing on it.
            if number > 0 && !naive.bids.is_empty() && !naive.asks.is_empty() {
                naive.depth();
            }
        }
        if number == 0 {
            let arrival = Stamp {
                exchange_ns: 1,
                local_ns: 1,
            };
            venue.place(&post_only_buy(1000, size), arrival, &mut reports);
            assert_eq!(reports.len(), 1);
            assert_eq!(reports[0].status, ReportStatus::Accepted);
            naive.ahead = vec![(); 6];
        }
    }
    for report in &reports {
        if let Some(last) = report.last {
            let fee = instrument("A")
                .notional(1000, last.size)
                .times_rate(FEES.maker_e8);
            assert_eq!((last.price, last.fee), (1000, fee));
        }
    }
    let filled = reports
        .iter()
        .filter_map(|report| report.last)
        .map(|last| last.size)
        .sum();
    assert_eq!(venue.position(0), filled);
    (filled, size - naive.left.len() as i64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn maker_fills_are_those_of_a_naive_queue(
        steps in prop::collection::vec((0u8..7, -3i64..4, 0i64..9), 0..40),
        size in 1i64..25,
    ) {
        let (fast, naive) = run(&steps, size);
        prop_assert_eq!(fast, naive);
    }
}

#[test]
fn a_side_that_empties_for_a_moment_does_not_offer_the_same_size_again() {
    // The bids vanish, an ask of 1 crosses us and is taken; without any bid there is no book, then one returns.
    let steps = [(3, 0, 0), (5, -1, 1), (3, 1, 0), (3, 2, 4)];
    assert_eq!(run(&steps, 5), (1, 1));
}

#[test]
fn a_ticker_ahead_of_the_ladder_caps_the_queue_and_crosses() {
    let mut frames = Frames::default();
    frames
        .snapshot((0, 0), &[(1000, 6)], &[(1001, 3)])
        .ticker((2, 2), (1000, 1), (1001, 3))
        .trade((3, 3), 1000, 3, Side::Sell)
        .ticker((4, 4), (999, 1), (1000, 4));
    let mut venue = SimulatedVenue::new(&[instrument("A")], FEES);
    let mut fills = Vec::new();
    for (number, message) in frames.block.messages.iter().enumerate() {
        let mut reports = Vec::new();
        let stamp = Stamp {
            exchange_ns: message.exchange_ns,
            local_ns: message.local_ns,
        };
        venue.market(0, &frames.block, message, stamp, &mut reports);
        fills.extend(
            reports
                .iter()
                .filter_map(|r| r.last)
                .map(|last| (message.local_ns, last.size)),
        );
        if number == 0 {
            venue.place(
                &post_only_buy(1000, 20),
                Stamp {
                    exchange_ns: 1,
                    local_ns: 1,
                },
                &mut reports,
            );
        }
    }
    // One ahead by the ticker, so 2 of 3 reach us; then the ask at our price shows 4.
    assert_eq!(fills, [(3, 2), (4, 4)]);
}

#[test]
fn trades_fill_while_the_book_is_not_synchronised_and_new_orders_are_refused() {
    let mut frames = Frames::default();
    frames
        .snapshot((0, 0), &[(1000, 1)], &[(1001, 3)])
        .gap((2, 2))
        .trade((3, 3), 1000, 4, Side::Sell);
    let mut venue = SimulatedVenue::new(&[instrument("A")], FEES);
    let mut reports = Vec::new();
    for (number, message) in frames.block.messages.iter().enumerate() {
        let stamp = Stamp {
            exchange_ns: message.exchange_ns,
            local_ns: message.local_ns,
        };
        venue.market(0, &frames.block, message, stamp, &mut reports);
        if number == 0 {
            venue.place(
                &post_only_buy(1000, 3),
                Stamp {
                    exchange_ns: 1,
                    local_ns: 1,
                },
                &mut reports,
            );
        }
    }
    assert_eq!(
        reports.last().map(|r| (r.status, r.cumulative)),
        Some((ReportStatus::Filled, 3))
    );
    venue.place(
        &post_only_buy(1000, 3),
        Stamp {
            exchange_ns: 5,
            local_ns: 5,
        },
        &mut reports,
    );
    assert_eq!(
        reports.last().and_then(|r| r.rejection),
        Some(crate::execution::Rejection::BookUnavailable)
    );
}
