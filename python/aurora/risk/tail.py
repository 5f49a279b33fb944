"""Value at risk and expected shortfall, losses positive: VaR is a quantile of loss, ES the mean loss beyond it.

Peaks over threshold (generalised Pareto) where there are enough losses, the empirical shortfall with a haircut where
there are not; see McNeil, Frey and Embrechts, *Quantitative Risk Management* (2015), chapters 5 and 9. Losses that
depend on each other in time want a filter first (McNeil and Frey 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.bootstrap import resample_indices
from aurora.risk.exact import exact, series, table, within
from aurora.risk.pareto import GeneralisedPareto, fit_pareto
from aurora.risk.sections import TailPolicy


def value_at_risk(losses: FloatColumn, level: float) -> float | None:
    """The smallest loss that at least ``level`` of them do not exceed; None without losses."""
    ordered = np.sort(series("losses", losses))
    return None if len(ordered) == 0 else float(ordered[_rank(len(ordered), level) - 1])


def expected_shortfall(losses: FloatColumn, level: float) -> float | None:
    """Mean of the worst 1 - ``level`` of losses, the boundary loss counted with its fraction; None without losses.

    Acerbi and Tasche 2002; Rockafellar and Uryasev 2002. Losses 1..20 at 0.9: 19.5.
    """
    ordered = np.sort(series("losses", losses))
    return None if len(ordered) == 0 else _shortfall(ordered, level)


def rare(level: float) -> float:
    """1 - level, of the decimal that the level prints as: 0.2 of 0.8."""
    within("level", level, 0.0, 1.0, open_ends=True)
    return float(1 - exact("level", level))


def _rank(count: int, level: float) -> int:
    within("level", level, 0.0, 1.0, open_ends=True)
    # In fractions: 0.9 · 20 may be 18.000000000000004 otherwise, and the rank 19.
    return math.ceil(count * exact("level", level))


def _shortfall(ordered: FloatColumn, level: float) -> float:
    count, share = len(ordered), exact("level", level)
    rank = _rank(count, level)
    # VaR plus what lies beyond it: the boundary's fraction enters by what is left out (Rockafellar and Uryasev).
    boundary = float(ordered[rank - 1])
    beyond = math.fsum(float(loss) - boundary for loss in ordered[rank:])
    return boundary + beyond / float(count * (1 - share))


def normal_tail(level: float) -> tuple[float, float]:
    """VaR and ES of a standard normal loss, in standard deviations."""
    from scipy.stats import norm

    beyond = rare(level)
    quantile = float(norm.ppf(level))
    return quantile, float(norm.pdf(quantile)) / beyond


def student_tail(level: float, freedom: float) -> tuple[float, float]:
    """VaR and ES of a Student t loss scaled to unit variance; ``freedom`` above 2."""
    from scipy.stats import t

    beyond = rare(level)
    within("freedom", freedom, 2.0, math.inf, open_ends=True)
    quantile, scale = float(t.ppf(level, freedom)), math.sqrt((freedom - 2) / freedom)
    density = float(t.pdf(quantile, freedom))
    shortfall = density / beyond * (freedom + quantile**2) / (freedom - 1)
    return quantile * scale, shortfall * scale


@dataclass(frozen=True, slots=True)
class TailEstimate:
    """VaR and ES with how they came about; in the unit of the losses, losses positive."""

    level: float
    method: str
    """``pot`` (peaks over threshold), ``empirical`` (with haircut) or ``none``."""
    reason: str | None
    """Why it is not ``pot``, or why there is no ES: ``no_losses``, ``too_few_losses``, ``too_few_exceedances``,
    ``fit_failed`` or ``infinite_mean``."""
    losses: int
    exceedances: int
    threshold: float | None
    shape: float | None
    """ξ of the generalised Pareto law; None unless fitted."""
    scale: float | None
    value_at_risk: float | None
    expected_shortfall: float | None
    """With the haircut, where there is one. None: undefined, and a gate refuses what it cannot bound."""
    haircut: float
    """Share that was added to the empirical shortfall."""
    value_at_risk_interval: tuple[float, float] | None
    expected_shortfall_interval: tuple[float, float] | None
    """90 % percentile intervals of a seeded bootstrap of the same method, haircut included."""


INTERVAL = (0.05, 0.95)


def estimate_tail(
    losses: FloatColumn,
    policy: TailPolicy,
    *,
    level: float = 0.95,
    seed: int,
    block_length: float = 1.0,
    interval: bool = True,
) -> TailEstimate:
    """VaR and ES of losses at ``level``: peaks over threshold from n >= 1,000 losses with at least 100 above the
    threshold, else the empirical shortfall plus a haircut that grows with 1/√n (policy).

    Args:
        seed: of the bootstrap.
        block_length: mean length of its blocks (stationary bootstrap); above 1 for dependent losses.
        interval: without intervals there is no bootstrap, which is most of the work.

    Raises:
        DataError: a loss that is not finite.
    """
    sample = series("losses", losses)
    within("level", level, 0.0, 1.0, open_ends=True)
    point = _estimate(np.sort(sample), policy, level)
    if not interval or point.expected_shortfall is None or len(sample) < 2:
        return point
    generator = np.random.default_rng(seed)
    values, shortfalls = [], []
    for _ in range(policy.resamples):
        drawn = np.sort(sample[resample_indices(generator, len(sample), block_length)])
        again = _like(point, drawn, policy)
        if again is not None:
            values.append(again[0])
            shortfalls.append(again[1])
    if len(values) < policy.resamples // 2 + 1:
        return point
    return TailEstimate(
        **{
            **{name: getattr(point, name) for name in point.__slots__},
            "value_at_risk_interval": _interval(values),
            "expected_shortfall_interval": _interval(shortfalls),
        }
    )


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(np.array(values), INTERVAL)
    return float(low), float(high)


def _estimate(ordered: FloatColumn, policy: TailPolicy, level: float) -> TailEstimate:
    count = len(ordered)
    if count == 0:
        return _answer(level, "none", "no_losses", 0, 0, None, None, None, None, 0.0)
    threshold, tail = _tail_of(ordered, policy)
    reason, law = None, None
    if count < policy.minimum_observations:
        reason = "too_few_losses"
    elif len(tail) < policy.minimum_exceedances:
        reason = "too_few_exceedances"
    elif Fraction(len(tail), count) < 1 - exact("level", level):
        # The level lies below the threshold, where the law of the tail says nothing.
        reason = "too_few_exceedances"
    else:
        law = fit_pareto(tail - threshold)
        reason = "fit_failed" if law is None else None
    if law is None:
        cut = _haircut(count, policy)
        quantile = float(ordered[_rank(count, level) - 1])
        shortfall = _with_haircut(_shortfall(ordered, level), cut)
        return _answer(
            level, "empirical", reason, count, len(tail), threshold, None, quantile, shortfall, cut
        )
    quantile, shortfall_or_none = law.tail(level, threshold, count, len(tail))
    why = None if shortfall_or_none is not None else "infinite_mean"
    return _answer(level, "pot", why, count, len(tail), threshold, law, quantile, shortfall_or_none, 0.0)


def _tail_of(ordered: FloatColumn, policy: TailPolicy) -> tuple[float, FloatColumn]:
    threshold = float(ordered[_rank(len(ordered), float(policy.threshold_quantile)) - 1])
    return threshold, ordered[ordered > threshold]


def _haircut(count: int, policy: TailPolicy) -> float:
    """Grows like the relative standard deviation of a shortfall estimated from so many losses: 15 % at 1,000."""
    return float(policy.haircut_pct) / 100 * math.sqrt(1000 / count)


def _with_haircut(shortfall: float, haircut: float) -> float:
    """Always on the side of more loss, also where the tail gains."""
    return shortfall + haircut * abs(shortfall)


def _like(point: TailEstimate, drawn: FloatColumn, policy: TailPolicy) -> tuple[float, float] | None:
    """VaR and ES of a resample by the method of the estimate; None where that has no answer."""
    if point.method == "empirical":
        quantile = float(drawn[_rank(len(drawn), point.level) - 1])
        return quantile, _with_haircut(_shortfall(drawn, point.level), point.haircut)
    threshold, tail = _tail_of(drawn, policy)
    if Fraction(len(tail), len(drawn)) < 1 - exact("level", point.level):
        return None
    law = fit_pareto(tail - threshold)
    if law is None:
        return None
    quantile, shortfall = law.tail(point.level, threshold, len(drawn), len(tail))
    return None if shortfall is None else (quantile, shortfall)


def _answer(
    level: float,
    method: str,
    reason: str | None,
    losses: int,
    exceedances: int,
    threshold: float | None,
    law: GeneralisedPareto | None,
    quantile: float | None,
    shortfall: float | None,
    haircut: float,
) -> TailEstimate:
    return TailEstimate(
        level=level,
        method=method,
        reason=reason,
        losses=losses,
        exceedances=exceedances,
        threshold=threshold,
        shape=None if law is None else law.shape,
        scale=None if law is None else law.scale,
        value_at_risk=quantile,
        expected_shortfall=shortfall,
        haircut=haircut,
        value_at_risk_interval=None,
        expected_shortfall_interval=None,
    )


@dataclass(frozen=True, slots=True)
class TailGate:
    """Whether a tail is within its limit."""

    reason: str | None
    """Reason code of the refusal, None where it passes."""
    value: float | None
    limit: float


def trade_gate(shortfall: float | None, equity: float, policy: TailPolicy) -> TailGate:
    """ES of one trade (money, losses positive) against 2 % of equity; an undefined one is refused.

    Raises:
        DataError: a number that is not finite.
    """
    limit = float(policy.trade_pct) / 100 * max(0.0, within("equity", equity, -math.inf, math.inf))
    return _gate("deny.tail_trade", shortfall, limit)


def portfolio_gate(shortfall: float | None, remaining_daily_loss: float) -> TailGate:
    """ES of everything held, the new trade included, against what may still be lost today."""
    limit = max(0.0, within("remaining_daily_loss", remaining_daily_loss, -math.inf, math.inf))
    return _gate("deny.tail_portfolio", shortfall, limit)


def _gate(reason: str, shortfall: float | None, limit: float) -> TailGate:
    if shortfall is None:
        return TailGate(reason, None, limit)
    value = within("expected shortfall", shortfall, -math.inf, math.inf)
    return TailGate(reason if value > limit else None, value, limit)


def portfolio_losses(weights: FloatColumn, returns: FloatColumn) -> FloatColumn:
    """Losses of a portfolio in each past period had it been held: -returns · weights (historical simulation).

    Args:
        weights: signed notional by symbol.
        returns: periods × symbols, simple returns.
    """
    held, moves = series("weights", weights), table("returns", returns)
    if moves.shape[1] != len(held):
        raise DataError(f"{moves.shape[1]} symbols of returns for {len(held)} weights")
    return -(moves @ held)
