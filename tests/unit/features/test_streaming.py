"""Streamed slow features are those of the frames, bar by bar, whatever the holes; their state is all of them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.features import (
    DAILY_COLUMNS,
    INTRADAY_COLUMNS,
    BarMerger,
    DailyTracker,
    IntradayTracker,
    StreamedBar,
    bar_schema,
    daily,
    intraday,
    resample,
    with_floats,
)

MINUTE = 60 * 10**9
DAY = 1_440 * MINUTE
START = 19_000 * DAY
PRICES, SIZES = 100, 1_000


def frame(seed: int, bars: int, step: int, gaps: bool) -> pl.DataFrame:
    """Bars of one instrument with holes and silences."""
    draw = np.random.default_rng(seed)
    place = np.arange(bars)
    if gaps:
        place = place[draw.random(bars) > 0.01]
    count = len(place)
    close = 10_000 + np.cumsum(draw.integers(-30, 31, count))
    opened = close + draw.integers(-20, 21, count)
    high = np.maximum(close, opened) + draw.integers(0, 15, count)
    low = np.minimum(close, opened) - draw.integers(0, 15, count)
    volume = draw.integers(1, 5_000, count)
    filled = (draw.random(count) < 0.1) & gaps & (place > 0)
    for column in (opened, high, low):
        column[filled] = close[filled]
    volume[filled] = 0
    start = START + 7 * 60 * MINUTE * (step == MINUTE) + place * step
    quanta = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    columns: dict[str, Any] = {f"{name}_quanta": values.astype(np.int64) for name, values in quanta.items()}
    made = pl.DataFrame(
        {
            "instrument": ["binance_usdm:ETHUSDT"] * count,
            "start_ns": start,
            "end_ns": start + step,
            "known_ns": start + step,
            "first_ns": start,
            "last_ns": start + step - 1,
            **columns,
            "buy_volume_quanta": (volume // 2).astype(np.int64),
            "trades": np.ones(count, np.uint64),
            "filled": filled,
            "complete": place > 0,
            "observed_ns": np.full(count, START),
            "notional": (close * volume / (PRICES * SIZES)),
        }
    )
    made = made.with_columns(
        pl.lit(2, pl.UInt8).alias("price_decimals"),
        pl.lit(3, pl.UInt8).alias("size_decimals"),
        pl.col("notional").cast(bar_schema(5)["notional"]),
    )
    return with_floats(made)


def streamed(bars: pl.DataFrame) -> list[StreamedBar]:
    names = ("start_ns", "end_ns", "known_ns", "open", "high", "low", "close", "volume_quanta")
    rows = bars.select(*names, pl.col("notional").cast(pl.Float64), "filled", "complete")
    return [StreamedBar(*row) for row in rows.iter_rows()]


def same(row: Any, expected: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        wanted = expected[name]
        got = row.values[name]
        if wanted is None or (isinstance(wanted, float) and math.isnan(wanted)):
            assert math.isnan(got), (name, got)
        else:
            assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12), name


@given(st.integers(0, 10_000), st.sampled_from([MINUTE, 5 * MINUTE]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_intraday_as_the_frame_has_it(seed: int, step: int, gaps: bool) -> None:
    bars = frame(seed, 1_800 * MINUTE // step, step, gaps)
    tracker = IntradayTracker(step, SIZES)
    wanted = {row["end_ns"]: row for row in intraday(bars).iter_rows(named=True)}
    seen = 0
    for bar in streamed(bars):
        row = tracker.update(bar)
        if row is None:
            assert bar.end_ns not in wanted
            continue
        same(row, wanted[row.end_ns], INTRADAY_COLUMNS)
        seen += 1
    assert seen == len(wanted)


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_daily_as_the_frame_has_it(seed: int) -> None:
    bars = frame(seed, 300, DAY, True)
    bars = bars.filter(~pl.col("filled"))
    tracker = DailyTracker(SIZES)
    wanted = {row["end_ns"]: row for row in daily(bars).iter_rows(named=True)}
    for bar in streamed(bars):
        row = tracker.update(bar)
        if row is not None:
            same(row, wanted[row.end_ns], DAILY_COLUMNS)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_long_bars_as_resampled(seed: int) -> None:
    bars = frame(seed, 600, MINUTE, True)
    merger = BarMerger(MINUTE, 15 * MINUTE)
    wanted = {row["end_ns"]: row for row in resample(bars, "15m").iter_rows(named=True)}
    made = [long for bar in streamed(bars) if (long := merger.update(bar)) is not None and long.complete]
    whole = {
        end: row
        for end, row in wanted.items()
        if row["complete"]
        and len(bars.filter((pl.col("start_ns") >= row["start_ns"]) & (pl.col("end_ns") <= end))) == 15
    }
    assert {bar.end_ns for bar in made} == set(whole)
    for bar in made:
        row = whole[bar.end_ns]
        for name in ("open", "high", "low", "close"):
            assert getattr(bar, name) == row[name]
        assert bar.volume == row["volume_quanta"]
        assert bar.filled == row["filled"]


def test_states_are_all_of_them() -> None:
    bars = streamed(frame(3, 3_000, MINUTE, True))
    whole = (IntradayTracker(MINUTE, SIZES), BarMerger(MINUTE, DAY), DailyTracker(SIZES))
    parts = (IntradayTracker(MINUTE, SIZES), BarMerger(MINUTE, DAY), DailyTracker(SIZES))
    for bar in bars:
        state = [json.loads(json.dumps(part.state())) for part in parts]
        parts = (IntradayTracker(MINUTE, SIZES), BarMerger(MINUTE, DAY), DailyTracker(SIZES))
        for part, kept in zip(parts, state, strict=True):
            part.load(kept)
        assert str(parts[0].update(bar)) == str(whole[0].update(bar))
        days = [merger.update(bar) for merger in (parts[1], whole[1])]
        assert days[0] == days[1]
        if days[0] is not None:
            assert str(parts[2].update(days[0])) == str(whole[2].update(days[0]))
