"""Calibrators against their libraries on drawn data, degenerate ones included."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from betacal import BetaCalibration as BetaLibrary
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from venn_abers import VennAbers

from aurora.errors import DataError, RecoveryError, UsageError
from aurora.signal import (
    BetaCalibration,
    Calibrator,
    IsotonicCalibration,
    PlattScaling,
    VennAbersCalibration,
    calibrator_from_state,
    make_calibrator,
    recommended_method,
)

MANY = settings(max_examples=150, deadline=None)
METHODS = ("platt", "isotonic", "beta", "venn_abers")
MAKERS: list[Callable[[], Calibrator]] = [
    PlattScaling,
    IsotonicCalibration,
    lambda: IsotonicCalibration(clip=False),
    lambda: BetaCalibration("probability"),
    lambda: BetaCalibration("logistic"),
    BetaCalibration,
    VennAbersCalibration,
]
Data = tuple[np.ndarray, np.ndarray]


@st.composite
def labelled(draw: st.DrawFn, least: int = 1, steps: int = 20) -> Data:
    """Scores in [0, 1] on a coarse grid (many ties) or all different, and any outcomes, one class included."""
    n = draw(st.integers(least, 60))
    if draw(st.booleans()):
        values = draw(st.lists(st.integers(0, steps), min_size=n, max_size=n))
        scores = np.array(values) / steps
    else:
        scores = np.random.default_rng(draw(st.integers(0, 9999))).random(n)
    return scores, np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))


def grid(scores: np.ndarray) -> np.ndarray:
    """The scores, points between them, and points beyond."""
    s = np.unique(scores)
    return np.unique(np.concatenate([s, (s[1:] + s[:-1]) / 2, [0.0, 1.0, 0.123456]]))


# --- Platt ----------------------------------------------------------------------------------------------------------


def cross_entropy(parameters: np.ndarray, scores: np.ndarray, right: np.ndarray) -> float:
    yes, no = int(right.sum()), int((~right).sum())
    target = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))
    logit = parameters[0] * scores + parameters[1]
    return float((np.logaddexp(0, logit) - (1 - target) * logit).sum())


@MANY
@given(data=labelled())
def test_platt_as_scikit_learn(data: Data) -> None:
    scores, right = data
    subject = PlattScaling()
    subject.fit(scores, right)
    theirs = np.array(_sigmoid_calibration(scores, right.astype(float)))
    assert cross_entropy(np.array(subject.parameters), scores, right) <= (
        cross_entropy(theirs, scores, right) + 1e-9
    )
    np.testing.assert_allclose(
        subject.predict(scores), 1 / (1 + np.exp(theirs[0] * scores + theirs[1])), atol=5e-4
    )


@pytest.mark.parametrize(("n", "right", "p"), [(1, 1, 2 / 3), (1, 0, 1 / 3), (8, 1, 0.9), (8, 0, 0.1)])
def test_platt_of_one_class_is_its_target(n: int, right: int, p: float) -> None:
    subject = PlattScaling()
    subject.fit(np.arange(n), np.full(n, right))
    assert subject.predict([-5.0, 0.0, 99.0]) == pytest.approx([p] * 3, abs=1e-12)
    assert subject.rising


def test_platt_says_when_it_falls() -> None:
    subject = PlattScaling()
    subject.fit([0, 1, 2, 3], [1, 1, 0, 0])
    assert not subject.rising
    subject.fit([0, 1, 2, 3], [0, 0, 1, 1])
    assert subject.rising


# --- Isotonic -------------------------------------------------------------------------------------------------------


@MANY
@given(data=labelled())
def test_isotonic_as_scikit_learn(data: Data) -> None:
    scores, right = data
    subject = IsotonicCalibration(clip=False)
    subject.fit(scores, right)
    library = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right.astype(float))
    at = grid(scores)
    np.testing.assert_allclose(subject.predict(at), library.predict(at), atol=1e-12)
    clipped = IsotonicCalibration()
    clipped.fit(scores, right)
    n = len(scores)
    np.testing.assert_array_equal(
        clipped.predict(at), np.clip(subject.predict(at), 1 / (n + 2), (n + 1) / (n + 2))
    )


def test_isotonic_between_its_blocks_is_a_line() -> None:
    subject = IsotonicCalibration(clip=False)
    subject.fit([0, 1, 3], [0, 0, 1])
    assert subject.predict([-1, 0, 0.5, 1, 1.5, 2, 3, 4]).tolist() == [0, 0, 0, 0, 0.25, 0.5, 1, 1]


# --- Beta -----------------------------------------------------------------------------------------------------------


def beta_loss(parameters: np.ndarray, s: np.ndarray, right: np.ndarray) -> float:
    held = np.clip(s, 2**-52, 1 - 2**-52)
    logit = parameters[0] * np.log(held) - parameters[1] * np.log(1 - held) + parameters[2]
    return float((np.logaddexp(0, logit) - right * logit).sum())


def overlapping(s: np.ndarray, right: np.ndarray) -> bool:
    return bool(right.any() and (~right).any() and s[~right].max() > s[right].min())


@MANY
@given(data=labelled(least=4), inside=st.sampled_from([0.0, 0.02, 0.2]))
def test_beta_is_the_maximum_under_its_constraints(data: Data, inside: float) -> None:
    s, right = inside + (1 - 2 * inside) * data[0], data[1]
    assume(overlapping(s, right))
    subject = BetaCalibration("probability")
    subject.fit(s, right)
    a, b, _ = subject.parameters
    assert a >= 0
    assert b >= 0
    ours = beta_loss(np.array(subject.parameters), s, right)
    hits = int(right.sum())
    flat = math.log(hits / (len(right) - hits))
    for start in ([0.0, 0.0, flat], [a, b, subject.parameters[2]]):
        best = minimize(
            beta_loss, start, args=(s, right), method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)]
        )
        assert ours <= best.fun + 1e-7


@MANY
@given(data=labelled(least=8))
def test_beta_as_betacal(data: Data) -> None:
    s, right = 0.02 + 0.96 * data[0], data[1]
    assume(overlapping(s, right))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = BetaLibrary("abm").fit(s.reshape(-1, 1), right)
    a, b, _ = library.calibrator_.map_
    c = float(library.calibrator_.lr_.intercept_[0])
    subject = BetaCalibration("probability")
    subject.fit(s, right)
    ours, theirs = (beta_loss(np.array(w), s, right) for w in (subject.parameters, (a, b, c)))
    if min(a, b) < 0:  # betacal lets a single remaining slope fall.
        assert theirs <= ours + 1e-9 or ours <= theirs + 1e-9
        return
    assert ours <= theirs + 1e-9
    if theirs - ours < 1e-7:  # Their optimiser arrived.
        np.testing.assert_allclose(subject.predict(s), library.predict(s), atol=2e-3)


def test_beta_with_outcomes_that_a_threshold_separates_stays_finite() -> None:
    subject = BetaCalibration("probability")
    subject.fit([0.1, 0.2, 0.7, 0.9], [0, 0, 1, 1])
    p = subject.predict([0.1, 0.2, 0.7, 0.9])
    assert np.all(np.diff(p) > 0)
    # Platt's targets for two of each: 1/4 and 3/4 are what the fit aims at.
    assert p[:2].mean() == pytest.approx(0.25, abs=0.05)
    assert p[2:].mean() == pytest.approx(0.75, abs=0.05)


def test_beta_touching_classes_count_as_separated() -> None:
    subject = BetaCalibration("probability")
    subject.fit([0.2, 0.5, 0.5, 0.8], [0, 0, 1, 1])
    assert all(math.isfinite(v) for v in subject.parameters)
    assert 0.1 < subject.predict([0.2])[0] < 0.5 < subject.predict([0.8])[0] < 0.9


@pytest.mark.parametrize("link", ["probability", "logistic", "standardised"])
def test_beta_of_falling_or_constant_scores_is_flat(link: str) -> None:
    subject = BetaCalibration(link)
    subject.fit([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0])
    assert subject.parameters == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    assert subject.midpoint is None
    subject.fit([0.3] * 4, [1, 1, 1, 0])
    assert subject.predict([0.1, 0.9]) == pytest.approx([0.75, 0.75], abs=1e-12)


def test_beta_of_one_class_is_platts_target() -> None:
    subject = BetaCalibration()
    subject.fit([1.0, 2.0, 3.0], [1, 1, 1])
    assert subject.predict([0.0, 9.0]) == pytest.approx([0.8, 0.8], abs=1e-12)
    subject.fit([1.0], [0])
    assert subject.predict([0.0, 9.0]) == pytest.approx([1 / 3, 1 / 3], abs=1e-12)


@MANY
@given(seed=st.integers(0, 999), scale=st.sampled_from([1e-6, 0.3, 1e4]), shift=st.integers(-50, 50))
def test_standardised_beta_does_not_depend_on_units(seed: int, scale: float, shift: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.normal(size=40)
    right = draw.random(40) < 1 / (1 + np.exp(-scores))
    one, two = BetaCalibration(), BetaCalibration()
    one.fit(scores, right)
    two.fit((scores + shift) * scale, right)
    np.testing.assert_allclose(one.predict(scores), two.predict((scores + shift) * scale), atol=1e-6)


def test_a_standardised_link_is_logistic_in_deviations() -> None:
    draw = np.random.default_rng(9)
    scores = 40 + 7 * draw.normal(size=300)
    right = draw.random(300) < 1 / (1 + np.exp(-(scores - 42) / 5))
    standard, logit = BetaCalibration("standardised"), BetaCalibration("logistic")
    standard.fit(scores, right)
    logit.fit((scores - scores.mean()) / scores.std(), right)
    assert standard.parameters == pytest.approx(logit.parameters, rel=1e-7)
    at = (np.array([30.0, 44.0]) - scores.mean()) / scores.std()
    np.testing.assert_allclose(standard.predict([30.0, 44.0]), logit.predict(at), atol=1e-9)


def test_a_logistic_link_is_the_probability_of_its_score() -> None:
    draw = np.random.default_rng(5)
    scores = draw.normal(size=200)
    right = draw.random(200) < 1 / (1 + np.exp(-scores))
    logit, probability = BetaCalibration("logistic"), BetaCalibration("probability")
    logit.fit(scores, right)
    probability.fit(1 / (1 + np.exp(-scores)), right)
    assert logit.parameters == pytest.approx(probability.parameters, abs=1e-8)
    middle = logit.midpoint
    assert middle is not None
    assert probability.predict([middle])[0] == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("truth", [(2.0, 0.5, 0.7), (0.4, 1.5, -0.3), (1.0, 1.0, 0.0)])
def test_beta_finds_a_planted_map(truth: tuple[float, float, float]) -> None:
    draw = np.random.default_rng(2)
    s = draw.random(40_000)
    logit = truth[0] * np.log(s) - truth[1] * np.log(1 - s) + truth[2]
    subject = BetaCalibration("probability")
    subject.fit(s, draw.random(len(s)) < 1 / (1 + np.exp(-logit)))
    columns = np.column_stack([np.log(s), -np.log(1 - s), np.ones(len(s))])
    p = 1 / (1 + np.exp(-logit))
    error = np.sqrt(np.diag(np.linalg.inv(columns.T @ (columns * (p * (1 - p))[:, None]))))
    assert np.all(np.abs(np.array(subject.parameters) - truth) < 4 * error)


@pytest.mark.parametrize(("mirror", "zero"), [(False, 0), (True, 1)])
def test_a_slope_that_would_be_negative_is_held_at_nought(mirror: bool, zero: int) -> None:
    # Low scores are right more often than those in the middle, so ln s would want a negative coefficient.
    draw = np.random.default_rng(4)
    s = draw.random(3000)
    logit = -0.5 * np.log(s) - 1.5 * np.log(1 - s) - 1.5
    right = draw.random(3000) < 1 / (1 + np.exp(-logit))
    subject = BetaCalibration("probability")
    subject.fit(1 - s if mirror else s, ~right if mirror else right)
    assert subject.parameters[zero] == 0.0
    assert subject.parameters[1 - zero] > 0.5


# --- Venn-Abers -----------------------------------------------------------------------------------------------------


def naive_interval(scores: np.ndarray, right: np.ndarray, at: float) -> tuple[float, float]:
    """The definition: isotonic regression with the new object added, once with each label."""
    answers = []
    for label in (0.0, 1.0):
        model = IsotonicRegression(out_of_bounds="clip")
        model.fit(np.append(scores, at), np.append(right.astype(float), label))
        answers.append(float(model.predict([at])[0]))
    return answers[0], answers[1]


@MANY
@given(data=labelled())
def test_venn_abers_by_its_definition(data: Data) -> None:
    scores, right = data
    subject = VennAbersCalibration()
    subject.fit(scores, right)
    at = grid(scores)
    p0, p1 = subject.interval(at)
    expected = np.array([naive_interval(scores, right, s) for s in at])
    np.testing.assert_allclose(p0, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(p1, expected[:, 1], atol=1e-12)


@MANY
@given(data=labelled(least=2))
def test_venn_abers_as_its_library(data: Data) -> None:
    scores, right = data
    subject = VennAbersCalibration()
    subject.fit(scores, right)
    at = grid(scores)
    library = VennAbers()
    library.fit(np.column_stack([1 - scores, scores]), right.astype(float))
    p, bounds = library.predict_proba(np.column_stack([1 - at, at]))
    p0, p1 = subject.interval(at)
    np.testing.assert_allclose(p0, bounds[:, 0], atol=1e-9)
    np.testing.assert_allclose(p1, bounds[:, 1], atol=1e-9)
    np.testing.assert_allclose(subject.predict(at), p[:, 1], atol=1e-9)


@MANY
@given(data=labelled())
def test_venn_abers_never_claims_certainty(data: Data) -> None:
    scores, right = data
    subject = VennAbersCalibration()
    subject.fit(scores, right)
    p0, p1 = subject.interval(grid(scores))
    p = subject.predict(grid(scores))
    assert np.all(p0 < p1)
    assert np.all((p0 <= p + 1e-15) & (p <= p1 + 1e-15))
    assert np.all((p > 0) & (p < 1))


def test_venn_abers_beyond_all_scores() -> None:
    subject = VennAbersCalibration()
    subject.fit([1.0, 2.0], [0, 1])
    p0, p1 = subject.interval([0.0, 3.0])
    assert p0[0] == 0.0
    assert p1[-1] == 1.0


# --- All of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=40, deadline=None)
@given(data=labelled())
def test_predictions_rise_with_the_score_and_lie_in_the_unit_interval(
    make: Callable[[], Calibrator], data: Data
) -> None:
    subject = make()
    subject.fit(*data)
    p = subject.predict(grid(data[0]))
    assert np.all((p >= 0) & (p <= 1))
    assert subject.fitted_on == len(data[0])
    if subject.rising:
        assert np.all(np.diff(p) >= -1e-15)
    else:
        assert subject.method == "platt"


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=30, deadline=None)
@given(data=labelled(), seed=st.integers(0, 99))
def test_the_order_of_outcomes_does_not_matter(make: Callable[[], Calibrator], data: Data, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(data[0]))
    one, two = make(), make()
    one.fit(*data)
    two.fit(data[0][order], data[1][order])
    exact = one.method != "platt"  # Its kernel adds in the order given.
    np.testing.assert_allclose(
        one.predict(grid(data[0])), two.predict(grid(data[0])), rtol=0, atol=0 if exact else 1e-7
    )


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=30, deadline=None)
@given(data=labelled())
def test_state_round_trips_to_the_bit(make: Callable[[], Calibrator], data: Data) -> None:
    subject = make()
    fresh = calibrator_from_state(json.loads(json.dumps(subject.state())))
    assert fresh.fitted_on == 0
    with pytest.raises(UsageError, match="no fit yet"):
        fresh.predict([0.5])
    subject.fit(*data)
    text = json.dumps(subject.state())
    again = calibrator_from_state(json.loads(text))
    assert type(again) is type(subject)
    assert (again.fitted_on, again.rising) == (subject.fitted_on, subject.rising)
    assert again.predict(grid(data[0])).tolist() == subject.predict(grid(data[0])).tolist()
    assert json.dumps(again.state()) == text


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "x"])
def test_what_is_no_number_is_refused_with_its_place(make: Callable[[], Calibrator], bad: object) -> None:
    subject = make()
    subject.fit([0.1, 0.6, 0.4], [0, 1, 1])
    before = json.dumps(subject.state())
    with pytest.raises(DataError, match=r"scores(\[1\])? "):
        subject.fit([0.1, bad, 0.4], [0, 1, 0])
    with pytest.raises(DataError, match=r"right(\[2\])? "):
        subject.fit([0.1, 0.2, 0.4], [0, 1, bad])
    with pytest.raises(DataError, match=r"scores(\[0\])? "):
        subject.predict([bad])
    assert json.dumps(subject.state()) == before, "a refused fit leaves the earlier one"


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_that_do_not_fit_are_refused(make: Callable[[], Calibrator]) -> None:
    subject = make()
    with pytest.raises(UsageError, match="scores has 2 values and right 1"):
        subject.fit([0.1, 0.2], [1])
    with pytest.raises(DataError, match="no outcomes"):
        subject.fit([], [])
    with pytest.raises(UsageError, match="2 dimensions"):
        subject.fit([[0.1]], [1])
    with pytest.raises(DataError, match=r"right\[1\] is 2.0"):
        subject.fit([0.1, 0.2], [0, 2])
    with pytest.raises(UsageError, match="no fit yet"):
        subject.predict([0.5])


@pytest.mark.parametrize("s", [-0.1, 1.1])
def test_a_probability_link_takes_probabilities_only(s: float) -> None:
    subject = BetaCalibration("probability")
    with pytest.raises(DataError, match=r"scores\[1\]"):
        subject.fit([0.5, s], [0, 1])
    subject.fit([0.0, 1.0, 0.3, 0.2], [0, 1, 0, 1])
    assert np.all(np.isfinite(subject.predict([0.0, 1.0])))


def test_inputs_are_not_kept_by_reference() -> None:
    scores, right = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 1, 0, 1])
    for make in MAKERS:
        subject = make()
        subject.fit(scores, right)
        before = subject.predict([0.3, 0.5]).tolist()
        scores += 1.0
        assert subject.predict([0.3, 0.5]).tolist() == before
        scores -= 1.0


@pytest.mark.parametrize("method", METHODS)
def test_calibrators_by_name(method: str) -> None:
    assert make_calibrator(method).method == method
    with pytest.raises(UsageError, match="platt, isotonic, beta, venn_abers"):
        make_calibrator("spline")


def test_few_outcomes_want_a_fixed_shape() -> None:
    assert [recommended_method(n) for n in (0, 999, 1000, 5000)] == [
        "platt",
        "platt",
        "venn_abers",
        "venn_abers",
    ]


@pytest.mark.parametrize("state", [None, {}, {"kind": "spline"}, [1], "platt"])
def test_a_state_of_something_else_is_refused(state: object) -> None:
    with pytest.raises(RecoveryError, match="expected a calibrator's"):
        calibrator_from_state(state)


@pytest.mark.parametrize("make", MAKERS)
def test_a_state_of_another_version_or_kind_is_refused(make: Callable[[], Calibrator]) -> None:
    state = make().state()
    with pytest.raises(RecoveryError, match="version 2, expected 1"):
        calibrator_from_state({**state, "version": 2})
    with pytest.raises(RecoveryError, match="has no fitted_on"):
        calibrator_from_state({k: v for k, v in state.items() if k != "fitted_on"})
    with pytest.raises(RecoveryError, match="state of other"):
        type(make()).from_state({**state, "kind": "other"})
    with pytest.raises(RecoveryError, match="state of list"):
        type(make()).from_state([])


def test_an_unknown_link_is_refused() -> None:
    with pytest.raises(UsageError, match="probability, logistic, standardised"):
        BetaCalibration("probit")
