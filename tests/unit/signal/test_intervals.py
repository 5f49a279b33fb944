"""Wilson, bootstrap and conformal intervals against their libraries and closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from arch.bootstrap import MovingBlockBootstrap, StationaryBootstrap
from arch.bootstrap import optimal_block_length as optimal_block_length_library
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from aurora.errors import DataError, RecoveryError, UsageError
from aurora.signal import (
    AdaptiveConformal,
    SplitConformal,
    bootstrap_interval,
    conformal_classes,
    conformal_rank,
    optimal_block_length,
    resampled_means,
    wilson_interval,
)

MANY = settings(max_examples=150, deadline=None)

# --- Wilson ---------------------------------------------------------------------------------------------------------


@MANY
@given(count=st.integers(1, 5000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_wilson_as_statsmodels(count: int, share: float, level: float) -> None:
    hits = round(share * count)
    found = wilson_interval(hits, count, level)
    low, high = proportion_confint(hits, count, alpha=1 - level, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.estimate == hits / count
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 0) is None
    assert wilson_interval(0, 1).low == 0.0
    assert wilson_interval(1, 1).high == 1.0
    for hits, count in ((-1, 3), (4, 3)):
        with pytest.raises(DataError, match="hits is"):
            wilson_interval(hits, count)
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(DataError, match="level"):
            wilson_interval(1, 2, level)


# --- Block length ---------------------------------------------------------------------------------------------------


@MANY
@given(
    seed=st.integers(0, 9999),
    count=st.integers(10, 400),
    memory=st.sampled_from([-0.5, 0.0, 0.3, 0.8, 0.97]),
    binary=st.booleans(),
)
def test_block_length_as_arch(seed: int, count: int, memory: float, binary: bool) -> None:
    draw = np.random.default_rng(seed)
    x = np.empty(count)
    last = 0.0
    for i in range(count):
        last = memory * last + draw.normal()
        x[i] = last
    if binary:
        x = (x > 0).astype(float)
        if x.min() == x.max():
            return
    with np.errstate(all="ignore"):
        theirs = optimal_block_length_library(x).iloc[0]
    ours = optimal_block_length(x)
    assert ours[0] == pytest.approx(max(1.0, theirs["stationary"]), rel=1e-6)
    assert ours[1] == pytest.approx(max(1.0, theirs["circular"]), rel=1e-6)


@pytest.mark.parametrize("series", [[], [1.0], list(range(9)), [0.3] * 50])
def test_short_and_constant_series_have_blocks_of_one(series: list[float]) -> None:
    assert optimal_block_length(series) == (1.0, 1.0)


def test_ten_values_are_enough() -> None:
    assert optimal_block_length(np.arange(10))[0] > 1


# --- Bootstrap ------------------------------------------------------------------------------------------------------


def autoregressive(seed: int, count: int, memory: float = 0.6) -> np.ndarray:
    draw = np.random.default_rng(seed)
    x = np.zeros(count)
    for i in range(1, count):
        x[i] = memory * x[i - 1] + draw.normal()
    return x


@pytest.mark.parametrize("block_length", [1.0, 4.0, 15.0])
def test_stationary_means_have_the_variance_of_theory(block_length: float) -> None:
    x = autoregressive(3, 120)
    n, q = len(x), 1 - 1 / block_length
    centred = x - x.mean()
    circular = [float(centred @ np.roll(centred, -lag)) / n for lag in range(n)]
    # Politis and Romano 1994, equation 9: circular autocovariances, faded by the chance to stay in the block.
    variance = (circular[0] + 2 * sum((1 - i / n) * q**i * circular[i] for i in range(1, n))) / n
    draws = 20_000
    (means,) = resampled_means([x], block_length=block_length, draws=draws, seed=1)
    assert means.mean() == pytest.approx(x.mean(), abs=4 * math.sqrt(variance / draws))
    assert means.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / draws))


@pytest.mark.parametrize("block_length", [1.0, 3.5, 10.0])
def test_moving_block_means_have_the_variance_of_theory(block_length: float) -> None:
    x = autoregressive(4, 120)
    whole = math.ceil(block_length)
    blocks = np.array([x[i : i + whole].sum() for i in range(len(x) - whole + 1)])
    variance = blocks.var() * (120 / whole) / 120**2
    draws = 20_000
    (means,) = resampled_means([x], bootstrap="moving_block", block_length=block_length, draws=draws, seed=2)
    assert means.mean() == pytest.approx(blocks.mean() / whole, abs=4 * math.sqrt(variance / draws))
    assert means.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / draws))


@pytest.mark.parametrize("kind", ["stationary", "moving_block"])
@pytest.mark.parametrize("seed", range(4))
def test_intervals_as_arch(kind: str, seed: int) -> None:
    x = autoregressive(seed, 250)
    ours = bootstrap_interval(
        [x], lambda mean: mean, bootstrap=kind, block_length=8, draws=4000, seed=seed, level=0.9
    )
    library = (StationaryBootstrap if kind == "stationary" else MovingBlockBootstrap)(8, x, seed=seed)
    low, high = library.conf_int(np.mean, 4000, method="percentile", size=0.9)[:, 0]
    width = high - low
    assert ours.estimate == pytest.approx(x.mean(), abs=1e-12)
    assert ours.low == pytest.approx(low, abs=0.06 * width)
    assert ours.high == pytest.approx(high, abs=0.06 * width)


def test_a_short_row_is_drawn_as_a_loop_would() -> None:
    x, y = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    for kind in ("stationary", "moving_block"):
        generator = np.random.default_rng(7)
        at, sums = np.zeros(3, np.int64), np.zeros((2, 3))
        for row in range(5):
            if kind == "moving_block":
                at = generator.integers(0, 4, 3) if row % 2 == 0 else at + 1
            else:
                jump, chance = generator.integers(0, 5, 3), generator.random(3)
                at = np.array(
                    [
                        j if row == 0 or u < 1 / 1.6 else (a + 1) % 5
                        for j, u, a in zip(jump, chance, at, strict=True)
                    ]
                )
            sums += np.array([x[at], y[at]])
        found = resampled_means([x, y], bootstrap=kind, block_length=1.6, draws=3, seed=7)
        np.testing.assert_array_equal(found, sums / 5)


def test_blocks_longer_than_the_series_are_the_series() -> None:
    x = np.array([1.0, 2.0, 6.0])
    (means,) = resampled_means([x], bootstrap="moving_block", block_length=50.0, draws=5)
    assert means.tolist() == [3.0] * 5


@pytest.mark.parametrize(
    ("level", "draws", "low", "high"), [(0.95, 1000, 25, 976), (0.9, 99, 5, 95), (0.5, 20, 5, 16)]
)
def test_the_ends_have_their_ranks(level: float, draws: int, low: int, high: int) -> None:
    x = autoregressive(1, 60)
    found = bootstrap_interval([x], lambda mean: mean, level=level, block_length=2, draws=draws, seed=3)
    means = np.sort(resampled_means([x], block_length=2, draws=draws, seed=3)[0])
    assert (found.low, found.high) == (means[low - 1], means[high - 1])
    assert (found.level, found.draws, found.seed, found.block_length) == (level, draws, 3, 2)


def test_the_block_length_is_the_longest_that_a_column_wants() -> None:
    short, long = autoregressive(1, 300, 0.0), autoregressive(2, 300, 0.9)
    for kind, place in (("stationary", 0), ("moving_block", 1)):
        found = bootstrap_interval([short, long], lambda a, b: a + b, bootstrap=kind, draws=20)
        assert found.block_length == max(
            optimal_block_length(short)[place], optimal_block_length(long)[place]
        )
        assert found.estimate == pytest.approx(short.mean() + long.mean(), abs=1e-12)
        assert found.bootstrap == kind


def test_an_undefined_statistic_has_no_interval() -> None:
    y = np.array([1.0, 0.0, 0.0, 0.0])
    assert bootstrap_interval([], lambda: 1.0) is None
    assert bootstrap_interval([[]], lambda mean: mean) is None
    assert bootstrap_interval([y], lambda mean: None, draws=20) is None
    # Some resamples hold no one at all.
    assert bootstrap_interval([y], lambda mean: None if mean == 0 else mean, draws=50) is None
    constant = bootstrap_interval([[2.0] * 30], lambda mean: mean, draws=20)
    assert (constant.low, constant.high) == (2.0, 2.0)
    assert bootstrap_interval([[2.0]], lambda mean: mean, draws=20).high == 2.0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"columns\[1\]\[1\] is nan"):
        resampled_means([[1.0, 2.0], [1.0, math.nan]], block_length=1)
    with pytest.raises(UsageError, match=r"columns\[1\] 1"):
        resampled_means([[1.0, 2.0], [1.0]], block_length=1)
    with pytest.raises(DataError, match="no row"):
        resampled_means([[]], block_length=1)
    with pytest.raises(DataError, match="no row"):
        resampled_means([], block_length=1)
    for length in (0.99, math.inf):
        with pytest.raises(DataError, match="block_length"):
            resampled_means([[1.0]], block_length=length)
    with pytest.raises(UsageError, match="draws"):
        resampled_means([[1.0]], block_length=1, draws=0)
    with pytest.raises(UsageError, match="stationary, moving_block"):
        resampled_means([[1.0]], bootstrap="circular", block_length=1)
    with pytest.raises(DataError, match=r"columns\[0\]\[0\] is inf"):
        bootstrap_interval([[math.inf]], lambda mean: mean)
    with pytest.raises(DataError, match="level"):
        bootstrap_interval([[1.0]], lambda mean: mean, level=1.0)
    with pytest.raises(DataError, match=r"series\[2\]"):
        optimal_block_length([1, 2, math.nan])


# --- Conformal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "rate", "rank"),
    [(99, 0.1, 90), (9, 0.1, 9), (8, 0.1, 9), (0, 0.1, 1), (10, 0.05, 11), (19, 0.05, 19), (199, 0.1, 180)],
)
def test_ranks_are_exact_in_decimals(n: int, rate: float, rank: int) -> None:
    assert conformal_rank(n, rate) == rank


def test_too_few_errors_give_no_bound() -> None:
    errors = -np.arange(1.0, 10.0)
    nine = SplitConformal(errors)
    assert nine.half_width(0.1) == 9.0
    assert nine.half_width(0.2) == 8.0
    assert nine.half_width(0.09) == math.inf
    assert nine.half_width(0.0) == math.inf
    assert nine.half_width(-0.2) == math.inf
    assert nine.half_width(1.0) is None
    assert nine.half_width(0.99) == 1.0
    assert nine.interval(2.0, 0.1) == (-7.0, 11.0)
    assert nine.interval(2.0, 1.2) is None
    assert SplitConformal([]).interval(0.0, 0.1) == (-math.inf, math.inf)


def test_split_conformal_covers() -> None:
    draw = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        errors = draw.standard_t(3, size=60)
        held += abs(errors[-1]) <= SplitConformal(errors[:-1]).half_width(0.1)
    assert abs(held / 2000 - 0.9) < 3 * math.sqrt(0.09 / 2000)


def test_conformal_sets_of_outcomes() -> None:
    given_to_truth = np.array([0.9] * 15 + [0.6] * 4)
    assert conformal_classes(0.95, given_to_truth, 0.1) == (True,)
    assert conformal_classes(0.05, given_to_truth, 0.1) == (False,)
    assert conformal_classes(0.5, given_to_truth, 0.1) == ()
    assert conformal_classes(0.6, given_to_truth, 0.1) == (True,)
    assert conformal_classes(0.5, given_to_truth, 0.01) == (True, False)
    assert conformal_classes(0.5, given_to_truth, 1.0) == ()
    for bad in ([1.2], [-0.1]):
        with pytest.raises(DataError, match="calibration"):
            conformal_classes(0.5, bad, 0.1)


def test_adaptive_conformal_keeps_its_rate_and_its_state() -> None:
    subject = AdaptiveConformal(0.1, 0.05)
    assert subject.miss_rate == 0.1
    for missed in [True] * 3:
        subject.learn(missed)
    assert subject.miss_rate == pytest.approx(0.1 - 3 * 0.045)
    again = AdaptiveConformal.from_state(json.loads(json.dumps(subject.state())))
    assert (again.target, again.step, again.miss_rate) == (0.1, 0.05, subject.miss_rate)
    with pytest.raises(RecoveryError):
        AdaptiveConformal.from_state({**subject.state(), "version": 9})


@pytest.mark.parametrize(("target", "step"), [(0.0, 0.1), (1.0, 0.1), (0.1, 0.0), (0.1, math.nan)])
def test_adaptive_conformal_refuses_wrong_knobs(target: float, step: float) -> None:
    with pytest.raises(DataError):
        AdaptiveConformal(target, step)


def test_conformal_refuses_what_is_no_number() -> None:
    with pytest.raises(DataError, match=r"errors\[0\]"):
        SplitConformal([math.nan])
    with pytest.raises(DataError, match="forecast"):
        SplitConformal([1.0]).interval(math.inf, 0.1)
    with pytest.raises(DataError, match="miss_rate"):
        SplitConformal([1.0]).half_width(math.nan)
