"""Labelled synthetic markets through bars, measures and classifier: confusion matrix, delay, false alarms."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from aurora.regime import (
    ClassifierSettings,
    MarketStateSettings,
    MarketStateTracker,
    Regime,
    RegimeBar,
    RegimeClassifier,
)

BAR = 15 * 60_000_000_000
FINE = 30
"""Steps within a bar, from which its high and low come."""
SPELL = 192
"""Bars of a planted regime: two days."""
SETTLING = 104
"""Bars after which every measure has forgotten the regime before: 96 of volatility, 4 of volume, 4 of confirmation and
dwell. ADX(14) forgets all but exp(-104 / 14) in them."""


@dataclass(frozen=True)
class Plant:
    daily_volatility: float
    drift: float
    """Per bar, in standard deviations of a bar."""
    volume: float
    spread_bps: float
    reversion: float = 0.0
    """Share of the distance from the level of the spell's begin that a step takes back."""


# Far inside each regime's region, so that a right classifier is right but for the noise of its estimates.
PLANTS = {
    Regime.TREND: Plant(0.02, 0.6, 100, 4),
    Regime.RANGE: Plant(0.02, 0.0, 100, 4, reversion=0.02),
    Regime.PANIC: Plant(0.09, -0.15, 400, 12),
    Regime.ILLIQUID: Plant(0.02, 0.0, 12, 80),
}


def spell(regime: Regime, rng: np.random.Generator, level: float) -> list[tuple[float, float, float, float]]:
    """High, low, close as logs, and volume, of each bar."""
    plant = PLANTS[regime]
    step = plant.daily_volatility / math.sqrt(96 * FINE)
    # The drift is part of the planted volatility's square, which is that of what remains.
    rows, price = [], level
    for _ in range(SPELL):
        prices = [price]
        for shock in rng.standard_normal(FINE):
            price += step * shock + plant.drift * step / math.sqrt(FINE) - plant.reversion * (price - level)
            prices.append(price)
        rows.append((max(prices), min(prices), price, plant.volume * rng.gamma(20, 1 / 20)))
    return rows


def classified(order: list[Regime], seed: int) -> tuple[list[Regime], list[Regime]]:
    """Labels and findings, bar by bar, after a week of range that teaches what volume is usual."""
    rng = np.random.default_rng(seed)
    tracker, classifier = MarketStateTracker(MarketStateSettings()), RegimeClassifier(ClassifierSettings())
    labels, found, level, k = [], [], math.log(100.0), 0
    for number, regime in enumerate([Regime.RANGE] * 4 + order):
        for high, low, close, volume in spell(regime, rng, level):
            k += 1
            tracker.bar(RegimeBar(k * BAR, math.exp(high), math.exp(low), math.exp(close), volume))
            state = tracker.measured(k * BAR, PLANTS[regime].spread_bps * rng.gamma(50, 1 / 50))
            reading = classifier.update(k * BAR, state)
            if number >= 4:
                labels.append(regime)
                found.append(reading.regime)
        level = close
    return labels, found


ORDER = [Regime.TREND, Regime.RANGE, Regime.PANIC, Regime.RANGE, Regime.ILLIQUID, Regime.RANGE]


@pytest.fixture(scope="module")
def markets() -> list[tuple[list[Regime], list[Regime]]]:
    return [classified(ORDER, seed) for seed in range(12)]


def settled(markets: list[tuple[list[Regime], list[Regime]]]) -> list[tuple[Regime, list[Regime]]]:
    """Label and findings of every spell, once the regime before is forgotten."""
    return [
        (label, found[number * SPELL + SETTLING : (number + 1) * SPELL])
        for _, found in markets
        for number, label in enumerate(ORDER)
    ]


def test_confusion_matrix(markets: list[tuple[list[Regime], list[Regime]]]) -> None:
    counts: Counter[tuple[Regime, Regime]] = Counter()
    for label, found in settled(markets):
        counts.update((label, regime) for regime in found)
    for label in PLANTS:
        row = {regime: counts[label, regime] for regime in Regime}
        # Bars of a spell depend on one another, spells do not: 12 or more of each. The plants lie several standard
        # errors of every measure inside their regions, so that one bar in twenty is far more than noise explains.
        assert row[label] >= 0.95 * sum(row.values()), f"{label}: {row}"
    # Protection is never called for in a calm market: 48 spells, four in five days of them.
    for label in (Regime.TREND, Regime.RANGE):
        assert counts[label, Regime.PANIC] == counts[label, Regime.ILLIQUID] == 0


def waits(markets: list[tuple[list[Regime], list[Regime]]], number: int) -> np.ndarray:
    """Bars from the begin of a spell until it was recognised, one per market."""
    out = []
    for _, found in markets:
        part = found[number * SPELL : (number + 1) * SPELL]
        assert ORDER[number] in part, "every planted regime is found"
        out.append(part.index(ORDER[number]))
    return np.array(out)


def test_delays(markets: list[tuple[list[Regime], list[Regime]]]) -> None:
    # A spread is seen at once.
    assert (waits(markets, 4) == 0).all()
    # 24 h volatility passes 5 % when a share f of its window has 9 % and the rest 2 %: f = 0.27, 26 bars. A sum of 26
    # squares has a relative standard error of sqrt(2 / 26) = 28 %: three of them.
    assert waits(markets, 2).max() <= 26 * (1 + 3 * math.sqrt(2 / 26))
    # ADX forgets as exp(-n / 14): three lengths to rise from any value to 25, confirmation included.
    assert waits(markets, 0).max() <= 3 * 14
    # After a panic the range waits until the share of 9 % in the window is below what makes 4 % (with hysteresis of
    # none, for it is entered): f = 0.16, 81 bars; at most when all of it is gone, and confirmed.
    assert waits(markets, 3).max() <= 96 + 2
    # After a trend of ADX 40 to 60, until it is below 20 both DX and its mean must have fallen: five lengths.
    assert waits(markets, 1).max() <= 5 * 14


def test_hysteresis_and_dwell_keep_it_from_flapping() -> None:
    """A random walk's ADX hovers about both thresholds: the bare rules change their mind all day."""
    bare_settings = ClassifierSettings(hysteresis=0, confirmation_minutes=0, dwell_minutes=0)
    stays: dict[str, list[int]] = {"held": [], "bare": []}
    since = {"held": 0, "bare": 0}
    bars = 96 * 20
    rng = np.random.default_rng(31)
    tracker = MarketStateTracker(MarketStateSettings())
    machines = {"held": RegimeClassifier(ClassifierSettings()), "bare": RegimeClassifier(bare_settings)}
    before: dict[str, Regime] = {}
    price, step = math.log(100.0), 0.02 / math.sqrt(96 * FINE)
    for k in range(1, bars + 1):
        prices = price + np.concatenate([[0.0], np.cumsum(rng.standard_normal(FINE) * step)])
        price = float(prices[-1])
        low, high = float(prices.min()), float(prices.max())
        tracker.bar(RegimeBar(k * BAR, math.exp(high), math.exp(low), math.exp(price), 100.0))
        for name, machine in machines.items():
            regime = machine.update(k * BAR, tracker.measured(k * BAR, 4.0)).regime
            if regime is not before.setdefault(name, regime):
                stays[name].append(k - since[name])
                since[name], before[name] = k, regime
    # The series tempts: bare, stays of less than an hour are common. Held, there is none, and there are significantly
    # fewer stays (two counts of Poisson kind, three standard errors of their difference).
    bare, held = np.array(stays["bare"]), np.array(stays["held"])
    assert (bare < 4).sum() > 20
    assert held.min() >= 4
    assert len(bare) - len(held) > 3 * math.sqrt(len(bare) + len(held))
