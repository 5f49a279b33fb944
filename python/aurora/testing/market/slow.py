"""Slow plants: what engines on daily bars, funding and the state of the whole market are to find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aurora.testing.market.latent import ramp
from aurora.testing.market.schedules import Grid
from aurora.testing.market.units import PER_BPS, Ints
from aurora.testing.settings import generator

__all__ = ["DAY_MS", "SlowKind", "SlowPlant", "SlowSpell", "quality_of", "rank_weights", "slow_spells"]

SlowKind = Literal[
    "cross_sectional_momentum",
    "time_series_momentum",
    "cross_sectional_reversion",
    "quality",
    "carry",
    "trend",
    "macro",
]

DAY_MS = 86_400_000

_SPELL_DAYS: dict[str, float] = {
    "cross_sectional_momentum": 90.0,
    "time_series_momentum": 120.0,
    "cross_sectional_reversion": 5.0,
    "quality": 1e9,
    "carry": 20.0,
    "trend": 300.0,
    "macro": 25.0,
}


class SlowPlant(BaseModel):
    """A pattern of days: what a position on the right side earns in ``horizon_days`` is ``edge_bps``.

    =========================  =======================================================================================
    cross_sectional_momentum   every spell ranks the symbols; they drift by their rank, from -edge to +edge
    time_series_momentum       every symbol drifts up or down for spells of its own
    cross_sectional_reversion  for a spell ranks push the symbols apart by the edge; over the horizon it comes back
    quality                    liquid, old symbols of steady funding drift up, the opposite down, all the time
    carry                      funding pays one side for spells of each symbol; prices do not drift
    trend                      as time_series_momentum, for spells long enough to order averages of 200 days
    macro                      spells of the whole market: calm (volatility index low, bitcoin's share falls, shorts
                               pay) with all but bitcoin drifting up, and stress with everything the opposite
    =========================  =======================================================================================
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: SlowKind
    edge_bps: float = Field(gt=0, le=5_000)
    horizon_days: float = Field(1.0, gt=0, le=365)
    spell_days: float | None = Field(None, gt=0, description="Mean length of a spell; None: the pattern's")

    @property
    def mean_spell_days(self) -> float:
        return self.spell_days if self.spell_days is not None else _SPELL_DAYS[self.kind]


@dataclass(frozen=True, slots=True)
class SlowSpell:
    """From ``known`` to ``end`` a position on ``side`` earns ``edge_bps_per_day``, by price or by funding."""

    plant: str
    symbol: str
    start: int
    known: int
    end: int
    side: int
    edge_bps_per_day: float


def rank_weights(count: int, rng: np.random.Generator) -> list[float]:
    """Weights from -1 to 1, evenly spread, in drawn order."""
    spread = [0.0] if count < 2 else [2.0 * n / (count - 1) - 1.0 for n in range(count)]
    return [spread[place] for place in rng.permutation(count).tolist()]


def quality_of(symbols: Sequence[str], seed: int) -> dict[str, float]:
    """Quality from -1 to 1 of each symbol."""
    return dict(zip(symbols, rank_weights(len(symbols), generator(seed, "slow", "quality")), strict=True))


def slow_spells(
    plants: Sequence[SlowPlant], symbols: Sequence[str], seed: int, grid: Grid
) -> list[SlowSpell]:
    """All spells of all plants, by their beginning."""
    found: list[SlowSpell] = []
    for plant in plants:
        found += _of(plant, symbols, seed, grid)
    return sorted(found, key=lambda spell: (spell.start, spell.symbol, spell.plant))


def drift_of(spells: Sequence[SlowSpell], symbol: str, grid: Grid) -> Ints:
    """The part of the log price that the plants make."""
    moves = np.zeros(grid.steps, np.int64)
    for spell in spells:
        if spell.symbol != symbol or spell.plant == "carry":
            continue
        days = (spell.end - spell.known) * grid.step_ms / DAY_MS
        size = round(spell.side * spell.edge_bps_per_day * days * PER_BPS)
        if spell.known > spell.start:
            ramp(moves, spell.start, spell.known, -size)
        ramp(moves, spell.known, spell.end, size)
    return np.asarray(np.cumsum(moves))


def _lengths(rng: np.random.Generator, mean_days: float, grid: Grid) -> Iterator[tuple[int, int]]:
    start = 0
    while start < grid.steps:
        days = mean_days * (0.5 + float(rng.random()))
        end = start + max(round(days * DAY_MS / grid.step_ms), 1)
        yield start, min(end, grid.steps)
        start = end


def _of(plant: SlowPlant, symbols: Sequence[str], seed: int, grid: Grid) -> Iterator[SlowSpell]:
    daily = plant.edge_bps / plant.horizon_days
    rng = generator(seed, "slow", plant.kind)
    kind = plant.kind
    if kind == "quality":
        for symbol, weight in quality_of(symbols, seed).items():
            yield _spell(kind, symbol, 0, 0, grid.steps, weight, daily)
    elif kind == "cross_sectional_momentum":
        for start, end in _lengths(rng, plant.mean_spell_days, grid):
            for symbol, weight in zip(symbols, rank_weights(len(symbols), rng), strict=True):
                yield _spell(kind, symbol, start, start, end, weight, daily)
    elif kind == "cross_sectional_reversion":
        push = max(round(plant.mean_spell_days * DAY_MS / grid.step_ms), 1)
        back = max(round(plant.horizon_days * DAY_MS / grid.step_ms), 1)
        for start in range(0, grid.steps - push - back, push + back):
            for symbol, weight in zip(symbols, rank_weights(len(symbols), rng), strict=True):
                yield _spell(kind, symbol, start, start + push, start + push + back, weight, daily)
    elif kind == "macro":
        sign = 1 if rng.random() < 0.5 else -1
        for start, end in _lengths(rng, plant.mean_spell_days, grid):
            for symbol in symbols:
                if not symbol.startswith("BTC"):
                    yield SlowSpell(kind, symbol, start, start, end, sign, daily)
            sign = -sign
    else:
        for symbol in symbols:
            own = generator(seed, "slow", kind, symbol)
            for start, end in _lengths(own, plant.mean_spell_days, grid):
                sign = 1 if own.random() < 0.5 else -1
                yield SlowSpell(kind, symbol, start, start, end, sign, daily)


def _spell(
    kind: str, symbol: str, start: int, known: int, end: int, weight: float, daily: float
) -> SlowSpell:
    side = (weight > 0) - (weight < 0)
    return SlowSpell(kind, symbol, start, known, end, side, round(abs(weight) * daily, 6))
