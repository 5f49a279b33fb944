"""How much: q = floor_lot( M · min( r·E/(d + c_in + c_sl), q_kelly, q_lev, q_exp, τ/CVaR95_unit ) ) (SPEC section 7).

M is the product of the scalers. All of it is exact rational arithmetic with one floor, last, so that no rounding can
make a size grow when the world gets worse; below the minimum the size is 0 with a reason, never rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from aurora.errors import DataError
from aurora.risk.exact import Number, exact
from aurora.risk.kelly import kelly_fraction
from aurora.risk.policy import Policy
from aurora.risk.scalers import (
    calibration_scaler,
    clip,
    drawdown_scaler,
    latency_scaler,
    liquidity_scaler,
    regime_scaler,
    throttle,
    volatility_scaler,
)

MONEY_SCALE = 10**8
BPS = 10_000

CAP_REASONS: dict[str, str] = {
    "risk": "deny.risk_budget",
    "open_risk": "deny.open_risk",
    "symbol_budget": "deny.open_risk",
    "kelly": "deny.kelly",
    "tail_trade": "deny.tail_trade",
    "tail_portfolio": "deny.tail_portfolio",
    "leverage": "deny.leverage",
    "position": "deny.position_limit",
    "symbol": "deny.symbol_exposure",
    "sector": "deny.sector_exposure",
    "gross": "deny.gross_exposure",
    "net": "deny.net_exposure",
    "notional_share": "deny.notional_share",
    "turnover": "deny.turnover",
}
"""The reason a size is zero, by the cap that leaves no room."""


@dataclass(frozen=True, slots=True)
class Lots:
    """What an instrument's orders are made of; money quanta are 1e-8 of the settlement currency."""

    price_scale: int
    """Price quanta per unit of price."""
    size_scale: int
    """Size quanta per unit of size."""
    lot: int
    """Size quanta; every order is a multiple."""
    min_size: int
    """Size quanta."""
    min_notional: int
    """Money quanta."""

    @property
    def unit(self) -> Fraction:
        """Money quanta that one size quantum gains when the price rises by one price quantum."""
        return Fraction(MONEY_SCALE, self.price_scale * self.size_scale)

    @classmethod
    def of(cls, instrument: Any) -> Lots:
        """Of an :class:`aurora._core.Instrument` (linear ones only: inverse contracts have no fixed unit)."""
        return cls(
            instrument.price_scale,
            instrument.size_scale,
            instrument.lot,
            instrument.lot,
            instrument.min_notional,
        )


@dataclass(frozen=True, slots=True)
class KellyInputs:
    """What Kelly needs to know of the trade's win."""

    p: Number
    """P(target before stop): the posterior's quantile that the policy asks for."""
    target_distance: int
    """Price quanta from entry to the target."""
    target_cost_bps: Number
    """Cost of leaving at the target, basis points of the entry price."""


@dataclass(frozen=True, slots=True)
class LatencyInputs:
    """See :func:`aurora.risk.scalers.latency_scaler`."""

    kappa: Number
    p95_ms: Number
    charged_ms: Number
    edge_bps: Number


@dataclass(frozen=True, slots=True)
class SizingInputs:
    """Everything a size is made of beside the policy. What is None is left out, and the record says so."""

    lots: Lots
    price: int
    """Entry price, price quanta."""
    stop_distance: int
    """d: price quanta from entry to the protective stop."""
    entry_cost_bps: Number
    """c_in, basis points of the entry price."""
    stop_cost_bps: Number
    """c_sl: cost of leaving at the stop, basis points of the entry price."""
    equity: int
    """E, money quanta."""
    peak_equity: int
    remaining_daily_loss: int
    """What may still be lost before the day ends, money quanta."""
    open_risk: int = 0
    """Losses at all stops of open positions and working entries, money quanta."""
    budget_share: Number | None = None
    """This symbol's share of the daily budget, by inverse volatility."""
    symbol_open_risk: int = 0
    """Part of ``open_risk`` in this symbol."""
    room: Mapping[str, int] = field(default_factory=dict)
    """Money quanta of notional that each limit leaves, by name (:func:`aurora.risk.limits.room`): q_lev and q_exp."""
    kelly: KellyInputs | None = None
    cvar95_bps: Number | None = None
    """Expected shortfall at 95 % of one trade, basis points of its notional, losses positive; at or below 0 (a tail
    that gains) it limits nothing."""
    portfolio_cvar: int | None = None
    """Expected shortfall at 95 % of what is open, money quanta, losses positive."""
    calibration_error: Number | None = None
    calibration_error_expected: Number = 0
    regime: str | None = None
    depth: int | None = None
    """Displayed size within 5 bps on the side to be taken, size quanta."""
    latency: LatencyInputs | None = None
    sharpe_7d: Number | None = None
    volatility: Number | None = None
    """Of the symbol's last 1,000 trades; with ``volatility_reference`` in the same unit."""
    volatility_reference: Number | None = None
    breaker_scale: Number = 1
    """From :class:`aurora.risk.breakers.Posture`."""


@dataclass(frozen=True, slots=True)
class SizingRules:
    """The policy's numbers that enter a size, so that a record is enough to compute it again."""

    per_trade_risk_pct: Decimal
    drawdown_zero_pct: Decimal
    tail_trade_pct: Decimal
    kelly_multiplier: Decimal
    calibration_decay: Decimal
    regime: Mapping[str, Decimal]
    depth_share: Decimal
    throttle_slope: Decimal
    throttle_floor: Decimal
    volatility: str


@dataclass(frozen=True, slots=True)
class SizingRecord:
    """A size with everything that made it."""

    inputs: SizingInputs
    rules: SizingRules
    policy_hash: str
    caps: Mapping[str, Fraction]
    """Size quanta that each limit alone would allow, unrounded."""
    binding: str
    """Name of the smallest cap."""
    scalers: Mapping[str, Fraction]
    multiplier: Fraction
    """M, the product of the scalers."""
    absent: tuple[str, ...]
    """Caps and scalers that had no input."""
    size: int
    """Size quanta: a multiple of the lot, 0 or at least the minimum."""
    refusal: str | None
    """Reason code where size is 0."""

    @property
    def whole_caps(self) -> dict[str, int]:
        """Caps in whole size quanta, floored, as a decision record holds them."""
        return {name: int(cap // 1) for name, cap in self.caps.items()}

    @property
    def plain_scalers(self) -> dict[str, float]:
        """Scalers as floats, as a decision record holds them."""
        return {name: float(scaler) for name, scaler in self.scalers.items()}


def sizing_rules(policy: Policy) -> SizingRules:
    scalers = policy.scalers
    return SizingRules(
        per_trade_risk_pct=policy.per_trade_risk_pct,
        drawdown_zero_pct=policy.drawdown_zero_pct,
        tail_trade_pct=policy.tail.trade_pct,
        kelly_multiplier=policy.kelly.multiplier,
        calibration_decay=scalers.calibration_decay,
        regime={
            "TREND": scalers.regime_trend,
            "RANGE": scalers.regime_range,
            "NEUTRAL": scalers.regime_neutral,
            "PANIC": scalers.regime_panic,
            "ILLIQUID": scalers.regime_illiquid,
        },
        depth_share=scalers.depth_share,
        throttle_slope=scalers.throttle_slope,
        throttle_floor=scalers.throttle_floor,
        volatility=scalers.volatility,
    )


def size_trade(policy: Policy, inputs: SizingInputs) -> SizingRecord:
    """Sizes one entry.

    Raises:
        DataError: a number that is not finite, or no price, lot or stop.
    """
    _check(inputs)
    caps, absent = _caps(policy, inputs)
    binding = min(caps, key=lambda name: caps[name])
    base = caps[binding]
    scalers, unscaled = _scalers(policy, inputs, base)
    multiplier = Fraction(1)
    for value in scalers.values():
        multiplier *= value
    lots = inputs.lots
    scaled = base * multiplier
    size = int(scaled // lots.lot) * lots.lot
    refusal = None
    if size < max(lots.lot, lots.min_size) or size * inputs.price * lots.unit < lots.min_notional:
        refusal = "deny.below_minimum"
        if base == 0:
            refusal = CAP_REASONS[binding]
        elif scaled == 0:
            refusal = "deny.risk_budget"
        size = 0
    return SizingRecord(
        inputs=inputs,
        rules=sizing_rules(policy),
        policy_hash=policy.hash,
        caps=caps,
        binding=binding,
        scalers=scalers,
        multiplier=multiplier,
        absent=(*absent, *unscaled),
        size=size,
        refusal=refusal,
    )


def _check(inputs: SizingInputs) -> None:
    lots = inputs.lots
    for name, value in (
        ("price", inputs.price),
        ("stop_distance", inputs.stop_distance),
        ("lot", lots.lot),
        ("price_scale", lots.price_scale),
        ("size_scale", lots.size_scale),
    ):
        if value <= 0:
            raise DataError(f"{name} is {value}; it must be above 0")
    for name in inputs.room:
        if name not in CAP_REASONS:
            raise DataError(f"room {name!r} is unknown; there are {', '.join(CAP_REASONS)}")


def _caps(policy: Policy, inputs: SizingInputs) -> tuple[dict[str, Fraction], list[str]]:
    """Size quanta by cap, and the names of the caps that had no input."""
    unit, price, equity = inputs.lots.unit, inputs.price, Fraction(inputs.equity)
    entry_cost = max(Fraction(0), price * exact("entry_cost_bps", inputs.entry_cost_bps) / BPS)
    stop_cost = max(Fraction(0), price * exact("stop_cost_bps", inputs.stop_cost_bps) / BPS)
    loss = inputs.stop_distance + entry_cost + stop_cost
    notional = price * unit
    caps: dict[str, Fraction] = {}
    absent: list[str] = []

    def cap(name: str, money: Fraction | int, per_quantum: Fraction) -> None:
        if money <= 0:
            caps[name] = Fraction(0)
        elif per_quantum > 0:
            caps[name] = money / per_quantum

    cap("risk", equity * Fraction(policy.per_trade_risk_pct) / 100, loss * unit)
    remaining = Fraction(inputs.remaining_daily_loss)
    cap("open_risk", remaining - inputs.open_risk, loss * unit)
    if inputs.budget_share is None:
        absent.append("symbol_budget")
    else:
        share = clip(exact("budget_share", inputs.budget_share))
        cap("symbol_budget", share * max(Fraction(0), remaining) - inputs.symbol_open_risk, loss * unit)
    if inputs.kelly is None:
        absent.append("kelly")
    else:
        target_cost = max(Fraction(0), price * exact("target_cost_bps", inputs.kelly.target_cost_bps) / BPS)
        gain = inputs.kelly.target_distance - entry_cost - target_cost
        staked = kelly_fraction(inputs.kelly.p, gain, loss) * Fraction(policy.kelly.multiplier)
        cap("kelly", staked * equity, loss * unit)
    for name, money in inputs.room.items():
        cap(name, money, notional)
    tail = None if inputs.cvar95_bps is None else exact("cvar95_bps", inputs.cvar95_bps)
    if tail is None:
        absent.append("tail_trade")
    else:
        cap("tail_trade", equity * Fraction(policy.tail.trade_pct) / 100, notional * tail / BPS)
    if tail is None or inputs.portfolio_cvar is None:
        absent.append("tail_portfolio")
    else:
        # Expected shortfall is subadditive, so the sum of both bounds that of the whole.
        cap("tail_portfolio", remaining - inputs.portfolio_cvar, notional * tail / BPS)
    return caps, absent


def _scalers(policy: Policy, inputs: SizingInputs, base: Fraction) -> tuple[dict[str, Fraction], list[str]]:
    """Multipliers by name, and the names of those that had no input."""
    rules, late = policy.scalers, inputs.latency
    wanted = ["calibration", "regime", "liquidity", "latency", "throttle"]
    brakes = exact("breaker_scale", inputs.breaker_scale)
    if not 0 <= brakes <= 1:
        raise DataError(f"breaker_scale is {float(brakes)}; it lies in [0, 1]")
    scalers = {
        "drawdown": drawdown_scaler(inputs.equity, inputs.peak_equity, policy.drawdown_zero_pct),
        "breakers": brakes,
    }
    if inputs.calibration_error is not None:
        scalers["calibration"] = calibration_scaler(
            inputs.calibration_error, inputs.calibration_error_expected, rules.calibration_decay
        )
    if inputs.regime is not None:
        scalers["regime"] = regime_scaler(inputs.regime, rules)
    if inputs.depth is not None:
        scalers["liquidity"] = liquidity_scaler(inputs.depth, base, rules.depth_share)
    if late is not None:
        scalers["latency"] = latency_scaler(late.kappa, late.p95_ms, late.charged_ms, late.edge_bps)
    if inputs.sharpe_7d is not None:
        scalers["throttle"] = throttle(inputs.sharpe_7d, rules.throttle_slope, rules.throttle_floor)
    if rules.volatility != "none":
        wanted.append(rules.volatility)
        if inputs.volatility is not None and inputs.volatility_reference is not None:
            scalers[rules.volatility] = volatility_scaler(inputs.volatility, inputs.volatility_reference)
    return scalers, [name for name in wanted if name not in scalers]
