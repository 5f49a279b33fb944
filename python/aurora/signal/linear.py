"""Small symmetric systems by Cholesky, in plain loops: the order of every operation is fixed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aurora.errors import DataError

Matrix = Sequence[Sequence[float]]


def cholesky(matrix: Matrix) -> list[list[float]]:
    """Lower triangle L with L L' = matrix, of which only the lower triangle is read.

    Raises:
        DataError: the matrix is not positive definite.
    """
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j]
            for k in range(j):
                rest -= lower[i][k] * lower[j][k]
            if i > j:
                lower[i][j] = rest / lower[j][j]
            elif rest > 0:
                lower[i][i] = math.sqrt(rest)
            else:
                raise DataError(f"matrix is not positive definite: pivot {i} is {rest:g}")
    return lower


def solve(matrix: Matrix, right: Sequence[float]) -> list[float]:
    """x with matrix x = right.

    Raises:
        DataError: the matrix is not positive definite.
    """
    lower = cholesky(matrix)
    size = len(right)
    x = list(right)
    for i in range(size):
        for k in range(i):
            x[i] -= lower[i][k] * x[k]
        x[i] /= lower[i][i]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            x[i] -= lower[k][i] * x[k]
        x[i] /= lower[i][i]
    return x
