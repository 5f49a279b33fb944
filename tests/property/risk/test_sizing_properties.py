"""What must hold of every size: within every cap, never more when the world gets worse, recomputed from its record."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference_sizing import recompute

from aurora.risk import KellyInputs, LatencyInputs, Lots, Policy, SizingInputs, SizingRecord, size_trade

MONEY = 10**8
MANY = settings(max_examples=300, deadline=None)
REGIMES = ["TREND", "RANGE", "NEUTRAL", "PANIC", "ILLIQUID"]
ROOMS = ["leverage", "position", "symbol", "sector", "gross", "net", "notional_share", "turnover"]


def decimals(low: str, high: str, places: int = 3) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return Policy.model_validate(
        {
            "preset": draw(st.sampled_from(["conservative", "balanced", "aggressive"])),
            "drawdown_zero_pct": draw(decimals("0.5", "100", 1)),
            "scalers": {
                "volatility": draw(st.sampled_from(["none", "inverse_volatility", "volatility_target"]))
            },
            "kelly": {"method": draw(st.sampled_from(["posterior_quantile", "fraction"]))},
            "tail": {"trade_pct": draw(decimals("0.1", "10", 2))},
        }
    )


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """With twelve decimals: the reference computes with 60 digits, and would not see 1 - 1e-119."""
    return st.floats(low, high).map(lambda x: round(x, 12))


@st.composite
def inputs(draw: st.DrawFn) -> SizingInputs:
    """Trades a desk might meet, and one in four that it should not."""
    wild = draw(st.integers(0, 3)) == 3

    def either(sane: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> Any:
        return draw(rare if wild else sane)

    price_exponent, size_exponent = draw(st.integers(0, 6)), draw(st.integers(2, 5))
    lot = either(st.sampled_from([1, 2, 5, 10]), st.sampled_from([1000, 10**6]))
    price = either(
        st.integers(1, 99_999).map(lambda n: n * 10**price_exponent // 10 + 10),
        st.integers(1, 10**11),
    )
    equity = either(
        st.integers(10_000 * MONEY, 10_000_000 * MONEY), st.integers(-1_000 * MONEY, 1_000 * MONEY)
    )
    left = either(st.integers(1, 30).map(lambda n: equity * n // 1000), st.integers(-100 * MONEY, 10 * MONEY))
    stop = draw(st.integers(5, 300)) * price // 10_000 + 1
    rooms = draw(st.lists(st.sampled_from(ROOMS), unique=True, max_size=4))
    room = either(floats(0.01, 2), floats(0, 0.0001))
    volatility = draw(maybe(floats(0, 0.1)))
    entry_cost, stop_cost, target_cost = (draw(floats(-3, 20)) for _ in range(3))
    target = stop * draw(st.sampled_from([1, 2, 5]))
    loss = stop + price * (max(0, entry_cost) + max(0, stop_cost)) / 10_000
    gain = target - price * (max(0, entry_cost) + max(0, target_cost)) / 10_000
    # Just above break-even, where Kelly binds.
    near = min(1.0, round(loss / (loss + max(gain, 0.0)) + draw(floats(0, 0.01)), 12))
    kelly = KellyInputs(either(st.just(near) | floats(0.3, 0.6), floats(0, 1)), target, target_cost)
    return SizingInputs(
        lots=Lots(
            10**price_exponent,
            10**size_exponent,
            lot,
            lot * draw(st.integers(1, 3)),
            draw(st.sampled_from([0, 5 * MONEY, 100 * MONEY])),
        ),
        price=price,
        stop_distance=stop,
        entry_cost_bps=entry_cost,
        stop_cost_bps=stop_cost,
        equity=equity,
        peak_equity=max(MONEY, equity + abs(equity) * draw(st.sampled_from([0, 0, 1, 5, 30])) // 1000),
        remaining_daily_loss=left,
        open_risk=draw(st.sampled_from([0, 0, abs(left) // 7, abs(left) // 2])),
        budget_share=draw(maybe(floats(0.2, 1))),
        symbol_open_risk=draw(st.sampled_from([0, abs(left) // 50])),
        room={name: int(abs(equity) * room) for name in rooms},
        kelly=draw(maybe(st.just(kelly))),
        cvar95_bps=either(maybe(floats(10, 2000)), floats(-10, 10)),
        portfolio_cvar=draw(maybe(st.sampled_from([-MONEY, 0, abs(left) // 3, abs(left)]))),
        calibration_error=draw(maybe(floats(0, 0.5))),
        calibration_error_expected=draw(st.sampled_from([0, 0.017])),
        regime=either(maybe(st.sampled_from(REGIMES[:3])), st.sampled_from(REGIMES)),
        depth=either(maybe(st.integers(10**5, 10**12)), st.integers(0, 100)),
        latency=draw(
            maybe(
                st.builds(
                    LatencyInputs,
                    floats(0, 0.02),
                    floats(0, 500),
                    floats(0, 100),
                    st.just(either(floats(2, 30), floats(-1, 1))),
                )
            )
        ),
        sharpe_7d=draw(maybe(floats(-20, 20))),
        volatility=volatility,
        volatility_reference=None if volatility is None else draw(floats(1e-6, 0.1)),
        breaker_scale=either(
            st.sampled_from([1, 1, Fraction(1, 2), Decimal("0.25")]), st.sampled_from([0, 1])
        ),
    )


def test_most_drawn_cases_say_something() -> None:
    """The properties below would say little of sizes that are all zero, or of one cap that always binds."""
    records: list[SizingRecord] = []

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(policy=policies(), given_inputs=inputs())
    def draw(policy: Policy, given_inputs: SizingInputs) -> None:
        records.append(size_trade(policy, given_inputs))

    draw()
    assert sum(record.size > 0 for record in records) > len(records) / 3
    assert {record.binding for record in records if record.size} >= {
        "risk",
        "open_risk",
        "kelly",
        "tail_trade",
    }
    below_one = {name for record in records for name, value in record.scalers.items() if 0 < value < 1}
    assert below_one == {
        "drawdown",
        "breakers",
        "calibration",
        "regime",
        "liquidity",
        "latency",
        "throttle",
        "inverse_volatility",
        "volatility_target",
    }, "a scaler that is always 1 scales nothing"


@MANY
@given(policy=policies(), case=inputs())
def test_recomputed_from_the_record_alone(policy: Policy, case: SizingInputs) -> None:
    record = size_trade(policy, case)
    again = recompute(record)
    assert set(again["caps"]) == set(record.caps)
    for name, cap in record.caps.items():
        assert abs(Fraction(again["caps"][name]) - cap) <= abs(cap) * Fraction(1, 10**40)
    assert set(again["scalers"]) == set(record.scalers)
    for name, scaler in record.scalers.items():
        # exp is rounded to 28 digits here and to 60 there.
        assert abs(Fraction(again["scalers"][name]) - scaler) <= Fraction(1, 10**27)
    lots = case.lots
    exact = Fraction(min(again["caps"].values())) * Fraction(again["multiplier"]) / lots.lot
    assume(abs(exact - round(exact)) > Fraction(1, 10**20) or case.calibration_error is None)
    assert record.size == again["size"]


@MANY
@given(policy=policies(), case=inputs())
def test_a_size_is_lots_within_every_cap_and_above_the_minimum_or_zero_with_a_reason(
    policy: Policy, case: SizingInputs
) -> None:
    record = size_trade(policy, case)
    lots, size = case.lots, record.size
    assert size % lots.lot == 0
    assert all(0 <= scaler <= 1 for scaler in record.scalers.values())
    assert 0 <= size <= record.multiplier * min(record.caps.values())
    assert (record.refusal is None) == (size > 0)
    if size:
        assert size >= lots.min_size
        assert Fraction(size * case.price, lots.price_scale * lots.size_scale) * MONEY >= lots.min_notional
        more = size + lots.lot
        assert more > record.multiplier * min(record.caps.values()), "one lot more would have been too much"
    assert set(record.caps).isdisjoint(record.absent)
    assert set(record.scalers).isdisjoint(record.absent)


@MANY
@given(policy=policies(), case=inputs())
def test_the_stops_and_the_tail_keep_their_budgets(policy: Policy, case: SizingInputs) -> None:
    size = size_trade(policy, case).size
    assume(size > 0)
    units = Fraction(size, case.lots.size_scale)
    price = Fraction(case.price, case.lots.price_scale)
    notional = units * price * MONEY
    cost = sum(max(Fraction(0), Fraction(repr(bps))) for bps in (case.entry_cost_bps, case.stop_cost_bps))
    loss = units * Fraction(case.stop_distance, case.lots.price_scale) * MONEY + notional * cost / 10_000
    assert loss <= Fraction(policy.per_trade_risk_pct) / 100 * case.equity
    assert case.open_risk + loss <= case.remaining_daily_loss, "Σ stops stay within what the day has left"
    for name, money in case.room.items():
        assert notional <= money, name
    if case.cvar95_bps is not None:
        shortfall = notional * Fraction(repr(case.cvar95_bps)) / 10_000
        assert shortfall <= Fraction(policy.tail.trade_pct) / 100 * case.equity
        if case.portfolio_cvar is not None and shortfall > 0:
            assert case.portfolio_cvar + shortfall <= case.remaining_daily_loss


def worse(case: SizingInputs, by: float) -> dict[str, SizingInputs | None]:
    """The same trade in a world that is worse in one respect."""
    late, kelly = case.latency, case.kelly
    return {
        "entry cost": replace(case, entry_cost_bps=case.entry_cost_bps + by),  # type: ignore[operator]
        "stop cost": replace(case, stop_cost_bps=case.stop_cost_bps + by),  # type: ignore[operator]
        "target cost": kelly
        and replace(case, kelly=replace(kelly, target_cost_bps=kelly.target_cost_bps + by)),  # type: ignore[operator]
        "win probability": kelly and replace(case, kelly=replace(kelly, p=kelly.p / (1 + by))),  # type: ignore[operator]
        "tail": None if case.cvar95_bps is None else replace(case, cvar95_bps=case.cvar95_bps + by),  # type: ignore[operator]
        "portfolio tail": None
        if case.portfolio_cvar is None
        else replace(case, portfolio_cvar=case.portfolio_cvar + int(by * MONEY)),
        "drawdown": replace(case, peak_equity=case.peak_equity + int(by * MONEY)),
        "calibration": None
        if case.calibration_error is None
        else replace(case, calibration_error=case.calibration_error + by / 100),  # type: ignore[operator]
        "latency": late and replace(case, latency=replace(late, p95_ms=late.p95_ms + by)),  # type: ignore[operator]
        "kappa": (
            late
            and late.p95_ms >= late.charged_ms  # type: ignore[operator]
            and replace(case, latency=replace(late, kappa=late.kappa + by / 1000))
        )  # type: ignore[operator]
        or None,
        "depth": None if case.depth is None else replace(case, depth=int(case.depth / (1 + by))),
        "performance": None if case.sharpe_7d is None else replace(case, sharpe_7d=case.sharpe_7d - by),  # type: ignore[operator]
        "volatility": None
        if case.volatility is None
        else replace(case, volatility=case.volatility * (1 + by)),  # type: ignore[operator]
        "stop distance": replace(case, stop_distance=case.stop_distance + 1 + int(by)),
        "budget": replace(case, remaining_daily_loss=case.remaining_daily_loss - int(by * MONEY)),
        "open risk": replace(case, open_risk=case.open_risk + int(by * MONEY)),
        "room": replace(case, room={name: int(money / (1 + by)) for name, money in case.room.items()}),
        "breakers": replace(case, breaker_scale=Fraction(case.breaker_scale) / 2),
    }


@settings(max_examples=500, deadline=None)
@given(policy=policies(), case=inputs(), by=st.floats(0, 50), which=st.integers(0, 17))
def test_a_worse_world_never_gives_more(policy: Policy, case: SizingInputs, by: float, which: int) -> None:
    name, changed = list(worse(case, by).items())[which]
    assume(changed is not None)
    assert changed is not None
    assert size_trade(policy, changed).size <= size_trade(policy, case).size, name


@pytest.mark.parametrize("name", list(worse(SizingInputs(Lots(1, 1, 1, 1, 0), 1, 1, 0, 0, 1, 1, 1), 1.0)))
def test_each_worsening_can_shrink_a_size(name: str) -> None:
    """The property above would hold of inputs that nothing listens to."""
    policy = Policy.model_validate({"scalers": {"volatility": "volatility_target"}})
    case = SizingInputs(
        lots=Lots(100, 1000, 1, 1, 5 * MONEY),
        price=6_180_000,
        stop_distance=49_440,
        entry_cost_bps=5.0,
        stop_cost_bps=5.0,
        equity=100_000 * MONEY,
        peak_equity=102_000 * MONEY,
        remaining_daily_loss=2_500 * MONEY,
        kelly=KellyInputs(0.6, 98_880, 2.0),
        cvar95_bps=150.0,
        portfolio_cvar=0,
        calibration_error=0.03,
        regime="RANGE",
        depth=20_000,
        latency=LatencyInputs(0.01, 80.0, 20.0, 8.0),
        sharpe_7d=-0.5,
        volatility=0.02,
        volatility_reference=0.015,
    )
    binding: dict[str, dict[str, Any]] = {
        "target cost": {"kelly": KellyInputs(0.3476, 110_000, 2.0)},
        "win probability": {"kelly": KellyInputs(0.3476, 110_000, 2.0)},
        "depth": {"depth": 5_000},
        "stop distance": {"remaining_daily_loss": 100 * MONEY, "portfolio_cvar": None},
        "tail": {"cvar95_bps": 1000.0},
        "portfolio tail": {"portfolio_cvar": 2_400 * MONEY},
        "budget": {"open_risk": 2_400 * MONEY},
        "open risk": {"open_risk": 2_400 * MONEY},
        "room": {"room": {"position": 15_000 * MONEY}},
    }
    case = replace(case, **binding.get(name, {}))
    changed = worse(case, 9000.0 if name == "stop distance" else 40.0 if name != "win probability" else 0.01)[
        name
    ]
    assert changed is not None
    assert size_trade(policy, case).size > 0
    assert size_trade(policy, changed).size < size_trade(policy, case).size
