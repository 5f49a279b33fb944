"""The grade of a capture.

======  ==============================================================================================
grade   means
======  ==============================================================================================
A       synchronised to the end, no gap, never crossed, every comparable ticker equals the book, and (where
        it is known) no receive time runs backwards
B       at most 1 gap and 0.01 % crossed messages; synchronised at the end
C       more gaps or crossed messages, but synchronised at the end
D       stale at the end: the last part could not be used
F       no snapshot, or none that the stream's diffs met: the book was never usable
======  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def grade(report: Mapping[str, Any]) -> str:
    """Letter for one instrument's counts: ``gaps, crossed, messages, state, snapshot_id, depth_applied`` and, where
    known, ``ticker_same_id, ticker_equal``."""
    if not report["snapshot_id"] or (report["state"] != "synced" and not report["depth_applied"]):
        return "F"
    if report["state"] != "synced":
        return "D"
    unequal = report.get("ticker_same_id", 0) - report.get("ticker_equal", 0)
    crossed_share = report["crossed"] / max(1, report["messages"])
    held = report.get("receive_time_held", 0)
    if report["gaps"] == 0 and report["crossed"] == 0 and unequal == 0 and held == 0:
        return "A"
    if report["gaps"] <= 1 and crossed_share <= 1e-4 and unequal == 0:
        return "B"
    return "C"
