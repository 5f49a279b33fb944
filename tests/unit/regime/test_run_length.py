"""Run lengths of the CUSUM against published tables; thresholds that keep what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.errors import UsageError
from aurora.regime import (
    CusumSettings,
    cusum_run_length,
    cusum_threshold,
    siegmund_run_length,
    simulated_threshold,
)


# Montgomery, table 9.3 (k = 1/2): rounded to three digits.
@pytest.mark.parametrize(
    ("threshold", "shift", "want", "digits"),
    [
        (4, 0, 168, 0.5),
        (4, 0.25, 74.2, 0.05),
        (4, 0.5, 26.6, 0.05),
        (4, 1, 8.38, 0.005),
        (4, 2, 3.34, 0.005),
        (5, 0, 465, 0.5),
        (5, 0.5, 38.0, 0.05),
        (5, 1, 10.4, 0.05),
        (5, -1, 10.4, 0.05),
        (5, 4, 2.01, 0.005),
    ],
)
def test_run_lengths_of_the_tables(threshold: float, shift: float, want: float, digits: float) -> None:
    assert cusum_run_length(0.5, threshold, shift) == pytest.approx(want, abs=digits)


def test_siegmund_reference_numbers() -> None:
    found = [siegmund_run_length(0.5, h, shift) for h, shift in ((4, 0), (5, 0), (4, 1), (5, 1))]
    assert found == [
        pytest.approx(169.0, abs=0.05),
        pytest.approx(469.1, abs=0.05),
        pytest.approx(8.34, abs=0.005),
        pytest.approx(10.34, abs=0.005),
    ]
    # Without drift: b^2 for that side.
    b2 = (4 + 1.166) ** 2
    assert siegmund_run_length(0.0, 4.0) == pytest.approx(b2 / 2, rel=1e-12)
    assert siegmund_run_length(1e-6, 4.0) == pytest.approx(b2 / 2, rel=1e-4)


@pytest.mark.parametrize("threshold", [1e-9, 0.25, 0.9])
def test_siegmund_below_a_deviation(threshold: float) -> None:
    """(exp(-2 D b) + 2 D b - 1) / (2 D^2) for each side, the two run lengths added as rates."""
    allowance, shift = 0.5, 0.75
    b = threshold + 1.166
    sides = [(math.exp(-2 * d * b) + 2 * d * b - 1) / (2 * d**2) for d in (0.25, -1.25)]
    wanted = 1 / sum(1 / one for one in sides)
    assert siegmund_run_length(allowance, threshold, shift) == pytest.approx(wanted, rel=1e-12)
    assert cusum_run_length(allowance, threshold, shift) >= 1


def test_the_smallest_threshold() -> None:
    for call in (cusum_run_length, siegmund_run_length):
        call(0.5, 1e-9)
        with pytest.raises(UsageError, match=r"^threshold is"):
            call(0.5, 0.9e-9)


@given(allowance=st.floats(0.1, 1.5), run_length=st.floats(5, 1e6))
@settings(max_examples=30, deadline=None)
def test_threshold_inverts_the_run_length(allowance: float, run_length: float) -> None:
    threshold = cusum_threshold(allowance, run_length)
    assert threshold == round(threshold, 6)
    assert cusum_run_length(allowance, threshold + 1e-6) > run_length
    assert threshold < 2e-6 or cusum_run_length(allowance, threshold - 1e-6) < run_length


def test_default_threshold_is_that_of_370() -> None:
    assert cusum_threshold(0.5, 370) == pytest.approx(CusumSettings().threshold, abs=5e-4)


def test_simulated_threshold_agrees_with_the_exact_one() -> None:
    def statistic(xs: np.ndarray) -> np.ndarray:
        out = CusumSettings(threshold=1e6).detector().update(xs)
        return np.maximum(out["upper"], out["lower"])

    found = simulated_threshold(statistic, 500, paths=1000, seed=2)
    assert found == simulated_threshold(statistic, 500, paths=1000, seed=2)
    # 1.3 / sqrt(1000) is 4 %: three of them, and 1 % because a CUSUM begins at 0 and not in its stationary law.
    assert cusum_run_length(0.5, found) == pytest.approx(500, rel=0.13)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_bad_arguments_are_refused(bad: float) -> None:
    for call in (cusum_run_length, siegmund_run_length):
        with pytest.raises(UsageError):
            call(bad, 4.0)
        with pytest.raises(UsageError):
            call(0.5, bad)
    with pytest.raises(UsageError):
        cusum_threshold(0.5, bad)
    with pytest.raises(UsageError):
        cusum_threshold(bad, 100)


def test_the_argument_is_named() -> None:
    for call in (cusum_run_length, siegmund_run_length):
        with pytest.raises(UsageError, match=r"^allowance is nan"):
            call(math.nan, 4.0)
        with pytest.raises(UsageError, match=r"^threshold is nan"):
            call(0.5, math.nan)
        with pytest.raises(UsageError, match=r"^shift is nan"):
            call(0.5, 4.0, math.nan)
    with pytest.raises(UsageError, match=r"^run_length is nan"):
        cusum_threshold(0.5, math.nan)
    with pytest.raises(UsageError, match=r"^allowance is nan"):
        cusum_threshold(math.nan, 100)


def test_arguments_out_of_range_are_refused() -> None:
    for call in (cusum_run_length, siegmund_run_length):
        with pytest.raises(UsageError):
            call(0.5, 4.0, math.nan)
        with pytest.raises(UsageError):
            call(0.5, 0.0)
    with pytest.raises(UsageError):
        cusum_run_length(0.5, 100.1)
    assert cusum_run_length(0.0, 100.0) > 1000
    with pytest.raises(UsageError):
        cusum_threshold(0.5, 1.9)
    with pytest.raises(UsageError):
        cusum_threshold(0.5, 1.1e9)
    with pytest.raises(UsageError):
        simulated_threshold(lambda x: x, 1)
    with pytest.raises(UsageError):
        simulated_threshold(lambda x: x, 100, paths=9)
    assert simulated_threshold(lambda x: x, 2, paths=10) > -5
