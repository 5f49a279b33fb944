"""Runs a plan through Bytewax: in this process, or in several that this one starts, watches and ends.

One worker thread a process: two are slower than one (they share the interpreter's lock).
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bytewax.run import cli_main

from aurora.dataflow.board import MOST_PROCESSES, Board, Progress, StopFlag, catching_signals
from aurora.dataflow.failures import Failures, cause_of, revive
from aurora.dataflow.flow import Count, build_flow
from aurora.dataflow.recovery import FINISHED, RUNNING, STOPPED, RecoveryFolder, store_of
from aurora.errors import AuroraError, UsageError

if TYPE_CHECKING:
    from aurora.stages.protocol import Plan

POLL_S = 0.01
ERROR_GRACE_S = 1.0
EXIT_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """``stopped``: streams were cut on request, the rest is there to be resumed; else the run is complete."""

    stopped: bool


def build_plan(factory: str, arguments: dict[str, Any]) -> Plan:
    """The plan that ``"package.module:function"`` makes of its arguments."""
    module, _, function = factory.partition(":")
    if not module or not function:
        raise UsageError(f"a plan factory is written package.module:function, not {factory!r}")
    plan: Plan = getattr(importlib.import_module(module), function)(**arguments)
    return plan


def run_bytewax(
    plan_factory: str,
    plan_arguments: dict[str, Any],
    *,
    processes: int = 1,
    recovery: Path | None = None,
    resume: bool = False,
    identity: str = "",
    epoch_interval_s: float = 1.0,
    progress: Progress | None = None,
) -> RunOutcome:
    """Runs the plan to its end, or to a graceful stop on SIGTERM or SIGINT.

    ``plan_factory`` is ``"package.module:function"`` and is called with ``plan_arguments`` (plain JSON
    values) in every process. ``recovery`` names a directory; with it the run can be resumed after a stop, an
    error or a crash, and ``identity`` says whose directory it is. ``progress`` is called with a stream's name
    and how many slices of it were read.

    Raises what a stage, reader or sink raised, with its type; RecoveryError when ``recovery`` and the run do
    not fit; UsageError for arguments that do not fit together.
    """
    if resume and recovery is None:
        raise UsageError("resume needs the recovery directory of the run to go on with")
    if not 1 <= processes <= MOST_PROCESSES:
        raise UsageError(f"processes must be 1 to {MOST_PROCESSES}, not {processes}")
    if epoch_interval_s < 0:
        raise UsageError(f"the epoch interval must not be negative, it is {epoch_interval_s} s")
    folder = None if recovery is None else RecoveryFolder(recovery, identity, resume=resume)
    with folder or nullcontext():
        if folder is not None:
            folder.mark(RUNNING)
        if processes == 1:
            stopped = _run_here(plan_factory, plan_arguments, recovery, epoch_interval_s, progress)
        else:
            cluster = _Cluster(processes, progress, folder)
            stopped = cluster.run(plan_factory, plan_arguments, recovery, epoch_interval_s)
        if folder is not None:
            folder.mark(STOPPED if stopped else FINISHED)
    return RunOutcome(stopped)


def _run_here(
    factory: str,
    arguments: dict[str, Any],
    recovery: Path | None,
    epoch_interval_s: float,
    progress: Progress | None,
) -> bool:
    stop = StopFlag()
    failures = Failures()
    with catching_signals(stop):
        plan = build_plan(factory, arguments)
        count = None if progress is None else _teller(tuple(plan.streams), progress)
        run_flow(plan, stop, failures, recovery, epoch_interval_s, count)
    return stop.was_cut


def _teller(names: Sequence[str], progress: Progress) -> Count:
    def count(stream: int, slices: int) -> None:
        progress(names[stream], slices)

    return count


def run_flow(
    plan: Plan,
    stop: StopFlag,
    failures: Failures,
    recovery: Path | None,
    epoch_interval_s: float,
    count: Count | None,
    process: int | None = None,
    addresses: Sequence[str] | None = None,
) -> None:
    """Runs one process's share of the dataflow in this thread; raises the first error of a callback."""
    escaped: BaseException | None = None
    try:
        flow = build_flow(plan, stop=stop, failures=failures, recoverable=recovery is not None, count=count)
        cli_main(  # type: ignore[no-untyped-call]
            flow,
            workers_per_process=1,
            process_id=process,
            addresses=None if addresses is None else list(addresses),
            epoch_interval=timedelta(seconds=epoch_interval_s),
            recovery_config=store_of(recovery),
        )
    except BaseException as error:
        escaped = error
    finally:
        failures.speak_again()
    # Raised out here, so that the wrappings of the runtime are not shown as its context.
    if failures.first is not None:
        raise failures.first
    if escaped is not None:
        raise cause_of(escaped)


class _Cluster:
    """Worker processes on the loopback interface, one Bytewax worker each.

    Their standard input is a pipe that nobody writes to: it closes when this process ends, however it ends,
    and a worker whose pipe closes gives up. The lock on the recovery directory is theirs as well, so that it
    lasts until the last of them is gone.
    """

    def __init__(self, processes: int, progress: Progress | None, folder: RecoveryFolder | None) -> None:
        self._processes = processes
        self._progress = progress
        self._folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self._told: dict[int, int] = {}
        self._names: list[str] = []

    def run(
        self, factory: str, arguments: dict[str, Any], recovery: Path | None, epoch_interval_s: float
    ) -> bool:
        with tempfile.TemporaryDirectory(prefix="aurora-cluster-") as name:
            place = Path(name)
            board = Board.create(place / "board")
            spec = {
                "factory": factory,
                "arguments": arguments,
                "recovery": None if recovery is None else str(recovery.resolve()),
                "epoch_interval_s": epoch_interval_s,
            }
            (place / "spec.json").write_text(json.dumps(spec))
            with catching_signals(board.stop):
                try:
                    self._spawn(place)
                    self._watch(place, board)
                finally:
                    self._end()
            self._tell(place, board)
            return board.stop.was_cut

    def _spawn(self, place: Path) -> None:
        addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(self._processes))
        locks = () if self._folder is None else (self._folder.lock,)
        for process in range(self._processes):
            command = [sys.executable, "-m", "aurora.dataflow.worker", "--spec", str(place / "spec.json")]
            self._workers.append(
                subprocess.Popen(
                    [*command, "-i", str(process), "-a", addresses],
                    stdin=subprocess.PIPE,
                    pass_fds=locks,
                    # Ctrl-C reaches a whole group of processes; here it is for this one to pass on.
                    start_new_session=True,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                )
            )

    def _watch(self, place: Path, board: Board) -> None:
        """Waits for all workers; raises the error of one as soon as there is one."""
        while True:
            codes = [worker.poll() for worker in self._workers]
            if any(place.glob("error-*.json")) or any(code not in (None, 0) for code in codes):
                raise self._error_of(place)
            if all(code == 0 for code in codes):
                return
            self._tell(place, board)
            time.sleep(POLL_S)

    def _error_of(self, place: Path) -> BaseException:
        """The error behind a broken cluster: one that a callback raised, rather than the wreck it caused."""
        patience = time.monotonic() + ERROR_GRACE_S
        while True:
            reports = [json.loads(path.read_text()) for path in sorted(place.glob("error-*.json"))]
            for report in reports:
                if report["is_cause"]:
                    return revive(report)
            killed = any((worker.poll() or 0) < 0 for worker in self._workers)
            if killed or time.monotonic() > patience:
                break
            time.sleep(POLL_S)
        if reports and not killed:
            return revive(reports[0])
        ended = {process: worker.poll() or 0 for process, worker in enumerate(self._workers)}
        # Those that were killed, or else those that failed: a worker fails when its neighbour is gone.
        wrong = {process: code for process, code in ended.items() if (code < 0 if killed else code != 0)}
        endings = ", ".join(f"{process} {_ending(code)}" for process, code in wrong.items())
        hope = "" if self._folder is None else "; the run can be resumed"
        return AuroraError(f"the cluster broke: worker process {endings}{hope}")

    def _tell(self, place: Path, board: Board) -> None:
        if self._progress is None:
            return
        if not self._names and (place / "streams.json").is_file():
            self._names = json.loads((place / "streams.json").read_text())
        for index, name in enumerate(self._names):
            slices = board.counted(index)
            if slices != self._told.get(index, 0):
                self._told[index] = slices
                self._progress(name, slices)

    def _end(self) -> None:
        """Takes back every worker: closed pipes make them give up, after a while they are killed."""
        for worker in self._workers:
            if worker.stdin is not None:
                worker.stdin.close()
        patience = time.monotonic() + EXIT_GRACE_S
        for worker in self._workers:
            try:
                worker.wait(timeout=max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and said nothing"
