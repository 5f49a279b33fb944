"""Whatever is done to the market after a moment, by both of its clocks, nothing up to the moment changes."""

import random
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from replays import (
    CHANGES,
    PROBE,
    ROUGH,
    SECOND,
    TIME_OF,
    CaptureLines,
    Run,
    altered,
    market,
    read_captures,
    replay,
    rows_until,
)

from aurora.capture import CaptureSet

DRAWN_REAL, DRAWN_SYNTHETIC = 16, 20
LOOKED_BEYOND = 10 * SECOND
"""Changed lines go on for so long; the rest is cut off, which is one more change."""


@dataclass(frozen=True)
class Scene:
    """A replay, and its captures to be changed."""

    run: Run
    files: list[CaptureLines]
    first_ns: int
    """Filters and clock are known: perturbing before would change what the run is told."""
    last_ns: int
    config: Path

    def draw(self, rng: random.Random) -> int:
        """A moment: any at all, or one at which something happened, or the instant before that."""
        if rng.random() < 0.4:
            return rng.randrange(self.first_ns, self.last_ns)
        table = rng.choice(("decisions", "orders", "fills", "outcomes", "equity"))
        times = self.run.table(table)[TIME_OF.get(table, "local_ns")]
        times = times.filter((times > self.first_ns) & (times < self.last_ns))
        return rng.choice(times.to_list()) - rng.choice((0, 0, 1))

    def perturbed(self, after_ns: int, rng: random.Random, folder: Path, change: int) -> tuple[Run, int]:
        """The replay of the changed market, and how far it can be compared.

        A stream that ends says nothing of the time behind its end, not even that nothing happened: where the
        change takes lines away from the end, the records of the last instant before it are no longer due.
        """
        how = CHANGES[change % len(CHANGES)](rng)
        paths = [file.write(folder, after_ns, after_ns + LOOKED_BEYOND, how) for file in self.files]
        ends = [file.end_of(path) for file, path in zip(self.files, paths, strict=True)]
        return replay(paths, folder / "out", self.config), min(after_ns, *ends)


def _scene(paths: list[Path], run: Run, first_ns: int | None = None, config: Path = PROBE) -> Scene:
    files = read_captures(paths)
    last = min(int(file.local_ns[-1]) for file in files)
    return Scene(run, files, max(CaptureSet(paths).calibrated_ns, first_ns or 0), last, config)


@pytest.fixture(scope="module")
def real(probe_run: Run, real_paths: list[Path]) -> Scene:
    # The engine has warmed up and trades from the third minute on.
    first = probe_run.table("decisions")["local_ns"].min()
    return _scene(real_paths, probe_run, first - 5 * SECOND)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("look-ahead")
    paths = list(market(folder / "captures", 3, 60.0).paths.values())
    return _scene(paths, replay(paths, folder / "out"))


def assert_unchanged_until(base: Run, perturbed: Run, until_ns: int) -> None:
    before, after = rows_until(base, until_ns), rows_until(perturbed, until_ns)
    for name, rows in before.items():
        assert after[name].equals(rows, null_equal=True), f"{name} up to {until_ns} differ"


def assert_the_future_is_not_seen(scene: Scene, number: int, folder: Path) -> None:
    rng = random.Random(number)
    after_ns = scene.draw(rng)
    perturbed, until_ns = scene.perturbed(after_ns, rng, folder, number)
    assert after_ns - until_ns < SECOND // 2, "no stream is silent for so long"
    last_decided = scene.run.table("decisions")["local_ns"].max()
    assert perturbed.digests[0] != scene.run.digests[0] or after_ns >= last_decided, "nothing was changed"
    assert_unchanged_until(scene.run, perturbed, until_ns)


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Entries rest in the queue and expire, stops are hit: all of it must hang on the past alone."""
    folder = tmp_path_factory.mktemp("look-ahead-rough")
    config = folder / "rough.yaml"
    config.write_text(ROUGH)
    paths = list(market(folder / "captures", 4, 60.0).paths.values())
    return _scene(paths, replay(paths, folder / "out", config), config=config)


@pytest.mark.parametrize("number", range(DRAWN_REAL))
def test_the_future_of_the_real_market_is_not_seen(real: Scene, tmp_path: Path, number: int) -> None:
    assert_the_future_is_not_seen(real, number, tmp_path)


@pytest.mark.parametrize("number", range(DRAWN_SYNTHETIC))
def test_the_future_of_a_synthetic_market_is_not_seen(synthetic: Scene, tmp_path: Path, number: int) -> None:
    assert_the_future_is_not_seen(synthetic, 1000 + number, tmp_path)


@pytest.mark.parametrize("number", range(DRAWN_SYNTHETIC))
def test_the_future_of_resting_orders_is_not_seen(rough: Scene, tmp_path: Path, number: int) -> None:
    assert_the_future_is_not_seen(rough, 2000 + number, tmp_path)


@pytest.mark.parametrize("back_ms", [20, 500, 3000])
def test_the_comparison_would_notice(synthetic: Scene, tmp_path: Path, back_ms: int) -> None:
    """The same comparison over a past that was changed: it must differ."""
    rng = random.Random(back_ms)
    fills, decided = synthetic.run.table("fills"), synthetic.run.table("decisions")["local_ns"]
    # A decision, for between two of them a change need not show in any record yet.
    at_ns = int(decided.filter(decided >= fills["local_ns"][len(fills) // 2])[0])
    files = [
        file.write(tmp_path, at_ns - back_ms * 1_000_000, at_ns + SECOND, altered(rng))
        for file in synthetic.files
    ]
    changed = replay(files, tmp_path / "out")
    with pytest.raises(AssertionError, match="differ"):
        assert_unchanged_until(synthetic.run, changed, at_ns)


def test_an_unchanged_copy_is_the_same_run(synthetic: Scene, tmp_path: Path) -> None:
    end = synthetic.last_ns + SECOND
    files = [file.write(tmp_path, end, end, lambda line: line) for file in synthetic.files]
    copy = replay(files, tmp_path / "out")
    assert copy.digests == synthetic.run.digests
    assert copy.table("decisions").select(pl.len()).item() > 100


def test_both_clocks_are_meant(real: Scene) -> None:
    """The recorder's clock is off by more than a second here: by receive time alone the test would be another."""
    for file in real.files:
        assert abs(file.offset_ns) > SECOND
