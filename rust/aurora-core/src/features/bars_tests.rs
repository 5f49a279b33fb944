#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

fn trade(local_ns: i64, price: i64, signed_size: i64) -> MarketTrade {
    MarketTrade {
        local_ns,
        price,
        size: signed_size.abs(),
        aggressor: Side::from_sign(signed_size).unwrap(),
    }
}

fn run(rule: BarRule, trades: &[MarketTrade]) -> (Vec<Bar>, Option<Bar>) {
    let mut builder = BarBuilder::new(rule, 2, 3).unwrap();
    let mut bars = Vec::new();
    builder.start(0);
    for trade in trades {
        builder.update(*trade, &mut bars);
    }
    (bars, builder.finish())
}

#[test]
fn a_minute_by_hand() {
    let trades = [
        trade(MINUTE, 10_000, 1_500),
        trade(MINUTE + 1, 10_100, -500),
        trade(2 * MINUTE - 1, 9_950, 1_000),
        trade(2 * MINUTE, 9_800, 250),
    ];
    let (bars, rest) = run(BarRule::Time(MINUTE), &trades);
    let expected = Bar {
        start_ns: MINUTE,
        end_ns: 2 * MINUTE,
        first_ns: Some(MINUTE),
        last_ns: Some(2 * MINUTE - 1),
        open: 10_000,
        high: 10_100,
        low: 9_950,
        close: 9_950,
        volume: 3_000,
        buy_volume: 2_500,
        turnover: 30_000_000,
        // 1.5 × 100 + 0.5 × 101 + 1 × 99.5 = 300
        notional: Money(300 * 100_000_000),
        trades: 3,
        filled: false,
        complete: true,
    };
    assert_eq!(bars, [expected]);
    assert_eq!(bars[0].vwap(), Some(10_000.0));
    let rest = rest.unwrap();
    assert_eq!(
        (rest.start_ns, rest.trades, rest.complete),
        (2 * MINUTE, 1, false)
    );
    // 0.25 × 98 = 24.5
    assert_eq!(rest.notional, Money(2_450_000_000));
}

#[test]
fn short_silence_is_filled_and_long_silence_is_a_hole() {
    let second = |gap: i64| {
        [
            trade(MINUTE, 100, 1),
            trade(MINUTE + gap, 120, 1),
            trade(3 * HOLE_NS, 1, 1),
        ]
    };
    let (bars, _) = run(BarRule::Time(MINUTE), &second(HOLE_NS - 1));
    // Minutes 1 to 60: the first traded, 2 to 60 less the last one filled at the first's close, then the trade's.
    assert_eq!(bars.len(), 60);
    assert!(bars[1..59].iter().all(|bar| {
        bar.filled
            && bar.complete
            && (bar.open, bar.high, bar.low, bar.close) == (100, 100, 100, 100)
            && (bar.volume, bar.trades, bar.notional) == (0, 0, Money::ZERO)
            && bar.first_ns.is_none()
            && bar.vwap().is_none()
    }));
    assert!(bars
        .windows(2)
        .all(|pair| pair[0].end_ns == pair[1].start_ns));
    assert_eq!((bars[59].open, bars[59].filled), (120, false));
    let (bars, _) = run(BarRule::Time(MINUTE), &second(HOLE_NS));
    let starts: Vec<i64> = bars.iter().map(|bar| bar.start_ns).collect();
    assert_eq!(starts, [MINUTE, MINUTE + HOLE_NS]);
}

#[test]
fn days_begin_at_midnight_and_before_the_epoch_too() {
    let day = 86_400 * SECOND;
    let mut builder = BarBuilder::new(BarRule::Time(day), 2, 3).unwrap();
    let mut bars = Vec::new();
    builder.update(trade(-1, 5, 1), &mut bars);
    builder.update(trade(0, 6, 1), &mut bars);
    builder.advance(day - 1, &mut bars);
    assert_eq!(bars.len(), 1);
    builder.advance(day, &mut bars);
    let spans: Vec<_> = bars.iter().map(|bar| (bar.start_ns, bar.end_ns)).collect();
    assert_eq!(spans, [(-day, 0), (0, day)]);
    // Observation began in the middle of the first.
    let complete: Vec<_> = bars.iter().map(|bar| bar.complete).collect();
    assert_eq!(complete, [false, true]);
    assert_eq!(builder.finish(), None);
}

#[test]
fn a_trade_closes_the_bar_it_completes_whole() {
    let trades = [
        trade(1, 100, 6),
        trade(2, 101, -3),
        trade(3, 102, 1),
        trade(9, 103, 35),
        trade(10, 104, 2),
    ];
    let (bars, rest) = run(BarRule::Volume(10), &trades);
    let shape: Vec<_> = bars
        .iter()
        .map(|bar| {
            (
                bar.start_ns,
                bar.end_ns,
                bar.volume,
                bar.trades,
                bar.complete,
            )
        })
        .collect();
    assert_eq!(shape, [(1, 3, 10, 3, true), (9, 9, 35, 1, true)]);
    assert_eq!(rest.map(|bar| (bar.volume, bar.complete)), Some((2, false)));
    // Dollar: 100.00 × 0.001 = 0.1 each; 0.3 closes at the third.
    let trades: Vec<_> = (0..7).map(|i| trade(i, 10_000, 1)).collect();
    let (bars, rest) = run(BarRule::Dollar(Money(30_000_000)), &trades);
    assert_eq!(
        bars.iter().map(|bar| bar.trades).collect::<Vec<_>>(),
        [3, 3]
    );
    assert_eq!(bars[0].notional, Money(30_000_000));
    assert_eq!(rest.map(|bar| bar.trades), Some(1));
}

#[test]
fn notional_is_rounded_once() {
    // 10^-10 quanta: three times 40 are 1.2 money quanta, each alone would be none.
    let mut builder = BarBuilder::new(BarRule::Volume(120), 5, 5).unwrap();
    let mut bars = Vec::new();
    for i in 0..3 {
        builder.update(trade(i, 1, 40), &mut bars);
    }
    assert_eq!((bars[0].turnover, bars[0].notional), (120, Money(1)));
}

#[test]
fn bad_rules_are_refused() {
    for (rule, name) in [
        (BarRule::Time(SHORTEST_TIME_BAR_NS - 1), "time"),
        (BarRule::Volume(0), "volume"),
        (BarRule::Dollar(Money(-5)), "dollar"),
    ] {
        assert_eq!(BarBuilder::new(rule, 2, 3).unwrap_err().rule, name);
    }
}

#[test]
fn absurd_clocks_do_no_harm() {
    let mut builder = BarBuilder::new(BarRule::Time(MINUTE), 18, 18).unwrap();
    let mut bars = Vec::new();
    for local_ns in [i64::MIN, 0, i64::MAX, i64::MAX] {
        builder.update(trade(local_ns, i64::MAX, i64::MAX), &mut bars);
    }
    // Each trade is in one bar.
    bars.extend(builder.finish());
    assert_eq!(bars.iter().map(|bar| bar.trades).sum::<u64>(), 4);
}

/// Time bars by grouping the whole list, empty ones looked up one by one.
fn naive_time(trades: &[MarketTrade], step: i64) -> Vec<(i64, [i64; 4], i64, i64, i64, bool)> {
    let mut rows = Vec::new();
    let first = trades[0].local_ns.div_euclid(step);
    let last = trades[trades.len() - 1].local_ns.div_euclid(step);
    for number in first..=last {
        let (start, end) = (number * step, (number + 1) * step);
        let inside: Vec<_> = trades
            .iter()
            .filter(|t| (start..end).contains(&t.local_ns))
            .collect();
        if inside.is_empty() {
            let before = trades.iter().rfind(|t| t.local_ns < start).unwrap();
            let after = trades.iter().find(|t| t.local_ns >= end).unwrap();
            if after.local_ns - before.local_ns < HOLE_NS {
                rows.push((start, [before.price; 4], 0, 0, 0, true));
            }
            continue;
        }
        let prices = || inside.iter().map(|t| t.price);
        let ohlc = [
            inside[0].price,
            prices().max().unwrap(),
            prices().min().unwrap(),
            inside[inside.len() - 1].price,
        ];
        let volume = inside.iter().map(|t| t.size).sum();
        let signed: i64 = inside.iter().map(|t| t.signed_size()).sum();
        let turnover = inside.iter().map(|t| t.price * t.size).sum();
        rows.push((start, ohlc, volume, signed, turnover, false));
    }
    rows
}

fn row(bar: &Bar) -> (i64, [i64; 4], i64, i64, i64, bool) {
    (
        bar.start_ns,
        [bar.open, bar.high, bar.low, bar.close],
        bar.volume as i64,
        (2 * bar.buy_volume - bar.volume) as i64,
        bar.turnover as i64,
        bar.filled,
    )
}

fn history() -> impl Strategy<Value = Vec<MarketTrade>> {
    let step = prop_oneof![6 => 0..MINUTE, 3 => 0..10 * MINUTE, 1 => 50 * MINUTE..70 * MINUTE];
    let signed = (1i64..1_000, any::<bool>()).prop_map(|(n, buy)| if buy { n } else { -n });
    prop::collection::vec((step, 9_000i64..11_000, signed), 1..60).prop_map(|rows| {
        let mut now = -30 * MINUTE;
        rows.into_iter()
            .map(|(step, price, signed)| {
                now += step;
                trade(now, price, signed)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn time_bars_equal_grouping(trades in history(), step in 30 * SECOND..20 * MINUTE, advances in any::<bool>()) {
        let mut builder = BarBuilder::new(BarRule::Time(step), 2, 3).unwrap();
        let mut bars = Vec::new();
        for trade in &trades {
            builder.update(*trade, &mut bars);
            if advances {
                // Time told apart from trades changes no bar.
                builder.advance(trade.local_ns, &mut bars);
            }
            let bytes = postcard::to_allocvec(&builder).unwrap();
            builder = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&builder).unwrap(), &bytes);
        }
        let open = builder.finish().unwrap();
        prop_assert!(!open.complete);
        bars.push(open);
        let rows: Vec<_> = bars.iter().map(row).collect();
        prop_assert_eq!(rows, naive_time(&trades, step));
    }

    #[test]
    fn early_closing_changes_no_bar(trades in history(), step in 30 * SECOND..20 * MINUTE) {
        let (mut early, mut late) = (
            BarBuilder::new(BarRule::Time(step), 2, 3).unwrap(),
            BarBuilder::new(BarRule::Time(step), 2, 3).unwrap(),
        );
        let (mut early_bars, mut late_bars) = (Vec::new(), Vec::new());
        for (i, trade) in trades.iter().enumerate() {
            early.update(*trade, &mut early_bars);
            late.update(*trade, &mut late_bars);
            if let Some(next) = trades.get(i + 1) {
                early.advance((trade.local_ns + next.local_ns) / 2, &mut early_bars);
                early.advance(next.local_ns, &mut early_bars);
            }
        }
        prop_assert_eq!(early_bars, late_bars);
        prop_assert_eq!(early, late);
    }

    /// Groups end where a running sum, restarted behind each of them, first reaches the threshold.
    #[test]
    fn threshold_bars_partition_the_trades(trades in history(), threshold in 1i64..5_000, dollars in any::<bool>()) {
        let rule = if dollars {
            // Price exponent 2 and size exponent 3: a quantum product is 1000 money quanta.
            BarRule::Dollar(Money(i128::from(threshold) * 10_000_000))
        } else {
            BarRule::Volume(threshold)
        };
        let (mut bars, rest) = run(rule, &trades);
        let full = bars.len();
        bars.extend(rest);
        let mut taken = 0;
        for (i, bar) in bars.iter().enumerate() {
            let group = &trades[taken..taken + bar.trades as usize];
            taken += group.len();
            let amount = |group: &[MarketTrade]| -> i64 {
                group.iter().map(|t| if dollars { t.price * t.size } else { t.size }).sum()
            };
            let limit = if dollars { threshold * 10_000 } else { threshold };
            prop_assert!(amount(&group[..group.len() - 1]) < limit);
            prop_assert_eq!(amount(group) >= limit, i < full);
            prop_assert_eq!(bar.complete, i < full);
            prop_assert_eq!(bar.first_ns, Some(group[0].local_ns));
            prop_assert_eq!(bar.last_ns, Some(group[group.len() - 1].local_ns));
            let ohlc = naive_time(group, i64::MAX / 4);
            let prices: Vec<i64> = group.iter().map(|t| t.price).collect();
            prop_assert_eq!(bar.high, *prices.iter().max().unwrap());
            prop_assert_eq!(bar.low, *prices.iter().min().unwrap());
            prop_assert_eq!((bar.open, bar.close), (prices[0], prices[prices.len() - 1]));
            prop_assert_eq!(bar.turnover as i64, ohlc.iter().map(|row| row.4).sum::<i64>());
            prop_assert_eq!(bar.notional, Money(bar.turnover * 1_000));
            let bytes = postcard::to_allocvec(bar).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Bar>(&bytes).unwrap(), bar);
        }
        prop_assert_eq!(taken, trades.len());
    }
}
