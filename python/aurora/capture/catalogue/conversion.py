"""Captures into a catalogue: slice by slice, in constant memory, visible when whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from aurora._core import CaptureStream, Instrument, MarketBlock, MarketInspector
from aurora.capture.catalogue.layout import (
    MANIFEST,
    SCHEMA_VERSION,
    Part,
    Segment,
    Source,
    day_directory,
    instrument_directory,
    is_catalogue,
    make_directory,
    read_manifest,
    remove_leftovers,
    write_manifest,
    writing,
)
from aurora.capture.catalogue.tables import describe, write_part
from aurora.capture.files import CaptureSet, content_hash, files_read, is_synthetic
from aurora.capture.quality import grade
from aurora.capture.settings import CaptureSettings
from aurora.errors import DataError, UsageError

DAY_NS = 86_400_000_000_000
PART_ROWS = 1_000_000
"""A part ends with the block in which it reaches so many messages or levels."""
BLOCK_MESSAGES = 5_000
_SPEED_ONLY = {"slice_ms", "clock_offset_ms", "common_clock_ms", "instruments"}
"""Settings that are speed alone, or whose effect a segment records."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of one instrument: ``converted``, ``replaced``, or ``unchanged`` where nothing had to be written."""

    instrument: str
    status: str
    sources: list[str]
    days: list[str]
    rows: int
    levels: int
    parts: int
    bytes: int
    grade: str
    fault: str | None


class _Writer:
    """Collects the blocks of one instrument into parts."""

    def __init__(self, directory: Path, instrument: Instrument, facts: str):
        self._directory = directory
        self._instrument = instrument
        self._facts = facts
        self._frames: list[pl.DataFrame] = []
        self._day = ""
        self._rows = 0
        self._level_rows = 0
        self._book: MarketBlock | None = None
        self.inspector = MarketInspector(instrument)
        self.parts: list[Part] = []

    def push(self, block: MarketBlock) -> None:
        """Takes a block that lies within one UTC day."""
        first_ns = block.first_event_ns
        if first_ns is None:
            return
        day = datetime.fromtimestamp(first_ns // 1_000_000_000, UTC).date().isoformat()
        if self._frames and (day != self._day or max(self._rows, self._level_rows) >= PART_ROWS):
            self.flush()
        if not self._frames:
            self._day = day
            self._book = self.inspector.carried(first_ns) if self.inspector.synced else None
        self._frames.append(pl.DataFrame(block))
        self._rows += len(block)
        self._level_rows += block.level_count
        self.inspector.push(block)

    def flush(self) -> None:
        if not self._frames:
            return
        make_directory(day_directory(self._directory, self._day))
        frame = pl.concat(self._frames)
        self.parts.append(
            write_part(self._directory, self._day, frame, self._book, self._instrument, self._facts)
        )
        self._frames, self._rows, self._level_rows = [], 0, 0


def convert(
    root: Path,
    paths: Sequence[str | Path],
    settings: CaptureSettings | None,
    progress: Callable[[int], None] | None,
) -> list[Conversion]:
    """See :meth:`aurora.capture.Catalogue.convert`."""
    captures = CaptureSet(paths, settings)
    stored = [str(path) for path in captures.files if is_catalogue(path)]
    if stored:
        raise UsageError(f"{', '.join(stored)} is a catalogue already; give the captures themselves")
    with writing(root):
        remove_leftovers(root)
        done = 0
        answers = []
        for stream in captures.streams:

            def step(messages: int, base: int = done) -> None:
                nonlocal done
                done = base + messages
                if progress is not None:
                    progress(done)

            answers += _StreamConversion(root, captures, stream).run(step)
        remove_leftovers(root)
    return sorted(answers, key=lambda answer: answer.instrument)


class _StreamConversion:
    """One stream of captures: its files, and a segment to be for each of its instruments."""

    def __init__(self, root: Path, captures: CaptureSet, stream: str):
        given = [Path(name) for name in captures.stream_files(stream)]
        self._files = [file for name in given for file in files_read(name)]
        self._stamps = self._stamp()
        hashes = [sha256 for _, sha256 in content_hash(given)]
        self._sources = tuple(
            Source(path.name, sha256, is_synthetic(path))
            for path, sha256 in zip(self._files, hashes, strict=True)
        )
        self._opened = captures.reopen(stream)
        offset_ns = captures.clock_offset_ns[stream]
        first_ns, calibrated_ns = captures.spans_ns[stream]
        estimated = {key: offset for key, _, offset in self._opened.calibrations()}
        self._instruments = self._opened.instruments()
        self._before: list[list[Segment]] = []
        self._directories = []
        self._wanted = []
        for instrument in self._instruments:
            directory = instrument_directory(root, instrument.market, instrument.symbol)
            self._directories.append(directory)
            manifest = directory / MANIFEST
            self._before.append(read_manifest(manifest)[0] if manifest.exists() else [])
            self._wanted.append(
                Segment(
                    market=instrument.market,
                    symbol=instrument.symbol,
                    price_exponent=instrument.price_exponent,
                    size_exponent=instrument.size_exponent,
                    tick=instrument.tick,
                    lot=instrument.lot,
                    min_notional=instrument.min_notional,
                    clock_offset_ns=offset_ns,
                    estimated_offset_ns=estimated[instrument.key],
                    settings=captures.settings.model_dump(mode="json", exclude=_SPEED_ONLY),
                    sources=self._sources,
                    first_ns=first_ns,
                    calibrated_ns=calibrated_ns,
                    end_ns=first_ns,
                    fault=None,
                    report={},
                    parts=(),
                )
            )

    def _stamp(self) -> list[tuple[int, int]]:
        return [(path.stat().st_size, path.stat().st_mtime_ns) for path in self._files]

    def run(self, progress: Callable[[int], None]) -> list[Conversion]:
        """Converts what is not there yet and makes it visible."""
        present = [
            next((old for old in before if old.facts() == wanted.facts()), None)
            for before, wanted in zip(self._before, self._wanted, strict=True)
        ]
        answers = [_answer(old, "unchanged") for old in present if old is not None]
        missing = [n for n, old in enumerate(present) if old is None]
        if not missing:
            return answers
        for n in missing:
            _refuse_overlap(self._before[n], self._wanted[n], self._wanted[n].first_ns + 1)
        writers = {}
        for n in missing:
            offset_ns = self._wanted[n].clock_offset_ns
            facts = describe(self._instruments[n], offset_ns, self._sources, SCHEMA_VERSION)
            writers[n] = _Writer(self._directories[n], self._instruments[n], facts)
        end_ns, fault = _read(self._opened, self._wanted[0].first_ns, writers, progress)
        if self._stamp() != self._stamps:
            names = ", ".join(str(path) for path in self._files)
            raise DataError(f"{names}: changed while it was read; convert it again when it is complete")
        counts = self._opened.counts()
        for n, writer in writers.items():
            segment = _finished(self._wanted[n], writer, end_ns, fault, counts)
            replaced = _refuse_overlap(self._before[n], segment, end_ns)
            kept = [old for old in self._before[n] if old not in replaced]
            make_directory(self._directories[n])
            write_manifest(self._directories[n], sorted([*kept, segment], key=lambda s: s.first_ns))
            answers.append(_answer(segment, "replaced" if replaced else "converted"))
        return answers


def _read(
    stream: CaptureStream, start_ns: int, writers: dict[int, _Writer], progress: Callable[[int], None]
) -> tuple[int, str | None]:
    """Reads a stream to its end in blocks that lie within one day: (end of the stream, fault)."""
    midnight = (start_ns // DAY_NS + 1) * DAY_NS
    read = 0
    while True:
        blocks = stream.next_slice(midnight, BLOCK_MESSAGES)
        for n, writer in writers.items():
            writer.push(blocks[n])
        taken = sum(len(block) for block in blocks)
        read += taken
        progress(read)
        if blocks[0].last:
            for writer in writers.values():
                writer.flush()
            return blocks[0].end_ns, blocks[0].fault
        if taken < BLOCK_MESSAGES:
            midnight += DAY_NS


def _finished(
    wanted: Segment, writer: _Writer, end_ns: int, fault: str | None, counts: dict[str, Any]
) -> Segment:
    report = writer.inspector.report()
    key = report.pop("instrument")
    del report["clock_offset_ns"]
    report["by_stream"] = counts["by_stream"][key]
    for name in ("bad_lines", "shown_bad_lines", "ignored", "receive_time_held"):
        report[name] = counts[name]
    for name in ("first_ts", "last_ts"):
        report[name] += wanted.clock_offset_ns
    for name in ("bids", "asks"):
        report[name] = [list(level) for level in report[name]]
    report["grade"] = grade(report)
    values = {name: getattr(wanted, name) for name in wanted.__dataclass_fields__}
    return Segment(
        **{**values, "end_ns": end_ns, "fault": fault, "report": report, "parts": tuple(writer.parts)}
    )


def _refuse_overlap(before: Sequence[Segment], new: Segment, end_ns: int) -> list[Segment]:
    """Older segments that the new one replaces: those of the same time, of no files but its own.

    Raises:
        DataError: a segment of the same time came from files that are not given now; it would be lost, or its events
            would be there twice.
    """
    names = {source.name for source in new.sources}
    replaced = []
    for old in before:
        if old.first_ns >= end_ns or old.end_ns <= new.first_ns:
            continue
        others = [source.name for source in old.sources if source.name not in names]
        if others:
            raise DataError(
                f"{', '.join(sorted(names))}: the catalogue holds {new.market}:{new.symbol} of the same time, "
                f"converted from {', '.join(s.name for s in old.sources)}; give all files of the instrument "
                "together, the same clock_offset_ms where only clocks overlap, or another catalogue"
            )
        replaced.append(old)
    return replaced


def _answer(segment: Segment, status: str) -> Conversion:
    files = [f for part in segment.parts for f in (part.messages, part.levels, part.book) if f is not None]
    return Conversion(
        instrument=f"{segment.market}:{segment.symbol}",
        status=status,
        sources=[source.name for source in segment.sources],
        days=sorted({part.day for part in segment.parts}),
        rows=sum(part.rows for part in segment.parts),
        levels=sum(part.level_rows for part in segment.parts),
        parts=len(segment.parts),
        bytes=sum(file.bytes for file in files),
        grade=segment.report["grade"],
        fault=segment.fault,
    )
