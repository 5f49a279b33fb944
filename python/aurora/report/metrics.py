"""Numbers of a run as pure functions over journal rows. Money, prices and sizes are exact decimals."""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aurora.journal import EXACT, TradeResult, trade_result

ZERO = Decimal(0)
_RATIO = decimal.Context(prec=28)
_NORMAL_95 = 1.959963984540054

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trade:
    """The account of one trace."""

    trace: str
    instrument: str
    result: TradeResult


def trades(fills: Iterable[Row]) -> list[Trade]:
    """One trade per trace with fills, in order of the first fill; rows as in :meth:`Journal.fills`."""
    grouped: dict[str, list[Row]] = {}
    for row in fills:
        grouped.setdefault(row["trace"], []).append(row)
    found = [Trade(trace, rows[0]["instrument"], trade_result(rows)) for trace, rows in grouped.items()]
    return sorted(found, key=lambda trade: (trade.result.opened_ns or 0, trade.trace))


@dataclass(frozen=True, slots=True)
class TradeTotals:
    """Closed trades together, in quote currency; ratios are None where nothing is closed."""

    closed: int
    open: int
    gross: Decimal
    fees: Decimal
    """Of the closed trades."""
    net: Decimal
    wins: int
    """Closed trades with a net above zero."""
    average_win: Decimal | None
    average_loss: Decimal | None
    """Negative or zero."""
    average_holding_s: float | None

    @property
    def hit_rate(self) -> float | None:
        return self.wins / self.closed if self.closed else None


def trade_totals(found: Sequence[Trade]) -> TradeTotals:
    """Sums up closed trades; open ones are counted only."""
    closed = [trade.result for trade in found if trade.result.flat]
    nets = [result.net or ZERO for result in closed]
    wins = [net for net in nets if net > 0]
    losses = [net for net in nets if net <= 0]
    held = [
        (r.closed_ns - r.opened_ns) / 1e9
        for r in closed
        if r.closed_ns is not None and r.opened_ns is not None
    ]
    return TradeTotals(
        closed=len(closed),
        open=len(found) - len(closed),
        gross=_sum(result.cash for result in closed),
        fees=_sum(result.fees for result in closed),
        net=_sum(nets),
        wins=len(wins),
        average_win=_RATIO.divide(_sum(wins), Decimal(len(wins))) if wins else None,
        average_loss=_RATIO.divide(_sum(losses), Decimal(len(losses))) if losses else None,
        average_holding_s=math.fsum(held) / len(held) if held else None,
    )


@dataclass(frozen=True, slots=True)
class CostSplit:
    """What fills of one liquidity cost, in quote currency: positive is paid, negative earned."""

    liquidity: str
    fills: int
    notional: Decimal
    fee: Decimal
    half_spread: Decimal
    """Sum of side * (price - mid at match) * size."""
    without_touch: int
    """Fills whose touch is unknown; their half-spread is not in the sum."""

    def bps(self, cost: Decimal) -> float | None:
        """``cost`` in basis points of the notional; None without notional."""
        return float(_RATIO.divide(cost * 10_000, self.notional)) if self.notional else None


def cost_split(fills: Iterable[Row]) -> list[CostSplit]:
    """Costs by liquidity (sorted by name), each from the fills themselves."""
    grouped: dict[str, list[Row]] = {}
    for row in fills:
        grouped.setdefault(row["liquidity"], []).append(row)
    return [_cost(liquidity, rows) for liquidity, rows in sorted(grouped.items())]


def _cost(liquidity: str, rows: list[Row]) -> CostSplit:
    notional = fee = half_spread = ZERO
    without_touch = 0
    with decimal.localcontext(EXACT):
        for row in rows:
            notional += row["price"] * row["size"]
            fee += row["fee"]
            if row["bid"] > 0 and row["ask"] > 0:
                mid = (row["bid"] + row["ask"]) * Decimal("0.5")
                half_spread += row["side"] * (row["price"] - mid) * row["size"]
            else:
                without_touch += 1
    return CostSplit(liquidity, len(rows), notional, fee, half_spread, without_touch)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """How far the equity stood below its peak so far."""

    depths: list[Decimal]
    """Peak so far minus equity, per point; never negative."""
    deepest: Decimal | None
    """None without points."""
    deepest_share: float | None
    """The largest depth relative to its peak; None without points or where no peak is positive."""


def drawdown(equity: Sequence[Decimal]) -> Drawdown:
    """Of an equity curve in time order."""
    depths: list[Decimal] = []
    shares: list[Decimal] = []
    peak: Decimal | None = None
    for value in equity:
        peak = value if peak is None or value > peak else peak
        depth = EXACT.subtract(peak, value)
        depths.append(depth)
        if peak > 0:
            shares.append(_RATIO.divide(depth, peak))
    return Drawdown(depths, max(depths, default=None), float(max(shares)) if shares else None)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Signals of about the same p, and how many of them were right (with a 95 % Wilson interval)."""

    count: int
    mean_p: float
    right: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.right / self.count


def reliability(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> list[ReliabilityBin]:
    """Splits (p, was right) into at most ``bins`` groups of equal count by rising p; ties stay together."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    found: list[ReliabilityBin] = []
    start = 0
    for number in range(1, bins + 1):
        end = len(ordered) * number // bins
        while 0 < end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1
        if end > start:
            group = ordered[start:end]
            right = sum(was_right for _, was_right in group)
            low, high = _wilson(right, len(group))
            mean_p = math.fsum(p for p, _ in group) / len(group)
            found.append(ReliabilityBin(len(group), mean_p, right, low, high))
            start = end
    return found


def resolved(decisions: Iterable[Row], outcomes: Iterable[Row]) -> list[tuple[float, bool]]:
    """(p, was right) of every calibrated signal whose outcome is known.

    Right means the mid moved towards the signal's side; a mid that stood still is not right. Where several
    engines have an outcome under one trace, the signal's own engine counts, else the first.
    """
    returns: dict[str, float] = {}
    own: dict[tuple[str, str], float] = {}
    for row in outcomes:
        if row["return_bps"] is not None:
            returns.setdefault(row["trace"], row["return_bps"])
            own[row["trace"], row["engine"]] = row["return_bps"]
    found = []
    for row in decisions:
        if row["p"] is not None and row["trace"] in returns:
            moved = own.get((row["trace"], row["engine"]), returns[row["trace"]])
            found.append((row["p"], moved * row["side"] > 0))
    return found


def _wilson(right: int, count: int) -> tuple[float, float]:
    rate, z2 = right / count, _NORMAL_95**2
    centre = (rate + z2 / (2 * count)) / (1 + z2 / count)
    half = _NORMAL_95 * math.sqrt(rate * (1 - rate) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total
