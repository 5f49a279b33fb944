"""Inputs for engines: bars from price paths by hand, and random series drawn by a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from aurora.engines import EngineInput, Observations
from aurora.features import bar_schema, with_floats

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIDNIGHT = 19_700 * DAY


def rows_at(times: Sequence[int], series: Mapping[str, Observations] | None = None) -> EngineInput:
    """Feature rows at these times, with nothing in them."""
    none = np.empty(0, np.int64)
    return EngineInput(np.array(times, np.int64), {}, none, np.empty(0), dict(series or {}))


def series_of(
    rows: Sequence[tuple[int, int, int, Mapping[str, float]]], names: Sequence[str]
) -> Observations:
    """Observations from (known, start, end, values)."""
    return Observations(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.int64),
        {name: np.array([row[3].get(name, np.nan) for row in rows], np.float64) for name in names},
    )


def bars(
    instrument: str,
    closes: Sequence[float],
    *,
    step: int = MINUTE,
    start: int = MIDNIGHT,
    volumes: Sequence[float] | None = None,
    wick: float = 0.001,
) -> pl.DataFrame:
    """Time bars of a price path, highs and lows a share ``wick`` beyond open and close."""
    made: list[dict[str, Any]] = []
    before = closes[0]
    for n, close in enumerate(closes):
        at = start + n * step
        volume = round(1_000 * (volumes[n] if volumes is not None else 10.0))
        quanta = round(close * 1e8)
        made.append(
            {
                "instrument": instrument,
                "start_ns": at,
                "end_ns": at + step,
                "known_ns": at + step,
                "first_ns": at,
                "last_ns": at + step - 1,
                "open_quanta": round(before * 1e8),
                "high_quanta": round(max(before, close) * (1 + wick) * 1e8),
                "low_quanta": round(min(before, close) * (1 - wick) * 1e8),
                "close_quanta": quanta,
                "volume_quanta": volume,
                "buy_volume_quanta": volume // 2,
                "notional": Decimal(quanta) * volume / 10**11,
                "trades": 3,
                "price_decimals": 8,
                "size_decimals": 3,
                "filled": False,
                "complete": True,
                "observed_ns": start,
            }
        )
        before = close
    schema = bar_schema(11)
    return with_floats(pl.DataFrame(made, schema={name: schema[name] for name in made[0]}))


INTRADAY_COLUMNS = (
    "close",
    "return_15m",
    "return_30m",
    "return_60m",
    "volume_ratio",
    "session_vwap_deviation",
    "opening_range_position",
    "average_true_range",
)
DAILY_COLUMNS = (
    "close",
    "volume",
    "return_1d",
    "return_5d",
    "return_21d",
    "return_63d",
    "return_126d",
    "return_252d",
    "volatility_21d",
    "volatility_63d",
    "average_20d",
    "average_50d",
    "average_200d",
)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT")


def _value(draw: random.Random, name: str) -> float:
    if draw.random() < 0.04:
        return float("nan")
    if name in ("close", "volume") or (name.startswith("average_") and name != "average_true_range"):
        return draw.choice((round(draw.uniform(90, 110), 1), draw.uniform(90, 110)))
    if name.startswith("volatility_"):
        return draw.uniform(0.0 if draw.random() < 0.05 else 0.2, 1.5) if draw.random() > 0.02 else 0.0
    if name == "average_true_range":
        return draw.uniform(0.05, 0.4)
    if name == "volume_ratio":
        return draw.choice((3.0, draw.uniform(0, 6)))
    if name == "opening_range_position":
        return draw.choice((0.0, 1.0, draw.uniform(-1, 2)))
    spread = 0.3 if name.endswith("d") else 0.01
    # Coarse values, so that some are equal.
    return draw.choice((round(draw.gauss(0, spread), 2), draw.gauss(0, spread)))


def _bars_like(draw: random.Random, names: Sequence[str], step: int, count: int, start: int) -> Observations:
    rows, at = [], start
    for _ in range(count):
        if draw.random() < 0.05:
            at += step * draw.randint(1, 4)
        late = draw.randint(1, step) if draw.random() < 0.1 else 0
        rows.append((at + step + late, at, at + step, {name: _value(draw, name) for name in names}))
        at += step
    known = 0
    for n, row in enumerate(rows):
        # Rows become known in their order.
        known = max(known, row[0])
        rows[n] = (known, *row[1:])
    return series_of(rows, names)


def _points(
    draw: random.Random, span: tuple[int, int], every: int, values: Mapping[str, Any], missing: float = 0.04
) -> Observations:
    rows, at = [], span[0] + draw.randint(0, every)
    while at < span[1]:
        made = {
            name: float("nan") if draw.random() < missing else make(draw) for name, make in values.items()
        }
        rows.append((at, at, at, made))
        at += every if draw.random() < 0.8 else draw.randint(1, 3 * every)
    return series_of(rows, list(values))


def random_inputs(seed: int, *, daily: bool, members: int = 5, count: int = 40) -> dict[str, EngineInput]:
    """Series of every kind with holes, late rows, undefined and equal values; rows off and on the ends of bars."""
    draw = random.Random(seed)
    step = DAY if daily else draw.choice((MINUTE, 5 * MINUTE, 15 * MINUTE))
    start = MIDNIGHT
    span = (start, start + (count + 6) * step)
    index = _points(draw, span, step, {"value": lambda d: d.choice((50.0, d.uniform(20, 120)))}, 0.01)
    dominance = _points(draw, span, step, {"value": lambda d: d.uniform(0.45, 0.6)}, 0.01)
    inputs = {}
    every = max(step // 4, SECOND)
    crowd = draw.choice((1e-4, 0.0))
    for symbol in SYMBOLS[:members]:
        first = start + draw.randint(0, 2) * every
        times = [t for t in range(first, span[1], every) if draw.random() > 0.05]
        series = {
            "daily" if daily else "intraday": _bars_like(
                draw, DAILY_COLUMNS if daily else INTRADAY_COLUMNS, step, count, start
            ),
            "funding": _points(
                draw,
                span,
                max(step // 3, MINUTE),
                {
                    "rate": lambda d: d.choice((1e-4, d.gauss(crowd, 1e-4))),
                    "interval_hours": lambda d: d.choice((8.0, 8.0, 4.0, 1.0)),
                },
                0.01,
            ),
            "basis": _points(draw, span, max(step // 5, MINUTE), {"basis": lambda d: d.gauss(0, 5e-4)}),
            "listing": series_of(
                [
                    (
                        start - DAY,
                        start - DAY,
                        start - DAY,
                        {"listed_day": float(draw.randint(19_000, 19_690))},
                    )
                ],
                ["listed_day"],
            ),
            "volatility_index": index,
            "btc_dominance": dominance,
            "sentiment": _points(draw, span, step, {"value": lambda d: d.uniform(-1.3, 1.3)}),
        }
        inputs[f"binance_usdm:{symbol}"] = rows_at(times, series)
    return inputs
