"""The signal room: votes become signals, every vote is resolved at its horizon, calibration knows only the past."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from aurora.messages import Outcome, Signal, Votes
from aurora.signal import PlattCalibrator, SampleRows, SignalRoom, SignalSettings

KEY = "binance_usdm:ETHUSDT"
STEP = 50_000_000
START = 1_700_000_000_000_000_000 // STEP * STEP


def rows(mid: np.ndarray, first: int = 0) -> SampleRows:
    n = len(mid)
    quanta = np.arange(first, first + n)
    return SampleRows(
        START + STEP * quanta,
        mid,
        1_000 + quanta,
        1_010 + quanta,
        5 + quanta,
        7 + quanta,
        quanta.astype(np.uint64) + np.uint64(2**63),
    )


def votes(
    sample: SampleRows, at: list[int], sides: list[int], scores: list[float], horizon: int, **changed: Any
) -> Votes:
    made = Votes(
        engine="lead_lag",
        instrument=KEY,
        row=np.array(at, np.int64),
        local_ns=sample.local_ns[at],
        side=np.array(sides, np.int8),
        score=np.array(scores, float),
        edge_bps=np.arange(len(at)) + 0.5,
        horizon_ns=np.full(len(at), horizon * STEP),
        abstained={},
    )
    return replace(made, **changed)


def room(minimum: int = 4, maximum: int = 1000, seed: int = 3) -> SignalRoom:
    return SignalRoom(SignalSettings(min_outcomes=minimum, max_outcomes=maximum), seed)


def test_a_vote_becomes_a_signal_with_its_row() -> None:
    sample = rows(np.array([100.0, 101.0, 102.0, 103.0]))
    signals = room().signals(votes(sample, [1, 3], [1, -1], [0.7, -0.2], 4), sample)
    text = f"3|lead_lag|{KEY}|{START + STEP}|1"
    assert signals[0] == Signal(
        trace=int(hashlib.sha256(text.encode()).hexdigest()[:16], 16),
        instrument=KEY,
        local_ns=START + STEP,
        engine="lead_lag",
        side=1,
        score=0.7,
        p=None,
        consensus=0.0,
        gross_edge_bps=0.5,
        horizon_ns=4 * STEP,
        feature_hash=2**63 + 1,
        bid=1_001,
        ask=1_011,
        bid_size=6,
        ask_size=8,
    )
    assert (signals[1].side, signals[1].gross_edge_bps, signals[1].feature_hash) == (-1, 1.5, 2**63 + 3)
    # Plain Python numbers: they are hashed and stored.
    assert {
        type(getattr(signals[0], name)) for name in ("trace", "side", "local_ns", "bid", "horizon_ns")
    } == {int}


def test_traces_are_functions_of_the_decision_alone() -> None:
    sample = rows(np.array([100.0, 101.0]))
    base = votes(sample, [0], [1], [0.5], 2)

    def trace(vote: Votes, seed: int = 3) -> int:
        return room(seed=seed).signals(vote, sample)[0].trace

    assert trace(base) == trace(replace(base, score=np.array([9.0]), edge_bps=np.array([9.0])))
    others = [
        trace(base, seed=4),
        trace(replace(base, engine="other")),
        trace(replace(base, instrument="binance_usdm:BTCUSDT")),
        trace(replace(base, side=np.array([-1], np.int8))),
        trace(votes(sample, [1], [1], [0.5], 2)),
    ]
    assert len({trace(base), *others}) == 6


def test_outcomes_at_the_horizon() -> None:
    mid = np.array([100.0, 101.0, math.nan, 99.0, 100.0, 100.0])
    sample = rows(mid)
    subject = room()
    signals = subject.signals(votes(sample, [0, 1, 3, 4], [1, 1, -1, 1], [1.0] * 4, 1), sample)
    outcomes = subject.resolve(KEY, sample.local_ns, sample.mid)
    assert [o.trace for o in outcomes] == [s.trace for s in signals]
    assert [o.due_ns for o in outcomes] == [s.local_ns + STEP for s in signals]
    expected = [math.log(101 / 100) * 1e4, None, math.log(100 / 99) * 1e4, 0.0]
    assert [o.return_bps for o in outcomes] == [None if e is None else pytest.approx(e) for e in expected]
    assert [o.side for o in outcomes] == [1, 1, -1, 1]
    assert subject.resolve(KEY, sample.local_ns, sample.mid) == [], "once is enough"


def test_votes_wait_for_their_row_and_a_missing_row_gives_no_return() -> None:
    sample = rows(np.array([100.0, 101.0, 102.0]))
    subject = room()
    subject.signals(votes(sample, [0, 1, 2], [1, 1, 1], [1.0] * 3, 3), sample)
    assert subject.resolve(KEY, sample.local_ns, sample.mid) == []
    assert subject.resolve("binance_usdm:BTCUSDT", START + STEP * np.arange(99), np.full(99, 1.0)) == []
    hole = rows(np.array([103.0, 105.0, 106.0]), first=3)
    hole = replace(hole, local_ns=hole.local_ns + np.array([0, STEP, STEP]))  # Rows 3, 5, 6: 4 is missing.
    outcomes = subject.resolve(KEY, hole.local_ns, hole.mid)
    assert [o.return_bps for o in outcomes] == [
        pytest.approx(math.log(103 / 100) * 1e4),
        None,
        pytest.approx(math.log(105 / 102) * 1e4),
    ]


# --- Calibration ------------------------------------------------------------------------------------------------


def fitted(scores: list[float], right: list[bool]) -> tuple[float, float]:
    """Platt's smoothed maximum likelihood by a general optimiser."""
    s, y = np.array(scores), np.array(right)
    target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))

    def loss(parameters: np.ndarray) -> float:
        logit = parameters[0] * s + parameters[1]
        return float((np.logaddexp(0, logit) - (1 - target) * logit).sum())

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9})
    return float(best.x[0]), float(best.x[1])


class Walk:
    """A market of random mids with votes that are right more often when their score is high."""

    def __init__(self, seed: int, n: int = 600, horizon: int = 5):
        draw = np.random.default_rng(seed)
        self.n, self.horizon = n, horizon
        self.mid = 100 * np.exp(np.cumsum(draw.normal(0, 1e-4, n)))
        self.mid[draw.random(n) < 0.03] = math.nan
        ahead = np.roll(self.mid, -horizon) / self.mid - 1
        guess = np.nan_to_num(ahead) * 1e4 + draw.normal(0, 2, n)
        self.at = [int(i) for i in np.flatnonzero(draw.random(n) < 0.4) if not math.isnan(self.mid[i])]
        self.side = {i: 1 if guess[i] > 0 else -1 for i in self.at}
        self.score = {i: float(guess[i]) for i in self.at}

    def run(
        self, subject: SignalRoom, cuts: list[int], refits: set[int]
    ) -> tuple[list[Signal], list[Outcome]]:
        """Row spans between cuts; a refit right after the span that ends at its row."""
        signals, outcomes = [], []
        for begin, end in zip([0, *cuts], [*cuts, self.n], strict=True):
            sample = rows(self.mid[begin:end], first=begin)
            here = [i for i in self.at if begin <= i < end]
            made = votes(
                sample,
                [i - begin for i in here],
                [self.side[i] for i in here],
                [self.score[i] for i in here],
                self.horizon,
                edge_bps=np.full(len(here), 4.0),
            )
            signals += subject.signals(made, sample)
            outcomes += subject.resolve(KEY, sample.local_ns, sample.mid)
            if end in refits:
                subject.refit()
        return signals, outcomes

    def outcomes_known(self, row: int) -> tuple[list[float], list[bool]]:
        """Scores towards the side, and whether right, of votes due before row `row`."""
        known = [i for i in self.at if i + self.horizon < row and not math.isnan(self.mid[i + self.horizon])]
        right = [(self.mid[i + self.horizon] - self.mid[i]) * self.side[i] > 0 for i in known]
        return [self.score[i] * self.side[i] for i in known], [bool(r) for r in right]


REFITS = [100, 250, 400, 500]


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_come_from_outcomes_due_before_the_refit(seed: int) -> None:
    walk = Walk(seed)
    signals, _ = walk.run(room(minimum=30), REFITS, set(REFITS))
    by_row = {(s.local_ns - START) // STEP: s for s in signals}
    assert sorted(by_row) == walk.at
    checked = 0
    for row, signal in by_row.items():
        refits = [r for r in REFITS if r <= row]
        scores, right = walk.outcomes_known(refits[-1]) if refits else ([], [])
        if len(scores) < 30:
            assert signal.p is None
            assert signal.consensus == 0.0
            continue
        a, b = fitted(scores, right)
        if a > 0:
            assert signal.p is None, "a probability that falls with the score is none"
            continue
        towards = signal.score * signal.side
        assert signal.p == pytest.approx(1 / (1 + math.exp(a * towards + b)), abs=1e-5)
        assert signal.consensus == pytest.approx((2 * signal.p - 1) * signal.side)
        checked += 1
    assert checked > 100


def test_what_happens_after_a_refit_changes_no_probability_before_the_next() -> None:
    walk, other = Walk(1), Walk(1)
    other.mid[400:] = 100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 1e-3, 200)))
    here, there = (w.run(room(minimum=30), REFITS, set(REFITS))[0] for w in (walk, other))
    until = START + 500 * STEP
    assert [s for s in here if s.local_ns < until] == [s for s in there if s.local_ns < until]
    assert [s.p for s in here if s.local_ns >= until] != [s.p for s in there if s.local_ns >= until]


def test_cuts_and_restored_states_change_nothing() -> None:
    walk = Walk(2)
    whole = walk.run(room(minimum=30), REFITS, set(REFITS))
    cuts = sorted({*REFITS, *np.random.default_rng(0).integers(1, walk.n, 40).tolist()})
    assert walk.run(room(minimum=30), cuts, set(REFITS)) == whole

    class Forgetful(SignalRoom):
        """Restored from its state, through JSON, before every call."""

        def resolve(self, *arguments: Any) -> list[Outcome]:
            state = json.loads(json.dumps(self.state()))
            self.__init__(self.settings, self.seed)  # type: ignore[misc]
            self.load(state)
            assert json.loads(json.dumps(self.state())) == state
            return super().resolve(*arguments)

    forgetful = Forgetful(SignalSettings(min_outcomes=30, max_outcomes=1000), 3)
    assert walk.run(forgetful, cuts, set(REFITS)) == whole


def test_calibrations_are_apart_by_engine_and_instrument() -> None:
    subject = room(minimum=4)
    sample = rows(np.array([100.0, 101.0] * 10))
    good = votes(sample, list(range(18)), [1, -1] * 9, [0.5, -0.6, 0.1, -0.9, -1.0, 0.8] * 3, 1)
    subject.signals(good, sample)
    subject.resolve(KEY, sample.local_ns, sample.mid)
    subject.refit()
    # Every vote of an even row was up and right, of an odd row down and right: one kind of outcome only, no fit.
    assert subject.signals(good, sample)[0].p is None
    assert dict(subject.findings()) == {f"lead_lag {KEY}": 0}


@pytest.fixture
def taught() -> Callable[..., PlattCalibrator]:
    def make(scores: list[float], right: list[bool], minimum: int = 4, maximum: int = 100) -> PlattCalibrator:
        calibrator = PlattCalibrator(minimum, maximum)
        for score, outcome in zip(scores, right, strict=True):
            calibrator.learn(score, outcome)
        calibrator.refit()
        return calibrator

    return make


def test_a_score_that_falls_with_being_right_is_refused(taught: Callable[..., PlattCalibrator]) -> None:
    scores = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert taught(scores, [True, True, False, False, False]).probability(np.array([1.0])) is None
    rising = taught(scores, [False, False, True, True, True]).probability(np.array([-1.0, 1.0]))
    assert rising is not None
    assert rising[0] < 0.5 < rising[1]


def test_too_few_outcomes_or_one_kind_give_no_fit(taught: Callable[..., PlattCalibrator]) -> None:
    at = np.array([0.0])
    assert taught([0.0, 1.0, 2.0], [False, True, True]).probability(at) is None
    assert taught([0.0, 1.0, 2.0, 3.0], [True] * 4).probability(at) is None
    assert taught([0.0, 1.0, 2.0, 3.0], [False] * 4).probability(at) is None
    assert taught([0.0, 1.0, 2.0, 3.0], [False, True, False, True]).probability(at) is not None


def test_only_the_latest_outcomes_count(taught: Callable[..., PlattCalibrator]) -> None:
    draw = np.random.default_rng(4)
    old_scores, old = draw.normal(size=500).tolist(), (draw.random(500) < 0.5).tolist()
    scores = draw.normal(size=40).tolist()
    right = [bool(s + draw.normal() > 0) for s in scores]
    latest = taught([*old_scores, *scores], [*old, *right], maximum=40)
    alone = taught(scores, right, maximum=40)
    at = np.array([-1.0, 0.3, 2.0])
    assert latest.fitted_on == alone.fitted_on == 40
    assert latest.probability(at).tolist() == alone.probability(at).tolist()  # type: ignore[union-attr]


def test_a_mid_that_stood_still_makes_a_vote_wrong() -> None:
    still = rows(np.full(40, 100.0))
    moved = rows(np.array([100.0, 100.1] * 20))
    subject = room(minimum=10)
    subject.signals(votes(still, list(range(30)), [1] * 30, [-1.0] * 30, 1), still)
    subject.resolve(KEY, still.local_ns, still.mid)
    up = list(range(0, 30, 2))
    subject.signals(votes(moved, up, [1] * 15, [1.0] * 15, 1), moved)
    subject.resolve(KEY, moved.local_ns, moved.mid)
    subject.refit()
    after = subject.signals(votes(moved, [0, 1], [1, 1], [-1.0, 1.0], 1), moved)
    # 30 wrong votes of score -1 and 15 right ones of score +1, Platt's targets 1/32 and 16/17.
    assert after[0].p == pytest.approx(1 / 32, abs=1e-6)
    assert after[1].p == pytest.approx(16 / 17, abs=1e-6)
