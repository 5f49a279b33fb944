"""The regression gate: instructions executed, counted by callgrind, which no busy machine can disturb.

    python -m bench.instructions [NAME...]     compare with bench/instructions.json
    python -m bench.instructions --update      count again and rewrite the baseline

The program under the counter is the example `instructions` of aurora-core: `instructions list` prints its
subcommands, one a line, and `instructions NAME` does that piece of work once on built-in data.

Exit codes: 0 within tolerance, 1 a regression or no baseline, 2 wrong usage, 3 cannot count here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "bench" / "instructions.json"
TOLERANCE = 0.03
BUILD = "cargo build --release -p aurora-core --example instructions"


class Baseline(TypedDict):
    """`instructions.json`: the compiler that made the program, and instructions by subcommand."""

    rustc: str
    counts: dict[str, int]


class CannotCount(Exception):
    """Valgrind or the program is missing, or the program failed under it."""


def program() -> Path:
    """Path of the example. Raises CannotCount when it is not built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = target / "release" / "examples" / "instructions"
    if not path.exists():
        raise CannotCount(f"{path} is not built: {BUILD}")
    return path


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotCount(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def total(callgrind: str) -> int:
    """Instructions (Ir) of a whole run, from the text callgrind wrote. Raises CannotCount without a total."""
    found = re.search(r"^(?:summary|totals): (\d+)", callgrind, re.MULTILINE)
    if found is None:
        raise CannotCount("callgrind wrote no total")
    return int(found.group(1))


def count(path: Path, name: str) -> int:
    """Instructions of one subcommand, from start to end of its process."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "callgrind.out"
        run("valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={written}", str(path), name)
        return total(written.read_text(encoding="utf-8"))


def judge(name: str, now: int, before: int | None) -> tuple[bool, str]:
    """Whether a count passes, and the line that says so."""
    if before is None:
        return False, f"{name:<24} {now:>15,}  no baseline: add it with --update"
    change = now / before - 1
    verdict = "ok"
    if change > TOLERANCE:
        verdict = f"REGRESSION (tolerance {TOLERANCE:.0%})"
    elif change < -TOLERANCE:
        verdict = "better: keep the gain with --update"
    return change <= TOLERANCE, f"{name:<24} {now:>15,}  {change:>+8.2%}  {verdict}"


def gate(names: list[str], *, update: bool) -> int:
    """Counts, compares and prints; gives back the exit code. Raises CannotCount."""
    if shutil.which("valgrind") is None:
        raise CannotCount("valgrind is not installed: install it from your system's packages")
    path = program()
    there = run(str(path), "list").split()
    unknown = sorted(set(names) - set(there))
    if unknown:
        print(f"no subcommand {', '.join(unknown)}; there are: {', '.join(there)}", file=sys.stderr)
        return 2
    kept = Baseline(rustc="", counts={})
    if BASELINE.exists():
        kept = json.loads(BASELINE.read_text(encoding="utf-8"))
    rustc = run("rustc", "--version").strip()
    if kept["rustc"] not in ("", rustc):
        print(f"note: the baseline was made by {kept['rustc']}, this is {rustc}")

    counts = {name: count(path, name) for name in names or there}
    if update:
        known = {name: kept["counts"][name] for name in there if name in kept["counts"]}
        made = Baseline(rustc=rustc, counts=dict(sorted({**known, **counts}.items())))
        BASELINE.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        for name, now in counts.items():
            print(f"{name:<24} {now:>15,}")
        return 0

    passed = True
    for name, now in counts.items():
        good, line = judge(name, now, kept["counts"].get(name))
        passed &= good
        print(line)
    gone = [] if names else sorted(kept["counts"].keys() - set(there))
    for name in gone:
        passed = False
        print(f"{name:<24} {'gone':>15}  in the baseline only: drop it with --update")
    return 0 if passed else 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description="Count instructions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="subcommands to count, all if none is named")
    parser.add_argument("--update", action="store_true", help="rewrite the baseline with these counts")
    options = parser.parse_args(arguments)
    try:
        return gate(options.names, update=options.update)
    except CannotCount as reason:
        print(f"cannot count instructions: {reason}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
