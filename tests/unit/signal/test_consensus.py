"""Consensus: weights against an exhaustive search, errors' correlation by definition, the gate at its exact edges."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError, RecoveryError, UsageError
from aurora.signal import (
    ConsensusGate,
    ConsensusSettings,
    ErrorCorrelation,
    Opinion,
    consensus_score,
    consensus_weights,
    minimum_variance_weights,
    signed_error,
)

# --- Weights --------------------------------------------------------------------------------------------------------


def correlation(seed: int, size: int, common: float) -> np.ndarray:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(3 * size + 5, size)) + common * draw.normal(size=(3 * size + 5, 1))
    return np.corrcoef(x.T) if size > 1 else np.eye(1)


def exhaustive(matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """The best of the interior minima of every face of the simplex."""
    size = len(matrix)
    best = (math.inf, np.zeros(size))
    for count in range(1, size + 1):
        for face in itertools.combinations(range(size), count):
            part = matrix[np.ix_(face, face)]
            v = np.linalg.solve(part, np.ones(count))
            w = np.zeros(size)
            w[list(face)] = v / v.sum()
            if np.all(w >= 0) and w @ matrix @ w < best[0]:
                best = (float(w @ matrix @ w), w)
    return best


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 9999), size=st.integers(1, 7), common=st.sampled_from([0.0, 1.0, 5.0]))
def test_weights_as_an_exhaustive_search(seed: int, size: int, common: float) -> None:
    c = correlation(seed, size, common)
    r = np.random.default_rng(seed + 1).uniform(0.01, 1, size)
    names = [f"engine{i}" for i in range(size)]
    found = consensus_weights(c.tolist(), dict(zip(names, r.tolist(), strict=True)))
    gamma = c / np.sqrt(np.outer(r, r))
    value, weights = exhaustive(gamma)
    assert found.value == pytest.approx(value, rel=1e-8)
    assert list(found.weights.values()) == pytest.approx(weights.tolist(), abs=1e-5)
    assert math.fsum(found.weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert min(found.weights.values()) >= 0
    assert not found.no_skill


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 9999), size=st.integers(2, 14))
def test_weights_as_cvxpy(seed: int, size: int) -> None:
    c = correlation(seed, size, 2.0)
    w = cvxpy.Variable(size, nonneg=True)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.quad_form(w, cvxpy.psd_wrap(c))), [cvxpy.sum(w) == 1])
    problem.solve(solver=cvxpy.CLARABEL)
    ours = np.array(minimum_variance_weights(c.tolist()))
    assert ours @ c @ ours <= problem.value + 1e-8
    np.testing.assert_allclose(ours, w.value, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 9999), size=st.integers(2, 6))
def test_names_in_another_order_get_the_same_weights(seed: int, size: int) -> None:
    c = correlation(seed, size, 1.0)
    r = np.random.default_rng(seed).uniform(0.1, 1, size)
    order = np.random.default_rng(seed + 1).permutation(size)
    one = consensus_weights(c.tolist(), {str(i): float(r[i]) for i in range(size)})
    two = consensus_weights(c[np.ix_(order, order)].tolist(), {str(i): float(r[i]) for i in order})
    for name, weight in one.weights.items():
        assert two.weights[name] == pytest.approx(weight, abs=1e-7)


def test_engines_without_reliability_are_left_out() -> None:
    c = [[1, 0.8, 0.1], [0.8, 1, 0.2], [0.1, 0.2, 1]]
    found = consensus_weights(c, {"a": 1.0, "b": 0.0, "c": 1.0})
    assert found.weights == pytest.approx({"a": 0.5, "b": 0.0, "c": 0.5}, abs=1e-9)
    assert found.weights["b"] == 0.0
    assert found.value == pytest.approx(0.55, abs=1e-9)
    assert consensus_weights(c, {"a": 1e-12, "b": 0.0, "c": 0.9e-12}).weights["a"] == 1.0
    alone = consensus_weights([[1.0]], {"a": 0.25})
    assert alone.weights == {"a": 1.0}
    assert alone.value == pytest.approx(4.0)


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"]])
def test_no_skill_at_all(names: list[str]) -> None:
    found = consensus_weights(np.eye(len(names)).tolist(), dict.fromkeys(names, 0.0))
    assert found.no_skill
    assert found.value is None
    assert found.weights == dict.fromkeys(names, 0.0)


def test_reliability_earns_weight() -> None:
    found = consensus_weights(np.eye(2).tolist(), {"a": 0.9, "b": 0.3})
    assert found.weights == pytest.approx({"a": 0.75, "b": 0.25}, abs=1e-9)


def test_twins_share_evenly_and_opposites_cancel() -> None:
    assert minimum_variance_weights([[1.0, 1.0], [1.0, 1.0]]) == pytest.approx([0.5, 0.5], abs=1e-6)
    assert minimum_variance_weights(np.ones((4, 4)).tolist()) == pytest.approx([0.25] * 4, abs=1e-6)
    assert minimum_variance_weights([[1.0, -1.0], [-1.0, 1.0]]) == pytest.approx([0.5, 0.5], abs=1e-6)
    # One that only adds noise to another gets nothing.
    assert minimum_variance_weights([[1.0, 1.5], [1.5, 4.0]]) == [1.0, 0.0]
    # On the edge between: the slope is exactly nought.
    assert minimum_variance_weights([[1.0, 1.0], [1.0, 4.0]]) == pytest.approx([1.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_units_do_not_matter(scale: float) -> None:
    c = np.array([[1, 0.8, 0.1], [0.8, 1, 0.2], [0.1, 0.2, 1]]) * scale
    assert minimum_variance_weights(c.tolist()) == pytest.approx([8 / 21, 3 / 21, 10 / 21], abs=1e-8)


def test_matrices_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="0 rows"):
        minimum_variance_weights([])
    with pytest.raises(UsageError, match="2 rows"):
        minimum_variance_weights([[1.0, 0.0], [0.0]])
    with pytest.raises(DataError, match=r"matrix\[0\]\[1\] is nan"):
        minimum_variance_weights([[1.0, math.nan], [0.0, 1.0]])
    with pytest.raises(DataError, match=r"matrix\[1\]\[0\] is 0.3"):
        minimum_variance_weights([[1.0, 0.2], [0.3, 1.0]])
    with pytest.raises(DataError, match="positive definite"):
        minimum_variance_weights([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(DataError, match="mean diagonal"):
        minimum_variance_weights([[0.0]])
    with pytest.raises(DataError, match=r"correlation\[1\]\[1\] is 0.9"):
        consensus_weights([[1.0, 0.0], [0.0, 0.9]], {"a": 1.0, "b": 1.0})
    with pytest.raises(UsageError, match="2 rows"):
        consensus_weights([[1.0]], {"a": 1.0, "b": 1.0})
    for r in (math.nan, -0.1, 1.1):
        with pytest.raises(DataError, match="reliability"):
            consensus_weights([[1.0]], {"a": r})


# --- Correlation of errors ------------------------------------------------------------------------------------------


def errors_of(half_life: float = 500.0, prior: float = 50.0) -> ErrorCorrelation:
    return ErrorCorrelation(
        ["a", "b", "c"], ConsensusSettings(correlation_half_life=half_life, correlation_prior=prior)
    )


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 9999),
    count=st.integers(1, 40),
    half_life=st.sampled_from([2.0, 100.0]),
    prior=st.sampled_from([0.0, 10.0]),
)
def test_correlation_by_its_definition(seed: int, count: int, half_life: float, prior: float) -> None:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 3)) + draw.normal(size=(count, 1))
    x[draw.random((count, 3)) < 0.3] = 0.0
    subject = errors_of(half_life, prior)
    for row in x:
        subject.learn({name: float(e) for name, e in zip("abc", row, strict=True) if e})
    w = 0.5 ** (np.arange(count)[::-1] / half_life)
    n = w.sum() ** 2 / (w**2).sum()
    products = (x * w[:, None]).T @ x
    found = np.array(subject.matrix())
    for i in range(3):
        assert found[i, i] == 1.0
        for j in range(i):
            scale = math.sqrt(products[i, i] * products[j, j])
            expected = n / (n + prior) * products[i, j] / scale if scale > 0 else 0.0
            assert found[i, j] == found[j, i] == pytest.approx(expected, abs=1e-9)
    assert np.linalg.eigvalsh(found).min() >= -1e-9
    assert subject.shrinkage == pytest.approx(n / (n + prior), rel=1e-9)


def test_without_instants_engines_are_strangers() -> None:
    subject = errors_of()
    assert subject.matrix() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert subject.shrinkage == 0.0


def test_errors_are_seen_as_forecasts_of_up() -> None:
    assert signed_error(1, 0.6, True) == pytest.approx(0.4)
    assert signed_error(1, 0.6, False) == pytest.approx(-0.6)
    # Down with 0.6 is up with 0.4: right means it went down.
    assert signed_error(-1, 0.6, True) == pytest.approx(-0.4)
    assert signed_error(-1, 0.6, False) == pytest.approx(0.6)
    for side in (0, 2):
        with pytest.raises(UsageError, match="side"):
            signed_error(side, 0.6, True)
    with pytest.raises(DataError, match="p is"):
        signed_error(1, 1.2, True)


def test_correlation_state_and_refusals() -> None:
    subject = errors_of()
    for k in range(20):
        subject.learn({"a": k % 3 - 1.0, "b": k % 2 - 0.5})
    text = json.dumps(subject.state())
    again = errors_of()
    again.load(json.loads(text))
    for one in (subject, again):
        one.learn({"c": 0.2, "a": -0.1})
    assert again.matrix() == subject.matrix()
    with pytest.raises(UsageError, match="no engine is called 'd'"):
        subject.learn({"d": 0.1})
    with pytest.raises(DataError, match="errors"):
        subject.learn({"a": math.nan})
    with pytest.raises(UsageError, match="twice"):
        ErrorCorrelation(["a", "a"], ConsensusSettings())
    with pytest.raises(UsageError, match="state of engines"):
        ErrorCorrelation(["a"], ConsensusSettings()).load(json.loads(text))
    with pytest.raises(RecoveryError):
        again.load({**json.loads(text), "version": 7})


# --- Score and gate -------------------------------------------------------------------------------------------------


def test_the_score_is_in_the_sense_of_the_side() -> None:
    weights = {"a": 0.5, "b": 0.3, "c": 0.2}
    opinions = {"a": Opinion(1, 0.6), "b": Opinion(-1, 0.7), "c": Opinion(0, 0.9)}
    assert consensus_score(opinions, weights) == pytest.approx(0.5 * 0.2 - 0.3 * 0.4, abs=1e-15)
    # Less than even is evidence for the other side.
    assert consensus_score({"a": Opinion(1, 0.4)}, weights) == pytest.approx(-0.1, abs=1e-15)
    assert consensus_score({"a": Opinion(1, 1.0), "b": Opinion(1, 1.0), "c": Opinion(1, 1.0)}, weights) == 1.0
    assert consensus_score({}, weights) == 0.0


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([-1, 0, 1]), st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=6
    )
)
def test_turning_every_side_turns_the_score(rows: list[tuple[int, float, float]]) -> None:
    total = sum(w for _, _, w in rows)
    weights = {str(i): w / total for i, (_, _, w) in enumerate(rows)}
    opinions = {str(i): Opinion(side, p) for i, (side, p, _) in enumerate(rows)}
    turned = {name: Opinion(-o.side, o.p) for name, o in opinions.items()}
    other = {name: Opinion(o.side, 1 - o.p) for name, o in opinions.items()}
    score = consensus_score(opinions, weights)
    assert consensus_score(turned, weights) == -score
    assert consensus_score(other, weights) == pytest.approx(-score, abs=1e-12)
    assert abs(score) <= 1 + 1e-12
    assert consensus_score(dict(reversed(opinions.items())), weights) == score


def gate(**changed: Any) -> ConsensusGate:
    return ConsensusGate(
        ConsensusSettings(**{"window": 4, "warm_up": 3, "floor": 0.0, "threshold": 0.5, **changed})
    )


ONE = {"a": 1.0}


def judge(subject: ConsensusGate, score: float) -> Any:
    return subject.judge({"a": Opinion(1 if score >= 0 else -1, (1 + abs(score)) / 2)}, ONE)


def test_the_gate_warms_up_then_compares_with_earlier_scores() -> None:
    subject = gate()
    for score in (0.5, -0.5, 0.25):
        said = judge(subject, score)
        assert (said.verdict, said.side, said.deviation, said.threshold) == ("warming_up", 0, None, None)
        assert said.score == score
    said = judge(subject, -0.75)
    deviation = float(np.std([0.5, -0.5, 0.25], ddof=1))
    assert said.deviation == pytest.approx(deviation, rel=1e-12)
    assert said.threshold == pytest.approx(0.5 * deviation, rel=1e-12)
    assert (said.verdict, said.side, said.p) == ("trade", -1, 0.875)
    said = judge(subject, 0.125)
    assert said.deviation == pytest.approx(float(np.std([0.5, -0.5, 0.25, -0.75], ddof=1)), rel=1e-12)
    assert (said.verdict, said.side, said.p) == ("below_threshold", 0, 0.5625)
    # The first has left the window of four.
    said = judge(subject, 0.875)
    assert said.deviation == pytest.approx(float(np.std([-0.5, 0.25, -0.75, 0.125], ddof=1)), rel=1e-12)
    assert (said.verdict, said.side) == ("trade", 1)


def test_the_threshold_itself_does_not_trade() -> None:
    for floor, score, verdict in (
        (0.5, 0.25, "below_threshold"),
        (0.5, math.nextafter(0.25, 1) + 1e-15, "trade"),
        (0.5, -0.25, "below_threshold"),
        (0.5, -0.2501, "trade"),
    ):
        subject = gate(floor=floor)
        for _ in range(3):
            judge(subject, 0.125)
        said = judge(subject, score)
        assert said.deviation == 0.5, "a constant score falls back to the floor"
        assert said.threshold == 0.25
        assert said.verdict == verdict


def test_without_skill_or_votes_nothing_is_remembered() -> None:
    subject = gate()
    before = subject.state()
    assert subject.judge({"a": Opinion(1, 0.9)}, {"a": 0.0}).verdict == "no_skill"
    assert subject.judge({}, {}).verdict == "no_skill"
    assert subject.judge({}, ONE).verdict == "no_votes"
    assert subject.judge({"a": Opinion(0, 0.9)}, ONE).verdict == "no_votes"
    assert subject.judge({"b": Opinion(1, 0.9)}, {"a": 1.0, "b": 0.0}).verdict == "no_votes"
    said = subject.judge({}, ONE)
    assert (said.score, said.side, said.p) == (0.0, 0, 0.5)
    assert subject.state() == before


def test_noise_trades_about_as_often_as_a_normal_beyond_its_threshold() -> None:
    subject = ConsensusGate(ConsensusSettings(floor=0.0))
    draw = np.random.default_rng(1)
    verdicts = [judge(subject, float(s)).verdict for s in np.clip(draw.normal(0, 0.1, 6000), -1, 1)]
    assert verdicts[:30] == ["warming_up"] * 30
    assert verdicts[30] != "warming_up"
    assert verdicts[100:].count("trade") / 5900 == pytest.approx(0.4533, abs=0.03)


def test_gate_state_and_refusals() -> None:
    subject = gate()
    for score in (0.1, -0.3, 0.2, 0.4, -0.1):
        judge(subject, score)
    again = gate()
    again.load(json.loads(json.dumps(subject.state())))
    assert judge(again, 0.3) == judge(subject, 0.3)
    assert again.state() == subject.state()
    with pytest.raises(RecoveryError):
        again.load({"kind": "consensus_gate", "version": 1})
    with pytest.raises(UsageError, match="side of 'a' is 2"):
        subject.judge({"a": Opinion(2, 0.5)}, ONE)
    with pytest.raises(UsageError, match="no weight for engine 'z'"):
        subject.judge({"z": Opinion(1, 0.5)}, ONE)
    for p in (math.nan, 1.1, -0.1):
        with pytest.raises(DataError, match="p of 'a'"):
            subject.judge({"a": Opinion(1, p)}, ONE)
    with pytest.raises(DataError, match="weight of 'a'"):
        subject.judge({"a": Opinion(1, 0.5)}, {"a": math.inf})


def test_consensus_settings() -> None:
    defaults = ConsensusSettings()
    assert (defaults.threshold, defaults.window) == (0.75, 100)
    assert ConsensusSettings(window=5, warm_up=5).warm_up == 5
    with pytest.raises(ValidationError, match="nothing would ever be traded"):
        ConsensusSettings(window=5, warm_up=6)
