"""Calibration error, Brier score and its parts, log loss: against libraries and plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as log_loss_library

from aurora.errors import DataError, UsageError
from aurora.signal import (
    bin_table,
    brier_parts,
    brier_score,
    brier_skill,
    expected_calibration_error,
    log_loss,
    null_calibration_error,
)
from aurora.signal.calibration_error import _null_draws

MANY = settings(max_examples=150, deadline=None)
Data = tuple[np.ndarray, np.ndarray]
BINNINGS = ("equal_width", "equal_mass")


@st.composite
def forecasts(draw: st.DrawFn) -> Data:
    n = draw(st.integers(1, 80))
    if draw(st.booleans()):
        p = np.array(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))) / 20
    else:
        p = np.random.default_rng(draw(st.integers(0, 9999))).random(n)
    return p, np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))


def naive_bin(p: float, ps: np.ndarray, bins: int, binning: str) -> int:
    """The first bin whose right-closed upper edge is not below p."""
    ordered = sorted(ps.tolist())
    for k in range(1, bins):
        edge = k / bins if binning == "equal_width" else ordered[math.ceil(k * len(ps) / bins) - 1]
        if p <= edge:
            return k - 1
    return bins - 1


def naive_groups(p: np.ndarray, right: np.ndarray, bins: int, binning: str) -> list[list[tuple[float, bool]]]:
    groups: dict[int, list[tuple[float, bool]]] = {}
    for value, outcome in zip(p.tolist(), right.tolist(), strict=True):
        groups.setdefault(naive_bin(value, p, bins, binning), []).append((value, outcome))
    return [groups[k] for k in sorted(groups)]


# --- Bins and calibration error -------------------------------------------------------------------------------------


@MANY
@given(data=forecasts(), bins=st.integers(1, 20), binning=st.sampled_from(BINNINGS))
def test_calibration_error_by_its_definition(data: Data, bins: int, binning: str) -> None:
    groups = naive_groups(*data, bins, binning)
    n = len(data[0])
    expected = sum(
        len(g) / n * abs(sum(y for _, y in g) / len(g) - sum(p for p, _ in g) / len(g)) for g in groups
    )
    assert expected_calibration_error(*data, bins, binning) == pytest.approx(expected, abs=1e-12)
    table = bin_table(*data, bins, binning)
    assert [row.count for row in table.rows] == [len(g) for g in groups]
    assert [row.right for row in table.rows] == [sum(y for _, y in g) for g in groups]
    assert (table.n, table.bins, table.binning) == (n, bins, binning)
    for row, group in zip(table.rows, groups, strict=True):
        assert row.frequency == row.right / row.count
        assert row.mean_p == pytest.approx(sum(p for p, _ in group) / len(group), abs=1e-12)
        assert all(row.lower < p <= row.upper or p == 0 for p, _ in group)


def test_bins_are_closed_on_the_right() -> None:
    table = bin_table([0.0, 0.25, 0.26, 0.5, 1.0], [0, 0, 1, 1, 1], bins=4)
    assert [(row.lower, row.upper, row.count) for row in table.rows] == [
        (0.0, 0.25, 2),
        (0.25, 0.5, 2),
        (0.75, 1.0, 1),
    ]


def test_equal_mass_bins_hold_as_many() -> None:
    p = np.random.default_rng(1).random(100)
    counts = [row.count for row in bin_table(p, p > 0.5, 15, "equal_mass").rows]
    assert sum(counts) == 100
    assert set(counts) == {6, 7}
    assert [row.count for row in bin_table([0.3] * 9, [1] * 9, 4, "equal_mass").rows] == [9]


@MANY
@given(data=forecasts(), binning=st.sampled_from(BINNINGS), seed=st.integers(0, 99))
def test_scores_do_not_depend_on_the_order(data: Data, binning: str, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(data[0]))
    turned = data[0][order], data[1][order]
    assert expected_calibration_error(*data, 7, binning) == expected_calibration_error(*turned, 7, binning)
    assert brier_score(*data) == brier_score(*turned)
    assert brier_parts(*data, 7, binning) == brier_parts(*turned, 7, binning)
    assert log_loss(*data) == log_loss(*turned)


# --- The error by chance --------------------------------------------------------------------------------------------


def test_null_errors_are_those_of_drawn_outcomes() -> None:
    p = np.array([0.2, 0.9, 0.2, 0.55, 0.6])
    index = np.array([1, 7, 1, 4, 4])
    draws = np.random.default_rng(3).random((6, 5))
    order = np.argsort(index, kind="stable")
    expected = []
    for row in draws:
        outcome = np.empty(5, bool)
        outcome[order] = row < p[order]
        gaps = [abs(outcome[index == k].sum() - p[index == k].sum()) for k in (1, 4, 7)]
        expected.append(sum(gaps) / 5)
    np.testing.assert_allclose(_null_draws(p, index, 6, 3), expected, atol=1e-15)


def test_null_draws_do_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.random.default_rng(1).random(30)
    whole = null_calibration_error(p, draws=50, seed=4)
    assert whole is not None
    told = (whole.bins, whole.binning, whole.n, whole.level, whole.draws, whole.seed)
    assert told == (15, "equal_width", len(p), 0.95, 50, 4)
    monkeypatch.setattr("aurora.signal.calibration_error.CHUNK", 95)
    assert null_calibration_error(p, draws=50, seed=4) == whole
    assert null_calibration_error(p, draws=50, seed=5) != whole


def test_null_of_one_bin_is_the_binomial_distribution() -> None:
    # One forecast of 1/2: the error is |1/2 - outcome| = 1/2 always. Of two: 1/2 or 0, each half of the time.
    one = null_calibration_error([0.5], bins=1, draws=40)
    assert (one.mean, one.quantile, one.n) == (0.5, 0.5, 1)
    two = null_calibration_error([0.5, 0.5], bins=1, draws=4000)
    assert two.mean == pytest.approx(0.25, abs=3 * 0.25 / 4000**0.5)
    sure = null_calibration_error([0.0, 1.0], draws=20)
    assert (sure.mean, sure.quantile) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("level", "draws", "rank"), [(0.95, 1000, 950), (0.95, 20, 19), (0.5, 3, 2), (1.0, 7, 7), (0.0, 7, 1)]
)
def test_the_null_quantile_has_its_rank(level: float, draws: int, rank: int) -> None:
    p = np.random.default_rng(0).random(40)
    null = null_calibration_error(p, level=level, draws=draws, seed=9)
    errors = np.sort(_null_draws(p, np.minimum((np.ceil(p * 15) - 1).astype(np.int64), 14), draws, 9))
    assert null.quantile == errors[rank - 1]
    assert null.mean == pytest.approx(errors.mean(), rel=1e-12)


def test_calibrated_forecasts_lie_under_their_quantile_as_often_as_it_says() -> None:
    draw = np.random.default_rng(6)
    p = draw.uniform(0.3, 0.7, 400)
    null = null_calibration_error(p, draws=2000)
    above = sum(expected_calibration_error(p, draw.random(400) < p) > null.quantile for _ in range(1000))
    assert abs(above / 1000 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 1000) + 0.005


# --- Brier and logarithmic score ------------------------------------------------------------------------------------


@MANY
@given(data=forecasts(), bins=st.integers(1, 20), binning=st.sampled_from(BINNINGS))
def test_brier_and_its_parts_add_up(data: Data, bins: int, binning: str) -> None:
    p, right = data
    parts = brier_parts(p, right, bins, binning)
    assert parts is not None
    assert (
        parts.score
        == brier_score(p, right)
        == pytest.approx(brier_score_loss(right, p, labels=[False, True]), abs=1e-14)
    )
    whole = (
        parts.reliability
        - parts.resolution
        + parts.uncertainty
        + parts.within_bin_variance
        - parts.within_bin_covariance
    )
    assert whole == pytest.approx(parts.score, abs=1e-12)
    groups, base = naive_groups(p, right, bins, binning), right.mean()
    reliability = sum(len(g) * (np.mean([a for a, _ in g]) - np.mean([b for _, b in g])) ** 2 for g in groups)
    resolution = sum(len(g) * (np.mean([b for _, b in g]) - base) ** 2 for g in groups)
    variance = sum(len(g) * np.var([a for a, _ in g]) for g in groups)
    assert parts.reliability == pytest.approx(reliability / len(p), abs=1e-12)
    assert parts.resolution == pytest.approx(resolution / len(p), abs=1e-12)
    assert parts.within_bin_variance == pytest.approx(variance / len(p), abs=1e-12)
    assert parts.uncertainty == pytest.approx(base * (1 - base), abs=1e-12)


@MANY
@given(data=forecasts(), reference=st.none() | st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_skill_is_one_less_the_share_of_the_reference(data: Data, reference: float | None) -> None:
    p, right = data
    said = right.mean() if reference is None else reference
    bare = float(np.mean((said - right) ** 2))
    skill = brier_skill(p, right, reference)
    if bare == 0:
        assert skill is None
    else:
        assert skill == pytest.approx(1 - float(np.mean((p - right) ** 2)) / bare, abs=1e-9)


def test_no_skill_is_nought() -> None:
    assert brier_skill([0.25] * 4, [1, 0, 0, 0]) == 0.0
    assert brier_skill([0.5] * 4, [1, 0, 1, 0], reference=0.5) == 0.0
    assert brier_skill([0.5, 0.5], [1, 1]) is None
    assert brier_skill([1.0, 0.0], [1, 0]) == 1.0


@MANY
@given(data=forecasts(), floor=st.sampled_from([2.0**-52, 1e-3, 0.1]))
def test_log_loss_as_scikit_learn(data: Data, floor: float) -> None:
    p, right = data
    expected = log_loss_library(right, np.clip(p, floor, 1 - floor), labels=[False, True])
    assert log_loss(p, right, floor) == pytest.approx(expected, abs=1e-9)


def test_log_loss_of_the_impossible_is_large_not_infinite() -> None:
    assert log_loss([0.0], [1]) == pytest.approx(52 * math.log(2), rel=1e-12)
    assert log_loss([1.0], [1]) == pytest.approx(0.0, abs=1e-15)


# --- Degenerate -----------------------------------------------------------------------------------------------------

SCORES = [brier_score, brier_skill, brier_parts, log_loss, expected_calibration_error]


@pytest.mark.parametrize("score", SCORES)
def test_nothing_has_no_score(score: object) -> None:
    assert score([], []) is None
    assert bin_table([], []).rows == ()
    assert bin_table([], [], 3, "equal_mass").rows == ()
    assert null_calibration_error([]) is None


@pytest.mark.parametrize("score", [*SCORES, bin_table])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.01, 1.01])
def test_what_is_no_probability_is_refused_with_its_place(score: object, bad: float) -> None:
    with pytest.raises(DataError, match=r"p\[1\] is"):
        score([0.5, bad], [0, 1])
    with pytest.raises(DataError, match=r"right\[0\] is 0.5"):
        score([0.5, 0.5], [0.5, 1])
    with pytest.raises(UsageError, match="p has 1 values and right 2"):
        score([0.5], [1, 0])


def test_wrong_knobs_are_refused() -> None:
    for call in (expected_calibration_error, brier_parts, bin_table):
        with pytest.raises(UsageError, match="bins is 0"):
            call([0.5], [1], 0)
        with pytest.raises(UsageError, match="equal_width, equal_mass"):
            call([0.5], [1], 3, "quantile")
    with pytest.raises(UsageError, match="draws is 0"):
        null_calibration_error([0.5], draws=0)
    with pytest.raises(DataError, match="level"):
        null_calibration_error([0.5], level=1.1)
    with pytest.raises(DataError, match=r"p\[0\]"):
        null_calibration_error([math.nan])
    with pytest.raises(DataError, match="reference"):
        brier_skill([0.5], [1], reference=1.5)
    for floor in (0.0, 0.6, math.nan):
        with pytest.raises(DataError, match="floor"):
            log_loss([0.5], [1], floor)
