"""What the benchmarks measure on: the real captures, and longer ones made of them."""

import functools
import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

from bench.registry import Unavailable

ROOT = Path(__file__).resolve().parents[2]
USDM = "hftbacktest/usdm"
BTC, ETH = "btcusdt_20240808.gz", "ethusdt_20240808.gz"


def capture(name: str) -> Path:
    """A capture of `usdm/`, from `AURORA_CAPTURES` or `../shared/data`. Raises Unavailable without it."""
    named = os.environ.get("AURORA_CAPTURES")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared" / "data"
    path = (folder / USDM / name).resolve()
    if not path.exists():
        raise Unavailable(f"no capture {USDM}/{name} in {folder}; AURORA_CAPTURES names another folder")
    return path


@functools.cache
def lines(name: str) -> list[bytes]:
    """Lines of a capture, unpacked."""
    with gzip.open(capture(name)) as file:
        return file.read().splitlines()


_FIELD = re.compile(rb'"(E|T|u|U|pu|lastUpdateId)":(\d+)')
_PREVIOUS = re.compile(rb'"pu":(\d+)')
_LAST = re.compile(rb'"u":(\d+)')
PAUSE_MS = 100
"""Between the end of a capture and its next repetition."""
LOST_IDS = 1000
"""Update ids between them: a gap, so that the next snapshot replaces the book, whose prices have moved."""


def _repetitions(text: list[bytes], times: int) -> Iterator[bytes]:
    """The lines `times` over, times and update ids moved on as if the recorder had lost its connection."""
    diffs = [line for line in text if b'"depthUpdate"' in line]
    first, last = _PREVIOUS.search(diffs[0]), _LAST.search(diffs[-1])
    if first is None or last is None:
        raise ValueError("the diffs carry no pu and u: no futures capture")
    ids = int(last[1]) - int(first[1]) + LOST_IDS
    receive = [int(line.partition(b" ")[0]) for line in (text[0], text[-1])]
    span_ms = (receive[1] - receive[0]) // 1_000_000 + PAUSE_MS
    for turn in range(times):
        moved_ms, moved_ids = turn * span_ms, turn * ids

        def later(field: re.Match[bytes], ms: int = moved_ms, ids: int = moved_ids) -> bytes:
            moved = int(field[2]) + (ms if field[1] in b"ET" else ids)
            return b'"%s":%d' % (field[1], moved)

        for line in text:
            local, _, frame = line.partition(b" ")
            yield b"%d %s\n" % (int(local) + moved_ms * 1_000_000, _FIELD.sub(later, frame))


def longer(name: str, times: int, folder: Path) -> Path:
    """A capture that goes through the one named `times` over, packed, in `folder`; `times - 1` gaps."""
    path = folder / f"{times}-{name}"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(_repetitions(lines(name), times))
    return path
