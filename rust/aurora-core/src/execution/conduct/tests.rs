use super::*;
use crate::units::Money;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;

fn conduct(settings: &ConductSettings) -> Conduct {
    Conduct::new(settings, 2)
}

fn request(status: u16, code: Option<i32>) -> Measure {
    Measure::Request {
        outcome: TransportOutcome::Answered { status, code },
        retry_after_ns: None,
    }
}

const SILENCE: Measure = Measure::Request {
    outcome: TransportOutcome::TimedOut,
    retry_after_ns: None,
};
const RESET: Measure = Measure::Request {
    outcome: TransportOutcome::Reset,
    retry_after_ns: None,
};

#[test]
fn a_limit_two_deviations_away_is_the_last_that_passes() {
    let settings = ConductSettings::full();
    let touch = Touch {
        bid: 1000,
        ask: 1005,
    };
    let refused = Err(ReasonCode::PriceProtection);
    // The mid is 1002.5 and a deviation 4.
    for (limit, said) in [
        (1010, Ok(())),
        (1011, refused),
        (995, Ok(())),
        (994, refused),
    ] {
        assert_eq!(settings.check_protection(limit, touch, Some(4)), said);
    }
    let even = Touch {
        bid: 1000,
        ask: 1004,
    };
    assert_eq!(settings.check_protection(1010, even, Some(4)), Ok(()));
    assert_eq!(settings.check_protection(1011, even, Some(4)), refused);
    assert_eq!(settings.check_protection(1003, touch, Some(0)), refused);
    assert_eq!(settings.check_protection(9_999, touch, None), Ok(()));
    let off = ConductSettings::default();
    assert_eq!(off.check_protection(9_999, touch, Some(1)), Ok(()));
    let far = settings.check_protection(i64::MAX, touch, Some(i64::MAX));
    assert_eq!(far, Ok(()));
}

#[test]
fn a_size_is_within_its_share_of_what_is_shown() {
    let settings = ConductSettings {
        depth_share_e4: Some(2_500),
        ..ConductSettings::default()
    };
    assert_eq!(settings.check_depth(25, Some(100)), Ok(()));
    assert_eq!(settings.check_depth(26, Some(100)), Err(ReasonCode::Depth));
    assert_eq!(settings.check_depth(1, Some(0)), Err(ReasonCode::Depth));
    assert_eq!(settings.check_depth(i64::MAX, None), Ok(()));
    let off = ConductSettings::default();
    assert_eq!(off.check_depth(26, Some(0)), Ok(()));
}

#[test]
fn clocks_may_differ_by_half_a_second() {
    let settings = ConductSettings::full();
    let mut conduct = conduct(&settings);
    for (offset_ns, said) in [
        (500 * MS, Ok(())),
        (500 * MS + 1, Err(ReasonCode::ClockSkew)),
        (-500 * MS, Ok(())),
        (-500 * MS - 1, Err(ReasonCode::ClockSkew)),
        (i64::MIN, Err(ReasonCode::ClockSkew)),
        (0, Ok(())),
    ] {
        conduct.hear(&settings, &Measure::ClockOffset { offset_ns }, 0);
        assert_eq!(conduct.check_standing(&settings, 0, true, 0), said);
    }
}

#[test]
fn two_timeouts_in_a_row_keep_entries_waiting_for_thirty_seconds() {
    let settings = ConductSettings::full();
    let mut conduct = conduct(&settings);
    let standing = |conduct: &Conduct, at_ns| conduct.check_standing(&settings, 1, false, at_ns);
    conduct.hear(&settings, &SILENCE, SECOND);
    // An answer in between, whatever it says: the line is there.
    conduct.hear(&settings, &request(400, Some(-2010)), 2 * SECOND);
    conduct.hear(&settings, &RESET, 3 * SECOND);
    assert_eq!(standing(&conduct, 3 * SECOND), Ok(()));
    conduct.hear(&settings, &request(503, Some(-1007)), 4 * SECOND);
    let blocked = Err(ReasonCode::Latency);
    assert_eq!(standing(&conduct, 4 * SECOND), blocked);
    conduct.hear(&settings, &request(200, None), 5 * SECOND);
    assert_eq!(standing(&conduct, 34 * SECOND - 1), blocked);
    assert_eq!(standing(&conduct, 34 * SECOND), Ok(()));
    // A third in a row begins the wait anew.
    for at_ns in [40, 41, 42] {
        conduct.hear(&settings, &SILENCE, at_ns * SECOND);
    }
    assert_eq!(standing(&conduct, 72 * SECOND - 1), blocked);
    assert_eq!(standing(&conduct, 72 * SECOND), Ok(()));
    let off = ConductSettings::default();
    assert_eq!(conduct.check_standing(&off, 1, false, 42 * SECOND), Ok(()));
}

#[test]
fn a_request_leaves_within_its_budget_or_not_at_all() {
    let settings = ConductSettings::full();
    let mut conduct = conduct(&settings);
    let check = |conduct: &Conduct, elapsed_ms: i64, at_ms: i64| {
        conduct.check_latency(&settings, elapsed_ms * MS, 500 * MS, at_ms * MS)
    };
    let refused = Err(ReasonCode::LatencyBudget);
    conduct.hear(&settings, &Measure::RequestTime { p95_ns: 100 * MS }, 0);
    assert_eq!(check(&conduct, 400, 0), Ok(()));
    assert_eq!(check(&conduct, 401, 0), refused);
    // After a failure it waits 250 ms, a fifth more or less.
    conduct.hear(&settings, &request(503, Some(-1008)), 0);
    assert_eq!(check(&conduct, 201, 0), refused);
    assert_eq!(check(&conduct, 100, 0), Ok(()));
    // Later less of the wait is left.
    assert_eq!(check(&conduct, 400, 300), Ok(()));
    // The venue says how long: then it is that.
    let told = Measure::Request {
        outcome: TransportOutcome::Answered {
            status: 429,
            code: Some(-1003),
        },
        retry_after_ns: Some(2 * SECOND),
    };
    conduct.hear(&settings, &told, 0);
    assert_eq!(check(&conduct, 0, 1_599), refused);
    assert_eq!(check(&conduct, 0, 1_600), Ok(()));
    // Tries that are used up wait the longest; an answer ends it.
    for _ in 0..8 {
        conduct.hear(&settings, &request(500, Some(-1001)), 0);
    }
    assert_eq!(check(&conduct, 0, 0), refused);
    conduct.hear(&settings, &request(200, None), 0);
    assert_eq!(check(&conduct, 400, 0), Ok(()));
    let off = ConductSettings::default();
    assert_eq!(conduct.check_latency(&off, SECOND, 0, 0), Ok(()));
}

#[test]
fn breakers_close_entries_or_taking_of_one_instrument() {
    let settings = ConductSettings::default();
    let mut conduct = conduct(&settings);
    let (halt, safe) = (ReasonCode::VolatilityHalt, ReasonCode::SafeMode);
    conduct.modes[1] = EntryMode {
        entering: None,
        taking: Some(safe),
    };
    assert_eq!(conduct.check_standing(&settings, 1, false, 0), Ok(()));
    assert_eq!(conduct.check_standing(&settings, 1, true, 0), Err(safe));
    conduct.modes[1].entering = Some(halt);
    assert_eq!(conduct.check_standing(&settings, 1, false, 0), Err(halt));
    assert_eq!(conduct.check_standing(&settings, 1, true, 0), Err(halt));
    assert_eq!(conduct.check_standing(&settings, 0, true, 0), Ok(()));
}

#[test]
fn the_reserve_is_not_for_entries() {
    let mut settings = ConductSettings::full();
    settings.budgets = settings.budgets.map(|budgets| RequestBudgets {
        orders_10s: Budget {
            limit: 8,
            window_ns: 10 * SECOND,
            reserve: 2,
        },
        ..budgets
    });
    let mut conduct = conduct(&settings);
    let refused = Err(ReasonCode::Budget);
    for _ in 0..2 {
        assert_eq!(conduct.check_budget(0, (0, 1)), Ok(()));
        conduct.spend(0, (0, 1));
    }
    assert_eq!(conduct.check_budget(0, (0, 1)), refused);
    assert_eq!(conduct.check_budget(2_500 * MS - 1, (0, 1)), refused);
    assert_eq!(conduct.check_budget(2_500 * MS, (0, 1)), Ok(()));
    // Others use the same address: the venue counts 2 395 of 2 400.
    let usage = VenueUsage {
        weight_1m: Some(2_395),
        ..VenueUsage::default()
    };
    conduct.hear(&settings, &Measure::Usage(usage), 20 * SECOND);
    assert_eq!(conduct.check_budget(20 * SECOND, (0, 1)), refused);
    let free = Conduct::new(&ConductSettings::default(), 1);
    assert_eq!(free.check_budget(0, (1_000_000, 1_000_000)), Ok(()));
}

#[test]
fn the_window_is_half_open_and_may_go_over_midnight() {
    let hour = 3_600 * SECOND;
    let window = TradingWindow::default();
    let entries = |window: &TradingWindow, at_ns: i64| window.rules(at_ns).entries;
    // Some day after 1970, and one before.
    for day in [20_000 * 24 * hour, -3 * 24 * hour] {
        assert_eq!(entries(&window, day + 10 * hour - 1), 2);
        assert_eq!(entries(&window, day + 10 * hour), 6);
        assert_eq!(entries(&window, day + 16 * hour - 1), 6);
        assert_eq!(entries(&window, day + 16 * hour), 2);
    }
    assert_eq!(window.priority.least_notional, Money(25 * 100_000_000));
    assert_eq!(window.off_peak.least_notional, Money(50 * 100_000_000));
    let night = TradingWindow {
        from_ns: 22 * hour,
        until_ns: 2 * hour,
        ..window
    };
    let seen = [21, 22, 23, 24, 25, 26].map(|at| entries(&night, at * hour));
    assert_eq!(seen, [2, 6, 6, 6, 6, 2]);
}
