"""How the instruments of an account move together, from its marks."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from aurora.messages import FloatColumn

KEPT = 240
"""Returns remembered: four hours of minutes."""
MINIMUM = 60
"""Fewer returns say nothing."""


class CoMovement:
    """Correlation of returns between even marks.

    Args:
        keys: every instrument that may be asked about.
    """

    def __init__(self, keys: Sequence[str]):
        self._keys = list(keys)
        self._mids: deque[list[float]] = deque(maxlen=KEPT + 1)
        """Mids at each mark, oldest first; NaN where there is none."""

    def observe(self, mids: Mapping[str, float]) -> None:
        """The mids of a mark, price quanta; an instrument without one is left out of it."""
        self._mids.append([mids.get(key, math.nan) for key in self._keys])

    def known(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that have enough returns of their own."""
        mids = np.array(self._mids).reshape(-1, len(self._keys))
        there = ~np.isnan(mids)
        counts = (there[1:] & there[:-1]).sum(axis=0)
        return [key for key in keys if counts[self._keys.index(key)] >= MINIMUM]

    def correlation(self, keys: Sequence[str]) -> FloatColumn | None:
        """Correlation matrix of ``keys`` in their order, n × n; None below 60 returns that all of them have.

        What never moved goes with nothing: its correlations are 0.
        """
        if len(self._mids) <= MINIMUM:
            return None
        chosen = [self._keys.index(key) for key in keys]
        mids = np.array(self._mids)[:, chosen]
        returns = mids[1:] / mids[:-1] - 1.0
        returns = returns[~np.isnan(returns).any(axis=1)]
        if len(returns) < MINIMUM:
            return None
        centred = returns - returns.mean(axis=0)
        # Sums of numpy, not BLAS, whose order of summation is the machine's.
        products = (centred[:, :, None] * centred[:, None, :]).sum(axis=0)
        deviation = np.sqrt(np.diagonal(products))
        scale = np.outer(deviation, deviation)
        found = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
        np.fill_diagonal(found, 1.0)
        return np.asarray(np.clip(found, -1.0, 1.0), dtype=np.float64)

    def state(self) -> list[list[str]]:
        """Plain JSON."""
        return [[mid.hex() for mid in row] for row in self._mids]

    def load(self, state: Sequence[Sequence[str]]) -> None:
        self._mids = deque(([float.fromhex(mid) for mid in row] for row in state), maxlen=KEPT + 1)
