"""Capture files as streams: which files belong together, one clock for all, slices of equal width."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median_low

from aurora._core import CaptureStream, Instrument
from aurora.capture.catalogue.layout import is_catalogue
from aurora.capture.catalogue.reading import (
    ENDLESS_NS,
    CatalogueReader,
    StoredInstrument,
    stored_instruments,
)
from aurora.capture.settings import CaptureSettings, InstrumentOverride
from aurora.errors import ConfigError, DataError, UsageError
from aurora.messages import MarketMessage

CAPTURE_SUFFIXES = (".gz", ".zst", ".xz", ".jsonl", ".txt", ".log", ".dat", ".csv", ".npz", ".npy")


def expand_paths(paths: Iterable[str | Path]) -> list[Path]:
    """Files as given; a directory stands for the capture files in it, by name. Catalogues stay as they are.

    Raises:
        DataError: a path does not exist, or a directory holds no capture file.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if is_catalogue(path):
            files.append(path)
        elif path.is_dir():
            found = sorted(f for f in path.iterdir() if f.is_file() and f.name.endswith(CAPTURE_SUFFIXES))
            # The books of a LOBSTER file of events are read with it.
            events = {f.name for f in found if "_message_" in f.name}
            found = [f for f in found if f.name.replace("_orderbook_", "_message_") not in events - {f.name}]
            if not found:
                raise DataError(f"{path}: no capture files here (looked for *{', *'.join(CAPTURE_SUFFIXES)})")
            files.extend(found)
        elif path.exists():
            files.append(path)
        else:
            raise DataError(f"{path}: no such file; give capture files or directories of them")
    if not files:
        raise UsageError("no capture files given")
    return files


def group_streams(
    files: Sequence[Path], skip_bad_lines: bool = False, market: str | None = None
) -> list[tuple[list[str], CaptureStream]]:
    """Joins files of the same instruments, in the order given, into one opened stream each. Files that hold different
    things of them, books here and trades there, are read beside each other, merged by receive time."""

    def opened(names: list[str]) -> CaptureStream:
        return CaptureStream(names, skip_bad_lines=skip_bad_lines, market=market)

    groups: dict[tuple[str, ...], list[str]] = {}
    alone: dict[str, CaptureStream] = {}
    for file in files:
        stream = alone[str(file)] = opened([str(file)])
        keys = tuple(sorted(key for key, _, _ in stream.calibrations()))
        groups.setdefault(keys, []).append(str(file))
    seen: dict[str, str] = {}
    for keys, names in groups.items():
        for key in keys:
            if key in seen:
                raise DataError(
                    f"{names[0]}: {key} is also in {seen[key]}, which holds other symbols beside it"
                )
            seen[key] = names[0]
    return [
        (names, alone[names[0]] if len(names) == 1 else opened(names)) for _, names in sorted(groups.items())
    ]


def _quanta_e8(value: Decimal | None, what: str) -> int | None:
    if value is None:
        return None
    scaled = value.scaleb(8)
    if scaled != scaled.to_integral_value():
        raise ConfigError(f"{what} {value} is finer than 1e-8")
    return int(scaled)


def files_read(path: Path) -> list[Path]:
    """A capture file and, for events of LOBSTER, the file of books beside it."""
    books = path.with_name(path.name.replace("_message_", "_orderbook_"))
    return [path, books] if books != path and books.exists() else [path]


def content_hash(
    paths: Iterable[Path], progress: Callable[[int], None] | None = None
) -> list[tuple[str, str]]:
    """(name, SHA-256) of the bytes of each file and of what is read with it; of each instrument's manifest and what it
    names, for a catalogue.

    Raises:
        DataError: a file cannot be read, or is not as its manifest says.
    """
    hashes = []
    for path in paths:
        if is_catalogue(path):
            hashes += [(stored.key, stored.verified_digest()) for stored in stored_instruments(path)]
            continue
        for name in files_read(path):
            try:
                with name.open("rb") as file:
                    hashes.append((name.name, hashlib.file_digest(file, "sha256").hexdigest()))
            except OSError as error:
                raise DataError(
                    f"{name}: {error.strerror or error}; give capture files that can be read"
                ) from error
            if progress is not None:
                progress(name.stat().st_size)
    return hashes


class CaptureReader:
    """One stream, cut into slices ``[k·w, (k+1)·w)`` of corrected local time; see :class:`aurora.stages.Reader`."""

    def __init__(
        self, stream: CaptureStream, keys: list[str], width_ns: int, first: int, position: int | None
    ):
        self._stream = stream
        self._keys = keys
        self._width_ns = width_ns
        self._next = first
        self._ended = False
        if position is not None and position > first:
            # Decoding is so much faster than deciding that going there anew is the simplest exact resume.
            self._ended = all(block.last for block in stream.next_slice(self._end_of(position - 1)))
            self._next = position

    def _end_of(self, index: int) -> int:
        return (index + 1) * self._width_ns if self._width_ns else ENDLESS_NS

    def next(self) -> list[MarketMessage] | None:
        """Blocks of the next slice, one for each instrument of the stream; None after the last."""
        if self._ended:
            return None
        index = self._next
        blocks = self._stream.next_slice(self._end_of(index))
        self._next += 1
        self._ended = blocks[0].last
        return [MarketMessage(index, key, block) for key, block in zip(self._keys, blocks, strict=True)]

    def position(self) -> int:
        return self._next


class CaptureSet:
    """All streams of a run, calibrated and frozen: instruments, clock, where slices begin.

    Raises:
        DataError: a file is missing, unreadable or no capture.
        ConfigError: an override does not fit what the capture prints.
    """

    def __init__(self, paths: Sequence[str | Path], settings: CaptureSettings | None = None):
        self.settings = settings or CaptureSettings()
        self.files = expand_paths(paths)
        self._skip_bad_lines = self.settings.bad_lines == "skip"
        captures = [file for file in self.files if not is_catalogue(file)]
        groups = group_streams(captures, self._skip_bad_lines, self.settings.market)
        self._paths = {f"stream-{i:03d}": names for i, (names, _) in enumerate(groups)}
        opened = {f"stream-{i:03d}": stream for i, (_, stream) in enumerate(groups)}
        self.clock_offset_ns = self._clock(opened)
        self.instruments: dict[str, Instrument] = {}
        self._keys: dict[str, list[str]] = {}
        self.spans_ns: dict[str, tuple[int, int]] = {}
        """By stream: local times of its first line and of its last calibration message."""
        for name, stream in opened.items():
            self._start(name, stream)
            self._keys[name] = [i.key for i in stream.instruments()]
            self.instruments.update((i.key, i) for i in stream.instruments())
            offset = self.clock_offset_ns[name]
            first, calibrated = stream.calibration_span_ns()
            self.spans_ns[name] = (first - offset, calibrated - offset)
        self._stored: dict[str, StoredInstrument] = {}
        for path in filter(is_catalogue, self.files):
            for stored in stored_instruments(path):
                self._add_stored(f"stream-{len(self.spans_ns):03d}", stored)
        self.width_ns = self.settings.slice_ms * 1_000_000
        first_ns = min(first for first, _ in self.spans_ns.values())
        self.first_slice = first_ns // self.width_ns if self.width_ns else 0
        self.calibrated_ns = max(calibrated for _, calibrated in self.spans_ns.values())
        """Local time when filters and clock were known: no decision may be earlier."""

    def _add_stored(self, name: str, stored: StoredInstrument) -> None:
        """An instrument of a catalogue is a stream of its own; its clock was corrected when it was converted."""
        if stored.key in self.instruments:
            raise DataError(f"{stored.directory}: {stored.key} is also in another input; give it once")
        self._stored[name] = stored
        self._keys[name] = [stored.key]
        self.clock_offset_ns[name] = stored.clock_offset_ns
        self.instruments[stored.key] = stored.configured(self.settings)
        self.spans_ns[name] = (stored.first_ns, stored.calibrated_ns)

    @property
    def streams(self) -> list[str]:
        return list(self.spans_ns)

    def stream_files(self, stream: str) -> list[str]:
        """The capture files of a stream, in time order."""
        return self._paths[stream]

    def offset_of(self, instrument: str) -> int:
        """What is taken off the receive times of an instrument's messages, ns."""
        stream = next(name for name, keys in self._keys.items() if instrument in keys)
        return self.clock_offset_ns[stream]

    def _clock(self, opened: dict[str, CaptureStream]) -> dict[str, int]:
        """Offset per stream: config, else one for all recorders that agree, else each stream's own."""
        given = self.settings.clock_offset_ms
        if given is not None:
            return dict.fromkeys(opened, round(given * 1e6))
        estimates: dict[str, int | None] = {}
        for name, stream in opened.items():
            offsets = [offset for _, _, offset in stream.calibrations() if offset is not None]
            estimates[name] = median_low(offsets) if offsets else None
        known = [offset for offset in estimates.values() if offset is not None]
        common = median_low(known) if known else 0
        if known and max(known) - min(known) > self.settings.common_clock_ms * 1e6:
            return {name: common if offset is None else offset for name, offset in estimates.items()}
        return dict.fromkeys(opened, common)

    def _start(self, name: str, stream: CaptureStream) -> None:
        overrides = []
        for key, _, _ in stream.calibrations():
            given = self.settings.instruments.get(key, InstrumentOverride())
            overrides.append(
                (
                    _quanta_e8(given.tick_size, f"{key}: tick_size"),
                    _quanta_e8(given.lot_size, f"{key}: lot_size"),
                    _quanta_e8(given.min_notional, f"{key}: min_notional"),
                )
            )
        stream.start(self.clock_offset_ns[name], overrides)

    def reopen(self, stream: str) -> CaptureStream:
        """A stream of capture files at its beginning, calibrated and started as this set found it."""
        opened = CaptureStream(
            self._paths[stream], skip_bad_lines=self._skip_bad_lines, market=self.settings.market
        )
        self._start(stream, opened)
        return opened

    def open(self, stream: str, position: int | None = None) -> CaptureReader | CatalogueReader:
        """Opens a stream at its first slice or at a later one."""
        if stream in self._stored:
            return CatalogueReader(self._stored[stream], self.width_ns, self.first_slice, position)
        opened = self.reopen(stream)
        return CaptureReader(opened, self._keys[stream], self.width_ns, self.first_slice, position)


def is_synthetic(path: Path) -> bool:
    """Whether a capture says of itself, in its name or its header line, that it was generated; of a catalogue, whether
    everything in it came from such."""
    if is_catalogue(path):
        stored = stored_instruments(path)
        return all(source.synthetic for one in stored for s in one.segments for source in s.sources)
    if "synthetic" in path.name:
        return True
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            head = file.read(200)
    except (OSError, EOFError, zlib.error):
        return False
    return head.startswith(b"#") and b"synthetic" in head.split(b"\n", 1)[0]
