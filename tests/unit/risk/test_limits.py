"""Limits: each with its reason at its exact boundary, room that is neither more nor less, and what only reduces."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.errors import DataError
from aurora.risk import AccountState, Entry, Policy, SymbolState, breaches, room, share_cap

MONEY = 10**8
WIDE = {
    "position_pct": 100,
    "symbol_exposure_pct": 100,
    "gross_exposure_pct": 2000,
    "leverage": 20,
    "limits": {
        "sector_pct": 2000,
        "net_min_pct": -2000,
        "net_max_pct": 2000,
        "notional_share_pct": 100,
        "turnover_day_pct": 1_000_000,
    },
}
"""Nothing binds but what a test narrows."""


def policy(limits: dict[str, Any] | None = None, **top: Any) -> Policy:
    return Policy.model_validate({**WIDE, **top, "limits": {**WIDE["limits"], **(limits or {})}})  # type: ignore[dict-item]


def account(**symbols: SymbolState) -> AccountState:
    return AccountState(
        equity=1_000 * MONEY,
        remaining_daily_loss=25 * MONEY,
        traded_today=0,
        day_start_equity=1_000 * MONEY,
        symbols=symbols,
    )


def entry(notional: int, symbol: str = "A", side: int = 1, **changed: Any) -> Entry:
    return Entry(symbol, side, notional, 0, **changed)


def reasons(found: Any) -> list[str]:
    return [breach.reason for breach in found]


CASES: dict[str, tuple[Policy, AccountState, dict[str, Any], int, str]] = {
    "position": (policy(position_pct=15), account(), {}, 150, "deny.position_limit"),
    "position added to": (
        policy(position_pct=15),
        account(A=SymbolState(position=100 * MONEY)),
        {"scale_in": True},
        50,
        "deny.position_limit",
    ),
    "position turned": (
        policy(position_pct=15),
        account(A=SymbolState(position=-100 * MONEY)),
        {"flip": True},
        250,
        "deny.position_limit",
    ),
    "symbol": (
        policy(position_pct=20, symbol_exposure_pct=20),
        account(A=SymbolState(working_buys=30 * MONEY, working_sells=20 * MONEY)),
        {},
        150,
        "deny.symbol_exposure",
    ),
    "gross": (
        policy(symbol_exposure_pct=100, gross_exposure_pct=150),
        account(
            B=SymbolState(position=-900 * MONEY, working_buys=100 * MONEY),
            C=SymbolState(position=200 * MONEY),
        ),
        {},
        300,
        "deny.gross_exposure",
    ),
    "leverage": (
        policy(leverage="1.5"),
        account(B=SymbolState(position=1_400 * MONEY, working_sells=50 * MONEY)),
        {},
        50,
        "deny.leverage",
    ),
    "net, long": (
        policy({"net_max_pct": 100}),
        account(B=SymbolState(position=500 * MONEY, working_buys=100 * MONEY, working_sells=7 * MONEY)),
        {},
        400,
        "deny.net_exposure",
    ),
    "net, short": (
        policy({"net_min_pct": -30}),
        account(B=SymbolState(position=-100 * MONEY, working_buys=7 * MONEY, working_sells=50 * MONEY)),
        {"side": -1},
        150,
        "deny.net_exposure",
    ),
    "net, short of a long book": (
        policy({"net_min_pct": -30}),
        account(B=SymbolState(position=100 * MONEY)),
        {"side": -1},
        400,
        "deny.net_exposure",
    ),
    "sector": (
        policy({"sector_pct": 50}),
        account(
            B=SymbolState(position=-300 * MONEY, working_buys=40 * MONEY, sector="meme"),
            C=SymbolState(position=900 * MONEY, sector="layer one"),
            D=SymbolState(position=900 * MONEY),
        ),
        {"sector": "meme"},
        160,
        "deny.sector_exposure",
    ),
    "sector of the account": (
        policy({"sector_pct": 50}),
        account(A=SymbolState(sector="meme"), B=SymbolState(position=300 * MONEY, sector="meme")),
        {},
        200,
        "deny.sector_exposure",
    ),
    "turnover": (
        policy({"turnover_day_pct": 50}),
        replace(account(), traded_today=400 * MONEY),
        {},
        600,
        "deny.turnover",
    ),
    # Five symbols: 600 + x <= 30 % of (4,000 + x), so 0.7 x <= 600
    "share of the week": (
        policy({"notional_share_pct": 25, "notional_share_floor_pct": 0}),
        account(
            A=SymbolState(traded_7d=600 * MONEY), **{n: SymbolState(traded_7d=850 * MONEY) for n in "BCDE"}
        ),
        {},
        857,
        "deny.notional_share",
    ),
    # A fresh account: 30 % of 1,000
    "share of a first day": (
        policy({"notional_share_pct": 25, "notional_share_multiple": 0}),
        account(),
        {},
        250,
        "deny.notional_share",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_limit_may_be_reached_and_not_passed(case: str) -> None:
    limits, state, changed, most, reason = CASES[case]
    side = changed.get("side", 1)
    left = room(limits, state, "A", side, sector=changed.get("sector", ""))
    notional = min(left.values())
    assert notional // MONEY == most
    assert breaches(limits, state, entry(notional, **changed)) == ()
    (breach,) = breaches(limits, state, entry(notional + 1, **changed))
    assert breach.reason == reason
    assert breach.value is not None
    assert breach.limit is not None
    assert breach.limit < breach.value <= breach.limit + 1


def test_open_risk_compares_with_what_the_day_has_left() -> None:
    state = account(A=SymbolState(open_risk=10 * MONEY), B=SymbolState(open_risk=5 * MONEY))
    fits = replace(entry(MONEY, "C"), stop_loss=10 * MONEY)
    assert breaches(policy(), state, fits) == ()
    (breach,) = breaches(policy(), state, replace(fits, stop_loss=10 * MONEY + 1))
    assert (breach.reason, breach.value, breach.limit) == ("deny.open_risk", 25 * MONEY + 1, 25 * MONEY)
    assert reasons(breaches(policy(), replace(state, remaining_daily_loss=0), fits)) == ["deny.open_risk"]


def test_adding_and_turning_need_their_flags() -> None:
    long, short = (account(A=SymbolState(position=sign * 100 * MONEY)) for sign in (1, -1))
    assert reasons(breaches(policy(), long, entry(MONEY))) == ["deny.scale_in"]
    assert reasons(breaches(policy(), long, entry(MONEY, flip=True))) == ["deny.scale_in"]
    assert breaches(policy(), long, entry(MONEY, scale_in=True)) == ()
    assert reasons(breaches(policy(), short, entry(100 * MONEY + 1))) == ["deny.flip"]
    assert reasons(breaches(policy(), short, entry(100 * MONEY + 1, scale_in=True))) == ["deny.flip"]
    assert breaches(policy(), short, entry(100 * MONEY + 1, flip=True)) == ()
    assert reasons(breaches(policy(), short, entry(MONEY, side=-1))) == ["deny.scale_in"]
    assert breaches(policy(), account(), entry(MONEY)) == ()


def test_what_only_reduces_always_passes() -> None:
    """Also far beyond every limit, with nothing left of the day."""
    narrow = policy(
        {"turnover_day_pct": 1, "notional_share_pct": 1, "notional_share_multiple": 0}, gross_exposure_pct=100
    )
    for sign in (1, -1):
        state = AccountState(MONEY, -5, 10**15, MONEY, {"A": SymbolState(position=sign * 10**6 * MONEY)})
        assert breaches(narrow, state, entry(10**6 * MONEY, side=-sign)) == ()
        assert breaches(narrow, state, entry(1, side=-sign)) == ()
        assert "deny.flip" in reasons(breaches(narrow, state, entry(10**6 * MONEY + 1, side=-sign)))


def test_several_breaches_are_all_told() -> None:
    state = replace(account(B=SymbolState(position=900 * MONEY)), remaining_daily_loss=0)
    found = breaches(Policy(), state, replace(entry(2_000 * MONEY, sector="x"), stop_loss=1))
    assert reasons(found) == [
        "deny.position_limit",
        "deny.symbol_exposure",
        "deny.gross_exposure",
        "deny.leverage",
        "deny.net_exposure",
        "deny.sector_exposure",
        "deny.turnover",
        "deny.open_risk",
    ]


def test_the_share_of_the_week_leaves_few_symbols_alone() -> None:
    assert [share_cap(Policy(), n) for n in (1, 2, 4, 5, 6, 7)] == [
        Fraction(3, 2),
        Fraction(3, 4),
        Fraction(3, 8),
        Fraction(3, 10),
        Fraction(1, 4),
        Fraction(1, 4),
    ]
    only = account(A=SymbolState(traded_7d=10**6 * MONEY))
    assert "notional_share" not in room(Policy(), only, "A", 1)
    second = account(A=SymbolState(traded_7d=750 * MONEY), B=SymbolState(traded_7d=250 * MONEY))
    assert room(Policy(), second, "A", 1)["notional_share"] == 0
    assert room(Policy(), second, "B", 1)["notional_share"] == 2_000 * MONEY
    with pytest.raises(DataError):
        share_cap(Policy(), 0)


def test_breakers_scale_exposure_and_neither_turnover_nor_shares() -> None:
    full, half = (
        room(Policy(), account(), "A", 1, sector="x"),
        room(Policy(), account(), "A", 1, sector="x", exposure_scale=Fraction(1, 2)),
    )
    halved = {name for name in full if half[name] * 2 == full[name]}
    assert halved == {"position", "symbol", "gross", "leverage", "net", "sector"}
    assert half["turnover"] == full["turnover"]
    assert set(room(Policy(), account(), "A", 1, exposure_scale=0).values()) - {0} == {full["turnover"]}
    assert reasons(breaches(Policy(), account(), entry(80 * MONEY), exposure_scale=Decimal("0.5"))) == [
        "deny.position_limit"
    ]


def test_no_equity_leaves_no_room() -> None:
    for equity in (0, -5 * MONEY):
        state = replace(account(), equity=equity, day_start_equity=equity)
        assert set(room(Policy(), state, "A", 1, sector="x").values()) == {0}


@pytest.mark.parametrize("wrong", [{"side": 0}, {"side": 2}, {"notional": -1}, {"stop_loss": -1}])
def test_nonsense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DataError):
        breaches(Policy(), account(), replace(entry(1), **wrong))
    with pytest.raises(DataError):
        room(Policy(), account(), "A", 1, exposure_scale=1.5)
    with pytest.raises(DataError):
        room(Policy(), account(), "A", 1, exposure_scale=-0.5)


states = st.builds(
    SymbolState,
    position=st.integers(-500, 500).map(lambda n: n * MONEY // 3),
    working_buys=st.integers(0, 100 * MONEY),
    working_sells=st.integers(0, 100 * MONEY),
    sector=st.sampled_from(["", "x", "y"]),
    open_risk=st.integers(0, 3 * MONEY),
    traded_7d=st.integers(0, 10_000 * MONEY),
)


@settings(max_examples=300, deadline=None)
@given(
    symbols=st.dictionaries(st.sampled_from("ABCDEF"), states),
    side=st.sampled_from([1, -1]),
    sector=st.sampled_from(["", "x"]),
    traded=st.integers(0, 1_000 * MONEY),
)
def test_an_order_of_the_room_passes_and_one_quantum_more_does_not(
    symbols: dict[str, SymbolState], side: int, sector: str, traded: int
) -> None:
    limits = Policy.model_validate({"limits": {"turnover_day_pct": 80}})
    state = replace(account(**symbols), traded_today=traded, remaining_daily_loss=10**6 * MONEY)
    left = room(limits, state, "A", side, sector=sector)
    most = min(left.values())
    held = side * state.symbols.get("A", SymbolState()).position
    order = Entry("A", side, most, 0, sector, scale_in=True, flip=True)
    if most > 0:
        assert breaches(limits, state, order) == ()
    over = breaches(limits, state, replace(order, notional=most + 1))
    assert over or most + 1 <= -held
