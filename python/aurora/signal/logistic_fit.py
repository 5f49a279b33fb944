"""Logistic regression of few columns by Newton's method, with exact sums: the same bits on every platform."""

from __future__ import annotations

from collections.abc import Sequence

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.signal.linear import solve
from aurora.signal.portable_math import logistic_column, softplus_column, total

MAX_ITERATIONS = 200
SMALLEST_STEP = 2.0**-40
RIDGE = 1e-13
"""Per row, on the Hessian's diagonal: keeps nearly parallel columns solvable, moves no optimum."""
CONVERGED = 1e-14
"""Newton decrement, relative to the loss, at which the step just taken was the last."""


def log_loss_of(columns: Sequence[FloatColumn], target: FloatColumn, coefficients: Sequence[float]) -> float:
    """Sum of log(1 + exp(z)) - target z with z the combination of the columns."""
    z = combine(columns, coefficients)
    return total(softplus_column(z) - target * z)


def fit_logistic(
    columns: Sequence[FloatColumn], target: FloatColumn, start: Sequence[float]
) -> tuple[float, ...]:
    """Coefficients that minimise the log loss; a constant column makes an intercept.

    Args:
        target: in [0, 1] per row.
        start: coefficients to begin from.

    Raises:
        DataError: no minimum was found, as when the columns separate targets of 0 and 1.
    """
    size, rows = len(columns), len(target)
    at = tuple(start)
    loss = log_loss_of(columns, target, at)
    for _ in range(MAX_ITERATIONS):
        p = logistic_column(combine(columns, at))
        gradient = [total(column * (target - p)) for column in columns]
        curvature = p * (1.0 - p)
        hessian = [[0.0] * size for _ in range(size)]
        for i in range(size):
            weighted = columns[i] * curvature
            for j in range(i + 1):
                hessian[i][j] = total(weighted * columns[j])
            hessian[i][i] += RIDGE * rows
        step = solve(hessian, gradient)
        decrement = sum(g * s for g, s in zip(gradient, step, strict=True))
        share = 1.0
        while True:
            there = tuple(a + share * s for a, s in zip(at, step, strict=True))
            value = log_loss_of(columns, target, there)
            if value <= loss - 1e-4 * share * decrement or decrement <= CONVERGED * (1.0 + loss):
                break
            share /= 2.0
            if share < SMALLEST_STEP:
                return at  # Rounding hides any further descent.
        at, loss = there, value
        if decrement <= CONVERGED * (1.0 + loss):
            return at
    raise DataError(f"logistic fit: the loss still falls after {MAX_ITERATIONS} steps (outcomes separated?)")


def combine(columns: Sequence[FloatColumn], coefficients: Sequence[float]) -> FloatColumn:
    """The columns, each times its coefficient, added in order."""
    z = columns[0] * coefficients[0]
    for column, coefficient in zip(columns[1:], coefficients[1:], strict=True):
        z = z + column * coefficient
    return z
