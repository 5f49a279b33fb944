"""Breakers: a scripted day across restarts, and every trip, hold and reset at its exact boundary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from aurora.errors import AuroraError, RecoveryError, UsageError
from aurora.risk import BreakerEvent, Breakers, OpenOrder, Policy, Step, flatten_steps

MONEY = 10**8
SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
MIDNIGHT = 20_000 * DAY


def told(events: list[BreakerEvent]) -> list[tuple[str, str]]:
    return [(event.breaker, event.change) for event in events]


def started(policy: Policy | None = None, equity: int = 100_000) -> Breakers:
    breakers = Breakers(policy or Policy())
    assert breakers.observe_equity(MIDNIGHT, equity * MONEY) == []
    return breakers


def reborn(breakers: Breakers, policy: Policy | None = None) -> Breakers:
    again = Breakers(policy or Policy())
    again.restore(breakers.snapshot())
    assert again.snapshot() == breakers.snapshot()
    return again


@pytest.mark.parametrize("restart", [False, True], ids=["in one piece", "restarted after every step"])
def test_a_scripted_day(restart: bool) -> None:
    """Every breaker trips, holds and comes back; a restart between any two steps changes nothing."""
    breakers = Breakers(Policy())
    log: list[tuple[int, str, str, str | None]] = []

    def do(hour: float, call: Callable[[Breakers, int], list[BreakerEvent]]) -> None:
        nonlocal breakers
        for event in call(breakers, MIDNIGHT + round(hour * HOUR)):
            log.append(
                ((event.local_ns - MIDNIGHT) * 1000 // HOUR, event.breaker, event.change, event.symbol)
            )
        if restart:
            breakers = reborn(breakers)

    def equity(amount: int) -> Callable[[Breakers, int], list[BreakerEvent]]:
        return lambda b, now: b.observe_equity(now, amount * MONEY)

    do(0.0, equity(100_000))
    assert breakers.posture().refusal("A", takes=True) is None
    for n in range(100):
        do(0.1 + n / 1000, lambda b, now: b.observe_volatility(now, 0.01 + (now // SECOND % 7) / 1000))
    do(0.5, lambda b, now: b.observe_volatility(now, 0.05))
    assert breakers.posture().taking == "deny.defence"
    assert breakers.posture().size_scale == Fraction(1, 2)
    do(0.6, lambda b, now: b.observe_volatility(now, 0.01))
    assert breakers.posture().taking is None

    for hour in (1.0, 1.1, 1.2):
        assert breakers.posture().size_scale == 1
        do(hour, lambda b, now: b.observe_trade(now, -5 * MONEY))
    assert breakers.posture().size_scale == Fraction(1, 2)
    do(1.3, lambda b, now: b.observe_trade(now, MONEY))
    assert breakers.posture().size_scale == 1

    do(2.0, lambda b, now: b.condition(now, "stale_book", True, "A"))
    assert breakers.posture().refusal("A", takes=False) == "deny.stale_book"
    assert breakers.posture().refusal("B", takes=True) is None
    do(2.1, lambda b, now: b.condition(now, "stale_book", False, "A"))
    assert breakers.posture().refusal("A", takes=False) == "deny.stale_book", "held for 30 s"
    do(2.2, lambda b, now: b.advance(now))
    assert breakers.posture().refusal("A", takes=False) is None

    do(3.0, lambda b, now: b.observe_symbol(now, "B", -1_000 * MONEY))
    assert breakers.posture().refusal("B", takes=False) == "deny.symbol_day_stop"
    assert breakers.posture().refusal("A", takes=False) is None

    do(4.0, lambda b, now: b.observe_volatility_index(now, 40.0))
    assert breakers.posture().refusal("A", takes=False) == "deny.volatility_halt"
    assert breakers.posture().exposure_scale == Fraction(1, 2)
    do(4.5, lambda b, now: b.observe_volatility_index(now, 29.0))

    do(5.0, lambda b, now: b.command(now, "safe"))
    assert breakers.posture().refusal("A", takes=True) == "deny.safe_mode"
    assert breakers.posture().refusal("A", takes=False) is None
    assert breakers.posture().safe_mode
    do(5.5, lambda b, now: b.command(now, "resume"))

    do(6.0, equity(97_600))
    assert breakers.remaining_daily_loss == 100 * MONEY
    do(6.5, equity(97_500))
    assert breakers.posture().refusal("A", takes=False) == "deny.day_loss"
    assert breakers.posture().flatten
    assert breakers.remaining_daily_loss == 0
    do(7.0, equity(99_000))
    assert breakers.posture().refusal("A", takes=False) == "deny.day_loss", "flat for the whole UTC day"
    assert breakers.remaining_daily_loss == 0

    do(12.0, lambda b, now: b.command(now, "kill"))
    do(24.5, lambda b, now: b.advance(now))
    assert breakers.posture().refusal("A", takes=False) == "deny.kill_switch", "a new day does not lift it"
    assert breakers.posture().flatten
    assert breakers.day_start_equity == 99_000 * MONEY
    do(25.0, lambda b, now: b.command(now, "resume"))
    assert breakers.posture().refusal("A", takes=False) is None
    assert breakers.posture().refusal("B", takes=False) == "deny.symbol_day_stop"
    do(27.0, lambda b, now: b.advance(now))
    assert breakers.posture().refusal("B", takes=False) is None

    do(28.0, equity(96_600))
    do(40.0, equity(95_001))
    do(48.0, equity(95_000))
    do(72.0, equity(92_700))
    do(96.0, equity(90_400))
    do(120.0, equity(90_000))
    assert breakers.posture().exposure_scale == Fraction(1, 2)
    do(130.0, equity(92_000))
    assert breakers.posture().exposure_scale == Fraction(1, 2)
    do(131.0, equity(92_001))
    assert breakers.posture().exposure_scale == 1
    do(132.0, equity(96_001))
    assert breakers.posture().alerts == ()
    assert log == [
        (500, "volatility", "trip", None),
        (600, "volatility", "reset", None),
        (1200, "loss_streak", "trip", None),
        (1300, "loss_streak", "reset", None),
        (2000, "stale_book", "trip", "A"),
        (2108, "stale_book", "reset", "A"),
        (3000, "symbol_day_stop", "trip", "B"),
        (4000, "volatility_index", "trip", None),
        (4500, "volatility_index", "reset", None),
        (5000, "safe_mode", "trip", None),
        (5500, "safe_mode", "reset", None),
        (6500, "day_loss", "trip", None),
        (12000, "kill_switch", "trip", None),
        (24000, "day_loss", "reset", None),
        (25000, "kill_switch", "reset", None),
        (27000, "symbol_day_stop", "reset", "B"),
        (40000, "day_loss", "trip", None),
        (48000, "day_loss", "reset", None),
        (48000, "drawdown_alert", "trip", None),
        (120000, "drawdown_halve", "trip", None),
        (131000, "drawdown_halve", "reset", None),
        (132000, "drawdown_alert", "reset", None),
    ]


# --- boundaries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "limit"), [("conservative", "1.5"), ("balanced", "2.5"), ("aggressive", "3")]
)
def test_the_day_ends_at_its_limit_of_at_most_three_percent(preset: Any, limit: str) -> None:
    breakers = started(Policy(preset=preset))
    loss = int(100_000 * MONEY * Decimal(limit) / 100)
    assert breakers.remaining_daily_loss == loss
    assert breakers.observe_equity(MIDNIGHT + 1, 100_000 * MONEY - loss + 1) == []
    assert breakers.remaining_daily_loss == 1
    assert not breakers.posture().flatten
    events = breakers.observe_equity(MIDNIGHT + 2, 100_000 * MONEY - loss)
    assert [(e.breaker, e.value, e.limit) for e in events] == [("day_loss", str(loss), str(loss))]
    assert breakers.observe_equity(MIDNIGHT + DAY - 1, 1) != [], "drawdown"
    assert breakers.posture().blocked == "deny.day_loss"
    assert told(breakers.advance(MIDNIGHT + DAY)) == [("day_loss", "reset")]


def test_the_day_starts_with_the_equity_at_midnight_or_the_last_before() -> None:
    breakers = started()
    breakers.observe_equity(MIDNIGHT + 5, 99_000 * MONEY)
    assert breakers.day_start_equity == 100_000 * MONEY
    breakers.observe_equity(MIDNIGHT + DAY + 7, 98_000 * MONEY)
    assert breakers.day_start_equity == 99_000 * MONEY, "the last known one"
    breakers.observe_equity(MIDNIGHT + 2 * DAY, 97_000 * MONEY)
    assert breakers.day_start_equity == 97_000 * MONEY, "the one at midnight"
    breakers.observe_equity(MIDNIGHT + 5 * DAY + 1, 90_000 * MONEY)
    assert breakers.day_start_equity == 97_000 * MONEY
    fresh = Breakers(Policy())
    assert (fresh.day_start_equity, fresh.peak_equity, fresh.remaining_daily_loss) == (None, None, None)
    fresh.observe_equity(MIDNIGHT + 5, 5)
    assert (fresh.day_start_equity, fresh.peak_equity) == (5, 5)


def test_a_day_may_gain_before_it_loses() -> None:
    breakers = started()
    breakers.observe_equity(MIDNIGHT + 1, 104_000 * MONEY)
    assert breakers.remaining_daily_loss == 6_500 * MONEY
    assert breakers.observe_equity(MIDNIGHT + 2, 99_900 * MONEY) == []


def test_drawdown_levels() -> None:
    breakers = started(Policy(preset="aggressive"))
    now = MIDNIGHT
    for equity, events in (
        (95_001, []),
        (95_000, [("drawdown_alert", "trip")]),
        (90_001, []),
        (90_000, [("drawdown_halve", "trip")]),
        (89_000, []),
        (92_000, []),
        (92_001, [("drawdown_halve", "reset")]),
        (96_000, []),
        (96_001, [("drawdown_alert", "reset")]),
        (110_000, []),
        (104_500, [("drawdown_alert", "trip")]),
        (110_000, [("drawdown_alert", "reset")]),
    ):
        now += DAY
        found = breakers.observe_equity(now, equity * MONEY)
        assert [e for e in told(found) if e[0] != "day_loss"] == events, equity
    assert breakers.peak_equity == 110_000 * MONEY


def test_a_peak_can_be_reset_by_command() -> None:
    breakers = started()
    breakers.observe_equity(MIDNIGHT + DAY, 89_000 * MONEY)
    assert breakers.posture().alerts == ("drawdown_alert", "drawdown_halve")
    events = breakers.command(MIDNIGHT + DAY + 1, "reset_peak")
    assert told(events) == [("drawdown_alert", "reset"), ("drawdown_halve", "reset")]
    assert breakers.peak_equity == 89_000 * MONEY
    assert Breakers(Policy()).command(1, "reset_peak") == []


def test_losing_streaks() -> None:
    breakers = started()
    now = iter(range(MIDNIGHT, MIDNIGHT + 100))
    for profit, events in (
        (-1, []),
        (-1, []),
        (1, []),
        (-1, []),
        (-1, []),
        (0, []),
        (-1, [("loss_streak", "trip")]),
        (-1, []),
        (0, []),
        (1, [("loss_streak", "reset")]),
        (-1, []),
        (-1, []),
        (-1, [("loss_streak", "trip")]),
    ):
        assert told(breakers.observe_trade(next(now), profit)) == events


def test_volatility_needs_a_past_and_has_a_band() -> None:
    breakers = started()
    for n in range(99):
        assert breakers.observe_volatility(MIDNIGHT + n, float(n)) == []
    assert breakers.observe_volatility(MIDNIGHT + 99, 10_000.0) == [], "99 readings are too few"
    # 0..98 and 10,000: the 95th percentile is the 95th reading, 94; the 80th percentile is 79.
    assert breakers.observe_volatility(MIDNIGHT + 100, 94.0) == []
    # 101 readings: rank ceil(95.95) = 96 is 94; rank ceil(80.8) = 81 is 80.
    (trip,) = breakers.observe_volatility(MIDNIGHT + 101, 94.5)
    assert (trip.breaker, trip.change, trip.value, trip.limit) == ("volatility", "trip", "94.5", "94.0")
    # 102: rank ceil(81.6) = 82 is 81.
    assert breakers.observe_volatility(MIDNIGHT + 102, 81.5) == []
    # 103: rank ceil(82.4) = 83 is 81.5.
    assert told(breakers.observe_volatility(MIDNIGHT + 103, 81.5)) == [("volatility", "reset")]
    assert breakers.observe_volatility(MIDNIGHT + 104, 0.0) == []


def test_constant_volatility_never_trips() -> None:
    breakers = started()
    for n in range(300):
        assert breakers.observe_volatility(MIDNIGHT + n, 0.01) == []


def test_only_the_window_of_past_volatility_counts() -> None:
    policy = Policy.model_validate({"breakers": {"volatility_window": 20, "volatility_minimum": 20}})
    breakers = started(policy)
    for n in range(20):
        breakers.observe_volatility(MIDNIGHT + n, 100.0)
    for n in range(20, 40):
        assert breakers.observe_volatility(MIDNIGHT + n, 1.0) == []
    state = json.loads(breakers.snapshot())["state"]
    assert state["volatility"] == [1.0] * 20
    assert told(breakers.observe_volatility(MIDNIGHT + 40, 1.5)) == [("volatility", "trip")]


def test_the_volatility_index_has_a_band() -> None:
    breakers = started()
    for n, (index, events) in enumerate(
        [
            (35.0, []),
            (35.000001, [("volatility_index", "trip")]),
            (None, []),
            (30.000001, []),
            (30.0, [("volatility_index", "reset")]),
            (None, []),
        ]
    ):
        assert told(breakers.observe_volatility_index(MIDNIGHT + n, index)) == events


def test_correlation_above_its_level_alerts_and_nothing_else() -> None:
    breakers = started()
    for n, (mean, events) in enumerate(
        [
            (None, []),
            (0.7, []),
            (0.700001, [("correlation", "trip")]),
            (0.9, []),
            (0.7, [("correlation", "reset")]),
            (0.9, [("correlation", "trip")]),
            (None, [("correlation", "reset")]),
        ]
    ):
        assert told(breakers.observe_correlation(MIDNIGHT + n, mean)) == events
        if mean == 0.9:
            posture = reborn(breakers).posture()
            assert posture.alerts == ("correlation",)
            assert replace(posture, alerts=()) == started().posture()
    (event,) = breakers.observe_correlation(MIDNIGHT + 9, 0.8)
    assert (event.value, event.limit) == ("0.8", "0.7")
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(AuroraError):
            breakers.observe_correlation(MIDNIGHT + 10, wrong)


def test_a_symbol_stops_for_a_day() -> None:
    breakers = started()
    assert breakers.observe_symbol(MIDNIGHT + 1, "A", -1_000 * MONEY + 1) == []
    (event,) = breakers.observe_symbol(MIDNIGHT + 2, "A", -1_000 * MONEY)
    assert (event.breaker, event.symbol, event.value) == ("symbol_day_stop", "A", str(1_000 * MONEY))
    assert breakers.observe_symbol(MIDNIGHT + 3, "A", -1_500 * MONEY) == []
    assert breakers.observe_symbol(MIDNIGHT + DAY, "A", -2_000 * MONEY) == [], (
        "a new day begins at its midnight"
    )
    assert told(breakers.advance(MIDNIGHT + DAY + 1)) == []
    assert told(breakers.advance(MIDNIGHT + DAY + 2)) == [("symbol_day_stop", "reset")]
    assert breakers.observe_symbol(MIDNIGHT + DAY + 3, "A", -2_999 * MONEY) == []
    assert told(breakers.observe_symbol(MIDNIGHT + DAY + 4, "A", -3_000 * MONEY)) == [
        ("symbol_day_stop", "trip")
    ]
    assert Breakers(Policy()).observe_symbol(1, "A", -(10**18)) == [], "no equity known yet"


def test_a_symbols_day_starts_with_its_last_profit_before_midnight() -> None:
    breakers = started()
    breakers.observe_symbol(MIDNIGHT + 1, "A", -900 * MONEY)
    assert breakers.observe_symbol(MIDNIGHT + DAY + 1, "A", -1_899 * MONEY) == []
    assert told(breakers.observe_symbol(MIDNIGHT + DAY + 2, "A", -1_900 * MONEY)) == [
        ("symbol_day_stop", "trip")
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stale_book", "deny.stale_book"),
        ("calibration", "deny.calibration_lost"),
        ("latency", "deny.latency"),
        ("reconciliation", "deny.reconciliation"),
    ],
)
def test_conditions_hold_until_some_time_after_their_end(name: str, reason: str) -> None:
    breakers = started()
    assert told(breakers.condition(MIDNIGHT, name, True)) == [(name, "trip")]
    assert breakers.posture().blocked == reason
    assert breakers.condition(MIDNIGHT + 1, name, True) == []
    assert breakers.advance(MIDNIGHT + HOUR) == []
    assert breakers.condition(MIDNIGHT + HOUR, name, False) == []
    assert breakers.condition(MIDNIGHT + HOUR + 20 * SECOND, name, False) == [], "the end is not put off"
    assert breakers.condition(MIDNIGHT + HOUR + 25 * SECOND, name, True) == [], "it begins again meanwhile"
    assert breakers.advance(MIDNIGHT + HOUR + 40 * SECOND) == []
    breakers.condition(MIDNIGHT + 2 * HOUR, name, False)
    assert breakers.advance(MIDNIGHT + 2 * HOUR + 30 * SECOND - 1) == []
    (event,) = breakers.advance(MIDNIGHT + 3 * HOUR)
    assert (event.change, event.local_ns) == ("reset", MIDNIGHT + 2 * HOUR + 30 * SECOND), "at its due time"
    assert breakers.posture().blocked is None
    assert breakers.condition(MIDNIGHT + 4 * HOUR, name, False) == []


def test_a_condition_without_hold_ends_at_once() -> None:
    breakers = started(Policy.model_validate({"breakers": {"condition_hold_s": 0}}))
    breakers.condition(MIDNIGHT, "latency", True)
    assert told(breakers.condition(MIDNIGHT + 1, "latency", False)) == [("latency", "reset")]


def test_commands() -> None:
    breakers = started()
    assert told(breakers.command(MIDNIGHT, "kill")) == [("kill_switch", "trip")]
    assert breakers.command(MIDNIGHT, "kill") == []
    assert told(breakers.command(MIDNIGHT, "safe")) == [("safe_mode", "trip")]
    posture = breakers.posture()
    assert (posture.flatten, posture.exposure_scale, posture.safe_mode) == (True, 0, True)
    assert told(breakers.command(MIDNIGHT, "resume")) == [("kill_switch", "reset"), ("safe_mode", "reset")]
    assert breakers.command(MIDNIGHT, "resume") == []
    with pytest.raises(UsageError, match="panic"):
        breakers.command(MIDNIGHT, "panic")
    with pytest.raises(UsageError, match="weather"):
        breakers.condition(MIDNIGHT, "weather", True)


def test_events_tell_what_was_measured_and_compared() -> None:
    breakers = started()
    events = [
        *breakers.command(MIDNIGHT, "kill"),
        *breakers.command(MIDNIGHT, "safe"),
        *breakers.command(MIDNIGHT, "resume"),
        *breakers.condition(MIDNIGHT, "latency", True),
        *breakers.observe_volatility_index(MIDNIGHT, 36.5),
        *breakers.observe_volatility_index(MIDNIGHT, 29.5),
    ]
    assert [(event.breaker, event.change, event.value, event.limit) for event in events] == [
        ("kill_switch", "trip", "1", "0"),
        ("safe_mode", "trip", "1", "0"),
        ("kill_switch", "reset", "0", "0"),
        ("safe_mode", "reset", "0", "0"),
        ("latency", "trip", "1", "0"),
        ("volatility_index", "trip", "36.5", "35"),
        ("volatility_index", "reset", "29.5", "30"),
    ]


def test_where_several_hold_the_gravest_is_the_reason() -> None:
    breakers = started()
    order = ["latency", "calibration", "stale_book", "reconciliation"]
    for name in order:
        breakers.condition(MIDNIGHT, name, True)
        assert breakers.posture().blocked == {"calibration": "deny.calibration_lost"}.get(
            name, f"deny.{name}"
        )
    breakers.observe_volatility_index(MIDNIGHT, 99.0)
    assert breakers.posture().blocked == "deny.volatility_halt"
    breakers.observe_equity(MIDNIGHT + 1, 90_000 * MONEY)
    assert breakers.posture().blocked == "deny.day_loss"
    breakers.command(MIDNIGHT + 1, "kill")
    assert breakers.posture().blocked == "deny.kill_switch"
    symbols = started()
    symbols.observe_symbol(MIDNIGHT, "A", 0)
    symbols.observe_symbol(MIDNIGHT + 1, "A", -2_000 * MONEY)
    symbols.condition(MIDNIGHT + 1, "latency", True, "A")
    assert symbols.posture().blocked_symbols == {"A": "deny.latency"}
    assert symbols.posture().alerts == ("latency/A", "symbol_day_stop/A")


def test_size_multipliers_multiply_and_safe_mode_comes_before_defence() -> None:
    breakers = started()
    for n in range(101):
        breakers.observe_volatility(MIDNIGHT + n, 1.0 if n < 100 else 2.0)
    for _ in range(3):
        breakers.observe_trade(MIDNIGHT + 101, -1)
    assert breakers.posture().size_scale == Fraction(1, 4)
    assert breakers.posture().taking == "deny.defence"
    breakers.command(MIDNIGHT + 101, "safe")
    assert breakers.posture().taking == "deny.safe_mode"


def test_time_may_stand_still_and_not_run_backwards() -> None:
    breakers = started()
    breakers.advance(MIDNIGHT)
    with pytest.raises(UsageError, match="backwards"):
        breakers.advance(MIDNIGHT - 1)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused_and_change_nothing(wrong: float) -> None:
    breakers = started()
    before = breakers.snapshot()
    with pytest.raises(AuroraError):
        breakers.observe_volatility(MIDNIGHT + 5, wrong)
    with pytest.raises(AuroraError):
        breakers.observe_volatility_index(MIDNIGHT + 5, wrong)
    assert breakers.snapshot() == before


def test_a_restart_under_another_policy_takes_its_limits() -> None:
    breakers = started()
    breakers.observe_equity(MIDNIGHT + 1, 98_600 * MONEY)
    strict = reborn(breakers, Policy(preset="conservative"))
    assert strict.remaining_daily_loss == 100 * MONEY
    assert told(strict.observe_equity(MIDNIGHT + 2, 98_500 * MONEY)) == [("day_loss", "trip")]


DAMAGE: dict[str, Callable[[Any], Any]] = {
    "version": lambda body: {**body, "version": 2},
    "no version": lambda body: {"state": body["state"]},
    "a list": lambda body: [body],
    "no state": lambda body: {"version": 1},
    "more": lambda body: {**body, "state": {**body["state"], "surprise": 1}},
    "text for money": lambda body: {**body, "state": {**body["state"], "equity": "1"}},
    "a fraction of money": lambda body: {**body, "state": {**body["state"], "equity": 1.5}},
    "no number": lambda body: {**body, "state": {**body["state"], "volatility": [float("nan")]}},
    "an unknown breaker": lambda body: {
        **body,
        "state": {**body["state"], "holds": {"gravity": {"since_ns": 1, "until_ns": None}}},
    },
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_state_is_refused(name: str) -> None:
    breakers = started()
    damaged = DAMAGE[name](json.loads(breakers.snapshot()))
    before = breakers.snapshot()
    with pytest.raises(RecoveryError):
        breakers.restore(json.dumps(damaged).encode())
    assert breakers.snapshot() == before
    for rubbish in (b"", b"\xff", b"{", breakers.snapshot()[:-1]):
        with pytest.raises(RecoveryError):
            breakers.restore(rubbish)


# --- the way to flat --------------------------------------------------------------------------------------------


def test_entries_go_first_and_stops_last() -> None:
    orders = [
        OpenOrder("stop", "A", "stop"),
        OpenOrder("entry", "A", "entry"),
        OpenOrder("trigger", "B", "conditional_entry"),
        OpenOrder("orphan", "C", "stop"),
    ]
    assert flatten_steps([("A", 5), ("B", 0)], orders) == (
        Step("cancel", "A", "entry"),
        Step("cancel", "B", "trigger"),
        Step("close", "A", None, -1, 5),
        Step("cancel", "C", "orphan"),
    )
    closing = [
        OpenOrder("stop", "A", "stop"),
        OpenOrder("out", "A", "close"),
        OpenOrder("entry", "A", "entry", cancel_requested=True),
    ]
    assert flatten_steps([("A", 5)], closing) == (), "nothing to ask twice for"
    assert flatten_steps([("A", 0)], closing) == (), "the close may still fill, the entry too"
    assert flatten_steps([("A", 0)], closing[:2]) == ()
    assert flatten_steps([("A", 0)], [closing[0], closing[2]]) == ()
    assert flatten_steps([("A", 0)], closing[:1]) == (Step("cancel", "A", "stop"),)
    assert flatten_steps([("A", 0)], [OpenOrder("stop", "A", "stop", cancel_requested=True)]) == ()
    assert flatten_steps([("A", -3)], closing[:1]) == (Step("close", "A", None, 1, 3),)
    assert flatten_steps([], []) == ()
    with pytest.raises(AuroraError):
        flatten_steps([], [OpenOrder("x", "A", "iceberg")])


@pytest.mark.parametrize("seed", range(50))
def test_asking_again_and_again_ends_flat_and_never_naked(seed: int) -> None:
    """A venue that answers late and fills what it should not: in the end nothing is left."""
    import random

    chance = random.Random(seed)
    positions = {name: chance.randint(-3, 3) for name in "ABC"}
    orders = {
        f"{kind}{name}": OpenOrder(f"{kind}{name}", name, kind)
        for name in "ABC"
        for kind in ("entry", "conditional_entry", "stop")
        if chance.random() < 0.8 or kind == "stop"
    }
    for turn in range(500):
        steps = flatten_steps(list(positions.items()), list(orders.values()))
        for step in steps:
            if step.action == "cancel":
                assert step.client_id is not None
                order = orders[step.client_id]
                if order.kind == "stop":
                    assert positions[order.symbol] == 0, "the position would be naked"
                orders[step.client_id] = OpenOrder(order.client_id, order.symbol, order.kind, True)
            else:
                assert step.side * positions[step.symbol] == -step.size
                orders[f"close{turn}{step.symbol}"] = OpenOrder(
                    f"close{turn}{step.symbol}", step.symbol, "close"
                )
        for order in list(orders.values()):
            if order.kind == "close" and chance.random() < 0.5:
                del orders[order.client_id]
                if chance.random() < 0.7:
                    positions[order.symbol] = 0
            elif order.cancel_requested and chance.random() < 0.5:
                del orders[order.client_id]
                if order.kind != "stop" and chance.random() < 0.3:
                    positions[order.symbol] += chance.choice([-1, 1])
        if not orders and not any(positions.values()):
            break
    assert not orders
    assert not any(positions.values())
