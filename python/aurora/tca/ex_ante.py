"""Round-trip cost before the trade, and whether the expected edge clears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aurora.messages import Signal


class CostSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    maker_fee_bps: float = Field(2.0, ge=-10, le=100)
    taker_fee_bps: float = Field(5.0, ge=0, le=100)
    charge_spread: bool = Field(True, description="Count the half-spreads that taking pays")
    min_net_edge_bps: float = Field(3.0, description="Edge after costs below which a signal is refused")
    min_benefit_cost: float = Field(1.5, ge=0, description="Edge over cost below which a signal is refused")
    latency_bps_per_ms: float = Field(
        0.01, ge=0, le=100, description="Edge lost per millisecond of latency beyond what costs contain"
    )
    entry: Literal["auto", "maker_first", "maker", "taker"] = Field(
        "auto",
        description="auto: take where the edge clears taking, else maker_first; maker_first: rest where the edge "
        "clears resting, take what that leaves where it clears taking; maker: rest only; taker: take only",
    )


@dataclass(frozen=True, slots=True)
class Price:
    """Costs of one round trip by one route, basis points of notional."""

    route: Literal["maker", "taker"]
    fee_bps: float
    half_spread_bps: float
    cost_bps: float
    net_edge_bps: float
    refusal: str | None
    """``deny.net_edge`` or ``deny.benefit_cost`` where the edge does not clear the cost; None where it does."""


def _price(signal: Signal, settings: CostSettings, route: Literal["maker", "taker"]) -> Price:
    half_spread = (signal.ask - signal.bid) / (signal.ask + signal.bid) * 1e4
    # The exit always takes: it pays half a spread. A resting entry earns the half that a taking one pays.
    crossings = 0.0 if route == "maker" else 2.0
    entry_fee = settings.maker_fee_bps if route == "maker" else settings.taker_fee_bps
    fee = entry_fee + settings.taker_fee_bps
    cost = fee + (crossings * half_spread if settings.charge_spread else 0.0)
    net = signal.gross_edge_bps - cost
    refusal = None
    if net < settings.min_net_edge_bps:
        refusal = "deny.net_edge"
    elif signal.gross_edge_bps < settings.min_benefit_cost * cost:
        refusal = "deny.benefit_cost"
    return Price(route, fee, half_spread, cost, net, refusal)


def take_within(signal: Signal, settings: CostSettings) -> float:
    """Worst price, in price quanta, at which taking still clears both gates: the edge after costs, and edge over cost.

    Taking at the touch of the decision clears there if and only if :func:`price_signal` says that taking clears.
    Beyond it every basis point of the decision's mid that is paid more is one of cost, whether spreads are charged
    or not.
    """
    mid = (signal.ask + signal.bid) / 2
    taking = _price(signal, settings, "taker")
    dearest = signal.gross_edge_bps - settings.min_net_edge_bps
    if settings.min_benefit_cost > 0:
        dearest = min(dearest, signal.gross_edge_bps / settings.min_benefit_cost)
    far = signal.ask if signal.side > 0 else signal.bid
    return far + signal.side * (dearest - taking.cost_bps) / 1e4 * mid


def price_signal(signal: Signal, settings: CostSettings) -> Price:
    """Prices a signal by the routes that config allows and answers with the one to take.

    The exit is a taking one (it must happen). Taking is preferred where it clears, because an edge that fades
    within its horizon is seldom met by a resting order; where only resting clears, the signal rests.
    """
    if settings.entry == "maker" or settings.entry == "maker_first":
        return _price(signal, settings, "maker")
    if settings.entry == "taker":
        return _price(signal, settings, "taker")
    taking = _price(signal, settings, "taker")
    if taking.refusal is None:
        return taking
    return _price(signal, settings, "maker")
