"""Side by side with hftbacktest and numba on the real diffs of `usdm/`: both sides take turns in one run.

    python -m bench.peers.run [--rounds 7]    measure, print, merge into bench/results.json

The peers live in `bench/peers/.venv`, made from `requirements.txt` by the first run; they are no part of the tests.
Each figure is the minimum over the rounds: whatever else the machine does can only make a figure worse.

Exit codes: 0 done, 1 something failed, 3 no capture here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from aurora.capture import Catalogue
from bench.peers.core import KERNELS
from bench.python._captures import BTC, ROOT, capture
from bench.registry import LEAST_REPEATS, Unavailable
from bench.run import Row, commit, load, machine, save, show

HERE = Path(__file__).resolve().parent
PEER = "hftbacktest 2.4.4"
EXAMPLES = ("measure", "measure_features", "measure_venue")
REQUOTE_NS = 100_000_000
"""Of the market-making loops; `measure_venue` has the same."""


class Side:
    """One worker process: a command in, its answer out."""

    def __init__(self, command: list[str], console: Console):
        # One core each: neither side's libraries may spread over several.
        threads = {"OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **threads}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self._console = console

    def ask(self, do: str, *arguments: Any) -> dict[str, float]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the worker has no pipes")
        stdin.write(json.dumps({"do": do, "with": arguments}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended while it did {do}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def peer_python(console: Console) -> Path:
    """The peers' interpreter, its environment made if need be."""
    folder = HERE / ".venv"
    python = folder / "bin" / "python"
    if not python.exists():
        console.print("making the peers' environment …", style="dim")
        venv.create(folder, with_pip=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")], check=True
        )
    return python


def examples() -> list[str]:
    """The Rust programs, built."""
    names = [word for name in EXAMPLES for word in ("--example", name)]
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "aurora-io", *names], cwd=ROOT, check=True
    )
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples"
    return [str(target / name) for name in EXAMPLES]


def columns(program: str, path: str, folder: Path) -> Path:
    """Touches and trades of the capture, as our kernels see them, for the peer's kernels."""
    subprocess.run([program, "rows", path, str(folder)], check=True)
    named = {
        file.stem: np.fromfile(file, dtype="<" + file.suffix[1:]) for file in sorted(folder.glob("*.?8"))
    }
    target = folder / "columns.npz"
    np.savez(target, **named)
    return target


def least(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(one[name] for one in figures) for name in figures[0]}


def measure(rounds: int, console: Console) -> list[Row]:
    path = str(capture(BTC))
    programs = examples()
    peer = Side([str(peer_python(console)), str(HERE / "hftbacktest_worker.py")], console)
    ours = Side([sys.executable, "-m", "bench.peers.aurora_worker", *programs], console)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = columns(programs[1], path, folder)
        peer.ask("load", str(table))
        stored = folder / "catalogue"
        Catalogue(stored).convert([path])
        theirs: dict[str, list[dict[str, float]]] = {}
        own: dict[str, list[dict[str, float]]] = {}
        for turn in range(rounds):
            console.print(f"round {turn + 1} of {rounds}", style="dim")
            theirs.setdefault("convert", []).append(peer.ask("convert", path))
            own.setdefault("frame", []).append(ours.ask("frame", path))
            theirs.setdefault("feed_roi", []).append(peer.ask("feed_roi"))
            own.setdefault("book", []).append(ours.ask("rust", "book", path))
            own.setdefault("stored", []).append(ours.ask("stored", str(stored)))
            theirs.setdefault("feed_hashmap", []).append(peer.ask("feed_hashmap"))
            own.setdefault("market", []).append(ours.ask("rust", "market", path))
            own.setdefault("kernels", []).append(ours.ask("rust", "kernels", path))
            for kernel in KERNELS:
                theirs.setdefault(kernel, []).append(peer.ask("kernel", kernel))
            own.setdefault("decode", []).append(ours.ask("rust", "decode", path))
            theirs.setdefault("market_making", []).append(peer.ask("market_making", REQUOTE_NS))
            own.setdefault("maker", []).append(ours.ask("rust", "maker", path))
            own.setdefault("symbols", []).append(ours.ask("rust", "symbols", path))
    peer.close()
    ours.close()
    return rows({k: least(v) for k, v in own.items()}, {k: least(v) for k, v in theirs.items()})


def rows(own: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> list[Row]:
    at, where = commit(), machine()
    out: list[Row] = []

    def row(name: str, value: float, unit: str, peer: str = "", their: float = 0.0) -> None:
        one = Row(name=f"peer-{name}", value=value, unit=unit, better="lower", commit=at, machine=where)
        if peer:
            one["peer"], one["ratio"] = peer, their / value
        out.append(one)

    feed = theirs["feed_roi"]
    per_event = feed["ns"] / feed["rows"]
    hashed = theirs["feed_hashmap"]["ns"] / theirs["feed_hashmap"]["rows"]
    row("book", own["book"]["ns_per_level"], "ns/level", f"{PEER}, ROI-vector feed loop", per_event)
    row("book-hashmap", own["book"]["ns_per_level"], "ns/level", f"{PEER}, hash-map feed loop", hashed)
    row("core-kernels", own["market"]["core_ns_per_event"], "ns/event", f"{PEER}, bare feed loop", per_event)
    row("catalogue-kernels", own["stored"]["ns"] / 1e6, "ms", f"{PEER}, bare feed loop", feed["ns"] / 1e6)
    row("all-kernels", own["market"]["all_ns_per_event"], "ns/event")
    row("frame", own["frame"]["ns"] / 1e9, "s", f"{PEER}, its converter alone", theirs["convert"]["ns"] / 1e9)
    row(
        "ten-symbols",
        own["symbols"]["ten_ns_per_level"],
        "ns/level",
        "one symbol",
        own["symbols"]["one_ns_per_level"],
    )
    row(
        "market-making",
        own["maker"]["ns"] / 1e6,
        "ms",
        f"{PEER}, the same loop, {theirs['market_making']['rows']:.0f} fills to {own['maker']['fills']:.0f}",
        theirs["market_making"]["ns"] / 1e6,
    )
    for kernel, what in KERNELS.items():
        their = theirs[kernel]["ns"] / theirs[kernel]["rows"]
        row(f"kernel-{kernel}", own["kernels"][kernel], "ns/row", f"numba, {what}", their)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.run", description="Measure beside peers.")
    parser.add_argument("--rounds", type=int, default=7, help=f"at least {LEAST_REPEATS}")
    options = parser.parse_args()
    console = Console(stderr=True, markup=False)
    if options.rounds < LEAST_REPEATS:
        console.print(f"{options.rounds} rounds are too few, take at least {LEAST_REPEATS}")
        return 2
    try:
        fresh = measure(options.rounds, console)
    except Unavailable as reason:
        console.print(f"not measured, {reason}")
        return 3
    save([*fresh, *(row for row in load() if not row["name"].startswith("peer-"))])
    show(fresh, Console(markup=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
