"""Gaps, staleness and recovery on perturbed real captures, against the plain-Python book."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_book import (
    Diff,
    Line,
    ReferenceBook,
    Snapshot,
    are_separated,
    expected_report,
    read_line,
    snapshot_line,
    without,
)

from aurora.capture import capture_info

QUICK = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GRADE = {"synced": "ABCD", "stale_gap": "D", "stale_snapshot_mismatch": "DF", "awaiting_snapshot": "F"}


@dataclass(frozen=True)
class Part:
    """The beginning of a real capture of one symbol."""

    key: str
    lines: list[Line]

    @property
    def futures(self) -> bool:
        return not self.key.startswith("binance_spot")

    @property
    def diffs(self) -> list[Diff]:
        return [line.event for line in self.lines if isinstance(line.event, Diff)]

    @property
    def bracket(self) -> int:
        """Number of the diff that meets the snapshot."""
        snapshot = next(line.event for line in self.lines if isinstance(line.event, Snapshot))
        shift = 0 if self.futures else 1
        return next(n for n, d in enumerate(self.diffs) if d.first <= snapshot.last + shift <= d.last)

    def book(self, lines: Sequence[Line]) -> ReferenceBook:
        return ReferenceBook(self.futures).feed_all(line.event for line in lines)


def part(path: Path, key: str, count: int) -> Part:
    with gzip.open(path, "rb") as file:
        return Part(key, [read_line(text) for text in islice(file, count)])


@pytest.fixture(scope="module")
def parts(captures: Path) -> dict[str, Part]:
    feed = captures / "hftbacktest"
    return {
        "btc": part(feed / "usdm" / "btcusdt_20240808.gz", "binance_usdm:BTCUSDT", 20_000),
        "eth": part(feed / "usdm" / "ethusdt_20240808.gz", "binance_usdm:ETHUSDT", 20_000),
        "spot": part(feed / "spot" / "btcusdt_20240808.gz", "binance_spot:BTCUSDT", 12_000),
    }


def write(path: Path, lines: Sequence[Line]) -> Path:
    path.write_bytes(b"".join(line.text for line in lines))
    return path


def report_of(path: Path, key: str) -> dict[str, Any]:
    reports, faults = capture_info([path])
    assert faults == []
    assert list(reports) == [key]
    return reports[key]


def check(report: dict[str, Any], book: ReferenceBook) -> None:
    expected = expected_report(book)
    assert {name: report[name] for name in expected} == expected
    assert report["grade"] in GRADE[book.state]
    assert report["crossed"] == 0
    assert report["ticker_equal"] == report["ticker_same_id"]


def time_of(line: Line) -> int:
    return int(line.text.split(b" ", 1)[0])


@pytest.mark.parametrize("name", ["btc", "eth", "spot"])
def test_untouched_parts_equal_the_reference(name: str, parts: dict[str, Part], tmp_path: Path) -> None:
    subject = parts[name]
    book = subject.book(subject.lines)
    assert (book.gaps, book.state) == (0, "synced")
    report = report_of(write(tmp_path / "whole.txt", subject.lines), subject.key)
    check(report, book)
    assert report["grade"] == "A"
    assert report["ticker_same_id"] > 20


def deletions(subject: Part) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Separated runs of diffs, none at the very ends; many of them around the snapshot."""
    last = len(subject.diffs) - 2
    near = st.integers(1, subject.bracket + 4)
    start = st.one_of(st.integers(1, last), near)
    run = st.tuples(start, st.integers(1, 6)).filter(lambda r: r[0] + r[1] <= last + 1)
    runs = st.lists(run, min_size=1, max_size=6).map(sorted)
    return runs.filter(are_separated)


@pytest.mark.parametrize("name", ["btc", "spot"])
@QUICK
@given(data=st.data())
def test_deleted_runs_are_counted_exactly_and_a_snapshot_heals(
    name: str, data: st.DataObject, parts: dict[str, Part], tmp_path: Path
) -> None:
    subject = parts[name]
    runs = data.draw(deletions(subject))
    true_book = subject.book(subject.lines)
    kept = without(subject.lines, runs)
    broken = subject.book(kept)
    assert broken.gaps == len(runs), "every run leaves one discontinuity"

    report = report_of(write(tmp_path / "broken.txt", kept), subject.key)
    check(report, broken)
    touches_book = any(start + length > subject.bracket for start, length in runs)
    assert (report["state"] != "synced") == touches_book

    healing = snapshot_line(time_of(kept[-1]), true_book)
    report = report_of(write(tmp_path / "healed.txt", [*kept, healing]), subject.key)
    assert report["state"] == "synced"
    assert report["gaps"] == len(runs)
    assert report["digest"] == true_book.digest()
    assert report["final_update_id"] == true_book.update_id
    stale, awaiting = unusable_shares(subject, [*kept, healing])
    quality = report["quality"]
    assert (quality["stale_share"], quality["awaiting_share"]) == (stale, awaiting)
    letters = [
        "B" if len(runs) == 1 else "C",
        "A" if stale == 0 else "B" if stale <= 0.01 else "C" if stale <= 0.1 else "D",
        "A" if awaiting <= 0.1 else "B" if awaiting <= 0.5 else "C",
    ]
    assert report["grade"] == max(letters)


def unusable_shares(subject: Part, lines: Sequence[Line]) -> tuple[float, float]:
    """Shares of time in which the plain book was stale, and in which it had never been synchronised."""
    book = ReferenceBook(subject.futures)
    was_synced = False
    passed = {"stale": 0, "awaiting": 0}
    for line, following in pairwise(lines):
        book.feed_all([line.event])
        was_synced |= book.state == "synced"
        if book.state != "synced":
            passed["stale" if was_synced else "awaiting"] += time_of(following) - time_of(line)
    span = time_of(lines[-1]) - time_of(lines[0])
    return passed["stale"] / span, passed["awaiting"] / span


@QUICK
@given(data=st.data())
def test_a_snapshot_in_the_middle_heals_until_the_next_gap(
    data: st.DataObject, parts: dict[str, Part], tmp_path: Path
) -> None:
    subject = parts["btc"]
    count = len(subject.diffs)
    first = data.draw(st.integers(subject.bracket + 1, count // 2), label="first gap")
    heal = data.draw(st.integers(first + 8, count - 60), label="snapshot after diff")
    again = data.draw(st.none() | st.integers(heal + 1, count - 10), label="second gap")
    runs = [(first, data.draw(st.integers(1, 5)))]
    if again is not None:
        runs.append((again, 2))
    known = ReferenceBook()
    number, kept = -1, []
    for line in subject.lines:
        if isinstance(line.event, Diff):
            number += 1
        known.feed_all([line.event])
        kept.extend(without_numbers(line, number, runs))
        if number == heal and isinstance(line.event, Diff):
            kept.append(snapshot_line(time_of(line), known))
    broken = subject.book(kept)
    report = report_of(write(tmp_path / "middle.txt", kept), subject.key)
    check(report, broken)
    assert report["snapshots"] == 2
    assert report["gaps"] == len(runs)
    if again is None:
        assert report["state"] == "synced"
        assert report["digest"] == subject.book(subject.lines).digest()
    else:
        assert report["state"] == "stale_gap"
        assert report["final_update_id"] == subject.diffs[again - 1].last


def without_numbers(line: Line, number: int, runs: Sequence[tuple[int, int]]) -> list[Line]:
    gone = isinstance(line.event, Diff) and any(s <= number < s + length for s, length in runs)
    return [] if gone else [line]


@pytest.mark.parametrize("name", ["btc", "eth", "spot"])
def test_a_stream_that_begins_later(name: str, parts: dict[str, Part], tmp_path: Path) -> None:
    """Nothing is missing while the first diff still meets the snapshot; behind that the snapshot is no use."""
    subject = parts[name]
    assert subject.bracket >= 1
    snapshot = next(line.event for line in subject.lines if isinstance(line.event, Snapshot))
    # A snapshot taken right at the end of a diff does not need that diff.
    needed = subject.bracket + (subject.diffs[subject.bracket].last == snapshot.last)
    for gone in range(1, needed + 3):
        kept = without(subject.lines, [(0, gone)])
        report = report_of(write(tmp_path / f"{gone}.txt", kept), subject.key)
        check(report, subject.book(kept))
        if gone <= needed:
            assert (report["gaps"], report["state"], report["grade"]) == (0, "synced", "A")
            assert report["digest"] == subject.book(subject.lines).digest()
        else:
            assert (report["gaps"], report["state"]) == (1, "stale_snapshot_mismatch")
            assert report["depth_applied"] == 0


def test_a_missing_end_is_no_gap(parts: dict[str, Part], tmp_path: Path) -> None:
    subject = parts["btc"]
    kept = without(subject.lines, [(len(subject.diffs) - 5, 5)])
    report = report_of(write(tmp_path / "short.txt", kept), subject.key)
    check(report, subject.book(kept))
    assert (report["gaps"], report["state"]) == (0, "synced")


def test_the_other_symbol_is_unaffected(parts: dict[str, Part], tmp_path: Path) -> None:
    btc, eth = parts["btc"], parts["eth"]
    whole = write(tmp_path / "eth.txt", eth.lines)
    before = report_of(whole, eth.key)
    kept = without(btc.lines, [(100, 3), (300, 1), (301 + 2, 2)])
    reports, faults = capture_info([write(tmp_path / "btc.txt", kept), whole])
    assert faults == []
    assert reports[eth.key] == before
    assert reports[btc.key]["gaps"] == 3
    assert reports[btc.key]["state"] == "stale_gap"


@QUICK
@given(data=st.data())
def test_repeated_diffs_are_no_gaps(data: st.DataObject, parts: dict[str, Part], tmp_path: Path) -> None:
    subject = parts["btc"]
    count = len(subject.diffs)
    repeated = data.draw(
        st.dictionaries(st.integers(0, count - 1), st.integers(0, 3), min_size=1, max_size=8)
    )
    number, lines, waiting = -1, [], []
    for line in subject.lines:
        lines.append(line)
        if not isinstance(line.event, Diff):
            continue
        number += 1
        if number in repeated:
            waiting.append((number + repeated[number], line))
        for due, old in list(waiting):
            if due == number:
                lines.append(old)
                waiting.remove((due, old))
    book = subject.book(lines)
    report = report_of(write(tmp_path / "repeated.txt", lines), subject.key)
    check(report, book)
    assert (report["gaps"], report["state"]) == (0, "synced")
    assert report["duplicates"] == len(repeated) - len(waiting)
    assert report["digest"] == subject.book(subject.lines).digest()
