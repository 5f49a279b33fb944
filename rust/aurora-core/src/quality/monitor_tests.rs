#![allow(clippy::unwrap_used)]

use super::*;
use crate::book::Quote;
use crate::event::{Level, MessageFields};
use crate::instrument::{InstrumentId, Market};
use crate::units::Money;
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const START: i64 = 1_700_000_000_000 * MS;

fn instrument(market: Market) -> Instrument {
    Instrument {
        id: InstrumentId {
            market,
            symbol: "TESTUSDT".into(),
        },
        price_exponent: 2,
        size_exponent: 3,
        tick: 10,
        lot: 1,
        min_notional: Money::ZERO,
    }
}

fn push(
    block: &mut EventBlock,
    times: (i64, i64),
    kind: MessageKind,
    ids: (u64, u64, u64),
    prices: (&[i64], &[i64]),
    flags: u8,
) {
    let levels_start = block.levels.len() as u32;
    for price in prices.0.iter().chain(prices.1) {
        block.levels.push(Level {
            price: *price,
            size: 5,
        });
    }
    block.push(MessageFields {
        local_ns: times.0,
        exchange_ns: times.1,
        first_id: ids.0,
        last_id: ids.1,
        previous_id: ids.2,
        levels_start,
        bids: prices.0.len() as u32,
        asks: prices.1.len() as u32,
        kind,
        flags,
    });
}

/// One step of a script: milliseconds since the step before, what it is, a price, a latency in ms.
type Step = (i64, u8, i64, i64);

fn script(steps: &[Step]) -> EventBlock {
    let mut block = EventBlock::default();
    let (mut local_ns, mut id) = (START, 100u64);
    for (gap_ms, what, price, latency_ms) in steps {
        local_ns += gap_ms * MS;
        let price = 60_000 + price;
        let exchange_ns = local_ns - latency_ms * MS;
        let times = (local_ns, exchange_ns);
        match what {
            0..=5 => {
                // Now and then the diff does not name the one before it.
                let previous = if *what == 5 { id - 1 } else { id };
                let ids = (id + 1, id + 2, previous);
                id += 2;
                push(
                    &mut block,
                    times,
                    MessageKind::Diff,
                    ids,
                    (&[price], &[price + 30]),
                    0,
                );
            }
            6 | 7 => push(
                &mut block,
                times,
                MessageKind::Snapshot,
                (0, id, 0),
                (&[60_000], &[60_040]),
                0,
            ),
            8..=10 => push(
                &mut block,
                (local_ns, if *what == 10 { local_ns } else { exchange_ns }),
                MessageKind::Ticker,
                (0, id + 1, 0),
                (&[price], &[price + 10]),
                if *what == 10 {
                    FLAG_EXCHANGE_TIME_ESTIMATED
                } else {
                    0
                },
            ),
            11 => push(
                &mut block,
                times,
                MessageKind::Trade,
                (9, 9, 0),
                (&[price], &[]),
                FLAG_NO_MARKET_TRADE,
            ),
            12 => push(
                &mut block,
                times,
                MessageKind::Trade,
                (9, 9, 0),
                (&[price + 700], &[]),
                0,
            ),
            13 => push(
                &mut block,
                times,
                MessageKind::Ticker,
                (0, id + 1, 0),
                (&[price + 3], &[price + 10]),
                FLAG_LOCAL_TIME_HELD,
            ),
            _ => push(
                &mut block,
                times,
                MessageKind::Trade,
                (9, 9, 0),
                (&[price], &[]),
                0,
            ),
        }
    }
    block
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![6 => 0i64..500, 1 => 2_000i64..90_000];
    // Multiples of the tick of 10 quanta, and few of 5.
    let price = prop_oneof![12 => (-3i64..4).prop_map(|p| p * 10), 1 => Just(5i64)];
    prop::collection::vec((gap, 0u8..40, price, -30i64..60), 0..700)
}

/// A message beside what the book said after it.
struct Seen {
    message: Message,
    price: i64,
    state: BookState,
    touch: Option<Quote>,
}

fn watch(block: &EventBlock, monitor: &mut QualityMonitor, book: &mut Book) -> Vec<Seen> {
    block
        .messages
        .iter()
        .map(|message| {
            book.apply(block, message);
            monitor.observe(block, message, book);
            Seen {
                message: *message,
                price: block.bids(message)[0].price,
                state: book.state(),
                touch: book.touch(),
            }
        })
        .collect()
}

/// Least squares of the smallest latency of each minute, in floats.
fn drift(latencies: &[(i64, i64)]) -> Option<(f64, f64)> {
    let mut minutes: Vec<(i64, Vec<i64>)> = Vec::new();
    for (received, latency) in latencies {
        let index = received.div_euclid(60_000 * MS);
        match minutes.last_mut() {
            Some((last, values)) if *last == index => values.push(*latency),
            _ => minutes.push((index, vec![*latency])),
        }
    }
    minutes.retain(|(_, values)| values.len() >= 10);
    if minutes.len() < 3 {
        return None;
    }
    let points: Vec<(f64, f64)> = minutes
        .iter()
        .map(|(index, values)| {
            let fastest = *values.iter().min().unwrap() - *minutes[0].1.iter().min().unwrap();
            ((index - minutes[0].0) as f64, fastest as f64)
        })
        .collect();
    let n = points.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (mt, my) = (mean(&|p| p.0), mean(&|p| p.1));
    let slope = points.iter().map(|p| (p.0 - mt) * (p.1 - my)).sum::<f64>()
        / points.iter().map(|p| (p.0 - mt).powi(2)).sum::<f64>();
    Some((slope, slope * points[points.len() - 1].0))
}

/// The definition, for the last of 102 market trades: the pauses of a script are too short to matter.
fn is_outlier(window: &[&Seen]) -> bool {
    let middle = |mut values: Vec<i64>| {
        values.sort_unstable();
        values[values.len() / 2]
    };
    let before: Vec<i64> = window[..101].iter().map(|s| s.price).collect();
    let centre = middle(before.clone());
    let mad = middle(before.iter().map(|p| (p - centre).abs()).collect());
    let distance = (window[101].price - centre).abs() as f64;
    0.6745 * distance > 3.5 * mad as f64 && distance / centre as f64 >= 0.005
}

fn check(seen: &[Seen], quality: &Quality, offset_ns: i64) -> Result<(), TestCaseError> {
    let count = |f: &dyn Fn(&Seen) -> bool| seen.iter().filter(|s| f(s)).count() as u64;
    let is_trade = |s: &Seen| s.message.kind == MessageKind::Trade;
    prop_assert_eq!(quality.messages, seen.len() as u64);
    prop_assert_eq!(quality.trades, count(&is_trade));
    prop_assert_eq!(
        quality.tickers,
        count(&|s| s.message.kind == MessageKind::Ticker)
    );
    prop_assert_eq!(
        quality.no_market_trades,
        count(&|s| is_trade(s) && s.message.has(FLAG_NO_MARKET_TRADE))
    );
    prop_assert_eq!(
        quality.late,
        count(&|s| s.message.has(FLAG_LOCAL_TIME_HELD))
    );
    prop_assert_eq!(
        quality.exchange_time_estimated,
        count(&|s| s.message.has(FLAG_EXCHANGE_TIME_ESTIMATED))
    );

    let first_sync = seen.iter().position(|s| s.state.is_synced());
    let (mut awaiting, mut stale, mut unsynchronised, mut pause) = (0, 0, 0, 0);
    for (i, pair) in seen.windows(2).enumerate() {
        let passed = pair[1].message.local_ns - pair[0].message.local_ns;
        pause = pause.max(passed);
        match pair[0].state {
            BookState::Synced => {}
            BookState::Unsynchronised => unsynchronised += passed,
            _ if first_sync.is_some_and(|first| first <= i) => stale += passed,
            _ => awaiting += passed,
        }
    }
    prop_assert_eq!(quality.awaiting_ns, awaiting);
    prop_assert_eq!(quality.stale_ns, stale);
    prop_assert_eq!(quality.unsynchronised_ns, unsynchronised);
    prop_assert_eq!(quality.longest_pause_ns, pause);
    if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
        prop_assert_eq!(quality.first_ns, first.message.local_ns + offset_ns);
        prop_assert_eq!(quality.last_ns, last.message.local_ns + offset_ns);
    }

    let latencies: Vec<(i64, i64)> = seen
        .iter()
        .filter(|s| s.message.kind != MessageKind::Snapshot && s.message.flags & 9 == 0)
        .map(|s| {
            let received = s.message.local_ns + offset_ns;
            (received, received - s.message.exchange_ns)
        })
        .collect();
    match &quality.latency {
        None => prop_assert!(latencies.is_empty()),
        Some(told) => {
            let mut sorted: Vec<i64> = latencies.iter().map(|(_, l)| *l).collect();
            prop_assert_eq!(told.compared, sorted.len() as u64);
            prop_assert_eq!(
                told.negative,
                sorted.iter().filter(|l| **l < 0).count() as u64
            );
            let first = sorted[0];
            sorted.sort_unstable();
            prop_assert_eq!(told.minimum_ns, sorted[0]);
            prop_assert_eq!(told.maximum_ns, sorted[sorted.len() - 1]);
            let median = sorted[sorted.len() / 2];
            prop_assert!((told.median_ns - median).abs() <= 1_000 + (median - first).abs() / 32);
        }
    }
    match (quality.drift, drift(&latencies)) {
        (None, None) => {}
        (Some(told), Some((slope_ns_per_minute, total_ns))) => {
            prop_assert!((told.drift_ppm - slope_ns_per_minute / 60_000.0).abs() < 1e-6);
            prop_assert!((told.total_ns - total_ns).abs() < 1.0);
        }
        (told, expected) => prop_assert!(false, "{:?} {:?}", told, expected),
    }

    let market: Vec<&Seen> = seen
        .iter()
        .filter(|s| is_trade(s) && !s.message.has(FLAG_NO_MARKET_TRADE))
        .collect();
    prop_assert_eq!(
        quality.judged_prints,
        market.len().saturating_sub(101) as u64
    );
    let judged: Vec<(&Seen, bool)> = market
        .windows(102)
        .map(|window| (window[101], is_outlier(window)))
        .collect();
    let outliers: Vec<&Seen> = judged.iter().filter(|j| j.1).map(|j| j.0).collect();
    prop_assert_eq!(quality.outlier_prints, outliers.len() as u64);
    prop_assert_eq!(
        quality.first_outlier_ns,
        outliers.first().map(|s| s.message.local_ns + offset_ns)
    );
    let unconfirmed = outliers
        .iter()
        .filter(|s| {
            s.touch.is_none_or(|t| {
                let (bid, ask) = (t.bid.price as f64, t.ask.price as f64);
                let limit = 0.005 * bid;
                (s.price as f64) < bid - limit || s.price as f64 > ask + limit
            })
        })
        .count();
    prop_assert_eq!(quality.unconfirmed_prints, unconfirmed as u64);
    prop_assert_eq!(quality.was_synchronised, first_sync.is_some());

    let mut off_grid = Vec::new();
    let (mut bid, mut ask, mut traded) = (0, 0, 0);
    for s in seen {
        let mut look = |last: &mut i64, price: i64| {
            if price != std::mem::replace(last, price) && price % 10 != 0 {
                off_grid.push(s.message.local_ns + offset_ns);
            }
        };
        if is_trade(s) {
            if !s.message.has(FLAG_NO_MARKET_TRADE) {
                look(&mut traded, s.price);
            }
        } else if let Some(touch) = s.touch {
            look(&mut bid, touch.bid.price);
            look(&mut ask, touch.ask.price);
        }
    }
    prop_assert_eq!(quality.ticks.off_grid, off_grid.len() as u64);
    prop_assert_eq!(quality.ticks.finer.map(|f| f.0), off_grid.first().copied());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn equals_a_recomputation_over_the_whole_list(
        steps in steps(), unsynchronised in any::<bool>(), offset_ms in -2_000i64..2_000,
    ) {
        let instrument = instrument(Market::BinanceUsdm);
        let block = script(&steps);
        let mut book = if unsynchronised {
            Book::unsynchronised(instrument.id.market, instrument.tick)
        } else {
            Book::new(instrument.id.market, instrument.tick)
        };
        let mut monitor = QualityMonitor::new(&instrument, offset_ms * MS);
        let seen = watch(&block, &mut monitor, &mut book);
        let quality = monitor.quality(&book);
        check(&seen, &quality, offset_ms * MS)?;
        prop_assert_eq!(quality.counters, *book.counters());
        prop_assert_eq!(quality.snapshot_only, book.counters().snapshots > 0 && book.counters().diffs == 0);
    }

    #[test]
    fn blocks_and_bytes_between_change_nothing(steps in steps(), width in 1usize..90) {
        let instrument = instrument(Market::BinanceUsdm);
        let block = script(&steps);
        let mut whole = QualityMonitor::new(&instrument, 7);
        let mut book = Book::new(instrument.id.market, instrument.tick);
        watch(&block, &mut whole, &mut book);
        let mut parts = QualityMonitor::new(&instrument, 7);
        let mut other = Book::new(instrument.id.market, instrument.tick);
        for messages in block.messages.chunks(width) {
            let mut part = EventBlock::default();
            for message in messages {
                part.push_from(&block, message);
            }
            watch(&part, &mut parts, &mut other);
            let bytes = postcard::to_allocvec(&(parts, other)).unwrap();
            (parts, other) = postcard::from_bytes(&bytes).unwrap();
        }
        prop_assert_eq!(&parts, &whole);
        prop_assert_eq!(parts.quality(&other), whole.quality(&book));
    }
}

#[test]
fn an_instrument_without_messages() {
    let instrument = instrument(Market::BinanceUsdm);
    let book = Book::new(instrument.id.market, instrument.tick);
    let quality = QualityMonitor::new(&instrument, -5).quality(&book);
    assert_eq!(
        (quality.messages, quality.first_ns, quality.last_ns),
        (0, 0, 0)
    );
    assert_eq!((quality.latency, quality.drift), (None, None));
    assert!(!quality.snapshot_only);
}

#[test]
fn snapshots_in_the_stream_have_a_latency_and_may_be_all_there_is() {
    assert!(whole_books(Market::Hyperliquid).snapshot_only);
    // Of LOBSTER there is a book after every event.
    assert!(!whole_books(Market::Lobster).snapshot_only);
    let quality = whole_books(Market::Hyperliquid);
    assert_eq!(quality.latency.unwrap().compared, 5);
    assert_eq!(quality.awaiting_ns, 0);
}

fn whole_books(market: Market) -> Quality {
    let instrument = instrument(market);
    let mut block = EventBlock::default();
    for i in 0..5 {
        let local_ns = START + i * 500 * MS;
        push(
            &mut block,
            (local_ns, local_ns - 40 * MS),
            MessageKind::Snapshot,
            (0, 0, 0),
            (&[60_000], &[60_010]),
            0,
        );
    }
    let mut book = Book::new(instrument.id.market, instrument.tick);
    let mut monitor = QualityMonitor::new(&instrument, 0);
    watch(&block, &mut monitor, &mut book);
    monitor.quality(&book)
}
