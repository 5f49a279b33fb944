"""The whole size by hand: every cap and scaler on its own, one floor, and the reason of a zero."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from aurora.errors import DataError
from aurora.risk import KellyInputs, LatencyInputs, Lots, Policy, SizingInputs, size_trade
from aurora.risk.sizing import CAP_REASONS

MONEY = 10**8
BTC = Lots(price_scale=100, size_scale=1000, lot=1, min_size=1, min_notional=5 * MONEY)
PLAIN = SizingInputs(
    lots=BTC,
    price=6_000_000,
    stop_distance=54_000,
    entry_cost_bps=Decimal(5),
    stop_cost_bps=Decimal(5),
    equity=100_000 * MONEY,
    peak_equity=100_000 * MONEY,
    remaining_daily_loss=2_500 * MONEY,
)
"""60,000 with a stop at 540 and 30 + 30 of costs: 600 lost per coin."""


def size(policy: Policy | None = None, **changed: Any) -> Any:
    return size_trade(policy or Policy(), replace(PLAIN, **changed))


def test_risk_alone() -> None:
    record = size()
    # 500 / 600 = 0.8333, 2,500 / 600 = 4.1667
    assert record.caps == {"risk": Fraction(2500, 3), "open_risk": Fraction(12500, 3)}
    assert (record.binding, record.size, record.refusal) == ("risk", 833, None)
    assert record.scalers == {"drawdown": 1, "breakers": 1}
    assert record.multiplier == 1
    assert record.whole_caps == {"risk": 833, "open_risk": 4166}
    assert record.plain_scalers == {"drawdown": 1.0, "breakers": 1.0}
    assert record.absent == (
        "symbol_budget", "kelly", "tail_trade", "tail_portfolio",
        "calibration", "regime", "liquidity", "latency", "throttle",
    )  # fmt: skip
    assert record.policy_hash == Policy().hash


def test_there_is_one_floor_and_it_is_last() -> None:
    """833.33 · 0.996 = 830.0 exactly; flooring the cap first would give 829."""
    record = size(Policy(drawdown_zero_pct=100), peak_equity=round(100_000 / 0.996 * MONEY))
    assert record.caps["risk"] * record.multiplier == pytest.approx(830.0, abs=1e-6)
    exact = size(Policy(drawdown_zero_pct=50), equity=99_800 * MONEY, peak_equity=100_000 * MONEY)
    # 99,800 · 0.5 % / 600 = 831.667; times 0.996 = 828.34
    assert exact.multiplier == Fraction(996, 1000)
    assert exact.size == 828
    third = size(lots=replace(BTC, lot=5, min_size=5), breaker_scale=Fraction(996, 1000))
    assert third.size == 830, "833.33 is 830 in lots of 5, and 830 · 0.996 would be 825"


@pytest.mark.parametrize(
    ("changed", "name", "cap"),
    [
        ({"open_risk": 2_440 * MONEY}, "open_risk", Fraction(100)),
        ({"budget_share": Decimal("0.1"), "symbol_open_risk": 100 * MONEY}, "symbol_budget", Fraction(250)),
        ({"budget_share": 7, "symbol_open_risk": 2_440 * MONEY}, "symbol_budget", Fraction(100)),
        # Win 1,020 - 60, lose 600: b = 1.6; f = 0.3875 - 0.6125 / 1.6 = 0.0046875
        ({"kelly": KellyInputs(Decimal("0.3875"), 102_000, 5)}, "kelly", Fraction("781.25")),
        ({"room": {"position": 15_000 * MONEY, "net": 90_000 * MONEY}}, "position", Fraction(250)),
        ({"room": {"leverage": 6_000 * MONEY}}, "leverage", Fraction(100)),
        ({"cvar95_bps": 500}, "tail_trade", Fraction(2000, 3)),
        ({"cvar95_bps": 100, "portfolio_cvar": 2_200 * MONEY}, "tail_portfolio", Fraction(500)),
    ],
)
def test_each_cap_binds(changed: dict[str, Any], name: str, cap: Fraction) -> None:
    record = size(**changed)
    assert record.binding == name
    assert record.caps[name] == cap
    assert record.size == int(cap)


def test_kelly_as_a_fraction_of_kelly() -> None:
    quarter = Policy.model_validate({"kelly": {"method": "fraction"}})
    kelly = KellyInputs(Decimal("0.3875"), 102_000, 5)
    assert size(quarter, kelly=kelly).caps["kelly"] == Fraction("781.25") / 4
    assert size(quarter, kelly=kelly).rules.kelly_multiplier == Decimal("0.25")


@pytest.mark.parametrize(
    ("changed", "name", "scaler"),
    [
        ({"calibration_error": 0.02, "calibration_error_expected": 0.02}, "calibration", 1),
        ({"regime": "RANGE"}, "regime", Fraction(3, 4)),
        ({"depth": 4_000}, "liquidity", Fraction(400 * 3, 2500)),
        ({"latency": LatencyInputs(Decimal("0.01"), 120, 20, 4)}, "latency", Fraction(3, 4)),
        ({"sharpe_7d": -1}, "throttle", Fraction(1, 2)),
        ({"breaker_scale": Decimal("0.5")}, "breakers", Fraction(1, 2)),
        ({"peak_equity": 125_000 * MONEY, "equity": 115_000 * MONEY}, "drawdown", Fraction(1, 5)),
    ],
)
def test_each_scaler_scales(changed: dict[str, Any], name: str, scaler: Fraction) -> None:
    record = size(**changed)
    assert record.scalers[name] == scaler
    assert record.multiplier == scaler
    assert record.size == int(record.caps[record.binding] * scaler)
    assert name not in record.absent


def test_there_is_at_most_one_volatility_scaler() -> None:
    given = {"volatility": 0.02, "volatility_reference": 0.01}
    assert set(size(**given).scalers) == {"drawdown", "breakers"}
    for method in ("inverse_volatility", "volatility_target"):
        policy = Policy.model_validate({"scalers": {"volatility": method}})
        record = size(policy, **given)
        assert record.scalers == {"drawdown": 1, "breakers": 1, method: Fraction(1, 2)}
        assert record.size == 416
        for half in ({"volatility": 0.02}, {"volatility_reference": 0.02}, {}):
            assert size(policy, **half).absent[-1] == method


def test_scalers_multiply() -> None:
    record = size(regime="NEUTRAL", sharpe_7d=-1, breaker_scale=Fraction(1, 2))
    assert record.multiplier == Fraction(1, 8)
    assert record.size == 104


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"remaining_daily_loss": 0}, "deny.open_risk"),
        ({"remaining_daily_loss": -5}, "deny.open_risk"),
        ({"open_risk": 2_500 * MONEY}, "deny.open_risk"),
        ({"equity": 0}, "deny.risk_budget"),
        ({"equity": -1}, "deny.risk_budget"),
        ({"kelly": KellyInputs(0.2, 102_000, 5)}, "deny.kelly"),
        ({"kelly": KellyInputs(1, 6_000, 5)}, "deny.kelly"),
        ({"cvar95_bps": 100, "portfolio_cvar": 2_500 * MONEY}, "deny.tail_portfolio"),
        ({"cvar95_bps": 0, "portfolio_cvar": 2_501 * MONEY}, "deny.tail_portfolio"),
        ({"cvar95_bps": 0, "portfolio_cvar": 2_500 * MONEY}, "deny.tail_portfolio"),
        ({"budget_share": 0}, "deny.open_risk"),
        ({"regime": "PANIC"}, "deny.risk_budget"),
        ({"breaker_scale": 0}, "deny.risk_budget"),
        ({"depth": 0}, "deny.risk_budget"),
        ({"depth": 9}, "deny.below_minimum"),
        ({"lots": replace(BTC, lot=1000)}, "deny.below_minimum"),
        ({"lots": replace(BTC, min_size=834)}, "deny.below_minimum"),
        ({"lots": replace(BTC, min_notional=49_980 * MONEY + 1)}, "deny.below_minimum"),
        *[({"room": {name: 0}}, CAP_REASONS[name]) for name in ("gross", "sector", "turnover", "symbol")],
    ],
)
def test_a_zero_has_its_reason(changed: dict[str, Any], refusal: str) -> None:
    record = size(**changed)
    assert (record.size, record.refusal) == (0, refusal)


def test_exactly_the_minimum_passes() -> None:
    assert size(lots=replace(BTC, min_size=833, min_notional=49_980 * MONEY)).size == 833
    assert size(depth=10).size == 1


def test_a_tail_that_gains_limits_nothing() -> None:
    record = size(cvar95_bps=-5, portfolio_cvar=0)
    assert record.size == 833
    assert set(record.caps) == {"risk", "open_risk"}
    assert "tail_trade" not in record.absent


def test_a_quantum_of_money_is_room() -> None:
    assert size(open_risk=2_500 * MONEY - 1).caps["open_risk"] == Fraction(1, 60_000 * 1000)


def test_rebates_do_not_enlarge() -> None:
    assert size(entry_cost_bps=-2, stop_cost_bps=0).caps["risk"] == Fraction(500_000, 540)


def test_every_cap_has_a_reason() -> None:
    assert all(reason.startswith("deny.") for reason in CAP_REASONS.values())


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("price", {"price": 0}),
        ("stop_distance", {"stop_distance": 0}),
        ("lot", {"lots": replace(BTC, lot=0)}),
        ("price_scale", {"lots": replace(BTC, price_scale=0)}),
        ("size_scale", {"lots": replace(BTC, size_scale=0)}),
    ],
)
def test_what_must_be_above_nought_is_named(name: str, changed: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"^{name} is 0; it must be above 0$"):
        size(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"stop_distance": -1},
        {"room": {"moon": 1}},
        {"breaker_scale": 1.01},
        {"breaker_scale": -0.01},
        {"entry_cost_bps": float("nan")},
        {"stop_cost_bps": float("inf")},
        {"kelly": KellyInputs(float("nan"), 1, 1)},
        {"kelly": KellyInputs(0.5, 1, float("inf"))},
        {"cvar95_bps": float("nan")},
        {"calibration_error": float("nan")},
        {"regime": "BULL"},
        {"sharpe_7d": float("inf")},
        {"budget_share": float("nan")},
        {"latency": LatencyInputs(0.1, float("nan"), 1, 1)},
    ],
)
def test_nonsense_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        size(**changed)
