"""The lines of the quality grade: thresholds, letters and the sentences that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aurora.capture.quality import QualityReport

GRADES = "ABCDF"
"""Best first; F: the book was never usable."""


@dataclass(frozen=True, slots=True)
class RubricLine:
    """One line of the rubric: the largest values that still have each letter; None: the letter is not given."""

    name: str
    """Attribute of :class:`QualityReport`."""
    limits: tuple[float | None, ...]
    """For A, B and so on; what exceeds the last has the letter ``worst``."""
    worst: str
    sentence: Callable[[QualityReport], str]

    def letter(self, report: QualityReport) -> str:
        value = getattr(report, self.name)
        if value is None:
            return "A"
        for letter, limit in zip(GRADES, self.limits, strict=False):
            if limit is not None and abs(value) <= limit:
                return letter
        return self.worst


RUBRIC: tuple[RubricLine, ...] = (
    RubricLine("gaps", (0, 1), "C", lambda r: count(r.gaps, "gap")),
    RubricLine(
        "stale_share", (0.0, 0.01, 0.10), "D", lambda r: f"{r.stale_s:.1f} s stale ({r.stale_share:.2%})"
    ),
    RubricLine(
        "awaiting_share",
        (0.10, 0.50),
        "C",
        lambda r: f"no book for the first {r.awaiting_s:.1f} s ({r.awaiting_share:.1%})",
    ),
    RubricLine(
        "unsynchronised_share",
        (0.0, None),
        "C",
        lambda r: f"read unsynchronised for {r.unsynchronised_s:.1f} s ({r.unsynchronised_share:.1%})",
    ),
    RubricLine(
        "crossed_share",
        (0.0, 1e-4),
        "C",
        lambda r: f"{count(r.crossed, 'message')} left the book crossed or locked ({r.crossed_share:.4%})",
    ),
    RubricLine(
        "ticker_unequal",
        (0, None),
        "C",
        lambda r: (
            f"{r.ticker_unequal:,} of {count(r.ticker_same_id, 'ticker')} differ from the book of the same id"
        ),
    ),
    RubricLine(
        "checksum_unequal",
        (0, None),
        "C",
        lambda r: f"{r.checksum_unequal:,} of {count(r.checksums, 'checksum')} differ from our book's",
    ),
    RubricLine(
        "snapshot_only",
        (0, None),
        "C",
        lambda r: "snapshots only: what happened between them is not known",
    ),
    RubricLine(
        "late_share",
        (0.0, 0.01),
        "C",
        lambda r: f"{count(r.late, 'message')} received before the one ahead ({r.late_share:.3%})",
    ),
    RubricLine(
        "duplicate_share",
        (0.01, 0.10),
        "C",
        lambda r: f"{count(r.duplicates, 'diff')} came again ({r.duplicate_share:.1%})",
    ),
    RubricLine(
        "bad_line_share",
        (0.0, 0.001, 0.01),
        "D",
        lambda r: (
            f"{count(r.bad_lines, 'bad line')} passed over ({r.bad_line_share:.3%})"
            + (f", the first: {r.shown_bad_lines[0]}" if r.shown_bad_lines else "")
        ),
    ),
    RubricLine(
        "longest_pause_s", (60.0, 3600.0), "C", lambda r: f"no message at all for {r.longest_pause_s:,.1f} s"
    ),
    RubricLine(
        "clock_drift_ms",
        (20.0, 500.0),
        "C",
        lambda r: (
            f"the receive clock drifts by {_or_zero(r.clock_drift_ms):+,.1f} ms "
            f"({_or_zero(r.clock_drift_ppm):+,.1f} ppm) against the exchange's"
        ),
    ),
    RubricLine(
        "clock_step_ms",
        (20.0, 500.0),
        "C",
        lambda r: f"the clocks' difference changes by {_or_zero(r.clock_step_ms):,.1f} ms within a minute",
    ),
    RubricLine(
        "no_exchange_time",
        (0, 1),
        "B",
        lambda r: "no message carries an exchange time, so the receive clock cannot be checked",
    ),
    RubricLine(
        "unconfirmed_share",
        (0.0, 0.001),
        "C",
        lambda r: (
            f"{count(r.unconfirmed_prints, 'outlier print')} that the book does not bear out "
            f"({r.unconfirmed_share:.3%})"
        ),
    ),
    RubricLine("tick_changes", (0, 2), "B", lambda r: _tick_sentence(r)),
)
"""Every line but that of the book's state; see the table of :mod:`aurora.capture.quality`."""


def book_letter(report: QualityReport) -> str:
    """The letter of the line that no number decides."""
    if report.state == "unsynchronised":
        return "D" if report.depth_applied or report.tickers else "F"
    if not report.was_synchronised or (report.state != "synced" and not report.depth_applied):
        return "F"
    return "A" if report.state == "synced" else "D"


BOOK_SENTENCES: Mapping[str, Callable[[QualityReport], str]] = {
    "D": lambda r: (
        "unsynchronised: read without a snapshot, levels appear as diffs show them"
        if r.state == "unsynchronised"
        else f"the book is not synchronised at the end ({r.state})"
    ),
    "F": lambda r: "the book was never usable: no snapshot, or none that the diffs meet",
}


def _tick_sentence(report: QualityReport) -> str:
    parts = []
    if report.finer_tick_size is not None:
        parts.append(
            f"{count(report.off_tick_prices, 'price')} off the tick {report.tick_size}, first at "
            f"{report.finer_tick_since_ns} ns: the tick is {report.finer_tick_size} then"
        )
    if report.coarser_tick_size is not None:
        parts.append(
            f"best prices keep to steps of {report.coarser_tick_size} instead of {report.tick_size} from "
            f"{report.coarser_tick_since_ns} ns"
        )
    return "; ".join(parts)


def count(number: int, noun: str) -> str:
    """``3 gaps``, ``1 gap``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _or_zero(value: float | None) -> float:
    return value or 0.0
