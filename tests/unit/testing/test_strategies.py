"""Drawn streams: the right ones are right by an independent book, the broken ones are never silently wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from reference_book import Diff, ReferenceBook, Snapshot, expected_report, read_line

from aurora._core import CaptureStream
from aurora.capture import capture_info
from aurora.errors import DataError
from aurora.features import FeatureSettings
from aurora.testing.strategies import FAULTS, broken_l2_streams, l2_streams

KEY = "binance_usdm:BTCUSDT"
first_found = settings(
    max_examples=2_000, derandomize=True, database=None, phases=[Phase.generate], deadline=None
)
some = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Seen:
    """What the product says of a capture: its report, or the fault that ended it."""

    report: dict[str, Any] | None
    fault: str | None


def inspect(lines: Sequence[bytes]) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.txt"
        path.write_bytes(b"".join(lines))
        try:
            reports, faults = capture_info([path])
        except DataError as error:
            return Seen(None, str(error))
    assert set(reports) <= {KEY}
    return Seen(reports.get(KEY), faults[0] if faults else None)


def reference(lines: Sequence[bytes]) -> ReferenceBook:
    return ReferenceBook().feed_all(read_line(line).event for line in lines)


def assert_agrees(seen: Seen, book: ReferenceBook) -> dict[str, Any]:
    assert seen.fault is None
    assert seen.report is not None
    expected = expected_report(book)
    assert {name: seen.report[name] for name in expected if name != "levels"} == {
        name: value for name, value in expected.items() if name != "levels"
    }
    return seen.report


class CrossedBook(ReferenceBook):
    """Counts the applied diffs that leave the plain-Python book crossed or locked."""

    crossed = 0

    def _apply(self, diff: Diff) -> None:
        super()._apply(diff)
        self.crossed += bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)


def crossed_after(lines: Sequence[bytes]) -> int:
    book = CrossedBook()
    book.feed_all(read_line(line).event for line in lines)
    return book.crossed


def blemishes(report: dict[str, Any]) -> list[str]:
    """Why the grade is below A, without what a stream of milliseconds cannot help: the time before its snapshot is a
    large share, and a tick taken from a handful of prices may be too wide."""
    of_short_streams = ("no book for the first", "off the tick")
    return [
        reason
        for reason in report["quality"]["reasons"]
        if not any(words in reason for words in of_short_streams)
    ]


@some
@given(lines=l2_streams())
def test_valid_streams_are_right(lines: list[bytes]) -> None:
    book = reference(lines)
    assert (book.state, book.gaps, book.duplicates) == ("synced", 0, 0)
    assert book.applied >= 5
    times = [int(line.split(b" ", 1)[0]) for line in lines]
    assert times == sorted(times)
    assert crossed_after(lines) == 0
    report = assert_agrees(inspect(lines), book)
    assert report["crossed"] == 0
    assert report["ticker_same_id"] == report["ticker_equal"]
    assert blemishes(report) == []
    # The last diff is the last thing that moved the book.
    last = [event for line in lines if isinstance(event := read_line(line).event, Diff)][-1]
    assert book.update_id == last.last


@some
@given(drawn=broken_l2_streams())
def test_broken_streams_are_never_silently_wrong(drawn: tuple[list[bytes], str]) -> None:
    lines, what = drawn
    fault, _, number = what.partition(" at line ")
    seen = inspect(lines)
    if fault in ("truncated_line", "bad_decimal"):
        assert seen.fault is not None
        named = any(b'"s":' in line for line in lines[: int(number) - 1])
        # Before any line names a symbol there is no instrument to report on, and the capture is refused as a whole.
        assert f"line {number}" in seen.fault or (not named and "no market events" in seen.fault), what
        return
    book = reference(lines)
    report = assert_agrees(seen, book)
    if fault in ("dropped_diff", "reordered_diffs"):
        assert report["state"] == "stale_gap"
        assert report["gaps"] >= 1
        # F where the gap lay in what waited for the snapshot: such a book never was usable.
        assert report["grade"] == ("D" if report["quality"]["was_synchronised"] else "F")
    elif fault == "missing_snapshot":
        assert (report["state"], report["grade"]) == ("awaiting_snapshot", "F")
        assert report["depth_applied"] == 0
    else:
        assert (report["state"], report["gaps"]) == ("synced", 0)
    assert report["crossed"] == crossed_after(lines)
    if fault == "duplicated_diff":
        assert report["duplicates"] == 1
    if fault == "second_snapshot":
        assert (report["snapshots"], blemishes(report)) == (2, [])
    if fault == "clock_backwards":
        assert report["receive_time_held"] >= 1
        assert any("received before the one ahead" in reason for reason in blemishes(report))
        assert report["grade"] in "BC"
    if fault == "crossed_book":
        assert report["crossed"] >= 1
        assert report["grade"] in "BC"


@settings(some, max_examples=60)
@given(data=st.data(), fault=st.sampled_from(["duplicated_diff", "second_snapshot", "clock_backwards"]))
def test_harmless_faults_leave_the_book_of_the_rest(data: st.DataObject, fault: str) -> None:
    """Without the line that was added (or with its time mended) the same book is reached."""
    lines, what = data.draw(broken_l2_streams(faults=[fault]))
    place = int(what.rsplit(" ", 1)[1]) - 1
    mended = list(lines)
    if fault != "clock_backwards":
        del mended[place]
    assert reference(mended).digest() == reference(lines).digest()
    before, after = inspect(mended), inspect(lines)
    assert before.report is not None
    assert after.report is not None
    assert before.report["digest"] == after.report["digest"]


@settings(some, max_examples=60)
@given(
    drawn=broken_l2_streams(faults=["dropped_diff", "reordered_diffs", "missing_snapshot", "crossed_book"])
)
def test_no_row_shows_a_touch_of_a_wrong_book(drawn: tuple[list[bytes], str]) -> None:
    """From the fault on, rows say that the book is stale; a crossed touch is no touch."""
    lines, what = drawn
    fault, _, number = what.partition(" at line ")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.txt"
        path.write_bytes(b"".join(lines))
        stream = CaptureStream([str(path)])
        stream.start(0, [(None, None, None)])
        core = FeatureSettings(sample_ms=1).core(stream.instruments()[0])
        rows = pl.DataFrame(core.process(stream.next_slice(2**62)[0]))
    shown = rows.filter(pl.col("bid").is_not_null())
    assert shown["book_state"].to_list() == [0] * len(shown)
    assert (shown["bid"] < shown["ask"]).all()
    if fault == "missing_snapshot":
        assert len(shown) == 0
    elif fault != "crossed_book":
        # The diff that shows the gap is at the place of the fault, or one of the next lines.
        behind = [line for line in lines[int(number) - 1 :] if b"depthUpdate" in line]
        first = int(behind[0].split(b" ", 1)[0])
        late = rows.filter(pl.col("local_ns") > first)
        assert (late["book_state"] != 0).all()


def holds(condition: Callable[[list[bytes]], bool]) -> bool:
    try:
        find(l2_streams(), condition, settings=first_found)
    except NoSuchExample:
        return False
    return True


def prices(line: bytes) -> list[Decimal]:
    event = read_line(line).event
    return [price for price, _ in (*event.bids, *event.asks)] if isinstance(event, Diff) else []


def test_streams_show_what_they_promise() -> None:
    """Each promise of the docstring is met by some stream."""

    def jumps(lines: list[bytes]) -> bool:
        return any(max(p) - min(p) >= 100 for line in lines if (p := prices(line)))

    def loses_a_side(lines: list[bytes]) -> bool:
        book = ReferenceBook()
        return any(
            bool(book.feed_all([read_line(line).event]).asks) != bool(book.bids) and book.state == "synced"
            for line in lines
        )

    def deletes_the_unknown(lines: list[bytes]) -> bool:
        book = ReferenceBook()
        for line in lines:
            event = read_line(line).event
            if isinstance(event, Diff) and book.state == "synced":
                gone = {price for price, size in event.bids if not size}
                if gone - book.bids.keys():
                    return True
            book.feed_all([event])
        return False

    def snapshot_comes_late(lines: list[bytes]) -> bool:
        events = [event for line in lines if (event := read_line(line).event) is not None]
        place = next(n for n, event in enumerate(events) if isinstance(event, Snapshot))
        last = events[place].last
        return any(isinstance(event, Diff) and event.last > last for event in events[:place])

    def has(kind: bytes) -> Callable[[list[bytes]], bool]:
        return lambda lines: any(kind in line for line in lines)

    for condition in (
        jumps,
        loses_a_side,
        deletes_the_unknown,
        snapshot_comes_late,
        has(b'"bookTicker"'),
        has(b'"X":"MARKET"'),
        has(b"INSURANCE_FUND"),
        lambda lines: len(lines) > 30,
    ):
        assert holds(condition)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_drawn(fault: str) -> None:
    lines, what = find(broken_l2_streams(faults=[fault]), lambda _: True, settings=first_found)
    assert what.startswith(f"{fault} at line ")
    assert 1 <= int(what.rsplit(" ", 1)[1]) <= len(lines) + 1


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown faults"):
        broken_l2_streams(faults=["gremlins"])
    with pytest.raises(ValueError, match="unknown faults"):
        broken_l2_streams(faults=[])


@settings(some, max_examples=20)
@given(lines=l2_streams(symbol="XUSDT", tick=Decimal("0.00001"), lot=Decimal("1"), min_events=5))
def test_steps_and_symbol_are_those_asked_for(lines: list[bytes]) -> None:
    frames = [json.loads(line.split(b" ", 1)[1]) for line in lines]
    named = {frame["data"]["s"] for frame in frames if "data" in frame}
    assert named == {"XUSDT"}
    rows = [row for frame in frames for key in ("b", "a") for row in rows_of(frame.get("data", {}).get(key))]
    assert rows
    assert all(len(price.partition(".")[2]) == 5 and "." not in size for price, size in rows)


def rows_of(value: Any) -> list[list[str]]:
    return value if isinstance(value, list) else []


def test_hypothesis_is_asked_for_by_this_module_alone() -> None:
    """`aurora.testing` imports without hypothesis; the strategies say in a sentence what is missing."""
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import aurora.testing, aurora.testing.checks\n"
        "try:\n    import aurora.testing.strategies\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install hypothesis" in answer.stdout
