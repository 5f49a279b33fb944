"""What captures hold, read to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora._core import inspect_capture
from aurora.capture.catalogue.layout import is_catalogue
from aurora.capture.catalogue.reading import stored_info, stored_instruments
from aurora.capture.files import expand_paths, group_streams
from aurora.capture.quality import QualityReport
from aurora.errors import DataError


def capture_info(
    paths: Sequence[str | Path],
    progress: Callable[[int], None] | None = None,
    *,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
    market: str | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Reads captures and answers (report by instrument, faults).

    A report counts messages, book events and gaps; ``bids``/``asks`` are the five best levels and ``digest`` the
    SHA-256 of the last synchronised book; decimals are text, times receive times in ns as captured;
    ``clock_offset_ms`` is that of the first 1,000 messages; ``quality`` is :meth:`QualityReport.to_dict`, as a replay
    of the same files would have it.
    ``progress`` is called with the messages read so far. A fault ends its stream, and what came before is kept; with
    ``skip_bad_lines`` records that cannot be read are counted and passed over. ``unsynchronised`` reads books
    without waiting for a snapshot. ``market`` is that of raw frames that do not name theirs; ``market_assumed`` says of
    a report that nothing told it, and it was taken for what is usual.

    Raises:
        DataError: a file cannot be opened or is no capture.
    """
    reports: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    done = 0
    files = expand_paths(paths)
    captures = [file for file in files if not is_catalogue(file)]
    for names, _ in group_streams(captures, skip_bad_lines, market):
        base = done

        def step(messages: int, base: int = base) -> None:
            nonlocal done
            done = base + messages
            if progress is not None:
                progress(done)

        rows, fault = inspect_capture(
            names, step, skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised, market=market
        )
        if fault is not None:
            faults.append(fault)
        for row in rows:
            key = row.pop("instrument")
            offset_ns = row.pop("clock_offset_ns")
            row["clock_offset_ms"] = None if offset_ns is None else round(offset_ns / 1e6, 3)
            reports[key] = _finished(row)
    for stored in (one for file in files if is_catalogue(file) for one in stored_instruments(file)):
        if stored.key in reports:
            raise DataError(f"{stored.directory}: {stored.key} is also in another input; give it once")

        def add(messages: int) -> None:
            nonlocal done
            done += messages
            if progress is not None:
                progress(done)

        row, fault = stored_info(stored, add, unsynchronised=unsynchronised)
        if fault is not None:
            faults.append(fault)
        reports[stored.key] = _finished(row)
    return reports, faults


def _finished(row: dict[str, Any]) -> dict[str, Any]:
    for side in ("bids", "asks"):
        row[side] = [list(level) for level in row[side]]
    quality = QualityReport.of(row["quality"], row["bad_lines"], row["shown_bad_lines"])
    row["quality"] = quality.to_dict()
    row["grade"] = quality.grade
    return row
