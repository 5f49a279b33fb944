"""Runs the benchmarks of `bench/python/`, prints a table and keeps `bench/results.json`.

    python -m bench.run [--only NAME]     measure all, or one and merge it into the kept results
    python -m bench.run --readme          write the kept results into the README's table, measure nothing

Exit codes: 0 done, 1 a benchmark failed or there are no results, 2 no benchmark of that name.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NotRequired, TypedDict

from rich.console import Console
from rich.table import Table

from bench.registry import REGISTERED, Benchmark, Figure, Unavailable

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "README.md"
OPEN, CLOSE = "<!-- bench -->", "<!-- /bench -->"


class Row(TypedDict):
    """One line of `results.json`."""

    name: str
    value: float
    unit: str
    better: str
    peer: NotRequired[str]
    ratio: NotRequired[float]
    commit: str
    machine: str


def discover() -> dict[str, Benchmark]:
    """Imports every file of `bench/python/`, whose decorators fill the registry."""
    for path in sorted((ROOT / "bench" / "python").glob("[!_]*.py")):
        importlib.import_module(f"bench.python.{path.stem}")
    return dict(sorted(REGISTERED.items()))


def commit() -> str:
    """Short hash of the checked out commit; `+dirty` when anything but the results differs from it."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--", ".", ":!bench/results.json", ":!README.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+dirty" if changed else head


def machine() -> str:
    """Processor model, cores this process may use, Python version."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}"


def measured(one: Benchmark, at: str, where: str) -> Row:
    """Takes the figure of one benchmark. Raises whatever the benchmark raises."""
    result = one.measure()
    figure = result if isinstance(result, dict) else Figure(value=result)
    row = Row(
        name=one.name, value=figure["value"], unit=one.unit, better=one.better, commit=at, machine=where
    )
    if "peer" in figure:
        row["peer"] = figure["peer"]
    if "ratio" in figure:
        row["ratio"] = figure["ratio"]
    return row


def load() -> list[Row]:
    """The kept results, none when there are none yet."""
    rows: list[Row] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    return rows


def save(rows: list[Row]) -> None:
    text = json.dumps(sorted(rows, key=lambda row: row["name"]), indent=2, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Four significant digits, thousands separated, no exponent."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-4 else f"{value:.2e}"


def cells(row: Row) -> tuple[str, str, str, str]:
    ratio = f"{number(row['ratio'])}×" if "ratio" in row else ""
    peer = f"{ratio} {row['peer']}".strip() if "peer" in row else ratio
    return row["name"], f"{number(row['value'])} {row['unit']}", f"{row['better']} is better", peer


def show(rows: list[Row], console: Console) -> None:
    table = Table("benchmark", "value", "", "against")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
    for line in sorted({f"{row['commit']} on {row['machine']}" for row in rows}):
        console.print(line, highlight=False, soft_wrap=True)


def markdown(rows: list[Row]) -> str:
    """The README's table, with the machine it was measured on below."""
    lines = ["| benchmark | value | | against |", "|---|---:|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells(row)) + " |" for row in rows]
    machines = "; ".join(sorted({row["machine"] for row in rows}))
    return "\n".join([*lines, "", f"Best of at least five repeats on {machines}."])


def refreshed(readme: str, rows: list[Row]) -> str:
    """The README's text with the table between its markers. Raises ValueError without the markers."""
    before, opened, rest = readme.partition(OPEN)
    _, closed, after = rest.partition(CLOSE)
    if not (opened and closed):
        raise ValueError(f"README.md has no {OPEN} … {CLOSE}")
    return f"{before}{OPEN}\n{markdown(rows)}\n{CLOSE}{after}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Measure Aurora.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--only", metavar="NAME", help="measure one and merge it into the kept results")
    choice.add_argument("--readme", action="store_true", help="refresh the README's table, measure nothing")
    options = parser.parse_args(arguments)
    console, errors = Console(markup=False), Console(stderr=True, markup=False)

    if options.readme:
        rows = load()
        if not rows:
            errors.print(f"no results in {RESULTS.relative_to(ROOT)}: run `make bench` first")
            return 1
        README.write_text(refreshed(README.read_text(encoding="utf-8"), rows), encoding="utf-8")
        return 0

    known = discover()
    chosen = [known[name] for name in known if options.only in (None, name)]
    if not chosen:
        errors.print(f"no benchmark is named {options.only!r}; there are: {', '.join(known) or 'none'}")
        return 2

    at, where = commit(), machine()
    rows, failed = [], False
    for one in chosen:
        errors.print(f"measuring {one.name} …", style="dim", highlight=False)
        try:
            rows.append(measured(one, at, where))
        except Unavailable as reason:
            errors.print(f"{one.name}: not measured, {reason}", style="yellow", highlight=False)
        except Exception:
            failed = True
            errors.print(f"{one.name}: failed", style="red", highlight=False)
            traceback.print_exc()
    # The rows of `bench.peers.run` are its own. A failed or unavailable benchmark keeps its last figure: its
    # commit and machine say whence it is.
    fresh = {row["name"] for row in rows}
    kept = known.keys() - fresh
    save([*rows, *(row for row in load() if row["name"] in kept or row["name"].startswith("peer-"))])
    if rows:
        show(rows, console)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
