"""A small plan shaped like the real one: streams, a stage per stream, a barrier, a desk, a file of records.

Whatever order streams come in, the records are the same. ``finish`` matters here: totals travel through all
three stages at the end. Each stage of a stream also notes every slice it is given in a file that no recovery
rolls back, which is how a test sees a replay.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aurora.errors import AbortRequested, DataError


class ToyError(DataError):
    """An error the package does not know, with an exit code of its own."""

    exit_code = 17


@dataclass(frozen=True)
class Toy:
    """Arguments of the plan. ``fail`` is (step, slice, kind): where to raise what."""

    folder: str
    streams: int = 3
    slices: int = 60
    work: int = 50
    fail: tuple[str, int, str] | None = None

    def arguments(self) -> dict[str, Any]:
        return asdict(self)


def plan(**arguments: Any) -> "ToyPlan":
    return ToyPlan(Toy(**arguments))


def broken_plan(**_arguments: Any) -> "ToyPlan":
    raise ToyError("this plan cannot be built")


def numbers(stream: int, index: int) -> list[int]:
    return [(stream + 1) * 1000003 * (index + 7 * each) % 9973 for each in range(1 + (stream + index) % 3)]


def toil(rounds: int) -> None:
    digest = b""
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()


class ToyReader:
    def __init__(self, toy: Toy, stream: int, position: int) -> None:
        self.toy, self.stream, self.index = toy, stream, position

    def next(self) -> list[Any] | None:
        if self.index >= self.toy.slices:
            return None
        self.index += 1
        at = self.index - 1
        return [
            {"kind": "numbers", "stream": f"s{self.stream}", "slice": at, "numbers": numbers(self.stream, at)}
        ]

    def position(self) -> int:
        return self.index


class JsonStage:
    """State is one JSON value: all of ``self.state``."""

    step = ""

    def __init__(self, toy: Toy, key: str) -> None:
        self.toy, self.key = toy, key
        self.state: dict[str, Any] = {}

    def snapshot(self) -> bytes:
        return json.dumps(self.state).encode()

    def restore(self, state: bytes) -> None:
        self.state = json.loads(state)

    def finish(self) -> list[Any]:
        return []

    def process(self, messages: list[Any]) -> list[Any]:
        return [out for message in messages for out in self.one(message)]

    def one(self, message: Any) -> list[Any]:
        raise NotImplementedError

    def fail_at(self, index: int) -> None:
        if self.toy.fail is not None and list(self.toy.fail[:2]) == [self.step, index]:
            kind = self.toy.fail[2]
            kinds: dict[str, Callable[[str], Exception]] = {
                "abort": AbortRequested,
                "toy": ToyError,
                "value": ValueError,
                "stop": StopIteration,
            }
            raise kinds[kind](f"{kind} in {self.step} at {index}")


class Sum(JsonStage):
    """Key: a stream. Running sums."""

    step = "sum"

    def one(self, message: Any) -> list[Any]:
        with (Path(self.toy.folder) / f"seen-{os.getpid()}").open("a") as seen:
            seen.write(f"{message['stream']} {message['slice']}\n")
        toil(self.toy.work)
        self.fail_at(message["slice"])
        assert message["stream"] == self.key
        assert message["slice"] == self.state.get("processed", 0), "order within a stream"
        self.state["processed"] = message["slice"] + 1
        self.state["sum"] = self.state.get("sum", 0) + sum(message["numbers"])
        return [{"kind": "sum", "stream": self.key, "slice": message["slice"], "sum": self.state["sum"]}]

    def finish(self) -> list[Any]:
        return [{"kind": "total", "stream": self.key, **self.state}]


class Join(JsonStage):
    """Key: all streams. A slice goes on when every stream has brought its part."""

    step = "join"

    def one(self, message: Any) -> list[Any]:
        if message["kind"] == "total":
            self.state.setdefault("totals", {})[message["stream"]] = message
            return []
        waiting = self.state.setdefault("waiting", {})
        parts = waiting.setdefault(str(message["slice"]), {})
        parts[message["stream"]] = message["sum"]
        if len(parts) < self.toy.streams:
            return []
        del waiting[str(message["slice"])]
        self.fail_at(message["slice"])
        return [{"kind": "joined", "slice": message["slice"], "sums": sorted(parts.items())}]

    def finish(self) -> list[Any]:
        return [{"kind": "totals", "totals": [total for _, total in sorted(self.state["totals"].items())]}]


class Desk(JsonStage):
    """Key: the account. A chain over everything it was given, so that order and loss both show."""

    step = "desk"

    def one(self, message: Any) -> list[Any]:
        if message["kind"] == "joined":
            assert message["slice"] == self.state.get("slices", 0), "slices in order, each once"
            self.state["slices"] = message["slice"] + 1
            self.fail_at(message["slice"])
        text = self.state.get("chain", "") + json.dumps(message)
        self.state["chain"] = hashlib.sha256(text.encode()).hexdigest()
        return [{**message, "chain": self.state["chain"]}]

    def finish(self) -> list[Any]:
        return [{"kind": "end", **self.state}]


class FileSink:
    """JSON lines; the state is the length of the file."""

    def __init__(self, path: Path, state: bytes | None) -> None:
        self.file = path.open("r+b" if state is not None else "wb")
        self.file.truncate(int(state) if state is not None else 0)
        self.file.seek(0, os.SEEK_END)

    def write(self, records: Sequence[Any]) -> None:
        self.file.write(b"".join(json.dumps(record).encode() + b"\n" for record in records))
        self.file.flush()

    def snapshot(self) -> bytes:
        os.fsync(self.file.fileno())
        return b"%d" % self.file.tell()

    def close(self) -> None:
        self.file.close()


class ToyPlan:
    steps = ("sum", "join", "desk")

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.streams = tuple(f"s{index}" for index in range(toy.streams))

    def open(self, stream: str, position: int | None) -> ToyReader:
        return ToyReader(self.toy, int(stream[1:]), position or 0)

    def key(self, step: str, message: Any) -> str:
        return {"sum": message.get("stream", ""), "join": "universe", "desk": "account"}[step]

    def stage(self, step: str, key: str) -> JsonStage:
        return {"sum": Sum, "join": Join, "desk": Desk}[step](self.toy, key)

    def sink(self, state: bytes | None) -> FileSink:
        return FileSink(Path(self.toy.folder) / "records.jsonl", state)
