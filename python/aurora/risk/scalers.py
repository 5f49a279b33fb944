"""Multipliers in [0, 1] that shrink a size (SPEC section 7), as exact fractions.

None of them can enlarge: a multiplier above 1 would double a size on noise (a 7-day annualised Sharpe ratio has a
standard error around 7). They are exact so that no rounding can turn "worse" into "more".
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

from aurora.errors import DataError
from aurora.risk.exact import Number, exact
from aurora.risk.sections import ScalerPolicy

ONE = Fraction(1)
ZERO = Fraction(0)
_EXPONENTIAL = Context(prec=28, Emin=-999_999, Emax=999_999)
"""Decimal's exponential is correctly rounded, so the same on every platform; that of C is not."""


def clip(value: Fraction, low: Fraction = ZERO, high: Fraction = ONE) -> Fraction:
    return min(high, max(low, value))


def calibration_scaler(error: Number, expected: Number, decay: Number) -> Fraction:
    """exp(-decay · excess), the excess being the calibration error (ECE) above what chance alone gives.

    Args:
        error: expected calibration error measured on n outcomes.
        expected: what a perfectly calibrated forecaster shows on as many, with the same bins.
    """
    measured = exact("calibration error", error)
    if measured < 0:
        raise DataError(f"calibration error is {error}; it cannot be negative")
    excess = max(ZERO, measured - exact("expected calibration error", expected))
    exponent = exact("calibration decay", decay) * excess
    quotient = _EXPONENTIAL.divide(Decimal(-exponent.numerator), Decimal(exponent.denominator))
    return Fraction(_EXPONENTIAL.exp(quotient))


def regime_scaler(regime: str, policy: ScalerPolicy) -> Fraction:
    """The policy's multiplier for TREND, RANGE, NEUTRAL, PANIC or ILLIQUID.

    Raises:
        DataError: no such regime; an unknown one may not pass as harmless.
    """
    values = {
        "TREND": policy.regime_trend,
        "RANGE": policy.regime_range,
        "NEUTRAL": policy.regime_neutral,
        "PANIC": policy.regime_panic,
        "ILLIQUID": policy.regime_illiquid,
    }
    if regime not in values:
        raise DataError(f"regime {regime!r} is unknown; there are {', '.join(values)}")
    return Fraction(values[regime])


def liquidity_scaler(depth: int, base: Fraction, share: Number) -> Fraction:
    """min(1, share · depth / base): the order becomes no larger than a share of the depth.

    Args:
        depth: displayed size within 5 bps on the side to be taken, size quanta.
        base: size before scalers, size quanta.
    """
    if depth < 0:
        raise DataError(f"depth is {depth}; it cannot be negative")
    if base <= 0:
        return ONE
    return clip(exact("depth share", share) * depth / base)


def drawdown_scaler(equity: int, peak: int, zero_pct: Number) -> Fraction:
    """1 at the equity peak, falling linearly to 0 at a drawdown of ``zero_pct`` per cent (Grossman-Zhou 1993)."""
    if peak <= 0 or equity >= peak:
        return ONE
    return clip(1 - Fraction(peak - equity, peak) * 100 / exact("zero_pct", zero_pct))


def latency_scaler(kappa: Number, p95_ms: Number, charged_ms: Number, edge_bps: Number) -> Fraction:
    """clip(1 - kappa · (p95 - charged) / edge, 0, 1): the edge that latency beyond what was charged eats.

    Args:
        kappa: basis points lost per millisecond.
        p95_ms: 95th percentile of the latency from tick to order.
        charged_ms: the latency that the costs already contain.
        edge_bps: expected edge; without one nothing is left.
    """
    edge = exact("edge_bps", edge_bps)
    slope = exact("kappa", kappa)
    if slope < 0:
        raise DataError(f"kappa is {kappa}; latency earns nothing")
    late = exact("p95_ms", p95_ms) - exact("charged_ms", charged_ms)
    if edge <= 0:
        return ZERO
    return clip(1 - slope * late / edge)


def throttle(sharpe: Number, slope: Number, floor: Number) -> Fraction:
    """clip(1 + slope · Sharpe of the last 7 days, floor, 1)."""
    value = 1 + exact("slope", slope) * exact("sharpe", sharpe)
    return clip(value, exact("floor", floor))


def volatility_scaler(estimate: Number, reference: Number) -> Fraction:
    """min(1, reference / estimate).

    With volatility targeting the reference is the target; with inverse volatility it is the universe's lowest.

    Args:
        estimate: volatility of the symbol's trades (over 1,000), any unit.
        reference: in the same unit.
    """
    sigma, wanted = exact("volatility", estimate), exact("reference volatility", reference)
    if sigma < 0 or wanted < 0:
        raise DataError(f"volatility {estimate} against {reference}: neither can be negative")
    return ONE if sigma <= wanted else wanted / sigma
