"""The price of a round trip before the trade, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.messages import Signal
from aurora.tca import CostSettings, price_signal, take_within


def signal(edge: float, bid: int = 9_999, ask: int = 10_001, side: int = 1) -> Signal:
    """Mid 10,000 and a spread of 2: the half-spread is exactly 1 basis point."""
    return Signal(
        trace=1,
        instrument="binance_usdm:ETHUSDT",
        local_ns=0,
        engine="lead_lag",
        side=side,
        score=1.0,
        p=0.6,
        consensus=0.2,
        gross_edge_bps=edge,
        horizon_ns=1,
        feature_hash=0,
        bid=bid,
        ask=ask,
        bid_size=1,
        ask_size=1,
    )


def costs(**changed: Any) -> CostSettings:
    return CostSettings(
        **{"maker_fee_bps": 2, "taker_fee_bps": 5, "min_net_edge_bps": 3, "min_benefit_cost": 1.5, **changed}
    )


def test_taking_pays_two_fees_and_two_half_spreads() -> None:
    price = price_signal(signal(20.0), costs(entry="taker"))
    assert price.route == "taker"
    assert price.fee_bps == 10.0
    assert price.half_spread_bps == pytest.approx(1.0)
    assert price.cost_bps == pytest.approx(12.0)
    assert price.net_edge_bps == pytest.approx(8.0)
    assert price.refusal is None


def test_resting_earns_the_half_spread_that_the_exit_pays() -> None:
    price = price_signal(signal(20.0), costs(entry="maker"))
    assert price.route == "maker"
    assert (price.fee_bps, price.cost_bps) == (7.0, pytest.approx(7.0))
    assert price.net_edge_bps == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("edge", "route", "refusal"),
    [
        # Taking costs 12: it needs 18 for benefit over cost 1.5. Resting costs 7: 10 and 10.5.
        (20.0, "taker", None),
        (18.0, "taker", None),
        (17.99, "maker", None),
        (10.5, "maker", None),
        (10.4, "maker", "deny.benefit_cost"),
        (10.0, "maker", "deny.benefit_cost"),
        (9.99, "maker", "deny.net_edge"),
        (0.0, "maker", "deny.net_edge"),
    ],
)
def test_auto_takes_where_taking_clears_else_rests(edge: float, route: str, refusal: str | None) -> None:
    price = price_signal(signal(edge), costs())
    assert (price.route, price.refusal) == (route, refusal)


def test_a_fixed_route_is_kept_where_it_does_not_clear() -> None:
    price = price_signal(signal(17.99), costs(entry="taker"))
    assert (price.route, price.refusal) == ("taker", "deny.benefit_cost")
    price = price_signal(signal(12.0), costs(entry="taker"))
    assert (price.route, price.refusal) == ("taker", "deny.net_edge")


def test_the_spread_may_be_left_out_of_the_cost_but_is_told() -> None:
    price = price_signal(signal(12.0), costs(charge_spread=False, entry="taker"))
    assert price.cost_bps == 10.0
    assert price.half_spread_bps == pytest.approx(1.0)


def test_a_rebate_lowers_the_cost() -> None:
    price = price_signal(signal(8.0), costs(maker_fee_bps=-1, entry="maker"))
    assert price.cost_bps == pytest.approx(4.0)
    assert price.refusal is None


def test_everything_off_lets_everything_pass() -> None:
    off = costs(maker_fee_bps=0, taker_fee_bps=0, charge_spread=False, min_net_edge_bps=0, min_benefit_cost=0)
    price = price_signal(signal(0.05), off)
    assert (price.route, price.cost_bps, price.refusal) == ("taker", 0.0, None)


@given(
    edge=st.floats(0, 100),
    bid=st.integers(1, 10**9),
    spread=st.integers(1, 10**6),
    entry=st.sampled_from(["auto", "maker_first", "maker", "taker"]),
    side=st.sampled_from([-1, 1]),
)
def test_identities(edge: float, bid: int, spread: int, entry: str, side: int) -> None:
    settings = costs(entry=entry)
    price = price_signal(signal(edge, bid, bid + spread, side), settings)
    assert price.half_spread_bps == pytest.approx(spread / 2 / (bid + spread / 2) * 1e4)
    assert price.net_edge_bps == pytest.approx(edge - price.cost_bps, abs=1e-9)
    assert price.cost_bps >= price.fee_bps >= 7.0
    if price.refusal is None:
        assert price.net_edge_bps >= settings.min_net_edge_bps
        assert edge >= settings.min_benefit_cost * price.cost_bps
    assert price == price_signal(signal(edge, bid, bid + spread, -side), settings), "sides cost the same"


def test_what_is_left_may_be_taken_up_to_where_the_edge_still_clears() -> None:
    # Fees 10, the exit's half-spread 1: an edge of 21 leaves 21 / 1.5 = 14 for all costs, so 3 above the mid of 10,000.
    assert take_within(signal(21.0), costs()) == pytest.approx(10_003)
    assert take_within(signal(21.0, side=-1), costs()) == pytest.approx(9_997)
    # Here the least net edge of 3 binds: 12.2 - 3 = 9.2 of all costs, 1.8 below the mid.
    assert take_within(signal(12.2), costs(min_benefit_cost=1.0)) == pytest.approx(9_998.2)


@given(
    edge=st.floats(-50, 200),
    bid=st.integers(1_000, 10**9),
    spread=st.integers(1, 400),
    side=st.sampled_from([-1, 1]),
    charge=st.booleans(),
    better=st.integers(-200, 200),
)
def test_it_is_taken_where_the_gates_would_let_it(
    edge: float, bid: int, spread: int, side: int, charge: bool, better: int
) -> None:
    settings = costs(charge_spread=charge, entry="taker")
    asked = signal(edge, bid, bid + spread, side)
    within, price = take_within(asked, settings), price_signal(asked, settings)
    far = asked.ask if side > 0 else asked.bid
    mid = (asked.bid + asked.ask) / 2
    # What a fill away from the decision's touch costs more, by hand; rounding may decide only on the line itself.
    cost = price.cost_bps + better / mid * 1e4
    slack = min(edge - cost - settings.min_net_edge_bps, edge / settings.min_benefit_cost - cost)
    if abs(slack) > 1e-6:
        assert (side * (within - (far + side * better)) >= 0) == (slack > 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"maker_fee_bps": -11},
        {"taker_fee_bps": -1},
        {"min_benefit_cost": -0.1},
        {"entry": "iceberg"},
        {"min_net_edge_bps": float("nan")},
        {"min_net_edge_bps": float("-inf")},
        {"fees": 1},
    ],
)
def test_settings_refuse_nonsense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        costs(**wrong)
