"""Checks of a streaming feature: it may not look ahead, may not notice how its input is cut, and may forget nothing.

A feature is anything with ``process(block)``, ``snapshot()`` and ``restore(state)``, as `aurora._core.MarketCore` has.
Each check builds it anew from a factory, runs it over captures, and raises an AssertionError that names the first time
at which two runs differ.
"""

from __future__ import annotations

import gzip
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import polars as pl

from aurora._core import CaptureStream, Instrument, MarketBlock
from aurora.errors import AuroraError

__all__ = [
    "Feature",
    "FeatureFactory",
    "Source",
    "check_feature",
    "check_look_ahead",
    "check_splits",
    "check_state",
]

ENDLESS_NS = 2**62
WHOLE = 0
"""Slice width that leaves the capture in one piece."""


class Feature(Protocol):
    """A streaming feature of one instrument."""

    def process(self, block: MarketBlock) -> Any:
        """Rows that are due, as anything `polars.DataFrame` takes; a column ``local_ns`` says when each was known."""
        ...

    def snapshot(self) -> bytes:
        """The whole state."""
        ...

    def restore(self, state: bytes) -> None:
        """Takes back what :meth:`snapshot` gave, in a feature just built."""
        ...


FeatureFactory = Callable[[Instrument], Feature]
Source = Sequence[bytes] | Sequence[str | Path]
"""Raw lines of one capture, or capture files, each checked on its own."""

Rows = dict[str, pl.DataFrame]
"""Rows by instrument, in the order they came."""


@dataclass(frozen=True, slots=True)
class _Capture:
    name: str
    lines: list[bytes]

    def times(self) -> list[int]:
        """Receive time of each line, held where it runs backwards; of a line without one, that of the line before."""
        times, latest = [], 0
        for line in self.lines:
            digits = re.match(rb"\d+", line)
            if digits is not None and digits.end() in (13, 16, 19):
                latest = max(latest, int(digits[0]) * 10 ** (19 - digits.end()))
            times.append(latest)
        return times


def check_look_ahead(
    factory: FeatureFactory, source: Source, *, moments: int = 8, seed: int = 0, slice_ms: int = WHOLE
) -> None:
    """What comes after a moment changes no row up to it.

    At each of `moments` receive times, drawn by `seed`, the rest of the capture is cut off, altered (every price and
    size), and delayed; rows with ``local_ns`` up to the moment must stay as they were. Blocks are as large as
    `slice_ms` says, the whole capture by default: where a block holds the future, a feature can look at it.

    Raises:
        AssertionError: a row changed; instrument, time and column are named.
        ValueError: nothing could be compared.
    """
    compared = 0
    for capture in _captures(source):
        with tempfile.TemporaryDirectory() as folder:
            times = capture.times()
            whole = _run(factory, capture, Path(folder), slice_ms)
            # After a moment every line is later, so that all that was received up to it is kept.
            places = [n for n in range(len(times) - 1) if 0 < times[n] < times[n + 1]]
            drawn = random.Random(seed).sample(places, min(moments, len(places)))
            for place in sorted(drawn):
                for how, change in _CHANGES.items():
                    kept, rest = capture.lines[: place + 1], capture.lines[place + 1 :]
                    changed = _Capture(capture.name, kept + change(rest))
                    try:
                        rows = _run(factory, changed, Path(folder), slice_ms, like=whole)
                    except _NotComparableError:
                        continue
                    until = times[place]
                    for key, frame in rows.frames.items():
                        before, after = _until(whole.frames[key], until), _until(frame, until)
                        compared += len(before)
                        _same(
                            before,
                            after,
                            f"looks ahead: {key} of {capture.name}: after {until} the capture was {how},",
                        )
    _require(compared, "no row lies before any moment")


def check_splits(
    factory: FeatureFactory, source: Source, *, slice_ms: Sequence[int] = (1_000, 37, 1)
) -> None:
    """How a capture is cut into blocks changes no row: whole, and in slices of each of `slice_ms`, empty ones
    included.

    Raises:
        AssertionError: rows differ; instrument, time and column are named.
        ValueError: nothing could be compared.
    """
    compared = 0
    for capture in _captures(source):
        with tempfile.TemporaryDirectory() as folder:
            whole = _run(factory, capture, Path(folder), WHOLE)
            for width in slice_ms:
                rows = _run(factory, capture, Path(folder), width)
                for key, frame in rows.frames.items():
                    compared += len(frame)
                    what = (
                        f"depends on how its input is cut: {key} of {capture.name}, in slices of {width} ms,"
                    )
                    _same(whole.frames[key], frame, what)
    _require(compared, "there are no rows")


def check_state(factory: FeatureFactory, source: Source, *, slice_ms: int = 100) -> None:
    """Nothing is lost between :meth:`Feature.snapshot` and :meth:`Feature.restore`, and a snapshot disturbs nothing.

    The capture runs in slices of `slice_ms`: once with a snapshot taken after each, once with the feature replaced
    after each by a new one restored from it.

    Raises:
        AssertionError: rows differ, or a snapshot is not bytes; instrument, time and column are named.
        ValueError: nothing could be compared, the capture being one slice or without rows.
    """
    compared = 0

    def disturbed(feature: Feature, _: Instrument) -> Feature:
        state = feature.snapshot()
        if not isinstance(state, bytes):
            raise AssertionError(f"snapshot() gave {type(state).__name__}, not bytes")
        return feature

    def replaced(feature: Feature, instrument: Instrument) -> Feature:
        again = factory(instrument)
        again.restore(feature.snapshot())
        return again

    for capture in _captures(source):
        with tempfile.TemporaryDirectory() as folder:
            plain = _run(factory, capture, Path(folder), slice_ms)
            for what, between in (("disturbed by snapshot()", disturbed), ("forgets state", replaced)):
                rows = _run(factory, capture, Path(folder), slice_ms, between=between)
                for key, frame in rows.frames.items():
                    compared += len(frame) * (rows.slices > 1)
                    _same(plain.frames[key], frame, f"{what}: {key} of {capture.name},")
    _require(compared, "there are no rows, or just one slice")


def check_feature(factory: FeatureFactory, source: Source) -> None:
    """All of :func:`check_look_ahead`, :func:`check_splits` and :func:`check_state`."""
    check_splits(factory, source)
    check_state(factory, source)
    check_look_ahead(factory, source)


class _NotComparableError(Exception):
    """A changed capture cannot be read as the same instruments."""


@dataclass(frozen=True, slots=True)
class _Result:
    instruments: dict[str, Instrument]
    frames: Rows
    slices: int


def _captures(source: Source) -> Iterator[_Capture]:
    if isinstance(source, bytes | str | Path):
        raise TypeError("give a sequence: lines of one capture, or capture files")
    if all(isinstance(item, bytes) for item in source):
        yield _Capture(
            "the capture", [line.rstrip(b"\n") + b"\n" for line in cast("Sequence[bytes]", source)]
        )
        return
    for item in cast("Sequence[str | Path]", source):
        path = Path(item)
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        yield _Capture(str(path), [line + b"\n" for line in data.splitlines()])


def _run(
    factory: FeatureFactory,
    capture: _Capture,
    folder: Path,
    slice_ms: int,
    *,
    between: Callable[[Feature, Instrument], Feature] = lambda feature, _: feature,
    like: _Result | None = None,
) -> _Result:
    """Rows of a capture; with `like`, read as the instruments of that run."""
    path = folder / "capture.txt"
    path.write_bytes(b"".join(capture.lines))
    stream = _open(path, like)
    instruments = {instrument.key: instrument for instrument in stream.instruments()}
    features = {key: factory(instrument) for key, instrument in instruments.items()}
    parts: dict[str, list[pl.DataFrame]] = {key: [] for key in instruments}
    slices = 0
    for end_ns in _slice_ends(capture, slice_ms):
        blocks = stream.next_slice(end_ns)
        slices += 1
        for (key, instrument), block in zip(instruments.items(), blocks, strict=True):
            if block.fault is not None:
                problem = f"{capture.name} cannot be read to its end: {block.fault}"
                raise ValueError(problem) if like is None else _NotComparableError(problem)
            frame = pl.DataFrame(features[key].process(block))
            if len(frame):
                if "local_ns" not in frame.columns:
                    raise ValueError(
                        f"rows of {key} have no column local_ns, only {', '.join(frame.columns)}"
                    )
                parts[key].append(frame)
            features[key] = between(features[key], instrument)
        if blocks[0].last:
            break
    frames = {
        key: pl.concat(part, how="vertical_relaxed") if part else pl.DataFrame()
        for key, part in parts.items()
    }
    return _Result(instruments, frames, slices)


def _open(path: Path, like: _Result | None) -> CaptureStream:
    """The stream, its clock as captured. Filters are those of `like`: the data after a moment would tell others."""
    try:
        stream = CaptureStream([str(path)])
        keys = [key for key, _, _ in stream.calibrations()]
        overrides = [_filters(None if like is None else like.instruments.get(key)) for key in keys]
        stream.start(0, overrides)
    except AuroraError as error:
        if like is None:
            raise
        raise _NotComparableError(str(error)) from error
    if like is not None:
        for instrument in stream.instruments():
            known = like.instruments.get(instrument.key)
            if known is None or any(getattr(instrument, n) != getattr(known, n) for n in _FILTERS):
                raise _NotComparableError(f"{instrument.key} is read with other filters")
    return stream


def _filters(known: Instrument | None) -> tuple[int | None, int | None, int | None]:
    """Tick and lot in 1e-8 and the least notional, as `CaptureStream.start` takes them."""
    if known is None:
        return None, None, None
    tick = known.tick * 10 ** (8 - known.price_exponent) if known.price_exponent <= 8 else None
    lot = known.lot * 10 ** (8 - known.size_exponent) if known.size_exponent <= 8 else None
    return tick, lot, known.min_notional


_FILTERS = ("price_exponent", "size_exponent", "tick", "lot")


def _slice_ends(capture: _Capture, slice_ms: int) -> Iterator[int]:
    """Ends of the slices that hold a line, and of one empty slice behind each: a silence needs no more."""
    if slice_ms > 0:
        width = slice_ms * 1_000_000
        numbers = {time // width for time in capture.times() if time}
        yield from ((n + 1) * width for n in sorted(numbers | {n + 1 for n in numbers}))
    yield ENDLESS_NS


def _cut_off(rest: list[bytes]) -> list[bytes]:
    return []


_DECIMAL = re.compile(rb'"(\d+)(\.\d+)?"')


def _altered(rest: list[bytes]) -> list[bytes]:
    """Other digits in every quoted decimal, as many as before; the first of a price stays."""

    def other(match: re.Match[bytes]) -> bytes:
        text = match[0]
        first = 2 if len(match[1]) > 1 else 1
        return text[:first] + bytes(48 + (c - 45) % 10 if 48 <= c <= 57 else c for c in text[first:])

    return [_DECIMAL.sub(other, line) for line in rest]


def _delayed(rest: list[bytes]) -> list[bytes]:
    def later(match: re.Match[bytes]) -> bytes:
        return str(int(match[0]) + 7 * 10 ** (len(match[0]) - 10)).encode()

    return [re.sub(rb"^\d{13,19}(?= )", later, line) for line in rest]


_CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "cut off": _cut_off,
    "altered": _altered,
    "delayed by 7 s": _delayed,
}


def _until(frame: pl.DataFrame, until_ns: int) -> pl.DataFrame:
    return frame.filter(pl.col("local_ns") <= until_ns) if len(frame) else frame


def _same(expected: pl.DataFrame, got: pl.DataFrame, what: str) -> None:
    """Raises with the first row that differs; NaN equals NaN, null equals null."""
    both = min(len(expected), len(got))
    if both and expected.columns != got.columns:
        raise AssertionError(f"{what} and columns became {got.columns} instead of {expected.columns}")
    first: tuple[int, str] | None = None
    for name in expected.columns if both else []:
        differs = expected[name][:both].ne_missing(got[name][:both]).arg_true()
        if len(differs) and (first is None or differs[0] < first[0]):
            first = (differs[0], name)
    if first is not None:
        row, name = first
        before, after, time = expected[name][row], got[name][row], expected["local_ns"][row]
        raise AssertionError(f"{what} and the row of {time} has {name} {after!r} instead of {before!r}")
    if len(expected) != len(got):
        longer, word = (expected, "is missing") if len(expected) > both else (got, "is new")
        raise AssertionError(f"{what} and the row of {longer['local_ns'][both]} {word}")


def _require(compared: int, why: str) -> None:
    if not compared:
        raise ValueError(f"nothing to compare: {why}; give a longer capture")
