"""Captures of the kinds at hand that nobody has seen: other symbols, days and units of time, without a snapshot or with
further ones, with outlier prints, with several streams of one thing. Each is made of a real one, so that what must come
out is known."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from reference_book import Diff, ReferenceBook, expected_report, read_line, snapshot_line
from stored_captures import lines_of

from aurora.capture import capture_info
from aurora.features import compute

DAY_MS = 86_400_000
FACTS = (
    "state",
    "digest",
    "gaps",
    "crossed",
    "depth_applied",
    "depth_stale",
    "final_update_id",
    "trades",
    "trade_qty",
    "messages",
    "ignored",
)
RAW = {
    "usdm": ("hftbacktest/usdm/ethusdt_20240808.gz", b"ETHUSDT", b"1000PEPEUSDC"),
    "spot": ("hftbacktest/spot/btcusdt_20240808.gz", b"BTCUSDT", b"1INCHEUR"),
    "coinm": ("hftbacktest/cm/btcusd_perp_20240808.gz", b"BTCUSD_PERP", b"AVAXUSD_241227"),
    "hyperliquid": ("hftbacktest/hyperliquid/btcusd_20250126.gz", b'"BTC"', b'"kPEPE"'),
}
BINANCE = ("usdm", "spot", "coinm")

Lines = list[bytes]


@pytest.fixture(scope="module", params=list(RAW))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def lines(name: str, captures: Path) -> Lines:
    return lines_of(captures / RAW[name][0])


@pytest.fixture(scope="module")
def facts(name: str, captures: Path) -> dict[str, Any]:
    return only(captures / RAW[name][0])[1]


def put(path: Path, lines: Lines) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def only(*paths: Path, **options: Any) -> tuple[str, dict[str, Any]]:
    """Key and facts of the one instrument of captures; no fault."""
    reports, faults = capture_info(paths, **options)
    assert faults == []
    [(key, report)] = reports.items()
    return key, report


def same(report: dict[str, Any], facts: dict[str, Any], *but: str) -> None:
    for fact in FACTS:
        if fact not in but:
            assert report[fact] == facts[fact], fact


def shifted(line: bytes, days: int) -> bytes:
    received, frame = line.split(b" ", 1)

    def later(found: re.Match[bytes]) -> bytes:
        return found[1] + b"%d" % (int(found[2]) + days * DAY_MS)

    return b"%d " % (int(received) + days * DAY_MS * 10**6) + re.sub(
        rb'("(?:E|T|time)":)(\d{13})', later, frame
    )


def digits(line: bytes, count: int) -> bytes:
    received, frame = line.split(b" ", 1)
    return received[:count] + b" " + frame


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "years later": lambda line: shifted(line, 1_000),
    "years before": lambda line: shifted(line, -2_000),
    "us": lambda line: digits(line, 16),
    "ms": lambda line: digits(line, 13),
    "lines of Windows": lambda line: line.replace(b"\n", b"\r\n"),
    "blank and comment lines": lambda line: line + b"\n# so\n" if b'"trade' in line else line,
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_days_units_and_line_ends_change_nothing(
    change: str, name: str, lines: Lines, facts: dict[str, Any], tmp_path: Path
) -> None:
    path = put(tmp_path / "capture.txt", [CHANGES[change](line) for line in lines])
    _, report = only(path)
    # Where messages carry no ids they are made of their times.
    same(report, facts, *(["final_update_id"] if name == "hyperliquid" else []))
    assert compute([path], ["mid"], "1s").height > 20


def test_another_symbol(name: str, lines: Lines, facts: dict[str, Any], tmp_path: Path) -> None:
    _, symbol, other = RAW[name]
    path = put(
        tmp_path / "capture.txt",
        [
            line.replace(symbol, other)
            .replace(symbol.lower(), other.lower())
            .replace(b'"ps":"BTCUSD"', b'"ps":"AVAXUSD"')
            for line in lines
        ],
    )
    key, report = only(path)
    assert key.split(":")[1] == other.decode().strip('"')
    same(report, facts)


def test_a_capture_in_two_files(name: str, lines: Lines, facts: dict[str, Any], tmp_path: Path) -> None:
    half = len(lines) // 2
    files = [put(tmp_path / "1.txt", lines[:half]), put(tmp_path / "2.txt", lines[half:])]
    same(only(*files)[1], facts)


LINES = 16_000
"""Of the larger captures, for what is held against plain Python."""


def binance(captures: Path, name: str) -> tuple[Lines, int, ReferenceBook]:
    """The first lines, the place of the snapshot, and the book in the middle."""
    lines = lines_of(captures / RAW[name][0])[:LINES]
    place = next(n for n, line in enumerate(lines) if b"lastUpdateId" in line)
    book = ReferenceBook(futures=name != "spot")
    book.feed_all(read_line(line).event for line in lines[: len(lines) // 2])
    return lines, place, book


@pytest.mark.parametrize("name", BINANCE)
def test_snapshots_in_mid_stream(name: str, captures: Path, tmp_path: Path) -> None:
    lines, place, book = binance(captures, name)
    _, facts = only(put(tmp_path / "whole.txt", lines))
    half = len(lines) // 2
    received = int(lines[half - 1].split(b" ")[0])
    old = b"%d " % received + lines[place].split(b" ", 1)[1]
    fresh = snapshot_line(received, book).text
    for added in ([old], [fresh], [fresh, old], [fresh, fresh]):
        _, report = only(put(tmp_path / "capture.txt", lines[:half] + added + lines[half:]))
        same(report, facts, "messages")
        assert report["messages"] == facts["messages"] + len(added)

    # What a snapshot of the best levels does not hold is gone with it.
    best = ReferenceBook(book.futures, book.bids, book.asks, book.update_id)
    best.bids = {price: book.bids[price] for price in sorted(book.bids)[-100:]}
    best.asks = {price: book.asks[price] for price in sorted(book.asks)[:100]}
    changed = [*lines[:half], snapshot_line(received, best).text, *lines[half:]]
    expected = ReferenceBook(book.futures).feed_all(read_line(line).event for line in changed)
    _, report = only(put(tmp_path / "best.txt", changed))
    assert expected.digest() != facts["digest"]
    for fact, value in expected_report(expected).items():
        assert report[fact] == value, fact

    # A gap makes the book stale until a snapshot that is as new.
    diffs = [n for n in range(half) if b"depthUpdate" in lines[n]]
    broken = [line for n, line in enumerate(lines) if n not in diffs[-60:-50]]
    _, report = only(put(tmp_path / "gap.txt", broken))
    assert (report["state"], report["gaps"]) == ("stale_gap", 1)
    place = half - 10
    _, report = only(put(tmp_path / "healed.txt", [*broken[:place], fresh, *broken[place:]]))
    same(report, facts, "messages", "gaps", "depth_applied", "depth_stale")
    assert report["gaps"] == 1


@pytest.mark.parametrize("name", BINANCE)
def test_without_a_snapshot(name: str, captures: Path, tmp_path: Path) -> None:
    lines, place, _ = binance(captures, name)
    _, facts = only(put(tmp_path / "whole.txt", lines))
    path = put(tmp_path / "capture.txt", lines[:place] + lines[place + 1 :])
    _, report = only(path)
    assert (report["state"], report["grade"], report["depth_applied"]) == ("awaiting_snapshot", "F", 0)
    assert report["trade_qty"] == facts["trade_qty"]
    assert compute([path], ["mid"], "1s")["mid"].null_count() > 30
    # Read by its diffs alone.
    levels: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    diffs = [event for line in lines if isinstance(event := read_line(line).event, Diff)]
    for diff in diffs:
        for side, rows in zip(levels, (diff.bids, diff.asks), strict=True):
            side.update(rows)
    counts = [sum(1 for size in side.values() if size) for side in levels]
    _, report = only(path, unsynchronised=True)
    assert (report["state"], report["grade"]) == ("unsynchronised", "D")
    assert (report["depth_applied"], report["levels"]) == (len(diffs), counts)
    frame = compute([path], ["mid"], "1s", unsynchronised=True)
    assert frame["mid"].null_count() < 5


@pytest.mark.parametrize("name", BINANCE)
def test_prints_that_are_no_market_trades_move_no_feature(name: str, captures: Path, tmp_path: Path) -> None:
    if name == "spot":
        pytest.skip("spot does not flag its prints")
    lines, _, _ = binance(captures, name)
    added: Lines = []
    prints = 0
    for n, line in enumerate(lines):
        added.append(line)
        # Behind the messages that the clock is estimated from.
        if b'"e":"trade"' in line and n > 2_000 and n % 10 == 0:
            price, kind = ((b"0", b"NA"), (b"99999.9", b"INSURANCE_FUND"))[n // 10 % 2]
            other = re.sub(rb'"p":"[^"]*"', b'"p":"' + price + b'"', line)
            added.append(other.replace(b'"X":"MARKET"', b'"X":"' + kind + b'"'))
            prints += 1
    assert prints > 10
    clean = put(tmp_path / "clean.txt", lines)
    path = put(tmp_path / "prints.txt", added)
    _, report = only(path)
    assert report["quality"]["no_market_trades"] == prints
    assert report["quality"]["outlier_prints"] == only(clean)[1]["quality"]["outlier_prints"]
    found, expected = compute([path], every="200ms"), compute([clean], every="200ms")
    differing = [column for column in expected.columns if not found[column].equals(expected[column])]
    # The running hash is of every event.
    assert differing == ["feature_hash"]


@pytest.mark.parametrize("name", BINANCE)
def test_outlier_prints_are_counted(name: str, captures: Path, tmp_path: Path) -> None:
    lines, _, _ = binance(captures, name)
    _, facts = only(put(tmp_path / "whole.txt", lines))
    trades = [n for n, line in enumerate(lines) if b'"e":"trade"' in line]
    for n in trades[200:300:10]:
        lines[n] = re.sub(rb'"p":"\d+', rb'"p":"9999999', lines[n])
    _, report = only(put(tmp_path / "capture.txt", lines))
    same(report, facts)
    assert report["quality"]["outlier_prints"] >= facts["quality"]["outlier_prints"] + 10


def test_best_levels_beside_the_whole_book_are_not_read(captures: Path, tmp_path: Path) -> None:
    lines, place, _ = binance(captures, "usdm")
    _, facts = only(put(tmp_path / "whole.txt", lines))
    book = ReferenceBook()
    both: Lines = []
    partial: Lines = []
    expected: ReferenceBook | None = None
    for n, line in enumerate(lines):
        event = read_line(line).event
        book.feed_all([event])
        both.append(line)
        if n <= place or n % 10 or not isinstance(event, Diff):
            continue
        data = json.loads(line.split(b" ", 1)[1])["data"]
        bids = sorted(book.bids, reverse=True)[:20]
        asks = sorted(book.asks)[:20]
        data |= {
            "b": [[format(p, "f"), format(book.bids[p], "f")] for p in bids],
            "a": [[format(p, "f"), format(book.asks[p], "f")] for p in asks],
        }
        frame = {"stream": "ethusdt@depth20@100ms", "data": data}
        partial.append(line.split(b" ")[0] + b" " + json.dumps(frame).encode() + b"\n")
        both.append(partial[-1])
        expected = ReferenceBook(bids={p: book.bids[p] for p in bids}, asks={p: book.asks[p] for p in asks})
    _, report = only(put(tmp_path / "both.txt", both))
    same(report, facts, "ignored")
    assert report["ignored"] == facts["ignored"] + len(partial)
    # Alone they are the book.
    _, report = only(put(tmp_path / "partial.txt", partial))
    assert expected is not None
    assert (report["state"], report["gaps"], report["digest"]) == ("synced", 0, expected.digest())


# Captures of cryptofeed.


def unpacked(path: Path) -> Lines:
    return subprocess.run(["zstdcat", path], capture_output=True, check=True).stdout.splitlines(keepends=True)


CRYPTOFEED = {
    "BYBIT": (b"DOGEUSDT", b"1000PEPEUSDT"),
    "OKX": (b"UNI-USD-SWAP", b"DOGE-USDT-SWAP"),
    "BINANCE_FUTURES": (b"SUSHIUSDT", b"1000SHIBUSDT"),
    "BINANCE_DELIVERY": (b"BTCUSD_211231", b"BTCUSD_250328"),
    "BINANCE": (b"NKNUSDT", b"ARBUSDT"),
}


@pytest.fixture(scope="module", params=list(CRYPTOFEED))
def venue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def recording(venue: str, captures: Path) -> tuple[Lines, dict[str, dict[str, Any]]]:
    path = captures / "cryptofeed" / f"{venue}.jsonl.zst"
    return unpacked(path), capture_info([path])[0]


def test_recordings_of_other_symbols_and_days(
    venue: str, recording: tuple[Lines, dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    lines, expected = recording
    symbol, other = CRYPTOFEED[venue]
    renamed = [line.replace(symbol, other).replace(symbol.lower(), other.lower()) for line in lines]
    reports, faults = capture_info([put(tmp_path / "renamed.jsonl", renamed)])
    assert faults == []
    names = {key.replace(symbol.decode(), other.decode()): key for key in expected}
    assert set(reports) == set(names)
    for key, report in reports.items():
        same(report, expected[names[key]])

    def later(line: bytes) -> bytes:
        line = re.sub(rb'"ts":(\d{10})', lambda found: b'"ts":%d' % (int(found[1]) + 400 * 86_400), line)
        stamp = rb'(\\"(?:E|T|ts|cts)\\":\s*(?:\\")?)(\d{13})'
        return re.sub(stamp, lambda found: found[1] + b"%d" % (int(found[2]) + 400 * DAY_MS), line)

    path = put(tmp_path / "later.jsonl", [later(line) for line in lines])
    reports, faults = capture_info([path])
    assert faults == []
    for key, report in reports.items():
        same(report, expected[key])
        assert report["quality"]["clock_offset_ms"] == pytest.approx(
            expected[key]["quality"]["clock_offset_ms"], abs=1e-3
        )
    assert set(compute([path], ["mid"], "1s")["instrument"]) == set(expected)


def is_snapshot(line: bytes) -> bool:
    asked = line.startswith(b'{"t":"http"') and b"lastUpdateId" in line
    streamed = b'\\"type\\":\\"snapshot\\"' in line and b"orderbook" in line
    return asked or streamed or b'\\"action\\":\\"snapshot\\"' in line


def test_recordings_without_snapshots(
    venue: str, recording: tuple[Lines, dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    lines, expected = recording
    path = put(tmp_path / "without.jsonl", [line for line in lines if not is_snapshot(line)])
    reports, faults = capture_info([path])
    assert faults == []
    assert set(reports) == set(expected)
    assert {report["state"] for report in reports.values()} == {"awaiting_snapshot"}
    assert {report["grade"] for report in reports.values()} == {"F"}
    reports, faults = capture_info([path], unsynchronised=True)
    assert faults == []
    for key, report in reports.items():
        assert report["state"] == "unsynchronised"
        assert report["depth_applied"] == expected[key]["depth_applied"] + expected[key]["depth_stale"]


def test_frames_of_bybit_as_they_came(captures: Path, tmp_path: Path) -> None:
    """The frames of one connection, without what cryptofeed writes around them, and the market that trades tell."""
    path = captures / "cryptofeed/BYBIT.jsonl.zst"
    expected, _ = capture_info([path])
    frames: dict[str, Lines] = {}
    for line in unpacked(path):
        record = json.loads(line)
        if record["t"] == "recv":
            raw = b"%d %s\n" % (int(record["ts"] * 1e6), record["data"].encode())
            frames.setdefault(record["conn"], []).append(raw)
    for connection, market in (("BYBIT.ws.2", "bybit_linear"), ("BYBIT.ws.3", "bybit_spot")):
        raw = frames[connection]
        reports, faults = capture_info([put(tmp_path / "raw.txt", raw)])
        assert faults == []
        wanted = {key: report for key, report in expected.items() if key.startswith(market)}
        assert set(reports) == set(wanted)
        for key, report in reports.items():
            same(report, wanted[key], "ignored")
            assert not report["market_assumed"]
        books = put(tmp_path / "books.txt", [line for line in raw if b"publicTrade" not in line])
        assert all(report["market_assumed"] for report in capture_info([books])[0].values())
        assert set(capture_info([books], market=market)[0]) == set(wanted)
        frame = compute([books], ["mid"], "1s", market=market)
        assert set(frame["instrument"]) == set(wanted)


# Other kinds.


@pytest.mark.parametrize("more", [b"000", b"123456"])
def test_logs_of_bitstamp_in_finer_times(more: bytes, captures: Path, tmp_path: Path) -> None:
    path = captures / "ob-analytics/2015-05-01.log.xz"
    _, facts = only(path)
    content = subprocess.run(["xzcat", path], capture_output=True, check=True).stdout
    finer = [re.sub(rb"^\d{13}", lambda t: t[0] + more, line) for line in io.BytesIO(content)]
    same(only(put(tmp_path / "finer.log", finer))[1], facts)


def test_lobster_of_another_stock_and_day(captures: Path, tmp_path: Path) -> None:
    folder = captures / "lobster-sample"
    _, facts = only(folder)
    for path in folder.iterdir():
        name = path.name.replace("AAPL_2012-06-21", "BRK.B_2024-02-29")
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    key, report = only(tmp_path)
    assert key == "lobster:BRK.B"
    same(report, facts, "final_update_id")
    assert report["first_ts"] - facts["first_ts"] == 4270 * DAY_MS * 10**6


def test_tables_of_tardis_of_another_venue_and_day(captures: Path, tmp_path: Path) -> None:
    for path in (captures / "nautilus").glob("*_*.csv"):
        key, facts = only(path)
        content = path.read_bytes().replace(key.split(".")[1].encode(), b"XRP-USDT")
        content = re.sub(
            rb"\b\d{16}\b", lambda found: b"%d" % (int(found[0]) + 900 * DAY_MS * 1_000), content
        )
        content = re.sub(rb"(?m)^[a-z-]+(?=,XRP)", b"okex-swap", content)
        other = tmp_path / f"{path.name}.gz"
        other.write_bytes(gzip.compress(content))
        found, report = only(other)
        assert found == "tardis:okex-swap.XRP-USDT"
        same(report, facts, "final_update_id")
