"""The universe's volatility by rank, on the equity scale."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from aurora.errors import DataError
from aurora.regime import VolatilityIndex, VolatilityIndexSettings, level_of

STEP = 15 * 60_000_000_000
SETTINGS = VolatilityIndexSettings()


@pytest.mark.parametrize(
    ("percentile", "level"),
    [
        (0.0, 9.0),
        (0.175, 12.0),
        (0.35, 15.0),
        (0.625, 22.5),
        (0.90, 30.0),
        (0.925, 32.5),
        (0.95, 35.0),
        (0.975, 57.5),
        (1.0, 80.0),
        (1.1, 80.0),
    ],
)
def test_anchors(percentile: float, level: float) -> None:
    assert level_of(percentile, SETTINGS) == pytest.approx(level, abs=1e-12)


@given(low=st.floats(0, 1), high=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_levels_rise_with_the_percentile(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert level_of(low, SETTINGS) <= level_of(high, SETTINGS)


def small(**changed: Any) -> VolatilityIndexSettings:
    return VolatilityIndexSettings(**{"history": 40, "minimum_history": 10, **changed})


@given(
    values=st.lists(st.integers(0, 8), min_size=11, max_size=90),
    history=st.integers(10, 50),
)
@settings(max_examples=100, deadline=None)
def test_rank_among_the_samples_before(values: list[int], history: int) -> None:
    made = small(history=history, minimum_history=10)
    index = VolatilityIndex(made)
    for k, value in enumerate(values):
        level = index.update(k * STEP, {"a": value / 100})
        before = values[max(0, k - history) : k]
        if len(before) < 10:
            assert level is None
        else:
            rank = stats.percentileofscore(before, value, kind="mean") / 100
            assert level == pytest.approx(level_of(rank, made), abs=1e-9)


def test_median_of_the_instruments_that_have_one() -> None:
    made = small(minimum_instruments=2)
    index = VolatilityIndex(made)
    for k in range(20):
        index.update(k * STEP, {"a": k / 100, "b": k / 100, "c": None})
    now = 20 * STEP
    # Of 20 samples 0 to 19 %, half a rank for the equal one.
    assert index.update(now, {"a": 0.0, "b": 0.10, "c": 0.9}) == pytest.approx(level_of(10.5 / 20, made))
    assert index.update(now, {"a": 0.08, "b": 0.12, "c": None}) == pytest.approx(
        level_of(11 / 21, made), rel=0.02
    )
    assert index.update(now, {"a": 0.10, "b": None}) is None
    assert index.update(now, {}) is None


def test_one_sample_in_a_step_whatever_the_calls() -> None:
    often, seldom = VolatilityIndex(small()), VolatilityIndex(small())
    for k in range(30):
        value = (k * 7 % 11) / 100
        level = seldom.update(k * STEP, {"a": value})
        assert often.update(k * STEP, {"a": value}) == level
        for part in (1, 2):
            often.update(k * STEP + part * STEP // 3, {"a": 0.5})
    later = seldom.state()
    assert often.state()["history"] == later["history"]
    assert len(later["history"]) == 30


@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf])
def test_bad_volatilities_are_refused(bad: float) -> None:
    index = VolatilityIndex(small())
    index.update(5, {"a": 0.0})
    before = index.state()
    with pytest.raises(DataError, match="volatility of b"):
        index.update(6, {"a": 0.1, "b": bad})
    with pytest.raises(DataError, match="run back"):
        index.update(4, {"a": 0.1})
    assert index.state() == before
    index.update(5, {"a": 0.0})


@pytest.mark.parametrize(
    "bad",
    [
        {"low_level": 30},
        {"high_level": 35},
        {"halt_level": 80},
        {"floor_level": 15},
        {"low_percentile": 0.9},
        {"high_percentile": 0.95},
        {"halt_percentile": 1.0},
        {"minimum_history": 8_641},
        {"step_minutes": 0},
        {"minimum_instruments": 0},
    ],
)
def test_bad_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VolatilityIndexSettings(**bad)
    VolatilityIndexSettings(minimum_history=8_640)


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 80))
@settings(max_examples=40, deadline=None)
def test_state_survives_and_the_future_does_not_matter(seed: int, cut: int) -> None:
    values = np.random.default_rng(seed).exponential(0.03, 80).round(3).tolist()
    whole, first, second, changed = (VolatilityIndex(small()) for _ in range(4))
    want = [whole.update(k * STEP, {"a": value}) for k, value in enumerate(values)]
    found = [first.update(k * STEP, {"a": value}) for k, value in enumerate(values[:cut])]
    second.load(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    found += [second.update(k * STEP, {"a": value}) for k, value in enumerate(values) if k >= cut]
    assert found == want
    mixed = values[:cut] + [9.0] * (80 - cut)
    assert [changed.update(k * STEP, {"a": value}) for k, value in enumerate(mixed)][:cut] == want[:cut]
