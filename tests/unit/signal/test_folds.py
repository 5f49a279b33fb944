"""Folds in time and the rolling calibration: nothing is predicted by what was fitted on it, or on what came later."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError, RecoveryError, UsageError
from aurora.signal import (
    CalibrationSettings,
    PlattScaling,
    RollingCalibration,
    make_calibrator,
    out_of_fold,
    time_ordered_folds,
)


@st.composite
def votes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    gaps = draw(st.lists(st.integers(0, 5), max_size=60))
    decided = np.cumsum(gaps, dtype=np.int64)
    horizons = draw(st.lists(st.integers(0, 12), min_size=len(gaps), max_size=len(gaps)))
    return decided, decided + np.array(horizons, np.int64)


@settings(max_examples=200, deadline=None)
@given(times=votes(), count=st.integers(1, 7), embargo=st.integers(0, 6), most=st.none() | st.integers(1, 9))
def test_folds_know_the_past_only(
    times: tuple[np.ndarray, np.ndarray], count: int, embargo: int, most: int | None
) -> None:
    decided, due = times
    folds = time_ordered_folds(decided, due, count, embargo_ns=embargo, max_train=most)
    tested = [row for fold in folds for row in fold.test.tolist()]
    assert tested == sorted(set(tested))
    if tested:
        assert tested == list(range(tested[0], len(decided)))
    for fold in folds:
        begin = decided[fold.test[0]]
        known = [row for row in range(fold.test[0]) if due[row] + embargo <= begin]
        assert fold.train.tolist() == (known if most is None else known[-most:])
        if fold.test[0]:
            assert decided[fold.test[0] - 1] < begin, "one instant is not split"


def test_parts_are_even() -> None:
    decided = np.arange(100)
    folds = time_ordered_folds(decided, decided, 4)
    assert [fold.test.tolist() for fold in folds] == [list(range(k, k + 20)) for k in (20, 40, 60, 80)]
    assert [len(fold.train) for fold in folds] == [20, 40, 60, 80], (
        "an outcome due at the instant itself is known"
    )
    late = time_ordered_folds(decided, decided + 5, 4, embargo_ns=2)
    assert [len(fold.train) for fold in late] == [14, 34, 54, 74]


def test_folds_refuse_what_is_no_order_of_time() -> None:
    with pytest.raises(DataError, match=r"decided_ns\[2\]"):
        time_ordered_folds([0, 2, 1], [9, 9, 9], 1)
    with pytest.raises(DataError, match=r"due_ns\[1\]"):
        time_ordered_folds([0, 2], [9, 1], 1)
    with pytest.raises(UsageError, match="decided_ns has 1"):
        time_ordered_folds([0], [1, 2], 1)
    for knobs in ({"folds": 0}, {"embargo_ns": -1}, {"max_train": 0}):
        with pytest.raises(UsageError, match=next(iter(knobs))):
            time_ordered_folds([0], [1], **{"folds": 1, **knobs})
    assert time_ordered_folds([], [], 3) == []
    assert time_ordered_folds([5], [6], 2)[-1].train.tolist() == []


def test_out_of_fold_predictions_are_those_of_the_past_alone() -> None:
    draw = np.random.default_rng(1)
    scores = draw.normal(size=300)
    right = draw.random(300) < 1 / (1 + np.exp(-2 * scores))
    times = np.arange(300)
    folds = time_ordered_folds(times, times + 3, 5)
    rows, p = out_of_fold(PlattScaling, scores, right, folds)
    assert rows.tolist() == list(range(50, 300))
    expected = []
    for begin in range(50, 300, 50):
        subject = PlattScaling()
        subject.fit(scores[: begin - 2], right[: begin - 2])
        expected += subject.predict(scores[begin : begin + 50]).tolist()
    assert p.tolist() == expected
    # What happens later changes nothing before.
    scores[200:], right[200:] = -9.0, ~right[200:]
    again = out_of_fold(PlattScaling, scores, right, folds)[1]
    assert again[:150].tolist() == p[:150].tolist()


def test_folds_too_short_or_falling_predict_nothing() -> None:
    scores, right, times = np.arange(40.0), np.tile([False, True], 20), np.arange(40)
    folds = time_ordered_folds(times, times, 3)
    assert out_of_fold(PlattScaling, scores, right, folds, min_train=20)[0].tolist() == list(range(20, 40))
    assert out_of_fold(PlattScaling, scores, right, folds, min_train=21)[0].tolist() == list(range(30, 40))
    assert out_of_fold(PlattScaling, scores, scores < 3, folds)[0].tolist() == []
    assert out_of_fold(PlattScaling, scores, right, [])[1].tolist() == []
    with pytest.raises(UsageError, match="min_train"):
        out_of_fold(PlattScaling, scores, right, folds, min_train=0)


# --- Rolling --------------------------------------------------------------------------------------------------------


def rolling(**changed: Any) -> RollingCalibration:
    return RollingCalibration(CalibrationSettings(**{"min_outcomes": 10, "max_outcomes": 40, **changed}))


def outcomes(n: int, seed: int = 1) -> list[tuple[float, bool]]:
    draw = np.random.default_rng(seed)
    scores = draw.normal(size=n)
    return list(zip(scores.tolist(), (draw.random(n) < 1 / (1 + np.exp(-2 * scores))).tolist(), strict=True))


@pytest.mark.parametrize("method", ["platt", "isotonic", "beta", "venn_abers"])
def test_a_refit_is_a_fit_on_the_latest_outcomes(method: str) -> None:
    subject, told = rolling(method=method), outcomes(100)
    for score, right in told:
        subject.learn(score, right)
        assert len(subject.state()["scores"]) <= 80
    assert subject.probability([0.3]) is None
    subject.refit()
    alone = make_calibrator(method)
    alone.fit([s for s, _ in told[-40:]], [r for _, r in told[-40:]])
    assert subject.probability([0.3, -1.0]).tolist() == alone.predict([0.3, -1.0]).tolist()
    assert subject.fitted_on == 40
    assert subject.calibrator.method == method
    before = subject.probability([0.3]).tolist()
    subject.learn(5.0, False)
    assert subject.probability([0.3]).tolist() == before, "what is learnt serves from the next refit on"


def test_a_fit_needs_enough_of_both_and_a_rise() -> None:
    subject = rolling()
    for score, right in outcomes(9):
        subject.learn(score, right)
    subject.refit()
    assert subject.probability([0.0]) is None
    subject.learn(1.0, True)
    subject.refit()
    assert subject.fitted_on == 10
    for right in (True, False):
        one_class = rolling()
        for k in range(20):
            one_class.learn(float(k), right)
        one_class.refit()
        assert one_class.fitted_on == 0
    falling = rolling(method="platt")
    for k in range(20):
        falling.learn(float(k), k < 10)
    falling.refit()
    assert falling.probability([0.0]) is None
    # A later refit that fails drops the earlier fit.
    for _ in range(80):
        subject.learn(0.0, True)
    subject.refit()
    assert subject.fitted_on == 0


def test_auto_takes_venn_abers_from_a_thousand() -> None:
    subject = RollingCalibration(CalibrationSettings())
    for score, right in outcomes(1000):
        subject.learn(score, right)
        if len(subject._scores) == 999:
            subject.refit()
            assert subject.calibrator.method == "platt"
    subject.refit()
    assert subject.calibrator.method == "venn_abers"


@pytest.mark.parametrize("method", ["auto", "isotonic", "beta", "venn_abers"])
def test_rolling_state_round_trips_to_the_bit(method: str) -> None:
    subject = rolling(method=method)
    for score, right in outcomes(60):
        subject.learn(score, right)
    empty = json.dumps(subject.state())
    subject.refit()
    text = json.dumps(subject.state())
    assert text != empty
    again = rolling(method=method)
    again.load(json.loads(text))
    assert json.dumps(again.state()) == text
    assert again.probability([0.1]).tolist() == subject.probability([0.1]).tolist()
    for one in (subject, again):
        one.learn(0.4, False)
        one.refit()
    assert again.probability([0.1]).tolist() == subject.probability([0.1]).tolist()
    again.load(json.loads(empty))
    assert again.probability([0.1]) is None
    with pytest.raises(RecoveryError):
        again.load({**subject.state(), "version": 0})


def test_rolling_refuses_what_is_no_number() -> None:
    subject = rolling()
    with pytest.raises(DataError, match="score is nan"):
        subject.learn(math.nan, True)
    with pytest.raises(DataError, match=r"scores\[0\]"):
        subject.probability([math.inf])
    with pytest.raises(ValidationError, match="nothing would ever be fitted"):
        rolling(min_outcomes=41)
    assert rolling(min_outcomes=40).settings.min_outcomes == 40
