"""Correlation of marks beside numpy's, with what is missing and what never moves."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.stages.co_movement import KEPT, MINIMUM, CoMovement

KEYS = ["A", "B", "C"]


def told(mids: np.ndarray) -> CoMovement:
    subject = CoMovement(KEYS)
    for row in mids:
        subject.observe(
            {key: mid for key, mid in zip(KEYS, row.tolist(), strict=True) if not math.isnan(mid)}
        )
    return subject


@given(seed=st.integers(0, 2**32), count=st.integers(MINIMUM + 1, KEPT + 80), common=st.floats(-2, 2))
def test_as_numpy_of_the_latest_returns(seed: int, count: int, common: float) -> None:
    draw = np.random.default_rng(seed)
    moves = draw.normal(size=(count, 3)) + common * draw.normal(size=(count, 1)) * np.array([1.0, -1.0, 0.5])
    mids = 100.0 * np.exp(np.cumsum(moves * 1e-4, axis=0))
    latest = mids[-KEPT - 1 :]
    expected = np.corrcoef(latest[1:] / latest[:-1] - 1.0, rowvar=False)
    subject = told(mids)
    assert subject.correlation(KEYS) == pytest.approx(expected, abs=1e-9)
    assert subject.correlation(["C", "A"]) == pytest.approx(expected[np.ix_([2, 0], [2, 0])], abs=1e-9)


def test_too_few_returns_say_nothing() -> None:
    mids = 100.0 + np.random.default_rng(1).normal(size=(MINIMUM + 1, 3))
    assert told(mids[:-1]).correlation(KEYS) is None
    assert told(mids).correlation(KEYS) is not None
    mids[7, 1] = math.nan
    subject = told(mids)
    assert subject.correlation(KEYS) is None, "two returns are missing"
    assert subject.correlation(["A", "C"]) is not None, "of those that have all it does not matter"


def test_one_that_is_new_does_not_hide_the_others() -> None:
    mids = 100.0 + np.random.default_rng(4).normal(size=(100, 3))
    mids[: 100 - MINIMUM, 1] = math.nan
    subject = told(mids)
    assert subject.known(["B", "C", "A"]) == ["C", "A"], "B has a return less than that"
    assert subject.correlation(subject.known(KEYS)) is not None
    assert CoMovement(KEYS).known(KEYS) == []
    assert told(mids[:1]).known(KEYS) == []


def test_what_never_moves_goes_with_nothing() -> None:
    mids = 100.0 + np.random.default_rng(2).normal(size=(90, 3))
    mids[:, 2] = mids[:, 0] * 3
    mids[:, 1] = 100.0
    found = told(mids).correlation(KEYS)
    assert found == pytest.approx(np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]]), abs=1e-12)
    assert np.abs(found).max() <= 1.0


def test_the_state_is_all_of_it() -> None:
    mids = 100.0 + np.random.default_rng(3).normal(size=(200, 3))
    mids[5, 0] = math.nan
    subject = told(mids)
    fresh = CoMovement(KEYS)
    fresh.load(json.loads(json.dumps(subject.state())))
    assert fresh.state() == subject.state()
    for one in (subject, fresh):
        for row in mids[:50] + 1.0:
            one.observe(dict(zip(KEYS, row.tolist(), strict=True)))
    assert np.array_equal(subject.correlation(KEYS), fresh.correlation(KEYS))
    assert fresh.state() == subject.state()
