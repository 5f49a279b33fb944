"""Detectors on labelled series: false alarms against a wanted run length, delay and sign of detections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from aurora.regime import (
    ChangePointSettings,
    CusumSettings,
    LikelihoodRatioSettings,
    PageHinkleySettings,
    cusum_run_length,
    cusum_threshold,
    simulated_threshold,
)

WANTED = 500
"""Observations between false alarms."""
PATHS = 600

Maker = Callable[[float], Any]
Statistic = Callable[[dict[str, Any]], Any]
# Detector by threshold, its statistic, and a threshold out of reach.
KINDS: dict[str, tuple[Maker, Statistic, float]] = {
    "page_hinkley": (
        lambda h: PageHinkleySettings(threshold=h, delta=0.25).detector(),
        lambda out: np.maximum(out["increase"], out["decrease"]) * (np.arange(len(out["alarm"])) >= 29),
        1e9,
    ),
    "mean_ratio": (
        lambda h: LikelihoodRatioSettings(window=100, minimum_segment=1, threshold=h).detector(),
        lambda out: out["statistic"],
        1e9,
    ),
    "variance_ratio": (
        lambda h: LikelihoodRatioSettings(
            of="variance", window=100, minimum_segment=10, threshold=h
        ).detector(),
        lambda out: out["statistic"],
        1e9,
    ),
    "change_point": (
        lambda h: ChangePointSettings(
            expected_run=WANTED, runs=1000, recent=40, threshold=h, prior_shape=5, prior_scale=5
        ).detector(),
        lambda out: out["recent_change"],
        1 - 1e-12,
    ),
}


@pytest.fixture(scope="module")
def thresholds() -> dict[str, float]:
    found = {"cusum": cusum_threshold(0.5, WANTED)}
    for name, (maker, statistic, unreachable) in KINDS.items():
        found[name] = simulated_threshold(
            lambda xs, m=maker, s=statistic, u=unreachable: s(m(u).update(xs)),  # type: ignore[misc]
            WANTED,
            paths=PATHS,
            seed=101,
        )
    return found


def made(name: str, thresholds: dict[str, float]) -> Any:
    if name == "cusum":
        return CusumSettings(threshold=thresholds[name]).detector()
    return KINDS[name][0](thresholds[name])


@pytest.mark.parametrize("name", ["cusum", *KINDS])
def test_false_alarms_come_at_the_wanted_rate(name: str, thresholds: dict[str, float]) -> None:
    count = 60_000
    xs = np.random.default_rng(7).standard_normal(count)
    alarms = int((made(name, thresholds).update(xs)["alarm"] != 0).sum())
    # Times between false alarms are no more variable than exponential ones, so a count is no wider than Poisson's; a
    # simulated threshold adds a relative error of 1.3 / sqrt(PATHS) in the run length, three of which are 16 %.
    loose = 0.0 if name == "cusum" else 3 * 1.31 / PATHS**0.5
    low = stats.poisson.ppf(0.005, count / WANTED * (1 - loose))
    high = stats.poisson.ppf(0.995, count / WANTED * (1 + loose))
    assert low <= alarms <= high, f"{alarms} alarms, wanted {count / WANTED:.0f}"


def delays(name: str, thresholds: dict[str, float], kind: str, size: float) -> tuple[np.ndarray, int, int]:
    """Observations to the first alarm after the change, of series that raised none before; signs; false ones."""
    rng = np.random.default_rng(23)
    found, signs, early = [], 0, 0
    want = 1 if size > (0 if kind == "mean" else 1) else -1
    for _ in range(300):
        xs = rng.standard_normal(250)
        xs[150:] = xs[150:] + size if kind == "mean" else xs[150:] * size
        alarm = made(name, thresholds).update(xs)["alarm"]
        at = np.flatnonzero(alarm)
        if len(at) and at[0] < 150:
            early += 1
            continue
        if len(at):
            found.append(int(at[0]) - 149)
            signs += int(alarm[at[0]] == want)
    return np.array(found), signs, early


# For the CUSUM the bound is the exact delay from its worst state. The others know less beforehand (neither the size
# nor, for two of them, the mean before), which may cost up to as much again. No detector of this run length can be
# faster than about ln(500) / KL (Lorden 1971): 12.4 observations for a shift by 1, 3.1 by 2.
@pytest.mark.parametrize("size", [1.0, -2.0])
@pytest.mark.parametrize("name", ["cusum", "page_hinkley", "mean_ratio", "change_point"])
def test_a_shift_of_the_mean_is_found_soon(name: str, size: float, thresholds: dict[str, float]) -> None:
    found, signs, early = delays(name, thresholds, "mean", size)
    # A false alarm in 150 observations: 1 - exp(-150 / 500) = 26 %; at most the binomial 99.5 % bound.
    assert early <= stats.binom.ppf(0.995, 300, 1 - np.exp(-150 / WANTED * 1.16))
    assert len(found) + early == 300, "every change is found within 100 observations"
    # The change point has no sign. Of the others a false alarm of the other sign may come first while a shift is still
    # found: in 10 observations with probability 2 %, half of them of the other sign.
    if name != "change_point":
        assert signs >= stats.binom.ppf(0.005, len(found), 0.99)
    exact = cusum_run_length(0.5, thresholds["cusum"], abs(size))
    allowed = exact if name == "cusum" else 2 * exact
    error = found.std(ddof=1) / len(found) ** 0.5
    assert found.mean() <= allowed + 3 * error, f"mean delay {found.mean():.2f}, allowed {allowed:.2f}"


@pytest.mark.parametrize("size", [3.0, 1 / 3])
def test_a_shift_of_the_variance_is_found(size: float, thresholds: dict[str, float]) -> None:
    found, signs, early = delays("variance_ratio", thresholds, "variance", size)
    assert early <= stats.binom.ppf(0.995, 300, 1 - np.exp(-150 / WANTED * 1.16))
    assert len(found) + early == 300
    # False alarms of the other sign, as above.
    assert signs >= stats.binom.ppf(0.005, len(found), 0.99)
    # After the change each observation is worth (v - 1 - ln v) / 2 nats on average, v the ratio of the variances: the
    # threshold over that, and the shortest segment.
    worth = (size**2 - 1 - np.log(size**2)) / 2
    assert found.mean() <= thresholds["variance_ratio"] / worth + 10
