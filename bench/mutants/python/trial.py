"""Tests in a forked process: once to learn which function each of them runs, then against each mutant.

Time is counted in seconds of the processor, which no busy machine disturbs.
"""

import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

from bench.mutants.python.mutant import Mutant, Serve

SLOWER = 5
"""A test that takes this many times as long as it and the longest of its file without the mutant has caught it."""
SPARE_SECONDS = 5.0
WAITING_SECONDS = 1_800.0
"""By the clock, for a mutant that waits and does not work."""
CHEAP_SECONDS = 2.0
"""What a test may cost that runs beside those known to see a mutant."""


@dataclass(frozen=True, slots=True)
class Test:
    """A test, what it costs and the functions it runs, each as file and first line."""

    name: str
    seconds: float
    runs: frozenset[tuple[str, int]]
    limit: float
    """What it may cost with a mutant. A fixture or a cache that another test of the file filled may become its own."""

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]

    def touches(self, mutant: Mutant) -> bool:
        return any(file == mutant.file and mutant.first <= line <= mutant.last for file, line in self.runs)


def tests_of(rows: list[dict[str, Any]]) -> list[Test]:
    """The tests as they were watched, each with its limit."""
    longest: dict[str, float] = {}
    for row in rows:
        file = row["name"].partition("::")[0]
        longest[file] = max(longest.get(file, 0.0), row["seconds"])
    return [
        Test(
            row["name"],
            row["seconds"],
            frozenset((file, line) for file, line in row["runs"]),
            SLOWER * (row["seconds"] + longest[row["name"].partition("::")[0]]) + SPARE_SECONDS,
        )
        for row in rows
    ]


class Quick:
    """Hypothesis without shrinking: that a test fails is enough."""

    def pytest_configure(self) -> None:
        ci = settings.get_profile("ci")
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", ci, phases=phases, report_multiple_bugs=False)
        settings.load_profile("mutants")


class Watch(Quick):
    """Notes for each test of one file what it costs and which functions it runs."""

    def __init__(self, tree: Path):
        self._prefix = f"{tree}/"
        self._seen: dict[int, CodeType] = {}
        self._costs: dict[str, float] = {}
        self._own: dict[str, set[tuple[str, int]]] = {}
        self._shared: set[tuple[str, int]] = set()

    def _trace(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if id(code) not in self._seen:
            self._seen[id(code)] = code

    def _entered(self) -> set[tuple[str, int]]:
        names = ((code.co_filename, code.co_firstlineno) for code in self._seen.values())
        return {
            (name.removeprefix(self._prefix), line) for name, line in names if name.startswith(self._prefix)
        }

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        begun = time.process_time()
        result = yield
        self._costs[item.nodeid] = time.process_time() - begun
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._seen = {}
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            # A fixture may serve every test of the file, whoever asks first.
            self._shared |= self._entered()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._seen = {}
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._own[item.nodeid] = self._entered()

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "seconds": seconds, "runs": sorted(self._own.get(name, set()) | self._shared)}
            for name, seconds in self._costs.items()
        ]


class Judge(Quick):
    """Runs chosen tests in a given order and ends the process when one takes far too long."""

    def __init__(self, chosen: list[Test], now: Callable[[str], None]):
        self._chosen = {test.name: test for test in chosen}
        self._rank = {test.name: rank for rank, test in enumerate(chosen)}
        self._now = now
        self.failed: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = [item for item in items if item.nodeid in self._rank]
        items[:] = sorted(known, key=lambda item: self._rank[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now(item.nodeid)
        signal.setitimer(signal.ITIMER_PROF, self._chosen[item.nodeid].limit)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid


def pytest_run(tree: Path, files: list[str], plugin: Quick) -> int:
    """Runs the tests of the files.

    What a test of the tree imports from the project is the tree's.
    """
    os.chdir(tree)
    sys.path[:0] = [str(tree / "python"), str(tree)]
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={tree}"]
    return int(pytest.main([*files, *options, "-c", str(tree / "pyproject.toml")], plugins=[plugin]))


def forked(work: Callable[[], dict[str, Any]], answer: Path) -> int:
    """Starts a process that does the work and leaves its answer in a file; gives its number."""
    number = os.fork()
    if number:
        return number
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        signal.setitimer(signal.ITIMER_REAL, WAITING_SECONDS)
        answer.write_text(json.dumps(work()), encoding="utf-8")
        os._exit(0)
    except BaseException:
        answer.write_text(json.dumps({"broken": traceback.format_exc()}), encoding="utf-8")
    finally:
        os._exit(1)


def watch(tree: Path, file: str) -> dict[str, Any]:
    """Runs the tests of a file as they are: what each costs and runs."""
    plugin = Watch(tree)
    code = pytest_run(tree, [file], plugin)
    found = importlib.import_module("aurora").__file__
    if found is None or not found.startswith(f"{tree}/"):
        return {"broken": f"the tests import {found}"}
    return {"code": code, "tests": plugin.rows()}


def judge(tree: Path, mutant: Mutant | None, chosen: list[Test], now: Path) -> dict[str, Any]:
    """Runs the chosen tests against a mutant; without one, to see that their order and their limits do no harm."""
    sys.path[:0] = [str(tree / "python"), str(tree)]
    if mutant is not None:
        Serve(mutant, tree).install()
        try:
            importlib.import_module(mutant.module)
        except Exception as error:
            return {"outcome": "unviable", "by": type(error).__name__}
    plugin = Judge(chosen, lambda name: now.write_text(name, encoding="utf-8") and None)
    files = list(dict.fromkeys(test.file for test in chosen))
    code = pytest_run(tree, files, plugin)
    if plugin.failed is not None:
        return {"outcome": "caught", "by": plugin.failed}
    if code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        return {"outcome": "caught", "by": "a file of tests that cannot be imported"}
    return {"outcome": "missed", "by": ""}


def choice(mutant: Mutant, tests: list[Test], neighbours: tuple[str, ...]) -> list[Test]:
    """The tests that can see a mutant, the likely and quick first.

    Those that run the function around it, or anything of the file where there is none; then, as a cache may hide that a
    test would run it, cheap ones of the same test files. A constant outside functions may be seen without running
    anything of its file, so cheap tests of the neighbours join.
    """
    touching = {test.name for test in tests if test.touches(mutant)}
    files = {test.file for test in tests if test.name in touching}
    if not mutant.in_function or not touching:
        files |= {test.file for test in tests if test.file.startswith(neighbours)}
    chosen = [
        test
        for test in tests
        if test.name in touching or (test.file in files and test.seconds <= CHEAP_SECONDS)
    ]
    cost = {file: sum(test.seconds for test in chosen if test.file == file) for file in files}
    stem = Path(mutant.file).stem
    namesakes = {file for file in files if stem in Path(file).stem}
    with_touching = {test.file for test in tests if test.name in touching}
    return sorted(
        chosen,
        key=lambda test: (
            test.file not in namesakes,
            test.file not in with_touching,
            cost[test.file],
            test.file,
            test.name not in touching,
            test.seconds,
        ),
    )


def quickest_first(tests: list[Test]) -> list[Test]:
    return sorted(tests, key=lambda test: test.seconds)
