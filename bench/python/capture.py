"""Plain bytes of a real capture to events, and on to the book."""

import functools
import json
from typing import Any

from bench.python._captures import BTC, lines
from bench.python._programs import measure, measured
from bench.registry import LEAST_REPEATS, Figure, against, benchmark, seconds

JSON_ALONE = "json.loads alone (CPython)"
JSON_BOOK = "json.loads into dicts of floats, no touch (CPython)"


def _parse() -> None:
    """What plain Python does at the least: every frame to objects, numbers left as text."""
    loads = json.loads
    for line in lines(BTC):
        if line[:1] != b"#":
            loads(line[20:])


def _is_depth(line: bytes) -> bool:
    return b"depthUpdate" in line or b"lastUpdateId" in line


def _into_dicts(depth: list[bytes]) -> None:
    """A book as plain Python keeps it: price to size, a side each; nobody asks for the best level."""
    loads = json.loads
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    for line in depth:
        frame: dict[str, Any] = loads(line[20:])
        data = frame.get("data", frame)
        for side, name in (("b", "bids"), ("a", "asks")):
            sizes = book[side]
            for price, size in data[side] if side in data else data[name]:
                number = float(size)
                if number:
                    sizes[float(price)] = number
                else:
                    sizes.pop(float(price), None)


@functools.cache
def _side_by_side() -> tuple[dict[str, float], float, float]:
    """Our figures, and seconds of both ways in Python: one after the other in each of five rounds."""
    depth = [line for line in lines(BTC) if _is_depth(line)]
    rounds = []
    for _ in range(LEAST_REPEATS):
        ours = measure("decode", LEAST_REPEATS)
        rounds.append((ours, seconds(_parse), seconds(lambda: _into_dicts(depth))))
    best = {
        name: (max if name.endswith("_per_s") else min)(figures[name] for figures, _, _ in rounds)
        for name in rounds[0][0]
    }
    return best, min(parse for _, parse, _ in rounds), min(dicts for _, _, dicts in rounds)


@benchmark(name="decode", unit="MB/s", better="higher")
def decode() -> Figure:
    """Plain bytes in memory to events; the peer parses the JSON and stops there."""
    ours, parse_s, _ = _side_by_side()
    return against(JSON_ALONE, ours=ours["mb_per_s"], theirs=ours["bytes"] / parse_s / 1e6, better="higher")


@benchmark(name="decode-message", unit="ns/message", better="lower")
def decode_message() -> Figure:
    """The same in time for each message; most are tickers and trades."""
    ours, parse_s, _ = _side_by_side()
    return against(JSON_ALONE, ours=ours["ns_per_message"], theirs=parse_s / ours["messages"] * 1e9)


@benchmark(name="decode-book", unit="ns/level", better="lower")
def decode_book() -> Figure:
    """Plain bytes of the depth frames, in memory, to book and touch; the peer reads the same lines."""
    ours, _, dicts_s = _side_by_side()
    theirs = dicts_s / ours["depth_rows"] * 1e9
    return against(JSON_BOOK, ours=ours["depth_to_book_ns_per_level"], theirs=theirs)


@benchmark(name="decode-file", unit="MB/s", better="higher")
def decode_file() -> float:
    """A plain file in the page cache through the reader that a replay uses, calibration included."""
    return measured("decode")["file_mb_per_s"]
