"""A process that is killed at any moment, or asked to stop, and resumed: the records of one that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from replays import PROBE, Run, assert_same_records, market, probe_with_checkpoints, replay, usdm

pytest.importorskip("bytewax")

DRIVE = Path(__file__).parent / "drive.py"
PATIENCE_S = 60.0
SLICE_MS = 250
RUN_AS: dict[str, dict[str, Any]] = {
    "inline": {"runner": "inline"},
    "one worker": {"runner": "bytewax"},
    "two processes": {"runner": "bytewax", "processes": 2},
}
WAYS = pytest.mark.parametrize("way", list(RUN_AS.values()), ids=list(RUN_AS))


class Scene:
    """One run in its folder, as it is started, killed, resumed."""

    def __init__(self, paths: list[Path], folder: Path, checkpoint_s: float = 0.03, **options: Any) -> None:
        self.out = folder / "out"
        self.recovery = folder / "recovery"
        self.options = {
            "paths": [str(path) for path in paths],
            "config": str(probe_with_checkpoints(folder, checkpoint_s)),
            "out": str(self.out),
            "recovery": str(self.recovery),
            "slice_ms": SLICE_MS,
            **options,
        }

    def start(self, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(DRIVE), json.dumps({**self.options, **options})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **options: Any) -> dict[str, Any]:
        process = self.start(**options)
        printed, complained = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, printed + complained
        answer: dict[str, Any] = json.loads(printed)
        return answer

    def resume(self) -> Run:
        """Goes on to the end, with no more checkpoints than users make."""
        config = probe_with_checkpoints(self.out.parent / "resumed", 1.0)
        return Run(self.run(resume=True, config=str(config))["summary"], self.out)

    def parts(self, table: str) -> int:
        return len(list((self.out / table).glob("part-*.parquet")))

    def wait_until(self, reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        patience = time.monotonic() + PATIENCE_S
        while not reached():
            assert process.poll() is None, "it ended before: " + "".join(process.communicate())
            assert time.monotonic() < patience, "it never came to that"
            time.sleep(0.001)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Run]:
    folder = tmp_path_factory.mktemp("busy")
    paths = list(market(folder / "captures", 9, 45.0).paths.values())
    return paths, replay(paths, folder / "out", slice_ms=SLICE_MS)


@pytest.mark.parametrize(
    ("way", "draw"),
    [
        (way, draw)
        for way, draws in (("inline", 3), ("one worker", 4), ("two processes", 2))
        for draw in range(draws)
    ],
)
def test_killed_at_a_random_moment(busy: tuple[list[Path], Run], tmp_path: Path, way: str, draw: int) -> None:
    """Killed by SIGKILL once so many parts of a table are on disk, and a little later; resumed, killed again."""
    paths, oracle = busy
    scene = Scene(paths, tmp_path, **RUN_AS[way])
    config = str(probe_with_checkpoints(tmp_path / "often", 0.0))
    rng = random.Random(draw)
    for number in range(2):
        process = scene.start(resume=number > 0, config=config)
        table = rng.choice(("orders", "fills", "decisions", "equity", "slices"))
        parts = scene.parts(table) + rng.randrange(1, 6)
        scene.wait_until(lambda table=table, parts=parts: scene.parts(table) >= parts, process)
        time.sleep(rng.random() * 0.01)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (scene.out / "summary.json").exists()
    assert_same_records(scene.resume(), oracle)


@pytest.mark.parametrize("way", [{"runner": "inline"}, {"runner": "bytewax"}], ids=["inline", "one worker"])
@pytest.mark.parametrize("moment", ["run.json", "journal.json", "part-0.sqlite3"])
def test_killed_while_it_begins(
    busy: tuple[list[Path], Run], tmp_path: Path, way: dict[str, Any], moment: str
) -> None:
    """Killed as soon as a file is there, before there is any state worth the name."""
    paths, oracle = busy
    scene = Scene(paths, tmp_path, **way)
    if moment.endswith("sqlite3") and way["runner"] == "inline":
        pytest.skip("the inline runner has no such store")
    process = scene.start()
    folder = scene.recovery if moment.endswith("sqlite3") else scene.out
    scene.wait_until((folder / moment).exists, process)
    process.kill()
    process.communicate()
    begun = any(scene.recovery.glob("*.json"))
    answer = scene.run(resume=begun)
    assert_same_records(Run(answer["summary"], scene.out), oracle)


@WAYS
@pytest.mark.parametrize(("number", "share"), [(signal.SIGTERM, 0.6), (signal.SIGINT, 0.2)])
def test_a_graceful_stop_replays_nothing(
    busy: tuple[list[Path], Run],
    tmp_path: Path,
    way: dict[str, Any],
    number: signal.Signals,
    share: float,
) -> None:
    """Stopped and resumed, the run reads every slice once; checkpoints of its own it never makes here."""
    paths, oracle = busy
    scene = Scene(paths, tmp_path, checkpoint_s=1000.0, **way)
    whole = Scene(paths, tmp_path / "whole", **{**way, "recovery": None}).run()["slices"]
    # What two processes have read is told late: asked to stop near the end, they may be there already.
    share /= way.get("processes", 1) ** 2
    first = scene.run(signal_at=int(share * min(whole.values())), signal_number=number)
    assert first["summary"]["stopped"] is True
    assert not (scene.out / "summary.json").exists()
    second = scene.run(resume=True)
    assert second["summary"]["stopped"] is False
    run = Run(second["summary"], scene.out)
    assert_same_records(run, oracle)
    if way.get("processes") == 2:
        return  # how far each process had come is told with a delay
    for stream, slices in whole.items():
        assert first["slices"][stream] + second["slices"][stream] == slices
    assert min(first["slices"].values()) > 0
    assert min(second["slices"].values()) > 0


@pytest.mark.parametrize("last", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_the_command_itself(captures: Path, tmp_path: Path, last: signal.Signals) -> None:
    """``aurora replay`` on the real capture with checkpoints as often as users have them: once a second."""
    paths = usdm(captures)
    oracle = replay(paths, tmp_path / "oracle", slice_ms=25)
    script = Path(sysconfig.get_path("scripts")) / "aurora"
    out, recovery = tmp_path / "out", tmp_path / "recovery"
    command = [
        *(str(script), "replay", *map(str, paths), "--config", str(PROBE), "--slice-ms", "25"),
        *("--runner", "bytewax", "--out", str(out), "--recovery", str(recovery), "--json"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + PATIENCE_S
    while len(list((out / "equity").glob("*.parquet"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience
        time.sleep(0.005)
    process.send_signal(last)
    printed, complained = process.communicate(timeout=PATIENCE_S)
    if last == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 0, complained
        assert json.loads(printed)["stopped"] is True
    finished = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, timeout=PATIENCE_S, env=os.environ
    )
    assert finished.returncode == 0, finished.stderr
    assert_same_records(Run(json.loads(finished.stdout), out), oracle)
