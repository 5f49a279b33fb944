"""Thinning: those that count never overlap, and neither runs of votes nor single ones are preferred."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.errors import RecoveryError
from aurora.signal import CalibrationSettings, PlattScaling, RollingCalibration, Thinning, make_calibrator
from aurora.signal.calibrator import FLEXIBLE_FROM
from aurora.signal.thinning import MOST_PER_HORIZON, REMEMBERED

Times = list[tuple[int, int]]


@st.composite
def cast(draw: st.DrawFn) -> Times:
    """Decisions in order of time, some at the same instant, with horizons of any length."""
    gaps = draw(st.lists(st.integers(0, 30), max_size=120))
    decided = np.cumsum([0, *gaps]).tolist()
    return [(at, at + draw(st.integers(1, 60))) for at in decided]


@given(votes=cast())
def test_what_counts_does_not_overlap_and_is_learnt_from(votes: Times) -> None:
    subject = Thinning()
    until, counted = -1, 0
    for decided, due in votes:
        counts, learnt = subject.take(decided, due)
        if counts:
            assert learnt, "an outcome that counts is learnt from"
            assert decided >= until
            until = due
            counted += 1
    assert counted >= 1


@given(votes=cast(), cut=st.integers(0, 121))
def test_a_state_goes_on_where_it_was(votes: Times, cut: int) -> None:
    whole, first, second = Thinning(), Thinning(), Thinning()
    expected = [whole.take(*one) for one in votes]
    answers = [first.take(*one) for one in votes[:cut]]
    second.load(json.loads(json.dumps(first.state())))
    answers += [second.take(*one) for one in votes[cut:]]
    assert answers == expected
    assert second.state() == whole.state()


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(RecoveryError, match="state of teaching"):
        Thinning().load({"kind": "teaching", "version": 1})


def test_votes_apart_all_count() -> None:
    subject = Thinning()
    assert [subject.take(at, at + 10) for at in range(0, 1_000, 10)] == [(True, True)] * 100


def test_a_longer_horizon_is_forgotten() -> None:
    subject = Thinning()
    for at in range(2_000):
        subject.take(at, at + 40)
    answers = [subject.take(at, at + 4)[0] for at in range(2_040, 2_040 + 120 * REMEMBERED)]
    assert answers[:4_000].count(True) == 100, "one in forty at first"
    assert answers[-4_000:].count(True) == 1_000, "one in four once the forty are forgotten"


@pytest.mark.parametrize(("horizon", "step"), [(10, 1), (160, 10), (48, 1), (7, 2)])
def test_of_a_steady_row_one_in_a_horizon_counts(horizon: int, step: int) -> None:
    subject = Thinning()
    # The first horizon tells how many votes fit into one.
    answers = [subject.take(at, at + horizon) for at in range(0, 50 * horizon, step)][3 * horizon :]
    a_horizon = -(-horizon // step)
    places = [place for place, (counts, _) in enumerate(answers) if counts]
    assert set(np.diff(places).tolist()) == {a_horizon}
    learnt = sum(learnt for _, learnt in answers) / len(answers)
    apart = -(-a_horizon // MOST_PER_HORIZON)
    assert learnt == pytest.approx(-(-a_horizon // apart) / a_horizon, rel=0.1)


def test_no_kind_of_vote_is_preferred() -> None:
    """Votes after a silence and votes amid a run: both count at the rate of all votes.

    Who counts the first after the last one's horizon takes every vote that stands alone, and few of a run.
    """
    draw = np.random.default_rng(4)
    at, times, alone = 0, [], []
    for _ in range(4_000):
        at += int(draw.integers(200, 400))
        length = 1 if draw.random() < 0.7 else int(draw.integers(20, 40))
        for _ in range(length):
            at += 1
            times.append((at, at + 8))
            alone.append(length == 1)
    subject = Thinning()
    counts = np.array([subject.take(*one)[0] for one in times])
    alone_all = np.array(alone)
    share = Fraction(int(alone_all.sum()), len(alone_all))
    found = int(alone_all[counts].sum()) / int(counts.sum())
    error = float(share * (1 - share) / int(counts.sum())) ** 0.5
    assert abs(found - float(share)) < 4 * error
    until, first_come = -1, []
    for (decided, due), single in zip(times, alone, strict=True):
        if decided >= until:
            until = due
            first_come.append(single)
    assert np.mean(first_come) > float(share) + 50 * error, "so this test can tell them apart"


# --- What a calibration makes of it ---------------------------------------------------------------------------------


def drawn(n: int) -> tuple[list[float], list[bool]]:
    draw = np.random.default_rng(n)
    scores = draw.normal(size=n)
    return scores.tolist(), (draw.random(n) < 1 / (1 + np.exp(-scores))).tolist()


def test_enough_goes_by_what_counts_and_the_fit_is_on_all() -> None:
    subject = RollingCalibration(CalibrationSettings(min_outcomes=20, max_outcomes=50))
    # Platt's sigmoid takes all there is of them.
    scores, right = drawn(400)
    for n in range(95):
        subject.learn(scores[n], right[n], counts=n % 5 == 0)
    subject.refit()
    assert subject.fitted_on == 0, "19 count"
    for n in range(95, 100):
        subject.learn(scores[n], right[n], counts=n % 5 == 0)
    subject.refit()
    assert subject.fitted_on == 20
    alone = PlattScaling()
    alone.fit(scores[:100], right[:100])
    assert subject.probability([0.3]).tolist() == alone.predict([0.3]).tolist()
    # The latest 50 that count, and what was learnt since the first of these.
    for n in range(100, 400):
        subject.learn(scores[n], right[n], counts=n % 5 == 0)
    subject.refit()
    assert subject.fitted_on == 50
    alone.fit(scores[150:], right[150:])
    assert subject.probability([0.3]).tolist() == alone.predict([0.3]).tolist()
    again = RollingCalibration(subject.settings)
    again.load(json.loads(json.dumps(subject.state())))
    assert again.state() == subject.state()
    assert again.fitted_on == 50
    again.refit()
    assert again.state() == subject.state()


def test_a_shape_that_follows_outcomes_takes_what_counts_alone() -> None:
    subject = RollingCalibration(CalibrationSettings(method="isotonic", min_outcomes=20, max_outcomes=50))
    scores, right = drawn(200)
    for n, (score, hit) in enumerate(zip(scores, right, strict=True)):
        subject.learn(score, hit, counts=n % 5 == 0)
    subject.refit()
    alone = make_calibrator("isotonic")
    alone.fit(scores[::5], right[::5])
    assert subject.fitted_on == 40
    assert subject.probability([0.3]).tolist() == alone.predict([0.3]).tolist()


def test_where_enough_count_they_are_all_that_is_taken() -> None:
    subject = RollingCalibration(CalibrationSettings(method="platt", min_outcomes=20, max_outcomes=5_000))
    scores, right = drawn(2 * FLEXIBLE_FROM)
    for n, (score, hit) in enumerate(zip(scores, right, strict=True)):
        subject.learn(score, hit, counts=n % 2 == 0)
    subject.refit()
    alone = PlattScaling()
    alone.fit(scores[::2], right[::2])
    assert subject.fitted_on == FLEXIBLE_FROM == len(subject.state()["scores"]), "the others are not kept"
    assert subject.probability([0.3]).tolist() == alone.predict([0.3]).tolist()
