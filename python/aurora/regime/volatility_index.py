"""How wild is the universe, on a scale that traders know?"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from aurora.errors import DataError
from aurora.regime.market_state import MINUTE_NS
from aurora.regime.settings import VolatilityIndexSettings


def level_of(percentile: float, settings: VolatilityIndexSettings) -> float:
    """The index level of a rank in [0, 1]: straight lines through floor, low, high, halt and ceiling."""
    points = [
        (0.0, settings.floor_level),
        (settings.low_percentile, settings.low_level),
        (settings.high_percentile, settings.high_level),
        (settings.halt_percentile, settings.halt_level),
        (1.0, settings.ceiling_level),
    ]
    for (rank, level), (next_rank, next_level) in pairwise(points):
        if percentile <= next_rank:
            return level + (next_level - level) * (percentile - rank) / (next_rank - rank)
    return settings.ceiling_level


class VolatilityIndex:
    """The universe's volatility, ranked among its own last 90 days.

    A crypto volatility of 60 % a year says nothing on the scale of equities, so levels are compared by rank: the median
    volatility of the instruments is ranked among the samples before it (equal ones count half), and the rank is read on
    the equity scale, where 15 is calm, 30 high and 35 the halt. One sample in each step of the clock enters the
    history, after it was ranked.
    """

    def __init__(self, settings: VolatilityIndexSettings):
        self.settings = settings
        self._step_ns = settings.step_minutes * MINUTE_NS
        self._now_ns: int | None = None
        self._last_step: int | None = None
        self._history: deque[float] = deque()
        self._sorted: list[float] = []

    def update(self, now_ns: int, volatilities: Mapping[str, float | None]) -> float | None:
        """The level at ``now_ns`` given each instrument's volatility (None: undefined).

        None with fewer than ``minimum_instruments`` volatilities, or fewer than ``minimum_history`` samples before.

        Raises:
            DataError: a volatility is negative or not finite, or time runs back.
        """
        known = [value for value in volatilities.values() if value is not None]
        for name, value in volatilities.items():
            if value is not None and not 0 <= value < math.inf:
                raise DataError(f"volatility of {name} is {value}; it must be finite and not below 0")
        if self._now_ns is not None and now_ns < self._now_ns:
            raise DataError(
                f"volatility index asked for at {now_ns}, after {self._now_ns}: time cannot run back"
            )
        self._now_ns = now_ns
        if len(known) < self.settings.minimum_instruments:
            return None
        value = statistics.median(known)
        ranked = len(self._sorted) >= self.settings.minimum_history
        level = level_of(self._rank(value), self.settings) if ranked else None
        step = now_ns // self._step_ns
        if step != self._last_step:
            self._last_step = step
            self._take(value)
        return level

    def _rank(self, value: float) -> float:
        below, not_above = bisect_left(self._sorted, value), bisect_right(self._sorted, value)
        return (below + not_above) / (2 * len(self._sorted))

    def _take(self, value: float) -> None:
        if len(self._history) == self.settings.history:
            del self._sorted[bisect_left(self._sorted, self._history.popleft())]
        self._history.append(value)
        insort(self._sorted, value)

    def state(self) -> dict[str, Any]:
        return {
            "now_ns": self._now_ns,
            "last_step": self._last_step,
            "history": [value.hex() for value in self._history],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._now_ns = state["now_ns"]
        self._last_step = state["last_step"]
        self._history = deque(float.fromhex(value) for value in state["history"])
        self._sorted = sorted(self._history)
