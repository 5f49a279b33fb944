"""The live monitor: its numbers, its gates at their exact edges, its window and its state."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from aurora.errors import DataError, RecoveryError
from aurora.signal import (
    CalibrationMonitor,
    MonitorSettings,
    bootstrap_interval,
    brier_score,
    brier_skill,
    check_calibration,
    expected_calibration_error,
    null_calibration_error,
    wilson_interval,
)

SMALL = MonitorSettings(min_outcomes=50, window=400, draws=200, max_ece=0.2)


def calibrated(n: int, seed: int = 0, spread: float = 0.45) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    p = draw.uniform(0.5 - spread, 0.5 + spread, n)
    return p, draw.random(n) < p


def monitor(p: np.ndarray, right: np.ndarray, settings: MonitorSettings = SMALL) -> CalibrationMonitor:
    subject = CalibrationMonitor(settings)
    for forecast, outcome in zip(p.tolist(), right.tolist(), strict=True):
        subject.learn(forecast, outcome)
    return subject


def test_the_report_holds_the_statistics_of_its_window() -> None:
    p, right = calibrated(300)
    report = monitor(p, right).check()
    assert report.n == 300
    assert report.ece == expected_calibration_error(p, right, 15)
    assert report.null == null_calibration_error(p, 15, draws=200)
    assert report.brier == brier_score(p, right)
    assert report.hit_rate == wilson_interval(int(right.sum()), 300)
    assert report.skill.estimate == pytest.approx(brier_skill(p, right), abs=1e-12)
    again = bootstrap_interval(
        [(p - right) ** 2, right], lambda score, share: 1 - score / (share * (1 - share)), draws=200
    )
    assert (report.skill.low, report.skill.high) == pytest.approx((again.low, again.high), abs=1e-12)
    assert report.failures == ()
    assert report.calibrated
    assert report.excess_ece == 0.0
    assert report == check_calibration(p, right, SMALL)


def test_skill_is_measured_against_the_reference_of_the_settings() -> None:
    """Of forecasts that say the share of all outcomes, none is better than the share; all are better than a coin."""
    right = np.arange(300) % 10 < 8
    p = np.full(300, 0.8)
    climatology = check_calibration(p, right, SMALL)
    assert climatology.skill is not None
    assert climatology.skill.high == pytest.approx(0.0, abs=1e-9)
    assert climatology.failures == ("no_proven_skill",)
    even = check_calibration(p, right, SMALL.model_copy(update={"reference": "even"}))
    assert even.skill is not None
    assert even.skill.estimate == pytest.approx(brier_skill(p, right, 0.5), abs=1e-12)
    assert even.skill.estimate == pytest.approx(1 - 0.16 / 0.25, abs=1e-12)
    again = bootstrap_interval([(p - right) ** 2], lambda score: 1 - score / 0.25, draws=200)
    assert (even.skill.low, even.skill.high) == pytest.approx((again.low, again.high), abs=1e-12)
    assert even.calibrated


def test_bins_are_cut_as_the_settings_say() -> None:
    draw = np.random.default_rng(8)
    p = draw.random(300) ** 3
    right = draw.random(300) < p
    settings = SMALL.model_copy(update={"binning": "equal_mass", "bins": 7, "level": 0.9, "seed": 4})
    report = check_calibration(p, right, settings)
    assert report.ece == expected_calibration_error(p, right, 7, "equal_mass")
    assert report.ece != expected_calibration_error(p, right, 7)
    assert report.null == null_calibration_error(p, 7, "equal_mass", level=0.9, draws=200, seed=4)
    assert report.null.quantile != null_calibration_error(p, 7, level=0.9, draws=200, seed=4).quantile
    assert report.hit_rate == wilson_interval(int(right.sum()), 300, 0.9)


def test_overconfidence_is_found_and_its_excess_measured() -> None:
    p, right = calibrated(2000, spread=0.2)
    loud = np.clip(0.5 + 2.4 * (p - 0.5), 0, 1)
    report = check_calibration(loud, right, MonitorSettings(draws=200))
    assert report.failures[:2] == ("error_above_limit", "error_above_chance")
    assert report.excess_ece == report.ece - report.null.quantile > 0.05
    assert not report.calibrated


def test_no_skill_is_found() -> None:
    draw = np.random.default_rng(3)
    p = draw.uniform(0.45, 0.55, 400)
    report = check_calibration(p, draw.random(400) < 0.5, SMALL)
    assert "no_proven_skill" in report.failures
    assert report.skill.low <= 0


def test_each_gate_at_its_edge() -> None:
    p, right = calibrated(400, seed=1)
    report = check_calibration(p, right, SMALL)
    assert report.ece > 0

    def failures(**changed: object) -> tuple[str, ...]:
        return check_calibration(p, right, SMALL.model_copy(update=changed)).failures

    assert failures() == ()
    assert failures(min_outcomes=400) == ()
    assert failures(min_outcomes=401) == ("too_few_outcomes",)
    assert failures(max_ece=report.ece) == ()
    assert failures(max_ece=math.nextafter(report.ece, 0)) == ("error_above_limit",)
    # The null quantile at a level of one draw: some level has the error above it, some below.
    low = failures(level=0.01)
    assert low == ("error_above_chance",)


def test_an_error_equal_to_its_quantile_passes() -> None:
    # Sure forecasts that come true have no error, and none by chance.
    p = np.array([0.0, 1.0] * 50)
    report = check_calibration(p, p == 1, SMALL)
    assert report.ece == report.null.quantile == 0.0
    assert report.skill.low == 1.0
    assert report.calibrated


def test_skill_of_exactly_nought_does_not_pass() -> None:
    p = np.full(100, 0.5)
    right = np.tile([True, False], 50)
    settings = SMALL.model_copy(update={"bootstrap": "moving_block"})
    report = check_calibration(p, right, settings)
    assert report.skill.low <= 0
    assert report.failures == ("no_proven_skill",)


def test_nothing_and_one_outcome() -> None:
    empty = CalibrationMonitor(SMALL).check()
    assert (empty.n, empty.ece, empty.null, empty.excess_ece, empty.brier, empty.skill, empty.hit_rate) == (
        0,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    assert empty.failures == (
        "too_few_outcomes",
        "error_above_limit",
        "error_above_chance",
        "no_proven_skill",
    )
    one = monitor(np.array([0.7]), np.array([True])).check()
    assert one.n == 1
    assert one.ece == pytest.approx(0.3)
    assert one.skill is None
    assert "no_proven_skill" in one.failures


def test_one_class_has_no_skill() -> None:
    report = check_calibration(np.full(100, 0.9), np.ones(100, bool), SMALL)
    assert report.skill is None
    assert "no_proven_skill" in report.failures


def test_the_window_holds_the_latest() -> None:
    p, right = calibrated(1000)
    subject = monitor(p, right, SMALL)
    window_p, window_right = subject.window()
    np.testing.assert_array_equal(window_p, p[-400:])
    np.testing.assert_array_equal(window_right, right[-400:])
    assert len(subject.state()["p"]) <= 800


def test_more_excess_never_comes_from_a_better_fit() -> None:
    p, right = calibrated(2000, seed=5, spread=0.15)
    settings = MonitorSettings(draws=100)
    excess = [
        check_calibration(np.clip(0.5 + gain * (p - 0.5), 0, 1), right, settings).excess_ece
        for gain in (1.0, 1.6, 2.2, 2.8)
    ]
    assert excess == sorted(excess)
    assert excess[0] == 0.0
    assert excess[-1] > 0.05


def test_state_round_trips_to_the_bit() -> None:
    subject = monitor(*calibrated(120))
    text = json.dumps(subject.state())
    again = CalibrationMonitor(SMALL)
    again.load(json.loads(text))
    assert again.check() == subject.check()
    assert json.dumps(again.state()) == text
    with pytest.raises(RecoveryError, match="expected calibration_monitor"):
        again.load({"kind": "reliability", "version": 1})
    with pytest.raises(RecoveryError, match="version 2"):
        again.load({**subject.state(), "version": 2})


@pytest.mark.parametrize("p", [math.nan, math.inf, -0.1, 1.1])
def test_what_is_no_probability_is_refused(p: float) -> None:
    subject = CalibrationMonitor(SMALL)
    with pytest.raises(DataError, match="p is"):
        subject.learn(p, True)
    assert len(subject.window()[0]) == 0


def test_settings_that_do_not_fit_are_refused() -> None:
    defaults = MonitorSettings()
    assert (defaults.max_ece, defaults.min_outcomes, defaults.level, defaults.bins) == (0.05, 2000, 0.95, 15)
    assert MonitorSettings(min_outcomes=10, window=10).window == 10
    with pytest.raises(ValidationError, match="never open"):
        MonitorSettings(min_outcomes=11, window=10)
