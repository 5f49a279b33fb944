"""Sums, deviations and ranks whose bits depend on nothing but the numbers: left to right, no reduction of a library's
own order, no transcendental function."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aurora.engines.history import Mask, Matrix

UNIFORM_DEVIATION = 3.0**0.5
"""What turns ranks spread evenly over -1 to 1 into a signal of variance one (nearly, for few members)."""


_FEW = 64
"""Up to so many sums at a time a call for each summand costs more than the running sums do."""


def total(stack: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum over the first axis, from its first entry to its last: a library's own order would depend on the shape."""
    if stack[0].size <= _FEW:
        last: npt.NDArray[np.float64] = np.add.accumulate(stack, axis=0)[-1]
        return last
    answer: npt.NDArray[np.float64] = stack[0].copy(order="K")
    for part in stack[1:]:
        answer += part
    return answer


def squares_total(stack: npt.NDArray[np.float64], centre: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of (entry - centre)² over the first axis, in the order of `total`."""
    if centre.size <= _FEW:
        return total((stack - centre) ** 2)
    answer: npt.NDArray[np.float64] = np.square(stack[0] - centre)
    distance = np.empty_like(answer)
    for part in stack[1:]:
        np.subtract(part, centre, out=distance)
        np.square(distance, out=distance)
        answer += distance
    return answer


def members_total(values: Matrix, members: Mask) -> Matrix:
    """Sum over the members of each row, as a column."""
    return total(np.where(members, values, 0.0).T)[:, None]


def count(members: Mask) -> npt.NDArray[np.int64]:
    """Members of each row, as a column."""
    answer: npt.NDArray[np.int64] = members.sum(axis=1, dtype=np.int64)[:, None]
    return answer


def standardised(values: Matrix, members: Mask) -> tuple[Matrix, Mask]:
    """(value - mean) / standard deviation (divisor n - 1) over the members of each row, and where there is a spread.

    Members that are all equal have none, whatever rounding says.
    """
    n = count(members)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = members_total(values, members) / n
        centred = values - mean
        variance = members_total(centred * centred, members) / (n - 1)
        low = np.where(members, values, np.inf).min(axis=1, keepdims=True)
        high = np.where(members, values, -np.inf).max(axis=1, keepdims=True)
        spread = members & (n > 1) & (high > low) & (variance > 0)
        return np.where(spread, centred / np.sqrt(variance), np.nan), spread


Ranks = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def ranks(values: Matrix, members: Mask) -> Ranks:
    """How many members of its row each value exceeds, and how many exceed it."""
    if values.size <= _FEW:
        each, other = values[:, :, None], np.where(members, values, np.nan)[:, None, :]
        return (each > other).sum(axis=2), (each < other).sum(axis=2)
    above = np.zeros_like(values, np.int64)
    below = np.zeros_like(values, np.int64)
    others = np.where(members, values, np.nan)
    for n in range(values.shape[1]):
        other = others[:, n : n + 1]
        above += values > other
        below += values < other
    return above, below


def rank_signal(ranked: Ranks, members: Mask) -> Matrix:
    """Rank within the row from -√3 (lowest) through 0 (middle) to √3 (highest); ties share theirs. NaN for others."""
    above, below = ranked
    n = count(members)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(members & (n > 1), UNIFORM_DEVIATION * (above - below) / (n - 1), np.nan)


def legs(ranked: Ranks, members: Mask, fraction: float) -> npt.NDArray[np.int8]:
    """+1 for the highest, -1 for the lowest ``fraction`` of each row (at least one), else 0.

    A value belongs to a leg when it, its equals and all beyond them fit into it: of equals across a leg's edge none
    belongs to it, since nothing tells them apart.
    """
    above, below = ranked
    n = count(members)
    size = np.maximum(1, np.floor(n * fraction).astype(np.int64))
    equal = n - above - below
    highest = members & (below + equal <= size)
    lowest = members & (above + equal <= size)
    answer: npt.NDArray[np.int8] = highest.astype(np.int8) - lowest.astype(np.int8)
    return answer
