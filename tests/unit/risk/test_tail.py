"""Tails: every number of spec/quant.md section 5, fallbacks with their reasons, gates and back-tests at the edge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aurora.errors import AuroraError
from aurora.risk import (
    GeneralisedPareto,
    TailPolicy,
    acerbi_szekely,
    estimate_tail,
    expected_shortfall,
    fit_pareto,
    fit_pareto_moments,
    kupiec,
    normal_tail,
    pareto_negative_log_likelihood,
    portfolio_gate,
    portfolio_losses,
    student_tail,
    trade_gate,
    value_at_risk,
    z2_quantiles,
)
from aurora.risk.bootstrap import resample_indices

TWENTY = np.arange(1.0, 21.0)
EXCESSES = np.array([0.1, 0.25, 0.4, 0.55, 0.8, 1.1, 1.6, 2.4, 3.9, 7.5])
SMALL = TailPolicy(minimum_observations=50, minimum_exceedances=10, resamples=20)


@pytest.mark.parametrize(
    ("level", "quantile", "shortfall"),
    [(0.95, 1.644854, 2.062713), (0.975, 1.959964, 2.337803), (0.99, 2.326348, 2.665214)],
)
def test_normal_tails(level: float, quantile: float, shortfall: float) -> None:
    assert normal_tail(level) == pytest.approx((quantile, shortfall), abs=5e-7)


def test_student_tail() -> None:
    assert student_tail(0.975, 4) == pytest.approx((1.963243, 2.823871), abs=5e-7)
    assert student_tail(0.95, 1e7) == pytest.approx(normal_tail(0.95), abs=1e-5)


def test_empirical_tail_with_a_fraction_of_the_boundary() -> None:
    assert value_at_risk(TWENTY, 0.9) == 18.0
    assert expected_shortfall(TWENTY, 0.9) == 19.5
    # 0.93 · 20 = 18.6: (19 · 0.4 + 20) / 1.4
    assert value_at_risk(TWENTY, 0.93) == 19.0
    assert expected_shortfall(TWENTY, 0.93) == pytest.approx((19 * 0.4 + 20) / 1.4, rel=1e-12)
    assert expected_shortfall(TWENTY, 0.99) == 20.0
    assert expected_shortfall(TWENTY[::-1], 0.9) == 19.5


def test_degenerate_empirical_tails() -> None:
    assert value_at_risk(np.array([]), 0.9) is None
    assert expected_shortfall(np.array([]), 0.9) is None
    assert (value_at_risk(np.array([3.0]), 0.9), expected_shortfall(np.array([3.0]), 0.9)) == (3.0, 3.0)
    same = np.full(40, -2.5)
    assert (value_at_risk(same, 0.95), expected_shortfall(same, 0.95)) == (-2.5, -2.5)


def test_danish_fire_losses() -> None:
    law = GeneralisedPareto(0.497, 6.975, 0.0)
    assert law.tail(0.99, 10.0, 2167, 109) == pytest.approx((27.289, 58.239), abs=5e-4)
    assert law.tail(0.99, 10.0, 2156, 109) == pytest.approx((27.37, 58.40), abs=5e-3)


def test_the_exponential_limit_is_smooth() -> None:
    at_zero = GeneralisedPareto(0.0, 2.0, 0.0).tail(0.99, 1.0, 1000, 100)
    assert at_zero == pytest.approx((1.0 + 2.0 * math.log(10), 3.0 + 2.0 * math.log(10)), rel=1e-12)
    for shape in (1e-8, -1e-8, 1e-10):
        assert GeneralisedPareto(shape, 2.0, 0.0).tail(0.99, 1.0, 1000, 100) == pytest.approx(
            at_zero, rel=1e-6
        )
        assert pareto_negative_log_likelihood(EXCESSES, shape, 1.5) == pytest.approx(
            pareto_negative_log_likelihood(EXCESSES, 0.0, 1.5), rel=1e-5
        )


def test_a_law_without_a_mean_has_no_shortfall() -> None:
    assert GeneralisedPareto(1.0, 1.0, 0.0).tail(0.99, 0.0, 100, 10) == (pytest.approx(9.0), None)
    quantile, shortfall = GeneralisedPareto(0.999, 1.0, 0.0).tail(0.99, 0.0, 100, 10)
    assert shortfall is not None
    assert shortfall > 1000 * quantile / 2


def test_a_level_at_the_threshold_is_the_threshold() -> None:
    assert GeneralisedPareto(0.3, 1.0, 0.0).tail(0.9, 5.0, 1000, 100)[0] == pytest.approx(5.0, abs=1e-12)
    with pytest.raises(AuroraError, match="below the threshold"):
        GeneralisedPareto(0.3, 1.0, 0.0).tail(0.89, 5.0, 1000, 100)
    for count, exceedances in ((100, 0), (100, 101)):
        with pytest.raises(AuroraError):
            GeneralisedPareto(0.3, 1.0, 0.0).tail(0.99, 5.0, count, exceedances)


def test_pareto_fits() -> None:
    fit = fit_pareto(EXCESSES)
    assert fit is not None
    assert (fit.shape, fit.scale) == pytest.approx((0.272646, 1.384481), abs=1e-6)
    assert fit.negative_log_likelihood == pytest.approx(15.97971098, abs=5e-9)
    moments = fit_pareto_moments(EXCESSES)
    assert moments is not None
    assert (moments.shape, moments.scale) == pytest.approx((0.327037, 1.251711), abs=5e-7)


def test_fits_recover_the_truth_from_quantiles() -> None:
    points = (np.arange(1, 501) - 0.5) / 500
    sample = ((1 - points) ** -0.25 - 1) / 0.25
    for fit in (fit_pareto(sample), fit_pareto_moments(sample)):
        assert fit is not None
        assert fit.shape == pytest.approx(0.25, abs=0.03)
        assert fit.scale == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [0.0] * 9, [2.0] * 9])
def test_what_has_no_shape_has_no_fit(values: list[float]) -> None:
    assert fit_pareto(np.array(values)) is None
    assert fit_pareto_moments(np.array(values)) is None


def test_light_tails_stop_where_likelihood_is_regular() -> None:
    uniform = fit_pareto(np.linspace(0.01, 1.0, 100))
    assert uniform is not None
    assert uniform.shape == pytest.approx(-0.5, abs=1e-6)


def test_likelihood_outside_the_support_is_infinite() -> None:
    assert pareto_negative_log_likelihood(EXCESSES, -0.5, 1.0) == math.inf
    assert pareto_negative_log_likelihood(EXCESSES, 0.1, 0.0) == math.inf
    assert pareto_negative_log_likelihood(EXCESSES, 0.1, -1.0) == math.inf


# --- the estimate -----------------------------------------------------------------------------------------------


def student(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_t(4, count)


def test_peaks_over_threshold_from_a_thousand_losses() -> None:
    losses = student(1000)
    found = estimate_tail(losses, TailPolicy(resamples=50), seed=1)
    assert (found.method, found.reason, found.losses, found.exceedances) == ("pot", None, 1000, 100)
    assert found.haircut == 0.0
    assert found.threshold == np.sort(losses)[899]
    assert found.shape is not None
    assert found.expected_shortfall is not None
    assert found.value_at_risk is not None
    scale = math.sqrt(2)
    truth = [value * scale for value in student_tail(0.95, 4)]
    assert found.value_at_risk == pytest.approx(truth[0], rel=0.15)
    assert found.expected_shortfall == pytest.approx(truth[1], rel=0.3)
    assert found.expected_shortfall_interval is not None
    assert found.value_at_risk_interval is not None
    low, high = found.expected_shortfall_interval
    assert low < found.expected_shortfall < high
    assert found.value_at_risk_interval[0] < found.value_at_risk < found.value_at_risk_interval[1]


def test_the_interval_is_seeded() -> None:
    losses, policy = student(1200), TailPolicy(resamples=20)
    one, again, other = (estimate_tail(losses, policy, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.expected_shortfall == other.expected_shortfall
    assert one.expected_shortfall_interval != other.expected_shortfall_interval
    blocks = estimate_tail(losses, policy, seed=1, block_length=20.0)
    assert blocks.expected_shortfall_interval != one.expected_shortfall_interval


@pytest.mark.parametrize(
    ("losses", "method", "reason"),
    [
        (student(999), "empirical", "too_few_losses"),
        (np.concatenate([np.zeros(950), np.arange(1.0, 51.0)]), "empirical", "too_few_exceedances"),
        (np.zeros(2000), "empirical", "too_few_exceedances"),
        (np.concatenate([np.zeros(1800), np.ones(200)]), "empirical", "fit_failed"),
        (np.array([]), "none", "no_losses"),
        (np.array([5.0]), "empirical", "too_few_losses"),
    ],
)
def test_fallbacks_have_their_reason(losses: Any, method: str, reason: str) -> None:
    found = estimate_tail(losses, TailPolicy(resamples=20), seed=1)
    assert (found.method, found.reason, found.shape) == (method, reason, None)
    plain = expected_shortfall(losses, 0.95)
    if plain is None:
        assert (found.expected_shortfall, found.value_at_risk, found.haircut) == (None, None, 0.0)
        return
    cut = 0.15 * math.sqrt(1000 / len(losses))
    assert found.haircut == pytest.approx(cut, rel=1e-12)
    assert found.expected_shortfall == pytest.approx(plain * (1 + cut), rel=1e-12)
    assert (found.expected_shortfall_interval is None) == (len(losses) < 2)


def test_a_haircut_never_makes_a_tail_better() -> None:
    gains = estimate_tail(np.full(100, -1.0), TailPolicy(resamples=20), seed=1)
    assert gains.expected_shortfall == pytest.approx(-1.0 + 0.15 * math.sqrt(10))


def test_a_tail_without_a_mean_is_undefined_and_refused() -> None:
    heavy = 1.0 / np.random.default_rng(5).random(3000) ** 1.5
    found = estimate_tail(heavy, TailPolicy(resamples=20), seed=1)
    assert (found.method, found.reason) == ("pot", "infinite_mean")
    assert found.shape is not None
    assert found.shape >= 1.0
    assert found.expected_shortfall is None
    assert found.value_at_risk is not None
    assert trade_gate(found.expected_shortfall, 1e9, TailPolicy()).reason == "deny.tail_trade"


def test_a_threshold_above_the_level_does_not_fit() -> None:
    policy = TailPolicy(threshold_quantile="0.96", minimum_exceedances=10, resamples=20)
    found = estimate_tail(student(1000), policy, seed=1)
    assert (found.method, found.reason, found.exceedances) == ("empirical", "too_few_exceedances", 40)


def test_small_policies_move_the_thresholds() -> None:
    assert estimate_tail(student(100), SMALL, seed=1).method == "pot"
    assert estimate_tail(student(99), SMALL, seed=1).reason == "too_few_exceedances"
    assert estimate_tail(student(49), SMALL, seed=1).reason == "too_few_losses"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(wrong: float) -> None:
    losses = np.array([1.0, wrong, 2.0])
    calls: list[Any] = [
        lambda: estimate_tail(losses, TailPolicy(), seed=1),
        lambda: value_at_risk(losses, 0.9),
        lambda: expected_shortfall(losses, 0.9),
        lambda: fit_pareto(losses),
        lambda: fit_pareto_moments(losses),
        lambda: trade_gate(wrong, 1.0, TailPolicy()),
        lambda: trade_gate(1.0, wrong, TailPolicy()),
        lambda: portfolio_gate(wrong, 1.0),
        lambda: portfolio_gate(1.0, wrong),
        lambda: normal_tail(wrong),
        lambda: student_tail(0.95, wrong),
        lambda: kupiec(1, 10, wrong),
        lambda: acerbi_szekely(losses, np.ones(3), np.ones(3), 0.975),
        lambda: acerbi_szekely(np.ones(3), losses, np.ones(3), 0.975),
        lambda: acerbi_szekely(np.ones(3), np.ones(3), losses, 0.975),
        lambda: portfolio_losses(losses, np.ones((2, 3))),
        lambda: resample_indices(np.random.default_rng(1), 5, wrong),
    ]
    for call in calls:
        with pytest.raises(AuroraError):
            call()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.1])
def test_levels_lie_between_nothing_and_everything(level: float) -> None:
    for call in (value_at_risk, expected_shortfall):
        with pytest.raises(AuroraError):
            call(TWENTY, level)
    with pytest.raises(AuroraError):
        normal_tail(level)


def test_shapes_and_negative_excesses_are_refused() -> None:
    for call in (fit_pareto, fit_pareto_moments):
        with pytest.raises(AuroraError, match="not negative"):
            call(np.array([1.0, -0.1, 2.0]))
    with pytest.raises(AuroraError):
        value_at_risk(np.ones((2, 2)), 0.9)
    with pytest.raises(AuroraError):
        portfolio_losses(np.ones(2), np.ones((5, 3)))
    with pytest.raises(AuroraError):
        student_tail(0.95, 2.0)


# --- gates ------------------------------------------------------------------------------------------------------


def test_gates_may_be_reached_and_not_passed() -> None:
    assert trade_gate(2000.0, 100_000.0, TailPolicy()).reason is None
    refused = trade_gate(2000.0000001, 100_000.0, TailPolicy())
    assert (refused.reason, refused.limit) == ("deny.tail_trade", 2000.0)
    assert portfolio_gate(2500.0, 2500.0).reason is None
    assert portfolio_gate(2500.0001, 2500.0).reason == "deny.tail_portfolio"
    assert portfolio_gate(None, 2500.0).reason == "deny.tail_portfolio"
    assert trade_gate(0.0, -5.0, TailPolicy()).limit == 0.0
    assert portfolio_gate(0.1, -5.0).reason == "deny.tail_portfolio"


def test_portfolio_losses_by_hand() -> None:
    losses = portfolio_losses(np.array([100.0, -50.0]), np.array([[0.01, 0.02], [-0.1, 0.1]]))
    assert losses == pytest.approx([0.0, 15.0])


# --- back-tests -------------------------------------------------------------------------------------------------


def test_kupiec() -> None:
    found = kupiec(7, 250, 0.99)
    assert found is not None
    assert found.likelihood_ratio == pytest.approx(5.49699, abs=5e-6)
    assert found.p_value == pytest.approx(0.0190, abs=5e-5)
    exact = kupiec(5, 100, 0.95)
    assert exact is not None
    assert exact.likelihood_ratio == pytest.approx(0.0, abs=1e-12)
    assert exact.p_value == pytest.approx(1.0, abs=1e-6)
    none, all_of_them = kupiec(0, 250, 0.99), kupiec(10, 10, 0.99)
    assert none is not None
    assert all_of_them is not None
    assert none.likelihood_ratio == pytest.approx(-500 * math.log(0.99), rel=1e-12)
    assert all_of_them.likelihood_ratio == pytest.approx(-20 * math.log(0.01), rel=1e-9)
    assert kupiec(0, 0, 0.99) is None
    for violations, observations in ((-1, 10), (11, 10)):
        with pytest.raises(AuroraError):
            kupiec(violations, observations, 0.99)


def test_acerbi_and_szekely_by_hand() -> None:
    """Two violations, of 3 and 5 against an ES of 4, in ten periods at 80 %: Z2 = 1 - (0.75 + 1.25) / 2 = 0."""
    losses = np.array([0.0, 1, 2, 3, 5, 0, 0, 1, -4, 2])
    found = acerbi_szekely(losses, np.full(10, 2.0), np.full(10, 4.0), 0.8)
    assert found is not None
    assert (found.observations, found.violations) == (10, 2)
    assert found.z2 == pytest.approx(0.0, abs=1e-12)
    assert found.z1 == pytest.approx(0.0, abs=1e-12)
    assert found.passed
    worse = acerbi_szekely(losses, np.full(10, 2.0), np.full(10, 2.0), 0.8)
    assert worse is not None
    assert (worse.z1, worse.z2, worse.passed) == (pytest.approx(-1.0), pytest.approx(-1.0), False)
    quiet = acerbi_szekely(losses, np.full(10, 9.0), np.full(10, 10.0), 0.8)
    assert quiet is not None
    assert (quiet.z1, quiet.z2, quiet.violations) == (None, 1.0, 0)
    at = acerbi_szekely(losses, np.full(10, 2.0), np.full(10, 2.0), 0.8, critical=-1.0)
    assert at is not None
    assert at.passed, "the critical value itself passes"


def test_back_tests_refuse_what_does_not_pair_up() -> None:
    ones = np.ones(3)
    assert acerbi_szekely(np.array([]), np.array([]), np.array([]), 0.975) is None
    for call in (
        lambda: acerbi_szekely(ones, ones, np.ones(2), 0.975),
        lambda: acerbi_szekely(ones, np.ones(4), ones, 0.975),
        lambda: acerbi_szekely(ones, ones, np.zeros(3), 0.975),
        lambda: z2_quantiles([0.0], level=0.975, observations=10, freedom=None, draws=10, seed=1),
        lambda: z2_quantiles([0.5], level=0.975, observations=0, freedom=None, draws=10, seed=1),
        lambda: z2_quantiles([0.5], level=0.975, observations=10, freedom=None, draws=0, seed=1),
    ):
        with pytest.raises(AuroraError):
            call()


@pytest.mark.parametrize(("freedom", "five", "rare"), [(None, -0.700, -1.71), (5, -0.731, -1.91)])
def test_critical_values_of_z2(freedom: float | None, five: float, rare: float) -> None:
    """The published values lie within three standard errors of the simulated rank, both ways."""
    draws = 120_000
    for value, probability in ((five, 0.05), (rare, 0.0001)):
        error = 3 * math.sqrt(probability * (1 - probability) / draws)
        low, middle, high = z2_quantiles(
            [probability - error, probability, probability + error],
            level=0.975,
            observations=250,
            freedom=freedom,
            draws=draws,
            seed=7,
        )
        assert low < middle < high
        # The published ones come from a simulation, too, and are rounded.
        assert low - 0.005 <= value <= high + 0.005


def test_resamples() -> None:
    generator = np.random.default_rng(1)
    assert len(resample_indices(generator, 0)) == 0
    single = resample_indices(generator, 1, 5.0)
    assert list(single) == [0]
    blocks = resample_indices(np.random.default_rng(2), 100_000, 10.0)
    steps = (blocks[1:] - blocks[:-1]) % 100_000
    assert np.mean(steps != 1) == pytest.approx(0.1, abs=0.005), "blocks of ten on average"
    assert blocks.min() >= 0
    assert blocks.max() < 100_000
    plain = resample_indices(np.random.default_rng(2), 100_000)
    assert np.mean((plain[1:] - plain[:-1]) % 100_000 != 1) > 0.999
