"""What captures hold, read to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora._core import inspect_capture
from aurora.capture.files import expand_paths, group_streams
from aurora.capture.quality import QualityReport


def capture_info(
    paths: Sequence[str | Path],
    progress: Callable[[int], None] | None = None,
    *,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Reads captures and answers (report by instrument, faults).

    A report counts messages, book events and gaps; ``bids``/``asks`` are the five best levels and ``digest`` the
    SHA-256 of the last synchronised book; decimals are text, times receive times in ns as captured;
    ``clock_offset_ms`` is that of the first 1,000 messages; ``quality`` is :meth:`QualityReport.to_dict`, as a replay
    of the same files would have it.
    ``progress`` is called with the messages read so far. A fault ends its stream, and what came before is kept; with
    ``skip_bad_lines`` records that cannot be read are counted and passed over. ``unsynchronised`` reads books
    without waiting for a snapshot.

    Raises:
        DataError: a file cannot be opened or is no capture.
    """
    reports: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    done = 0
    for names, _ in group_streams(expand_paths(paths), skip_bad_lines):
        base = done

        def step(messages: int, base: int = base) -> None:
            nonlocal done
            done = base + messages
            if progress is not None:
                progress(done)

        rows, fault = inspect_capture(
            names, step, skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised
        )
        if fault is not None:
            faults.append(fault)
        for row in rows:
            key = row.pop("instrument")
            offset_ns = row.pop("clock_offset_ns")
            row["clock_offset_ms"] = None if offset_ns is None else round(offset_ns / 1e6, 3)
            row["bids"] = [list(level) for level in row["bids"]]
            row["asks"] = [list(level) for level in row["asks"]]
            quality = QualityReport.of(row["quality"], row["bad_lines"], row["shown_bad_lines"])
            row["quality"] = quality.to_dict()
            row["grade"] = quality.grade
            reports[key] = row
    return reports, faults
