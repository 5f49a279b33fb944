"""The grade of a capture, and everything it follows from.

A capture's grade is the worst letter of these lines; ``docs/data-quality.md`` says why each threshold is where it is
and what to do. Shares of time are of the time between first and last message.

=====================  ==========  ==========  ==========  =====  ==============================================
line                   A           B           C           D      measures
=====================  ==========  ==========  ==========  =====  ==============================================
book                   synced                              not    the book at the end; F where it never was usable
gaps                   0           1           more               discontinuities of the update ids
stale_share            0           1 %         10 %        more   time not synchronised after the first time it was
awaiting_share         10 %        50 %        more               time before the book was synchronised first
unsynchronised_share   0                       more               time read without a snapshot, on request
crossed_share          0           0.01 %      more               messages that left the book crossed or locked
ticker_unequal         0                       more               tickers that differ from the book of the same id
checksum_unequal       0                       more               checksums that differ from our book's
snapshot_only          no                      yes                books that come whole, never as changes
late_share             0           1 %         more               messages received before the one ahead of them
duplicate_share        1 %         10 %        more               diffs that came again
bad_line_share         0           0.1 %       1 %         more   records passed over because unreadable
longest_pause_s        60 s        3600 s      more               time without any message
clock_drift_ms         20 ms       500 ms      more               drift of receive against exchange clock, whole span
clock_step_ms          20 ms       500 ms      more               largest change of their difference in a minute
no_exchange_time       no          yes                            not one message with an exchange time
unconfirmed_share      0           0.1 %       more               outlier prints that the book does not bear out
tick_changes           0           more                           tick sizes other than the one in use
=====================  ==========  ==========  ==========  =====  ==============================================

A number is the largest that still has the letter. Told, but of no weight: negative latency and the clock offset
itself (a constant offset is taken off), flagged trades (kept out of trade features), outlier prints that the book
bears out (moves of the market), and messages without an exchange time beside others that have one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from aurora.capture.rubric import BOOK_SENTENCES, RUBRIC, book_letter, count


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What a capture of one instrument is worth.

    Counts are of messages, shares in [0, 1], times as captured. None where nothing can be said: no message with an
    exchange time, or less than three minutes of them for drift and step.
    """

    state: str
    """The book at the end: ``synced``, ``awaiting_snapshot``, ``stale_gap``, ..., ``unsynchronised``."""
    was_synchronised: bool
    messages: int
    events: int
    """Level updates applied to the book, tickers and trades."""
    first_ns: int
    last_ns: int
    diffs: int
    depth_applied: int
    depth_stale: int
    """Diffs dropped or never applied."""
    snapshots: int
    snapshot_id: int
    snapshot_only: bool
    gaps: int
    duplicates: int
    duplicate_share: float
    """Of the diffs."""
    crossed: int
    crossed_share: float
    """Crossed or locked."""
    late: int
    late_share: float
    """Receive time held at that of the message ahead."""
    awaiting_s: float
    awaiting_share: float
    stale_s: float
    stale_share: float
    unsynchronised_s: float
    unsynchronised_share: float
    longest_pause_s: float
    tickers: int
    ticker_same_id: int
    ticker_equal: int
    checksums: int
    checksums_equal: int
    exchange_time_estimated_share: float
    """Messages without a true exchange time of their own."""
    latency_compared: int
    negative_latency_share: float | None
    """Of receive time minus exchange time, as captured."""
    latency_min_ms: float | None
    latency_max_ms: float | None
    clock_offset_ms: float | None
    """Median of receive time minus exchange time over the whole capture."""
    clock_drift_ppm: float | None
    """Trend of the smallest latency of each minute; positive: the receive clock runs faster."""
    clock_drift_ms: float | None
    """That trend over the whole capture."""
    clock_step_ms: float | None
    """Largest change of the smallest latency from one minute to the next."""
    trades: int
    no_market_trades: int
    outlier_prints: int
    """Robust z above 3.5 and 50 basis points from the median of the 101 market trades before."""
    unconfirmed_prints: int
    """Outlier prints more than 50 basis points outside the book's touch, or without one."""
    first_outlier_ns: int | None
    tick_size: str | None
    off_tick_prices: int
    finer_tick_size: str | None
    finer_tick_since_ns: int | None
    coarser_tick_size: str | None
    coarser_tick_since_ns: int | None
    bad_lines: int
    """Of the whole stream, which other instruments may share."""
    bad_line_share: float
    shown_bad_lines: tuple[str, ...]

    @classmethod
    def of(
        cls, counts: Mapping[str, Any], bad_lines: int = 0, shown_bad_lines: Sequence[str] = ()
    ) -> QualityReport:
        """From the counts of :meth:`aurora._core.MarketCore.quality`; what is missing there counts as clean."""
        messages = counts.get("messages", 0)
        diffs = counts.get("diffs", 0)
        trades = counts.get("trades", 0)
        first_ns, last_ns = counts.get("first_ns", 0), counts.get("last_ns", 0)
        span_ns = last_ns - first_ns
        times: dict[str, Any] = {
            f"{name}_{unit}": counts.get(f"{name}_ns", 0) / divisor if divisor else 0.0
            for name in ("awaiting", "stale", "unsynchronised")
            for unit, divisor in (("s", 1e9), ("share", span_ns))
        }
        compared = counts.get("latency_compared", 0)
        plain: dict[str, Any] = {
            name: counts.get(name, 0)
            for name in (
                "events",
                "depth_applied",
                "depth_stale",
                "snapshots",
                "snapshot_id",
                "gaps",
                "duplicates",
                "crossed",
                "late",
                "tickers",
                "ticker_same_id",
                "ticker_equal",
                "checksums",
                "checksums_equal",
                "no_market_trades",
                "outlier_prints",
                "unconfirmed_prints",
                "off_tick_prices",
            )
        }
        optional: dict[str, Any] = {
            name: counts.get(name)
            for name in (
                "first_outlier_ns",
                "tick_size",
                "finer_tick_size",
                "finer_tick_since_ns",
                "coarser_tick_size",
                "coarser_tick_since_ns",
            )
        }
        return cls(
            **plain,
            **optional,
            **times,
            state=counts.get("state", "awaiting_snapshot"),
            was_synchronised=counts.get("was_synchronised", bool(counts.get("snapshot_id"))),
            messages=messages,
            diffs=diffs,
            trades=trades,
            first_ns=first_ns,
            last_ns=last_ns,
            snapshot_only=counts.get("snapshot_only", False),
            duplicate_share=_share(counts.get("duplicates", 0), diffs),
            crossed_share=_share(counts.get("crossed", 0), messages),
            late_share=_share(counts.get("late", 0), messages),
            longest_pause_s=counts.get("longest_pause_ns", 0) / 1e9,
            exchange_time_estimated_share=_share(counts.get("exchange_time_estimated", 0), messages),
            latency_compared=compared,
            negative_latency_share=counts["latency_negative"] / compared if compared else None,
            latency_min_ms=_milliseconds(counts.get("latency_minimum_ns")),
            latency_max_ms=_milliseconds(counts.get("latency_maximum_ns")),
            clock_offset_ms=_milliseconds(counts.get("latency_median_ns")),
            clock_drift_ppm=_rounded(counts.get("clock_drift_ppm"), 4),
            clock_drift_ms=_milliseconds(counts.get("clock_drift_ns")),
            clock_step_ms=_milliseconds(counts.get("clock_step_ns")),
            bad_lines=bad_lines,
            bad_line_share=_share(bad_lines, messages + bad_lines),
            shown_bad_lines=tuple(shown_bad_lines),
        )

    @property
    def ticker_unequal(self) -> int:
        return self.ticker_same_id - self.ticker_equal

    @property
    def checksum_unequal(self) -> int:
        return self.checksums - self.checksums_equal

    @property
    def unconfirmed_share(self) -> float:
        return _share(self.unconfirmed_prints, self.trades)

    @property
    def no_exchange_time(self) -> bool:
        return self.messages > 0 and self.exchange_time_estimated_share == 1.0

    @property
    def tick_changes(self) -> int:
        return (self.finer_tick_size is not None) + (self.coarser_tick_size is not None)

    @property
    def grade(self) -> str:
        """``A`` to ``D``, or ``F``: the worst letter of the rubric's lines."""
        return max([book_letter(self), *(line.letter(self) for line in RUBRIC)])

    @property
    def reasons(self) -> tuple[str, ...]:
        """What lowered the grade, a sentence for each line of the rubric, in its order."""
        letter = book_letter(self)
        found = [BOOK_SENTENCES[letter](self)] if letter != "A" else []
        found += [line.sentence(self) for line in RUBRIC if line.letter(self) != "A"]
        return tuple(found)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know although it does not lower the grade."""
        found = []
        if self.negative_latency_share and self.clock_offset_ms is not None:
            found.append(
                f"{self.negative_latency_share:.1%} of latencies are negative: the receive clock is "
                f"{self.clock_offset_ms:+,.1f} ms off the exchange's, which is taken off"
            )
        if self.no_market_trades:
            found.append(
                f"{count(self.no_market_trades, 'trade')} flagged by the exchange as no market trades"
            )
        moves = self.outlier_prints - self.unconfirmed_prints
        if moves:
            found.append(f"{count(moves, 'outlier print')} that the book bears out: moves of the market")
        if 0 < self.exchange_time_estimated_share < 1:
            found.append(
                f"{self.exchange_time_estimated_share:.1%} of messages carry no exchange time of their own"
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """JSON values: grade, reasons and remarks first, then every field."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["shown_bad_lines"] = list(self.shown_bad_lines)
        return {
            "grade": self.grade,
            "reasons": list(self.reasons),
            "remarks": list(self.remarks),
            **values,
        }


def grade(counts: Mapping[str, Any]) -> str:
    """Letter for one instrument's counts; what is missing among them counts as clean."""
    return QualityReport.of(counts).grade


def _share(part: int, whole: int) -> float:
    return part / max(1, whole)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _milliseconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / 1e6, 6)
