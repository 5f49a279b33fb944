"""The expectancy filter: E by definition, vetoes at their bound, and re-entry through shadow trades alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from aurora.errors import AuroraError, RecoveryError, UsageError
from aurora.risk import ExpectancyFilter, ExpectancyPolicy, expectancy_of
from aurora.risk.expectancy import hour_of, student_quantile

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 20_000 * DAY + 10 * HOUR


def test_expectancy_by_hand() -> None:
    """p = 0.6, W = 4, L = 3: E = 0.6 · 4 - 0.4 · 3 = 1.2, the mean."""
    found = expectancy_of([2.0, 4.0, 6.0, -1.0, -5.0])
    assert (found.trades, found.win_rate, found.mean_win, found.mean_loss) == (5, 0.6, 4.0, 3.0)
    assert found.value == pytest.approx(0.6 * 4 - 0.4 * 3, rel=1e-12)
    assert found.upper is not None
    assert found.lower is not None
    assert found.upper - 1.2 == pytest.approx(1.2 - found.lower, rel=1e-12)


def test_degenerate_expectancies() -> None:
    empty = expectancy_of([])
    assert (empty.trades, empty.win_rate, empty.value, empty.upper) == (0, None, None, None)
    one = expectancy_of([-3.0])
    assert (one.win_rate, one.mean_win, one.mean_loss, one.value, one.upper) == (0.0, None, 3.0, -3.0, None)
    won = expectancy_of([1.0, 1.0])
    assert (won.win_rate, won.mean_loss, won.value, won.upper, won.lower) == (1.0, None, 1.0, 1.0, 1.0)
    zeros = expectancy_of([0.0, 0.0])
    assert (zeros.win_rate, zeros.mean_win, zeros.mean_loss, zeros.value) == (0.0, None, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [[float("nan")], [1.0, float("inf")], [[1.0]]])
def test_what_is_no_return_is_refused(wrong: Any) -> None:
    with pytest.raises(AuroraError):
        expectancy_of(wrong)
    with pytest.raises(AuroraError):
        expectancy_of([1.0], 0.5)
    with pytest.raises(AuroraError):
        expectancy_of([1.0], 1.0)


@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("freedom", "within"), [(9, 1e-4), (10, 5e-5), (20, 2e-6), (29, 3e-7), (99, 1e-9), (499, 1e-12)]
)
def test_the_bound_is_students(confidence: float, freedom: int, within: float) -> None:
    tighter = within if confidence == 0.99 else within / 10
    assert student_quantile(confidence, freedom) == pytest.approx(
        stats.t.ppf(confidence, freedom), abs=tighter
    )


def test_the_interval_is_scipys() -> None:
    returns = np.random.default_rng(3).normal(1.0, 5.0, 200)
    found = expectancy_of(list(returns), 0.95)
    expected = stats.ttest_1samp(returns, 0.0).confidence_interval(0.9)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), rel=1e-5)


# --- the filter -------------------------------------------------------------------------------------------------

LOSING = [-3.0, 1.0]
"""Mean -1; the bound is below 0 once enough trades say so."""


class Run:
    """Trades a second apart, fed to a filter that is saved and restored before each."""

    def __init__(self, **policy: Any) -> None:
        self.policy = ExpectancyPolicy(**policy)
        self.filter = ExpectancyFilter(self.policy)
        self.now = START

    def trade(self, value: float, *, shadow: bool = False, symbol: str = "A") -> list[tuple[int | None, str]]:
        self.now += SECOND
        state = self.filter.snapshot()
        self.filter = ExpectancyFilter(self.policy)
        self.filter.restore(state)
        assert self.filter.snapshot() == state
        events = self.filter.observe(self.now, symbol, self.now - 1, value, shadow=shadow)
        return [(event.hour, event.change) for event in events]

    def vetoed(self, symbol: str = "A") -> bool:
        return self.filter.vetoed(self.now, symbol)


def test_a_veto_needs_enough_trades_and_confidence() -> None:
    run = Run(minimum_trades=30)
    for n in range(29):
        assert run.trade(LOSING[n % 2]) == []
    assert not run.vetoed()
    assert run.trade(1.0) == [(None, "veto"), (10, "veto")]
    assert run.vetoed()
    assert not run.vetoed("B")


def test_a_loss_within_the_noise_is_no_veto() -> None:
    run = Run(minimum_trades=30)
    for n in range(300):
        assert run.trade([-21.0, 20.0][n % 2]) == []
    found = run.filter.expectancy(run.now, "A")
    assert found.value == pytest.approx(-0.5)
    assert found.upper is not None
    assert found.upper > 0


def test_a_bound_of_exactly_zero_is_no_veto() -> None:
    run = Run(minimum_trades=10)
    for _ in range(50):
        assert run.trade(0.0) == []
    run = Run(minimum_trades=10)
    for n in range(10):
        assert run.trade(-1e-9) == ([] if n < 9 else [(None, "veto"), (10, "veto")])


def vetoed_run(**policy: Any) -> Run:
    run = Run(minimum_trades=10, reentry_trades=5, **policy)
    for _ in range(10):
        run.trade(-1.0)
    assert run.vetoed()
    return run


def test_shadow_trades_lift_a_veto() -> None:
    run = vetoed_run()
    for value in (3.0, 3.0, 3.0, 3.0):
        assert run.trade(value, shadow=True) == []
        assert run.vetoed()
    assert run.trade(-12.0, shadow=True) == [], "an expectancy of 0 lifts nothing"
    assert run.trade(-0.5, shadow=True) == []
    for _ in range(2):
        assert run.trade(2.0, shadow=True) == []
    # The last five: -12, -0.5, 2, 2, 8.5 come to exactly 0 again.
    assert run.trade(8.5, shadow=True) == []
    assert run.trade(0.0, shadow=True) == [(None, "lift"), (10, "lift")]
    assert not run.vetoed()
    after = run.filter.expectancy(run.now, "A")
    assert (after.trades, after.value) == (5, pytest.approx(2.4)), "the losses before the veto are forgotten"


def test_real_trades_lift_nothing_and_shadow_trades_veto_nothing() -> None:
    run = vetoed_run()
    for _ in range(50):
        assert run.trade(5.0) == []
    assert run.vetoed()
    fresh = Run(minimum_trades=10)
    for _ in range(50):
        assert fresh.trade(-5.0, shadow=True) == []
    assert fresh.filter.expectancy(fresh.now, "A").trades == 0


def test_time_alone_lifts_nothing_and_a_veto_is_never_final() -> None:
    run = vetoed_run()
    run.now += 40 * DAY
    assert run.vetoed()
    # One shadow trade a week, far fewer than the window of a day would keep.
    for n in range(5):
        run.now += 7 * DAY
        events = run.trade(1.0, shadow=True)
        assert events == ([] if n < 4 else [(None, "lift"), (10, "lift")])


def test_hours_are_judged_on_their_own() -> None:
    run = Run(minimum_trades=10)
    for _ in range(200):
        run.trade(3.0)
    run.now += HOUR
    for n in range(10):
        assert run.trade(-1.0) == ([] if n < 9 else [(11, "veto")])
    assert run.vetoed()
    assert not run.filter.vetoed(run.now + HOUR, "A")
    assert run.filter.vetoed(run.now + DAY, "A")
    assert run.filter.expectancy(run.now, "A", 10).trades == 200
    assert run.filter.expectancy(run.now, "A").trades == 210


def test_a_trade_counts_for_the_hour_it_was_decided_in() -> None:
    run = Run()
    run.filter.observe(START + HOUR, "A", START + HOUR - 1, 1.0, shadow=False)
    assert run.filter.expectancy(START + HOUR, "A", 10).trades == 1
    assert run.filter.expectancy(START + HOUR, "A", 11).trades == 0
    assert [hour_of(t) for t in (START, START + HOUR - 1, START + HOUR, START + 14 * HOUR)] == [10, 10, 11, 0]


def test_the_window_is_of_trades_and_of_time() -> None:
    run = Run(window_trades=50, minimum_trades=30)
    for n in range(60):
        run.trade(float(n))
    found = run.filter.expectancy(run.now, "A")
    assert (found.trades, found.value) == (50, pytest.approx(34.5))
    last = run.now
    assert run.filter.expectancy(last + DAY, "A").trades == 1, "exactly a day old still counts"
    assert run.filter.expectancy(last + DAY + 1, "A").trades == 0
    assert run.filter.expectancy(last + DAY - 9 * SECOND, "A").trades == 10


def test_nonsense_is_refused() -> None:
    run = Run()
    run.trade(1.0)
    before = run.filter.snapshot()
    with pytest.raises(UsageError, match="backwards"):
        run.filter.observe(run.now - 1, "A", run.now - 1, 1.0, shadow=False)
    with pytest.raises(UsageError, match="begins"):
        run.filter.observe(run.now, "A", run.now + 1, 1.0, shadow=False)
    with pytest.raises(AuroraError):
        run.filter.observe(run.now, "A", run.now, float("nan"), shadow=False)
    assert run.filter.snapshot() == before


def test_a_damaged_state_is_refused() -> None:
    run = vetoed_run()
    body = json.loads(run.filter.snapshot())
    key = next(iter(body["buckets"]))
    nan = {"times_ns": [1], "returns": [float("nan")], "vetoed_ns": None}
    for damaged in (
        b"",
        b"[]",
        b"{}",
        json.dumps({**body, "version": 2}).encode(),
        json.dumps({**body, "now_ns": "soon"}).encode(),
        json.dumps({**body, "buckets": {key: nan}}).encode(),
        json.dumps({**body, "buckets": {key: {**nan, "returns": ["1.0"]}}}).encode(),
        json.dumps({**body, "buckets": {key: {**body["buckets"][key], "returns": [1.0]}}}).encode(),
        json.dumps({**body, "buckets": {key: {**body["buckets"][key], "more": 1}}}).encode(),
    ):
        with pytest.raises(RecoveryError):
            run.filter.restore(damaged)
