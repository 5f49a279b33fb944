"""Brier score, its skill and its parts, and the logarithmic score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora.messages import FloatColumn
from aurora.signal.binning import Binning, bin_index, forecasts
from aurora.signal.checks import within
from aurora.signal.portable_math import log_column, total

LOG_FLOOR = 2.0**-52
"""Probabilities are held this far from 0 and 1 in the log loss (as scikit-learn does for float64)."""


def brier_score(p: npt.ArrayLike, right: npt.ArrayLike) -> float | None:
    """Mean of (p - outcome)² (Brier 1950); None without forecasts.

    Raises:
        DataError: p outside [0, 1], or an outcome neither 0 nor 1.
        UsageError: columns differ in length.
    """
    forecast, outcome = forecasts(p, right)
    if not len(forecast):
        return None
    return total((forecast - outcome) ** 2) / len(forecast)


def brier_skill(p: npt.ArrayLike, right: npt.ArrayLike, reference: float | None = None) -> float | None:
    """1 - Brier / Brier of a forecast that always says ``reference``.

    Args:
        reference: a probability; None: the share of ``right`` itself (climatology), whose Brier score is o (1 - o).

    Returns:
        At most 1; above 0 means skill. None without forecasts, or where the reference is never wrong.

    Raises:
        DataError: p or the reference outside [0, 1], or an outcome neither 0 nor 1.
        UsageError: columns differ in length.
    """
    forecast, outcome = forecasts(p, right)
    count = len(forecast)
    if reference is not None:
        within("reference", reference, 0.0, 1.0)
    if not count:
        return None
    score = total((forecast - outcome) ** 2) / count
    share = int(outcome.sum()) / count
    return skill_from_means(score, share, reference)


def skill_from_means(score: float, share: float, reference: float | None) -> float | None:
    """Brier skill from the mean square error and the share of right ones."""
    said = share if reference is None else reference
    bare = share * (1.0 - said) ** 2 + (1.0 - share) * said**2
    return 1.0 - score / bare if bare > 0 else None


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Murphy's decomposition with the within-bin terms of Stephenson, Coelho and Jolliffe (2008).

    score = reliability - resolution + uncertainty + within_bin_variance - within_bin_covariance, to rounding.
    """

    score: float
    reliability: float
    """Weighted square distance of mean forecast and frequency by bin; 0 is best."""
    resolution: float
    """Weighted square distance of bin frequencies and overall frequency."""
    uncertainty: float
    """o (1 - o)."""
    within_bin_variance: float
    """Of forecasts about their bin's mean."""
    within_bin_covariance: float
    """Twice the covariance of forecasts and outcomes within bins."""


def brier_parts(
    p: npt.ArrayLike, right: npt.ArrayLike, bins: int = 15, binning: Binning = "equal_width"
) -> BrierParts | None:
    """Where a Brier score comes from; None without forecasts.

    Raises:
        DataError: p outside [0, 1], or an outcome neither 0 nor 1.
        UsageError: columns differ in length, no bin, or no such binning.
    """
    forecast, outcome = forecasts(p, right)
    index = bin_index(forecast, bins, binning)
    count = len(forecast)
    if not count:
        return None
    base = int(outcome.sum()) / count
    reliability, resolution, variance, covariance = [], [], [], []
    for place in np.unique(index).tolist():
        inside = index == place
        part, hits = forecast[inside], outcome[inside]
        size = len(part)
        mean, frequency = total(part) / size, int(hits.sum()) / size
        reliability.append(size * (mean - frequency) ** 2)
        resolution.append(size * (frequency - base) ** 2)
        variance.append(total((part - mean) ** 2))
        covariance.append(2.0 * total((part - mean) * (hits - frequency)))
    return BrierParts(
        score=total((forecast - outcome) ** 2) / count,
        reliability=math.fsum(reliability) / count,
        resolution=math.fsum(resolution) / count,
        uncertainty=base * (1.0 - base),
        within_bin_variance=math.fsum(variance) / count,
        within_bin_covariance=math.fsum(covariance) / count,
    )


def log_loss(p: npt.ArrayLike, right: npt.ArrayLike, floor: float = LOG_FLOOR) -> float | None:
    """Mean of -log(probability of what happened), natural; None without forecasts.

    Args:
        floor: how far from 0 and 1 a probability is held, without which one impossible event makes the mean infinite.

    Raises:
        DataError: p outside [0, 1], an outcome neither 0 nor 1, or a floor outside [2^-1022, 1/2].
        UsageError: columns differ in length.
    """
    forecast, outcome = forecasts(p, right)
    within("floor", floor, 2.0**-1022, 0.5)
    if not len(forecast):
        return None
    happened: FloatColumn = np.where(outcome, forecast, 1.0 - forecast)
    return -total(log_column(np.clip(happened, floor, 1.0 - floor))) / len(forecast)
