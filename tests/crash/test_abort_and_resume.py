"""A run that is cut short anywhere and resumed leaves the records of one that never was."""

import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bytewax")

from replays import Run, assert_same_records, market, probe_with_checkpoints, replay, usdm

from aurora.cli.run import ReplayOptions, run_replay
from aurora.errors import AbortRequested, RecoveryError

DRAWN = 20
RUNNERS = pytest.mark.parametrize("runner", ["inline", "bytewax"])


@pytest.fixture(scope="module")
def real(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Run]:
    paths = usdm(captures)
    return paths, replay(paths, tmp_path_factory.mktemp("real") / "out")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Run]:
    folder = tmp_path_factory.mktemp("small")
    paths = list(market(folder / "captures", 8, 45.0).paths.values())
    return paths, replay(paths, folder / "out", slice_ms=200)


class Slices:
    """Counts the slices that runs have read, by stream."""

    def __init__(self) -> None:
        self.read: dict[str, int] = {}

    def __call__(self, stream: str, slices: int) -> None:
        self.read[stream] = slices

    @property
    def most(self) -> int:
        return max(self.read.values(), default=0)


def abort(paths: list[Path], folder: Path, events: int, **options: Any) -> int:
    """Runs until it aborts; answers with the slices it read."""
    slices = Slices()
    given = {"out": folder / "out", "recovery": folder / "recovery", **options}
    with pytest.raises(AbortRequested):
        run_replay(
            ReplayOptions(paths=[str(path) for path in paths], abort_after_events=events, **given), slices
        )
    return slices.most


def resume(paths: list[Path], folder: Path, **options: Any) -> tuple[Run, int]:
    slices = Slices()
    run = replay(paths, folder / "out", progress=slices, recovery=folder / "recovery", resume=True, **options)
    return run, slices.most


@pytest.mark.parametrize("point", range(DRAWN))
def test_twenty_aborts_of_the_real_run_under_bytewax(
    real: tuple[list[Path], Run], tmp_path: Path, point: int
) -> None:
    paths, oracle = real
    rng = random.Random(point)
    config = probe_with_checkpoints(tmp_path, rng.choice((0.05, 0.1)))
    # One point in each twentieth of the run.
    events = (point * 1000 + rng.randrange(1000)) * oracle.summary["events"] // (DRAWN * 1000) + 1
    before = abort(paths, tmp_path, events, config=config, runner="bytewax")
    run, after = resume(
        paths, tmp_path, config=probe_with_checkpoints(tmp_path / "resumed", 1.0), runner="bytewax"
    )
    assert_same_records(run, oracle)
    whole = 1 + max(oracle.table("slices")["slice_index"]) - min(oracle.table("slices")["slice_index"])
    assert before + after >= whole
    if events > oracle.summary["events"] // 2:
        assert after < whole, "the resumed run began from the start: nothing was kept"


@RUNNERS
@pytest.mark.parametrize("point", range(4))
def test_aborts_amid_trades(
    small: tuple[list[Path], Run],
    tmp_path: Path,
    runner: str,
    point: int,
) -> None:
    """Slices of a fifth of a second and checkpoints after most: orders are open at most of them."""
    paths, oracle = small
    rng = random.Random(100 + point)
    config = probe_with_checkpoints(tmp_path, 0.02)
    total = oracle.summary["events"]
    events = rng.randrange(int(0.6 * total), total)
    abort(paths, tmp_path, events, config=config, runner=runner, slice_ms=200)
    run, _ = resume(paths, tmp_path, config=config, runner=runner, slice_ms=200)
    assert_same_records(run, oracle)


@RUNNERS
def test_aborts_one_after_the_other(small: tuple[list[Path], Run], tmp_path: Path, runner: str) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.0)
    total = oracle.summary["events"]
    for number, share in enumerate((0.1, 0.5, 0.7, 0.7, 0.9)):
        abort(
            paths, tmp_path, int(share * total), config=config, runner=runner, slice_ms=200, resume=number > 0
        )
    run, _ = resume(paths, tmp_path, config=config, runner=runner, slice_ms=200)
    assert_same_records(run, oracle)


@RUNNERS
def test_an_abort_before_the_first_checkpoint_begins_anew(
    small: tuple[list[Path], Run], tmp_path: Path, runner: str
) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 1000.0)
    abort(paths, tmp_path, int(0.9 * oracle.summary["events"]), config=config, runner=runner, slice_ms=200)
    run, _ = resume(paths, tmp_path, config=config, runner=runner, slice_ms=200)
    assert_same_records(run, oracle)


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_more_or_fewer_processes_go_on(
    small: tuple[list[Path], Run],
    tmp_path: Path,
    first: int,
    then: int,
) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.02)
    events = int(0.8 * oracle.summary["events"])
    abort(paths, tmp_path, events, config=config, runner="bytewax", slice_ms=200, processes=first)
    run, _ = resume(paths, tmp_path, config=config, runner="bytewax", slice_ms=200, processes=then)
    assert_same_records(run, oracle)


@RUNNERS
def test_resuming_what_is_complete_changes_nothing(
    small: tuple[list[Path], Run], tmp_path: Path, runner: str
) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.02)
    options: dict[str, Any] = {"config": config, "runner": runner, "slice_ms": 200}
    once = replay(paths, tmp_path / "out", recovery=tmp_path / "recovery", **options)
    assert_same_records(once, oracle)
    again, slices = resume(paths, tmp_path, **options)
    assert slices == 0
    assert_same_records(again, oracle)


@RUNNERS
@pytest.mark.parametrize("other", ["seed", "config", "inputs"])
def test_another_run_is_refused(
    small: tuple[list[Path], Run],
    tmp_path: Path,
    runner: str,
    other: str,
) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.02)
    options: dict[str, Any] = {"config": config, "runner": runner, "slice_ms": 200}
    abort(paths, tmp_path, int(0.7 * oracle.summary["events"]), **options)
    wrong = paths
    if other == "seed":
        options["seed"] = 1
    elif other == "config":
        options["config"] = None
    else:
        wrong = paths[:-1]
    with pytest.raises(RecoveryError, match="belongs to another run"):
        resume(wrong, tmp_path, **options)


@RUNNERS
@pytest.mark.parametrize("width", [100, 0])
def test_another_slice_width_is_refused_or_the_same(
    small: tuple[list[Path], Run],
    tmp_path: Path,
    runner: str,
    width: int,
) -> None:
    """Positions count slices: with slices of another width they mean another place."""
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.02)
    abort(paths, tmp_path, int(0.7 * oracle.summary["events"]), config=config, runner=runner, slice_ms=200)
    try:
        run, _ = resume(paths, tmp_path, config=config, runner=runner, slice_ms=width)
    except RecoveryError:
        return
    assert run.summary["decisions_digest"] == oracle.summary["decisions_digest"]


@RUNNERS
def test_a_fresh_run_does_not_overwrite_an_unfinished_one(
    small: tuple[list[Path], Run], tmp_path: Path, runner: str
) -> None:
    paths, oracle = small
    config = probe_with_checkpoints(tmp_path, 0.02)
    abort(paths, tmp_path, int(0.7 * oracle.summary["events"]), config=config, runner=runner, slice_ms=200)
    with pytest.raises(RecoveryError, match="unfinished run"):
        replay(
            paths,
            tmp_path / "out",
            recovery=tmp_path / "recovery",
            config=config,
            runner=runner,
            slice_ms=200,
        )
    run, _ = resume(paths, tmp_path, config=config, runner=runner, slice_ms=200)
    assert_same_records(run, oracle)
