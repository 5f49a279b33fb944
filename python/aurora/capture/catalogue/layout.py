"""Where a catalogue keeps what, and the manifest that says what is there.

::

    ROOT/catalogue.json
    ROOT/venue=binance_usdm/symbol=BTCUSDT/manifest.json
    ROOT/venue=binance_usdm/symbol=BTCUSDT/day=2024-08-08/messages-<hash>.parquet
                                                          levels-<hash>.parquet
                                                          book-<hash>.parquet

A file is named by the SHA-256 of its content, so a name never stands for two contents, and only what a manifest names
is there for readers. A manifest is replaced as a whole, after everything it names is durable.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aurora.errors import DataError, OutputError

SCHEMA_VERSION = 1
MARK = "catalogue.json"
"""The file that makes a directory a catalogue."""
MANIFEST = "manifest.json"
LOCK = ".lock"
_TEMPORARY = ".tmp"
_OURS = re.compile(r"(messages|levels|book)-[0-9a-f]{16}\.parquet(\.tmp)?")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A Parquet file of a part: name within its day's directory, SHA-256 of its bytes, their number."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one UTC day of corrected local time.

    messages, levels: the two tables.
    book: messages that bring a new book to where it stood before this part; None where it was not synchronised.
    rows, level_rows: of the two tables.
    first_ns, last_ns: local times of the first and the last message.
    """

    day: str
    messages: StoredFile
    levels: StoredFile
    book: StoredFile | None
    rows: int
    level_rows: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """A capture file that was converted."""

    name: str
    sha256: str
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """What one conversion stored of one instrument.

    clock_offset_ns: subtracted from receive times; estimated_offset_ns: what the instrument's own messages said.
    settings: of the reading, where they can change what is read.
    first_ns, calibrated_ns, end_ns: local times of the stream's first line, of its last calibration message, and just
        after its last line.
    fault: why the stream broke off behind the last part.
    report: what ``aurora data info`` says of the source files.
    """

    market: str
    symbol: str
    price_exponent: int
    size_exponent: int
    tick: int
    lot: int
    min_notional: int
    clock_offset_ns: int
    estimated_offset_ns: int | None
    settings: dict[str, Any]
    sources: tuple[Source, ...]
    first_ns: int
    calibrated_ns: int
    end_ns: int
    fault: str | None
    report: dict[str, Any]
    parts: tuple[Part, ...]

    def facts(self) -> dict[str, Any]:
        """Everything that decides what a conversion stores: equal facts, equal parts."""
        facts = dataclasses.asdict(self)
        for result in ("parts", "report", "fault", "end_ns"):
            del facts[result]
        for source in facts["sources"]:
            del source["name"]
        return facts


def is_catalogue(path: Path) -> bool:
    """Whether ``path`` is a catalogue, or a directory of a venue or symbol within one."""
    return catalogue_root(path) is not None


def catalogue_root(path: Path) -> Path | None:
    """The catalogue that ``path`` is, or lies in; None where there is none."""
    if not path.is_dir():
        return None
    resolved = path.resolve()
    for depth, candidate in enumerate((resolved, *resolved.parents)):
        if (candidate / MARK).is_file():
            return path if depth == 0 else candidate
        if "=" not in candidate.name:
            return None
    return None


def instrument_directory(root: Path, market: str, symbol: str) -> Path:
    """Symbols may hold any character (``PURR/USDC``); directories escape them as URLs do."""
    return root / f"venue={quote(market, safe='')}" / f"symbol={quote(symbol, safe='')}"


def day_directory(directory: Path, day: str) -> Path:
    return directory / f"day={day}"


def manifests(root: Path, below: Path | None = None) -> list[Path]:
    """Manifests of a catalogue by path; those under ``below`` alone where it is given."""
    found = sorted(root.glob(f"venue=*/symbol=*/{MANIFEST}"))
    if below is None or below.resolve() == root.resolve():
        return found
    inside = below.resolve()
    return [p for p in found if inside == p.parent.resolve() or inside in p.resolve().parents]


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(directory: Path, segments: list[Segment]) -> None:
    """Replaces the manifest of an instrument. OutputError if refused."""
    content: dict[str, Any] = {
        "aurora_catalogue": SCHEMA_VERSION,
        # As it comes back from JSON: tuples as lists.
        "segments": json.loads(json.dumps([dataclasses.asdict(segment) for segment in segments])),
    }
    content["sha256"] = _digest(content)
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomic(directory / MANIFEST, text.encode() + b"\n")


def read_manifest(path: Path) -> tuple[list[Segment], str]:
    """Segments of an instrument in time order, and the digest of the manifest.

    Raises:
        DataError: unreadable, damaged, or of a version unknown here.
    """
    try:
        content = json.loads(path.read_bytes())
        recorded = content.pop("sha256")
        version = content["aurora_catalogue"]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: damaged manifest; convert the captures again") from error
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{path}: schema version {version}, this Aurora reads {SCHEMA_VERSION}; convert the captures again"
        )
    if recorded != _digest(content):
        raise DataError(f"{path}: damaged manifest, its digest differs; convert the captures again")
    return [_segment(value) for value in content["segments"]], recorded


def _segment(value: dict[str, Any]) -> Segment:
    parts = tuple(_part(part) for part in value.pop("parts"))
    sources = tuple(Source(**source) for source in value.pop("sources"))
    return Segment(parts=parts, sources=sources, **value)


def _part(value: dict[str, Any]) -> Part:
    book = value.pop("book")
    return Part(
        messages=StoredFile(**value.pop("messages")),
        levels=StoredFile(**value.pop("levels")),
        book=None if book is None else StoredFile(**book),
        **value,
    )


def write_atomic(path: Path, content: bytes) -> None:
    """Replaces ``path`` by ``content``: wholly or not at all, durable after. OutputError if refused."""
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise refused(path, error) from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Makes a directory and those above it, durably. OutputError if refused."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        for made in missing:
            _sync(made.parent)
    except OSError as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "give a catalogue directory that is writable and has space left"
    )


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Makes ``root`` a catalogue and keeps other writers out of it. OutputError if refused."""
    if root.exists() and not (root / MARK).exists():
        try:
            foreign = not root.is_dir() or any(
                p.name not in (LOCK, MARK + _TEMPORARY) for p in root.iterdir()
            )
        except OSError as error:
            raise refused(root, error) from error
        if foreign:
            raise OutputError(
                f"cannot write {root}: it exists and is no catalogue; give an empty or new directory"
            )
    make_directory(root)
    try:
        lock = (root / LOCK).open("wb")
    except OSError as error:
        raise refused(root, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{root}: another conversion is writing here; wait for its end") from error
        if not (root / MARK).exists():
            write_atomic(root / MARK, json.dumps({"aurora_catalogue": SCHEMA_VERSION}).encode() + b"\n")
        yield


def named_files(directory: Path, segments: list[Segment]) -> set[Path]:
    """Every file that the manifest of ``directory`` names."""
    return {
        day_directory(directory, part.day) / file.name
        for segment in segments
        for part in segment.parts
        for file in (part.messages, part.levels, part.book)
        if file is not None
    }


def leftovers(root: Path) -> list[Path]:
    """Files of ours that no manifest names: of a conversion that was killed, or of parts that were replaced.

    Raises:
        DataError: a manifest is damaged, so that nobody knows what it names.
    """
    named: set[Path] = set()
    for manifest in manifests(root):
        named |= named_files(manifest.parent, read_manifest(manifest)[0])
    found = [p for p in root.glob("venue=*/symbol=*/day=*/*") if _OURS.fullmatch(p.name) and p not in named]
    found += root.glob(f"venue=*/symbol=*/{MANIFEST}{_TEMPORARY}")
    found += root.glob(MARK + _TEMPORARY)
    return sorted(found)


def remove_leftovers(root: Path) -> None:
    """Deletes :func:`leftovers` and directories left empty. OutputError if refused."""
    for path in leftovers(root):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise refused(path, error) from error
    for pattern in ("venue=*/symbol=*/day=*", "venue=*/symbol=*", "venue=*"):
        for directory in root.glob(pattern):
            try:
                if not any(directory.iterdir()):
                    directory.rmdir()
            except OSError as error:
                raise refused(directory, error) from error
