"""A few bytes that every process of a run sees: the wish to stop, that it was granted, who is ready, how far.

Shared memory rather than signals between processes: a signal can reach a child before its handler is there,
and the order "a stream was cut, then its end was seen" must hold across processes (see :class:`StopFlag`).
"""

from __future__ import annotations

import mmap
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

MOST_PROCESSES = 64
MOST_STREAMS = 4096
COUNTERS_AT = 128
SIZE = COUNTERS_AT + 8 * MOST_STREAMS
READY_AT = 2

Progress = Callable[[str, int], None]
"""Called with a stream's name and how many slices of it this run has read."""


class StopFlag:
    """The wish to stop at the next slice boundary, and whether a stream was cut because of it.

    The two differ on purpose: a run whose streams had all ended before the wish was seen has ended in order.
    A source says :meth:`cut` before it ends its partition; so whoever sees the end of all partitions, in
    whatever process, also sees that it was no orderly one.
    """

    __slots__ = ("_memory",)

    def __init__(self, memory: memoryview | None = None) -> None:
        self._memory = memoryview(bytearray(2)) if memory is None else memory

    @property
    def requested(self) -> bool:
        return bool(self._memory[0])

    def request(self) -> None:
        self._memory[0] = 1

    @property
    def was_cut(self) -> bool:
        return bool(self._memory[1])

    def cut(self) -> None:
        self._memory[1] = 1


class Board:
    """The shared bytes by name; in a file for a cluster, in plain memory for one process."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            memory = memoryview(bytearray(SIZE))
        else:
            with path.open("r+b") as file:
                memory = memoryview(mmap.mmap(file.fileno(), SIZE))
        self.stop = StopFlag(memory[0:READY_AT])
        self._ready = memory[READY_AT : READY_AT + MOST_PROCESSES]
        self._slices = memory[COUNTERS_AT:].cast("q")

    @classmethod
    def create(cls, path: Path) -> Board:
        path.write_bytes(bytes(SIZE))
        return cls(path)

    def mark_ready(self, process: int) -> None:
        self._ready[process] = 1

    def ready(self, process: int) -> bool:
        return bool(self._ready[process])

    def count(self, stream: int, slices: int) -> None:
        """Notes how many slices of a stream were read; streams beyond the board's room are not counted."""
        if stream < MOST_STREAMS:
            self._slices[stream] = slices

    def counted(self, stream: int) -> int:
        return self._slices[stream] if stream < MOST_STREAMS else 0


@contextmanager
def catching_signals(stop: StopFlag) -> Iterator[None]:
    """Turns SIGTERM and the first SIGINT into a graceful stop while it lasts; then the old handlers are back.

    A second SIGINT raises KeyboardInterrupt: someone at the keyboard does not want to wait. Outside the main
    thread nothing is caught, as Python allows handlers only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and stop.requested:
            raise KeyboardInterrupt
        stop.request()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
