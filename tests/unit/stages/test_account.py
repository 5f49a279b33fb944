"""The account's risk on a scripted day: breakers trip, hold and come back, and a restart changes nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aurora._core import Instrument
from aurora.errors import RecoveryError
from aurora.messages import CalibrationUpdate, Fill, Outcome, RegimeUpdate, Signal
from aurora.risk import Policy
from aurora.stages.account import AccountRisk, Priced

MONEY = 10**8
SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 20_000 * DAY + 9 * HOUR
ETH, BTC = "binance_usdm:ETHUSDT", "binance_usdm:BTCUSDT"
CASH = 100_000 * MONEY


def instrument(symbol: str) -> Instrument:
    return Instrument(
        "binance_usdm", symbol, price_exponent=2, size_exponent=3, tick=1, lot=1, min_notional=5 * MONEY
    )


def account(equity: int, eth: tuple[int, int, bool] = (0, 20_000, False)) -> dict[str, Any]:
    position, twice_mark, trade_open = eth
    return {
        "equity": equity,
        "instruments": [(position, twice_mark, trade_open, 0), (0, 10_000_000, False, 0)],
    }


def risk(policy: Policy | None = None) -> AccountRisk:
    return AccountRisk(
        {ETH: instrument("ETHUSDT"), BTC: instrument("BTCUSDT")},
        policy or Policy(),
        mark_ns=SECOND,
        latency=(0.01, 5.0, 5.0),
    )


def signal(at: int, **changed: Any) -> Signal:
    made = Signal(
        trace=at % 2**60,
        instrument=ETH,
        local_ns=at,
        engine="lead_lag",
        side=1,
        score=1.0,
        p=0.9,
        consensus=0.8,
        gross_edge_bps=30.0,
        horizon_ns=SECOND,
        feature_hash=0,
        bid=9_999,
        ask=10_001,
        bid_size=100,
        ask_size=100,
        regime="trend",
        p_outcomes=500.0,
        depth=10**9,
    )
    return replace(made, **changed)


def priced(one: Signal) -> Priced:
    return Priced(one, True, 10_001, 80, 6.0, 6.0)


def fill(one: Signal, at: int, side: int, price: int, size: int, fee: int = 0) -> Fill:
    leg = "entry" if side == one.side else "exit"
    return Fill(at, f"c{at}", one.trace, ETH, leg, side, price, size, fee, "taker", at, at, 9_999, 10_001)


def losing_trade(subject: AccountRisk, at: int, price_lost: int, size: int = 1_000) -> None:
    """In at 10,001, out lower by so many quanta, a second later."""
    one = signal(at)
    subject.accepted(priced(one), size)
    subject.take_fills(
        [fill(one, at, 1, 10_001, size), fill(one, at + SECOND, -1, 10_001 - price_lost, size)]
    )
    subject.observe(at + SECOND, account(CASH), mark=True)


def reborn(subject: AccountRisk) -> AccountRisk:
    fresh = risk()
    fresh.load(json.loads(json.dumps(subject.state())))
    assert fresh.state() == subject.state()
    return fresh


@pytest.mark.parametrize("restart", [lambda one: one, reborn], ids=["straight", "restarts"])
def test_a_scripted_day(restart: Callable[[AccountRisk], AccountRisk]) -> None:
    subject = risk()
    said: list[tuple[str, Any]] = []

    def look(what: str, at: int, equity: int) -> None:
        nonlocal subject
        subject.observe(at, account(equity), mark=True)
        subject = restart(subject)
        posture = subject.breakers.posture()
        said.append((what, (posture.blocked, posture.size_scale, posture.exposure_scale, posture.flatten)))

    look("morning", START, CASH)
    for n in range(3):
        losing_trade(subject, START + (n + 1) * MINUTE, 1)
        subject = restart(subject)
    look("three losses in a row", START + 5 * MINUTE, CASH)
    losing_trade(subject, START + 6 * MINUTE, -5)
    look("a win", START + 7 * MINUTE, CASH)
    subject.calibration(CalibrationUpdate(START + 8 * MINUTE, 0.2, 0.05, 2_000, True))
    look("calibration lost", START + 8 * MINUTE, CASH)
    subject.calibration(CalibrationUpdate(START + 9 * MINUTE, 0.01, 0.05, 2_000, False))
    look("calibrated, and held", START + 9 * MINUTE, CASH)
    look("after the hold", START + 10 * MINUTE, CASH)
    subject.regime(RegimeUpdate(START + 11 * MINUTE, ETH, "trend", "intraday", True, 36.0))
    look("volatility index", START + 11 * MINUTE, CASH)
    subject.regime(RegimeUpdate(START + 12 * MINUTE, ETH, "trend", "hybrid", False, 29.0))
    look("calm", START + 12 * MINUTE, CASH)
    subject.stale(START + 13 * MINUTE, ETH, True)
    assert subject.breakers.posture().refusal(ETH, takes=True) == "deny.stale_book"
    assert subject.breakers.posture().refusal(BTC, takes=True) is None
    subject.stale(START + 14 * MINUTE, ETH, False)
    look("book back", START + 15 * MINUTE, CASH)
    look("2.5 % of the day lost", START + HOUR, CASH * 975 // 1000)
    look("a recovery changes nothing", START + 2 * HOUR, CASH)
    midnight = (START // DAY + 1) * DAY
    look("before midnight", midnight - SECOND, CASH)
    look("midnight", midnight, CASH)
    look("ten per cent below the peak", midnight + HOUR, CASH * 90 // 100)

    told = {what: answer for what, answer in said}
    free = (None, 1, 1, False)
    assert told["morning"] == free
    assert told["three losses in a row"][1] == pytest.approx(0.5)
    assert told["a win"] == free
    assert told["calibration lost"][0] == told["calibrated, and held"][0] == "deny.calibration_lost"
    assert told["after the hold"] == free
    assert told["volatility index"][0] == "deny.volatility_halt"
    assert told["volatility index"][2] == pytest.approx(0.5)
    assert told["calm"] == free
    assert told["book back"] == free
    for what in ("2.5 % of the day lost", "a recovery changes nothing", "before midnight"):
        assert told[what][0] == "deny.day_loss", what
        assert told[what][3] is True, what
    assert told["midnight"] == free
    assert told["ten per cent below the peak"][0] == "deny.day_loss"
    changes = [(event.breaker, event.change) for event in subject.events]
    for name in ("loss_streak", "calibration", "volatility_index", "stale_book", "day_loss"):
        assert (name, "trip") in changes, name
    for name in ("loss_streak", "volatility_index"):
        assert (name, "reset") in changes, name
    assert ("drawdown_halve", "trip") in changes


def test_a_symbol_that_lost_its_share_of_the_day_rests_for_a_day() -> None:
    subject = risk()
    subject.observe(START, account(CASH), mark=True)
    # 1 % of 100,000 is 1,000: 12,000 units at 0.09 lost each.
    losing_trade(subject, START + MINUTE, 9, 12_000_000)
    assert subject.breakers.posture().refusal(ETH, takes=True) == "deny.symbol_day_stop"
    assert subject.breakers.posture().refusal(BTC, takes=True) is None
    subject.observe(START + MINUTE + DAY, account(CASH), mark=True)
    assert subject.breakers.posture().refusal(ETH, takes=True) == "deny.symbol_day_stop"
    subject.observe(START + MINUTE + DAY + SECOND, account(CASH), mark=True)
    assert subject.breakers.posture().refusal(ETH, takes=True) is None


def test_a_symbol_that_loses_with_confidence_trades_in_the_shadow_until_it_earns() -> None:
    subject = risk()
    subject.observe(START, account(CASH), mark=True)
    at = START
    for n in range(30):
        at += 10 * SECOND
        losing_trade(subject, at, 3 + n % 3)
    at += 10 * SECOND
    assert subject.expectancy.vetoed(at, ETH)
    assert not subject.expectancy.vetoed(at, BTC)
    for n in range(40):
        at += 10 * SECOND
        shadow = signal(at)
        subject.in_shadow(shadow, 10.0)
        subject.outcome(Outcome(shadow.trace, "lead_lag", ETH, at + SECOND, 1, 15.0 + n % 2))
        if n == 10:
            subject = reborn(subject)
    assert not subject.expectancy.vetoed(at, ETH)


@pytest.mark.parametrize("restart", [lambda one: one, reborn], ids=["straight", "restarts"])
def test_positions_that_say_the_same_alert(restart: Callable[[AccountRisk], AccountRisk]) -> None:
    """Twins: long both is one bet, long one and short the other is none, and one alone goes with nothing."""
    subject = risk()
    draw = random.Random(5)
    at, price = START, 20_000
    seen: list[tuple[str, tuple[int, int], int]] = []

    def minutes(count: int, eth: int, btc: int) -> None:
        nonlocal subject, at, price
        for _ in range(count):
            at += MINUTE
            price += draw.choice((-20, 20))
            rows = [(eth, price, bool(eth), 0), (btc, price * 500, bool(btc), 0)]
            subject.observe(at, {"equity": CASH, "instruments": rows}, mark=True)
            subject = restart(subject)
            held = ("correlation", None) in subject.breakers.holding()
            if held != bool(seen and seen[-1][0] == "trip"):
                seen.append(("trip" if held else "reset", (eth, btc), (at - START) // MINUTE))

    minutes(60, 1_000, 10)
    minutes(5, 1_000, 10)
    minutes(5, 1_000, -10)
    minutes(5, -1_000, -10)
    minutes(5, 0, -10)
    assert seen == [
        ("trip", (1_000, 10), 61),
        ("reset", (1_000, -10), 66),
        ("trip", (-1_000, -10), 71),
        ("reset", (0, -10), 76),
    ]


def test_exposures_are_told_when_everything_held_has_a_mark() -> None:
    subject = risk()
    unmarked = {"equity": CASH, "instruments": [(0, None, False, 0), (10, 10_000_000, True, 0)]}
    known = subject.exposures(unmarked, START)
    assert known is not None
    assert known.symbols[BTC].position == 10 * 5_000_000 * MONEY // 10**5
    assert subject.exposures({**unmarked, "instruments": [(5, None, True, 0)] * 2}, START) is None


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(RecoveryError, match="version 1, expected 2"):
        risk().load({**risk().state(), "version": 1})


def test_turnover_and_open_risk_leave_less_room() -> None:
    subject = risk()
    subject.observe(START, account(CASH), mark=True)
    fresh = subject.size(priced(signal(START)), account(CASH), subject.breakers.posture())
    assert fresh.size > 0
    one = signal(START + SECOND)
    subject.accepted(priced(one), fresh.size)
    traded = CASH * 95 // 100 // (10_001 * 1_000)
    subject.take_fills([fill(one, START + SECOND, 1, 10_001, traded)])
    held = account(CASH, (traded, 20_002, True))
    subject.observe(START + SECOND, held, mark=True)
    after = subject.size(priced(signal(START + 2 * SECOND)), held, subject.breakers.posture())
    assert after.caps["turnover"] < fresh.caps["turnover"]
    assert after.caps["open_risk"] < fresh.caps["open_risk"]
    assert after.size < fresh.size
    next_day = subject.size(priced(signal(START + DAY)), account(CASH), subject.breakers.posture())
    assert next_day.caps["turnover"] == fresh.caps["turnover"], "turnover is of the UTC day"


def test_kelly_is_smaller_where_p_rests_on_less_and_nothing_without_an_edge() -> None:
    subject = risk()
    subject.observe(START, account(CASH), mark=True)

    def kelly(**changed: Any) -> Any:
        one = signal(START, **changed)
        return subject.size(priced(one), account(CASH), subject.breakers.posture()).caps["kelly"]

    sure, unsure = kelly(p_outcomes=5_000.0), kelly(p_outcomes=50.0)
    assert sure > unsure >= 0
    assert kelly(p=0.55, p_outcomes=100.0, gross_edge_bps=13.0) == 0
    refused = subject.size(
        priced(signal(START, p=0.55, p_outcomes=100.0, gross_edge_bps=13.0)),
        account(CASH),
        subject.breakers.posture(),
    )
    assert refused.refusal == "deny.kelly"


def test_the_tail_of_what_happened_replaces_the_stop_once_enough_is_known() -> None:
    subject = risk()
    subject.observe(START, account(CASH), mark=True)

    def tail(at: int) -> float:
        sized = subject.size(priced(signal(at)), account(CASH), subject.breakers.posture())
        assert sized.inputs.cvar95_bps is not None
        return float(sized.inputs.cvar95_bps)

    assert tail(START) == pytest.approx(80 / 10_001 * 1e4 + 12)
    for n in range(60):
        subject.outcome(Outcome(n, "lead_lag", ETH, START + n, 1, -float(n % 20)))
    known = tail(START + MINUTE)
    assert 18 + 12 < known < 19 * 1.7 + 12, "the worst of sixty, and the haircut that so few ask for"
    assert tail(START + MINUTE + SECOND) == known, "renewed once a minute"
