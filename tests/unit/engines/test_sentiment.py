"""Sentiment leans votes by recent readings and lets old ones expire; netting weighs sides against each other."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from engine_material import MINUTE, rows_at, series_of
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.engines import EngineInput, SentimentSettings, SentimentTilt, Votes, net
from aurora.messages import Votes as Message

KEY = "binance_usdm:ETHUSDT"


class Always:
    """Votes on every row, for one side."""

    name = "always"
    refit_ns = 0

    def __init__(self, side: int) -> None:
        self.side = side

    def vote(self, inputs: dict[str, EngineInput]) -> list[Votes]:
        answers = []
        for key, rows in inputs.items():
            n = len(rows.local_ns)
            side = np.full(n, self.side, np.int8)
            ones = np.ones(n)
            horizon = np.full(n, MINUTE)
            answers.append(
                Message(self.name, key, np.arange(n), rows.local_ns, side, side * 0.5, 4 * ones, horizon, {})
            )
        return answers

    def refit(self, now_ns: int) -> None: ...

    def findings(self) -> dict[str, Any]:
        return {}

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None: ...


def readings(values: list[tuple[int, float]]) -> Any:
    return series_of([(t, t, t, {"value": v}) for t, v in values], ["value"])


def tilted(side: int, values: list[tuple[int, float]], times: list[int], **options: Any) -> Votes:
    engine = SentimentTilt(Always(side), SentimentSettings(**options), [KEY])
    [votes] = engine.vote({KEY: rows_at(times, {"sentiment": readings(values)})})
    return votes


@settings(max_examples=200)
@given(
    values=st.lists(st.tuples(st.integers(0, 100), st.floats(-1, 1)), max_size=12),
    times=st.lists(st.integers(0, 200), min_size=1, max_size=6, unique=True),
    expiry=st.integers(1, 80),
)
def test_sentiment_is_the_weighted_mean_of_live_readings(
    values: list[tuple[int, float]], times: list[int], expiry: int
) -> None:
    values = sorted(((t * MINUTE, v) for t, v in values), key=lambda reading: reading[0])
    times = sorted(t * MINUTE for t in times)
    engine = SentimentTilt(Always(1), SentimentSettings(expiry_minutes=expiry), [KEY])
    engine._readings.append({0: readings(values)})
    got = engine.sentiment(KEY, np.array(times)).tolist()
    for t, value in zip(times, got, strict=True):
        live = [
            (1 - Fraction(t - known, expiry * MINUTE), Fraction(v))
            for known, v in values
            if 0 <= t - known < expiry * MINUTE
        ]
        if not live:
            assert math.isnan(value)
        else:
            mean = sum(w * v for w, v in live) / sum(w for w, _ in live)
            assert value == pytest.approx(float(mean), abs=1e-12)


def test_a_reading_expires_at_its_age() -> None:
    engine = SentimentTilt(Always(1), SentimentSettings(expiry_minutes=10), [KEY])
    engine._readings.append({0: readings([(0, 1.0)])})
    end = 10 * MINUTE
    assert engine.sentiment(KEY, np.array([end - 1])).tolist() == [1.0]
    assert np.isnan(engine.sentiment(KEY, np.array([end]))).all()


@pytest.mark.parametrize("side", [1, -1])
def test_votes_lean_and_are_withdrawn(side: int) -> None:
    times = [MINUTE, 2 * MINUTE]
    with_it = tilted(side, [(0, side * 1.0)], times, weight=0.5, expiry_minutes=60)
    assert with_it.edge_bps.tolist() == [6.0, 6.0]
    assert with_it.score.tolist() == [side * 0.75] * 2
    against = tilted(side, [(0, -side * 1.0)], times, weight=0.4, expiry_minutes=60, min_factor=0.6)
    assert against.edge_bps.tolist() == pytest.approx([2.4, 2.4])
    withdrawn = tilted(side, [(0, -side * 1.0)], times, weight=0.5, expiry_minutes=60)
    assert withdrawn.abstained == {"sentiment_against": 2}
    # Readings beyond the scale count as its end.
    assert tilted(side, [(0, side * 9.0)], times, weight=0.5).edge_bps.tolist() == [6.0, 6.0]


def test_without_sentiment_votes_stay() -> None:
    assert tilted(1, [], [MINUTE]).edge_bps.tolist() == [4.0]
    assert tilted(1, [(0, -1.0)], [MINUTE], expiry_minutes=1).edge_bps.tolist() == [4.0]
    engine = SentimentTilt(Always(-1), SentimentSettings(), [KEY])
    [votes] = engine.vote({KEY: rows_at([MINUTE])})
    assert votes.edge_bps.tolist() == [4.0]


# --- Netting ----------------------------------------------------------------------------------------------------


def votes_of(engine: str, votes: list[tuple[int, int, float, float, int]]) -> Votes:
    """From (row, side, log-odds of that side, edge, horizon)."""
    columns = list(zip(*votes, strict=True)) or [()] * 5
    side = np.array(columns[1], np.int8)
    return Message(
        engine,
        KEY,
        np.array(columns[0], np.int64),
        np.array(columns[0], np.int64) * MINUTE,
        side,
        side * np.array(columns[2], np.float64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.int64),
        {"something": 3},
    )


def test_the_heavier_side_stays_long_or_short() -> None:
    long = votes_of("long", [(0, 1, 0.4, 3.0, 10), (1, 1, 0.4, 9.0, 10), (2, 1, 0.2, 5.0, 10)])
    short = votes_of(
        "short", [(0, -1, 0.8, 7.0, 20), (1, -1, 0.2, 1.0, 20), (2, -1, 0.2, 5.0, 20), (3, -1, 0.1, 2.0, 20)]
    )
    [votes] = net([short, long])
    assert votes.row.tolist() == [0, 1, 3]
    assert votes.side.tolist() == [-1, 1, -1]
    assert votes.edge_bps.tolist() == [2.0, 4.0, 2.0]
    assert votes.score.tolist() == pytest.approx([-0.2, 0.1, -0.1])
    assert votes.horizon_ns.tolist() == [20, 10, 20]
    assert votes.abstained == {"conflict_cancels": 1}
    [weighted] = net([short, long], {"long": 4.0})
    assert weighted.side.tolist() == [1, 1, 1, -1]
    [alone] = net([short, long], {"long": 0.0})
    assert alone.side.tolist() == [-1, -1, -1, -1]


def test_score_and_edge_must_agree() -> None:
    sure = votes_of("sure", [(0, 1, 2.0, 1.0, 10)])
    far = votes_of("far", [(0, -1, 0.1, 50.0, 10)])
    [votes] = net([sure, far])
    assert votes.abstained == {"conflict_cancels": 1}


def test_two_votes_of_one_engine_are_refused() -> None:
    one = votes_of("one", [(0, 1, 0.4, 3.0, 10)])
    with pytest.raises(ValueError, match="twice"):
        net([one, one])
    with pytest.raises(ValueError, match="weight"):
        net([one], {"one": -1.0})


VOTE = st.tuples(
    st.integers(0, 5), st.sampled_from([1, -1]), st.floats(0, 3), st.floats(0, 50), st.integers(1, 9)
)


@settings(max_examples=200)
@given(
    given_votes=st.lists(st.lists(VOTE, max_size=5, unique_by=lambda v: v[0]), max_size=4),
    weights=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=4, max_size=4),
)
def test_netting_is_the_weighted_mean(given_votes: list[list[Any]], weights: list[float]) -> None:
    engines = [votes_of(f"e{n}", sorted(votes)) for n, votes in enumerate(given_votes)]
    by_name = {f"e{n}": weight for n, weight in enumerate(weights)}
    flat = [
        (row, side, logit, edge, horizon, by_name[f"e{n}"], n)
        for n, votes in enumerate(given_votes)
        for row, side, logit, edge, horizon in votes
        if by_name[f"e{n}"] > 0
    ]
    expected, cancelled = [], 0
    for row, of_row in groupby(sorted(flat), key=lambda v: v[0]):
        voted = sorted(of_row, key=lambda v: v[6])
        mass = sum(v[5] for v in voted)
        edge = sum(v[5] * v[1] * v[3] for v in voted)
        score = sum(v[5] * v[1] * v[2] for v in voted)
        if edge == 0 or edge * score < 0:
            cancelled += 1
            continue
        side = 1 if edge > 0 else -1
        best = max((v for v in voted if v[1] == side), key=lambda v: v[5] * v[3])
        expected.append((row, side, score / mass, abs(edge) / mass, best[4]))
    answers = net(engines, by_name)
    got = [
        row
        for votes in answers
        for row in zip(
            *(c.tolist() for c in (votes.row, votes.side, votes.score, votes.edge_bps, votes.horizon_ns)),
            strict=True,
        )
    ]
    assert got == [pytest.approx(row) for row in expected]
    assert sum(votes.abstained.get("conflict_cancels", 0) for votes in answers) == cancelled


def test_p_is_of_the_chosen_side() -> None:
    votes = votes_of("e", [(0, 1, 0.0, 1.0, 1), (1, -1, math.log(3), 1.0, 1), (2, -1, 900.0, 1.0, 1)])
    assert votes.p.tolist() == pytest.approx([0.5, 0.75, 1.0])
