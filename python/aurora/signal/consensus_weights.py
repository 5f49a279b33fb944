"""Weights of engines: the least variance of error, dearer where reliability is low."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aurora.errors import DataError, UsageError
from aurora.signal.checks import finite, within
from aurora.signal.linear import solve

RIDGE = 1e-11
"""Relative to the diagonal: of several best answers the one nearest to even weights is found."""
SLACK = 1e-13
"""Slope (of 1) up to which an engine left out would not help."""
LEAST_RELIABILITY = 1e-12
"""Reliabilities below this count as 0."""


def minimum_variance_weights(matrix: Sequence[Sequence[float]]) -> list[float]:
    """w that minimises w' M w over w >= 0, Σw = 1, for a symmetric positive semi-definite M.

    The minimum is a multiple of the v >= 0 that minimises v' M v / 2 - Σv, found by the active set of Lawson and
    Hanson (1974) in fixed order.

    Raises:
        DataError: an entry is not finite, the matrix is not symmetric, or not positive semi-definite.
        UsageError: not square, or empty.
    """
    size = len(matrix)
    if not size or any(len(row) != size for row in matrix):
        raise UsageError(f"matrix has {size} rows that are not all of {size} values, or none")
    rows = [
        [finite(f"matrix[{i}][{j}]", value) for j, value in enumerate(row)] for i, row in enumerate(matrix)
    ]
    scale = math.fsum(rows[i][i] for i in range(size)) / size
    if scale <= 0:
        raise DataError(f"matrix has a mean diagonal of {scale:g}; it must be positive semi-definite")
    for i in range(size):
        for j in range(i):
            if abs(rows[i][j] - rows[j][i]) > 1e-9 * scale:
                raise DataError(f"matrix[{i}][{j}] is {rows[i][j]} and matrix[{j}][{i}] {rows[j][i]}")
    for i in range(size):
        # The scale leaves the answer as it is and makes the tolerances mean the same everywhere.
        rows[i] = [value / scale for value in rows[i]]
        rows[i][i] *= 1.0 + RIDGE
    solve(rows, [0.0] * size)  # Refuses what is not positive semi-definite.

    v = [0.0] * size
    used: list[int] = []
    for _ in range(20 * size):
        slopes = [1.0 - math.fsum(row[j] * v[j] for j in range(size)) for row in rows]
        most = max((i for i in range(size) if i not in used), key=lambda i: (slopes[i], -i), default=None)
        if most is None or slopes[most] <= SLACK:
            break
        used = sorted([*used, most])
        while True:
            best = solve([[rows[i][j] for j in used] for i in used], [1.0] * len(used))
            below = [(i, b) for i, b in zip(used, best, strict=True) if b <= 0]
            if not below:
                for i, b in zip(used, best, strict=True):
                    v[i] = b
                break
            # Go towards it as far as none turns negative, and leave out what has become 0.
            share = min(v[i] / (v[i] - b) if v[i] > b else 0.0 for i, b in below)
            blocked = {i for i, b in below if (v[i] / (v[i] - b) if v[i] > b else 0.0) <= share}
            for i, b in zip(used, best, strict=True):
                v[i] = 0.0 if i in blocked else v[i] + share * (b - v[i])
            used = [i for i in used if i not in blocked]
            if most in blocked:
                break  # Rounding let it in: it does not help after all.
        if most not in used:
            break
    total = math.fsum(v)
    return [value / total for value in v]


@dataclass(frozen=True, slots=True)
class ConsensusWeights:
    """Weights by engine: they add up to 1, or are all 0 where no engine has skill."""

    weights: dict[str, float]
    value: float | None
    """w' Γ w; None without skill."""

    @property
    def no_skill(self) -> bool:
        return self.value is None


def consensus_weights(
    correlation: Sequence[Sequence[float]], reliability: Mapping[str, float]
) -> ConsensusWeights:
    """w that minimises w' Γ w over the simplex, Γ_ij = C_ij / sqrt(r_i r_j).

    Engines with r = 0 (below 1e-12) are left out.

    Args:
        correlation: C, shrunk correlations of forecast errors, in the order of ``reliability``.
        reliability: r in [0, 1] by engine.

    Raises:
        DataError: a reliability outside [0, 1], or a matrix that is no correlation.
        UsageError: sizes differ.
    """
    names = list(reliability)
    believed = [within(f"reliability[{name!r}]", reliability[name], 0.0, 1.0) for name in names]
    if len(correlation) != len(names) or any(len(row) != len(names) for row in correlation):
        raise UsageError(f"correlation must have {len(names)} rows and columns, one for each reliability")
    for i, row in enumerate(correlation):
        if abs(finite(f"correlation[{i}][{i}]", row[i]) - 1.0) > 1e-9:
            raise DataError(f"correlation[{i}][{i}] is {row[i]}; it must be 1")
    weights = dict.fromkeys(names, 0.0)
    used = [i for i, r in enumerate(believed) if r >= LEAST_RELIABILITY]
    if not used:
        return ConsensusWeights(weights, None)
    gamma = [[correlation[i][j] / math.sqrt(believed[i] * believed[j]) for j in used] for i in used]
    found = minimum_variance_weights(gamma)
    for i, weight in zip(used, found, strict=True):
        weights[names[i]] = weight
    value = math.fsum(found[i] * gamma[i][j] * found[j] for i in range(len(used)) for j in range(len(used)))
    return ConsensusWeights(weights, value)
