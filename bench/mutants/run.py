"""Draw mutants of execution, venue and ledger, run the Rust tests against each, write `bench/mutants/mutants.json`.

    python -m bench.mutants.run [--sample 200] [--seed 7] [--jobs 2]

What is drawn comes from `cargo mutants --list`. Those that fit into one source are built together
([bench.mutants.schemata]); the others, constants for the most part, are built one by one, as cargo-mutants does it.
A mutant is caught when a test fails or takes five times as long as without it; one that does not compile does not
count. The score comes with Wilson's lower bound at 95 %.

Exit codes: 0 done, 1 something failed.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from bench.mutants.schemata import CHOICE, Mutant, Source, numbers_in, replaced
from bench.mutants.wilson import wilson_lower

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "target" / "mutants"
TREE = ROOM / "tree"
KEPT = ROOM / "kept"
"""The sources as they were at the start: whoever works on them meanwhile does no harm."""
TOOL = ROOM / "tools"
OUT = ROOT / "bench" / "mutants" / "mutants.json"
VERSION = "27.1.0"
"""Of cargo-mutants."""
FILES = (
    "rust/aurora-core/src/execution/**/*.rs",
    "rust/aurora-core/src/venue/**/*.rs",
    "rust/aurora-io/src/ledger*.rs",
)
EXCLUDED = ("**/*_tests.rs", "**/tests.rs", "**/naive_*.rs", "**/mutant.rs")
"""Tests, their references, and the simulator's planted bugs."""
CRATES = ("aurora-core", "aurora-io")
SLOWER = 5
"""A run that takes this many times as long as the original's has been caught."""
SPARE_SECONDS = 20.0


class Failed(Exception):
    """Something that no mutant is to blame for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Some tests: a program and what it is told. The quick and likely ones come first."""

    name: str
    crate: str
    program: str
    filters: tuple[str, ...]
    harness: bool = True
    """Whether it is Rust's own and takes a number of threads."""


STAGES = (
    Stage("execution and venue", "aurora-core", "aurora_core", ("execution::", "venue::")),
    Stage("ledger", "aurora-io", "aurora_io", ("ledger",)),
    Stage("payloads", "aurora-io", "router_payloads", ()),
    Stage("filters", "aurora-io", "venue_filters", ()),
    Stage("simulator and desk", "aurora-core", "aurora_core", ("sim::", "desk::")),
    Stage("process", "aurora-io", "ledger_process", (), harness=False),
)


@dataclass(slots=True)
class Build:
    """Test programs, and how long each stage takes without a mutant."""

    programs: dict[str, Path]
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, stage: Stage, number: int) -> bool:
        """Whether the stage's tests pass."""
        command = [str(self.programs[stage.program]), *stage.filters]
        if stage.harness:
            command.append("--test-threads=1")
        environment = {
            **os.environ,
            "AURORA_MUTATION": str(number),
            "AURORA_CAPTURES": os.environ.get("AURORA_CAPTURES", str(ROOT.parent / "shared" / "data")),
            # What one mutant showed must not help against the next.
            "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
            "PROPTEST_MAX_SHRINK_ITERS": "0",
        }
        known = self.seconds.get(stage.name)
        limit = None if known is None else SLOWER * known + SPARE_SECONDS
        process = subprocess.Popen(
            command,
            cwd=TREE / "rust" / stage.crate,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            # Tests of processes have children.
            os.killpg(process.pid, 9)
            process.wait()
            return False

    def time(self) -> None:
        """Measures the stages on the original.

        Raises:
            Failed: a test fails without any mutant.
        """
        for stage in STAGES:
            begun = monotonic()
            if not self.run(stage, 0):
                raise Failed(f"{stage.name}: the tests fail without a mutant")
            self.seconds[stage.name] = monotonic() - begun
            print(f"{stage.name}: {self.seconds[stage.name]:.1f} s", flush=True)

    def catcher(self, mutant: Mutant) -> str | None:
        """The stage that catches a mutant."""
        own = [stage for stage in STAGES if f"/{stage.crate}/" in mutant.file]
        others = [stage for stage in STAGES if stage not in own]
        stages = (stage for stage in own + others if not self.run(stage, mutant.number))
        return next((stage.name for stage in stages), None)


def cargo(arguments: list[str], target: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(ROOM / target),
        # What a lint denies is no error of the language.
        "RUSTFLAGS": "--cap-lints=warn",
        # Built once, run a few hundred times for some seconds.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "2",
        "CARGO_PROFILE_DEV_DEBUG": "0",
    }
    return subprocess.run(
        ["cargo", *arguments], cwd=TREE, env=environment, text=True, capture_output=True, **options
    )


def candidates() -> list[Mutant]:
    """All mutants of the three rooms, in the order of cargo-mutants."""
    program = TOOL / "bin" / "cargo-mutants"
    if not program.exists():
        print(f"installing cargo-mutants {VERSION}", flush=True)
        install = ["cargo", "install", "cargo-mutants", "--version", VERSION, "--locked", "--debug"]
        subprocess.run([*install, "--quiet", "--root", str(TOOL)], check=True)
    command = [str(program), "mutants", "--list", "--json", "--dir", str(TREE)]
    for glob in FILES:
        command += ["--file", glob]
    for glob in EXCLUDED:
        command += ["--exclude", glob]
    listed = subprocess.run(command, check=True, text=True, capture_output=True)
    return [Mutant.parse(number, row) for number, row in enumerate(json.loads(listed.stdout), start=1)]


def keep_sources() -> None:
    """Copies the files that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "rust", "docs", "Cargo.*"],
        cwd=ROOT,
        check=True,
        text=True,
        capture_output=True,
    )
    shutil.rmtree(KEPT, ignore_errors=True)
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).exists():
            (KEPT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, KEPT / name)


def restore_tree() -> None:
    """Makes the folder in which sources are changed what was kept."""
    kept = {path.relative_to(KEPT) for path in KEPT.rglob("*") if path.is_file()}
    for path in [path for path in TREE.rglob("*") if path.is_file()]:
        if path.relative_to(TREE) not in kept:
            path.unlink()
    for name in sorted(kept):
        put(str(name), (KEPT / name).read_bytes())


def put(name: str, data: bytes) -> None:
    """Writes a file of the tree; one that is the same already keeps its time."""
    path = TREE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def original(name: str) -> str:
    return (KEPT / name).read_text(encoding="utf-8")


def messages(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def told(output: str) -> str:
    """What the compiler calls errors, for people."""
    rows = (row["message"] for row in messages(output) if row.get("reason") == "compiler-message")
    return "\n".join(row["rendered"] for row in rows if row["level"] == "error")[:3_000]


def blamed(output: str) -> set[int]:
    """Mutants at the places where the compiler finds errors."""
    numbers: set[int] = set()
    for message in messages(output):
        if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
            continue
        for span in message["message"]["spans"]:
            path = TREE / span["file_name"]
            if not span["is_primary"] or not path.exists():
                continue
            lines = path.read_text(encoding="utf-8").split("\n")
            for first in range(span["line_start"] - 1, max(-1, span["line_start"] - 30), -1):
                found = numbers_in("\n".join(lines[first : span["line_end"]]))
                if found:
                    numbers.update(found)
                    break
    return numbers


def build_together(sample: list[Mutant]) -> tuple[Build, list[Mutant]]:
    """One build of all mutants that can be built together, and the others."""
    for crate in CRATES:
        library = f"rust/{crate}/src/lib.rs"
        put(library, f"{original(library)}\nmod mutation;\n".encode())
        put(f"rust/{crate}/src/mutation.rs", CHOICE.encode())
    alone: list[Mutant] = []
    together = sample
    while True:
        for name in sorted({mutant.file for mutant in sample}):
            here = [mutant for mutant in together if mutant.file == name]
            text, homeless = Source(original(name)).with_all(here)
            alone += homeless
            put(name, text.encode())
        together = [mutant for mutant in together if mutant not in alone]
        packages = [word for crate in CRATES for word in ("-p", crate)]
        checked = cargo(["check", *packages, "--lib", "--tests", "--message-format=json"], "check")
        if checked.returncode == 0:
            break
        bad = blamed(checked.stdout)
        culprits = [mutant for mutant in together if mutant.number in bad]
        if not culprits:
            raise Failed(f"no mutant explains what the compiler says:\n{told(checked.stdout)}")
        alone += culprits
        together = [mutant for mutant in together if mutant not in culprits]
        print(f"{len(culprits)} do not compile beside the original, {len(together)} left", flush=True)
    return build("release", ["--release"]), alone


def build(target: str, options: list[str]) -> Build:
    """The tests' programs.

    Raises:
        Failed: they do not compile.
    """
    packages = [word for crate in CRATES for word in ("-p", crate)]
    arguments = ["test", *packages, *options, "--lib", "--tests", "--no-run", "--message-format=json"]
    built = cargo(arguments, target)
    if built.returncode != 0:
        raise Failed(told(built.stdout) or built.stderr[-3_000:])
    programs = {
        message["target"]["name"]: Path(message["executable"])
        for message in messages(built.stdout)
        if message.get("reason") == "compiler-artifact" and message.get("executable")
    }
    return Build(programs)


class Score:
    """What came of each mutant, printed as it comes."""

    def __init__(self, count: int):
        self.rows: list[dict[str, str]] = []
        self._count = count

    def add(self, mutant: Mutant, outcome: str, by: str = "") -> None:
        self.rows.append({"mutant": mutant.name, "outcome": outcome, "by": by})
        word = f"caught by {by}" if by else outcome
        print(f"{len(self.rows)} of {self._count}: {mutant.name}: {word}", flush=True)

    def number(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)


def run_together(build: Build, sample: list[Mutant], jobs: int, score: Score) -> None:
    with ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(build.catcher, mutant): mutant for mutant in sample}
        for done in as_completed(runs):
            by = done.result()
            score.add(runs[done], "caught" if by else "missed", by or "")


def run_alone(sample: list[Mutant], score: Score) -> None:
    """Builds each by itself, without optimisation: a build counts for more than its tests here."""
    restore_tree()
    reference = build("alone", [])
    reference.time()
    for mutant in sample:
        put(mutant.file, replaced(original(mutant.file), mutant).encode())
        try:
            single = build("alone", [])
        except Failed:
            score.add(mutant, "unviable")
        else:
            single.seconds = reference.seconds
            by = single.catcher(mutant)
            score.add(mutant, "caught" if by else "missed", by or "")
        put(mutant.file, original(mutant.file).encode())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mutants.run")
    parser.add_argument("--sample", type=int, default=200, help="how many mutants to draw")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="tests at a time")
    arguments = parser.parse_args()
    keep_sources()
    restore_tree()
    everything = candidates()
    drawn = random.Random(arguments.seed).sample(everything, min(arguments.sample, len(everything)))
    sample = sorted(drawn, key=lambda mutant: mutant.number)
    print(f"{len(sample)} of {len(everything)} mutants, seed {arguments.seed}", flush=True)
    score = Score(len(sample))
    try:
        together, alone = build_together(sample)
        together.time()
        run_together(together, [one for one in sample if one not in alone], arguments.jobs, score)
        if alone:
            run_alone(alone, score)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    caught, missed = score.number("caught"), score.number("missed")
    lower = wilson_lower(caught, caught + missed)
    rows = sorted(score.rows, key=lambda row: row["mutant"])
    report = {
        "cargo_mutants": VERSION,
        "seed": arguments.seed,
        "candidates": len(everything),
        "sample": len(sample),
        "caught": caught,
        "missed": missed,
        "unviable": score.number("unviable"),
        "score": round(caught / max(1, caught + missed), 4),
        "wilson_lower_95": round(lower, 4),
        "survivors": [row["mutant"] for row in rows if row["outcome"] == "missed"],
    }
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(
        f"{caught} caught, {missed} missed, {report['unviable']} unviable: at least {lower:.1%} with 95 % confidence"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
