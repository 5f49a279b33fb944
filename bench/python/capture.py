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


def _into_dicts() -> None:
    """A book as plain Python keeps it: price to size, a side each; nobody asks for the best level."""
    loads = json.loads
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    for line in lines(BTC):
        if line[:1] == b"#":
            continue
        frame: dict[str, Any] = loads(line[20:])
        data = frame.get("data", frame)
        if data.get("e") == "depthUpdate":
            levels = {"b": data["b"], "a": data["a"]}
        elif "lastUpdateId" in data:
            levels = {"b": data["bids"], "a": data["asks"]}
        else:
            continue
        for side, changes in levels.items():
            sizes = book[side]
            for price, size in changes:
                number = float(size)
                if number:
                    sizes[float(price)] = number
                else:
                    sizes.pop(float(price), None)


@functools.cache
def _side_by_side() -> tuple[dict[str, float], float, float]:
    """Our figures, and seconds of both ways in Python: one after the other in each of five rounds."""
    rounds = []
    for _ in range(LEAST_REPEATS):
        rounds.append((measure("decode", LEAST_REPEATS), seconds(_parse), seconds(_into_dicts)))
    ours = {
        name: (max if name.endswith("_per_s") else min)(figures[name] for figures, _, _ in rounds)
        for name in rounds[0][0]
    }
    return ours, min(parse for _, parse, _ in rounds), min(dicts for _, _, dicts in rounds)


@benchmark(name="decode", unit="MB/s", better="higher")
def decode() -> Figure:
    """Plain bytes in memory to events; the peer parses the JSON and stops there."""
    ours, parse_s, _ = _side_by_side()
    return against(JSON_ALONE, ours=ours["mb_per_s"], theirs=ours["bytes"] / parse_s / 1e6, better="higher")


@benchmark(name="decode-message", unit="ns/message", better="lower")
def decode_message() -> Figure:
    """The same in time for each message: most are tickers and trades, a diff has seven levels on average."""
    ours, parse_s, _ = _side_by_side()
    return against(JSON_ALONE, ours=ours["ns_per_message"], theirs=parse_s / ours["messages"] * 1e9)


@benchmark(name="decode-book", unit="ns/level", better="lower")
def decode_book() -> Figure:
    """Plain bytes in memory to book and touch, over all level rows (a ticker has two, a trade one)."""
    ours, _, dicts_s = _side_by_side()
    return against(JSON_BOOK, ours=ours["to_book_ns_per_level"], theirs=dicts_s / ours["level_rows"] * 1e9)


@benchmark(name="decode-file", unit="MB/s", better="higher")
def decode_file() -> float:
    """A plain file in the page cache through the reader that a replay uses, calibration included."""
    return measured("decode")["file_mb_per_s"]
