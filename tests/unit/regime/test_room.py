"""The whole room over a small universe: regimes, index, modes and approvals together."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from aurora.errors import DataError, UsageError
from aurora.regime import (
    MarketReading,
    Mode,
    Regime,
    RegimeBar,
    RegimeRoom,
    RegimeSettings,
    VolatilityIndexSettings,
)

BAR = 15 * 60_000_000_000
SETTINGS = RegimeSettings(volatility_index=VolatilityIndexSettings(minimum_history=96))


def universe(count: int, seed: int = 4, storm: tuple[int, int] = (10**9, 0)) -> list[dict[str, RegimeBar]]:
    """Two instruments; within ``storm`` returns are six times as large."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, RegimeBar]] = [{} for _ in range(count)]
    for name in ("b", "a"):
        size = np.where((np.arange(count) >= storm[0]) & (np.arange(count) < storm[1]), 6.0, 1.0)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count) * size))
        for k, c in enumerate(close.tolist()):
            out[k][name] = RegimeBar((k + 1) * BAR, c * 1.001, c * 0.999, c, float(rng.uniform(80, 120)))
    return out


def read_all(room: RegimeRoom, series: list[dict[str, RegimeBar]]) -> list[list[MarketReading]]:
    out = []
    for bars in series:
        for name, bar in bars.items():
            room.bar(name, bar)
        out.append(room.read(next(iter(bars.values())).end_ns, {"a": 3.0, "b": 60.0}))
    return out


def test_a_storm_goes_through_the_room() -> None:
    readings = read_all(RegimeRoom(SETTINGS, ["b", "a"]), universe(700, storm=(500, 600)))
    for now in readings:
        assert [reading.instrument for reading in now] == ["a", "b"]
        assert now[1].regime.regime is Regime.ILLIQUID
        assert now[1].scaler == 0.0
        assert now[0].volatility_index == now[1].volatility_index
        expected = {Regime.TREND: 1.0, Regime.RANGE: 0.75, Regime.NEUTRAL: 0.5}.get(now[0].regime.regime, 0.0)
        assert now[0].scaler == expected
    # 97 bars for a volatility, 96 samples of it for an index.
    assert [now[0].volatility_index is None for now in readings[190:196]] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert readings[50][0].mode.mode is Mode.HYBRID
    inside = readings[560][0]
    assert inside.volatility_index is not None
    assert inside.volatility_index > 35
    assert (inside.mode.mode, inside.mode.halted, inside.mode.exposure) == (Mode.INTRADAY, True, 0.5)
    assert not readings[450][0].mode.halted
    assert not readings[-1][0].mode.halted


def test_state_survives_and_the_future_does_not_matter() -> None:
    series = universe(400)
    want = read_all(RegimeRoom(SETTINGS, ["a", "b"]), series)
    first, second = RegimeRoom(SETTINGS, ["a", "b"]), RegimeRoom(SETTINGS, ["a", "b"])
    for k in range(300):
        first.leaderboard.record(series[k]["a"].end_ns, "lead_lag", Regime.TREND, math.sin(k))
        second.leaderboard.record(series[k]["a"].end_ns, "lead_lag", Regime.TREND, math.sin(k))
    found = read_all(first, series[:300])
    second.load(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    assert found + read_all(second, series[300:]) == want
    other = series[:300] + universe(400, seed=9)[300:]
    assert read_all(RegimeRoom(SETTINGS, ["a", "b"]), other)[:300] == want[:300]


def test_time_and_settings_are_checked() -> None:
    room = RegimeRoom(SETTINGS, ["a", "b"])
    read_all(room, universe(2))
    with pytest.raises(UsageError, match="c is not one of a, b"):
        room.bar("c", RegimeBar(3 * BAR, 1.0, 1.0, 1.0, 1.0))
    with pytest.raises(DataError):
        room.read(BAR, {})
    with pytest.raises(DataError):
        room.read(2 * BAR, {"a": math.inf})
    plain: dict[str, Any] = json.loads(RegimeSettings().model_dump_json())
    assert RegimeSettings.model_validate(plain) == RegimeSettings()
