"""The inline runner: the graph as a plain loop, in one thread, with checkpoints of its own."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aurora.errors import RecoveryError
from aurora.stages.protocol import Plan, Reader, Sink, Stage


class RunnerSettings(BaseModel):
    """How a run is carried out; nothing in here can change a record."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    checkpoint_s: float = Field(
        1.0, ge=0, description="Wall time between checkpoints where recovery is on; 0: as often as can be"
    )


CHECKPOINT = "inline-checkpoint.json"
CHECKPOINT_VERSION = 1


@dataclass(frozen=True, slots=True)
class InlineOutcome:
    stopped: bool
    """A signal ended the run at a slice boundary before its inputs ended."""


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """SIGTERM and SIGINT ask for a stop; a second SIGINT interrupts."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    try:
        previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # Not the main thread: nobody sends signals here.
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Run:
    """Readers, stages and sink of one run, with their checkpoint."""

    def __init__(self, plan: Plan, checkpoint: Path | None, resume: bool, identity: str):
        self.plan = plan
        self.checkpoint = checkpoint
        self.identity = identity
        state = self._load(resume)
        positions = state["readers"] if state else {}
        self.readers: dict[str, Reader] = {
            name: plan.open(name, positions.get(name)) for name in plan.streams
        }
        self.stages: dict[tuple[str, str], Stage] = {}
        for step, key, part in state["stages"] if state else []:
            self._stage(step, key).restore(base64.b64decode(part))
        self.sink: Sink = plan.sink(base64.b64decode(state["sink"]) if state else None)
        self.complete = bool(state and state["complete"])
        if state is None:
            # A run that fails before its first checkpoint resumes from here.
            self.save(complete=False)

    def _stage(self, step: str, key: str) -> Stage:
        found = self.stages.get((step, key))
        if found is None:
            found = self.stages[step, key] = self.plan.stage(step, key)
        return found

    def push(self, messages: list[Any]) -> None:
        """Runs messages through all steps into the sink."""
        plan = self.plan
        for step in plan.steps:
            answers: list[Any] = []
            for message in messages:
                answers.extend(self._stage(step, plan.key(step, message)).process([message]))
            if not answers:
                return
            messages = answers
        self.sink.write(messages)

    def finish(self) -> None:
        for index, step in enumerate(self.plan.steps):
            for (of, _), stage in list(self.stages.items()):
                if of != step:
                    continue
                messages = stage.finish()
                for later in self.plan.steps[index + 1 :]:
                    messages = [
                        a for m in messages for a in self._stage(later, self.plan.key(later, m)).process([m])
                    ]
                if messages:
                    self.sink.write(messages)

    def _load(self, resume: bool) -> dict[str, Any] | None:
        if self.checkpoint is None:
            return None
        if not self.checkpoint.exists():
            if resume:
                raise RecoveryError(
                    f"{self.checkpoint.parent}: nothing to resume here; run without --resume first"
                )
            return None
        try:
            state: dict[str, Any] = json.loads(self.checkpoint.read_text())
        except (OSError, ValueError) as error:
            raise RecoveryError(f"{self.checkpoint} cannot be read: {error}; start the run afresh") from error
        if not resume:
            if state.get("complete"):
                return None
            raise RecoveryError(
                f"{self.checkpoint.parent} holds an unfinished run; pass --resume to go on with it, or remove it"
            )
        if state.get("version") != CHECKPOINT_VERSION:
            raise RecoveryError(f"{self.checkpoint}: written by another version of Aurora")
        if state["identity"] != self.identity:
            raise RecoveryError(
                f"{self.checkpoint.parent} belongs to another run (other inputs, config, slices or seed); "
                "resume with the same"
            )
        return state

    def save(self, complete: bool) -> None:
        if self.checkpoint is None:
            return
        state = {
            "version": CHECKPOINT_VERSION,
            "identity": self.identity,
            "complete": complete,
            "readers": {name: reader.position() for name, reader in self.readers.items()},
            "stages": [
                [step, key, base64.b64encode(stage.snapshot()).decode()]
                for (step, key), stage in self.stages.items()
            ],
            "sink": base64.b64encode(self.sink.snapshot()).decode(),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.checkpoint)


def run_inline(
    plan: Plan,
    *,
    recovery: Path | None = None,
    resume: bool = False,
    identity: str = "",
    checkpoint_s: float = 1.0,
    progress: Callable[[str, int], None] | None = None,
) -> InlineOutcome:
    """Runs a plan to its end, or to a signal, in this thread.

    Args:
        recovery: directory for checkpoints; every ``checkpoint_s`` of wall time and at a graceful stop.
        progress: called with (stream, slices read so far in this run).

    Raises:
        RecoveryError: the directory does not fit ``resume``, or belongs to another run.
    """
    checkpoint = None
    if recovery is not None:
        try:
            recovery.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecoveryError(f"recovery directory {recovery} cannot be used: {error}") from error
        checkpoint = recovery / CHECKPOINT
    run = _Run(plan, checkpoint, resume, identity)
    try:
        if run.complete:
            return InlineOutcome(stopped=False)
        with _stop_signals() as stop_asked:
            # When to write a checkpoint is no part of the result, so the wall clock may say.
            saved = time.monotonic()
            slices = dict.fromkeys(run.readers, 0)
            open_readers = dict(run.readers)
            while open_readers and not stop_asked():
                for name, reader in list(open_readers.items()):
                    messages = reader.next()
                    if messages is None:
                        del open_readers[name]
                        continue
                    slices[name] += 1
                    run.push(messages)
                    if progress is not None:
                        progress(name, slices[name])
                if checkpoint is not None and time.monotonic() - saved >= checkpoint_s:
                    run.save(complete=False)
                    saved = time.monotonic()
            stopped = bool(open_readers)
            if not stopped:
                run.finish()
            run.save(complete=not stopped)
            return InlineOutcome(stopped)
    finally:
        run.sink.close()
