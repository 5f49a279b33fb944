"""The generalised Pareto law of losses beyond a threshold: fits and tail formulas.

F(y) = 1 - (1 + ξ·y/σ)^(-1/ξ) for y >= 0. Pickands 1975; Hosking and Wallis 1987; Grimshaw 1993.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.exact import series, within

REGULAR_SHAPE = -0.5
"""Maximum likelihood is regular above this shape; the fit stops there."""
NEARLY_EXPONENTIAL = 1e-9


@dataclass(frozen=True, slots=True)
class GeneralisedPareto:
    """A fitted law of excesses."""

    shape: float
    """ξ: above 0 the tail is heavy, from 1 on it has no mean."""
    scale: float
    """σ, in the unit of the excesses."""
    negative_log_likelihood: float
    """Of the excesses it was fitted to, at these parameters."""

    def tail(
        self, level: float, threshold: float, count: int, exceedances: int
    ) -> tuple[float, float | None]:
        """VaR and ES at ``level`` of ``count`` losses of which ``exceedances`` lie above ``threshold``.

        VaR = u + σ/ξ·((n/N_u·(1-q))^-ξ - 1), ES = (VaR + σ - ξ·u)/(1 - ξ); the exponential limit at ξ = 0. ES is
        None where the law has no mean (ξ >= 1).

        Raises:
            DataError: the level lies below the threshold.
        """
        within("level", level, 0.0, 1.0, open_ends=True)
        if not 0 < exceedances <= count:
            raise DataError(f"{exceedances} exceedances of {count} losses")
        # log1p(-q) keeps the digits of 1 - q.
        log_survival = math.log(count / exceedances) + math.log1p(-level)
        if log_survival > 1e-9:
            raise DataError(f"level {level} lies below the threshold, exceeded by {exceedances} of {count}")
        log_survival = min(0.0, log_survival)
        if abs(self.shape) < NEARLY_EXPONENTIAL:
            excess = -self.scale * log_survival
        else:
            excess = self.scale * math.expm1(-self.shape * log_survival) / self.shape
        quantile = threshold + excess
        if self.shape >= 1.0:
            return quantile, None
        return quantile, (quantile + self.scale - self.shape * threshold) / (1.0 - self.shape)


def pareto_negative_log_likelihood(excesses: FloatColumn, shape: float, scale: float) -> float:
    """Σ log σ + (1 + 1/ξ)·log(1 + ξ·y/σ); infinite outside the support."""
    values = series("excesses", excesses)
    if scale <= 0:
        return math.inf
    if abs(shape) < NEARLY_EXPONENTIAL:
        return len(values) * math.log(scale) + float(values.sum()) / scale
    inside = 1.0 + shape * values / scale
    if np.any(inside <= 0):
        return math.inf
    return len(values) * math.log(scale) + (1.0 + 1.0 / shape) * float(np.log(inside).sum())


def fit_pareto(excesses: FloatColumn) -> GeneralisedPareto | None:
    """Maximum likelihood by Grimshaw's profile: with θ = ξ/σ, ξ(θ) = mean log(1 + θ·y) and one variable is left.

    Shapes below -0.5, where the likelihood is not regular, are not looked for. None below three excesses, or where
    they are all alike.

    Raises:
        DataError: an excess that is negative or not finite.
    """
    values = series("excesses", excesses)
    if len(values) and float(values.min()) < 0:
        raise DataError(f"an excess is {values.min()}; excesses are not negative")
    if len(values) < 3 or float(values.max() - values.min()) <= 1e-12 * float(values.max()):
        return None
    mean = float(values.mean())
    scaled = values / mean
    theta = _profile_minimum(scaled)
    shape = _shape(scaled, theta)
    scale = mean * (shape / theta if abs(shape) >= NEARLY_EXPONENTIAL else 1.0)
    if abs(shape) < NEARLY_EXPONENTIAL:
        shape = 0.0
    return GeneralisedPareto(shape, scale, pareto_negative_log_likelihood(values, shape, scale))


def _shape(scaled: FloatColumn, theta: float) -> float:
    return float(np.log1p(theta * scaled).mean())


def _profile(scaled: FloatColumn, theta: float) -> float:
    """Negative log-likelihood per excess along the profile: log σ(θ) + ξ(θ) + 1."""
    shape = _shape(scaled, theta)
    if abs(theta) < 1e-12 or shape == 0.0:
        return 1.0
    return math.log(shape / theta) + shape + 1.0


def _profile_minimum(scaled: FloatColumn) -> float:
    """θ of the smallest profile, on excesses of mean 1: a scan for the valley, then Brent's method in it."""
    from scipy.optimize import brentq, minimize_scalar

    edge = -1.0 / float(scaled.max())
    low = float(
        brentq(lambda theta: _shape(scaled, theta) - REGULAR_SHAPE, edge * (1 - 1e-12), edge * 1e-9)
        if _shape(scaled, edge * (1 - 1e-12)) < REGULAR_SHAPE
        else edge * (1 - 1e-12)
    )
    # Evenly in θ below 0; above it by powers, for heavy tails have θ far beyond 1 / mean.
    grid = np.concatenate([np.linspace(low, -1e-6, 60), [0.0], np.geomspace(1e-6, 1e6, 200)])
    profile = np.array([_profile(scaled, float(theta)) for theta in grid])
    best = int(profile.argmin())
    left, right = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = minimize_scalar(
        lambda theta: _profile(scaled, float(theta)),
        bounds=(float(left), float(right)),
        method="bounded",
        options={"xatol": 1e-12 * max(1.0, abs(float(right)))},
    )
    candidates = [(float(found.fun), float(found.x)), (float(profile[best]), float(grid[best]))]
    return min(candidates)[1]


def fit_pareto_moments(excesses: FloatColumn) -> GeneralisedPareto | None:
    """Probability-weighted moments (Hosking and Wallis 1987) with plotting positions (i - 0.35)/n; for ξ < 0.5.

    None below three excesses, or where they are all alike.

    Raises:
        DataError: an excess that is negative or not finite.
    """
    values = np.sort(series("excesses", excesses))
    if len(values) and float(values[0]) < 0:
        raise DataError(f"an excess is {values[0]}; excesses are not negative")
    if len(values) < 3 or float(values[-1] - values[0]) <= 1e-12 * float(values[-1]):
        return None
    positions = (np.arange(1, len(values) + 1) - 0.35) / len(values)
    first, second = float(values.mean()), float(((1.0 - positions) * values).mean())
    shape = 2.0 - first / (first - 2.0 * second)
    scale = 2.0 * first * second / (first - 2.0 * second)
    if not (math.isfinite(shape) and scale > 0):
        return None
    return GeneralisedPareto(shape, scale, pareto_negative_log_likelihood(values, shape, scale))
