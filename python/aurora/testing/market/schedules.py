"""When things are: spells of regimes and links, and the episodes of patterns and flows. Whole steps of the grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aurora.testing.market.plants import LinkPlant, RegimePlant, RegimeShape
from aurora.testing.settings import generator

__all__ = ["Episode", "Grid", "Spell", "VolumeWindow", "link_spells", "recurring", "regime_spells"]


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps that latent prices live on; step 0 is the beginning."""

    step_ms: int
    steps: int
    """Values of a path; the last one lies at ``steps - 1``."""

    @property
    def step_ns(self) -> int:
        return self.step_ms * 1_000_000

    @property
    def step_s(self) -> float:
        return self.step_ms / 1000

    @property
    def length_ns(self) -> int:
        return self.steps * self.step_ns

    def step(self, seconds: float) -> int:
        """The nearest step."""
        return round(seconds * 1000 / self.step_ms)


@dataclass(frozen=True, slots=True)
class Spell:
    """A regime from one step to another, with the drift it has this time."""

    name: str
    start: int
    end: int
    drift_bps_per_hour: float
    shape: RegimeShape


@dataclass(frozen=True, slots=True)
class Episode:
    """One occurrence of a plant: from ``known`` on (the trigger is over) the price is expected to move to ``side``."""

    plant: str
    symbol: str
    start: int
    known: int
    end: int
    side: int
    edge_bps: float


@dataclass(frozen=True, slots=True)
class VolumeWindow:
    """Steps in which a symbol trades a multiple of its usual volume, with a direction or 0."""

    start: int
    end: int
    multiple: float
    direction: int


def recurring(rng: np.random.Generator, every: float, length: int, steps: int) -> Iterator[int]:
    """Starts of episodes of ``length`` steps that do not overlap, ``every`` steps apart on the mean."""
    rest = every - length
    at = float(rng.random()) * rest
    while at + length < steps:
        yield int(at)
        at += length + rest * (0.5 + float(rng.random()))


def regime_spells(plant: RegimePlant | None, seed: int, grid: Grid) -> list[Spell]:
    """Spells that cover the whole grid; none without a plant."""
    if plant is None:
        return []
    rng = generator(seed, "regimes")
    spells: list[Spell] = []
    start, number, name = 0, 0, ""
    while start < grid.steps:
        if plant.spells is not None:
            name, seconds = plant.spells[min(number, len(plant.spells) - 1)]
            end = start + max(grid.step(seconds), 1)
            if number >= len(plant.spells) - 1:
                end = grid.steps
        else:
            others = [other for other in plant.names if other != name] or list(plant.names)
            name = others[int(rng.integers(len(others)))]
            end = start + max(grid.step(plant.dwell_s * (0.5 + float(rng.random()))), 1)
        shape = plant.shape(name)
        sign = -1.0 if rng.random() < 0.5 and shape.either_way else 1.0
        spells.append(Spell(name, start, min(end, grid.steps), sign * shape.drift_bps_per_hour, shape))
        start, number = end, number + 1
    return spells


def link_spells(link: LinkPlant, seed: int, grid: Grid) -> list[tuple[int, int]]:
    """Steps of the follower at which the link is on."""
    if link.intervals_s is not None:
        given = [(grid.step(a), min(grid.step(b), grid.steps)) for a, b in link.intervals_s]
        return [(a, b) for a, b in given if a < b]
    if link.on_s is None or link.off_s is None:
        return [(0, grid.steps)]
    rng = generator(seed, "link", link.leader, link.follower)
    spells: list[tuple[int, int]] = []
    on, at = bool(rng.random() < link.on_s / (link.on_s + link.off_s)), 0
    while at < grid.steps:
        mean = link.on_s if on else link.off_s
        end = at + max(grid.step(mean * (0.5 + float(rng.random()))), 1)
        if on:
            spells.append((at, min(end, grid.steps)))
        on, at = not on, end
    return spells
