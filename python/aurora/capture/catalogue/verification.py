"""A catalogue read again from the first byte to the last, and held against what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from aurora._core import MarketBlock, MarketInspector
from aurora.capture.catalogue.layout import (
    MANIFEST,
    Part,
    Segment,
    day_directory,
    leftovers,
    manifests,
    read_manifest,
)
from aurora.capture.catalogue.reading import check_file
from aurora.capture.catalogue.tables import (
    LEVELS,
    MESSAGES,
    instrument_of,
    read_book,
    read_parquet,
    read_part,
    split,
)
from aurora.errors import DataError

_FROM_LINES = {
    "instrument",
    "clock_offset_ns",
    "by_stream",
    "bad_lines",
    "shown_bad_lines",
    "ignored",
    "receive_time_held",
    "first_ts",
    "last_ts",
    "grade",
}
"""What only the source files tell, or what follows from the rest."""


@dataclass(slots=True)
class Verification:
    """What a verification read, and every damage it met, as sentences with path and cause."""

    instruments: int = 0
    parts: int = 0
    rows: int = 0
    levels: int = 0
    bytes: int = 0
    damages: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    """Files no manifest names; no damage, the next conversion removes them."""

    @property
    def ok(self) -> bool:
        return not self.damages


def verify(root: Path, progress: Callable[[int], None] | None = None) -> Verification:
    """See :meth:`aurora.capture.Catalogue.verify`."""
    result = Verification()
    for manifest in manifests(root):
        result.instruments += 1
        try:
            segments = read_manifest(manifest)[0]
        except DataError as error:
            result.damages.append(str(error))
            continue
        for segment in segments:
            _verify_segment(manifest.parent, segment, result, progress)
    if result.ok:
        result.leftovers = [str(path) for path in leftovers(root)]
    return result


def _verify_segment(
    directory: Path, segment: Segment, result: Verification, progress: Callable[[int], None] | None
) -> None:
    inspector = MarketInspector(instrument_of(segment))
    last_ns: int | None = None
    whole = True
    for part in segment.parts:
        block = _verify_part(directory, segment, part, result)
        if block is None:
            whole = False
        elif whole:
            where = day_directory(directory, part.day)
            if last_ns is not None and part.first_ns < last_ns:
                result.damages.append(
                    f"{where / part.messages.name}: begins before the part ahead of it ended"
                )
            _verify_book(directory, segment, part, inspector, result)
            inspector.push(block)
            last_ns = part.last_ns
        if progress is not None:
            progress(result.rows)
    if not whole:
        return
    found = inspector.report()
    for name in found.keys() - _FROM_LINES:
        if _plain(found[name]) != segment.report[name]:
            result.damages.append(
                f"{directory / MANIFEST}: {name} of the events is {found[name]}, recorded was {segment.report[name]}"
            )


def _verify_part(directory: Path, segment: Segment, part: Part, result: Verification) -> MarketBlock | None:
    """The part's block; None after a damage was noted."""
    where = day_directory(directory, part.day)
    result.parts += 1
    try:
        for file in (part.messages, part.levels, part.book):
            if file is not None:
                check_file(where / file.name, file.sha256)
                result.bytes += file.bytes
        for file, schema in ((part.messages, MESSAGES), (part.levels, LEVELS)):
            found = dict(read_parquet(where / file.name).schema)
            if found != schema:
                raise DataError(f"{where / file.name}: columns are {found}, expected {schema}")
        block = read_part(directory, part)
        _verify_levels(where / part.levels.name, segment, block)
    except DataError as error:
        result.damages.append(str(error))
        return None
    result.rows += part.rows
    result.levels += part.level_rows
    return block


def _verify_levels(path: Path, segment: Segment, block: MarketBlock) -> None:
    """The columns that levels repeat of their messages."""
    _, expected = split(pl.DataFrame(block), instrument_of(segment))
    found = read_parquet(path)
    for name in LEVELS:
        if not found[name].equals(expected[name]):
            raise DataError(f"{path}: column {name} does not fit its messages")


def _verify_book(
    directory: Path, segment: Segment, part: Part, inspector: MarketInspector, result: Verification
) -> None:
    """The stored book is the one that the events before it give."""
    try:
        stored = read_book(directory, part)
    except DataError as error:
        result.damages.append(str(error))
        return
    if (stored is not None) != inspector.synced:
        result.damages.append(
            f"{day_directory(directory, part.day)}: a book is stored where there was none, or not"
        )
    elif stored is not None:
        begun = MarketInspector(instrument_of(segment))
        begun.push(stored)
        if begun.report()["digest"] != inspector.report()["digest"]:
            path = day_directory(directory, part.day) / (part.book.name if part.book else "")
            result.damages.append(f"{path}: the book is not the one that the events before it give")


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return (
        [list(item) for item in value]
        if isinstance(value, list) and value and isinstance(value[0], tuple)
        else value
    )
