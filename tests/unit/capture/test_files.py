"""Capture files as streams: what belongs together, one clock, order filters, slices, and the grade."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora.capture import (
    CaptureSet,
    CaptureSettings,
    capture_info,
    content_hash,
    expand_paths,
    grade,
    is_synthetic,
)
from aurora.errors import ConfigError, DataError, UsageError

START_MS = 1_700_000_000_000
MS = 10**6


def frame(ms: float, symbol: str, stream: str, data: dict[str, Any], offset_ms: float = 0.0) -> bytes:
    """One USDⓈ-M line, received `offset_ms` after (or before) its exchange time."""
    exchange = START_MS + int(ms)
    local = exchange * MS + round(offset_ms * MS)
    data = {"e": stream.split("@")[0], "E": exchange, "T": exchange, "s": symbol, **data}
    if stream.startswith("depth"):
        data["e"] = "depthUpdate"
    body = {"stream": f"{symbol.lower()}@{stream}", "data": data}
    return f"{local} {json.dumps(body, separators=(',', ':'))}\n".encode()


def capture(
    symbol: str,
    offset_ms: float = 0.0,
    first: int = 0,
    count: int = 300,
    price: str = "100.0{}",
    step_ms: int = 10,
) -> list[bytes]:
    """Diffs and a snapshot, then tickers and trades; prices in steps of 0.01 unless said otherwise."""
    lines = []
    for n in range(first, first + count):
        ms = n * step_ms
        bid, ask = price.format(n % 5), price.format(n % 5 + 1)
        if n == 0:
            lines.append(
                frame(0, symbol, "depth@0ms", {"U": 1, "u": 10, "pu": 0, "b": [], "a": []}, offset_ms)
            )
            local = START_MS * MS + round(offset_ms * MS)
            book = {"lastUpdateId": 10, "E": 1, "T": 1, "bids": [[bid, "1.000"]], "asks": [[ask, "1.000"]]}
            lines.append(f"{local} {json.dumps(book)}\n".encode())
        elif n % 3:
            touch = {"u": 10 + n, "b": bid, "B": "2.000", "a": ask, "A": "3.000"}
            lines.append(frame(ms, symbol, "bookTicker", touch, offset_ms))
        else:
            trade = {"t": n, "p": ask, "q": "0.005", "X": "MARKET", "m": False}
            lines.append(frame(ms, symbol, "trade", trade, offset_ms))
    return lines


def write(path: Path, lines: Iterable[bytes]) -> Path:
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


# --- Paths --------------------------------------------------------------------------------------------------------


def test_a_directory_stands_for_its_captures_by_name(tmp_path: Path) -> None:
    for name in ("b.gz", "a.txt", "c.jsonl", "d.log", "notes.md", "truth.json"):
        (tmp_path / name).write_text("x")
    (tmp_path / "deep.gz").mkdir()
    assert [path.name for path in expand_paths([tmp_path])] == ["a.txt", "b.gz", "c.jsonl", "d.log"]
    notes = tmp_path / "notes.md"
    assert expand_paths([notes, str(tmp_path / "b.gz")]) == [notes, tmp_path / "b.gz"], (
        "named files are taken"
    )


def test_paths_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        expand_paths([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="no capture files"):
        expand_paths([tmp_path])
    with pytest.raises(UsageError):
        expand_paths([])


def test_content_hash_is_of_the_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "a.gz", tmp_path / "b.txt"]
    contents = [gzip.compress(b"one"), b"two" * 10_000]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    seen: list[int] = []
    assert content_hash(paths, seen.append) == [
        (path.name, hashlib.sha256(content).hexdigest())
        for path, content in zip(paths, contents, strict=True)
    ]
    assert sum(seen) == sum(map(len, contents))


def test_content_hash_holds_the_books_that_are_read_beside_events(tmp_path: Path) -> None:
    events = tmp_path / "AAPL_2012-06-21_34200000_57600000_message_10.csv"
    books = tmp_path / "AAPL_2012-06-21_34200000_57600000_orderbook_10.csv"
    events.write_bytes(b"events")
    alone = content_hash([events])
    assert [name for name, _ in alone] == [events.name]
    books.write_bytes(b"books")
    assert content_hash([events]) == [*alone, (books.name, hashlib.sha256(b"books").hexdigest())]
    books.write_bytes(b"other")
    assert content_hash([events])[1:] == [(books.name, hashlib.sha256(b"other").hexdigest())]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("synthetic_x.gz", gzip.compress(b"1 {}", mtime=0), True),
        ("x.gz", gzip.compress(b"# synthetic market\n1 {}", mtime=0), True),
        ("x.txt", b"# a synthetic market\n", True),
        ("x.txt", b"# a recording\n# synthetic\n", False),
        ("x.txt", b"1 {} synthetic\n", False),
        ("x.gz", gzip.compress(b"# synthetic", mtime=0)[:12], False),
        ("x.gz", b"\x1f\x8b\x08\x00garbage garbage", False),
        ("x.txt", b"", False),
    ],
)
def test_synthetic_captures_say_so(name: str, content: bytes, expected: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert is_synthetic(path) is expected


# --- Streams, clock and filters -------------------------------------------------------------------------------------


def test_files_of_a_symbol_are_one_stream_in_the_order_given(tmp_path: Path) -> None:
    eth = [
        write(tmp_path / "z_eth.gz", capture("ETHUSDT")),
        write(tmp_path / "a_eth.txt", capture("ETHUSDT", first=300)),
    ]
    btc = write(tmp_path / "btc.txt", capture("BTCUSDT"))
    captures = CaptureSet([eth[0], btc, eth[1]])
    assert sorted(captures.instruments) == ["binance_usdm:BTCUSDT", "binance_usdm:ETHUSDT"]
    assert len(captures.streams) == 2
    reports, faults = capture_info([eth[0], btc, eth[1]])
    assert faults == []
    assert reports["binance_usdm:ETHUSDT"]["messages"] == 601
    assert reports["binance_usdm:BTCUSDT"]["messages"] == 301


def test_market_is_recognised_from_frames_not_from_paths(tmp_path: Path) -> None:
    (tmp_path / "spot").mkdir()
    path = write(tmp_path / "spot" / "cm_btcusd_perp.txt", capture("ETHUSDT"))
    assert list(CaptureSet([path]).instruments) == ["binance_usdm:ETHUSDT"]


@pytest.mark.parametrize(
    ("offsets", "settings", "expected"),
    [
        # One recorder: all streams share the lower of two medians, whatever their own.
        ((-1270.0, -1268.0), {}, (-1270.0, -1270.0)),
        ((5.0, 90.0), {}, (5.0, 5.0)),
        # Two recorders, too far apart to be one clock.
        ((-1270.0, 30.0), {}, (-1270.0, 30.0)),
        ((5.0, 90.0), {"common_clock_ms": 50.0}, (5.0, 90.0)),
        ((5.0, 90.0), {"clock_offset_ms": 7.5}, (7.5, 7.5)),
        ((5.0, 90.0), {"clock_offset_ms": 0}, (0.0, 0.0)),
    ],
)
def test_one_clock_for_one_recorder(
    offsets: tuple[float, float], settings: dict[str, float], expected: tuple[float, float], tmp_path: Path
) -> None:
    paths = [
        write(tmp_path / f"{symbol}.txt", capture(symbol, offset))
        for symbol, offset in zip(("BTCUSDT", "ETHUSDT"), offsets, strict=True)
    ]
    captures = CaptureSet(paths, CaptureSettings(**settings))
    assert [captures.clock_offset_ns[name] / MS for name in captures.streams] == list(expected)


def test_filters_come_from_the_first_thousand_messages(tmp_path: Path) -> None:
    lines = capture("ETHUSDT", count=1_200, price="100.{}0")
    later = frame(20_000, "ETHUSDT", "trade", {"t": 9, "p": "100.05", "q": "0.001", "X": "MARKET", "m": True})
    [instrument] = CaptureSet([write(tmp_path / "a.txt", [*lines, later])]).instruments.values()
    assert Decimal(instrument.format_price(instrument.tick)) == Decimal("0.1")
    assert Decimal(instrument.format_size(instrument.lot)) == Decimal("0.005")
    early = frame(5, "ETHUSDT", "trade", {"t": 9, "p": "100.05", "q": "0.001", "X": "MARKET", "m": True})
    path = write(tmp_path / "b.txt", [*lines[:2], early, *lines[2:]])
    [instrument] = CaptureSet([path]).instruments.values()
    assert Decimal(instrument.format_price(instrument.tick)) == Decimal("0.05")
    assert Decimal(instrument.format_size(instrument.lot)) == Decimal("0.001")


def test_config_knows_filters_better(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", capture("ETHUSDT"))
    key = "binance_usdm:ETHUSDT"
    given = {"tick_size": "0.02", "lot_size": "0.01", "min_notional": "20"}
    settings = CaptureSettings.model_validate({"instruments": {key: given}})
    [instrument] = CaptureSet([path], settings).instruments.values()
    assert Decimal(instrument.format_price(instrument.tick)) == Decimal("0.02")
    assert Decimal(instrument.format_size(instrument.lot)) == Decimal("0.01")
    assert instrument.min_notional == 20 * 10**8
    [plain] = CaptureSet([path]).instruments.values()
    assert plain.min_notional == 5 * 10**8
    for wrong in ("0.0001", "0.000000001"):
        settings = CaptureSettings.model_validate({"instruments": {key: {"tick_size": wrong}}})
        with pytest.raises(ConfigError, match="tick_size"):
            CaptureSet([path], settings)


def test_a_symbol_in_files_of_different_company_is_refused(tmp_path: Path) -> None:
    both = write(tmp_path / "both.txt", sorted(capture("ETHUSDT")[2:] + capture("BTCUSDT")[2:]))
    alone = write(tmp_path / "alone.txt", capture("ETHUSDT"))
    with pytest.raises(DataError, match="ETHUSDT"):
        CaptureSet([both, alone])


# --- Slices -------------------------------------------------------------------------------------------------------


def drained(captures: CaptureSet, stream: str, position: int | None = None) -> list[tuple[int, int, int]]:
    """(index, end, events) of every slice."""
    reader = captures.open(stream, position)
    slices = []
    while (messages := reader.next()) is not None:
        [message] = messages
        slices.append((message.slice_index, message.block.end_ns, len(message.block)))
        assert reader.position() == message.slice_index + 1
    return slices


@pytest.mark.parametrize("width_ms", [1, 7, 1000, 0])
def test_slices_lie_on_one_grid_of_local_time_for_all_streams(width_ms: int, tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.txt", capture("ETHUSDT", -1270)),
        write(tmp_path / "b.txt", capture("BTCUSDT", -1270, count=350)[40:]),
    ]
    captures = CaptureSet(paths, CaptureSettings(slice_ms=width_ms))
    lengths = []
    for stream in captures.streams:
        slices = drained(captures, stream)
        assert [index for index, _, _ in slices] == list(range(captures.first_slice, slices[-1][0] + 1))
        if width_ms:
            assert all(end == (index + 1) * width_ms * MS for index, end, _ in slices[:-1])
            assert slices[-1][1] <= (slices[-1][0] + 1) * width_ms * MS
        else:
            assert len(slices) == 1
        lengths.append(sum(events for _, _, events in slices))
    assert sorted(lengths) == [301, 311]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99, 1.0])
def test_a_reader_opened_at_a_later_slice_goes_on_exactly(share: float, tmp_path: Path) -> None:
    captures = CaptureSet([write(tmp_path / "a.txt", capture("ETHUSDT"))], CaptureSettings(slice_ms=37))
    [stream] = captures.streams
    whole = drained(captures, stream)
    at = round(share * len(whole))
    assert drained(captures, stream, whole[0][0] + at) == whole[at:]


def test_local_time_held_where_it_runs_backwards(tmp_path: Path) -> None:
    lines = capture("ETHUSDT")
    lines[100], lines[101] = lines[101], lines[100]
    reports, faults = capture_info([write(tmp_path / "a.txt", lines)])
    assert faults == []
    assert reports["binance_usdm:ETHUSDT"]["messages"] == 301


def test_lines_that_are_no_events_are_passed_over(tmp_path: Path) -> None:
    lines = capture("ETHUSDT")
    time = lines[50].split(b" ")[0]
    ignored = [
        b"# a remark\n",
        b"\n",
        time + b' {"stream":"ethusdt@markPrice@1s","data":{"e":"markPriceUpdate","s":"ETHUSDT","p":"1"}}\n',
        time + b' {"stream":"ethusdt@kline_1m","data":{"e":"kline","s":"ETHUSDT"}}\n',
        time + b' {"result":null,"id":1}\n',
    ]
    changed = [line[:-1] + b"\r\n" for line in [*lines[:50], *ignored, *lines[50:]]]
    changed[-1] = changed[-1].rstrip()
    there, faults = capture_info([write(tmp_path / "a.txt", changed)])
    plain, _ = capture_info([write(tmp_path / "b.txt", lines)])
    assert faults == []
    assert [report.pop("ignored") for report in there.values()] == [3]
    assert [report.pop("ignored") for report in plain.values()] == [0]
    assert there == plain


@pytest.mark.parametrize(("digits", "unit"), [(16, 10**3), (13, 10**6)])
def test_receive_times_in_microseconds_or_milliseconds(digits: int, unit: int, tmp_path: Path) -> None:
    lines = capture("ETHUSDT")
    shorter = [line[:digits] + line[19:] for line in lines]
    [report] = capture_info([write(tmp_path / "a.txt", shorter)])[0].values()
    assert report["first_ts"] == int(lines[0][:19]) // unit * unit
    assert report["last_ts"] == int(lines[-1][:19]) // unit * unit


# --- Grade --------------------------------------------------------------------------------------------------------

GOOD = {
    "snapshot_id": 5,
    "state": "synced",
    "gaps": 0,
    "crossed": 0,
    "messages": 20_000,
    "depth_applied": 900,
    "ticker_same_id": 9,
    "ticker_equal": 9,
}


@pytest.mark.parametrize(
    ("change", "letter"),
    [
        ({}, "A"),
        ({"gaps": 1}, "B"),
        ({"crossed": 2}, "B"),
        ({"gaps": 1, "crossed": 2}, "B"),
        ({"crossed": 3}, "C"),
        ({"gaps": 2}, "C"),
        ({"ticker_equal": 8}, "C"),
        ({"state": "stale_gap"}, "D"),
        ({"state": "awaiting_snapshot"}, "D"),
        ({"snapshot_id": 0}, "F"),
        ({"depth_applied": 0, "state": "stale_snapshot_mismatch"}, "F"),
        ({"depth_applied": 0}, "A"),
        ({"snapshot_id": 0, "state": "awaiting_snapshot"}, "F"),
    ],
)
def test_grades(change: dict[str, Any], letter: str) -> None:
    assert grade({**GOOD, **change}) == letter
    without_tickers = {k: v for k, v in {**GOOD, **change}.items() if not k.startswith("ticker")}
    if "ticker_equal" not in change:
        assert grade(without_tickers) == letter
