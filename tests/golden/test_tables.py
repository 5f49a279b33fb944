"""The real samples of table formats: every row of them, read by Python's csv module, against what is decoded."""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from decoded import Decoded, Levels, decode

from aurora.capture import capture_info, expand_paths, write_hftbacktest
from aurora.errors import DataError

BUYER_IS_MAKER = 2


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def level(price: str, size: str) -> tuple[Decimal, Decimal]:
    return Decimal(price), Decimal(size)


def digest(bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> str:
    """As the provenance sheet defines it."""
    lines = [
        f"{name},{price.normalize():f},{side[price].normalize():f}"
        for name, side, down in (("b", bids, True), ("a", asks, False))
        for price in sorted(side, reverse=down)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# --- Tardis -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples(captures: Path) -> Path:
    return captures / "nautilus"


def test_tardis_incremental_book(samples: Path) -> None:
    path = samples / "deribit_incremental_book_L2_BTC-PERPETUAL.csv"
    rows = table(path)
    assert len(rows) == 15
    assert {(r["side"], r["is_snapshot"], r["local_timestamp"]) for r in rows} == {
        ("ask", "true", "1585699200355684")
    }
    [message] = decode([path])
    assert (message.instrument, message.kind) == ("tardis:deribit.BTC-PERPETUAL", "snapshot")
    assert (message.local_ns, message.exchange_ns) == (1585699200355684000, 1585699200245000000)
    assert message.asks == [level(r["price"], r["amount"]) for r in rows]
    assert message.bids == []
    report = capture_info([path])[0]["tardis:deribit.BTC-PERPETUAL"]
    assert report["by_stream"] == {"incremental_book_L2": 1}
    assert report["asks"][0] == ["6421.5", "18640"]
    assert (report["tick_size"], report["state"]) == ("0.5", "synced")


@pytest.mark.parametrize("depth", [5, 25])
def test_tardis_book_snapshots(depth: int, samples: Path) -> None:
    path = samples / f"binance-futures_book_snapshot_{depth}_BTCUSDT.csv"
    rows = table(path)
    assert len(rows) == 10
    messages = decode([path])
    assert len(messages) == 10
    for row, message in zip(rows, messages, strict=True):
        assert (message.instrument, message.kind) == ("tardis:binance-futures.BTCUSDT", "snapshot")
        assert message.local_ns == int(row["local_timestamp"]) * 1000
        assert message.exchange_ns == int(row["timestamp"]) * 1000
        for name, side in (("bids", message.bids), ("asks", message.asks)):
            expected = [level(row[f"{name}[{n}].price"], row[f"{name}[{n}].amount"]) for n in range(depth)]
            assert side == expected
    report = capture_info([path])[0]["tardis:binance-futures.BTCUSDT"]
    assert report["levels"] == [depth, depth]
    assert report["by_stream"] == {f"book_snapshot_{depth}": 10}
    assert report["digest"] == digest(dict(messages[-1].bids), dict(messages[-1].asks))
    assert report["crossed"] == 0
    assert report["grade"] == "C"
    assert report["quality"]["reasons"] == ["snapshots only: what happened between them is not known"]


def test_tardis_trades(samples: Path) -> None:
    path = samples / "bitmex_trades_XBTUSD.csv"
    rows = table(path)
    messages = decode([path])
    assert len(messages) == len(rows) == 10
    for row, message in zip(rows, messages, strict=True):
        assert (message.instrument, message.kind) == ("tardis:bitmex.XBTUSD", "trade")
        assert message.bids == [level(row["price"], row["amount"])]
        assert message.flags == {"buy": 0, "sell": BUYER_IS_MAKER}[row["side"]]
        assert message.local_ns == int(row["local_timestamp"]) * 1000
        assert message.exchange_ns == int(row["timestamp"]) * 1000
    report = capture_info([path])[0]["tardis:bitmex.XBTUSD"]
    assert Decimal(report["trade_qty"]) == sum(Decimal(r["amount"]) for r in rows) == 2161
    assert report["first_ts"] == 1583020803307160000


# --- Binance's own tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "ids"),
    [
        ("btcusdt-depth-snap.csv", "snapshot", (2098021528332, 2098021528332, 0)),
        ("btcusdt-depth-update.csv", "diff", (2098041693435, 2098041696700, 2098041693400)),
    ],
)
def test_binance_depth_files(name: str, kind: str, ids: tuple[int, int, int], samples: Path) -> None:
    rows = table(samples / name)
    assert len(rows) == 100
    [message] = decode([samples / name])
    assert (message.instrument, message.kind, message.ids) == ("binance_usdm:BTCUSDT", kind, ids)
    assert message.local_ns == message.exchange_ns == int(rows[0]["timestamp"]) * 10**6
    for side, levels in (("b", message.bids), ("a", message.asks)):
        assert levels == [level(r["price"], r["qty"]) for r in rows if r["side"] == side]


# --- LOBSTER ------------------------------------------------------------------------------------------------------

EVENTS = "AAPL_2012-06-21_34200000_57600000_message_10.csv"
BOOKS = "AAPL_2012-06-21_34200000_57600000_orderbook_10.csv"


@pytest.fixture(scope="module")
def lobster(captures: Path) -> Path:
    return captures / "lobster-sample"


@pytest.fixture(scope="module")
def events(lobster: Path) -> list[list[str]]:
    with (lobster / EVENTS).open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def books(lobster: Path) -> list[list[str]]:
    with (lobster / BOOKS).open(newline="") as file:
        return list(csv.reader(file))


def dollars(price: str) -> Decimal:
    return Decimal(price).scaleb(-4)


def book_of(row: list[str], bids: bool) -> Levels:
    start = 2 if bids else 0
    return [(dollars(row[n]), Decimal(row[n + 1])) for n in range(start, len(row), 4)]


def test_lobster_sample_is_what_the_provenance_says(events: list[list[str]]) -> None:
    assert Counter(row[1] for row in events) == {"1": 471, "3": 369, "4": 98, "5": 61}
    assert [events[0][0], events[-1][0]] == ["34200.004241176", "34249.086375027"]


def test_lobster_events_give_trade_and_book(
    lobster: Path, events: list[list[str]], books: list[list[str]]
) -> None:
    midnight = int(datetime(2012, 6, 21, tzinfo=UTC).timestamp()) * 10**9
    messages = iter(decode([lobster / EVENTS]))
    for event, book in zip(events, books, strict=True):
        time, kind, _, size, price, direction = event
        local_ns = midnight + int(Decimal(time).scaleb(9))
        if kind in "45":
            trade = next(messages)
            assert (trade.kind, trade.local_ns) == ("trade", local_ns)
            assert trade.bids == [(dollars(price), Decimal(size))]
            assert trade.flags == (BUYER_IS_MAKER if direction == "1" else 0)
        snapshot = next(messages)
        assert (snapshot.instrument, snapshot.kind) == ("lobster:AAPL", "snapshot")
        assert snapshot.local_ns == snapshot.exchange_ns == local_ns
        assert (snapshot.bids, snapshot.asks) == (book_of(book, True), book_of(book, False))
    assert next(messages, None) is None


def test_lobster_books_follow_from_events(
    lobster: Path, events: list[list[str]], books: list[list[str]]
) -> None:
    """Each change of the book, as decoded, is that of its event: the size at its price, on its side."""
    snapshots = [m for m in decode([lobster / EVENTS]) if m.kind == "snapshot"]
    assert all(m.bids[0][0] < m.asks[0][0] for m in snapshots)
    checked = 0
    for event, (before, after) in zip(events[1:], itertools.pairwise(snapshots), strict=True):
        kind, size, price = event[1], Decimal(event[3]), dollars(event[4])
        bids = event[5] == "1"
        old, new = (dict(m.bids if bids else m.asks) for m in (before, after))
        worst = (max if bids else min)(min(old) if bids else max(old), min(new) if bids else max(new))
        if kind == "5":
            assert (before.bids, before.asks) == (after.bids, after.asks)
        elif (price >= worst) if bids else (price <= worst):
            change = size if kind == "1" else -size
            assert new.get(price, Decimal(0)) - old.get(price, Decimal(0)) == change
            checked += 1
        other = ("asks", "bids")[not bids]
        assert getattr(before, other) == getattr(after, other)
    assert checked > 700


def test_lobster_report(lobster: Path, events: list[list[str]], books: list[list[str]]) -> None:
    reports, faults = capture_info([lobster / EVENTS])
    assert faults == []
    report = reports["lobster:AAPL"]
    assert report["by_stream"] == {"orderbook": 999, "trade": 98, "hidden": 61}
    assert report["asks"][0] == ["585.71", "100"]
    assert report["bids"][0] == ["585.35", "18"]
    assert (report["crossed"], report["gaps"], report["grade"]) == (0, 0, "A")
    assert report["digest"] == digest(dict(book_of(books[-1], True)), dict(book_of(books[-1], False)))
    assert Decimal(report["trade_qty"]) == sum(int(row[3]) for row in events if row[1] in "45")


def test_lobster_folder_and_file_of_books(lobster: Path) -> None:
    assert expand_paths([lobster]) == [lobster / EVENTS]
    with pytest.raises(DataError, match=f"give {EVENTS} instead"):
        capture_info([lobster / BOOKS])


def test_lobster_without_books_shows_known_orders(
    lobster: Path, events: list[list[str]], tmp_path: Path
) -> None:
    path = tmp_path / EVENTS
    path.write_bytes((lobster / EVENTS).read_bytes())
    known: dict[str, tuple[str, Decimal, Decimal]] = {}
    levels: Counter[tuple[str, Decimal]] = Counter()
    changes = []
    for _, kind, order, size, price, direction in events:
        if kind == "1":
            known[order] = (direction, dollars(price), Decimal(size))
            change = Decimal(size)
        elif kind == "5" or order not in known:
            continue
        else:
            change = -(known[order][2] if kind == "3" else Decimal(size))
            known[order] = (*known[order][:2], known[order][2] + change)
            if not known[order][2]:
                del known[order]
        key = (direction, dollars(price))
        levels[key] += change
        changes.append((*key, levels[key]))
    decoded = [
        (("1", *m.bids[0]) if m.bids else ("-1", *m.asks[0])) for m in decode([path]) if m.kind == "diff"
    ]
    assert decoded == changes
    report = capture_info([path])[0]["lobster:AAPL"]
    assert report["state"] == "awaiting_snapshot"
    assert report["trades"] == 159


# --- hftbacktest --------------------------------------------------------------------------------------------------

EXPORTS = [
    (
        "btcusdt_20240808.npz",
        ["usdm/btcusdt_20240808.gz"],
        "8866af8c22e6c2acc9f24d5a75344d1e796135849ed034ff5422d62e45e74907",
    ),
    (
        "btcusdt_20240808_spot.npz",
        ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"],
        "53d45baf0a841e02abe706cb64f0b87295e724816d3bb2e8a85650f9007a39cc",
    ),
    (
        "btcusd_20240808.npz",
        ["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"],
        "c6b4d74bd81a5698c59efb2a7702b955ecef104515aacb380f94a1513ef7194b",
    ),
]
EXCHANGE, LOCAL, BUY = 1 << 31, 1 << 30, 1 << 29


def followed(rows: np.ndarray) -> str:
    """Digest of the book that events make for one who applies them as they come."""
    books: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    for flags, price, size in zip(
        rows["ev"].tolist(), rows["px"].tolist(), rows["qty"].tolist(), strict=True
    ):
        match flags & 0xFF:
            case 3:
                books[0].clear()
                books[1].clear()
            case 1 | 4:
                side = books[0] if flags & BUY else books[1]
                side[Decimal(repr(price))] = Decimal(repr(size))
    bids, asks = ({price: size for price, size in side.items() if size} for side in books)
    return digest(bids, asks)


@pytest.mark.parametrize(("name", "files", "golden"), EXPORTS, ids=lambda value: str(value)[:20])
def test_a_capture_exported_to_hftbacktest_and_back_is_the_same_book(
    name: str, files: Sequence[str], golden: str, captures: Path, tmp_path: Path
) -> None:
    export = write_hftbacktest([captures / "hftbacktest" / file for file in files], tmp_path / name)
    with np.load(export.path) as archive:
        assert archive.files == ["data"]
        rows = archive["data"]
    assert len(rows) == export.rows
    for flag, time in ((EXCHANGE, "exch_ts"), (LOCAL, "local_ts")):
        seen = rows[rows["ev"] & np.uint64(flag) != 0]
        assert np.all(np.diff(seen[time]) >= 0)
        assert followed(seen) == golden
    assert int((rows["local_ts"] - rows["exch_ts"]).min()) == 0
    [report] = capture_info([export.path])[0].values()
    assert report["digest"] == golden
    assert report["state"] == "synced"
    assert report["messages"] == export.messages
    assert report["trades"] == export.trades


def test_an_export_holds_what_the_capture_holds(captures: Path, tmp_path: Path) -> None:
    """The counts of the provenance sheet, and each trade with its side."""
    path = captures / "hftbacktest/usdm/btcusdt_20240808.gz"
    export = write_hftbacktest([path], tmp_path / "btcusdt_20240808.npz")
    # Of 6,547 applied diffs two had waited for the snapshot and are part of it.
    assert export.messages == 1 + 6545 + 21313
    # hftbacktest's own converter prints this: "local_timestamp is ahead of exch_timestamp by".
    assert export.shift_ns == 1272156851
    export = write_hftbacktest([path], export.path, tickers=True)
    assert (export.snapshots, export.trades) == (1, 21313)
    assert export.messages == 1 + 6545 + 21313 + 66089
    original = [m for m in decode([path]) if m.kind != "snapshot"]
    exported = [m for m in decode([export.path]) if m.kind != "snapshot"]

    def told(messages: list[Decoded], kind: str, shift_ns: int) -> list[tuple[object, ...]]:
        return [
            (m.local_ns + shift_ns, m.exchange_ns, m.flags, m.bids, m.asks)
            for m in messages
            if m.kind == kind
        ]

    for kind, missing in (("trade", 0), ("ticker", 0), ("diff", 6)):
        before, after = told(original, kind, export.shift_ns), told(exported, kind, 0)
        if kind == "ticker":
            # Each side comes in a row of its own, so nothing is there to tell before both have come.
            assert len(after) == 66089
        assert after == before[missing:]
