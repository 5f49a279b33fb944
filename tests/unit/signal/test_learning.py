"""Learning: votes resolved at their horizon, bounds, regret, influence at its exact steps, weights by regime."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from river import bandit, stats

from aurora.errors import DataError, RecoveryError, UsageError
from aurora.signal import (
    Hedge,
    LearningSettings,
    OpenVote,
    OpenVotes,
    RegimeLearning,
    ResolvedVote,
    VolatilityGate,
    VolatilityGateSettings,
    blend,
    confidence_weights,
    influence,
    reward,
    upper_confidence,
)

MANY = settings(max_examples=150, deadline=None)

# --- Influence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "share"),
    [(0, 0.2), (9, 0.2), (10, 0.3), (29, 0.3), (30, 0.5), (99, 0.5), (100, 0.7), (10_000, 0.7)],
)
def test_influence_at_its_steps(outcomes: int, share: float) -> None:
    assert influence(outcomes) == share
    assert influence(outcomes, LearningSettings().influence) == share


def test_influence_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="outcomes is -1"):
        influence(-1)
    assert influence(5, ((0, 0.0), (5, 1.0))) == 1.0


def test_blend_by_hand() -> None:
    prior, learnt = {"a": 0.5, "b": 0.5, "c": 0.0}, {"a": 0.6, "b": 0.2, "c": 0.2}
    found = blend(prior, learnt, {"a": 0.2, "b": 0.2, "c": 0.7})
    assert found == pytest.approx({"a": 0.8 * 0.5 + 0.2 * 0.75, "b": 0.8 * 0.5 + 0.2 * 0.25, "c": 0.0})
    uneven = blend(prior, learnt, {"a": 0.0, "b": 1.0, "c": 0.0})
    assert uneven == pytest.approx({"a": 0.5 / 0.75, "b": 0.25 / 0.75, "c": 0.0})
    assert blend({"a": 0.0}, {"a": 1.0}, {"a": 0.5}) == {"a": 0.0}
    assert blend({}, {}, {}) == {}
    # Nothing learnt of those left in: the prior stays.
    assert blend({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 1.0}) == {"a": 1.0, "b": 0.0}
    # A prior all taken away falls back to itself.
    assert blend({"a": 0.5, "b": 0.5}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}) == pytest.approx(
        {"a": 0.0, "b": 1.0}
    )


@MANY
@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
)
def test_blended_weights_add_up(rows: list[tuple[float, float, float]]) -> None:
    whole = sum(p for p, _, _ in rows)
    if whole == 0:
        return
    prior, learnt, shares = (
        {str(i): column for i, column in enumerate(columns)} for columns in zip(*rows, strict=True)
    )
    prior = {name: p / whole for name, p in prior.items()}
    found = blend(prior, learnt, shares)
    assert math.fsum(found.values()) == pytest.approx(1.0, abs=1e-9)
    assert all(found[name] == 0 for name, p in prior.items() if p == 0)
    assert min(found.values()) >= 0


def test_blend_refuses_what_does_not_fit() -> None:
    good = {"a": 1.0}
    with pytest.raises(UsageError, match="learnt has no engine 'a'"):
        blend(good, {}, good)
    with pytest.raises(UsageError, match="shares has no engine 'a'"):
        blend(good, good, {})
    for bad in (math.nan, -0.1, 1.1):
        for place in range(3):
            given_weights = [good, good, good]
            given_weights[place] = {"a": bad}
            with pytest.raises(DataError, match=("prior", "learnt", "shares")[place]):
                blend(*given_weights)


# --- Upper confidence bound -----------------------------------------------------------------------------------------


@MANY
@given(
    pulls=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.25, 1.0])), min_size=6, max_size=40)
)
def test_bounds_as_river(pulls: list[tuple[int, float]]) -> None:
    library = bandit.UCB(delta=1, reward_obj=stats.Mean(), burn_in=0, seed=1)
    pulls = [(0, 0.5), (1, 0.5), (2, 0.5), *pulls]
    means, counts = [0.0] * 3, [0] * 3
    for arm, value in pulls:
        library.update(arm, value)
        counts[arm] += 1
        means[arm] += (value - means[arm]) / counts[arm]
    total = len(pulls)
    ours = [upper_confidence(means[arm], counts[arm], total) for arm in range(3)]
    assert library._n == total
    assert ours[library.pull(range(3))] == pytest.approx(max(ours), abs=1e-12)


def test_a_bound_at_its_edges() -> None:
    assert upper_confidence(0.3, 0, 10) == math.inf
    assert upper_confidence(0.3, 1, 1) == 0.3
    assert upper_confidence(0.3, 0.5, 0.5) == 0.3, "below one pull in all there is no bonus"
    assert upper_confidence(0.3, 2, 10, exploration=0.0) == 0.3
    assert upper_confidence(0.3, 2, 10, exploration=2.0) == pytest.approx(0.3 + 2 * math.sqrt(math.log(10)))
    for mean in (math.nan, -0.1, 1.1):
        with pytest.raises(DataError, match="mean"):
            upper_confidence(mean, 1, 2)
    for count, total in ((-1, 2), (3, 2), (math.nan, 2), (1, math.inf)):
        with pytest.raises(DataError):
            upper_confidence(0.5, count, total)


def test_weights_in_proportion_to_bounds() -> None:
    means, counts = {"a": 0.6, "b": 0.55, "c": 0.5}, {"a": 10, "b": 20, "c": 5}
    bounds = [1.443249, 1.146267, 1.692535]
    found = confidence_weights(means, counts)
    assert list(found.values()) == pytest.approx([b / sum(bounds) for b in bounds], abs=1e-6)
    plain = confidence_weights(means, counts, exploration=0.0)
    assert list(plain.values()) == pytest.approx([m / 1.65 for m in means.values()])
    # One never seen counts like the best of those seen; none seen, or all worthless: even.
    assert confidence_weights({"a": 0.6, "b": 0.1}, {"a": 3, "b": 0}, 0.0) == {"a": 0.5, "b": 0.5}
    assert confidence_weights({"a": 0.6, "b": 0.1}, {"a": 0, "b": 0}) == {"a": 0.5, "b": 0.5}
    assert confidence_weights({"a": 0.0, "b": 0.0}, {"a": 4, "b": 4}, 0.0) == {"a": 0.5, "b": 0.5}


# --- Hedge ----------------------------------------------------------------------------------------------------------


@MANY
@given(seed=st.integers(0, 9999), arms=st.integers(1, 6), rate=st.sampled_from([0.05, 0.5, 2.0]))
def test_hedge_is_the_softmax_of_gains_and_keeps_its_regret(seed: int, arms: int, rate: float) -> None:
    draw = np.random.default_rng(seed)
    rewards = draw.random((60, arms)) ** draw.uniform(0.3, 3, arms)
    names = [str(i) for i in range(arms)]
    subject, earned = Hedge(names, rate), 0.0
    for row in rewards:
        earned += sum(subject.weights[name] * r for name, r in zip(names, row, strict=True))
        subject.learn(dict(zip(names, row.tolist(), strict=True)))
        assert math.fsum(subject.weights.values()) == pytest.approx(1.0, abs=1e-12)
    gains = rewards.sum(axis=0)
    softmax = np.exp(rate * (gains - gains.max()))
    assert list(subject.weights.values()) == pytest.approx((softmax / softmax.sum()).tolist(), abs=1e-9)
    assert gains.max() - earned <= math.log(arms) / rate + rate * 60 / 8 + 1e-9


def test_sleepers_keep_their_weight() -> None:
    subject = Hedge(["a", "b", "c"], 1.0)
    assert subject.weights == dict.fromkeys("abc", 1 / 3)
    subject.learn({"a": 1.0, "b": 0.0})
    e = math.e
    assert subject.weights == pytest.approx(
        {"a": 2 / 3 * e / (e + 1), "b": 2 / 3 / (e + 1), "c": 1 / 3}, abs=1e-12
    )
    before = dict(subject.weights)
    subject.learn({})
    subject.learn({"b": 0.9})
    assert subject.weights == pytest.approx(before, abs=1e-12), "alone awake, nothing changes hands"


def test_a_share_keeps_every_engine_alive() -> None:
    subject = Hedge(["a", "b"], 5.0, share=0.1)
    for _ in range(500):
        subject.learn({"a": 1.0, "b": 0.0})
    # w = 0.9 w' + 0.05 with w' the weight after the exponential step.
    w = subject.weights["b"]
    grown = w * math.exp(-5) / (w * math.exp(-5) + 1 - w)
    assert w == pytest.approx(0.9 * grown + 0.05, rel=1e-9)
    bare = Hedge(["a", "b"], 1000.0)
    for _ in range(3):
        bare.learn({"a": 1.0, "b": 0.0})
    assert bare.weights == {"a": 1.0, "b": 0.0}
    bare.learn({"b": 1.0})
    assert bare.weights == {"a": 1.0, "b": 0.0}


def test_hedge_state_and_refusals() -> None:
    subject = Hedge(["a", "b"], 0.3, 0.01)
    subject.learn({"a": 0.7, "b": 0.1})
    again = Hedge.from_state(json.loads(json.dumps(subject.state())))
    for one in (subject, again):
        one.learn({"b": 0.6})
    assert again.weights == subject.weights
    assert again.state() == subject.state()
    with pytest.raises(UsageError, match="no engine is called 'z'"):
        subject.learn({"z": 0.5})
    for bad in (math.nan, -0.1, 1.1):
        with pytest.raises(DataError, match="rewards"):
            subject.learn({"a": bad})
    for engines in ([], ["a", "a"]):
        with pytest.raises(UsageError, match="engines"):
            Hedge(engines, 0.1)
    for rate, share in ((0.0, 0.0), (0.1, 1.1), (math.inf, 0.0)):
        with pytest.raises(DataError):
            Hedge(["a"], rate, share)
    with pytest.raises(RecoveryError):
        Hedge.from_state({**subject.state(), "version": 3})


# --- Per regime -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "move", "value"),
    [(1, 0.0, 0.5), (1, 10.0, 1.0), (-1, 10.0, 0.0), (-1, -5.0, 0.75), (1, 99.0, 1.0), (1, -99.0, 0.0)],
)
def test_rewards(side: int, move: float, value: float) -> None:
    assert reward(side, move, 10.0) == value
    for bad in ((0, 1.0, 10.0), (2, 1.0, 10.0)):
        with pytest.raises(UsageError, match="side"):
            reward(*bad)
    for bad in ((1, math.nan, 10.0), (1, 1.0, 0.0)):
        with pytest.raises(DataError):
            reward(*bad)


def learning(**changed: Any) -> RegimeLearning:
    return RegimeLearning(["a", "b"], LearningSettings(**changed))


def test_averages_fade_by_the_engines_own_outcomes() -> None:
    subject = learning(half_life=1.0)
    for value in (0.0, 1.0, 1.0):
        subject.learn("TREND", {"a": value})
    known = subject.performance("TREND", "a")
    assert (known.outcomes, known.weight, known.reward) == (3, 1.75, 1.5)
    assert known.mean == pytest.approx(1.5 / 1.75)
    assert subject.performance("TREND", "b").mean == 0.5
    assert subject.performance("RANGE", "a").outcomes == 0


def test_regimes_are_kept_apart() -> None:
    for method in ("ucb", "hedge"):
        subject = learning(method=method, learning_rate=0.5)
        for _ in range(200):
            subject.learn("TREND", {"a": 0.9, "b": 0.1})
            subject.learn("RANGE", {"a": 0.1, "b": 0.9})
        prior = {"a": 0.5, "b": 0.5}
        trend, ranging = subject.weights("TREND", prior), subject.weights("RANGE", prior)
        assert trend["a"] > 0.55 > 0.45 > ranging["a"]
        assert trend["a"] == pytest.approx(ranging["b"], abs=1e-12)
        assert subject.weights("PANIC", prior) == prior
        assert subject.learnt("PANIC") == prior


def test_weights_mix_by_influence_at_its_steps() -> None:
    subject = learning(exploration=0.0, half_life=1e9)
    prior = {"a": 0.5, "b": 0.5}
    for count in range(1, 102):
        subject.learn("TREND", {"a": 0.75, "b": 0.25})
        share = influence(count)
        assert subject.influence("TREND", "a") == share
        expected = (1 - share) * 0.5 + share * 0.75
        assert subject.weights("TREND", prior)["a"] == pytest.approx(expected, abs=1e-6)


def test_ucb_weights_are_those_of_faded_averages() -> None:
    subject = learning(half_life=3.0, exploration=0.7)
    draw = np.random.default_rng(1)
    for _ in range(12):
        subject.learn("TREND", {"a": float(draw.random()), "b": float(draw.random())})
    subject.learn("TREND", {"b": 1.0})
    known = {name: subject.performance("TREND", name) for name in "ab"}
    expected = confidence_weights(
        {n: k.mean for n, k in known.items()}, {n: k.weight for n, k in known.items()}, 0.7
    )
    assert subject.learnt("TREND") == expected
    hedge = learning(method="hedge", learning_rate=0.4, share=0.01)
    alone = Hedge(["a", "b"], 0.4, 0.01)
    for values in ({"a": 0.3, "b": 0.6}, {"a": 1.0}):
        hedge.learn("TREND", values)
        alone.learn(values)
    assert hedge.learnt("TREND") == alone.weights


def test_an_excluded_engine_stays_out() -> None:
    subject = learning()
    for _ in range(50):
        subject.learn("TREND", {"a": 0.1, "b": 1.0})
    assert subject.weights("TREND", {"a": 1.0, "b": 0.0}) == {"a": 1.0, "b": 0.0}
    assert subject.weights("TREND", {"a": 0.0, "b": 0.0}) == {"a": 0.0, "b": 0.0}
    assert subject.weights("TREND", {"a": 1.0}) == {"a": 1.0}


def test_learning_state_and_refusals() -> None:
    for method in ("ucb", "hedge"):
        subject = learning(method=method)
        for k in range(15):
            subject.learn("TREND" if k % 3 else "RANGE", {"a": k / 15, "b": 1 - k / 15})
        again = learning(method=method)
        again.load(json.loads(json.dumps(subject.state())))
        for one in (subject, again):
            one.learn("RANGE", {"b": 0.2})
        assert again.state() == subject.state()
        prior = {"a": 0.3, "b": 0.7}
        assert again.weights("RANGE", prior) == subject.weights("RANGE", prior)
    with pytest.raises(UsageError, match="no engine is called 'z'"):
        subject.learn("TREND", {"z": 0.1})
    with pytest.raises(UsageError, match="no engine is called 'z'"):
        subject.weights("TREND", {"z": 0.1})
    before = subject.state()
    with pytest.raises(DataError, match="rewards"):
        subject.learn("TREND", {"a": 0.5, "b": math.nan})
    assert subject.state() == before
    for engines in ([], ["a", "a"]):
        with pytest.raises(UsageError, match="engines"):
            RegimeLearning(engines, LearningSettings())
    with pytest.raises(UsageError, match="state of engines"):
        RegimeLearning(["a"], LearningSettings()).load(before)
    with pytest.raises(RecoveryError):
        subject.load({**before, "kind": "hedge"})


def test_learning_settings() -> None:
    assert LearningSettings(influence=[[0, 0.1], [5, 0.2]]).influence == ((0, 0.1), (5, 0.2))
    for steps in ([], [[1, 0.2]], [[0, 0.2], [0, 0.3]], [[0, 0.2], [9, 0.3], [5, 0.4]]):
        with pytest.raises(ValidationError, match="begin at 0"):
            LearningSettings(influence=steps)
    for share in (-0.1, 1.1):
        with pytest.raises(ValidationError, match="outside"):
            LearningSettings(influence=[[0, share]])


# --- Resolution -----------------------------------------------------------------------------------------------------

VOTE = OpenVote(
    trace=1,
    engine="a",
    instrument="X",
    regime="TREND",
    decided_ns=0,
    due_ns=100,
    side=1,
    score=0.4,
    p=0.6,
    mid=100.0,
)


def open_votes(*votes: OpenVote) -> OpenVotes:
    subject = OpenVotes()
    for vote in votes:
        subject.add(vote)
    return subject


def rows(times: list[int], mids: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(times, np.int64), np.array(mids, float)


@pytest.mark.parametrize(
    ("side", "later", "right"),
    [
        (1, 101.0, True),
        (1, 99.0, False),
        (-1, 99.0, True),
        (-1, 101.0, False),
        (1, 100.0, False),
        (-1, 100.0, False),
    ],
)
def test_a_vote_is_right_when_the_mid_moved_its_way(side: int, later: float, right: bool) -> None:
    vote = replace(VOTE, side=side)
    (found,) = open_votes(vote).resolve("X", *rows([50, 100], [7.0, later]))
    assert found == ResolvedVote(vote, right, math.log(later / 100) * 1e4)


@pytest.mark.parametrize("mid", [math.nan, 0.0, -1.0, math.inf])
def test_without_a_mid_at_the_horizon_nothing_is_learnt(mid: float) -> None:
    (found,) = open_votes(VOTE).resolve("X", *rows([100], [mid]))
    assert (found.right, found.return_bps) == (None, None)
    (hole,) = open_votes(VOTE).resolve("X", *rows([99, 101], [100.0, 101.0]))
    assert (hole.right, hole.return_bps) == (None, None)


def test_votes_wait_for_their_instrument_and_time() -> None:
    subject = open_votes(VOTE, replace(VOTE, trace=2, due_ns=60), replace(VOTE, trace=0, due_ns=60))
    subject.add(replace(VOTE, instrument="Y"))
    assert len(subject) == 4
    assert subject.resolve("X", *rows([], [])) == []
    assert subject.resolve("Z", *rows([500], [1.0])) == []
    assert subject.resolve("X", *rows([59], [1.0])) == []
    found = subject.resolve("X", *rows([60, 99], [101.0, 102.0]))
    assert [one.vote.trace for one in found] == [0, 2]
    assert len(subject) == 2
    assert [one.vote.trace for one in subject.resolve("X", *rows([100], [102.0]))] == [1]
    assert subject.resolve("X", *rows([200], [102.0])) == []


def test_open_votes_state_and_refusals() -> None:
    subject = open_votes(VOTE, replace(VOTE, instrument="A", p=None, trace=9))
    text = json.dumps(subject.state())
    again = OpenVotes()
    again.load(json.loads(text))
    assert json.dumps(again.state()) == text
    assert again.resolve("A", *rows([100], [99.0])) == subject.resolve("A", *rows([100], [99.0]))
    for changed in ({"mid": 0.0}, {"mid": math.nan}, {"p": 1.1}, {"due_ns": -1}):
        with pytest.raises(DataError):
            subject.add(replace(VOTE, **changed))
    with pytest.raises(UsageError, match="side"):
        subject.add(replace(VOTE, side=0))
    with pytest.raises(UsageError, match="local_ns has 1"):
        subject.resolve("X", *rows([1], []))
    with pytest.raises(RecoveryError):
        again.load({"kind": "open_votes", "version": 2, "votes": []})
    assert len(open_votes(replace(VOTE, due_ns=0))) == 1


# --- Volatility gate ------------------------------------------------------------------------------------------------


@MANY
@given(seed=st.integers(0, 9999), lookback=st.integers(1, 12), multiple=st.sampled_from([0.5, 1.0, 1.5]))
def test_the_gate_as_a_rolling_median(seed: int, lookback: int, multiple: float) -> None:
    draw = np.random.default_rng(seed)
    reach, price = draw.integers(0, 9, 40).astype(float), draw.uniform(50, 150, 40)
    subject = VolatilityGate(VolatilityGateSettings(lookback=lookback, multiple=multiple))
    for k in range(40):
        found = subject.learn(float(reach[k]), float(price[k]))
        percent = 100 * reach / price
        assert found.atr_pct == percent[k]
        if k + 1 < lookback:
            assert (found.verdict, found.median_pct) == ("warming_up", None)
        else:
            usual = float(np.median(percent[k + 1 - lookback : k + 1]))
            assert found.median_pct == pytest.approx(usual, rel=1e-12)
            assert found.verdict == ("skip" if percent[k] > multiple * found.median_pct else "open")


def test_one_and_a_half_times_the_median_is_still_open() -> None:
    subject = VolatilityGate(VolatilityGateSettings(lookback=3))
    for reach in (2.0, 2.0):
        subject.learn(reach, 100.0)
    assert subject.learn(3.0, 100.0).verdict == "open"
    subject.learn(2.0, 100.0)
    assert subject.learn(3.0001, 100.0).verdict == "open"  # The median has risen to 3.
    subject = VolatilityGate(VolatilityGateSettings())
    for _ in range(49):
        assert subject.learn(2.0, 100.0).verdict == "warming_up"
    assert subject.learn(3.0, 100.0).verdict == "open"
    assert subject.learn(3.001, 100.0).verdict == "skip"
    quiet = VolatilityGate(VolatilityGateSettings(lookback=1))
    assert quiet.learn(0.0, 100.0).verdict == "open"


def test_volatility_state_and_refusals() -> None:
    subject = VolatilityGate(VolatilityGateSettings(lookback=3))
    for reach in (1.0, 2.0, 9.0, 1.5):
        again = VolatilityGate(subject.settings)
        again.load(json.loads(json.dumps(subject.state())))
        assert again.last == subject.last
        assert again.learn(reach, 100.0) == subject.learn(reach, 100.0)
        assert again.state() == subject.state()
    for bad in ((-0.1, 100.0), (math.nan, 100.0), (1.0, 0.0), (1.0, math.inf)):
        with pytest.raises(DataError):
            subject.learn(*bad)
    with pytest.raises(RecoveryError):
        subject.load({"kind": "volatility_gate"})
