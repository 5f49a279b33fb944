"""Change detectors against river, reference numbers and their definitions over the whole history."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from river.drift import PageHinkley as RiverPageHinkley
from scipy import stats

from aurora import _core
from aurora.errors import AuroraError, ConfigError, DataError, RecoveryError
from aurora.regime import (
    ChangePointSettings,
    CusumSettings,
    LikelihoodRatioSettings,
    PageHinkleySettings,
)

QUICK = settings(max_examples=100, deadline=None)

MAKERS: dict[str, Callable[[], Any]] = {
    "page_hinkley": lambda: PageHinkleySettings(threshold=2.0, minimum_observations=5).detector(),
    "cusum": lambda: CusumSettings(threshold=3.0).detector(),
    "mean_ratio": lambda: LikelihoodRatioSettings(window=12, minimum_segment=2, threshold=3.0).detector(),
    "variance_ratio": lambda: LikelihoodRatioSettings(
        of="variance", window=12, minimum_segment=2, threshold=3.0
    ).detector(),
    "change_point": lambda: ChangePointSettings(runs=12, expected_run=20).detector(),
}
values = st.lists(st.floats(-4, 4, allow_nan=False, width=32), min_size=1, max_size=50)


def same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


# --- of every detector ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
@given(xs=values, cut=st.integers(0, 50))
@QUICK
def test_cuts_and_snapshots_change_nothing(name: str, xs: list[float], cut: int) -> None:
    whole = MAKERS[name]().update(np.array(xs))
    first = MAKERS[name]()
    head = first.update(np.array(xs[:cut]))
    second = MAKERS[name]()
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    tail = second.update(np.array(xs[cut:]))
    same(whole, {key: np.concatenate([head[key], tail[key]]) for key in whole})


@pytest.mark.parametrize("name", MAKERS)
@given(xs=values, other=values, cut=st.integers(1, 50))
@QUICK
def test_what_comes_later_changes_nothing(name: str, xs: list[float], other: list[float], cut: int) -> None:
    cut = min(cut, len(xs))
    whole = MAKERS[name]().update(np.array(xs))
    changed = MAKERS[name]().update(np.array(xs[:cut] + other))
    same({key: column[:cut] for key, column in whole.items()}, {k: c[:cut] for k, c in changed.items()})


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2e60])
def test_a_batch_with_a_bad_value_is_refused_as_a_whole(name: str, bad: float) -> None:
    detector = MAKERS[name]()
    detector.update(np.array([0.5, -0.5, 1.0]))
    before = detector.snapshot()
    with pytest.raises(DataError, match="finite"):
        detector.update(np.array([1.0, bad, 1.0]))
    assert detector.snapshot() == before


@pytest.mark.parametrize("name", MAKERS)
def test_reset_is_as_new_and_other_states_are_refused(name: str) -> None:
    detector = MAKERS[name]()
    detector.update(np.arange(5.0))
    detector.reset()
    xs = np.sin(np.arange(30.0)) * 3
    same(detector.update(xs), MAKERS[name]().update(xs))
    other = MAKERS["cusum" if name != "cusum" else "change_point"]().snapshot()
    for state in (b"", other, detector.snapshot()[:-3]):
        with pytest.raises(RecoveryError):
            detector.restore(state)


@pytest.mark.parametrize("name", MAKERS)
def test_extreme_but_finite_values_keep_statistics_numbers(name: str) -> None:
    detector = MAKERS[name]()
    for column in detector.update(np.array([1e60, -1e60, 0.0, 1e-300, 1e30, 1e60])).values():
        assert np.isfinite(np.asarray(column, float)).all()
    assert len(detector.update(np.array([]))["alarm"]) == 0


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (PageHinkleySettings, {"delta": -0.1}),
        (PageHinkleySettings, {"threshold": 0}),
        (PageHinkleySettings, {"fading": 1.1}),
        (PageHinkleySettings, {"fading": 0.0}),
        (PageHinkleySettings, {"minimum_observations": 0}),
        (PageHinkleySettings, {"direction": "sideways"}),
        (CusumSettings, {"allowance": -1}),
        (CusumSettings, {"threshold": math.inf}),
        (LikelihoodRatioSettings, {"window": 9, "minimum_segment": 5}),
        (LikelihoodRatioSettings, {"of": "variance", "minimum_segment": 1}),
        (LikelihoodRatioSettings, {"variance": 0}),
        (LikelihoodRatioSettings, {"growth": 0.5}),
        (LikelihoodRatioSettings, {"mean": math.nan}),
        (ChangePointSettings, {"expected_run": 1}),
        (ChangePointSettings, {"expected_run": 100, "least_mass": 0.01}),
        (ChangePointSettings, {"runs": 9}),
        (ChangePointSettings, {"threshold": 1}),
        (ChangePointSettings, {"recent": 0}),
        (ChangePointSettings, {"prior_shape": 0}),
    ],
)
def test_settings_outside_their_domain_are_refused(make: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(**bad)


def test_settings_at_the_ends_of_their_domains_make_detectors() -> None:
    PageHinkleySettings(delta=0, fading=1, minimum_observations=1).detector()
    CusumSettings(allowance=0, threshold=1e-60).detector()
    LikelihoodRatioSettings(window=10, minimum_segment=5, growth=10).detector()
    LikelihoodRatioSettings(of="variance", window=4, minimum_segment=2).detector()
    ChangePointSettings(expected_run=1.001, runs=10, least_mass=0, recent=1).detector()


def test_rust_refuses_what_settings_would() -> None:
    with pytest.raises(ConfigError):
        _core.Cusum(allowance=0.5, threshold=math.nan)
    with pytest.raises(ConfigError):
        _core.PageHinkley(delta=0, threshold=1, fading=1, minimum_observations=1, direction="left")
    ratio: dict[str, Any] = {"variance": 1, "window": 10, "minimum_segment": 2, "growth": 1, "threshold": 1}
    for changed in ({"of": "median", "mean": 0.0}, {"of": "mean", "mean": math.inf}):
        with pytest.raises(ConfigError):
            _core.LikelihoodRatio(**ratio, **changed)  # type: ignore[arg-type]
    with pytest.raises(AuroraError):
        _core.Cusum(allowance=0.5, threshold=4.0).update(np.arange(6.0)[::2])


# --- Page-Hinkley ---------------------------------------------------------------------------------------------------

RIVER = {"delta": 0.005, "threshold": 50.0, "fading": 0.9999, "minimum_observations": 30}


def first_alarm(detector: Any, xs: Any) -> int | None:
    found = np.flatnonzero(detector.update(np.asarray(xs, float))["alarm"])
    return int(found[0]) if len(found) else None


def test_page_hinkley_reference_indices() -> None:
    stream = random.Random(12345)
    xs = stream.choices([0, 1], k=1000) + stream.choices(range(4, 8), k=1000)
    at = first_alarm(PageHinkleySettings(**RIVER).detector(), xs)
    assert at is not None
    assert (at, xs[at]) == (1006, 5)
    numbers = np.random.default_rng(12345)
    xs = [*numbers.integers(0, 2, 1000), *numbers.integers(4, 8, 1000)]
    assert first_alarm(PageHinkleySettings(**RIVER).detector(), xs) == 1008
    step = [0.0] * 100 + [1.0] * 100
    for threshold, index in ((5.0, 105), (10.0, 110)):
        assert first_alarm(PageHinkleySettings(**{**RIVER, "threshold": threshold}).detector(), step) == index


@given(
    xs=st.lists(st.floats(-10, 10, allow_nan=False), min_size=1, max_size=120),
    threshold=st.floats(0.5, 20),
    fading=st.floats(0.5, 1),
    delta=st.floats(0, 1),
    minimum=st.integers(1, 40),
    direction=st.sampled_from(["up", "down", "both"]),
)
@settings(max_examples=200, deadline=None)
def test_page_hinkley_alarms_where_river_does(
    xs: list[float], threshold: float, fading: float, delta: float, minimum: int, direction: Any
) -> None:
    river = RiverPageHinkley(minimum, delta, threshold, fading, direction)
    want = []
    for x in xs:
        river.update(x)
        want.append(river.drift_detected)
    detector = PageHinkleySettings(
        threshold=threshold, fading=fading, delta=delta, minimum_observations=minimum, direction=direction
    ).detector()
    assert (detector.update(np.array(xs))["alarm"] != 0).tolist() == want


# --- likelihood ratios ----------------------------------------------------------------------------------------------


def test_mean_ratio_reference_number() -> None:
    detector = LikelihoodRatioSettings(minimum_segment=1, threshold=2.05).detector()
    out = detector.update(np.array([0.1, -0.2, 0.05, 0.15, -0.1, 0, 1.1, 0.9, 1.05, 1]))
    assert out["statistic"][-1] == pytest.approx(2.0503125, abs=1e-12)
    assert (out["segment"][-1], out["alarm"][-1]) == (4, 1)


def full_history_ratios(xs: np.ndarray, least: int) -> tuple[float, float]:
    """Log-likelihood ratios from normal densities: of the mean (known before: 0, variance 1), of the variance."""
    by_mean = by_variance = 0.0
    none = stats.norm.logpdf(xs).sum()
    for k in range(len(xs) - least + 1):
        late = xs[k:]
        moved = stats.norm.logpdf(xs[:k]).sum() + stats.norm.logpdf(late, late.mean()).sum()
        by_mean = max(by_mean, moved - none)
        if k >= least:
            scales = [math.sqrt(float(np.mean(part**2))) for part in (xs[:k], late, xs)]
            if min(scales) > 0:
                apart = (
                    stats.norm.logpdf(xs[:k], 0, scales[0]).sum()
                    + stats.norm.logpdf(late, 0, scales[1]).sum()
                )
                by_variance = max(by_variance, apart - stats.norm.logpdf(xs, 0, scales[2]).sum())
    return by_mean, by_variance


@given(seed=st.integers(0, 2**32), count=st.integers(4, 30), least=st.integers(2, 4))
@QUICK
def test_ratios_are_those_of_the_densities(seed: int, count: int, least: int) -> None:
    numbers = np.random.default_rng(seed)
    xs = numbers.standard_normal(count) * np.where(np.arange(count) < count // 2, 1, 2.5)
    made = {"window": 100, "minimum_segment": least, "threshold": 1e9}
    found = [
        LikelihoodRatioSettings(of=of, **made).detector().update(xs)["statistic"][-1]  # type: ignore[arg-type]
        for of in ("mean", "variance")
    ]
    assert found == pytest.approx(full_history_ratios(xs, least), abs=1e-9)


# --- Bayesian change points -----------------------------------------------------------------------------------------


def untruncated(xs: np.ndarray, made: ChangePointSettings) -> tuple[np.ndarray, list[float]]:
    """P(run length) after the last observation and every log predictive, from all run lengths, by scipy's t."""
    posterior, logs = np.array([1.0]), []
    hazard = 1 / made.expected_run
    mu, kappa = np.array([made.prior_mean]), np.array([made.prior_mean_weight])
    alpha, beta = np.array([made.prior_shape]), np.array([made.prior_scale])
    for x in xs:
        density = stats.t.pdf(x, 2 * alpha, mu, np.sqrt(beta * (kappa + 1) / (alpha * kappa)))
        joint = posterior * density
        logs.append(math.log(joint.sum()))
        posterior = np.concatenate([[joint.sum() * hazard], joint * (1 - hazard)])
        posterior /= posterior.sum()
        beta = np.concatenate([[made.prior_scale], beta + kappa * (x - mu) ** 2 / (2 * (kappa + 1))])
        mu = np.concatenate([[made.prior_mean], (kappa * mu + x) / (kappa + 1)])
        kappa = np.concatenate([[made.prior_mean_weight], kappa + 1])
        alpha = np.concatenate([[made.prior_shape], alpha + 0.5])
    return posterior, logs


def test_change_point_reference_run_lengths() -> None:
    made = ChangePointSettings(expected_run=100, least_mass=0, threshold=0.3)
    out = made.detector().update(np.array([0.1, -0.2, 0.05, 0.15, -0.1, 0, 3.1, 2.9, 3.05, 3]))
    assert out["run_length"].tolist() == [1, 2, 3, 4, 5, 6, 7, 2, 3, 4]


@given(
    xs=st.lists(st.floats(-5, 5), min_size=1, max_size=60),
    run=st.floats(2, 1000),
    weight=st.floats(0.1, 5),
    shape=st.floats(0.3, 40),
    scale=st.floats(0.1, 5),
)
@QUICK
def test_change_points_equal_the_untruncated_posterior(
    xs: list[float], run: float, weight: float, shape: float, scale: float
) -> None:
    made = ChangePointSettings(
        expected_run=run,
        least_mass=0,
        prior_mean_weight=weight,
        prior_shape=shape,
        prior_scale=scale,
        recent=3,
    )
    detector = made.detector()
    out = detector.update(np.array(xs))
    want, logs = untruncated(np.array(xs), made)
    lengths, masses = detector.posterior()
    assert lengths.tolist() == list(range(len(xs) + 1))
    assert masses == pytest.approx(want, abs=1e-10)
    assert out["log_predictive"] == pytest.approx(logs, abs=1e-9)
    recent = sum(want[: min(4, len(xs))])
    assert out["recent_change"][-1] == pytest.approx(recent, abs=1e-10)
    assert detector.total_dropped == 0


def test_dropped_mass_is_stated_and_small() -> None:
    numbers = np.random.default_rng(3)
    xs = numbers.standard_normal(900) + np.repeat([0.0, 3.0, -1.0], 300)
    made = ChangePointSettings(expected_run=200, runs=400)
    detector = made.detector()
    out = detector.update(xs)
    assert 0 < detector.total_dropped < 2e-3
    assert detector.total_dropped == pytest.approx(out["dropped_mass"].sum(), abs=1e-12)
    want, logs = untruncated(xs, made)
    lengths, masses = detector.posterior()
    assert len(lengths) <= 400
    # Total variation distance to the posterior that dropped nothing is within what was stated.
    assert 1 - np.minimum(masses, want[lengths]).sum() <= detector.total_dropped
    assert np.abs(out["log_predictive"] - logs).max() < 2e-3


def test_change_point_alarms_once_per_change() -> None:
    numbers = np.random.default_rng(8)
    xs = numbers.standard_normal(600) + np.repeat([0.0, 5.0, 0.0], 200)
    alarms = np.flatnonzero(ChangePointSettings().detector().update(xs)["alarm"])
    assert len(alarms) == 2
    assert 200 <= alarms[0] < 204
    assert 400 <= alarms[1] < 404
