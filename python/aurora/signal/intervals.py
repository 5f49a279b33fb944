"""Intervals of shares: Wilson's score interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from aurora.errors import DataError
from aurora.signal.checks import within


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the two ends of its interval."""

    estimate: float
    low: float
    high: float
    level: float


def normal_quantile(level: float) -> float:
    """z such that a standard normal lies within ±z with probability ``level``."""
    return NormalDist().inv_cdf(0.5 + level / 2.0)


def wilson_interval(hits: int, count: int, level: float = 0.95) -> Interval | None:
    """Interval of a share (Wilson 1927); None without observations.

    Raises:
        DataError: hits outside 0..count, or a level not between 0 and 1.
    """
    if not 0 <= hits <= count:
        raise DataError(f"hits is {hits} of {count}; it must lie between 0 and the count")
    check_level(level)
    if not count:
        return None
    z = normal_quantile(level)
    share = hits / count
    scale = 1.0 + z * z / count
    centre = (share + z * z / (2.0 * count)) / scale
    half = z / scale * math.sqrt(share * (1.0 - share) / count + z * z / (4.0 * count * count))
    # At 0 and count the ends are exactly 0 and 1; rounding may not move them.
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == count else centre + half
    return Interval(share, low, high, level)


def check_level(level: float) -> float:
    """The level, if it lies strictly between 0 and 1.

    Raises:
        DataError: it does not.
    """
    number = within("level", level, 0.0, 1.0)
    if number in (0.0, 1.0):
        raise DataError(f"level is {number:g}; it must lie between 0 and 1")
    return number
