"""Draw mutants of risk, signal and regime, run the tests against each, write `bench/mutants/python/mutants.json`.

    python -m bench.mutants.python.run [--sample 200] [--seed 7] [--jobs 1]

What is drawn comes from mutmut ([bench.mutants.python.propose]). The tests run once as they are, watched for the
functions that each of them runs; a mutant then meets those that run its function, in a process forked from one that
holds the libraries. It is caught when a test fails or takes five times as long as without it; one that cannot be
imported does not count. The working tree is copied and no file of the copy changes: `import` is served the mutant.
The score comes with Wilson's lower bound at 95 %. Progress goes to stderr.

Exit codes: 0 done, 1 something failed.
"""

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

# Hypothesis draws the same examples each time; no library spreads over several cores or forks with threads.
os.environ.update(CI="true", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", POLARS_MAX_THREADS="1")

from bench.mutants.python.mutant import Mutant
from bench.mutants.python.trial import Test, choice, forked, judge, quickest_first, tests_of, watch
from bench.mutants.wilson import wilson_lower

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ROOM = ROOT / "target" / "mutants" / "python"
TREE = ROOM / "tree"
OUT = HERE / "mutants.json"
PROPOSER = HERE / ".venv" / "bin" / "python"
ROOMS = ("risk", "signal", "regime")
TESTS = (
    *(f"tests/unit/{room}/" for room in ROOMS),
    "tests/property/risk/",
    "tests/unit/stages/",
    "tests/unit/cli/test_settings.py",
)
LIBRARIES = (
    "scipy.stats",
    "scipy.optimize",
    "sklearn.linear_model",
    "sklearn.isotonic",
    "sklearn.calibration",
    "sklearn.covariance",
    "statsmodels.api",
    "arch",
    "betacal",
    "venn_abers",
    "river",
    "hmmlearn.hmm",
    "talib",
    "cvxpy",
    "polars",
    "pydantic",
    "yaml",
    "typer",
    "rich.console",
)
"""Imported once, before the processes part. Nothing of Aurora is among them."""


class Failed(Exception):
    """Something that no mutant is to blame for."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def copy_tree() -> str:
    """Copies what git knows or would take, and the extension; gives a digest of it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        text=True,
        capture_output=True,
    )
    extensions = [str(path.relative_to(ROOT)) for path in (ROOT / "python" / "aurora").glob("_core*.so")]
    if not extensions:
        raise Failed("python/aurora has no extension; build it first")
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith("rust/")]
    digest = hashlib.sha256()
    shutil.rmtree(TREE, ignore_errors=True)
    for name in sorted({*names, *extensions}):
        if not (ROOT / name).is_file():
            continue
        (TREE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, TREE / name)
        if name.startswith(("python/", "tests/")):
            digest.update(name.encode() + b"\0" + (TREE / name).read_bytes())
    return digest.hexdigest()


def propose(sample: int, seed: int) -> tuple[list[Mutant], dict[str, Any]]:
    """The mutants drawn, and what is said of the others."""
    folders = [TREE / "python" / "aurora" / room for room in ROOMS]
    files = sorted(str(path.relative_to(TREE)) for folder in folders for path in folder.glob("**/*.py"))
    command = [str(PROPOSER), "-m", "bench.mutants.python.propose", "--tree", str(TREE), *files]
    command += ["--sample", str(sample), "--seed", str(seed)]
    listed = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True
    )
    if listed.returncode != 0:
        raise Failed(f"mutmut proposes nothing:\n{listed.stderr[-3_000:]}")
    answer = json.loads(listed.stdout)
    rows = answer.pop("sample")
    return [
        Mutant.of(row["file"], (TREE / row["file"]).read_text(encoding="utf-8"), row["source"])
        for row in rows
    ], answer


def preload() -> None:
    for name in LIBRARIES:
        # What is not here is of no use to the tests either.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def test_files() -> Iterator[str]:
    for start in TESTS:
        for path in [TREE / start] if start.endswith(".py") else sorted((TREE / start).rglob("test_*.py")):
            yield str(path.relative_to(TREE))


class Processes:
    """Some pieces of work at a time, each in a process of its own; what they answer, as it comes."""

    def __init__(self, jobs: int):
        self._jobs = jobs
        self._running: dict[int, tuple[str, Path]] = {}

    def run(
        self, works: dict[str, Callable[[], dict[str, Any]]]
    ) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Name, the signal that ended it or 0, and answer."""
        ROOM.mkdir(parents=True, exist_ok=True)
        waiting = list(enumerate(works.items()))
        while waiting or self._running:
            while waiting and len(self._running) < self._jobs:
                number, (name, work) = waiting.pop(0)
                answer = ROOM / f"answer-{number}.json"
                answer.unlink(missing_ok=True)
                self._running[forked(work, answer)] = name, answer
            process, status, used = os.wait3(0)
            if process not in self._running:
                continue
            name, answer = self._running.pop(process)
            row = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {}
            answer.unlink(missing_ok=True)
            row["seconds"] = round(used.ru_utime + used.ru_stime, 1)
            yield name, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, row


def learn(digest: str, jobs: int) -> list[Test]:
    """What each test costs and runs; kept for as long as neither the sources nor the tests change.

    Raises:
        Failed: a test fails without any mutant.
    """
    kept = ROOM / f"tests-{digest}.json"
    if not kept.exists():
        rows: list[dict[str, Any]] = []
        files = list(test_files())
        works = {file: lambda file=file: watch(TREE, file) for file in files}
        for done, (file, ended, answer) in enumerate(Processes(jobs).run(works), start=1):
            if ended or answer.get("code") != 0:
                raise Failed(
                    f"{file}: the tests fail without a mutant ({ended}, {answer.get('broken', answer)})"
                )
            seconds = sum(row["seconds"] for row in answer["tests"])
            say(f"{done} of {len(files)}: {file}: {len(answer['tests'])} tests, {seconds:.1f} s")
            rows += answer["tests"]
        check_order(tests_of(rows), jobs)
        for old in ROOM.glob("tests-*.json"):
            old.unlink()
        kept.write_text(json.dumps(rows), encoding="utf-8")
    return tests_of(json.loads(kept.read_text(encoding="utf-8")))


def check_order(tests: list[Test], jobs: int) -> None:
    """Runs each file's tests quickest first, as mutants meet them.

    Raises:
        Failed: a test fails when others did not run before it, or takes far longer.
    """
    works: dict[str, Callable[[], dict[str, Any]]] = {}
    note = ROOM / "now"
    for file in {test.file: None for test in tests}:
        chosen = quickest_first([test for test in tests if test.file == file])
        works[file] = lambda c=chosen: judge(TREE, None, c, note)
    for done, (file, ended, answer) in enumerate(Processes(jobs).run(works), start=1):
        if ended or answer.get("outcome") != "missed":
            raise Failed(f"{file}: the tests fail in another order ({ended}, {answer})")
        say(f"{done} of {len(works)}: {file}: in another order, {answer['seconds']} s")


def trials(sample: list[Mutant], tests: list[Test], jobs: int) -> list[dict[str, Any]]:
    """What came of each mutant, printed as it comes."""
    rows: list[dict[str, Any]] = []
    notes = {str(number): ROOM / f"now-{number}" for number in range(len(sample))}
    works: dict[str, Callable[[], dict[str, Any]]] = {}
    for number, mutant in enumerate(sample):
        room = mutant.module.split(".")[1]
        near = (f"tests/unit/{room}/", f"tests/property/{room}/", "tests/unit/stages/", "tests/unit/cli/")
        chosen = choice(mutant, tests, near)
        works[str(number)] = lambda m=mutant, c=chosen, n=notes[str(number)]: judge(TREE, m, c, n)
    for name, ended, answer in Processes(jobs).run(works):
        mutant = sample[int(name)]
        last = notes[name].read_text(encoding="utf-8") if notes[name].exists() else "nothing"
        notes[name].unlink(missing_ok=True)
        if ended in (signal.SIGPROF, signal.SIGALRM):
            answer |= {"outcome": "caught", "by": f"time of {last}"}
        elif ended:
            answer |= {"outcome": "caught", "by": f"signal {ended} in {last}"}
        elif "broken" in answer:
            raise Failed(f"{mutant.name}: {answer['broken']}")
        rows.append({"mutant": mutant.name, **answer})
        word = f"caught by {answer['by']}" if answer["outcome"] == "caught" else answer["outcome"]
        say(f"{len(rows)} of {len(sample)}: {mutant.name}: {word}, {answer['seconds']} s")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mutants.python.run")
    parser.add_argument("--sample", type=int, default=200, help="how many mutants to draw")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    arguments = parser.parse_args()
    os.environ.setdefault("AURORA_CAPTURES", str(ROOT.parent / "shared" / "data"))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TREE / "python"), str(TREE)])
    begun = monotonic()
    try:
        digest = copy_tree()
        sample, said = propose(arguments.sample, arguments.seed)
        say(f"{len(sample)} of {said['candidates']} mutants, seed {arguments.seed}")
        preload()
        rows = trials(sample, learn(digest, arguments.jobs), arguments.jobs)
    except Failed as failure:
        say(str(failure))
        return 1
    rows.sort(key=lambda row: row["mutant"])
    number = {name: sum(row["outcome"] == name for row in rows) for name in ("caught", "missed", "unviable")}
    viable = number["caught"] + number["missed"]
    lower = wilson_lower(number["caught"], viable)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "mutmut": (HERE / "requirements.txt").read_text(encoding="utf-8").split()[0].partition("==")[2],
        "seed": arguments.seed,
        **said,
        "sample": len(sample),
        **number,
        "score": round(number["caught"] / max(1, viable), 4),
        "wilson_lower_95": round(lower, 4),
        "survivors": [row["mutant"] for row in rows if row["outcome"] == "missed"],
    }
    OUT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (ROOM / "rows.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    minutes, processor = (monotonic() - begun) / 60, (used.ru_utime + used.ru_stime) / 60
    print(
        f"{number['caught']} caught, {number['missed']} missed, {number['unviable']} unviable in {minutes:.0f} min "
        f"({processor:.0f} min of processor): at least {lower:.1%} with 95 % confidence"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
