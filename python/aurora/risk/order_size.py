"""The size of an entry from what the desk of a replay knows today: three caps and the drawdown.

:func:`aurora.risk.sizing.size_trade` is the whole of SPEC section 7, in exact arithmetic with one floor. This one
floors each step to whole quanta, so that it is at most a quantum or two smaller; recorded decisions are of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from aurora._core import Instrument
from aurora.risk.policy import Policy

SCALER_UNITS = 1_000_000_000
"""Scalers are floored to this many parts before they meet a size, so that sizes stay integers throughout."""
MONEY_SCALE = 10**8


@dataclass(frozen=True, slots=True)
class Size:
    """A size with everything that made it."""

    size: int
    """Size quanta, a multiple of the lot; 0 where nothing fits."""
    refusal: str | None
    """``deny.risk_budget`` (a cap or scaler is zero) or ``deny.below_minimum``; None where size is positive."""
    caps: dict[str, int]
    """Size quanta that each limit alone would allow."""
    scalers: dict[str, float]
    stop_distance: int
    """Price quanta from entry to the protective stop, a multiple of the tick."""


def _share(amount: int, percent: Decimal) -> int:
    """``percent`` per cent of an amount of money quanta, floored."""
    return int(amount * percent / 100)


def drawdown_scaler(equity: int, peak: int, zero_pct: Decimal) -> float:
    """1 at the equity peak, falling linearly to 0 at a drawdown of ``zero_pct`` per cent."""
    if peak <= 0 or equity >= peak:
        return 1.0
    drawdown = (peak - equity) / peak
    return max(0.0, 1.0 - drawdown / (float(zero_pct) / 100.0))


def size_order(
    *,
    policy: Policy,
    instrument: Instrument,
    price: int,
    cost_bps: float,
    equity: int,
    peak_equity: int,
    remaining_daily_loss: int,
) -> Size:
    """Size of an entry at ``price``.

    q = floor_lot(M · min(r·E / (d + c), q_position, q_leverage)); r·E is capped by what remains of the day's loss
    budget, d is the stop distance and c the round-trip cost, both per unit of size: costs belong to the loss at the
    stop, not to equity.

    Args:
        price: entry price, price quanta.
        cost_bps: round-trip cost, basis points of notional.
        equity, peak_equity, remaining_daily_loss: money quanta.
    """
    tick, lot = instrument.tick, instrument.lot
    stop_distance = max(tick, int(price * policy.stop_bps / 10_000) // tick * tick)
    budget = min(_share(equity, policy.per_trade_risk_pct), remaining_daily_loss)
    # Rounded up: a floored cost would let the loss at the stop exceed the budget.
    cost_per_unit = math.ceil(price * Decimal(repr(cost_bps)) / 10_000) if cost_bps > 0 else 0
    # Money quanta per price quantum and size quantum: 1e8 / (price scale × size scale).
    scale = instrument.price_scale * instrument.size_scale

    def quanta(money: int, price_units: int) -> int:
        return max(0, money) * scale // (price_units * MONEY_SCALE)

    caps = {
        "risk": quanta(budget, stop_distance + cost_per_unit),
        "position": quanta(_share(equity, policy.position_pct), price),
        "leverage": quanta(int(equity * policy.leverage), price),
    }
    scalers = {"drawdown": drawdown_scaler(equity, peak_equity, policy.drawdown_zero_pct)}
    scaled = min(caps.values())
    for value in scalers.values():
        scaled = scaled * int(value * SCALER_UNITS) // SCALER_UNITS
    size = scaled // lot * lot
    refusal = None
    if size * price * MONEY_SCALE < instrument.min_notional * scale or size < lot:
        refusal = "deny.risk_budget" if scaled == 0 else "deny.below_minimum"
        size = 0
    return Size(size, refusal, caps, scalers, stop_distance)
