"""Did the tail estimates hold? Back-tests of VaR and ES forecasts, losses positive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.exact import series, within
from aurora.risk.tail import normal_tail, rare, student_tail


@dataclass(frozen=True, slots=True)
class KupiecTest:
    """Proportion of failures."""

    violations: int
    observations: int
    likelihood_ratio: float
    p_value: float
    """Of the hypothesis that VaR is violated at its stated rate (χ², one degree of freedom)."""


def kupiec(violations: int, observations: int, level: float) -> KupiecTest | None:
    """Kupiec's (1995) test that losses exceed VaR with probability 1 - ``level``; None without observations.

    7 of 250 at 99 %: likelihood ratio 5.49699.

    Raises:
        DataError: counts that do not fit, or a level outside (0, 1).
    """
    from scipy.special import chdtrc, xlog1py, xlogy

    rate = rare(level)
    if not 0 <= violations <= observations:
        raise DataError(f"{violations} violations in {observations} observations")
    if observations == 0:
        return None
    held, seen = observations - violations, violations / observations
    expected = float(xlog1py(held, -rate) + xlogy(violations, rate))
    observed = float(xlog1py(held, -seen) + xlogy(violations, seen))
    ratio = max(0.0, 2.0 * (observed - expected))
    return KupiecTest(violations, observations, ratio, float(chdtrc(1.0, ratio)))


@dataclass(frozen=True, slots=True)
class ShortfallTest:
    """Acerbi and Szekely's (2014) statistics: 0 is expected of right forecasts, below 0 losses were worse."""

    observations: int
    violations: int
    z1: float | None
    """Mean of 1 - loss/ES over violations alone; None without any."""
    z2: float
    """1 - Σ loss·1{loss > VaR} / (T·(1 - level)·ES): both too many violations and too large ones."""
    passed: bool
    """Z2 is not below its critical value."""
    critical: float


Z2_CRITICAL_5 = -0.70
"""Critical value of Z2 at 5 % for ES at 97.5 % over 250 days: the same for most laws of loss (Acerbi and Szekely)."""


def acerbi_szekely(
    losses: FloatColumn,
    value_at_risk: FloatColumn,
    expected_shortfall: FloatColumn,
    level: float,
    critical: float = Z2_CRITICAL_5,
) -> ShortfallTest | None:
    """Back-tests ES forecasts, one a period; None without periods.

    Args:
        critical: from :func:`z2_quantiles` where level or number of periods are not 97.5 % and 250.

    Raises:
        DataError: columns of different length, a number that is not finite, or an ES that is not above 0.
    """
    lost = series("losses", losses)
    quantiles, shortfalls = (
        series("value_at_risk", value_at_risk),
        series("expected_shortfall", expected_shortfall),
    )
    share = rare(level)
    if not len(lost) == len(quantiles) == len(shortfalls):
        raise DataError(
            f"{len(lost)} losses, {len(quantiles)} VaRs and {len(shortfalls)} ESs; they must pair up"
        )
    if len(lost) == 0:
        return None
    if np.any(shortfalls <= 0):
        raise DataError("an expected shortfall is not above 0; the statistics divide by it")
    beyond = lost > quantiles
    ratios = lost[beyond] / shortfalls[beyond]
    z2 = 1.0 - math.fsum(ratios) / (len(lost) * share)
    z1 = 1.0 - math.fsum(ratios) / len(ratios) if len(ratios) else None
    return ShortfallTest(len(lost), int(beyond.sum()), z1, z2, z2 >= critical, critical)


def z2_quantiles(
    probabilities: list[float],
    *,
    level: float,
    observations: int,
    freedom: float | None,
    draws: int,
    seed: int,
) -> list[float]:
    """Quantiles of Z2 under right forecasts, by simulation: critical values for any level and length.

    Args:
        freedom: of Student's t losses; None: normal ones.
        draws: simulated back-tests.
    """
    for probability in probabilities:
        within("probability", probability, 0.0, 1.0, open_ends=True)
    if observations < 1 or draws < 1:
        raise DataError(f"{draws} draws of {observations} observations; both are at least 1")
    quantile, shortfall = normal_tail(level) if freedom is None else student_tail(level, freedom)
    generator = np.random.default_rng(seed)
    statistics = np.empty(draws)
    rows = max(1, 2_000_000 // observations)
    for start in range(0, draws, rows):
        shape = (min(rows, draws - start), observations)
        if freedom is None:
            lost = generator.standard_normal(shape)
        else:
            lost = generator.standard_t(freedom, shape) * math.sqrt((freedom - 2) / freedom)
        beyond = np.where(lost > quantile, lost, 0.0).sum(axis=1)
        statistics[start : start + shape[0]] = 1.0 - beyond / (observations * rare(level) * shortfall)
    return [float(value) for value in np.quantile(statistics, probabilities)]
