//! The filters of every symbol in a captured `exchangeInfo` (Binance USDⓈ-M, 2021-07-22), each refused with the
//! exchange's number. Needs the captures (`AURORA_CAPTURES`); without them it says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use aurora_core::event::{EventBlock, Level, MessageFields, MessageKind};
use aurora_core::instrument::{Instrument, Market, Side};
use aurora_core::units::Money;
use aurora_core::venue::{
    Call, Checks, ClientOrderId, Decimal, NewOrder, Request, SymbolRules, TimeInForce, Venue,
    VenueFees, VenueSettings,
};
use aurora_io::exchange_info;

fn captured() -> Option<Vec<u8>> {
    let folder = std::env::var_os("AURORA_CAPTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = std::fs::File::open(folder.join("cryptofeed/BINANCE_FUTURES.jsonl.zst")).ok()?;
    let text = zstd::decode_all(file).unwrap();
    let line = text
        .split(|byte| *byte == b'\n')
        .find(|line| memchr::memmem::find(line, b"fapi/v1/exchangeInfo").is_some())
        .unwrap();
    let line: serde_json::Value = serde_json::from_slice(line).unwrap();
    Some(line["data"].as_str().unwrap().as_bytes().to_vec())
}

/// A venue of one symbol, with filters and without margin, whose touch is `price` to one tick above.
fn venue(instrument: &Instrument, rules: &SymbolRules, price: i64) -> Venue {
    let settings = VenueSettings {
        checks: Checks {
            filters: true,
            margin: false,
        },
        budgets: None,
        ..VenueSettings::exchange(VenueFees {
            maker_e8: 20_000,
            taker_e8: 50_000,
        })
    };
    let mut venue = Venue::new(settings, vec![(instrument.clone(), rules.clone())]);
    venue.add_account(Money(0), 0);
    let level = |price| Level { price, size: 1 };
    let mut block = EventBlock::default();
    block.levels = vec![level(price), level(price + rules.tick)];
    block.push(MessageFields {
        local_ns: 1,
        exchange_ns: 1,
        first_id: 0,
        last_id: 1,
        previous_id: 0,
        levels_start: 0,
        bids: 1,
        asks: 1,
        kind: MessageKind::Snapshot,
        flags: 0,
    });
    venue.on_market(0, &block, &block.messages[0], 1);
    venue
}

fn code(venue: &mut Venue, order: NewOrder) -> i32 {
    let request = if order.kind.is_conditional() {
        Request::NewAlgo(order)
    } else {
        Request::NewOrder(order)
    };
    let reply = venue.handle(&Call::new(0, request), 2);
    reply.outcome.map_or_else(|error| error.code(), |_| 0)
}

#[test]
fn filters_of_every_captured_symbol_refuse_with_their_numbers() {
    let Some(text) = captured() else {
        eprintln!("skipped: no captures");
        return;
    };
    let symbols = exchange_info(&text, Market::BinanceUsdm).unwrap();
    assert_eq!(symbols.len(), 122);
    let btc = &symbols[0].1;
    // As the answer has them: 0.01, 0.001, 5, ±15 %, 5 %, 1.2 %, 200 and 10.
    assert_eq!(
        (symbols[0].0.price_exponent, symbols[0].0.size_exponent),
        (2, 3)
    );
    assert_eq!(
        (btc.tick, btc.min_price, btc.max_price),
        (1, 55_672, 100_000_000)
    );
    assert_eq!((btc.min_size, btc.step, btc.max_size), (1, 1, 1_000_000));
    assert_eq!(btc.min_notional, Money(500_000_000));
    assert_eq!(
        (btc.multiplier_down_e8, btc.multiplier_up_e8),
        (85_000_000, 115_000_000)
    );
    assert_eq!(
        (btc.trigger_protect_e8, btc.liquidation_fee_e8),
        (5_000_000, 1_200_000)
    );
    assert_eq!((btc.max_orders, btc.max_conditional_orders), (200, 10));
    assert_eq!(btc.time_in_force.len(), 4);

    let mut reached: BTreeMap<i32, usize> = BTreeMap::new();
    for (instrument, rules) in &symbols {
        check(instrument, rules, &mut reached);
    }
    println!("code: symbols {reached:?}");
    for code in [
        0, -1111, -4003, -4004, -4005, -4013, -4002, -4014, -4016, -4024, -4164, -2025, -4045,
        -1115,
    ] {
        assert!(
            reached.get(&code).is_some_and(|count| *count > 100),
            "{code}: {reached:?}"
        );
    }
}

fn check(instrument: &Instrument, rules: &SymbolRules, reached: &mut BTreeMap<i32, usize>) {
    if !rules.is_trading {
        return;
    }
    let (pe, se) = (instrument.price_exponent, instrument.size_exponent);
    let on_tick = |price: i64| price - (price - rules.min_price).rem_euclid(rules.tick);
    // Ten times the lowest price, so that all of the band lies inside the limits.
    let mid = on_tick(rules.min_price * 10);
    let mut venue = venue(instrument, rules, mid);
    let mut number = 0;
    let mut next = |side: Side, price: Decimal, quantity: Decimal| {
        number += 1;
        let id = ClientOrderId::parse(&format!("o{number}")).unwrap();
        NewOrder::limit(0, id, side, price, quantity)
    };
    let px = |quanta| Decimal::new(quanta, pe);
    let qty = |quanta| Decimal::new(quanta, se);
    // Smallest size whose notional at the lowest price used here is enough.
    let unit = instrument.notional(mid / 2, rules.step).0.max(1);
    let steps = i64::try_from(rules.min_notional.0 / unit + 1).unwrap();
    let size = rules.min_size + steps * rules.step;
    let buy =
        |next: &mut dyn FnMut(Side, Decimal, Decimal) -> NewOrder, p, q| next(Side::Buy, p, q);
    let mut cases: Vec<(i32, NewOrder)> = vec![
        (0, buy(&mut next, px(mid), qty(size))),
        (-4003, buy(&mut next, px(mid), qty(0))),
        (
            -1111,
            buy(&mut next, px(mid), Decimal::new(size * 10 + 1, se + 1)),
        ),
        (
            -4005,
            buy(&mut next, px(mid), qty(rules.max_size + rules.step)),
        ),
        (
            -4002,
            buy(&mut next, px(rules.max_price + rules.tick), qty(size)),
        ),
        (
            -4013,
            buy(&mut next, px(rules.min_price - rules.tick), qty(size)),
        ),
        (
            -1111,
            buy(
                &mut next,
                Decimal::new(1, rules.price_precision + 1),
                qty(size),
            ),
        ),
        (
            -4016,
            buy(&mut next, px(on_tick(mid * 116 / 100)), qty(size)),
        ),
        (
            -4024,
            next(Side::Sell, px(on_tick(mid * 84 / 100)), qty(size)),
        ),
        // Below the smallest size: zero would be another refusal.
        (-4164, buy(&mut next, px(mid), qty(rules.min_size))),
    ];
    if rules.min_size > 1 {
        cases.push((-4004, buy(&mut next, px(mid), qty(rules.min_size - 1))));
    } else {
        // No smaller number can be written within the precision; a rule of one step more shows the check.
        let id = ClientOrderId::parse("least").unwrap();
        let order = NewOrder::limit(0, id, Side::Buy, px(mid), qty(rules.min_size));
        let raised = SymbolRules {
            min_size: rules.min_size + rules.step,
            ..rules.clone()
        };
        venue.set_rules(0, raised);
        assert_eq!(code(&mut venue, order), -4004);
        *reached.entry(-4004).or_default() += 1;
        venue.set_rules(0, rules.clone());
    }
    if rules.tick > 1 || rules.price_precision > pe {
        // Within the precision, and not on the tick.
        let off = if rules.tick > 1 {
            px(mid + 1)
        } else {
            Decimal::new(mid * 10 + 1, pe + 1)
        };
        cases.push((-4014, buy(&mut next, off, qty(size))));
    } else {
        let coarse = SymbolRules {
            tick: 10,
            ..rules.clone()
        };
        venue.set_rules(0, coarse);
        let off = mid - (mid - rules.min_price).rem_euclid(10) + 1;
        assert_eq!(code(&mut venue, buy(&mut next, px(off), qty(size))), -4014);
        *reached.entry(-4014).or_default() += 1;
        venue.set_rules(0, rules.clone());
    }
    if !rules.time_in_force.contains(&TimeInForce::Gtd) {
        let order = NewOrder {
            time_in_force: Some(TimeInForce::Gtd),
            good_till_ns: Some(i64::MAX),
            ..buy(&mut next, px(mid), qty(size))
        };
        cases.push((-1115, order));
    }
    for (expected, order) in cases {
        // A notional of the smallest size may be enough for the dearest symbols.
        let enough = instrument.notional(mid, rules.min_size) >= rules.min_notional;
        if expected == -4164 && enough {
            continue;
        }
        assert_eq!(
            code(&mut venue, order),
            expected,
            "{}: {order:?}",
            instrument.id
        );
        *reached.entry(expected).or_default() += 1;
    }
    // One order rests already; the filter's last place is the limit's.
    for _ in 1..rules.max_orders {
        assert_eq!(code(&mut venue, buy(&mut next, px(mid), qty(size))), 0);
    }
    assert_eq!(code(&mut venue, buy(&mut next, px(mid), qty(size))), -2025);
    *reached.entry(-2025).or_default() += 1;
    for n in 0..=rules.max_conditional_orders {
        let id = ClientOrderId::parse(&format!("s{n}")).unwrap();
        let trigger = px(on_tick(mid / 2));
        let stop = NewOrder::stop_market(0, id, Side::Sell, trigger, qty(size));
        let expected = if n < rules.max_conditional_orders {
            0
        } else {
            -4045
        };
        assert_eq!(code(&mut venue, stop), expected);
        *reached.entry(expected).or_default() += 1;
    }
}
