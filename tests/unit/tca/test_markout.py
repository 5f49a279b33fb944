"""Markouts: the definition in figures, what reversing side or price does, and the mid as a step function."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.errors import DataError
from aurora.tca import MidPath, markout_bps

PRICES = st.floats(1e-6, 1e9)
SIDES = st.sampled_from([1, -1])


def one(side: int, reference: float, mid: float) -> float:
    return float(markout_bps(np.array([side]), np.array([reference]), np.array([mid]))[0])


def test_the_definition_in_figures() -> None:
    # Bought at 100, the mid a second later at 99.9: ten basis points lost. Sold there, ten won.
    assert one(1, 100.0, 99.9) == pytest.approx(-10.0, abs=1e-9)
    assert one(-1, 100.0, 99.9) == pytest.approx(10.0, abs=1e-9)
    # Bought at the bid of 99.9 to 100.1 that does not move: the half-spread of its price.
    assert one(1, 99.9, 100.0) == pytest.approx(0.1 / 99.9 * 1e4, rel=1e-12)
    assert math.isnan(one(1, 100.0, math.nan))
    assert math.isnan(one(1, math.nan, 100.0))


@settings(deadline=None)
@given(SIDES, PRICES, PRICES)
def test_the_other_side_gains_what_this_one_loses(side: int, reference: float, mid: float) -> None:
    assert one(-side, reference, mid) == -one(side, reference, mid)


@settings(deadline=None)
@given(SIDES, st.floats(1.0, 1e6), st.floats(-0.5, 0.5))
def test_a_move_turned_round_is_the_markout_of_the_other_side(
    side: int, reference: float, move: float
) -> None:
    there, back = (one(side, reference, reference * (1 + m)) for m in (move, -move))
    assert there == pytest.approx(side * move * 1e4, abs=1e-6)
    assert back == pytest.approx(one(-side, reference, reference * (1 + move)), abs=1e-6)


@settings(deadline=None)
@given(SIDES, st.floats(1.0, 1e6), st.floats(1.0, 1e6), st.integers(-20, 20))
def test_the_unit_of_prices_does_not_matter(side: int, reference: float, mid: float, power: int) -> None:
    unit = 2.0**power  # exact
    assert one(side, unit * reference, unit * mid) == one(side, reference, mid)


@settings(deadline=None)
@given(SIDES, st.floats(100.0, 200.0), st.floats(0.0, 1.0), st.floats(0.0, 10.0))
def test_from_the_price_is_from_the_mid_and_the_half_spread(
    side: int, mid: float, half_spread: float, move: float
) -> None:
    """To first order; exactly where both are measured in units of one price."""
    price = mid - side * half_spread
    earned = side * (mid - price) / price * 1e4
    moved = one(side, mid, mid + move) * mid / price
    assert one(side, price, mid + move) == pytest.approx(earned + moved, abs=1e-6)


def test_what_cannot_be_is_refused() -> None:
    side, price = np.array([1, -1]), np.array([1.0, 2.0])
    for wrong, what in [
        ((np.array([1, 0]), price, price), "neither 1 nor -1"),
        ((side, np.array([1.0, 0.0]), price), "not positive"),
        ((side, price, price[:1]), "1 mids"),
    ]:
        with pytest.raises(DataError, match=what):
            markout_bps(*wrong)
    with pytest.raises(DataError, match="fall"):
        MidPath(np.array([2, 1]), price, 5)
    with pytest.raises(DataError, match="2 times"):
        MidPath(np.array([1, 2]), price[:1], 5)


STEPS = st.lists(st.tuples(st.integers(0, 30), st.one_of(st.just(math.nan), PRICES)), max_size=12)


@settings(deadline=None)
@given(STEPS, st.lists(st.integers(-5, 40), max_size=12), st.integers(0, 40))
def test_mids_are_those_of_a_plain_search(steps: list[tuple[int, float]], times: list[int], end: int) -> None:
    steps.sort(key=lambda step: step[0])
    path = MidPath(
        np.array([at for at, _ in steps], np.int64), np.array([mid for _, mid in steps], np.float64), end
    )

    def search(time: int, included: bool) -> float:
        found = math.nan
        for at, mid in steps:
            if at < time or (included and at == time):
                found = mid
        return found if time <= end else math.nan

    asked = np.array(times, np.int64)
    for got, included in ((path.at(asked), True), (path.before(asked), False)):
        np.testing.assert_array_equal(got, np.array([search(time, included) for time in times], np.float64))
