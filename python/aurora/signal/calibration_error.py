"""Expected calibration error, and how large it is by chance alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora.messages import FloatColumn
from aurora.signal.binning import Binning, bin_index, bin_table
from aurora.signal.checks import at_least, probability_column, within
from aurora.signal.portable_math import total

CHUNK = 1 << 21
"""Random numbers in memory at a time."""


def expected_calibration_error(
    p: npt.ArrayLike, right: npt.ArrayLike, bins: int = 15, binning: Binning = "equal_width"
) -> float | None:
    """Sum over bins of n_k / n |share that came true - mean forecast|; None without forecasts.

    Equal width: Naeini, Cooper and Hauskrecht 2015, Guo et al. 2017; equal mass ("adaptive"): Nixon et al. 2019.

    Raises:
        DataError: p outside [0, 1], or an outcome neither 0 nor 1.
        UsageError: columns differ in length, no bin, or no such binning.
    """
    table = bin_table(p, right, bins, binning)
    if not table.n:
        return None
    return math.fsum(abs(row.right - row.mean_p * row.count) for row in table.rows) / table.n


@dataclass(frozen=True, slots=True)
class NullError:
    """The calibration error of forecasts that *are* calibrated, by Monte Carlo."""

    bins: int
    binning: Binning
    n: int
    mean: float
    quantile: float
    level: float
    draws: int
    seed: int


def null_calibration_error(
    p: npt.ArrayLike,
    bins: int = 15,
    binning: Binning = "equal_width",
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> NullError | None:
    """What :func:`expected_calibration_error` comes to when each outcome has exactly its forecast probability.

    Outcomes are drawn given the forecasts as they are (consistency resampling of Bröcker and Smith 2007, without
    drawing the forecasts anew), so that n, binning and the spread of p are those of the data. The quantile is the
    draw of rank ceil(level draws). None without forecasts.

    Raises:
        DataError: p outside [0, 1], or a level outside.
        UsageError: no bin, no draw, or no such binning.
    """
    forecast = probability_column("p", p)
    within("level", level, 0.0, 1.0)
    at_least("draws", draws, 1)
    index = bin_index(forecast, bins, binning)
    if not len(forecast):
        return None
    errors = np.sort(_null_draws(forecast, index, draws, seed))
    rank = max(1, math.ceil(level * draws - 1e-9))
    return NullError(
        bins, binning, len(forecast), total(errors) / draws, float(errors[rank - 1]), level, draws, seed
    )


def _null_draws(p: FloatColumn, index: npt.NDArray[np.int64], draws: int, seed: int) -> FloatColumn:
    order = np.argsort(index, kind="stable")
    forecast, index = p[order], index[order]
    starts = np.flatnonzero(np.concatenate([[True], index[1:] != index[:-1]]))
    expected = [total(part) for part in np.split(forecast, starts[1:])]
    generator = np.random.default_rng(seed)
    errors = np.zeros(draws)
    count = len(forecast)
    # Chunks of whole draws consume the generator in one order, whatever their size.
    step = max(1, CHUNK // count)
    for begin in range(0, draws, step):
        size = min(step, draws - begin)
        came_true = (generator.random((size, count)) < forecast).astype(np.int64)
        hits = np.add.reduceat(came_true, starts, axis=1)
        for place, wanted in enumerate(expected):
            errors[begin : begin + size] += np.abs(hits[:, place] - wanted)
    return errors / count
