"""Errors on their way out of a dataflow, with their type.

Bytewax wraps an exception once per operator, and in a cluster it drops it altogether: the worker thread
panics and the caller learns "look for errors above". So every callback notes what it raised, here.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from aurora.errors import AuroraError


class Failures:
    """The first exception that a callback of the dataflow raised.

    From then on standard error is quiet until :meth:`speak_again`: what follows there is the panic report of
    a runtime that is being torn down, and the exception itself says it better.
    """

    def __init__(self, report: Path | None = None) -> None:
        self.first: BaseException | None = None
        self.sinks_open = 0
        self._report = report
        self._standard_error: int | None = None

    def record(self, error: BaseException) -> None:
        """Notes ``error`` if it is the first, at once also in the report file of a cluster's process."""
        if self.first is None:
            self.first = error
            if self._report is not None:
                write_report(self._report, error, is_cause=True)
            self.hush()

    def hush(self) -> None:
        if self._standard_error is not None:
            return
        try:
            sys.stderr.flush()
            saved = os.dup(2)
        except (OSError, AttributeError, ValueError):
            return  # there is no standard error to keep quiet
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        self._standard_error = saved

    def speak_again(self) -> None:
        if self._standard_error is not None:
            os.dup2(self._standard_error, 2)
            os.close(self._standard_error)
            self._standard_error = None


def cause_of(error: BaseException) -> BaseException:
    """The exception inside the wrappings: the first of ours on the chain of causes, else the innermost."""
    while not isinstance(error, AuroraError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def write_report(path: Path, error: BaseException, *, is_cause: bool) -> None:
    """Writes an exception as JSON, whole or not at all."""
    kind = type(error)
    report = {
        "module": kind.__module__,
        "name": kind.__qualname__,
        "message": str(error),
        "exit_code": getattr(error, "exit_code", None),
        "traceback": "".join(traceback.format_exception(error)),
        "is_cause": is_cause,
    }
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(report))
    unfinished.replace(path)


def revive(report: dict[str, Any]) -> BaseException:
    """The exception of a report, of the same type where that can be had, with the far traceback as a note."""
    message = str(report["message"])
    error = _of_same_type(str(report["module"]), str(report["name"]), message)
    if error is None:
        error = AuroraError(f"{report['name']}: {message}")
    code = report.get("exit_code")
    if isinstance(error, AuroraError) and isinstance(code, int) and code != error.exit_code:
        error.exit_code = code
    error.add_note(f"in a worker process:\n{report['traceback']}")
    return error


def _of_same_type(module: str, name: str, message: str) -> BaseException | None:
    try:
        kind = getattr(builtins if module == "builtins" else importlib.import_module(module), name)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            return None
        error = kind(message)
    except Exception:  # a class out of reach, or one whose constructor wants more than a message
        return None
    return error if isinstance(error, Exception | KeyboardInterrupt) and str(error) == message else None
