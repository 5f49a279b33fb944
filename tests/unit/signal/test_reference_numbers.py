"""Published and computed reference numbers of calibration, consensus and learning, at their tolerances."""

from __future__ import annotations

import numpy as np
import pytest

from aurora.signal import (
    AdaptiveConformal,
    BetaCalibration,
    IsotonicCalibration,
    PlattScaling,
    VennAbersCalibration,
    brier_parts,
    brier_score,
    brier_skill,
    conformal_rank,
    consensus_weights,
    expected_calibration_error,
    null_calibration_error,
    upper_confidence,
    wilson_interval,
)

SCORES = np.arange(-2, 2.6, 0.5)
RIGHT = np.array([0, 0, 1, 0, 0, 1, 1, 0, 1, 1])
SIGMOID = 1 / (1 + np.exp(-SCORES))
P = [0.1, 0.15, 0.35, 0.4, 0.65, 0.7, 0.85, 0.9]
CAME_TRUE = [0, 0, 1, 0, 1, 0, 1, 1]


def test_platt() -> None:
    subject = PlattScaling()
    subject.fit(SCORES, RIGHT)
    assert subject.parameters == pytest.approx((-0.568869, 0.142217), abs=1e-6)


def test_isotonic() -> None:
    subject = IsotonicCalibration(clip=False)
    subject.fit(SCORES, RIGHT)
    third = 1 / 3
    expected = [0, 0, third, third, third, 2 * third, 2 * third, 2 * third, 1, 1]
    np.testing.assert_allclose(subject.predict(SCORES), expected, atol=1e-12)


def test_isotonic_is_clipped_to_what_ten_outcomes_can_say() -> None:
    subject = IsotonicCalibration()
    subject.fit(SCORES, RIGHT)
    p = subject.predict(SCORES)
    assert p[0] == 1 / 12
    assert p[-1] == 11 / 12
    assert p[2] == pytest.approx(1 / 3, abs=1e-12)


def test_beta() -> None:
    subject = BetaCalibration("probability")
    subject.fit(SIGMOID, RIGHT)
    a, b, _ = subject.parameters
    # betacal stops its optimiser with 9e-7 of the loss left, which is 3e-3 in the parameters and 3e-4 in the map;
    # the maximum itself is held to a general optimiser in test_calibrators.
    assert (a, b) == pytest.approx((0.937860, 0.846940), abs=4e-3)
    assert subject.midpoint == pytest.approx(0.557889, abs=1e-3)
    np.testing.assert_allclose(subject.predict([0.3, 0.5, 0.7]), [0.274677, 0.448441, 0.632100], atol=1e-3)


def test_venn_abers() -> None:
    subject = VennAbersCalibration()
    subject.fit(SIGMOID, RIGHT)
    p0, p1 = subject.interval([0.3, 0.7])
    np.testing.assert_allclose(p0, [0.25, 0.5], atol=1e-12)
    np.testing.assert_allclose(p1, [0.5, 0.75], atol=1e-12)
    np.testing.assert_allclose(subject.predict([0.3, 0.7]), [0.4, 0.6], atol=1e-12)


def test_brier_and_its_parts() -> None:
    assert brier_score(P, CAME_TRUE) == pytest.approx(0.1575, abs=1e-12)
    assert brier_skill(P, CAME_TRUE) == pytest.approx(0.37, abs=1e-12)
    parts = brier_parts(P, CAME_TRUE, bins=4)
    assert parts is not None
    assert parts.score == pytest.approx(0.1575, abs=1e-12)
    assert parts.reliability == pytest.approx(0.019375, abs=1e-12)
    assert parts.resolution == pytest.approx(0.125, abs=1e-12)
    assert parts.uncertainty == pytest.approx(0.25, abs=1e-12)
    assert parts.within_bin_variance == pytest.approx(0.000625, abs=1e-12)
    assert parts.within_bin_covariance == pytest.approx(-0.0125, abs=1e-12)


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_calibration_error(binning: str) -> None:
    assert expected_calibration_error(P, CAME_TRUE, 4, binning) == pytest.approx(0.1375, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "binning", "mean", "quantile"),
    [
        (200, "equal_width", 0.053, 0.089),
        (500, "equal_width", 0.035, 0.057),
        (1000, "equal_width", 0.025, 0.040),
        (2000, "equal_width", 0.017, 0.030),
        (5000, "equal_width", 0.011, 0.019),
        (200, "equal_mass", 0.107, 0.140),
        (500, "equal_mass", 0.069, 0.091),
        (1000, "equal_mass", 0.049, 0.065),
        (2000, "equal_mass", 0.035, 0.046),
        (5000, "equal_mass", 0.022, 0.029),
    ],
)
def test_calibration_error_by_chance(n: int, binning: str, mean: float, quantile: float) -> None:
    # The table has three decimals and noise of its own; three standard errors of 300 draws are allowed for it, the
    # spread of the error taken from the table's own quantile.
    spread = (quantile - mean) / 1.645
    draw = np.random.default_rng(8)
    nulls = [
        null_calibration_error(draw.normal(0.5, 0.05, n), binning=binning, draws=200, seed=k)
        for k in range(10)
    ]
    in_mean, in_quantile = 3 * spread / 300**0.5, 3 * (0.95 * 0.05 / 300) ** 0.5 * spread / 0.103
    assert np.mean([null.mean for null in nulls]) == pytest.approx(mean, abs=in_mean + 5e-4)
    assert np.mean([null.quantile for null in nulls]) == pytest.approx(quantile, abs=in_quantile + 5e-4)


def test_wilson() -> None:
    some, none = wilson_interval(81, 263), wilson_interval(0, 20)
    assert (some.low, some.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert none.low == 0.0
    assert none.high == pytest.approx(0.1611, abs=5e-5)


def test_conformal() -> None:
    assert conformal_rank(99, 0.1) == 90
    adaptive = AdaptiveConformal(0.1, 0.05)
    for missed in (False, True, False, False, True):
        adaptive.learn(missed)
    assert adaptive.miss_rate == pytest.approx(0.025, abs=1e-12)


def test_consensus_weights() -> None:
    found = consensus_weights(
        [[1, 0.8, 0.1], [0.8, 1, 0.2], [0.1, 0.2, 1]], {"trend": 1.0, "carry": 1.0, "flow": 1.0}
    )
    assert list(found.weights.values()) == pytest.approx([8 / 21, 3 / 21, 10 / 21], abs=1e-9)
    assert found.value == pytest.approx(0.542857142857, abs=1e-9)
    assert list(found.weights.values()) == pytest.approx([0.380952, 0.142857, 0.476190], abs=1e-6)


def test_upper_confidence() -> None:
    bounds = [upper_confidence(mean, n, 35) for mean, n in ((0.6, 10), (0.55, 20), (0.5, 5))]
    assert bounds == pytest.approx([1.443249, 1.146267, 1.692535], abs=1e-6)
