"""Measures from bars: realised volatility, move, usual volume, ADX; holes, staleness, state, look-ahead."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError
from aurora.regime import MarketState, MarketStateSettings, MarketStateTracker, RegimeBar

BAR = 15 * 60_000_000_000
DAY = 96 * BAR


def bars(count: int, seed: int = 1, begin: int = 1000) -> list[RegimeBar]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    high, low = close * (1 + rng.exponential(0.001, count)), close * (1 - rng.exponential(0.001, count))
    volume = rng.exponential(50, count)
    columns = zip(high.tolist(), low.tolist(), close.tolist(), volume.tolist(), strict=True)
    return [RegimeBar((begin + k) * BAR, *row) for k, row in enumerate(columns)]


def after(given_bars: list[RegimeBar], made: MarketStateSettings | None = None) -> MarketState:
    tracker = MarketStateTracker(made or MarketStateSettings())
    for bar in given_bars:
        tracker.bar(bar)
    return tracker.measured(given_bars[-1].end_ns, 3.0)


def test_measures_against_numpy_and_talib() -> None:
    series = bars(900)
    state = after(series)
    close = np.array([bar.close for bar in series])
    returns = np.diff(np.log(close))[-96:]
    assert state.volatility == pytest.approx(math.sqrt((returns**2).sum()), rel=1e-12)
    assert state.change == pytest.approx(math.log(close[-1] / close[-97]), rel=1e-9)
    high, low = (np.array([getattr(bar, name) for bar in series]) for name in ("high", "low"))
    assert state.directional_index == pytest.approx(talib.ADX(high, low, close)[-1], abs=1e-9)
    volume = np.array([bar.volume for bar in series])
    hours = [volume[-4 - 96 * d : len(volume) - 96 * d].sum() for d in range(1, 8)]
    assert state.volume_ratio == pytest.approx(volume[-4:].sum() / np.median(hours), rel=1e-12)
    assert state.spread_bps == 3.0
    assert state.missing == ()


def test_realised_volatility_reference_number() -> None:
    # quant.md, section 1: r = (.001, -.002, .0015, .0005, -.001) has RV 8.5e-6.
    close = 100 * np.exp(np.cumsum([0, 0.001, -0.002, 0.0015, 0.0005, -0.001]))
    made = MarketStateSettings(bar_minutes=60, volatility_hours=5, volume_minutes=60)
    series = [RegimeBar(4 * k * BAR, c, c, c, 1.0) for k, c in enumerate(close.tolist())]
    assert after(series, made).volatility == pytest.approx(0.0029154759, abs=1e-10)
    assert after(series[:5], made).volatility is None


def test_each_measure_waits_for_its_bars() -> None:
    series = bars(200)
    tracker = MarketStateTracker(MarketStateSettings())
    first: dict[str, int] = {}
    for k, bar in enumerate(series, start=1):
        tracker.bar(bar)
        state = tracker.measured(bar.end_ns, 1.0)
        for name in set(MarketState.__slots__) - set(state.missing):
            first.setdefault(name, k)
    assert first == {
        "spread_bps": 1,
        "directional_index": 28,
        "volatility": 97,
        "change": 97,
        "volume_ratio": 100,  # the hour of bars 97 to 100 is the first with one a day before
    }


def test_the_usual_volume_is_the_median_of_the_same_hour() -> None:
    series = bars(8 * 96)
    flat = [replace(bar, volume=10.0) for bar in series]
    quiet = [*flat[:-4], *(replace(bar, volume=2.5) for bar in flat[-4:])]
    assert after(flat).volume_ratio == 1.0
    assert after(quiet).volume_ratio == 0.25
    # One wild day of seven does not move the median; a rhythm within the day is no illiquidity.
    wild = [replace(bar, volume=1e6) if 96 <= k < 192 else bar for k, bar in enumerate(flat)]
    assert after(wild).volume_ratio == 1.0
    rhythm = [replace(bar, volume=100.0 if k % 96 < 48 else 1.0) for k, bar in enumerate(series)]
    assert after(rhythm).volume_ratio == 1.0
    # Two days: their mean. No usual volume, no ratio.
    two = [replace(bar, volume=1.0 + k // 96) for k, bar in enumerate(series[: 3 * 96])]
    assert after(two).volume_ratio == 3.0 / 1.5
    dead = [replace(bar, volume=0.0) for bar in series]
    assert after(dead).volume_ratio is None
    # What lies more than usual_days back is forgotten.
    made = MarketStateSettings(usual_days=1)
    assert after([*two[:192], *flat[192:288]], made).volume_ratio == 5.0


def test_a_hole_begins_anew_but_keeps_the_usual_volume() -> None:
    series = bars(400)
    holed = series[:200] + series[201:]
    tracker = MarketStateTracker(MarketStateSettings())
    for bar in holed[:201]:
        tracker.bar(bar)
    state = tracker.measured(holed[200].end_ns, 1.0)
    assert set(state.missing) == {"volume_ratio", "volatility", "change", "directional_index"}
    for bar in holed[201:204]:
        tracker.bar(bar)
    assert tracker.measured(holed[203].end_ns, 1.0).missing == ("volatility", "change", "directional_index")
    for bar in holed[204:]:
        tracker.bar(bar)
    fresh = after(series[201:])
    state = tracker.measured(series[-1].end_ns, 3.0)
    assert replace(state, volume_ratio=None) == replace(fresh, volume_ratio=None)


def test_a_state_goes_stale_and_never_looks_ahead() -> None:
    series = bars(150)
    tracker = MarketStateTracker(MarketStateSettings())
    for bar in series:
        tracker.bar(bar)
    end = series[-1].end_ns
    assert tracker.measured(end + 2 * BAR - 1, 1.0).missing == ()
    assert tracker.measured(end + 2 * BAR, 1.0) == MarketState(spread_bps=1.0)
    with pytest.raises(DataError, match="look ahead"):
        tracker.measured(end - 1, 1.0)
    assert MarketStateTracker(MarketStateSettings()).measured(0, None) == MarketState()
    with pytest.raises(DataError):
        tracker.measured(end, math.nan)


@pytest.mark.parametrize(
    "bad",
    [
        {"end_ns": 1010 * BAR},
        {"end_ns": 1009 * BAR},
        {"end_ns": 1011 * BAR + 1},
        {"close": math.nan},
        {"close": math.inf},
        {"high": math.inf},
        {"low": 0.0},
        {"low": -1.0},
        {"low": 101.0},
        {"high": 99.0},
        {"volume": -1.0},
        {"volume": math.nan},
        {"volume": math.inf},
    ],
)
def test_bars_that_cannot_be_are_refused(bad: dict[str, float]) -> None:
    tracker = MarketStateTracker(MarketStateSettings())
    for bar in bars(11):
        tracker.bar(bar)
    before = tracker.state()
    good = RegimeBar(1011 * BAR, 100.0, 100.0, 100.0, 0.0)
    with pytest.raises(DataError):
        tracker.bar(replace(good, **bad))  # type: ignore[arg-type]
    assert tracker.state() == before
    tracker.bar(good)


@pytest.mark.parametrize(
    "bad",
    [
        {"bar_minutes": 7},
        {"bar_minutes": 0},
        {"bar_minutes": 45, "volume_minutes": 45, "volatility_hours": 1},
        {"volume_minutes": 50},
        {"usual_days": 0},
        {"directional_index_length": 1},
    ],
)
def test_bad_settings_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        MarketStateSettings(**bad)


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 260), hole=st.integers(1, 250))
@settings(max_examples=25, deadline=None)
def test_state_survives_and_the_future_does_not_matter(seed: int, cut: int, hole: int) -> None:
    series = bars(260, seed)
    del series[hole]
    made = MarketStateSettings(usual_days=2)
    whole, first, second = (MarketStateTracker(made) for _ in range(3))
    want, found = [], []
    for bar in series:
        whole.bar(bar)
        want.append(whole.measured(bar.end_ns, 1.0))
    for bar in series[:cut]:
        first.bar(bar)
        found.append(first.measured(bar.end_ns, 1.0))
    second.load(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    for bar in series[cut:]:
        second.bar(bar)
        found.append(second.measured(bar.end_ns, 1.0))
    assert found == want
    changed = MarketStateTracker(made)
    mixed = []
    for bar in [*series[:cut], *(replace(b, volume=b.volume * 3) for b in series[cut:])]:
        changed.bar(bar)
        mixed.append(changed.measured(bar.end_ns, 1.0))
    assert mixed[:cut] == want[:cut]


def test_memory_is_bounded() -> None:
    tracker = MarketStateTracker(MarketStateSettings(usual_days=1))
    sizes = []
    for bar in bars(600):
        tracker.bar(bar)
        sizes.append(len(json.dumps(tracker.state())))
    assert max(sizes[300:]) < 1.05 * sizes[250]
