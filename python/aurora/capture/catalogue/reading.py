"""What a catalogue holds of an instrument, read back as blocks: whole, in slices, or a range."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from aurora._core import Instrument, MarketBlock, MarketInspector
from aurora.capture.catalogue.layout import (
    MANIFEST,
    Part,
    Segment,
    catalogue_root,
    day_directory,
    manifests,
    read_manifest,
)
from aurora.capture.catalogue.tables import instrument_of, read_book, read_part
from aurora.capture.settings import CaptureSettings, InstrumentOverride
from aurora.errors import ConfigError, DataError
from aurora.messages import MarketMessage

ENDLESS_NS = 2**62
"""After every event."""


class StoredInstrument:
    """One instrument of a catalogue, its conversions joined in time order.

    A conversion of a capture that broke off ends the stream, as the broken file itself would.

    Raises:
        DataError: the manifest is damaged.
    """

    def __init__(self, manifest: Path):
        self.directory = manifest.parent
        self.every_segment, self.digest = read_manifest(manifest)
        self.segments: list[Segment] = []
        for segment in self.every_segment:
            self.segments.append(segment)
            if segment.fault is not None:
                break
        first, last = self.segments[0], self.segments[-1]
        self.key = f"{first.market}:{first.symbol}"
        self.parts: list[Part] = [part for segment in self.segments for part in segment.parts]
        self.first_ns = first.first_ns
        self.calibrated_ns = first.calibrated_ns
        self.clock_offset_ns = first.clock_offset_ns
        self.end_ns = last.end_ns
        self.fault = last.fault

    def instrument(self) -> Instrument:
        """The instrument as its first conversion found it.

        Raises:
            DataError: conversions disagree on the quanta, so their numbers cannot be joined.
        """
        first = self.segments[0]
        for other in self.segments[1:]:
            if (first.price_exponent, first.size_exponent) != (other.price_exponent, other.size_exponent):
                raise DataError(
                    f"{self.directory / MANIFEST}: {self.key} has {first.price_exponent} and {first.size_exponent} "
                    f"decimals in {_names(first)}, {other.price_exponent} and {other.size_exponent} in "
                    f"{_names(other)}; convert these files together"
                )
        return instrument_of(first)

    def configured(self, settings: CaptureSettings) -> Instrument:
        """The instrument with config having the last word on its filters.

        Raises:
            ConfigError: config asks for what only a new conversion can give.
        """
        given_ms = settings.clock_offset_ms
        for segment in self.segments:
            if given_ms is not None and round(given_ms * 1e6) != segment.clock_offset_ns:
                raise ConfigError(
                    f"clock_offset_ms is {given_ms:g}, but {self.key} was converted with "
                    f"{segment.clock_offset_ns / 1e6:g}; convert it again with that setting, or leave it out"
                )
        found = self.instrument()
        override = settings.instruments.get(self.key, InstrumentOverride())
        minimum = override.min_notional
        return Instrument(
            found.market,
            found.symbol,
            price_exponent=found.price_exponent,
            size_exponent=found.size_exponent,
            tick=self._quanta(override.tick_size, found.price_exponent, found.tick, "tick_size"),
            lot=self._quanta(override.lot_size, found.size_exponent, found.lot, "lot_size"),
            min_notional=self._quanta(minimum, 8, found.min_notional, "min_notional"),
        )

    def _quanta(self, given: Decimal | None, exponent: int, found: int, name: str) -> int:
        if given is None:
            return found
        scaled = given.scaleb(exponent)
        if scaled != scaled.to_integral_value():
            raise ConfigError(f"{name} {given} of {self.key} does not fit its {exponent} decimals")
        return int(scaled)

    def bad_lines(self) -> tuple[int, list[str]]:
        """Records that the conversions passed over: how many, and the first ones as text."""
        reports = [segment.report for segment in self.segments]
        shown = [line for report in reports for line in report["shown_bad_lines"]]
        return sum(report["bad_lines"] for report in reports), shown

    def verified_digest(self) -> str:
        """Digest of the manifest after a look at every byte it names. DataError when a file is not as named."""
        for part in self.parts:
            for file in (part.messages, part.levels, part.book):
                if file is not None:
                    check_file(day_directory(self.directory, part.day) / file.name, file.sha256)
        return self.digest


def _names(segment: Segment) -> str:
    return ", ".join(source.name for source in segment.sources)


def check_file(path: Path, sha256: str) -> None:
    """DataError unless the file is there and has that content."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, its manifest names it; convert the captures again") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if found != sha256:
        raise DataError(f"{path}: damaged, its SHA-256 is not the one recorded; convert the captures again")


def stored_instruments(path: Path) -> list[StoredInstrument]:
    """Instruments of a catalogue by key; of one venue or symbol, where ``path`` is its directory.

    Raises:
        DataError: no catalogue, nothing in it, or a damaged manifest.
    """
    root = catalogue_root(path)
    if root is None:
        raise DataError(
            f"{path}: no catalogue here; make one with aurora data convert CAPTURES --catalogue DIR"
        )
    found = [StoredInstrument(manifest) for manifest in manifests(root, path)]
    if not found:
        raise DataError(f"{path}: this catalogue is empty; fill it with aurora data convert")
    return sorted(found, key=lambda stored: stored.key)


class PartCursor:
    """Takes the events of an instrument in time order, holding the parts at hand only."""

    def __init__(self, stored: StoredInstrument, start_ns: int = -ENDLESS_NS):
        self._stored = stored
        self._from_ns = start_ns
        self._next = next(
            (n for n, part in enumerate(stored.parts) if part.last_ns >= start_ns), len(stored.parts)
        )
        self._held: deque[tuple[int, MarketBlock]] = deque()

    def hold(self, block: MarketBlock) -> None:
        """Puts messages that no part holds before the first ones taken."""
        self._held.append((self._from_ns, block))

    def take(self, end_ns: int, last: bool = False, fault: str | None = None) -> MarketBlock:
        """The events up to ``end_ns`` that were not taken yet."""
        parts = self._stored.parts
        while self._next < len(parts) and parts[self._next].first_ns < end_ns:
            part = parts[self._next]
            self._held.append((part.last_ns, read_part(self._stored.directory, part)))
            self._next += 1
        blocks = [block for _, block in self._held]
        bad_lines = self._stored.bad_lines() if last else None
        taken = MarketBlock.gather(blocks, self._from_ns, end_ns, last=last, fault=fault, bad_lines=bad_lines)
        while self._held and self._held[0][0] < end_ns:
            self._held.popleft()
        self._from_ns = end_ns
        return taken


class CatalogueReader:
    """A stored instrument in slices, as :class:`aurora.capture.CaptureReader` cuts captures."""

    def __init__(self, stored: StoredInstrument, width_ns: int, first: int, position: int | None):
        self._stored = stored
        self._width_ns = width_ns
        self._next = first
        self._ended = False
        start_ns = -ENDLESS_NS
        if position is not None and position > first:
            start_ns = self._end_of(position - 1)
            self._ended = start_ns >= stored.end_ns
            self._next = position
        self._cursor = PartCursor(stored, start_ns)

    def _end_of(self, index: int) -> int:
        return (index + 1) * self._width_ns if self._width_ns else ENDLESS_NS

    def next(self) -> list[MarketMessage] | None:
        """The block of the next slice; None after the last."""
        if self._ended:
            return None
        index, stored = self._next, self._stored
        self._next += 1
        self._ended = self._end_of(index) >= stored.end_ns
        if self._ended:
            block = self._cursor.take(stored.end_ns, last=True, fault=stored.fault)
        else:
            block = self._cursor.take(self._end_of(index))
        return [MarketMessage(index, stored.key, block)]

    def position(self) -> int:
        return self._next


def read_range(
    stored: StoredInstrument, start_ns: int | None, end_ns: int | None, carry_book: bool
) -> Iterator[MarketBlock]:
    """Events with ``start_ns <= local time < end_ns``, a block for each part; the last one says so.

    With ``carry_book``, a range that begins in mid-stream opens with messages of that time that bring a new book to
    where it stands: from the nearest part whose book is stored, read up to there.
    """
    parts = stored.parts
    start = -ENDLESS_NS if start_ns is None else start_ns
    cursor = PartCursor(stored, start)
    if carry_book and parts and parts[0].first_ns < start:
        cursor.hold(_book_at(stored, start))
    whole = end_ns is None or end_ns >= stored.end_ns
    end = max(stored.end_ns if whole or end_ns is None else end_ns, start)
    within = [part for part in parts if part.last_ns >= start and part.first_ns < end]
    for part in within[:-1]:
        yield cursor.take(min(part.last_ns + 1, end))
    yield cursor.take(end, last=True, fault=stored.fault if whole else None)


def _book_at(stored: StoredInstrument, start_ns: int) -> MarketBlock:
    parts = stored.parts
    at = next((n for n, part in enumerate(parts) if part.last_ns >= start_ns), len(parts) - 1)
    begin = next((n for n in range(at, -1, -1) if parts[n].book is not None), 0)
    inspector = MarketInspector(stored.instrument())
    book = read_book(stored.directory, parts[begin])
    if book is not None:
        inspector.push(book)
    for part in parts[begin : at + 1]:
        if part.first_ns < start_ns:
            block = read_part(stored.directory, part)
            inspector.push(MarketBlock.gather([block], -ENDLESS_NS, start_ns))
    return inspector.carried(start_ns)


def stored_info(
    stored: StoredInstrument,
    progress: Callable[[int], None] | None = None,
    *,
    unsynchronised: bool = False,
) -> tuple[dict[str, Any], str | None]:
    """What :func:`aurora.capture.capture_info` says of the captures, read from the catalogue: (report, fault)."""
    inspector = MarketInspector(
        stored.instrument(), clock_offset_ns=stored.clock_offset_ns, unsynchronised=unsynchronised
    )
    for part in stored.parts:
        inspector.push(read_part(stored.directory, part))
        if progress is not None:
            progress(part.rows)
    report = inspector.report()
    del report["instrument"], report["clock_offset_ns"]
    recorded = [segment.report for segment in stored.segments]
    report["by_stream"] = {}
    for one in recorded:
        for name, count in one["by_stream"].items():
            report["by_stream"][name] = report["by_stream"].get(name, 0) + count
    for name in ("ignored", "receive_time_held"):
        report[name] = sum(one[name] for one in recorded)
    report["bad_lines"], report["shown_bad_lines"] = stored.bad_lines()
    report["first_ts"], report["last_ts"] = recorded[0]["first_ts"], recorded[-1]["last_ts"]
    estimated = stored.segments[0].estimated_offset_ns
    report["clock_offset_ms"] = None if estimated is None else round(estimated / 1e6, 3)
    return report, stored.fault
