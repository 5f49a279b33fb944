"""A size computed from its record alone, in decimals of 60 digits and straight from SPEC section 7.

It knows the names of the record's fields and nothing of how :mod:`aurora.risk` computes.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

DIGITS = 60


def number(value: Any) -> Decimal:
    if isinstance(value, float):
        return Decimal(repr(value))
    if hasattr(value, "numerator") and not isinstance(value, int):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return Decimal(value)


def recompute(record: Any) -> dict[str, Any]:
    """``caps`` (size quanta), ``scalers``, ``multiplier`` and ``size`` of a record, from inputs and rules alone."""
    with localcontext() as context:
        context.prec = DIGITS
        caps = _caps(record.inputs, record.rules)
        scalers = _scalers(record.inputs, record.rules, min(caps.values()))
        multiplier = Decimal(1)
        for value in scalers.values():
            multiplier *= value
        lots = record.inputs.lots
        exact = min(caps.values()) * multiplier / lots.lot
        # A value within 1e-40 of a whole number of lots is that number: division rounds, fractions do not.
        whole = exact.to_integral_value()
        count = whole if abs(exact - whole) < Decimal("1e-40") else exact.to_integral_value(ROUND_FLOOR)
        size = int(count) * lots.lot
        notional = Decimal(size) / lots.size_scale * record.inputs.price / lots.price_scale
        enough = size > 0 and size >= lots.min_size and notional >= Decimal(lots.min_notional) / 10**8
        return {"caps": caps, "scalers": scalers, "multiplier": multiplier, "size": size if enough else 0}


def _caps(given: Any, rules: Any) -> dict[str, Decimal]:
    """In units of price, size and money first, so that the quanta of the implementation are not copied."""
    lots = given.lots
    price = Decimal(given.price) / lots.price_scale
    equity, left = Decimal(given.equity) / 10**8, Decimal(given.remaining_daily_loss) / 10**8
    c_in = max(Decimal(0), price * number(given.entry_cost_bps) / 10_000)
    c_sl = max(Decimal(0), price * number(given.stop_cost_bps) / 10_000)
    per_unit = Decimal(given.stop_distance) / lots.price_scale + c_in + c_sl
    units = {
        "risk": equity * rules.per_trade_risk_pct / 100 / per_unit,
        "open_risk": (left - Decimal(given.open_risk) / 10**8) / per_unit,
    }
    if given.budget_share is not None:
        share = min(Decimal(1), max(Decimal(0), number(given.budget_share)))
        own = Decimal(given.symbol_open_risk) / 10**8
        units["symbol_budget"] = (share * max(Decimal(0), left) - own) / per_unit
    if given.kelly is not None:
        c_out = max(Decimal(0), price * number(given.kelly.target_cost_bps) / 10_000)
        gain = Decimal(given.kelly.target_distance) / lots.price_scale - c_in - c_out
        p = number(given.kelly.p)
        staked = Decimal(0) if gain <= 0 else max(Decimal(0), p - (1 - p) * per_unit / gain)
        units["kelly"] = rules.kelly_multiplier * staked * equity / per_unit
    for name, money in given.room.items():
        units[name] = Decimal(money) / 10**8 / price
    if given.cvar95_bps is not None:
        tail = price * number(given.cvar95_bps) / 10_000
        limits = {"tail_trade": equity * rules.tail_trade_pct / 100}
        if given.portfolio_cvar is not None:
            limits["tail_portfolio"] = left - Decimal(given.portfolio_cvar) / 10**8
        for name, money in limits.items():
            if money <= 0:
                units[name] = Decimal(0)
            elif tail > 0:
                units[name] = money / tail
    return {name: max(Decimal(0), value) * lots.size_scale for name, value in units.items()}


def _scalers(given: Any, rules: Any, base: Decimal) -> dict[str, Decimal]:
    def clip(value: Decimal, low: Decimal = Decimal(0)) -> Decimal:
        return min(Decimal(1), max(low, value))

    scalers = {"breakers": number(given.breaker_scale), "drawdown": Decimal(1)}
    if given.peak_equity > 0 and given.equity < given.peak_equity:
        drawdown = 1 - Decimal(given.equity) / given.peak_equity
        scalers["drawdown"] = clip(1 - drawdown / (rules.drawdown_zero_pct / 100))
    if given.calibration_error is not None:
        excess = number(given.calibration_error) - number(given.calibration_error_expected)
        scalers["calibration"] = (-rules.calibration_decay * max(Decimal(0), excess)).exp()
    if given.regime is not None:
        scalers["regime"] = rules.regime[given.regime]
    if given.depth is not None:
        scalers["liquidity"] = clip(rules.depth_share * given.depth / base) if base > 0 else Decimal(1)
    if given.latency is not None:
        late = given.latency
        edge = number(late.edge_bps)
        lost = number(late.kappa) * (number(late.p95_ms) - number(late.charged_ms))
        scalers["latency"] = clip(1 - lost / edge) if edge > 0 else Decimal(0)
    if given.sharpe_7d is not None:
        scalers["throttle"] = clip(1 + rules.throttle_slope * number(given.sharpe_7d), rules.throttle_floor)
    if rules.volatility != "none" and given.volatility is not None and given.volatility_reference is not None:
        sigma, wanted = number(given.volatility), number(given.volatility_reference)
        scalers[rules.volatility] = Decimal(1) if sigma <= wanted else wanted / sigma
    return scalers
