"""Volatility and cross-asset kernels in plain Python: each definition written down, with no thought of speed.

Nothing of the product is used here. Times are nanoseconds, prices positive floats, sums go through `math.fsum`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Path = Sequence[tuple[int, float | None]]
"""A mid with the time from which it stands, in order of time; None where there is no mid."""


def log_returns(prices: Sequence[float]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(prices)]


def realised_variance(returns: Sequence[float | None]) -> float:
    """Sum of squared returns (Andersen, Bollerslev, Diebold, Labys 2003); missing ones are left out."""
    return math.fsum(r * r for r in returns if r is not None)


def bipower_variation(returns: Sequence[float | None]) -> float:
    """pi/2 times the sum of |r_i||r_{i-1}| (Barndorff-Nielsen, Shephard 2004), without small-sample factor."""
    pairs = [abs(a * b) for a, b in pairwise(returns) if a is not None and b is not None]
    return math.pi / 2 * math.fsum(pairs)


def clock_returns(path: Path, now_ns: int, step_ns: int) -> list[float | None]:
    """Log returns between samples at multiples of the step up to `now_ns`; a sample knows mids set before it.

    The grid begins behind the first mid; the returns of intervals without a mid at either end are None.
    """
    begun = [time for time, mid in path if mid is not None]
    if not begun:
        return []
    samples: list[float | None] = []
    for grid in range((begun[0] // step_ns + 1) * step_ns, now_ns + 1, step_ns):
        samples.append(next((mid for time, mid in reversed(path) if time < grid), None))
    return [None if a is None or b is None else math.log(b / a) for a, b in pairwise(samples)]


def realised_volatility(
    path: Path, now_ns: int, step_ns: int, samples: int, minimum: int = 2
) -> float | None:
    """Basis points per square-root second over the last `samples` clock returns."""
    window = clock_returns(path, now_ns, step_ns)[-samples:]
    count = sum(r is not None for r in window)
    if count < minimum:
        return None
    return math.sqrt(realised_variance(window) / (count * step_ns * 1e-9)) * 1e4


def bipower_volatility(path: Path, now_ns: int, step_ns: int, samples: int, minimum: int = 2) -> float | None:
    """The same from the mean over pairs of neighbouring returns: the small-sample factor n / (n - 1)."""
    window = clock_returns(path, now_ns, step_ns)[-samples:]
    pairs = sum(a is not None and b is not None for a, b in pairwise(window))
    if pairs < minimum - 1:
        return None
    return math.sqrt(bipower_variation(window) / (pairs * step_ns * 1e-9)) * 1e4


def two_scale_variance(logs: Sequence[float], subgrids: int) -> float:
    """Zhang, Mykland, Ait-Sahalia 2005 with the small-sample adjustment, subgrid by subgrid."""
    n = len(logs) - 1

    def variance(path: Sequence[float]) -> float:
        return math.fsum((b - a) ** 2 for a, b in pairwise(path))

    grids = [logs[first::subgrids] for first in range(subgrids)]
    average = math.fsum(variance(grid) for grid in grids) / subgrids
    returns = sum(len(grid) - 1 for grid in grids) / subgrids
    return (average - returns / n * variance(logs)) / (1 - returns / n)


def two_scale_volatility(
    path: Sequence[tuple[int, float]],
    now_ns: int,
    changes: int = 1024,
    subgrids: int = 32,
    minimum: int = 256,
) -> float | None:
    """Basis points per square-root second over the last `changes` changes; None where undefined."""
    points: list[tuple[int, float]] = []
    for time, mid in path:
        if not points or points[-1][1] != mid:
            points.append((time, mid))
    points = points[-changes - 1 :]
    if len(points) - 1 < minimum:
        return None
    variance = two_scale_variance([math.log(mid) for _, mid in points], subgrids)
    seconds = (now_ns - points[0][0]) * 1e-9
    return math.sqrt(variance / seconds) * 1e4 if variance >= 0 and seconds > 0 else None


def ewma_recursion(rows: Sequence[tuple[float, float]], half_life: float) -> list[float]:
    """y += (1 - 2^(-dt/half-life)) (x - y) over rows of distinct (time, x), beginning at the first x."""
    path = [rows[0][1]]
    for (before, _), (time, x) in pairwise(rows):
        alpha = 1 - 2 ** (-(time - before) / half_life)
        path.append(path[-1] + alpha * (x - path[-1]))
    return path


def ewma_weighted_mean(rows: Sequence[tuple[float, float]], half_life: float) -> list[float]:
    """Mean of all x so far with weights 2^(-age/half-life): what pandas calls adjusted."""
    path = []
    for end in range(1, len(rows) + 1):
        now = rows[end - 1][0]
        weights = [2 ** (-(now - time) / half_life) for time, _ in rows[:end]]
        path.append(
            math.fsum(w * x for w, (_, x) in zip(weights, rows[:end], strict=True)) / math.fsum(weights)
        )
    return path


def hayashi_yoshida(tx: Sequence[int], x: Sequence[float], ty: Sequence[int], y: Sequence[float]) -> float:
    """Sum of dx dy over all pairs of intervals that overlap (Hayashi, Yoshida 2005): the double loop."""
    return math.fsum(
        (x1 - x0) * (y1 - y0)
        for (s0, x0), (s1, x1) in pairwise(zip(tx, x, strict=True))
        for (t0, y0), (t1, y1) in pairwise(zip(ty, y, strict=True))
        if max(s0, t0) < min(s1, t1)
    )


def variation(path: Sequence[float]) -> float:
    return math.fsum((b - a) ** 2 for a, b in pairwise(path))


@dataclass
class KalmanBeta:
    """Random-walk slope of y on x: predict, then update, in the textbook form P (1 - K x)."""

    process_variance: float
    observation_variance: float
    variance: float
    beta: float = 0.0
    log_likelihood: float = 0.0
    path: list[float] = field(default_factory=list)

    def update(self, x: float, y: float) -> None:
        predicted = self.variance + self.process_variance
        spread = x * x * predicted + self.observation_variance
        error = y - self.beta * x
        gain = predicted * x / spread
        self.beta += gain * error
        self.variance = predicted * (1 - gain * x)
        self.log_likelihood -= 0.5 * (math.log(2 * math.pi * spread) + error * error / spread)
        self.path.append(self.beta)
