"""Standings by regime: statistics against naive ones, the week's boundary, verdicts, look-ahead, state."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError
from aurora.regime import (
    Approval,
    ApprovalMatrix,
    Leaderboard,
    LeaderboardSettings,
    Regime,
    Standing,
    Verdict,
    week_begin_ns,
)

DAY = 86_400_000_000_000
WEEK = 7 * DAY
MONDAY = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 10**9
MATRIX = ApprovalMatrix(
    rows={
        name: {regime: approval for regime in Regime}
        for name, approval in (
            ("good", Approval.TRIAL),
            ("bad", Approval.ALLOWED),
            ("never", Approval.FORBIDDEN),
            ("plain", Approval.ALLOWED),
        )
    }
)
SETTINGS = LeaderboardSettings(weeks=2, minimum_votes=30, minimum_days=5)


def board(**changed: Any) -> Leaderboard:
    made = Leaderboard(MATRIX, SETTINGS.model_copy(update=changed))
    made.advance(MONDAY)
    return made


def feed(
    made: Leaderboard, engine: str, mean: float, days: int, a_day: int = 10, regime: Regime = Regime.TREND
) -> None:
    """Votes with about that mean, and a standard error of some 0.2 bps."""
    for k in range(days * a_day):
        made.record(MONDAY + k * DAY // a_day, engine, regime, mean + (0.6, -0.5, 0.3, -0.4)[k // a_day % 4])


def by_engine(made: Leaderboard) -> dict[str, Standing]:
    return {row.engine: row for row in made.standings}


@given(day=st.integers(0, 40_000), second=st.integers(0, 86_399))
def test_weeks_begin_on_mondays(day: int, second: int) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    monday = (when - timedelta(days=when.weekday())).replace(hour=0, minute=0, second=0)
    assert week_begin_ns((day * 86_400 + second) * 10**9) == round(monday.timestamp()) * 10**9


@given(
    outcomes=st.lists(
        st.tuples(st.integers(0, 14 * 24 - 1), st.sampled_from(["good", "bad"]), st.floats(-50, 50)),
        max_size=60,
    )
)
@settings(max_examples=100, deadline=None)
def test_mean_and_error_are_those_of_days_as_clusters(outcomes: list[tuple[int, str, float]]) -> None:
    made = board()
    rows = sorted(outcomes, key=lambda row: row[0])
    for hour, engine, value in rows:
        made.record(MONDAY + hour * DAY // 24, engine, Regime.RANGE, value)
    made.advance(MONDAY + 2 * WEEK)
    found = by_engine(made)
    assert set(found) == {engine for _, engine, _ in rows}
    for engine, row in found.items():
        hours = np.array([h for h, e, _ in rows if e == engine])
        x = np.array([v for _, e, v in rows if e == engine])
        day = hours // 24
        assert (row.votes, row.days, row.regime) == (len(x), len(set(day)), Regime.RANGE)
        assert row.mean_bps == pytest.approx(x.mean(), abs=1e-9)
        if row.days < 2:
            assert (row.standard_error_bps, row.lower_bps, row.upper_bps) == (None, None, None)
            continue
        sums = np.array([(x[day == d] - x.mean()).sum() for d in sorted(set(day))])
        error = math.sqrt(row.days / (row.days - 1) * (sums**2).sum()) / len(x)
        assert row.standard_error_bps == pytest.approx(error, abs=1e-9)
        assert row.lower_bps == pytest.approx(x.mean() - 2 * error, abs=1e-9)
        assert row.upper_bps == pytest.approx(x.mean() + 2 * error, abs=1e-9)


def test_error_is_the_usual_one_for_one_vote_a_day() -> None:
    made = board()
    x = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    for k, value in enumerate(x):
        made.record(MONDAY + k * DAY, "plain", Regime.TREND, value)
    made.advance(MONDAY + WEEK)
    assert made.standings[0].standard_error_bps == pytest.approx(np.std(x, ddof=1) / math.sqrt(7), rel=1e-12)


def test_the_good_earn_and_the_bad_are_suspended() -> None:
    made = board()
    for engine, mean in (("good", 3.0), ("bad", -3.0), ("never", 3.0), ("plain", 0.0)):
        assert made.may_vote(engine, Regime.TREND) is (engine in ("bad", "plain"))
        other = board()
        feed(other, engine, mean, 7)
        other.advance(MONDAY + WEEK)
        row = other.standings[0]
        want = {
            "good": (Verdict.EARNED, True),
            "bad": (Verdict.SUSPENDED, False),
            "never": (Verdict.FORBIDDEN, False),
            "plain": (Verdict.KEPT, True),
        }
        assert (row.verdict, row.may_vote) == want[engine]
        assert other.may_vote(engine, Regime.TREND) is row.may_vote
        # In other regimes nothing has changed.
        assert other.may_vote(engine, Regime.RANGE) is (engine in ("bad", "plain"))
    # A trial that is found bad, and an allowed one found good, stay as they are.
    for engine, mean, may in (("good", -3.0, False), ("bad", 3.0, True), ("good", 0.0, False)):
        other = board()
        feed(other, engine, mean, 7)
        other.advance(MONDAY + WEEK)
        assert (other.standings[0].verdict, other.standings[0].may_vote) == (Verdict.KEPT, may)


def test_a_bound_of_exactly_nothing_proves_nothing() -> None:
    for engine, value in (("good", 0.0), ("bad", 0.0), ("good", 1e-9), ("bad", -1e-9)):
        made = board()
        for k in range(70):
            made.record(MONDAY + k * DAY // 10, engine, Regime.TREND, value)
        made.advance(MONDAY + WEEK)
        assert made.standings[0].standard_error_bps == pytest.approx(0.0, abs=1e-20)
        assert (made.standings[0].verdict is Verdict.KEPT) is (value == 0.0)


@pytest.mark.parametrize(("days", "a_day", "judged"), [(5, 6, True), (4, 10, False), (5, 5, False)])
def test_enough_votes_and_days_are_needed(days: int, a_day: int, judged: bool) -> None:
    made = board()
    feed(made, "bad", -3.0, days, a_day)
    made.advance(MONDAY + WEEK)
    assert made.standings[0].verdict is (Verdict.SUSPENDED if judged else Verdict.BASE)
    assert made.may_vote("bad", Regime.TREND) is not judged
    made = board()
    feed(made, "good", 3.0, days, a_day)
    made.advance(MONDAY + WEEK)
    assert made.may_vote("good", Regime.TREND) is judged


def test_ranks_by_lower_bound_within_a_regime() -> None:
    made = board()
    rows: list[tuple[int, str, Regime, float]] = []
    for k in range(70):
        at = MONDAY + k * DAY // 10
        rows += [
            (at, "plain", Regime.TREND, 1.0 + 0.01 * k),
            (at, "good", Regime.TREND, 2.0 + (-1) ** (k // 10) * 9),
        ]
        rows += [(at, "bad", Regime.TREND, -1.0 + 0.01 * k), (at, "good", Regime.PANIC, 0.0)]
    rows += [(MONDAY + 3 * DAY, name, Regime.TREND, 99.0) for name in ("zeta", "alpha")]
    for row in sorted(rows):
        made.record(*row)
    made.advance(MONDAY + WEEK)
    found = [(row.regime, row.rank, row.engine) for row in made.standings]
    assert found == [
        (Regime.PANIC, 1, "good"),
        (Regime.TREND, 1, "plain"),
        (Regime.TREND, 2, "bad"),
        (Regime.TREND, 3, "good"),
        (Regime.TREND, 4, "alpha"),
        (Regime.TREND, 5, "zeta"),
    ]


def test_standings_are_of_what_was_due_before_the_week() -> None:
    made = board()
    feed(made, "bad", -3.0, 7)
    assert not made.advance(MONDAY + WEEK - 1)
    assert made.standings == ()
    assert made.may_vote("bad", Regime.TREND)
    # A vote due with the new week closes the old one, and is not in it.
    made.record(MONDAY + WEEK, "bad", Regime.TREND, 1e6)
    assert made.standings[0].votes == 70
    assert not made.may_vote("bad", Regime.TREND)
    assert not made.advance(MONDAY + WEEK + 5)
    assert made.advance(MONDAY + 2 * WEEK)
    assert made.standings[0].votes == 71
    # Two weeks on, only the last two weeks count; then nothing is known and the matrix decides again.
    assert made.advance(MONDAY + 3 * WEEK)
    assert made.standings[0].votes == 1
    assert made.advance(MONDAY + 9 * WEEK)
    assert made.standings == ()
    assert made.may_vote("bad", Regime.TREND)
    with pytest.raises(DataError, match="before its week"):
        made.record(MONDAY + 9 * WEEK - 1, "bad", Regime.TREND, 0.0)
    with pytest.raises(DataError):
        made.advance(MONDAY)


def test_the_first_week_has_no_standings() -> None:
    made = Leaderboard(MATRIX, SETTINGS)
    assert not made.advance(MONDAY + 3 * DAY)
    assert not made.advance(MONDAY + 4 * DAY)
    assert made.advance(MONDAY + WEEK)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_bad_outcomes_are_refused(bad: float) -> None:
    made = board()
    before = made.state()
    with pytest.raises(DataError, match="finite"):
        made.record(MONDAY + WEEK, "bad", Regime.TREND, bad)
    assert made.state() == before


def test_bad_settings_are_refused() -> None:
    for wrong in (
        {"weeks": 0},
        {"weeks": 1, "minimum_days": 8},
        {"minimum_votes": 1},
        {"minimum_days": 1},
        {"critical_value": 0},
    ):
        with pytest.raises(ValidationError):
            LeaderboardSettings(**wrong)
    LeaderboardSettings(weeks=1, minimum_days=7)


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_state_survives_and_memory_is_bounded(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (
            MONDAY + k * DAY // 6,
            str(rng.choice(["good", "bad", "plain"])),
            list(Regime)[int(rng.integers(5))],
            float(rng.normal()),
        )
        for k in range(300)
    ]
    whole, first, second = board(minimum_votes=5), board(minimum_votes=5), board(minimum_votes=5)
    want, found = [], []
    for row in rows:
        whole.record(*row)
        want.append(whole.standings)
    for row in rows[:cut]:
        first.record(*row)
        found.append(first.standings)
    second.load(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    for row in rows[cut:]:
        second.record(*row)
        found.append(second.standings)
    assert found == want
    days = whole.state()["days"]
    # Two weeks of standings and the present one, 15 pairs of engine and regime.
    assert sum(len(by_day) for _, _, by_day in days) <= 15 * 21
