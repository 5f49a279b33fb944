"""Covariances that can be inverted: shrinkage, and the nearest matrix without negative eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.exact import table


@dataclass(frozen=True, slots=True)
class Covariance:
    """A shrunk covariance, with what it was shrunk by."""

    matrix: FloatColumn
    """n × n, divided by the number of observations."""
    shrinkage: float
    """Weight of the target (mean variance on the diagonal), in [0, 1]."""
    observations: int

    @property
    def correlation(self) -> FloatColumn:
        """Entries within [-1, 1]; a symbol that never moved has no correlation with another."""
        return correlation_of(self.matrix)


def shrunk_covariance(
    returns: FloatColumn, method: Literal["ledoit_wolf", "oracle_approximating"] = "ledoit_wolf"
) -> Covariance:
    """Covariance of returns (observations × symbols) shrunk towards the mean variance, mean taken off.

    Ledoit and Wolf 2004; oracle approximating: Chen, Wiesel, Eldar and Hero 2010; both by scikit-learn.

    Raises:
        DataError: fewer than two observations, no symbol, or a return that is not finite.
    """
    from sklearn.covariance import ledoit_wolf, oas

    sample = table("returns", returns)
    count, symbols = sample.shape
    if count < 2 or symbols < 1:
        raise DataError(
            f"{count} observation(s) of {symbols} symbol(s); a covariance wants two of one at least"
        )
    if np.all(sample == sample[0]):
        # Nothing moves: nothing to shrink, and scikit-learn would divide zero by zero.
        return Covariance(np.zeros((symbols, symbols)), 0.0, count)
    # At unit scale: the shrinkage has no unit, and tiny returns would lose their squares.
    unit = float(np.abs(sample - sample.mean(axis=0)).max())
    matrix, shrinkage = (ledoit_wolf if method == "ledoit_wolf" else oas)(sample / unit)
    matrix = np.asarray(matrix, dtype=np.float64) * unit**2
    return Covariance((matrix + matrix.T) / 2.0, float(shrinkage), count)


def correlation_of(covariance: FloatColumn) -> FloatColumn:
    """Correlation matrix of a covariance; rows without variance correlate with nothing but themselves.

    Raises:
        DataError: not square, not symmetric, or a negative variance.
    """
    matrix = _symmetric(covariance)
    variance = np.diag(matrix)
    if np.any(variance < 0):
        raise DataError("a variance is negative")
    spread = np.sqrt(np.where(variance > 0, variance, 1.0))
    result = np.clip(matrix / np.outer(spread, spread), -1.0, 1.0)
    result[variance == 0, :] = 0.0
    result[:, variance == 0] = 0.0
    np.fill_diagonal(result, 1.0)
    return np.asarray(result, dtype=np.float64)


def nearest_semidefinite(matrix: FloatColumn) -> FloatColumn:
    """The nearest symmetric matrix (Frobenius norm) without negative eigenvalues: they become 0 (Higham 1988).

    Pairwise estimates such as Hayashi-Yoshida covariances need not be one covariance matrix together.

    Raises:
        DataError: not square or not symmetric.
    """
    values, vectors = np.linalg.eigh(_symmetric(matrix))
    result = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return np.asarray((result + result.T) / 2.0, dtype=np.float64)


def _symmetric(matrix: FloatColumn) -> FloatColumn:
    values = table("covariance", matrix)
    scale = float(np.abs(values).max(initial=0.0))
    if values.shape[0] != values.shape[1] or not np.allclose(values, values.T, rtol=0.0, atol=1e-9 * scale):
        raise DataError("covariance is not square and symmetric")
    return (values + values.T) / 2.0
