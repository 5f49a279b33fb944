"""Every line of the quality rubric: a capture that lacks just that, its letter, its sentence; the same in a replay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aurora.capture import CaptureSet, CaptureSettings, QualityReport, capture_info, grade
from aurora.capture.rubric import GRADES, RUBRIC
from aurora.features import FeatureSettings
from aurora.stages import MarketStage

ROOT = Path(__file__).resolve().parents[3]
START_MS = 1_700_000_040_000
"""At the full minute."""
MS = 10**6
KEY = "binance_usdm:ETHUSDT"
OFFSET_MS = -1270
"""Receive clock minus exchange clock of every capture here: it lowers no grade."""


@dataclass(frozen=True, slots=True)
class Event:
    """A captured line before it is written."""

    exchange_ms: int
    kind: str
    data: dict[str, Any]
    delay_ms: float = 0.0

    def line(self) -> bytes:
        received = (self.exchange_ms + OFFSET_MS) * MS + round(self.delay_ms * MS)
        if self.kind == "snapshot":
            frame = self.data
        else:
            names = {"depth@0ms": "depthUpdate"}
            clock = {"e": names.get(self.kind, self.kind), "E": self.exchange_ms, "T": self.exchange_ms}
            frame = {"stream": f"ethusdt@{self.kind}", "data": {**clock, "s": "ETHUSDT", **self.data}}
        return f"{received} {json.dumps(frame, separators=(',', ':'))}\n".encode()


Events = list[Event]


def text(price: float) -> str:
    return f"{price:.2f}"


def touch(number: int, step: float = 0.1, at: float = 2000.0) -> tuple[float, float]:
    """Best bid and ask after the diff of that number: they move in steps, apart by one."""
    bid = at + step * ((number * 7) % 23 - 11)
    return bid, bid + step


def snapshot(ms: int, last: int, number: int, step: float = 0.1) -> Event:
    bid, ask = touch(number, step)
    book = {"lastUpdateId": last, "E": 1, "T": 1}
    bids, asks = [[text(bid), "3.000"], ["1500.00", "1.000"]], [[text(ask), "3.000"], ["2500.00", "1.000"]]
    return Event(ms, "snapshot", {**book, "bids": bids, "asks": asks})


def market(count: int = 400, step: Callable[[int], float] = lambda n: 0.1) -> Events:
    """`count` rounds of diff, ticker and trade in 600 ms; a snapshot in the first."""
    events: Events = []
    last = 100
    for n in range(count):
        ms = START_MS + n * 600
        (old_bid, old_ask), (bid, ask) = touch(n - 1, step(n - 1)), touch(n, step(n))
        rows = {
            "b": [[text(old_bid), "0.000"], [text(bid), "3.000"]],
            "a": [[text(old_ask), "0.000"], [text(ask), "3.000"]],
        }
        events.append(Event(ms, "depth@0ms", {"U": last + 1, "u": last + 5, "pu": last, **rows}))
        last += 5
        if n == 0:
            events.append(snapshot(ms + 100, last, 0, step(0)))
        quote = {"u": last, "b": text(bid), "B": "3.000", "a": text(ask), "A": "3.000"}
        events.append(Event(ms + 200, "bookTicker", quote))
        trade = {"t": 1000 + n, "p": text(ask), "q": "0.001", "X": "MARKET", "m": False}
        events.append(Event(ms + 400, "trade", trade))
    return events


def numbers(events: Events, kind: str) -> list[int]:
    return [i for i, event in enumerate(events) if event.kind == kind]


def last_id(events: Events, before: int) -> int:
    return max(e.data["u"] for e in events[:before] if e.kind == "depth@0ms")


def with_gaps(events: Events, *rounds: int, healed_after: int | None = 1) -> Events:
    """Loses the diff of each round (and its ticker, which would tell of it) and heals by a snapshot rounds later."""
    diffs = numbers(events, "depth@0ms")
    lost = {i for n in rounds for i in (diffs[n], diffs[n] + 1)}
    kept: Events = []
    for i, event in enumerate(events):
        if i not in lost:
            kept.append(event)
        for n in rounds if healed_after is not None else ():
            if i == diffs[n + healed_after] + 2:
                healing = snapshot(event.exchange_ms + 50, last_id(events, i), n + healed_after)
                kept.append(replace(healing, delay_ms=event.delay_ms))
    return kept


def changed(events: Events, kind: str, which: Iterable[int], change: Callable[[Event], Event]) -> Events:
    places = numbers(events, kind)
    chosen = {places[n] for n in which}
    return [change(event) if i in chosen else event for i, event in enumerate(events)]


def data(**values: Any) -> Callable[[Event], Event]:
    return lambda event: replace(event, data={**event.data, **values})


def delayed(events: Events, delay_ms: Callable[[float], float]) -> Events:
    """Changes the receive clock by a function of the minutes passed."""
    return [replace(e, delay_ms=delay_ms((e.exchange_ms - START_MS) / 60_000)) for e in events]


def later(events: Events, place: int, by_ms: int) -> Events:
    return [replace(e, exchange_ms=e.exchange_ms + by_ms) if i >= place else e for i, e in enumerate(events)]


def repeated(events: Events, *rounds: int) -> Events:
    chosen = {numbers(events, "depth@0ms")[n] for n in rounds}
    return [copy for i, event in enumerate(events) for copy in [event] * (1 + (i in chosen))]


def swapped(events: Events, *places: int) -> Events:
    result = list(events)
    for i in places:
        result[i], result[i + 1] = result[i + 1], result[i]
    return result


def crossing(events: Events, *rounds: int) -> Events:
    """Diffs that leave a bid above the ask, gone with the next diff, and no ticker to repair the touch."""
    diffs = numbers(events, "depth@0ms")
    lost = {diffs[n] + 1 for n in rounds}
    result = []
    for i, event in enumerate(events):
        if i in lost:
            continue
        for n in rounds:
            rows = {"b": [*event.data.get("b", []), ["2200.00", "1.000" if i == diffs[n] else "0.000"]]}
            if i in (diffs[n], diffs[n + 1]):
                event = replace(event, data={**event.data, **rows})
        result.append(event)
    return result


def without_first_snapshot(events: Events, until: int) -> Events:
    """The snapshot comes only after the diff of that round."""
    place = numbers(events, "depth@0ms")[until] + 1
    [first] = numbers(events, "snapshot")
    coming = snapshot(events[place - 1].exchange_ms + 50, last_id(events, place), until)
    return [*events[:first], *events[first + 1 : place], coming, *events[place:]]


def spot_without_times() -> Events:
    events = [Event(START_MS + n * 500, "spot", {}) for n in range(300)]
    return [Event(START_MS, "snapshot", {"lastUpdateId": 5, "bids": [], "asks": []}), *events]


OFF_TICK = data(p="2000.03")
FAR = data(p="2300.00")


@dataclass(frozen=True, slots=True)
class Case:
    line: str
    letter: str
    events: Events
    says: str
    options: dict[str, bool] | None = None
    junk: int = 0
    """Lines of garbage spread over the capture."""


def cases() -> list[Case]:
    plain = market()
    long = market(2_000)
    return [
        Case(
            "book",
            "D",
            with_gaps(plain, 397, healed_after=None),
            r"not synchronised at the end \(stale_gap\)",
        ),
        Case(
            "book", "F", [e for e in plain if e.kind != "snapshot"], "the book was never usable: no snapshot"
        ),
        Case(
            "book",
            "D",
            [e for e in plain if e.kind != "snapshot"],
            "unsynchronised: read without a snapshot",
            {"unsynchronised": True},
        ),
        Case("gaps", "B", with_gaps(plain, 50), "^1 gap$"),
        Case("gaps", "C", with_gaps(long, 50, 90), "^2 gaps$"),
        Case("stale_share", "B", with_gaps(plain, 50), r"^0\.5 s stale \(0\.19%\)$"),
        Case("stale_share", "C", with_gaps(plain, 50, healed_after=20), r"^1\d\.\d s stale \(\d\.\d\d%\)$"),
        Case("stale_share", "D", with_gaps(plain, 50, healed_after=80), r"^47\.9 s stale \(19\.95%\)$"),
        Case(
            "awaiting_share", "B", without_first_snapshot(plain, 80), r"no book for the first 48\.\d s \(20\."
        ),
        Case("awaiting_share", "C", without_first_snapshot(plain, 240), r"no book for the first 144\.\d s"),
        Case(
            "unsynchronised_share",
            "C",
            without_first_snapshot(plain, 20),
            r"read unsynchronised for 12\.\d s",
            {"unsynchronised": True},
        ),
        Case("crossed_share", "B", crossing(market(4_000), 30), "^1 message left the book crossed or locked"),
        Case("crossed_share", "C", crossing(plain, 30, 60), "^2 messages left the book crossed or locked"),
        Case(
            "ticker_unequal",
            "C",
            changed(plain, "bookTicker", [70], data(B="9.000")),
            "^1 of 400 tickers differ",
        ),
        Case(
            "snapshot_only",
            "C",
            [e for e in plain if e.kind in ("snapshot", "trade")],
            "snapshots only",
        ),
        Case("late_share", "B", swapped(plain, 500, 700), "^2 messages received before the one ahead"),
        Case("late_share", "C", swapped(plain, *range(100, 300, 10)), "^20 messages received before"),
        Case("duplicate_share", "B", repeated(plain, *range(20, 30)), r"^10 diffs came again \(2\.4%\)$"),
        Case("duplicate_share", "C", repeated(plain, *range(20, 80)), r"^60 diffs came again \(13\.0%\)$"),
        Case("bad_line_share", "B", plain, r"^1 bad line passed over.*the first: .*line \d+", junk=1),
        Case("bad_line_share", "C", plain, "^3 bad lines passed over", junk=3),
        Case("bad_line_share", "D", plain, "^20 bad lines passed over", junk=20),
        Case("longest_pause_s", "B", later(plain, 600, 90_000), r"no message at all for 90\.2 s"),
        Case("longest_pause_s", "C", later(plain, 600, 4_000_000), r"no message at all for 4,000\.2 s"),
        Case(
            "clock_drift_ms",
            "B",
            delayed(plain, lambda m: 10.0 * m),
            r"drifts by \+30\.\d ms \(\+166\.\d ppm\)",
        ),
        Case(
            "clock_drift_ms",
            "C",
            delayed(plain, lambda m: -300.0 * m),
            r"drifts by -8\d\d\.\d ms \(-4,9\d\d\.\d ppm\)",
        ),
        Case(
            "clock_step_ms",
            "B",
            delayed(plain, lambda m: 200.0 * (m >= 2)),
            r"difference changes by 200\.0 ms within a minute",
        ),
        Case(
            "clock_step_ms",
            "C",
            delayed(plain, lambda m: 900.0 * (m >= 2)),
            r"difference changes by 900\.0 ms within a minute",
        ),
        Case("no_exchange_time", "B", spot_without_times(), "no message carries an exchange time"),
        Case(
            "unconfirmed_share",
            "B",
            changed(market(1_200), "trade", [300], FAR),
            "^1 outlier print that the book",
        ),
        Case(
            "unconfirmed_share",
            "C",
            changed(plain, "trade", [300, 320], FAR),
            "^2 outlier prints that the book",
        ),
        Case(
            "tick_changes",
            "B",
            changed(market(500), "trade", [450, 460], OFF_TICK),
            r"^2 prices off the tick 0\.1\d*, first at \d{19} ns: the tick is 0\.01 then$",
        ),
        Case(
            "tick_changes",
            "B",
            market(1_400, lambda n: 0.1 if n < 400 else 1.0),
            r"^best prices keep to steps of 1\.?0* instead of 0\.10? from \d{19} ns$",
        ),
    ]


def write(path: Path, case: Case) -> Path:
    lines = [event.line() for event in case.events]
    if case.line == "no_exchange_time":
        quote = {"u": 9, "s": "ETHUSDT", "b": "2000.00", "B": "1.000", "a": "2000.10", "A": "1.000"}
        lines[1:] = [
            b"%d %s\n"
            % (
                e.exchange_ms * MS,
                json.dumps({"stream": "ethusdt@bookTicker", "data": {**quote, "u": n + 9}}).encode(),
            )
            for n, e in enumerate(case.events[1:])
        ]
        book = {"lastUpdateId": 5, "bids": [["2000.00", "1.000"]], "asks": [["2000.10", "1.000"]]}
        lines[0] = b"%d %s\n" % (START_MS * MS, json.dumps(book).encode())
        # One diff without a time, so that there are not only snapshots.
    for n in range(case.junk):
        place = 30 + n * (len(lines) - 60) // max(1, case.junk)
        lines.insert(place, lines[place].split(b" ")[0] + b' {"stream":"ethusdt@trade","data":{"e":"tr\n')
    path.write_bytes(b"".join(lines))
    return path


def replayed_quality(path: Path, case: Case) -> dict[str, Any]:
    """What the Market stage says of the same file, in slices of a second and as one."""
    found = []
    for slice_ms in (1_000, 0):
        settings = CaptureSettings(
            slice_ms=slice_ms,
            bad_lines="skip" if case.junk else "fatal",
            unsynchronised=bool((case.options or {}).get("unsynchronised")),
        )
        captures = CaptureSet([path], settings)
        [(key, instrument)] = captures.instruments.items()
        stage = MarketStage(
            instrument,
            FeatureSettings(),
            clock_offset_ns=captures.offset_of(key),
            unsynchronised=settings.unsynchronised,
        )
        reader = captures.open(captures.streams[0])
        while (messages := reader.next()) is not None:
            for answer in stage.process(messages):
                if answer.quality is not None:
                    found.append(answer.quality)
    assert len(found) == 2
    assert found[0] == found[1]
    return found[0]


def test_a_clean_market_has_grade_a_whatever_its_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "clean.txt", Case("", "A", market(), ""))
    reports, faults = capture_info([path])
    assert faults == []
    quality = reports[KEY]["quality"]
    assert (quality["grade"], quality["reasons"]) == ("A", [])
    assert quality["clock_offset_ms"] == OFFSET_MS
    assert (quality["latency_min_ms"], quality["latency_max_ms"]) == (OFFSET_MS, OFFSET_MS)
    assert quality["negative_latency_share"] == 1.0
    assert (quality["clock_drift_ms"], quality["clock_step_ms"]) == (0, 0)
    assert "100.0% of latencies are negative: the receive clock is -1,270.0 ms off" in quality["remarks"][0]
    assert quality == replayed_quality(path, Case("", "A", [], ""))


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.line}-{case.letter}")
def test_each_line_is_reached_and_says_so(case: Case, tmp_path: Path) -> None:
    path = write(tmp_path / "capture.txt", case)
    reports, faults = capture_info([path], skip_bad_lines=bool(case.junk), **(case.options or {}))
    assert faults == []
    [report] = reports.values()
    quality = report["quality"]
    said = [reason for reason in quality["reasons"] if re.search(case.says, reason)]
    assert len(said) == 1, quality["reasons"]
    if case.line == "book":
        assert quality["grade"] == case.letter
    else:
        typed = QualityReport(**{**without(quality, "grade", "reasons", "remarks"), "shown_bad_lines": ()})
        [line] = [line for line in RUBRIC if line.name == case.line]
        assert line.letter(typed) == case.letter
        assert quality["grade"] >= case.letter
    # A fault alone decides, beside its necessary company: a gap makes stale, an unsynchronised end follows.
    company = {"gaps", "stale_share", "unsynchronised_share", "awaiting_share"}
    others = {
        line.name
        for line in RUBRIC
        if line.name != case.line
        and line.letter(
            QualityReport(**{**without(quality, "grade", "reasons", "remarks"), "shown_bad_lines": ()})
        )
        > "A"
    }
    allowed = company if case.line in company | {"book"} else set()
    if case.line == "clock_drift_ms":
        allowed = {"clock_step_ms"}
    if case.line == "clock_step_ms":
        allowed = {"clock_drift_ms"}
    if case.line == "no_exchange_time":
        allowed = {"snapshot_only"}
    assert others <= allowed, quality["reasons"]
    assert report["grade"] == quality["grade"]
    assert quality == replayed_quality(path, case)


def without(quality: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in quality.items() if name not in names}


def test_checksums_that_differ() -> None:
    counts = {"state": "synced", "snapshot_id": 5, "messages": 9, "checksums": 4, "checksums_equal": 3}
    report = QualityReport.of(counts)
    assert (report.grade, report.reasons) == ("C", ("1 of 4 checksums differ from our book's",))


def test_every_line_has_a_case_and_every_letter_below_a() -> None:
    reached = {(case.line, case.letter) for case in cases()} | {("checksum_unequal", "C")}
    for line in RUBRIC:
        letters = [g for g, limit in zip(GRADES, line.limits, strict=False) if limit is not None and g != "A"]
        # A limit that nothing exceeds leaves the last letter out of reach.
        wanted = {*letters, line.worst}
        assert {(line.name, letter) for letter in wanted} <= reached, line.name
    assert {("book", "D"), ("book", "F")} <= reached


def test_told_but_of_no_weight(tmp_path: Path) -> None:
    events = changed(market(), "trade", [20, 30], data(X="INSURANCE_FUND", p="2400.00"))
    # The whole market moves by 2 %: prints far from those before them that the book bears out.
    moved = [
        replace(e, data={**e.data, "p": text(float(e.data["p"]) + 40)})
        if e.kind == "trade" and n >= 900
        else e
        for n, e in enumerate(events)
    ]
    diffs = numbers(moved, "depth@0ms")
    place = next(i for i in diffs if i >= 900)
    for i in range(place, len(moved)):
        event = moved[i]
        if event.kind == "depth@0ms":
            shift = [[text(float(p) + 40), q] for p, q in event.data["b"]]
            rows = {"b": shift, "a": [[text(float(p) + 40), q] for p, q in event.data["a"]]}
            if i == place:
                rows["b"] = [*event.data["b"][:1], *shift]
                rows["a"] = [*event.data["a"][:1], *rows["a"]]
            moved[i] = replace(event, data={**event.data, **rows})
        elif event.kind == "bookTicker":
            quote = {side: text(float(event.data[side]) + 40) for side in ("b", "a")}
            moved[i] = replace(event, data={**event.data, **quote})
    path = write(tmp_path / "moved.txt", Case("", "A", moved, ""))
    quality = capture_info([path])[0][KEY]["quality"]
    assert quality["outlier_prints"] > 10
    assert quality["unconfirmed_prints"] <= 1
    assert quality["no_market_trades"] == 2
    remarks = "; ".join(quality["remarks"])
    assert "2 trades flagged by the exchange" in remarks
    assert "moves of the market" in remarks


def test_an_empty_report_is_f() -> None:
    assert grade({}) == "F"
    assert QualityReport.of({}).reasons == (
        "the book was never usable: no snapshot, or none that the diffs meet",
    )


def test_the_dict_is_json_and_complete(tmp_path: Path) -> None:
    path = write(tmp_path / "clean.txt", Case("", "A", market(30), ""))
    quality = capture_info([path])[0][KEY]["quality"]
    assert json.loads(json.dumps(quality)) == quality
    assert list(quality)[:3] == ["grade", "reasons", "remarks"]


def test_bad_lines_end_the_stream_unless_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.txt", Case("bad_line_share", "B", market(), "", junk=2))
    reports, faults = capture_info([path])
    assert len(faults) == 1
    reports, faults = capture_info([path], skip_bad_lines=True)
    assert faults == []
    assert (reports[KEY]["quality"]["bad_lines"], len(reports[KEY]["quality"]["shown_bad_lines"])) == (2, 2)
    assert str(path) in reports[KEY]["quality"]["shown_bad_lines"][0]


def test_rubric_and_its_documents_say_the_same() -> None:
    """The table of the module and that of the page, line by line with their thresholds."""
    from aurora.capture import quality as module

    def percent(limit: float) -> set[str]:
        return {f"{limit:g}", f"{limit:g} s", f"{limit:g} ms", f"{limit * 100:g} %"}

    page = (ROOT / "docs" / "data-quality.md").read_text()
    tables = {
        "module": [line.split("  ") for line in (module.__doc__ or "").splitlines()],
        "page": [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")],
    }
    for name, rows in tables.items():
        cells = {row[0].strip().strip("`"): [c.strip() for c in row[1:] if c.strip()] for row in rows if row}
        for line in RUBRIC:
            said = cells[line.name]
            for limit in line.limits:
                if limit is not None and line.name not in (
                    "snapshot_only",
                    "no_exchange_time",
                    "tick_changes",
                ):
                    assert percent(limit) & set(said), (name, line.name, limit)
    headings = set(re.findall(r"^### `(\w+)`", page, flags=re.MULTILINE))
    assert {line.name for line in RUBRIC} <= headings
