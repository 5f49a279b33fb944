"""Reliability by its definition, at its edges, and what an engine must do to earn it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.errors import DataError, RecoveryError
from aurora.signal import Reliability, ReliabilitySettings

SECOND = 1_000_000_000


def reliability(told: list[tuple[float, bool, float]], **changed: Any) -> Reliability:
    subject = Reliability(ReliabilitySettings(**changed))
    for p, right, at in told:
        subject.learn(p, right, round(at * SECOND))
    return subject


@st.composite
def told(draw: st.DrawFn) -> list[tuple[float, bool, float]]:
    at, rows = 0.0, []
    for _ in range(draw(st.integers(1, 30))):
        at += draw(st.sampled_from([0.0, 1.0, 30.0, 500.0]))
        rows.append((draw(st.integers(0, 20)) / 20, draw(st.booleans()), at))
    return rows


@settings(max_examples=200, deadline=None)
@given(
    rows=told(),
    half_life=st.sampled_from([1.0, 60.0, 3600.0]),
    prior=st.sampled_from([0.0, 50.0]),
    even=st.booleans(),
)
def test_the_definition(
    rows: list[tuple[float, bool, float]], half_life: float, prior: float, even: bool
) -> None:
    subject = reliability(
        rows,
        half_life_s=half_life,
        prior_outcomes=prior,
        reference="even" if even else "climatology",
    )
    p, y, t = (np.array(column, float) for column in zip(*rows, strict=True))
    w = 0.5 ** ((t[-1] - t) / half_life)
    score = float(np.sum(w * (p - y) ** 2) / np.sum(w))
    share = float(np.sum(w * y) / np.sum(w))
    n = float(np.sum(w) ** 2 / np.sum(w**2))
    assert subject.brier == pytest.approx(score, abs=1e-9)
    assert subject.effective_outcomes == pytest.approx(n, rel=1e-9)
    assert subject.outcomes == len(rows)
    bare = 0.25 if even else share * (1 - share)
    r = subject.reliability(round(t[-1] * SECOND))
    if y.min() == y.max() and not even:
        assert subject.skill is None
        assert r == 0.0
    elif bare > 1e-6:
        assert subject.skill == pytest.approx(1 - score / bare, rel=1e-6, abs=1e-6)
        assert r == pytest.approx(max(0.0, 1 - score / bare) * n / (n + prior), rel=1e-6, abs=1e-6)
    assert 0 <= r <= 1


def test_a_coin_flip_is_worth_nothing() -> None:
    coin = [(0.5, k % 2 == 0, 0.0) for k in range(1000)]
    assert reliability(coin).reliability(0) == 0.0
    assert reliability(coin, form="plain").reliability(0) == 0.75
    # Nor is an engine that knows its own rate and no more.
    assert reliability([(0.25, k % 4 == 0, 0.0) for k in range(400)]).reliability(0) == 0.0


def test_a_sure_and_right_engine_is_limited_by_its_number() -> None:
    sure = [(float(k % 2), k % 2 == 1, 0.0) for k in range(50)]
    assert reliability(sure, prior_outcomes=50).reliability(0) == 0.5
    assert reliability(sure, prior_outcomes=0).reliability(0) == 1.0
    assert reliability(sure[:2], prior_outcomes=2).reliability(0) == 0.5


def test_worse_than_nothing_is_nought() -> None:
    wrong = [(0.9, k % 2 == 0, 0.0) for k in range(100)]
    assert reliability(wrong).skill < 0
    assert reliability(wrong).reliability(0) == 0.0


def test_old_outcomes_fade() -> None:
    subject = reliability([(0.0, True, 0.0), (1.0, True, 60.0)], half_life_s=60.0)
    assert subject.brier == pytest.approx((0.5 * 1.0 + 0.0) / 1.5, rel=1e-12)
    assert subject.effective_outcomes == pytest.approx(1.5**2 / 1.25, rel=1e-12)


def test_the_plain_form_fades_with_silence() -> None:
    subject = reliability([(1.0, True, 0.0), (0.5, False, 0.0)], form="plain", half_life_s=10.0)
    assert subject.reliability(0) == 0.875
    assert subject.reliability(10 * SECOND) == 0.4375
    assert subject.reliability(20 * SECOND) == 0.21875
    skill = reliability([(0.0, False, 0.0), (1.0, True, 0.0)], half_life_s=10.0)
    assert skill.reliability(20 * SECOND) == skill.reliability(0) > 0


def test_nothing_known_is_no_reliability() -> None:
    for form in ("skill", "plain"):
        subject = reliability([], form=form)
        assert (subject.reliability(5), subject.brier, subject.skill, subject.effective_outcomes) == (
            0.0,
            None,
            None,
            0.0,
        )
    assert reliability([(0.7, True, 0.0)]).reliability(0) == 0.0


def test_time_may_not_run_backwards() -> None:
    subject = reliability([(0.5, True, 2.0)])
    subject.learn(0.5, False, 2 * SECOND)
    before = json.dumps(subject.state())
    with pytest.raises(DataError, match="before the outcome"):
        subject.learn(0.5, True, 2 * SECOND - 1)
    with pytest.raises(DataError, match="before the outcome"):
        subject.reliability(2 * SECOND - 1)
    for p in (math.nan, -0.01, 1.01):
        with pytest.raises(DataError, match="p is"):
            subject.learn(p, True, 3 * SECOND)
    assert json.dumps(subject.state()) == before


@settings(max_examples=50, deadline=None)
@given(rows=told())
def test_state_round_trips_to_the_bit(rows: list[tuple[float, bool, float]]) -> None:
    subject = reliability(rows)
    again = Reliability(subject.settings)
    again.load(json.loads(json.dumps(subject.state())))
    later = round(rows[-1][2] * SECOND) + 5
    for one in (subject, again):
        one.learn(0.3, True, later)
    assert again.reliability(later) == subject.reliability(later)
    assert again.state() == subject.state()
    assert again.outcomes == len(rows) + 1
    with pytest.raises(RecoveryError):
        again.load({**subject.state(), "kind": "x"})
