"""Resampling with replacement, seeded by its caller."""

from __future__ import annotations

import math

import numpy as np

from aurora.messages import IntColumn
from aurora.risk.exact import within


def resample_indices(generator: np.random.Generator, count: int, block_length: float = 1.0) -> IntColumn:
    """Indices of one resample of ``count`` observations by the stationary bootstrap (Politis and Romano 1994).

    Blocks of geometric length with mean ``block_length`` start anywhere and wrap round; with 1 every observation is
    drawn on its own.
    """
    length = within("block_length", block_length, 1.0, math.inf)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    starts = generator.integers(0, count, count)
    if length == 1.0:
        return starts.astype(np.int64)
    begins = generator.random(count) < 1.0 / length
    begins[0] = True
    # Position of each index within its block, counted from the block's first.
    first = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    return ((starts[first] + np.arange(count) - first) % count).astype(np.int64)
