"""Multipliers and Kelly fractions: reference numbers of spec/quant.md section 5, edges, and what is refused."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from aurora.errors import AuroraError, DataError
from aurora.risk import (
    ScalerPolicy,
    calibration_scaler,
    drawdown_scaler,
    growth_rate,
    kelly_fraction,
    kelly_notional,
    latency_scaler,
    liquidity_scaler,
    posterior_quantile,
    regime_scaler,
    throttle,
    volatility_scaler,
)

HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("error", "expected", "value"),
    [(0.05, 0.0, math.exp(-0.25)), (0.05, 0.03, math.exp(-0.1)), (0.03, 0.03, 1.0), (0.01, 0.03, 1.0)],
)
def test_calibration_counts_the_excess_alone(error: float, expected: float, value: float) -> None:
    assert float(calibration_scaler(error, expected, 5)) == pytest.approx(value, rel=1e-15)


def test_calibration_is_exact_where_there_is_no_excess() -> None:
    assert calibration_scaler(0.03, 0.03, 5) == 1
    assert calibration_scaler(0.0, 0.0, 5) == 1
    assert calibration_scaler(0.030000000001, 0.03, 5) < 1
    assert calibration_scaler(1, 0, 1000) < Fraction(1, 10**400)


def test_regimes() -> None:
    policy = ScalerPolicy()
    values = {
        name: regime_scaler(name, policy) for name in ("TREND", "RANGE", "NEUTRAL", "PANIC", "ILLIQUID")
    }
    assert values == {"TREND": 1, "RANGE": Fraction(3, 4), "NEUTRAL": HALF, "PANIC": 0, "ILLIQUID": 0}
    other = ScalerPolicy(
        regime_trend="0.9",
        regime_range="0.8",
        regime_neutral="0.7",
        regime_panic="0.6",
        regime_illiquid="0.5",
    )
    assert [float(regime_scaler(name, other)) for name in values] == [0.9, 0.8, 0.7, 0.6, 0.5]


def test_liquidity() -> None:
    assert liquidity_scaler(5000, Fraction(500), Decimal("0.1")) == 1
    assert liquidity_scaler(4999, Fraction(500), Decimal("0.1")) == Fraction(4999, 5000)
    assert liquidity_scaler(0, Fraction(500), Decimal("0.1")) == 0
    assert liquidity_scaler(0, Fraction(1, 2), Decimal("0.1")) == 0
    assert liquidity_scaler(0, Fraction(0), Decimal("0.1")) == 1, "nothing to scale"


def test_drawdown() -> None:
    for equity, scaler in (
        (100, Fraction(1)),
        (101, Fraction(1)),
        (95, HALF),
        (90, Fraction(0)),
        (80, Fraction(0)),
    ):
        assert drawdown_scaler(equity, 100, 10) == scaler
    assert drawdown_scaler(91, 100, 10) == Fraction(1, 10)
    assert drawdown_scaler(-5, 0, 10) == 1, "no peak, no drawdown"
    assert drawdown_scaler(0, 1, 100) == 0


def test_latency() -> None:
    assert latency_scaler(Decimal("0.01"), 120, 20, 2) == HALF
    assert latency_scaler(Decimal("0.01"), 220, 20, 2) == 0
    assert latency_scaler(Decimal("0.01"), 221, 20, 2) == 0
    assert latency_scaler(Decimal("0.01"), 20, 20, 2) == 1
    assert latency_scaler(Decimal("0.01"), 10, 20, 2) == 1, "faster than charged earns nothing"
    assert latency_scaler(Decimal("0.01"), 10, 20, 0) == 0, "no edge"
    assert latency_scaler(0, 1000, 20, Decimal("0.001")) == 1


def test_throttle() -> None:
    policy = ScalerPolicy()
    for sharpe, scaler in ((0, 1), (5, 1), (-1, HALF), (-1.5, Fraction(1, 4)), (-7, Fraction(1, 4))):
        assert throttle(sharpe, policy.throttle_slope, policy.throttle_floor) == scaler
    assert throttle(Decimal("-0.002"), policy.throttle_slope, policy.throttle_floor) == Fraction(999, 1000)


def test_volatility() -> None:
    assert volatility_scaler(0.02, 0.01) == HALF
    assert volatility_scaler(0.01, 0.01) == 1
    assert volatility_scaler(0.005, 0.01) == 1
    assert volatility_scaler(0, 0) == 1
    assert volatility_scaler(0.01, 0) == 0


NAN, INFINITY = float("nan"), float("inf")
REFUSED: list[tuple[Any, ...]] = [
    (calibration_scaler, -0.1, 0, 5),
    (calibration_scaler, NAN, 0, 5),
    (calibration_scaler, 0.1, INFINITY, 5),
    (regime_scaler, "MOON", ScalerPolicy()),
    (liquidity_scaler, -1, Fraction(1), 1),
    (latency_scaler, -0.1, 1, 1, 1),
    (latency_scaler, 0.1, NAN, 1, 1),
    (latency_scaler, 0.1, 1, 1, INFINITY),
    (throttle, NAN, 1, 0),
    (throttle, Decimal("NaN"), 1, 0),
    (throttle, Decimal("Infinity"), 1, 0),
    (volatility_scaler, -1, 1),
    (volatility_scaler, 1, -1),
    (volatility_scaler, INFINITY, 1),
    (kelly_fraction, 1.1, 1, 1),
    (kelly_fraction, -0.1, 1, 1),
    (kelly_fraction, NAN, 1, 1),
    (kelly_fraction, 0.5, INFINITY, 1),
    (kelly_fraction, 0.5, 1, 0),
    (kelly_notional, 0.5, 1, 1, -1),
    (posterior_quantile, -1, 1, 0.5),
    (posterior_quantile, 1, NAN, 0.5),
    (posterior_quantile, 1, 1, 0),
    (posterior_quantile, 1, 1, 1),
    (growth_rate, -0.1, 0.5, 1),
    (growth_rate, 0.1, 1.5, 1),
    (growth_rate, 0.1, 0.5, 0),
]


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_no_number_or_no_sense_is_refused(call: tuple[Any, ...]) -> None:
    with pytest.raises(AuroraError):
        call[0](*call[1:])


# --- Kelly ------------------------------------------------------------------------------------------------------


def test_kelly_at_risk() -> None:
    assert kelly_fraction(Decimal("0.55"), 1, 1) == Fraction(1, 10)
    assert kelly_fraction(Decimal("0.6"), Decimal("0.8"), 1) == Fraction(1, 10)
    assert kelly_fraction(0.5, 1, 1) == 0
    assert kelly_fraction(0.4, 1, 1) == 0
    assert kelly_fraction(1, 1, 1) == 1
    assert kelly_fraction(0, 1, 1) == 0
    assert kelly_fraction(1, 0, 1) == 0, "the cost eats the gain"
    assert kelly_fraction(1, -1, 1) == 0


def test_kelly_as_notional() -> None:
    gain, loss, cost, p = Decimal("0.010"), Decimal("0.008"), Decimal("0.001"), Decimal("0.55")
    assert kelly_notional(p, gain, loss) == Fraction("23.75")
    with_cost = kelly_notional(p, gain, loss, cost)
    assert float(with_cost) == pytest.approx(11.111111111111111, rel=1e-12)
    assert with_cost * Fraction(loss + cost) == Fraction(1, 10), "p - q/b' of equity at risk"
    assert kelly_notional(p, gain, loss, gain) == 0
    assert kelly_notional(1, gain, loss, gain - Decimal("0.0001")) > 0


def test_growth_rate() -> None:
    full, half = growth_rate(0.1, 0.55, 1.0), growth_rate(0.05, 0.55, 1.0)
    assert full == pytest.approx(0.00500837, abs=5e-9)
    # spec/quant.md prints 0.00375262; the closed form is 0.003752608.
    assert half == pytest.approx(0.55 * math.log(1.05) + 0.45 * math.log(0.95), rel=1e-12)
    assert half == pytest.approx(0.00375262, abs=1.5e-8)
    assert full is not None
    assert half is not None
    assert half / full == pytest.approx(0.75, abs=1e-3)
    assert growth_rate(0.0, 0.55, 1.0) == 0
    assert growth_rate(1.0, 0.55, 1.0) is None
    assert growth_rate(1.0, 1.0, 1.0) == pytest.approx(math.log(2))
    for nearby in (0.09, 0.11):
        other = growth_rate(nearby, 0.55, 1.0)
        assert other is not None
        assert other < full


def test_kelly_at_a_quantile_of_the_posterior() -> None:
    low, median = posterior_quantile(60, 50, 0.2), posterior_quantile(60, 50, 0.5)
    assert low == pytest.approx(0.505092, abs=5e-7)
    assert float(kelly_fraction(low, 1, 1)) == pytest.approx(0.010184, abs=5e-7)
    assert float(kelly_fraction(median, 1, 1)) == pytest.approx(0.089819, abs=5e-7)
    assert posterior_quantile(0, 0, 0.2) == pytest.approx(0.2, rel=1e-12), "the prior is uniform"


def test_errors_say_what_and_why() -> None:
    with pytest.raises(DataError, match=r"p is 1.1; a probability lies in \[0, 1\]"):
        kelly_fraction(1.1, 1, 1)
    with pytest.raises(DataError, match=r"quantile is 1.0; it must lie in \(0.0, 1.0\)"):
        posterior_quantile(1, 1, 1)
    with pytest.raises(DataError, match="sharpe is nan; it must be finite"):
        throttle(NAN, 1, 0)
