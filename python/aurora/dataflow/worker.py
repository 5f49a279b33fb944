"""One process of a cluster: ``python -m aurora.dataflow.worker --spec FILE -i NUMBER -a HOST:PORT;...``.

Started by :mod:`aurora.dataflow.run` only. It tells of its error in a file beside the spec, and gives up when
its standard input closes.
"""

from __future__ import annotations

import _thread
import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from aurora.dataflow.board import Board
from aurora.dataflow.failures import Failures, write_report
from aurora.dataflow.run import build_plan, run_flow
from aurora.errors import AuroraError

SINK_GRACE_S = 8.0
UNWIND_GRACE_S = 0.2


class Abandoned(BaseException):
    """The parent gave up on the cluster, or is gone."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aurora.dataflow.worker")
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("-i", dest="process", type=int, required=True)
    parser.add_argument("-a", dest="addresses", required=True)
    options = parser.parse_args(arguments)
    place: Path = options.spec.parent
    board = Board(place / "board")
    report = place / f"error-{options.process}.json"
    failures = Failures(report)
    abandoned = _listen(board, failures)
    _watch_parent(failures)
    try:
        spec = json.loads(options.spec.read_text())
        plan = build_plan(spec["factory"], spec["arguments"])
        if options.process == 0:
            names = place / "streams.unfinished"
            names.write_text(json.dumps(list(plan.streams)))
            names.replace(place / "streams.json")
        _await_lower(board, options.process)
        run_flow(
            plan,
            board.stop,
            failures,
            None if spec["recovery"] is None else Path(spec["recovery"]),
            float(spec["epoch_interval_s"]),
            board.count,
            options.process,
            options.addresses.split(";"),
        )
    except BaseException as error:
        if failures.first is None and not abandoned.is_set():
            # An error of ours comes from the plan; others are the wreck that a lost neighbour leaves here.
            write_report(report, error, is_cause=isinstance(error, AuroraError))
        return 1
    return 0


def _await_lower(board: Board, process: int) -> None:
    """Waits until the processes before this one are about to listen.

    A connection that is refused is tried again only a second later, so a short wait makes a start quick.
    """
    patience = time.monotonic() + 5.0
    while not all(board.ready(lower) for lower in range(process)) and time.monotonic() < patience:
        time.sleep(0.002)
    board.mark_ready(process)
    if process:
        time.sleep(0.02)


def _listen(board: Board, failures: Failures) -> threading.Event:
    """SIGTERM stops the whole cluster gracefully; SIGINT is how :func:`_watch_parent` unwinds this one."""
    abandoned = threading.Event()

    def on_terminate(_number: int, _frame: FrameType | None) -> None:
        board.stop.request()

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        abandoned.set()
        failures.hush()
        raise Abandoned

    signal.signal(signal.SIGTERM, on_terminate)
    signal.signal(signal.SIGINT, on_interrupt)
    return abandoned


def _watch_parent(failures: Failures) -> None:
    """Gives up when standard input closes: first in order, so that sinks are closed, then in any case.

    Bytewax may wait for ever for a process that is gone, so the order must not depend on its return.
    """

    def watch() -> None:
        while os.read(0, 1):
            pass
        _thread.interrupt_main(signal.SIGINT)
        patience = time.monotonic() + SINK_GRACE_S
        time.sleep(UNWIND_GRACE_S)
        while failures.sinks_open and time.monotonic() < patience:
            time.sleep(0.01)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Past the interpreter's own ending: after a panic of the runtime that one aborts the process.
    os._exit(exit_code)
