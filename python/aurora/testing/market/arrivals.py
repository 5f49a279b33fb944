"""When events happen: bunched arrivals, thinned and filled up where something is planted, all in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aurora.testing.market.latent import Latent
from aurora.testing.market.schedules import Grid, Spell
from aurora.testing.market.units import NS_PER_S, Floats, Ints
from aurora.testing.settings import generator

__all__ = ["Activity", "arrivals", "extra_arrivals"]


@dataclass(frozen=True, slots=True)
class Activity:
    """A multiple of the usual activity, from one time to another, and the direction of its trades or 0."""

    start_ns: int
    end_ns: int
    multiple: float
    direction: int = 0


def of_spells(spells: Sequence[Spell], grid: Grid) -> list[Activity]:
    return [
        Activity(spell.start * grid.step_ns, spell.end * grid.step_ns, spell.shape.activity)
        for spell in spells
        if spell.shape.activity != 1.0
    ]


def of_windows(path: Latent, grid: Grid) -> list[Activity]:
    return [
        Activity(window.start * grid.step_ns, window.end * grid.step_ns, window.multiple, window.direction)
        for window in path.windows
    ]


def arrivals(seed: int, labels: tuple[str, ...], rate: float, bunching: int, grid: Grid) -> Ints:
    """Sorted times, ns since the beginning, of about ``rate`` events per second.

    A second's activity is 2^k with odds 2^-(k+1), k up to ``bunching``: its variance over its squared mean is
    2 (2^(bunching+1) - 1) / (bunching + 1)^2 - 1.
    """
    count = round(rate * grid.length_ns / NS_PER_S)
    rng = generator(seed, *labels)
    seconds = -(-grid.length_ns // NS_PER_S)
    spans = np.full(seconds, NS_PER_S, np.int64)
    spans[-1] = grid.length_ns - (seconds - 1) * NS_PER_S
    drawn = rng.integers(0, 2 ** (bunching + 1), size=seconds) if bunching else np.zeros(seconds, np.int64)
    # k zero bits at the end come with odds 2^-(k+1); all zeros count as the last k.
    exponent = np.zeros(seconds, np.int64)
    for k in range(1, bunching + 1):
        exponent[drawn % 2**k == 0] = k
    # In units of 2^20 ns, so that the running total of days fits.
    weights = (spans >> 10) << exponent
    edges = np.concatenate([[0], np.cumsum(weights)])
    at = rng.integers(0, int(edges[-1]), size=count)
    cell = np.searchsorted(edges, at, side="right") - 1
    inside = (at - edges[cell]) * spans[cell] // weights[cell]
    # The units leave the low bits empty: fill them.
    inside += rng.integers(0, 1024, size=count)
    inside = np.minimum(inside, spans[cell] - 1)
    return np.sort(cell * NS_PER_S + inside)


def thinned(
    times: Ints, activities: Sequence[Activity], uniform: Floats
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the usual events are left where there is less activity than usual."""
    kept = np.ones(len(times), np.bool_)
    for activity in activities:
        if activity.multiple < 1.0:
            first, last = np.searchsorted(times, (activity.start_ns, activity.end_ns))
            kept[first:last] &= uniform[first:last] < activity.multiple
    return kept


def extra_arrivals(
    seed: int, labels: tuple[str, ...], rate: float, activities: Sequence[Activity]
) -> tuple[Ints, Ints]:
    """Times and directions of what comes on top where there is more activity than usual; not sorted."""
    times: list[Ints] = []
    directions: list[Ints] = []
    for activity in activities:
        if activity.multiple > 1.0:
            rng = generator(seed, *labels, str(activity.start_ns))
            length = activity.end_ns - activity.start_ns
            count = round((activity.multiple - 1.0) * rate * length / NS_PER_S)
            times.append(activity.start_ns + rng.integers(0, max(length, 1), size=count))
            directions.append(np.full(count, activity.direction, np.int64))
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *times]), np.concatenate([empty, *directions])
