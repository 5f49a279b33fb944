"""Learning kernels against their definitions, reference numbers and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import _sigmoid_calibration

from aurora._core import hayashi_yoshida_curve, platt_fit, platt_probability, recursive_least_squares
from aurora.errors import AuroraError

QUICK = settings(max_examples=60, deadline=None)

# --- Hayashi-Yoshida ----------------------------------------------------------------------------------------------


def brute_force(
    tx: np.ndarray, x: np.ndarray, ty: np.ndarray, y: np.ndarray, lag: int
) -> tuple[float, float | None]:
    """Every pair of increments whose half-open intervals overlap, Y moved back by the lag."""
    covariance = 0.0
    for i in range(len(x) - 1):
        for j in range(len(y) - 1):
            begin = max(int(tx[i]), int(ty[j]) - lag)
            end = min(int(tx[i + 1]), int(ty[j + 1]) - lag)
            if begin < end:
                covariance += (x[i + 1] - x[i]) * (y[j + 1] - y[j])
    scale = math.sqrt(float((np.diff(x) ** 2).sum() * (np.diff(y) ** 2).sum()))
    return covariance, covariance / scale if scale > 0 else None


def test_hayashi_yoshida_reference() -> None:
    tx, x = np.array([0, 1, 3, 6]), np.array([0.0, 0.01, 0.03, 0.02])
    ty, y = np.array([0, 2, 3, 5, 6]), np.array([0.0, 0.02, 0.01, 0.03, 0.025])
    covariance, correlation = hayashi_yoshida_curve(tx, x, ty, y, np.array([0]))
    assert covariance[0] == pytest.approx(2.5e-4, abs=1e-15)
    assert correlation[0] == pytest.approx(2.5e-4 / math.sqrt(6e-4 * 9.25e-4), abs=1e-12)
    assert correlation[0] == pytest.approx(0.3355780270, abs=1e-9)


def series(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    gaps = draw(st.lists(st.integers(1, 6), min_size=0, max_size=14))
    times = np.cumsum([draw(st.integers(-20, 20)), *gaps], dtype=np.int64)
    values = draw(st.lists(st.integers(-5, 5), min_size=len(times), max_size=len(times)))
    return times, np.array(values, dtype=float) / 1000


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    return (*series(draw), *series(draw))


@QUICK
@given(data=pairs(), lags=st.lists(st.integers(-60, 60), min_size=1, max_size=12))
def test_hayashi_yoshida_equals_all_pairs_at_any_lags_in_any_order(
    data: tuple[np.ndarray, ...], lags: list[int]
) -> None:
    covariance, correlation = hayashi_yoshida_curve(*data, np.array(lags, np.int64))
    for n, lag in enumerate(lags):
        expected, rho = brute_force(*data, lag)
        assert covariance[n] == pytest.approx(expected, abs=1e-15)
        if rho is None:
            assert math.isnan(correlation[n])
        else:
            assert correlation[n] == pytest.approx(rho, abs=1e-9)


@QUICK
@given(data=pairs(), lag=st.integers(-40, 40))
def test_swapping_the_series_turns_the_lag_around(data: tuple[np.ndarray, ...], lag: int) -> None:
    tx, x, ty, y = data
    there = hayashi_yoshida_curve(tx, x, ty, y, np.array([lag]))
    back = hayashi_yoshida_curve(ty, y, tx, x, np.array([-lag]))
    assert there[0][0] == pytest.approx(back[0][0], abs=1e-15)


def test_a_planted_lag_peaks_at_the_positive_lag_of_the_leader() -> None:
    draw = np.random.default_rng(3)
    steps, lag, rho = 60_000, 50, 0.8
    shocks = draw.normal(size=steps)
    leader = np.cumsum(shocks)
    own = draw.normal(size=steps)
    follower = np.cumsum(rho * np.concatenate([np.zeros(lag), shocks[:-lag]]) + math.sqrt(1 - rho**2) * own)
    tx = np.sort(draw.choice(steps, 3_000, replace=False)).astype(np.int64)
    ty = np.sort(draw.choice(steps, 2_400, replace=False)).astype(np.int64)
    lags = np.arange(-200, 201, 5)
    _, curve = hayashi_yoshida_curve(tx, leader[tx], ty, follower[ty], lags)
    peak = int(lags[np.argmax(np.abs(curve))])
    assert abs(peak - lag) <= 5
    assert curve.max() == pytest.approx(rho, abs=0.08)


@pytest.mark.parametrize(
    "change",
    [
        {"tx": [0, 2, 1]},
        {"tx": [0, 1, 1]},
        {"x": [0.0, 1.0]},
        {"x": [0.0, math.nan, 1.0]},
        {"y": [0.0, math.inf, 1.0]},
        {"ty": [-(2**62), 0, 2**62]},
    ],
)
def test_hayashi_yoshida_refuses_what_is_no_series(change: dict[str, list[float]]) -> None:
    good: dict[str, list[float]] = {
        "tx": [0, 1, 2],
        "x": [0.0, 1.0, 2.0],
        "ty": [0, 1, 2],
        "y": [0.0, 1.0, 0.5],
    }
    kinds = {"tx": np.int64, "ty": np.int64, "x": np.float64, "y": np.float64}

    def curve(values: dict[str, list[float]]) -> None:
        arrays = [np.array(values[name], kinds[name]) for name in ("tx", "x", "ty", "y")]
        hayashi_yoshida_curve(*arrays, np.array([0], np.int64))

    curve(good)
    with pytest.raises((AuroraError, ValueError)):
        curve(good | change)


# --- Recursive least squares ----------------------------------------------------------------------------------------

X = np.array([1, 2, -1, 0.5, 3, -2, 1.5, 0])
Y = np.array([0.9, 2.2, -1.2, 0.4, 2.7, -1.8, 1.7, 0.1])


def test_recursive_least_squares_reference_path() -> None:
    path = recursive_least_squares(X, Y, 1.0, 1e9, 1e9)
    expected = [0.9, 1.06, 1.083333, 1.072, 0.970492, 0.955844, 0.974419, 0.974419]
    np.testing.assert_allclose(path, expected, atol=1e-6)


def test_recursive_least_squares_reference_with_forgetting() -> None:
    assert recursive_least_squares(X, Y, 0.9, 1e6, 1e6)[-1] == pytest.approx(0.969702, abs=1e-6)


@QUICK
@given(
    xy=st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=60),
    forgetting=st.sampled_from([1.0, 0.999, 0.9, 0.5]),
    prior=st.sampled_from([1e-2, 1.0, 1e4]),
)
def test_recursive_least_squares_is_weighted_least_squares(
    xy: list[tuple[int, int]], forgetting: float, prior: float
) -> None:
    """beta = sum w x y / (sum w x² + w0 / P0), over the pairs with x other than zero."""
    x, y = (np.array(column, float) / 10 for column in zip(*xy, strict=True))
    path = recursive_least_squares(x, y, forgetting, prior, 1e100)
    used = [n for n in range(len(x)) if x[n] != 0]
    for n in range(len(x)):
        known = [k for k in used if k <= n]
        weights = np.array([forgetting ** (len(known) - 1 - k) for k in range(len(known))])
        top = float((weights * x[known] * y[known]).sum())
        bottom = float((weights * x[known] ** 2).sum()) + forgetting ** len(known) / prior
        assert path[n] == pytest.approx(top / bottom, rel=1e-9, abs=1e-12)


def test_the_covariance_cap_stops_wind_up() -> None:
    """Long forgetting without news: the first news afterwards must not be believed without limit."""
    quiet = np.concatenate([np.ones(5), np.full(2_000, 1e-8), [1.0]])
    answer = np.concatenate([np.ones(5), np.zeros(2_000), [5.0]])
    capped = recursive_least_squares(quiet, answer, 0.9, 1.0, 1.0)
    free = recursive_least_squares(quiet, answer, 0.9, 1.0, 1e100)
    assert free[-1] == pytest.approx(5.0, abs=1e-6)
    assert 1.0 < capped[-1] < 4.0


@pytest.mark.parametrize(
    "settings_", [(0.0, 1, 1), (1.1, 1, 1), (math.nan, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, math.inf)]
)
def test_recursive_least_squares_refuses_impossible_settings(settings_: tuple[float, float, float]) -> None:
    with pytest.raises((AuroraError, ValueError)):
        recursive_least_squares(X, Y, *map(float, settings_))


# --- Platt ----------------------------------------------------------------------------------------------------------

SCORES = np.arange(-2, 3, 0.5)
LABELS = np.array([c == "1" for c in "0010011011"])


def test_platt_reference() -> None:
    a, b = platt_fit(SCORES, LABELS)
    assert (a, b) == pytest.approx((-0.568869, 0.142217), abs=1e-6)


def test_unsmoothed_platt_is_logistic_regression() -> None:
    a, b = platt_fit(SCORES, LABELS, smoothed=False)
    assert (-a, -b) == pytest.approx((0.887685, -0.221735), abs=1e-3)  # As good as the reference is known.
    wrong = 1 / (1 + np.exp(a * SCORES + b)) - LABELS
    assert abs(wrong.sum()) < 1e-9
    assert abs((wrong * SCORES).sum()) < 1e-9


def cross_entropy(parameters: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> float:
    yes, no = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (yes + 1) / (yes + 2), 1 / (no + 2))
    logit = parameters[0] * scores + parameters[1]
    return float((np.logaddexp(0, logit) - (1 - target) * logit).sum())


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(3, 80))
    scores = np.array(draw(st.lists(st.integers(-300, 300), min_size=n, max_size=n)), float) / 100
    labels = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assume(labels.any() and not labels.all())
    return scores, labels


@settings(max_examples=25, deadline=None)
@given(data=labelled())
def test_platt_equals_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = data
    ours = np.array(platt_fit(scores, labels))
    theirs = np.array(_sigmoid_calibration(scores, labels))
    # Where the fit is flat parameters wander; the objective and the probabilities do not.
    assert cross_entropy(ours, scores, labels) <= cross_entropy(theirs, scores, labels) + 1e-9
    mine = platt_probability(*ours, scores)
    np.testing.assert_allclose(mine, 1 / (1 + np.exp(theirs[0] * scores + theirs[1])), atol=2e-4)


@QUICK
@given(data=labelled())
def test_platt_is_the_minimum(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = data
    ours = np.array(platt_fit(scores, labels))
    best = minimize(
        cross_entropy, ours, args=(scores, labels), method="Nelder-Mead", options={"xatol": 1e-10}
    )
    assert cross_entropy(ours, scores, labels) <= best.fun + 1e-10 * (1 + len(scores))


@QUICK
@given(data=labelled(), shift=st.integers(-1000, 1000), scale=st.sampled_from([1e-6, 0.1, 7.0, 1e5]))
def test_platt_does_not_depend_on_units(
    data: tuple[np.ndarray, np.ndarray], shift: int, scale: float
) -> None:
    scores, labels = data
    one = platt_probability(*platt_fit(scores, labels), scores)
    moved = (scores + shift / 100) * scale
    two = platt_probability(*platt_fit(moved, labels), moved)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_platt_with_separated_classes() -> None:
    scores, labels = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True])
    a, b = platt_fit(scores, labels)
    assert math.isfinite(a)
    assert a < 0
    assert b == pytest.approx(0.0, abs=1e-9)
    with pytest.raises((AuroraError, ValueError), match="separated"):
        platt_fit(scores, labels, smoothed=False)


@pytest.mark.parametrize("label", [True, False])
def test_platt_needs_both_outcomes(label: bool) -> None:
    with pytest.raises((AuroraError, ValueError)):
        platt_fit(SCORES, np.full(len(SCORES), label))


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_platt_refuses_scores_that_are_no_numbers(score: float) -> None:
    scores = SCORES.copy()
    scores[3] = score
    with pytest.raises((AuroraError, ValueError)):
        platt_fit(scores, LABELS)


def test_probabilities_never_overflow() -> None:
    p = platt_probability(-1.0, 0.0, np.array([-1e6, -800.0, 0.0, 800.0, 1e6]))
    assert p.tolist() == [0.0, pytest.approx(0.0), 0.5, 1.0, 1.0]
    assert np.isfinite(p).all()
