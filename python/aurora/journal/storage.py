"""Files of a journal: atomic writes, numbered parts, and errors that name the path."""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from aurora.errors import OutputError, UsageError

TABLES = ("decisions", "orders", "fills", "outcomes", "equity", "slices")
RUN = "run.json"
SUMMARY = "summary.json"
JOURNAL = "journal.json"
"""Schema version, decimal scale and instruments: what it takes to read the tables back exactly."""

_PART = re.compile(r"part-(\d{6,})\.parquet")
_TEMPORARY = ".tmp"


def write_atomic(path: Path, content: bytes) -> None:
    """Replaces ``path`` by ``content``: wholly or not at all, durable after. OutputError if refused."""
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise _refused(path, error) from error


def sync_directory(directory: Path) -> None:
    """Makes renames and deletions in ``directory`` durable. OSError as it comes."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def json_bytes(name: str, content: Mapping[str, Any]) -> bytes:
    """``content`` as indented JSON for the file ``name``. UsageError when it is no JSON."""
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} takes JSON values only: {error}") from error
    return text.encode() + b"\n"


def json_ready(value: Any) -> Any:
    """``value`` for JSON: non-finite numbers as null, decimals as text, numpy scalars as Python's."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return json_ready(value.item()) if hasattr(value, "item") else str(value)


def part_path(directory: Path, table: str, number: int) -> Path:
    return directory / table / f"part-{number:06d}.parquet"


def write_part(directory: Path, table: str, number: int, frame: pl.DataFrame) -> None:
    """Writes one part of a table (Parquet, zstd), atomically. OutputError if refused."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    write_atomic(part_path(directory, table, number), buffer.getvalue())


def parts(directory: Path, table: str) -> list[tuple[int, Path]]:
    """Numbers and paths of the parts of a table, in order."""
    folder = directory / table
    if not folder.is_dir():
        return []
    found = ((_PART.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match.group(1)), path) for match, path in found if match)


def prepare(directory: Path) -> None:
    """Makes the folders and removes leftovers of interrupted writes. OutputError if refused."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            folder = directory / table
            folder.mkdir(exist_ok=True)
            for leftover in folder.glob(f"part-*.parquet{_TEMPORARY}"):
                leftover.unlink()
        for name in (RUN, SUMMARY, JOURNAL):
            (directory / (name + _TEMPORARY)).unlink(missing_ok=True)
    except OSError as error:
        raise _refused(directory, error) from error


def holds_run(directory: Path) -> bool:
    """Whether ``directory`` has a file that a journal wrote. OutputError when it cannot be read."""
    try:
        return any((directory / name).exists() for name in (RUN, SUMMARY, JOURNAL)) or any(
            parts(directory, table) for table in TABLES
        )
    except OSError as error:
        raise _refused(directory, error) from error


def truncate(directory: Path, keep: Mapping[str, int]) -> None:
    """Deletes the summary and each table's parts from ``keep[table]`` on (0: all). OutputError if refused."""
    try:
        (directory / SUMMARY).unlink(missing_ok=True)
        for table in TABLES:
            late = [path for number, path in parts(directory, table) if number >= keep.get(table, 0)]
            # From the end, so that an interruption leaves a prefix.
            for path in reversed(late):
                path.unlink()
            if late:
                sync_directory(directory / table)
        sync_directory(directory)
    except OSError as error:
        raise _refused(directory, error) from error


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "choose an output directory that is writable and has space left"
    )
