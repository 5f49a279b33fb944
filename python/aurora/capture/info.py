"""What captures hold, read to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora._core import inspect_capture
from aurora.capture.files import expand_paths, group_streams
from aurora.capture.quality import grade


def capture_info(
    paths: Sequence[str | Path], progress: Callable[[int], None] | None = None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Reads captures and answers (report by instrument, faults).

    A report counts messages, book events and gaps; ``bids``/``asks`` are the five best levels and ``digest`` the
    SHA-256 of the last synchronised book; decimals are text, times receive times in ns as captured.
    ``progress`` is called with the messages read so far. A fault ends its stream, and what came before is kept.

    Raises:
        DataError: a file cannot be opened or is no capture.
    """
    reports: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    done = 0
    for names, _ in group_streams(expand_paths(paths)):
        base = done

        def step(messages: int, base: int = base) -> None:
            nonlocal done
            done = base + messages
            if progress is not None:
                progress(done)

        rows, fault = inspect_capture(names, step)
        if fault is not None:
            faults.append(fault)
        for row in rows:
            key = row.pop("instrument")
            offset_ns = row.pop("clock_offset_ns")
            row["clock_offset_ms"] = None if offset_ns is None else round(offset_ns / 1e6, 3)
            row["bids"] = [list(level) for level in row["bids"]]
            row["asks"] = [list(level) for level in row["asks"]]
            row["grade"] = grade(row)
            reports[key] = row
    return reports, faults
