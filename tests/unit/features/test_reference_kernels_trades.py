"""The plain-Python oracle of the trade features against published and closed-form numbers."""

from __future__ import annotations

import math
import random
import statistics
from itertools import pairwise

import pytest
from reference_kernels_trades import (
    HOUR,
    SECOND,
    Rates,
    Touch,
    Trade,
    average_true_range,
    bulk_volume_vpin,
    kyle_lambda,
    kyle_observations,
    median_absolute_deviation,
    merge,
    outlier_prints,
    robust_z,
    roll_spread,
    slope,
    spreads_of_trade,
    threshold_bars,
    time_bars,
    trade_flow_imbalance,
    trade_flow_window,
    trade_rates,
    trade_spreads,
    vpin,
)

MINUTE = 60 * SECOND
SIGNED_VOLUMES = (5, -3, 2, -4, 6, -1)
PRICE_CHANGES = (0.11, -0.05, 0.03, -0.09, 0.10, -0.04)


def trade(local_ns: int, size: float, price: float = 100.0) -> Trade:
    """A negative size is a sale."""
    return Trade(local_ns, price, abs(size), 1 if size > 0 else -1)


def test_trade_flow_imbalance() -> None:
    flow = [trade(100, 60), trade(200, -40)]
    assert trade_flow_imbalance(flow) == pytest.approx(0.2, abs=1e-12)
    assert trade_flow_imbalance([]) is None
    # 64 buckets of 100 ns: closed at both ends on the grid, the first bucket left out behind it.
    assert trade_flow_window(flow, 6_500, 6_400) == pytest.approx(0.2, abs=1e-12)
    assert trade_flow_window(flow, 6_501, 6_400) == -1.0
    assert trade_flow_window(flow, 6_601, 6_400) is None


def test_vpin() -> None:
    flow = [trade(i, size) for i, buys in enumerate((60, 30, 50, 80)) for size in (buys, buys - 100)]
    assert vpin(flow, 100, 4) == pytest.approx(0.30, abs=1e-12)
    assert vpin(flow, 100, 5) is None
    # A print across a bucket's edge is split: (60 − 40), (−70 + 30).
    assert vpin([trade(0, 60), trade(1, -110), trade(2, 30)], 100, 2) == pytest.approx(0.3, abs=1e-12)
    assert bulk_volume_vpin((1, -2, 0, 0.5), 1.0) == pytest.approx(0.5050285377, abs=5e-11)


def test_kyle_lambda() -> None:
    assert slope(SIGNED_VOLUMES, PRICE_CHANGES) == pytest.approx(0.0196929, abs=5e-8)
    assert slope(SIGNED_VOLUMES, PRICE_CHANGES) == pytest.approx(
        statistics.linear_regression(SIGNED_VOLUMES, PRICE_CHANGES).slope, abs=1e-12
    )
    trades, touches, mid = [], [Touch(SECOND - 1, 100.0)], 100.0
    for i, (size, change) in enumerate(zip(SIGNED_VOLUMES, PRICE_CHANGES, strict=True), start=1):
        mid += change
        trades.append(trade(i * SECOND, size))
        touches.append(Touch(i * SECOND + 5, mid))
    assert kyle_lambda(trades, touches, 7 * SECOND, minimum=6) == pytest.approx(0.0196929, abs=5e-8)
    assert kyle_lambda(trades, touches, 7 * SECOND - 1, minimum=6) is None
    assert slope((3, 3, 3), (1, 2, 3)) is None
    # An interval whose touch was lost is void, and nothing reaches across an hour's silence.
    lost = sorted([*touches, Touch(3 * SECOND + 1, None)])
    assert len(kyle_observations(trades, lost, 7 * SECOND, SECOND, 300)) == 5
    assert kyle_observations(trades, touches, 7 * SECOND + HOUR, SECOND, 300) == []


def test_roll_spread() -> None:
    prices = (100.5, 99.5, 99.5, 100.5, 99.5, 100.5, 100.5, 99.5)
    assert roll_spread(prices) == pytest.approx(1.2649111, abs=5e-8)
    assert roll_spread((1, 2, 3, 4, 5)) is None
    changes = [b - a for a, b in pairwise(prices)]
    assert statistics.covariance(changes[:-1], changes[1:]) == pytest.approx(-0.4, abs=1e-12)


def test_a_simulated_spread_is_found() -> None:
    # Random-walk efficient price with steps of 0.01 and a spread of 1.
    source = random.Random(7)
    efficient, prices = 100.0, []
    for _ in range(50_000):
        efficient += source.gauss(0, 0.01)
        prices.append(efficient + source.choice((0.5, -0.5)))
    assert roll_spread(prices) == pytest.approx(1.0, abs=0.03)


def test_effective_realised_and_impact() -> None:
    parts = spreads_of_trade(1, 100.06, 100.00, 100.03)
    for value, expected in ((parts.effective, 12), (parts.realised, 6), (parts.impact, 6)):
        assert value == pytest.approx(expected, abs=1e-9)
    events = merge([trade(10, 7, 100.06)], [Touch(0, 100.0), Touch(5_010, 100.03), Touch(5_011, 200.0)])
    early = trade_spreads(events[:2], 5_010, 5_000, 1e6)
    assert early.effective == pytest.approx(12, abs=1e-9)
    assert early.realised is None
    late = trade_spreads(events, 6_000, 5_000, 1e6)
    assert late.realised == pytest.approx(6, abs=1e-9)
    assert late.impact == pytest.approx(6, abs=1e-9)


def test_spreads_are_weighted_by_size_and_age() -> None:
    events = merge([trade(0, 1, 101.0), trade(1_000, 3, 102.0)], [Touch(-1, 100.0)])
    # One half-life makes the older trade's weight 1/2: (1/2 · 200 + 3 · 400) / 3.5.
    assert trade_spreads(events, 1_000, 10, 1_000).effective == pytest.approx(1300 / 3.5, abs=1e-9)


def test_rates() -> None:
    flow = [trade(i * SECOND // 4 + SECOND // 8, 7 if i % 4 else -7) for i in range(4_000)]
    rates = trade_rates(flow, 0, 1_000 * SECOND, 10 * SECOND)
    assert rates.trades_per_second == pytest.approx(4, abs=1e-3)
    assert rates.volume_per_second == pytest.approx(28, abs=1e-2)
    assert rates.count_imbalance == pytest.approx(0.5, abs=0.02)
    assert trade_rates([], 0, SECOND, 2 * SECOND) == Rates(None, None, None)
    assert trade_rates([], 0, SECOND, SECOND) == Rates(0.0, 0.0, None)


def test_robust_z() -> None:
    sample = (2.1, 2.3, 1.9, 2, 2.2, 9)
    assert median_absolute_deviation(sample) == pytest.approx(0.15, abs=1e-12)
    assert robust_z(9, sample) == pytest.approx(30.802167, abs=5e-7)
    assert robust_z(3, (1, 1, 1)) is None


def test_outlier_prints() -> None:
    prices = [100.0] * 101 + [100.4, 101.0, 100.0]
    flow = [trade(i, 1, price) for i, price in enumerate(prices)]
    assert outlier_prints(flow) == [None] * 101 + [False, True, False]


def test_time_bars() -> None:
    flow = [trade(MINUTE, 1, 100), trade(MINUTE + 5, -2, 104), trade(4 * MINUTE, 1, 90)]
    bars = time_bars(flow, MINUTE)
    assert [(bar.start_ns // MINUTE, bar.close, bar.filled) for bar in bars] == [
        (1, 104, False),
        (2, 104, True),
        (3, 104, True),
        (4, 90, False),
    ]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].volume, bars[0].buy_volume) == (
        100,
        104,
        100,
        3,
        1,
    )
    assert bars[0].vwap == pytest.approx(308 / 3, abs=1e-12)
    assert bars[1].vwap is None
    hole = time_bars([trade(0, 1), trade(HOUR, 1)], MINUTE)
    assert [bar.start_ns for bar in hole] == [0, HOUR]
    assert len(time_bars([trade(0, 1), trade(HOUR - 1, 1)], MINUTE)) == 60


def test_threshold_bars() -> None:
    flow = [trade(i, size, 2.0) for i, size in enumerate((6, -3, 1, 35, 2))]
    bars, rest = threshold_bars(flow, 10, by_notional=False)
    assert [bar.volume for bar in bars] == [10, 35]
    assert rest is not None
    assert rest.volume == 2
    bars, rest = threshold_bars(flow, 20, by_notional=True)
    assert [bar.notional for bar in bars] == [20, 70]


def test_average_true_range() -> None:
    times = range(60)
    closes = [100 + 3 * math.sin(t / 5) + 0.1 * t for t in times]
    highs = [close + 1 + 0.2 * math.cos(t) for t, close in zip(times, closes, strict=True)]
    lows = [close - 1 - 0.1 * math.sin(t) for t, close in zip(times, closes, strict=True)]
    values = average_true_range(highs, lows, closes)
    assert len(values) == 60
    assert values[:14] == [None] * 14
    assert values[14] == pytest.approx(2.015967368, abs=5e-10)
    assert values[59] == pytest.approx(2.009489659, abs=5e-10)
