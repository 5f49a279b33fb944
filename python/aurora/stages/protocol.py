"""What a stage, a source and a sink are, so that one graph runs inline and through Bytewax alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Stage(Protocol):
    """One keyed step. Time is in the messages; a stage reads no clock."""

    def process(self, messages: list[Any]) -> list[Any]:
        """Takes messages in order, answers with messages in order."""
        ...

    def finish(self) -> list[Any]:
        """Called once after the last message of an orderly end."""
        ...

    def snapshot(self) -> bytes:
        """The whole state as versioned bytes."""
        ...

    def restore(self, state: bytes) -> None:
        """Takes back what :meth:`snapshot` gave."""
        ...


class Reader(Protocol):
    """One input stream, cut into slices."""

    def next(self) -> list[Any] | None:
        """Messages of the next slice (at least one), or None after the last."""
        ...

    def position(self) -> int:
        """Index of the next slice; opening the stream there continues exactly."""
        ...


class Sink(Protocol):
    """Where records end. Everything after the last :meth:`snapshot` is forgotten on resume."""

    def write(self, records: Sequence[Any]) -> None: ...

    def snapshot(self) -> bytes:
        """Makes everything written so far durable and answers with the state to resume from."""
        ...

    def close(self) -> None: ...


class Plan(Protocol):
    """A run: its streams, its stages, its sink. Every process of a cluster builds the same one."""

    @property
    def streams(self) -> Sequence[str]:
        """Stream names, the same order in every process."""
        ...

    @property
    def steps(self) -> Sequence[str]:
        """Step ids in order: a public contract, a renamed step loses its state."""
        ...

    def open(self, stream: str, position: int | None) -> Reader:
        """Opens a stream at its start (None) or at a slice."""
        ...

    def key(self, step: str, message: Any) -> str:
        """The key that ``message`` has at ``step``: one stage instance per key."""
        ...

    def stage(self, step: str, key: str) -> Stage: ...

    def sink(self, state: bytes | None) -> Sink: ...
