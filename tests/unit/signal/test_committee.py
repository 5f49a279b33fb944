"""The committee: votes become one signal an instant, every vote is resolved, beliefs know only the past."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.messages import Outcome, Signal, Votes
from aurora.signal import (
    Circumstances,
    Committee,
    ConsensusGate,
    ConsensusSettings,
    Opinion,
    SampleRows,
    SignalSettings,
    Thinning,
)

KEY = "binance_usdm:ETHUSDT"
STEP = 50_000_000
SECOND = 10**9
START = 1_700_000_000 * SECOND
QUICK: dict[str, Any] = {
    "min_outcomes": 20,
    "method": "platt",
    "refit_s": 1.0,
    "consensus": {"warm_up": 5, "window": 50},
    "monitor_s": 5.0,
    "unproven_outcomes": 30,
}


def sample(mid: np.ndarray, first: int = 0) -> SampleRows:
    quanta = np.arange(first, first + len(mid))
    return SampleRows(
        START + STEP * quanta,
        mid,
        1_000 + quanta,
        1_010 + quanta,
        5 + quanta,
        7 + quanta,
        quanta.astype(np.uint64) + np.uint64(2**63),
        100 + quanta,
        200 + quanta,
    )


def votes(
    rows: SampleRows,
    at: Sequence[int],
    sides: Sequence[int],
    edges: Sequence[float],
    horizon: int = 2,
    engine: str = "lead_lag",
) -> Votes:
    at = list(at)
    side = np.array(sides, np.int8)
    return Votes(
        engine=engine,
        instrument=KEY,
        row=np.array(at, np.int64),
        local_ns=rows.local_ns[at],
        side=side,
        score=np.array(edges, float) * side / 10.0,
        edge_bps=np.array(edges, float),
        horizon_ns=np.full(len(at), horizon * STEP),
        abstained={},
    )


def committee(engines: Sequence[str] = ("lead_lag",), seed: int = 3, **told: Any) -> Committee:
    return Committee(SignalSettings.model_validate({**QUICK, **told}), engines, seed)


class Market:
    """A mid whose next two steps an engine foretells, the surer the larger its edge."""

    def __init__(self, seed: int, steps: int = 1_200, engines: int = 1):
        draw = np.random.default_rng(seed)
        moves = draw.choice([-1.0, 1.0], steps)
        self.mid = 1000.0 + np.cumsum(moves) * 0.1
        self.mid = self.mid.astype(np.float64)
        self.rows = sample(self.mid)
        ahead = np.sign(np.append(self.mid[2:], [np.nan, np.nan]) - self.mid)
        self.cast = []
        for n in range(engines):
            at = np.flatnonzero((draw.random(steps) < 0.6) & ~np.isnan(ahead) & (ahead != 0))
            edge = draw.uniform(0.5, 20.0, len(at))
            right = draw.random(len(at)) < 0.4 + 0.55 * edge / 20.0
            side = np.where(right, ahead[at], -ahead[at]).astype(int)
            self.cast.append(
                votes(self.rows, at.tolist(), side.tolist(), edge.tolist(), engine=f"engine_{n}")
            )

    def drive(self, subject: Committee, cuts: Sequence[int] = ()) -> tuple[list[Signal], list[Outcome]]:
        """As the stage does it: spans end at cuts and at refit instants, rows up to each included."""
        signals: list[Signal] = []
        outcomes: list[Outcome] = []
        every = round(subject.settings.refit_s * 1e9)
        last = int(self.rows.local_ns[-1])
        instants = {START + STEP * cut for cut in cuts} | set(range(START, last + 1, every)) | {last}
        before = START - 1
        for until in sorted(instants):
            span = slice(*np.searchsorted(self.rows.local_ns, (before, until), side="right").tolist())
            parts = []
            for cast in self.cast:
                chosen = (cast.local_ns > before) & (cast.local_ns <= until)
                parts.append(
                    replace(
                        cast,
                        **{
                            name: getattr(cast, name)[chosen]
                            for name in ("row", "local_ns", "side", "score", "edge_bps", "horizon_ns")
                        },
                    )
                )
            signals += subject.signals(parts, self.rows, Circumstances(cost_bps=1.0))
            outcomes += subject.resolve(KEY, self.rows.local_ns[span], self.mid[span])
            if until % every == 0:
                subject.refit(until)
            before = until
        return signals, outcomes


def test_where_nothing_adds_the_approved_vote_leads() -> None:
    rows = sample(np.array([100.0, 101.0, 102.0, 103.0]))
    names = ("a", "b", "c")
    cast = [
        votes(rows, [1], [side], [5.0], engine=name) for name, side in zip(names, (1, -1, 1), strict=True)
    ]

    def leader(approved: dict[str, bool], **told: Any) -> tuple[str, int]:
        (signal,) = committee(names, **told).signals(cast, rows, Circumstances(approved=approved))
        return signal.engine, signal.side

    assert leader({}) == ("a", 1), "of equals the first"
    assert leader({"a": False}) == ("b", -1)
    assert leader({"a": False, "b": False}) == ("c", 1)
    assert leader({"a": False, "b": False, "c": False}) == ("a", 1)
    assert leader({"a": False, "b": False}, require_approval=False) == ("a", 1)


def test_a_vote_becomes_a_signal_with_its_row() -> None:
    rows = sample(np.array([100.0, 101.0, 102.0, 103.0]))
    signals = committee().signals([votes(rows, [1, 3], [1, -1], [7.0, 2.0], 4)], rows)
    text = f"3|lead_lag|{KEY}|{START + STEP}|1"
    first, second = signals
    assert first.trace == int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    assert (first.instrument, first.local_ns, first.engine, first.side) == (KEY, START + STEP, "lead_lag", 1)
    assert (first.score, first.p, first.consensus, first.gross_edge_bps) == (0.7, None, 0.0, 7.0)
    assert (first.horizon_ns, first.feature_hash) == (4 * STEP, 2**63 + 1)
    assert (first.bid, first.ask, first.bid_size, first.ask_size) == (1_001, 1_011, 6, 8)
    assert (first.depth, second.depth) == (201, 103), "the side that taking takes"
    assert first.refusal == "deny.no_calibration"
    assert (first.voices[0].engine, first.voices[0].edge_bps, first.voices[0].weight) == (
        "lead_lag",
        7.0,
        0.0,
    )
    # Plain Python numbers: they are hashed and stored.
    assert {type(getattr(first, name)) for name in ("trace", "side", "local_ns", "bid", "depth")} == {int}


def test_outcomes_at_the_horizon() -> None:
    mid = np.array([100.0, 101.0, math.nan, 99.0, 100.0, 100.0])
    rows = sample(mid)
    subject = committee()
    signals = subject.signals([votes(rows, [0, 1, 3, 4], [1, 1, -1, 1], [1.0] * 4, 1)], rows)
    outcomes = subject.resolve(KEY, rows.local_ns, rows.mid)
    assert [outcome.trace for outcome in outcomes] == [signal.trace for signal in signals]
    assert [outcome.return_bps for outcome in outcomes] == [
        pytest.approx(math.log(101 / 100) * 1e4),
        None,
        pytest.approx(math.log(100 / 99) * 1e4),
        0.0,
    ]


def reasons(signals: Sequence[Signal]) -> set[str | None]:
    return {signal.refusal for signal in signals}


def test_an_engine_with_skill_gets_through_every_gate_in_turn() -> None:
    signals, _ = Market(1).drive(committee(["engine_0"]))
    order = [signal.refusal for signal in signals]
    seen = list(dict.fromkeys(order))
    assert seen[0] == "deny.no_calibration"
    assert {"deny.no_skill", "deny.warming_up", "deny.consensus", None} <= set(seen)
    passed = [signal for signal in signals if signal.refusal is None]
    assert len(passed) > 50
    for signal in passed:
        assert signal.p is not None
        assert signal.threshold is not None
        assert abs(signal.consensus) > signal.threshold
        assert signal.side == np.sign(signal.consensus)
        assert signal.voices[0].debate is not None
        assert signal.arguments, "the debate is recorded"


def test_the_monitor_looks_at_one_signal_of_a_horizon() -> None:
    subject = committee(["engine_0"], min_outcomes=5)
    with_p = [one for one in Market(3).drive(subject)[0] if one.p is not None]
    thinning = Thinning()
    counted = sum(thinning.take(one.local_ns, one.local_ns + one.horizon_ns)[0] for one in with_p)
    assert 0 < counted < 0.7 * len(with_p)
    assert subject.teaching.monitor_report().n == pytest.approx(counted, abs=2), "the last may be open still"


def test_a_coin_gets_no_further_than_its_lack_of_skill() -> None:
    market = Market(2)
    draw = np.random.default_rng(0)
    cast = market.cast[0]
    market.cast = [replace(cast, side=draw.choice([-1, 1], len(cast.side)).astype(np.int8))]
    signals, _ = market.drive(committee(["engine_0"]))
    traded = [signal for signal in signals if signal.refusal is None]
    assert len(traded) < 0.05 * len(signals)


def test_p_is_the_share_that_comes_true() -> None:
    signals, outcomes = Market(3, 6_000).drive(committee(["engine_0"]))
    moved = {outcome.trace: outcome.return_bps for outcome in outcomes}
    pairs = [
        (signal.p, signal.side * moved[signal.trace] > 0)
        for signal in signals
        if signal.p is not None and moved.get(signal.trace) is not None
    ]
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        part = [(p, right) for p, right in pairs if low < p <= high]
        assert len(part) > 200
        gap = np.mean([p for p, _ in part]) - np.mean([right for _, right in part])
        assert abs(gap) < 0.06, (low, high, gap)


def test_what_the_regime_does_not_approve_has_no_say_and_is_resolved_all_the_same() -> None:
    rows = sample(np.linspace(100, 101, 10))
    subject = committee(["one", "two"])
    cast = [votes(rows, [1], [1], [3.0], engine="one"), votes(rows, [1], [-1], [9.0], engine="two")]
    signals = subject.signals(cast, rows, Circumstances("panic", {"one": False, "two": False}))
    assert reasons(signals) == {"deny.not_approved"}
    assert [voice.approved for voice in signals[0].voices] == [False, False]
    assert len(subject.resolve(KEY, rows.local_ns, rows.mid)) == 2
    (half,) = subject.signals(
        [replace(one, row=one.row + 4, local_ns=one.local_ns + 4 * STEP) for one in cast],
        rows,
        Circumstances("trend", {"one": True, "two": False}),
    )
    assert half.engine == "one", "the approved vote leads, however small"


def test_an_instant_is_approved_when_one_of_its_votes_is() -> None:
    rows = sample(np.linspace(100, 101, 10))
    gates = {"require_calibration": False, "require_consensus": False}
    subject = committee(["one", "two"], **gates)
    cast = [
        votes(rows, [1, 3], [1, 1], [3.0, 3.0], engine="one"),
        votes(rows, [1, 5], [1, 1], [9.0, 9.0], engine="two"),
    ]
    signals = subject.signals(cast, rows, Circumstances("trend", {"one": True, "two": False}))
    assert [signal.refusal for signal in signals] == [None, None, "deny.not_approved"]


def test_a_wild_market_and_a_lost_book_are_reasons() -> None:
    mid = np.array([100.0, 101.0, math.nan, 99.0])
    rows = sample(mid)
    told = {"require_calibration": False, "require_consensus": False}
    subject = committee(**told)
    signals = subject.signals(
        [votes(rows, [1, 2], [1, 1], [3.0, 3.0], 1)], rows, Circumstances(volatile=True)
    )
    assert [signal.refusal for signal in signals] == ["deny.volatility_gate", "deny.stale_book"]
    assert len(subject.resolve(KEY, rows.local_ns, rows.mid)) == 1, "without a mid nothing can be resolved"


def test_votes_of_several_engines_make_one_signal() -> None:
    market = Market(5, engines=3)
    signals, outcomes = market.drive(committee([f"engine_{n}" for n in range(3)]))
    instants = {signal.local_ns for signal in signals}
    assert len(instants) == len(signals), "one signal an instant"
    assert len({(outcome.trace, outcome.engine) for outcome in outcomes}) == len(outcomes)
    assert len(outcomes) > len(signals), "every vote is resolved"
    for signal in signals:
        weighed = [voice for voice in signal.voices if voice.weight > 0 and voice.p is not None]
        if not weighed:
            continue
        score = math.fsum(v.weight * (2 * max(v.p or 0.5, 0.5) - 1) * v.side for v in weighed)
        held = math.fsum(v.weight for v in signal.voices)
        assert signal.consensus == pytest.approx(score, abs=1e-12)
        if len(signal.voices) > 1:
            assert signal.p == pytest.approx((1 + abs(score) / held) / 2, abs=1e-12)
        else:
            assert signal.p == signal.voices[0].p
    both = [s for s in signals if len({v.side for v in s.voices}) == 2 and s.refusal is None]
    assert both, "engines disagree now and then"
    for signal in both:
        edges = [voice.edge_bps for voice in signal.voices if voice.engine == signal.engine]
        assert signal.gross_edge_bps <= edges[0], "disagreement never enlarges an edge"


def test_leader_and_edge_from_the_voices_alone() -> None:
    market = Market(5, 1_600, engines=3)
    # The first votes so seldom that it is calibrated late.
    seldom = market.cast[0]
    kept = np.arange(len(seldom.row)) % 30 == 0
    names = ("row", "local_ns", "side", "score", "edge_bps", "horizon_ns")
    market.cast[0] = replace(seldom, **{name: getattr(seldom, name)[kept] for name in names})
    signals, _ = market.drive(committee([f"engine_{n}" for n in range(3)]))
    led_by_weight = led_by_conviction = shrunk = 0
    for signal in signals:
        voices = signal.voices
        convictions = [0.0 if v.p is None else 2 * max(v.p, 0.5) - 1 for v in voices]
        held = math.fsum(v.weight for v in voices)
        score = math.fsum(v.weight * c * v.side for v, c in zip(voices, convictions, strict=True))
        adds = [v.weight * c if v.side * score > 0 else 0.0 for v, c in zip(voices, convictions, strict=True)]
        by = adds if max(adds) > 0 else convictions
        leader = by.index(max(by))
        voice, conviction = voices[leader], convictions[leader]
        assert (signal.engine, signal.side) == (voice.engine, voice.side)
        edge = voice.edge_bps
        if held > 0 and len(voices) > 1:
            agreed = abs(score) / held
            edge *= min(1.0, agreed / conviction) if conviction > 0 else 0.0
            shrunk += 0 < agreed < conviction
        assert signal.gross_edge_bps == pytest.approx(edge, rel=1e-9, abs=1e-12)
        led_by_weight += max(adds) > 0 and leader > 0
        led_by_conviction += max(adds) == 0 and leader > 0 and voices[0].p is None
    assert led_by_conviction > 0, "before the first is calibrated"
    assert min(led_by_weight, shrunk) > 100


def test_the_debate_is_about_the_record_in_this_regime() -> None:
    market = Market(1)
    subject = committee(["engine_0"], require_calibration=False, require_consensus=False)
    market.drive(subject)
    last = len(market.mid) - 1
    cast = votes(market.rows, [last], [1], [10.0], engine="engine_0")

    def told(regime: str) -> tuple[float | None, set[str]]:
        (signal,) = subject.signals([cast], market.rows, Circumstances(regime))
        return signal.voices[0].debate, {argument.rule for argument in signal.arguments}

    here, elsewhere = told(Circumstances().regime), told("a regime without a vote")
    outcomes, right = subject.teaching.record("engine_0", Circumstances().regime)
    assert outcomes > 100
    assert right / outcomes > 0.6, "above what scores 1"
    assert subject.teaching.record("engine_0", "a regime without a vote") == (0, 0)
    # A record of more than 60 % scores 1 for the regime; without one, (1/2 - 0.45) / (0.6 - 0.45) = 1/3 (a quarter of
    # the weight).
    assert here[0] is not None
    assert elsewhere[0] is not None
    assert here[0] - elsewhere[0] == pytest.approx(0.25 * (1 - 1 / 3), rel=1e-9)
    assert here[1] != elsewhere[1]


def test_lessons_are_what_the_leaderboard_wants() -> None:
    rows = sample(np.array([100.0, 101.0, 102.0, 99.0, 100.0, 100.0]))
    subject = committee(["one", "two"])
    cast = [votes(rows, [0], [1], [1.0], 1, "one"), votes(rows, [0], [-1], [1.0], 3, "two")]
    subject.signals(cast, rows, Circumstances("range", cost_bps=4.0))
    subject.resolve(KEY, rows.local_ns, rows.mid)
    again = committee(["one", "two"])
    again.load(json.loads(json.dumps(subject.state())))
    assert again.state() == subject.state(), "with what was resolved and not yet taught"
    lessons, _ = subject.refit(START + 5 * STEP)
    assert again.refit(START + 5 * STEP)[0] == lessons
    assert again.state() == subject.state()
    assert [(one.due_ns, one.engine, one.regime) for one in lessons] == [
        (START + STEP, "one", "range"),
        (START + 3 * STEP, "two", "range"),
    ]
    earned = [math.log(101 / 100) * 1e4 - 4, -math.log(99 / 100) * 1e4 - 4]
    assert [one.net_bps for one in lessons] == pytest.approx(earned, rel=1e-12)
    assert subject.refit(START + 6 * STEP)[0] == [], "each is taught once"
    assert subject.teaching.record("one", "range") == (1, 1)
    assert subject.teaching.drawdown_bps("one") == 0.0


@given(st.lists(st.integers(0, 399), max_size=30), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_cuts_of_time_change_nothing(cuts: list[int], seed: int) -> None:
    market = Market(seed, 400, engines=2)
    names = ["engine_0", "engine_1"]
    whole, cut = committee(names), committee(names)
    signals, outcomes = market.drive(whole)
    again, others = market.drive(cut, cuts)
    assert again == signals
    assert sorted(others, key=lambda o: (o.due_ns, o.trace, o.engine)) == sorted(
        outcomes, key=lambda o: (o.due_ns, o.trace, o.engine)
    )
    for subject in (whole, cut):
        subject.refit(START + 400 * STEP)
    assert cut.state() == whole.state()


def test_the_state_is_all_of_it() -> None:
    market = Market(7, 800, engines=2)
    names = ["engine_0", "engine_1"]
    oracle = committee(names)
    signals, _ = market.drive(oracle)

    class Forgetful(Committee):
        """Goes through JSON after every refit."""

        def refit(self, now_ns: int) -> Any:
            answer = super().refit(now_ns)
            state = json.loads(json.dumps(self.state()))
            fresh = Committee(self.settings, names, self.seed)
            fresh.load(state)
            self.__dict__.update(fresh.__dict__)
            return answer

    subject = Forgetful(oracle.settings, names, 3)
    again, _ = market.drive(subject)
    assert again == signals
    assert subject.state() == oracle.state()


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=120), st.lists(st.integers(0, 120), max_size=6))
@settings(max_examples=60, deadline=None)
def test_many_instants_are_judged_as_one_by_one(scores: list[float], cuts: list[int]) -> None:
    told = ConsensusSettings(warm_up=4, window=20)
    one, many = ConsensusGate(told), ConsensusGate(told)
    singly = []
    for score in scores:
        p = (1 + abs(score)) / 2
        singly.append(one.judge({"a": Opinion(1 if score > 0 else -1, p)}, {"a": 1.0}))
    edges = sorted({0, len(scores), *(cut for cut in cuts if cut < len(scores))})
    together = [many.judge_many(np.array(scores[a:b])) for a, b in pairwise(edges)]
    deviation = np.concatenate([part.deviation for part in together])
    trade = np.concatenate([part.trade for part in together])
    for single, spread, trades in zip(singly, deviation, trade, strict=True):
        if single.verdict == "warming_up":
            assert math.isnan(spread)
            continue
        assert single.deviation == pytest.approx(spread, rel=1e-9, abs=1e-9)
        assert single.threshold is not None
        if abs(abs(single.score) - single.threshold) > 1e-7:
            assert bool(trades) == (single.verdict == "trade")
