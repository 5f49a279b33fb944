"""Bins of probabilities: what a calibration error and a Brier decomposition are summed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aurora.errors import UsageError
from aurora.messages import FloatColumn, IntColumn
from aurora.signal.checks import BoolColumn, at_least, outcome_column, probability_column, same_length
from aurora.signal.portable_math import total

Binning = Literal["equal_width", "equal_mass"]


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts in (lower, upper]; the first bin holds 0 too."""

    lower: float
    upper: float
    count: int
    right: int
    """Forecasts that came true."""
    mean_p: float

    @property
    def frequency(self) -> float:
        """Share that came true."""
        return self.right / self.count


@dataclass(frozen=True, slots=True)
class BinTable:
    """Bins that hold something, in rising order, with what is needed to make them again."""

    binning: Binning
    bins: int
    """Bins asked for; empty ones are left out of ``rows``."""
    n: int
    rows: tuple[Bin, ...]


def upper_edges(p: FloatColumn, bins: int, binning: Binning) -> FloatColumn:
    """The right-closed upper edges of all bins but the last.

    Equal width cuts [0, 1] at k / bins. Equal mass cuts at the forecast of rank ceil(k n / bins), so that ties stay
    together (a constant forecast is one bin) and the order of rows does not matter.

    Raises:
        UsageError: no such binning, or no bin at all.
    """
    at_least("bins", bins, 1)
    if binning == "equal_width":
        return np.arange(1, bins) / bins
    if binning == "equal_mass":
        count = len(p)
        if not count:
            return np.empty(0)
        ranks = [-(-k * count // bins) for k in range(1, bins)]
        return np.sort(p)[np.array(ranks, np.int64) - 1]
    raise UsageError(f"no binning is called {binning!r}; there are equal_width, equal_mass")


def bin_index(p: FloatColumn, bins: int, binning: Binning) -> IntColumn:
    """The bin of each forecast, from 0."""
    return np.searchsorted(upper_edges(p, bins, binning), p, side="left").astype(np.int64)


def bin_table(
    p: npt.ArrayLike, right: npt.ArrayLike, bins: int = 15, binning: Binning = "equal_width"
) -> BinTable:
    """Forecasts and their outcomes by bin (the data of a reliability plot).

    Raises:
        DataError: p outside [0, 1], or an outcome neither 0 nor 1.
        UsageError: columns differ in length, no bin, or no such binning.
    """
    forecast, outcome = forecasts(p, right)
    index = bin_index(forecast, bins, binning)
    edges = [0.0, *upper_edges(forecast, bins, binning).tolist(), 1.0]
    rows = []
    for place in np.unique(index).tolist():
        inside = index == place
        count = int(inside.sum())
        mean = total(forecast[inside]) / count
        rows.append(Bin(edges[place], edges[place + 1], count, int(outcome[inside].sum()), mean))
    return BinTable(binning, bins, len(forecast), tuple(rows))


def forecasts(p: npt.ArrayLike, right: npt.ArrayLike) -> tuple[FloatColumn, BoolColumn]:
    """Checked columns of probabilities and outcomes."""
    forecast, outcome = probability_column("p", p), outcome_column("right", right)
    same_length("p", forecast, "right", outcome)
    return forecast, outcome
