"""Thresholds to the bit, expiry to the nanosecond, and what is counted where nothing is decided."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from engine_material import DAY, HOUR, INTRADAY_COLUMNS, MIDNIGHT, MINUTE, SYMBOLS, rows_at, series_of

from aurora.engines import (
    BUILT_IN,
    EngineInput,
    Observations,
    Votes,
    choose_engine,
    drive,
    observations,
    with_series,
)
from aurora.errors import DataError, RecoveryError, UsageError

KEY = "binance_usdm:BTCUSDT"
# A bar of 15 minutes whose volatility over 15 minutes is a thousandth, nearly.
CALM = {
    "close": 100.0,
    "average_true_range": 0.1 * 1.5957691216057308,
    "return_15m": 0.0,
    "return_30m": 0.0,
    "return_60m": 0.0,
    "volume_ratio": 1.0,
    "session_vwap_deviation": 0.0,
    "opening_range_position": 0.5,
}


def bar(n: int, **values: float) -> tuple[int, int, int, dict[str, float]]:
    start = MIDNIGHT + n * 15 * MINUTE
    return start + 15 * MINUTE, start, start + 15 * MINUTE, {**CALM, **values}


def one(name: str, rows: list[Any], *, at: int | None = None, **values: Any) -> Votes:
    """Votes of an engine on one instrument, its feature row at the last bar's end or at a time given."""
    series = {"intraday": series_of(rows, INTRADAY_COLUMNS)}
    inputs = {KEY: rows_at([rows[-1][0] if at is None else at], series)}
    return drive(choose_engine(name, values).make([KEY], 10**9), inputs)[KEY]


def after(value: float) -> float:
    return math.nextafter(value, math.inf)


def before(value: float) -> float:
    return math.nextafter(value, -math.inf)


@pytest.mark.parametrize("side", [1, -1])
def test_an_entry_belongs_to_the_votes(side: int) -> None:
    change = side * 0.002
    # The signal as the engine computes it, and an entry just at and just beyond it.
    signal = abs(change / (0.1 * 1.5957691216057308 / 100.0 / 1.5957691216057308 * math.sqrt(4.0)))
    rows = [bar(0, return_60m=change, return_15m=change)]
    assert one("intraday_momentum", rows, entry=signal).side.tolist() == [side]
    refused = one("intraday_momentum", rows, entry=after(signal))
    assert refused.abstained == {"below_entry": 1}


def test_a_signal_of_nothing_is_no_vote() -> None:
    assert one("intraday_momentum", [bar(0)], entry=0.0).abstained == {"below_entry": 1}


def test_large_signals_count_as_the_largest() -> None:
    votes = one("intraday_momentum", [bar(0, return_60m=0.9, return_15m=0.1)], information_coefficient=0.1)
    assert votes.score.tolist() == [pytest.approx(4 / math.sqrt(2 * math.pi) * 0.1 * 3)]
    # 3 × 0.1 × the volatility of an hour, which is four bars.
    assert votes.edge_bps.tolist() == [pytest.approx(0.3 * 20.0)]


def test_a_spike_begins_at_its_ratio() -> None:
    assert one("volume_spike", [bar(0, return_15m=0.01, volume_ratio=3.0)]).side.tolist() == [1]
    less = one("volume_spike", [bar(0, return_15m=0.01, volume_ratio=before(3.0))])
    assert less.abstained == {"no_volume_spike": 1}


@pytest.mark.parametrize(
    ("then", "now", "answer"),
    [
        (0.5, 1.0, "inside_the_range"),
        (0.5, after(1.0), 1),
        (1.0, after(1.0), 1),
        (after(1.0), 1.5, "outside_before"),
        (0.5, 0.0, "inside_the_range"),
        (0.0, -1e-300, -1),
        (-1e-300, -0.5, "outside_before"),
        (1.5, -0.5, -1),
        (math.nan, 1.5, "previous_bar_missing"),
    ],
)
def test_a_breakout_is_strict(then: float, now: float, answer: int | str) -> None:
    rows = [bar(0, opening_range_position=then), bar(1, opening_range_position=now)]
    votes = one("opening_range_breakout", rows)
    if isinstance(answer, int):
        assert votes.side.tolist() == [answer]
    else:
        assert votes.abstained == {answer: 1}


def test_a_hole_before_the_breakout_is_no_breakout() -> None:
    rows = [bar(0), bar(2, opening_range_position=1.5)]
    assert one("opening_range_breakout", rows).abstained == {"previous_bar_missing": 1}


def test_bars_expire_to_the_nanosecond() -> None:
    rows = [bar(0, return_60m=0.9, return_15m=0.1)]
    last = rows[0][2] + 30 * MINUTE
    assert len(one("intraday_momentum", rows, at=last).row) == 1
    assert one("intraday_momentum", rows, at=last + 1).abstained == {"intraday_expired": 1}


@pytest.mark.parametrize("name", [n for n, e in BUILT_IN.items() if getattr(e, "clock", "") == "intraday"])
def test_a_day_is_no_intraday_bar(name: str) -> None:
    """Never a daily fallback: bars of more than a quarter of an hour are refused whatever they show."""
    series = [
        (MIDNIGHT + (n + 1) * DAY, MIDNIGHT + n * DAY, MIDNIGHT + (n + 1) * DAY, CALM) for n in range(30)
    ]
    assert one(name, series).abstained == {"bars_not_intraday": 1}
    hours = [
        (MIDNIGHT + (n + 1) * HOUR, MIDNIGHT + n * HOUR, MIDNIGHT + (n + 1) * HOUR, CALM) for n in range(30)
    ]
    assert one(name, hours).abstained == {"bars_not_intraday": 1}


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"lead_lag"}))
def test_without_its_series_an_engine_is_empty_handed(name: str) -> None:
    engine: Any = choose_engine(name).make([KEY], 10**9)
    for series in engine.needs():
        others = {
            other: series_of([], need.columns) for other, need in engine.needs().items() if other != series
        }
        [votes] = choose_engine(name).make([KEY], 10**9).vote({KEY: rows_at(range(1, 8), others)})
        assert votes.abstained == {f"no_{series}": 7}
        assert not len(votes.row)


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"lead_lag"}))
def test_without_a_column_an_engine_says_which(name: str) -> None:
    engine: Any = choose_engine(name).make([KEY], 10**9)
    needs = engine.needs()
    for series, need in needs.items():
        for column in need.columns:
            given = {
                other: series_of([], [c for c in n.columns if (other, c) != (series, column)])
                for other, n in needs.items()
            }
            [votes] = choose_engine(name).make([KEY], 10**9).vote({KEY: rows_at([1], given)})
            assert votes.abstained == {f"no_{series}_{column}": 1}


def test_rows_without_news_are_counted() -> None:
    rows = [bar(n, return_60m=0.9, return_15m=0.1) for n in range(3)]
    inputs = {
        KEY: rows_at(
            range(MIDNIGHT, MIDNIGHT + HOUR, 5 * MINUTE), {"intraday": series_of(rows, INTRADAY_COLUMNS)}
        )
    }
    votes = drive(choose_engine("intraday_momentum").make([KEY], 10**9), inputs)[KEY]
    assert votes.row.tolist() == [3, 6, 9]
    assert votes.abstained == {"no_new_intraday": 9}


def test_of_bars_known_at_once_the_last_counts() -> None:
    """A silence is told by the trade behind it: all its bars become known with that."""
    late = rows_known_at(MIDNIGHT + 45 * MINUTE, [bar(0, return_60m=0.9, return_15m=0.1), bar(1), bar(2)])
    votes = one("intraday_momentum", late)
    assert votes.abstained == {"below_entry": 1}


def rows_known_at(time: int, rows: list[Any]) -> list[Any]:
    return [(time, *row[1:]) for row in rows]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([bar(1), bar(0)], "runs backwards"),
        ([(MIDNIGHT, MIDNIGHT, MIDNIGHT + 1, CALM)], "known before it ends"),
        ([bar(0, close=math.inf)], "infinite"),
    ],
)
def test_a_series_that_cannot_be_is_refused(rows: list[Any], complaint: str) -> None:
    with pytest.raises(DataError, match=f"intraday of {KEY} .*{complaint}"):
        one("intraday_momentum", rows)


def test_a_state_of_another_engine_is_refused() -> None:
    make = lambda name, keys=(KEY,), **values: choose_engine(name, values).make(keys, 10**9)  # noqa: E731
    state = make("quick_reversion").snapshot()
    make("quick_reversion").restore(state)
    for other in (make("trend"), make("quick_reversion", ("x:y",))):
        with pytest.raises(RecoveryError):
            other.restore(state)


def test_memory_stays_bounded() -> None:
    engine: Any = choose_engine("quick_reversion").make([KEY], 10**9)
    sizes = []
    for n in range(4_000):
        news = series_of([bar(n)], INTRADAY_COLUMNS)
        engine.vote({KEY: rows_at([bar(n)[0]], {"intraday": news})})
        sizes.append(len(engine.snapshot()))
    assert max(sizes) < 50_000


def test_observations_of_a_frame() -> None:
    import polars as pl

    frame = pl.DataFrame(
        {
            "instrument": ["b", "a", "a", "a"],
            "known_ns": [5, 9, None, 7],
            "end_ns": [5, 8, 3, 6],
            "value": [1, 2, 3, None],
            "text": ["x"] * 4,
        }
    )
    made = observations(frame)
    assert list(made) == ["a", "b"]
    a = made["a"]
    assert (a.known_ns.tolist(), a.end_ns.tolist(), a.start_ns.tolist()) == ([7, 9], [6, 8], [6, 8])
    assert list(a.columns) == ["value"]
    assert np.isnan(a.columns["value"][0])
    assert a.columns["value"][1] == 2.0
    assert a.between(7, 9).known_ns.tolist() == [9]
    with pytest.raises(UsageError, match="known_ns"):
        observations(pl.DataFrame({"instrument": ["a"]}))


def test_series_are_given_to_those_that_have_them() -> None:
    inputs: dict[str, EngineInput] = {key: rows_at([1]) for key in SYMBOLS[:2]}
    news: Observations = series_of([(1, 1, 1, {"value": 1.0})], ["value"])
    both = with_series(inputs, "x", {SYMBOLS[0]: news})
    assert set(both[SYMBOLS[0]].series) == {"x"}
    assert not both[SYMBOLS[1]].series
    assert not inputs[SYMBOLS[0]].series


def macro(index: list[float], dominance: list[float], rates: list[float], **values: Any) -> Votes:
    """Votes on bitcoin's instrument at the last value of the index; each rate is that of an instrument."""
    keys = [KEY, *(f"a:X{n}" for n in range(len(rates) - 1))]
    last = MIDNIGHT + (len(index) - 1) * DAY

    def points(values: list[float], name: str) -> Observations:
        at = [last - (len(values) - 1 - n) * DAY for n in range(len(values))]
        return series_of([(t, t, t, {name: v}) for t, v in zip(at, values, strict=True)], [name])

    inputs = {
        key: rows_at(
            [last],
            {
                "volatility_index": points(index, "value"),
                "btc_dominance": points(dominance, "value"),
                "funding": points([rate], "rate"),
            },
        )
        for key, rate in zip(keys, rates, strict=True)
    }
    given = {"min_volatility_rows": 4, "volatility_rows": 4, "dominance_rows": 1, **values}
    return drive(choose_engine("macro", given).make(keys, 10**9), inputs)[KEY]


@pytest.mark.parametrize(
    ("change", "stressed", "crowded", "side"),
    [
        # A rise that just counts and a crowd that just does: both for up.
        (2**-7, 0.95, 0.75, 1),
        (before(0.5 + 2**-7) - 0.5, 0.95, 0.75, 0),
        (2**-7, 0.95, after(0.75), 0),
        # The highest of four: 7 / 8 of them below it, half of itself counted. Stress just takes a reading away.
        (2**-7, 0.875, 0.75, 0),
        (2**-7, after(0.875), 0.75, 1),
    ],
)
def test_readings_begin_at_their_thresholds(
    change: float, stressed: float, crowded: float, side: int
) -> None:
    votes = macro(
        [50.0, 51.0, 52.0, 53.0],
        [0.5, 0.5 + change],
        [-1e-4, -1e-4, -1e-4, 1e-4],
        dominance_change=2**-7,
        stressed=stressed,
        crowded=crowded,
    )
    assert votes.side.tolist() == ([side] if side else [])
    if not side:
        assert votes.abstained == {"no_agreement": 1}


def test_an_index_calms_down_at_its_threshold() -> None:
    for calm, side in ((0.125, [1]), (before(0.125), [])):
        votes = macro([53.0, 52.0, 51.0, 50.0], [0.5, 0.5], [-1e-4] * 4, calm=calm)
        assert votes.side.tolist() == side
