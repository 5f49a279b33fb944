"""The checks pass what is honest and name what is not: each cheat fails the check that is made for it."""

from __future__ import annotations

import gzip
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from aurora._core import Instrument, MarketBlock, MarketCore
from aurora.errors import DataError
from aurora.features import FeatureSettings
from aurora.testing import SyntheticSettings, generate
from aurora.testing.checks import check_feature, check_look_ahead, check_splits, check_state
from aurora.testing.strategies import l2_streams


def core(instrument: Instrument) -> MarketCore:
    return FeatureSettings(sample_ms=20, volatility_minimum_changes=2).core(instrument)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = generate(SyntheticSettings(seed=4, duration_s=60.0), tmp_path_factory.mktemp("market"))
    return list(made.paths.values())[:2]


@pytest.fixture(scope="module")
def lines(paths: list[Path]) -> list[bytes]:
    with gzip.open(paths[0], "rb") as file:
        return file.read().splitlines(keepends=True)[:1_500]


class Honest:
    """Mean of all mids so far, in plain Python over the core."""

    def __init__(self, instrument: Instrument) -> None:
        self.core = core(instrument)
        self.sum, self.count = 0.0, 0

    def process(self, block: MarketBlock) -> Any:
        frame = pl.DataFrame(self.core.process(block)).select("local_ns", "mid")
        return self.rows(frame)

    def rows(self, frame: pl.DataFrame) -> Any:
        means: list[float | None] = []
        for mid in frame["mid"]:
            if mid is not None:
                self.sum, self.count = self.sum + mid, self.count + 1
            means.append(self.sum / self.count if self.count else None)
        return {"local_ns": frame["local_ns"].to_list(), "mean": means}

    def snapshot(self) -> bytes:
        return pickle.dumps((self.core.snapshot(), self.sum, self.count))

    def restore(self, state: bytes) -> None:
        inner, self.sum, self.count = pickle.loads(state)
        self.core.restore(inner)


class Peeks(Honest):
    """Looks at the end of its block."""

    def rows(self, frame: pl.DataFrame) -> Any:
        return frame.with_columns(pl.col("mid").max().alias("highest"))


class PeeksOneRow(Honest):
    """Shifts by a single row."""

    def rows(self, frame: pl.DataFrame) -> Any:
        return frame.with_columns(pl.col("mid").shift(-1).alias("next"))


class CountsBlocks(Honest):
    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self.blocks = 0

    def rows(self, frame: pl.DataFrame) -> Any:
        self.blocks += 1
        return frame.with_columns(pl.lit(self.blocks).alias("blocks"))


class DropsShortBlocks(Honest):
    """Loses the rows of blocks that hold one alone."""

    def rows(self, frame: pl.DataFrame) -> Any:
        return frame if len(frame) > 1 else frame.head(0)


class Forgets(Honest):
    """Its own sums are not in its snapshot."""

    def snapshot(self) -> bytes:
        return self.core.snapshot()

    def restore(self, state: bytes) -> None:
        self.core.restore(state)


class DisturbedBySnapshot(Honest):
    def snapshot(self) -> bytes:
        state = super().snapshot()
        self.sum, self.count = 0.0, 0
        return state


class TellsNothing(Honest):
    def snapshot(self) -> Any:
        return None


CHECKS: dict[str, Callable[..., None]] = {
    "look_ahead": check_look_ahead,
    "splits": check_splits,
    "state": check_state,
}
CHEATS = {
    Peeks: {"look_ahead", "splits"},
    PeeksOneRow: {"look_ahead", "splits"},
    CountsBlocks: {"splits"},
    DropsShortBlocks: {"splits"},
    Forgets: {"state"},
    DisturbedBySnapshot: {"state"},
    TellsNothing: {"state"},
}


def test_the_core_passes_on_files(paths: list[Path]) -> None:
    check_feature(core, paths)


def test_an_honest_feature_passes(lines: list[bytes]) -> None:
    check_feature(Honest, lines)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("cheat", CHEATS)
def test_each_cheat_fails_the_checks_made_for_it(cheat: type[Honest], name: str, lines: list[bytes]) -> None:
    # Cut where they hold one row or more, a forgetful or a disturbed feature is not one that counts its blocks.
    if name in CHEATS[cheat]:
        with pytest.raises(AssertionError, match=r"binance_usdm:\w+ of the capture|not bytes"):
            CHECKS[name](cheat, lines)
    elif cheat is not CountsBlocks and cheat is not DropsShortBlocks:
        CHECKS[name](cheat, lines)


def test_the_first_difference_is_named(lines: list[bytes]) -> None:
    class Late(Honest):
        """Right until the second block, which it marks."""

        blocks = 0

        def rows(self, frame: pl.DataFrame) -> Any:
            self.blocks += 1
            return frame.with_columns(pl.lit(self.blocks).alias("blocks"))

    rows: list[int] = []

    class Watched(Honest):
        def rows(self, frame: pl.DataFrame) -> Any:
            rows.extend(frame["local_ns"])
            return frame

    check_splits(Watched, lines, slice_ms=[1_000])
    whole = rows[: len(rows) // 2]
    with pytest.raises(AssertionError) as caught:
        check_splits(Late, lines, slice_ms=[1_000])
    said = str(caught.value)
    named = int(re.search(r"the row of (\d+) has blocks 2 instead of 1", said)[1])  # type: ignore[index]
    # Rows at the end of a slice still belong to its block.
    second = (whole[0] // 10**9 + 1) * 10**9
    assert named == next(time for time in whole if time > second)


def test_missing_and_new_rows_are_named(lines: list[bytes]) -> None:
    with pytest.raises(AssertionError, match=r"the row of \d+ (is missing|has)"):
        check_splits(DropsShortBlocks, lines, slice_ms=[20])


def test_what_cannot_be_compared_is_an_error_not_a_pass(lines: list[bytes]) -> None:
    for check in CHECKS.values():
        with pytest.raises(ValueError, match="nothing to compare"):
            check(lambda i: FeatureSettings(sample_ms=60_000).core(i), lines[-10:])

    class NoTimes(Honest):
        def rows(self, frame: pl.DataFrame) -> Any:
            return frame.select("mid")

    with pytest.raises(ValueError, match="no column local_ns"):
        check_splits(NoTimes, lines)
    with pytest.raises(TypeError, match="a sequence"):
        check_splits(core, "capture.gz")
    spoilt = [*lines[:1_200], lines[1_200][:40] + b"\n", *lines[1_201:]]
    with pytest.raises(ValueError, match="cannot be read to its end"):
        check_splits(core, spoilt)
    with pytest.raises(DataError):
        check_splits(core, [b"no capture\n"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=l2_streams(min_events=4))
def test_the_core_passes_on_drawn_streams(lines: list[bytes]) -> None:
    def fine(instrument: Instrument) -> MarketCore:
        return FeatureSettings(sample_ms=1, volatility_minimum_changes=1).core(instrument)

    check_splits(fine, lines, slice_ms=(50, 3, 1))
    check_state(fine, lines, slice_ms=2)
    check_look_ahead(fine, lines, moments=4)
