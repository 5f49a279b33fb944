"""Do the positions all say the same? An alert on correlated concentration, and indices of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.exact import Number, series, table, within


@dataclass(frozen=True, slots=True)
class Concentration:
    """How alike the positions of an account are."""

    mean_correlation: float | None
    """Mean correlation of position returns over all pairs, weighted by both weights; None below two positions."""
    effective_bets: float | None
    """1 / Σ w_i w_j ρ_ij of the normalised weights: as many equal independent bets; None without positions, or where
    they cancel entirely."""
    herfindahl: float | None
    """Σ w_i² of the normalised absolute weights."""
    alert: bool
    reason: str | None
    """Why a value is None: ``no_positions``, ``one_position`` or ``hedged``."""


def herfindahl(weights: FloatColumn) -> float | None:
    """Σ (|w_i| / Σ|w|)², from 1/n (equal) to 1 (all in one); None where all weights are zero."""
    sizes = np.abs(series("weights", weights))
    total = float(sizes.sum())
    if total == 0.0:
        return None
    shares = sizes / total
    return float(shares @ shares)


def correlation_concentration(
    weights: FloatColumn, correlation: FloatColumn, alert_above: Number
) -> Concentration:
    """Concentration of signed weights under a correlation matrix; a long and a short of twins cancel.

    Args:
        weights: signed notional by symbol, any unit.
        correlation: n × n of returns.
        alert_above: the alert goes off above this mean correlation.
    """
    signed, matrix = series("weights", weights), table("correlation", correlation)
    level = within("alert_above", alert_above, -1.0, 1.0)
    count = len(signed)
    if matrix.shape != (count, count):
        raise DataError(f"correlation is {matrix.shape[0]} × {matrix.shape[1]} for {count} weights")
    if not np.allclose(matrix, matrix.T, atol=1e-9) or np.any(np.abs(matrix) > 1.0 + 1e-9):
        raise DataError("correlation is no correlation matrix: symmetric, entries within [-1, 1]")
    index = herfindahl(signed)
    if index is None:
        return Concentration(None, None, None, False, "no_positions")
    shares = signed / np.abs(signed).sum()
    square = float(shares @ matrix @ shares)
    bets = 1.0 / square if square > 1e-12 else None
    if np.count_nonzero(signed) < 2:
        return Concentration(None, bets, index, False, "one_position")
    pairs = np.outer(shares, shares)
    np.fill_diagonal(pairs, 0.0)
    mean = float((pairs * matrix).sum() / np.abs(pairs).sum())
    return Concentration(mean, bets, index, mean > level, None if bets is not None else "hedged")
