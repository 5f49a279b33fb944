"""Intervals under dependence: stationary and moving-block bootstrap, and the length of their blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.checks import at_least, finite, finite_column, same_length
from aurora.signal.intervals import check_level
from aurora.signal.portable_math import exp, log, total

Bootstrap = Literal["stationary", "moving_block"]
LN10 = 2.302585092994046


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """An estimate with its percentile interval, and everything needed to draw it again."""

    estimate: float
    low: float
    high: float
    level: float
    bootstrap: Bootstrap
    block_length: float
    draws: int
    seed: int


def optimal_block_length(series: npt.ArrayLike) -> tuple[float, float]:
    """Block length of the stationary and of the circular (or moving-block) bootstrap of a mean.

    Politis and White (2004) with the correction of Patton, Politis and White (2009): autocovariances up to twice the
    lag after which none is significant, under a flat-top window. At least 1, which is also the answer for a constant
    series and for fewer than 10 values.

    Raises:
        DataError: a value is not finite.
    """
    values = finite_column("series", series)
    count = len(values)
    if count < 10:
        return 1.0, 1.0
    centred = values - total(values) / count
    quiet = max(5, int(log(count) / LN10))
    most = math.ceil(math.sqrt(count)) + quiet
    bound = 2.0 * math.sqrt(log(count) / LN10 / count)
    covariance: list[float] = []
    significant: list[bool] = []
    cut = None
    for lag in range(most + 1):
        product = total(centred[lag:] * centred[: count - lag])
        # Correlations over the two overlapping parts, one value shorter than the covariance's, as arch does.
        scale = math.sqrt(total(centred[lag + 1 :] ** 2) * total(centred[: count - lag - 1] ** 2))
        covariance.append(product / count)
        significant.append(not (scale > 0 and abs(product) / scale < bound))
        if cut is None and lag >= quiet and not any(significant[lag - quiet : lag]):
            cut = lag - quiet
    reach = most if cut is None else min(2 * max(cut, 1), most)
    g, long_run = 0.0, covariance[0]
    for lag in range(1, reach + 1):
        window = 1.0 if 2 * lag <= reach else 2.0 * (1.0 - lag / reach)
        g += 2.0 * window * lag * covariance[lag]
        long_run += 2.0 * window * covariance[lag]
    longest = float(math.ceil(min(3.0 * math.sqrt(count), count / 3.0)))
    if g == 0:
        return 1.0, 1.0
    if long_run == 0:
        return longest, longest

    def length(constant: float) -> float:
        ratio = 2.0 * (g / long_run) ** 2 / constant * count
        return 1.0 if ratio <= 1 else min(exp(log(ratio) / 3.0), longest)

    return length(2.0), length(4.0 / 3.0)


def resampled_means(
    columns: Sequence[npt.ArrayLike],
    *,
    bootstrap: Bootstrap = "stationary",
    block_length: float,
    draws: int = 1000,
    seed: int = 0,
) -> list[FloatColumn]:
    """Means of each column over ``draws`` resamples of the rows; the columns are drawn together.

    Stationary (Politis, Romano 1994): blocks of geometric length with this mean, wrapping around the end. Moving
    block (Künsch 1989): whole blocks of ceil(block_length), the last one cut short. Rows are added one after the
    other, so the bits do not depend on how a machine adds columns.

    Raises:
        DataError: a value is not finite, there is no row, or the block length is below 1.
        UsageError: columns differ in length, no draw, or no such bootstrap.
    """
    if bootstrap not in ("stationary", "moving_block"):
        raise UsageError(f"no bootstrap is called {bootstrap!r}; there are stationary, moving_block")
    at_least("draws", draws, 1)
    if finite("block_length", block_length) < 1:
        raise DataError(f"block_length is {block_length:g}; it must be at least 1")
    checked = [finite_column(f"columns[{place}]", column) for place, column in enumerate(columns)]
    for place, column in enumerate(checked):
        same_length("columns[0]", checked[0], f"columns[{place}]", column)
    if not checked or not len(checked[0]):
        raise DataError("columns: there is no row to draw from")
    count = len(checked[0])
    generator = np.random.default_rng(seed)
    sums = [np.zeros(draws) for _ in checked]
    whole = min(math.ceil(block_length), count)
    at = np.zeros(draws, np.int64)
    for row in range(count):
        if bootstrap == "moving_block":
            at = at + 1 if row % whole else generator.integers(0, count - whole + 1, draws)
        else:
            jump = generator.integers(0, count, draws)
            stay = generator.random(draws) >= 1.0 / block_length
            at = np.where(stay & (row > 0), (at + 1) % count, jump)
        for total_so_far, column in zip(sums, checked, strict=True):
            total_so_far += column[at]
    return [column / count for column in sums]


def bootstrap_interval(
    columns: Sequence[npt.ArrayLike],
    statistic: Callable[..., float | None],
    *,
    level: float = 0.95,
    bootstrap: Bootstrap = "stationary",
    block_length: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> BootstrapInterval | None:
    """Percentile interval of a function of column means, for rows in the order of time.

    The ends are the draws of rank floor(a (draws + 1)) and draws + 1 minus that, a = (1 - level) / 2, held within
    the draws.

    Args:
        statistic: takes one mean per column; None where it is undefined.
        block_length: None: the longest that :func:`optimal_block_length` finds for a column.

    Returns:
        None without rows, or where the statistic is undefined for the rows themselves or for any resample.

    Raises:
        DataError, UsageError: as :func:`resampled_means`; a level not between 0 and 1.
    """
    check_level(level)
    checked = [finite_column(f"columns[{place}]", column) for place, column in enumerate(columns)]
    if not checked or not len(checked[0]):
        return None
    if block_length is None:
        kind = 0 if bootstrap == "stationary" else 1
        block_length = max(optimal_block_length(column)[kind] for column in checked)
    means = resampled_means(checked, bootstrap=bootstrap, block_length=block_length, draws=draws, seed=seed)
    estimate = statistic(*(total(column) / len(column) for column in checked))
    values = [statistic(*row) for row in zip(*(column.tolist() for column in means), strict=True)]
    defined = sorted(value for value in values if value is not None)
    if estimate is None or len(defined) < len(values):
        return None
    rank = max(1, math.floor((1.0 - level) / 2.0 * (draws + 1) + 1e-9))
    return BootstrapInterval(
        estimate, defined[rank - 1], defined[draws - rank], level, bootstrap, block_length, draws, seed
    )
