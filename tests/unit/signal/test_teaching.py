"""Teaching: calibrations learn from every vote, everything else from those that count, the same in any order."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aurora.signal import OpenVote, ResolvedVote, SignalSettings, Teaching
from aurora.signal.error_correlation import ErrorCorrelation, signed_error
from aurora.signal.teaching import CONSENSUS

KEY, OTHER = "binance_usdm:ETHUSDT", "binance_usdm:DOGEUSDT"
STEP = 50_000_000
HORIZON = 4


def resolved(n: int, engine: str = "one", instrument: str = KEY, at: int | None = None) -> ResolvedVote:
    place = n if at is None else at
    vote = OpenVote(
        trace=(n * 7_919) % 100_003,
        engine=engine,
        instrument=instrument,
        regime="trend",
        decided_ns=place * STEP,
        due_ns=(place + HORIZON) * STEP,
        side=1,
        score=1.0 + n % 9,
        p=0.6,
        mid=100.0,
    )
    return ResolvedVote(vote, n % 3 > 0, 2.0 if n % 3 > 0 else -2.0)


def settings() -> SignalSettings:
    return SignalSettings(min_outcomes=10, method="platt")


def test_every_vote_is_calibrated_on_and_one_of_a_horizon_counts_for_the_rest() -> None:
    subject = Teaching(settings(), ["one"])
    votes = [resolved(n) for n in range(200)]
    subject.take(votes, 1.0)
    lessons, _ = subject.refit(10**12)
    counted = subject.record("one", "trend")[0]
    # Four are open at once: every fourth counts, but for the first horizon, which tells how many there are.
    assert counted == pytest.approx(200 / HORIZON, abs=1)
    assert len(lessons) == counted
    assert subject.record("one", "trend")[1] < counted
    assert subject.findings() == {"one": counted, f"one {KEY}": counted}
    state = subject.state()
    assert [len(part["scores"]) for *_, part in state["calibrations"]] == [200, 200], "own and pool"
    assert {name: part["outcomes"] for name, part in state["reliabilities"].items()} == {"one": counted}


def test_instruments_count_by_themselves_and_the_pool_holds_both() -> None:
    subject = Teaching(settings(), ["one"])
    subject.take([resolved(n) for n in range(80)], 1.0)
    subject.take([resolved(n, instrument=OTHER, at=10 * n) for n in range(8)], 1.0)
    subject.refit(10**12)
    own, apart = subject.findings()[f"one {KEY}"], 8
    assert own == pytest.approx(80 / HORIZON, abs=1)
    assert subject.findings()["one"] == own + apart
    # Eight are too few for a fit of their own; the pool's serves.
    assert subject.calibration("one", OTHER).fitted_on == own + apart
    assert subject.calibration("one", KEY).fitted_on == own


def test_errors_of_one_instant_are_compared_and_of_no_two() -> None:
    subject = Teaching(settings(), ["one", "two"])
    pairs = [(resolved(n), resolved(n + n % 2, "two", at=n)) for n in range(60)]
    subject.take([vote for pair in pairs for vote in pair], 1.0)
    subject.refit(10**12)
    expected = ErrorCorrelation(["one", "two"], settings().consensus)
    for pair in pairs:
        expected.learn({one.vote.engine: signed_error(1, 0.6, bool(one.right)) for one in pair})
    assert subject.state()["correlation"] == expected.state()
    assert 0 < expected.matrix()[0][1] < 1


def test_any_order_of_a_span_teaches_the_same() -> None:
    draw = np.random.default_rng(2)
    votes = [resolved(n) for n in range(300)]
    states = []
    for _ in range(3):
        subject = Teaching(settings(), ["one"])
        for part in (votes[:130], votes[130:]):
            mixed = list(part)
            draw.shuffle(mixed)  # type: ignore[arg-type]
            subject.take(mixed, 1.0)
            subject.refit(part[-1].vote.due_ns)
        states.append(json.dumps(subject.state()))
    assert len(set(states)) == 1


def test_the_monitor_takes_all_it_is_given() -> None:
    subject = Teaching(settings(), ["one"])
    subject.take([resolved(n, engine=CONSENSUS) for n in range(50)], 1.0)
    subject.refit(10**12)
    assert subject.monitor_report().n == 50
