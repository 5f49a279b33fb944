"""Sizes of the desk of a replay: recomputed with exact decimals, and what holds for any account, price and policy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aurora.risk import Policy, Size, size_order

QUICK = settings(max_examples=200, deadline=None)
MONEY = 10**8


@dataclass(frozen=True)
class Market:
    """What sizing reads of an instrument."""

    price_exponent: int
    size_exponent: int
    tick: int
    lot: int
    min_notional: int = 5 * MONEY

    @property
    def price_scale(self) -> int:
        return 10**self.price_exponent

    @property
    def size_scale(self) -> int:
        return 10**self.size_exponent


BTC = Market(price_exponent=2, size_exponent=3, tick=10, lot=1)


def size(market: Market, policy: Policy | None = None, **changed: Any) -> Size:
    arguments: dict[str, Any] = {
        "price": 6_180_000,
        "cost_bps": 10.0,
        "equity": 100_000 * MONEY,
        "peak_equity": 100_000 * MONEY,
        "remaining_daily_loss": 2_500 * MONEY,
    }
    return size_order(policy=policy or Policy(), instrument=market, **{**arguments, **changed})  # type: ignore[arg-type]


def test_by_hand() -> None:
    """100,000 at 61,800: 500 at risk over 494.4 of stop and 61.8 of cost would be 0.898, but 15 % is 0.242."""
    answer = size(BTC)
    assert answer.stop_distance == 49_440
    assert answer.caps == {"risk": 898, "position": 242, "leverage": 3_236}
    assert answer.scalers == {"drawdown": 1.0}
    assert (answer.size, answer.refusal) == (242, None)


def test_the_stop_binds_where_it_is_wide() -> None:
    answer = size(BTC, Policy(stop_bps=500, position_pct=100, symbol_exposure_pct=100))
    assert answer.stop_distance == 309_000
    # 500 / (3,090 + 61.8) = 0.15863...
    assert answer.size == answer.caps["risk"] == 158


def test_the_days_remaining_budget_binds() -> None:
    assert size(BTC, remaining_daily_loss=100 * MONEY).caps["risk"] == 179
    broke = size(BTC, remaining_daily_loss=0)
    assert (broke.size, broke.refusal) == (0, "deny.risk_budget")
    assert size(BTC, remaining_daily_loss=-5).refusal == "deny.risk_budget"


def test_costs_of_less_than_a_price_quantum_still_count() -> None:
    """At 100 quanta a cost of 12 bps is 0.12 quanta: leaving it out would risk more than the budget."""
    coarse = Market(price_exponent=0, size_exponent=0, tick=1, lot=1)
    policy = Policy(stop_bps=100, position_pct=100, symbol_exposure_pct=100, leverage=20)
    answer = size(coarse, policy, price=100, cost_bps=12.0)
    assert answer.caps["risk"] * (1 + 0.12) <= 500
    assert size(coarse, policy, price=100, cost_bps=0.0).caps["risk"] == 500


def test_drawdown_scales_linearly_to_zero() -> None:
    for drawdown, scaler in ((0.0, 1.0), (2.5, 0.75), (5.0, 0.5), (9.0, 0.1), (10.0, 0.0), (15.0, 0.0)):
        equity = round(100_000 * (1 - drawdown / 100)) * MONEY
        answer = size(BTC, equity=equity)
        assert answer.scalers["drawdown"] == pytest.approx(scaler, abs=1e-12)
        if scaler == 0.0:
            assert answer.refusal == "deny.risk_budget"
    assert size(BTC, equity=120_000 * MONEY).scalers == {"drawdown": 1.0}


def test_below_the_minimum_nothing_is_rounded_up() -> None:
    tiny = size(BTC, equity=20 * MONEY, peak_equity=20 * MONEY)
    assert (tiny.size, tiny.refusal) == (0, "deny.risk_budget"), "not even a quantum"
    small = size(BTC, equity=500 * MONEY, peak_equity=500 * MONEY)
    assert (small.size, small.refusal) == (1, None)
    poor = size(Market(2, 3, 10, 1, min_notional=100 * MONEY), equity=500 * MONEY, peak_equity=500 * MONEY)
    assert (poor.size, poor.refusal) == (0, "deny.below_minimum")
    coarse = size(Market(2, 3, 10, 1000))
    assert (coarse.size, coarse.refusal) == (0, "deny.below_minimum")


def test_exactly_the_minimum_passes() -> None:
    market = Market(price_exponent=0, size_exponent=0, tick=1, lot=1, min_notional=15_000 * MONEY)
    assert size(market, Policy(stop_bps=10), price=100).size == 150
    dearer = Market(price_exponent=0, size_exponent=0, tick=1, lot=1, min_notional=15_000 * MONEY + 1)
    assert size(dearer, Policy(stop_bps=10), price=100).refusal == "deny.below_minimum"


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    price_exponent, size_exponent = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    market = Market(
        price_exponent=price_exponent,
        size_exponent=size_exponent,
        tick=draw(st.sampled_from([1, 2, 5, 10, 100])),
        lot=draw(st.sampled_from([lot for lot in (1, 2, 5, 10, 1000) if lot <= 10**size_exponent])),
        min_notional=draw(st.sampled_from([0, 5 * MONEY, 100 * MONEY])),
    )
    position = draw(st.decimals("0.1", 100, places=2))
    policy = Policy(
        per_trade_risk_pct=draw(st.decimals("0.01", "2", places=2)),
        daily_loss_pct=Decimal("2.5"),
        leverage=draw(st.decimals("0.1", 20, places=2)),
        position_pct=position,
        symbol_exposure_pct=max(position, Decimal(25)),
        stop_bps=draw(st.decimals("0.5", 5000, places=1)),
        drawdown_zero_pct=draw(st.decimals("0.5", 100, places=1)),
    )
    equity = draw(st.integers(1_000 * MONEY, 10_000_000 * MONEY) | st.integers(-1_000 * MONEY, 1_000 * MONEY))
    return {
        "instrument": market,
        "policy": policy,
        "price": draw(st.integers(market.tick, 10 ** (price_exponent + draw(st.integers(2, 5))))),
        "cost_bps": draw(st.floats(-5, 200).map(lambda x: round(x, 6))),
        "equity": equity,
        "peak_equity": max(MONEY, equity + abs(equity) * draw(st.sampled_from([0, 0, 1, 5, 30])) // 1000),
        "remaining_daily_loss": draw(st.integers(MONEY, 250_000 * MONEY) | st.integers(-100 * MONEY, 0)),
    }


def exact(case: dict[str, Any]) -> tuple[dict[str, Decimal], Decimal, int]:
    """Caps in size quanta as exact fractions, the drawdown scaler, and the stop distance in price quanta."""
    market, policy, price = case["instrument"], case["policy"], case["price"]
    unit = Decimal(MONEY) / (market.price_scale * market.size_scale)
    equity = Decimal(case["equity"])
    ticks = (price * policy.stop_bps / 10_000 / market.tick).to_integral_value(ROUND_FLOOR)
    stop = max(1, int(ticks)) * market.tick
    cost = max(Decimal(0), price * Decimal(repr(case["cost_bps"])) / 10_000)
    budget = max(
        Decimal(0), min(equity * policy.per_trade_risk_pct / 100, Decimal(case["remaining_daily_loss"]))
    )
    caps = {
        "risk": budget / ((stop + cost) * unit),
        "position": max(Decimal(0), equity * policy.position_pct / 100) / (price * unit),
        "leverage": max(Decimal(0), equity * policy.leverage) / (price * unit),
    }
    peak = Decimal(case["peak_equity"])
    scaler = Decimal(1)
    if equity < peak:
        scaler = max(Decimal(0), 1 - (peak - equity) / peak / (policy.drawdown_zero_pct / 100))
    return caps, scaler, stop


def test_most_drawn_cases_are_traded() -> None:
    """The properties below would say little of sizes that are all zero."""
    traded = []

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(case=cases())
    def draw(case: dict[str, Any]) -> None:
        traded.append(size_order(**case).size > 0)

    draw()
    assert sum(traded) > len(traded) / 5


@QUICK
@given(case=cases())
def test_recomputed_with_exact_decimals(case: dict[str, Any]) -> None:
    answer = size_order(**case)
    caps, scaler, stop = exact(case)
    assert answer.stop_distance == stop
    assert answer.scalers["drawdown"] == pytest.approx(float(scaler), abs=1e-9)
    price, cost = case["price"], max(Decimal(0), Decimal(repr(case["cost_bps"])))
    market = case["instrument"]
    # Size quanta that one money quantum buys at a distance of one price quantum.
    grain = Decimal(market.price_scale * market.size_scale) / MONEY
    loss = stop + price * cost / 10_000
    for name, cap in caps.items():
        # Floored in money, then in size; the cost is rounded up to whole price quanta.
        per_unit = loss + 1 if name == "risk" else Decimal(price)
        least = cap * (loss / (loss + 1) if name == "risk" else 1) - grain / per_unit - 2
        assert least * (1 - Decimal("1e-12")) < answer.caps[name] <= cap + Decimal("1e-9")


@QUICK
@given(case=cases())
def test_a_size_is_a_multiple_of_the_lot_zero_or_at_least_the_minimum_and_below_every_cap(
    case: dict[str, Any],
) -> None:
    answer = size_order(**case)
    market, price = case["instrument"], case["price"]
    assert answer.size >= 0
    assert answer.size % market.lot == 0
    assert answer.size <= min(answer.caps.values())
    assert 0.0 <= answer.scalers["drawdown"] <= 1.0
    assert answer.size <= min(answer.caps.values()) * answer.scalers["drawdown"] + 1e-6
    assert (answer.refusal is None) == (answer.size > 0)
    if answer.size:
        notional = Decimal(answer.size * price) / (market.price_scale * market.size_scale) * MONEY
        assert notional >= market.min_notional
        # The loss at the stop, costs included, stays within the budget of the trade and of the day.
        cost = price * max(Decimal(0), Decimal(repr(case["cost_bps"]))) / 10_000
        loss = answer.size * (answer.stop_distance + cost) / (market.price_scale * market.size_scale) * MONEY
        assert loss <= case["equity"] * case["policy"].per_trade_risk_pct / 100
        assert loss <= case["remaining_daily_loss"]
    else:
        assert answer.refusal in ("deny.risk_budget", "deny.below_minimum")
        caps, scaler, _ = exact(case)
        if answer.refusal == "deny.below_minimum":
            assert min(caps.values()) * scaler >= Decimal("0.999")


@QUICK
@given(case=cases(), more=st.floats(0, 100))
def test_more_cost_never_gives_more_size(case: dict[str, Any], more: float) -> None:
    dearer = {**case, "cost_bps": case["cost_bps"] + more}
    assert size_order(**dearer).size <= size_order(**case).size


@QUICK
@given(case=cases(), deeper=st.integers(0, 1_000_000 * MONEY))
def test_more_drawdown_never_gives_more_size(case: dict[str, Any], deeper: int) -> None:
    worse = {**case, "peak_equity": case["peak_equity"] + deeper}
    assert size_order(**worse).size <= size_order(**case).size
    assert size_order(**worse).caps == size_order(**case).caps


@QUICK
@given(case=cases(), share=st.floats(0, 1))
def test_less_of_the_day_left_never_gives_more_size(case: dict[str, Any], share: float) -> None:
    assume(case["remaining_daily_loss"] > 0)
    less = {**case, "remaining_daily_loss": int(case["remaining_daily_loss"] * share)}
    assert size_order(**less).size <= size_order(**case).size
