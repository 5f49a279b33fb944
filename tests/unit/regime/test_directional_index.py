"""Wilder's ADX against TA-Lib and reference numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.regime import AverageDirectionalIndex


def path(bars: np.ndarray, length: int) -> list[float | None]:
    index = AverageDirectionalIndex(length)
    out = []
    for high, low, close in bars.tolist():
        state = json.loads(json.dumps(index.state()))
        index = AverageDirectionalIndex(length)
        index.load(state)
        index.update(high, low, close)
        out.append(index.value)
    return out


def test_reference_numbers() -> None:
    t = np.arange(60.0)
    close = 100 + 3 * np.sin(t / 5) + 0.1 * t
    bars = np.column_stack([close + 1 + 0.2 * np.cos(t), close - 1 - 0.1 * np.sin(t), close])
    found = path(bars, 14)
    assert found[:27] == [None] * 27
    assert found[27] == pytest.approx(15.746872, abs=5e-7)
    assert found[59] == pytest.approx(25.789067, abs=5e-7)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(2, 120),
    length=st.integers(2, 20),
    coarse=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_equals_talib(seed: int, count: int, length: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 1, count))
    high, low = close + rng.exponential(0.7, count), close - rng.exponential(0.7, count)
    bars = np.column_stack([high, low, close])
    if coarse:  # Whole prices: ties of the two movements, bars without any.
        bars = np.round(bars / 2)
    want = talib.ADX(*bars.T.copy(), timeperiod=length)
    found = [math.nan if value is None else value for value in path(bars, length)]
    assert found == pytest.approx(want.tolist(), abs=1e-9, nan_ok=True)


def test_one_way_is_a_hundred_and_no_movement_nothing() -> None:
    rising = np.column_stack([np.arange(40) + 2.0, np.arange(40) + 1.0, np.arange(40) + 1.5])
    assert path(rising, 14)[-1] == pytest.approx(100, abs=1e-9)
    assert path(1000 - rising[:, [1, 0, 2]], 14)[-1] == pytest.approx(100, abs=1e-9)
    flat = np.full((40, 3), 7.0)
    assert path(flat, 14)[-1] == 0.0
    # Movement that ended leaves its DX where it was.
    assert path(np.vstack([rising, np.full((20, 3), 40.5)]), 14)[-1] == pytest.approx(100, abs=1e-9)


def test_wilders_own_length_is_the_default() -> None:
    index = AverageDirectionalIndex()
    for k in range(28):
        assert index.value is None
        index.update(k + 1.0, k - 1.0, float(k))
    assert index.value is not None


def test_reset_is_as_new() -> None:
    index = AverageDirectionalIndex(3)
    for k in range(10):
        index.update(k + 1.0, k - 1.0, float(k))
    index.reset()
    assert index.value is None
    assert index.state() == AverageDirectionalIndex(3).state()
