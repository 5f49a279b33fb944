"""The programs that benchmarks start: Rust examples, and replays in processes of their own."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.python._captures import BTC, ROOT, capture

REPEATS = 15
"""Of what takes milliseconds: the more, the surer that one of them was not disturbed."""


@functools.cache
def _program(example: str) -> Path:
    """Path of an example of `aurora-io`, built now unless it is up to date."""
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "aurora-io", "--example", example],
        cwd=ROOT,
        check=True,
    )
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / example


def run_example(example: str, *arguments: str) -> dict[str, float]:
    """What an example prints: its figures as one JSON object."""
    command = [str(_program(example)), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(what: str, repeats: int = REPEATS) -> dict[str, float]:
    """Figures of the Rust example on the real BTC capture; minima over `repeats`."""
    return run_example("measure", what, str(capture(BTC)), str(repeats))


@functools.cache
def measured(what: str) -> dict[str, float]:
    """The same, measured once for all rows that come from one run."""
    return measure(what)


REPLAYS = 10
"""More than the least: they take half a second, and neighbours stay for longer than five of them."""

_IN_BETWEEN = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"


def replay(paths: Sequence[Path], config: str, runner: str = "inline") -> dict[str, Any]:
    """Summary of one `aurora replay` in a process of its own.

    Linux counts the memory of the process that starts a program as that program's peak, so a small one
    stands between this process and the one that is measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "aurora.cli", "replay", *map(str, paths), "--json"]
        command += ["--config", str(ROOT / "config" / config), "--runner", runner, "--out", f"{folder}/run"]
        done = subprocess.run(
            [sys.executable, "-S", "-c", _IN_BETWEEN, *command], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"replay ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary


def best_replay(paths: Sequence[Path], config: str, runner: str = "inline", times: int = REPLAYS) -> float:
    """Events per second of the fastest of some replays, from start to written journal."""
    runs = [replay(paths, config, runner) for _ in range(times)]
    if len({run["decisions_digest"] for run in runs}) != 1:
        raise RuntimeError("one replay, several digests")
    return max(run["events_per_s"] for run in runs)
