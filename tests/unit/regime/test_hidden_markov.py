"""Hidden Markov models against hmmlearn, statsmodels and reference numbers; the filter never looks ahead."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from aurora._core import hidden_markov_filter, hidden_markov_path
from aurora.errors import AuroraError, ConfigError, DataError, RecoveryError
from aurora.regime import HiddenMarkovModel, fit_hidden_markov

REFERENCE = HiddenMarkovModel(
    np.array([0.5, 0.5]),
    np.array([[0.95, 0.05], [0.10, 0.90]]),
    np.array([[0.0], [0.0]]),
    np.array([[1.0], [9.0]]),
)
SERIES = np.array([[0.1], [-0.3], [2.8], [-4.0], [0.2]])


def hmmlearn_of(model: HiddenMarkovModel) -> Any:
    oracle = GaussianHMM(len(model.start), "diag", implementation="log")
    oracle.startprob_, oracle.transmat_ = model.start, model.transition
    oracle.means_, oracle.covars_ = model.means, model.variances
    return oracle


def simulated(count: int, seed: int, dimension: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Observations and states: calm, middling and wild, each for some 40 observations."""
    rng = np.random.default_rng(seed)
    state, states = 0, []
    for _ in range(count):
        if rng.random() < 0.025:
            state = int(rng.integers(3))
        states.append(state)
    scales = np.array([0.5, 1.5, 5.0])
    return rng.standard_normal((count, dimension)) * scales[states][:, None], np.array(states)


def test_reference_numbers() -> None:
    online = REFERENCE.filter()
    filtered = online.update(SERIES)
    want = [0.749166, 0.889728, 0.354071, 0.001636, 0.249546]
    assert filtered[:, 0] == pytest.approx(want, abs=5e-7)
    assert online.log_likelihood == pytest.approx(-11.6935260083, abs=5e-11)
    assert online.probabilities.tolist() == filtered[-1].tolist()
    # hmmlearn's predict_proba is smoothed: it looks ahead, and we do not agree with it before the end.
    smoothed = hmmlearn_of(REFERENCE).predict_proba(SERIES)[:, 0]
    assert abs(smoothed[2] - filtered[2, 0]) > 0.1
    assert smoothed[-1] == pytest.approx(filtered[-1, 0], abs=1e-9)


def test_reference_numbers_of_the_toy() -> None:
    start, transition = np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.4, 0.6]])
    emissions = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    logs = np.log(np.ascontiguousarray(emissions.T))
    path, log_probability = hidden_markov_path(start, transition, logs)
    assert path.tolist() == [0, 0, 1]
    assert math.exp(log_probability) == pytest.approx(0.01512, abs=1e-12)
    assert math.exp(hidden_markov_filter(start, transition, logs)[1]) == pytest.approx(0.03628, abs=1e-12)


@st.composite
def models(draw: st.DrawFn) -> HiddenMarkovModel:
    states, dimension = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return HiddenMarkovModel(
        rng.dirichlet(np.ones(states)),
        rng.dirichlet(np.ones(states), states),
        rng.normal(0, 2, (states, dimension)),
        rng.uniform(0.2, 4, (states, dimension)),
    )


@given(model=models(), count=st.integers(1, 60), seed=st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_filter_is_hmmlearns_forward_pass(model: HiddenMarkovModel, count: int, seed: int) -> None:
    xs = np.random.default_rng(seed).normal(0, 3, (count, model.means.shape[1]))
    oracle = hmmlearn_of(model)
    online = model.filter()
    filtered = online.update(xs)
    assert online.log_likelihood == pytest.approx(oracle.score(xs), abs=1e-8)
    for t in {0, count // 2, count - 1}:
        # The last row of what is smoothed over a prefix is the filter at its end.
        assert filtered[t] == pytest.approx(oracle.predict_proba(xs[: t + 1])[-1], abs=1e-9)
    path, log_probability = model.most_likely_path(xs)
    want_log, want_path = oracle.decode(xs, algorithm="viterbi")
    assert log_probability == pytest.approx(want_log, abs=1e-8)
    assert path.tolist() == want_path.tolist()
    densities = [
        [stats.norm.logpdf(x, m, np.sqrt(v)).sum() for m, v in zip(model.means, model.variances, strict=True)]
        for x in xs
    ]
    assert model.log_densities(xs) == pytest.approx(np.array(densities), abs=1e-9)


@given(model=models(), count=st.integers(2, 40), cut=st.integers(1, 39), seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_what_comes_later_and_how_it_is_cut_change_nothing(
    model: HiddenMarkovModel, count: int, cut: int, seed: int
) -> None:
    cut = min(cut, count)
    rng = np.random.default_rng(seed)
    xs = rng.normal(0, 3, (count, model.means.shape[1]))
    other = rng.normal(5, 1, xs.shape)
    whole = model.filter().update(xs)
    first, second = model.filter(), model.filter()
    head = first.update(xs[:cut])
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    np.testing.assert_array_equal(np.vstack([head, second.update(xs[cut:])]), whole)
    changed = model.filter().update(np.vstack([xs[:cut], other]))
    np.testing.assert_array_equal(changed[:cut], whole[:cut])


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fit_is_at_least_as_likely_as_hmmlearns(seed: int, dimension: int) -> None:
    xs, _ = simulated(1500, seed, dimension)
    fitted = fit_hidden_markov(xs, states=3)
    assert fitted.converged
    assert (np.diff(fitted.log_likelihoods) > -1e-8).all()
    best = -math.inf
    for start in range(3):
        oracle = GaussianHMM(
            3,
            "diag",
            min_covar=1e-9,
            covars_prior=0,
            covars_weight=0,
            n_iter=500,
            tol=1e-6,
            random_state=start,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = max(best, oracle.fit(xs).score(xs))
    found = float(fitted.log_likelihoods[-1])
    assert found >= best - 1e-3
    assert found == pytest.approx(hmmlearn_of(fitted.model).score(xs), abs=1e-7)
    spread = np.log(fitted.model.variances).sum(axis=1)
    assert (np.diff(spread) > 0).all(), "sorted, the calmest first"


def test_fit_from_a_model_goes_where_hmmlearn_goes() -> None:
    xs, _ = simulated(800, 5)
    initial = HiddenMarkovModel(
        np.array([0.4, 0.6]),
        np.array([[0.8, 0.2], [0.3, 0.7]]),
        np.array([[0.1], [-0.1]]),
        np.array([[0.5], [6.0]]),
    )
    fitted = fit_hidden_markov(xs, states=2, initial=initial, iterations=7, tolerance=1e-12)
    oracle = hmmlearn_of(initial)
    oracle.set_params(
        n_iter=7,
        tol=-math.inf,
        init_params="",
        min_covar=1e-12,
        covars_prior=0,
        covars_weight=1,
        means_weight=0,
    )
    oracle.fit(xs)
    assert not fitted.converged
    assert len(fitted.log_likelihoods) == 8
    assert fitted.model.transition == pytest.approx(oracle.transmat_, abs=1e-9)
    assert fitted.model.start == pytest.approx(oracle.startprob_, abs=1e-9)
    assert fitted.model.means == pytest.approx(oracle.means_, abs=1e-9)
    assert fitted.model.variances[:, 0] == pytest.approx(oracle.covars_[:, 0, 0], abs=1e-9)


def test_filter_finds_the_labelled_states() -> None:
    xs, _ = simulated(6000, 11)
    fitted = fit_hidden_markov(xs, states=3).model
    later, labels = simulated(4000, 12)
    right = fitted.filter().update(later).argmax(axis=1) == labels
    # What no filter can beat is the one that knows the planted model: not more than two points worse than it.
    stay = 1 - 0.025 * 2 / 3
    planted = HiddenMarkovModel(
        np.array([1.0, 0.0, 0.0]),
        np.full((3, 3), 0.025 / 3) + np.eye(3) * (stay - 0.025 / 3),
        np.zeros((3, 1)),
        np.array([[0.25], [2.25], [25.0]]),
    )
    best = (planted.filter().update(later).argmax(axis=1) == labels).mean()
    assert best > 0.8
    assert right.mean() > best - 0.02


HAMILTON_GROWTH = """
2.59316421 2.20217133 0.45827562 0.9687438 -0.24130757 0.89647478 2.05393219 1.73353648 0.93871289 -0.46477833
-0.80983406 -1.39763689 -0.39886093 1.1918416 1.45620048 2.11808228 1.08957863 1.32390273 0.87296367 -0.19773273
0.45420215 0.07221876 1.1030364 0.82097489 -0.05795795 0.58447772 -1.56192672 -2.05041027 0.53637183 2.33676839
2.34014559 1.2339263 1.8869648 -0.45920792 0.84940469 1.70139849 -0.28756312 0.09594627 -0.86080289 1.03447127
1.23685944 1.42004502 2.22410631 1.30210173 1.03517699 0.9253425 -0.16559951 1.3444382 1.37500131 1.73222184
0.71605635 2.21032143 0.85333031 1.00238776 0.42725441 2.14368343 1.43789184 1.57959926 2.27469826 1.95962656
0.25992399 1.01946914 0.49016398 0.5636338 0.5959546 1.43082857 0.56230122 1.15388393 1.68722844 0.77438205
-0.09647045 1.39600146 0.13646798 0.55223715 -0.39944872 -0.61671102 -0.08722561 1.2101835 -0.90729755 2.64916158
-0.0080694 0.51111895 -0.00401437 2.16821432 1.92586732 1.03504717 1.85897219 2.32004929 0.25570789 -0.09855274
0.89073682 -0.55896485 0.28350255 -1.31155407 -0.88278776 -1.97454941 1.01275265 1.68264723 1.38271284 1.86073637
0.4447377 0.41449001 0.99202275 1.36283576 1.59970522 1.98845816 -0.25684232 0.87786949 3.1095655 0.85324478
1.23337317 0.00314302 -0.09433369 0.89883322 -0.19036628 0.99772376 -2.39120054 0.06649673 1.26136017 1.91637838
-0.3348029 0.44207108 -1.40664911 -1.52129889 0.29919869 -0.80197448 0.15204792 0.98585027 2.13034606 1.34397924
1.61550522 2.70930099 1.24461412 0.50835466 0.14802167
"""
"""Quarterly growth of US real GNP 1951-1984, from Hamilton (1989)."""


def test_filter_runs_hamiltons_model() -> None:
    """Mean switches, four autoregressive lags: 32 states that remember five regimes. Reference: quant.md, section 4."""
    growth = np.array(HAMILTON_GROWTH.split(), float)
    from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression

    fitted = MarkovAutoregression(growth, k_regimes=2, order=4, switching_ar=False).fit()
    p00, p10, low, high, variance, *lags = fitted.params
    assert [p00, p10, low, high, variance] == pytest.approx(
        [0.7547, 0.0959, -0.3588, 1.1635, 0.5914], abs=1e-3
    )
    move = np.array([[p00, 1 - p00], [p10, 1 - p10]])
    law = np.linalg.matrix_power(move, 1000)[0]
    # A state is the regimes of now and of the four quarters before, the latest in the lowest bit.
    start, transition = np.zeros(32), np.zeros((32, 32))
    for state in range(32):
        bits = [state >> i & 1 for i in range(5)]
        start[state] = law[bits[4]] * math.prod(move[bits[i + 1], bits[i]] for i in range(4))
        for now in (0, 1):
            transition[state, (state << 1 & 31) | now] = move[bits[0], now]
    means = np.array([low, high])
    logs = np.empty((len(growth) - 4, 32))
    for state in range(32):
        errors = [growth[4 - i : len(growth) - i or None] - means[state >> i & 1] for i in range(5)]
        residual = errors[0] - sum(a * e for a, e in zip(lags, errors[1:], strict=True))
        logs[:, state] = stats.norm.logpdf(residual, 0, math.sqrt(variance))
    filtered, log_likelihood = hidden_markov_filter(start / start.sum(), transition, logs)
    assert log_likelihood == pytest.approx(-181.2634, abs=5e-4)
    assert log_likelihood == pytest.approx(fitted.llf, abs=1e-6)
    marginal = filtered[:, ::2].sum(axis=1)
    assert marginal == pytest.approx(fitted.filtered_marginal_probabilities[:, 0], abs=1e-6)


@given(seed=st.integers(0, 2**32), count=st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_filter_over_any_emissions_is_a_naive_forward_pass(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    start, transition = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    logs = rng.normal(0, 50, (count, 3))
    forward = np.log(start) + logs[0]
    want = [forward]
    for row in logs[1:]:
        forward = row + logsumexp(forward[:, None] + np.log(transition), axis=0)
        want.append(forward)
    filtered, log_likelihood = hidden_markov_filter(start, transition, logs)
    assert log_likelihood == pytest.approx(logsumexp(want[-1]), rel=1e-12)
    assert np.log(filtered + 1e-300) == pytest.approx(
        np.maximum([w - logsumexp(w) for w in want], math.log(1e-300)), abs=1e-8
    )


def test_a_model_survives_json() -> None:
    model = fit_hidden_markov(simulated(300, 4)[0], states=2).model
    again = HiddenMarkovModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.filter().snapshot() == model.filter().snapshot()
    for broken in (
        {},
        {**model.to_dict(), "means": "x"},
        {**model.to_dict(), "means": [0.0, 0.0]},
        {**model.to_dict(), "start": [[0.5, 0.5]]},
        {**model.to_dict(), "start": [0.5, 0.6]},
        {**model.to_dict(), "transition": [[1.0]]},
        {**model.to_dict(), "variances": [[1.0], [0.0]]},
        {**model.to_dict(), "means": [[math.nan], [0.0]]},
    ):
        with pytest.raises(AuroraError):
            HiddenMarkovModel.from_dict(broken)


def test_degenerate_data_are_refused() -> None:
    xs = simulated(200, 6)[0]
    assert fit_hidden_markov(xs[:, 0], states=2).model.means.shape == (2, 1)
    bad: list[Any] = [
        np.ones((100, 1)),
        xs[:19],
        xs[None, :, :],
        np.where(np.arange(200)[:, None] == 7, np.nan, xs),
    ]
    bad += [np.where(np.arange(200)[:, None] == 7, np.inf, xs), np.empty((0, 1))]
    for series in bad:
        with pytest.raises(DataError):
            fit_hidden_markov(series, states=2)
    fit_hidden_markov(xs[:20], states=2)
    path, _ = REFERENCE.most_likely_path(xs[:, 0])
    assert path.tolist() == REFERENCE.most_likely_path(xs)[0].tolist()
    for series in (xs[:, [0, 0]], xs[None], np.array([math.nan]), np.array([math.inf])):
        with pytest.raises(DataError):
            REFERENCE.most_likely_path(series)
    for wrong in ({"states": 0}, {"states": 65}, {"iterations": 0}, {"tolerance": 0}, {"variance_share": 1}):
        with pytest.raises(ConfigError):
            fit_hidden_markov(xs, **{"states": 2, **wrong})  # type: ignore[arg-type]
    with pytest.raises(AuroraError):
        fit_hidden_markov(xs, states=3, initial=REFERENCE)


def test_filter_refuses_and_keeps_its_state() -> None:
    online = REFERENCE.filter()
    online.update(SERIES)
    before = online.snapshot()
    for bad in ([[math.nan]], [[0.0], [math.inf]], [[1.0, 2.0]], np.empty((3, 0))):
        with pytest.raises(DataError):
            online.update(np.array(bad))
        assert online.snapshot() == before
    assert online.update(np.empty((0, 1))).shape == (0, 2)
    with pytest.raises(DataError):
        online.update(np.asfortranarray(np.ones((4, 1))[:, [0, 0]]))
    with pytest.raises(RecoveryError):
        online.restore(before[:-1])
    online.reset()
    assert online.snapshot() == REFERENCE.filter().snapshot()
    with pytest.raises(DataError):
        hidden_markov_filter(np.array([1.0]), np.array([[1.0]]), np.array([[-math.inf]]))
