"""A plan as a Bytewax dataflow: sources over its streams, one keyed operator per step, one sink.

The adapters hold nothing of their own but counters: all state is what a reader, a stage or a sink gives as
bytes. Between steps travel pairs of key and message, and processes exchange them pickled.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from aurora.dataflow.board import StopFlag
from aurora.dataflow.failures import Failures
from aurora.errors import RecoveryError

if TYPE_CHECKING:
    from aurora.stages.protocol import Plan, Reader, Sink, Stage

FLOW_ID = "aurora"
SOURCE_STEP = "streams"
SINK_STEP = "records"
SINK_PARTITION = "records"

Keyed = tuple[str, Any]
Count = Callable[[int, int], None]
"""Told the index of a stream and how many of its slices this run has read."""

# Before a stage's own bytes: layout version, whether finish() was called, length of the key that follows.
STATE_HEAD = struct.Struct("<BBI")
STATE_VERSION = 1


class StreamPartition(StatefulSourcePartition[Keyed, "int | bytes"]):
    """One stream of the plan, a slice per batch; a wish to stop ends it between two slices."""

    def __init__(
        self,
        plan: Plan,
        stream: str,
        position: int | bytes | None,
        stop: StopFlag,
        failures: Failures,
        count: Count,
    ) -> None:
        self._plan = plan
        self._first_step = plan.steps[0]
        self._stop = stop
        self._failures = failures
        self._count = count
        self._index = list(plan.streams).index(stream)
        self._slices = 0
        self._reader: Reader = plan.open(stream, position)  # type: ignore[arg-type]

    def next_batch(self) -> list[Keyed]:
        if self._stop.requested:
            self._stop.cut()
            raise StopIteration
        try:
            messages = self._reader.next()
            if messages is not None:
                self._slices += 1
                self._count(self._index, self._slices)
                key, step = self._plan.key, self._first_step
                return [(key(step, message), message) for message in messages]
        except BaseException as error:
            self._failures.record(error)
            raise
        raise StopIteration

    def snapshot(self) -> int | bytes:
        try:
            return self._reader.position()
        except BaseException as error:
            self._failures.record(error)
            raise


class Streams(FixedPartitionedSource[Keyed, "int | bytes"]):
    """All streams of the plan; every process knows them all, Bytewax deals them out."""

    def __init__(self, plan: Plan, stop: StopFlag, failures: Failures, count: Count) -> None:
        self._plan = plan
        self._stop = stop
        self._failures = failures
        self._count = count

    def list_parts(self) -> list[str]:
        return list(self._plan.streams)

    def build_part(self, step_id: str, for_part: str, resume_state: int | bytes | None) -> StreamPartition:
        try:
            return StreamPartition(
                self._plan, for_part, resume_state, self._stop, self._failures, self._count
            )
        except BaseException as error:
            self._failures.record(error)
            raise


class StageLogic(StatefulBatchLogic[Any, Any, bytes]):
    """One stage under one key.

    Bytewax tells a logic its state but not its key, so a new stage waits for its first message and a restored
    one reads the key from its own bytes. ``finished`` is kept there as well: a run that is resumed after its
    orderly end has nothing to do, and must not end a second time.
    """

    def __init__(
        self, plan: Plan, step: str, state: bytes | None, stop: StopFlag, failures: Failures
    ) -> None:
        self._plan = plan
        self._step = step
        self._stop = stop
        self._failures = failures
        self._key = ""
        self._stage: Stage | None = None
        self._finished = False
        if state is not None:
            self._restore(state)

    def _restore(self, state: bytes) -> None:
        try:
            version, finished, length = STATE_HEAD.unpack_from(state)
            if version != STATE_VERSION:
                raise ValueError(f"layout version {version}")
            body = STATE_HEAD.size + length
            self._key = state[STATE_HEAD.size : body].decode()
        except (struct.error, ValueError, TypeError) as error:
            raise RecoveryError(
                f"the saved state of step {self._step} cannot be read ({error}); start the run anew"
            ) from error
        self._finished = bool(finished)
        self._stage = self._plan.stage(self._step, self._key)
        self._stage.restore(state[body:])

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        try:
            if self._finished:
                raise RuntimeError(f"step {self._step} got a message for {self._key} after its end")
            if self._stage is None:
                self._key = self._plan.key(self._step, values[0])
                self._stage = self._plan.stage(self._step, self._key)
            return self._stage.process(values), StatefulBatchLogic.RETAIN
        except BaseException as error:
            self._failures.record(error)
            raise

    def on_eof(self) -> tuple[list[Any], bool]:
        try:
            if self._finished or self._stage is None or self._stop.was_cut:
                return [], StatefulBatchLogic.RETAIN
            self._finished = True
            return self._stage.finish(), StatefulBatchLogic.RETAIN
        except BaseException as error:
            self._failures.record(error)
            raise

    def snapshot(self) -> bytes:
        try:
            key = self._key.encode()
            state = self._stage.snapshot() if self._stage is not None else b""
            return STATE_HEAD.pack(STATE_VERSION, self._finished, len(key)) + key + state
        except BaseException as error:
            self._failures.record(error)
            raise


class SinkPartition(StatefulSinkPartition[Any, bytes]):
    """The plan's sink. Its state is that of the resumed epoch, so it forgets what came after."""

    def __init__(self, plan: Plan, state: bytes | None, failures: Failures) -> None:
        self._failures = failures
        self._sink: Sink = plan.sink(state)
        failures.sinks_open += 1

    def write_batch(self, values: list[Any]) -> None:
        try:
            self._sink.write(values)
        except BaseException as error:
            self._failures.record(error)
            raise

    def snapshot(self) -> bytes:
        try:
            return self._sink.snapshot()
        except BaseException as error:
            self._failures.record(error)
            raise

    def close(self) -> None:
        # Also called while an error unwinds the runtime, where one more error would abort the process: it is
        # noted instead, and raised by the runner.
        try:
            self._sink.close()
        except BaseException as error:
            self._failures.record(error)
        finally:
            self._failures.sinks_open -= 1


class Records(FixedPartitionedSink[Any, bytes]):
    """One partition, wherever Bytewax puts it: the order of records is part of the result."""

    def __init__(self, plan: Plan, failures: Failures) -> None:
        self._plan = plan
        self._failures = failures

    def list_parts(self) -> list[str]:
        return [SINK_PARTITION]

    def part_fn(self, item_key: str) -> int:
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> SinkPartition:
        try:
            return SinkPartition(self._plan, resume_state, self._failures)
        except BaseException as error:
            self._failures.record(error)
            raise


class _Stateless:
    """A snapshot that costs nothing, for a run that keeps no recovery state."""

    def snapshot(self) -> bytes:
        return b""


class _TransientStageLogic(_Stateless, StageLogic):
    pass


class _TransientSinkPartition(_Stateless, SinkPartition):
    pass


class _TransientRecords(Records):
    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> SinkPartition:
        try:
            return _TransientSinkPartition(self._plan, resume_state, self._failures)
        except BaseException as error:
            self._failures.record(error)
            raise


def build_flow(
    plan: Plan,
    *,
    stop: StopFlag,
    failures: Failures | None = None,
    recoverable: bool = True,
    count: Count | None = None,
) -> Dataflow:
    """The dataflow of ``plan``: its streams, its steps under their own ids, its sink.

    ``stop`` ends the streams at a slice boundary, with no end-of-run work; ``failures`` keeps what a callback
    raises; ``recoverable=False`` spares the snapshots of a run without a recovery directory; ``count`` hears
    of every slice. The epoch interval is the runner's affair.
    """
    failures = Failures() if failures is None else failures
    steps: Sequence[str] = plan.steps
    logic_kind = StageLogic if recoverable else _TransientStageLogic
    records_kind = Records if recoverable else _TransientRecords

    def builder(step: str) -> Callable[[bytes | None], StageLogic]:
        def build(state: bytes | None) -> StageLogic:
            try:
                return logic_kind(plan, step, state, stop, failures)
            except BaseException as error:
                failures.record(error)
                raise

        return build

    def keyed(step: str) -> Callable[[list[Keyed]], list[Keyed]]:
        def rekey(items: list[Keyed]) -> list[Keyed]:
            try:
                key = plan.key
                return [(key(step, message), message) for _previous, message in items]
            except BaseException as error:
                failures.record(error)
                raise

        return rekey

    flow = Dataflow(FLOW_ID)
    stream = op.input(SOURCE_STEP, flow, Streams(plan, stop, failures, count or _uncounted))
    for position, step in enumerate(steps):
        if position:
            stream = op.flat_map_batch(f"{step}_key", stream, keyed(step))
        stream = op.stateful_batch(step, stream, builder(step))
    op.output(SINK_STEP, stream, records_kind(plan, failures))
    return flow


def _uncounted(_stream: int, _slices: int) -> None:
    return
