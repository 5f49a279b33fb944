"""Regimes at the exact boundary of each threshold, their order, hysteresis, confirmation and dwell."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError
from aurora.regime import (
    ClassifierSettings,
    MarketState,
    Regime,
    RegimeClassifier,
    ScalerSettings,
    classify,
    is_regime,
    regime_scaler,
)

MINUTE = 60_000_000_000
SETTINGS = ClassifierSettings()
# No regime's condition holds.
QUIET = MarketState(volume_ratio=1.0, spread_bps=5.0, volatility=0.02, change=0.01, directional_index=22.0)
FALLING = replace(QUIET, volatility=0.08, change=-0.06, volume_ratio=3.0)
TRENDING = replace(QUIET, directional_index=40.0)
RANGING = replace(QUIET, directional_index=12.0)
UP, DOWN = math.inf, -math.inf


def after(value: float, towards: float) -> float:
    return math.nextafter(value, towards)


@pytest.mark.parametrize(
    ("changed", "want"),
    [
        ({}, Regime.NEUTRAL),
        # Illiquid: volume < 30 % of the usual, or spread > 50 bps.
        ({"volume_ratio": 0.30}, Regime.NEUTRAL),
        ({"volume_ratio": after(0.30, DOWN)}, Regime.ILLIQUID),
        ({"volume_ratio": 0.0}, Regime.ILLIQUID),
        ({"spread_bps": 50.0}, Regime.NEUTRAL),
        ({"spread_bps": after(50.0, UP)}, Regime.ILLIQUID),
        # Panic: volatility > 5 %, falling, high volume.
        ({"volatility": after(0.05, UP), "change": -1e-9, "volume_ratio": after(1.5, UP)}, Regime.PANIC),
        ({"volatility": 0.05, "change": -1e-9, "volume_ratio": 2.0}, Regime.NEUTRAL),
        ({"volatility": 0.08, "change": 0.0, "volume_ratio": 2.0}, Regime.NEUTRAL),
        ({"volatility": 0.08, "change": 0.05, "volume_ratio": 2.0}, Regime.NEUTRAL),
        ({"volatility": 0.08, "change": -0.05, "volume_ratio": 1.5}, Regime.NEUTRAL),
        # Trend: ADX > 25.
        ({"directional_index": 25.0}, Regime.NEUTRAL),
        ({"directional_index": after(25.0, UP)}, Regime.TREND),
        # Range: ADX < 20, volatility 1 to 4 %, both ends in it.
        ({"directional_index": 20.0}, Regime.NEUTRAL),
        ({"directional_index": after(20.0, DOWN)}, Regime.RANGE),
        ({"directional_index": 15.0, "volatility": 0.01}, Regime.RANGE),
        ({"directional_index": 15.0, "volatility": after(0.01, DOWN)}, Regime.NEUTRAL),
        ({"directional_index": 15.0, "volatility": 0.04}, Regime.RANGE),
        ({"directional_index": 15.0, "volatility": after(0.04, UP)}, Regime.NEUTRAL),
    ],
)
def test_boundaries(changed: dict[str, float], want: Regime) -> None:
    assert classify(replace(QUIET, **changed), SETTINGS) is want


def test_priority() -> None:
    everything = MarketState(0.1, 80.0, 0.09, -0.1, 50.0)
    assert classify(everything, SETTINGS) is Regime.ILLIQUID
    panic = replace(everything, volume_ratio=2.0, spread_bps=10.0)
    assert classify(panic, SETTINGS) is Regime.PANIC
    assert classify(replace(panic, change=0.1), SETTINGS) is Regime.TREND
    assert [regime.value for regime in Regime] == ["illiquid", "panic", "trend", "range", "neutral"]


@pytest.mark.parametrize("name", MarketState.__slots__)
def test_a_condition_on_what_is_undefined_does_not_hold(name: str) -> None:
    held = {
        "volume_ratio": (FALLING, Regime.NEUTRAL),
        "spread_bps": (replace(QUIET, spread_bps=90.0), Regime.NEUTRAL),
        "volatility": (RANGING, Regime.NEUTRAL),
        "change": (FALLING, Regime.NEUTRAL),
        "directional_index": (TRENDING, Regime.NEUTRAL),
    }
    state, want = held[name]
    assert classify(state, SETTINGS) is not want
    without = replace(state, **{name: None})
    assert classify(without, SETTINGS) is want
    assert without.missing == (name,)
    # The other half of illiquid still counts.
    assert classify(MarketState(spread_bps=51.0), SETTINGS) is Regime.ILLIQUID
    assert classify(MarketState(volume_ratio=0.1), SETTINGS) is Regime.ILLIQUID
    assert classify(MarketState(), SETTINGS) is Regime.NEUTRAL


@pytest.mark.parametrize("name", MarketState.__slots__)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(name: str, bad: float) -> None:
    with pytest.raises(DataError, match=name):
        replace(QUIET, **{name: bad})


@pytest.mark.parametrize(
    ("regime", "state", "holds", "leaves"),
    [
        (Regime.ILLIQUID, QUIET, {"volume_ratio": 0.329}, {"volume_ratio": 0.331}),
        (Regime.ILLIQUID, QUIET, {"spread_bps": 45.1}, {"spread_bps": 44.9}),
        (Regime.PANIC, FALLING, {"volatility": 0.0451}, {"volatility": 0.0449}),
        (Regime.PANIC, FALLING, {"volume_ratio": 1.351}, {"volume_ratio": 1.349}),
        (Regime.PANIC, FALLING, {"change": -1e-9}, {"change": 0.0}),
        (Regime.TREND, TRENDING, {"directional_index": 22.6}, {"directional_index": 22.4}),
        (Regime.RANGE, RANGING, {"directional_index": 21.9}, {"directional_index": 22.1}),
        (Regime.RANGE, RANGING, {"volatility": 0.0091}, {"volatility": 0.0089}),
        (Regime.RANGE, RANGING, {"volatility": 0.0439}, {"volatility": 0.0441}),
    ],
)
def test_a_regime_holds_until_missed_by_a_tenth(
    regime: Regime, state: MarketState, holds: dict[str, float], leaves: dict[str, float]
) -> None:
    assert classify(replace(state, **holds), SETTINGS, regime) is regime
    assert classify(replace(state, **leaves), SETTINGS, regime) is Regime.NEUTRAL
    # Only the regime that is held is helped; without hysteresis none is.
    if "change" not in holds:
        assert classify(replace(state, **holds), SETTINGS, Regime.NEUTRAL) is Regime.NEUTRAL
        bare = ClassifierSettings(hysteresis=0)
        assert classify(replace(state, **holds), bare, regime) is Regime.NEUTRAL


def test_a_higher_regime_takes_over_whatever_is_held() -> None:
    assert classify(replace(RANGING, directional_index=25.5), SETTINGS, Regime.RANGE) is Regime.TREND
    assert classify(replace(FALLING, directional_index=40.0), SETTINGS, Regime.TREND) is Regime.PANIC
    assert is_regime(Regime.NEUTRAL, QUIET, SETTINGS, 0.0)


def test_scalers() -> None:
    found = {regime: regime_scaler(regime, ScalerSettings()) for regime in Regime}
    assert found == {
        Regime.TREND: 1.0,
        Regime.RANGE: 0.75,
        Regime.NEUTRAL: 0.5,
        Regime.PANIC: 0.0,
        Regime.ILLIQUID: 0.0,
    }
    for name in ("trend", "range", "neutral", "panic", "illiquid"):
        for bad in (-0.01, 1.01, math.nan):
            with pytest.raises(ValidationError):
                ScalerSettings(**{name: bad})
        assert getattr(ScalerSettings(**{name: 1.0}), name) == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"range_directional_index": 25.1},
        {"range_volatility_low": 0.041},
        {"panic_volume_ratio": 0.29},
        {"hysteresis": 1.0},
        {"hysteresis": -0.1},
        {"trend_directional_index": 101},
        {"confirmation_minutes": -1},
        {"dwell_minutes": -1},
        {"protective_minutes": -1},
        {"illiquid_spread_bps": math.inf},
        {"illiquid_spread": 50},
    ],
)
def test_bad_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ClassifierSettings(**bad)  # type: ignore[arg-type]


def test_all_errors_of_settings_come_at_once() -> None:
    with pytest.raises(ValidationError) as error:
        ClassifierSettings(range_directional_index=30, range_volatility_low=0.05, panic_volume_ratio=0.1)
    for name in ("range_directional_index", "range_volatility_low", "panic_volume_ratio"):
        assert name in str(error.value)
    ClassifierSettings(range_directional_index=25, range_volatility_low=0.04, panic_volume_ratio=0.3)


# --- time -----------------------------------------------------------------------------------------------------------


def run(
    classifier: RegimeClassifier, steps: list[tuple[float, MarketState]]
) -> list[tuple[Regime, float, Regime]]:
    """Regime, begin in minutes and candidate after each (minute, state)."""
    out = []
    for minute, state in steps:
        reading = classifier.update(round(minute * MINUTE), state)
        assert reading.now_ns == round(minute * MINUTE)
        out.append((reading.regime, reading.since_ns / MINUTE, reading.candidate))
    return out


def test_the_first_reading_decides_at_once() -> None:
    assert run(RegimeClassifier(SETTINGS), [(7, TRENDING)]) == [(Regime.TREND, 7, Regime.TREND)]


def test_another_regime_must_be_confirmed_and_the_present_one_dwell() -> None:
    steps = [(0, RANGING), (50, TRENDING), (79, TRENDING), (79.9, TRENDING), (80, TRENDING)]
    assert run(RegimeClassifier(SETTINGS), steps) == [
        (Regime.RANGE, 0, Regime.RANGE),
        (Regime.RANGE, 0, Regime.TREND),
        (Regime.RANGE, 0, Regime.TREND),
        (Regime.RANGE, 0, Regime.TREND),
        (Regime.TREND, 80, Regime.TREND),
    ]
    # Confirmed after 30 minutes, but the range has not yet lasted 60.
    steps = [(0, RANGING), (5, TRENDING), (35, TRENDING), (59.9, TRENDING), (60, TRENDING)]
    found = run(RegimeClassifier(SETTINGS), steps)
    assert [regime for regime, _, _ in found] == [Regime.RANGE] * 4 + [Regime.TREND]
    # The dwell counts from when the regime began, not from the first reading.
    steps = [(0, RANGING), (60, TRENDING), (90, TRENDING), (100, RANGING), (149, RANGING), (150, RANGING)]
    found = run(RegimeClassifier(SETTINGS), steps)
    assert [regime for regime, _, _ in found] == [Regime.RANGE] * 2 + [Regime.TREND] * 3 + [Regime.RANGE]


def test_a_candidate_that_goes_away_begins_anew() -> None:
    steps = [(0, RANGING), (70, TRENDING), (90, RANGING), (95, TRENDING), (124, TRENDING), (125, TRENDING)]
    found = run(RegimeClassifier(SETTINGS), steps)
    assert [regime for regime, _, _ in found] == [Regime.RANGE] * 5 + [Regime.TREND]
    # So does one that another replaces.
    wild = replace(QUIET, volatility=0.06)
    steps = [(0, RANGING), (70, TRENDING), (90, wild), (100, TRENDING), (129, TRENDING), (130, TRENDING)]
    found = run(RegimeClassifier(SETTINGS), steps)
    assert [candidate for _, _, candidate in found][2] is Regime.NEUTRAL
    assert [regime for regime, _, _ in found] == [Regime.RANGE] * 5 + [Regime.TREND]


@pytest.mark.parametrize(
    ("state", "regime"), [(FALLING, Regime.PANIC), (replace(QUIET, spread_bps=90.0), Regime.ILLIQUID)]
)
def test_protection_does_not_wait_but_its_end_does(state: MarketState, regime: Regime) -> None:
    steps = [(0, QUIET), (1, state), (2, QUIET), (31, QUIET), (60.9, QUIET), (61, QUIET)]
    found = run(RegimeClassifier(SETTINGS), steps)
    assert [r for r, _, _ in found] == [Regime.NEUTRAL, *[regime] * 4, Regime.NEUTRAL]
    patient = ClassifierSettings(protective_minutes=5)
    steps = [(0, QUIET), (1, state), (5.9, state), (6, state)]
    assert [r for r, _, _ in run(RegimeClassifier(patient), steps)] == [Regime.NEUTRAL] * 3 + [regime]


def test_without_delays_it_is_the_rule_of_the_moment() -> None:
    bare = ClassifierSettings(hysteresis=0, confirmation_minutes=0, dwell_minutes=0)
    states = [QUIET, TRENDING, RANGING, FALLING, TRENDING, QUIET]
    found = run(RegimeClassifier(bare), [(k, state) for k, state in enumerate(states)])
    assert [r for r, _, _ in found] == [classify(state, bare) for state in states]


def test_time_cannot_run_back() -> None:
    classifier = RegimeClassifier(SETTINGS)
    classifier.update(10, QUIET)
    classifier.update(10, QUIET)
    with pytest.raises(DataError, match="run back"):
        classifier.update(9, QUIET)


def random_states(seed: int, count: int) -> list[MarketState]:
    rng = np.random.default_rng(seed)
    walk = [float(v) for v in np.clip(22 + np.cumsum(rng.normal(0, 3, count)), 0, 100)]
    return [
        MarketState(
            None if rng.random() < 0.05 else float(rng.exponential(1.5)),
            float(rng.exponential(15)),
            float(rng.exponential(0.03)),
            float(rng.normal(0, 0.03)),
            adx,
        )
        for adx in walk
    ]


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 60), bump=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_state_survives_and_the_future_does_not_matter(seed: int, cut: int, bump: int) -> None:
    states, other = random_states(seed, 60), random_states(seed + bump, 60)
    whole = RegimeClassifier(SETTINGS)
    want = [whole.update(k * 15 * MINUTE, state) for k, state in enumerate(states)]
    first, changed = RegimeClassifier(SETTINGS), RegimeClassifier(SETTINGS)
    found = [first.update(k * 15 * MINUTE, state) for k, state in enumerate(states[:cut])]
    second = RegimeClassifier(SETTINGS)
    second.load(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    found += [second.update(k * 15 * MINUTE, state) for k, state in enumerate(states) if k >= cut]
    assert found == want
    mixed = [*states[:cut], *other[cut:]]
    assert [changed.update(k * 15 * MINUTE, s) for k, s in enumerate(mixed)][:cut] == want[:cut]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_regime_but_protection_ends_before_its_dwell(seed: int) -> None:
    classifier = RegimeClassifier(SETTINGS)
    before: Any = None
    for k, state in enumerate(random_states(seed, 120)):
        reading = classifier.update(k * 5 * MINUTE, state)
        if before is not None and reading.regime is not before.regime:
            assert reading.regime is reading.candidate
            assert reading.since_ns == reading.now_ns
            if reading.regime not in (Regime.PANIC, Regime.ILLIQUID):
                assert reading.now_ns - before.since_ns >= 60 * MINUTE
        before = reading
