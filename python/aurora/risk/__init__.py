"""The desk's first gate: one policy, sizes that respect it, the tail, limits, breakers and the portfolio.

Heavy libraries are imported where they are used, so that this room stays light. Nothing that a replay asks at each
decision - :func:`size_trade`, :func:`breaches`, :class:`Breakers`, :class:`ExpectancyFilter` - uses them.
"""

from aurora.risk.backtest import KupiecTest, ShortfallTest, acerbi_szekely, kupiec, z2_quantiles
from aurora.risk.breakers import BreakerEvent, Breakers
from aurora.risk.concentration import Concentration, correlation_concentration, herfindahl
from aurora.risk.covariance import Covariance, correlation_of, nearest_semidefinite, shrunk_covariance
from aurora.risk.expectancy import Expectancy, ExpectancyEvent, ExpectancyFilter, expectancy_of
from aurora.risk.flatten import OpenOrder, Step, flatten_steps
from aurora.risk.kelly import growth_rate, kelly_fraction, kelly_notional, posterior_quantile
from aurora.risk.limits import AccountState, Breach, Entry, SymbolState, breaches, room, share_cap
from aurora.risk.pareto import (
    GeneralisedPareto,
    fit_pareto,
    fit_pareto_moments,
    pareto_negative_log_likelihood,
)
from aurora.risk.policy import PRESETS, Policy, settings_hash
from aurora.risk.policy_file import describe_errors, load_policy
from aurora.risk.portfolio import Portfolio, PortfolioInputs, optimise
from aurora.risk.posture import Posture
from aurora.risk.reduction import Reduction, reductions
from aurora.risk.scalers import (
    calibration_scaler,
    drawdown_scaler,
    latency_scaler,
    liquidity_scaler,
    regime_scaler,
    throttle,
    volatility_scaler,
)
from aurora.risk.sections import (
    BreakerPolicy,
    ExpectancyPolicy,
    KellyPolicy,
    LimitPolicy,
    PortfolioPolicy,
    ScalerPolicy,
    TailPolicy,
)
from aurora.risk.sizing import KellyInputs, LatencyInputs, Lots, SizingInputs, SizingRecord, size_trade
from aurora.risk.tail import (
    TailEstimate,
    TailGate,
    estimate_tail,
    expected_shortfall,
    normal_tail,
    portfolio_gate,
    portfolio_losses,
    student_tail,
    trade_gate,
    value_at_risk,
)
from aurora.risk.weights import inverse_variance, inverse_volatility, volatility_target_weight

__all__ = [
    "AccountState",
    "Breach",
    "BreakerEvent",
    "BreakerPolicy",
    "Breakers",
    "Concentration",
    "Covariance",
    "Entry",
    "Expectancy",
    "ExpectancyEvent",
    "ExpectancyFilter",
    "ExpectancyPolicy",
    "GeneralisedPareto",
    "KellyInputs",
    "KellyPolicy",
    "KupiecTest",
    "LatencyInputs",
    "LimitPolicy",
    "Lots",
    "OpenOrder",
    "PRESETS",
    "Policy",
    "Portfolio",
    "PortfolioInputs",
    "PortfolioPolicy",
    "Posture",
    "Reduction",
    "ScalerPolicy",
    "ShortfallTest",
    "SizingInputs",
    "SizingRecord",
    "Step",
    "SymbolState",
    "TailEstimate",
    "TailGate",
    "TailPolicy",
    "acerbi_szekely",
    "breaches",
    "calibration_scaler",
    "correlation_concentration",
    "correlation_of",
    "describe_errors",
    "drawdown_scaler",
    "estimate_tail",
    "expectancy_of",
    "expected_shortfall",
    "fit_pareto",
    "fit_pareto_moments",
    "flatten_steps",
    "growth_rate",
    "herfindahl",
    "inverse_variance",
    "inverse_volatility",
    "kelly_fraction",
    "kelly_notional",
    "kupiec",
    "latency_scaler",
    "liquidity_scaler",
    "load_policy",
    "nearest_semidefinite",
    "normal_tail",
    "optimise",
    "pareto_negative_log_likelihood",
    "portfolio_gate",
    "portfolio_losses",
    "posterior_quantile",
    "reductions",
    "regime_scaler",
    "room",
    "settings_hash",
    "share_cap",
    "shrunk_covariance",
    "size_trade",
    "student_tail",
    "throttle",
    "trade_gate",
    "value_at_risk",
    "volatility_scaler",
    "volatility_target_weight",
    "z2_quantiles",
]
