"""Each engine votes on the side of a small pattern that was planted for it, through the real bars and features.

A price path, seeded, with one pattern in it, becomes bars, these become `aurora.features.intraday` or `daily`, and the
engine with its defaults sees nothing else. The mirrored pattern must turn every side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
import pytest
from engine_material import DAY, HOUR, MIDNIGHT, MINUTE, SYMBOLS, bars, rows_at, series_of

from aurora.engines import Observations, Votes, choose_engine, drive, observations, with_series
from aurora.features import daily, intraday

KEYS = [f"binance_usdm:{symbol}" for symbol in SYMBOLS[:5]]
TARGET = KEYS[2]


def walk(seed: int, count: int, deviation: float, drift: Sequence[float] | float = 0.0) -> list[float]:
    """A price path from 100 with independent returns; the drift of each step is added."""
    noise = np.random.default_rng(seed).normal(0.0, deviation, count)
    steps = (noise + np.asarray(drift)).tolist()
    return [round(price, 6) for price in accumulate(steps, lambda p, r: p * (1 + r), initial=100.0)][1:]


def votes_on(
    name: str,
    frame: pl.DataFrame,
    extra: dict[str, dict[str, Observations]] | None = None,
    **values: Any,
) -> dict[str, Votes]:
    """Votes of an engine; feature rows stand every bar's end and halfway."""
    series = "intraday" if "opening_range_position" in frame.columns else "daily"
    given = observations(frame)
    step = int(frame["end_ns"][0] - frame["start_ns"][0])
    times = range(int(frame["end_ns"].min()), int(frame["end_ns"].max()) + 1, step // 2)  # type: ignore[arg-type]
    inputs = with_series({key: rows_at(times) for key in given}, series, given)
    for other, own in (extra or {}).items():
        inputs = with_series(inputs, other, own)
    return drive(choose_engine(name, values).make(list(given), 10**9), inputs)


def sides(votes: Votes, begin: int, end: int) -> list[int]:
    """Of votes from one time to another."""
    return votes.side[(votes.local_ns >= begin) & (votes.local_ns <= end)].tolist()


def minute_bars(
    paths: dict[str, list[float]], volumes: list[float] | None = None, **options: Any
) -> pl.DataFrame:
    return intraday(pl.concat([bars(key, path, volumes=volumes, **options) for key, path in paths.items()]))


MIRRORED = pytest.mark.parametrize("up", [1, -1])


# --- Intraday ---------------------------------------------------------------------------------------------------


@MIRRORED
def test_momentum_follows_a_drift(up: int) -> None:
    drift = [up * 3e-4 if 120 <= n < 240 else 0.0 for n in range(300)]
    votes = votes_on("intraday_momentum", minute_bars({TARGET: walk(1, 300, 4e-4, drift)}))[TARGET]
    inside = sides(votes, MIDNIGHT + 150 * MINUTE, MIDNIGHT + 240 * MINUTE)
    assert len(inside) > 60
    assert set(inside) == {up}


@MIRRORED
def test_vwap_reversion_stands_against_an_excursion(up: int) -> None:
    # Half a day of calm around 100, then away from it.
    path = walk(2, 600, 1e-4)
    path += [round(path[-1] * (1 + up * 0.02 * min(n, 10) / 10), 6) for n in range(1, 40)]
    votes = votes_on("vwap_reversion", minute_bars({TARGET: path}, wick=2e-4))[TARGET]
    inside = sides(votes, MIDNIGHT + 610 * MINUTE, MIDNIGHT + 640 * MINUTE)
    assert len(inside) > 20
    assert set(inside) == {-up}


@MIRRORED
def test_a_volume_spike_is_followed(up: int) -> None:
    drift = [up * 1e-3 if 100 <= n < 106 else 0.0 for n in range(160)]
    volumes = [60.0 if 100 <= n < 106 else 10.0 for n in range(160)]
    votes = votes_on("volume_spike", minute_bars({TARGET: walk(3, 160, 2e-4, drift)}, volumes))[TARGET]
    # At first the spike has no company in the average before it.
    assert sides(votes, 0, MIDNIGHT + 100 * MINUTE) == []
    assert sides(votes, MIDNIGHT + 101 * MINUTE, MIDNIGHT + 120 * MINUTE)[:2] == [up, up]
    assert set(votes.side.tolist()) == {up}


@MIRRORED
def test_relative_strength_finds_the_one_that_moves(up: int) -> None:
    paths = {key: walk(10 + n, 200, 1e-4) for n, key in enumerate(KEYS)}
    paths[TARGET] = walk(12, 200, 1e-4, [up * 2e-4 if n >= 60 else 0.0 for n in range(200)])
    votes = votes_on("relative_strength", minute_bars(paths))[TARGET]
    inside = sides(votes, MIDNIGHT + 120 * MINUTE, MIDNIGHT + 200 * MINUTE)
    assert len(inside) > 70
    assert set(inside) == {up}


@MIRRORED
def test_a_breakout_is_followed_once(up: int) -> None:
    path = [100 + 0.2 * ((n % 6) - 3) / 3 for n in range(90)] + [100 + up * 0.05 * n for n in range(1, 40)]
    votes = votes_on("opening_range_breakout", minute_bars({TARGET: path}, wick=0.0))[TARGET]
    assert votes.side.tolist() == [up]
    # The range is -0.2 to 0.133: the first close beyond it is that of the third step, or of the fifth.
    assert votes.local_ns.tolist() == [MIDNIGHT + (93 if up > 0 else 95) * MINUTE]


@MIRRORED
def test_quick_reversion_stands_against_a_jump(up: int) -> None:
    path = walk(5, 60, 1e-4)
    path += [round(path[-1] * (1 + up * 0.01), 6), *walk(6, 20, 1e-5)]
    path[61:] = [path[60]] * 20
    votes = votes_on("quick_reversion", minute_bars({TARGET: path}))[TARGET]
    inside = sides(votes, MIDNIGHT + 61 * MINUTE, MIDNIGHT + 64 * MINUTE)
    assert inside[0] == -up
    assert set(inside) == {-up}


# --- Cross-section ----------------------------------------------------------------------------------------------


def daily_frame(
    drifts: list[float], *, count: int = 320, seed: int = 20, deviation: float = 0.01
) -> pl.DataFrame:
    paths = {key: walk(seed + n, count, deviation, drifts[n]) for n, key in enumerate(KEYS)}
    return daily(pl.concat([bars(key, path, step=DAY) for key, path in paths.items()]))


LAST = MIDNIGHT + 260 * DAY


@MIRRORED
def test_cross_sectional_momentum_ranks_by_the_year_before_the_last_month(up: int) -> None:
    votes = votes_on(
        "cross_sectional_momentum", daily_frame([up * d for d in (0.004, 0, 0.001, -0.001, -0.004)])
    )
    assert set(sides(votes[KEYS[0]], LAST, 2**62)) == {up}
    assert set(sides(votes[KEYS[4]], LAST, 2**62)) == {-up}
    assert not sides(votes[KEYS[2]], 0, LAST - 10 * DAY)


def test_the_last_month_is_skipped() -> None:
    """A year's loser that soared in the last month is a loser still; without the skip it is the winner."""
    count = 290
    drifts = [np.where(np.arange(count) >= count - 20, 0.12, -0.003), 0.0, 0.001, -0.001, 0.002]
    frame = daily_frame(drifts, count=count)  # type: ignore[arg-type]
    last = int(frame["end_ns"].max())  # type: ignore[arg-type]
    assert sides(votes_on("cross_sectional_momentum", frame)[KEYS[0]], last, last) == [-1]
    assert sides(votes_on("cross_sectional_momentum", frame, skip_days=0)[KEYS[0]], last, last) == [1]


@MIRRORED
def test_time_series_momentum_follows_each_alone(up: int) -> None:
    votes = votes_on(
        "time_series_momentum", daily_frame([up * d for d in (0.004, 0.004, 0.005, -0.004, -0.005)])
    )
    for n, key in enumerate(KEYS):
        assert set(sides(votes[key], LAST, 2**62)) == {up if n < 3 else -up}


@MIRRORED
def test_reversion_stands_against_the_weeks_extremes(up: int) -> None:
    moved = np.zeros(120)
    moved[95:100] = up * 0.05
    votes = votes_on("cross_sectional_reversion", daily_frame([0, 0, moved, -moved, 0], count=120))  # type: ignore[list-item]
    at = MIDNIGHT + 100 * DAY
    assert sides(votes[KEYS[2]], at, at) == [-up]
    assert sides(votes[KEYS[3]], at, at) == [up]


def points(values: list[dict[str, float]], every: int, start: int = MIDNIGHT) -> Observations:
    rows = [(start + n * every,) * 3 + (value,) for n, value in enumerate(values)]
    return series_of(rows, list(values[0]))  # type: ignore[arg-type]


def test_quality_prefers_the_liquid_the_steady_and_the_old() -> None:
    draw = np.random.default_rng(7)
    volumes, listed = (50.0, 20.0, 10.0, 5.0, 1.0), (16_000, 17_000, 18_000, 19_000, 19_500)
    frame = daily(
        pl.concat(
            [
                bars(key, walk(30 + n, 60, 0.01), step=DAY, volumes=[volumes[n]] * 60)
                for n, key in enumerate(KEYS)
            ]
        )
    )
    funding = {
        key: points(
            [{"rate": float(r), "interval_hours": 8.0} for r in draw.normal(1e-4, 1e-5 * (n + 1) ** 2, 180)],
            8 * HOUR,
        )
        for n, key in enumerate(KEYS)
    }
    listing = {
        key: points([{"listed_day": float(listed[n])}], DAY, MIDNIGHT - DAY) for n, key in enumerate(KEYS)
    }
    votes = votes_on("quality", frame, {"funding": funding, "listing": listing})
    at = MIDNIGHT + 40 * DAY
    assert set(sides(votes[KEYS[0]], at, 2**62)) == {1}
    assert set(sides(votes[KEYS[4]], at, 2**62)) == {-1}
    assert not len(votes[KEYS[2]].row)


# --- Futures ----------------------------------------------------------------------------------------------------


def futures_votes(name: str, series: dict[str, dict[str, Observations]], **values: Any) -> dict[str, Votes]:
    inputs = {key: rows_at(range(MIDNIGHT, MIDNIGHT + 60 * DAY, HOUR)) for key in KEYS}
    for other, own in series.items():
        inputs = with_series(inputs, other, own)
    return drive(choose_engine(name, values).make(KEYS, 10**9), inputs)


@MIRRORED
def test_carry_takes_the_paid_side(up: int) -> None:
    rates = [{"rate": -up * 3e-4, "interval_hours": 8.0}] * 20
    premia = [{"basis": -up * 4e-4}] * 200
    series = {
        "funding": dict.fromkeys(KEYS, points(rates, 8 * HOUR)),
        "basis": dict.fromkeys(KEYS, points(premia, HOUR)),
    }
    votes = futures_votes("carry", series)[TARGET]
    assert votes.side.tolist() == [up] * 20
    # Three payments of 3 bps in a day, and 4 bps that close.
    assert votes.edge_bps.tolist() == pytest.approx([13.0] * 20)


@MIRRORED
def test_trend_follows_averages_in_order(up: int) -> None:
    votes = votes_on("trend", daily_frame([up * 0.003] * 5, count=260))
    for key in KEYS:
        assert set(sides(votes[key], MIDNIGHT + 230 * DAY, 2**62)) == {up}


@MIRRORED
def test_macro_needs_two_readings(up: int) -> None:
    # The index calms down, or becomes restless; the crowd stands on the other side.
    index = [{"value": 60.0 - up * 0.5 * n} for n in range(60)]
    crowd = [{"rate": -up * 1e-4, "interval_hours": 8.0}] * 180
    level = [{"value": 0.5}] * 60
    series = {
        "volatility_index": dict.fromkeys(KEYS, points(index, DAY)),
        "btc_dominance": dict.fromkeys(KEYS, points(level, DAY)),
        "funding": dict.fromkeys(KEYS, points(crowd, 8 * HOUR)),
    }
    votes = futures_votes("macro", series)
    for key in KEYS:
        assert set(votes[key].side.tolist()) == {up}
        assert len(votes[key].row) == 60 - 29
    # A rising share of bitcoin takes a reading from the others and gives it to bitcoin.
    rising = {
        "btc_dominance": dict.fromkeys(KEYS, points([{"value": 0.4 + 0.002 * n} for n in range(60)], DAY))
    }
    both = futures_votes("macro", {**series, **rising})
    if up > 0:
        assert len(both[KEYS[0]].row) > 0
        assert len(both[TARGET].row) == 0
        assert both[TARGET].abstained["no_agreement"] > 0
    else:
        assert len(both[KEYS[0]].row) == 0
        assert set(both[TARGET].side.tolist()) == {-1}
