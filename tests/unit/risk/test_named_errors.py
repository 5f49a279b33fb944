"""An error names the argument that is wrong, as the caller calls it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from aurora.errors import DataError
from aurora.risk import (
    AccountState,
    Breakers,
    Entry,
    ExpectancyFilter,
    ExpectancyPolicy,
    KellyInputs,
    Lots,
    Policy,
    PortfolioInputs,
    PortfolioPolicy,
    SizingInputs,
    TailPolicy,
    acerbi_szekely,
    breaches,
    calibration_scaler,
    correlation_concentration,
    correlation_of,
    drawdown_scaler,
    estimate_tail,
    expectancy_of,
    expected_shortfall,
    fit_pareto,
    fit_pareto_moments,
    growth_rate,
    herfindahl,
    inverse_volatility,
    kelly_fraction,
    kelly_notional,
    latency_scaler,
    liquidity_scaler,
    normal_tail,
    optimise,
    pareto_negative_log_likelihood,
    portfolio_gate,
    portfolio_losses,
    posterior_quantile,
    shrunk_covariance,
    size_trade,
    student_tail,
    throttle,
    trade_gate,
    value_at_risk,
    volatility_scaler,
    volatility_target_weight,
    z2_quantiles,
)

NAN = math.nan
COLUMN = np.array([NAN])
TABLE = np.array([[NAN]])
ONE = np.ones(1)
MONEY = 10**8
SIZING = SizingInputs(
    lots=Lots(price_scale=100, size_scale=1000, lot=1, min_size=1, min_notional=5 * MONEY),
    price=6_000_000,
    stop_distance=54_000,
    entry_cost_bps=5,
    stop_cost_bps=5,
    equity=100_000 * MONEY,
    peak_equity=100_000 * MONEY,
    remaining_daily_loss=2_500 * MONEY,
)
ACCOUNT = AccountState(
    equity=MONEY, remaining_daily_loss=MONEY, traded_today=0, day_start_equity=MONEY, symbols={}
)


def size(**changed: Any) -> Any:
    return size_trade(Policy(), replace(SIZING, **changed))


def portfolio(**changed: Any) -> Any:
    given: dict[str, Any] = {"edge_bps": ONE, "confidence": ONE, "covariance": np.eye(1), **changed}
    return optimise(PortfolioPolicy(), PortfolioInputs(**given))


def quantiles(probability: float) -> Any:
    return z2_quantiles([probability], level=0.9, observations=1, freedom=None, draws=1, seed=0)


CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("losses", lambda: acerbi_szekely(COLUMN, ONE, ONE, 0.9)),
    ("value_at_risk", lambda: acerbi_szekely(ONE, COLUMN, ONE, 0.9)),
    ("expected_shortfall", lambda: acerbi_szekely(ONE, ONE, COLUMN, 0.9)),
    ("probability", lambda: quantiles(NAN)),
    ("block_length", lambda: estimate_tail(np.ones(2), TailPolicy(), seed=0, block_length=NAN)),
    ("volatility", lambda: Breakers(Policy()).observe_volatility(0, NAN)),
    ("volatility index", lambda: Breakers(Policy()).observe_volatility_index(0, NAN)),
    ("weights", lambda: herfindahl(COLUMN)),
    ("weights", lambda: correlation_concentration(COLUMN, np.eye(1), 0.5)),
    ("correlation", lambda: correlation_concentration(ONE, TABLE, 0.5)),
    ("alert_above", lambda: correlation_concentration(ONE, np.eye(1), NAN)),
    ("returns", lambda: shrunk_covariance(np.array([[1.0], [NAN]]))),
    ("covariance", lambda: correlation_of(TABLE)),
    ("confidence", lambda: expectancy_of([1.0], NAN)),
    ("returns", lambda: expectancy_of([NAN])),
    ("return_bps", lambda: ExpectancyFilter(ExpectancyPolicy()).observe(1, "A", 0, NAN, shadow=False)),
    ("p", lambda: kelly_fraction(NAN, 1, 1)),
    ("gain", lambda: kelly_fraction(0.5, NAN, 1)),
    ("loss", lambda: kelly_fraction(0.5, 1, NAN)),
    ("cost", lambda: kelly_notional(0.5, 1, 1, NAN)),
    ("gain", lambda: kelly_notional(0.5, NAN, 1)),
    ("loss", lambda: kelly_notional(0.5, 1, NAN)),
    ("wins", lambda: posterior_quantile(NAN, 1, 0.5)),
    ("losses", lambda: posterior_quantile(1, NAN, 0.5)),
    ("quantile", lambda: posterior_quantile(1, 1, NAN)),
    ("fraction", lambda: growth_rate(NAN, 0.5, 1)),
    ("p", lambda: growth_rate(0.5, NAN, 1)),
    ("odds", lambda: growth_rate(0.5, 0.5, NAN)),
    ("exposure_scale", lambda: breaches(Policy(), ACCOUNT, Entry("A", 1, 1, 0), exposure_scale=NAN)),
    ("excesses", lambda: pareto_negative_log_likelihood(COLUMN, 0.1, 1)),
    ("excesses", lambda: fit_pareto(COLUMN)),
    ("excesses", lambda: fit_pareto_moments(COLUMN)),
    ("edge_bps", lambda: portfolio(edge_bps=COLUMN)),
    ("confidence", lambda: portfolio(confidence=COLUMN)),
    ("current", lambda: portfolio(current=COLUMN)),
    ("cost_bps", lambda: portfolio(cost_bps=COLUMN)),
    ("max_weight", lambda: portfolio(max_weight=NAN)),
    ("max_sector", lambda: portfolio(max_sector=NAN)),
    ("net", lambda: portfolio(net=(NAN, 1.0))),
    ("calibration error", lambda: calibration_scaler(NAN, 0, 5)),
    ("expected calibration error", lambda: calibration_scaler(0, NAN, 5)),
    ("calibration decay", lambda: calibration_scaler(0, 0, NAN)),
    ("depth share", lambda: liquidity_scaler(1, Fraction(1), NAN)),
    ("zero_pct", lambda: drawdown_scaler(1, 2, NAN)),
    ("edge_bps", lambda: latency_scaler(1, 1, 1, NAN)),
    ("kappa", lambda: latency_scaler(NAN, 1, 1, 1)),
    ("p95_ms", lambda: latency_scaler(1, NAN, 1, 1)),
    ("charged_ms", lambda: latency_scaler(1, 1, NAN, 1)),
    ("slope", lambda: throttle(1, NAN, 0)),
    ("sharpe", lambda: throttle(NAN, 1, 0)),
    ("floor", lambda: throttle(1, 1, NAN)),
    ("volatility", lambda: volatility_scaler(NAN, 1)),
    ("reference volatility", lambda: volatility_scaler(1, NAN)),
    ("entry_cost_bps", lambda: size(entry_cost_bps=NAN)),
    ("stop_cost_bps", lambda: size(stop_cost_bps=NAN)),
    ("budget_share", lambda: size(budget_share=NAN)),
    ("target_cost_bps", lambda: size(kelly=KellyInputs(0.6, 102_000, NAN))),
    ("cvar95_bps", lambda: size(cvar95_bps=NAN)),
    ("breaker_scale", lambda: size(breaker_scale=NAN)),
    ("losses", lambda: value_at_risk(COLUMN, 0.9)),
    ("losses", lambda: expected_shortfall(COLUMN, 0.9)),
    ("level", lambda: value_at_risk(ONE, NAN)),
    ("level", lambda: expected_shortfall(ONE, NAN)),
    ("level", lambda: normal_tail(NAN)),
    ("freedom", lambda: student_tail(0.9, NAN)),
    ("losses", lambda: estimate_tail(COLUMN, TailPolicy(), seed=0)),
    ("level", lambda: estimate_tail(ONE, TailPolicy(), seed=0, level=NAN)),
    ("equity", lambda: trade_gate(1.0, NAN, TailPolicy())),
    ("expected shortfall", lambda: trade_gate(NAN, 1.0, TailPolicy())),
    ("remaining_daily_loss", lambda: portfolio_gate(1.0, NAN)),
    ("weights", lambda: portfolio_losses(COLUMN, np.eye(1))),
    ("returns", lambda: portfolio_losses(ONE, TABLE)),
    ("volatilities", lambda: inverse_volatility(COLUMN)),
    ("target", lambda: volatility_target_weight(NAN, 1, 1)),
    ("estimate", lambda: volatility_target_weight(1, NAN, 1)),
    ("cap", lambda: volatility_target_weight(1, 1, NAN)),
]


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[f"{i} {name}" for i, (name, _) in enumerate(CALLS)])
def test_the_argument_is_named(name: str, call: Callable[[], Any]) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(name)} is nan"):
        call()
