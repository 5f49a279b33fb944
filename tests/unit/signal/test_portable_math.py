"""Exponential, logarithm and small systems against the C library and numpy."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.errors import DataError
from aurora.signal.linear import cholesky, solve
from aurora.signal.logistic_fit import fit_logistic, log_loss_of
from aurora.signal.portable_math import (
    exp,
    exp_column,
    half_life_decay,
    log,
    log_column,
    logistic_column,
    softplus_column,
    total,
)

MANY = settings(max_examples=500, deadline=None)
ULP = sys.float_info.epsilon


@MANY
@given(x=st.floats(-700, 700))
def test_exp_is_within_one_unit_of_the_last_place(x: float) -> None:
    assert abs(exp(x) - math.exp(x)) <= math.ulp(math.exp(x))


@MANY
@given(x=st.floats(1e-300, 1e300) | st.floats(0.5, 2.0) | st.floats(5e-324, 1e-300))
def test_log_is_within_one_unit_of_the_last_place(x: float) -> None:
    assert abs(log(x) - math.log(x)) <= math.ulp(math.log(x)) if x != 1 else log(x) == 0


def test_a_dense_sweep_leaves_no_wrong_coefficient() -> None:
    # The last terms of both polynomials only show in the last places; the mean error over many points does show them.
    x = np.linspace(-1, 1, 20_001)
    exact = np.array([math.exp(v) for v in x])
    assert np.mean(np.abs(exp_column(x) - exact) / exact) < 0.12 * ULP
    y = np.linspace(0.51, 1.99, 20_001)
    logs = np.array([math.log(v) for v in y])
    assert np.mean(np.abs(log_column(y) - logs)) < 0.05 * ULP


def test_columns_equal_scalars_to_the_bit() -> None:
    x = np.concatenate([np.linspace(-800, 720, 4001), [-745.0, -745.1, 709.0, 709.5, 0.0]])
    assert exp_column(x).tolist() == [exp(float(v)) for v in x]
    y = np.exp(np.linspace(-700, 700, 4001))
    assert log_column(y).tolist() == [log(float(v)) for v in y]


def test_exponents_beyond_range_are_held() -> None:
    assert exp(-746.0) == 0.0
    assert exp(-745.0) == pytest.approx(5e-324)
    assert exp(1e9) == exp(709.0) == pytest.approx(math.exp(709.0), rel=1e-15)
    assert exp(0.0) == 1.0
    assert log(1.0) == 0.0


def test_known_bits() -> None:
    # What any platform must give.
    assert exp(1.0) == 2.7182818284590455
    assert exp(-0.5) == 0.6065306597126334
    assert log(10.0) == 2.302585092994046
    assert log(0.1) == -2.3025850929940455


@given(k=st.integers(0, 60), half_life=st.floats(1e-3, 1e6))
def test_decay_halves_exactly(k: int, half_life: float) -> None:
    assert half_life_decay(k * half_life, half_life) == pytest.approx(0.5**k, rel=1e-14)
    assert half_life_decay(k, 1.0) == 0.5**k


def test_decay_between_and_far_beyond() -> None:
    assert half_life_decay(0.5, 1.0) == pytest.approx(math.sqrt(0.5), rel=1e-15)
    assert half_life_decay(2.25, 1.0) == pytest.approx(2**-2.25, rel=1e-15)
    assert half_life_decay(1e12, 1.0) == 0.0


@MANY
@given(x=st.floats(-800, 800))
def test_softplus_and_logistic(x: float) -> None:
    column = np.array([x])
    assert softplus_column(column)[0] == pytest.approx(float(np.logaddexp(0, x)), rel=1e-14, abs=1e-320)
    expected = 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)
    assert logistic_column(column)[0] == pytest.approx(expected, rel=1e-14, abs=1e-320)


def test_softplus_keeps_the_digits_of_small_values() -> None:
    x = np.array([-40.0, -30.0, -20.0])
    np.testing.assert_allclose(softplus_column(x), [math.log1p(math.exp(v)) for v in x], rtol=1e-14)


def test_the_total_is_exact() -> None:
    values = np.array([1e16, 1.0, -1e16, 1.0])
    assert total(values) == 2.0
    assert total(values[::-1]) == 2.0


# --- Small systems ------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 8))
def test_systems_as_numpy_solves_them(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(size, size))
    matrix = root @ root.T + 0.1 * np.eye(size)
    right = draw.normal(size=size)
    np.testing.assert_allclose(cholesky(matrix.tolist()), np.linalg.cholesky(matrix), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        solve(matrix.tolist(), right.tolist()), np.linalg.solve(matrix, right), rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize("matrix", [[[0.0]], [[-1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]])
def test_what_is_not_positive_definite_is_refused(matrix: list[list[float]]) -> None:
    with pytest.raises(DataError, match="pivot"):
        cholesky(matrix)


def test_an_unbounded_fit_is_refused() -> None:
    x = np.array([-1.0, -0.5, 0.5, 1.0]) * 1e-3
    with pytest.raises(DataError):
        fit_logistic([x, np.ones(4)], np.array([0.0, 0.0, 1.0, 1.0]), (0.0, 0.0))


def test_a_far_start_comes_home() -> None:
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    target = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    columns = [x, np.ones(6)]
    near, far = fit_logistic(columns, target, (0.0, 0.0)), fit_logistic(columns, target, (-9.0, 12.0))
    assert near == pytest.approx(far, abs=1e-9)
    p = 1 / (1 + np.exp(-(near[0] * x + near[1])))
    assert abs(float(np.sum(p - target))) < 1e-10
    assert abs(float(np.sum((p - target) * x))) < 1e-10
    assert log_loss_of(columns, target, near) == pytest.approx(
        float(-np.sum(np.log(np.where(target == 1, p, 1 - p)))), rel=1e-12
    )


@pytest.mark.parametrize("multiple", [1.0, 2.0, -3.0])
def test_parallel_columns_share_the_coefficient(multiple: float) -> None:
    """The loss knows their sum alone, which is the coefficient of one column."""
    draw = np.random.default_rng(5)
    x, one = draw.normal(size=400), np.ones(400)
    target = (draw.random(400) < 1 / (1 + np.exp(-(0.3 + 1.7 * x)))).astype(float)
    slope, intercept = fit_logistic([x, one], target, (0.0, 0.0))
    first, second, again = fit_logistic([x, multiple * x, one], target, (0.0, 0.0, 0.0))
    assert first + multiple * second == pytest.approx(slope, rel=1e-9)
    assert again == pytest.approx(intercept, rel=1e-9)
