"""The plain references of the book-shaped features give the published numbers."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from reference_kernels_book import (
    BUY,
    SELL,
    LevelUpdate,
    Trade,
    attribute,
    book_pressure,
    cancel_rate,
    cancel_share,
    depth_within,
    fading_rate,
    fit_microprice,
    imbalance_by_distance,
    imbalance_by_index,
    integrated_order_flow,
    integrated_weights,
    level_flow,
    microprice,
    microprice_adjustments,
    microprice_state,
    queue_rates,
    quoted_spread,
    quoted_spread_ticks,
    scaled_flow,
    trade_to_book,
)

SECOND = 10**9
BIDS = {100: 10, 99: 20, 98: 30}
ASKS = {101: 5, 102: 25, 103: 10}


def test_imbalances() -> None:
    assert imbalance_by_index(BIDS, ASKS, 3, lambda k: 1) == pytest.approx(0.2, abs=1e-12)
    assert imbalance_by_index(BIDS, ASKS, 3, lambda k: 1 / k) == pytest.approx(0.1803278689, abs=1e-10)
    by_index = imbalance_by_index(BIDS, ASKS, 3, lambda k: math.exp(-0.5 * (k - 1)))
    assert imbalance_by_distance(BIDS, ASKS, 3, 1, 0.5) == pytest.approx(by_index, abs=1e-12)
    assert imbalance_by_distance(BIDS, {}, 3, 1, 0.5) is None


def test_depth_in_bands_includes_the_edges() -> None:
    bids = {99_999: 1, 99_950: 2, 99_949: 4, 99_900: 8}
    asks = {100_001: 16, 100_050: 32, 100_051: 64, 100_101: 128}
    assert [depth_within(bids, 99_999, 100_001, bps) for bps in (5, 10, 25)] == [3, 15, 15]
    assert [depth_within(asks, 99_999, 100_001, bps) for bps in (5, 10, 25)] == [48, 112, 240]
    assert book_pressure(bids, asks, 99_999, 100_001, 5) == pytest.approx((3 - 48) / 51, abs=1e-12)
    assert book_pressure({900: 1}, {1100: 1}, 900, 1100, 5) is None


def test_quoted_spread() -> None:
    assert quoted_spread((9990, 1, 10020, 1), 2) == 0.3
    assert quoted_spread_ticks((9990, 1, 10020, 1), 10) == 3
    assert quoted_spread((100, 1, 100, 1), 0) is None


def test_microprice_reference_chain() -> None:
    stay, moved = [[0.6, 0.2], [0.2, 0.6]], [[0.05, 0.15], [0.15, 0.05]]
    move = np.array([[0.15, 0.05], [0.05, 0.15]]) @ [-0.5, 0.5]
    adjustments = microprice_adjustments(stay, moved, move.tolist())
    assert adjustments == pytest.approx([-0.0714286, 0.0714286], abs=1e-7)
    assert adjustments == pytest.approx([-1 / 14, 1 / 14], abs=1e-12)
    first = microprice_adjustments(stay, np.zeros((2, 2)).tolist(), move.tolist())
    assert first == pytest.approx([-1 / 12, 1 / 12], abs=1e-12)
    assert microprice((1000, 9, 1005, 1), 5, 1, 0.4) == pytest.approx(100.45, abs=1e-12)


def test_microprice_fit_is_antisymmetric() -> None:
    draw = random.Random(5)
    bid, touches = 1000, []
    for _ in range(2000):
        sizes = draw.randint(1, 9), draw.randint(1, 9)
        touches.append((bid, sizes[0], bid + draw.choice((1, 1, 2)), sizes[1]))
        if draw.random() < 0.3:
            bid += (sizes[0] > sizes[1]) - (sizes[0] < sizes[1])
    table = fit_microprice(touches, 1, 5, 2)
    assert None not in table
    rows = np.array(table, dtype=float).reshape(2, 5)
    assert rows == pytest.approx(-rows[:, ::-1], abs=1e-9)
    for touch in touches[:50]:
        state = microprice_state(touch, 1, 5, 2)
        other = microprice_state((touch[0], touch[3], touch[2], touch[1]), 1, 5, 2)
        assert state is not None
        assert other == state // 5 * 5 + 4 - state % 5
    assert fit_microprice([*touches, None, (0, 1, 9, 1)], 1, 5, 3)[10:] == [None] * 5


def test_microprice_of_states_without_memory() -> None:
    # The next state is independent of this one, and 3 times in 10 the mid follows the heavier side by one tick:
    # whatever comes after the next step is worth nothing on average, so g* is 0.3.
    draw = random.Random(7)
    bid, touches = 1000, []
    for _ in range(4000):
        sizes = draw.randint(1, 9), draw.randint(1, 9)
        touches.append((bid, sizes[0], bid + 1, sizes[1]))
        if draw.random() < 0.3:
            bid += (sizes[0] > sizes[1]) - (sizes[0] < sizes[1])
    table = fit_microprice(touches, 1, 5, 1)
    # Three standard errors at about 900 visits of a bucket, its mirror included.
    assert [table[3], table[4]] == pytest.approx([0.3, 0.3], abs=3 * math.sqrt(0.21 / 900))
    assert table[2] == pytest.approx(0, abs=1e-9)


def test_level_one_is_order_flow() -> None:
    quotes = [
        (100, 10, 101, 12),
        (100, 14, 101, 12),
        (100, 14, 101, 7),
        (101, 5, 102, 9),
        (100, 20, 102, 9),
        (100, 20, 101, 3),
    ]
    books = [({bid: size, bid - 1: 1}, {ask: other, ask + 1: 1}) for bid, size, ask, other in quotes]
    assert level_flow(books[:1], 0, 0) is None
    steps = [level_flow(books[: number + 1], 0, number) for number in range(1, 6)]
    assert steps == [4, 5, 12, -5, -3]
    assert level_flow(books, 0, 0) == 13
    assert level_flow(books, 2, 0) is None
    assert level_flow([*books, None], 0, 0) is None
    assert level_flow([books[0], None, books[0], books[1]], 0, 0) == 4


def test_scaled_and_integrated_flow() -> None:
    books = [
        ({100: 10, 99: 20}, {101: 30, 102: 40}),
        ({100: 14, 99: 20}, {101: 30, 102: 36}),
        ({100: 14, 99: 60}, {101: 30, 102: 36}),
    ]
    scaled = scaled_flow(books, 2, 0)
    depth = (100 + 100 + 140) / 3 / 4
    assert scaled == pytest.approx([4 / depth, 44 / depth], abs=1e-12)
    assert scaled_flow(books, 2, 3) == [0, 0]
    assert scaled_flow(books, 3, 0) is None
    rows = [[value] * 4 for value in (0.3, -1.0, 2.5, 0.0)]
    weights = integrated_weights(rows)
    assert weights == pytest.approx([0.25] * 4, abs=1e-12)
    assert integrated_order_flow(weights, [1, 2, 3, 4]) == pytest.approx(2.5, abs=1e-12)


def test_cancels_are_what_trades_do_not_explain() -> None:
    events = [Trade(1, BUY, 100, 5), LevelUpdate(2, BUY, 100, 100, 80)]
    (flow,) = attribute(events, SECOND)
    assert (flow.added, flow.taken, flow.cancelled) == (0, 5, 15)
    rate = cancel_rate([flow], 0, SECOND, SECOND + 2)
    assert rate == pytest.approx(15 * math.log(2), abs=1e-6)
    assert cancel_share(rate, 60) == pytest.approx(15 * math.log(2) / 60, abs=1e-7)
    assert cancel_rate([flow], 0, SECOND, SECOND - 1) is None
    late = [Trade(0, BUY, 100, 5), LevelUpdate(101, BUY, 100, 9, 0)]
    assert attribute(late, 100)[0].cancelled == 9
    many = [*(Trade(n, SELL, n, 1) for n in range(33)), *(LevelUpdate(40, SELL, n, 1, 0) for n in (0, 1))]
    assert [flow.taken for flow in attribute(many, SECOND)] == [0, 1]


def test_a_steady_stream_gives_its_rate() -> None:
    parts = [(ms * 10**6 + 500_000, 3.0) for ms in range(20_000)]
    assert fading_rate(parts, 0, 2 * SECOND, 20 * SECOND) == pytest.approx(3000, rel=1e-6)


def test_a_change_of_best_price_cancels_nothing() -> None:
    events = [
        LevelUpdate(0, BUY, 101, 0, 5, best=100),
        LevelUpdate(0, BUY, 100, 50, 40, best=101),
        Trade(0, BUY, 101, 2, best=101),
        Trade(0, BUY, 100, 9, best=101),
        LevelUpdate(0, BUY, 101, 5, 0, best=101),
    ]
    rates = queue_rates(events, BUY, 0, SECOND, SECOND, SECOND)
    assert rates == pytest.approx([size * math.log(2) for size in (5, 3, 2)], abs=1e-9)
    assert queue_rates(events, SELL, 0, SECOND, SECOND, SECOND) == (0, 0, 0)


def test_trades_per_book_update() -> None:
    events = [
        *(LevelUpdate(5, BUY, 100, 100, 99 - n) for n in range(10)),
        LevelUpdate(5, BUY, 99, 7, 7),
        *(Trade(5, BUY, 100, 11) for _ in range(3)),
    ]
    assert trade_to_book(events, 0, 1000, 900) == pytest.approx((0.3, 33 / 55), abs=1e-12)
    assert trade_to_book(events[10:], 0, 1000, 900) == (None, None)
    assert trade_to_book(events, 0, 1000, 64_006) == (None, None)
