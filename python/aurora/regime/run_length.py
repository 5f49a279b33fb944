"""Thresholds from a wanted run length between false alarms, never by eye. Offline: for settings, not for decisions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from aurora.errors import UsageError
from aurora.messages import FloatColumn

_NODES = 128
_LARGEST_THRESHOLD = 100.0
_PLACES = 6


def _checked(name: str, value: float, least: float) -> float:
    if not math.isfinite(value) or value < least:
        raise UsageError(f"{name} is {value}; it must be finite and at least {least:g}")
    return value


def _one_sided(allowance: float, threshold: float, shift: float) -> float:
    """ARL of the upper sum: L(z) = 1 + L(0) F(k - z - d) + integral over [0, h] of L(y) f(y + k - z - d), at z = 0
    (Page 1954; solved at Gauss-Legendre nodes, Crowder 1987)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    y = np.concatenate([[0.0], threshold / 2 * (nodes + 1)])
    w = np.concatenate([[0.0], threshold / 2 * weights])
    moved = allowance - shift - y
    kernel = w * np.exp(-0.5 * (y[None, :] + moved[:, None]) ** 2) / math.sqrt(2 * math.pi)
    kernel[:, 0] += [0.5 * math.erfc(-m / math.sqrt(2)) for m in moved]
    return float(np.linalg.solve(np.eye(len(y)) - kernel, np.ones(len(y)))[0])


def cusum_run_length(allowance: float, threshold: float, shift: float = 0.0) -> float:
    """Average number of observations to an alarm of the two-sided CUSUM, for standard normal observations plus
    ``shift``: with shift 0 the run length between false alarms, else the delay of detection.

    Raises:
        UsageError: an argument is not finite, or the threshold is not in (0, 100].
    """
    _checked("allowance", allowance, 0.0)
    _checked("shift", abs(shift), 0.0)
    _checked("threshold", threshold, 1e-9)
    if threshold > _LARGEST_THRESHOLD:
        raise UsageError(f"threshold is {threshold}; it must be at most {_LARGEST_THRESHOLD:g}")
    upper = _one_sided(allowance, threshold, shift)
    lower = _one_sided(allowance, threshold, -shift)
    return 1 / (1 / upper + 1 / lower)


def siegmund_run_length(allowance: float, threshold: float, shift: float = 0.0) -> float:
    """The same in closed form, within a few per cent (Siegmund 1985): (exp(-2 D b) + 2 D b - 1) / (2 D^2) for one
    side, with D = shift - allowance and b = threshold + 1.166; b^2 where D is 0.

    Raises:
        UsageError: an argument is not finite, or the threshold is not above 0.
    """
    _checked("allowance", allowance, 0.0)
    _checked("shift", abs(shift), 0.0)
    b = _checked("threshold", threshold, 1e-9) + 1.166

    def one(drift: float) -> float:
        return b * b if drift == 0 else (math.expm1(-2 * drift * b) + 2 * drift * b) / (2 * drift * drift)

    return 1 / (1 / one(shift - allowance) + 1 / one(-shift - allowance))


def cusum_threshold(allowance: float, run_length: float) -> float:
    """The threshold at which the two-sided CUSUM has this run length between false alarms, to six places.

    Raises:
        UsageError: the run length is below 2 or above 1e9.
    """
    _checked("run_length", run_length, 2.0)
    _checked("allowance", allowance, 0.0)
    if run_length > 1e9:
        raise UsageError(f"run_length is {run_length}; it must be at most 1e9")
    low, high = 0.0, 1.0
    while cusum_run_length(allowance, high) < run_length:
        low, high = high, 2 * high
    while high - low > 10.0**-_PLACES / 4:
        middle = (low + high) / 2
        if cusum_run_length(allowance, middle) < run_length:
            low = middle
        else:
            high = middle
    return round(high, _PLACES)


def simulated_threshold(
    statistic: Callable[[FloatColumn], FloatColumn], run_length: int, *, paths: int = 400, seed: int = 0
) -> float:
    """A threshold for any detector on standard normal input, by simulation.

    Times to a false alarm are close to exponential, so within one mean run length a share of 1 - 1/e of all paths
    alarms: the threshold is the 1/e quantile of the greatest statistic over ``run_length`` observations. Its relative
    error in run length is about 1.3 / sqrt(paths).

    Args:
        statistic: runs a new detector over a path and gives its statistic after each observation, for instance
            ``lambda x: settings.detector().update(x)["statistic"]`` with a threshold out of reach.
        run_length: wanted observations between false alarms.
        paths: simulated paths, each of ``run_length`` observations.
        seed: of numpy's default generator.

    Raises:
        UsageError: fewer than 2 observations or fewer than 10 paths.
    """
    if run_length < 2 or paths < 10:
        raise UsageError("simulated_threshold needs a run_length of at least 2 and at least 10 paths")
    random = np.random.default_rng(seed)
    greatest = [float(np.max(statistic(random.standard_normal(run_length)))) for _ in range(paths)]
    return round(float(np.quantile(greatest, math.exp(-1))), _PLACES)
