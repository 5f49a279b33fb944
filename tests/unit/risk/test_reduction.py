"""What is closed when less of the limits holds: enough, the largest first, and nothing more."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.errors import DataError
from aurora.risk import AccountState, Policy, SymbolState, reductions

MONEY = 10**8
POLICY = Policy()
"""Of 1,000: position 150, symbol 250, sector 500, gross and leverage 2,000, net -300 to 1,000."""


def account(**symbols: SymbolState) -> AccountState:
    return AccountState(1_000 * MONEY, 25 * MONEY, 0, 1_000 * MONEY, symbols)


def held(position: float, **more: Any) -> SymbolState:
    return SymbolState(position=int(position * MONEY), **more)


def closed(state: AccountState, scale: Any, policy: Policy = POLICY) -> list[tuple[str, str]]:
    return [(one.symbol, one.limit) for one in reductions(policy, state, scale)]


def test_within_the_limits_nothing_is_closed_and_a_limit_may_be_reached() -> None:
    assert closed(account(), 0) == []
    assert closed(account(A=SymbolState(traded_7d=5 * MONEY)), 0) == [], "nothing is held"
    full = account(A=held(150), B=held(-150))
    assert closed(full, 1) == []
    assert closed(account(A=held(75), B=held(-75)), Fraction(1, 2)) == []
    one_more = account(A=SymbolState(position=75 * MONEY + 1))
    assert closed(one_more, Fraction(1, 2)) == [("A", "position")]


def test_each_limit_closes_the_largest_that_it_counts() -> None:
    half = Fraction(1, 2)
    assert closed(account(A=held(80), B=held(70), C=held(-90)), half) == [
        ("A", "position"),
        ("C", "position"),
    ]
    entering = held(60, working_buys=20 * MONEY)
    assert closed(account(A=entering), half) == [("A", "position")], "what is entering counts"
    wide = Policy.model_validate(
        {"position_pct": 100, "symbol_exposure_pct": 100, "limits": {"net_min_pct": -2000}}
    )
    sector = account(A=held(200, sector="x"), B=held(-240, sector="x"), C=held(300))
    assert closed(sector, half, wide) == [("B", "sector")]
    gross = account(**{name: held(-280) for name in "DCBA"})
    assert closed(gross, half, wide) == [("A", "gross")], "by name among equals"
    unlevered = wide.model_copy(update={"leverage": Decimal(1)})
    assert closed(account(A=held(-270), B=held(-280)), half, unlevered) == [("B", "leverage")]
    longs = account(A=held(260), B=held(300), C=held(-20))
    assert closed(longs, half, wide) == [("B", "net_long")]
    shorts = account(A=held(-100), B=held(60), C=held(-120))
    assert closed(shorts, half, wide.model_copy(update={"limits": POLICY.limits})) == [("C", "net_short")]


def test_what_another_closure_made_unnecessary_stays() -> None:
    """Six longs and eight shorts pass the gross limit and the net one; a short is of both, a long of one."""
    book = {f"L{n}": held(75) for n in range(6)} | {f"S{n}": held(-70) for n in range(8)}
    assert closed(account(**book), Fraction(1, 2)) == [("S0", "gross")]


def test_what_is_told_explains() -> None:
    (one,) = reductions(POLICY, account(A=held(80)), Fraction(1, 2))
    assert (one.symbol, one.limit, one.used, one.allowed) == ("A", "position", 80 * MONEY, 75 * MONEY)
    with pytest.raises(DataError, match=r"exposure_scale is 1\.5"):
        reductions(POLICY, account(), 1.5)


NOTIONAL = st.integers(0, 400 * MONEY)
STATES = st.builds(
    SymbolState,
    position=st.integers(-400 * MONEY, 400 * MONEY),
    working_buys=NOTIONAL | st.just(0),
    working_sells=NOTIONAL | st.just(0),
    sector=st.sampled_from(["", "x", "y"]),
)
BOOKS = st.dictionaries(st.sampled_from("ABCDEFGH"), STATES, max_size=8)


WIDE = Policy.model_validate({"position_pct": 60, "symbol_exposure_pct": 60})
SHARES = {"default": (POLICY, 15), "wide": (WIDE, 60)}
"""Policies, and the largest position in per cent of equity."""


def is_beyond(symbols: dict[str, SymbolState], scale: Fraction, single: int) -> bool:
    """Plainly, by the percentages of the page."""
    size = {name: abs(one.position) + one.working_buys + one.working_sells for name, one in symbols.items()}
    sectors: dict[str, int] = {}
    for name, one in symbols.items():
        if one.sector:
            sectors[one.sector] = sectors.get(one.sector, 0) + size[name]
    net = sum(one.position for one in symbols.values())
    share = scale * MONEY * 10
    return (
        any(amount > single * share for amount in size.values())
        or any(amount > 50 * share for amount in sectors.values())
        or sum(size.values()) > 200 * share
        or net + sum(one.working_buys for one in symbols.values()) > 100 * share
        or net - sum(one.working_sells for one in symbols.values()) < -30 * share
    )


def assert_enough_is_closed_and_needed(
    policy: Policy, single: int, symbols: dict[str, SymbolState], scale: Fraction
) -> list[str]:
    """Enough is closed, and none of it could have stayed while the others are closed."""
    found = reductions(policy, account(**symbols), scale)
    names = [one.symbol for one in found]
    assert len(set(names)) == len(names)
    left = {name: one for name, one in symbols.items() if name not in names}
    assert not is_beyond(left, scale, single)
    for one in found:
        assert is_beyond({**left, one.symbol: symbols[one.symbol]}, scale, single), f"{one} could have stayed"
        assert one.used > one.allowed
        assert symbols[one.symbol].position or symbols[one.symbol].working
    return names


def test_what_stays_makes_room_for_another() -> None:
    """With s6 and s2 closed s3 had to go; as s2 may stay after all, so may s3."""
    sizes = (-190, -51, -147, 266, 298, -89, -179)
    book = {f"s{n}": held(size) for n, size in enumerate(sizes)}
    assert "s3" not in assert_enough_is_closed_and_needed(WIDE, 60, book, Fraction(1, 2))


@pytest.mark.parametrize("name", list(SHARES))
@given(symbols=BOOKS, scale=st.fractions(0, 1))
def test_enough_is_closed_and_each_of_it_is_needed(
    name: str, symbols: dict[str, SymbolState], scale: Fraction
) -> None:
    assert_enough_is_closed_and_needed(*SHARES[name], symbols, scale)


def test_each_closure_is_needed_in_many_random_books() -> None:
    """Books of which a single look back closed too much were about one in five thousand."""
    draw = random.Random(1)
    for _ in range(20_000):
        book = {f"s{n}": held(draw.randint(-300, 300)) for n in range(draw.randint(1, 10))}
        assert_enough_is_closed_and_needed(WIDE, 60, book, Fraction(1, 2))


@given(symbols=BOOKS)
def test_nothing_may_be_held_under_no_limits(symbols: dict[str, SymbolState]) -> None:
    names = {one.symbol for one in reductions(POLICY, account(**symbols), 0)}
    assert names == {name for name, one in symbols.items() if one.position or one.working}


@given(symbols=BOOKS, scale=st.fractions(0, 1))
def test_the_order_of_the_account_does_not_matter(symbols: dict[str, SymbolState], scale: Fraction) -> None:
    turned = dict(reversed(symbols.items()))
    state = account(**symbols)
    assert reductions(POLICY, state, scale) == reductions(POLICY, replace(state, symbols=turned), scale)
