"""The plain-Python references against published numbers: an oracle must be right itself."""

from __future__ import annotations

import math
import random

import pytest
from reference_kernels_volatility import (
    KalmanBeta,
    bipower_variation,
    bipower_volatility,
    clock_returns,
    ewma_recursion,
    ewma_weighted_mean,
    hayashi_yoshida,
    realised_variance,
    realised_volatility,
    two_scale_variance,
    two_scale_volatility,
    variation,
)

RETURNS = [0.001, -0.002, 0.0015, 0.0005, -0.001]
SECOND = 10**9


def test_realised_and_bipower_variance() -> None:
    assert realised_variance(RETURNS) == pytest.approx(8.5e-6, rel=1e-12)
    assert math.sqrt(realised_variance(RETURNS)) == pytest.approx(0.0029154759, abs=1e-10)
    assert bipower_variation(RETURNS) == pytest.approx(9.8174770e-6, abs=1e-13)


def test_volatility_from_a_clock() -> None:
    log = 4.6
    path: list[tuple[int, float | None]] = [(SECOND // 2, math.exp(log))]
    for n, change in enumerate(RETURNS, start=1):
        log += change
        path.append((n * SECOND + SECOND // 2, math.exp(log)))
    assert clock_returns(path, 6 * SECOND, SECOND) == pytest.approx(RETURNS)
    got = realised_volatility(path, 6 * SECOND, SECOND, 5)
    assert got == pytest.approx(math.sqrt(8.5e-6 / 5) * 1e4)
    assert realised_volatility(path, 6 * SECOND, SECOND, 5, minimum=6) is None
    got = bipower_volatility(path, 6 * SECOND, SECOND, 5)
    assert got == pytest.approx(math.sqrt(math.pi / 2 * 6.25e-6 / 4) * 1e4)
    # A mid set at a grid time is known at the next; where there was none, a return is missing.
    path = [(1, 1.0), (10, math.e), (25, None), (35, 1.0)]
    assert clock_returns(path, 50, 10) == [1.0, None, None, 0.0]


def test_two_scale_variance_sees_through_noise() -> None:
    draw = random.Random(5)
    truth = 23_400 * 4e-8
    estimates = []
    for _ in range(10):
        level, logs = 0.0, []
        for _ in range(23_401):
            logs.append(level + draw.gauss(0, 5e-4))
            level += draw.gauss(0, 2e-4)
        assert variation(logs) == pytest.approx(1.27e-2, rel=0.04)
        estimates.append(two_scale_variance(logs, 100))
        assert estimates[-1] == pytest.approx(8.5e-4, rel=0.35)
    mean = math.fsum(estimates) / 10
    error = math.sqrt(math.fsum((e - mean) ** 2 for e in estimates) / 90)
    assert abs(mean - truth) < 3 * error < 0.2 * truth


def test_two_scale_variance_by_hand() -> None:
    """X = 0 1 3 2 5, K = 2: subgrids 0 3 5 and 1 2; average (9 + 4 + 1) / 2 = 7; all 1 + 4 + 1 + 9 = 15;
    returns a subgrid (2 + 1) / 2, a share of 3/8: (7 - 45/8) / (5/8)."""
    assert two_scale_variance([0, 1, 3, 2, 5], 2) == pytest.approx((7 - 45 / 8) / (5 / 8))
    path = [(t * SECOND, math.exp(x / 100)) for t, x in enumerate([0, 1, 1, 3, 2, 5])]
    got = two_scale_volatility(path, 6 * SECOND, 4, 2, 4)
    assert got == pytest.approx(math.sqrt(2.2e-4 / 6) * 1e4)
    assert two_scale_volatility(path, 6 * SECOND, 4, 2, 5) is None


def test_moving_averages() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    steps = list(enumerate(values))
    assert ewma_recursion(steps, 1.0) == pytest.approx([1, 1.5, 2.25, 3.125], rel=1e-12)
    assert ewma_weighted_mean(steps, 1.0) == pytest.approx([1, 1.666667, 2.428571, 3.266667], abs=5e-7)
    irregular = list(zip([0.0, 1.0, 3.0, 3.5], values, strict=True))
    expected = [1, 1.6666667, 2.6363636, 3.3277675]
    assert ewma_weighted_mean(irregular, 1.0) == pytest.approx(expected, abs=5e-8)
    by_hand = [1, 1.5, 2.625, 2.625 + (1 - math.sqrt(0.5)) * 1.375]
    assert ewma_recursion(irregular, 1.0) == pytest.approx(by_hand, rel=1e-12)


def test_hayashi_yoshida() -> None:
    tx, x = [0, 1, 3, 6], [0, 0.01, 0.03, 0.02]
    ty, y = [0, 2, 3, 5, 6], [0, 0.02, 0.01, 0.03, 0.025]
    covariance = hayashi_yoshida(tx, x, ty, y)
    assert covariance == pytest.approx(2.5e-4, rel=1e-12)
    rho = covariance / math.sqrt(variation(x) * variation(y))
    assert rho == pytest.approx(0.3355780270, abs=1e-9)
    assert covariance / variation(x) == pytest.approx(2.5 / 6, rel=1e-12)
    # Intervals that only touch share nothing.
    assert hayashi_yoshida([0, 1], [0.0, 1.0], [1, 2], [0.0, 1.0]) == 0.0


def test_kalman_beta() -> None:
    x = [1, 2, -1, 0.5, 3, -2, 1.5, 0]
    y = [0.9, 2.2, -1.2, 0.4, 2.7, -1.8, 1.7, 0.1]
    kernel = KalmanBeta(process_variance=0.01, observation_variance=0.04, variance=1.0)
    for pair in zip(x, y, strict=True):
        kernel.update(*pair)
    path = [0.865714, 1.059935, 1.103884, 1.066344, 0.921611, 0.909055, 1.014625, 1.014625]
    assert kernel.path == pytest.approx(path, abs=5e-7)
    assert kernel.variance == pytest.approx(0.018368, abs=5e-7)
    assert kernel.log_likelihood == pytest.approx(-1.58481250, abs=5e-9)
