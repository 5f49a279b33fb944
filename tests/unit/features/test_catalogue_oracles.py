"""Every feature that can be asked for, end to end: `compute` on captures against plain Python on their raw lines."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from feature_oracle import FEATURES, QUICK, SECOND, Compared, compared, first_minute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_features import HOUR

from aurora.capture import CaptureSet
from aurora.errors import DataError
from aurora.features import CATALOGUE, FeatureSettings, KernelSettings, compute
from aurora.testing import SyntheticSettings, generate
from aurora.testing.strategies import broken_l2_streams, l2_streams

SLOW = QUICK.model_copy(
    update={
        "rate_half_life_ms": 20_000,
        "attribution_ms": 30_000,
        "trade_window_ms": 60_000,
        "vpin_bucket": None,
        "kyle_interval_ms": 10_000,
        "spread_horizon_ms": 7_000,
        "spread_half_life_ms": 25_000,
        "volatility_step_ms": 5_000,
        "mid_half_life_ms": 9_000,
    }
)


def test_every_feature_of_the_catalogue_has_an_oracle() -> None:
    assert sorted(FEATURES) == sorted(name for name, info in CATALOGUE.items() if not info.fixed)


# --- Scenes -----------------------------------------------------------------------------------------------------


def slow_market(recorder: Any, seed: int, start_ns: int) -> Any:
    """Nearly an hour of seldom trades and touch changes, a silence of seventy minutes, and ten minutes more.

    Two minutes pass before the snapshot. The event behind the silence falls on a grid time.
    """
    draw, market = random.Random(seed), recorder()
    market.diff(250, 1, 10, 0)
    for number in range(6):
        market.trade(20_000 * (number + 1), number, "100.10", "0.500", number % 2 == 0)
    bids, asks = [["99.90", "5.000"], ["99.80", "4.000"]], [["100.10", "6.000"], ["100.20", "1.000"]]
    market.snapshot(130_000, 10, bids, asks)
    seconds, u, trades = 131.0, 10, 6
    for part in range(2):
        if part:
            behind = seconds + 70 * 60
            # Behind the silence on a whole minute of the epoch, as grid times are.
            seconds = behind + 60 - (start_ns / 1e9 + behind) % 60
        until = seconds + (55 * 60 if part == 0 else 10 * 60)
        while seconds < until:
            if draw.random() < 0.4:
                u += 1
                size = f"{draw.randint(1, 9)}.000"
                side = draw.choice(([["99.90", size]], [["99.80", size]], [["99.70", size]]))
                offer = [[draw.choice(("100.10", "100.20", "100.30")), f"{draw.randint(1, 9)}.000"]]
                market.diff(seconds * 1000, u, u, u - 1, side, offer)
            else:
                trades += 1
                price = f"{100 + draw.randint(-30, 30) / 100:.2f}"
                market.trade(
                    seconds * 1000, trades, price, f"{draw.randint(1, 900) / 1000:.3f}", draw.random() < 0.5
                )
            seconds += draw.choice((0.5, 3, 8, 15, 40))
            if draw.random() < 0.01:
                seconds += 150
    return market


@pytest.fixture(scope="module")
def scenes(
    restless: Callable[..., Any], recorder: Any, start_ns: int, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Compared]:
    folder = tmp_path_factory.mktemp("scenes")
    quick = FeatureSettings(depth_levels=3, kernels=QUICK)

    @cache
    def made(name: str) -> Compared:
        kind, every = name.rsplit(" ", 1)
        if kind == "synthetic":
            path = generate(
                SyntheticSettings(seed=3, duration_s=90.0, followers=(), controls=()), folder
            ).paths["SOLUSDT"]
            lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
            return compared(path, lines, every, FeatureSettings(), keep=97)
        if kind == "slow":
            market = slow_market(recorder, 1, start_ns)
            given_settings = FeatureSettings(depth_levels=2, kernels=SLOW)
        else:
            market = restless(int(kind.removeprefix("restless-")), 1_200)
            given_settings = quick
        path = market.write(folder / f"{kind}.txt")
        return compared(path, market.lines, every, given_settings, keep=7)

    return made


SCENES = [
    *("restless-1 100ms", "restless-2 1s", "restless-3 touch", "restless-4 trade"),
    *("slow 60s", "slow touch", "synthetic 1s", "synthetic touch"),
]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_equals_plain_python(name: str, scene: str, scenes: Callable[[str], Compared]) -> None:
    scenes(scene).check(name)


@pytest.mark.parametrize("name", FEATURES)
def test_the_scenes_show_the_feature(name: str, scenes: Callable[[str], Compared]) -> None:
    """An oracle that is never defined, or never moves, would prove nothing."""
    if name in ("microprice", "integrated_ofi"):
        return  # Fitted below.
    cells = [row[name] for scene in SCENES for row in scenes(scene).expected]
    assert sum(isinstance(cell, float | int) for cell in cells) > 20
    assert len(set(cells)) > 3
    assert any(isinstance(cell, str) for cell in cells)


def test_all_reasons_are_told(scenes: Callable[[str], Compared]) -> None:
    told = {
        cell
        for scene in SCENES
        for row in scenes(scene).expected
        for cell in row.values()
        if isinstance(cell, str)
    }
    assert told == {"no_touch", "warming_up", "no_trades", "degenerate", "not_fitted"}


def test_the_first_level_of_the_flow_is_the_order_flow(restless: Any, tmp_path: Path) -> None:
    """Where the order flow is defined: it waits for the touch to change, a level only for the book to."""
    frame = compute(restless(5, 3_000).write(tmp_path / "market.txt"), ["ofi", "mlofi_1"], "20ms")
    defined = frame.filter(pl.col("ofi").is_not_null())
    assert 10 < defined.height < frame.height
    assert defined["ofi"].to_list() == defined["mlofi_1"].to_list()
    assert set(frame.filter(pl.col("ofi").is_null())["mlofi_1"].drop_nulls().to_list()) <= {0.0}


def test_nothing_is_known_of_the_event_that_ends_an_hour_of_silence(
    recorder: Any, start_ns: int, tmp_path: Path
) -> None:
    """It falls on a grid time: a row at that time could be written only behind it."""
    market = recorder()
    market.diff(0, 1, 10, 0)
    market.snapshot(300, 10, [["99.90", "5.000"]], [["100.10", "6.000"]])
    behind = HOUR // 10**6 + 60_000
    market.trade(behind, 1, "100.00", "1.000", False)
    market.trade(behind + 2_000, 2, "100.00", "1.000", False)
    frame = compute(market.write(tmp_path / "hole.txt"), ["tfi_window"], "1s")
    captures = CaptureSet([tmp_path / "hole.txt"])
    [offset_ns] = captures.clock_offset_ns.values()
    ended = start_ns + behind * 10**6 - offset_ns
    assert ended % SECOND == 0
    later = frame.filter(pl.col("local_ns") > ended - SECOND)
    assert later["local_ns"].min() > ended


def test_the_bucket_is_fifty_times_the_mean_of_the_first_hundred_trades(
    recorder: Any, tmp_path: Path
) -> None:
    """Mean 1.5: a bucket of 75, not of fifty times the whole part of it."""
    market = recorder()
    draw = random.Random(4)
    for number in range(800):
        size = 1 + number % 2 if number < 100 else draw.randint(1, 9)
        market.trade(10 * number, number, "100.00", f"0.{size:03d}", draw.random() < 0.6)
        if number == 2:
            market.diff(25, 1, 10, 0)
            market.snapshot(26, 10, [["99.90", "5.000"]], [["100.10", "6.000"]])
    kernels = QUICK.model_copy(update={"vpin_bucket": None, "vpin_buckets": 3})
    path = market.write(tmp_path / "market.txt")
    both = compared(path, market.lines, "100ms", FeatureSettings(kernels=kernels))
    both.check("vpin")
    assert sum(value is not None for value in both.values["vpin"]) > 20


# --- The real market --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Compared]:
    """The first minute of USDⓈ-M BTC."""
    capture = captures / "hftbacktest" / "usdm" / "btcusdt_20240808.gz"
    path, lines = first_minute(capture, tmp_path_factory.mktemp("real"))
    kernels = KernelSettings(
        rate_half_life_ms=5_000,
        kyle_intervals=20,
        kyle_minimum_intervals=10,
        volatility_samples=30,
        volatility_minimum_samples=10,
        spread_half_life_ms=10_000,
    )

    @cache
    def made(every: str) -> Compared:
        return compared(path, lines, every, FeatureSettings(kernels=kernels), keep=400)

    return made


@pytest.mark.parametrize("every", ["1s", "touch"])
@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_of_the_real_market_equals_plain_python(
    name: str, every: str, real: Callable[[str], Compared]
) -> None:
    real(every).check(name)


# --- Drawn streams ----------------------------------------------------------------------------------------------

READABLE_FAULTS = (
    *("dropped_diff", "duplicated_diff", "reordered_diffs", "missing_snapshot", "second_snapshot"),
    *("clock_backwards", "crossed_book"),
)


@given(
    lines=st.one_of(
        l2_streams(min_events=5),
        broken_l2_streams(faults=READABLE_FAULTS, min_events=5).map(lambda broken: broken[0]),
    ),
    every=st.sampled_from(("50ms", "touch", "trade")),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_drawn_streams_equal_plain_python(
    lines: list[bytes], every: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("drawn") / "stream.txt"
    path.write_bytes(b"".join(lines))
    try:
        both = compared(path, lines, every, FeatureSettings(depth_levels=4, kernels=QUICK))
    except DataError as error:
        if "no sample" in str(error):
            return
        raise
    for name in FEATURES:
        both.check(name)
